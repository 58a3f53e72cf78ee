//! The table: events per second with 100, 1,000 and all rules, cost of all to cost of 100, one
//! and two threads, peak memory, and the public engine beside it on the same bytes.
//!
//! Both engines run as processes of their own, one after the other in the same run; ours five
//! times, of which the best counts. Rates are given by the clock, which starts when the rules are
//! loaded, and by CPU time, from which a run over one event is taken off as loading.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use saqshy_event::evtx::EvtxReader;
use saqshy_event::winlogbeat_json;

use crate::generate::{Generator, Shape};
use crate::{peer, run};

struct Cost {
    cpu: f64,
    peak_mib: f64,
    answer: String,
}

pub fn print() {
    let data = std::env::var_os("SAQSHY_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let rules = data.join("sigma");
    if !rules.is_dir() {
        eprintln!(
            "SKIPPED: no rules at {} (set SAQSHY_TEST_DATA)",
            rules.display()
        );
        return;
    }
    let events = |name: &str, otherwise: usize| {
        let given = std::env::var(name).ok().and_then(|text| text.parse().ok());
        given.unwrap_or(otherwise)
    };
    let (many, few) = (
        events("SAQSHY_BENCH_EVENTS", 200_000),
        events("SAQSHY_BENCH_PEER_EVENTS", 20_000),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let corpora = [
        ("Winlogbeat", Shape::Winlogbeat, "beat"),
        ("flat", Shape::Flat, "flat"),
    ];
    for (_, shape, name) in corpora {
        write(&at(name), shape, many);
    }
    write(&at("small"), Shape::Flat, few);
    write(&at("one"), Shape::Flat, 1);
    convert(&data.join("evtx"), &at("real"));
    let evtx = data.join("evtx");
    machine(&at("flat"));

    println!(
        "| from bytes to hits | rules | threads | events/s (clock) | events/s (CPU) | matching alone, events/s | hits | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut per_event: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let mut by_clock = BTreeMap::new();
    let (beat, flat) = ("Winlogbeat", "flat");
    let (real, binary) = ("real events as Winlogbeat", "real events as EVTX");
    let cases = [
        (beat, "100", at("beat"), 1),
        (beat, "1000", at("beat"), 1),
        (beat, "all", at("beat"), 1),
        (beat, "all", at("beat"), 2),
        (flat, "100", at("flat"), 1),
        (flat, "1000", at("flat"), 1),
        (flat, "all", at("flat"), 1),
        (flat, "all", at("flat"), 2),
        (real, "all", at("real"), 1),
        (binary, "100", evtx.clone(), 1),
        (binary, "1000", evtx.clone(), 1),
        (binary, "all", evtx.clone(), 1),
        (binary, "all", evtx.clone(), 2),
    ];
    let mut costs = cases.each_ref().map(|_| (Best::NONE, Best::NONE));
    for _ in 0..ROUNDS {
        for ((_, count, input, threads), (load, cost)) in cases.iter().zip(&mut costs) {
            load.run(&rules, count, *threads, &at("one"));
            cost.run(&rules, count, *threads, input);
        }
    }
    for ((name, count, _, threads), (load, cost)) in cases.into_iter().zip(costs) {
        let [events, hits] = cost.counts;
        let cpu = (cost.cpu - load.cpu).max(0.01) / events;
        if threads == 1 {
            per_event.insert((name, count), cpu);
            by_clock.insert((name, count), cost.seconds / events);
        }
        println!(
            "| {name} | {count} | {threads} | {:.0} | {:.0} | {:.0} | {hits} | {:.0} |",
            events / cost.seconds,
            1.0 / cpu,
            events / cost.matching,
            cost.peak_mib
        );
    }
    for name in [beat, flat, binary] {
        if let (Some(all), Some(some)) =
            (by_clock.get(&(name, "all")), by_clock.get(&(name, "100")))
        {
            println!(
                "\ncost of all rules over cost of 100, {name}, end to end, clock: {:.2}",
                all / some
            );
        }
    }
    beside(&rules, folder.path(), few, &per_event);
}

fn beside(
    rules: &Path,
    folder: &Path,
    events: usize,
    ours_per_event: &BTreeMap<(&str, &str), f64>,
) {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    let Some(program) = peer::program(&target.join("peer")) else {
        println!(
            "\nSKIPPED: the public engine (SAQSHY_BENCH_PEER=install installs rsigma {})",
            peer::VERSION
        );
        return;
    };
    let (pipeline, copies, out) = (
        folder.join("logsources.yml"),
        folder.join("rules"),
        folder.join("out"),
    );
    std::fs::write(&pipeline, peer::pipeline()).expect("written");
    let all = run::windows_rules(rules);
    println!(
        "\n| rsigma {} on flat NDJSON, same log source conditions | events/s (CPU) | ours over it, CPU | peak MiB |",
        peer::VERSION
    );
    println!("|---|---|---|---|");
    for (name, count) in [("100", 100), ("1000", 1_000), ("all", all.len())] {
        peer::copy_rules(&run::spread(&all, count), &copies);
        let measure = |input: &str| {
            let input = folder.join(input);
            let mut command = peer::command(&program, &copies, &pipeline, &input);
            spend(&mut command, Some(&out))
        };
        let load = measure("one");
        let cost = measure("small");
        let per_event = (cost.cpu - load.cpu).max(0.01) / events as f64;
        let ratio = ours_per_event
            .get(&("flat", name))
            .map_or(0.0, |ours| per_event / ours);
        println!(
            "| {name} rules | {:.0} | {ratio:.0} | {:.0} |",
            1.0 / per_event,
            cost.peak_mib
        );
    }
    let mut command = peer::command(&program, &copies, &pipeline, &folder.join("small"));
    spend(command.arg("--include-event"), Some(&out));
    compare(&peer::hits(&out), &our_hits(rules, folder));
}

fn our_hits(rules: &Path, folder: &Path) -> BTreeSet<(u64, String)> {
    let file = folder.join("hits");
    let mut command = this(rules, "all", 1, &folder.join("small"));
    spend(command.arg(&file), None);
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let hit = |line: &str| {
        let (number, rule) = line.split_once('\t')?;
        Some((number.parse().ok()?, rule.to_owned()))
    };
    text.lines().filter_map(hit).collect()
}

/// Every rule on which the two differ, with an event of each kind.
fn compare(theirs: &BTreeSet<(u64, String)>, ours: &BTreeSet<(u64, String)>) {
    println!(
        "\nhits: {} ours, {} theirs, {} of both",
        ours.len(),
        theirs.len(),
        ours.intersection(theirs).count()
    );
    for (what, left, right) in [("only ours", ours, theirs), ("only theirs", theirs, ours)] {
        let mut by_rule: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
        for (line, rule) in left.difference(right) {
            by_rule.entry(rule).or_insert((0, *line)).0 += 1;
        }
        for (rule, (count, line)) in by_rule {
            println!(
                "{what}: {rule}: {count} events, the first on line {}",
                line + 1
            );
        }
    }
}

fn this(rules: &Path, count: &str, threads: usize, input: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .arg("--run")
        .arg(rules)
        .arg(count)
        .arg(threads.to_string())
        .arg(input);
    command
}

/// The least that a case took in [`ROUNDS`] runs.
struct Best {
    cpu: f64,
    seconds: f64,
    matching: f64,
    /// The most that one of the runs held.
    peak_mib: f64,
    /// Events and hits, the same in every run.
    counts: [f64; 2],
}

/// Runs of one case, in turns with the others: what else the machine does can only make one slower.
const ROUNDS: usize = 5;

impl Best {
    const NONE: Best = Best {
        cpu: f64::INFINITY,
        seconds: f64::INFINITY,
        matching: f64::INFINITY,
        peak_mib: 0.0,
        counts: [0.0; 2],
    };

    fn run(&mut self, rules: &Path, count: &str, threads: usize, input: &Path) {
        let cost = spend(&mut this(rules, count, threads, input), None);
        let figures = cost.answer.split_ascii_whitespace();
        let figures: Vec<f64> = figures.filter_map(|it| it.parse().ok()).collect();
        let [events, hits, seconds, matching, peak_mib] = figures[..] else {
            panic!("a run said `{}`", cost.answer);
        };
        *self = Best {
            cpu: self.cpu.min(cost.cpu),
            seconds: self.seconds.min(seconds),
            matching: self.matching.min(matching),
            peak_mib: self.peak_mib.max(peak_mib),
            counts: [events, hits],
        };
    }
}

/// Runs a process to its end and says what it took.
///
/// What it writes goes to the file `out`, or into the answer.
///
/// # Panics
/// If it fails: a figure of a run that failed is worth nothing.
fn spend(command: &mut Command, out: Option<&Path>) -> Cost {
    let before = children_cpu();
    let mut child = command
        .stdout(match out {
            Some(out) => Stdio::from(std::fs::File::create(out).expect("a file")),
            None => Stdio::piped(),
        })
        .stderr(Stdio::null())
        .spawn()
        .expect("the process started");
    let id = child.id().to_string();
    let mut peak_mib: f64 = 0.0;
    while child.try_wait().expect("a status").is_none() {
        peak_mib = peak_mib.max(run::peak_mib(&id));
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("the process ended");
    assert!(output.status.success(), "{}: {command:?}", output.status);
    Cost {
        cpu: children_cpu() - before,
        peak_mib,
        answer: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

/// CPU seconds of the processes that this one has waited for.
fn children_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_ascii_whitespace().skip(13).take(2);
    // A tick is a hundredth of a second on Linux.
    ticks.filter_map(|it| it.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn write(path: &Path, shape: Shape, events: usize) {
    let mut generator = Generator::new(7);
    let mut out = std::io::BufWriter::new(std::fs::File::create(path).expect("a file"));
    for _ in 0..events {
        writeln!(out, "{}", generator.document(shape)).expect("written");
    }
    out.flush().expect("written");
}

/// Real events as Winlogbeat sends them, several times over so that there is something to measure.
fn convert(folder: &Path, path: &Path) {
    let mut lines = String::new();
    for file in run::files(folder, "evtx") {
        let reader = EvtxReader::open_bytes(std::fs::read(file).unwrap_or_default());
        for (_, event) in reader.flatten() {
            lines.push_str(&winlogbeat_json(&event).to_string());
            lines.push('\n');
        }
    }
    const TIMES: usize = 10;
    std::fs::write(path, lines.repeat(TIMES)).expect("written");
}

fn machine(corpus: &Path) {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let bytes = std::fs::read(corpus).unwrap_or_default();
    // FNV-1a: only to see that two runs had the same bytes.
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    println!(
        "machine: {} × {cores}; {}; corpus seed 7, flat: FNV-1a {hash:016x}\n",
        model
            .unwrap_or(": unknown")
            .trim_start_matches(['\t', ' ', ':']),
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
    );
}
