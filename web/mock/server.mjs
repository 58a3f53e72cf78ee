// A stand-in for the Saqshy server: the HTTP API of /api/v1 over an invented world, and the built console.
// For development (`npm run mock`, then `npm run dev`) and for browser tests. Keeps everything in memory.
import { createServer } from 'node:http';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { matcher } from './events.mjs';
import { addressees, clocksOf, lawWork, packs, record, withdraw } from './law.mjs';
import { pdf } from './pdf.mjs';
import { ruleRoutes } from './rules.mjs';
import { caseOperations } from './cases.mjs';
import { paperRoutes } from './papers.mjs';
import { makeWorld, permissions, roles, sha } from './world.mjs';

const port = Number(process.env.PORT ?? 4780);
const build = fileURLToPath(new URL('../build/', import.meta.url));
const world = makeWorld(Date.now());
const sessions = new Map();
const now = () => new Date().toISOString();

class Problem extends Error {
  constructor(status, code, message, more = {}) {
    super(message);
    Object.assign(this, { status, code, more });
  }
}
const missing = () => new Problem(404, 'not_found', 'nothing has this id');
const need = (thing) => thing ?? (() => { throw missing(); })();
const organisation = {
  name: { kk: '«Сарыарқа» өңірлік деректер орталығы', ru: 'Региональный центр данных «Сарыарка»', en: 'Saryarqa Regional Data Centre' },
  bearers: ['sts'], time_zone: 'Asia/Almaty',
  categories: [
    { id: 'intrusion', title: { kk: 'Рұқсатсыз кіру', ru: 'Несанкционированный доступ', en: 'Intrusion' } },
    { id: 'malware', title: { kk: 'Зиянды бағдарлама', ru: 'Вредоносная программа', en: 'Malware' } },
    { id: 'exfiltration', title: { kk: 'Деректердің сыртқа шығуы', ru: 'Утечка данных', en: 'Data exfiltration' } }
  ]
};
const sessionOf = (user) => ({
  user, organisation,
  permissions: permissions.filter((p) => user.roles.some((id) => roles.find((role) => role.id === id)?.permissions.includes(p)))
});
const plainAlert = ({ comments, ...alert }) => alert;
const incidentOf = (inc) => {
  const { alertIds, facts, ...rest } = inc;
  const proofs = world.journal.filter((l) => l.object === `incident:${inc.id}`).map((l) => ({ index: l.index, at: l.at, action: l.action, hash: l.hash, sealed: l.index < world.sealed }));
  return { ...rest, priority: 2, pins: [], alerts: world.alerts.filter((a) => alertIds.includes(a.id)).map(plainAlert), clocks: clocksOf(inc, Date.now()), proofs };
};
const rowOf = (inc) => {
  const { alertIds, facts, timeline, tasks, notices, occurred_at, closed_at, ...rest } = inc;
  const next = clocksOf(inc, Date.now()).filter((c) => ['running', 'overdue', 'fired'].includes(c.status)).sort((a, b) => a.due.localeCompare(b.due))[0];
  return { ...rest, priority: 2, alerts_count: alertIds.length, next_clock: inc.state === 'closed' ? undefined : next };
};
const note = (inc, who, kind, text) => {
  inc.timeline.push({ at: now(), actor: who.name, kind, text });
  inc.version += 1;
  world.leaf(now(), who.login, kind, `incident:${inc.id}`, { text });
};
const fresh = (thing, version) => {
  if (version !== thing.version) throw new Problem(409, 'conflict', `the version on the screen is ${version}, the stored one is ${thing.version}`);
};
const within = (q) => {
  const test = (() => { try { return matcher(q.query ?? ''); } catch (e) { throw new Problem(400, e.code ?? 'query_invalid', e.message ?? String(e), { column: e.column }); } })();
  return world.events.filter((e) => e['@timestamp'] >= q.from && e['@timestamp'] < q.to && test(e));
};
const histogram = (events, from, to, n) => {
  const start = Date.parse(from);
  const step = (Date.parse(to) - start) / n;
  const counts = new Array(n).fill(0);
  for (const e of events) counts[Math.min(n - 1, Math.floor((Date.parse(e['@timestamp']) - start) / step))] += 1;
  return counts.map((count, i) => ({ time: new Date(start + i * step).toISOString(), count }));
};
const findNotice = (id) => world.incidents.flatMap((i) => i.notices.map((n) => [i, n])).find(([, n]) => n.id === id) ?? (() => { throw missing(); })();
const order = ['open', 'investigating', 'contained', 'eliminated', 'closed'];

const routes = {
  'GET /session': ({ who }) => sessionOf(who),
  'DELETE /session': ({ token, res }) => { sessions.delete(token); res.setHeader('set-cookie', 'saqshy_session=; Max-Age=0; Path=/'); return null; },
  'POST /session/password': ({ body }) => { if (body.old !== 'saqshy-demo') throw new Problem(400, 'password_wrong', 'the current password is not right'); return null; },
  'GET /overview': ({ query }) => {
    const events = within({ ...query, query: '' });
    const levels = { critical: 0, high: 0, medium: 0, low: 0, informational: 0 };
    for (const a of world.alerts) levels[a.level] += 1;
    const open = world.incidents.filter((i) => i.state !== 'closed');
    const clocks_next = open.flatMap((i) => clocksOf(i, Date.now()).filter((c) => ['running', 'overdue', 'fired'].includes(c.status)).map((c) => ({ ...c, incident_id: i.id, incident_number: i.number, incident_title: i.title })));
    return {
      event_rate: histogram(events, query.from, query.to, 96), events_total: events.length * 137, alerts_by_level: levels, incidents_open: open.length,
      due_next: lawWork.periodic.filter((row) => !row.stopped).map((row) => ({ uid: `periodic:${row.duty}:${row.period}`, kind: 'periodic', title: row.title, due: row.due, own: row.own, clause: row.clause, person: null, incident_id: null, incident_number: null })),
      clocks_next: clocks_next.sort((a, b) => a.due.localeCompare(b.due)), sources: { active: 3, silent: 1 }, journal: { size: world.journal.length, checkpoint_time: new Date(Date.now() - 42_000).toISOString() }
    };
  },
  'DELETE /search/:id': () => null,
  'POST /search/histogram': ({ body }) => { const e = within(body); return { buckets: histogram(e, body.from, body.to, body.buckets), total: e.length }; },
  'POST /search/fields': ({ body }) => {
    const fields = new Map();
    for (const event of within(body)) for (const [name, value] of Object.entries(event)) {
      const f = fields.get(name) ?? { name, present: 0, counts: new Map() };
      f.present += 1;
      f.counts.set(String(value), (f.counts.get(String(value)) ?? 0) + 1);
      fields.set(name, f);
    }
    return { fields: [...fields.values()].map((f) => ({ name: f.name, present: f.present, top: [...f.counts].sort((a, b) => b[1] - a[1]).slice(0, 10).map(([value, count]) => ({ value, count })) })).sort((a, b) => a.name.localeCompare(b.name)) };
  },
  'GET /events/:id': ({ id }) => need(world.events.find((e) => e['event.id'] === id)),
  'POST /sql': ({ body }) => {
    if (!/^\s*select/i.test(body.sql)) throw new Problem(400, 'sql_invalid', 'only one SELECT statement is allowed');
    const by = new Map();
    for (const e of world.events) by.set(e['data_stream.dataset'], (by.get(e['data_stream.dataset']) ?? 0) + 1);
    return { columns: [{ name: 'dataset', type: 'Utf8' }, { name: 'events', type: 'Int64' }], rows: [...by].sort((a, b) => b[1] - a[1]), truncated: false, elapsed_ms: 38 };
  },
  'GET /alerts': ({ query }) => {
    const q = (query.q ?? '').toLowerCase();
    const list = world.alerts.filter((a) => (!query.state || a.state === query.state) && (!query.level || a.level === query.level) && (!q || `${a.rule_title} ${a.entity}`.toLowerCase().includes(q)));
    const start = Number(query.cursor ?? 0);
    const limit = Number(query.limit ?? 100);
    return { alerts: list.slice(start, start + limit).map(plainAlert), ...(start + limit < list.length ? { next: String(start + limit) } : {}) };
  },
  'GET /alerts/:id': ({ id }) => {
    const alert = need(world.alerts.find((a) => a.id === id));
    const events = world.events.filter((e) => Object.values(e).includes(alert.entity)).slice(0, Math.min(alert.hits_count, 12));
    return { ...alert, hits: events.map((e, i) => ({ id: sha(`${id}${i}`).slice(0, 32), event_id: e['event.id'], at: e['@timestamp'], host: e['host.name'], user: e['user.name'], source_ip: e['source.ip'], dataset: e['data_stream.dataset'] })) };
  },
  'POST /alerts/:id/triage': ({ id, body, who }) => {
    const alert = need(world.alerts.find((a) => a.id === id));
    fresh(alert, body.version);
    for (const key of ['state', 'verdict', 'assignee']) if (body[key] !== undefined) alert[key] = body[key] || undefined;
    if (body.comment) alert.comments.push({ at: now(), actor: who.name, text: body.comment });
    alert.version += 1;
    world.leaf(now(), who.login, 'alert.triaged', `alert:${id}`, body);
    return plainAlert(alert);
  },
  'GET /incidents': ({ query }) => ({ incidents: world.incidents.filter((i) => !query.state || i.state === query.state).map(rowOf) }),
  'POST /incidents': ({ body, who }) => {
    const n = world.incidents.length + 4;
    const inc = {
      id: `inc-${n}`, number: `2026-${String(n).padStart(4, '0')}`, title: body.title, state: 'open', severity: body.severity, category: body.category, object: body.object,
      assignee: who.login, detected_at: body.detected_at ?? now(), occurred_at: body.occurred_at, created_at: now(), version: 1, alertIds: body.alerts ?? [], facts: {}, timeline: [], tasks: [], notices: []
    };
    for (const a of world.alerts) if (inc.alertIds.includes(a.id)) a.incident_id = inc.id;
    world.incidents.unshift(inc);
    note(inc, who, 'incident.created', body.title);
    return incidentOf(inc);
  },
  'GET /incidents/:id': ({ id }) => incidentOf(need(world.incidents.find((i) => i.id === id))),
  'PATCH /incidents/:id': ({ id, body, who }) => {
    const inc = need(world.incidents.find((i) => i.id === id));
    fresh(inc, body.version);
    for (const key of ['title', 'severity', 'category', 'object', 'assignee']) if (body[key] !== undefined) inc[key] = body[key] || undefined;
    note(inc, who, 'incident.updated', '');
    return incidentOf(inc);
  },
  'POST /incidents/:id/state': ({ id, body, who }) => {
    const inc = need(world.incidents.find((i) => i.id === id));
    fresh(inc, body.version);
    if (!order.includes(body.state)) throw new Problem(400, 'state_unknown', 'this state is unknown');
    const before = inc.state;
    inc.state = body.state;
    if (body.state === 'closed') inc.closed_at = now();
    if (body.state === 'eliminated') inc.facts['incident.eliminated'] = now();
    note(inc, who, 'incident.state', `${before} → ${body.state}: ${body.reason}`);
    return incidentOf(inc);
  },
  'POST /incidents/:id/comments': ({ id, body, who }) => { const inc = need(world.incidents.find((i) => i.id === id)); note(inc, who, 'incident.commented', body.text); return { id: 'c' }; },
  'POST /incidents/:id/tasks': ({ id, body, who }) => {
    const inc = need(world.incidents.find((i) => i.id === id));
    const task = { id: `t-${Date.now()}`, state: 'open', created_at: now(), ...body };
    inc.tasks.push(task);
    note(inc, who, 'task.added', body.title);
    return task;
  },
  'PATCH /incidents/:id/tasks/:sub': ({ id, sub, body, who }) => {
    const inc = need(world.incidents.find((i) => i.id === id));
    const task = need(inc.tasks.find((x) => x.id === sub));
    task.state = body.state;
    note(inc, who, 'task.changed', task.title);
    return task;
  },
  'POST /incidents/:id/alerts': ({ id, body, who }) => { const inc = need(world.incidents.find((i) => i.id === id)); inc.alertIds.push(...body.alerts); note(inc, who, 'alert.attached', `${body.alerts.length}`); return incidentOf(inc); },
  'POST /incidents/:id/facts': ({ id, body, who }) => { const inc = need(world.incidents.find((i) => i.id === id)); inc.facts[body.kind] = body.at; note(inc, who, body.kind.split(':')[0], body.note); return incidentOf(inc); },
  'POST /incidents/:id/notices': ({ id, body, who }) => {
    const inc = need(world.incidents.find((i) => i.id === id));
    const clock = need(clocksOf(inc, Date.now()).find((c) => c.duty === body.duty));
    const notice = {
      id: `n-${Date.now()}`, incident_id: id, duty: body.duty, clause: clock.clause, number: `${inc.number}/${inc.notices.length + 1}`, addressee: body.addressee, addressee_name: addressees[body.addressee],
      address: body.address ?? `${body.addressee}@gov.example.kz`, text: body.text ?? '', channel: 'mail', state: 'draft', created_at: now(), attempts: 0, version: 1
    };
    inc.notices.push(notice);
    note(inc, who, 'notice.drafted', body.duty);
    return notice;
  },
  'GET /notices/:id': ({ id }) => findNotice(id)[1],
  'GET /notices/:id/document': ({ id, res }) => {
    const [inc, notice] = findNotice(id);
    res.setHeader('content-type', 'application/pdf');
    res.setHeader('content-disposition', `inline; filename="notice-${notice.id}.pdf"`);
    return Buffer.from(pdf([`Notice ${notice.clause}`, `Incident ${inc.number}`, `To: ${notice.address}`]));
  },
  'POST /notices/:id/approve': ({ id, who }) => { const [inc, n] = findNotice(id); n.state = 'approved'; n.approved_by = who.name; n.document_sha256 = sha(id); note(inc, who, 'notice.approved', n.duty); return n; },
  'POST /notices/:id/send': ({ id, who }) => { const [inc, n] = findNotice(id); n.state = 'sent'; n.sent_at = now(); inc.facts[`notice.sent:${n.duty}`] = n.sent_at; note(inc, who, 'notice.sent', n.duty); return n; },
  'GET /sources': () => ({ sources: world.sources, spool: { bytes: 214_958_080, bytes_max: 8_589_934_592 } }),
  'POST /sources': ({ body, who }) => {
    const id = `src-${world.sources.length + 1}`;
    world.sources.push({ id, name: body.name, kind: 'token', received: 0, stored: 0, dropped: 0, unparsed: 0, pending: 0, enabled: true, drop_reasons: {} });
    world.leaf(now(), who.login, 'source.created', `source:${id}`, body);
    return { id, token: `sq_${sha(id).slice(0, 40)}` };
  },
  'PATCH /sources/:id': ({ id, body, who }) => {
    const source = need(world.sources.find((s) => s.id === id));
    if (body.enabled !== undefined) source.enabled = body.enabled;
    world.leaf(now(), who.login, 'source.changed', `source:${id}`, body);
    return { id, enabled: source.enabled, ...(body.rotate ? { token: `sq_${sha(id + now()).slice(0, 40)}` } : {}) };
  },
  'GET /journal': ({ query }) => {
    const before = Math.min(Number(query.before ?? world.journal.length), world.journal.length);
    const limit = Number(query.limit ?? 100);
    return { size: world.journal.length, leaves: world.journal.slice(Math.max(0, before - limit), before).reverse() };
  },
  'GET /journal/checkpoint': ({ res }) => { res.setHeader('content-type', 'text/plain; charset=utf-8'); return Buffer.from(`saryarqa.kz/saqshy\n${world.journal.length}\n${Buffer.from(sha('root'), 'hex').toString('base64')}\n\n— saryarqa.kz/saqshy ${Buffer.from(sha('a') + sha('b'), 'hex').toString('base64')}\n`); },
  'POST /journal/verify': () => ({ ok: true, size: world.journal.length, findings: [] }),
  'GET /journal/:id/proof': ({ res }) => { res.setHeader('content-type', 'application/zip'); return Buffer.from('PK\u0005\u0006' + '\0'.repeat(18), 'latin1'); },
  'GET /journal/export': ({ res }) => { res.setHeader('content-type', 'application/zip'); return Buffer.from('PK\u0005\u0006' + '\0'.repeat(18), 'latin1'); },
  ...ruleRoutes({ world, need, now, Problem }),
  'GET /users': () => ({ users: world.users }),
  'POST /users': ({ body, who }) => { const { password, ...rest } = body; const user = { id: `u-${world.users.length + 1}`, language: 'kk', enabled: true, created_at: now(), ...rest }; world.users.push(user); world.leaf(now(), who.login, 'user.created', `user:${user.id}`, { login: user.login }); return { id: user.id }; },
  'PATCH /users/:id': ({ id, body }) => { const user = need(world.users.find((u) => u.id === id)); const { password, ...rest } = body; return Object.assign(user, rest); },
  'GET /roles': () => ({ roles }),
  ...caseOperations,
  ...paperRoutes({ world, need, now, findNotice }),
  'GET /law/packs': () => packs,
  'GET /law/work': () => lawWork,
  'POST /law/work': ({ body }) => record(body),
  'POST /law/work/:id/withdraw': ({ id, body }) => withdraw(id, body.reason)
};

const table = Object.entries(routes).map(([key, run]) => {
  const [method, path] = key.split(' ');
  return { method, run, regex: new RegExp(`^${path.replace(/:id/, '(?<id>[^/]+)').replace(/:sub/, '(?<sub>[^/]+)')}$`) };
});

async function search(res, request) {
  const started = Date.now();
  const found = within(request);
  res.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const line = (value) => res.write(JSON.stringify(value) + '\n');
  const list = request.newest_first === false ? [...found].reverse() : found;
  const shown = list.slice(0, request.limit);
  for (let part = 0; part < 4; part += 1) {
    for (const event of shown.slice((part * shown.length) / 4, ((part + 1) * shown.length) / 4)) line({ event });
    line({ progress: { files_done: (part + 1) * 6, files_total: 24, rows_scanned: (part + 1) * 48_211 } });
    await new Promise((done) => setTimeout(done, Number(process.env.MOCK_SLOW ?? 20)));
  }
  line({ done: { matched: found.length, elapsed_ms: Date.now() - started, truncated: found.length > shown.length } });
  res.end();
}

async function api(req, res, url) {
  const path = decodeURIComponent(url.pathname.slice('/api/v1'.length));
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const json = (req.headers['content-type'] ?? '').includes('json');
  const body = chunks.length && json ? JSON.parse(Buffer.concat(chunks).toString()) : {};
  const query = Object.fromEntries(url.searchParams);
  const token = /saqshy_session=([^;]+)/.exec(req.headers.cookie ?? '')?.[1];
  if (req.method !== 'GET' && req.headers['x-saqshy-csrf'] !== '1') throw new Problem(403, 'csrf', 'the header x-saqshy-csrf is missing');
  if (req.method === 'POST' && path === '/session') {
    const user = world.users.find((u) => u.login === body.login && u.enabled);
    if (!user || body.password !== 'saqshy-demo') throw new Problem(401, 'credentials_wrong', 'the login or the password is not right');
    const fresh = sha(`${Date.now()}${user.id}`);
    sessions.set(fresh, user);
    res.setHeader('set-cookie', `saqshy_session=${fresh}; HttpOnly; SameSite=Strict; Path=/`);
    return sessionOf(user);
  }
  const who = sessions.get(token);
  if (!who) throw new Problem(401, 'signed_out', 'sign in first');
  if (req.method === 'POST' && path === '/search') return search(res, body);
  if (req.method === 'GET' && path === '/search/export') {
    res.setHeader('content-type', query.format === 'csv' ? 'text/csv' : 'application/x-ndjson');
    res.setHeader('content-disposition', `attachment; filename="events.${query.format}"`);
    return Buffer.from(within(query).map((e) => JSON.stringify(e)).join('\n'));
  }
  for (const { method, regex, run } of table) {
    const match = method === req.method && regex.exec(path);
    if (match) return run({ ...match.groups, body, query, who, token, res });
  }
  throw missing();
}

const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json' };
const csp = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

function file(res, pathname) {
  const asked = join(build, normalize(decodeURIComponent(pathname)));
  const found = asked.startsWith(build) && existsSync(asked) && statSync(asked).isFile() ? asked : join(build, 'index.html');
  if (!existsSync(found)) { res.writeHead(503).end('run `npm run build` first'); return; }
  res.writeHead(200, { 'content-type': types[extname(found)] ?? 'application/octet-stream', 'content-security-policy': csp, 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin' });
  res.end(readFileSync(found));
}

createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  if (!url.pathname.startsWith('/api/')) return file(res, url.pathname);
  try {
    const answer = await api(req, res, url);
    if (res.writableEnded) return;
    if (Buffer.isBuffer(answer)) res.end(answer);
    else if (answer === null || answer === undefined) res.writeHead(204).end();
    else res.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  } catch (fault) {
    if (!(fault instanceof Problem)) console.error(fault);
    const status = fault.status ?? 500;
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ code: fault.code ?? 'internal', message: fault.message, link: '', ...fault.more }));
  }
}).listen(port, '127.0.0.1', () => console.log(`mock of Saqshy on http://127.0.0.1:${port} (aigul or admin, saqshy-demo)`));
