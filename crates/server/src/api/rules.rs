//! Detection rules in service.

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::Level;
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult};

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
async fn list() -> ApiResult<Json<RuleList>> {
    Err(ApiError::busy())
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
async fn get() -> ApiResult<Json<RuleDetail>> {
    Err(ApiError::busy())
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
async fn update() -> ApiResult<Json<Rule>> {
    Err(ApiError::busy())
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::RulesRead, routes!(list))
        .read(Permission::RulesRead, routes!(get))
        .write(Permission::RulesWrite, routes!(update))
}
