import { redirect } from '@sveltejs/kit';
import { ApiError, api } from '$lib/api/client';
import { loaded } from '$lib/api/load';
import { session } from '$lib/state/session.svelte';

/** Nobody sees a page before the server has said who is signed in. */
export async function load({ url }) {
  if (session.current) return;
  const asked = api.GET('/session').catch((fault: unknown) => {
    if (fault instanceof ApiError && fault.status === 401) {
      redirect(307, `/sign-in?return=${encodeURIComponent(url.pathname + url.search)}`);
    }
    throw fault;
  });
  session.current = await loaded(asked);
}
