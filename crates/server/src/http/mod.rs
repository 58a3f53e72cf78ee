//! The HTTP side: routes with their permissions, errors, headers, pages.

mod api;
mod assets;
mod error;
mod extract;
mod headers;
mod health;
mod help;
mod router;
mod searches;

pub use api::Api;
pub use error::{ApiError, ApiResult, CODES, ErrorBody};
pub use extract::{Body, Peer, Query, session_token};
pub use health::Metrics;
pub use router::router;
pub use searches::{Running, Searches};
