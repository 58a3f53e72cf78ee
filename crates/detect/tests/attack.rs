//! The table of ATT&CK knows every technique that public rules and ours name.

use std::path::{Path, PathBuf};

use saqshy_detect::{RuleSet, attack};

#[test]
fn every_technique_that_a_rule_names_is_known() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("SAQSHY_TEST_DATA")
        .map_or_else(|| root.join("../../../shared/data"), PathBuf::from);
    let mut set = RuleSet::default();
    set.add_folder(&root.join("../../rules"));
    if data.join("sigma").exists() {
        set.add_folder(&data.join("sigma"));
    } else {
        eprintln!("SKIPPED: no test data at {}", data.display());
    }
    let heads = set.heads().map(|head| (head.id, head.tags));
    let covered = attack::coverage(heads);
    eprintln!(
        "{} rules name {} techniques, {} of them unknown",
        covered.rules_tagged,
        covered.techniques,
        covered.unknown.len()
    );
    assert!(covered.unknown.is_empty(), "{:?}", covered.unknown);
}
