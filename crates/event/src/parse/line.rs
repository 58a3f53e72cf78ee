//! Lines: a syslog header or none, and what programs write after it.

use super::row::Row;
use super::stamp::Claim;
use super::{Unparsed, document, syslog};

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

/// Interprets what stands after a syslog header. Nothing is required of it.
pub(crate) fn content(row: &mut Row<'_>, app: Option<&str>, message: &str) {
    row.set("message", message);
    if !known(row, app, message) {
        row.dataset = Some("linux.syslog".to_owned());
    }
}

/// Tries the formats that are recognised by the text itself or by the program's name.
fn known(row: &mut Row<'_>, _app: Option<&str>, message: &str) -> bool {
    let body = message.trim_start();
    let body = body.strip_prefix("@cee:").unwrap_or(body).trim_start();
    if body.starts_with('{') {
        let claim = std::mem::replace(&mut row.claim, Claim::None);
        if document::json(row, body).is_ok() {
            row.dataset.get_or_insert_with(|| "linux.syslog".to_owned());
            if row.claim == Claim::None {
                row.claim = claim;
            }
            return true;
        }
        row.claim = claim;
    }
    false
}
