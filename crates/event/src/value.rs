use jiff::Timestamp;

use crate::Text;

/// The value of one field of one event.
///
/// Text is what nearly every log holds. Numbers, booleans and times are kept apart only where
/// the source or ECS says so: a JSON number, a JSON boolean, a field of ECS type `date`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Present without a value (JSON `null`).
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Time(Timestamp),
    Str(Text),
    /// Several values of one field (`related.ip`, `event.category`), in the order of arrival.
    List(Box<[Value]>),
}

impl Value {
    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if this is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The value as matching and searching see it: text as it is, a number in decimal,
    /// `true`/`false`, a time in RFC 3339, nothing for null. A list is seen item by item, so it
    /// gives `None` here; see [`Value::items`].
    pub fn to_text(&self) -> Option<std::borrow::Cow<'_, str>> {
        Some(match self {
            Value::Null | Value::List(_) => return None,
            Value::Bool(true) => "true".into(),
            Value::Bool(false) => "false".into(),
            Value::Int(number) => number.to_string().into(),
            Value::Float(number) => number.to_string().into(),
            Value::Time(time) => time.to_string().into(),
            Value::Str(text) => (&**text).into(),
        })
    }

    /// The single values inside: the items of a list, or the value itself.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            single => std::slice::from_ref(single),
        }
    }

    /// As JSON: times in RFC 3339, a float that JSON cannot hold as its text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(yes) => (*yes).into(),
            Value::Int(number) => (*number).into(),
            Value::Float(number) => serde_json::Number::from_f64(*number)
                .map(serde_json::Value::Number)
                .unwrap_or_else(|| number.to_string().into()),
            Value::Time(time) => time.to_string().into(),
            Value::Str(text) => (&**text).into(),
            Value::List(items) => items.iter().map(Value::to_json).collect(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Str(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Value::Bool(yes)
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Value::Time(time)
    }
}
