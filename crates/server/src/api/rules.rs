//! Detection rules in service: what they do, what they found, why they match.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use saqshy_detect::{Head, HeadKind, Refusal, stored};
use saqshy_sigma::{Pipeline, explain as why};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::correlations::{self, CorrelationInfo};
use super::wire::{Level, Names};
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body};
use crate::runtime::rules::{self as runtime_rules, intervals, quiet};
use crate::runtime::{RuleService, measure_costs};

#[derive(Serialize, ToSchema)]
pub struct RuleList {
    pub rules: Vec<Rule>,
    pub refused: Vec<RefusedRule>,
    /// What the owners of rules should know, although they were accepted.
    pub warnings: Vec<RefusedRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub costs: Option<CostInfo>,
}

/// A rule, or a correlation over rules.
#[derive(Serialize, ToSchema)]
pub struct Rule {
    pub id: String,
    pub kind: RuleKind,
    pub title: String,
    pub level: Level,
    pub status: String,
    pub tags: Vec<String>,
    pub author: String,
    /// A correlation has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logsource: Option<LogSource>,
    /// The set that it belongs to.
    pub set: String,
    pub mode: RuleMode,
    /// Hits under alerts.
    pub hits: u64,
    /// Hits while in test: they raised no alert.
    pub test_hits: u64,
    /// Hits that exceptions hid.
    pub hidden_hits: u64,
    /// Of any of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_hit: Option<Timestamp>,
    /// Since when it looks at events in its present form; absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Its share of the time of all rules, each timed alone on a sample of the latest events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_share: Option<f64>,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    Rule,
    Correlation,
}

/// What a rule does in service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleMode {
    /// Its hits raise alerts.
    Enabled,
    /// It matches and its hits are counted; they raise no alert.
    Test,
    Disabled,
}

super::wire::same_words!(RuleMode: runtime_rules::Mode { Enabled, Test, Disabled });

#[derive(Serialize, ToSchema)]
pub struct LogSource {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// A rule file that could not be taken into service, or only with a warning.
#[derive(Serialize, ToSchema)]
pub struct RefusedRule {
    pub file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    pub reason: String,
}

impl From<&Refusal> for RefusedRule {
    fn from(refusal: &Refusal) -> Self {
        RefusedRule {
            file: refusal.file.to_string_lossy().into_owned(),
            line: u32::try_from(refusal.line).ok().filter(|line| *line > 0),
            reason: refusal.reason.clone(),
        }
    }
}

/// When costs were last measured, and on how many events.
#[derive(Serialize, ToSchema)]
pub struct CostInfo {
    pub measured_at: Timestamp,
    pub events: u64,
}

#[derive(Serialize, ToSchema)]
pub struct RuleDetail {
    #[serde(flatten)]
    pub rule: Rule,
    pub description: String,
    pub references: Vec<String>,
    pub falsepositives: Vec<String>,
    pub license: String,
    pub file: String,
    pub line: u32,
    /// Rules that a correlation is over.
    pub over: Vec<String>,
    /// Of a correlation: its form, and how it stands in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation: Option<CorrelationInfo>,
    /// The rule as it was loaded.
    pub source_yaml: String,
    /// The samples file beside it: log lines that must hit and that must not (TOML).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<String>,
    /// What somebody decided about this rule alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<RuleDecision>,
    /// When it looked at events, the latest first; what lies between is a gap.
    pub intervals: Vec<RuleInterval>,
}

#[derive(Serialize, ToSchema)]
pub struct RuleDecision {
    pub mode: RuleMode,
    pub reason: String,
    pub at: Timestamp,
    /// Name of who decided.
    pub by: String,
}

#[derive(Serialize, ToSchema)]
pub struct RuleInterval {
    pub from: Timestamp,
    /// Absent: still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// `enabled` or `test`.
    pub mode: String,
    /// SHA-256 of the rule's text at that time.
    pub sha256: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RulePatch {
    pub mode: RuleMode,
    pub reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// A stored event.
    pub event_id: String,
}

/// Which parts of a rule hold for one event.
#[derive(Serialize, ToSchema)]
pub struct Explanation {
    pub matched: bool,
    /// One entry for each log that can carry the rule's events.
    pub variants: Vec<ExplainedVariant>,
}

#[derive(Serialize, ToSchema)]
pub struct ExplainedVariant {
    /// The event comes from this log.
    pub applies: bool,
    pub logsource: Vec<ExplainedGate>,
    pub conditions: Vec<ExplainedCondition>,
    pub searches: Vec<ExplainedSearch>,
}

#[derive(Serialize, ToSchema)]
pub struct ExplainedGate {
    pub field: String,
    pub wanted: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
    pub held: bool,
}

#[derive(Serialize, ToSchema)]
pub struct ExplainedCondition {
    pub text: String,
    pub held: bool,
}

#[derive(Serialize, ToSchema)]
pub struct ExplainedSearch {
    pub name: String,
    pub line: u32,
    pub held: bool,
    pub items: Vec<ExplainedItem>,
}

/// One line of a selection.
#[derive(Serialize, ToSchema)]
pub struct ExplainedItem {
    /// Field and modifiers as written; empty for keywords.
    pub key: String,
    pub line: u32,
    /// Names under which the event may hold the field.
    pub fields: Vec<String>,
    pub found: Vec<Value>,
    pub held: bool,
    /// Values of the rule that are met.
    pub met: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct QuietHits {
    /// The latest first, at most 500.
    pub hits: Vec<QuietHit>,
}

/// A hit that raised no alert.
#[derive(Serialize, ToSchema)]
pub struct QuietHit {
    pub id: String,
    /// The exception that hid it; absent when the rule was in test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception_id: Option<String>,
    pub event_id: String,
    pub at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    pub dataset: String,
    pub entity_kind: String,
    pub entity: String,
}

/// Most quiet hits of one answer.
const QUIET_HITS_MAX: u32 = 500;

/// What is counted of rules.
pub(super) struct Figures {
    hits: HashMap<String, (u64, Timestamp)>,
    quiet: HashMap<String, quiet::Tally>,
    since: HashMap<String, Timestamp>,
    costs: Option<Arc<runtime_rules::cost::Costs>>,
}

impl Figures {
    pub(super) async fn of(app: &App) -> ApiResult<Self> {
        let hits = app.store.hits_by_rule().await?.into_iter();
        Ok(Figures {
            hits: hits
                .map(|(rule, hits, last)| (rule, (hits, last)))
                .collect(),
            quiet: quiet::tallies(&app.store).await?,
            since: intervals::open(&app.store).await?,
            costs: app.costs.costs(),
        })
    }
}

fn wire(service: &RuleService, rule: &Head<'_>, figures: &Figures) -> Rule {
    let (hits, last) = match figures.hits.get(rule.id) {
        Some((hits, last)) => (*hits, Some(*last)),
        None => (0, None),
    };
    let quiet = figures.quiet.get(rule.id).copied().unwrap_or_default();
    let share = |costs: &Arc<runtime_rules::cost::Costs>| costs.shares.get(rule.id).copied();
    Rule {
        id: rule.id.to_owned(),
        kind: match rule.kind {
            HeadKind::Rule => RuleKind::Rule,
            HeadKind::Correlation => RuleKind::Correlation,
        },
        title: rule.title.to_owned(),
        level: rule.level.into(),
        status: rule.status.map_or("", |status| status.as_str()).to_owned(),
        tags: rule.tags.to_vec(),
        author: rule.author.to_owned(),
        logsource: rule.logsource.map(|source| LogSource {
            category: source.category.clone(),
            product: source.product.clone(),
            service: source.service.clone(),
        }),
        set: service
            .group(rule.id)
            .map_or_else(String::new, |group| group.name.clone()),
        mode: service.mode(rule.id).into(),
        hits,
        test_hits: quiet.test,
        hidden_hits: quiet.hidden,
        last_hit: last.max(quiet.last),
        since: figures.since.get(rule.id).copied(),
        cost_share: figures.costs.as_ref().and_then(share),
    }
}

fn find<'a>(service: &'a RuleService, id: &str) -> ApiResult<Head<'a>> {
    let rule = service.set.head(id);
    rule.ok_or_else(|| ApiError::not_found(format!("no rule `{id}`")))
}

/// Rules in service and files that were refused.
#[utoipa::path(
    get,
    path = "/rules",
    tag = "rules",
    operation_id = "rules_list",
    responses((status = OK, description = "Rules in service and files that were refused", body = RuleList))
)]
async fn list(State(app): State<App>) -> ApiResult<Json<RuleList>> {
    let service = app.rules();
    let figures = Figures::of(&app).await?;
    let rules = service.set.heads();
    Ok(Json(RuleList {
        rules: rules.map(|rule| wire(&service, &rule, &figures)).collect(),
        refused: service.detector.refused().iter().map(Into::into).collect(),
        warnings: service.detector.warnings().iter().map(Into::into).collect(),
        costs: cost_info(&app),
    }))
}

fn cost_info(app: &App) -> Option<CostInfo> {
    app.costs.costs().map(|costs| CostInfo {
        measured_at: costs.measured_at,
        events: costs.events,
    })
}

/// One rule with its text, its samples and its figures.
#[utoipa::path(
    get,
    path = "/rules/{id}",
    tag = "rules",
    operation_id = "rules_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "One rule with its text, its samples and its figures", body = RuleDetail))
)]
async fn get(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<RuleDetail>> {
    let service = app.rules();
    let rule = find(&service, &id)?;
    let figures = Figures::of(&app).await?;
    let names = Names::of(&app).await?;
    let intervals = intervals::of_rule(&app.store, &id).await?;
    Ok(Json(RuleDetail {
        rule: wire(&service, &rule, &figures),
        description: rule.description.to_owned(),
        references: rule.references.to_vec(),
        falsepositives: rule.falsepositives.to_vec(),
        license: rule.license.to_owned(),
        file: rule.file.to_string_lossy().into_owned(),
        line: u32::try_from(rule.line).unwrap_or(u32::MAX),
        over: rule.over.to_vec(),
        correlation: correlations::of(&app, &service, &id),
        source_yaml: rule.source.to_owned(),
        samples: service.samples(&id).map(|text| text.to_string()),
        decision: service.decision(&id).map(|decision| RuleDecision {
            mode: decision.mode.into(),
            reason: decision.reason.clone(),
            at: decision.at,
            by: names.name(decision.by.clone()),
        }),
        intervals: intervals
            .into_iter()
            .map(|one| RuleInterval {
                from: one.from,
                to: one.to,
                mode: one.mode,
                sha256: one.sha256,
            })
            .collect(),
    }))
}

/// The rule after the change.
#[utoipa::path(
    patch,
    path = "/rules/{id}",
    tag = "rules",
    operation_id = "rules_update",
    request_body = RulePatch,
    params(("id" = String, Path)),
    responses((status = OK, description = "The rule after the change", body = Rule))
)]
async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<RulePatch>,
) -> ApiResult<Json<Rule>> {
    let (actor, mode) = (who.actor(), body.mode.into());
    let next = runtime_rules::set_mode(&app, &actor, &id, mode, &body.reason).await?;
    let figures = Figures::of(&app).await?;
    Ok(Json(wire(&next, &find(&next, &id)?, &figures)))
}

/// Why a rule matches a stored event, or does not.
#[utoipa::path(
    post,
    path = "/rules/{id}/explain",
    tag = "rules",
    operation_id = "rules_explain",
    request_body = ExplainRequest,
    params(("id" = String, Path)),
    responses((status = OK, description = "Which parts of the rule hold for the event", body = Explanation))
)]
async fn explain(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(body): Body<ExplainRequest>,
) -> ApiResult<Json<Explanation>> {
    let service = app.rules();
    find(&service, &id)?;
    let rule = service.set.rule(&id).ok_or_else(|| {
        ApiError::invalid("a correlation is over several events: explain the rules it is over")
    })?;
    let event = app.lake.event(&body.event_id).await;
    let event = event.map_err(ApiError::internal)?;
    let event =
        event.ok_or_else(|| ApiError::not_found(format!("no stored event `{}`", body.event_id)))?;
    let batch = stored::batch_of([&event]);
    Ok(Json(why(rule, &Pipeline::default(), batch.event(0)).into()))
}

impl From<saqshy_sigma::Explanation> for Explanation {
    fn from(why: saqshy_sigma::Explanation) -> Self {
        let line = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
        let item = |item: saqshy_sigma::ItemExplanation| ExplainedItem {
            key: item.key,
            line: line(item.line),
            fields: item.fields,
            found: item.found,
            held: item.held,
            met: item.met,
        };
        let search = |search: saqshy_sigma::SearchExplanation| ExplainedSearch {
            name: search.name,
            line: line(search.line),
            held: search.held,
            items: search.items.into_iter().map(item).collect(),
        };
        let gate = |gate: saqshy_sigma::GateExplanation| ExplainedGate {
            field: gate.field,
            wanted: gate.wanted,
            found: gate.found,
            held: gate.held,
        };
        let variant = |variant: saqshy_sigma::VariantExplanation| ExplainedVariant {
            applies: variant.applies,
            logsource: variant.logsource.into_iter().map(gate).collect(),
            conditions: variant
                .conditions
                .into_iter()
                .map(|one| ExplainedCondition {
                    text: one.text,
                    held: one.held,
                })
                .collect(),
            searches: variant.searches.into_iter().map(search).collect(),
        };
        Explanation {
            matched: why.matched,
            variants: why.variants.into_iter().map(variant).collect(),
        }
    }
}

impl From<quiet::StoredHit> for QuietHit {
    fn from(hit: quiet::StoredHit) -> Self {
        QuietHit {
            id: hit.id,
            exception_id: hit.exception_id,
            event_id: hit.event_id,
            at: hit.at,
            host: hit.host,
            user: hit.user,
            source_ip: hit.source_ip,
            dataset: hit.dataset,
            entity_kind: hit.entity_kind,
            entity: hit.entity,
        }
    }
}

/// Hits of a rule, or under an exception, that raised no alert.
pub(super) async fn quiet_hits(app: &App, whose: quiet::Whose<'_>) -> ApiResult<QuietHits> {
    let hits = quiet::list(&app.store, whose, QUIET_HITS_MAX).await?;
    Ok(QuietHits {
        hits: hits.into_iter().map(QuietHit::from).collect(),
    })
}

/// Hits of a rule that raised no alert, the latest first.
#[utoipa::path(
    get,
    path = "/rules/{id}/quiet-hits",
    tag = "rules",
    operation_id = "rules_quiet_hits",
    params(("id" = String, Path)),
    responses((status = OK, description = "Hits of the rule that raised no alert", body = QuietHits))
)]
async fn quiet_of_rule(
    State(app): State<App>,
    Path(id): Path<String>,
) -> ApiResult<Json<QuietHits>> {
    Ok(Json(quiet_hits(&app, quiet::Whose::Rule(&id)).await?))
}

/// Measures the costs of all rules on the latest events, now.
#[utoipa::path(
    post,
    path = "/rules/costs",
    tag = "rules",
    operation_id = "rules_measure",
    responses((status = OK, description = "When costs were measured; `null` without events", body = Option<CostInfo>))
)]
async fn measure(State(app): State<App>) -> ApiResult<Json<Option<CostInfo>>> {
    measure_costs(app.parts()).await?;
    Ok(Json(cost_info(&app)))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::RulesRead, routes!(list))
        .read(Permission::RulesRead, routes!(get))
        .write(Permission::RulesWrite, routes!(update))
        .read(Permission::SearchRead, routes!(explain))
        .read(Permission::AlertsRead, routes!(quiet_of_rule))
        .read(Permission::RulesRead, routes!(measure))
}
