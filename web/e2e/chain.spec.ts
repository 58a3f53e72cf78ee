// The whole chain of a case: alert, two acts at once, notices by real mail, receipt by an outsider, investigation,
// closing gate, dossier, proof. Against a server that wants a second person to approve a notice. SAQSHY_URL names it,
// SAQSHY_PEOPLE an analyst and two coordinators (comma-separated) who share SAQSHY_PASSWORD, SAQSHY_MAILBOX the
// Maildir into which its mail goes, SAQSHY_VERIFY the program `saqshy-verify`.
import { expect, test } from '@playwright/test';
import { acknowledge, close, conclude, dossier, notify, openCase, openInvestigation, secondPerson, secureEvidence, type Team } from './chain';
import { prepare, signIn } from './console';
import { membersOf, tampered, verify } from './dossier';

const { SAQSHY_PEOPLE: people = '', SAQSHY_PASSWORD: password = '', SAQSHY_MAILBOX: mailbox = '', SAQSHY_VERIFY: program = '' } = process.env;

test.beforeAll(() => {
  if (!people || !password || !mailbox || !program) throw new Error('SAQSHY_PEOPLE, SAQSHY_PASSWORD, SAQSHY_MAILBOX and SAQSHY_VERIFY have to be set');
});

for (const language of ['kk', 'ru'] as const) {
  test(`from an alert to a dossier that an outsider verifies, in ${language}`, async ({ browser }, info) => {
    test.setTimeout(600_000);
    const logins = people.split(',');
    const faults: string[][] = [];
    const pages = [];
    for (const login of logins) {
      const page = await (await browser.newContext(info.project.use)).newPage();
      faults.push(await prepare(page, language));
      await signIn(page, login, password);
      pages.push(page);
    }
    const team: Team = { analyst: pages[0]!, coordinator: pages[1]!, second: pages[2]! };
    const who = { coordinator: logins[1]!, subject: logins[2]! };

    await openCase(team, language);
    const sent = await notify(team, ['o199.notify-state-body', 'o199.notify-nsc', 'r90.inform'], language, mailbox);
    await secondPerson(team, 'r90.regulator-system', language, mailbox);
    await acknowledge(browser, team, sent.get('o199.notify-state-body')!, language);
    await secureEvidence(team, language);
    await openInvestigation(team, language, who);
    await notify(team, ['r90.notify-start', 'r90.notify-terms'], language, mailbox);
    await conclude(team, language, who);
    await notify(team, ['r90.inform-results'], language, mailbox);
    await close(team, language);

    const zip = await dossier(team, language);
    const file = info.outputPath('dossier.zip');
    const sound = verify(program, file, zip, language);
    expect(sound.status, sound.text).toBe(0);
    const members = membersOf(zip);
    expect(members.length).toBeGreaterThan(15);
    // Every file and letter, and the first and the last of the leaves and proofs.
    const kin = (name: string) => members.filter((member) => member.name.startsWith(name));
    const chosen = [...members.filter(({ name }) => !/^(leaves|proofs)\//.test(name)), ...['leaves/', 'proofs/'].flatMap((name) => [kin(name).at(0)!, kin(name).at(-1)!])];
    for (const member of chosen) {
      for (const [offset, hidden] of [[0, false], [Math.floor(member.size / 2), true], [member.size - 1, true]] as const) {
        const found = verify(program, file, tampered(zip, member, offset, hidden), language);
        expect(found.status, `${member.name} at ${offset}: ${found.text}`).toBe(1);
        expect(found.text).toContain(member.name);
      }
    }
    expect(faults.flat()).toEqual([]);
  });
}
