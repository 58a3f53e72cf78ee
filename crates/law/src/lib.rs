//! The law as data: packs, calendars, terms and the clocks that follow from them.
//!
//! Everything here is a pure function of (pack, calendar, facts, now). Nothing reads a clock, a file
//! or the network: packs and calendars come in as texts, time comes in as an argument. The zone
//! database is the one that is compiled in.
//!
//! ```
//! use std::collections::BTreeMap;
//! let pack = saqshy_law::Pack::parse(&BTreeMap::from([("pack.toml".to_owned(), r#"
//! id = "xx/act"
//! version = 1
//! title = { kk = "Акт", ru = "Акт", en = "Act" }
//! source = { kk = "-", ru = "-", en = "-" }
//! known_until = "2026-01-01"
//! known_until_note = { kk = "-", ru = "-", en = "-" }
//! [[edition]]
//! id = "first"
//! title = { kk = "-", ru = "-", en = "-" }
//! signed = "2020-01-01"
//! in_force = "2020-01-01"
//! [[party]]
//! id = "owner"
//! bearer = true
//! title = { kk = "-", ru = "-", en = "owner" }
//! [[clause]]
//! id = "C-1"
//! citation = { kk = "-", ru = "-", en = "-" }
//! title = { kk = "-", ru = "-", en = "-" }
//! served = "scope"
//! "#.to_owned())])).unwrap();
//! assert_eq!(pack.clauses.len(), 1);
//! ```

mod calendar;
mod clock;
mod error;
mod facts;
mod list;
mod pack;
mod periods;
mod profile;
mod steps;
mod term;
mod text;

pub use calendar::{Calendar, Day, Reason, Week, Year};
pub use clock::{CaseFact, Clock, ClockKind, ClockStatus, Flag, clocks, clocks_of_all};
pub use error::PackError;
pub use list::{DutyRow, ListError, duties, parse_trigger, periodic_duties};
pub use pack::{
    Access, AccessKind, Amendment, CalendarUse, Category, CategoryOf, CheckItem, Checklist, Clause,
    Definition, Duty, Edition, Field, FieldKind, Gate, Kept, Pack, Party, Reading, Register,
    RenderError, Rendered, Retention, Rule, Served, Setting, Status,
};
pub use periods::periods;
pub use profile::Profile;
pub use term::{AMOUNT_MAX, Due, From, OffDay, OutOfRange, Pause, Term, Unit};
pub use text::{Lang, Text3};
