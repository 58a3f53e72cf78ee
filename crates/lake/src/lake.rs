//! The lake: fresh events in memory, flushed files in a Delta table, one view over both.
//!
//! A [`View`] is immutable: files of one table version and the fresh parts that are not in them.
//! It is replaced whole, so no search sees an event twice or misses one while it is flushed.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;
use saqshy_event::Batch;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::convert::{Part, parts_of};
use crate::error::{LakeError, at};
use crate::file::{Contents, LakeFile, make_dir, write};
use crate::merge::Merged;
use crate::scan::{Reader, Source};
use crate::schema::{Caps, Columns};
use crate::search::Sources;
use crate::table::{Commit, Table, remove_orphans};

/// Where the lake is and when it does what.
#[derive(Debug, Clone)]
pub struct LakeConfig {
    /// Folder of the Delta table; made if absent.
    pub dir: PathBuf,
    /// Fresh events that make a flush due.
    pub flush_rows: usize,
    /// Bytes of fresh events in memory that make a flush due.
    pub flush_bytes: usize,
    /// Age of the oldest fresh event that makes a flush due.
    pub flush_age: SignedDuration,
    /// Files of one partition that make a compaction worthwhile.
    pub compact_files: usize,
    /// Rows at which a file is no longer joined with others.
    pub compact_rows: u64,
    /// How long a replaced file stays on disk for readers of their own.
    pub vacuum_age: SignedDuration,
    /// Columns one dataset may have; further fields go to the overflow map.
    pub columns_per_dataset: usize,
    /// Columns of the whole table.
    pub columns_in_all: usize,
    /// Datasets that get partitions of their own; further ones share `other`.
    pub datasets: usize,
    /// Threads of one search.
    pub search_threads: usize,
    /// Memory of one SQL statement, in bytes; beyond that it spills to disk.
    pub sql_bytes: usize,
    /// Commits between two checkpoints of the table's log.
    pub checkpoint_commits: u64,
}

impl LakeConfig {
    /// The usual settings for a lake in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        LakeConfig {
            dir: dir.into(),
            flush_rows: 500_000,
            flush_bytes: 256 << 20,
            flush_age: SignedDuration::from_secs(60),
            compact_files: 8,
            compact_rows: 1_000_000,
            vacuum_age: SignedDuration::from_mins(10),
            columns_per_dataset: 400,
            columns_in_all: 4_000,
            datasets: 256,
            search_threads: std::thread::available_parallelism().map_or(2, |n| n.get()),
            sql_bytes: 1 << 30,
            checkpoint_commits: 100,
        }
    }

    fn caps(&self) -> Caps {
        Caps {
            per_dataset: self.columns_per_dataset,
            in_all: self.columns_in_all,
            datasets: self.datasets,
        }
    }
}

/// What a flush wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flushed {
    pub files: Vec<LakeFile>,
    /// Spool position that the table now stands at.
    pub position: u64,
}

/// How full the lake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct LakeUsage {
    pub files: usize,
    pub file_bytes: u64,
    pub file_rows: u64,
    pub fresh_rows: u64,
    pub fresh_bytes: u64,
    /// Number of the last commit of the table.
    pub version: u64,
}

/// The event table. Cheap to clone; all clones are the same lake.
#[derive(Clone)]
pub struct Lake {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub config: LakeConfig,
    pub view: RwLock<Arc<View>>,
    pub reader: Arc<Reader>,
    pub table: Mutex<Table>,
    /// What appending needs; held while a batch is converted, so batches keep their order.
    writer: Mutex<Arc<Columns>>,
    flushing: Mutex<()>,
    pub compacting: Mutex<crate::compact::Replaced>,
    _lock: File,
}

/// What searches see.
pub(crate) struct View {
    pub files: Vec<Arc<LakeFile>>,
    pub fresh: Vec<Fresh>,
    pub columns: Arc<Columns>,
    /// Columns that the table's schema has.
    pub committed_columns: usize,
    pub datasets_committed: String,
    /// Spool position of the table.
    pub position: u64,
    pub version: u64,
}

/// One appended batch.
#[derive(Clone)]
pub(crate) struct Fresh {
    pub parts: Vec<Arc<Part>>,
    /// Spool position after it.
    pub next: u64,
    pub appended: Timestamp,
}

impl View {
    fn next(&self) -> u64 {
        self.fresh.last().map_or(self.position, |fresh| fresh.next)
    }

    pub(crate) fn sources(&self) -> Vec<Source> {
        let fresh = self.fresh.iter().flat_map(|fresh| &fresh.parts);
        let files = self.files.iter().map(|file| Source::File(file.clone()));
        fresh
            .map(|part| Source::Fresh(part.clone()))
            .chain(files)
            .collect()
    }

    fn fresh_rows(&self) -> usize {
        let parts = self.fresh.iter().flat_map(|fresh| &fresh.parts);
        parts.map(|part| part.batch.num_rows()).sum()
    }

    fn fresh_bytes(&self) -> usize {
        self.fresh
            .iter()
            .flat_map(|fresh| &fresh.parts)
            .map(|part| part.bytes)
            .sum()
    }

    /// The same view with one thing changed.
    pub(crate) fn with(&self, change: impl FnOnce(&mut View)) -> Arc<View> {
        let mut view = View {
            files: self.files.clone(),
            fresh: self.fresh.clone(),
            columns: self.columns.clone(),
            committed_columns: self.committed_columns,
            datasets_committed: self.datasets_committed.clone(),
            position: self.position,
            version: self.version,
        };
        change(&mut view);
        Arc::new(view)
    }
}

impl Lake {
    /// Opens the lake, making it if there is none. `node` names the spool whose positions count.
    ///
    /// Files that no commit names (a crash came between) are deleted.
    ///
    /// # Errors
    /// `Locked`: another process has it open.
    pub async fn open(config: LakeConfig, node: &str) -> Result<Lake, LakeError> {
        let dir = config.dir.clone();
        make_dir(&dir)?;
        let dir = dir.canonicalize().map_err(at("find", &dir))?;
        let lock_path = dir.join("_lock");
        let lock = File::create(&lock_path).map_err(at("create", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(LakeError::Locked { path: dir }),
            Err(std::fs::TryLockError::Error(error)) => return Err(at("lock", lock_path)(error)),
        }
        let table = Table::open(&dir, node, config.checkpoint_commits).await?;
        let files = table.files()?;
        let orphans = remove_orphans(&dir, &files)?;
        if !orphans.is_empty() {
            tracing::info!(
                files = orphans.len(),
                "deleted data files that no commit names"
            );
        }
        let columns = Arc::new(table.columns());
        let view = View {
            files: files.into_iter().map(Arc::new).collect(),
            fresh: Vec::new(),
            committed_columns: columns.list().len(),
            datasets_committed: columns.datasets_property(),
            columns: columns.clone(),
            position: table.position().await?,
            version: table.version(),
        };
        let config = LakeConfig {
            dir: dir.clone(),
            ..config
        };
        Ok(Lake {
            inner: Arc::new(Inner {
                config,
                view: RwLock::new(Arc::new(view)),
                reader: Arc::new(Reader::new(&dir)),
                table: Mutex::new(table),
                writer: Mutex::new(columns),
                flushing: Mutex::new(()),
                compacting: Mutex::default(),
                _lock: lock,
            }),
        })
    }

    /// Spool position up to which events are in the table: the version of its transaction
    /// `spool/<node>`. After a restart the pipeline reads on from here.
    pub fn position(&self) -> u64 {
        self.view().position
    }

    /// Spool position up to which events are searchable.
    pub fn next(&self) -> u64 {
        self.view().next()
    }

    /// Makes a batch searchable; it is on disk after the next flush. `next` is the spool position
    /// after the batch. A batch without events only moves the position.
    ///
    /// # Errors
    /// `Position`: `next` lies before what the lake already has; nothing was changed.
    pub async fn append(&self, batch: Batch, next: u64, now: Timestamp) -> Result<(), LakeError> {
        let mut writer = self.inner.writer.lock().await;
        let have = self.next();
        if next < have {
            return Err(LakeError::Position { have, got: next });
        }
        let mut columns = writer.clone();
        let caps = self.inner.config.caps();
        let (parts, columns) = spawn_blocking(move || {
            let parts = parts_of(&batch, &mut columns, caps, now)?;
            Ok::<_, LakeError>((parts, columns))
        })
        .await??;
        *writer = columns.clone();
        let fresh = Fresh {
            parts: parts.into_iter().map(Arc::new).collect(),
            next,
            appended: now,
        };
        self.change(|view| {
            view.fresh.push(fresh);
            view.columns = columns;
        });
        Ok(())
    }

    /// Flushes when there are enough fresh events or the oldest is old enough.
    pub async fn flush_if_due(&self, now: Timestamp) -> Result<Option<Flushed>, LakeError> {
        let view = self.view();
        let config = &self.inner.config;
        let age = view
            .fresh
            .first()
            .map(|fresh| now.duration_since(fresh.appended));
        let due = view.fresh_rows() >= config.flush_rows
            || view.fresh_bytes() >= config.flush_bytes
            || age.is_some_and(|age| age >= config.flush_age);
        if due { self.flush(now).await } else { Ok(None) }
    }

    /// Writes all fresh events to files and commits them with the spool position in one
    /// transaction. `None` if there was nothing to write.
    ///
    /// # Errors
    /// The events stay searchable and the next flush tries again. If the commit's outcome is
    /// unknown ([`LakeError::Table`]), open the lake again before the next flush.
    pub async fn flush(&self, now: Timestamp) -> Result<Option<Flushed>, LakeError> {
        let _one_at_a_time = self.inner.flushing.lock().await;
        let view = self.view();
        let Some(last) = view.fresh.last() else {
            return Ok(None);
        };
        let (count, position) = (view.fresh.len(), last.next);
        let (dir, fresh) = (self.inner.config.dir.clone(), view.fresh.clone());
        let files = spawn_blocking(move || write_fresh(&dir, &fresh)).await??;

        let columns = view.columns.clone();
        let datasets = columns.datasets_property();
        let grown =
            columns.list().len() > view.committed_columns || datasets != view.datasets_committed;
        let mut table = self.inner.table.lock().await;
        let commit = Commit {
            add: &files,
            remove: &[],
            columns: grown.then_some(&*columns),
            position: Some(position),
            data_change: true,
            at: now,
        };
        table.commit(commit).await?;
        let version = table.version();
        self.change(|view| {
            view.files.extend(files.iter().cloned().map(Arc::new));
            view.fresh.drain(..count);
            view.position = position;
            view.version = version;
            view.committed_columns = columns.list().len();
            view.datasets_committed = datasets;
        });
        Ok(Some(Flushed { files, position }))
    }

    /// The live files.
    pub fn files(&self) -> Vec<LakeFile> {
        self.view()
            .files
            .iter()
            .map(|file| LakeFile::clone(file))
            .collect()
    }

    pub fn usage(&self) -> LakeUsage {
        let view = self.view();
        LakeUsage {
            files: view.files.len(),
            file_bytes: view.files.iter().map(|file| file.bytes).sum(),
            file_rows: view.files.iter().map(|file| file.rows).sum(),
            fresh_rows: view.fresh_rows() as u64,
            fresh_bytes: view.fresh_bytes() as u64,
            version: view.version,
        }
    }

    /// Names of the fields that have a column, in order.
    pub fn field_names(&self) -> Vec<String> {
        let view = self.view();
        let mut names: Vec<String> = view
            .columns
            .list()
            .iter()
            .map(|column| column.name.to_string())
            .collect();
        names.push(crate::schema::COLUMN_DATASET.into());
        names.sort_unstable();
        names
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.inner.view.read().clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.inner.view.write();
        *view = view.with(change);
    }

    pub(crate) fn sources(&self) -> Sources {
        Sources {
            reader: self.inner.reader.clone(),
            list: self.view().sources(),
            threads: self.inner.config.search_threads,
        }
    }
}

/// One file per partition.
fn write_fresh(dir: &std::path::Path, fresh: &[Fresh]) -> Result<Vec<LakeFile>, LakeError> {
    let mut partitions: std::collections::BTreeMap<(i32, Arc<str>), Vec<&Part>> =
        std::collections::BTreeMap::new();
    for part in fresh.iter().flat_map(|fresh| &fresh.parts) {
        partitions
            .entry((part.day, part.dataset.clone()))
            .or_default()
            .push(part);
    }
    partitions
        .into_iter()
        .map(|((day, dataset), parts)| {
            let contents = Contents {
                day,
                dataset,
                times: hull(parts.iter().map(|part| part.times)),
                ingested: hull(parts.iter().map(|part| part.ingested)),
            };
            let batches: Vec<_> = parts.iter().map(|part| part.batch.clone()).collect();
            write(dir, &Merged::new(&batches)?, &contents)
        })
        .collect()
}

/// The range over all ranges.
pub(crate) fn hull(ranges: impl Iterator<Item = (i64, i64)>) -> (i64, i64) {
    ranges.fold((i64::MAX, i64::MIN), |(low, high), (a, b)| {
        (low.min(a), high.max(b))
    })
}
