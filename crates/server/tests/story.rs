//! The whole way over the wire: a log line comes in by `_bulk`, a rule finds it, an incident
//! opens, the law's clocks run, a notice goes out and its receipt starts the next clock. On the
//! way every journalled operation of the API is called once and must have left its leaf.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{PASSWORD, Person, Trial, send, start, until};
use saqshy_server::runtime::rules::bundle::{Bundle, Origin};
use serde_json::{Value, json};

const EXTRA: &str = r#"
[lake]
flush_age_ms = 200
[[incidents.rule]]
id = "critical"
when = { level = "critical" }
incident.title = { kk = "{rule}: {entity}", ru = "{rule}: {entity}", en = "{rule}: {entity}" }
[[contact]]
party = "state_body"
name = { kk = "Мемлекеттік орган", ru = "Государственный орган", en = "State body" }
email = "security@state-body.example"
[[contact]]
party = "nsc"
name = { kk = "ҰҚК", ru = "КНБ", en = "NSC" }
email = "duty@nsc.example"
[mail]
folder = "outbox"
from = "saqshy@example.kz"
"#;

/// One Windows event as Winlogbeat sends it: shadow copies deleted, a critical rule.
fn attack(at: jiff::Timestamp) -> Value {
    json!({
        "@timestamp": at.to_string(),
        "event": { "code": "1", "provider": "Microsoft-Windows-Sysmon" },
        "host": { "name": "dc-1.gov.example" },
        "winlog": {
            "channel": "Microsoft-Windows-Sysmon/Operational",
            "provider_name": "Microsoft-Windows-Sysmon",
            "event_id": "1",
            "computer_name": "dc-1.gov.example",
            "record_id": "40211",
            "event_data": {
                "UtcTime": "2026-03-20 13:02:11.500",
                "Image": "C:\\Windows\\System32\\vssadmin.exe",
                "CommandLine": "vssadmin.exe Delete Shadows /All /Quiet",
                "User": "GOV\\a.serik",
                "ParentImage": "C:\\Windows\\explorer.exe",
                "OriginalFileName": "vssadmin.exe"
            }
        }
    })
}

/// Calls operations and remembers which; each must leave a leaf of its caller.
struct Walk<'a> {
    trial: &'a Trial,
    visited: BTreeSet<String>,
}

impl Walk<'_> {
    /// `template` is the path of the API document; `ids` fill its parameters in order.
    async fn call(
        &mut self,
        (who, person): (&str, &Person),
        operation: &str,
        ids: &[&str],
        body: Value,
    ) -> Value {
        let (method, template) = operation.split_once(' ').unwrap();
        let bare = template.split_once('?').map_or(template, |(bare, _)| bare);
        let mut path = template.to_owned();
        for id in ids {
            let (from, to) = (path.find('{').unwrap(), path.find('}').unwrap());
            path.replace_range(from..=to, id);
        }
        let before = self.trial.leaves().await;
        let body = (!body.is_null()).then_some(body);
        let reply = person.call(method, &path, body.as_ref()).await;
        assert!(
            reply.status < 300,
            "{operation}: {} {}",
            reply.status,
            reply.text()
        );
        self.left_leaf(who, &format!("{method} {bare}"), before)
            .await;
        reply.json()
    }

    /// Since `before`, `who` has left a leaf: `operation` is visited.
    async fn left_leaf(&mut self, who: &str, operation: &str, before: u64) {
        let store = &self.trial.server.app().store;
        let new = store.leaves_from(before, 1000).await.unwrap();
        let own = new.iter().any(|(_, leaf)| {
            let leaf: Value = serde_json::from_slice(leaf).unwrap();
            leaf["actor"] == who
        });
        assert!(own, "{operation} left no leaf of `{who}`");
        self.visited.insert(operation.to_owned());
    }
}

/// Operations whose leaves the test of the work on cases (`heart.rs`) looks for.
const ELSEWHERE: &[&str] = &[
    "incidents",
    "incident table",
    "shifts",
    "evidence",
    "investigations",
    "playbooks",
    "response",
    "contacts",
    "law work",
];

/// `METHOD path` of every operation that says it is journalled, and whether this test must call it.
fn journalled() -> BTreeMap<String, bool> {
    let document = serde_json::to_value(saqshy_server::openapi()).unwrap();
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["x-saqshy"]["journalled"] == true {
                let ours = !ELSEWHERE.iter().any(|tag| operation["tags"][0] == **tag);
                found.insert(format!("{} {path}", method.to_uppercase()), ours);
            }
        }
    }
    found
}

fn clock<'a>(incident: &'a Value, duty: &str) -> &'a Value {
    let clocks = incident["clocks"].as_array().unwrap();
    clocks
        .iter()
        .find(|clock| clock["duty"] == duty)
        .unwrap_or(&Value::Null)
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_log_line_to_the_receipt_of_a_notice() {
    let trial = start(EXTRA).await;
    let mut walk = Walk {
        trial: &trial,
        visited: BTreeSet::new(),
    };
    let admin = trial.sign_in("administrator").await;
    let analyst = trial.sign_in("analyst").await;
    let coordinator = trial.sign_in("incident_coordinator").await;
    let (admin, analyst) = (("administrator", &admin), ("analyst", &analyst));
    let coordinator = ("incident_coordinator", &coordinator);

    // Sources, and the line through the real intake.
    let source = walk
        .call(admin, "POST /sources", &[], json!({ "name": "dc-1" }))
        .await;
    let now = jiff::Timestamp::now();
    let bulk = format!("{{\"create\":{{}}}}\n{}\n", attack(now));
    let intake = trial.server.addresses().http.clone().unwrap();
    let intake = intake.trim_start_matches("http://").parse().unwrap();
    let token = format!("ApiKey {}", text(&source["token"]));
    let headers = [
        ("authorization", token.as_str()),
        ("content-type", "application/x-ndjson"),
    ];
    let taken = send(intake, "POST", "/_bulk", &headers, bulk.into_bytes()).await;
    assert_eq!(
        (taken.status, &taken.json()["errors"]),
        (200, &Value::Bool(false)),
        "{}",
        taken.text()
    );
    let alerts = || async {
        let alerts = analyst.1.ok("GET", "/alerts", None).await;
        !alerts["alerts"].as_array().unwrap().is_empty()
    };
    until("an alert", alerts).await;

    // The incident that the rule opened, with the law's clocks.
    let alert = analyst.1.ok("GET", "/alerts", None).await["alerts"][0].clone();
    assert_eq!(
        (&alert["level"], &alert["state"]),
        (&json!("critical"), &json!("in_progress"))
    );
    let incident = text(&alert["incident_id"]).to_owned();
    let whole = analyst
        .1
        .ok("GET", &format!("/incidents/{incident}"), None)
        .await;
    assert_eq!(clock(&whole, "o199.notify-state-body")["status"], "running");
    assert_eq!(clock(&whole, "o199.notify-nsc")["clause"], "O199-10-3-7b");
    assert_ne!(clock(&whole, "o199.state-body-answer")["status"], "running");

    // What people do about it.
    let triage = json!({ "verdict": "true_positive", "assignee": "analyst", "comment": "қарап жатырмын",
        "version": alert["version"] });
    let id = text(&alert["id"]);
    walk.call(analyst, "POST /alerts/{id}/triage", &[id], triage.clone())
        .await;
    let stale = analyst
        .1
        .call("POST", &format!("/alerts/{id}/triage"), Some(&triage))
        .await;
    assert_eq!(
        (stale.status, &stale.json()["code"]),
        (409, &json!("stale_version"))
    );
    let patch = json!({ "object": "dc-1", "severity": "critical", "assignee": "analyst", "version": whole["version"] });
    let whole = walk
        .call(analyst, "PATCH /incidents/{id}", &[&incident], patch)
        .await;
    let state = json!({ "state": "investigating", "reason": "", "version": whole["version"] });
    walk.call(analyst, "POST /incidents/{id}/state", &[&incident], state)
        .await;
    walk.call(
        analyst,
        "POST /incidents/{id}/comments",
        &[&incident],
        json!({ "text": "журналдар алынды" }),
    )
    .await;
    let task = walk
        .call(
            analyst,
            "POST /incidents/{id}/tasks",
            &[&incident],
            json!({ "title": "Оқшаулау" }),
        )
        .await;
    let task = text(&task["id"]).to_owned();
    walk.call(
        analyst,
        "PATCH /incidents/{id}/tasks/{task}",
        &[&incident, &task],
        json!({ "state": "done" }),
    )
    .await;

    // The notice: draft, approve, send, receipt.
    let draft = json!({ "duty": "o199.notify-state-body", "addressee": "state_body" });
    let notice = walk
        .call(analyst, "POST /incidents/{id}/notices", &[&incident], draft)
        .await;
    let notice = text(&notice["id"]).to_owned();
    let early = analyst
        .1
        .call("POST", &format!("/notices/{notice}/approve"), None)
        .await;
    assert_eq!(early.status, 403, "an analyst drafts and does not approve");
    let approved = walk
        .call(
            coordinator,
            "POST /notices/{id}/approve",
            &[&notice],
            Value::Null,
        )
        .await;
    assert_eq!(text(&approved["document_sha256"]).len(), 64);
    let sent = walk
        .call(
            coordinator,
            "POST /notices/{id}/send",
            &[&notice],
            Value::Null,
        )
        .await;
    assert_eq!(sent["state"], "sent", "{sent}");
    let document = coordinator
        .1
        .call("GET", &format!("/notices/{notice}/document"), None)
        .await;
    assert!(document.body.starts_with(b"%PDF-"));
    let whole = analyst
        .1
        .ok("GET", &format!("/incidents/{incident}"), None)
        .await;
    assert_eq!(clock(&whole, "o199.notify-state-body")["status"], "met");

    let link = link_in_mail(&trial);
    let page = send(
        trial.console(),
        "GET",
        &link,
        &[("accept-language", "ru")],
        vec![],
    )
    .await;
    assert!(
        page.status == 200 && page.text().contains("<form"),
        "{}",
        page.text()
    );
    let whole = analyst
        .1
        .ok("GET", &format!("/incidents/{incident}"), None)
        .await;
    assert_ne!(
        clock(&whole, "o199.state-body-answer")["status"],
        "running",
        "looking is no receipt"
    );
    let page = send(trial.console(), "POST", &link, &[], vec![]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let whole = analyst
        .1
        .ok("GET", &format!("/incidents/{incident}"), None)
        .await;
    let answer = clock(&whole, "o199.state-body-answer");
    assert_eq!(
        (&answer["status"], &answer["own"]),
        (&json!("running"), &json!(false))
    );

    // The answer came by letter.
    let fact = json!({ "kind": "answer.received:o199.state-body-answer",
        "at": jiff::Timestamp::now().to_string(), "note": "вх. № 17" });
    let whole = walk
        .call(
            coordinator,
            "POST /incidents/{id}/facts",
            &[&incident],
            fact,
        )
        .await;
    assert_eq!(clock(&whole, "o199.state-body-answer")["status"], "met");

    // An incident by hand; an alert of another host joins it.
    let new = json!({ "title": "Хат арқылы хабар", "severity": "medium" });
    let by_hand = walk.call(analyst, "POST /incidents", &[], new).await;
    let by_hand = text(&by_hand["id"]).to_owned();
    let lone = lone_alert(&trial, analyst.1, &token, intake).await;
    walk.call(
        analyst,
        "POST /incidents/{id}/alerts",
        &[&by_hand],
        json!({ "alerts": [lone] }),
    )
    .await;

    papers(&mut walk, coordinator, &incident, &notice).await;
    finish(&mut walk, admin, analyst, &source).await;
    let journalled = journalled();
    let missed = journalled
        .iter()
        .filter(|(name, ours)| **ours && !walk.visited.contains(*name));
    let missed: Vec<_> = missed.map(|(name, _)| name).collect();
    assert!(missed.is_empty(), "never called: {missed:#?}");
    let known = |name: &String| journalled.contains_key(name);
    assert!(walk.visited.iter().all(known), "{:#?}", walk.visited);

    // All of it is under a signed checkpoint, and holds.
    let size = trial.leaves().await;
    assert!(
        trial
            .server
            .app()
            .journal
            .wait_for(size, std::time::Duration::from_secs(10))
            .await
    );
    let auditor = trial.sign_in("auditor").await;
    let verdict = auditor.ok("POST", "/journal/verify", None).await;
    assert_eq!(verdict["ok"], true, "{verdict}");
    let overview = format!(
        "/overview?from={}&to={}",
        now - jiff::SignedDuration::from_hours(1),
        now + jiff::SignedDuration::from_hours(1)
    );
    let overview = auditor.ok("GET", &overview, None).await;
    assert_eq!(overview["alerts_by_level"]["critical"], 1, "{overview}");
    trial.server.shutdown().await.unwrap();

    damage_is_named(trial.folder.path()).await;
}

/// Exceptions, a back-test, a set of rules.
async fn tuning(walk: &mut Walk<'_>, admin: (&str, &Person), analyst: (&str, &Person), rule: &str) {
    let new = json!({ "rule_id": rule, "reason": "the backup server", "fields": [{ "field": "host.name", "value": "backup-1" }] });
    for decision in ["approve", "refuse"] {
        let made = walk
            .call(analyst, "POST /exceptions", &[], new.clone())
            .await;
        let id = text(&made["id"]).to_owned();
        let body = json!({ "reason": "seen", "version": made["version"] });
        let path = format!("POST /exceptions/{{id}}/{decision}");
        let decided = walk.call(admin, &path, &[&id], body).await;
        if decision == "approve" {
            let body = json!({ "reason": "no longer", "version": decided["version"] });
            walk.call(analyst, "POST /exceptions/{id}/withdraw", &[&id], body)
                .await;
        }
    }
    let past =
        json!({ "rule_id": rule, "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z" });
    walk.call(analyst, "POST /backtests", &[], past).await;

    let text = "title: t\nid: 5f0c2a1e-0000-4000-8000-000000000001\nlogsource: {product: linux}\ndetection:\n  k: [boom]\n  condition: k\n";
    let files = [("t.yml".to_owned(), text.to_owned())].into();
    let origin = Origin {
        kind: "folder".into(),
        path: "here".into(),
        commit: None,
    };
    let bundle = Bundle::new("extra", "1", origin, files).unwrap();
    let before = walk.trial.leaves().await;
    let headers = [
        ("content-type", "application/zip"),
        ("cookie", &*admin.1.cookie),
        ("x-saqshy-csrf", "1"),
    ];
    let path = "/api/v1/rulesets";
    let bytes = bundle.to_zip().unwrap();
    let reply = send(walk.trial.console(), "POST", path, &headers, bytes).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    walk.left_leaf(admin.0, "POST /rulesets", before).await;
    let on = json!({ "mode": "enabled", "reason": "looked at" });
    walk.call(admin, "PATCH /rulesets/{name}", &["extra"], on)
        .await;
    let gone = json!({ "reason": "not needed" });
    walk.call(admin, "DELETE /rulesets/{name}", &["extra"], gone)
        .await;
}

/// Papers around the case: a second notice by hand, the answer, a template, a report, the dossier.
async fn papers(walk: &mut Walk<'_>, coordinator: (&str, &Person), incident: &str, notice: &str) {
    let draft = json!({ "duty": "o199.notify-nsc", "addressee": "nsc" });
    let second = walk
        .call(
            coordinator,
            "POST /incidents/{id}/notices",
            &[incident],
            draft,
        )
        .await;
    let id = text(&second["id"]);
    let edit = json!({ "text": "Қолмен тапсырылады", "version": second["version"] });
    walk.call(coordinator, "PATCH /notices/{id}", &[id], edit)
        .await;
    walk.call(
        coordinator,
        "POST /notices/{id}/approve",
        &[id],
        Value::Null,
    )
    .await;
    let at = jiff::Timestamp::now().to_string();
    let receipt = json!({ "who": "Кеңсе", "at": at, "note": "№ 7" });
    let path = "POST /notices/{id}/receipt";
    walk.call(coordinator, path, &[id], receipt).await;
    let at = jiff::Timestamp::now().to_string();
    let answer = json!({ "at": at, "note": "вх. № 18" });
    let path = "POST /notices/{id}/answer";
    walk.call(coordinator, path, &[notice], answer).await;
    let path = "GET /incidents/{id}/stix";
    walk.call(coordinator, path, &[incident], Value::Null).await;
    let words = "T {incident.title}\n\nX: {incident.object}";
    let template = json!({
        "text": { "kk": words, "ru": words, "en": words }, "reason": "№ 1", "version": 0,
    });
    let path = "PUT /templates/{pack}/{document}";
    walk.call(coordinator, path, &["own", "information"], template)
        .await;
    let report = json!({
        "kind": "register", "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z",
        "language": "kk", "format": "pdf",
    });
    let report = walk.call(coordinator, "POST /reports", &[], report).await;
    assert_eq!(text(&report["sha256"]).len(), 64);
    let path = "POST /incidents/{id}/dossier";
    walk.call(coordinator, path, &[incident], Value::Null).await;
    for operation in ["POST /session/calendar", "DELETE /session/calendar"] {
        walk.call(coordinator, operation, &[], Value::Null).await;
    }
}

/// The journalled operations that the story does not need: accounts, rules, reading in bulk.
async fn finish(
    walk: &mut Walk<'_>,
    admin: (&str, &Person),
    analyst: (&str, &Person),
    source: &Value,
) {
    let id = text(&source["id"]);
    walk.call(
        admin,
        "PATCH /sources/{id}",
        &[id],
        json!({ "enabled": false }),
    )
    .await;
    let new =
        json!({ "login": "temp", "name": "Temp", "password": PASSWORD, "roles": ["analyst"] });
    let user = walk.call(admin, "POST /users", &[], new).await;
    walk.call(
        admin,
        "PATCH /users/{id}",
        &[text(&user["id"])],
        json!({ "name": "Темірлан" }),
    )
    .await;
    let rules = admin.1.ok("GET", "/rules", None).await;
    let rule = text(&rules["rules"][0]["id"]).to_owned();
    tuning(walk, admin, analyst, &rule).await;
    let off = json!({ "mode": "disabled", "reason": "too loud here" });
    walk.call(admin, "PATCH /rules/{id}", &[&rule], off).await;
    let sql = json!({ "sql": "select count(*) from events" });
    let rows = walk.call(analyst, "POST /sql", &[], sql).await;
    assert_eq!(rows["rows"][0][0], 2, "{rows}");
    let export =
        "GET /search/export?query=&from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&format=ndjson";
    walk.call(analyst, export, &[], Value::Null).await;
    walk.call(admin, "GET /journal/export", &[], Value::Null)
        .await;

    let temp = walk.trial.nobody();
    let body = json!({ "login": "temp", "password": PASSWORD });
    walk.call(("temp", &temp), "POST /session", &[], body).await;
    let temp = walk.trial.sign_in("temp").await;
    let body = json!({ "old": PASSWORD, "new": "another password, as long" });
    walk.call(("temp", &temp), "POST /session/password", &[], body)
        .await;
    walk.call(("temp", &temp), "DELETE /session", &[], Value::Null)
        .await;
}

/// Sends a line that is an alert but no incident, and gives the alert's id.
async fn lone_alert(
    trial: &Trial,
    analyst: &Person,
    token: &str,
    intake: std::net::SocketAddr,
) -> String {
    let event = json!({
        "@timestamp": jiff::Timestamp::now().to_string(),
        "event": { "code": "4720", "provider": "Microsoft-Windows-Security-Auditing" },
        "host": { "name": "dc-2.gov.example" },
        "winlog": { "channel": "Security", "provider_name": "Microsoft-Windows-Security-Auditing",
            "event_id": "4720", "computer_name": "dc-2.gov.example",
            "event_data": { "TargetUserName": "svc_sync", "SubjectUserName": "a.serik" } }
    });
    let body = format!("{{\"create\":{{}}}}\n{event}\n").into_bytes();
    let taken = send(intake, "POST", "/_bulk", &[("authorization", token)], body).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    let find = || async {
        let page = analyst.ok("GET", "/alerts", None).await;
        let alerts = page["alerts"].as_array().unwrap().clone();
        alerts
            .into_iter()
            .find(|alert| alert["incident_id"].is_null())
    };
    until("an alert without incident", || async {
        find().await.is_some()
    })
    .await;
    assert!(trial.leaves().await > 0);
    text(&find().await.unwrap()["id"]).to_owned()
}

/// The path of the receipt link in the mail that was put into the folder.
fn link_in_mail(trial: &Trial) -> String {
    let outbox = trial.folder.path().join("outbox");
    let mail = std::fs::read_dir(outbox)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = String::from_utf8_lossy(&std::fs::read(mail).unwrap()).into_owned();
    let plain = match decoded(&text) {
        body if body.contains("/ack/") => body,
        _ => text.replace("=\r\n", "").replace("=3D", "="),
    };
    let from = plain
        .find("/ack/")
        .unwrap_or_else(|| panic!("no receipt link in {plain}"));
    let end =
        plain[from + 5..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    plain[from..from + 5 + end.unwrap_or(plain.len() - from - 5)].to_owned()
}

fn decoded(mail: &str) -> String {
    use base64::Engine as _;
    let mut out = String::new();
    for part in mail.split("\r\n\r\n").skip(1) {
        let joined: String = part
            .lines()
            .take_while(|line| !line.is_empty() && !line.starts_with("--"))
            .collect();
        if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(joined) {
            out.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    out
}

/// One changed byte in a stored document or lake file is found, by name, on the stopped server.
async fn damage_is_named(folder: &std::path::Path) {
    let data = folder.join("data");
    let report = saqshy_server::runtime::verify_data_dir(&data)
        .await
        .unwrap();
    assert!(
        report.ok && report.lake_files > 0 && report.documents > 0,
        "{report:?}"
    );
    let document = std::fs::read_dir(data.join("documents"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let mut bytes = std::fs::read(document.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(document.path(), bytes).unwrap();
    let report = saqshy_server::runtime::verify_data_dir(&data)
        .await
        .unwrap();
    let name = format!("documents/{}", document.file_name().to_string_lossy());
    assert!(
        !report.ok && report.findings.iter().any(|one| one.path == name),
        "{report:?}"
    );
}
