use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use saqshy_event::{Batch, FieldSet};
use saqshy_sigma::{
    Correlation, Engine, Filter, FilterRules, LogSource, Pipeline, Rule, RuleError, link,
};

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
    filters_loaded: usize,
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
        Detector::build(rules, disabled, &HashSet::new(), pipeline)
    }

    /// As [`Detector::new`], with the ids of what is in test. A correlation in test gives its
    /// alerts, to be counted; it feeds no other and takes no alert from what is below it. The hits
    /// of a rule in test are for the caller to take out.
    pub fn staged(rules: &RuleSet, disabled: &HashSet<String>, testing: &HashSet<String>) -> Self {
        Detector::build(rules, disabled, testing, &Pipeline::default())
    }

    fn build(
        rules: &RuleSet,
        disabled: &HashSet<String>,
        testing: &HashSet<String>,
        pipeline: &Pipeline,
    ) -> Self {
        let mut refused = rules.all_refused();
        let mut warnings = Vec::new();
        let enabled = |id: &String| !disabled.contains(id);
        let before = refused.len();
        let filtered = filtered(rules, &mut refused, &mut warnings);
        let filters_loaded = rules.filters().len() - (refused.len() - before);
        let correlations = rules.correlations().iter();
        let correlations = correlations.filter(|found| enabled(&found.id));
        let correlations = correlations.map(|found| {
            let sources = sources_of(found, &filtered, rules.correlations());
            pipeline.process_correlation(found, sources)
        });
        let correlations = accepted(correlations, &mut refused);
        let links = link(&filtered, &correlations);
        refused.extend(links.refused.iter().map(Refusal::from));
        let enabled = filtered.iter().filter(|rule| enabled(&rule.id));
        let enabled = accepted(enabled.map(|rule| pipeline.process(rule)), &mut refused);
        let (engine, errors) = Engine::compile(enabled, pipeline);
        refused.extend(errors.iter().map(Refusal::from));
        warnings.extend(pipeline.warnings().iter().map(|text| Refusal {
            file: PathBuf::new(),
            line: 0,
            reason: text.clone(),
        }));
        warnings.extend(engine.warnings().iter().map(|warning| {
            let rule = &engine.rules()[warning.rule as usize];
            Refusal {
                file: rule.origin.file.clone(),
                line: rule.origin.line,
                reason: warning.text.clone(),
            }
        }));
        let plans = Plans::new(&links, rules, testing);
        let silent = links.silent(testing);
        let inputs = InputReaders::new(&plans, engine.rules(), pipeline);
        let rules = engine.rules().iter();
        Detector {
            silent: rules.map(|rule| silent.contains(&rule.id)).collect(),
            plans: Arc::new(plans),
            inputs,
            engine,
            filters_loaded,
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

    /// What rules and correlations read of Windows events, for a parser that gives no more;
    /// `None` if that may be anything.
    pub fn windows_fields(&self) -> Option<FieldSet> {
        let mut fields = self.engine.windows_fields()?;
        for more in self.inputs.windows_fields() {
            fields.extend(more.names());
            more.prefixes().for_each(|it| fields.insert_below(it));
        }
        Some(fields)
    }

    /// Rules in service.
    pub fn rules_loaded(&self) -> usize {
        self.engine.rules().len()
    }

    /// Correlations in service.
    pub fn correlations_loaded(&self) -> usize {
        self.plans.correlations().count()
    }

    /// Filters in service.
    pub fn filters_loaded(&self) -> usize {
        self.filters_loaded
    }

    /// Ids of the rules and correlations in service.
    pub fn loaded_ids(&self) -> HashSet<&str> {
        let rules = self.engine.rules().iter().map(|rule| rule.id.as_str());
        rules
            .chain(self.plans.correlations().map(|one| one.id.as_str()))
            .collect()
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

fn accepted<T>(
    all: impl Iterator<Item = Result<T, RuleError>>,
    refused: &mut Vec<Refusal>,
) -> Vec<T> {
    all.filter_map(|one| {
        one.map_err(|error| refused.push(Refusal::from(&error)))
            .ok()
    })
    .collect()
}

/// The log sources of the rules that a correlation refers to, directly or through others.
fn sources_of(
    correlation: &Correlation,
    rules: &[Arc<Rule>],
    correlations: &[Arc<Correlation>],
) -> Vec<LogSource> {
    let mut names: Vec<&String> = correlation.rules.iter().collect();
    let (mut known, mut sources) = (HashSet::new(), Vec::new());
    while let Some(name) = names.pop() {
        if !known.insert(name) {
            continue;
        }
        let is = |id: &String, other: &Option<String>| id == name || other.as_ref() == Some(name);
        let named = rules.iter().filter(|rule| is(&rule.id, &rule.name));
        sources.extend(named.map(|rule| rule.logsource.clone()));
        let inner = correlations.iter().filter(|it| is(&it.id, &it.name));
        names.extend(inner.flat_map(|inner| &inner.rules));
    }
    sources
}

/// Most filters over one rule; each makes its condition deeper.
const FILTERS_MAX: usize = 100;
/// Most values that all filters together add to the rules, see [`saqshy_sigma::Detection::size`].
const FILTERED_MAX: usize = 5_000_000;

/// The rules with the filters that are for them. A filter that would make them too large is refused.
fn filtered(
    rules: &RuleSet,
    refused: &mut Vec<Refusal>,
    warnings: &mut Vec<Refusal>,
) -> Vec<Arc<Rule>> {
    let mut all = rules.rules().to_vec();
    let mut over = vec![0; all.len()];
    let mut left = FILTERED_MAX;
    for filter in rules.filters() {
        let said = |reason| Refusal {
            file: filter.origin.file.clone(),
            line: filter.origin.line,
            reason,
        };
        let mut warn = |reason| warnings.push(said(reason));
        warn_of_strangers(filter, &all, &mut warn);
        filter.warning().into_iter().for_each(&mut warn);
        let places: Vec<usize> = (0..all.len())
            .filter(|&at| filter.is_for(&all[at]))
            .collect();
        if let Some(&at) = places.iter().find(|&&at| over[at] == FILTERS_MAX) {
            refused.push(said(format!(
                "rule `{}` has {FILTERS_MAX} filters already: put several of them together",
                all[at].id
            )));
            continue;
        }
        let size = filter.detection.size();
        let conditions = places.iter().map(|&at| all[at].detection.conditions.len());
        let added = size.saturating_mul(conditions.sum());
        let Some(rest) = left.checked_sub(added) else {
            refused.push(said(format!(
                "filters would add more than {FILTERED_MAX} values to the rules, this one \
                 {added}: name fewer rules, or fewer values"
            )));
            continue;
        };
        left = rest;
        for at in places {
            over[at] += 1;
            filter.apply(Arc::make_mut(&mut all[at]));
        }
    }
    all
}

/// Names in a filter that no rule has, or that a rule of another log source has.
fn warn_of_strangers(filter: &Filter, rules: &[Arc<Rule>], warn: &mut impl FnMut(String)) {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use saqshy_event::BatchBuilder;

    use super::*;
    use crate::correlate::{Correlator, Limits};

    const RULES: &str = "
title: started
id: started
name: program_started
logsource: {category: test}
detection: {selection: {Program: whoami}, condition: selection}
---
title: not by the watchers
logsource: {category: test}
filter: {rules: [program_started], selection: {User|startswith: svc_}, condition: not selection}
---
title: for nobody
logsource: {category: other}
filter: {rules: [program_started, nothing], selection: {User: x}, condition: selection}
---
title: often
id: often
correlation: {type: event_count, rules: [program_started], group-by: [User], timespan: 1m, condition: {gte: 2}}
---
title: broken
correlation: {type: event_count, rules: [nobody], timespan: 1m, condition: {gte: 2}}
";

    /// A chain of three over one rule: what is in test is seen and changes nothing.
    #[test]
    fn a_correlation_in_test_feeds_no_other() {
        let mut text = RULES.split("---").next().unwrap().to_owned();
        for (id, below) in [("inner", "program_started"), ("outer", "inner")] {
            text += &format!(
                "---\ntitle: {id}\nid: {id}\ncorrelation: {{type: event_count, rules: [{below}], \
                 timespan: 1m, condition: {{gte: 1}}}}\n"
            );
        }
        let mut set = RuleSet::default();
        set.add_text(Path::new("all.yml"), &text);
        let mut batch = BatchBuilder::default();
        batch.set("event.category", "test");
        batch.set("data_stream.dataset", "test");
        batch.set("Program", "whoami");
        batch.end_event();
        let batch = batch.finish();
        let alerts = |testing: &[&str]| -> Vec<String> {
            let testing = testing.iter().map(|id| (*id).to_owned()).collect();
            let detector = Detector::staged(&set, &HashSet::new(), &testing);
            let found = detector.run(&batch);
            let mut correlator = Correlator::new(detector.plans().clone(), Limits::default());
            let mut all: Vec<_> = found
                .hits
                .iter()
                .map(|(_, hit)| hit.rule_id.clone())
                .collect();
            found
                .inputs
                .into_iter()
                .for_each(|(_, it)| correlator.push(it));
            all.extend(correlator.drain().into_iter().map(|draft| draft.rule_id));
            all
        };
        assert_eq!(alerts(&[]), ["outer"]);
        assert_eq!(alerts(&["outer"]), ["inner", "outer"]);
        assert_eq!(
            alerts(&["inner"]),
            ["started", "inner"],
            "the outer one gets nothing"
        );
        assert_eq!(alerts(&["inner", "outer"]), ["started", "inner"]);
    }

    #[test]
    fn filters_that_would_swell_the_rules_are_refused() {
        let started = RULES.split("---").next().unwrap();
        let filter = |name: &str, values: usize| {
            let values: Vec<String> = (0..values).map(|n| format!("u{n}")).collect();
            let values = values.join(", ");
            format!(
                "---\ntitle: {name}\nid: {name}\nlogsource: {{category: test}}\nfilter: {{rules: any, \
                 selection: {{User: [{values}]}}, condition: not selection}}\n"
            )
        };
        let refused = |text: &str| {
            let mut set = RuleSet::default();
            set.add_text(Path::new("all.yml"), text);
            let detector = Detector::new(&set, &HashSet::new());
            let all = detector.refused().iter();
            let all: Vec<_> = all.map(|it| (it.line, it.reason.clone())).collect();
            (detector.rules_loaded(), all)
        };
        let many: String = (0..101).map(|n| filter(&format!("f{n}"), 1)).collect();
        let (loaded, told) = refused(&format!("{started}{many}"));
        assert_eq!((loaded, told.len()), (1, 1));
        assert!(told[0].1.contains("has 100 filters already"), "{told:?}");
        let rules: String = (0..200)
            .map(|n| format!("{}---\n", started.replace("started", &format!("r{n}"))))
            .collect();
        let large = filter("large", 20_000).replacen("---\n", "", 1);
        let (loaded, told) = refused(&format!("{rules}{large}"));
        assert_eq!((loaded, told.len()), (200, 1), "{told:?}");
        assert!(told[0].1.contains("more than 5000000 values"), "{told:?}");
    }

    /// Filters, pipelines, correlations and what is refused of them, in one detector.
    #[test]
    fn every_kind_of_document_takes_part() {
        let mut set = RuleSet::default();
        set.add_text(Path::new("all.yml"), RULES);
        let pipeline = "transformations: [{type: field_name_mapping, mapping: {User: user.name, Program: process.name}}]";
        let pipeline = Pipeline::with_files(&[("p.yml", pipeline)]).unwrap();
        let detector = Detector::with_pipeline(&set, &HashSet::new(), &pipeline);
        let texts = |list: &[Refusal]| -> Vec<String> {
            let all = list.iter().map(|it| format!("{}:{}", it.line, it.reason));
            all.collect()
        };
        assert_eq!(
            texts(detector.refused()),
            ["20:no rule has the id or name `nobody`"]
        );
        let warnings = texts(detector.warnings()).join("\n");
        assert!(
            warnings.contains("12:no rule has the id or name `nothing`"),
            "{warnings}"
        );
        assert!(warnings.contains("12:rule `program_started` is of another log source"));
        assert!(warnings.contains("keeps only events"));

        let mut batch = BatchBuilder::default();
        for user in ["ann", "svc_watch"] {
            batch.set("data_stream.dataset", "test");
            batch.set("process.name", "whoami");
            batch.set("user.name", user);
            batch.end_event();
        }
        let found = detector.run(&batch.finish());
        // The rule only feeds the correlation, whose document does not say `generate`.
        assert!(found.hits.is_empty());
        assert_eq!(found.inputs.len(), 1);
        assert_eq!(found.inputs[0].1.fields["user.name"], "ann");
        let plans: Vec<_> = detector.plans().correlations().collect();
        assert_eq!(plans[0].group_by, ["user.name"]);

        let off = HashSet::from(["often".to_owned()]);
        let alone = Detector::with_pipeline(&set, &off, &pipeline);
        assert!(alone.plans().is_empty() && !alone.silent[0]);
    }
}
