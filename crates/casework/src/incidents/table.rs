//! The organisation's own table: which events need an immediate reaction, how incidents are
//! classified and prioritised (R90-4-2, R90-4-3), and its yearly review (R90-4-10). A change is a
//! new version; old ones stay.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan};
use saqshy_law::Text3;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::promote::{PromotionRule, Template, When};
use crate::tx::{Columns, Note};
use crate::{
    Ctx, Error, Level, NAME_BYTES_MAX, Result, Severity, Store, TEXT_BYTES_MAX, TITLE_BYTES_MAX,
    Tx, check_text, opt_check, time,
};

/// What the id of a promotion rule that stands for an event of the table begins with.
pub(crate) const TABLE_RULE: &str = "table:";
/// Most categories, events or check items of a table.
const ROWS_MAX: usize = 500;

/// The organisation's table as it is adopted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentTable {
    pub categories: Vec<TableCategory>,
    #[serde(default)]
    pub events: Vec<TableEvent>,
    /// What the organisation wants confirmed before a case is closed.
    #[serde(default)]
    pub closing: Vec<CheckItem>,
}

/// A class of incidents (R90-4-3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableCategory {
    pub id: String,
    pub title: Text3,
    /// 1 (first) to 4.
    pub priority: u8,
    /// The standard response procedure of this class: id of a playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedure: Option<String>,
}

/// An event, or a set of events, that needs an immediate reaction (R90-4-2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableEvent {
    pub id: String,
    pub title: Text3,
    /// Detection rules that see it; any of them.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Tags that a rule of it has; any of them.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Alerts of this level or higher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Category of the incident.
    pub category: String,
    pub severity: Severity,
    /// Measures to take.
    #[serde(default)]
    pub measures: String,
    /// Where the events come from.
    #[serde(default)]
    pub sources: String,
    /// How often, in which order and how they are watched.
    #[serde(default)]
    pub monitoring: String,
}

/// A point of a check list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckItem {
    pub id: String,
    pub title: Text3,
}

/// A version of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableVersion {
    /// Counts from 1.
    pub version: i64,
    pub adopted_at: Timestamp,
    pub adopted_by: String,
    pub reason: String,
    /// Of the table as canonical JSON; the journal names the same.
    pub sha256: String,
    pub table: IncidentTable,
}

/// The table was looked through and left as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableReview {
    pub version: i64,
    pub reviewed_at: Timestamp,
    pub reviewed_by: String,
    pub note: String,
}

/// The table with its history.
#[derive(Debug, Clone, Default)]
pub struct TableHistory {
    /// The newest first.
    pub versions: Vec<TableVersion>,
    /// The newest first.
    pub reviews: Vec<TableReview>,
    /// When the next review is due at the latest; none while there is no table.
    pub review_due: Option<Timestamp>,
}

impl IncidentTable {
    /// Refuses a table that could not be applied.
    ///
    /// # Errors
    /// `Invalid` for an empty or repeated id, an empty title, a priority outside 1 to 4, an event
    /// without a rule, tag or level, or one whose category is not in the table.
    pub fn check(&self) -> Result<()> {
        let mut categories = BTreeSet::new();
        for row in &self.categories {
            check_row("categories", &row.id, &row.title, &mut categories)?;
            if !(1..=4).contains(&row.priority) {
                let message = format!("`{}`: priority {} is none of 1 to 4", row.id, row.priority);
                return Err(Error::invalid("categories", message));
            }
            opt_check("categories", row.procedure.as_deref(), NAME_BYTES_MAX)?;
        }
        let mut seen = BTreeSet::new();
        for row in &self.events {
            check_row("events", &row.id, &row.title, &mut seen)?;
            if !categories.contains(row.category.as_str()) {
                let message = format!("`{}`: no category `{}`", row.id, row.category);
                return Err(Error::invalid("events", message));
            }
            if row.rules.is_empty() && row.tags.is_empty() && row.level.is_none() {
                let message = format!("`{}`: name a rule, a tag or a level", row.id);
                return Err(Error::invalid("events", message));
            }
            for text in [&row.measures, &row.sources, &row.monitoring] {
                opt_check("events", Some(text), TEXT_BYTES_MAX)?;
            }
        }
        let mut seen = BTreeSet::new();
        for row in &self.closing {
            check_row("closing", &row.id, &row.title, &mut seen)?;
        }
        let longest = [self.categories.len(), self.events.len(), self.closing.len()];
        match longest.into_iter().max() {
            Some(rows) if rows > ROWS_MAX => Err(Error::invalid(
                "table",
                format!("{rows} rows, at most {ROWS_MAX} are kept"),
            )),
            _ => Ok(()),
        }
    }

    /// The category with this id.
    pub fn category(&self, id: &str) -> Option<&TableCategory> {
        self.categories.iter().find(|category| category.id == id)
    }

    /// Its events as promotion rules: an event that needs an immediate reaction opens an incident
    /// of its class at once.
    pub(crate) fn rules(&self) -> Vec<PromotionRule> {
        let rule = |event: &TableEvent| PromotionRule {
            id: format!("{TABLE_RULE}{}", event.id),
            when: When {
                level: event.level,
                tags: event.tags.clone(),
                rules: event.rules.clone(),
                ..When::default()
            },
            join_minutes: 24 * 60,
            incident: Template {
                title: Text3 {
                    kk: format!("{}: {{entity}}", event.title.kk),
                    ru: format!("{}: {{entity}}", event.title.ru),
                    en: format!("{}: {{entity}}", event.title.en),
                },
                severity: Some(event.severity),
                category: event.category.clone(),
            },
        };
        self.events.iter().map(rule).collect()
    }
}

fn check_row<'a>(
    field: &'static str,
    id: &'a str,
    title: &Text3,
    seen: &mut BTreeSet<&'a str>,
) -> Result<()> {
    check_text(field, id, NAME_BYTES_MAX)?;
    for text in [&title.kk, &title.ru, &title.en] {
        check_text(field, text, TITLE_BYTES_MAX / 2)?;
    }
    if !seen.insert(id) {
        return Err(Error::invalid(field, format!("`{id}` stands twice")));
    }
    Ok(())
}

/// When a table that was adopted or reviewed at `last` must be reviewed again: within twelve
/// months, which also puts one review into every calendar year (R90-4-10, reading A-17).
pub fn review_due(last: Timestamp, zone: &jiff::tz::TimeZone) -> Timestamp {
    let due = last.to_zoned(zone.clone()).checked_add(12.months());
    due.map_or(last, |due| due.timestamp())
}

impl Tx {
    /// Adopts a new version of the organisation's table. `base` is the version that it was made
    /// from, 0 for the first.
    ///
    /// # Errors
    /// `Conflict` when somebody else adopted one meanwhile; `Invalid` see [`IncidentTable::check`].
    pub async fn adopt_table(
        &mut self,
        ctx: &Ctx<'_>,
        table: &IncidentTable,
        reason: &str,
        base: i64,
    ) -> Result<TableVersion> {
        table.check()?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let newest = newest_table(self.conn()).await?;
        let current = newest.as_ref().map_or(0, |newest| newest.version);
        crate::alerts::check_version("incident_table", "own", base, current)?;
        if newest.is_some_and(|newest| newest.table == *table) {
            return Err(Error::invalid("table", "nothing would change"));
        }
        let body = canonical(&serde_json::to_value(table)?)?;
        let sha256 = crate::sha256_hex(body.as_bytes());
        let version = current + 1;
        sqlx::query(
            "INSERT INTO incident_table (version, adopted_us, adopted_by, reason, sha256, body) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(version)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .bind(reason)
        .bind(&sha256)
        .bind(&body)
        .execute(self.conn())
        .await?;
        let note = Note {
            action: "incident_table.adopted",
            object: ("incident_table", "own"),
            change: json!({
                "version": version, "sha256": sha256, "categories": table.categories.len(),
                "events": table.events.len(), "closing": table.closing.len(),
            }),
            reason: Some(reason),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        newest_table(self.conn())
            .await?
            .ok_or_else(|| Error::not_found("incident_table", "own"))
    }

    /// Records that the table was reviewed and stays as it is (R90-4-10).
    pub async fn review_table(&mut self, ctx: &Ctx<'_>, note: &str, version: i64) -> Result<()> {
        check_text("note", note, TITLE_BYTES_MAX)?;
        let newest = newest_table(self.conn()).await?;
        let current = newest.map_or(0, |newest| newest.version);
        if current == 0 {
            return Err(Error::invalid("version", "there is no table to review yet"));
        }
        crate::alerts::check_version("incident_table", "own", version, current)?;
        sqlx::query(
            "INSERT INTO incident_table_review (seq, version, reviewed_us, reviewed_by, note) \
             SELECT COALESCE(MAX(seq), 0) + 1, $1, $2, $3, $4 FROM incident_table_review",
        )
        .bind(version)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .bind(note)
        .execute(self.conn())
        .await?;
        let leaf = Note {
            action: "incident_table.reviewed",
            object: ("incident_table", "own"),
            change: json!({"version": version, "note": note}),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, leaf).await?;
        Ok(())
    }

    /// Refuses a category that is not in the organisation's table; while there is none, one that
    /// is not in the configured list.
    pub(crate) async fn check_category(&mut self, ctx: &Ctx<'_>, category: &str) -> Result<()> {
        let Some(newest) = newest_table(self.conn()).await? else {
            return ctx.law.check_category(category);
        };
        if category.is_empty() || newest.table.category(category).is_some() {
            return Ok(());
        }
        Err(Error::invalid(
            "category",
            format!(
                "`{category}` is not in version {} of the organisation's table",
                newest.version
            ),
        ))
    }
}

impl Store {
    /// The table in force, if one was adopted.
    pub async fn incident_table(&self) -> Result<Option<TableVersion>> {
        newest_table(&mut *self.pool().acquire().await?).await
    }

    /// Every version and review, and when the next review is due.
    pub async fn incident_tables(&self, zone: &jiff::tz::TimeZone) -> Result<TableHistory> {
        let rows = sqlx::query("SELECT * FROM incident_table ORDER BY version DESC")
            .fetch_all(self.pool())
            .await?;
        let versions: Vec<TableVersion> = rows.iter().map(version_of).collect::<Result<_>>()?;
        let rows = sqlx::query("SELECT * FROM incident_table_review ORDER BY seq DESC")
            .fetch_all(self.pool())
            .await?;
        let reviews: Vec<TableReview> = rows.iter().map(review_of).collect::<Result<_>>()?;
        let last = versions
            .iter()
            .map(|version| version.adopted_at)
            .chain(reviews.iter().map(|review| review.reviewed_at))
            .max();
        Ok(TableHistory {
            versions,
            reviews,
            review_due: last.map(|last| review_due(last, zone)),
        })
    }
}

/// When the table was adopted or reviewed.
pub(crate) async fn table_reviews(conn: &mut SqliteConnection) -> Result<Vec<Timestamp>> {
    let rows = sqlx::query(
        "SELECT adopted_us AS at_us FROM incident_table \
         UNION ALL SELECT reviewed_us FROM incident_table_review ORDER BY 1",
    )
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| row.time("at_us")).collect()
}

pub(crate) fn canonical(value: &serde_json::Value) -> Result<String> {
    let bytes = saqshy_journal::canonical(value)
        .map_err(|error| Error::invalid("body", error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| Error::Storage(Box::new(error)))
}

pub(crate) async fn newest_table(conn: &mut SqliteConnection) -> Result<Option<TableVersion>> {
    sqlx::query("SELECT * FROM incident_table ORDER BY version DESC LIMIT 1")
        .fetch_optional(conn)
        .await?
        .as_ref()
        .map(version_of)
        .transpose()
}

fn version_of(row: &SqliteRow) -> Result<TableVersion> {
    Ok(TableVersion {
        version: row.int("version")?,
        adopted_at: row.time("adopted_us")?,
        adopted_by: row.text("adopted_by")?,
        reason: row.text("reason")?,
        sha256: row.text("sha256")?,
        table: row.json("body")?,
    })
}

fn review_of(row: &SqliteRow) -> Result<TableReview> {
    Ok(TableReview {
        version: row.int("version")?,
        reviewed_at: row.time("reviewed_us")?,
        reviewed_by: row.text("reviewed_by")?,
        note: row.text("note")?,
    })
}
