//! The public engine that is measured beside ours: rsigma, a fixed version from crates.io.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use saqshy_sigma::Rule;

pub const VERSION: &str = "0.23.0";

/// The program below `folder`; installs it there if `SAQSHY_BENCH_PEER=install`.
pub fn program(folder: &Path) -> Option<PathBuf> {
    let program = folder.join("bin/rsigma");
    if !program.exists() && std::env::var("SAQSHY_BENCH_PEER").is_ok_and(|it| it == "install") {
        let done = Command::new("cargo")
            .args([
                "install",
                "--locked",
                "--no-default-features",
                "--features",
                "daachorse-index,evtx",
            ])
            .args(["--version", VERSION, "rsigma", "--root"])
            .arg(folder)
            .status();
        done.ok().filter(|status| status.success())?;
    }
    program.exists().then_some(program)
}

/// Our table of Windows log sources as one of its pipelines: it gives every rule the channel and
/// event ids of its log source, as ours does. Only the form of the Sysmon events can be told;
/// where we also look at 4688 or 4657 it does not.
pub fn pipeline() -> String {
    let table: toml::Table = include_str!("../../pipelines/windows.toml")
        .parse()
        .expect("our own table");
    let mut out = String::from("name: logsources\npriority: 10\ntransformations:\n");
    for entry in table["logsource"].as_array().into_iter().flatten() {
        let from = entry["from"].as_array().into_iter().flatten();
        let Some(from) = from.into_iter().next() else {
            continue;
        };
        let when = from["when"].as_table().expect("conditions");
        let mut conditions = String::new();
        for (field, name) in [
            ("winlog.channel", "Channel"),
            ("winlog.event_id", "EventID"),
        ] {
            let values = when.get(field).and_then(toml::Value::as_array);
            let values: Vec<&str> = values
                .into_iter()
                .flatten()
                .filter_map(toml::Value::as_str)
                .collect();
            if values.is_empty() || values == ["*"] {
                continue;
            }
            let _ = writeln!(conditions, "      {name}:");
            for value in values {
                let _ = match name {
                    "EventID" => writeln!(conditions, "        - {value}"),
                    _ => writeln!(conditions, "        - '{value}'"),
                };
            }
        }
        if conditions.is_empty() {
            continue;
        }
        let _ = write!(
            out,
            "  - type: add_condition\n    conditions:\n{conditions}    rule_conditions:\n      - type: logsource\n"
        );
        for key in ["product", "category", "service"] {
            if let Some(value) = entry.get(key).and_then(toml::Value::as_str) {
                let _ = writeln!(out, "        {key}: {value}");
            }
        }
    }
    out
}

/// Copies the files of `rules` to `folder`, which is emptied first.
pub fn copy_rules(rules: &[Arc<Rule>], folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).expect("a folder");
    for (number, rule) in rules.iter().enumerate() {
        std::fs::copy(&rule.origin.file, folder.join(format!("{number}.yml"))).expect("a rule");
    }
}

pub fn command(program: &Path, rules: &Path, pipeline: &Path, input: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["engine", "eval", "--cross-rule-ac", "-r"])
        .arg(rules)
        .arg("-p")
        .arg(pipeline)
        .arg("-e")
        .arg(format!("@{}", input.display()));
    command
}

/// Line number (the generator writes it to `EventRecordID`) and rule of every hit.
pub fn hits(out: &Path) -> BTreeSet<(u64, String)> {
    let text = std::fs::read_to_string(out).unwrap_or_default();
    let hit = |line: &str| {
        let hit: serde_json::Value = serde_json::from_str(line).ok()?;
        let number = hit["event"]["EventRecordID"].as_u64()?;
        Some((number - 1, hit["rule_id"].as_str()?.to_owned()))
    };
    text.lines().filter_map(hit).collect()
}
