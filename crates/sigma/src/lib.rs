//! Sigma: parse, compile, match.
//!
//! Invariant: matching reads the event and the compiled rules, nothing else. This crate does no
//! I/O, knows no async and reads no clock.

mod condition;
mod detection;
mod engine;
mod error;
mod explain;
pub mod fold;
mod glob;
mod keywords;
mod matcher;
mod modifier;
pub mod oracle;
mod pipeline;
mod resolve;
mod rule;
mod yaml;

pub use condition::Condition;
pub use detection::{Detection, Item, NamedSearch, Search, Test, WrittenCondition};
pub use engine::{Engine, Warning};
pub use error::{Reason, RuleError};
pub use explain::{
    ConditionExplanation, Explanation, GateExplanation, ItemExplanation, SearchExplanation,
    VariantExplanation, explain,
};
pub use glob::{DASHES, Glob, Part};
pub use matcher::{Matcher, Number, Op, Pattern, Side, TimePart};
pub use pipeline::{Pipeline, PipelineError};
pub use rule::{
    Document, Level, LogSource, Meta, Origin, Related, Rule, Status, parse_documents, parse_rules,
};

/// A rule holds for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Match {
    /// Row of the event in its batch.
    pub row: u32,
    /// Index of the rule among those given.
    pub rule: u32,
}
