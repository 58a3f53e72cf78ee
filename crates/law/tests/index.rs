//! `tests.toml` of each pack names the tests that show a clause. This test reads the source tree: each
//! named test is there and carries the clause's id in its text, and every clause has one.
//!
//! `SAQSHY_UPDATE_INDEX=1 cargo test -p saqshy-law --test index` writes the files anew.

mod common;
use common::{pack, root};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const PACKS: [&str; 4] = ["kz-r90", "kz-o52", "kz-o199", "eu-nis2"];
/// Most tests that the index names for one clause; the law's own come first.
const NAMED_MAX: usize = 3;

/// One test function: `path::name` and its text with the comment above it.
struct Test {
    name: String,
    text: String,
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The test functions of a file. A function ends with the first line that closes at its indentation.
fn tests_of(file: &str, text: &str) -> Vec<Test> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let marker = line.trim();
        if marker != "#[test]" && !marker.starts_with("#[tokio::test") {
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let head = lines[at..].iter().position(|l| l.contains("fn "));
        let Some(head) = head.map(|n| at + n) else {
            continue;
        };
        let name = lines[head].split("fn ").nth(1).unwrap_or_default();
        let name = name.split('(').next().unwrap_or_default();
        let end = lines[head..]
            .iter()
            .position(|l| *l == format!("{indent}}}"));
        let end = end.map_or(lines.len(), |n| head + n);
        let comment = lines[..at]
            .iter()
            .rev()
            .take_while(|l| l.trim().starts_with("///"));
        let first = at - comment.count();
        found.push(Test {
            name: format!("{file}::{name}"),
            text: lines[first..end].join("\n"),
        });
    }
    found
}

/// True when `text` names the clause: by its id, or by the id in a function's name.
fn carries(text: &str, id: &str) -> bool {
    let whole = |needle: &str, text: &str| {
        text.match_indices(needle).any(|(at, _)| {
            let after = text[at + needle.len()..].chars().next();
            let before = text[..at].chars().next_back();
            let part = |c: char| c.is_alphanumeric() || c == '-';
            let name = |c: char| c.is_ascii_digit();
            match needle.contains('-') {
                true => !after.is_some_and(part) && !before.is_some_and(part),
                false => {
                    let more = text[at + needle.len()..].strip_prefix('_');
                    let longer = more.and_then(|m| m.chars().next()).is_some_and(name);
                    !after.is_some_and(|c| c.is_alphanumeric()) && !longer
                }
            }
        })
    };
    whole(id, text) || whole(&id.to_lowercase().replace('-', "_"), text)
}

fn all_tests() -> Vec<Test> {
    let root = root();
    let mut files = Vec::new();
    for dir in ["crates", "tests"] {
        sources(&root.join(dir), &mut files);
    }
    // The law's own tests first: they show the rule itself.
    let own = root.join("crates/law");
    files.sort_by_key(|path| (!path.starts_with(&own), path.clone()));
    let mut found = Vec::new();
    for path in files {
        let name = path
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        // This file speaks of the ids without showing anything.
        if !name.ends_with("tests/index.rs") {
            found.extend(tests_of(&name, &std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn write(folder: &str, tests: &[Test]) {
    let mut text = String::from(
        "# Tests that show each clause: path in the source tree and name. Written by\n# SAQSHY_UPDATE_INDEX=1 cargo test -p saqshy-law --test index\n\n",
    );
    for clause in &pack(folder).clauses {
        let shown: Vec<String> = tests
            .iter()
            .filter(|t| carries(&t.text, &clause.id))
            .map(|t| format!("  \"{}\",", t.name))
            .take(NAMED_MAX)
            .collect();
        writeln!(text, "{} = [\n{}\n]", clause.id, shown.join("\n")).unwrap();
    }
    std::fs::write(root().join("packs").join(folder).join("tests.toml"), text).unwrap();
}

#[test]
fn every_clause_has_a_test_that_exists() {
    let tests = all_tests();
    assert!(tests.len() > 200, "{}", tests.len());
    if std::env::var_os("SAQSHY_UPDATE_INDEX").is_some() {
        PACKS.iter().for_each(|folder| write(folder, &tests));
    }
    let by_name: BTreeMap<&str, &Test> = tests.iter().map(|t| (t.name.as_str(), t)).collect();
    for folder in PACKS {
        for clause in &pack(folder).clauses {
            assert!(!clause.tests.is_empty(), "{}: no test shows it", clause.id);
            for name in &clause.tests {
                let Some(test) = by_name.get(name.as_str()) else {
                    panic!("{}: there is no test {name}; update the index", clause.id);
                };
                assert!(
                    carries(&test.text, &clause.id),
                    "{name} does not name {}",
                    clause.id
                );
            }
        }
    }
}

#[test]
fn an_id_is_found_whole() {
    assert!(carries("// O52-12-6: fifteen minutes", "O52-12-6"));
    assert!(!carries("// O52-12-6a", "O52-12-6"));
    assert!(!carries("// O52-12-6", "O52-12"));
    assert!(carries("fn clause_o199_10_3_7a_thirty()", "O199-10-3-7a"));
    assert!(!carries("fn clause_o199_10_3_7a_thirty()", "O199-10-3"));
    let text = "/// O52-1\n#[test]\nfn one() {\n    let a = 1;\n}\n\n#[test]\nfn two() {}\n";
    let found = tests_of("x.rs", text);
    assert_eq!(found.len(), 2);
    assert!(found[0].name == "x.rs::one" && found[0].text.starts_with("/// O52-1"));
}
