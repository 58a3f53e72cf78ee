//! Templates that the organisation writes in place of a pack's. Each version stays.

use jiff::Timestamp;
use saqshy_law::Text3;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::SqliteRow;

use crate::tx::{Columns, Note};
use crate::{
    Ctx, Error, NAME_BYTES_MAX, Result, Store, TITLE_BYTES_MAX, Tx, check_text, opt_check, time,
};

/// Longest template in one language, in bytes: a leaf must hold all three.
pub const TEMPLATE_BYTES_MAX: usize = 16 * 1024;

/// One version of a template of the organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TemplateVersion {
    pub pack: String,
    pub document: String,
    /// From 1.
    pub version: i64,
    /// `None`: from this version on the pack's own text is used again.
    pub body: Option<Text3>,
    pub reason: String,
    pub written_at: Timestamp,
    pub written_by: String,
}

impl Tx {
    /// Writes the next version of a template; `None` goes back to the pack's. Whether the text makes
    /// a letter is the caller's to check.
    ///
    /// # Errors
    /// `Conflict` when the newest version is not `expected` (0: there is none).
    pub async fn write_template(
        &mut self,
        ctx: &Ctx<'_>,
        (pack, document): (&str, &str),
        body: Option<&Text3>,
        reason: &str,
        expected: i64,
    ) -> Result<TemplateVersion> {
        check_text("pack", pack, NAME_BYTES_MAX)?;
        check_text("document", document, NAME_BYTES_MAX)?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        for text in body.iter().flat_map(|body| [&body.kk, &body.ru, &body.en]) {
            opt_check("template", Some(text), TEMPLATE_BYTES_MAX)?;
        }
        let newest: i64 = sqlx::query_scalar(
            "SELECT COALESCE(MAX(version), 0) FROM template_version \
             WHERE pack = $1 AND document = $2",
        )
        .bind(pack)
        .bind(document)
        .fetch_one(self.conn())
        .await?;
        let id = format!("{pack}#{document}");
        crate::alerts::check_version("template", &id, expected, newest)?;
        let version = newest + 1;
        let text = body.map(serde_json::to_string).transpose()?;
        sqlx::query(
            "INSERT INTO template_version (pack, document, version, body, reason, written_us, \
             written_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(pack)
        .bind(document)
        .bind(version)
        .bind(text.unwrap_or_default())
        .bind(reason.trim())
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let action = match body {
            Some(_) => "template.written",
            None => "template.reset",
        };
        let note = Note {
            action,
            object: ("template", &id),
            change: json!({"version": version, "body": body}),
            reason: Some(reason.trim()),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(TemplateVersion {
            pack: pack.to_owned(),
            document: document.to_owned(),
            version,
            body: body.cloned(),
            reason: reason.trim().to_owned(),
            written_at: time::whole(ctx.now),
            written_by: ctx.actor.id.clone(),
        })
    }
}

impl Store {
    /// The newest version of a template of the organisation.
    pub async fn template(&self, pack: &str, document: &str) -> Result<Option<TemplateVersion>> {
        let mut all = self.template_versions(pack, document).await?;
        Ok(all.pop())
    }

    /// All versions of a template of the organisation, oldest first.
    pub async fn template_versions(
        &self,
        pack: &str,
        document: &str,
    ) -> Result<Vec<TemplateVersion>> {
        let rows = sqlx::query(
            "SELECT * FROM template_version WHERE pack = $1 AND document = $2 ORDER BY version",
        )
        .bind(pack)
        .bind(document)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(version_of).collect()
    }
}

fn version_of(row: &SqliteRow) -> Result<TemplateVersion> {
    let body = row.text("body")?;
    let body = match body.is_empty() {
        true => None,
        false => Some(serde_json::from_str(&body).map_err(|e| Error::corrupt(e.to_string()))?),
    };
    Ok(TemplateVersion {
        pack: row.text("pack")?,
        document: row.text("document")?,
        version: row.int("version")?,
        body,
        reason: row.text("reason")?,
        written_at: row.time("written_us")?,
        written_by: row.text("written_by")?,
    })
}
