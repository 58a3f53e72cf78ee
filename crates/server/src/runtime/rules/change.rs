use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use saqshy_casework::{Actor, Error, Tx};
use saqshy_journal::Leaf;
use serde_json::{Value, json};

use super::bundle::Bundle;
use super::sets::{self, StoredSet};
use super::{Decision, Group, Mode, Origin, RuleService, intervals};
use crate::runtime::{App, correlation};

/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 2_000;

/// Switches one rule, or correlation, to another mode.
///
/// # Errors
/// `NotFound` for an unknown rule, `Invalid` without a reason. The old rules stay in service.
pub async fn set_mode(
    app: &App,
    actor: &Actor,
    rule_id: &str,
    mode: Mode,
    reason: &str,
) -> Result<Arc<RuleService>, Error> {
    check_reason(reason)?;
    // One change at a time: each builds on the state before it.
    let _turn = app.rule_changes.lock().await;
    let (service, now) = (app.rules(), app.now());
    if service.set.head(rule_id).is_none() {
        return Err(not_found(format!("rule:{rule_id}")));
    }
    let decision = Decision {
        mode,
        reason: reason.to_owned(),
        at: now,
        by: actor.id.clone(),
    };
    let mut decisions = service.decisions().clone();
    decisions.insert(rule_id.to_owned(), decision.clone());
    let next = compiled(service.groups().to_vec(), decisions).await?;
    let mut tx = app.store.begin().await?;
    let action = format!("rule.{}", mode.as_str());
    let object = format!("rule:{rule_id}");
    let change = json!({"mode": mode.as_str(), "before": service.mode(rule_id).as_str()});
    tx.leaf(&leaf(now, actor, &action, object, change, reason))
        .await?;
    sqlx::query(
        "INSERT INTO rule_mode (rule_id, mode, reason, changed_at_us, changed_by) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (rule_id) DO UPDATE SET mode = excluded.mode, \
         reason = excluded.reason, changed_at_us = excluded.changed_at_us, \
         changed_by = excluded.changed_by",
    )
    .bind(rule_id)
    .bind(mode.as_str())
    .bind(reason)
    .bind(now.as_microsecond())
    .bind(&actor.id)
    .execute(tx.conn())
    .await?;
    finish(app, tx, now, next).await
}

/// Takes a bundle into service, in place of the set with its name.
///
/// # Errors
/// `Invalid` when the bundle holds no rule that can be used, or the name is taken by rules that
/// were not imported. The old rules stay in service.
pub async fn import_set(
    app: &App,
    actor: &Actor,
    bundle: Bundle,
    mode: Mode,
) -> Result<(Arc<RuleService>, StoredSet), Error> {
    let _turn = app.rule_changes.lock().await;
    let (service, now) = (app.rules(), app.now());
    let folder = sets::folder(&app.paths.data);
    let bytes = bundle.to_zip().map_err(storage)?;
    let stored = StoredSet::of(&bundle, &bytes, mode, now, &actor.id);
    let group = Arc::new(Group::stored(stored.clone(), bundle.files()));
    if group.rules.heads().next().is_none() {
        let refused = group.rules.refused();
        let why = match refused.first() {
            None => "there is no rule in it".to_owned(),
            Some(first) => format!(
                "none of its rules can be read; the first of {} refusals: {first}",
                refused.len()
            ),
        };
        return Err(invalid("set", why));
    }
    let mut groups = service.groups().to_vec();
    match groups.iter().position(|known| known.name == group.name) {
        Some(at) if matches!(groups[at].origin, Origin::Stored(_)) => groups[at] = group,
        Some(_) => {
            let why = format!(
                "`{}` is the name of rules that were not imported",
                group.name
            );
            return Err(invalid("name", why));
        }
        None => groups.push(group),
    }
    let next = compiled(groups, service.decisions().clone()).await?;
    let write = {
        let (folder, file) = (folder.clone(), stored.file.clone());
        move || sets::write_file(&folder, &file, &bytes)
    };
    blocking(write).await?.map_err(storage)?;
    let mut tx = app.store.begin().await?;
    sets::record_import(&mut tx, now, actor, &stored).await?;
    let next = finish(app, tx, now, next).await?;
    let _ = sets::sweep(&folder, &app.store).await;
    Ok((next, stored))
}

/// Gives another mode to the rules of a stored set that have none of their own.
///
/// # Errors
/// `NotFound`, or `Invalid` without a reason.
pub async fn set_set_mode(
    app: &App,
    actor: &Actor,
    name: &str,
    mode: Mode,
    reason: &str,
) -> Result<Arc<RuleService>, Error> {
    check_reason(reason)?;
    let _turn = app.rule_changes.lock().await;
    let (service, now) = (app.rules(), app.now());
    let mut groups = service.groups().to_vec();
    let at = stored_place(&groups, name)?;
    let before = groups[at].mode;
    groups[at] = Arc::new(groups[at].with_mode(mode));
    let next = compiled(groups, service.decisions().clone()).await?;
    let mut tx = app.store.begin().await?;
    let object = format!("rule_set:{name}");
    let change = json!({"mode": mode.as_str(), "before": before.as_str()});
    tx.leaf(&leaf(now, actor, "rule_set.mode", object, change, reason))
        .await?;
    sqlx::query("UPDATE rule_set SET mode = $1 WHERE name = $2")
        .bind(mode.as_str())
        .bind(name)
        .execute(tx.conn())
        .await?;
    finish(app, tx, now, next).await
}

/// Takes a stored set out of service and deletes its file.
///
/// # Errors
/// `NotFound`, or `Invalid` without a reason.
pub async fn remove_set(
    app: &App,
    actor: &Actor,
    name: &str,
    reason: &str,
) -> Result<Arc<RuleService>, Error> {
    check_reason(reason)?;
    let _turn = app.rule_changes.lock().await;
    let (service, now) = (app.rules(), app.now());
    let mut groups = service.groups().to_vec();
    let gone = groups.remove(stored_place(&groups, name)?);
    let next = compiled(groups, service.decisions().clone()).await?;
    let mut tx = app.store.begin().await?;
    let change = match &gone.origin {
        Origin::Stored(set) => json!({"version": set.version, "sha256": set.sha256}),
        _ => Value::Null,
    };
    let object = format!("rule_set:{name}");
    tx.leaf(&leaf(
        now,
        actor,
        "rule_set.removed",
        object,
        change,
        reason,
    ))
    .await?;
    sqlx::query("DELETE FROM rule_set WHERE name = $1")
        .bind(name)
        .execute(tx.conn())
        .await?;
    let next = finish(app, tx, now, next).await?;
    let _ = sets::sweep(&sets::folder(&app.paths.data), &app.store).await;
    Ok(next)
}

/// Compiles beside the pipeline. A panic in the compiler leaves the old rules in service.
async fn compiled(
    groups: Vec<Arc<Group>>,
    decisions: BTreeMap<String, Decision>,
) -> Result<RuleService, Error> {
    blocking(move || RuleService::compile(groups, decisions)).await
}

/// Writes since when which rule looks at events and which state of correlations stays, commits,
/// and puts the new rules in service.
async fn finish(
    app: &App,
    mut tx: Tx,
    now: Timestamp,
    mut next: RuleService,
) -> Result<Arc<RuleService>, Error> {
    intervals::update(&mut tx, now, &next).await?;
    next.generations = correlation::bind(&mut tx, &next).await?;
    tx.commit().await?;
    let next = Arc::new(next);
    *app.rules.write() = next.clone();
    Ok(next)
}

fn stored_place(groups: &[Arc<Group>], name: &str) -> Result<usize, Error> {
    groups
        .iter()
        .position(|group| group.name == name && matches!(group.origin, Origin::Stored(_)))
        .ok_or_else(|| not_found(format!("rule_set:{name}")))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Storage(Box::new(error)))
}

pub(super) fn check_reason(reason: &str) -> Result<(), Error> {
    if reason.trim().is_empty() || reason.len() > REASON_BYTES_MAX {
        let how = format!("say why, in 1 to {REASON_BYTES_MAX} bytes");
        return Err(invalid("reason", how));
    }
    Ok(())
}

pub(super) fn leaf(
    at: Timestamp,
    actor: &Actor,
    action: &str,
    object: String,
    change: Value,
    reason: &str,
) -> Leaf {
    Leaf {
        at,
        actor: actor.id.clone(),
        action: action.to_owned(),
        object,
        change,
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
        edition: None,
    }
}

pub(super) fn invalid(field: &'static str, message: impl Into<String>) -> Error {
    Error::Invalid {
        field,
        message: message.into(),
    }
}

pub(super) fn not_found(object: String) -> Error {
    Error::NotFound { object }
}

pub(super) fn storage(error: anyhow::Error) -> Error {
    Error::Storage(error.into())
}
