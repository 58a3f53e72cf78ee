//! Compiled rules.

mod bind;
mod calls;
mod compile;
mod fields;
mod gate;
mod glob;
mod grams;
mod literal;
mod parts;
mod plan;
mod program;
mod rarity;
mod regex;
mod run;
mod scan;
mod trie;
mod trigger;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use saqshy_event::{Batch, FieldSet};

use crate::Match;
use crate::error::{Reason, RuleError};
use crate::pipeline::Pipeline;
use crate::resolve::resolve;
use crate::rule::Rule;
use compile::{Compiled, Compiler};
pub(crate) use fields::holds_for_windows;
use gate::Gates;
use plan::Plans;
use run::Scratch;
use trigger::Triggers;

/// Something about a rule that its owner should know, although it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Index in [`Engine::rules`].
    pub rule: u32,
    pub text: String,
}

/// A set of rules, ready to match batches. Can be shared between threads.
pub struct Engine {
    rules: Vec<Arc<Rule>>,
    unmapped: Vec<u32>,
    warnings: Vec<Warning>,
    compiled: Compiled,
    gates: Gates,
    /// Replaced when samples of the events show that other triggers are better.
    plans: RwLock<Arc<Plans>>,
    /// Working memory that no thread uses now.
    idle: Mutex<Vec<Scratch>>,
}

impl Engine {
    /// Compiles `rules` under `pipeline`. Rules that cannot be compiled are left out and returned
    /// with the reason.
    pub fn compile(rules: Vec<Arc<Rule>>, pipeline: &Pipeline) -> (Engine, Vec<RuleError>) {
        let mut accepted: Vec<Arc<Rule>> = Vec::with_capacity(rules.len());
        let (mut refused, mut unmapped, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        let mut compiler = Compiler::default();
        for rule in rules {
            match resolve(&rule, pipeline) {
                Ok(resolved) => {
                    let index = accepted.len() as u32;
                    compiler.add(index, &rule, &resolved.variants);
                    if !resolved.mapped {
                        unmapped.push(index);
                    }
                    warnings.extend(resolved.unfilled.iter().map(|name| Warning {
                        rule: index,
                        text: format!("placeholder `%{name}%` has no values and matches nothing"),
                    }));
                }
                Err(problem) => {
                    refused.push(refusal(&rule, problem));
                    continue;
                }
            }
            accepted.push(rule);
        }
        let compiled = match compiler.finish() {
            Ok(compiled) => compiled,
            // Only reachable with gigabytes of patterns: nothing is accepted rather than a part.
            Err(error) => {
                let all = accepted.drain(..);
                refused
                    .extend(all.map(|rule| refusal(&rule, format!("search too large: {error}"))));
                (unmapped, warnings) = (Vec::new(), Vec::new());
                Compiled::default()
            }
        };
        let gates = Gates::new(&compiled.gates);
        let triggers = Triggers::choose(&compiled, None);
        let engine = Engine {
            rules: accepted,
            unmapped,
            warnings,
            compiled,
            gates,
            plans: RwLock::new(Arc::new(Plans::new(triggers))),
            idle: Mutex::default(),
        };
        (engine, refused)
    }

    /// The rules, in the order given to [`Engine::compile`], without those refused.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// Rules whose log source no pipeline file maps, by index. They are matched under their own
    /// field names on events whose dataset is named like the log source.
    pub fn unmapped(&self) -> &[u32] {
        &self.unmapped
    }

    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The fields of a Windows event that matching reads, for
    /// [`Parser::with_windows_fields`](saqshy_event::Parser::with_windows_fields); `None` if a
    /// rule searches in everything.
    pub fn windows_fields(&self) -> Option<FieldSet> {
        let windows = &self.compiled.windows;
        (!windows.whole).then(|| windows.fields.clone())
    }

    /// The matches in `batch`, sorted by row, then rule.
    pub fn matches(&self, batch: &Batch) -> Vec<Match> {
        let mut out = Vec::new();
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = idle().pop();
        let mut scratch = scratch.unwrap_or_else(|| Scratch::new(&self.compiled));
        // The lock is let go at once.
        let plans = Arc::clone(&self.plans.read().unwrap_or_else(PoisonError::into_inner));
        let (compiled, gates) = (&self.compiled, &self.gates);
        if let Some(sample) = run::run(compiled, gates, &plans, batch, &mut scratch, &mut out) {
            let better = Plans::new(Triggers::choose(compiled, Some(sample)));
            sample.rest();
            *self.plans.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(better);
        }
        idle().push(scratch);
        out
    }
}

fn refusal(rule: &Rule, problem: String) -> RuleError {
    RuleError {
        file: rule.origin.file.clone(),
        line: rule.origin.line,
        title: Some(rule.title.clone()),
        reason: Box::new(Reason::Unsupported(problem)),
    }
}
