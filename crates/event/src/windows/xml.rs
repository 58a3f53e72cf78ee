//! Windows XML: what `EvtRender` writes, Windows Event Forwarding carries and EVTX files expand
//! to.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{WindowsEvent, add, guid, integer, meta, tidy};
use crate::parse::stamp;

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

/// Levels of elements that are followed; nothing in Windows nests deeper than ten.
const DEPTH_MAX: usize = 100;

pub(super) fn read(xml: &str) -> Result<WindowsEvent, XmlError> {
    let mut reader = Reader::from_str(xml.trim_start_matches('\u{feff}'));
    // Windows closes what it opens; a mismatch means that something was cut out.
    reader.config_mut().check_end_names = true;
    let mut state = State::default();
    loop {
        let event = reader.read_event().map_err(|error| XmlError::Malformed {
            offset: reader.error_position(),
            reason: error.to_string(),
        })?;
        match event {
            Event::Start(start) => state.open(&start)?,
            Event::Empty(start) => {
                state.open(&start)?;
                state.close();
            }
            Event::End(_) => state.close(),
            Event::Text(text) => match text.decode() {
                Ok(text) => state.text.push_str(&text),
                Err(_) => state.text.push('\u{fffd}'),
            },
            Event::CData(data) => state.text.push_str(&String::from_utf8_lossy(&data)),
            Event::GeneralRef(reference) => state.text.push_str(&resolve(&reference)),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        if state.done {
            break;
        }
    }
    match (state.done, state.has_system) {
        (true, true) => Ok(state.finish()),
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

#[derive(Default)]
struct State {
    event: WindowsEvent,
    /// The open elements, outermost first.
    open: Vec<Open>,
    /// Local name of the innermost element, if nothing was opened or closed since.
    local: String,
    /// Its `Name` attribute, inside `EventData` and `UserData`.
    name: Option<String>,
    text: String,
    /// Elements of `EventData` seen, empty ones too: an unnamed one is named by its position.
    position: usize,
    raw: Raw,
    has_system: bool,
    done: bool,
}

/// What an open element is, as far as it matters for those inside.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Open {
    Event,
    System,
    EventData,
    UserData,
    /// The element inside `UserData`, and those inside it.
    UserElement,
    RenderingInfo,
    RenderedKeywords,
    /// An element whose text is read when it closes.
    Leaf,
    Other,
}

/// Numbers of `System`, for which names are found at the end.
#[derive(Default)]
struct Raw {
    level: Option<u64>,
    task: Option<u64>,
    opcode: Option<u64>,
    keywords: Option<u64>,
}

impl State {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(XmlError::Malformed {
                offset: 0,
                reason: "too deep".into(),
            });
        }
        let local = start.local_name();
        let local = String::from_utf8_lossy(local.as_ref());
        self.text.clear();
        self.name = None;
        let opened = match (self.open.last(), local.as_ref()) {
            (None, "Event") => Open::Event,
            (Some(Open::Event), "System") => {
                self.has_system = true;
                Open::System
            }
            (Some(Open::Event), "EventData") => Open::EventData,
            (Some(Open::Event), "UserData") => Open::UserData,
            (Some(Open::Event), "RenderingInfo") => Open::RenderingInfo,
            (Some(Open::System), local) => {
                self.system_attributes(local, start);
                Open::Leaf
            }
            (Some(Open::EventData), _) => {
                self.position += 1;
                self.name = attribute(start, "Name").filter(|name| !name.is_empty());
                Open::Leaf
            }
            (Some(Open::UserData), _) => {
                self.event
                    .user_data_name
                    .get_or_insert_with(|| local.as_ref().to_owned());
                Open::UserElement
            }
            (Some(Open::UserElement), _) => {
                self.name = attribute(start, "Name").filter(|name| !name.is_empty());
                Open::UserElement
            }
            (Some(Open::RenderingInfo), "Keywords") => Open::RenderedKeywords,
            (Some(Open::RenderingInfo | Open::RenderedKeywords), _) => Open::Leaf,
            _ => Open::Other,
        };
        self.open.push(opened);
        self.local.clear();
        self.local.push_str(&local);
        Ok(())
    }

    fn close(&mut self) {
        let Some(closed) = self.open.pop() else {
            return;
        };
        let text = std::mem::take(&mut self.text);
        let name = self.name.take();
        let local = std::mem::take(&mut self.local);
        match (self.open.last(), closed) {
            (None, _) => self.done = closed == Open::Event,
            // A closed element has taken the name away: its parent's text is only layout.
            _ if local.is_empty() => {}
            (Some(Open::System), _) => self.system_text(&local, text.trim()),
            (Some(Open::EventData), _) => match name.as_deref().unwrap_or(&local) {
                "Data" => {
                    let name = format!("param{}", self.position);
                    add(&mut self.event.event_data, &name, &text);
                }
                name => add(&mut self.event.event_data, name, &text),
            },
            (Some(Open::UserElement), _) => {
                add(
                    &mut self.event.user_data,
                    name.as_deref().unwrap_or(&local),
                    &text,
                );
            }
            (Some(Open::RenderingInfo), _) => self.rendered(&local, &text),
            (Some(Open::RenderedKeywords), _) => {
                let keyword = text.trim().to_owned();
                if !keyword.is_empty() && !self.event.keywords.contains(&keyword) {
                    self.event.keywords.push(keyword);
                }
            }
            _ => {}
        }
        self.text = text;
        self.text.clear();
    }

    fn system_attributes(&mut self, local: &str, start: &BytesStart<'_>) {
        let get = |name: &str| attribute(start, name).filter(|value| !value.is_empty());
        let event = &mut self.event;
        match local {
            "Provider" => {
                event.provider = get("Name").or_else(|| get("EventSourceName"));
                event.provider_guid = get("Guid").map(|text| guid(&text).unwrap_or(text));
            }
            "TimeCreated" => {
                let text = get("SystemTime");
                event.time = text
                    .as_deref()
                    .and_then(|text| stamp::iso(text, &TimeZone::UTC));
                event.time_unreadable = text.filter(|_| event.time.is_none());
            }
            "Correlation" => {
                event.activity_id = get("ActivityID").map(|text| tidy(&text).into_owned());
                event.related_activity_id =
                    get("RelatedActivityID").map(|text| tidy(&text).into_owned());
            }
            "Execution" => {
                event.process_id = get("ProcessID").and_then(|text| integer(&text));
                event.thread_id = get("ThreadID").and_then(|text| integer(&text));
            }
            "Security" => event.user_sid = get("UserID"),
            _ => {}
        }
    }

    fn system_text(&mut self, local: &str, text: &str) {
        let number = || text.parse::<u64>().ok();
        let event = &mut self.event;
        match local {
            "EventID" => event.event_id = text.parse().ok(),
            "Version" => event.version = text.parse().ok(),
            "Level" => self.raw.level = number(),
            "Task" => self.raw.task = number(),
            "Opcode" => self.raw.opcode = number(),
            "Keywords" => {
                let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
                self.raw.keywords = digits.and_then(|text| u64::from_str_radix(text, 16).ok());
            }
            "EventRecordID" => event.record_id = text.parse().ok(),
            "Channel" => event.channel = filled(text),
            "Computer" => event.computer = filled(text),
            _ => {}
        }
    }

    fn rendered(&mut self, local: &str, text: &str) {
        let event = &mut self.event;
        match local {
            "Message" => event.message = filled(&tidy(text)),
            "Level" => event.level = filled(&text.trim().to_lowercase()),
            "Task" => event.task = filled(text.trim()),
            "Opcode" => event.opcode = filled(text.trim()),
            _ => {}
        }
    }

    fn finish(self) -> WindowsEvent {
        let (mut event, raw) = (self.event, self.raw);
        name_numbers(&mut event, raw.level, raw.task, raw.opcode, raw.keywords);
        event.without_zeros()
    }
}

/// Gives the numbers of `System` their names, where the event does not have them yet. A name in
/// another language (`RenderingInfo` follows the machine's) gives way to the known one.
pub(super) fn name_numbers(
    event: &mut WindowsEvent,
    level: Option<u64>,
    task: Option<u64>,
    opcode: Option<u64>,
    keywords: Option<u64>,
) {
    if let Some(name) = level.and_then(meta::level) {
        event.level = Some(name.to_owned());
    }
    if let Some(name) = task.and_then(|task| meta::task(event.provider.as_deref(), task)) {
        event.task = Some(name.to_owned());
    }
    if let Some(name) = opcode.and_then(meta::opcode) {
        event.opcode = Some(name.to_owned());
    }
    if let Some(mask) = keywords {
        let names = meta::keywords(mask);
        if !names.is_empty() {
            event.keywords = names;
        }
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = start
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name.as_bytes())?;
    match attribute.unescape_value() {
        Ok(value) => Some(value.into_owned()),
        Err(_) => Some(String::from_utf8_lossy(&attribute.value).into_owned()),
    }
}
