//! Back-tests of rules over stored events.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_journal::Leaf;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::Names;
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body};
use crate::runtime::RuleService;
use crate::runtime::rules::backtest::{BackTest, Request, StartError, State as At};

/// A rule in service, or the text of one, over a range of time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBackTest {
    #[serde(default)]
    pub rule_id: Option<String>,
    /// The text of a rule, or of a correlation with its rules (YAML).
    #[serde(default)]
    pub yaml: Option<String>,
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub struct BackTestList {
    /// The latest first. They are forgotten when the server stops.
    pub backtests: Vec<BackTestInfo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackTestState {
    Running,
    Done,
    Cancelled,
    Failed,
}

#[derive(Serialize, ToSchema)]
pub struct BackTestInfo {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    pub title: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Name of who began it.
    pub by: String,
    pub started_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    pub state: BackTestState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Events of the rule's log source in the range.
    pub events_total: u64,
    pub events_read: u64,
    pub hits: u64,
    /// Alerts that the hits would make.
    pub alerts: u64,
    /// Some moment had more events than could be read.
    pub truncated: bool,
    pub days: Vec<BackTestDay>,
    pub examples: Vec<BackTestHit>,
}

#[derive(Serialize, ToSchema)]
pub struct BackTestDay {
    /// In the organisation's time zone, for example `2026-03-20`.
    pub day: String,
    pub hits: u64,
}

#[derive(Serialize, ToSchema)]
pub struct BackTestHit {
    pub event_id: String,
    pub at: Timestamp,
    pub entity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
}

fn wire(test: &BackTest, names: &Names) -> BackTestInfo {
    let now = test.snapshot();
    let (state, error) = match now.state {
        At::Running => (BackTestState::Running, None),
        At::Done => (BackTestState::Done, None),
        At::Cancelled => (BackTestState::Cancelled, None),
        At::Failed(why) => (BackTestState::Failed, Some(why)),
    };
    let days = now
        .findings
        .days
        .into_iter()
        .map(|(day, hits)| BackTestDay {
            day: day.to_string(),
            hits,
        });
    let examples = now.findings.examples.into_iter().map(|hit| BackTestHit {
        event_id: hit.event_id,
        at: hit.at,
        entity: hit.entity.value,
        host: hit.host,
        user: hit.user,
        source_ip: hit.source_ip,
    });
    BackTestInfo {
        id: test.id.clone(),
        rule_id: test.request.rule_id.clone(),
        title: test.request.title.clone(),
        from: test.request.from,
        to: test.request.to,
        by: names.name(test.request.by.clone()),
        started_at: test.started,
        ended_at: now.ended,
        state,
        error,
        events_total: now.events_total,
        events_read: now.events_read,
        hits: now.findings.hits,
        alerts: now.findings.alerts,
        truncated: now.findings.truncated,
        days: days.collect(),
        examples: examples.collect(),
    }
}

/// The text of a rule in service; of a correlation, with the rules that it is over.
fn text_of(service: &RuleService, id: &str) -> Option<String> {
    let mut texts = Vec::new();
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![id.to_owned()]);
    while let Some(name) = waiting.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let rules = service.set.rules().iter();
        let mut rules = rules.filter(|rule| rule.id == name || rule.name.as_ref() == Some(&name));
        if let Some(rule) = rules.next() {
            texts.push(rule.source.to_string());
            continue;
        }
        let all = service.set.correlations().iter();
        let mut all = all.filter(|one| one.id == name || one.name.as_ref() == Some(&name));
        if let Some(one) = all.next() {
            texts.push(one.source.to_string());
            waiting.extend(one.rules.iter().cloned());
        }
    }
    (!texts.is_empty()).then(|| texts.join("\n---\n"))
}

/// Begins a back-test in the background.
#[utoipa::path(
    post,
    path = "/backtests",
    tag = "rules",
    operation_id = "backtests_start",
    request_body = NewBackTest,
    responses((status = CREATED, description = "The back-test runs", body = BackTestInfo))
)]
async fn start(
    State(app): State<App>,
    who: Who,
    Body(body): Body<NewBackTest>,
) -> ApiResult<(StatusCode, Json<BackTestInfo>)> {
    if body.from >= body.to {
        return Err(ApiError::invalid("`from` must lie before `to`"));
    }
    let service = app.rules();
    let (text, title) = match (&body.rule_id, body.yaml) {
        (Some(id), None) => {
            let text = text_of(&service, id);
            let text = text.ok_or_else(|| ApiError::not_found(format!("no rule `{id}`")))?;
            let title = service.set.head(id).map(|head| head.title.to_owned());
            (text, title.unwrap_or_default())
        }
        (None, Some(yaml)) => {
            let title = yaml.lines().find_map(|line| line.strip_prefix("title:"));
            let title = title.unwrap_or_default().trim().to_owned();
            (yaml, title)
        }
        _ => return Err(ApiError::invalid("give either `rule_id` or `yaml`")),
    };
    let actor = who.actor();
    let mut tx = app.store.begin().await?;
    let id = tx.new_id("backtest").await?;
    tx.leaf(&Leaf {
        at: app.now(),
        actor: actor.id.clone(),
        action: "backtest.started".to_owned(),
        object: format!("backtest:{id}"),
        change: json!({
            "rule_id": body.rule_id,
            "sha256": hex::encode(Sha256::digest(text.as_bytes())),
            "from": body.from,
            "to": body.to,
        }),
        reason: None,
        edition: None,
    })
    .await?;
    let request = Request {
        text,
        rule_id: body.rule_id,
        title,
        from: body.from,
        to: body.to,
        by: actor.id,
    };
    let begun = app.backtests.start(
        app.lake.clone(),
        request,
        id,
        app.config.organisation.zone.clone(),
        app.config.alert_window,
        app.clock.clone(),
    );
    let test = begun.map_err(|error| match error {
        StartError::Busy => ApiError::busy(),
        StartError::Rule(why) => ApiError::invalid(why),
    })?;
    tx.commit().await?;
    let names = Names::of(&app).await?;
    Ok((StatusCode::CREATED, Json(wire(&test, &names))))
}

/// Back-tests since the server started.
#[utoipa::path(
    get,
    path = "/backtests",
    tag = "rules",
    operation_id = "backtests_list",
    responses((status = OK, description = "Back-tests since the server started", body = BackTestList))
)]
async fn list(State(app): State<App>) -> ApiResult<Json<BackTestList>> {
    let names = Names::of(&app).await?;
    let all = app.backtests.all();
    Ok(Json(BackTestList {
        backtests: all.iter().map(|test| wire(test, &names)).collect(),
    }))
}

fn find(app: &App, id: &str) -> ApiResult<Arc<BackTest>> {
    let test = app.backtests.get(id);
    test.ok_or_else(|| ApiError::not_found(format!("no back-test `{id}`")))
}

/// A back-test with its progress and what it has found.
#[utoipa::path(
    get,
    path = "/backtests/{id}",
    tag = "rules",
    operation_id = "backtests_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "The back-test with its progress", body = BackTestInfo))
)]
async fn get(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<BackTestInfo>> {
    let test = find(&app, &id)?;
    Ok(Json(wire(&test, &Names::of(&app).await?)))
}

/// Stops a back-test; what it has found stays.
#[utoipa::path(
    delete,
    path = "/backtests/{id}",
    tag = "rules",
    operation_id = "backtests_cancel",
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The back-test was told to stop"))
)]
async fn cancel(State(app): State<App>, Path(id): Path<String>) -> ApiResult<StatusCode> {
    find(&app, &id)?.cancel();
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn routes(api: Api) -> Api {
    api.write(Permission::RulesBacktest, routes!(start))
        .read(Permission::RulesBacktest, routes!(list))
        .read(Permission::RulesBacktest, routes!(get))
        .read(Permission::RulesBacktest, routes!(cancel))
}
