//! Rate of reading EVTX files: through XML text, binary XML to events, and straight to the columns
//! that rules ask for.
//!
//! `cargo run --release -p saqshy-event --example evtx_rate FOLDER`

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use saqshy_event::evtx::{Chunk, Chunks};
use saqshy_event::{BatchBuilder, FieldSet, Parser};

/// Chunks of one batch.
const BATCH_CHUNKS: usize = 48;

/// Reads the chunks of one batch; events and errors.
type Way = fn(&Parser, &[Chunk]) -> (u64, u64);

fn main() {
    let folder = std::env::args().nth(1).expect("a folder with EVTX files");
    let mut files = Vec::new();
    find(folder.as_ref(), &mut files);
    let whole = Parser::new("rate");
    let mut fields = FieldSet::default();
    fields.extend(["winlog.channel", "winlog.event_id", "winlog.provider_name"]);
    fields.insert_below("winlog.event_data.");
    let wanted = whole.clone().with_windows_fields(fields);
    let ways: [(&str, &Parser, Way); 5] = [
        ("XML text to events", &whole, |_, chunks| {
            to_events(chunks, |chunk, count| {
                chunk.events_with_xml(|item| count(item.is_ok()));
            })
        }),
        ("binary XML to events", &whole, |_, chunks| {
            to_events(chunks, |chunk, count| {
                chunk.events(|item| count(item.is_ok()));
            })
        }),
        ("XML text to columns", &whole, |parser, chunks| {
            let mut out = BatchBuilder::default();
            to_events(chunks, |chunk, count| {
                chunk.events_with_xml(|item| {
                    count(item.is_ok());
                    if let Ok((id, event)) = item {
                        parser.windows_event(&mut out, id, received(), "rate", &event);
                        out.end_event();
                    }
                });
            })
        }),
        ("binary XML to columns", &whole, to_columns),
        ("binary XML to wanted columns", &wanted, to_columns),
    ];
    for (name, parser, way) in ways {
        let (begin, cpu) = (Instant::now(), cpu_seconds());
        let (mut events, mut broken) = (0, 0);
        let mut chunks = Vec::new();
        let mut count = |chunks: &[Chunk]| {
            let counted = way(parser, chunks);
            events += counted.0;
            broken += counted.1;
        };
        for file in &files {
            for chunk in Chunks::open(File::open(file).expect("a readable file")).flatten() {
                chunks.push(chunk);
                if chunks.len() == BATCH_CHUNKS {
                    count(&chunks);
                    chunks.clear();
                }
            }
        }
        count(&chunks);
        let wall = begin.elapsed().as_secs_f64();
        let seconds = cpu_seconds()
            .zip(cpu)
            .map_or(wall, |(now, then)| now - then);
        println!(
            "{name:<28} {events} events, {broken} broken, {seconds:.2} s, {:.0} events/s",
            events as f64 / seconds
        );
    }
}

fn received() -> jiff::Timestamp {
    jiff::Timestamp::constant(1_767_225_600, 0)
}

fn to_events(chunks: &[Chunk], mut read: impl FnMut(&Chunk, &mut dyn FnMut(bool))) -> (u64, u64) {
    let (mut events, mut broken) = (0, 0);
    for chunk in chunks {
        read(chunk, &mut |sound| match sound {
            true => events += 1,
            false => broken += 1,
        });
    }
    (events, broken)
}

fn to_columns(parser: &Parser, chunks: &[Chunk]) -> (u64, u64) {
    let mut batch = parser.evtx_batch();
    let mut broken = 0;
    for chunk in chunks {
        batch.read(chunk, received(), "rate", |record| {
            broken += u64::from(record.is_err());
        });
    }
    (std::hint::black_box(batch.finish()).rows() as u64, broken)
}

/// Seconds that this thread has run; `None` where the system does not tell.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<u64>().ok()? as f64 / 1e9)
}

fn find(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("a readable folder");
        entries
            .flatten()
            .for_each(|entry| find(&entry.path(), files));
    } else if path.extension().is_some_and(|end| end == "evtx") {
        files.push(path.to_owned());
    }
}
