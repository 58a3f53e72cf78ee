//! How long evidence is kept. The law's floor is five years for incident information (R90-10) and
//! investigation materials (R90-14), counted from the latest of closing the case, concluding its
//! investigation and the last change (reading A-15). Nothing shortens it; a legal hold extends it.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{Evidence, NewCustody, evidence_by_id, kept_evidence};
use crate::alerts::check_version;
use crate::incidents::{Entry, FAMILY, incident_by_id, survivor_of};
use crate::tx::Columns;
use crate::words::CustodyAct;
use crate::{Ctx, Error, Result, Store, TITLE_BYTES_MAX, Tx, check_text, time};

/// R90-10, R90-14: years for which incident information and investigation materials are kept.
pub const RETENTION_YEARS: i16 = 5;

/// Deletion is forbidden while it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegalHold {
    pub id: String,
    pub reason: String,
    pub placed_at: Timestamp,
    pub placed_by: String,
    pub released_at: Option<Timestamp>,
    pub released_by: Option<String>,
    pub released_why: Option<String>,
}

/// Until when the materials of a case are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Keeping {
    /// No deletion before this; none while the case or its investigation is open.
    pub keep_until: Option<Timestamp>,
    pub holds: Vec<LegalHold>,
}

/// The moment before which nothing may be deleted: five years, to the day in the organisation's
/// zone, after the latest of `ends`.
pub fn retention_end(ends: &[Timestamp], zone: &TimeZone) -> Option<Timestamp> {
    let last = ends.iter().max()?.to_zoned(zone.clone());
    let end = last.checked_add(RETENTION_YEARS.years()).ok()?;
    Some(end.timestamp())
}

impl Tx {
    /// Forbids deletion of anything of the case until the hold is released.
    pub async fn place_hold(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        reason: &str,
    ) -> Result<LegalHold> {
        incident_by_id(self.conn(), incident).await?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let id = self.new_id("hold").await?;
        sqlx::query(
            "INSERT INTO legal_hold (id, incident_id, reason, placed_us, placed_by) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&id)
        .bind(incident)
        .bind(reason)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let mut entry = Entry::new("hold.placed", ctx.now, json!({}));
        entry.object = Some(("hold", &id));
        entry.text = Some(reason);
        entry.reason = Some(reason);
        self.entry(ctx, incident, entry).await?;
        let holds = holds_of(self.conn(), incident).await?;
        let hold = holds.into_iter().find(|hold| hold.id == id);
        hold.ok_or_else(|| Error::not_found("hold", &id))
    }

    /// Releases a legal hold; somebody else than who placed it must do so.
    pub async fn release_hold(&mut self, ctx: &Ctx<'_>, id: &str, reason: &str) -> Result<()> {
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let row = sqlx::query("SELECT * FROM legal_hold WHERE id = $1 AND released_us IS NULL")
            .bind(id)
            .fetch_optional(self.conn())
            .await?
            .ok_or_else(|| Error::not_found("hold", id))?;
        if row.text("placed_by")? == ctx.actor.id {
            return Err(Error::invalid(
                "person",
                "who placed the hold may not release it",
            ));
        }
        sqlx::query(
            "UPDATE legal_hold SET released_us = $2, released_by = $3, released_why = $4 \
             WHERE id = $1",
        )
        .bind(id)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .bind(reason)
        .execute(self.conn())
        .await?;
        let mut entry = Entry::new("hold.released", ctx.now, json!({}));
        entry.object = Some(("hold", id));
        entry.text = Some(reason);
        entry.reason = Some(reason);
        self.entry(ctx, &row.text("incident_id")?, entry).await
    }

    /// Proposes to delete the file of a piece of evidence whose term has passed.
    ///
    /// # Errors
    /// `Invalid` while the case or its investigation is open, before the end of the term, and
    /// under a legal hold.
    pub async fn propose_deletion(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        reason: &str,
        version: i64,
    ) -> Result<Evidence> {
        let evidence = kept_evidence(self.conn(), id).await?;
        check_version("evidence", id, version, evidence.version)?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        self.may_delete(ctx, &evidence).await?;
        sqlx::query(
            "UPDATE evidence SET deletion_us = $2, deletion_by = $3, deletion_why = $4, \
             version = version + 1 WHERE id = $1",
        )
        .bind(id)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .bind(reason)
        .execute(self.conn())
        .await?;
        let data = json!({"sha256": evidence.sha256});
        let mut entry = Entry::new("evidence.deletion_proposed", ctx.now, data);
        entry.object = Some(("evidence", id));
        entry.reason = Some(reason);
        self.entry(ctx, &evidence.incident_id, entry).await?;
        evidence_by_id(self.conn(), id).await
    }

    /// Approves a proposed deletion as a second person. The record stays. True when no other
    /// piece of evidence has the same file: remove it then.
    pub async fn approve_deletion(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        version: i64,
    ) -> Result<(Evidence, bool)> {
        let evidence = kept_evidence(self.conn(), id).await?;
        check_version("evidence", id, version, evidence.version)?;
        match evidence.deletion_proposed_by.as_deref() {
            None => return Err(Error::invalid("evidence", "nobody proposed its deletion")),
            Some(first) if first == ctx.actor.id => {
                let message = "who proposed the deletion may not approve it";
                return Err(Error::invalid("person", message));
            }
            Some(_) => {}
        }
        self.may_delete(ctx, &evidence).await?;
        sqlx::query("UPDATE evidence SET deleted_us = $2, deleted_by = $3 WHERE id = $1")
            .bind(id)
            .bind(time::to_us(ctx.now))
            .bind(&ctx.actor.id)
            .execute(self.conn())
            .await?;
        let act = NewCustody {
            act: CustodyAct::Deleted,
            at: ctx.now,
            to: ctx.actor.id.clone(),
            reason: evidence.deletion_why.clone().unwrap_or_default(),
        };
        self.write_custody(ctx, id, &evidence.holder, &act).await?;
        let others: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM evidence WHERE sha256 = $1 AND deleted_us IS NULL",
        )
        .bind(&evidence.sha256)
        .fetch_one(self.conn())
        .await?;
        Ok((evidence_by_id(self.conn(), id).await?, others == 0))
    }

    async fn may_delete(&mut self, ctx: &Ctx<'_>, evidence: &Evidence) -> Result<()> {
        let case = survivor_of(self.conn(), &evidence.incident_id).await?;
        let keeping = keeping(self.conn(), &case, &ctx.law.zone()).await?;
        if keeping.holds.iter().any(|hold| hold.released_at.is_none()) {
            return Err(Error::invalid("hold", "a legal hold forbids the deletion"));
        }
        match keeping.keep_until {
            None => Err(Error::invalid(
                "keep_until",
                "the case or its investigation is open: the term has not begun (R90-10, R90-14)",
            )),
            Some(until) if ctx.now < until => Err(Error::invalid(
                "keep_until",
                format!("kept until {until} (R90-10, R90-14: {RETENTION_YEARS} years)"),
            )),
            Some(_) => Ok(()),
        }
    }
}

impl Store {
    /// Until when the materials of a case are kept, and its legal holds.
    pub async fn keeping(&self, incident: &str, zone: &TimeZone) -> Result<Keeping> {
        let mut conn = self.pool().acquire().await?;
        let case = survivor_of(&mut conn, incident).await?;
        keeping(&mut conn, &case, zone).await
    }
}

async fn keeping(conn: &mut SqliteConnection, case: &str, zone: &TimeZone) -> Result<Keeping> {
    let incident = incident_by_id(conn, case).await?;
    let holds = holds_of(conn, case).await?;
    let mut ends = vec![incident.created_at];
    let sql = format!(
        "SELECT MAX(recorded_us) FROM timeline_entry WHERE incident_id IN ({FAMILY}) \
         AND kind NOT IN ('evidence.deletion_proposed', 'hold.placed', 'hold.released') \
         AND NOT (kind = 'evidence.custody' AND json_extract(data, '$.act') IN ('read', 'deleted'))"
    );
    let last: Option<i64> = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(case)
        .fetch_one(&mut *conn)
        .await?
        .try_get(0)?;
    ends.extend(time::opt_from_us(last)?);
    let mut open = incident.closed_at.is_none();
    ends.extend(incident.closed_at);
    let sql = format!(
        "SELECT concluded_us, changed_us FROM investigation WHERE incident_id IN ({FAMILY})"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(case)
        .fetch_all(conn)
        .await?;
    for row in &rows {
        let concluded = row.opt_time("concluded_us")?;
        open |= concluded.is_none();
        ends.extend(concluded);
        ends.push(row.time("changed_us")?);
    }
    Ok(Keeping {
        keep_until: (!open).then(|| retention_end(&ends, zone)).flatten(),
        holds,
    })
}

async fn holds_of(conn: &mut SqliteConnection, incident: &str) -> Result<Vec<LegalHold>> {
    let sql =
        format!("SELECT * FROM legal_hold WHERE incident_id IN ({FAMILY}) ORDER BY placed_us, id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(incident)
        .fetch_all(conn)
        .await?;
    rows.iter().map(hold_of).collect()
}

fn hold_of(row: &SqliteRow) -> Result<LegalHold> {
    Ok(LegalHold {
        id: row.text("id")?,
        reason: row.text("reason")?,
        placed_at: row.time("placed_us")?,
        placed_by: row.text("placed_by")?,
        released_at: row.opt_time("released_us")?,
        released_by: row.opt_text("released_by")?,
        released_why: row.opt_text("released_why")?,
    })
}
