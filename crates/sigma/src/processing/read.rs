//! From YAML to steps. Every error names the line and what was expected there.

use std::collections::BTreeMap;

use regex::RegexBuilder;

use crate::condition::{self, Condition};
use crate::detection::{Test, parse_search};
use crate::error::{Flaw, Reason};
use crate::matcher::{Flags, Pattern};
use crate::rule::LogSource;
use crate::yaml::{self, Entry, Kind, Node};

use super::condition::{
    Conditions, FieldCondition, FieldTest, ItemCondition, Op, RuleCondition, StateCondition,
};
use super::step::{FieldNames, Transformation};
use super::value::{Case, Filler, Method, Names, ValueStep};
use super::{Processing, Step};

/// Most steps of a file, nested ones among them.
const STEPS_MAX: usize = 10_000;
/// Most memory of one compiled expression in bytes.
const REGEX_MEMORY_MAX: usize = 4 << 20;

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

fn refuse(line: usize, problem: String) -> Flaw {
    Flaw::new(line, Reason::Unsupported(problem))
}

fn wrong(node: &Node, key: &str, expected: &'static str) -> Flaw {
    let key = key.to_owned();
    Flaw::new(node.line, Reason::WrongType { key, expected })
}

fn number(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Number(number) if number.float.is_finite() => Some(number.float),
        _ => None,
    }
}

fn text(node: &Node, key: &str) -> Result<String, Flaw> {
    node.scalar_text().ok_or_else(|| wrong(node, key, "text"))
}

/// One text or a list of texts.
fn texts(node: &Node, key: &str) -> Result<Vec<String>, Flaw> {
    match &node.kind {
        Kind::List(items) => items.iter().map(|item| text(item, key)).collect(),
        _ => Ok(vec![text(node, key)?]),
    }
}

/// A mapping whose keys are asked for by name.
struct Map<'a> {
    line: usize,
    name: &'a str,
    entries: &'a [Entry],
}

impl<'a> Map<'a> {
    fn of(node: &'a Node, name: &'a str) -> Result<Self, Flaw> {
        let entries = node.as_map();
        Ok(Map {
            line: node.line,
            name,
            entries: entries.ok_or_else(|| wrong(node, name, "a mapping"))?,
        })
    }

    fn get(&self, key: &str) -> Option<&'a Node> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.key == key).map(|it| &it.value)
    }

    fn required(&self, key: &str) -> Result<&'a Node, Flaw> {
        self.get(key)
            .ok_or_else(|| refuse(self.line, format!("`{}` needs `{key}`", self.name)))
    }

    fn text(&self, key: &str) -> Result<String, Flaw> {
        text(self.required(key)?, key)
    }

    fn optional(&self, key: &str) -> Result<Option<String>, Flaw> {
        match self.get(key) {
            None
            | Some(Node {
                kind: Kind::Null, ..
            }) => Ok(None),
            Some(node) => text(node, key).map(Some),
        }
    }

    fn flag(&self, key: &str) -> Result<bool, Flaw> {
        match self.get(key) {
            None => Ok(false),
            Some(Node {
                kind: Kind::Bool(yes),
                ..
            }) => Ok(*yes),
            Some(node) => Err(wrong(node, key, "`true` or `false`")),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, Flaw> {
        texts(self.required(key)?, key)
    }

    /// A mapping from text to one or several texts, in the order written.
    fn mapping(&self, key: &str) -> Result<Vec<(String, Vec<String>)>, Flaw> {
        let entries = Map::of(self.required(key)?, key)?.entries.iter();
        entries
            .map(|entry| Ok((entry.key.clone(), texts(&entry.value, &entry.key)?)))
            .collect()
    }

    fn only(&self, known: &[&str]) -> Result<(), Flaw> {
        let strange = |entry: &&Entry| !known.contains(&entry.key.as_str());
        match self.entries.iter().find(strange) {
            None => Ok(()),
            Some(entry) => Err(refuse(
                entry.line,
                format!("`{}` does not know `{}`", self.name, entry.key),
            )),
        }
    }

    /// One of a few words; the first if there is none.
    fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<T, Flaw> {
        let Some(found) = self.optional(key)? else {
            return Ok(words[0].1);
        };
        let known = words.iter().find(|(word, _)| *word == found);
        known.map(|(_, value)| *value).ok_or_else(|| {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let all = all.join("`, `");
            refuse(
                self.line,
                format!("`{key}` is `{found}`, not one of `{all}`"),
            )
        })
    }

    /// Names for the keys `include` and `exclude`.
    fn names(&self) -> Result<Names, Flaw> {
        match (self.get("include"), self.get("exclude")) {
            (None, None) => Ok(Names::All),
            (Some(_), None) => Ok(Names::Only(self.texts("include")?)),
            (None, Some(_)) => Ok(Names::Except(self.texts("exclude")?)),
            (Some(_), Some(_)) => Err(refuse(
                self.line,
                "`include` and `exclude` exclude each other".into(),
            )),
        }
    }

    fn logsource(&self) -> Result<LogSource, Flaw> {
        let part = |key| Ok(self.optional(key)?.map(|text| text.to_lowercase()));
        Ok(LogSource {
            product: part("product")?,
            category: part("category")?,
            service: part("service")?,
        })
    }
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
            let (what, limit) = ("number of transformations", STEPS_MAX);
            return Err(Flaw::new(node.line, Reason::TooLarge { what, limit }));
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

fn conditions<C>(
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
            let parsed = condition::parse(&condition, &names);
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

fn rule_condition(map: &Map<'_>) -> Result<RuleCondition, Flaw> {
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

fn item_condition(map: &Map<'_>) -> Result<ItemCondition, Flaw> {
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

fn field_condition(map: &Map<'_>) -> Result<FieldCondition, Flaw> {
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

/// An expression that must be found at the beginning, as Python's `match` has it.
fn pattern(node: &Node) -> Result<Pattern, Flaw> {
    pattern_of(node.line, &text(node, "pattern")?)
}

fn pattern_of(line: usize, source: &str) -> Result<Pattern, Flaw> {
    let anchored = format!(r"\A(?:{source})");
    let made = Pattern::new(anchored, Flags::default());
    made.map_err(|problem| refuse(line, format!("regular expression `{source}`: {problem}")))
}

fn regex(node: &Node) -> Result<regex::Regex, Flaw> {
    let source = text(node, "regex")?;
    // The limits on length, nesting and memory are those of rules.
    pattern_of(node.line, &source)?;
    let made = RegexBuilder::new(&source)
        .size_limit(REGEX_MEMORY_MAX)
        .dfa_size_limit(REGEX_MEMORY_MAX)
        .build();
    made.map_err(|error| refuse(node.line, format!("regular expression `{source}`: {error}")))
}

/// `\1` and `\g<name>` of Python as the regex library writes them.
fn replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = after;
        match c {
            '$' => out.push_str("$$"),
            '\\' => {
                let digits = after.bytes().take_while(u8::is_ascii_digit).take(2).count();
                let named = after.strip_prefix("g<").and_then(|it| it.split_once('>'));
                if digits > 0 {
                    out.push_str(&format!("${{{}}}", &after[..digits]));
                    rest = &after[digits..];
                } else if let Some((name, tail)) = named {
                    out.push_str(&format!("${{{name}}}"));
                    rest = tail;
                } else if let Some(tail) = after.strip_prefix('\\') {
                    out.push('\\');
                    rest = tail;
                } else {
                    out.push('\\');
                }
            }
            c => out.push(c),
        }
    }
    out
}
