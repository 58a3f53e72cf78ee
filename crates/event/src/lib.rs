//! Events: field names, columnar batches, parsers, normalisation to ECS.
//!
//! ```
//! use saqshy_event::{Format, Parser, Record};
//! let received = "2026-03-20T13:02:15Z".parse().unwrap();
//! let line = b"<38>Mar 20 13:02:11 gate sshd[811]: Failed password for root from 203.0.113.24 port 40120 ssh2";
//! let record =
//!     Record { received, source: "gate", format: Format::Syslog, peer: None, truncated: false, payload: line };
//! let parsed = Parser::new("n1").parse(&[(7, record)], received);
//! let event = parsed.batch.event(0);
//! assert_eq!(event.str("source.ip"), Some("203.0.113.24"));
//! assert_eq!(event.str("event.outcome"), Some("failure"));
//! ```
//!
//! The way of a record: [`Parser::parse`] chooses by [`Format`], `parse/line.rs` and
//! `parse/document.rs` recognise what it is, `linux/` and `windows/` know the fields, and
//! `parse/row.rs` writes them with their type to the [`BatchBuilder`].
//!
//! Invariant: this crate does no I/O, knows no async and reads no clock. Parsing the same records
//! again gives the same events with the same ids.

mod batch;
pub mod evtx;
mod linux;
pub mod names;
mod parse;
pub mod read;
mod record;
mod text;
mod value;
mod windows;

pub use batch::{ABSENT, Batch, BatchBuilder, Column, EventRef, Given};
pub use names::{EcsType, ecs_type};
pub use parse::{FieldSet, Parsed, Parser, Tally};
pub use record::{Format, Record, RecordError};
pub use text::Text;
pub use value::Value;
pub use windows::{Pairs, WindowsEvent, XmlError, winlogbeat_json};
