import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ parent }) {
  await parent();
  return await loaded(api.GET('/law/packs'));
}
