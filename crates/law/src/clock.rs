//! Clocks: what is owed on a case, until when, and how that was computed.

use crate::calendar::Calendar;
use crate::facts::Facts;
use crate::pack::{CalendarUse, Duty, Edition, Pack, Rule};
use crate::profile::Profile;
use crate::steps::Steps;
use crate::term::{AMOUNT_MAX, Due, OutOfRange, Term};
use crate::text::Text3;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit as JiffUnit};
use std::sync::LazyLock;

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
    /// The clock stands still and has no due time until it goes on.
    Paused,
    /// An extension was decided after the term had ended, or cannot be read; it does not count.
    ExtensionIgnored,
    /// The official calendar of a year involved is not published: the due time may change.
    CalendarNotPublished,
    /// The organisation's own term is no number; the proposed one is used.
    SettingUnreadable,
    /// An amendment of the act is known that the pack has not worked in.
    AmendmentNotWorkedIn,
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
    /// True when the act names no term and this one is the organisation's own.
    pub internal: bool,
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

/// All clocks of a case under one act: the organisation's own duties, and those of others that it
/// watches; the earliest due time first. Periodic duties are not of a case, see [`crate::periods`].
pub fn clocks(
    pack: &Pack,
    profile: &Profile,
    calendar: &Calendar,
    facts: &[CaseFact],
    now: Timestamp,
) -> Vec<Clock> {
    let mut found: Vec<Clock> = Vec::new();
    for duty in &pack.duties {
        let Some(clock) = one_clock(pack, duty, profile, calendar, facts, now) else {
            continue;
        };
        // A duty in two wordings that were both triggered runs once, in the wording of the first.
        match found.iter_mut().find(|c| c.duty == clock.duty) {
            Some(other) if before(&clock, other) => *other = clock,
            Some(_) => {}
            None => found.push(clock),
        }
    }
    sort(&mut found);
    found
}

/// The clocks of a case under several acts side by side, the earliest due time first.
pub fn clocks_of_all<'p>(
    packs: impl IntoIterator<Item = &'p Pack>,
    profile: &Profile,
    calendar: &Calendar,
    facts: &[CaseFact],
    now: Timestamp,
) -> Vec<Clock> {
    let packs = packs.into_iter();
    let mut found: Vec<Clock> = packs
        .flat_map(|pack| clocks(pack, profile, calendar, facts, now))
        .collect();
    sort(&mut found);
    found
}

fn sort(clocks: &mut [Clock]) {
    clocks.sort_by_key(|c| (c.due.is_none(), c.due));
}

fn before(one: &Clock, other: &Clock) -> bool {
    match (one.started, other.started) {
        (Some(one), Some(other)) => one < other,
        (one, other) => one.is_some() && other.is_none(),
    }
}

/// Whether the profile owes the duty (`Some(true)`), watches it, or has nothing to do with it.
pub(crate) fn concerns(pack: &Pack, duty: &Duty, profile: &Profile) -> Option<bool> {
    if profile.is(pack, &duty.bearer) {
        return Some(true);
    }
    let watches = duty.watched_by.iter().any(|w| profile.is(pack, w));
    watches.then_some(false)
}

static PLAIN: LazyLock<Calendar> = LazyLock::new(Calendar::plain);

/// The calendar and the time zone by which the act is counted, and whether the zone is known.
pub(crate) fn counted_by<'c>(
    pack: &Pack,
    profile: &Profile,
    calendar: &'c Calendar,
) -> (&'c Calendar, TimeZone, bool) {
    let calendar = match pack.calendar {
        CalendarUse::National => calendar,
        CalendarUse::None => &PLAIN,
    };
    let own = pack.zone_setting.as_ref();
    let own = own.and_then(|id| pack.setting(id, &profile.settings));
    let name = own.filter(|name| !name.is_empty());
    match zone_of(name.unwrap_or(&profile.zone)) {
        Some(zone) => (calendar, zone, true),
        None => (calendar, TimeZone::UTC, false),
    }
}

/// When the case's part began that `duty` belongs to. A duty that answers a notice belongs to what
/// the notice was about, so that a case stays under one edition.
fn root(pack: &Pack, facts: &Facts<'_>, duty: &Duty, own: bool, depth: usize) -> Option<Timestamp> {
    let trigger = facts.first(triggers(duty, own))?;
    let about = trigger.kind.split(':').nth(1);
    let about = about.and_then(|id| pack.duty(id)).filter(|_| depth > 0);
    let of_about = about.and_then(|other| root(pack, facts, other, own, depth - 1));
    Some(of_about.map_or(trigger.at, |at| at.min(trigger.at)))
}

fn triggers(duty: &Duty, own: bool) -> &[String] {
    match own || duty.trigger_watched.is_empty() {
        true => &duty.trigger,
        false => &duty.trigger_watched,
    }
}

fn one_clock(
    pack: &Pack,
    duty: &Duty,
    profile: &Profile,
    calendar: &Calendar,
    all: &[CaseFact],
    now: Timestamp,
) -> Option<Clock> {
    let own = concerns(pack, duty, profile)?;
    let (kind, term) = match &duty.rule {
        Rule::Within { term } => (ClockKind::Within, *term),
        Rule::After { term } => (ClockKind::After, *term),
        Rule::Before { term } => (ClockKind::Before, *term),
        Rule::Each { .. } => return None,
    };
    let (calendar, zone, known) = counted_by(pack, profile, calendar);
    let mut case = Case {
        pack,
        duty,
        profile,
        calendar,
        facts: Facts::new(pack, all, now),
        now,
        flags: Vec::new(),
        zone,
        own,
    };
    if !known {
        case.flags.push(Flag::UnknownZone);
    }
    case.run(kind, term)
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
    own: bool,
}

impl<'a> Case<'a> {
    fn run(mut self, kind: ClockKind, mut term: Term) -> Option<Clock> {
        let trigger = self.facts.first(triggers(self.duty, self.own));
        let began = root(
            self.pack,
            &self.facts,
            self.duty,
            self.own,
            self.pack.duties.len(),
        );
        let day = began.unwrap_or(self.now).to_zoned(self.zone.clone()).date();
        let edition = self.edition(day)?;
        if !self.duty.editions.contains(&edition.id) {
            return None;
        }
        let own = self.own_amount(&mut term);
        let mut steps = Steps::new(self.pack, self.duty, edition, &self.zone);
        let mut clock = Clock {
            duty: self.duty.id.clone(),
            clause: self.duty.clause.clone(),
            act: self.pack.id.clone(),
            own: self.own,
            bearer: self.duty.bearer.clone(),
            addressee: self.duty.addressee.clone(),
            title: self.duty.title.clone(),
            kind,
            amount: term.amount,
            unit: term.unit,
            internal: self.duty.setting.is_some(),
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
        if let Some(setting) = &self.duty.setting {
            steps.own_term(setting, own);
        }
        if let Some(trigger) = trigger {
            self.start(&mut clock, &mut steps, trigger, &term);
        } else {
            steps.waiting(&term, kind, triggers(self.duty, self.own));
        }
        if clock.provisional {
            self.flags.push(Flag::CalendarNotPublished);
        }
        if self.pack.amendments_by(day).next().is_some() {
            self.flags.push(Flag::AmendmentNotWorkedIn);
        }
        steps.basis(edition, day);
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
        let Ok(due) = self.due(clock, steps, trigger.at, term) else {
            self.flags.push(Flag::OutOfRange);
            return;
        };
        if trigger.at > self.now && clock.kind != ClockKind::Before {
            self.flags.push(Flag::TriggerInFuture);
            return;
        }
        if let Some(excluded) = self.facts.one(&format!("object.excluded:{}", self.pack.id)) {
            clock.stopped = Some(excluded.at);
            clock.status = ClockStatus::NotNeeded;
            steps.fell_away(&excluded.kind, excluded.at);
            return;
        }
        self.aim(clock, steps);
        match clock.kind {
            ClockKind::After => self.after(clock, steps, due),
            _ => self.within(clock, steps, due),
        }
    }

    /// The due time with all pauses and extensions; the far end of time while the clock stands
    /// still.
    fn due(
        &mut self,
        clock: &mut Clock,
        steps: &mut Steps<'_>,
        start: Timestamp,
        term: &Term,
    ) -> Result<Timestamp, OutOfRange> {
        let (mut pauses, since) = self.facts.pauses(self.duty);
        pauses.retain(|pause| pause.to > start);
        let (zone, calendar, week) = (self.zone.clone(), self.calendar, self.profile.week);
        let mut due = term.end_with(start, &pauses, &zone, calendar, week)?;
        steps.term(term);
        let (extensions, unread) = self.facts.extensions(self.duty);
        if unread > 0 {
            self.flags.push(Flag::ExtensionIgnored);
        }
        let mut counted = Vec::new();
        for extension in extensions {
            if extension.at > due.at {
                self.flags.push(Flag::ExtensionIgnored);
                continue;
            }
            let more = term.continued(extension.amount, extension.unit);
            let after = more.end_with(due.at, &pauses, &zone, calendar, week)?;
            due.at = after.at;
            due.years.extend(after.years);
            due.skipped.extend(after.skipped);
            due.provisional |= after.provisional;
            counted.push(extension);
        }
        for pause in pauses.iter().filter(|pause| pause.from < due.at) {
            steps.paused(pause.from, Some(pause.to));
        }
        for extension in &counted {
            steps.extended(
                &extension.kind,
                extension.at,
                extension.amount,
                extension.unit,
            );
        }
        let stands = since.filter(|since| *since < due.at);
        if let Some(since) = stands {
            steps.paused(since, None);
            self.flags.push(Flag::Paused);
            return Ok(Timestamp::MAX);
        }
        steps.ends(clock.kind, week, calendar, &due);
        clock.due = Some(due.at);
        clock.provisional = due.provisional;
        clock.calendar_edition = calendar_edition(calendar, &due);
        Ok(due.at)
    }

    /// Puts the organisation's own number in the place of the proposed one; true when it has one.
    fn own_amount(&mut self, term: &mut Term) -> bool {
        let own = self.duty.setting.as_ref();
        let Some(own) = own.and_then(|id| self.profile.settings.get(id)) else {
            return false;
        };
        match own.trim().parse() {
            Ok(amount) if (1..=AMOUNT_MAX).contains(&amount) => term.amount = amount,
            _ => {
                self.flags.push(Flag::SettingUnreadable);
                return false;
            }
        }
        true
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
