//! Detection in service: rule sets from folders, hits with deterministic ids, hits grouped to
//! alerts.
//!
//! Invariant: the same rules over the same events give the same hit and alert ids, so a replay
//! after a crash finds what it already wrote instead of writing it twice.

mod alert;
pub mod attack;
pub mod correlate;
mod detector;
mod exceptions;
mod head;
mod hit;
mod ruleset;
pub mod samples;
pub mod stored;

pub use alert::{AlertDraft, group};
pub use detector::{Detector, Found};
pub use exceptions::{Exception, Exceptions, FieldIs};
pub use head::{Head, HeadKind};
pub use hit::{Entity, Hit, level_of};
pub use ruleset::{Refusal, RuleSet, read_text};
pub use saqshy_sigma::Level;
