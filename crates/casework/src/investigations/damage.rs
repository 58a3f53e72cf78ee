//! Damage of an incident, to the institution and to its clients, and the decision whether an
//! internal investigation is needed (R90-4-14, R90-8-7, R90-11-4).

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::incidents::{Entry, FAMILY, working_incident};
use crate::tx::Columns;
use crate::words::DamageTo;
use crate::{Ctx, Error, NAME_BYTES_MAX, Result, Store, TITLE_BYTES_MAX, Tx, check_text, time};

/// Damage to be recorded.
#[derive(Debug, Clone)]
pub struct NewDamage {
    pub to: DamageTo,
    /// Money, data, reputation, downtime: in words.
    pub kind: String,
    /// In whole units of the currency, where it can be put into money.
    pub amount: Option<u64>,
    /// ISO 4217, such as `KZT`; empty without an amount.
    pub currency: String,
    /// The organisation judges it material. Damage in money always is: the act has no threshold
    /// (reading A-13).
    pub material: bool,
    pub note: String,
}

/// Recorded damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    pub seq: u64,
    pub to: DamageTo,
    pub kind: String,
    pub amount: Option<u64>,
    pub currency: String,
    pub material: bool,
    pub note: String,
    pub recorded_at: Timestamp,
    pub recorded_by: String,
    pub withdrawn_at: Option<Timestamp>,
    pub withdrawn_why: Option<String>,
}

/// Whether an investigation is needed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvestigationDecision {
    pub needed: bool,
    pub reason: String,
    pub decided_at: Timestamp,
    pub decided_by: String,
}

impl Tx {
    /// Records damage. The first material damage is the fact `damage.recorded`, from which on an
    /// investigation is a duty (R90-4-14).
    pub async fn record_damage(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        new: &NewDamage,
    ) -> Result<Damage> {
        working_incident(self.conn(), incident).await?;
        check_text("kind", &new.kind, NAME_BYTES_MAX)?;
        crate::opt_check("note", Some(&new.note), TITLE_BYTES_MAX)?;
        let code = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        if new.amount.is_some() != code(&new.currency) {
            let message = "an amount needs a currency such as KZT, and a currency an amount";
            return Err(Error::invalid("currency", message));
        }
        let material = new.material || new.amount.is_some_and(|amount| amount > 0);
        let known = damage_of(self.conn(), incident).await?;
        let seq: i64 = sqlx::query_scalar(
            "SELECT COALESCE(MAX(seq), 0) + 1 FROM damage WHERE incident_id = $1",
        )
        .bind(incident)
        .fetch_one(self.conn())
        .await?;
        sqlx::query(
            "INSERT INTO damage (incident_id, seq, to_whom, kind, amount, currency, material, \
             note, recorded_us, recorded_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(incident)
        .bind(seq)
        .bind(new.to.as_str())
        .bind(&new.kind)
        .bind(new.amount.map(time::signed).transpose()?)
        .bind(&new.currency)
        .bind(material)
        .bind(&new.note)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let data = json!({
            "damage": seq, "to": new.to, "damage_kind": new.kind, "amount": new.amount,
            "currency": new.currency, "material": material,
        });
        let mut entry = Entry::new("damage.recorded", ctx.now, data);
        entry.text = Some(new.note.as_str()).filter(|note| !note.is_empty());
        self.entry(ctx, incident, entry).await?;
        if material && !known.iter().any(in_force) {
            self.add_fact(ctx, incident, "damage.recorded", ctx.now, None, None)
                .await?;
            self.refresh_clocks(ctx, incident).await?;
        }
        let rows = damage_of(self.conn(), incident).await?;
        rows.into_iter()
            .rfind(|row| row.seq == seq.unsigned_abs())
            .ok_or_else(|| Error::not_found("damage", &seq.to_string()))
    }

    /// Withdraws damage that was recorded in error; with the last material one its fact goes.
    pub async fn withdraw_damage(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        seq: u64,
        reason: &str,
    ) -> Result<()> {
        working_incident(self.conn(), incident).await?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let done = sqlx::query(
            "UPDATE damage SET withdrawn_us = $3, withdrawn_why = $4 \
             WHERE incident_id = $1 AND seq = $2 AND withdrawn_us IS NULL",
        )
        .bind(incident)
        .bind(time::signed(seq)?)
        .bind(time::to_us(ctx.now))
        .bind(reason)
        .execute(self.conn())
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("damage", &seq.to_string()));
        }
        let mut entry = Entry::new("damage.withdrawn", ctx.now, json!({"damage": seq}));
        entry.text = Some(reason);
        entry.reason = Some(reason);
        self.entry(ctx, incident, entry).await?;
        if !damage_of(self.conn(), incident).await?.iter().any(in_force) {
            self.withdraw_facts(ctx, incident, "damage.recorded", None, reason)
                .await?;
            self.refresh_clocks(ctx, incident).await?;
        }
        Ok(())
    }

    /// Decides whether an investigation is needed (R90-8-7); a "no" is the fact
    /// `investigation.not_needed`.
    ///
    /// # Errors
    /// `Invalid` for a "no" while material damage stands: then it is a duty (R90-4-14).
    pub async fn decide_investigation(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        needed: bool,
        reason: &str,
    ) -> Result<()> {
        working_incident(self.conn(), incident).await?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        if !needed && damage_of(self.conn(), incident).await?.iter().any(in_force) {
            let message = "material damage is recorded: the investigation is a duty (R90-4-14)";
            return Err(Error::invalid("needed", message));
        }
        sqlx::query(
            "INSERT INTO investigation_decision (incident_id, needed, reason, decided_us, \
             decided_by) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (incident_id) DO UPDATE SET \
             needed = excluded.needed, reason = excluded.reason, \
             decided_us = excluded.decided_us, decided_by = excluded.decided_by",
        )
        .bind(incident)
        .bind(needed)
        .bind(reason)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let refused = "investigation.not_needed";
        self.withdraw_facts(ctx, incident, refused, None, reason)
            .await?;
        if !needed {
            self.add_fact(ctx, incident, refused, ctx.now, Some(reason), None)
                .await?;
        }
        self.refresh_clocks(ctx, incident).await?;
        let data = json!({"needed": needed});
        let mut entry = Entry::new("investigation.decided", ctx.now, data);
        entry.object = Some(("investigation_decision", incident));
        entry.text = Some(reason);
        entry.reason = Some(reason);
        self.entry(ctx, incident, entry).await
    }
}

impl Store {
    /// The damage of a case and of those merged into it, withdrawn rows included.
    pub async fn damage(&self, incident: &str) -> Result<Vec<Damage>> {
        damage_of(&mut *self.pool().acquire().await?, incident).await
    }

    /// The decision whether an investigation is needed, if it was made.
    pub async fn investigation_decision(
        &self,
        incident: &str,
    ) -> Result<Option<InvestigationDecision>> {
        decision_of(&mut *self.pool().acquire().await?, incident).await
    }
}

/// Material damage that was not withdrawn.
pub(crate) fn in_force(damage: &Damage) -> bool {
    damage.material && damage.withdrawn_at.is_none()
}

pub(crate) async fn damage_of(conn: &mut SqliteConnection, incident: &str) -> Result<Vec<Damage>> {
    let sql =
        format!("SELECT * FROM damage WHERE incident_id IN ({FAMILY}) ORDER BY recorded_us, seq");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(incident)
        .fetch_all(conn)
        .await?;
    rows.iter().map(damage_row).collect()
}

pub(crate) async fn decision_of(
    conn: &mut SqliteConnection,
    incident: &str,
) -> Result<Option<InvestigationDecision>> {
    let row = sqlx::query("SELECT * FROM investigation_decision WHERE incident_id = $1")
        .bind(incident)
        .fetch_optional(conn)
        .await?;
    row.map(|row| {
        Ok(InvestigationDecision {
            needed: row.flag("needed")?,
            reason: row.text("reason")?,
            decided_at: row.time("decided_us")?,
            decided_by: row.text("decided_by")?,
        })
    })
    .transpose()
}

fn damage_row(row: &SqliteRow) -> Result<Damage> {
    Ok(Damage {
        seq: row.uint("seq")?,
        to: row.word("to_whom")?,
        kind: row.text("kind")?,
        amount: row.opt_int("amount")?.map(time::count).transpose()?,
        currency: row.text("currency")?,
        material: row.flag("material")?,
        note: row.text("note")?,
        recorded_at: row.time("recorded_us")?,
        recorded_by: row.text("recorded_by")?,
        withdrawn_at: row.opt_time("withdrawn_us")?,
        withdrawn_why: row.opt_text("withdrawn_why")?,
    })
}
