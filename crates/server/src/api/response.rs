//! Response on a case: runs of procedures, actions on other systems, stops of business processes.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_casework as casework;
use saqshy_law::Lang;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::App;
use crate::access::{Permission, Who};
use crate::api::wire::{change, list, wire, wire_words};
use crate::http::{Api, ApiResult, Body};
use crate::response;
use crate::texts::text;

wire_words! {
    /// Where a step stands.
    StepState: casework::StepState { Open, Waiting, Done, Failed, Skipped }
}
wire_words! {
    /// Whether a procedure had effect.
    Effect: casework::Effect { Effective, Low }
}
wire_words! {
    /// Where an action stands.
    ActionState: casework::ActionState {
        Requested, Approved, Refused, Applying, Applied, Failed, Undone,
    }
}
wire_words! {
    /// How far a business process is stopped.
    Extent: casework::Extent { Partial, Full }
}

wire! {
    /// A step of a run.
    RunStep(step: casework::RunStep) {
        n: u64,
        name: String,
        description: String,
        /// `human`, `automated`, `choice` or `parallel`.
        kind: String,
        /// What a person is asked to do, or the question of a choice.
        instructions: Vec<String>,
        driver: Option<String>,
        choices: Vec<String>,
        state: StepState,
        begun_at: Timestamp,
        ended_at: Option<Timestamp>,
        ended_by: Option<String>,
        choice: Option<String>,
        note: String,
    }
}

wire! {
    /// A run of a procedure.
    Run(run: casework::Run) {
        id: String,
        playbook_id: String,
        playbook_version: i64,
        name: String,
        started_at: Timestamp,
        started_by: String,
        ended_at: Option<Timestamp>,
        effect: Option<Effect> = run.effect.map(Effect::from),
        effect_why: Option<String>,
        effect_by: Option<String>,
        steps: Vec<RunStep> = list(run.steps),
    }
}

wire! {
    /// An action on another system.
    Action(action: casework::Action) {
        id: String,
        incident_id: String,
        run_id: Option<String>,
        run_step: Option<u64>,
        driver: String,
        target: String,
        minutes: u32,
        reason: String,
        state: ActionState,
        requested_at: Timestamp,
        requested_by: String,
        /// What a dry run said it would do.
        rehearsal: Option<String>,
        /// The owner of the business process who agreed.
        owner: Option<String>,
        approved_by: Option<String>,
        applied_at: Option<Timestamp>,
        expires_at: Option<Timestamp>,
        undone_at: Option<Timestamp>,
        result: String,
        version: i64,
    }
}

wire! {
    /// A stop of a business process.
    ProcessStop(stop: casework::ProcessStop) {
        id: String,
        process: String,
        extent: Extent,
        owner: String,
        agreed_at: Option<Timestamp>,
        /// Why the owner could not be asked first.
        emergency: String,
        reason: String,
        decided_at: Timestamp,
        decided_by: String,
        resumed_at: Option<Timestamp>,
    }
}

wire! {
    /// Something that no action is aimed at.
    ProtectedTarget(one: casework::ProtectedTarget) {
        target: String,
        reason: String,
        added_at: Timestamp,
        added_by: String,
    }
}

wire! {
    /// A value of a reference set.
    ReferenceItem(one: casework::ReferenceItem) {
        set: String,
        value: String,
        added_at: Timestamp,
        added_by: String,
    }
}

#[derive(Serialize, ToSchema)]
pub struct ResponseOfCase {
    pub runs: Vec<Run>,
    pub actions: Vec<Action>,
    pub stops: Vec<ProcessStop>,
    /// Drivers that this server is set up for.
    pub drivers: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Targets {
    pub protected: Vec<ProtectedTarget>,
    pub reference: Vec<ReferenceItem>,
}

/// A procedure to be run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// Id of the procedure.
    pub playbook: String,
}

/// How a step ended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepEnd {
    /// `done`, `failed` or `skipped`.
    pub state: StepState,
    #[serde(default)]
    pub choice: Option<String>,
    #[serde(default)]
    pub note: String,
}

/// Whether the procedure had effect.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    pub effect: Effect,
    pub reason: String,
}

/// An action to be asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAction {
    pub driver: String,
    /// An address; the name of an account; `set=value`; `webhook=value`.
    pub target: String,
    /// How long it stands before it is undone by itself.
    pub minutes: u32,
    pub reason: String,
    #[serde(default)]
    pub run: Option<String>,
    #[serde(default)]
    pub step: Option<u64>,
}

/// The version that was seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Versioned {
    pub version: i64,
}

/// A second person agrees.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionApproval {
    /// The owner of the business process who agreed.
    pub owner: String,
    pub version: i64,
}

/// A second person refuses.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionRefusal {
    pub reason: String,
    pub version: i64,
}

/// A stop to be decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStop {
    pub process: String,
    pub extent: Extent,
    pub owner: String,
    #[serde(default)]
    pub agreed_at: Option<Timestamp>,
    /// Why the owner could not be asked first.
    #[serde(default)]
    pub emergency: String,
    pub reason: String,
}

/// What is never blocked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetChange {
    pub target: String,
    pub protected: bool,
    pub reason: String,
}

/// A value goes into a set, or out of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceChange {
    pub set: String,
    pub value: String,
    pub present: bool,
}

/// Runs, actions and stops of the case.
#[utoipa::path(
    get,
    path = "/incidents/{id}/response",
    tag = "response",
    operation_id = "response_of_case",
    params(("id" = String, Path)),
    responses((status = OK, description = "Runs, actions and stops of the case", body = ResponseOfCase))
)]
async fn of_case(
    State(app): State<App>,
    Path(id): Path<String>,
) -> ApiResult<Json<ResponseOfCase>> {
    Ok(Json(ResponseOfCase {
        runs: list(app.store.runs(&id).await?),
        actions: list(app.store.actions(&id).await?),
        stops: list(app.store.process_stops(&id).await?),
        drivers: response::ready(&app.config.response),
    }))
}

/// The run.
#[utoipa::path(
    post,
    path = "/incidents/{id}/runs",
    tag = "response",
    operation_id = "response_start_run",
    request_body = NewRun,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The run", body = Run))
)]
async fn start_run(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewRun>,
) -> ApiResult<(StatusCode, Json<Run>)> {
    let run = change!(app, who, |tx, ctx| tx
        .start_run(ctx, &id, &body.playbook)
        .await?);
    Ok((StatusCode::CREATED, Json(run.into())))
}

/// The run.
#[utoipa::path(
    post,
    path = "/runs/{id}/steps/{n}",
    tag = "response",
    operation_id = "response_end_step",
    request_body = StepEnd,
    params(("id" = String, Path), ("n" = u64, Path)),
    responses((status = OK, description = "The run", body = Run))
)]
async fn end_step(
    State(app): State<App>,
    who: Who,
    Path((id, n)): Path<(String, u64)>,
    Body(body): Body<StepEnd>,
) -> ApiResult<Json<Run>> {
    let end = casework::StepEnd {
        state: body.state.into(),
        choice: body.choice,
        note: body.note,
    };
    let run = change!(app, who, |tx, ctx| tx.end_step(ctx, &id, n, &end).await?);
    Ok(Json(run.into()))
}

/// The run; low effect has added the operative measures as tasks.
#[utoipa::path(
    post,
    path = "/runs/{id}/effect",
    tag = "response",
    operation_id = "response_judge",
    request_body = Judgement,
    params(("id" = String, Path)),
    responses((status = OK, description = "The run; low effect has added the operative measures as tasks", body = Run))
)]
async fn judge(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Judgement>,
) -> ApiResult<Json<Run>> {
    let lang = match app.config.promotion.language {
        casework::TitleLanguage::Kk => Lang::Kk,
        casework::TitleLanguage::Ru => Lang::Ru,
        casework::TitleLanguage::En => Lang::En,
    };
    let title = |n: u8| format!("R90-8-{n}: {}", text(lang, &format!("measure-r90-8-{n}")));
    let measures: Vec<String> = (1..=7).map(title).collect();
    let run = change!(app, who, |tx, ctx| {
        tx.judge_run(ctx, &id, body.effect.into(), &body.reason, &measures)
            .await?
    });
    Ok(Json(run.into()))
}

/// The action, with what a dry run says.
#[utoipa::path(
    post,
    path = "/incidents/{id}/actions",
    tag = "response",
    operation_id = "response_request",
    request_body = NewAction,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The action, with what a dry run says", body = Action))
)]
async fn request(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewAction>,
) -> ApiResult<(StatusCode, Json<Action>)> {
    let new = casework::NewAction {
        driver: body.driver,
        target: body.target,
        minutes: body.minutes,
        reason: body.reason,
        step: body.run.zip(body.step),
    };
    let action = change!(app, who, |tx, ctx| tx
        .request_action(ctx, &id, &new)
        .await?);
    let action = response::rehearse(&app, &who.actor(), action).await?;
    Ok((StatusCode::CREATED, Json(action.into())))
}

/// Approved and applied.
#[utoipa::path(
    post,
    path = "/actions/{id}/approve",
    tag = "response",
    operation_id = "response_approve",
    request_body = ActionApproval,
    params(("id" = String, Path)),
    responses((status = OK, description = "Approved and applied", body = Action))
)]
async fn approve(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<ActionApproval>,
) -> ApiResult<Json<Action>> {
    let action = change!(app, who, |tx, ctx| tx
        .approve_action(ctx, &id, &body.owner, body.version)
        .await?);
    let action = response::apply(&app, &who.actor(), action).await?;
    Ok(Json(action.into()))
}

/// Refused.
#[utoipa::path(
    post,
    path = "/actions/{id}/refuse",
    tag = "response",
    operation_id = "response_refuse",
    request_body = ActionRefusal,
    params(("id" = String, Path)),
    responses((status = OK, description = "Refused", body = Action))
)]
async fn refuse(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<ActionRefusal>,
) -> ApiResult<Json<Action>> {
    let action = change!(app, who, |tx, ctx| {
        tx.refuse_action(ctx, &id, &body.reason, body.version)
            .await?
    });
    Ok(Json(action.into()))
}

/// Undone.
#[utoipa::path(
    post,
    path = "/actions/{id}/undo",
    tag = "response",
    operation_id = "response_undo",
    request_body = Versioned,
    params(("id" = String, Path)),
    responses((status = OK, description = "Undone", body = Action))
)]
async fn undo(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Versioned>,
) -> ApiResult<Json<Action>> {
    let action = app.store.action(&id).await?;
    if action.version != body.version {
        return Err(crate::http::ApiError::stale_version(
            "the action has changed",
        ));
    }
    let action = response::undo(&app, &who.actor(), action).await?;
    Ok(Json(action.into()))
}

/// The stop.
#[utoipa::path(
    post,
    path = "/incidents/{id}/stops",
    tag = "response",
    operation_id = "response_stop",
    request_body = NewStop,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The stop", body = ProcessStop))
)]
async fn stop(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewStop>,
) -> ApiResult<(StatusCode, Json<ProcessStop>)> {
    let new = casework::NewStop {
        process: body.process,
        extent: body.extent.into(),
        owner: body.owner,
        agreed_at: body.agreed_at,
        emergency: body.emergency,
        reason: body.reason,
    };
    let stop = change!(app, who, |tx, ctx| tx.stop_process(ctx, &id, &new).await?);
    Ok((StatusCode::CREATED, Json(stop.into())))
}

/// The process runs again.
#[utoipa::path(
    post,
    path = "/stops/{id}/resume",
    tag = "response",
    operation_id = "response_resume",
    params(("id" = String, Path)),
    responses((status = OK, description = "The process runs again", body = ProcessStop))
)]
async fn resume(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<ProcessStop>> {
    let stop = change!(app, who, |tx, ctx| tx.resume_process(ctx, &id).await?);
    Ok(Json(stop.into()))
}

/// What is never blocked, and the reference sets.
#[utoipa::path(
    get,
    path = "/response-targets",
    tag = "response",
    operation_id = "response_targets",
    responses((status = OK, description = "What is never blocked, and the reference sets", body = Targets))
)]
async fn targets(State(app): State<App>) -> ApiResult<Json<Targets>> {
    Ok(Json(Targets {
        protected: list(app.store.protected_targets().await?),
        reference: list(app.store.reference_items().await?),
    }))
}

/// The list is changed.
#[utoipa::path(
    post,
    path = "/response-targets",
    tag = "response",
    operation_id = "response_set_target",
    request_body = TargetChange,
    responses((status = NO_CONTENT, description = "The list is changed"))
)]
async fn set_target(
    State(app): State<App>,
    who: Who,
    Body(body): Body<TargetChange>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| match body.protected {
        true => tx.protect_target(ctx, &body.target, &body.reason).await?,
        false => tx.unprotect_target(ctx, &body.target, &body.reason).await?,
    });
    Ok(StatusCode::NO_CONTENT)
}

/// The set is changed.
#[utoipa::path(
    post,
    path = "/reference-sets",
    tag = "response",
    operation_id = "response_set_reference",
    request_body = ReferenceChange,
    responses((status = NO_CONTENT, description = "The set is changed"))
)]
async fn set_reference(
    State(app): State<App>,
    who: Who,
    Body(body): Body<ReferenceChange>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.set_reference(ctx, &body.set, &body.value, body.present, None)
            .await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::IncidentsRead, routes!(of_case))
        .write(Permission::IncidentsWrite, routes!(start_run))
        .write(Permission::IncidentsWrite, routes!(end_step))
        .write(Permission::IncidentsWrite, routes!(judge))
        .write(Permission::ResponseRequest, routes!(request))
        .write(Permission::ResponseApprove, routes!(approve))
        .write(Permission::ResponseApprove, routes!(refuse))
        .write(Permission::ResponseRequest, routes!(undo))
        .write(Permission::ResponseApprove, routes!(stop))
        .write(Permission::ResponseApprove, routes!(resume))
        .read(Permission::IncidentsRead, routes!(targets))
        .write(Permission::ResponseApprove, routes!(set_target))
        .write(Permission::ResponseApprove, routes!(set_reference))
}
