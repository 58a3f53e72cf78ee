import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ depends, parent }) {
  await parent();
  depends('console:users');
  const [{ users }, { roles }] = await Promise.all([loaded(api.GET('/users')), loaded(api.GET('/roles'))]);
  return { users, roles };
}
