//! A real server on loopback in a folder of its own, and the HTTP that tests need to talk to it.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use saqshy_server::config::Config;
use saqshy_server::runtime::{Clock, system_clock};
use saqshy_server::{Server, add_user};
use serde_json::Value;

pub const PASSWORD: &str = "correct horse battery staple 9";

/// A server and the folder that goes with it.
pub struct Trial {
    pub server: Server,
    pub folder: tempfile::TempDir,
}

/// The configuration of a server with every listener on a free port of loopback.
pub fn config(folder: &std::path::Path, extra: &str) -> Config {
    let text = format!(
        r#"
node = "test"
data_dir = "data"
[organisation]
name = {{ kk = "Сынақ", ru = "Проба", en = "Trial" }}
bearers = ["kz/o199:sts"]
time_zone = "Asia/Almaty"
[console]
listen = "127.0.0.1:0"
[intake]
syslog_udp = "127.0.0.1:0"
syslog_tcp = "127.0.0.1:0"
syslog_tls = "127.0.0.1:0"
http = "127.0.0.1:0"
{extra}"#
    );
    Config::parse(&text, folder).unwrap()
}

/// Starts a server that has an account for each role, named after it.
pub async fn start(extra: &str) -> Trial {
    start_in(tempfile::tempdir().unwrap(), extra, system_clock()).await
}

/// As [`start`], in a folder that holds files already and by another clock.
pub async fn start_in(folder: tempfile::TempDir, extra: &str, clock: Clock) -> Trial {
    // What the server logs belongs to the output of a test that fails.
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_test_writer();
    let _ = log.try_init();
    let config = config(folder.path(), extra);
    let now = clock();
    for role in [
        "administrator",
        "analyst",
        "incident_coordinator",
        "auditor",
        "investigator",
    ] {
        add_user(&config.data_dir, role, PASSWORD, &[role.to_owned()], now)
            .await
            .unwrap();
    }
    let server = Server::start(config, clock).await.unwrap();
    assert!(
        server.first_account().is_none(),
        "there are accounts already"
    );
    Trial { server, folder }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// One request on a connection of its own.
pub async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Reply {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(path)
        .header("host", address.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let reply = sender.send_request(request).await.unwrap();
    let (parts, body) = reply.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    }
}

/// Somebody who is signed in, or not.
pub struct Person {
    pub address: SocketAddr,
    pub cookie: String,
}

impl Trial {
    /// The server stopped in order and started anew on its folder.
    pub async fn restarted(self, extra: &str) -> Self {
        let Trial { server, folder } = self;
        server.shutdown().await.unwrap();
        let config = config(folder.path(), extra);
        let server = Server::start(config, system_clock()).await.unwrap();
        Trial { server, folder }
    }

    pub fn console(&self) -> SocketAddr {
        let url = &self.server.addresses().console;
        url.trim_start_matches("http://").parse().unwrap()
    }

    pub fn nobody(&self) -> Person {
        Person {
            address: self.console(),
            cookie: String::new(),
        }
    }

    pub async fn sign_in(&self, login: &str) -> Person {
        let mut person = self.nobody();
        let body = serde_json::json!({ "login": login, "password": PASSWORD });
        let reply = person.call("POST", "/session", Some(&body)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let cookie = reply.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
        person.cookie = cookie.split(';').next().unwrap().to_owned();
        person
    }

    pub async fn leaves(&self) -> u64 {
        self.server.app().store.leaf_count().await.unwrap()
    }
}

impl Person {
    /// Calls an operation of the API as the console does.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        self.call_with(method, path, body, &[("x-saqshy-csrf", "1")])
            .await
    }

    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        more: &[(&str, &str)],
    ) -> Reply {
        let mut headers = vec![
            ("content-type", "application/json"),
            ("cookie", &*self.cookie),
        ];
        headers.extend_from_slice(more);
        let body = body
            .map(|body| body.to_string().into_bytes())
            .unwrap_or_default();
        send(
            self.address,
            method,
            &format!("/api/v1{path}"),
            &headers,
            body,
        )
        .await
    }

    /// A call that must succeed.
    pub async fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let reply = self.call(method, path, body).await;
        assert!(
            reply.status < 300,
            "{method} {path}: {} {}",
            reply.status,
            reply.text()
        );
        reply.json()
    }
}

/// Asks until the answer is yes, for at most 20 seconds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    for _ in 0..400 {
        if ask().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{what}: not within 20 s");
}
