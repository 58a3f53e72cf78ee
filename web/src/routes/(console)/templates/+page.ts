import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ parent, depends }) {
  depends('console:templates');
  await parent();
  return await loaded(api.GET('/templates'));
}
