//! The operations of the HTTP API, one module per subject, each with its wire types.

mod alerts;
mod attack;
mod backtests;
mod calendar;
mod contacts;
mod correlations;
mod done;
mod dossier;
mod evidence;
mod exceptions;
mod incident_table;
mod incidents;
mod investigations;
mod journal;
mod law;
mod notices;
mod overview;
mod playbooks;
mod reports;
mod response;
mod rules;
mod rulesets;
mod search;
mod session;
mod shifts;
mod sources;
mod templates;
mod users;
pub mod wire;

pub(crate) use evidence::EVIDENCE_BYTES_MAX;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use crate::App;
use crate::http::{Api, ErrorBody};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Saqshy",
        description = "Security monitoring and incident response on the clocks of the law. \
            Every operation names its permission in `x-saqshy`. A changing request needs the \
            header `x-saqshy-csrf: 1`. Refusals have the shape `ErrorBody`."
    ),
    servers((url = "/api/v1")),
    components(schemas(ErrorBody))
)]
struct Document;

/// All operations with their gates.
pub(crate) fn router() -> OpenApiRouter<App> {
    let mut document = Document::openapi();
    let cookie = ApiKey::Cookie(ApiKeyValue::new("saqshy_session"));
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    let parts = [
        session::routes,
        overview::routes,
        search::routes,
        alerts::routes,
        incidents::routes,
        incident_table::routes,
        shifts::routes,
        evidence::routes,
        investigations::routes,
        playbooks::routes,
        response::routes,
        contacts::routes,
        notices::routes,
        templates::routes,
        reports::routes,
        dossier::routes,
        calendar::routes,
        sources::routes,
        journal::routes,
        rules::routes,
        rulesets::routes,
        exceptions::routes,
        backtests::routes,
        attack::routes,
        users::routes,
        law::routes,
        done::routes,
    ];
    parts
        .into_iter()
        .fold(Api::new(document), |api, part| part(api))
        .into_router()
}

/// The API document that `GET /api/openapi.json` serves and the console's client is made from.
pub fn openapi() -> OpenApi {
    router().into_openapi()
}
