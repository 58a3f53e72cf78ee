//! Incidents: opening, working, closing, and the law's clocks on them.

mod closing;
mod merge;
mod proofs;
mod timeline;
mod visits;
mod work;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_casework as casework;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::alerts::Alert;
use super::notices::Notice;
use super::wire::{Clock, Names, Severity, change, list as rows, same_words, wire};
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiResult, Body, Query};

pub(crate) use proofs::leaves_of_case;
use proofs::{Proof, proofs};
use timeline::TimelineEntry;
use work::Task;
pub(crate) use work::TaskState;

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
    /// 1 (first) to 4.
    pub priority: u8,
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
    #[serde(default)]
    pub description: Option<String>,
    /// Initial recommendations for halting the spread; they go into the notices.
    #[serde(default)]
    pub recommendations: Option<String>,
    /// 1 (first) to 4; from the organisation's table when absent.
    #[serde(default)]
    pub priority: Option<u8>,
    /// Who reported it.
    #[serde(default)]
    pub reporter: Option<String>,
    /// By which way: mail, telephone, a form, a partner.
    #[serde(default)]
    pub channel: Option<String>,
    /// Alerts to open the incident from.
    #[serde(default)]
    pub alerts: Vec<String>,
    /// When the organisation became aware; when absent the moment at which the earliest of the
    /// alerts was opened, without alerts now. Starts the law's clocks.
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
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendations: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// 1 (first) to 4.
    pub priority: u8,
    /// Version of the organisation's table that class and priority are from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reporter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    pub detected_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eliminated_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eliminated_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// The case that carries on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<String>,
    pub version: i64,
    /// Events kept with the case.
    pub pins: Vec<PinnedEvent>,
    pub alerts: Vec<Alert>,
    pub timeline: Vec<TimelineEntry>,
    pub tasks: Vec<Task>,
    pub clocks: Vec<Clock>,
    pub notices: Vec<Notice>,
    pub proofs: Vec<Proof>,
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
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub recommendations: Option<String>,
    /// What brought it about.
    #[serde(default)]
    pub cause: Option<String>,
    /// 1 (first) to 4.
    #[serde(default)]
    pub priority: Option<u8>,
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

same_words!(IncidentState: casework::IncidentState {
    Open, Investigating, Contained, Eliminated, Closed,
});
wire! {
    /// An event that is kept whole with the case.
    PinnedEvent(pin: casework::PinnedEvent) {
        event_id: String,
        at: Timestamp,
        #[schema(value_type = Object)]
        event: serde_json::Value = pin.event,
        sha256: String,
        note: String,
        pinned_at: Timestamp,
        pinned_by: String,
    }
}

/// Empty texts are absent on the wire.
fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Everything about a case as `who` may see it: to a person whom an investigation is about, it
/// leaves no trace.
async fn whole(app: &App, who: &Who, id: &str) -> ApiResult<Json<Incident>> {
    let mut whole = app.store.incident(id, &app.law, app.now()).await?;
    let mut proofs = proofs(app, id).await?;
    if app.store.is_subject(id, &who.actor().id).await? {
        let tells = |text: &str| text.contains("investigation");
        whole
            .timeline
            .retain(|entry| !tells(&entry.kind) && !entry.data["kind"].as_str().is_some_and(tells));
        let law = &app.law;
        whole
            .clocks
            .retain(|clock| !law.is_of_investigation(&clock.duty));
        whole
            .notices
            .retain(|notice| !law.is_of_investigation(&notice.duty));
        proofs.retain(|proof| !tells(&proof.action));
    }
    let names = Names::of(app).await?;
    let timeline = whole.timeline.into_iter();
    let timeline = timeline.map(|entry| TimelineEntry::of(entry, &names));
    let notices = whole.notices.into_iter();
    let notices = notices.map(|notice| Notice::of(app, notice, &names));
    let incident = whole.incident;
    let clocks = whole.clocks.into_iter();
    Ok(Json(Incident {
        clocks: clocks
            .map(|clock| Clock::of(&incident.id, clock, &app.law))
            .collect(),
        id: incident.id,
        number: incident.number,
        title: incident.title,
        state: incident.state.into(),
        severity: incident.severity.into(),
        category: filled(incident.category),
        object: filled(incident.object),
        description: filled(incident.description),
        recommendations: filled(incident.recommendations),
        priority: incident.priority,
        table_version: incident.table_version,
        cause: filled(incident.cause),
        reporter: filled(incident.reporter),
        channel: filled(incident.channel),
        assignee: incident.assignee,
        detected_at: incident.detected_at,
        occurred_at: incident.occurred_at,
        created_at: incident.created_at,
        eliminated_at: incident.eliminated_at,
        eliminated_by: incident.eliminated_by.map(|login| names.name(login)),
        closed_at: incident.closed_at,
        merged_into: incident.merged_into,
        version: incident.version,
        pins: rows(whole.pins),
        alerts: whole.alerts.into_iter().map(Alert::from).collect(),
        timeline: timeline.collect(),
        tasks: whole.tasks.into_iter().map(Task::from).collect(),
        notices: notices.collect(),
        proofs,
    }))
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
async fn list(
    State(app): State<App>,
    Query(query): Query<IncidentsQuery>,
) -> ApiResult<Json<IncidentList>> {
    let filter = casework::IncidentFilter {
        state: query.state.map(Into::into),
        open_only: false,
    };
    let limit = query.limit.unwrap_or(100).clamp(1, 500);
    let rows = app.store.incidents(&filter, limit).await?;
    let mut next = BTreeMap::new();
    for row in app
        .store
        .clocks_next(&app.law, app.now(), usize::MAX)
        .await?
    {
        next.entry(row.incident_id).or_insert(row.clock);
    }
    let incidents = rows.into_iter().map(|row| {
        let incident = row.incident;
        let clock = next.remove(&incident.id);
        IncidentRow {
            next_clock: clock.map(|clock| Clock::of(&incident.id, clock, &app.law)),
            id: incident.id,
            number: incident.number,
            title: incident.title,
            state: incident.state.into(),
            severity: incident.severity.into(),
            category: filled(incident.category),
            object: filled(incident.object),
            assignee: incident.assignee,
            detected_at: incident.detected_at,
            created_at: incident.created_at,
            priority: incident.priority,
            alerts_count: row.alerts_count,
            version: incident.version,
        }
    });
    Ok(Json(IncidentList {
        incidents: incidents.collect(),
    }))
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
async fn create(
    State(app): State<App>,
    who: Who,
    Body(body): Body<NewIncident>,
) -> ApiResult<(StatusCode, Json<Incident>)> {
    let new = casework::NewIncident {
        title: body.title,
        title_text: None,
        severity: body.severity.into(),
        category: body.category.unwrap_or_default(),
        object: body.object.unwrap_or_default(),
        description: body.description.unwrap_or_default(),
        recommendations: body.recommendations.unwrap_or_default(),
        priority: body.priority,
        reporter: body.reporter.unwrap_or_default(),
        channel: body.channel.unwrap_or_default(),
        assignee: None,
        detected_at: body.detected_at,
        occurred_at: body.occurred_at,
        alerts: body.alerts,
    };
    let incident = change!(app, who, |tx, ctx| tx.create_incident(ctx, &new).await?);
    Ok((StatusCode::CREATED, whole(&app, &who, &incident.id).await?))
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
async fn get(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<Incident>> {
    whole(&app, &who, &id).await
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
async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<IncidentPatch>,
) -> ApiResult<Json<Incident>> {
    let patch = casework::IncidentPatch {
        title: body.title,
        severity: body.severity.map(Into::into),
        category: body.category,
        object: body.object,
        description: body.description,
        recommendations: body.recommendations,
        cause: body.cause,
        priority: body.priority,
        assignee: body.assignee,
        version: body.version,
    };
    change!(app, who, |tx, ctx| {
        tx.update_incident(ctx, &id, &patch).await?;
    });
    whole(&app, &who, &id).await
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
async fn set_state(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<StateChange>,
) -> ApiResult<Json<Incident>> {
    change!(app, who, |tx, ctx| {
        tx.set_incident_state(ctx, &id, body.state.into(), &body.reason, body.version)
            .await?;
    });
    whole(&app, &who, &id).await
}

pub(super) fn routes(api: Api) -> Api {
    let parts = [work::routes, merge::routes, closing::routes, visits::routes];
    let api = parts.into_iter().fold(api, |api, part| part(api));
    api.read(Permission::IncidentsRead, routes!(list))
        .write(Permission::IncidentsWrite, routes!(create))
        .read(Permission::IncidentsRead, routes!(get))
        .write(Permission::IncidentsWrite, routes!(update))
        .write(Permission::IncidentsWrite, routes!(set_state))
}
