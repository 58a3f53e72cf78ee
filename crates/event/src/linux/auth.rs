//! Sign-in on Linux: sshd, sudo, su, PAM, cron, logind.
//!
//! Besides ECS, details have the names that Filebeat's `system.auth` gives them.

use super::accounts;
use crate::parse::row::Row;

/// Reads the message of an authentication program; `false` if `program` is none.
pub(crate) fn message(row: &mut Row<'_>, program: &str, message: &str) -> bool {
    let message = message.trim();
    match program {
        "sshd" | "sshd-session" | "sshd-auth" => sshd(row, message),
        "sudo" => sudo(row, message),
        "su" | "runuser" => su(row, message),
        "login" | "gdm-password" | "polkitd" | "pkexec" | "systemd-logind" | "vsftpd" => {
            other(row, message);
        }
        "cron" | "crond" | "CRON" | "CROND" => {
            if !cron(row, message) {
                other(row, message);
            }
        }
        _ if accounts::is_program(program) => {
            if !pam(row, message) {
                accounts::change(row, message);
            }
        }
        _ if message.starts_with("pam_") => other(row, message),
        _ => return false,
    }
    row.dataset.get_or_insert_with(|| "linux.auth".to_owned());
    true
}

fn other(row: &mut Row<'_>, message: &str) {
    if pam(row, message) {
        return;
    }
    if let Some(rest) = message.strip_prefix("New session ") {
        row.category("authentication", "start", "session-opened");
        let name = rest
            .rsplit_once(" of user ")
            .map(|(_, name)| name.trim_end_matches('.'));
        row.text("user.name", name);
    }
}

/// One kind of line that sshd writes: how it starts, then user and address.
struct Kind {
    start: &'static str,
    /// `None`: neither a success nor a failure to sign in.
    success: Option<bool>,
    event: &'static str,
    action: &'static str,
}

const KINDS: [Kind; 12] = [
    Kind {
        start: "Accepted ",
        success: Some(true),
        event: "Accepted",
        action: "ssh_login",
    },
    Kind {
        start: "Failed ",
        success: Some(false),
        event: "Failed",
        action: "ssh_login",
    },
    Kind {
        start: "Invalid user ",
        success: Some(false),
        event: "Invalid",
        action: "ssh_login",
    },
    Kind {
        start: "Illegal user ",
        success: Some(false),
        event: "Invalid",
        action: "ssh_login",
    },
    Kind {
        start: "maximum authentication attempts exceeded for ",
        success: Some(false),
        event: "Exceeded",
        action: "ssh_attempts_exceeded",
    },
    Kind {
        start: "User ",
        success: Some(false),
        event: "NotAllowed",
        action: "ssh_login",
    },
    Kind {
        start: "ROOT LOGIN REFUSED ",
        success: Some(false),
        event: "Refused",
        action: "ssh_login",
    },
    Kind {
        start: "Disconnected from ",
        success: None,
        event: "Disconnected",
        action: "ssh_disconnected",
    },
    Kind {
        start: "Received disconnect from ",
        success: None,
        event: "Disconnected",
        action: "ssh_disconnected",
    },
    Kind {
        start: "Connection closed by ",
        success: None,
        event: "Closed",
        action: "ssh_disconnected",
    },
    Kind {
        start: "Connection reset by ",
        success: None,
        event: "Closed",
        action: "ssh_disconnected",
    },
    Kind {
        start: "Connection from ",
        success: None,
        event: "Connection",
        action: "ssh_connected",
    },
];

fn sshd(row: &mut Row<'_>, message: &str) {
    if pam(row, message) {
        return;
    }
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let message = message.strip_prefix("fatal: ").unwrap_or(message);
    let Some((kind, rest)) = KINDS
        .iter()
        .find_map(|kind| Some((kind, message.strip_prefix(kind.start)?)))
    else {
        if let Some((_, peer)) = message.rsplit_once(" from ") {
            ssh_peer(row, peer);
        }
        return;
    };
    row.set("event.kind", "event");
    row.add(
        "event.category",
        if kind.success.is_some() {
            "authentication"
        } else {
            "network"
        },
    );
    row.add("event.category", "session");
    row.add(
        "event.type",
        if kind.action == "ssh_disconnected" {
            "end"
        } else {
            "start"
        },
    );
    row.set("event.action", kind.action);
    row.set("system.auth.ssh.event", kind.event);
    match kind.event {
        "Accepted" | "Failed" => {
            let Some((method, rest)) = rest.split_once(" for ") else {
                return;
            };
            row.text("system.auth.ssh.method", Some(method));
            user_from(row, rest);
            signature(row, rest);
        }
        "Invalid" | "Exceeded" => user_from(row, rest),
        "Refused" => {
            row.set("user.name", "root");
            ssh_peer(row, rest.strip_prefix("FROM ").unwrap_or(rest));
        }
        "NotAllowed" => {
            let Some((head, reason)) = rest.split_once(" not allowed because ") else {
                return;
            };
            user_from(row, head);
            row.text("event.reason", Some(reason));
        }
        _ => {
            let after = ["invalid user ", "authenticating user ", "user "]
                .iter()
                .find_map(|start| rest.strip_prefix(start));
            // `<name> <address> port <port>`; a name may hold spaces.
            let peer = match after.and_then(|after| after.rsplit_once(" port ")) {
                Some((head, port)) => {
                    let (name, address) = head.rsplit_once(' ').unwrap_or(("", head));
                    row.text("user.name", Some(name));
                    row.address("source", Some(address));
                    row.number("source.port", port.split([' ', ':']).next());
                    None
                }
                None => Some(rest),
            };
            if let Some(peer) = peer {
                ssh_peer(row, peer);
            }
        }
    }
    if let Some(success) = kind.success {
        row.outcome(success);
    }
}

/// `[invalid user ]<name> from <address> port <port> …`. A name may contain ` from `, so the last
/// one counts.
fn user_from(row: &mut Row<'_>, text: &str) {
    // `Invalid user  from 192.0.2.7`: the name is empty.
    let Some((name, peer)) = text.rsplit_once("from ") else {
        return;
    };
    let name = match name
        .strip_prefix("invalid user ")
        .or_else(|| name.strip_prefix("illegal user "))
    {
        Some(name) => {
            row.set("system.auth.ssh.invalid_user", true);
            name
        }
        None => name,
    };
    row.text("user.name", Some(name.trim()));
    ssh_peer(row, peer);
}

/// `<address> port <port> …`
fn ssh_peer(row: &mut Row<'_>, text: &str) {
    let mut words = text.split([' ', ':']).filter(|word| !word.is_empty());
    // An IPv6 address holds colons: take it whole.
    let address = text
        .split(' ')
        .next()
        .unwrap_or_default()
        .trim_end_matches(':');
    if address.parse::<std::net::IpAddr>().is_err() {
        return;
    }
    row.address("source", Some(address));
    if words.any(|word| word == "port") {
        row.number("source.port", words.next());
    }
}

/// `… ssh2: ED25519 SHA256:…`
fn signature(row: &mut Row<'_>, text: &str) {
    if let Some((_, key)) = text.split_once(" ssh2: ") {
        row.text("system.auth.ssh.signature", Some(key));
    }
}

/// `oper : [reason ; ]TTY=pts/0 ; PWD=/home/oper ; USER=root ; COMMAND=/usr/bin/id`
fn sudo(row: &mut Row<'_>, message: &str) {
    if pam(row, message) {
        return;
    }
    let Some((name, rest)) = message.split_once(" : ") else {
        return;
    };
    let (head, command) = match rest.split_once("COMMAND=") {
        Some((head, command)) => (head, Some(command)),
        None => (rest, None),
    };
    row.category("process", "start", "sudo");
    row.text("user.name", Some(name.trim()));
    let mut reason = None;
    for part in head
        .split(" ; ")
        .map(|part| part.trim().trim_end_matches(';').trim())
    {
        match part.split_once('=') {
            Some(("TTY", tty)) => row.text("system.auth.sudo.tty", Some(tty)),
            Some(("PWD", folder)) => {
                row.text("system.auth.sudo.pwd", Some(folder));
                row.text("process.working_directory", Some(folder));
            }
            Some(("USER", target)) => {
                row.text("system.auth.sudo.user", Some(target));
                row.text("user.effective.name", Some(target));
            }
            Some(("GROUP", group)) => row.text("system.auth.sudo.group", Some(group)),
            Some(("ENV", environment)) => row.text("system.auth.sudo.env", Some(environment)),
            _ if !part.is_empty() && reason.is_none() => reason = Some(part),
            _ => {}
        }
    }
    row.text("system.auth.sudo.error", reason);
    row.outcome(reason.is_none());
    if let Some(command) = command {
        row.text("system.auth.sudo.command", Some(command));
        row.text("process.command_line", Some(command));
        row.text("process.executable", command.split(' ').next());
    }
}

/// The lines of util-linux, shadow and BSD su.
fn su(row: &mut Row<'_>, message: &str) {
    if pam(row, message) {
        return;
    }
    let lower = message.to_ascii_lowercase();
    let success = !lower.starts_with("failed ") && !message.starts_with("- ");
    let pair = if let Some((_, rest)) = message.split_once("(to ") {
        // `FAILED SU (to root) oper on pts/0`
        rest.split_once(") ")
            .map(|(to, rest)| (rest.split(' ').next().unwrap_or_default(), to))
    } else if let Some((_, rest)) = message.split_once("su for ") {
        // `Successful su for root by oper`
        rest.split_once(" by ").map(|(to, from)| (from, to))
    } else if message.starts_with("+ ") || message.starts_with("- ") {
        // `+ /dev/pts/0 oper:root`
        message
            .rsplit(' ')
            .next()
            .and_then(|pair| pair.split_once(':'))
    } else {
        None
    };
    let Some((from, to)) = pair else { return };
    row.category("authentication", "start", "su");
    row.text("user.name", Some(from));
    row.text("user.effective.name", Some(to));
    row.outcome(success);
}

/// `pam_unix(sshd:auth): authentication failure; … rhost=… user=…` and sessions.
fn pam(row: &mut Row<'_>, message: &str) -> bool {
    let Some(rest) = message.strip_prefix("pam_") else {
        return false;
    };
    let Some((service, text)) = rest.split_once("): ") else {
        return false;
    };
    if let Some((module, service)) = service.split_once('(') {
        row.set("system.auth.pam.module", format!("pam_{module}"));
        row.set("system.auth.pam.service", service);
    }
    if let Some(rest) = text.strip_prefix("session opened for user ") {
        row.category("session", "start", "session-opened");
        pam_user(row, rest);
        row.outcome(true);
    } else if let Some(rest) = text.strip_prefix("session closed for user ") {
        row.category("session", "end", "session-closed");
        pam_user(row, rest);
    } else if text.starts_with("authentication failure")
        || text.contains("more authentication failure")
    {
        row.category("authentication", "start", "authentication-failure");
        row.text("user.name", super::value(text, "user"));
        row.address("source", super::value(text, "rhost"));
        row.outcome(false);
    } else if let Some(name) = text.strip_prefix("password changed for ") {
        row.category("iam", "user", "changed-password");
        row.add("event.type", "change");
        row.text("user.name", Some(name));
        row.text("user.target.name", Some(name));
        row.outcome(true);
    }
    true
}

/// `oper(uid=1000) by (uid=0)` or `oper by root(uid=0)`
fn pam_user(row: &mut Row<'_>, text: &str) {
    let who = text.split(" by ").next().unwrap_or_default();
    let (name, id) = match who.split_once("(uid=") {
        Some((name, id)) => (name, id.strip_suffix(')')),
        None => (who, None),
    };
    row.text("user.name", Some(name.trim()));
    row.text("user.id", id);
}

/// `(root) CMD (/usr/sbin/logrotate)`
fn cron(row: &mut Row<'_>, message: &str) -> bool {
    let parts = message
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(") CMD ("));
    let Some((name, command)) = parts else {
        return false;
    };
    row.category("process", "start", "cron-command");
    row.text("user.name", Some(name));
    row.text(
        "process.command_line",
        Some(command.strip_suffix(')').unwrap_or(command).trim()),
    );
    row.dataset = Some("linux.syslog".to_owned());
    true
}
