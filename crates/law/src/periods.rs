//! Duties that return every period.

use crate::calendar::Calendar;
use crate::clock::{
    CaseFact, Clock, ClockKind, ClockStatus, Flag, calendar_edition, concerns, counted_by,
};
use crate::facts::Facts;
use crate::pack::{Duty, Pack, Rule};
use crate::profile::Profile;
use crate::steps::Steps;
use crate::term::{Term, Unit};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// The clocks of periodic duties: for each, the period that ended last and the one that runs.
///
/// A period is done by the fact `report.sent:<duty>:<period>`, such as
/// `report.sent:o199.quarterly-data:2026-Q1`; one that has to be done several times, by so many of
/// them. Periods are written `2026-W12`, `2026-03`, `2026-Q1`, `2026`.
pub fn periods(
    pack: &Pack,
    profile: &Profile,
    calendar: &Calendar,
    facts: &[CaseFact],
    now: Timestamp,
) -> Vec<Clock> {
    let mut found = Vec::new();
    let (calendar, zone, zone_known) = counted_by(pack, profile, calendar);
    for duty in &pack.duties {
        let (
            Some(own),
            Rule::Each {
                amount,
                unit,
                due,
                setting,
                times,
                rolling,
            },
        ) = (concerns(pack, duty, profile), &duty.rule)
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
            zone: zone.clone(),
            zone_known,
            unit: *unit,
            amount: *amount,
            times: *times,
            rolling: *rolling,
        };
        found.extend(each.clocks(due, setting.as_deref()));
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
    unit: Unit,
    amount: u32,
    times: u32,
    rolling: bool,
}

impl Each<'_> {
    fn clocks(&self, due: &Term, setting: Option<&str>) -> Vec<Clock> {
        let today = self.now.to_zoned(self.zone.clone()).date();
        let Some(first) = self.first_day(today) else {
            return Vec::new();
        };
        let ended = first.checked_sub(self.length()).ok();
        let starts = ended.into_iter().chain([first]);
        starts
            .filter_map(|first| self.clock(first, due, setting))
            .collect()
    }

    /// Months in a period; 0 for weeks.
    fn months(&self) -> i16 {
        let of_unit = match self.unit {
            Unit::Weeks => 0,
            Unit::Quarters => 3,
            Unit::Years => 12,
            _ => 1,
        };
        of_unit * self.amount.min(12) as i16
    }

    fn length(&self) -> Span {
        match self.months() {
            0 => 1.weeks(),
            months => months.months(),
        }
    }

    /// First day of the period that holds `day`.
    fn first_day(&self, day: Date) -> Option<Date> {
        match self.months() {
            0 => {
                let after_monday = day.weekday().to_monday_zero_offset();
                day.checked_sub(i64::from(after_monday).days()).ok()
            }
            months => {
                let month = i16::from(day.month()) - 1;
                Date::new(day.year(), (month - month % months) as i8 + 1, 1).ok()
            }
        }
    }

    fn label(&self, first: Date) -> String {
        match self.months() {
            0 => {
                let week = first.iso_week_date();
                format!("{}-W{:02}", week.year(), week.week())
            }
            12 => first.year().to_string(),
            1 => format!("{}-{:02}", first.year(), first.month()),
            3 => format!("{}-Q{}", first.year(), (first.month() - 1) / 3 + 1),
            n => format!("{}-{:02}+{n}", first.year(), first.month()),
        }
    }

    fn clock(&self, first: Date, proposed: &Term, setting: Option<&str>) -> Option<Clock> {
        let next = first.checked_add(self.length()).ok()?;
        let last = next.yesterday().ok()?;
        let edition = self.pack.edition_on(last, &self.profile.settings)?;
        if !self.duty.editions.contains(&edition.id) {
            return None;
        }
        let own_amount = setting
            .and_then(|setting| self.profile.settings.get(setting))
            .and_then(|v| v.parse().ok());
        let mut term = *proposed;
        term.amount = own_amount.unwrap_or(proposed.amount);
        // Counted from the last day of the period, so that day 1 is the first day after it.
        let start_of = first.to_zoned(self.zone.clone()).ok()?.timestamp();
        let end_of = last.at(23, 59, 59, 0).to_zoned(self.zone.clone()).ok()?;
        let end_of = end_of.timestamp();
        let week = self.profile.week;
        let mut due = term.end(end_of, &self.zone, self.calendar, week).ok()?;
        let period = self.label(first);
        let mut steps = Steps::new(self.pack, self.duty, edition, &self.zone);
        steps.period(&period, first, last);
        if let Some(setting) = setting {
            steps.due_day_setting(setting, own_amount.is_some());
        }
        // What is done inside the period may begin with it; a report begins when it has ended.
        let inside = term.amount == 0;
        if !inside {
            steps.term(&term);
        }
        if let Some(sooner) = self.sooner(first, &mut steps, due.at) {
            due.at = sooner;
        }
        steps.ends(ClockKind::Each, week, self.calendar, &due);
        let done = self
            .facts
            .all(&format!("report.sent:{}:{period}", self.duty.id));
        if self.times > 1 {
            steps.times(done.len(), self.times);
        }
        let fact = done.get((self.times as usize).saturating_sub(1)).copied();
        let begins = if inside { start_of } else { end_of };
        let (status, stopped) = match fact {
            Some(fact) if fact.at > due.at => (ClockStatus::MetLate, Some(fact)),
            Some(fact) => (ClockStatus::Met, Some(fact)),
            None if self.now > due.at => (ClockStatus::Overdue, None),
            None if self.now > begins => (ClockStatus::Running, None),
            None => (ClockStatus::NotStarted, None),
        };
        if let Some(fact) = stopped {
            steps.done(
                &format!("report.sent:{}", self.duty.id),
                fact.at,
                status == ClockStatus::MetLate,
            );
        }
        steps.basis(edition, last);
        let mut flags = Vec::new();
        if !self.zone_known {
            flags.push(Flag::UnknownZone);
            steps.flag(Flag::UnknownZone);
        }
        if due.provisional {
            flags.push(Flag::CalendarNotPublished);
        }
        if self.pack.amendments_by(last).next().is_some() {
            flags.push(Flag::AmendmentNotWorkedIn);
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
            internal: false,
            period: Some(period),
            started: Some(begins),
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

    /// The moment by which a rolling duty has to be done again, when that is before `due`.
    fn sooner(&self, first: Date, steps: &mut Steps<'_>, due: Timestamp) -> Option<Timestamp> {
        if !self.rolling {
            return None;
        }
        let before = first.checked_sub(self.length()).ok()?;
        let label = self.label(before);
        let done = self
            .facts
            .all(&format!("report.sent:{}:{label}", self.duty.id));
        let last = done.last()?;
        let again = last.at.to_zoned(self.zone.clone()).date();
        let again = again.checked_add(self.length()).ok()?.at(23, 59, 59, 0);
        let again = again.to_zoned(self.zone.clone()).ok()?.timestamp();
        steps.rolling(last.at, self.unit, self.amount);
        (again < due).then_some(again)
    }
}
