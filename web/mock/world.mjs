import { createHash } from 'node:crypto';
import { makeEvents } from './events.mjs';
import { random } from './random.mjs';

const r = random(42);
const ago = (now, minutes) => new Date(now - minutes * 60_000).toISOString();
export const sha = (text) => createHash('sha256').update(text).digest('hex');

const ruleSeeds = [
  ['Suspicious Encoded PowerShell Command Line', 'high', ['attack.execution', 'attack.t1059.001'], 'process_creation', 'windows'],
  ['LSASS Memory Dump Via Comsvcs.dll', 'critical', ['attack.credential-access', 'attack.t1003.001'], 'process_creation', 'windows'],
  ['SSH Brute Force From One Address', 'high', ['attack.credential-access', 'attack.t1110.001'], undefined, 'linux'],
  ['SQL Injection Attempt In Web Request', 'medium', ['attack.initial-access', 'attack.t1190'], 'webserver', undefined],
  ['Request For A Secret File On A Web Server', 'low', ['attack.reconnaissance'], 'webserver', undefined],
  ['Web Server Account Starts A Shell', 'critical', ['attack.persistence', 'attack.t1505.003'], 'process_creation', 'linux'],
  ['Security Log Cleared', 'high', ['attack.defense-evasion', 'attack.t1070.001'], undefined, 'windows'],
  ['User Added To Domain Admins', 'high', ['attack.privilege-escalation', 'attack.t1098'], undefined, 'windows'],
  ['New Service Installed From A Temporary Folder', 'medium', ['attack.persistence', 'attack.t1543.003'], undefined, 'windows'],
  ['Logon Outside Working Hours', 'informational', ['attack.initial-access', 'attack.t1078'], undefined, 'windows'],
  ['Office Application Starts A Script Host', 'high', ['attack.execution', 'attack.t1204.002'], 'process_creation', 'windows'],
  ['Antivirus Switched Off', 'medium', ['attack.defense-evasion', 'attack.t1562.001'], undefined, 'windows']
];

export function makeWorld(now) {
  const rules = ruleSeeds.map(([title, level, tags, category, product], i) => ({
    id: `6f1b9c${i.toString(16).padStart(2, '0')}-4a7e-4c0d-9b52-${r.hex(12)}`, title, level, status: i % 4 ? 'stable' : 'test', tags,
    author: i % 3 ? 'Saqshy' : 'A. Sadykov',
    ...(i === 2 ? { kind: 'correlation' } : { kind: 'rule', logsource: { category, product, service: category ? undefined : product === 'windows' ? 'security' : 'auth' } }),
    set: 'saqshy', mode: i === 11 ? 'disabled' : 'enabled', since: ago(now, 40_000), test_hits: 0, hidden_hits: 0, cost_share: 1 / 12, hits: r.int(4000), last_hit: i % 5 === 4 ? undefined : ago(now, 10 + r.int(900))
  }));
  const entities = [['host', 'ws-0243.saryarqa.kz'], ['host', 'dc01.saryarqa.kz'], ['source.ip', '185.220.101.47'], ['source.ip', '91.240.118.172'], ['user', 'g.nurlanova'], ['host', 'web-prod-01'], ['user', 'svc_backup']];
  const states = ['new', 'new', 'new', 'acknowledged', 'in_progress', 'closed'];
  const alerts = Array.from({ length: 46 }, (_, i) => {
    const rule = rules[i < 12 ? i : r.int(10)];
    const [entity_kind, entity] = rule.title.includes('SSH') || rule.title.includes('SQL') || rule.title.includes('Secret File') ? entities[2 + r.int(2)] : r.pick(entities);
    const last = 4 + i * 23 + r.int(18);
    const state = i < 6 ? 'new' : r.pick(states);
    return {
      id: r.hex(32), rule_id: rule.id, rule_title: rule.title, title: { kk: rule.title, ru: rule.title, en: rule.title }, level: rule.level, tags: rule.tags, entity_kind, entity,
      first_at: ago(now, last + 1 + r.int(40)), last_at: ago(now, last), hits_count: 1 + r.int(rule.title.includes('SSH') ? 900 : 14), state,
      verdict: state === 'closed' ? r.pick(['true_positive', 'false_positive', 'benign']) : undefined,
      assignee: state === 'new' ? undefined : r.pick(['aigul', 'd.kim']), incident_id: undefined, version: 1, comments: []
    };
  });
  const incident = (n, title, state, severity, detectedMinutes, object, take, facts) => {
    const detected_at = ago(now, detectedMinutes);
    const id = `inc-${n}`;
    for (const alert of take) alert.incident_id = id;
    const number = `2026-${String(n).padStart(4, '0')}`;
    return {
      id, number, title, state, severity, category: 'intrusion', object, assignee: 'aigul', detected_at,
      occurred_at: ago(now, detectedMinutes + 14), created_at: ago(now, detectedMinutes - 1), version: 3, alertIds: take.map((a) => a.id), facts,
      timeline: [
        { at: ago(now, detectedMinutes - 1), actor: 'system', kind: 'incident.created', text: title },
        { at: ago(now, detectedMinutes - 1), actor: 'system', kind: 'alert.attached', text: `${take.length}` },
        ...(detectedMinutes > 20 ? [
          { at: ago(now, detectedMinutes - 6), actor: 'Айгүл Серікқызы Нұрланова', kind: 'incident.commented', text: 'web-prod-01 серверіндегі /tmp/.x файлы алынды, хеші тапсырмаға тіркелді. Есептік жазба бұғатталды.' },
          { at: ago(now, detectedMinutes - 8), actor: 'Айгүл Серікқызы Нұрланова', kind: 'incident.state', text: 'open → investigating: бастапқы талдау басталды' }
        ] : [])
      ],
      tasks: [
        { id: `t-${n}-1`, title: 'web-prod-01 желіден оқшаулау', state: 'done', assignee: 'd.kim', created_at: ago(now, detectedMinutes - 3) },
        { id: `t-${n}-2`, title: 'Жад көшірмесін алу және хешін тіркеу', state: 'open', assignee: 'aigul', due: ago(now, -150), created_at: ago(now, detectedMinutes - 4) },
        { id: `t-${n}-3`, title: 'svc_backup құпиясөзін ауыстыру', state: 'open', created_at: ago(now, detectedMinutes - 5) }
      ],
      notices: []
    };
  };
  const incidents = [
    incident(7, 'Веб-сервер есептік жазбасынан қабықша іске қосылды', 'investigating', 'critical', 18, '«Өтініш» ақпараттық жүйесі', [alerts[5], alerts[3], alerts[1]], {}),
    incident(6, 'Бір мекенжайдан SSH құпиясөзін теріп табу әрекеті', 'contained', 'high', 436, 'db-egov-01', [alerts[2]], {
      'notice.sent:o199.notify-state-body': ago(now, 415), 'notice.received:o199.notify-state-body': ago(now, 402)
    }),
    incident(5, 'LSASS жадының көшірмесі алынды', 'open', 'critical', 205, 'ws-0243.saryarqa.kz', [alerts[6]], { 'notice.sent:o199.notify-state-body': ago(now, 160) }),
    incident(4, 'Домен әкімшілері тобына рұқсатсыз қосылу', 'closed', 'medium', 4100, 'dc01.saryarqa.kz', [alerts[7]], {
      'notice.sent:o199.notify-state-body': ago(now, 4080), 'notice.sent:o199.notify-nsc': ago(now, 4010), 'notice.received:o199.notify-state-body': ago(now, 4050),
      'answer.received:o199.state-body-answer': ago(now, 2200), 'incident.eliminated': ago(now, 1900)
    })
  ];
  incidents[1].notices.push({
    id: 'n-1', incident_id: 'inc-6', duty: 'o199.notify-state-body', clause: 'O199-10-3-7a', addressee: 'state_body', address: 'aq@gov.example.kz',
    state: 'acknowledged', created_at: ago(now, 425), approved_by: 'Айгүл Серікқызы Нұрланова', sent_at: ago(now, 415), acknowledged_at: ago(now, 402), document_sha256: sha('n-1')
  });
  const sources = [
    ['src-1', 'Домен контроллерлері (Winlogbeat)', 'token', 18_442_107, 0, 0, 212, 0.2, true],
    ['src-2', 'web-prod (Filebeat)', 'token', 6_210_884, 0, 41, 35, 0.1, true],
    ['src-3', '10.20.0.1 · fw-edge', 'peer', 44_018_290, 1_204, 91_877, 0, 0.1, true],
    ['src-4', 'mail-gw (rsyslog)', 'token', 902_114, 0, 7, 0, 1900, true],
    ['src-5', 'Ескі VPN шлюзі', 'token', 118_220, 0, 0, 0, 60_000, false]
  ].map(([id, name, kind, received, dropped, unparsed, pending, minutes, enabled]) => ({
    id, name, kind, received, stored: received - dropped - pending, dropped, unparsed, pending, last_seen: ago(now, minutes), enabled,
    drop_reasons: dropped ? { udp_buffer_full: dropped - 4, line_too_long: 4 } : {}
  }));
  const users = [
    { id: 'u-1', login: 'aigul', name: 'Айгүл Серікқызы Нұрланова', roles: ['incident_coordinator'], language: 'kk', enabled: true, created_at: ago(now, 90_000), last_sign_in: ago(now, 3) },
    { id: 'u-0', login: 'admin', name: 'Ерлан Қасымов', roles: ['administrator'], language: 'kk', enabled: true, created_at: ago(now, 90_000), last_sign_in: ago(now, 31) },
    { id: 'u-2', login: 'd.kim', name: 'Дмитрий Ким', roles: ['analyst'], language: 'ru', enabled: true, created_at: ago(now, 80_000), last_sign_in: ago(now, 55) },
    { id: 'u-3', login: 'auditor', name: 'Jane Whitfield', roles: ['auditor'], language: 'en', enabled: true, created_at: ago(now, 40_000), last_sign_in: ago(now, 9000) },
    { id: 'u-4', login: 't.akhmetov', name: 'Тимур Ахметов', roles: ['analyst'], language: 'ru', enabled: false, created_at: ago(now, 70_000) }
  ];
  const journal = [];
  const leaf = (at, actor, action, object, change, reason) => {
    const index = journal.length;
    journal.push({ index, at, actor, action, object, change, reason, hash: sha(`${index}${at}${action}${object}`) });
    return index;
  };
  leaf(ago(now, 90_000), 'system', 'session.begun', 'user:u-0', {});
  users.forEach((u) => leaf(u.created_at, 'system', 'user.created', `user:${u.id}`, { login: u.login, roles: u.roles }));
  sources.forEach((s) => leaf(ago(now, 70_000), 'admin', 'source.created', `source:${s.id}`, { name: s.name }));
  for (let i = 0; i < 70; i += 1) leaf(ago(now, 5000 - i * 60), 'system', 'lake.file_added', `lake:day-${i}`, { files: 3, sha256: sha(`f${i}`) });
  for (const inc of [...incidents].reverse()) {
    leaf(inc.created_at, 'system', 'incident.created', `incident:${inc.id}`, { title: inc.title, severity: inc.severity, detected_at: inc.detected_at });
    leaf(inc.created_at, 'system', 'alert.attached', `incident:${inc.id}`, { alerts: inc.alertIds });
    for (const [fact, at] of Object.entries(inc.facts)) leaf(at, 'aigul', fact.split(':')[0], `incident:${inc.id}`, { fact });
  }
  return { now, rules, alerts, incidents, sources, users, journal, leaf, events: makeEvents(now), sealed: journal.length };
}

export const permissions = [
  'contacts.read', 'contacts.write', 'evidence.export', 'evidence.hold', 'evidence.read', 'evidence.write', 'incident_table.write', 'investigations.read', 'investigations.write',
  'playbooks.approve', 'playbooks.read', 'playbooks.write', 'response.approve', 'response.request', 'shifts.write',
  'dossier.export', 'reports.read', 'reports.write', 'templates.write',
  'alerts.read', 'alerts.triage', 'export.read', 'incidents.read', 'incidents.write', 'journal.export', 'journal.read', 'law.read', 'law.record', 'notices.approve',
  'exceptions.approve', 'exceptions.propose', 'notices.draft', 'notices.send', 'overview.read', 'people.read', 'rules.backtest', 'rules.read', 'rules.write', 'search.read', 'sources.read', 'sources.write', 'sql.read', 'users.read', 'users.write'
];
const t3 = (kk, ru, en) => ({ kk, ru, en });
const coordinator = [
  'overview.read', 'search.read', 'sql.read', 'export.read', 'alerts.read', 'alerts.triage', 'incidents.read', 'incidents.write',
  'exceptions.approve', 'exceptions.propose', 'rules.backtest', 'people.read',
  'contacts.read', 'contacts.write', 'evidence.export', 'evidence.hold', 'evidence.read', 'evidence.write', 'incident_table.write', 'investigations.read', 'investigations.write',
  'playbooks.approve', 'playbooks.read', 'playbooks.write', 'response.approve', 'response.request', 'shifts.write',
  'dossier.export', 'reports.read', 'reports.write', 'templates.write',
  'notices.draft', 'notices.approve', 'notices.send', 'sources.read', 'rules.read', 'journal.read', 'journal.export', 'law.read', 'law.record'
];
export const roles = [
  {
    id: 'administrator', title: t3('Жүйе әкімшісі', 'Администратор системы', 'Administrator'),
    permissions: ['overview.read', 'sources.read', 'sources.write', 'rules.read', 'rules.write', 'exceptions.approve', 'users.read', 'users.write', 'journal.read', 'journal.export', 'law.read']
  },
  {
    id: 'analyst', title: t3('Мониторинг және ден қою талдаушысы', 'Аналитик мониторинга и реагирования', 'Monitoring and response analyst'),
    permissions: coordinator.filter((p) => !/approve|send|journal|investigations|table|shifts|hold|evidence\.export|templates|dossier/.test(p))
  },
  { id: 'incident_coordinator', title: t3('Оқыс оқиғалар үйлестірушісі', 'Координатор инцидентов', 'Incident coordinator'), permissions: coordinator },
  { id: 'auditor', title: t3('Аудитор', 'Аудитор', 'Auditor'), permissions: permissions.filter((p) => p === 'journal.export' || (p.endsWith('.read') && !/sql|export/.test(p))) }
];
