//! Shared by the tests.
#![allow(dead_code)]

pub mod one;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use saqshy_sigma::{Correlation, Document, Filter, Rule, RuleError, parse_documents};

/// The folder `name` of the test data, or `None` with a note on stderr.
pub fn data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SAQSHY_TEST_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let folder = root.join(name);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no test data at {}", folder.display());
    None
}

/// Every file below `folder` with the extension, sorted.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

pub struct Loaded {
    pub files: usize,
    pub rules: Vec<Arc<Rule>>,
    pub refused: Vec<RuleError>,
    pub correlations: Vec<Arc<Correlation>>,
    pub filters: Vec<Arc<Filter>>,
}

/// Loads every rule file below `folder`.
pub fn load(folder: &Path) -> Loaded {
    let mut loaded = Loaded {
        files: 0,
        rules: Vec::new(),
        refused: Vec::new(),
        correlations: Vec::new(),
        filters: Vec::new(),
    };
    for path in files(folder, "yml") {
        loaded.files += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        for document in parse_documents(&text, &path) {
            match document {
                Ok(Document::Rule(rule)) => loaded.rules.push(Arc::new(*rule)),
                Ok(Document::Correlation(found)) => loaded.correlations.push(Arc::new(*found)),
                Ok(Document::Filter(filter)) => loaded.filters.push(Arc::new(*filter)),
                Err(error) => loaded.refused.push(error),
            }
        }
    }
    loaded
}
