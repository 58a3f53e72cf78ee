//! The closing gate, and the history of the clocks.

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
use crate::api::wire::{Text3, change, list, wire};
use crate::http::{Api, ApiResult, Body};

wire! {
    /// One point of the gate.
    GateItem(item: casework::GateItem) {
        /// `classified`, `eliminated`, `cause`, `evidence`, `investigation`, `damage`,
        /// `clock:<duty>` or `check:<item>`.
        id: String,
        clause: Option<String>,
        title: Option<Text3> = item.title.map(Text3::from),
        ok: bool,
        /// Who settled it and why, or what is missing.
        detail: String,
        by: Option<String>,
        at: Option<Timestamp>,
    }
}

#[derive(Serialize, ToSchema)]
pub struct ClosingGate {
    pub items: Vec<GateItem>,
}

wire! {
    /// One computation of a clock. Later ones do not replace it.
    ClockComputation(row: casework::ClockComputation) {
        duty: String,
        seq: u64,
        computed_at: Timestamp,
        started: Option<Timestamp>,
        due: Option<Timestamp>,
        stopped: Option<Timestamp>,
        edition: String,
        provisional: bool,
    }
}

#[derive(Serialize, ToSchema)]
pub struct ClockHistory {
    pub computations: Vec<ClockComputation>,
}

/// Why an own duty was not met or need not be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockReason {
    pub duty: String,
    pub reason: String,
}

/// A point of a check list is confirmed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckMark {
    pub item: String,
    #[serde(default)]
    pub note: String,
}

/// What must be so before the case may be closed.
#[utoipa::path(
    get,
    path = "/incidents/{id}/gate",
    tag = "incidents",
    operation_id = "incidents_gate",
    params(("id" = String, Path)),
    responses((status = OK, description = "What must be so before the case may be closed", body = ClosingGate))
)]
async fn gate(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<ClosingGate>> {
    let mut items = app.store.closing_gate(&id, &app.law, app.now()).await?;
    if app.store.is_subject(&id, &who.actor().id).await? {
        items.retain(|item| !item.id.contains("investigation") && item.id != "damage");
    }
    Ok(Json(ClosingGate { items: list(items) }))
}

/// The reason is recorded.
#[utoipa::path(
    post,
    path = "/incidents/{id}/clock-reasons",
    tag = "incidents",
    operation_id = "incidents_explain_clock",
    request_body = ClockReason,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The reason is recorded"))
)]
async fn explain_clock(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<ClockReason>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.explain_clock(ctx, &id, &body.duty, &body.reason).await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

/// The point is confirmed.
#[utoipa::path(
    post,
    path = "/incidents/{id}/checks",
    tag = "incidents",
    operation_id = "incidents_mark_check",
    request_body = CheckMark,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The point is confirmed"))
)]
async fn mark_check(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<CheckMark>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.mark_check(ctx, &id, &body.item, &body.note).await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

/// Every computation of the clocks, oldest first.
#[utoipa::path(
    get,
    path = "/incidents/{id}/clock-history",
    tag = "incidents",
    operation_id = "incidents_clock_history",
    params(("id" = String, Path)),
    responses((status = OK, description = "Every computation of the clocks, oldest first", body = ClockHistory))
)]
async fn clock_history(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<ClockHistory>> {
    let mut rows = app.store.clock_history(&id).await?;
    if app.store.is_subject(&id, &who.actor().id).await? {
        rows.retain(|row| !row.duty.contains("investigation"));
    }
    Ok(Json(ClockHistory {
        computations: list(rows),
    }))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::IncidentsRead, routes!(gate))
        .write(Permission::IncidentsWrite, routes!(explain_clock))
        .write(Permission::IncidentsWrite, routes!(mark_check))
        .read(Permission::IncidentsRead, routes!(clock_history))
}
