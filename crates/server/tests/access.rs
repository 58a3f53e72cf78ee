//! Walks the API document: every operation refuses strangers and the wrong role, says so in one
//! shape, and nothing changes without the header that only our own pages send.

mod common;

use common::{PASSWORD, send, start};
use serde_json::{Value, json};

/// Every operation: method, path with `x` for its parameters, permission.
fn operations() -> Vec<(String, String, Option<String>)> {
    let document = serde_json::to_value(saqshy_server::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let gate = &operation["x-saqshy"];
            assert!(
                gate.is_object(),
                "{method} {path} does not say who may call it"
            );
            let mut concrete = path.clone();
            while let (Some(from), Some(to)) = (concrete.find('{'), concrete.find('}')) {
                let is_index = &concrete[from..=to] == "{index}";
                concrete.replace_range(from..=to, if is_index { "0" } else { "x" });
            }
            let permission = gate["permission"].as_str().map(str::to_owned);
            operations.push((method.to_uppercase(), concrete, permission));
        }
    }
    assert!(operations.len() > 40, "{} operations", operations.len());
    operations
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_refuses_strangers_and_the_wrong_role() {
    let trial = start("").await;
    let nobody = trial.nobody();
    let mut forged = trial.nobody();
    forged.cookie = format!("saqshy_session={}", "0".repeat(64));
    let roles = trial
        .sign_in("administrator")
        .await
        .ok("GET", "/roles", None)
        .await;
    let roles = roles["roles"].as_array().unwrap().clone();
    let mut people = Vec::new();
    for role in &roles {
        people.push((role, trial.sign_in(role["id"].as_str().unwrap()).await));
    }
    let before = trial.leaves().await;
    let (mut refusals, mut open) = (0, Vec::new());
    for (method, path, permission) in operations() {
        let Some(permission) = permission else {
            open.push(format!("{method} {path}"));
            continue;
        };
        for stranger in [&nobody, &forged] {
            let reply = stranger.call(&method, &path, Some(&json!({}))).await;
            assert_eq!(reply.status, 401, "{method} {path}: {}", reply.text());
            assert_eq!(reply.json()["code"], "not_signed_in");
        }
        if permission == "session" {
            continue;
        }
        for (role, person) in &people {
            let holds = role["permissions"]
                .as_array()
                .unwrap()
                .contains(&json!(permission));
            if holds {
                continue;
            }
            let reply = person.call(&method, &path, Some(&json!({}))).await;
            assert_eq!(
                reply.status,
                403,
                "{method} {path} as {}: {}",
                role["id"],
                reply.text()
            );
            assert_eq!(reply.json()["code"], "not_allowed");
            assert!(
                reply.json()["message"]
                    .as_str()
                    .unwrap()
                    .contains(&permission)
            );
            refusals += 1;
        }
    }
    assert_eq!(open, ["POST /session"], "operations that need no session");
    assert!(
        refusals > 40,
        "{refusals} refusals for a missing permission"
    );
    assert_eq!(
        trial.leaves().await,
        before,
        "a refused operation changed something"
    );
    trial.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_changes_without_the_header_of_our_own_pages() {
    let trial = start("").await;
    let admin = trial.sign_in("administrator").await;
    let coordinator = trial.sign_in("incident_coordinator").await;
    for (method, path, permission) in operations() {
        if method == "GET" || permission.as_deref() == Some("session") && path == "/session" {
            continue;
        }
        for person in [&admin, &coordinator] {
            let reply = person
                .call_with(&method, &path, Some(&json!({})), &[])
                .await;
            assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text());
        }
    }
    let reply = trial
        .nobody()
        .call_with("POST", "/session", Some(&json!({})), &[])
        .await;
    assert_eq!(reply.json()["code"], "csrf_header_missing");
    trial.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_begins_and_ends() {
    let trial = start("").await;
    let nobody = trial.nobody();
    for (login, password) in [("analyst", "wrong"), ("nobody", PASSWORD), ("", "")] {
        let body = json!({ "login": login, "password": password });
        let reply = nobody.call("POST", "/session", Some(&body)).await;
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (401, &json!("wrong_credentials"))
        );
    }
    let analyst = trial.sign_in("analyst").await;
    let me = analyst.ok("GET", "/session", None).await;
    assert_eq!(me["user"]["roles"], json!(["analyst"]));
    assert_eq!(me["organisation"]["time_zone"], "Asia/Almaty");
    assert!(
        me["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!("alerts.triage"))
    );

    // A new password ends the other sessions, not this one.
    let other = trial.sign_in("analyst").await;
    let new = "a new password, long enough";
    let wrong = json!({ "old": "not it", "new": new });
    assert_eq!(
        analyst
            .call("POST", "/session/password", Some(&wrong))
            .await
            .status,
        422
    );
    analyst
        .ok(
            "POST",
            "/session/password",
            Some(&json!({ "old": PASSWORD, "new": new })),
        )
        .await;
    assert_eq!(other.call("GET", "/session", None).await.status, 401);
    assert_eq!(analyst.call("GET", "/session", None).await.status, 200);

    assert_eq!(analyst.call("DELETE", "/session", None).await.status, 204);
    assert_eq!(analyst.call("GET", "/session", None).await.status, 401);
    trial.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_is_slowed_down() {
    let trial = start("").await;
    let guess = json!({ "login": "auditor", "password": "guess guess guess" });
    let mut answers = Vec::new();
    for _ in 0..7 {
        answers.push(
            trial
                .nobody()
                .call("POST", "/session", Some(&guess))
                .await
                .status,
        );
    }
    assert!(answers.contains(&429), "{answers:?}");
    assert_eq!(answers[..5], [401; 5]);
    // The others are not locked out.
    trial.sign_in("analyst").await;
    trial.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_sources_are_made_changed_and_journalled() {
    let trial = start("").await;
    let admin = trial.sign_in("administrator").await;
    let before = trial.leaves().await;
    let new = json!({ "login": "Aigerim", "name": "Әйгерім", "password": PASSWORD, "roles": ["analyst"] });
    let made = admin.ok("POST", "/users", Some(&new)).await;
    let user = format!("/users/{}", made["id"].as_str().unwrap());
    let aigerim = trial.sign_in("aigerim").await;

    let refused = [
        (
            json!({ "login": "aigerim", "name": "x", "password": PASSWORD, "roles": ["analyst"] }),
            "exists",
        ),
        (
            json!({ "login": "berik", "name": "x", "password": "short", "roles": ["analyst"] }),
            "12 characters",
        ),
        (
            json!({ "login": "berik", "name": "x", "password": PASSWORD, "roles": ["king"] }),
            "no role",
        ),
        (
            json!({ "login": "berik", "name": "x", "password": PASSWORD, "roles": ["auditor", "analyst"] }),
            "together",
        ),
        (
            json!({ "login": "system", "name": "x", "password": PASSWORD, "roles": ["analyst"] }),
            "exists",
        ),
    ];
    for (body, why) in refused {
        let reply = admin.call("POST", "/users", Some(&body)).await;
        assert_eq!(reply.status, 422, "{body}");
        assert!(reply.text().contains(why), "{}", reply.text());
    }
    let unknown = json!({ "login": "a", "nmae": "x" });
    assert_eq!(
        admin.call("POST", "/users", Some(&unknown)).await.json()["code"],
        "bad_request"
    );

    let changed = admin
        .ok("PATCH", &user, Some(&json!({ "enabled": false })))
        .await;
    assert_eq!(changed["enabled"], false);
    assert_eq!(
        aigerim.call("GET", "/session", None).await.status,
        401,
        "switched off at once"
    );
    let own = admin.ok("GET", "/users", None).await;
    let own = own["users"]
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["login"] == "administrator");
    let own = format!("/users/{}", own.unwrap()["id"].as_str().unwrap());
    let reply = admin
        .call("PATCH", &own, Some(&json!({ "roles": ["auditor"] })))
        .await;
    assert_eq!(reply.status, 422, "nobody changes the own roles");

    let source = admin
        .ok("POST", "/sources", Some(&json!({ "name": "portal" })))
        .await;
    let path = format!("/sources/{}", source["id"].as_str().unwrap());
    let rotated = admin
        .ok("PATCH", &path, Some(&json!({ "rotate": true })))
        .await;
    assert_ne!(rotated["token"], source["token"]);
    assert_eq!(
        trial.leaves().await - before,
        5,
        "account, sign-in, switch off, source, rotation"
    );

    let journal = leaves(&trial).await;
    assert!(!journal.contains(PASSWORD) && !journal.contains(source["token"].as_str().unwrap()));
    trial.server.shutdown().await.unwrap();
}

async fn leaves(trial: &common::Trial) -> String {
    let leaves = trial.server.app().store.leaves_from(0, 1000).await.unwrap();
    leaves
        .into_iter()
        .map(|(_, body)| String::from_utf8(body).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_carry_their_headers_and_pages_their_policy() {
    let trial = start("").await;
    let console = trial.console();
    let reply = send(console, "GET", "/api/v1/session", &[], vec![]).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(
        reply
            .header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    let link = reply.json()["link"].as_str().unwrap().to_owned();
    let russian = [("accept-language", "ru")];
    let page = send(console, "GET", &link, &russian, vec![]).await;
    assert!(page.status == 200 && page.text().contains("Вход не выполнен"));

    let page = send(console, "GET", "/incidents/abc", &[], vec![]).await;
    assert_eq!(page.status, 200, "every other path is the console's page");
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(
        !page
            .header("content-security-policy")
            .contains("'unsafe-eval'")
    );
    assert_eq!(
        send(console, "GET", "/_app/no.js", &[], vec![])
            .await
            .status,
        404
    );

    let unknown = send(console, "GET", "/api/v1/no-such", &[], vec![]).await;
    assert_eq!(
        (unknown.status, &unknown.json()["code"]),
        (404, &json!("not_found"))
    );
    let document = send(console, "GET", "/api/openapi.json", &[], vec![])
        .await
        .json();
    assert_eq!(document["info"]["title"], "Saqshy");
    let health = send(console, "GET", "/healthz", &[], vec![]).await;
    assert_eq!(
        (health.status, &health.json()["database"]),
        (200, &Value::Bool(true))
    );
    let metrics = send(console, "GET", "/metrics", &[], vec![]).await;
    assert!(
        metrics.text().contains("saqshy_journal_leaves"),
        "{}",
        metrics.text()
    );

    let huge = vec![b' '; 2 << 20];
    let csrf = [("x-saqshy-csrf", "1"), ("content-type", "application/json")];
    let reply = send(console, "POST", "/api/v1/session", &csrf, huge).await;
    assert_eq!(reply.json()["code"], "too_large");
    trial.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn off_loopback_the_console_speaks_tls_with_a_certificate_of_its_own() {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

    let folder = tempfile::tempdir().unwrap();
    let mut config = common::config(folder.path(), "");
    config.console.listen = "0.0.0.0:0".parse().unwrap();
    config.console.tls = true;
    let clock = saqshy_server::runtime::system_clock();
    let server = saqshy_server::Server::start(config, clock).await.unwrap();
    let first = server.first_account().unwrap().clone();
    assert_eq!((first.login.as_str(), first.password.len()), ("admin", 20));

    let certificate = CertificateDer::from_pem_file(folder.path().join("data/tls/cert.pem"));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let port = server.addresses().console.rsplit_once(':').unwrap().1;
    let stream = tokio::net::TcpStream::connect(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let mut stream = connector
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap();
    let body = json!({ "login": first.login, "password": first.password }).to_string();
    let request = format!(
        "POST /api/v1/session HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-saqshy-csrf: 1\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    let _ = stream.read_to_string(&mut reply).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(reply.contains("; Secure"), "{reply}");
    server.shutdown().await.unwrap();
}
