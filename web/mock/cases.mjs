// The work on a case as the console's tests need it: the reading operations with a little in them.
const t3 = (kk, ru, en) => ({ kk, ru, en });
const later = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
const ago = (hours) => later(-hours);

const gate = [
  { id: 'classified', clause: 'R90-7-3', title: null, ok: true, detail: 'malware', by: null, at: null },
  { id: 'eliminated', clause: 'O199-10-3-11', title: null, ok: false, detail: '', by: null, at: null },
  { id: 'cause', clause: 'R90-4-8', title: null, ok: false, detail: '', by: null, at: null }
];
const evidence = {
  id: 'ev-1', incident_id: 'inc-1', seq: 1, title: 'Диск бейнесі', source: 'ws-acc-07', method: 'dd', collected_at: ago(5), collected_by: 'analyst', file_name: 'disk.img',
  media_type: 'application/octet-stream', sha256: 'a3'.repeat(32), bytes: 5_368_709_120, received_at: ago(5), received_by: 'analyst', investigation_id: null, holder: 'analyst',
  sealed_at: null, sealed_by: null, deletion_proposed_by: null, deletion_why: null, deleted_at: null, version: 2
};
const playbook = {
  id: 'playbook--f47ac10b-58cc-4372-a567-0e02b2c3d479', version: 1, name: 'Шифрлаушы бағдарлама', document: { type: 'playbook' }, sha256: 'b1'.repeat(32), reason: 'бірінші', saved_at: ago(200),
  saved_by: 'analyst', approved_at: ago(190), approved_by: 'coordinator',
  linear: { name: 'Шифрлаушы бағдарлама', description: '', steps: [{ name: 'Желіден ажырату', description: '' }, { name: 'Мекенжайды бұғаттау', description: '', driver: 'block_address' }] }
};
const step = { n: 1, name: 'Желіден ажырату', description: '', kind: 'human', instructions: ['Желіден ажырату'], driver: null, choices: [], state: 'open', begun_at: ago(1), ended_at: null, ended_by: null, choice: null, note: '' };
const run = { id: 'run-1', playbook_id: playbook.id, playbook_version: 1, name: playbook.name, started_at: ago(1), started_by: 'analyst', ended_at: null, effect: null, effect_why: null, effect_by: null, steps: [step] };
const action = {
  id: 'act-1', incident_id: 'inc-1', run_id: null, run_step: null, driver: 'block_address', target: '203.0.113.7', minutes: 60, reason: 'Құпиясөз таңдау', state: 'requested', requested_at: ago(1),
  requested_by: 'analyst', rehearsal: 'nft --check add element inet saqshy blocked4 { 203.0.113.7 timeout 60m }', owner: null, approved_by: null, applied_at: null, expires_at: null, undone_at: null, result: '', version: 2
};
const contact = { id: 'con-1', version: 2, object: '«Е-құжат» АЖ', owner: 'Министрлік', role: 'АҚ жауапты', person: 'Марат', email: 'marat@example.kz', phone: '', removed: false, reason: 'ауысты', changed_at: ago(4), saved_at: ago(4), saved_by: 'analyst' };
const table = {
  categories: [{ id: 'malware', title: t3('Зиянды бағдарлама', 'Вредоносная программа', 'Malware'), priority: 1 }],
  events: [{ id: 'ransom', title: t3('Шифрлаушы', 'Шифровальщик', 'Ransomware'), rules: ['r9'], tags: [], category: 'malware', severity: 'critical', measures: 'Желіден ажырату', sources: 'windows.security', monitoring: 'үздіксіз' }],
  closing: [{ id: 'lessons', title: t3('Сабақ алынды', 'Выводы сделаны', 'Lessons were drawn') }]
};

export const caseOperations = {
  'GET /incidents/:id/gate': () => ({ items: gate }),
  'GET /incidents/:id/related': () => ({ links: [], duplicates: [] }),
  'GET /incidents/:id/visits': () => ({ visits: [] }),
  'GET /incidents/:id/evidence': () => ({ evidence: [evidence], holds: [] }),
  'GET /evidence/:id': () => ({ ...evidence, custody: [{ seq: 1, act: 'taken', at: ago(5), from: 'analyst', to: 'analyst', reason: 'dd', recorded_at: ago(5), recorded_by: 'analyst' }] }),
  'GET /incidents/:id/damage': () => ({ damage: [], investigations: [] }),
  'GET /incidents/:id/response': () => ({ runs: [run], actions: [action], stops: [], drivers: ['add_to_set', 'block_address'] }),
  'GET /playbooks': () => ({ playbooks: [playbook] }),
  'GET /playbooks/:id': () => ({ versions: [playbook], readings: [{ version: 1, person: 'analyst', read_at: ago(100) }] }),
  'GET /contacts': () => ({ contacts: [contact], clocks: [{ contact_id: 'con-1', contact_version: 2, person: 'Марат', duty: 'o52.contacts', clause: 'O52-16', title: t3('Жауапты тұлғаның өзекті байланыс деректерін жолдау', 'Направить актуальные контактные данные', 'Send the current contact details'), own: true, status: 'running', due: later(44), stopped: null }] }),
  'GET /contacts/:id': () => ({ contacts: [contact], clocks: [] }),
  'GET /incident-table': () => ({ versions: [{ version: 1, adopted_at: ago(2000), adopted_by: 'coordinator', reason: 'бірінші', sha256: 'c4'.repeat(32), table }], reviews: [], review_due: later(6000) }),
  'GET /due': () => ({ due: [{ uid: 'review:incident_table', kind: 'review', title: t3('Оқиғалар тізбесі мен жіктеу кестесін қайта қарау', 'Пересмотр перечня событий и таблицы классификации', 'Review of the event list and the table of classes'), due: later(6000), own: true, clause: 'R90-4-10', person: null, incident_id: null, incident_number: null }] }),
  'GET /shifts': () => ({ shifts: [{ id: 'sh-1', person: 'analyst', begins_at: ago(2), ends_at: later(10), planned_by: 'coordinator' }], gaps: [{ from: later(10), to: later(300) }] }),
  'GET /hand-overs': () => ({ hand_overs: [] }),
  'GET /notifications': () => ({ notifications: [] })
};
