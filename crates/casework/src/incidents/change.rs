//! What changes on an incident: its state and its fields.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Entry, Incident, IncidentPatch, check_fields, check_priority, check_times, incident_by_id,
    working_incident,
};
use crate::alerts::check_version;
use crate::words::NotificationKind;
use crate::{
    Ctx, Error, IncidentState, NAME_BYTES_MAX, Result, Severity, TEXT_BYTES_MAX, TITLE_BYTES_MAX,
    Tx, check_text, opt_check, time,
};

impl Tx {
    /// Moves an incident to another state.
    ///
    /// Elimination becomes the fact `incident.eliminated`; going back to investigation withdraws
    /// it, so that clocks that it had stopped run again.
    ///
    /// # Errors
    /// `Conflict` on a stale version. `Invalid` when the step is not legal or needs a reason.
    pub async fn set_incident_state(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        state: IncidentState,
        reason: &str,
        version: i64,
    ) -> Result<Incident> {
        let old = incident_by_id(self.conn(), id).await?;
        check_version("incident", id, version, old.version)?;
        let reason = reason.trim();
        opt_check("reason", Some(reason), TEXT_BYTES_MAX)?;
        if !old.state.may_become(state) {
            return Err(Error::invalid(
                "state",
                format!("an incident that is {} cannot become {state}", old.state),
            ));
        }
        if reason.is_empty() && old.state.needs_reason(state) {
            return Err(Error::invalid(
                "reason",
                format!("going from {} to {state} needs a reason", old.state),
            ));
        }
        if let Some(survivor) = &old.merged_into {
            let message = format!("merged into `{survivor}`: work there, or split it");
            return Err(Error::invalid("state", message));
        }
        if state == IncidentState::Closed {
            self.check_gate(ctx, &old, reason).await?;
        }
        let now = time::whole(ctx.now);
        let closed_at = (state == IncidentState::Closed).then_some(now);
        let eliminated_at = match state {
            IncidentState::Eliminated => Some(now),
            IncidentState::Closed => old.eliminated_at,
            _ => None,
        };
        let eliminated_by = match state {
            IncidentState::Eliminated => Some(&ctx.actor.id),
            IncidentState::Closed => old.eliminated_by.as_ref(),
            _ => None,
        };
        sqlx::query(
            "UPDATE incident SET state = $2, closed_at_us = $3, eliminated_at_us = $4, \
             eliminated_by = $5, version = version + 1 WHERE id = $1",
        )
        .bind(id)
        .bind(state.as_str())
        .bind(time::opt_us(closed_at))
        .bind(time::opt_us(eliminated_at))
        .bind(eliminated_by)
        .execute(self.conn())
        .await?;
        let mut entry = Entry::new(
            "incident.state",
            now,
            json!({"from": old.state, "state": state}),
        );
        entry.reason = (!reason.is_empty()).then_some(reason);
        entry.text = entry.reason;
        self.entry(ctx, id, entry).await?;
        if matches!(
            state,
            IncidentState::Investigating | IncidentState::Contained
        ) {
            self.response_begun(ctx, id).await?;
        }
        if state == IncidentState::Eliminated {
            self.add_fact(ctx, id, "incident.eliminated", now, None, None)
                .await?;
        } else if old.eliminated_at.is_some() && eliminated_at.is_none() {
            self.withdraw_facts(ctx, id, "incident.eliminated", None, reason)
                .await?;
        }
        self.refresh_clocks(ctx, id).await?;
        incident_by_id(self.conn(), id).await
    }

    /// Changes fields of an incident.
    pub async fn update_incident(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        patch: &IncidentPatch,
    ) -> Result<Incident> {
        let old = incident_by_id(self.conn(), id).await?;
        check_version("incident", id, patch.version, old.version)?;
        check_fields(&[
            ("title", patch.title.as_ref(), TITLE_BYTES_MAX, true),
            ("category", patch.category.as_ref(), NAME_BYTES_MAX, false),
            ("object", patch.object.as_ref(), TITLE_BYTES_MAX, false),
            (
                "description",
                patch.description.as_ref(),
                TEXT_BYTES_MAX,
                false,
            ),
            (
                "recommendations",
                patch.recommendations.as_ref(),
                TEXT_BYTES_MAX,
                false,
            ),
            ("cause", patch.cause.as_ref(), TEXT_BYTES_MAX, false),
            ("assignee", patch.assignee.as_ref(), NAME_BYTES_MAX, false),
        ])?;
        check_priority(patch.priority)?;
        if let Some(category) = &patch.category {
            self.check_category(ctx, category).await?;
        }
        let mut new = old.clone();
        let mut change = Map::new();
        for (name, value, field) in [
            ("title", &patch.title, &mut new.title),
            ("category", &patch.category, &mut new.category),
            ("object", &patch.object, &mut new.object),
            ("description", &patch.description, &mut new.description),
            (
                "recommendations",
                &patch.recommendations,
                &mut new.recommendations,
            ),
            ("cause", &patch.cause, &mut new.cause),
        ] {
            if let Some(value) = value.as_ref().filter(|value| *value != field) {
                change.insert(name.into(), json!(value));
                field.clone_from(value);
            }
        }
        if change.contains_key("title") && new.title_text.take().is_some() {
            change.insert("title_text".into(), Value::Null);
        }
        if let Some(severity) = patch.severity.filter(|&severity| severity != old.severity) {
            change.insert("severity".into(), json!(severity));
            new.severity = severity;
        }
        let reclassified = change.contains_key("category");
        if reclassified || patch.priority.is_some() {
            let (priority, version) = self
                .classify(&new.category, patch.priority, new.severity)
                .await?;
            if priority != old.priority {
                change.insert("priority".into(), json!(priority));
                new.priority = priority;
            }
            if version != old.table_version {
                change.insert("table_version".into(), json!(version));
                new.table_version = version;
            }
        }
        if let Some(name) = &patch.assignee {
            let assignee = (!name.is_empty()).then(|| name.clone());
            if assignee != old.assignee {
                change.insert("assignee".into(), json!(assignee));
                new.assignee = assignee;
            }
        }
        if change.is_empty() {
            return Err(Error::invalid("incident", "nothing would change"));
        }
        self.write_fields(&new).await?;
        self.entry(
            ctx,
            id,
            Entry::new("incident.updated", ctx.now, change.into()),
        )
        .await?;
        if reclassified && old.category.is_empty() {
            self.add_fact(ctx, id, "incident.classified", ctx.now, None, None)
                .await?;
            self.refresh_clocks(ctx, id).await?;
        }
        if let (Some(person), true) = (&new.assignee, new.assignee != old.assignee) {
            let (about, kind) = (("incident", id), NotificationKind::Assignment);
            self.notify(ctx, person, kind, about, &new.title).await?;
        }
        incident_by_id(self.conn(), id).await
    }

    async fn write_fields(&mut self, new: &Incident) -> Result<()> {
        let title_text = new
            .title_text
            .as_ref()
            .map(serde_json::to_string)
            .transpose()?;
        sqlx::query(
            "UPDATE incident SET title = $2, title_text = $3, severity = $4, category = $5, \
             object = $6, description = $7, recommendations = $8, assignee = $9, cause = $10, \
             priority = $11, table_version = $12, version = version + 1 WHERE id = $1",
        )
        .bind(&new.id)
        .bind(&new.title)
        .bind(title_text)
        .bind(new.severity.as_str())
        .bind(&new.category)
        .bind(&new.object)
        .bind(&new.description)
        .bind(&new.recommendations)
        .bind(&new.assignee)
        .bind(&new.cause)
        .bind(i64::from(new.priority))
        .bind(new.table_version)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Raises the severity if `severity` is higher than what the incident has.
    pub(crate) async fn raise_severity(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        severity: Severity,
    ) -> Result<()> {
        let mut incident = incident_by_id(self.conn(), id).await?;
        if incident.severity >= severity {
            return Ok(());
        }
        incident.severity = severity;
        self.write_fields(&incident).await?;
        let data = json!({"severity": severity});
        self.entry(ctx, id, Entry::new("incident.updated", ctx.now, data))
            .await
    }

    /// Puts right when an incident was detected or occurred. The old values stay in the history:
    /// the fact is withdrawn with the reason, the clocks are computed anew beside their old
    /// values, and the entry says how many notices had gone out under them.
    ///
    /// # Errors
    /// `Conflict` on a stale version. `Invalid` for a detection in the future or before the
    /// occurrence, and when nothing would change.
    pub async fn correct_times(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        detected_at: Option<Timestamp>,
        occurred_at: Option<Timestamp>,
        reason: &str,
        version: i64,
    ) -> Result<Incident> {
        let old = working_incident(self.conn(), id).await?;
        check_version("incident", id, version, old.version)?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let detected = detected_at.map_or(old.detected_at, time::whole);
        let occurred = occurred_at.map(time::whole).or(old.occurred_at);
        check_times(ctx.now, detected, occurred)?;
        if (detected, occurred) == (old.detected_at, old.occurred_at) {
            return Err(Error::invalid("incident", "nothing would change"));
        }
        self.move_times(ctx, &old, detected, occurred, reason)
            .await?;
        self.refresh_clocks(ctx, id).await?;
        incident_by_id(self.conn(), id).await
    }

    /// Sets the two times of an incident and exchanges their facts, where they differ.
    pub(super) async fn move_times(
        &mut self,
        ctx: &Ctx<'_>,
        old: &Incident,
        detected: Timestamp,
        occurred: Option<Timestamp>,
        reason: &str,
    ) -> Result<()> {
        if (detected, occurred) == (old.detected_at, old.occurred_at) {
            return Ok(());
        }
        let sent: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM notice WHERE incident_id = $1 AND sent_us IS NOT NULL",
        )
        .bind(&old.id)
        .fetch_one(self.conn())
        .await?;
        sqlx::query(
            "UPDATE incident SET detected_at_us = $2, occurred_at_us = $3, \
             version = version + 1 WHERE id = $1",
        )
        .bind(&old.id)
        .bind(time::to_us(detected))
        .bind(time::opt_us(occurred))
        .execute(self.conn())
        .await?;
        let data = json!({
            "detected_at": detected, "occurred_at": occurred, "detected_before": old.detected_at,
            "occurred_before": old.occurred_at, "notices_sent": sent,
        });
        let mut entry = Entry::new("incident.times_corrected", ctx.now, data);
        entry.text = Some(reason);
        entry.reason = Some(reason);
        self.entry(ctx, &old.id, entry).await?;
        let changes = [
            ("incident.occurred", old.occurred_at, occurred),
            ("incident.detected", Some(old.detected_at), Some(detected)),
        ];
        for (kind, before, after) in changes {
            if before == after {
                continue;
            }
            self.withdraw_facts(ctx, &old.id, kind, None, reason)
                .await?;
            if let Some(at) = after {
                self.add_fact(ctx, &old.id, kind, at, Some(reason), None)
                    .await?;
            }
        }
        Ok(())
    }
}
