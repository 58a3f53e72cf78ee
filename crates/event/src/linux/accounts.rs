//! Accounts and groups changed with shadow-utils: useradd, usermod, userdel, groupadd, groupmod,
//! groupdel, gpasswd, passwd, chage, chpasswd.

use crate::parse::row::Row;

/// Whether `program` is one of them.
pub(crate) fn is_program(program: &str) -> bool {
    matches!(
        program,
        "useradd"
            | "usermod"
            | "userdel"
            | "groupadd"
            | "groupmod"
            | "groupdel"
            | "gpasswd"
            | "passwd"
            | "chage"
            | "chpasswd"
            | "newusers"
            | "adduser"
            | "deluser"
            | "chsh"
            | "chfn"
            | "groupmems"
    )
}

/// Sets what the message says; the dataset is the caller's.
pub(crate) fn change(row: &mut Row<'_>, message: &str) {
    row.set("event.kind", "event");
    row.add("event.category", "iam");
    let failed = message.starts_with("failed ") || message.contains("cannot ");
    row.outcome(!failed);
    let changed = created(row, message)
        || member(row, message)
        || removed(row, message)
        || user_changed(row, message)
        || password(row, message);
    if !changed {
        row.add("event.type", "change");
    }
}

fn user(row: &mut Row<'_>, kind: &str, action: &str, name: &str) {
    row.add("event.type", "user");
    row.add("event.type", kind);
    row.set("event.action", action);
    row.text("user.name", Some(name));
    row.text("user.target.name", Some(name));
}

fn group(row: &mut Row<'_>, kind: &str, action: &str, name: Option<&str>) {
    row.add("event.type", "group");
    row.add("event.type", kind);
    row.set("event.action", action);
    row.text("group.name", name);
}

/// `new user: name=a, UID=1001, …`, `new group: name=a, GID=1001`, `group added to …: name=a`.
fn created(row: &mut Row<'_>, message: &str) -> bool {
    let name = super::value(message, "name");
    if message.starts_with("new user:") {
        user(
            row,
            "creation",
            "added-user-account",
            name.unwrap_or_default(),
        );
        row.text("user.id", super::value(message, "UID"));
        row.text("user.target.id", super::value(message, "UID"));
        row.text("group.id", super::value(message, "GID"));
        row.text("system.auth.useradd.home", super::value(message, "home"));
        row.text("system.auth.useradd.shell", super::value(message, "shell"));
    } else if message.starts_with("new group:") || message.starts_with("group added to ") {
        group(row, "creation", "added-group-account", name);
        row.text("group.id", super::value(message, "GID"));
    } else {
        return false;
    }
    true
}

/// `add 'a' to group 'sudo'`, `delete 'a' from group 'sudo'`, `user a added by root to group sudo`.
fn member(row: &mut Row<'_>, message: &str) -> bool {
    let plain = |rest: &str, link: &str| -> Option<(String, String)> {
        let (name, rest) = super::quoted(rest)?;
        let rest = rest.trim_start().strip_prefix(link)?.trim_start();
        let rest = rest
            .strip_prefix("shadow ")
            .unwrap_or(rest)
            .strip_prefix("group ")?;
        Some((name.to_owned(), super::quoted(rest)?.0.to_owned()))
    };
    let by_gpasswd = |verb: &str, link: &str| -> Option<(String, String, String)> {
        let (name, rest) = message.strip_prefix("user ")?.split_once(verb)?;
        let (actor, group) = rest.split_once(link)?;
        Some((name.to_owned(), actor.to_owned(), group.trim().to_owned()))
    };
    let (added, name, actor, of) = if let Some(rest) = message.strip_prefix("add ") {
        let Some((name, of)) = plain(rest, "to") else {
            return false;
        };
        (true, name, None, of)
    } else if let Some(rest) = message.strip_prefix("delete ") {
        let Some((name, of)) = plain(rest, "from") else {
            return false;
        };
        (false, name, None, of)
    } else if let Some((name, actor, of)) = by_gpasswd(" added by ", " to group ") {
        (true, name, Some(actor), of)
    } else if let Some((name, actor, of)) = by_gpasswd(" removed by ", " from group ") {
        (false, name, Some(actor), of)
    } else {
        return false;
    };
    let action = if added {
        "added-member-to-group"
    } else {
        "removed-member-from-group"
    };
    group(row, "change", action, Some(&of));
    row.text("user.target.name", Some(&name));
    row.text("user.name", Some(actor.as_deref().unwrap_or(&name)));
    true
}

/// `delete user 'a'`, `removed group 'a' owned by 'a'`, `group 'a' removed`.
fn removed(row: &mut Row<'_>, message: &str) -> bool {
    if let Some(rest) = message.strip_prefix("delete user ") {
        let name = super::quoted(rest)
            .map(|(name, _)| name)
            .unwrap_or_default();
        user(row, "deletion", "deleted-user-account", name);
        return true;
    }
    let rest = message
        .strip_prefix("removed group ")
        .or_else(|| message.strip_prefix("removed shadow group "))
        .or_else(|| {
            message
                .strip_prefix("group ")
                .filter(|rest| rest.contains(" removed"))
        });
    let Some(rest) = rest else { return false };
    group(
        row,
        "deletion",
        "deleted-group-account",
        super::quoted(rest).map(|(name, _)| name),
    );
    true
}

/// usermod: `change user 'a' password`, `lock user 'a' password`, `change user name 'a' to 'b'`.
fn user_changed(row: &mut Row<'_>, message: &str) -> bool {
    for (start, action) in [
        ("change user name ", "renamed-user-account"),
        ("change user ", "modified-user-account"),
        ("lock user ", "locked-user-account"),
        ("unlock user ", "unlocked-user-account"),
        ("changed password expiry for ", "modified-user-account"),
        ("changed user ", "modified-user-account"),
    ] {
        let Some(rest) = message.strip_prefix(start) else {
            continue;
        };
        let Some((name, rest)) = super::quoted(rest) else {
            return false;
        };
        let changed = match rest.trim() {
            "password" if action == "modified-user-account" => "changed-password",
            _ => action,
        };
        user(row, "change", changed, name);
        if let Some((_, id)) = rest
            .rsplit_once("' to '")
            .filter(|_| rest.contains("UID from"))
        {
            row.text("user.target.id", Some(id.trim_end_matches('\'')));
        }
        return true;
    }
    false
}

/// `password for 'a' changed by 'root'`.
fn password(row: &mut Row<'_>, message: &str) -> bool {
    let Some(rest) = message.strip_prefix("password for ") else {
        return false;
    };
    let Some((name, rest)) = super::quoted(rest) else {
        return false;
    };
    user(row, "change", "changed-password", name);
    if let Some((_, actor)) = rest.split_once(" changed by ") {
        row.text("user.name", super::quoted(actor).map(|(actor, _)| actor));
    }
    true
}
