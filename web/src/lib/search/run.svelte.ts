import { ApiError, api, body } from '$lib/api/client';
import { cancelSearch, runSearch } from '$lib/api/search';
import type { EventMap, FieldSummary, SearchDone, SearchProgress, TimeCount } from '$lib/api/types';
import { bucketsFor, resolveRange, type Range } from './range';
import type { SearchState } from './state';

/** Rows that are fetched at once; the rest is for export or a narrower query. */
export const limit = 1000;

/** One search as it goes on: what has come, how far it is, how it ended. */
export class SearchRun {
  events = $state.raw<EventMap[]>([]);
  progress = $state<SearchProgress | null>(null);
  done = $state<SearchDone | null>(null);
  fault = $state<unknown>();
  running = $state(false);
  cancelled = $state(false);
  span = $state<Range>({ from: '', to: '' });
  buckets = $state.raw<TimeCount[]>([]);
  total = $state<number | null>(null);
  fields = $state.raw<FieldSummary[] | null>(null);

  private id = '';
  private abort = new AbortController();

  /** Stops what runs and begins anew. */
  async start(state: SearchState): Promise<void> {
    this.abort.abort();
    if (this.running) void cancelSearch(this.id);
    const abort = (this.abort = new AbortController());
    this.id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
    this.span = resolveRange(state, Date.now());
    this.events = [];
    this.progress = this.done = null;
    this.fault = undefined;
    this.cancelled = false;
    this.running = true;
    const query = { query: state.query, ...this.span };
    void this.surroundings(query, abort.signal);
    try {
      await this.read(query, !state.oldestFirst, abort.signal);
    } catch (fault) {
      if (!abort.signal.aborted) this.fault = fault;
    } finally {
      if (abort === this.abort) this.running = false;
    }
  }

  /** Stops the search here and on the server; what has come stays. */
  cancel(): void {
    if (!this.running) return;
    this.abort.abort();
    void cancelSearch(this.id);
    this.cancelled = true;
    this.running = false;
  }

  private async read(query: Range & { query: string }, newest_first: boolean, signal: AbortSignal): Promise<void> {
    let waiting: EventMap[] = [];
    let shownAt = 0;
    const show = () => {
      if (signal.aborted || waiting.length === 0) return;
      this.events = this.events.concat(waiting);
      waiting = [];
      shownAt = performance.now();
    };
    for await (const line of runSearch({ ...query, limit, newest_first, search_id: this.id }, signal)) {
      if ('event' in line) waiting.push(line.event);
      else if ('progress' in line) this.progress = line.progress;
      else if ('done' in line) this.done = line.done;
      else if ('error' in line) this.fault = new ApiError(400, line.error);
      // Many lines come in one piece; the page is redrawn at most ten times a second.
      if (performance.now() - shownAt > 100) show();
    }
    show();
  }

  /** Histogram and fields. Their failure is the search's own, so it is not shown twice. */
  private async surroundings(query: Range & { query: string }, signal: AbortSignal): Promise<void> {
    const quiet = () => undefined;
    const [histogram, fields] = await Promise.all([
      body(api.POST('/search/histogram', { body: { ...query, buckets: bucketsFor(query) }, signal })).catch(quiet),
      body(api.POST('/search/fields', { body: query, signal })).catch(quiet)
    ]);
    if (signal.aborted) return;
    this.buckets = histogram?.buckets ?? [];
    this.total = histogram?.total ?? null;
    this.fields = fields?.fields ?? [];
  }
}
