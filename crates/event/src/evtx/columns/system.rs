//! What is wanted of the `System` part of an event.

use std::rc::Rc;

use smallvec::SmallVec;

use super::plan::{Content, Field, Maker, Parts, attribute, elements, parts};
use super::values::How;
use crate::evtx::binxml::{Element, Part};

/// The part of a template that says where an event comes from.
pub(super) struct System {
    /// The whole event, and the place of this part among its children.
    pub event: Rc<Element>,
    pub child: usize,
    /// Number of its form: equal for equal constants in equal places.
    pub form: u32,
    /// The values, and those they depend on, that hardly differ from event to event.
    pub head: Vec<u16>,
    pub record_id: Option<Optional>,
    pub time: Option<Optional>,
    pub fields: Vec<Field>,
}

/// A value that may be missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Optional {
    pub dependency: Option<u16>,
    pub slot: u16,
}

/// Element of `System`, its attribute or its text, and the fields that come from it.
type SystemField = (
    &'static str,
    Option<&'static str>,
    How,
    &'static [&'static str],
);

const SYSTEM_FIELDS: [SystemField; 6] = [
    (
        "Correlation",
        Some("ActivityID"),
        How::Tidy,
        &["winlog.activity_id"],
    ),
    (
        "Correlation",
        Some("RelatedActivityID"),
        How::Tidy,
        &["winlog.related_activity_id"],
    ),
    (
        "Execution",
        Some("ProcessID"),
        How::Number,
        &["winlog.process.pid"],
    ),
    (
        "Execution",
        Some("ThreadID"),
        How::Number,
        &["winlog.process.thread.id"],
    ),
    (
        "Computer",
        None,
        How::Trimmed,
        &["host.name", "winlog.computer_name"],
    ),
    (
        "Security",
        Some("UserID"),
        How::Text,
        &["winlog.user.identifier"],
    ),
];

impl Maker<'_, '_, '_> {
    /// What `System` says, which is the element at `child` of the event.
    pub fn system(&mut self, system: &Element, child: usize) -> Option<System> {
        let mut made = System {
            event: self.root.clone(),
            child,
            form: 0,
            head: Vec::new(),
            record_id: None,
            time: None,
            fields: Vec::new(),
        };
        let mut form = String::new();
        let mut seen: SmallVec<[&str; 16]> = SmallVec::new();
        for element in elements(system) {
            if elements(element).next().is_some() || seen.contains(&&*element.name) {
                return None;
            }
            seen.push(&element.name);
            let (own, dependency) = (parts(element), element.dependency);
            match &*element.name {
                "EventID" | "Version" | "Level" | "Task" | "Opcode" | "Keywords" | "Channel" => {
                    head(&mut made, &mut form, element, &[own]);
                }
                "Provider" => {
                    let names = ["Name", "EventSourceName", "Guid"];
                    head(
                        &mut made,
                        &mut form,
                        element,
                        &names.map(|name| attribute(element, name)),
                    );
                }
                "EventRecordID" => made.record_id = optional(dependency, &own)?,
                "TimeCreated" => {
                    made.time = optional(dependency, &attribute(element, "SystemTime"))?;
                }
                name => {
                    for (element_name, of, how, fields) in SYSTEM_FIELDS {
                        if element_name != name {
                            continue;
                        }
                        let parts = match of {
                            Some(name) => attribute(element, name),
                            None => own.clone(),
                        };
                        for field in fields {
                            let Some(target) = self.wanted.system(self.out, field, how) else {
                                continue;
                            };
                            let content = match parts[..] {
                                [Part::Slot(slot)] => Content::Slot(*slot),
                                _ => Content::Key(self.constant(target, &parts)?),
                            };
                            made.fields.push(Field {
                                dependency,
                                content,
                                target,
                            });
                        }
                    }
                }
            }
        }
        made.form = self.wanted.number_of_form(&form);
        Some(made)
    }
}

/// The outer `None` if it is more than a value.
fn optional(dependency: Option<u16>, parts: &[&Part]) -> Option<Option<Optional>> {
    match parts {
        [] => Some(None),
        [Part::Slot(slot)] => Some(Some(Optional {
            dependency,
            slot: *slot,
        })),
        _ => None,
    }
}

/// Adds the values of a part of the head, and all else of it to the form.
fn head(system: &mut System, form: &mut String, element: &Element, groups: &[Parts<'_>]) {
    use std::fmt::Write as _;
    // Names and texts hold no control characters but tabs and ends of lines.
    let _ = write!(form, "\u{1}{}\u{2}{:?}", element.name, element.dependency);
    system.head.extend(element.dependency);
    for group in groups {
        form.push('\u{3}');
        for part in group {
            match part {
                Part::Text(text) => {
                    form.push('\u{4}');
                    form.push_str(text);
                }
                Part::Slot(slot) => {
                    let _ = write!(form, "\u{5}{slot}");
                    system.head.push(*slot);
                }
            }
        }
    }
}
