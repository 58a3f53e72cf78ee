//! From YAML to steps. Every error names the line and what was expected there.

mod conditions;
mod expression;
mod map;

use std::collections::BTreeMap;

use crate::detection::{Test, parse_search};
use crate::error::{Flaw, Reason};
use crate::yaml::{self, Entry, Kind, Node};

use self::conditions::{conditions, field_condition, item_condition, rule_condition};
use self::expression::{regex, replacement};
use self::map::{Map, number, refuse, text, texts, wrong};
use super::step::{FieldNames, Transformation};
use super::value::{Case, Filler, Method, ValueStep};
use super::{Processing, Step};

/// Most steps of a file, nested ones among them.
const STEPS_MAX: usize = 10_000;

/// Reads one file.
pub(crate) fn read(text: &str) -> Result<Processing, Flaw> {
    let mut documents = yaml::documents(text);
    if documents.len() > 1 {
        return Err(refuse(1, "a pipeline file holds one document".into()));
    }
    let Some(document) = documents.pop() else {
        return Err(refuse(1, "the file is empty".into()));
    };
    let document = document?;
    let root = Map::of(&document.root, "pipeline")?;
    root.only(&[
        "name",
        "priority",
        "vars",
        "transformations",
        "postprocessing",
        "finalizers",
        "allowed_backends",
    ])?;
    let priority = match root.get("priority") {
        None => 0.0,
        Some(node) => number(node).ok_or_else(|| wrong(node, "priority", "a number"))?,
    };
    let mut warnings = Vec::new();
    for (key, what) in [
        ("postprocessing", "changes queries"),
        ("finalizers", "joins queries"),
    ] {
        let asks = |node: &Node| matches!(&node.kind, Kind::List(items) if !items.is_empty());
        if root.get(key).is_some_and(asks) {
            warnings.push(format!(
                "`{key}` {what}, of which there are none here: left out"
            ));
        }
    }
    let mut vars = BTreeMap::new();
    if let Some(node) = root.get("vars") {
        for entry in Map::of(node, "vars")?.entries {
            vars.insert(entry.key.clone(), texts(&entry.value, &entry.key)?);
        }
    }
    let mut reader = Reader { steps: 0 };
    let steps = match root.get("transformations") {
        Some(node) => reader.steps(node)?,
        None => Vec::new(),
    };
    Ok(Processing {
        priority,
        vars,
        steps,
        warnings,
    })
}

struct Reader {
    steps: usize,
}

/// Keys that every step may have.
const STEP_KEYS: [&str; 14] = [
    "id",
    "type",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_not",
    "rule_cond_expr",
    "detection_item_conditions",
    "detection_item_cond_op",
    "detection_item_cond_not",
    "detection_item_cond_expr",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_not",
    "field_name_cond_expr",
];

impl Reader {
    fn steps(&mut self, node: &Node) -> Result<Vec<Step>, Flaw> {
        let Kind::List(items) = &node.kind else {
            return Err(wrong(node, "transformations", "a list"));
        };
        items.iter().map(|item| self.step(item)).collect()
    }

    fn step(&mut self, node: &Node) -> Result<Step, Flaw> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            let what = "number of transformations";
            return Err(Flaw::too_large(node.line, what, STEPS_MAX));
        }
        let number = self.steps;
        let kind = text(Map::of(node, "transformation")?.required("type")?, "type")?;
        let map = Map::of(node, &kind)?;
        Ok(Step {
            id: map.optional("id")?.unwrap_or_else(|| format!("#{number}")),
            transformation: self.transformation(&kind, &map)?,
            rule: conditions(&map, "rule", "rule_conditions", rule_condition)?,
            item: conditions(
                &map,
                "detection_item",
                "detection_item_conditions",
                item_condition,
            )?,
            field: conditions(&map, "field_name", "field_name_conditions", field_condition)?,
        })
    }

    fn transformation(&mut self, kind: &str, map: &Map<'_>) -> Result<Transformation, Flaw> {
        let own = |keys: &[&str]| {
            let all: Vec<&str> = STEP_KEYS.iter().chain(keys).copied().collect();
            map.only(&all)
        };
        let value = Transformation::Value;
        Ok(match kind {
            "field_name_mapping" => {
                own(&["mapping"])?;
                Transformation::Fields(FieldNames::Mapping(map.mapping("mapping")?))
            }
            "field_name_prefix_mapping" => {
                own(&["mapping"])?;
                Transformation::Fields(FieldNames::PrefixMapping(map.mapping("mapping")?))
            }
            "field_name_prefix" => {
                own(&["prefix"])?;
                Transformation::Fields(FieldNames::Prefix(map.text("prefix")?))
            }
            "field_name_suffix" => {
                own(&["suffix"])?;
                Transformation::Fields(FieldNames::Suffix(map.text("suffix")?))
            }
            "drop_detection_item" => {
                own(&[])?;
                Transformation::DropItem
            }
            "hashes_fields" => {
                own(&["valid_hash_algos", "field_prefix", "drop_algo_prefix"])?;
                Transformation::HashesFields {
                    algorithms: map.texts("valid_hash_algos")?,
                    prefix: map.optional("field_prefix")?.unwrap_or_default(),
                    drop_algorithm: map.flag("drop_algo_prefix")?,
                }
            }
            "add_condition" => {
                own(&["conditions", "name", "template", "negated"])?;
                let conditions = map.required("conditions")?;
                Map::of(conditions, "conditions")?;
                parse_search(conditions, "conditions")?;
                Transformation::AddCondition {
                    name: map.optional("name")?,
                    conditions: conditions.clone(),
                    template: map.flag("template")?,
                    negated: map.flag("negated")?,
                }
            }
            "change_logsource" => {
                own(&["product", "category", "service"])?;
                Transformation::ChangeLogSource(map.logsource()?)
            }
            "add_field" => {
                own(&["field"])?;
                Transformation::AddField(map.texts("field")?)
            }
            "remove_field" => {
                own(&["field"])?;
                Transformation::RemoveField(map.texts("field")?)
            }
            "set_field" => {
                own(&["fields"])?;
                Transformation::SetField(map.texts("fields")?)
            }
            "set_state" => {
                own(&["key", "val"])?;
                Transformation::SetState {
                    key: map.text("key")?,
                    value: map.text("val")?,
                }
            }
            "set_custom_attribute" => {
                own(&["attribute", "value"])?;
                Transformation::SetAttribute {
                    key: map.text("attribute")?,
                    value: map.text("value")?,
                }
            }
            "rule_failure" => {
                own(&["message"])?;
                Transformation::RuleFailure(map.text("message")?)
            }
            "detection_item_failure" => {
                own(&["message"])?;
                Transformation::ItemFailure(map.text("message")?)
            }
            "strict_field_mapping_failure" => {
                own(&["message"])?;
                Transformation::StrictMapping(map.optional("message")?)
            }
            "nest" => {
                own(&["items"])?;
                Transformation::Nest(self.steps(map.required("items")?)?)
            }
            "replace_string" => {
                own(&["regex", "replacement", "skip_special", "interpret_special"])?;
                value(ValueStep::Replace {
                    regex: regex(map.required("regex")?)?,
                    replacement: replacement(&map.text("replacement")?),
                    skip_special: map.flag("skip_special")?,
                    interpret_special: map.flag("interpret_special")?,
                })
            }
            "map_string" => {
                own(&["mapping"])?;
                value(ValueStep::Map(
                    map.mapping("mapping")?.into_iter().collect(),
                ))
            }
            "set_value" => {
                own(&["value", "force_type"])?;
                value(ValueStep::Set(set_value(map)?))
            }
            "convert_type" => {
                own(&["target_type"])?;
                map.required("target_type")?;
                let words = [("str", false), ("num", true)];
                value(match map.word("target_type", &words)? {
                    true => ValueStep::ToNumber,
                    false => ValueStep::ToText,
                })
            }
            "case" => {
                own(&["method"])?;
                let words = [
                    ("lower", Case::Lower),
                    ("upper", Case::Upper),
                    ("snake_case", Case::Snake),
                ];
                value(ValueStep::Case(map.word("method", &words)?))
            }
            "regex" => {
                own(&["method"])?;
                let words = [
                    ("ignore_case_brackets", Method::IgnoreCaseBrackets),
                    ("ignore_case_flag", Method::IgnoreCaseFlag),
                    ("plain", Method::Plain),
                ];
                value(ValueStep::Regex(map.word("method", &words)?))
            }
            "value_placeholders" | "wildcard_placeholders" => {
                own(&["include", "exclude"])?;
                let filler = match kind {
                    "value_placeholders" => Filler::Values,
                    _ => Filler::Wildcard,
                };
                let names = map.names()?;
                value(ValueStep::Placeholders { names, filler })
            }
            "query_expression_placeholders" => {
                return Err(refuse(
                    map.line,
                    "`query_expression_placeholders` puts text into a query, and there are no \
                     queries here: use `value_placeholders` with `vars`"
                        .into(),
                ));
            }
            "field_name_transform" => {
                return Err(refuse(
                    map.line,
                    "`field_name_transform` takes a Python function: use `field_name_mapping`"
                        .into(),
                ));
            }
            other => {
                let (key, value) = ("transformation", other.to_owned());
                return Err(Flaw::new(map.line, Reason::UnknownWord { key, value }));
            }
        })
    }
}

/// The value of `set_value` as the matchers that a selection would make of it.
fn set_value(map: &Map<'_>) -> Result<Test, Flaw> {
    let node = map.required("value")?;
    let kind = match map.optional("force_type")?.as_deref() {
        None => node.kind.clone(),
        Some("str") => Kind::Text(text(node, "value")?),
        Some("num") => match yaml::number(&text(node, "value")?) {
            Some(number) => Kind::Number(number),
            None => return Err(wrong(node, "value", "a number")),
        },
        Some(_) => return Err(refuse(map.line, "`force_type` is `str` or `num`".into())),
    };
    let line = node.line;
    let field = Entry {
        key: "value".into(),
        line,
        value: Node { line, kind },
    };
    let kind = Kind::Map(vec![field]);
    let search = parse_search(&Node { line, kind }, "value")?;
    let item = search.items().into_iter().next();
    let test = item.and_then(|item| item.values.first());
    test.cloned()
        .ok_or_else(|| wrong(node, "value", "a single value"))
}
