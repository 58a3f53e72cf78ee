//! The journal: every change, and the proofs that an outsider checks.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult};

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
async fn list() -> ApiResult<Json<JournalPage>> {
    Err(ApiError::busy())
}

/// The signed checkpoint.
#[utoipa::path(
    get,
    path = "/journal/checkpoint",
    tag = "journal",
    operation_id = "journal_checkpoint",
    responses((status = OK, description = "The signed checkpoint", body = String, content_type = "text/plain"))
)]
async fn checkpoint() -> ApiResult<Response> {
    Err(ApiError::busy())
}

/// What a full check of the journal and of the files it names found.
#[utoipa::path(
    post,
    path = "/journal/verify",
    tag = "journal",
    operation_id = "journal_verify",
    responses((status = OK, description = "What a full check of the journal and of the files it names found", body = JournalVerdict))
)]
async fn verify() -> ApiResult<Json<JournalVerdict>> {
    Err(ApiError::busy())
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
async fn proof() -> ApiResult<Response> {
    Err(ApiError::busy())
}

/// The whole journal as a proof pack.
#[utoipa::path(
    get,
    path = "/journal/export",
    tag = "journal",
    operation_id = "journal_export",
    responses((status = OK, description = "The whole journal as a proof pack", body = Vec<u8>, content_type = "application/zip"))
)]
async fn export() -> ApiResult<Response> {
    Err(ApiError::busy())
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::JournalRead, routes!(list))
        .read(Permission::JournalRead, routes!(checkpoint))
        .read(Permission::JournalRead, routes!(verify))
        .read(Permission::JournalRead, routes!(proof))
        .write(Permission::JournalExport, routes!(export))
}
