//! Why a rule matched an event, or did not.

use saqshy_event::EventRef;
use serde::Serialize;

use crate::oracle::{
    condition_holds, gate_holds, held_values, leaf_holds, tree_holds, value_holds,
};
use crate::pipeline::Pipeline;
use crate::resolve::{Leaf, Tree, resolve};
use crate::rule::Rule;

/// Which parts of a rule hold for one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    pub rule_id: String,
    pub matched: bool,
    /// One entry for each log that can carry the rule's events.
    pub variants: Vec<VariantExplanation>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariantExplanation {
    /// The event comes from this log: every line of `logsource` holds.
    pub applies: bool,
    pub logsource: Vec<GateExplanation>,
    /// Conditions as written, linked with OR.
    pub conditions: Vec<ConditionExplanation>,
    pub searches: Vec<SearchExplanation>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateExplanation {
    pub field: String,
    /// Values of which the event must have one.
    pub wanted: Vec<String>,
    pub found: Option<serde_json::Value>,
    pub held: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionExplanation {
    pub text: String,
    pub held: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchExplanation {
    pub name: String,
    pub line: usize,
    pub held: bool,
    pub items: Vec<ItemExplanation>,
}

/// One line of a selection.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemExplanation {
    /// Field and modifiers as written; empty for keywords.
    pub key: String,
    pub line: usize,
    /// Names under which the event may hold the field.
    pub fields: Vec<String>,
    /// What the event holds there; nothing where the field is absent.
    pub found: Vec<serde_json::Value>,
    pub held: bool,
    /// Values of the rule that are met, as written.
    pub met: Vec<String>,
}

/// Evaluates `rule` on `event` part by part.
pub fn explain(rule: &Rule, pipeline: &Pipeline, event: EventRef<'_>) -> Explanation {
    // A rule that cannot be resolved is refused by the engine and matches nothing.
    let variants = resolve(rule, pipeline)
        .map(|resolved| resolved.variants)
        .unwrap_or_default();
    let variants: Vec<VariantExplanation> = variants
        .iter()
        .map(|variant| {
            let logsource: Vec<GateExplanation> = variant
                .when
                .iter()
                .map(|gate| GateExplanation {
                    field: gate.field.clone(),
                    wanted: gate.values.clone(),
                    found: event.get(&gate.field).map(|value| value.to_json()),
                    held: gate_holds(gate, event),
                })
                .collect();
            let conditions = rule
                .detection
                .conditions
                .iter()
                .map(|written| ConditionExplanation {
                    text: written.text.clone(),
                    held: condition_holds(&written.condition, &variant.searches, event),
                });
            let searches = rule.detection.searches.iter().zip(&variant.searches);
            VariantExplanation {
                applies: logsource.iter().all(|gate| gate.held),
                logsource,
                conditions: conditions.collect(),
                searches: searches
                    .map(|(named, tree)| {
                        let mut items = Vec::new();
                        leaves(tree, event, &mut items);
                        let held = tree_holds(tree, event);
                        SearchExplanation {
                            name: named.name.clone(),
                            line: named.line,
                            held,
                            items,
                        }
                    })
                    .collect(),
            }
        })
        .collect();
    let matched = variants
        .iter()
        .any(|it| it.applies && it.conditions.iter().any(|one| one.held));
    Explanation {
        rule_id: rule.id.clone(),
        matched,
        variants,
    }
}

fn leaves(tree: &Tree<'_>, event: EventRef<'_>, out: &mut Vec<ItemExplanation>) {
    match tree {
        Tree::All(parts) | Tree::Any(parts) => {
            parts.iter().for_each(|part| leaves(part, event, out));
        }
        Tree::Item(leaf) => out.push(item(leaf, event)),
    }
}

fn item(leaf: &Leaf<'_>, event: EventRef<'_>) -> ItemExplanation {
    let met = (0..leaf.values.len()).filter(|&at| value_holds(leaf, at, event));
    let found = if leaf.names.are_open() {
        Vec::new()
    } else {
        held_values(&leaf.names, event)
    };
    ItemExplanation {
        key: leaf.item.key.clone(),
        line: leaf.item.line,
        fields: leaf.names.list().to_vec(),
        found: found.into_iter().map(|value| value.to_json()).collect(),
        held: leaf_holds(leaf, event),
        met: met.map(|at| leaf.item.values[at].written.clone()).collect(),
    }
}
