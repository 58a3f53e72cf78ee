import type { Source } from './api/types';

/** Records that are neither stored, nor waiting, nor counted as dropped. Must be 0. */
export function unaccounted(source: Source): number {
  return source.received - source.stored - source.pending - source.dropped;
}

/** A source is silent when nothing arrived for a day, as the server's overview counts it. */
export function sourceState(source: Source, now: number): 'active' | 'silent' | 'disabled' {
  if (!source.enabled) return 'disabled';
  const seen = source.last_seen ? Date.parse(source.last_seen) : 0;
  return now - seen < 24 * 3_600_000 ? 'active' : 'silent';
}
