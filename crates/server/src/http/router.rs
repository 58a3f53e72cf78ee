//! All routes with what surrounds them, outermost first: security headers, the application, a
//! bound on requests at work, a bound on bodies, a bound on time.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tokio::sync::Semaphore;

use super::{ApiError, assets, headers, health, help};
use crate::{App, api};

/// Requests to the API that are worked on at once.
const REQUESTS_MAX: usize = 64;
/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(5);
/// Time until an answer begins. Streams (search, export) go on after that.
const ANSWER: Duration = Duration::from_secs(120);
/// Largest body of a request.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Everything that the console's listener serves.
pub fn router(app: App) -> Router {
    let (operations, document) = api::router().split_for_parts();
    let document: Arc<str> = serde_json::to_string(&document).unwrap_or_default().into();
    let turns = Arc::new(Semaphore::new(REQUESTS_MAX));
    Router::new()
        .nest("/api/v1", operations.fallback(no_operation))
        .route("/api/openapi.json", get(move || openapi(document.clone())))
        .route("/help/errors/{code}", get(help::error_page))
        .merge(crate::ack::router())
        .merge(crate::calendar::router())
        .layer(from_fn_with_state(turns, bounded))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(health::metrics))
        .fallback(get(assets::serve))
        .layer(Extension(app.clone()))
        .layer(from_fn(headers::secure))
        .with_state(app)
}

async fn no_operation() -> ApiError {
    ApiError::not_found("there is no such operation; see /api/openapi.json")
}

async fn openapi(document: Arc<str>) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        document.to_string(),
    )
        .into_response()
}

/// A request waits a little for its turn, and its answer must begin in time. The turn is kept
/// until the answer begins.
async fn bounded(State(turns): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(Ok(_turn)) = tokio::time::timeout(TURN, turns.acquire()).await else {
        return ApiError::busy().into_response();
    };
    let mut response = match tokio::time::timeout(ANSWER, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::timeout().into_response(),
    };
    // Axum answers a wrong method without a body.
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let refusal = ApiError::bad_request("this path does not know the method");
        let (mut parts, body) = refusal.into_response().into_parts();
        parts.status = StatusCode::METHOD_NOT_ALLOWED;
        response = Response::from_parts(parts, body);
    }
    response
}
