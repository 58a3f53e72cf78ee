//! The loss ledger over restarts: intake counts in memory, the pipeline counts in its own SQL
//! transaction, and this puts the two together.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use saqshy_casework::{SourceLedger, Store};
use saqshy_event::Record;
use saqshy_intake::{LedgerRow, LossLedger};
use saqshy_spool::Spool;

use super::App;

/// One source as the console shows it. `received = stored + pending + dropped`.
#[derive(Debug, Clone, Default)]
pub struct SourceRow {
    pub id: String,
    pub name: String,
    pub enabled: bool,
    /// Made by a person, with a token; otherwise a sender known by its address.
    pub registered: bool,
    pub received: u64,
    pub stored: u64,
    pub pending: u64,
    pub dropped: u64,
    pub unparsed: u64,
    pub truncated: u64,
    pub connections: u64,
    pub last_seen: Option<Timestamp>,
    pub drop_reasons: BTreeMap<String, u64>,
}

/// Intake's counters as they were: what the pipeline took, what still waits in the spool, what was
/// dropped. Reads the waiting part of the spool once.
pub async fn restore(
    store: &Store,
    spool: &Spool,
    position: u64,
) -> anyhow::Result<Arc<LossLedger>> {
    let mut rows: BTreeMap<String, LedgerRow> = BTreeMap::new();
    for kept in store.ledger().await? {
        let row = rows.entry(kept.source.clone()).or_default();
        row.accepted = kept.records;
        row.unparsed = kept.unparsed;
        row.last_seen = kept.last_received;
        row.dropped = kept.dropped;
    }
    let spool = spool.clone();
    let waiting = tokio::task::spawn_blocking(move || waiting(&spool, position)).await?;
    for (source, records) in waiting {
        rows.entry(source).or_default().accepted += records;
    }
    let rows: Vec<LedgerRow> = rows
        .into_iter()
        .map(|(source, mut row)| {
            row.received = row.accepted + row.dropped.values().sum::<u64>();
            row.source = source;
            row
        })
        .collect();
    Ok(Arc::new(LossLedger::restored(&rows)))
}

fn waiting(spool: &Spool, position: u64) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut from = position.max(spool.start());
    loop {
        let records = match spool.read(from, 10_000, 16 << 20) {
            Ok(records) => records,
            Err(saqshy_spool::ReadError::Gap(gap)) => {
                from = gap.to;
                continue;
            }
            Err(_) => return counts, // the pipeline reports it
        };
        let Some((last, _)) = records.last() else {
            return counts;
        };
        from = last + 1;
        for (_, bytes) in &records {
            if let Ok(record) = Record::decode(bytes) {
                *counts.entry(record.source.to_owned()).or_default() += 1;
            }
        }
    }
}

/// Every source: the registered ones and those known by address.
pub async fn source_rows(app: &App) -> anyhow::Result<Vec<SourceRow>> {
    let stored: BTreeMap<String, SourceLedger> = app
        .store
        .ledger()
        .await?
        .into_iter()
        .map(|row| (row.source.clone(), row))
        .collect();
    let mut rows: BTreeMap<String, SourceRow> = BTreeMap::new();
    for source in app.sources.all() {
        let row = rows.entry(source.id.clone()).or_default();
        (row.name, row.enabled, row.registered) = (source.name, source.enabled, true);
    }
    // Read after `stored`, so that a source never has more stored than received.
    for live in app.ledger.snapshot() {
        let row = rows.entry(live.source.clone()).or_default();
        let kept = stored.get(&live.source);
        row.received = live.received;
        row.stored = kept.map_or(0, |kept| kept.records).min(live.accepted);
        row.unparsed = kept.map_or(0, |kept| kept.unparsed);
        row.pending = live.accepted - row.stored;
        row.dropped = live.received - live.accepted;
        row.truncated = live.truncated;
        row.connections = live.connections;
        row.last_seen = live.last_seen;
        row.drop_reasons = live.dropped;
    }
    Ok(rows
        .into_iter()
        .map(|(id, mut row)| {
            if !row.registered {
                (row.name, row.enabled) = (id.clone(), true);
            }
            row.id = id;
            row
        })
        .collect())
}

/// Writes what was dropped since the last call to the database.
pub async fn persist_drops(
    app: &App,
    written: &mut BTreeMap<(String, String), u64>,
) -> anyhow::Result<()> {
    if written.is_empty() {
        for row in app.store.ledger().await? {
            for (reason, count) in row.dropped {
                written.insert((row.source.clone(), reason), count);
            }
        }
    }
    let mut news = Vec::new();
    for row in app.ledger.snapshot() {
        for (reason, count) in row.dropped {
            let key = (row.source.clone(), reason);
            let before = written.get(&key).copied().unwrap_or(0);
            if count > before {
                news.push((key, count, count - before));
            }
        }
    }
    if news.is_empty() {
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    for ((source, reason), _, more) in &news {
        tx.ledger_dropped(source, reason, *more).await?;
    }
    tx.commit().await?;
    for (key, count, _) in news {
        written.insert(key, count);
    }
    Ok(())
}
