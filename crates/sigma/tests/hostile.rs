//! Documents made to hurt: each is refused with a reason, or costs no more than its size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saqshy_event::BatchBuilder;
use saqshy_sigma::{Engine, Pipeline, parse_documents, parse_rules};

fn rule(detection: &str) -> String {
    format!("title: t\nlogsource: {{product: test}}\ndetection:\n{detection}")
}

/// The first refusal, which must come quickly.
fn refused(yaml: &str) -> String {
    let begin = Instant::now();
    let found = parse_documents(yaml, "h.yml".as_ref());
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
    let errors: Vec<String> = found
        .into_iter()
        .filter_map(|document| document.err().map(|error| error.to_string()))
        .collect();
    errors.first().expect("a refusal").clone()
}

/// What is accepted compiles quickly.
fn compiled(yaml: &str) {
    let begin = Instant::now();
    let rules = parse_rules(yaml, "h.yml".as_ref());
    let rules: Vec<_> = rules.into_iter().map(|it| Arc::new(it.unwrap())).collect();
    let (_, errors) = Engine::compile(rules, &Pipeline::default());
    assert!(errors.is_empty(), "{errors:?}");
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn shapes_of_yaml() {
    let deep =
        |open: &str, close: &str| format!("a: {}1{}", open.repeat(100_000), close.repeat(100_000));
    for yaml in [deep("[", "]"), deep("{a: ", "}")] {
        let error = refused(&yaml);
        assert!(error.starts_with("h.yml:1: "), "{error}");
        assert!(error.contains("exceed"), "{error}");
    }
    let blocks: String = (0..5_000)
        .map(|depth| format!("{}- \n", " ".repeat(depth)))
        .collect();
    refused(&blocks);
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        bomb += &format!("a{level}: &a{level} [{}]\n", alias.trim_end_matches(", "));
    }
    assert!(refused(&bomb).contains("number of YAML nodes"));
    let text = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(60_000),
        "*a, ".repeat(50_000)
    );
    assert!(refused(&text).contains("with aliases written out, exceeds"));
    assert!(refused("a: &a [*a]").contains("h.yml:1: not YAML"));
    let long = format!("title: {}", "x".repeat(5 << 20));
    assert!(refused(&long).contains("file size in bytes exceeds"));
    let keys: String = (0..250_000).map(|key| format!("k{key}: 1\n")).collect();
    assert!(refused(&keys).contains("number of YAML nodes"));
    assert!(refused("a: 1\na: 2").contains("occurs twice"));
    assert!(refused("title: \"\\u0000").contains("not YAML"));
    assert!(refused("%TAG ! tag:x,2000:\n---\n[a").contains("not YAML"));
}

#[test]
fn values_and_their_forms() {
    let value = format!("    s: {{a: {}}}\n    condition: s\n", "x".repeat(1 << 20));
    assert!(refused(&rule(&value)).contains("longer than 65536 bytes"));
    let items = vec!["x"; 60_000].join(", ");
    let list = format!("    s: {{a: [{items}]}}\n    condition: s\n");
    assert!(refused(&rule(&list)).contains("number of values of a rule"));
    let dashes = format!(
        "    s: {{a|windash|base64: '{}'}}\n    condition: s\n",
        "-a ".repeat(40)
    );
    refused(&rule(&dashes));
    let offsets = vec!["abc"; 20_000].join(", ");
    let many = format!("    s: {{a|base64offset|contains: [{offsets}]}}\n    condition: s\n");
    assert!(refused(&rule(&many)).contains("number of values of a rule"));
}

/// The engine looks for each of two dashes in its five forms.
#[test]
fn dashes_count_in_all_their_forms() {
    let with = |values: usize, text: &str| {
        let values: Vec<String> = (0..values).map(|n| format!("'{text}{n}'")).collect();
        rule(&format!(
            "    s: {{a|windash|contains: [{}]}}\n    condition: s\n",
            values.join(", ")
        ))
    };
    let error = refused(&with(5_000, "run -x -y"));
    assert!(error.contains("number of values of a rule"), "{error}");
    compiled(&with(2_000, "run -x -y"));
    let error = refused(&with(60, &format!("-x -y {}", "z".repeat(4_000))));
    assert!(error.contains("size of the values of a rule"), "{error}");
}

#[test]
fn conditions_that_ask_for_everything_again_and_again() {
    let selections = |count: usize| -> String {
        (0..count)
            .map(|n| format!("    sel{n}: {{a: v{n}}}\n"))
            .collect()
    };
    let many = |count: usize, ofs: usize| {
        let condition = vec!["1 of sel*"; ofs].join(" and ");
        rule(&format!(
            "{}    condition: {condition}\n",
            selections(count)
        ))
    };
    let error = refused(&many(20_000, 500));
    assert!(error.starts_with("h.yml:20004: "), "{error}");
    assert!(error.contains("more than 500000 values"), "{error}");
    assert!(error.contains("split the rule"), "{error}");
    compiled(&many(20_000, 5));
    compiled(&many(400, 500));
    // The same in many conditions, and by one selection of many values.
    let list = "    - 1 of sel*\n".repeat(900);
    let error = refused(&rule(&format!(
        "{}    condition:\n{list}",
        selections(20_000)
    )));
    assert!(error.contains("more than 500000 values"), "{error}");
    let list = "    - s\n".repeat(2_000);
    let error = refused(&rule(&format!("    s: {{a: 1}}\n    condition:\n{list}")));
    assert!(error.contains("number of conditions"), "{error}");
    let values = vec!["x"; 40_000].join(", ");
    let condition = vec!["s"; 500].join(" or ");
    let error = refused(&rule(&format!(
        "    s: {{a: [{values}]}}\n    condition: {condition}\n"
    )));
    assert!(error.contains("more than 500000 values"), "{error}");
    // A name that is longer than any rule, looked through for each pattern.
    let ofs = vec!["1 of *b*"; 5_000].join(" or ");
    let name = "a".repeat(1 << 20);
    let error = refused(&rule(&format!(
        "    ? {name}b\n    : {{a: 1}}\n    condition: {ofs}\n"
    )));
    assert!(error.contains("more than 500000 values"), "{error}");
}

#[test]
fn conditions() {
    for (condition, text) in [
        ("(".repeat(60_000), "nested deeper"),
        (format!("{}s", "not ".repeat(10_000)), "nested deeper"),
        (format!("s{}", " or s".repeat(20_000)), "longer than"),
        (
            format!("1 of {}", "*a".repeat(20_000)),
            "no search identifier",
        ),
        ("9999999999999999999999 of s*".to_owned(), ""),
    ] {
        let yaml = rule(&format!("    s: {{a: 1}}\n    condition: '{condition}'\n"));
        let error = refused(&yaml);
        assert!(error.contains(text), "{error}");
        assert!(error.len() < 1_000, "{} bytes", error.len());
    }
}

#[test]
fn regular_expressions() {
    let with = |source: &str| rule(&format!("    s: {{a|re: '{source}'}}\n    condition: s\n"));
    for (source, text) in [
        ("(a{1000}){1000}".to_owned(), "regular expression"),
        ("(?=a)b".to_owned(), "look-around"),
        (r"(a)\1".to_owned(), "backreferences"),
        ("(".repeat(1_000) + &")".repeat(1_000), "nest"),
        ("a".repeat(20_000), "longer than 16384 bytes"),
        ("[".to_owned(), "unclosed"),
    ] {
        let error = refused(&with(&source));
        assert!(error.contains(text), "{error}");
        assert!(error.starts_with("h.yml:4:"), "{error}");
        assert!(
            error.len() < 1_000,
            "a message of {} bytes quotes a whole file",
            error.len()
        );
    }
    // Each is below its limit; together they would take minutes and gigabytes to compile.
    let list: Vec<String> = (0..3_000).map(|n| format!(r"'x{n}\w{{60}}'")).collect();
    let many = format!("    s: {{a|re: [{}]}}\n    condition: s\n", list.join(", "));
    let begin = Instant::now();
    assert!(refused(&rule(&many)).contains("size of the regular expressions"));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    // What makes other engines walk exponentially many ways is linear here.
    let slow = ["(a+)+$", "(a|aa)*$", "(.*a){12}", r"^(\w+\s?)*$"].map(|source| {
        let parsed = parse_rules(&with(source), "h.yml".as_ref()).remove(0);
        Arc::new(parsed.unwrap())
    });
    let (engine, refusals) = Engine::compile(slow.to_vec(), &Pipeline::default());
    assert!(refusals.is_empty());
    let mut batch = BatchBuilder::default();
    batch.set("data_stream.dataset", "test");
    batch.set("a", format!("{}!", "a".repeat(60_000)));
    batch.end_event();
    let begin = Instant::now();
    engine.matches(&batch.finish());
    assert!(
        begin.elapsed() < Duration::from_secs(30),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn placeholders() {
    let many = rule("    s: {a|expand: '%p%%p%%p%'}\n    condition: s\n");
    let parsed = Arc::new(parse_rules(&many, "h.yml".as_ref()).remove(0).unwrap());
    let values: Vec<String> = (0..100).map(|number| format!("'{number}'")).collect();
    let yaml = format!(
        "vars: {{p: [{}]}}\ntransformations: [{{type: value_placeholders}}]",
        values.join(", ")
    );
    let pipeline = Pipeline::with_files(&[("p.yml", &yaml)]).unwrap();
    let error = pipeline.process(&parsed).unwrap_err().to_string();
    assert!(error.contains("gives more than 10000 values"), "{error}");
    // Each value is within the limit, all of them are 50 million.
    let line = vec!["'%p%%p%'"; 5_000].join(", ");
    let mention = vec!["s"; 500].join(" or ");
    let lines: String = (0..50)
        .map(|n| format!("        f{n}|expand: ['%p%%p%']\n"))
        .collect();
    for (search, condition, text) in [
        (
            format!("    s: {{a|expand: [{line}]}}\n"),
            "s",
            "`a|expand` has more than 50000",
        ),
        (format!("    s:\n{lines}"), "s", "more than 200000 values"),
        (
            "    s: {a|expand: '%p%%p%'}\n".into(),
            &*mention,
            "its conditions ask for",
        ),
    ] {
        let yaml = rule(&format!("{search}    condition: {condition}\n"));
        let parsed = Arc::new(parse_rules(&yaml, "h.yml".as_ref()).remove(0).unwrap());
        let error = pipeline.process(&parsed).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn correlations() {
    let names: Vec<String> = (0..1_000).map(|rule| format!("r{rule}")).collect();
    let yaml = format!(
        "title: t\ncorrelation: {{type: event_count, rules: [{}], timespan: 1m, condition: {{gte: 1}}}}",
        names.join(", ")
    );
    assert!(refused(&yaml).contains("number of items of a list in `correlation`"));
    let expression = format!(
        "title: t\ncorrelation: {{type: temporal, timespan: 1m, condition: '{}'}}",
        names.join(" or ")
    );
    assert!(refused(&expression).contains("names more than 64 rules"));
    for (part, text) in [
        (
            "timespan: 9999999999999999999h, condition: {gte: 1}",
            "is not a positive number",
        ),
        ("timespan: 1m, condition: {gte: .inf}", "must be a number"),
        ("timespan: 1m, condition: {gte: [1]}", "must be a number"),
        (
            "timespan: 1m, condition: []",
            "must be a mapping or an expression",
        ),
        (
            "timespan: 1m, condition: {gte: 1}, aliases: [a]",
            "must be a mapping from alias",
        ),
    ] {
        let yaml = format!("title: t\ncorrelation: {{type: event_count, rules: [a], {part}}}");
        let error = refused(&yaml);
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn pipelines() {
    let steps = "- {type: case}\n".repeat(12_000);
    let error = Pipeline::with_files(&[("p.yml", &format!("transformations:\n{steps}"))]);
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("number of transformations exceeds")
    );
    let regex =
        "transformations: [{type: replace_string, regex: '(a{1000}){1000}', replacement: x}]";
    let error = Pipeline::with_files(&[("p.yml", regex)])
        .unwrap_err()
        .to_string();
    assert!(error.contains("line 1: regular expression"), "{error}");
    // Each step doubles the names of the field.
    let doubling = "- {type: field_name_mapping, mapping: {a: [a, a]}}\n".repeat(40);
    let pipeline =
        Pipeline::with_files(&[("p.yml", &format!("transformations:\n{doubling}"))]).unwrap();
    let parsed = parse_rules(&rule("    s: {a: 1}\n    condition: s\n"), "h.yml".as_ref());
    let parsed = Arc::new(parsed.into_iter().next().unwrap().unwrap());
    let error = pipeline.process(&parsed).unwrap_err().to_string();
    assert!(error.contains("more than"), "{error}");
}
