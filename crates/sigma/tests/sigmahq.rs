//! Every rule of the SigmaHQ repository and every example of the specification loads.

mod common;

use std::collections::BTreeMap;

use saqshy_sigma::{Engine, Pipeline, link};

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
    // Nothing is passed over: two rules, eight correlations, two filters.
    let found = (
        loaded.rules.len(),
        loaded.correlations.len(),
        loaded.filters.len(),
    );
    assert_eq!(found, (2, 8, 2));
    // Their correlations name rules that are not among them, and the refusals say which.
    let links = link(&loaded.rules, &loaded.correlations);
    assert_eq!(links.linked.len() + links.refused.len(), 8);
    for error in &links.refused {
        assert!(error.to_string().contains("no rule has the id or name"));
    }
}

/// Every file of every folder is loaded or refused, with nothing in between: the sum is checked
/// whichever folders of the repository are there.
#[test]
fn every_document_is_accounted_for() {
    let Some(folder) = common::data("sigma") else {
        return;
    };
    let (mut files, mut read) = (0, 0);
    for name in [
        "rules",
        "rules-emerging-threats",
        "rules-threat-hunting",
        "rules-compliance",
        "rules-dfir",
        "rules-placeholder",
        "deprecated",
        "unsupported",
    ] {
        let folder = folder.join(name);
        if !folder.exists() {
            continue;
        }
        let loaded = common::load(&folder);
        let (rules, refused) = (loaded.rules.len(), loaded.refused.len());
        let (correlations, filters) = (loaded.correlations.len(), loaded.filters.len());
        eprintln!(
            "{name}: {} files: {rules} rules, {correlations} correlations, {filters} filters, \
             {refused} refused",
            loaded.files
        );
        for error in &loaded.refused {
            assert!(error.line >= 1 && !error.reason.to_string().is_empty());
        }
        files += loaded.files;
        read += rules + correlations + filters + refused;
    }
    assert!(files > 3_000 && read >= files, "{read} of {files}");
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
