//! The HTTP side: routes with their permissions, errors, headers, listening.

mod api;
mod error;

pub use api::Api;
pub use error::{ApiError, ApiResult, ErrorBody};
