//! Correlations (Sigma Correlation Rules 2.1): rules about several events.
//!
//! This module reads them and [`link`]s them to the rules they name. They are evaluated over
//! hits, which this crate knows nothing of; the meaning of each part is stated here.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::condition::{self, Condition, Names};
use crate::error::{Flaw, Reason};
use crate::head::Head;
use crate::rule::{Level, Origin, Status};
use crate::yaml::{Kind, Node};

/// Most rules that one correlation names.
const RULES_MAX: usize = 64;
/// Most fields in `group-by` and in `condition.field`.
const FIELDS_MAX: usize = 16;
/// Longest timespan in seconds: 366 days.
const TIMESPAN_SECONDS_MAX: i64 = 366 * 86_400;

/// A correlation over rules and other correlations.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation {
    /// `id`, or `title` where the correlation has none.
    pub id: String,
    pub title: String,
    /// The name by which other correlations refer to this one.
    pub name: Option<String>,
    pub status: Option<Status>,
    pub level: Option<Level>,
    pub description: String,
    pub author: String,
    pub license: String,
    pub tags: Vec<String>,
    pub references: Vec<String>,
    pub falsepositives: Vec<String>,
    /// Keys the specification does not name, as in [`crate::Rule::custom`].
    pub custom: BTreeMap<String, String>,
    pub kind: CorrelationKind,
    /// Ids or names of rules and correlations, in the order written.
    pub rules: Vec<String>,
    /// Alias → id or name of a rule → field of that rule's events.
    pub aliases: BTreeMap<String, BTreeMap<String, String>>,
    /// Fields or aliases whose values, taken together, separate the groups.
    pub group_by: Vec<String>,
    /// Two events further apart than this are never in one window.
    pub timespan: SignedDuration,
    pub condition: CorrelationCondition,
    /// The rules referred to also alert by themselves.
    pub generate: bool,
    pub origin: Origin,
    /// The document as it stands in its file.
    pub source: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CorrelationKind {
    /// The number of events.
    EventCount,
    /// The number of distinct values of the condition's field, or of distinct combinations of
    /// the values of several fields.
    ValueCount,
    /// How many of the rules have an event.
    Temporal,
    /// How many of the rules have an event, in the order in which the rules are listed.
    TemporalOrdered,
    /// The sum of a numeric field.
    ValueSum,
    /// The mean of a numeric field.
    ValueAvg,
    /// With `percentile`: that percentile of a numeric field (nearest rank). Without: which share
    /// of the events, in percent, has the value that the newest event has.
    ValuePercentile,
}

impl CorrelationKind {
    const ALL: [CorrelationKind; 7] = [
        CorrelationKind::EventCount,
        CorrelationKind::ValueCount,
        CorrelationKind::Temporal,
        CorrelationKind::TemporalOrdered,
        CorrelationKind::ValueSum,
        CorrelationKind::ValueAvg,
        CorrelationKind::ValuePercentile,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            CorrelationKind::EventCount => "event_count",
            CorrelationKind::ValueCount => "value_count",
            CorrelationKind::Temporal => "temporal",
            CorrelationKind::TemporalOrdered => "temporal_ordered",
            CorrelationKind::ValueSum => "value_sum",
            CorrelationKind::ValueAvg => "value_avg",
            CorrelationKind::ValuePercentile => "value_percentile",
        }
    }

    fn is_temporal(self) -> bool {
        matches!(
            self,
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered
        )
    }

    fn needs_field(self) -> bool {
        !self.is_temporal() && self != CorrelationKind::EventCount
    }
}

/// When a window matches.
#[derive(Debug, Clone, PartialEq)]
pub enum CorrelationCondition {
    /// What the kind measures meets every bound.
    Bounds {
        bounds: Vec<Bound>,
        /// Empty for kinds that measure no field.
        field: Vec<String>,
        /// 0 to 100.
        percentile: Option<f64>,
    },
    /// An expression over [`Correlation::rules`], given by their position; a rule holds if it has
    /// an event in the window. For `temporal_ordered` the parts of an `and` must come one after
    /// the other.
    Expression { text: String, condition: Condition },
}

/// A comparison with a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    pub relation: Relation,
    pub number: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Relation {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "lt" => Relation::Less,
            "lte" => Relation::LessOrEqual,
            "gt" => Relation::Greater,
            "gte" => Relation::GreaterOrEqual,
            "eq" => Relation::Equal,
            "neq" => Relation::NotEqual,
            _ => return None,
        })
    }

    /// Whether `left RELATION right`, from how they compare.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Relation::Less => order.is_lt(),
            Relation::LessOrEqual => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::GreaterOrEqual => order.is_ge(),
            Relation::Equal => order.is_eq(),
            Relation::NotEqual => order.is_ne(),
        }
    }
}

pub(crate) fn parse(
    head: &Head<'_>,
    title: String,
    id: String,
    origin: Origin,
    source: Arc<str>,
) -> Result<Correlation, Flaw> {
    let missing = Flaw::new(head.line, Reason::Missing("correlation"));
    let section = Section {
        node: head.root.get("correlation").ok_or(missing)?,
    };
    section.check_keys()?;
    let kind = section.kind()?;
    let mut rules = section.texts("rules", RULES_MAX)?;
    let condition = section.condition(kind, &mut rules)?;
    let generate = match section.flag("generate")? {
        Some(yes) => yes,
        None => Section { node: head.root }
            .flag("generate")?
            .unwrap_or(false),
    };
    Ok(Correlation {
        id,
        title,
        name: head.text("name")?,
        status: head.word("status", Status::parse)?,
        level: head.word("level", Level::parse)?,
        description: head.text("description")?.unwrap_or_default(),
        author: head.text("author")?.unwrap_or_default(),
        license: head.text("license")?.unwrap_or_default(),
        tags: head.list("tags")?,
        references: head.list("references")?,
        falsepositives: head.list("falsepositives")?,
        custom: head.custom(),
        kind,
        rules,
        aliases: section.aliases()?,
        group_by: section.texts("group-by", FIELDS_MAX)?,
        timespan: section.timespan()?,
        condition,
        generate,
        origin,
        source,
    })
}

/// The `correlation` section of a document.
struct Section<'a> {
    node: &'a Node,
}

impl Section<'_> {
    fn wrong(&self, line: usize, key: &str, expected: &'static str) -> Flaw {
        let key = format!("correlation.{key}");
        Flaw::new(line, Reason::WrongType { key, expected })
    }

    fn check_keys(&self) -> Result<(), Flaw> {
        let Some(entries) = self.node.as_map() else {
            let reason = Reason::WrongType {
                key: "correlation".into(),
                expected: "a mapping",
            };
            return Err(Flaw::new(self.node.line, reason));
        };
        const KEYS: [&str; 7] = [
            "type",
            "rules",
            "aliases",
            "group-by",
            "timespan",
            "condition",
            "generate",
        ];
        match entries.iter().find(|it| !KEYS.contains(&it.key.as_str())) {
            Some(entry) => Err(Flaw::new(
                entry.line,
                Reason::UnknownWord {
                    key: "attribute of `correlation`",
                    value: entry.key.clone(),
                },
            )),
            None => Ok(()),
        }
    }

    fn required(&self, key: &'static str, name: &'static str) -> Result<&Node, Flaw> {
        let missing = Flaw::new(self.node.line, Reason::Missing(name));
        self.node.get(key).ok_or(missing)
    }

    fn kind(&self) -> Result<CorrelationKind, Flaw> {
        let node = self.required("type", "correlation.type")?;
        let text = node
            .scalar_text()
            .ok_or_else(|| self.wrong(node.line, "type", "text"))?;
        let found = CorrelationKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text);
        found.ok_or(Flaw::new(
            node.line,
            Reason::UnknownWord {
                key: "correlation type",
                value: text,
            },
        ))
    }

    /// A list of distinct texts; a single text is a list of one, nothing an empty list.
    fn texts(&self, key: &'static str, limit: usize) -> Result<Vec<String>, Flaw> {
        match self.node.get(key) {
            Some(node) if node.kind != Kind::Null => {
                texts(node, limit, || format!("correlation.{key}"))
            }
            _ => Ok(Vec::new()),
        }
    }

    fn flag(&self, key: &'static str) -> Result<Option<bool>, Flaw> {
        match self.node.get(key) {
            None => Ok(None),
            Some(Node {
                kind: Kind::Bool(yes),
                ..
            }) => Ok(Some(*yes)),
            Some(node) => Err(self.wrong(node.line, key, "`true` or `false`")),
        }
    }

    fn timespan(&self) -> Result<SignedDuration, Flaw> {
        let node = self.required("timespan", "correlation.timespan")?;
        let text = node.scalar_text().unwrap_or_default();
        let problem = |problem: String| Flaw::new(node.line, Reason::Unsupported(problem));
        let seconds = seconds(&text).ok_or_else(|| {
            problem(format!(
                "timespan `{text}` is not a positive number with one of the units s, m, h, d, w, M, y"
            ))
        })?;
        if seconds > TIMESPAN_SECONDS_MAX {
            let days = TIMESPAN_SECONDS_MAX / 86_400;
            return Err(problem(format!(
                "timespan `{text}` is longer than {days} days"
            )));
        }
        Ok(SignedDuration::from_secs(seconds))
    }

    fn aliases(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>, Flaw> {
        let mut aliases = BTreeMap::new();
        let Some(node) = self.node.get("aliases") else {
            return Ok(aliases);
        };
        let expected = "a mapping from alias to a mapping from rule to field";
        let wrong = |line| self.wrong(line, "aliases", expected);
        for alias in node.as_map().ok_or_else(|| wrong(node.line))? {
            let mut fields = BTreeMap::new();
            for entry in alias.value.as_map().ok_or_else(|| wrong(alias.line))? {
                let field = entry.value.scalar_text().ok_or_else(|| wrong(entry.line))?;
                fields.insert(entry.key.clone(), field);
            }
            aliases.insert(alias.key.clone(), fields);
        }
        Ok(aliases)
    }

    fn condition(
        &self,
        kind: CorrelationKind,
        rules: &mut Vec<String>,
    ) -> Result<CorrelationCondition, Flaw> {
        let node = self.node.get("condition");
        if let Some(node) = node
            && let Kind::Text(text) = &node.kind
        {
            return self.expression(node.line, text, kind, rules);
        }
        if rules.is_empty() {
            return Err(Flaw::new(
                self.node.line,
                Reason::Missing("correlation.rules"),
            ));
        }
        let Some(node) = node else {
            if !kind.is_temporal() {
                let missing = Reason::Missing("correlation.condition");
                return Err(Flaw::new(self.node.line, missing));
            }
            // Specification, "Temporal Proximity": all rules must have an event.
            let number = rules.len() as f64;
            return Ok(CorrelationCondition::Bounds {
                bounds: vec![Bound {
                    relation: Relation::GreaterOrEqual,
                    number,
                }],
                field: Vec::new(),
                percentile: None,
            });
        };
        self.bounds(node, kind)
    }

    fn bounds(&self, node: &Node, kind: CorrelationKind) -> Result<CorrelationCondition, Flaw> {
        let entries = node
            .as_map()
            .ok_or_else(|| self.wrong(node.line, "condition", "a mapping or an expression"))?;
        let (mut bounds, mut field, mut percentile) = (Vec::new(), Vec::new(), None);
        for entry in entries {
            let number = |expected| {
                let found = match &entry.value.kind {
                    Kind::Number(number) if number.float.is_finite() => Some(number.float),
                    Kind::Text(text) => text.trim().parse().ok().filter(|it: &f64| it.is_finite()),
                    _ => None,
                };
                let key = format!("condition.{}", entry.key);
                found.ok_or_else(|| self.wrong(entry.line, &key, expected))
            };
            match entry.key.as_str() {
                "field" => {
                    let name = || "correlation.condition.field".to_owned();
                    field = texts(&entry.value, FIELDS_MAX, name)?;
                }
                "percentile" => {
                    let expected = "a number from 0 to 100";
                    let found = number(expected)?;
                    if !(0.0..=100.0).contains(&found) {
                        return Err(self.wrong(entry.line, "condition.percentile", expected));
                    }
                    percentile = Some(found);
                }
                word => {
                    let Some(relation) = Relation::parse(word) else {
                        let (key, value) = ("correlation condition", word.to_owned());
                        return Err(Flaw::new(entry.line, Reason::UnknownWord { key, value }));
                    };
                    let number = number("a number")?;
                    bounds.push(Bound { relation, number });
                }
            }
        }
        let refuse = |problem: String| Flaw::new(node.line, Reason::Unsupported(problem));
        if bounds.is_empty() {
            return Err(refuse(
                "the correlation condition compares with nothing: one of gt, gte, lt, lte, eq, neq \
                 is needed"
                    .into(),
            ));
        }
        if kind.needs_field() == field.is_empty() {
            let verb = if field.is_empty() {
                "needs"
            } else {
                "takes no"
            };
            let kind = kind.as_str();
            return Err(refuse(format!(
                "a correlation of type `{kind}` {verb} `condition.field`"
            )));
        }
        if field.len() > 1 && kind != CorrelationKind::ValueCount {
            return Err(refuse("only `value_count` takes several fields".into()));
        }
        if percentile.is_some() && kind != CorrelationKind::ValuePercentile {
            return Err(refuse(
                "`percentile` belongs to the type `value_percentile`".into(),
            ));
        }
        Ok(CorrelationCondition::Bounds {
            bounds,
            field,
            percentile,
        })
    }

    /// A boolean expression over rules. Without a list of rules, those it names are the list.
    fn expression(
        &self,
        line: usize,
        text: &str,
        kind: CorrelationKind,
        rules: &mut Vec<String>,
    ) -> Result<CorrelationCondition, Flaw> {
        let flaw = |problem: String| {
            let condition = text.to_owned();
            Flaw::new(line, Reason::Condition { condition, problem })
        };
        if !kind.is_temporal() {
            return Err(flaw(
                "only `temporal` and `temporal_ordered` take an expression".into(),
            ));
        }
        if rules.is_empty() {
            *rules = condition::names_in(text);
        }
        if rules.len() > RULES_MAX {
            return Err(flaw(format!("names more than {RULES_MAX} rules")));
        }
        let names: Vec<&str> = rules.iter().map(String::as_str).collect();
        let condition = condition::parse(text, &mut Names::plain(&names)).map_err(flaw)?;
        let mut used = vec![false; rules.len()];
        mark_used(&condition, &mut used);
        if let Some(at) = used.iter().position(|used| !used) {
            return Err(flaw(format!("does not mention the rule `{}`", rules[at])));
        }
        let text = text.to_owned();
        Ok(CorrelationCondition::Expression { text, condition })
    }
}

fn mark_used(condition: &Condition, used: &mut [bool]) {
    match condition {
        Condition::Search(at) => used[*at] = true,
        Condition::Not(inner) => mark_used(inner, used),
        Condition::All(parts) | Condition::Any(parts) | Condition::AtLeast(_, parts) => {
            parts.iter().for_each(|part| mark_used(part, used));
        }
    }
}

fn texts(node: &Node, limit: usize, key: impl Fn() -> String) -> Result<Vec<String>, Flaw> {
    let wrong = |line, expected| {
        let key = key();
        Flaw::new(line, Reason::WrongType { key, expected })
    };
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.len() > limit {
        let what = "number of items of a list in `correlation`";
        return Err(Flaw::too_large(node.line, what, limit));
    }
    let mut texts: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let text = item.scalar_text().filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| wrong(item.line, "a text or a list of texts"))?;
        if texts.contains(&text) {
            return Err(wrong(item.line, "a list without repetitions"));
        }
        texts.push(text);
    }
    Ok(texts)
}

/// Seconds of `10m`. Units: s, m, h, d (Specification, "Time Selection") and w, M, y, for which a
/// month is 30.436875 days and a year twelve of them.
fn seconds(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let count = &text[..text.len() - unit.len_utf8()];
    if !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: i64 = count.parse().ok().filter(|count| *count > 0)?;
    let unit = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        'M' => 2_629_746,
        'y' => 31_556_952,
        _ => return None,
    };
    count.checked_mul(unit)
}

#[cfg(test)]
#[path = "correlation_tests.rs"]
mod tests;
