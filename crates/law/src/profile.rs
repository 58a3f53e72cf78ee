//! Who the organisation is under the law.

use crate::calendar::Week;
use crate::pack::Pack;
use std::collections::BTreeMap;

/// Which roles the organisation has and how it counts days.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Profile {
    /// Ids of the parties that the organisation is: `sts` under every act that knows it,
    /// `kz/o199:sts` under that act alone.
    pub bearers: Vec<String>,
    /// IANA name of the time zone, such as `Asia/Almaty`.
    pub zone: String,
    /// The working week.
    pub week: Week,
    /// Values of the packs' settings.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

impl Profile {
    /// Ids of the parties that the organisation is, without the acts they are narrowed to.
    pub fn parties(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for bearer in &self.bearers {
            let id = bearer.split_once(':').map_or(bearer.as_str(), |(_, id)| id);
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
        ids
    }

    /// True when the organisation is `party` under the pack's act, itself or as the whole of which
    /// the party is a unit.
    pub fn is(&self, pack: &Pack, party: &str) -> bool {
        self.bearers.iter().any(|bearer| {
            let own = match bearer.split_once(':') {
                Some((act, own)) if act == pack.id => own,
                Some(_) => return false,
                None => bearer,
            };
            pack.is_part(party, own)
        })
    }
}
