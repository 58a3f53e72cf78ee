import { expect, test } from '@playwright/test';
import { accessible, languages, prepare, signIn, texts } from './console';

const password = 'saqshy-demo';
const pages: [path: string, title: string, login: string][] = [
  ['/', 'overview-title', 'aigul'],
  ['/search', 'search-title', 'aigul'],
  ['/search/sql', 'search-title', 'aigul'],
  ['/alerts', 'alerts-title', 'aigul'],
  ['/incidents', 'incidents-title', 'aigul'],
  ['/desk', 'nav-desk', 'aigul'],
  ['/playbooks', 'nav-playbooks', 'aigul'],
  ['/contacts', 'nav-contacts', 'aigul'],
  ['/incident-table', 'nav-table', 'aigul'],
  ['/reports', 'reports-title', 'aigul'],
  ['/reports?kind=register&from=2026-01-01T00:00:00Z&to=2100-01-01T00:00:00Z', 'reports-title', 'aigul'],
  ['/templates', 'templates-title', 'aigul'],
  ['/sources', 'sources-title', 'admin'],
  ['/journal', 'journal-title', 'aigul'],
  ['/rules', 'rules-title', 'admin'],
  ['/rules/attack', 'attack-title', 'admin'],
  ['/rules/sets', 'rulesets-title', 'admin'],
  ['/rules/refused', 'rules-refused', 'admin'],
  ['/rules/exceptions', 'exceptions-title', 'aigul'],
  ['/rules/backtests', 'backtests-title', 'aigul'],
  ['/law', 'law-title', 'aigul'],
  ['/users', 'users-title', 'admin']
];

// The colours are the same in every language, the tabs of a case the same in both themes: so one
// language is looked at in the dark, and the details once.
const rounds = [...languages.map((language) => [language, 'light'] as const), [languages[0], 'dark'] as const];

for (const [index, [language, theme]] of rounds.entries()) {
  test(`every page in ${language}, ${theme}`, async ({ page }) => {
    test.setTimeout(600_000);
    const t = texts(language);
    const faults = await prepare(page, language, theme);
    await page.goto('/sign-in');
    await expect(page.getByRole('heading', { name: t('sign-in-title') })).toBeVisible();
    await accessible(page, 'sign-in');
    for (const login of ['aigul', 'admin']) {
      await signIn(page, login, password);
      await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
      for (const [path, title] of pages.filter((one) => one[2] === login)) {
        await page.goto(path);
        await expect(page.getByRole('heading', { level: 1 })).toContainText(t(title));
        await expect(page).toHaveTitle(new RegExp(t('app-name')));
        await expect(page.locator('html')).toHaveAttribute('lang', language);
        await expect(page.locator('.spinner')).toHaveCount(0);
        await accessible(page, `${path} ${language} ${theme}`);
      }
      if (login === 'aigul' && index === 0) await details(page, t);
    }
    expect(faults).toEqual([]);
  });
}

/** Pages that one comes to from a list, with what opens on them. */
async function details(page: import('@playwright/test').Page, t: ReturnType<typeof texts>): Promise<void> {
  await page.goto('/alerts');
  await page.locator('tbody .title-cell a').first().click();
  await expect(page.getByRole('heading', { name: t('alert-triage') })).toBeVisible();
  await accessible(page, 'alert');
  await page.locator('[aria-haspopup=dialog]').first().click();
  await expect(page.locator('.drawer dt').first()).toBeVisible();
  await accessible(page, 'event drawer');
  await page.goto('/rules');
  await page.locator('tbody .title-cell a').first().click();
  await expect(page.getByRole('heading', { name: t('explain-title') })).toBeVisible();
  await accessible(page, 'rule');
  await page.goto('/incidents/inc-6');
  for (const tab of ['timeline', 'notices', 'tasks', 'response', 'evidence', 'investigation', 'alerts', 'related', 'closing', 'proofs']) {
    await page.locator(`#tab-${tab}`).click();
    await accessible(page, `incident, ${tab}`);
  }
  await page.locator('details summary').first().click();
  await page.getByRole('button', { name: t('clock-write-notice') }).first().click();
  await expect(page.locator('dialog[open]')).toBeVisible();
  await accessible(page, 'notice dialog');
  await page.keyboard.press('Escape');
  await expect(page.locator('dialog[open]')).toHaveCount(0);
}
