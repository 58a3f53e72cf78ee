//! Searches over all sources: newest first, counted, in buckets.
//!
//! Sources are taken in the order of their best time. The rows found so far are kept as (time,
//! source, row); whole events are fetched only for those that are given out. A source that can
//! hold nothing better than what is already found is not opened.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::error::LakeError;
use crate::query::Query;
use crate::scan::{Reader, Scan, Source, TimeRange};

/// What to search for.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    pub query: Query,
    /// Earliest `@timestamp`, included.
    pub from: Option<Timestamp>,
    /// Latest `@timestamp`, excluded.
    pub to: Option<Timestamp>,
    /// Most events to give out, at most [`LIMIT_MAX`].
    pub limit: usize,
    pub newest_first: bool,
}

/// Most events that one search gives out.
pub const LIMIT_MAX: usize = 1_000_000;

/// One message of a running search.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchEvent {
    /// An event that matches, as a flat map; in the order asked for.
    Event(Map<String, Value>),
    Progress(Progress),
    /// The last message.
    Done(Done),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Files and parts in memory that are done or were not needed.
    pub files_done: usize,
    pub files_total: usize,
    pub rows_scanned: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Events found. With `truncated` there are at least so many.
    pub matched: u64,
    /// There may be more matches than were given out.
    pub truncated: bool,
    pub rows_scanned: u64,
}

/// A running search. Dropping it stops the work.
pub struct SearchStream {
    receiver: mpsc::Receiver<Result<SearchEvent, LakeError>>,
    cancel: Arc<AtomicBool>,
}

impl SearchStream {
    /// Set to stop the search; its stream then ends with [`LakeError::Cancelled`].
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        self.cancel.clone()
    }
}

impl Stream for SearchStream {
    type Item = Result<SearchEvent, LakeError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context)
    }
}

impl Drop for SearchStream {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
    }
}

/// What the lake's own questions add to a search.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// Only where this `event.id` can be.
    pub id: Option<String>,
    /// Columns not to fetch.
    pub without: &'static [&'static str],
}

/// The sources of a search and how to read them.
#[derive(Clone)]
pub(crate) struct Sources {
    pub reader: Arc<Reader>,
    pub list: Vec<Source>,
    pub threads: usize,
}

/// Told of matching rows: place of the source in the list, times, row numbers.
pub(crate) type OnSourceRows<'a> = dyn Fn(usize, &[i64], &[i64]) + Sync + 'a;

/// A row found. Ordered as the events are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    /// µs, negated when the newest comes first.
    key: i64,
    source: usize,
    row: usize,
}

struct Best {
    limit: usize,
    hits: BTreeSet<Hit>,
    matched: u64,
    truncated: bool,
}

impl Best {
    /// The worst key that still has a chance, once the limit is reached.
    fn floor(&self) -> Option<i64> {
        (self.hits.len() >= self.limit).then(|| self.hits.last().map_or(i64::MIN, |hit| hit.key))
    }

    /// Whether a source whose best key this is has nothing to add.
    fn is_hopeless(&mut self, key: i64) -> bool {
        let hopeless = self.limit == 0 || self.floor().is_some_and(|floor| key > floor);
        self.truncated |= hopeless;
        hopeless
    }

    /// The times that still have a chance.
    fn narrow(&mut self, range: TimeRange, newest_first: bool) -> TimeRange {
        let mut narrowed = range;
        if let Some(floor) = self.floor() {
            if newest_first {
                narrowed.from = narrowed.from.max(-floor);
            } else {
                narrowed.to = narrowed.to.min(floor.saturating_add(1));
            }
        }
        self.truncated |= narrowed != range;
        narrowed
    }

    fn offer(&mut self, source: usize, newest_first: bool, times: &[i64], rows: &[i64]) {
        self.matched += times.len() as u64;
        for (&time, &row) in times.iter().zip(rows) {
            let key = if newest_first { -time } else { time };
            if self.hits.len() >= self.limit {
                self.truncated = true;
                if self.limit == 0 || self.floor().is_some_and(|floor| key > floor) {
                    continue;
                }
            }
            let row = usize::try_from(row).unwrap_or(usize::MAX);
            self.hits.insert(Hit { key, source, row });
            if self.hits.len() > self.limit {
                self.hits.pop_last();
            }
        }
    }
}

impl TimeRange {
    pub(crate) fn of(from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        TimeRange {
            from: from.map_or(i64::MIN, Timestamp::as_microsecond),
            to: to.map_or(i64::MAX, Timestamp::as_microsecond),
        }
    }
}

impl Sources {
    /// Starts a search.
    pub(crate) fn search(mut self, request: SearchRequest, extra: Extra) -> SearchStream {
        let range = TimeRange::of(request.from, request.to);
        let newest_first = request.newest_first;
        self.list.retain(|source| range.touches(source.times()));
        self.list
            .sort_by_key(|source| best_key(source, newest_first));
        let cancel = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel(256);
        let flag = cancel.clone();
        let last = sender.clone();
        let work = tokio::task::spawn_blocking(move || {
            let mut send = |event| sender.blocking_send(Ok(event)).is_ok();
            run(&self, &request, &extra, range, &flag, &mut send)
        });
        tokio::spawn(async move {
            let ended = work.await.unwrap_or_else(|panic| Err(panic.into()));
            if let Err(error) = ended {
                let _ = last.send(Err(error)).await;
            }
        });
        SearchStream { receiver, cancel }
    }

    /// Calls `on_rows` (source, times, rows) for everything that matches, from several threads.
    pub(crate) fn each(
        &self,
        query: &Query,
        range: TimeRange,
        cancel: &Arc<AtomicBool>,
        on_rows: &OnSourceRows<'_>,
    ) -> Result<(), LakeError> {
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..self.threads.clamp(1, self.list.len().max(1)) {
                scope.spawn(|| {
                    while let Some((at, source)) = self.take(&next) {
                        if cancel.load(Ordering::Relaxed) {
                            failure.lock().get_or_insert(LakeError::Cancelled);
                            break;
                        }
                        let scan = Scan {
                            query,
                            range: &|| range,
                            id: None,
                            cancel,
                        };
                        let scanned = self.reader.scan(source, &scan, &mut |times, rows| {
                            on_rows(at, times, rows);
                        });
                        if let Err(error) = scanned {
                            failure.lock().get_or_insert(error);
                            break;
                        }
                    }
                });
            }
        });
        failure.into_inner().map_or(Ok(()), Err)
    }

    fn take(&self, next: &AtomicUsize) -> Option<(usize, &Source)> {
        let at = next.fetch_add(1, Ordering::Relaxed);
        Some((at, self.list.get(at)?))
    }

    /// Fetches whole events, in the order of `hits`.
    fn fetch(&self, hits: &[Hit], without: &[&str]) -> Result<Vec<Map<String, Value>>, LakeError> {
        let mut by_source: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (place, hit) in hits.iter().enumerate() {
            by_source
                .entry(hit.source)
                .or_default()
                .push((hit.row, place));
        }
        let mut events = vec![Map::new(); hits.len()];
        for (source, mut wanted) in by_source {
            wanted.sort_unstable();
            let rows: Vec<usize> = wanted.iter().map(|&(row, _)| row).collect();
            let found = self.reader.fetch(&self.list[source], &rows, without)?;
            for ((_, place), event) in wanted.into_iter().zip(found) {
                events[place] = event;
            }
        }
        Ok(events)
    }
}

fn best_key(source: &Source, newest_first: bool) -> i64 {
    let (low, high) = source.times();
    if newest_first { -high } else { low }
}

enum Note {
    Done(usize),
    Failed(LakeError),
}

/// Events fetched at once.
const FETCH_ROWS: usize = 5_000;

/// Runs a search to its end. `send` is false when nobody listens any more.
fn run(
    sources: &Sources,
    request: &SearchRequest,
    extra: &Extra,
    range: TimeRange,
    cancel: &Arc<AtomicBool>,
    send: &mut dyn FnMut(SearchEvent) -> bool,
) -> Result<(), LakeError> {
    let newest_first = request.newest_first;
    let limit = request.limit.min(LIMIT_MAX);
    let best = Mutex::new(Best {
        limit,
        hits: BTreeSet::new(),
        matched: 0,
        truncated: false,
    });
    let rows_scanned = AtomicU64::new(0);
    let next = AtomicUsize::new(0);
    let total = sources.list.len();
    let progress = |files_done| {
        let rows_scanned = rows_scanned.load(Ordering::Relaxed);
        SearchEvent::Progress(Progress {
            files_done,
            files_total: total,
            rows_scanned,
        })
    };
    if !send(progress(0)) {
        return Ok(());
    }
    let work = || -> Result<Option<usize>, LakeError> {
        let Some((at, source)) = sources.take(&next) else {
            return Ok(None);
        };
        if cancel.load(Ordering::Relaxed) {
            return Err(LakeError::Cancelled);
        }
        if best.lock().is_hopeless(best_key(source, newest_first)) {
            return Ok(Some(at));
        }
        let scan = Scan {
            query: &request.query,
            range: &|| best.lock().narrow(range, newest_first),
            id: extra.id.as_deref(),
            cancel,
        };
        sources.reader.scan(source, &scan, &mut |times, rows| {
            best.lock().offer(at, newest_first, times, rows);
        })?;
        rows_scanned.fetch_add(source.rows(), Ordering::Relaxed);
        Ok(Some(at))
    };
    let (notes, heard) = channel();
    std::thread::scope(|scope| {
        for _ in 0..sources.threads.clamp(1, total.max(1)) {
            let notes = notes.clone();
            let work = &work;
            scope.spawn(move || {
                loop {
                    let note = match work() {
                        Ok(None) => break,
                        Ok(Some(at)) => Note::Done(at),
                        Err(error) => Note::Failed(error),
                    };
                    let failed = matches!(note, Note::Failed(_));
                    if notes.send(note).is_err() || failed {
                        break;
                    }
                }
            });
        }
        drop(notes);
        let mut done = vec![false; total];
        let (mut first_open, mut given, mut count) = (0, 0, 0);
        loop {
            match heard.recv_timeout(Duration::from_secs(1)) {
                Ok(Note::Done(at)) => {
                    done[at] = true;
                    count += 1;
                    while done.get(first_open) == Some(&true) {
                        first_open += 1;
                    }
                    let open = sources.list.get(first_open);
                    let bound = open.map_or(i64::MAX, |source| best_key(source, newest_first));
                    let finished = open.is_none();
                    let ready = final_hits(&best.lock(), given, bound, finished);
                    if let Err(error) = give(sources, &ready, extra, cancel, send) {
                        cancel.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                    given += ready.len();
                }
                Ok(Note::Failed(error)) => {
                    cancel.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if !send(progress(count)) {
                        cancel.store(true, Ordering::Relaxed);
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(())
    })?;
    if cancel.load(Ordering::Relaxed) {
        return Err(LakeError::Cancelled);
    }
    send(progress(total));
    let best = best.into_inner();
    send(SearchEvent::Done(Done {
        matched: best.matched,
        truncated: best.truncated,
        rows_scanned: rows_scanned.load(Ordering::Relaxed),
    }));
    Ok(())
}

/// Hits after the first `given` that nothing still unread can come before.
fn final_hits(best: &Best, given: usize, bound: i64, finished: bool) -> Vec<Hit> {
    let ready = best
        .hits
        .iter()
        .skip(given)
        .take_while(|hit| finished || hit.key < bound);
    let hits: Vec<Hit> = ready.copied().collect();
    // Opening files for a handful of rows again and again costs more than it shows.
    if finished || hits.len() >= 50 || given == 0 {
        hits
    } else {
        Vec::new()
    }
}

fn give(
    sources: &Sources,
    hits: &[Hit],
    extra: &Extra,
    cancel: &AtomicBool,
    send: &mut dyn FnMut(SearchEvent) -> bool,
) -> Result<(), LakeError> {
    for some in hits.chunks(FETCH_ROWS) {
        if cancel.load(Ordering::Relaxed) {
            return Err(LakeError::Cancelled);
        }
        for event in sources.fetch(some, extra.without)? {
            if !send(SearchEvent::Event(event)) {
                return Err(LakeError::Cancelled);
            }
        }
    }
    Ok(())
}

/// One field among the newest matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldSummary {
    pub name: String,
    /// Events of the sample that have the field.
    pub present: u64,
    /// The most frequent values, most frequent first, at most ten.
    pub top: Vec<(String, u64)>,
}

/// Counts fields and values of events.
#[derive(Default)]
pub(crate) struct FieldCounter {
    fields: BTreeMap<String, (u64, HashMap<String, u64>)>,
}

const TOP_VALUES: usize = 10;

impl FieldCounter {
    pub(crate) fn add(&mut self, event: &Map<String, Value>) {
        for (name, value) in event {
            let (present, values) = match self.fields.get_mut(name) {
                Some(field) => field,
                None => self.fields.entry(name.clone()).or_default(),
            };
            *present += 1;
            let mut count = |item: &Value| match item {
                Value::String(text) => *values.entry(text.clone()).or_default() += 1,
                other => *values.entry(other.to_string()).or_default() += 1,
            };
            match value {
                Value::Array(items) => items.iter().for_each(count),
                single => count(single),
            }
        }
    }

    pub(crate) fn finish(self) -> Vec<FieldSummary> {
        self.fields
            .into_iter()
            .map(|(name, (present, values))| {
                let mut top: Vec<(String, u64)> = values.into_iter().collect();
                top.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                top.truncate(TOP_VALUES);
                FieldSummary { name, present, top }
            })
            .collect()
    }
}
