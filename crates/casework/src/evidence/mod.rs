//! Evidence: what was secured, its chain of custody, sealing, legal hold, and how long it is kept
//! (R90-8-3, R90-11-2, R90-13, R90-14, PS-048). Rows are kept for good; a file may be deleted only
//! after its term, by two people, and never under a legal hold.

mod files;
mod keep;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

pub use files::{EvidenceFiles, StoredFile, Upload};
pub use keep::{Keeping, LegalHold, RETENTION_YEARS, retention_end};

use crate::alerts::check_version;
use crate::incidents::{Entry, FAMILY, incident_by_id, working_incident};
use crate::tx::Columns;
use crate::words::CustodyAct;
use crate::{
    Ctx, Error, NAME_BYTES_MAX, Result, Store, TITLE_BYTES_MAX, Tx, check_text, opt_check, time,
};

/// A file to be taken into evidence; its bytes are stored already.
#[derive(Debug, Clone)]
pub struct NewEvidence {
    pub title: String,
    /// Where it is from: a host, a mailbox, a person.
    pub source: String,
    /// How it was taken: an image, an export, a copy.
    pub method: String,
    pub collected_at: Timestamp,
    pub collected_by: String,
    pub file_name: String,
    pub media_type: String,
    pub stored: StoredFile,
    /// Material of an investigation, seen by those who see it.
    pub investigation_id: Option<String>,
}

/// A piece of evidence as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    pub id: String,
    pub incident_id: String,
    /// Number within the case.
    pub seq: u64,
    pub title: String,
    pub source: String,
    pub method: String,
    pub collected_at: Timestamp,
    pub collected_by: String,
    pub file_name: String,
    pub media_type: String,
    pub sha256: String,
    pub bytes: u64,
    pub received_at: Timestamp,
    pub received_by: String,
    pub investigation_id: Option<String>,
    /// Who has it now.
    pub holder: String,
    pub sealed_at: Option<Timestamp>,
    pub sealed_by: Option<String>,
    pub deletion_proposed_by: Option<String>,
    pub deletion_why: Option<String>,
    pub deleted_at: Option<Timestamp>,
    pub deleted_by: Option<String>,
    pub version: i64,
}

/// One act in the chain of custody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Custody {
    pub seq: u64,
    pub act: CustodyAct,
    pub at: Timestamp,
    pub from: String,
    /// Who has it afterwards, or who examined it.
    pub to: String,
    pub reason: String,
    pub recorded_at: Timestamp,
    pub recorded_by: String,
}

/// An act to be recorded.
#[derive(Debug, Clone)]
pub struct NewCustody {
    pub act: CustodyAct,
    pub at: Timestamp,
    /// Who takes it over, or examines it.
    pub to: String,
    pub reason: String,
}

impl Tx {
    /// Takes a stored file into evidence of a case; the chain of custody begins.
    pub async fn add_evidence(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        new: &NewEvidence,
    ) -> Result<Evidence> {
        working_incident(self.conn(), incident).await?;
        check_text("title", &new.title, TITLE_BYTES_MAX)?;
        for (field, text) in [("source", &new.source), ("collected_by", &new.collected_by)] {
            check_text(field, text, NAME_BYTES_MAX)?;
        }
        opt_check("method", Some(&new.method), TITLE_BYTES_MAX)?;
        opt_check("file_name", Some(&new.file_name), NAME_BYTES_MAX)?;
        opt_check("media_type", Some(&new.media_type), NAME_BYTES_MAX)?;
        let collected = time::whole(new.collected_at);
        if collected > ctx.now {
            let message = format!("{collected} lies in the future");
            return Err(Error::invalid("collected_at", message));
        }
        let id = self.new_id("evidence").await?;
        let seq: i64 = sqlx::query_scalar(
            "SELECT COALESCE(MAX(seq), 0) + 1 FROM evidence WHERE incident_id = $1",
        )
        .bind(incident)
        .fetch_one(self.conn())
        .await?;
        sqlx::query(
            "INSERT INTO evidence (id, incident_id, seq, title, source, method, collected_us, \
             collected_by, file_name, media_type, sha256, bytes, received_us, received_by, \
             investigation_id, holder, version) VALUES \
             ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $14, 1)",
        )
        .bind(&id)
        .bind(incident)
        .bind(seq)
        .bind(&new.title)
        .bind(&new.source)
        .bind(&new.method)
        .bind(time::to_us(collected))
        .bind(&new.collected_by)
        .bind(&new.file_name)
        .bind(&new.media_type)
        .bind(&new.stored.sha256)
        .bind(time::signed(new.stored.bytes)?)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .bind(&new.investigation_id)
        .execute(self.conn())
        .await?;
        let mut data = json!({
            "seq": seq, "sha256": new.stored.sha256, "bytes": new.stored.bytes,
            "collected_at": collected,
        });
        if new.investigation_id.is_none() {
            data["title"] = json!(new.title);
            data["source"] = json!(new.source);
            data["method"] = json!(new.method);
            data["collected_by"] = json!(new.collected_by);
        }
        let mut entry = Entry::new("evidence.added", ctx.now, data);
        entry.object = Some(("evidence", &id));
        self.entry(ctx, incident, entry).await?;
        let act = NewCustody {
            act: CustodyAct::Taken,
            at: ctx.now,
            to: ctx.actor.id.clone(),
            reason: new.method.clone(),
        };
        self.write_custody(ctx, &id, &new.collected_by, &act)
            .await?;
        evidence_by_id(self.conn(), &id).await
    }

    /// Records who took, handed over, examined, copied or gave back a piece of evidence.
    ///
    /// # Errors
    /// `Invalid` for a time in the future or before the act before it, and for an act that only
    /// the program records.
    pub async fn record_custody(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        new: &NewCustody,
    ) -> Result<Evidence> {
        let evidence = kept_evidence(self.conn(), id).await?;
        check_text("to", &new.to, NAME_BYTES_MAX)?;
        check_text("reason", &new.reason, TITLE_BYTES_MAX)?;
        use CustodyAct::{Copied, Examined, HandedOver, Returned};
        if !matches!(new.act, Copied | Examined | HandedOver | Returned) {
            let message = format!("`{}` is recorded by the program itself", new.act);
            return Err(Error::invalid("act", message));
        }
        if time::whole(new.at) > ctx.now {
            return Err(Error::invalid(
                "at",
                format!("{} lies in the future", new.at),
            ));
        }
        let last: i64 = sqlx::query_scalar(
            "SELECT COALESCE(MAX(at_us), 0) FROM custody WHERE evidence_id = $1",
        )
        .bind(id)
        .fetch_one(self.conn())
        .await?;
        if time::to_us(new.at) < last {
            let message = format!("earlier than the act before it, {}", time::from_us(last)?);
            return Err(Error::invalid("at", message));
        }
        self.write_custody(ctx, id, &evidence.holder, new).await?;
        evidence_by_id(self.conn(), id).await
    }

    /// Seals a piece of evidence: its file was just read again and had the SHA-256 `found`.
    ///
    /// # Errors
    /// `Invalid` when the file is not what was taken into evidence.
    pub async fn seal_evidence(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        found: &str,
        version: i64,
    ) -> Result<Evidence> {
        let evidence = kept_evidence(self.conn(), id).await?;
        check_version("evidence", id, version, evidence.version)?;
        if evidence.sealed_at.is_some() {
            return Err(Error::invalid("evidence", "is sealed already"));
        }
        if found != evidence.sha256 {
            let message = format!("the file has SHA-256 {found}, not {}", evidence.sha256);
            return Err(Error::invalid("sha256", message));
        }
        sqlx::query("UPDATE evidence SET sealed_us = $2, sealed_by = $3 WHERE id = $1")
            .bind(id)
            .bind(time::to_us(ctx.now))
            .bind(&ctx.actor.id)
            .execute(self.conn())
            .await?;
        let act = NewCustody {
            act: CustodyAct::Sealed,
            at: ctx.now,
            to: evidence.holder.clone(),
            reason: String::new(),
        };
        self.write_custody(ctx, id, &evidence.holder, &act).await?;
        evidence_by_id(self.conn(), id).await
    }

    /// Records that pieces of evidence left in a sealed export, for whom and why.
    pub async fn export_evidence(
        &mut self,
        ctx: &Ctx<'_>,
        ids: &[String],
        to: &str,
        reason: &str,
    ) -> Result<()> {
        check_text("to", to, NAME_BYTES_MAX)?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        for id in ids {
            let evidence = kept_evidence(self.conn(), id).await?;
            if evidence.sealed_at.is_none() {
                let message = format!("`{}` is not sealed yet", evidence.title);
                return Err(Error::invalid("evidence", message));
            }
            let act = NewCustody {
                act: CustodyAct::Exported,
                at: ctx.now,
                to: to.to_owned(),
                reason: reason.to_owned(),
            };
            self.write_custody(ctx, id, &evidence.holder, &act).await?;
        }
        Ok(())
    }

    /// Records that somebody read or downloaded the file (PS-048: each access).
    pub async fn access_evidence(&mut self, ctx: &Ctx<'_>, id: &str) -> Result<Evidence> {
        let evidence = kept_evidence(self.conn(), id).await?;
        let act = NewCustody {
            act: CustodyAct::Read,
            at: ctx.now,
            to: ctx.actor.id.clone(),
            reason: String::new(),
        };
        self.write_custody(ctx, id, &evidence.holder, &act).await?;
        Ok(evidence)
    }

    pub(crate) async fn write_custody(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        from: &str,
        new: &NewCustody,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO custody (evidence_id, seq, act, at_us, from_person, to_person, reason, \
             recorded_us, recorded_by) SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5, $6, \
             $7, $8 FROM custody WHERE evidence_id = $1",
        )
        .bind(id)
        .bind(new.act.as_str())
        .bind(time::to_us(new.at))
        .bind(from)
        .bind(&new.to)
        .bind(&new.reason)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let moves = matches!(new.act, CustodyAct::HandedOver | CustodyAct::Returned);
        sqlx::query(
            "UPDATE evidence SET version = version + 1, \
             holder = CASE WHEN $2 THEN $3 ELSE holder END WHERE id = $1",
        )
        .bind(id)
        .bind(moves)
        .bind(&new.to)
        .execute(self.conn())
        .await?;
        let evidence = evidence_by_id(self.conn(), id).await?;
        let data = json!({
            "act": new.act, "at": time::whole(new.at), "from": from, "to": new.to,
            "sha256": evidence.sha256,
        });
        let mut entry = Entry::new("evidence.custody", new.at, data);
        entry.object = Some(("evidence", id));
        entry.reason = Some(new.reason.as_str()).filter(|reason| !reason.is_empty());
        self.entry(ctx, &evidence.incident_id, entry).await
    }
}

impl Store {
    /// One piece of evidence with its chain of custody, oldest act first.
    pub async fn evidence(&self, id: &str) -> Result<(Evidence, Vec<Custody>)> {
        let mut conn = self.pool().acquire().await?;
        let evidence = evidence_by_id(&mut conn, id).await?;
        let rows = sqlx::query("SELECT * FROM custody WHERE evidence_id = $1 ORDER BY seq")
            .bind(id)
            .fetch_all(&mut *conn)
            .await?;
        Ok((
            evidence,
            rows.iter().map(custody_of).collect::<Result<_>>()?,
        ))
    }

    /// The evidence of a case and of those merged into it, in its order.
    pub async fn evidence_of(&self, incident: &str) -> Result<Vec<Evidence>> {
        let mut conn = self.pool().acquire().await?;
        incident_by_id(&mut conn, incident).await?;
        evidence_of_family(&mut conn, incident).await
    }
}

pub(crate) async fn evidence_of_family(
    conn: &mut SqliteConnection,
    incident: &str,
) -> Result<Vec<Evidence>> {
    let sql =
        format!("SELECT * FROM evidence WHERE incident_id IN ({FAMILY}) ORDER BY received_us, seq");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(incident)
        .fetch_all(conn)
        .await?;
    rows.iter().map(evidence_row).collect()
}

async fn evidence_by_id(conn: &mut SqliteConnection, id: &str) -> Result<Evidence> {
    let row = sqlx::query("SELECT * FROM evidence WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("evidence", id))?;
    evidence_row(&row)
}

/// Evidence whose file is still here.
async fn kept_evidence(conn: &mut SqliteConnection, id: &str) -> Result<Evidence> {
    let evidence = evidence_by_id(conn, id).await?;
    match evidence.deleted_at {
        Some(at) => Err(Error::invalid(
            "evidence",
            format!("its file was deleted at {at}"),
        )),
        None => Ok(evidence),
    }
}

fn evidence_row(row: &SqliteRow) -> Result<Evidence> {
    Ok(Evidence {
        id: row.text("id")?,
        incident_id: row.text("incident_id")?,
        seq: row.uint("seq")?,
        title: row.text("title")?,
        source: row.text("source")?,
        method: row.text("method")?,
        collected_at: row.time("collected_us")?,
        collected_by: row.text("collected_by")?,
        file_name: row.text("file_name")?,
        media_type: row.text("media_type")?,
        sha256: row.text("sha256")?,
        bytes: row.uint("bytes")?,
        received_at: row.time("received_us")?,
        received_by: row.text("received_by")?,
        investigation_id: row.opt_text("investigation_id")?,
        holder: row.text("holder")?,
        sealed_at: row.opt_time("sealed_us")?,
        sealed_by: row.opt_text("sealed_by")?,
        deletion_proposed_by: row.opt_text("deletion_by")?,
        deletion_why: row.opt_text("deletion_why")?,
        deleted_at: row.opt_time("deleted_us")?,
        deleted_by: row.opt_text("deleted_by")?,
        version: row.int("version")?,
    })
}

fn custody_of(row: &SqliteRow) -> Result<Custody> {
    Ok(Custody {
        seq: row.uint("seq")?,
        act: row.word("act")?,
        at: row.time("at_us")?,
        from: row.text("from_person")?,
        to: row.text("to_person")?,
        reason: row.text("reason")?,
        recorded_at: row.time("recorded_us")?,
        recorded_by: row.text("recorded_by")?,
    })
}
