//! How small the lake keeps real Windows events.
//!
//! `cargo run --release -p saqshy-lake --example lake_size -- FOLDER`
//!
//! Every EVTX file below the folder is read; each event goes through the parser as the JSON that
//! Winlogbeat would send, and the lake keeps that JSON and its fields.

use std::error::Error;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use saqshy_event::evtx::EvtxReader;
use saqshy_event::{Format, Parser, Record, winlogbeat_json};
use saqshy_lake::{Lake, LakeConfig};

const BATCH: usize = 2_000;

fn files(folder: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, into)?;
        } else if path.extension().is_some_and(|ending| ending == "evtx") {
            into.push(path);
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .nth(1)
        .ok_or("which folder of EVTX files?")?;
    let mut paths = Vec::new();
    files(Path::new(&folder), &mut paths)?;
    paths.sort();
    let temporary = tempfile::tempdir()?;
    let lake = Lake::open(LakeConfig::new(temporary.path()), "size").await?;
    let received: Timestamp = "2026-03-20T00:00:00Z".parse()?;
    let parser = Parser::new("size");
    let mut lines: Vec<String> = Vec::new();
    for path in &paths {
        let records = EvtxReader::open_bytes(std::fs::read(path)?);
        lines.extend(
            records
                .flatten()
                .map(|(_, event)| winlogbeat_json(&event).to_string()),
        );
    }
    let raw: usize = lines.iter().map(String::len).sum();
    let mut next = 0u64;
    for some in lines.chunks(BATCH) {
        let records: Vec<(u64, Record<'_>)> = (next..)
            .zip(some)
            .map(|(seq, line)| {
                let record = Record {
                    received,
                    source: "evtx",
                    format: Format::Json,
                    peer: None,
                    truncated: false,
                    payload: line.as_bytes(),
                };
                (seq, record)
            })
            .collect();
        let parsed = parser.parse(&records, received);
        next += some.len() as u64;
        lake.append(parsed.batch, next, received).await?;
    }
    let flushed = lake.flush(received).await?.ok_or("no events")?;
    let stored: u64 = flushed.files.iter().map(|file| file.bytes).sum();
    println!(
        "{} files, {} events, raw JSON {raw} bytes",
        paths.len(),
        lines.len()
    );
    println!(
        "stored {stored} bytes in {} files: 1/{:.1} of raw, {:.1} bytes an event, {} columns",
        flushed.files.len(),
        raw as f64 / stored as f64,
        stored as f64 / lines.len().max(1) as f64,
        lake.field_names().len(),
    );
    for file in &flushed.files {
        println!(
            "{:9} rows {:10} bytes  {}",
            file.rows, file.bytes, file.dataset
        );
    }
    Ok(())
}
