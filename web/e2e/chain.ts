import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, type Browser, type Locator, type Page } from '@playwright/test';
import { accessible, texts, type Language } from './console';
import { mailWith, receiptLink, type Mail } from './mail';

/** Who works on the case: one drafts, one approves, one takes the approver's own drafts. */
export interface Team { analyst: Page; coordinator: Page; second: Page }
interface Clock { duty: string; act: string; status: string; title: Record<Language, string>; addressee_ids: string[] }

/** Answers the questions of the open dialog, by the names of its fields, and waits until it has closed. */
export async function answer(page: Page, answers: Record<string, string>): Promise<void> {
  const dialog = page.locator('dialog[open]');
  for (const [name, value] of Object.entries(answers)) {
    const field = dialog.locator(`[name=${name}]`);
    if (await field.evaluate((node) => node.tagName === 'SELECT')) await field.selectOption(value);
    else await field.fill(value);
  }
  await dialog.locator('button[type=submit]').click();
  await expect(dialog).toHaveCount(0);
}

const card = (page: Page, title: string): Locator => page.locator('section[aria-labelledby=law-clocks] article').filter({ has: page.getByRole('heading', { name: title, exact: true }) });
const tab = (page: Page, id: string): Promise<void> => page.locator(`#tab-${id}`).click();
const press = (place: Page | Locator, name: string): Promise<void> => place.getByRole('button', { name, exact: true }).click();

/** The clocks of the case as the server counts them. */
export async function clocksOf(page: Page): Promise<Clock[]> {
  const id = new URL(page.url()).pathname.split('/').pop();
  return (await (await page.request.get(`/api/v1/incidents/${id}`)).json()).clocks;
}

/** An alert becomes an incident on which both acts run clocks at once. */
export async function openCase({ analyst, coordinator, second }: Team, language: Language): Promise<void> {
  const t = texts(language);
  await analyst.goto('/alerts?state=new');
  await accessible(analyst, 'alerts');
  await analyst.locator('tbody tr', { hasNot: analyst.locator('a[href^="/incidents/"]') }).first().locator('.title-cell a').click();
  await expect(analyst.getByRole('heading', { name: t('alert-triage') })).toBeVisible();
  await press(analyst, t('alerts-create-incident'));
  await answer(analyst, { object: '«Өтініш» ақпараттық жүйесі' });
  await expect(analyst).toHaveURL(/\/incidents\/[^?]+$/);
  await expect(analyst.getByRole('heading', { name: t('incident-clocks') })).toBeVisible();
  for (const act of ['kz/o199', 'kz/r90']) {
    const running = (await clocksOf(analyst)).filter((clock) => clock.act === act && clock.status === 'running');
    expect(running.length, act).toBeGreaterThan(1);
    for (const clock of running) await expect(card(analyst, clock.title[language]).locator('.countdown')).toBeVisible();
  }
  await accessible(analyst, 'clocks of two acts');
  for (const page of [coordinator, second]) await page.goto(analyst.url());
}

/** Drafts the notice that a duty asks for; its clock's card opens the dialog. */
async function draft(page: Page, clock: Clock, language: Language, addressee?: string): Promise<Locator> {
  const t = texts(language);
  await press(card(page, clock.title[language]), t('clock-write-notice'));
  await answer(page, addressee ? { addressee } : {});
  const notice = page.locator('#tabpanel article').first();
  await expect(notice.getByRole('heading')).toContainText(clock.title[language]);
  await expect(notice.locator('.panel-head .state')).toHaveText(t('notice-state-draft'));
  return notice;
}

/** Approves a notice and sends it; its mail has arrived with the very document that was approved. */
async function approveAndSend(page: Page, clock: Clock, language: Language, mailbox: string): Promise<Mail> {
  const t = texts(language);
  await page.reload();
  await tab(page, 'notices');
  const notice = page.locator('#tabpanel article').filter({ hasText: clock.title[language] }).filter({ hasText: t('notice-state-draft') }).filter({ has: page.getByRole('button', { name: t('notice-approve'), exact: true }) }).first();
  await press(notice, t('notice-approve'));
  const ready = page.locator('#tabpanel article').filter({ has: page.getByRole('button', { name: t('notice-send'), exact: true }) }).first();
  const sha256 = await ready.locator('code').first().textContent();
  const document = await (await page.request.get((await ready.locator('a[download$=".pdf"]').getAttribute('href'))!)).body();
  expect(createHash('sha256').update(document).digest('hex')).toBe(sha256);
  await accessible(page, `approved notice of ${clock.duty}`);
  await press(ready, t('notice-send'));
  await expect(page.locator('#tabpanel').getByRole('button', { name: t('notice-send'), exact: true })).toHaveCount(0, { timeout: 30_000 });
  return mailWith(mailbox, document);
}

/** Notices of all duties in `duties`, each to all of its addressees; answers the mails by duty. */
export async function notify(team: Team, duties: string[], language: Language, mailbox: string): Promise<Map<string, Mail>> {
  const mails = new Map<string, Mail>();
  const clocks = await clocksOf(team.analyst);
  for (const duty of duties) {
    const clock = clocks.find((one) => one.duty === duty)!;
    for (const addressee of clock.addressee_ids) {
      await team.analyst.reload();
      await draft(team.analyst, clock, language, addressee);
      mails.set(duty, await approveAndSend(team.coordinator, clock, language, mailbox));
    }
    await expect(card(team.coordinator, clock.title[language])).toContainText(texts(language)('clock-status-met'));
  }
  return mails;
}

/** What the coordinator has drafted is not for the coordinator to approve. */
export async function secondPerson({ coordinator, second }: Team, duty: string, language: Language, mailbox: string): Promise<Mail> {
  const t = texts(language);
  await coordinator.reload();
  const clock = (await clocksOf(coordinator)).find((one) => one.duty === duty)!;
  const own = await draft(coordinator, clock, language);
  await press(own, t('notice-approve'));
  await expect(coordinator.locator('.toast.bad')).toBeVisible();
  await expect(own.locator('.panel-head .state')).toHaveText(t('notice-state-draft'));
  return approveAndSend(second, clock, language, mailbox);
}

/** The addressee, who has no account here, opens the link of the mail; the sender's clock of the answer starts. */
export async function acknowledge(browser: Browser, { coordinator }: Team, mail: Mail, language: Language): Promise<void> {
  const t = texts(language);
  const outside = await browser.newContext({ ignoreHTTPSErrors: true, locale: language });
  const page = await outside.newPage();
  await page.goto(receiptLink(mail));
  await accessible(page, 'receipt, before');
  await expect(page.locator('html')).toHaveAttribute('lang', language);
  const watched = async () => (await clocksOf(coordinator)).find((one) => one.duty === 'o199.state-body-answer')!;
  expect((await watched()).status, 'looking confirms nothing').toBe('not_started');
  await page.locator('form button').click();
  await expect(page.locator('form')).toHaveCount(0);
  await accessible(page, 'receipt, after');
  expect((await page.request.get('/api/v1/overview')).status(), 'the link opens nothing else').toBe(401);
  await outside.close();
  await coordinator.reload();
  await tab(coordinator, 'notices');
  await expect(coordinator.locator('#tabpanel .panel-head .state', { hasText: t('notice-state-acknowledged') })).toHaveCount(1);
  const clock = await watched();
  expect(clock.status).toBe('running');
  await press(card(coordinator, clock.title[language]), t('clock-record-answer'));
  await answer(coordinator, { note: 'Кіріс № 17: шаралар қабылданды' });
  await expect(card(coordinator, clock.title[language])).toContainText(t('clock-status-met'));
}

/** Something secured, sealed, with its custody. */
export async function secureEvidence({ coordinator }: Team, language: Language): Promise<void> {
  const t = texts(language);
  await tab(coordinator, 'evidence');
  await coordinator.locator('#tabpanel input[type=file]').setInputFiles({ name: 'memory.raw', mimeType: 'application/octet-stream', buffer: Buffer.alloc(4096, 7) });
  await press(coordinator, t('evidence-add'));
  await answer(coordinator, { title: 'Жедел жад көшірмесі', source: 'portal-1', method: 'LiME' });
  await expect(coordinator.locator('#tabpanel tbody tr')).toHaveCount(1);
  await accessible(coordinator, 'evidence');
}

/** Damage, the decision, a team whose members declare their independence. */
export async function openInvestigation({ coordinator, second }: Team, language: Language, who: { coordinator: string; subject: string }): Promise<void> {
  const t = texts(language);
  await tab(coordinator, 'investigation');
  await press(coordinator, t('damage-add'));
  await answer(coordinator, { to: 'clients', kind: 'Ақша', amount: '1500000', note: 'Клиент шотынан есептен шығару' });
  await press(coordinator, t('investigation-decide'));
  await answer(coordinator, { needed: '1', reason: 'Материалдық залал бар' });
  await press(coordinator, t('investigation-start'));
  await answer(coordinator, { reason: 'Материалдық залал' });
  await press(coordinator.locator('#tabpanel'), t('open'));
  await expect(coordinator.getByRole('heading', { name: t('investigation-people') })).toBeVisible();
  await press(coordinator, t('part-add-member'));
  await answer(coordinator, { person: who.coordinator, role: 'Топ жетекшісі' });
  await press(coordinator, t('part-add-subject'));
  await answer(coordinator, { person: who.subject, role: 'Қолжетімділігі болған' });
  await accessible(coordinator, 'investigation');
  // For whom it is about, it does not exist.
  await second.reload();
  await tab(second, 'investigation');
  await expect(second.getByRole('heading', { name: t('investigations') })).toBeVisible();
  await expect(second.locator('#tabpanel')).not.toContainText('/I1');
}

/** Concluding is refused until R90-11 is answered; then it is concluded. */
export async function conclude({ coordinator }: Team, language: Language, who: { coordinator: string }): Promise<void> {
  const t = texts(language);
  await tab(coordinator, 'investigation');
  await press(coordinator.locator('#tabpanel'), t('open'));
  await press(coordinator, t('investigation-conclude'));
  await expect(coordinator.locator('.toast.bad')).toBeVisible();
  await press(coordinator, t('independence-declare'));
  await expect(coordinator.locator('#tabpanel')).toContainText(t('independence-declared', { time: '' }).trim());
  await press(coordinator, t('investigation-findings'));
  const told = 'Жүктелген файл арқылы сервердің бақылауы алынған.';
  await answer(coordinator, { causes: told, realisation: told, scale: told, effectiveness: told, conclusion: told });
  await press(coordinator, t('item-add-recommendation'));
  await answer(coordinator, { text: 'Жүктеуді тексеру', owner: who.coordinator, due: '2030-01-31T18:00' });
  await accessible(coordinator, 'findings');
  await press(coordinator, t('investigation-conclude'));
  await expect(coordinator.locator('#tabpanel .tag', { hasText: t('investigation-concluded') })).toBeVisible();
}

async function step(page: Page, state: string, language: Language): Promise<void> {
  const t = texts(language);
  await page.getByRole('list', { name: t('incident-state-steps') }).getByRole('button', { name: t(`incident-state-${state}`) }).click();
}

/** Elimination is confirmed; closing is refused, saying what is missing, and done when nothing is. */
export async function close({ coordinator }: Team, language: Language): Promise<void> {
  const t = texts(language);
  await step(coordinator, 'eliminated', language);
  await answer(coordinator, { reason: 'Себебі жойылды, осалдық жабылды' });
  await step(coordinator, 'closed', language);
  const dialog = coordinator.locator('dialog[open]');
  await dialog.locator('button[type=submit]').click();
  await expect(dialog.getByRole('alert')).toBeVisible();
  await expect(dialog).toContainText(t('gate-cause'));
  await expect(dialog).toContainText(t('gate-evidence'));
  await accessible(coordinator, 'refused closing');
  await press(dialog, t('cancel'));

  await tab(coordinator, 'evidence');
  await press(coordinator.locator('#tabpanel'), t('evidence-seal'));
  await expect(coordinator.locator('#tabpanel').getByRole('button', { name: t('evidence-seal'), exact: true })).toHaveCount(0);
  await tab(coordinator, 'closing');
  const settle = coordinator.locator('#tabpanel').getByRole('button', { name: t('gate-settle'), exact: true });
  await expect(settle.first()).toBeVisible();
  await accessible(coordinator, 'closing gate, open');
  for (let left = await settle.count(); left > 0; left -= 1) {
    await settle.first().click();
    const field = dialog.locator('textarea').first();
    await field.fill('Файл жүктеу тексерілмеген');
    await answer(coordinator, {});
    await expect(settle).toHaveCount(left - 1);
  }
  await expect(coordinator.locator('#tabpanel li', { hasText: t('gate-open') })).toHaveCount(0);
  await accessible(coordinator, 'closing gate, passed');
  await step(coordinator, 'closed', language);
  await answer(coordinator, {});
  await expect(coordinator.locator('.page-head .state')).toHaveText(t('incident-state-closed'));
  await accessible(coordinator, 'closed');
}

/** The dossier, as the browser saves it. */
export async function dossier({ coordinator }: Team, language: Language): Promise<Buffer> {
  await tab(coordinator, 'notices');
  const download = coordinator.waitForEvent('download', { timeout: 120_000 });
  await press(coordinator, texts(language)('dossier-make'));
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/\.zip$/);
  return readFileSync(await file.path());
}
