//! Which atoms call which programs.
//!
//! A program is called by atoms of which one must hold for it to hold; the rarer they are, the
//! fewer programs are called in vain. How rare an atom is, is first guessed from its text and
//! then counted on samples of the events that come. The choice decides only how fast matching
//! is, never what matches.

use super::compile::{Compiled, Test};

/// A choice of triggers.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    /// For each program the atoms of which one must hold; `None`: to be evaluated always.
    pub of_program: Vec<Option<Vec<u32>>>,
    /// For each atom whether it triggers a program.
    pub is: Vec<bool>,
}

impl Triggers {
    /// The cheapest triggers, by what was counted and, where nothing was, by what is believed.
    pub fn choose(compiled: &Compiled, sample: Option<&Sample>) -> Self {
        let cost = |atom: u32| {
            let (believed, field) = (
                compiled.costs[atom as usize],
                compiled.atoms[atom as usize].field,
            );
            // To look through all of an event is as dear as to call the program every time.
            let open = compiled.fields[field as usize].names.are_open();
            let open = f32::from(u8::from(open));
            match sample {
                // A lazy atom stays infinite.
                Some(sample) => {
                    let counted = sample.counts[atom as usize] as f32;
                    counted + open * sample.taken as f32 + believed * BELIEF
                }
                None => believed + open,
            }
        };
        let mut triggers = Triggers {
            of_program: Vec::with_capacity(compiled.programs.len()),
            is: vec![false; compiled.atoms.len()],
        };
        for program in &compiled.programs {
            let trigger = compiled.code.trigger(program.root, &cost);
            let atoms = trigger.map(|(_, atoms)| atoms);
            for &atom in atoms.iter().flatten() {
                debug_assert!(matches!(compiled.atoms[atom as usize].test, Test::Eager));
                triggers.is[atom as usize] = true;
            }
            triggers.of_program.push(atoms);
        }
        triggers
    }
}

/// Weight of what is believed beside counts: it decides between atoms that were never seen.
const BELIEF: f32 = 0.01;
/// Rows of a sample.
const SAMPLE_ROWS: u64 = 4_096;
/// Rows of one class in one batch that are counted.
const CLASS_ROWS_MAX: usize = 256;
/// Rows from the first sample to the second; while atoms are counted, all fields are searched.
const APART_MIN: u64 = 64 << 10;
/// So many times farther the next ones are.
const GROWTH: u64 = 8;
/// Rows from one sample to the next, at most.
const APART_MAX: u64 = 4 << 20;

/// How often atoms held in some rows.
#[derive(Debug)]
pub(super) struct Sample {
    counts: Vec<u32>,
    /// Rows that were counted, and those they stand for.
    taken: u64,
    seen: u64,
    /// Rows until the next sample begins.
    wait: u64,
    apart: u64,
}

impl Sample {
    pub fn new(atoms: usize) -> Self {
        Sample {
            counts: vec![0; atoms],
            taken: 0,
            seen: 0,
            wait: 0,
            apart: APART_MIN,
        }
    }

    /// Whether the next `rows` are to be counted.
    pub fn begins(&mut self, rows: usize) -> bool {
        self.wait = self.wait.saturating_sub(rows as u64);
        self.wait == 0
    }

    /// The rows among those of a class that are counted.
    pub fn take<'r>(&mut self, rows: &'r [u32]) -> &'r [u32] {
        let taken = &rows[..rows.len().min(CLASS_ROWS_MAX)];
        self.taken += taken.len() as u64;
        taken
    }

    /// An atom held in a row.
    pub fn count(&mut self, atom: u32) {
        self.counts[atom as usize] += 1;
    }

    /// Ends the counting of `rows`; `true` if the sample is large enough to choose by.
    pub fn ends(&mut self, rows: usize) -> bool {
        self.seen += rows as u64;
        self.seen >= SAMPLE_ROWS
    }

    /// Forgets the counts; the next sample is taken later.
    pub fn rest(&mut self) {
        self.counts.fill(0);
        (self.taken, self.seen) = (0, 0);
        self.wait = self.apart;
        self.apart = (self.apart * GROWTH).min(APART_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, PoisonError};

    use saqshy_event::{Batch, BatchBuilder};

    use crate::{Engine, Pipeline, oracle, parse_rules};

    const RULE: &str = "
title: one
logsource: {category: test}
detection:
  selection: {Image|endswith: '\\everywhere.exe', CommandLine|contains: rare}
  filter: {User: system}
  condition: selection and not filter
";

    fn batch(from: usize, rows: usize) -> Batch {
        let mut batch = BatchBuilder::default();
        for row in from..from + rows {
            batch.set("data_stream.dataset", "test");
            batch.set("Image", r"C:\everywhere.exe");
            let line = if row % 1_000 == 7 {
                "a rare line"
            } else {
                "usual"
            };
            batch.set("CommandLine", line);
            batch.set("User", if row % 2_000 == 7 { "system" } else { "ann" });
            batch.end_event();
        }
        batch.finish()
    }

    /// The longer text is believed to be rarer, until the events say otherwise.
    #[test]
    fn samples_change_the_triggers_and_not_the_matches() {
        let rules = parse_rules(RULE, Path::new("rule.yml"));
        let rules = rules.into_iter().map(|rule| Arc::new(rule.unwrap()));
        let pipeline = Pipeline::default();
        let (engine, refused) = Engine::compile(rules.collect(), &pipeline);
        assert!(refused.is_empty());
        let triggers = || {
            let plans = engine.plans.read().unwrap_or_else(PoisonError::into_inner);
            plans.triggers.of_program.clone()
        };
        let before = triggers();
        for number in 0..6 {
            let batch = batch(number * 3_000, 3_000);
            let found = engine.matches(&batch);
            assert_eq!(found, oracle::matches(engine.rules(), &pipeline, &batch));
            assert_eq!(found.len(), if number % 2 == 0 { 1 } else { 2 });
        }
        assert_ne!(triggers(), before);
    }
}
