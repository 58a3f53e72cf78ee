//! All rules over all sample events: the engine gives what the plain evaluator gives, hit for
//! hit.
//!
//! Rules: the whole SigmaHQ repository and those of the program. Events: the public EVTX samples,
//! the regression samples of the rules (EVTX and JSON), and the fixtures of the parsers. A plain
//! run takes of each EVTX file the first events of each kind; all of them take ten seconds of an
//! optimised build:
//!
//! ```text
//! SAQSHY_TEST_FULL=1 cargo test --release -p saqshy-sigma --test whole -- --nocapture
//! ```

mod common;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use jiff::Timestamp;
use saqshy_event::evtx::EvtxReader;
use saqshy_event::{Batch, BatchBuilder, Format, Parser, Record};
use saqshy_sigma::{Engine, Match, Pipeline, Rule, oracle};

/// Events of one channel and event id that are taken of each file, unless all are.
const OF_A_KIND: usize = 1;

fn received() -> Timestamp {
    Timestamp::constant(1_774_012_200, 0)
}

/// The events of the EVTX files, `each` of a kind and file, cut into batches of `rows`.
fn windows_batches(files: &[PathBuf], each: usize, rows: usize) -> Vec<Batch> {
    let parser = Parser::new("test");
    let mut builder = BatchBuilder::default();
    let (mut batches, mut seq) = (Vec::new(), 0);
    for path in files {
        let mut seen: HashMap<(Option<String>, Option<u32>), usize> = HashMap::new();
        let reader = EvtxReader::open_bytes(std::fs::read(path).expect("readable"));
        for (_, event) in reader.flatten() {
            let kind = (event.channel.clone(), event.event_id);
            let count = seen.entry(kind).or_default();
            *count += 1;
            if *count > each {
                continue;
            }
            parser.windows_event(&mut builder, seq, received(), "file", &event);
            builder.end_event();
            seq += 1;
            if builder.rows() == rows {
                batches.push(std::mem::take(&mut builder).finish());
            }
        }
    }
    if builder.rows() > 0 {
        batches.push(builder.finish());
    }
    batches
}

/// The records of the files in one batch: their lines, or each file as one.
fn record_batch(files: &[PathBuf], format: Format, whole: bool) -> Batch {
    let read = |path: &PathBuf| std::fs::read(path).expect("readable");
    let contents: Vec<Vec<u8>> = files.iter().map(read).collect();
    let cut = |byte: &u8| *byte == b'\n' && !whole;
    let payloads = contents.iter().flat_map(|all| all.split(cut));
    let record = |payload| Record {
        received: received(),
        source: "fixture",
        format,
        peer: None,
        truncated: false,
        payload,
    };
    let payloads = payloads.filter(|payload| !payload.is_empty());
    let records: Vec<_> = (0..).zip(payloads.map(record)).collect();
    let later = Timestamp::constant(1_774_099_999, 0);
    let parsed = Parser::new("test").parse(&records, later);
    assert_eq!(parsed.consumed, records.len());
    parsed.batch
}

/// The plain evaluator on all cores, rules divided among them.
fn plain(rules: &[Arc<Rule>], pipeline: &Pipeline, batch: &Batch) -> Vec<Match> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let part = rules.len().div_ceil(cores).max(1);
    let mut found = thread::scope(|scope| {
        let parts = rules.chunks(part).enumerate().map(|(at, rules)| {
            scope.spawn(move || {
                let found = oracle::matches(rules, pipeline, batch).into_iter();
                let moved = found.map(|it| Match {
                    rule: it.rule + (at * part) as u32,
                    ..it
                });
                moved.collect::<Vec<_>>()
            })
        });
        let parts: Vec<_> = parts.collect();
        let parts = parts.into_iter().map(|part| part.join().expect("no panic"));
        parts.flatten().collect::<Vec<_>>()
    });
    found.sort_unstable();
    found
}

#[test]
fn all_rules_over_all_events_hit_for_hit() {
    let (Some(sigma), Some(evtx), Some(regression)) = (
        common::data("sigma"),
        common::data("evtx"),
        common::data("sigma-regression"),
    ) else {
        return;
    };
    let full = std::env::var_os("SAQSHY_TEST_FULL").is_some();
    let each = if full { usize::MAX } else { OF_A_KIND };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rules = common::load(&sigma).rules;
    let theirs = rules.len();
    rules.extend(common::load(&root.join("../../rules")).rules);
    let pipeline = Pipeline::default();
    let (engine, refused) = Engine::compile(rules, &pipeline);
    assert!(refused.is_empty(), "{refused:?}");

    let mut files = common::files(&evtx, "evtx");
    files.extend(common::files(&regression, "evtx"));
    let json = common::files(&regression, "json");
    let mut batches = windows_batches(&files, each, 4_096);
    batches.push(record_batch(&json, Format::Json, true));
    let fixtures = root.join("../event/testdata");
    for (folder, format) in [
        ("syslog", Format::Syslog),
        ("line", Format::Line),
        ("json", Format::Json),
        ("hec", Format::Hec),
        ("xml", Format::WindowsXml),
    ] {
        let logs = common::files(&fixtures.join(folder), "log");
        batches.push(record_batch(&logs, format, false));
    }

    let (mut events, mut hits, mut rules_hit) = (0, 0, BTreeMap::new());
    for batch in &batches {
        let found = engine.matches(batch);
        let expected = plain(engine.rules(), &pipeline, batch);
        for (list, other, what) in [
            (&found, &expected, "too much"),
            (&expected, &found, "missed"),
        ] {
            if let Some(at) = list.iter().find(|it| !other.contains(it)) {
                let rule = &engine.rules()[at.rule as usize];
                let event = batch.event(at.row as usize).to_json();
                panic!("{what}: {} on {event:?}", rule.origin.file.display());
            }
        }
        assert_eq!(found, expected);
        events += batch.rows();
        hits += found.len();
        for found in found {
            *rules_hit.entry(found.rule).or_insert(0) += 1;
        }
    }
    // The same however the events are cut into batches.
    let small = windows_batches(&files, each, 37);
    let in_small: usize = small.iter().map(|batch| engine.matches(batch).len()).sum();
    let large = windows_batches(&files, each, 4_096);
    let in_large: usize = large.iter().map(|batch| engine.matches(batch).len()).sum();
    assert_eq!(in_small, in_large);
    eprintln!(
        "{theirs} SigmaHQ rules and {} of ours over {events} events: {hits} hits of {} rules, \
         the same by engine and plain evaluator",
        engine.rules().len() - theirs,
        rules_hit.len()
    );
    assert!(
        hits > 300 && rules_hit.len() > 200,
        "{hits} {}",
        rules_hit.len()
    );
}
