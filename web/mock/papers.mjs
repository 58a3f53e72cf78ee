// Reports, templates, notices' further ways and the dossier, as the console's tests need them.
import { addressees } from './law.mjs';
import { pdf } from './pdf.mjs';
import { sha } from './world.mjs';

const t3 = (kk, ru, en) => ({ kk, ru, en });
const same = (text) => t3(text, text, text);
const levels = {
  critical: t3('өте жоғары', 'критический', 'critical'), high: t3('жоғары', 'высокий', 'high'),
  medium: t3('орташа', 'средний', 'medium'), low: t3('төмен', 'низкий', 'low')
};
const kinds = [
  { id: 'register', clauses: ['R90-9-a'], title: t3('Ақпараттық қауіпсіздіктің оқыс оқиғаларын есепке алу журналы', 'Журнал учёта инцидентов информационной безопасности', 'Register of information security incidents') },
  { id: 'o199-incidents', clauses: ['O199-14'], title: t3('Анықталған АҚ оқыс оқиғалары жөніндегі тоқсандық жиынтық ақпарат', 'Квартальная сводная информация о выявленных инцидентах ИБ', 'Quarterly summary on detected incidents') }
];
const words = (name) => `{act.title}\n\n${name}: {incident.number}, {incident.title}\n\n{signer.position} {signer.name}`;
const original = t3(words('Хабарлама'), words('Уведомление'), words('Notice'));
const templates = [{
  pack: 'kz/o199', document: 'notice-nsc', act: t3('№ 199/НҚ бұйрық', 'Приказ № 199/НҚ', 'Order No. 199/НҚ'), changed: true, original, text: original, version: 1,
  placeholders: ['act.title', 'incident.number', 'incident.title', 'signer.name', 'signer.position'],
  history: [{ version: 1, written_at: '2026-03-01T05:00:00Z', written_by: 'Айгүл Сейітова', reason: '№ 12 бұйрық', reset: false }]
}];
const file = (res, type, name, body) => {
  res.setHeader('content-type', type);
  res.setHeader('content-disposition', `attachment; filename="${name}"`);
  return Buffer.from(body);
};
const emptyZip = 'PK\u0005\u0006' + '\0'.repeat(18);

export function paperRoutes({ world, need, now, findNotice }) {
  const reports = [];
  const feeds = new Map();
  const within = ({ from, to }) => world.incidents.filter((one) => one.detected_at >= from && one.detected_at < to);
  const caseOf = ({ id, number }) => ({ id, number });
  const cell = (text, cases = []) => ({ text, cases });
  const figure = (cases) => ({ text: same(String(cases.length)), number: cases.length, cases: cases.map(caseOf) });
  const note = (who, action, object, data) => world.leaf(now(), who.login, action, object, data);
  return {
    'GET /reports': () => ({ kinds, reports }),
    'GET /reports/preview': ({ query }) => {
      const cases = within(query);
      const column = (kk, ru, en) => t3(kk, ru, en);
      const severity = column('Маңыздылығы', 'Значимость', 'Severity');
      return {
        title: need(kinds.find((kind) => kind.id === query.kind)).title, subtitle: same(`${query.from.slice(0, 10)} – ${query.to.slice(0, 10)}`),
        parts: [
          { paragraph: t3('Негіздеме: Талаптардың 9-тармағы', 'Основание: пункт 9 Требований', 'Basis: Requirements, ¶9') },
          { heading: t3('1. Оқыс оқиғалар', '1. Инциденты', '1. Incidents') },
          {
            table: {
              id: 'by-severity', title: t3('Маңыздылық деңгейі бойынша', 'По уровню значимости', 'By severity'), empty: same('–'),
              columns: [severity, column('Дабылдар', 'Сигналы', 'Alerts'), column('Оқыс оқиғалар саны', 'Число инцидентов', 'Incidents')],
              rows: Object.entries(levels).map(([level, text]) => {
                const alerts = world.alerts.filter((one) => one.level === level).length;
                return [cell(text), { text: same(String(alerts)), number: alerts, cases: [], ...(alerts ? { page: `/alerts?level=${level}` } : {}) }, figure(cases.filter((one) => one.severity === level))];
              })
            }
          },
          {
            table: {
              id: 'incidents', title: t3('Оқыс оқиғалар', 'Инциденты', 'Incidents'), empty: t3('Жоқ', 'Нет', 'None'),
              columns: [column('Нөмірі', 'Номер', 'Number'), column('Оқыс оқиға', 'Инцидент', 'Incident'), severity],
              rows: cases.map((one) => [cell(same(one.number), [caseOf(one)]), cell(same(one.title)), cell(levels[one.severity])])
            }
          }
        ]
      };
    },
    'POST /reports': ({ body, who }) => {
      const n = reports.length + 1;
      const report = { ...body, id: `rep-${n}`, number: `REP-2026-${String(n).padStart(4, '0')}`, sha256: sha(`report${n}`), cases: within(body).length, made_at: now(), made_by: who.name };
      reports.unshift(report);
      note(who, 'report.made', `report:${report.id}`, body);
      return report;
    },
    'GET /reports/:id/document': ({ id, res }) => {
      const report = need(reports.find((one) => one.id === id));
      return file(res, 'application/pdf', `${report.number}.pdf`, pdf([report.number]));
    },
    'GET /templates': () => ({ templates }),
    'PUT /templates/:id/:sub': ({ id, sub, body, who }) => {
      const one = need(templates.find((one) => one.pack === id.replace('.', '/') && one.document === sub));
      Object.assign(one, { text: body.text ?? one.original, changed: Boolean(body.text), version: one.version + 1 });
      one.history.push({ version: one.version, written_at: now(), written_by: who.name, reason: body.reason, reset: !body.text });
      note(who, 'template.written', `template:${id}#${sub}`, body);
      return one;
    },
    'GET /addressees': () => ({ addressees: Object.entries(addressees).map(([party, name]) => ({ party, name, channel: 'mail', address: `${party}@gov.example.kz` })) }),
    'PATCH /notices/:id': ({ id, body }) => Object.assign(findNotice(id)[1], body),
    'POST /notices/:id/receipt': ({ id, body }) => Object.assign(findNotice(id)[1], { state: 'acknowledged', acknowledged_at: body.at, receipt_who: body.who }),
    'POST /notices/:id/answer': ({ id, body }) => Object.assign(findNotice(id)[1], { answered_at: body.at, answer_note: body.note }),
    'POST /incidents/:id/dossier': ({ id, res }) => file(res, 'application/zip', `${need(world.incidents.find((one) => one.id === id)).number}.zip`, Buffer.from(emptyZip, 'latin1')),
    'GET /incidents/:id/stix': ({ res }) => file(res, 'application/stix+json', 'case.stix.json', '{"type":"bundle","id":"bundle--0","objects":[]}'),
    'GET /session/calendar': ({ who }) => (feeds.has(who.login) ? { made_at: feeds.get(who.login) } : {}),
    'POST /session/calendar': ({ who }) => { feeds.set(who.login, now()); return { url: `http://127.0.0.1/calendar/${sha(who.login).slice(0, 32)}.ics` }; },
    'DELETE /session/calendar': ({ who }) => { feeds.delete(who.login); return null; }
  };
}
