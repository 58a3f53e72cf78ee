//! From an alert to the answer that the law asks for, over HTTP, with a clock that stands still.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use saqshy_casework::{Actor, Hit, Level, NewAlert};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::access::NewAccount;
use crate::config::Config;
use crate::{App, http, notices, runtime};

const START: &str = "2026-03-20T13:10:00Z";

#[path = "paper_tests.rs"]
mod papers;

struct Case {
    app: App,
    router: axum::Router,
    time: Arc<Mutex<Timestamp>>,
    folder: tempfile::TempDir,
}

impl Case {
    async fn new() -> Case {
        Case::with("").await
    }

    /// With more at the end of the configuration.
    async fn with(more: &str) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"
            node = "n1"
            data_dir = "data"
            [organisation]
            name = { kk = "Орталық", ru = "Центр «А & Б»", en = "Centre" }
            bearers = ["kz/o199:sts"]
            time_zone = "Asia/Almaty"
            [incidents]
            second_person = true
            [[contact]]
            party = "state_body"
            name = { kk = "Мемлекеттік орган", ru = "Госорган", en = "State body" }
            email = "security@state-body.example"
            [mail]
            from = "saqshy@example.kz"
            folder = "outbox"
        "#;
        let config = Config::parse(&format!("{text}{more}"), folder.path()).unwrap();
        let time = Arc::new(Mutex::new(START.parse().unwrap()));
        let clock: runtime::Clock = Arc::new({
            let time = time.clone();
            move || *time.lock()
        });
        let parts = runtime::open(config, clock).await.unwrap();
        parts
            .base_url
            .set("http://127.0.0.1:8470".to_owned())
            .unwrap();
        let app = App::new(parts).await.unwrap();
        for login in ["aigerim", "marat"] {
            let new = NewAccount {
                login: login.to_owned(),
                name: login.to_uppercase(),
                password: "correct horse battery staple".to_owned(),
                roles: vec!["analyst".to_owned(), "incident_coordinator".to_owned()],
                language: "kk".to_owned(),
                combined: true,
            };
            let access = app.access();
            let accounts = &access.accounts;
            let system = Actor::system();
            let made = accounts.create(&access.roles, &system, app.now(), &new);
            made.await.unwrap();
        }
        Case {
            router: http::router(app.clone()),
            app,
            time,
            folder,
        }
    }

    fn wait(&self, minutes: i64) {
        *self.time.lock() += SignedDuration::from_mins(minutes);
    }

    async fn ask(&self, request: Request<Body>) -> (StatusCode, header::HeaderMap, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 24).await.unwrap();
        (parts.status, parts.headers, body.to_vec())
    }

    async fn sign_in(&self, login: &str) -> Person<'_> {
        let body = json!({"login": login, "password": "correct horse battery staple"});
        let request = Request::post("/api/v1/session")
            .header("x-saqshy-csrf", "1")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let (status, headers, body) = self.ask(request).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        let cookie = headers[header::SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Person { case: self, cookie }
    }

    async fn page(&self, method: &str, path: &str) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path);
        let (status, headers, body) = self.ask(request.body(Body::empty()).unwrap()).await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        (status, String::from_utf8(body).unwrap())
    }

    async fn alert(&self, entity: &str) -> String {
        let (now, id) = (self.app.now(), format!("{:032x}", entity.len()));
        let hit = Hit {
            id: format!("{:032x}", entity.len() + 1000),
            rule_id: "rule-1".to_owned(),
            event_id: "n1-0000000000000001".to_owned(),
            at: now,
            host: Some(entity.to_owned()),
            user: None,
            source_ip: Some("203.0.113.7".to_owned()),
            dataset: "windows.security".to_owned(),
        };
        let alert = NewAlert {
            id: id.clone(),
            rule_id: "rule-1".to_owned(),
            rule_title: "Password guessing".to_owned(),
            rule_title_text: None,
            level: Level::High,
            tags: vec!["attack.t1110".to_owned()],
            entity_kind: "host".to_owned(),
            entity: entity.to_owned(),
            window_start: now,
            window_end: now,
            hits: vec![hit],
        };
        let mut tx = self.app.store.begin().await.unwrap();
        tx.record_hits(now, &[alert]).await.unwrap();
        tx.commit().await.unwrap();
        id
    }
}

struct Person<'a> {
    case: &'a Case,
    cookie: String,
}

impl Person<'_> {
    async fn raw(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Vec<u8>) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::COOKIE, &self.cookie)
            .header("x-saqshy-csrf", "1")
            .header(header::CONTENT_TYPE, "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let (status, _, body) = self.case.ask(request.body(body).unwrap()).await;
        (status, body)
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.raw("GET", path, None).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    async fn does(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, body) = self.raw(method, path, Some(body)).await;
        let text = String::from_utf8_lossy(&body);
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }

    async fn refused(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let (status, body) = self.raw(method, path, Some(body)).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        (status, body["code"].clone())
    }
}

fn clock<'a>(incident: &'a Value, duty: &str) -> &'a Value {
    let clocks = incident["clocks"].as_array().unwrap();
    let found = clocks.iter().find(|clock| clock["duty"] == duty);
    found.unwrap_or_else(|| panic!("no clock {duty} in {clocks:#?}"))
}

/// O199-10-3-7a: the register of contacts says where an addressee is reached: who answers for the
/// object of the case comes first; an addressee of whom nobody knows an address waits as a draft.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_goes_to_who_answers_for_the_object() {
    let case = Case::new().await;
    let person = case.sign_in("aigerim").await;
    let contact = |object: &str, role: &str, email: &str| json!({"object": object, "role": role, "person": email, "email": email});
    for (object, role, email) in [
        ("Портал", "Мемлекеттік орган немесе", "x@example.kz"),
        ("Тізілім", "state_body", "registry@body.example"),
        ("Портал", "STATE_BODY", "portal@body.example"),
    ] {
        person
            .does("POST", "/contacts", contact(object, role, email))
            .await;
    }
    let draft = async |object: &str, duty: &str, addressee: &str| {
        let new = json!({"title": "Оқиға", "severity": "high", "object": object});
        let incident = person.does("POST", "/incidents", new).await;
        let path = format!("/incidents/{}/notices", incident["id"].as_str().unwrap());
        let new = json!({"duty": duty, "addressee": addressee});
        person.does("POST", &path, new).await
    };
    let to_body = "o199.notify-state-body";
    let portal = draft("портал", to_body, "state_body").await;
    assert_eq!(portal["address"], "portal@body.example");
    // Two who could be meant and neither for this object: the configured contact.
    let other = draft("Басқа", to_body, "state_body").await;
    assert_eq!(other["address"], "security@state-body.example");
    let nobody = draft("Портал", "o199.notify-nsc", "nsc").await;
    assert_eq!(
        (nobody["address"].as_str(), &nobody["state"]),
        (Some(""), &json!("draft"))
    );
    let id = nobody["id"].as_str().unwrap();
    let second = case.sign_in("marat").await;
    second
        .does("POST", &format!("/notices/{id}/approve"), json!({}))
        .await;
    let sending = format!("/api/v1/notices/{id}/send");
    let (status, body) = second
        .raw("POST", sending.trim_start_matches("/api/v1"), None)
        .await;
    let said = String::from_utf8_lossy(&body);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
    assert!(said.contains("`nsc` is reached"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_alert_to_the_answer_of_the_state_body() {
    let case = Case::new().await;
    let alert = case.alert("srv-1").await;
    let aigerim = case.sign_in("aigerim").await;
    let marat = case.sign_in("marat").await;

    // Triage: the older version is refused in the API's own shape.
    let page = aigerim.get("/alerts?state=new&level=high&q=guessing").await;
    assert_eq!(page["alerts"][0]["id"], alert.as_str());
    let path = format!("/alerts/{alert}/triage");
    let decision = json!({"verdict": "true_positive", "comment": "Шабуыл", "version": 1});
    let after = aigerim.does("POST", &path, decision.clone()).await;
    assert_eq!(
        (&after["verdict"], &after["version"]),
        (&json!("true_positive"), &json!(2))
    );
    let stale = marat.refused("POST", &path, decision).await;
    assert_eq!(stale, (StatusCode::CONFLICT, json!("stale_version")));
    let whole = aigerim.get(&format!("/alerts/{alert}")).await;
    assert_eq!(whole["comments"][0]["actor"], "AIGERIM");
    assert_eq!(whole["hits"][0]["source_ip"], "203.0.113.7");

    // The incident and its clocks.
    let new = json!({
        "title": "Құпиясөз таңдау <b>", "severity": "high", "object": "«Е-құжат» АЖ",
        "recommendations": "Есептік жазбаны бұғаттау", "alerts": [alert],
    });
    let incident = aigerim.does("POST", "/incidents", new).await;
    let id = incident["id"].as_str().unwrap().to_owned();
    let path = format!("/incidents/{id}");
    let running = clock(&incident, "o199.notify-state-body");
    assert_eq!(running["status"], "running");
    assert_eq!(running["due"], "2026-03-20T13:40:00Z");
    assert_eq!(running["addressee_ids"], json!(["state_body"]));
    assert!(running["steps"].as_array().unwrap().len() > 1);
    assert_eq!(
        clock(&incident, "o199.state-body-answer")["status"],
        "not_started"
    );
    aigerim
        .does(
            "POST",
            &format!("{path}/comments"),
            json!({"text": "Тексерілуде"}),
        )
        .await;
    let task = json!({"title": "Журналды сақтау"});
    let task = aigerim.does("POST", &format!("{path}/tasks"), task).await;
    let task = format!("{path}/tasks/{}", task["id"].as_str().unwrap());
    let task = aigerim.does("PATCH", &task, json!({"state": "done"})).await;
    assert_eq!(task["state"], "done");
    let patch = json!({"category": "bruteforce", "version": 1});
    let patched = aigerim.does("PATCH", &path, patch.clone()).await;
    assert_eq!(patched["category"], "bruteforce");
    let stale = aigerim.refused("PATCH", &path, patch).await;
    assert_eq!(stale.1, "stale_version");
    let list = aigerim.get("/incidents?state=open").await;
    assert_eq!(
        list["incidents"][0]["next_clock"]["duty"],
        "o199.notify-state-body"
    );

    // The notice: drafted by one, approved by another, sent into the folder.
    case.wait(10);
    let drafts = format!("{path}/notices");
    // An addressee whom nobody knows where to reach: nothing is lost, the refusal says what to do.
    let nobody = json!({"duty": "o199.notify-nsc", "addressee": "nsc"});
    let waiting = aigerim.does("POST", &drafts, nobody).await;
    assert_eq!(waiting["address"], "");
    let waiting = format!("/notices/{}", waiting["id"].as_str().unwrap());
    marat
        .does("POST", &format!("{waiting}/approve"), json!({}))
        .await;
    let refused = aigerim
        .refused("POST", &format!("{waiting}/send"), json!({}))
        .await;
    assert_eq!(
        refused,
        (StatusCode::UNPROCESSABLE_ENTITY, json!("invalid"))
    );
    assert_eq!(aigerim.get(&waiting).await["state"], "approved");
    let new = json!({"duty": "o199.notify-state-body", "addressee": "state_body"});
    let draft = aigerim.does("POST", &drafts, new).await;
    assert_eq!(draft["address"], "security@state-body.example");
    assert!(
        draft["text"]
            .as_str()
            .unwrap()
            .contains("Password guessing (srv-1)")
    );
    let notice = format!("/notices/{}", draft["id"].as_str().unwrap());
    let (_, preview) = aigerim
        .raw("GET", &format!("{notice}/document"), None)
        .await;
    assert!(preview.starts_with(b"%PDF"));
    let own = aigerim
        .refused("POST", &format!("{notice}/approve"), json!({}))
        .await;
    assert_eq!(own, (StatusCode::UNPROCESSABLE_ENTITY, json!("invalid")));
    let early = aigerim
        .refused("POST", &format!("{notice}/send"), json!({}))
        .await;
    assert_eq!(early.1, "invalid");
    let approved = marat
        .does("POST", &format!("{notice}/approve"), json!({}))
        .await;
    assert_eq!(
        (&approved["state"], &approved["approved_by"]),
        (&json!("approved"), &json!("MARAT"))
    );
    let (_, document) = aigerim
        .raw("GET", &format!("{notice}/document"), None)
        .await;
    assert_eq!(
        saqshy_casework::sha256_hex(&document),
        approved["document_sha256"].as_str().unwrap()
    );
    let (status, english) = aigerim
        .raw("GET", &format!("{notice}/document?lang=en"), None)
        .await;
    assert!(status.is_success() && english != document);
    let sent = aigerim
        .does("POST", &format!("{notice}/send"), json!({}))
        .await;
    assert_eq!(sent["state"], "sent");
    let mails: Vec<_> = std::fs::read_dir(case.folder.path().join("outbox"))
        .unwrap()
        .collect();
    assert_eq!(mails.len(), 1);
    let incident = aigerim.get(&path).await;
    assert_eq!(clock(&incident, "o199.notify-state-body")["status"], "met");

    // The receipt: looking records nothing, the button does, and the answer's clock runs.
    case.wait(20);
    let stored = case
        .app
        .store
        .notice(draft["id"].as_str().unwrap())
        .await
        .unwrap();
    let url = notices::ack_url(&case.app, &stored, stored.approved_at.unwrap()).unwrap();
    let link = url.strip_prefix("http://127.0.0.1:8470").unwrap();
    let (status, html) = case.page("GET", &format!("{link}?lang=ru")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("Подтверждаю получение") && html.contains("Центр «А &amp; Б»"));
    assert!(!html.contains("<b>") && !html.contains("<script"), "{html}");
    assert_eq!(aigerim.get(&notice).await["state"], "sent");
    let (status, html) = case.page("POST", link).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("20.03.2026 18:40:00 (UTC+05:00)"), "{html}");
    assert_eq!(aigerim.get(&notice).await["state"], "acknowledged");
    case.wait(5);
    let (_, again) = case.page("POST", link).await;
    assert!(again.contains("18:40:00"), "the first receipt stays");
    let incident = aigerim.get(&path).await;
    let answer = clock(&incident, "o199.state-body-answer");
    assert_eq!(
        (&answer["status"], &answer["own"]),
        (&json!("running"), &json!(false))
    );
    assert_eq!(answer["due"], "2026-03-22T13:40:00Z");
    let fact = json!({
        "kind": "answer.received:o199.state-body-answer", "at": "2026-03-20T13:44:00Z",
        "note": "№ 12-3/45",
    });
    let incident = aigerim.does("POST", &format!("{path}/facts"), fact).await;
    assert_eq!(clock(&incident, "o199.state-body-answer")["status"], "met");

    // The journal names the document, and verification finds it.
    let cancel = CancellationToken::new();
    cancel.cancel();
    runtime::sequencer(case.app.parts().clone(), cancel)
        .await
        .unwrap();
    let incident = aigerim.get(&path).await;
    let proofs = incident["proofs"].as_array().unwrap();
    for action in [
        "incident.created",
        "notice.document",
        "notice.acknowledged",
        "task.added",
    ] {
        let found = proofs.iter().find(|proof| proof["action"] == action);
        assert_eq!(found.unwrap()["sealed"], true, "{action}");
    }
    let data = case.folder.path().join("data");
    let report = runtime::verify_data_dir(&data).await.unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(report.documents, 2);

    let reason = json!({"state": "eliminated", "reason": "", "version": incident["version"]});
    let incident = aigerim.does("POST", &format!("{path}/state"), reason).await;
    assert_eq!(clock(&incident, "o199.escalate")["status"], "not_needed");
    let overview = aigerim
        .get("/overview?from=2026-03-20T00:00:00Z&to=2026-03-21T00:00:00Z")
        .await;
    assert_eq!(overview["incidents_open"], 1);
    assert_eq!(overview["alerts_by_level"]["high"], 1);
    assert_eq!(overview["clocks_next"][0]["duty"], "o199.notify-nsc");
    let law = aigerim.get("/law/packs").await;
    assert_eq!(law["packs"][0]["id"], "kz/o199");

    // Links that are not ours, and one that is too old.
    let (status, html) = case.page("GET", "/ack/AAAA?lang=en").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(html.contains("This link is not valid"));
    case.wait(31 * 24 * 60);
    let (status, html) = case.page("GET", link).await;
    assert_eq!(status, StatusCode::GONE);
    assert!(html.contains("lang=\"kk\"") && html.contains("Сілтеме енді жарамайды"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sending_is_tried_again_and_a_paper_receipt_counts() {
    let case = Case::new().await;
    let aigerim = case.sign_in("aigerim").await;
    let marat = case.sign_in("marat").await;
    let new = json!({"title": "Вирус", "severity": "critical"});
    let incident = aigerim.does("POST", "/incidents", new).await;
    let path = format!("/incidents/{}", incident["id"].as_str().unwrap());
    let new = json!({"duty": "o199.notify-state-body", "addressee": "state_body", "text": "…"});
    let draft = aigerim.does("POST", &format!("{path}/notices"), new).await;
    let notice = format!("/notices/{}", draft["id"].as_str().unwrap());
    marat
        .does("POST", &format!("{notice}/approve"), json!({}))
        .await;

    let outbox = case.folder.path().join("outbox");
    std::fs::write(&outbox, "in the way").unwrap();
    let failed = aigerim
        .does("POST", &format!("{notice}/send"), json!({}))
        .await;
    assert_eq!(failed["state"], "approved");
    assert!(failed["error"].is_string(), "{failed}");
    std::fs::remove_file(&outbox).unwrap();
    let parts = case.app.parts().clone();
    notices::retry_failed(parts.clone()).await;
    assert_eq!(
        aigerim.get(&notice).await["state"],
        "approved",
        "not due yet"
    );
    case.wait(1);
    notices::retry_failed(parts).await;
    let sent = aigerim.get(&notice).await;
    assert_eq!((&sent["state"], sent.get("error")), (&json!("sent"), None));

    case.wait(40);
    let fact = json!({
        "kind": "notice.received:o199.notify-state-body:state_body",
        "at": "2026-03-20T13:30:00Z", "note": "кіріс № 77",
    });
    let incident = aigerim.does("POST", &format!("{path}/facts"), fact).await;
    assert_eq!(incident["notices"][0]["state"], "acknowledged");
    let answer = clock(&incident, "o199.state-body-answer");
    assert_eq!(answer["due"], "2026-03-22T13:30:00Z");
}
