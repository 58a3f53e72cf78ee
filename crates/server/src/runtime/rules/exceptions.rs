//! Exceptions: proposed by one person, approved by another, in force until they expire.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use saqshy_casework::{Actor, Error, Store};
use saqshy_detect::{Entity, Exception, Exceptions, FieldIs};
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::change::{check_reason, invalid, leaf, not_found};
use super::intervals::time;
use crate::runtime::App;

const FIELDS_MAX: usize = 16;
const VALUE_BYTES_MAX: usize = 2_000;

/// Where an exception stands. An approved one whose time has come is expired by its date alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Proposed,
    Approved,
    Refused,
    Withdrawn,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Proposed => "proposed",
            State::Approved => "approved",
            State::Refused => "refused",
            State::Withdrawn => "withdrawn",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [
            State::Proposed,
            State::Approved,
            State::Refused,
            State::Withdrawn,
        ];
        all.into_iter().find(|state| state.as_str() == word)
    }
}

/// An exception with what people decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub exception: Exception,
    pub state: State,
    pub reason: String,
    /// The alert that was called false.
    pub alert_id: Option<String>,
    pub owner: String,
    pub proposed_at: Timestamp,
    pub proposed_by: String,
    pub decided_at: Option<Timestamp>,
    pub decided_by: Option<String>,
    /// What the one who decided wrote.
    pub decision: Option<String>,
    /// Hits that it has hidden.
    pub hidden: u64,
    pub last_hidden: Option<Timestamp>,
    pub version: i64,
}

/// What somebody proposes.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub rule_id: String,
    pub entity: Option<Entity>,
    pub fields: Vec<FieldIs>,
    pub reason: String,
    pub alert_id: Option<String>,
    pub owner: Option<String>,
    /// The configured default when left out.
    pub expires: Option<Timestamp>,
}

/// Checks what an exception would hide by.
///
/// # Errors
/// `Invalid`: it names neither entity nor field, a field twice, or too much.
pub fn check_narrow(entity: Option<&Entity>, fields: &[FieldIs]) -> Result<(), Error> {
    if entity.is_none() && fields.is_empty() {
        let why = "an exception for a whole rule is no exception: name an entity or a field";
        return Err(invalid("fields", why));
    }
    if fields.len() > FIELDS_MAX {
        return Err(invalid("fields", format!("more than {FIELDS_MAX} fields")));
    }
    for (at, one) in fields.iter().enumerate() {
        if one.field.is_empty() || one.field.len() > 256 || one.value.len() > VALUE_BYTES_MAX {
            let how = format!(
                "a field has a name of 1 to 256 bytes and a value of at most {VALUE_BYTES_MAX}"
            );
            return Err(invalid("fields", how));
        }
        if fields[..at].iter().any(|other| other.field == one.field) {
            return Err(invalid("fields", format!("`{}` is named twice", one.field)));
        }
    }
    Ok(())
}

/// Records a proposal; nothing is hidden yet.
///
/// # Errors
/// `NotFound` for an unknown rule, `Invalid` when it is too wide, too long, or without a reason.
pub async fn propose(app: &App, actor: &Actor, proposal: Proposal) -> Result<Recorded, Error> {
    let now = app.now();
    check_reason(&proposal.reason)?;
    check_narrow(proposal.entity.as_ref(), &proposal.fields)?;
    if app.rules().set.head(&proposal.rule_id).is_none() {
        return Err(not_found(format!("rule:{}", proposal.rule_id)));
    }
    let limits = &app.config.exceptions;
    let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
    let expires = proposal.expires.unwrap_or(now + days(limits.default_days));
    if expires <= now || expires > now + days(limits.max_days) {
        let how = format!(
            "an exception ends after now and within {} days",
            limits.max_days
        );
        return Err(invalid("expires_at", how));
    }
    let owner = proposal.owner.unwrap_or_else(|| actor.id.clone());
    let mut tx = app.store.begin().await?;
    let id = tx.new_id("exception").await?;
    let change = json!({
        "rule_id": proposal.rule_id,
        "entity": proposal.entity,
        "fields": proposal.fields,
        "alert_id": proposal.alert_id,
        "owner": owner,
        "expires_at": expires,
    });
    let object = format!("exception:{id}");
    tx.leaf(&leaf(
        now,
        actor,
        "exception.proposed",
        object,
        change,
        &proposal.reason,
    ))
    .await?;
    sqlx::query(
        "INSERT INTO rule_exception (id, rule_id, entity_kind, entity, fields, reason, alert_id, \
         owner, state, proposed_at_us, proposed_by, expires_at_us, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'proposed', $9, $10, $11, 1)",
    )
    .bind(&id)
    .bind(&proposal.rule_id)
    .bind(proposal.entity.as_ref().map(|entity| &entity.kind))
    .bind(proposal.entity.as_ref().map(|entity| &entity.value))
    .bind(serde_json::to_string(&proposal.fields)?)
    .bind(&proposal.reason)
    .bind(&proposal.alert_id)
    .bind(&owner)
    .bind(now.as_microsecond())
    .bind(&actor.id)
    .bind(expires.as_microsecond())
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    get(&app.store, &id).await
}

/// What somebody decides about an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decide {
    /// Only somebody other than who proposed it.
    Approve,
    /// Only somebody other than who proposed it.
    Refuse,
    /// Whoever proposed it, its owner, or another: it hides nothing more.
    Withdraw,
}

/// Records a decision; from then on the pipeline follows it.
///
/// # Errors
/// `NotFound`; `Conflict` when `version` is not the exception's; `Invalid` when the same person
/// proposed it, its time is over, or its state does not allow the decision.
pub async fn decide(
    app: &App,
    actor: &Actor,
    id: &str,
    what: Decide,
    reason: &str,
    version: i64,
) -> Result<Recorded, Error> {
    check_reason(reason)?;
    let _turn = app.rule_changes.lock().await;
    let now = app.now();
    let old = get(&app.store, id).await?;
    if old.version != version {
        return Err(Error::Conflict {
            object: format!("exception:{id}"),
            expected: version,
            current: old.version,
        });
    }
    let (state, action) = match what {
        Decide::Approve => (State::Approved, "exception.approved"),
        Decide::Refuse => (State::Refused, "exception.refused"),
        Decide::Withdraw => (State::Withdrawn, "exception.withdrawn"),
    };
    let fits = match what {
        Decide::Approve | Decide::Refuse => old.state == State::Proposed,
        Decide::Withdraw => matches!(old.state, State::Proposed | State::Approved),
    };
    if !fits {
        let why = format!("the exception is already {}", old.state.as_str());
        return Err(invalid("state", why));
    }
    if what != Decide::Withdraw && old.proposed_by == actor.id {
        let why = "who proposed an exception does not decide on it: ask a second person";
        return Err(invalid("approver", why));
    }
    if what == Decide::Approve && old.exception.expires <= now {
        return Err(invalid("expires_at", "its time is over: propose it anew"));
    }
    let mut tx = app.store.begin().await?;
    let object = format!("exception:{id}");
    let change = json!({"state": state.as_str(), "rule_id": old.exception.rule_id});
    tx.leaf(&leaf(now, actor, action, object, change, reason))
        .await?;
    let done = sqlx::query(
        "UPDATE rule_exception SET state = $2, decided_at_us = $3, decided_by = $4, \
         decision = $5, version = version + 1 WHERE id = $1 AND version = $6",
    )
    .bind(id)
    .bind(state.as_str())
    .bind(now.as_microsecond())
    .bind(&actor.id)
    .bind(reason)
    .bind(version)
    .execute(tx.conn())
    .await?;
    debug_assert_eq!(done.rows_affected(), 1, "decisions are made one at a time");
    tx.commit().await?;
    *app.exceptions.write() = Arc::new(in_force(&app.store).await?);
    get(&app.store, id).await
}

/// The approved exceptions, in order of approval. Those whose time is over hide nothing.
pub async fn in_force(store: &Store) -> Result<Exceptions, Error> {
    let rows = sqlx::query(
        "SELECT * FROM rule_exception WHERE state = 'approved' ORDER BY decided_at_us, id",
    )
    .fetch_all(store.pool())
    .await?;
    let all = rows.iter().map(of_row).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().map(|one| one.exception).collect())
}

/// Exceptions, the latest first, of one rule or of all.
pub async fn list(store: &Store, rule_id: Option<&str>) -> Result<Vec<Recorded>, Error> {
    let rows = sqlx::query(
        "SELECT * FROM rule_exception WHERE CAST($1 AS TEXT) IS NULL OR rule_id = $1 \
         ORDER BY proposed_at_us DESC, id LIMIT 5000",
    )
    .bind(rule_id)
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(of_row).collect()
}

/// One exception.
///
/// # Errors
/// `NotFound`.
pub async fn get(store: &Store, id: &str) -> Result<Recorded, Error> {
    let row = sqlx::query("SELECT * FROM rule_exception WHERE id = $1")
        .bind(id)
        .fetch_optional(store.pool())
        .await?;
    of_row(&row.ok_or_else(|| not_found(format!("exception:{id}")))?)
}

fn of_row(row: &SqliteRow) -> Result<Recorded, Error> {
    let opt_time = |name: &str| -> Result<Option<Timestamp>, Error> {
        row.try_get::<Option<i64>, _>(name)?.map(time).transpose()
    };
    let kind: Option<String> = row.try_get("entity_kind")?;
    let value: Option<String> = row.try_get("entity")?;
    let fields: String = row.try_get("fields")?;
    let (state, hidden): (String, i64) = (row.try_get("state")?, row.try_get("hidden")?);
    let state = State::parse(&state)
        .ok_or_else(|| Error::Storage(format!("state `{state}` of an exception").into()))?;
    Ok(Recorded {
        exception: Exception {
            id: row.try_get("id")?,
            rule_id: row.try_get("rule_id")?,
            entity: kind.zip(value).map(|(kind, value)| Entity { kind, value }),
            fields: serde_json::from_str(&fields)?,
            expires: time(row.try_get("expires_at_us")?)?,
        },
        state,
        reason: row.try_get("reason")?,
        alert_id: row.try_get("alert_id")?,
        owner: row.try_get("owner")?,
        proposed_at: time(row.try_get("proposed_at_us")?)?,
        proposed_by: row.try_get("proposed_by")?,
        decided_at: opt_time("decided_at_us")?,
        decided_by: row.try_get("decided_by")?,
        decision: row.try_get("decision")?,
        hidden: u64::try_from(hidden).unwrap_or(0),
        last_hidden: opt_time("last_hidden_us")?,
        version: row.try_get("version")?,
    })
}
