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
    /// Days on which the organisation works.
    WorkingDays,
    /// Months, to the same day number or the last day of a shorter month.
    Months,
    /// Three months.
    Quarters,
}

impl Unit {
    /// True for the units that need no calendar.
    pub fn is_exact(self) -> bool {
        matches!(self, Unit::Minutes | Unit::Hours)
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

    /// When the term ends that begins at `start`.
    pub fn end(
        &self,
        start: Timestamp,
        zone: &TimeZone,
        calendar: &Calendar,
        week: Week,
    ) -> Result<Due, OutOfRange> {
        let mut walk = Walk {
            calendar,
            week,
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
            walk.due.at = start.checked_add(span).map_err(|_| OutOfRange)?;
            return Ok(walk.due);
        }
        let local = start.to_zoned(zone.clone());
        let first = local.date();
        let mut last = match self.unit {
            Unit::WorkingDays => walk.working_days(first, signed)?,
            Unit::Months => add(first, signed.months())?,
            Unit::Quarters => add(first, (3 * signed).months())?,
            Unit::CalendarDays | Unit::Minutes | Unit::Hours => add(first, signed.days())?,
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

    fn working_days(&mut self, first: Date, count: i64) -> Result<Date, OutOfRange> {
        let mut date = first;
        for _ in 0..count.abs() {
            loop {
                date = add(date, count.signum().days())?;
                if self.works(date) {
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
