//! The groups of one correlation with their windows.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use saqshy_sigma::Correlation;

use super::input::Key;
use super::measure::{Measure, Sample};
use super::{Firing, Input};

/// The groups of one correlation.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub groups: HashMap<Vec<String>, Group>,
    /// Groups by their latest hit; the number tells equal times apart.
    pub by_age: BTreeMap<(Timestamp, u64), Vec<String>>,
    pub dropped: u64,
    pub late: u64,
    pub fired: u64,
}

#[derive(Debug)]
pub(super) struct Group {
    pub hits: VecDeque<(Arc<Input>, Key, Sample)>,
    pub measure: Measure,
    pub firing: Option<Firing>,
    pub age: (Timestamp, u64),
}

impl Groups {
    pub fn next_number(&self) -> u64 {
        self.by_age.last_key_value().map_or(0, |(age, _)| age.1 + 1)
    }

    /// The group, if its firing was stored.
    pub fn drop_oldest(&mut self) -> Option<Vec<String>> {
        let (_, values) = self.by_age.pop_first()?;
        let group = self.groups.remove(&values)?;
        group.firing.map(|_| values)
    }
}

impl Group {
    pub fn new(correlation: &Correlation, age: (Timestamp, u64)) -> Self {
        Group {
            hits: VecDeque::new(),
            measure: Measure::new(correlation),
            firing: None,
            age,
        }
    }

    pub fn drop_oldest(&mut self) {
        if let Some((_, _, sample)) = self.hits.pop_front() {
            self.measure.remove(&sample);
        }
    }
}
