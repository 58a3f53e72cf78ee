//! Events pinned to a case. The whole event is kept with the case, so that it is still there when
//! the lake has let it go.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::table::canonical;
use super::{Entry, working_incident};
use crate::tx::Columns;
use crate::{Ctx, Error, NAME_BYTES_MAX, Result, TITLE_BYTES_MAX, Tx, check_text, opt_check, time};

/// Largest event that is pinned, in bytes of its JSON.
pub const PIN_BYTES_MAX: usize = 1 << 20;

/// An event kept with a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PinnedEvent {
    pub event_id: String,
    /// When it happened.
    pub at: Timestamp,
    /// The event as the search showed it.
    pub event: Value,
    /// Of the event as canonical JSON; the journal names the same.
    pub sha256: String,
    pub note: String,
    pub pinned_at: Timestamp,
    pub pinned_by: String,
}

impl Tx {
    /// Pins an event, a flat map of its fields with `event.id` and `@timestamp`, to a case.
    ///
    /// # Errors
    /// `Invalid` when a field that identifies it is missing, when it is too large, or when it is
    /// pinned to this case already.
    pub async fn pin_event(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        event: &Value,
        note: &str,
    ) -> Result<PinnedEvent> {
        working_incident(self.conn(), incident).await?;
        opt_check("note", Some(note), TITLE_BYTES_MAX)?;
        let id = event["event.id"].as_str().unwrap_or_default();
        check_text("event.id", id, NAME_BYTES_MAX)?;
        let at: Timestamp = event["@timestamp"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::invalid("@timestamp", "the event has no time"))?;
        let body = canonical(event)?;
        if body.len() > PIN_BYTES_MAX {
            let message = format!("has {} bytes, at most {PIN_BYTES_MAX} are kept", body.len());
            return Err(Error::invalid("event", message));
        }
        let known = pins_of(self.conn(), incident).await?;
        if known.iter().any(|pin| pin.event_id == id) {
            let message = format!("`{id}` is pinned to this case already");
            return Err(Error::invalid("event", message));
        }
        let sha256 = crate::sha256_hex(body.as_bytes());
        sqlx::query(
            "INSERT INTO pinned_event (incident_id, event_id, at_us, body, sha256, note, \
             pinned_us, pinned_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(incident)
        .bind(id)
        .bind(time::to_us(at))
        .bind(&body)
        .bind(&sha256)
        .bind(note)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let mut entry = Entry::new("event.pinned", at, json!({"sha256": sha256}));
        entry.object = Some(("event", id));
        entry.text = Some(note).filter(|note| !note.is_empty());
        self.entry(ctx, incident, entry).await?;
        let pins = pins_of(self.conn(), incident).await?;
        let pin = pins.into_iter().find(|pin| pin.event_id == id);
        pin.ok_or_else(|| Error::not_found("event", id))
    }
}

/// The pinned events of a case and of those merged into it, oldest event first.
pub(crate) async fn pins_of(
    conn: &mut SqliteConnection,
    incident: &str,
) -> Result<Vec<PinnedEvent>> {
    let sql = format!(
        "SELECT * FROM pinned_event WHERE incident_id IN ({}) ORDER BY at_us, event_id",
        super::merge::FAMILY
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(incident)
        .fetch_all(conn)
        .await?;
    rows.iter().map(pin_of).collect()
}

fn pin_of(row: &SqliteRow) -> Result<PinnedEvent> {
    let body = row.text("body")?;
    let sha256 = row.text("sha256")?;
    if crate::sha256_hex(body.as_bytes()) != sha256 {
        let id = row.text("event_id")?;
        return Err(Error::corrupt(format!("pinned event `{id}` was changed")));
    }
    Ok(PinnedEvent {
        event_id: row.text("event_id")?,
        at: row.time("at_us")?,
        event: serde_json::from_str(&body)?,
        sha256,
        note: row.text("note")?,
        pinned_at: row.time("pinned_us")?,
        pinned_by: row.text("pinned_by")?,
    })
}
