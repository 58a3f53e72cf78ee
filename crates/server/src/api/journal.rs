//! The journal: every change, and the proofs that an outsider checks.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use saqshy_journal::{Leaf, leaf_hash, pack};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Query};
use crate::runtime::verify_data_dir;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JournalQuery {
    /// Leaves with an index below this, the newest when absent.
    pub before: Option<u64>,
    /// 1 to 500, 100 when absent.
    pub limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub struct JournalPage {
    /// Leaves in all.
    pub size: u64,
    /// Newest first.
    pub leaves: Vec<JournalLeaf>,
}

#[derive(Serialize, ToSchema)]
pub struct JournalLeaf {
    pub index: u64,
    pub at: Timestamp,
    pub actor: String,
    /// For example `incident.created`.
    pub action: String,
    /// `kind:id`.
    pub object: String,
    #[schema(value_type = Object)]
    pub change: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// RFC 6962 leaf hash, hex.
    pub hash: String,
}

#[derive(Serialize, ToSchema)]
pub struct JournalVerdict {
    pub ok: bool,
    pub size: u64,
    pub findings: Vec<Finding>,
}

/// Something that is not as it was written.
#[derive(Serialize, ToSchema)]
pub struct Finding {
    /// The file, relative to the data directory.
    pub path: String,
    pub what: String,
}

/// Leaves of the journal, the newest first.
#[utoipa::path(
    get,
    path = "/journal",
    tag = "journal",
    operation_id = "journal_list",
    params(JournalQuery),
    responses((status = OK, description = "Leaves of the journal, the newest first", body = JournalPage))
)]
async fn list(
    State(app): State<App>,
    Query(asked): Query<JournalQuery>,
) -> ApiResult<Json<JournalPage>> {
    let size = app.journal.size();
    let end = asked.before.unwrap_or(size).min(size);
    let limit = u64::from(asked.limit.unwrap_or(100).clamp(1, 500));
    let begin = end.saturating_sub(limit);
    let entries = app
        .journal
        .with_log(move |log| log.entries(begin..end))
        .await?;
    let mut leaves = Vec::new();
    for (bytes, index) in entries
        .map_err(ApiError::internal)?
        .into_iter()
        .zip(begin..)
    {
        let leaf = Leaf::parse(&bytes).map_err(ApiError::internal)?;
        leaves.push(JournalLeaf {
            index,
            at: leaf.at,
            actor: leaf.actor,
            action: leaf.action,
            object: leaf.object,
            change: leaf.change,
            reason: leaf.reason,
            hash: hex::encode(leaf_hash(&bytes)),
        });
    }
    leaves.reverse();
    Ok(Json(JournalPage { size, leaves }))
}

/// The signed checkpoint.
#[utoipa::path(
    get,
    path = "/journal/checkpoint",
    tag = "journal",
    operation_id = "journal_checkpoint",
    responses((status = OK, description = "The signed checkpoint", body = String, content_type = "text/plain"))
)]
async fn checkpoint(State(app): State<App>) -> Response {
    let note = app.journal.checkpoint_note();
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response()
}

/// What a full check of the journal and of the files it names found.
#[utoipa::path(
    post,
    path = "/journal/verify",
    tag = "journal",
    operation_id = "journal_verify",
    responses((status = OK, description = "What a full check of the journal and of the files it names found", body = JournalVerdict))
)]
async fn verify(State(app): State<App>) -> ApiResult<Json<JournalVerdict>> {
    let report = verify_data_dir(&app.paths.data).await?;
    let findings = report
        .findings
        .into_iter()
        .map(|finding| Finding {
            path: finding.path,
            what: finding.what,
        })
        .collect();
    Ok(Json(JournalVerdict {
        ok: report.ok,
        size: report.size,
        findings,
    }))
}

/// Proof pack of one leaf, for `saqshy-verify`.
#[utoipa::path(
    get,
    path = "/journal/{index}/proof",
    tag = "journal",
    operation_id = "journal_proof",
    params(("index" = u64, Path)),
    responses((status = OK, description = "Proof pack of one leaf, for `saqshy-verify`", body = Vec<u8>, content_type = "application/zip"))
)]
async fn proof(State(app): State<App>, Path(index): Path<u64>) -> ApiResult<Response> {
    if index >= app.journal.size() {
        return Err(ApiError::not_found(format!(
            "the journal has no leaf {index} yet"
        )));
    }
    let key = app.journal.verifying_key();
    let request = pack::Request {
        leaves: vec![index],
        ..Default::default()
    };
    let made = app
        .journal
        .with_log(move |log| pack::export(log, &request, &key))
        .await?;
    let bytes = made.map_err(ApiError::internal)?;
    Ok(zip(&format!("proof-{index}.zip"), bytes))
}

fn zip(name: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, bytes).into_response()
}

/// The whole journal as a proof pack.
#[utoipa::path(
    get,
    path = "/journal/export",
    tag = "journal",
    operation_id = "journal_export",
    responses((status = OK, description = "The whole journal as a proof pack", body = Vec<u8>, content_type = "application/zip"))
)]
async fn export(State(app): State<App>, who: Who) -> ApiResult<Response> {
    let mut tx = app.store.begin().await?;
    tx.leaf(&Leaf {
        at: app.now(),
        actor: who.actor().id,
        action: "journal.exported".to_owned(),
        object: "journal:all".to_owned(),
        change: json!({"size": app.journal.size()}),
        reason: None,
        edition: None,
    })
    .await?;
    tx.commit().await?;
    let key = app.journal.verifying_key();
    let made = app
        .journal
        .with_log(move |log| pack::export_all(log, &[], &key))
        .await?;
    Ok(zip("journal.zip", made.map_err(ApiError::internal)?))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::JournalRead, routes!(list))
        .read(Permission::JournalRead, routes!(checkpoint))
        .read(Permission::JournalRead, routes!(verify))
        .read(Permission::JournalRead, routes!(proof))
        .write(Permission::JournalExport, routes!(export))
}
