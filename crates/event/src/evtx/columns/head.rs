//! Where an event comes from (log, provider, event id, level and so on) hardly varies: each
//! combination is read once per batch, by the code that reads whole events.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;
use jiff::Timestamp;

use super::values::Raw;
use crate::evtx::binxml::{Element, Records, Unusual, Values};
use crate::parse::{FieldSet, head_sets};
use crate::windows::Assembler;
use crate::{BatchBuilder, WindowsEvent};

/// The heads of a batch that were seen, with what they set.
pub(super) struct Heads {
    wanted: bool,
    known: HashMap<Box<[u8]>, Range<usize>, RandomState>,
    /// Columns and keys.
    sets: Vec<(usize, u32)>,
    /// The head of the event under construction.
    now: Vec<u8>,
    /// Where a head is written to see what it sets.
    apart: BatchBuilder,
}

impl Heads {
    /// Without `wanted` there is nothing to do.
    pub fn new(wanted: bool) -> Self {
        Heads {
            wanted,
            known: HashMap::default(),
            sets: Vec::new(),
            now: Vec::new(),
            apart: BatchBuilder::default(),
        }
    }

    /// Begins a head: the number of its form and that of the name inside `UserData`.
    pub fn begin(&mut self, form: u32, user_data_name: u32) {
        self.now.clear();
        self.now.extend(form.to_le_bytes());
        self.now.extend(user_data_name.to_le_bytes());
    }

    pub fn push(&mut self, raw: Raw<'_>) {
        self.now.push(raw.kind);
        self.now.extend((raw.bytes.len() as u32).to_le_bytes());
        self.now.extend(raw.bytes);
    }

    /// Sets what follows from the head that was pushed; `None` if it is new.
    pub fn set(&self, out: &mut BatchBuilder) -> Option<Result<(), Unusual>> {
        if !self.wanted {
            return Some(Ok(()));
        }
        let sets = self.known.get(self.now.as_slice())?.clone();
        Some(self.sets[sets].iter().try_for_each(|&(column, key)| {
            if out.is_set(column) {
                return Err(Unusual);
            }
            out.put_key(column, key);
            Ok(())
        }))
    }

    /// Keeps what `event` sets for the head that was pushed.
    pub fn learn(
        &mut self,
        out: &mut BatchBuilder,
        fields: &FieldSet,
        event: &WindowsEvent,
        received: Timestamp,
    ) {
        let start = self.sets.len();
        let sets = head_sets(out, fields, event, received, &mut self.apart);
        self.sets.extend(sets);
        let now = self.now.as_slice().into();
        self.known.insert(now, start..self.sets.len());
    }
}

/// What `System` alone says.
pub(super) fn event_of(
    records: &mut Records<'_>,
    system: &Element,
    values: &Values,
    user_data_name: Option<&str>,
) -> Result<WindowsEvent, Unusual> {
    let mut assembler = Assembler::default();
    assembler.open("Event", &()).map_err(|_| Unusual)?;
    records.element_of(system, values, &mut assembler)?;
    assembler.close();
    let mut event = assembler.finish();
    event.user_data_name = user_data_name.map(str::to_owned);
    Ok(event)
}
