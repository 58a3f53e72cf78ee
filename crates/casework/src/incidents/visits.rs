//! Employees sent to where the object is (O199-10-3-10): who decided, who went, when, what came of
//! it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{Entry, working_incident};
use crate::alerts::check_version;
use crate::tx::Columns;
use crate::{
    Ctx, Error, NAME_BYTES_MAX, Result, Store, TEXT_BYTES_MAX, TITLE_BYTES_MAX, Tx, check_text,
    opt_check, time,
};

/// A visit to be recorded.
#[derive(Debug, Clone, Default)]
pub struct NewVisit {
    /// Who decided: a body or a person.
    pub decided_by: String,
    pub employee: String,
    pub place: String,
    pub reason: String,
    /// When it was decided; now if absent.
    pub decided_at: Option<Timestamp>,
}

/// What a visit came to; `None` leaves a value as it is.
#[derive(Debug, Clone, Default)]
pub struct VisitPatch {
    pub arrived_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub result: Option<String>,
    pub version: i64,
}

/// A visit as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Visit {
    pub id: String,
    pub decided_by: String,
    pub employee: String,
    pub place: String,
    pub reason: String,
    pub decided_at: Timestamp,
    pub arrived_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub result: String,
    pub version: i64,
}

impl Tx {
    /// Records the decision to send an employee to the object.
    pub async fn add_visit(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        new: &NewVisit,
    ) -> Result<Visit> {
        working_incident(self.conn(), incident).await?;
        for (field, text) in [("decided_by", &new.decided_by), ("employee", &new.employee)] {
            check_text(field, text, NAME_BYTES_MAX)?;
        }
        check_text("place", &new.place, TITLE_BYTES_MAX)?;
        check_text("reason", &new.reason, TITLE_BYTES_MAX)?;
        let decided = time::whole(new.decided_at.unwrap_or(ctx.now));
        if decided > ctx.now {
            let message = format!("{decided} lies in the future");
            return Err(Error::invalid("decided_at", message));
        }
        let id = self.new_id("visit").await?;
        sqlx::query(
            "INSERT INTO visit (id, incident_id, decided_by, employee, place, reason, decided_us, \
             recorded_by, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)",
        )
        .bind(&id)
        .bind(incident)
        .bind(&new.decided_by)
        .bind(&new.employee)
        .bind(&new.place)
        .bind(&new.reason)
        .bind(time::to_us(decided))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let data = json!({
            "decided_by": new.decided_by, "employee": new.employee, "place": new.place,
            "decided_at": decided,
        });
        let mut entry = Entry::new("visit.decided", decided, data);
        entry.object = Some(("visit", &id));
        entry.text = Some(&new.reason);
        self.entry(ctx, incident, entry).await?;
        Ok(visit_by_id(self.conn(), &id).await?.1)
    }

    /// Records arrival, end or result of a visit.
    ///
    /// # Errors
    /// `Invalid` for times in the future or out of order.
    pub async fn update_visit(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        patch: &VisitPatch,
    ) -> Result<Visit> {
        let (incident, old) = visit_by_id(self.conn(), id).await?;
        check_version("visit", id, patch.version, old.version)?;
        opt_check("result", patch.result.as_deref(), TEXT_BYTES_MAX)?;
        let arrived = patch.arrived_at.map(time::whole).or(old.arrived_at);
        let ended = patch.ended_at.map(time::whole).or(old.ended_at);
        let order = [Some(old.decided_at), arrived, ended, Some(ctx.now)];
        let order: Vec<Timestamp> = order.into_iter().flatten().collect();
        if !order.is_sorted() {
            return Err(Error::invalid(
                "arrived_at",
                "decision, arrival and end come in this order and not in the future",
            ));
        }
        let result = patch.result.as_ref().unwrap_or(&old.result);
        sqlx::query(
            "UPDATE visit SET arrived_us = $2, ended_us = $3, result = $4, version = version + 1 \
             WHERE id = $1",
        )
        .bind(id)
        .bind(time::opt_us(arrived))
        .bind(time::opt_us(ended))
        .bind(result)
        .execute(self.conn())
        .await?;
        let data = json!({"arrived_at": arrived, "ended_at": ended});
        let mut entry = Entry::new("visit.changed", ctx.now, data);
        entry.object = Some(("visit", id));
        entry.text = Some(result.as_str()).filter(|text| !text.is_empty());
        self.entry(ctx, &incident, entry).await?;
        Ok(visit_by_id(self.conn(), id).await?.1)
    }
}

impl Store {
    /// The visits of a case, the first decided first.
    pub async fn visits(&self, incident: &str) -> Result<Vec<Visit>> {
        let rows =
            sqlx::query("SELECT * FROM visit WHERE incident_id = $1 ORDER BY decided_us, id")
                .bind(incident)
                .fetch_all(self.pool())
                .await?;
        rows.iter().map(visit_of).collect()
    }
}

async fn visit_by_id(conn: &mut SqliteConnection, id: &str) -> Result<(String, Visit)> {
    let row = sqlx::query("SELECT * FROM visit WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("visit", id))?;
    Ok((row.text("incident_id")?, visit_of(&row)?))
}

fn visit_of(row: &SqliteRow) -> Result<Visit> {
    Ok(Visit {
        id: row.text("id")?,
        decided_by: row.text("decided_by")?,
        employee: row.text("employee")?,
        place: row.text("place")?,
        reason: row.text("reason")?,
        decided_at: row.time("decided_us")?,
        arrived_at: row.opt_time("arrived_us")?,
        ended_at: row.opt_time("ended_us")?,
        result: row.text("result")?,
        version: row.int("version")?,
    })
}
