//! Writing one event: fields with their ECS type, tags, limits.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use smallvec::SmallVec;

use super::stamp::{self, Claim};
use crate::names::{EcsType, ecs_type};
use crate::{BatchBuilder, Given, Value};

/// Fields that one event may have; further ones stay in `event.original` only.
pub(crate) const FIELDS_MAX: usize = 2_000;
/// Tags of one event.
const TAGS_MAX: usize = 64;
/// Bytes of a field name.
const NAME_BYTES_MAX: usize = 512;

/// The event under construction.
pub(crate) struct Row<'b> {
    out: &'b mut BatchBuilder,
    fields: usize,
    tags: SmallVec<[Box<str>; 4]>,
    pub(crate) claim: Claim,
    pub(crate) dataset: Option<String>,
    pub(crate) received: Timestamp,
    /// Zone of times that name none.
    pub(crate) zone: &'b TimeZone,
}

impl<'b> Row<'b> {
    pub(crate) fn new(out: &'b mut BatchBuilder, received: Timestamp, zone: &'b TimeZone) -> Self {
        Row {
            out,
            fields: 0,
            tags: SmallVec::new(),
            claim: Claim::None,
            dataset: None,
            received,
            zone,
        }
    }

    /// Sets a field whose name and type this crate chose.
    pub(crate) fn set<'v>(&mut self, field: &str, value: impl Into<Given<'v>>) {
        self.out.set(field, value);
    }

    /// [`Row::set`] for a value that may be missing or empty: then nothing is set.
    pub(crate) fn text(&mut self, field: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.out.set(field, value);
        }
    }

    /// Sets a whole number written in decimal; anything else is left out.
    pub(crate) fn number(&mut self, field: &str, value: Option<&str>) {
        if let Some(number) = value.and_then(|value| value.trim().parse::<i64>().ok()) {
            self.out.set(field, number);
        }
    }

    /// Sets `<side>.address` and, if it is one, `<side>.ip` (`side` is `source`, `destination`).
    pub(crate) fn address(&mut self, side: &str, value: Option<&str>) {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return;
        };
        let bare = value.trim_start_matches('[').trim_end_matches(']');
        let bare = bare
            .strip_prefix("::ffff:")
            .filter(|v4| v4.contains('.'))
            .unwrap_or(bare);
        if bare.parse::<IpAddr>().is_ok() {
            self.out.set(&format!("{side}.ip"), bare);
        }
        self.out.set(&format!("{side}.address"), bare);
    }

    /// Adds a value to a list field of ours (`event.category`, `related.ip`), each value once.
    pub(crate) fn add(&mut self, field: &str, value: &str) {
        let known = self
            .out
            .current(field)
            .is_some_and(|now| now.items().iter().any(|item| item.as_str() == Some(value)));
        if !known {
            self.out.add(field, value);
        }
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.out.has(field)
    }

    /// Copies the text of one field to another, if it is there.
    pub(crate) fn copy(&mut self, from: &str, to: &str) {
        if let Some(value) = self.out.current(from) {
            self.out.set(to, value);
        }
    }

    /// Sets a field whose name came from outside: the name and the number of fields are bounded,
    /// the value is brought to the field's ECS type or set aside.
    pub(crate) fn foreign<'v>(&mut self, field: &str, value: impl Into<Given<'v>>) {
        if self.fields >= FIELDS_MAX || field.len() > NAME_BYTES_MAX || field.is_empty() {
            self.tag("_fields_overflow");
            return;
        }
        self.fields += 1;
        let kind = ecs_type(field);
        if kind == EcsType::Keyword {
            self.out.set(field, value);
            return;
        }
        let value = value.into().into_value();
        let zone = self.zone;
        match typed(kind, &value, zone) {
            Some(fitting) => self.out.set(field, fitting),
            None if value == Value::Null => {}
            None => {
                self.tag("_malformed");
                let aside = format!("malformed.{field}");
                match value {
                    Value::List(items) => {
                        let texts = items.iter().map(as_text).collect();
                        self.out.set(&aside, Value::List(texts));
                    }
                    single => self.out.set(&aside, as_text(&single)),
                }
            }
        }
    }

    /// More fields than are kept.
    pub(crate) fn overflow(&mut self) {
        self.tag("_fields_overflow");
    }

    pub(crate) fn tag(&mut self, tag: &str) {
        if self.tags.len() < TAGS_MAX && !self.tags.iter().any(|known| &**known == tag) {
            self.tags.push(tag.into());
        }
    }

    pub(crate) fn tags(&self) -> &[Box<str>] {
        &self.tags
    }

    pub(crate) fn category(&mut self, category: &str, kind: &str, action: &str) {
        self.set("event.kind", "event");
        self.add("event.category", category);
        self.add("event.type", kind);
        self.set("event.action", action);
    }

    pub(crate) fn outcome(&mut self, success: bool) {
        self.set("event.outcome", if success { "success" } else { "failure" });
    }

    /// Forgets every field; tags, which describe the bytes, stay.
    pub(crate) fn clear(&mut self) {
        self.out.discard_event();
        self.fields = 0;
        self.claim = Claim::None;
        self.dataset = None;
    }

    /// Believes or refuses the claimed time.
    pub(crate) fn settle_time(&mut self) {
        let claimed = match std::mem::take(&mut self.claim) {
            Claim::At(at) if stamp::believable(at, self.received) => {
                self.set("@timestamp", at);
                return;
            }
            Claim::At(at) => Some(at.to_string()),
            Claim::Unreadable(text) => Some(text),
            Claim::None => None,
        };
        self.set("@timestamp", self.received);
        self.set("event.timestamp_untrusted", true);
        self.text("event.created_claimed", claimed.as_deref());
    }
}

fn as_text(value: &Value) -> Value {
    match value.to_text() {
        Some(text) => Value::from(text.into_owned()),
        None => Value::from(value.to_json().to_string()),
    }
}

/// `value` as a value of type `kind`; `None` if it is not one.
fn typed(kind: EcsType, value: &Value, zone: &TimeZone) -> Option<Value> {
    if let Value::List(items) = value {
        let fitting: Option<Vec<Value>> =
            items.iter().map(|item| typed(kind, item, zone)).collect();
        return Some(Value::List(fitting?.into()));
    }
    Some(match (kind, value) {
        (EcsType::Keyword, value) => value.clone(),
        (EcsType::Long, Value::Int(number)) => Value::Int(*number),
        (EcsType::Long, Value::Float(number))
            if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 =>
        {
            Value::Int(*number as i64)
        }
        (EcsType::Long, Value::Str(text)) => Value::Int(text.trim().parse().ok()?),
        (EcsType::Double, Value::Int(number)) => Value::Float(*number as f64),
        (EcsType::Double, Value::Float(number)) => Value::Float(*number),
        (EcsType::Double, Value::Str(text)) => Value::Float(
            text.trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())?,
        ),
        (EcsType::Boolean, Value::Bool(yes)) => Value::Bool(*yes),
        (EcsType::Boolean, Value::Str(text)) => Value::Bool(text.trim().parse().ok()?),
        (EcsType::Date, Value::Time(time)) => Value::Time(*time),
        (EcsType::Date, Value::Str(text)) => {
            Value::Time(stamp::iso(text, zone).or_else(|| stamp::epoch_text(text))?)
        }
        (EcsType::Date, Value::Int(number)) => Value::Time(stamp::epoch(*number as f64)?),
        (EcsType::Date, Value::Float(number)) => Value::Time(stamp::epoch(*number)?),
        (EcsType::Ip, Value::Str(text)) => {
            text.parse::<IpAddr>().ok()?;
            value.clone()
        }
        _ => return None,
    })
}
