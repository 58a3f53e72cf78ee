//! Alerts: what the rules found, and what people decided about it.

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use saqshy_casework as casework;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::wire::{Level, Names, Text3, same_words};
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiResult, Body, Query};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    New,
    Acknowledged,
    InProgress,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    TruePositive,
    FalsePositive,
    Benign,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertsQuery {
    #[param(inline)]
    pub state: Option<AlertState>,
    #[param(inline)]
    pub level: Option<Level>,
    /// Text in the rule's title, the entity or the rule's id.
    pub q: Option<String>,
    /// 1 to 500, 100 when absent.
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct AlertPage {
    pub alerts: Vec<Alert>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Hits of one rule on one entity within a window.
#[derive(Serialize, ToSchema)]
pub struct Alert {
    pub id: String,
    pub rule_id: String,
    pub rule_title: String,
    /// The rule's title in the three languages; the same thrice where it has only one.
    pub title: Text3,
    pub level: Level,
    pub tags: Vec<String>,
    /// What kind of thing the hits have in common: `host`, `user`, `source.ip`, …
    pub entity_kind: String,
    pub entity: String,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub hits_count: u64,
    pub state: AlertState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<String>,
    /// Grows with every change; a change made on an older version is refused.
    pub version: i64,
}

#[derive(Serialize, ToSchema)]
pub struct AlertDetail {
    #[serde(flatten)]
    pub alert: Alert,
    pub hits: Vec<Hit>,
    pub comments: Vec<Comment>,
}

/// One event that one rule matched.
#[derive(Serialize, ToSchema)]
pub struct Hit {
    pub id: String,
    pub event_id: String,
    pub at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    pub dataset: String,
}

#[derive(Serialize, ToSchema)]
pub struct Comment {
    pub at: Timestamp,
    /// Name of the author.
    pub actor: String,
    pub text: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Triage {
    #[serde(default)]
    pub state: Option<AlertState>,
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// Login of the user who takes the alert; an empty text gives it back.
    #[serde(default)]
    pub assignee: Option<String>,
    #[serde(default)]
    pub comment: Option<String>,
    /// The version that was on the screen.
    pub version: i64,
}

same_words!(AlertState: casework::AlertState { New, Acknowledged, InProgress, Closed });
same_words!(Verdict: casework::Verdict { TruePositive, FalsePositive, Benign });

impl From<casework::Alert> for Alert {
    fn from(alert: casework::Alert) -> Self {
        Self {
            title: alert.title().into(),
            id: alert.id,
            rule_id: alert.rule_id,
            rule_title: alert.rule_title,
            level: alert.level.into(),
            tags: alert.tags,
            entity_kind: alert.entity_kind,
            entity: alert.entity,
            first_at: alert.first_at,
            last_at: alert.last_at,
            hits_count: alert.hits_count,
            state: alert.state.into(),
            verdict: alert.verdict.map(Verdict::from),
            assignee: alert.assignee,
            incident_id: alert.incident_id,
            version: alert.version,
        }
    }
}

impl AlertDetail {
    fn of(whole: casework::AlertWhole, names: &Names) -> Self {
        let hits = whole.hits.into_iter().map(|hit| Hit {
            id: hit.id,
            event_id: hit.event_id,
            at: hit.at,
            host: hit.host,
            user: hit.user,
            source_ip: hit.source_ip,
            dataset: hit.dataset,
        });
        let comments = whole.comments.into_iter().map(|comment| Comment {
            at: comment.at,
            actor: names.name(comment.by),
            text: comment.text,
        });
        Self {
            alert: whole.alert.into(),
            hits: hits.collect(),
            comments: comments.collect(),
        }
    }
}

/// Alerts, the latest first.
#[utoipa::path(
    get,
    path = "/alerts",
    tag = "alerts",
    operation_id = "alerts_list",
    params(AlertsQuery),
    responses((status = OK, description = "Alerts, the latest first", body = AlertPage))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<AlertsQuery>,
) -> ApiResult<Json<AlertPage>> {
    let filter = casework::AlertFilter {
        state: query.state.map(Into::into),
        level: query.level.map(Into::into),
        text: query.q,
        ..Default::default()
    };
    let limit = query.limit.unwrap_or(100);
    let page = app
        .store
        .alerts(&filter, limit, query.cursor.as_deref())
        .await?;
    Ok(Json(AlertPage {
        alerts: page.rows.into_iter().map(Alert::from).collect(),
        next: page.next,
    }))
}

/// One alert with its hits and comments.
#[utoipa::path(
    get,
    path = "/alerts/{id}",
    tag = "alerts",
    operation_id = "alerts_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "One alert with its hits and comments", body = AlertDetail))
)]
async fn get(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<AlertDetail>> {
    let whole = app.store.alert(&id).await?;
    Ok(Json(AlertDetail::of(whole, &Names::of(&app).await?)))
}

/// The alert after the decision.
#[utoipa::path(
    post,
    path = "/alerts/{id}/triage",
    tag = "alerts",
    operation_id = "alerts_triage",
    request_body = Triage,
    params(("id" = String, Path)),
    responses((status = OK, description = "The alert after the decision", body = Alert))
)]
async fn triage(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Triage>,
) -> ApiResult<Json<Alert>> {
    let triage = casework::Triage {
        state: body.state.map(Into::into),
        verdict: body.verdict.map(Into::into),
        assignee: body.assignee,
        comment: body.comment,
        version: body.version,
    };
    let mut tx = app.store.begin().await?;
    let alert = tx.triage(&who.actor(), app.now(), &id, &triage).await?;
    tx.commit().await?;
    Ok(Json(alert.into()))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::AlertsRead, routes!(list))
        .read(Permission::AlertsRead, routes!(get))
        .write(Permission::AlertsTriage, routes!(triage))
}
