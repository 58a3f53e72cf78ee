//! The loss ledger: per source, what came in and what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use jiff::Timestamp;
use parking_lot::RwLock;

/// Requests without a valid token are counted under this source.
pub const UNAUTHORISED: &str = "_unauthorised";
/// Datagrams that the system dropped before we saw them, hence from whom, are counted under this.
pub const UDP_UNSEEN: &str = "_udp_unseen";
/// Senders beyond the ledger's bound on rows are counted together under this.
pub const OTHERS: &str = "_others";

const ROWS_MAX: usize = 10_000;

/// Why a record was not stored, and the sender will not send it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DropReason {
    /// The spool was full when a datagram came, or still full at shutdown.
    SpoolFull,
    /// The disk failed.
    SpoolError,
    /// Not JSON, or not what the protocol asks for; the sender was told.
    Malformed,
    /// Longer than the limit; the sender was told.
    TooLarge,
    /// A `_bulk` update or delete; the sender was told.
    NotSupported,
    /// No valid token; a request counts as one record.
    Unauthorised,
    /// The system's receive buffer overflowed.
    ReceiveBuffer,
}

impl DropReason {
    pub const ALL: [DropReason; 7] = [
        DropReason::SpoolFull,
        DropReason::SpoolError,
        DropReason::Malformed,
        DropReason::TooLarge,
        DropReason::NotSupported,
        DropReason::Unauthorised,
        DropReason::ReceiveBuffer,
    ];

    pub fn name(self) -> &'static str {
        match self {
            DropReason::SpoolFull => "spool_full",
            DropReason::SpoolError => "spool_error",
            DropReason::Malformed => "malformed",
            DropReason::TooLarge => "too_large",
            DropReason::NotSupported => "not_supported",
            DropReason::Unauthorised => "unauthorised",
            DropReason::ReceiveBuffer => "receive_buffer",
        }
    }
}

/// One source's line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct LedgerRow {
    pub source: String,
    /// `accepted` plus everything in `dropped`.
    pub received: u64,
    /// On disk.
    pub accepted: u64,
    /// By reason; only reasons that occurred.
    pub dropped: BTreeMap<String, u64>,
    /// Refused for now, with an answer that makes the sender try again (429, 503): not lost.
    pub deferred: u64,
    /// Accepted, and read by no parser (told by the pipeline).
    pub unparsed: u64,
    /// Accepted, but cut to the limit or ended by the connection's end.
    pub truncated: u64,
    /// Bytes that the cuts took away.
    pub truncated_bytes: u64,
    /// Syslog connections open now.
    pub connections: u64,
    /// Turned away, because there were too many.
    pub connections_refused: u64,
    pub last_seen: Option<Timestamp>,
}

/// Counters of one source.
#[derive(Debug)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    deferred: AtomicU64,
    unparsed: AtomicU64,
    truncated: AtomicU64,
    truncated_bytes: AtomicU64,
    connections: AtomicU64,
    connections_refused: AtomicU64,
    /// Microseconds; `i64::MIN`: never.
    last_seen: AtomicI64,
}

impl Default for Counters {
    fn default() -> Self {
        Counters {
            accepted: AtomicU64::new(0),
            dropped: Default::default(),
            deferred: AtomicU64::new(0),
            unparsed: AtomicU64::new(0),
            truncated: AtomicU64::new(0),
            truncated_bytes: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            last_seen: AtomicI64::new(i64::MIN),
        }
    }
}

impl Counters {
    pub fn accept(&self, records: u64) {
        self.accepted.fetch_add(records, Relaxed);
    }

    pub fn lose(&self, reason: DropReason, records: u64) {
        self.dropped[reason as usize].fetch_add(records, Relaxed);
        metrics::counter!("saqshy_intake_records_dropped_total", "reason" => reason.name())
            .increment(records);
    }

    pub fn defer(&self, records: u64) {
        self.deferred.fetch_add(records, Relaxed);
        metrics::counter!("saqshy_intake_records_deferred_total").increment(records);
    }

    pub fn truncate(&self, records: u64, bytes: u64) {
        self.truncated.fetch_add(records, Relaxed);
        self.truncated_bytes.fetch_add(bytes, Relaxed);
    }

    pub fn seen(&self, at: Timestamp) {
        self.last_seen.fetch_max(at.as_microsecond(), Relaxed);
    }

    pub fn refuse_connection(&self) {
        self.connections_refused.fetch_add(1, Relaxed);
        metrics::counter!("saqshy_intake_connections_refused_total").increment(1);
    }

    /// Counts an open connection until the guard goes.
    pub fn connect(self: &Arc<Self>) -> Connected {
        self.connections.fetch_add(1, Relaxed);
        Connected(self.clone())
    }

    fn row(&self, source: &str) -> LedgerRow {
        let accepted = self.accepted.load(Relaxed);
        let dropped: BTreeMap<_, _> = DropReason::ALL
            .into_iter()
            .map(|reason| {
                (
                    reason.name().to_owned(),
                    self.dropped[reason as usize].load(Relaxed),
                )
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        let last_seen = self.last_seen.load(Relaxed);
        LedgerRow {
            source: source.to_owned(),
            received: accepted + dropped.values().sum::<u64>(),
            accepted,
            dropped,
            deferred: self.deferred.load(Relaxed),
            unparsed: self.unparsed.load(Relaxed),
            truncated: self.truncated.load(Relaxed),
            truncated_bytes: self.truncated_bytes.load(Relaxed),
            connections: self.connections.load(Relaxed),
            connections_refused: self.connections_refused.load(Relaxed),
            last_seen: Timestamp::from_microsecond(last_seen).ok(),
        }
    }

    fn restore(&self, row: &LedgerRow) {
        self.accepted.store(row.accepted, Relaxed);
        for reason in DropReason::ALL {
            let count = row.dropped.get(reason.name()).copied().unwrap_or(0);
            self.dropped[reason as usize].store(count, Relaxed);
        }
        self.deferred.store(row.deferred, Relaxed);
        self.unparsed.store(row.unparsed, Relaxed);
        self.truncated.store(row.truncated, Relaxed);
        self.truncated_bytes.store(row.truncated_bytes, Relaxed);
        self.connections_refused
            .store(row.connections_refused, Relaxed);
        self.last_seen.store(
            row.last_seen.map_or(i64::MIN, Timestamp::as_microsecond),
            Relaxed,
        );
    }
}

/// An open connection in the ledger.
pub(crate) struct Connected(Arc<Counters>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

/// Counters of all sources since start (or since what [`LossLedger::restored`] was given).
#[derive(Debug, Default)]
pub struct LossLedger {
    rows: RwLock<BTreeMap<String, Arc<Counters>>>,
}

impl LossLedger {
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on from rows that were kept over a restart. Connections begin at zero.
    pub fn restored(rows: &[LedgerRow]) -> Self {
        let ledger = Self::default();
        rows.iter()
            .for_each(|row| ledger.counters(&row.source).restore(row));
        ledger
    }

    /// One row per source that was ever seen, by source id.
    pub fn snapshot(&self) -> Vec<LedgerRow> {
        self.rows
            .read()
            .iter()
            .map(|(source, counters)| counters.row(source))
            .collect()
    }

    /// The row of one source.
    pub fn row(&self, source: &str) -> Option<LedgerRow> {
        self.rows
            .read()
            .get(source)
            .map(|counters| counters.row(source))
    }

    /// The pipeline found accepted records that no parser understood.
    pub fn add_unparsed(&self, source: &str, records: u64) {
        self.counters(source).unparsed.fetch_add(records, Relaxed);
    }

    pub(crate) fn counters(&self, source: &str) -> Arc<Counters> {
        if let Some(counters) = self.rows.read().get(source) {
            return counters.clone();
        }
        let mut rows = self.rows.write();
        let source = if rows.len() < ROWS_MAX {
            source
        } else {
            OTHERS
        };
        rows.entry(source.to_owned()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn received_is_accepted_plus_dropped_and_survives_a_restart() {
        let ledger = LossLedger::new();
        let counters = ledger.counters("fw-1");
        counters.accept(10);
        counters.lose(DropReason::SpoolFull, 3);
        counters.lose(DropReason::Malformed, 2);
        counters.seen(Timestamp::from_second(1_774_000_000).unwrap());
        let open = counters.connect();
        let row = ledger.row("fw-1").unwrap();
        assert_eq!((row.received, row.accepted, row.connections), (15, 10, 1));
        assert_eq!(row.dropped["spool_full"] + row.dropped["malformed"], 5);
        drop(open);
        let again = LossLedger::restored(&ledger.snapshot());
        assert_eq!(again.snapshot(), ledger.snapshot());
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<LedgerRow>(&json).unwrap(), row);
    }

    #[test]
    fn forged_addresses_cannot_grow_the_ledger_without_bound() {
        let ledger = LossLedger::new();
        (0..ROWS_MAX + 50).for_each(|n| ledger.counters(&n.to_string()).accept(1));
        assert_eq!(ledger.snapshot().len(), ROWS_MAX + 1);
        assert_eq!(ledger.row(OTHERS).unwrap().accepted, 50);
    }
}
