// Against a real server: SAQSHY_URL, SAQSHY_LOGIN and SAQSHY_PASSWORD name it and a person who may triage
// alerts, work on incidents and approve and send notices. There must be three alerts without an incident.
import { expect, test } from '@playwright/test';
import { accessible, languages, prepare, signIn, texts } from './console';
import { figuresLeadToCases } from './reports';
import { fromAlertToNotice } from './story';

const { SAQSHY_URL: url, SAQSHY_LOGIN: login = '', SAQSHY_PASSWORD: password = '' } = process.env;

test.beforeAll(() => {
  if (!url || !login || !password) throw new Error('SAQSHY_URL, SAQSHY_LOGIN and SAQSHY_PASSWORD have to be set');
});

for (const language of languages) {
  test(`from sign-in over an alert to a sent notice, in ${language}`, async ({ page }) => {
    test.setTimeout(180_000);
    const faults = await prepare(page, language);
    await page.goto('/sign-in');
    await accessible(page, 'sign-in');
    await signIn(page, login, password);
    await expect(page.locator('.stat').first()).toBeVisible();
    await accessible(page, 'overview');
    await fromAlertToNotice(page, language);
    expect(faults).toEqual([]);
  });

  test(`search and the other pages, in ${language}`, async ({ page }) => {
    test.setTimeout(180_000);
    const t = texts(language);
    const faults = await prepare(page, language);
    await signIn(page, login, password);
    await page.goto('/search?from=now-365d&to=now');
    await expect(page.locator('tbody tr[aria-rowindex]').first()).toBeVisible({ timeout: 30_000 });
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(t('search-title'));
    await accessible(page, 'search');
    await page.locator('tbody .open').first().click();
    await expect(page.locator('.drawer dt').first()).toBeVisible();
    await accessible(page, 'event');
    // Every page that the menu offers this person.
    const links = await page.locator('nav a.item').evaluateAll((list) => list.map((link) => link.getAttribute('href')!));
    for (const link of links) {
      await page.goto(link);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      await expect(page.getByRole('alert')).toHaveCount(0);
      await accessible(page, link);
    }
    expect(faults).toEqual([]);
  });
}

test('every figure of a report leads to its cases', async ({ page }) => {
  test.setTimeout(180_000);
  const faults = await prepare(page, 'kk');
  await signIn(page, login, password);
  await figuresLeadToCases(page, 'kk');
  expect(faults).toEqual([]);
});
