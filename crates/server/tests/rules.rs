//! Rules in service: changed under load, staged as test, narrowed by exceptions, tested on the
//! past, imported.

mod common;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;

use common::{Person, Trial, send, start, until};
use saqshy_server::runtime::rules::bundle::{Bundle, Origin};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const EXTRA: &str = "[lake]\nflush_age_ms = 200\n";

/// The rule of our own that `line` is for.
const RULE_FILE: &str = "sshd_password_refused";

/// Sends syslog lines over TCP.
struct Sender(SocketAddr);

impl Sender {
    fn new(trial: &Trial) -> Self {
        Sender(trial.server.addresses().syslog_tcp.unwrap())
    }

    async fn failures(&self, user: &str, host: &str, from: usize, count: usize) {
        let mut lines = String::new();
        for n in from..from + count {
            lines += &line(user, host, n);
        }
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        stream.write_all(lines.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

fn line(user: &str, host: &str, n: usize) -> String {
    let at = jiff::Timestamp::now().strftime("%b %e %H:%M:%S");
    format!(
        "<38>{at} {host} sshd[{}]: Failed password for {user} from 203.0.113.7 port {} ssh2\n",
        1000 + n,
        20_000 + n
    )
}

async fn rule_id(person: &Person) -> String {
    let rules = person.ok("GET", "/rules", None).await;
    for rule in rules["rules"].as_array().unwrap() {
        let id = rule["id"].as_str().unwrap();
        let whole = person.ok("GET", &format!("/rules/{id}"), None).await;
        if whole["file"].as_str().unwrap().contains(RULE_FILE) {
            return id.to_owned();
        }
    }
    panic!("no rule {RULE_FILE}");
}

async fn mode(person: &Person, id: &str, mode: &str) {
    let body = json!({ "mode": mode, "reason": "a test" });
    person
        .ok("PATCH", &format!("/rules/{id}"), Some(&body))
        .await;
}

async fn stored(person: &Person) -> u64 {
    let now = jiff::Timestamp::now();
    let body = json!({ "query": "sshd", "from": now - jiff::SignedDuration::from_hours(48),
        "to": now + jiff::SignedDuration::from_hours(48), "buckets": 1 });
    let counted = person.ok("POST", "/search/histogram", Some(&body)).await;
    counted["total"].as_u64().unwrap()
}

async fn figures(person: &Person, id: &str) -> BTreeMap<&'static str, u64> {
    let rule = person.ok("GET", &format!("/rules/{id}"), None).await;
    ["hits", "test_hits", "hidden_hits"]
        .map(|name| (name, rule[name].as_u64().unwrap()))
        .into()
}

fn sum(figures: &BTreeMap<&'static str, u64>) -> u64 {
    figures.values().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_while_rules_change() {
    let trial = start(EXTRA).await;
    let admin = trial.sign_in("administrator").await;
    let analyst = trial.sign_in("analyst").await;
    let sender = Sender::new(&trial);
    let id = rule_id(&analyst).await;
    let (batches, per_batch) = (40, 25);
    let sending = tokio::spawn(async move {
        for batch in 0..batches {
            sender
                .failures("root", "gate", batch * per_batch, per_batch)
                .await;
        }
    });
    // The rule goes between service and test: each of its hits is counted in exactly one place.
    let mut changes = 0;
    while !sending.is_finished() || changes < 4 {
        mode(
            &admin,
            &id,
            if changes % 2 == 0 { "test" } else { "enabled" },
        )
        .await;
        changes += 1;
    }
    sending.await.unwrap();
    let all = (batches * per_batch) as u64;
    until("all events", || async { stored(&analyst).await >= all }).await;
    assert_eq!(stored(&analyst).await, all);
    until("all hits", || async {
        sum(&figures(&analyst, &id).await) >= all
    })
    .await;
    assert_eq!(sum(&figures(&analyst, &id).await), all, "{changes} changes");
    let whole = analyst.ok("GET", &format!("/rules/{id}"), None).await;
    let intervals = whole["intervals"].as_array().unwrap();
    assert!(intervals.len() > changes.min(190), "{}", intervals.len());
    assert!(intervals[0]["to"].is_null() && intervals[1]["to"] == intervals[0]["from"]);
    trial.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_in_test_counts_and_a_disabled_one_leaves_a_gap() {
    let trial = start(EXTRA).await;
    let admin = trial.sign_in("administrator").await;
    let analyst = trial.sign_in("analyst").await;
    let sender = Sender::new(&trial);
    let id = rule_id(&analyst).await;
    mode(&admin, &id, "test").await;
    sender.failures("root", "gate", 0, 3).await;
    until("hits in test", || async {
        figures(&analyst, &id).await["test_hits"] == 3
    })
    .await;
    let alerts = analyst.ok("GET", "/alerts", None).await;
    let own = |alert: &&Value| alert["rule_id"] == json!(id);
    assert_eq!(
        alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(own)
            .count(),
        0
    );
    let quiet = analyst
        .ok("GET", &format!("/rules/{id}/quiet-hits"), None)
        .await;
    let event = quiet["hits"][0]["event_id"].as_str().unwrap();

    // Why: the stored event explains itself.
    let why = format!("/rules/{id}/explain");
    let explained = analyst
        .ok("POST", &why, Some(&json!({ "event_id": event })))
        .await;
    assert_eq!(explained["matched"], true, "{explained}");
    let missing = analyst
        .call("POST", &why, Some(&json!({ "event_id": "n-0" })))
        .await;
    assert_eq!(missing.status, 404);

    mode(&admin, &id, "disabled").await;
    let before = stored(&analyst).await;
    sender.failures("root", "gate", 10, 2).await;
    until("events without hits", || async {
        stored(&analyst).await == before + 2
    })
    .await;
    mode(&admin, &id, "enabled").await;
    assert_eq!(figures(&analyst, &id).await["test_hits"], 3);
    let whole = analyst.ok("GET", &format!("/rules/{id}"), None).await;
    let [now, test, _first] = whole["intervals"].as_array().unwrap().as_slice() else {
        panic!("{}", whole["intervals"]);
    };
    assert!(
        now["to"].is_null() && test["to"].as_str() < now["from"].as_str(),
        "a gap"
    );
    assert!(whole["samples"].as_str().unwrap().contains("[[positive]]"));
    assert_eq!(whole["decision"]["reason"], "a test");

    let wrong = [
        (json!({ "mode": "enabled", "reason": " " }), 422),
        (json!({ "mode": "on", "reason": "x" }), 400),
    ];
    for (body, status) in wrong {
        let reply = admin
            .call("PATCH", &format!("/rules/{id}"), Some(&body))
            .await;
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    let cost = analyst.ok("POST", "/rules/costs", None).await;
    assert_eq!(cost["events"], 5);
    let share = analyst.ok("GET", &format!("/rules/{id}"), None).await["cost_share"].as_f64();
    assert!(
        share.is_some_and(|share| share > 0.0 && share < 1.0),
        "{share:?}"
    );
    trial.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exception_takes_two_people_and_hides_what_it_names() {
    let trial = start(EXTRA).await;
    let admin = trial.sign_in("administrator").await;
    let analyst = trial.sign_in("analyst").await;
    let coordinator = trial.sign_in("incident_coordinator").await;
    let sender = Sender::new(&trial);
    let id = rule_id(&analyst).await;
    sender.failures("backup", "gate", 0, 4).await;
    sender.failures("root", "gate", 10, 2).await;
    until("hits", || async {
        figures(&analyst, &id).await["hits"] == 6
    })
    .await;
    until("events", || async { stored(&analyst).await == 6 }).await;
    let alerts = analyst.ok("GET", &format!("/alerts?q={id}"), None).await;
    let alert = alerts["alerts"][0]["id"].as_str().unwrap().to_owned();
    let draft = analyst
        .ok("GET", &format!("/alerts/{alert}/exception"), None)
        .await;
    assert_eq!(draft["rule_id"], json!(id));
    assert!(!draft["fields"].as_array().unwrap().is_empty(), "{draft}");

    let user = json!([{ "field": "user.name", "value": "backup" }]);
    let ask = json!({ "rule_id": id, "entity": draft["entity"], "fields": user, "days": 7 });
    let tried = analyst.ok("POST", "/exceptions/simulate", Some(&ask)).await;
    assert_eq!(
        (&tried["hits"], &tried["hidden"]),
        (&json!(6), &json!(4)),
        "{tried}"
    );
    let wide = json!({ "rule_id": id, "reason": "all of it" });
    assert_eq!(
        analyst
            .call("POST", "/exceptions", Some(&wide))
            .await
            .status,
        422
    );
    let far = json!({ "rule_id": id, "fields": user, "reason": "x", "expires_at": "2199-01-01T00:00:00Z" });
    assert_eq!(
        analyst.call("POST", "/exceptions", Some(&far)).await.status,
        422
    );

    // Proposed by the coordinator, who may approve, but not this one.
    let new = json!({ "rule_id": id, "entity": draft["entity"], "fields": user, "alert_id": alert, "reason": "the backup account" });
    let own = coordinator.ok("POST", "/exceptions", Some(&new)).await;
    let decision = json!({ "reason": "seen", "version": own["version"] });
    let path = |id: &Value, what: &str| format!("/exceptions/{}/{what}", id.as_str().unwrap());
    let reply = coordinator
        .call("POST", &path(&own["id"], "approve"), Some(&decision))
        .await;
    assert_eq!(reply.status, 422, "{}", reply.text());
    assert!(reply.text().contains("second person"));
    let reply = analyst
        .call("POST", &path(&own["id"], "approve"), Some(&decision))
        .await;
    assert_eq!(reply.status, 403);
    let stale = json!({ "reason": "seen", "version": 7 });
    let reply = admin
        .call("POST", &path(&own["id"], "approve"), Some(&stale))
        .await;
    assert_eq!(reply.status, 409);

    sender.failures("backup", "gate", 20, 1).await;
    until("still shown", || async {
        figures(&analyst, &id).await["hits"] == 7
    })
    .await;
    let active = admin
        .ok("POST", &path(&own["id"], "approve"), Some(&decision))
        .await;
    assert_eq!(active["state"], "active");
    sender.failures("backup", "gate", 30, 3).await;
    sender.failures("root", "gate", 40, 2).await;
    let all = || async { sum(&figures(&analyst, &id).await) == 12 };
    until("hidden and shown", all).await;
    let now = figures(&analyst, &id).await;
    assert_eq!((now["hits"], now["hidden_hits"]), (9, 3));
    let hidden = analyst.ok("GET", &path(&own["id"], "hits"), None).await;
    assert_eq!(hidden["hits"].as_array().unwrap().len(), 3);
    let list = analyst
        .ok("GET", &format!("/exceptions?rule_id={id}"), None)
        .await;
    assert_eq!(list["exceptions"][0]["hidden"], 3);

    let back = json!({ "reason": "no longer", "version": active["version"] });
    let gone = analyst
        .ok("POST", &path(&own["id"], "withdraw"), Some(&back))
        .await;
    assert_eq!(gone["state"], "withdrawn");
    sender.failures("backup", "gate", 50, 1).await;
    until("shown again", || async {
        figures(&analyst, &id).await["hits"] == 10
    })
    .await;
    trial.server.shutdown().await.unwrap();
}

const OTHER: &str = "title: Refused password of backup\nid: 0c9e4b1e-7f60-4f0e-9d0a-5a8f6f0d1c11\nstatus: test\nlevel: low\ntags: [attack.t1110.001]\nlogsource: {product: linux, service: sshd}\ndetection:\n  words: ['Failed password for backup']\n  condition: words\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pasted_rule_is_tested_on_the_past() {
    let trial = start(EXTRA).await;
    let analyst = trial.sign_in("analyst").await;
    let sender = Sender::new(&trial);
    sender.failures("backup", "gate", 0, 5).await;
    sender.failures("root", "gate", 10, 4).await;
    until("events", || async { stored(&analyst).await == 9 }).await;
    let now = jiff::Timestamp::now();
    let (from, to) = (
        now - jiff::SignedDuration::from_hours(48),
        now + jiff::SignedDuration::from_hours(48),
    );
    let body = json!({ "yaml": OTHER, "from": from, "to": to });
    let begun = analyst.ok("POST", "/backtests", Some(&body)).await;
    let path = format!("/backtests/{}", begun["id"].as_str().unwrap());
    let ended = || async { analyst.ok("GET", &path, None).await["state"] != "running" };
    until("the back-test", ended).await;
    let test = analyst.ok("GET", &path, None).await;
    assert_eq!(test["state"], "done", "{test}");
    assert_eq!(
        (&test["hits"], &test["events_read"]),
        (&json!(5), &json!(9)),
        "{test}"
    );
    assert_eq!(test["alerts"], 1);
    assert_eq!(test["examples"].as_array().unwrap().len(), 5);
    let hits: u64 = test["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["hits"].as_u64().unwrap())
        .sum();
    assert_eq!(hits, 5);

    let id = rule_id(&analyst).await;
    let body = json!({ "rule_id": id, "from": from, "to": to });
    let begun = analyst.ok("POST", "/backtests", Some(&body)).await;
    let path = format!("/backtests/{}", begun["id"].as_str().unwrap());
    assert_eq!(analyst.call("DELETE", &path, None).await.status, 204);
    let ended = || async { analyst.ok("GET", &path, None).await["state"] != "running" };
    until("the cancelled back-test", ended).await;
    for body in [
        json!({ "from": from, "to": to }),
        json!({ "yaml": "title: [", "from": from, "to": to }),
        json!({ "rule_id": id, "from": to, "to": from }),
    ] {
        assert_eq!(
            analyst.call("POST", "/backtests", Some(&body)).await.status,
            422,
            "{body}"
        );
    }
    trial.server.shutdown().await.unwrap();
}

async fn backtests(person: &Person, query: &str) -> Value {
    let path = format!("/backtests{query}");
    person.ok("GET", &path, None).await["backtests"].clone()
}

async fn latest_is(person: &Person, state: &str) -> bool {
    backtests(person, "?limit=1").await[0]["state"] == state
}

/// Puts back-tests of long ago into the database.
async fn old_backtests(trial: &Trial, rule_id: Option<&str>, count: u32, state: &str) {
    let mut tx = trial.server.app().store.begin().await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
         INSERT INTO backtest SELECT $2 || '-' || COALESCE($3, '') || '-' || i, $3, 'old', 'a', \
         0, 1, 'analyst', i, NULL, $2, NULL, 3, 2, \
         '{\"hits\":1,\"alerts\":1,\"days\":{\"2026-03-20\":1},\"examples\":[],\"truncated\":false}' \
         FROM n",
    )
    .bind(count)
    .bind(state)
    .bind(rule_id)
    .execute(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_tests_are_there_after_a_restart() {
    let trial = start(EXTRA).await;
    let analyst = trial.sign_in("analyst").await;
    let sender = Sender::new(&trial);
    sender.failures("backup", "gate", 0, 5).await;
    until("events", || async { stored(&analyst).await == 5 }).await;
    let id = rule_id(&analyst).await;
    let now = jiff::Timestamp::now();
    let (from, to) = (
        now - jiff::SignedDuration::from_hours(48),
        now + jiff::SignedDuration::from_hours(48),
    );
    let pasted = json!({ "yaml": OTHER, "from": from, "to": to });
    let of_rule = json!({ "rule_id": id, "from": from, "to": to });
    analyst.ok("POST", "/backtests", Some(&pasted)).await;
    until("its end", || latest_is(&analyst, "done")).await;
    // The server is about to stop: what runs is broken off, with what it has found.
    trial.server.app().backtests.interrupt().await;
    analyst.ok("POST", "/backtests", Some(&of_rule)).await;
    until("the break", || latest_is(&analyst, "interrupted")).await;
    let before = backtests(&analyst, "").await;
    assert_eq!(before[1]["hits"], 5, "{before}");
    assert_eq!(before[1]["by"], "analyst");
    assert_eq!(before[1]["examples"].as_array().unwrap().len(), 5);
    assert_eq!(before[1]["sha256"].as_str().unwrap().len(), 64);
    assert!(before[0]["ended_at"].is_string(), "{before}");

    // As a server leaves it that is killed.
    old_backtests(&trial, Some("killed"), 1, "running").await;
    let trial = trial.restarted(EXTRA).await;
    let analyst = trial.sign_in("analyst").await;
    let killed = &backtests(&analyst, "?rule_id=killed").await[0];
    assert_eq!(killed["state"], "interrupted", "{killed}");
    assert_eq!(killed["days"], json!([{ "day": "2026-03-20", "hits": 1 }]));
    assert!(killed.get("ended_at").is_none(), "nobody knows: {killed}");
    assert_eq!(backtests(&analyst, "?limit=2").await, before);
    let own = backtests(&analyst, &format!("?limit=1&rule_id={id}")).await;
    assert_eq!(own, json!([before[0]]));
    let path = format!("/backtests/{}", before[1]["id"].as_str().unwrap());
    assert_eq!(analyst.ok("GET", &path, None).await, before[1]);
    assert_eq!(analyst.call("DELETE", &path, None).await.status, 204);
    assert_eq!(analyst.ok("GET", &path, None).await["state"], "done");

    // Only so many are kept: of the rule, of pasted texts, in all.
    old_backtests(&trial, Some(&id), 30, "done").await;
    old_backtests(&trial, None, 110, "done").await;
    let again = async |body: &Value| {
        analyst.ok("POST", "/backtests", Some(body)).await;
        until("its end", || latest_is(&analyst, "done")).await;
    };
    again(&pasted).await;
    again(&of_rule).await;
    for n in 0..40 {
        old_backtests(&trial, Some(&format!("other {n}")), 15, "done").await;
    }
    again(&of_rule).await;
    let all = backtests(&analyst, "?limit=500").await;
    let all = all.as_array().unwrap();
    let pasted = all.iter().filter(|one| one.get("rule_id").is_none());
    assert_eq!(pasted.count(), 100);
    let own = all.iter().filter(|one| one["rule_id"] == json!(id));
    assert_eq!(own.count(), 20);
    let stored: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM backtest")
        .fetch_one(trial.server.app().store.pool())
        .await
        .unwrap();
    assert_eq!(stored, 500);
    trial.server.shutdown().await.unwrap();
}

async fn import(person: &Person, query: &str, bytes: Vec<u8>) -> common::Reply {
    let headers = [
        ("content-type", "application/zip"),
        ("cookie", &*person.cookie),
        ("x-saqshy-csrf", "1"),
    ];
    let path = format!("/api/v1/rulesets?{query}");
    send(person.address, "POST", &path, &headers, bytes).await
}

fn plain_zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, text) in files {
        zip.start_file(*path, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_is_imported_changed_and_removed_without_a_restart() {
    let trial = start(EXTRA).await;
    let admin = trial.sign_in("administrator").await;
    let analyst = trial.sign_in("analyst").await;
    let files = [
        ("linux/backup.yml", OTHER),
        ("broken.yml", "title: [\n"),
        ("README.md", "x"),
    ];
    let reply = import(&admin, "name=ours&version=1", plain_zip(&files)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let made = reply.json();
    assert_eq!(
        (&made["set"]["rules"], &made["set"]["mode"]),
        (&json!(1), &json!("test"))
    );
    assert_eq!(made["refused"][0]["file"], "ours/broken.yml");
    let id = "0c9e4b1e-7f60-4f0e-9d0a-5a8f6f0d1c11";
    let rule = analyst.ok("GET", &format!("/rules/{id}"), None).await;
    assert_eq!(
        (&rule["mode"], &rule["set"]),
        (&json!("test"), &json!("ours"))
    );
    let sets = analyst.ok("GET", "/rulesets", None).await["sets"].clone();
    assert_eq!(sets.as_array().unwrap().len(), 2, "{sets}");

    let body = json!({ "mode": "enabled", "reason": "looked at" });
    assert_eq!(
        admin
            .call("PATCH", "/rulesets/ours", Some(&body))
            .await
            .status,
        204
    );
    let rule = analyst.ok("GET", &format!("/rules/{id}"), None).await;
    assert_eq!(rule["mode"], "enabled");
    let matrix = analyst.ok("GET", "/attack", None).await;
    assert!(matrix.to_string().contains(id), "the matrix has the rule");

    // What cannot be used leaves the old set in service.
    for (query, bytes) in [
        ("name=ours", plain_zip(&[("broken.yml", "title: [\n")])),
        ("name=ours", b"no zip".to_vec()),
        ("name=../ours", plain_zip(&files)),
        ("name=saqshy", plain_zip(&files)),
    ] {
        let reply = import(&admin, query, bytes).await;
        assert_eq!(reply.status, 422, "{query}: {}", reply.text());
    }
    assert_eq!(
        analyst
            .call("GET", &format!("/rules/{id}"), None)
            .await
            .status,
        200
    );

    // A newer bundle takes its place; the file before it goes.
    let origin = Origin {
        kind: "git".into(),
        path: "rules".into(),
        commit: Some("c".repeat(40)),
    };
    let newer = OTHER.replace("level: low", "level: high");
    let newer = [("backup.yml".to_owned(), newer)].into();
    let bundle = Bundle::new("ours", "2", origin, newer).unwrap();
    let reply = import(&admin, "mode=enabled", bundle.to_zip().unwrap()).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.json()["set"]["commit"], "c".repeat(40));
    let rule = analyst.ok("GET", &format!("/rules/{id}"), None).await;
    assert_eq!(rule["level"], "high");
    let kept = trial.folder.path().join("data/rules");
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 1);

    // It is there after a restart.
    let Trial { server, folder } = trial;
    server.shutdown().await.unwrap();
    let config = common::config(folder.path(), EXTRA);
    let clock = saqshy_server::runtime::system_clock();
    let server = saqshy_server::Server::start(config, clock).await.unwrap();
    let trial = Trial { server, folder };
    let admin = trial.sign_in("administrator").await;
    let rule = admin.ok("GET", &format!("/rules/{id}"), None).await;
    assert_eq!(
        (&rule["level"], &rule["mode"]),
        (&json!("high"), &json!("enabled"))
    );
    assert_eq!(
        rule["intervals"].as_array().unwrap().len(),
        3,
        "test, low, high"
    );
    let reply = admin
        .call(
            "DELETE",
            "/rulesets/ours",
            Some(&json!({ "reason": "not needed" })),
        )
        .await;
    assert_eq!(reply.status, 204, "{}", reply.text());
    assert_eq!(
        admin
            .call("GET", &format!("/rules/{id}"), None)
            .await
            .status,
        404
    );
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 0);
    trial.server.shutdown().await.unwrap();
}
