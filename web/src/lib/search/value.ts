import type { EventMap } from '$lib/api/types';

/** A field's value as one line of text. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(show).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export function eventId(event: EventMap): string {
  return show(event['event.id']);
}

/** Whether a click can filter by the value: long texts and the raw line cannot sensibly. */
export function filterable(field: string, value: unknown): boolean {
  return !['event.original', '@timestamp', 'event.ingested'].includes(field) && show(value).length > 0 && show(value).length <= 300;
}
