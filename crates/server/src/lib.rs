//! Saqshy's server: introduces the other crates to each other and serves the HTTP API.
//!
//! [`Server::start`] opens the parts ([`runtime`]), starts the tasks and listens; the command line,
//! the demo and the tests all use it.

pub mod access;
mod ack;
mod api;
mod calendar;
#[cfg(test)]
mod case_tests;
pub mod config;
pub mod embedded;
mod http;
mod notices;
mod papers;
mod response;
pub mod runtime;
mod server;
mod texts;

use std::ops::Deref;
use std::sync::Arc;

pub use access::{add_user, set_password};
pub use api::openapi;
pub use server::{Addresses, Server};

use access::{Access, Who};
use http::{ApiError, Searches};

/// What handlers work with: the open parts of the server, and who may use them. Cheap to clone.
#[derive(Clone)]
pub struct App {
    parts: Arc<runtime::App>,
    access: Arc<Access>,
    searches: Arc<Searches>,
}

impl App {
    /// Puts accounts and sessions beside the open parts.
    pub async fn new(parts: Arc<runtime::App>) -> anyhow::Result<Self> {
        let access = Arc::new(Access::open(&parts.store).await?);
        Ok(App {
            parts,
            access,
            searches: Arc::default(),
        })
    }

    /// Accounts, sessions and roles.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Everything below HTTP.
    pub fn parts(&self) -> &Arc<runtime::App> {
        &self.parts
    }

    /// Searches that run now.
    pub(crate) fn searches(&self) -> &Arc<Searches> {
        &self.searches
    }

    /// Who sent these headers.
    async fn who(&self, headers: &axum::http::HeaderMap) -> Result<Who, ApiError> {
        let token = http::session_token(headers).ok_or_else(ApiError::not_signed_in)?;
        let who = self
            .access
            .sessions
            .who(&self.access.roles, &token, self.now())
            .await?;
        who.ok_or_else(ApiError::not_signed_in)
    }
}

impl Deref for App {
    type Target = runtime::App;

    fn deref(&self) -> &runtime::App {
        &self.parts
    }
}
