import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ params, depends, parent }) {
  await parent();
  depends('console:incident');
  return { incident: await loaded(api.GET('/incidents/{id}', { params: { path: { id: params.id } } })) };
}
