import { expect, type Page } from '@playwright/test';
import { accessible, texts, type Language } from './console';

/**
 * The way of an incident: an alert is triaged, an incident is registered from it, the law's clocks run,
 * a notice is drafted, approved and sent, and its duty is met. Accessible at each station.
 */
export async function fromAlertToNotice(page: Page, language: Language): Promise<void> {
  const t = texts(language);
  await page.goto('/alerts?state=new');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(t('alerts-title'));
  await accessible(page, 'alerts');

  // One that no incident has yet.
  const row = page.locator('tbody tr', { hasNot: page.locator('a[href^="/incidents/"]') }).first();
  await row.locator('.title-cell a').click();
  await expect(page.getByRole('heading', { name: t('alert-triage') })).toBeVisible();
  await page.locator('select[name=state]').selectOption('in_progress');
  await page.locator('textarea[name=comment]').fill('Тексерілді: оқыс оқиға тіркеледі.');
  await page.locator('form button[type=submit]').click();
  await expect(page.getByText(t('alert-triage-saved'))).toBeVisible();
  await expect(page.getByText('Тексерілді: оқыс оқиға тіркеледі.')).toBeVisible();
  await accessible(page, 'alert');

  await page.getByRole('button', { name: t('alerts-create-incident') }).click();
  await accessible(page, 'new incident');
  await page.locator('dialog input[name=object]').fill('«Өтініш» ақпараттық жүйесі');
  await page.locator('dialog button[type=submit]').click();
  await expect(page).toHaveURL(/\/incidents\/[^?]+$/);
  await expect(page.getByRole('heading', { name: t('incident-clocks') })).toBeVisible();
  await expect(page.locator('article .countdown').first()).toBeVisible();
  await page.locator('article details summary').first().click();
  await expect(page.locator('article details ol li').first()).toBeVisible();
  await accessible(page, 'incident');

  await page.getByRole('button', { name: t('clock-write-notice') }).first().click();
  await page.locator('dialog button[type=submit]').click();
  const notice = page.locator('#tabpanel article').first();
  await expect(notice).toContainText(t('notice-state-draft'));
  const document = await page.request.get((await notice.locator('a[download$=".pdf"]').getAttribute('href'))!);
  expect((await document.body()).subarray(0, 5).toString()).toBe('%PDF-');
  await accessible(page, 'draft of a notice');
  await notice.getByRole('button', { name: t('notice-approve'), exact: true }).click();
  await expect(notice.getByRole('button', { name: t('notice-send'), exact: true })).toBeVisible();
  await accessible(page, 'approved notice');
  await notice.getByRole('button', { name: t('notice-send'), exact: true }).click();
  const after = ['sent', 'delivered', 'acknowledged'].map((state) => t(`notice-state-${state}`));
  await expect(notice.locator('.panel-head .state')).toHaveText(new RegExp(after.join('|')), { timeout: 30_000 });
  await expect(page.locator('article', { hasText: t('clock-status-met') }).first()).toBeVisible();
  await accessible(page, 'sent notice');

  await page.locator('#tab-proofs').click();
  await expect(page.locator('#tabpanel tbody tr').first()).toBeVisible();
  await page.locator('#tab-timeline').click();
  await expect(page.locator('#tabpanel ol li').first()).toBeVisible();
  await accessible(page, 'timeline');
}
