//! The leaves of the journal that belong to a case.

use jiff::Timestamp;
use saqshy_casework as casework;
use saqshy_journal::{Leaf, leaf_hash};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::http::{ApiError, ApiResult};

/// A leaf of the journal that records a change of this incident.
#[derive(Serialize, ToSchema)]
pub struct Proof {
    /// Index in the journal: `GET /api/v1/journal/{index}/proof`.
    pub index: u64,
    pub at: Timestamp,
    pub action: String,
    /// RFC 6962 leaf hash, hex.
    pub hash: String,
    /// A signed checkpoint covers the leaf.
    pub sealed: bool,
}

/// Index and bytes of the leaves about a case, its tasks, notices, evidence and attached alerts,
/// in their order.
pub(crate) async fn leaves_of_case(app: &App, id: &str) -> ApiResult<Vec<(u64, Vec<u8>)>> {
    // Ids are 32 hexadecimal digits, so the text search finds few leaves that are not meant.
    let rows: Vec<(i64, String)> =
        sqlx::query_as("SELECT idx, body FROM journal_leaf WHERE instr(body, $1) > 0 ORDER BY idx")
            .bind(id)
            .fetch_all(app.store.pool())
            .await
            .map_err(casework::Error::from)?;
    let object = format!("incident:{id}");
    let mut leaves = Vec::new();
    for (index, body) in rows {
        let leaf = Leaf::parse(body.as_bytes()).map_err(ApiError::internal)?;
        if leaf.object == object || leaf.change["incident"] == id {
            leaves.push((index.unsigned_abs(), body.into_bytes()));
        }
    }
    Ok(leaves)
}

/// The same as the console shows them.
pub(super) async fn proofs(app: &App, id: &str) -> ApiResult<Vec<Proof>> {
    let sealed = app.journal.size();
    let leaves = leaves_of_case(app, id).await?;
    leaves
        .into_iter()
        .map(|(index, body)| {
            let leaf = Leaf::parse(&body).map_err(ApiError::internal)?;
            Ok(Proof {
                index,
                at: leaf.at,
                action: leaf.action,
                hash: hex::encode(leaf_hash(&body)),
                sealed: index < sealed,
            })
        })
        .collect()
}
