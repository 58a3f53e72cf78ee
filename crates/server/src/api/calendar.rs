//! One's own secret link to the calendar of deadlines.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::App;
use crate::access::Who;
use crate::http::{Api, ApiResult};

#[derive(Serialize, ToSchema)]
pub struct FeedState {
    /// When the link was made; absent while there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct FeedLink {
    /// For a calendar program. Shown once: whoever knows it sees the deadlines.
    pub url: String,
}

/// Whether one has a link.
#[utoipa::path(
    get,
    path = "/session/calendar",
    tag = "session",
    operation_id = "calendar_state",
    responses((status = OK, description = "Whether one has a link", body = FeedState))
)]
async fn state(State(app): State<App>, who: Who) -> ApiResult<Json<FeedState>> {
    let made_at = app.access().feeds.made_at(&who.user_id).await?;
    Ok(Json(FeedState { made_at }))
}

/// A new link; the one before ends.
#[utoipa::path(
    post,
    path = "/session/calendar",
    tag = "session",
    operation_id = "calendar_make",
    responses((status = CREATED, description = "A new link; the one before ends", body = FeedLink))
)]
async fn make(State(app): State<App>, who: Who) -> ApiResult<(StatusCode, Json<FeedLink>)> {
    let feeds = &app.access().feeds;
    let token = feeds.make(&who.actor(), &who.user_id, app.now()).await?;
    let public = app.config.console.public_url.as_deref();
    let base = public.or_else(|| app.base_url.get().map(String::as_str));
    let url = format!("{}/calendar/{token}.ics", base.unwrap_or_default());
    Ok((StatusCode::CREATED, Json(FeedLink { url })))
}

/// Ends the link.
#[utoipa::path(
    delete,
    path = "/session/calendar",
    tag = "session",
    operation_id = "calendar_end",
    responses((status = NO_CONTENT, description = "The link has ended"))
)]
async fn end(State(app): State<App>, who: Who) -> ApiResult<StatusCode> {
    let feeds = &app.access().feeds;
    feeds.end(&who.actor(), &who.user_id, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn routes(api: Api) -> Api {
    api.signed_in_read(routes!(state))
        .signed_in_write(routes!(make))
        .signed_in_write(routes!(end))
}
