/** A time range as it stands in the address: `now-24h` … `now`, or RFC 3339. */
export interface Range { from: string; to: string }

export const defaultRange: Range = { from: 'now-24h', to: 'now' };

/** Ranges offered in the picker; the texts have the key `range-<id>`. */
export const quickRanges: { id: string; from: string }[] = [
  { id: '15m', from: 'now-15m' },
  { id: '1h', from: 'now-1h' },
  { id: '4h', from: 'now-4h' },
  { id: '24h', from: 'now-24h' },
  { id: '2d', from: 'now-2d' },
  { id: '7d', from: 'now-7d' },
  { id: '30d', from: 'now-30d' },
  { id: '90d', from: 'now-90d' },
  { id: '1y', from: 'now-365d' }
];

const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** The instant that one end of a range names; undefined when it names none. */
export function resolve(end: string, now: number): Date | undefined {
  const relative = /^now(?:-(\d{1,6})([smhdw]))?$/.exec(end);
  if (relative) {
    const [, amount, unit] = relative;
    return new Date(now - (amount && unit ? Number(amount) * (unitMs[unit] ?? 0) : 0));
  }
  const absolute = /^\d{4}-\d{2}-\d{2}/.test(end) ? Date.parse(end) : NaN;
  return Number.isNaN(absolute) ? undefined : new Date(absolute);
}

/** Both ends as RFC 3339, in order; the default range when they make no sense. */
export function resolveRange(range: Range, now: number): Range {
  const from = resolve(range.from, now);
  const to = resolve(range.to, now);
  if (!from || !to || from >= to) return resolveRange(defaultRange, now);
  return { from: from.toISOString(), to: to.toISOString() };
}

export function isRelative(range: Range): boolean {
  return range.from.startsWith('now') && range.to === 'now';
}

/** Steps that a person expects under a histogram. */
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800];

/** Number of buckets, at most `most`, such that one is a round step. */
export function bucketsFor(range: Range, most = 100): number {
  const seconds = (Date.parse(range.to) - Date.parse(range.from)) / 1000;
  const step = steps.find((s) => seconds / s <= most) ?? seconds / most;
  return Math.max(1, Math.min(500, Math.ceil(seconds / step)));
}
