//! Answers as they are on the wire; changed on purpose only. Ids and times are redacted.

mod common;

use common::start;
use serde_json::{Value, json};

/// Replaces what differs from run to run.
fn steady(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let redact = |(key, value): (String, Value)| {
                let varies = matches!(
                    key.as_str(),
                    "id" | "created_at"
                        | "last_sign_in"
                        | "at"
                        | "hash"
                        | "time"
                        | "checkpoint_time"
                );
                let value = match varies && !value.is_null() {
                    true => json!(format!("[{key}]")),
                    false => steady(value),
                };
                (key, value)
            };
            Value::Object(map.into_iter().map(redact).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(steady).collect()),
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_refusal_and_journal() {
    let trial = start("").await;
    let nobody = trial.nobody();
    let refusal = nobody.call("GET", "/alerts", None).await.json();
    insta::assert_json_snapshot!("refusal", refusal);
    let auditor = trial.sign_in("auditor").await;
    let session = steady(auditor.ok("GET", "/session", None).await);
    insta::assert_json_snapshot!("session", session);
    let size = trial.leaves().await;
    let journal = &trial.server.app().journal;
    assert!(
        journal
            .wait_for(size, std::time::Duration::from_secs(10))
            .await
    );
    let page = auditor.ok("GET", "/journal?limit=2", None).await;
    insta::assert_json_snapshot!("leaf", steady(page["leaves"][0].clone()));
    trial.server.shutdown().await.unwrap();
}
