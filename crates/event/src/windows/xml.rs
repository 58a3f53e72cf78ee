//! Windows XML: what `EvtRender` writes, Windows Event Forwarding carries and EVTX files expand
//! to.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::WindowsEvent;
use super::assemble::{Assembler, Attributes};

/// Why a text is no Windows event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("not well-formed XML at byte {offset}: {reason}")]
    Malformed { offset: u64, reason: String },
    #[error("the XML ends inside the event")]
    Truncated,
    #[error("no `Event` element with a `System` element")]
    NotAnEvent,
}

pub(super) fn read(xml: &str) -> Result<WindowsEvent, XmlError> {
    let mut reader = Reader::from_str(xml.trim_start_matches('\u{feff}'));
    // Windows closes what it opens; a mismatch means that something was cut out.
    reader.config_mut().check_end_names = true;
    let mut event = Assembler::default();
    loop {
        let item = reader.read_event().map_err(|error| XmlError::Malformed {
            offset: reader.error_position(),
            reason: error.to_string(),
        })?;
        match item {
            Event::Start(start) => open(&mut event, &start)?,
            Event::Empty(start) => {
                open(&mut event, &start)?;
                event.close();
            }
            Event::End(_) => event.close(),
            Event::Text(text) => match text.decode() {
                Ok(text) => event.text().push_str(&text),
                Err(_) => event.text().push('\u{fffd}'),
            },
            Event::CData(data) => event.text().push_str(&String::from_utf8_lossy(&data)),
            Event::GeneralRef(reference) => event.text().push_str(&resolve(&reference)),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        if event.is_done() {
            break;
        }
    }
    match (event.is_done(), event.has_system()) {
        (true, true) => Ok(event.finish()),
        (false, true) => Err(XmlError::Truncated),
        _ => Err(XmlError::NotAnEvent),
    }
}

/// A character or one of the five named entities; anything else stands as it was written.
fn resolve(reference: &BytesRef<'_>) -> String {
    if reference.is_char_ref() {
        let character = reference.resolve_char_ref().ok().flatten();
        return character.unwrap_or('\u{fffd}').into();
    }
    let name = reference.decode().unwrap_or(Cow::Borrowed(""));
    match quick_xml::escape::resolve_predefined_entity(&name) {
        Some(text) => text.to_owned(),
        None => format!("&{name};"),
    }
}

fn open(event: &mut Assembler, start: &BytesStart<'_>) -> Result<(), XmlError> {
    let local = start.local_name();
    let local = String::from_utf8_lossy(local.as_ref());
    event.open(&local, start).map_err(|_| XmlError::Malformed {
        offset: 0,
        reason: "too deep".into(),
    })
}

impl Attributes for BytesStart<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let attribute = self
            .attributes()
            .with_checks(false)
            .flatten()
            .find(|attribute| attribute.key.local_name().as_ref() == name.as_bytes())?;
        let value = match attribute.unescape_value() {
            Ok(value) => value.into_owned(),
            Err(_) => String::from_utf8_lossy(&attribute.value).into_owned(),
        };
        Some(value.into())
    }
}
