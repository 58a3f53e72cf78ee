//! ECS fields of Sysmon events, as Winlogbeat's module `sysmon` sets them.

use std::net::IpAddr;

use super::ecs::{account, executable, file, said};
use super::{WindowsEvent, integer};
use crate::Value;
use crate::parse::row::Row;

/// Event id, category, type, action.
const ACTIONS: [(u32, &str, &str, &str); 29] = [
    (1, "process", "start", "Process creation"),
    (
        2,
        "file",
        "change",
        "A process changed a file creation time",
    ),
    (3, "network", "connection", "Network connection"),
    (4, "process", "change", "Sysmon service state changed"),
    (5, "process", "end", "Process terminated"),
    (6, "driver", "start", "Driver loaded"),
    (7, "process", "change", "Image loaded"),
    (8, "process", "change", "CreateRemoteThread"),
    (9, "process", "access", "RawAccessRead"),
    (10, "process", "access", "ProcessAccess"),
    (11, "file", "creation", "FileCreate"),
    (
        12,
        "registry",
        "change",
        "RegistryEvent (Object create and delete)",
    ),
    (13, "registry", "change", "RegistryEvent (Value Set)"),
    (
        14,
        "registry",
        "change",
        "RegistryEvent (Key and Value Rename)",
    ),
    (15, "file", "access", "FileCreateStreamHash"),
    (16, "configuration", "change", "ServiceConfigurationChange"),
    (17, "file", "creation", "PipeEvent (Pipe Created)"),
    (18, "file", "access", "PipeEvent (Pipe Connected)"),
    (
        19,
        "process",
        "info",
        "WmiEvent (WmiEventFilter activity detected)",
    ),
    (
        20,
        "process",
        "change",
        "WmiEvent (WmiEventConsumer activity detected)",
    ),
    (
        21,
        "process",
        "access",
        "WmiEvent (WmiEventConsumerToFilter activity detected)",
    ),
    (22, "network", "info", "DNSEvent (DNS query)"),
    (23, "file", "deletion", "FileDelete (File Delete archived)"),
    (
        24,
        "process",
        "change",
        "ClipboardChange (New content in the clipboard)",
    ),
    (
        25,
        "process",
        "change",
        "ProcessTampering (Process image change)",
    ),
    (
        26,
        "file",
        "deletion",
        "FileDeleteDetected (File Delete logged)",
    ),
    (27, "file", "creation", "FileBlockExecutable"),
    (28, "file", "deletion", "FileBlockShredding"),
    (29, "file", "creation", "FileExecutableDetected"),
];

pub(super) fn write(row: &mut Row<'_>, event: &WindowsEvent) {
    let id = event.event_id.unwrap_or(0);
    row.set("event.module", "sysmon");
    if let Some((_, category, kind, action)) = ACTIONS.iter().find(|(known, ..)| *known == id) {
        row.category(category, kind, action);
    } else if id == 255 {
        row.category("process", "info", "Error");
        row.outcome(false);
    }
    row.text("rule.name", said(event.data("RuleName")));
    process(row, event, id);
    hashes(row, event, id);
    match id {
        3 => network(row, event),
        6 | 7 => image(row, event, id),
        12..=14 => registry(row, event),
        17 | 18 => row.text("file.name", said(event.data("PipeName"))),
        22 => dns(row, event),
        _ => file(row, event.data("TargetFilename").or(event.data("Device"))),
    }
}

fn process(row: &mut Row<'_>, event: &WindowsEvent, id: u32) {
    let first = |names: &[&str]| names.iter().find_map(|name| said(event.data(name)));
    let guid = first(&["ProcessGuid", "SourceProcessGuid", "SourceProcessGUID"]);
    row.text("process.entity_id", guid);
    pid(row, "process.pid", first(&["ProcessId", "SourceProcessId"]));
    pid(row, "process.thread.id", event.data("SourceThreadId"));
    executable(
        row,
        "process",
        first(&["Image", "SourceImage", "Destination"]),
    );
    row.text("process.command_line", said(event.data("CommandLine")));
    row.text(
        "process.working_directory",
        said(event.data("CurrentDirectory")),
    );
    row.text(
        "process.parent.entity_id",
        said(event.data("ParentProcessGuid")),
    );
    pid(row, "process.parent.pid", event.data("ParentProcessId"));
    executable(row, "process.parent", event.data("ParentImage"));
    row.text(
        "process.parent.command_line",
        said(event.data("ParentCommandLine")),
    );
    account(row, "user", first(&["User", "SourceUser"]));
    // The account under which Sysmon itself runs.
    row.text("user.id", event.user_sid.as_deref());
    portable_executable(row, event, if id == 7 { "file" } else { "process" });
}

fn portable_executable(row: &mut Row<'_>, event: &WindowsEvent, of: &str) {
    for (name, field) in [
        ("OriginalFileName", "original_file_name"),
        ("Company", "company"),
        ("Description", "description"),
        ("FileVersion", "file_version"),
        ("Product", "product"),
    ] {
        if let Some(value) = said(event.data(name)) {
            row.set(&format!("{of}.pe.{field}"), value);
        }
    }
}

/// `SHA1=…,MD5=…,SHA256=…,IMPHASH=…`, or in old versions a bare hash.
fn hashes(row: &mut Row<'_>, event: &WindowsEvent, id: u32) {
    let Some(text) = said(event.data("Hashes").or(event.data("Hash"))) else {
        return;
    };
    let of = match id {
        1 | 23..=26 => "process",
        _ => "file",
    };
    for part in text.split(',') {
        let Some((kind, hash)) = part.trim().split_once('=') else {
            continue;
        };
        let (kind, hash) = (kind.to_ascii_lowercase(), hash.to_ascii_lowercase());
        let known = matches!(kind.as_str(), "md5" | "sha1" | "sha256" | "imphash");
        if !known || hash.bytes().all(|byte| byte == b'0') {
            continue;
        }
        let group = if kind == "imphash" { "pe" } else { "hash" };
        row.set(&format!("{of}.{group}.{kind}"), hash.as_str());
        row.add("related.hash", &hash);
    }
}

/// A loaded driver or library.
fn image(row: &mut Row<'_>, event: &WindowsEvent, id: u32) {
    let loaded = event.data("ImageLoaded");
    file(row, loaded);
    if id == 7 {
        row.copy("file.path", "dll.path");
        row.copy("file.name", "dll.name");
    }
    row.text(
        "file.code_signature.subject_name",
        said(event.data("Signature")),
    );
    let status = said(event.data("SignatureStatus"));
    row.text("file.code_signature.status", status);
    if let Some(signed) = event.data("Signed") {
        row.set(
            "file.code_signature.exists",
            signed.eq_ignore_ascii_case("true"),
        );
    }
    if let Some(status) = status {
        row.set("file.code_signature.valid", status == "Valid");
    }
}

fn network(row: &mut Row<'_>, event: &WindowsEvent) {
    row.add("event.type", "start");
    row.address("source", said(event.data("SourceIp")));
    row.number("source.port", event.data("SourcePort"));
    row.text("source.domain", said(event.data("SourceHostname")));
    row.address("destination", said(event.data("DestinationIp")));
    row.number("destination.port", event.data("DestinationPort"));
    row.text(
        "destination.domain",
        said(event.data("DestinationHostname")),
    );
    row.text("network.transport", said(event.data("Protocol")));
    let protocol = said(event.data("DestinationPortName")).or(said(event.data("SourcePortName")));
    row.text("network.protocol", protocol);
    match event.data("Initiated") {
        Some("true") => row.set("network.direction", "egress"),
        Some("false") => row.set("network.direction", "ingress"),
        _ => {}
    }
    match event.data("SourceIsIpv6") {
        Some("true") => row.set("network.type", "ipv6"),
        Some("false") => row.set("network.type", "ipv4"),
        _ => {}
    }
}

/// `HKLM\System\…\Name`
fn registry(row: &mut Row<'_>, event: &WindowsEvent) {
    row.add("event.category", "configuration");
    let Some(path) = said(event.data("TargetObject")) else {
        return;
    };
    let details = said(event.data("Details"));
    registry_path(row, path, event.event_id == Some(13));
    if let Some(details) = details {
        registry_data(row, details);
    }
}

/// Sets `registry.*` from a path whose last part is a value's name or belongs to the key.
pub(super) fn registry_path(row: &mut Row<'_>, path: &str, has_value: bool) {
    const HIVES: [(&str, &str); 8] = [
        ("HKEY_CLASSES_ROOT", "HKCR"),
        ("HKEY_CURRENT_CONFIG", "HKCC"),
        ("HKEY_CURRENT_USER", "HKCU"),
        ("HKEY_LOCAL_MACHINE", "HKLM"),
        ("HKEY_USERS", "HKU"),
        ("\\REGISTRY\\MACHINE", "HKLM"),
        ("\\REGISTRY\\USER", "HKU"),
        ("HKEY_DYN_DATA", "HKDD"),
    ];
    row.set("registry.path", path);
    let long = HIVES.iter().find_map(|(long, short)| {
        let rest = path
            .get(..long.len())
            .filter(|start| start.eq_ignore_ascii_case(long));
        rest.map(|_| (*short, &path[long.len()..]))
    });
    let (hive, rest) = match long {
        Some((short, rest)) => (short, rest.trim_start_matches('\\')),
        None => match path.split_once('\\') {
            Some((hive, rest)) if matches!(hive, "HKLM" | "HKU" | "HKCU" | "HKCR" | "HKCC") => {
                (hive, rest)
            }
            _ => return,
        },
    };
    row.set("registry.hive", hive);
    match rest.rsplit_once('\\').filter(|_| has_value) {
        Some((key, value)) => {
            row.text("registry.key", Some(key));
            row.text("registry.value", Some(value));
        }
        None => row.text("registry.key", Some(rest)),
    }
}

/// `DWORD (0x00000001)`, `QWORD (…)`, `Binary Data`, or text.
fn registry_data(row: &mut Row<'_>, details: &str) {
    let word = |kind: &str| {
        details
            .strip_prefix(kind)?
            .strip_prefix(" (0x")?
            .strip_suffix(')')
    };
    let number = |digits: Option<&str>| {
        let number = u64::from_str_radix(&digits?.replace("-0x", ""), 16).ok()?;
        Some(number.to_string())
    };
    let (kind, text) = if let Some(number) = number(word("DWORD")) {
        ("REG_DWORD", number)
    } else if let Some(number) = number(word("QWORD")) {
        ("REG_QWORD", number)
    } else if details == "Binary Data" {
        row.set("registry.data.type", "REG_BINARY");
        return;
    } else {
        ("REG_SZ", details.to_owned())
    };
    row.set("registry.data.type", kind);
    row.set("registry.data.strings", text);
}

/// `type:  5 alias.example.net;::ffff:192.0.2.1;`
fn dns(row: &mut Row<'_>, event: &WindowsEvent) {
    row.set("network.protocol", "dns");
    row.text("dns.question.name", said(event.data("QueryName")));
    row.text("sysmon.dns.status", said(event.data("QueryStatus")));
    let Some(results) = said(event.data("QueryResults")) else {
        return;
    };
    let mut addresses: Vec<Value> = Vec::new();
    let mut data: Vec<Value> = Vec::new();
    for answer in results
        .split(';')
        .map(str::trim)
        .filter(|answer| !answer.is_empty())
        .take(200)
    {
        let answer = match answer.strip_prefix("type:") {
            Some(rest) => rest.split_ascii_whitespace().nth(1).unwrap_or_default(),
            None => answer,
        };
        let bare = answer.strip_prefix("::ffff:").unwrap_or(answer);
        let bare = if bare.parse::<IpAddr>().is_ok() {
            bare
        } else {
            answer
        };
        if bare.is_empty() {
            continue;
        }
        if bare.parse::<IpAddr>().is_ok() {
            addresses.push(bare.into());
        }
        data.push(bare.into());
    }
    for (field, values) in [("dns.resolved_ip", addresses), ("dns.answers.data", data)] {
        if !values.is_empty() {
            row.set(field, Value::List(values.into()));
        }
    }
}

pub(super) fn pid(row: &mut Row<'_>, field: &str, value: Option<&str>) {
    if let Some(number) = value.and_then(integer) {
        row.set(field, number);
    }
}
