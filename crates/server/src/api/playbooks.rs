//! Standard response procedures: CACAO 2.0 playbooks in versions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_casework as casework;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::App;
use crate::access::{Permission, Who};
use crate::api::wire::{change, list, wire};
use crate::http::{Api, ApiError, ApiResult, Body};

wire! {
    /// A version of a procedure.
    Playbook(one: casework::PlaybookVersion) {
        /// As a plain list of steps, if it is one.
        linear: Option<LinearPlaybook> = casework::Playbook::parse(&one.document)
            .ok()
            .and_then(|playbook| playbook.linear())
            .map(LinearPlaybook::from),
        id: String,
        version: i64,
        name: String,
        /// The CACAO 2.0 document.
        #[schema(value_type = Object)]
        document: serde_json::Value = one.document,
        sha256: String,
        reason: String,
        saved_at: Timestamp,
        saved_by: String,
        /// Only an approved version is run.
        approved_at: Option<Timestamp>,
        approved_by: Option<String>,
    }
}

/// A procedure as a plain list of steps.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearPlaybook {
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub steps: Vec<LinearStep>,
}

/// One step of the list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearStep {
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// `block_address`, `disable_account`, `call_webhook` or `add_to_set`; a person does it when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
}

impl From<casework::LinearPlaybook> for LinearPlaybook {
    fn from(one: casework::LinearPlaybook) -> Self {
        let step = |step: casework::LinearStep| LinearStep {
            name: step.name,
            description: step.description,
            driver: step.driver,
        };
        Self {
            name: one.name,
            description: one.description,
            steps: one.steps.into_iter().map(step).collect(),
        }
    }
}

impl From<LinearPlaybook> for casework::LinearPlaybook {
    fn from(one: LinearPlaybook) -> Self {
        let step = |step: LinearStep| casework::LinearStep {
            name: step.name,
            description: step.description,
            driver: step.driver.filter(|driver| !driver.is_empty()),
        };
        Self {
            name: one.name,
            description: one.description,
            steps: one.steps.into_iter().map(step).collect(),
        }
    }
}

wire! {
    /// Somebody has confirmed to have read a version.
    PlaybookReading(one: casework::PlaybookReading) {
        version: i64,
        person: String,
        read_at: Timestamp,
    }
}

#[derive(Serialize, ToSchema)]
pub struct PlaybookList {
    pub playbooks: Vec<Playbook>,
}

#[derive(Serialize, ToSchema)]
pub struct PlaybookHistory {
    /// The newest first.
    pub versions: Vec<Playbook>,
    pub readings: Vec<PlaybookReading>,
}

/// A CACAO 2.0 document to be saved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybookImport {
    #[schema(value_type = Object)]
    pub document: serde_json::Value,
    pub reason: String,
    /// The version it was made from; 0 for the first.
    pub version: i64,
}

/// A list of steps to be saved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearSave {
    /// Of the procedure that is changed; a new one when absent.
    #[serde(default)]
    pub id: Option<String>,
    pub playbook: LinearPlaybook,
    pub reason: String,
    /// The version it was made from; 0 for the first.
    pub version: i64,
}

/// The version that is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybookApproval {
    pub version: i64,
}

/// The newest version of every procedure.
#[utoipa::path(
    get,
    path = "/playbooks",
    tag = "playbooks",
    operation_id = "playbooks_list_newest",
    responses((status = OK, description = "The newest version of every procedure", body = PlaybookList))
)]
async fn list_newest(State(app): State<App>) -> ApiResult<Json<PlaybookList>> {
    let playbooks = list(app.store.playbooks().await?);
    Ok(Json(PlaybookList { playbooks }))
}

/// The new version.
#[utoipa::path(
    post,
    path = "/playbooks",
    tag = "playbooks",
    operation_id = "playbooks_import",
    request_body = PlaybookImport,
    responses((status = CREATED, description = "The new version", body = Playbook))
)]
async fn import(
    State(app): State<App>,
    who: Who,
    Body(body): Body<PlaybookImport>,
) -> ApiResult<(StatusCode, Json<Playbook>)> {
    let saved = change!(app, who, |tx, ctx| {
        tx.save_playbook(ctx, &body.document, &body.reason, body.version)
            .await?
    });
    Ok((StatusCode::CREATED, Json(saved.into())))
}

/// The new version.
#[utoipa::path(
    post,
    path = "/playbooks/linear",
    tag = "playbooks",
    operation_id = "playbooks_save_linear",
    request_body = LinearSave,
    responses((status = CREATED, description = "The new version", body = Playbook))
)]
async fn save_linear(
    State(app): State<App>,
    who: Who,
    Body(body): Body<LinearSave>,
) -> ApiResult<(StatusCode, Json<Playbook>)> {
    let id = match body.id {
        Some(id) => id,
        None => new_id()?,
    };
    let linear: casework::LinearPlaybook = body.playbook.into();
    let document = linear.to_cacao(&id, &who.actor().id, app.now())?;
    let saved = change!(app, who, |tx, ctx| {
        tx.save_playbook(ctx, &document, &body.reason, body.version)
            .await?
    });
    Ok((StatusCode::CREATED, Json(saved.into())))
}

/// Every version, and who has read which.
#[utoipa::path(
    get,
    path = "/playbooks/{id}",
    tag = "playbooks",
    operation_id = "playbooks_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "Every version, and who has read which", body = PlaybookHistory))
)]
async fn get(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<PlaybookHistory>> {
    let (versions, readings) = app.store.playbook(&id).await?;
    Ok(Json(PlaybookHistory {
        versions: list(versions),
        readings: list(readings),
    }))
}

/// The version may be run.
#[utoipa::path(
    post,
    path = "/playbooks/{id}/approve",
    tag = "playbooks",
    operation_id = "playbooks_approve",
    request_body = PlaybookApproval,
    params(("id" = String, Path)),
    responses((status = OK, description = "The version may be run", body = Playbook))
)]
async fn approve(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<PlaybookApproval>,
) -> ApiResult<Json<Playbook>> {
    let approved = change!(app, who, |tx, ctx| tx
        .approve_playbook(ctx, &id, body.version)
        .await?);
    Ok(Json(approved.into()))
}

/// Your reading is recorded.
#[utoipa::path(
    post,
    path = "/playbooks/{id}/read",
    tag = "playbooks",
    operation_id = "playbooks_confirm_reading",
    request_body = PlaybookApproval,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "Your reading is recorded"))
)]
async fn confirm_reading(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<PlaybookApproval>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.confirm_reading(ctx, &id, body.version).await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::PlaybooksRead, routes!(list_newest))
        .write(Permission::PlaybooksWrite, routes!(import))
        .write(Permission::PlaybooksWrite, routes!(save_linear))
        .read(Permission::PlaybooksRead, routes!(get))
        .write(Permission::PlaybooksApprove, routes!(approve))
        .write(Permission::PlaybooksRead, routes!(confirm_reading))
}

/// `playbook--<uuid>`, random.
fn new_id() -> ApiResult<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| ApiError::internal(anyhow::anyhow!("random bytes: {error}")))?;
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(format!("playbook--{id}"))
}
