//! What is broken, what is no log, what cannot be read or written.

use std::fs;
use std::process::Command;

use super::{AUTH, Lab, gzip, lines, text, windows};

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
