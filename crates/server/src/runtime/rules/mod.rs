//! The rules in service: loaded from their sets, compiled, changed without a restart.
//!
//! A change compiles the next [`RuleService`] beside the running one, writes what was decided with
//! its journal leaf in one transaction, and only then puts the new one in place. A run of the
//! pipeline keeps the one that it began with, so no event is lost; what cannot be compiled or
//! written leaves the old one in service.

mod archive;
mod change;
mod mode;
mod service;

pub mod backtest;
pub mod bundle;
pub mod cost;
pub mod exceptions;
pub mod gather;
pub mod intervals;
pub mod quiet;
pub mod sets;
pub mod simulate;

use saqshy_casework::Migration;

pub use change::{import_set, remove_set, set_mode, set_set_mode};
pub use mode::{Decision, Mode};
pub use service::{Group, Origin, RuleService};
pub use sets::{StoredSet, import_into_data_dir, sets_of_data_dir};

/// Applied after those of the runtime, whose table `rule_state` they take over.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "rule sets, modes, intervals, exceptions",
        sql: include_str!("../../../migrations/0001_rules.sql"),
    },
    Migration {
        version: 2,
        name: "back-tests",
        sql: include_str!("../../../migrations/0002_backtest.sql"),
    },
];
