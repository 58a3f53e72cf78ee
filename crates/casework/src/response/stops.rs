//! The partial or full stop of a business process as a recorded decision: agreed with the owner of
//! the process (R90-8-2), or in an emergency on the response service's own authority (R90-4-9,
//! reading A-06).

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::incidents::{Entry, FAMILY, working_incident};
use crate::tx::Columns;
use crate::words::Extent;
use crate::{Ctx, Error, NAME_BYTES_MAX, Result, Store, TITLE_BYTES_MAX, Tx, check_text, time};

/// A stop to be decided.
#[derive(Debug, Clone)]
pub struct NewStop {
    pub process: String,
    pub extent: Extent,
    pub owner: String,
    /// When the owner agreed.
    pub agreed_at: Option<Timestamp>,
    /// Why the owner could not be asked first.
    pub emergency: String,
    pub reason: String,
}

/// A decided stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessStop {
    pub id: String,
    pub process: String,
    pub extent: Extent,
    pub owner: String,
    pub agreed_at: Option<Timestamp>,
    pub emergency: String,
    pub reason: String,
    pub decided_at: Timestamp,
    pub decided_by: String,
    pub resumed_at: Option<Timestamp>,
    pub resumed_by: Option<String>,
}

impl Tx {
    /// Decides to stop a business process.
    ///
    /// # Errors
    /// `Invalid` without the owner's agreement and without an emergency, and for an agreement in
    /// the future.
    pub async fn stop_process(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        new: &NewStop,
    ) -> Result<ProcessStop> {
        working_incident(self.conn(), incident).await?;
        for (field, text) in [("process", &new.process), ("owner", &new.owner)] {
            check_text(field, text, NAME_BYTES_MAX)?;
        }
        check_text("reason", &new.reason, TITLE_BYTES_MAX)?;
        crate::opt_check("emergency", Some(&new.emergency), TITLE_BYTES_MAX)?;
        match new.agreed_at {
            Some(at) if time::whole(at) > ctx.now => {
                return Err(Error::invalid(
                    "agreed_at",
                    format!("{at} lies in the future"),
                ));
            }
            None if new.emergency.trim().is_empty() => {
                let message = "the owner of the process must agree (R90-8-2), or say why they \
                               could not be asked (R90-4-9)";
                return Err(Error::invalid("agreed_at", message));
            }
            _ => {}
        }
        let id = self.new_id("process_stop").await?;
        sqlx::query(
            "INSERT INTO process_stop (id, incident_id, process, extent, owner, agreed_us, \
             emergency, reason, decided_us, decided_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&id)
        .bind(incident)
        .bind(&new.process)
        .bind(new.extent.as_str())
        .bind(&new.owner)
        .bind(time::opt_us(new.agreed_at))
        .bind(&new.emergency)
        .bind(&new.reason)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let data = json!({
            "process": new.process, "extent": new.extent, "owner": new.owner,
            "agreed_at": new.agreed_at.map(time::whole), "emergency": new.emergency,
        });
        let mut entry = Entry::new("process.stopped", ctx.now, data);
        entry.object = Some(("process_stop", &id));
        entry.text = Some(&new.reason);
        entry.reason = Some(&new.reason);
        self.entry(ctx, incident, entry).await?;
        Ok(stop_by_id(self.conn(), &id).await?.1)
    }

    /// Records that a stopped process runs again.
    pub async fn resume_process(&mut self, ctx: &Ctx<'_>, id: &str) -> Result<ProcessStop> {
        let (incident, old) = stop_by_id(self.conn(), id).await?;
        if let Some(at) = old.resumed_at {
            return Err(Error::invalid(
                "resumed_at",
                format!("runs again since {at}"),
            ));
        }
        sqlx::query("UPDATE process_stop SET resumed_us = $2, resumed_by = $3 WHERE id = $1")
            .bind(id)
            .bind(time::to_us(ctx.now))
            .bind(&ctx.actor.id)
            .execute(self.conn())
            .await?;
        let data = json!({"process": old.process});
        let mut entry = Entry::new("process.resumed", ctx.now, data);
        entry.object = Some(("process_stop", id));
        self.entry(ctx, &incident, entry).await?;
        Ok(stop_by_id(self.conn(), id).await?.1)
    }
}

impl Store {
    /// The stops of a case and of those merged into it, oldest first.
    pub async fn process_stops(&self, incident: &str) -> Result<Vec<ProcessStop>> {
        let sql = format!(
            "SELECT * FROM process_stop WHERE incident_id IN ({FAMILY}) ORDER BY decided_us, id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(incident)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(stop_of).collect()
    }
}

async fn stop_by_id(conn: &mut SqliteConnection, id: &str) -> Result<(String, ProcessStop)> {
    let row = sqlx::query("SELECT * FROM process_stop WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("process_stop", id))?;
    Ok((row.text("incident_id")?, stop_of(&row)?))
}

fn stop_of(row: &SqliteRow) -> Result<ProcessStop> {
    Ok(ProcessStop {
        id: row.text("id")?,
        process: row.text("process")?,
        extent: row.word("extent")?,
        owner: row.text("owner")?,
        agreed_at: row.opt_time("agreed_us")?,
        emergency: row.text("emergency")?,
        reason: row.text("reason")?,
        decided_at: row.time("decided_us")?,
        decided_by: row.text("decided_by")?,
        resumed_at: row.opt_time("resumed_us")?,
        resumed_by: row.opt_text("resumed_by")?,
    })
}
