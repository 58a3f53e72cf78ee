import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ params, depends, parent }) {
  await parent();
  depends('console:rule');
  return { rule: await loaded(api.GET('/rules/{id}', { params: { path: { id: params.id } } })) };
}
