// Rules, their sets, exceptions and back-tests of the invented world.
import { sha } from './world.mjs';

const tactics = [
  ['TA0001', 'initial-access', 'Initial Access', ['T1078 Valid Accounts', 'T1190 Exploit Public-Facing Application']],
  ['TA0002', 'execution', 'Execution', ['T1059.001 PowerShell', 'T1204.002 Malicious File']],
  ['TA0003', 'persistence', 'Persistence', ['T1505.003 Web Shell', 'T1543.003 Windows Service']],
  ['TA0006', 'credential-access', 'Credential Access', ['T1003.001 LSASS Memory', 'T1110.001 Password Guessing']]
];

const correlation = {
  type: 'event_count', group_by: ['source.ip', 'host.name'], timespan_seconds: 300,
  figures: { groups: 418, fired: 37, late: 5, dropped: 12 }
};
const correlationYaml = 'correlation:\n  type: event_count\n  rules:\n    - ssh_refused\n  group-by:\n    - source.ip\n    - host.name\n  timespan: 5m\n  condition:\n    gte: 10\n';
const selectionYaml = (one) =>
  `logsource:\n  product: ${one.logsource.product ?? 'any'}\ndetection:\n  selection:\n    CommandLine|contains|all:\n      - ' -enc '\n      - powershell\n  condition: selection\n`;

export function ruleRoutes({ world, need, now, Problem }) {
  const sets = [{ name: 'saqshy', kind: 'own', origin: '', version: '0.1.0', mode: 'enabled', rules: world.rules.length, refused: 1 }];
  const exceptions = [];
  const day = (n) => new Date(Date.now() - n * 86_400_000).toISOString();
  const backtests = [{
    id: 'bt-0', rule_id: world.rules[2].id, title: world.rules[2].title, sha256: sha('bt-0'), from: day(30), to: day(1), by: 'Д. Ким', started_at: day(1), state: 'interrupted',
    events_total: 90_000, events_read: 50_000, hits: 3, alerts: 1, truncated: false, days: [{ day: day(20).slice(0, 10), hits: 3 }], examples: []
  }];
  const refused = [{ file: 'rules/own/old_proxy.yml', line: 14, reason: 'unknown modifier `containz` on field `c-uri`' }];
  const rule = (id) => need(world.rules.find((x) => x.id === id));
  const decide = (state, action) => ({ id, body, who }) => {
    const one = need(exceptions.find((x) => x.id === id));
    if (state !== 'withdrawn' && one.proposed_by === who.login) throw new Problem(422, 'invalid', '`approver`: who proposed an exception does not decide on it: ask a second person');
    world.leaf(now(), who.login, action, `exception:${id}`, { state }, body.reason);
    return Object.assign(one, { state, decided_at: now(), decided_by: who.login, decision: body.reason, version: one.version + 1 });
  };
  return {
    'GET /rules': () => ({ rules: world.rules, refused, warnings: [], costs: { measured_at: now(), events: 2048 } }),
    'POST /rules/costs': () => ({ measured_at: now(), events: 2048 }),
    'GET /rules/:id': ({ id }) => {
      const one = rule(id);
      const correlates = one.kind === 'correlation';
      return {
        ...one, description: 'Finds the technique by the command line of a started process.', references: ['https://attack.mitre.org/techniques/T1059/001/'],
        falsepositives: ['Scripts of the administrators'], license: 'DRL-1.1', file: 'rules/windows/example.yml', line: 1, over: correlates ? ['ssh_refused'] : [],
        ...(correlates ? { correlation } : {}),
        samples: '[[positive]]\nformat = "json"\nlines = [\'{"CommandLine": "powershell -enc AAAA"}\']\n',
        intervals: [{ from: one.since, mode: 'enabled', sha256: sha(one.id) }],
        source_yaml: `title: ${one.title}\nid: ${one.id}\nstatus: ${one.status}\nlevel: ${one.level}\ntags:\n${one.tags.map((x) => `  - ${x}\n`).join('')}${correlates ? correlationYaml : selectionYaml(one)}`
      };
    },
    'PATCH /rules/:id': ({ id, body, who }) => {
      const one = rule(id);
      one.mode = body.mode;
      world.leaf(now(), who.login, `rule.${body.mode}`, `rule:${id}`, { mode: body.mode }, body.reason);
      return one;
    },
    'POST /rules/:id/explain': ({ id, body }) => {
      rule(id);
      const event = need(world.events.find((e) => e['event.id'] === body.event_id));
      const command = event['process.command_line'];
      return {
        matched: false,
        variants: [{
          applies: true, logsource: [{ field: 'data_stream.dataset', wanted: ['windows.*'], found: event['data_stream.dataset'], held: true }],
          conditions: [{ text: 'selection', held: false }],
          searches: [{ name: 'selection', line: 9, held: false, items: [{ key: 'CommandLine|contains|all', line: 10, fields: ['process.command_line'], found: command ? [command] : [], held: false, met: [] }] }]
        }]
      };
    },
    'GET /rules/:id/quiet-hits': () => ({ hits: [] }),
    'GET /attack': () => ({
      attack_version: '19', techniques: 8, rules_tagged: world.rules.length, rules_untagged: 0,
      tactics: tactics.map(([id, tag, name, techniques]) => ({
        id, tag, name,
        techniques: techniques.map((text) => {
          const [technique] = text.split(' ');
          const own = world.rules.filter((x) => x.tags.includes(`attack.${technique.toLowerCase()}`));
          return { id: technique, name: text.slice(technique.length + 1), rules: own.map((x) => ({ id: x.id, title: x.title })) };
        })
      }))
    }),
    'GET /attack/layer': () => ({ name: 'Saqshy', versions: { attack: '19', layer: '4.5' }, domain: 'enterprise-attack', techniques: [] }),
    'GET /rulesets': () => ({ sets }),
    'POST /rulesets': ({ query, who }) => {
      const set = { name: query.name ?? 'imported', kind: 'zip', origin: 'upload', version: query.version ?? '', sha256: sha('set'), mode: query.mode ?? 'test', rules: 3, refused: 1, imported_at: now(), imported_by: who.name };
      sets.push(set);
      world.leaf(now(), who.login, 'rule_set.imported', `rule_set:${set.name}`, { sha256: set.sha256 });
      return { set, refused: [{ file: `${set.name}/broken.yml`, line: 3, reason: 'unknown modifier `containz`' }] };
    },
    'PATCH /rulesets/:id': ({ id, body }) => { need(sets.find((x) => x.name === id)).mode = body.mode; return null; },
    'DELETE /rulesets/:id': ({ id }) => { sets.splice(sets.indexOf(need(sets.find((x) => x.name === id))), 1); return null; },
    'GET /exceptions': ({ query }) => ({ exceptions: exceptions.filter((x) => !query.rule_id || x.rule_id === query.rule_id), default_days: 90, max_days: 365 }),
    'GET /alerts/:id/exception': ({ id }) => {
      const alert = need(world.alerts.find((x) => x.id === id));
      return {
        rule_id: alert.rule_id, rule_title: alert.rule_title, entity: { kind: alert.entity_kind, value: alert.entity }, events: 3,
        fields: [{ field: 'process.executable', value: 'C:\\Program Files\\Backup\\agent.exe' }, { field: 'user.name', value: 'svc_backup' }]
      };
    },
    'POST /exceptions/simulate': ({ body }) => ({
      days: body.days, hits: 40, hidden: body.fields.length > 0 ? 12 : 31, without_event: 0, truncated: false,
      examples_hidden: [{ event_id: world.events[0]['event.id'], at: now(), entity: 'ws-0243', user: 'svc_backup' }], examples_shown: []
    }),
    'POST /exceptions': ({ body, who }) => {
      const one = {
        id: `ex-${exceptions.length + 1}`, rule_title: rule(body.rule_id).title, state: 'proposed', owner: who.login, proposed_at: now(), proposed_by: who.login,
        hidden: 0, version: 1, expires_at: new Date(Date.now() + 90 * 86_400_000).toISOString(), ...body
      };
      exceptions.unshift(one);
      world.leaf(now(), who.login, 'exception.proposed', `exception:${one.id}`, { rule_id: one.rule_id, fields: one.fields }, one.reason);
      return one;
    },
    'POST /exceptions/:id/approve': decide('active', 'exception.approved'),
    'POST /exceptions/:id/refuse': decide('refused', 'exception.refused'),
    'POST /exceptions/:id/withdraw': decide('withdrawn', 'exception.withdrawn'),
    'GET /exceptions/:id/hits': () => ({ hits: [] }),
    'GET /backtests': ({ query }) => ({ backtests: backtests.filter((x) => !query.rule_id || x.rule_id === query.rule_id) }),
    'POST /backtests': ({ body, who }) => {
      const day = body.to.slice(0, 10);
      const test = {
        id: `bt-${backtests.length + 1}`, rule_id: body.rule_id, title: body.rule_id ? rule(body.rule_id).title : (body.yaml.match(/^title: *(.*)$/m)?.[1] ?? ''), sha256: sha(body.yaml ?? body.rule_id), from: body.from, to: body.to,
        by: who.name, started_at: now(), ended_at: now(), state: 'done', events_total: 5120, events_read: 5120, hits: 7, alerts: 2, truncated: false,
        days: [{ day, hits: 7 }], examples: [{ event_id: world.events[0]['event.id'], at: world.events[0]['@timestamp'], entity: 'ws-0243', user: 'svc_backup' }]
      };
      backtests.unshift(test);
      return test;
    },
    'GET /backtests/:id': ({ id }) => need(backtests.find((x) => x.id === id)),
    'DELETE /backtests/:id': ({ id }) => { need(backtests.find((x) => x.id === id)).state = 'cancelled'; return null; },
    'GET /people': () => ({ people: world.users.filter((u) => u.enabled).map((u) => ({ id: u.login, name: u.name })) })
  };
}
