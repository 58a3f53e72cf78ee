//! Standard response procedures in service: versions, approval, training (R90-4-4, PS-021).

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::cacao::Playbook;
use crate::alerts::check_version;
use crate::tx::{Columns, Note};
use crate::{Ctx, Error, Result, Store, TITLE_BYTES_MAX, Tx, check_text, time};

/// A version of a procedure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaybookVersion {
    pub id: String,
    /// Counts from 1.
    pub version: i64,
    pub name: String,
    pub document: Value,
    /// Of the document as canonical JSON; the journal names the same.
    pub sha256: String,
    pub reason: String,
    pub saved_at: Timestamp,
    pub saved_by: String,
    /// Only an approved version is run.
    pub approved_at: Option<Timestamp>,
    pub approved_by: Option<String>,
}

/// Somebody has confirmed to have read a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaybookReading {
    pub version: i64,
    pub person: String,
    pub read_at: Timestamp,
}

impl Tx {
    /// Saves a new version of a procedure. `base` is the version it was made from, 0 for the
    /// first.
    ///
    /// # Errors
    /// `Invalid` names every problem of the document; `Conflict` when somebody saved meanwhile.
    pub async fn save_playbook(
        &mut self,
        ctx: &Ctx<'_>,
        document: &Value,
        reason: &str,
        base: i64,
    ) -> Result<PlaybookVersion> {
        let playbook = Playbook::parse(document)?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let newest = newest(self.conn(), &playbook.id).await?;
        let current = newest.as_ref().map_or(0, |newest| newest.version);
        check_version("playbook", &playbook.id, base, current)?;
        let bytes = saqshy_journal::canonical(document)
            .map_err(|error| Error::invalid("playbook", error.to_string()))?;
        let sha256 = crate::sha256_hex(&bytes);
        if newest.is_some_and(|newest| newest.sha256 == sha256) {
            return Err(Error::invalid("playbook", "nothing would change"));
        }
        let version = current + 1;
        sqlx::query(
            "INSERT INTO playbook (id, version, name, body, sha256, reason, saved_us, saved_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&playbook.id)
        .bind(version)
        .bind(&playbook.name)
        .bind(serde_json::to_string(document)?)
        .bind(&sha256)
        .bind(reason)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let change = json!({"version": version, "name": playbook.name, "sha256": sha256});
        self.playbook_note(ctx, &playbook.id, "playbook.saved", change, Some(reason))
            .await?;
        version_of(self.conn(), &playbook.id, version).await
    }

    /// Approves a version for use; somebody else than its author must.
    pub async fn approve_playbook(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        version: i64,
    ) -> Result<PlaybookVersion> {
        let old = version_of(self.conn(), id, version).await?;
        if old.approved_at.is_some() {
            return Err(Error::invalid("version", "is approved already"));
        }
        if old.saved_by == ctx.actor.id {
            let message = "the author may not approve; a second person must";
            return Err(Error::invalid("person", message));
        }
        sqlx::query(
            "UPDATE playbook SET approved_us = $3, approved_by = $4 WHERE id = $1 AND version = $2",
        )
        .bind(id)
        .bind(version)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let change = json!({"version": version, "sha256": old.sha256});
        self.playbook_note(ctx, id, "playbook.approved", change, None)
            .await?;
        version_of(self.conn(), id, version).await
    }

    /// The actor confirms to have read a version (R90-4-4: trained in applying it).
    pub async fn confirm_reading(&mut self, ctx: &Ctx<'_>, id: &str, version: i64) -> Result<()> {
        version_of(self.conn(), id, version).await?;
        let done = sqlx::query(
            "INSERT INTO playbook_reading (playbook_id, version, person, read_us) \
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(version)
        .bind(&ctx.actor.id)
        .bind(time::to_us(ctx.now))
        .execute(self.conn())
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::invalid("version", "you have confirmed it already"));
        }
        let change = json!({"version": version});
        self.playbook_note(ctx, id, "playbook.read", change, None)
            .await
    }

    async fn playbook_note(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        action: &str,
        change: Value,
        reason: Option<&str>,
    ) -> Result<()> {
        let note = Note {
            action,
            object: ("playbook", id),
            change,
            reason,
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }
}

impl Store {
    /// The newest version of every procedure, by name.
    pub async fn playbooks(&self) -> Result<Vec<PlaybookVersion>> {
        let rows = sqlx::query(
            "SELECT * FROM playbook p WHERE version = \
             (SELECT MAX(version) FROM playbook o WHERE o.id = p.id) ORDER BY name, id",
        )
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(playbook_of).collect()
    }

    /// Every version of a procedure, the newest first, and who has read which.
    pub async fn playbook(&self, id: &str) -> Result<(Vec<PlaybookVersion>, Vec<PlaybookReading>)> {
        let rows = sqlx::query("SELECT * FROM playbook WHERE id = $1 ORDER BY version DESC")
            .bind(id)
            .fetch_all(self.pool())
            .await?;
        if rows.is_empty() {
            return Err(Error::not_found("playbook", id));
        }
        let versions = rows.iter().map(playbook_of).collect::<Result<_>>()?;
        let rows = sqlx::query(
            "SELECT * FROM playbook_reading WHERE playbook_id = $1 ORDER BY version DESC, read_us",
        )
        .bind(id)
        .fetch_all(self.pool())
        .await?;
        let readings = rows.iter().map(|row| {
            Ok(PlaybookReading {
                version: row.int("version")?,
                person: row.text("person")?,
                read_at: row.time("read_us")?,
            })
        });
        Ok((versions, readings.collect::<Result<_>>()?))
    }
}

async fn newest(conn: &mut SqliteConnection, id: &str) -> Result<Option<PlaybookVersion>> {
    sqlx::query("SELECT * FROM playbook WHERE id = $1 ORDER BY version DESC LIMIT 1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .as_ref()
        .map(playbook_of)
        .transpose()
}

/// The newest approved version.
pub(super) async fn approved(conn: &mut SqliteConnection, id: &str) -> Result<PlaybookVersion> {
    let row = sqlx::query(
        "SELECT * FROM playbook WHERE id = $1 AND approved_us IS NOT NULL \
         ORDER BY version DESC LIMIT 1",
    )
    .bind(id)
    .fetch_optional(&mut *conn)
    .await?;
    match row {
        Some(row) => playbook_of(&row),
        None if newest(conn, id).await?.is_some() => Err(Error::invalid(
            "playbook",
            "no version of it is approved yet",
        )),
        None => Err(Error::not_found("playbook", id)),
    }
}

pub(super) async fn version_of(
    conn: &mut SqliteConnection,
    id: &str,
    version: i64,
) -> Result<PlaybookVersion> {
    let row = sqlx::query("SELECT * FROM playbook WHERE id = $1 AND version = $2")
        .bind(id)
        .bind(version)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("playbook", &format!("{id}/{version}")))?;
    playbook_of(&row)
}

fn playbook_of(row: &SqliteRow) -> Result<PlaybookVersion> {
    Ok(PlaybookVersion {
        id: row.text("id")?,
        version: row.int("version")?,
        name: row.text("name")?,
        document: row.json("body")?,
        sha256: row.text("sha256")?,
        reason: row.text("reason")?,
        saved_at: row.time("saved_us")?,
        saved_by: row.text("saved_by")?,
        approved_at: row.opt_time("approved_us")?,
        approved_by: row.opt_text("approved_by")?,
    })
}
