//! The dossier of a case as one file, for `saqshy-verify`.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::incidents::leaves_of_case;
use super::notices::refused;
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult};
use crate::papers::dossier;

/// Everything about a case in one ZIP, with the proofs of every entry.
#[utoipa::path(
    post,
    path = "/incidents/{id}/dossier",
    tag = "dossier",
    operation_id = "incidents_dossier",
    params(("id" = String, Path)),
    responses((status = OK, description = "Everything about a case in one ZIP, with the proofs of every entry", body = Vec<u8>, content_type = "application/zip"))
)]
async fn make(State(app): State<App>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    let actor = who.actor();
    // Whom an investigation of the case is about does not learn of it here either.
    if app.store.is_subject(&id, &actor.id).await? {
        return Err(ApiError::not_found(format!(
            "`incident:{id}` does not exist"
        )));
    }
    let leaves = leaves_of_case(&app, &id).await?;
    let zip = dossier::make(&app, &id, &actor, leaves).await;
    let zip = zip.map_err(refused)?;
    let number = app.store.incident(&id, &app.law, app.now()).await?;
    let name = format!("attachment; filename=\"{}.zip\"", number.incident.number);
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, zip).into_response())
}

pub(super) fn routes(api: Api) -> Api {
    api.write(Permission::DossierExport, routes!(make))
}
