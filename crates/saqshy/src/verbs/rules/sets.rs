//! `saqshy rules bundle`, `import` and `sets`: rule sets as files and in a data folder.

use std::path::Path;

use anyhow::{Context, ensure};
use saqshy_journal::{SigningKey, VerifyingKey};
use saqshy_server::runtime::rules::gather::{Named, gather};
use saqshy_server::runtime::rules::{Mode, StoredSet, import_into_data_dir, sets_of_data_dir};
use saqshy_server::runtime::system_clock;
use serde_json::json;

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::table::Table;

/// Writes the rules at `path` as one bundle, signed when there is a key.
pub fn bundle(
    path: &Path,
    output: &Path,
    named: &Named,
    key: Option<&Path>,
    format: Format,
) -> Result<Exit, Failure> {
    let bundle = gather(path, named, &[])?;
    ensure_some(bundle.files().len(), path)?;
    let bytes = match key {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("reading the key `{}`", file.display()))?;
            let key = SigningKey::from_secret(text.trim())
                .with_context(|| format!("the key `{}`", file.display()))?;
            bundle.to_signed_zip(&key)?
        }
        None => bundle.to_zip()?,
    };
    std::fs::write(output, &bytes).with_context(|| format!("writing `{}`", output.display()))?;
    let (files, size) = (bundle.files().len(), bytes.len());
    match format {
        Format::Table => println!(
            "{}: {files} files, {size} bytes, SHA-256 of the files {}",
            output.display(),
            bundle.sha256
        ),
        Format::Json | Format::Ndjson => println!(
            "{}",
            json!({"name": bundle.name, "version": bundle.version, "origin": bundle.origin, "sha256": bundle.sha256, "files": files, "bytes": size, "signed": key.is_some()})
        ),
    }
    Ok(Exit::Done)
}

/// Imports rules into the data folder of a stopped server.
pub fn import(
    path: &Path,
    data: &Path,
    named: &Named,
    trusted: &[String],
    mode: &str,
    format: Format,
) -> Result<Exit, Failure> {
    let trusted = trusted
        .iter()
        .map(|text| text.parse().with_context(|| format!("--trust `{text}`")))
        .collect::<anyhow::Result<Vec<VerifyingKey>>>()?;
    let mode: Mode = mode.parse()?;
    let bundle = gather(path, named, &trusted)?;
    ensure_some(bundle.files().len(), path)?;
    let unsigned = !trusted.is_empty() && bundle.signed_by.is_none();
    if unsigned {
        let why = anyhow::anyhow!(
            "`{}`: none of the trusted keys has signed it",
            path.display()
        );
        return Err(why.into());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let now = system_clock()();
    let set = runtime.block_on(import_into_data_dir(data, &bundle, mode, now))?;
    match format {
        Format::Table => println!(
            "set `{}` of {} files is in `{}`, its rules are {}",
            set.name,
            bundle.files().len(),
            data.display(),
            mode.as_str()
        ),
        Format::Json | Format::Ndjson => println!("{}", about(&set)),
    }
    Ok(Exit::Done)
}

/// Lists the sets in the data folder of a stopped server.
pub fn list(data: &Path, format: Format) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let sets = runtime.block_on(sets_of_data_dir(data))?;
    let all = sets.iter().map(|(set, rules)| {
        let mut set = about(set);
        set["rules"] = json!(rules.heads().count());
        set
    });
    match format {
        Format::Table => {
            let heads = [
                "NAME",
                "MODE",
                "RULES",
                "VERSION",
                "ORIGIN",
                "SIGNED BY",
                "SHA-256",
            ];
            let mut table = Table::new(&heads);
            for (set, rules) in &sets {
                table.row([
                    set.name.clone(),
                    set.mode.as_str().to_owned(),
                    rules.heads().count().to_string(),
                    set.version.clone(),
                    format!("{} {}", set.origin.kind, set.origin.path),
                    set.signed_by.clone().unwrap_or_default(),
                    set.sha256.clone(),
                ]);
            }
            table.write(&mut std::io::stdout().lock())?;
        }
        Format::Json => println!("{:#}", all.collect::<serde_json::Value>()),
        Format::Ndjson => all.for_each(|set| println!("{set}")),
    }
    Ok(Exit::Done)
}

fn about(set: &StoredSet) -> serde_json::Value {
    json!({
        "name": set.name,
        "version": set.version,
        "origin": set.origin,
        "sha256": set.sha256,
        "signed_by": set.signed_by,
        "mode": set.mode.as_str(),
        "imported_at": set.imported_at,
    })
}

fn ensure_some(files: usize, path: &Path) -> anyhow::Result<()> {
    ensure!(files > 0, "there is no rule file at `{}`", path.display());
    Ok(())
}
