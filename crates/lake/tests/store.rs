//! Appending, flushing, restarting, compacting.

mod common;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Event, all, config, find, ids, plain, request, seconds, start, stored};
use jiff::Timestamp;
use saqshy_event::{BatchBuilder, Value};
use saqshy_lake::{Lake, LakeError, SearchRequest, query};

fn sorted(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| event["event.id"].to_string());
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_fresh_flushed_and_after_a_restart_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let batch = plain(0, 50);
    let expected = sorted(stored(&batch));
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    assert_eq!(lake.position(), 0);
    lake.append(batch, 50, start()).await.unwrap();
    assert_eq!((lake.position(), lake.next()), (0, 50));
    assert_eq!(sorted(all(&lake, "*").await), expected);

    let flushed = lake.flush(start()).await.unwrap().unwrap();
    assert_eq!((flushed.position, lake.position()), (50, 50));
    assert_eq!(flushed.files.len(), 2, "one file per dataset");
    assert_eq!(sorted(all(&lake, "*").await), expected);
    assert_eq!(lake.flush(start()).await.unwrap(), None);
    let files = lake.files();
    drop(lake);

    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    assert_eq!(lake.position(), 50);
    assert_eq!(lake.files(), files, "with their SHA-256");
    assert_eq!(sorted(all(&lake, "*").await), expected);
    assert_eq!(
        lake.event("n-0000000000000007").await.unwrap().unwrap(),
        expected[7]
    );
    assert_eq!(lake.event("n-1").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn position_and_tags_survive_checkpoints_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    for round in 0..12 {
        lake.append(plain(round * 4, 4), round * 4 + 4, start())
            .await
            .unwrap();
        lake.flush(start()).await.unwrap().unwrap();
    }
    let log = folder.path().join("_delta_log");
    let checkpoints = fs::read_dir(log)
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .path()
                .to_string_lossy()
                .contains("checkpoint")
        })
        .count();
    assert!(checkpoints >= 2, "{checkpoints}");
    let files = lake.files();
    drop(lake);
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    assert_eq!(lake.position(), 48);
    let by_path = |mut files: Vec<saqshy_lake::LakeFile>| {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    };
    assert_eq!(by_path(lake.files()), by_path(files));
    assert_eq!(all(&lake, "").await.len(), 48);
    assert_eq!(lake.verify_files().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_and_a_position_that_goes_back_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    let second = Lake::open(config(folder.path()), "n").await;
    assert!(matches!(second, Err(LakeError::Locked { .. })));
    lake.append(plain(0, 5), 5, start()).await.unwrap();
    let back = lake.append(plain(0, 3), 3, start()).await;
    assert!(matches!(back, Err(LakeError::Position { have: 5, got: 3 })));
    assert_eq!(all(&lake, "*").await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn size_and_age_make_a_flush_due() {
    let folder = tempfile::tempdir().unwrap();
    let config = saqshy_lake::LakeConfig {
        flush_rows: 10,
        flush_age: seconds(60),
        ..config(folder.path())
    };
    let lake = Lake::open(config, "n").await.unwrap();
    assert_eq!(lake.flush_if_due(start()).await.unwrap(), None);
    lake.append(plain(0, 9), 9, start()).await.unwrap();
    assert_eq!(
        lake.flush_if_due(start() + seconds(59)).await.unwrap(),
        None
    );
    assert!(
        lake.flush_if_due(start() + seconds(60))
            .await
            .unwrap()
            .is_some()
    );
    lake.append(plain(9, 10), 19, start()).await.unwrap();
    assert_eq!(
        lake.flush_if_due(start()).await.unwrap().unwrap().position,
        19
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_appear_when_seen_and_values_that_do_not_fit_are_kept_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    let mut expected = Vec::new();
    let rounds: [&[(&str, Value)]; 4] = [
        &[
            ("source.port", Value::Int(22)),
            ("custom.one", "бір".into()),
        ],
        &[
            ("source.port", "ssh".into()),
            ("custom.two", Value::Bool(true)),
        ],
        &[
            ("process.start", "not a time".into()),
            (
                "related.ip",
                Value::List(["10.0.0.1".into(), "10.0.0.2".into()].into()),
            ),
            ("with space", "kept".into()),
            ("CUSTOM.one", "other case".into()),
            ("_overflow", "taken".into()),
        ],
        &[("nothing", Value::Null), ("empty", Value::List([].into()))],
    ];
    for (round, fields) in rounds.into_iter().enumerate() {
        let mut builder = BatchBuilder::default();
        builder.set("@timestamp", start());
        builder.set("event.ingested", start());
        builder.set("event.id", format!("n-{round}"));
        builder.set("data_stream.dataset", "generic");
        for (name, value) in fields {
            builder.set(name, value.clone());
        }
        builder.end_event();
        let batch = builder.finish();
        expected.extend(stored(&batch));
        lake.append(batch, round as u64 + 1, start()).await.unwrap();
        lake.flush(start()).await.unwrap();
    }
    drop(lake);
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    for joined in [false, true] {
        if joined {
            let done = lake.compact(start()).await.unwrap();
            assert_eq!((done.removed.len(), done.added.len()), (4, 1));
        }
        assert_eq!(sorted(all(&lake, "*").await), expected);
        for (text, found) in [
            ("source.port:22", vec!["n-0"]),
            ("source.port:ssh", vec!["n-1"]),
            ("source.port:*", vec!["n-0", "n-1"]),
            ("source.port:<100", vec!["n-0"]),
            ("custom.one:БІР", vec!["n-0"]),
            ("CUSTOM.one:\"other case\"", vec!["n-2"]),
            ("custom.two:true", vec!["n-1"]),
            ("process.start:/not a/", vec!["n-2"]),
            ("related.ip:10.0.0.2", vec!["n-2"]),
            ("related.ip:10.0.0.0/31", vec!["n-2"]),
            ("with\\ space:kept", vec!["n-2"]),
            ("_overflow:taken", vec!["n-2"]),
            ("kept", vec!["n-2"]),
            ("*.one:*", vec!["n-0", "n-2"]),
            ("nothing:* or empty:* or unknown:*", vec![]),
            ("not source.port:*", vec!["n-2", "n-3"]),
            ("data_stream.dataset:gen*", vec!["n-0", "n-1", "n-2", "n-3"]),
        ] {
            assert_eq!(ids(&sorted(all(&lake, text).await)), found, "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_fields_and_datasets_end_in_the_overflow_and_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let config = saqshy_lake::LakeConfig {
        columns_per_dataset: 100,
        datasets: 3,
        ..config(folder.path())
    };
    let lake = Lake::open(config, "n").await.unwrap();
    let mut builder = BatchBuilder::default();
    for row in 0..40u64 {
        builder.set("@timestamp", start());
        builder.set("event.ingested", start());
        builder.set("event.id", format!("n-{row}"));
        builder.set("data_stream.dataset", format!("set.{}", row % 8));
        for field in 0..50 {
            builder.set(&format!("f.{row}.{field}"), format!("v{field}"));
        }
        builder.end_event();
    }
    lake.append(builder.finish(), 40, start()).await.unwrap();
    lake.flush(start()).await.unwrap();
    // Three datasets and `other`, each with its hundred, and the few that every event has.
    assert!(lake.field_names().len() <= 4 * 100 + 6);
    assert_eq!(lake.files().len(), 4, "three datasets and the rest");
    assert_eq!(ids(&all(&lake, "f.39.49:v49").await), ["n-39"]);
    assert_eq!(ids(&all(&lake, "f.0.3:v3").await), ["n-0"]);
    assert_eq!(
        all(&lake, "malformed.data_stream.dataset:set.*")
            .await
            .len(),
        25
    );
    assert_eq!(all(&lake, "data_stream.dataset:other").await.len(), 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_1970_and_of_the_future_lie_beside_those_that_came_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    let mut builder = BatchBuilder::default();
    for (row, at) in [
        "1970-01-01T00:00:00Z",
        "2026-03-20T09:00:00Z",
        "9999-01-01T00:00:00Z",
        "-000001-01-01T00:00:00Z",
    ]
    .iter()
    .enumerate()
    {
        builder.set("@timestamp", at.parse::<Timestamp>().unwrap());
        builder.set("event.ingested", start());
        builder.set("event.id", format!("n-{row}"));
        builder.end_event();
    }
    lake.append(builder.finish(), 4, start()).await.unwrap();
    lake.flush(start()).await.unwrap();
    drop(lake);
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    assert_eq!(lake.files().len(), 1);
    assert_eq!(lake.files()[0].day, "2026-03-20");
    assert_eq!(ids(&all(&lake, "*").await), ["n-2", "n-1", "n-0", "n-3"]);
    assert_eq!(ids(&all(&lake, "@timestamp:1970").await), ["n-0"]);
    assert_eq!(ids(&all(&lake, "@timestamp:>2026-03-20").await), ["n-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missing_or_double_while_flushes_and_compactions_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn({
        let (lake, stop) = (lake.clone(), stop.clone());
        async move {
            let (mut seen, mut searches) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                let before = lake.next();
                let mut found = ids(&all(&lake, "host.name:host*").await);
                let count = found.len() as u64;
                assert!(before <= count && count <= lake.next(), "{before} {count}");
                assert!(seen <= count);
                seen = count;
                found.sort();
                found.dedup();
                assert_eq!(found.len() as u64, count, "an event came twice");
                searches += 1;
            }
            searches
        }
    });
    let mut at = start();
    for round in 0..30u64 {
        at += seconds(1);
        lake.append(plain(round * 20, 20), round * 20 + 20, at)
            .await
            .unwrap();
        if round % 3 == 2 {
            lake.flush(at).await.unwrap();
        }
        if round % 7 == 6 {
            lake.compact(at).await.unwrap();
        }
        lake.vacuum(at).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(watcher.await.unwrap() > 0);
    lake.compact(at).await.unwrap();
    lake.vacuum(at + seconds(1)).await.unwrap();
    assert_eq!(
        lake.count(&query::parse("*").unwrap(), None, None)
            .await
            .unwrap(),
        600
    );
    assert_eq!(lake.verify_files().await.unwrap(), []);
    let on_disk = walk(folder.path());
    assert_eq!(on_disk, lake.files().len(), "replaced files are gone");
}

fn walk(dir: &std::path::Path) -> usize {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            if path.ends_with("_delta_log") {
                0
            } else if path.is_dir() {
                walk(&path)
            } else {
                usize::from(path.extension().is_some_and(|ending| ending == "parquet"))
            }
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_and_a_missing_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    lake.append(plain(0, 10), 10, start()).await.unwrap();
    let files = lake.flush(start()).await.unwrap().unwrap().files;
    let changed = folder.path().join(&files[0].path);
    let mut bytes = fs::read(&changed).unwrap();
    bytes[100] ^= 1;
    fs::write(&changed, bytes).unwrap();
    fs::remove_file(folder.path().join(&files[1].path)).unwrap();
    let findings = lake.verify_files().await.unwrap();
    let paths: Vec<_> = findings
        .iter()
        .map(|finding| finding.path.clone())
        .collect();
    assert_eq!(paths, [files[0].path.clone(), files[1].path.clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_files_take_their_events_along_and_orphans_go_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    lake.append(plain(0, 9), 9, start()).await.unwrap();
    let files = lake.flush(start()).await.unwrap().unwrap().files;
    let auth = files
        .iter()
        .find(|file| file.dataset == "linux.auth")
        .unwrap()
        .clone();
    let removed = lake
        .remove(std::slice::from_ref(&auth.path), start())
        .await
        .unwrap();
    assert_eq!(removed, std::slice::from_ref(&auth));
    assert_eq!(all(&lake, "*").await.len(), 6);
    assert!(folder.path().join(&auth.path).exists(), "until vacuum");
    drop(lake);
    let orphan = folder
        .path()
        .join("event.ingested_day=2026-03-20/data_stream.dataset=web.access/0.parquet");
    fs::write(&orphan, b"half a file").unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    assert!(!orphan.exists() && !folder.path().join(&auth.path).exists());
    assert_eq!((all(&lake, "*").await.len(), lake.position()), (6, 9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_cut_off_by_a_power_failure_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    lake.append(plain(0, 4), 4, start()).await.unwrap();
    lake.flush(start()).await.unwrap();
    lake.append(plain(4, 4), 8, start()).await.unwrap();
    lake.flush(start()).await.unwrap();
    drop(lake);
    let last = folder.path().join("_delta_log/00000000000000000002.json");
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..bytes.len() / 2]).unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    assert_eq!((lake.position(), all(&lake, "*").await.len()), (4, 4));
    lake.append(plain(4, 4), 8, start()).await.unwrap();
    lake.flush(start()).await.unwrap();
    assert_eq!((lake.position(), all(&lake, "*").await.len()), (8, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_order_and_time_range_hold_across_files_and_memory() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    for round in 0..10u64 {
        lake.append(plain(round * 30, 30), round * 30 + 30, start())
            .await
            .unwrap();
        if round < 8 {
            lake.flush(start()).await.unwrap();
        }
    }
    let ask = |limit, newest_first, from, to| SearchRequest {
        query: query::parse("host.name:host-3").unwrap(),
        from: Some(start() + seconds(from)),
        to: Some(start() + seconds(to)),
        limit,
        newest_first,
    };
    let expected: Vec<String> = (17..264u64)
        .filter(|seq| seq % 7 == 3)
        .map(|seq| format!("n-{seq:016x}"))
        .collect();
    let (found, done) = find(&lake, ask(1000, false, 17, 264)).await;
    assert_eq!(ids(&found), expected);
    assert_eq!(
        (done.matched, done.truncated),
        (expected.len() as u64, false)
    );
    let (found, done) = find(&lake, ask(5, false, 17, 264)).await;
    assert_eq!(ids(&found), expected[..5]);
    assert!(done.truncated);
    let (found, _) = find(&lake, ask(7, true, 17, 264)).await;
    let newest: Vec<String> = expected.iter().rev().take(7).cloned().collect();
    assert_eq!(ids(&found), newest);
    let (found, done) = find(&lake, ask(0, true, 17, 264)).await;
    assert!(found.is_empty() && done.truncated);

    let (from, to) = (start() + seconds(17), start() + seconds(264));
    let histogram = lake
        .histogram(&query::parse("*").unwrap(), from, to, 10)
        .await
        .unwrap();
    assert_eq!(histogram.iter().map(|(_, count)| count).sum::<u64>(), 247);
    assert_eq!(histogram.len(), 10);
    assert_eq!(histogram[0], (from, 25));
    let summary = lake
        .field_summary(&query::parse("*").unwrap(), None, None)
        .await
        .unwrap();
    let host = summary
        .iter()
        .find(|field| field.name == "host.name")
        .unwrap();
    assert_eq!((host.present, host.top.len(), host.top[0].1), (300, 7, 43));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_can_be_cancelled_or_dropped() {
    use futures::StreamExt;
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(config(folder.path()), "n").await.unwrap();
    lake.append(plain(0, 5_000), 5_000, start()).await.unwrap();
    lake.flush(start()).await.unwrap();
    let mut stream = lake.search(request(query::parse("*").unwrap()));
    let flag = stream.cancel_flag();
    assert!(stream.next().await.unwrap().is_ok());
    flag.store(true, Ordering::Relaxed);
    let mut last = None;
    while let Some(message) = stream.next().await {
        last = Some(message);
    }
    assert!(matches!(last, Some(Err(LakeError::Cancelled))));
    let stream = lake.search(request(query::parse("*").unwrap()));
    let flag = stream.cancel_flag();
    drop(stream);
    assert!(flag.load(Ordering::Relaxed));
}
