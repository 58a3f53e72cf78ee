//! Documents of Winlogbeat: read and written.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde_json::{Map, Value as Json, json};

use super::{Pairs, WindowsEvent, add, guid, meta, tidy};
use crate::Value;
use crate::parse::json::Flat;
use crate::parse::stamp;

/// Fields of the document that the event itself says; what else there is stays with the caller.
const OWN: [&str; 27] = [
    "@timestamp",
    "event.code",
    "event.provider",
    "log.level",
    "message",
    "winlog.activity_id",
    "winlog.api",
    "winlog.channel",
    "winlog.computer_name",
    "winlog.event_id",
    "winlog.keywords",
    "winlog.level",
    "winlog.message",
    "winlog.opcode",
    "winlog.outcome",
    "winlog.process.pid",
    "winlog.process.thread.id",
    "winlog.provider_guid",
    "winlog.provider_name",
    "winlog.record_id",
    "winlog.related_activity_id",
    "winlog.task",
    "winlog.time_created",
    "winlog.user.identifier",
    "winlog.user_data.xml_name",
    "winlog.version",
    "host.name",
];

pub(super) fn read(document: Flat) -> (WindowsEvent, Flat) {
    let mut event = WindowsEvent::default();
    let text = |name: &str| {
        document
            .text(name)
            .filter(|text| !text.is_empty())
            .map(Cow::into_owned)
    };
    let number = |name: &str| {
        document
            .text(name)
            .and_then(|text| text.trim().parse::<i64>().ok())
    };
    event.provider = text("winlog.provider_name").or_else(|| text("event.provider"));
    event.provider_guid = text("winlog.provider_guid").map(|text| guid(&text).unwrap_or(text));
    event.event_id = text("winlog.event_id")
        .or_else(|| text("event.code"))
        .and_then(|text| text.trim().parse().ok());
    event.version = number("winlog.version");
    event.level = text("winlog.level")
        .or_else(|| text("log.level"))
        .map(|text| text.to_lowercase());
    event.task = text("winlog.task");
    event.opcode = text("winlog.opcode");
    if let Some(keywords) = document.get("winlog.keywords") {
        let names = keywords
            .items()
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| !name.is_empty());
        event.keywords = names.map(str::to_owned).collect();
        // Winlogbeat takes them from a map, in no order.
        event
            .keywords
            .sort_by_key(|name| meta::keyword_mask(std::slice::from_ref(name)));
    }
    let time = text("@timestamp").or_else(|| text("winlog.time_created"));
    event.time = time
        .as_deref()
        .and_then(|time| stamp::iso(time, &TimeZone::UTC));
    event.time_unreadable = time.filter(|_| event.time.is_none());
    event.record_id = number("winlog.record_id");
    event.activity_id = text("winlog.activity_id").map(|text| tidy(&text).into_owned());
    event.related_activity_id =
        text("winlog.related_activity_id").map(|text| tidy(&text).into_owned());
    event.process_id = number("winlog.process.pid");
    event.thread_id = number("winlog.process.thread.id");
    event.channel = text("winlog.channel");
    event.computer = text("winlog.computer_name").or_else(|| text("host.name"));
    event.user_sid = text("winlog.user.identifier");
    event.user_data_name = text("winlog.user_data.xml_name");
    event.message = text("message")
        .or_else(|| text("winlog.message"))
        .map(|text| tidy(&text).into_owned());
    let mut rest = Flat::empty(document.overflow);
    document.drain(|name, value| {
        // The name of task zero says nothing.
        let nothing = name == "event.action" && value.as_str() == Some("None");
        if nothing || OWN.contains(&name) {
            return;
        }
        if value == Value::Null {
            return; // said to be absent
        }
        if let Some(name) = name.strip_prefix("winlog.event_data.") {
            add(&mut event.event_data, name, &plain(&value));
        } else if let Some(name) = name.strip_prefix("winlog.user_data.") {
            add(&mut event.user_data, name, &plain(&value));
        } else {
            rest.push(name, value);
        }
    });
    (event.without_zeros(), rest)
}

/// A value of a document as the text that Windows holds.
pub(crate) fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::List(items) => {
            let texts: Vec<Cow<'_, str>> = items.iter().filter_map(Value::to_text).collect();
            texts.join("\n").into()
        }
        single => single.to_text().unwrap_or_default(),
    }
}

/// `time` in whole milliseconds, as Winlogbeat sends times.
pub(crate) fn milliseconds(time: Timestamp) -> Timestamp {
    let round = TimestampRound::new()
        .smallest(Unit::Millisecond)
        .mode(RoundMode::Floor);
    time.round(round).unwrap_or(time)
}

/// The document that Winlogbeat sends for `event` (its modules' ECS fields are not part of it:
/// they are added where the document arrives).
pub fn winlogbeat_json(event: &WindowsEvent) -> Json {
    let mut log = Map::new();
    let mut put = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            log.insert(name.to_owned(), value);
        }
    };
    let text = |value: &Option<String>| value.clone().map(Json::from);
    put("api", Some("wineventlog".into()));
    put("channel", text(&event.channel));
    put("computer_name", text(&event.computer));
    put("event_id", event.event_id.map(|id| id.to_string().into()));
    put("provider_name", text(&event.provider));
    put("provider_guid", text(&event.provider_guid));
    put("record_id", event.record_id.map(Json::from));
    put("task", text(&event.task));
    put("opcode", text(&event.opcode));
    put(
        "keywords",
        (!event.keywords.is_empty()).then(|| json!(event.keywords)),
    );
    put("version", event.version.map(Json::from));
    put("activity_id", text(&event.activity_id));
    put("related_activity_id", text(&event.related_activity_id));
    put(
        "user",
        event
            .user_sid
            .as_ref()
            .map(|sid| json!({ "identifier": sid })),
    );
    let mut process = Map::new();
    if let Some(pid) = event.process_id {
        process.insert("pid".into(), pid.into());
    }
    if let Some(thread) = event.thread_id {
        process.insert("thread".into(), json!({ "id": thread }));
    }
    put("process", (!process.is_empty()).then(|| process.into()));
    put("event_data", pairs(&event.event_data, None));
    put(
        "user_data",
        pairs(&event.user_data, event.user_data_name.as_deref()),
    );

    let mut document = Map::new();
    if let Some(time) = event.time {
        document.insert(
            "@timestamp".into(),
            format!("{:.3}", milliseconds(time)).into(),
        );
    }
    let mut about = Map::new();
    about.insert("kind".into(), "event".into());
    for (name, value) in [
        ("code", event.event_id.map(|id| id.to_string())),
        ("provider", event.provider.clone()),
        ("action", event.task.clone()),
        ("outcome", outcome(event).map(str::to_owned)),
    ] {
        if let Some(value) = value {
            about.insert(name.into(), value.into());
        }
    }
    document.insert("event".into(), about.into());
    if let Some(level) = &event.level {
        document.insert("log".into(), json!({ "level": level }));
    }
    if let Some(message) = &event.message {
        document.insert("message".into(), message.as_str().into());
    }
    if let Some(computer) = &event.computer {
        document.insert("host".into(), json!({ "name": computer }));
    }
    document.insert("winlog".into(), log.into());
    document.into()
}

/// What the audit keywords say.
pub(super) fn outcome(event: &WindowsEvent) -> Option<&'static str> {
    let has = |name: &str| event.keywords.iter().any(|keyword| keyword == name);
    if has("Audit Failure") {
        Some("failure")
    } else {
        has("Audit Success").then_some("success")
    }
}

/// The values that Winlogbeat sends: those that are not empty.
fn pairs(pairs: &Pairs, element: Option<&str>) -> Option<Json> {
    let mut map = Map::new();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        map.insert(name.to_owned(), value.into());
    }
    if let Some(element) = element {
        map.insert("xml_name".into(), element.into());
    }
    (!map.is_empty()).then(|| map.into())
}
