//! Matching a batch.
//!
//! Rows are sorted into classes by their log; for each class there is a plan. Field by field, every
//! distinct value that the rows of the class have is scanned once, all of a field in one go. Those
//! of its atoms that are triggers call programs on the rows that have the value (see `calls.rs`);
//! only such programs are evaluated.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use saqshy_event::{ABSENT, Batch, Column, Value};

use super::bind::{Bound, BoundField, FieldColumns, Used};
use super::calls::Call;
use super::compile::{Ask, Atom, Compiled, Test};
use super::gate::{Classes, Gates};
use super::plan::Plans;
use super::scan::ScanBuffers;
use super::trigger::{Sample, Triggers};
use crate::Match;
use crate::fold::push_to_fold;
use crate::keywords::searched_value;
use crate::matcher::{Side, is_null, refers};
use crate::pipeline::Names;

/// Where in `Scratch::held` the atoms of a value stand: those that trigger programs, the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub start: u32,
    pub others: u32,
    pub end: u32,
}

pub(super) const NOT_SCANNED: Held = Held {
    start: u32::MAX,
    others: 0,
    end: 0,
};
pub(super) const NOTHING: Held = Held {
    start: 0,
    others: 0,
    end: 0,
};
/// No place.
const NONE: u32 = u32::MAX;

/// Working memory of [`run`], kept between batches.
pub(super) struct Scratch {
    classes: Classes,
    pub buffers: ScanBuffers,
    pub columns: Vec<BoundField>,
    /// Results of all scans; `BoundField::ranges` points here.
    pub held: Vec<u32>,
    /// Per atom the last row (numbered over all batches) that held it.
    marked: Vec<u32>,
    /// Per field the last row whose atoms were marked.
    read: Vec<u32>,
    /// Per field its place among the fields of the class at hand.
    pub places: Vec<u32>,
    row_number: u32,
    pub fresh: Vec<Fresh>,
    /// Folded texts of `fresh`, one after the other.
    folded: String,
    /// Programs that values call; `BoundField::lists` points here.
    pub called: Vec<u32>,
    /// Programs to evaluate, and where.
    pub calls: Vec<Call>,
    /// For each column of the batch the classes that have it, once somebody asked.
    pub had: Vec<Option<u32>>,
    sample: Sample,
    /// Answers of lazy atoms for each distinct value: 0 not asked, 1 no, 2 yes.
    remembered: Vec<Vec<u8>>,
    /// Places of `remembered` in use in this batch.
    asked: Vec<u32>,
    found: Vec<u32>,
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
            called: Vec::new(),
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
        self.called.clear();
        self.columns.iter_mut().for_each(BoundField::release);
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

    pub fn mark(&mut self, held: Held) {
        for &atom in &self.held[held.start as usize..held.end as usize] {
            self.marked[atom as usize] = self.row_number;
        }
    }

    pub fn is_marked(&self, atom: u32) -> bool {
        self.marked[atom as usize] == self.row_number
    }

    pub fn next_row(&mut self) {
        self.row_number = self.row_number.wrapping_add(1);
        if self.row_number == 0 {
            self.marked.fill(0);
            self.read.fill(0);
            self.row_number = 1;
        }
    }
}

/// A value that is to be looked at.
pub(super) struct Fresh {
    /// Place among the columns of the field.
    pub column: u32,
    pub key: u32,
    pub slot: u32,
    /// Where its folded text ends; where it starts, too, if it is not folded in advance.
    end: usize,
}

impl Fresh {
    pub fn new(used: &Used) -> Self {
        Fresh {
            column: used.place,
            key: used.key,
            slot: used.slot,
            end: 0,
        }
    }
}

/// Values that are folded in advance.
const FRESH_AT_ONCE: usize = 64;
/// Longer ones are folded by themselves.
const FOLDED_BYTES_MAX: usize = 4 << 10;

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
            run.class(classes.rows(class), &bound, class as u32 + 1, counted, out);
            for field in &bound.fields {
                run.scratch.places[field.field as usize] = NONE;
            }
        }
    }
    out[before..].sort_unstable();
    scratch.classes = classes;
    (counted && scratch.sample.ends(batch.rows())).then_some(&mut scratch.sample)
}

pub(super) struct Run<'a> {
    pub compiled: &'a Compiled,
    pub plans: &'a Plans,
    pub batch: &'a Batch,
    /// Name of a column → its place in the batch.
    pub index: HashMap<&'a str, u32, RandomState>,
    pub scratch: &'a mut Scratch,
}

impl<'a> Run<'a> {
    /// Matches the rows of a class, which has a number of its own.
    fn class(
        &mut self,
        rows: &[u32],
        bound: &Bound<'a>,
        number: u32,
        counted: bool,
        out: &mut Vec<Match>,
    ) {
        self.scratch.calls.clear();
        let sample = counted.then(|| self.scratch.sample.take(rows));
        for (at, field) in bound.fields.iter().enumerate() {
            let calling = at < bound.calling;
            if calling {
                self.gather(field, rows);
                self.search(field);
            }
            let holds = self.scratch.columns[field.field as usize].holds;
            if calling && (holds || bound.plan.asked(field.field).is_some()) {
                self.call(field, rows, &bound.plan, number);
            }
            if let Some(rows) = sample {
                if !calling {
                    self.gather(field, rows);
                    self.search(field);
                }
                self.scratch.count(field, rows);
            }
        }
        let mut calls = std::mem::take(&mut self.scratch.calls);
        // The calls of each field are in order: few runs, which the stable sort merges.
        calls.sort();
        calls.dedup();
        if bound.always.is_empty() {
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
                fresh.push(Fresh::new(&used));
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
        for program in bound.always.iter().copied().chain(called) {
            let program = &self.compiled.programs[program as usize];
            let code = &self.compiled.code;
            if code.holds(program.root, &mut |atom| self.holds(atom, row, bound)) {
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
    #[inline]
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

    fn holds(&mut self, atom: u32, row: usize, bound: &Bound<'a>) -> bool {
        let compiled = self.compiled;
        if let Some(field) = compiled.eager_field(atom) {
            self.read(field, row, bound);
            return self.scratch.is_marked(atom);
        }
        let Atom { field, test } = &compiled.atoms[atom as usize];
        let mut at = 0;
        match test {
            // Told by its field's scanner, above.
            Test::Eager => false,
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
                        let holds = is_equal(value, other, *side, *cased)
                            .unwrap_or_else(|| refers(value, other, *side, *cased));
                        if holds {
                            return true;
                        }
                    }
                }
                false
            }
            Test::Value(place, ask) => {
                while let Some((value, slot)) = self.next(*field, row, &mut at) {
                    if self.value_holds(*place, ask, *field, value, slot) {
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

    pub(super) fn value_holds(
        &mut self,
        place: u32,
        ask: &Ask,
        field: u32,
        value: &Value,
        slot: u32,
    ) -> bool {
        let answers = &mut self.scratch.remembered[place as usize];
        if answers.is_empty() {
            answers.resize(self.scratch.columns[field as usize].values as usize, 0);
            self.scratch.asked.push(place);
        }
        let answer = &mut answers[slot as usize];
        if *answer == 0 {
            *answer = 1 + u8::from(ask.holds(value));
        }
        *answer == 2
    }
}

/// What [`refers`] says of two plain texts that must be equal.
fn is_equal(value: &Value, other: &Value, side: Side, cased: bool) -> Option<bool> {
    match (value, other, side) {
        (Value::Str(left), Value::Str(right), Side::Equal)
            if left.is_ascii() && right.is_ascii() =>
        {
            Some(match cased {
                true => left == right,
                false => left.eq_ignore_ascii_case(right),
            })
        }
        _ => None,
    }
}
