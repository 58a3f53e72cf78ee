import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ parent, depends }) {
  await parent();
  depends('console:law');
  const [law, work] = await Promise.all([loaded(api.GET('/law/packs')), loaded(api.GET('/law/work'))]);
  return { ...law, work };
}
