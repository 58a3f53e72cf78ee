//! Signing in and out, and who one is.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::Text3;
use crate::App;
use crate::http::{Api, ApiError, ApiResult};

/// What a person types to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub login: String,
    pub password: String,
}

/// Who is signed in, what they may do, and for whom this server works.
#[derive(Serialize, ToSchema)]
pub struct SessionInfo {
    pub user: UserBrief,
    /// Permission names, for example `alerts.triage`, sorted.
    pub permissions: Vec<String>,
    pub organisation: Organisation,
}

#[derive(Serialize, ToSchema)]
pub struct UserBrief {
    pub id: String,
    pub login: String,
    pub name: String,
    pub roles: Vec<String>,
    /// `kk`, `ru` or `en`.
    pub language: String,
}

#[derive(Serialize, ToSchema)]
pub struct Organisation {
    pub name: Text3,
    /// Bearer roles of the law packs that the organisation has, for example `ois`.
    pub bearers: Vec<String>,
    /// IANA name of the organisation's time zone.
    pub time_zone: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    pub old: String,
    pub new: String,
}

/// Signed in; the session is in the cookie `saqshy_session`.
#[utoipa::path(
    post,
    path = "/session",
    tag = "session",
    operation_id = "session_sign_in",
    request_body = SignIn,
    responses((status = OK, description = "Signed in; the session is in the cookie `saqshy_session`", body = SessionInfo))
)]
async fn sign_in() -> ApiResult<Json<SessionInfo>> {
    Err(ApiError::busy())
}

/// Who is signed in.
#[utoipa::path(
    get,
    path = "/session",
    tag = "session",
    operation_id = "session_current",
    responses((status = OK, description = "Who is signed in", body = SessionInfo))
)]
async fn current() -> ApiResult<Json<SessionInfo>> {
    Err(ApiError::busy())
}

/// Signed out.
#[utoipa::path(
    delete,
    path = "/session",
    tag = "session",
    operation_id = "session_sign_out",
    responses((status = NO_CONTENT, description = "Signed out"))
)]
async fn sign_out() -> ApiResult<StatusCode> {
    Err(ApiError::busy())
}

/// The password was changed; other sessions of the account have ended.
#[utoipa::path(
    post,
    path = "/session/password",
    tag = "session",
    operation_id = "session_change_password",
    request_body = PasswordChange,
    responses((status = NO_CONTENT, description = "The password was changed; other sessions of the account have ended"))
)]
async fn change_password() -> ApiResult<StatusCode> {
    Err(ApiError::busy())
}

pub(super) fn routes(api: Api) -> Api {
    api.public_write(routes!(sign_in))
        .signed_in_read(routes!(current))
        .signed_in_write(routes!(sign_out))
        .signed_in_write(routes!(change_password))
}
