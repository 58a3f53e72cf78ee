import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';
import { defaultRange, resolveRange } from '$lib/search/range';

export async function load({ url, depends, parent }) {
  await parent();
  depends('console:overview');
  const range = {
    from: url.searchParams.get('from') ?? defaultRange.from,
    to: url.searchParams.get('to') ?? defaultRange.to
  };
  const span = resolveRange(range, Date.now());
  return { range, span, overview: await loaded(api.GET('/overview', { params: { query: span } })) };
}
