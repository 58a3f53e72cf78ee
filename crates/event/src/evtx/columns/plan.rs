//! What is wanted of the instances of a template, worked out once per chunk and template.
//!
//! [`crate::windows::Assembler`] says what the elements of an event mean. A plan says the same
//! for templates of the usual form; for the others there is none.

use std::rc::Rc;

use smallvec::SmallVec;

use super::system::System;
use super::wanted::Wanted;
use crate::BatchBuilder;
use crate::evtx::binxml::{Child, Element, Part};

/// Elements of one template; one with more is not of the usual form.
const ELEMENTS_MAX: usize = 1_000;

/// Where the template's element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Context {
    Document,
    /// Inside `Event`.
    Event,
    /// Inside `UserData`.
    UserData,
}

/// What a part of the event is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Slot(u16),
    /// A text of the template: its key in the column.
    Key(u32),
}

/// A field that comes from one part of the record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// The value without which the part is not there.
    pub dependency: Option<u16>,
    pub content: Content,
    pub target: u32,
}

/// One thing to do for an instance.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Without the value the next steps are left out, so many.
    Gate { slot: u16, skipped: usize },
    /// Sets a field; it is the next element of the data.
    Data(Field),
    /// An element of the data that nobody wants.
    Count {
        dependency: Option<u16>,
        slot: Option<u16>,
    },
    /// Sets the field that is named by the position of the element.
    Positioned { dependency: Option<u16>, slot: u16 },
}

#[derive(Default)]
pub(super) struct Plan {
    /// How many values an instance has at least.
    pub values: usize,
    pub system: Option<System>,
    /// The value that holds a document of its own, and where that stands.
    pub embedded: Option<(u16, Context)>,
    /// Values that may be lists, sorted.
    pub lists: Vec<u16>,
    pub steps: Vec<Step>,
    /// It has `EventData` or `UserData`.
    pub has_data: bool,
    /// Number of the name of the element inside `UserData`; zero if there is none.
    pub user_data_name: u32,
}

/// The plan for the template `root`; `None` if its form is not the usual one.
pub(super) fn plan(
    root: &Rc<Element>,
    context: Context,
    wanted: &mut Wanted<'_, '_>,
    out: &mut BatchBuilder,
) -> Option<Plan> {
    let mut maker = Maker {
        root,
        wanted,
        out,
        plan: Plan::default(),
        other_slots: Vec::new(),
        positioned: false,
        elements: 0,
    };
    maker.look_over(root)?;
    match context {
        Context::Document => maker.event(root)?,
        Context::Event => maker.inside_event(root, None, 0)?,
        Context::UserData => maker.inside_user_data(root)?,
    }
    let Maker {
        mut plan,
        mut other_slots,
        positioned,
        ..
    } = maker;
    other_slots.sort_unstable();
    let is_other = |slot: &u16| other_slots.binary_search(slot).is_ok();
    let twice = |slot| is_other(&slot) || plan.lists.contains(&slot);
    if plan.embedded.is_some_and(|(slot, _)| twice(slot)) {
        return None;
    }
    plan.lists.retain(|slot| !is_other(slot));
    plan.lists.sort_unstable();
    if !positioned {
        leave_out_uncounted(&mut plan.steps);
    }
    Some(plan)
}

pub(super) struct Maker<'m, 'w, 'c> {
    pub root: &'m Rc<Element>,
    pub wanted: &'m mut Wanted<'w, 'c>,
    pub out: &'m mut BatchBuilder,
    plan: Plan,
    /// Values that are used where neither a list nor a document may stand.
    other_slots: Vec<u16>,
    /// Some element is named by its position.
    positioned: bool,
    elements: usize,
}

impl Maker<'_, '_, '_> {
    /// Counts elements and values.
    fn look_over(&mut self, element: &Element) -> Option<()> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return None;
        }
        self.dependency(element.dependency);
        for part in element.attributes.iter().flat_map(|(_, parts)| parts) {
            self.other(part);
        }
        for child in &element.children {
            match child {
                Child::Part(Part::Slot(slot)) => self.reach(*slot),
                Child::Part(Part::Text(_)) => {}
                Child::Element(child) => self.look_over(child)?,
            }
        }
        Some(())
    }

    fn reach(&mut self, slot: u16) {
        self.plan.values = self.plan.values.max(usize::from(slot) + 1);
    }

    fn dependency(&mut self, slot: Option<u16>) {
        slot.into_iter().for_each(|slot| self.reach(slot));
    }

    fn other(&mut self, part: &Part) {
        if let Part::Slot(slot) = part {
            self.reach(*slot);
            self.other_slots.push(*slot);
        }
    }

    /// The values among the children of an element that is no leaf of the data.
    fn others(&mut self, element: &Element) {
        for child in &element.children {
            match child {
                Child::Part(part) => self.other(part),
                Child::Element(child) => self.others(child),
            }
        }
    }

    fn event(&mut self, root: &Element) -> Option<()> {
        if *root.name != *"Event" {
            return None;
        }
        for (at, child) in root.children.iter().enumerate() {
            match child {
                Child::Part(Part::Text(_)) => {}
                Child::Part(Part::Slot(slot)) => {
                    self.embedded(*slot, Context::Event)?;
                }
                Child::Element(child) => self.inside_event(child, child.dependency, at)?,
            }
        }
        self.plan.system.is_some().then_some(())
    }

    fn inside_event(
        &mut self,
        element: &Element,
        dependency: Option<u16>,
        at: usize,
    ) -> Option<()> {
        match &*element.name {
            "System" if dependency.is_none() && self.plan.system.is_none() => {
                self.others(element);
                self.plan.system = Some(self.system(element, at)?);
                Some(())
            }
            "EventData" | "UserData" if self.plan.has_data => None,
            "EventData" => {
                self.plan.has_data = true;
                self.gated(dependency, |maker| {
                    maker.own_parts(element);
                    elements(element).try_for_each(|child| maker.data(child))
                })
            }
            "UserData" => {
                self.plan.has_data = true;
                if let [Child::Part(Part::Slot(slot))] = element.children[..] {
                    // Without its value it is empty, which is as good as missing.
                    let own = dependency.is_none_or(|dependency| dependency == slot);
                    return own.then(|| self.embedded(slot, Context::UserData))?;
                }
                if dependency.is_some() {
                    return None;
                }
                self.own_parts(element);
                elements(element).try_for_each(|child| match child.dependency {
                    Some(_) => None,
                    None => self.inside_user_data(child),
                })
            }
            "System" | "RenderingInfo" => None,
            _ => {
                self.others(element);
                Some(())
            }
        }
    }

    /// The element inside `UserData`.
    fn inside_user_data(&mut self, element: &Element) -> Option<()> {
        if self.plan.user_data_name == 0 {
            self.plan.user_data_name = self.wanted.number_of_name(&element.name);
        }
        self.own_parts(element);
        elements(element).try_for_each(|child| self.user_data(child))
    }

    fn embedded(&mut self, slot: u16, context: Context) -> Option<()> {
        let known = self.plan.embedded.replace((slot, context));
        known.is_none().then_some(())
    }

    /// The values that stand directly in an element that holds others.
    fn own_parts(&mut self, element: &Element) {
        for child in &element.children {
            if let Child::Part(part) = child {
                self.other(part);
            }
        }
    }

    fn gated(
        &mut self,
        dependency: Option<u16>,
        steps: impl FnOnce(&mut Self) -> Option<()>,
    ) -> Option<()> {
        let Some(slot) = dependency else {
            return steps(self);
        };
        let at = self.plan.steps.len();
        self.plan.steps.push(Step::Gate { slot, skipped: 0 });
        steps(self)?;
        let skipped = self.plan.steps.len() - at - 1;
        self.plan.steps[at] = Step::Gate { slot, skipped };
        Some(())
    }

    /// An element of `EventData`.
    fn data(&mut self, element: &Element) -> Option<()> {
        if elements(element).next().is_some() {
            return None;
        }
        match name_of(element)? {
            "Data" => self.positioned(element),
            name => self.leaf(element, 0, name),
        }
    }

    /// An element at any depth inside the element of `UserData`.
    fn user_data(&mut self, element: &Element) -> Option<()> {
        let mut inner = elements(element).peekable();
        if inner.peek().is_none() {
            return self.leaf(element, 1, name_of(element)?);
        }
        // Without any of its elements it would be a leaf.
        if inner.all(|child| child.dependency.is_some()) {
            return None;
        }
        self.gated(element.dependency, |maker| {
            maker.own_parts(element);
            elements(element).try_for_each(|child| maker.user_data(child))
        })
    }

    fn leaf(&mut self, element: &Element, prefix: usize, name: &str) -> Option<()> {
        let dependency = element.dependency;
        if element.name.is_empty() {
            return None;
        }
        let target = self.wanted.data(self.out, prefix, name)?;
        let parts = parts(element);
        let step = match (target, parts.as_slice()) {
            (target, [Part::Slot(slot)]) => {
                self.plan.lists.push(*slot);
                match target {
                    Some(target) => Step::Data(Field {
                        dependency,
                        content: Content::Slot(*slot),
                        target,
                    }),
                    None => Step::Count {
                        dependency,
                        slot: Some(*slot),
                    },
                }
            }
            (None, _) => {
                parts.iter().for_each(|part| self.other(part));
                Step::Count {
                    dependency,
                    slot: None,
                }
            }
            (Some(target), _) => {
                let content = Content::Key(self.constant(target, &parts)?);
                Step::Data(Field {
                    dependency,
                    content,
                    target,
                })
            }
        };
        self.plan.steps.push(step);
        Some(())
    }

    pub fn constant(&mut self, target: u32, parts: &[&Part]) -> Option<u32> {
        let text = constant(parts)?;
        Some(self.wanted.targets.constant(self.out, target, &text))
    }

    fn positioned(&mut self, element: &Element) -> Option<()> {
        let [Part::Slot(slot)] = parts(element)[..] else {
            return None;
        };
        self.positioned = true;
        self.plan.lists.push(*slot);
        self.plan.steps.push(Step::Positioned {
            dependency: element.dependency,
            slot: *slot,
        });
        Some(())
    }
}

pub(super) fn elements(element: &Element) -> impl Iterator<Item = &Element> {
    element.children.iter().filter_map(|child| match child {
        Child::Element(child) => Some(child),
        Child::Part(_) => None,
    })
}

/// What an element or attribute holds, nearly always one part.
pub(super) type Parts<'e> = SmallVec<[&'e Part; 2]>;

/// Text and values directly in the element.
pub(super) fn parts(element: &Element) -> Parts<'_> {
    let own = element.children.iter().filter_map(|child| match child {
        Child::Part(part) => Some(part),
        Child::Element(_) => None,
    });
    own.collect()
}

pub(super) fn attribute<'e>(element: &'e Element, name: &str) -> Parts<'e> {
    let mut known = element.attributes.iter();
    let found = known.find(|(known, _)| **known == *name);
    found.map_or_else(Parts::new, |(_, parts)| parts.iter().collect())
}

/// The text of parts none of which is a value.
fn constant(parts: &[&Part]) -> Option<String> {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Slot(_) => None,
        })
        .collect()
}

/// The name under which an element of the data is known.
fn name_of(element: &Element) -> Option<&str> {
    match attribute(element, "Name")[..] {
        [] => Some(&element.name),
        [Part::Text(text)] if text.is_empty() => Some(&element.name),
        [Part::Text(text)] => Some(text),
        _ => None,
    }
}

/// Leaves out the steps that only count elements.
fn leave_out_uncounted(steps: &mut Vec<Step>) {
    // From behind, so that what a gate skips is known when it is reached.
    let mut kept: Vec<Step> = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate().rev() {
        match step {
            Step::Count { .. } => {}
            Step::Gate { slot, skipped } => {
                let inside = &steps[at + 1..at + 1 + skipped];
                let skipped = inside
                    .iter()
                    .filter(|step| !matches!(step, Step::Count { .. }))
                    .count();
                kept.push(Step::Gate {
                    slot: *slot,
                    skipped,
                });
            }
            step => kept.push(*step),
        }
    }
    kept.reverse();
    *steps = kept;
}
