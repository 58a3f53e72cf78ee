//! The engine gives what the plain evaluator gives: random rules on random events.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use saqshy_event::{Batch, BatchBuilder, Value};
use saqshy_sigma::{Engine, Pipeline, Rule, oracle, parse_rules};

const FIELDS: [&str; 6] = ["A", "B", "C", "D E", "Image", "Data"];

/// Short texts over few characters, so that rules and events meet.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[abAB]{0,4}",
        3 => "[abΣσς *?\\\\-]{0,5}",
        2 => "[a /–-]{0,2}[-/–―][ab] ?",
        1 => "[ſsSkKı]{1,3}",
        1 => "-?[0-9]{1,2}",
        1 => select(vec![
            "10.0.0.1", "10.1.2.3", "::ffff:10.0.0.9", "fe80::1", "YWI=", "xYWFi", "AGEAYg==",
            "2024-05-06 07:08:09", "2024-05-06T23:59:00Z", "true", "%a%", "a\nb", "ab$", "\u{0}",
        ]).prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let single = prop_oneof![
        8 => text().prop_map(Value::from),
        2 => (-20i64..100).prop_map(Value::Int),
        1 => select(vec![0.5, 1.0, -3.25]).prop_map(Value::Float),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Null),
        1 => select(vec!["2024-05-06T07:08:09Z", "2025-01-01T00:00:00Z"])
            .prop_map(|time| Value::Time(time.parse().unwrap())),
    ];
    let list = prop::collection::vec(single.clone(), 0..3);
    prop_oneof![6 => single, 1 => list.prop_map(|items| Value::List(items.into()))]
}

type Fields = Vec<(&'static str, Value)>;

fn event() -> impl Strategy<Value = Fields> {
    let log = select(vec![
        vec![("data_stream.dataset", "acme")],
        vec![("data_stream.dataset", "ACME.x")],
        vec![("data_stream.dataset", "other")],
        vec![
            ("winlog.channel", "Microsoft-Windows-Sysmon/Operational"),
            ("winlog.event_id", "1"),
        ],
        vec![
            ("winlog.channel", "Microsoft-Windows-Sysmon/Operational"),
            ("winlog.event_id", "3"),
        ],
        vec![("winlog.channel", "Security"), ("winlog.event_id", "4688")],
        vec![],
    ]);
    let names = select(vec![
        "A",
        "B",
        "C",
        "D E",
        "Image",
        "acme.A",
        "message",
        "event.original",
        "event.id",
        "winlog.event_data.A",
        "winlog.user_data.A",
        "winlog.event_data.B",
        "winlog.event_data.param1",
        "winlog.event_data.param2",
        "winlog.event_data.Image",
        "winlog.event_data.NewProcessName",
    ]);
    let fields = prop::collection::vec((names, value()), 0..6);
    (log, fields).prop_map(|(log, fields)| {
        let log = log
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)));
        log.chain(fields).collect()
    })
}

fn batch(events: &[Fields]) -> Batch {
    let mut builder = BatchBuilder::default();
    for event in events {
        for (name, value) in event {
            builder.set(name, value.clone());
        }
        builder.end_event();
    }
    builder.finish()
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Modifiers with a value they accept, as YAML.
fn modified() -> impl Strategy<Value = (String, String)> {
    let plain = select(vec![
        "",
        "|contains",
        "|startswith",
        "|endswith",
        "|cased",
        "|contains|cased",
        "|neq",
        "|contains|neq",
        "|windash",
        "|contains|windash",
        "|windash|endswith",
        "|startswith|windash",
        "|all",
        "|contains|all",
        "|contains|all|neq",
        "|endswith|cased|neq",
        "|expand",
        "|contains|expand",
    ]);
    let values = prop::collection::vec(text().prop_map(|text| quoted(&text)), 1..4);
    let scalars = prop::collection::vec(
        select(vec![
            "null", "1", "-5", "0x0a", "true", "false", "1.0", "'1'", "''", "'*'", "'?'", "'a*'",
        ])
        .prop_map(str::to_owned),
        1..3,
    );
    let regexes = prop::collection::vec(
        select(vec![
            "a.b",
            "^a",
            "b$",
            "(ab|ba)+",
            "[ab]{2}",
            "(?i)ABa",
            "abb?a",
            "σ",
            "ab[abc]",
            "s",
            "k",
            "^$",
            "\\\\",
            "aba|bab",
            "a\\sb",
            ".b",
            "\\bab",
            "(a|b)b(a|b)",
            "[ab]+aba?",
            "(?s).[^b]?abb*",
            ".{64,}",
        ])
        .prop_map(quoted),
        1..3,
    );
    let flags = select(vec![
        "|re",
        "|re|i",
        "|re|m",
        "|re|s",
        "|re|i|m|s",
        "|re|all",
        "|re|neq",
        "|re|startswith",
    ]);
    let encoded = select(vec![
        "|base64",
        "|base64offset|contains",
        "|wide|base64offset|contains",
        "|utf16be|base64",
        "|base64|contains|windash",
        "|utf16le|contains",
        "|utf16|base64offset|contains",
    ]);
    let compared = (
        select(vec![
            "|gt",
            "|gte",
            "|lt",
            "|lte",
            "|gt|neq",
            "|hour",
            "|minute|gte",
            "|day",
            "|week",
            "|month",
            "|lt|year",
        ]),
        select(vec!["5", "-1", "0.5", "7", "'7'", "2024", "[1, 7]"]),
    );
    let list = |values: Vec<String>| format!("[{}]", values.join(", "));
    prop_oneof![
        12 => (plain, values).prop_map(move |(chain, values)| (chain.to_owned(), list(values))),
        3 => scalars.prop_map(move |values| (String::new(), list(values))),
        4 => (flags, regexes).prop_map(move |(chain, values)| (chain.to_owned(), list(values))),
        2 => (encoded, "[abσ]{0,3}").prop_map(|(chain, text)| (chain.to_owned(), quoted(&text))),
        2 => compared.prop_map(|(chain, value)| (chain.to_owned(), value.to_owned())),
        1 => select(vec!["true", "false"]).prop_map(|value| ("|exists".to_owned(), value.to_owned())),
        1 => select(vec!["10.0.0.0/8", "fe80::/10", "[10.0.0.1, 'fe80::1']", "'::/0'"])
            .prop_map(|value| ("|cidr".to_owned(), value.to_owned())),
        2 => (select(vec!["|fieldref", "|fieldref|cased", "|fieldref|contains", "|fieldref|neq", "|fieldref|endswith|cased"]), select(FIELDS.to_vec()))
            .prop_map(|(chain, field)| (chain.to_owned(), quoted(field))),
    ]
}

fn map() -> impl Strategy<Value = String> {
    prop::collection::vec((select(FIELDS.to_vec()), modified()), 1..4).prop_map(|items| {
        let mut seen = Vec::new();
        let mut out = Vec::new();
        for (field, (chain, value)) in items {
            let key = format!("{field}{chain}");
            if !seen.contains(&key) {
                out.push(format!("{}: {value}", quoted(&key)));
                seen.push(key);
            }
        }
        format!("{{{}}}", out.join(", "))
    })
}

fn search() -> impl Strategy<Value = String> {
    let keywords = || prop::collection::vec(text().prop_map(|text| quoted(&text)), 1..3);
    prop_oneof![
        6 => map(),
        2 => prop::collection::vec(map(), 1..3).prop_map(|maps| format!("[{}]", maps.join(", "))),
        1 => keywords().prop_map(|words| format!("[{}]", words.join(", "))),
        1 => keywords().prop_map(|words| format!("{{'|all': [{}]}}", words.join(", "))),
        1 => (keywords(), map()).prop_map(|(words, map)| format!("[{}, {map}]", words.join(", "))),
        1 => select(vec!["a.b", "^ab", "[ab]+$"]).prop_map(|it| format!("{{'|re': '{it}'}}")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "s1",
        "s2",
        "_s3",
        "1 of s*",
        "all of s*",
        "1 of them",
        "all of them",
        "2 of them",
        "any of _*",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| format!("not {it}")),
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| format!("({left} and {right})")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("({left} or {right})")),
        ]
    })
}

fn rule() -> impl Strategy<Value = Arc<Rule>> {
    let source = select(vec![
        "{product: acme}",
        "{product: windows, category: process_creation}",
        "{product: windows, category: network_connection}",
        "{product: windows}",
        "{category: process_creation}",
    ]);
    let searches = (search(), search(), search());
    (source, searches, condition()).prop_filter_map("refused", |(source, (s1, s2, s3), condition)| {
        let yaml = format!(
            "title: t\nlogsource: {source}\ndetection:\n    s1: {s1}\n    s2: {s2}\n    _s3: {s3}\n    condition: {condition}\n"
        );
        // Some chains are refused, `base64` of a wildcard for one.
        parse_rules(&yaml, "t.yml".as_ref()).remove(0).ok().map(Arc::new)
    })
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(300)
}

/// Compares both on every batch.
fn agree(
    rules: Vec<Arc<Rule>>,
    pipeline: &Pipeline,
    batches: &[&[Fields]],
) -> Result<(), TestCaseError> {
    let (engine, refused) = Engine::compile(rules, pipeline);
    prop_assert!(refused.is_empty());
    for events in batches {
        let batch = batch(events);
        let expected = oracle::matches(engine.rules(), pipeline, &batch);
        let found = engine.matches(&batch);
        if found != expected {
            let wrong = found.iter().find(|it| !expected.contains(it));
            let missing = expected.iter().find(|it| !found.contains(it));
            let at = wrong.or(missing).unwrap();
            prop_assert!(
                false,
                "{} row {}: {:?}\n{}",
                if wrong.is_some() {
                    "too much"
                } else {
                    "missed"
                },
                at.row,
                batch.event(at.row as usize).to_json(),
                engine.rules()[at.rule as usize].source,
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn engine_and_plain_evaluator_agree(
        rules in prop::collection::vec(rule(), 1..12),
        events in prop::collection::vec(event(), 1..12),
        more in prop::collection::vec(event(), 1..4),
        placeholder in prop::collection::vec(text(), 0..3),
    ) {
        let mut pipeline = Pipeline::default();
        if !placeholder.is_empty() {
            pipeline.set_placeholder("a", placeholder);
        }
        // Twice, so that kept memory must not leak from batch to batch.
        agree(rules, &pipeline, &[&events, &more, &events])?;
    }
}

/// What may stand in a field of addresses.
fn address() -> impl Strategy<Value = Value> {
    let bare = prop_oneof![
        4 => "10\\.[01]\\.[0-3]\\.[0-9]",
        2 => "::ffff:10\\.[01]\\.0\\.[0-9]",
        2 => "fe80::[0-9a-fA-F]{1,3}",
        2 => select(vec![
            "::", "::1", "0.0.0.0", "255.255.255.255", "::ffff:a00:1", "10.0.0.1/32", "10.0.0.01", "10.0.0",
            "fe80::1%eth0", "[::1]", "10.0.0.1:80", "", "-", "a", "10.0.0.1.example.org",
        ]).prop_map(str::to_owned),
    ];
    let blanks = || select(vec!["", "", "", " ", "\t", "\u{a0}", "\n"]);
    let text = (blanks(), bare, blanks())
        .prop_map(|(before, bare, after)| Value::from(format!("{before}{bare}{after}")));
    let single = prop_oneof![
        16 => text,
        1 => Just(Value::from(format!("{}10.0.0.1", " ".repeat(5_000)))),
        1 => (0..20i64).prop_map(Value::Int),
        1 => Just(Value::Float(10.5)),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
    ];
    let list = prop::collection::vec(single.clone(), 0..4);
    prop_oneof![6 => single, 1 => list.prop_map(|items| Value::List(items.into()))]
}

/// Rules about networks, with literals beside them.
fn network_rule() -> impl Strategy<Value = Arc<Rule>> {
    let networks = select(vec![
        "10.0.0.0/8",
        "10.0.0.0/30",
        "10.1.2.3",
        "10.0.0.1/32",
        "10.0.0.5/8",
        "10.1.0.0/16",
        "0.0.0.0/0",
        "::/0",
        "::1",
        "fe80::/10",
        "fe80::1/128",
        "::ffff:0:0/96",
        "::ffff:10.0.0.0/104",
        "::ffff:10.0.0.1",
    ]);
    let literals = select(vec![
        "10.0.0.1", "10.*", "*::*", "fe80::?", "-", "::1", "*.1", "*0.0*",
    ]);
    let list = |items: Vec<&str>| items.into_iter().map(quoted).collect::<Vec<_>>().join(", ");
    let item = prop_oneof![
        4 => (select(vec!["|cidr", "|cidr", "|cidr|all", "|cidr|neq"]), prop::collection::vec(networks, 1..4)),
        1 => (select(vec!["", "|contains", "|neq"]), prop::collection::vec(literals, 1..3)),
    ];
    let item =
        (select(vec!["A", "A", "B", "acme.A"]), item).prop_map(move |(field, (chain, values))| {
            format!(
                "{{{}: [{}]}}",
                quoted(&format!("{field}{chain}")),
                list(values)
            )
        });
    let condition = select(vec![
        "s1",
        "not s1",
        "s1 and s2",
        "s1 and not s2",
        "s1 or s2",
        "not s1 and not s2",
        "s1 or not s2",
    ]);
    (item.clone(), item, condition).prop_map(|(s1, s2, condition)| {
        let yaml = format!(
            "title: t\nlogsource: {{product: acme}}\ndetection:\n    s1: {s1}\n    s2: {s2}\n    condition: {condition}\n"
        );
        Arc::new(parse_rules(&yaml, "t.yml".as_ref()).remove(0).unwrap())
    })
}

fn addressed() -> impl Strategy<Value = Fields> {
    let names = select(vec!["A", "acme.A", "B"]);
    prop::collection::vec((names, address()), 0..3).prop_map(|mut fields| {
        fields.push(("data_stream.dataset", "acme".into()));
        fields
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 3, ..ProptestConfig::default() })]

    #[test]
    fn networks_agree(
        rules in prop::collection::vec(network_rule(), 1..20),
        events in prop::collection::vec(addressed(), 1..100),
        more in prop::collection::vec(addressed(), 1..4),
    ) {
        agree(rules, &Pipeline::default(), &[&events, &more, &events])?;
    }
}

/// The generator is worth something: it makes matches and misses of every kind.
#[test]
fn generated_rules_meet_generated_events() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut pairs, mut hits) = (0, 0);
    for _ in 0..200 {
        let rules = prop::collection::vec(rule(), 4)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let events = prop::collection::vec(event(), 8)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let (engine, _) = Engine::compile(rules, &Pipeline::default());
        pairs += 32;
        hits += engine.matches(&batch(&events)).len();
    }
    assert!(hits * 50 > pairs && hits * 2 < pairs, "{hits} of {pairs}");
}
