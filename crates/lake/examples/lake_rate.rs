//! How small the lake keeps events and how fast it finds them.
//!
//! `cargo run --release -p saqshy-lake --example lake_rate -- [EVENTS] [FOLDER]`
//!
//! Made-up Windows events (JSON as it would arrive, in `event.original`, and its fields as columns)
//! are appended in batches of 5,000, flushed, compacted, then searched; each search runs twice and
//! the second, warm, run is shown. Same arguments, same events.

use std::error::Error;
use std::time::Instant;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use saqshy_event::{Batch, BatchBuilder};
use saqshy_lake::{Lake, LakeConfig, SearchEvent, SearchRequest, query};

const BATCH: u64 = 5_000;

/// A small generator of numbers, the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const CODES: [(&str, &str); 8] = [
    ("4624", "An account was successfully logged on."),
    ("4625", "An account failed to log on."),
    ("4688", "A new process has been created."),
    ("4672", "Special privileges assigned to new logon."),
    ("1", "Process Create"),
    ("3", "Network connection detected"),
    ("11", "File created"),
    ("13", "Registry value set"),
];
const IMAGES: [&str; 6] = [
    "C:\\Windows\\System32\\svchost.exe",
    "C:\\Windows\\System32\\cmd.exe",
    "C:\\Program Files\\Common Files\\updater.exe",
    "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
    "C:\\Windows\\explorer.exe",
    "C:\\Program Files (x86)\\Browser\\browser.exe",
];

fn batch(first: u64, count: u64, start: Timestamp, dice: &mut Dice) -> (Batch, u64) {
    let mut builder = BatchBuilder::default();
    let mut raw = 0;
    for seq in first..first + count {
        let at = start + SignedDuration::from_millis(i64::try_from(seq).unwrap_or(0) * 3);
        let (code, message) = CODES[dice.below(8) as usize];
        let host = format!("ws-{:04}.corp.example", dice.below(400));
        let user = format!("user{:04}", dice.below(2_000));
        let ip = format!(
            "10.{}.{}.{}",
            dice.below(4),
            dice.below(64),
            dice.below(250)
        );
        let image = IMAGES[dice.below(6) as usize];
        let pid = dice.below(20_000) * 4;
        let line = format!(
            "{image} -k task-{} --id {:08x}",
            dice.below(50),
            dice.below(1 << 32)
        );
        let event = serde_json::json!({
            "@timestamp": at.to_string(),
            "winlog": {"channel": "Security", "event_id": code, "record_id": seq + 1_000_000,
                "provider_name": "Microsoft-Windows-Security-Auditing", "computer_name": host,
                "event_data": {"SubjectUserName": user, "ProcessId": pid.to_string(),
                    "Image": image, "CommandLine": line, "IpAddress": ip, "LogonType": "3"}},
            "event": {"code": code, "provider": "Microsoft-Windows-Security-Auditing"},
            "message": message, "host": {"name": host},
        });
        let original = event.to_string();
        raw += original.len() as u64;
        builder.set("@timestamp", at);
        builder.set("event.ingested", at);
        builder.set("event.id", format!("rate-{seq:016x}"));
        builder.set("data_stream.dataset", "windows.security");
        builder.set("event.original", original);
        builder.set("event.code", code);
        builder.set("message", message);
        builder.set("host.name", host.as_str());
        builder.set("winlog.computer_name", host);
        builder.set("winlog.channel", "Security");
        builder.set("winlog.record_id", (seq + 1_000_000).to_string());
        builder.set("user.name", user);
        builder.set("source.ip", ip);
        builder.set("process.pid", i64::try_from(pid).unwrap_or(0));
        builder.set("process.executable", image);
        builder.set("process.command_line", line);
        builder.end_event();
    }
    (builder.finish(), raw)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())?;
    let temporary = tempfile::tempdir()?;
    let folder = arguments
        .next()
        .map_or(temporary.path().to_owned(), Into::into);
    let start: Timestamp = "2026-03-20T00:00:00Z".parse()?;
    let lake = Lake::open(LakeConfig::new(&folder), "rate").await?;
    let mut dice = Dice(7);
    let mut raw = 0;
    let (mut append, mut flush, mut slowest) = (0.0, 0.0, 0.0f64);
    let mut next = lake.next();
    while next < events {
        let count = BATCH.min(events - next);
        let (batch, bytes) = batch(next, count, start, &mut dice);
        raw += bytes;
        next += count;
        let begun = Instant::now();
        lake.append(batch, next, start).await?;
        let took = begun.elapsed().as_secs_f64();
        append += took;
        slowest = slowest.max(took);
        let begun = Instant::now();
        lake.flush_if_due(start).await?;
        flush += begun.elapsed().as_secs_f64();
    }
    let begun = Instant::now();
    lake.flush(start).await?;
    flush += begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    lake.compact(start).await?;
    let compact = begun.elapsed().as_secs_f64();
    let usage = lake.usage();
    println!("events {events}, raw {raw} bytes, files {}", usage.files);
    println!(
        "stored {} bytes: 1/{:.1} of raw, {:.1} bytes an event",
        usage.file_bytes,
        raw as f64 / usage.file_bytes as f64,
        usage.file_bytes as f64 / events as f64,
    );
    println!(
        "append {append:.2} s (slowest batch {:.1} ms), flush {flush:.2} s, compact {compact:.2} s",
        slowest * 1000.0
    );
    println!(
        "events a second, append and flush: {:.0}",
        events as f64 / (append + flush)
    );

    let middle = events / 2;
    for (name, text, limit) in [
        ("newest 100", "*".to_owned(), 100),
        (
            "needle, field",
            format!("winlog.record_id:{}", middle + 1_000_000),
            100,
        ),
        (
            "needle, address",
            "source.ip:10.3.63.249 and user.name:user0007".into(),
            100,
        ),
        ("absent value", "user.name:nobody".into(), 100),
        (
            "field filter",
            "event.code:4625 and host.name:ws-0001*".into(),
            100,
        ),
        ("network", "source.ip:10.2.0.0/16".into(), 100),
        ("free text, found", "\"task-7 --id\"".into(), 100),
        ("free text, absent", "kerberoasting".into(), 100),
    ] {
        let mut shown = (0, 0.0);
        for _ in 0..2 {
            let begun = Instant::now();
            let request = SearchRequest {
                query: query::parse(&text)?,
                from: None,
                to: None,
                limit,
                newest_first: true,
            };
            let mut stream = lake.search(request);
            let mut found = 0;
            while let Some(message) = stream.next().await {
                found += u64::from(matches!(message?, SearchEvent::Event(_)));
            }
            shown = (found, begun.elapsed().as_secs_f64() * 1000.0);
        }
        println!("{name:18} {:9.1} ms, {} shown   {text}", shown.1, shown.0);
    }
    let all = query::parse("*")?;
    let end = start + SignedDuration::from_millis(i64::try_from(events)? * 3);
    for round in 0..2 {
        let begun = Instant::now();
        let buckets = lake.histogram(&all, start, end, 100).await?;
        let histogram = begun.elapsed().as_secs_f64() * 1000.0;
        let begun = Instant::now();
        let fields = lake.field_summary(&all, None, None).await?;
        let summary = begun.elapsed().as_secs_f64() * 1000.0;
        let begun = Instant::now();
        let event = lake.event(&format!("rate-{middle:016x}")).await?;
        let one = begun.elapsed().as_secs_f64() * 1000.0;
        let begun = Instant::now();
        let text = r#"select "event.code", count(*) from events group by 1 order by 2 desc"#;
        let mut rows = lake.sql(text, 100).await?;
        while let Some(some) = rows.next().await {
            some?;
        }
        let sql = begun.elapsed().as_secs_f64() * 1000.0;
        if round == 1 {
            println!(
                "histogram          {histogram:9.1} ms, {} buckets",
                buckets.len()
            );
            println!(
                "field summary      {summary:9.1} ms, {} fields",
                fields.len()
            );
            println!("event by id        {one:9.1} ms, found {}", event.is_some());
            println!("sql group by       {sql:9.1} ms");
        }
    }
    Ok(())
}
