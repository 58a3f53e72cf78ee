//! Tasks of an investigation, and its recommendations on corrective measures (R90-11-6), each with
//! an owner and a date. Recommendations are followed up after the conclusion.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{digest, visible};
use crate::alerts::check_version;
use crate::tx::Columns;
use crate::words::ItemKind;
use crate::{
    Ctx, Error, NAME_BYTES_MAX, Result, TEXT_BYTES_MAX, TaskState, Tx, check_text, opt_check, time,
};

/// A task or recommendation to be added.
#[derive(Debug, Clone)]
pub struct NewItem {
    pub kind: ItemKind,
    pub text: String,
    pub owner: String,
    pub due: Option<Timestamp>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct ItemPatch {
    pub state: TaskState,
    pub result: String,
    pub version: i64,
}

/// A task or recommendation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvestigationItem {
    pub id: String,
    pub kind: ItemKind,
    pub text: String,
    pub owner: String,
    pub due: Option<Timestamp>,
    pub state: TaskState,
    pub result: String,
    pub version: i64,
}

impl Tx {
    /// Adds a task or a recommendation. A recommendation needs a date.
    pub async fn add_investigation_item(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        new: &NewItem,
    ) -> Result<InvestigationItem> {
        self.open_one(ctx.actor, id).await?;
        check_text("text", &new.text, TEXT_BYTES_MAX)?;
        check_text("owner", &new.owner, NAME_BYTES_MAX)?;
        if new.kind == ItemKind::Recommendation && new.due.is_none() {
            return Err(Error::invalid("due", "a recommendation needs a date"));
        }
        let item = self.new_id("investigation_item").await?;
        sqlx::query(
            "INSERT INTO investigation_item (id, investigation_id, kind, seq, text, owner, due_us, \
             state, version) SELECT $1, $2, $3, COALESCE(MAX(seq), 0) + 1, $4, $5, $6, 'open', 1 \
             FROM investigation_item WHERE investigation_id = $2 AND kind = $3",
        )
        .bind(&item)
        .bind(id)
        .bind(new.kind.as_str())
        .bind(&new.text)
        .bind(&new.owner)
        .bind(time::opt_us(new.due))
        .execute(self.conn())
        .await?;
        let change = json!({
            "item": item, "kind": new.kind, "due": new.due.map(time::whole),
            "sha256": digest(&json!([new.text, new.owner])),
        });
        self.investigation_note(ctx, id, "investigation.item_added", change)
            .await?;
        Ok(item_by_id(self.conn(), &item).await?.1)
    }

    /// Records what became of a task or recommendation; of a recommendation also after the
    /// conclusion.
    pub async fn set_investigation_item(
        &mut self,
        ctx: &Ctx<'_>,
        item: &str,
        patch: &ItemPatch,
    ) -> Result<InvestigationItem> {
        let (investigation, old) = item_by_id(self.conn(), item).await?;
        visible(self.conn(), ctx.actor, &investigation).await?;
        if old.kind == ItemKind::Task {
            self.open_one(ctx.actor, &investigation).await?;
        }
        check_version("investigation_item", item, patch.version, old.version)?;
        opt_check("result", Some(&patch.result), TEXT_BYTES_MAX)?;
        if patch.state != TaskState::Open {
            check_text("result", &patch.result, TEXT_BYTES_MAX)?;
        }
        sqlx::query(
            "UPDATE investigation_item SET state = $2, result = $3, version = version + 1 \
             WHERE id = $1",
        )
        .bind(item)
        .bind(patch.state.as_str())
        .bind(&patch.result)
        .execute(self.conn())
        .await?;
        let change = json!({
            "item": item, "state": patch.state, "sha256": digest(&json!(patch.result)),
        });
        self.investigation_note(ctx, &investigation, "investigation.item_changed", change)
            .await?;
        Ok(item_by_id(self.conn(), item).await?.1)
    }
}

pub(super) async fn items_of(
    conn: &mut SqliteConnection,
    id: &str,
    kind: ItemKind,
) -> Result<Vec<InvestigationItem>> {
    let rows = sqlx::query(
        "SELECT * FROM investigation_item WHERE investigation_id = $1 AND kind = $2 ORDER BY seq",
    )
    .bind(id)
    .bind(kind.as_str())
    .fetch_all(conn)
    .await?;
    rows.iter().map(item_of).collect()
}

async fn item_by_id(conn: &mut SqliteConnection, id: &str) -> Result<(String, InvestigationItem)> {
    let row = sqlx::query("SELECT * FROM investigation_item WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("investigation_item", id))?;
    Ok((row.text("investigation_id")?, item_of(&row)?))
}

fn item_of(row: &SqliteRow) -> Result<InvestigationItem> {
    Ok(InvestigationItem {
        id: row.text("id")?,
        kind: row.word("kind")?,
        text: row.text("text")?,
        owner: row.text("owner")?,
        due: row.opt_time("due_us")?,
        state: row.word("state")?,
        result: row.text("result")?,
        version: row.int("version")?,
    })
}
