//! EVTX files, by their content and not by their name.

use std::fs::File;

use jiff::Timestamp;
use saqshy_event::evtx::EvtxReader;
use saqshy_event::{Batch, BatchBuilder, Parser};

/// First bytes of an EVTX file.
pub const MAGIC: &[u8; 8] = b"ElfFile\0";
/// Events of one batch.
const BATCH_EVENTS: usize = 2_048;
/// Problems reported of one file; the rest is counted.
const PROBLEMS_MAX: usize = 10;

/// Reads all records; gives what had to be stepped over.
pub fn read(file: File, received: Timestamp, mut each: impl FnMut(&Batch)) -> Vec<String> {
    let parser = Parser::new("scan");
    let mut builder = BatchBuilder::default();
    let (mut problems, mut more) = (Vec::new(), 0usize);
    for (result, seq) in EvtxReader::stream(std::io::BufReader::new(file)).zip(0u64..) {
        match result {
            Ok((_, event)) => {
                parser.windows_event(&mut builder, seq, received, "scan", &event);
                builder.end_event();
            }
            Err(error) if problems.len() < PROBLEMS_MAX => {
                problems.push(format!("{:#}", anyhow::Error::new(error)));
            }
            Err(_) => more += 1,
        }
        if builder.rows() == BATCH_EVENTS {
            each(&std::mem::take(&mut builder).finish());
        }
    }
    each(&builder.finish());
    if more > 0 {
        problems.push(format!("and {more} more broken parts"));
    }
    problems
}
