//! Terms: how long, in which unit, counted from where; and the moment they end.

use crate::calendar::{Calendar, Day, Week};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use std::collections::BTreeSet;

/// What the amount is counted in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Exact minutes.
    Minutes,
    /// Exact hours.
    Hours,
    /// Days of the calendar.
    CalendarDays,
    /// Seven days of the calendar.
    Weeks,
    /// Days on which the organisation works.
    WorkingDays,
    /// Months, to the same day number or the last day of a shorter month.
    Months,
    /// Three months.
    Quarters,
    /// Twelve months.
    Years,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Unit; 8] = [
        Unit::Minutes,
        Unit::Hours,
        Unit::CalendarDays,
        Unit::Weeks,
        Unit::WorkingDays,
        Unit::Months,
        Unit::Quarters,
        Unit::Years,
    ];

    /// True for the units that need no calendar.
    pub fn is_exact(self) -> bool {
        matches!(self, Unit::Minutes | Unit::Hours)
    }

    /// The word for it in packs and in facts, such as `working_days`.
    pub fn word(self) -> &'static str {
        match self {
            Unit::Minutes => "minutes",
            Unit::Hours => "hours",
            Unit::CalendarDays => "calendar_days",
            Unit::Weeks => "weeks",
            Unit::WorkingDays => "working_days",
            Unit::Months => "months",
            Unit::Quarters => "quarters",
            Unit::Years => "years",
        }
    }
}

/// Where counting begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// At the moment of the trigger, to the second.
    Moment,
    /// On the day after the day of the trigger; the term ends when its last day ends.
    Day,
}

/// What happens when the last day is not a working day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffDay {
    /// Nothing.
    Keep,
    /// The term ends on the next working day; one that counts towards the past, on the one before.
    Next,
}

/// A stretch of time as an act states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Term {
    /// How many units, 0 to [`AMOUNT_MAX`].
    pub amount: u32,
    /// The unit.
    pub unit: Unit,
    /// Where counting begins.
    pub from: From,
    /// When the last day is not a working day.
    pub off_day: OffDay,
    /// Count towards the past: the term ends before the anchor.
    pub backwards: bool,
}

/// Largest amount of a term.
pub const AMOUNT_MAX: u32 = 10_000;

/// A stretch during which a clock stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// When it stopped.
    pub from: Timestamp,
    /// When it went on; not before `from`.
    pub to: Timestamp,
}

/// The end of a term, with what the calendar had to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// When the term ends. A term in days ends at 23:59:59 of its last day.
    pub at: Timestamp,
    /// Years whose calendar was consulted.
    pub years: BTreeSet<i16>,
    /// Days that did not count, in order, without plain weekly rest.
    pub skipped: Vec<(Date, Day)>,
    /// A consulted day is not settled yet.
    pub provisional: bool,
}

/// The term leads out of the years that can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the term leads outside the years that can be counted")]
pub struct OutOfRange;

impl Term {
    /// An exact term of minutes or hours.
    pub fn exact(amount: u32, unit: Unit) -> Term {
        Term {
            amount,
            unit,
            from: From::Moment,
            off_day: OffDay::Keep,
            backwards: false,
        }
    }

    /// True when the term ends with its last day rather than at an hour.
    ///
    /// A term that skips days off has no hour: kept to the hour, one that begins on Saturday
    /// morning would end later than one that begins on Sunday night.
    pub fn is_by_day(&self) -> bool {
        let skips = self.unit == Unit::WorkingDays || self.off_day == OffDay::Next;
        !self.unit.is_exact() && (self.from == From::Day || skips)
    }

    /// This term continued by a decision: `amount` more of `unit`, counted from where it ends.
    pub fn continued(&self, amount: u32, unit: Unit) -> Term {
        let exact = unit.is_exact();
        let by_day = !exact && (self.is_by_day() || unit == Unit::WorkingDays);
        Term {
            amount,
            unit,
            from: if by_day { From::Day } else { From::Moment },
            off_day: if exact { OffDay::Keep } else { self.off_day },
            backwards: false,
        }
    }

    /// When the term ends that begins at `start`.
    pub fn end(
        &self,
        start: Timestamp,
        zone: &TimeZone,
        calendar: &Calendar,
        week: Week,
    ) -> Result<Due, OutOfRange> {
        self.end_with(start, &[], zone, calendar, week)
    }

    /// When the term ends that begins at `start` and stands still during `pauses`, which are in
    /// order and do not overlap.
    ///
    /// Minutes and hours of a pause do not count. Of a term in days, weeks, months or years, those
    /// days do not count at whose end the clock stood still. A term that counts towards the past
    /// knows no pause.
    pub fn end_with(
        &self,
        start: Timestamp,
        pauses: &[Pause],
        zone: &TimeZone,
        calendar: &Calendar,
        week: Week,
    ) -> Result<Due, OutOfRange> {
        let pauses = if self.backwards { &[] } else { pauses };
        let mut walk = Walk {
            calendar,
            week,
            zone,
            pauses,
            due: Due {
                at: start,
                years: BTreeSet::new(),
                skipped: Vec::new(),
                provisional: false,
            },
        };
        let n = i64::from(self.amount.min(AMOUNT_MAX));
        let signed = if self.backwards { -n } else { n };
        let exact = match self.unit {
            Unit::Minutes => Some(signed.minutes()),
            Unit::Hours => Some(signed.hours()),
            _ => None,
        };
        if let Some(span) = exact {
            let end = start.checked_add(span).map_err(|_| OutOfRange)?;
            walk.due.at = walk.shifted(start, end)?;
            return Ok(walk.due);
        }
        let local = start.to_zoned(zone.clone());
        let first = local.date();
        let mut last = match self.unit {
            Unit::WorkingDays => walk.working_days(first, signed)?,
            Unit::Months => walk.stretched(first, add(first, signed.months())?)?,
            Unit::Quarters => walk.stretched(first, add(first, (3 * signed).months())?)?,
            Unit::Years => walk.stretched(first, add(first, signed.years())?)?,
            Unit::Weeks => walk.stretched(first, add(first, signed.weeks())?)?,
            Unit::CalendarDays | Unit::Minutes | Unit::Hours => {
                walk.stretched(first, add(first, signed.days())?)?
            }
        };
        if self.off_day == OffDay::Next {
            last = walk.settle(last, if self.backwards { -1 } else { 1 })?;
        }
        let time = match self.is_by_day() {
            false => local.time(),
            true => Time::constant(23, 59, 59, 0),
        };
        walk.due.at = last
            .to_datetime(time)
            .to_zoned(zone.clone())
            .map_err(|_| OutOfRange)?
            .timestamp();
        Ok(walk.due)
    }
}

fn add(date: Date, span: Span) -> Result<Date, OutOfRange> {
    date.checked_add(span).map_err(|_| OutOfRange)
}

struct Walk<'a> {
    calendar: &'a Calendar,
    week: Week,
    zone: &'a TimeZone,
    pauses: &'a [Pause],
    due: Due,
}

impl Walk<'_> {
    fn works(&mut self, date: Date) -> bool {
        let day = self.calendar.day(date, self.week);
        self.due.years.insert(date.year());
        self.due.provisional |= !day.confirmed;
        let working = day.working;
        if !working && !day.is_plain_rest() {
            self.due.skipped.push((date, day));
        }
        working
    }

    /// True when the clock stood still as `date` ended.
    fn paused(&self, date: Date) -> Result<bool, OutOfRange> {
        if self.pauses.is_empty() {
            return Ok(false);
        }
        let next = date.tomorrow().map_err(|_| OutOfRange)?;
        let end = next.to_zoned(self.zone.clone()).map_err(|_| OutOfRange)?;
        let end = end.timestamp();
        Ok(self.pauses.iter().any(|p| p.from < end && p.to >= end))
    }

    /// `end` moved on by the time that the clock stood still before it.
    fn shifted(&self, start: Timestamp, mut end: Timestamp) -> Result<Timestamp, OutOfRange> {
        for pause in self.pauses {
            let from = pause.from.max(start);
            if from < end && from < pause.to {
                let stood = pause.to.duration_since(from);
                end = end.checked_add(stood).map_err(|_| OutOfRange)?;
            }
        }
        Ok(end)
    }

    /// `last` moved on by the days after `first` that do not count.
    fn stretched(&self, first: Date, mut last: Date) -> Result<Date, OutOfRange> {
        let mut date = first;
        while !self.pauses.is_empty() && date < last {
            date = add(date, 1.days())?;
            if self.paused(date)? {
                last = add(last, 1.days())?;
            }
        }
        Ok(last)
    }

    fn working_days(&mut self, first: Date, count: i64) -> Result<Date, OutOfRange> {
        let mut date = first;
        for _ in 0..count.abs() {
            loop {
                date = add(date, count.signum().days())?;
                if self.works(date) && !self.paused(date)? {
                    break;
                }
            }
        }
        Ok(date)
    }

    /// The nearest working day from `last` on, in the direction of `step`.
    fn settle(&mut self, last: Date, step: i64) -> Result<Date, OutOfRange> {
        let mut date = last;
        while !self.works(date) {
            date = add(date, step.days())?;
        }
        Ok(date)
    }
}
