//! From spool records to events: what is common to all formats.

mod document;
mod eve;
pub(crate) mod json;
mod line;
mod plain;
pub(crate) mod row;
mod select;
pub(crate) mod stamp;
pub(crate) mod syslog;
mod zeek;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::linux::audit_join;
use crate::windows::{self, WindowsEvent};
use crate::{Batch, BatchBuilder, Format, Record, Value};
use row::Row;
pub use select::FieldSet;
use select::Selector;
pub(crate) use select::{AsIs, DATA, HEAD_FIELDS, Selection, head_sets};

/// What became of a run of records.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub batch: Batch,
    /// Records used, from the start of the run. The rest must be offered again.
    pub consumed: usize,
    /// One entry per source that has a record among the used ones, in order of first appearance.
    pub tally: Vec<Tally>,
}

/// What one source contributed to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Id of the source in the loss ledger.
    pub source: String,
    /// Records used.
    pub records: u64,
    /// Those among them that nobody understood; they are events all the same.
    pub unparsed: u64,
    pub last_received: Timestamp,
}

/// A batch is ended before it has many more columns than this: the memory of a batch is columns
/// times rows, and the names of fields come from outside.
const COLUMNS_MAX: usize = 3_000;

/// Why a record stays a raw event.
type Unparsed = Cow<'static, str>;

/// Turns spool records into events.
///
/// ```
/// use saqshy_event::{Format, Parser, Record};
/// let received = "2026-03-20T13:10:05Z".parse().unwrap();
/// let record = Record {
///     received,
///     source: "gate",
///     format: Format::Syslog,
///     peer: None,
///     truncated: false,
///     payload: b"<38>Mar 20 13:10:00 gate sshd[811]: Server listening on 0.0.0.0 port 22.",
/// };
/// let parsed = Parser::new("n1").parse(&[(7, record)], received);
/// let event = parsed.batch.event(0);
/// assert_eq!(event.str("event.id"), Some("n1-0000000000000007"));
/// assert_eq!(event.str("host.name"), Some("gate"));
/// ```
#[derive(Debug, Clone)]
pub struct Parser {
    node: String,
    zone: TimeZone,
    full_run: usize,
    selection: Option<Selection>,
}

impl Parser {
    /// A parser for the records of the spool of `node`, whose name begins every event id. Times
    /// without a zone are taken as UTC.
    pub fn new(node: &str) -> Self {
        Parser {
            node: node.to_owned(),
            zone: TimeZone::UTC,
            full_run: 1_024,
            selection: None,
        }
    }

    /// Takes times without a zone in `zone`.
    pub fn with_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// Of Windows events that arrive as JSON or stand in EVTX files only `fields` are needed: an
    /// event then has these of its fields, and others may be missing. Much faster, for those who
    /// only match rules.
    pub fn with_windows_fields(mut self, fields: FieldSet) -> Self {
        self.selection = Some(Selection::new(fields));
        self
    }

    /// Takes a run of at least this many records as full (default 1,024): an unfinished audit
    /// event at its start is then not waited for.
    pub fn with_full_run(mut self, records: usize) -> Self {
        self.full_run = records;
        self
    }

    /// Parses a run of consecutive records, each with its sequence number in the spool.
    ///
    /// Every record becomes exactly one event, or is joined to the event of an earlier record of
    /// the run. Nothing is refused: what nobody understands is an event of dataset `generic` with
    /// the tag `_unparsed` and a reason in `error.message`.
    ///
    /// An audit event whose lines may still be arriving (its last one was received less than two
    /// seconds before `now`) ends the run before it, see [`Parsed::consumed`].
    pub fn parse(&self, records: &[(u64, Record<'_>)], now: Timestamp) -> Parsed {
        let joined = audit_join::join(records, now, &self.zone, records.len() >= self.full_run);
        let mut out = BatchBuilder::expecting(records.len());
        let selection = self.selection.as_ref();
        let mut selector = selection.map(|selection| Selector::new(selection, &mut out));
        let mut tally = Tallies::default();
        let mut consumed = 0;
        // No event may be divided: the run can end only after the last line of those begun.
        let mut last = 0;
        while consumed < joined.end {
            let at = consumed;
            let (seq, record) = &records[at];
            let understood = match joined.group_of.get(&at).map(|&group| &joined.groups[group]) {
                None => {
                    let json = selector.as_mut().filter(|_| record.format == Format::Json);
                    json.is_some_and(|selector| selector.read(&mut out, &self.node, *seq, record))
                        || self.one(&mut out, *seq, record)
                }
                Some(group) if group.lines[0] == at => self.joined(&mut out, records, &group.lines),
                Some(_) => true,
            };
            tally.count(record, understood);
            last = last.max(joined.last_of(at));
            consumed += 1;
            if out.columns() > COLUMNS_MAX && last < consumed {
                break;
            }
        }
        Parsed {
            batch: out.finish(),
            consumed,
            tally: tally.list,
        }
    }

    /// Writes the event of one record; `false` if nobody understood it.
    fn one(&self, out: &mut BatchBuilder, seq: u64, record: &Record<'_>) -> bool {
        let text = String::from_utf8_lossy(record.payload);
        self.event(out, seq, record, &text, record.payload, |row| {
            interpret(row, record.format, &text)
        })
    }

    /// Writes the event of several audit lines.
    fn joined(
        &self,
        out: &mut BatchBuilder,
        records: &[(u64, Record<'_>)],
        lines: &[usize],
    ) -> bool {
        let (seq, record) = &records[lines[0]];
        let texts: Vec<Cow<'_, str>> = lines
            .iter()
            .map(|&at| String::from_utf8_lossy(records[at].1.payload))
            .collect();
        let text = texts.join("\n");
        let bytes = match texts.iter().any(|text| matches!(text, Cow::Owned(_))) {
            true => lines
                .iter()
                .map(|&at| records[at].1.payload)
                .collect::<Vec<_>>()
                .join(&b'\n'),
            false => text.clone().into_bytes(),
        };
        self.event(out, *seq, record, &text, &bytes, |row| {
            if lines.len() > 1 {
                row.set("event.record_count", lines.len() as i64);
            }
            line::audit(row, &texts)
        })
    }

    /// Writes a Windows event that did not come through the spool (a file that is scanned) to
    /// `out`, as if it had arrived at `received` under number `seq`. More fields may be set
    /// before [`BatchBuilder::end_event`]. With [`Parser::with_windows_fields`] these fields are
    /// set and what else the log holds, but nothing that is derived. Without [`WindowsEvent::original`] the event has no
    /// `event.original`.
    pub fn windows_event(
        &self,
        out: &mut BatchBuilder,
        seq: u64,
        received: Timestamp,
        source: &str,
        event: &WindowsEvent,
    ) {
        let mut row = Row::new(out, received, &self.zone);
        if let Some(selection) = self.served() {
            windows::write_log(&mut row, event);
            return self.finish_selected(row, seq, source, selection);
        }
        windows::write(&mut row, event);
        let original = event.original.as_deref().unwrap_or_default();
        let record = Record {
            received,
            source,
            format: Format::WindowsXml,
            peer: None,
            truncated: false,
            payload: original.as_bytes(),
        };
        self.finish(row, seq, &record, event.original.as_deref());
    }

    /// What is wanted of Windows events, if it can be given without deriving fields from others.
    pub(crate) fn served(&self) -> Option<&Selection> {
        self.selection.as_ref().filter(|it| it.is_served())
    }

    pub(crate) fn event_id(&self, seq: u64) -> String {
        format!("{}-{seq:016x}", self.node)
    }

    fn event(
        &self,
        out: &mut BatchBuilder,
        seq: u64,
        record: &Record<'_>,
        text: &str,
        bytes: &[u8],
        interpret: impl FnOnce(&mut Row<'_>) -> Result<(), Unparsed>,
    ) -> bool {
        let mut row = Row::new(out, record.received, &self.zone);
        if text.as_bytes() != bytes {
            row.tag("_invalid_utf8");
        }
        if record.truncated {
            row.tag("_truncated");
        }
        // The parsers do not panic. Should one, this record must not stop all that follow.
        let result = catch_unwind(AssertUnwindSafe(|| interpret(&mut row))).unwrap_or_else(|_| {
            row.tag("_parser_panic");
            Err("the parser failed on this record".into())
        });
        if let Err(reason) = &result {
            row.clear();
            row.tag("_unparsed");
            row.set("error.message", reason.as_ref());
        }
        if text.as_bytes() != bytes {
            row.set("event.original_base64", STANDARD.encode(bytes));
        }
        self.finish(row, seq, record, Some(text));
        out.end_event();
        result.is_ok()
    }

    /// Fields that every event has, those that are wanted.
    fn finish_selected(&self, mut row: Row<'_>, seq: u64, source: &str, selection: &Selection) {
        row.settle_time();
        let dataset = row.dataset.take();
        row.text("data_stream.dataset", dataset.as_deref());
        let received = row.received;
        if selection.id {
            row.set("event.id", self.event_id(seq));
        }
        if selection.ingested {
            row.set("event.ingested", received);
        }
        if selection.source {
            row.set("log.source.id", source);
        }
    }

    /// Fields that every event has; `text` is what arrived, where there is such a thing.
    fn finish(&self, mut row: Row<'_>, seq: u64, record: &Record<'_>, text: Option<&str>) {
        row.settle_time();
        let dataset = row.dataset.take().unwrap_or_else(|| "generic".to_owned());
        row.set("data_stream.dataset", dataset);
        row.set("event.ingested", record.received);
        row.set("event.id", self.event_id(seq));
        if let Some(text) = text {
            row.set("event.original", text);
        }
        row.set("log.source.id", record.source);
        if let Some(peer) = record.peer {
            row.set("log.source.address", peer.to_canonical().to_string());
        }
        let tags: Vec<Value> = row.tags().iter().map(|tag| Value::from(&**tag)).collect();
        if !tags.is_empty() {
            row.set("tags", Value::List(tags.into()));
        }
    }
}

fn interpret(row: &mut Row<'_>, format: Format, text: &str) -> Result<(), Unparsed> {
    match format {
        Format::Syslog => line::syslog(row, text),
        Format::Line => line::bare(row, text),
        Format::Json => document::json(row, text),
        Format::Hec => document::hec(row, text),
        Format::WindowsXml => windows(row, text),
    }
}

/// One Windows event as XML.
fn windows(row: &mut Row<'_>, text: &str) -> Result<(), Unparsed> {
    let event = WindowsEvent::from_xml(text.trim()).map_err(|error| error.to_string())?;
    windows::write(row, &event);
    Ok(())
}

#[derive(Default)]
struct Tallies {
    list: Vec<Tally>,
}

impl Tallies {
    fn count(&mut self, record: &Record<'_>, understood: bool) {
        // Records of one source come in runs.
        let known = self
            .list
            .iter()
            .rposition(|tally| tally.source == record.source);
        let at = known.unwrap_or_else(|| {
            self.list.push(Tally {
                source: record.source.to_owned(),
                records: 0,
                unparsed: 0,
                last_received: record.received,
            });
            self.list.len() - 1
        });
        let tally = &mut self.list[at];
        tally.records += 1;
        tally.unparsed += u64::from(!understood);
        tally.last_received = tally.last_received.max(record.received);
    }
}
