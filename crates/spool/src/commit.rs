//! The thread that writes: takes what waits, writes it, syncs once, then acknowledges.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use parking_lot::{Condvar, Mutex};

use crate::error::{AppendError, SpoolError};
use crate::frame::{FRAME_BYTES, HEADER_BYTES, Seal};
use crate::recover::{self, OpenReport};
use crate::segment::Segment;
use crate::shared::Shared;
use crate::storage::StoreFile;

pub(crate) type Done = Box<dyn FnOnce(Result<Range<u64>, AppendError>) + Send>;

pub(crate) struct Submission {
    pub records: Arc<Vec<Vec<u8>>>,
    /// Size in the segment, frames included.
    pub bytes: u64,
    pub done: Done,
}

pub(crate) enum Job {
    Append(Submission),
    Recover(SyncSender<Result<OpenReport, SpoolError>>),
}

#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<Waiting>,
    work: Condvar,
    room: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: u64,
    closed: bool,
}

/// Bytes of `records` in a segment.
pub(crate) fn framed_bytes<R: AsRef<[u8]>>(records: &[R]) -> u64 {
    records
        .iter()
        .map(|record| (FRAME_BYTES + record.as_ref().len()) as u64)
        .sum()
}

impl Queue {
    /// Puts a submission into the queue. `wait`: rather than `Busy`, wait for room.
    pub fn push(
        &self,
        shared: &Shared,
        submission: Submission,
        wait: bool,
    ) -> Result<(), AppendError> {
        let mut waiting = self.state.lock();
        loop {
            if waiting.closed {
                return Err(AppendError::Closed);
            }
            if waiting.bytes == 0
                || waiting.bytes + submission.bytes <= shared.options.queue_bytes_max
            {
                break;
            }
            if !wait {
                return Err(AppendError::Busy {
                    bytes: waiting.bytes,
                });
            }
            self.room.wait(&mut waiting);
        }
        shared.check_room(waiting.bytes + submission.bytes)?;
        waiting.bytes += submission.bytes;
        waiting.jobs.push_back(Job::Append(submission));
        self.work.notify_one();
        Ok(())
    }

    pub fn recover(
        &self,
        reply: SyncSender<Result<OpenReport, SpoolError>>,
    ) -> Result<(), SpoolError> {
        let mut waiting = self.state.lock();
        if waiting.closed {
            return Err(SpoolError::Closed);
        }
        waiting.jobs.push_back(Job::Recover(reply));
        self.work.notify_one();
        Ok(())
    }

    pub fn waiting_bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    pub fn close(&self) {
        self.state.lock().closed = true;
        self.work.notify_all();
        self.room.notify_all();
    }

    /// The next jobs; empty once the queue is closed and nothing waits.
    fn take(&self, shared: &Shared) -> Vec<Job> {
        let commit = shared.options.group_commit;
        let mut waiting = self.state.lock();
        while waiting.jobs.is_empty() && !waiting.closed {
            self.work.wait(&mut waiting);
        }
        if !commit.delay.is_zero() && !waiting.closed && waiting.bytes < commit.bytes_max {
            // Arrivals wake this early; a shorter wait only means a smaller group.
            self.work.wait_for(&mut waiting, commit.delay);
        }
        let mut bytes = 0;
        let mut jobs = Vec::new();
        while let Some(job) = waiting.jobs.pop_front() {
            if let Job::Append(submission) = &job {
                if bytes > 0 && bytes + submission.bytes > commit.bytes_max {
                    waiting.jobs.push_front(job);
                    break;
                }
                bytes += submission.bytes;
            }
            jobs.push(job);
        }
        jobs
    }

    /// The bytes are in the segments (or refused): others may take their place in the queue.
    fn settle(&self, bytes: u64) {
        self.state.lock().bytes -= bytes;
        self.room.notify_all();
    }
}

/// What only the commit thread touches.
pub(crate) struct Writer {
    pub segment: Arc<Segment>,
    pub file: Box<dyn StoreFile>,
    pub len: u64,
    pub next: u64,
    buffer: Vec<u8>,
}

impl Writer {
    pub fn new(segment: Arc<Segment>, file: Box<dyn StoreFile>, len: u64, next: u64) -> Self {
        Writer {
            segment,
            file,
            len,
            next,
            buffer: Vec::new(),
        }
    }

    /// Runs until the queue is closed and empty.
    pub fn run(mut self, shared: &Shared) {
        loop {
            let jobs = shared.queue.take(shared);
            if jobs.is_empty() {
                return;
            }
            let mut run: Vec<Submission> = Vec::new();
            let mut run_bytes = 0;
            for job in jobs {
                match job {
                    Job::Append(submission) => {
                        if self.must_roll(run_bytes, submission.bytes, shared) {
                            self.commit(std::mem::take(&mut run), shared);
                            run_bytes = 0;
                        }
                        run_bytes += submission.bytes;
                        run.push(submission);
                    }
                    Job::Recover(reply) => {
                        self.commit(std::mem::take(&mut run), shared);
                        run_bytes = 0;
                        // A caller that has gone away no longer needs the answer.
                        _ = reply.send(self.recover(shared));
                    }
                }
            }
            self.commit(run, shared);
        }
    }

    fn must_roll(&self, run_bytes: u64, more: u64, shared: &Shared) -> bool {
        let len = self.len + run_bytes;
        len > HEADER_BYTES as u64 && len + more > shared.options.segment_bytes_max
    }

    /// Writes a run of submissions into one segment, syncs, acknowledges.
    fn commit(&mut self, run: Vec<Submission>, shared: &Shared) {
        if run.is_empty() {
            return;
        }
        let bytes: u64 = run.iter().map(|submission| submission.bytes).sum();
        let first = self.next;
        let result = self.write(&run, bytes, shared);
        shared.queue.settle(bytes);
        match result {
            Ok(()) => {
                shared.announce(self.next);
                let mut from = first;
                for submission in run {
                    let to = from + submission.records.len() as u64;
                    (submission.done)(Ok(from..to));
                    from = to;
                }
            }
            Err(error) => run
                .into_iter()
                .for_each(|one| (one.done)(Err(error.clone()))),
        }
    }

    fn write(
        &mut self,
        run: &[Submission],
        bytes: u64,
        shared: &Shared,
    ) -> Result<(), AppendError> {
        if shared.is_refusing() {
            return Err(AppendError::Refused);
        }
        if self.must_roll(0, bytes, shared) {
            self.roll(shared)?;
        }
        self.buffer.clear();
        let seal = Seal::new(self.segment.salt.unwrap_or_default());
        let synced = self.next;
        let mut seq = synced;
        for record in run.iter().flat_map(|submission| &*submission.records) {
            self.segment.note(seq, self.len + self.buffer.len() as u64);
            seal.frame(seq, synced, record, &mut self.buffer);
            seq += 1;
        }
        debug_assert_eq!(self.buffer.len() as u64, bytes);
        if let Err(error) = self.file.write_at(&self.buffer, self.len) {
            self.segment.forget(self.len);
            let undone = self.file.set_len(self.len);
            return Err(self.failed(error, undone.is_ok(), shared));
        }
        if let Err(error) = self.file.sync() {
            self.segment.forget(self.len);
            return Err(self.failed(error, false, shared));
        }
        self.len += bytes;
        self.next = seq;
        shared.publish(&self.segment, self.len, self.next);
        if self.buffer.capacity() as u64 > 2 * shared.options.group_commit.bytes_max {
            self.buffer = Vec::new();
        }
        Ok(())
    }

    /// A full disk that left no trace is the reader's backlog, not a fault. After anything else
    /// nobody knows what is on disk: refuse until reopened.
    fn failed(&self, error: io::Error, undone: bool, shared: &Shared) -> AppendError {
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        if full && undone {
            return shared.full();
        }
        shared.refuse();
        AppendError::Storage {
            file: self.segment.path.clone(),
            source: Arc::new(error),
        }
    }

    fn roll(&mut self, shared: &Shared) -> Result<(), AppendError> {
        match recover::create(&*shared.storage, &shared.dir, self.next) {
            Ok((segment, file)) => {
                self.segment = Arc::new(segment);
                self.file = file;
                self.len = HEADER_BYTES as u64;
                shared.begin_segment(self.segment.clone());
                Ok(())
            }
            Err(error) => {
                let path = shared.dir.join(crate::segment::file_name(self.next));
                // Were the name to come back after a crash, it would end the segment before it.
                let undone = shared.storage.remove(&path).is_ok()
                    && shared.storage.sync_dir(&shared.dir).is_ok();
                Err(self.failed(error, undone, shared))
            }
        }
    }

    fn recover(&mut self, shared: &Shared) -> Result<OpenReport, SpoolError> {
        let mut options = shared.options.clone();
        options.next_at_least = options.next_at_least.max(self.next);
        let opened = recover::open(&*shared.storage, &shared.dir, &options)?;
        Ok(shared.install(opened, |writer| *self = writer))
    }
}
