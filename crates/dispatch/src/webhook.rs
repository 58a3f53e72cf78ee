//! A notice as an HTTPS POST to the addressee's own system.
//!
//! The body is JSON. `x-saqshy-timestamp` holds the seconds since 1970 and `x-saqshy-signature` the
//! text `sha256=` with the hexadecimal HMAC-SHA256 (RFC 2104) of `<timestamp>.<body>` under the
//! secret that both sides know; a receiver refuses old times and other sums. A redirect is not
//! followed: what was meant for one host never goes to another.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::mail::MailError;

/// Bytes of an answer that are looked at.
const ANSWER_BYTES_MAX: usize = 4096;
/// Shortest secret, in bytes.
pub const WEBHOOK_SECRET_BYTES_MIN: usize = 16;

/// Where and how to post.
#[derive(Clone)]
pub struct Webhook {
    /// `https://…`; `http://` to a loopback address only.
    pub url: String,
    /// Known to both sides, at least [`WEBHOOK_SECRET_BYTES_MIN`] bytes.
    pub secret: Vec<u8>,
    /// PEM of an authority to trust besides the public ones.
    pub ca_pem: Option<String>,
    /// Seconds for the whole conversation.
    pub timeout_seconds: u64,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The signature of a body sent at `at`.
pub fn webhook_signature(secret: &[u8], at: Timestamp, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(format!("{}.", at.as_second()).as_bytes());
    mac.update(body);
    let sum = mac.finalize().into_bytes();
    let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("sha256={hex}"))
}

/// Posts `body`. `Ok` holds the answer's status line and means that the addressee's system took it.
///
/// # Errors
/// `Rejected` for 3xx and 4xx (but 408, 425 and 429) and for a wrong configuration, `Temporary` for
/// 5xx and those three, `Unreachable` without connection, trust or answer in time.
pub async fn post_webhook(
    hook: &Webhook,
    id: &str,
    at: Timestamp,
    body: Vec<u8>,
) -> Result<String, MailError> {
    let limit = Duration::from_secs(hook.timeout_seconds.clamp(1, 600));
    match tokio::time::timeout(limit, post(hook, id, at, body)).await {
        Ok(result) => result,
        Err(_) => Err(MailError::Unreachable(format!(
            "no answer within {} s",
            limit.as_secs()
        ))),
    }
}

async fn post(hook: &Webhook, id: &str, at: Timestamp, body: Vec<u8>) -> Result<String, MailError> {
    let wrong = |what: String| MailError::Rejected(what);
    let uri: Uri = hook
        .url
        .parse()
        .map_err(|error| wrong(format!("`{}` is no URL: {error}", hook.url)))?;
    let host = uri.host().unwrap_or_default().to_owned();
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(wrong(format!("`{}`: use https", hook.url))),
    };
    if hook.secret.len() < WEBHOOK_SECRET_BYTES_MIN {
        let what = format!("the secret has fewer than {WEBHOOK_SECRET_BYTES_MIN} bytes");
        return Err(wrong(what));
    }
    let signature = webhook_signature(&hook.secret, at, &body)
        .ok_or_else(|| wrong("the secret cannot be used".into()))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::post(path)
        .header(header::HOST, uri.authority().map_or("", |a| a.as_str()))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "saqshy")
        .header("x-saqshy-delivery", id)
        .header("x-saqshy-timestamp", at.as_second().to_string())
        .header("x-saqshy-signature", signature)
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| wrong(error.to_string()))?;
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let bare = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let away = |error: std::io::Error| MailError::Unreachable(format!("{host}:{port}: {error}"));
    let stream = TcpStream::connect((bare.as_str(), port))
        .await
        .map_err(away)?;
    if !tls {
        let peer = stream.peer_addr().map_err(away)?;
        if !peer.ip().to_canonical().is_loopback() {
            return Err(wrong(format!("`{}`: use https", hook.url)));
        }
        return converse(stream, request).await;
    }
    let name = ServerName::try_from(bare).map_err(|error| wrong(error.to_string()))?;
    let trust = tls_trusting(hook.ca_pem.as_deref());
    let trust = trust.map_err(|what| wrong(format!("TLS configuration: {what}")))?;
    let connector = TlsConnector::from(Arc::new(trust));
    let stream = connector.connect(name, stream).await.map_err(away)?;
    converse(stream, request).await
}

async fn converse<S>(stream: S, request: Request<Full<Bytes>>) -> Result<String, MailError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let away = |error: hyper::Error| MailError::Unreachable(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(away)?;
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(away)?;
    let (status, location) = (answer.status(), answer.headers().get(header::LOCATION));
    let location = location.map(|to| format!("{to:?}")).unwrap_or_default();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect();
    let said = match body.await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => String::new(),
    };
    driver.abort();
    judge(status, &location, &said)
}

fn judge(status: StatusCode, location: &str, said: &str) -> Result<String, MailError> {
    let first: String = said
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    let what = format!("HTTP {status} {first}").trim().to_owned();
    match status.as_u16() {
        200..=299 => Ok(what),
        300..=399 => Err(MailError::Rejected(format!(
            "{what}: a redirect to {location} is not followed; write the final URL"
        ))),
        408 | 425 | 429 | 500..=599 => Err(MailError::Temporary(what)),
        _ => Err(MailError::Rejected(what)),
    }
}

/// A TLS client that trusts the public authorities and those of `ca_pem`.
///
/// # Errors
/// Says what is wrong with the PEM.
pub fn tls_trusting(ca_pem: Option<&str>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default().as_bytes()) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn hook(url: String) -> Webhook {
        Webhook {
            url,
            secret: b"0123456789abcdef".to_vec(),
            ca_pem: None,
            timeout_seconds: 2,
        }
    }

    /// Answers one request with `answer` and hands back what was asked.
    async fn once(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in?x=1", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = String::new();
            while !asked.ends_with("{\"a\":1}") {
                let mut part = [0; 4096];
                let n = stream.read(&mut part).await.unwrap();
                asked.push_str(&String::from_utf8_lossy(&part[..n]));
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            asked
        });
        (url, asked)
    }

    fn at() -> Timestamp {
        "2026-03-16T09:12:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn the_addressee_can_check_who_sent_it() {
        let (url, asked) = once("HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok").await;
        let body = b"{\"a\":1}".to_vec();
        let answer = post_webhook(&hook(url), "n1", at(), body.clone()).await;
        assert_eq!(answer.unwrap(), "HTTP 202 Accepted ok");
        let asked = asked.await.unwrap();
        let header = |name: &str| {
            let line = asked.lines().find_map(|l| l.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        assert!(asked.starts_with("POST /in?x=1 HTTP/1.1\r\n"), "{asked}");
        assert_eq!(header("x-saqshy-delivery:"), "n1");
        assert_eq!(header("x-saqshy-timestamp:"), at().as_second().to_string());
        let expected = webhook_signature(b"0123456789abcdef", at(), &body).unwrap();
        assert_eq!(header("x-saqshy-signature:"), expected);
        let other = webhook_signature(b"0123456789abcdeX", at(), &body).unwrap();
        assert_ne!(expected, other);
    }

    #[tokio::test]
    async fn answers_are_told_apart_and_a_redirect_is_not_followed() {
        let body = || b"{\"a\":1}".to_vec();
        let moved = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://203.0.113.9/\r\ncontent-length: 0\r\n\r\n";
        let (url, _asked) = once(moved).await;
        let error = post_webhook(&hook(url), "n", at(), body())
            .await
            .unwrap_err();
        assert!(
            matches!(&error, MailError::Rejected(what) if what.contains("203.0.113.9")),
            "{error}"
        );
        let (url, _asked) = once("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
        let error = post_webhook(&hook(url), "n", at(), body())
            .await
            .unwrap_err();
        assert!(matches!(error, MailError::Temporary(_)), "{error}");
        let (url, _asked) = once("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n").await;
        let error = post_webhook(&hook(url), "n", at(), body())
            .await
            .unwrap_err();
        assert!(matches!(error, MailError::Rejected(_)), "{error}");
    }

    #[tokio::test]
    async fn silence_and_absence_are_unreachable_and_plain_http_stays_at_home() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut silent = hook(format!("http://{address}/"));
        silent.timeout_seconds = 1;
        let error = post_webhook(&silent, "n", at(), vec![]).await.unwrap_err();
        assert!(
            matches!(&error, MailError::Unreachable(w) if w.contains("1 s")),
            "{error}"
        );
        drop(listener);
        let error = post_webhook(&silent, "n", at(), vec![]).await.unwrap_err();
        assert!(matches!(error, MailError::Unreachable(_)), "{error}");
        for url in ["ftp://a.example/", "not a url", "/path"] {
            let error = post_webhook(&hook(url.into()), "n", at(), vec![]).await;
            assert!(matches!(error, Err(MailError::Rejected(_))), "{url}");
        }
        let mut short = hook("https://a.example/".into());
        short.secret = b"short".to_vec();
        let error = post_webhook(&short, "n", at(), vec![]).await;
        assert!(matches!(error, Err(MailError::Rejected(_))));
    }
}
