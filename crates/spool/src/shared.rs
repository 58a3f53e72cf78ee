//! What the handles and the commit thread have in common.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, RwLock};

use crate::commit::{Queue, Writer};
use crate::error::{AppendError, ReadError};
use crate::frame::HEADER_BYTES;
use crate::options::Options;
use crate::recover::{OpenReport, Opened};
use crate::segment::{Reading, Segment};
use crate::storage::Storage;

type Subscriber = Box<dyn Fn(u64) + Send + Sync>;

pub(crate) struct Shared {
    pub dir: PathBuf,
    pub options: Options,
    pub storage: Arc<dyn Storage>,
    pub queue: Queue,
    state: Mutex<State>,
    grown: Condvar,
    subscribers: RwLock<Vec<Subscriber>>,
}

#[derive(Default)]
struct State {
    /// Ascending, never empty; the last is written to. With the durable length of each.
    segments: Vec<(Arc<Segment>, u64)>,
    durable_end: u64,
    released: u64,
    bytes: u64,
    refused: bool,
    report: OpenReport,
}

impl State {
    /// Removes the leading segments whose records are all released. A file that cannot be removed
    /// stays, to be tried again.
    fn remove_released(&mut self, storage: &dyn Storage) {
        while let [(oldest, len), (newer, _), ..] = &self.segments[..]
            && newer.first <= self.released
        {
            match storage.remove(&oldest.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return,
                _ => {}
            }
            self.bytes -= len;
            self.segments.remove(0);
        }
    }
}

impl Shared {
    pub fn new(dir: PathBuf, options: Options, storage: Arc<dyn Storage>) -> Self {
        Shared {
            dir,
            options,
            storage,
            queue: Queue::default(),
            state: Mutex::default(),
            grown: Condvar::new(),
            subscribers: RwLock::default(),
        }
    }

    /// Takes over what opening found, and hands out the writer for it.
    pub fn install(&self, opened: Opened, write_with: impl FnOnce(Writer)) -> OpenReport {
        let Opened {
            segments,
            active,
            next,
            report,
        } = opened;
        if let Some((segment, len)) = segments.last() {
            write_with(Writer::new(segment.clone(), active, *len, next));
        }
        {
            let mut state = self.state.lock();
            state.bytes = segments.iter().map(|segment| segment.1).sum();
            state.segments = segments;
            state.durable_end = next;
            state.refused = false;
            state.report = report.clone();
            state.remove_released(&*self.storage);
        }
        self.announce(next);
        report
    }

    pub fn publish(&self, segment: &Arc<Segment>, len: u64, next: u64) {
        let mut state = self.state.lock();
        debug_assert!(
            state
                .segments
                .last()
                .is_some_and(|last| Arc::ptr_eq(&last.0, segment))
        );
        if let Some(last) = state.segments.last_mut() {
            let grown = len - last.1;
            last.1 = len;
            state.bytes += grown;
        }
        state.durable_end = next;
    }

    pub fn begin_segment(&self, segment: Arc<Segment>) {
        let mut state = self.state.lock();
        state.segments.push((segment, HEADER_BYTES as u64));
        state.bytes += HEADER_BYTES as u64;
        state.remove_released(&*self.storage);
    }

    /// Wakes those who wait for records.
    pub fn announce(&self, durable_end: u64) {
        self.grown.notify_all();
        self.subscribers
            .read()
            .iter()
            .for_each(|subscriber| subscriber(durable_end));
    }

    pub fn subscribe(&self, subscriber: Subscriber) {
        self.subscribers.write().push(subscriber);
    }

    pub fn refuse(&self) {
        self.state.lock().refused = true;
    }

    pub fn is_refusing(&self) -> bool {
        self.state.lock().refused
    }

    pub fn full(&self) -> AppendError {
        AppendError::Full {
            bytes: self.state.lock().bytes,
            bytes_max: self.options.total_bytes_max,
        }
    }

    /// Whether `more` bytes would fit, and records are taken at all.
    pub fn check_room(&self, more: u64) -> Result<(), AppendError> {
        let state = self.state.lock();
        if state.refused {
            return Err(AppendError::Refused);
        }
        // A new segment may have to begin, so its header is counted.
        let bytes_max = self.options.total_bytes_max;
        if state.bytes + HEADER_BYTES as u64 + more > bytes_max {
            return Err(AppendError::Full {
                bytes: state.bytes,
                bytes_max,
            });
        }
        Ok(())
    }

    pub fn durable_end(&self) -> u64 {
        self.state.lock().durable_end
    }

    pub fn start(&self) -> u64 {
        self.state
            .lock()
            .segments
            .first()
            .map_or(0, |segment| segment.0.first)
    }

    pub fn report(&self) -> OpenReport {
        self.state.lock().report.clone()
    }

    pub fn stored(&self) -> (u64, u64) {
        let state = self.state.lock();
        let start = state.segments.first().map_or(0, |segment| segment.0.first);
        (state.bytes, state.durable_end - start)
    }

    pub fn wait_beyond(&self, seq: u64, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut state = self.state.lock();
        while state.durable_end <= seq {
            if self.grown.wait_until(&mut state, until).timed_out() {
                return state.durable_end > seq;
            }
        }
        true
    }

    pub fn release(&self, up_to: u64) {
        let mut state = self.state.lock();
        state.released = state.released.max(up_to.min(state.durable_end));
        state.remove_released(&*self.storage);
    }

    pub fn read(
        &self,
        from: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
        let (segments, durable_end) = {
            let state = self.state.lock();
            let start = state.segments.first().map_or(0, |segment| segment.0.first);
            if from < start {
                return Err(ReadError::Released { from, start });
            }
            let at = state
                .segments
                .partition_point(|segment| segment.0.first <= from);
            let wanted = &state.segments[at.saturating_sub(1)..];
            (wanted.to_vec(), state.durable_end)
        };
        let mut reading = Reading {
            next: from,
            max_records,
            max_bytes,
            bytes: 0,
            out: Vec::new(),
        };
        if from >= durable_end || max_records == 0 {
            return Ok(reading.out);
        }
        for (at, (segment, len)) in segments.iter().enumerate() {
            let end = segments
                .get(at + 1)
                .map_or(durable_end, |newer| newer.0.first);
            if reading.next >= end {
                continue;
            }
            let read = reading.read_segment(segment, &*self.storage, *len, end);
            match read {
                Ok((done, false)) => return Ok(done.out),
                Ok((on, true)) => reading = on,
                // Released while reading.
                Err(ReadError::Storage { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound && from < self.start() =>
                {
                    return Err(ReadError::Released {
                        from,
                        start: self.start(),
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(reading.out)
    }
}
