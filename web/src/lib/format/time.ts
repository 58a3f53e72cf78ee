import type { Language } from '$lib/i18n/fluent';

/** Minutes east of UTC that `zone` is at `instant`. */
export function zoneOffsetMinutes(instant: Date, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit',
    hour: '2-digit', minute: '2-digit', second: '2-digit'
  }).formatToParts(instant);
  const part = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  const wall = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return Math.round((wall - Math.floor(instant.getTime() / 1000) * 1000) / 60_000);
}

/** `UTC+05:00` for the zone at that instant. */
export function zoneLabel(zone: string, at: Date = new Date()): string {
  const minutes = zoneOffsetMinutes(at, zone);
  const abs = Math.abs(minutes);
  const two = (n: number) => String(n).padStart(2, '0');
  return `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(abs / 60))}:${two(abs % 60)}`;
}

/** Value for an `<input type=datetime-local>`: wall time in `zone`, to the minute. */
export function toLocalInput(instant: Date, zone: string): string {
  const wall = new Date(instant.getTime() + zoneOffsetMinutes(instant, zone) * 60_000);
  return wall.toISOString().slice(0, 16);
}

/** The instant that a wall time in `zone` names; undefined when the text is no time. */
export function fromLocalInput(text: string, zone: string): Date | undefined {
  const wall = Date.parse(`${text}Z`);
  if (Number.isNaN(wall)) return undefined;
  // The offset at the answer, not at the guess: twice is enough for every zone with whole shifts.
  const first = wall - zoneOffsetMinutes(new Date(wall), zone) * 60_000;
  return new Date(wall - zoneOffsetMinutes(new Date(first), zone) * 60_000);
}

export interface Span { days: number; hours: number; minutes: number; seconds: number }

/** Splits a non-negative number of milliseconds. */
export function splitSpan(ms: number): Span {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  return {
    days: Math.floor(seconds / 86_400),
    hours: Math.floor(seconds / 3600) % 24,
    minutes: Math.floor(seconds / 60) % 60,
    seconds: seconds % 60
  };
}

export type TimeStyle = 'date' | 'minute' | 'second' | 'milli' | 'clock' | 'axis';

const styles: Record<TimeStyle, Intl.DateTimeFormatOptions> = {
  date: { year: 'numeric', month: 'short', day: 'numeric' },
  minute: { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
  second: { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
  milli: { month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 },
  clock: { hour: '2-digit', minute: '2-digit' },
  axis: { day: 'numeric', month: 'short' }
};
const formatters = new Map<string, Intl.DateTimeFormat>();

/** Localised time in `zone`. A text that is no time is returned as it is. */
export function formatTime(value: string | number | Date, style: TimeStyle, language: Language, zone: string): string {
  const date = value instanceof Date ? value : new Date(value);
  if (Number.isNaN(date.getTime())) return String(value);
  if (language === 'kk' && (style === 'date' || style === 'axis')) return kazakhDate(date, style, zone);
  const key = `${style}|${language}|${zone}`;
  let formatter = formatters.get(key);
  if (!formatter) {
    // Digits stand in the same order in Kazakh and Russian: 21.11.2026, 08:31.
    const locale = language === 'en' ? 'en-GB' : 'ru-KZ';
    formatter = new Intl.DateTimeFormat(locale, { ...styles[style], hourCycle: 'h23', timeZone: zone });
    formatters.set(key, formatter);
  }
  return formatter.format(date);
}

/** CLDR's abbreviated Kazakh months; browsers often carry none. */
const kazakhMonths = ['қаң.', 'ақп.', 'нау.', 'сәу.', 'мам.', 'мау.', 'шіл.', 'там.', 'қыр.', 'қаз.', 'қар.', 'жел.'];

function kazakhDate(date: Date, style: 'date' | 'axis', zone: string): string {
  const wall = new Date(date.getTime() + zoneOffsetMinutes(date, zone) * 60_000);
  const day = `${wall.getUTCDate()} ${kazakhMonths[wall.getUTCMonth()]}`;
  return style === 'axis' ? day : `${wall.getUTCFullYear()} ж. ${day}`;
}
