//! What is inside the program: packs, rules, texts, the console.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../packs"]
struct PackFiles;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../rules"]
struct RuleFiles;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../locales"]
struct LocaleFiles;

/// The console. The folder is missing when the program was built without it.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/build"]
#[allow_missing = true]
struct ConsoleFiles;

/// Our own rules: (path below `rules/`, YAML), by path.
pub fn rules() -> Vec<(String, String)> {
    let mut rules: Vec<_> = RuleFiles::iter()
        .filter(|name| name.ends_with(".yml"))
        .filter_map(|name| Some((name.to_string(), text(RuleFiles::get(&name)?.data)?)))
        .collect();
    rules.sort();
    rules
}

/// The samples beside our own rules: (path below `rules/`, TOML).
pub fn rule_samples() -> Vec<(String, String)> {
    RuleFiles::iter()
        .filter(|name| name.ends_with(".samples.toml"))
        .filter_map(|name| Some((name.to_string(), text(RuleFiles::get(&name)?.data)?)))
        .collect()
}

/// The packs and calendars: folder below `packs/` → (path inside it → text).
pub fn packs() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut packs: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for name in PackFiles::iter() {
        let Some((folder, path)) = name.split_once('/') else {
            continue;
        };
        let Some(content) = PackFiles::get(&name).and_then(|file| text(file.data)) else {
            continue;
        };
        packs
            .entry(folder.to_owned())
            .or_default()
            .insert(path.to_owned(), content);
    }
    packs
}

/// One text file below `locales/`, for example `kk/server.ftl`.
pub fn locale(path: &str) -> Option<String> {
    text(LocaleFiles::get(path)?.data)
}

/// One file of the console with its SHA-256.
pub fn console(path: &str) -> Option<(Cow<'static, [u8]>, [u8; 32])> {
    let file = ConsoleFiles::get(path)?;
    let hash = file.metadata.sha256_hash();
    Some((file.data, hash))
}

fn text(data: Cow<'static, [u8]>) -> Option<String> {
    String::from_utf8(data.into_owned()).ok()
}
