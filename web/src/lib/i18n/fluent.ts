import { FluentBundle, FluentResource, type FluentVariable } from '@fluent/bundle';

export const languages = ['kk', 'ru', 'en'] as const;
export type Language = (typeof languages)[number];

/**
 * Locale whose number conventions go with a language of the console. Chromium claims Kazakh but
 * carries no data for it; Russian writes numbers the same way. Dates: `format/time.ts`.
 */
export const intlLocale: Record<Language, string> = { kk: 'ru-KZ', ru: 'ru-KZ', en: 'en-GB' };

export type Args = Record<string, FluentVariable | undefined | null>;

/** Builds the bundle of one language. Throws when the text file does not parse or repeats a key. */
export function makeBundle(language: Language, source: string): FluentBundle {
  const bundle = new FluentBundle(intlLocale[language], { useIsolating: false });
  const errors = bundle.addResource(new FluentResource(source));
  if (errors.length > 0) throw new Error(`${language}/console.ftl: ${errors.map(String).join('; ')}`);
  return bundle;
}

/** Text of `key`; a key that is missing shows itself, so that it is noticed. */
export function format(bundle: FluentBundle, key: string, args?: Args): string {
  const message = bundle.getMessage(key);
  if (!message?.value) return key;
  const errors: Error[] = [];
  return bundle.formatPattern(message.value, (args ?? null) as Record<string, FluentVariable> | null, errors);
}

/** The language to start with: the one chosen before, else the first that the browser names and we have, else Kazakh. */
export function pickLanguage(stored: string | null, wanted: readonly string[]): Language {
  if (isLanguage(stored)) return stored;
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0] ?? '';
    if (isLanguage(base)) return base;
  }
  return 'kk';
}

export function isLanguage(value: unknown): value is Language {
  return languages.includes(value as Language);
}
