import { defaultRange, type Range } from './range';

/** Everything about a search that stands in its address, so that a link shows the same. */
export interface SearchState extends Range {
  query: string;
  columns: string[];
  /** Id of the event that is open. */
  event: string;
  oldestFirst: boolean;
}

export const defaultColumns = ['data_stream.dataset', 'host.name', 'user.name', 'event.original'];

export function readState(params: URLSearchParams): SearchState {
  const columns = params.get('cols')?.split(',').filter(Boolean);
  return {
    query: params.get('q') ?? '',
    from: params.get('from') ?? defaultRange.from,
    to: params.get('to') ?? defaultRange.to,
    columns: columns?.length ? columns : defaultColumns,
    event: params.get('event') ?? '',
    oldestFirst: params.get('order') === 'oldest'
  };
}

/** The address part for a state; defaults are left out. */
export function writeState(state: SearchState): string {
  const params = new URLSearchParams();
  if (state.query) params.set('q', state.query);
  if (state.from !== defaultRange.from || state.to !== defaultRange.to) {
    params.set('from', state.from);
    params.set('to', state.to);
  }
  if (state.columns.join() !== defaultColumns.join()) params.set('cols', state.columns.join(','));
  if (state.oldestFirst) params.set('order', 'oldest');
  if (state.event) params.set('event', state.event);
  const text = params.toString();
  return text ? `?${text}` : '';
}

/** Address of the search page for a query. */
export function searchLink(query: string, range?: Range): string {
  return `/search${writeState({ query, ...(range ?? defaultRange), columns: defaultColumns, event: '', oldestFirst: false })}`;
}
