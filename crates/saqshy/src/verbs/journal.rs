//! `saqshy journal`: verify a data folder, export proofs.

use std::path::Path;

use anyhow::Context;
use saqshy_journal::{DirStorage, TileLog, VerifyingKey, pack};
use saqshy_server::runtime::{Paths, public_key, verify_data_dir};

use crate::cli::{Format, Journal};
use crate::exit::{Exit, Failure};

pub fn run(verb: Journal) -> Result<Exit, Failure> {
    match verb {
        Journal::Verify { data, format } => verify(&data, format),
        Journal::Prove {
            index,
            data,
            output,
        } => {
            let (log, key) = open(&data)?;
            let request = pack::Request {
                leaves: vec![index],
                ..Default::default()
            };
            write(&output, &pack::export(&log, &request, &key)?)
        }
        Journal::Export { data, output } => {
            let (log, key) = open(&data)?;
            write(&output, &pack::export_all(&log, &[], &key)?)
        }
    }
}

fn verify(data: &Path, format: Format) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let report = runtime.block_on(verify_data_dir(data))?;
    if format == Format::Table {
        for finding in &report.findings {
            println!("{}: {}", finding.path, finding.what);
        }
        if report.ok {
            println!(
                "verified: {} leaves under a signed checkpoint, {} waiting for the next, {} lake files, {} documents",
                report.size, report.waiting, report.lake_files, report.documents
            );
        } else {
            println!("NOT verified: {} findings", report.findings.len());
        }
    } else {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(if report.ok {
        Exit::Done
    } else {
        Exit::FoundWrong
    })
}

fn open(data: &Path) -> anyhow::Result<(TileLog<DirStorage>, VerifyingKey)> {
    let paths = Paths::of(data);
    let key = public_key(&paths)?;
    let log = TileLog::open(DirStorage::reader(&paths.journal), &key)
        .with_context(|| format!("opening the journal `{}`", paths.journal.display()))?;
    Ok((log, key))
}

fn write(output: &Path, bytes: &[u8]) -> Result<Exit, Failure> {
    std::fs::write(output, bytes).with_context(|| format!("writing `{}`", output.display()))?;
    println!(
        "{}: {} bytes; check it with saqshy-verify",
        output.display(),
        bytes.len()
    );
    Ok(Exit::Done)
}
