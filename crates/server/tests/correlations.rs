//! Correlations while rules change: what changed begins with nothing, the others and a restart
//! keep what they have.

mod common;

use std::io::Write as _;

use common::{Person, Trial, send, start, until};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const EXTRA: &str = "[alerts]\nlate_seconds = 2\n[lake]\nflush_age_ms = 200\n";
/// The one that is changed, and the one that shows which hits have been taken.
const SUBJECT: &str = "11111111-7f60-4f0e-9d0a-5a8f6f0d1c11";
const CONTROL: &str = "22222222-7f60-4f0e-9d0a-5a8f6f0d1c11";
/// The rule that both are over.
const BELOW: &str = "33333333-7f60-4f0e-9d0a-5a8f6f0d1c11";

fn rules(least: u32, title: &str) -> String {
    format!(
        "title: {title}
id: {BELOW}
name: refused
level: low
logsource: {{product: linux, service: sshd}}
detection: {{words: ['Failed password for'], condition: words}}
---
title: subject
id: {SUBJECT}
level: low
correlation: {{type: event_count, rules: [refused], group-by: [host.name], timespan: 1h, condition: {{gte: {least}}}}}
---
title: control
id: {CONTROL}
level: low
correlation: {{type: event_count, rules: [refused], timespan: 1h, condition: {{gte: 1}}}}
"
    )
}

async fn import(person: &Person, text: &str) {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("all.yml", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    let headers = [
        ("content-type", "application/zip"),
        ("cookie", &*person.cookie),
        ("x-saqshy-csrf", "1"),
    ];
    let path = "/api/v1/rulesets?name=ours&version=1&mode=enabled";
    let bytes = zip.finish().unwrap().into_inner();
    let reply = send(person.address, "POST", path, &headers, bytes).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
}

async fn mode(person: &Person, id: &str, mode: &str) {
    let body = json!({ "mode": mode, "reason": "a test" });
    person
        .ok("PATCH", &format!("/rules/{id}"), Some(&body))
        .await;
}

async fn failures(trial: &Trial, from: usize, count: usize) {
    failures_at(trial, jiff::Timestamp::now(), from, count).await;
}

async fn failures_at(trial: &Trial, at: jiff::Timestamp, from: usize, count: usize) {
    let at = at.strftime("%b %e %H:%M:%S");
    let line = |n: usize| {
        format!(
            "<38>{at} gate sshd[{n}]: Failed password for root from 203.0.113.7 port {n} ssh2\n"
        )
    };
    let lines: String = (from..from + count).map(line).collect();
    let to = trial.server.addresses().syslog_tcp.unwrap();
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(lines.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

/// Hits of each alert of the correlation, the alert that began first in front.
async fn alerts(person: &Person, id: &str) -> Vec<u64> {
    let found = person.ok("GET", &format!("/alerts?q={id}"), None).await;
    let mut own: Vec<Value> = found["alerts"].as_array().unwrap().clone();
    own.retain(|alert| alert["rule_id"] == json!(id));
    own.sort_by_key(|alert| alert["first_at"].as_str().unwrap().to_owned());
    let hits = own.iter().map(|alert| alert["hits_count"].as_u64());
    hits.map(Option::unwrap).collect()
}

async fn taken(person: &Person, hits: &[u64]) {
    until("all hits under the control's alerts", || async {
        alerts(person, CONTROL).await == hits
    })
    .await;
}

/// A figure of a correlation on the page for Prometheus.
async fn figure(trial: &Trial, name: &str, id: &str) -> Option<u64> {
    let page = send(trial.console(), "GET", "/metrics", &[], vec![]).await;
    let start = format!("saqshy_correlation_{name}{{rule=\"{id}\"}} ");
    let text = page.text();
    let value = text.lines().find_map(|line| line.strip_prefix(&start))?;
    value.parse().ok()
}

/// What the answer of the rule says about it as a correlation.
async fn shown(person: &Person, id: &str) -> Value {
    let rule = person.ok("GET", &format!("/rules/{id}"), None).await;
    rule["correlation"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn state_follows_the_rules_in_service() {
    let trial = start(EXTRA).await;
    let admin = trial.sign_in("administrator").await;
    let analyst = trial.sign_in("analyst").await;
    import(&admin, &rules(3, "Refused")).await;
    let none: [u64; 0] = [];

    failures(&trial, 1_000, 2).await;
    taken(&analyst, &[2]).await;
    mode(&admin, SUBJECT, "disabled").await;
    failures(&trial, 2_000, 1).await;
    taken(&analyst, &[3]).await;
    let off = shown(&analyst, SUBJECT).await;
    assert_eq!(off["type"], "event_count", "{off}");
    assert!(off.get("figures").is_none(), "not in service: {off}");
    mode(&admin, SUBJECT, "enabled").await;
    failures(&trial, 3_000, 2).await;
    taken(&analyst, &[5]).await;
    assert_eq!(
        alerts(&analyst, SUBJECT).await,
        none,
        "only two since it is on"
    );

    // A restart keeps the two.
    let trial = trial.restarted(EXTRA).await;
    let admin = trial.sign_in("administrator").await;
    let analyst = trial.sign_in("analyst").await;
    failures(&trial, 4_000, 1).await;
    taken(&analyst, &[6]).await;
    assert_eq!(alerts(&analyst, SUBJECT).await, [3]);

    until("the firing's figure", || async {
        figure(&trial, "fired_total", SUBJECT).await == Some(1)
    })
    .await;
    assert_eq!(figure(&trial, "groups", SUBJECT).await, Some(1));
    assert_eq!(figure(&trial, "dropped_total", SUBJECT).await, Some(0));
    assert_eq!(figure(&trial, "late_total", SUBJECT).await, Some(0));
    let known = shown(&analyst, SUBJECT).await;
    let figures = json!({ "groups": 1, "fired": 1, "late": 0, "dropped": 0 });
    let whole = json!({
        "type": "event_count",
        "group_by": ["host.name"],
        "timespan_seconds": 3_600,
        "figures": figures,
    });
    assert_eq!(known, whole);
    let long_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(10);
    failures_at(&trial, long_ago, 4_500, 1).await;
    until("the late hit's figure", || async {
        shown(&analyst, SUBJECT).await["figures"]["late"] == 1
    })
    .await;
    assert_eq!(shown(&analyst, BELOW).await, Value::Null, "no correlation");

    // Another text begins with nothing, and the open alert of the old one grows no more. The
    // neighbour in the same file goes on.
    import(&admin, &rules(2, "Refused")).await;
    failures(&trial, 5_000, 1).await;
    taken(&analyst, &[7]).await;
    assert_eq!(alerts(&analyst, SUBJECT).await, [3]);

    // Another text of the rule below is another form of both.
    import(&admin, &rules(2, "Refused password")).await;
    failures(&trial, 6_000, 1).await;
    taken(&analyst, &[7, 1]).await;
    assert_eq!(alerts(&analyst, SUBJECT).await, [3]);
    failures(&trial, 7_000, 1).await;
    taken(&analyst, &[7, 2]).await;
    assert_eq!(alerts(&analyst, SUBJECT).await, [3, 2]);

    until("the firing's figure", || async {
        figure(&trial, "fired_total", SUBJECT).await == Some(2)
    })
    .await;

    // Nothing is left of what is off.
    let body = json!({ "reason": "no longer needed" });
    admin.ok("DELETE", "/rulesets/ours", Some(&body)).await;
    assert_eq!(figure(&trial, "fired_total", SUBJECT).await, None);
    let pool = trial.server.app().store.pool();
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT COUNT(*) FROM correlation_firing WHERE correlation_id IN ($1, $2)) + \
         (SELECT COUNT(*) FROM correlation_form WHERE correlation_id IN ($1, $2)) + \
         (SELECT COUNT(*) FROM correlation_input WHERE rule_id LIKE '33333333-%')",
    )
    .bind(SUBJECT)
    .bind(CONTROL)
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(left, 0);
    trial.server.shutdown().await.unwrap();
}

/// `SUBJECT` feeds the one that is looked at, and is put in test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_test_feeds_no_correlation() {
    const OUTER: &str = "44444444-7f60-4f0e-9d0a-5a8f6f0d1c11";
    let trial = start(EXTRA).await;
    let admin = trial.sign_in("administrator").await;
    let analyst = trial.sign_in("analyst").await;
    let outer = format!(
        "---\ntitle: outer\nid: {OUTER}\nlevel: low\ncorrelation: {{type: event_count, \
         rules: [{SUBJECT}], timespan: 1h, condition: {{gte: 1}}}}\n"
    );
    import(&admin, &(rules(2, "Refused") + &outer)).await;
    let none: [u64; 0] = [];

    mode(&admin, SUBJECT, "test").await;
    failures(&trial, 1_000, 2).await;
    taken(&analyst, &[2]).await;
    until("hits in test", || async {
        let rule = analyst.ok("GET", &format!("/rules/{SUBJECT}"), None).await;
        rule["test_hits"] == 2
    })
    .await;
    assert_eq!(alerts(&analyst, SUBJECT).await, none);
    assert_eq!(alerts(&analyst, OUTER).await, none);

    mode(&admin, SUBJECT, "enabled").await;
    failures(&trial, 2_000, 2).await;
    taken(&analyst, &[4]).await;
    assert_eq!(alerts(&analyst, SUBJECT).await, none, "it only feeds");
    assert_eq!(alerts(&analyst, OUTER).await, [1]);
    trial.server.shutdown().await.unwrap();
}
