//! From the names in a correlation to the rules they mean.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::correlation::Correlation;
use crate::error::{Reason, RuleError};
use crate::rule::{Origin, Rule};

/// A correlation with what it refers to.
#[derive(Debug, Clone)]
pub struct Linked {
    pub correlation: Arc<Correlation>,
    /// One for each of [`Correlation::rules`].
    pub refers: Vec<Referred>,
    /// For each of them the fields that hold the parts of `group-by`, aliases resolved.
    pub group_fields: Vec<Vec<String>>,
}

/// What one name in a correlation means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Referred {
    /// The detection rule with this id.
    Rule(String),
    /// The correlation at this place of the list; it stands before the one that refers to it.
    Correlation(usize),
}

/// Correlations ready to run, and those that were refused.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// Each after all that it refers to.
    pub linked: Vec<Linked>,
    pub refused: Vec<RuleError>,
}

impl Links {
    /// Ids of rules and correlations that are only the input of others: no correlation that
    /// refers to them says `generate: true`. Correlations in `testing` do not count: they are
    /// looked at, and change nothing for what is below them.
    pub fn silent(&self, testing: &HashSet<String>) -> HashSet<String> {
        let (mut silent, mut loud) = (HashSet::new(), HashSet::new());
        let counting = |link: &&Linked| !testing.contains(&link.correlation.id);
        for link in self.linked.iter().filter(counting) {
            for referred in &link.refers {
                let id = match referred {
                    Referred::Rule(id) => id,
                    Referred::Correlation(at) => &self.linked[*at].correlation.id,
                };
                silent.insert(id.clone());
                if link.correlation.generate {
                    loud.insert(id.as_str());
                }
            }
        }
        silent.retain(|id| !loud.contains(id.as_str()));
        silent
    }
}

/// Resolves references by id or name; where several have it, the one in the file of the
/// correlation is meant.
pub fn link(rules: &[Arc<Rule>], correlations: &[Arc<Correlation>]) -> Links {
    let mut index: HashMap<&str, Vec<Candidate<'_>>> = HashMap::new();
    for rule in rules {
        let (target, origin) = (Target::Rule(&rule.id), &rule.origin);
        for key in keys(&rule.id, rule.name.as_deref()) {
            let candidate = Candidate { target, origin };
            index.entry(key).or_default().push(candidate);
        }
    }
    for (at, found) in correlations.iter().enumerate() {
        let (target, origin) = (Target::Correlation(at), &found.origin);
        for key in keys(&found.id, found.name.as_deref()) {
            let candidate = Candidate { target, origin };
            index.entry(key).or_default().push(candidate);
        }
    }
    let mut linker = Linker {
        correlations,
        index,
        states: vec![State::Open; correlations.len()],
        links: Links::default(),
    };
    for at in 0..correlations.len() {
        linker.visit(at);
    }
    linker.links
}

fn keys<'a>(id: &'a str, name: Option<&'a str>) -> impl Iterator<Item = &'a str> {
    [Some(id), name.filter(|name| *name != id)]
        .into_iter()
        .flatten()
}

#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    target: Target<'a>,
    origin: &'a Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target<'a> {
    Rule(&'a str),
    Correlation(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Being resolved now: meeting it again is a circle.
    Entered,
    Done(usize),
    Refused,
}

struct Linker<'a> {
    correlations: &'a [Arc<Correlation>],
    index: HashMap<&'a str, Vec<Candidate<'a>>>,
    states: Vec<State>,
    links: Links,
}

/// Longest chain of correlations.
const DEPTH_MAX: usize = 32;

impl Linker<'_> {
    fn visit(&mut self, at: usize) {
        if self.states[at] == State::Open {
            self.resolve(at, 0);
        }
    }

    fn resolve(&mut self, at: usize, depth: usize) {
        self.states[at] = State::Entered;
        let correlation = &self.correlations[at];
        let mut refers = Vec::with_capacity(correlation.rules.len());
        for name in &correlation.rules {
            match self.reference(correlation, name, depth) {
                Ok(referred) => refers.push(referred),
                Err(problem) => return self.refuse(at, problem),
            }
        }
        let group_fields = match self.group_fields(correlation) {
            Ok(fields) => fields,
            Err(problem) => return self.refuse(at, problem),
        };
        self.states[at] = State::Done(self.links.linked.len());
        self.links.linked.push(Linked {
            correlation: correlation.clone(),
            refers,
            group_fields,
        });
    }

    /// A part of `group-by` that is no alias, or an alias that leaves the rule out, is a field.
    fn group_fields(&self, correlation: &Correlation) -> Result<Vec<Vec<String>>, String> {
        let listed = correlation.rules.iter();
        let listed: Vec<Target<'_>> = listed
            .map(|name| self.find(correlation, name))
            .collect::<Result<_, _>>()?;
        let mut all = vec![correlation.group_by.clone(); listed.len()];
        for (alias, fields) in &correlation.aliases {
            for (name, field) in fields {
                let wrong = |problem| format!("alias `{alias}`: {problem}");
                let target = self.find(correlation, name).map_err(wrong)?;
                let Some(place) = listed.iter().position(|rule| *rule == target) else {
                    return Err(wrong(format!("`{name}` is not among its rules")));
                };
                let parts = correlation.group_by.iter().zip(&mut all[place]);
                for (_, own) in parts.filter(|(part, _)| *part == alias) {
                    own.clone_from(field);
                }
            }
        }
        Ok(all)
    }

    fn reference(
        &mut self,
        from: &Correlation,
        name: &str,
        depth: usize,
    ) -> Result<Referred, String> {
        let at = match self.find(from, name)? {
            Target::Rule(id) => return Ok(Referred::Rule(id.to_owned())),
            Target::Correlation(at) => at,
        };
        if self.states[at] == State::Open {
            if depth == DEPTH_MAX {
                return Err(format!("a chain of more than {DEPTH_MAX} correlations"));
            }
            self.resolve(at, depth + 1);
        }
        match self.states[at] {
            State::Done(place) => Ok(Referred::Correlation(place)),
            State::Refused => Err(format!("the correlation `{name}` was refused")),
            State::Open | State::Entered => Err(format!("refers to itself through `{name}`")),
        }
    }

    fn find(&self, from: &Correlation, name: &str) -> Result<Target<'_>, String> {
        let Some(candidates) = self.index.get(name) else {
            return Err(format!("no rule has the id or name `{name}`"));
        };
        let here = |it: &&Candidate<'_>| it.origin.file == from.origin.file;
        match candidates.as_slice() {
            [one] => Ok(one.target),
            many => {
                let mut near = many.iter().filter(here);
                match (near.next(), near.next()) {
                    (Some(one), None) => Ok(one.target),
                    _ => Err(format!("{} rules have the name `{name}`", many.len())),
                }
            }
        }
    }

    fn refuse(&mut self, at: usize, problem: String) {
        let correlation = &self.correlations[at];
        self.states[at] = State::Refused;
        self.links.refused.push(RuleError {
            file: correlation.origin.file.clone(),
            line: correlation.origin.line,
            title: Some(correlation.title.clone()),
            reason: Box::new(Reason::Reference(problem)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Document, parse_documents};

    fn linked(yaml: &str) -> Links {
        let (mut rules, mut correlations) = (Vec::new(), Vec::new());
        for document in parse_documents(yaml, "c.yml".as_ref()) {
            match document.unwrap() {
                Document::Rule(rule) => rules.push(Arc::new(*rule)),
                Document::Correlation(found) => correlations.push(Arc::new(*found)),
                Document::Filter(_) => {}
            }
        }
        link(&rules, &correlations)
    }

    fn rule(name: &str) -> String {
        format!(
            "title: {name}\nid: id-{name}\nname: {name}\nlogsource: {{product: x}}\n\
             detection: {{s: {{a: 1}}, condition: s}}\n---\n"
        )
    }

    fn correlation(name: &str, rules: &str, more: &str) -> String {
        format!(
            "title: {name}\nname: {name}\ncorrelation: {{type: event_count, rules: {rules}, \
             timespan: 1m, condition: {{gte: 2}}{more}}}\n---\n"
        )
    }

    #[test]
    fn chains_come_in_order_and_silence_what_they_use() {
        let yaml = correlation("outer", "[inner, b]", ", generate: true")
            + &correlation("inner", "[id-a]", "")
            + &rule("a")
            + &rule("b");
        let links = linked(&yaml);
        assert!(links.refused.is_empty(), "{:?}", links.refused);
        let names: Vec<_> = links.linked.iter().map(|it| &*it.correlation.id).collect();
        assert_eq!(names, ["inner", "outer"]);
        assert_eq!(
            links.linked[1].refers,
            [Referred::Correlation(0), Referred::Rule("id-b".into())]
        );
        let none = HashSet::new();
        assert_eq!(links.silent(&none), HashSet::from(["id-a".to_owned()]));
    }

    #[test]
    fn what_cannot_be_resolved_is_refused_with_the_name() {
        let yaml = correlation("one", "[two]", "")
            + &correlation("two", "[one]", "")
            + &correlation("three", "[nothing]", "")
            + &correlation("four", "[a]", ", aliases: {x: {b: f}}")
            + &rule("a")
            + &rule("b")
            + &correlation("five", "[a]", "");
        let links = linked(&yaml);
        let texts: Vec<_> = links.refused.iter().map(ToString::to_string).collect();
        let all = texts.join("\n");
        for part in [
            "refers to itself through `one`",
            "the correlation `two` was refused",
            "c.yml:9: no rule has the id or name `nothing`",
            "alias `x`: `b` is not among its rules",
        ] {
            assert!(all.contains(part), "{all}");
        }
        assert_eq!(links.linked.len(), 1);
    }
}
