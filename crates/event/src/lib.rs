//! Events: field names, columnar batches, parsers, normalisation to ECS.
//!
//! Invariant: this crate does no I/O, knows no async and reads no clock. Parsing the same records
//! again gives the same events with the same ids.

mod batch;
pub mod evtx;
mod linux;
pub mod names;
mod parse;
mod record;
mod value;
mod windows;

pub use batch::{ABSENT, Batch, BatchBuilder, Column, EventRef};
pub use names::{EcsType, ecs_type};
pub use parse::{Parsed, Parser, Tally};
pub use record::{Format, Record, RecordError};
pub use value::Value;
pub use windows::{WindowsEvent, XmlError, winlogbeat_json};
