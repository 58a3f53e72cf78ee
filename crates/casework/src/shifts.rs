//! Shifts of the response service and the hand-over between them (R90-4-13, PS-022): who is on
//! duty, where nobody is, what the next one must know.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::incidents::{Entry, working_incident};
use crate::tx::{Columns, Note};
use crate::words::NotificationKind;
use crate::{
    Ctx, Error, NAME_BYTES_MAX, Result, Store, TEXT_BYTES_MAX, TITLE_BYTES_MAX, Tx, check_text,
    time,
};

/// Longest shift.
const SHIFT_MAX: SignedDuration = SignedDuration::from_hours(48);

/// Somebody's time on duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shift {
    pub id: String,
    pub person: String,
    pub begins_at: Timestamp,
    pub ends_at: Timestamp,
    pub planned_by: String,
}

/// A time in which nobody is on duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What one person on duty leaves to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandOver {
    pub id: String,
    pub from: String,
    pub to: String,
    pub note: String,
    /// Ids of the cases that go over.
    pub incidents: Vec<String>,
    pub offered_at: Timestamp,
    /// When the other took over; the cases are assigned to them since.
    pub taken_at: Option<Timestamp>,
}

/// Where `from..to` is not covered by shifts (begin, end), which may overlap.
pub fn gaps(shifts: &[(Timestamp, Timestamp)], from: Timestamp, to: Timestamp) -> Vec<Gap> {
    let mut shifts: Vec<_> = shifts.to_vec();
    shifts.sort();
    let mut covered = from;
    let mut gaps = Vec::new();
    for (begins, ends) in shifts {
        if begins >= to {
            break;
        }
        if begins > covered {
            gaps.push(Gap {
                from: covered,
                to: begins,
            });
        }
        covered = covered.max(ends);
    }
    if covered < to {
        gaps.push(Gap { from: covered, to });
    }
    gaps
}

impl Tx {
    /// Plans a shift.
    ///
    /// # Errors
    /// `Invalid` when it ends before it begins, lasts over 48 hours, or overlaps another of the
    /// same person.
    pub async fn plan_shift(
        &mut self,
        ctx: &Ctx<'_>,
        person: &str,
        begins: Timestamp,
        ends: Timestamp,
    ) -> Result<Shift> {
        check_text("person", person, NAME_BYTES_MAX)?;
        let (begins, ends) = (time::whole(begins), time::whole(ends));
        if ends <= begins || begins.duration_until(ends) > SHIFT_MAX {
            let message = "a shift ends after it begins and lasts 48 hours at most";
            return Err(Error::invalid("ends_at", message));
        }
        let own = shifts_between(self.conn(), begins, ends).await?;
        if let Some(other) = own.iter().find(|shift| shift.person == person) {
            let message = format!(
                "`{person}` is on duty from {} to {} already",
                other.begins_at, other.ends_at
            );
            return Err(Error::invalid("begins_at", message));
        }
        let id = self.new_id("shift").await?;
        sqlx::query(
            "INSERT INTO shift (id, person, begins_us, ends_us, planned_us, planned_by) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&id)
        .bind(person)
        .bind(time::to_us(begins))
        .bind(time::to_us(ends))
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let note = Note {
            action: "shift.planned",
            object: ("shift", &id),
            change: json!({"person": person, "begins_at": begins, "ends_at": ends}),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(Shift {
            id,
            person: person.to_owned(),
            begins_at: begins,
            ends_at: ends,
            planned_by: ctx.actor.id.clone(),
        })
    }

    /// Takes a shift off the plan.
    pub async fn cancel_shift(&mut self, ctx: &Ctx<'_>, id: &str, reason: &str) -> Result<()> {
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let done = sqlx::query(
            "UPDATE shift SET cancelled_us = $2, cancelled_why = $3 \
             WHERE id = $1 AND cancelled_us IS NULL",
        )
        .bind(id)
        .bind(time::to_us(ctx.now))
        .bind(reason)
        .execute(self.conn())
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("shift", id));
        }
        let note = Note {
            action: "shift.cancelled",
            object: ("shift", id),
            change: json!({}),
            reason: Some(reason),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }

    /// Offers cases to another person with a note about where they stand.
    pub async fn offer_hand_over(
        &mut self,
        ctx: &Ctx<'_>,
        to: &str,
        note: &str,
        incidents: &[String],
    ) -> Result<HandOver> {
        check_text("to", to, NAME_BYTES_MAX)?;
        check_text("note", note, TEXT_BYTES_MAX)?;
        if to == ctx.actor.id {
            return Err(Error::invalid("to", "hand over to somebody else"));
        }
        for incident in incidents {
            working_incident(self.conn(), incident).await?;
        }
        let id = self.new_id("hand_over").await?;
        sqlx::query(
            "INSERT INTO hand_over (id, from_person, to_person, note, incidents, offered_us) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&id)
        .bind(&ctx.actor.id)
        .bind(to)
        .bind(note)
        .bind(serde_json::to_string(incidents)?)
        .bind(time::to_us(ctx.now))
        .execute(self.conn())
        .await?;
        let leaf = Note {
            action: "hand_over.offered",
            object: ("hand_over", &id),
            change: json!({"to": to, "note": note, "incidents": incidents}),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, leaf).await?;
        self.notify(
            ctx,
            to,
            NotificationKind::HandOver,
            ("hand_over", &id),
            note,
        )
        .await?;
        hand_over_by_id(self.conn(), &id).await
    }

    /// Takes over what was offered to the actor: the cases that are still open become theirs.
    ///
    /// # Errors
    /// `Invalid` when it was offered to somebody else or is taken already.
    pub async fn take_over(&mut self, ctx: &Ctx<'_>, id: &str) -> Result<HandOver> {
        let old = hand_over_by_id(self.conn(), id).await?;
        if old.to != ctx.actor.id {
            return Err(Error::invalid("to", format!("offered to `{}`", old.to)));
        }
        if let Some(taken) = old.taken_at {
            return Err(Error::invalid("taken_at", format!("taken over at {taken}")));
        }
        sqlx::query("UPDATE hand_over SET taken_us = $2 WHERE id = $1")
            .bind(id)
            .bind(time::to_us(ctx.now))
            .execute(self.conn())
            .await?;
        let note = Note {
            action: "hand_over.taken",
            object: ("hand_over", id),
            change: json!({"from": old.from, "incidents": old.incidents}),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        for incident in &old.incidents {
            let done = sqlx::query(
                "UPDATE incident SET assignee = $2, version = version + 1 \
                 WHERE id = $1 AND state <> 'closed'",
            )
            .bind(incident)
            .bind(&ctx.actor.id)
            .execute(self.conn())
            .await?;
            if done.rows_affected() == 0 {
                continue;
            }
            let data = json!({"assignee": ctx.actor.id, "from": old.from, "hand_over": id});
            let mut entry = Entry::new("incident.taken_over", ctx.now, data);
            entry.text = Some(&old.note);
            self.entry(ctx, incident, entry).await?;
        }
        hand_over_by_id(self.conn(), id).await
    }
}

impl Store {
    /// Shifts that touch `from..to`, in order of their begin.
    pub async fn shifts(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Shift>> {
        shifts_between(&mut *self.pool().acquire().await?, from, to).await
    }

    /// Times within `from..to` in which nobody is on duty.
    pub async fn shift_gaps(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Gap>> {
        let shifts = self.shifts(from, to).await?;
        let times: Vec<_> = shifts.iter().map(|s| (s.begins_at, s.ends_at)).collect();
        Ok(gaps(&times, from, to))
    }

    /// Hand-overs, the newest first, at most 100.
    pub async fn hand_overs(&self) -> Result<Vec<HandOver>> {
        let rows = sqlx::query("SELECT * FROM hand_over ORDER BY offered_us DESC, id LIMIT 100")
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(hand_over_of).collect()
    }
}

async fn shifts_between(
    conn: &mut SqliteConnection,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Shift>> {
    let rows = sqlx::query(
        "SELECT * FROM shift WHERE begins_us < $2 AND ends_us > $1 AND cancelled_us IS NULL \
         ORDER BY begins_us, person LIMIT 5000",
    )
    .bind(time::to_us(from))
    .bind(time::to_us(to))
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Shift {
                id: row.text("id")?,
                person: row.text("person")?,
                begins_at: row.time("begins_us")?,
                ends_at: row.time("ends_us")?,
                planned_by: row.text("planned_by")?,
            })
        })
        .collect()
}

async fn hand_over_by_id(conn: &mut SqliteConnection, id: &str) -> Result<HandOver> {
    let row = sqlx::query("SELECT * FROM hand_over WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("hand_over", id))?;
    hand_over_of(&row)
}

fn hand_over_of(row: &SqliteRow) -> Result<HandOver> {
    Ok(HandOver {
        id: row.text("id")?,
        from: row.text("from_person")?,
        to: row.text("to_person")?,
        note: row.text("note")?,
        incidents: row.json("incidents")?,
        offered_at: row.time("offered_us")?,
        taken_at: row.opt_time("taken_us")?,
    })
}
