//! Sets of rules: those inside the program, configured folders, imported ones.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use super::rules::{RefusedRule, RuleMode};
use super::wire::Names;
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body, Query};
use crate::runtime::rules::gather::{Named, from_zip};
use crate::runtime::rules::{self as runtime_rules, Group, Origin};

/// Largest ZIP file of an import.
const ZIP_BYTES_MAX: usize = 64 << 20;

#[derive(Serialize, ToSchema)]
pub struct RuleSets {
    pub sets: Vec<RuleSetInfo>,
}

#[derive(Serialize, ToSchema)]
pub struct RuleSetInfo {
    pub name: String,
    /// `own`, `folder`, or how it was imported: `zip`, `git`.
    pub kind: String,
    /// Where it came from.
    pub origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    pub version: String,
    /// Over the files of an imported set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Name of the trusted key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Mode of its rules that have none of their own.
    pub mode: RuleMode,
    /// Rules and correlations that could be read.
    pub rules: u64,
    pub refused: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported_by: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Name of the set; a bundle names itself.
    pub name: Option<String>,
    /// Free text; a bundle says it itself.
    pub version: Option<String>,
    /// Mode of its rules; `test` when absent, so that nothing alerts before somebody looked.
    #[param(inline)]
    pub mode: Option<RuleMode>,
}

#[derive(Serialize, ToSchema)]
pub struct RuleSetImported {
    pub set: RuleSetInfo,
    pub refused: Vec<RefusedRule>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSetPatch {
    pub mode: RuleMode,
    pub reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    pub reason: String,
}

fn wire(group: &Group, names: &Names) -> RuleSetInfo {
    let mut info = RuleSetInfo {
        name: group.name.clone(),
        kind: "own".to_owned(),
        origin: String::new(),
        commit: None,
        version: String::new(),
        sha256: None,
        signed_by: None,
        mode: group.mode.into(),
        rules: group.rules.heads().count() as u64,
        refused: group.rules.refused().len() as u64,
        imported_at: None,
        imported_by: None,
    };
    match &group.origin {
        Origin::Own => info.version = env!("CARGO_PKG_VERSION").to_owned(),
        Origin::Folder(path) => {
            info.kind = "folder".to_owned();
            info.origin = path.display().to_string();
        }
        Origin::Stored(set) => {
            info.kind.clone_from(&set.origin.kind);
            info.origin.clone_from(&set.origin.path);
            info.commit.clone_from(&set.origin.commit);
            info.version.clone_from(&set.version);
            info.sha256 = Some(set.sha256.clone());
            info.signed_by.clone_from(&set.signed_by);
            info.imported_at = Some(set.imported_at);
            info.imported_by = Some(names.name(set.imported_by.clone()));
        }
    }
    info
}

/// The sets of rules in service.
#[utoipa::path(
    get,
    path = "/rulesets",
    tag = "rules",
    operation_id = "rulesets_list",
    responses((status = OK, description = "The sets of rules in service", body = RuleSets))
)]
async fn list(State(app): State<App>) -> ApiResult<Json<RuleSets>> {
    let names = Names::of(&app).await?;
    let service = app.rules();
    Ok(Json(RuleSets {
        sets: service
            .groups()
            .iter()
            .map(|one| wire(one, &names))
            .collect(),
    }))
}

/// Imports a ZIP file of rules, or a bundle, in place of the set with its name.
#[utoipa::path(
    post,
    path = "/rulesets",
    tag = "rules",
    operation_id = "rulesets_import",
    params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/zip"),
    responses((status = CREATED, description = "The set is in service", body = RuleSetImported))
)]
async fn import(
    State(app): State<App>,
    who: Who,
    Query(query): Query<ImportQuery>,
    bytes: Bytes,
) -> ApiResult<(StatusCode, Json<RuleSetImported>)> {
    let named = Named {
        name: query.name,
        version: query.version,
    };
    let trusted = app.config.trusted_keys.clone();
    let bundle = tokio::task::spawn_blocking(move || {
        from_zip(
            std::io::Cursor::new(bytes),
            "imported",
            "upload",
            &named,
            &trusted,
        )
    });
    let bundle = bundle.await.map_err(ApiError::internal)?;
    let bundle = bundle.map_err(|error| ApiError::invalid(format!("{error:#}")))?;
    if app.config.require_signed_rules && bundle.signed_by.is_none() {
        let why = "this server takes only bundles that a trusted key has signed";
        return Err(ApiError::invalid(why));
    }
    let mode = query.mode.unwrap_or(RuleMode::Test).into();
    let (service, set) = runtime_rules::import_set(&app, &who.actor(), bundle, mode).await?;
    let names = Names::of(&app).await?;
    let group = service.groups().iter().find(|group| group.name == set.name);
    let group = group.ok_or_else(|| ApiError::not_found(format!("no set `{}`", set.name)))?;
    let below = std::path::Path::new(&set.name);
    let refused = service.detector.refused().iter();
    let refused = refused.filter(|refusal| refusal.file.starts_with(below));
    Ok((
        StatusCode::CREATED,
        Json(RuleSetImported {
            set: wire(group, &names),
            refused: refused.map(Into::into).collect(),
        }),
    ))
}

/// Changes the mode of the rules of an imported set that have none of their own.
#[utoipa::path(
    patch,
    path = "/rulesets/{name}",
    tag = "rules",
    operation_id = "rulesets_update",
    request_body = RuleSetPatch,
    params(("name" = String, Path)),
    responses((status = NO_CONTENT, description = "The mode was changed"))
)]
async fn update(
    State(app): State<App>,
    who: Who,
    Path(name): Path<String>,
    Body(body): Body<RuleSetPatch>,
) -> ApiResult<StatusCode> {
    let (actor, mode) = (who.actor(), body.mode.into());
    runtime_rules::set_set_mode(&app, &actor, &name, mode, &body.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an imported set out of service.
#[utoipa::path(
    delete,
    path = "/rulesets/{name}",
    tag = "rules",
    operation_id = "rulesets_remove",
    request_body = Removal,
    params(("name" = String, Path)),
    responses((status = NO_CONTENT, description = "The set is out of service"))
)]
async fn remove(
    State(app): State<App>,
    who: Who,
    Path(name): Path<String>,
    Body(body): Body<Removal>,
) -> ApiResult<StatusCode> {
    runtime_rules::remove_set(&app, &who.actor(), &name, &body.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A route that takes larger bodies than others.
fn large((schemas, paths, methods): UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    let methods = methods.layer(DefaultBodyLimit::max(ZIP_BYTES_MAX));
    (schemas, paths, methods)
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::RulesRead, routes!(list))
        .write(Permission::RulesWrite, large(routes!(import)))
        .write(Permission::RulesWrite, routes!(update))
        .write(Permission::RulesWrite, routes!(remove))
}
