//! Lines: a syslog header or none, and what programs write after it.

use std::borrow::Cow;

use super::row::Row;
use super::stamp::Claim;
use super::{Unparsed, document, syslog, windows};
use crate::linux::{audit, audit_join, auth, dns, firewall, web};

/// A message from a syslog connection.
pub(crate) fn syslog(row: &mut Row<'_>, text: &str) -> Result<(), Unparsed> {
    if let Some(message) = syslog::parse(text, row.received, row.zone) {
        syslog::write(row, &message);
        row.claim = message.time.clone();
        content(row, message.app, message.message);
        return Ok(());
    }
    unframed(row, text)
}

/// A line of a log file.
pub(crate) fn bare(row: &mut Row<'_>, text: &str) -> Result<(), Unparsed> {
    syslog(row, text)
}

/// The lines of one audit event.
pub(crate) fn audit(row: &mut Row<'_>, texts: &[Cow<'_, str>]) -> Result<(), Unparsed> {
    let mut heads = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        if at == 0
            && let Some(message) = syslog::parse(text, row.received, row.zone)
        {
            syslog::write(row, &message);
        }
        if let Some((_, head)) = audit_join::line(text, row.received, row.zone) {
            heads.push(head);
        }
    }
    if audit::write(row, &heads) {
        Ok(())
    } else {
        Err("no audit record".into())
    }
}

fn unframed(row: &mut Row<'_>, text: &str) -> Result<(), Unparsed> {
    let text = text.trim();
    if text.is_empty() {
        return Err("empty line".into());
    }
    if known(row, None, text) {
        Ok(())
    } else {
        Err("no known line format".into())
    }
}

/// A line inside a document: `false` and nothing set if it has neither a header nor a known form.
/// The dataset is set only for a known form.
pub(crate) fn shipped(row: &mut Row<'_>, app: Option<&str>, text: &str) -> bool {
    let text = text.trim();
    if let Some((_, head)) = audit_join::line(text, row.received, row.zone) {
        return audit::write(row, &[head]);
    }
    match syslog::parse(text, row.received, row.zone) {
        Some(message) => {
            syslog::write(row, &message);
            row.claim = message.time.clone();
            row.set("message", message.message);
            known(row, message.app, message.message);
            true
        }
        None => known(row, app, text) || tagged(row, text),
    }
}

/// `sshd[4121]: …` without a time in front.
fn tagged(row: &mut Row<'_>, text: &str) -> bool {
    let (Some(app), pid, message) = syslog::tag(text) else {
        return false;
    };
    if !known(row, Some(app), message) {
        return false;
    }
    if !row.has("process.name") {
        row.text("process.name", Some(app));
        row.number("process.pid", pid);
    }
    row.set("message", message);
    true
}

/// Interprets what stands after a syslog header. Nothing is required of it.
pub(crate) fn content(row: &mut Row<'_>, app: Option<&str>, message: &str) {
    row.set("message", message);
    if !known(row, app, message) {
        row.dataset = Some("linux.syslog".to_owned());
    }
}

/// Tries the formats that are recognised by the text itself or by the program's name.
fn known(row: &mut Row<'_>, app: Option<&str>, message: &str) -> bool {
    let body = message.trim_start();
    let cee = body.strip_prefix("@cee:").unwrap_or(body).trim_start();
    let braced = cee.starts_with('{') && cee.trim_end().ends_with('}');
    if braced && embedded(row, |row| document::json(row, cee).is_ok()) {
        row.dataset.get_or_insert_with(|| "linux.syslog".to_owned());
        return true;
    }
    if body.starts_with("<Event") && embedded(row, |row| windows(row, body).is_ok()) {
        return true;
    }
    if body.starts_with("type=") || body.starts_with("node=") {
        return match audit::head(body) {
            Some(head) => audit::write(row, &[head]),
            None => false,
        };
    }
    let program = app.map(|app| app.rsplit('/').next().unwrap_or(app));
    program.is_some_and(|program| of_program(row, program, message))
        || web::access(row, body)
        || (program.is_none() && of_text(row, body))
}

/// Runs a parser that may claim a time of its own; where it does not, the header's claim stays.
fn embedded(row: &mut Row<'_>, parse: impl FnOnce(&mut Row<'_>) -> bool) -> bool {
    let claim = std::mem::take(&mut row.claim);
    let understood = parse(row);
    if row.claim == Claim::None || !understood {
        row.claim = claim;
    }
    understood
}

fn of_program(row: &mut Row<'_>, program: &str, message: &str) -> bool {
    match program {
        "kernel" => firewall::packet(row, message) || audit_of_kernel(row, message),
        "ulogd" => firewall::packet(row, message),
        "dnsmasq" => dns::dnsmasq(row, message),
        "named" => dns::bind(row, message),
        "unbound" => dns::unbound(row, message),
        _ => auth::message(row, program, message),
    }
}

fn audit_of_kernel(row: &mut Row<'_>, message: &str) -> bool {
    audit::head(message).is_some_and(|head| audit::write(row, &[head]))
}

/// Lines without a header whose program shows in the text.
fn of_text(row: &mut Row<'_>, text: &str) -> bool {
    let packet = text.contains(" SRC=") && firewall::packet(row, text);
    packet || (text.contains(": query: ") && dns::bind(row, text))
}
