//! Exceptions from rules: proposed by one person, approved by another.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use saqshy_detect::{Entity, Exception as Rule, FieldIs};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::rules::{QuietHits, quiet_hits};
use super::wire::Names;
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body, Query};
use crate::runtime::rules::exceptions::{self as store, Decide, Proposal, Recorded, State as At};
use crate::runtime::rules::quiet::Whose;
use crate::runtime::rules::simulate::{self, PastHit};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExceptionsQuery {
    /// Those of one rule.
    pub rule_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ExceptionList {
    /// The latest first.
    pub exceptions: Vec<RuleException>,
    /// Days after which one ends when its proposal does not say.
    pub default_days: u32,
    /// Most days that one may last.
    pub max_days: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionState {
    Proposed,
    /// It hides hits.
    Active,
    Refused,
    Withdrawn,
    /// It was approved and its time is over.
    Expired,
}

/// Hits of a rule that are not shown: all that it names must hold.
#[derive(Serialize, ToSchema)]
pub struct RuleException {
    pub id: String,
    pub rule_id: String,
    pub rule_title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<ExceptionEntity>,
    pub fields: Vec<ExceptionField>,
    pub state: ExceptionState,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_id: Option<String>,
    /// Login of who answers for it.
    pub owner: String,
    pub proposed_at: Timestamp,
    /// Login of who proposed it.
    pub proposed_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// Login of who decided last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    pub expires_at: Timestamp,
    /// Hits that it has hidden.
    pub hidden: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_hidden: Option<Timestamp>,
    /// Grows with every decision; one made on an older version is refused.
    pub version: i64,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionEntity {
    /// The field that names it, for example `host.name`.
    pub kind: String,
    pub value: String,
}

/// A field of the event and the whole value that it must have, letter case included.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionField {
    pub field: String,
    pub value: String,
}

#[derive(Serialize, ToSchema)]
pub struct ExceptionDraft {
    pub rule_id: String,
    pub rule_title: String,
    pub entity: ExceptionEntity,
    /// Fields that the events of all looked-at hits have with the same value.
    pub fields: Vec<ExceptionField>,
    /// Events looked at.
    pub events: u64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewException {
    pub rule_id: String,
    #[serde(default)]
    pub entity: Option<ExceptionEntity>,
    #[serde(default)]
    pub fields: Vec<ExceptionField>,
    pub reason: String,
    #[serde(default)]
    pub alert_id: Option<String>,
    /// Login; who proposes it when left out.
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulationRequest {
    pub rule_id: String,
    #[serde(default)]
    pub entity: Option<ExceptionEntity>,
    #[serde(default)]
    pub fields: Vec<ExceptionField>,
    /// 1 to 365.
    #[schema(minimum = 1, maximum = 365)]
    pub days: u32,
}

/// What an exception would have hidden of the stored hits of its rule.
#[derive(Serialize, ToSchema)]
pub struct SimulationResult {
    pub days: u32,
    pub hits: u64,
    pub hidden: u64,
    /// Hits whose event is no longer stored: whether fields fit cannot be said.
    pub without_event: u64,
    /// There were more hits than are looked at.
    pub truncated: bool,
    pub examples_hidden: Vec<SimulatedHit>,
    pub examples_shown: Vec<SimulatedHit>,
}

#[derive(Serialize, ToSchema)]
pub struct SimulatedHit {
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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionDecision {
    pub reason: String,
    /// The version that was on the screen.
    pub version: i64,
}

impl From<ExceptionEntity> for Entity {
    fn from(entity: ExceptionEntity) -> Self {
        Entity {
            kind: entity.kind,
            value: entity.value,
        }
    }
}

impl From<Entity> for ExceptionEntity {
    fn from(entity: Entity) -> Self {
        ExceptionEntity {
            kind: entity.kind,
            value: entity.value,
        }
    }
}

fn fields_of(fields: Vec<ExceptionField>) -> Vec<FieldIs> {
    let field = |one: ExceptionField| FieldIs {
        field: one.field,
        value: one.value,
    };
    fields.into_iter().map(field).collect()
}

impl From<PastHit> for SimulatedHit {
    fn from(hit: PastHit) -> Self {
        SimulatedHit {
            event_id: hit.event_id,
            at: hit.at,
            entity: hit.entity.value,
            host: hit.host,
            user: hit.user,
            source_ip: hit.source_ip,
        }
    }
}

fn wire(app: &App, one: Recorded) -> RuleException {
    let (rules, now) = (app.rules(), app.now());
    let exception = one.exception;
    let state = match one.state {
        At::Proposed => ExceptionState::Proposed,
        At::Approved if exception.expires <= now => ExceptionState::Expired,
        At::Approved => ExceptionState::Active,
        At::Refused => ExceptionState::Refused,
        At::Withdrawn => ExceptionState::Withdrawn,
    };
    let field = |one: FieldIs| ExceptionField {
        field: one.field,
        value: one.value,
    };
    RuleException {
        id: exception.id,
        rule_title: title(&rules, &exception.rule_id),
        rule_id: exception.rule_id,
        entity: exception.entity.map(Into::into),
        fields: exception.fields.into_iter().map(field).collect(),
        state,
        reason: one.reason,
        alert_id: one.alert_id,
        owner: one.owner,
        proposed_at: one.proposed_at,
        proposed_by: one.proposed_by,
        decided_at: one.decided_at,
        decided_by: one.decided_by,
        decision: one.decision,
        expires_at: exception.expires,
        hidden: one.hidden,
        last_hidden: one.last_hidden,
        version: one.version,
    }
}

fn title(rules: &crate::runtime::RuleService, id: &str) -> String {
    let head = rules.set.head(id);
    head.map_or_else(|| id.to_owned(), |head| head.title.to_owned())
}

/// Exceptions, the latest first.
#[utoipa::path(
    get,
    path = "/exceptions",
    tag = "rules",
    operation_id = "exceptions_list",
    params(ExceptionsQuery),
    responses((status = OK, description = "Exceptions, the latest first", body = ExceptionList))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<ExceptionsQuery>,
) -> ApiResult<Json<ExceptionList>> {
    let all = store::list(&app.store, query.rule_id.as_deref()).await?;
    Ok(Json(ExceptionList {
        exceptions: all.into_iter().map(|one| wire(&app, one)).collect(),
        default_days: app.config.exceptions.default_days,
        max_days: app.config.exceptions.max_days,
    }))
}

/// Hits whose events are looked at for a draft.
const DRAFT_HITS: usize = 100;

/// What an exception for the hits of an alert could name.
#[utoipa::path(
    get,
    path = "/alerts/{id}/exception",
    tag = "rules",
    operation_id = "exceptions_draft",
    params(("id" = String, Path)),
    responses((status = OK, description = "What an exception for the hits of the alert could name", body = ExceptionDraft))
)]
async fn draft(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<ExceptionDraft>> {
    let whole = app.store.alert(&id).await?;
    let entity = Entity {
        kind: whole.alert.entity_kind,
        value: whole.alert.entity,
    };
    let past = |hit: saqshy_casework::Hit| PastHit {
        event_id: hit.event_id,
        at: hit.at,
        host: hit.host,
        user: hit.user,
        source_ip: hit.source_ip,
        entity: entity.clone(),
    };
    let hits: Vec<_> = whole.hits.into_iter().take(DRAFT_HITS).map(past).collect();
    let events = simulate::events_of(&app.lake, &hits).await?;
    let common = simulate::common_fields(events.values());
    Ok(Json(ExceptionDraft {
        rule_title: title(&app.rules(), &whole.alert.rule_id),
        rule_id: whole.alert.rule_id,
        entity: entity.into(),
        fields: common
            .into_iter()
            .map(|(field, value)| ExceptionField { field, value })
            .collect(),
        events: events.len() as u64,
    }))
}

/// Proposes an exception; it hides nothing until a second person approves it.
#[utoipa::path(
    post,
    path = "/exceptions",
    tag = "rules",
    operation_id = "exceptions_propose",
    request_body = NewException,
    responses((status = CREATED, description = "The exception as it was proposed", body = RuleException))
)]
async fn propose(
    State(app): State<App>,
    who: Who,
    Body(body): Body<NewException>,
) -> ApiResult<(StatusCode, Json<RuleException>)> {
    if let Some(owner) = &body.owner {
        let names = Names::of(&app).await?;
        if !names.knows(owner) {
            return Err(ApiError::invalid(format!(
                "`owner`: nobody has the login `{owner}`"
            )));
        }
    }
    if let Some(alert) = &body.alert_id {
        app.store.alert(alert).await?;
    }
    let proposal = Proposal {
        rule_id: body.rule_id,
        entity: body.entity.map(Into::into),
        fields: fields_of(body.fields),
        reason: body.reason,
        alert_id: body.alert_id,
        owner: body.owner,
        expires: body.expires_at,
    };
    let made = store::propose(&app, &who.actor(), proposal).await?;
    Ok((StatusCode::CREATED, Json(wire(&app, made))))
}

/// What an exception would have hidden.
#[utoipa::path(
    post,
    path = "/exceptions/simulate",
    tag = "rules",
    operation_id = "exceptions_simulate",
    request_body = SimulationRequest,
    responses((status = OK, description = "What the exception would have hidden", body = SimulationResult))
)]
async fn try_out(
    State(app): State<App>,
    Body(body): Body<SimulationRequest>,
) -> ApiResult<Json<SimulationResult>> {
    if !(1..=365).contains(&body.days) {
        return Err(ApiError::invalid("`days`: use 1 to 365"));
    }
    let now = app.now();
    let exception = Rule {
        id: String::new(),
        rule_id: body.rule_id,
        entity: body.entity.map(Into::into),
        fields: fields_of(body.fields),
        expires: now,
    };
    store::check_narrow(exception.entity.as_ref(), &exception.fields)?;
    let since = now - SignedDuration::from_hours(24 * i64::from(body.days));
    let found = simulate::simulate(&app.store, &app.lake, &exception, since, now).await?;
    Ok(Json(SimulationResult {
        days: body.days,
        hits: found.hits,
        hidden: found.hidden,
        without_event: found.without_event,
        truncated: found.truncated,
        examples_hidden: found.examples_hidden.into_iter().map(Into::into).collect(),
        examples_shown: found.examples_shown.into_iter().map(Into::into).collect(),
    }))
}

async fn decide(
    app: &App,
    who: &Who,
    id: &str,
    what: Decide,
    body: ExceptionDecision,
) -> ApiResult<Json<RuleException>> {
    let actor = who.actor();
    let done = store::decide(app, &actor, id, what, &body.reason, body.version).await?;
    Ok(Json(wire(app, done)))
}

/// Approves an exception that somebody else proposed.
#[utoipa::path(
    post,
    path = "/exceptions/{id}/approve",
    tag = "rules",
    operation_id = "exceptions_approve",
    request_body = ExceptionDecision,
    params(("id" = String, Path)),
    responses((status = OK, description = "The exception hides hits from now on", body = RuleException))
)]
async fn approve(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<ExceptionDecision>,
) -> ApiResult<Json<RuleException>> {
    decide(&app, &who, &id, Decide::Approve, body).await
}

/// Refuses an exception that somebody else proposed.
#[utoipa::path(
    post,
    path = "/exceptions/{id}/refuse",
    tag = "rules",
    operation_id = "exceptions_refuse",
    request_body = ExceptionDecision,
    params(("id" = String, Path)),
    responses((status = OK, description = "The exception was refused", body = RuleException))
)]
async fn refuse(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<ExceptionDecision>,
) -> ApiResult<Json<RuleException>> {
    decide(&app, &who, &id, Decide::Refuse, body).await
}

/// Takes an exception back: its hits are shown again from now on.
#[utoipa::path(
    post,
    path = "/exceptions/{id}/withdraw",
    tag = "rules",
    operation_id = "exceptions_withdraw",
    request_body = ExceptionDecision,
    params(("id" = String, Path)),
    responses((status = OK, description = "The exception hides nothing more", body = RuleException))
)]
async fn withdraw(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<ExceptionDecision>,
) -> ApiResult<Json<RuleException>> {
    decide(&app, &who, &id, Decide::Withdraw, body).await
}

/// Hits that an exception hid, the latest first.
#[utoipa::path(
    get,
    path = "/exceptions/{id}/hits",
    tag = "rules",
    operation_id = "exceptions_hits",
    params(("id" = String, Path)),
    responses((status = OK, description = "Hits that the exception hid", body = QuietHits))
)]
async fn hits(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<QuietHits>> {
    store::get(&app.store, &id).await?;
    Ok(Json(quiet_hits(&app, Whose::Exception(&id)).await?))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::RulesRead, routes!(list))
        .read(Permission::ExceptionsPropose, routes!(draft))
        .write(Permission::ExceptionsPropose, routes!(propose))
        .read(Permission::ExceptionsPropose, routes!(try_out))
        .write(Permission::ExceptionsApprove, routes!(approve))
        .write(Permission::ExceptionsApprove, routes!(refuse))
        .write(Permission::ExceptionsPropose, routes!(withdraw))
        .read(Permission::AlertsRead, routes!(hits))
}
