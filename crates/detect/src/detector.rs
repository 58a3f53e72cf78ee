use std::collections::HashSet;
use std::sync::Arc;

use saqshy_event::{Batch, FieldSet};
use saqshy_sigma::{Engine, FilterRules, Pipeline, Rule, link};

use crate::correlate::{Input, InputReaders, Plans};
use crate::{Hit, Refusal, RuleSet};

/// The compiled rules in service. Immutable: a change of rules makes a new one, and batches in
/// flight finish with the old.
pub struct Detector {
    engine: Engine,
    plans: Arc<Plans>,
    inputs: InputReaders,
    /// By index of the rule: its hits only feed correlations.
    silent: Vec<bool>,
    refused: Vec<Refusal>,
    warnings: Vec<Refusal>,
}

/// What one batch gave, each with the row of its event; ordered by event, then rule.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Hits of rules that alert by themselves.
    pub hits: Vec<(usize, Hit)>,
    /// Hits that correlations want to know of.
    pub inputs: Vec<(usize, Input)>,
}

impl Detector {
    /// Compiles all rules and correlations of `rules` but those in `disabled`, with its filters
    /// applied, under the built-in pipeline.
    pub fn new(rules: &RuleSet, disabled: &HashSet<String>) -> Self {
        Detector::with_pipeline(rules, disabled, &Pipeline::default())
    }

    /// As [`Detector::new`], under another pipeline.
    pub fn with_pipeline(rules: &RuleSet, disabled: &HashSet<String>, pipeline: &Pipeline) -> Self {
        let mut refused = rules.refused().to_vec();
        let mut warnings = Vec::new();
        let enabled = |id: &String| !disabled.contains(id);
        let filtered = filtered(rules, &mut warnings);
        let links = {
            let correlations = rules.correlations().iter();
            let correlations = correlations.filter(|it| enabled(&it.id)).cloned();
            link(&filtered, &correlations.collect::<Vec<_>>())
        };
        refused.extend(links.refused.iter().map(Refusal::from));
        let enabled: Vec<_> = filtered.into_iter().filter(|it| enabled(&it.id)).collect();
        let (engine, errors) = Engine::compile(enabled, pipeline);
        refused.extend(errors.iter().map(Refusal::from));
        warnings.extend(engine.warnings().iter().map(|warning| {
            let rule = &engine.rules()[warning.rule as usize];
            Refusal {
                file: rule.origin.file.clone(),
                line: rule.origin.line,
                reason: warning.text.clone(),
            }
        }));
        let plans = Plans::new(&links);
        let inputs = InputReaders::new(&plans, engine.rules(), pipeline);
        let rules = engine.rules().iter();
        Detector {
            silent: rules.map(|rule| links.silent.contains(&rule.id)).collect(),
            plans: Arc::new(plans),
            inputs,
            engine,
            refused,
            warnings,
        }
    }

    /// Every hit in `batch` of rules that alert by themselves, ordered by event, then rule.
    pub fn detect(&self, batch: &Batch) -> Vec<Hit> {
        self.detect_rows(batch).map(|(_, hit)| hit).collect()
    }

    /// As [`Detector::detect`], each hit with the row of its event.
    pub fn detect_rows(&self, batch: &Batch) -> impl Iterator<Item = (usize, Hit)> {
        let matches = self.engine.matches(batch).into_iter();
        matches
            .filter(|found| !self.silent[found.rule as usize])
            .map(|found| {
                let rule = &self.engine.rules()[found.rule as usize];
                let row = found.row as usize;
                (row, Hit::new(rule, batch.event(row)))
            })
    }

    /// Hits for alerts and hits for correlations.
    pub fn run(&self, batch: &Batch) -> Found {
        let mut all = Found::default();
        for found in self.engine.matches(batch) {
            let rule = &self.engine.rules()[found.rule as usize];
            let (row, event) = (found.row as usize, batch.event(found.row as usize));
            let hit = Hit::new(rule, event);
            if let Some(input) = self.inputs.input(found.rule, &hit, event) {
                all.inputs.push((row, input));
            }
            if !self.silent[found.rule as usize] {
                all.hits.push((row, hit));
            }
        }
        all
    }

    /// The correlations in service.
    pub fn plans(&self) -> &Arc<Plans> {
        &self.plans
    }

    /// What [`Detector::detect`] reads of Windows events, for a parser that gives no more;
    /// `None` if that may be anything. Correlations read more.
    pub fn windows_fields(&self) -> Option<FieldSet> {
        self.engine.windows_fields()
    }

    /// Rules in service.
    pub fn rules_loaded(&self) -> usize {
        self.engine.rules().len()
    }

    /// Rules, correlations and filters that could not be parsed, linked or compiled.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// What the owners of documents should know, although they were accepted.
    pub fn warnings(&self) -> &[Refusal] {
        &self.warnings
    }
}

/// The rules with the filters that are for them.
fn filtered(rules: &RuleSet, warnings: &mut Vec<Refusal>) -> Vec<Arc<Rule>> {
    let mut all = rules.rules().to_vec();
    for filter in rules.filters() {
        let mut warn = |reason| {
            let (file, line) = (filter.origin.file.clone(), filter.origin.line);
            warnings.push(Refusal { file, line, reason });
        };
        warn_of_strangers(filter, &all, &mut warn);
        filter.warning().into_iter().for_each(&mut warn);
        for rule in all.iter_mut().filter(|rule| filter.is_for(rule)) {
            *rule = Arc::new(filter.apply(rule));
        }
    }
    all
}

/// Names in a filter that no rule has, or that a rule of another log source has.
fn warn_of_strangers(
    filter: &saqshy_sigma::Filter,
    rules: &[Arc<Rule>],
    warn: &mut impl FnMut(String),
) {
    let FilterRules::Named(names) = &filter.rules else {
        return;
    };
    for name in names {
        let mut named = rules
            .iter()
            .filter(|rule| rule.id == *name || rule.name.as_ref() == Some(name))
            .peekable();
        if named.peek().is_none() {
            warn(format!("no rule has the id or name `{name}`"));
        } else if !named.any(|rule| filter.is_for(rule)) {
            let source = &filter.logsource;
            warn(format!(
                "rule `{name}` is of another log source than `{source}`"
            ));
        }
    }
}
