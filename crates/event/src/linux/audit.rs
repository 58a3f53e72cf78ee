//! Records of the Linux audit system: one line taken apart, and the event of several lines.
//!
//! The names of the fields are described in [`crate::names`].

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;

use super::audit_ecs;
use crate::Value;
use crate::parse::row::Row;
use crate::parse::stamp::Claim;

/// The start of an audit line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Head<'a> {
    /// `node=`, where auditd was told to write it.
    pub(crate) node: Option<&'a str>,
    /// Record type: `SYSCALL`, or a number where the kernel wrote the line itself.
    pub(crate) kind: &'a str,
    /// `1774012931.013:1013`: what the records of one event have in common.
    pub(crate) id: &'a str,
    pub(crate) body: &'a str,
}

/// Finds `[node=… ]type=… [msg=]audit(…):` at the start of `text`, after what the kernel and
/// audisp put there.
pub(crate) fn head(text: &str) -> Option<Head<'_>> {
    let mark = text.find("audit(")?;
    if mark > 400 {
        return None;
    }
    let (id, body) = text[mark + 6..].split_once("):")?;
    let (time, serial) = id.split_once(':')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if id.len() > 48 || !digits(serial) || !time.split('.').all(digits) {
        return None;
    }
    let before = text[..mark].strip_suffix("msg=").unwrap_or(&text[..mark]);
    let (front, kind) = before.rsplit_once("type=")?;
    let kind = kind.trim();
    if kind.is_empty() || kind.contains(' ') {
        return None;
    }
    let node = front
        .rsplit_once("node=")
        .and_then(|(_, node)| node.split_ascii_whitespace().next());
    Some(Head {
        node,
        kind: kind_name(kind),
        id,
        body,
    })
}

impl Head<'_> {
    fn time(&self) -> Option<Timestamp> {
        let (seconds, fraction) = self.id.split_once(':')?.0.split_once('.')?;
        let millis: i64 = fraction.get(..3)?.parse().ok()?;
        Timestamp::from_millisecond(seconds.parse::<i64>().ok()?.checked_mul(1000)? + millis).ok()
    }

    /// Whether no further record of the event follows this one: the end mark, the command line
    /// that the kernel writes last, or a record of a program, which stands alone.
    pub(crate) fn ends_event(&self) -> bool {
        const OF_THE_KERNEL: [&str; 12] = [
            "SYSCALL",
            "EXECVE",
            "CWD",
            "PATH",
            "SOCKADDR",
            "SOCKETCALL",
            "AVC",
            "LOGIN",
            "MMAP",
            "BPRM_FCAPS",
            "SECCOMP",
            "CONFIG_CHANGE",
        ];
        const FAMILIES: [&str; 14] = [
            "IPC",
            "MQ_",
            "FD_PAIR",
            "OBJ_PID",
            "CAPSET",
            "NETFILTER",
            "KERN_MODULE",
            "FANOTIFY",
            "BPF",
            "MAC_",
            "INTEGRITY_",
            "TIME_",
            "URINGOP",
            "OPENAT2",
        ];
        !(OF_THE_KERNEL.contains(&self.kind)
            || FAMILIES.iter().any(|family| self.kind.starts_with(family)))
    }
}

/// The name of a type that the kernel wrote as a number (`linux/audit.h`).
fn kind_name(kind: &str) -> &str {
    match kind {
        "1006" => "LOGIN",
        "1100" => "USER_AUTH",
        "1101" => "USER_ACCT",
        "1103" => "CRED_ACQ",
        "1104" => "CRED_DISP",
        "1105" => "USER_START",
        "1106" => "USER_END",
        "1112" => "USER_LOGIN",
        "1123" => "USER_CMD",
        "1130" => "SERVICE_START",
        "1131" => "SERVICE_STOP",
        "1300" => "SYSCALL",
        "1302" => "PATH",
        "1305" => "CONFIG_CHANGE",
        "1306" => "SOCKADDR",
        "1307" => "CWD",
        "1309" => "EXECVE",
        "1320" => "EOE",
        "1321" => "BPRM_FCAPS",
        "1325" => "NETFILTER_CFG",
        "1326" => "SECCOMP",
        "1327" => "PROCTITLE",
        "1330" => "KERN_MODULE",
        "1334" => "BPF",
        "1400" => "AVC",
        "1701" => "ANOM_ABEND",
        other => other,
    }
}

/// Everything that the records of one event say.
#[derive(Default)]
pub(crate) struct Fields {
    /// Name → values, in order of first appearance.
    list: Vec<(String, Vec<String>)>,
    index: HashMap<String, usize>,
    pub(crate) args: Vec<String>,
    overflow: bool,
}

const FIELDS_MAX: usize = 400;
const VALUES_MAX: usize = 1_000;

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.index.get(name).map_or(&[], |&at| &self.list[at].1)
    }

    fn put(&mut self, name: Cow<'_, str>, value: Cow<'_, str>) {
        if let Some(&at) = self.index.get(name.as_ref()) {
            let values = &mut self.list[at].1;
            if values.len() < VALUES_MAX {
                values.push(value.into_owned());
            } else {
                self.overflow = true;
            }
        } else if self.list.len() < FIELDS_MAX {
            self.index
                .insert(name.clone().into_owned(), self.list.len());
            self.list
                .push((name.into_owned(), vec![value.into_owned()]));
        } else {
            self.overflow = true;
        }
    }
}

/// Writes the event of `lines`, which all have the id of the first; `false` if there is none.
pub(crate) fn write(row: &mut Row<'_>, lines: &[Head<'_>]) -> bool {
    let Some(first) = lines.first() else {
        return false;
    };
    row.dataset = Some("linux.auditd".to_owned());
    row.claim = match first.time() {
        Some(time) => Claim::At(time),
        None => Claim::Unreadable(first.id.to_owned()),
    };
    if let Some(node) = lines.iter().find_map(|line| line.node) {
        row.set("host.name", node);
    }
    let mut fields = Fields::default();
    let execve = lines.iter().any(|line| line.kind == "EXECVE");
    for line in lines {
        collect(&mut fields, line, execve);
    }
    if fields.overflow {
        row.overflow();
    }
    row.text(
        "auditd.id",
        first.id.split_once(':').map(|(_, serial)| serial),
    );
    let kinds: Vec<Value> = lines
        .iter()
        .filter(|line| line.kind != "EOE" || lines.len() == 1)
        .map(|line| Value::from(line.kind))
        .collect();
    row.set("auditd.type", single_or_list(kinds));
    for (name, values) in &fields.list {
        let values = values
            .iter()
            .map(|value| Value::from(value.as_str()))
            .collect();
        row.foreign(&format!("auditd.{name}"), single_or_list(values));
    }
    for (at, argument) in fields.args.iter().enumerate() {
        row.foreign(&format!("auditd.a{at}"), argument.as_str());
    }
    audit_ecs::write(row, lines, &fields);
    true
}

fn single_or_list(mut values: Vec<Value>) -> Value {
    if values.len() == 1 {
        values.swap_remove(0)
    } else {
        Value::List(values.into())
    }
}

fn collect(fields: &mut Fields, line: &Head<'_>, execve: bool) {
    // Enriched logs put the names behind a group separator.
    let (raw, names) = line.body.split_once('\u{1d}').unwrap_or((line.body, ""));
    if line.kind == "EXECVE" {
        arguments(fields, raw);
        return;
    }
    if line.kind == "AVC" {
        selinux(fields, raw);
    }
    pairs(raw, &mut |name, value, quoted| {
        if name == "msg" && quoted {
            pairs(value, &mut |name, value, quoted| {
                record_field(fields, line.kind, name, value, quoted, execve)
            });
        } else {
            record_field(fields, line.kind, name, value, quoted, execve);
        }
    });
    pairs(names, &mut |name, value, _| {
        let kept: Cow<'_, str> = match name {
            "SYSCALL" => name.into(),
            "ARCH" | "SADDR" => return,
            // Column names that differ by case alone are trouble for tables.
            _ => format!("{}_name", name.to_ascii_lowercase()).into(),
        };
        if value != "unset" {
            fields.put(kept, value.into());
        }
    });
    if line.kind == "SYSCALL"
        && fields.get("SYSCALL").is_none()
        && let (Some(arch), Some(number)) = (fields.get("arch"), fields.get("syscall_number"))
        && let Some(name) = super::syscalls::name(arch, number)
    {
        fields.put("SYSCALL".into(), name.into());
    }
}

fn record_field(
    fields: &mut Fields,
    kind: &str,
    name: &str,
    value: &str,
    quoted: bool,
    execve: bool,
) {
    if value.is_empty() || matches!(value, "?" | "(null)") {
        return;
    }
    let name: Cow<'_, str> = match name {
        "syscall" => "syscall_number".into(),
        "a0" | "a1" | "a2" | "a3" if execve && kind == "SYSCALL" => {
            format!("syscall_{name}").into()
        }
        "type" => "record_type".into(),
        _ => name.into(),
    };
    let value: Cow<'_, str> = match decodes(&name) && !quoted {
        true => unhex(value).map_or(value.into(), Cow::Owned),
        false => value.into(),
    };
    match name.as_ref() {
        // The parts of a command line are divided by zero bytes, several keys by ones.
        "proctitle" => {
            let title = value.trim_end_matches('\0').replace('\0', " ");
            fields.put(name, title.into());
        }
        "key" if value.contains('\u{1}') => {
            for key in value.split('\u{1}') {
                fields.put("key".into(), key.into());
            }
        }
        _ => fields.put(name, value),
    }
}

/// Fields whose value the kernel writes in hexadecimal when it holds anything unusual
/// (`audit_log_untrustedstring`).
fn decodes(name: &str) -> bool {
    matches!(
        name,
        "acct"
            | "cmd"
            | "comm"
            | "cwd"
            | "data"
            | "dir"
            | "exe"
            | "file"
            | "grp"
            | "key"
            | "name"
            | "new_name"
            | "ocomm"
            | "old_name"
            | "path"
            | "proctitle"
            | "root_dir"
            | "vm"
            | "watch"
    )
}

fn unhex(text: &str) -> Option<String> {
    if text.len() < 2 || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

/// `argc=3 a0="sh" a1=2D63 a2_len=9000 a2[0]=… a2[1]=…`
fn arguments(fields: &mut Fields, body: &str) {
    pairs(body, &mut |name, value, quoted| {
        if name == "argc" {
            fields.put("argc".into(), value.into());
            return;
        }
        let Some(number) = name.strip_prefix('a') else {
            return;
        };
        // A long argument comes in parts, which may lie in several EXECVE records.
        let (number, part) = match number.split_once('[') {
            Some((number, _)) => (number, true),
            None => (number, false),
        };
        let Ok(number) = number.parse::<usize>() else {
            return;
        };
        let text = match quoted {
            true => Cow::Borrowed(value),
            false => unhex(value).map_or(Cow::Borrowed(value), Cow::Owned),
        };
        let known = fields.args.len();
        if number < known {
            if part {
                fields.args[number].push_str(&text);
            }
        } else if known < VALUES_MAX {
            fields.args.push(text.into_owned());
        } else {
            fields.overflow = true;
        }
    });
}

/// `avc:  denied  { read write } for  pid=…`
fn selinux(fields: &mut Fields, body: &str) {
    let Some((head, rest)) = body.split_once('{') else {
        return;
    };
    let Some(result) = head.split_ascii_whitespace().last() else {
        return;
    };
    if matches!(result, "denied" | "granted") {
        fields.put("seresult".into(), result.into());
        if let Some((permissions, _)) = rest.split_once('}') {
            for permission in permissions.split_ascii_whitespace() {
                fields.put("seperms".into(), permission.into());
            }
        }
    }
}

/// Calls `each` with every `name=value`: the value bare, or without its quotes and `true`.
fn pairs(text: &str, each: &mut dyn FnMut(&str, &str, bool)) {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', ',', '\u{1d}', '\n']);
        let Some(end) = rest.find(['=', ' ']) else {
            return;
        };
        if rest.as_bytes()[end] == b' ' {
            rest = &rest[end..];
            continue;
        }
        let (name, after) = (&rest[..end], &rest[end + 1..]);
        let (value, quoted, after) = match after.as_bytes().first() {
            Some(mark @ (b'"' | b'\'')) => {
                let inner = &after[1..];
                match inner.find(char::from(*mark)) {
                    Some(end) => (&inner[..end], true, &inner[end + 1..]),
                    None => (inner, true, ""),
                }
            }
            Some(b'{') => {
                let end = after.find('}').map_or(after.len(), |end| end + 1);
                (&after[..end], true, &after[end..])
            }
            _ => {
                let end = after.find([' ', '\u{1d}', '\n']).unwrap_or(after.len());
                (&after[..end], false, &after[end..])
            }
        };
        if !name.is_empty() {
            each(name, value, quoted);
        }
        rest = after;
    }
}
