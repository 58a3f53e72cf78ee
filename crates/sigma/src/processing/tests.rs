use std::sync::Arc;

use saqshy_event::BatchBuilder;

use crate::pipeline::Pipeline;
use crate::rule::{Document, Rule, parse_documents, parse_rules};
use crate::{Engine, oracle};

/// A rule over events of the data set `test` with this detection.
fn rule(detection: &str) -> Arc<Rule> {
    let yaml = format!(
        "title: t\nid: i\nlevel: high\nstatus: test\ntags: [attack.t1059]\nfields: [a]\ncolour: red\n\
         logsource: {{product: test}}\ndetection:\n{detection}"
    );
    let parsed = parse_rules(&yaml, "r.yml".as_ref()).remove(0);
    Arc::new(parsed.unwrap())
}

fn pipeline(yaml: &str) -> Pipeline {
    Pipeline::with_files(&[("p.yml", yaml)]).unwrap()
}

fn refused(yaml: &str) -> String {
    let error = Pipeline::with_files(&[("p.yml", yaml)]).unwrap_err();
    error.to_string()
}

/// The rule after steps written as a YAML list.
fn processed(steps: &str, rule: &Arc<Rule>) -> Result<Arc<Rule>, String> {
    let all = pipeline(&format!(
        "vars: {{who: [ann, 'b*'], one: 7}}\ntransformations:\n{steps}"
    ));
    all.process(rule).map_err(|error| error.to_string())
}

/// Whether the processed rule matches an event with these fields, by engine and by definition.
fn matches(steps: &str, detection: &str, event: &[(&str, &str)]) -> bool {
    let rule = processed(steps, &rule(detection)).unwrap();
    let mut batch = BatchBuilder::default();
    batch.set("data_stream.dataset", "test");
    event
        .iter()
        .for_each(|(name, value)| batch.set(name, *value));
    batch.end_event();
    let batch = batch.finish();
    let (engine, refused) = Engine::compile(vec![rule.clone()], &Pipeline::default());
    assert!(refused.is_empty());
    let found = engine.matches(&batch);
    assert_eq!(
        found,
        oracle::matches(&[rule], &Pipeline::default(), &batch)
    );
    !found.is_empty()
}

const SIMPLE: &str = "    s: {a: x, b|contains: y}\n    condition: s\n";

#[test]
fn fields_are_renamed_also_to_several_and_in_references() {
    let one = "- {type: field_name_mapping, mapping: {a: c}}";
    assert!(matches(one, SIMPLE, &[("c", "x"), ("b", "zyz")]));
    assert!(!matches(one, SIMPLE, &[("a", "x"), ("b", "zyz")]));
    let several = "- {type: field_name_mapping, mapping: {a: [c, d]}}";
    for field in ["c", "d"] {
        assert!(matches(several, SIMPLE, &[(field, "x"), ("b", "y")]));
    }
    let refers = "    s: {k|fieldref: a}\n    condition: s\n";
    assert!(matches(one, refers, &[("k", "v"), ("c", "v")]));
    let differs = "    s: {a|neq: x}\n    condition: s\n";
    assert!(!matches(several, differs, &[("c", "x"), ("d", "y")]));
    assert!(matches(several, differs, &[("c", "z"), ("d", "y")]));
    let fields = processed(several, &rule(SIMPLE)).unwrap();
    assert_eq!(fields.fields, ["c", "d"]);
    let keywords = "    s: [needle]\n    condition: s\n";
    let mapped = "- {type: field_name_mapping, mapping: {'': message2}}";
    assert!(matches(mapped, keywords, &[("message2", "a needle here")]));
    assert!(!matches(mapped, keywords, &[("message", "a needle here")]));
}

#[test]
fn prefixes_and_suffixes() {
    for (step, name) in [
        ("- {type: field_name_prefix, prefix: win.}", "win.a"),
        ("- {type: field_name_suffix, suffix: .text}", "a.text"),
        (
            "- {type: field_name_prefix_mapping, mapping: {a: z.}}",
            "z.",
        ),
    ] {
        let only = "    s: {a: x}\n    condition: s\n";
        assert!(matches(step, only, &[(name, "x")]), "{step}");
    }
    let excluded = "
- type: field_name_prefix
  prefix: win.
  field_name_conditions: [{type: exclude_fields, fields: ['b.*'], mode: re}]
";
    assert!(matches(excluded, SIMPLE, &[("win.a", "x"), ("b", "y")]));
}

#[test]
fn lines_are_dropped_and_an_emptied_selection_refuses_the_rule() {
    let step = "
- type: drop_detection_item
  field_name_conditions: [{type: include_fields, fields: [b]}]
";
    assert!(matches(step, SIMPLE, &[("a", "x")]));
    let alone = rule("    s: {b: 1}\n    condition: s\n");
    let error = processed(step, &alone).unwrap_err();
    assert!(
        error.contains("r.yml:1: processing pipeline: nothing is left of"),
        "{error}"
    );
}

#[test]
fn conditions_are_added_plain_negated_and_from_templates() {
    let step = "- {type: add_condition, conditions: {p: $product, q: [1, 2]}, template: true}";
    assert!(matches(
        step,
        SIMPLE,
        &[("a", "x"), ("b", "y"), ("p", "test"), ("q", "2")]
    ));
    assert!(!matches(
        step,
        SIMPLE,
        &[("a", "x"), ("b", "y"), ("p", "other"), ("q", "2")]
    ));
    let step = "- {type: add_condition, name: own, conditions: {p: 1}, negated: true}";
    assert!(matches(step, SIMPLE, &[("a", "x"), ("b", "y")]));
    assert!(!matches(
        step,
        SIMPLE,
        &[("a", "x"), ("b", "y"), ("p", "1")]
    ));
    let text = &processed(step, &rule(SIMPLE)).unwrap().detection.conditions[0].text;
    assert_eq!(text, "not own and (s)");
}

#[test]
fn values_are_replaced_mapped_set_and_converted() {
    let path = r"    s: {a: 'C:\Dir\x*'}
    condition: s
";
    let step = r"- {type: replace_string, regex: '^C:(.*)$', replacement: 'D:\1'}";
    assert!(matches(step, path, &[("a", r"D:\dir\x.exe")]));
    let special = r"- {type: replace_string, regex: '\*', replacement: 'star', skip_special: true}";
    assert!(matches(special, path, &[("a", r"C:\Dir\x9")]));
    let step = "- {type: map_string, mapping: {x: [one, 'two*']}}";
    assert!(matches(step, SIMPLE, &[("a", "two and more"), ("b", "y")]));
    let step =
        "- {type: set_value, value: 5, field_name_conditions: [{type: include_fields, fields: a}]}";
    assert!(matches(step, SIMPLE, &[("a", "5"), ("b", "y")]));
    let none = "- {type: set_value, value: null, field_name_conditions: [{type: include_fields, fields: a}]}";
    assert!(matches(none, SIMPLE, &[("b", "y")]));
    let number = "    s: {a: '7'}\n    condition: s\n";
    let step = "- {type: convert_type, target_type: num}";
    assert!(matches(step, number, &[("a", "7.0")]));
    let error = processed(step, &rule(SIMPLE)).unwrap_err();
    assert!(error.contains("value `x` is not a number"), "{error}");
    let cased = "    s: {a|cased: AbC}\n    condition: s\n";
    assert!(matches(
        "- {type: case, method: lower}",
        cased,
        &[("a", "abc")]
    ));
    assert!(matches(
        "- {type: case, method: snake_case}",
        cased,
        &[("a", "ab_c")]
    ));
    for method in ["plain", "ignore_case_flag", "ignore_case_brackets"] {
        let step = format!("- {{type: regex, method: {method}}}");
        let dots = "    s: {a: 'x.*z'}\n    condition: s\n";
        assert!(matches(&step, dots, &[("a", "x.yyz")]));
        assert!(!matches(&step, dots, &[("a", "xyyz")]));
        let other_case = matches(&step, dots, &[("a", "X.Z")]);
        assert_eq!(other_case, method != "plain", "{method}");
    }
}

#[test]
fn placeholders_take_values_or_wildcards() {
    let detection = "    s: {a|expand: 'u-%who%-%one%'}\n    condition: s\n";
    let values = "- {type: value_placeholders}";
    assert!(matches(values, detection, &[("a", "u-bob-7")]));
    assert!(!matches(values, detection, &[("a", "u-carl-7")]));
    let some = "- {type: value_placeholders, include: [one]}\n- {type: wildcard_placeholders}";
    assert!(matches(some, detection, &[("a", "u-carl-7")]));
    assert!(!matches(some, detection, &[("a", "u-carl-8")]));
    let unknown = rule("    s: {a|expand: '%nobody%'}\n    condition: s\n");
    let error = processed(values, &unknown).unwrap_err();
    assert!(error.contains("no variable `nobody`"), "{error}");
    let asks = "transformations: [{type: query_expression_placeholders, expression: x}]";
    assert!(refused(asks).contains("p.yml`, line 1: `query_expression_placeholders` puts"));
}

#[test]
fn hashes_become_fields() {
    let detection =
        "    s: {Hashes|contains: ['MD5=aa', 'SHA256=bb', 'IMPHASH=cc']}\n    condition: s\n";
    let step = "
- type: hashes_fields
  valid_hash_algos: [MD5, SHA256]
  field_prefix: file.
  field_name_conditions: [{type: include_fields, fields: [Hashes]}]
";
    assert!(matches(step, detection, &[("file.MD5", "aa")]));
    assert!(matches(step, detection, &[("file.SHA256", "bb")]));
    assert!(!matches(step, detection, &[("file.IMPHASH", "cc")]));
}

#[test]
fn conditions_on_rules_guard_steps() {
    let map = |conditions: &str| format!("- type: field_name_prefix\n  prefix: p.\n{conditions}");
    for (conditions, applies) in [
        (
            "  rule_conditions: [{type: logsource, product: test}]",
            true,
        ),
        (
            "  rule_conditions: [{type: logsource, product: test, category: x}]",
            false,
        ),
        (
            "  rule_conditions: [{type: contains_detection_item, field: b, value: '*y*'}]",
            true,
        ),
        (
            "  rule_conditions: [{type: contains_detection_item, field: b, value: y}]",
            true,
        ),
        (
            "  rule_conditions: [{type: contains_detection_item, field: b, value: x}]",
            false,
        ),
        (
            "  rule_conditions: [{type: contains_field, field: a}]",
            true,
        ),
        ("  rule_conditions: [{type: is_sigma_rule}]", true),
        (
            "  rule_conditions: [{type: is_sigma_correlation_rule}]",
            false,
        ),
        ("  rule_conditions: [{type: tag, tag: attack.t1059}]", true),
        (
            "  rule_conditions: [{type: rule_attribute, attribute: level, value: medium, op: gte}]",
            true,
        ),
        (
            "  rule_conditions: [{type: rule_attribute, attribute: level, value: critical, op: gte}]",
            false,
        ),
        (
            "  rule_conditions: [{type: rule_attribute, attribute: status, value: stable, op: lt}]",
            true,
        ),
        (
            "  rule_conditions: [{type: rule_attribute, attribute: colour, value: red}]",
            true,
        ),
        (
            "  rule_conditions: [{type: rule_attribute, attribute: tags, value: attack.t1059, op: in}]",
            true,
        ),
        (
            "  rule_conditions: [{type: tag, tag: x}, {type: is_sigma_rule}]",
            false,
        ),
        (
            "  rule_cond_op: or\n  rule_conditions: [{type: tag, tag: x}, {type: is_sigma_rule}]",
            true,
        ),
        (
            "  rule_cond_not: true\n  rule_conditions: [{type: tag, tag: x}]",
            true,
        ),
        (
            "  rule_cond_expr: one and not (two)\n  rule_conditions: {one: {type: is_sigma_rule}, two: {type: tag, tag: x}}",
            true,
        ),
        (
            "  detection_item_conditions: [{type: match_string, cond: any, pattern: '\\*?[xy]'}]",
            true,
        ),
        (
            "  detection_item_conditions: [{type: match_string, cond: any, pattern: 'q'}]",
            false,
        ),
        (
            "  detection_item_conditions: [{type: match_value, value: z}]",
            false,
        ),
        (
            "  detection_item_cond_not: true\n  detection_item_conditions: [{type: is_null}]",
            true,
        ),
    ] {
        let found = matches(&map(conditions), SIMPLE, &[("p.a", "x"), ("p.b", "y")]);
        assert_eq!(found, applies, "{conditions}");
    }
    let wildcard = "  detection_item_conditions: [{type: contains_wildcard}]";
    assert!(matches(&map(wildcard), SIMPLE, &[("a", "x"), ("p.b", "y")]));
}

#[test]
fn steps_remember_what_was_done() {
    let steps = "
- {id: first, type: set_state, key: index, val: 5}
- type: field_name_prefix
  id: prefix
  prefix: p.
  rule_conditions:
  - {type: processing_item_applied, processing_item_id: first}
  - {type: processing_state, key: index, val: 4, op: gt}
  field_name_conditions: [{type: include_fields, fields: [a]}]
- type: field_name_suffix
  suffix: .s
  field_name_conditions: [{type: processing_item_applied, processing_item_id: prefix}]
- type: nest
  items:
  - {type: case, method: upper, detection_item_conditions: [{type: processing_item_applied, processing_item_id: prefix}]}
- {type: set_custom_attribute, attribute: saqshy.entity, value: p.a.s}
- {type: change_logsource, product: test, service: other}
";
    let done = processed(
        steps,
        &rule("    s: {a|cased: x, b|cased: y}\n    condition: s\n"),
    )
    .unwrap();
    assert_eq!(done.custom["saqshy.entity"], "p.a.s");
    assert_eq!(done.logsource.service.as_deref(), Some("other"));
    let shown = format!("{:?}", done.detection.searches);
    assert!(
        shown.contains("\"p.a.s\"") && shown.contains("\"X\""),
        "{shown}"
    );
    assert!(
        shown.contains("Some(\"b\")") && shown.contains("\"y\""),
        "{shown}"
    );
}

#[test]
fn failures_carry_their_message() {
    for (step, text) in [
        ("- {type: rule_failure, message: not here}", "not here"),
        (
            "- {type: detection_item_failure, message: no, field_name_conditions: [{type: include_fields, fields: [b]}]}",
            "no (`b|contains`)",
        ),
        (
            "- {type: field_name_mapping, mapping: {a: c}}\n- {type: strict_field_mapping_failure}",
            "no mapping for the fields b",
        ),
    ] {
        let error = processed(step, &rule(SIMPLE)).unwrap_err();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn priorities_order_files_and_queries_are_left_out_with_a_warning() {
    let late =
        "name: l\npriority: 20\ntransformations: [{type: field_name_mapping, mapping: {b: c}}]";
    let early = "priority: 10\ntransformations: [{type: field_name_mapping, mapping: {a: b}}]\n\
                 postprocessing: [{type: embed, prefix: x}]\nfinalizers: [{type: concat}]";
    let both = Pipeline::with_files(&[("late.yml", late), ("early.yaml", early)]).unwrap();
    let done = both
        .process(&rule("    s: {a: x}\n    condition: s\n"))
        .unwrap();
    let item = done.detection.searches[0].search.items()[0];
    assert_eq!(item.field.as_deref(), Some("c"));
    assert_eq!(both.warnings().len(), 2);
    assert!(both.warnings()[0].contains("early.yaml`: `postprocessing`"));
}

#[test]
fn correlations_are_renamed_too() {
    let yaml = "title: c\ncorrelation: {type: value_count, rules: [i], group-by: [who, a], timespan: 1m, \
                aliases: {who: {i: a}}, condition: {field: b, gte: 2}}";
    let Ok(Document::Correlation(found)) = parse_documents(yaml, "c.yml".as_ref()).remove(0) else {
        panic!("no correlation");
    };
    let found = Arc::new(*found);
    let step = "transformations: [{type: field_name_mapping, mapping: {a: x, b: y}, \
                rule_conditions: [{type: logsource, product: test}]}]";
    let sources = vec![rule(SIMPLE).logsource.clone()];
    let done = pipeline(step).process_correlation(&found, sources).unwrap();
    assert_eq!(done.group_by, ["who", "x"]);
    assert_eq!(done.aliases["who"]["i"], "x");
    let untouched = pipeline(step).process_correlation(&found, vec![]).unwrap();
    assert_eq!(untouched.group_by, ["who", "a"]);
    let many = step.replace("b: y", "b: [y, z]");
    let sources = vec![rule(SIMPLE).logsource.clone()];
    let error = pipeline(&many)
        .process_correlation(&found, sources)
        .unwrap_err();
    assert!(
        error.to_string().contains("field `b` has 2 names"),
        "{error}"
    );
}

#[test]
fn errors_name_line_and_reason() {
    for (yaml, text) in [
        (
            "transformations:\n- {type: no_such}",
            "line 2: unknown transformation `no_such`",
        ),
        (
            "transformations:\n- {mapping: {a: b}}",
            "line 2: `transformation` needs `type`",
        ),
        (
            "transformations:\n- {type: field_name_mapping}",
            "`field_name_mapping` needs `mapping`",
        ),
        (
            "transformations:\n- type: case\n  methot: x",
            "line 3: `case` does not know `methot`",
        ),
        (
            "transformations:\n- {type: case, method: x}",
            "not one of `lower`, `upper`, `snake_case`",
        ),
        (
            "transformations: [{type: rule_failure, message: m, rule_conditions: [{type: x}]}]",
            "unknown rule condition `x`",
        ),
        (
            "transformations: [{type: rule_failure, message: m, rule_cond_expr: a, rule_conditions: {b: {type: is_sigma_rule}}}]",
            "`a` is not defined",
        ),
        (
            "transformations: [{type: rule_failure, message: m, rule_cond_expr: a, rule_conditions: {a: {type: is_sigma_rule}, b: {type: is_sigma_rule}}}]",
            "does not mention `b`",
        ),
        (
            "transformations: [{type: replace_string, regex: '(', replacement: x}]",
            "regular expression `(`",
        ),
        (
            "transformations: [{type: replace_string, regex: '(?=a)', replacement: x}]",
            "look-around",
        ),
        (
            "transformations: [{type: add_condition, conditions: {a|nope: 1}}]",
            "unknown modifier `nope`",
        ),
        (
            "transformations: [{type: value_placeholders, include: [a], exclude: [b]}]",
            "exclude each other",
        ),
        (
            "transformations: {a: b}",
            "`transformations` must be a list",
        ),
        ("transform: []", "`pipeline` does not know `transform`"),
        ("a: 1\n---\nb: 2", "holds one document"),
        ("", "the file is empty"),
    ] {
        let error = refused(yaml);
        assert!(error.contains(text), "{yaml}: {error}");
    }
    let deep = format!("transformations: {}{}", "[".repeat(40), "]".repeat(40));
    assert!(refused(&deep).contains("nesting depth"));
}
