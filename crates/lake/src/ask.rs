//! The questions one can ask the lake.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use futures::StreamExt;

use crate::error::LakeError;
use crate::file::hash_of;
use crate::lake::Lake;
use crate::query::{FieldName, Leaf, Node, Query, Test};
use crate::scan::{Source, TimeRange};
use crate::schema::{COLUMN_ID, COLUMN_ORIGINAL, COLUMN_ORIGINAL_BASE64};
use crate::search::{Extra, FieldCounter, FieldSummary, SearchEvent, SearchRequest, SearchStream};

/// Newest matches that [`Lake::field_summary`] looks at.
pub const SAMPLE_ROWS: usize = 5_000;

/// Events whose id differs only in letter case, at most.
const ID_CANDIDATES: usize = 16;

/// A file that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileFinding {
    /// Relative to the lake's folder.
    pub path: String,
    pub what: String,
}

/// Sets a flag when dropped: a caller that goes away stops its work.
struct CancelOnDrop(std::sync::Arc<AtomicBool>);

impl CancelOnDrop {
    fn new() -> Self {
        CancelOnDrop(std::sync::Arc::default())
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Lake {
    /// Starts a search over everything appended so far. Must be called within a tokio runtime.
    pub fn search(&self, request: SearchRequest) -> SearchStream {
        self.sources().search(request, Extra::default())
    }

    /// Counts the matches.
    pub async fn count(
        &self,
        query: &Query,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<u64, LakeError> {
        let (sources, query, range) = (self.sources(), query.clone(), TimeRange::of(from, to));
        let cancel = CancelOnDrop::new();
        let flag = cancel.0.clone();
        spawn_blocking(move || {
            let count = AtomicU64::new(0);
            sources.each(&query, range, &flag, &|_, times, _| {
                count.fetch_add(times.len() as u64, Ordering::Relaxed);
            })?;
            Ok(count.into_inner())
        })
        .await?
    }

    /// Counts the matches in `buckets` equal spans of `from <= @timestamp < to`; each with the
    /// time at which it begins.
    pub async fn histogram(
        &self,
        query: &Query,
        from: Timestamp,
        to: Timestamp,
        buckets: usize,
    ) -> Result<Vec<(Timestamp, u64)>, LakeError> {
        let range = TimeRange::of(Some(from), Some(to));
        if buckets == 0 || range.from >= range.to {
            return Ok(Vec::new());
        }
        let (sources, query) = (self.sources(), query.clone());
        let cancel = CancelOnDrop::new();
        let flag = cancel.0.clone();
        spawn_blocking(move || {
            let span = (range.to - range.from).unsigned_abs();
            let width = span.div_ceil(buckets as u64).max(1);
            let counts: Vec<AtomicU64> = (0..span.div_ceil(width))
                .map(|_| AtomicU64::new(0))
                .collect();
            sources.each(&query, range, &flag, &|_, times, _| {
                for time in times {
                    let bucket = (time - range.from).unsigned_abs() / width;
                    counts[bucket as usize].fetch_add(1, Ordering::Relaxed);
                }
            })?;
            let starts =
                (0..).map(|bucket: u64| range.from.saturating_add_unsigned(bucket * width));
            Ok(starts
                .zip(counts)
                .map(|(start, count)| {
                    (
                        Timestamp::from_microsecond(start).unwrap_or(from),
                        count.into_inner(),
                    )
                })
                .collect())
        })
        .await?
    }

    /// The fields of the newest matches, at most [`SAMPLE_ROWS`], and their most frequent values.
    /// Without `event.original` and `event.id`, which every event has and none shares.
    pub async fn field_summary(
        &self,
        query: &Query,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Vec<FieldSummary>, LakeError> {
        let query = query.clone();
        let request = SearchRequest {
            query,
            from,
            to,
            limit: SAMPLE_ROWS,
            newest_first: true,
        };
        let without = &[COLUMN_ORIGINAL, COLUMN_ID, COLUMN_ORIGINAL_BASE64];
        let mut events = self.sources().search(request, Extra { id: None, without });
        let mut counter = FieldCounter::default();
        while let Some(message) = events.next().await {
            if let SearchEvent::Event(event) = message? {
                counter.add(&event);
            }
        }
        Ok(counter.finish())
    }

    /// The event with exactly this `event.id`.
    pub async fn event(&self, id: &str) -> Result<Option<Map<String, Value>>, LakeError> {
        let leaf = Leaf {
            field: Some(FieldName::Exact(COLUMN_ID.into())),
            test: Test::Text(id.to_owned()),
        };
        let request = SearchRequest {
            query: Query {
                root: Node::Leaf(leaf),
            },
            from: None,
            to: None,
            limit: ID_CANDIDATES,
            newest_first: true,
        };
        let extra = Extra {
            id: Some(id.to_owned()),
            without: &[],
        };
        let mut events = self.sources().search(request, extra);
        while let Some(message) = events.next().await {
            match message? {
                SearchEvent::Event(event) if event.get(COLUMN_ID) == Some(&id.into()) => {
                    return Ok(Some(event));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads every live file and compares its SHA-256 with the table's log.
    pub async fn verify_files(&self) -> Result<Vec<FileFinding>, LakeError> {
        let view = self.view();
        let dir = self.inner.config.dir.clone();
        let cancel = CancelOnDrop::new();
        let flag = cancel.0.clone();
        spawn_blocking(move || {
            let mut findings = Vec::new();
            for source in view.sources() {
                let Source::File(file) = source else { continue };
                if flag.load(Ordering::Relaxed) {
                    return Err(LakeError::Cancelled);
                }
                let what = match hash_of(&dir.join(&file.path)) {
                    Ok(hash) if hash == file.sha256 => continue,
                    Ok(hash) => format!("SHA-256 is {hash}, the table's log says {}", file.sha256),
                    Err(error) => format!("cannot be read: {error}"),
                };
                findings.push(FileFinding {
                    path: file.path.clone(),
                    what,
                });
            }
            Ok(findings)
        })
        .await?
    }
}
