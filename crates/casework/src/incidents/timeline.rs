//! The timeline: one entry for every change, with the leaf that says the same, and comments.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{incident_by_id, working_incident};
use crate::notifications::mentions;
use crate::tx::{Columns, Note};
use crate::words::NotificationKind;
use crate::{Ctx, NAME_BYTES_MAX, Result, TEXT_BYTES_MAX, TITLE_BYTES_MAX, Tx, check_text, time};

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

impl Tx {
    /// Adds a comment to an incident's timeline. Whoever it mentions as `@login` is told.
    pub async fn comment_incident(&mut self, ctx: &Ctx<'_>, id: &str, text: &str) -> Result<()> {
        incident_by_id(self.conn(), id).await?;
        let text = text.trim();
        check_text("text", text, TEXT_BYTES_MAX)?;
        let mut entry = Entry::new("incident.commented", ctx.now, json!({}));
        entry.text = Some(text);
        self.entry(ctx, id, entry).await?;
        for person in mentions(text) {
            let about = ("incident", id);
            self.notify(ctx, &person, NotificationKind::Mention, about, text)
                .await?;
        }
        Ok(())
    }

    /// Calls in somebody else, with a reason: a senior, the coordinator, the head (PS-045).
    pub async fn escalate_incident(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        to: &str,
        reason: &str,
    ) -> Result<()> {
        working_incident(self.conn(), id).await?;
        check_text("to", to, NAME_BYTES_MAX)?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let mut entry = Entry::new("incident.escalated", ctx.now, json!({"escalated_to": to}));
        entry.text = Some(reason);
        entry.reason = Some(reason);
        self.entry(ctx, id, entry).await?;
        let about = ("incident", id);
        self.notify(ctx, to, NotificationKind::Escalation, about, reason)
            .await
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
