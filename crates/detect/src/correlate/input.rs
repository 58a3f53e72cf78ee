use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A hit as correlations see it: of a rule, or of another correlation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The hit's id, or that of the firing.
    pub id: String,
    /// Id of the rule or correlation.
    pub rule: String,
    /// The event that matched; for a firing the event that ended its first window.
    pub event_id: String,
    pub at: Timestamp,
    /// What correlations ask of it, under the names that they use.
    pub fields: BTreeMap<String, String>,
    pub dataset: String,
    pub host: Option<String>,
    pub user: Option<String>,
    pub source_ip: Option<String>,
    /// [`super::Generations::now`] when it was taken in; 0 until then.
    #[serde(default)]
    pub generation: u64,
}

/// Where a hit stands among all: time, event, then rules before the correlations over them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    pub at: Timestamp,
    pub event_id: String,
    /// 0 for the hit of a rule, else the place of the correlation plus 1.
    pub rank: u32,
    pub id: String,
}

impl Input {
    pub(crate) fn key(&self, rank: u32) -> Key {
        Key {
            at: self.at,
            event_id: self.event_id.clone(),
            rank,
            id: self.id.clone(),
        }
    }
}

/// Longest value of a field that is kept, in bytes. Longer ones are cut; values that differ only
/// behind the cut count as equal.
pub(crate) const VALUE_BYTES_MAX: usize = 1_024;

pub(crate) fn fit(text: &str) -> &str {
    &text[..text.floor_char_boundary(VALUE_BYTES_MAX)]
}
