//! The search language: the search finds what the plain definition says.

mod common;

use common::{Event, all, config, ids, start, stored};
use jiff::Timestamp;
use proptest::prelude::*;
use saqshy_event::{Batch, BatchBuilder, Value};
use saqshy_lake::query::{self, Bound, FieldName, Glob, Leaf, Node, Piece, Query, Test, oracle};
use saqshy_lake::{Lake, SearchEvent, SearchRequest};

const FIELDS: [&str; 12] = [
    "user.name",
    "source.ip",
    "source.port",
    "event.code",
    "message",
    "event.risk_score",
    "event.timestamp_untrusted",
    "@timestamp",
    "process.start",
    "winlog.event_data.Ағын",
    "with space",
    "data_stream.dataset",
];
const WORDS: [&str; 14] = [
    "admin",
    "ADMIN",
    "Айгерім",
    "айгерім с",
    "443",
    "0443",
    "10.0.0.5",
    "10.1.0.0/16",
    "2001:db8::1",
    "2026-03-20",
    "2026-03-20T09:30:00Z",
    "true",
    "[\"a\",\"b\"]",
    "a*b",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned),
        1 => "[a-cA-C0-9 ]{1,4}",
        1 => "[\\PC\\\\*\"/:()]{1,5}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let single = prop_oneof![
        4 => word().prop_map(Value::from),
        2 => (-3i64..60_000).prop_map(Value::Int),
        1 => prop::num::f64::ANY.prop_map(Value::Float),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Null),
        1 => time().prop_map(Value::Time),
    ];
    let list =
        prop::collection::vec(single.clone(), 0..4).prop_map(|items| Value::List(items.into()));
    prop_oneof![6 => single, 1 => list]
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-2i64..3).prop_map(|day| start() + jiff::SignedDuration::from_hours(day * 24))
}

fn event() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let usual = prop::collection::vec((prop::sample::select(FIELDS.to_vec()), value()), 0..8);
    (usual, time()).prop_map(|(mut fields, time)| {
        fields.insert(0, ("@timestamp", Value::Time(time)));
        fields
    })
}

fn batch(events: &[Vec<(&'static str, Value)>], first: usize) -> Batch {
    let mut builder = BatchBuilder::default();
    for (row, fields) in events.iter().enumerate() {
        for (name, value) in fields {
            builder.set(name, value.clone());
        }
        builder.set("event.ingested", start());
        builder.set("event.id", format!("n-{:04}", first + row));
        builder.end_event();
    }
    builder.finish()
}

fn glob() -> impl Strategy<Value = Glob> {
    let piece = prop_oneof![
        Just(Piece::Any),
        Just(Piece::One),
        prop_oneof![word(), "[a1.]{1,2}"].prop_map(Piece::Text)
    ];
    prop::collection::vec(piece, 1..4)
        .prop_map(Glob::new)
        .prop_filter("a pattern, and not only stars", |glob| {
            glob.is_wild() && glob.pieces() != [Piece::Any]
        })
}

fn bound() -> impl Strategy<Value = Option<Bound>> {
    prop::option::of(
        (word(), any::<bool>()).prop_map(|(value, inclusive)| Bound { value, inclusive }),
    )
}

fn leaf() -> impl Strategy<Value = Node> {
    let regex = prop::sample::select(vec!["adm[iI]n$", "^4", "a/b", "м\\s", "\\d+\\.0"]);
    let free = prop_oneof![
        4 => word().prop_map(Test::Text),
        1 => glob().prop_map(Test::Pattern),
        1 => regex.clone().prop_map(|text| Test::Regex(text.into())),
    ]
    .prop_map(|test| Leaf { field: None, test });
    let name = prop_oneof![
        6 => prop::sample::select(FIELDS.to_vec()).prop_map(|n| FieldName::Exact(n.into())),
        1 => Just(FieldName::Exact("unknown".into())),
        1 => Just(FieldName::Pattern(Glob::new([Piece::Any, Piece::Text(".name".into())]))),
        1 => Just(FieldName::Pattern(Glob::new([Piece::Any]))),
    ];
    let test = prop_oneof![
        1 => Just(Test::Exists),
        6 => word().prop_map(Test::Text),
        2 => glob().prop_map(Test::Pattern),
        1 => regex.prop_map(|text| Test::Regex(text.into())),
        3 => (bound(), bound())
            .prop_filter("one bound at least", |(low, high)| low.is_some() || high.is_some())
            .prop_map(|(low, high)| Test::Range { low, high }),
    ];
    let field = (name, test).prop_map(|(name, test)| Leaf {
        field: Some(name),
        test,
    });
    prop_oneof![free, field].prop_map(Node::Leaf)
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![9 => leaf(), 1 => Just(Node::All)].prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::and),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::or),
            inner.prop_map(|inner| Node::Not(Box::new(inner))),
        ]
    })
}

/// The parser refuses a bound or value that its field cannot hold; such a query has no text.
fn writable(query: &Query) -> bool {
    query::parse(&query.to_string()).is_ok()
}

async fn search(lake: &Lake, query: &Query) -> Vec<Event> {
    let request = SearchRequest {
        query: query.clone(),
        from: None,
        to: None,
        limit: 10_000,
        newest_first: false,
    };
    common::find(lake, request).await.0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in "[\\PC\\s]{0,40}") {
        let _ = query::parse(&text);
    }

    #[test]
    fn nor_does_one_made_of_its_own_signs(text in "(and|or|not|[a:*?/\"()\\[\\]{}<>=!&|\\\\ -]|TO){0,24}") {
        match query::parse(&text) {
            Ok(query) => prop_assert_eq!(query::parse(&query.to_string()), Ok(query)),
            Err(error) => prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1),
        }
    }

    #[test]
    fn a_query_written_down_is_the_same_query(root in node()) {
        let query = Query { root };
        if let Ok(back) = query::parse(&query.to_string()) {
            prop_assert_eq!(back, query);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Fresh, in several files, compacted: always what the plain evaluator finds.
    #[test]
    fn the_search_finds_what_the_plain_evaluator_finds(
        events in prop::collection::vec(event(), 1..40),
        queries in prop::collection::vec(node(), 20),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let lake = Lake::open(config(folder.path()), "n").await.unwrap();
            let mut expected = Vec::new();
            let third = events.len().div_ceil(3);
            for (round, some) in events.chunks(third).enumerate() {
                let batch = batch(some, round * third);
                expected.extend(stored(&batch));
                lake.append(batch, round as u64 + 1, start()).await.unwrap();
                if round < 2 {
                    lake.flush(start()).await.unwrap();
                }
            }
            for stage in 0..3 {
                match stage {
                    0 => {}
                    1 => drop(lake.flush(start()).await.unwrap()),
                    _ => drop(lake.compact(start()).await.unwrap()),
                }
                for root in &queries {
                    let query = Query { root: root.clone() };
                    let mut found = search(&lake, &query).await;
                    found.sort_by_key(|event| event["event.id"].to_string());
                    let wanted: Vec<&Event> =
                        expected.iter().filter(|event| oracle::matches(&query, event)).collect();
                    let found: Vec<&Event> = found.iter().collect();
                    assert_eq!(found, wanted, "stage {stage}: {query}, writable {}", writable(&query));
                    let count = lake.count(&query, None, None).await.unwrap();
                    assert_eq!(count, wanted.len() as u64);
                }
            }
        });
    }
}

#[test]
fn what_is_written_wrong_is_said_with_its_column() {
    for (text, column, message) in [
        ("user.name:", 11, "a value is expected after `user.name:`"),
        (
            "user.name: and x",
            12,
            "a value is expected after `user.name:`",
        ),
        ("(a or b", 1, "this `(` is never closed"),
        ("a or b)", 7, "`)` closes nothing"),
        ("жүйе and", 9, "a condition is expected here"),
        ("or b", 1, "a condition is expected before `or`"),
        ("a and ()", 8, "a condition is expected before `)`"),
        ("\"open", 1, "this quote is never closed"),
        ("\"user.name\":x", 12, "a field name stands without quotes"),
        (
            "source.port:[1 5]",
            16,
            "`TO` is expected between the bounds of a range",
        ),
        ("source.port:[1 TO 5", 13, "this range is never closed"),
        (
            "source.port:>ssh",
            14,
            "`ssh` is not a number, which `source.port` holds",
        ),
        ("@timestamp:yesterday", 12, "`yesterday` is not a date"),
        (
            "source.ip:10.0.0.0/33",
            11,
            "`10.0.0.0/33` is not a network",
        ),
        ("message:/(/", 9, "not a regular expression: unclosed group"),
        ("not", 4, "a condition is expected here"),
        ("\"\"", 1, "the text to search for is empty"),
    ] {
        let error = query::parse(text).unwrap_err();
        assert_eq!(
            (error.column, error.message.as_str()),
            (column, message),
            "{text}"
        );
    }
}

#[test]
fn precedence_and_shorthand() {
    for (short, long) in [
        ("a b or c", "(a and b) or c"),
        ("not a b", "(not a) and b"),
        ("-a !b", "not a and not b"),
        ("a && b || c", "(a and b) or c"),
        (
            "user.name:(anna or boris) x",
            "(user.name:anna or user.name:boris) and x",
        ),
        (
            "user.name:(anna -b*)",
            "user.name:anna and not user.name:b*",
        ),
        ("source.port:>=5", "source.port:[5 TO *]"),
        ("source.port:<5", "source.port:{* TO 5}"),
        ("source.port:[* TO *]", "source.port:*"),
        ("C:\\Windows\\\\*", "C:\\Windows\\\\*"),
        ("/var/log/auth.log", "\"/var/log/auth.log\""),
        ("http://a/b", "\"http://a/b\""),
        ("", "*"),
        ("AND", "\"AND\""),
    ] {
        if short == "AND" {
            assert!(query::parse(short).is_err());
            continue;
        }
        assert_eq!(query::parse(short), query::parse(long), "{short}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_manual_find_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    let rows: [&[(&str, Value)]; 4] = [
        &[
            ("source.ip", "10.20.0.5".into()),
            ("process.name", "PowerShell.exe".into()),
            ("user.name", "Айгерім С.".into()),
            (
                "event.original",
                "powershell -EncodedCommand AAAA \"logon failure\" kerberos".into(),
            ),
        ],
        &[
            ("source.ip", "2001:db8::7".into()),
            ("process.name", "powershell.exe".into()),
            ("user.name", "svc_backup".into()),
            ("process.executable", "C:\\Windows\\notepad.exe".into()),
        ],
        &[
            ("source.ip", "192.0.2.1".into()),
            ("source.port", Value::Int(1024)),
        ],
        &[
            ("user.name", "boris".into()),
            ("source.port", Value::Int(80)),
        ],
    ];
    let events: Vec<Vec<(&str, Value)>> = rows.iter().map(|row| row.to_vec()).collect();
    let mut builder = BatchBuilder::default();
    for (row, fields) in events.iter().enumerate() {
        builder.set("@timestamp", start() + common::seconds(-(row as i64)));
        builder.set("event.ingested", start());
        builder.set("event.id", row.to_string());
        for (name, value) in fields {
            builder.set(name, value.clone());
        }
        builder.end_event();
    }
    lake.append(builder.finish(), 4, start()).await.unwrap();
    for round in 0..2 {
        for (text, found) in [
            (
                "source.ip:10.0.0.0/8 and process.name:powershell* and not user.name:svc_*",
                "0",
            ),
            ("user.name:\"айгерім с.\"", "0"),
            ("source.ip:2001:db8::/32", "1"),
            ("source.port:>=1024", "2"),
            ("source.port:[1 TO 1023]", "3"),
            ("@timestamp:2026-03-20", "0123"),
            ("@timestamp:2026-03-21", ""),
            ("user.name:(anna or boris)", "3"),
            ("event.original:/-enc(odedcommand)?/", "0"),
            ("kerberos \"logon failure\"", "0"),
            ("notepad", "1"),
            ("process.executable:C:\\Windows\\\\*", "1"),
            ("user.*:boris", "3"),
            ("АЙГЕРІМ", "0"),
        ] {
            assert_eq!(
                ids(&all(&lake, text).await).concat(),
                found,
                "{round}: {text}"
            );
        }
        lake.flush(start()).await.unwrap();
    }
}

/// Two times in one field are kept as text, and still are times: free text passes them by.
#[tokio::test(flavor = "multi_thread")]
async fn several_times_in_one_field_are_times() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    let times = Value::List([Value::Time(start()), "soon".into()].into());
    lake.append(batch(&[vec![("process.start", times)]], 0), 1, start())
        .await
        .unwrap();
    for _ in 0..2 {
        for (text, count) in [
            ("process.start:2026-03-20", 1),
            ("process.start:<2026", 0),
            ("process.start:soo*", 1),
            ("soon", 1),
            ("\"2026-03-20\"", 0),
        ] {
            assert_eq!(all(&lake, text).await.len(), count, "{text}");
        }
        lake.flush(start()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_with_progress_first_and_done_last() {
    use futures::StreamExt;
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    lake.append(batch(&[vec![]], 0), 1, start()).await.unwrap();
    let stream = lake.search(common::request(Query::all()));
    let messages: Vec<_> = stream.map(Result::unwrap).collect().await;
    let kinds: Vec<_> = messages
        .iter()
        .map(|message| match message {
            SearchEvent::Event(_) => 'e',
            SearchEvent::Progress(_) => 'p',
            SearchEvent::Done(_) => 'd',
        })
        .collect();
    assert_eq!(kinds, ['p', 'e', 'p', 'd']);
}
