//! Notices to state bodies and others: draft, approve, send, receipt.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use saqshy_casework::{self as casework, Ctx};
use saqshy_dispatch::DocumentLang;
use saqshy_law::Lang;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::wire::{Names, same_words};

use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body, Query};
use crate::notices;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    Draft,
    Approved,
    Sent,
    Delivered,
    Acknowledged,
    Failed,
}

#[derive(Serialize, ToSchema)]
pub struct Notice {
    pub id: String,
    pub incident_id: String,
    pub duty: String,
    pub clause: String,
    /// Outgoing number, for example `INC-2026-0007/1`.
    pub number: String,
    /// Role of the addressee in the law pack, for example `nsc`.
    pub addressee: String,
    /// What the author adds to the data of the incident.
    pub text: String,
    /// Where it goes: an e-mail address.
    pub address: String,
    pub state: NoticeState,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// SHA-256 of the PDF that was approved, hex; the journal holds the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_sha256: Option<String>,
    /// Why the last attempt to send failed; it is repeated by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNotice {
    /// Id of the duty that the notice answers, for example `o199.notify-nsc`.
    pub duty: String,
    /// Role of the addressee; must be one of the duty's.
    pub addressee: String,
    /// What happened, in the sender's words; the program describes the incident when absent.
    #[serde(default)]
    pub text: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DocumentQuery {
    /// `en`: a translation for reading, made anew and not journalled.
    pub lang: Option<String>,
}

same_words!(NoticeState: casework::NoticeState {
    Draft, Approved, Sent, Delivered, Acknowledged, Failed,
});

impl Notice {
    pub(super) fn of(notice: casework::Notice, names: &Names) -> Self {
        Self {
            id: notice.id,
            incident_id: notice.incident_id,
            duty: notice.duty,
            clause: notice.clause,
            number: notice.number,
            addressee: notice.addressee,
            text: notice.text,
            address: notice.address,
            state: notice.state.into(),
            created_at: notice.created_at,
            approved_by: notice.approved_by.map(|login| names.name(login)),
            sent_at: notice.sent_at,
            acknowledged_at: notice.acknowledged_at,
            document_sha256: notice.document_sha256,
            error: notice.error,
        }
    }
}

/// Errors of casework keep their codes; everything else is ours.
fn refused(error: anyhow::Error) -> ApiError {
    match error.downcast::<casework::Error>() {
        Ok(error) => error.into(),
        Err(error) => ApiError::internal(error),
    }
}

/// The draft.
#[utoipa::path(
    post,
    path = "/incidents/{id}/notices",
    tag = "notices",
    operation_id = "notices_draft",
    request_body = NewNotice,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The draft", body = Notice))
)]
async fn draft(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewNotice>,
) -> ApiResult<(StatusCode, Json<Notice>)> {
    let mut contacts = app.config.contacts_of(&body.addressee);
    let contact = contacts.next().ok_or_else(|| {
        ApiError::invalid(format!(
            "`addressee`: the configuration has no [[contact]] with party `{}`",
            body.addressee
        ))
    })?;
    let languages: &[&str] = match contact.language {
        Lang::Kk | Lang::Ru => &["kk", "ru"],
        Lang::En => &["en"],
    };
    let whole = app.store.incident(&id, &app.law, app.now()).await?;
    let text = body
        .text
        .unwrap_or_else(|| notices::initial_text(&app, &whole));
    let new = casework::NewNotice {
        duty: body.duty,
        addressee: contact.party.clone(),
        address: contact.email.clone(),
        languages: languages.iter().map(|&code| code.to_owned()).collect(),
        text,
    };
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    let notice = tx.draft_notice(&ctx, &id, &new).await?;
    tx.commit().await?;
    Ok((
        StatusCode::CREATED,
        Json(Notice::of(notice, &Names::of(&app).await?)),
    ))
}

/// One notice.
#[utoipa::path(
    get,
    path = "/notices/{id}",
    tag = "notices",
    operation_id = "notices_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "One notice", body = Notice))
)]
async fn get(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<Notice>> {
    let notice = app.store.notice(&id).await?;
    Ok(Json(Notice::of(notice, &Names::of(&app).await?)))
}

/// The document as PDF.
#[utoipa::path(
    get,
    path = "/notices/{id}/document",
    tag = "notices",
    operation_id = "notices_document",
    params(("id" = String, Path), DocumentQuery),
    responses((status = OK, description = "The document as PDF", body = Vec<u8>, content_type = "application/pdf"))
)]
async fn document(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<DocumentQuery>,
) -> ApiResult<Response> {
    let lang = match query.lang.as_deref() {
        None => None,
        Some("kk" | "ru") => Some(DocumentLang::KkRu),
        Some("en") => Some(DocumentLang::En),
        Some(other) => {
            let message = format!("`lang`: `{other}` is none of kk, ru, en");
            return Err(ApiError::bad_request(message));
        }
    };
    let notice = app.store.notice(&id).await?;
    let bytes = match (lang, &notice.document_sha256) {
        (None, Some(sha256)) => app.store.document(sha256).await?.body,
        _ => {
            let date = notice.approved_at.unwrap_or_else(|| app.now());
            notices::render(&app, &notice, date, lang).await?.bytes
        }
    };
    let name = notice.number.replace('/', "-");
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("inline; filename=\"{name}.pdf\""),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// The notice with its final document.
#[utoipa::path(
    post,
    path = "/notices/{id}/approve",
    tag = "notices",
    operation_id = "notices_approve",
    params(("id" = String, Path)),
    responses((status = OK, description = "The notice with its final document", body = Notice))
)]
async fn approve(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<Notice>> {
    let approved = notices::approve(&app, &id, &who.actor()).await;
    let notice = approved.map_err(refused)?;
    Ok(Json(Notice::of(notice, &Names::of(&app).await?)))
}

/// The notice after the attempt to send it.
#[utoipa::path(
    post,
    path = "/notices/{id}/send",
    tag = "notices",
    operation_id = "notices_send",
    params(("id" = String, Path)),
    responses((status = OK, description = "The notice after the attempt to send it", body = Notice))
)]
async fn send(State(app): State<App>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Notice>> {
    let sent = notices::send(&app, &id, &who.actor()).await;
    let notice = sent.map_err(refused)?;
    Ok(Json(Notice::of(notice, &Names::of(&app).await?)))
}

pub(super) fn routes(api: Api) -> Api {
    api.write(Permission::NoticesDraft, routes!(draft))
        .read(Permission::IncidentsRead, routes!(get))
        .read(Permission::IncidentsRead, routes!(document))
        .write(Permission::NoticesApprove, routes!(approve))
        .write(Permission::NoticesSend, routes!(send))
}
