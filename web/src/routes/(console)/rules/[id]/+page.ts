import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';
import { session } from '$lib/state/session.svelte';

export async function load({ params, depends, parent }) {
  await parent();
  depends('console:rule');
  const path = { path: { id: params.id } };
  const [rule, exceptions, quiet] = await Promise.all([
    loaded(api.GET('/rules/{id}', { params: path })),
    loaded(api.GET('/exceptions', { params: { query: { rule_id: params.id } } })),
    session.can('alerts.read') ? loaded(api.GET('/rules/{id}/quiet-hits', { params: path })) : { hits: [] }
  ]);
  return { rule, exceptions: exceptions.exceptions, quiet: quiet.hits };
}
