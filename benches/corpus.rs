//! Generated logs for the benches: seeded, so that two runs measure the same bytes.

use jiff::{SignedDuration, Timestamp};
use saqshy_event::{Batch, Format, Parser, Record};

#[path = "../crates/saqshy/src/demo/dice.rs"]
mod dice;
use dice::Dice;

/// The first event happened here; each next one some milliseconds later.
pub const BEGIN: &str = "2026-03-20T00:00:00Z";

/// Three of four lines are Windows events as Winlogbeat sends them, one is syslog.
pub struct Corpus {
    dice: Dice,
    at: Timestamp,
    number: u64,
}

pub struct Generated {
    pub format: Format,
    pub text: String,
}

const IMAGES: [&str; 6] = [
    "svchost.exe",
    "explorer.exe",
    "chrome.exe",
    "powershell.exe",
    "cmd.exe",
    "soffice.exe",
];
const USERS: [&str; 8] = [
    "a.serik",
    "b.aliya",
    "d.nurlan",
    "svc_print",
    "svc_backup",
    "g.dana",
    "k.timur",
    "m.aigul",
];

impl Corpus {
    pub fn new(seed: u64) -> Self {
        Corpus {
            dice: Dice::new(seed),
            at: BEGIN.parse().expect("a constant"),
            number: 0,
        }
    }

    /// The next `count` lines.
    pub fn lines(&mut self, count: usize) -> Vec<Generated> {
        (0..count).map(|_| self.line()).collect()
    }

    /// Parses lines as the server's pipeline does. Sequence numbers begin at `first`.
    pub fn parse(lines: &[Generated], first: u64) -> Batch {
        let received =
            BEGIN.parse::<Timestamp>().expect("a constant") + SignedDuration::from_hours(40);
        let records: Vec<_> = lines
            .iter()
            .zip(first..)
            .map(|(line, seq)| {
                let payload = line.text.as_bytes();
                (
                    seq,
                    Record {
                        received,
                        source: "bench",
                        format: line.format,
                        peer: None,
                        truncated: false,
                        payload,
                    },
                )
            })
            .collect();
        Parser::new("bench")
            .parse(&records, received + SignedDuration::from_hours(1))
            .batch
    }

    fn line(&mut self) -> Generated {
        self.number += 1;
        self.at += SignedDuration::from_millis(1 + self.dice.below(20) as i64);
        match self.number % 4 {
            0 => self.syslog(),
            1 => self.process(),
            2 => self.logon(),
            _ => self.connection(),
        }
    }

    fn syslog(&mut self) -> Generated {
        let user = *self.dice.pick(&USERS);
        let address = self.address();
        let text = format!(
            "<38>1 {} bastion-{} sshd {} - - Accepted publickey for {user} from {address} port {} ssh2: ED25519 SHA256:9yWk1Pp0sQdB",
            self.at,
            self.dice.below(20),
            1000 + self.dice.below(30_000),
            30_000 + self.dice.below(30_000),
        );
        Generated {
            format: Format::Syslog,
            text,
        }
    }

    fn process(&mut self) -> Generated {
        let image = *self.dice.pick(&IMAGES);
        let user = *self.dice.pick(&USERS);
        let argument = self.dice.below(4_000);
        let data = serde_json::json!({
            "UtcTime": self.at.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string(),
            "ProcessGuid": format!("{{8a9b-{:08x}-{:08x}}}", self.number, self.dice.below(1 << 32)),
            "ProcessId": self.dice.below(30_000).to_string(),
            "Image": format!("C:\\Windows\\System32\\{image}"),
            "OriginalFileName": image,
            "CommandLine": format!("C:\\Windows\\System32\\{image} -k netsvcs -p {argument}"),
            "CurrentDirectory": "C:\\Windows\\system32\\",
            "User": format!("GOV\\{user}"),
            "Hashes": format!("SHA256={:064x}", argument),
            "ParentImage": "C:\\Windows\\System32\\services.exe",
            "ParentCommandLine": "C:\\Windows\\System32\\services.exe",
        });
        self.windows(
            "Microsoft-Windows-Sysmon/Operational",
            "Microsoft-Windows-Sysmon",
            1,
            data,
        )
    }

    fn logon(&mut self) -> Generated {
        let user = *self.dice.pick(&USERS);
        let data = serde_json::json!({
            "TargetUserName": user, "TargetDomainName": "GOV", "LogonType": "3",
            "TargetLogonId": format!("0x{:x}", self.dice.below(1 << 32)),
            "IpAddress": self.address(), "IpPort": "0", "WorkstationName": "-",
            "AuthenticationPackageName": "Kerberos", "LogonProcessName": "Kerberos",
        });
        self.windows(
            "Security",
            "Microsoft-Windows-Security-Auditing",
            4624,
            data,
        )
    }

    fn connection(&mut self) -> Generated {
        let image = *self.dice.pick(&IMAGES);
        let data = serde_json::json!({
            "UtcTime": self.at.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string(),
            "Image": format!("C:\\Windows\\System32\\{image}"), "Protocol": "tcp", "Initiated": "true",
            "SourceIp": self.address(), "SourcePort": (30_000 + self.dice.below(30_000)).to_string(),
            "DestinationIp": format!("192.0.2.{}", self.dice.below(255)), "DestinationPort": "443",
            "User": format!("GOV\\{}", self.dice.pick(&USERS)),
        });
        self.windows(
            "Microsoft-Windows-Sysmon/Operational",
            "Microsoft-Windows-Sysmon",
            3,
            data,
        )
    }

    fn windows(
        &mut self,
        channel: &str,
        provider: &str,
        code: u32,
        data: serde_json::Value,
    ) -> Generated {
        let host = format!("ws-{:03}.gov.example", self.dice.below(400));
        let text = serde_json::json!({
            "@timestamp": self.at.to_string(),
            "event": {"code": code.to_string(), "kind": "event", "provider": provider},
            "host": {"name": host},
            "agent": {"type": "winlogbeat", "version": "8.19.0"},
            "winlog": {
                "channel": channel, "provider_name": provider, "event_id": code.to_string(),
                "record_id": self.number.to_string(), "computer_name": host, "event_data": data,
            },
        })
        .to_string();
        Generated {
            format: Format::Json,
            text,
        }
    }

    fn address(&mut self) -> String {
        format!(
            "10.{}.{}.{}",
            20 + self.dice.below(4),
            self.dice.below(250),
            1 + self.dice.below(250)
        )
    }
}
