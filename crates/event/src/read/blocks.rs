//! Dividing a file into blocks of records.

use std::io::Read;
use std::ops::Range;

use memchr::{memchr, memchr2_iter, memmem};

use super::Kind;
use super::table::Table;
use crate::{Format, Record};

/// A longer record is cut here (lines) or stepped over (documents).
const RECORD_BYTES_MAX: usize = 1 << 20;
/// Records and bytes of one block.
const BLOCK_RECORDS: usize = 8_192;
const BLOCK_BYTES: usize = 4 << 20;
/// Lines of audit records that may stand between two lines of one event.
const AUDIT_LINES: usize = 64;
/// So many NUL bytes are a hole in a file, not a part of a record: a line ends there.
pub(super) const NULL_RUN: usize = 16;
/// Problems that one block names.
const PROBLEMS_MAX: usize = 16;

/// Something that is wrong with a file and was stepped over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it begins, in bytes from the start of the (decompressed) file.
    pub offset: u64,
    pub reason: String,
}

struct Piece {
    place: Range<usize>,
    offset: u64,
    truncated: bool,
}

/// Some records of a file.
#[derive(Default)]
pub struct Block {
    data: Vec<u8>,
    pieces: Vec<Piece>,
    /// At most sixteen; see [`Block::more_problems`].
    pub problems: Vec<Problem>,
    /// Problems beyond those named.
    pub more_problems: u64,
}

impl Block {
    /// The records with their offsets in the file, as if received at `received` from `source`.
    pub fn records<'a>(
        &'a self,
        received: jiff::Timestamp,
        source: &'a str,
    ) -> Vec<(u64, Record<'a>)> {
        let record = |piece: &Piece| {
            let payload = &self.data[piece.place.clone()];
            Record {
                received,
                source,
                format: format_of(payload),
                peer: None,
                truncated: piece.truncated,
                payload,
            }
        };
        let pieces = self.pieces.iter();
        pieces.map(|piece| (piece.offset, record(piece))).collect()
    }

    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes that the records take.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    fn is_full(&self) -> bool {
        self.pieces.len() >= BLOCK_RECORDS || self.data.len() >= BLOCK_BYTES
    }

    fn push(&mut self, offset: u64, bytes: &[u8], truncated: bool) {
        let start = self.data.len();
        // Growing step by step, a block would take twice its size in the end.
        if start + bytes.len() > self.data.capacity() {
            let most = BLOCK_BYTES + BLOCK_BYTES / 8;
            self.data
                .reserve_exact(most.saturating_sub(start).max(bytes.len()));
        }
        self.data.extend_from_slice(bytes);
        self.pieces.push(Piece {
            place: start..self.data.len(),
            offset,
            truncated,
        });
    }

    fn problem(&mut self, offset: u64, reason: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { offset, reason });
        } else {
            self.more_problems += 1;
        }
    }

    fn line(&self, at: usize) -> &[u8] {
        &self.data[self.pieces[at].place.clone()]
    }
}

pub(super) fn format_of(record: &[u8]) -> Format {
    match record.trim_ascii_start() {
        [b'{', ..] => Format::Json,
        [b'<', b'E', b'v', b'e', b'n', b't', ..] => Format::WindowsXml,
        [b'<', digit, ..] if digit.is_ascii_digit() => Format::Syslog,
        _ => Format::Line,
    }
}

/// Divides a file into blocks of whole records. Holds some blocks in memory, whatever the size of
/// the file. The lines of one audit event stay in one block.
pub struct Blocks<R> {
    source: R,
    kind: Kind,
    /// Read and not yet used; where in the file it begins.
    buffer: Vec<u8>,
    offset: u64,
    at_end: bool,
    /// Records held back for the next block.
    held: Block,
    /// The header of a table has been read.
    begun: bool,
    /// Why reading stopped; told behind what could be read.
    failure: Option<std::io::Error>,
}

/// What the buffer begins with.
enum Step {
    /// A record of so many bytes, of which `place` counts.
    Record { used: usize, place: Range<usize> },
    /// Bytes of no record.
    Nothing(usize),
    /// More must be read to tell.
    More,
    /// A record that is too long or broken: so many bytes are stepped over.
    Broken(usize, &'static str),
}

impl<R: Read> Blocks<R> {
    pub fn new(source: R, kind: Kind) -> Self {
        Blocks {
            source,
            kind,
            buffer: Vec::new(),
            offset: 0,
            at_end: false,
            held: Block::default(),
            begun: false,
            failure: None,
        }
    }

    fn next_block(&mut self) -> Block {
        let mut block = std::mem::take(&mut self.held);
        let mut used = 0;
        while !block.is_full() {
            let rest = &self.buffer[used..];
            let step = match &self.kind {
                _ if rest.first() == Some(&0) => Step::Nothing(leading_nulls(rest)),
                Kind::Lines | Kind::JsonLines
                    if self.offset + used as u64 == 0 && rest.starts_with(b"\xef\xbb\xbf") =>
                {
                    Step::Nothing(3)
                }
                Kind::Lines | Kind::JsonLines => line(rest, self.at_end),
                Kind::Json => document(rest, self.at_end),
                Kind::WindowsXml => element(rest, self.at_end),
                Kind::Table(table) => row(table, rest, self.at_end),
            };
            let offset = self.offset + used as u64;
            match step {
                Step::More if self.at_end => break,
                Step::More => {
                    self.drop_used(used);
                    used = 0;
                    self.fill();
                }
                Step::Nothing(bytes) => used += bytes,
                Step::Broken(bytes, reason) => {
                    block.problem(offset, reason.to_owned());
                    used += bytes;
                }
                Step::Record { used: bytes, place } => {
                    self.take(&mut block, offset + place.start as u64, used, place);
                    used += bytes;
                }
            }
        }
        self.drop_used(used);
        if !self.at_end {
            self.hold_back(&mut block);
        }
        block
    }

    /// Adds a record to the block.
    fn take(&mut self, block: &mut Block, offset: u64, used: usize, place: Range<usize>) {
        let bytes = &self.buffer[used..][place];
        match &self.kind {
            Kind::Lines | Kind::JsonLines if bytes.trim_ascii().is_empty() => {}
            Kind::Lines | Kind::JsonLines => {
                let cut = bytes.len() > RECORD_BYTES_MAX;
                let kept = &bytes[..bytes.len().min(RECORD_BYTES_MAX)];
                block.push(offset, kept, cut);
                if cut {
                    block.problem(
                        offset,
                        format!("a line of more than {RECORD_BYTES_MAX} bytes is cut"),
                    );
                }
            }
            Kind::Table(table) if self.begun => {
                if let Some(json) = table.json(bytes) {
                    block.push(offset, json.as_bytes(), false);
                }
            }
            Kind::Table(_) => self.begun = true,
            Kind::Json | Kind::WindowsXml => block.push(offset, bytes, false),
        }
    }

    fn drop_used(&mut self, used: usize) {
        self.buffer.drain(..used);
        self.offset += used as u64;
    }

    fn fill(&mut self) {
        let before = self.buffer.len();
        let most = (BLOCK_BYTES / 8) as u64;
        let read = self
            .source
            .by_ref()
            .take(most)
            .read_to_end(&mut self.buffer);
        self.failure = read.err();
        self.at_end = self.failure.is_some() || self.buffer.len() == before;
    }

    /// Keeps lines for the next block where the event of an audit line may go on in it.
    fn hold_back(&mut self, block: &mut Block) {
        let count = block.pieces.len();
        let serials = |range: Range<usize>| -> Vec<&[u8]> {
            range
                .filter_map(|at| audit_serial(block.line(at)))
                .collect()
        };
        if self.kind != Kind::Lines || count <= 2 * AUDIT_LINES {
            return;
        }
        if serials(count - AUDIT_LINES..count).is_empty() {
            return;
        }
        let first = (count / 2).max(AUDIT_LINES);
        let cut = (first..=count - AUDIT_LINES).rev().find(|&at| {
            let before = serials(at - AUDIT_LINES..at);
            let behind = serials(at..at + AUDIT_LINES);
            !behind.iter().any(|serial| before.contains(serial))
        });
        let Some(cut) = cut else { return };
        for piece in block.pieces.drain(cut..) {
            let bytes = &block.data[piece.place];
            self.held.push(piece.offset, bytes, piece.truncated);
        }
    }
}

impl<R: Read> Iterator for Blocks<R> {
    type Item = std::io::Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.next_block();
        if !block.is_empty() || !block.problems.is_empty() || !self.at_end {
            return Some(Ok(block));
        }
        self.failure.take().map(Err)
    }
}

/// `1364481363.243:24287` of `msg=audit(1364481363.243:24287)`.
fn audit_serial(line: &[u8]) -> Option<&[u8]> {
    let head = &line[..line.len().min(256)];
    let start = memmem::find(head, b"audit(")? + 6;
    let length = memchr(b')', &head[start..])?;
    Some(&head[start..start + length])
}

fn line(buffer: &[u8], at_end: bool) -> Step {
    let is_end = |at: &usize| buffer[*at] == b'\n' || buffer[*at..].starts_with(&[0; NULL_RUN]);
    let (used, end) = match memchr2_iter(b'\n', 0, buffer).find(is_end) {
        Some(at) => (at + usize::from(buffer[at] == b'\n'), at),
        None if at_end && !buffer.is_empty() => (buffer.len(), buffer.len()),
        None if buffer.len() > 4 * RECORD_BYTES_MAX => {
            // A line without end: what is more than a record is thrown away piece by piece.
            return Step::Broken(buffer.len(), "a line that does not end is stepped over");
        }
        None => return Step::More,
    };
    let end = end - usize::from(end > 0 && buffer[end - 1] == b'\r');
    Step::Record {
        used,
        place: 0..trim_nulls(&buffer[..end]).len(),
    }
}

fn leading_nulls(bytes: &[u8]) -> usize {
    let other = bytes.iter().position(|byte| *byte != 0);
    other.unwrap_or(bytes.len())
}

/// Without the NUL bytes at both ends.
pub(super) fn trim_nulls(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[leading_nulls(bytes)..];
    let last = bytes.iter().rposition(|byte| *byte != 0);
    &bytes[..last.map_or(0, |at| at + 1)]
}

/// One object of an array, or of a row of objects.
fn document(buffer: &[u8], at_end: bool) -> Step {
    match buffer.first() {
        None => Step::More,
        Some(b'{') => match object_end(buffer) {
            Some(end) if end > RECORD_BYTES_MAX => Step::Broken(
                end,
                "a JSON object longer than a record may be is stepped over",
            ),
            Some(end) => Step::Record {
                used: end,
                place: 0..end,
            },
            None if buffer.len() > 4 * RECORD_BYTES_MAX || at_end => {
                // Most likely a brace is missing: on with the next object that begins a line.
                let next = memmem::find(&buffer[1..], b"\n{").map_or(buffer.len(), |at| at + 2);
                Step::Broken(next, "a JSON object that does not end is stepped over")
            }
            None => Step::More,
        },
        Some(b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']' | 0x1e) => {
            let other = |byte: &u8| !b" \t\r\n,[]\x1e".contains(byte);
            Step::Nothing(buffer.iter().position(other).unwrap_or(buffer.len()))
        }
        Some(0xef) if buffer.starts_with(b"\xef\xbb\xbf") => Step::Nothing(3),
        Some(_) => {
            let next = memchr(b'{', buffer).unwrap_or(buffer.len());
            Step::Broken(next, "something else than a JSON object is stepped over")
        }
    }
}

/// Length of the object that begins the buffer.
fn object_end(buffer: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    while at < buffer.len() {
        match buffer[at] {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' => {
                at += 1;
                loop {
                    at += memchr::memchr2(b'"', b'\\', buffer.get(at..)?)?;
                    if buffer[at] == b'"' {
                        break;
                    }
                    at += 2;
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn element(buffer: &[u8], at_end: bool) -> Step {
    const END: &[u8] = b"</Event>";
    let Some(start) = element_start(buffer) else {
        return match at_end {
            true if buffer.is_empty() => Step::More,
            true => Step::Nothing(buffer.len()),
            // The name may be cut by the end of the buffer.
            false if buffer.len() > 16 => Step::Nothing(buffer.len() - 8),
            false => Step::More,
        };
    };
    match memmem::find(&buffer[start..], END) {
        Some(at) if at > RECORD_BYTES_MAX => Step::Broken(
            start + at + END.len(),
            "an event longer than a record may be is stepped over",
        ),
        Some(at) => {
            let end = start + at + END.len();
            Step::Record {
                used: end,
                place: start..end,
            }
        }
        None if at_end || buffer.len() > 4 * RECORD_BYTES_MAX => {
            Step::Broken(buffer.len(), "an event that does not end is stepped over")
        }
        None => Step::More,
    }
}

/// Where `<Event>` or `<Event …>` begins, not `<Events>` or `<EventData>`.
fn element_start(buffer: &[u8]) -> Option<usize> {
    memmem::find_iter(buffer, b"<Event").find(|&at| {
        matches!(
            buffer.get(at + 6),
            Some(b'>' | b' ' | b'\t' | b'\r' | b'\n')
        )
    })
}

/// One row; a line end between quotes belongs to it.
fn row(table: &Table, buffer: &[u8], at_end: bool) -> Step {
    match table.row_end(buffer) {
        Some(end) if end <= RECORD_BYTES_MAX => Step::Record {
            used: end,
            place: 0..end,
        },
        None if at_end && buffer.is_empty() => Step::More,
        None if at_end && buffer.len() <= RECORD_BYTES_MAX && table.quotes_are_even(buffer) => {
            Step::Record {
                used: buffer.len(),
                place: 0..buffer.len(),
            }
        }
        None if !at_end && buffer.len() <= RECORD_BYTES_MAX => Step::More,
        // A quote is missing: the line alone is lost.
        _ => {
            let line = memchr(b'\n', buffer).map_or(buffer.len(), |at| at + 1);
            Step::Broken(line, "a row whose quotes do not close is stepped over")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(out.len()).min(1_000);
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read(kind: Kind, input: &[u8]) -> (Vec<(u64, String)>, Vec<Problem>) {
        let (mut records, mut problems) = (Vec::new(), Vec::new());
        for block in Blocks::new(Slow(input), kind) {
            let block = block.unwrap();
            for (offset, record) in block.records(jiff::Timestamp::UNIX_EPOCH, "s") {
                let text = String::from_utf8_lossy(record.payload).into_owned();
                records.push((offset, text));
            }
            problems.extend(block.problems);
        }
        (records, problems)
    }

    fn texts(kind: Kind, input: &[u8]) -> Vec<String> {
        read(kind, input)
            .0
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }

    #[test]
    fn objects_come_out_of_arrays_and_of_rows_of_objects() {
        let array = b"\xef\xbb\xbf [ {\"a\": \"}\\\"{\"},\n{\"b\":{\"c\":[1]}} ]\n";
        let expected = ["{\"a\": \"}\\\"{\"}", "{\"b\":{\"c\":[1]}}"];
        assert_eq!(texts(Kind::Json, array), expected);
        let (found, problems) = read(
            Kind::Json,
            b"{\n \"a\":1\n}\nnoise {\"b\":2}\n{\"c\":\n{\"d\":4}",
        );
        let found: Vec<_> = found
            .iter()
            .map(|(at, text)| (*at, text.as_str()))
            .collect();
        assert_eq!(
            found,
            [(0, "{\n \"a\":1\n}"), (17, "{\"b\":2}"), (31, "{\"d\":4}")]
        );
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn events_come_out_of_an_export() {
        let text = b"<?xml version='1.0'?><Events><Event xmlns='x'><EventData/></Event><Event>2</Event></Events>";
        let expected = ["<Event xmlns='x'><EventData/></Event>", "<Event>2</Event>"];
        assert_eq!(texts(Kind::WindowsXml, text), expected);
    }

    #[test]
    fn an_overlong_line_is_cut_and_its_neighbours_stay() {
        let mut input = b"first\r\n".to_vec();
        input.extend(std::iter::repeat_n(b'x', 2 * RECORD_BYTES_MAX));
        input.extend(b"\n\nlast");
        let (found, problems) = read(Kind::Lines, &input);
        assert_eq!((found.len(), problems.len()), (3, 1));
        assert_eq!(
            (found[0].1.as_str(), found[1].1.len()),
            ("first", RECORD_BYTES_MAX)
        );
        assert_eq!((found[1].0, problems[0].offset), (7, 7));
        assert_eq!(found[2].1, "last");
        // A line that never ends does not fill the memory.
        let (found, problems) = read(Kind::Lines, &vec![b'x'; 9 * RECORD_BYTES_MAX]);
        assert!(found.len() <= 1 && !problems.is_empty());
    }

    #[test]
    fn holes_are_stepped_over() {
        let hole = |length| vec![0u8; length];
        for length in [1, NULL_RUN, 3_000, 9 * RECORD_BYTES_MAX] {
            let input = [
                hole(length),
                b"first\0\r\n\0\n".to_vec(),
                hole(length),
                b"sec\0ond".to_vec(),
                hole(length.max(NULL_RUN)),
                b"third\n".to_vec(),
                hole(length),
            ];
            let input = input.concat();
            let (found, problems) = read(Kind::Lines, &input);
            let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, ["first", "sec\0ond", "third"], "{length}");
            assert_eq!(problems, []);
            assert_eq!(found[0].0, length as u64);
            assert!(input[found[2].0 as usize..].starts_with(b"third"));
        }
        let marked = b"\xef\xbb\xbf{}\n\xef\xbb\xbfx\n";
        assert_eq!(texts(Kind::JsonLines, marked), ["{}", "\u{feff}x"]);
        let objects = [b"{\"a\":1}".to_vec(), hole(5_000), b"{\"b\":2}".to_vec()].concat();
        let (found, problems) = read(Kind::Json, &objects);
        assert_eq!((found.len(), problems.len()), (2, 0));
    }

    #[test]
    fn lines_of_one_audit_event_stay_together() {
        let text: String = (0..9_000)
            .map(|n| format!("type=PATH msg=audit(1774011731.000:{}): item={n}\n", n / 7))
            .collect();
        let mut last = None;
        let mut count = 0;
        for block in Blocks::new(text.as_bytes(), Kind::Lines) {
            let block = block.unwrap();
            let serial = |at: usize| audit_serial(block.line(at)).unwrap().to_vec();
            assert_ne!(last, Some(serial(0)));
            last = Some(serial(block.len() - 1));
            count += block.len();
        }
        assert_eq!(count, 9_000);
    }
}
