//! One search over a value for all literals that any rule wants in the field.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};
use saqshy_event::Value;

use super::glob::FastGlob;
use super::literal::{Needles, Place};
use crate::fold::fold_into;

/// The literals of one field.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    automaton: Option<AhoCorasick>,
    /// For each literal of the automaton the checks to make, as a range of `checks`.
    literals: Vec<(u32, u32)>,
    checks: Vec<Check>,
}

#[derive(Debug)]
struct Check {
    atom: u32,
    place: Place,
    verify: Option<Verify>,
}

/// The matcher itself, asked where a literal alone does not decide.
#[derive(Debug, Clone)]
pub(super) enum Verify {
    Glob(Arc<FastGlob>),
    Regex(Arc<regex::Regex>),
}

/// Literals on the way to a [`Scanner`].
#[derive(Default)]
pub(super) struct ScannerBuilder {
    by_text: HashMap<String, Vec<Check>>,
}

impl ScannerBuilder {
    pub fn add(&mut self, atom: u32, needles: Needles, verify: Option<Verify>) {
        debug_assert_eq!(needles.place == Place::Verify, verify.is_some());
        for text in needles.texts {
            let check = Check {
                atom,
                place: needles.place,
                verify: verify.clone(),
            };
            self.by_text.entry(text).or_default().push(check);
        }
    }

    pub fn build(self) -> Result<Scanner, BuildError> {
        let mut all: Vec<(String, Vec<Check>)> = self.by_text.into_iter().collect();
        if all.is_empty() {
            return Ok(Scanner::default());
        }
        all.sort_by(|left, right| left.0.cmp(&right.0));
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .prefilter(false)
            .build(all.iter().map(|(text, _)| text))?;
        let mut scanner = Scanner {
            automaton: Some(automaton),
            ..Scanner::default()
        };
        for (_, checks) in all {
            let start = scanner.checks.len() as u32;
            scanner.checks.extend(checks);
            scanner.literals.push((start, scanner.checks.len() as u32));
        }
        Ok(scanner)
    }
}

/// Buffers of a scan, kept between values.
#[derive(Debug, Default)]
pub(super) struct ScanBuffers {
    folded: String,
    written: String,
    /// For each atom the number of the last scan that decided it.
    decided: Vec<u32>,
    scan: u32,
}

impl ScanBuffers {
    pub fn new(atoms: usize) -> Self {
        ScanBuffers {
            decided: vec![0; atoms],
            ..ScanBuffers::default()
        }
    }
}

impl Scanner {
    /// Appends every atom that holds for `value` (for one of its items) to `held`, each once.
    pub fn scan(&self, value: &Value, buffers: &mut ScanBuffers, held: &mut Vec<u32>) {
        let Some(automaton) = &self.automaton else {
            return;
        };
        let start = held.len();
        for item in value.items() {
            let Some(text) = text_of(item, &mut buffers.written) else {
                continue;
            };
            buffers.scan = buffers.scan.wrapping_add(1);
            if buffers.scan == 0 {
                buffers.decided.fill(0);
                buffers.scan = 1;
            }
            fold_into(text, &mut buffers.folded);
            let folded = buffers.folded.as_str();
            for hit in automaton.find_overlapping_iter(folded) {
                let (from, to) = self.literals[hit.pattern().as_usize()];
                for check in &self.checks[from as usize..to as usize] {
                    let decided = &mut buffers.decided[check.atom as usize];
                    if *decided == buffers.scan {
                        continue;
                    }
                    let holds = match check.place {
                        Place::Anywhere => true,
                        Place::Start => hit.start() == 0,
                        Place::End => hit.end() == folded.len(),
                        Place::Whole => hit.start() == 0 && hit.end() == folded.len(),
                        Place::Verify => {
                            *decided = buffers.scan;
                            check
                                .verify
                                .as_ref()
                                .is_some_and(|verify| verify.holds(text, folded))
                        }
                    };
                    if holds {
                        *decided = buffers.scan;
                        held.push(check.atom);
                    }
                }
            }
        }
        if value.items().len() > 1 {
            held[start..].sort_unstable();
            let mut last = None;
            let mut kept = start;
            for at in start..held.len() {
                if last != Some(held[at]) {
                    last = Some(held[at]);
                    held[kept] = held[at];
                    kept += 1;
                }
            }
            held.truncate(kept);
        }
    }
}

impl Verify {
    fn holds(&self, text: &str, folded: &str) -> bool {
        match self {
            Verify::Glob(glob) => glob.matches(if glob.cased { text } else { folded }),
            Verify::Regex(regex) => regex.is_match(text),
        }
    }
}

/// [`Value::to_text`] into a buffer, for numbers and times.
pub(super) fn text_of<'a>(value: &'a Value, buffer: &'a mut String) -> Option<&'a str> {
    let written = match value {
        Value::Null | Value::List(_) => return None,
        Value::Str(text) => return Some(text),
        Value::Bool(true) => return Some("true"),
        Value::Bool(false) => return Some("false"),
        Value::Int(number) => {
            buffer.clear();
            write!(buffer, "{number}")
        }
        Value::Float(number) => {
            buffer.clear();
            write!(buffer, "{number}")
        }
        Value::Time(time) => {
            buffer.clear();
            write!(buffer, "{time}")
        }
    };
    written.ok().map(|()| buffer.as_str())
}
