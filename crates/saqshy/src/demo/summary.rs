//! What a demo ends with.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use saqshy_law::{ClockStatus, Lang};
use saqshy_server::Server;
use saqshy_server::runtime::{source_rows, verify_data_dir};
use serde::Serialize;

/// The summary; its JSON is stable.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Where the console is and how to sign in.
    console: Console,
    /// Lines that the demo sent.
    sent: u64,
    events: Events,
    alerts: u64,
    incidents: Vec<Incident>,
    journal: Journal,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Console {
    url: String,
    login: String,
    password: String,
}

#[derive(Debug, Default, Serialize)]
struct Events {
    received: u64,
    stored: u64,
    dropped: u64,
    unparsed: u64,
}

#[derive(Debug, Serialize)]
struct Incident {
    id: String,
    number: String,
    title: String,
    severity: String,
    duties: Vec<Duty>,
}

#[derive(Debug, Serialize)]
struct Duty {
    id: String,
    clause: String,
    title: String,
    own: bool,
    due: Option<String>,
    status: ClockStatus,
}

#[derive(Debug, Serialize)]
struct Journal {
    size: u64,
    verified: bool,
    findings: Vec<String>,
}

impl Summary {
    pub async fn of(
        server: &Server,
        (login, password): (String, String),
        sent: u64,
        elapsed: Duration,
    ) -> anyhow::Result<Self> {
        let app = server.app();
        let now = app.now();
        let mut events = Events::default();
        for row in source_rows(app).await? {
            events.received += row.received;
            events.stored += row.stored;
            events.dropped += row.dropped;
            events.unparsed += row.unparsed;
        }
        let by_level = app
            .store
            .alerts_by_level(Timestamp::MIN, Timestamp::MAX)
            .await?;
        let zone = app.config.organisation.zone.clone();
        let mut incidents = Vec::new();
        for row in app.store.incidents(&Default::default(), 100).await? {
            let clocks = app.store.clocks_of(&row.incident.id, &app.law, now).await?;
            let duties = clocks.into_iter().map(|clock| Duty {
                due: clock
                    .due
                    .map(|due| due.display_with_offset(zone.to_offset(due)).to_string()),
                title: clock.title.get(Lang::En).to_owned(),
                id: clock.duty,
                clause: clock.clause,
                own: clock.own,
                status: clock.status,
            });
            incidents.push(Incident {
                duties: duties.collect(),
                number: row.incident.number.clone(),
                title: row.incident.title.clone(),
                severity: row.incident.severity.as_str().to_owned(),
                id: row.incident.id,
            });
        }
        let report = verify_data_dir(&app.paths.data).await?;
        Ok(Summary {
            console: Console {
                url: server.addresses().console.clone(),
                login,
                password,
            },
            sent,
            events,
            alerts: by_level.iter().map(|(_, count)| count).sum(),
            incidents,
            journal: Journal {
                size: report.size,
                verified: report.ok,
                findings: report
                    .findings
                    .iter()
                    .map(|one| format!("{}: {}", one.path, one.what))
                    .collect(),
            },
            seconds: (elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
        })
    }

    pub fn login(&self) -> &str {
        &self.console.login
    }

    pub fn password(&self) -> &str {
        &self.console.password
    }

    /// Whether the main job worked: nothing lost, attacks found, an incident open, proof sound.
    pub fn is_whole(&self) -> bool {
        let events = &self.events;
        events.received == events.stored + events.dropped
            && self.alerts > 0
            && !self.incidents.is_empty()
            && self.journal.verified
    }

    pub fn write_text(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let events = &self.events;
        writeln!(
            out,
            "Events    {} received, {} stored, {} dropped, {} read by no parser",
            events.received, events.stored, events.dropped, events.unparsed
        )?;
        writeln!(out, "Alerts    {}", self.alerts)?;
        for incident in &self.incidents {
            writeln!(
                out,
                "Incident  {}  {}  ({})",
                incident.number, incident.title, incident.severity
            )?;
            for duty in &incident.duties {
                let whose = if duty.own { "own" } else { "watched" };
                let due = duty.due.as_deref().unwrap_or("not running yet");
                writeln!(
                    out,
                    "  {due:<26} {:<14} {whose:<8} {}",
                    duty.clause, duty.title
                )?;
            }
        }
        let verdict = if self.journal.verified {
            "verified"
        } else {
            "NOT verified"
        };
        writeln!(out, "Journal   {} leaves, {verdict}", self.journal.size)?;
        for finding in &self.journal.findings {
            writeln!(out, "  {finding}")?;
        }
        writeln!(out, "Time      {:.1} s", self.seconds)?;
        Ok(())
    }
}
