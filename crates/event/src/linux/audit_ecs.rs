//! ECS fields of an audit event.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::audit::{Fields, Head};
use crate::Value;
use crate::parse::row::Row;

pub(crate) fn write(row: &mut Row<'_>, lines: &[Head<'_>], fields: &Fields) {
    let kinds: Vec<&str> = lines.iter().map(|line| line.kind).collect();
    let call = fields.get("SYSCALL");
    process(row, fields);
    user(row, fields);
    action(row, &kinds, call);
    outcome(row, fields);
    if let Some(address) = fields.get("addr") {
        row.address("source", Some(address));
    }
    if let Some(saddr) = fields.get("saddr") {
        socket(row, saddr, call);
    }
    let exec = kinds.contains(&"EXECVE");
    if !exec && kinds.contains(&"PATH") {
        file(row, fields);
    }
}

fn process(row: &mut Row<'_>, fields: &Fields) {
    row.number("process.pid", fields.get("pid"));
    row.number("process.parent.pid", fields.get("ppid"));
    let exe = fields.get("exe");
    row.text("process.executable", exe);
    let name = exe
        .and_then(|exe| exe.rsplit('/').next())
        .filter(|name| !name.is_empty());
    row.text("process.name", name.or(fields.get("comm")));
    row.text("process.working_directory", fields.get("cwd"));
    row.text("process.title", fields.get("proctitle"));
    if !fields.args.is_empty() {
        let args: Vec<Value> = fields
            .args
            .iter()
            .map(|arg| Value::from(arg.as_str()))
            .collect();
        row.set("process.args_count", args.len() as i64);
        row.set("process.args", Value::List(args.into()));
        row.set("process.command_line", fields.args.join(" "));
    } else {
        row.text(
            "process.command_line",
            fields.get("cmd").or(fields.get("proctitle")),
        );
    }
}

fn user(row: &mut Row<'_>, fields: &Fields) {
    let id = |name: &str| {
        fields
            .get(name)
            .filter(|id| *id != "4294967295" && *id != "-1")
    };
    row.text("user.id", id("uid"));
    row.text("user.effective.id", id("euid"));
    row.text("user.audit.id", id("auid"));
    row.text("group.id", id("gid"));
    row.text("user.effective.name", fields.get("euid_name"));
    row.text("user.audit.name", fields.get("auid_name"));
    // A record of a program is about the account, not about the daemon that wrote it.
    row.text("user.name", fields.get("acct").or(fields.get("uid_name")));
}

fn action(row: &mut Row<'_>, kinds: &[&str], call: Option<&str>) {
    let kind = kinds
        .iter()
        .copied()
        .find(|kind| *kind != "EOE")
        .unwrap_or("EOE");
    let (category, type_, action): (&str, &str, Option<&str>) = match kind {
        _ if kinds.contains(&"EXECVE") || matches!(call, Some("execve" | "execveat")) => {
            ("process", "start", Some("executed"))
        }
        "USER_LOGIN" | "USER_AUTH" | "USER_ERR" | "USER_ACCT" | "LOGIN" | "CRED_ACQ"
        | "CRED_REFR" => ("authentication", "start", None),
        "USER_LOGOUT" | "CRED_DISP" => ("authentication", "end", None),
        "USER_START" => ("session", "start", None),
        "USER_END" => ("session", "end", None),
        "USER_CMD" | "SERVICE_START" | "DAEMON_START" | "SYSTEM_BOOT" => ("process", "start", None),
        "SERVICE_STOP" | "DAEMON_END" | "SYSTEM_SHUTDOWN" | "ANOM_ABEND" => {
            ("process", "end", None)
        }
        "ADD_USER" | "ADD_GROUP" => ("iam", "creation", None),
        "DEL_USER" | "DEL_GROUP" => ("iam", "deletion", None),
        "USER_MGMT" | "USER_CHAUTHTOK" | "GRP_MGMT" | "GRP_CHAUTHTOK" | "ACCT_LOCK"
        | "ACCT_UNLOCK" => ("iam", "change", None),
        "CONFIG_CHANGE" | "DAEMON_CONFIG" | "MAC_STATUS" | "MAC_POLICY_LOAD" | "NETFILTER_CFG" => {
            ("configuration", "change", None)
        }
        "KERN_MODULE" => ("driver", "start", Some("loaded-kernel-module")),
        _ => match call {
            Some("connect" | "sendto" | "sendmsg") => ("network", "connection", call),
            Some("accept" | "accept4" | "bind" | "listen") => ("network", "start", call),
            Some("unlink" | "unlinkat" | "rmdir") => ("file", "deletion", call),
            Some("init_module" | "finit_module" | "delete_module") => ("driver", "change", call),
            Some("ptrace" | "kill" | "tkill" | "tgkill") => ("process", "access", call),
            _ if kinds.contains(&"PATH") => ("file", "change", call),
            _ => ("process", "info", call),
        },
    };
    let lower = kind.to_ascii_lowercase().replace('_', "-");
    row.category(category, type_, action.unwrap_or(&lower));
}

fn outcome(row: &mut Row<'_>, fields: &Fields) {
    match fields.get("success").or(fields.get("res")) {
        Some("yes" | "success" | "1") => row.outcome(true),
        Some("no" | "failed" | "0") => row.outcome(false),
        _ => {}
    }
}

/// The file that the call was about: the last `PATH` that is not the folder around it.
fn file(row: &mut Row<'_>, fields: &Fields) {
    let kinds = fields.all("nametype");
    let names = fields.all("name");
    let about = if kinds.len() == names.len() {
        kinds.iter().rposition(|kind| kind != "PARENT")
    } else {
        names.len().checked_sub(1)
    };
    let Some(path) = about.and_then(|at| names.get(at)) else {
        return;
    };
    let whole = match fields.get("cwd") {
        Some(folder) if !path.starts_with('/') => {
            format!(
                "{}/{}",
                folder.trim_end_matches('/'),
                path.trim_start_matches("./")
            )
        }
        _ => path.clone(),
    };
    row.text("file.name", whole.rsplit('/').next());
    row.set("file.path", whole);
    if let Some(kind) = about.and_then(|at| kinds.get(at)) {
        match kind.as_str() {
            "CREATE" => row.add("event.type", "creation"),
            "DELETE" => row.add("event.type", "deletion"),
            _ => {}
        }
    }
}

/// The address in a `sockaddr`, written in hexadecimal: family, port, address.
fn socket(row: &mut Row<'_>, saddr: &str, call: Option<&str>) {
    let bytes: Vec<u8> = saddr
        .as_bytes()
        .chunks_exact(2)
        .take(28)
        .map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let (port, address) = match bytes.as_slice() {
        [2, 0, high, low, a, b, c, d, ..] => (
            u16::from_be_bytes([*high, *low]),
            Ipv4Addr::new(*a, *b, *c, *d).to_string(),
        ),
        [10, 0, high, low, _, _, _, _, rest @ ..] => {
            let Some(octets) = rest.first_chunk::<16>() else {
                return;
            };
            let address = Ipv6Addr::from(*octets);
            (
                u16::from_be_bytes([*high, *low]),
                address.to_canonical().to_string(),
            )
        }
        _ => return,
    };
    let side = match call {
        Some("accept" | "accept4" | "recvfrom" | "recvmsg") => "source",
        Some("bind" | "listen") => "server",
        _ => "destination",
    };
    row.address(side, Some(&address));
    row.set(&format!("{side}.port"), i64::from(port));
}
