import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ url, depends, parent }) {
  await parent();
  depends('console:incidents');
  const state = url.searchParams.get('state') ?? '';
  const query = { limit: 500, ...(state ? { state } : {}) };
  return { state, incidents: (await loaded(api.GET('/incidents', { params: { query } }))).incidents };
}
