//! Conditions of steps: on the rule, on a line of a selection, on a field name.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::condition::Condition;
use crate::correlation::Correlation;
use crate::glob::{Glob, Part};
use crate::matcher::{Matcher, Pattern};
use crate::rule::{Level, LogSource, Rule, Status};

use super::{Attributes, Line, State, Tree};

/// Conditions of one sort with how they are joined.
#[derive(Debug, Clone)]
pub(super) struct Conditions<C> {
    pub all: Vec<C>,
    /// Over `all`, by place.
    pub joined: Condition,
    pub negated: bool,
}

impl<C> Conditions<C> {
    /// No conditions hold.
    pub fn hold(&self, holds: impl Fn(&C) -> bool) -> bool {
        self.all.is_empty() || meets(&self.joined, &self.all, &holds) != self.negated
    }
}

fn meets<C>(condition: &Condition, all: &[C], holds: &impl Fn(&C) -> bool) -> bool {
    let part = |part: &Condition| meets(part, all, holds);
    match condition {
        Condition::Search(at) => holds(&all[*at]),
        Condition::Not(inner) => !part(inner),
        Condition::All(parts) => parts.iter().all(part),
        Condition::Any(parts) => parts.iter().any(part),
        Condition::AtLeast(count, parts) => parts.iter().filter(|it| part(it)).count() >= *count,
    }
}

#[derive(Debug, Clone)]
pub(super) enum RuleCondition {
    LogSource(LogSource),
    ContainsItem { field: String, value: String },
    ContainsField(String),
    Applied(String),
    State(StateCondition),
    IsRule,
    IsCorrelation,
    Attribute { name: String, op: Op, value: String },
    Tag(String),
}

#[derive(Debug, Clone)]
pub(super) enum ItemCondition {
    /// The whole text of values begins with what the expression finds.
    MatchString {
        pattern: Pattern,
        negate: bool,
        all: bool,
    },
    MatchValue {
        value: String,
        all: bool,
    },
    ContainsWildcard {
        all: bool,
    },
    IsNull {
        all: bool,
    },
    Applied(String),
    State(StateCondition),
}

#[derive(Debug, Clone)]
pub(super) enum FieldCondition {
    Include {
        fields: Vec<FieldTest>,
        exclude: bool,
    },
    Applied(String),
    State(StateCondition),
}

#[derive(Debug, Clone)]
pub(super) enum FieldTest {
    Plain(String),
    Regex(Pattern),
}

#[derive(Debug, Clone)]
pub(super) struct StateCondition {
    pub key: String,
    pub op: Op,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Gte,
    Gt,
    Lte,
    Lt,
    In,
    NotIn,
}

impl Op {
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "gte" => Op::Gte,
            "gt" => Op::Gt,
            "lte" => Op::Lte,
            "lt" => Op::Lt,
            "in" => Op::In,
            "not_in" => Op::NotIn,
            _ => return None,
        })
    }

    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Op::Eq | Op::In => order.is_some_and(Ordering::is_eq),
            Op::Ne | Op::NotIn => !order.is_some_and(Ordering::is_eq),
            Op::Gte => order.is_some_and(Ordering::is_ge),
            Op::Gt => order.is_some_and(Ordering::is_gt),
            Op::Lte => order.is_some_and(Ordering::is_le),
            Op::Lt => order.is_some_and(Ordering::is_lt),
        }
    }
}

/// Numbers as numbers, everything else (dates among it) as text.
fn compare(left: &str, right: &str) -> Option<Ordering> {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left.partial_cmp(&right),
        _ => Some(left.cmp(right)),
    }
}

/// What a condition on a rule may look at.
pub(super) struct View<'a> {
    pub attributes: &'a Attributes,
    pub state: &'a State,
    pub trees: &'a [(String, usize, Tree)],
}

impl View<'_> {
    fn any_line(&self, test: impl Fn(&Line) -> bool) -> bool {
        let trees = self.trees.iter();
        trees.flat_map(|(.., tree)| tree.lines()).any(test)
    }
}

impl RuleCondition {
    pub fn holds(&self, view: &View<'_>) -> bool {
        match self {
            RuleCondition::LogSource(wanted) => {
                let part = |wanted: &Option<String>, found: &Option<String>| {
                    wanted.is_none() || wanted == found
                };
                view.attributes.sources.iter().any(|found| {
                    part(&wanted.product, &found.product)
                        && part(&wanted.category, &found.category)
                        && part(&wanted.service, &found.service)
                })
            }
            RuleCondition::ContainsItem { field, value } => view.any_line(|line| {
                line.item.field.as_ref() == Some(field)
                    && line.item.values.iter().any(|test| {
                        test.written == *value
                            || test
                                .any_of
                                .iter()
                                .any(|it| is_text(it, &Glob::parse(value)))
                    })
            }),
            RuleCondition::ContainsField(field) => {
                view.any_line(|line| line.item.field.as_ref() == Some(field))
            }
            RuleCondition::Applied(id) => view.state.applied.contains(id),
            RuleCondition::State(condition) => condition.holds(view.state),
            RuleCondition::IsRule => !view.attributes.is_correlation,
            RuleCondition::IsCorrelation => view.attributes.is_correlation,
            RuleCondition::Attribute { name, op, value } => {
                view.attributes.compare(name, *op, value)
            }
            RuleCondition::Tag(tag) => {
                let tags = view.attributes.lists.get("tags");
                tags.is_some_and(|tags| tags.contains(tag))
            }
        }
    }
}

fn is_text(matcher: &Matcher, wanted: &Glob) -> bool {
    matches!(matcher, Matcher::Text { glob, .. } if glob == wanted)
}

impl Attributes {
    fn compare(&self, name: &str, op: Op, value: &str) -> bool {
        if let Some(list) = self.lists.get(name) {
            // As in pySigma, a list equals no single value and has no order.
            return match op {
                Op::In => list.iter().any(|item| item == value),
                Op::NotIn => list.iter().all(|item| item != value),
                Op::Ne => true,
                _ => false,
            };
        }
        let custom = || self.custom.get(name);
        let Some(found) = self.texts.get(name).or_else(custom) else {
            return false;
        };
        let order = match name {
            "level" => match (Level::parse(found), Level::parse(&value.to_lowercase())) {
                (Some(found), Some(wanted)) => Some(found.cmp(&wanted)),
                _ => None,
            },
            "status" => {
                let place = |word: &str| Status::parse(&word.to_lowercase()).map(maturity);
                place(found).zip(place(value)).map(|(a, b)| a.cmp(&b))
            }
            _ => compare(found, value),
        };
        op.holds(order)
    }
}

/// pySigma's order: unsupported, deprecated, experimental, test, stable.
fn maturity(status: Status) -> u8 {
    match status {
        Status::Unsupported => 1,
        Status::Deprecated => 2,
        Status::Experimental => 3,
        Status::Test => 4,
        Status::Stable => 5,
    }
}

impl StateCondition {
    fn holds(&self, state: &State) -> bool {
        let found = state.values.get(&self.key);
        found.is_some_and(|found| self.op.holds(compare(found, &self.value)))
    }
}

impl ItemCondition {
    pub fn holds(&self, line: &Line, state: &State) -> bool {
        let values = |all: bool, test: &dyn Fn(&Matcher) -> bool| {
            let mut matchers = line.item.values.iter().flat_map(|value| &value.any_of);
            if all {
                matchers.all(test)
            } else {
                matchers.any(test)
            }
        };
        match self {
            ItemCondition::MatchString {
                pattern,
                negate,
                all,
            } => values(*all, &|it| {
                let found = match it {
                    Matcher::Text { glob, .. } => pattern.compiled.is_match(&plain(glob)),
                    _ => false,
                };
                found != *negate
            }),
            ItemCondition::MatchValue { value, all } => {
                let wanted = Glob::parse(value);
                values(*all, &|it| is_text(it, &wanted))
            }
            ItemCondition::ContainsWildcard { all } => values(*all, &|it| match it {
                Matcher::Text { glob, .. } => {
                    let mut parts = glob.parts().iter();
                    parts.any(|part| matches!(part, Part::Any | Part::One))
                }
                _ => false,
            }),
            ItemCondition::IsNull { all } => values(*all, &|it| *it == Matcher::Null),
            ItemCondition::Applied(id) => line.applied.contains(id),
            ItemCondition::State(condition) => condition.holds(state),
        }
    }
}

impl FieldCondition {
    pub fn holds(&self, field: Option<&str>, state: &State) -> bool {
        match self {
            FieldCondition::Include { fields, exclude } => {
                let found = field.is_some_and(|field| {
                    fields.iter().any(|test| match test {
                        FieldTest::Plain(name) => name == field,
                        FieldTest::Regex(pattern) => pattern.compiled.is_match(field),
                    })
                });
                found != *exclude
            }
            FieldCondition::Applied(id) => {
                let steps = field.and_then(|field| state.fields.get(field));
                steps.is_some_and(|steps| steps.contains(id))
            }
            FieldCondition::State(condition) => condition.holds(state),
        }
    }
}

/// The value as pySigma sees it: wildcards and placeholders as they are written.
pub(super) fn plain(glob: &Glob) -> String {
    let mut text = String::new();
    for part in glob.parts() {
        match part {
            Part::Text(plain) => text.push_str(plain),
            Part::Any => text.push('*'),
            Part::One => text.push('?'),
            Part::Dash => text.push('-'),
            Part::Placeholder(name) => text.push_str(&format!("%{name}%")),
        }
    }
    text
}

pub(super) fn attributes_of(rule: &Rule) -> Attributes {
    let mut texts = BTreeMap::from([
        ("id", rule.id.clone()),
        ("title", rule.title.clone()),
        ("description", rule.description.clone()),
        ("author", rule.author.clone()),
        ("license", rule.license.clone()),
        ("date", rule.date.clone()),
        ("modified", rule.modified.clone()),
        ("taxonomy", rule.taxonomy.clone()),
    ]);
    let more = [
        ("name", rule.name.clone()),
        ("status", rule.status.map(|it| it.as_str().to_owned())),
        ("level", rule.level.map(|it| it.as_str().to_owned())),
    ];
    texts.extend(
        more.into_iter()
            .filter_map(|(key, text)| Some((key, text?))),
    );
    Attributes {
        is_correlation: false,
        sources: vec![rule.logsource.clone()],
        texts,
        lists: BTreeMap::from([
            ("tags", rule.tags.clone()),
            ("references", rule.references.clone()),
            ("falsepositives", rule.falsepositives.clone()),
            ("fields", rule.fields.clone()),
            ("scope", rule.scope.clone()),
        ]),
        custom: rule.custom.clone(),
    }
}

pub(super) fn attributes_of_correlation(
    correlation: &Correlation,
    sources: Vec<LogSource>,
) -> Attributes {
    let mut texts = BTreeMap::from([
        ("id", correlation.id.clone()),
        ("title", correlation.title.clone()),
        ("description", correlation.description.clone()),
        ("author", correlation.author.clone()),
        ("license", correlation.license.clone()),
        ("type", correlation.kind.as_str().to_owned()),
    ]);
    let more = [
        ("name", correlation.name.clone()),
        (
            "status",
            correlation.status.map(|it| it.as_str().to_owned()),
        ),
        ("level", correlation.level.map(|it| it.as_str().to_owned())),
    ];
    texts.extend(
        more.into_iter()
            .filter_map(|(key, text)| Some((key, text?))),
    );
    Attributes {
        is_correlation: true,
        sources,
        texts,
        lists: BTreeMap::from([
            ("tags", correlation.tags.clone()),
            ("references", correlation.references.clone()),
            ("falsepositives", correlation.falsepositives.clone()),
        ]),
        custom: correlation.custom.clone(),
    }
}
