//! Saqshy's server: introduces the other crates to each other and serves the HTTP API.

pub mod access;
mod api;
mod http;

pub use api::openapi;

/// What handlers work with.
#[derive(Clone)]
pub struct App;

impl App {
    async fn who(&self, _: &axum::http::HeaderMap) -> Result<access::Who, http::ApiError> {
        Err(http::ApiError::not_signed_in())
    }
}
