//! Employees sent to where the object is.

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
use crate::http::{Api, ApiResult, Body};

wire! {
    /// A visit.
    Visit(visit: casework::Visit) {
        id: String,
        /// The body or person that decided.
        decided_by: String,
        employee: String,
        place: String,
        reason: String,
        decided_at: Timestamp,
        arrived_at: Option<Timestamp>,
        ended_at: Option<Timestamp>,
        result: String,
        version: i64,
    }
}

#[derive(Serialize, ToSchema)]
pub struct VisitList {
    pub visits: Vec<Visit>,
}

/// A decision to send somebody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVisit {
    pub decided_by: String,
    pub employee: String,
    pub place: String,
    pub reason: String,
    /// Now when absent.
    #[serde(default)]
    pub decided_at: Option<Timestamp>,
}

/// What a visit came to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisitPatch {
    #[serde(default)]
    pub arrived_at: Option<Timestamp>,
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub result: Option<String>,
    pub version: i64,
}

/// Visits, the first decided first.
#[utoipa::path(
    get,
    path = "/incidents/{id}/visits",
    tag = "incidents",
    operation_id = "incidents_visits",
    params(("id" = String, Path)),
    responses((status = OK, description = "Visits, the first decided first", body = VisitList))
)]
async fn visits(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<VisitList>> {
    let visits = list(app.store.visits(&id).await?);
    Ok(Json(VisitList { visits }))
}

/// The visit.
#[utoipa::path(
    post,
    path = "/incidents/{id}/visits",
    tag = "incidents",
    operation_id = "incidents_add_visit",
    request_body = NewVisit,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The visit", body = Visit))
)]
async fn add_visit(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewVisit>,
) -> ApiResult<(StatusCode, Json<Visit>)> {
    let new = casework::NewVisit {
        decided_by: body.decided_by,
        employee: body.employee,
        place: body.place,
        reason: body.reason,
        decided_at: body.decided_at,
    };
    let visit = change!(app, who, |tx, ctx| tx.add_visit(ctx, &id, &new).await?);
    Ok((StatusCode::CREATED, Json(visit.into())))
}

/// The visit.
#[utoipa::path(
    patch,
    path = "/visits/{id}",
    tag = "incidents",
    operation_id = "incidents_update_visit",
    request_body = VisitPatch,
    params(("id" = String, Path)),
    responses((status = OK, description = "The visit", body = Visit))
)]
async fn update_visit(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<VisitPatch>,
) -> ApiResult<Json<Visit>> {
    let patch = casework::VisitPatch {
        arrived_at: body.arrived_at,
        ended_at: body.ended_at,
        result: body.result,
        version: body.version,
    };
    let visit = change!(app, who, |tx, ctx| tx
        .update_visit(ctx, &id, &patch)
        .await?);
    Ok(Json(visit.into()))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::IncidentsRead, routes!(visits))
        .write(Permission::IncidentsWrite, routes!(add_visit))
        .write(Permission::IncidentsWrite, routes!(update_visit))
}
