//! Zeek's logs as JSON: everything under `zeek.<log>.*`, the basics as ECS.

use super::json::Flat;
use super::row::Row;
use super::{document, eve};
use crate::linux::web;

pub(super) fn is_zeek(flat: &Flat) -> bool {
    flat.has("ts") && (flat.has("_path") || (flat.has("uid") && flat.has("id.orig_h")))
}

/// Field of Zeek → ECS field with the same value.
const SAME: [(&str, &str); 23] = [
    ("id.orig_p", "source.port"),
    ("id.resp_p", "destination.port"),
    ("service", "network.protocol"),
    ("community_id", "network.community_id"),
    ("orig_bytes", "source.bytes"),
    ("orig_pkts", "source.packets"),
    ("resp_bytes", "destination.bytes"),
    ("resp_pkts", "destination.packets"),
    ("query", "dns.question.name"),
    ("qtype_name", "dns.question.type"),
    ("qclass_name", "dns.question.class"),
    ("rcode_name", "dns.response_code"),
    ("answers", "dns.answers.data"),
    ("method", "http.request.method"),
    ("host", "url.domain"),
    ("user_agent", "user_agent.original"),
    ("referrer", "http.request.referrer"),
    ("status_code", "http.response.status_code"),
    ("response_body_len", "http.response.body.bytes"),
    ("server_name", "tls.client.server_name"),
    ("ja3", "tls.client.ja3"),
    ("user", "user.name"),
    ("note", "rule.name"),
];

pub(super) fn write(row: &mut Row<'_>, flat: Flat) {
    let log: String = flat
        .str("_path")
        .unwrap_or_else(|| guess(&flat))
        .chars()
        .take(40)
        .filter(|character| character.is_ascii_alphanumeric() || *character == '_')
        .collect();
    let dataset = format!("zeek.{}", if log.is_empty() { "log" } else { &log });
    row.dataset = Some(dataset.to_ascii_lowercase());
    if let Some(time) = flat.get("ts") {
        row.claim = document::claim(time, row);
    }
    row.set(
        "event.kind",
        if log == "notice" { "alert" } else { "event" },
    );
    row.add("event.category", "network");
    row.add(
        "event.type",
        if log == "conn" {
            "connection"
        } else {
            "protocol"
        },
    );
    row.address("source", flat.str("id.orig_h"));
    row.address("destination", flat.str("id.resp_h"));
    row.text("network.transport", flat.str("proto"));
    row.text("zeek.session_id", flat.str("uid"));
    for (name, field) in SAME {
        if let Some(value) = flat.get(name) {
            row.foreign(field, value.clone());
        }
    }
    if let Some(target) = flat.str("uri") {
        web::url(row, target);
    }
    let prefix = format!("{}.", row.dataset.as_deref().unwrap_or("zeek.log"));
    eve::prefixed(row, &prefix, flat);
}

/// The log that a record without `_path` comes from.
fn guess(flat: &Flat) -> &'static str {
    match () {
        () if flat.has("query") || flat.has("qtype") => "dns",
        () if flat.has("uri") || flat.has("status_code") => "http",
        () if flat.has("server_name") || flat.has("cipher") => "ssl",
        () if flat.has("conn_state") => "conn",
        () => "log",
    }
}
