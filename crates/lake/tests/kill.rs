//! The process is killed at any moment: the table holds exactly the records below its position.

mod common;

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{config, ids, plain, request, seconds, start};
use saqshy_lake::{Lake, query};

const DIR: &str = "SAQSHY_LAKE_KILL_DIR";
/// How often to kill; more for a long run.
const ROUNDS: &str = "SAQSHY_LAKE_KILL_ROUNDS";

/// Not a test of its own: the process that is killed. Does nothing unless told where.
#[tokio::test(flavor = "multi_thread")]
async fn child_appends_until_killed() {
    let Some(dir) = env::var_os(DIR) else { return };
    let lake = Lake::open(config(&PathBuf::from(dir)), "n").await.unwrap();
    let mut at = start();
    for round in 0u64.. {
        at += seconds(1);
        let next = lake.next();
        let count = 1 + next % 37;
        lake.append(plain(next, count), next + count, at)
            .await
            .unwrap();
        if round % 2 == 1 {
            lake.flush(at).await.unwrap();
        }
        if round % 5 == 4 {
            lake.compact(at).await.unwrap();
            lake.vacuum(at).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_nothing_is_lost_or_double() {
    let folder = tempfile::tempdir().unwrap();
    let rounds: u64 = env::var(ROUNDS)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(8);
    let mut random = u64::from(std::process::id()) | 1;
    let mut last = 0;
    for round in 0..rounds {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["child_appends_until_killed", "--exact", "--nocapture"])
            .env(DIR, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        tokio::time::sleep(Duration::from_millis(100 + random % 900)).await;
        child.kill().unwrap();
        child.wait().unwrap();

        let lake = Lake::open(config(folder.path()), "n").await.unwrap();
        let position = lake.position();
        assert!(position >= last, "round {round}: {position} after {last}");
        last = position;
        let oldest = saqshy_lake::SearchRequest {
            newest_first: false,
            ..request(query::parse("*").unwrap())
        };
        let (events, _) = common::find(&lake, oldest).await;
        let expected: Vec<String> = (0..position).map(|seq| format!("n-{seq:016x}")).collect();
        assert_eq!(ids(&events), expected, "round {round}");
        assert_eq!(lake.verify_files().await.unwrap(), []);
    }
    assert!(last > 0, "no child came as far as a flush");
}
