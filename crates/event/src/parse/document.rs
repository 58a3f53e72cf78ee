//! JSON documents, told apart by the fields they have.

use std::borrow::Cow;

use super::json::Flat;
use super::row::Row;
use super::stamp::{self, Claim};
use super::{Unparsed, eve, line, plain, zeek};
use crate::{Value, windows};

/// One JSON object.
pub(crate) fn json(row: &mut Row<'_>, text: &str) -> Result<(), Unparsed> {
    object(row, Flat::parse(text)?);
    Ok(())
}

/// A Splunk HEC envelope: the event is an object or text, the rest describes it.
pub(crate) fn hec(row: &mut Row<'_>, text: &str) -> Result<(), Unparsed> {
    let (inner, outer) = Flat::parse(text)?.split("event.");
    match outer.get("event") {
        Some(Value::Str(message)) => hec_text(row, message),
        Some(Value::Null) | None if inner.len() > 0 => object(row, inner),
        Some(other) if *other != Value::Null => {
            let message = other
                .to_text()
                .map_or_else(|| other.to_json().to_string(), Cow::into_owned);
            row.set("message", message);
        }
        _ => return Err("HEC envelope without an event".into()),
    }
    if let Some(time) = outer.get("time")
        && let claimed @ Claim::At(_) = claim(time, row)
    {
        row.claim = claimed;
    }
    if !row.has("host.name") {
        row.text("host.name", outer.str("host"));
    }
    if let Some(source) = outer.str("source") {
        row.text("splunk.source", Some(source));
        if source.starts_with('/') || source.get(1..3) == Some(":\\") {
            row.set("log.file.path", source);
        }
    }
    row.text("splunk.sourcetype", outer.str("sourcetype"));
    row.text("splunk.index", outer.str("index"));
    let (fields, _) = outer.split("fields.");
    fields.drain(|name, value| {
        if !row.has(name) {
            own_name(row, name, value);
        }
    });
    Ok(())
}

fn hec_text(row: &mut Row<'_>, message: &str) {
    let understood = if message.trim_start().starts_with('{') {
        json(row, message).is_ok()
    } else {
        line::shipped(row, None, message)
    };
    if !understood {
        row.set("message", message);
    }
}

/// A document whose shape shows in its fields.
fn object(row: &mut Row<'_>, flat: Flat) {
    if flat.overflow {
        row.overflow();
    }
    match windows::from_flat(flat) {
        Ok((event, rest)) => {
            windows::write(row, &event);
            rest.drain(|name, value| {
                if !row.has(name) {
                    own_name(row, name, value);
                }
            });
        }
        Err(flat) if eve::is_eve(&flat) => eve::write(row, flat),
        Err(flat) if zeek::is_zeek(&flat) => zeek::write(row, flat),
        Err(flat) if plain::is_journal(&flat) => plain::journal(row, flat),
        Err(flat) if is_ecs(&flat) => ecs(row, flat),
        Err(flat) => plain::write(row, flat),
    }
}

fn is_ecs(flat: &Flat) -> bool {
    flat.has("@timestamp") || flat.has("ecs.version") || flat.has("event.kind")
}

/// The document's own field names.
fn ecs(row: &mut Row<'_>, flat: Flat) {
    shipped_line(row, &flat);
    if row.claim == Claim::None
        && let Some(time) = flat.get("@timestamp")
    {
        row.claim = claim(time, row);
    }
    if row.dataset.is_none() {
        row.dataset = dataset(&flat);
    }
    flat.drain(|name, value| own_name(row, name, value));
}

/// The dataset that a document names.
pub(super) fn dataset(flat: &Flat) -> Option<String> {
    let named = flat
        .str("data_stream.dataset")
        .or_else(|| flat.str("event.dataset"));
    let plain = |name: &&str| {
        !name.is_empty()
            && name.len() <= 100
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    named.filter(plain).map(str::to_ascii_lowercase)
}

/// Shippers of files (Filebeat, Fluent Bit) send lines as they stand in `message`: what the line
/// says is set first, the document's own fields win.
fn shipped_line(row: &mut Row<'_>, flat: &Flat) {
    let Some(message) = flat.str("message") else {
        return;
    };
    let from_a_file = flat.has("log.file.path")
        || flat.has_below("input.")
        || flat.has_below("journald.")
        || flat.has_below("syslog.");
    if !from_a_file || flat.has("event.category") || flat.has("event.action") {
        return;
    }
    let names = [
        "log.syslog.appname",
        "syslog.identifier",
        "journald.process.name",
        "process.name",
    ];
    let app = names.iter().find_map(|name| flat.str(name));
    line::shipped(row, app, message);
}

/// A time as a document writes it: text or a number since 1970.
pub(crate) fn claim(value: &Value, row: &Row<'_>) -> Claim {
    let read = match value {
        Value::Int(number) => stamp::epoch_text(&number.to_string()),
        Value::Float(number) => stamp::epoch(*number),
        Value::Str(text) => stamp::iso(text, row.zone).or_else(|| stamp::epoch_text(text)),
        Value::Time(time) => Some(*time),
        _ => None,
    };
    match read {
        Some(time) => Claim::At(time),
        None => match value.to_text() {
            Some(text) => Claim::Unreadable(text.into_owned()),
            None => Claim::None,
        },
    }
}

/// Sets a field of a document under its own name, except where the name is ours to set.
pub(crate) fn own_name(row: &mut Row<'_>, name: &str, value: Value) {
    match name {
        "@timestamp"
        | "event.original"
        | "event.ingested"
        | "data_stream.dataset"
        | "event.original_base64"
        | "event.timestamp_untrusted"
        | "event.created_claimed"
        | "log.source.id"
        | "log.source.address"
        | "event.record_count" => {}
        "event.id" => row.foreign("event.id_claimed", value),
        "tags" => {
            for tag in value.items() {
                if let Some(tag) = tag.as_str() {
                    row.tag(tag);
                }
            }
        }
        _ => row.foreign(name, value),
    }
}
