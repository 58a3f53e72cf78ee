//! `saqshy scan` as a program: every kind of input, packed or not, the shapes of the output,
//! Ctrl-C.

mod broken;
mod correlations;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

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

    /// A scan that reads what is written to it.
    fn reading(&self) -> Child {
        self.command(&["-", "--format", "ndjson"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
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
        let mut child = lab.reading();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        let output = child.wait_with_output().unwrap();
        let (hits, _) = lines(&output.stdout);
        assert_eq!(hits.len(), 1);
        assert_eq!(hits[0]["log.file.path"], "-");
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
    let mut child = lab.reading();
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
