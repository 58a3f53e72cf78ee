//! SigmaHQ's rules over public EVTX samples: what peers find is found, what is found beyond that
//! was judged by reading, and each rule's own sample makes it fire.

mod common;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use saqshy_event::evtx::{Chunk, Chunks, EvtxReader};
use saqshy_event::{Batch, BatchBuilder, Parser};
use saqshy_sigma::{Engine, Pipeline, Rule};

/// The events of a file with what the rules of `engine` read of them, and their record ids.
fn wanted_events(engine: &Engine, path: &Path) -> (Batch, Vec<u64>) {
    let parser = Parser::new("test");
    let parser = match engine.windows_fields() {
        Some(fields) => parser.with_windows_fields(fields),
        None => parser,
    };
    let received = "2026-01-01T00:00:00Z".parse().unwrap();
    let file = std::fs::File::open(path).unwrap();
    let chunks: Vec<Chunk> = Chunks::open(file).flatten().collect();
    let mut batch = parser.evtx_batch();
    let mut ids = Vec::new();
    for chunk in &chunks {
        batch.read(chunk, received, "file", |record| ids.extend(record));
    }
    (batch.finish(), ids)
}

/// The events of a file, with their record ids.
fn events(path: &Path) -> (Batch, Vec<u64>) {
    let parser = Parser::new("test");
    let received = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut builder = BatchBuilder::default();
    let mut ids = Vec::new();
    let reader = EvtxReader::open_bytes(std::fs::read(path).unwrap());
    for (id, event) in reader.flatten() {
        parser.windows_event(&mut builder, ids.len() as u64, received, "file", &event);
        builder.end_event();
        ids.push(id);
    }
    (builder.finish(), ids)
}

fn windows_rules() -> Option<Vec<Arc<Rule>>> {
    let loaded = common::load(&common::data("sigma")?);
    let windows = |rule: &Arc<Rule>| rule.logsource.product.as_deref() == Some("windows");
    Some(loaded.rules.into_iter().filter(windows).collect())
}

/// Rule id, file and record id of every hit in the files below `folder`. Reading only what the
/// rules ask for gives the same.
fn hits(engine: &Engine, folder: &Path, files: &[PathBuf]) -> BTreeSet<(String, String, u64)> {
    let mut all = BTreeSet::new();
    for path in files {
        let (batch, ids) = events(path);
        let name = path.strip_prefix(folder).unwrap().to_string_lossy();
        let matches = engine.matches(&batch);
        let (wanted, wanted_ids) = wanted_events(engine, path);
        assert_eq!(ids, wanted_ids, "{name}");
        assert_eq!(matches, engine.matches(&wanted), "{name}");
        for found in matches {
            let rule = engine.rules()[found.rule as usize].id.clone();
            all.insert((rule, name.clone().into_owned(), ids[found.row as usize]));
        }
    }
    all
}

/// Rule id, file and record id of each hit that `docs/detection-verdicts.md` judges.
fn judged() -> BTreeSet<(String, String, u64)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/detection-verdicts.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut judged = BTreeSet::new();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [id, _title, file, records, ..] = cells[..] else {
            panic!("a row of another shape: {row}");
        };
        for record in records.split(", ") {
            let id = id.trim_end_matches('`').to_owned();
            let file = file.trim_matches('`').to_owned();
            assert!(
                judged.insert((id, file, record.parse().unwrap())),
                "twice: {row}"
            );
        }
    }
    judged
}

/// All 797 hits that two public engines agree on are found; what all rules find beyond them is
/// exactly what was judged by reading rule and event.
#[test]
fn hits_that_peers_agree_on_are_found_and_the_others_were_judged() {
    let (Some(folder), Some(sigma)) = (common::data("evtx"), common::data("sigma")) else {
        return;
    };
    let (engine, refused) = Engine::compile(common::load(&sigma).rules, &Pipeline::default());
    assert!(refused.is_empty());
    let text = std::fs::read_to_string(folder.join("expected-hits.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut wanted = BTreeSet::new();
    for (rule, files) in expected["hits"].as_object().unwrap() {
        for (file, ids) in files.as_object().unwrap() {
            let ids = ids
                .as_array()
                .unwrap()
                .iter()
                .map(|id| id.as_u64().unwrap());
            wanted.extend(ids.map(|id| (rule.clone(), file.clone(), id)));
        }
    }
    let found = hits(&engine, &folder, &common::files(&folder, "evtx"));
    let missed: Vec<_> = wanted.difference(&found).collect();
    assert!(missed.is_empty(), "missed: {missed:#?}");
    let beyond: BTreeSet<_> = found.difference(&wanted).cloned().collect();
    eprintln!(
        "{} of {} expected hits, {} beyond",
        wanted.len(),
        wanted.len(),
        beyond.len()
    );
    let judged = judged();
    let strange: Vec<_> = beyond.difference(&judged).collect();
    assert!(strange.is_empty(), "not judged: {strange:#?}");
    let gone: Vec<_> = judged.difference(&beyond).collect();
    assert!(gone.is_empty(), "judged, but no longer found: {gone:#?}");
}

#[test]
fn each_regression_sample_fires_its_rule() {
    let (Some(folder), Some(rules)) = (common::data("sigma-regression"), windows_rules()) else {
        return;
    };
    let (engine, _) = Engine::compile(rules, &Pipeline::default());
    let by_id: HashMap<&str, u32> = engine
        .rules()
        .iter()
        .enumerate()
        .map(|(at, rule)| (rule.id.as_str(), at as u32))
        .collect();
    let (mut total, mut exact, mut failed) = (0, 0, Vec::new());
    for path in common::files(&folder, "evtx") {
        let info = std::fs::read_to_string(path.with_file_name("info.yml")).unwrap();
        let after = |key: &str| {
            let line = info
                .lines()
                .find(|line| line.trim_start().trim_start_matches("- ").starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let id = path.file_stem().unwrap().to_string_lossy().into_owned();
        let count: usize = after("match_count:").map_or(1, |count| count.parse().unwrap());
        total += 1;
        let Some(&rule) = by_id.get(id.as_str()) else {
            failed.push(format!("{id}: no such rule"));
            continue;
        };
        let (batch, _) = events(&path);
        let fired = engine
            .matches(&batch)
            .iter()
            .filter(|found| found.rule == rule)
            .count();
        exact += usize::from(fired == count);
        if fired < count {
            failed.push(format!(
                "{id}: {fired} instead of {count}: {}",
                path.display()
            ));
        }
    }
    for failure in &failed {
        eprintln!("failed: {failure}");
    }
    eprintln!(
        "{} of {total} regression samples, {exact} with the exact count",
        total - failed.len()
    );
    assert!(failed.is_empty());
    // Six files hold more events for which their rule holds than their `match_count` says.
    assert!(total == exact || total - exact == 6, "{exact} of {total}");
}
