//! From spool records to events: what is common to all formats.

mod document;
mod json;
mod line;
mod row;
mod stamp;
mod syslog;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Batch, BatchBuilder, Format, Record, Value};
use row::Row;

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
}

impl Parser {
    /// A parser for the records of the spool of `node`, whose name begins every event id. Times
    /// without a zone are taken as UTC.
    pub fn new(node: &str) -> Self {
        Parser {
            node: node.to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// Takes times without a zone in `zone`.
    pub fn with_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// Parses a run of consecutive records, each with its sequence number in the spool.
    ///
    /// Every record becomes exactly one event, or is joined to the event of an earlier record of
    /// the run. Nothing is refused: what nobody understands is an event of dataset `generic` with
    /// the tag `_unparsed` and a reason in `error.message`.
    pub fn parse(&self, records: &[(u64, Record<'_>)], now: Timestamp) -> Parsed {
        let _ = now;
        let mut out = BatchBuilder::default();
        let mut tally = Tallies::default();
        let mut consumed = 0;
        for (seq, record) in records {
            let understood = self.one(&mut out, *seq, record);
            tally.count(record, understood);
            consumed += 1;
            if out.columns() > COLUMNS_MAX {
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
        let mut row = Row::new(out, record.received, &self.zone);
        if matches!(text, Cow::Owned(_)) {
            row.tag("_invalid_utf8");
        }
        if record.truncated {
            row.tag("_truncated");
        }
        // The parsers do not panic. Should one, this record must not stop all that follow.
        let result = catch_unwind(AssertUnwindSafe(|| {
            interpret(&mut row, record.format, &text)
        }))
        .unwrap_or_else(|_| {
            row.tag("_parser_panic");
            Err("the parser failed on this record".into())
        });
        if let Err(reason) = &result {
            row.clear();
            row.tag("_unparsed");
            row.set("error.message", reason.as_ref());
        }
        self.finish(row, seq, record, &text);
        out.end_event();
        result.is_ok()
    }

    /// Fields that every event has.
    fn finish(&self, mut row: Row<'_>, seq: u64, record: &Record<'_>, text: &str) {
        row.settle_time();
        let dataset = row.dataset.take().unwrap_or_else(|| "generic".to_owned());
        row.set("data_stream.dataset", dataset);
        row.set("event.ingested", record.received);
        row.set("event.id", format!("{}-{seq:016x}", self.node));
        row.set("event.original", text);
        if text.as_bytes() != record.payload {
            row.set("event.original_base64", STANDARD.encode(record.payload));
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
        Format::WindowsXml => Err("Windows XML".into()),
    }
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
