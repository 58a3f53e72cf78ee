//! Packets that iptables, nftables or ufw log through the kernel (`LOG` target).

use crate::parse::row::Row;

/// Reads a packet line; `false` if it is none, then nothing is set.
pub(crate) fn packet(row: &mut Row<'_>, message: &str) -> bool {
    let Some(start) = message.find("IN=") else {
        return false;
    };
    let (prefix, fields) = message.split_at(start);
    let find = |key: &str| super::value(fields, key).filter(|value| !value.is_empty());
    let (Some(source), Some(destination)) = (find("SRC"), find("DST")) else {
        return false;
    };
    row.dataset = Some("linux.firewall".to_owned());
    row.set("event.kind", "event");
    row.add("event.category", "network");
    row.add("event.type", "connection");
    row.address("source", Some(source));
    row.address("destination", Some(destination));
    row.number("source.port", find("SPT"));
    row.number("destination.port", find("DPT"));
    row.number("network.bytes", find("LEN"));
    row.text("observer.ingress.interface.name", find("IN"));
    row.text("observer.egress.interface.name", find("OUT"));
    row.set(
        "network.type",
        if destination.contains(':') {
            "ipv6"
        } else {
            "ipv4"
        },
    );
    if let Some(protocol) = find("PROTO") {
        let number = match protocol {
            "TCP" => Some("6"),
            "UDP" => Some("17"),
            "ICMP" => Some("1"),
            "ICMPv6" => Some("58"),
            other => Some(other).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())),
        };
        let name = protocol.to_ascii_lowercase();
        row.set(
            "network.transport",
            if name == "icmpv6" {
                "ipv6-icmp".into()
            } else {
                name
            },
        );
        row.text("network.iana_number", number);
    }
    for (key, field) in [
        ("TTL", "iptables.ttl"),
        ("ID", "iptables.id"),
        ("TYPE", "iptables.type"),
    ] {
        row.text(field, find(key));
    }
    mac(row, find("MAC"));
    flags(row, fields);
    verdict(row, prefix);
    true
}

/// Destination, source and type of the Ethernet frame, 14 bytes.
fn mac(row: &mut Row<'_>, value: Option<&str>) {
    let Some(value) = value.filter(|value| value.is_ascii() && value.len() == 41) else {
        return;
    };
    let name = |text: &str| text.to_ascii_uppercase().replace(':', "-");
    row.set("destination.mac", name(&value[..17]));
    row.set("source.mac", name(&value[18..35]));
}

fn flags(row: &mut Row<'_>, fields: &str) {
    for flag in fields.split_ascii_whitespace() {
        if matches!(
            flag,
            "SYN" | "ACK" | "FIN" | "RST" | "PSH" | "URG" | "ECE" | "CWR"
        ) {
            row.add("iptables.tcp.flags", flag);
        }
    }
}

/// The administrator's prefix names the rule and, by its words, what was done.
fn verdict(row: &mut Row<'_>, prefix: &str) {
    let mut prefix = prefix.trim();
    // The kernel's own clock, `[88121.113]`.
    if let Some((clock, rest)) = prefix
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        && clock
            .trim()
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        prefix = rest.trim();
    }
    row.text(
        "rule.name",
        Some(prefix.trim_end_matches(':').trim_matches(['[', ']'])),
    );
    let upper = prefix.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| upper.contains(word));
    if has(&["BLOCK", "DROP", "DENY", "DENIED", "REJECT", "INVALID"]) {
        row.add("event.type", "denied");
        row.set("event.action", "blocked");
    } else if has(&["ACCEPT", "ALLOW", "PASS", "PERMIT"]) {
        row.add("event.type", "allowed");
        row.set("event.action", "allowed");
    }
}
