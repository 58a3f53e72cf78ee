//! Which correlation asks what of the hits of which rule.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use saqshy_event::{EventRef, FieldSet};
use saqshy_sigma::{
    Correlation, CorrelationCondition, FieldReader, Linked, Links, Pipeline, Referred, Rule,
};

use super::input::fit;
use crate::correlate::Input;
use crate::hit::digest;
use crate::{Hit, RuleSet};

/// The correlations in service, ready to be fed.
#[derive(Debug, Default)]
pub struct Plans {
    pub(super) plans: Vec<Plan>,
    /// Id of a rule or correlation → the correlations that it feeds.
    pub(super) feeds: HashMap<String, Vec<usize>>,
    /// Id → how long its hits are needed, in seconds.
    pub(super) spans: HashMap<String, i64>,
    /// Id of a correlation → its place.
    pub(super) places: HashMap<String, usize>,
    /// Id → fields that correlations want of its hits.
    wanted: HashMap<String, BTreeSet<String>>,
    /// Id → digest of its text and of the filters for it.
    texts: HashMap<String, String>,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub correlation: Arc<Correlation>,
    /// Its firings only feed others.
    pub silent: bool,
    /// Id of a rule or correlation → how its hits are read.
    sources: HashMap<String, Source>,
}

#[derive(Debug, Default)]
struct Source {
    places: Vec<usize>,
    /// The field behind each part of `group-by`.
    group: Vec<String>,
}

impl Plans {
    /// `rules` holds the documents behind `links`. Firings of the correlations in `testing` feed no
    /// other.
    pub fn new(links: &Links, rules: &RuleSet, testing: &HashSet<String>) -> Self {
        let silent = links.silent(testing);
        let mut plans = Plans::default();
        for (at, linked) in links.linked.iter().enumerate() {
            let id = &linked.correlation.id;
            plans.places.insert(id.clone(), at);
            let sources = sources(linked, &links.linked, testing);
            let span = linked.correlation.timespan.as_secs();
            for source in sources.keys() {
                plans.feeds.entry(source.clone()).or_default().push(at);
                let longest = plans.spans.entry(source.clone()).or_default();
                *longest = span.max(*longest);
            }
            plans.plans.push(Plan {
                correlation: linked.correlation.clone(),
                silent: silent.contains(id) && !testing.contains(id),
                sources,
            });
        }
        // What an outer correlation wants of an inner one must already be in the inner one's hits.
        for plan in plans.plans.iter().rev() {
            let inherited = plans.wanted.get(&plan.correlation.id).cloned();
            for (id, source) in &plan.sources {
                let wanted = plans.wanted.entry(id.clone()).or_default();
                wanted.extend(inherited.iter().flatten().cloned());
                wanted.extend(source.group.iter().cloned());
                wanted.extend(condition_fields(&plan.correlation).iter().cloned());
            }
        }
        for id in plans.feeds.keys().chain(plans.places.keys()) {
            if let Some(text) = text_of(rules, id) {
                plans.texts.insert(id.clone(), text);
            }
        }
        plans
    }

    /// Correlation → 32 hexadecimal digits that change with its form: its own text, the texts and
    /// filters of what is below it, and what `mode` says of each of them, which is how it is in
    /// service.
    pub fn definitions<'m>(&self, mode: impl Fn(&str) -> &'m str) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let text = |id: &str| self.texts.get(id).map_or("", String::as_str);
        // Each stands after all that it refers to.
        for plan in &self.plans {
            let id = plan.correlation.id.as_str();
            let alerts = if plan.silent { "silent" } else { "alerts" };
            let mut parts = vec![text(id), mode(id), alerts];
            for below in plan.sources.keys().collect::<BTreeSet<_>>() {
                let form = all.get(below).map_or_else(|| text(below), String::as_str);
                parts.extend([below.as_str(), form, mode(below)]);
            }
            let form = digest(&parts);
            all.insert(id.to_owned(), form);
        }
        all
    }

    /// Ids of the correlations that the hits of a rule or correlation feed.
    pub fn fed_by(&self, id: &str) -> impl Iterator<Item = &str> {
        let places = self.feeds.get(id).into_iter().flatten();
        places.map(|at| self.plans[*at].correlation.id.as_str())
    }

    /// Correlations in service.
    pub fn correlations(&self) -> impl Iterator<Item = &Arc<Correlation>> {
        self.plans.iter().map(|plan| &plan.correlation)
    }

    /// Whether hits of the rule or correlation feed any.
    pub fn wants(&self, id: &str) -> bool {
        self.feeds.contains_key(id)
    }

    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }
}

impl Plan {
    /// Places of the rule in the correlation's list.
    pub fn places_of(&self, input: &Input) -> &[usize] {
        self.sources
            .get(&input.rule)
            .map_or(&[], |source| &source.places)
    }

    /// The values of `group-by`; `None` if the hit lacks one.
    pub fn group_of(&self, input: &Input) -> Option<Vec<String>> {
        let source = self.sources.get(&input.rule)?;
        let value = |field: &String| input.fields.get(field).cloned();
        source.group.iter().map(value).collect()
    }

    /// The values of `condition.field`.
    pub fn values_of<'i>(&self, input: &'i Input) -> Vec<Option<&'i str>> {
        let value = |field: &String| input.fields.get(field).map(String::as_str);
        condition_fields(&self.correlation)
            .iter()
            .map(value)
            .collect()
    }
}

fn condition_fields(correlation: &Correlation) -> &[String] {
    match &correlation.condition {
        CorrelationCondition::Bounds { field, .. } => field,
        CorrelationCondition::Expression { .. } => &[],
    }
}

fn sources(linked: &Linked, all: &[Linked], testing: &HashSet<String>) -> HashMap<String, Source> {
    let mut sources: HashMap<String, Source> = HashMap::new();
    let groups = linked.group_fields.iter();
    for (place, (referred, group)) in linked.refers.iter().zip(groups).enumerate() {
        let id = match referred {
            Referred::Rule(id) => id,
            Referred::Correlation(at) => match &all[*at].correlation.id {
                id if testing.contains(id) => continue,
                id => id,
            },
        };
        let source = sources.entry(id.clone()).or_default();
        source.places.push(place);
        source.group.clone_from(group);
    }
    sources
}

/// Of the text of a rule with those of its filters, or of a correlation.
fn text_of(rules: &RuleSet, id: &str) -> Option<String> {
    if let Some(rule) = rules.rule(id) {
        let filters = rules.filters().iter().filter(|filter| filter.is_for(rule));
        let mut parts = vec![&*rule.source];
        parts.extend(filters.map(|filter| &*filter.source));
        return Some(digest(&parts));
    }
    Some(digest(&[rules.head(id)?.source]))
}

/// Makes inputs of the hits of rules that feed a correlation.
#[derive(Debug, Default)]
pub(crate) struct InputReaders {
    /// By index of the rule among those compiled.
    readers: HashMap<u32, (Vec<String>, FieldReader)>,
}

impl InputReaders {
    pub fn new(plans: &Plans, rules: &[Arc<Rule>], pipeline: &Pipeline) -> Self {
        let mut readers = HashMap::new();
        for (rule, at) in rules.iter().zip(0u32..) {
            let Some(wanted) = plans.wanted.get(&rule.id) else {
                continue;
            };
            let fields: Vec<String> = wanted.iter().cloned().collect();
            let reader = FieldReader::new(pipeline, &rule.logsource, &fields);
            readers.insert(at, (fields, reader));
        }
        InputReaders { readers }
    }

    /// What is read of a Windows event.
    pub fn windows_fields(&self) -> impl Iterator<Item = &FieldSet> {
        let readers = self.readers.values();
        readers.map(|(_, reader)| reader.windows_fields())
    }

    /// The input for the hit of the rule at `rule` on `event`, if a correlation wants it.
    pub fn input(&self, rule: u32, hit: &Hit, event: EventRef<'_>) -> Option<Input> {
        let (fields, reader) = self.readers.get(&rule)?;
        let values = fields.iter().zip(reader.read(event));
        let fields: BTreeMap<String, String> = values
            .filter_map(|(field, value)| {
                let text = value?.to_text()?;
                Some((field.clone(), fit(&text).to_owned()))
            })
            .collect();
        Some(Input {
            id: hit.id.clone(),
            rule: hit.rule_id.clone(),
            event_id: hit.event_id.clone(),
            at: hit.at,
            fields,
            dataset: hit.dataset.clone(),
            host: hit.host.clone(),
            user: hit.user.clone(),
            source_ip: hit.source_ip.clone(),
            generation: 0,
        })
    }
}
