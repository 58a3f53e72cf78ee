//! One hit as it is reported.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use saqshy_detect::{Entity, Head, Hit, RuleSet};
use saqshy_event::{EventRef, Value};
use saqshy_sigma::{Correlation, Rule};
use serde_json::{Map, Value as Json, json};

use super::inputs::Input;

/// Fields that a hit is described with, beside those that rules read.
pub const FIELDS: [&str; 16] = [
    "@timestamp",
    "event.id",
    "event.code",
    "data_stream.dataset",
    "host.name",
    "winlog.record_id",
    "winlog.channel",
    "winlog.event_data.User",
    "winlog.event_data.TargetUserName",
    "winlog.event_data.SubjectUserName",
    "winlog.event_data.CommandLine",
    "winlog.event_data.ScriptBlockText",
    "winlog.event_data.Image",
    "winlog.event_data.NewProcessName",
    "winlog.event_data.IpAddress",
    "winlog.event_data.SourceIp",
];

/// Where each reported value is found: the ECS field, or what Windows calls it.
const USER: [&str; 4] = [
    "user.name",
    "winlog.event_data.User",
    "winlog.event_data.TargetUserName",
    "winlog.event_data.SubjectUserName",
];
const COMMAND: [&str; 3] = [
    "process.command_line",
    "winlog.event_data.CommandLine",
    "winlog.event_data.ScriptBlockText",
];
const PROCESS: [&str; 3] = [
    "process.executable",
    "winlog.event_data.Image",
    "winlog.event_data.NewProcessName",
];
const SOURCE: [&str; 3] = [
    "source.ip",
    "winlog.event_data.IpAddress",
    "winlog.event_data.SourceIp",
];

/// Characters of a value that are reported.
const TEXT_MAX: usize = 2_000;
/// Events of a correlation that are named on one line.
const PLACES_MAX: usize = 20;

/// An event that a correlation counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: Timestamp,
    /// Number of the file.
    pub file: usize,
    pub record_id: Option<i64>,
    /// Byte offset of a record that has no number.
    pub offset: Option<u64>,
}

/// The events of a correlation's hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    pub first_at: Timestamp,
    pub count: u64,
    /// The first of them, in the order of time.
    pub list: Vec<Event>,
}

/// A hit with what is reported of its event.
pub struct Found {
    /// Number of the file; of the last event for a correlation.
    pub file: usize,
    pub hit: Hit,
    pub record_id: Option<i64>,
    /// Byte offset of a record that has no number.
    pub offset: Option<u64>,
    pub code: Option<String>,
    pub channel: Option<String>,
    pub user: Option<String>,
    pub command: Option<String>,
    pub process: Option<String>,
    pub source: Option<String>,
    pub message: Option<String>,
    /// Of a correlation, which is about no single event.
    pub events: Option<Events>,
}

impl Found {
    pub fn new(file: usize, event: EventRef<'_>, hit: Hit) -> Self {
        let first = |fields: &[&str]| fields.iter().find_map(|field| text(event, field));
        let record_id = event.get("winlog.record_id").and_then(Value::as_int);
        // Events of line files carry the byte offset as their sequence number.
        let offset = || u64::from_str_radix(hit.event_id.rsplit('-').next()?, 16).ok();
        Found {
            file,
            offset: if record_id.is_some() { None } else { offset() },
            record_id,
            code: first(&["event.code"]),
            channel: first(&["winlog.channel"]),
            user: first(&USER),
            command: first(&COMMAND),
            process: first(&PROCESS),
            source: first(&SOURCE),
            message: first(&["message"]),
            events: None,
            hit,
        }
    }

    /// The hit of a correlation, whose last event is in `file`.
    pub fn of_correlation(file: usize, hit: Hit, events: Events) -> Self {
        Found {
            file,
            hit,
            record_id: None,
            offset: None,
            code: None,
            channel: None,
            user: None,
            command: None,
            process: None,
            source: None,
            message: None,
            events: Some(events),
        }
    }

    /// What says most about the event, on one line; of a correlation how many events of whom,
    /// and where the first ones stand.
    pub fn detail(&self, files: &[Input]) -> Cow<'_, str> {
        let Some(events) = &self.events else {
            let best = self.command.as_ref().or(self.process.as_ref());
            return best
                .or(self.message.as_ref())
                .map_or("", String::as_str)
                .into();
        };
        let Entity { kind, value } = &self.hit.entity;
        let places = events.list.iter().take(PLACES_MAX);
        let places: Vec<String> = places.map(|event| event.place(files)).collect();
        let more = if events.count > places.len() as u64 {
            " …"
        } else {
            ""
        };
        let places = places.join(" ");
        format!("{} × {kind}: {value} · {places}{more}", events.count).into()
    }
}

/// The text of a field, `-` and nothing left out, long ones cut.
fn text(event: EventRef<'_>, field: &str) -> Option<String> {
    let value = event.get(field)?.items().first()?.to_text()?;
    match value.as_ref() {
        "" | "-" => None,
        text => Some(text.chars().take(TEXT_MAX).collect()),
    }
}

/// Rules and correlations by their ids, for what a hit says of its rule.
#[derive(Clone)]
pub struct Rules(HashMap<String, Document>);

#[derive(Clone)]
enum Document {
    Rule(Arc<Rule>),
    Correlation(Arc<Correlation>),
}

impl Rules {
    pub fn new(rules: &RuleSet) -> Self {
        let by_id = |rule: &Arc<Rule>| (rule.id.clone(), Document::Rule(rule.clone()));
        let all = rules.rules().iter().map(by_id);
        let by_id = |one: &Arc<Correlation>| (one.id.clone(), Document::Correlation(one.clone()));
        Rules(all.chain(rules.correlations().iter().map(by_id)).collect())
    }

    pub fn get(&self, id: &str) -> Option<Head<'_>> {
        Some(match self.0.get(id)? {
            Document::Rule(rule) => Head::of_rule(rule),
            Document::Correlation(one) => Head::of_correlation(one),
        })
    }
}

/// Names of the values of a hit, in order. Scripts depend on them: add, do not rename.
pub const KEYS: [&str; 23] = [
    "@timestamp",
    "rule.id",
    "rule.name",
    "rule.author",
    "rule.license",
    "rule.tags",
    "sigma.level",
    "log.file.path",
    "winlog.record_id",
    "log.offset",
    "event.code",
    "event.dataset",
    "winlog.channel",
    "host.name",
    "user.name",
    "source.ip",
    "process.executable",
    "process.command_line",
    "correlation.entity.kind",
    "correlation.entity.value",
    "correlation.first",
    "correlation.count",
    "correlation.events",
];

/// The values of a hit in the order of [`KEYS`].
pub fn values(found: &Found, files: &[Input], rules: &Rules) -> [Json; KEYS.len()] {
    let rule = rules.get(&found.hit.rule_id);
    let some = |text: &&str| !text.is_empty();
    let (events, entity) = (found.events.as_ref(), &found.hit.entity);
    let listed = |events: &Events| -> Vec<Json> {
        let list = events.list.iter();
        list.map(|event| event.json(files)).collect()
    };
    [
        found.hit.at.to_string().into(),
        found.hit.rule_id.as_str().into(),
        found.hit.rule_title.as_str().into(),
        rule.map(|rule| rule.author).filter(some).into(),
        rule.map(|rule| rule.license).filter(some).into(),
        Json::from(found.hit.tags.clone()),
        found.hit.level.as_str().into(),
        path(files, found.file).into(),
        found.record_id.into(),
        found.offset.into(),
        found.code.clone().into(),
        found.hit.dataset.as_str().into(),
        found.channel.clone().into(),
        found.hit.host.clone().into(),
        found.user.clone().into(),
        found.source.clone().into(),
        found.process.clone().into(),
        found.command.clone().into(),
        events.map(|_| entity.kind.as_str()).into(),
        events.map(|_| entity.value.as_str()).into(),
        events.map(|events| events.first_at.to_string()).into(),
        events.map(|events| events.count).into(),
        events.map(listed).into(),
    ]
}

impl Event {
    /// File and number of the record, or file and offset.
    fn place(&self, files: &[Input]) -> String {
        let file = path(files, self.file);
        match (self.record_id, self.offset) {
            (Some(id), _) => format!("{file}#{id}"),
            (None, offset) => format!("{file}@{}", offset.unwrap_or_default()),
        }
    }

    fn json(&self, files: &[Input]) -> Json {
        let (key, number) = match self.record_id {
            Some(id) => ("winlog.record_id", Json::from(id)),
            None => ("log.offset", Json::from(self.offset)),
        };
        json!({"@timestamp": self.at.to_string(), "log.file.path": path(files, self.file), key: number})
    }
}

fn path(files: &[Input], file: usize) -> String {
    files[file].path.to_string_lossy().into_owned()
}

/// A hit as a JSON object: what is not known is left out, but for what every hit has.
pub fn json(found: &Found, files: &[Input], rules: &Rules) -> Json {
    let always =
        |name: &str| name.starts_with("rule.") || name == "event.code" || name == "host.name";
    let pairs = KEYS.iter().zip(values(found, files, rules));
    let kept = pairs.filter(|(name, value)| !value.is_null() || always(name));
    let object: Map<String, Json> = kept
        .map(|(name, value)| (name.to_string(), value))
        .collect();
    object.into()
}
