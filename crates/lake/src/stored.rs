//! How one value is kept.
//!
//! A value goes to its column when the column's type gives it back unchanged, else as text to the
//! overflow map. Text columns and the map hold several values as a JSON array of strings; a single
//! text that would read as such an array is wrapped in one. Nulls and empty lists are not kept
//! (`event.original` still has them), a list of one is its item, times are cut to microseconds.

use std::borrow::Cow;

use jiff::Timestamp;
use saqshy_event::{EcsType, EventRef, Value};
use serde_json::Map;

use crate::schema::{COLUMN_DATASET, COLUMN_INGESTED, COLUMN_TIMESTAMP, DATASET_OTHER};
use crate::time::format_micros;

/// A value that its column can hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fitted<'a> {
    Text(Cow<'a, str>),
    Long(i64),
    Double(f64),
    Bool(bool),
    /// µs since 1970.
    Time(i64),
}

/// What becomes of a value under a column of type `kind`.
pub(crate) enum Kept<'a> {
    Column(Fitted<'a>),
    Overflow(Cow<'a, str>),
    Nothing,
}

/// Decides where a value goes.
pub(crate) fn keep(kind: EcsType, value: &Value) -> Kept<'_> {
    if matches!(kind, EcsType::Keyword | EcsType::Ip) {
        return match encode(value) {
            Some(text) => Kept::Column(Fitted::Text(text)),
            None => Kept::Nothing,
        };
    }
    let single = match value.items() {
        [single] => single,
        _ => value,
    };
    match fit(kind, single) {
        Some(fitted) => Kept::Column(fitted),
        None => encode(value).map_or(Kept::Nothing, Kept::Overflow),
    }
}

fn fit(kind: EcsType, value: &Value) -> Option<Fitted<'static>> {
    if kind == EcsType::Date {
        return match value {
            Value::Time(time) => Some(Fitted::Time(time.as_microsecond())),
            Value::Str(text) => parse_stored_time(text).map(Fitted::Time),
            _ => None,
        };
    }
    let text = value.to_text()?;
    let (fitted, back) = match kind {
        EcsType::Long => {
            let number: i64 = text.parse().ok()?;
            (Fitted::Long(number), number.to_string())
        }
        EcsType::Double => {
            let number: f64 = text
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())?;
            (Fitted::Double(number), number.to_string())
        }
        EcsType::Boolean => {
            let yes: bool = text.parse().ok()?;
            (Fitted::Bool(yes), yes.to_string())
        }
        EcsType::Keyword | EcsType::Ip | EcsType::Date => return None,
    };
    (back == text).then_some(fitted)
}

/// RFC 3339 with an offset, as times are given out, to µs.
pub(crate) fn parse_stored_time(text: &str) -> Option<i64> {
    let plausible = text.len() >= 20 && text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    if !plausible {
        return None;
    }
    text.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_microsecond)
}

/// The text that stands for a value; `None` for null and empty lists.
pub(crate) fn encode(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::List(_) => {
            let mut items = Vec::new();
            collect(value, &mut items);
            match items.len() {
                0 => None,
                1 => Some(encode_text(items.remove(0))),
                _ => Some(Cow::Owned(encode_list(&items))),
            }
        }
        single => Some(encode_text(single.to_text()?)),
    }
}

fn encode_text(text: Cow<'_, str>) -> Cow<'_, str> {
    if decode_list(&text).is_some() {
        Cow::Owned(encode_list(&[text]))
    } else {
        text
    }
}

fn encode_list(items: &[Cow<'_, str>]) -> String {
    let items: serde_json::Value = items.iter().map(|item| item.to_string()).collect();
    items.to_string()
}

fn collect<'a>(value: &'a Value, into: &mut Vec<Cow<'a, str>>) {
    match value {
        Value::List(items) => items.iter().for_each(|item| collect(item, into)),
        single => into.extend(single.to_text()),
    }
}

/// The several values in a stored text; `None`: the text is one value, itself.
pub(crate) fn decode_list(text: &str) -> Option<Vec<String>> {
    if !text.starts_with("[\"") {
        return None;
    }
    serde_json::from_str::<Vec<String>>(text).ok()
}

/// Whether one of the values in a stored text passes `test`.
pub(crate) fn any_item(text: &str, test: impl Fn(&str) -> bool) -> bool {
    match decode_list(text) {
        Some(items) => items.iter().any(|item| test(item)),
        None => test(text),
    }
}

/// A stored text as it is given out.
pub(crate) fn text_to_json(text: &str) -> serde_json::Value {
    match decode_list(text) {
        Some(mut items) if items.len() == 1 => items.remove(0).into(),
        Some(items) => items.into(),
        None => text.into(),
    }
}

fn fitted_to_json(fitted: Fitted<'_>) -> serde_json::Value {
    match fitted {
        Fitted::Text(text) => text_to_json(&text),
        Fitted::Long(number) => number.into(),
        Fitted::Double(number) => number.into(),
        Fitted::Bool(yes) => yes.into(),
        Fitted::Time(micros) => format_micros(micros).into(),
    }
}

/// An event as the lake gives it out once it is stored: types by ECS, fields in order of name.
///
/// `now` stands in where the event says not when it was received.
pub fn stored_form(event: EventRef<'_>, now: Timestamp) -> Map<String, serde_json::Value> {
    let mut map = std::collections::BTreeMap::new();
    for (name, value) in event.fields() {
        if name == COLUMN_DATASET || name == COLUMN_TIMESTAMP || name == COLUMN_INGESTED {
            continue;
        }
        let json = match keep(saqshy_event::ecs_type(name), value) {
            Kept::Column(fitted) => fitted_to_json(fitted),
            Kept::Overflow(text) => text_to_json(&text),
            Kept::Nothing => continue,
        };
        map.insert(name.to_owned(), json);
    }
    let core = Core::of(event, now);
    map.insert(
        COLUMN_TIMESTAMP.into(),
        format_micros(core.timestamp.as_microsecond()).into(),
    );
    map.insert(
        COLUMN_INGESTED.into(),
        format_micros(core.ingested.as_microsecond()).into(),
    );
    map.insert(COLUMN_DATASET.into(), core.dataset.into());
    for (name, text) in core.claimed {
        map.insert(name.into(), text_to_json(&text));
    }
    map.into_iter().collect()
}

/// The fields that every stored event has, made up where the event lacks them.
pub(crate) struct Core {
    pub timestamp: Timestamp,
    pub ingested: Timestamp,
    pub dataset: String,
    /// What the event said instead, where that could not be kept under the field's own name.
    pub claimed: Vec<(&'static str, String)>,
}

/// Dataset of an event that names none.
pub(crate) const DATASET_NONE: &str = "generic";

impl Core {
    pub(crate) fn of(event: EventRef<'_>, now: Timestamp) -> Self {
        let mut claimed = Vec::new();
        let mut time = |field, name, otherwise| match event.get(field) {
            Some(Value::Time(time)) => *time,
            None => otherwise,
            Some(value) => match fit(EcsType::Date, value) {
                Some(Fitted::Time(micros)) => {
                    Timestamp::from_microsecond(micros).unwrap_or(otherwise)
                }
                _ => {
                    claimed.extend(encode(value).map(|text| (name, text.into_owned())));
                    otherwise
                }
            },
        };
        let ingested = time(COLUMN_INGESTED, "malformed.event.ingested", now);
        let timestamp = time(COLUMN_TIMESTAMP, "malformed.@timestamp", ingested);
        let dataset = match event.get(COLUMN_DATASET).and_then(encode) {
            None => DATASET_NONE.to_owned(),
            Some(text) if is_dataset_name(&text) => text.into_owned(),
            Some(text) => {
                claimed.push(("malformed.data_stream.dataset", text.into_owned()));
                DATASET_OTHER.to_owned()
            }
        };
        Core {
            timestamp,
            ingested,
            dataset,
            claimed,
        }
    }
}

/// Letters, digits, `.`, `_`, `-`; at most 100; not hidden.
pub(crate) fn is_dataset_name(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_texts_that_look_like_lists_stay_apart() {
        let list = Value::List(["a".into(), Value::Null, 5i64.into()].into());
        let text = Value::from(r#"["a","b"]"#);
        assert_eq!(encode(&list).as_deref(), Some(r#"["a","5"]"#));
        assert_eq!(
            text_to_json(&encode(&list).unwrap()),
            serde_json::json!(["a", "5"])
        );
        assert_eq!(
            text_to_json(&encode(&text).unwrap()),
            serde_json::json!(r#"["a","b"]"#)
        );
        assert_eq!(encode(&Value::List([].into())), None);
        assert_eq!(encode(&Value::from("[]")).as_deref(), Some("[]"));
    }

    #[test]
    fn a_value_that_its_type_would_change_goes_to_the_overflow() {
        let column = |kind, value: Value| matches!(keep(kind, &value), Kept::Column(_));
        assert!(column(EcsType::Long, "443".into()) && column(EcsType::Long, 443i64.into()));
        assert!(!column(EcsType::Long, "0443".into()) && !column(EcsType::Long, "ssh".into()));
        assert!(column(EcsType::Double, 5i64.into()) && !column(EcsType::Double, "1.50".into()));
        assert!(column(EcsType::Date, "2026-03-20T09:30:00+05:00".into()));
        assert!(!column(EcsType::Date, "2026-03-20".into()));
        assert!(!column(EcsType::Boolean, "yes".into()));
        assert!(!column(EcsType::Double, Value::Float(f64::NAN)));
    }
}
