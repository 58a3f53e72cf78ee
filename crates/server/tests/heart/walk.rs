//! Calls operations by name and remembers what they wrote.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::common::{Person, Reply, Trial, send};

/// Calls operations and remembers which of them wrote a leaf.
pub struct Walk<'a> {
    pub trial: &'a Trial,
    pub written: BTreeSet<String>,
}

impl Walk<'_> {
    /// A writing operation that must succeed and leave at least one leaf.
    pub async fn does(
        &mut self,
        who: &Person,
        method: &str,
        operation: &str,
        ids: &[&str],
        body: Value,
    ) -> Value {
        let path = fill(operation, ids);
        let before = self.trial.leaves().await;
        let reply = who.call(method, &path, Some(&body)).await;
        assert!(
            reply.status < 300,
            "{method} {path}: {} {}",
            reply.status,
            reply.text()
        );
        assert!(
            self.trial.leaves().await > before,
            "{method} {path} left no journal entry"
        );
        self.written.insert(format!("{method} {operation}"));
        serde_json::from_slice(&reply.body).unwrap_or(Value::Null)
    }

    /// An operation that is refused and changes nothing.
    pub async fn refused(
        &self,
        who: &Person,
        method: &str,
        operation: &str,
        ids: &[&str],
        body: Value,
    ) -> (u16, String) {
        let before = self.trial.leaves().await;
        let reply = who.call(method, &fill(operation, ids), Some(&body)).await;
        assert_eq!(self.trial.leaves().await, before, "{operation}");
        (
            reply.status,
            reply.json()["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    }
}

pub fn fill(operation: &str, ids: &[&str]) -> String {
    let mut path = operation.to_owned();
    for id in ids {
        let (from, to) = (path.find('{').unwrap(), path.find('}').unwrap());
        path.replace_range(from..=to, id);
    }
    path
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no `{key}` in {value}"))
}

pub async fn upload(who: &Person, path: &str, bytes: &[u8]) -> Reply {
    let headers = [
        ("cookie", who.cookie.as_str()),
        ("x-saqshy-csrf", "1"),
        ("content-type", "application/octet-stream"),
    ];
    send(
        who.address,
        "POST",
        &format!("/api/v1{path}"),
        &headers,
        bytes.to_vec(),
    )
    .await
}

pub fn jiff_now() -> String {
    (saqshy_server::runtime::system_clock())().to_string()
}
