//! The search language.
//!
//! ```text
//! source.ip:10.0.0.0/8 and process.name:powershell* and not user.name:svc_*
//! ```
//!
//! | written | found |
//! |---|---|
//! | `user.name:aigerim` | events whose field equals the value; letter case does not matter |
//! | `user.name:"Айгерім С."` | the same, for a value with spaces or signs |
//! | `process.name:power*` | `*` any run of characters, `?` one character; not inside quotes |
//! | `source.ip:10.0.0.0/8` | addresses in a network, IPv4 or IPv6, in any field that holds addresses |
//! | `source.port:>=1024`, `source.port:[1 TO 1023]` | ranges; `{`, `}` exclude the bound, `*` leaves it open |
//! | `@timestamp:2026-03-20` | that day (UTC); also a year, a month, a minute, or RFC 3339 |
//! | `user.name:(anna or boris)` | alternatives for one field |
//! | `process.command_line:/-enc(odedcommand)?/` | regular expression, anywhere in the value, case-insensitive |
//! | `user.name:*` | the field is there |
//! | `user.*:admin` | any field whose name fits |
//! | `kerberos "logon failure"` | free text: both occur in some text of the event |
//! | `and`, `or`, `not`, `-x`, `!x`, `( )` | `not` binds tighter than `and`, `and` tighter than `or`; side by side means `and` |
//!
//! A field with several values matches when one of them does. Text is compared as text, numbers
//! in fields that ECS types as numbers as numbers. A range over a text field compares numbers
//! where both sides are numbers, addresses where both are addresses, else letters.
//!
//! A backslash takes the meaning from one of `\ * ? " ( ) : / [ ] { } < > = ! & | -`, a space; before
//! any other character it stands for itself, so `C:\Windows\notepad.exe` needs no doubling (but
//! `\*` is a star: write `C:\Windows\\*`). Inside quotes only `\"` and `\\` are special.

mod ast;
mod matcher;
pub mod oracle;
mod parser;

pub use ast::{Bound, FieldName, Glob, Leaf, Node, Piece, Query, Test};
pub(crate) use matcher::{Matcher, name_fits};
pub use parser::parse;

/// Why a text is not a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct QueryError {
    /// Where, counted in characters from 1.
    pub column: usize,
    pub message: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}
