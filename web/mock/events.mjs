import { random } from './random.mjs';

const r = random(7);
const windows = ['dc01.saryarqa.kz', 'dc02.saryarqa.kz', 'ws-0117.saryarqa.kz', 'ws-0243.saryarqa.kz', 'fs01.saryarqa.kz'];
const linux = ['web-prod-01', 'web-prod-02', 'db-egov-01', 'mail-gw'];
const users = ['a.sadykov', 'g.nurlanova', 'svc_backup', 'd.kim', 'administrator', 't.akhmetov', 'm.ospanova'];
const inside = ['10.20.4.17', '10.20.4.41', '10.20.7.112', '10.20.9.8', '172.16.3.20'];
const outside = ['185.220.101.47', '91.240.118.172', '45.155.205.233', '92.46.53.12', '2.132.14.90'];

const makers = [
  () => {
    const user = r.pick(users);
    const ip = r.pick(inside);
    const host = r.pick(windows);
    return {
      'data_stream.dataset': 'windows.security', 'event.code': '4624', 'event.action': 'logged-in', 'event.outcome': 'success',
      'host.name': host, 'user.name': user, 'source.ip': ip, 'winlog.channel': 'Security', 'winlog.event_id': '4624',
      'winlog.provider_name': 'Microsoft-Windows-Security-Auditing', 'winlog.event_data.LogonType': '3',
      'event.original': `{"EventID":4624,"Channel":"Security","Computer":"${host}","TargetUserName":"${user}","IpAddress":"${ip}","LogonType":3}`
    };
  },
  () => {
    const host = r.pick(windows);
    const line = r.pick([
      'powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\\Ops\\inventory.ps1',
      'C:\\Windows\\System32\\svchost.exe -k netsvcs -p -s Schedule',
      'powershell.exe -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkA',
      '"C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE" /n "\\\\fs01\\Бұйрықтар\\2026\\№ 118 бұйрық.docx"',
      'rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 684 C:\\Temp\\l.dmp full'
    ]);
    return {
      'data_stream.dataset': 'windows.sysmon', 'event.code': '1', 'event.category': 'process', 'host.name': host, 'user.name': r.pick(users),
      'process.name': line.replace(/^"?.*\\([A-Za-z]+\.(exe|EXE)).*/, '$1').split(' ')[0], 'process.command_line': line, 'process.pid': 1000 + r.int(9000),
      'winlog.channel': 'Microsoft-Windows-Sysmon/Operational', 'winlog.event_id': '1',
      'event.original': `{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"${host}","CommandLine":${JSON.stringify(line)}}`
    };
  },
  () => {
    const ip = r.pick(outside);
    const user = r.pick(['root', 'admin', 'oracle', 'postgres', 'test']);
    const host = r.pick(linux);
    return {
      'data_stream.dataset': 'linux.auth', 'event.action': 'ssh_login', 'event.outcome': 'failure', 'host.name': host, 'user.name': user,
      'source.ip': ip, 'process.name': 'sshd', 'process.pid': 20000 + r.int(9999), 'log.syslog.facility.name': 'authpriv',
      'event.original': `sshd[${20000 + r.int(9999)}]: Failed password for invalid user ${user} from ${ip} port ${30000 + r.int(30000)} ssh2`
    };
  },
  () => {
    const ip = r.pick([...outside, ...inside]);
    const path = r.pick(['/', '/api/v2/application/status', '/login', '/static/app.css', '/api/v2/citizen?iin=***', "/search?q=1%27%20OR%20%271%27=%271", '/.env']);
    const code = r.pick([200, 200, 200, 304, 404, 403, 500]);
    return {
      'data_stream.dataset': 'web.access', 'host.name': r.pick(linux.slice(0, 2)), 'source.ip': ip, 'http.request.method': 'GET', 'url.path': path.split('?')[0],
      'http.response.status_code': code, 'http.response.bytes': 200 + r.int(40000), 'user_agent.original': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)',
      'event.original': `${ip} - - "GET ${path} HTTP/1.1" ${code} ${200 + r.int(40000)}`
    };
  },
  () => ({
    'data_stream.dataset': 'linux.auditd', 'event.action': 'executed', 'host.name': r.pick(linux), 'user.name': 'www-data', 'auditd.data.syscall': 'execve',
    'process.executable': r.pick(['/usr/bin/id', '/usr/bin/curl', '/bin/sh']), 'process.args': 'sh -c id',
    'event.original': `type=EXECVE msg=audit(1795231${r.int(999)}.${r.int(999)}:${r.int(99999)}): argc=3 a0="sh" a1="-c" a2="id"`
  }),
  () => ({
    'data_stream.dataset': 'generic', 'host.name': 'fw-edge', tags: ['_unparsed'], 'error.message': 'no parser understood the line',
    'event.original': `%%10FW-EDGE ${r.hex(6)} session denied policy 14 zone untrust->dmz`
  })
];
const weights = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 5];

/** About `count` events over the last 24 hours, newest first, with a burst of failed logins. */
export function makeEvents(now, count = 4200) {
  const events = [];
  for (let i = 0; i < count; i += 1) {
    const back = r.next() < 0.22 ? 7.1 * 3600e3 + r.next() * 1500e3 : r.next() * 24 * 3600e3 * (0.55 + 0.45 * r.next());
    const maker = back > 7 * 3600e3 && back < 7.6 * 3600e3 && r.next() < 0.85 ? makers[2] : makers[r.pick(weights)];
    const at = new Date(now - back).toISOString();
    events.push({
      '@timestamp': at, 'event.ingested': new Date(now - back + 400 + r.int(900)).toISOString(),
      'event.id': `node1-${(1_000_000 + i).toString(16).padStart(16, '0')}`, 'log.source.id': 'src-1', ...maker()
    });
  }
  return events.sort((a, b) => b['@timestamp'].localeCompare(a['@timestamp']));
}

/** A very small part of the real search language: `field:value`, `not`, `and`, `*`, words. */
export function matcher(query) {
  const bad = [...query].reduce((depth, c) => (c === '(' ? depth + 1 : c === ')' ? depth - 1 : depth), 0);
  if (bad !== 0) {
    throw { code: 'query_invalid', message: 'a bracket is not closed', column: Math.max(1, query.indexOf(bad > 0 ? '(' : ')') + 1) };
  }
  const terms = query.replace(/[()]/g, ' ').split(/\s+and\s+/i).map((t) => t.trim()).filter((t) => t && t !== '*');
  const tests = terms.map((term) => {
    const negate = /^not\s+/i.test(term);
    const text = term.replace(/^not\s+/i, '');
    const field = /^([@\w.]+):(.*)$/.exec(text);
    const pattern = (field ? field[2] : text).replace(/^"(.*)"$/, '$1').replace(/\\(["\\])/g, '$1');
    if (field && pattern === '') throw { code: 'query_invalid', message: 'a value is missing after the colon', column: query.length + 1 };
    const regex = new RegExp(pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*'), 'i');
    const whole = new RegExp(`^${regex.source}$`, 'i');
    return (event) => {
      const hit = field ? event[field[1]] !== undefined && whole.test(String(event[field[1]])) : Object.values(event).some((v) => regex.test(String(v)));
      return hit !== negate;
    };
  });
  return (event) => tests.every((test) => test(event));
}
