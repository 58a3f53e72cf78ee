//! ECS fields of PowerShell's two logs, as Winlogbeat's module `powershell` names them.

use super::WindowsEvent;
use super::ecs::{file, said};
use crate::parse::row::Row;

pub(super) fn is_channel(event: &WindowsEvent) -> bool {
    let channel = event.channel.as_deref().unwrap_or_default();
    matches!(
        channel,
        "Microsoft-Windows-PowerShell/Operational"
            | "Windows PowerShell"
            | "PowerShellCore/Operational"
    )
}

pub(super) fn write(row: &mut Row<'_>, event: &WindowsEvent) {
    row.set("event.module", "powershell");
    let (kind, action) = match event.event_id {
        Some(400) => ("start", Some("engine-started")),
        Some(403) => ("end", Some("engine-stopped")),
        Some(600) => ("info", Some("provider-started")),
        Some(800 | 4103) => ("info", Some("pipeline-executed")),
        Some(4104) => ("info", Some("script-block-logged")),
        Some(4105) => ("start", Some("script-block-started")),
        Some(4106) => ("end", Some("script-block-stopped")),
        _ => ("info", None),
    };
    row.add("event.category", "process");
    row.add("event.type", kind);
    row.text("event.action", action);
    row.text("user.id", event.user_sid.as_deref());
    row.text(
        "powershell.file.script_block_text",
        event.data("ScriptBlockText"),
    );
    row.text(
        "powershell.file.script_block_id",
        said(event.data("ScriptBlockId")),
    );
    row.number("powershell.sequence", event.data("MessageNumber"));
    row.number("powershell.total", event.data("MessageTotal"));
    file(row, event.data("Path"));
    // The classic log holds its details in unnamed values of several lines: `\tName=value`.
    for text in ["param3", "ContextInfo"]
        .iter()
        .filter_map(|name| event.data(name))
    {
        for line in text.lines() {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let value = value.trim();
            match name.trim() {
                "HostApplication" | "Host Application" => {
                    row.text("process.command_line", Some(value));
                }
                "EngineVersion" | "Engine Version" => {
                    row.text("powershell.engine.version", Some(value))
                }
                "RunspaceId" => row.text("powershell.runspace_id", Some(value)),
                "CommandLine" => row.text("powershell.command.value", Some(value)),
                "CommandName" | "Command Name" => row.text("powershell.command.name", Some(value)),
                "ScriptName" | "Script Name" => file(row, Some(value)),
                "UserId" | "User" => super::ecs::account(row, "user", Some(value)),
                _ => {}
            }
        }
    }
}
