//! The first honest table: `cargo bench -p saqshy`.
//!
//! `SAQSHY_BENCH_EVENTS` sets the number of events of the search part, 10,000,000 by default.
//! Rules come from `SAQSHY_TEST_DATA` (SigmaHQ, Windows) and, where that is absent, from `rules/`.

mod corpus;
mod sender;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use corpus::Corpus;
use futures::StreamExt;
use jiff::Timestamp;
use saqshy_detect::{Detector, RuleSet};
use saqshy_event::{Batch, Format};
use saqshy_intake::{Intake, IntakeConfig, StaticSources};
use saqshy_lake::{Lake, LakeConfig, SearchEvent, SearchRequest, query};
use saqshy_spool::Spool;
use sha2::{Digest, Sha256};

fn main() {
    // `cargo test --benches` runs this too; only a real bench run should take minutes.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    machine();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(intake());
    matching();
    runtime.block_on(lake());
}

fn row(what: &str, figure: String) {
    println!("| {what:<62} | {figure:>28} |");
}

fn machine() {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let mut corpus = Sha256::new();
    for line in Corpus::new(1).lines(10_000) {
        corpus.update(line.text);
    }
    println!(
        "{}; machine: {} × {cores}; corpus: generated, seed 1, first 10,000 lines sha256 {}",
        Timestamp::now().strftime("%F"),
        model.trim_start_matches(['\t', ' ', ':']),
        &hex::encode(corpus.finalize())[..16]
    );
    row("what", "figure".to_owned());
    println!("|{:-<64}|{:->30}|", "", "");
}

/// Acknowledged events a second: every request is answered after its fsync.
async fn intake() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path(), &Default::default()).expect("a spool");
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let config = IntakeConfig {
        http: Some((listen, None)),
        ..Default::default()
    };
    let sources = Arc::new(StaticSources::default().with_token("bench", "bench"));
    let intake = Intake::start(config, spool, sources, Arc::new(Timestamp::now))
        .await
        .expect("listeners");
    let to = intake.addresses().http.expect("HTTP");
    let lines: Vec<String> = Corpus::new(1)
        .lines(200_000)
        .into_iter()
        .filter(|line| line.format == Format::Json)
        .map(|line| line.text)
        .collect();
    let begin = Instant::now();
    let half = lines.len() / 2;
    let (first, second) = (lines[..half].to_vec(), lines[half..].to_vec());
    let senders = [first, second]
        .map(|part| tokio::task::spawn_blocking(move || sender::bulk(to, "bench", &part, 500)));
    for sender in senders {
        sender.await.expect("the sender ran");
    }
    let rate = lines.len() as f64 / begin.elapsed().as_secs_f64();
    row(
        "intake: _bulk, 2 senders, 500 a request, acknowledged events/s",
        format!("{rate:.0}"),
    );
    intake.shutdown().await;
}

/// Matching alone, one thread, over batches that are parsed already.
fn matching() {
    let mut corpus = Corpus::new(1);
    let begin = Instant::now();
    let batches: Vec<Batch> = (0..50u64)
        .map(|at| Corpus::parse(&corpus.lines(4_000), at * 4_000))
        .collect();
    let events: usize = batches.iter().map(Batch::rows).sum();
    row(
        "parse: 3/4 Winlogbeat JSON, 1/4 syslog, generation included, events/s",
        format!("{:.0}", events as f64 / begin.elapsed().as_secs_f64()),
    );
    let (name, set) = rules();
    let all: Vec<String> = set.rules().iter().map(|rule| rule.id.clone()).collect();
    let mut rates = Vec::new();
    for count in [100, all.len()] {
        let off = all_but(&all, count);
        let detector = Detector::new(&set, &off);
        let begin = Instant::now();
        let hits: usize = batches
            .iter()
            .map(|batch| detector.detect(batch).len())
            .sum();
        let rate = events as f64 / begin.elapsed().as_secs_f64();
        rates.push(rate);
        row(
            &format!(
                "sigma: {} rules of {name}, 1 thread, events/s",
                detector.rules_loaded()
            ),
            format!("{rate:.0} ({hits} hits)"),
        );
    }
    row(
        "sigma: cost of all rules over cost of 100",
        format!("{:.2}", rates[0] / rates[1]),
    );
}

/// The rules to switch off so that `count` stay, evenly spread: every log source takes part.
fn all_but(all: &[String], count: usize) -> HashSet<String> {
    let kept: HashSet<usize> = (0..count).map(|at| at * all.len() / count).collect();
    let off = all.iter().enumerate().filter(|(at, _)| !kept.contains(at));
    off.map(|(_, id)| id.clone()).collect()
}

fn rules() -> (String, RuleSet) {
    let mut set = RuleSet::default();
    let data = std::env::var_os("SAQSHY_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let sigma = data.join("sigma/rules/windows");
    if sigma.is_dir() {
        set.add_folder(&sigma);
        return ("SigmaHQ Windows".to_owned(), set);
    }
    eprintln!(
        "SKIPPED: SigmaHQ rules: no `{}`; our own rules instead",
        sigma.display()
    );
    set.add_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules"));
    ("our own".to_owned(), set)
}

/// Writing, size on disk, and searching.
async fn lake() {
    let wanted: u64 = std::env::var("SAQSHY_BENCH_EVENTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(LakeConfig::new(folder.path()), "bench")
        .await
        .expect("a lake");
    let now: Timestamp = "2026-03-22T00:00:00Z".parse().expect("a constant");
    let mut corpus = Corpus::new(1);
    let (mut raw, mut written, mut events) = (0u64, Duration::ZERO, 0u64);
    while events < wanted {
        let lines = corpus.lines(20_000.min((wanted - events) as usize));
        raw += lines.iter().map(|line| line.text.len() as u64).sum::<u64>();
        let batch = Corpus::parse(&lines, events);
        events += batch.rows() as u64;
        let begin = Instant::now();
        lake.append(batch, events, now).await.expect("appended");
        lake.flush_if_due(now).await.expect("flushed");
        written += begin.elapsed();
    }
    let begin = Instant::now();
    lake.flush(now).await.expect("flushed");
    written += begin.elapsed();
    row(
        "lake: append and flush, events/s",
        format!("{:.0}", events as f64 / written.as_secs_f64()),
    );
    let begin = Instant::now();
    lake.compact(now).await.expect("compacted");
    row(
        "lake: compaction, s",
        format!("{:.1}", begin.elapsed().as_secs_f64()),
    );
    let usage = lake.usage();
    row(
        "lake: bytes stored per raw byte, raw text kept",
        format!(
            "1/{:.1} ({} files)",
            raw as f64 / usage.file_bytes as f64,
            usage.files
        ),
    );
    let needle = format!("event.id:\"bench-{:016x}\"", events / 3);
    let searches = [
        ("one event by id", needle.as_str()),
        ("address in a /24, first 100", "source.ip:10.21.7.0/24"),
        (
            "field and wildcard, first 100",
            "process.name:powershell* and user.name:a.serik",
        ),
        ("free text, first 100", "\"Accepted publickey for g.dana\""),
        ("nothing found", "user.name:nobody-has-this-name"),
    ];
    for (what, text) in searches {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..3 {
            let begin = Instant::now();
            let query = query::parse(text).expect("a query");
            let mut stream = lake.search(SearchRequest {
                query,
                from: None,
                to: None,
                limit: 100,
                newest_first: true,
            });
            found = 0;
            while let Some(message) = stream.next().await {
                found += usize::from(matches!(message.expect("an answer"), SearchEvent::Event(_)));
            }
            times.push(begin.elapsed().as_secs_f64());
        }
        let best = times[1].min(times[2]);
        row(
            &format!("search over {events} events: {what}, s cold / warm"),
            format!("{:.3} / {best:.3} ({found})", times[0]),
        );
    }
    let begin = Instant::now();
    let mut rows = lake
        .sql(
            "select \"event.code\", count(*) from events group by 1",
            100,
        )
        .await
        .expect("SQL");
    while let Some(some) = rows.next().await {
        some.expect("rows");
    }
    row(
        &format!("SQL over {events} events: count by event.code, s"),
        format!("{:.3}", begin.elapsed().as_secs_f64()),
    );
}
