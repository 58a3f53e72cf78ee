//! Three years of incidents under two acts, with an amendment in the middle and a calendar that
//! changes: every due time and status against a second implementation, written here day by day with
//! plain numbers and without the crate's terms, calendar or zones.

mod common;
use common::{folder, profile, root};
use jiff::Timestamp;
use saqshy_law::{Calendar, CaseFact, ClockStatus, Pack, clocks_of_all};
use std::collections::{BTreeMap, BTreeSet};

const INCIDENTS: usize = 5_000;

/// An amendment of order 52 that never was: 72 hours instead of 75, working days instead of calendar
/// days, one duty repealed, one added.
const AMENDMENT: &str = r#"
[[edition]]
id = "test-2026"
title = { kk = "сынақ бұйрығы", ru = "испытательный приказ", en = "test order" }
signed = "2025-12-01"
in_force = "2026-01-01"

[[repeal]]
id = "o52.contacts"

[[repeal]]
id = "O52-16"

[[duty]]
id = "o52.escalate"
clause = "O52-10-1-8"
citation = { kk = "10-тармақ", ru = "пункт 10", en = "¶10" }
title = { kk = "ҚР ҰҚК-ны хабардар ету", ru = "Уведомить КНБ", en = "Notify the NSC" }
bearer = "sts"
addressee = ["nsc"]
trigger = ["incident.detected"]
kind = "after"
amount = 72
unit = "hours"
from = "moment"
stop = ["notice.sent:o52.escalate"]
unless = ["incident.eliminated"]

[[duty]]
id = "o52.vulnerability-measures"
clause = "O52-13-1"
citation = { kk = "13-тармақ", ru = "пункт 13", en = "¶13" }
title = { kk = "Ақпарат жолдау", ru = "Направить информацию", en = "Send information" }
bearer = "owner"
addressee = ["sts"]
trigger = ["notice.received:o52.vulnerability-results"]
kind = "within"
amount = 15
unit = "working_days"
from = "day"
stop = ["notice.sent:o52.vulnerability-measures"]

[[duty]]
id = "o52.progress"
clause = "O52-26"
citation = { kk = "26-тармақ", ru = "пункт 26", en = "¶26" }
title = { kk = "Барысы туралы хабарлау", ru = "Сообщить о ходе", en = "Report the progress" }
bearer = "owner"
addressee = ["sts", "nsc"]
trigger = ["incident.detected"]
kind = "within"
amount = 5
unit = "working_days"
from = "day"
stop = ["notice.sent:o52.progress"]

[[clause]]
id = "O52-26"
citation = { kk = "26-тармақ", ru = "пункт 26", en = "¶26" }
title = { kk = "Барысы туралы хабарлау", ru = "Сообщить о ходе", en = "Report the progress" }
served = "duty"
duty = ["o52.progress"]
"#;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// The whole simulation lies after 1 March 2024: five hours ahead of UTC.
const AHEAD: i64 = 5 * HOUR;

// ---------------------------------------------------------------- the second implementation

/// Days since 1970 of a date, counted year by year and month by month.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let leap = |y: i64| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let mut days = 0;
    for y in 1970..year {
        days += if leap(y) { 366 } else { 365 };
    }
    for m in 1..month {
        days += length(year, m);
    }
    days + day - 1
}

fn length(year: i64, month: i64) -> i64 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn date_of(day: i64) -> (i64, i64, i64) {
    let mut year = 1970;
    while day_of(year + 1, 1, 1) <= day {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && day_of(year, month + 1, 1) <= day {
        month += 1;
    }
    (year, month, day - day_of(year, month, 1) + 1)
}

/// Weekdays on which nobody works in a five-day week, written out from the official calendars.
const FREE: [(i64, &[(i64, i64)]); 4] = [
    (
        2024,
        &[
            (1, 1),
            (1, 2),
            (3, 8),
            (3, 21),
            (3, 22),
            (3, 25),
            (5, 1),
            (5, 7),
            (5, 8),
            (5, 9),
            (7, 8),
            (8, 30),
            (10, 25),
            (12, 16),
        ],
    ),
    (
        2025,
        &[
            (1, 1),
            (1, 2),
            (1, 3),
            (1, 7),
            (3, 10),
            (3, 21),
            (3, 24),
            (3, 25),
            (5, 1),
            (5, 7),
            (5, 9),
            (6, 6),
            (7, 7),
            (9, 1),
            (10, 27),
            (12, 16),
        ],
    ),
    (
        2026,
        &[
            (1, 1),
            (1, 2),
            (1, 7),
            (3, 9),
            (3, 23),
            (3, 24),
            (3, 25),
            (5, 1),
            (5, 7),
            (5, 11),
            (5, 27),
            (7, 6),
            (10, 26),
            (12, 16),
        ],
    ),
    (
        2027,
        &[
            (1, 1),
            (1, 4),
            (1, 7),
            (3, 8),
            (3, 15),
            (3, 22),
            (3, 23),
            (3, 24),
            (5, 3),
            (5, 7),
            (5, 10),
            (7, 6),
            (10, 25),
            (12, 16),
        ],
    ),
];
const WORKED: [(i64, i64, i64); 2] = [(2024, 5, 4), (2025, 1, 5)];
/// The order that the second calendar knows: Saturday 12 December 2026 is worked for Friday 18.
const LATER_WORKED: (i64, i64, i64) = (2026, 12, 12);
const LATER_FREE: (i64, i64, i64) = (2026, 12, 18);

struct Days {
    free: BTreeSet<i64>,
    worked: BTreeSet<i64>,
}

impl Days {
    fn new(later: bool) -> Days {
        let of = |(y, m, d): (i64, i64, i64)| day_of(y, m, d);
        let mut days = Days {
            free: FREE
                .iter()
                .flat_map(|(y, list)| list.iter().map(|(m, d)| day_of(*y, *m, *d)))
                .collect(),
            worked: WORKED.into_iter().map(of).collect(),
        };
        if later {
            days.free.insert(of(LATER_FREE));
            days.worked.insert(of(LATER_WORKED));
        }
        days
    }

    fn works(&self, day: i64) -> bool {
        // 1 January 1970 was a Thursday.
        let weekend = matches!((day + 3) % 7, 5 | 6);
        self.worked.contains(&day) || (!weekend && !self.free.contains(&day))
    }
}

#[derive(Clone, Copy)]
enum In {
    Seconds(i64),
    Working(i64),
    Calendar(i64),
    Month,
    WorkingBefore(i64),
}

struct Rule {
    id: &'static str,
    after: bool,
    term: In,
    triggers: &'static [&'static str],
    to: &'static [&'static str],
    or_to: &'static [&'static str],
    more_stops: &'static [&'static str],
    unless: &'static [&'static str],
    /// The duty whose beginning this one belongs to.
    root: Option<&'static str>,
}

const fn rule(
    id: &'static str,
    term: In,
    triggers: &'static [&'static str],
    to: &'static [&'static str],
) -> Rule {
    Rule {
        id,
        after: false,
        term,
        triggers,
        to,
        or_to: &[],
        more_stops: &[],
        unless: &[],
        root: None,
    }
}

const FOUND: &[&str] = &["event.detected", "incident.detected"];
const INCIDENT: &[&str] = &["incident.detected"];
const GONE: &[&str] = &["incident.eliminated"];

fn rules(amended: bool) -> Vec<Rule> {
    let mut rules = vec![
        Rule {
            or_to: &["authorised_person"],
            ..rule(
                "o199.notify-state-body",
                In::Seconds(1800),
                FOUND,
                &["state_body"],
            )
        },
        rule("o199.notify-nsc", In::Seconds(3 * HOUR), FOUND, &["nsc"]),
        Rule {
            after: true,
            unless: GONE,
            ..rule(
                "o199.escalate",
                In::Seconds(48 * HOUR),
                INCIDENT,
                &["authorised_body", "nsc"],
            )
        },
        Rule {
            more_stops: &[
                "answer.received:o199.state-body-answer",
                "answer.sent:o199.state-body-answer",
            ],
            root: Some("o199.notify-state-body"),
            ..rule(
                "o199.state-body-answer",
                In::Seconds(48 * HOUR),
                &["notice.received:o199.notify-state-body"],
                &["sts"],
            )
        },
        Rule {
            or_to: &["owner", "authorised_person"],
            ..rule(
                "o52.notify-object",
                In::Seconds(1800),
                FOUND,
                &["object_responsible"],
            )
        },
        rule(
            "o52.vulnerability-results",
            In::Working(10),
            &["examination.finished"],
            &["owner"],
        ),
        Rule {
            unless: &["incident.detected_by_sts"],
            more_stops: &["answer.received:o52.notify-sts"],
            ..rule("o52.notify-sts", In::Seconds(900), INCIDENT, &["sts"])
        },
        Rule {
            more_stops: &["answer.received:o52.data-list"],
            ..rule("o52.data-list", In::Seconds(24 * HOUR), INCIDENT, &["sts"])
        },
        Rule {
            more_stops: &["answer.received:o52.object-information"],
            ..rule(
                "o52.object-information",
                In::Working(10),
                &["object.operated"],
                &["sts"],
            )
        },
        Rule {
            more_stops: &["answer.received:o52.documentation-measures"],
            root: Some("o52.documentation-results"),
            ..rule(
                "o52.documentation-measures",
                In::Month,
                &["notice.received:o52.documentation-results"],
                &["sts"],
            )
        },
        Rule {
            more_stops: &["answer.received:o52.logging-change"],
            ..rule(
                "o52.logging-change",
                In::WorkingBefore(5),
                &["logging.change"],
                &["sts"],
            )
        },
    ];
    if amended {
        rules.push(Rule {
            after: true,
            unless: GONE,
            ..rule("o52.escalate", In::Seconds(72 * HOUR), INCIDENT, &["nsc"])
        });
        rules.push(Rule {
            root: Some("o52.vulnerability-results"),
            ..rule(
                "o52.vulnerability-measures",
                In::Working(15),
                &["notice.received:o52.vulnerability-results"],
                &["sts"],
            )
        });
        rules.push(rule(
            "o52.progress",
            In::Working(5),
            INCIDENT,
            &["sts", "nsc"],
        ));
    } else {
        rules.push(Rule {
            after: true,
            unless: GONE,
            ..rule("o52.escalate", In::Seconds(75 * HOUR), INCIDENT, &["nsc"])
        });
        rules.push(Rule {
            root: Some("o52.vulnerability-results"),
            more_stops: &["answer.received:o52.vulnerability-measures"],
            ..rule(
                "o52.vulnerability-measures",
                In::Calendar(20),
                &["notice.received:o52.vulnerability-results"],
                &["sts"],
            )
        });
        rules.push(Rule {
            more_stops: &["answer.received:o52.contacts"],
            ..rule(
                "o52.contacts",
                In::Seconds(48 * HOUR),
                &["contact.changed"],
                &["sts"],
            )
        });
    }
    rules
}

fn end(term: In, start: i64, days: &Days) -> i64 {
    let first = (start + AHEAD).div_euclid(DAY);
    let last_second = |day: i64| (day + 1) * DAY - 1 - AHEAD;
    match term {
        In::Seconds(n) => start + n,
        In::Calendar(n) => last_second(first + n),
        In::Month => {
            let (year, month, number) = date_of(first);
            let (year, month) = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
            last_second(day_of(year, month, number.min(length(year, month))))
        }
        In::Working(n) | In::WorkingBefore(n) => {
            let step = if matches!(term, In::Working(_)) {
                1
            } else {
                -1
            };
            let (mut day, mut left) = (first, n);
            while left > 0 {
                day += step;
                left -= i64::from(days.works(day));
            }
            last_second(day)
        }
    }
}

type Fact = (String, i64);

/// Earliest of dispatches and receipts, last recorded of states.
fn fact(facts: &[Fact], kind: &str) -> Option<i64> {
    let mut same = facts
        .iter()
        .filter(|(k, _)| k == kind || (kind.contains(':') && k.starts_with(&format!("{kind}:"))));
    match kind.starts_with("notice") || kind.starts_with("answer") {
        true => same.map(|(_, at)| *at).min(),
        false => same.next_back().map(|(_, at)| *at),
    }
}

fn start_of(rule: &Rule, facts: &[Fact]) -> Option<i64> {
    rule.triggers.iter().filter_map(|k| fact(facts, k)).min()
}

/// Due second and status of one duty.
fn naive(rule: &Rule, facts: &[Fact], now: i64, days: &Days) -> (Option<i64>, ClockStatus) {
    use ClockStatus::*;
    // What was undone is gone: a reopened incident is not eliminated.
    let reopened = facts.iter().rposition(|(k, _)| k == "incident.reopened");
    let facts: Vec<Fact> = facts
        .iter()
        .enumerate()
        .filter(|(i, (k, _))| !(k == "incident.eliminated" && reopened.is_some_and(|r| r > *i)))
        .map(|(_, f)| f.clone())
        .collect();
    let Some(start) = start_of(rule, &facts) else {
        return (None, NotStarted);
    };
    let due = end(rule.term, start, days);
    let before = matches!(rule.term, In::WorkingBefore(_));
    if start > now && !before {
        return (Some(due), NotStarted);
    }
    let done = |not_before: i64| -> Option<i64> {
        let own = format!("notice.sent:{}", rule.id);
        let stops: Vec<String> = std::iter::once(own)
            .chain(rule.more_stops.iter().map(|s| (*s).to_owned()))
            .collect();
        let mut all = i64::MIN;
        for to in rule.to {
            let reached = facts.iter().filter(|(k, at)| {
                *at <= now
                    && *at >= not_before
                    && stops.iter().any(|s| {
                        k == s
                            || *k == format!("{s}:{to}")
                            || rule.or_to.iter().any(|o| *k == format!("{s}:{o}"))
                    })
            });
            all = all.max(reached.map(|(_, at)| *at).min()?);
        }
        Some(all)
    };
    let gone = rule
        .unless
        .iter()
        .filter_map(|k| fact(&facts, k))
        .filter(|at| *at <= now)
        .min();
    let status = if rule.after {
        if gone.is_some_and(|at| at <= due) {
            NotNeeded
        } else if done(due).is_some() {
            Met
        } else if now >= due {
            Fired
        } else {
            Running
        }
    } else {
        match done(i64::MIN) {
            Some(at) if at > due => MetLate,
            Some(_) => Met,
            None if gone.is_some() => NotNeeded,
            None if now > due => Overdue,
            None => Running,
        }
    };
    (Some(due), status)
}

// ---------------------------------------------------------------- chance

struct Chance(u64);

impl Chance {
    fn next(&mut self, below: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % below
    }

    fn often(&mut self, percent: i64) -> bool {
        self.next(100) < percent
    }

    /// A delay: mostly within the hour, sometimes days.
    fn delay(&mut self) -> i64 {
        match self.next(4) {
            0 => self.next(HOUR),
            1 => self.next(5 * HOUR),
            2 => self.next(3 * DAY),
            _ => self.next(30 * DAY),
        }
    }
}

fn story(chance: &mut Chance, begin: i64) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut add = |kind: &str, at: i64| facts.push((kind.to_owned(), at));
    if chance.often(30) {
        add("event.detected", begin - chance.next(2 * HOUR));
    }
    if chance.often(90) {
        add("incident.detected", begin);
    }
    if chance.often(20) {
        add("incident.detected_by_sts", begin);
    }
    for (duty, to) in [
        ("o199.notify-state-body", "state_body"),
        ("o199.notify-state-body", "authorised_person"),
        ("o199.notify-nsc", "nsc"),
        ("o199.escalate", "nsc"),
        ("o199.escalate", "authorised_body"),
        ("o52.notify-object", "object_responsible"),
        ("o52.notify-object", "owner"),
        ("o52.escalate", "nsc"),
        ("o52.notify-sts", "sts"),
        ("o52.data-list", "sts"),
        ("o52.progress", "sts"),
        ("o52.progress", "nsc"),
        ("o52.object-information", "sts"),
        ("o52.vulnerability-measures", "sts"),
        ("o52.documentation-measures", "sts"),
        ("o52.contacts", "sts"),
        ("o52.logging-change", "sts"),
    ] {
        if chance.often(45) {
            let slow = if chance.often(15) { 60 * DAY } else { 0 };
            let at = begin + chance.delay() + chance.next(slow + 1);
            match chance.often(80) {
                true => add(&format!("notice.sent:{duty}:{to}"), at),
                false => add(&format!("notice.sent:{duty}"), at),
            }
        }
    }
    if chance.often(60) {
        let at = begin + chance.delay();
        add("notice.received:o199.notify-state-body:state_body", at);
        if chance.often(60) {
            add(
                "answer.received:o199.state-body-answer",
                at + chance.delay(),
            );
        }
    }
    if chance.often(40) {
        add("examination.finished", begin);
        add(
            "notice.received:o52.vulnerability-results",
            begin + chance.delay(),
        );
    }
    for kind in ["object.operated", "contact.changed"] {
        if chance.often(30) {
            add(kind, begin + chance.next(DAY));
        }
    }
    if chance.often(30) {
        add(
            "notice.received:o52.documentation-results",
            begin + chance.next(40 * DAY),
        );
    }
    if chance.often(20) {
        add("logging.change", begin + chance.next(20 * DAY));
    }
    if chance.often(50) {
        add("incident.eliminated", begin + chance.delay());
        if chance.often(15) {
            add("incident.reopened", begin + chance.delay());
        }
    }
    facts
}

#[test]
fn three_years_of_incidents_agree_with_the_second_implementation() {
    let o199 = common::o199();
    let mut files = folder(&root().join("packs/kz-o52"));
    let old = Pack::parse(&files).unwrap();
    files.insert("editions/2026-test.toml".into(), AMENDMENT.into());
    let o52 = Pack::parse(&files).unwrap();
    assert_eq!(o52.duties.len(), old.duties.len() + 3);

    let mut days = folder(&root().join("packs/calendar-kz"));
    let first = Calendar::parse(&days).unwrap();
    let moved = "\n[[moved]]\nfrom = \"2026-12-12\"\nto = \"2026-12-18\"\nconfirmed = true\nsource = \"test\"\n";
    days.get_mut("2026.toml").unwrap().push_str(moved);
    let second = Calendar::parse(&days).unwrap();
    let (first_days, second_days) = (Days::new(false), Days::new(true));

    let mut profile = profile("sts");
    profile
        .bearers
        .extend(["owner".to_owned(), "state_body".to_owned()]);
    let opens = day_of(2024, 6, 1) * DAY - AHEAD;
    let amended_from = day_of(2026, 1, 1) * DAY - AHEAD;
    let calendar_changes = day_of(2026, 6, 15) * DAY - AHEAD;
    let mut chance = Chance(2026);
    let mut seen: BTreeMap<(String, ClockStatus), usize> = BTreeMap::new();
    let mut compared = 0;
    for number in 0..INCIDENTS {
        let begin = opens + chance.next(3 * 365 * DAY);
        let facts = story(&mut chance, begin);
        let patience = if chance.often(20) { 60 * DAY } else { 0 };
        let now = begin + chance.delay() + chance.next(patience + 1);
        let later = now >= calendar_changes;
        let (calendar, days) = match later {
            true => (&second, &second_days),
            false => (&first, &first_days),
        };
        let case: Vec<CaseFact> = facts
            .iter()
            .zip(1u64..)
            .map(|((kind, at), seq)| {
                CaseFact::new(kind.clone(), Timestamp::from_second(*at).unwrap(), seq)
            })
            .collect();
        let at = Timestamp::from_second(now).unwrap();
        let clocks = clocks_of_all([&o199, &o52], &profile, calendar, &case, at);
        let dues: Vec<_> = clocks.iter().map(|c| (c.due.is_none(), c.due)).collect();
        assert!(dues.is_sorted(), "{number}: the earliest comes first");
        for amended in [false, true] {
            for rule in rules(amended) {
                // The case keeps the edition of what began it.
                let root = rule
                    .root
                    .and_then(|id| rules(amended).into_iter().find(|r| r.id == id));
                let of_root = match rule.root {
                    Some("o52.documentation-results") => None,
                    _ => root.and_then(|r| start_of(&r, &facts)),
                };
                let own = start_of(&rule, &facts);
                let began = own.map(|own| of_root.map_or(own, |root| root.min(own)));
                if (began.unwrap_or(now) >= amended_from) != amended {
                    continue;
                }
                let (due, status) = naive(&rule, &facts, now, days);
                let clock = clocks.iter().find(|c| c.duty == rule.id);
                let clock =
                    clock.unwrap_or_else(|| panic!("{number}: no clock for {} {facts:?}", rule.id));
                let found = (clock.due.map(|d| d.as_second()), clock.status);
                assert_eq!(
                    found,
                    (due, status),
                    "{number}: {} at {now}: {facts:#?}",
                    rule.id
                );
                *seen.entry((rule.id.to_owned(), status)).or_default() += 1;
                compared += 1;
            }
        }
    }
    assert!(compared > 13 * INCIDENTS, "{compared}");
    // Every duty was seen in every status that it can have.
    for rule in rules(true).iter().chain(&rules(false)) {
        let mut expected = match rule.after {
            true => vec![
                ClockStatus::Running,
                ClockStatus::Fired,
                ClockStatus::Met,
                ClockStatus::NotNeeded,
            ],
            false => vec![ClockStatus::Running, ClockStatus::Met],
        };
        if !rule.after && rule.id != "o52.vulnerability-results" {
            expected.extend([ClockStatus::Overdue, ClockStatus::MetLate]);
        }
        if rule.id == "o52.vulnerability-results" {
            expected = vec![ClockStatus::Running, ClockStatus::Overdue];
        }
        for status in expected {
            assert!(
                seen.contains_key(&(rule.id.to_owned(), status)),
                "{} never {status:?}",
                rule.id
            );
        }
    }
}
