//! Values of pieces of JSON, as the careful reader makes them.

use std::borrow::Cow;

use super::cursor::Unusual;
use super::shape::How;
use crate::parse::json::Flat;
use crate::windows::{self, beat};
use crate::{Given, Value};

/// Whether a part is more than nothing.
pub(super) fn says(raw: &str) -> bool {
    !(raw == "\"\"" || raw == "null" || raw.starts_with('['))
}

/// The value of a piece of JSON for a column; `None` if it is absent for the careful reader.
pub(super) fn make(how: How, raw: &str) -> Result<Option<Given<'_>>, Unusual> {
    Ok(match how {
        // Said to be absent.
        How::Data if raw == "null" => None,
        // So is this, unless the name stands twice and there are objects in an array.
        How::Own if raw == "null" => return Err(Unusual),
        How::Own => Some(value(raw)?.into()),
        How::Data => match inner(raw) {
            // Without escapes it is one line.
            Some(text) if !escaped(text) => Some(windows::braced(text).into()),
            Some(_) => {
                let text = unescaped(raw)?;
                Some(match windows::tidy(&text) {
                    Cow::Borrowed(tidy) if tidy.len() == text.len() => text.into(),
                    tidy => tidy.into_owned().into(),
                })
            }
            None => {
                let value = value(raw)?;
                Some(windows::tidy(&beat::plain(&value)).into_owned().into())
            }
        },
        How::Number => {
            let text = raw.trim_matches('"');
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = (1..=18).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain {
                let number: i64 = text.parse().map_err(|_| Unusual)?;
                (number != 0).then_some(number.into())
            } else if says(raw) {
                return Err(Unusual);
            } else {
                None
            }
        }
        How::Text | How::Tidy => match value(raw)?.to_text() {
            Some(text) if !text.is_empty() => {
                let text = match how {
                    How::Tidy => windows::tidy(&text),
                    _ => text,
                };
                (!text.is_empty()).then(|| text.into_owned().into())
            }
            _ => None,
        },
    })
}

pub(super) fn text(raw: &str) -> Result<String, Unusual> {
    let value = value(raw)?;
    value.to_text().map(|text| text.into_owned()).ok_or(Unusual)
}

/// A scalar or an array of scalars as the careful reader gives it.
pub(super) fn value(raw: &str) -> Result<Value, Unusual> {
    match inner(raw) {
        Some(text) if !escaped(text) => return Ok(Value::from(text)),
        Some(_) => return unescaped(raw).map(Value::from),
        None => {}
    }
    let document = Flat::parse(&format!("{{\"v\":{raw}}}")).map_err(|_| Unusual)?;
    document.get("v").cloned().ok_or(Unusual)
}

/// What stands between the quotes.
fn inner(raw: &str) -> Option<&str> {
    raw.strip_prefix('"')?.strip_suffix('"')
}

fn escaped(text: &str) -> bool {
    memchr::memchr(b'\\', text.as_bytes()).is_some()
}

/// A string with its escapes replaced.
fn unescaped(raw: &str) -> Result<String, Unusual> {
    let mut rest = inner(raw).ok_or(Unusual)?;
    let mut text = String::with_capacity(rest.len());
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let (escaped, length) = match rest.as_bytes().get(at + 1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => {
                let digits = rest.get(at + 2..at + 6).ok_or(Unusual)?;
                let unit = u32::from_str_radix(digits, 16).map_err(|_| Unusual)?;
                (char::from_u32(unit).ok_or(Unusual)?, 6)
            }
            Some(&plain @ (b'"' | b'\\' | b'/')) => (char::from(plain), 2),
            _ => return Err(Unusual),
        };
        text.push(escaped);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    Ok(text)
}
