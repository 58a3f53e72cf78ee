//! Templates of letters: the packs', and what the organisation wrote in their place.

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use saqshy_casework::Ctx;
use saqshy_dispatch::check_template;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::{Names, Text3};
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body};
use crate::papers::templates::{Known, all};

#[derive(Serialize, ToSchema)]
pub struct LetterTemplate {
    /// Id of the pack, or `own`.
    pub pack: String,
    pub document: String,
    /// Title of the act; empty for our own.
    pub act: Text3,
    /// What letters are made from now.
    pub text: Text3,
    /// What the pack has.
    pub original: Text3,
    /// The organisation has written its own text.
    pub changed: bool,
    /// 0 while nothing was ever written.
    pub version: i64,
    /// Names that may stand in braces.
    pub placeholders: Vec<String>,
    /// Oldest first.
    pub history: Vec<TemplateChange>,
}

#[derive(Serialize, ToSchema)]
pub struct TemplateChange {
    pub version: i64,
    pub written_at: Timestamp,
    pub written_by: String,
    pub reason: String,
    /// Went back to the pack's text.
    pub reset: bool,
}

#[derive(Serialize, ToSchema)]
pub struct TemplateList {
    pub templates: Vec<LetterTemplate>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateWrite {
    /// Absent: back to the pack's text.
    #[serde(default)]
    pub text: Option<Text3>,
    pub reason: String,
    /// The version that was read.
    pub version: i64,
}

async fn shown(app: &App, known: Known, names: &Names) -> ApiResult<LetterTemplate> {
    let versions = app
        .store
        .template_versions(&known.pack, &known.document)
        .await?;
    let newest = versions.last();
    let own = newest.and_then(|version| version.body.clone());
    Ok(LetterTemplate {
        changed: own.is_some(),
        text: own.unwrap_or_else(|| known.text.clone()).into(),
        original: known.text.into(),
        version: newest.map_or(0, |version| version.version),
        pack: known.pack,
        document: known.document,
        act: known.act.into(),
        placeholders: known.placeholders,
        history: versions
            .into_iter()
            .map(|version| TemplateChange {
                version: version.version,
                written_at: version.written_at,
                written_by: names.name(version.written_by),
                reason: version.reason,
                reset: version.body.is_none(),
            })
            .collect(),
    })
}

/// Every template of a letter.
#[utoipa::path(
    get,
    path = "/templates",
    tag = "templates",
    operation_id = "templates_list",
    responses((status = OK, description = "Every template of a letter", body = TemplateList))
)]
async fn list(State(app): State<App>) -> ApiResult<Json<TemplateList>> {
    let names = Names::of(&app).await?;
    let mut templates = Vec::new();
    for known in all(&app) {
        templates.push(shown(&app, known, &names).await?);
    }
    Ok(Json(TemplateList { templates }))
}

/// The template as it stands after the change.
#[utoipa::path(
    put,
    path = "/templates/{pack}/{document}",
    tag = "templates",
    operation_id = "templates_write",
    request_body = TemplateWrite,
    params(("pack" = String, Path, description = "With `.` for `/`: `kz.o199`"), ("document" = String, Path)),
    responses((status = OK, description = "The template as it stands after the change", body = LetterTemplate))
)]
async fn write(
    State(app): State<App>,
    who: Who,
    Path((pack, document)): Path<(String, String)>,
    Body(body): Body<TemplateWrite>,
) -> ApiResult<Json<LetterTemplate>> {
    let pack = pack.replace('.', "/");
    let mut known = all(&app).into_iter();
    let known = known
        .find(|one| one.pack == pack && one.document == document)
        .ok_or_else(|| ApiError::not_found(format!("no template `{pack}#{document}`")))?;
    let text = body.text.map(|text| saqshy_law::Text3 {
        kk: text.kk,
        ru: text.ru,
        en: text.en,
    });
    if let Some(text) = &text {
        check_template(text, &known.placeholders)
            .map_err(|error| ApiError::invalid(format!("`text`: {error}")))?;
    }
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let key = (known.pack.as_str(), known.document.as_str());
    let mut tx = app.store.begin().await?;
    tx.write_template(&ctx, key, text.as_ref(), &body.reason, body.version)
        .await?;
    tx.commit().await?;
    let names = Names::of(&app).await?;
    Ok(Json(shown(&app, known, &names).await?))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::IncidentsRead, routes!(list))
        .write(Permission::TemplatesWrite, routes!(write))
}
