//! The facts of a case and the legal clocks computed from them.
//!
//! Facts are only ever added or withdrawn. After each change the clocks are computed anew; a
//! computation that differs from the one before is stored beside it, never over it.

use jiff::Timestamp;
use saqshy_law::{CaseFact, Clock, Text3};
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::incidents::{Entry, incident_by_id, incident_of};
use crate::tx::{Columns, Note};
use crate::{Ctx, Error, Law, Result, Store, TITLE_BYTES_MAX, Tx, check_text, opt_check, time};

/// One thing that happened and that a clock may start or stop at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    pub seq: u64,
    /// `incident.detected`, `incident.occurred`, `incident.eliminated`, or `notice.sent:<duty>`,
    /// `notice.received:<duty>`, `answer.received:<duty>`, `answer.sent:<duty>`, each of these
    /// perhaps narrowed by `:<addressee>`.
    pub kind: String,
    pub at: Timestamp,
    pub recorded_at: Timestamp,
    pub by: String,
    pub note: Option<String>,
    /// The notice it came from.
    pub notice_id: Option<String>,
    /// A withdrawn fact is kept and no longer counts.
    pub withdrawn_at: Option<Timestamp>,
    pub withdrawn_why: Option<String>,
}

/// A fact a person records: an answer that came by letter, a notice given by telephone.
#[derive(Debug, Clone)]
pub struct NewFact {
    pub kind: String,
    pub at: Timestamp,
    pub note: String,
}

/// One stored computation of one clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClockComputation {
    pub duty: String,
    pub seq: u64,
    pub computed_at: Timestamp,
    pub started: Option<Timestamp>,
    pub due: Option<Timestamp>,
    pub stopped: Option<Timestamp>,
    pub edition: String,
    pub calendar_edition: Option<String>,
    pub provisional: bool,
    pub steps: Vec<Text3>,
}

/// A clock together with the incident it runs on.
#[derive(Debug, Clone)]
pub struct IncidentClock {
    pub incident_id: String,
    pub incident_number: String,
    pub incident_title: String,
    pub clock: Clock,
}

/// Kinds of facts that a person may record; each is followed by the id of a duty, and perhaps by
/// a colon and an addressee.
const RECORDABLE: [&str; 4] = [
    "notice.sent:",
    "notice.received:",
    "answer.received:",
    "answer.sent:",
];

impl Tx {
    /// Records a fact and computes the clocks anew.
    ///
    /// # Errors
    /// `Invalid` for an unknown kind or duty, for a time in the future or before detection, and
    /// when the same fact stands already.
    pub async fn record_fact(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        new: &NewFact,
    ) -> Result<Fact> {
        let found = incident_by_id(self.conn(), incident).await?;
        if let Some(survivor) = &found.merged_into {
            let message = format!("merged into `{survivor}`: record it there");
            return Err(Error::invalid("incident", message));
        }
        opt_check("note", Some(&new.note), TITLE_BYTES_MAX)?;
        let Some(rest) = RECORDABLE
            .iter()
            .find_map(|kind| new.kind.strip_prefix(kind))
        else {
            return Err(Error::invalid(
                "kind",
                format!("`{}` is not a fact that can be recorded by hand", new.kind),
            ));
        };
        let facts = facts_in_force(self.conn(), incident).await?;
        let (duty, addressee) = match rest.split_once(':') {
            Some((duty, addressee)) => (duty, Some(addressee)),
            None => (rest, None),
        };
        let clocks = ctx.law.clocks(&facts, ctx.now);
        let Some(clock) = clocks.iter().find(|clock| clock.duty == duty) else {
            return Err(Error::invalid(
                "kind",
                format!("no duty `{duty}` applies here"),
            ));
        };
        if let Some(addressee) = addressee {
            crate::notices::check_addressee(ctx.law, duty, &clock.edition, addressee)?;
        }
        let at = time::whole(new.at);
        if at > ctx.now {
            return Err(Error::invalid("at", format!("{at} lies in the future")));
        }
        if at < found.detected_at {
            return Err(Error::invalid(
                "at",
                format!(
                    "{at} is earlier than the detection at {}",
                    found.detected_at
                ),
            ));
        }
        if facts
            .iter()
            .any(|fact| fact.kind == new.kind && fact.at == at)
        {
            return Err(Error::invalid(
                "kind",
                format!("`{}` at {at} stands already", new.kind),
            ));
        }
        let note = Some(new.note.trim()).filter(|note| !note.is_empty());
        let seq = self
            .add_fact(ctx, incident, &new.kind, at, note, None)
            .await?;
        self.refresh_clocks(ctx, incident).await?;
        fact_by_seq(self.conn(), incident, seq).await
    }

    /// Withdraws a fact that was recorded by hand and computes the clocks anew.
    pub async fn withdraw_fact(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        seq: u64,
        reason: &str,
    ) -> Result<Fact> {
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let fact = fact_by_seq(self.conn(), incident, time::signed(seq)?).await?;
        if fact.withdrawn_at.is_some() {
            return Err(Error::invalid("seq", "the fact is withdrawn already"));
        }
        if fact.notice_id.is_some() || fact.kind.starts_with("incident.") {
            return Err(Error::invalid(
                "seq",
                format!(
                    "`{}` follows from the case and is not withdrawn by hand",
                    fact.kind
                ),
            ));
        }
        self.withdraw(ctx, incident, &fact, reason).await?;
        self.refresh_clocks(ctx, incident).await?;
        fact_by_seq(self.conn(), incident, time::signed(seq)?).await
    }

    pub(crate) async fn add_fact(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        kind: &str,
        at: Timestamp,
        note: Option<&str>,
        notice: Option<&str>,
    ) -> Result<i64> {
        let seq: i64 = sqlx::query_scalar(
            "SELECT COALESCE(MAX(seq), 0) + 1 FROM case_fact WHERE incident_id = $1",
        )
        .bind(incident)
        .fetch_one(self.conn())
        .await?;
        sqlx::query(
            "INSERT INTO case_fact (incident_id, seq, kind, at_us, recorded_us, by_actor, note, \
             notice_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(incident)
        .bind(seq)
        .bind(kind)
        .bind(time::to_us(at))
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .bind(note)
        .bind(notice)
        .execute(self.conn())
        .await?;
        let data = json!({
            "seq": seq, "kind": kind, "at": time::whole(at), "note": note, "notice": notice,
        });
        if kind.starts_with("incident.") {
            // The timeline shows these as creation and as change of state.
            let note = Note {
                action: "fact.recorded",
                object: ("incident", incident),
                change: data,
                ..Note::default()
            };
            self.note(&ctx.actor.id, ctx.now, note).await?;
        } else {
            let mut entry = Entry::new("fact.recorded", at, data);
            entry.text = note;
            self.entry(ctx, incident, entry).await?;
        }
        Ok(seq)
    }

    /// The fact `response.begun`, at the first thing that somebody does on a case.
    pub(crate) async fn response_begun(&mut self, ctx: &Ctx<'_>, incident: &str) -> Result<()> {
        let facts = facts_in_force(self.conn(), incident).await?;
        if facts.iter().any(|fact| fact.kind == "response.begun") {
            return Ok(());
        }
        self.add_fact(ctx, incident, "response.begun", ctx.now, None, None)
            .await?;
        self.refresh_clocks(ctx, incident).await
    }

    /// Withdraws the standing facts of a kind, of one notice if given.
    pub(crate) async fn withdraw_facts(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        kind: &str,
        notice: Option<&str>,
        reason: &str,
    ) -> Result<()> {
        for fact in facts_of(self.conn(), incident).await? {
            let matches = fact.kind == kind
                && fact.withdrawn_at.is_none()
                && notice.is_none_or(|notice| fact.notice_id.as_deref() == Some(notice));
            if matches {
                self.withdraw(ctx, incident, &fact, reason).await?;
            }
        }
        Ok(())
    }

    async fn withdraw(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        fact: &Fact,
        reason: &str,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE case_fact SET withdrawn_us = $3, withdrawn_why = $4 \
             WHERE incident_id = $1 AND seq = $2",
        )
        .bind(incident)
        .bind(time::signed(fact.seq)?)
        .bind(time::to_us(ctx.now))
        .bind(reason)
        .execute(self.conn())
        .await?;
        let data = json!({"seq": fact.seq, "kind": fact.kind});
        let mut entry = Entry::new("fact.withdrawn", ctx.now, data);
        entry.reason = Some(reason);
        entry.text = Some(reason);
        self.entry(ctx, incident, entry).await
    }

    /// Computes the clocks of an incident and stores those that differ from their last
    /// computation. The operations of this crate call it themselves; call it for the open
    /// incidents after a new edition of a pack or calendar.
    pub async fn refresh_clocks(&mut self, ctx: &Ctx<'_>, incident: &str) -> Result<()> {
        let facts = facts_in_force(self.conn(), incident).await?;
        for clock in ctx.law.clocks(&facts, ctx.now) {
            if clock.started.is_some() {
                self.store_clock(ctx, incident, &clock).await?;
            }
        }
        Ok(())
    }

    async fn store_clock(&mut self, ctx: &Ctx<'_>, incident: &str, clock: &Clock) -> Result<()> {
        let last = sqlx::query(
            "SELECT * FROM clock_computation WHERE incident_id = $1 AND duty = $2 \
             ORDER BY seq DESC LIMIT 1",
        )
        .bind(incident)
        .bind(&clock.duty)
        .fetch_optional(self.conn())
        .await?
        .as_ref()
        .map(computation_of)
        .transpose()?;
        let new = ClockComputation {
            duty: clock.duty.clone(),
            seq: last.as_ref().map_or(1, |last| last.seq + 1),
            computed_at: time::whole(ctx.now),
            started: clock.started.map(time::whole),
            due: clock.due.map(time::whole),
            stopped: clock.stopped.map(time::whole),
            edition: clock.edition.clone(),
            calendar_edition: clock.calendar_edition.clone(),
            provisional: clock.provisional,
            steps: clock.steps.clone(),
        };
        if let Some(last) = &last {
            let same = ClockComputation {
                seq: last.seq,
                computed_at: last.computed_at,
                ..new.clone()
            };
            if same == *last {
                return Ok(());
            }
        }
        sqlx::query(
            "INSERT INTO clock_computation (incident_id, duty, seq, computed_us, started_us, \
             due_us, stopped_us, edition, calendar_edition, provisional, steps) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(incident)
        .bind(&new.duty)
        .bind(time::signed(new.seq)?)
        .bind(time::to_us(new.computed_at))
        .bind(time::opt_us(new.started))
        .bind(time::opt_us(new.due))
        .bind(time::opt_us(new.stopped))
        .bind(&new.edition)
        .bind(&new.calendar_edition)
        .bind(new.provisional)
        .bind(serde_json::to_string(&new.steps)?)
        .execute(self.conn())
        .await?;
        let change = json!({
            "duty": new.duty,
            "clause": clock.clause,
            "seq": new.seq,
            "started": new.started,
            "due": new.due,
            "stopped": new.stopped,
            "calendar_edition": new.calendar_edition,
            "provisional": new.provisional,
            "due_before": last.as_ref().and_then(|last| last.due),
        });
        let moved = last.is_some_and(|last| last.due != new.due);
        if moved {
            let mut entry = Entry::new("clock.computed", ctx.now, change);
            entry.edition = Some(&new.edition);
            return self.entry(ctx, incident, entry).await;
        }
        let note = Note {
            action: "clock.computed",
            object: ("incident", incident),
            change,
            edition: Some(&new.edition),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }
}

impl Store {
    /// The clocks of one incident at `now`.
    pub async fn clocks_of(&self, incident: &str, law: &Law, now: Timestamp) -> Result<Vec<Clock>> {
        let mut conn = self.pool().acquire().await?;
        incident_by_id(&mut conn, incident).await?;
        let facts = facts_in_force(&mut conn, incident).await?;
        Ok(law.clocks(&facts, now))
    }

    /// Clocks that still run on incidents that are not closed, the earliest due time first.
    pub async fn clocks_next(
        &self,
        law: &Law,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<IncidentClock>> {
        let mut conn = self.pool().acquire().await?;
        let rows = sqlx::query("SELECT * FROM incident WHERE state <> 'closed' ORDER BY id")
            .fetch_all(&mut *conn)
            .await?;
        let mut clocks = Vec::new();
        for row in &rows {
            let incident = incident_of(row)?;
            let facts = facts_in_force(&mut conn, &incident.id).await?;
            for clock in law.clocks(&facts, now) {
                if clock.started.is_some() && clock.due.is_some() && clock.stopped.is_none() {
                    clocks.push(IncidentClock {
                        incident_id: incident.id.clone(),
                        incident_number: incident.number.clone(),
                        incident_title: incident.title.clone(),
                        clock,
                    });
                }
            }
        }
        clocks.sort_by(|a, b| {
            (a.clock.due, &a.incident_number).cmp(&(b.clock.due, &b.incident_number))
        });
        clocks.truncate(limit);
        Ok(clocks)
    }

    /// Every fact of an incident, withdrawn ones included.
    pub async fn facts(&self, incident: &str) -> Result<Vec<Fact>> {
        facts_of(&mut *self.pool().acquire().await?, incident).await
    }

    /// Every stored computation of an incident's clocks, by duty, oldest first.
    pub async fn clock_history(&self, incident: &str) -> Result<Vec<ClockComputation>> {
        let rows = sqlx::query(
            "SELECT * FROM clock_computation WHERE incident_id = $1 ORDER BY duty, seq",
        )
        .bind(incident)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(computation_of).collect()
    }
}

fn computation_of(row: &SqliteRow) -> Result<ClockComputation> {
    Ok(ClockComputation {
        duty: row.text("duty")?,
        seq: row.uint("seq")?,
        computed_at: row.time("computed_us")?,
        started: row.opt_time("started_us")?,
        due: row.opt_time("due_us")?,
        stopped: row.opt_time("stopped_us")?,
        edition: row.text("edition")?,
        calendar_edition: row.opt_text("calendar_edition")?,
        provisional: row.try_get("provisional")?,
        steps: row.json("steps")?,
    })
}

fn fact_of(row: &SqliteRow) -> Result<Fact> {
    Ok(Fact {
        seq: row.uint("seq")?,
        kind: row.text("kind")?,
        at: row.time("at_us")?,
        recorded_at: row.time("recorded_us")?,
        by: row.text("by_actor")?,
        note: row.opt_text("note")?,
        notice_id: row.opt_text("notice_id")?,
        withdrawn_at: row.opt_time("withdrawn_us")?,
        withdrawn_why: row.opt_text("withdrawn_why")?,
    })
}

async fn fact_by_seq(conn: &mut SqliteConnection, incident: &str, seq: i64) -> Result<Fact> {
    let row = sqlx::query("SELECT * FROM case_fact WHERE incident_id = $1 AND seq = $2")
        .bind(incident)
        .bind(seq)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("fact", &format!("{incident}/{seq}")))?;
    fact_of(&row)
}

pub(crate) async fn facts_of(conn: &mut SqliteConnection, incident: &str) -> Result<Vec<Fact>> {
    let rows = sqlx::query("SELECT * FROM case_fact WHERE incident_id = $1 ORDER BY seq")
        .bind(incident)
        .fetch_all(conn)
        .await?;
    rows.iter().map(fact_of).collect()
}

/// The facts that count, as the law sees them.
pub(crate) async fn facts_in_force(
    conn: &mut SqliteConnection,
    incident: &str,
) -> Result<Vec<CaseFact>> {
    let facts = facts_of(conn, incident).await?;
    Ok(facts
        .into_iter()
        .filter(|fact| fact.withdrawn_at.is_none())
        .map(|fact| CaseFact::new(fact.kind, fact.at, fact.seq))
        .collect())
}
