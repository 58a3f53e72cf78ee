import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ url, depends, parent }) {
  await parent();
  depends('console:alerts');
  const filter = {
    state: url.searchParams.get('state') ?? '',
    level: url.searchParams.get('level') ?? '',
    q: url.searchParams.get('q') ?? ''
  };
  const pages = Math.min(20, Math.max(1, Number(url.searchParams.get('pages')) || 1));
  const query = Object.fromEntries(Object.entries({ ...filter, limit: pages * 100 }).filter(([, value]) => value !== ''));
  return { filter, pages, page: await loaded(api.GET('/alerts', { params: { query } })) };
}
