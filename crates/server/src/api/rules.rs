//! Detection rules in service.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use saqshy_detect::level_of;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::Level;
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body};
use crate::runtime::RuleService;

#[derive(Serialize, ToSchema)]
pub struct RuleList {
    pub rules: Vec<Rule>,
    pub refused: Vec<RefusedRule>,
}

#[derive(Serialize, ToSchema)]
pub struct Rule {
    pub id: String,
    pub title: String,
    pub level: Level,
    pub status: String,
    pub tags: Vec<String>,
    pub author: String,
    pub logsource: LogSource,
    pub enabled: bool,
    pub hits: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_hit: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct LogSource {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// A rule file that could not be taken into service.
#[derive(Serialize, ToSchema)]
pub struct RefusedRule {
    pub file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    pub reason: String,
}

#[derive(Serialize, ToSchema)]
pub struct RuleDetail {
    #[serde(flatten)]
    pub rule: Rule,
    pub description: String,
    pub references: Vec<String>,
    pub falsepositives: Vec<String>,
    pub license: String,
    /// The rule as it was loaded.
    pub source_yaml: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RulePatch {
    pub enabled: bool,
    pub reason: String,
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
    let hits = Hits::of(&app).await?;
    let rules = service
        .set
        .rules()
        .iter()
        .map(|rule| wire(&service, rule, &hits))
        .collect();
    let refused = service
        .detector
        .refused()
        .iter()
        .map(|refusal| RefusedRule {
            file: refusal.file.to_string_lossy().into_owned(),
            line: u32::try_from(refusal.line).ok().filter(|line| *line > 0),
            reason: refusal.reason.clone(),
        })
        .collect();
    Ok(Json(RuleList { rules, refused }))
}

/// Rule id → hits and the time of the last.
struct Hits(HashMap<String, (u64, Timestamp)>);

impl Hits {
    async fn of(app: &App) -> ApiResult<Self> {
        let rows = app.store.hits_by_rule().await?;
        Ok(Hits(
            rows.into_iter()
                .map(|(rule, hits, last)| (rule, (hits, last)))
                .collect(),
        ))
    }
}

fn wire(service: &RuleService, rule: &saqshy_sigma::Rule, hits: &Hits) -> Rule {
    let found = hits.0.get(&rule.id);
    Rule {
        id: rule.id.clone(),
        title: rule.title.clone(),
        level: level_of(rule).into(),
        status: rule.status.map_or("", |status| status.as_str()).to_owned(),
        tags: rule.tags.clone(),
        author: rule.author.clone(),
        logsource: LogSource {
            category: rule.logsource.category.clone(),
            product: rule.logsource.product.clone(),
            service: rule.logsource.service.clone(),
        },
        enabled: !service.disabled.contains_key(&rule.id),
        hits: found.map_or(0, |(hits, _)| *hits),
        last_hit: found.map(|(_, last)| *last),
    }
}

fn find(service: &RuleService, id: &str) -> ApiResult<Arc<saqshy_sigma::Rule>> {
    let rule = service.set.rule(id).cloned();
    rule.ok_or_else(|| ApiError::not_found(format!("no rule `{id}`")))
}

/// One rule with its text.
#[utoipa::path(
    get,
    path = "/rules/{id}",
    tag = "rules",
    operation_id = "rules_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "One rule with its text", body = RuleDetail))
)]
async fn get(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<RuleDetail>> {
    let service = app.rules();
    let rule = find(&service, &id)?;
    let hits = Hits::of(&app).await?;
    Ok(Json(RuleDetail {
        rule: wire(&service, &rule, &hits),
        description: rule.description.clone(),
        references: rule.references.clone(),
        falsepositives: rule.falsepositives.clone(),
        license: rule.license.clone(),
        source_yaml: rule.source.to_string(),
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
    // One change at a time: each builds on the state before it.
    let _turn = app.rule_changes.lock().await;
    let service = app.rules();
    let rule = find(&service, &id)?;
    let next = service
        .switched(
            &app.store,
            &who.actor(),
            app.now(),
            &id,
            body.enabled,
            &body.reason,
        )
        .await?;
    let next = Arc::new(next);
    *app.rules.write() = next.clone();
    let hits = Hits::of(&app).await?;
    Ok(Json(wire(&next, &rule, &hits)))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::RulesRead, routes!(list))
        .read(Permission::RulesRead, routes!(get))
        .write(Permission::RulesWrite, routes!(update))
}
