//! Windows documents straight to columns: only the fields that are asked for, every distinct
//! piece of text once per batch.
//!
//! The careful reader (`parse/json.rs`, `windows/`) says what a document means. This one gives
//! the same for documents that are plain enough and leaves the others to it: what it does not
//! expect ends the attempt with [`Unusual`]. Parts that hardly differ from event to event (log,
//! provider, computer, level) are taken together; a combination that was not seen before goes
//! through the careful reader, so its rules are written once.

mod cursor;
mod fields;
mod make;
mod memo;
mod shape;
mod walk;

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use smallvec::SmallVec;

use super::json::Flat;
use super::row::Row;
use super::stamp::{self, Claim};
use crate::windows::{self, beat};
use crate::{ABSENT, BatchBuilder, Record, Value, WindowsEvent};
use cursor::{Cursor, Kind, Unusual};
pub use fields::FieldSet;
use make::{make, says, text, value};
pub(crate) use memo::AsIs;
use memo::Memo;
pub(crate) use shape::{DATA, HEAD_FIELDS};
use shape::{DATASET, How, PARTS, Shape};
use walk::STEADY;

/// Fields of one document: beyond, the careful reader leaves some out.
const FIELDS_MAX: usize = 1_500;
/// The shortest field: `"a":1,`.
const FIELD_BYTES_MIN: usize = 6;
/// Items of one array.
const ITEMS_MAX: usize = 256;
/// Parts that are kept until a document has been read, of both shapes.
const SLOTS_MAX: usize = 64;

/// The wanted fields of Windows documents.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    fields: FieldSet,
    served: bool,
    /// Fields of the record that are wanted.
    pub id: bool,
    pub ingested: bool,
    pub source: bool,
}

impl Selection {
    pub fn new(fields: FieldSet) -> Self {
        let served = shape::serves(&fields);
        Selection {
            served,
            id: fields.contains("event.id"),
            ingested: fields.contains("event.ingested"),
            source: fields.contains("log.source.id"),
            fields,
        }
    }

    /// All wanted fields can be given without deriving others.
    pub fn is_served(&self) -> bool {
        self.served
    }

    pub fn fields(&self) -> &FieldSet {
        &self.fields
    }

    fn wants(&self, field: &str) -> bool {
        self.fields.contains(field)
    }
}

/// What a value at a place of the document is for.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    /// Place among the kept parts.
    slot: Option<u8>,
    /// Place among the columns.
    column: Option<u32>,
}

impl Use {
    fn is_some(self) -> bool {
        self.slot.is_some() || self.column.is_some()
    }
}

/// A place in documents of one shape: the path of names that leads to it.
struct Node<'a> {
    key: &'a [u8],
    name: String,
    children: HashMap<&'a [u8], u32, RandomState>,
    /// The object that it stands in; [`NONE`] for a whole document.
    parent: u32,
    depth: usize,
    /// The place that followed this one last time, and the first one below it.
    after: u32,
    first: u32,
    /// What stood between the value here and the next one last time, and the place of that one.
    glue: &'a str,
    to: u32,
    value: Use,
    /// The last string that stood here, or a whole object or array that is stepped over, with
    /// the key that it has in the column.
    last: &'a str,
    last_key: u32,
    /// How often in a row it was that, up to a limit, where nobody wants it.
    steady: u8,
    /// A wanted name may begin with the name of this place.
    leads: bool,
    /// Objects here are followed.
    open: bool,
    /// A document with this name has another shape.
    foreign: bool,
}

struct Target<'a> {
    column: usize,
    how: How,
    memo: Memo<'a>,
}

/// A head that was seen, with what it sets.
struct Head<'a> {
    parts: Vec<Option<&'a str>>,
    sets: Vec<(usize, u32)>,
}

/// Reads the documents of one batch.
pub(super) struct Selector<'a> {
    fields: &'a FieldSet,
    served: bool,
    received: Timestamp,
    nodes: Vec<Node<'a>>,
    targets: Vec<Target<'a>>,
    target_of: HashMap<String, u32>,
    heads: HashMap<u64, Vec<Head<'a>>, RandomState>,
    /// For each of [`PARTS`] the targets that are wanted.
    parts: [SmallVec<[u32; 2]>; PARTS.len()],
    times: bool,
    /// Columns of what is not in the document, if they are wanted.
    id: Option<usize>,
    ingested: Option<usize>,
    source: Option<usize>,
    address: Option<usize>,
    slots: [Option<&'a str>; SLOTS_MAX],
    /// The shape of the last document.
    likely: Shape,
    hasher: RandomState,
}

const NONE: u32 = u32::MAX;

impl<'a> Selector<'a> {
    pub fn new(selection: &'a Selection, out: &mut BatchBuilder) -> Self {
        let root = |open| Node {
            key: b"",
            name: String::new(),
            children: HashMap::default(),
            parent: NONE,
            depth: 0,
            after: NONE,
            first: NONE,
            glue: "",
            to: NONE,
            value: Use::default(),
            last: "",
            last_key: ABSENT,
            steady: 0,
            leads: open,
            open,
            foreign: false,
        };
        let mut column = |name| selection.wants(name).then(|| out.column_at(name));
        let mut selector = Selector {
            id: column("event.id"),
            ingested: column("event.ingested"),
            source: column("log.source.id"),
            address: column("log.source.address"),
            fields: &selection.fields,
            served: selection.served,
            received: Timestamp::UNIX_EPOCH,
            nodes: vec![root(true), root(true)],
            targets: Vec::new(),
            target_of: HashMap::new(),
            heads: HashMap::default(),
            parts: Default::default(),
            times: selection.fields.contains("@timestamp"),
            slots: [None; SLOTS_MAX],
            likely: Shape::Beat,
            hasher: RandomState::default(),
        };
        for (at, (how, fields)) in PARTS.into_iter().enumerate() {
            for name in fields.iter().filter(|name| selection.fields.contains(name)) {
                let target = selector.target(out, name, how);
                selector.parts[at].push(target);
            }
        }
        selector
    }

    /// Writes the event of `record` to `out`; `false` if the careful reader must do it. Nothing
    /// is written then.
    pub fn read(
        &mut self,
        out: &mut BatchBuilder,
        node: &str,
        seq: u64,
        record: &Record<'a>,
    ) -> bool {
        if !self.served || record.truncated {
            return false;
        }
        let Ok(text) = std::str::from_utf8(record.payload) else {
            return false;
        };
        if may_have_too_many_fields(text) {
            return false;
        }
        self.received = record.received;
        let other = match self.likely {
            Shape::Beat => Shape::Flat,
            Shape::Flat => Shape::Beat,
        };
        for shape in [self.likely, other] {
            if self.document(out, shape, text).is_ok() {
                self.likely = shape;
                self.record(out, node, seq, record);
                return true;
            }
            out.discard_event();
        }
        false
    }

    fn document(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        text: &'a str,
    ) -> Result<(), Unusual> {
        self.slots = [None; SLOTS_MAX];
        let mut cursor = Cursor::new(text);
        let root = shape as u32;
        let mut place = self.next(out, shape, &mut cursor, root)?;
        while place != NONE {
            let node = &self.nodes[place as usize];
            if node.open && cursor.kind()? == Kind::Object {
                place = self.next_below(out, shape, &mut cursor, place)?;
            } else {
                self.value(out, shape, &mut cursor, place)?;
                place = self.next(out, shape, &mut cursor, place)?;
            }
        }
        if !cursor.at_end() {
            return Err(Unusual);
        }
        let is = match shape {
            // Event id or channel.
            Shape::Beat => self.slots[0].or(self.slots[1]).is_some(),
            // Event id, and channel or provider.
            Shape::Flat => self.slots[0].is_some() && self.slots[1..5].iter().any(Option::is_some),
        };
        if !is {
            return Err(Unusual);
        }
        self.head(out, shape)?;
        self.parts(out, shape)
    }

    /// Reads the value at `place`, which is no object that is followed.
    fn value(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        cursor: &mut Cursor<'a>,
        place: u32,
    ) -> Result<(), Unusual> {
        let Node {
            value,
            last,
            last_key,
            leads,
            ..
        } = self.nodes[place as usize];
        if cursor.known(last)? {
            if value.is_some() {
                self.slot(value, last)?;
                self.again(out, value, last_key)?;
            } else {
                let steady = &mut self.nodes[place as usize].steady;
                *steady = STEADY.min(*steady + 1);
            }
            return Ok(());
        }
        self.nodes[place as usize].steady = 0;
        let start = cursor.position()?;
        match cursor.kind()? {
            // The careful reader joins the items of system fields in its own way.
            Kind::Array if shape == Shape::Flat && value.slot.is_some() => return Err(Unusual),
            Kind::Array if value.is_some() => {
                let raw = cursor.flat_array(ITEMS_MAX)?;
                // An empty array is nothing.
                if raw.bytes().any(|byte| !b"[] \t\r\n".contains(&byte)) {
                    self.slot(value, raw)?;
                    self.column(out, value, raw)?;
                }
            }
            Kind::Scalar => {
                let raw = cursor.scalar()?;
                let mut key = ABSENT;
                if value.is_some() {
                    self.slot(value, raw)?;
                    key = self.column(out, value, raw)?;
                }
                if raw.starts_with('"') {
                    let node = &mut self.nodes[place as usize];
                    (node.last, node.last_key) = (raw, key);
                }
            }
            Kind::Object | Kind::Array => {
                cursor.skip(0)?;
                let skipped = cursor.since(start);
                // The careful reader looks into objects in an array, too.
                if leads && skipped.contains('{') {
                    return Err(Unusual);
                }
                if !value.is_some() {
                    self.nodes[place as usize].last = skipped;
                }
            }
        }
        Ok(())
    }

    /// Keeps a part of the document until it has been read.
    fn slot(&mut self, value: Use, raw: &'a str) -> Result<(), Unusual> {
        match value.slot {
            Some(slot) if self.slots[usize::from(slot)].replace(raw).is_some() => Err(Unusual),
            _ => Ok(()),
        }
    }

    fn column(&mut self, out: &mut BatchBuilder, value: Use, raw: &'a str) -> Result<u32, Unusual> {
        match value.column {
            Some(target) => self.put(out, target, raw),
            None => Ok(ABSENT),
        }
    }

    /// Sets a column to the value that it was set to from the same text before.
    fn again(&self, out: &mut BatchBuilder, value: Use, key: u32) -> Result<(), Unusual> {
        let Some(target) = value.column else {
            return Ok(());
        };
        let column = self.targets[target as usize].column;
        if out.is_set(column) {
            return Err(Unusual);
        }
        if key != ABSENT {
            out.put_key(column, key);
        }
        Ok(())
    }

    fn target(&mut self, out: &mut BatchBuilder, field: &str, how: How) -> u32 {
        if let Some(&target) = self.target_of.get(field) {
            return target;
        }
        let target = self.targets.len() as u32;
        self.targets.push(Target {
            column: out.column_at(field),
            how,
            memo: Memo::new(),
        });
        self.target_of.insert(field.to_owned(), target);
        target
    }

    /// Sets a column from a piece of JSON; gives the key of the value.
    fn put(&mut self, out: &mut BatchBuilder, target: u32, raw: &'a str) -> Result<u32, Unusual> {
        let Target { column, how, memo } = &mut self.targets[target as usize];
        // A name that stands twice.
        if out.is_set(*column) {
            return Err(Unusual);
        }
        let key = memo.key(raw, &self.hasher, || {
            let value = make(*how, raw)?;
            Ok(value.map_or(ABSENT, |value| out.push_value(*column, value)))
        })?;
        if key != ABSENT {
            out.put_key(*column, key);
        }
        Ok(key)
    }

    /// Sets what follows from the parts that hardly differ.
    fn head(&mut self, out: &mut BatchBuilder, shape: Shape) -> Result<(), Unusual> {
        let names = shape.names().head;
        let parts = &self.slots[..names.len()];
        let hash = self.hasher.hash_one(parts);
        let known = self.heads.entry(hash).or_default();
        let at = known.iter().position(|head| head.parts == parts);
        let at = match at {
            Some(at) => at,
            None => {
                let sets = read_head(out, self.fields, names, parts, self.received)?;
                known.push(Head {
                    parts: parts.to_vec(),
                    sets,
                });
                known.len() - 1
            }
        };
        for &(column, key) in &known[at].sets {
            if out.is_set(column) {
                return Err(Unusual);
            }
            out.put_key(column, key);
        }
        Ok(())
    }

    /// Sets what comes from the kept parts one by one.
    fn parts(&mut self, out: &mut BatchBuilder, shape: Shape) -> Result<(), Unusual> {
        let mut from = shape.names().head.len();
        for (at, list) in shape.names().kept().into_iter().skip(1).enumerate() {
            let slots = from..from + list.len();
            from = slots.end;
            let found = match shape {
                // The first that says something.
                Shape::Beat => self.slots[slots].iter().flatten().find(|raw| says(raw)),
                // The first that is there.
                Shape::Flat if at == PARTS.len() => {
                    let (own, utc) = (slots.start..slots.end - 1, slots.end - 1);
                    let system = self.slots[own].iter().flatten().next();
                    let system = system.filter(|raw| says(raw));
                    system.or(self.slots[utc].as_ref().filter(|raw| says(raw)))
                }
                Shape::Flat => self.slots[slots].iter().flatten().next(),
            };
            let found = found.copied();
            if at == PARTS.len() {
                if self.times {
                    self.time(out, shape, found)?;
                }
            } else if let Some(raw) = found {
                for place in 0..self.parts[at].len() {
                    self.put(out, self.parts[at][place], raw)?;
                }
            }
        }
        Ok(())
    }

    fn time(&self, out: &mut BatchBuilder, shape: Shape, raw: Option<&str>) -> Result<(), Unusual> {
        let text = raw.map(text).transpose()?;
        let time = text.as_deref().and_then(|text| {
            let iso = stamp::iso(text, &TimeZone::UTC);
            match shape {
                Shape::Beat => iso,
                Shape::Flat => iso.or_else(|| stamp::epoch_text(text)),
            }
        });
        let zone = TimeZone::UTC;
        let mut row = Row::new(out, self.received, &zone);
        row.claim = match (time, text) {
            (Some(time), _) => Claim::At(beat::milliseconds(time)),
            (None, Some(text)) => Claim::Unreadable(text),
            (None, None) => Claim::None,
        };
        row.settle_time();
        Ok(())
    }

    fn record(&self, out: &mut BatchBuilder, node: &str, seq: u64, record: &Record<'_>) {
        if let Some(column) = self.id {
            out.put(column, format!("{node}-{seq:016x}"));
        }
        if let Some(column) = self.ingested {
            out.put(column, record.received);
        }
        if let Some(column) = self.source {
            out.put(column, record.source);
        }
        if let (Some(column), Some(peer)) = (self.address, record.peer) {
            out.put(column, peer.to_canonical().to_string());
        }
        out.end_event();
    }
}

fn may_have_too_many_fields(text: &str) -> bool {
    text.len() > FIELDS_MAX * FIELD_BYTES_MIN
        && memchr::memchr_iter(b':', text.as_bytes()).count() > FIELDS_MAX
}

/// What the careful reader makes of the head alone.
fn read_head(
    out: &mut BatchBuilder,
    fields: &FieldSet,
    names: &[&str],
    parts: &[Option<&str>],
    received: Timestamp,
) -> Result<Vec<(usize, u32)>, Unusual> {
    let mut flat = Flat::empty(false);
    for (name, part) in names.iter().zip(parts) {
        if let Some(raw) = part {
            flat.push(name, value(raw)?);
        }
    }
    let (event, _) = windows::from_flat(flat).map_err(|_| Unusual)?;
    let mut apart = BatchBuilder::default();
    Ok(head_sets(out, fields, &event, received, &mut apart))
}

/// The wanted ones of [`HEAD_FIELDS`] that `event` has: columns and the keys of their values.
/// `apart` is used for the way there and holds no event before or after.
pub(crate) fn head_sets(
    out: &mut BatchBuilder,
    fields: &FieldSet,
    event: &WindowsEvent,
    received: Timestamp,
    apart: &mut BatchBuilder,
) -> Vec<(usize, u32)> {
    let zone = TimeZone::UTC;
    let mut row = Row::new(apart, received, &zone);
    windows::write_log(&mut row, event);
    let dataset = row.dataset.take();
    let mut sets = Vec::new();
    for name in HEAD_FIELDS.into_iter().filter(|name| fields.contains(name)) {
        let value = match name {
            DATASET => dataset.as_deref().map(Value::from),
            name => apart.current(name),
        };
        if let Some(value) = value {
            let column = out.column_at(name);
            sets.push((column, out.intern(column, value)));
        }
    }
    apart.discard_event();
    sets
}
