//! Incidents: opening, working, closing, and the law's clocks on them.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::alerts::Alert;
use super::notices::Notice;
use super::wire::{Clock, Created, Severity, Text3};
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    Open,
    Investigating,
    Contained,
    Eliminated,
    Closed,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IncidentsQuery {
    #[param(inline)]
    pub state: Option<IncidentState>,
    /// 1 to 500, 100 when absent.
    pub limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub struct IncidentList {
    pub incidents: Vec<IncidentRow>,
}

#[derive(Serialize, ToSchema)]
pub struct IncidentRow {
    pub id: String,
    /// The number that people say, for example `2026-0007`.
    pub number: String,
    pub title: String,
    pub state: IncidentState,
    pub severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    pub detected_at: Timestamp,
    pub created_at: Timestamp,
    pub alerts_count: u64,
    /// The clock that is due next or was due first, when one runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_clock: Option<Clock>,
    pub version: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIncident {
    pub title: String,
    pub severity: Severity,
    #[serde(default)]
    pub category: Option<String>,
    /// The information system or object that is affected.
    #[serde(default)]
    pub object: Option<String>,
    /// Alerts to open the incident from.
    #[serde(default)]
    pub alerts: Vec<String>,
    /// When the organisation became aware; now when absent. Starts the law's clocks.
    #[serde(default)]
    pub detected_at: Option<Timestamp>,
    /// When it happened, where that is known.
    #[serde(default)]
    pub occurred_at: Option<Timestamp>,
}

/// Everything about one incident.
#[derive(Serialize, ToSchema)]
pub struct Incident {
    pub id: String,
    pub number: String,
    pub title: String,
    pub state: IncidentState,
    pub severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    pub detected_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    pub version: i64,
    pub alerts: Vec<Alert>,
    pub timeline: Vec<TimelineEntry>,
    pub tasks: Vec<Task>,
    pub clocks: Vec<Clock>,
    pub notices: Vec<Notice>,
    pub proofs: Vec<Proof>,
}

/// Something that happened to the incident.
#[derive(Serialize, ToSchema)]
pub struct TimelineEntry {
    pub at: Timestamp,
    pub actor: String,
    /// For example `incident.created`, `comment`, `notice.sent`.
    pub kind: String,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    Open,
    Done,
    Cancelled,
}

#[derive(Serialize, ToSchema)]
pub struct Task {
    pub id: String,
    pub title: String,
    pub state: TaskState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    pub created_at: Timestamp,
}

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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentPatch {
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub severity: Option<Severity>,
    #[serde(default)]
    pub category: Option<String>,
    #[serde(default)]
    pub object: Option<String>,
    /// Login of the user; an empty text takes the assignment away.
    #[serde(default)]
    pub assignee: Option<String>,
    pub version: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateChange {
    pub state: IncidentState,
    pub reason: String,
    pub version: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewComment {
    pub text: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    pub title: String,
    #[serde(default)]
    pub assignee: Option<String>,
    #[serde(default)]
    pub due: Option<Timestamp>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskPatch {
    pub state: TaskState,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachAlerts {
    pub alerts: Vec<String>,
}

/// Something that happened outside the program and that the law's clocks depend on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFact {
    /// For example `answer.received:o199.notify-state-body` or `notice.received:o199.notify-nsc`.
    pub kind: String,
    /// When it happened; not in the future.
    pub at: Timestamp,
    /// How it is known: a letter's number, who called.
    pub note: String,
}

/// Incidents, the latest first.
#[utoipa::path(
    get,
    path = "/incidents",
    tag = "incidents",
    operation_id = "incidents_list",
    params(IncidentsQuery),
    responses((status = OK, description = "Incidents, the latest first", body = IncidentList))
)]
async fn list() -> ApiResult<Json<IncidentList>> {
    Err(ApiError::busy())
}

/// The incident was opened.
#[utoipa::path(
    post,
    path = "/incidents",
    tag = "incidents",
    operation_id = "incidents_create",
    request_body = NewIncident,
    responses((status = CREATED, description = "The incident was opened", body = Incident))
)]
async fn create() -> ApiResult<(StatusCode, Json<Incident>)> {
    Err(ApiError::busy())
}

/// Everything about one incident.
#[utoipa::path(
    get,
    path = "/incidents/{id}",
    tag = "incidents",
    operation_id = "incidents_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "Everything about one incident", body = Incident))
)]
async fn get() -> ApiResult<Json<Incident>> {
    Err(ApiError::busy())
}

/// The incident after the change.
#[utoipa::path(
    patch,
    path = "/incidents/{id}",
    tag = "incidents",
    operation_id = "incidents_update",
    request_body = IncidentPatch,
    params(("id" = String, Path)),
    responses((status = OK, description = "The incident after the change", body = Incident))
)]
async fn update() -> ApiResult<Json<Incident>> {
    Err(ApiError::busy())
}

/// The incident in its new state.
#[utoipa::path(
    post,
    path = "/incidents/{id}/state",
    tag = "incidents",
    operation_id = "incidents_set_state",
    request_body = StateChange,
    params(("id" = String, Path)),
    responses((status = OK, description = "The incident in its new state", body = Incident))
)]
async fn set_state() -> ApiResult<Json<Incident>> {
    Err(ApiError::busy())
}

/// The comment was added.
#[utoipa::path(
    post,
    path = "/incidents/{id}/comments",
    tag = "incidents",
    operation_id = "incidents_comment",
    request_body = NewComment,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The comment was added"))
)]
async fn comment() -> ApiResult<StatusCode> {
    Err(ApiError::busy())
}

/// The task was added.
#[utoipa::path(
    post,
    path = "/incidents/{id}/tasks",
    tag = "incidents",
    operation_id = "incidents_add_task",
    request_body = NewTask,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The task was added", body = Created))
)]
async fn add_task() -> ApiResult<(StatusCode, Json<Created>)> {
    Err(ApiError::busy())
}

/// The task was changed.
#[utoipa::path(
    patch,
    path = "/incidents/{id}/tasks/{task}",
    tag = "incidents",
    operation_id = "incidents_set_task",
    request_body = TaskPatch,
    params(("id" = String, Path), ("task" = String, Path)),
    responses((status = OK, description = "The task after the change", body = Task))
)]
async fn set_task() -> ApiResult<Json<Task>> {
    Err(ApiError::busy())
}

/// The alerts belong to the incident now.
#[utoipa::path(
    post,
    path = "/incidents/{id}/alerts",
    tag = "incidents",
    operation_id = "incidents_attach_alerts",
    request_body = AttachAlerts,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The alerts belong to the incident now"))
)]
async fn attach_alerts() -> ApiResult<StatusCode> {
    Err(ApiError::busy())
}

/// The fact was recorded and the clocks were computed again.
#[utoipa::path(
    post,
    path = "/incidents/{id}/facts",
    tag = "incidents",
    operation_id = "incidents_add_fact",
    request_body = NewFact,
    params(("id" = String, Path)),
    responses((status = OK, description = "The fact was recorded and the clocks were computed again", body = Incident))
)]
async fn add_fact() -> ApiResult<Json<Incident>> {
    Err(ApiError::busy())
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::IncidentsRead, routes!(list))
        .write(Permission::IncidentsWrite, routes!(create))
        .read(Permission::IncidentsRead, routes!(get))
        .write(Permission::IncidentsWrite, routes!(update))
        .write(Permission::IncidentsWrite, routes!(set_state))
        .write(Permission::IncidentsWrite, routes!(comment))
        .write(Permission::IncidentsWrite, routes!(add_task))
        .write(Permission::IncidentsWrite, routes!(set_task))
        .write(Permission::IncidentsWrite, routes!(attach_alerts))
        .write(Permission::IncidentsWrite, routes!(add_fact))
}
