//! Whatever arrives: no panic, no lost neighbour, one event per record, the bytes kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use proptest::prelude::*;
use saqshy_event::{Batch, EcsType, EventRef, Format, Parsed, Parser, Record, Value, ecs_type};

const FORMATS: [Format; 5] = [
    Format::Syslog,
    Format::Json,
    Format::Hec,
    Format::WindowsXml,
    Format::Line,
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn record(format: Format, payload: &[u8]) -> Record<'_> {
    Record {
        received: at("2026-03-20T13:05:00Z"),
        source: "s",
        format,
        peer: Some("10.0.0.9".parse().unwrap()),
        truncated: false,
        payload,
    }
}

/// Parses long after receipt, so that nothing is waited for.
fn parse(records: &[(u64, Record<'_>)]) -> Parsed {
    Parser::new("n").parse(records, at("2026-03-21T00:00:00Z"))
}

fn original(event: EventRef<'_>) -> Vec<u8> {
    match event.str("event.original_base64") {
        Some(text) => STANDARD.decode(text).unwrap(),
        None => event.str("event.original").unwrap().as_bytes().to_vec(),
    }
}

/// What every event owes, whatever it was made of.
fn check(batch: &Batch) {
    for event in batch.events() {
        assert!(matches!(event.get("@timestamp"), Some(Value::Time(_))));
        assert!(matches!(event.get("event.ingested"), Some(Value::Time(_))));
        assert!(event.str("event.id").is_some_and(|id| id.starts_with("n-")));
        assert_eq!(event.str("log.source.id"), Some("s"));
        assert_eq!(event.str("log.source.address"), Some("10.0.0.9"));
        let dataset = event.str("data_stream.dataset").unwrap();
        assert!(!dataset.is_empty() && dataset.len() <= 120, "{dataset}");
        let tags = event.get("tags").map(Value::items).unwrap_or_default();
        assert!(
            tags.iter().all(|tag| tag.as_str() != Some("_parser_panic")),
            "a parser panicked"
        );
        for (name, value) in event.fields() {
            assert!(!name.is_empty() && name.len() <= 600, "{name}");
            for item in value.items() {
                let fits = match ecs_type(name) {
                    EcsType::Keyword => true,
                    EcsType::Long => matches!(item, Value::Int(_)),
                    EcsType::Double => matches!(item, Value::Float(_)),
                    EcsType::Boolean => matches!(item, Value::Bool(_)),
                    EcsType::Date => matches!(item, Value::Time(_)),
                    EcsType::Ip => item
                        .as_str()
                        .is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok()),
                };
                assert!(fits, "{name} holds {item:?}");
            }
        }
    }
}

/// Lines of the fixtures, by format.
fn fixtures() -> Vec<(Format, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut lines = Vec::new();
    for (folder, format) in ["syslog", "json", "hec", "xml", "line"].iter().zip(FORMATS) {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let text = fs::read(path).unwrap();
                lines.extend(
                    text.split(|byte| *byte == b'\n')
                        .map(|line| (format, line.to_vec())),
                );
            }
        }
    }
    lines.sort_by(|one, two| one.1.cmp(&two.1));
    lines
}

/// Without joined audit events, a run has an event per record, in order, with its bytes.
fn one_event_each(records: &[(u64, Record<'_>)]) {
    let parsed = parse(records);
    assert_eq!(parsed.consumed, records.len());
    check(&parsed.batch);
    let mut left: BTreeMap<String, &Record<'_>> = records
        .iter()
        .map(|(seq, record)| (format!("n-{seq:016x}"), record))
        .collect();
    let mut joined = 0;
    for event in parsed.batch.events() {
        let record = left
            .remove(event.str("event.id").unwrap())
            .expect("an id of a record");
        match event.get("event.record_count").and_then(Value::as_int) {
            None => assert_eq!(original(event), record.payload),
            Some(count) => {
                assert!(original(event).starts_with(record.payload));
                joined += count - 1;
            }
        }
    }
    assert_eq!(left.len() as i64, joined, "records without an event");
    let counted: u64 = parsed.tally.iter().map(|tally| tally.records).sum();
    assert_eq!(counted, records.len() as u64);
}

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(FORMATS.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_become_one_event_each(
        payloads in prop::collection::vec((any_format(), prop::collection::vec(any::<u8>(), 0..200)), 1..8),
    ) {
        let records: Vec<(u64, Record<'_>)> = payloads
            .iter()
            .enumerate()
            .map(|(seq, (format, payload))| (seq as u64, record(*format, payload)))
            .collect();
        one_event_each(&records);
    }

    #[test]
    fn nearly_right_text_becomes_one_event_each(
        format in any_format(),
        text in "[<>\\[\\]{}()\"':=,;.&#@ \\\\/0-9a-fTZ\\-\n\u{e9}\u{4b1}]{0,120}",
        lead in prop::sample::select(vec![
            "", "<34>", "<34>1 ", "<34>1 2026-03-20T13:02:11Z h a 1 - [", "<13>Mar 20 18:02:11 ",
            "<13>Mar 20 18:02:11 h sshd[1]: Failed ", "<13>Mar 20 18:02:11 h sudo: a : ",
            "<13>Mar 20 18:02:11 h kernel: IN=", "<13>Mar 20 18:02:11 h dnsmasq[1]: query[",
            "type=SYSCALL msg=audit(1.000:1): ", "type=EXECVE msg=audit(1.000:1): a0=",
            "1.2.3.4 - - [20/Mar/2026:", "<Event><System><EventID>", "{\"winlog\":{\"event_id\":",
            "{\"@timestamp\":", "@cee: {", "{\"event\":", "<Event><System/><EventData><Data Name=\"",
        ]),
    ) {
        let payload = format!("{lead}{text}");
        one_event_each(&[(1, record(format, payload.as_bytes())), (2, record(Format::Line, b"next"))]);
    }

    #[test]
    fn broken_fixtures_become_one_event_each(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..6),
        other in any::<prop::sample::Index>(),
    ) {
        let fixtures = fixtures();
        let (format, line) = &fixtures[which.index(fixtures.len())];
        let mut line = line.clone();
        for (place, byte, what) in cuts {
            if line.is_empty() {
                break;
            }
            let at = place.index(line.len());
            match what {
                0 => line[at] = byte,
                1 => line.truncate(at),
                2 => line.insert(at, byte),
                _ => {
                    line.remove(at);
                }
            }
        }
        let (next_format, next) = &fixtures[other.index(fixtures.len())];
        one_event_each(&[(1, record(*format, &line)), (2, record(*next_format, next))]);
    }

    #[test]
    fn a_syslog_message_comes_back(
        priority in 0u8..=191,
        host in "[a-z][a-z0-9-]{0,20}",
        app in "[a-z][a-z-]{0,20}x",
        pid in 1u32..65_000,
        message in "[a-z][ -~\u{430}-\u{44f}]{0,80}",
        micros in 1_700_000_000_000_000i64..1_774_011_900_000_000,
        modern in any::<bool>(),
    ) {
        let time = Timestamp::from_microsecond(micros).unwrap();
        let text = match modern {
            true => format!("<{priority}>1 {time} {host} {app} {pid} - - {message}"),
            false => format!("<{priority}>{time} {host} {app}[{pid}]: {message}"),
        };
        let parsed = parse(&[(1, record(Format::Syslog, text.as_bytes()))]);
        let event = parsed.batch.event(0);
        prop_assert_eq!(event.get("@timestamp"), Some(&Value::Time(time)));
        prop_assert_eq!(event.get("log.syslog.priority"), Some(&Value::Int(priority.into())));
        prop_assert_eq!(event.str("host.name"), Some(host.as_str()));
        prop_assert_eq!(event.str("process.name"), Some(app.as_str()));
        prop_assert_eq!(event.get("process.pid"), Some(&Value::Int(pid.into())));
        prop_assert_eq!(event.str("message"), Some(message.as_str()));
    }

    #[test]
    fn audit_lines_in_any_order_give_the_same_events(order in Just((0..12).collect::<Vec<usize>>()).prop_shuffle()) {
        let lines: Vec<String> = (0..12)
            .map(|at| {
                let (event, part) = (at / 3, at % 3);
                let body = ["SYSCALL|pid=7", "EXECVE|argc=1 a0=\"id\"", "PROCTITLE|proctitle=\"id\""][part];
                let (kind, body) = body.split_once('|').unwrap();
                format!("type={kind} msg=audit(1774011731.000:{event}): {body}")
            })
            .collect();
        let records: Vec<(u64, Record<'_>)> = order
            .iter()
            .enumerate()
            .map(|(seq, &line)| (seq as u64, record(Format::Line, lines[line].as_bytes())))
            .collect();
        let parsed = parse(&records);
        prop_assert_eq!(parsed.batch.rows(), 4);
        prop_assert_eq!(parsed.consumed, 12);
        for event in parsed.batch.events() {
            prop_assert_eq!(event.get("event.record_count"), Some(&Value::Int(3)));
            prop_assert_eq!(event.str("process.command_line"), Some("id"));
        }
    }
}

#[test]
fn the_same_run_gives_the_same_events() {
    let fixtures = fixtures();
    let records: Vec<(u64, Record<'_>)> = fixtures
        .iter()
        .enumerate()
        .map(|(seq, (format, line))| (seq as u64, record(*format, line)))
        .collect();
    one_event_each(&records);
    let all = |parsed: Parsed| -> Vec<_> { parsed.batch.events().map(|e| e.to_json()).collect() };
    assert_eq!(all(parse(&records)), all(parse(&records)));
}

#[test]
fn lines_of_ten_megabytes_are_events_like_others() {
    const BYTES: usize = 10 << 20;
    let long = |start: &str, filling: &str, end: &str| {
        let mut line = start.to_owned();
        line.extend(std::iter::repeat_n(filling, BYTES / filling.len()));
        line + end
    };
    let lines = [
        (Format::Syslog, long("<34>1 - h a 1 - - ", "x", "")),
        (Format::Syslog, long("<34>1 - h a 1 - [id ", "p=\"v\" ", "")),
        (Format::Syslog, long("<34>", "[", "")),
        (Format::Line, long("", "a b ", "")),
        (
            Format::Line,
            long("type=EXECVE msg=audit(1774011731.000:9): ", "a1=41 ", ""),
        ),
        (
            Format::Line,
            long(
                "type=PATH msg=audit(1774011731.000:8): ",
                "name=\"/x\" k=v ",
                "",
            ),
        ),
        (
            Format::Line,
            long(
                "1.2.3.4 - - [20/Mar/2026:18:02:11 +0500] \"GET /",
                "a?",
                " HTTP/1.1\" 200 5",
            ),
        ),
        (Format::Json, long("{\"a\":\"", "x", "\"}")),
        (Format::Json, long("{\"a\":[", "{\"b\":1},", "1]}")),
        (Format::Json, long("", "{\"a\":", "")),
        (Format::Json, long("", "[", "")),
        (
            Format::Json,
            long(
                "{\"winlog\":{\"event_id\":1,\"event_data\":{",
                "\"k\":\"v\",",
                "\"z\":1}}}",
            ),
        ),
        (Format::Json, long("{\"a\":\"", "\\ud800", "\"}")),
        (Format::Hec, long("{\"event\":\"", "\\\"x", "\"}")),
        (Format::WindowsXml, long("", "<Event>", "")),
        (
            Format::WindowsXml,
            long(
                "<Event><System/><EventData>",
                "<Data>v</Data>",
                "</EventData></Event>",
            ),
        ),
        (
            Format::WindowsXml,
            long(
                "<Event><System/><EventData>",
                "&#x41;",
                "</EventData></Event>",
            ),
        ),
        (
            Format::Syslog,
            long(
                "<13>Mar 20 18:02:11 h kernel: IN=e SRC=1.2.3.4 DST=1.2.3.5 ",
                "SRC",
                "",
            ),
        ),
    ];
    for (format, line) in &lines {
        let started = Instant::now();
        one_event_each(&[
            (1, record(*format, line.as_bytes())),
            (2, record(Format::Line, b"next")),
        ]);
        // Far above what a linear reader needs even unoptimised, far below a quadratic one.
        let took = started.elapsed();
        assert!(
            took < Duration::from_secs(60),
            "{format:?} {}: {took:?}",
            &line[..40]
        );
    }
}

#[test]
fn a_batch_with_too_many_columns_ends_early_and_loses_nothing() {
    let documents: Vec<String> = (0..100)
        .map(|n| {
            let fields: Vec<String> = (0..100).map(|f| format!("\"f{n}_{f}\":1")).collect();
            format!("{{{}}}", fields.join(","))
        })
        .collect();
    let records: Vec<(u64, Record<'_>)> = documents
        .iter()
        .enumerate()
        .map(|(seq, document)| (seq as u64, record(Format::Json, document.as_bytes())))
        .collect();
    let mut done = 0;
    let mut runs = 0;
    while done < records.len() {
        let parsed = parse(&records[done..]);
        assert!(parsed.consumed > 0 && parsed.batch.columns().len() < 3_200);
        assert_eq!(parsed.batch.rows(), parsed.consumed);
        done += parsed.consumed;
        runs += 1;
    }
    assert!(runs > 1);
}

#[test]
fn an_unfinished_audit_event_waits_for_its_lines_but_not_for_ever() {
    let line = |text: &'static str, received: &str| Record {
        received: at(received),
        ..record(Format::Line, text.as_bytes())
    };
    let open = "type=SYSCALL msg=audit(1774011900.000:5): pid=1";
    let path = "type=PATH msg=audit(1774011900.000:5): name=\"/x\"";
    let end = "type=EOE msg=audit(1774011900.000:5): ";
    let parser = Parser::new("n");
    let run = [
        (1, line("before", "2026-03-20T13:05:00Z")),
        (2, line(open, "2026-03-20T13:05:01Z")),
        (3, line("between", "2026-03-20T13:05:01Z")),
    ];
    let soon = at("2026-03-20T13:05:02Z");
    assert_eq!(parser.parse(&run, soon).consumed, 1);
    // At the start of a run it waits too, unless the run is full.
    assert_eq!(parser.parse(&run[1..], soon).consumed, 0);
    assert_eq!(
        parser
            .clone()
            .with_full_run(2)
            .parse(&run[1..], soon)
            .consumed,
        2
    );
    // Two seconds later nothing more is expected; a clock that was set back does not block.
    assert_eq!(parser.parse(&run, at("2026-03-20T13:05:03Z")).consumed, 3);
    assert_eq!(parser.parse(&run, at("2026-03-20T12:00:00Z")).consumed, 3);
    // The end mark completes it at once.
    let whole = [
        run[1],
        run[2],
        (4, line(path, "2026-03-20T13:05:01Z")),
        (5, line(end, "2026-03-20T13:05:01Z")),
    ];
    let parsed = parser.parse(&whole, soon);
    assert_eq!((parsed.consumed, parsed.batch.rows()), (4, 2));
    let event = parsed.batch.event(0);
    assert_eq!(event.str("event.id"), Some("n-0000000000000002"));
    assert_eq!(event.get("event.record_count"), Some(&Value::Int(3)));
    assert_eq!(
        event.str("event.original"),
        Some(format!("{open}\n{path}\n{end}").as_str())
    );
}

#[test]
fn the_tally_counts_records_and_what_nobody_understood_per_source() {
    let other = Record {
        source: "t",
        ..record(Format::Syslog, b"no frame")
    };
    let records = [
        (
            1,
            record(Format::Syslog, b"<13>Mar 20 18:02:11 h app: fine"),
        ),
        (2, other),
        (3, record(Format::Json, b"{")),
    ];
    let parsed = parse(&records);
    let counts: Vec<(&str, u64, u64)> = parsed
        .tally
        .iter()
        .map(|tally| (tally.source.as_str(), tally.records, tally.unparsed))
        .collect();
    assert_eq!(counts, [("s", 2, 1), ("t", 1, 1)]);
    let event = parsed.batch.event(1);
    assert_eq!(event.str("data_stream.dataset"), Some("generic"));
    assert_eq!(event.str("error.message"), Some("no known line format"));
    assert_eq!(
        event.get("tags").unwrap().items()[0].as_str(),
        Some("_unparsed")
    );
}
