//! The `detection` section: search identifiers and the condition over them.

use crate::condition::{self, Condition, Names};
use crate::error::{Flaw, Reason};
use crate::glob::DASHES;
use crate::matcher::Matcher;
use crate::modifier::{self, Modifier};
use crate::yaml::{Entry, Kind, Node};

/// Most matchers of one rule, forms made by modifiers included.
const MATCHERS_MAX: usize = 50_000;
/// Most bytes of the texts of one rule, forms made by modifiers included.
const TEXT_BYTES_MAX: usize = 4 << 20;
/// The dashes of a value that are looked for in all their forms; see [`DASHES`].
const DASHES_MAX: usize = 2;
/// Most conditions of one rule.
const CONDITIONS_MAX: usize = 1_000;
/// Most states of all regular expressions of one rule together. Each is limited by itself too, but a
/// list of a few thousand that are just below it would take minutes and gigabytes.
const REGEX_STATES_MAX: usize = 1_000_000;

/// What a rule looks for. Conditions of a list are linked with OR.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    pub searches: Vec<NamedSearch>,
    pub conditions: Vec<WrittenCondition>,
}

/// A search identifier with its definition.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedSearch {
    pub name: String,
    pub line: usize,
    pub search: Search,
}

/// A condition and its text in the rule.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenCondition {
    pub text: String,
    pub condition: Condition,
}

/// A mapping (all), a list (any) or a single test.
#[derive(Debug, Clone, PartialEq)]
pub enum Search {
    All(Vec<Search>),
    Any(Vec<Search>),
    Item(Item),
}

/// One line of a selection: a field, its modifiers and values.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The field as the rule names it; `None` searches the whole event (keywords).
    pub field: Option<String>,
    /// Field and modifiers as written, for example `CommandLine|contains|all`.
    pub key: String,
    pub line: usize,
    /// Every value must hold (`all`), not just one.
    pub all: bool,
    /// The result is turned round (`neq`); so an absent field is different from every value.
    pub negated: bool,
    pub values: Vec<Test>,
}

/// One value of an item: any of the matchers that its modifiers made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// The value as written.
    pub written: String,
    pub any_of: Vec<Matcher>,
}

impl Detection {
    /// How many values there are, and again how many the conditions ask for, each mention counted.
    pub fn size(&self) -> usize {
        let searches = self.searches.iter();
        let sizes: Vec<usize> = searches.map(|named| named.search.matchers()).collect();
        let mut size = sizes.iter().sum();
        for written in &self.conditions {
            written.condition.mentions(&mut |at| size += sizes[at]);
        }
        size
    }
}

impl Search {
    /// Every item inside, in order.
    pub fn items(&self) -> Vec<&Item> {
        match self {
            Search::All(parts) | Search::Any(parts) => {
                parts.iter().flat_map(|part| part.items()).collect()
            }
            Search::Item(item) => vec![item],
        }
    }

    /// How many matchers all values have.
    pub fn matchers(&self) -> usize {
        let values = self.items().into_iter().flat_map(|item| &item.values);
        values.map(|value| value.any_of.len()).sum()
    }
}

pub(crate) fn parse(node: &Node) -> Result<Detection, Flaw> {
    parse_section(node, "detection")
}

/// As [`parse`], for a section of another name: `detection` or `filter`.
pub(crate) fn parse_section(node: &Node, section: &str) -> Result<Detection, Flaw> {
    let wrong = |expected| {
        let key = section.to_owned();
        Flaw::new(node.line, Reason::WrongType { key, expected })
    };
    let entries = node.as_map().ok_or_else(|| wrong("a mapping"))?;
    let mut reader = Reader::default();
    let mut searches = Vec::new();
    for entry in entries {
        // `timeframe` belonged to the aggregations of Sigma 1.
        if entry.key == "condition" || entry.key == "timeframe" {
            continue;
        }
        let search = reader.search(&entry.value, &entry.key)?;
        searches.push(NamedSearch {
            name: entry.key.clone(),
            line: entry.line,
            search,
        });
    }
    if searches.is_empty() {
        return Err(wrong("a mapping with at least one search identifier"));
    }
    let condition = node.get("condition");
    let name = match section {
        "filter" => "filter.condition",
        _ => "detection.condition",
    };
    let condition = condition.ok_or(Flaw::new(node.line, Reason::Missing(name)))?;
    let conditions = conditions(condition, &searches)?;
    Ok(Detection {
        searches,
        conditions,
    })
}

/// One search identifier by itself.
pub(crate) fn parse_search(node: &Node, name: &str) -> Result<Search, Flaw> {
    Reader::default().search(node, name)
}

fn conditions(node: &Node, searches: &[NamedSearch]) -> Result<Vec<WrittenCondition>, Flaw> {
    let mut names = Names::new(
        searches
            .iter()
            .map(|named| (named.name.as_str(), named.search.matchers())),
    );
    let wrong = |line| {
        let key = "detection.condition".to_owned();
        Flaw::new(
            line,
            Reason::WrongType {
                key,
                expected: "text or a list of texts",
            },
        )
    };
    let items = match &node.kind {
        Kind::List(items) if !items.is_empty() => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.len() > CONDITIONS_MAX {
        let what = "number of conditions of a rule";
        return Err(Flaw::too_large(node.line, what, CONDITIONS_MAX));
    }
    items
        .iter()
        .map(|item| {
            let text = item.scalar_text().ok_or_else(|| wrong(item.line))?;
            let condition = condition::parse(&text, &mut names).map_err(|problem| {
                Flaw::new(
                    item.line,
                    Reason::Condition {
                        condition: text.clone(),
                        problem,
                    },
                )
            })?;
            Ok(WrittenCondition { text, condition })
        })
        .collect()
}

#[derive(Default)]
struct Reader {
    matchers: usize,
    text_bytes: usize,
    regex_states: usize,
}

impl Reader {
    fn search(&mut self, node: &Node, name: &str) -> Result<Search, Flaw> {
        match &node.kind {
            Kind::Map(entries) if !entries.is_empty() => self.map(entries),
            Kind::List(items) if !items.is_empty() => self.list(node.line, items, name),
            Kind::Text(_) | Kind::Number(_) | Kind::Bool(_) => {
                self.keywords(node.line, std::slice::from_ref(node))
            }
            Kind::Map(_) | Kind::List(_) | Kind::Null => {
                let expected = "a mapping, a list or a keyword, and not empty";
                Err(Flaw::new(
                    node.line,
                    Reason::WrongType {
                        key: name.to_owned(),
                        expected,
                    },
                ))
            }
        }
    }

    fn map(&mut self, entries: &[Entry]) -> Result<Search, Flaw> {
        let mut parts = Vec::with_capacity(entries.len());
        for entry in entries {
            parts.push(Search::Item(self.item(entry)?));
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Search::All(parts)
        })
    }

    /// A list of keywords, of mappings, or of both.
    fn list(&mut self, line: usize, items: &[Node], name: &str) -> Result<Search, Flaw> {
        if items.iter().all(|item| item.scalar_text().is_some()) {
            return self.keywords(line, items);
        }
        let parts: Result<Vec<_>, _> = items.iter().map(|item| self.search(item, name)).collect();
        let mut parts = parts?;
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Search::Any(parts)
        })
    }

    fn keywords(&mut self, line: usize, nodes: &[Node]) -> Result<Search, Flaw> {
        let values: Result<Vec<_>, _> = nodes
            .iter()
            .map(|node| self.test(node, &[], &[], "", true))
            .collect();
        Ok(Search::Item(Item {
            field: None,
            key: String::new(),
            line,
            all: false,
            negated: false,
            values: values?,
        }))
    }

    fn item(&mut self, entry: &Entry) -> Result<Item, Flaw> {
        let (field, names) = match entry.key.split_once('|') {
            Some((field, names)) => (field, names.split('|').collect()),
            None => (entry.key.as_str(), Vec::new()),
        };
        let chain: Result<Vec<Modifier>, Flaw> = names
            .iter()
            .map(|name| {
                Modifier::parse(name).ok_or_else(|| {
                    let (field, modifier) = (field.to_owned(), (*name).to_owned());
                    Flaw::new(entry.line, Reason::UnknownModifier { field, modifier })
                })
            })
            .collect();
        let chain = chain?;
        let nodes = match &entry.value.kind {
            Kind::List(items) if items.is_empty() => {
                let expected = "a value or a list of values, and not empty";
                let key = entry.key.clone();
                return Err(Flaw::new(
                    entry.value.line,
                    Reason::WrongType { key, expected },
                ));
            }
            Kind::List(items) => items.as_slice(),
            Kind::Map(_) => {
                let key = entry.key.clone();
                let expected = "a value or a list of values, not a mapping";
                return Err(Flaw::new(
                    entry.value.line,
                    Reason::WrongType { key, expected },
                ));
            }
            _ => std::slice::from_ref(&entry.value),
        };
        let keyword = field.is_empty();
        let values: Result<Vec<_>, _> = nodes
            .iter()
            .map(|node| self.test(node, &chain, &names, field, keyword))
            .collect();
        Ok(Item {
            field: (!keyword).then(|| field.to_owned()),
            key: entry.key.clone(),
            line: entry.line,
            all: chain.contains(&Modifier::All),
            negated: chain.contains(&Modifier::Neq),
            values: values?,
        })
    }

    fn test(
        &mut self,
        node: &Node,
        chain: &[Modifier],
        names: &[&str],
        field: &str,
        keyword: bool,
    ) -> Result<Test, Flaw> {
        let any_of = modifier::apply(node, chain, keyword).map_err(|(at, problem)| {
            let field = if keyword {
                "(keyword)".to_owned()
            } else {
                field.to_owned()
            };
            let reason = if chain.contains(&Modifier::Re) {
                let pattern = node.scalar_text().unwrap_or_default();
                Reason::Regex {
                    field,
                    pattern,
                    problem,
                }
            } else {
                let modifier = names
                    .get(at)
                    .map_or(String::new(), |name| (*name).to_owned());
                Reason::Modifier {
                    field,
                    modifier,
                    problem,
                }
            };
            Flaw::new(node.line, reason)
        })?;
        let needs_field = any_of.iter().any(|matcher| {
            matches!(
                matcher,
                Matcher::Exists(_) | Matcher::Null | Matcher::FieldRef { .. }
            )
        });
        if keyword && needs_field {
            let key = format!("|{}", names.join("|"));
            let expected = "below a field: the whole event has no presence and no reference";
            return Err(Flaw::new(node.line, Reason::WrongType { key, expected }));
        }
        for matcher in &any_of {
            let (forms, bytes) = match matcher {
                Matcher::Text { glob, .. } => {
                    let dashes = glob.dashes().min(DASHES_MAX) as u32;
                    (DASHES.len().pow(dashes), glob.text_bytes())
                }
                _ => (1, 0),
            };
            self.matchers += forms;
            self.text_bytes = self.text_bytes.saturating_add(forms.saturating_mul(bytes));
        }
        if self.matchers > MATCHERS_MAX {
            let what = "number of values of a rule, with the forms that modifiers make of them,";
            return Err(Flaw::too_large(node.line, what, MATCHERS_MAX));
        }
        if self.text_bytes > TEXT_BYTES_MAX {
            let what = "size of the values of a rule in bytes, with the forms that modifiers make \
                        of them,";
            return Err(Flaw::too_large(node.line, what, TEXT_BYTES_MAX));
        }
        for matcher in &any_of {
            if let Matcher::Regex(pattern) = matcher {
                self.regex_states = self.regex_states.saturating_add(pattern.states);
            }
        }
        if self.regex_states > REGEX_STATES_MAX {
            let what = "size of the regular expressions of a rule, compiled, in states,";
            return Err(Flaw::too_large(node.line, what, REGEX_STATES_MAX));
        }
        let written = node.scalar_text().unwrap_or_else(|| "null".to_owned());
        Ok(Test { written, any_of })
    }
}
