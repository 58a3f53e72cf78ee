//! What the law asks for outside of cases, and who did it: duties that return every period (such as
//! the yearly review of R90-4-10, the quarterly data of O199-14), registers, check lists.

use jiff::Timestamp;
use saqshy_law::{CaseFact, Clock};
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::tx::{Columns, Note};
use crate::{Ctx, Error, Law, Result, Store, TITLE_BYTES_MAX, Tx, check_text, time};

/// The clause whose review the organisation's own table records by itself.
pub(crate) const TABLE_REVIEW: &str = "R90-4-10";

/// Something that was done, with what proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Done {
    pub id: String,
    /// `duty:<id>`, `register:<id>` or `checklist:<id>` of a pack.
    pub item: String,
    /// Of a duty: `2026-W12`, `2026-03`, `2026-Q1`, `2026`. Empty otherwise.
    pub period: String,
    pub done_at: Timestamp,
    /// What proves it: a number and date, where it lies.
    pub note: String,
    pub saved_at: Timestamp,
    pub saved_by: String,
    pub withdrawn_at: Option<Timestamp>,
    pub withdrawn_by: Option<String>,
    pub withdrawn_why: Option<String>,
}

/// A duty in one of its periods.
#[derive(Debug, Clone)]
pub struct Periodic {
    pub clock: Clock,
    /// What was done for this duty, whatever the period, the newest first.
    pub done: Vec<Done>,
}

impl Tx {
    /// Records that something was done. `period` is that of a duty, empty for the rest.
    ///
    /// # Errors
    /// `Invalid` for an item that no pack has, a period that neither runs nor ended last, one that
    /// is done already, and a moment in the future or before the period.
    pub async fn record_done(
        &mut self,
        ctx: &Ctx<'_>,
        item: &str,
        period: &str,
        at: Timestamp,
        note: &str,
    ) -> Result<Done> {
        check_text("note", note, TITLE_BYTES_MAX)?;
        let at = time::whole(at);
        if at > ctx.now {
            return Err(Error::invalid("at", format!("{at} lies in the future")));
        }
        let known = match item.split_once(':') {
            Some(("duty", duty)) => {
                self.check_period(ctx, duty, period, at).await?;
                true
            }
            Some(("register", id)) => ctx.law.packs.iter().any(|pack| pack.register(id).is_some()),
            Some(("checklist", id)) => {
                let mut lists = ctx.law.packs.iter().flat_map(|pack| &pack.checklists);
                lists.any(|list| list.id == id)
            }
            _ => false,
        };
        if !known {
            return Err(Error::invalid("item", format!("no pack has `{item}`")));
        }
        if !item.starts_with("duty:") && !period.is_empty() {
            return Err(Error::invalid("period", "only a duty has periods"));
        }
        let id = self.new_id("law_done").await?;
        sqlx::query(
            "INSERT INTO law_done (id, item, period, done_us, note, saved_us, saved_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id)
        .bind(item)
        .bind(period)
        .bind(time::to_us(at))
        .bind(note)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let change = json!({"item": item, "period": period, "at": at, "note": note});
        self.done_note(ctx, "law.done", &id, change, None).await?;
        done_by_id(self.conn(), &id).await
    }

    /// Takes back what was recorded by mistake; both stay on record, and the clock runs again.
    pub async fn withdraw_done(&mut self, ctx: &Ctx<'_>, id: &str, reason: &str) -> Result<Done> {
        let old = done_by_id(self.conn(), id).await?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        if let Some(at) = old.withdrawn_at {
            return Err(Error::invalid("done", format!("was withdrawn at {at}")));
        }
        sqlx::query(
            "UPDATE law_done SET withdrawn_us = $2, withdrawn_by = $3, withdrawn_why = $4 \
             WHERE id = $1",
        )
        .bind(id)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .bind(reason)
        .execute(self.conn())
        .await?;
        let change = json!({"item": old.item, "period": old.period});
        self.done_note(ctx, "law.done_withdrawn", id, change, Some(reason))
            .await?;
        done_by_id(self.conn(), id).await
    }

    async fn check_period(
        &mut self,
        ctx: &Ctx<'_>,
        duty: &str,
        period: &str,
        at: Timestamp,
    ) -> Result<()> {
        let clocks = periods_now(self.conn(), ctx.law, ctx.now).await?;
        let of_duty: Vec<&Clock> = clocks.iter().filter(|clock| clock.duty == duty).collect();
        let found = of_duty
            .iter()
            .find(|clock| clock.period.as_deref() == Some(period));
        let Some(clock) = found else {
            let known = of_duty.iter().filter_map(|clock| clock.period.as_deref());
            let known: Vec<&str> = known.collect();
            let message = match known.is_empty() {
                true => format!("no periodic duty `{duty}` binds the organisation"),
                false => format!("`{period}` is none of {}", known.join(", ")),
            };
            return Err(Error::invalid("period", message));
        };
        if let Some(stopped) = clock.stopped {
            return Err(Error::invalid(
                "period",
                format!("`{period}` was done at {stopped}"),
            ));
        }
        match clock.started {
            Some(begins) if at < begins => {
                let message = format!("{at} lies before {begins}, when `{period}` may be done");
                Err(Error::invalid("at", message))
            }
            _ => Ok(()),
        }
    }

    async fn done_note(
        &mut self,
        ctx: &Ctx<'_>,
        action: &str,
        id: &str,
        change: serde_json::Value,
        reason: Option<&str>,
    ) -> Result<()> {
        let note = Note {
            action,
            object: ("law_done", id),
            change,
            reason,
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }
}

impl Store {
    /// The duties of the organisation that return, each in the period that ended last and in the
    /// one that runs; the earliest due first.
    pub async fn periodic(&self, law: &Law, now: Timestamp) -> Result<Vec<Periodic>> {
        let mut conn = self.pool().acquire().await?;
        let clocks = periods_now(&mut conn, law, now).await?;
        let all = all_done(&mut conn).await?;
        let rows = clocks.into_iter().map(|clock| {
            let item = format!("duty:{}", clock.duty);
            let of_duty = all.iter().filter(|one| one.item == item);
            Periodic {
                done: of_duty.cloned().collect(),
                clock,
            }
        });
        Ok(rows.collect())
    }

    /// Everything that was recorded as done, withdrawn records too, the newest first.
    pub async fn done(&self) -> Result<Vec<Done>> {
        all_done(&mut *self.pool().acquire().await?).await
    }
}

/// The clocks of returning duties, from what was recorded and from the reviews of the table.
pub(crate) async fn periods_now(
    conn: &mut SqliteConnection,
    law: &Law,
    now: Timestamp,
) -> Result<Vec<Clock>> {
    let mut done: Vec<(String, Timestamp)> = all_done(conn)
        .await?
        .into_iter()
        .filter(|one| one.withdrawn_at.is_none())
        .filter_map(|one| {
            let duty = one.item.strip_prefix("duty:")?;
            Some((format!("report.sent:{duty}:{}", one.period), one.done_at))
        })
        .collect();
    let (zone, reviews) = (law.zone(), crate::incidents::table_reviews(conn).await?);
    let duties = law.packs.iter().flat_map(|pack| &pack.duties);
    for duty in duties.filter(|duty| duty.clause == TABLE_REVIEW) {
        for at in &reviews {
            let year = at.to_zoned(zone.clone()).year();
            done.push((format!("report.sent:{}:{year}", duty.id), *at));
        }
    }
    let facts: Vec<CaseFact> = (1..)
        .zip(done)
        .map(|(seq, (kind, at))| CaseFact::new(kind, at, seq))
        .collect();
    Ok(law.periods(&facts, now))
}

async fn all_done(conn: &mut SqliteConnection) -> Result<Vec<Done>> {
    let rows = sqlx::query("SELECT * FROM law_done ORDER BY done_us DESC, id")
        .fetch_all(conn)
        .await?;
    rows.iter().map(done_of).collect()
}

async fn done_by_id(conn: &mut SqliteConnection, id: &str) -> Result<Done> {
    let row = sqlx::query("SELECT * FROM law_done WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("law_done", id))?;
    done_of(&row)
}

fn done_of(row: &SqliteRow) -> Result<Done> {
    Ok(Done {
        id: row.text("id")?,
        item: row.text("item")?,
        period: row.text("period")?,
        done_at: row.time("done_us")?,
        note: row.text("note")?,
        saved_at: row.time("saved_us")?,
        saved_by: row.text("saved_by")?,
        withdrawn_at: row.opt_time("withdrawn_us")?,
        withdrawn_by: row.opt_text("withdrawn_by")?,
        withdrawn_why: row.opt_text("withdrawn_why")?,
    })
}
