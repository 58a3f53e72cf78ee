//! The shipped packs, read from the workspace.
#![allow(dead_code, reason = "each test file uses its part")]

use jiff::Timestamp;
use saqshy_law::{Calendar, CaseFact, Pack, Profile, Week};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files of a folder, by path inside it.
pub fn folder(dir: &Path) -> BTreeMap<String, String> {
    fn walk(dir: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
        for item in std::fs::read_dir(dir).unwrap() {
            let path = item.unwrap().path();
            let name = format!("{prefix}{}", path.file_name().unwrap().to_string_lossy());
            if path.is_dir() {
                walk(&path, &format!("{name}/"), files);
            } else {
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(dir, "", &mut files);
    files
}

/// A shipped pack by its folder.
pub fn pack(name: &str) -> Pack {
    let files = folder(&root().join("packs").join(name));
    Pack::parse(&files).unwrap_or_else(|e| panic!("{name}/{e}"))
}

/// A file of the catalogues; says that the test is skipped when it is not there.
pub fn spec(file: &str) -> Option<String> {
    let dir =
        std::env::var("SAQSHY_SPEC").map_or_else(|_| root().join("../shared/spec"), PathBuf::from);
    let text = std::fs::read_to_string(dir.join(file)).ok();
    if text.is_none() {
        eprintln!("SKIPPED: no {file} in {}; set SAQSHY_SPEC", dir.display());
    }
    text
}

pub fn o199_files() -> BTreeMap<String, String> {
    folder(&root().join("packs/kz-o199"))
}

pub fn o199() -> Pack {
    Pack::parse(&o199_files()).unwrap()
}

pub fn calendar() -> Calendar {
    Calendar::parse(&folder(&root().join("packs/calendar-kz"))).unwrap()
}

pub fn profile(bearer: &str) -> Profile {
    Profile {
        bearers: vec![bearer.into()],
        zone: "Asia/Almaty".into(),
        week: Week::Five,
        settings: BTreeMap::new(),
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn fact(kind: &str, time: &str, seq: u64) -> CaseFact {
    CaseFact::new(kind, at(time), seq)
}
