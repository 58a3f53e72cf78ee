import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ depends, parent, url }) {
  await parent();
  depends('console:backtests');
  const { backtests } = await loaded(api.GET('/backtests'));
  return { backtests, rule: url.searchParams.get('rule') ?? '' };
}
