//! Back-tests in the database: what was asked, and what was found.
//!
//! Kept are the latest [`KEPT_OF_RULE`] of each rule, the latest [`KEPT_OF_TEXTS`] of pasted texts,
//! and [`KEPT`] in all; older ones go when another begins. One that runs stays.

use saqshy_casework::{Error, Store, Tx};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Findings, Record, Snapshot, State};
use crate::runtime::rules::intervals::time;

/// Back-tests that are kept of one rule.
const KEPT_OF_RULE: u32 = 20;
/// Back-tests that are kept of texts that are no rule in service.
const KEPT_OF_TEXTS: u32 = 100;
/// Back-tests that are kept in all.
pub const KEPT: u32 = 500;

const RUNNING: &str = "running";
const DONE: &str = "done";
const CANCELLED: &str = "cancelled";
const FAILED: &str = "failed";
const INTERRUPTED: &str = "interrupted";

impl State {
    fn stored(&self) -> (&'static str, Option<&str>) {
        match self {
            State::Running => (RUNNING, None),
            State::Done => (DONE, None),
            State::Cancelled => (CANCELLED, None),
            State::Failed(why) => (FAILED, Some(why)),
            State::Interrupted => (INTERRUPTED, None),
        }
    }

    fn of_stored(word: &str, why: Option<String>) -> Result<Self, Error> {
        Ok(match word {
            RUNNING => State::Running,
            DONE => State::Done,
            CANCELLED => State::Cancelled,
            FAILED => State::Failed(why.unwrap_or_default()),
            INTERRUPTED => State::Interrupted,
            other => {
                let why = format!("unknown state `{other}` of a stored back-test");
                return Err(Error::Storage(why.into()));
            }
        })
    }
}

/// Writes one that begins, and gives up those beyond what is kept.
pub(super) async fn insert(tx: &mut Tx, record: &Record) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO backtest (id, rule_id, title, sha256, from_us, to_us, started_by, \
         started_at_us, state, events_total, events_read, findings) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, $10)",
    )
    .bind(&record.id)
    .bind(&record.rule_id)
    .bind(&record.title)
    .bind(&record.sha256)
    .bind(record.from.as_microsecond())
    .bind(record.to.as_microsecond())
    .bind(&record.by)
    .bind(record.started.as_microsecond())
    .bind(RUNNING)
    .bind(text_of(&record.now.findings)?)
    .execute(tx.conn())
    .await?;
    let kept = match record.rule_id {
        Some(_) => KEPT_OF_RULE,
        None => KEPT_OF_TEXTS,
    };
    sqlx::query(
        "DELETE FROM backtest WHERE COALESCE(rule_id, '') = $1 AND state <> $2 AND id NOT IN \
         (SELECT id FROM backtest WHERE COALESCE(rule_id, '') = $1 \
         ORDER BY started_at_us DESC, id DESC LIMIT $3)",
    )
    .bind(record.rule_id.as_deref().unwrap_or_default())
    .bind(RUNNING)
    .bind(kept)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "DELETE FROM backtest WHERE state <> $1 AND id NOT IN \
         (SELECT id FROM backtest ORDER BY started_at_us DESC, id DESC LIMIT $2)",
    )
    .bind(RUNNING)
    .bind(KEPT)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes how it stands.
pub(super) async fn save(store: &Store, id: &str, now: &Snapshot) -> Result<(), Error> {
    let (state, why) = now.state.stored();
    let mut tx = store.begin().await?;
    sqlx::query(
        "UPDATE backtest SET state = $1, error = $2, ended_at_us = $3, events_total = $4, \
         events_read = $5, findings = $6 WHERE id = $7",
    )
    .bind(state)
    .bind(why)
    .bind(now.ended.map(|at| at.as_microsecond()))
    .bind(i64::try_from(now.events_total).unwrap_or(i64::MAX))
    .bind(i64::try_from(now.events_read).unwrap_or(i64::MAX))
    .bind(text_of(&now.findings)?)
    .bind(id)
    .execute(tx.conn())
    .await?;
    tx.commit().await
}

/// At start: what ran when the server was killed is called interrupted.
pub async fn interrupt_all(store: &Store) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    sqlx::query("UPDATE backtest SET state = $1 WHERE state = $2")
        .bind(INTERRUPTED)
        .bind(RUNNING)
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

/// The latest first; of one rule where one is named.
pub(super) async fn list(
    store: &Store,
    rule_id: Option<&str>,
    limit: u32,
) -> Result<Vec<Record>, Error> {
    let rows = sqlx::query(
        "SELECT * FROM backtest WHERE rule_id = $1 OR $1 IS NULL \
         ORDER BY started_at_us DESC, id DESC LIMIT $2",
    )
    .bind(rule_id)
    .bind(limit)
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(record_of).collect()
}

pub(super) async fn get(store: &Store, id: &str) -> Result<Option<Record>, Error> {
    let row = sqlx::query("SELECT * FROM backtest WHERE id = $1")
        .bind(id)
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(record_of).transpose()
}

fn record_of(row: &SqliteRow) -> Result<Record, Error> {
    let count = |column: &str| -> Result<u64, Error> {
        let count: i64 = row.try_get(column)?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    let (state, ended): (String, Option<i64>) =
        (row.try_get("state")?, row.try_get("ended_at_us")?);
    let findings: String = row.try_get("findings")?;
    let findings: Findings =
        serde_json::from_str(&findings).map_err(|error| Error::Storage(Box::new(error)))?;
    Ok(Record {
        id: row.try_get("id")?,
        rule_id: row.try_get("rule_id")?,
        title: row.try_get("title")?,
        sha256: row.try_get("sha256")?,
        from: time(row.try_get("from_us")?)?,
        to: time(row.try_get("to_us")?)?,
        by: row.try_get("started_by")?,
        started: time(row.try_get("started_at_us")?)?,
        now: Snapshot {
            state: State::of_stored(&state, row.try_get("error")?)?,
            findings,
            ended: ended.map(time).transpose()?,
            events_total: count("events_total")?,
            events_read: count("events_read")?,
        },
    })
}

fn text_of(findings: &Findings) -> Result<String, Error> {
    serde_json::to_string(findings).map_err(|error| Error::Storage(Box::new(error)))
}
