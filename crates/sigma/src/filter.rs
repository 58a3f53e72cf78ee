//! Filters (Sigma Filters 2.1): conditions that are added to many rules.

use std::sync::Arc;

use crate::condition::Condition;
use crate::detection::{self, Detection, NamedSearch, WrittenCondition};
use crate::error::{Flaw, Reason};
use crate::head::Head;
use crate::rule::{LogSource, Origin, Rule, logsource};
use crate::yaml::{Entry, Kind, Node};

/// Most rules that one filter names.
const RULES_MAX: usize = 10_000;

/// A filter: its condition must hold besides that of each rule it is for.
///
/// As in pySigma the condition is joined with `and` as it is written, so a filter that takes
/// events away says `condition: not selection`.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// `id`, or `title` where the filter has none.
    pub id: String,
    pub title: String,
    pub description: String,
    /// A rule must name the same parts; parts that the filter leaves out may be any.
    pub logsource: LogSource,
    pub rules: FilterRules,
    pub detection: Detection,
    pub origin: Origin,
    /// The document as it stands in its file.
    pub source: Arc<str>,
}

/// Which rules a filter is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterRules {
    /// Every rule of the log source.
    Any,
    /// Those with one of these ids or names.
    Named(Vec<String>),
}

pub(crate) fn parse(
    head: &Head<'_>,
    title: String,
    id: String,
    origin: Origin,
    source: Arc<str>,
) -> Result<Filter, Flaw> {
    let section = |key: &'static str| {
        let missing = Flaw::new(head.line, Reason::Missing(key));
        head.root.get(key).ok_or(missing)
    };
    let node = section("filter")?;
    let Some(entries) = node.as_map() else {
        let reason = Reason::WrongType {
            key: "filter".into(),
            expected: "a mapping",
        };
        return Err(Flaw::new(node.line, reason));
    };
    let rules = node
        .get("rules")
        .ok_or(Flaw::new(node.line, Reason::Missing("filter.rules")))?;
    let rest: Vec<Entry> = entries
        .iter()
        .filter(|entry| entry.key != "rules")
        .cloned()
        .collect();
    let detection = Node {
        line: node.line,
        kind: Kind::Map(rest),
    };
    Ok(Filter {
        id,
        title,
        description: head.text("description")?.unwrap_or_default(),
        logsource: logsource(section("logsource")?)?,
        rules: filter_rules(rules)?,
        detection: detection::parse_section(&detection, "filter")?,
        origin,
        source,
    })
}

fn filter_rules(node: &Node) -> Result<FilterRules, Flaw> {
    let wrong = |line| {
        let reason = Reason::WrongType {
            key: "filter.rules".into(),
            expected: "`any` or a list of ids or names of rules",
        };
        Flaw::new(line, reason)
    };
    match &node.kind {
        Kind::Text(word) if word == "any" || word == "all" => Ok(FilterRules::Any),
        Kind::Text(name) => Ok(FilterRules::Named(vec![name.clone()])),
        Kind::List(items) if items.is_empty() => Ok(FilterRules::Any),
        Kind::List(items) if items.len() > RULES_MAX => {
            let what = "number of rules of a filter";
            Err(Flaw::too_large(node.line, what, RULES_MAX))
        }
        Kind::List(items) => {
            let names = items
                .iter()
                .map(|item| item.scalar_text().ok_or_else(|| wrong(item.line)));
            Ok(FilterRules::Named(names.collect::<Result<_, _>>()?))
        }
        _ => Err(wrong(node.line)),
    }
}

impl Filter {
    /// Whether the filter is for `rule`.
    pub fn is_for(&self, rule: &Rule) -> bool {
        let part = |own: &Option<String>, found| own.is_none() || own == found;
        let source = &rule.logsource;
        let named = match &self.rules {
            FilterRules::Any => true,
            FilterRules::Named(names) => names
                .iter()
                .any(|name| *name == rule.id || Some(name) == rule.name.as_ref()),
        };
        named
            && part(&self.logsource.product, &source.product)
            && part(&self.logsource.category, &source.category)
            && part(&self.logsource.service, &source.service)
    }

    /// Adds the filter's condition to each of the rule's own.
    pub fn apply(&self, rule: &mut Rule) {
        let first = rule.detection.searches.len();
        let searches = self.detection.searches.iter().map(|named| NamedSearch {
            name: format!("_filter {}: {}", self.id, named.name),
            line: named.line,
            search: named.search.clone(),
        });
        rule.detection.searches.extend(searches);
        let added: Vec<Condition> = self
            .detection
            .conditions
            .iter()
            .map(|written| written.condition.moved_by(first))
            .collect();
        let texts: Vec<&str> = self
            .detection
            .conditions
            .iter()
            .map(|written| written.text.as_str())
            .collect();
        for written in &mut rule.detection.conditions {
            let own = std::mem::replace(&mut written.condition, Condition::All(Vec::new()));
            let added = Condition::Any(added.clone()).simple();
            *written = WrittenCondition {
                text: format!("({}) and ({})", written.text, texts.join(" or ")),
                condition: Condition::All(vec![own, added]),
            };
        }
    }

    /// What the owner of the filter should know although it was accepted.
    pub fn warning(&self) -> Option<String> {
        let negates = |written: &WrittenCondition| written.condition.negates();
        let items = self.detection.searches.iter();
        let negated = items
            .flat_map(|named| named.search.items())
            .any(|item| item.negated);
        (!negated && !self.detection.conditions.iter().any(negates)).then(|| {
            "the filter keeps only events for which its condition holds; to take them away, \
             write `condition: not …`"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Document, parse_documents};

    fn read(yaml: &str) -> Result<Filter, String> {
        match parse_documents(yaml, "f.yml".as_ref()).remove(0) {
            Ok(Document::Filter(filter)) => Ok(*filter),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    const FILTER: &str = "
title: Not the administrators
logsource: {product: windows, category: process_creation}
filter:
    rules: [whoami]
    selection: {User|startswith: adm_}
    condition: not selection
";

    #[test]
    fn a_filter_is_for_the_rules_it_names_in_its_log_source() {
        let filter = read(FILTER).unwrap();
        let rule = |source: &str, name: &str| {
            let yaml = format!(
                "title: t\nname: {name}\nlogsource: {source}\ndetection: {{s: {{a: 1}}, condition: s}}"
            );
            crate::parse_rules(&yaml, "r.yml".as_ref())
                .remove(0)
                .unwrap()
        };
        let here = "{product: windows, category: process_creation, service: x}";
        assert!(filter.is_for(&rule(here, "whoami")));
        assert!(!filter.is_for(&rule(here, "other")));
        assert!(!filter.is_for(&rule("{product: windows}", "whoami")));
        let mut applied = rule(here, "whoami");
        filter.apply(&mut applied);
        assert_eq!(
            applied.detection.conditions[0].text,
            "(s) and (not selection)"
        );
        assert_eq!(
            applied.detection.conditions[0].condition,
            Condition::All(vec![
                Condition::Search(0),
                Condition::Not(Condition::Search(1).into())
            ])
        );
        assert_eq!(filter.warning(), None);
    }

    #[test]
    fn errors_name_line_and_reason() {
        for (from, to, error) in [
            (
                "    rules: [whoami]\n",
                "",
                "f.yml:5: `filter.rules` is missing",
            ),
            (
                "[whoami]",
                "{a: 1}",
                "f.yml:5: `filter.rules` must be `any` or a list",
            ),
            (
                "not selection",
                "not selektion",
                "f.yml:7: condition `not selektion`",
            ),
            (
                "    condition: not selection\n",
                "",
                "`filter.condition` is missing",
            ),
            (
                "startswith",
                "startwith",
                "f.yml:6: unknown modifier `startwith`",
            ),
            ("logsource", "logsauce", "f.yml:2: `logsource` is missing"),
        ] {
            let found = read(&FILTER.replace(from, to)).unwrap_err();
            assert!(found.contains(error), "{found}");
        }
        let keeps = read(&FILTER.replace("not selection", "selection")).unwrap();
        assert!(keeps.warning().unwrap().contains("keeps only"));
        let any = read(&FILTER.replace("[whoami]", "any")).unwrap();
        assert_eq!(any.rules, FilterRules::Any);
    }
}
