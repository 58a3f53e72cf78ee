//! A rule under a pipeline: fields named as in the event, placeholders filled.
//!
//! Both the engine and the plain evaluator start from here.

use crate::detection::{Item, Search};
use crate::glob::{Glob, Part};
use crate::matcher::Matcher;
use crate::pipeline::{FieldMap, Gate, Names, Pipeline, Target};
use crate::rule::Rule;

/// Most forms that the placeholders of one value may give.
const FORMS_MAX: usize = 10_000;

/// A rule for one kind of event.
#[derive(Debug, Clone)]
pub(crate) struct Variant<'r> {
    /// All must hold before the rule is looked at.
    pub when: Vec<Gate>,
    /// One tree for each search identifier.
    pub searches: Vec<Tree<'r>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Tree<'r> {
    All(Vec<Tree<'r>>),
    Any(Vec<Tree<'r>>),
    Item(Leaf<'r>),
}

#[derive(Debug, Clone)]
pub(crate) struct Leaf<'r> {
    pub item: &'r Item,
    pub names: Names,
    /// For each value of the item the tests of which one must hold.
    pub values: Vec<Vec<Bound>>,
}

/// A matcher with what it needs of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Bound {
    pub matcher: Matcher,
    /// Where the event holds the field that `matcher` refers to.
    pub other: Option<Names>,
}

/// The variants of a rule, whether a pipeline file maps its log source, and the placeholders
/// that have no value (their values never match).
pub(crate) struct Resolved<'r> {
    pub variants: Vec<Variant<'r>>,
    pub mapped: bool,
    pub unfilled: Vec<String>,
}

/// Resolves `rule`; an error is a placeholder with too many values.
pub(crate) fn resolve<'r>(rule: &'r Rule, pipeline: &Pipeline) -> Result<Resolved<'r>, String> {
    let (targets, mapped) = pipeline.targets(&rule.logsource);
    let mut resolver = Resolver {
        pipeline,
        unfilled: Vec::new(),
    };
    let variants: Result<Vec<_>, String> = targets
        .into_iter()
        .map(|Target { when, fields }| {
            let searches: Result<Vec<_>, String> = rule
                .detection
                .searches
                .iter()
                .map(|named| resolver.tree(&named.search, &fields))
                .collect();
            Ok(Variant {
                when,
                searches: searches?,
            })
        })
        .collect();
    Ok(Resolved {
        variants: variants?,
        mapped,
        unfilled: resolver.unfilled,
    })
}

struct Resolver<'p> {
    pipeline: &'p Pipeline,
    unfilled: Vec<String>,
}

impl Resolver<'_> {
    fn tree<'r>(&mut self, search: &'r Search, fields: &FieldMap) -> Result<Tree<'r>, String> {
        let mut all = |parts: &'r [Search]| {
            parts
                .iter()
                .map(|part| self.tree(part, fields))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(match search {
            Search::All(parts) => Tree::All(all(parts)?),
            Search::Any(parts) => Tree::Any(all(parts)?),
            Search::Item(item) => Tree::Item(self.leaf(item, fields)?),
        })
    }

    fn leaf<'r>(&mut self, item: &'r Item, fields: &FieldMap) -> Result<Leaf<'r>, String> {
        let mut values = Vec::with_capacity(item.values.len());
        for test in &item.values {
            let mut bound = Vec::with_capacity(test.any_of.len());
            for matcher in &test.any_of {
                self.bind(matcher, item, fields, &mut bound)?;
            }
            values.push(bound);
        }
        let names = item
            .field
            .as_ref()
            .map_or_else(|| fields.keywords(), |field| fields.names(field));
        Ok(Leaf {
            item,
            names,
            values,
        })
    }

    fn bind(
        &mut self,
        matcher: &Matcher,
        item: &Item,
        fields: &FieldMap,
        out: &mut Vec<Bound>,
    ) -> Result<(), String> {
        let mut push = |matcher, other| out.push(Bound { matcher, other });
        match matcher {
            Matcher::FieldRef { field, .. } => push(matcher.clone(), Some(fields.names(field))),
            Matcher::Text { glob, cased } => {
                for glob in self.fill(glob)? {
                    let field = item.field.as_deref().unwrap_or_default();
                    let other = glob
                        .as_literal()
                        .and_then(|text| fields.event_value(field, text));
                    if let Some(other) = other {
                        push(
                            Matcher::Text {
                                glob: Glob::literal(other),
                                cased: *cased,
                            },
                            None,
                        );
                    }
                    push(
                        Matcher::Text {
                            glob,
                            cased: *cased,
                        },
                        None,
                    );
                }
            }
            other => push(other.clone(), None),
        }
        Ok(())
    }

    /// The glob with every combination of the values of its placeholders.
    fn fill(&mut self, glob: &Glob) -> Result<Vec<Glob>, String> {
        let mut forms = vec![Glob::default()];
        for part in glob.parts() {
            let Part::Placeholder(name) = part else {
                forms.iter_mut().for_each(|form| form.push(part.clone()));
                continue;
            };
            let values: Vec<Glob> = match self.pipeline.placeholder(name) {
                Some(values) => values.iter().map(|value| Glob::parse(value)).collect(),
                None => {
                    if !self.unfilled.contains(name) {
                        self.unfilled.push(name.clone());
                    }
                    Vec::new()
                }
            };
            if forms.len() * values.len() > FORMS_MAX {
                return Err(format!(
                    "placeholder `%{name}%` gives more than {FORMS_MAX} values"
                ));
            }
            forms = forms
                .iter()
                .flat_map(|form| {
                    values.iter().map(|value| {
                        let mut form = form.clone();
                        value
                            .parts()
                            .iter()
                            .for_each(|part| form.push(part.clone()));
                        form
                    })
                })
                .collect();
        }
        Ok(forms)
    }
}
