//! Matching a batch.
//!
//! Rows are sorted into classes by their log; for each class there is a plan. Field by field, every
//! distinct value that the rows of the class have is scanned once, all of a field in one go. Those
//! of its atoms that are triggers call programs on the rows that have the value; only for a called
//! program the other atoms of the row are marked, and only such programs are evaluated.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use saqshy_event::{ABSENT, Batch, Column, Value};

use super::compile::{Atom, Compiled, Test};
use super::gate::{Classes, Gates};
use super::plan::{Plan, Plans};
use super::scan::ScanBuffers;
use super::trigger::{Sample, Triggers};
use crate::Match;
use crate::fold::push_to_fold;
use crate::keywords::{searched_field, searched_in_windows, searched_value};
use crate::matcher::{Matcher, is_null, refers};
use crate::pipeline::Names;

/// Where in `Scratch::held` the atoms of a value stand: those that trigger programs, the others.
#[derive(Debug, Clone, Copy)]
struct Held {
    start: u32,
    others: u32,
    end: u32,
}

const NOT_SCANNED: Held = Held {
    start: u32::MAX,
    others: 0,
    end: 0,
};
const NOTHING: Held = Held {
    start: 0,
    others: 0,
    end: 0,
};
/// No place.
const NONE: u32 = u32::MAX;

/// Working memory of [`run`], kept between batches.
pub(super) struct Scratch {
    classes: Classes,
    buffers: ScanBuffers,
    columns: Vec<BoundField>,
    /// Results of all scans; `BoundField::ranges` points here.
    held: Vec<u32>,
    /// Per atom the last row (numbered over all batches) that held it.
    marked: Vec<u32>,
    /// Per field the last row whose atoms were marked.
    read: Vec<u32>,
    /// Per field its place among the fields of the class at hand.
    places: Vec<u32>,
    row_number: u32,
    fresh: Vec<Fresh>,
    /// Folded texts of `fresh`, one after the other.
    folded: String,
    /// Programs to evaluate, and where.
    calls: Vec<Call>,
    /// For each column of the batch the classes that have it, once somebody asked.
    had: Vec<Option<u64>>,
    sample: Sample,
    /// Answers of lazy atoms for each distinct value: 0 not asked, 1 no, 2 yes.
    remembered: Vec<Vec<u8>>,
    /// Places of `remembered` in use in this batch.
    asked: Vec<u32>,
    found: Vec<u32>,
}

/// A field in the columns of a batch.
#[derive(Default)]
struct BoundField {
    bound: bool,
    /// Column of the batch and the number of its first value among the field's values.
    columns: Vec<(u32, u32)>,
    ranges: Vec<Held>,
    /// An atom holds for one of the values that were scanned for a class.
    holds: bool,
}

impl Scratch {
    pub fn new(compiled: &Compiled) -> Self {
        Scratch {
            classes: Classes::default(),
            buffers: ScanBuffers::new(compiled.atoms.len()),
            columns: compiled
                .fields
                .iter()
                .map(|_| BoundField::default())
                .collect(),
            held: Vec::new(),
            marked: vec![0; compiled.atoms.len()],
            read: vec![0; compiled.fields.len()],
            places: vec![NONE; compiled.fields.len()],
            row_number: 0,
            fresh: Vec::new(),
            folded: String::new(),
            calls: Vec::new(),
            had: Vec::new(),
            sample: Sample::new(compiled.atoms.len()),
            remembered: vec![Vec::new(); compiled.remembered],
            asked: Vec::new(),
            found: Vec::new(),
        }
    }

    fn begin(&mut self) {
        self.held.clear();
        self.columns
            .iter_mut()
            .for_each(|field| field.bound = false);
        for place in self.asked.drain(..) {
            self.remembered[place as usize].clear();
        }
    }

    /// What was found since `held` was `start` long, triggers to the front.
    fn held_since(&mut self, start: usize, triggers: &Triggers) -> Held {
        let mut others = start;
        for at in start..self.held.len() {
            if triggers.is[self.held[at] as usize] {
                self.held.swap(at, others);
                others += 1;
            }
        }
        Held {
            start: start as u32,
            others: others as u32,
            end: self.held.len() as u32,
        }
    }

    /// Calls the programs that the values of `field` trigger.
    fn call(&mut self, field: &FieldColumns<'_>, rows: &[u32], plan: &Plan) {
        let ranges = &self.columns[field.field as usize].ranges;
        field.each_use(rows, |used| {
            let Held { start, others, .. } = ranges[used.slot as usize];
            for &atom in &self.held[start as usize..others as usize] {
                let programs = plan.triggered(atom).iter();
                self.calls
                    .extend(programs.map(|&program| Call::new(used.row, program)));
            }
        });
    }

    /// Counts the atoms of the values of `field`.
    fn count(&mut self, field: &FieldColumns<'_>, rows: &[u32]) {
        let ranges = &self.columns[field.field as usize].ranges;
        field.each_use(rows, |used| {
            let Held { start, end, .. } = ranges[used.slot as usize];
            for &atom in &self.held[start as usize..end as usize] {
                self.sample.count(atom);
            }
        });
    }

    fn mark(&mut self, held: Held) {
        for &atom in &self.held[held.start as usize..held.end as usize] {
            self.marked[atom as usize] = self.row_number;
        }
    }

    fn next_row(&mut self) {
        self.row_number = self.row_number.wrapping_add(1);
        if self.row_number == 0 {
            self.marked.fill(0);
            self.read.fill(0);
            self.row_number = 1;
        }
    }
}

/// A row and a program to evaluate there, in one number, which is faster to sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Call(u64);

impl Call {
    fn new(row: u32, program: u32) -> Self {
        Call(u64::from(row) << 32 | u64::from(program))
    }

    fn row(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn program(self) -> u32 {
        self.0 as u32
    }
}

/// A value that is to be scanned.
struct Fresh {
    /// Place among the columns of the field.
    column: u32,
    key: u32,
    slot: u32,
    /// Where its folded text ends; where it starts, too, if it is not folded in advance.
    end: usize,
}

/// Values that are folded in advance.
const FRESH_AT_ONCE: usize = 64;
/// Longer ones are folded by themselves.
const FOLDED_BYTES_MAX: usize = 4 << 10;

/// The plan of a class with the columns that its rows have at all.
struct Bound<'a> {
    plan: Arc<Plan>,
    /// Those whose atoms trigger programs come first.
    fields: Vec<FieldColumns<'a>>,
    triggers: usize,
}

struct FieldColumns<'a> {
    field: u32,
    /// Only the first of the columns that a row has counts.
    first_only: bool,
    /// With the number of the column's first value among the field's values.
    columns: Vec<(&'a Column, u32)>,
}

/// A value of a row.
struct Used {
    row: u32,
    /// Place among the columns of the field.
    place: u32,
    key: u32,
    /// The value's number among the field's values.
    slot: u32,
}

impl FieldColumns<'_> {
    /// Hands every value that `rows` have in the field to `each`.
    #[inline]
    fn each_use(&self, rows: &[u32], mut each: impl FnMut(Used)) {
        if let [(column, first)] = self.columns[..] {
            let keys = column.keys();
            for &row in rows {
                let key = keys[row as usize];
                if key != ABSENT {
                    let (place, slot) = (0, first + key);
                    each(Used {
                        row,
                        place,
                        key,
                        slot,
                    });
                }
            }
            return;
        }
        for &row in rows {
            for (&(column, first), place) in self.columns.iter().zip(0..) {
                let key = column.keys()[row as usize];
                if key == ABSENT {
                    continue;
                }
                let slot = first + key;
                each(Used {
                    row,
                    place,
                    key,
                    slot,
                });
                if self.first_only {
                    break;
                }
            }
        }
    }
}

/// Appends the matches of `batch` to `out`, sorted by row, then rule. The result is a sample of
/// the events, now and then.
pub(super) fn run<'s>(
    compiled: &Compiled,
    gates: &Gates,
    plans: &Plans,
    batch: &Batch,
    scratch: &'s mut Scratch,
    out: &mut Vec<Match>,
) -> Option<&'s mut Sample> {
    scratch.begin();
    let mut classes = std::mem::take(&mut scratch.classes);
    gates.classify(batch, &mut classes);
    let names = batch.columns().iter().enumerate();
    let index = names
        .map(|(at, column)| (column.name(), at as u32))
        .collect();
    scratch.had.clear();
    scratch.had.resize(batch.columns().len(), None);
    let counted = scratch.sample.begins(batch.rows());
    let mut run = Run {
        compiled,
        plans,
        batch,
        index,
        scratch,
    };
    let before = out.len();
    classes.group();
    for class in 0..classes.count() {
        if let Some(bound) = run.bind_class(&classes, class) {
            run.class(classes.rows(class), &bound, counted, out);
            for field in &bound.fields {
                run.scratch.places[field.field as usize] = NONE;
            }
        }
    }
    out[before..].sort_unstable();
    scratch.classes = classes;
    (counted && scratch.sample.ends(batch.rows())).then_some(&mut scratch.sample)
}

struct Run<'a> {
    compiled: &'a Compiled,
    plans: &'a Plans,
    batch: &'a Batch,
    /// Name of a column → its place in the batch.
    index: HashMap<&'a str, u32, RandomState>,
    scratch: &'a mut Scratch,
}

impl<'a> Run<'a> {
    fn bind_class(&mut self, classes: &Classes, class: usize) -> Option<Bound<'a>> {
        if classes.rows(class).is_empty() {
            return None;
        }
        let sources: Vec<u32> = (0..self.compiled.sources.len() as u32)
            .filter(|&source| {
                let mut gates = self.compiled.sources[source as usize].iter();
                gates.all(|&gate| classes.passes(class, gate))
            })
            .collect();
        if sources.is_empty() {
            return None;
        }
        let plan = self.plans.plan(self.compiled, &sources);
        if plan.is_empty() {
            return None;
        }
        let mut fields = Vec::new();
        let mut triggers = 0;
        for (list, trigger) in [(&plan.trigger_fields, true), (&plan.other_fields, false)] {
            for &field in list {
                let columns = self.columns_of(field, classes, class);
                if !columns.columns.is_empty() {
                    self.scratch.places[field as usize] = fields.len() as u32;
                    fields.push(columns);
                    triggers += usize::from(trigger);
                }
            }
        }
        Some(Bound {
            plan,
            fields,
            triggers,
        })
    }

    /// The columns of a field, without those that no row of the class has.
    fn columns_of(&mut self, field: u32, classes: &Classes, class: usize) -> FieldColumns<'a> {
        let batch = self.batch;
        self.bind(field);
        let Scratch { columns, had, .. } = &mut *self.scratch;
        let columns = columns[field as usize].columns.iter();
        let columns = columns.filter(|(at, _)| {
            let had = had[*at as usize]
                .get_or_insert_with(|| classes.that_have(&batch.columns()[*at as usize]));
            *had & Classes::bit(class as u32) != 0
        });
        FieldColumns {
            field,
            first_only: matches!(self.compiled.fields[field as usize].names, Names::First(_)),
            columns: columns
                .map(|&(at, first)| (&batch.columns()[at as usize], first))
                .collect(),
        }
    }

    /// Matches the rows of a class.
    fn class(&mut self, rows: &[u32], bound: &Bound<'a>, counted: bool, out: &mut Vec<Match>) {
        self.scratch.calls.clear();
        for (at, field) in bound.fields.iter().enumerate() {
            let calls = at < bound.triggers;
            if calls || counted {
                self.gather(field, rows);
                self.search(field);
            }
            if calls && self.scratch.columns[field.field as usize].holds {
                self.scratch.call(field, rows, &bound.plan);
            }
            if counted {
                self.scratch.count(field, rows);
            }
        }
        let mut calls = std::mem::take(&mut self.scratch.calls);
        calls.sort_unstable();
        calls.dedup();
        if bound.plan.always.is_empty() {
            for calls in calls.chunk_by(|left, right| left.row() == right.row()) {
                self.row(calls[0].row() as usize, calls, bound, out);
            }
        } else {
            let mut rest = &calls[..];
            for &row in rows {
                let own = rest.iter().take_while(|call| call.row() == row).count();
                let (now, later) = rest.split_at(own);
                rest = later;
                self.row(row as usize, now, bound, out);
            }
        }
        self.scratch.calls = calls;
    }

    /// Collects the values that the rows have in a field and nobody has scanned.
    fn gather(&mut self, field: &FieldColumns<'a>, rows: &[u32]) {
        let Scratch { columns, fresh, .. } = &mut *self.scratch;
        fresh.clear();
        let ranges = &mut columns[field.field as usize].ranges;
        field.each_use(rows, |used| {
            let range = &mut ranges[used.slot as usize];
            if range.start == NOT_SCANNED.start {
                *range = NOTHING;
                fresh.push(Fresh {
                    column: used.place,
                    key: used.key,
                    slot: used.slot,
                    end: 0,
                });
            }
        });
    }

    /// Scans the values that were gathered, some at a time. Folding these first lets the processor
    /// wait for the memory of several at once.
    fn search(&mut self, field: &FieldColumns<'a>) {
        let compiled = &self.compiled.fields[field.field as usize];
        let value_of = |fresh: &Fresh| {
            let column = field.columns[fresh.column as usize].0;
            (column, &column.values()[fresh.key as usize])
        };
        let mut all = std::mem::take(&mut self.scratch.fresh);
        let mut folded = std::mem::take(&mut self.scratch.folded);
        for some in all.chunks_mut(FRESH_AT_ONCE) {
            folded.clear();
            for fresh in &mut *some {
                if let (_, Value::Str(text)) = value_of(fresh)
                    && text.len() <= FOLDED_BYTES_MAX
                    && compiled.scanner.may_hold(text)
                {
                    push_to_fold(text, &mut folded);
                }
                fresh.end = folded.len();
            }
            folded.make_ascii_lowercase();
            let nothing = compiled.scanner.has_none_of(&folded);
            let mut from = 0;
            for fresh in some {
                let folded = &folded[from..fresh.end];
                from = fresh.end;
                if nothing && !folded.is_empty() {
                    continue;
                }
                let (column, value) = value_of(fresh);
                if compiled.names == Names::All && !searched_value(column.name(), value) {
                    continue;
                }
                let Scratch { held, buffers, .. } = &mut *self.scratch;
                let start = held.len();
                match value {
                    Value::Str(text) if !folded.is_empty() => {
                        compiled.scanner.scan_text(text, folded, buffers, held);
                    }
                    Value::Str(text) if text.len() <= FOLDED_BYTES_MAX => continue,
                    value => compiled.scanner.scan(value, buffers, held),
                }
                if self.scratch.held.len() > start {
                    let range = self.scratch.held_since(start, &self.plans.triggers);
                    let bound = &mut self.scratch.columns[field.field as usize];
                    bound.ranges[fresh.slot as usize] = range;
                    bound.holds = true;
                }
            }
        }
        self.scratch.fresh = all;
        self.scratch.folded = folded;
    }

    /// Evaluates the programs that are called at `row` and those that always are.
    fn row(&mut self, row: usize, calls: &[Call], bound: &Bound<'a>, out: &mut Vec<Match>) {
        self.scratch.next_row();
        let called = calls.iter().map(|call| call.program());
        for program in bound.plan.always.iter().copied().chain(called) {
            let program = &self.compiled.programs[program as usize];
            for &field in &program.fields {
                self.read(field, row, bound);
            }
            let code = &self.compiled.code;
            if code.holds(program.root, &mut |atom| self.holds(atom, row)) {
                self.scratch.found.push(program.rule);
            }
        }
        let found = &mut self.scratch.found;
        found.sort_unstable();
        found.dedup();
        out.extend(found.drain(..).map(|rule| Match {
            row: row as u32,
            rule,
        }));
    }

    /// Marks the atoms that hold in `field` at `row`, once.
    fn read(&mut self, field: u32, row: usize, bound: &Bound<'a>) {
        let read = &mut self.scratch.read[field as usize];
        if *read == self.scratch.row_number {
            return;
        }
        *read = self.scratch.row_number;
        if let Some(columns) = bound
            .fields
            .get(self.scratch.places[field as usize] as usize)
        {
            self.each_value(columns, row, Scratch::mark);
        }
    }

    /// Hands what is known of each value that `field` has at `row` to `each`.
    fn each_value(
        &mut self,
        field: &FieldColumns<'a>,
        row: usize,
        mut each: impl FnMut(&mut Scratch, Held),
    ) {
        for &(column, first) in &field.columns {
            let key = column.keys()[row];
            if key == ABSENT {
                continue;
            }
            let held = self.scan(field.field, column, key, first + key);
            each(self.scratch, held);
            if field.first_only {
                return;
            }
        }
    }

    /// Where in `held` the atoms of a value stand; scans the value if nobody has yet.
    fn scan(&mut self, field: u32, column: &Column, key: u32, slot: u32) -> Held {
        let range = self.scratch.columns[field as usize].ranges[slot as usize];
        if range.start != NOT_SCANNED.start {
            return range;
        }
        let compiled = &self.compiled.fields[field as usize];
        let value = &column.values()[key as usize];
        let Scratch { held, buffers, .. } = &mut *self.scratch;
        let start = held.len();
        if compiled.names != Names::All || searched_value(column.name(), value) {
            compiled.scanner.scan(value, buffers, held);
        }
        let range = self.scratch.held_since(start, &self.plans.triggers);
        self.scratch.columns[field as usize].ranges[slot as usize] = range;
        range
    }

    fn holds(&mut self, atom: u32, row: usize) -> bool {
        let compiled = self.compiled;
        let Atom { field, test } = &compiled.atoms[atom as usize];
        let mut at = 0;
        match test {
            Test::Eager => self.scratch.marked[atom as usize] == self.scratch.row_number,
            Test::Exists(wanted) => self.next(*field, row, &mut at).is_some() == *wanted,
            Test::Null => {
                let mut value = self.next(*field, row, &mut at);
                let absent = value.is_none();
                while let Some((held, _)) = value {
                    if is_null(held) {
                        return true;
                    }
                    value = self.next(*field, row, &mut at);
                }
                absent
            }
            Test::Refers { other, side, cased } => {
                while let Some((value, _)) = self.next(*field, row, &mut at) {
                    let mut from = 0;
                    while let Some((other, _)) = self.next(*other, row, &mut from) {
                        if refers(value, other, *side, *cased) {
                            return true;
                        }
                    }
                }
                false
            }
            Test::Value(place, matcher) => {
                while let Some((value, slot)) = self.next(*field, row, &mut at) {
                    if self.value_holds(*place, matcher, *field, value, slot) {
                        return true;
                    }
                }
                false
            }
        }
    }

    /// The next value that `field` has at `row`, with its number among the field's values. `at`
    /// starts at 0 and remembers where to go on.
    fn next(&mut self, field: u32, row: usize, at: &mut usize) -> Option<(&'a Value, u32)> {
        let batch = self.batch;
        self.bind(field);
        let names = &self.compiled.fields[field as usize].names;
        let columns = &self.scratch.columns[field as usize].columns;
        while let Some(&(column, first)) = columns.get(*at) {
            *at += 1;
            let column = &batch.columns()[column as usize];
            let key = column.keys()[row];
            if key == ABSENT {
                continue;
            }
            let value = &column.values()[key as usize];
            match names {
                Names::First(_) => *at = columns.len(),
                Names::All if !searched_value(column.name(), value) => continue,
                Names::Every(_) | Names::All | Names::WindowsLog => {}
            }
            return Some((value, first + key));
        }
        None
    }

    fn value_holds(
        &mut self,
        place: u32,
        matcher: &Matcher,
        field: u32,
        value: &Value,
        slot: u32,
    ) -> bool {
        let answers = &mut self.scratch.remembered[place as usize];
        if answers.is_empty() {
            answers.resize(self.scratch.columns[field as usize].ranges.len(), 0);
            self.scratch.asked.push(place);
        }
        let answer = &mut answers[slot as usize];
        if *answer == 0 {
            *answer = 1 + u8::from(value.items().iter().any(|item| matcher.holds_one(item)));
        }
        *answer == 2
    }

    /// Finds the columns of `field`, once per batch.
    fn bind(&mut self, field: u32) {
        let bound = &mut self.scratch.columns[field as usize];
        if bound.bound {
            return;
        }
        bound.bound = true;
        bound.holds = false;
        bound.columns.clear();
        bound.ranges.clear();
        let mut values = 0;
        let mut push = |column: u32| {
            bound.columns.push((column, values));
            values += self.batch.columns()[column as usize].values().len() as u32;
        };
        match &self.compiled.fields[field as usize].names {
            Names::First(names) | Names::Every(names) => {
                names
                    .iter()
                    .filter_map(|name| self.index.get(name.as_str()))
                    .for_each(|&at| push(at));
            }
            names @ (Names::All | Names::WindowsLog) => {
                let searched = match names {
                    Names::All => searched_field,
                    _ => searched_in_windows,
                };
                let all = self.batch.columns().iter().enumerate();
                all.filter(|(_, column)| searched(column.name()))
                    .for_each(|(at, _)| push(at as u32));
            }
        }
        bound.ranges.resize(values as usize, NOT_SCANNED);
    }
}
