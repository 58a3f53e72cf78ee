import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';

/** Days of the shift plan that are shown. */
const days = 14;

export async function load({ depends, parent }) {
  await parent();
  depends('console:desk');
  const from = new Date();
  const to = new Date(from.getTime() + days * 86_400_000);
  const [due, plan, offers, told, open] = await Promise.all([
    loaded(api.GET('/due', { params: { query: { limit: 100 } } })),
    loaded(api.GET('/shifts', { params: { query: { from: from.toISOString(), to: to.toISOString() } } })),
    loaded(api.GET('/hand-overs')),
    loaded(api.GET('/notifications', { params: { query: {} } })),
    loaded(api.GET('/incidents', { params: { query: {} } }))
  ]);
  return { due: due.due, plan, offers: offers.hand_overs, told: told.notifications, open: open.incidents.filter((one) => one.state !== 'closed') };
}
