//! JSON documents, told apart by the fields they have.

use super::Unparsed;
use super::json::Flat;
use super::row::Row;
use super::stamp::{self, Claim};
use crate::Value;

/// One JSON object.
pub(crate) fn json(row: &mut Row<'_>, text: &str) -> Result<(), Unparsed> {
    let flat = Flat::parse(text)?;
    object(row, flat);
    Ok(())
}

/// A Splunk HEC envelope: the event is an object or text, the rest describes it.
pub(crate) fn hec(row: &mut Row<'_>, text: &str) -> Result<(), Unparsed> {
    let flat = Flat::parse(text)?;
    object(row, flat);
    Ok(())
}

fn object(row: &mut Row<'_>, flat: Flat) {
    if flat.overflow {
        row.overflow();
    }
    ecs(row, flat);
}

/// The document's own field names.
fn ecs(row: &mut Row<'_>, flat: Flat) {
    if let Some(time) = flat.get("@timestamp") {
        row.claim = claim(time, row);
    }
    row.dataset = flat
        .str("data_stream.dataset")
        .or_else(|| flat.str("event.dataset"))
        .filter(|name| !name.is_empty())
        .map(str::to_owned);
    flat.drain(|name, value| own_name(row, name, value));
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
