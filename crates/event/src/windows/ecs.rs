//! Writes a [`WindowsEvent`] as ECS.

use super::{WindowsEvent, beat, meta, powershell, security, sysmon};
use crate::parse::row::Row;
use crate::parse::stamp::Claim;

/// Sets every field of the event but those that belong to the record.
pub(crate) fn write(row: &mut Row<'_>, event: &WindowsEvent) {
    write_log(row, event);
    derive(row, event);
}

/// Sets what the log says, without the ECS fields that follow from an event's data.
pub(crate) fn write_log(row: &mut Row<'_>, event: &WindowsEvent) {
    row.claim = match (&event.time, &event.time_unreadable) {
        (Some(time), _) => Claim::At(beat::milliseconds(*time)),
        (None, Some(text)) => Claim::Unreadable(text.clone()),
        (None, None) => Claim::None,
    };
    row.dataset = Some(dataset(event));
    system(row, event);
    let mut name = String::with_capacity(64);
    for (prefix, pairs) in [
        ("winlog.event_data.", &event.event_data),
        ("winlog.user_data.", &event.user_data),
    ] {
        for (key, value) in pairs.iter() {
            name.clear();
            name.push_str(prefix);
            name.push_str(key);
            row.foreign(&name, value);
        }
    }
}

fn derive(row: &mut Row<'_>, event: &WindowsEvent) {
    if event.is_sysmon() {
        sysmon::write(row, event);
    } else if event.is_security() || event.provider.as_deref() == Some("Microsoft-Windows-Eventlog")
    {
        security::write(row, event);
    } else if powershell::is_channel(event) {
        powershell::write(row, event);
    } else {
        row.text("service.name", event.data("ServiceName"));
    }
    if !row.has("event.action") {
        row.text(
            "event.action",
            event.task.as_deref().filter(|task| *task != "None"),
        );
    }
}

fn system(row: &mut Row<'_>, event: &WindowsEvent) {
    row.set("event.kind", "event");
    if let Some(id) = event.event_id {
        let id = id.to_string();
        row.set("event.code", id.as_str());
        row.set("winlog.event_id", id);
    }
    row.text("event.provider", event.provider.as_deref());
    row.text("event.outcome", beat::outcome(event));
    row.text("log.level", event.level.as_deref());
    row.text("message", event.message.as_deref());
    row.text("host.name", event.computer.as_deref());
    row.text("winlog.channel", event.channel.as_deref());
    row.text("winlog.computer_name", event.computer.as_deref());
    row.text("winlog.provider_name", event.provider.as_deref());
    row.text("winlog.provider_guid", event.provider_guid.as_deref());
    row.text("winlog.task", event.task.as_deref());
    row.text("winlog.opcode", event.opcode.as_deref());
    row.text("winlog.activity_id", event.activity_id.as_deref());
    row.text(
        "winlog.related_activity_id",
        event.related_activity_id.as_deref(),
    );
    row.text("winlog.user.identifier", event.user_sid.as_deref());
    row.text("winlog.user_data.xml_name", event.user_data_name.as_deref());
    row.text(
        "winlog.level",
        event.level.as_deref().and_then(meta::level_number),
    );
    for keyword in &event.keywords {
        row.add("winlog.keywords", keyword);
    }
    if !event.keywords.is_empty() {
        row.text(
            "winlog.keywords_mask",
            meta::keyword_mask(&event.keywords).as_deref(),
        );
    }
    for (name, number) in [
        ("winlog.record_id", event.record_id),
        ("winlog.version", event.version),
        ("winlog.process.pid", event.process_id),
        ("winlog.process.thread.id", event.thread_id),
    ] {
        if let Some(number) = number {
            row.set(name, number);
        }
    }
}

/// `windows.` and the channel: short names for the four that matter most, a slug for the rest.
fn dataset(event: &WindowsEvent) -> String {
    if event.is_sysmon() {
        return "windows.sysmon".to_owned();
    }
    if powershell::is_channel(event) {
        return "windows.powershell".to_owned();
    }
    let channel = event
        .channel
        .as_deref()
        .or(event.provider.as_deref())
        .unwrap_or("unknown");
    let short = channel
        .strip_prefix("Microsoft-Windows-")
        .unwrap_or(channel);
    let short = short.strip_suffix("/Operational").unwrap_or(short);
    let mut slug = String::from("windows.");
    for character in short.chars().take(80) {
        match character.to_ascii_lowercase() {
            plain @ ('a'..='z' | '0'..='9') => slug.push(plain),
            _ if !slug.ends_with(['.', '_']) => slug.push('_'),
            _ => {}
        }
    }
    let slug = slug.trim_end_matches('_');
    if slug == "windows." {
        "windows.unknown".to_owned()
    } else {
        slug.to_owned()
    }
}

/// A value that says something: Windows writes `-` for nothing.
pub(super) fn said(value: Option<&str>) -> Option<&str> {
    value.filter(|value| {
        !matches!(
            *value,
            "" | "-" | "{00000000-0000-0000-0000-000000000000}" | "S-1-0-0"
        )
    })
}

/// Last part of a Windows path.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}

/// Sets `<prefix>.executable` and `<prefix>.name` (`prefix` is `process`, `process.parent`).
pub(super) fn executable(row: &mut Row<'_>, prefix: &str, path: Option<&str>) {
    if let Some(path) = said(path) {
        row.set(&format!("{prefix}.executable"), path);
        row.text(&format!("{prefix}.name"), Some(base_name(path)));
    }
}

/// Sets `file.path` and what follows from it.
pub(super) fn file(row: &mut Row<'_>, path: Option<&str>) {
    let Some(path) = said(path) else { return };
    row.set("file.path", path);
    let name = base_name(path);
    row.text("file.name", Some(name));
    if name.len() < path.len() {
        row.text("file.directory", Some(&path[..path.len() - name.len() - 1]));
    }
    row.text(
        "file.extension",
        name.rsplit_once('.').map(|(_, extension)| extension),
    );
}

/// `DOMAIN\name` as `<prefix>.domain` and `<prefix>.name`.
pub(super) fn account(row: &mut Row<'_>, prefix: &str, account: Option<&str>) {
    let Some(account) = said(account) else { return };
    let (domain, name) = match account.split_once('\\') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, account),
    };
    row.text(&format!("{prefix}.domain"), domain);
    row.text(&format!("{prefix}.name"), Some(name));
}
