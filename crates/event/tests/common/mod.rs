//! What several tests need.

use std::path::{Path, PathBuf};

/// A folder of the test data that is not part of the repository. `None`, after a visible note, if
/// it is not there.
pub fn data(folder: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("SAQSHY_TEST_DATA") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: no test data at {} (set SAQSHY_TEST_DATA)",
        path.display()
    );
    None
}

/// Every file below `folder` that ends in `.evtx`, in order.
pub fn evtx_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "evtx")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
