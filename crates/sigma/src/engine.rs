//! Compiled rules.

use std::sync::Arc;

use saqshy_event::Batch;

use crate::error::{Reason, RuleError};
use crate::pipeline::Pipeline;
use crate::resolve::resolve;
use crate::rule::Rule;
use crate::{Match, oracle};

/// Something about a rule that its owner should know, although it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Index in [`Engine::rules`].
    pub rule: u32,
    pub text: String,
}

/// A set of rules, ready to match batches.
pub struct Engine {
    rules: Vec<Arc<Rule>>,
    pipeline: Pipeline,
    unmapped: Vec<u32>,
    warnings: Vec<Warning>,
}

impl Engine {
    /// Compiles `rules` under `pipeline`. Rules that cannot be compiled are left out and returned
    /// with the reason.
    pub fn compile(rules: Vec<Arc<Rule>>, pipeline: &Pipeline) -> (Engine, Vec<RuleError>) {
        let mut engine = Engine {
            rules: Vec::with_capacity(rules.len()),
            pipeline: pipeline.clone(),
            unmapped: Vec::new(),
            warnings: Vec::new(),
        };
        let mut refused = Vec::new();
        for rule in rules {
            match resolve(&rule, pipeline) {
                Ok(resolved) => {
                    let index = engine.rules.len() as u32;
                    if !resolved.mapped {
                        engine.unmapped.push(index);
                    }
                    engine
                        .warnings
                        .extend(resolved.unfilled.iter().map(|name| Warning {
                            rule: index,
                            text: format!(
                                "placeholder `%{name}%` has no values and matches nothing"
                            ),
                        }));
                    engine.rules.push(rule);
                }
                Err(problem) => refused.push(RuleError {
                    file: rule.origin.file.clone(),
                    line: rule.origin.line,
                    title: Some(rule.title.clone()),
                    reason: Reason::Unsupported(problem),
                }),
            }
        }
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

    /// The matches in `batch`, sorted by row, then rule.
    pub fn matches(&self, batch: &Batch) -> Vec<Match> {
        oracle::matches(&self.rules, &self.pipeline, batch)
    }
}
