//! Incidents: creation, state, fields, comments, tasks, attached alerts. Each change is one
//! timeline entry and one journal leaf with the same content.

use jiff::Timestamp;
use saqshy_law::Text3;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::alerts::{alert_by_id, check_version};
use crate::tx::{Columns, Note};
use crate::{
    Alert, AlertState, Ctx, Error, IncidentState, NAME_BYTES_MAX, Result, Severity, TEXT_BYTES_MAX,
    TITLE_BYTES_MAX, TaskState, Tx, check_text, opt_check, time,
};

/// An incident to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncident {
    pub title: String,
    /// The title in three languages, when a rule made it.
    pub title_text: Option<Text3>,
    pub severity: Severity,
    /// One of the categories of [`crate::Law`], if it lists any.
    pub category: String,
    /// The affected object, in words.
    pub object: String,
    pub description: String,
    /// Initial recommendations for halting the spread (O199-10-3-8).
    pub recommendations: String,
    pub assignee: Option<String>,
    /// The moment of detection, where the clocks of the law start. If absent: when the earliest
    /// of the alerts was opened, without alerts now.
    pub detected_at: Option<Timestamp>,
    /// When it happened. If absent: the earliest hit of the alerts.
    pub occurred_at: Option<Timestamp>,
    pub alerts: Vec<String>,
}

impl NewIncident {
    /// An incident with a title and a severity, everything else empty.
    pub fn new(title: &str, severity: Severity) -> Self {
        Self {
            title: title.to_owned(),
            title_text: None,
            severity,
            category: String::new(),
            object: String::new(),
            description: String::new(),
            recommendations: String::new(),
            assignee: None,
            detected_at: None,
            occurred_at: None,
            alerts: Vec::new(),
        }
    }
}

/// An incident as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    pub id: String,
    /// `INC-<year>-<number within the year, at least four digits>`.
    pub number: String,
    pub title: String,
    pub title_text: Option<Text3>,
    pub state: IncidentState,
    pub severity: Severity,
    pub category: String,
    pub object: String,
    pub description: String,
    pub recommendations: String,
    pub assignee: Option<String>,
    /// The promotion rule that opened it.
    pub promotion_rule: Option<String>,
    pub detected_at: Timestamp,
    pub occurred_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub eliminated_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// Grows with every change of state or field.
    pub version: i64,
}

/// New values for fields; `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct IncidentPatch {
    pub title: Option<String>,
    pub severity: Option<Severity>,
    pub category: Option<String>,
    pub object: Option<String>,
    pub description: Option<String>,
    pub recommendations: Option<String>,
    /// An empty name takes the assignment away.
    pub assignee: Option<String>,
    pub version: i64,
}

/// A task to be added.
#[derive(Debug, Clone, Default)]
pub struct NewTask {
    pub title: String,
    pub assignee: Option<String>,
    pub due: Option<Timestamp>,
}

/// A task of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    pub id: String,
    pub title: String,
    pub assignee: Option<String>,
    pub due: Option<Timestamp>,
    pub state: TaskState,
    pub created_at: Timestamp,
    pub created_by: String,
    pub done_at: Option<Timestamp>,
}

/// One line of an incident's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    pub seq: u64,
    /// The action of the leaf that was written with it, such as `incident.state`.
    pub kind: String,
    /// When it happened, and when it was recorded here.
    pub at: Timestamp,
    pub recorded_at: Timestamp,
    pub by: String,
    pub text: Option<String>,
    pub data: Value,
}

/// A timeline entry and leaf about to be written.
pub(crate) struct Entry<'a> {
    pub kind: &'a str,
    /// Object of the leaf: kind and id. The incident itself if `None`.
    pub object: Option<(&'a str, &'a str)>,
    pub at: Timestamp,
    pub text: Option<&'a str>,
    pub data: Value,
    pub reason: Option<&'a str>,
    pub edition: Option<&'a str>,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(kind: &'a str, at: Timestamp, data: Value) -> Self {
        Self {
            kind,
            object: None,
            at,
            text: None,
            data,
            reason: None,
            edition: None,
        }
    }
}

const INCIDENT_COLUMNS: &str = "id, number, title, title_text, state, severity, category, object, description, \
     recommendations, assignee, promotion_rule, detected_at_us, occurred_at_us, created_at_us, \
     created_by, eliminated_at_us, closed_at_us, version";

pub(crate) fn incident_of(row: &SqliteRow) -> Result<Incident> {
    Ok(Incident {
        id: row.text("id")?,
        number: row.text("number")?,
        title: row.text("title")?,
        title_text: match row.opt_text("title_text")? {
            Some(text) => Some(serde_json::from_str(&text)?),
            None => None,
        },
        state: row.word("state")?,
        severity: row.word("severity")?,
        category: row.text("category")?,
        object: row.text("object")?,
        description: row.text("description")?,
        recommendations: row.text("recommendations")?,
        assignee: row.opt_text("assignee")?,
        promotion_rule: row.opt_text("promotion_rule")?,
        detected_at: row.time("detected_at_us")?,
        occurred_at: row.opt_time("occurred_at_us")?,
        created_at: row.time("created_at_us")?,
        created_by: row.text("created_by")?,
        eliminated_at: row.opt_time("eliminated_at_us")?,
        closed_at: row.opt_time("closed_at_us")?,
        version: row.int("version")?,
    })
}

pub(crate) async fn incident_by_id(conn: &mut SqliteConnection, id: &str) -> Result<Incident> {
    let sql = format!("SELECT {INCIDENT_COLUMNS} FROM incident WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("incident", id))?;
    incident_of(&row)
}

impl Tx {
    /// Opens an incident: number, timeline, attached alerts, the fact `incident.detected`, clocks.
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
        check_fields(
            ctx,
            &[
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
            ],
        )?;
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
             detected_at_us, occurred_at_us, created_at_us, created_by, version) VALUES \
             ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 1)",
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
        .execute(self.conn())
        .await?;
        let data = json!({
            "number": number,
            "title": new.title,
            "title_text": new.title_text,
            "state": IncidentState::Open,
            "severity": new.severity,
            "category": new.category,
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
        self.refresh_clocks(ctx, id).await
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
        let now = time::whole(ctx.now);
        let closed_at = (state == IncidentState::Closed).then_some(now);
        let eliminated_at = match state {
            IncidentState::Eliminated => Some(now),
            IncidentState::Closed => old.eliminated_at,
            _ => None,
        };
        sqlx::query(
            "UPDATE incident SET state = $2, closed_at_us = $3, eliminated_at_us = $4, \
             version = version + 1 WHERE id = $1",
        )
        .bind(id)
        .bind(state.as_str())
        .bind(time::opt_us(closed_at))
        .bind(time::opt_us(eliminated_at))
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
        check_fields(
            ctx,
            &[
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
                ("assignee", patch.assignee.as_ref(), NAME_BYTES_MAX, false),
            ],
        )?;
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
             object = $6, description = $7, recommendations = $8, assignee = $9, \
             version = version + 1 WHERE id = $1",
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

    /// Adds a comment to an incident's timeline.
    pub async fn comment_incident(&mut self, ctx: &Ctx<'_>, id: &str, text: &str) -> Result<()> {
        incident_by_id(self.conn(), id).await?;
        let text = text.trim();
        check_text("text", text, TEXT_BYTES_MAX)?;
        let mut entry = Entry::new("incident.commented", ctx.now, json!({}));
        entry.text = Some(text);
        self.entry(ctx, id, entry).await
    }

    /// Adds a task.
    pub async fn add_task(&mut self, ctx: &Ctx<'_>, incident: &str, new: &NewTask) -> Result<Task> {
        incident_by_id(self.conn(), incident).await?;
        check_text("title", &new.title, TITLE_BYTES_MAX)?;
        opt_check("assignee", new.assignee.as_deref(), NAME_BYTES_MAX)?;
        let id = self.new_id("task").await?;
        let seq: i64 =
            sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) + 1 FROM task WHERE incident_id = $1")
                .bind(incident)
                .fetch_one(self.conn())
                .await?;
        sqlx::query(
            "INSERT INTO task (id, incident_id, seq, title, assignee, due_us, state, created_us, \
             created_by) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8)",
        )
        .bind(&id)
        .bind(incident)
        .bind(seq)
        .bind(&new.title)
        .bind(&new.assignee)
        .bind(time::opt_us(new.due))
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let data = json!({
            "incident": incident,
            "title": new.title,
            "assignee": new.assignee,
            "due": new.due.map(time::whole),
            "state": TaskState::Open,
        });
        let mut entry = Entry::new("task.added", ctx.now, data);
        entry.object = Some(("task", &id));
        self.entry(ctx, incident, entry).await?;
        task_by_id(self.conn(), incident, &id).await
    }

    /// Moves a task to another state.
    pub async fn set_task(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        id: &str,
        state: TaskState,
    ) -> Result<Task> {
        let old = task_by_id(self.conn(), incident, id).await?;
        if old.state == state {
            return Err(Error::invalid(
                "state",
                format!("the task is {state} already"),
            ));
        }
        let done = (state == TaskState::Done).then_some(ctx.now);
        sqlx::query("UPDATE task SET state = $2, done_us = $3 WHERE id = $1")
            .bind(id)
            .bind(state.as_str())
            .bind(time::opt_us(done))
            .execute(self.conn())
            .await?;
        let data = json!({"incident": incident, "title": old.title, "state": state});
        let mut entry = Entry::new("task.changed", ctx.now, data);
        entry.object = Some(("task", id));
        self.entry(ctx, incident, entry).await?;
        task_by_id(self.conn(), incident, id).await
    }

    /// Attaches alerts to an incident. Alerts that are attached to it already are passed over.
    pub async fn attach_alerts(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        alerts: &[String],
    ) -> Result<()> {
        incident_by_id(self.conn(), incident).await?;
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

    /// Writes one timeline entry and the leaf that says the same.
    pub(crate) async fn entry(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        entry: Entry<'_>,
    ) -> Result<()> {
        let seq: i64 = sqlx::query_scalar(
            "SELECT COALESCE(MAX(seq), 0) + 1 FROM timeline_entry WHERE incident_id = $1",
        )
        .bind(incident)
        .fetch_one(self.conn())
        .await?;
        let mut data = entry.data;
        if let (Some((kind, id)), Value::Object(map)) = (entry.object, &mut data) {
            map.insert(kind.to_owned(), json!(id));
        }
        sqlx::query(
            "INSERT INTO timeline_entry (incident_id, seq, kind, at_us, recorded_us, by_actor, \
             text, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(incident)
        .bind(seq)
        .bind(entry.kind)
        .bind(time::to_us(entry.at))
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .bind(entry.text)
        .bind(serde_json::to_string(&data)?)
        .execute(self.conn())
        .await?;
        if let (Some(text), Value::Object(map)) = (entry.text, &mut data) {
            map.insert("text".into(), json!(text));
        }
        if let (true, Value::Object(map)) = (entry.object.is_some(), &mut data) {
            map.insert("incident".into(), json!(incident));
        }
        let note = Note {
            action: entry.kind,
            object: entry.object.unwrap_or(("incident", incident)),
            change: data,
            reason: entry.reason,
            edition: entry.edition,
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }
}

async fn task_by_id(conn: &mut SqliteConnection, incident: &str, id: &str) -> Result<Task> {
    let row = sqlx::query(
        "SELECT id, title, assignee, due_us, state, created_us, created_by, done_us FROM task \
         WHERE id = $1 AND incident_id = $2",
    )
    .bind(id)
    .bind(incident)
    .fetch_optional(conn)
    .await?
    .ok_or_else(|| Error::not_found("task", id))?;
    task_of(&row)
}

pub(crate) fn task_of(row: &SqliteRow) -> Result<Task> {
    Ok(Task {
        id: row.text("id")?,
        title: row.text("title")?,
        assignee: row.opt_text("assignee")?,
        due: row.opt_time("due_us")?,
        state: row.word("state")?,
        created_at: row.time("created_us")?,
        created_by: row.text("created_by")?,
        done_at: row.opt_time("done_us")?,
    })
}

pub(crate) fn timeline_of(row: &SqliteRow) -> Result<TimelineEntry> {
    Ok(TimelineEntry {
        seq: row.uint("seq")?,
        kind: row.text("kind")?,
        at: row.time("at_us")?,
        recorded_at: row.time("recorded_us")?,
        by: row.text("by_actor")?,
        text: row.try_get("text")?,
        data: row.json("data")?,
    })
}

type FieldCheck<'a> = (&'static str, Option<&'a String>, usize, bool);

fn check_fields(ctx: &Ctx<'_>, fields: &[FieldCheck<'_>]) -> Result<()> {
    for &(name, value, bytes_max, required) in fields {
        match value {
            Some(value) if required => check_text(name, value, bytes_max)?,
            value => opt_check(name, value.map(String::as_str), bytes_max)?,
        }
        if let ("category", Some(category)) = (name, value) {
            ctx.law.check_category(category)?;
        }
    }
    Ok(())
}

fn check_times(
    now: Timestamp,
    detected_at: Timestamp,
    occurred_at: Option<Timestamp>,
) -> Result<()> {
    if detected_at > now {
        return Err(Error::invalid(
            "detected_at",
            format!("{detected_at} lies in the future"),
        ));
    }
    match occurred_at {
        Some(occurred_at) if occurred_at > detected_at => Err(Error::invalid(
            "occurred_at",
            format!("{occurred_at} is later than the detection at {detected_at}"),
        )),
        _ => Ok(()),
    }
}
