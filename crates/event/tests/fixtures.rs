//! Fixture pairs: `testdata/<format>/<name>.log` holds one record per line, `<name>.json` the
//! events that they become. A missing expectation is written on the first run; to change one on
//! purpose, delete it, run again and read the difference.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use saqshy_event::{Format, Parser, Record};

fn format(folder: &str) -> Format {
    match folder {
        "syslog" => Format::Syslog,
        "line" => Format::Line,
        "json" => Format::Json,
        "hec" => Format::Hec,
        "xml" => Format::WindowsXml,
        other => panic!("testdata/{other} names no format"),
    }
}

fn events(format: Format, log: &[u8]) -> Vec<serde_json::Value> {
    let received: Timestamp = "2026-03-20T13:05:00Z".parse().unwrap();
    let records: Vec<(u64, Record<'_>)> = log
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .enumerate()
        .map(|(at, payload)| {
            let record = Record {
                received,
                source: "fixture",
                format,
                peer: None,
                truncated: false,
                payload,
            };
            (at as u64, record)
        })
        .collect();
    let now = "2026-03-20T13:06:00Z".parse().unwrap();
    let zone = jiff::tz::TimeZone::get("Asia/Almaty").unwrap();
    let parsed = Parser::new("t").with_zone(zone).parse(&records, now);
    assert_eq!(parsed.consumed, records.len());
    parsed
        .batch
        .events()
        .map(|event| strip(event.to_json()))
        .collect()
}

/// Leaves out what is the same in every fixture or repeats the line.
fn strip(mut event: serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
    for name in ["event.original", "event.ingested", "log.source.id"] {
        assert!(event.contains_key(name), "{name} is missing");
        event.remove(name);
    }
    event.sort_keys();
    event.into()
}

#[test]
fn every_fixture_becomes_the_events_beside_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut logs: Vec<PathBuf> = Vec::new();
    for folder in fs::read_dir(&root).unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() {
            logs.extend(
                fs::read_dir(folder)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.sort();
    assert!(logs.len() >= 8, "only {} fixtures found", logs.len());
    for path in logs {
        let folder = path
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap();
        let got = events(format(folder), &fs::read(&path).unwrap());
        let expectation = path.with_extension("json");
        if !expectation.exists() {
            let text = serde_json::to_string_pretty(&got).unwrap();
            fs::write(&expectation, text + "\n").unwrap();
            eprintln!("wrote {}", expectation.display());
            continue;
        }
        let expected: Vec<serde_json::Value> =
            serde_json::from_slice(&fs::read(&expectation).unwrap()).unwrap();
        assert_eq!(
            got.len(),
            expected.len(),
            "{}: number of events",
            path.display()
        );
        for (at, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_eq!(got, expected, "{}: event {at}", path.display());
        }
    }
}
