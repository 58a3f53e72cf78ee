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

    /// The clocks of the duties that return every period, the earliest due time first.
    pub fn periods(&self, facts: &[CaseFact], now: Timestamp) -> Vec<Clock> {
        let packs = self.packs.iter();
        let of_pack = |pack| saqshy_law::periods(pack, &self.profile, &self.calendar, facts, now);
        let mut found: Vec<Clock> = packs.flat_map(of_pack).collect();
        found.sort_by_key(|clock| (clock.due.is_none(), clock.due));
        found
    }

    /// The duty with this id in the wording of an edition, as a clock or a notice names it, and
    /// the pack it is from. The newest wording only where no edition is named.
    pub fn duty_in(&self, id: &str, edition: &str) -> Option<(&Pack, &Duty)> {
        self.packs.iter().find_map(|pack| {
            let duty = match edition.is_empty() {
                true => pack.duty(id),
                false => pack.duty_in(id, edition),
            };
            Some((pack, duty?))
        })
    }

    /// Whether a duty belongs to an internal investigation: it begins with a fact of one, or asks
    /// for one. A person whom the investigation is about sees nothing of it.
    pub fn is_of_investigation(&self, duty: &str) -> bool {
        let tells = |text: &String| text.contains("investigation");
        let duties = self.packs.iter().flat_map(|pack| &pack.duties);
        let mut found = duties.filter(|one| one.id == duty);
        found.any(|one| tells(&one.id) || one.trigger.iter().chain(&one.stop).any(tells))
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
