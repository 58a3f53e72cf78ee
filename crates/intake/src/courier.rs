//! From the listeners to the spool: encoding, waiting, counting.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use saqshy_event::{Format, Record};
use saqshy_spool::{AppendError, Spool};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::config::{Clock, Limits};
use crate::ledger::{Counters, DropReason, LossLedger};
use crate::sources::{SourceId, Sources, Transport};

const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// What all listeners share.
pub(crate) struct Courier {
    pub spool: Spool,
    pub clock: Clock,
    pub sources: Arc<dyn Sources>,
    pub ledger: Arc<LossLedger>,
    pub limits: Limits,
    /// Take nothing new.
    pub stop: CancellationToken,
    /// The grace for storing what was taken is over.
    pub give_up: CancellationToken,
}

/// Who sent a batch.
#[derive(Clone)]
pub(crate) struct Sender {
    pub source: SourceId,
    pub counters: Arc<Counters>,
    pub peer: IpAddr,
    pub transport: Transport,
}

impl Sender {
    /// The spool record of `payload`.
    pub fn record(
        &self,
        received: Timestamp,
        format: Format,
        truncated: bool,
        payload: &[u8],
    ) -> Vec<u8> {
        let source = self.source.as_str();
        let mut bytes = Vec::with_capacity(payload.len() + source.len() + 32);
        let peer = Some(self.peer);
        Record {
            received,
            source,
            format,
            peer,
            truncated,
            payload,
        }
        .encode(&mut bytes);
        bytes
    }
}

impl Courier {
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub fn sender(&self, source: SourceId, peer: IpAddr, transport: Transport) -> Sender {
        let counters = self.ledger.counters(source.as_str());
        Sender {
            source,
            counters,
            peer,
            transport,
        }
    }

    /// Stores `records`; on `Ok` they are on disk and counted.
    pub async fn store(
        &self,
        sender: &Sender,
        records: Arc<Vec<Vec<u8>>>,
    ) -> Result<Range<u64>, AppendError> {
        let (reply, answer) = oneshot::channel();
        let count = records.len() as u64;
        let (counters, transport) = (sender.counters.clone(), sender.transport);
        self.spool.submit(records, move |result| {
            if result.is_ok() {
                counters.accept(count);
                count_accepted(transport, count);
            }
            // A listener that has gone away no longer needs the answer.
            _ = reply.send(result);
        })?;
        answer.await.unwrap_or(Err(AppendError::Closed))
    }

    /// As [`Courier::store`], but waits up to `patience` while the queue is full.
    pub async fn store_soon(
        &self,
        sender: &Sender,
        records: Arc<Vec<Vec<u8>>>,
        patience: Duration,
    ) -> Result<Range<u64>, AppendError> {
        let mut waited = Duration::ZERO;
        loop {
            match self.store(sender, records.clone()).await {
                Err(AppendError::Busy { .. }) if waited < patience => {
                    tokio::time::sleep(PAUSE_MIN).await;
                    waited += PAUSE_MIN;
                }
                result => return result,
            }
        }
    }

    /// Stores `records` however long it takes, while the sender waits. Gives up, and counts the
    /// loss, only at shutdown.
    pub async fn store_patiently(&self, sender: &Sender, records: Vec<Vec<u8>>) {
        let count = records.len() as u64;
        let records = Arc::new(records);
        let (mut pause, mut waits) = (PAUSE_MIN, 0_u32);
        loop {
            let error = match self.store(sender, records.clone()).await {
                Ok(_) => return,
                Err(AppendError::TooLarge { .. }) if count > 1 => {
                    for record in records.iter() {
                        Box::pin(self.store_patiently(sender, vec![record.clone()])).await;
                    }
                    return;
                }
                Err(error @ AppendError::TooLarge { .. }) => {
                    return lost(sender, DropReason::TooLarge, count, &error);
                }
                Err(error @ AppendError::Closed) => {
                    return lost(sender, DropReason::SpoolError, count, &error);
                }
                Err(error) => error,
            };
            waits = waits.saturating_add(1);
            if waits == 10 {
                tracing::warn!(source = %sender.source, %error, "sender is held back");
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
                () = self.give_up.cancelled() => {
                    return lost(sender, drop_reason(&error), count, &error);
                }
            }
        }
    }
}

pub(crate) fn drop_reason(error: &AppendError) -> DropReason {
    match error {
        AppendError::Full { .. } | AppendError::Busy { .. } => DropReason::SpoolFull,
        AppendError::TooLarge { .. } => DropReason::TooLarge,
        _ => DropReason::SpoolError,
    }
}

pub(crate) fn count_accepted(transport: Transport, records: u64) {
    metrics::counter!("saqshy_intake_records_accepted_total", "transport" => transport.name())
        .increment(records);
}

fn lost(sender: &Sender, reason: DropReason, records: u64, error: &AppendError) {
    sender.counters.lose(reason, records);
    tracing::error!(source = %sender.source, records, reason = reason.name(), %error, "records lost");
}
