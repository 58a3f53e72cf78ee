//! Every rule of the SigmaHQ repository and every example of the specification loads.

mod common;

use std::collections::BTreeMap;

use saqshy_sigma::{Engine, Pipeline};

#[test]
fn every_sigmahq_rule_loads() {
    let Some(folder) = common::data("sigma") else {
        return;
    };
    let loaded = common::load(&folder);
    eprintln!(
        "{} files: {} rules, {} refused",
        loaded.files,
        loaded.rules.len(),
        loaded.refused.len()
    );
    for error in &loaded.refused {
        eprintln!("refused: {error}");
    }
    assert!(loaded.files > 3_000);
    assert!(loaded.refused.is_empty());
    assert_eq!(loaded.rules.len(), loaded.files);
    assert!(
        loaded
            .rules
            .iter()
            .all(|rule| !rule.author.is_empty() && rule.source.contains("title:"))
    );
}

#[test]
fn the_examples_of_the_specification_are_recognised() {
    let Some(folder) = common::data("sigma-spec-examples") else {
        return;
    };
    let loaded = common::load(&folder);
    for error in &loaded.refused {
        eprintln!("refused: {error}");
    }
    assert!(loaded.refused.is_empty());
    assert!(!loaded.rules.is_empty() && loaded.others > 0);
}

#[test]
fn every_sigmahq_rule_compiles_and_no_source_is_dropped_silently() {
    let Some(folder) = common::data("sigma") else {
        return;
    };
    let loaded = common::load(&folder);
    let (engine, refused) = Engine::compile(loaded.rules, &Pipeline::default());
    assert!(refused.is_empty());
    let mut unmapped: BTreeMap<String, usize> = BTreeMap::new();
    for &rule in engine.unmapped() {
        let source = &engine.rules()[rule as usize].logsource;
        *unmapped.entry(source.to_string()).or_default() += 1;
        assert_ne!(source.product.as_deref(), Some("windows"));
    }
    eprintln!(
        "{} rules under their own field names: {unmapped:?}",
        engine.unmapped().len()
    );
    for warning in engine.warnings() {
        let rule = &engine.rules()[warning.rule as usize];
        eprintln!("{}: {}", rule.title, warning.text);
    }
    assert!(engine.unmapped().len() < 320);
}
