//! Terms against a day-by-day model, and their general properties.

mod common;
use common::{at, calendar};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use saqshy_law::{Calendar, From, OffDay, Pause, Term, Unit, Week};
use std::sync::LazyLock;

static CALENDAR: LazyLock<Calendar> = LazyLock::new(calendar);
static ZONE: LazyLock<TimeZone> = LazyLock::new(|| {
    jiff::tz::TimeZoneDatabase::bundled()
        .get("Asia/Almaty")
        .unwrap()
});

fn end(term: &Term, start: Timestamp, week: Week) -> Timestamp {
    term.end(start, &ZONE, &CALENDAR, week).unwrap().at
}

fn local(t: Timestamp) -> jiff::civil::DateTime {
    t.to_zoned(ZONE.clone()).datetime()
}

fn term(amount: u32, unit: Unit, from: From, off_day: OffDay) -> Term {
    Term {
        amount,
        unit,
        from,
        off_day,
        backwards: false,
    }
}

#[test]
fn worked_examples() {
    let friday = at("2026-03-20T18:10:00+05:00");
    let due = |amount, unit, from, off_day| {
        local(end(&term(amount, unit, from, off_day), friday, Week::Five)).to_string()
    };
    use {From::*, OffDay::*, Unit::*};
    assert_eq!(due(30, Minutes, Moment, Keep), "2026-03-20T18:40:00");
    assert_eq!(due(48, Hours, Moment, Keep), "2026-03-22T18:10:00");
    assert_eq!(due(1, WorkingDays, Day, Keep), "2026-03-26T23:59:59");
    assert_eq!(due(3, CalendarDays, Day, Keep), "2026-03-23T23:59:59");
    assert_eq!(due(3, CalendarDays, Day, Next), "2026-03-26T23:59:59");
    assert_eq!(due(1, Months, Day, Keep), "2026-04-20T23:59:59");
    assert_eq!(due(1, Quarters, Day, Next), "2026-06-22T23:59:59");
    let january = at("2026-01-31T09:00:00+05:00");
    let month = term(1, Months, Moment, Keep);
    assert_eq!(
        local(end(&month, january, Week::Five)).to_string(),
        "2026-02-28T09:00:00"
    );
    let before = Term {
        backwards: true,
        ..term(2, WorkingDays, Day, Keep)
    };
    let thursday = at("2026-03-26T10:00:00+05:00");
    assert_eq!(
        local(end(&before, thursday, Week::Five)).to_string(),
        "2026-03-19T23:59:59"
    );
}

/// On the night to 1 March 2024 an hour was lived twice: hours are exact, days are of the wall.
#[test]
fn the_hour_that_came_twice() {
    let evening = at("2024-02-29T20:00:00+06:00");
    let hours = term(24, Unit::Hours, From::Moment, OffDay::Keep);
    assert_eq!(
        local(end(&hours, evening, Week::Five)).to_string(),
        "2024-03-01T19:00:00"
    );
    let day = term(1, Unit::CalendarDays, From::Moment, OffDay::Keep);
    assert_eq!(
        local(end(&day, evening, Week::Five)).to_string(),
        "2024-03-01T20:00:00"
    );
}

#[test]
fn provisional_years_are_reported() {
    let t = term(5, Unit::WorkingDays, From::Day, OffDay::Keep);
    let due = t
        .end(
            at("2026-12-30T10:00:00+05:00"),
            &ZONE,
            &CALENDAR,
            Week::Five,
        )
        .unwrap();
    assert!(due.provisional);
    assert_eq!(due.years.into_iter().collect::<Vec<_>>(), [2026, 2027]);
    let exact = term(5, Unit::Hours, From::Moment, OffDay::Keep);
    let due = exact
        .end(
            at("2030-12-30T10:00:00+05:00"),
            &ZONE,
            &CALENDAR,
            Week::Five,
        )
        .unwrap();
    assert!(!due.provisional && due.years.is_empty());
}

#[test]
fn a_term_outside_all_years_is_an_error() {
    let t = term(10_000, Unit::Quarters, From::Day, OffDay::Keep);
    assert!(
        t.end(at("9990-01-01T00:00:00Z"), &ZONE, &CALENDAR, Week::Five)
            .is_err()
    );
}

/// One day after the other, with nothing clever.
fn naive(start: Timestamp, t: &Term, week: Week) -> Timestamp {
    let start_local = local(start);
    let works = |d: Date| CALENDAR.is_working_day(d, week);
    let mut day = start_local.date();
    match t.unit {
        Unit::Minutes => return start + jiff::SignedDuration::from_mins(t.amount.into()),
        Unit::Hours => return start + jiff::SignedDuration::from_hours(t.amount.into()),
        Unit::CalendarDays | Unit::Weeks => {
            let days = t.amount * if t.unit == Unit::Weeks { 7 } else { 1 };
            for _ in 0..days {
                day = day.tomorrow().unwrap();
            }
        }
        Unit::WorkingDays => {
            let mut left = t.amount;
            while left > 0 {
                day = day.tomorrow().unwrap();
                if works(day) {
                    left -= 1;
                }
            }
        }
        Unit::Months | Unit::Quarters | Unit::Years => {
            let months = t.amount
                * match t.unit {
                    Unit::Years => 12,
                    Unit::Quarters => 3,
                    _ => 1,
                };
            let zero_based =
                i32::from(day.year()) * 12 + i32::from(day.month()) - 1 + months as i32;
            let (year, month) = ((zero_based / 12) as i16, (zero_based % 12) as i8 + 1);
            let mut number = day.day();
            while Date::new(year, month, number).is_err() {
                number -= 1;
            }
            day = date(year, month, number);
        }
    }
    while t.off_day == OffDay::Next && !works(day) {
        day = day.tomorrow().unwrap();
    }
    let skips = t.unit == Unit::WorkingDays || t.off_day == OffDay::Next;
    let time = match t.from == From::Day || skips {
        true => jiff::civil::time(23, 59, 59, 0),
        false => start_local.time(),
    };
    day.to_datetime(time)
        .to_zoned(ZONE.clone())
        .unwrap()
        .timestamp()
}

fn any_unit() -> impl Strategy<Value = Unit> {
    prop::sample::select(Unit::ALL.to_vec())
}

fn any_term() -> impl Strategy<Value = Term> {
    (0u32..200, any_unit(), any::<bool>(), any::<bool>()).prop_map(|(amount, unit, day, next)| {
        let exact = matches!(unit, Unit::Minutes | Unit::Hours);
        Term {
            amount,
            unit,
            from: if day && !exact {
                From::Day
            } else {
                From::Moment
            },
            off_day: if next && !exact {
                OffDay::Next
            } else {
                OffDay::Keep
            },
            backwards: false,
        }
    })
}

/// Seconds between 2016 and 2030.
fn any_start() -> impl Strategy<Value = Timestamp> {
    (1_451_606_400i64..1_924_905_600).prop_map(|s| Timestamp::from_second(s).unwrap())
}

fn any_week() -> impl Strategy<Value = Week> {
    prop::sample::select(vec![Week::Five, Week::Six])
}

/// Pauses that begin and end at moments after `start`.
fn pauses(start: Timestamp, cuts: &[i64]) -> Vec<Pause> {
    let mut cuts = cuts.to_vec();
    cuts.sort_unstable();
    cuts.dedup();
    let at = |second: i64| start + jiff::SignedDuration::from_secs(second);
    let pairs = cuts.chunks_exact(2);
    pairs
        .map(|c| Pause {
            from: at(c[0]),
            to: at(c[1]),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn agrees_with_the_day_by_day_model(start in any_start(), t in any_term(), week in any_week()) {
        prop_assert_eq!(end(&t, start, week), naive(start, &t, week));
    }

    #[test]
    fn a_later_start_is_never_due_earlier(start in any_start(), later in 0i64..10_000_000, t in any_term(), week in any_week()) {
        // The wall clock itself went back once, on 1 March 2024. Months from a moment end at its hour
        // on the last day of a shorter month, whichever of the days behind it they began on.
        let second = start + jiff::SignedDuration::from_secs(later);
        let (a, b) = (end(&t, start, week), end(&t, second, week));
        let slack = match t.unit {
            Unit::Minutes | Unit::Hours => 0,
            Unit::Months | Unit::Quarters | Unit::Years => 3600 + 86_400,
            _ => 3600,
        };
        prop_assert!(b.as_second() + slack >= a.as_second(), "{} {}", a, b);
    }

    #[test]
    fn a_longer_term_is_never_due_earlier(start in any_start(), t in any_term(), more in 0u32..50, week in any_week()) {
        let longer = Term { amount: t.amount + more, ..t };
        prop_assert!(end(&longer, start, week) >= end(&t, start, week));
    }

    #[test]
    fn minutes_and_hours_add_up(start in any_start(), a in 0u32..5000, b in 0u32..5000, hours: bool) {
        let unit = if hours { Unit::Hours } else { Unit::Minutes };
        let once = end(&Term::exact(a + b, unit), start, Week::Five);
        let twice = end(&Term::exact(b, unit), end(&Term::exact(a, unit), start, Week::Five), Week::Five);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn working_days_end_on_a_working_day(start in any_start(), amount in 1u32..300, week in any_week(), day: bool, backwards: bool) {
        let from = if day { From::Day } else { From::Moment };
        let t = Term { backwards, ..term(amount, Unit::WorkingDays, from, OffDay::Keep) };
        prop_assert!(CALENDAR.is_working_day(local(end(&t, start, week)).date(), week));
    }

    #[test]
    fn a_settled_term_never_ends_on_a_day_off(start in any_start(), t in any_term(), week in any_week(), backwards: bool) {
        if !t.unit.is_exact() {
            let t = Term { off_day: OffDay::Next, backwards, ..t };
            prop_assert!(CALENDAR.is_working_day(local(end(&t, start, week)).date(), week));
        }
    }

    #[test]
    fn days_add_up(start in any_start(), a in 1u32..60, b in 1u32..60, working: bool, week in any_week()) {
        let unit = if working { Unit::WorkingDays } else { Unit::CalendarDays };
        let of = |amount| term(amount, unit, From::Day, OffDay::Keep);
        let decided = of(a).continued(b, unit);
        prop_assert_eq!(decided, of(b));
        let twice = end(&decided, end(&of(a), start, week), week);
        prop_assert_eq!(twice, end(&of(a + b), start, week));
    }

    #[test]
    fn an_extension_never_takes_time_away(start in any_start(), t in any_term(), amount in 1u32..50, unit in any_unit(), week in any_week()) {
        let first = end(&t, start, week);
        prop_assert!(end(&t.continued(amount, unit), first, week) > first);
    }

    #[test]
    fn exact_pauses_are_paid_back_to_the_second(start in any_start(), amount in 1u32..500, cuts in prop::collection::vec(0i64..2_000_000, 0..6)) {
        let pauses = pauses(start, &cuts);
        let t = Term::exact(amount, Unit::Hours);
        let due = t.end_with(start, &pauses, &ZONE, &CALENDAR, Week::Five).unwrap().at;
        // Counted second by second in the model: the time that ran is the term.
        let stood: i64 = pauses
            .iter()
            .filter(|p| p.from < due)
            .map(|p| p.to.as_second() - p.from.max(start).as_second())
            .sum();
        prop_assert_eq!(due.as_second() - start.as_second() - stood, i64::from(amount) * 3600);
    }

    #[test]
    fn paused_days_do_not_count(start in any_start(), amount in 1u32..60, working: bool, week in any_week(), cuts in prop::collection::vec(0i64..4_000_000, 0..6)) {
        let pauses = pauses(start, &cuts);
        let unit = if working { Unit::WorkingDays } else { Unit::CalendarDays };
        let t = term(amount, unit, From::Day, OffDay::Keep);
        let due = t.end_with(start, &pauses, &ZONE, &CALENDAR, week).unwrap().at;
        let mut day = local(start).date();
        let mut left = amount;
        while left > 0 {
            day = day.tomorrow().unwrap();
            let midnight = day.tomorrow().unwrap().to_zoned(ZONE.clone()).unwrap().timestamp();
            let stood = pauses.iter().any(|p| p.from < midnight && midnight <= p.to);
            if !stood && (!working || CALENDAR.is_working_day(day, week)) {
                left -= 1;
            }
        }
        prop_assert_eq!(local(due).date(), day);
        prop_assert!(due >= end(&t, start, week));
    }

    #[test]
    fn working_days_there_and_back(day in 0i32..5400, count in 1i32..200, week in any_week()) {
        let start = CALENDAR.next_working_day(date(2016, 1, 1).checked_add(day.days()).unwrap(), week);
        let there = CALENDAR.add_working_days(start, count, week);
        prop_assert_eq!(CALENDAR.add_working_days(there, -count, week), start);
        prop_assert_eq!(CALENDAR.working_days(start, there, week), count as u32 + 1);
    }
}
