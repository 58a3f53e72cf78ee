//! Processing pipelines as pySigma writes them: steps that change rules before they are compiled.
//!
//! A file is YAML with `name`, `priority`, `vars` and `transformations`. Steps run in the order
//! of priority, then as written; each is guarded by conditions on the rule, the line of a
//! selection and its field. Names and meaning are those of pySigma; where a step is about the
//! text of a query, which does not exist here, the file is refused or a warning says what is
//! left out.
//!
//! Two deviations: a line that says `neq` and whose field has several new names must differ in
//! all of them, and a search identifier of which nothing is left refuses its rule instead of
//! matching everything.

mod condition;
mod read;
mod step;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::correlation::{Correlation, CorrelationCondition};
use crate::detection::{Item, NamedSearch, Search};
use crate::error::{Reason, RuleError};
use crate::rule::{LogSource, Origin, Rule};
use condition::{Conditions, FieldCondition, ItemCondition, RuleCondition};
pub(crate) use read::read;
use step::Transformation;

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct Processing {
    pub priority: f64,
    vars: BTreeMap<String, Vec<String>>,
    steps: Vec<Step>,
    /// What the file asks for and is left out.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone)]
struct Step {
    /// As written, or made of its place.
    id: String,
    transformation: Transformation,
    rule: Conditions<RuleCondition>,
    item: Conditions<ItemCondition>,
    field: Conditions<FieldCondition>,
}

/// Largest [`Detection::size`](crate::Detection::size) of a rule after all steps; what can be
/// written has half of it.
const SIZE_MAX: usize = 1_000_000;

/// A rule on its way through the steps.
struct Subject {
    attributes: Attributes,
    searches: Vec<(String, usize, Tree)>,
    state: State,
    /// Values that the step at work has made so far.
    made: usize,
}

/// What conditions ask of rules and correlations alike.
pub(super) struct Attributes {
    pub is_correlation: bool,
    /// Of a correlation: those of the rules it refers to.
    pub sources: Vec<LogSource>,
    pub texts: BTreeMap<&'static str, String>,
    pub lists: BTreeMap<&'static str, Vec<String>>,
    pub custom: BTreeMap<String, String>,
}

/// What steps remember of one rule.
#[derive(Debug, Default)]
pub(super) struct State {
    pub values: BTreeMap<String, String>,
    /// Ids of steps that changed the rule.
    pub applied: BTreeSet<String>,
    /// Field → ids of steps that made this name.
    pub fields: BTreeMap<String, BTreeSet<String>>,
}

/// A selection whose lines know which steps changed them.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Item(Line),
}

#[derive(Debug, Clone)]
pub(super) struct Line {
    pub item: Item,
    pub applied: BTreeSet<String>,
}

impl Tree {
    fn of(search: &Search) -> Self {
        let all = |parts: &[Search]| parts.iter().map(Tree::of).collect();
        match search {
            Search::All(parts) => Tree::All(all(parts)),
            Search::Any(parts) => Tree::Any(all(parts)),
            Search::Item(item) => Tree::Item(Line {
                item: item.clone(),
                applied: BTreeSet::new(),
            }),
        }
    }

    /// `None` if nothing is left.
    fn into_search(self) -> Option<Search> {
        let all = |parts: Vec<Tree>| {
            let mut parts: Vec<_> = parts.into_iter().filter_map(Tree::into_search).collect();
            match parts.len() {
                0 => Err(None),
                1 => Err(parts.pop()),
                _ => Ok(parts),
            }
        };
        match self {
            Tree::All(parts) => all(parts).map_or_else(|one| one, |all| Some(Search::All(all))),
            Tree::Any(parts) => all(parts).map_or_else(|one| one, |all| Some(Search::Any(all))),
            Tree::Item(line) => Some(Search::Item(line.item)),
        }
    }

    pub(super) fn count(&self) -> usize {
        match self {
            Tree::All(parts) | Tree::Any(parts) => parts.iter().map(Tree::count).sum(),
            Tree::Item(_) => 1,
        }
    }

    /// How many matchers the values of all lines have.
    pub(super) fn matchers(&self) -> usize {
        match self {
            Tree::All(parts) | Tree::Any(parts) => parts.iter().map(Tree::matchers).sum(),
            Tree::Item(line) => {
                let values = line.item.values.iter();
                values.map(|test| test.any_of.len()).sum()
            }
        }
    }

    pub(super) fn lines(&self) -> Vec<&Line> {
        match self {
            Tree::All(parts) | Tree::Any(parts) => parts.iter().flat_map(Tree::lines).collect(),
            Tree::Item(line) => vec![line],
        }
    }
}

/// The rule after every pipeline.
pub(crate) fn rule(all: &[Processing], rule: &Arc<Rule>) -> Result<Arc<Rule>, RuleError> {
    if all.is_empty() {
        return Ok(rule.clone());
    }
    let mut changed = (**rule).clone();
    let result = rule_steps(all, &mut changed);
    result.map_err(|problem| refusal(&rule.origin, &rule.title, problem))?;
    Ok(Arc::new(changed))
}

fn rule_steps(all: &[Processing], rule: &mut Rule) -> Result<(), String> {
    let searches = rule.detection.searches.iter();
    let mut subject = Subject {
        attributes: condition::attributes_of(rule),
        searches: searches
            .map(|named| (named.name.clone(), named.line, Tree::of(&named.search)))
            .collect(),
        state: State::default(),
        made: 0,
    };
    for processing in all {
        subject.run(&processing.steps, processing, rule)?;
    }
    let finished = subject.searches.into_iter().map(|(name, line, tree)| {
        let search = tree.into_search();
        let search = search.ok_or_else(|| {
            format!("nothing is left of the search identifier `{name}` after the pipeline")
        })?;
        Ok(NamedSearch { name, line, search })
    });
    rule.detection.searches = finished.collect::<Result<_, String>>()?;
    rule.custom = subject.attributes.custom;
    if rule.detection.size() > SIZE_MAX {
        return Err(format!(
            "the rule has, or its conditions ask for, more than {SIZE_MAX} values: split it"
        ));
    }
    Ok(())
}

impl Subject {
    fn run(
        &mut self,
        steps: &[Step],
        processing: &Processing,
        rule: &mut Rule,
    ) -> Result<(), String> {
        for step in steps {
            let view = condition::View {
                attributes: &self.attributes,
                state: &self.state,
                trees: &self.searches,
            };
            if !step.rule.hold(|one| one.holds(&view)) {
                continue;
            }
            self.state.applied.insert(step.id.clone());
            match &step.transformation {
                Transformation::Nest(steps) => self.run(steps, processing, rule)?,
                other => self.apply(step, other, processing, rule)?,
            }
        }
        Ok(())
    }
}

/// The correlation after every pipeline. `sources` are the log sources of the rules that it
/// refers to, directly or through others.
pub(crate) fn correlation(
    all: &[Processing],
    correlation: &Arc<Correlation>,
    sources: Vec<LogSource>,
) -> Result<Arc<Correlation>, RuleError> {
    if all.is_empty() {
        return Ok(correlation.clone());
    }
    let mut changed = (**correlation).clone();
    let mut attributes = condition::attributes_of_correlation(correlation, sources);
    let mut state = State::default();
    let result = all.iter().try_for_each(|processing| {
        correlation_steps(&processing.steps, &mut changed, &mut attributes, &mut state)
    });
    let origin = &correlation.origin;
    result.map_err(|problem| refusal(origin, &correlation.title, problem))?;
    changed.custom = attributes.custom;
    Ok(Arc::new(changed))
}

fn correlation_steps(
    steps: &[Step],
    correlation: &mut Correlation,
    attributes: &mut Attributes,
    state: &mut State,
) -> Result<(), String> {
    for step in steps {
        let view = condition::View {
            attributes,
            state,
            trees: &[],
        };
        if !step.rule.hold(|one| one.holds(&view)) {
            continue;
        }
        state.applied.insert(step.id.clone());
        match &step.transformation {
            Transformation::Nest(steps) => {
                correlation_steps(steps, correlation, attributes, state)?;
            }
            Transformation::SetState { key, value } => {
                state.values.insert(key.clone(), value.clone());
            }
            Transformation::SetAttribute { key, value } => {
                attributes.custom.insert(key.clone(), value.clone());
            }
            Transformation::RuleFailure(message) => return Err(message.clone()),
            Transformation::Fields(names) => {
                rename(correlation, &|field| {
                    let allowed = step.field.hold(|one| one.holds(Some(field), state));
                    match names.of(Some(field)).filter(|_| allowed) {
                        None => Ok(field.to_owned()),
                        Some(new) if new.len() == 1 => Ok(new[0].clone()),
                        Some(new) => Err(format!(
                            "field `{field}` has {} names under the pipeline, a correlation takes one",
                            new.len()
                        )),
                    }
                })?;
            }
            // The others are about selections, which a correlation has none of.
            _ => {}
        }
    }
    Ok(())
}

fn rename(
    correlation: &mut Correlation,
    new: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(), String> {
    for field in correlation
        .aliases
        .values_mut()
        .flat_map(BTreeMap::values_mut)
    {
        *field = new(field)?;
    }
    for part in &mut correlation.group_by {
        if !correlation.aliases.contains_key(part) {
            *part = new(part)?;
        }
    }
    if let CorrelationCondition::Bounds { field, .. } = &mut correlation.condition {
        for field in field {
            *field = new(field)?;
        }
    }
    Ok(())
}

fn refusal(origin: &Origin, title: &str, problem: String) -> RuleError {
    RuleError {
        file: origin.file.clone(),
        line: origin.line,
        title: Some(title.to_owned()),
        reason: Box::new(Reason::Pipeline(problem)),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
