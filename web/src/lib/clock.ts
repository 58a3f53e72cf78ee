import type { Tone } from './components/ui/StateBadge.svelte';
import type { IconName } from './components/ui/icons';
import type { AlertState, Clock, ClockStatus, IncidentState, NoticeState } from './api/types';

export const clockTone: Record<ClockStatus, { tone: Tone; icon: IconName }> = {
  not_started: { tone: 'calm', icon: 'pause' },
  running: { tone: 'info', icon: 'clock' },
  met: { tone: 'good', icon: 'check' },
  met_late: { tone: 'warn', icon: 'check' },
  overdue: { tone: 'bad', icon: 'alert' },
  fired: { tone: 'bad', icon: 'send' },
  not_needed: { tone: 'calm', icon: 'dash' }
};

export const incidentTone: Record<IncidentState, { tone: Tone; icon: IconName }> = {
  open: { tone: 'bad', icon: 'incident' },
  investigating: { tone: 'warn', icon: 'search' },
  contained: { tone: 'info', icon: 'stop' },
  eliminated: { tone: 'good', icon: 'check' },
  closed: { tone: 'calm', icon: 'dash' }
};

export const alertTone: Record<AlertState, { tone: Tone; icon: IconName }> = {
  new: { tone: 'bad', icon: 'alert' },
  acknowledged: { tone: 'warn', icon: 'person' },
  in_progress: { tone: 'info', icon: 'clock' },
  closed: { tone: 'calm', icon: 'check' }
};

export const noticeTone: Record<NoticeState, { tone: Tone; icon: IconName }> = {
  draft: { tone: 'calm', icon: 'file' },
  approved: { tone: 'info', icon: 'check' },
  sent: { tone: 'info', icon: 'send' },
  delivered: { tone: 'good', icon: 'send' },
  acknowledged: { tone: 'good', icon: 'seal' },
  failed: { tone: 'bad', icon: 'alert' }
};

/** Clocks that still ask for something, the earliest due first; then those not started; then the finished. */
export function inOrder<C extends Clock>(clocks: C[]): C[] {
  const rank = (clock: Clock) =>
    ['running', 'overdue', 'fired'].includes(clock.status) ? 0 : clock.status === 'not_started' ? 1 : 2;
  const due = (clock: Clock) => (clock.due ? Date.parse(clock.due) : Infinity);
  return [...clocks].sort((a, b) => rank(a) - rank(b) || due(a) - due(b) || a.id.localeCompare(b.id));
}

/** How pressing a running clock is: little is left when under a quarter of its term or under 15 minutes. */
export function urgency(clock: Clock, now: number): 'none' | 'calm' | 'soon' | 'late' {
  if (clock.status === 'overdue' || clock.status === 'fired') return 'late';
  if (clock.status !== 'running' || !clock.due) return 'none';
  const left = Date.parse(clock.due) - now;
  if (left <= 0) return clock.kind === 'after' ? 'soon' : 'late';
  const term = clock.started ? Date.parse(clock.due) - Date.parse(clock.started) : Infinity;
  return left < Math.max(term / 4, 15 * 60_000) ? 'soon' : 'calm';
}
