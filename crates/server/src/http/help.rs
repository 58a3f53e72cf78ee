//! A page per error code that says what to do: where the `link` of a refusal leads.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::{CODES, Query};
use crate::texts::{asked, escape, page_head, page_policy, text};

#[derive(Deserialize)]
pub struct HelpQuery {
    lang: Option<String>,
}

/// `GET /help/errors/{code}`
pub async fn error_page(
    Path(code): Path<String>,
    Query(query): Query<HelpQuery>,
    headers: HeaderMap,
) -> Response {
    if !CODES.contains(&code.as_str()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let lang = asked(query.lang.as_deref(), &headers);
    let title = text(lang, &format!("error-{code}"));
    let html = format!(
        "{}<h1>{}</h1><p>{}</p><p><code>{code}</code></p></main>",
        page_head(lang, &title),
        escape(&title),
        escape(&text(lang, &format!("error-{code}-do"))),
    );
    (
        [(header::CONTENT_SECURITY_POLICY, page_policy())],
        Html(html),
    )
        .into_response()
}
