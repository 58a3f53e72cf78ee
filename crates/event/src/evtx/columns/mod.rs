//! Records of EVTX files straight to the columns of a batch: only the fields that are asked for,
//! every distinct value once per batch.
//!
//! [`Chunk::events`] and [`Parser::windows_event`] say what a record means. This reader gives the
//! same for records of the usual form and leaves the others to them: what it does not expect ends
//! the attempt with [`Unusual`]. A template is read once per chunk into a [`Plan`]: which values
//! of its instances go to which columns. What nobody wants is only looked at as far as it takes
//! to know that it is sound, so that damage is told in the same way.

mod head;
mod instance;
mod plan;
mod system;
mod templates;
mod values;
mod wanted;

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use foldhash::fast::RandomState;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::binxml::{Child, Records, Unusual, Values};
use super::value::{self, BIN_XML, STRING_ARRAY};
use super::{Chunk, EvtxError};
use crate::parse::row::Row;
use crate::parse::stamp::{self, Claim};
use crate::windows::Assembler;
use crate::{Batch, BatchBuilder, Parser, WindowsEvent};
use instance::{EMPTY, check, document, is_null, items, kind_of, raw, taken};
use plan::{Content, Context, Field, Plan, Step};
use system::System;
use values::Raw;
use wanted::Wanted;

/// Elements of the data of one record; with more it is not of the usual form.
const DATA_MAX: usize = 1_400;

/// Events of chunks, collected into a batch: [`Parser::evtx_batch`].
///
/// ```
/// use saqshy_event::{Parser, evtx::Chunks};
/// let parser = Parser::new("scan");
/// let chunks: Vec<_> = Chunks::stream(&b"no chunk"[..]).flatten().collect();
/// let mut events = parser.evtx_batch();
/// for chunk in &chunks {
///     events.read(chunk, "2026-03-20T13:10:05Z".parse().unwrap(), "file", |record| drop(record));
/// }
/// assert_eq!(events.finish().rows(), 0);
/// ```
pub struct EvtxBatch<'p, 'c> {
    parser: &'p Parser,
    out: BatchBuilder,
    /// `None` if all fields are wanted, or fields that follow from others.
    wanted: Option<Wanted<'p, 'c>>,
}

impl Parser {
    /// A batch for the events of EVTX files. Each becomes what [`Chunk::events`] and
    /// [`Parser::windows_event`] make of it. With [`Parser::with_windows_fields`] it has the
    /// wanted fields, others may be missing; that is much faster.
    pub fn evtx_batch<'p, 'c>(&'p self) -> EvtxBatch<'p, 'c> {
        let mut out = BatchBuilder::default();
        let wanted = self.served().map(|it| Wanted::new(it, &mut out));
        EvtxBatch {
            parser: self,
            out,
            wanted,
        }
    }
}

impl<'c> EvtxBatch<'_, 'c> {
    /// Adds the events of `chunk` as if they had arrived at `received`. Hands the id of each
    /// record (`EventRecordID`), which is also its number in `event.id`, to `each`, in the order
    /// of the chunk; what cannot be read gives no event.
    pub fn read(
        &mut self,
        chunk: &'c Chunk,
        received: Timestamp,
        source: &str,
        mut each: impl FnMut(Result<u64, EvtxError>),
    ) {
        let EvtxBatch {
            parser,
            out,
            wanted,
        } = self;
        let plain = |out: &mut BatchBuilder, id, event: &WindowsEvent| {
            parser.windows_event(out, id, received, source, event);
            out.end_event();
            id
        };
        let Some(wanted) = wanted else {
            return chunk.events(|item| each(item.map(|(id, event)| plain(out, id, &event))));
        };
        let mut assembler = Assembler::default();
        let mut reader = Reader {
            source: wanted
                .source
                .map(|column| (column, out.intern(column, source))),
            ingested: wanted
                .ingested
                .map(|column| (column, out.intern(column, received))),
            wanted,
            received,
            plans: HashMap::default(),
        };
        let done = chunk.records(|records, record_id, place| {
            let known = reader.record(out, records, place.clone());
            let id = if let Ok(known) = known {
                let id = known.unwrap_or(record_id);
                if let Some(column) = reader.wanted.id {
                    out.put(column, parser.event_id(id));
                }
                out.end_event();
                id
            } else {
                out.discard_event();
                let event = records.event(place, &mut assembler)?;
                let (id, event) = super::numbered(record_id, event);
                plain(out, id, &event)
            };
            each(Ok(id));
            Ok(())
        });
        chunk.rest(done, |item| {
            each(item.map(|(id, event)| plain(out, id, &event)))
        });
    }

    /// Events so far.
    pub fn rows(&self) -> usize {
        self.out.rows()
    }

    /// The batch.
    pub fn finish(self) -> Batch {
        self.out.finish()
    }
}

/// Documents in values of documents.
const NESTING_MAX: usize = 3;

/// What a document and those in it hold.
struct Inside {
    /// It has `EventData` or `UserData`.
    has_data: bool,
    user_data_name: u32,
}

/// Reads the records of one chunk.
struct Reader<'b, 'p, 'c> {
    wanted: &'b mut Wanted<'p, 'c>,
    received: Timestamp,
    /// Columns of what is the same for the whole chunk, with the key.
    source: Option<(usize, u32)>,
    ingested: Option<(usize, u32)>,
    plans: HashMap<(u32, Context), Option<Rc<Plan>>, RandomState>,
}

impl<'c> Reader<'_, '_, 'c> {
    /// Sets the fields of the record at `place`; its id, if it has one.
    fn record(
        &mut self,
        out: &mut BatchBuilder,
        records: &mut Records<'c>,
        place: Range<usize>,
    ) -> Result<Option<u64>, Unusual> {
        let chunk = records.chunk();
        let mut values = Values::new();
        let definition = document(chunk, place, &mut values)?;
        let plan = self.plan(out, records, definition, Context::Document)?;
        check(chunk, &plan, &values)?;
        let system = plan.system.as_ref().ok_or(Unusual)?;
        let inside = self.data(out, records, &plan, &values, 0)?;
        let user_data_name = inside.user_data_name;
        self.head(out, records, system, &values, user_data_name)?;
        for field in &system.fields {
            self.field(out, chunk, field, &values)?;
        }
        if let Some(column) = self.wanted.time {
            self.time(out, column, taken(chunk, system.time, &values)?)?;
        }
        for (column, key) in self.source.iter().chain(&self.ingested) {
            out.put_key(*column, *key);
        }
        self.record_id(out, taken(chunk, system.record_id, &values)?)
    }

    fn plan(
        &mut self,
        out: &mut BatchBuilder,
        records: &mut Records<'c>,
        definition: u32,
        context: Context,
    ) -> Result<Rc<Plan>, Unusual> {
        if let Some(plan) = self.plans.get(&(definition, context)) {
            return plan.clone().ok_or(Unusual);
        }
        let chunk = records.chunk();
        let plan = match self.wanted.templates.find(chunk, definition) {
            Some(known) => self.plan_again(out, known, context),
            None => {
                let read = records.read_template(definition)?;
                let plan = plan::plan(&read.root, context, self.wanted, out).map(Rc::new);
                let templates = &mut self.wanted.templates;
                templates.keep(chunk, definition, &read, context, &plan);
                plan
            }
        };
        self.plans.insert((definition, context), plan.clone());
        plan.ok_or(Unusual)
    }

    /// The plan for a template that was seen before.
    fn plan_again(
        &mut self,
        out: &mut BatchBuilder,
        known: usize,
        context: Context,
    ) -> Option<Rc<Plan>> {
        let template = self.wanted.templates.get(known);
        if let Some(plan) = &template.plans[context as usize] {
            return plan.clone();
        }
        let root = template.root.clone();
        let plan = plan::plan(&root, context, self.wanted, out).map(Rc::new);
        self.wanted.templates.get(known).plans[context as usize] = Some(plan.clone());
        plan
    }

    /// Sets the fields of `EventData` and `UserData`, also those of documents that stand in
    /// values.
    fn data(
        &mut self,
        out: &mut BatchBuilder,
        records: &mut Records<'c>,
        plan: &Plan,
        values: &Values,
        nesting: usize,
    ) -> Result<Inside, Unusual> {
        let chunk = records.chunk();
        self.steps(out, chunk, plan, values)?;
        let own = Inside {
            has_data: plan.has_data,
            user_data_name: plan.user_data_name,
        };
        let Some((slot, context)) = plan.embedded else {
            return Ok(own);
        };
        let (kind, place) = values.get(usize::from(slot)).ok_or(Unusual)?;
        if *kind != BIN_XML {
            return Ok(own);
        }
        let place = place.start as usize..place.end as usize;
        let mut values = Values::new();
        let definition = document(chunk, place, &mut values)?;
        let plan = self.plan(out, records, definition, context)?;
        check(chunk, &plan, &values)?;
        if plan.system.is_some() || nesting >= NESTING_MAX {
            return Err(Unusual);
        }
        let inner = self.data(out, records, &plan, &values, nesting + 1)?;
        if own.has_data && inner.has_data {
            return Err(Unusual);
        }
        Ok(Inside {
            has_data: own.has_data || inner.has_data,
            user_data_name: own.user_data_name.max(inner.user_data_name),
        })
    }

    fn steps(
        &mut self,
        out: &mut BatchBuilder,
        chunk: &'c [u8],
        plan: &Plan,
        values: &Values,
    ) -> Result<(), Unusual> {
        let mut position = 0;
        let mut at = 0;
        while let Some(step) = plan.steps.get(at) {
            at += 1;
            match step {
                Step::Gate { slot, skipped } => {
                    if is_null(values, Some(*slot)) {
                        at += skipped;
                    }
                }
                Step::Data(field) => {
                    if let Content::Slot(slot) = field.content
                        && kind_of(values, slot) == STRING_ARRAY
                        && !is_null(values, field.dependency)
                    {
                        // Of several values with one name the first counts, or a later one.
                        let mut items = items(raw(chunk, values, slot)?.bytes);
                        let first = items.next().unwrap_or(EMPTY);
                        if items.next().is_some() {
                            return Err(Unusual);
                        }
                        self.wanted.targets.put(out, field.target, first)?;
                    } else {
                        self.field(out, chunk, field, values)?;
                    }
                    position += usize::from(!is_null(values, field.dependency));
                }
                Step::Count { dependency, slot } if !is_null(values, *dependency) => {
                    position += match slot {
                        Some(slot) if kind_of(values, *slot) == STRING_ARRAY => {
                            items(raw(chunk, values, *slot)?.bytes).count().max(1)
                        }
                        _ => 1,
                    };
                }
                Step::Positioned { dependency, slot } if !is_null(values, *dependency) => {
                    let raw = raw(chunk, values, *slot)?;
                    if raw.kind == STRING_ARRAY && !raw.bytes.is_empty() {
                        for item in items(raw.bytes) {
                            position += 1;
                            self.positioned(out, position, item)?;
                        }
                    } else {
                        position += 1;
                        let raw = if raw.kind == STRING_ARRAY { EMPTY } else { raw };
                        self.positioned(out, position, raw)?;
                    }
                }
                Step::Count { .. } | Step::Positioned { .. } => {}
            }
            if position > DATA_MAX {
                return Err(Unusual);
            }
        }
        Ok(())
    }

    fn positioned(
        &mut self,
        out: &mut BatchBuilder,
        position: usize,
        raw: Raw<'c>,
    ) -> Result<(), Unusual> {
        if position > DATA_MAX {
            return Err(Unusual);
        }
        match self.wanted.position(out, position) {
            Some(target) => self.wanted.targets.put(out, target, raw),
            None => Ok(()),
        }
    }

    fn field(
        &mut self,
        out: &mut BatchBuilder,
        chunk: &'c [u8],
        field: &Field,
        values: &Values,
    ) -> Result<(), Unusual> {
        if is_null(values, field.dependency) {
            return Ok(());
        }
        let targets = &mut self.wanted.targets;
        match field.content {
            Content::Slot(slot) => targets.put(out, field.target, raw(chunk, values, slot)?),
            Content::Key(key) => targets.put_key(out, field.target, key),
        }
    }

    fn head(
        &mut self,
        out: &mut BatchBuilder,
        records: &mut Records<'c>,
        system: &System,
        values: &Values,
        user_data_name: u32,
    ) -> Result<(), Unusual> {
        let heads = &mut self.wanted.heads;
        heads.begin(system.form, user_data_name);
        for slot in &system.head {
            heads.push(raw(records.chunk(), values, *slot)?);
        }
        if let Some(set) = heads.set(out) {
            return set;
        }
        let Some(Child::Element(element)) = system.event.children.get(system.child) else {
            return Err(Unusual);
        };
        let name = self.wanted.name(user_data_name);
        let event = head::event_of(records, element, values, name)?;
        let (fields, heads) = (self.wanted.fields, &mut self.wanted.heads);
        heads.learn(out, fields, &event, self.received);
        heads.set(out).unwrap_or(Err(Unusual))
    }

    fn time(
        &self,
        out: &mut BatchBuilder,
        column: usize,
        raw: Option<Raw<'_>>,
    ) -> Result<(), Unusual> {
        let claim = match raw {
            None => Claim::None,
            Some(raw) => Claim::At(value::milliseconds(raw.kind, raw.bytes).ok_or(Unusual)?),
        };
        match claim {
            Claim::At(time) if stamp::believable(time, self.received) => out.put(column, time),
            claim => {
                let zone = TimeZone::UTC;
                let mut row = Row::new(out, self.received, &zone);
                row.claim = claim;
                row.settle_time();
            }
        }
        Ok(())
    }

    fn record_id(
        &self,
        out: &mut BatchBuilder,
        raw: Option<Raw<'_>>,
    ) -> Result<Option<u64>, Unusual> {
        let Some(raw) = raw else { return Ok(None) };
        let (0x0a, Ok(bytes)) = (raw.kind, raw.bytes.try_into()) else {
            return Err(Unusual);
        };
        let id = u64::from_le_bytes(bytes);
        let Some(number) = i64::try_from(id).ok().filter(|number| *number != 0) else {
            return Ok(None);
        };
        if let Some(column) = self.wanted.record_id {
            // No two are equal.
            let key = out.push_value(column, number);
            out.put_key(column, key);
        }
        Ok(Some(id))
    }
}
