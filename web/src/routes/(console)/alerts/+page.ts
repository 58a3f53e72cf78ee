import { api } from '$lib/api/client';
import { loaded } from '$lib/api/load';
import type { Alert } from '$lib/api/types';

export async function load({ url, depends, parent }) {
  await parent();
  depends('console:alerts');
  const filter = {
    state: url.searchParams.get('state') ?? '',
    level: url.searchParams.get('level') ?? '',
    q: url.searchParams.get('q') ?? ''
  };
  const pages = Math.min(20, Math.max(1, Number(url.searchParams.get('pages')) || 1));
  const query = Object.fromEntries(Object.entries({ ...filter, limit: 100 }).filter(([, value]) => value !== ''));
  const alerts: Alert[] = [];
  let next: string | null | undefined;
  for (let page = 0; page < pages && (page === 0 || next); page += 1) {
    const reply = await loaded(api.GET('/alerts', { params: { query: { ...query, ...(next ? { cursor: next } : {}) } } }));
    alerts.push(...reply.alerts);
    next = reply.next;
  }
  return { filter, pages, alerts, more: Boolean(next) };
}
