//! The sequencer: leaves that were committed in SQL enter the Merkle log in their order, then the
//! tree head is signed. It lags by milliseconds and catches up after a crash.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use parking_lot::Mutex;
use saqshy_journal::{Keys, TileLog, VerifyingKey};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::App;

type DirLog = TileLog<saqshy_journal::DirStorage>;

/// The open journal. Cheap to clone.
#[derive(Clone)]
pub struct JournalHandle {
    inner: Arc<Inner>,
}

struct Inner {
    log: Mutex<DirLog>,
    keys: Keys,
    size: watch::Sender<u64>,
}

/// Leaves that enter the tree under one checkpoint.
const CHUNK: u32 = 512;

impl JournalHandle {
    pub fn new(log: DirLog, keys: Keys) -> Self {
        let (size, _) = watch::channel(log.size());
        JournalHandle {
            inner: Arc::new(Inner {
                log: Mutex::new(log),
                keys,
                size,
            }),
        }
    }

    /// Leaves under the published checkpoint.
    pub fn size(&self) -> u64 {
        *self.inner.size.borrow()
    }

    /// The published checkpoint, a signed note.
    pub fn checkpoint_note(&self) -> String {
        self.inner.log.lock().head().note().to_string()
    }

    pub fn verifying_key(&self) -> VerifyingKey {
        self.inner.keys.signing_key().verifying_key()
    }

    /// Runs `work` on the log, on a thread where it may read files.
    pub async fn with_log<T: Send + 'static>(
        &self,
        work: impl FnOnce(&DirLog) -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        let inner = self.inner.clone();
        Ok(tokio::task::spawn_blocking(move || work(&inner.log.lock())).await?)
    }

    /// Waits until at least `size` leaves are under a checkpoint. `false` after `limit`.
    pub async fn wait_for(&self, size: u64, limit: Duration) -> bool {
        let mut watch = self.inner.size.subscribe();
        let reached = watch.wait_for(|have| *have >= size);
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }

    async fn append(&self, leaves: Vec<Vec<u8>>) -> anyhow::Result<u64> {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || {
            let mut log = inner.log.lock();
            log.append(&leaves)
                .context("adding leaves to the journal")?;
            let head = log
                .checkpoint(inner.keys.signing_key())
                .context("signing the checkpoint")?;
            inner.size.send_replace(head.size);
            Ok(head.size)
        })
        .await?
    }
}

/// Moves leaves from the database to the log until cancelled, then once more.
pub async fn run(app: Arc<App>, cancel: CancellationToken) -> anyhow::Result<()> {
    let mut leaves = app.store.watch_leaves();
    loop {
        drain(&app).await?;
        tokio::select! {
            () = cancel.cancelled() => return drain(&app).await,
            changed = leaves.changed() => changed?,
        }
    }
}

/// Moves what is there now.
pub async fn drain(app: &App) -> anyhow::Result<()> {
    loop {
        let have = app.journal.size();
        let rows = app.store.leaves_from(have, CHUNK).await?;
        let Some((first, _)) = rows.first() else {
            return Ok(());
        };
        ensure!(
            *first == have,
            "leaf {have} is missing in the database; the next is {first}"
        );
        app.journal
            .append(rows.into_iter().map(|(_, body)| body).collect())
            .await?;
    }
}
