//! What steps do to a rule.

use std::collections::BTreeSet;

use crate::condition::Condition;
use crate::detection::{WrittenCondition, parse_search};
use crate::matcher::Matcher;
use crate::rule::{LogSource, Rule};
use crate::yaml::{Entry, Kind, Node};

use super::value::ValueStep;
use super::{Line, Processing, Step, Subject, Tree};

/// Most values of one line under all its new names.
const VALUES_MAX: usize = 50_000;
/// Most values that a step makes for a rule, those that were there before among them.
const STEP_VALUES_MAX: usize = 200_000;
/// Most lines of a rule after a step.
const LINES_MAX: usize = 20_000;

#[derive(Debug, Clone)]
pub(super) enum Transformation {
    Fields(FieldNames),
    DropItem,
    HashesFields {
        algorithms: Vec<String>,
        prefix: String,
        drop_algorithm: bool,
    },
    Value(ValueStep),
    AddCondition {
        name: Option<String>,
        /// The mapping as a selection, texts may hold `$product` and so on.
        conditions: Node,
        template: bool,
        negated: bool,
    },
    ChangeLogSource(LogSource),
    AddField(Vec<String>),
    RemoveField(Vec<String>),
    SetField(Vec<String>),
    SetState {
        key: String,
        value: String,
    },
    SetAttribute {
        key: String,
        value: String,
    },
    RuleFailure(String),
    ItemFailure(String),
    /// Fails for a field that no mapping has named.
    StrictMapping(Option<String>),
    Nest(Vec<Step>),
}

/// New names of fields. An empty name stands for keywords, which have no field.
#[derive(Debug, Clone)]
pub(super) enum FieldNames {
    Mapping(Vec<(String, Vec<String>)>),
    PrefixMapping(Vec<(String, Vec<String>)>),
    Prefix(String),
    Suffix(String),
}

impl FieldNames {
    /// The new names; `None` leaves the field as it is.
    pub fn of(&self, field: Option<&str>) -> Option<Vec<String>> {
        match (self, field) {
            (FieldNames::Mapping(names), field) => names
                .iter()
                .find(|(from, _)| from == field.unwrap_or_default())
                .map(|(_, to)| to.clone()),
            (FieldNames::PrefixMapping(prefixes), Some(field)) => {
                prefixes.iter().find_map(|(from, to)| {
                    let rest = field.strip_prefix(from.as_str())?;
                    Some(to.iter().map(|to| format!("{to}{rest}")).collect())
                })
            }
            (FieldNames::Prefix(prefix), Some(field)) => Some(vec![format!("{prefix}{field}")]),
            (FieldNames::Suffix(suffix), Some(field)) => Some(vec![format!("{field}{suffix}")]),
            (_, None) => None,
        }
    }
}

impl Subject {
    pub(super) fn apply(
        &mut self,
        step: &Step,
        transformation: &Transformation,
        processing: &Processing,
        rule: &mut Rule,
    ) -> Result<(), String> {
        match transformation {
            Transformation::Fields(names) => {
                self.rename_listed(step, names, rule);
                self.each_line(step, |subject, line| subject.rename(step, names, line))
            }
            Transformation::DropItem => self.each_line(step, |_, _| Ok(Tree::Any(Vec::new()))),
            Transformation::HashesFields {
                algorithms,
                prefix,
                drop_algorithm,
            } => self.each_line(step, |_, line| {
                super::value::hashes(&line, algorithms, prefix, *drop_algorithm)
            }),
            Transformation::Value(value) => self.each_line(step, |_, mut line| {
                value.apply(&mut line.item, &processing.vars)?;
                Ok(Tree::Item(line))
            }),
            Transformation::AddCondition {
                name,
                conditions,
                template,
                negated,
            } => self.add_condition(step, name.as_deref(), conditions, *template, *negated, rule),
            Transformation::ChangeLogSource(source) => {
                self.attributes.sources = vec![source.clone()];
                rule.logsource = source.clone();
                Ok(())
            }
            Transformation::AddField(fields) => {
                rule.fields.extend(fields.iter().cloned());
                Ok(())
            }
            Transformation::RemoveField(fields) => {
                rule.fields.retain(|field| !fields.contains(field));
                Ok(())
            }
            Transformation::SetField(fields) => {
                rule.fields.clone_from(fields);
                Ok(())
            }
            Transformation::SetState { key, value } => {
                self.state.values.insert(key.clone(), value.clone());
                Ok(())
            }
            Transformation::SetAttribute { key, value } => {
                self.attributes.custom.insert(key.clone(), value.clone());
                Ok(())
            }
            Transformation::RuleFailure(message) => Err(message.clone()),
            Transformation::ItemFailure(message) => self.each_line(step, |_, line| {
                Err(format!("{message} (`{}`)", line.item.key))
            }),
            Transformation::StrictMapping(message) => self.strict(message.as_deref()),
            Transformation::Nest(_) => Ok(()),
        }
    }

    /// Replaces every line for which the step's conditions hold.
    fn each_line(
        &mut self,
        step: &Step,
        mut change: impl FnMut(&mut Self, Line) -> Result<Tree, String>,
    ) -> Result<(), String> {
        self.made = 0;
        let mut searches = std::mem::take(&mut self.searches);
        for (.., tree) in &mut searches {
            self.walk(step, tree, &mut change)?;
        }
        let lines: usize = searches.iter().map(|(.., tree)| tree.count()).sum();
        self.searches = searches;
        if lines > LINES_MAX {
            return Err(format!("the rule has more than {LINES_MAX} lines"));
        }
        Ok(())
    }

    fn walk(
        &mut self,
        step: &Step,
        tree: &mut Tree,
        change: &mut impl FnMut(&mut Self, Line) -> Result<Tree, String>,
    ) -> Result<(), String> {
        let line = match tree {
            Tree::All(parts) | Tree::Any(parts) => {
                let mut parts = parts.iter_mut();
                return parts.try_for_each(|part| self.walk(step, part, change));
            }
            Tree::Item(line) => line,
        };
        let field = line.item.field.as_deref();
        let state = &self.state;
        // References to fields are renamed whatever the line's own field is.
        let refers = matches!(step.transformation, Transformation::Fields(_))
            && line.item.values.iter().any(|test| {
                let mut matchers = test.any_of.iter();
                matchers.any(|it| matches!(it, Matcher::FieldRef { .. }))
            });
        if !step.item.hold(|one| one.holds(line, state))
            || !(refers || step.field.hold(|one| one.holds(field, state)))
        {
            return Ok(());
        }
        let before = line.item.clone();
        let mut changed = change(self, line.clone())?;
        self.made += changed.matchers();
        if self.made > STEP_VALUES_MAX {
            return Err(format!("the rule has more than {STEP_VALUES_MAX} values"));
        }
        if !matches!(&changed, Tree::Item(line) if line.item == before) {
            mark(&mut changed, &step.id);
        }
        *tree = changed;
        Ok(())
    }

    /// Names that the step's field conditions allow.
    fn names(
        &mut self,
        step: &Step,
        names: &FieldNames,
        field: Option<&str>,
    ) -> Option<Vec<String>> {
        let new = names.of(field)?;
        let state = &self.state;
        if !step.field.hold(|one| one.holds(field, state)) {
            return None;
        }
        for name in &new {
            let known = self.state.fields.entry(name.clone()).or_default();
            known.insert(step.id.clone());
        }
        Some(new)
    }

    fn rename_listed(&mut self, step: &Step, names: &FieldNames, rule: &mut Rule) {
        let fields = std::mem::take(&mut rule.fields);
        for field in fields {
            let new = self.names(step, names, Some(&field));
            rule.fields.extend(new.unwrap_or(vec![field]));
        }
    }

    fn rename(&mut self, step: &Step, names: &FieldNames, mut line: Line) -> Result<Tree, String> {
        for test in &mut line.item.values {
            let matchers = std::mem::take(&mut test.any_of);
            for matcher in matchers {
                let Matcher::FieldRef { field, side, cased } = &matcher else {
                    test.any_of.push(matcher);
                    continue;
                };
                let new = self.names(step, names, Some(field));
                let new = new.unwrap_or_else(|| vec![field.clone()]);
                test.any_of
                    .extend(new.into_iter().map(|field| Matcher::FieldRef {
                        field,
                        side: *side,
                        cased: *cased,
                    }));
            }
        }
        let Some(new) = self.names(step, names, line.item.field.as_deref()) else {
            return Ok(Tree::Item(line));
        };
        let values = line.item.values.iter().map(|test| test.any_of.len());
        if new.len() > 1 && values.sum::<usize>().saturating_mul(new.len()) > VALUES_MAX {
            let key = &line.item.key;
            return Err(format!(
                "`{key}` has more than {VALUES_MAX} values under its new names"
            ));
        }
        let mut lines: Vec<Tree> = new
            .into_iter()
            .map(|field| {
                let mut line = line.clone();
                // Keywords are searched inside the text already, see `modifier`.
                line.item.field = Some(field);
                Tree::Item(line)
            })
            .collect();
        Ok(match lines.len() {
            1 => lines.remove(0),
            _ if line.item.negated => Tree::All(lines),
            _ => Tree::Any(lines),
        })
    }

    fn add_condition(
        &mut self,
        step: &Step,
        name: Option<&str>,
        conditions: &Node,
        template: bool,
        negated: bool,
        rule: &mut Rule,
    ) -> Result<(), String> {
        let mut node = conditions.clone();
        if template {
            fill(&mut node, &rule.logsource);
        }
        let search = parse_search(&node, "conditions").map_err(|flaw| flaw.reason.to_string())?;
        let at = self.searches.len();
        let name = name.map_or_else(|| format!("_cond_{at}"), str::to_owned);
        if self.searches.iter().any(|(known, ..)| *known == name) {
            return Err(format!("`add_condition`: the name `{name}` is taken"));
        }
        let mut tree = Tree::of(&search);
        mark(&mut tree, &step.id);
        self.searches.push((name.clone(), conditions.line, tree));
        let own = Condition::Search(at);
        for written in &mut rule.detection.conditions {
            let (not, own) = match negated {
                true => ("not ", Condition::Not(Box::new(own.clone()))),
                false => ("", own.clone()),
            };
            *written = WrittenCondition {
                text: format!("{not}{name} and ({})", written.text),
                condition: Condition::All(vec![own, written.condition.clone()]),
            };
        }
        Ok(())
    }

    fn strict(&self, message: Option<&str>) -> Result<(), String> {
        let named: BTreeSet<&String> = self.state.fields.keys().collect();
        let lines = self.searches.iter().flat_map(|(.., tree)| tree.lines());
        let unmapped: BTreeSet<&String> = lines
            .filter_map(|line| line.item.field.as_ref())
            .filter(|field| !named.contains(field))
            .collect();
        let list: Vec<&str> = unmapped.iter().map(|field| field.as_str()).collect();
        match (list.is_empty(), message) {
            (true, _) => Ok(()),
            (false, Some(message)) => Err(format!("{message} ({})", list.join(", "))),
            (false, None) => Err(format!("no mapping for the fields {}", list.join(", "))),
        }
    }
}

fn mark(tree: &mut Tree, id: &str) {
    match tree {
        Tree::All(parts) | Tree::Any(parts) => parts.iter_mut().for_each(|part| mark(part, id)),
        Tree::Item(line) => {
            line.applied.insert(id.to_owned());
        }
    }
}

/// `$product`, `$category`, `$service` in every text; other names stay.
fn fill(node: &mut Node, source: &LogSource) {
    match &mut node.kind {
        Kind::Text(text) => {
            for (name, value) in [
                ("product", &source.product),
                ("category", &source.category),
                ("service", &source.service),
            ] {
                let value = value.as_deref().unwrap_or_default();
                *text = text
                    .replace(&format!("${{{name}}}"), value)
                    .replace(&format!("${name}"), value);
            }
        }
        Kind::List(items) => items.iter_mut().for_each(|item| fill(item, source)),
        Kind::Map(entries) => {
            let values = entries.iter_mut().map(|Entry { value, .. }| value);
            values.for_each(|value| fill(value, source));
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
    }
}
