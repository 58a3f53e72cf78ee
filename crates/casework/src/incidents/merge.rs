//! Cases that belong together: merging, splitting, links, likely duplicates. Nothing is lost: a
//! merged case stays readable and points to its survivor, and the survivor's clocks run from the
//! earlier of the two detections.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::{Entry, Incident, IncidentState, NewIncident, incident_by_id, working_incident};
use crate::alerts::{alert_by_id, alerts_of_incident, check_version};
use crate::facts::{facts_in_force, facts_of};
use crate::tx::Columns;
use crate::words::LinkKind;
use crate::{Ctx, Error, Result, Store, TITLE_BYTES_MAX, Tx, check_text, opt_check, time};

/// The case and every case merged into it, over several steps; its id is bound as `$1`.
pub(crate) const FAMILY: &str = "WITH RECURSIVE family (id) AS ( \
     SELECT $1 UNION SELECT i.id FROM incident i JOIN family f ON i.merged_into = f.id) \
     SELECT id FROM family";

/// A case that another one is linked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkedIncident {
    pub id: String,
    pub number: String,
    pub title: String,
    pub state: IncidentState,
    pub kind: LinkKind,
    /// The link was made from this case; otherwise from the other.
    pub outgoing: bool,
    pub note: String,
    pub linked_at: Timestamp,
    pub linked_by: String,
}

/// A case that may be about the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LikelyDuplicate {
    pub id: String,
    pub number: String,
    pub title: String,
    pub detected_at: Timestamp,
    /// Hosts, users and addresses that both cases have.
    pub shared: Vec<String>,
}

/// How far apart detections of likely duplicates lie at most.
const NEAR: SignedDuration = SignedDuration::from_hours(72);

impl Tx {
    /// Merges `from` into `into`: alerts, open tasks and what is known (facts) go over, `from` is
    /// closed and points to `into`. When `from` was detected earlier, the clocks of `into` are
    /// computed anew from that moment; their old values stay in its history.
    ///
    /// # Errors
    /// `Invalid` when both are the same or one is closed; `Conflict` when one of them was changed
    /// meanwhile (`versions`: of `from` and `into`).
    pub async fn merge_incidents(
        &mut self,
        ctx: &Ctx<'_>,
        from: &str,
        into: &str,
        reason: &str,
        versions: (i64, i64),
    ) -> Result<Incident> {
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        if from == into {
            return Err(Error::invalid("into", "a case is not merged into itself"));
        }
        let old = working_incident(self.conn(), from).await?;
        let survivor = working_incident(self.conn(), into).await?;
        check_version("incident", from, versions.0, old.version)?;
        check_version("incident", into, versions.1, survivor.version)?;
        let alerts = alerts_of_incident(self.conn(), from).await?;
        for alert in &alerts {
            self.move_alert(ctx, &alert.id, into).await?;
        }
        self.move_open_tasks(ctx, from, into).await?;
        self.take_over_facts(ctx, &old, into).await?;
        sqlx::query(
            "UPDATE incident SET state = 'closed', closed_at_us = $2, merged_into = $3, \
             version = version + 1 WHERE id = $1",
        )
        .bind(from)
        .bind(time::to_us(ctx.now))
        .bind(into)
        .execute(self.conn())
        .await?;
        let change = json!({
            "state": IncidentState::Closed, "merged_into": into, "number_into": survivor.number,
        });
        let mut entry = Entry::new("incident.merged", ctx.now, change);
        entry.text = Some(reason);
        entry.reason = Some(reason);
        self.entry(ctx, from, entry).await?;
        let detected = old.detected_at.min(survivor.detected_at);
        let occurred = [old.occurred_at, survivor.occurred_at];
        let occurred = occurred.into_iter().flatten().min();
        let change = json!({"merged": from, "number": old.number, "alerts": alerts.len()});
        let mut entry = Entry::new("incident.took_over", ctx.now, change);
        entry.text = Some(reason);
        entry.object = Some(("merged_incident", from));
        self.entry(ctx, into, entry).await?;
        let why = format!("{}: {reason}", old.number);
        self.move_times(ctx, &survivor, detected, occurred, &why)
            .await?;
        self.refresh_clocks(ctx, into).await?;
        incident_by_id(self.conn(), into).await
    }

    /// Makes a new case of some alerts of `id`. Its detection is when the earliest of them was
    /// opened; the clocks of `id` stay as they are.
    pub async fn split_incident(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        alerts: &[String],
        title: &str,
        reason: &str,
        version: i64,
    ) -> Result<Incident> {
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let old = working_incident(self.conn(), id).await?;
        check_version("incident", id, version, old.version)?;
        if alerts.is_empty() {
            return Err(Error::invalid("alerts", "name the alerts that go over"));
        }
        let mut opened = Vec::new();
        for alert in alerts {
            let alert = alert_by_id(self.conn(), alert).await?;
            if alert.incident_id.as_deref() != Some(id) {
                let message = format!("alert `{}` is not of this case", alert.id);
                return Err(Error::invalid("alerts", message));
            }
            opened.push((alert.opened_at, alert.first_at));
        }
        let detected = opened.iter().map(|(opened, _)| *opened).min();
        let first = opened.iter().map(|(_, first)| *first).min();
        let new = NewIncident {
            category: old.category.clone(),
            object: old.object.clone(),
            assignee: old.assignee.clone(),
            detected_at: detected,
            occurred_at: first.filter(|first| detected.is_some_and(|at| *first <= at)),
            ..NewIncident::new(title, old.severity)
        };
        let part = self.create_incident(ctx, &new).await?;
        for alert in alerts {
            self.move_alert(ctx, alert, &part.id).await?;
        }
        sqlx::query("UPDATE incident SET version = version + 1 WHERE id = $1")
            .bind(id)
            .execute(self.conn())
            .await?;
        let change = json!({"part": part.id, "number": part.number, "alerts": alerts.len()});
        let mut entry = Entry::new("incident.split", ctx.now, change);
        entry.object = Some(("part", &part.id));
        entry.text = Some(reason);
        entry.reason = Some(reason);
        self.entry(ctx, id, entry).await?;
        self.write_link(ctx, &part.id, id, LinkKind::PartOf, reason)
            .await?;
        incident_by_id(self.conn(), &part.id).await
    }

    /// Links two cases.
    pub async fn link_incidents(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        other: &str,
        kind: LinkKind,
        note: &str,
    ) -> Result<()> {
        opt_check("note", Some(note), TITLE_BYTES_MAX)?;
        incident_by_id(self.conn(), id).await?;
        incident_by_id(self.conn(), other).await?;
        if id == other {
            return Err(Error::invalid("other", "a case is not linked with itself"));
        }
        self.write_link(ctx, id, other, kind, note).await
    }

    async fn write_link(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        other: &str,
        kind: LinkKind,
        note: &str,
    ) -> Result<()> {
        let done = sqlx::query(
            "INSERT INTO incident_link (incident_id, other_id, kind, note, linked_us, linked_by) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(other)
        .bind(kind.as_str())
        .bind(note)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::invalid("other", "the two cases are linked already"));
        }
        let mut entry = Entry::new("incident.linked", ctx.now, json!({"link": kind}));
        entry.object = Some(("linked_incident", other));
        entry.text = Some(note).filter(|note| !note.is_empty());
        self.entry(ctx, id, entry).await
    }

    async fn move_alert(&mut self, ctx: &Ctx<'_>, alert: &str, to: &str) -> Result<()> {
        sqlx::query(
            "UPDATE alert SET incident_id = NULL WHERE id = $1 AND incident_id IS NOT NULL",
        )
        .bind(alert)
        .execute(self.conn())
        .await?;
        let alert = alert_by_id(self.conn(), alert).await?;
        self.attach(ctx, to, &alert).await
    }

    async fn move_open_tasks(&mut self, ctx: &Ctx<'_>, from: &str, to: &str) -> Result<()> {
        let rows = sqlx::query(
            "SELECT id, title FROM task WHERE incident_id = $1 AND state = 'open' ORDER BY seq",
        )
        .bind(from)
        .fetch_all(self.conn())
        .await?;
        for row in &rows {
            let (id, title) = (row.text("id")?, row.text("title")?);
            sqlx::query(
                "UPDATE task SET incident_id = $2, seq = (SELECT COALESCE(MAX(seq), 0) + 1 \
                 FROM task WHERE incident_id = $2) WHERE id = $1",
            )
            .bind(&id)
            .bind(to)
            .execute(self.conn())
            .await?;
            let mut entry = Entry::new("task.moved", ctx.now, json!({"title": title}));
            entry.object = Some(("task", &id));
            self.entry(ctx, to, entry).await?;
        }
        Ok(())
    }

    /// What was sent, received and answered about the merged case counts for the survivor.
    async fn take_over_facts(&mut self, ctx: &Ctx<'_>, from: &Incident, to: &str) -> Result<()> {
        let known = facts_in_force(self.conn(), to).await?;
        for fact in facts_of(self.conn(), &from.id).await? {
            let here = known
                .iter()
                .any(|known| known.kind == fact.kind && known.at == fact.at);
            if fact.withdrawn_at.is_some() || fact.kind.starts_with("incident.") || here {
                continue;
            }
            let note = format!("{} #{}", from.number, fact.seq);
            let notice = fact.notice_id.as_deref();
            self.add_fact(ctx, to, &fact.kind, fact.at, Some(&note), notice)
                .await?;
        }
        Ok(())
    }
}

impl Store {
    /// Cases that are linked with this one, and that were merged into it.
    pub async fn linked_incidents(&self, id: &str) -> Result<Vec<LinkedIncident>> {
        let rows = sqlx::query(
            "SELECT i.id, i.number, i.title, i.state, l.kind, 1 AS outgoing, l.note, l.linked_us, \
             l.linked_by FROM incident_link l JOIN incident i ON i.id = l.other_id \
             WHERE l.incident_id = $1 UNION ALL \
             SELECT i.id, i.number, i.title, i.state, l.kind, 0, l.note, l.linked_us, l.linked_by \
             FROM incident_link l JOIN incident i ON i.id = l.incident_id WHERE l.other_id = $1 \
             UNION ALL \
             SELECT id, number, title, state, 'duplicate', 0, '', closed_at_us, '' FROM incident \
             WHERE merged_into = $1 ORDER BY 8, 1",
        )
        .bind(id)
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(LinkedIncident {
                    id: row.text("id")?,
                    number: row.text("number")?,
                    title: row.text("title")?,
                    state: row.word("state")?,
                    kind: row.word("kind")?,
                    outgoing: row.int("outgoing")? == 1,
                    note: row.text("note")?,
                    linked_at: row.time("linked_us")?,
                    linked_by: row.text("linked_by")?,
                })
            })
            .collect()
    }

    /// Open cases detected near this one that share a host, user or address with it; the one that
    /// shares most comes first. At most ten.
    pub async fn likely_duplicates(&self, id: &str) -> Result<Vec<LikelyDuplicate>> {
        let mut conn = self.pool().acquire().await?;
        let incident = incident_by_id(&mut conn, id).await?;
        let near = |step: SignedDuration| incident.detected_at.checked_add(step);
        let (from, to) = (near(-NEAR), near(NEAR));
        let rows = sqlx::query(
            "SELECT i.id, i.number, i.title, i.detected_at_us, \
             group_concat(e.value, char(10)) AS shared, COUNT(*) AS n FROM incident_entity e \
             JOIN incident_entity o ON o.kind = e.kind AND o.value = e.value \
             JOIN incident i ON i.id = o.incident_id \
             WHERE e.incident_id = $1 AND i.id <> $1 AND i.state <> 'closed' \
             AND i.detected_at_us BETWEEN $2 AND $3 GROUP BY i.id ORDER BY n DESC, i.id LIMIT 10",
        )
        .bind(id)
        .bind(time::to_us(from.unwrap_or(incident.detected_at)))
        .bind(time::to_us(to.unwrap_or(incident.detected_at)))
        .fetch_all(&mut *conn)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(LikelyDuplicate {
                    id: row.text("id")?,
                    number: row.text("number")?,
                    title: row.text("title")?,
                    detected_at: row.time("detected_at_us")?,
                    shared: row.text("shared")?.lines().map(str::to_owned).collect(),
                })
            })
            .collect()
    }
}

/// The case that carries on for `id`: the last of those it was merged into, or itself.
pub(crate) async fn survivor_of(conn: &mut SqliteConnection, id: &str) -> Result<String> {
    let row = sqlx::query(
        "WITH RECURSIVE way (id, next) AS ( \
         SELECT id, merged_into FROM incident WHERE id = $1 \
         UNION SELECT i.id, i.merged_into FROM incident i JOIN way w ON i.id = w.next) \
         SELECT id FROM way WHERE next IS NULL",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(match row {
        Some(row) => row.try_get(0)?,
        None => id.to_owned(),
    })
}
