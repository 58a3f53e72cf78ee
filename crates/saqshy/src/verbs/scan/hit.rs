//! One hit as it is reported.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use saqshy_detect::{Hit, RuleSet};
use saqshy_event::{EventRef, Value};
use saqshy_sigma::Rule;
use serde_json::{Map, Value as Json};

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

/// A hit with what is reported of its event.
pub struct Found {
    /// Number of the file.
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
            hit,
        }
    }

    /// What says most about the event, on one line.
    pub fn detail(&self) -> &str {
        let best = self.command.as_ref().or(self.process.as_ref());
        best.or(self.message.as_ref()).map_or("", String::as_str)
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

/// The rules by their ids, for what a hit says of its rule.
#[derive(Clone)]
pub struct Rules(HashMap<String, Arc<Rule>>);

impl Rules {
    pub fn new(rules: &RuleSet) -> Self {
        let by_id = |rule: &Arc<Rule>| (rule.id.clone(), rule.clone());
        Rules(rules.rules().iter().map(by_id).collect())
    }

    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.0.get(id).map(Arc::as_ref)
    }
}

/// Names of the values of a hit, in order. Scripts depend on them: add, do not rename.
pub const KEYS: [&str; 18] = [
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
];

/// The values of a hit in the order of [`KEYS`].
pub fn values(found: &Found, file: &Path, rules: &Rules) -> [Json; KEYS.len()] {
    let rule = rules.get(&found.hit.rule_id);
    let of_rule = |text: fn(&Rule) -> &str| {
        let text = rule.map(text).filter(|text| !text.is_empty());
        Json::from(text)
    };
    [
        found.hit.at.to_string().into(),
        found.hit.rule_id.as_str().into(),
        found.hit.rule_title.as_str().into(),
        of_rule(|rule| &rule.author),
        of_rule(|rule| &rule.license),
        Json::from(found.hit.tags.clone()),
        found.hit.level.as_str().into(),
        file.to_string_lossy().into(),
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
    ]
}

/// A hit as a JSON object: what is not known is left out, but for what every hit has.
pub fn json(found: &Found, file: &Path, rules: &Rules) -> Json {
    let always =
        |name: &str| name.starts_with("rule.") || name == "event.code" || name == "host.name";
    let pairs = KEYS.iter().zip(values(found, file, rules));
    let kept = pairs.filter(|(name, value)| !value.is_null() || always(name));
    let object: Map<String, Json> = kept
        .map(|(name, value)| (name.to_string(), value))
        .collect();
    object.into()
}
