//! JSON objects as a flat list of dotted names, read without building a tree.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::Value;

/// Levels of objects and arrays that are followed.
const DEPTH_MAX: usize = 64;
/// Name-value pairs of one document, those inside arrays of objects counted each.
const ENTRIES_MAX: usize = 8_000;
/// Items of one array.
const ITEMS_MAX: usize = 10_000;

/// A JSON object, flattened: `{"a":{"b":1}}` is `a.b` → 1. An array is a list; the fields of
/// objects inside an array become lists, as Elasticsearch treats them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Flat {
    names: String,
    entries: Vec<Entry>,
    /// Something was left out: too deep or too much.
    pub(crate) overflow: bool,
    /// Names may repeat, because there was an array of objects.
    repeats: bool,
}

#[derive(Debug, PartialEq)]
struct Entry {
    start: u32,
    end: u32,
    value: Value,
}

impl Flat {
    /// Reads one JSON object. Text that only breaks the rules for strings (raw control
    /// characters, halves of surrogate pairs) is repaired.
    ///
    /// # Errors
    /// Why the text is no JSON object.
    pub(crate) fn parse(text: &str) -> Result<Flat, String> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.starts_with('{') {
            return Err("not a JSON object".into());
        }
        if u32::try_from(text.len()).is_err() {
            return Err("a JSON object above 4 GiB".into());
        }
        read(text).or_else(|error| match repair(text) {
            Cow::Owned(repaired) => read(&repaired).map_err(|_| error.to_string()),
            Cow::Borrowed(_) => Err(error.to_string()),
        })
    }

    /// An empty document.
    pub(crate) fn empty(overflow: bool) -> Flat {
        Flat {
            overflow,
            ..Flat::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn name(&self, entry: &Entry) -> &str {
        &self.names[entry.start as usize..entry.end as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries
            .iter()
            .map(|entry| (self.name(entry), &entry.value))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.entries
            .iter()
            .find(|entry| {
                (entry.end - entry.start) as usize == name.len() && self.name(entry) == name
            })
            .map(|entry| &entry.value)
    }

    pub(crate) fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The value as text, numbers in decimal.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name)?.to_text()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn has_below(&self, prefix: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| self.name(entry).starts_with(prefix))
    }

    /// What lies below `prefix` (with its dot), and everything else.
    pub(crate) fn split(self, prefix: &str) -> (Flat, Flat) {
        let mut inner = Flat {
            overflow: self.overflow,
            ..Flat::default()
        };
        let mut outer = Flat {
            overflow: self.overflow,
            ..Flat::default()
        };
        for entry in self.entries {
            let name = &self.names[entry.start as usize..entry.end as usize];
            match name.strip_prefix(prefix) {
                Some(name) => inner.push(name, entry.value),
                None => outer.push(name, entry.value),
            }
        }
        (inner, outer)
    }

    pub(crate) fn push(&mut self, name: &str, value: Value) {
        let start = self.names.len() as u32;
        self.names.push_str(name);
        self.entries.push(Entry {
            start,
            end: self.names.len() as u32,
            value,
        });
    }

    /// Every name with its value, given away.
    pub(crate) fn drain(self, mut each: impl FnMut(&str, Value)) {
        let names = self.names;
        for entry in self.entries {
            each(
                &names[entry.start as usize..entry.end as usize],
                entry.value,
            );
        }
    }

    /// Joins the values of equal names into lists; a name that occurs once keeps its value.
    fn join_repeats(self) -> Flat {
        let mut joined: Vec<(&str, Vec<Value>)> = Vec::new();
        let mut index: HashMap<&str, usize> = HashMap::new();
        for entry in self.entries {
            let name = &self.names[entry.start as usize..entry.end as usize];
            let at = *index.entry(name).or_insert_with(|| {
                joined.push((name, Vec::new()));
                joined.len() - 1
            });
            joined[at].1.push(entry.value);
        }
        let mut flat = Flat {
            overflow: self.overflow,
            ..Flat::default()
        };
        for (name, mut values) in joined {
            let value = match values.len() {
                1 => values.swap_remove(0),
                _ => Value::List(values.into_iter().flat_map(items).collect()),
            };
            flat.push(name, value);
        }
        flat
    }
}

/// The items of a list, or the value itself.
fn items(value: Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.into_vec(),
        single => vec![single],
    }
}

fn read(text: &str) -> Result<Flat, serde_json::Error> {
    let mut flat = Flat::default();
    let mut path = String::with_capacity(64);
    let mut reader = serde_json::Deserializer::from_str(text);
    let walk = Walk {
        flat: &mut flat,
        path: &mut path,
        depth: 0,
        in_array: false,
    };
    walk.deserialize(&mut reader)?;
    reader.end()?;
    Ok(if flat.repeats {
        flat.join_repeats()
    } else {
        flat
    })
}

/// Reads one value at `path`: what lies below is pushed to `flat`, a scalar or list is returned.
struct Walk<'a> {
    flat: &'a mut Flat,
    path: &'a mut String,
    depth: usize,
    in_array: bool,
}

impl Walk<'_> {
    fn full(&self) -> bool {
        self.depth >= DEPTH_MAX || self.flat.entries.len() >= ENTRIES_MAX
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

/// Name under which serde_json hands over a number when it is built with `arbitrary_precision`,
/// which another crate of the same program may switch on.
const NUMBER: &str = "$serde_json::private::Number";

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Some(Value::Null))
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Self::Value, E> {
        Ok(Some(Value::Bool(yes)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Value::Int(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(match i64::try_from(number) {
            Ok(number) => Value::Int(number),
            Err(_) => Value::from(number.to_string()),
        }))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(Value::Float(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Value::from(text)))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(Value::from(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        if self.full() {
            self.flat.overflow = true;
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        }
        let mut values = Vec::new();
        loop {
            if values.len() >= ITEMS_MAX {
                self.flat.overflow = true;
                while items.next_element::<IgnoredAny>()?.is_some() {}
                break;
            }
            let item = Walk {
                flat: &mut *self.flat,
                path: &mut *self.path,
                depth: self.depth + 1,
                in_array: true,
            };
            match items.next_element_seed(item)? {
                None => break,
                Some(None) => {}
                Some(Some(Value::List(inner))) => values.extend(inner),
                Some(Some(value)) => values.push(value),
            }
        }
        Ok((!values.is_empty()).then(|| Value::List(values.into())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        if self.full() {
            self.flat.overflow = true;
            while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(None);
        }
        let outer = self.path.len();
        while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
            if name == NUMBER {
                let digits: String = fields.next_value()?;
                return number(&digits)
                    .map(Some)
                    .ok_or_else(|| A::Error::custom("bad number"));
            }
            if self.flat.entries.len() >= ENTRIES_MAX {
                self.flat.overflow = true;
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            if outer > 0 {
                self.path.push('.');
            }
            self.path
                .push_str(if name.is_empty() { "_" } else { &name });
            let value = Walk {
                flat: &mut *self.flat,
                path: &mut *self.path,
                depth: self.depth + 1,
                in_array: self.in_array,
            };
            if let Some(value) = fields.next_value_seed(value)? {
                self.flat.repeats |= self.in_array;
                self.flat.push(self.path, value);
            }
            self.path.truncate(outer);
        }
        Ok(None)
    }
}

fn number(digits: &str) -> Option<Value> {
    if let Ok(whole) = digits.parse::<i64>() {
        return Some(Value::Int(whole));
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Value::from(digits));
    }
    digits
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .map(Value::Float)
}

/// Escapes raw control characters inside strings and replaces escaped halves of surrogate pairs;
/// borrowed if there was nothing to repair.
fn repair(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut repaired = String::new();
    let (mut kept, mut at, mut in_string) = (0, 0, false);
    while at < bytes.len() {
        let (length, instead): (usize, Option<String>) = match bytes[at] {
            b'"' => {
                in_string = !in_string;
                (1, None)
            }
            control @ 0..0x20 if in_string => (1, Some(format!("\\u{control:04x}"))),
            b'\\' if in_string => escape(bytes, at),
            _ => (1, None),
        };
        if let Some(instead) = instead {
            repaired.push_str(&text[kept..at]);
            repaired.push_str(&instead);
            kept = at + length;
        }
        at += length;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    repaired.push_str(&text[kept..]);
    Cow::Owned(repaired)
}

/// Length of the escape at `at`, and what to write instead of it if it is not allowed.
fn escape(bytes: &[u8], at: usize) -> (usize, Option<String>) {
    let unit = |from: usize| -> Option<u32> {
        let digits = bytes.get(from..from + 6)?.strip_prefix(b"\\u")?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    match unit(at) {
        Some(0xd800..0xdc00) => match unit(at + 6) {
            Some(0xdc00..0xe000) => (12, None),
            _ => (6, Some("\\ufffd".into())),
        },
        Some(0xdc00..0xe000) => (6, Some("\\ufffd".into())),
        Some(_) => (6, None),
        // The byte after the backslash is skipped unless it begins a multi-byte character.
        None if bytes.get(at + 1).is_some_and(u8::is_ascii) => (2, None),
        None => (1, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<(String, serde_json::Value)> {
        let flat = Flat::parse(text).unwrap();
        flat.iter()
            .map(|(name, value)| (name.to_owned(), value.to_json()))
            .collect()
    }

    #[test]
    fn objects_become_dotted_names_and_arrays_lists() {
        let got = flat(
            r#"{"a":{"b":1,"c.d":"x"},"list":[1,"two",[3]],"objects":[{"n":1,"m":true},{"n":2}],
               "none":null,"empty":{},"no":[],"":5,"big":18446744073709551615,"f":1.5}"#,
        );
        let expected = serde_json::json!([
            ["a.b", 1],
            ["a.c.d", "x"],
            ["list", [1, "two", 3]],
            ["objects.n", [1, 2]],
            ["objects.m", true],
            ["none", null],
            ["_", 5],
            ["big", "18446744073709551615"],
            ["f", 1.5]
        ]);
        assert_eq!(serde_json::to_value(got).unwrap(), expected);
    }

    #[test]
    fn objects_in_an_array_leave_other_lists_as_they_are() {
        let got = flat(r#"{"one":["x"],"o":[{"n":["a"]},{"n":[null,2]},{"m":[3]}]}"#);
        let expected = serde_json::json!([["one", ["x"]], ["o.n", ["a", null, 2]], ["o.m", [3]]]);
        assert_eq!(serde_json::to_value(got).unwrap(), expected);
    }

    #[test]
    fn depth_and_number_of_fields_are_bounded_and_flagged() {
        let deep = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
        assert!(Flat::parse(&deep).unwrap().overflow);
        let arrays = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Flat::parse(&arrays).unwrap().overflow);
        let wide: Vec<String> = (0..9_000).map(|n| format!("\"f{n}\":{n}")).collect();
        let wide = Flat::parse(&format!("{{{}}}", wide.join(","))).unwrap();
        assert!(wide.overflow);
        assert_eq!(wide.len(), ENTRIES_MAX);
    }

    #[test]
    fn broken_strings_are_repaired_and_broken_objects_refused() {
        assert_eq!(
            Flat::parse("{\"a\":\"x\ty\\ud800z\"}").unwrap().str("a"),
            Some("x\ty\u{fffd}z")
        );
        assert_eq!(
            Flat::parse(r#"{"a":"\ud83d\ude00"}"#).unwrap().str("a"),
            Some("😀")
        );
        for text in [
            "",
            "[]",
            "1",
            "{",
            "{\"a\":}",
            "{} {}",
            "{\"a\":1e999}",
            "{\"\\",
            "{\"a\":\"\\ud800",
        ] {
            assert!(Flat::parse(text).is_err(), "{text}");
        }
    }
}
