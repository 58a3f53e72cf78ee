//! Which kinds of events the rows of a batch are.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use saqshy_event::{ABSENT, Batch, Column};

use super::glob::FastGlob;
use super::scan::text_of;
use crate::fold::{fold, fold_into};
use crate::pipeline::Gate;

/// The gates on one field of the event.
#[derive(Debug)]
struct GateField {
    name: String,
    /// Folded text → gates that hold for it.
    exact: HashMap<String, Vec<u32>, RandomState>,
    globs: Vec<(FastGlob, u32)>,
}

/// All gates, by field.
#[derive(Debug)]
pub(super) struct Gates {
    fields: Vec<GateField>,
    words: usize,
}

/// A set of gates.
type Set = Box<[u64]>;

/// Classes of rows: rows of a class pass the same gates.
#[derive(Debug, Default)]
pub(super) struct Classes {
    /// Class of each row.
    pub of_row: Vec<u32>,
    sets: Vec<Set>,
    folded: String,
    written: String,
    signatures: Vec<u32>,
    next: Vec<u32>,
    /// Rows by class, and where each class starts there.
    grouped: Vec<u32>,
    starts: Vec<u32>,
    /// For each row the bit of its class.
    bits: Vec<u32>,
}

impl Gates {
    pub fn new(gates: &[Gate]) -> Self {
        let mut fields: Vec<GateField> = Vec::new();
        for (id, gate) in gates.iter().enumerate() {
            let at = fields.iter().position(|field| field.name == gate.field);
            let at = at.unwrap_or_else(|| {
                let name = gate.field.clone();
                fields.push(GateField {
                    name,
                    exact: HashMap::default(),
                    globs: Vec::new(),
                });
                fields.len() - 1
            });
            for glob in gate.globs() {
                match glob.as_literal() {
                    Some(text) => {
                        fields[at]
                            .exact
                            .entry(fold(text))
                            .or_default()
                            .push(id as u32);
                    }
                    None => fields[at]
                        .globs
                        .push((FastGlob::new(&glob, false), id as u32)),
                }
            }
        }
        Gates {
            fields,
            words: gates.len().div_ceil(64).max(1),
        }
    }

    /// Sorts the rows of `batch` into classes.
    pub fn classify(&self, batch: &Batch, classes: &mut Classes) {
        classes.of_row.clear();
        classes.of_row.resize(batch.rows(), 0);
        classes.sets.clear();
        classes.sets.push(vec![0; self.words].into());
        for field in &self.fields {
            let Some(column) = batch.column(&field.name) else {
                continue;
            };
            // Signature 0 passes no gate of the field, like a row without it.
            let mut known: Vec<Set> = vec![vec![0; self.words].into()];
            let mut signatures = std::mem::take(&mut classes.signatures);
            signatures.clear();
            for value in column.values() {
                let mut set: Set = vec![0; self.words].into();
                for item in value.items() {
                    let Some(text) = text_of(item, &mut classes.written) else {
                        continue;
                    };
                    fold_into(text, &mut classes.folded);
                    field.pass(&classes.folded, &mut set);
                }
                let at = known.iter().position(|other| *other == set);
                signatures.push(at.unwrap_or(known.len()) as u32);
                if at.is_none() {
                    known.push(set);
                }
            }
            classes.refine(column.keys(), &signatures, &known);
            classes.signatures = signatures;
        }
    }
}

impl GateField {
    fn pass(&self, folded: &str, set: &mut Set) {
        let mut put = |gate: u32| set[gate as usize / 64] |= 1 << (gate % 64);
        if let Some(gates) = self.exact.get(folded) {
            gates.iter().for_each(|&gate| put(gate));
        }
        for (glob, gate) in &self.globs {
            if glob.matches(folded) {
                put(*gate);
            }
        }
    }
}

impl Classes {
    /// Splits every class by the signature that its rows have in one more field.
    fn refine(&mut self, keys: &[u32], signatures: &[u32], known: &[Set]) {
        let width = known.len();
        if width == 1 {
            return;
        }
        self.next.clear();
        self.next.resize(self.sets.len() * width, u32::MAX);
        for (row, class) in self.of_row.iter_mut().enumerate() {
            let signature = match keys[row] {
                ABSENT => 0,
                key => signatures[key as usize] as usize,
            };
            if signature == 0 {
                continue;
            }
            let next = &mut self.next[*class as usize * width + signature];
            if *next == u32::MAX {
                let old = &self.sets[*class as usize];
                let set = old
                    .iter()
                    .zip(&*known[signature])
                    .map(|(left, right)| left | right);
                let set: Set = set.collect();
                *next = self.sets.len() as u32;
                self.sets.push(set);
            }
            *class = *next;
        }
    }

    /// Groups the rows by class; see [`Classes::rows`].
    pub fn group(&mut self) {
        self.bits.clear();
        self.bits
            .extend(self.of_row.iter().map(|&class| Classes::bit(class)));
        self.starts.clear();
        self.starts.resize(self.sets.len() + 1, 0);
        for &class in &self.of_row {
            self.starts[class as usize + 1] += 1;
        }
        for at in 1..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        self.next.clear();
        self.next.extend(&self.starts);
        self.grouped.resize(self.of_row.len(), 0);
        for (row, &class) in self.of_row.iter().enumerate() {
            let at = &mut self.next[class as usize];
            self.grouped[*at as usize] = row as u32;
            *at += 1;
        }
    }

    /// The bit of a class in [`Classes::that_have`]. Later classes share one.
    pub fn bit(class: u32) -> u32 {
        1 << class.min(u32::BITS - 1)
    }

    /// The classes of which a row has `column`.
    pub fn that_have(&self, column: &Column) -> u32 {
        let rows = column.keys().iter().zip(&self.bits);
        rows.fold(0, |had, (&key, &bit)| match key {
            ABSENT => had,
            _ => had | bit,
        })
    }

    /// The rows of a class, in order.
    pub fn rows(&self, class: usize) -> &[u32] {
        &self.grouped[self.starts[class] as usize..self.starts[class + 1] as usize]
    }

    pub fn count(&self) -> usize {
        self.sets.len()
    }

    pub fn passes(&self, class: usize, gate: u32) -> bool {
        self.sets[class][gate as usize / 64] >> (gate % 64) & 1 == 1
    }
}
