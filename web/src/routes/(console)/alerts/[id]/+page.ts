import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ params, depends, parent }) {
  await parent();
  depends('console:alert');
  return { alert: await loaded(api.GET('/alerts/{id}', { params: { path: { id: params.id } } })) };
}
