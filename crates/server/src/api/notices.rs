//! Notices to state bodies and others: draft, approve, send, receipt.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult};

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
    /// Role of the addressee in the law pack, for example `nsc`.
    pub addressee: String,
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
async fn draft() -> ApiResult<(StatusCode, Json<Notice>)> {
    Err(ApiError::busy())
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
async fn get() -> ApiResult<Json<Notice>> {
    Err(ApiError::busy())
}

/// The document as PDF.
#[utoipa::path(
    get,
    path = "/notices/{id}/document",
    tag = "notices",
    operation_id = "notices_document",
    params(("id" = String, Path)),
    responses((status = OK, description = "The document as PDF", body = Vec<u8>, content_type = "application/pdf"))
)]
async fn document() -> ApiResult<Response> {
    Err(ApiError::busy())
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
async fn approve() -> ApiResult<Json<Notice>> {
    Err(ApiError::busy())
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
async fn send() -> ApiResult<Json<Notice>> {
    Err(ApiError::busy())
}

pub(super) fn routes(api: Api) -> Api {
    api.write(Permission::NoticesDraft, routes!(draft))
        .read(Permission::IncidentsRead, routes!(get))
        .read(Permission::IncidentsRead, routes!(document))
        .write(Permission::NoticesApprove, routes!(approve))
        .write(Permission::NoticesSend, routes!(send))
}
