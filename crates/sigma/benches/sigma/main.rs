//! `cargo bench -p saqshy-sigma`: NDJSON and EVTX through parser and engine, beside a public
//! engine.
//!
//! See `table.rs` for what is measured. With `--run` the program measures one case and prints it,
//! so that each case has a process and a peak memory of its own:
//! `--run RULES COUNT THREADS INPUT [HITS_FILE]` (INPUT: a file of NDJSON or a folder of EVTX
//! files); `--generate SHAPE EVENTS FILE` writes a corpus.

mod generate;
mod peer;
mod run;
mod table;

use std::io::{BufWriter, Write};
use std::path::Path;

use generate::{Generator, Shape};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["--run", rules, count, threads, input, rest @ ..] => {
            let all = run::windows_rules(Path::new(rules));
            let count = count.parse().unwrap_or(all.len());
            let whole = rest.contains(&"--whole");
            let hits = rest.iter().find(|arg| !arg.starts_with("--"));
            let hits =
                hits.map(|path| BufWriter::new(std::fs::File::create(path).expect("a file")));
            let threads = threads.parse().expect("a number of threads");
            let figures = run::run(
                run::spread(&all, count),
                Path::new(input),
                threads,
                whole,
                hits,
            );
            println!(
                "{} {} {} {} {}",
                figures.events,
                figures.hits,
                figures.seconds,
                figures.matching_seconds,
                figures.peak_mib
            );
        }
        ["--generate", shape, events, file] => {
            let shape = if *shape == "flat" {
                Shape::Flat
            } else {
                Shape::Winlogbeat
            };
            let mut generator = Generator::new(7);
            let mut out = BufWriter::new(std::fs::File::create(file).expect("a file"));
            for _ in 0..events.parse::<usize>().expect("a number of events") {
                writeln!(out, "{}", generator.document(shape)).expect("written");
            }
        }
        // `cargo test --benches` runs this too; only a real bench run should take minutes.
        args if args.contains(&"--bench") => table::print(),
        _ => {}
    }
}
