//! Files of lines: NDJSON, syslog, auditd, web server logs and Windows events as XML, told apart
//! line by line.

use std::io::{BufRead, Read};

use jiff::{Timestamp, tz::TimeZone};
use saqshy_event::{Batch, Format, Parser, Record};

/// A longer line is cut here; the rest of it is skipped and the event says so.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Lines and bytes of one batch.
const BATCH_LINES: usize = 4_096;
const BATCH_BYTES: usize = 4 << 20;

struct Line {
    offset: u64,
    bytes: Vec<u8>,
    truncated: bool,
}

/// Reads `input` in batches and hands each to `each`. The sequence number of an event is the byte
/// offset of its first line. `received` stands in for the time of receipt.
pub fn read(
    input: impl Read,
    received: Timestamp,
    zone: &TimeZone,
    mut each: impl FnMut(&Batch),
) -> std::io::Result<()> {
    let parser = Parser::new("scan").with_zone(zone.clone());
    let mut input = std::io::BufReader::with_capacity(1 << 18, input);
    let mut offset = 0;
    let mut pending: Vec<Line> = Vec::new();
    loop {
        let end = fill(&mut input, &mut offset, &mut pending)?;
        while !pending.is_empty() {
            let used = parse(&parser, received, &pending, end, &mut each);
            pending.drain(..used);
            if !end {
                break;
            }
        }
        if end {
            return Ok(());
        }
    }
}

/// Parses what is pending; gives the number of lines used. A group of audit records that may go
/// on behind the last line stays pending until `end`.
fn parse(
    parser: &Parser,
    received: Timestamp,
    pending: &[Line],
    end: bool,
    each: &mut impl FnMut(&Batch),
) -> usize {
    let records: Vec<_> = pending
        .iter()
        .map(|line| {
            let record = Record {
                received,
                source: "scan",
                format: format_of(&line.bytes),
                peer: None,
                truncated: line.truncated,
                payload: &line.bytes,
            };
            (line.offset, record)
        })
        .collect();
    // An hour later nothing is "still arriving".
    let now = if end {
        received + jiff::SignedDuration::from_hours(1)
    } else {
        received
    };
    let parsed = parser.parse(&records, now);
    each(&parsed.batch);
    if parsed.consumed == 0 {
        records.len()
    } else {
        parsed.consumed
    }
}

fn format_of(line: &[u8]) -> Format {
    match line.trim_ascii_start() {
        [b'{', ..] => Format::Json,
        [b'<', b'E', b'v', b'e', b'n', b't', ..] => Format::WindowsXml,
        [b'<', digit, ..] if digit.is_ascii_digit() => Format::Syslog,
        _ => Format::Line,
    }
}

/// Adds lines until the batch is full; `true` at the end of the input.
fn fill(
    input: &mut impl BufRead,
    offset: &mut u64,
    pending: &mut Vec<Line>,
) -> std::io::Result<bool> {
    let mut bytes: usize = pending.iter().map(|line| line.bytes.len()).sum();
    let goal = pending.len() + BATCH_LINES;
    while pending.len() < goal && bytes < BATCH_BYTES {
        match next_line(input, offset)? {
            None => return Ok(true),
            Some(line) if line.bytes.trim_ascii().is_empty() => {}
            Some(line) => {
                bytes += line.bytes.len();
                pending.push(line);
            }
        }
    }
    Ok(false)
}

fn next_line(input: &mut impl BufRead, offset: &mut u64) -> std::io::Result<Option<Line>> {
    let mut line = Line {
        offset: *offset,
        bytes: Vec::new(),
        truncated: false,
    };
    let mut any = false;
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        any = true;
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        let room = LINE_BYTES_MAX - line.bytes.len();
        line.bytes.extend(&part[..part.len().min(room)]);
        line.truncated |= part.len() > room;
        let used = end.map_or(chunk.len(), |at| at + 1);
        input.consume(used);
        *offset += used as u64;
        if end.is_some() {
            break;
        }
    }
    if line.bytes.last() == Some(&b'\r') {
        line.bytes.pop();
    }
    Ok(any.then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn originals(input: &[u8]) -> Vec<String> {
        let received = "2026-03-20T13:00:00Z".parse().unwrap();
        let mut found = Vec::new();
        read(input, received, &TimeZone::UTC, |batch| {
            found.extend(
                batch
                    .events()
                    .map(|event| event.str("event.original").unwrap().to_owned()),
            );
        })
        .unwrap();
        found
    }

    #[test]
    fn an_overlong_line_is_cut_and_its_neighbours_stay() {
        let mut input = b"<38>Mar 20 12:00:00 a sshd[1]: first\n".to_vec();
        input.extend(std::iter::repeat_n(b'x', 3 * LINE_BYTES_MAX));
        input.extend(b"\n\n<38>Mar 20 12:00:01 a sshd[1]: last");
        let found = originals(&input);
        assert_eq!(found.len(), 3);
        assert_eq!(found[1].len(), LINE_BYTES_MAX);
        assert!(found[2].ends_with("last"));
    }

    #[test]
    fn all_lines_of_a_long_file_come_out() {
        let input: String = (0..10_000)
            .map(|n| format!("{{\"message\":\"line {n}\"}}\n"))
            .collect();
        assert_eq!(originals(input.as_bytes()).len(), 10_000);
    }
}
