//! The durable log between intake and everything else: sequence number → bytes.
//!
//! ```
//! let dir = tempfile::tempdir().unwrap();
//! let spool = saqshy_spool::Spool::open(dir.path(), &Default::default()).unwrap();
//! let numbers = spool.append(&[b"first", b"second"]).unwrap(); // on disk from here on
//! assert_eq!(numbers, 0..2);
//! assert_eq!(spool.read(1, 10, 1 << 20).unwrap(), [(1, b"second".to_vec())]);
//! spool.release(2); // every reader is done with what is below
//! ```
//!
//! Invariants: a record is acknowledged, and readable, only after an fsync that covers it
//! succeeded. Numbers are given once and ascend; the order of acknowledged records never changes.
//! After a failed write or fsync nothing more is taken until [`Spool::recover`] or a new open. An
//! unfinished end is cut off at open and reported; damage before the end is a [`Gap`] that names
//! file and byte, and its neighbours stay readable. Readers keep their positions themselves and
//! tell the spool what may go ([`Spool::release`]). The spool knows nothing of what it stores.

mod commit;
mod error;
mod frame;
mod options;
mod recover;
mod segment;
mod shared;
pub mod storage;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

pub use error::{AppendError, Gap, ReadError, SpoolError};
pub use options::{GroupCommit, Options};
pub use recover::{OpenReport, Truncation};

use commit::Submission;
use shared::Shared;
use storage::{Disk, Storage};

/// A handle of an open spool; clones share it. The last one to go writes what still waits, then
/// closes it.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
    _closer: Arc<Closer>,
}

/// How full a spool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Size of all segments, records still waiting for the disk included.
    pub bytes: u64,
    pub bytes_max: u64,
    /// Acknowledged records that have not been deleted.
    pub records: u64,
}

impl Spool {
    /// Opens the spool in `dir`, creating it when there is none. What was found and repaired is in
    /// [`Spool::report`].
    ///
    /// # Errors
    /// `InUse`: another process has it open. `Version`: written by a newer program. `Storage`: the
    /// folder cannot be read or written; nothing was lost by trying.
    pub fn open(dir: &Path, options: &Options) -> Result<Spool, SpoolError> {
        let fail = |what: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| SpoolError::Storage { what, path, source }
        };
        std::fs::create_dir_all(dir).map_err(fail("create spool folder", dir))?;
        let path = dir.join("spool.lock");
        let lock = std::fs::File::create(&path).map_err(fail("create spool lock", &path))?;
        match lock.try_lock() {
            Ok(()) => Self::launch(dir, options, Arc::new(Disk), Some(lock)),
            Err(std::fs::TryLockError::WouldBlock) => Err(SpoolError::InUse { dir: dir.into() }),
            Err(std::fs::TryLockError::Error(error)) => Err(fail("lock spool", &path)(error)),
        }
    }

    /// As [`Spool::open`] on another kind of storage, without a lock against other processes.
    pub fn open_on(
        storage: Arc<dyn Storage>,
        dir: &Path,
        options: &Options,
    ) -> Result<Spool, SpoolError> {
        Self::launch(dir, options, storage, None)
    }

    fn launch(
        dir: &Path,
        options: &Options,
        storage: Arc<dyn Storage>,
        lock: Option<std::fs::File>,
    ) -> Result<Spool, SpoolError> {
        let options = options.checked()?;
        let fail = |what, source| SpoolError::Storage {
            what,
            path: dir.to_owned(),
            source,
        };
        storage
            .create_dir_all(dir)
            .map_err(|error| fail("create spool folder", error))?;
        let opened = recover::open(&*storage, dir, &options)?;
        let shared = Arc::new(Shared::new(dir.to_owned(), options, storage));
        let mut writer = None;
        shared.install(opened, |ready| writer = Some(ready));
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("spool-commit".into())
            .spawn(move || {
                if let Some(writer) = writer {
                    writer.run(&of_thread);
                }
            })
            .map_err(|error| fail("start the commit thread for", error))?;
        let closer = Closer {
            shared: shared.clone(),
            thread: Mutex::new(Some(thread)),
            _lock: lock,
        };
        Ok(Spool {
            shared,
            _closer: Arc::new(closer),
        })
    }

    /// Stores `records` in order, all or none, and returns their sequence numbers. Blocks while
    /// the queue has no room and until the records are on disk.
    ///
    /// # Errors
    /// See [`AppendError`]. After `Storage` the outcome is unknown: the records may or may not be
    /// there after recovery.
    pub fn append(&self, records: &[&[u8]]) -> Result<Range<u64>, AppendError> {
        let (reply, answer) = sync_channel(1);
        let records = records
            .iter()
            .map(|record| record.to_vec())
            .collect::<Vec<_>>()
            .into();
        // The receiver below outlives the send.
        let done = move |result| _ = reply.send(result);
        self.enqueue(records, Box::new(done), true)?;
        answer.recv().map_err(|_| AppendError::Closed)?
    }

    /// Queues `records` and returns at once; `done` is called on the commit thread when they are
    /// on disk or could not be written. It must be quick and must not call [`Spool::append`].
    /// Pass an `Arc` and keep a clone to try again after an error.
    ///
    /// # Errors
    /// The records were not taken and `done` is not called: `Full`, `Busy`, `TooLarge`, `Refused`.
    pub fn submit(
        &self,
        records: impl Into<Arc<Vec<Vec<u8>>>>,
        done: impl FnOnce(Result<Range<u64>, AppendError>) + Send + 'static,
    ) -> Result<(), AppendError> {
        self.enqueue(records.into(), Box::new(done), false)
    }

    fn enqueue(
        &self,
        records: Arc<Vec<Vec<u8>>>,
        done: commit::Done,
        wait: bool,
    ) -> Result<(), AppendError> {
        let options = &self.shared.options;
        if let Some(record) = records
            .iter()
            .find(|one| one.len() > options.record_bytes_max)
        {
            let bytes_max = options.record_bytes_max as u64;
            return Err(AppendError::TooLarge {
                bytes: record.len() as u64,
                bytes_max,
            });
        }
        let bytes = commit::framed_bytes(&records);
        let bytes_max = options.total_bytes_max / 2;
        if bytes > bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        self.shared.queue.push(
            &self.shared,
            Submission {
                records,
                bytes,
                done,
            },
            wait,
        )
    }

    /// Acknowledged records from `from` on, in order: at most `max_records`, and not more than
    /// `max_bytes` of payload unless the first alone is larger. Empty when `from` is at or beyond
    /// the durable end. Stops early before a gap.
    ///
    /// # Errors
    /// `Gap`: the record at `from` is damaged; read on at `gap.to`. `Released`: it was deleted.
    pub fn read(
        &self,
        from: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
        self.shared.read(from, max_records, max_bytes)
    }

    /// One more than the last acknowledged sequence number.
    pub fn durable_end(&self) -> u64 {
        self.shared.durable_end()
    }

    /// Oldest sequence number that has not been deleted.
    pub fn start(&self) -> u64 {
        self.shared.start()
    }

    pub fn usage(&self) -> Usage {
        let (bytes, records) = self.shared.stored();
        let bytes = bytes + self.shared.queue.waiting_bytes();
        Usage {
            bytes,
            bytes_max: self.shared.options.total_bytes_max,
            records,
        }
    }

    /// Waits until a record numbered `seq` or later is readable. False when `timeout` came first.
    pub fn wait_beyond(&self, seq: u64, timeout: Duration) -> bool {
        self.shared.wait_beyond(seq, timeout)
    }

    /// Has `subscriber` called on the commit thread with the new durable end, after each growth.
    /// It must be quick: wake a task, set a flag.
    pub fn subscribe(&self, subscriber: impl Fn(u64) + Send + Sync + 'static) {
        self.shared.subscribe(Box::new(subscriber));
    }

    /// Every reader is done with the records below `up_to`: segments wholly below are deleted.
    pub fn release(&self, up_to: u64) {
        self.shared.release(up_to);
    }

    /// What the last open (or [`Spool::recover`]) found.
    pub fn report(&self) -> OpenReport {
        self.shared.report()
    }

    /// Whether a failed write or fsync made the spool refuse records.
    pub fn is_refusing(&self) -> bool {
        self.shared.is_refusing()
    }

    /// Opens the same folder again after a failed write, keeping this handle and its clones.
    /// Records that had not been acknowledged may turn out to be stored.
    ///
    /// # Errors
    /// As [`Spool::open`]; the spool then goes on refusing records.
    pub fn recover(&self) -> Result<OpenReport, SpoolError> {
        let (reply, answer) = sync_channel(1);
        self.shared.queue.recover(reply)?;
        answer.recv().map_err(|_| SpoolError::Closed)?
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool")
            .field("dir", &self.shared.dir)
            .field("durable_end", &self.durable_end())
            .finish()
    }
}

/// Ends the commit thread when the last handle goes.
struct Closer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    _lock: Option<std::fs::File>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.lock().take()
            // The last handle may live in a callback, on the commit thread itself.
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of the thread has been reported by the panic hook already.
            _ = thread.join();
        }
    }
}
