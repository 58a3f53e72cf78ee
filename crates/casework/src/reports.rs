//! Reports that were made: which, for which period, from how many cases, and their files.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::SqliteRow;

use crate::tx::{Columns, Note};
use crate::{Ctx, Result, Store, Tx, sha256_hex, time};

/// A report to be kept.
#[derive(Debug, Clone)]
pub struct NewReport<'a> {
    pub kind: &'a str,
    /// Clauses that it answers.
    pub clauses: &'a [&'a str],
    pub number: &'a str,
    /// First moment of the period, and the moment after its last.
    pub from: Timestamp,
    pub to: Timestamp,
    pub language: &'a str,
    pub format: &'a str,
    pub media_type: &'a str,
    pub body: &'a [u8],
    /// Ids of the incidents that its figures were counted from.
    pub cases: &'a [String],
}

/// A report as it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub id: String,
    pub number: String,
    pub kind: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub language: String,
    pub format: String,
    pub sha256: String,
    /// Number of the cases behind it.
    pub cases: u64,
    pub made_at: Timestamp,
    pub made_by: String,
}

impl Tx {
    /// Number of the next report of a year, from 1.
    pub async fn next_report(&mut self, year: i16) -> Result<u64> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM report WHERE number LIKE $1")
            .bind(format!("REP-{year}-%"))
            .fetch_one(self.conn())
            .await?;
        Ok(time::count(count)? + 1)
    }

    /// Keeps a file under its SHA-256. The caller writes the leaf that names it.
    pub async fn keep_document(
        &mut self,
        now: Timestamp,
        media_type: &str,
        body: &[u8],
    ) -> Result<String> {
        let sha256 = sha256_hex(body);
        sqlx::query(
            "INSERT INTO document (sha256, media_type, body, stored_us) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (sha256) DO NOTHING",
        )
        .bind(&sha256)
        .bind(media_type)
        .bind(body)
        .bind(time::to_us(now))
        .execute(self.conn())
        .await?;
        Ok(sha256)
    }

    /// Keeps a report: its file, its row, its leaf.
    pub async fn keep_report(&mut self, ctx: &Ctx<'_>, new: &NewReport<'_>) -> Result<Report> {
        let id = self.new_id("report").await?;
        let sha256 = self
            .keep_document(ctx.now, new.media_type, new.body)
            .await?;
        let report = Report {
            id,
            number: new.number.to_owned(),
            kind: new.kind.to_owned(),
            from: time::whole(new.from),
            to: time::whole(new.to),
            language: new.language.to_owned(),
            format: new.format.to_owned(),
            sha256,
            cases: new.cases.len() as u64,
            made_at: time::whole(ctx.now),
            made_by: ctx.actor.id.clone(),
        };
        sqlx::query(
            "INSERT INTO report (id, number, kind, from_us, to_us, language, format, sha256, \
             cases, made_us, made_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(&report.id)
        .bind(&report.number)
        .bind(&report.kind)
        .bind(time::to_us(report.from))
        .bind(time::to_us(report.to))
        .bind(&report.language)
        .bind(&report.format)
        .bind(&report.sha256)
        .bind(time::signed(report.cases)?)
        .bind(time::to_us(report.made_at))
        .bind(&report.made_by)
        .execute(self.conn())
        .await?;
        let change = json!({
            "number": report.number, "kind": report.kind, "clauses": new.clauses,
            "from": report.from, "to": report.to, "language": report.language,
            "format": report.format, "document_sha256": report.sha256,
            "cases_count": report.cases,
            "cases_sha256": sha256_hex(new.cases.join("\n").as_bytes()),
        });
        let note = Note {
            action: "report.made",
            object: ("report", &report.id),
            change,
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(report)
    }
}

impl Store {
    /// Reports that were made, newest first.
    pub async fn reports(&self, limit: u32) -> Result<Vec<Report>> {
        let rows = sqlx::query("SELECT * FROM report ORDER BY made_us DESC, number DESC LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(report_of).collect()
    }

    /// One report.
    pub async fn report(&self, id: &str) -> Result<Report> {
        let row = sqlx::query("SELECT * FROM report WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?
            .ok_or_else(|| crate::Error::not_found("report", id))?;
        report_of(&row)
    }

    /// Ids of the incidents detected from `from` until before `to`, in the order of their numbers.
    pub async fn incidents_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar(
            "SELECT id FROM incident WHERE detected_at_us >= $1 AND detected_at_us < $2 \
             ORDER BY year, year_sequence",
        )
        .bind(time::to_us(from))
        .bind(time::to_us(to))
        .fetch_all(self.pool())
        .await?)
    }
}

fn report_of(row: &SqliteRow) -> Result<Report> {
    Ok(Report {
        id: row.text("id")?,
        number: row.text("number")?,
        kind: row.text("kind")?,
        from: row.time("from_us")?,
        to: row.time("to_us")?,
        language: row.text("language")?,
        format: row.text("format")?,
        sha256: row.text("sha256")?,
        cases: row.uint("cases")?,
        made_at: row.time("made_us")?,
        made_by: row.text("made_by")?,
    })
}
