import { describe, expect, it } from 'vitest';
import { ndjson } from '../src/lib/search/ndjson';
import { quote, withExists, withFilter } from '../src/lib/search/query';
import { bucketsFor, resolve, resolveRange } from '../src/lib/search/range';
import { defaultColumns, readState, writeState } from '../src/lib/search/state';

const now = Date.parse('2026-11-21T12:00:00Z');

describe('a click on a value', () => {
  it('adds a term and keeps the meaning of what was there', () => {
    expect(withFilter('', 'host.name', 'dc01', false)).toBe('host.name:dc01');
    expect(withFilter('*', 'host.name', 'dc01', true)).toBe('not host.name:dc01');
    expect(withFilter('failed', 'user.name', 'a b', false)).toBe('failed and user.name:"a b"');
    expect(withFilter('a or b', 'x', 1, false)).toBe('(a or b) and x:1');
    expect(withFilter('(a or b) and c', 'x', 'y', false)).toBe('(a or b) and c and x:y');
    expect(withFilter('"this or that"', 'x', 'y', false)).toBe('"this or that" and x:y');
    expect(withFilter('path:/a or b/', 'x', 'y', false)).toBe('path:/a or b/ and x:y');
    expect(withExists('a', 'user.name')).toBe('a and user.name:*');
  });

  it('does not repeat a term', () => {
    const once = withFilter('failed', 'source.ip', '10.0.0.1', false);
    expect(withFilter(once, 'source.ip', '10.0.0.1', false)).toBe(once);
  });

  it('quotes what the language would read otherwise', () => {
    expect(quote('10.0.0.1')).toBe('10.0.0.1');
    expect(quote('C:\\Temp\\"x".exe')).toBe('"C:\\\\Temp\\\\\\"x\\".exe"');
    for (const word of ['and', 'OR', 'not', 'a*', 'a/b', '', 'x:y', '(z)', '::1']) expect(quote(word)).toMatch(/^".*"$/);
    expect(quote('Әкімші_1')).toBe('Әкімші_1');
  });
});

describe('ranges', () => {
  it('resolve relative and absolute ends', () => {
    expect(resolve('now-15m', now)?.toISOString()).toBe('2026-11-21T11:45:00.000Z');
    expect(resolve('2026-11-01T00:00:00Z', now)?.toISOString()).toBe('2026-11-01T00:00:00.000Z');
    for (const bad of ['', 'now+1h', 'now-1y', 'tomorrow', '7']) expect(resolve(bad, now)).toBeUndefined();
  });

  it('fall back to a day when they make no sense', () => {
    const day = { from: '2026-11-20T12:00:00.000Z', to: '2026-11-21T12:00:00.000Z' };
    expect(resolveRange({ from: 'now', to: 'now-1h' }, now)).toEqual(day);
    expect(resolveRange({ from: '<script>', to: 'now' }, now)).toEqual(day);
  });

  it('are cut into round steps', () => {
    const over = (from: string) => bucketsFor(resolveRange({ from, to: 'now' }, now));
    expect(over('now-24h')).toBe(96);
    expect(over('now-15m')).toBe(90);
    expect(over('now-1h')).toBe(60);
    expect(over('now-365d')).toBe(53);
  });
});

describe('the address of a search', () => {
  it('gives back what was put in', () => {
    const state = { query: 'a:"б" and not c', from: 'now-7d', to: 'now', columns: ['x', 'y.z'], event: 'node1-01', oldestFirst: true };
    expect(readState(new URLSearchParams(writeState(state)))).toEqual(state);
  });

  it('leaves defaults out', () => {
    expect(writeState({ query: '', from: 'now-24h', to: 'now', columns: defaultColumns, event: '', oldestFirst: false })).toBe('');
  });
});

describe('NDJSON', () => {
  it('survives any cut, also inside a letter', async () => {
    const bytes = new TextEncoder().encode('{"a":"қазақ"}\n\n{"b":2}\n{"c":3}');
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes.slice(0, cut));
          controller.enqueue(bytes.slice(cut));
          controller.close();
        }
      });
      const lines: unknown[] = [];
      for await (const line of ndjson(stream)) lines.push(line);
      expect(lines).toEqual([{ a: 'қазақ' }, { b: 2 }, { c: 3 }]);
    }
  });
});
