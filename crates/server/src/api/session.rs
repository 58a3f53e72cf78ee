//! Signing in and out, and who one is.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use saqshy_journal::Leaf;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::Text3;
use crate::App;
use crate::access::{AccountError, SESSION_COOKIE, SESSION_TOTAL, Who};
use crate::http::{Api, ApiError, ApiResult, Body, Peer};

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
    /// The organisation's own table of incident categories; when empty, any text will do.
    pub categories: Vec<Category>,
}

#[derive(Serialize, ToSchema)]
pub struct Category {
    pub id: String,
    pub title: Text3,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    pub old: String,
    pub new: String,
}

/// Signs in. The session is in the cookie `saqshy_session`.
#[utoipa::path(
    post,
    path = "/session",
    tag = "session",
    operation_id = "session_sign_in",
    request_body = SignIn,
    responses((status = OK, description = "Signed in", body = SessionInfo))
)]
async fn sign_in(
    State(app): State<App>,
    Peer(peer): Peer,
    Body(body): Body<SignIn>,
) -> ApiResult<Response> {
    let now = app.now();
    let access = app.access();
    if let Some(wait) = access.throttle.wait(&body.login, peer, now) {
        let seconds = u64::try_from(wait.as_secs()).unwrap_or(0) + 1;
        return Err(ApiError::too_many_attempts(seconds));
    }
    let Some(account) = access.accounts.check(&body.login, &body.password).await? else {
        access.throttle.failed(&body.login, peer, now);
        refused(&app, &body.login, &peer.to_string()).await?;
        return Err(ApiError::wrong_credentials());
    };
    access.throttle.succeeded(&body.login, peer);
    let token = access.sessions.begin(&account, peer, now).await?;
    let who = access.sessions.who(&access.roles, &token, now).await?;
    let who = who.ok_or_else(ApiError::not_signed_in)?;
    let cookie = cookie(&app, &token, SESSION_TOTAL.as_secs());
    Ok(([(header::SET_COOKIE, cookie)], Json(info(&app, &who))).into_response())
}

/// A refused sign-in is journalled too: an auditor looks for them.
async fn refused(app: &App, login: &str, peer: &str) -> ApiResult<()> {
    let login: String = login.chars().filter(|c| !c.is_control()).take(64).collect();
    let mut tx = app.store.begin().await?;
    tx.leaf(&Leaf {
        at: app.now(),
        actor: "system".to_owned(),
        action: "session.refused".to_owned(),
        object: format!("login:{login}"),
        change: json!({ "address": peer }),
        reason: None,
        edition: None,
    })
    .await?;
    Ok(tx.commit().await?)
}

/// Who is signed in.
#[utoipa::path(
    get,
    path = "/session",
    tag = "session",
    operation_id = "session_current",
    responses((status = OK, description = "Who is signed in", body = SessionInfo))
)]
async fn current(State(app): State<App>, who: Who) -> Json<SessionInfo> {
    Json(info(&app, &who))
}

/// Signs out: the session ends on the server, too.
#[utoipa::path(
    delete,
    path = "/session",
    tag = "session",
    operation_id = "session_sign_out",
    responses((status = NO_CONTENT, description = "Signed out"))
)]
async fn sign_out(State(app): State<App>, who: Who) -> ApiResult<Response> {
    app.access().sessions.end(&who, app.now()).await?;
    let gone = [(header::SET_COOKIE, cookie(&app, "", 0))];
    Ok((StatusCode::NO_CONTENT, gone).into_response())
}

/// Changes the own password. Other sessions of the account end.
#[utoipa::path(
    post,
    path = "/session/password",
    tag = "session",
    operation_id = "session_change_password",
    request_body = PasswordChange,
    responses((status = NO_CONTENT, description = "The password was changed"))
)]
async fn change_password(
    State(app): State<App>,
    Peer(peer): Peer,
    who: Who,
    Body(body): Body<PasswordChange>,
) -> ApiResult<StatusCode> {
    let (access, now) = (app.access(), app.now());
    if let Some(wait) = access.throttle.wait(&who.login, peer, now) {
        return Err(ApiError::too_many_attempts(
            u64::try_from(wait.as_secs()).unwrap_or(0) + 1,
        ));
    }
    let changed = access
        .accounts
        .change_password(&who.actor(), now, &body.old, &body.new, &who.session)
        .await;
    if matches!(changed, Err(AccountError::WrongPassword)) {
        access.throttle.failed(&who.login, peer, now);
    }
    changed?;
    Ok(StatusCode::NO_CONTENT)
}

fn cookie(app: &App, value: &str, max_age_seconds: i64) -> String {
    let secure = if app.config.console.tls {
        "; Secure"
    } else {
        ""
    };
    format!(
        "{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_seconds}{secure}"
    )
}

fn info(app: &App, who: &Who) -> SessionInfo {
    let organisation = &app.config.organisation;
    let mut permissions: Vec<_> = who.permissions.iter().map(ToString::to_string).collect();
    permissions.sort();
    SessionInfo {
        user: UserBrief {
            id: who.user_id.clone(),
            login: who.login.clone(),
            name: who.name.clone(),
            roles: who.roles.clone(),
            language: who.language.clone(),
        },
        permissions,
        organisation: Organisation {
            name: organisation.name.clone().into(),
            bearers: organisation.profile.parties(),
            time_zone: organisation.profile.zone.clone(),
            categories: app
                .config
                .categories
                .iter()
                .map(|category| Category {
                    id: category.id.clone(),
                    title: category.title.clone().into(),
                })
                .collect(),
        },
    }
}

pub(super) fn routes(api: Api) -> Api {
    api.public_write(routes!(sign_in))
        .signed_in_read(routes!(current))
        .signed_in_write(routes!(sign_out))
        .signed_in_write(routes!(change_password))
}
