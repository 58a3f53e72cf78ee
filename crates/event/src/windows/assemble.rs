//! Puts a Windows event together from its elements, whoever reads them: XML text or binary XML.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::{WindowsEvent, guid, integer, meta, tidy};
use crate::parse::stamp;

/// The attributes of an element.
pub(crate) trait Attributes {
    /// The value of the attribute with this local name.
    fn get(&self, name: &str) -> Option<Cow<'_, str>>;
}

/// No attributes.
impl Attributes for () {
    fn get(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// Elements are nested deeper than any event's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooDeep;

/// Levels of elements that are followed; nothing in Windows nests deeper than ten.
const DEPTH_MAX: usize = 100;

/// An event under construction: [`Assembler::open`], text and [`Assembler::close`] for each element.
#[derive(Default)]
pub(crate) struct Assembler {
    event: WindowsEvent,
    /// The open elements, outermost first.
    open: Vec<Open>,
    /// Local name of the innermost element, if nothing was opened or closed since.
    local: String,
    /// Its `Name` attribute, inside `EventData` and `UserData`; empty if it has none.
    name: String,
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

impl Assembler {
    /// The event has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) fn has_system(&self) -> bool {
        self.has_system
    }

    /// Text of the innermost element, to be appended to.
    pub(crate) fn text(&mut self) -> &mut String {
        &mut self.text
    }

    /// Begins an element with the local name `local`.
    pub(crate) fn open(
        &mut self,
        local: &str,
        attributes: &impl Attributes,
    ) -> Result<(), TooDeep> {
        if self.open.len() >= DEPTH_MAX {
            return Err(TooDeep);
        }
        self.text.clear();
        self.name.clear();
        let opened = match (self.open.last(), local) {
            (None, "Event") => Open::Event,
            (Some(Open::Event), "System") => {
                self.has_system = true;
                Open::System
            }
            (Some(Open::Event), "EventData") => Open::EventData,
            (Some(Open::Event), "UserData") => Open::UserData,
            (Some(Open::Event), "RenderingInfo") => Open::RenderingInfo,
            (Some(Open::System), local) => {
                self.system_attributes(local, attributes);
                Open::Leaf
            }
            (Some(Open::EventData), _) => {
                self.position += 1;
                self.take_name(attributes);
                Open::Leaf
            }
            (Some(Open::UserData), _) => {
                self.event
                    .user_data_name
                    .get_or_insert_with(|| local.to_owned());
                Open::UserElement
            }
            (Some(Open::UserElement), _) => {
                self.take_name(attributes);
                Open::UserElement
            }
            (Some(Open::RenderingInfo), "Keywords") => Open::RenderedKeywords,
            (Some(Open::RenderingInfo | Open::RenderedKeywords), _) => Open::Leaf,
            _ => Open::Other,
        };
        self.open.push(opened);
        self.local.clear();
        self.local.push_str(local);
        Ok(())
    }

    fn take_name(&mut self, attributes: &impl Attributes) {
        if let Some(name) = attributes.get("Name") {
            self.name.push_str(&name);
        }
    }

    /// Ends the innermost element.
    pub(crate) fn close(&mut self) {
        let Some(closed) = self.open.pop() else {
            return;
        };
        let text = std::mem::take(&mut self.text);
        let local = std::mem::take(&mut self.local);
        let name = if self.name.is_empty() {
            &local
        } else {
            &self.name
        };
        match (self.open.last(), closed) {
            (None, _) => self.done = closed == Open::Event,
            // A closed element has taken the name away: its parent's text is only layout.
            _ if local.is_empty() => {}
            (Some(Open::System), _) => self.system_text(&local, text.trim()),
            (Some(Open::EventData), _) => match name.as_str() {
                "Data" => {
                    let name = format!("param{}", self.position);
                    self.event.event_data.add(&name, &tidy(&text));
                }
                name => self.event.event_data.add(name, &tidy(&text)),
            },
            (Some(Open::UserElement), _) => self.event.user_data.add(name, &tidy(&text)),
            (Some(Open::RenderingInfo), _) => self.rendered(&local, &text),
            (Some(Open::RenderedKeywords), _) => {
                let keyword = text.trim();
                if !keyword.is_empty() && !self.event.keywords.iter().any(|known| known == keyword)
                {
                    self.event.keywords.push(keyword.to_owned());
                }
            }
            _ => {}
        }
        self.name.clear();
        // The buffers are kept, what they held is not.
        (self.text, self.local) = (text, local);
        self.text.clear();
        self.local.clear();
    }

    fn system_attributes(&mut self, local: &str, attributes: &impl Attributes) {
        let read = |name: &str| attributes.get(name).filter(|value| !value.is_empty());
        let get = |name: &str| read(name).map(Cow::into_owned);
        let event = &mut self.event;
        match local {
            "Provider" => {
                event.provider = get("Name").or_else(|| get("EventSourceName"));
                event.provider_guid = get("Guid").map(|text| guid(&text).unwrap_or(text));
            }
            "TimeCreated" => {
                let text = read("SystemTime");
                event.time = text
                    .as_deref()
                    .and_then(|text| stamp::iso(text, &TimeZone::UTC));
                let unreadable = text.filter(|_| event.time.is_none());
                event.time_unreadable = unreadable.map(Cow::into_owned);
            }
            "Correlation" => {
                event.activity_id = get("ActivityID").map(|text| tidy(&text).into_owned());
                event.related_activity_id =
                    get("RelatedActivityID").map(|text| tidy(&text).into_owned());
            }
            "Execution" => {
                event.process_id = read("ProcessID").and_then(|text| integer(&text));
                event.thread_id = read("ThreadID").and_then(|text| integer(&text));
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

    /// The event; what is assembled next is another one.
    pub(crate) fn finish(&mut self) -> WindowsEvent {
        let mut event = std::mem::take(&mut self.event);
        let raw = std::mem::take(&mut self.raw);
        self.open.clear();
        self.local.clear();
        self.name.clear();
        self.text.clear();
        self.position = 0;
        (self.has_system, self.done) = (false, false);
        name_numbers(&mut event, raw.level, raw.task, raw.opcode, raw.keywords);
        event.without_zeros()
    }
}

/// Gives the numbers of `System` their names, where the event does not have them yet. A name in
/// another language (`RenderingInfo` follows the machine's) gives way to the known one.
pub(crate) fn name_numbers(
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
