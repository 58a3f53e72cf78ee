//! The plain evaluator: every rule on every event, straight from the definition.
//!
//! Slow on purpose. The engine must give the same matches; property tests hold the two together.

use std::collections::HashMap;
use std::sync::Arc;

use saqshy_event::{Batch, EventRef, Value};

use crate::Match;
use crate::condition::Condition;
use crate::keywords::{searched_field, searched_in_windows, searched_value};
use crate::pipeline::{Gate, Names, Pipeline};
use crate::resolve::{Leaf, Tree, Variant, resolve};
use crate::rule::Rule;

/// The matches of `rules` in `batch`, sorted by row, then rule.
pub fn matches(rules: &[Arc<Rule>], pipeline: &Pipeline, batch: &Batch) -> Vec<Match> {
    let mut found = Vec::new();
    let mut gates: HashMap<Gate, Vec<bool>> = HashMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let Ok(resolved) = resolve(rule, pipeline) else {
            continue;
        };
        for gate in resolved.variants.iter().flat_map(|variant| &variant.when) {
            if !gates.contains_key(gate) {
                let rows = batch.events().map(|event| gate_holds(gate, event));
                gates.insert(gate.clone(), rows.collect());
            }
        }
        for variant in &resolved.variants {
            let gates: Vec<&[bool]> = variant.when.iter().map(|gate| &*gates[gate]).collect();
            let of_log = |event: &EventRef<'_>| gates.iter().all(|rows| rows[event.row()]);
            for event in batch.events().filter(of_log) {
                if variant_holds(rule, variant, event) {
                    found.push(Match {
                        row: event.row() as u32,
                        rule: index as u32,
                    });
                }
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn variant_holds(rule: &Rule, variant: &Variant<'_>, event: EventRef<'_>) -> bool {
    rule.detection
        .conditions
        .iter()
        .any(|written| condition_holds(&written.condition, &variant.searches, event))
}

pub(crate) fn gate_holds(gate: &Gate, event: EventRef<'_>) -> bool {
    let Some(value) = event.get(&gate.field) else {
        return false;
    };
    value.items().iter().any(|item| {
        item.to_text()
            .is_some_and(|text| gate.globs().iter().any(|glob| glob.matches(&text, false)))
    })
}

pub(crate) fn condition_holds(
    condition: &Condition,
    searches: &[Tree<'_>],
    event: EventRef<'_>,
) -> bool {
    let holds = |part: &Condition| condition_holds(part, searches, event);
    match condition {
        Condition::Search(at) => tree_holds(&searches[*at], event),
        Condition::Not(inner) => !holds(inner),
        Condition::All(parts) => parts.iter().all(holds),
        Condition::Any(parts) => parts.iter().any(holds),
        Condition::AtLeast(count, parts) => {
            parts.iter().filter(|part| holds(part)).count() >= *count
        }
    }
}

pub(crate) fn tree_holds(tree: &Tree<'_>, event: EventRef<'_>) -> bool {
    match tree {
        Tree::All(parts) => parts.iter().all(|part| tree_holds(part, event)),
        Tree::Any(parts) => parts.iter().any(|part| tree_holds(part, event)),
        Tree::Item(leaf) => leaf_holds(leaf, event),
    }
}

pub(crate) fn leaf_holds(leaf: &Leaf<'_>, event: EventRef<'_>) -> bool {
    let mut values = (0..leaf.values.len()).map(|at| value_holds(leaf, at, event));
    let holds = if leaf.item.all {
        values.all(|yes| yes)
    } else {
        values.any(|yes| yes)
    };
    holds != leaf.item.negated
}

/// Whether the value at `at` of the item is met.
pub(crate) fn value_holds(leaf: &Leaf<'_>, at: usize, event: EventRef<'_>) -> bool {
    let values = held_values(&leaf.names, event);
    leaf.values[at].iter().any(|bound| {
        let others = bound.other.as_ref();
        let others = others.map_or(Vec::new(), |names| held_values(names, event));
        bound.matcher.holds(&values, &others)
    })
}

/// What the event holds under `names`.
pub(crate) fn held_values<'e>(names: &Names, event: EventRef<'e>) -> Vec<&'e Value> {
    let held = |name: &String| event.get(name);
    match names {
        Names::First(names) => names.iter().find_map(held).into_iter().collect(),
        Names::Every(names) => names.iter().filter_map(held).collect(),
        Names::WindowsLog => event
            .fields()
            .filter(|(name, _)| searched_in_windows(name))
            .map(|(_, value)| value)
            .collect(),
        Names::All => event
            .fields()
            .filter(|(name, value)| searched_field(name) && searched_value(name, value))
            .map(|(_, value)| value)
            .collect(),
    }
}
