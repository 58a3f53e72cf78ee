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
use crate::access::{Account, AccountPatch, NewAccount, Permission, Who};
use crate::http::{Api, ApiResult, Body};

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
pub struct People {
    pub people: Vec<Person>,
}

/// Somebody whom work can be given to.
#[derive(Serialize, ToSchema)]
pub struct Person {
    /// The login: what assignments hold.
    pub id: String,
    pub name: String,
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
async fn list(State(app): State<App>) -> ApiResult<Json<UserList>> {
    let accounts = app.access().accounts.all().await?;
    Ok(Json(UserList {
        users: accounts.into_iter().map(User::from).collect(),
    }))
}

/// People with an account that is switched on, by name.
#[utoipa::path(
    get,
    path = "/people",
    tag = "users",
    operation_id = "users_people",
    responses((status = OK, description = "People with an account that is switched on", body = People))
)]
async fn people(State(app): State<App>) -> ApiResult<Json<People>> {
    let accounts = app.access().accounts.all().await?;
    let mut people: Vec<_> = accounts
        .into_iter()
        .filter(|account| account.enabled)
        .map(|account| Person {
            id: account.login,
            name: account.name,
        })
        .collect();
    people.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(Json(People { people }))
}

/// Makes an account.
#[utoipa::path(
    post,
    path = "/users",
    tag = "users",
    operation_id = "users_create",
    request_body = NewUser,
    responses((status = CREATED, description = "The account was made", body = Created))
)]
async fn create(
    State(app): State<App>,
    who: Who,
    Body(body): Body<NewUser>,
) -> ApiResult<(StatusCode, Json<Created>)> {
    let access = app.access();
    let new = NewAccount {
        login: body.login,
        name: body.name,
        password: body.password,
        roles: body.roles,
        language: body.language.unwrap_or_else(|| "kk".to_owned()),
        combined: false,
    };
    let made = access
        .accounts
        .create(&access.roles, &who.actor(), app.now(), &new)
        .await?;
    Ok((StatusCode::CREATED, Json(Created { id: made.id })))
}

/// Changes an account. New roles, a new password and switching it off end its sessions.
#[utoipa::path(
    patch,
    path = "/users/{id}",
    tag = "users",
    operation_id = "users_update",
    request_body = UserPatch,
    params(("id" = String, Path)),
    responses((status = OK, description = "The account after the change", body = User))
)]
async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<UserPatch>,
) -> ApiResult<Json<User>> {
    let access = app.access();
    let patch = AccountPatch {
        roles: body.roles,
        enabled: body.enabled,
        password: body.password,
        name: body.name,
        language: body.language,
    };
    let (actor, now) = (who.actor(), app.now());
    let changed = access
        .accounts
        .change(&access.roles, &actor, now, &id, &patch)
        .await?;
    Ok(Json(changed.into()))
}

/// Roles and what they permit.
#[utoipa::path(
    get,
    path = "/roles",
    tag = "users",
    operation_id = "users_roles",
    responses((status = OK, description = "Roles and what they permit", body = RoleList))
)]
async fn roles(State(app): State<App>) -> Json<RoleList> {
    let roles = app.access().roles.all().iter().map(|role| Role {
        id: role.id.clone(),
        title: role.title.clone(),
        permissions: role.permissions.iter().map(ToString::to_string).collect(),
    });
    Json(RoleList {
        roles: roles.collect(),
    })
}

impl From<Account> for User {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            login: account.login,
            name: account.name,
            roles: account.roles,
            language: account.language,
            enabled: account.enabled,
            created_at: account.created_at,
            last_sign_in: account.last_sign_in,
        }
    }
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::UsersRead, routes!(list))
        .read(Permission::PeopleRead, routes!(people))
        .write(Permission::UsersWrite, routes!(create))
        .write(Permission::UsersWrite, routes!(update))
        .read(Permission::UsersRead, routes!(roles))
}
