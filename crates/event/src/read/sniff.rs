//! Of which kind a file is, by its first bytes and not by its name.

use jiff::Timestamp;
use memchr::memmem;

use super::Kind;
use super::blocks::{Blocks, NULL_RUN, format_of, trim_nulls};
use super::table::Table;
use crate::parse::json::Flat;
use crate::parse::stamp;
use crate::{Parser, Record, Value};

/// Bytes that [`sniff`] wants to see.
pub const HEAD_BYTES: usize = 256 << 10;
/// Lines that are looked at.
const LINES: usize = 100;

/// What a file is.
#[derive(Debug, Clone, PartialEq)]
pub enum Sniffed {
    Records(Kind),
    /// A Windows event log, or chunks of one.
    Evtx,
    Gzip,
    Zstd,
    Empty,
    /// No log; why.
    Other(&'static str),
}

/// Tells by `head`, the first [`HEAD_BYTES`] of a file, what it holds. `complete`: it has no more.
///
/// A file is a log if its beginning can be read as one: lines of a known form, JSON with times,
/// Windows events, a table with a column of times.
pub fn sniff(head: &[u8], complete: bool) -> Sniffed {
    match head {
        [0x1f, 0x8b, ..] => return Sniffed::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Sniffed::Zstd,
        _ if head.trim_ascii().is_empty() => return Sniffed::Empty,
        _ if head.starts_with(b"ElfFile\0") || memmem::find(head, b"ElfChnk\0").is_some() => {
            return Sniffed::Evtx;
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Sniffed::Other("UTF-16 text"),
        _ if head.get(257..262) == Some(b"ustar") => return Sniffed::Other("tar archive"),
        _ => {}
    }
    let head = trim_nulls(head);
    if head.is_empty() {
        return Sniffed::Other("nothing but NUL bytes");
    }
    if is_binary(head) {
        return Sniffed::Other("binary file");
    }
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    match text.first() {
        Some(b'{') => json(head, text, complete),
        Some(b'[') if matches!(text[1..].trim_ascii_start().first(), Some(b'{' | b']')) => {
            documents(head, complete)
        }
        Some(b'<') if is_xml(text) => xml(text),
        _ => lines(text, complete),
    }
}

/// A log may have holes: a power cut, or a file emptied while it is written, leaves runs of NUL.
/// They tell nothing; single ones count, or UTF-16 without its mark would be text.
fn is_binary(head: &[u8]) -> bool {
    const MAGIC: [&[u8]; 4] = [
        b"\x7fELF",
        b"SQLite format 3\0",
        b"PK\x03\x04",
        b"\x89PNG\r\n",
    ];
    let control = |byte: &&u8| matches!(byte, 0..=8 | 14..=26 | 28 | 29 | 31 | 127);
    let sample = &head[..head.len().min(8_192)];
    let (mut bytes, mut controls) = (0, 0);
    for run in sample.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
        if run[0] != 0 || run.len() < NULL_RUN {
            bytes += run.len();
            controls += run.iter().filter(control).count();
        }
    }
    MAGIC.iter().any(|magic| head.starts_with(magic)) || controls * 20 > bytes
}

fn is_xml(text: &[u8]) -> bool {
    text.get(1)
        .is_some_and(|byte| byte.is_ascii_alphabetic() || b"?!".contains(byte))
}

fn xml(text: &[u8]) -> Sniffed {
    let event = memmem::find(text, b"schemas.microsoft.com/win/2004/08/events/event").is_some()
        || text.starts_with(b"<Event>")
        || text.starts_with(b"<Event ")
        || text.starts_with(b"<Events>");
    match event {
        true => Sniffed::Records(Kind::WindowsXml),
        false => Sniffed::Other("XML that holds no Windows events"),
    }
}

/// A line of JSON, or a document over several lines.
fn json(head: &[u8], text: &[u8], complete: bool) -> Sniffed {
    let mut objects = 0;
    let mut others = 0;
    for line in whole_lines(text, complete) {
        match Flat::parse(&String::from_utf8_lossy(line)) {
            Ok(_) => objects += 1,
            Err(_) => others += 1,
        }
    }
    match objects {
        0 => documents(head, complete),
        // A document on one line, alone in its file, may be anything.
        1 if others == 0 => match documents(head, complete) {
            Sniffed::Records(_) => Sniffed::Records(Kind::JsonLines),
            other => other,
        },
        _ if others <= objects => Sniffed::Records(Kind::JsonLines),
        _ => Sniffed::Records(Kind::Lines),
    }
}

fn documents(head: &[u8], complete: bool) -> Sniffed {
    const OTHER: Sniffed = Sniffed::Other("JSON that holds no events");
    let mut blocks = Blocks::new(head, Kind::Json);
    let Some(Ok(block)) = blocks.next() else {
        return OTHER;
    };
    let records = block.records(Timestamp::UNIX_EPOCH, "");
    let mut seen = records.iter().take(20).peekable();
    if seen.peek().is_none() {
        // The first document is longer than what is looked at.
        return match complete || !is_event_like(head) {
            true => OTHER,
            false => Sniffed::Records(Kind::Json),
        };
    }
    let event = seen.any(|(_, record)| {
        let flat = Flat::parse(&String::from_utf8_lossy(record.payload));
        flat.is_ok_and(|flat| is_event(&flat))
    });
    if event {
        Sniffed::Records(Kind::Json)
    } else {
        OTHER
    }
}

fn is_event_like(head: &[u8]) -> bool {
    memmem::find(head, b"\"EventID\"").is_some() || memmem::find(head, b"\"@timestamp\"").is_some()
}

/// A document that says when something happened, or which Windows event it is.
fn is_event(flat: &Flat) -> bool {
    const TIMES: [&str; 16] = [
        "@timestamp",
        "timestamp",
        "time",
        "ts",
        "_time",
        "datetime",
        "date",
        "eventtime",
        "event_time",
        "timecreated",
        "systemtime",
        "utctime",
        "created_at",
        "timegenerated",
        "__realtime_timestamp",
        "event.created",
    ];
    flat.iter().any(|(name, value)| {
        let name = name.to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        if matches!(
            name.as_str(),
            "eventid" | "winlog.event_id" | "event.system.eventid"
        ) {
            return true;
        }
        // Times stand at the top, or one level below it as in `{"event": {"time": …}}`.
        let high = name.split('.').count() <= 2;
        high && (TIMES.contains(&name.as_str()) || TIMES.contains(&last)) && is_time(value)
    })
}

fn is_time(value: &Value) -> bool {
    let time = match value {
        Value::Int(number) => stamp::epoch_text(&number.to_string()),
        Value::Float(number) => stamp::epoch(*number),
        Value::Str(text) => {
            stamp::iso(text, &jiff::tz::TimeZone::UTC).or_else(|| stamp::epoch_text(text))
        }
        _ => None,
    };
    time.is_some_and(|time| time.as_second() > 631_152_000)
}

fn lines(text: &[u8], complete: bool) -> Sniffed {
    let received = Timestamp::constant(4_102_444_800, 0);
    let sample: Vec<&[u8]> = whole_lines(text, complete).collect();
    let records: Vec<(u64, Record<'_>)> = sample
        .iter()
        .zip(0u64..)
        .map(|(payload, seq)| {
            let record = Record {
                received,
                source: "",
                format: format_of(payload),
                peer: None,
                truncated: false,
                payload,
            };
            (seq, record)
        })
        .collect();
    let parsed = Parser::new("").parse(&records, received + jiff::SignedDuration::from_hours(1));
    let unparsed: u64 = parsed.tally.iter().map(|tally| tally.unparsed).sum();
    let understood = parsed.consumed as u64 - unparsed;
    let dated = sample
        .iter()
        .filter(|line| begins_with_a_time(line))
        .count();
    if 5 * understood >= sample.len() as u64 || 2 * dated > sample.len() {
        return Sniffed::Records(Kind::Lines);
    }
    match Table::of(text, complete) {
        Some(table) if table.has_time() => Sniffed::Records(Kind::Table(table)),
        Some(_) => Sniffed::Other("a table without a column of times"),
        None => Sniffed::Other("text of no known log format"),
    }
}

/// `2026-03-20…` or `[2026-03-20…`.
fn begins_with_a_time(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"[").unwrap_or(line);
    matches!(line, [a, b, c, d, b'-' | b'/', e, f, b'-' | b'/', ..]
        if [a, b, c, d, e, f].iter().all(|byte| byte.is_ascii_digit()))
}

/// The first lines that are not empty; the last one only if it is whole.
fn whole_lines(text: &[u8], complete: bool) -> impl Iterator<Item = &[u8]> {
    let end = match complete {
        true => text.len(),
        false => memchr::memrchr(b'\n', text).map_or(text.len(), |at| at + 1),
    };
    let lines = text[..end].split(|byte| *byte == b'\n');
    lines
        .map(trim_nulls)
        .filter(|line| !line.trim_ascii().is_empty())
        .take(LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_content() {
        let kind = |text: &str| match sniff(text.as_bytes(), true) {
            Sniffed::Records(Kind::Lines) => "lines",
            Sniffed::Records(Kind::JsonLines) => "json lines",
            Sniffed::Records(Kind::Json) => "json",
            Sniffed::Records(Kind::WindowsXml) => "xml",
            Sniffed::Records(Kind::Table(_)) => "table",
            Sniffed::Evtx => "evtx",
            Sniffed::Gzip | Sniffed::Zstd => "packed",
            Sniffed::Empty => "empty",
            Sniffed::Other(_) => "other",
        };
        for (text, expected) in [
            (
                "<38>Mar 20 12:00:00 a sshd[1]: Failed password for root from 203.0.113.1 port 2 ssh2\n",
                "lines",
            ),
            ("<34>1 2026-03-20T13:02:11Z h a 1 - - hello\n", "lines"),
            ("Mar 20 12:00:00 a sshd[1]: Failed password\n", "lines"),
            ("type=SYSCALL msg=audit(1774011731.000:1): pid=7\n", "lines"),
            (
                "1.2.3.4 - - [20/Mar/2026:18:02:11 +0500] \"GET / HTTP/1.1\" 200 5 \"-\" \"curl\"\n",
                "lines",
            ),
            (
                "2026-03-20 13:02:11 ERROR something of our own\n2026-03-20 13:02:12 INFO more\n",
                "lines",
            ),
            (
                "{\"@timestamp\":\"2026-03-20T13:02:11Z\"}\n{\"a\":1}\n",
                "json lines",
            ),
            (
                "{\"EventID\":1}\n{\"EventID\":\nrubbish\n{\"a\":1}\n",
                "json lines",
            ),
            (
                "{\"EventID\":1}\n2026-03-20 13:02:11 a\n2026-03-20 13:02:12 b\n",
                "lines",
            ),
            ("{\"EventID\":1,\"Channel\":\"Security\"}", "json lines"),
            ("[{\"timestamp\":\"2026-03-20T13:02:11Z\"}]", "json"),
            ("{\n \"Event\": {\"System\": {\"EventID\": 1}}\n}\n", "json"),
            ("[]", "other"),
            ("{\"name\":\"saqshy\",\"version\":\"1\"}", "other"),
            ("[{\"title\":\"a\"},{\"title\":\"b\"}]", "other"),
            (
                "<?xml version=\"1.0\"?><Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'/></Events>",
                "xml",
            ),
            ("<html><body>hello</body></html>", "other"),
            ("time,user\n2026-03-20T13:02:11Z,a\n", "table"),
            ("name,age\nb,7\n", "other"),
            (
                "# Read me\n\nThis folder holds samples, and more.\n",
                "other",
            ),
            ("ElfFile\0", "evtx"),
            ("\x1f\u{8b}", "other"),
            ("\u{89}PNG\r\n\x1a\n\0\0\0", "other"),
            (" \n\n", "empty"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
        assert_eq!(sniff(&[0x1f, 0x8b, 8], true), Sniffed::Gzip);
    }

    #[test]
    fn holes_do_not_make_a_log_binary() {
        let line =
            "Mar 20 12:00:00 a sshd[1]: Failed password for root from 203.0.113.1 port 2 ssh2\n";
        let log = line.repeat(50).into_bytes();
        let lines = |bytes: &[u8]| {
            assert_eq!(sniff(bytes, true), Sniffed::Records(Kind::Lines));
            assert_eq!(sniff(bytes, false), Sniffed::Records(Kind::Lines));
        };
        for (at, length) in [
            (0, 1),
            (0, 5_000),
            (0, 200_000),
            (3, 1),
            (line.len(), 1),
            (line.len(), 100_000),
            (line.len() + 9, 7_000),
            (log.len(), 4_096),
        ] {
            let mut holed = log.clone();
            holed.splice(at..at, vec![0; length]);
            lines(&holed);
        }
        // Some bytes of many lines are lost.
        lines(line.replace("root", "r\0\0t").repeat(50).as_bytes());
        let json = [
            &[0; 4_096],
            "{\"@timestamp\":\"2026-03-20T13:02:11Z\"}\n{}\n".as_bytes(),
        ];
        assert_eq!(
            sniff(&json.concat(), true),
            Sniffed::Records(Kind::JsonLines)
        );
        assert_eq!(
            sniff(&[0; 9_000], true),
            Sniffed::Other("nothing but NUL bytes")
        );
    }

    #[test]
    fn what_is_binary_stays_so() {
        let line = "Mar 20 12:00:00 a sshd[1]: Failed password for root\n".repeat(50);
        let utf16: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut random = 7u64;
        let rubbish: Vec<u8> = (0..20_000)
            .map(|_| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (random >> 56) as u8
            })
            .collect();
        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0".to_vec();
        elf.extend([0; 9_000]);
        let sqlite = [b"SQLite format 3\0\x10\0\x01\x01\0", line.as_bytes()].concat();
        let mut tar = b"var/log/auth.log".to_vec();
        tar.resize(257, 0);
        tar.extend(b"ustar\x0000");
        tar.resize(512, 0);
        tar.extend(line.as_bytes());
        // A record of a login: numbers in 32 bits, texts filled up with NUL.
        let mut logins = Vec::new();
        for pid in 811..840u32 {
            logins.extend([7u32.to_le_bytes(), pid.to_le_bytes()].concat());
            for (text, length) in [
                ("pts/0", 32),
                ("ts/0", 4),
                ("root", 32),
                ("203.0.113.1", 256),
            ] {
                let end = logins.len() + length;
                logins.extend(text.as_bytes());
                logins.resize(end, 0);
            }
            logins.resize(logins.len() + 48, 0);
        }
        for (name, bytes) in [
            ("utf-16", &utf16),
            ("rubbish", &rubbish),
            (
                "rubbish behind a hole",
                &[vec![0; 20_000], rubbish.clone()].concat(),
            ),
            ("elf", &elf),
            ("sqlite", &sqlite),
            ("zip", &b"PK\x03\x04\x14\0\0\0\x08\0".to_vec()),
            ("png", &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
            ("logins", &logins),
        ] {
            assert_eq!(sniff(bytes, true), Sniffed::Other("binary file"), "{name}");
        }
        assert_eq!(sniff(&tar, true), Sniffed::Other("tar archive"));
    }
}
