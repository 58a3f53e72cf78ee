//! Sigma: parse, compile, match.
//!
//! Invariant: matching reads the event and the compiled rules, nothing else. This crate does no
//! I/O, knows no async and reads no clock. So replaying March gives March's matches.
//!
//! ```
//! use std::sync::Arc;
//! use saqshy_event::BatchBuilder;
//! use saqshy_sigma::{Engine, Pipeline, parse_rules};
//!
//! let yaml = "
//! title: Names asked of a tunnel
//! logsource: {category: dns}
//! detection:
//!     selection: {query|endswith: .tunnel.example}
//!     condition: selection
//! ";
//! let rules = parse_rules(yaml, "tunnel.yml".as_ref());
//! let rules = rules.into_iter().map(|rule| rule.map(Arc::new)).collect::<Result<_, _>>()?;
//! let (engine, refused) = Engine::compile(rules, &Pipeline::default());
//! assert!(refused.is_empty());
//!
//! let mut batch = BatchBuilder::default();
//! batch.set("dns.question.name", "A1.TUNNEL.example");
//! batch.end_event();
//! assert_eq!(engine.matches(&batch.finish()).len(), 1);
//! # Ok::<(), saqshy_sigma::RuleError>(())
//! ```
//!
//! # Where the specification leaves room
//!
//! - Letter case: simple folding on both sides, see [`fold`].
//! - `null` holds for an absent field too; `''` and `*` only for a present one.
//! - `neq` turns the result of its line round, so an absent field is different from every value,
//!   as `not` has it.
//! - A list holds if one of its items does. With `all`, different items may meet different values.
//! - A number in a rule is text: the event's text or number must read the same. `0x1f` also
//!   matches `31`.
//! - `windash` takes a dash or slash as the start of a flag unless a letter, digit or `_` stands
//!   before it.
//! - `cidr` takes an IPv4-mapped IPv6 address as IPv4.
//! - Time parts are read as written, without time zones; a value of type date is in UTC.
//! - Keywords are searched in the values of all fields that say what happened; in
//!   `event.original` only where it is a line, not a JSON or XML document. Of a Windows event
//!   the message, the data and the names of the log are searched, not the ECS fields made of them.
//! - A placeholder without values matches nothing; [`Engine::warnings`] says so.
//! - `1 of them` and patterns leave out names that begin with `_`, unless the pattern does.

mod condition;
mod correlation;
mod detection;
mod engine;
mod error;
mod explain;
mod fields;
mod filter;
pub mod fold;
mod glob;
mod head;
mod keywords;
mod link;
mod matcher;
mod modifier;
pub mod oracle;
mod pipeline;
mod processing;
mod resolve;
mod rule;
mod yaml;

pub use condition::Condition;
pub use correlation::{Bound, Correlation, CorrelationCondition, CorrelationKind, Relation};
pub use detection::{Detection, Item, NamedSearch, Search, Test, WrittenCondition};
pub use engine::{Engine, Warning};
pub use error::{Reason, RuleError};
pub use explain::{
    ConditionExplanation, Explanation, GateExplanation, ItemExplanation, SearchExplanation,
    VariantExplanation, explain,
};
pub use fields::FieldReader;
pub use filter::{Filter, FilterRules};
pub use glob::{DASHES, Glob, Part};
pub use link::{Linked, Links, Referred, link};
pub use matcher::{Matcher, Number, Op, Pattern, Side, TimePart};
pub use pipeline::{Pipeline, PipelineError};
pub use rule::{
    Document, Level, LogSource, Origin, Related, Rule, Status, parse_documents, parse_rules,
};

/// A rule holds for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Match {
    /// Row of the event in its batch.
    pub row: u32,
    /// Index of the rule among those given.
    pub rule: u32,
}
