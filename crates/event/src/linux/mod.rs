//! What Linux programs write to syslog.

pub(crate) mod accounts;
pub(crate) mod audit;
mod audit_ecs;
pub(crate) mod audit_join;
pub(crate) mod auth;
pub(crate) mod dns;
pub(crate) mod firewall;
mod syscalls;
pub(crate) mod web;

/// `'name'` or `name` at the start, and the rest.
fn quoted(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix(['\'', '"']) {
        Some(inner) => {
            let end = inner.find(['\'', '"'])?;
            Some((&inner[..end], &inner[end + 1..]))
        }
        None => Some(text.split_once(' ').unwrap_or((text, ""))),
    }
}

/// The value after `key=` up to a space, comma or semicolon.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(at) = text[from..].find(key) {
        let (start, end) = (from + at, from + at + key.len());
        let begins = start == 0 || matches!(text.as_bytes()[start - 1], b' ' | b',' | b';' | b'\t');
        if begins && let Some(value) = text[end..].strip_prefix('=') {
            let stop = value.find([' ', ',', ';']).unwrap_or(value.len());
            return Some(&value[..stop]);
        }
        from = end;
    }
    None
}
