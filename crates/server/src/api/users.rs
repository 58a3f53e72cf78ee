//! People and what they may do.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::{Created, Text3};
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult};

#[derive(Serialize, ToSchema)]
pub struct UserList {
    pub users: Vec<User>,
}

#[derive(Serialize, ToSchema)]
pub struct User {
    pub id: String,
    pub login: String,
    pub name: String,
    pub roles: Vec<String>,
    pub language: String,
    pub enabled: bool,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sign_in: Option<Timestamp>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    pub login: String,
    pub name: String,
    /// At least 12 characters.
    pub password: String,
    pub roles: Vec<String>,
    /// `kk`, `ru` or `en`; `kk` when absent.
    #[serde(default)]
    pub language: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    #[serde(default)]
    pub roles: Option<Vec<String>>,
    #[serde(default)]
    pub enabled: Option<bool>,
    /// A new password; ends the user's sessions.
    #[serde(default)]
    pub password: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub language: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct RoleList {
    pub roles: Vec<Role>,
}

#[derive(Serialize, ToSchema)]
pub struct Role {
    pub id: String,
    pub title: Text3,
    pub permissions: Vec<String>,
}

/// All accounts.
#[utoipa::path(
    get,
    path = "/users",
    tag = "users",
    operation_id = "users_list",
    responses((status = OK, description = "All accounts", body = UserList))
)]
async fn list() -> ApiResult<Json<UserList>> {
    Err(ApiError::busy())
}

/// The account was made.
#[utoipa::path(
    post,
    path = "/users",
    tag = "users",
    operation_id = "users_create",
    request_body = NewUser,
    responses((status = CREATED, description = "The account was made", body = Created))
)]
async fn create() -> ApiResult<(StatusCode, Json<Created>)> {
    Err(ApiError::busy())
}

/// The account after the change.
#[utoipa::path(
    patch,
    path = "/users/{id}",
    tag = "users",
    operation_id = "users_update",
    request_body = UserPatch,
    params(("id" = String, Path)),
    responses((status = OK, description = "The account after the change", body = User))
)]
async fn update() -> ApiResult<Json<User>> {
    Err(ApiError::busy())
}

/// Roles and what they permit.
#[utoipa::path(
    get,
    path = "/roles",
    tag = "users",
    operation_id = "users_roles",
    responses((status = OK, description = "Roles and what they permit", body = RoleList))
)]
async fn roles() -> ApiResult<Json<RoleList>> {
    Err(ApiError::busy())
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::UsersRead, routes!(list))
        .write(Permission::UsersWrite, routes!(create))
        .write(Permission::UsersWrite, routes!(update))
        .read(Permission::UsersRead, routes!(roles))
}
