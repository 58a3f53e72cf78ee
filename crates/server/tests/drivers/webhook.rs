//! A web server on loopback that takes signed calls over TLS.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response as Answer};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use parking_lot::Mutex;
use saqshy_dispatch::webhook_signature;
use serde_json::Value;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::common::start_in;
use crate::{Hands, Response, text};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A call as it arrived.
struct Call {
    path: String,
    delivery: String,
    signed: bool,
    body: Value,
}

/// Listens with a certificate of its own, whose PEM it returns; answers 500 to the `fails`.
async fn listen(calls: Arc<Mutex<Vec<Call>>>) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, calls) = (acceptor.clone(), calls.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = service_fn(move |request| take(request, calls.clone()));
                let connection = hyper::server::conn::http1::Builder::new();
                let _ = connection
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (format!("https://localhost:{port}"), made.cert.pem())
}

async fn take(
    request: Request<Incoming>,
    calls: Arc<Mutex<Vec<Call>>>,
) -> Result<Answer<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let header = |name: &str| head.headers[name].to_str().unwrap().to_owned();
    let seconds: i64 = header("x-saqshy-timestamp").parse().unwrap();
    let at = Timestamp::from_second(seconds).unwrap();
    let expected = webhook_signature(SECRET.as_bytes(), at, &body).unwrap();
    let path = head.uri.path().to_owned();
    let fails = path == "/broken";
    calls.lock().push(Call {
        delivery: header("x-saqshy-delivery"),
        signed: header("x-saqshy-signature") == expected,
        body: serde_json::from_slice(&body).unwrap(),
        path,
    });
    let mut answer = Answer::new(Full::from("тіркелді № 7"));
    if fails {
        *answer.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_system_is_called_and_called_back() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (url, pem) = listen(calls.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
    std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
    let hook = |name: &str, path: &str, more: &str| {
        format!(
            "[[response.webhook]]\nname = \"{name}\"\nurl = \"{url}/{path}\"\n\
             undo_url = \"{url}/release\"\nsecret_file = \"secret\"\n{more}\n"
        )
    };
    let trusted = "ca_file = \"ca.pem\"";
    let rehearsed = format!("{trusted}\nrehearse_url = \"{url}/rehearse\"");
    let extra = [
        hook("isolate", "isolate", trusted),
        hook("ticket", "ticket", &rehearsed),
        hook("broken", "broken", trusted),
        hook("stranger", "isolate", ""),
    ];
    let (hands, clock) = Hands::new();
    let trial = start_in(folder, &extra.concat(), clock).await;
    let response = Response::new(&trial).await;

    // Without an address of its own a dry run calls nothing.
    let asked = response.ask("call_webhook", "isolate=WS-17", 10).await;
    assert!(
        text(&asked, "rehearsal").contains("nothing was called"),
        "{asked}"
    );
    assert!(calls.lock().is_empty());
    let applied = response.approve(&asked).await;
    assert_eq!(applied["state"], "applied", "{applied}");
    assert!(
        text(&applied, "result").contains("200 OK тіркелді № 7"),
        "{applied}"
    );
    hands.forward(11);
    response.ends(&asked).await;
    {
        let calls = calls.lock();
        let paths: Vec<&str> = calls.iter().map(|call| call.path.as_str()).collect();
        assert_eq!(paths, ["/isolate", "/release"]);
        assert!(calls.iter().all(|call| call.signed));
        let id = asked["id"].as_str().unwrap();
        assert_eq!(calls[0].delivery, format!("{id}:apply"));
        assert_eq!(calls[1].delivery, format!("{id}:undo"));
        let body = &calls[0].body;
        assert_eq!(
            (text(body, "operation"), text(body, "target")),
            ("apply", "WS-17")
        );
        assert_eq!(body["expires_at"], applied["expires_at"]);
        assert_eq!(text(body, "incident"), response.case);
    }

    let asked = response.ask("call_webhook", "ticket=WS-17", 60).await;
    assert!(text(&asked, "rehearsal").contains("200 OK"), "{asked}");
    assert_eq!(calls.lock().last().unwrap().path, "/rehearse");

    // A failure stands on the case and in the action; so does a host that cannot prove itself.
    for (target, why) in [("broken=WS-17", "500"), ("stranger=WS-17", "certificate")] {
        let asked = response.ask("call_webhook", target, 60).await;
        let failed = response.approve(&asked).await;
        assert_eq!(failed["state"], "failed", "{failed}");
        assert!(text(&failed, "result").contains(why), "{failed}");
    }
    let asked = response.ask("call_webhook", "nobody=WS-17", 60).await;
    assert!(
        text(&asked, "rehearsal").contains("isolate, ticket, broken"),
        "{asked}"
    );
}
