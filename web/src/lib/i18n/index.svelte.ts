import kk from '$locales/kk/console.ftl?raw';
import ru from '$locales/ru/console.ftl?raw';
import en from '$locales/en/console.ftl?raw';
import type { Text3 } from '$lib/api/types';
import { format, makeBundle, pickLanguage, type Args, type Language } from './fluent';

export { languages, type Language } from './fluent';

const bundles = { kk: makeBundle('kk', kk), ru: makeBundle('ru', ru), en: makeBundle('en', en) };
const storageKey = 'saqshy.language';

class I18n {
  language = $state<Language>('kk');

  start(): void {
    this.apply(pickLanguage(localStorage.getItem(storageKey), navigator.languages));
  }

  choose(language: Language): void {
    localStorage.setItem(storageKey, language);
    this.apply(language);
  }

  private apply(language: Language): void {
    this.language = language;
    document.documentElement.lang = language;
  }
}

export const i18n = new I18n();

/** The text of `key` in the chosen language. */
export function t(key: string, args?: Args): string {
  return format(bundles[i18n.language], key, args);
}

/** Text of `key` if there is one, else `fallback`: for codes that a newer server may send. */
export function tOr(key: string, fallback: string, args?: Args): string {
  return bundles[i18n.language].hasMessage(key) ? t(key, args) : fallback;
}

/** The part of a three-language text that the reader wants, or whatever part there is. */
export function text3(text: Text3 | string | null | undefined): string {
  if (!text) return '';
  if (typeof text === 'string') return text;
  return text[i18n.language] || text.kk || text.ru || text.en;
}
