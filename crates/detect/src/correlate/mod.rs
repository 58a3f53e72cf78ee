//! Correlations over hits, in the order in which the events happened.
//!
//! # Meaning
//!
//! The hits of a correlation's rules are split into groups by the values of `group-by`; a hit
//! without one of these values belongs to no group. Within a group, hits stand in the order of
//! event time, then event id. Every hit `e` ends a window: `e` and all hits before it that are
//! not further from `e` than `timespan`. The condition is asked of the window of every hit.
//!
//! Where it holds, the correlation *fires*. What fires within `timespan` of a first firing belongs
//! to it and only adds its hits; the next firing after that is a new one. So a correlation that
//! goes on gives one alert for each `timespan`, and each alert holds every hit of its windows.
//!
//! A firing is itself a hit, at the time of `e` and with the fields of `e` and of its group, for
//! correlations that refer to it.
//!
//! # Late and repeated hits
//!
//! Hits arrive in any order; they wait until the watermark, which the caller moves, has passed
//! them, and are then taken in order. A hit before the watermark is late: it is counted and left
//! out. A hit whose id is known is counted once. So the result is the same for every order of
//! arrival in which nothing is late; `oracle` defines it over the whole list.
//!
//! # Changes of rules
//!
//! A correlation counts hits that arrived since it has been in service in its present form. That
//! form is its own text, the texts of the rules and correlations below it with their filters, and
//! how each of them is in service ([`Plans::definitions`]); the field names that the pipeline
//! inside the program knows are no part of it. When any of this changes, the correlation begins
//! with nothing: no window reaches back over the change and no open firing grows across it. A
//! change that leaves the form as it was, and a restart, leave its state as it was
//! ([`Generations`]).
//!
//! # Memory
//!
//! [`Limits`] bound groups, hits of a group and hits altogether. Whatever is over a limit, the
//! oldest goes first, and [`Counters`] say how many.

mod clock;
mod correlator;
mod drafts;
mod groups;
mod input;
mod measure;
pub mod oracle;
mod plan;
mod state;

pub use clock::EventClock;
pub use correlator::{Correlator, Counters, Figures, Limits};
pub use input::Input;
pub(crate) use plan::InputReaders;
pub use plan::Plans;
pub use state::{Changes, Firing, Generations, Saved, SavedFiring};
