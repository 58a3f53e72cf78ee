//! Other JSON forms of a Windows event: `evtx_dump -o json`, and flat documents that put the
//! system fields and the data side by side (NXLog, Sigma test data).

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::assemble::name_numbers;
use super::beat::plain;
use super::{WindowsEvent, add, guid, tidy};
use crate::Value;
use crate::parse::json::Flat;
use crate::parse::stamp;

/// `{"Event":{"System":{…},"EventData":{…}}}`; attributes are below `#attributes`.
pub(super) fn evtx_dump(document: &Flat) -> WindowsEvent {
    let get = |name: &str| -> Option<String> {
        let path = format!("Event.System.{name}");
        let value = document
            .get(&path)
            .or_else(|| document.get(&format!("{path}.#text")))
            .map(|value| plain(value).into_owned());
        value.filter(|text| !text.is_empty())
    };
    let attribute = |name: &str, attribute: &str| get(&format!("{name}.#attributes.{attribute}"));
    let mut event = system(&get);
    event.provider = attribute("Provider", "Name");
    event.provider_guid = attribute("Provider", "Guid").map(|text| guid(&text).unwrap_or(text));
    time(&mut event, attribute("TimeCreated", "SystemTime"));
    event.activity_id = attribute("Correlation", "ActivityID").map(|text| tidy(&text).into_owned());
    event.related_activity_id =
        attribute("Correlation", "RelatedActivityID").map(|text| tidy(&text).into_owned());
    event.process_id = attribute("Execution", "ProcessID").and_then(|text| text.parse().ok());
    event.thread_id = attribute("Execution", "ThreadID").and_then(|text| text.parse().ok());
    event.user_sid = attribute("Security", "UserID");
    names(&mut event, &get);
    for (name, value) in document.iter() {
        if let Some(name) = name.strip_prefix("Event.EventData.") {
            let name = name.strip_suffix(".#text").unwrap_or(name);
            match name {
                // Values without a name: `Data` holds their list.
                "Data" => {
                    for (at, item) in value.items().iter().enumerate() {
                        add(
                            &mut event.event_data,
                            &format!("param{}", at + 1),
                            &plain(item),
                        );
                    }
                }
                name if name.contains('#') => {}
                name => add(&mut event.event_data, name, &plain(value)),
            }
        } else if let Some(rest) = name.strip_prefix("Event.UserData.") {
            let (element, name) = rest.split_once('.').unwrap_or((rest, ""));
            event
                .user_data_name
                .get_or_insert_with(|| element.to_owned());
            let name = name.strip_suffix(".#text").unwrap_or(name);
            if !name.is_empty() && !name.contains('#') {
                let leaf = name.rsplit('.').next().unwrap_or(name);
                add(&mut event.user_data, leaf, &plain(value));
            }
        }
    }
    event.without_zeros()
}

/// Fields that a flat document takes from `System`, under the names in use.
const SYSTEM: [(&str, &[&str]); 19] = [
    (
        "Provider",
        &["Provider_Name", "ProviderName", "SourceName", "Provider"],
    ),
    ("ProviderGuid", &["ProviderGuid", "Provider_Guid"]),
    ("EventID", &["EventID"]),
    ("Version", &["Version"]),
    ("Level", &["Level", "LevelValue"]),
    ("Task", &["Task", "TaskValue"]),
    ("Opcode", &["Opcode", "OpcodeValue"]),
    ("Keywords", &["Keywords"]),
    (
        "EventRecordID",
        &["EventRecordID", "RecordNumber", "RecordID"],
    ),
    ("ActivityID", &["ActivityID"]),
    (
        "ExecutionProcessID",
        &["ExecutionProcessID", "Execution_ProcessID"],
    ),
    (
        "ExecutionThreadID",
        &["ExecutionThreadID", "Execution_ThreadID"],
    ),
    ("Channel", &["Channel"]),
    (
        "Computer",
        &["Computer", "Hostname", "ComputerName", "MachineName"],
    ),
    ("UserID", &["UserID"]),
    (
        "SystemTime",
        &["SystemTime", "EventTime", "TimeCreated", "@timestamp"],
    ),
    ("UtcTime", &["UtcTime"]),
    ("Message", &["Message"]),
    (
        "Received",
        &[
            "EventReceivedTime",
            "SourceModuleName",
            "SourceModuleType",
            "@version",
        ],
    ),
];

/// `{"EventID":1,"Channel":"…","CommandLine":"…"}`
pub(super) fn flat(document: &Flat) -> WindowsEvent {
    let get = |name: &str| -> Option<String> {
        let (_, names) = SYSTEM.iter().find(|(known, _)| *known == name)?;
        names
            .iter()
            .find_map(|name| document.get(name).map(|value| plain(value).into_owned()))
            .filter(|text| !text.is_empty())
    };
    let mut event = system(&get);
    event.provider = get("Provider");
    event.provider_guid = get("ProviderGuid").map(|text| guid(&text).unwrap_or(text));
    time(&mut event, get("SystemTime").or_else(|| get("UtcTime")));
    event.activity_id = get("ActivityID").map(|text| tidy(&text).into_owned());
    event.process_id = get("ExecutionProcessID").and_then(|text| text.parse().ok());
    event.thread_id = get("ExecutionThreadID").and_then(|text| text.parse().ok());
    event.user_sid = get("UserID");
    event.message = get("Message").map(|text| tidy(&text).into_owned());
    names(&mut event, &get);
    for (name, value) in document.iter() {
        // Sysmon's own time is data as well.
        let taken = name != "UtcTime" && SYSTEM.iter().any(|(_, names)| names.contains(&name));
        if !taken && *value != Value::Null {
            add(&mut event.event_data, name, &plain(value));
        }
    }
    event.without_zeros()
}

fn system(get: &dyn Fn(&str) -> Option<String>) -> WindowsEvent {
    let number = |name: &str| get(name).and_then(|text| text.trim().parse().ok());
    WindowsEvent {
        event_id: get("EventID").and_then(|text| text.trim().parse().ok()),
        version: number("Version"),
        record_id: number("EventRecordID"),
        channel: get("Channel"),
        computer: get("Computer"),
        ..WindowsEvent::default()
    }
}

fn time(event: &mut WindowsEvent, text: Option<String>) {
    event.time = text
        .as_deref()
        .and_then(|text| stamp::iso(text, &TimeZone::UTC).or_else(|| stamp::epoch_text(text)));
    event.time_unreadable = text.filter(|_| event.time.is_none());
}

fn names(event: &mut WindowsEvent, get: &dyn Fn(&str) -> Option<String>) {
    let number = |name: &str| get(name).and_then(|text| text.trim().parse::<u64>().ok());
    let keywords = get("Keywords").and_then(|text| {
        let digits: Option<Cow<'_, str>> = text.strip_prefix("0x").map(Cow::from);
        match digits {
            Some(digits) => u64::from_str_radix(&digits, 16).ok(),
            None => text.parse::<i64>().ok().map(|signed| signed as u64),
        }
    });
    name_numbers(
        event,
        number("Level"),
        number("Task"),
        number("Opcode"),
        keywords,
    );
    if event.level.is_none() {
        event.level = get("Level").map(|text| text.to_lowercase());
    }
}
