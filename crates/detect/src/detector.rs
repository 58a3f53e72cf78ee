use std::collections::HashSet;

use saqshy_event::Batch;
use saqshy_sigma::{Engine, Pipeline};

use crate::{Hit, Refusal, RuleSet};

/// The compiled rules in service. Immutable: a change of rules makes a new one, and batches in
/// flight finish with the old.
pub struct Detector {
    engine: Engine,
    refused: Vec<Refusal>,
}

impl Detector {
    /// Compiles all rules of `rules` but those in `disabled`.
    pub fn new(rules: &RuleSet, disabled: &HashSet<String>) -> Self {
        let enabled = rules
            .rules()
            .iter()
            .filter(|rule| !disabled.contains(&rule.id))
            .cloned();
        let (engine, errors) = Engine::compile(enabled.collect(), &Pipeline::default());
        let mut refused = rules.refused().to_vec();
        refused.extend(errors.iter().map(|error| Refusal {
            file: error.file.clone(),
            line: error.line,
            reason: error.reason.to_string(),
        }));
        Detector { engine, refused }
    }

    /// Every hit in `batch`, ordered by event, then rule.
    pub fn detect(&self, batch: &Batch) -> Vec<Hit> {
        self.detect_rows(batch).map(|(_, hit)| hit).collect()
    }

    /// As [`Detector::detect`], each hit with the row of its event.
    pub fn detect_rows(&self, batch: &Batch) -> impl Iterator<Item = (usize, Hit)> {
        self.engine.matches(batch).into_iter().map(|found| {
            let rule = &self.engine.rules()[found.rule as usize];
            let row = found.row as usize;
            (row, Hit::new(rule, batch.event(row)))
        })
    }

    /// Rules in service.
    pub fn rules_loaded(&self) -> usize {
        self.engine.rules().len()
    }

    /// Rules that could not be parsed or compiled.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }
}
