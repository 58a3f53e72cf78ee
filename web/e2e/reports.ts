import { expect, type Page } from '@playwright/test';
import { accessible, texts, type Language } from './console';

/** Every figure of every report leads to the cases that it was counted from; one of them opens. */
export async function figuresLeadToCases(page: Page, language: Language): Promise<void> {
  const t = texts(language);
  await page.goto('/reports');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(t('reports-title'));
  const kinds = await page.locator('select[name=kind] option').evaluateAll((list) => list.map((one) => (one as HTMLOptionElement).value));
  expect(kinds.length).toBeGreaterThan(1);
  let opened = '';
  for (const kind of kinds) {
    await page.goto('/reports');
    await page.locator('select[name=kind]').selectOption(kind);
    await page.locator('input[name=from]').fill('2026-01-01');
    await page.locator('input[name=to]').fill('2099-12-31');
    await page.locator('form button[type=submit]').click();
    await expect(page.locator('tbody tr').first()).toBeVisible();
    let first = true;
    for (const figure of await page.locator('td.right.nums').all()) {
      const link = figure.locator('a[href^="/alerts"]');
      const number = (await figure.locator('summary').or(link).or(figure.locator('.said')).first().innerText()).replace(/\s/g, '');
      if (number === '0') continue;
      if (await link.count()) continue;
      await figure.locator('summary').click();
      const cases = figure.locator('a[href^="/incidents/"]');
      // A sum of money has fewer cases than tenge; a count has as many as it says.
      if (/^\d+$/.test(number)) await expect(cases, `${kind}: ${number}`).toHaveCount(Number(number));
      else await expect(cases.first()).toBeVisible();
      opened = await cases.first().innerText();
      // One opened list is looked at as a whole, not all of them cut by the edge of the window.
      if (first) await accessible(page, `report ${kind}`);
      first = false;
      await figure.locator('summary').click();
    }
  }
  await page.locator('td summary').last().click();
  await page.locator('details[open] a[href^="/incidents/"]').last().click();
  await expect(page).toHaveURL(/\/incidents\/./);
  await expect(page.locator('.page-head .number')).toHaveText(/\d/);
  expect(opened).not.toBe('');
}
