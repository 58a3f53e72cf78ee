//! Suricata's EVE JSON: everything under `suricata.eve.*`, the basics as ECS.

use super::document;
use super::json::Flat;
use super::row::Row;
use crate::Value;
use crate::linux::web;

pub(super) fn is_eve(flat: &Flat) -> bool {
    flat.has("event_type")
        && flat.has("timestamp")
        && (flat.has("flow_id") || flat.has("src_ip") || flat.has_below("stats."))
}

/// Field of EVE → ECS field with the same value.
const SAME: [(&str, &str); 32] = [
    ("community_id", "network.community_id"),
    ("in_iface", "observer.ingress.interface.name"),
    ("host", "observer.hostname"),
    ("alert.signature", "rule.name"),
    ("alert.category", "rule.category"),
    ("alert.severity", "event.severity"),
    ("alert.action", "event.action"),
    ("dns.rrname", "dns.question.name"),
    ("dns.queries.rrname", "dns.question.name"),
    ("dns.query.rrname", "dns.question.name"),
    ("dns.rrtype", "dns.question.type"),
    ("dns.queries.rrtype", "dns.question.type"),
    ("dns.query.rrtype", "dns.question.type"),
    ("dns.rcode", "dns.response_code"),
    ("dns.answers.rdata", "dns.answers.data"),
    ("http.hostname", "url.domain"),
    ("http.http_method", "http.request.method"),
    ("http.http_user_agent", "user_agent.original"),
    ("http.http_refer", "http.request.referrer"),
    ("http.status", "http.response.status_code"),
    ("http.length", "http.response.body.bytes"),
    ("tls.sni", "tls.client.server_name"),
    ("tls.subject", "tls.server.subject"),
    ("tls.issuerdn", "tls.server.issuer"),
    ("tls.ja3.hash", "tls.client.ja3"),
    ("fileinfo.filename", "file.path"),
    ("fileinfo.size", "file.size"),
    ("fileinfo.sha256", "file.hash.sha256"),
    ("flow.bytes_toserver", "source.bytes"),
    ("flow.pkts_toserver", "source.packets"),
    ("flow.bytes_toclient", "destination.bytes"),
    ("flow.pkts_toclient", "destination.packets"),
];

pub(super) fn write(row: &mut Row<'_>, flat: Flat) {
    row.dataset = Some("suricata.eve".to_owned());
    if let Some(time) = flat.get("timestamp") {
        row.claim = document::claim(time, row);
    }
    let kind = flat.str("event_type").unwrap_or_default();
    row.set(
        "event.kind",
        if kind == "alert" { "alert" } else { "event" },
    );
    row.add(
        "event.category",
        if kind == "alert" {
            "intrusion_detection"
        } else {
            "network"
        },
    );
    row.add(
        "event.type",
        if kind == "alert" { "info" } else { "protocol" },
    );
    row.text("event.action", Some(kind));
    row.address("source", flat.str("src_ip"));
    row.address("destination", flat.str("dest_ip"));
    for (name, field) in [
        ("src_port", "source.port"),
        ("dest_port", "destination.port"),
    ] {
        if let Some(port) = flat.get(name) {
            row.foreign(field, port.clone());
        }
    }
    row.text(
        "network.transport",
        flat.str("proto").map(str::to_ascii_lowercase).as_deref(),
    );
    let protocol = flat.str("app_proto").filter(|name| *name != "failed");
    row.text(
        "network.protocol",
        protocol.or(Some(kind).filter(|kind| matches!(*kind, "dns" | "http" | "tls"))),
    );
    if let Some(id) = flat.text("alert.signature_id") {
        row.set("rule.id", id.into_owned());
    }
    for (name, field) in SAME {
        if let Some(value) = flat.get(name) {
            row.foreign(field, value.clone());
        }
    }
    if let Some(target) = flat.str("http.url") {
        web::url(row, target);
    }
    prefixed(row, "suricata.eve.", flat);
}

/// Sets every field under `prefix` and its own name.
pub(super) fn prefixed(row: &mut Row<'_>, prefix: &str, flat: Flat) {
    let mut path = String::from(prefix);
    flat.drain(|name, value: Value| {
        path.truncate(prefix.len());
        path.push_str(name);
        row.foreign(&path, value);
    });
}
