//! Since when each rule has looked at events, and the gaps in between.
//!
//! An interval ends when the rule is disabled, removed, refused, goes from test to service or back,
//! or its text changes. While the server is stopped records wait with their senders or in the
//! spool and are matched afterwards, so a stop is no gap.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use jiff::Timestamp;
use saqshy_casework::{Error, Store, Tx};
use saqshy_journal::Leaf;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::{Mode, RuleService};

/// One stretch of time in which a rule looked at events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    pub from: Timestamp,
    /// `None`: still.
    pub to: Option<Timestamp>,
    pub mode: String,
    /// SHA-256 of the rule's text.
    pub sha256: String,
}

/// What looks at events now: rule → (mode, SHA-256 of its text).
fn in_service(service: &RuleService) -> BTreeMap<String, (Mode, String)> {
    let refused: HashSet<(&Path, usize)> = service
        .detector
        .refused()
        .iter()
        .map(|refusal| (refusal.file.as_path(), refusal.line))
        .collect();
    service
        .set
        .heads()
        .filter(|head| !refused.contains(&(head.file, head.line)))
        .filter_map(|head| {
            let mode = service.mode(head.id);
            let sha256 = hex::encode(Sha256::digest(head.source.as_bytes()));
            (mode != Mode::Disabled).then(|| (head.id.to_owned(), (mode, sha256)))
        })
        .collect()
}

/// Ends the intervals of rules that no longer look at events in the same form, and begins those of
/// rules that do. Gives the number of both.
pub async fn update(
    tx: &mut Tx,
    now: Timestamp,
    service: &RuleService,
) -> Result<(u64, u64), Error> {
    let wanted = in_service(service);
    let rows = sqlx::query("SELECT rule_id, mode, sha256 FROM rule_interval WHERE to_us IS NULL")
        .fetch_all(tx.conn())
        .await?;
    let mut open: HashMap<String, (String, String)> = HashMap::new();
    for row in &rows {
        open.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
    }
    let same = |id: &str| match (open.get(id), wanted.get(id)) {
        (Some((mode, sha256)), Some(now)) => *mode == now.0.as_str() && *sha256 == now.1,
        _ => false,
    };
    let at = now.as_microsecond();
    let (mut ended, mut begun) = (0, 0);
    for id in open.keys().filter(|id| !same(id)) {
        sqlx::query("UPDATE rule_interval SET to_us = $1 WHERE rule_id = $2 AND to_us IS NULL")
            .bind(at)
            .bind(id)
            .execute(tx.conn())
            .await?;
        ended += 1;
    }
    for (id, (mode, sha256)) in wanted.iter().filter(|(id, _)| !same(id)) {
        // Two changes within a microsecond leave the later one.
        sqlx::query(
            "INSERT INTO rule_interval (rule_id, from_us, mode, sha256) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (rule_id, from_us) DO UPDATE SET to_us = NULL, mode = excluded.mode, \
             sha256 = excluded.sha256",
        )
        .bind(id)
        .bind(at)
        .bind(mode.as_str())
        .bind(sha256)
        .execute(tx.conn())
        .await?;
        begun += 1;
    }
    Ok((ended, begun))
}

/// At start: what differs from the last time, with a leaf that names the rules by one hash.
pub async fn reconcile(store: &Store, now: Timestamp, service: &RuleService) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    let (ended, begun) = update(&mut tx, now, service).await?;
    if ended + begun == 0 {
        return tx.rollback().await;
    }
    let mut all = Sha256::new();
    for (id, (mode, sha256)) in in_service(service) {
        all.update(format!("{sha256} {} {id}\n", mode.as_str()));
    }
    tx.leaf(&Leaf {
        at: now,
        actor: "system".to_owned(),
        action: "rules.loaded".to_owned(),
        object: "rules:all".to_owned(),
        change: json!({
            "begun": begun,
            "ended": ended,
            "rules": service.detector.rules_loaded(),
            "refused": service.detector.refused().len(),
            "sha256": hex::encode(all.finalize()),
        }),
        reason: None,
        edition: None,
    })
    .await?;
    tx.commit().await
}

/// The intervals of one rule, the latest first.
pub async fn of_rule(store: &Store, rule_id: &str) -> Result<Vec<Interval>, Error> {
    let rows = sqlx::query(
        "SELECT from_us, to_us, mode, sha256 FROM rule_interval WHERE rule_id = $1 \
         ORDER BY from_us DESC LIMIT 200",
    )
    .bind(rule_id)
    .fetch_all(store.pool())
    .await?;
    rows.iter()
        .map(|row| {
            let to: Option<i64> = row.try_get(1)?;
            Ok(Interval {
                from: time(row.try_get(0)?)?,
                to: to.map(time).transpose()?,
                mode: row.try_get(2)?,
                sha256: row.try_get(3)?,
            })
        })
        .collect()
}

/// Rule → since when it looks at events in its present form.
pub async fn open(store: &Store) -> Result<HashMap<String, Timestamp>, Error> {
    let rows = sqlx::query("SELECT rule_id, from_us FROM rule_interval WHERE to_us IS NULL")
        .fetch_all(store.pool())
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, time(row.try_get(1)?)?)))
        .collect()
}

pub(super) fn time(us: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(us).map_err(|error| Error::Storage(Box::new(error)))
}
