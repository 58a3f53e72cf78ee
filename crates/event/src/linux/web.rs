//! Access logs of web servers: common and combined log format, with or without a virtual host
//! in front.

use crate::parse::row::Row;
use crate::parse::stamp::{self, Claim};

/// Reads one access log line; `false` if it is none, then nothing is set.
pub(crate) fn access(row: &mut Row<'_>, text: &str) -> bool {
    let Some(line) = Line::parse(text) else {
        return false;
    };
    row.dataset = Some("web.access".to_owned());
    row.claim = match line.time {
        Some(time) => Claim::At(time),
        None => Claim::Unreadable(line.stamp.to_owned()),
    };
    row.set("event.kind", "event");
    row.add("event.category", "web");
    row.add("event.type", "access");
    row.address("source", Some(line.client));
    row.text("user.name", line.user);
    row.text("url.domain", line.host);
    request(row, line.request);
    if let Some(status) = line.status.filter(|status| (100..1000).contains(status)) {
        row.set("http.response.status_code", status);
        row.outcome(status < 400);
    }
    row.number("http.response.body.bytes", line.bytes);
    row.text("http.request.referrer", line.referrer.as_deref());
    row.text("user_agent.original", line.agent.as_deref());
    true
}

struct Line<'a> {
    host: Option<&'a str>,
    client: &'a str,
    user: Option<&'a str>,
    stamp: &'a str,
    time: Option<jiff::Timestamp>,
    request: &'a str,
    status: Option<i64>,
    bytes: Option<&'a str>,
    referrer: Option<String>,
    agent: Option<String>,
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let open = text.find(" [")?;
        // Client, identity, user: anything much longer is another format.
        if open > 512 {
            return None;
        }
        let (stamp, rest) = text[open + 2..].split_once("] \"")?;
        if !(20..=40).contains(&stamp.len()) || stamp.as_bytes()[2] != b'/' {
            return None;
        }
        let mut words = text[..open].split_ascii_whitespace();
        let (first, second) = (words.next()?, words.next()?);
        let (host, client) = match second.parse::<std::net::IpAddr>() {
            Ok(_) => {
                words.next()?;
                (first.split(':').next(), second)
            }
            Err(_) => (None, first),
        };
        let user = words.next_back().filter(|user| *user != "-");
        let (request, rest) = quoted(rest)?;
        let mut words = rest.trim_start().splitn(3, ' ');
        let status = words.next()?;
        if status != "-" && !status.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let bytes = words.next();
        let mut rest = words.next().unwrap_or_default().trim_start();
        let mut field = || {
            let (value, after) = quoted(rest.strip_prefix('"')?)?;
            rest = after.trim_start();
            Some(value.replace("\\\"", "\"")).filter(|value| value != "-")
        };
        Some(Line {
            host: host.filter(|host| *host != "-"),
            client,
            user,
            stamp,
            time: time(stamp),
            request,
            status: status.parse().ok(),
            bytes,
            referrer: field(),
            agent: field(),
        })
    }
}

/// Text up to the next quote that is not escaped, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((&text[..end], &text[end + 1..]))
}

/// `20/Mar/2026:18:02:11 +0500`
fn time(stamp: &str) -> Option<jiff::Timestamp> {
    let (day, rest) = stamp.split_once('/')?;
    let (month, rest) = rest.split_once('/')?;
    let (year, rest) = rest.split_once(':')?;
    let (clock, offset) = rest.split_once(' ')?;
    let date = jiff::civil::Date::new(year.parse().ok()?, stamp::month(month)?, day.parse().ok()?);
    let date = date.ok()?.to_datetime(stamp::clock(clock)?);
    let digits = offset
        .strip_prefix(['+', '-'])
        .filter(|digits| digits.len() == 4)?;
    let (hours, minutes): (i32, i32) = (
        digits.get(..2)?.parse().ok()?,
        digits.get(2..)?.parse().ok()?,
    );
    let seconds = hours * 3600 + minutes * 60;
    let seconds = if offset.starts_with('-') {
        -seconds
    } else {
        seconds
    };
    jiff::tz::Offset::from_seconds(seconds)
        .ok()?
        .to_timestamp(date)
        .ok()
}

/// `GET /path?query HTTP/1.1`, or whatever a scanner sent instead.
fn request(row: &mut Row<'_>, request: &str) {
    if matches!(request, "" | "-") {
        return;
    }
    let parts = request.split_once(' ').map(|(method, rest)| {
        let (target, version) = match rest.rsplit_once(" HTTP/") {
            Some((target, version)) => (target, Some(version)),
            None => (rest, None),
        };
        (method, target, version)
    });
    let Some((method, target, version)) = parts.filter(|(method, ..)| {
        method.len() <= 32
            && method
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b == b'_' || b == b'-')
    }) else {
        row.set("url.original", request);
        return;
    };
    row.set("http.request.method", method);
    row.text("http.version", version);
    url(row, target);
}

/// The target of a request: origin form, or absolute form at a proxy.
pub(crate) fn url(row: &mut Row<'_>, target: &str) {
    row.text("url.original", Some(target));
    let mut path = target;
    if let Some((scheme, rest)) = target.split_once("://")
        && !scheme.contains(['/', '?'])
    {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest[..end].rsplit('@').next().unwrap_or_default();
        let (domain, port) = match authority.rsplit_once(':') {
            Some((domain, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (domain, Some(port))
            }
            _ => (authority, None),
        };
        row.text("url.scheme", Some(scheme));
        row.text("url.domain", Some(domain));
        row.number("url.port", port);
        path = &rest[end..];
    }
    let path = path.split('#').next().unwrap_or_default();
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    row.text("url.path", Some(path));
    row.text("url.query", query);
    let name = path.rsplit('/').next().unwrap_or_default();
    if let Some((_, extension)) = name.rsplit_once('.')
        && (1..=10).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        row.set("url.extension", extension);
    }
}
