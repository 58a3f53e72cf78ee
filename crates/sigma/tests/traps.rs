//! Known traps of Sigma, each on one event, by the engine, the plain evaluator and `explain`.

mod common;

use common::one::{event, holds, item, rule};
use saqshy_event::Value;
use saqshy_sigma::{Engine, Pipeline, parse_rules};

#[test]
fn wildcards_after_a_side() {
    assert!(item("A|endswith: '1?'", &[("A", "x12".into())]));
    assert!(!item("A|endswith: '1?'", &[("A", "x1".into())]));
    assert!(item("A|startswith: '?1'", &[("A", "x12".into())]));
    assert!(item("A|contains: 'a?c*e'", &[("A", "__ABC__E__".into())]));
    assert!(!item("A|contains: 'a?c*e'", &[("A", "__AC__E__".into())]));
}

#[test]
fn escapes_in_paths() {
    assert!(item(r"A: '\\\\\*\\'", &[("A", r"\\*\".into())]));
    assert!(!item(r"A: '\\\\\*\\'", &[("A", r"\\x\".into())]));
    assert!(item(r"A: 'C:\\*\x'", &[("A", r"c:\any\thing\X".into())]));
    assert!(item(r"A|contains: '\\*\'", &[("A", r"a\b\c".into())]));
    assert!(item("A: '$(x)^.+'", &[("A", "$(X)^.+".into())]));
}

#[test]
fn blanks_at_the_ends_count() {
    assert!(item("A|contains: ' -e '", &[("A", "p -e x".into())]));
    assert!(!item("A|contains: ' -e '", &[("A", "p -e".into())]));
    assert!(!item("A: 'x '", &[("A", "x".into())]));
}

#[test]
fn dashes_of_a_flag() {
    for text in ["x -c y", "x /c y", "x –c y", "x —c y", "x ―c y"] {
        assert!(
            item("A|contains|windash: ' /c '", &[("A", text.into())]),
            "{text}"
        );
        assert!(
            item(
                "A|windash|contains|all: [' -c ', 'x']",
                &[("A", text.into())]
            ),
            "{text}"
        );
    }
    assert!(!item(
        "A|windash|contains: ' -c '",
        &[("A", "x =c y".into())]
    ));
    assert!(item(
        "A|endswith|windash: '-a -b'",
        &[("A", "x /a ―b".into())]
    ));
}

#[test]
fn field_references_and_their_negation() {
    let both = |a: &str, b: &str| [("A", a.into()), ("B", b.into())];
    assert!(item("A|fieldref: B", &both("Same", "sAME")));
    assert!(!item("A|fieldref|cased: B", &both("Same", "sAME")));
    assert!(!item("A|fieldref|neq: B", &both("Same", "sAME")));
    assert!(item("A|fieldref|neq: B", &both("one", "two")));
    assert!(item("A|neq|fieldref: B", &both("one", "two")));
    assert!(item(
        "A|fieldref|startswith: B",
        &both("prefix-x", "PREFIX")
    ));
    assert!(item("A|fieldref|endswith: B", &both("x-suffix", "SUFFIX")));
    assert!(item("A|fieldref|contains: B", &both("a-mid-b", "MID")));
    assert!(!item("A|fieldref: B", &[("A", "x".into())]));
    assert!(item("A|fieldref|neq: B", &[("A", "x".into())]));
}

#[test]
fn different_from_every_value_also_when_absent() {
    assert!(item("A|neq: [x, y]", &[("A", "z".into())]));
    assert!(!item("A|neq: [x, y]", &[("A", "Y".into())]));
    assert!(item("A|neq: x", &[]));
    assert!(!item("A|contains|neq: x", &[("A", "axa".into())]));
}

#[test]
fn keywords_search_every_value() {
    let fields = [
        ("A", "one Two".into()),
        ("B", "three".into()),
        ("N", Value::Int(4688)),
    ];
    assert!(holds("    k: [nothing, two]\n    condition: k\n", &fields));
    assert!(holds(
        "    k:\n        '|all': [one, three, 4688]\n    condition: k\n",
        &fields
    ));
    assert!(!holds(
        "    k:\n        '|all': [one, four]\n    condition: k\n",
        &fields
    ));
    assert!(holds("    k: 'o?e*two'\n    condition: k\n", &fields));
    assert!(holds(
        "    k:\n        '|re': '^thr'\n    condition: k\n",
        &fields
    ));
    assert!(!holds(
        "    k:\n        '|re': '^hr'\n    condition: k\n",
        &fields
    ));
    assert!(holds(
        "    k:\n        - {A: nothing}\n        - three\n    condition: k\n",
        &fields
    ));
    assert!(
        !holds("    k: [acme]\n    condition: k\n", &fields),
        "bookkeeping is not searched"
    );
}

#[test]
fn keywords_in_the_original_line_but_not_in_documents() {
    let line = [("event.original", "<34>Oct 11 su: secret".into())];
    assert!(holds("    k: [secret]\n    condition: k\n", &line));
    let document = [("event.original", r#"{"secret":1}"#.into())];
    assert!(!holds("    k: [secret]\n    condition: k\n", &document));
}

#[test]
fn numbers_booleans_and_texts() {
    assert!(item("A: -5", &[("A", Value::Int(-5))]) && item("A: -5", &[("A", "-5".into())]));
    assert!(item("A: '-5'", &[("A", Value::Int(-5))]) && !item("A: 5", &[("A", "-5".into())]));
    assert!(item("A|lt: -1", &[("A", "-2".into())]) && !item("A|lt: -1", &[("A", "x".into())]));
    assert!(item("A: true", &[("A", true.into())]) && item("A: true", &[("A", "True".into())]));
    assert!(item("A: 1.5", &[("A", Value::Float(1.5))]));
}

#[test]
fn null_empty_and_absent() {
    assert!(item("A: null", &[]) && item("A: null", &[("A", Value::Null)]));
    assert!(!item("A: null", &[("A", "".into())]) && item("A: ''", &[("A", "".into())]));
    assert!(!item("A: ''", &[]) && !item("A: '*'", &[]) && item("A: '*'", &[("A", "".into())]));
    assert!(item("A: [null, x]", &[]) && item("A: [null, x]", &[("A", "x".into())]));
    assert!(item("A|exists: true", &[("A", Value::Null)]) && !item("A|exists: true", &[]));
    assert!(item("A|exists: false", &[]) && !item("A|exists: false", &[("A", "".into())]));
}

#[test]
fn an_absent_field_does_not_filter() {
    let detection = "    s: {A: x}\n    filter: {B|endswith: y}\n    condition: s and not filter\n";
    assert!(holds(detection, &[("A", "x".into())]));
    assert!(holds(detection, &[("A", "x".into()), ("B", "z".into())]));
    assert!(!holds(detection, &[("A", "x".into()), ("B", "zy".into())]));
    assert!(holds(
        "    f: {B: x}\n    condition: not f\n",
        &[("A", "x".into())]
    ));
}

#[test]
fn several_values_of_one_field() {
    let list = [(
        "A",
        Value::List(["one".into(), "two".into(), 3i64.into()].into()),
    )];
    assert!(item("A: TWO", &list) && item("A: 3", &list) && !item("A: four", &list));
    assert!(item("A|contains|all: [ne, tw]", &list) && !item("A|neq: one", &list));
    assert!(item("A: null", &[("A", Value::List([].into()))]));
}

#[test]
fn field_names_with_blanks() {
    assert!(item(
        "'Some Field|contains': b",
        &[("Some Field", "abc".into())]
    ));
    assert!(item("Some Field: abc", &[("Some Field", "abc".into())]));
}

#[test]
fn letters_of_other_scripts() {
    assert!(item(
        "A|contains: 'ҚҰПИЯ'",
        &[("A", "бұл құпия дерек".into())]
    ));
    assert!(item("A: 'ПАРОЛЬ?'", &[("A", "пароль!".into())]));
    assert!(!item("A|cased: 'ПАРОЛЬ'", &[("A", "пароль".into())]));
    assert!(item("A|re|i: 'пар.ль$'", &[("A", "ПАРОЛЬ".into())]));
}

#[test]
fn lists_of_mappings_and_counted_selections() {
    let detection = "    s:\n        - {A: x, B: y}\n        - {A: z}\n    condition: s\n";
    assert!(holds(detection, &[("A", "z".into())]));
    assert!(!holds(detection, &[("A", "x".into())]));
    let counted =
        "    a: {A: x}\n    b: {B: x}\n    c: {C: x}\n    _d: {D: x}\n    condition: 2 of them\n";
    assert!(holds(counted, &[("A", "x".into()), ("C", "x".into())]));
    assert!(!holds(counted, &[("A", "x".into()), ("D", "x".into())]));
    assert!(holds(
        "    a: {A: x}\n    b: {B: x}\n    condition: [a, b]\n",
        &[("B", "x".into())]
    ));
}

/// The rule's field stands in no event of the batch: an item on it does not hold, its negation
/// does, and nothing stumbles over a column that is not there.
#[test]
fn a_column_never_seen() {
    assert!(!item("Nowhere|contains: x", &[("A", "x".into())]));
    assert!(!item("Nowhere|re: x", &[("A", "x".into())]));
    assert!(!item("Nowhere|gt: 1", &[("A", "x".into())]));
    assert!(!item("A|fieldref: Nowhere", &[("A", "x".into())]));
    assert!(!item("Nowhere|fieldref: A", &[("A", "x".into())]));
    assert!(item("Nowhere: null", &[("A", "x".into())]));
    assert!(item("Nowhere|exists: false", &[("A", "x".into())]));
    let negated = "    s: {Nowhere: x}\n    condition: not s\n";
    assert!(holds(negated, &[("A", "x".into())]));
    // An engine that saw the column in one batch is right about the next one without it.
    let rule = rule("    s: {A: x}\n    f: {B: y}\n    condition: s and not f\n");
    let (engine, _) = Engine::compile(vec![rule], &Pipeline::default());
    let with = event(&[("A", "x".into()), ("B", "y".into())]);
    let without = event(&[("A", "x".into())]);
    let neither = event(&[("C", "x".into())]);
    let counts = [&with, &without, &neither, &without, &with].map(|it| engine.matches(it).len());
    assert_eq!(counts, [0, 1, 0, 1, 0]);
}

/// Words of `all` may stand in different fields, each in any.
#[test]
fn all_keywords_across_fields() {
    let words = "    k:\n        '|all': ['one', 't?o', -7]\n    condition: k\n";
    let fields = [
        ("A", "One".into()),
        ("B", "two".into()),
        ("N", Value::Int(-7)),
    ];
    assert!(holds(words, &fields));
    assert!(!holds(words, &fields[..2]));
    let list = [("A", Value::List(["one".into(), "two -7".into()].into()))];
    assert!(holds(
        "    k:\n        '|all': [one, two, '-7']\n    condition: k\n",
        &list
    ));
}

/// One value of 10 MB: time grows with its length and no faster, in both evaluators.
#[test]
fn values_of_ten_megabytes() {
    let long = "ab".repeat(5 << 20);
    let fields = [("A", long.as_str().into()), ("B", "b".into())];
    let begin = std::time::Instant::now();
    for (text, expected) in [
        ("A|contains: abc", false),
        ("A|contains: 'b*a*c'", false),
        ("A|re: '(ab)+c'", false),
        ("A|re|i: 'B$'", true),
        ("A|windash|contains: ' -a'", false),
        ("A|fieldref|endswith: B", true),
        ("A|cidr: 10.0.0.0/8", false),
        ("A|gt: 5", false),
        ("A|neq: ab", true),
    ] {
        assert_eq!(item(text, &fields), expected, "{text}");
    }
    assert!(holds("    k: ['bababa*b']\n    condition: k\n", &fields));
    assert!(
        begin.elapsed() < std::time::Duration::from_secs(120),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn addresses() {
    assert!(item(
        "A|cidr: [10.0.0.0/8, 'fe80::/10']",
        &[("A", "fe80::1".into())]
    ));
    assert!(!item("A|cidr: 10.0.0.0/8", &[("A", "11.0.0.1".into())]));
}

#[test]
fn placeholders_without_values_never_match_and_warn() {
    let rule = rule("    s: {A|expand: '%admins%'}\n    condition: s\n");
    let mut pipeline = Pipeline::default();
    let batch = event(&[("A", "root".into())]);
    let (engine, refused) = Engine::compile(vec![rule.clone()], &pipeline);
    assert!(refused.is_empty() && engine.matches(&batch).is_empty());
    assert!(engine.warnings()[0].text.contains("%admins%"));
    pipeline.set_placeholder("admins", vec!["adm*".into(), "ro?t".into()]);
    let (engine, _) = Engine::compile(vec![rule], &pipeline);
    assert!(engine.warnings().is_empty());
    assert_eq!(engine.matches(&batch).len(), 1);
}

#[test]
fn refusals_name_file_line_and_reason() {
    let refusal = |detection: &str| {
        let yaml = format!("title: t\nlogsource: {{product: acme}}\ndetection:\n{detection}");
        let error = parse_rules(&yaml, "x/t.yml".as_ref())
            .remove(0)
            .unwrap_err();
        assert_eq!(error.title.as_deref(), Some("t"));
        error.to_string()
    };
    assert_eq!(
        refusal("    s:\n        A|contans: x\n    condition: s\n"),
        "x/t.yml:5: unknown modifier `contans` on field `A`"
    );
    for (detection, part) in [
        ("    s: {A: x}\n", "`detection.condition` is missing"),
        (
            "    s: {A: x}\n    condition: t\n",
            ":5: condition `t`: search identifier `t`",
        ),
        ("    s: {A: []}\n    condition: s\n", "not empty"),
        ("    s: {A: {b: c}}\n    condition: s\n", "not a mapping"),
        ("    s:\n    condition: s\n", "not empty"),
        (
            "    s: {A|re: '(x'}\n    condition: s\n",
            "regular expression `(x` on field `A`",
        ),
        ("    s: {A|cidr: x}\n    condition: s\n", "CIDR"),
        ("    s: {A|gt: x}\n    condition: s\n", "not a number"),
        ("    s: {A|base64: 'x*'}\n    condition: s\n", "wildcards"),
        (
            "    s: {'|exists': true}\n    condition: s\n",
            "below a field",
        ),
        (
            "    s: {A: x}\n    condition: s | count() > 3\n",
            "correlation",
        ),
    ] {
        let error = refusal(detection);
        assert!(error.contains(part), "{error}");
    }
    let head = |yaml: &str| {
        parse_rules(yaml, "t.yml".as_ref())
            .remove(0)
            .unwrap_err()
            .to_string()
    };
    assert!(head("title: t\nlevel: huge\n").contains("2: unknown level `huge`"));
    assert!(head("title: t\ndetection: {}\n").contains("`logsource` is missing"));
    assert!(head("title: [t\n").contains("not YAML"));
    assert!(head("- x\n").contains("`document` must be a mapping"));
}

#[test]
fn custom_keys_and_the_source_text_are_kept() {
    let yaml = "title: t\nlogsource: {product: acme}\ndetection: {s: {A: x}, condition: s}\nsaqshy:\n    entity: user.name\n    list: [a, b]\n";
    let rule = parse_rules(yaml, "t.yml".as_ref()).remove(0).unwrap();
    assert_eq!(rule.custom["saqshy.entity"], "user.name");
    assert_eq!(rule.custom["saqshy.list"], "a\nb");
    assert_eq!(&*rule.source, yaml);
    assert_eq!((rule.id.as_str(), rule.origin.line), ("t", 1));
}
