//! A server is killed at random moments while a client sends numbered events over HTTP. After
//! every restart, each acknowledged event is in the lake, and none is there twice.
//!
//! `SAQSHY_CRASH_ROUNDS` sets the number of kills; 100 by default.

mod common;

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use common::{Server, http, prepare, wait_for};

/// Events in one `_bulk` request.
const REQUEST_EVENTS: i64 = 20;

fn random(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below
}

/// Sends requests of consecutive numbers until the server goes away; gives the first number that
/// was not acknowledged. What was sent without an answer may or may not be stored, so its numbers
/// are given up: `next` moves past them.
fn send_until_gone(
    to: std::net::SocketAddr,
    token: &str,
    next: &AtomicI64,
    acknowledged: &mut Vec<(i64, i64)>,
    stop: &AtomicBool,
) {
    let headers =
        format!("content-type: application/x-ndjson\r\nauthorization: ApiKey {token}\r\n");
    while !stop.load(Ordering::Relaxed) {
        let first = next.fetch_add(REQUEST_EVENTS, Ordering::Relaxed);
        let last = first + REQUEST_EVENTS;
        let body: String = (first..last)
            .map(|number| {
                format!(
                    "{{\"create\":{{\"_index\":\"logs-crash-test\"}}}}\n{{\"@timestamp\":\"2026-11-20T10:00:00Z\",\"message\":\"event {number}\",\"event.sequence\":{number},\"data_stream.dataset\":\"crash\"}}\n"
                )
            })
            .collect();
        match http(to, "POST", "/_bulk", &headers, body.as_bytes()) {
            Ok(reply) if reply.status == 200 => {
                let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
                assert_eq!(answer["errors"], false, "{answer}");
                acknowledged.push((first, last));
            }
            Ok(reply) => assert!(matches!(reply.status, 429 | 503), "{}", reply.text()),
            Err(_) => return,
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_stored_twice_when_the_server_is_killed() {
    let rounds: u32 = std::env::var("SAQSHY_CRASH_ROUNDS").map_or(100, |rounds| {
        rounds.parse().expect("SAQSHY_CRASH_ROUNDS is a number")
    });
    let folder = tempfile::tempdir().unwrap();
    // Small flushes, so that kills fall into commits of the table too.
    let config = prepare(
        folder.path(),
        "\n[lake]\nflush_rows = 300\nflush_age_ms = 150\n",
    );
    let mut server = Server::start(&config);
    let token = server.sign_in().new_source("crash");
    let next = AtomicI64::new(0);
    let mut acknowledged = Vec::new();
    for round in 1..=rounds {
        let to = server.address("http");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let sender =
                scope.spawn(|| send_until_gone(to, &token, &next, &mut acknowledged, &stop));
            std::thread::sleep(Duration::from_millis(20 + random(400)));
            server.kill();
            stop.store(true, Ordering::Relaxed);
            sender
                .join()
                .expect("the sender saw only well-formed answers");
        });
        server = Server::start(&config);
        if round % 10 == 0 || round == rounds {
            let next = next.load(Ordering::Relaxed);
            check(&server, &acknowledged, next, round);
        }
    }
}

/// Every acknowledged number once, no number twice. The few requests without an answer are named,
/// the many with one are counted.
fn check(server: &Server, acknowledged: &[(i64, i64)], next: i64, round: u32) {
    let api = server.sign_in();
    let wanted: i64 = acknowledged.iter().map(|(first, last)| last - first).sum();
    let answered: HashSet<i64> = acknowledged
        .iter()
        .map(|(first, _)| first / REQUEST_EVENTS)
        .collect();
    let unanswered: Vec<String> = (0..next / REQUEST_EVENTS)
        .filter(|request| !answered.contains(request))
        .chain([-1])
        .map(|request| request.to_string())
        .collect();
    let found = format!(
        "select count(distinct \"event.sequence\") from events \
         where \"data_stream.dataset\" = 'crash' \
         and \"event.sequence\" / {REQUEST_EVENTS} not in ({})",
        unanswered.join(",")
    );
    wait_for(
        &format!("round {round}: {wanted} acknowledged events"),
        Duration::from_secs(60),
        || api.try_number(&found) == Ok(wanted),
    );
    let twice = "select count(*) - count(distinct \"event.sequence\") from events \
                 where \"data_stream.dataset\" = 'crash'";
    assert_eq!(api.number(twice), 0, "round {round}: events stored twice");
    let ids = "select count(*) - count(distinct \"event.id\") from events";
    assert_eq!(api.number(ids), 0, "round {round}: event ids used twice");
    eprintln!("round {round}: {wanted} acknowledged events, each found once");
}
