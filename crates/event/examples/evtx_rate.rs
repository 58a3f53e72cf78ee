//! Rate of reading EVTX files: binary XML straight to columns, and through XML text.
//!
//! `cargo run --release -p saqshy-event --example evtx_rate FOLDER`

use std::fs::File;
use std::time::Instant;

use saqshy_event::evtx::{Chunk, Chunks, EvtxError, Numbered};
use saqshy_event::{BatchBuilder, Parser};

type Way = fn(&Chunk, &mut dyn FnMut(Result<Numbered, EvtxError>));

fn main() {
    let folder = std::env::args().nth(1).expect("a folder with EVTX files");
    let mut files = Vec::new();
    find(folder.as_ref(), &mut files);
    let ways: [(&str, Way); 2] = [
        ("XML text", |chunk, each| chunk.events_with_xml(each)),
        ("binary XML", |chunk, each| chunk.events(each)),
    ];
    let received = "2026-01-01T00:00:00Z".parse().expect("a time");
    let parser = Parser::new("rate");
    for columns in [false, true] {
        for (name, read) in &ways {
            let (begin, cpu) = (Instant::now(), cpu_seconds());
            let (mut events, mut broken) = (0u64, 0u64);
            let mut builder = BatchBuilder::default();
            for file in &files {
                for chunk in Chunks::open(File::open(file).expect("a readable file")) {
                    let Ok(chunk) = chunk else { continue };
                    read(&chunk, &mut |item| match item {
                        Ok((_, event)) => {
                            events += 1;
                            if columns {
                                parser.windows_event(
                                    &mut builder,
                                    events,
                                    received,
                                    "rate",
                                    &event,
                                );
                                builder.end_event();
                            }
                        }
                        Err(_) => broken += 1,
                    });
                    if builder.rows() > 2_000 {
                        std::hint::black_box(std::mem::take(&mut builder).finish());
                    }
                }
            }
            let wall = begin.elapsed().as_secs_f64();
            let seconds = cpu_seconds()
                .zip(cpu)
                .map_or(wall, |(now, then)| now - then);
            println!(
                "{name:<11} {} {events} events, {broken} broken, {seconds:.2} s, {:.0} events/s",
                if columns { "to columns" } else { "to events " },
                events as f64 / seconds
            );
        }
    }
}

/// Seconds that this thread has run; `None` where the system does not tell.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<u64>().ok()? as f64 / 1e9)
}

fn find(path: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("a readable folder");
        entries
            .flatten()
            .for_each(|entry| find(&entry.path(), files));
    } else if path.extension().is_some_and(|end| end == "evtx") {
        files.push(path.to_owned());
    }
}
