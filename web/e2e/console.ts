import { readFileSync } from 'node:fs';
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';
import { format, languages, makeBundle, type Args, type Language } from '../src/lib/i18n/fluent';

export { languages, type Language };

const bundles = Object.fromEntries(
  languages.map((language) => [
    language,
    makeBundle(language, readFileSync(new URL(`../../locales/${language}/console.ftl`, import.meta.url), 'utf8'))
  ])
);

/** Texts of one language, as the page shows them. */
export function texts(language: Language): (key: string, args?: Args) => string {
  return (key, args) => format(bundles[language]!, key, args);
}

/** Opens the console in a language and theme, and fails the test on a script error or a breach of the content policy. */
export async function prepare(page: Page, language: Language, theme: 'light' | 'dark' = 'light'): Promise<string[]> {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) faults.push(message.text());
  });
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
  await page.addInitScript((chosen) => localStorage.setItem('saqshy.language', chosen), language);
  return faults;
}

export async function signIn(page: Page, login: string, password: string): Promise<void> {
  await page.goto('/sign-in');
  await page.locator('input[name=login]').fill(login);
  await page.locator('input[name=password]').fill(password);
  await page.locator('form button[type=submit]').click();
  await expect(page.locator('nav [aria-current=page]').first()).toBeVisible();
}

/** No serious or critical violation of WCAG 2.2 A and AA on the page as it stands. */
export async function accessible(page: Page, where: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  const grave = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target.join(' ')} ${(node.failureSummary ?? '').split('\n')[1] ?? ''}`).join('\n   ')}`);
  expect.soft(grave, where).toEqual([]);
}
