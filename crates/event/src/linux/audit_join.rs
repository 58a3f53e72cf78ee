//! Which lines of a run belong to one audit event.
//!
//! Lines with the same audit id, source and host are joined, wherever they stand in the run. At
//! the end of the run an event may still lack lines: it is then left for the next run.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use memchr::memmem;

use super::audit::{self, Head};
use crate::parse::syslog;
use crate::{Format, Record};

/// An event without an end is complete when its last line is this old: auditd writes the lines of
/// an event at once.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// Lines that come later than this after the first do not hold the run up any longer.
const SPREAD_MAX: SignedDuration = SignedDuration::from_secs(5);
/// Lines of one event.
const LINES_MAX: usize = 1_000;

/// An audit event: the positions of its lines in the run, ascending.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) lines: Vec<usize>,
    ended: bool,
}

/// The audit events of a run.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    pub(crate) groups: Vec<Group>,
    /// Position → group; only positions of audit lines.
    pub(crate) group_of: HashMap<usize, usize>,
    /// The run ends here: what follows waits for more lines.
    pub(crate) end: usize,
}

impl Joined {
    /// Last position of the group of `at`, or `at` itself.
    pub(crate) fn last_of(&self, at: usize) -> usize {
        let group = self.group_of.get(&at).map(|&group| &self.groups[group]);
        group
            .and_then(|group| group.lines.last().copied())
            .unwrap_or(at)
    }
}

pub(crate) fn join(
    records: &[(u64, Record<'_>)],
    now: Timestamp,
    zone: &TimeZone,
    full: bool,
) -> Joined {
    let mut joined = Joined {
        end: records.len(),
        ..Joined::default()
    };
    let mut open: HashMap<String, usize> = HashMap::new();
    let finder = memmem::Finder::new("audit(");
    for (at, (_, record)) in records.iter().enumerate() {
        if !may_be_audit(record, &finder) {
            continue;
        }
        let text = String::from_utf8_lossy(record.payload);
        let Some((host, head)) = line(&text, record.received, zone) else {
            continue;
        };
        let host = head.node.or(host).unwrap_or_default();
        let key = format!("{}\0{host}\0{}", record.source, head.id);
        let group = *open.entry(key).or_insert_with(|| {
            joined.groups.push(Group::default());
            joined.groups.len() - 1
        });
        joined.groups[group].lines.push(at);
        joined.groups[group].ended |= head.ends_event();
        joined.group_of.insert(at, group);
        if joined.groups[group].lines.len() >= LINES_MAX {
            open.retain(|_, known| *known != group);
            joined.groups[group].ended = true;
        }
    }
    let waiting = joined
        .groups
        .iter()
        .filter(|group| waits(group, records, now));
    if let Some(first) = waiting
        .filter_map(|group| group.lines.first().copied())
        .min()
    {
        let end = cut(&joined, first);
        if end > 0 || !full {
            joined.end = end;
        }
    }
    joined
}

/// Audit lines come in syslog messages and log files. The text is searched near the start only.
fn may_be_audit(record: &Record<'_>, finder: &memmem::Finder<'_>) -> bool {
    let start = &record.payload[..record.payload.len().min(1_024)];
    matches!(record.format, Format::Syslog | Format::Line) && finder.find(start).is_some()
}

/// The audit line in `text`, bare or in a syslog message, and the host in the syslog header.
pub(crate) fn line<'a>(
    text: &'a str,
    received: Timestamp,
    zone: &TimeZone,
) -> Option<(Option<&'a str>, Head<'a>)> {
    if text.starts_with("type=") || text.starts_with("node=") {
        return Some((None, audit::head(text)?));
    }
    let message = syslog::parse(text, received, zone)?;
    let kernel = matches!(
        message.app,
        None | Some("kernel" | "audispd" | "auditd" | "audit")
    );
    let fits = kernel || message.app.is_some_and(|app| app.starts_with("audisp"));
    let body = message.message.trim_start();
    let near = body.starts_with("type=") || body.starts_with("node=");
    let head = (fits || near)
        .then(|| audit::head(message.message))
        .flatten()?;
    Some((message.host, head))
}

fn waits(group: &Group, records: &[(u64, Record<'_>)], now: Timestamp) -> bool {
    let (Some(&first), Some(&last)) = (group.lines.first(), group.lines.last()) else {
        return false;
    };
    let (first, last) = (records[first].1.received, records[last].1.received);
    // A clock set back must not hold the run up for hours, so the age counts both ways.
    !group.ended
        && now.duration_since(last).abs() < SETTLED_AFTER
        && last.duration_since(first).abs() < SPREAD_MAX
}

/// The latest end at or before `end` that divides no event.
fn cut(joined: &Joined, mut end: usize) -> usize {
    loop {
        let divided = joined.groups.iter().filter_map(|group| {
            let (first, last) = (*group.lines.first()?, *group.lines.last()?);
            (first < end && last >= end).then_some(first)
        });
        match divided.min() {
            Some(first) => end = first,
            None => return end,
        }
    }
}
