//! Evidence: taking in, custody, sealing, export, legal hold, deletion after its term.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use jiff::Timestamp;
use saqshy_casework as casework;
use saqshy_journal::pack;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::App;
use crate::access::{Permission, Who};
use crate::api::incidents::leaves_of_case;
use crate::api::wire::{change, list, wire, wire_words};
use crate::http::{Api, ApiError, ApiResult, Body, Query};

/// Largest file of evidence.
pub const EVIDENCE_BYTES_MAX: u64 = 16 << 30;
/// Most bytes of files that one sealed export holds.
const EXPORT_BYTES_MAX: u64 = 512 << 20;

wire_words! {
    /// An act in the chain of custody.
    CustodyAct: casework::CustodyAct {
        Taken, HandedOver, Examined, Copied, Returned, Read, Sealed, Exported, Deleted,
    }
}

wire! {
    /// A piece of evidence.
    Evidence(one: casework::Evidence) {
        id: String,
        incident_id: String,
        /// Number within the case.
        seq: u64,
        title: String,
        source: String,
        method: String,
        collected_at: Timestamp,
        collected_by: String,
        file_name: String,
        media_type: String,
        sha256: String,
        bytes: u64,
        received_at: Timestamp,
        received_by: String,
        investigation_id: Option<String>,
        /// Who has it now.
        holder: String,
        sealed_at: Option<Timestamp>,
        sealed_by: Option<String>,
        deletion_proposed_by: Option<String>,
        deletion_why: Option<String>,
        deleted_at: Option<Timestamp>,
        version: i64,
    }
}

wire! {
    /// One act in the chain of custody.
    Custody(one: casework::Custody) {
        seq: u64,
        act: CustodyAct,
        at: Timestamp,
        from: String,
        to: String,
        reason: String,
        recorded_at: Timestamp,
        recorded_by: String,
    }
}

wire! {
    /// Deletion is forbidden while it is in force.
    LegalHold(hold: casework::LegalHold) {
        id: String,
        reason: String,
        placed_at: Timestamp,
        placed_by: String,
        released_at: Option<Timestamp>,
        released_by: Option<String>,
        released_why: Option<String>,
    }
}

#[derive(Serialize, ToSchema)]
pub struct EvidenceList {
    pub evidence: Vec<Evidence>,
    pub holds: Vec<LegalHold>,
    /// No deletion before this; absent while the case or its investigation is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct EvidenceWhole {
    #[serde(flatten)]
    pub evidence: Evidence,
    /// Oldest act first.
    pub custody: Vec<Custody>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NewEvidence {
    pub title: String,
    /// Where it is from: a host, a mailbox, a person.
    pub source: String,
    /// How it was taken.
    pub method: Option<String>,
    pub collected_at: Option<Timestamp>,
    /// Who took it; you when absent.
    pub collected_by: Option<String>,
    pub file_name: Option<String>,
    pub media_type: Option<String>,
    /// Material of this investigation.
    pub investigation: Option<String>,
}

/// An act to be recorded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCustody {
    /// `handed_over`, `examined`, `copied` or `returned`.
    pub act: CustodyAct,
    pub at: Timestamp,
    /// Who takes it over, or examines it.
    pub to: String,
    pub reason: String,
}

/// The version that was seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sealing {
    pub version: i64,
}

/// A sealed export.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceExport {
    /// Ids; all that is sealed when empty.
    pub evidence: Vec<String>,
    /// Who receives it.
    pub to: String,
    pub reason: String,
}

/// Why nothing may be deleted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    pub reason: String,
}

/// Why the file may go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    pub reason: String,
    pub version: i64,
}

/// Material of an investigation is not shown to the person it is about.
async fn visible(app: &App, who: &Who, id: &str) -> ApiResult<casework::Evidence> {
    let (one, _) = app.store.evidence(id).await?;
    if let Some(investigation) = &one.investigation_id {
        app.store.investigation(investigation, &who.actor()).await?;
    }
    Ok(one)
}

/// The file is in evidence; its bytes are the body of the request.
#[utoipa::path(
    post,
    path = "/incidents/{id}/evidence",
    tag = "evidence",
    operation_id = "evidence_add",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    params(("id" = String, Path), NewEvidence),
    responses((status = CREATED, description = "The file is in evidence", body = Evidence))
)]
async fn add(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<NewEvidence>,
    body: axum::body::Body,
) -> ApiResult<(StatusCode, Json<Evidence>)> {
    if let Some(investigation) = &query.investigation {
        app.store.investigation(investigation, &who.actor()).await?;
    }
    let mut upload = app.evidence.begin().await?;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| ApiError::bad_request(error.to_string()))?;
        upload.write(&chunk).await?;
    }
    let new = casework::NewEvidence {
        title: query.title,
        source: query.source,
        method: query.method.unwrap_or_default(),
        collected_at: query.collected_at.unwrap_or_else(|| app.now()),
        collected_by: query.collected_by.unwrap_or_else(|| who.actor().id),
        file_name: query.file_name.unwrap_or_default(),
        media_type: query.media_type.unwrap_or_default(),
        stored: upload.finish().await?,
        investigation_id: query.investigation,
    };
    let taken = change!(app, who, |tx, ctx| tx.add_evidence(ctx, &id, &new).await?);
    Ok((StatusCode::CREATED, Json(taken.into())))
}

/// The bytes of a piece of evidence; the access stands in its chain of custody.
#[utoipa::path(
    post,
    path = "/evidence/{id}/file",
    tag = "evidence",
    operation_id = "evidence_file",
    params(("id" = String, Path)),
    responses((status = OK, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream"))
)]
async fn file(State(app): State<App>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    visible(&app, &who, &id).await?;
    let one = change!(app, who, |tx, ctx| tx.access_evidence(ctx, &id).await?);
    let file = app.evidence.open(&one.sha256).await?;
    let name = format!("attachment; filename=\"{}\"", one.sha256);
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CONTENT_LENGTH, one.bytes.to_string()),
    ];
    let body = axum::body::Body::from_stream(ReaderStream::new(file));
    Ok((headers, body).into_response())
}

/// A proof pack with the sealed files and every leaf about them, for `saqshy-verify`.
#[utoipa::path(
    post,
    path = "/incidents/{id}/evidence/export",
    tag = "evidence",
    operation_id = "evidence_export",
    request_body = EvidenceExport,
    params(("id" = String, Path)),
    responses((status = OK, description = "A proof pack", body = Vec<u8>, content_type = "application/zip"))
)]
async fn export(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<EvidenceExport>,
) -> ApiResult<Response> {
    let mut chosen = app.store.evidence_of(&id).await?;
    chosen.retain(|one| match body.evidence.is_empty() {
        true => one.sealed_at.is_some() && one.deleted_at.is_none(),
        false => body.evidence.contains(&one.id),
    });
    if chosen.is_empty() || (!body.evidence.is_empty() && chosen.len() != body.evidence.len()) {
        let message = "`evidence`: nothing sealed, or a piece that is not of this case";
        return Err(ApiError::invalid(message));
    }
    let bytes: u64 = chosen.iter().map(|one| one.bytes).sum();
    if bytes > EXPORT_BYTES_MAX {
        let message = format!("{bytes} bytes; one export holds {EXPORT_BYTES_MAX}: choose fewer");
        return Err(ApiError::too_large(message));
    }
    for one in &chosen {
        visible(&app, &who, &one.id).await?;
    }
    let ids: Vec<String> = chosen.iter().map(|one| one.id.clone()).collect();
    change!(app, who, |tx, ctx| {
        tx.export_evidence(ctx, &ids, &body.to, &body.reason)
            .await?;
    });
    let mut documents = Vec::new();
    for one in &chosen {
        let mut content = Vec::new();
        let mut file = app.evidence.open(&one.sha256).await?;
        let read = file.read_to_end(&mut content).await;
        read.map_err(ApiError::internal)?;
        if casework::sha256_hex(&content) != one.sha256 {
            let message = format!("the file of `{}` is not what was sealed", one.title);
            return Err(ApiError::invalid(message));
        }
        documents.push(content);
    }
    let size = app.store.leaf_count().await?;
    let soon = std::time::Duration::from_secs(10);
    if !app.journal.wait_for(size, soon).await {
        return Err(ApiError::busy());
    }
    let objects: Vec<String> = ids.iter().map(|id| format!("evidence:{id}")).collect();
    let leaves = leaves_of_case(&app, &id).await?;
    let about = |body: &[u8]| {
        let leaf = saqshy_journal::Leaf::parse(body);
        leaf.is_ok_and(|leaf| objects.contains(&leaf.object))
    };
    let leaves = leaves.into_iter().filter(|(_, body)| about(body));
    let request = pack::Request {
        leaves: leaves.map(|(index, _)| index).collect(),
        documents,
        ..Default::default()
    };
    let key = app.journal.verifying_key();
    let made = app
        .journal
        .with_log(move |log| pack::export(log, &request, &key))
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"evidence.zip\"",
        ),
    ];
    Ok((headers, made.map_err(ApiError::internal)?).into_response())
}

/// Evidence of the case, its holds and its term.
#[utoipa::path(
    get,
    path = "/incidents/{id}/evidence",
    tag = "evidence",
    operation_id = "evidence_list_of_case",
    params(("id" = String, Path)),
    responses((status = OK, description = "Evidence of the case, its holds and its term", body = EvidenceList))
)]
async fn list_of_case(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<EvidenceList>> {
    let mut evidence = app.store.evidence_of(&id).await?;
    if app.store.is_subject(&id, &who.actor().id).await? {
        evidence.retain(|one| one.investigation_id.is_none());
    }
    let keeping = app.store.keeping(&id, &app.law.zone()).await?;
    Ok(Json(EvidenceList {
        evidence: list(evidence),
        holds: list(keeping.holds),
        keep_until: keeping.keep_until,
    }))
}

/// A piece of evidence with its chain of custody.
#[utoipa::path(
    get,
    path = "/evidence/{id}",
    tag = "evidence",
    operation_id = "evidence_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "A piece of evidence with its chain of custody", body = EvidenceWhole))
)]
async fn get(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<EvidenceWhole>> {
    visible(&app, &who, &id).await?;
    let (evidence, custody) = app.store.evidence(&id).await?;
    Ok(Json(EvidenceWhole {
        evidence: evidence.into(),
        custody: list(custody),
    }))
}

/// The act is recorded.
#[utoipa::path(
    post,
    path = "/evidence/{id}/custody",
    tag = "evidence",
    operation_id = "evidence_record_custody",
    request_body = NewCustody,
    params(("id" = String, Path)),
    responses((status = OK, description = "The act is recorded", body = Evidence))
)]
async fn record_custody(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewCustody>,
) -> ApiResult<Json<Evidence>> {
    visible(&app, &who, &id).await?;
    let new = casework::NewCustody {
        act: body.act.into(),
        at: body.at,
        to: body.to,
        reason: body.reason,
    };
    let one = change!(app, who, |tx, ctx| tx
        .record_custody(ctx, &id, &new)
        .await?);
    Ok(Json(one.into()))
}

/// Sealed: the file was read again and is what was taken in.
#[utoipa::path(
    post,
    path = "/evidence/{id}/seal",
    tag = "evidence",
    operation_id = "evidence_seal",
    request_body = Sealing,
    params(("id" = String, Path)),
    responses((status = OK, description = "Sealed: the file was read again and is what was taken in", body = Evidence))
)]
async fn seal(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Sealing>,
) -> ApiResult<Json<Evidence>> {
    let one = visible(&app, &who, &id).await?;
    let found = app.evidence.hash(&one.sha256).await?;
    let one = change!(app, who, |tx, ctx| tx
        .seal_evidence(ctx, &id, &found, body.version)
        .await?);
    Ok(Json(one.into()))
}

/// The hold.
#[utoipa::path(
    post,
    path = "/incidents/{id}/holds",
    tag = "evidence",
    operation_id = "evidence_place_hold",
    request_body = NewHold,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The hold", body = LegalHold))
)]
async fn place_hold(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewHold>,
) -> ApiResult<(StatusCode, Json<LegalHold>)> {
    let hold = change!(app, who, |tx, ctx| tx
        .place_hold(ctx, &id, &body.reason)
        .await?);
    Ok((StatusCode::CREATED, Json(hold.into())))
}

/// The hold is released.
#[utoipa::path(
    post,
    path = "/holds/{id}/release",
    tag = "evidence",
    operation_id = "evidence_release_hold",
    request_body = NewHold,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The hold is released"))
)]
async fn release_hold(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewHold>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.release_hold(ctx, &id, &body.reason).await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

/// The deletion waits for a second person.
#[utoipa::path(
    post,
    path = "/evidence/{id}/deletion",
    tag = "evidence",
    operation_id = "evidence_propose_deletion",
    request_body = Deletion,
    params(("id" = String, Path)),
    responses((status = OK, description = "The deletion waits for a second person", body = Evidence))
)]
async fn propose_deletion(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Deletion>,
) -> ApiResult<Json<Evidence>> {
    visible(&app, &who, &id).await?;
    let one = change!(app, who, |tx, ctx| {
        tx.propose_deletion(ctx, &id, &body.reason, body.version)
            .await?
    });
    Ok(Json(one.into()))
}

/// The file is deleted, its record stays.
#[utoipa::path(
    post,
    path = "/evidence/{id}/deletion/approve",
    tag = "evidence",
    operation_id = "evidence_approve_deletion",
    request_body = Sealing,
    params(("id" = String, Path)),
    responses((status = OK, description = "The file is deleted, its record stays", body = Evidence))
)]
async fn approve_deletion(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Sealing>,
) -> ApiResult<Json<Evidence>> {
    visible(&app, &who, &id).await?;
    let (one, last) = change!(app, who, |tx, ctx| tx
        .approve_deletion(ctx, &id, body.version)
        .await?);
    if last {
        app.evidence.remove(&one.sha256).await?;
    }
    Ok(Json(one.into()))
}

pub(super) fn routes(api: Api) -> Api {
    api.write(Permission::EvidenceWrite, routes!(add))
        .write(Permission::EvidenceRead, routes!(file))
        .write(Permission::EvidenceExport, routes!(export))
        .read(Permission::EvidenceRead, routes!(list_of_case))
        .read(Permission::EvidenceRead, routes!(get))
        .write(Permission::EvidenceWrite, routes!(record_custody))
        .write(Permission::EvidenceWrite, routes!(seal))
        .write(Permission::EvidenceHold, routes!(place_hold))
        .write(Permission::EvidenceHold, routes!(release_hold))
        .write(Permission::EvidenceDelete, routes!(propose_deletion))
        .write(Permission::EvidenceDelete, routes!(approve_deletion))
}
