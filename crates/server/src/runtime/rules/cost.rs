//! What share of the matching time each rule costs.
//!
//! The engine matches all rules in one pass, so their costs cannot be told apart while it runs.
//! Instead each rule is compiled alone and timed on a sample of the latest events (the fastest of
//! three runs); its share is its time among the times of all rules in service. Work that rules share
//! in the one pass is therefore counted once for each of them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use saqshy_event::{Batch, Parser, Record};
use saqshy_sigma::{Engine, Pipeline};

use super::{Mode, RuleService};

/// Records that the sample holds, and that one run of the pipeline gives to it.
const SAMPLE_RECORDS: usize = 2_048;
const RUN_RECORDS: usize = 256;
/// A run gives to the sample when the one before is so old.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
const RUNS: usize = 3;

/// Costs of rules, as last measured.
#[derive(Debug, Clone)]
pub struct Costs {
    pub measured_at: Timestamp,
    /// Events of the sample.
    pub events: u64,
    /// Rule → share of the time of all rules, 0 to 1.
    pub shares: HashMap<String, f64>,
}

/// The latest records and what was measured on them.
#[derive(Default)]
pub struct CostMeter {
    sample: Mutex<Sample>,
    costs: RwLock<Option<std::sync::Arc<Costs>>>,
}

#[derive(Default)]
struct Sample {
    records: Vec<(u64, Vec<u8>)>,
    next: usize,
    taken: Option<Instant>,
}

impl CostMeter {
    /// Offers the records of a run; now and then some of them are kept.
    pub fn offer(&self, run: &[(u64, Vec<u8>)]) {
        let mut sample = self.sample.lock();
        let early = sample
            .taken
            .is_some_and(|taken| taken.elapsed() < SAMPLE_EVERY);
        if early && sample.records.len() >= SAMPLE_RECORDS {
            return;
        }
        sample.taken = Some(Instant::now());
        for record in run.iter().take(RUN_RECORDS) {
            if sample.records.len() < SAMPLE_RECORDS {
                sample.records.push(record.clone());
            } else {
                let at = sample.next % SAMPLE_RECORDS;
                sample.records[at] = record.clone();
                sample.next += 1;
            }
        }
    }

    pub fn costs(&self) -> Option<std::sync::Arc<Costs>> {
        self.costs.read().clone()
    }

    /// Measures every rule in service on the sample; on the thread of the caller. Nothing is
    /// measured without events.
    pub fn measure(
        &self,
        service: &RuleService,
        parser: &Parser,
        decode: fn(&[u8], Timestamp) -> Record<'_>,
        now: Timestamp,
    ) {
        let mut raw = self.sample.lock().records.clone();
        raw.sort_unstable_by_key(|(seq, _)| *seq);
        let records: Vec<_> = raw
            .iter()
            .map(|(seq, bytes)| (*seq, decode(bytes, now)))
            .collect();
        let batch = parser.parse(&records, now).batch;
        if batch.is_empty() {
            return;
        }
        let pipeline = Pipeline::default();
        let mut times = HashMap::new();
        for rule in service.set.rules() {
            if service.mode(&rule.id) == Mode::Disabled {
                continue;
            }
            let (engine, refused) = Engine::compile(vec![rule.clone()], &pipeline);
            if refused.is_empty() {
                times.insert(rule.id.clone(), fastest(&engine, &batch));
            }
        }
        let all: f64 = times.values().map(Duration::as_secs_f64).sum();
        let shares = times.into_iter().map(|(id, time)| {
            let share = if all > 0.0 {
                time.as_secs_f64() / all
            } else {
                0.0
            };
            (id, share)
        });
        *self.costs.write() = Some(std::sync::Arc::new(Costs {
            measured_at: now,
            events: batch.rows() as u64,
            shares: shares.collect(),
        }));
    }
}

fn fastest(engine: &Engine, batch: &Batch) -> Duration {
    // The first run fills the engine's plans.
    engine.matches(batch);
    let run = |_| {
        let begin = Instant::now();
        std::hint::black_box(engine.matches(batch));
        begin.elapsed()
    };
    (0..RUNS).map(run).min().unwrap_or_default()
}
