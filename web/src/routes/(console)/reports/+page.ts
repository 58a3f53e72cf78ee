import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

export async function load({ parent, depends, url }) {
  depends('console:reports');
  await parent();
  const list = await loaded(api.GET('/reports'));
  const kind = url.searchParams.get('kind');
  const from = url.searchParams.get('from');
  const to = url.searchParams.get('to');
  if (!kind || !from || !to) return { list, asked: undefined, view: undefined };
  const asked = { kind, from, to };
  return { list, asked, view: await loaded(api.GET('/reports/preview', { params: { query: asked } })) };
}
