import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ depends, parent }) {
  await parent();
  depends('console:playbooks');
  return await loaded(api.GET('/playbooks'));
}
