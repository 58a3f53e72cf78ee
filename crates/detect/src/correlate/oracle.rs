//! Correlations straight from their definition, over the list of all hits.
//!
//! Slow on purpose: every window is looked at from scratch. [`super::Correlator`] must give the
//! same alerts; property tests hold the two together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use saqshy_sigma::{Condition, Correlation, CorrelationCondition, CorrelationKind};

use super::drafts::{Drafts, firing_input};
use super::input::Key;
use super::measure::Measured;
use super::plan::Plan;
use super::{Firing, Input, Plans};
use crate::AlertDraft;
use crate::hit::digest;

/// The alerts of `inputs`, which may come in any order and more than once.
pub fn alerts(plans: &Plans, inputs: &[Input]) -> Vec<AlertDraft> {
    let mut all: BTreeMap<Key, Arc<Input>> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for input in inputs {
        if ids.insert(&input.id) {
            all.insert(input.key(0), Arc::new(input.clone()));
        }
    }
    let mut drafts = Drafts::default();
    for (plan, rank) in plans.plans.iter().zip(1u32..) {
        let mut groups: BTreeMap<Vec<String>, Vec<Member>> = BTreeMap::new();
        for (key, input) in &all {
            if plan.places_of(input).is_empty() {
                continue;
            }
            let value = Measured::of(&plan.correlation, &plan.values_of(input));
            if let (Some(group), Some(value)) = (plan.group_of(input), value) {
                let (key, input) = (key.clone(), input.clone());
                let places = plan.places_of(&input).to_vec();
                groups.entry(group).or_default().push(Member {
                    key,
                    input,
                    places,
                    value,
                });
            }
        }
        for (group, members) in groups {
            for fired in firings(plan, &group, &members, &mut drafts) {
                all.insert(fired.key(rank), Arc::new(fired));
            }
        }
    }
    drafts.list
}

struct Member {
    key: Key,
    input: Arc<Input>,
    places: Vec<usize>,
    value: Measured,
}

/// The firings of one group whose hits are `members`, in order.
fn firings(plan: &Plan, group: &[String], members: &[Member], drafts: &mut Drafts) -> Vec<Input> {
    let correlation = &plan.correlation;
    let mut inputs = Vec::new();
    let mut open: Option<(Firing, BTreeSet<String>)> = None;
    for (at, last) in members.iter().enumerate() {
        let near = |member: &&Member| {
            last.input.at.duration_since(member.input.at) <= correlation.timespan
        };
        let window: Vec<&Member> = members[..=at].iter().filter(near).collect();
        if !meets(correlation, &window) {
            continue;
        }
        let over = |firing: &Firing| last.input.at.duration_since(firing.at) > correlation.timespan;
        if open.as_ref().is_none_or(|(firing, _)| over(firing)) {
            let first = &window[0].input;
            let mut parts = vec![correlation.id.as_str()];
            parts.extend(group.iter().map(String::as_str));
            parts.extend([first.id.as_str(), last.input.id.as_str()]);
            let firing = Firing {
                id: digest(&parts),
                from: first.at,
                at: last.input.at,
                last: last.key.clone(),
            };
            inputs.push(firing_input(correlation, group, &firing, &last.input));
            open = Some((firing, BTreeSet::new()));
        }
        if let Some((firing, known)) = &mut open {
            let new = window.iter().filter(|it| known.insert(it.input.id.clone()));
            let new: Vec<Arc<Input>> = new.map(|member| member.input.clone()).collect();
            if !plan.silent {
                drafts.add(plan, group, firing, new.into_iter());
            }
        }
    }
    inputs
}

fn meets(correlation: &Correlation, window: &[&Member]) -> bool {
    match &correlation.condition {
        CorrelationCondition::Bounds {
            bounds, percentile, ..
        } => {
            let Some(found) = measure(correlation, *percentile, window) else {
                return false;
            };
            bounds.iter().all(|bound| {
                found
                    .partial_cmp(&bound.number)
                    .is_some_and(|order| bound.relation.holds(order))
            })
        }
        CorrelationCondition::Expression { condition, .. } => {
            if correlation.kind == CorrelationKind::TemporalOrdered {
                !ends(condition, window, None).is_empty()
            } else {
                holds(condition, window)
            }
        }
    }
}

fn measure(correlation: &Correlation, percentile: Option<f64>, window: &[&Member]) -> Option<f64> {
    let micros: Vec<i128> = window
        .iter()
        .filter_map(|member| match member.value {
            Measured::Micro(number) => Some(number),
            _ => None,
        })
        .collect();
    let sum = micros.iter().sum::<i128>() as f64 / 1e6;
    Some(match correlation.kind {
        CorrelationKind::EventCount => {
            let events: BTreeSet<_> = window.iter().map(|it| &it.input.event_id).collect();
            events.len() as f64
        }
        CorrelationKind::ValueCount => {
            let texts: BTreeSet<String> =
                window.iter().map(|it| format!("{:?}", it.value)).collect();
            texts.len() as f64
        }
        CorrelationKind::Temporal => {
            let places: BTreeSet<usize> = window.iter().flat_map(|it| it.places.clone()).collect();
            places.len() as f64
        }
        CorrelationKind::TemporalOrdered => longest(correlation.rules.len(), 0, window) as f64,
        CorrelationKind::ValueSum => sum,
        CorrelationKind::ValueAvg => sum / micros.len() as f64,
        CorrelationKind::ValuePercentile => match percentile {
            Some(percent) => {
                let mut sorted = micros;
                sorted.sort_unstable();
                let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
                *sorted.get(rank - 1)? as f64 / 1e6
            }
            None => {
                let newest = &window.last()?.value;
                let same = window.iter().filter(|it| it.value == *newest).count();
                same as f64 * 100.0 / window.len() as f64
            }
        },
    })
}

fn event(member: &Member) -> (jiff::Timestamp, &str) {
    (member.key.at, &member.key.event_id)
}

/// The most rules from place `from` on that hits of `window` meet in order.
fn longest(rules: usize, from: usize, window: &[&Member]) -> usize {
    let mut best = 0;
    for place in from..rules {
        for (at, member) in window.iter().enumerate() {
            if member.places.contains(&place) {
                let rest = window[at..].iter().filter(|it| event(it) > event(member));
                let rest: Vec<&Member> = rest.copied().collect();
                best = best.max(1 + longest(rules, place + 1, &rest));
            }
        }
    }
    best
}

fn holds(condition: &Condition, window: &[&Member]) -> bool {
    let part = |part: &Condition| holds(part, window);
    match condition {
        Condition::Search(place) => window.iter().any(|it| it.places.contains(place)),
        Condition::Not(inner) => !part(inner),
        Condition::All(parts) => parts.iter().all(part),
        Condition::Any(parts) => parts.iter().any(part),
        Condition::AtLeast(count, parts) => parts.iter().filter(|it| part(it)).count() >= *count,
    }
}

type End<'w> = Option<(jiff::Timestamp, &'w str)>;

/// Every event at which `condition` may end that begins after `after`.
fn ends<'w>(condition: &Condition, window: &[&'w Member], after: End<'w>) -> BTreeSet<End<'w>> {
    match condition {
        Condition::Search(place) => window
            .iter()
            .filter(|it| it.places.contains(place) && after < Some(event(it)))
            .map(|it| Some(event(it)))
            .collect(),
        Condition::Not(inner) if holds(inner, window) => BTreeSet::new(),
        Condition::Not(_) => BTreeSet::from([after]),
        Condition::All(parts) => parts.iter().fold(BTreeSet::from([after]), |from, part| {
            from.into_iter()
                .flat_map(|after| ends(part, window, after))
                .collect()
        }),
        Condition::Any(parts) => parts
            .iter()
            .flat_map(|part| ends(part, window, after))
            .collect(),
        Condition::AtLeast(count, parts) => {
            // All ways to pass over parts.
            let mut ways = vec![BTreeSet::from([after])];
            for part in parts {
                for met in (0..ways.len()).rev() {
                    let next: BTreeSet<End<'w>> = ways[met]
                        .iter()
                        .flat_map(|after| ends(part, window, *after))
                        .collect();
                    match ways.get_mut(met + 1) {
                        Some(known) => known.extend(next),
                        None if next.is_empty() => {}
                        None => ways.push(next),
                    }
                }
            }
            ways.into_iter().nth(*count).unwrap_or_default()
        }
    }
}
