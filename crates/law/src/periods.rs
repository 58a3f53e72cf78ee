//! Duties that return every period.

use crate::calendar::Calendar;
use crate::clock::{
    CaseFact, Clock, ClockKind, ClockStatus, Facts, Flag, Profile, calendar_edition, concerns,
    zone_of,
};
use crate::pack::{Duty, Pack, Rule};
use crate::steps::Steps;
use crate::term::{Term, Unit};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The clocks of periodic duties: for each, the period that ended last and the one that runs.
///
/// A period is done by the fact `report.sent:<duty>:<period>`, such as
/// `report.sent:o199.quarterly-data:2026-Q1`.
pub fn periods(
    pack: &Pack,
    profile: &Profile,
    calendar: &Calendar,
    facts: &[CaseFact],
    now: Timestamp,
) -> Vec<Clock> {
    let mut found = Vec::new();
    let zone = zone_of(&profile.zone);
    for duty in &pack.duties {
        let (
            Some(own),
            Rule::Each {
                amount,
                unit,
                due,
                setting,
            },
        ) = (concerns(duty, profile), &duty.rule)
        else {
            continue;
        };
        let each = Each {
            pack,
            duty,
            profile,
            calendar,
            facts: Facts::new(pack, facts, now),
            now,
            own,
            zone: zone.clone().unwrap_or(TimeZone::UTC),
            zone_known: zone.is_some(),
            months: *amount as i16 * if *unit == Unit::Quarters { 3 } else { 1 },
            unit: *unit,
            amount: *amount,
        };
        found.extend(each.clocks(due, setting));
    }
    found.sort_by_key(|c: &Clock| c.due);
    found
}

struct Each<'a> {
    pack: &'a Pack,
    duty: &'a Duty,
    profile: &'a Profile,
    calendar: &'a Calendar,
    facts: Facts<'a>,
    now: Timestamp,
    own: bool,
    zone: TimeZone,
    zone_known: bool,
    months: i16,
    unit: Unit,
    amount: u32,
}

impl Each<'_> {
    fn clocks(&self, due: &Term, setting: &str) -> Vec<Clock> {
        let today = self.now.to_zoned(self.zone.clone()).date();
        let month = i16::from(today.month()) - 1;
        let running = (month - month % self.months) as i8 + 1;
        let Ok(first) = Date::new(today.year(), running, 1) else {
            return Vec::new();
        };
        let ended = first.checked_sub(self.months.months());
        let starts = ended.into_iter().chain([first]);
        starts
            .filter_map(|first| self.clock(first, due, setting))
            .collect()
    }

    fn label(&self, first: Date) -> String {
        match self.months {
            1 => format!("{}-{:02}", first.year(), first.month()),
            3 => format!("{}-Q{}", first.year(), (first.month() - 1) / 3 + 1),
            n => format!("{}-{:02}+{n}", first.year(), first.month()),
        }
    }

    fn clock(&self, first: Date, proposed: &Term, setting: &str) -> Option<Clock> {
        let next = first.checked_add(self.months.months()).ok()?;
        let last = next.yesterday().ok()?;
        let edition = self.pack.edition_on(last, &self.profile.settings)?;
        if !self.duty.editions.contains(&edition.id) {
            return None;
        }
        let own_amount = self
            .profile
            .settings
            .get(setting)
            .and_then(|v| v.parse().ok());
        let mut term = *proposed;
        term.amount = own_amount.unwrap_or(proposed.amount);
        // Counted from the last day of the period, so that day 1 is the first day after it.
        let end_of = last.at(23, 59, 59, 0).to_zoned(self.zone.clone()).ok()?;
        let due = term
            .end(
                end_of.timestamp(),
                &self.zone,
                self.calendar,
                self.profile.week,
            )
            .ok()?;
        let period = self.label(first);
        let mut steps = Steps::new(self.pack, self.duty, edition, &self.zone);
        steps.period(&period, first, last);
        steps.due_day_setting(setting, own_amount.is_some());
        let week = self.profile.week;
        steps.computed(&term, ClockKind::Each, week, self.calendar, &due);
        let fact = self
            .facts
            .one(&format!("report.sent:{}:{period}", self.duty.id));
        let (status, stopped) = match fact {
            Some(fact) if fact.at > due.at => (ClockStatus::MetLate, Some(fact)),
            Some(fact) => (ClockStatus::Met, Some(fact)),
            None if self.now > due.at => (ClockStatus::Overdue, None),
            None if self.now > end_of.timestamp() => (ClockStatus::Running, None),
            None => (ClockStatus::NotStarted, None),
        };
        if let Some(fact) = stopped {
            steps.done(
                &format!("report.sent:{}", self.duty.id),
                fact.at,
                status == ClockStatus::MetLate,
            );
        }
        steps.basis(edition, last > self.pack.known_until);
        let mut flags = Vec::new();
        if !self.zone_known {
            flags.push(Flag::UnknownZone);
            steps.flag(Flag::UnknownZone);
        }
        Some(Clock {
            duty: self.duty.id.clone(),
            clause: self.duty.clause.clone(),
            act: self.pack.id.clone(),
            own: self.own,
            bearer: self.duty.bearer.clone(),
            addressee: self.duty.addressee.clone(),
            title: self.duty.title.clone(),
            kind: ClockKind::Each,
            amount: self.amount,
            unit: self.unit,
            period: Some(period),
            started: Some(end_of.timestamp()),
            due: Some(due.at),
            target: None,
            status,
            stopped: stopped.map(|f| f.at),
            steps: steps.finish(),
            flags,
            edition: self.pack.edition_ref(edition),
            calendar_edition: calendar_edition(self.calendar, &due),
            provisional: due.provisional,
        })
    }
}
