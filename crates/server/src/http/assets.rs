//! The console: files inside the program, with the page itself for every other path.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::headers::console_policy;
use crate::embedded;
use crate::texts;

/// Names of the page that shows every route.
const PAGES: [&str; 2] = ["200.html", "index.html"];

/// The page's policy, computed once from the scripts in it.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let page = PAGES.iter().find_map(|page| embedded::console(page));
    let html = page.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned());
    let policy = console_policy(&script_hashes(html.as_deref().unwrap_or_default()));
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// Serves one file; a path that is none gets the page.
pub async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if !path.is_empty()
        && let Some((bytes, hash)) = embedded::console(path)
    {
        return file(path, bytes.into_owned(), hash, &headers);
    }
    // A file that is asked for by name and is not there is an error, not the page.
    if path.starts_with("_app/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    for page in PAGES {
        if let Some((bytes, hash)) = embedded::console(page) {
            return file(page, bytes.into_owned(), hash, &headers);
        }
    }
    not_built(&headers)
}

fn file(path: &str, bytes: Vec<u8>, hash: [u8; 32], asked: &HeaderMap) -> Response {
    let tag = etag(&hash);
    let known = asked
        .get(header::IF_NONE_MATCH)
        .is_some_and(|value| *value == tag);
    let caching = match path.starts_with("_app/immutable/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, media_type(path))], bytes).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}

fn etag(hash: &[u8; 32]) -> HeaderValue {
    let tag = format!("\"{}\"", hex::encode(&hash[..16]));
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "ftl" | "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// `sha256-<base64>` of every script that stands in the page itself.
fn script_hashes(html: &str) -> Vec<String> {
    let mut hashes = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find("<script") {
        let Some(open) = rest[start..].find('>') else {
            break;
        };
        let tag = &rest[start..start + open];
        let body_from = start + open + 1;
        let Some(end) = rest[body_from..].find("</script>") else {
            break;
        };
        let body = &rest[body_from..body_from + end];
        if !tag.contains(" src=") && !body.is_empty() {
            hashes.push(format!(
                "sha256-{}",
                STANDARD.encode(Sha256::digest(body.as_bytes()))
            ));
        }
        rest = &rest[body_from + end..];
    }
    hashes
}

/// What a program that was built without the console shows instead.
fn not_built(headers: &HeaderMap) -> Response {
    let lang = texts::asked(None, headers);
    let title = texts::text(lang, "server-not-built-title");
    let html = format!(
        "{}<h1>{}</h1><p>{}</p><pre>make web\nmake</pre></main>",
        texts::page_head(lang, &title),
        texts::escape(&title),
        texts::escape(&texts::text(lang, "server-not-built")),
    );
    let mut response = Html(html).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, texts::page_policy());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_scripts_are_named_by_hash_and_files_are_not() {
        let html = "<script src=\"/a.js\"></script><script>alert(1)</script><script type=\"module\"></script>";
        let expected = STANDARD.encode(Sha256::digest(b"alert(1)"));
        assert_eq!(script_hashes(html), [format!("sha256-{expected}")]);
        assert!(script_hashes("<script").is_empty() && script_hashes("<script>x").is_empty());
    }
}
