//! Hits that raise no alert: of rules in test, and those that an exception hides. They are counted
//! and stay findable.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use saqshy_casework::{Error, Store, Tx};
use saqshy_detect::{AlertDraft, Exceptions, Found, Hit};
use saqshy_event::Batch;
use sqlx::Row;

use super::{Mode, RuleService, intervals};

/// Hits of a rule in test that are kept; the count goes on.
const TEST_HITS_KEPT: i64 = 10_000;

/// A hit that raises no alert.
#[derive(Debug, Clone, PartialEq)]
pub struct QuietHit {
    pub hit: Hit,
    /// The exception that hides it; `None`: its rule is in test.
    pub exception: Option<String>,
}

/// Takes out of what was found the hits that raise no alert. A hit that an exception hides, or
/// whose rule is in test, does not count for a correlation either.
pub fn sift(
    found: &mut Found,
    batch: &Batch,
    service: &RuleService,
    exceptions: &Exceptions,
    now: Timestamp,
) -> Vec<QuietHit> {
    let mut quiet = Vec::new();
    let mut gone = HashSet::new();
    // `Some`: it is quiet; the exception that hides it, if it is that.
    let why = |row: usize, hit: &Hit| -> Option<Option<String>> {
        if service.mode(&hit.rule_id) == Mode::Test {
            return Some(None);
        }
        let exception = exceptions.hiding(hit, batch.event(row), now)?;
        Some(Some(exception.id.clone()))
    };
    let mut take = |hit: &Hit, exception| {
        gone.insert(hit.id.clone());
        quiet.push(QuietHit {
            hit: hit.clone(),
            exception,
        });
    };
    found.hits.retain(|(row, hit)| match why(*row, hit) {
        Some(exception) => {
            take(hit, exception);
            false
        }
        None => true,
    });
    // Rules that only feed correlations have no hits of their own.
    for (row, input) in &found.inputs {
        let asked = exceptions.concern(&input.rule) || service.mode(&input.rule) == Mode::Test;
        let Some(rule) = asked.then(|| service.set.rule(&input.rule)).flatten() else {
            continue;
        };
        let hit = Hit::new(rule, batch.event(*row));
        if let Some(exception) = why(*row, &hit) {
            take(&hit, exception);
        }
    }
    found.inputs.retain(|(_, input)| !gone.contains(&input.id));
    let mut seen = HashSet::new();
    quiet.retain(|one| seen.insert(one.hit.id.clone()));
    quiet
}

/// Takes out alerts of correlations that are in test; each leaves its hits as quiet ones. That they
/// feed no other correlation is the detector's part.
pub fn sift_drafts(drafts: &mut Vec<AlertDraft>, service: &RuleService) -> Vec<QuietHit> {
    let mut quiet = Vec::new();
    drafts.retain_mut(|draft| {
        if service.mode(&draft.rule_id) != Mode::Test {
            return true;
        }
        quiet.extend(draft.hits.drain(..).map(|hit| QuietHit {
            hit,
            exception: None,
        }));
        false
    });
    quiet
}

/// Writes quiet hits with their counts. What is known already changes nothing.
pub async fn record(tx: &mut Tx, hits: &[QuietHit]) -> Result<(), Error> {
    let mut tally: BTreeMap<(&str, &str), (i64, i64)> = BTreeMap::new();
    let mut hidden: HashMap<&str, (i64, i64)> = HashMap::new();
    for QuietHit { hit, exception } in hits {
        let at = hit.at.as_microsecond();
        let done = sqlx::query(
            "INSERT INTO quiet_hit (id, rule_id, exception_id, event_id, at_us, host, user_name, \
             source_ip, dataset, entity_kind, entity) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&hit.id)
        .bind(&hit.rule_id)
        .bind(exception)
        .bind(&hit.event_id)
        .bind(at)
        .bind(&hit.host)
        .bind(&hit.user)
        .bind(&hit.source_ip)
        .bind(&hit.dataset)
        .bind(&hit.entity.kind)
        .bind(&hit.entity.value)
        .execute(tx.conn())
        .await?;
        if done.rows_affected() == 0 {
            continue;
        }
        let add = |(count, last): &mut (i64, i64)| {
            *count += 1;
            *last = (*last).max(at);
        };
        let kind = match exception {
            Some(id) => {
                add(hidden.entry(id).or_insert((0, i64::MIN)));
                "hidden"
            }
            None => "test",
        };
        add(tally.entry((&hit.rule_id, kind)).or_insert((0, i64::MIN)));
    }
    for ((rule, kind), (count, last)) in tally {
        sqlx::query(
            "INSERT INTO rule_tally (rule_id, kind, hits, last_at_us) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (rule_id, kind) DO UPDATE SET hits = rule_tally.hits + excluded.hits, \
             last_at_us = CASE WHEN rule_tally.last_at_us > excluded.last_at_us \
             THEN rule_tally.last_at_us ELSE excluded.last_at_us END",
        )
        .bind(rule)
        .bind(kind)
        .bind(count)
        .bind(last)
        .execute(tx.conn())
        .await?;
    }
    for (id, (count, last)) in hidden {
        sqlx::query(
            "UPDATE rule_exception SET hidden = hidden + $1, last_hidden_us = \
             CASE WHEN last_hidden_us > $2 THEN last_hidden_us ELSE $2 END WHERE id = $3",
        )
        .bind(count)
        .bind(last)
        .bind(id)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Deletes the oldest hits of rules in test beyond what is kept.
pub async fn prune(store: &Store) -> Result<(), Error> {
    let rows = sqlx::query(
        "SELECT rule_id, COUNT(*) FROM quiet_hit WHERE exception_id IS NULL \
         GROUP BY rule_id HAVING COUNT(*) > $1",
    )
    .bind(TEST_HITS_KEPT)
    .fetch_all(store.pool())
    .await?;
    for row in &rows {
        let (rule, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let mut tx = store.begin().await?;
        sqlx::query(
            "DELETE FROM quiet_hit WHERE id IN (SELECT id FROM quiet_hit WHERE rule_id = $1 \
             AND exception_id IS NULL ORDER BY at_us LIMIT $2)",
        )
        .bind(&rule)
        .bind(count - TEST_HITS_KEPT)
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Counts of one rule's quiet hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub test: u64,
    pub hidden: u64,
    pub last: Option<Timestamp>,
}

/// Rule → counts of its quiet hits.
pub async fn tallies(store: &Store) -> Result<HashMap<String, Tally>, Error> {
    let rows = sqlx::query("SELECT rule_id, kind, hits, last_at_us FROM rule_tally")
        .fetch_all(store.pool())
        .await?;
    let mut all: HashMap<String, Tally> = HashMap::new();
    for row in &rows {
        let tally = all.entry(row.try_get(0)?).or_default();
        let (kind, hits): (String, i64) = (row.try_get(1)?, row.try_get(2)?);
        let hits = u64::try_from(hits).unwrap_or(0);
        match kind.as_str() {
            "test" => tally.test = hits,
            _ => tally.hidden = hits,
        }
        tally.last = tally.last.max(Some(intervals::time(row.try_get(3)?)?));
    }
    Ok(all)
}

/// A quiet hit as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHit {
    pub id: String,
    pub rule_id: String,
    pub exception_id: Option<String>,
    pub event_id: String,
    pub at: Timestamp,
    pub host: Option<String>,
    pub user: Option<String>,
    pub source_ip: Option<String>,
    pub dataset: String,
    pub entity_kind: String,
    pub entity: String,
}

/// Whose quiet hits to list.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    Rule(&'a str),
    Exception(&'a str),
}

/// Quiet hits, the latest first.
pub async fn list(store: &Store, whose: Whose<'_>, limit: u32) -> Result<Vec<StoredHit>, Error> {
    let (sql, id) = match whose {
        Whose::Rule(id) => (
            "SELECT * FROM quiet_hit WHERE rule_id = $1 ORDER BY at_us DESC LIMIT $2",
            id,
        ),
        Whose::Exception(id) => (
            "SELECT * FROM quiet_hit WHERE exception_id = $1 ORDER BY at_us DESC LIMIT $2",
            id,
        ),
    };
    let rows = sqlx::query(sql)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(store.pool())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(StoredHit {
                id: row.try_get("id")?,
                rule_id: row.try_get("rule_id")?,
                exception_id: row.try_get("exception_id")?,
                event_id: row.try_get("event_id")?,
                at: intervals::time(row.try_get("at_us")?)?,
                host: row.try_get("host")?,
                user: row.try_get("user_name")?,
                source_ip: row.try_get("source_ip")?,
                dataset: row.try_get("dataset")?,
                entity_kind: row.try_get("entity_kind")?,
                entity: row.try_get("entity")?,
            })
        })
        .collect()
}
