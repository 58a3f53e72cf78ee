//! Windows events: one form for what an EVTX file, Windows XML and Winlogbeat say, and one
//! normaliser that writes it as ECS.
//!
//! Two things differ between the carriers and are brought to one form: a GUID has braces and
//! capital letters, and `@timestamp` has milliseconds (more than Winlogbeat sends is in
//! `event.original`).
//!
//! One difference stays: a value of `EventData` that is empty in the log is an empty text when
//! the event comes as EVTX or XML, and absent when it comes from Winlogbeat, which leaves it out.
//! Sigma tells the two apart (`''` holds for an empty value only, `null` for an absent one only),
//! so what the log says is kept wherever the carrier says it.

mod assemble;
pub(crate) mod beat;
mod ecs;
mod flat;
mod meta;
mod pairs;
mod powershell;
mod security;
mod security_actions;
mod sysmon;
mod xml;

pub use beat::winlogbeat_json;
pub use pairs::Pairs;
pub use xml::XmlError;

pub(crate) use assemble::{Assembler, Attributes};
pub(crate) use ecs::{write, write_log};

use std::borrow::Cow;

use jiff::Timestamp;

use crate::parse::json::Flat;

/// One event of a Windows log.
///
/// What the log holds as numbers (level, task, opcode, keywords) is held as the names that
/// Windows shows, because that is all that Winlogbeat sends; a number without a known name is
/// left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WindowsEvent {
    pub provider: Option<String>,
    /// With braces, in capitals.
    pub provider_guid: Option<String>,
    pub event_id: Option<u32>,
    pub version: Option<i64>,
    /// `critical`, `error`, `warning`, `information` or `verbose`.
    pub level: Option<String>,
    pub task: Option<String>,
    pub opcode: Option<String>,
    /// `Audit Success`, `Classic`, ….
    pub keywords: Vec<String>,
    pub time: Option<Timestamp>,
    /// What stood where the time should be and is no time.
    pub time_unreadable: Option<String>,
    pub record_id: Option<i64>,
    pub activity_id: Option<String>,
    pub related_activity_id: Option<String>,
    /// Of the process that wrote the event.
    pub process_id: Option<i64>,
    pub thread_id: Option<i64>,
    pub channel: Option<String>,
    pub computer: Option<String>,
    /// SID of the account under which the event was written.
    pub user_sid: Option<String>,
    /// Names and values in order; a `Data` without a name is `param1`, `param2`, … by position.
    pub event_data: Pairs,
    pub user_data: Pairs,
    /// Name of the element inside `UserData`.
    pub user_data_name: Option<String>,
    /// The rendered text, where the carrier has it.
    pub message: Option<String>,
    /// The event as it arrived; for EVTX its XML.
    pub original: Option<String>,
}

impl WindowsEvent {
    /// Reads one `<Event>` as Windows renders it, with or without `RenderingInfo`.
    ///
    /// # Errors
    /// The text is not well-formed XML, ends early, or holds no `Event` with a `System` element.
    pub fn from_xml(xml: &str) -> Result<Self, XmlError> {
        xml::read(xml)
    }

    /// Reads a document of Winlogbeat, of `evtx_dump -o json`, or a flat one with `EventID` and
    /// `Channel` beside the event's data. `None` if it is none of them.
    pub fn from_json(json: &str) -> Option<Self> {
        let flat = Flat::parse(json).ok()?;
        let (mut event, _) = from_flat(flat).ok()?;
        event.original = Some(json.to_owned());
        Some(event)
    }

    /// The value of `name` in `EventData`, if it is not empty.
    pub fn data(&self, name: &str) -> Option<&str> {
        self.event_data.get(name).filter(|value| !value.is_empty())
    }

    fn user(&self, name: &str) -> Option<&str> {
        self.user_data.get(name).filter(|value| !value.is_empty())
    }

    /// Leaves out what Winlogbeat does not send: numbers that are zero.
    fn without_zeros(mut self) -> Self {
        for number in [
            &mut self.version,
            &mut self.record_id,
            &mut self.process_id,
            &mut self.thread_id,
        ] {
            *number = number.filter(|number| *number != 0);
        }
        self
    }

    fn is_sysmon(&self) -> bool {
        self.provider.as_deref() == Some("Microsoft-Windows-Sysmon")
            || self.channel.as_deref() == Some("Microsoft-Windows-Sysmon/Operational")
    }

    fn is_security(&self) -> bool {
        self.channel.as_deref() == Some("Security")
            || self.provider.as_deref() == Some("Microsoft-Windows-Security-Auditing")
    }
}

/// The event in a flattened document and what else the document holds; the document itself if it
/// is no Windows event.
pub(crate) fn from_flat(document: Flat) -> Result<(WindowsEvent, Flat), Flat> {
    if document.has("winlog.event_id") || document.has("winlog.channel") {
        return Ok(beat::read(document));
    }
    if document.has_below("Event.System.") {
        return Ok((flat::evtx_dump(&document), Flat::default()));
    }
    let named = ["Channel", "Provider_Name", "ProviderName", "SourceName"];
    if document.has("EventID") && named.iter().any(|name| document.has(name)) {
        return Ok((flat::flat(&document), Flat::default()));
    }
    Err(document)
}

/// Adds a pair with its value in the form that all carriers share.
fn add(pairs: &mut Pairs, name: &str, value: &str) {
    pairs.add(name, &tidy(value));
}

/// A value in the form that all carriers share: lines end in LF, none at the end, GUIDs braced.
pub(crate) fn tidy(value: &str) -> Cow<'_, str> {
    let value = value.trim_end_matches(['\r', '\n']);
    let mut ends = memchr::memchr_iter(b'\r', value.as_bytes()).peekable();
    if ends.peek().is_some() {
        let mut lines = String::with_capacity(value.len());
        let mut start = 0;
        for end in ends {
            lines.push_str(&value[start..end]);
            lines.push('\n');
            start = end + 1;
            start += usize::from(value.as_bytes().get(start) == Some(&b'\n'));
        }
        lines.push_str(&value[start..]);
        return lines.into();
    }
    braced(value)
}

/// A text of one line in the form that all carriers share: GUIDs braced.
pub(crate) fn braced(line: &str) -> Cow<'_, str> {
    match guid_digits(line) {
        // As most carriers write it.
        Some(digits)
            if digits.len() < line.len()
                && !digits.bytes().any(|byte| byte.is_ascii_lowercase()) =>
        {
            Cow::Borrowed(line)
        }
        Some(digits) => Cow::Owned(with_braces(digits)),
        None => Cow::Borrowed(line),
    }
}

/// A GUID with braces and in capitals; `None` if `text` is none.
fn guid(text: &str) -> Option<String> {
    guid_digits(text).map(with_braces)
}

fn with_braces(digits: &str) -> String {
    let mut guid = String::with_capacity(digits.len() + 2);
    guid.push('{');
    guid.push_str(digits);
    guid.push('}');
    guid.make_ascii_uppercase();
    guid
}

/// The digits and dashes of a GUID, without the braces; `None` if `text` is none.
fn guid_digits(text: &str) -> Option<&str> {
    let inner = match text.len() {
        36 => text,
        38 => text.strip_prefix('{')?.strip_suffix('}')?,
        _ => return None,
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let dash = |at: usize| inner.as_bytes()[at] == b'-';
    let shaped = dash(8)
        && dash(13)
        && dash(18)
        && dash(23)
        && inner.is_ascii()
        && [0..8, 9..13, 14..18, 19..23, 24..36]
            .into_iter()
            .all(|part| digits(&inner[part]));
    shaped.then_some(inner)
}

/// A number in decimal or, after `0x`, hexadecimal.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn lines_end_in_lf(value in "[ab\r\nё]{0,12}") {
            let end = value.trim_end_matches(['\r', '\n']);
            let plain = end.replace("\r\n", "\n").replace('\r', "\n");
            proptest::prop_assert_eq!(tidy(&value), plain);
        }
    }

    #[test]
    fn values_have_one_form_whoever_carried_them() {
        assert_eq!(tidy("a\r\nb\r\n\r\n"), "a\nb");
        assert_eq!(tidy("\ra\r\r\nb\rc\nd"), "\na\n\nb\nc\nd");
        assert_eq!(
            tidy("0197231e-005a-6928-a50b-000000000d00"),
            "{0197231E-005A-6928-A50B-000000000D00}"
        );
        assert_eq!(
            tidy("{0197231e-005a-6928-a50b-000000000d00}"),
            "{0197231E-005A-6928-A50B-000000000D00}"
        );
        assert_eq!(
            tidy("0197231e-005a-6928-a50b-000000000d0"),
            "0197231e-005a-6928-a50b-000000000d0"
        );
        assert_eq!(integer("0x1a4"), Some(420));
        assert_eq!(integer(" 42 "), Some(42));
        assert_eq!(integer("-"), None);
    }
}
