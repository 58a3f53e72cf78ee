import { expect, test } from '@playwright/test';
import { accessible, prepare, signIn, texts } from './console';
import { figuresLeadToCases } from './reports';
import { fromAlertToNotice } from './story';

const password = 'saqshy-demo';
const t = texts('en');

test('from an alert to a notice', async ({ page }) => {
  await prepare(page, 'en');
  await signIn(page, 'aigul', password);
  await fromAlertToNotice(page, 'en');
});

test('every figure of a report leads to its cases, and a report is kept', async ({ page }) => {
  await prepare(page, 'en');
  await signIn(page, 'aigul', password);
  await figuresLeadToCases(page, 'en');
  await page.goto('/reports?kind=register&from=2026-01-01T00:00:00Z&to=2099-12-31T00:00:00Z');
  await page.getByRole('button', { name: t('report-keep') }).click();
  await expect(page.getByText(t('report-kept'))).toBeVisible();
  await expect(page.locator('tbody a[href$="/document"]')).toHaveCount(1);
});

test('a letter of the law gets the words of the organisation, and its own again', async ({ page }) => {
  await prepare(page, 'en');
  await signIn(page, 'aigul', password);
  await page.goto('/templates');
  await page.locator('textarea[lang=en]').fill('Dear colleagues,\n\n{incident.number}');
  await page.locator('input[name=reason]').fill('No. 14');
  await page.getByRole('button', { name: t('save'), exact: true }).click();
  await expect(page.getByText(t('template-written')).first()).toBeVisible();
  await expect(page.locator('textarea[lang=en]')).toHaveValue(/Dear colleagues/);
  await page.locator('input[name=reason]').fill('No. 15');
  await page.getByRole('button', { name: t('template-reset') }).click();
  await expect(page.locator('textarea[lang=en]')).not.toHaveValue(/Dear colleagues/);
  await expect(page.getByText('No. 15')).toBeVisible();
});

test('a page asked for without a session comes after sign-in; a wrong password says so', async ({ page }) => {
  await prepare(page, 'en');
  await page.goto('/incidents/inc-6?x=1');
  await expect(page).toHaveURL(/sign-in\?return=/);
  await page.locator('input[name=login]').fill('aigul');
  await page.locator('input[name=password]').fill('wrong');
  await page.locator('form button[type=submit]').click();
  await expect(page.getByRole('alert')).toContainText('credentials_wrong');
  await page.locator('input[name=password]').fill(password);
  await page.locator('form button[type=submit]').click();
  await expect(page).toHaveURL(/\/incidents\/inc-6\?x=1$/);
});

test('a session that ends leads to sign-in and back', async ({ page, context }) => {
  await prepare(page, 'en');
  await signIn(page, 'aigul', password);
  await context.clearCookies();
  await page.getByRole('link', { name: t('nav-alerts') }).click();
  await expect(page.getByText(t('sign-in-ended'))).toBeVisible();
});

test('search: click to filter, columns, histogram, event, permalink, error with its column', async ({ page }) => {
  await prepare(page, 'en');
  await signIn(page, 'aigul', password);
  await page.keyboard.press('/');
  const query = page.locator('[data-search-field]');
  await expect(query).toBeFocused();
  await expect(page.locator('tbody tr[aria-rowindex]').first()).toBeVisible();
  // Only what is in sight is in the document.
  expect(await page.locator('tbody tr[aria-rowindex]').count()).toBeLessThan(80);

  await page.getByRole('button', { name: t('search-field-expand', { field: 'data_stream.dataset' }) }).click();
  await page.getByRole('button', { name: t('search-filter-in', { field: 'data_stream.dataset', value: 'linux.auth' }) }).first().click();
  await expect(page).toHaveURL(/q=data_stream\.dataset%3Alinux\.auth/);
  await expect(query).toHaveValue('data_stream.dataset:linux.auth');
  await expect(page.locator('td .cut', { hasText: 'windows.security' })).toHaveCount(0);

  await page.getByRole('button', { name: t('search-field-toggle', { field: 'source.ip' }) }).click();
  await expect(page.getByRole('columnheader', { name: /source\.ip/ })).toBeVisible();
  await page.locator('tbody .open').first().click();
  await expect(page).toHaveURL(/event=node1-/);
  await page.locator('#tab-raw').click();
  await expect(page.locator('.drawer pre')).toContainText('Failed password');
  await page.reload();
  await expect(page.locator('.drawer dt').first()).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.locator('.drawer')).toHaveCount(0);

  const plot = page.locator('.chart .u-over');
  const box = (await plot.boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.3, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 20, { steps: 6 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=20\d\d-/);

  await query.fill('host.name:(dc01');
  await query.press('Enter');
  await expect(page.locator('#query-fault')).toContainText(t('search-error-at', { column: 11 }));
  await page.goBack();
  await expect(page.locator('#query-fault')).toHaveCount(0);
});

test('language, theme and keyboard', async ({ page }) => {
  await prepare(page, 'en');
  await page.addInitScript(() => localStorage.removeItem('saqshy.language'));
  await signIn(page, 'aigul', password);
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  await page.getByRole('button', { name: 'Қазақша' }).click();
  await expect(page.getByRole('link', { name: 'Оқыс оқиғалар', exact: true })).toBeVisible();
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Дабылдар');
  await page.keyboard.press('?');
  await expect(page.locator('dialog[open]')).toContainText('Пернелер тіркесімдері');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Көрініс' }).click();
  await page.getByRole('button', { name: 'Күңгірт' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});

test('what the role does not allow is not offered', async ({ page }) => {
  await prepare(page, 'en');
  await signIn(page, 'auditor', password);
  await page.goto('/incidents/inc-6');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  for (const key of ['edit', 'clock-write-notice', 'incident-comment-add']) {
    await expect(page.getByRole('button', { name: t(key) })).toHaveCount(0);
  }
  await page.goto('/search');
  await expect(page.getByRole('link', { name: 'SQL' })).toHaveCount(0);
  await expect(page.getByRole('button', { name: t('search-export') })).toHaveCount(0);
});

test('a source gets its token once, and a user is made', async ({ page }) => {
  await prepare(page, 'en');
  await signIn(page, 'admin', password);
  await expect(page.getByRole('link', { name: t('nav-incidents'), exact: true })).toHaveCount(0);
  await page.goto('/sources');
  await page.getByRole('button', { name: t('sources-new') }).click();
  await page.locator('dialog input[name=name]').fill('db-egov-02');
  await page.locator('dialog button[type=submit]').click();
  await expect(page.locator('dialog[open] .token code')).toHaveText(/^sq_/);
  await page.locator('dialog[open] .btn.primary').click();
  await expect(page.getByText('db-egov-02')).toBeVisible();

  await page.goto('/users');
  await page.getByRole('button', { name: t('users-new') }).click();
  await page.locator('input[name=new-login]').fill('s.ivanova');
  await page.locator('input[name=new-name]').fill('Светлана Иванова');
  await page.locator('input[name=new-password]').fill('long-enough-1');
  await page.locator('dialog input[value=analyst]').check();
  await page.locator('dialog button[type=submit]').click();
  await expect(page.getByText('Светлана Иванова')).toBeVisible();
});

test('the journal is verified', async ({ page }) => {
  await prepare(page, 'en');
  await signIn(page, 'auditor', password);
  await page.goto('/journal');
  await page.getByRole('button', { name: t('journal-verify') }).click();
  await expect(page.locator('.notice-bar.good')).toBeVisible();
});

test('a rule goes to test, a set is imported, a rule is tested on the past', async ({ page }) => {
  await prepare(page, 'en');
  await signIn(page, 'admin', password);
  await page.goto('/rules');
  await page.locator('tbody .title-cell a').first().click();
  await page.getByRole('button', { name: t('rule-to-test') }).click();
  await page.locator('dialog textarea[name=reason]').fill('too loud here');
  await page.locator('dialog button[type=submit]').click();
  await expect(page.locator('.page-head .state')).toHaveText(t('rule-mode-test'));

  await page.goto('/rules/sets');
  await page.getByRole('button', { name: t('ruleset-import') }).click();
  await page.locator('dialog input[type=file]').setInputFiles({ name: 'ours.zip', mimeType: 'application/zip', buffer: Buffer.from('PK') });
  await page.locator('dialog button[type=submit]').click();
  await expect(page.locator('dialog [role=status]')).toContainText('ours');
  await expect(page.locator('dialog')).toContainText('broken.yml');

  await signIn(page, 'aigul', password);
  await page.goto('/rules/backtests');
  await page.locator('textarea[name=yaml]').fill('title: Pasted\ndetection: {}');
  await page.getByRole('button', { name: t('backtest-start') }).click();
  await expect(page.getByRole('heading', { name: 'Pasted' })).toBeVisible();
  const broken = page.locator('section', { hasText: t('backtest-state-interrupted') });
  await expect(broken).toContainText(t('backtest-interrupted'));
  await expect(broken).toContainText(t('backtest-asked', { by: 'Д. Ким', at: '' }).trim());
  await broken.getByRole('link', { name: 'SSH Brute Force' }).click();
  await page.getByRole('link', { name: t('backtest-rule') }).click();
  await expect(page.getByRole('heading', { name: 'Pasted' })).toHaveCount(0);
  await expect(page.locator('section', { hasText: t('backtest-interrupted') })).toHaveCount(1);
  await page.locator('textarea[name=yaml]').fill('title: Second\ndetection: {}');
  await page.getByRole('button', { name: t('backtest-start') }).click();
  await expect(page.getByRole('heading', { name: 'Second' })).toBeVisible();
});

test('a correlation shows how it stands in memory', async ({ page }) => {
  await prepare(page, 'kk');
  await signIn(page, 'aigul', password);
  await page.goto('/rules');
  await page.locator('tbody .title-cell a', { hasText: 'SSH Brute Force' }).click();
  const kk = texts('kk');
  const section = page.getByRole('region', { name: kk('correlation-title') });
  await expect(section).toContainText('source.ip, host.name');
  await expect(section).toContainText(kk('correlation-type-event_count'));
  await expect(section.locator('.figure')).toHaveCount(4);
  await expect(section.locator('.figure', { hasText: kk('correlation-groups-about') }).locator('.value')).toHaveText('418');
  await expect(section.locator('.figure.warn')).toHaveText(new RegExp(`${kk('correlation-dropped')}.*12`, 's'));
  await accessible(page, 'correlation');
});

test('an exception is proposed by one person and approved by another', async ({ page }) => {
  await prepare(page, 'en');
  await signIn(page, 'd.kim', password);
  await page.goto('/alerts');
  await page.locator('tbody .title-cell a').first().click();
  await page.locator('select[name=state]').selectOption('closed');
  await page.locator('select[name=verdict]').selectOption('false_positive');
  await page.getByRole('button', { name: t('save') }).click();
  await page.getByRole('button', { name: t('exception-propose') }).click();
  await page.locator('dialog input[value="user.name"]').check();
  await page.getByRole('button', { name: t('exception-simulate') }).click();
  await expect(page.locator('dialog [role=status]')).toContainText('12');
  await page.locator('dialog textarea[name=reason]').fill('the backup account');
  await page.locator('dialog button[type=submit]').click();
  await expect(page.locator('dialog[open]')).toHaveCount(0);
  await page.goto('/rules/exceptions');
  await expect(page.getByText('the backup account')).toBeVisible();
  await expect(page.getByRole('button', { name: t('exception-approve') })).toHaveCount(0);

  await signIn(page, 'aigul', password);
  await page.goto('/rules/exceptions');
  await page.getByRole('button', { name: t('exception-approve') }).click();
  await page.locator('dialog textarea[name=reason]').fill('seen');
  await page.locator('dialog button[type=submit]').click();
  await expect(page.getByText(t('exception-state-active'))).toBeVisible();
});

test('a returning duty is recorded as done with what proves it, and the record is withdrawn', async ({ page }) => {
  await prepare(page, 'en');
  await signIn(page, 'aigul', password);
  await page.goto('/law');
  const row = page.getByRole('row', { name: 'Send the quarterly data' });
  await row.getByRole('button', { name: t('law-work-record') }).click();
  await page.getByRole('dialog').locator('textarea').fill('Letter No. 12');
  await page.getByRole('dialog').locator('button[type=submit]').click();
  await expect(row).toContainText('Letter No. 12');
  await expect(row).toContainText(t('clock-status-met'));
  await row.getByRole('button', { name: t('law-work-withdraw') }).click();
  await page.getByRole('dialog').locator('input').first().fill('Another quarter');
  await page.getByRole('dialog').locator('button[type=submit]').click();
  await expect(row.locator('s')).toContainText('Letter No. 12');
  await expect(row).toContainText('Another quarter');
  await expect(row).toContainText(t('clock-status-running'));
});
