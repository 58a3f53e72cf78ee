use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use saqshy_law::{Calendar, CaseFact, Clock, Duty, Pack, Profile, Text3};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A category of incidents from the organisation's own table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub id: String,
    pub title: Text3,
}

/// The law an incident is under: the packs in force here, who the organisation is, its calendar,
/// and its own tables.
pub struct Law {
    pub packs: Vec<Pack>,
    pub profile: Profile,
    pub calendar: Calendar,
    /// Categories an incident may have; any text if the list is empty.
    pub categories: Vec<Category>,
}

impl Law {
    /// Every clock of every pack, computed from the history of one incident; the earliest due
    /// time first.
    pub fn clocks(&self, facts: &[CaseFact], now: Timestamp) -> Vec<Clock> {
        saqshy_law::clocks_of_all(&self.packs, &self.profile, &self.calendar, facts, now)
    }

    /// The duty with this id and the pack it is from.
    pub fn duty(&self, id: &str) -> Option<(&Pack, &Duty)> {
        self.packs
            .iter()
            .find_map(|pack| Some((pack, pack.duty(id)?)))
    }

    /// The zone in which the organisation counts its days and years; UTC if its name is unknown.
    pub fn zone(&self) -> TimeZone {
        TimeZoneDatabase::bundled()
            .get(&self.profile.zone)
            .unwrap_or(TimeZone::UTC)
    }

    pub(crate) fn check_category(&self, category: &str) -> Result<()> {
        if category.is_empty()
            || self.categories.is_empty()
            || self.categories.iter().any(|known| known.id == category)
        {
            return Ok(());
        }
        Err(Error::invalid(
            "category",
            format!("`{category}` is not in the organisation's list"),
        ))
    }
}
