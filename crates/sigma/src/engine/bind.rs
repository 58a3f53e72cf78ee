//! The fields that rules read, in the columns of a batch.

use std::ops::Range;
use std::sync::Arc;

use saqshy_event::{ABSENT, Column};

use super::calls::List;
use super::compile::Field;
use super::gate::Classes;
use super::plan::Plan;
use super::run::{Held, NOT_SCANNED, NOTHING, Run, Scratch};
use super::scan::{ScanBuffers, Scanner};
use crate::keywords::{searched_field, searched_in_windows};
use crate::pipeline::Names;

/// A field in the columns of a batch.
#[derive(Default)]
pub(super) struct BoundField {
    bound: bool,
    /// Column of the batch and the number of its first value among the field's values.
    pub columns: Vec<(u32, u32)>,
    /// For each of the values what was found in it.
    pub ranges: Vec<Held>,
    /// For each of the values the programs that it calls in the class at hand.
    pub lists: Vec<List>,
    /// An atom holds for one of the values that were scanned for a class.
    pub holds: bool,
    /// For each of the columns what is known of it.
    looked: Vec<Looked>,
    /// Values in all columns.
    pub values: u32,
}

/// What is known of a column of an open field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    NotYet,
    /// Certainly no atom holds for any of its values.
    Barren,
    /// What can be ruled out is marked among the field's values.
    Fertile,
}

impl BoundField {
    /// Another batch begins.
    pub fn release(&mut self) {
        self.bound = false;
    }

    /// Makes `ranges`, which a field in which nothing is to be found does not need.
    fn make_ranges(&mut self) {
        if self.ranges.is_empty() {
            self.ranges.resize(self.values as usize, NOT_SCANNED);
        }
    }

    /// Looks at the short texts of `column` in large pieces: where nothing is to be found, the
    /// values need not be looked at one by one.
    fn look(
        &mut self,
        first: u32,
        column: &Column,
        scanner: &Scanner,
        buffers: &mut ScanBuffers,
    ) -> Looked {
        let (texts, others) = column.short_texts();
        let fertile = scanner.fertile(texts, buffers);
        if fertile.is_empty() && others.is_empty() {
            return Looked::Barren;
        }
        self.make_ranges();
        rule_out(&mut self.ranges[first as usize..], column, &fertile);
        Looked::Fertile
    }
}

/// The plan of a class with the columns that its rows have at all.
pub(super) struct Bound<'a> {
    pub plan: Arc<Plan>,
    /// Programs to evaluate at every row.
    pub always: Vec<u32>,
    /// Those whose values call programs come first.
    pub fields: Vec<FieldColumns<'a>>,
    pub calling: usize,
}

pub(super) struct FieldColumns<'a> {
    pub field: u32,
    /// Only the first of the columns that a row has counts.
    pub first_only: bool,
    /// A row has one value in the field, or none.
    pub single: bool,
    /// With the number of the column's first value among the field's values.
    pub columns: Vec<(&'a Column, u32)>,
}

/// A value of a row.
pub(super) struct Used {
    pub row: u32,
    /// Place among the columns of the field.
    pub place: u32,
    pub key: u32,
    /// The value's number among the field's values.
    pub slot: u32,
}

impl FieldColumns<'_> {
    /// Hands every value that `rows` have in the field to `each`.
    #[inline]
    pub fn each_use(&self, rows: &[u32], mut each: impl FnMut(Used)) {
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

    /// Whether a row has no value in the field.
    pub fn is_absent(&self, row: u32) -> bool {
        let mut columns = self.columns.iter();
        columns.all(|(column, _)| column.keys()[row as usize] == ABSENT)
    }
}

impl<'a> Run<'a> {
    /// What is to be done for a class; `None` if nothing is.
    pub(super) fn bind_class(&mut self, classes: &Classes, class: usize) -> Option<Bound<'a>> {
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
        let mut always = plan.always.clone();
        let mut calling = 0;
        for (list, calls) in [(&plan.calling_fields, true), (&plan.other_fields, false)] {
            for &field in list {
                let columns = self.columns_of(field, calls, classes, class);
                let there = !columns.columns.is_empty();
                match plan.asked(field) {
                    Some(asked) if !there => always.extend(&asked.without),
                    Some(asked) if !columns.single => always.extend(&asked.programs),
                    _ => {}
                }
                if there {
                    self.scratch.places[field as usize] = fields.len() as u32;
                    fields.push(columns);
                    calling += usize::from(calls);
                }
            }
        }
        Some(Bound {
            plan,
            always,
            fields,
            calling,
        })
    }

    /// The columns of a field, without those that no row of the class has and those in which
    /// nothing is to be found.
    fn columns_of(
        &mut self,
        field: u32,
        calls: bool,
        classes: &Classes,
        class: usize,
    ) -> FieldColumns<'a> {
        let batch = self.batch;
        let Field { names, scanner } = &self.compiled.fields[field as usize];
        let look = calls && names.are_open() && scanner.rules_out();
        self.bind(field);
        let Scratch {
            columns,
            had,
            buffers,
            ..
        } = &mut *self.scratch;
        let bound = &mut columns[field as usize];
        let mut kept = Vec::new();
        for place in 0..bound.columns.len() {
            let (at, first) = bound.columns[place];
            let column = &batch.columns()[at as usize];
            let had = had[at as usize].get_or_insert_with(|| classes.that_have(column));
            if *had & Classes::bit(class as u32) == 0 {
                continue;
            }
            if look && bound.looked[place] == Looked::NotYet {
                bound.looked[place] = bound.look(first, column, scanner, buffers);
            }
            if bound.looked[place] != Looked::Barren {
                kept.push((column, first));
            }
        }
        if !kept.is_empty() {
            bound.make_ranges();
        }
        let first_only = matches!(names, Names::First(_));
        let single = first_only || (kept.len() == 1 && !names.are_open());
        FieldColumns {
            field,
            first_only,
            single,
            columns: kept,
        }
    }

    /// Finds the columns of `field`, once per batch.
    pub(super) fn bind(&mut self, field: u32) {
        let bound = &mut self.scratch.columns[field as usize];
        if bound.bound {
            return;
        }
        bound.bound = true;
        bound.holds = false;
        bound.columns.clear();
        bound.ranges.clear();
        bound.lists.clear();
        bound.looked.clear();
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
        bound.looked.resize(bound.columns.len(), Looked::NotYet);
        bound.values = values;
    }
}

/// Marks the values of `column` that stand in none of the `fertile` parts of its short texts.
fn rule_out(ranges: &mut [Held], column: &Column, fertile: &[Range<usize>]) {
    let (_, others) = column.short_texts();
    let (mut others, mut fertile) = (others.iter().peekable(), fertile.iter().peekable());
    let mut end = 0;
    for ((value, key), range) in column.values().iter().zip(0..).zip(ranges) {
        if others.next_if(|other| **other == key).is_some() {
            continue;
        }
        let start = end;
        end += value.as_str().map_or(0, str::len);
        while fertile.next_if(|part| part.end <= start).is_some() {}
        if fertile.peek().is_none_or(|part| end <= part.start) {
            *range = NOTHING;
        }
    }
}
