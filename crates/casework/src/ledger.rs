//! Per source: how many records became events, how many nobody understood, how many were dropped
//! and why. The other half of "lose nothing": what was lost is named.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::tx::Columns;
use crate::{Result, Store, Tx, time};

/// The account of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceLedger {
    pub source: String,
    /// Records taken through the pipeline, understood or not.
    pub records: u64,
    /// Of these, records that no parser understood (stored raw).
    pub unparsed: u64,
    pub last_received: Option<Timestamp>,
    /// Records dropped before the spool, by reason.
    pub dropped: BTreeMap<String, u64>,
}

impl Tx {
    /// Adds what one run of the pipeline did for `source`. Commit it together with the position.
    pub async fn ledger_add(
        &mut self,
        source: &str,
        records: u64,
        unparsed: u64,
        last: Option<Timestamp>,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO source_ledger (source, records, unparsed, last_received_us) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (source) DO UPDATE SET \
             records = source_ledger.records + excluded.records, \
             unparsed = source_ledger.unparsed + excluded.unparsed, \
             last_received_us = CASE \
               WHEN excluded.last_received_us IS NULL THEN source_ledger.last_received_us \
               WHEN source_ledger.last_received_us >= excluded.last_received_us \
                 THEN source_ledger.last_received_us \
               ELSE excluded.last_received_us END",
        )
        .bind(source)
        .bind(time::signed(records)?)
        .bind(time::signed(unparsed)?)
        .bind(time::opt_us(last))
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Adds `n` records of `source` that were dropped for `reason`.
    pub async fn ledger_dropped(&mut self, source: &str, reason: &str, n: u64) -> Result<()> {
        sqlx::query(
            "INSERT INTO source_drop (source, reason, records) VALUES ($1, $2, $3) \
             ON CONFLICT (source, reason) DO UPDATE SET \
             records = source_drop.records + excluded.records",
        )
        .bind(source)
        .bind(reason)
        .bind(time::signed(n)?)
        .execute(self.conn())
        .await?;
        Ok(())
    }
}

impl Store {
    /// Every source that ever sent or lost a record, by name.
    pub async fn ledger(&self) -> Result<Vec<SourceLedger>> {
        let mut sources: BTreeMap<String, SourceLedger> = BTreeMap::new();
        let empty = |source: &str| SourceLedger {
            source: source.to_owned(),
            records: 0,
            unparsed: 0,
            last_received: None,
            dropped: BTreeMap::new(),
        };
        let mut conn = self.pool().begin().await?;
        let rows =
            sqlx::query("SELECT source, records, unparsed, last_received_us FROM source_ledger")
                .fetch_all(&mut *conn)
                .await?;
        for row in &rows {
            let name = row.text("source")?;
            let entry = sources.entry(name.clone()).or_insert_with(|| empty(&name));
            entry.records = row.uint("records")?;
            entry.unparsed = row.uint("unparsed")?;
            entry.last_received = row.opt_time("last_received_us")?;
        }
        let rows = sqlx::query("SELECT source, reason, records FROM source_drop")
            .fetch_all(&mut *conn)
            .await?;
        for row in &rows {
            let name = row.text("source")?;
            let entry = sources.entry(name.clone()).or_insert_with(|| empty(&name));
            entry
                .dropped
                .insert(row.text("reason")?, row.uint("records")?);
        }
        Ok(sources.into_values().collect())
    }
}
