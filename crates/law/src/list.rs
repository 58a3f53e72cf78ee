//! The list that `saqshy law duties` prints.

use crate::calendar::Calendar;
use crate::clock::{CaseFact, Clock, ClockKind, ClockStatus, Flag, clocks_of_all, zone_of};
use crate::pack::Pack;
use crate::periods::periods;
use crate::profile::Profile;
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
    /// Id of the act.
    pub act: String,
    /// Period of a periodic duty, such as `2026-Q1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// Where it stands at the moment of the question.
    pub status: ClockStatus,
    /// True when the act names no term and this one is the organisation's own.
    pub internal: bool,
    /// True while a consulted year's calendar is not official.
    pub provisional: bool,
    /// Edition of the calendar, when days were counted.
    pub calendar_edition: Option<String>,
    /// What is odd about the facts or not known.
    pub flags: Vec<Flag>,
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

/// The duties under several acts that `profile` owes or watches when `triggers` have happened, as
/// they stand at `now`; the earliest due time first.
///
/// # Errors
/// A bearer or a trigger that none of the acts knows.
pub fn duties(
    packs: &[&Pack],
    profile: &Profile,
    calendar: &Calendar,
    triggers: &[CaseFact],
    now: Timestamp,
    lang: Lang,
) -> Result<Vec<DutyRow>, ListError> {
    let acts = || join(packs.iter().map(|pack| pack.id.as_str()));
    for bearer in &profile.bearers {
        if !packs.iter().any(|pack| pack.knows_bearer(bearer)) {
            let known = packs.iter().flat_map(|pack| &pack.parties);
            return Err(ListError::Bearer {
                asked: bearer.clone(),
                act: acts(),
                known: join(known.filter(|p| p.bearer).map(|p| p.id.as_str())),
            });
        }
    }
    for fact in triggers {
        if !packs.iter().any(|pack| knows_fact(pack, &fact.kind)) {
            let known = packs.iter().flat_map(|pack| pack.facts.keys());
            return Err(ListError::Fact {
                asked: fact.kind.clone(),
                act: acts(),
                known: join(known.map(String::as_str)),
            });
        }
    }
    let packs = packs.iter().copied();
    let clocks = clocks_of_all(packs, profile, calendar, triggers, now);
    Ok(rows(clocks, profile, lang))
}

/// The duties under several acts that `profile` owes or watches every period, as they stand at
/// `now`: of each the period that ended last and the one that runs.
pub fn periodic_duties(
    packs: &[&Pack],
    profile: &Profile,
    calendar: &Calendar,
    facts: &[CaseFact],
    now: Timestamp,
    lang: Lang,
) -> Vec<DutyRow> {
    let packs = packs.iter();
    let mut clocks: Vec<Clock> = packs
        .flat_map(|pack| periods(pack, profile, calendar, facts, now))
        .collect();
    clocks.sort_by_key(|clock| clock.due);
    rows(clocks, profile, lang)
}

fn rows(clocks: Vec<Clock>, profile: &Profile, lang: Lang) -> Vec<DutyRow> {
    let zone = zone_of(&profile.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let with_offset = |at: Timestamp| at.display_with_offset(zone.to_offset(at)).to_string();
    let rows = clocks.into_iter().map(|c| DutyRow {
        id: c.duty,
        clause: c.clause,
        kind: c.kind,
        due: c.due.map(with_offset),
        addressee: c.addressee,
        edition: c.edition,
        steps: c.steps.iter().map(|s| s.get(lang).to_owned()).collect(),
        own: c.own,
        bearer: c.bearer,
        act: c.act,
        period: c.period,
        status: c.status,
        internal: c.internal,
        provisional: c.provisional,
        calendar_edition: c.calendar_edition,
        flags: c.flags,
    });
    rows.collect()
}

fn join<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let mut once: Vec<&str> = Vec::new();
    for id in ids {
        if !once.contains(&id) {
            once.push(id);
        }
    }
    once.join(", ")
}

fn knows_fact(pack: &Pack, kind: &str) -> bool {
    let used = |d: &crate::pack::Duty| {
        let lists = [
            &d.trigger,
            &d.trigger_watched,
            &d.stop,
            &d.unless,
            &d.pause,
            &d.resume,
            &d.extend,
        ];
        let base = |k: &String| kind == *k || kind.starts_with(&format!("{k}:"));
        lists.into_iter().flatten().any(base)
    };
    let excluded = format!("object.excluded:{}", pack.id);
    pack.facts.contains_key(kind) || kind == excluded || pack.duties.iter().any(used)
}
