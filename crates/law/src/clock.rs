//! Clocks: what is owed on a case, until when, and how that was computed.

use crate::calendar::{Calendar, Week};
use crate::pack::{Duty, Edition, Pack, Rule};
use crate::steps::Steps;
use crate::term::{Due, Term};
use crate::text::Text3;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit as JiffUnit};
use std::collections::{BTreeMap, BTreeSet};

/// Which roles the organisation has and how it counts days.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Profile {
    /// Ids of the parties that the organisation is.
    pub bearers: Vec<String>,
    /// IANA name of the time zone, such as `Asia/Almaty`.
    pub zone: String,
    /// The working week.
    pub week: Week,
    /// Values of the packs' settings.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// Something that happened on a case.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CaseFact {
    /// Kind: `incident.detected`, `notice.sent:<duty>`, `notice.sent:<duty>:<addressee>`, …
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// Order in which it was recorded.
    pub seq: u64,
    /// The `seq` of a fact that this one puts right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<u64>,
}

impl CaseFact {
    /// A fact that corrects none.
    pub fn new(kind: impl Into<String>, at: Timestamp, seq: u64) -> CaseFact {
        CaseFact {
            kind: kind.into(),
            at,
            seq,
            corrects: None,
        }
    }
}

/// The time rule of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockKind {
    /// To be done before `due`.
    Within,
    /// To be done once `due` has come.
    After,
    /// To be done for every period.
    Each,
    /// To be done before an event.
    Before,
}

/// Where a clock stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ClockStatus {
    /// Its trigger has not happened.
    NotStarted,
    /// Time is left.
    Running,
    /// Done in time.
    Met,
    /// Done too late.
    MetLate,
    /// Not done, time is up.
    Overdue,
    /// The waiting time has passed and nothing made the duty fall away: act now.
    Fired,
    /// It fell away.
    NotNeeded,
}

/// Something odd about the facts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// The trigger is dated after now.
    TriggerInFuture,
    /// Detected before it occurred.
    DetectedBeforeOccurred,
    /// Done before it was triggered.
    DoneBeforeTrigger,
    /// Sent before the waiting time had passed; it does not count.
    SentTooEarly,
    /// No edition of the pack was in force at the trigger; the oldest is used.
    NoEdition,
    /// The term cannot be counted.
    OutOfRange,
    /// The time zone is unknown; UTC is used.
    UnknownZone,
}

/// One duty on one case.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Clock {
    /// Duty id.
    pub duty: String,
    /// Clause id.
    pub clause: String,
    /// Id of the act.
    pub act: String,
    /// True when the organisation owes it; false when it watches somebody else's.
    pub own: bool,
    /// Who owes it.
    pub bearer: String,
    /// To whom.
    pub addressee: Vec<String>,
    /// What is owed.
    pub title: Text3,
    /// The rule.
    pub kind: ClockKind,
    /// Amount of the term.
    pub amount: u32,
    /// Unit of the term.
    pub unit: crate::term::Unit,
    /// Period of a periodic duty, such as `2026-Q1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// When it was triggered.
    pub started: Option<Timestamp>,
    /// When it is due.
    pub due: Option<Timestamp>,
    /// An earlier moment that the bearer should aim at.
    pub target: Option<Timestamp>,
    /// Where it stands.
    pub status: ClockStatus,
    /// When it was done or fell away.
    pub stopped: Option<Timestamp>,
    /// How it was computed, step by step.
    pub steps: Vec<Text3>,
    /// What is odd about the facts.
    pub flags: Vec<Flag>,
    /// Edition of the act, such as `kz/o199@399-nk`.
    pub edition: String,
    /// Edition of the calendar, when days were counted.
    pub calendar_edition: Option<String>,
    /// True while a consulted year's calendar is not official.
    pub provisional: bool,
}

/// The time zone of a name, from the bundled database.
pub(crate) fn zone_of(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// Facts in force: corrected and revoked ones are gone.
pub(crate) struct Facts<'a> {
    facts: Vec<&'a CaseFact>,
    now: Timestamp,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(pack: &Pack, all: &'a [CaseFact], now: Timestamp) -> Facts<'a> {
        let corrected: BTreeSet<u64> = all.iter().filter_map(|f| f.corrects).collect();
        let mut facts: Vec<&CaseFact> =
            all.iter().filter(|f| !corrected.contains(&f.seq)).collect();
        facts.sort_by_key(|f| f.seq);
        let revoked = |f: &CaseFact| {
            all.iter().any(|later| {
                later.seq > f.seq
                    && !corrected.contains(&later.seq)
                    && pack
                        .revokes
                        .get(&later.kind)
                        .is_some_and(|k| k.contains(&f.kind))
            })
        };
        facts.retain(|f| !revoked(f));
        Facts { facts, now }
    }

    /// What counts of one kind. A state of the case (detected, eliminated) is what was recorded
    /// last; of dispatches and receipts, of which there may be several, the first in time.
    pub(crate) fn one(&self, kind: &str) -> Option<&'a CaseFact> {
        let mut same = self
            .facts
            .iter()
            .copied()
            .filter(|f| is_kind(&f.kind, kind));
        let repeatable = kind
            .split('.')
            .next()
            .is_some_and(|k| matches!(k, "notice" | "answer" | "report"));
        match repeatable {
            true => same.min_by_key(|f| f.at),
            false => same.next_back(),
        }
    }

    /// The earliest of several kinds.
    fn first(&self, kinds: &[String]) -> Option<&'a CaseFact> {
        kinds
            .iter()
            .filter_map(|k| self.one(k))
            .min_by_key(|f| f.at)
    }

    /// The earliest of several kinds that has happened by now.
    fn happened(&self, kinds: &[String]) -> Option<&'a CaseFact> {
        self.first(kinds).filter(|f| f.at <= self.now)
    }

    /// When the duty was done towards all its addressees, counting what `from` on allows.
    pub(crate) fn done(&self, duty: &Duty, not_before: Option<Timestamp>) -> Option<&'a CaseFact> {
        let nobody = [String::new()];
        let addressees = match duty.addressee.as_slice() {
            [] => &nobody,
            some => some,
        };
        let reaches = |fact: &CaseFact, stop: &str, to: &str| {
            let rest = fact.kind.strip_prefix(stop);
            rest.is_some_and(|r| {
                r.is_empty()
                    || r.strip_prefix(':')
                        .is_some_and(|a| a == to || duty.or_to.iter().any(|o| o == a))
            })
        };
        let mut last: Option<&CaseFact> = None;
        for to in addressees {
            let first = self
                .facts
                .iter()
                .copied()
                .filter(|f| f.at <= self.now && not_before.is_none_or(|t| f.at >= t))
                .filter(|f| duty.stop.iter().any(|stop| reaches(f, stop, to)))
                .min_by_key(|f| f.at)?;
            last = Some(match last {
                Some(other) if other.at >= first.at => other,
                _ => first,
            });
        }
        last
    }
}

/// True when `fact` is of `kind`, possibly narrowed to one addressee.
fn is_kind(fact: &str, kind: &str) -> bool {
    fact.strip_prefix(kind)
        .is_some_and(|rest| rest.is_empty() || (kind.contains(':') && rest.starts_with(':')))
}

/// All clocks of a case under one act: the organisation's own duties, and those of others that it
/// watches. Periodic duties are not of a case, see [`crate::periods`].
pub fn clocks(
    pack: &Pack,
    profile: &Profile,
    calendar: &Calendar,
    facts: &[CaseFact],
    now: Timestamp,
) -> Vec<Clock> {
    let mut found: Vec<Clock> = pack
        .duties
        .iter()
        .filter_map(|duty| one_clock(pack, duty, profile, calendar, facts, now))
        .collect();
    let due = |c: &Clock| (c.due.is_none(), c.due);
    found.sort_by_key(due);
    found
}

/// Whether the profile owes the duty (`Some(true)`), watches it, or has nothing to do with it.
pub(crate) fn concerns(duty: &Duty, profile: &Profile) -> Option<bool> {
    if profile.bearers.contains(&duty.bearer) {
        return Some(true);
    }
    let watches = duty.watched_by.iter().any(|w| profile.bearers.contains(w));
    watches.then_some(false)
}

fn one_clock(
    pack: &Pack,
    duty: &Duty,
    profile: &Profile,
    calendar: &Calendar,
    all: &[CaseFact],
    now: Timestamp,
) -> Option<Clock> {
    let own = concerns(duty, profile)?;
    let (kind, term) = match &duty.rule {
        Rule::Within { term } => (ClockKind::Within, *term),
        Rule::After { term } => (ClockKind::After, *term),
        Rule::Before { term } => (ClockKind::Before, *term),
        Rule::Each { .. } => return None,
    };
    let facts = Facts::new(pack, all, now);
    let mut case = Case {
        pack,
        duty,
        profile,
        calendar,
        facts,
        now,
        flags: Vec::new(),
        zone: TimeZone::UTC,
    };
    case.zone = zone_of(&profile.zone).unwrap_or_else(|| {
        case.flags.push(Flag::UnknownZone);
        TimeZone::UTC
    });
    case.run(own, kind, term)
}

struct Case<'a> {
    pack: &'a Pack,
    duty: &'a Duty,
    profile: &'a Profile,
    calendar: &'a Calendar,
    facts: Facts<'a>,
    now: Timestamp,
    flags: Vec<Flag>,
    zone: TimeZone,
}

impl<'a> Case<'a> {
    fn run(mut self, own: bool, kind: ClockKind, term: Term) -> Option<Clock> {
        let trigger = self.facts.first(&self.duty.trigger);
        let day = trigger
            .map_or(self.now, |t| t.at)
            .to_zoned(self.zone.clone())
            .date();
        let edition = self.edition(day)?;
        if trigger.is_some() && !self.duty.editions.contains(&edition.id) {
            return None;
        }
        let mut steps = Steps::new(self.pack, self.duty, edition, &self.zone);
        let mut clock = Clock {
            duty: self.duty.id.clone(),
            clause: self.duty.clause.clone(),
            act: self.pack.id.clone(),
            own,
            bearer: self.duty.bearer.clone(),
            addressee: self.duty.addressee.clone(),
            title: self.duty.title.clone(),
            kind,
            amount: term.amount,
            unit: term.unit,
            period: None,
            started: None,
            due: None,
            target: None,
            status: ClockStatus::NotStarted,
            stopped: None,
            steps: Vec::new(),
            flags: Vec::new(),
            edition: self.pack.edition_ref(edition),
            calendar_edition: None,
            provisional: false,
        };
        if let Some(trigger) = trigger {
            self.start(&mut clock, &mut steps, trigger, &term);
        } else {
            steps.waiting(&term, kind);
        }
        steps.basis(edition, day > self.pack.known_until);
        self.flags.sort();
        self.flags.dedup();
        for flag in &self.flags {
            steps.flag(*flag);
        }
        clock.flags = self.flags;
        clock.steps = steps.finish();
        Some(clock)
    }

    fn edition(&mut self, day: jiff::civil::Date) -> Option<&'a Edition> {
        if let Some(found) = self.pack.edition_on(day, &self.profile.settings) {
            return Some(found);
        }
        self.flags.push(Flag::NoEdition);
        self.pack.editions.first()
    }

    fn start(&mut self, clock: &mut Clock, steps: &mut Steps<'_>, trigger: &CaseFact, term: &Term) {
        clock.started = Some(trigger.at);
        steps.started(&trigger.kind, trigger.at);
        if let Some(occurred) = self.facts.one("incident.occurred")
            && trigger.kind.ends_with(".detected")
            && occurred.at > trigger.at
        {
            self.flags.push(Flag::DetectedBeforeOccurred);
        }
        let Ok(due) = term.end(trigger.at, &self.zone, self.calendar, self.profile.week) else {
            self.flags.push(Flag::OutOfRange);
            return;
        };
        steps.computed(term, clock.kind, self.profile.week, self.calendar, &due);
        clock.due = Some(due.at);
        clock.provisional = due.provisional;
        clock.calendar_edition = calendar_edition(self.calendar, &due);
        if trigger.at > self.now {
            self.flags.push(Flag::TriggerInFuture);
            return;
        }
        self.aim(clock, steps);
        match clock.kind {
            ClockKind::After => self.after(clock, steps, due.at),
            _ => self.within(clock, steps, due.at),
        }
    }

    /// The earlier due time of the duty that this one is a target of (for a state body: the
    /// moment at which its failure would be reported).
    fn aim(&self, clock: &mut Clock, steps: &mut Steps<'_>) {
        let other = self
            .duty
            .target_of
            .as_deref()
            .and_then(|id| self.pack.duty(id));
        let (Some(other), Some(due)) = (other, clock.due) else {
            return;
        };
        let (Rule::Within { term } | Rule::After { term } | Rule::Before { term }) = &other.rule
        else {
            return;
        };
        let Some(trigger) = self.facts.first(&other.trigger) else {
            return;
        };
        if let Ok(end) = term.end(trigger.at, &self.zone, self.calendar, self.profile.week)
            && end.at < due
        {
            clock.target = Some(end.at);
            steps.target(other, end.at);
        }
    }

    fn within(&mut self, clock: &mut Clock, steps: &mut Steps<'_>, due: Timestamp) {
        if let Some(fact) = self.facts.done(self.duty, None) {
            if clock.started.is_some_and(|s| fact.at < s) && clock.kind == ClockKind::Within {
                self.flags.push(Flag::DoneBeforeTrigger);
            }
            let late = whole_seconds(fact.at) > due;
            clock.stopped = Some(fact.at);
            clock.status = match late {
                true => ClockStatus::MetLate,
                false => ClockStatus::Met,
            };
            steps.done(&fact.kind, fact.at, late);
        } else if let Some(fact) = self.facts.happened(&self.duty.unless) {
            clock.stopped = Some(fact.at);
            clock.status = ClockStatus::NotNeeded;
            steps.fell_away(&fact.kind, fact.at);
        } else {
            clock.status = match whole_seconds(self.now) > due {
                true => ClockStatus::Overdue,
                false => ClockStatus::Running,
            };
        }
    }

    fn after(&mut self, clock: &mut Clock, steps: &mut Steps<'_>, due: Timestamp) {
        let fell_away = self.facts.happened(&self.duty.unless);
        if let Some(fact) = fell_away.filter(|f| f.at <= due) {
            clock.stopped = Some(fact.at);
            clock.status = ClockStatus::NotNeeded;
            steps.fell_away(&fact.kind, fact.at);
            return;
        }
        if let Some(fact) = self.facts.done(self.duty, Some(due)) {
            clock.stopped = Some(fact.at);
            clock.status = ClockStatus::Met;
            steps.done(&fact.kind, fact.at, false);
            return;
        }
        if self.facts.done(self.duty, None).is_some() {
            self.flags.push(Flag::SentTooEarly);
        }
        clock.status = ClockStatus::Running;
        if self.now >= due {
            clock.status = ClockStatus::Fired;
            steps.fired(due);
        }
        if let Some(fact) = fell_away {
            steps.too_late_to_fall_away(&fact.kind, fact.at);
        }
    }
}

/// Terms are kept to the second, so a fraction of the last second is still in time.
fn whole_seconds(at: Timestamp) -> Timestamp {
    let round = TimestampRound::new()
        .smallest(JiffUnit::Second)
        .mode(RoundMode::Floor);
    at.round(round).unwrap_or(at)
}

pub(crate) fn calendar_edition(calendar: &Calendar, due: &Due) -> Option<String> {
    let editions: Vec<String> = due.years.iter().map(|y| calendar.edition(*y)).collect();
    (!editions.is_empty()).then(|| editions.join(" + "))
}
