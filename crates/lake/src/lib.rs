//! The event table: fresh events in memory, everything else in Delta Lake, searched as one.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use futures::StreamExt;
//! use saqshy_event::BatchBuilder;
//! use saqshy_lake::{Lake, LakeConfig, SearchEvent, SearchRequest, query};
//!
//! let folder = tempfile::tempdir()?;
//! let now: jiff::Timestamp = "2026-03-20T09:30:00Z".parse()?;
//! let lake = Lake::open(LakeConfig::new(folder.path()), "node1").await?;
//!
//! let mut builder = BatchBuilder::default();
//! builder.set("@timestamp", now);
//! builder.set("event.ingested", now);
//! builder.set("source.ip", "10.20.0.5");
//! builder.end_event();
//! lake.append(builder.finish(), 1, now).await?; // searchable from here on
//!
//! let query = query::parse("source.ip:10.0.0.0/8")?;
//! let mut found = lake.search(SearchRequest { query, from: None, to: None, limit: 10, newest_first: true });
//! while let Some(message) = found.next().await {
//!     if let SearchEvent::Event(event) = message? {
//!         assert_eq!(event["source.ip"], "10.20.0.5");
//!     }
//! }
//! lake.flush(now).await?; // on disk, with the spool position, from here on
//! assert_eq!(lake.position(), 1);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # The table
//!
//! `events`, one Delta table. Columns bear the fields' dotted names (`"source.ip"` in SQL). A
//! column appears when its field is first seen, typed as ECS types the field, else text. What has
//! no column — a value that its type would change, a field beyond a dataset's cap, a name that
//! Delta readers refuse or that differs from another only in letter case — is kept as text in the
//! map `_overflow` and found under its own name all the same. A field with several values is a
//! JSON array of strings in its text column.
//!
//! Partitions are the day of **receipt** (`event.ingested_day`) and `data_stream.dataset`:
//! retention counts from receipt, so a day expires as whole folders, and an event with a false
//! clock lands beside those that came with it instead of opening a folder in 1970. Searches are by
//! `@timestamp`; each file's least and greatest are in the table's log, and files outside the time
//! asked for are not opened.
//!
//! # Reading
//!
//! The search language ([`query`]) is evaluated on Arrow columns straight from Parquet: a condition
//! is decided once per distinct value of a column, costly columns are decoded only for rows that
//! the cheap ones left, a file without the field is not read at all, and a row group whose
//! dictionary holds no value that fits is left after its dictionary. SQL runs on DataFusion
//! over the same files.
//!
//! # Exactly once
//!
//! A flush writes files, syncs them, then commits them together with the spool position as the
//! Delta application transaction `spool/<node>`. Before the commit the files are nothing (deleted
//! at the next start), after it the position says that their records are done.
//!
//! Invariant: one process writes; nothing here reads the clock.

mod ask;
mod compact;
mod convert;
mod error;
mod eval;
mod file;
mod footer;
mod lake;
mod merge;
pub mod query;
mod rows;
mod scan;
mod schema;
mod search;
mod sql;
mod stored;
mod table;
mod time;

pub use ask::{FileFinding, SAMPLE_ROWS};
pub use compact::Compaction;
pub use error::LakeError;
pub use file::LakeFile;
pub use lake::{Flushed, Lake, LakeConfig, LakeUsage};
pub use schema::{
    COLUMN_DATASET, COLUMN_DAY, COLUMN_ID, COLUMN_INGESTED, COLUMN_ORIGINAL, COLUMN_OVERFLOW,
    COLUMN_TIMESTAMP,
};
pub use search::{
    Done, FieldSummary, LIMIT_MAX, Progress, SearchEvent, SearchRequest, SearchStream,
};
pub use sql::{SQL_ROWS_MAX, SqlColumn, SqlStream};
pub use stored::stored_form;
