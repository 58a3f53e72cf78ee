//! SigmaHQ's Windows rules over public EVTX samples: what peers find is found, each rule's own
//! sample makes it fire, and engine and plain evaluator agree on all of it.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use saqshy_event::evtx::EvtxReader;
use saqshy_event::{Batch, BatchBuilder, Parser};
use saqshy_sigma::{Engine, Pipeline, Rule, oracle};

/// The first `most` events of each file, with their record ids.
fn events<'a>(paths: impl IntoIterator<Item = &'a PathBuf>, most: usize) -> (Batch, Vec<u64>) {
    let parser = Parser::new("test");
    let received = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut builder = BatchBuilder::default();
    let mut ids = Vec::new();
    for path in paths {
        let reader = EvtxReader::open_bytes(std::fs::read(path).unwrap());
        for (id, event) in reader.flatten().take(most) {
            parser.windows_event(&mut builder, ids.len() as u64, received, "file", &event);
            builder.end_event();
            ids.push(id);
        }
    }
    (builder.finish(), ids)
}

fn windows_rules() -> Option<Vec<Arc<Rule>>> {
    let loaded = common::load(&common::data("sigma")?);
    let windows = |rule: &Arc<Rule>| rule.logsource.product.as_deref() == Some("windows");
    Some(loaded.rules.into_iter().filter(windows).collect())
}

/// Rule id, file and record ids of every hit in the files below `folder`.
fn hits(
    engine: &Engine,
    folder: &Path,
    files: &[PathBuf],
) -> BTreeMap<(String, String), BTreeSet<u64>> {
    let mut all: BTreeMap<(String, String), BTreeSet<u64>> = BTreeMap::new();
    for path in files {
        let (batch, ids) = events([path], usize::MAX);
        let name = path
            .strip_prefix(folder)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        for found in engine.matches(&batch) {
            let rule = engine.rules()[found.rule as usize].id.clone();
            all.entry((rule, name.clone()))
                .or_default()
                .insert(ids[found.row as usize]);
        }
    }
    all
}

#[test]
fn hits_that_peers_agree_on_are_found() {
    let (Some(folder), Some(rules)) = (common::data("evtx"), windows_rules()) else {
        return;
    };
    let (engine, refused) = Engine::compile(rules, &Pipeline::default());
    assert!(refused.is_empty());
    let text = std::fs::read_to_string(folder.join("expected-hits.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let found = hits(&engine, &folder, &common::files(&folder, "evtx"));
    let (mut total, mut missed, mut wanted) = (0, Vec::new(), BTreeSet::new());
    for (rule, files) in expected["hits"].as_object().unwrap() {
        for (file, ids) in files.as_object().unwrap() {
            let key = (rule.clone(), file.clone());
            for id in ids.as_array().unwrap() {
                let id = id.as_u64().unwrap();
                total += 1;
                wanted.insert((key.clone(), id));
                if !found.get(&key).is_some_and(|ids| ids.contains(&id)) {
                    missed.push(format!("{rule} {file} {id}"));
                }
            }
        }
    }
    for miss in &missed {
        eprintln!("missed: {miss}");
    }
    let mut more = 0;
    for (key, ids) in &found {
        let extra = ids
            .iter()
            .filter(|&&id| !wanted.contains(&(key.clone(), id)))
            .count();
        if extra > 0 {
            eprintln!("beyond: {} {} {extra}", key.0, key.1);
        }
        more += extra;
    }
    eprintln!(
        "{} of {total} expected hits, {more} beyond",
        total - missed.len()
    );
    assert!(missed.is_empty());
    // Each of those beyond was looked at and is right by the text of its rule.
    assert!(more <= 9, "{more}");
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
        let (batch, _) = events([&path], usize::MAX);
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

/// The plain evaluator needs a minute for all events; `SAQSHY_TEST_FULL=1` takes them all.
#[test]
fn engine_and_plain_evaluator_agree_on_real_events() {
    let (Some(folder), Some(rules)) = (common::data("evtx"), windows_rules()) else {
        return;
    };
    let full = std::env::var_os("SAQSHY_TEST_FULL").is_some();
    let pipeline = Pipeline::default();
    let (engine, _) = Engine::compile(rules, &pipeline);
    let files = common::files(&folder, "evtx");
    let (batch, _) = events(&files, if full { usize::MAX } else { 4 });
    let found = engine.matches(&batch);
    assert_eq!(found, oracle::matches(engine.rules(), &pipeline, &batch));
    eprintln!("{} events, {} matches", batch.rows(), found.len());
    assert!(!found.is_empty());
}
