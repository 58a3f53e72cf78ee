//! Looking into the stored events.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::wire::Bucket;
use crate::App;
use crate::access::Permission;
use crate::http::{Api, ApiError, ApiResult};

/// A search. Times bound `@timestamp`: from inclusive, to exclusive.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    pub query: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// At most this many events come back, 1 to 10 000.
    #[serde(default = "default_limit")]
    #[schema(minimum = 1, maximum = 10000, default = 200)]
    pub limit: u32,
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub newest_first: bool,
    /// Chosen by the caller; names the search for `DELETE /api/v1/search/{search_id}`.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub search_id: Option<String>,
}

fn default_limit() -> u32 {
    200
}

fn yes() -> bool {
    true
}

/// One line of a search's answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchLine {
    /// A matching event as a flat object with dotted field names.
    Event(HashMap<String, Value>),
    Progress(SearchProgress),
    /// The last line of a search that ran to its end.
    Done(SearchDone),
    /// The last line of a search that failed or was cancelled.
    Error(SearchProblem),
}

#[derive(Serialize, ToSchema)]
pub struct SearchProgress {
    pub files_done: u64,
    pub files_total: u64,
    pub rows_scanned: u64,
}

#[derive(Serialize, ToSchema)]
pub struct SearchDone {
    pub matched: u64,
    pub elapsed_ms: u64,
    /// There is more than the limit let through.
    pub truncated: bool,
}

#[derive(Serialize, ToSchema)]
pub struct SearchProblem {
    pub code: String,
    pub message: String,
    /// Where in the query, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HistogramRequest {
    pub query: String,
    pub from: Timestamp,
    pub to: Timestamp,
    #[serde(default = "default_buckets")]
    #[schema(minimum = 1, maximum = 500, default = 60)]
    pub buckets: u32,
}

fn default_buckets() -> u32 {
    60
}

#[derive(Serialize, ToSchema)]
pub struct Histogram {
    pub buckets: Vec<Bucket>,
    pub total: u64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldsRequest {
    pub query: String,
    pub from: Timestamp,
    pub to: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub struct Fields {
    pub fields: Vec<FieldSummary>,
}

#[derive(Serialize, ToSchema)]
pub struct FieldSummary {
    pub name: String,
    /// Matching events that have the field.
    pub present: u64,
    pub top: Vec<ValueCount>,
}

#[derive(Serialize, ToSchema)]
pub struct ValueCount {
    pub value: String,
    pub count: u64,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    pub query: String,
    pub from: Timestamp,
    pub to: Timestamp,
    #[param(inline)]
    pub format: ExportFormat,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    Ndjson,
    Csv,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    /// One read-only statement over the table `events`.
    pub sql: String,
    /// At most this many rows come back, 1 to 10 000.
    #[serde(default = "default_limit")]
    #[schema(minimum = 1, maximum = 10000, default = 200)]
    pub limit: u32,
}

#[derive(Serialize, ToSchema)]
pub struct SqlAnswer {
    pub columns: Vec<SqlColumn>,
    pub rows: Vec<Vec<Value>>,
    pub truncated: bool,
    pub elapsed_ms: u64,
}

#[derive(Serialize, ToSchema)]
pub struct SqlColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
}

/// Matching events, one JSON object per line.
#[utoipa::path(
    post,
    path = "/search",
    tag = "search",
    operation_id = "search_search",
    request_body = SearchRequest,
    responses((status = OK, description = "Matching events, one JSON object per line", body = SearchLine, content_type = "application/x-ndjson"))
)]
async fn search() -> ApiResult<Response> {
    Err(ApiError::busy())
}

/// The search was told to stop.
#[utoipa::path(
    delete,
    path = "/search/{search_id}",
    tag = "search",
    operation_id = "search_cancel",
    params(("search_id" = String, Path)),
    responses((status = NO_CONTENT, description = "The search was told to stop"))
)]
async fn cancel() -> ApiResult<StatusCode> {
    Err(ApiError::busy())
}

/// How many events match, over time.
#[utoipa::path(
    post,
    path = "/search/histogram",
    tag = "search",
    operation_id = "search_histogram",
    request_body = HistogramRequest,
    responses((status = OK, description = "How many events match, over time", body = Histogram))
)]
async fn histogram() -> ApiResult<Json<Histogram>> {
    Err(ApiError::busy())
}

/// The fields of the matching events and their commonest values.
#[utoipa::path(
    post,
    path = "/search/fields",
    tag = "search",
    operation_id = "search_fields",
    request_body = FieldsRequest,
    responses((status = OK, description = "The fields of the matching events and their commonest values", body = Fields))
)]
async fn fields() -> ApiResult<Json<Fields>> {
    Err(ApiError::busy())
}

/// All matching events as a file.
#[utoipa::path(
    get,
    path = "/search/export",
    tag = "search",
    operation_id = "search_export",
    params(ExportQuery),
    responses((status = OK, description = "All matching events as a file", body = String, content_type = "application/x-ndjson"))
)]
async fn export() -> ApiResult<Response> {
    Err(ApiError::busy())
}

/// One event as a flat object with dotted field names.
#[utoipa::path(
    get,
    path = "/events/{id}",
    tag = "search",
    operation_id = "search_event",
    params(("id" = String, Path)),
    responses((status = OK, description = "One event as a flat object with dotted field names", body = HashMap<String, Value>))
)]
async fn event() -> ApiResult<Response> {
    Err(ApiError::busy())
}

/// The rows of one read-only statement over the table `events`.
#[utoipa::path(
    post,
    path = "/sql",
    tag = "search",
    operation_id = "search_sql",
    request_body = SqlRequest,
    responses((status = OK, description = "The rows of one read-only statement over the table `events`", body = SqlAnswer))
)]
async fn sql() -> ApiResult<Json<SqlAnswer>> {
    Err(ApiError::busy())
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::SearchRead, routes!(search))
        .read(Permission::SearchRead, routes!(cancel))
        .read(Permission::SearchRead, routes!(histogram))
        .read(Permission::SearchRead, routes!(fields))
        .write(Permission::ExportRead, routes!(export))
        .read(Permission::SearchRead, routes!(event))
        .write(Permission::SqlRead, routes!(sql))
}
