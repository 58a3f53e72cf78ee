//! Events made up for the tests, and ways to ask for all of them.
#![allow(dead_code)]

use std::path::Path;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use saqshy_event::{Batch, BatchBuilder};
use saqshy_lake::{
    Done, Lake, LakeConfig, SearchEvent, SearchRequest, query, query::Query, stored_form,
};
use serde_json::{Map, Value};

pub type Event = Map<String, Value>;

pub fn start() -> Timestamp {
    "2026-03-20T09:30:00Z".parse().unwrap()
}

pub fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// Settings that never flush or compact by themselves.
pub fn config(dir: &Path) -> LakeConfig {
    LakeConfig {
        flush_rows: usize::MAX,
        flush_bytes: usize::MAX,
        flush_age: SignedDuration::from_hours(1_000),
        compact_files: 2,
        vacuum_age: SignedDuration::ZERO,
        search_threads: 2,
        checkpoint_commits: 5,
        ..LakeConfig::new(dir)
    }
}

/// `count` plain events with positions from `first`, one second apart.
pub fn plain(first: u64, count: u64) -> Batch {
    let mut builder = BatchBuilder::default();
    for seq in first..first + count {
        let at = start() + seconds(i64::try_from(seq).unwrap());
        builder.set("@timestamp", at);
        builder.set("event.ingested", at);
        builder.set("event.id", format!("n-{seq:016x}"));
        builder.set(
            "data_stream.dataset",
            if seq % 3 == 0 {
                "linux.auth"
            } else {
                "web.access"
            },
        );
        builder.set("event.original", format!("line {seq} of host-{}", seq % 7));
        builder.set("host.name", format!("host-{}", seq % 7));
        builder.set("source.port", i64::try_from(seq % 100).unwrap());
        builder.end_event();
    }
    builder.finish()
}

/// The events of a batch as the lake gives them out.
pub fn stored(batch: &Batch) -> Vec<Event> {
    batch
        .events()
        .map(|event| stored_form(event, start()))
        .collect()
}

pub async fn find(lake: &Lake, request: SearchRequest) -> (Vec<Event>, Done) {
    let mut events = Vec::new();
    let mut stream = lake.search(request);
    while let Some(message) = stream.next().await {
        match message.unwrap() {
            SearchEvent::Event(event) => events.push(event),
            SearchEvent::Progress(_) => {}
            SearchEvent::Done(done) => return (events, done),
        }
    }
    panic!("the search ended without a last message");
}

pub fn request(query: Query) -> SearchRequest {
    SearchRequest {
        query,
        from: None,
        to: None,
        limit: 100_000,
        newest_first: true,
    }
}

pub async fn all(lake: &Lake, text: &str) -> Vec<Event> {
    find(lake, request(query::parse(text).unwrap())).await.0
}

pub fn ids(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| event["event.id"].as_str().unwrap().to_owned())
        .collect()
}
