//! The list that `saqshy law duties` prints.

use crate::calendar::Calendar;
use crate::clock::{CaseFact, ClockKind, Profile, clocks, zone_of};
use crate::pack::Pack;
use crate::text::Lang;
use jiff::Timestamp;

/// One duty with its due time, ready for JSON.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DutyRow {
    /// Duty id.
    pub id: String,
    /// Clause id.
    pub clause: String,
    /// Own or watched, and the time rule.
    pub kind: ClockKind,
    /// RFC 3339 with the profile's offset; absent while the clock does not run.
    pub due: Option<String>,
    /// Ids of the addressees.
    pub addressee: Vec<String>,
    /// Edition of the act.
    pub edition: String,
    /// How it was computed.
    pub steps: Vec<String>,
    /// False for a duty of somebody else that the bearer watches.
    pub own: bool,
    /// Who owes it.
    pub bearer: String,
}

/// Why the question could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The pack knows no such bearer.
    #[error("`{asked}` is no bearer of {act}; use one of: {known}")]
    Bearer {
        /// What was asked for.
        asked: String,
        /// The act.
        act: String,
        /// What there is.
        known: String,
    },
    /// A trigger is not `kind=time`.
    #[error(
        "`{0}` is not a trigger; write kind=time, such as incident.detected=2026-03-20T18:10+05:00"
    )]
    Trigger(String),
    /// The pack knows no such fact.
    #[error("{act} knows no fact `{asked}`; use one of: {known}")]
    Fact {
        /// What was asked for.
        asked: String,
        /// The act.
        act: String,
        /// What there is.
        known: String,
    },
}

/// Reads `kind=time`; the time is RFC 3339 with an offset, seconds may be left out.
pub fn parse_trigger(text: &str, seq: u64) -> Result<CaseFact, ListError> {
    let bad = || ListError::Trigger(text.to_owned());
    let (kind, time) = text.split_once('=').ok_or_else(bad)?;
    let at: Timestamp = time.trim().parse().map_err(|_| bad())?;
    match kind.trim() {
        "" => Err(bad()),
        kind => Ok(CaseFact::new(kind, at, seq)),
    }
}

/// The duties that `profile` owes or watches when `triggers` have happened.
///
/// The moment of the question is that of the last trigger, so nothing is overdue yet.
pub fn duties(
    pack: &Pack,
    profile: &Profile,
    calendar: &Calendar,
    triggers: &[CaseFact],
    lang: Lang,
) -> Result<Vec<DutyRow>, ListError> {
    for bearer in &profile.bearers {
        if !pack.parties.iter().any(|p| p.bearer && p.id == *bearer) {
            let known = pack.parties.iter().filter(|p| p.bearer);
            return Err(ListError::Bearer {
                asked: bearer.clone(),
                act: pack.id.clone(),
                known: known.map(|p| p.id.as_str()).collect::<Vec<_>>().join(", "),
            });
        }
    }
    for fact in triggers {
        let used = |d: &crate::pack::Duty| {
            let all = d.trigger.iter().chain(&d.stop).chain(&d.unless);
            let base = |k: &String| fact.kind == *k || fact.kind.starts_with(&format!("{k}:"));
            all.into_iter().any(base)
        };
        if !pack.facts.contains_key(&fact.kind) && !pack.duties.iter().any(used) {
            return Err(ListError::Fact {
                asked: fact.kind.clone(),
                act: pack.id.clone(),
                known: pack.facts.keys().cloned().collect::<Vec<_>>().join(", "),
            });
        }
    }
    let now = triggers.iter().map(|f| f.at).max().unwrap_or_default();
    let zone = zone_of(&profile.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let with_offset = |at: Timestamp| at.display_with_offset(zone.to_offset(at)).to_string();
    let rows = clocks(pack, profile, calendar, triggers, now)
        .into_iter()
        .map(|c| DutyRow {
            id: c.duty,
            clause: c.clause,
            kind: c.kind,
            due: c.due.map(with_offset),
            addressee: c.addressee,
            edition: c.edition,
            steps: c.steps.iter().map(|s| s.get(lang).to_owned()).collect(),
            own: c.own,
            bearer: c.bearer,
        });
    Ok(rows.collect())
}
