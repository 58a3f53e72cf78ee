//! ATT&CK: the techniques that the rules in service speak of.

use axum::Json;
use axum::extract::State;
use saqshy_detect::attack;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::App;
use crate::access::Permission;
use crate::http::{Api, ApiResult};
use crate::runtime::RuleService;
use crate::runtime::rules::Mode;

/// The matrix of ATT&CK with the rules that are not disabled. It says what the rules speak of.
#[derive(Serialize, ToSchema)]
pub struct AttackMatrix {
    /// Version of ATT&CK.
    pub attack_version: String,
    /// In the order of the matrix.
    pub tactics: Vec<AttackTactic>,
    /// Distinct techniques and sub-techniques with a rule.
    pub techniques: u64,
    pub rules_tagged: u64,
    pub rules_untagged: u64,
}

#[derive(Serialize, ToSchema)]
pub struct AttackTactic {
    pub id: String,
    pub tag: String,
    pub name: String,
    pub techniques: Vec<AttackTechnique>,
}

#[derive(Serialize, ToSchema)]
pub struct AttackTechnique {
    pub id: String,
    pub name: String,
    pub rules: Vec<AttackRule>,
}

#[derive(Serialize, ToSchema)]
pub struct AttackRule {
    pub id: String,
    pub title: String,
}

fn covered(service: &RuleService) -> attack::Coverage {
    let rules = service.set.heads();
    let active = rules.filter(|rule| service.mode(rule.id) != Mode::Disabled);
    attack::coverage(active.map(|rule| (rule.id, rule.tags)))
}

/// Techniques that the rules in service speak of, by tactic.
#[utoipa::path(
    get,
    path = "/attack",
    tag = "rules",
    operation_id = "attack_matrix",
    responses((status = OK, description = "Techniques that the rules in service speak of, by tactic", body = AttackMatrix))
)]
async fn matrix(State(app): State<App>) -> Json<AttackMatrix> {
    let service = app.rules();
    let titles: std::collections::HashMap<_, _> = service
        .set
        .heads()
        .map(|rule| (rule.id, rule.title))
        .collect();
    let coverage = covered(&service);
    let rule = |id: String| AttackRule {
        title: titles
            .get(id.as_str())
            .copied()
            .unwrap_or_default()
            .to_owned(),
        id,
    };
    let tactics = coverage.tactics.into_iter().map(|column| AttackTactic {
        id: column.tactic.id.to_owned(),
        tag: column.tactic.tag.to_owned(),
        name: column.tactic.name.to_owned(),
        techniques: column
            .techniques
            .into_iter()
            .map(|technique| AttackTechnique {
                id: technique.id.to_owned(),
                name: technique.name.to_owned(),
                rules: technique.rules.into_iter().map(rule).collect(),
            })
            .collect(),
    });
    Json(AttackMatrix {
        attack_version: coverage.attack_version.to_owned(),
        tactics: tactics.collect(),
        techniques: coverage.techniques as u64,
        rules_tagged: coverage.rules_tagged as u64,
        rules_untagged: coverage.rules_untagged as u64,
    })
}

/// The same as a layer for the ATT&CK Navigator, format 4.5.
#[utoipa::path(
    get,
    path = "/attack/layer",
    tag = "rules",
    operation_id = "attack_layer",
    responses((status = OK, description = "A layer for the ATT&CK Navigator, format 4.5", body = Value))
)]
async fn layer(State(app): State<App>) -> ApiResult<Json<Value>> {
    let name = format!("Saqshy {}", app.config.node);
    Ok(Json(covered(&app.rules()).navigator_layer(&name)))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::RulesRead, routes!(matrix))
        .read(Permission::RulesRead, routes!(layer))
}
