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
mod memo;
mod shape;

use std::borrow::Cow;
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
use crate::{ABSENT, BatchBuilder, Given, Record, Value};
use cursor::{Cursor, Kind, Unusual};
pub use fields::FieldSet;
use memo::Memo;
use shape::{DATA, DATASET, HEAD_FIELDS, How, PARTS, Shape, UTC_TIME};

/// Levels of objects that are followed.
const DEPTH_MAX: usize = 16;
/// Fields of one document that are looked at.
const ENTRIES_MAX: usize = 1_000;
/// Items of one array.
const ITEMS_MAX: usize = 256;
/// Bytes of a field's name.
const NAME_BYTES_MAX: usize = 400;
/// Distinct places in the documents of one batch.
const NODES_MAX: usize = 10_000;
/// Parts that are kept until a document has been read, of both shapes.
const SLOTS_MAX: usize = 64;

/// The wanted fields of Windows documents.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    fields: FieldSet,
    served: bool,
}

impl Selection {
    pub fn new(fields: FieldSet) -> Self {
        let served = shape::serves(&fields);
        Selection { fields, served }
    }

    /// All wanted fields can be given without deriving others.
    pub fn is_served(&self) -> bool {
        self.served
    }

    pub fn wants(&self, field: &str) -> bool {
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
    /// Something below it may be wanted.
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
    entries: usize,
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
            entries: 0,
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
        self.entries = 0;
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

    /// Steps from the end of the value at `place` to the next value and gives its place; [`NONE`]
    /// at the end of the document. What stands between two values follows from their places, so
    /// it is compared in one piece with what stood there last time.
    fn next(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        cursor: &mut Cursor<'a>,
        place: u32,
    ) -> Result<u32, Unusual> {
        let Node {
            parent, glue, to, ..
        } = self.nodes[place as usize];
        if cursor.known(glue)? {
            return Ok(to);
        }
        let start = cursor.position()?;
        let next = match parent {
            NONE => self.next_below(out, shape, cursor, place)?,
            parent => self.next_in(out, shape, cursor, parent, place)?,
        };
        let node = &mut self.nodes[place as usize];
        (node.glue, node.to) = (cursor.since(start), next);
        Ok(next)
    }

    /// Steps into the object at `place`.
    fn next_below(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        cursor: &mut Cursor<'a>,
        place: u32,
    ) -> Result<u32, Unusual> {
        cursor.expect(b'{')?;
        self.next_in(out, shape, cursor, place, NONE)
    }

    /// Steps on in the object at `parent` from behind the value at `before`, or from its brace.
    fn next_in(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        cursor: &mut Cursor<'a>,
        mut parent: u32,
        mut before: u32,
    ) -> Result<u32, Unusual> {
        loop {
            let ends = match before {
                NONE => cursor.take(b'}')?,
                _ if cursor.take(b',')? => false,
                _ => cursor.expect(b'}').map(|()| true)?,
            };
            if ends {
                before = parent;
                parent = self.nodes[parent as usize].parent;
                if parent == NONE {
                    return Ok(NONE);
                }
                continue;
            }
            let child = self.child(out, shape, cursor, parent, before)?;
            let node = &self.nodes[child as usize];
            if node.foreign {
                return Err(Unusual);
            }
            if !(cursor.kind()? == Kind::Object && node.open) {
                return Ok(child);
            }
            cursor.expect(b'{')?;
            (parent, before) = (child, NONE);
        }
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
            ..
        } = self.nodes[place as usize];
        if cursor.known(last)? {
            if value.is_some() {
                self.slot(value, last)?;
                self.again(out, value, last_key)?;
            }
            return Ok(());
        }
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
                if !value.is_some() {
                    self.nodes[place as usize].last = cursor.since(start);
                }
            }
        }
        Ok(())
    }

    /// Keeps a part of the document until it has been read.
    fn slot(&mut self, value: Use, raw: &'a str) -> Result<(), Unusual> {
        self.entries += 1;
        if self.entries > ENTRIES_MAX {
            return Err(Unusual);
        }
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

    /// The place of the next key below `parent`, where it most likely is or by its name. The key
    /// and its colon are consumed.
    fn child(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        cursor: &mut Cursor<'a>,
        parent: u32,
        before: u32,
    ) -> Result<u32, Unusual> {
        let guess = match before {
            NONE => self.nodes[parent as usize].first,
            before => self.nodes[before as usize].after,
        };
        if guess != NONE && cursor.known_key(self.nodes[guess as usize].key)? {
            return Ok(guess);
        }
        let key = cursor.key()?;
        let child = match self.nodes[parent as usize].children.get(key) {
            Some(&child) => child,
            None => self.grow(out, shape, parent, key)?,
        };
        match before {
            NONE => self.nodes[parent as usize].first = child,
            before => self.nodes[before as usize].after = child,
        }
        Ok(child)
    }

    fn grow(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        parent: u32,
        key: &'a [u8],
    ) -> Result<u32, Unusual> {
        let text = std::str::from_utf8(key).map_err(|_| Unusual)?;
        let Node { name, depth, .. } = &self.nodes[parent as usize];
        let (above, depth) = (name, depth + 1);
        if self.nodes.len() >= NODES_MAX
            || above.len() + key.len() > NAME_BYTES_MAX
            || depth > DEPTH_MAX
        {
            return Err(Unusual);
        }
        let name = match above.as_str() {
            "" => text.to_owned(),
            above => format!("{above}.{text}"),
        };
        let value = self.purpose(out, shape, &name);
        let open = self.open(shape, &format!("{name}."));
        let foreign = shape == Shape::Flat
            && (matches!(&*name, "winlog.event_id" | "winlog.channel")
                || name.starts_with("Event.System."));
        let child = self.nodes.len() as u32;
        self.nodes.push(Node {
            key,
            name,
            children: HashMap::default(),
            parent,
            depth,
            after: NONE,
            first: NONE,
            glue: "",
            to: NONE,
            value,
            last: "",
            last_key: ABSENT,
            open,
            foreign,
        });
        self.nodes[parent as usize].children.insert(key, child);
        Ok(child)
    }

    fn purpose(&mut self, out: &mut BatchBuilder, shape: Shape, name: &str) -> Use {
        let names = shape.names();
        let kept = names.kept().into_iter().flatten();
        let slot = kept
            .zip(0u8..)
            .find_map(|(known, slot)| (*known == name).then_some(slot));
        let dropped = names.dropped.contains(&name);
        if dropped || (slot.is_some() && name != UTC_TIME) {
            return Use { slot, column: None };
        }
        let (field, how) = match shape {
            Shape::Flat => (format!("{}{name}", DATA[0]), How::Data),
            Shape::Beat if DATA.iter().any(|prefix| name.starts_with(prefix)) => {
                (name.to_owned(), How::Data)
            }
            Shape::Beat => (name.to_owned(), How::Own),
        };
        // Of what else a document holds, only names that the normaliser does not use are taken.
        let taken = matches!(how, How::Data)
            || !name.contains('.')
            || (name.starts_with("winlog.") && self.fields.contains(name));
        let column = (taken && self.fields.contains(&field)).then(|| self.target(out, &field, how));
        Use { slot, column }
    }

    /// Whether a wanted name may begin with `prefix`, which ends with a dot.
    fn open(&self, shape: Shape, prefix: &str) -> bool {
        let names = shape.names();
        let kept = names.kept().into_iter().flatten();
        let full = match shape {
            Shape::Beat => prefix.to_owned(),
            Shape::Flat => format!("{}{prefix}", DATA[0]),
        };
        kept.chain(names.dropped).any(|name| name.starts_with(prefix))
            || self.fields.names().any(|name| name.starts_with(&full))
            || self
                .fields
                .prefixes()
                .any(|wanted| wanted.starts_with(&full) || full.starts_with(wanted))
            // The other shapes must be noticed.
            || (shape == Shape::Flat && matches!(prefix, "winlog." | "Event." | "Event.System."))
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
    let zone = TimeZone::UTC;
    let mut row = Row::new(&mut apart, received, &zone);
    windows::write(&mut row, &event);
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
    Ok(sets)
}

/// Whether a part is more than nothing.
fn says(raw: &str) -> bool {
    !(raw == "\"\"" || raw == "null" || raw.starts_with('['))
}

/// The value of a piece of JSON for a column; `None` if it is absent for the careful reader.
fn make(how: How, raw: &str) -> Result<Option<Given<'_>>, Unusual> {
    Ok(match how {
        // Said to be absent.
        How::Own | How::Data if raw == "null" => None,
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

fn text(raw: &str) -> Result<String, Unusual> {
    let value = value(raw)?;
    value.to_text().map(|text| text.into_owned()).ok_or(Unusual)
}

/// A scalar or an array of scalars as the careful reader gives it.
fn value(raw: &str) -> Result<Value, Unusual> {
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
