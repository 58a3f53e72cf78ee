//! Events per second of the parser on generated lines, one thread:
//! `cargo run --release -p saqshy-event --example parse_rate`

use std::time::Instant;

use saqshy_event::{Format, Parser, Record};

const LINES: usize = 20_000;

fn main() {
    let received: jiff::Timestamp = jiff::Timestamp::constant(1_774_012_200, 0);
    for (name, format, make) in KINDS {
        let lines: Vec<String> = (0..LINES).map(make).collect();
        let bytes: usize = lines.iter().map(String::len).sum();
        let records: Vec<(u64, Record<'_>)> = (0..)
            .zip(&lines)
            .map(|(seq, line)| {
                let payload = line.as_bytes();
                (
                    seq,
                    Record {
                        received,
                        source: "rate",
                        format,
                        peer: None,
                        truncated: false,
                        payload,
                    },
                )
            })
            .collect();
        let parser = Parser::new("n");
        let later = received + jiff::SignedDuration::from_hours(1);
        let started = Instant::now();
        let mut events = 0;
        for run in records.chunks(1_000) {
            let parsed = parser.parse(run, later);
            assert_eq!(parsed.consumed, run.len());
            assert!(
                parsed.tally.iter().all(|tally| tally.unparsed == 0),
                "{name}"
            );
            events += parsed.batch.rows();
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{name:<16} {:>9.0} records/s {:>9.0} events/s {:>7.1} MB/s",
            LINES as f64 / seconds,
            events as f64 / seconds,
            bytes as f64 / 1e6 / seconds
        );
    }
}

type Kind = (&'static str, Format, fn(usize) -> String);

const KINDS: [Kind; 6] = [
    ("syslog sshd", Format::Syslog, |n| {
        format!(
            "<38>Mar 20 13:02:{:02} portal-{} sshd[{}]: Failed password for root from 203.0.113.{} port {} ssh2",
            n % 60,
            n % 9,
            1_000 + n % 500,
            n % 250,
            1_024 + n % 60_000
        )
    }),
    ("syslog 5424", Format::Syslog, |n| {
        format!(
            "<165>1 2026-03-20T13:02:{:02}.{:03}Z gw-{} app {} ID{} [origin@32473 ip=\"10.0.0.{}\"] request {n} served",
            n % 60,
            n % 1_000,
            n % 9,
            n % 5_000,
            n % 40,
            n % 250
        )
    }),
    ("web access", Format::Line, |n| {
        format!(
            "203.0.113.{} - - [20/Mar/2026:18:02:{:02} +0500] \"GET /services/item/{}?page={} HTTP/1.1\" 200 {} \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
            n % 250,
            n % 60,
            n % 700,
            n % 30,
            200 + n % 9_000
        )
    }),
    ("auditd execve", Format::Line, |n| {
        let id = format!("1774011731.{:03}:{}", n / 3 % 1_000, n / 3);
        match n % 3 {
            0 => format!(
                "type=SYSCALL msg=audit({id}): arch=c000003e syscall=59 success=yes exit=0 a0=55d0c8 a1=55d0d8 a2=55d0e8 a3=8 items=2 ppid=812 pid={} auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"ls\" exe=\"/usr/bin/ls\" key=\"exec\"",
                n % 9_000
            ),
            1 => format!(
                "type=EXECVE msg=audit({id}): argc=2 a0=\"ls\" a1=\"/srv/{}\"",
                n % 300
            ),
            _ => format!("type=PROCTITLE msg=audit({id}): proctitle=\"ls\""),
        }
    }),
    ("winlogbeat json", Format::Json, |n| {
        format!(
            "{{\"@timestamp\":\"2026-03-20T13:02:{:02}.500Z\",\"event\":{{\"code\":\"1\",\"provider\":\"Microsoft-Windows-Sysmon\"}},\"host\":{{\"name\":\"dc-1\"}},\"winlog\":{{\"channel\":\"Microsoft-Windows-Sysmon/Operational\",\"provider_name\":\"Microsoft-Windows-Sysmon\",\"event_id\":\"1\",\"computer_name\":\"dc-1\",\"record_id\":{n},\"event_data\":{{\"UtcTime\":\"2026-03-20 13:02:11.500\",\"ProcessGuid\":\"{{0197231E-005A-6928-A50B-{:012X}}}\",\"ProcessId\":\"{}\",\"Image\":\"C:\\\\Windows\\\\System32\\\\cmd.exe\",\"CommandLine\":\"cmd.exe /c task {}\",\"CurrentDirectory\":\"C:\\\\Users\\\\\",\"User\":\"GOV\\\\a.serik\",\"Hashes\":\"SHA256={:064X}\",\"ParentImage\":\"C:\\\\Windows\\\\explorer.exe\",\"ParentCommandLine\":\"explorer.exe\",\"OriginalFileName\":\"Cmd.Exe\"}}}}}}",
            n % 60,
            n,
            n % 9_000,
            n % 400,
            n % 50
        )
    }),
    ("windows xml", Format::WindowsXml, |n| {
        format!(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Security-Auditing' Guid='{{54849625-5478-4994-a5ba-3e3b0328c30d}}'/><EventID>4624</EventID><Version>2</Version><Level>0</Level><Task>12544</Task><Opcode>0</Opcode><Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime='2026-03-20T13:02:{:02}.123Z'/><EventRecordID>{n}</EventRecordID><Execution ProcessID='700' ThreadID='4272'/><Channel>Security</Channel><Computer>dc-1</Computer><Security/></System><EventData><Data Name='SubjectUserName'>-</Data><Data Name='TargetUserSid'>S-1-5-21-1-{}</Data><Data Name='TargetUserName'>user{}</Data><Data Name='TargetDomainName'>GOV</Data><Data Name='TargetLogonId'>0x{:x}</Data><Data Name='LogonType'>3</Data><Data Name='IpAddress'>10.20.4.{}</Data><Data Name='IpPort'>{}</Data></EventData></Event>",
            n % 60,
            n % 300,
            n % 300,
            n,
            n % 250,
            1_024 + n % 60_000
        )
    }),
];
