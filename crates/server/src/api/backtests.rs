//! Back-tests of rules over stored events.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::wire::Names;
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body, Query};
use crate::runtime::RuleService;
use crate::runtime::rules::backtest::{self, Record, Request, StartError, State as At};

/// Back-tests of one answer when nobody says how many.
const LISTED: u32 = 50;

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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BackTestsQuery {
    /// Only those of this rule.
    pub rule_id: Option<String>,
    /// 1 to 500, 50 when absent.
    pub limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub struct BackTestList {
    /// The latest first. Kept are 20 of each rule, 100 of pasted texts, 500 in all.
    pub backtests: Vec<BackTestInfo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackTestState {
    Running,
    Done,
    /// Somebody stopped it.
    Cancelled,
    Failed,
    /// The server stopped before it was done; it is not taken up again.
    Interrupted,
}

#[derive(Serialize, ToSchema)]
pub struct BackTestInfo {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    pub title: String,
    /// SHA-256 of the text that was tested; of a correlation, with the rules that it is over.
    pub sha256: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Name of who began it.
    pub by: String,
    pub started_at: Timestamp,
    /// Absent while it runs, and where the server was killed.
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

fn wire(test: Record, names: &Names) -> BackTestInfo {
    let (now, findings) = (test.now.state, test.now.findings);
    let (state, error) = match now {
        At::Running => (BackTestState::Running, None),
        At::Done => (BackTestState::Done, None),
        At::Cancelled => (BackTestState::Cancelled, None),
        At::Failed(why) => (BackTestState::Failed, Some(why)),
        At::Interrupted => (BackTestState::Interrupted, None),
    };
    let days = findings.days.into_iter().map(|(day, hits)| BackTestDay {
        day: day.to_string(),
        hits,
    });
    let examples = findings.examples.into_iter().map(|hit| BackTestHit {
        event_id: hit.event_id,
        at: hit.at,
        entity: hit.entity,
        host: hit.host,
        user: hit.user,
        source_ip: hit.source_ip,
    });
    BackTestInfo {
        id: test.id,
        rule_id: test.rule_id,
        title: test.title,
        sha256: test.sha256,
        from: test.from,
        to: test.to,
        by: names.name(test.by),
        started_at: test.started,
        ended_at: test.now.ended,
        state,
        error,
        events_total: test.now.events_total,
        events_read: test.now.events_read,
        hits: findings.hits,
        alerts: findings.alerts,
        truncated: findings.truncated,
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
    let request = Request {
        text,
        rule_id: body.rule_id,
        title,
        from: body.from,
        to: body.to,
    };
    let begun = backtest::start(app.parts(), &who.actor(), request).await;
    let test = begun.map_err(|error| match error {
        StartError::Busy => ApiError::busy(),
        StartError::Rule(why) => ApiError::invalid(why),
        StartError::Storage(error) => error.into(),
    })?;
    let names = Names::of(&app).await?;
    Ok((StatusCode::CREATED, Json(wire(test, &names))))
}

/// The latest back-tests, those before the last start of the server among them.
#[utoipa::path(
    get,
    path = "/backtests",
    tag = "rules",
    operation_id = "backtests_list",
    params(BackTestsQuery),
    responses((status = OK, description = "The latest back-tests", body = BackTestList))
)]
async fn list(
    State(app): State<App>,
    Query(asked): Query<BackTestsQuery>,
) -> ApiResult<Json<BackTestList>> {
    let names = Names::of(&app).await?;
    let limit = asked.limit.unwrap_or(LISTED).clamp(1, backtest::KEPT);
    let all = backtest::list(&app, asked.rule_id.as_deref(), limit).await?;
    Ok(Json(BackTestList {
        backtests: all.into_iter().map(|test| wire(test, &names)).collect(),
    }))
}

async fn find(app: &App, id: &str) -> ApiResult<Record> {
    let test = backtest::get(app, id).await?;
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
    let test = find(&app, &id).await?;
    Ok(Json(wire(test, &Names::of(&app).await?)))
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
    let test = find(&app, &id).await?;
    app.backtests.cancel(&test.id);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn routes(api: Api) -> Api {
    api.write(Permission::RulesBacktest, routes!(start))
        .read(Permission::RulesBacktest, routes!(list))
        .read(Permission::RulesBacktest, routes!(get))
        .read(Permission::RulesBacktest, routes!(cancel))
}
