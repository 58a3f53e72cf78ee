//! What a window holds, kept up to date hit by hit.

use std::collections::{BTreeMap, HashMap, VecDeque};

use saqshy_sigma::{Bound, Condition, Correlation, CorrelationCondition, CorrelationKind};

/// Millionths: numbers are added exactly, so that the order of adding does not matter.
const MICRO: f64 = 1e6;
/// Larger numbers are taken as this one.
const NUMBER_MAX: f64 = 1e24;

/// What one hit adds to a window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// Rises with the event: hits of one event have the same.
    pub ordinal: u64,
    /// Places in [`Correlation::rules`] of the rule that hit.
    pub places: Vec<usize>,
    pub value: Measured,
}

/// The value of the condition's field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Measured {
    Nothing,
    Text(String),
    Micro(i128),
}

impl Measured {
    /// What `correlation` asks of a hit with these values of its `condition.field`; `None` if the
    /// hit has nothing to measure.
    pub fn of(correlation: &Correlation, values: &[Option<&str>]) -> Option<Self> {
        match correlation.kind {
            CorrelationKind::EventCount
            | CorrelationKind::Temporal
            | CorrelationKind::TemporalOrdered => Some(Measured::Nothing),
            CorrelationKind::ValueCount => {
                let values: Option<Vec<&str>> = values.iter().copied().collect();
                values.map(|values| Measured::Text(values.join("\u{1f}")))
            }
            CorrelationKind::ValuePercentile if percentile(correlation).is_none() => {
                let text = values.first().copied().flatten()?;
                Some(Measured::Text(text.to_owned()))
            }
            CorrelationKind::ValueSum
            | CorrelationKind::ValueAvg
            | CorrelationKind::ValuePercentile => {
                micro_of(values.first().copied().flatten()?).map(Measured::Micro)
            }
        }
    }
}

fn percentile(correlation: &Correlation) -> Option<f64> {
    match &correlation.condition {
        CorrelationCondition::Bounds { percentile, .. } => *percentile,
        CorrelationCondition::Expression { .. } => None,
    }
}

fn micro_of(text: &str) -> Option<i128> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(i128::from(whole) * MICRO as i128);
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then(|| micro(number))
}

fn micro(number: f64) -> i128 {
    (number.clamp(-NUMBER_MAX, NUMBER_MAX) * MICRO).round() as i128
}

/// A fraction of whole numbers, in millionths.
struct Ratio {
    over: i128,
    under: i128,
}

impl Ratio {
    fn count(count: usize) -> Self {
        Ratio {
            over: count as i128 * MICRO as i128,
            under: 1,
        }
    }

    fn meets(&self, bound: &Bound) -> bool {
        let other = micro(bound.number).saturating_mul(self.under);
        bound.relation.holds(self.over.cmp(&other))
    }
}

/// The running figures of a window.
#[derive(Debug)]
pub(super) enum Measure {
    Events(HashMap<u64, usize>),
    Distinct(HashMap<String, usize>),
    /// Sum and number; the mean if true.
    Total(i128, usize, bool),
    Percentile(f64, BTreeMap<i128, usize>, usize),
    Share(HashMap<String, usize>, usize, Option<String>),
    /// Ordinals of the hits of each rule; in the order of the rules if true.
    Rules(Vec<VecDeque<u64>>, bool),
}

impl Measure {
    pub fn new(correlation: &Correlation) -> Self {
        let rules = || vec![VecDeque::new(); correlation.rules.len()];
        match correlation.kind {
            CorrelationKind::EventCount => Measure::Events(HashMap::new()),
            CorrelationKind::ValueCount => Measure::Distinct(HashMap::new()),
            CorrelationKind::ValueSum => Measure::Total(0, 0, false),
            CorrelationKind::ValueAvg => Measure::Total(0, 0, true),
            CorrelationKind::ValuePercentile => match percentile(correlation) {
                Some(percent) => Measure::Percentile(percent, BTreeMap::new(), 0),
                None => Measure::Share(HashMap::new(), 0, None),
            },
            CorrelationKind::Temporal => Measure::Rules(rules(), false),
            CorrelationKind::TemporalOrdered => Measure::Rules(rules(), true),
        }
    }

    pub fn add(&mut self, sample: &Sample) {
        match (self, &sample.value) {
            (Measure::Events(events), _) => *events.entry(sample.ordinal).or_default() += 1,
            (Measure::Distinct(values), Measured::Text(text)) => {
                *values.entry(text.clone()).or_default() += 1;
            }
            (Measure::Total(sum, count, _), Measured::Micro(number)) => {
                *sum += number;
                *count += 1;
            }
            (Measure::Percentile(_, numbers, count), Measured::Micro(number)) => {
                *numbers.entry(*number).or_default() += 1;
                *count += 1;
            }
            (Measure::Share(values, count, newest), Measured::Text(text)) => {
                *values.entry(text.clone()).or_default() += 1;
                *count += 1;
                *newest = Some(text.clone());
            }
            (Measure::Rules(rules, _), _) => {
                for &place in &sample.places {
                    rules[place].push_back(sample.ordinal);
                }
            }
            // `Measured::of` gives each kind what it measures.
            _ => debug_assert!(false, "a sample of another kind"),
        }
    }

    /// Takes the oldest sample away.
    pub fn remove(&mut self, sample: &Sample) {
        match (self, &sample.value) {
            (Measure::Events(events), _) => less(events, &sample.ordinal),
            (Measure::Distinct(values), Measured::Text(text)) => less(values, text),
            (Measure::Total(sum, count, _), Measured::Micro(number)) => {
                *sum -= number;
                *count -= 1;
            }
            (Measure::Percentile(_, numbers, count), Measured::Micro(number)) => {
                if let Some(left) = numbers.get_mut(number) {
                    *left -= 1;
                    if *left == 0 {
                        numbers.remove(number);
                    }
                }
                *count -= 1;
            }
            (Measure::Share(values, count, _), Measured::Text(text)) => {
                less(values, text);
                *count -= 1;
            }
            (Measure::Rules(rules, _), _) => {
                for &place in &sample.places {
                    rules[place].pop_front();
                }
            }
            _ => debug_assert!(false, "a sample of another kind"),
        }
    }

    /// Whether the window meets the condition.
    pub fn meets(&self, condition: &CorrelationCondition) -> bool {
        match condition {
            CorrelationCondition::Bounds { bounds, .. } => self
                .ratio()
                .is_some_and(|ratio| bounds.iter().all(|bound| ratio.meets(bound))),
            CorrelationCondition::Expression { condition, .. } => match self {
                Measure::Rules(rules, false) => holds(condition, rules),
                Measure::Rules(rules, true) => earliest(condition, rules, 0).is_some(),
                _ => false,
            },
        }
    }

    fn ratio(&self) -> Option<Ratio> {
        Some(match self {
            Measure::Events(events) => Ratio::count(events.len()),
            Measure::Distinct(values) => Ratio::count(values.len()),
            Measure::Total(sum, _, false) => Ratio {
                over: *sum,
                under: 1,
            },
            Measure::Total(sum, count, true) => Ratio {
                over: *sum,
                under: (*count > 0).then_some(*count as i128)?,
            },
            Measure::Percentile(percent, numbers, count) => {
                // Nearest rank: the smallest number such that so many percent are not above it.
                let rank = (percent / 100.0 * *count as f64).ceil().max(1.0) as usize;
                let mut seen = 0;
                let over = numbers.iter().find_map(|(number, times)| {
                    seen += times;
                    (seen >= rank).then_some(*number)
                })?;
                Ratio { over, under: 1 }
            }
            Measure::Share(values, count, newest) => {
                let same = *values.get(newest.as_ref()?)?;
                Ratio {
                    over: same as i128 * 100 * MICRO as i128,
                    under: *count as i128,
                }
            }
            Measure::Rules(rules, false) => {
                Ratio::count(rules.iter().filter(|hits| !hits.is_empty()).count())
            }
            Measure::Rules(rules, true) => {
                let ends = in_order(rules.len(), 0, |place, after| {
                    next_after(&rules[place], after)
                });
                Ratio::count(ends.len() - 1)
            }
        })
    }
}

fn less<K: std::hash::Hash + Eq + Clone>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(left) = counts.get_mut(key) {
        *left -= 1;
        if *left == 0 {
            counts.remove(key);
        }
    }
}

fn next_after(hits: &VecDeque<u64>, after: u64) -> Option<u64> {
    hits.get(hits.partition_point(|&at| at <= after)).copied()
}

/// The earliest events after `after` at which none, one, two… of `parts` are met one after the
/// other, in their order; parts may be passed over. `find` gives the earliest end of a part that
/// begins after an event.
fn in_order(parts: usize, after: u64, find: impl Fn(usize, u64) -> Option<u64>) -> Vec<u64> {
    let mut ends: Vec<u64> = vec![after];
    for part in 0..parts {
        for met in (0..ends.len()).rev() {
            let Some(end) = find(part, ends[met]) else {
                continue;
            };
            match ends.get_mut(met + 1) {
                Some(best) => *best = end.min(*best),
                None => ends.push(end),
            }
        }
    }
    ends
}

fn holds(condition: &Condition, rules: &[VecDeque<u64>]) -> bool {
    let part = |part: &Condition| holds(part, rules);
    match condition {
        Condition::Search(place) => !rules[*place].is_empty(),
        Condition::Not(inner) => !part(inner),
        Condition::All(parts) => parts.iter().all(part),
        Condition::Any(parts) => parts.iter().any(part),
        Condition::AtLeast(count, parts) => parts.iter().filter(|it| part(it)).count() >= *count,
    }
}

/// The earliest event at which `condition` is met by events after `after`, those of an `and` one
/// after the other. What stands under `not` must be nowhere in the window.
fn earliest(condition: &Condition, rules: &[VecDeque<u64>], after: u64) -> Option<u64> {
    match condition {
        Condition::Search(place) => next_after(&rules[*place], after),
        Condition::Not(inner) => (!holds(inner, rules)).then_some(after),
        Condition::All(parts) => parts
            .iter()
            .try_fold(after, |after, part| earliest(part, rules, after)),
        Condition::Any(parts) => parts
            .iter()
            .filter_map(|part| earliest(part, rules, after))
            .min(),
        Condition::AtLeast(count, parts) => {
            let find = |part: usize, from: u64| earliest(&parts[part], rules, from);
            in_order(parts.len(), after, find).get(*count).copied()
        }
    }
}
