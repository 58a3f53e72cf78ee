//! Events matched per second by one thread, with few and with all rules.
//!
//! `sigma_rate RULES_DIR [EVTX_OR_NDJSON…]`: without files, over generated Windows events.
//! Times are CPU time of the thread where the system tells it, so a busy machine hardly matters.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use saqshy_event::evtx::EvtxReader;
use saqshy_event::{Batch, BatchBuilder, Format, Parser, Record};
use saqshy_sigma::{Document, Engine, Pipeline, Rule, parse_documents};

const ROWS: usize = 4_096;
const BATCHES: usize = 24;

fn main() {
    let mut args = std::env::args().skip(1).map(PathBuf::from);
    let Some(rules) = args.next() else {
        eprintln!("usage: sigma_rate RULES_DIR [EVTX_OR_NDJSON...]");
        std::process::exit(2);
    };
    let files: Vec<PathBuf> = args.collect();
    let rules: Vec<Arc<Rule>> = load(&rules)
        .into_iter()
        .filter(|rule| rule.logsource.product.as_deref() == Some("windows"))
        .collect();
    let batches = if files.is_empty() {
        generate()
    } else {
        read(&files)
    };
    let events: usize = batches.iter().map(Batch::rows).sum();
    println!("{events} events in {} batches", batches.len());
    for count in [100, 500, rules.len()] {
        // Evenly spread, so that every log source takes part.
        let step = rules.len() as f64 / count as f64;
        let some = (0..count)
            .map(|at| rules[(at as f64 * step) as usize].clone())
            .collect();
        let start = Instant::now();
        let (engine, _) = Engine::compile(some, &Pipeline::default());
        let compiled = start.elapsed();
        batches.iter().for_each(|batch| drop(engine.matches(batch)));
        // The system counts CPU time in steps of milliseconds.
        let repeats = 100_000 / events.max(1) + 1;
        let (mut best, mut hits) = (Duration::MAX, 0);
        for _ in 0..5 {
            let start = cpu_time();
            for _ in 0..repeats {
                hits = batches
                    .iter()
                    .map(|batch| engine.matches(batch).len())
                    .sum();
            }
            best = best.min((cpu_time() - start) / repeats as u32);
        }
        println!(
            "{count:>5} rules: {:>9.0} events/s, {hits} hits, compiled in {} ms",
            events as f64 / best.as_secs_f64(),
            compiled.as_millis()
        );
    }
}

/// CPU time of this thread, or the wall clock where `/proc` does not tell.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    match text.split(' ').next().and_then(|nanos| nanos.parse().ok()) {
        Some(nanos) => Duration::from_nanos(nanos),
        None => std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default(),
    }
}

fn load(folder: &Path) -> Vec<Arc<Rule>> {
    let mut rules = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|it| it == "yml")
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                for document in parse_documents(&text, &path) {
                    if let Ok(Document::Rule(rule)) = document {
                        rules.push(Arc::new(*rule));
                    }
                }
            }
        }
    }
    rules.sort_by(|left, right| left.id.cmp(&right.id));
    rules
}

fn read(files: &[PathBuf]) -> Vec<Batch> {
    let parser = Parser::new("rate");
    let received = "2026-01-01T00:00:00Z".parse().expect("a time");
    let mut batches = Vec::new();
    let mut builder = BatchBuilder::default();
    for path in files {
        let bytes = std::fs::read(path).unwrap_or_default();
        if bytes.starts_with(b"ElfFile\0") {
            for (_, event) in EvtxReader::open_bytes(bytes).flatten() {
                parser.windows_event(&mut builder, 0, received, "file", &event);
                builder.end_event();
                if builder.rows() == ROWS {
                    batches.push(std::mem::take(&mut builder).finish());
                }
            }
            continue;
        }
        let lines: Vec<&[u8]> = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .collect();
        for chunk in lines.chunks(ROWS) {
            let records: Vec<(u64, Record<'_>)> = chunk
                .iter()
                .enumerate()
                .map(|(seq, payload)| {
                    let (format, source) = (Format::Json, "file");
                    (
                        seq as u64,
                        Record {
                            received,
                            source,
                            format,
                            peer: None,
                            truncated: false,
                            payload,
                        },
                    )
                })
                .collect();
            batches.push(parser.parse(&records, received).batch);
        }
    }
    batches.push(builder.finish());
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// A small generator of numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const IMAGES: [&str; 12] = [
    r"C:\Windows\System32\svchost.exe",
    r"C:\Windows\System32\cmd.exe",
    r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Windows\explorer.exe",
    r"C:\Windows\System32\conhost.exe",
    r"C:\Windows\System32\taskhostw.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    r"C:\Windows\System32\rundll32.exe",
    r"C:\Windows\System32\wbem\WmiPrvSE.exe",
    r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE",
    r"C:\Users\aigerim\AppData\Local\Temp\setup.exe",
];

fn generate() -> Vec<Batch> {
    let mut dice = Dice(7);
    (0..BATCHES)
        .map(|_| {
            let mut builder = BatchBuilder::default();
            for _ in 0..ROWS {
                event(&mut builder, &mut dice);
                builder.end_event();
            }
            builder.finish()
        })
        .collect()
}

fn event(out: &mut BatchBuilder, dice: &mut Dice) {
    let kinds = [
        ("1", 25),
        ("3", 15),
        ("7", 10),
        ("10", 10),
        ("11", 15),
        ("13", 15),
        ("22", 5),
        ("4624", 10),
        ("4688", 10),
        ("4104", 2),
    ];
    let mut left = dice.roll(kinds.iter().map(|kind| kind.1).sum());
    let code = kinds.iter().find(|kind| {
        let found = left < kind.1;
        left = left.saturating_sub(kind.1);
        found
    });
    let code = code.map_or("1", |kind| kind.0);
    let channel = match code {
        "4624" | "4688" => "Security",
        "4104" => "Microsoft-Windows-PowerShell/Operational",
        _ => "Microsoft-Windows-Sysmon/Operational",
    };
    out.set("winlog.channel", channel);
    out.set("winlog.event_id", code);
    out.set("event.code", code);
    out.set(
        "winlog.computer_name",
        dice.pick(&["ws-01.corp.kz", "ws-02.corp.kz", "dc-1.corp.kz"]),
    );
    out.set("data_stream.dataset", "windows.sysmon");
    let number = dice.roll(1_000_000);
    let mut data = |name: &str, value: String| out.set(&format!("winlog.event_data.{name}"), value);
    data(
        "ProcessGuid",
        format!("{{0197231E-005A-6928-A50B-{number:012}}}"),
    );
    data("ProcessId", (number % 20_000).to_string());
    if code != "4624" && code != "4104" && code != "4688" {
        data("Image", dice.pick(&IMAGES).to_owned());
        data(
            "User",
            dice.pick(&["NT AUTHORITY\\SYSTEM", "CORP\\aigerim", "CORP\\daulet"])
                .to_owned(),
        );
    }
    match code {
        "1" => {
            data(
                "CommandLine",
                format!(
                    "\"{}\" --type=renderer --channel={number} -k netsvcs",
                    dice.pick(&IMAGES)
                ),
            );
            data("ParentImage", dice.pick(&IMAGES).to_owned());
            data(
                "ParentCommandLine",
                format!("{} -Embedding {}", dice.pick(&IMAGES), number % 300),
            );
            data(
                "OriginalFileName",
                dice.pick(&["Cmd.Exe", "PowerShell.EXE", "svchost.exe", "chrome.exe"])
                    .to_owned(),
            );
            data("Description", "Host Process for Windows Services".into());
            data(
                "IntegrityLevel",
                dice.pick(&["System", "Medium", "High"]).to_owned(),
            );
            data(
                "Hashes",
                format!(
                    "SHA1={number:040x},MD5={number:032x},IMPHASH={:032x}",
                    number % 50
                ),
            );
            data("CurrentDirectory", r"C:\Windows\system32\".into());
        }
        "3" => {
            data(
                "DestinationIp",
                format!("10.{}.{}.{}", number % 7, number % 250, number % 199),
            );
            data("DestinationPort", (number % 3000).to_string());
            data(
                "DestinationHostname",
                format!("host{}.corp.kz", number % 500),
            );
            data("Initiated", "true".into());
        }
        "7" => data(
            "ImageLoaded",
            format!(
                r"C:\Windows\System32\{}.dll",
                dice.pick(&["ntdll", "amsi", "combase", "dbghelp"])
            ),
        ),
        "10" => {
            data("SourceImage", dice.pick(&IMAGES).to_owned());
            data("TargetImage", dice.pick(&IMAGES).to_owned());
            data(
                "GrantedAccess",
                dice.pick(&["0x1000", "0x1400", "0x1fffff"]).to_owned(),
            );
            data(
                "CallTrace",
                format!(
                    r"C:\Windows\SYSTEM32\ntdll.dll+{:x}|C:\Windows\System32\KERNELBASE.dll+{:x}",
                    number % 99,
                    number % 77
                ),
            );
        }
        "11" => data(
            "TargetFilename",
            format!(r"C:\Users\aigerim\AppData\Local\Cache\f_{number:06}.tmp"),
        ),
        "13" => {
            data(
                "TargetObject",
                format!(
                    r"HKLM\System\CurrentControlSet\Services\bam\State\UserSettings\{}",
                    number % 2000
                ),
            );
            data("Details", format!("DWORD (0x{number:08x})"));
        }
        "22" => data("QueryName", format!("cdn{}.example.com", number % 900)),
        "4624" => {
            data(
                "TargetUserName",
                dice.pick(&["WS-01$", "aigerim", "SYSTEM"]).to_owned(),
            );
            data("LogonType", dice.pick(&["3", "5", "10"]).to_owned());
            data("IpAddress", format!("10.1.2.{}", number % 250));
        }
        "4688" => {
            data("NewProcessName", dice.pick(&IMAGES).to_owned());
            data("ParentProcessName", dice.pick(&IMAGES).to_owned());
            data(
                "CommandLine",
                format!("{} /c run {number}", dice.pick(&IMAGES)),
            );
            data(
                "SubjectUserName",
                dice.pick(&["WS-01$", "aigerim"]).to_owned(),
            );
        }
        _ => data(
            "ScriptBlockText",
            format!(
                "$x = Get-Item -Path 'C:\\data\\{number}'; $x | Select-Object Name, Length | Format-Table"
            ),
        ),
    }
}
