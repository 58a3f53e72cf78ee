import type { IncidentState } from './api/types';

export const incidentStates: IncidentState[] = ['open', 'investigating', 'contained', 'eliminated', 'closed'];

const next: Record<IncidentState, IncidentState[]> = {
  open: ['investigating', 'contained', 'eliminated', 'closed'],
  investigating: ['contained', 'eliminated', 'closed'],
  contained: ['investigating', 'eliminated', 'closed'],
  eliminated: ['investigating', 'closed'],
  closed: ['investigating']
};

/** The steps that the server lets an incident take; it decides in any case. */
export function mayBecome(from: IncidentState, to: IncidentState): boolean {
  return next[from].includes(to);
}

/** Closing what is not eliminated, and every step back, has to be explained. */
export function needsReason(from: IncidentState, to: IncidentState): boolean {
  if (to === 'closed') return from !== 'eliminated';
  return to === 'investigating' && (from === 'eliminated' || from === 'closed');
}
