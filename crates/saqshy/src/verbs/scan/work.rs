//! The work: one thread reads files and divides them into jobs, the others parse and match, the
//! results come back in the order of the files. What is in memory does not depend on the size of
//! the files: jobs are of a few MiB and only so many wait.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use saqshy_detect::Detector;
use saqshy_detect::correlate::Input as CorrelationInput;
use saqshy_event::evtx::{Chunk, Chunks};
use saqshy_event::read::{Block, Blocks, Kind};
use saqshy_event::{Batch, Format, Parser, Record};

use super::correlate::placed;
use super::hit::{self, Found};
use super::inputs::{self, Input, Opened};
use super::select::Times;

/// Chunks of 64 KiB that one job takes.
const JOB_CHUNKS: usize = 48;
/// Problems of one job that are named; the rest is counted.
const PROBLEMS_MAX: u64 = 10;

/// What all threads share.
pub struct Shared {
    pub inputs: Vec<Input>,
    pub detector: Detector,
    /// Rules that run for correlations and are not reported.
    pub hidden: HashSet<String>,
    pub zone: TimeZone,
    pub times: Times,
    pub events: AtomicU64,
    /// Bytes read from disk.
    pub bytes: Arc<AtomicU64>,
    /// Set by Ctrl-C: nothing more is read.
    pub stop: AtomicBool,
}

/// A piece of work.
enum Job {
    /// Chunks with the numbers of their files and when these were written.
    Chunks(Vec<(usize, Timestamp, Chunk)>),
    /// Whether every record should be JSON.
    Block(usize, Timestamp, Block, bool),
    /// Something to say about a file.
    Note(usize, Note),
}

/// What is said about a file.
#[derive(Debug, Clone)]
pub enum Note {
    /// It is no log; why.
    Skipped(&'static str),
    /// A part of it could not be used.
    Problem(String),
    /// So many more parts could not be used.
    More(u64),
}

/// What came of one job.
#[derive(Default)]
pub struct Outcome {
    pub hits: Vec<Found>,
    /// For correlations.
    pub inputs: Vec<CorrelationInput>,
    /// With the numbers of their files.
    pub notes: Vec<(usize, Note)>,
}

/// Runs over all inputs on `threads` threads; `each` gets the outcomes in order. Gives back
/// early when `each` fails.
pub fn run(
    shared: &Arc<Shared>,
    threads: usize,
    mut each: impl FnMut(Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // So few wait that what they hold does not outweigh what is worked on.
    let (jobs, queue) = mpsc::sync_channel(threads.div_ceil(2));
    let (done, outcomes) = mpsc::sync_channel(4 * threads);
    let queue = Arc::new(Mutex::new(queue));
    // Threads are not waited for: one may hang in a read from a pipe when Ctrl-C comes.
    for _ in 0..threads {
        let (shared, queue, done) = (shared.clone(), queue.clone(), done.clone());
        std::thread::spawn(move || work(&shared, &queue, &done));
    }
    drop(done);
    let reader = shared.clone();
    std::thread::spawn(move || Reader::new(&reader, jobs).read_all());
    let mut waiting = BTreeMap::new();
    let mut due = 0;
    loop {
        match outcomes.recv_timeout(Duration::from_millis(500)) {
            Ok((at, outcome)) => {
                waiting.insert(at, outcome);
            }
            Err(RecvTimeoutError::Timeout) if shared.stop.load(Ordering::Relaxed) => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        while let Some(outcome) = waiting.remove(&due) {
            each(outcome)?;
            due += 1;
        }
    }
    waiting.into_values().try_for_each(each)
}

/// Divides the files into jobs.
struct Reader<'a> {
    shared: &'a Shared,
    jobs: SyncSender<(u64, Job)>,
    next: u64,
    chunks: Vec<(usize, Timestamp, Chunk)>,
    /// Nobody wants jobs any more.
    closed: bool,
}

impl<'a> Reader<'a> {
    fn new(shared: &'a Shared, jobs: SyncSender<(u64, Job)>) -> Self {
        Reader {
            shared,
            jobs,
            next: 0,
            chunks: Vec::new(),
            closed: false,
        }
    }

    fn read_all(mut self) {
        for (at, input) in self.shared.inputs.iter().enumerate() {
            if self.is_over() {
                return;
            }
            if let Err(error) = self.file(at, input) {
                self.note(at, Note::Problem(format!("{error:#}")));
            }
        }
        self.send_chunks();
    }

    fn file(&mut self, at: usize, input: &Input) -> anyhow::Result<()> {
        let (opened, written) = inputs::open(input, &self.shared.bytes)?;
        match opened {
            Opened::EvtxFile(file) => self.evtx(at, written, Chunks::open(file)),
            Opened::EvtxStream(stream) => self.evtx(at, written, Chunks::stream(stream)),
            Opened::Records(stream, kind) => {
                let json_lines = kind == Kind::JsonLines;
                for block in Blocks::new(stream, kind) {
                    if self.is_over() {
                        break;
                    }
                    let block = block?;
                    for problem in &block.problems {
                        let text = format!("at byte {}: {}", problem.offset, problem.reason);
                        self.note(at, Note::Problem(text));
                    }
                    if block.more_problems > 0 {
                        self.note(at, Note::More(block.more_problems));
                    }
                    self.send(Job::Block(at, written, block, json_lines));
                }
            }
            Opened::Other(reason) => self.note(at, Note::Skipped(reason)),
        }
        Ok(())
    }

    fn evtx(
        &mut self,
        at: usize,
        written: Timestamp,
        chunks: impl Iterator<Item = Result<Chunk, saqshy_event::evtx::EvtxError>>,
    ) {
        for chunk in chunks {
            match chunk {
                Ok(chunk) => self.chunks.push((at, written, chunk)),
                Err(error) => self.note(
                    at,
                    Note::Problem(format!("{:#}", anyhow::Error::new(error))),
                ),
            }
            if self.chunks.len() >= JOB_CHUNKS {
                self.send_chunks();
            }
            if self.is_over() {
                break;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.closed || self.shared.stop.load(Ordering::Relaxed)
    }

    fn note(&mut self, at: usize, note: Note) {
        self.send(Job::Note(at, note));
    }

    fn send_chunks(&mut self) {
        if !self.chunks.is_empty() {
            let chunks = std::mem::take(&mut self.chunks);
            self.push(Job::Chunks(chunks));
        }
    }

    fn send(&mut self, job: Job) {
        self.send_chunks();
        self.push(job);
    }

    fn push(&mut self, job: Job) {
        self.closed |= self.jobs.send((self.next, job)).is_err();
        self.next += 1;
    }
}

/// Takes jobs until there are no more.
fn work(shared: &Shared, queue: &Mutex<Receiver<(u64, Job)>>, done: &SyncSender<(u64, Outcome)>) {
    let mut parser = Parser::new("scan").with_zone(shared.zone.clone());
    if let Some(mut fields) = shared.detector.windows_fields() {
        fields.extend(hit::FIELDS);
        parser = parser.with_windows_fields(fields);
    }
    loop {
        // A thread that panicked held the lock only while it waited.
        let job = queue.lock().unwrap_or_else(|lock| lock.into_inner()).recv();
        let Ok((at, job)) = job else { return };
        let outcome = match job {
            Job::Note(file, note) => Outcome {
                notes: vec![(file, note)],
                ..Outcome::default()
            },
            Job::Chunks(chunks) => events_of(shared, &parser, &chunks),
            Job::Block(file, written, block, json_lines) => {
                let records = block.records(written, "scan");
                let mut outcome = Outcome::default();
                let unparsed = records_of(shared, &parser, file, &records, &mut outcome);
                if json_lines {
                    lines_of_no_json(file, &records, unparsed, &mut outcome);
                }
                outcome
            }
        };
        if done.send((at, outcome)).is_err() {
            return;
        }
    }
}

fn events_of(shared: &Shared, parser: &Parser, chunks: &[(usize, Timestamp, Chunk)]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut events = parser.evtx_batch();
    // File and first row of each chunk.
    let mut starts = Vec::with_capacity(chunks.len());
    for (file, written, chunk) in chunks {
        starts.push((events.rows(), *file));
        let mut problems = 0;
        events.read(chunk, *written, "scan", |record| {
            if let Err(error) = record {
                problems += 1;
                if problems <= PROBLEMS_MAX {
                    let text = format!("{:#}", anyhow::Error::new(error));
                    outcome.notes.push((*file, Note::Problem(text)));
                }
            }
        });
        if problems > PROBLEMS_MAX {
            let more = Note::More(problems - PROBLEMS_MAX);
            outcome.notes.push((*file, more));
        }
    }
    let file_of = |row: usize| {
        let at = starts.partition_point(|(start, _)| *start <= row) - 1;
        starts[at].1
    };
    matches(shared, &events.finish(), file_of, &mut outcome);
    outcome
}

/// Gives how many records nobody understood.
fn records_of(
    shared: &Shared,
    parser: &Parser,
    file: usize,
    records: &[(u64, Record<'_>)],
    outcome: &mut Outcome,
) -> u64 {
    let written = records.first().map(|(_, record)| record.received);
    let written = written.unwrap_or_default();
    // An hour later nothing is "still arriving".
    let now = written
        .saturating_add(SignedDuration::from_hours(1))
        .unwrap_or(written);
    let mut used = 0;
    let mut unparsed = 0;
    while used < records.len() {
        let parsed = parser.parse(&records[used..], now);
        matches(shared, &parsed.batch, |_| file, outcome);
        used += parsed.consumed.max(1);
        unparsed += parsed.tally.iter().map(|tally| tally.unparsed).sum::<u64>();
    }
    unparsed
}

/// Names the lines that are no JSON in a file that holds JSON. They are events all the same.
fn lines_of_no_json(
    file: usize,
    records: &[(u64, Record<'_>)],
    unparsed: u64,
    outcome: &mut Outcome,
) {
    let mut problems = 0;
    for (offset, record) in records {
        // What was cut has been named, what was understood need not be read again.
        if record.truncated || (record.format == Format::Json && unparsed == 0) {
            continue;
        }
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(record.payload) {
            problems += 1;
            if problems <= PROBLEMS_MAX {
                let column = error.column();
                let text = format!(
                    "at byte {offset}: a line that is not JSON from its column {column} on"
                );
                outcome.notes.push((file, Note::Problem(text)));
            }
        }
    }
    if problems > PROBLEMS_MAX {
        let more = Note::More(problems - PROBLEMS_MAX);
        outcome.notes.push((file, more));
    }
}

fn matches(
    shared: &Shared,
    batch: &Batch,
    file_of: impl Fn(usize) -> usize,
    outcome: &mut Outcome,
) {
    let events = batch.rows() as u64;
    shared.events.fetch_add(events, Ordering::Relaxed);
    let found = shared.detector.run(batch);
    let hits = found.hits.into_iter();
    let hits = hits.filter(|(_, hit)| shared.times.take(hit.at));
    let hits = hits.filter(|(_, hit)| !shared.hidden.contains(&hit.rule_id));
    let hits = hits.map(|(row, hit)| Found::new(file_of(row), batch.event(row), hit));
    outcome.hits.extend(hits);
    let inputs = found.inputs.into_iter();
    let inputs = inputs.map(|(row, input)| placed(input, file_of(row), batch.event(row)));
    outcome.inputs.extend(inputs);
}
