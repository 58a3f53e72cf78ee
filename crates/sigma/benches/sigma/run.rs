//! NDJSON and EVTX through parser and engine, in this process.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use saqshy_event::evtx::{Chunk, Chunks};
use saqshy_event::{Format, Parser, Record};
use saqshy_sigma::{Document, Engine, Pipeline, Rule, parse_documents};

/// Bytes of one unit of work.
const CHUNK_BYTES: usize = 4 << 20;
/// Chunks of EVTX files that are one unit of work.
const EVTX_CHUNKS: usize = 48;
/// How often a folder of EVTX files is read, so that there is something to measure.
const EVTX_ROUNDS: usize = 40;
/// Events of one batch.
const BATCH_EVENTS: usize = 8_192;

/// What one run measured.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub events: u64,
    pub hits: u64,
    pub seconds: f64,
    /// Of one thread, where there is one.
    pub matching_seconds: f64,
    pub peak_mib: f64,
}

/// SigmaHQ's rules for Windows below `folder`, in the order of their ids.
pub fn windows_rules(folder: &Path) -> Vec<Arc<Rule>> {
    let mut rules = Vec::new();
    for path in files(folder, "yml") {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for document in parse_documents(&text, &path) {
            if let Ok(Document::Rule(rule)) = document
                && rule.logsource.product.as_deref() == Some("windows")
            {
                rules.push(Arc::new(*rule));
            }
        }
    }
    rules.sort_by(|left, right| left.id.cmp(&right.id));
    rules
}

/// `count` of the rules, evenly spread, so that every log source takes part.
pub fn spread(rules: &[Arc<Rule>], count: usize) -> Vec<Arc<Rule>> {
    let step = rules.len() as f64 / count as f64;
    let at = |at: usize| (at as f64 * step) as usize;
    (0..count.min(rules.len()))
        .filter_map(|number| rules.get(at(number)).cloned())
        .collect()
}

/// Every file below `folder` with the extension, sorted.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

struct Reader {
    engine: Engine,
    parser: Parser,
}

/// Hits of a chunk (line within the chunk, rule), its events, the time spent on matching.
struct Done {
    lines: u64,
    hits: Vec<(u64, u32)>,
    matching: Duration,
}

/// A unit of work.
enum Unit {
    /// Whole lines.
    Lines(Vec<u8>),
    Chunks(Vec<Chunk>),
}

impl Reader {
    fn unit(&self, unit: &Unit) -> Done {
        match unit {
            Unit::Lines(bytes) => self.lines(bytes),
            Unit::Chunks(chunks) => self.chunks(chunks),
        }
    }

    fn chunks(&self, chunks: &[Chunk]) -> Done {
        let received = "2026-11-01T00:00:00Z".parse().unwrap_or_default();
        let mut events = self.parser.evtx_batch();
        for chunk in chunks {
            // What cannot be read is not measured.
            events.read(chunk, received, "bench", drop);
        }
        let batch = events.finish();
        let begin = Instant::now();
        let found = self.engine.matches(&batch);
        Done {
            lines: batch.rows() as u64,
            matching: begin.elapsed(),
            hits: found
                .iter()
                .map(|hit| (u64::from(hit.row), hit.rule))
                .collect(),
        }
    }

    fn lines(&self, bytes: &[u8]) -> Done {
        let received = "2026-11-01T00:00:00Z".parse().unwrap_or_default();
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]);
        let lines = ends.map(|end| &bytes[std::mem::replace(&mut start, end + 1)..end]);
        let records: Vec<(u64, Record<'_>)> = lines
            .filter(|line| !line.is_empty())
            .zip(0..)
            .map(|(payload, seq)| {
                let record = Record {
                    received,
                    source: "bench",
                    format: Format::Json,
                    peer: None,
                    truncated: false,
                    payload,
                };
                (seq, record)
            })
            .collect();
        let mut done = Done {
            lines: records.len() as u64,
            hits: Vec::new(),
            matching: Duration::ZERO,
        };
        let mut rest = &records[..];
        while !rest.is_empty() {
            let first = rest[0].0;
            let some = &rest[..rest.len().min(BATCH_EVENTS)];
            let parsed = self.parser.parse(some, received);
            let begin = Instant::now();
            let found = self.engine.matches(&parsed.batch);
            done.matching += begin.elapsed();
            done.hits.extend(
                found
                    .iter()
                    .map(|hit| (first + u64::from(hit.row), hit.rule)),
            );
            rest = &rest[parsed.consumed.max(1)..];
        }
        done
    }
}

/// Divides `input` into units: the lines of a file, or [`EVTX_ROUNDS`] times the chunks of the
/// EVTX files of a folder.
fn units(input: &Path, mut each: impl FnMut(Unit)) -> std::io::Result<()> {
    if !input.is_dir() {
        return lines(input, |bytes| each(Unit::Lines(bytes)));
    }
    let mut waiting = Vec::new();
    for file in std::iter::repeat_n(files(input, "evtx"), EVTX_ROUNDS).flatten() {
        for chunk in Chunks::open(std::fs::File::open(file)?).flatten() {
            waiting.push(chunk);
            if waiting.len() == EVTX_CHUNKS {
                each(Unit::Chunks(std::mem::take(&mut waiting)));
            }
        }
    }
    if !waiting.is_empty() {
        each(Unit::Chunks(waiting));
    }
    Ok(())
}

/// Reads `input` in pieces that end with a line.
fn lines(input: &Path, mut each: impl FnMut(Vec<u8>)) -> std::io::Result<()> {
    let file = std::fs::File::open(input)?;
    let mut left = Vec::new();
    loop {
        let mut chunk = std::mem::take(&mut left);
        let read = (&file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
        let end = read < CHUNK_BYTES;
        if let (false, Some(at)) = (end, chunk.iter().rposition(|byte| *byte == b'\n')) {
            left = chunk.split_off(at + 1);
        }
        if !chunk.is_empty() {
            each(chunk);
        }
        if end {
            return Ok(());
        }
    }
}

/// Matches `input` with `rules` on `threads` threads. Hits go to `hits` as `line<TAB>rule id`, in
/// the order of the lines whatever the number of threads.
pub fn run(
    rules: Vec<Arc<Rule>>,
    input: &Path,
    threads: usize,
    whole: bool,
    mut hits: Option<impl Write>,
) -> Figures {
    let (engine, refused) = Engine::compile(rules, &Pipeline::default());
    assert!(refused.is_empty(), "{refused:?}");
    let parser = Parser::new("bench");
    let parser = match engine.windows_fields() {
        Some(fields) if !whole => parser.with_windows_fields(fields),
        _ => parser,
    };
    let reader = Reader { engine, parser };
    let mut figures = Figures::default();
    let begin = Instant::now();
    let mut take = |done: Done| {
        if let Some(out) = &mut hits {
            for (line, rule) in &done.hits {
                let id = &reader.engine.rules()[*rule as usize].id;
                writeln!(out, "{}\t{id}", figures.events + line).expect("hits were written");
            }
        }
        figures.events += done.lines;
        figures.hits += done.hits.len() as u64;
        figures.matching_seconds += done.matching.as_secs_f64();
    };
    if threads <= 1 {
        units(input, |unit| take(reader.unit(&unit))).expect("the input was read");
    } else {
        in_order(&reader, input, threads, take);
    }
    figures.seconds = begin.elapsed().as_secs_f64();
    figures.peak_mib = peak_mib("self");
    figures
}

/// What the units give is taken in their order.
fn in_order(reader: &Reader, input: &Path, threads: usize, mut take: impl FnMut(Done)) {
    let (work, units_due) = mpsc::sync_channel::<(u64, Unit)>(threads.div_ceil(2));
    let (done, results) = mpsc::sync_channel(2 * threads);
    let units_due = Mutex::new(units_due);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (done, units_due) = (done.clone(), &units_due);
            scope.spawn(move || {
                loop {
                    let next = units_due.lock().map(|units| units.recv());
                    let Ok(Ok((number, unit))) = next else { break };
                    if done.send((number, reader.unit(&unit))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        scope.spawn(move || {
            let mut number = 0;
            let send = |unit| {
                // The other end is gone only if a worker panicked, which the scope reports.
                let _ = work.send((number, unit));
                number += 1;
            };
            units(input, send).expect("the input was read");
        });
        let (mut waiting, mut due) = (BTreeMap::new(), 0);
        for (number, result) in results {
            waiting.insert(number, result);
            while let Some(result) = waiting.remove(&due) {
                take(result);
                due += 1;
            }
        }
    });
}

/// Most memory that process `pid` has held, where `/proc` tells.
pub fn peak_mib(pid: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1_024.0
}
