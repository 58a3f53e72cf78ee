//! Reading only the wanted fields of Windows documents gives what reading everything gives.

mod common;
#[path = "select/sequences.rs"]
mod sequences;
#[path = "common/served.rs"]
mod served;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use saqshy_event::evtx::EvtxReader;
use saqshy_event::{FieldSet, Format, Parsed, Parser, Record, WindowsEvent, winlogbeat_json};
use serde_json::{Value as Json, json};

fn wanted() -> FieldSet {
    let mut fields = served::everything();
    fields.extend(["Image", "CommandLine"]);
    fields
}

fn parse(parser: &Parser, documents: &[String]) -> Parsed {
    let received: Timestamp = "2026-03-20T13:10:05Z".parse().unwrap();
    let records: Vec<(u64, Record<'_>)> = (0..)
        .zip(documents)
        .map(|(seq, text)| {
            let record = Record {
                received,
                source: "test",
                format: Format::Json,
                peer: None,
                truncated: false,
                payload: text.as_bytes(),
            };
            (seq, record)
        })
        .collect();
    let parsed = parser.parse(&records, received);
    assert_eq!(parsed.consumed, documents.len());
    parsed
}

/// How many of the documents were read the fast way; panics at the first difference.
fn compare(documents: &[String]) -> usize {
    compare_fields(documents, &wanted()).unwrap()
}

/// The same for these fields; fails at the first difference.
fn compare_fields(documents: &[String], fields: &FieldSet) -> Result<usize, TestCaseError> {
    let whole = parse(&Parser::new("n"), documents);
    let part = parse(
        &Parser::new("n").with_windows_fields(fields.clone()),
        documents,
    );
    prop_assert_eq!(&whole.tally, &part.tally);
    prop_assert_eq!(whole.batch.rows(), part.batch.rows());
    let mut fast = 0;
    let events = whole.batch.events().zip(part.batch.events());
    for (row, (left, right)) in events.enumerate() {
        let times = fields.contains("@timestamp");
        let seen =
            |name: &str| fields.contains(name) || (times && name == "event.timestamp_untrusted");
        let mut left = left.to_json();
        let mut right = right.to_json();
        fast += usize::from(!right.contains_key("event.original"));
        left.retain(|name, _| seen(name));
        right.retain(|name, _| seen(name));
        prop_assert_eq!(left, right, "{}: {}", row, &documents[row]);
    }
    Ok(fast)
}

/// The flat form of an event, as NXLog and Sigma's own samples write it.
fn flat(event: &WindowsEvent) -> String {
    let mut document = json!({
        "EventID": event.event_id, "Channel": event.channel, "Provider_Name": event.provider,
        "Computer": event.computer, "EventRecordID": event.record_id, "Level": event.level,
        "SystemTime": event.time.map(|time| time.to_string()), "Task": 1,
        "Keywords": "0x8020000000000000", "ExecutionProcessID": event.process_id,
        "ThreadID": event.thread_id, "Message": event.message,
    });
    let document = document.as_object_mut().unwrap();
    for (name, value) in event.event_data.iter() {
        if !document.contains_key(name) {
            document.insert(name.to_owned(), value.into());
        }
    }
    Json::from(document.clone()).to_string()
}

#[test]
fn real_events_are_the_same_and_read_the_fast_way() {
    let Some(folder) = common::data("evtx") else {
        return;
    };
    let (mut beat, mut plain) = (Vec::new(), Vec::new());
    for path in common::evtx_files(&folder) {
        let reader = EvtxReader::open_bytes(std::fs::read(path).unwrap());
        for (_, event) in reader.flatten() {
            beat.push(winlogbeat_json(&event).to_string());
            plain.push(flat(&event));
        }
    }
    let (fast, of) = (compare(&beat), beat.len());
    let flat = compare(&plain);
    eprintln!("{fast} and {flat} of {of} documents read the fast way");
    assert!(fast * 100 > of * 99 && flat * 100 > of * 98);
}

/// A piece of JSON, broken in rare cases.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(vec![
            r#""""#, r#""a""#, r#""C:\\Windows\\x.exe""#, "null", "true", "0", "7", "-3", "1.5", "1e5",
            r#""\u0041\n""#, r#""\ud83d\ude00""#, r#""\ud800""#, "\"a\tb\"", "[]", r#"["a","b"]"#,
            r#"[1,[2]]"#, r#"[{"a":1},{"a":2}]"#, r#"{"x":{"y":"z"}}"#, "{}", r#""x\r\n""#,
            r#""{0197231e-005a-6928-a50b-000000000d00}""#, "18446744073709551616", "01", "nul",
            r#""2026-03-20T13:02:11.500Z""#, r#""2026-03-20 13:02:11.500""#, r#"" 12 ""#, r#""Ł""#,
        ]).prop_map(str::to_owned),
        2 => "[ -~]{0,6}".prop_map(|text| Json::from(text).to_string()),
    ]
}

fn document() -> impl Strategy<Value = String> {
    let key = select(vec![
        "winlog.channel",
        "winlog.event_id",
        "winlog.event_data.A",
        "winlog.event_data.B",
        "winlog.user_data.C",
        "winlog.record_id",
        "winlog.version",
        "winlog.level",
        "log.level",
        "message",
        "@timestamp",
        "host.name",
        "winlog.process.pid",
        "winlog.activity_id",
        "winlog.keywords",
        "winlog.foo",
        "event.code",
        "event.provider",
        "event.action",
        "Image",
        "tags",
        "winlog.logon.type",
        "EventID",
        "Channel",
        "Provider_Name",
        "CommandLine",
        "EventRecordID",
        "Level",
        "Task",
        "Keywords",
        "UtcTime",
        "SystemTime",
        "Message",
        "agent.name",
        "winlog.api",
        "Hostname",
        "ExecutionProcessID",
        "Event.System.EventID",
        "winlog.time_created",
        "winlog.computer_name",
    ]);
    let head = select(vec![
        vec![
            ("winlog.channel", r#""Security""#),
            ("winlog.event_id", "4688"),
        ],
        vec![
            (
                "winlog.channel",
                r#""Microsoft-Windows-Sysmon/Operational""#,
            ),
            ("winlog.event_id", r#""1""#),
        ],
        vec![("EventID", "4624"), ("Channel", r#""Security""#)],
        vec![
            ("EventID", r#""3""#),
            ("Provider_Name", r#""Microsoft-Windows-Sysmon""#),
        ],
        vec![],
    ]);
    (
        head,
        prop::collection::vec((key, piece()), 0..8),
        any::<bool>(),
    )
        .prop_map(|(head, mut entries, nested)| {
            let head = head
                .into_iter()
                .map(|(name, value)| (name, value.to_owned()));
            entries.splice(0..0, head);
            let write = |(name, value): (&str, String)| {
                let mut parts = name.split('.');
                let last = parts.next_back().unwrap_or_default();
                let outer: Vec<&str> = parts.collect();
                match nested && name.starts_with("winlog.event_data") {
                    true => format!(
                        "{}\"{last}\": {value}{}",
                        outer
                            .iter()
                            .map(|part| format!("\"{part}\":{{"))
                            .collect::<String>(),
                        "}".repeat(outer.len())
                    ),
                    false => format!("\"{name}\":{value}"),
                }
            };
            format!(
                "{{{}}}",
                entries.into_iter().map(write).collect::<Vec<_>>().join(",")
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn written_documents_are_the_same(documents in prop::collection::vec(document(), 1..6)) {
        compare(&documents);
    }
}

/// What the fast reader refuses it refuses every time: the second event kept no record id once.
#[test]
fn a_refused_value_is_refused_again() {
    let document = r#"{"EventID":4624,"Channel":"Security","EventRecordID":" 12 "}"#.to_owned();
    assert_eq!(compare(&[document.clone(), document]), 0);
}

/// Of a document with very many fields the careful reader leaves some out.
#[test]
fn what_is_too_much_is_left_out_here_too() {
    let mut fields = FieldSet::default();
    fields.extend(["winlog.event_data.Z", "Z", "winlog.event_id"]);
    for count in [1_000, 1_600, 2_400, 9_000] {
        let many: String = (0..count).map(|n| format!("\"f{n}\":1,")).collect();
        let documents = [
            format!(r#"{{"EventID":1,"Channel":"c",{many}"Z":"z"}}"#),
            format!(r#"{{"winlog":{{"event_id":1}},{many}"Z":"z"}}"#),
            format!(r#"{{"winlog":{{"event_id":1,"event_data":{{{many}"Z":"z"}}}}}}"#),
            format!(r#"{{"winlog":{{"event_id":1,"foo":[{{{many}"Z":"z"}}]}},"Z":"z"}}"#),
        ];
        for document in documents {
            let fast = compare_fields(&[document], &fields).unwrap();
            assert_eq!(fast, usize::from(count < 1_500), "{count}");
        }
    }
}
