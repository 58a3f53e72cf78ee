//! The syslog header: RFC 5424, RFC 3164 and what passes for it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::row::Row;
use super::stamp::{self, Claim};

/// A syslog message, its header taken apart.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Message<'a> {
    /// Facility × 8 + severity, 0 to 191.
    pub(crate) priority: Option<u8>,
    pub(crate) version: Option<u16>,
    pub(crate) time: Claim,
    pub(crate) host: Option<&'a str>,
    pub(crate) app: Option<&'a str>,
    pub(crate) procid: Option<&'a str>,
    pub(crate) msgid: Option<&'a str>,
    /// (id, parameter, value) of RFC 5424 section 6.3.
    pub(crate) data: Vec<(&'a str, &'a str, String)>,
    /// The frame broke its RFC and was read as far as possible.
    pub(crate) dirty: bool,
    pub(crate) message: &'a str,
}

/// Parameters of structured data that one message may have.
const PARAMETERS_MAX: usize = 500;

/// Reads the header. `None` if there is neither a priority nor a time at the start.
pub(crate) fn parse<'a>(
    text: &'a str,
    received: Timestamp,
    zone: &TimeZone,
) -> Option<Message<'a>> {
    let text = text
        .trim_start_matches('\u{feff}')
        .trim_end_matches(['\n', '\r', '\0']);
    let (priority, rest, dirty) = match priority(text) {
        Some((priority, rest)) => (Some(priority), rest, false),
        None => match broken_priority(text) {
            Some(rest) => (None, rest, true),
            None => (None, text, false),
        },
    };
    if priority.is_some()
        && let Some(message) = rfc5424(rest, zone)
    {
        return Some(Message {
            priority,
            ..message
        });
    }
    match rfc3164(rest, received, zone) {
        Some(message) => Some(Message {
            priority,
            dirty,
            ..message
        }),
        // RFC 3164 section 4.3.3: a priority and nothing else known.
        None if priority.is_some() => {
            let (app, procid, message) = tag(rest.trim_start());
            Some(Message {
                priority,
                app,
                procid,
                message,
                ..Message::default()
            })
        }
        None => None,
    }
}

fn priority(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let plain = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let priority = plain.then(|| digits.parse::<u8>().ok()).flatten()?;
    (priority <= 191).then_some((priority, rest))
}

/// What follows `<…>` with a number that is no priority.
fn broken_priority(text: &str) -> Option<&str> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    (digits.len() <= 10 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(rest)
}

fn rfc5424<'a>(text: &'a str, zone: &TimeZone) -> Option<Message<'a>> {
    let (version, rest) = text.split_once(' ')?;
    if version.len() > 2 || version.starts_with('0') {
        return None;
    }
    let version: u16 = version.parse().ok()?;
    let (time, rest) = word(rest);
    let (host, rest) = word(rest);
    let (app, rest) = word(rest);
    let (procid, rest) = word(rest);
    let (msgid, rest) = word(rest);
    let mut message = Message {
        version: Some(version),
        time: match time {
            None => Claim::None,
            Some(time) => match stamp::iso(time, zone) {
                Some(at) => Claim::At(at),
                None => Claim::Unreadable(time.to_owned()),
            },
        },
        host,
        app,
        procid,
        msgid,
        ..Message::default()
    };
    // `<34>1 user logged in` is RFC 3164 without a time, not RFC 5424.
    if matches!(message.time, Claim::Unreadable(_)) && !rest.starts_with(['[', '-']) {
        return None;
    }
    let rest = match structured_data(rest, &mut message.data) {
        Some(rest) => rest,
        None => {
            message.dirty = true;
            message.data.clear();
            rest
        }
    };
    message.dirty |= matches!(message.time, Claim::Unreadable(_));
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    message.message = rest.strip_prefix('\u{feff}').unwrap_or(rest);
    Some(message)
}

/// One header field and the rest; `-` is the nil value.
fn word(text: &str) -> (Option<&str>, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (
        Some(word).filter(|word| *word != "-" && !word.is_empty()),
        rest,
    )
}

/// Reads `[id name="value" …]…` or `-`; `None` if it is broken.
fn structured_data<'a>(
    text: &'a str,
    out: &mut Vec<(&'a str, &'a str, String)>,
) -> Option<&'a str> {
    if let Some(rest) = text.strip_prefix('-') {
        return (rest.is_empty() || rest.starts_with(' ')).then_some(rest);
    }
    if text.is_empty() {
        return Some(text);
    }
    let mut rest = text;
    while let Some(element) = rest.strip_prefix('[') {
        let end = element.find([' ', ']'])?;
        let id = &element[..end];
        if id.is_empty() || id.contains(['=', '"']) {
            return None;
        }
        rest = &element[end..];
        loop {
            rest = rest.trim_start_matches(' ');
            if let Some(after) = rest.strip_prefix(']') {
                rest = after;
                break;
            }
            let (name, quoted) = rest.split_once("=\"")?;
            if name.is_empty() || name.contains([' ', ']', '"']) || out.len() >= PARAMETERS_MAX {
                return None;
            }
            let (value, after) = quoted_value(quoted)?;
            out.push((id, name, value));
            rest = after;
        }
    }
    (rest.len() < text.len() && (rest.is_empty() || rest.starts_with(' '))).then_some(rest)
}

/// The text up to the closing quote, `\"`, `\\` and `\]` unescaped, and what follows the quote.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut from = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                value.push_str(&text[from..at]);
                return Some((value, &text[at + 1..]));
            }
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\' | b']')) => {
                value.push_str(&text[from..at]);
                from = at + 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    None
}

fn rfc3164<'a>(text: &'a str, received: Timestamp, zone: &TimeZone) -> Option<Message<'a>> {
    let mut cisco_host = None;
    let (time, rest) = leading_time(text, received, zone).or_else(|| {
        // Cisco: `<189>123: sw-1: *Mar  5 12:00:00.123: %SYS-5-CONFIG_I: …`
        let (sequence, rest) = text.trim_start().split_once(": ")?;
        if sequence.is_empty() || !sequence.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        leading_time(rest, received, zone).or_else(|| {
            let (host, rest) = rest.split_once(": ").filter(|(host, _)| is_host(host))?;
            cisco_host = Some(host);
            leading_time(rest, received, zone)
        })
    })?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let (host, rest) = match rest.split_once(' ') {
        Some((host, after)) if is_host(host) => (Some(host), after),
        _ => (None, rest),
    };
    let (app, procid, message) = tag(rest);
    Some(Message {
        time: Claim::At(time),
        host: host.or(cisco_host),
        app,
        procid,
        message,
        ..Message::default()
    })
}

/// A tag ends in `:` or carries `[pid]`; a host name does neither.
fn is_host(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 255
        && !word.ends_with(':')
        && !word.contains('[')
        && !word.starts_with(['%', '{', '<', '"'])
        && !word.contains('=')
}

/// `Mmm dd hh:mm:ss`, with what is added to it in the field (`*` before, a year, a fraction, a
/// zone), or an ISO time; and the text after it.
fn leading_time<'a>(
    text: &'a str,
    received: Timestamp,
    zone: &TimeZone,
) -> Option<(Timestamp, &'a str)> {
    let text = text.trim_start_matches([' ', '*', '.']);
    if text.as_bytes().first()?.is_ascii_digit() {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        let stamp = first.trim_end_matches(':');
        if stamp.contains('T') {
            return Some((stamp::iso(stamp, zone)?, rest));
        }
        let (second, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let clock = stamp::clock(second.trim_end_matches(':'))?;
        let date: jiff::civil::Date = stamp.parse().ok()?;
        return Some((stamp::in_zone(date.to_datetime(clock), zone)?, after));
    }
    let (name, rest) = text.split_once(' ')?;
    let month = (name.len() == 3).then(|| stamp::month(name)).flatten()?;
    let (day, rest) = rest.trim_start().split_once(' ')?;
    let day: i8 = (day.len() <= 2).then(|| day.parse().ok()).flatten()?;
    let (mut next, mut rest) = rest
        .trim_start()
        .split_once(' ')
        .unwrap_or((rest.trim_start(), ""));
    let mut year = None;
    if next.len() == 4 && next.bytes().all(|byte| byte.is_ascii_digit()) {
        year = next.parse::<i16>().ok();
        (next, rest) = rest
            .trim_start()
            .split_once(' ')
            .unwrap_or((rest.trim_start(), ""));
    }
    let clock = stamp::clock(next.trim_end_matches(':'))?;
    // `Mar 20 18:02:11 2026 host …`, as `ctime` writes it.
    if year.is_none()
        && !next.ends_with(':')
        && let Some((word, after)) = rest.split_once(' ')
        && word.len() == 4
        && let Ok(number @ 1970..=2100) = word.parse::<i16>()
    {
        (year, rest) = (Some(number), after);
    }
    let mut zone = zone.clone();
    if !next.ends_with(':')
        && let Some((name, after)) = rest.split_once(' ')
        && matches!(name, "UTC:" | "GMT:" | "UTC" | "GMT")
    {
        zone = TimeZone::UTC;
        rest = after;
    }
    let time = match year {
        Some(year) => {
            let date = jiff::civil::Date::new(year, month, day).ok()?;
            stamp::in_zone(date.to_datetime(clock), &zone)?
        }
        None => stamp::without_year(month, day, clock, received, &zone)?,
    };
    Some((time, rest))
}

/// `app[pid]: message` or `app: message`; without a tag the whole text is the message.
pub(crate) fn tag(text: &str) -> (Option<&str>, Option<&str>, &str) {
    let none = (None, None, text);
    let Some(end) = text.find([':', '[', ' ']) else {
        return none;
    };
    let app = &text[..end];
    let plain = !app.is_empty()
        && app.len() <= 128
        && app
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"'{}<>=,;".contains(&byte));
    if !plain {
        return none;
    }
    let after = &text[end..];
    if let Some(after) = after.strip_prefix(':') {
        // `http://…` and `10:20` are no tags.
        return match after.strip_prefix(' ') {
            Some(message) => (Some(app), None, message),
            None if after.is_empty() => (Some(app), None, ""),
            None => none,
        };
    }
    if let Some(inner) = after.strip_prefix('[')
        && let Some((pid, after)) = inner.split_once(']')
        && pid.len() <= 64
        && !pid.contains(' ')
        && let Some(message) = after.strip_prefix(':')
    {
        return (
            Some(app),
            Some(pid),
            message.strip_prefix(' ').unwrap_or(message),
        );
    }
    none
}

const FACILITIES: [&str; 24] = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "solaris-cron",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
];
const SEVERITIES: [&str; 8] = [
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "informational",
    "debug",
];

/// Writes the header to the event.
pub(crate) fn write(row: &mut Row<'_>, message: &Message<'_>) {
    if let Some(priority) = message.priority {
        let (facility, severity) = (priority >> 3, priority & 7);
        row.set("log.syslog.priority", i64::from(priority));
        row.set("log.syslog.facility.code", i64::from(facility));
        row.set(
            "log.syslog.facility.name",
            FACILITIES[usize::from(facility)],
        );
        row.set("log.syslog.severity.code", i64::from(severity));
        row.set(
            "log.syslog.severity.name",
            SEVERITIES[usize::from(severity)],
        );
        row.set("log.level", SEVERITIES[usize::from(severity)]);
    }
    if let Some(version) = message.version {
        row.set("log.syslog.version", version.to_string());
    }
    row.text("host.name", message.host);
    row.text("log.syslog.hostname", message.host);
    row.text("log.syslog.appname", message.app);
    row.text("log.syslog.procid", message.procid);
    row.text("log.syslog.msgid", message.msgid);
    row.text(
        "process.name",
        message.app.map(|app| app.rsplit('/').next().unwrap_or(app)),
    );
    row.number("process.pid", message.procid);
    for (id, name, value) in &message.data {
        row.foreign(
            &format!("syslog.structured_data.{id}.{name}"),
            value.as_str(),
        );
    }
    if message.dirty {
        row.tag("_syslog_dirty");
    }
}
