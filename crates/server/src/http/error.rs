//! The one shape in which the API refuses: `{"code","message","link"}`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::AccountError;

/// Why a request was refused or failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorBody {
    /// Stable, for programs: for example `stale_version`.
    pub code: String,
    /// For people.
    pub message: String,
    /// A page of this server that says what to do.
    pub link: String,
    /// Where in the text that was sent, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

/// What a handler gives back.
pub type ApiResult<T> = Result<T, ApiError>;

/// A refusal or failure on its way to the caller.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    column: Option<u32>,
    retry_after_seconds: Option<u64>,
}

/// Every code that the API answers with. Each has its texts `error-<code>` in `server.ftl`.
pub const CODES: &[&str] = &[
    "not_signed_in",
    "wrong_credentials",
    "too_many_attempts",
    "not_allowed",
    "csrf_header_missing",
    "not_found",
    "bad_request",
    "bad_query",
    "invalid",
    "stale_version",
    "too_large",
    "busy",
    "timeout",
    "cancelled",
    "internal",
];

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        debug_assert!(
            CODES.contains(&code),
            "`{code}` is missing from the list of codes"
        );
        let message = message.into();
        Self {
            status,
            code,
            message,
            column: None,
            retry_after_seconds: None,
        }
    }

    /// 401: no session, or one that has ended.
    pub fn not_signed_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_signed_in", "sign in first")
    }

    /// 401: login and password do not fit, or the account is disabled.
    pub fn wrong_credentials() -> Self {
        let message = "login or password is wrong";
        Self::new(StatusCode::UNAUTHORIZED, "wrong_credentials", message)
    }

    /// 429: guess more slowly.
    pub fn too_many_attempts(wait_seconds: u64) -> Self {
        let message = format!("too many failed attempts, wait {wait_seconds} s");
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message);
        error.retry_after_seconds = Some(wait_seconds);
        error
    }

    /// 403: signed in, but the permission is missing.
    pub fn not_allowed(permission: crate::access::Permission) -> Self {
        let message = format!("your roles lack the permission `{permission}`");
        Self::new(StatusCode::FORBIDDEN, "not_allowed", message)
    }

    /// 403: a changing request without the header that only our own pages can set.
    pub fn csrf_header_missing() -> Self {
        let message = "a changing request needs the header `x-saqshy-csrf: 1`";
        Self::new(StatusCode::FORBIDDEN, "csrf_header_missing", message)
    }

    /// 404: `what` does not exist.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", what)
    }

    /// 400: the request could not be read.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 400: the search or SQL text is wrong, at `column`.
    pub fn bad_query(message: impl Into<String>, column: Option<u32>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "bad_query", message);
        error.column = column;
        error
    }

    /// 422: the request was understood and breaks a rule.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
    }

    /// 409: somebody else was faster.
    pub fn stale_version(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "stale_version", message)
    }

    /// 413: more than the limit.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// 503: the server has its hands full.
    pub fn busy() -> Self {
        let message = "too many requests at once, try again";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
        error.retry_after_seconds = Some(1);
        error
    }

    /// 409: the search was stopped before it ended.
    pub fn cancelled() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "cancelled",
            "the search was cancelled",
        )
    }

    /// 504: the work took longer than the server allows.
    pub fn timeout() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            "the request took too long",
        )
    }

    /// 500: our fault. The cause goes to the log, not to the caller.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let cause: anyhow::Error = cause.into();
        tracing::error!(error = format!("{cause:#}"), "a request failed");
        let message = "something went wrong in the server; its log says what";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where in the text that was sent, counted from 1.
    pub fn column(&self) -> Option<u32> {
        self.column
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            code: self.code.to_owned(),
            message: self.message,
            link: format!("/help/errors/{}", self.code),
            column: self.column,
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(rejection.body_text()),
            _ => Self::bad_request(rejection.body_text()),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(cause: anyhow::Error) -> Self {
        Self::internal(cause)
    }
}

impl From<saqshy_casework::Error> for ApiError {
    fn from(error: saqshy_casework::Error) -> Self {
        use saqshy_casework::Error;
        match error {
            Error::NotFound { .. } => Self::not_found(error.to_string()),
            Error::Conflict { .. } => Self::stale_version(error.to_string()),
            Error::Invalid { .. } => Self::invalid(error.to_string()),
            Error::Storage(_) => Self::internal(error),
        }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NotFound(_) => Self::not_found(error.to_string()),
            AccountError::Invalid { .. } | AccountError::Taken(_) | AccountError::Roles(_) => {
                Self::invalid(error.to_string())
            }
            AccountError::WrongPassword => Self::invalid("`old`: the password is wrong"),
            AccountError::Store(error) => error.into(),
            AccountError::Internal(_) => Self::internal(error),
        }
    }
}
