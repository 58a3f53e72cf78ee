//! Work on a case: comments, tasks, attached alerts, facts that happened outside.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_casework::{self as casework, Receipt};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Incident, whole};
use crate::App;
use crate::access::{Permission, Who};
use crate::api::wire::{Created, change, same_words};
use crate::http::{Api, ApiResult, Body};

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

same_words!(TaskState: casework::TaskState { Open, Done, Cancelled });

impl From<casework::Task> for Task {
    fn from(task: casework::Task) -> Self {
        Self {
            id: task.id,
            title: task.title,
            state: task.state.into(),
            assignee: task.assignee,
            due: task.due,
            created_at: task.created_at,
        }
    }
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
async fn comment(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewComment>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.comment_incident(ctx, &id, &body.text).await?;
    });
    Ok(StatusCode::NO_CONTENT)
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
async fn add_task(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewTask>,
) -> ApiResult<(StatusCode, Json<Created>)> {
    let new = casework::NewTask {
        title: body.title,
        assignee: body.assignee.filter(|name| !name.is_empty()),
        due: body.due,
    };
    let task = change!(app, who, |tx, ctx| tx.add_task(ctx, &id, &new).await?);
    Ok((StatusCode::CREATED, Json(Created { id: task.id })))
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
async fn set_task(
    State(app): State<App>,
    who: Who,
    Path((id, task)): Path<(String, String)>,
    Body(body): Body<TaskPatch>,
) -> ApiResult<Json<Task>> {
    let task = change!(app, who, |tx, ctx| tx
        .set_task(ctx, &id, &task, body.state.into())
        .await?);
    Ok(Json(task.into()))
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
async fn attach_alerts(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<AttachAlerts>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.attach_alerts(ctx, &id, &body.alerts).await?;
    });
    Ok(StatusCode::NO_CONTENT)
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
async fn add_fact(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewFact>,
) -> ApiResult<Json<Incident>> {
    let notice = acknowledged_by(&app, &id, &body.kind).await?;
    change!(app, who, |tx, ctx| {
        match notice {
            Some((notice, who)) => {
                let (at, note) = (body.at, body.note);
                let receipt = Receipt::Recorded { who, at, note };
                tx.acknowledge_notice(ctx, &notice, &receipt).await?;
            }
            None => {
                let (kind, at, note) = (body.kind, body.at, body.note);
                let new = casework::NewFact { kind, at, note };
                tx.record_fact(ctx, &id, &new).await?;
            }
        }
    });
    whole(&app, &who, &id).await
}

/// The approved notice, and its addressee, whose receipt a fact `notice.received:…` states: a
/// stamped copy or an incoming number closes the notice as a confirmed link would.
async fn acknowledged_by(
    app: &App,
    incident: &str,
    kind: &str,
) -> ApiResult<Option<(String, String)>> {
    let Some(rest) = kind.strip_prefix("notice.received:") else {
        return Ok(None);
    };
    let (duty, addressee) = match rest.split_once(':') {
        Some((duty, addressee)) => (duty, Some(addressee)),
        None => (rest, None),
    };
    let whole = app.store.incident(incident, &app.law, app.now()).await?;
    let mut open = whole.notices.into_iter().filter(|notice| {
        notice.duty == duty
            && addressee.is_none_or(|addressee| notice.addressee == addressee)
            && notice.approved_at.is_some()
            && notice.acknowledged_at.is_none()
    });
    Ok(match (open.next(), open.next()) {
        (Some(one), None) => Some((one.id, one.addressee)),
        _ => None,
    })
}

pub(super) fn routes(api: Api) -> Api {
    api.write(Permission::IncidentsWrite, routes!(comment))
        .write(Permission::IncidentsWrite, routes!(add_task))
        .write(Permission::IncidentsWrite, routes!(set_task))
        .write(Permission::IncidentsWrite, routes!(attach_alerts))
        .write(Permission::IncidentsWrite, routes!(add_fact))
}
