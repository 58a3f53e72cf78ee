//! What must outlive the process, and what changed of it.
//!
//! The state of correlations is a function of the hits within their timespans and of the firings
//! that are still open. Both are small records that the caller stores in the transaction that
//! also stores the alerts and its position.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Input;
use super::input::Key;

/// A firing that may still grow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Firing {
    /// 32 hexadecimal digits, a function of the correlation, the group, and the first and last
    /// hit of the window that fired first.
    pub id: String,
    /// When the window that fired first began and ended.
    pub from: Timestamp,
    pub at: Timestamp,
    /// The last hit that belongs to it.
    pub(crate) last: Key,
}

/// An open firing with where it belongs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedFiring {
    /// Id of the correlation.
    pub correlation: String,
    /// Values of its `group-by`.
    pub group: Vec<String>,
    pub firing: Firing,
    /// [`Generations::now`] when it was last changed.
    #[serde(default)]
    pub generation: u64,
}

/// Which of the state belongs to which correlation in its present form.
///
/// Every change that puts a correlation into service, or into another form, has a number, one
/// higher than the last. Inputs and firings carry the number at which they were taken in. A
/// correlation uses none that is older than its own form. So what was switched off, or has
/// another text now, begins with nothing; the others keep what they have, although hits of a rule
/// are stored once for all correlations over it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generations {
    /// Number of the latest change.
    pub now: u64,
    /// Correlation → number of the change that put it into service in its present form. One that
    /// is not named uses everything.
    pub since: BTreeMap<String, u64>,
}

/// All that a [`super::Correlator`] is rebuilt from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    pub watermark: Option<Timestamp>,
    /// In any order; those that are not needed any more are passed over.
    pub inputs: Vec<Input>,
    pub firings: Vec<SavedFiring>,
    #[serde(default)]
    pub generations: Generations,
}

/// What changed since it was asked last.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub watermark: Option<Timestamp>,
    pub added: Vec<Arc<Input>>,
    /// Rule → inputs of it before this time are not needed any more.
    pub floors: Vec<(String, Timestamp)>,
    /// New or changed firings; one for each correlation and group.
    pub fired: Vec<SavedFiring>,
    /// Correlations and groups whose firing is over.
    pub closed: Vec<(String, Vec<String>)>,
}

impl Changes {
    /// Whether there is nothing to add; floors alone can wait.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.fired.is_empty() && self.closed.is_empty()
    }
}

impl Saved {
    /// The state after `changes`: what a store does with them.
    pub fn apply(&mut self, changes: Changes) {
        self.watermark = changes.watermark;
        self.inputs
            .extend(changes.added.iter().map(|input| (**input).clone()));
        let floors: HashMap<String, Timestamp> = changes.floors.into_iter().collect();
        let needed = |input: &Input| floors.get(&input.rule).is_none_or(|it| input.at >= *it);
        self.inputs.retain(needed);
        let gone: HashSet<(String, Vec<String>)> = changes
            .closed
            .into_iter()
            .chain(changes.fired.iter().map(SavedFiring::place))
            .collect();
        self.firings.retain(|saved| !gone.contains(&saved.place()));
        self.firings.extend(changes.fired);
    }
}

impl SavedFiring {
    fn place(&self) -> (String, Vec<String>) {
        (self.correlation.clone(), self.group.clone())
    }
}
