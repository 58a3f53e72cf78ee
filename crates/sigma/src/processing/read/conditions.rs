//! The conditions of a step: for which rules, items and field names it is done.

use crate::condition::{self, Condition, Names};
use crate::error::{Flaw, Reason};
use crate::yaml::Kind;

use super::super::condition::{
    Conditions, FieldCondition, FieldTest, ItemCondition, Op, RuleCondition, StateCondition,
};
use super::expression::{pattern, pattern_of};
use super::map::{Map, refuse, text, texts, wrong};

pub(super) fn conditions<C>(
    map: &Map<'_>,
    sort: &str,
    key: &str,
    read: fn(&Map<'_>) -> Result<C, Flaw>,
) -> Result<Conditions<C>, Flaw> {
    let (mut all, mut names) = (Vec::new(), Vec::new());
    let one = |node| {
        let kind = text(Map::of(node, key)?.required("type")?, "type")?;
        read(&Map::of(node, &kind)?)
    };
    match map.get(key).map(|node| (&node.kind, node)) {
        None | Some((Kind::Null, _)) => {}
        Some((Kind::List(items), _)) => {
            for item in items {
                all.push(one(item)?);
            }
        }
        Some((Kind::Map(entries), _)) => {
            for entry in entries {
                names.push(entry.key.as_str());
                all.push(one(&entry.value)?);
            }
        }
        Some((_, node)) => return Err(wrong(node, key, "a list or a mapping")),
    }
    let places = (0..all.len()).map(Condition::Search).collect();
    let (op, expression) = (format!("{sort}_cond_op"), format!("{sort}_cond_expr"));
    let joined = match map.get(&expression) {
        None => match map.word(&op, &[("and", true), ("or", false)])? {
            true => Condition::All(places),
            false => Condition::Any(places),
        },
        Some(node) => {
            if map.get(&op).is_some() {
                let problem = format!("`{expression}` and `{op}` exclude each other");
                return Err(refuse(node.line, problem));
            }
            if names.is_empty() {
                let problem = format!("`{expression}` needs `{key}` as a mapping with names");
                return Err(refuse(node.line, problem));
            }
            let condition = text(node, &expression)?;
            let parsed = condition::parse(&condition, &mut Names::plain(&names));
            let flaw = |problem| {
                Flaw::new(
                    node.line,
                    Reason::Condition {
                        condition: condition.clone(),
                        problem,
                    },
                )
            };
            let parsed = parsed.map_err(flaw)?;
            let used = condition::names_in(&condition);
            match names.iter().find(|name| !used.iter().any(|it| it == *name)) {
                Some(name) => return Err(flaw(format!("does not mention `{name}`"))),
                None => parsed,
            }
        }
    };
    Ok(Conditions {
        all,
        joined,
        negated: map.flag(&format!("{sort}_cond_not"))?,
    })
}

pub(super) fn rule_condition(map: &Map<'_>) -> Result<RuleCondition, Flaw> {
    let own = |keys: &[&str]| only(map, keys);
    Ok(match map.name {
        "logsource" => {
            own(&["product", "category", "service"])?;
            RuleCondition::LogSource(map.logsource()?)
        }
        "contains_detection_item" => {
            own(&["field", "value"])?;
            RuleCondition::ContainsItem {
                field: map.text("field")?,
                value: map.text("value")?,
            }
        }
        "contains_field" => {
            own(&["field"])?;
            RuleCondition::ContainsField(map.text("field")?)
        }
        "processing_item_applied" => RuleCondition::Applied(applied(map)?),
        "processing_state" => RuleCondition::State(state(map)?),
        "is_sigma_rule" => {
            own(&[])?;
            RuleCondition::IsRule
        }
        "is_sigma_correlation_rule" => {
            own(&[])?;
            RuleCondition::IsCorrelation
        }
        "rule_attribute" => {
            own(&["attribute", "value", "op"])?;
            RuleCondition::Attribute {
                name: map.text("attribute")?,
                op: op(map)?,
                value: map.text("value")?,
            }
        }
        "tag" => {
            own(&["tag"])?;
            RuleCondition::Tag(map.text("tag")?)
        }
        other => return Err(unknown(map, "rule condition", other)),
    })
}

pub(super) fn item_condition(map: &Map<'_>) -> Result<ItemCondition, Flaw> {
    let own = |keys: &[&str]| only(map, keys);
    let all = || map.word("cond", &[("any", false), ("all", true)]);
    Ok(match map.name {
        "match_string" => {
            own(&["cond", "pattern", "negate"])?;
            map.required("cond")?;
            ItemCondition::MatchString {
                pattern: pattern(map.required("pattern")?)?,
                negate: map.flag("negate")?,
                all: all()?,
            }
        }
        "match_value" => {
            own(&["cond", "value"])?;
            ItemCondition::MatchValue {
                value: map.text("value")?,
                all: all()?,
            }
        }
        "contains_wildcard" => {
            own(&["cond"])?;
            ItemCondition::ContainsWildcard { all: all()? }
        }
        "is_null" => {
            own(&["cond"])?;
            ItemCondition::IsNull { all: all()? }
        }
        "processing_item_applied" => ItemCondition::Applied(applied(map)?),
        "processing_state" => ItemCondition::State(state(map)?),
        other => return Err(unknown(map, "detection item condition", other)),
    })
}

pub(super) fn field_condition(map: &Map<'_>) -> Result<FieldCondition, Flaw> {
    Ok(match map.name {
        "include_fields" | "exclude_fields" => {
            only(map, &["fields", "mode"])?;
            let regex = map.word("mode", &[("plain", false), ("re", true)])?;
            let node = map.required("fields")?;
            let fields = texts(node, "fields")?.into_iter().map(|name| match regex {
                false => Ok(FieldTest::Plain(name)),
                true => Ok(FieldTest::Regex(pattern_of(node.line, &name)?)),
            });
            FieldCondition::Include {
                fields: fields.collect::<Result<_, Flaw>>()?,
                exclude: map.name == "exclude_fields",
            }
        }
        "processing_item_applied" => FieldCondition::Applied(applied(map)?),
        "processing_state" => FieldCondition::State(state(map)?),
        other => return Err(unknown(map, "field name condition", other)),
    })
}

fn only(map: &Map<'_>, keys: &[&str]) -> Result<(), Flaw> {
    let all: Vec<&str> = keys.iter().chain(&["type"]).copied().collect();
    map.only(&all)
}

fn unknown(map: &Map<'_>, key: &'static str, value: &str) -> Flaw {
    let value = value.to_owned();
    Flaw::new(map.line, Reason::UnknownWord { key, value })
}

fn applied(map: &Map<'_>) -> Result<String, Flaw> {
    only(map, &["processing_item_id"])?;
    map.text("processing_item_id")
}

fn state(map: &Map<'_>) -> Result<StateCondition, Flaw> {
    only(map, &["key", "val", "op"])?;
    Ok(StateCondition {
        key: map.text("key")?,
        op: op(map)?,
        value: map.text("val")?,
    })
}

fn op(map: &Map<'_>) -> Result<Op, Flaw> {
    let Some(word) = map.optional("op")? else {
        return Ok(Op::Eq);
    };
    Op::parse(&word).ok_or_else(|| unknown(map, "op", &word))
}
