//! Cases that belong together, and times put right.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_casework as casework;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Incident, whole};
use crate::App;
use crate::access::{Permission, Who};
use crate::api::wire::{change, list, wire, wire_words};
use crate::http::{Api, ApiError, ApiResult, Body};

wire_words! {
    /// How two cases belong together.
    LinkKind: casework::LinkKind { Related, Duplicate, CausedBy, PartOf }
}

wire! {
    /// A case that another one is linked with.
    LinkedIncident(link: casework::LinkedIncident) {
        id: String,
        number: String,
        title: String,
        state: super::IncidentState,
        kind: LinkKind,
        /// The link was made from this case; otherwise from the other.
        outgoing: bool,
        note: String,
        linked_at: Timestamp,
        linked_by: String,
    }
}

wire! {
    /// A case that may be about the same.
    LikelyDuplicate(row: casework::LikelyDuplicate) {
        id: String,
        number: String,
        title: String,
        detected_at: Timestamp,
        /// Hosts, users and addresses that both cases have.
        shared: Vec<String>,
    }
}

#[derive(Serialize, ToSchema)]
pub struct RelatedIncidents {
    pub links: Vec<LinkedIncident>,
    pub duplicates: Vec<LikelyDuplicate>,
}

/// Two cases become one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// Id of the case that carries on.
    pub into: String,
    pub reason: String,
    pub version: i64,
    pub into_version: i64,
}

/// A part becomes a case of its own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Alerts that go over.
    pub alerts: Vec<String>,
    pub title: String,
    pub reason: String,
    pub version: i64,
}

/// A link between two cases.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// Id of the other case.
    pub other: String,
    pub kind: LinkKind,
    #[serde(default)]
    pub note: String,
}

/// Times that were wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimesCorrection {
    #[serde(default)]
    pub detected_at: Option<Timestamp>,
    #[serde(default)]
    pub occurred_at: Option<Timestamp>,
    pub reason: String,
    pub version: i64,
}

/// An event to be kept with the case.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPin {
    /// Id of a stored event.
    pub event_id: String,
    #[serde(default)]
    pub note: String,
}

/// Somebody else is called in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// Login of who is called in.
    pub to: String,
    pub reason: String,
}

/// Linked cases and likely duplicates.
#[utoipa::path(
    get,
    path = "/incidents/{id}/related",
    tag = "incidents",
    operation_id = "incidents_related",
    params(("id" = String, Path)),
    responses((status = OK, description = "Linked cases and likely duplicates", body = RelatedIncidents))
)]
async fn related(
    State(app): State<App>,
    Path(id): Path<String>,
) -> ApiResult<Json<RelatedIncidents>> {
    Ok(Json(RelatedIncidents {
        links: list(app.store.linked_incidents(&id).await?),
        duplicates: list(app.store.likely_duplicates(&id).await?),
    }))
}

/// The case that carries on.
#[utoipa::path(
    post,
    path = "/incidents/{id}/merge",
    tag = "incidents",
    operation_id = "incidents_merge",
    request_body = Merge,
    params(("id" = String, Path)),
    responses((status = OK, description = "The case that carries on", body = Incident))
)]
async fn merge(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Merge>,
) -> ApiResult<Json<Incident>> {
    let versions = (body.version, body.into_version);
    let survivor = change!(app, who, |tx, ctx| {
        tx.merge_incidents(ctx, &id, &body.into, &body.reason, versions)
            .await?
    });
    whole(&app, &who, &survivor.id).await
}

/// The new case.
#[utoipa::path(
    post,
    path = "/incidents/{id}/split",
    tag = "incidents",
    operation_id = "incidents_split",
    request_body = Split,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The new case", body = Incident))
)]
async fn split(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Split>,
) -> ApiResult<(StatusCode, Json<Incident>)> {
    let part = change!(app, who, |tx, ctx| {
        tx.split_incident(
            ctx,
            &id,
            &body.alerts,
            &body.title,
            &body.reason,
            body.version,
        )
        .await?
    });
    Ok((StatusCode::CREATED, whole(&app, &who, &part.id).await?))
}

/// The cases are linked.
#[utoipa::path(
    post,
    path = "/incidents/{id}/links",
    tag = "incidents",
    operation_id = "incidents_link",
    request_body = NewLink,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The cases are linked"))
)]
async fn link(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewLink>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.link_incidents(ctx, &id, &body.other, body.kind.into(), &body.note)
            .await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

/// The case with its clocks computed anew.
#[utoipa::path(
    post,
    path = "/incidents/{id}/times",
    tag = "incidents",
    operation_id = "incidents_correct_times",
    request_body = TimesCorrection,
    params(("id" = String, Path)),
    responses((status = OK, description = "The case with its clocks computed anew", body = Incident))
)]
async fn correct_times(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<TimesCorrection>,
) -> ApiResult<Json<Incident>> {
    change!(app, who, |tx, ctx| {
        tx.correct_times(
            ctx,
            &id,
            body.detected_at,
            body.occurred_at,
            &body.reason,
            body.version,
        )
        .await?;
    });
    whole(&app, &who, &id).await
}

/// The event is kept with the case.
#[utoipa::path(
    post,
    path = "/incidents/{id}/pins",
    tag = "incidents",
    operation_id = "incidents_pin",
    request_body = NewPin,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The event is kept with the case"))
)]
async fn pin(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewPin>,
) -> ApiResult<StatusCode> {
    let event = app.lake.event(&body.event_id).await;
    let event = event
        .map_err(ApiError::internal)?
        .ok_or_else(|| ApiError::not_found(format!("`event:{}` does not exist", body.event_id)))?;
    let event = serde_json::Value::Object(event);
    change!(app, who, |tx, ctx| {
        tx.pin_event(ctx, &id, &event, &body.note).await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

/// The person was told.
#[utoipa::path(
    post,
    path = "/incidents/{id}/escalate",
    tag = "incidents",
    operation_id = "incidents_escalate",
    request_body = Escalation,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The person was told"))
)]
async fn escalate(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Escalation>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.escalate_incident(ctx, &id, &body.to, &body.reason)
            .await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::IncidentsRead, routes!(related))
        .write(Permission::IncidentsWrite, routes!(merge))
        .write(Permission::IncidentsWrite, routes!(split))
        .write(Permission::IncidentsWrite, routes!(link))
        .write(Permission::IncidentsWrite, routes!(correct_times))
        .write(Permission::IncidentsWrite, routes!(pin))
        .write(Permission::IncidentsWrite, routes!(escalate))
}
