import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ depends, parent, url }) {
  await parent();
  depends('console:backtests');
  const rule = url.searchParams.get('rule') ?? '';
  const { backtests } = await loaded(api.GET('/backtests', { params: { query: { rule_id: rule || undefined } } }));
  return { backtests, rule };
}
