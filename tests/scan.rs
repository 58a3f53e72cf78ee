//! `saqshy scan` as a program: every kind of input, packed or not, what is broken, what is no
//! log, the shapes of the output, Ctrl-C.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const RULE: &str = "title: Failed password for <root>
id: 6c0e4ac0-0d2f-4e7c-8a54-00000000a001
status: test
author: Saqshy
license: Apache-2.0
description: \"</script><script>alert('rule')</script>\"
tags: [attack.credential_access, attack.t1110]
logsource: {product: linux, service: sshd}
detection:
  keywords: ['Failed password']
  condition: keywords
level: medium
---
title: Process of the test
id: 6c0e4ac0-0d2f-4e7c-8a54-00000000a002
status: stable
tags: [attack.execution]
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\\\\evil.exe'}
  condition: selection
level: high
";

const CORRELATION: &str = "title: Password guessed
author: the tests
description: One came in after many tries.
correlation:
    type: temporal_ordered
    rules: [many_refused, accepted]
    group-by: [source.ip, user.name]
    timespan: 10m
level: critical
saqshy: {entity: user.name}
---
title: Many refused
name: many_refused
correlation:
    type: event_count
    rules: [refused]
    group-by: [source.ip, user.name]
    timespan: 10m
    condition: {gte: 5}
---
title: Refused
name: refused
logsource: {product: linux, service: sshd}
detection: {keywords: ['Failed password for'], condition: keywords}
level: low
---
title: Accepted
name: accepted
logsource: {product: linux, service: sshd}
detection: {keywords: ['Accepted password for'], condition: keywords}
level: low
";

struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Lab {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        fs::write(folder.path().join("rules.yml"), RULE).unwrap();
        Lab { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path("logs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saqshy"));
        command.current_dir(self.folder.path());
        command
            .args(["scan", "--rules", "rules.yml"])
            .args(arguments);
        command
    }

    fn scan(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The hits and the summary of a scan in NDJSON.
    fn hits(&self, arguments: &[&str]) -> (Vec<Value>, Value) {
        let output = self.scan(&[arguments, &["--format", "ndjson"]].concat());
        lines(&output.stdout)
    }
}

fn lines(text: &[u8]) -> (Vec<Value>, Value) {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.pop().expect("a summary");
    (lines, last["summary"].clone())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const AUTH: &str =
    "Mar 20 13:02:11 gate sshd[811]: Failed password for root from 203.0.113.24 port 40120 ssh2\n";

fn windows(at: &str) -> String {
    format!(
        r#"{{"@timestamp":"{at}","winlog":{{"channel":"Microsoft-Windows-Sysmon/Operational","provider_name":"Microsoft-Windows-Sysmon","event_id":"1","record_id":7,"computer_name":"ws-1","event_data":{{"Image":"C:\\evil.exe","CommandLine":"evil <img src=x onerror=alert(1)>","User":"LAB\\a"}}}}}}"#
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn every_kind_of_input_gives_its_hits() {
    let lab = Lab::new();
    let event = windows("2026-03-20T13:02:11.000Z");
    lab.log("a.ndjson", format!("{event}\n{event}\n"));
    lab.log("array.json", format!("[\n{event},\n{event}\n]"));
    lab.log("auth.log", AUTH.repeat(3));
    lab.log("deep/er/auth.gz", gzip(AUTH.as_bytes()));
    lab.log("auth.zst", zstd::encode_all(AUTH.as_bytes(), 1).unwrap());
    lab.log(
        "export.xml",
        "<?xml version=\"1.0\"?><Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>1</EventID><TimeCreated SystemTime='2026-03-20T13:02:11Z'/><EventRecordID>9</EventRecordID><Channel>Microsoft-Windows-Sysmon/Operational</Channel><Computer>ws-1</Computer></System><EventData><Data Name='Image'>C:\\evil.exe</Data></EventData></Event></Events>",
    );
    lab.log(
        "table.csv",
        "TimeCreated;Channel;EventID;ProviderName;Image\n2026-03-20 13:02:11;Microsoft-Windows-Sysmon/Operational;1;Microsoft-Windows-Sysmon;C:\\evil.exe\n",
    );
    // What is no log.
    lab.log(
        "README.md",
        "# Logs\n\nCollected in March, from two hosts.\n",
    );
    lab.log(
        "manifest.json",
        "{\n  \"name\": \"case 7\",\n  \"files\": [\"auth.log\"]\n}\n",
    );
    lab.log("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    lab.log("empty.log", "");

    let (hits, summary) = lab.hits(&["logs"]);
    let count = |name: &str| {
        let of = |hit: &&Value| hit["log.file.path"].as_str().unwrap().ends_with(name);
        hits.iter().filter(of).count()
    };
    for (name, expected) in [
        ("a.ndjson", 2),
        ("array.json", 2),
        ("auth.log", 3),
        ("auth.gz", 1),
        ("auth.zst", 1),
        ("export.xml", 1),
        ("table.csv", 1),
    ] {
        assert_eq!(count(name), expected, "{name}: {hits:#?}");
    }
    assert_eq!(hits.len(), 11);
    assert_eq!(summary["files_skipped"], 4);
    assert_eq!(summary["events"], 11);
    // In the order of the files, and the same with one thread.
    let (again, _) = lab.hits(&["logs", "--threads", "1"]);
    assert_eq!(hits, again);
    // Named on request, silent otherwise.
    let output = lab.scan(&["logs", "--verbose", "--quiet"]);
    let told = text(&output.stderr);
    assert!(
        told.contains("README.md: skipped: text of no known log format"),
        "{told}"
    );
    assert!(told.contains("picture.png: skipped: binary file"), "{told}");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(lab.scan(&["logs", "--quiet"]).stderr, b"");
    // A pattern in quotes, and a path twice.
    let (hits, _) = lab.hits(&["logs/**/*.gz", "logs/auth.log", "logs/auth.log"]);
    assert_eq!(hits.len(), 4);
}

#[test]
fn the_keys_of_a_hit_are_stable() {
    let lab = Lab::new();
    lab.log("a.ndjson", windows("2026-03-20T13:02:11.000Z"));
    lab.log("auth.log", AUTH);
    let (hits, summary) = lab.hits(&["logs"]);
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    insta::assert_json_snapshot!(
        "keys",
        serde_json::json!({
            "windows": keys(&hits[0]),
            "line": keys(&hits[1]),
            "summary": keys(&summary),
        })
    );
    assert_eq!(hits[0]["winlog.record_id"], 7);
    assert_eq!(
        (&hits[0]["event.code"], &hits[0]["host.name"]),
        (&"1".into(), &"ws-1".into())
    );
    assert_eq!(hits[0]["rule.author"], Value::Null);
    assert_eq!(hits[1]["rule.license"], "Apache-2.0");
    assert_eq!(
        (&hits[1]["log.offset"], &hits[1]["host.name"]),
        (&0.into(), &"gate".into())
    );
}

#[test]
fn rules_and_times_are_chosen() {
    let lab = Lab::new();
    let (early, late) = (
        windows("2026-03-20T13:02:11.000Z"),
        windows("2026-03-21T00:30:00.000Z"),
    );
    lab.log("a.ndjson", format!("{early}\n{late}\n"));
    lab.log("auth.log", AUTH);
    let count = |arguments: &[&str]| lab.hits(&[&["logs"], arguments].concat()).0.len();
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--level", "high"]), 2);
    assert_eq!(
        count(&["--rule", "6c0e4ac0-0d2f-4e7c-8a54-00000000a001"]),
        1
    );
    assert_eq!(count(&["--rule", "process*"]), 2);
    assert_eq!(count(&["--exclude-rule", "*TEST"]), 1);
    assert_eq!(count(&["--tag", "attack.t11*"]), 1);
    assert_eq!(count(&["--status", "stable"]), 2);
    assert_eq!(count(&["--status", "stable", "--status", "test"]), 3);
    assert_eq!(count(&["--rule", "process*", "--from", "2026-03-21"]), 1);
    assert_eq!(
        count(&[
            "--rule",
            "process*",
            "--from",
            "2026-03-21",
            "--zone",
            "Asia/Almaty"
        ]),
        1
    );
    assert_eq!(
        count(&["--rule", "process*", "--to", "2026-03-20T20:00:00Z"]),
        1
    );
    for wrong in [
        &["none.evtx"][..],
        &["logs", "--level", "loud"],
        &["logs", "--status", "old"],
        &["logs", "--from", "today"],
        &["logs", "--zone", "Mars"],
        &["logs", "--rules", "none"],
        &["logs/*.evtx"],
        &["logs", "--format", "html", "--lang", "xx"],
    ] {
        let output = lab.scan(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(!output.stderr.is_empty());
    }
    // A refused rule is named and does not count, unless asked to.
    fs::write(lab.path("bad.yml"), "title: x\ndetection: {a: 1}\n").unwrap();
    let output = lab.scan(&["logs", "--rules", "bad.yml"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).contains("rule refused: bad.yml"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(
        lab.scan(&["logs", "--rules", "bad.yml", "--strict"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn standard_input_is_read() {
    let lab = Lab::new();
    for input in [AUTH.as_bytes().to_vec(), gzip(AUTH.as_bytes())] {
        let mut child = lab
            .command(&["-", "--format", "ndjson"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        let output = child.wait_with_output().unwrap();
        let (hits, _) = lines(&output.stdout);
        assert_eq!(hits.len(), 1);
        assert_eq!(hits[0]["log.file.path"], "-");
    }
}

#[test]
fn what_is_broken_is_told_and_stepped_over() {
    let lab = Lab::new();
    let mut long = AUTH.as_bytes().to_vec();
    long.extend(std::iter::repeat_n(b'x', 3 << 20));
    long.extend(b"\n");
    long.extend(AUTH.as_bytes());
    lab.log("long.log", &long);
    let event = windows("2026-03-20T13:02:11.000Z");
    lab.log("hole.json", format!("[{event},\nrubbish {event}]"));
    let whole = gzip(AUTH.repeat(2_000).as_bytes());
    lab.log("cut.gz", &whole[..whole.len() / 2]);
    lab.log(
        "evil.evtx",
        [b"ElfFile\0".as_slice(), &[0xa5; 200_000]].concat(),
    );
    let rubbish: Vec<u8> = (0..300_000u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    lab.log("rubbish.bin", rubbish);
    let output = lab.scan(&["logs", "--format", "ndjson"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    for expected in [
        "long.log: at byte 91: a line of more than",
        "hole.json: at byte",
        "cut.gz: ",
        "evil.evtx: ",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let (hits, summary) = lines(&output.stdout);
    let of = |name: &str| {
        hits.iter()
            .filter(|hit| hit["log.file.path"].as_str().unwrap().ends_with(name))
            .count()
    };
    assert_eq!((of("long.log"), of("hole.json")), (2, 2));
    assert_eq!(summary["files_broken"], 4, "{told}");
}

/// A power cut or `copytruncate` leaves NUL bytes; the log is one all the same.
#[test]
fn a_log_with_holes_is_read() {
    let lab = Lab::new();
    let hole = |bytes| vec![0u8; bytes];
    let line = || AUTH.as_bytes().to_vec();
    lab.log("one.log", [line(), hole(1), line()].concat());
    lab.log("start.log", [hole(700_000), line(), line()].concat());
    lab.log("middle.log", [line(), hole(6 << 20), line()].concat());
    lab.log("end.log", [line(), line(), hole(5_000)].concat());
    let torn = [&line()[..AUTH.len() - 1], &hole(4_096), &line()].concat();
    lab.log("torn.log", gzip(&torn));
    lab.log("empty.log", hole(9_000));
    let output = lab.scan(&["logs", "--format", "ndjson", "--verbose"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("empty.log: skipped: nothing but NUL"),
        "{told}"
    );
    let (hits, summary) = lines(&output.stdout);
    let of = |name: &str| -> Vec<u64> {
        let hits = hits.iter();
        let hits = hits.filter(|hit| hit["log.file.path"].as_str().unwrap().ends_with(name));
        hits.map(|hit| hit["log.offset"].as_u64().unwrap())
            .collect()
    };
    let length = AUTH.len() as u64;
    assert_eq!(of("one.log"), [0, length + 1]);
    assert_eq!(of("start.log"), [700_000, 700_000 + length]);
    assert_eq!(of("middle.log"), [0, length + (6 << 20)]);
    assert_eq!(of("end.log"), [0, length]);
    assert_eq!(of("torn.log"), [0, length - 1 + 4_096]);
    assert_eq!(
        (&summary["files"], &summary["files_skipped"]),
        (&5.into(), &1.into())
    );
    assert!(
        told.contains("events of 5 files (1 skipped, 0 with"),
        "{told}"
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_files_and_each_file_is_read_once() {
    use std::os::unix::fs::symlink;
    let lab = Lab::new();
    lab.log("a.log", AUTH);
    lab.log("in/b.log", AUTH);
    fs::create_dir(lab.path("outside")).unwrap();
    fs::write(lab.path("outside/c.log"), AUTH).unwrap();
    symlink(lab.path("logs"), lab.path("logs/in/round")).unwrap();
    symlink(lab.path("logs"), lab.path("logs/in/again")).unwrap();
    symlink(lab.path("outside"), lab.path("logs/out")).unwrap();
    symlink(lab.path("logs/a.log"), lab.path("logs/same.log")).unwrap();
    let whole = lab.path("logs/a.log");
    for paths in [
        &["logs"][..],
        &["logs/**/*.log"],
        &["./logs//./**/*.log"],
        &["logs/../logs/**/*.log"],
        &["l*/**"],
        &["**/logs/**/*.log"],
        &["./logs", "logs/a.log", whole.to_str().unwrap()],
    ] {
        let (hits, summary) = lab.hits(paths);
        assert_eq!((hits.len(), &summary["files"]), (2, &2.into()), "{paths:?}");
    }
    assert_eq!(lab.hits(&["logs", "logs/out"]).0.len(), 3);
    // What leads nowhere is told once, and the rest is read.
    symlink(lab.path("none"), lab.path("logs/gone.log")).unwrap();
    symlink(lab.path("logs/loop"), lab.path("logs/loop")).unwrap();
    for path in ["logs", "logs/*"] {
        let output = lab.scan(&[path, "--format", "ndjson"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        let (hits, summary) = lines(&output.stdout);
        assert!(hits.len() >= 2, "{told}");
        assert_eq!(summary["files"], hits.len(), "{told}");
        assert_eq!(summary["files_broken"], 2, "{told}");
        assert_eq!(told.lines().count(), 3, "{told}");
        for (name, reason) in [("gone.log", "No such file"), ("loop", "Too many levels")] {
            assert_eq!(told.matches(&format!("logs/{name}")).count(), 1, "{told}");
            assert_eq!(told.matches(reason).count(), 1, "{told}");
        }
    }
}

#[test]
fn lines_that_are_no_json_among_json_are_told() {
    let lab = Lab::new();
    let event = windows("2026-03-20T13:02:11.000Z");
    let cut = &event[..event.len() - 9];
    let content = format!("\u{feff}{event}\n{cut}\n{event}\nrubbish\n[7]\n{event}\n");
    lab.log("a.ndjson", content);
    let output = lab.scan(&["logs", "--format", "ndjson"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let (cut_at, rubbish_at) = (event.len() + 4, 2 * event.len() + cut.len() + 6);
    for at in [cut_at, rubbish_at] {
        let expected = format!("a.ndjson: at byte {at}: a line that is not JSON");
        assert!(told.contains(&expected), "{told}");
    }
    assert_eq!(told.matches("a.ndjson").count(), 2, "{told}");
    let (hits, summary) = lines(&output.stdout);
    assert_eq!((hits.len(), &summary["events"]), (3, &6.into()));
    // Many are counted.
    let many = format!("{event}\n").repeat(100) + &"rubbish\n".repeat(20_000);
    lab.log("a.ndjson", many);
    let told = text(&lab.scan(&["logs"]).stderr);
    assert_eq!(told.matches("is not JSON").count(), 20, "{told}");
    assert!(told.contains("a.ndjson: and 19980 more\n"), "{told}");
}

#[test]
fn without_a_rule_nothing_is_said_to_be_clean() {
    let lab = Lab::new();
    lab.log("auth.log", AUTH);
    fs::create_dir(lab.path("empty")).unwrap();
    fs::write(lab.path("bad.yml"), "title: x\ndetection: {a: 1}\n").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saqshy"));
        let command = command.current_dir(lab.folder.path());
        let output = command.args(arguments).output().unwrap();
        (output.status.code(), text(&output.stderr), output.stdout)
    };
    for (arguments, reason) in [
        (&["--rules", "empty"][..], "no rule was loaded"),
        (&["--rules", "bad.yml"], "rule refused: bad.yml"),
        (
            &["--rules", "bad.yml"],
            "no rule was loaded (1 refused, 0 not chosen)",
        ),
        (
            &["--rules", "rules.yml", "--rule", "none*"],
            "0 refused, 2 not chosen",
        ),
    ] {
        let (code, told, out) = run(&[&["scan", "logs"], arguments].concat());
        assert_eq!((code, out.len()), (Some(2), 0), "{arguments:?}");
        assert!(told.contains(reason), "{told}");
    }
    let (code, told, _) = run(&["rules", "check", "empty"]);
    assert!(code == Some(1) && told.contains("no rule found"), "{told}");
    assert_eq!(run(&["rules", "check", "rules.yml"]).0, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let lab = Lab::new();
    lab.log("auth.log", AUTH);
    for format in ["table", "ndjson", "json", "csv", "html"] {
        let output = lab.scan(&["logs", "--format", format, "--output", "/dev/full"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{format}: {told}");
        assert!(told.contains("writing `/dev/full`: No space"), "{told}");
    }
}

#[test]
fn tables_and_reports_hold_hostile_text_safely() {
    let lab = Lab::new();
    lab.log("</script><b>.ndjson", windows("2026-03-20T13:02:11.000Z"));
    lab.log("auth.log", AUTH);
    let output = lab.scan(&["logs", "--format", "csv", "--output", "hits.csv"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    let table = fs::read_to_string(lab.path("hits.csv")).unwrap();
    assert_eq!(table.lines().count(), 3);
    assert!(table.starts_with("@timestamp,rule.id,rule.name,"));
    let output = lab.scan(&[
        "logs",
        "--format",
        "html",
        "--output",
        "report.html",
        "--lang",
        "kk",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = fs::read_to_string(lab.path("report.html")).unwrap();
    // Three blocks of data and our script, nothing of the logs or rules.
    assert_eq!(page.matches("<script").count(), 4);
    assert_eq!(page.matches("</script>").count(), 4);
    assert!(!page.contains("<img") && !page.contains("<b>"));
    let data = page
        .split("id=\"data\">")
        .nth(1)
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["hits"].as_array().unwrap().len(), 2);
    let details = data["hits"].to_string();
    assert!(
        details.contains("<img src=x onerror=alert(1)>"),
        "{details}"
    );
    assert!(page.contains("script-src 'sha256-") && page.contains("default-src 'none'"));
    assert!(
        !page.contains("src=\"") && !page.contains("href="),
        "nothing is loaded"
    );
    // Table for people: on standard output the rules, on standard error the closing line.
    let output = lab.scan(&["logs"]);
    assert!(
        text(&output.stdout).contains("high    1     Process of the test"),
        "{}",
        text(&output.stdout)
    );
    assert!(
        text(&output.stderr).starts_with("2 hits in 2 events of "),
        "{}",
        text(&output.stderr)
    );
}

/// Five refused passwords of one account, then an accepted one: over two files, the later part
/// of the story in the file that is read first.
#[test]
fn correlations_run_over_all_files_in_the_order_of_time() {
    let lab = Lab::new();
    fs::write(lab.path("story.yml"), CORRELATION).unwrap();
    let line = |time: &str, what: &str, from: &str| {
        format!(
            "Mar 20 {time} gate sshd[811]: {what} password for oper from {from} port 40120 ssh2\n"
        )
    };
    let (ours, other) = ("203.0.113.24", "198.51.100.7");
    lab.log(
        "a.log",
        [
            line("13:02:30", "Failed", ours),
            line("13:02:40", "Failed", ours),
            line("13:02:50", "Accepted", ours),
            line("13:02:50", "Accepted", other),
        ]
        .concat(),
    );
    lab.log(
        "b.log",
        [
            line("13:02:00", "Failed", ours),
            line("13:02:10", "Failed", ours),
            line("13:02:20", "Failed", ours),
        ]
        .concat(),
    );
    let with = |arguments: &[&str]| {
        lab.hits(
            &[
                &[
                    "logs",
                    "--rules",
                    "story.yml",
                    "--exclude-rule",
                    "failed password*",
                ],
                arguments,
            ]
            .concat(),
        )
    };
    for threads in ["1", "3"] {
        let (hits, summary) = with(&["--threads", threads]);
        let [hit] = &hits[..] else {
            panic!("{hits:#?}");
        };
        assert_eq!(hit["rule.name"], "Password guessed");
        assert_eq!(hit["rule.author"], "the tests");
        assert_eq!(hit["sigma.level"], "critical");
        assert_eq!(hit["host.name"], "gate");
        assert!(hit["log.file.path"].as_str().unwrap().ends_with("a.log"));
        assert!(
            hit["@timestamp"]
                .as_str()
                .unwrap()
                .contains("-03-20T13:02:50")
        );
        assert!(
            hit["correlation.first"]
                .as_str()
                .unwrap()
                .contains("T13:02:40")
        );
        assert_eq!(hit["correlation.entity.kind"], "user.name");
        assert_eq!(hit["correlation.entity.value"], "oper");
        let events = hit["correlation.events"].as_array().unwrap();
        assert_eq!(hit["correlation.count"], events.len());
        let last = events.last().unwrap();
        assert!(last["log.file.path"].as_str().unwrap().ends_with("a.log"));
        assert_eq!(
            last["log.offset"],
            2 * line("13:02:30", "Failed", ours).len()
        );
        assert_eq!(summary["correlations_loaded"], 2);
        assert_eq!(
            (&summary["hits"], &summary["correlation_hits"]),
            (&1.into(), &1.into())
        );
        assert_eq!(summary["correlation_inputs_lost"], 0);
    }
    // The rules under a correlation that was asked for run, whatever their own level.
    assert_eq!(with(&["--level", "critical"]).0.len(), 1);
    assert_eq!(with(&["--rule", "password guessed"]).0.len(), 1);
    assert_eq!(
        with(&["--rule", "password guessed", "--to", "1990-01-01"])
            .0
            .len(),
        0
    );
    // Without the correlation, its rules report by themselves.
    assert_eq!(
        with(&["--exclude-rule", "*guess*", "--exclude-rule", "many*"])
            .0
            .len(),
        7
    );
    let told = |format: &str| {
        let arguments = [
            "logs",
            "--rules",
            "story.yml",
            "--level",
            "critical",
            "--format",
            format,
        ];
        text(&lab.scan(&arguments).stdout)
    };
    assert!(
        told("table").contains("critical  1     Password guessed"),
        "{}",
        told("table")
    );
    assert!(told("csv").contains(",user.name,oper,"), "{}", told("csv"));
    assert!(told("json").contains("\"correlation.events\""));
    let page = told("html");
    assert!(page.contains("× user.name: oper · "), "{page}");
    assert!(page.contains("\"description\":\"One came in after many tries.\""));
}

/// Field names of a collector of one's own, by pipelines that stand above one another: `scan`,
/// `rules check`, `rules test` and `rules explain` see them.
#[test]
fn pipelines_rename_fields_for_every_verb() {
    let lab = Lab::new();
    let rule = "title: Evil program
id: evil
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\\evil.exe', User|expand: '%watched%'}
  condition: selection
level: high
";
    fs::write(lab.path("evil.yml"), rule).unwrap();
    let first = "name: ours
priority: 10
transformations:
  - {type: field_name_mapping, mapping: {Image: path, User: who}}
  - {type: change_logsource, category: collector}
";
    // Written first on the command line, but later by its priority.
    let second = "name: prefix
priority: 20
vars: {watched: [oper, root]}
transformations:
  - {type: value_placeholders}
  - {type: field_name_prefix, prefix: 'proc.'}
";
    fs::write(lab.path("ours.yml"), first).unwrap();
    fs::write(lab.path("prefix.yml"), second).unwrap();
    let event = r#"{"@timestamp":"2026-03-20T13:02:11Z","data_stream":{"dataset":"collector"},"proc":{"path":"C:\\evil.exe","who":"oper"}}"#;
    lab.log("export.ndjson", format!("{event}\n{event}\n"));
    fs::write(lab.path("event.json"), event).unwrap();
    let samples = format!(
        "[[positive]]\nformat = \"json\"\nlines = ['{event}']\n[[negative]]\nformat = \"json\"\nlines = ['{}']\n",
        event.replace("oper", "other")
    );
    fs::write(lab.path("evil.samples.toml"), samples).unwrap();
    let pipelines = ["--pipeline", "prefix.yml", "--pipeline", "ours.yml"];
    let scan = |more: &[&str]| {
        let arguments = ["logs", "--rules", "evil.yml", "--rule", "evil"];
        lab.hits(&[&arguments, more].concat()).0.len()
    };
    assert_eq!((scan(&[]), scan(&pipelines)), (0, 2));
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saqshy"));
        let command = command.current_dir(lab.folder.path());
        let output = command.arg("rules").args(arguments).output().unwrap();
        (
            output.status.code(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let with = |arguments: &[&str]| run(&[arguments, &pipelines].concat());
    let (code, told) = run(&["test", "evil.yml"]);
    assert_eq!(code, Some(1), "{told}");
    let (code, told) = with(&["test", "evil.yml"]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = with(&["explain", "evil.yml", "event.json"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("proc.path"), "{told}");
    assert_eq!(run(&["explain", "evil.yml", "event.json"]).0, Some(1));
    let (code, told) = with(&["check", "evil.yml"]);
    assert!(code == Some(0) && !told.contains("warning:"), "{told}");
    let (_, told) = run(&["check", "evil.yml"]);
    assert!(told.contains("%watched%"), "{told}");
    // A pipeline that refuses a rule, and one that cannot be read.
    let failure = "transformations: [{type: rule_failure, message: not here}]\n";
    fs::write(lab.path("never.yml"), failure).unwrap();
    let (code, told) = run(&["check", "evil.yml", "--pipeline", "never.yml"]);
    assert!(code == Some(1) && told.contains("not here"), "{told}");
    fs::write(
        lab.path("broken.yml"),
        "transformations: [{type: nothing}]\n",
    )
    .unwrap();
    for verb in [
        &["check", "evil.yml"][..],
        &["test", "evil.yml"],
        &["explain", "evil.yml", "event.json"],
    ] {
        let (code, told) = run(&[verb, &["--pipeline", "broken.yml"]].concat());
        assert!(code == Some(2) && told.contains("nothing"), "{told}");
    }
    assert_eq!(
        run(&["check", "evil.yml", "--pipeline", "none.yml"]).0,
        Some(2)
    );
}

#[cfg(unix)]
#[test]
fn after_ctrl_c_comes_what_was_found() {
    let lab = Lab::new();
    let mut child = lab
        .command(&["-", "--format", "ndjson"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // Some blocks, so that something is found although the input does not end. The program may
    // be gone before it has read all of them.
    let many = AUTH.repeat(1_000);
    let writer = std::thread::spawn(move || {
        let _ = (0..60).try_for_each(|_| input.write_all(many.as_bytes()));
        input
    });
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    std::io::BufRead::read_line(&mut output, &mut first).unwrap();
    assert!(first.contains("rule.id"), "{first}");
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupt.success());
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut output, &mut rest).unwrap();
    let (hits, summary) = lines(&rest);
    assert_eq!(summary["interrupted"], true);
    assert_eq!(summary["hits"], hits.len() + 1);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(writer.join());
}

/// The public samples: the same hits whole, as one stream, packed, and without their headers.
#[test]
fn real_logs_give_the_same_hits_however_they_come() {
    let data = std::env::var_os("SAQSHY_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let sample = data.join(
        "evtx/EVTX-ATTACK-SAMPLES/AutomatedTestingTools/PanacheSysmon_vs_AtomicRedTeam01.evtx",
    );
    let rules = data.join("sigma/rules/windows");
    if !sample.exists() || !rules.exists() {
        eprintln!("SKIPPED: no test data at {}", data.display());
        return;
    }
    let lab = Lab::new();
    let bytes = fs::read(&sample).unwrap();
    lab.log("whole.evtx", &bytes);
    lab.log(
        "carved.bin",
        [b"rubbish".as_slice(), &bytes[4_096..]].concat(),
    );
    lab.log("packed", gzip(&bytes));
    let (hits, summary) = lab.hits(&["logs", "--rules", rules.to_str().unwrap()]);
    let of = |name: &str| -> BTreeSet<String> {
        let hits = hits
            .iter()
            .filter(|hit| hit["log.file.path"].as_str().unwrap().ends_with(name));
        hits.map(|hit| format!("{} {}", hit["rule.id"], hit["winlog.record_id"]))
            .collect()
    };
    let whole = of("whole.evtx");
    assert!(whole.len() > 100, "{}", whole.len());
    assert_eq!(whole, of("carved.bin"));
    assert_eq!(whole, of("packed"));
    assert_eq!(summary["files_broken"], 1);
}
