import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ url, depends, parent }) {
  await parent();
  depends('console:journal');
  const before = Number(url.searchParams.get('before')) || undefined;
  const query = { limit: 100, ...(before ? { before } : {}) };
  return { before, journal: await loaded(api.GET('/journal', { params: { query } })) };
}
