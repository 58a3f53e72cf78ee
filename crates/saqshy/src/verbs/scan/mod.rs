//! `saqshy scan`: detection over log files without a server.

mod evtx;
mod lines;
mod report;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{Timestamp, tz::TimeZone};
use saqshy_detect::{Detector, Level, level_of};
use saqshy_event::Batch;

use crate::cli::Scan;
use crate::exit::{Exit, Failure};
use report::{FileHit, Report, Summary};

pub fn run(options: Scan) -> Result<Exit, Failure> {
    let begin = Instant::now();
    let lowest = Level::parse(&options.level).ok_or_else(|| {
        anyhow::anyhow!(
            "unknown level `{}`; use informational, low, medium, high or critical",
            options.level
        )
    })?;
    let zone = TimeZone::get(&options.zone)
        .with_context(|| format!("unknown time zone `{}`", options.zone))?;
    let rules = super::rules::load(&options.rules)?;
    let below: HashSet<String> = rules
        .rules()
        .iter()
        .filter(|rule| level_of(rule) < lowest)
        .map(|rule| rule.id.clone())
        .collect();
    let detector = Detector::new(&rules, &below);
    let files = find_files(&options.paths)?;
    let mut report = Report::new(options.format, &rules);
    let scan = Folder {
        files: &files,
        detector: &detector,
        zone: &zone,
        events: AtomicU64::new(0),
    };
    let broken = scan.run(&mut report)?;
    let hits = report.hits();
    report.finish(&Summary {
        files: files.len() as u64,
        files_broken: broken,
        events: scan.events.into_inner(),
        rules_loaded: detector.rules_loaded() as u64,
        rules_refused: detector.refused().len() as u64,
        rules_set_aside: rules.set_aside() as u64,
        hits,
        seconds: begin.elapsed().as_secs_f64(),
        peak_mib: peak_mib(),
    })?;
    for refusal in detector.refused() {
        eprintln!(
            "saqshy: rule refused: {}:{}: {}",
            refusal.file.display(),
            refusal.line,
            refusal.reason
        );
    }
    Ok(if broken > 0 || !detector.refused().is_empty() {
        Exit::FoundWrong
    } else {
        Exit::Done
    })
}

/// Every file below the paths, in the order of their names, once.
fn find_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.exists() {
            bail!("`{}` does not exist", path.display());
        }
        let walk = walkdir::WalkDir::new(path)
            .follow_links(true)
            .sort_by_file_name();
        for entry in walk {
            let entry = entry.with_context(|| format!("looking into `{}`", path.display()))?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
    }
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}

struct Folder<'a> {
    files: &'a [PathBuf],
    detector: &'a Detector,
    zone: &'a TimeZone,
    events: AtomicU64,
}

/// What one file gave: its hits, and why reading it stopped or what had to be stepped over.
struct Outcome {
    hits: Vec<FileHit>,
    problems: Vec<String>,
}

impl Folder<'_> {
    /// Scans the files on all cores, reports them in order, gives the number of broken ones.
    fn run(&self, report: &mut Report) -> anyhow::Result<u64> {
        let progress = progress_bar(self.files.len() as u64);
        let next = AtomicU64::new(0);
        let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let (sender, outcomes) = mpsc::sync_channel(2 * workers);
        let mut broken = 0;
        std::thread::scope(|scope| -> anyhow::Result<()> {
            for _ in 0..workers {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(file) = self.files.get(at as usize) else {
                            break;
                        };
                        if sender.send((at, self.file(file))).is_err() {
                            break; // the report could not be written
                        }
                    }
                });
            }
            drop(sender);
            let mut waiting = BTreeMap::new();
            let mut due = 0;
            for (at, outcome) in outcomes {
                waiting.insert(at, outcome);
                while let Some(outcome) = waiting.remove(&due) {
                    let file = &self.files[due as usize];
                    for problem in &outcome.problems {
                        progress.suspend(|| eprintln!("saqshy: {}: {problem}", file.display()));
                    }
                    broken += u64::from(!outcome.problems.is_empty());
                    report.hits_of(file, outcome.hits)?;
                    due += 1;
                    progress.inc(1);
                    progress.set_message(format!("{} events", self.events.load(Ordering::Relaxed)));
                }
            }
            Ok(())
        })?;
        progress.finish_and_clear();
        Ok(broken)
    }

    fn file(&self, path: &Path) -> Outcome {
        let mut outcome = Outcome {
            hits: Vec::new(),
            problems: Vec::new(),
        };
        let hits = &mut outcome.hits;
        let mut each = |batch: &Batch| {
            self.events
                .fetch_add(batch.rows() as u64, Ordering::Relaxed);
            hits.extend(
                self.detector
                    .detect_rows(batch)
                    .map(|(row, hit)| FileHit::new(batch.event(row), hit)),
            );
        };
        let result = open(path).and_then(|(file, modified, is_evtx)| {
            if is_evtx {
                return Ok(evtx::read(file, modified, &mut each));
            }
            lines::read(file, modified, self.zone, &mut each)?;
            Ok(Vec::new())
        });
        match result {
            Ok(problems) => outcome.problems = problems,
            Err(error) => outcome.problems.push(format!("{error:#}")),
        }
        outcome
    }
}

/// Opens a file and tells by its first bytes whether it is an EVTX file.
fn open(path: &Path) -> anyhow::Result<(File, Timestamp, bool)> {
    let mut file = File::open(path).context("could not be opened")?;
    let modified = file.metadata()?.modified()?;
    let modified = Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut magic = Vec::new();
    file.by_ref().take(8).read_to_end(&mut magic)?;
    std::io::Seek::rewind(&mut file)?;
    Ok((file, modified, magic == *evtx::MAGIC))
}

fn progress_bar(files: u64) -> ProgressBar {
    // Draws on standard error, and only on a terminal.
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files  {msg}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(files).with_style(style)
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
