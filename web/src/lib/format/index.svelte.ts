import { i18n, t } from '$lib/i18n/index.svelte';
import { session } from '$lib/state/session.svelte';
import { formatBytes, formatCompact, formatNumber, formatPercent } from './number';
import { formatTime, splitSpan, type TimeStyle } from './time';

/** Time in the organisation's zone and the reader's language; a dash for none. */
export function time(value: string | number | Date | null | undefined, style: TimeStyle = 'minute'): string {
  return value === null || value === undefined || value === ''
    ? '—'
    : formatTime(value, style, i18n.language, session.zone);
}

export const number = (value: number) => formatNumber(value, i18n.language);
export const compact = (value: number) => formatCompact(value, i18n.language);
export const percent = (part: number, whole: number) => formatPercent(part, whole, i18n.language);
export const bytes = (value: number) => formatBytes(value, i18n.language);

/** A length of time in at most two units: “2 h 05 min”. The sign is the caller's matter. */
export function duration(ms: number): string {
  const { days, hours, minutes, seconds } = splitSpan(ms);
  if (days > 0) return t('duration-days-hours', { days, hours });
  if (hours > 0) return t('duration-hours-minutes', { hours, minutes });
  if (minutes > 0) return t('duration-minutes-seconds', { minutes, seconds });
  return t('duration-seconds', { seconds });
}

/** “5 min ago”; by our own texts, because browsers often know no Kazakh. */
export function ago(value: string | null | undefined, now: number): string {
  if (!value) return t('never');
  const ms = now - new Date(value).getTime();
  const { days, hours, minutes } = splitSpan(ms);
  if (ms < 60_000) return t('ago-now');
  if (days > 0) return t('ago-days', { count: days });
  return hours > 0 ? t('ago-hours', { count: hours }) : t('ago-minutes', { count: minutes });
}
