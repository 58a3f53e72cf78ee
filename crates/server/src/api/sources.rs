//! Where logs come from, and that none is lost on the way.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body};
use crate::runtime::{SourceRow, source_rows};

#[derive(Serialize, ToSchema)]
pub struct SourceList {
    pub sources: Vec<Source>,
    pub spool: SpoolUsage,
}

#[derive(Serialize, ToSchema)]
pub struct SpoolUsage {
    pub bytes: u64,
    pub bytes_max: u64,
}

/// A sender of logs and its loss ledger: received = accepted + dropped.
#[derive(Serialize, ToSchema)]
pub struct Source {
    pub id: String,
    pub name: String,
    /// `token` where it was made by hand, `peer` where it was first seen by its address.
    pub kind: String,
    pub received: u64,
    /// Records turned into stored events.
    pub stored: u64,
    pub dropped: u64,
    /// Stored, but understood by no parser.
    pub unparsed: u64,
    /// Accepted and on disk, not yet parsed.
    pub pending: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    pub enabled: bool,
    pub drop_reasons: BTreeMap<String, u64>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSource {
    pub name: String,
}

#[derive(Serialize, ToSchema)]
pub struct NewSourceToken {
    pub id: String,
    /// Shown once; the server keeps only its hash.
    pub token: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourcePatch {
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Give the source a new token; the old one stops working.
    #[serde(default)]
    pub rotate: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub struct SourceChanged {
    pub id: String,
    pub enabled: bool,
    /// The new token after `rotate`, shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// All sources with their loss ledger.
#[utoipa::path(
    get,
    path = "/sources",
    tag = "sources",
    operation_id = "sources_list",
    responses((status = OK, description = "All sources with their loss ledger", body = SourceList))
)]
async fn list(State(app): State<App>) -> ApiResult<Json<SourceList>> {
    let rows = source_rows(&app).await?;
    let usage = app.spool.usage();
    Ok(Json(SourceList {
        sources: rows.into_iter().map(Source::from).collect(),
        spool: SpoolUsage {
            bytes: usage.bytes,
            bytes_max: usage.bytes_max,
        },
    }))
}

/// Makes a source with a token for its senders.
#[utoipa::path(
    post,
    path = "/sources",
    tag = "sources",
    operation_id = "sources_create",
    request_body = NewSource,
    responses((status = CREATED, description = "The source and its token", body = NewSourceToken))
)]
async fn create(
    State(app): State<App>,
    who: Who,
    Body(body): Body<NewSource>,
) -> ApiResult<(StatusCode, Json<NewSourceToken>)> {
    let made = app
        .sources
        .create(&app.store, &who.actor(), app.now(), &body.name)
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(NewSourceToken {
            id: made.id,
            token: made.token,
        }),
    ))
}

/// Switches a source on or off, or gives it a new token.
#[utoipa::path(
    patch,
    path = "/sources/{id}",
    tag = "sources",
    operation_id = "sources_update",
    request_body = SourcePatch,
    params(("id" = String, Path)),
    responses((status = OK, description = "The source after the change", body = SourceChanged))
)]
async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<SourcePatch>,
) -> ApiResult<Json<SourceChanged>> {
    let rotate = body.rotate.unwrap_or(false);
    if body.enabled.is_none() && !rotate {
        return Err(ApiError::invalid(
            "`enabled` or `rotate`: nothing would change",
        ));
    }
    let (actor, now) = (who.actor(), app.now());
    let token = app
        .sources
        .change(&app.store, &actor, now, &id, body.enabled, rotate)
        .await?;
    let enabled = app
        .sources
        .all()
        .into_iter()
        .any(|source| source.id == id && source.enabled);
    Ok(Json(SourceChanged { id, enabled, token }))
}

impl From<SourceRow> for Source {
    fn from(row: SourceRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: if row.registered { "token" } else { "peer" }.to_owned(),
            received: row.received,
            stored: row.stored,
            dropped: row.dropped,
            unparsed: row.unparsed,
            pending: row.pending,
            last_seen: row.last_seen,
            enabled: row.enabled,
            drop_reasons: row.drop_reasons,
        }
    }
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::SourcesRead, routes!(list))
        .write(Permission::SourcesWrite, routes!(create))
        .write(Permission::SourcesWrite, routes!(update))
}
