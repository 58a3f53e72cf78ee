//! What is wanted of the events of a batch, and the places for it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::head::Heads;
use super::templates::Templates;
use super::values::{How, Targets};
use crate::parse::{DATA, FieldSet, Selection};
use crate::{BatchBuilder, parse};

/// Bytes of the name of a piece of data; the plain way leaves out what is longer.
const NAME_BYTES_MAX: usize = 400;

/// The wanted fields and what is known of a batch so far. Nothing in it depends on a chunk.
pub(super) struct Wanted<'p, 'c> {
    pub fields: &'p FieldSet,
    pub targets: Targets<'c>,
    pub heads: Heads,
    pub templates: Templates,
    /// Columns of what every event has, if they are wanted.
    pub time: Option<usize>,
    pub record_id: Option<usize>,
    pub id: Option<usize>,
    pub ingested: Option<usize>,
    pub source: Option<usize>,
    /// Fields that come from one value, with their targets.
    target_of: HashMap<String, Option<u32>, RandomState>,
    /// The same for data that is named by its position, which starts at one.
    positions: Vec<Option<u32>>,
    /// The name of a field, being put together.
    name: String,
    forms: HashMap<String, u32, RandomState>,
    names: HashMap<String, u32, RandomState>,
}

impl<'p> Wanted<'p, '_> {
    pub fn new(selection: &'p Selection, out: &mut BatchBuilder) -> Self {
        let fields = selection.fields();
        let mut column = |name| fields.contains(name).then(|| out.column_at(name));
        Wanted {
            fields,
            time: column("@timestamp"),
            record_id: column("winlog.record_id"),
            id: column("event.id"),
            ingested: column("event.ingested"),
            source: column("log.source.id"),
            targets: Targets::default(),
            templates: Templates::default(),
            heads: Heads::new(parse::HEAD_FIELDS.iter().any(|name| fields.contains(name))),
            target_of: HashMap::default(),
            positions: Vec::new(),
            name: String::new(),
            forms: HashMap::default(),
            names: HashMap::default(),
        }
    }

    /// The target of a piece of data, if it is wanted; the outer `None` if its name is too long.
    /// `prefix` is the place in [`DATA`].
    pub fn data(
        &mut self,
        out: &mut BatchBuilder,
        prefix: usize,
        name: &str,
    ) -> Option<Option<u32>> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        self.name.clear();
        self.name.push_str(DATA[prefix]);
        self.name.push_str(name);
        Some(self.target(out, How::Data))
    }

    /// The target of a field that comes from a part of `System`, if it is wanted.
    pub fn system(&mut self, out: &mut BatchBuilder, field: &str, how: How) -> Option<u32> {
        self.name.clear();
        self.name.push_str(field);
        self.target(out, how)
    }

    /// The target of the field whose name was written down.
    fn target(&mut self, out: &mut BatchBuilder, how: How) -> Option<u32> {
        if let Some(&target) = self.target_of.get(&self.name) {
            return target;
        }
        let wanted = self.fields.contains(&self.name);
        let target = wanted.then(|| self.targets.add(out.column_at(&self.name), how));
        self.target_of.insert(self.name.clone(), target);
        target
    }

    /// The target of the piece of data without a name that stands at `position`, from one on.
    pub fn position(&mut self, out: &mut BatchBuilder, position: usize) -> Option<u32> {
        while self.positions.len() < position {
            let name = format!("param{}", self.positions.len() + 1);
            let target = self.data(out, 0, &name).flatten();
            self.positions.push(target);
        }
        self.positions[position - 1]
    }

    pub fn number_of_form(&mut self, form: &str) -> u32 {
        number_of(&mut self.forms, form)
    }

    /// From one on; zero stands for no name.
    pub fn number_of_name(&mut self, name: &str) -> u32 {
        number_of(&mut self.names, name) + 1
    }

    pub fn name(&self, number: u32) -> Option<&str> {
        let mut names = self.names.iter();
        let found = names.find(|(_, known)| **known + 1 == number);
        found.map(|(name, _)| name.as_str())
    }
}

fn number_of(known: &mut HashMap<String, u32, RandomState>, text: &str) -> u32 {
    if let Some(&number) = known.get(text) {
        return number;
    }
    let number = known.len() as u32;
    known.insert(text.to_owned(), number);
    number
}
