//! Internal investigations (R90-11 … R90-14): a team of independent people, tasks, materials,
//! causes, the way it was realised, scale and damage, how well the measures worked, a conclusion,
//! and recommendations with owners and dates.
//!
//! An investigation is a compartment: a person whom it is about cannot open it, and for them it
//! does not exist. Its leaves in the journal name no person and quote no finding; they carry the
//! SHA-256 of what was written, so that a change is still seen.

mod damage;
mod items;
mod people;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

pub use damage::{Damage, InvestigationDecision, NewDamage};
pub use items::{InvestigationItem, ItemPatch, NewItem};
pub use people::InvestigationPerson;

pub(crate) use damage::{damage_of, decision_of, in_force};

use crate::alerts::check_version;
use crate::incidents::{Entry, FAMILY, working_incident};
use crate::tx::{Columns, Note};
use crate::words::{ItemKind, PersonPart};
use crate::{
    Actor, Ctx, Error, Law, Result, Store, TEXT_BYTES_MAX, TITLE_BYTES_MAX, Tx, check_text,
    opt_check, time,
};

/// An investigation as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Investigation {
    pub id: String,
    pub incident_id: String,
    /// The number of the case, a slash, `I` and the number within the case.
    pub number: String,
    /// Why it was opened.
    pub reason: String,
    pub opened_at: Timestamp,
    pub opened_by: String,
    /// The term that was set (R90-4-14: the regulator is told of the time frames).
    pub planned_end: Option<Timestamp>,
    /// R90-11-3.
    pub causes: String,
    /// How the incident was carried out and spread (R90-11-3, reading A-04).
    pub realisation: String,
    /// R90-11-4.
    pub scale: String,
    /// How effective the measures were (R90-11-5).
    pub effectiveness: String,
    /// R90-11-6.
    pub conclusion: String,
    pub concluded_at: Option<Timestamp>,
    pub concluded_by: Option<String>,
    pub version: i64,
}

/// An investigation with all that belongs to it.
#[derive(Debug, Clone)]
pub struct InvestigationWhole {
    pub investigation: Investigation,
    pub people: Vec<InvestigationPerson>,
    pub tasks: Vec<InvestigationItem>,
    pub recommendations: Vec<InvestigationItem>,
    pub damage: Vec<Damage>,
    pub extensions: Vec<Extended>,
}

/// A term that was extended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Extended {
    pub days: u32,
    pub working: bool,
    pub before: Option<Timestamp>,
    pub planned_end: Timestamp,
    pub reason: String,
    pub extended_at: Timestamp,
    pub extended_by: String,
}

/// Findings to be written; `None` leaves a text as it is.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    pub planned_end: Option<Timestamp>,
    pub causes: Option<String>,
    pub realisation: Option<String>,
    pub scale: Option<String>,
    pub effectiveness: Option<String>,
    pub conclusion: Option<String>,
    pub version: i64,
}

/// A longer term.
#[derive(Debug, Clone)]
pub struct Extension {
    /// How many days the internal clock of the conclusion is given.
    pub days: u32,
    /// Working days; calendar days otherwise.
    pub working: bool,
    /// The new end that is told.
    pub planned_end: Timestamp,
    pub reason: String,
    pub version: i64,
}

/// Longest extension at once, in days.
const EXTENSION_DAYS_MAX: u32 = 366;

impl Tx {
    /// Opens an investigation of a case: the fact `investigation.started`.
    ///
    /// # Errors
    /// `Invalid` when one is open on this case already.
    pub async fn open_investigation(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        reason: &str,
        planned_end: Option<Timestamp>,
    ) -> Result<Investigation> {
        let case = working_incident(self.conn(), incident).await?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        if planned_end.is_some_and(|end| end <= ctx.now) {
            return Err(Error::invalid("planned_end", "lies in the past"));
        }
        let known = investigations_of(self.conn(), incident).await?;
        if known.iter().any(|one| one.concluded_at.is_none()) {
            return Err(Error::invalid("incident", "an investigation of it is open"));
        }
        let id = self.new_id("investigation").await?;
        let own = known.iter().filter(|one| one.incident_id == incident);
        let number = format!("{}/I{}", case.number, own.count() + 1);
        sqlx::query(
            "INSERT INTO investigation (id, incident_id, number, reason, opened_us, opened_by, \
             planned_end_us, changed_us, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $5, 1)",
        )
        .bind(&id)
        .bind(incident)
        .bind(&number)
        .bind(reason)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .bind(time::opt_us(planned_end))
        .execute(self.conn())
        .await?;
        let data = json!({
            "number": number, "planned_end": planned_end.map(time::whole),
            "sha256": digest(&json!({"reason": reason})),
        });
        let mut entry = Entry::new("investigation.opened", ctx.now, data);
        entry.object = Some(("investigation", &id));
        self.entry(ctx, incident, entry).await?;
        self.add_fact(ctx, incident, "investigation.started", ctx.now, None, None)
            .await?;
        self.refresh_clocks(ctx, incident).await?;
        investigation_by_id(self.conn(), &id).await
    }

    /// Writes findings, or sets the term where none was set.
    ///
    /// # Errors
    /// `Invalid` for another term than the one that was set: see [`Tx::extend_investigation`].
    pub async fn write_findings(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        findings: &Findings,
    ) -> Result<Investigation> {
        let mut new = self.open_one(ctx.actor, id).await?;
        check_version("investigation", id, findings.version, new.version)?;
        let old = new.clone();
        for (name, value, field) in [
            ("causes", &findings.causes, &mut new.causes),
            ("realisation", &findings.realisation, &mut new.realisation),
            ("scale", &findings.scale, &mut new.scale),
            (
                "effectiveness",
                &findings.effectiveness,
                &mut new.effectiveness,
            ),
            ("conclusion", &findings.conclusion, &mut new.conclusion),
        ] {
            opt_check(name, value.as_deref(), TEXT_BYTES_MAX)?;
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        if let Some(end) = findings.planned_end {
            let end = time::whole(end);
            if old.planned_end.is_some_and(|before| before != end) {
                let message = "the term was set; extend it with a reason";
                return Err(Error::invalid("planned_end", message));
            }
            new.planned_end = Some(end);
        }
        if new == old {
            return Err(Error::invalid("investigation", "nothing would change"));
        }
        sqlx::query(
            "UPDATE investigation SET planned_end_us = $2, causes = $3, realisation = $4, \
             scale = $5, effectiveness = $6, conclusion = $7 WHERE id = $1",
        )
        .bind(id)
        .bind(time::opt_us(new.planned_end))
        .bind(&new.causes)
        .bind(&new.realisation)
        .bind(&new.scale)
        .bind(&new.effectiveness)
        .bind(&new.conclusion)
        .execute(self.conn())
        .await?;
        let change = json!({
            "planned_end": new.planned_end,
            "sha256": digest(&json!([
                new.causes, new.realisation, new.scale, new.effectiveness, new.conclusion,
            ])),
        });
        self.investigation_note(ctx, id, "investigation.findings", change)
            .await?;
        investigation_by_id(self.conn(), id).await
    }

    /// Extends the term of an investigation: the fact `investigation.extended:<amount>-<unit>`. Where
    /// material damage stands, the regulator is told of the new time frames (R90-4-14): the fact
    /// `investigation.terms_changed`.
    ///
    /// # Errors
    /// `Invalid` without a reason, and for an end that is not later than the one before.
    pub async fn extend_investigation(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        new: &Extension,
    ) -> Result<Investigation> {
        let old = self.open_one(ctx.actor, id).await?;
        check_version("investigation", id, new.version, old.version)?;
        check_text("reason", &new.reason, TITLE_BYTES_MAX)?;
        if !(1..=EXTENSION_DAYS_MAX).contains(&new.days) {
            let message = format!("{} is none of 1 to {EXTENSION_DAYS_MAX}", new.days);
            return Err(Error::invalid("days", message));
        }
        let end = time::whole(new.planned_end);
        if end <= ctx.now || old.planned_end.is_some_and(|before| end <= before) {
            let message = format!("{end} is not later than the term before");
            return Err(Error::invalid("planned_end", message));
        }
        sqlx::query("UPDATE investigation SET planned_end_us = $2 WHERE id = $1")
            .bind(id)
            .bind(time::to_us(end))
            .execute(self.conn())
            .await?;
        sqlx::query(
            "INSERT INTO investigation_extension (investigation_id, seq, days, working, before_us, \
             planned_end_us, reason, extended_us, extended_by) \
             SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5, $6, $7, $8 \
             FROM investigation_extension WHERE investigation_id = $1",
        )
        .bind(id)
        .bind(i64::from(new.days))
        .bind(new.working)
        .bind(time::opt_us(old.planned_end))
        .bind(time::to_us(end))
        .bind(&new.reason)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let change = json!({
            "planned_end": end, "days": new.days, "working": new.working,
            "sha256": digest(&json!({"reason": new.reason})),
        });
        self.investigation_note(ctx, id, "investigation.term", change)
            .await?;
        let case = &old.incident_id;
        let data = json!({"number": old.number, "planned_end": end, "before": old.planned_end});
        let mut entry = Entry::new("investigation.extended", ctx.now, data);
        entry.object = Some(("investigation", id));
        self.entry(ctx, case, entry).await?;
        let unit = if new.working {
            "working_days"
        } else {
            "calendar_days"
        };
        let kind = format!("investigation.extended:{}-{unit}", new.days);
        self.add_fact(ctx, case, &kind, ctx.now, None, None).await?;
        let damage = damage_of(self.conn(), case).await?;
        if damage
            .iter()
            .any(|one| one.material && one.withdrawn_at.is_none())
        {
            let kind = "investigation.terms_changed";
            self.add_fact(ctx, case, kind, ctx.now, None, None).await?;
        }
        self.refresh_clocks(ctx, case).await?;
        investigation_by_id(self.conn(), id).await
    }

    /// Concludes and closes an investigation: the facts `investigation.concluded` and
    /// `investigation.closed`.
    ///
    /// # Errors
    /// `Invalid` naming what R90-11 still asks for: a team in which everybody has declared their
    /// independence, causes, the way of realisation, scale, effectiveness, the conclusion, at
    /// least one recommendation, and no open task.
    pub async fn conclude_investigation(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        version: i64,
    ) -> Result<Investigation> {
        let old = self.open_one(ctx.actor, id).await?;
        check_version("investigation", id, version, old.version)?;
        let people = people::people_of(self.conn(), id).await?;
        let team: Vec<_> = people
            .iter()
            .filter(|p| p.part == PersonPart::Member)
            .collect();
        let tasks = items::items_of(self.conn(), id, ItemKind::Task).await?;
        let advice = items::items_of(self.conn(), id, ItemKind::Recommendation).await?;
        let needs = [
            ("team", !team.is_empty()),
            (
                "independence",
                team.iter().all(|one| one.declared_at.is_some()),
            ),
            ("causes", !old.causes.is_empty()),
            ("realisation", !old.realisation.is_empty()),
            ("scale", !old.scale.is_empty()),
            ("effectiveness", !old.effectiveness.is_empty()),
            ("conclusion", !old.conclusion.is_empty()),
            ("recommendations", !advice.is_empty()),
            (
                "tasks",
                tasks
                    .iter()
                    .all(|task| task.state != crate::TaskState::Open),
            ),
        ];
        let missing: Vec<&str> = needs.iter().filter(|n| !n.1).map(|n| n.0).collect();
        if !missing.is_empty() {
            let message = format!("still missing (R90-11): {}", missing.join(", "));
            return Err(Error::invalid("conclusion", message));
        }
        sqlx::query("UPDATE investigation SET concluded_us = $2, concluded_by = $3 WHERE id = $1")
            .bind(id)
            .bind(time::to_us(ctx.now))
            .bind(&ctx.actor.id)
            .execute(self.conn())
            .await?;
        let change = json!({"concluded": true, "sha256": digest(&json!(old.conclusion))});
        self.investigation_note(ctx, id, "investigation.result", change)
            .await?;
        let data = json!({"number": old.number});
        let mut entry = Entry::new("investigation.concluded", ctx.now, data);
        entry.object = Some(("investigation", id));
        self.entry(ctx, &old.incident_id, entry).await?;
        let case = &old.incident_id;
        for kind in ["investigation.concluded", "investigation.closed"] {
            self.add_fact(ctx, case, kind, ctx.now, None, None).await?;
        }
        self.refresh_clocks(ctx, case).await?;
        investigation_by_id(self.conn(), id).await
    }

    /// The investigation, if it is open and `actor` may see it.
    pub(super) async fn open_one(&mut self, actor: &Actor, id: &str) -> Result<Investigation> {
        let found = visible(self.conn(), actor, id).await?;
        match found.concluded_at {
            Some(at) => Err(Error::invalid(
                "investigation",
                format!("was concluded at {at}"),
            )),
            None => Ok(found),
        }
    }

    /// One leaf of the compartment, and the next version.
    pub(super) async fn investigation_note(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        action: &str,
        change: Value,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE investigation SET version = version + 1, changed_us = $2 WHERE id = $1",
        )
        .bind(id)
        .bind(time::to_us(ctx.now))
        .execute(self.conn())
        .await?;
        let note = Note {
            action,
            object: ("investigation", id),
            change,
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }

    /// Records that `actor` opened the compartment.
    ///
    /// # Errors
    /// `NotFound` for a person whom it is about, as if it did not exist.
    pub async fn read_investigation(&mut self, ctx: &Ctx<'_>, id: &str) -> Result<()> {
        visible(self.conn(), ctx.actor, id).await?;
        let note = Note {
            action: "investigation.read",
            object: ("investigation", id),
            change: json!({}),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }
}

impl Store {
    /// One investigation with all that belongs to it, for somebody it is not about.
    ///
    /// # Errors
    /// `NotFound` for a person whom it is about, as if it did not exist.
    pub async fn investigation(&self, id: &str, actor: &Actor) -> Result<InvestigationWhole> {
        let mut conn = self.pool().begin().await?;
        let investigation = visible(&mut conn, actor, id).await?;
        whole_of(&mut conn, investigation).await
    }

    /// The newest investigation of a case, for the letters that its own duties ask for. Whoever
    /// shows such a letter first asks [`Store::hides`].
    pub async fn investigation_told(&self, incident: &str) -> Result<Option<InvestigationWhole>> {
        let mut conn = self.pool().begin().await?;
        let known = investigations_of(&mut conn, incident).await?;
        let newest = known.into_iter().max_by_key(|one| one.opened_at);
        match newest {
            Some(newest) => whole_of(&mut conn, newest).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether a duty of the case must not be seen by `person`: it belongs to an investigation,
    /// and one of the case is about them.
    pub async fn hides(&self, law: &Law, incident: &str, duty: &str, person: &str) -> Result<bool> {
        Ok(law.is_of_investigation(duty) && self.is_subject(incident, person).await?)
    }

    /// Investigations that `actor` may see, of one case if given, the newest first.
    pub async fn investigations(
        &self,
        incident: Option<&str>,
        actor: &Actor,
    ) -> Result<Vec<Investigation>> {
        let mut conn = self.pool().acquire().await?;
        let mut found = match incident {
            Some(incident) => investigations_of(&mut conn, incident).await?,
            None => {
                let rows = sqlx::query("SELECT * FROM investigation").fetch_all(&mut *conn);
                rows.await?
                    .iter()
                    .map(investigation_of)
                    .collect::<Result<_>>()?
            }
        };
        let hidden = hidden_from(&mut conn, &actor.id).await?;
        found.retain(|one| !hidden.contains(&one.id));
        found.sort_by(|a, b| (b.opened_at, &b.id).cmp(&(a.opened_at, &a.id)));
        Ok(found)
    }

    /// Whether an investigation of the case is about this person: then its traces on the case
    /// are not shown to them.
    pub async fn is_subject(&self, incident: &str, person: &str) -> Result<bool> {
        let sql = format!(
            "SELECT COUNT(*) FROM investigation_person p JOIN investigation i \
             ON i.id = p.investigation_id WHERE p.person = $2 AND p.part = 'subject' \
             AND i.incident_id IN ({FAMILY})"
        );
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(incident)
            .bind(person)
            .fetch_one(self.pool())
            .await?;
        Ok(count > 0)
    }
}

async fn whole_of(
    conn: &mut SqliteConnection,
    investigation: Investigation,
) -> Result<InvestigationWhole> {
    let id = &investigation.id;
    let rows = sqlx::query(
        "SELECT * FROM investigation_extension WHERE investigation_id = $1 ORDER BY seq",
    )
    .bind(id)
    .fetch_all(&mut *conn)
    .await?;
    let extended = |row: &SqliteRow| {
        Ok(Extended {
            days: u32::try_from(row.int("days")?).unwrap_or(0),
            working: row.flag("working")?,
            before: row.opt_time("before_us")?,
            planned_end: row.time("planned_end_us")?,
            reason: row.text("reason")?,
            extended_at: row.time("extended_us")?,
            extended_by: row.text("extended_by")?,
        })
    };
    Ok(InvestigationWhole {
        people: people::people_of(conn, id).await?,
        tasks: items::items_of(conn, id, ItemKind::Task).await?,
        recommendations: items::items_of(conn, id, ItemKind::Recommendation).await?,
        damage: damage_of(conn, &investigation.incident_id).await?,
        extensions: rows.iter().map(extended).collect::<Result<_>>()?,
        investigation,
    })
}

/// SHA-256 of a value as canonical JSON: what a leaf of the compartment says of a text.
fn digest(value: &Value) -> String {
    match saqshy_journal::canonical(value) {
        Ok(bytes) => crate::sha256_hex(&bytes),
        Err(_) => String::new(),
    }
}

/// The investigation, unless it is about `actor`.
async fn visible(conn: &mut SqliteConnection, actor: &Actor, id: &str) -> Result<Investigation> {
    if hidden_from(conn, &actor.id)
        .await?
        .iter()
        .any(|hidden| hidden == id)
    {
        return Err(Error::not_found("investigation", id));
    }
    investigation_by_id(conn, id).await
}

async fn hidden_from(conn: &mut SqliteConnection, person: &str) -> Result<Vec<String>> {
    let ids = sqlx::query_scalar(
        "SELECT investigation_id FROM investigation_person WHERE person = $1 AND part = 'subject'",
    )
    .bind(person)
    .fetch_all(conn)
    .await?;
    Ok(ids)
}

async fn investigation_by_id(conn: &mut SqliteConnection, id: &str) -> Result<Investigation> {
    let row = sqlx::query("SELECT * FROM investigation WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("investigation", id))?;
    investigation_of(&row)
}

/// The investigations of a case and of those merged into it.
pub(crate) async fn investigations_of(
    conn: &mut SqliteConnection,
    incident: &str,
) -> Result<Vec<Investigation>> {
    let sql = format!(
        "SELECT * FROM investigation WHERE incident_id IN ({FAMILY}) ORDER BY opened_us, id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(incident)
        .fetch_all(conn)
        .await?;
    rows.iter().map(investigation_of).collect()
}

fn investigation_of(row: &SqliteRow) -> Result<Investigation> {
    Ok(Investigation {
        id: row.text("id")?,
        incident_id: row.text("incident_id")?,
        number: row.text("number")?,
        reason: row.text("reason")?,
        opened_at: row.time("opened_us")?,
        opened_by: row.text("opened_by")?,
        planned_end: row.opt_time("planned_end_us")?,
        causes: row.text("causes")?,
        realisation: row.text("realisation")?,
        scale: row.text("scale")?,
        effectiveness: row.text("effectiveness")?,
        conclusion: row.text("conclusion")?,
        concluded_at: row.opt_time("concluded_us")?,
        concluded_by: row.opt_text("concluded_by")?,
        version: row.int("version")?,
    })
}
