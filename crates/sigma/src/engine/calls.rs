//! Which programs are evaluated at which rows.
//!
//! A value calls the programs that its atoms trigger, without those whose part about the value's
//! field does not hold for it. That is decided once for each distinct value, however many rows
//! have it. Programs without a trigger are decided so, too, if they have such a part.

use super::bind::FieldColumns;
use super::compile::Test;
use super::plan::Plan;
use super::run::{Fresh, Held, Run, Scratch};
use crate::matcher::is_null;
use saqshy_event::Value;

/// A row and a program to evaluate there, in one number, which is faster to sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call(u64);

impl Call {
    fn new(row: u32, program: u32) -> Self {
        Call(u64::from(row) << 32 | u64::from(program))
    }

    pub fn row(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub fn program(self) -> u32 {
        self.0 as u32
    }
}

/// Where in `Scratch::called` the programs stand that a value calls.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct List {
    /// The class it was decided for; 0 for none.
    class: u32,
    start: u32,
    end: u32,
}

impl<'a> Run<'a> {
    /// Calls the programs that the values of `field` call in a class (counted from 1) of `rows`.
    pub(super) fn call(&mut self, field: &FieldColumns<'a>, rows: &[u32], plan: &Plan, class: u32) {
        if !field.single {
            return self.call_unseen(field, rows, plan);
        }
        self.decide(field, rows, plan, class);
        let Scratch {
            columns,
            called,
            calls,
            ..
        } = &mut *self.scratch;
        let lists = &columns[field.field as usize].lists;
        field.each_use(rows, |used| {
            let List { start, end, .. } = lists[used.slot as usize];
            let called = called[start as usize..end as usize].iter();
            calls.extend(called.map(|&program| Call::new(used.row, program)));
        });
        let asked = plan.asked(field.field);
        let without = asked.map_or(&[][..], |asked| &asked.without);
        if !without.is_empty() {
            for &row in rows.iter().filter(|&&row| field.is_absent(row)) {
                calls.extend(without.iter().map(|&program| Call::new(row, program)));
            }
        }
    }

    /// [`Run::call`] where a row may have several values, of which none decides alone.
    fn call_unseen(&mut self, field: &FieldColumns<'a>, rows: &[u32], plan: &Plan) {
        let Scratch {
            columns,
            held,
            calls,
            ..
        } = &mut *self.scratch;
        let ranges = &columns[field.field as usize].ranges;
        field.each_use(rows, |used| {
            let Held { start, others, .. } = ranges[used.slot as usize];
            for &atom in &held[start as usize..others as usize] {
                let programs = plan.triggered(atom).iter();
                calls.extend(programs.map(|&program| Call::new(used.row, program)));
            }
        });
    }

    /// Makes the lists of the values that `rows` have in `field`.
    fn decide(&mut self, field: &FieldColumns<'a>, rows: &[u32], plan: &Plan, class: u32) {
        let asked = plan.asked(field.field);
        let asked = asked.map_or(&[][..], |asked| &asked.programs);
        let Scratch { columns, fresh, .. } = &mut *self.scratch;
        let bound = &mut columns[field.field as usize];
        bound.lists.resize(bound.ranges.len(), List::default());
        fresh.clear();
        field.each_use(rows, |used| {
            let list = &mut bound.lists[used.slot as usize];
            if list.class == class {
                return;
            }
            *list = List {
                class,
                ..List::default()
            };
            let held = bound.ranges[used.slot as usize];
            if held.start < held.others || !asked.is_empty() {
                fresh.push(Fresh::new(&used));
            }
        });
        let fresh = std::mem::take(&mut self.scratch.fresh);
        for one in &fresh {
            let start = self.scratch.called.len();
            let Scratch {
                columns,
                held,
                called,
                ..
            } = &mut *self.scratch;
            let range = columns[field.field as usize].ranges[one.slot as usize];
            for &atom in &held[range.start as usize..range.others as usize] {
                called.extend(plan.triggered(atom));
            }
            called.extend(asked);
            if called.len() == start {
                continue;
            }
            called[start..].sort_unstable();
            self.scratch.next_row();
            self.scratch.mark(range);
            let column = field.columns[one.column as usize].0;
            let value = &column.values()[one.key as usize];
            let mut kept = start;
            for at in start..self.scratch.called.len() {
                let program = self.scratch.called[at];
                let again = kept > start && self.scratch.called[kept - 1] == program;
                if !again && self.may_hold(program, field.field, value, one.slot) {
                    self.scratch.called[kept] = program;
                    kept += 1;
                }
            }
            self.scratch.called.truncate(kept);
            let list = &mut self.scratch.columns[field.field as usize].lists[one.slot as usize];
            (list.start, list.end) = (start as u32, kept as u32);
        }
        self.scratch.fresh = fresh;
    }

    /// Whether a program may hold where `field` has `value`, whose atoms are marked.
    fn may_hold(&mut self, program: u32, field: u32, value: &'a Value, slot: u32) -> bool {
        let compiled = self.compiled;
        let mut parts = compiled.programs[program as usize].parts.iter();
        let Some(part) = parts.find(|part| part.field == field) else {
            return true;
        };
        compiled.code.holds(part.root, &mut |atom| {
            if compiled.eager_field(atom).is_some() {
                return self.scratch.is_marked(atom);
            }
            match &compiled.atoms[atom as usize].test {
                // Told by its field's scanner, above.
                Test::Eager => false,
                Test::Exists(wanted) => *wanted,
                Test::Null => is_null(value),
                Test::Value(place, ask) => self.value_holds(*place, ask, field, value, slot),
                // Asks another field, too, and is in no such part.
                Test::Refers { .. } => true,
            }
        })
    }
}
