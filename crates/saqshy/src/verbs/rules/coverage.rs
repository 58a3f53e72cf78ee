//! `saqshy rules coverage`: the ATT&CK techniques that rules speak of.

use std::path::{Path, PathBuf};

use anyhow::Context;
use saqshy_detect::attack::coverage as covered_by;

use super::load;
use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::table::Table;

pub fn coverage(
    paths: &[PathBuf],
    navigator: Option<&Path>,
    format: Format,
) -> Result<Exit, Failure> {
    let set = load(paths)?;
    let covered = covered_by(set.heads().map(|rule| (rule.id, rule.tags)));
    if let Some(file) = navigator {
        let layer = covered.navigator_layer("Saqshy detection rules");
        std::fs::write(file, format!("{layer:#}\n"))
            .with_context(|| format!("writing the layer `{}`", file.display()))?;
    }
    match format {
        Format::Table => {
            let mut table = Table::new(&["TACTIC", "TECHNIQUE", "NAME", "RULES"]);
            for column in &covered.tactics {
                for technique in &column.techniques {
                    table.row([
                        column.tactic.name.to_owned(),
                        technique.id.to_owned(),
                        technique.name.to_owned(),
                        technique.rules.len().to_string(),
                    ]);
                }
            }
            table.write(&mut std::io::stdout().lock())?;
            println!(
                "{} techniques of ATT&CK {} in {} rules; {} rules name none; {} technique tags are unknown",
                covered.techniques,
                covered.attack_version,
                covered.rules_tagged,
                covered.rules_untagged,
                covered.unknown.len()
            );
        }
        Format::Json => println!("{:#}", serde_json::to_value(&covered)?),
        Format::Ndjson => {
            for column in &covered.tactics {
                println!("{}", serde_json::to_value(column)?);
            }
        }
    }
    Ok(Exit::Done)
}
