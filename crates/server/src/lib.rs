//! Saqshy's server: introduces the other crates to each other and serves the HTTP API.

pub mod access;
mod api;
pub mod config;
pub mod embedded;
mod http;
pub mod runtime;

use std::ops::Deref;
use std::sync::Arc;

pub use api::openapi;

/// What handlers work with: the open parts of the server. Cheap to clone.
#[derive(Clone)]
pub struct App {
    parts: Arc<runtime::App>,
}

impl App {
    pub fn new(parts: Arc<runtime::App>) -> Self {
        App { parts }
    }
}

impl Deref for App {
    type Target = runtime::App;

    fn deref(&self) -> &runtime::App {
        &self.parts
    }
}

impl App {
    async fn who(&self, _: &axum::http::HeaderMap) -> Result<access::Who, http::ApiError> {
        Err(http::ApiError::not_signed_in())
    }
}
