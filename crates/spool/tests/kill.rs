//! `kill -9` at any moment: what a process had been told is stored, is.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use saqshy_spool::{Options, Spool};

const CHILD: &str = "SAQSHY_SPOOL_KILL_DIR";

fn options() -> Options {
    Options {
        segment_bytes_max: 64 << 10,
        ..Options::default()
    }
}

fn record(number: u64) -> Vec<u8> {
    format!("{number} {}", "k".repeat((number * 31 % 900) as usize)).into_bytes()
}

/// The child's part, in a process of its own: appends and says what was acknowledged.
#[test]
fn write_until_killed() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let spool = Spool::open(Path::new(&dir), &options()).unwrap();
    let mut out = std::io::stdout();
    loop {
        let next = spool.durable_end();
        let records: Vec<_> = (next..next + 1 + next % 7).map(record).collect();
        let slices: Vec<_> = records.iter().map(Vec::as_slice).collect();
        let range = spool.append(&slices).unwrap();
        assert_eq!(range.start, next);
        writeln!(out, "acknowledged {}", range.end).unwrap();
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut end = 0;
    for round in 0..25 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "write_until_killed", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = |line: &str| line.strip_prefix("acknowledged ")?.parse::<u64>().ok();
        for _ in 0..10 + round * 7 {
            end = said(&lines.next().unwrap().unwrap()).unwrap_or(end);
        }
        child.kill().unwrap();
        // What it could still say before it died counts too.
        for line in lines {
            end = said(&line.unwrap()).unwrap_or(end);
        }
        child.wait().unwrap();
        let spool = Spool::open(dir.path(), &options()).unwrap();
        assert!(
            spool.durable_end() >= end,
            "round {round}: {} of {end}",
            spool.durable_end()
        );
        end = spool.durable_end();
        let mut at = 0;
        while at < end {
            for (number, bytes) in spool.read(at, 1000, 1 << 20).unwrap() {
                assert_eq!((number, &bytes), (at, &record(at)));
                at += 1;
            }
        }
    }
    assert!(end > 1000, "{end}");
}
