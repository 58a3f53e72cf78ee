//! Which type a field has: ECS 9 where ECS names it, text everywhere else.
//!
//! The parsers keep the promise of this table: a field of type [`EcsType::Long`] holds
//! [`Value::Int`](crate::Value::Int) (or a list of such), `Double` holds `Float`, `Date`
//! holds `Time`, `Boolean` holds `Bool`, `Ip` holds text that is an IP address. What arrives and
//! does not fit is kept as text under `malformed.<field>` and the event is tagged `_malformed`.
//! A field of type `Keyword` may hold any value: a JSON number under a name that ECS does not
//! know stays a number.
//!
//! # Names that are ours
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `event.record_count` | long | spool records joined into this event, only when more than one |
//! | `event.timestamp_untrusted` | boolean | `true`: `@timestamp` is the time of receipt |
//! | `event.created_claimed` | keyword | the time that was claimed and not believed, as it arrived |
//! | `event.original_base64` | keyword | the bytes that arrived, when they are not UTF-8 |
//! | `event.id_claimed` | keyword | `event.id` of the sender; ours is the position in the spool |
//! | `log.source.id` | keyword | the source in the loss ledger |
//! | `log.source.address` | keyword | address of the sender |
//! | `malformed.<field>` | keyword | a value that does not fit the field's type |
//! | `syslog.structured_data.<id>.<param>` | keyword | RFC 5424 structured data |
//!
//! Tags: `_unparsed` (nobody understood it), `_invalid_utf8`, `_truncated` (cut by the listener),
//! `_malformed`, `_fields_overflow` (more fields or levels than are kept; all is in
//! `event.original`), `_syslog_dirty` (a syslog frame that breaks its RFC).
//!
//! # Linux audit
//!
//! Dataset `linux.auditd`. `auditd.type` is a list of the record types of the event in order
//! (`SYSCALL`, `EXECVE`, `PATH`, …); `auditd.<field>` is each field of the records under the
//! kernel's name (`auditd.exe`, `auditd.comm`, `auditd.key`, `auditd.auid`, `auditd.a0` …). Where
//! several records carry the same name (`PATH`), the values form a list in order. `auditd.name`
//! holds the paths, `auditd.nametype` their kinds, `auditd.cwd` the directory.
//! `auditd.a0`…`auditd.aN` are the arguments of `EXECVE` when there is one, decoded; the
//! registers of `SYSCALL` are then `auditd.syscall_a0`…`auditd.syscall_a3`. `auditd.SYSCALL` is
//! the name of the system call (`openat`), as enriched logs write it or from the number on
//! x86-64; the number is `auditd.syscall_number`. Names of an enriched log are
//! `auditd.<field>_name` (`auditd.auid_name`). Hex-coded text is decoded, `?` and `(null)` are
//! left out, the parts of `proctitle` are joined with spaces. SELinux: `auditd.seresult`
//! (`denied`), `auditd.seperms`.
//!
//! ECS: `process.*` (`command_line` and `args` from `EXECVE`), `user.*` (`user.audit.*` for the
//! one who signed in), `file.path`, `destination.ip`/`port` from `SOCKADDR`, `event.action`
//! (`executed` for `execve`), `event.outcome`.
//!
//! # Windows
//!
//! Names as Winlogbeat's; see [`crate::WindowsEvent`]. A value of `EventData` that is empty in the
//! log is an empty text; Winlogbeat does not send such values, so there the field is absent.
//!
//! # Other datasets
//!
//! | dataset | fields besides ECS |
//! |---|---|
//! | `linux.auth` | `system.auth.ssh.*`, `system.auth.sudo.*`, `system.auth.pam.*` |
//! | `linux.firewall` | `iptables.ttl`, `iptables.id`, `iptables.tcp.flags`, `rule.name` (the log prefix) |
//! | `network.dns` | `dns.type`, `dns.question.*`, `dns.answers.data`, `dns.resolved_ip` |
//! | `suricata.eve` | `suricata.eve.<field>` |
//! | `zeek.<path>` | `zeek.<path>.<field>` |

/// The type that ECS gives a field, as far as storage and search tell types apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EcsType {
    /// Text, and every field that ECS does not name.
    Keyword,
    /// Signed 64-bit whole number.
    Long,
    /// 64-bit floating point number.
    Double,
    Boolean,
    /// A point in time.
    Date,
    /// An IPv4 or IPv6 address, as text.
    Ip,
}

/// The type of `field`, a dotted name.
///
/// ```
/// use saqshy_event::{EcsType, ecs_type};
/// assert_eq!(ecs_type("source.port"), EcsType::Long);
/// assert_eq!(ecs_type("process.parent.start"), EcsType::Date);
/// assert_eq!(ecs_type("winlog.event_data.ProcessId"), EcsType::Keyword);
/// ```
pub fn ecs_type(field: &str) -> EcsType {
    let Some((first, rest)) = field.split_once('.') else {
        return if field == "@timestamp" {
            EcsType::Date
        } else {
            EcsType::Keyword
        };
    };
    match first {
        "client" | "destination" | "server" | "source" => endpoint(rest),
        "process" => process(rest),
        "event" => event(rest),
        "file" | "dll" => file(rest),
        "log" => log(rest),
        "http" => http(rest),
        "tls" => tls(rest),
        "host" | "observer" => host(rest),
        "winlog" => winlog(rest),
        "network" => match rest {
            "bytes" | "packets" => EcsType::Long,
            "forwarded_ip" => EcsType::Ip,
            _ => EcsType::Keyword,
        },
        "dns" => match rest {
            "answers.ttl" => EcsType::Long,
            "resolved_ip" => EcsType::Ip,
            _ => EcsType::Keyword,
        },
        "url" => {
            if rest == "port" {
                EcsType::Long
            } else {
                EcsType::Keyword
            }
        }
        "related" => {
            if rest == "ip" {
                EcsType::Ip
            } else {
                EcsType::Keyword
            }
        }
        "package" => match rest {
            "size" => EcsType::Long,
            "installed" => EcsType::Date,
            _ => EcsType::Keyword,
        },
        "threat" => threat(rest),
        "vulnerability" => match rest {
            "score.base" | "score.environmental" | "score.temporal" => EcsType::Double,
            _ => EcsType::Keyword,
        },
        _ => EcsType::Keyword,
    }
}

fn endpoint(rest: &str) -> EcsType {
    match rest {
        "ip" | "nat.ip" => EcsType::Ip,
        "port" | "nat.port" | "bytes" | "packets" | "as.number" => EcsType::Long,
        _ => EcsType::Keyword,
    }
}

fn process(mut rest: &str) -> EcsType {
    const RELATIVES: [&str; 7] = [
        "parent.",
        "entry_leader.",
        "group_leader.",
        "session_leader.",
        "previous.",
        "responsible.",
        "leader.",
    ];
    while let Some(inner) = RELATIVES
        .iter()
        .find_map(|relative| rest.strip_prefix(relative))
    {
        rest = inner;
    }
    match rest {
        "pid"
        | "ppid"
        | "pgid"
        | "vpid"
        | "args_count"
        | "exit_code"
        | "thread.id"
        | "uptime"
        | "tty.columns"
        | "tty.rows"
        | "tty.char_device.major"
        | "tty.char_device.minor"
        | "io.total_bytes_captured"
        | "io.total_bytes_skipped" => EcsType::Long,
        "start" | "end" => EcsType::Date,
        "interactive" | "same_as_process" | "io.max_bytes_per_process_exceeded" => EcsType::Boolean,
        _ => file(rest),
    }
}

fn event(rest: &str) -> EcsType {
    match rest {
        "created" | "ingested" | "start" | "end" => EcsType::Date,
        "duration" | "sequence" | "severity" | "record_count" => EcsType::Long,
        "risk_score" | "risk_score_norm" => EcsType::Double,
        "timestamp_untrusted" => EcsType::Boolean,
        _ => EcsType::Keyword,
    }
}

fn file(rest: &str) -> EcsType {
    match rest {
        "size" | "x509.public_key_exponent" | "x509.public_key_size" => EcsType::Long,
        "accessed"
        | "created"
        | "ctime"
        | "mtime"
        | "x509.not_after"
        | "x509.not_before"
        | "code_signature.timestamp"
        | "elf.creation_date" => EcsType::Date,
        "code_signature.exists" | "code_signature.trusted" | "code_signature.valid" => {
            EcsType::Boolean
        }
        _ => EcsType::Keyword,
    }
}

fn log(rest: &str) -> EcsType {
    match rest {
        "syslog.facility.code"
        | "syslog.severity.code"
        | "syslog.priority"
        | "origin.file.line"
        | "offset" => EcsType::Long,
        _ => EcsType::Keyword,
    }
}

fn http(rest: &str) -> EcsType {
    match rest {
        "request.bytes"
        | "request.body.bytes"
        | "response.bytes"
        | "response.body.bytes"
        | "response.status_code" => EcsType::Long,
        _ => EcsType::Keyword,
    }
}

fn tls(rest: &str) -> EcsType {
    match rest {
        "established" | "resumed" => EcsType::Boolean,
        "client.not_after"
        | "client.not_before"
        | "server.not_after"
        | "server.not_before"
        | "client.x509.not_after"
        | "client.x509.not_before"
        | "server.x509.not_after"
        | "server.x509.not_before" => EcsType::Date,
        "client.x509.public_key_size"
        | "client.x509.public_key_exponent"
        | "server.x509.public_key_size"
        | "server.x509.public_key_exponent" => EcsType::Long,
        _ => EcsType::Keyword,
    }
}

fn host(rest: &str) -> EcsType {
    match rest {
        "ip" => EcsType::Ip,
        "uptime"
        | "disk.read.bytes"
        | "disk.write.bytes"
        | "network.egress.bytes"
        | "network.egress.packets"
        | "network.ingress.bytes"
        | "network.ingress.packets" => EcsType::Long,
        "cpu.usage"
        | "risk.calculated_score"
        | "risk.calculated_score_norm"
        | "risk.static_score"
        | "risk.static_score_norm" => EcsType::Double,
        _ => EcsType::Keyword,
    }
}

fn winlog(rest: &str) -> EcsType {
    match rest {
        "record_id" | "process.pid" | "process.thread.id" | "version" => EcsType::Long,
        _ => EcsType::Keyword,
    }
}

fn threat(rest: &str) -> EcsType {
    let rest = rest.strip_prefix("enrichments.").unwrap_or(rest);
    match rest {
        "indicator.ip" => EcsType::Ip,
        "indicator.port"
        | "indicator.scanner_stats"
        | "indicator.sightings"
        | "indicator.as.number"
        | "indicator.url.port"
        | "indicator.file.size" => EcsType::Long,
        "indicator.first_seen" | "indicator.last_seen" | "indicator.modified_at" => EcsType::Date,
        _ => EcsType::Keyword,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecs_names_have_their_type_and_unknown_names_are_text() {
        for (field, kind) in [
            ("@timestamp", EcsType::Date),
            ("event.ingested", EcsType::Date),
            ("destination.nat.ip", EcsType::Ip),
            ("source.bytes", EcsType::Long),
            ("process.pid", EcsType::Long),
            ("process.parent.group_leader.pid", EcsType::Long),
            ("process.code_signature.valid", EcsType::Boolean),
            ("process.name", EcsType::Keyword),
            ("log.syslog.severity.code", EcsType::Long),
            ("http.response.status_code", EcsType::Long),
            ("vulnerability.score.base", EcsType::Double),
            ("winlog.event_id", EcsType::Keyword),
            ("winlog.record_id", EcsType::Long),
            ("message", EcsType::Keyword),
            ("nobody.knows.port", EcsType::Keyword),
            ("source", EcsType::Keyword),
            ("", EcsType::Keyword),
        ] {
            assert_eq!(ecs_type(field), kind, "{field}");
        }
    }
}
