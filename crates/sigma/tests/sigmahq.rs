//! Every rule of the SigmaHQ repository and every example of the specification loads.

mod common;

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
