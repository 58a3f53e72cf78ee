//! Files of records: of which kind a file is, and where one record ends.
//!
//! [`sniff`] tells by the first bytes of a file what it holds, [`Blocks`] divides it. EVTX files
//! are read by [`crate::evtx`].

mod blocks;
mod sniff;
mod table;

pub use blocks::{Block, Blocks, Problem};
pub use sniff::{HEAD_BYTES, Sniffed, sniff};
pub use table::Table;

/// What a file of records holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One record a line: syslog, auditd, web server, JSON, Windows XML; told apart line by line.
    Lines,
    /// As [`Kind::Lines`], where every line should be a JSON object.
    JsonLines,
    /// JSON objects: an array of them, or one after another over several lines.
    Json,
    /// `<Event>` elements, as Event Viewer exports them.
    WindowsXml,
    /// Rows below a header.
    Table(Table),
}
