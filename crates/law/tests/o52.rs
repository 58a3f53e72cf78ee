//! The clocks of Order No. 52/НҚ: every value of its time table, by clause.

mod common;
use common::{at, calendar, fact, pack, profile};
use jiff::ToSpan;
use saqshy_law::{
    CaseFact, Clock, ClockKind, ClockStatus as S, Flag, Lang, Pack, Profile, Week, clocks, duties,
    parse_trigger, periodic_duties, periods,
};
use std::sync::LazyLock;

static PACK: LazyLock<Pack> = LazyLock::new(|| pack("kz-o52"));
const DETECTED: &str = "2026-03-20T18:10:00+05:00";

fn clock_of(profile: &Profile, duty: &str, facts: &[CaseFact], now: &str) -> Clock {
    let all = clocks(&PACK, profile, &calendar(), facts, at(now));
    all.into_iter().find(|c| c.duty == duty).unwrap()
}

fn clock(bearer: &str, duty: &str, facts: &[CaseFact], now: &str) -> Clock {
    clock_of(&profile(bearer), duty, facts, now)
}

/// Bearer, duty, clause, trigger and the moment at which the duty is due when the trigger happened
/// on the Friday evening before Nauryz 2026 (21 to 25 March are free on a five-day week).
#[test]
fn the_time_table_across_nauryz() {
    let table = [
        (
            "owner",
            "o52.notify-sts",
            "O52-12-6",
            "incident.detected",
            "2026-03-20T18:25:00+05:00",
        ),
        (
            "sts",
            "o52.notify-object",
            "O52-10-1-5",
            "incident.detected",
            "2026-03-20T18:40:00+05:00",
        ),
        (
            "sts",
            "o52.notify-object",
            "O52-10-1-5",
            "event.detected",
            "2026-03-20T18:40:00+05:00",
        ),
        (
            "owner",
            "o52.data-list",
            "O52-12-7",
            "incident.detected",
            "2026-03-21T18:10:00+05:00",
        ),
        (
            "owner",
            "o52.vulnerability-list",
            "O52-13-2",
            "vulnerability.found",
            "2026-03-21T18:10:00+05:00",
        ),
        (
            "cii_owner",
            "o52.cii-data-list",
            "O52-24",
            "incident.detected",
            "2026-03-21T18:10:00+05:00",
        ),
        (
            "owner",
            "o52.contacts",
            "O52-16",
            "contact.changed",
            "2026-03-22T18:10:00+05:00",
        ),
        (
            "sts",
            "o52.escalate",
            "O52-10-1-8",
            "incident.detected",
            "2026-03-23T21:10:00+05:00",
        ),
        (
            "owner",
            "o52.object-information",
            "O52-8-1",
            "object.operated",
            "2026-04-08T23:59:59+05:00",
        ),
        (
            "owner",
            "o52.operation-stopped",
            "O52-8-2",
            "object.stopped",
            "2026-04-08T23:59:59+05:00",
        ),
        (
            "owner",
            "o52.information-on-request",
            "O52-15-2",
            "information.requested",
            "2026-04-08T23:59:59+05:00",
        ),
        (
            "sts",
            "o52.vulnerability-results",
            "O52-10-2-2",
            "examination.finished",
            "2026-04-08T23:59:59+05:00",
        ),
        (
            "sts",
            "o52.documentation-results",
            "O52-10-3-2",
            "documentation.examined",
            "2026-04-08T23:59:59+05:00",
        ),
        (
            "owner",
            "o52.vulnerability-measures",
            "O52-13-1",
            "notice.received:o52.vulnerability-results",
            "2026-04-09T23:59:59+05:00",
        ),
        (
            "owner",
            "o52.documentation-measures",
            "O52-14",
            "notice.received:o52.documentation-results",
            "2026-04-20T23:59:59+05:00",
        ),
        (
            "owner",
            "o52.logging-change",
            "O52-12-4",
            "logging.change",
            "2026-03-13T23:59:59+05:00",
        ),
    ];
    for (bearer, duty, clause, trigger, due) in table {
        let c = clock(
            bearer,
            duty,
            &[fact(trigger, DETECTED, 1)],
            "2026-03-20T18:11:00+05:00",
        );
        assert_eq!(
            (c.due, c.clause.as_str(), c.own),
            (Some(at(due)), clause, true),
            "{duty}"
        );
        assert_eq!(c.flags, [Flag::AmendmentNotWorkedIn], "{duty}");
        assert_eq!(c.edition, "kz/o52@399-nk");
        for lang in Lang::ALL {
            let steps: Vec<_> = c.steps.iter().map(|s| s.get(lang)).collect();
            assert!(
                steps.len() > 4 && steps.iter().any(|s| s.contains(clause)),
                "{steps:?}"
            );
        }
    }
}

/// O52-8-1 and O52-10-2-2 at the turn of 2024: Friday 3 January was free for Sunday the 5th, the 7th
/// is Christmas; ten working days from 31 December end on the 17th, on six days a week on the 15th.
#[test]
fn working_days_across_the_moved_days_of_2025() {
    let facts = [fact("object.operated", "2024-12-31T10:00:00+05:00", 1)];
    let now = "2025-01-02T00:00:00Z";
    let c = clock("owner", "o52.object-information", &facts, now);
    assert_eq!(c.due, Some(at("2025-01-17T23:59:59+05:00")));
    assert_eq!(c.calendar_edition.as_deref(), Some("kz/2025.1"));
    let steps: Vec<_> = c.steps.iter().map(|s| s.en.as_str()).collect();
    assert!(
        steps.contains(&"03.01.2025 does not count: the day of rest was moved from 05.01.2025"),
        "{steps:?}"
    );
    assert!(
        steps.contains(&"07.01.2025 does not count: Orthodox Christmas"),
        "{steps:?}"
    );
    assert!(
        c.steps
            .iter()
            .any(|s| s.kk.contains("жұмыс күні, келесі күннен бастап"))
    );
    let mut six = profile("owner");
    six.week = Week::Six;
    let c = clock_of(&six, "o52.object-information", &facts, now);
    assert_eq!(c.due, Some(at("2025-01-15T23:59:59+05:00")));
}

/// O52-12-4: five working days before the change; the planned day lies in the future.
#[test]
fn a_change_of_logging_is_announced_before_it() {
    let planned = [fact("logging.change", "2026-03-30T10:00:00+05:00", 1)];
    let c = clock(
        "owner",
        "o52.logging-change",
        &planned,
        "2026-03-10T09:00:00+05:00",
    );
    // 27, 26 March, then over Nauryz 20, 19 and 18 March.
    assert_eq!(
        (c.kind, c.due, c.status),
        (
            ClockKind::Before,
            Some(at("2026-03-18T23:59:59+05:00")),
            S::Running
        )
    );
    assert!(!c.flags.contains(&Flag::TriggerInFuture));
    let late = clock(
        "owner",
        "o52.logging-change",
        &planned,
        "2026-03-19T00:00:00+05:00",
    );
    assert_eq!(late.status, S::Overdue);
}

/// O52-12-6 and O52-12-7: 15 minutes only when the owner found it itself, 24 hours always.
#[test]
fn fifteen_minutes_only_for_an_own_detection() {
    let now = "2026-03-20T18:20:00+05:00";
    let own = [fact("incident.detected", DETECTED, 1)];
    assert_eq!(
        clock("owner", "o52.notify-sts", &own, now).status,
        S::Running
    );
    let told = [
        own[0].clone(),
        fact("incident.detected_by_sts", DETECTED, 2),
    ];
    assert_eq!(
        clock("owner", "o52.notify-sts", &told, now).status,
        S::NotNeeded
    );
    assert_eq!(
        clock("owner", "o52.data-list", &told, now).status,
        S::Running
    );
    // The State Technical Service watches: its own detection starts nothing of the owner's 15 minutes.
    let watched = clock("sts", "o52.notify-sts", &own, now);
    assert_eq!(
        (watched.own, watched.due, watched.status),
        (false, None, S::NotStarted)
    );
    let theirs = [
        own[0].clone(),
        fact("incident.detected_by_owner", DETECTED, 2),
    ];
    assert_eq!(
        clock("sts", "o52.notify-sts", &theirs, now).due,
        Some(at("2026-03-20T18:25:00+05:00"))
    );
}

/// O52-10-1-8: after 75 hours, at once, unless causes and consequences are gone.
#[test]
fn seventy_five_hours_then_at_once() {
    let base = fact("incident.detected", DETECTED, 1);
    let due = "2026-03-23T21:10:00+05:00";
    let one = std::slice::from_ref(&base);
    assert_eq!(
        clock("sts", "o52.escalate", one, "2026-03-23T21:09:59+05:00").status,
        S::Running
    );
    let fired = clock("sts", "o52.escalate", one, due);
    assert_eq!(
        (fired.status, fired.addressee.as_slice()),
        (S::Fired, &["nsc".to_owned()][..])
    );
    let gone = [
        base.clone(),
        fact("incident.eliminated", "2026-03-22T10:00:00+05:00", 2),
    ];
    assert_eq!(
        clock("sts", "o52.escalate", &gone, due).status,
        S::NotNeeded
    );
    // The owner sees the same clock, as a watcher.
    assert!(!clock("owner", "o52.escalate", one, due).own);
}

/// O52-24 and O52-25: chapter 3 binds the person responsible at the critical object, who belongs to
/// its owner; both addressees have to be told.
#[test]
fn a_critical_object_tells_both() {
    let base = fact("incident.detected", DETECTED, 1);
    let to = |who: &str, seq| {
        fact(
            &format!("notice.sent:o52.cii-data-list:{who}"),
            "2026-03-20T20:00:00+05:00",
            seq,
        )
    };
    let now = "2026-03-20T21:00:00+05:00";
    let half = [base.clone(), to("sts", 2)];
    assert_eq!(
        clock("cii_owner", "o52.cii-data-list", &half, now).status,
        S::Running
    );
    let both = [base.clone(), to("sts", 2), to("soc", 3)];
    assert_eq!(
        clock("cii_responsible", "o52.cii-data-list", &both, now).status,
        S::Met
    );
    // The operations centre found it: no own detection. An owner of e-government objects owes nothing here.
    let found = [base.clone(), fact("incident.detected_by_soc", DETECTED, 2)];
    assert_eq!(
        clock("cii_owner", "o52.cii-data-list", &found, now).status,
        S::NotNeeded
    );
    let owner = clocks(&PACK, &profile("owner"), &calendar(), &[base], at(now));
    assert!(owner.iter().all(|c| c.duty != "o52.cii-data-list"));
}

/// O52-13-1 and O52-14 run from the receipt of the results of O52-10-2-2 and O52-10-3-2.
#[test]
fn measures_are_reported_from_the_receipt_of_the_results() {
    let mut facts = vec![fact("examination.finished", "2026-03-02T10:00:00+05:00", 1)];
    let waiting = clock(
        "owner",
        "o52.vulnerability-measures",
        &facts,
        "2026-03-03T00:00:00Z",
    );
    assert_eq!((waiting.status, waiting.due), (S::NotStarted, None));
    facts.push(fact(
        "notice.sent:o52.vulnerability-results:owner",
        "2026-03-05T10:00:00+05:00",
        2,
    ));
    facts.push(fact(
        "notice.received:o52.vulnerability-results:owner",
        "2026-03-06T15:00:00+05:00",
        3,
    ));
    let c = clock(
        "owner",
        "o52.vulnerability-measures",
        &facts,
        "2026-03-10T00:00:00Z",
    );
    assert_eq!(c.due, Some(at("2026-03-26T23:59:59+05:00")));
    assert_eq!(
        clock(
            "sts",
            "o52.vulnerability-results",
            &facts,
            "2026-03-10T00:00:00Z"
        )
        .status,
        S::Met
    );
    // A month from 31 January ends with February.
    let facts = [fact(
        "notice.received:o52.documentation-results",
        "2026-01-31T09:00:00+05:00",
        1,
    )];
    let c = clock(
        "owner",
        "o52.documentation-measures",
        &facts,
        "2026-02-01T00:00:00Z",
    );
    assert_eq!(c.due, Some(at("2026-02-28T23:59:59+05:00")));
}

/// O52-8-2: the number is assumed, so it is a setting and shown as internal.
#[test]
fn the_term_of_a_stop_is_an_assumption() {
    let facts = [fact("object.stopped", "2026-06-01T10:00:00+05:00", 1)];
    let now = "2026-06-01T11:00:00+05:00";
    let c = clock("owner", "o52.operation-stopped", &facts, now);
    assert!(
        c.internal
            && c.steps
                .iter()
                .any(|s| s.en.starts_with("The act names no term: proposed"))
    );
    let mut p = profile("owner");
    p.settings.insert("o52.stop_days".into(), "3".into());
    let c = clock_of(&p, "o52.operation-stopped", &facts, now);
    assert_eq!(
        (c.due, c.amount),
        (Some(at("2026-06-04T23:59:59+05:00")), 3)
    );
    p.settings.insert("o52.stop_days".into(), "soon".into());
    let c = clock_of(&p, "o52.operation-stopped", &facts, now);
    assert!(c.flags.contains(&Flag::SettingUnreadable) && c.amount == 10);
}

/// O52-10-2-1a to O52-10-2-1d: 8, 2, 4 and 2 examinations a year, half main and half control; O52-17
/// every quarter.
#[test]
fn examinations_of_the_year_and_the_quarterly_summary() {
    let now = at("2026-11-20T10:00:00+05:00");
    let of = |facts: &[CaseFact]| periods(&PACK, &profile("sts"), &calendar(), facts, now);
    let year = |duty: &str, facts: &[CaseFact]| {
        let found = of(facts)
            .into_iter()
            .find(|c| c.duty == duty && c.period.as_deref() == Some("2026"));
        found.unwrap()
    };
    let wanted = [
        ("O52-10-2-1a", "o52.pentest", 4),
        ("O52-10-2-1b", "o52.configuration", 1),
        ("O52-10-2-1c", "o52.source-code", 2),
        ("O52-10-2-1d", "o52.manual-pentest", 1),
    ];
    let mut sum = 0;
    for (clause, duty, times) in wanted {
        for part in ["main", "control"] {
            let duty = format!("{duty}-{part}");
            let done: Vec<CaseFact> = (0..times)
                .map(|n| {
                    CaseFact::new(
                        format!("report.sent:{duty}:2026"),
                        at("2026-02-01T00:00:00Z") + (30 * 24 * n).hours(),
                        n as u64 + 1,
                    )
                })
                .collect();
            let short = &done[..times as usize - 1];
            let c = year(&duty, short);
            assert_eq!(
                (c.clause.as_str(), c.status),
                (clause, S::Running),
                "{duty}"
            );
            assert_eq!(c.due, Some(at("2026-12-31T23:59:59+05:00")), "{duty}");
            assert_eq!(year(&duty, &done).status, S::Met, "{duty}");
            sum += times;
        }
    }
    assert_eq!(sum, 16);
    let all = of(&[]);
    let quarter = all
        .iter()
        .find(|c| c.clause == "O52-17" && c.period.as_deref() == Some("2026-Q3"))
        .unwrap();
    assert_eq!(
        (quarter.due, quarter.status),
        (Some(at("2026-10-14T23:59:59+05:00")), S::Overdue)
    );
    let rows = periodic_duties(&[&PACK], &profile("sts"), &calendar(), &[], now, Lang::Kk);
    assert_eq!(rows.len(), all.len());
    assert!(
        rows.iter()
            .any(|r| r.id == "o52.quarterly-summary" && r.period.as_deref() == Some("2026-Q3"))
    );
    let last = all
        .iter()
        .find(|c| c.duty == "o52.pentest-main" && c.period.as_deref() == Some("2025"))
        .unwrap();
    assert!(
        last.status == S::Overdue
            && last
                .steps
                .iter()
                .any(|s| s.en == "Done in the period: 0 of 4")
    );
}

/// The list of the command line, for both sides and over both acts (O52-12-6, O52-10-1-5, O52-12-7,
/// O52-10-1-8; A-10: every clock of every act that applies, the earliest first).
#[test]
fn both_acts_side_by_side() {
    let o199 = common::o199();
    let trigger = [parse_trigger("incident.detected=2026-03-20T18:10+05:00", 1).unwrap()];
    let ask = |packs: &[&Pack], bearers: &[&str]| {
        let mut p = profile(bearers[0]);
        p.bearers = bearers.iter().map(|b| (*b).to_owned()).collect();
        duties(packs, &p, &calendar(), &trigger, trigger[0].at, Lang::En)
    };
    let own: Vec<_> = ask(&[&PACK], &["owner", "sts"])
        .unwrap()
        .into_iter()
        .filter(|r| r.due.is_some())
        .collect();
    let list: Vec<_> = own
        .iter()
        .map(|r| (r.clause.as_str(), r.due.as_deref().unwrap()))
        .collect();
    assert_eq!(
        list,
        [
            ("O52-12-6", "2026-03-20T18:25:00+05:00"),
            ("O52-10-1-5", "2026-03-20T18:40:00+05:00"),
            ("O52-12-7", "2026-03-21T18:10:00+05:00"),
            ("O52-10-1-8", "2026-03-23T21:10:00+05:00"),
        ]
    );
    let both = ask(&[&PACK, &o199], &["sts"]).unwrap();
    let running: Vec<_> = both
        .iter()
        .filter(|r| r.own && r.due.is_some())
        .map(|r| r.id.as_str())
        .collect();
    assert_eq!(
        running,
        [
            "o52.notify-object",
            "o199.notify-state-body",
            "o199.notify-nsc",
            "o199.escalate",
            "o52.escalate"
        ]
    );
    // Narrowed to one act, the other stays silent.
    let narrow = ask(&[&PACK, &o199], &["kz/o199:sts"]).unwrap();
    assert!(narrow.iter().all(|r| r.act == "kz/o199"));
    assert!(ask(&[&PACK], &["kz/o199:sts"]).is_err());
    assert!(
        ask(&[&PACK], &["bank"])
            .unwrap_err()
            .to_string()
            .contains("cii_owner")
    );
}

/// O199-5: an object that the act does not apply to, whatever its trigger.
#[test]
fn an_excluded_object_has_no_duties_of_the_act() {
    let facts = [
        fact("incident.detected", DETECTED, 1),
        fact("object.excluded:kz/o52", DETECTED, 2),
    ];
    let all = clocks(
        &PACK,
        &profile("sts"),
        &calendar(),
        &facts,
        at("2026-03-30T00:00:00Z"),
    );
    let started: Vec<_> = all.iter().filter(|c| c.started.is_some()).collect();
    assert!(started.len() > 2 && started.iter().all(|c| c.status == S::NotNeeded));
    assert!(
        started[0]
            .steps
            .iter()
            .any(|s| s.en.contains("does not apply to the object"))
    );
    let o199 = common::o199();
    let other = clocks(
        &o199,
        &profile("sts"),
        &calendar(),
        &facts,
        at("2026-03-30T00:00:00Z"),
    );
    assert!(
        other
            .iter()
            .any(|c| c.status == S::Fired || c.status == S::Overdue)
    );
}
