//! The timeline as lines for people.

use jiff::Timestamp;
use saqshy_casework as casework;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::wire::Names;

/// Something that happened to the incident.
#[derive(Serialize, ToSchema)]
pub struct TimelineEntry {
    pub at: Timestamp,
    /// Name of the person, or `system`, or `addressee:<party>`.
    pub actor: String,
    /// For example `incident.created`, `comment`, `notice.sent`.
    pub kind: String,
    pub text: String,
}

impl TimelineEntry {
    pub(super) fn of(entry: casework::TimelineEntry, names: &Names) -> Self {
        Self {
            text: line(&entry),
            at: entry.at,
            actor: names.name(entry.by),
            kind: entry.kind,
        }
    }
}

/// What the entry says in one line: the words of its author, or the values that changed.
fn line(entry: &casework::TimelineEntry) -> String {
    let value = |key: &str| match entry.data.get(key) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let joined = |keys: &[&str]| {
        let values = keys.iter().map(|key| value(key));
        let values: Vec<String> = values.filter(|text| !text.is_empty()).collect();
        values.join(" ")
    };
    let facts = match entry.kind.as_str() {
        "incident.created" => joined(&["number", "title"]),
        "incident.state" => format!("{} → {}", value("from"), value("state")),
        "clock.computed" => format!(
            "{} {} → {}",
            value("clause"),
            value("due_before"),
            value("due")
        ),
        "alert.attached" => value("rule_title"),
        "task.added" | "task.changed" => joined(&["title", "state"]),
        "fact.recorded" | "fact.withdrawn" => joined(&["kind", "at"]),
        "notice.attempted" => joined(&["number", "addressee", "outcome", "detail"]),
        "event.pinned" => joined(&["event"]),
        "incident.times_corrected" => joined(&["detected_before", "detected_at"]),
        "incident.escalated" => value("escalated_to"),
        "incident.merged" => value("number_into"),
        "incident.took_over" | "incident.split" => value("number"),
        "incident.taken_over" => joined(&["from", "assignee"]),
        "clock.explained" => joined(&["clause", "duty"]),
        "evidence.added" => joined(&["title", "sha256"]),
        "evidence.custody" => joined(&["act", "from", "to"]),
        "damage.recorded" => joined(&["to", "damage_kind", "amount", "currency"]),
        "run.started" | "playbook.saved" => value("name"),
        "run.step" => joined(&["name", "state", "choice"]),
        "run.judged" => value("effect"),
        "process.stopped" | "process.resumed" => joined(&["process", "extent", "owner"]),
        "visit.decided" => joined(&["employee", "place"]),
        "investigation.opened" | "investigation.concluded" => value("number"),
        kind if kind.starts_with("response.") => joined(&["driver", "target"]),
        kind if kind.starts_with("notice.") => joined(&["number", "addressee"]),
        _ => String::new(),
    };
    match entry.text.as_deref() {
        Some(text) if facts.is_empty() => text.to_owned(),
        Some(text) => format!("{facts}: {text}"),
        None => facts,
    }
}
