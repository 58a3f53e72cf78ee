//! JSON without a schema: flat documents of applications, and the systemd journal.

use super::document::{self, own_name};
use super::json::Flat;
use super::line;
use super::row::Row;
use super::stamp::Claim;
use crate::Value;

/// ECS field ← the names that applications use for it, the first one present counts. The
/// document's own names are kept beside.
const ALIASES: [(&str, &[&str]); 11] = [
    (
        "host.name",
        &["hostname", "host", "computer", "computer_name"],
    ),
    ("message", &["msg", "log", "text"]),
    ("log.level", &["level", "severity", "lvl"]),
    ("process.name", &["app", "program", "ident", "appname"]),
    ("user.name", &["user", "username", "user_name"]),
    (
        "source.ip",
        &[
            "src_ip",
            "srcip",
            "client_ip",
            "clientip",
            "remote_addr",
            "source_ip",
            "src",
        ],
    ),
    ("source.port", &["src_port", "srcport", "source_port"]),
    (
        "destination.ip",
        &[
            "dst_ip",
            "dest_ip",
            "dstip",
            "destip",
            "destination_ip",
            "dst",
        ],
    ),
    (
        "destination.port",
        &["dst_port", "dest_port", "dstport", "destination_port"],
    ),
    ("user_agent.original", &["user_agent", "http_user_agent"]),
    ("http.request.method", &["request_method", "http_method"]),
];

const TIMES: [&str; 9] = [
    "@timestamp",
    "timestamp",
    "time",
    "ts",
    "_time",
    "datetime",
    "eventTime",
    "created_at",
    "date",
];

/// A flat document: its own names, and the common ones as ECS.
pub(super) fn write(row: &mut Row<'_>, flat: Flat) {
    row.claim = TIMES
        .iter()
        .find_map(|name| flat.get(name))
        .map_or(Claim::None, |time| document::claim(time, row));
    row.dataset = document::dataset(&flat);
    for (field, names) in ALIASES {
        if flat.has(field) {
            continue;
        }
        let Some(value) = names.iter().find_map(|name| flat.get(name)) else {
            continue;
        };
        match (field, value) {
            ("source.ip", Value::Str(address)) => row.address("source", Some(address)),
            ("destination.ip", Value::Str(address)) => row.address("destination", Some(address)),
            ("source.ip" | "destination.ip", _) => {}
            (_, Value::Str(_) | Value::Int(_)) => row.foreign(field, value.clone()),
            _ => {}
        }
    }
    flat.drain(|name, value| own_name(row, name, value));
}

/// `journalctl -o json`
pub(super) fn is_journal(flat: &Flat) -> bool {
    flat.has("MESSAGE") && (flat.has("__REALTIME_TIMESTAMP") || flat.has("_HOSTNAME"))
}

pub(super) fn journal(row: &mut Row<'_>, flat: Flat) {
    let text = |name: &str| flat.text(name);
    let app = text("SYSLOG_IDENTIFIER").or_else(|| text("_COMM"));
    let time = flat
        .get("_SOURCE_REALTIME_TIMESTAMP")
        .or(flat.get("__REALTIME_TIMESTAMP"));
    row.claim = time.map_or(Claim::None, |time| document::claim(time, row));
    let claim = row.claim.clone();
    row.text("host.name", text("_HOSTNAME").as_deref());
    row.text("process.name", app.as_deref());
    row.number(
        "process.pid",
        text("_PID").or_else(|| text("SYSLOG_PID")).as_deref(),
    );
    row.text("process.executable", text("_EXE").as_deref());
    row.text("process.command_line", text("_CMDLINE").as_deref());
    row.text("user.id", text("_UID").as_deref());
    row.number("log.syslog.severity.code", text("PRIORITY").as_deref());
    row.number(
        "log.syslog.facility.code",
        text("SYSLOG_FACILITY").as_deref(),
    );
    if let Some(message) = text("MESSAGE") {
        line::content(row, app.as_deref(), &message);
    }
    if claim != Claim::None {
        row.claim = claim;
    }
    let mut path = String::from("journald.");
    flat.drain(|name, value| {
        path.truncate("journald.".len());
        path.push_str(&name.trim_start_matches('_').to_ascii_lowercase());
        row.foreign(&path, value);
    });
}
