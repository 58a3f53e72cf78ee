//! The team of an investigation and the people it is about (R90-11-1). Nobody is both, and every
//! member declares that they are independent.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::digest;
use crate::tx::Columns;
use crate::words::{NotificationKind, PersonPart};
use crate::{Ctx, Error, NAME_BYTES_MAX, Result, Tx, check_text, opt_check, time};

/// A person of an investigation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvestigationPerson {
    /// Login, or a name for somebody without an account: a third party.
    pub person: String,
    pub part: PersonPart,
    /// Head, expert, third party; of a subject how they are involved.
    pub role: String,
    pub added_at: Timestamp,
    /// When the member declared that they had no part in the incident.
    pub declared_at: Option<Timestamp>,
}

impl Tx {
    /// Adds a member of the team, or a person whom the investigation is about.
    ///
    /// # Errors
    /// `Invalid` for somebody who is in it already: a person involved cannot be in the team, and
    /// a member whom it turns out to be about must leave the team first.
    pub async fn add_investigation_person(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        person: &str,
        part: PersonPart,
        role: &str,
    ) -> Result<()> {
        self.open_one(ctx.actor, id).await?;
        check_text("person", person, NAME_BYTES_MAX)?;
        opt_check("role", Some(role), NAME_BYTES_MAX)?;
        let people = people_of(self.conn(), id).await?;
        if let Some(known) = people.iter().find(|known| known.person == person) {
            let message = format!(
                "`{person}` is in this investigation as {}: a person involved cannot be in the team",
                known.part
            );
            return Err(Error::invalid("person", message));
        }
        if part == PersonPart::Subject && person == ctx.actor.id {
            let message = "you cannot name yourself: somebody else must carry this on";
            return Err(Error::invalid("person", message));
        }
        sqlx::query(
            "INSERT INTO investigation_person (investigation_id, person, part, role, added_us, \
             added_by) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (investigation_id, person) \
             DO UPDATE SET part = excluded.part, role = excluded.role, \
             added_us = excluded.added_us, added_by = excluded.added_by, declared_us = NULL, \
             left_us = NULL",
        )
        .bind(id)
        .bind(person)
        .bind(part.as_str())
        .bind(role)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let change = json!({"part": part, "sha256": digest(&json!([id, person, role]))});
        self.investigation_note(ctx, id, "investigation.person_added", change)
            .await?;
        if part == PersonPart::Member {
            let about = ("investigation", id);
            self.notify(ctx, person, NotificationKind::Assignment, about, role)
                .await?;
        }
        Ok(())
    }

    /// Takes a member off the team.
    pub async fn remove_investigation_member(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        person: &str,
    ) -> Result<()> {
        self.open_one(ctx.actor, id).await?;
        let done = sqlx::query(
            "UPDATE investigation_person SET left_us = $3 WHERE investigation_id = $1 \
             AND person = $2 AND part = 'member' AND left_us IS NULL",
        )
        .bind(id)
        .bind(person)
        .bind(time::to_us(ctx.now))
        .execute(self.conn())
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("member", person));
        }
        let change = json!({"sha256": digest(&json!([id, person]))});
        self.investigation_note(ctx, id, "investigation.member_left", change)
            .await
    }

    /// The declaration of a member that they had no part in the incident and are not under
    /// anybody who had. Somebody without an account declares on paper, which the head records.
    ///
    /// # Errors
    /// `Invalid` when `person` has an own account (`own_account`) and is not the actor.
    pub async fn declare_independence(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        person: &str,
        own_account: bool,
    ) -> Result<()> {
        self.open_one(ctx.actor, id).await?;
        if own_account && person != ctx.actor.id {
            let message = format!("only `{person}` can declare this");
            return Err(Error::invalid("person", message));
        }
        let done = sqlx::query(
            "UPDATE investigation_person SET declared_us = $3 WHERE investigation_id = $1 \
             AND person = $2 AND part = 'member' AND left_us IS NULL AND declared_us IS NULL",
        )
        .bind(id)
        .bind(person)
        .bind(time::to_us(ctx.now))
        .execute(self.conn())
        .await?;
        if done.rows_affected() == 0 {
            let message = "is no member of the team, or has declared already";
            return Err(Error::invalid("person", message));
        }
        let change = json!({"sha256": digest(&json!([id, person]))});
        self.investigation_note(ctx, id, "investigation.independence_declared", change)
            .await
    }
}

/// Who is in an investigation now.
pub(super) async fn people_of(
    conn: &mut SqliteConnection,
    id: &str,
) -> Result<Vec<InvestigationPerson>> {
    let rows = sqlx::query(
        "SELECT * FROM investigation_person WHERE investigation_id = $1 AND left_us IS NULL \
         ORDER BY part, added_us, person",
    )
    .bind(id)
    .fetch_all(conn)
    .await?;
    rows.iter().map(person_of).collect()
}

fn person_of(row: &SqliteRow) -> Result<InvestigationPerson> {
    Ok(InvestigationPerson {
        person: row.text("person")?,
        part: row.word("part")?,
        role: row.text("role")?,
        added_at: row.time("added_us")?,
        declared_at: row.opt_time("declared_us")?,
    })
}
