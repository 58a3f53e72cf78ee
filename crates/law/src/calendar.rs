//! Which days are working days, as data: the statutory holidays and the days that were moved.

use crate::error::{PackError, Source};
use crate::text::Text3;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

/// How many days a week the organisation works.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Week {
    /// Saturday and Sunday are days of rest.
    Five,
    /// Sunday is the day of rest.
    Six,
}

impl Week {
    fn rests_on(self, day: Weekday) -> bool {
        day == Weekday::Sunday || (day == Weekday::Saturday && self == Week::Five)
    }
}

/// Why a day is what it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    /// An ordinary working day.
    Working,
    /// A day of rest that was moved to another day, so this one is worked.
    WorkedInstead {
        /// The day that is free in exchange.
        of: Date,
    },
    /// The weekly day of rest.
    WeeklyRest,
    /// A national or state holiday.
    Holiday {
        /// Its name.
        title: Text3,
    },
    /// A religious day off, which never moves.
    Religious {
        /// Its name.
        title: Text3,
    },
    /// Free because a holiday fell on a day of rest.
    InLieu {
        /// The holiday's name.
        title: Text3,
        /// The day it fell on.
        of: Date,
    },
    /// Free because a day of rest was moved here.
    MovedRest {
        /// The day that is worked in exchange.
        of: Date,
    },
}

/// One day of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Day {
    /// True when people work.
    pub working: bool,
    /// False while the official decision is not known.
    pub confirmed: bool,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
}

impl Day {
    /// True for a weekly day of rest on which nothing else falls.
    pub fn is_plain_rest(&self) -> bool {
        self.reason == Reason::WeeklyRest
    }
}

/// What is known about one year.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Year {
    /// The year.
    pub year: i16,
    /// Which state of knowledge this is, such as `kz/2026.2`.
    pub edition: String,
    /// True until the year's official calendar is published.
    pub provisional: bool,
    /// Where it is from.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalendar {
    id: String,
    title: Text3,
    zone: String,
    #[allow(
        dead_code,
        reason = "read by people and by the checker, not by the arithmetic"
    )]
    rule: RawRule,
    holiday: Vec<RawHoliday>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "stated for the reader of the file; the rule itself is code"
)]
struct RawRule {
    in_lieu: String,
    moved_rest: String,
    sources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHoliday {
    id: Spanned<String>,
    title: Text3,
    days: Vec<Spanned<String>>,
    from: Option<Date>,
    until: Option<Date>,
    in_lieu: bool,
    confirmed: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawYear {
    year: Spanned<i16>,
    edition: Vec<RawEdition>,
    provisional: bool,
    #[serde(default)]
    religious: Vec<RawReligious>,
    #[serde(default)]
    moved: Vec<RawMoved>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the history of a year's file is for its reader")]
struct RawEdition {
    id: Spanned<String>,
    known_from: Date,
    change: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReligious {
    title: Text3,
    date: Spanned<Date>,
    confirmed: bool,
    #[allow(dead_code, reason = "for the reader of the file")]
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMoved {
    from: Spanned<Date>,
    to: Spanned<Date>,
    confirmed: bool,
    #[allow(dead_code, reason = "for the reader of the file")]
    source: String,
}

#[derive(Debug, Clone)]
struct Holiday {
    title: Text3,
    days: Vec<(i8, i8)>,
    from: Option<Date>,
    until: Option<Date>,
    in_lieu: bool,
    confirmed: bool,
}

/// The years whose special days are worked out; others follow the weekly rest alone.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;

/// Working and free days of a country.
#[derive(Clone)]
pub struct Calendar {
    /// Name of the calendar, such as `kz`.
    pub id: String,
    /// Its title.
    pub title: Text3,
    /// The country's time zone.
    pub zone: String,
    years: BTreeMap<i16, Year>,
    special: BTreeMap<(Week, Date), Day>,
    plain: bool,
}

impl std::fmt::Debug for Calendar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let years: Vec<_> = self.years.values().map(|y| &y.edition).collect();
        write!(f, "Calendar({}, {years:?})", self.id)
    }
}

impl Calendar {
    /// Reads a calendar folder: `calendar.toml` with the holidays, `YYYY.toml` for each known year.
    /// Keys of `files` are paths inside the folder.
    pub fn parse(files: &BTreeMap<String, String>) -> Result<Calendar, PackError> {
        let text = files.get("calendar.toml").ok_or_else(|| {
            PackError::file(
                "calendar.toml",
                "the file is missing",
                "add the list of holidays",
            )
        })?;
        let source = Source::one("calendar.toml", text);
        let raw: RawCalendar = source.parse()?;
        let holidays = check_holidays(&source, &raw)?;
        let mut calendar = Calendar {
            id: raw.id,
            title: raw.title,
            zone: raw.zone,
            years: BTreeMap::new(),
            special: BTreeMap::new(),
            plain: false,
        };
        let mut known = BTreeMap::new();
        for (file, text) in files {
            if file == "calendar.toml" || !file.ends_with(".toml") {
                continue;
            }
            let source = Source::one(file, text);
            let (year, raw) = check_year(&source, file, &calendar.id)?;
            calendar.years.insert(year.year, year.clone());
            known.insert(year.year, raw);
        }
        for year in YEARS {
            for week in [Week::Five, Week::Six] {
                calendar.work_out(year, week, &holidays, known.get(&year));
            }
        }
        Ok(calendar)
    }

    /// A calendar that knows the weekly rest and no holiday, for an act that names no country's.
    pub fn plain() -> Calendar {
        Calendar {
            id: "plain".to_owned(),
            title: Text3::new(
                "мерекесіз күнтізбе",
                "календарь без праздников",
                "calendar without holidays",
            ),
            zone: "UTC".to_owned(),
            years: BTreeMap::new(),
            special: BTreeMap::new(),
            plain: true,
        }
    }

    /// Fills in the special days of one year.
    fn work_out(&mut self, year: i16, week: Week, holidays: &[Holiday], raw: Option<&RawYear>) {
        let settled = raw.is_some_and(|r| !r.provisional);
        let mut days: BTreeMap<Date, Day> = BTreeMap::new();
        let free = |confirmed: bool, reason| Day {
            working: false,
            confirmed: confirmed && settled,
            reason,
        };
        let mut in_lieu: BTreeMap<Date, (Text3, bool)> = BTreeMap::new();
        for h in holidays {
            for (month, day) in &h.days {
                let Ok(date) = Date::new(year, *month, *day) else {
                    continue; // 29 February
                };
                if h.from.is_some_and(|f| date < f) || h.until.is_some_and(|u| date > u) {
                    continue;
                }
                let title = h.title.clone();
                if h.in_lieu {
                    days.insert(
                        date,
                        free(
                            h.confirmed,
                            Reason::Holiday {
                                title: title.clone(),
                            },
                        ),
                    );
                    if week.rests_on(date.weekday()) {
                        in_lieu.insert(date, (title, h.confirmed));
                    }
                } else {
                    days.insert(date, free(h.confirmed, Reason::Religious { title }));
                }
            }
        }
        for r in raw.map(|r| r.religious.as_slice()).unwrap_or_default() {
            let reason = Reason::Religious {
                title: r.title.clone(),
            };
            days.entry(*r.date.get_ref())
                .or_insert_with(|| free(r.confirmed, reason));
        }
        for (of, (title, confirmed)) in in_lieu {
            let mut date = of;
            while week.rests_on(date.weekday()) || days.contains_key(&date) {
                match date.tomorrow() {
                    Ok(next) => date = next,
                    Err(_) => return,
                }
            }
            days.insert(date, free(confirmed, Reason::InLieu { title, of }));
        }
        for m in raw.map(|r| r.moved.as_slice()).unwrap_or_default() {
            let (from, to) = (*m.from.get_ref(), *m.to.get_ref());
            // Where the day is worked anyway (Saturday on six days a week) there is no rest to move;
            // a free day in lieu can be moved as well.
            let lieu = days
                .get(&from)
                .is_some_and(|day| matches!(day.reason, Reason::InLieu { .. }));
            if !week.rests_on(from.weekday()) && !lieu {
                continue;
            }
            days.insert(to, free(m.confirmed, Reason::MovedRest { of: from }));
            days.insert(
                from,
                Day {
                    working: true,
                    confirmed: m.confirmed && settled,
                    reason: Reason::WorkedInstead { of: to },
                },
            );
        }
        self.special
            .extend(days.into_iter().map(|(date, day)| ((week, date), day)));
    }

    /// What kind of day `date` is.
    pub fn day(&self, date: Date, week: Week) -> Day {
        if let Some(day) = self.special.get(&(week, date)) {
            return day.clone();
        }
        let rest = week.rests_on(date.weekday());
        Day {
            working: !rest,
            confirmed: !self.is_provisional(date.year()),
            reason: if rest {
                Reason::WeeklyRest
            } else {
                Reason::Working
            },
        }
    }

    /// True when people work on `date`.
    pub fn is_working_day(&self, date: Date, week: Week) -> bool {
        self.special
            .get(&(week, date))
            .map_or(!week.rests_on(date.weekday()), |d| d.working)
    }

    /// The first working day after `date`.
    pub fn next_working_day(&self, date: Date, week: Week) -> Date {
        self.add_working_days(date, 1, week)
    }

    /// The `count`-th working day after `date` (before it, when negative; `date` itself for 0).
    /// Stops at the ends of the Gregorian calendar.
    pub fn add_working_days(&self, date: Date, count: i32, week: Week) -> Date {
        let mut date = date;
        for _ in 0..count.unsigned_abs() {
            loop {
                match date.checked_add(count.signum().days()) {
                    Ok(next) => date = next,
                    Err(_) => return date,
                }
                if self.is_working_day(date, week) {
                    break;
                }
            }
        }
        date
    }

    /// Number of working days in `from..=to`.
    pub fn working_days(&self, from: Date, to: Date, week: Week) -> u32 {
        let mut count = 0;
        let mut date = from;
        while date <= to {
            count += u32::from(self.is_working_day(date, week));
            match date.tomorrow() {
                Ok(next) => date = next,
                Err(_) => break,
            }
        }
        count
    }

    /// True when the official calendar of `year` is not known.
    pub fn is_provisional(&self, year: i16) -> bool {
        !self.plain && self.years.get(&year).is_none_or(|y| y.provisional)
    }

    /// Which state of knowledge about `year` is used, such as `kz/2026.2`.
    pub fn edition(&self, year: i16) -> String {
        match self.years.get(&year) {
            Some(y) => y.edition.clone(),
            None if self.plain => self.id.clone(),
            None => format!("{}/{year}.0", self.id),
        }
    }

    /// The years that have a file of their own.
    pub fn years(&self) -> impl Iterator<Item = &Year> {
        self.years.values()
    }
}

fn check_holidays(source: &Source, raw: &RawCalendar) -> Result<Vec<Holiday>, PackError> {
    let mut ids = BTreeSet::new();
    let mut holidays = Vec::new();
    for h in &raw.holiday {
        if !ids.insert(h.id.get_ref()) {
            return Err(source.error(
                Some(h.id.span()),
                format!("the id `{}` is used twice", h.id.get_ref()),
                "give each holiday its own id",
            ));
        }
        let fault = |what: &str, fix: &str| source.error(Some(h.id.span()), what, fix);
        if h.source.trim().is_empty() {
            return Err(fault("the holiday has no source", "say which act names it"));
        }
        let mut days = Vec::new();
        for day in &h.days {
            let date: Result<Date, _> = format!("2000-{}", day.get_ref()).parse();
            match date {
                Ok(date) => days.push((date.month(), date.day())),
                Err(_) => {
                    return Err(source.error(
                        Some(day.span()),
                        format!("`{}` is not a day of the year", day.get_ref()),
                        "write month and day as \"03-21\"",
                    ));
                }
            }
        }
        holidays.push(Holiday {
            title: h.title.clone(),
            days,
            from: h.from,
            until: h.until,
            in_lieu: h.in_lieu,
            confirmed: h.confirmed,
        });
    }
    Ok(holidays)
}

fn check_year(source: &Source, file: &str, id: &str) -> Result<(Year, RawYear), PackError> {
    let raw: RawYear = source.parse()?;
    let number = *raw.year.get_ref();
    if file != format!("{number}.toml") {
        return Err(source.error(
            Some(raw.year.span()),
            format!("the file is about {number}"),
            format!("name it {number}.toml"),
        ));
    }
    let dates = raw
        .religious
        .iter()
        .map(|r| &r.date)
        .chain(raw.moved.iter().flat_map(|m| [&m.from, &m.to]));
    for date in dates {
        if date.get_ref().year() != number {
            return Err(source.error(
                Some(date.span()),
                format!("{} is not in {number}", date.get_ref()),
                "move it to the file of its year",
            ));
        }
    }
    let Some(last) = raw.edition.last() else {
        return Err(source.error(
            Some(raw.year.span()),
            "the year has no edition",
            "add [[edition]] with id, known_from, change and source",
        ));
    };
    let year = Year {
        year: number,
        edition: format!("{id}/{}", last.id.get_ref()),
        provisional: raw.provisional,
        source: last.source.clone(),
    };
    Ok((year, raw))
}
