import { readFileSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FluentResource } from '@fluent/bundle';
import { describe, expect, it } from 'vitest';
import { format, languages, makeBundle } from '../src/lib/i18n/fluent';

const source = (language: string) => readFileSync(new URL(`../../locales/${language}/console.ftl`, import.meta.url), 'utf8');
const root = fileURLToPath(new URL('../src', import.meta.url));

/** Key → names of its variables, sorted. */
function variables(language: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const message of new FluentResource(source(language)).body) {
    const names = new Set<string>();
    JSON.stringify(message.value, (_, node: unknown) => {
      if (node && typeof node === 'object' && 'type' in node && node.type === 'var') names.add(String((node as { name?: unknown }).name));
      return node;
    });
    expect(found.has(message.id), `${language}: ${message.id} stands twice`).toBe(false);
    found.set(message.id, [...names].sort());
  }
  return found;
}

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = `${folder}/${name}`;
    return statSync(path).isDirectory() ? files(path) : /\.(svelte|ts)$/.test(name) ? [path] : [];
  });
}

describe('texts of the console', () => {
  const english = variables('en');

  it.each(['kk', 'ru'])('%s has the keys and variables of English', (language) => {
    expect(Object.fromEntries(variables(language))).toEqual(Object.fromEntries(english));
  });

  it.each(languages)('%s parses, and each message can be written', (language) => {
    const bundle = makeBundle(language, source(language));
    for (const [key, names] of english) {
      const text = format(bundle, key, Object.fromEntries(names.map((name) => [name, 3])));
      expect(text.trim(), key).not.toBe('');
      expect(text, key).not.toMatch(/\{|\}|undefined|NaN/);
    }
  });

  it('every key that the code names exists', () => {
    const code = files(root).map((path) => readFileSync(path, 'utf8')).join('\n');
    const named = [...code.matchAll(/\bt\(\s*'([a-z][\w-]*)'/g)].map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(200);
    expect(named.filter((key) => !english.has(key))).toEqual([]);
  });

  it('no key is left over', () => {
    const code = files(root).map((path) => readFileSync(path, 'utf8')).join('\n');
    const families = [...code.matchAll(/`([a-z][\w-]*-)\$\{/g)].map((match) => match[1]!);
    const unused = [...english.keys()].filter((key) => !code.includes(`'${key}'`) && !families.some((family) => key.startsWith(family)));
    expect(unused).toEqual([]);
  });

  it('Kazakh is Kazakh: its letters stand in it, and no Russian text has slipped in', () => {
    const kazakh = source('kk');
    for (const letter of 'әғқңөұүһі') expect(kazakh.toLowerCase().includes(letter) || letter === 'һ', letter).toBe(true);
    const russian = new Map(source('ru').split('\n').map((line) => line.split(' = ') as [string, string]));
    const same = kazakh.split('\n').map((line) => line.split(' = ') as [string, string])
      .filter(([key, text]) => text && russian.get(key) === text && /[а-яё]{4,}/i.test(text))
      .map(([key]) => key);
    // Words that both languages share: Мониторинг, Журнал, Синтаксис, хост, Редакция, Токен, Логин, Файл.
    expect(same.sort()).toEqual([
      'alert-host', 'clock-edition', 'entity-kind-host', 'journal-title', 'nav-group-watch', 'nav-journal',
      'rules-refused-file', 'search-syntax', 'sign-in-login', 'sources-token', 'users-login'
    ]);
  });
});
