//! `saqshy scan`: detection over log files without a server.

mod correlate;
mod hit;
mod html;
mod inputs;
mod output;
mod select;
mod sort;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;
use saqshy_detect::Detector;

use crate::cli::Scan;
use crate::exit::{Exit, Failure};
use correlate::Correlations;
use output::{Output, Summary};
use work::{Note, Shared};

/// Problems of one file that are named; the rest is counted.
const PROBLEMS_MAX: u64 = 20;

pub fn run(options: Scan) -> Result<Exit, Failure> {
    let begin = Instant::now();
    let Ready {
        shared,
        rules,
        left_out,
    } = apart(|| prepare(&options))?;
    let output = Output::new(&options, rules)?;
    let shared = Arc::new(shared);
    stop_on_ctrl_c(&shared);
    let threads = options.threads.map_or_else(cores, |threads| threads.get());
    let mut scan = Running {
        options: &options,
        shared: &shared,
        progress: progress_bar(&shared, options.quiet),
        broken: BTreeMap::new(),
        skipped: 0,
        correlations: Correlations::new(shared.detector.plans()),
        output,
    };
    work::run(&shared, threads, |outcome| scan.take(outcome))?;
    let alone = scan.output.hits();
    let lost = scan.correlate()?;
    scan.progress.finish_and_clear();
    for (&file, &(_, more)) in &scan.broken {
        if more > 0 {
            let path = shared.inputs[file].path.display();
            eprintln!("saqshy: {path}: and {more} more");
        }
    }
    let interrupted = shared.stop.load(Ordering::Relaxed);
    let detector = &shared.detector;
    let inputs = shared.inputs.iter();
    let readable = inputs.filter(|input| input.problem.is_none());
    let summary = Summary {
        events: shared.events.load(Ordering::Relaxed),
        files: (readable.count() as u64).saturating_sub(scan.skipped),
        files_broken: scan.broken.len() as u64,
        files_skipped: scan.skipped,
        rules_loaded: detector.rules_loaded() as u64,
        rules_refused: detector.refused().len() as u64,
        rules_left_out: left_out as u64,
        correlations_loaded: detector.plans().correlations().count() as u64,
        hits: scan.output.hits(),
        correlation_hits: scan.output.hits() - alone,
        correlation_inputs_lost: lost,
        seconds: begin.elapsed().as_secs_f64(),
        peak_mib: peak_mib(),
        threads: threads as u64,
        interrupted,
    };
    scan.output.finish(&summary)?;
    tell_refused(detector);
    if !options.quiet {
        eprintln!("{summary}");
    }
    let wrong = !scan.broken.is_empty() || (options.strict && !detector.refused().is_empty());
    Ok(match (interrupted, wrong) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::FoundWrong,
        (false, false) => Exit::Done,
    })
}

fn tell_refused(detector: &Detector) {
    for refusal in detector.refused() {
        eprintln!("saqshy: rule refused: {refusal}");
    }
}

/// What is made before the first file is opened.
struct Ready {
    shared: Shared,
    rules: hit::Rules,
    /// Rules that were not chosen.
    left_out: usize,
}

fn prepare(options: &Scan) -> anyhow::Result<Ready> {
    let choice = select::Choice::new(options)?;
    let zone = TimeZone::get(&options.zone)
        .with_context(|| format!("unknown time zone `{}`", options.zone))?;
    let times = select::Times::new(options.from.as_deref(), options.to.as_deref(), &zone)?;
    let pipeline = super::rules::pipeline(&options.pipeline)?;
    let rules = super::rules::load(&options.rules)?;
    let select::Chosen { left_out, hidden } = choice.of(&rules);
    let detector = Detector::with_pipeline(&rules, &left_out, &pipeline);
    // "0 hits" would read as if there were nothing to find.
    if detector.rules_loaded() == 0 {
        tell_refused(&detector);
        bail!(
            "no rule was loaded ({} refused, {} not chosen)",
            detector.refused().len(),
            left_out.len()
        );
    }
    let inputs = inputs::find(&options.paths)?;
    Ok(Ready {
        rules: hit::Rules::new(&rules),
        shared: Shared {
            detector,
            hidden,
            inputs,
            zone,
            times,
            events: AtomicU64::new(0),
            bytes: Arc::new(AtomicU64::new(0)),
            stop: AtomicBool::new(false),
        },
        left_out: left_out.len(),
    })
}

/// Runs `work` on a thread that ends with it. The allocator keeps free memory per thread:
/// compiling rules leaves much of it, which the threads that read the files take over like this.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// What is told while the scan runs.
struct Running<'a> {
    options: &'a Scan,
    shared: &'a Shared,
    progress: ProgressBar,
    /// Numbers of the files that had a problem; how many were named and how many more there are.
    broken: BTreeMap<usize, (u64, u64)>,
    skipped: u64,
    correlations: Correlations,
    output: Output,
}

impl Running<'_> {
    fn take(&mut self, outcome: work::Outcome) -> anyhow::Result<()> {
        for (file, note) in outcome.notes {
            let path = self.shared.inputs[file].path.display();
            let line = match note {
                Note::More(count) => {
                    self.broken.entry(file).or_default().1 += count;
                    continue;
                }
                Note::Problem(text) => {
                    let (named, more) = self.broken.entry(file).or_default();
                    if *named >= PROBLEMS_MAX {
                        *more += 1;
                        continue;
                    }
                    *named += 1;
                    format!("saqshy: {path}: {text}")
                }
                Note::Skipped(reason) => {
                    self.skipped += 1;
                    if !self.options.verbose {
                        continue;
                    }
                    format!("saqshy: {path}: skipped: {reason}")
                }
            };
            self.progress.suspend(|| eprintln!("{line}"));
        }
        for found in outcome.hits {
            self.output.hit(&found, &self.shared.inputs)?;
        }
        for input in outcome.inputs {
            self.correlations.add(input)?;
        }
        self.output.flush()?;
        self.progress
            .set_position(self.shared.bytes.load(Ordering::Relaxed));
        let events = self.shared.events.load(Ordering::Relaxed);
        let rate = events as f64 / self.progress.elapsed().as_secs_f64().max(0.001);
        let hits = self.output.hits();
        self.progress
            .set_message(format!("{events} events, {rate:.0}/s, {hits} hits"));
        Ok(())
    }
}

impl Running<'_> {
    /// Runs the correlations over what was gathered; gives how many hits they could not count.
    fn correlate(&mut self) -> anyhow::Result<u64> {
        let none = Correlations::new(self.shared.detector.plans());
        let all = std::mem::replace(&mut self.correlations, none);
        let counters = all.finish(|found| {
            if self.shared.times.take(found.hit.at) {
                self.output.hit(&found, &self.shared.inputs)?;
            }
            Ok(())
        })?;
        Ok(counters.hits_evicted + counters.late)
    }
}

/// Draws on standard error, and only on a terminal.
fn progress_bar(shared: &Shared, quiet: bool) -> ProgressBar {
    let bytes = shared.inputs.iter().map(|input| input.bytes).sum();
    let target = match quiet {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    };
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {msg}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(bytes), target).with_style(style)
}

/// On the first Ctrl-C nothing more is read and what was found is told; the second one ends the
/// program.
fn stop_on_ctrl_c(shared: &Arc<Shared>) {
    let shared = shared.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    std::thread::spawn(move || {
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            shared.stop.store(true, Ordering::Relaxed);
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
    });
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// The most memory this process had resident, in MiB; 0 where the system does not tell.
pub fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .map_or(0, |kib| kib.div_ceil(1024))
}
