//! The plain evaluator: a query against one event as a flat map, nothing skipped, nothing cached.
//!
//! It defines what a query means. The search is tested against it.

use saqshy_event::{EcsType, ecs_type};
use serde_json::{Map, Value};

use super::matcher::name_fits;
use super::{FieldName, Leaf, Matcher, Node, Query};
use crate::stored::parse_stored_time;

/// Whether an event, in the form in which the lake gives events out, fits the query.
pub fn matches(query: &Query, event: &Map<String, Value>) -> bool {
    node(&query.root, event)
}

fn node(root: &Node, event: &Map<String, Value>) -> bool {
    match root {
        Node::All => true,
        Node::And(nodes) => nodes.iter().all(|inner| node(inner, event)),
        Node::Or(nodes) => nodes.iter().any(|inner| node(inner, event)),
        Node::Not(inner) => !node(inner, event),
        Node::Leaf(condition) => leaf(condition, event),
    }
}

fn leaf(leaf: &Leaf, event: &Map<String, Value>) -> bool {
    let Some(field) = &leaf.field else {
        let matcher = Matcher::of_text(&leaf.test);
        return event.iter().any(|(name, value)| {
            items(value).iter().any(|item| {
                item.as_str()
                    .is_some_and(|text| !is_time(ecs_type(name), text) && matcher.text(text))
            })
        });
    };
    event
        .iter()
        .filter(|(name, _)| match field {
            FieldName::Exact(wanted) => wanted == *name,
            FieldName::Pattern(glob) => name_fits(name, glob),
        })
        .any(|(name, value)| {
            let kind = ecs_type(name);
            let matcher = Matcher::of_field(&leaf.test, kind);
            items(value).iter().any(|item| match item {
                Value::String(text) if is_time(kind, text) => {
                    parse_stored_time(text).is_some_and(|micros| matcher.time(micros))
                }
                Value::String(text) => matcher.text(text),
                Value::Number(number) => match number.as_i64() {
                    Some(whole) if kind == EcsType::Long => matcher.long(whole),
                    _ => number.as_f64().is_some_and(|number| matcher.double(number)),
                },
                Value::Bool(yes) => matcher.bool(*yes),
                _ => false,
            })
        })
}

fn is_time(kind: EcsType, text: &str) -> bool {
    kind == EcsType::Date && parse_stored_time(text).is_some()
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        single => std::slice::from_ref(single),
    }
}
