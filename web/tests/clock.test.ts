import { describe, expect, it } from 'vitest';
import type { Clock, Source } from '../src/lib/api/types';
import { inOrder, urgency } from '../src/lib/clock';
import { incidentStates, mayBecome, needsReason } from '../src/lib/incident';
import { sourceState, unaccounted } from '../src/lib/ledger';

const base: Clock = {
  id: 'a', duty: 'a', clause: 'O199-10-3-7b', act: 'kz/o199', own: true, bearer: 'sts', addressees: [], addressee_ids: [],
  title: { kk: '', ru: '', en: '' }, kind: 'within', started: '2026-11-21T09:00:00Z', due: '2026-11-21T12:00:00Z',
  status: 'running', steps: [], edition: '', provisional: false
};
const at = (time: string) => Date.parse(`2026-11-21T${time}Z`);

describe('clocks', () => {
  it('stand with the earliest due first, the finished last', () => {
    const clocks = [
      { ...base, id: 'met', status: 'met' as const, due: '2026-11-21T01:00:00Z' },
      { ...base, id: 'later', due: '2026-11-21T14:00:00Z' },
      { ...base, id: 'waiting', status: 'not_started' as const, due: null },
      { ...base, id: 'late', status: 'overdue' as const, due: '2026-11-21T02:00:00Z' }
    ];
    expect(inOrder(clocks).map((clock) => clock.id)).toEqual(['late', 'later', 'waiting', 'met']);
  });

  it('press when a quarter of the term is left, at least a quarter of an hour', () => {
    expect(urgency(base, at('10:00:00'))).toBe('calm');
    expect(urgency(base, at('11:20:00'))).toBe('soon');
    expect(urgency(base, at('12:00:01'))).toBe('late');
    expect(urgency({ ...base, started: '2026-11-21T11:30:00Z' }, at('11:40:00'))).toBe('calm');
    expect(urgency({ ...base, started: '2026-11-21T11:30:00Z' }, at('11:46:00'))).toBe('soon');
    expect(urgency({ ...base, status: 'met' }, at('13:00:00'))).toBe('none');
    expect(urgency({ ...base, status: 'fired' }, at('10:00:00'))).toBe('late');
  });
});

describe('the loss ledger', () => {
  const source: Source = {
    id: 's', name: 's', kind: 'token', received: 10, stored: 7, dropped: 2, unparsed: 1, pending: 1,
    last_seen: '2026-11-21T09:00:00Z', enabled: true, drop_reasons: {}
  };

  it('balances', () => {
    expect(unaccounted(source)).toBe(0);
    expect(unaccounted({ ...source, stored: 6 })).toBe(1);
  });

  it('calls a source silent after a day', () => {
    expect(sourceState(source, at('10:00:00'))).toBe('active');
    expect(sourceState(source, at('10:00:00') + 86_400_000)).toBe('silent');
    expect(sourceState({ ...source, last_seen: null }, at('10:00:00'))).toBe('silent');
    expect(sourceState({ ...source, enabled: false }, at('10:00:00'))).toBe('disabled');
  });
});

describe('the way of an incident', () => {
  it('goes forward, may skip containment, and falls back only to investigation', () => {
    expect(mayBecome('open', 'eliminated')).toBe(true);
    expect(mayBecome('contained', 'open')).toBe(false);
    expect(mayBecome('closed', 'investigating')).toBe(true);
    expect(mayBecome('closed', 'open')).toBe(false);
    for (const state of incidentStates) expect(mayBecome(state, state)).toBe(false);
  });

  it('has to be explained where the law would ask', () => {
    expect(needsReason('open', 'closed')).toBe(true);
    expect(needsReason('eliminated', 'closed')).toBe(false);
    expect(needsReason('closed', 'investigating')).toBe(true);
    expect(needsReason('open', 'investigating')).toBe(false);
  });
});
