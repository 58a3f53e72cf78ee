import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';
import type { IncidentState } from '$lib/api/types';

export async function load({ url, depends, parent }) {
  await parent();
  depends('console:incidents');
  // An unknown state in the address is the server's to refuse.
  const state = (url.searchParams.get('state') ?? '') as IncidentState | '';
  const query = { limit: 500, ...(state ? { state } : {}) };
  return { state, incidents: (await loaded(api.GET('/incidents', { params: { query } }))).incidents };
}
