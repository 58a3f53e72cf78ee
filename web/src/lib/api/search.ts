import { ndjson } from '$lib/search/ndjson';
import { accept, api, base, csrf } from './client';
import type { ApiFault, EventMap, SearchDone, SearchProgress, SearchRequest } from './types';

export type SearchLine =
  { event: EventMap } | { progress: SearchProgress } | { done: SearchDone } | { error: ApiFault };

/** Runs a search; lines come as the server finds them. */
export async function* runSearch(request: Required<SearchRequest>, signal: AbortSignal): AsyncGenerator<SearchLine> {
  const response = await accept(
    await fetch(`${base}/search`, {
      method: 'POST',
      headers: { ...csrf, 'content-type': 'application/json', accept: 'application/x-ndjson' },
      body: JSON.stringify(request),
      signal
    })
  );
  if (response.body) yield* ndjson<SearchLine>(response.body);
}

/** Tells the server to stop a search. It may have ended already, which is fine. */
export async function cancelSearch(search_id: string): Promise<void> {
  await api.DELETE('/search/{search_id}', { params: { path: { search_id } } }).catch(() => {});
}

export function exportUrl(query: string, from: string, to: string, format: 'csv' | 'ndjson'): string {
  return `${base}/search/export?${new URLSearchParams({ query, from, to, format })}`;
}
