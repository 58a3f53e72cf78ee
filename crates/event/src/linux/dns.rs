//! Queries that DNS servers log: dnsmasq, BIND, unbound.

use std::net::IpAddr;

use crate::parse::row::Row;

/// dnsmasq with `log-queries` (or `log-queries=extra`).
pub(crate) fn dnsmasq(row: &mut Row<'_>, message: &str) -> bool {
    let mut words = message.split_ascii_whitespace().peekable();
    // `log-queries=extra` puts a serial number and the requestor first.
    if words
        .peek()
        .is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
    {
        words.next();
        let requestor = words.next().and_then(|word| word.split_once('/'));
        if let Some((client, port)) = requestor {
            row.address("source", Some(client));
            row.number("source.port", Some(port));
        }
    }
    let (Some(what), Some(name), Some(link), Some(object)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let kind = what
        .strip_prefix("query[")
        .and_then(|rest| rest.strip_suffix(']'));
    match (what, link) {
        (_, "from") if kind.is_some() => {
            question(row, "query", name, kind);
            row.address("source", Some(object));
        }
        ("reply" | "cached" | "config" | "/etc/hosts" | "DHCP", "is") => {
            question(row, "answer", name, None);
            row.set("dns.answers.data", object);
            if object.parse::<IpAddr>().is_ok() {
                row.set("dns.resolved_ip", object);
            }
            if object.contains("NXDOMAIN") {
                row.set("dns.response_code", "NXDOMAIN");
            }
        }
        ("forwarded", "to") => {
            question(row, "query", name, None);
            row.address("destination", Some(object));
        }
        _ => return false,
    }
    row.set("event.action", what.split('[').next().unwrap_or(what));
    true
}

/// BIND's category `queries`: `client @0x7f 10.0.0.5#5312 (name): query: name IN A +E(0) (10.0.0.1)`.
pub(crate) fn bind(row: &mut Row<'_>, message: &str) -> bool {
    let Some((head, query)) = message.split_once(": query: ") else {
        return false;
    };
    let Some((_, client)) = head.split_once("client ") else {
        return false;
    };
    let mut words = query.split_ascii_whitespace();
    let (Some(name), Some(class), Some(kind)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    let client = client
        .split_ascii_whitespace()
        .find_map(|word| word.split_once('#'));
    question(row, "query", name, Some(kind));
    row.set("dns.question.class", class);
    row.set("event.action", "query");
    if let Some((address, port)) = client {
        row.address("source", Some(address));
        row.number("source.port", Some(port));
    }
    let server = query
        .rsplit_once('(')
        .and_then(|(_, rest)| rest.trim_end().strip_suffix(')'));
    row.address(
        "destination",
        server.filter(|server| server.parse::<IpAddr>().is_ok()),
    );
    true
}

/// unbound with `log-queries: yes`: `[811:0] info: 10.0.0.5 name. A IN`.
pub(crate) fn unbound(row: &mut Row<'_>, message: &str) -> bool {
    let Some((_, rest)) = message.split_once("info: ") else {
        return false;
    };
    let words: Vec<&str> = rest.split_ascii_whitespace().take(5).collect();
    let [client, name, kind, class, ..] = words[..] else {
        return false;
    };
    if client.parse::<IpAddr>().is_err() {
        return false;
    }
    question(row, "query", name, Some(kind));
    row.set("dns.question.class", class);
    row.set("event.action", "query");
    row.address("source", Some(client));
    true
}

fn question(row: &mut Row<'_>, what: &str, name: &str, kind: Option<&str>) {
    row.dataset = Some("network.dns".to_owned());
    row.set("event.kind", "event");
    row.add("event.category", "network");
    row.add("event.type", "protocol");
    row.set("network.protocol", "dns");
    row.set("dns.type", what);
    row.text(
        "dns.question.name",
        Some(match name.trim_end_matches('.') {
            "" => ".",
            name => name,
        }),
    );
    row.text("dns.question.type", kind);
}
