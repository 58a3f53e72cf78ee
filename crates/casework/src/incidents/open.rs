//! Opening an incident, and the alerts that belong to it.

use serde_json::json;

use super::{
    Entry, Incident, NewIncident, TABLE_RULE, check_fields, check_priority, check_times,
    incident_by_id, newest_table, priority_of, working_incident,
};
use crate::alerts::alert_by_id;
use crate::{
    Alert, AlertState, Ctx, Error, IncidentState, NAME_BYTES_MAX, Result, TEXT_BYTES_MAX,
    TITLE_BYTES_MAX, Tx, time,
};

impl Tx {
    /// Opens an incident: number, timeline, attached alerts, the fact `incident.detected`, clocks.
    /// With a category it is classified (`incident.classified`).
    ///
    /// # Errors
    /// `Invalid` when detection lies in the future or before occurrence, when the category is not
    /// in the organisation's list, or when an alert already belongs to another incident.
    pub async fn create_incident(&mut self, ctx: &Ctx<'_>, new: &NewIncident) -> Result<Incident> {
        let id = self.new_id("incident").await?;
        self.insert_incident(ctx, &id, None, new).await?;
        incident_by_id(self.conn(), &id).await
    }

    pub(crate) async fn insert_incident(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        promotion_rule: Option<&str>,
        new: &NewIncident,
    ) -> Result<()> {
        check_fields(&[
            ("title", Some(&new.title), TITLE_BYTES_MAX, true),
            ("category", Some(&new.category), NAME_BYTES_MAX, false),
            ("object", Some(&new.object), TITLE_BYTES_MAX, false),
            ("description", Some(&new.description), TEXT_BYTES_MAX, false),
            (
                "recommendations",
                Some(&new.recommendations),
                TEXT_BYTES_MAX,
                false,
            ),
            ("assignee", new.assignee.as_ref(), NAME_BYTES_MAX, true),
            ("reporter", Some(&new.reporter), NAME_BYTES_MAX, false),
            ("channel", Some(&new.channel), NAME_BYTES_MAX, false),
        ])?;
        check_priority(new.priority)?;
        self.check_category(ctx, &new.category).await?;
        let (priority, table_version) = self
            .classify(&new.category, new.priority, new.severity)
            .await?;
        let mut alerts = Vec::new();
        for alert_id in &new.alerts {
            alerts.push(alert_by_id(self.conn(), alert_id).await?);
        }
        let now = time::whole(ctx.now);
        let opened = alerts.iter().map(|alert| alert.opened_at).min();
        let detected_at = time::whole(new.detected_at.or(opened).unwrap_or(now));
        let first_hit = alerts.iter().map(|alert| alert.first_at).min();
        let occurred_at = new
            .occurred_at
            .or(first_hit.filter(|&at| at <= detected_at))
            .map(time::whole);
        check_times(now, detected_at, occurred_at)?;
        let (year, sequence, number) = self.next_number(ctx).await?;
        let title_text = new
            .title_text
            .as_ref()
            .map(serde_json::to_string)
            .transpose()?;
        sqlx::query(
            "INSERT INTO incident (id, year, year_sequence, number, title, title_text, state, \
             severity, category, object, description, recommendations, assignee, promotion_rule, \
             detected_at_us, occurred_at_us, created_at_us, created_by, version, priority, \
             table_version, reporter, channel) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9, \
             $10, $11, $12, $13, $14, $15, $16, $17, 1, $18, $19, $20, $21)",
        )
        .bind(id)
        .bind(year)
        .bind(sequence)
        .bind(&number)
        .bind(&new.title)
        .bind(title_text)
        .bind(new.severity.as_str())
        .bind(&new.category)
        .bind(&new.object)
        .bind(&new.description)
        .bind(&new.recommendations)
        .bind(&new.assignee)
        .bind(promotion_rule)
        .bind(time::to_us(detected_at))
        .bind(time::opt_us(occurred_at))
        .bind(time::to_us(now))
        .bind(&ctx.actor.id)
        .bind(i64::from(priority))
        .bind(table_version)
        .bind(&new.reporter)
        .bind(&new.channel)
        .execute(self.conn())
        .await?;
        let data = json!({
            "number": number,
            "title": new.title,
            "title_text": new.title_text,
            "state": IncidentState::Open,
            "severity": new.severity,
            "category": new.category,
            "priority": priority,
            "table_version": table_version,
            "reporter": new.reporter,
            "channel": new.channel,
            "object": new.object,
            "description": new.description,
            "recommendations": new.recommendations,
            "assignee": new.assignee,
            "promotion_rule": promotion_rule,
            "detected_at": detected_at,
            "occurred_at": occurred_at,
        });
        self.entry(ctx, id, Entry::new("incident.created", now, data))
            .await?;
        for alert in &alerts {
            self.attach(ctx, id, alert).await?;
        }
        if let Some(occurred_at) = occurred_at {
            self.add_fact(ctx, id, "incident.occurred", occurred_at, None, None)
                .await?;
        }
        self.add_fact(ctx, id, "incident.detected", detected_at, None, None)
            .await?;
        if promotion_rule.is_some_and(|rule| rule.starts_with(TABLE_RULE)) {
            self.add_fact(ctx, id, "event.listed", detected_at, None, None)
                .await?;
        }
        if !new.category.is_empty() {
            self.add_fact(ctx, id, "incident.classified", now, None, None)
                .await?;
        }
        self.refresh_clocks(ctx, id).await
    }

    /// Priority by the organisation's table (R90-7-3): as given, else the category's, else what
    /// the severity says. With the version of the table that the category is from.
    pub(super) async fn classify(
        &mut self,
        category: &str,
        given: Option<u8>,
        severity: crate::Severity,
    ) -> Result<(u8, Option<i64>)> {
        let table = newest_table(self.conn()).await?;
        let row = table
            .as_ref()
            .and_then(|table| Some((table.table.category(category)?.priority, table.version)));
        let priority = given
            .or(row.map(|(priority, _)| priority))
            .unwrap_or(priority_of(severity));
        Ok((priority, row.map(|(_, version)| version)))
    }

    async fn next_number(&mut self, ctx: &Ctx<'_>) -> Result<(i64, i64, String)> {
        let year = i64::from(ctx.now.to_zoned(ctx.law.zone()).year());
        let sequence: i64 = sqlx::query_scalar(
            "SELECT COALESCE(MAX(year_sequence), 0) + 1 FROM incident WHERE year = $1",
        )
        .bind(year)
        .fetch_one(self.conn())
        .await?;
        Ok((year, sequence, format!("INC-{year}-{sequence:04}")))
    }

    /// Attaches alerts to an incident. Alerts that are attached to it already are passed over.
    pub async fn attach_alerts(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        alerts: &[String],
    ) -> Result<()> {
        working_incident(self.conn(), incident).await?;
        for id in alerts {
            let alert = alert_by_id(self.conn(), id).await?;
            self.attach(ctx, incident, &alert).await?;
        }
        Ok(())
    }

    pub(crate) async fn attach(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        alert: &Alert,
    ) -> Result<()> {
        match alert.incident_id.as_deref() {
            Some(other) if other == incident => return Ok(()),
            Some(other) => {
                return Err(Error::invalid(
                    "alerts",
                    format!("alert `{}` belongs to incident `{other}`", alert.id),
                ));
            }
            None => {}
        }
        let state = match alert.state {
            AlertState::New | AlertState::Acknowledged => AlertState::InProgress,
            other => other,
        };
        sqlx::query(
            "UPDATE alert SET incident_id = $2, state = $3, version = version + 1 WHERE id = $1",
        )
        .bind(&alert.id)
        .bind(incident)
        .bind(state.as_str())
        .execute(self.conn())
        .await?;
        for (kind, value) in self.entities_of_alert(alert).await? {
            sqlx::query(
                "INSERT INTO incident_entity (incident_id, kind, value) VALUES ($1, $2, $3) \
                 ON CONFLICT (incident_id, kind, value) DO NOTHING",
            )
            .bind(incident)
            .bind(kind)
            .bind(value)
            .execute(self.conn())
            .await?;
        }
        let data = json!({"incident_id": incident, "state": state, "rule_title": alert.rule_title});
        let mut entry = Entry::new("alert.attached", alert.first_at, data);
        entry.object = Some(("alert", &alert.id));
        self.entry(ctx, incident, entry).await
    }
}
