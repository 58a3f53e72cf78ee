//! ECS fields of the Security log, as Winlogbeat's module `security` sets them.

use super::ecs::{executable, file, said};
use super::security_actions::ACTIONS;
use super::sysmon::{pid, registry_path};
use super::{WindowsEvent, tidy};
use crate::parse::row::Row;

pub(super) fn write(row: &mut Row<'_>, event: &WindowsEvent) {
    let id = event.event_id.unwrap_or(0);
    row.set("event.module", "security");
    if let Ok(at) = ACTIONS.binary_search_by_key(&id, |(known, ..)| *known) {
        let (_, categories, kinds, action) = ACTIONS[at];
        categories
            .split(' ')
            .for_each(|category| row.add("event.category", category));
        kinds
            .split(' ')
            .for_each(|kind| row.add("event.type", kind));
        row.set("event.action", action);
    }
    users(row, event, id);
    logon(row, event);
    process(row, event, id);
    network(row, event, id);
    object(row, event, id);
    row.text("service.name", said(event.data("ServiceName")));
}

/// SID, name and domain of one side of the event (`Subject`, `Target`) as `<prefix>.*`.
fn user(row: &mut Row<'_>, event: &WindowsEvent, side: &str, prefix: &str) {
    let get = |part: &str| {
        let name = format!("{side}{part}");
        said(event.data(&name).or_else(|| event.user(&name)))
    };
    let sid = get("UserSid").or_else(|| get("Sid"));
    for (value, field) in [
        (get("UserName"), "name"),
        (get("DomainName"), "domain"),
        (sid, "id"),
    ] {
        row.text(&format!("{prefix}.{field}"), value);
    }
}

fn users(row: &mut Row<'_>, event: &WindowsEvent, id: u32) {
    match id {
        // Who signed in or tried to.
        4624 | 4625 | 4634 | 4647 | 4740 | 4768..=4773 | 4776 | 4964 => {
            user(row, event, "Target", "user");
            if id == 4740 {
                row.text("user.target.name", said(event.data("TargetUserName")));
            }
        }
        4778 | 4779 => {
            row.text("user.name", said(event.data("AccountName")));
            row.text("user.domain", said(event.data("AccountDomain")));
        }
        // Who changed the members of a group.
        4728 | 4729 | 4732 | 4733 | 4746 | 4747 | 4751 | 4752 | 4756 | 4757 | 4761 | 4762 => {
            user(row, event, "Subject", "user");
            group(row, event);
            row.text("user.target.id", said(event.data("MemberSid")));
            row.text(
                "user.target.name",
                said(event.data("MemberName")).map(common_name),
            );
        }
        4727
        | 4730
        | 4731
        | 4734
        | 4735
        | 4737
        | 4744
        | 4745
        | 4748..=4750
        | 4753..=4755
        | 4758..=4760
        | 4763
        | 4764
        | 4799 => {
            user(row, event, "Subject", "user");
            group(row, event);
        }
        // Who changed whose account.
        4720..=4726 | 4738 | 4741..=4743 | 4767 | 4781 | 4797 | 4798 => {
            user(row, event, "Subject", "user");
            user(row, event, "Target", "user.target");
            row.text("user.target.name", said(event.data("OldTargetUserName")));
            row.text("user.changes.name", said(event.data("NewTargetUserName")));
        }
        4648 | 4688 => {
            user(row, event, "Subject", "user");
            user(row, event, "Target", "user.effective");
        }
        _ => user(row, event, "Subject", "user"),
    }
}

fn group(row: &mut Row<'_>, event: &WindowsEvent) {
    row.text("group.name", said(event.data("TargetUserName")));
    row.text("group.domain", said(event.data("TargetDomainName")));
    row.text("group.id", said(event.data("TargetSid")));
}

/// `CN=Aigerim Serik,OU=…` → `Aigerim Serik`
fn common_name(name: &str) -> &str {
    let first = name.split(',').next().unwrap_or(name);
    first
        .strip_prefix("CN=")
        .or_else(|| first.strip_prefix("cn="))
        .unwrap_or(name)
}

fn logon(row: &mut Row<'_>, event: &WindowsEvent) {
    let kind = match event.data("LogonType") {
        Some("2") => Some("Interactive"),
        Some("3") => Some("Network"),
        Some("4") => Some("Batch"),
        Some("5") => Some("Service"),
        Some("7") => Some("Unlock"),
        Some("8") => Some("NetworkCleartext"),
        Some("9") => Some("NewCredentials"),
        Some("10") => Some("RemoteInteractive"),
        Some("11") => Some("CachedInteractive"),
        _ => None,
    };
    row.text("winlog.logon.type", kind);
    let id = match event.event_id {
        Some(4624 | 4634 | 4647) => event.data("TargetLogonId"),
        Some(4778 | 4779) => event.data("LogonID"),
        _ => event
            .data("SubjectLogonId")
            .or_else(|| event.user("SubjectLogonId")),
    };
    row.text("winlog.logon.id", said(id));
    if event.event_id == Some(4625) {
        row.text("winlog.logon.failure.status", said(event.data("Status")));
        row.text(
            "winlog.logon.failure.sub_status",
            said(event.data("SubStatus")),
        );
    }
}

fn process(row: &mut Row<'_>, event: &WindowsEvent, id: u32) {
    if id == 4688 {
        pid(row, "process.pid", event.data("NewProcessId"));
        executable(row, "process", event.data("NewProcessName"));
        pid(row, "process.parent.pid", event.data("ProcessId"));
        executable(row, "process.parent", event.data("ParentProcessName"));
        row.text("process.command_line", said(event.data("CommandLine")));
    } else {
        pid(
            row,
            "process.pid",
            event.data("ProcessId").or(event.data("ProcessID")),
        );
        executable(
            row,
            "process",
            event.data("ProcessName").or(event.data("Application")),
        );
        row.text("process.command_line", said(event.data("CommandLine")));
    }
}

fn network(row: &mut Row<'_>, event: &WindowsEvent, id: u32) {
    let first = |names: &[&str]| names.iter().find_map(|name| said(event.data(name)));
    if let Some(address) = first(&["IpAddress", "ClientAddress"]) {
        // The name of a machine stands there at times, `LOCAL` in session events.
        let address = address.trim_start_matches('\\');
        row.address(
            "source",
            said(Some(address)).filter(|address| *address != "LOCAL"),
        );
    }
    match event.data("IpPort") {
        Some("0") => {}
        port => row.number("source.port", said(port)),
    }
    row.text(
        "source.domain",
        first(&["WorkstationName", "Workstation", "ClientName"]),
    );
    if matches!(id, 5152 | 5154..=5159) {
        row.address("source", said(event.data("SourceAddress")));
        row.number("source.port", event.data("SourcePort"));
        row.address("destination", said(event.data("DestAddress")));
        row.number("destination.port", event.data("DestPort"));
        row.text("network.iana_number", said(event.data("Protocol")));
        row.add("event.category", "network");
        row.add(
            "event.type",
            if matches!(id, 5152 | 5155 | 5157 | 5159) {
                "denied"
            } else {
                "allowed"
            },
        );
    }
}

/// The file, registry key or share that was touched.
fn object(row: &mut Row<'_>, event: &WindowsEvent, id: u32) {
    let name = said(event.data("ObjectName"));
    match (id, event.data("ObjectType")) {
        (4657, _) => {
            if let Some(key) = name {
                let path = match said(event.data("ObjectValueName")) {
                    Some(value) => format!("{key}\\{value}"),
                    None => key.to_owned(),
                };
                registry_path(row, &path, event.data("ObjectValueName").is_some());
                row.text(
                    "registry.data.strings",
                    said(event.data("NewValue")).map(tidy).as_deref(),
                );
            }
        }
        (4656 | 4660 | 4663 | 4670, Some("File")) => file(row, name),
        (4656 | 4660 | 4663 | 4670, Some("Key")) => {
            if let Some(key) = name {
                registry_path(row, key, false);
            }
        }
        (5140 | 5145, _) => file(row, event.data("RelativeTargetName")),
        _ => {}
    }
}
