import { describe, expect, it } from 'vitest';
import { formatBytes, formatCompact, formatNumber, formatPercent } from '../src/lib/format/number';
import { localPath } from '../src/lib/format/path';
import { formatTime, fromLocalInput, splitSpan, toLocalInput, zoneLabel } from '../src/lib/format/time';
import { pickLanguage } from '../src/lib/i18n/fluent';

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');

describe('time', () => {
  it('is written in the zone of the organisation', () => {
    expect(formatTime('2026-11-21T03:31:00Z', 'minute', 'kk', 'Asia/Almaty')).toBe('21.11.2026, 08:31');
    expect(formatTime('2026-11-21T03:31:00Z', 'minute', 'ru', 'Asia/Almaty')).toBe('21.11.2026, 08:31');
    expect(formatTime('2026-11-21T03:31:00Z', 'minute', 'en', 'Asia/Almaty')).toBe('21/11/2026, 08:31');
    expect(formatTime('2026-11-20T21:00:00Z', 'date', 'kk', 'Asia/Almaty')).toBe('2026 ж. 21 қар.');
    expect(formatTime('2026-11-20T21:00:00Z', 'axis', 'kk', 'Asia/Almaty')).toBe('21 қар.');
  });

  it('knows that Almaty changed its offset on 2024-03-01', () => {
    expect(zoneLabel('Asia/Almaty', new Date('2024-02-29T12:00:00Z'))).toBe('UTC+06:00');
    expect(zoneLabel('Asia/Almaty', new Date('2024-03-01T12:00:00Z'))).toBe('UTC+05:00');
    expect(zoneLabel('America/St_Johns', new Date('2026-01-01T00:00:00Z'))).toBe('UTC−03:30');
  });

  it('goes to an input field and back', () => {
    for (const zone of ['Asia/Almaty', 'Europe/Berlin', 'UTC']) {
      for (const at of ['2024-02-29T18:30:00.000Z', '2024-03-01T00:10:00.000Z', '2026-07-01T12:00:00.000Z']) {
        expect(fromLocalInput(toLocalInput(new Date(at), zone), zone)?.toISOString()).toBe(at);
      }
    }
    expect(fromLocalInput('soon', 'UTC')).toBeUndefined();
  });

  it('leaves a text that is no time as it is', () => {
    expect(formatTime('yesterday', 'minute', 'en', 'UTC')).toBe('yesterday');
  });

  it('splits a span', () => {
    expect(splitSpan(-(86_400_000 + 3_600_000 + 61_000))).toEqual({ days: 1, hours: 1, minutes: 1, seconds: 1 });
  });
});

describe('numbers', () => {
  it('follow the language', () => {
    expect(plain(formatNumber(1234567.5, 'kk'))).toBe('1 234 567,5');
    expect(plain(formatNumber(1234567, 'ru'))).toBe('1 234 567');
    expect(formatNumber(1234567, 'en')).toBe('1,234,567');
    expect(plain(formatCompact(1_234_567, 'kk'))).toBe('1,2 млн');
    expect(plain(formatCompact(250_000, 'kk'))).toBe('250 мың');
    expect(formatCompact(99_999, 'en')).toBe('99,999');
    expect(formatCompact(2_500_000_000, 'en')).toBe('2.5B');
    expect(plain(formatPercent(1, 1000, 'kk'))).toBe('0,1 %');
    expect(formatPercent(0, 0, 'en')).toBe('0%');
    expect(formatBytes(8_589_934_592, 'en')).toBe('8 GiB');
    expect(formatBytes(1536, 'ru')).toBe('1,5 KiB');
  });
});

describe('language', () => {
  it('is the chosen one, else the browser’s, else Kazakh', () => {
    expect(pickLanguage('ru', ['en-US'])).toBe('ru');
    expect(pickLanguage(null, ['de-DE', 'en-US', 'ru'])).toBe('en');
    expect(pickLanguage('xx', ['de'])).toBe('kk');
  });
});

describe('the way back after sign-in', () => {
  it('never leads to another site', () => {
    expect(localPath('/incidents/7?x=1')).toBe('/incidents/7?x=1');
    for (const path of [null, '', '//evil.example', '/\\evil.example', 'https://evil.example', '/sign-in?return=/']) {
      expect(localPath(path)).toBe('/');
    }
  });
});
