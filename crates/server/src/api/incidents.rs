//! Incidents: opening, working, closing, and the law's clocks on them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_casework::{self as casework, Ctx, Receipt};
use saqshy_journal::{Leaf, leaf_hash};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::alerts::Alert;
use super::notices::Notice;
use super::wire::{Clock, Created, Names, Severity, same_words};
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiResult, Body, Query};

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
    #[serde(default)]
    pub description: Option<String>,
    /// Initial recommendations for halting the spread; they go into the notices.
    #[serde(default)]
    pub recommendations: Option<String>,
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
    /// Name of the person, or `system`, or `addressee:<party>`.
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
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub recommendations: Option<String>,
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

same_words!(IncidentState: casework::IncidentState {
    Open, Investigating, Contained, Eliminated, Closed,
});
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

impl TimelineEntry {
    fn of(entry: casework::TimelineEntry, names: &Names) -> Self {
        Self {
            text: line(&entry),
            at: entry.at,
            actor: names.name(entry.by),
            kind: entry.kind,
        }
    }
}

/// What the entry says in one line: the words of its author, or the values that changed.
fn line(entry: &casework::TimelineEntry) -> String {
    let value = |key: &str| match entry.data.get(key) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let joined = |keys: &[&str]| {
        let values = keys.iter().map(|key| value(key));
        let values: Vec<String> = values.filter(|text| !text.is_empty()).collect();
        values.join(" ")
    };
    let facts = match entry.kind.as_str() {
        "incident.created" => joined(&["number", "title"]),
        "incident.state" => format!("{} → {}", value("from"), value("state")),
        "clock.computed" => format!(
            "{} {} → {}",
            value("clause"),
            value("due_before"),
            value("due")
        ),
        "alert.attached" => value("rule_title"),
        "task.added" | "task.changed" => joined(&["title", "state"]),
        "fact.recorded" | "fact.withdrawn" => joined(&["kind", "at"]),
        "notice.attempted" => joined(&["number", "addressee", "outcome", "detail"]),
        kind if kind.starts_with("notice.") => joined(&["number", "addressee"]),
        _ => String::new(),
    };
    match entry.text.as_deref() {
        Some(text) if facts.is_empty() => text.to_owned(),
        Some(text) => format!("{facts}: {text}"),
        None => facts,
    }
}

/// Empty texts are absent on the wire.
fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

async fn whole(app: &App, id: &str) -> ApiResult<Json<Incident>> {
    let whole = app.store.incident(id, &app.law, app.now()).await?;
    let proofs = proofs(app, id).await?;
    let names = Names::of(app).await?;
    let timeline = whole.timeline.into_iter();
    let timeline = timeline.map(|entry| TimelineEntry::of(entry, &names));
    let notices = whole.notices.into_iter();
    let notices = notices.map(|notice| Notice::of(notice, &names));
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
        assignee: incident.assignee,
        detected_at: incident.detected_at,
        occurred_at: incident.occurred_at,
        created_at: incident.created_at,
        closed_at: incident.closed_at,
        version: incident.version,
        alerts: whole.alerts.into_iter().map(Alert::from).collect(),
        timeline: timeline.collect(),
        tasks: whole.tasks.into_iter().map(Task::from).collect(),
        notices: notices.collect(),
        proofs,
    }))
}

/// The leaves about an incident, its tasks, notices and attached alerts, in their order.
async fn proofs(app: &App, id: &str) -> ApiResult<Vec<Proof>> {
    // Ids are 32 hexadecimal digits, so the text search finds few leaves that are not meant.
    let rows: Vec<(i64, String)> =
        sqlx::query_as("SELECT idx, body FROM journal_leaf WHERE instr(body, $1) > 0 ORDER BY idx")
            .bind(id)
            .fetch_all(app.store.pool())
            .await
            .map_err(casework::Error::from)?;
    let sealed = app.journal.size();
    let object = format!("incident:{id}");
    let mut proofs = Vec::new();
    for (index, body) in rows {
        let index = index.unsigned_abs();
        let leaf = Leaf::parse(body.as_bytes()).map_err(crate::http::ApiError::internal)?;
        if leaf.object == object || leaf.change["incident"] == id {
            proofs.push(Proof {
                index,
                at: leaf.at,
                action: leaf.action,
                hash: hex::encode(leaf_hash(body.as_bytes())),
                sealed: index < sealed,
            });
        }
    }
    Ok(proofs)
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
        priority: None,
        reporter: String::new(),
        channel: String::new(),
        assignee: None,
        detected_at: body.detected_at,
        occurred_at: body.occurred_at,
        alerts: body.alerts,
    };
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    let incident = tx.create_incident(&ctx, &new).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, whole(&app, &incident.id).await?))
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
async fn get(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<Incident>> {
    whole(&app, &id).await
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
        cause: None,
        priority: None,
        assignee: body.assignee,
        version: body.version,
    };
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    tx.update_incident(&ctx, &id, &patch).await?;
    tx.commit().await?;
    whole(&app, &id).await
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
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    tx.set_incident_state(&ctx, &id, body.state.into(), &body.reason, body.version)
        .await?;
    tx.commit().await?;
    whole(&app, &id).await
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
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    tx.comment_incident(&ctx, &id, &body.text).await?;
    tx.commit().await?;
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
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    let task = tx.add_task(&ctx, &id, &new).await?;
    tx.commit().await?;
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
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    let task = tx.set_task(&ctx, &id, &task, body.state.into()).await?;
    tx.commit().await?;
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
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    tx.attach_alerts(&ctx, &id, &body.alerts).await?;
    tx.commit().await?;
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
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    match notice {
        Some((notice, who)) => {
            let (at, note) = (body.at, body.note);
            let receipt = Receipt::Recorded { who, at, note };
            tx.acknowledge_notice(&ctx, &notice, &receipt).await?;
        }
        None => {
            let (kind, at, note) = (body.kind, body.at, body.note);
            let new = casework::NewFact { kind, at, note };
            tx.record_fact(&ctx, &id, &new).await?;
        }
    }
    tx.commit().await?;
    whole(&app, &id).await
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
