//! The clocks of Resolution No. 90: internal terms, pause and extension of an investigation, the
//! yearly duties, retention.

mod common;
use common::{at, calendar, fact, pack, profile};
use saqshy_law::{
    CaseFact, Clock, ClockStatus as S, Flag, Gate, Kept, Pack, Profile, Unit, clocks, periods,
};
use std::sync::LazyLock;

static PACK: LazyLock<Pack> = LazyLock::new(|| pack("kz-r90"));
const MONDAY: &str = "2026-06-01T10:00:00+05:00";

fn run(profile: &Profile, facts: &[CaseFact], now: &str) -> Vec<Clock> {
    clocks(&PACK, profile, &calendar(), facts, at(now))
}

fn clock(duty: &str, facts: &[CaseFact], now: &str) -> Clock {
    let all = run(&profile("bank"), facts, now);
    all.into_iter().find(|c| c.duty == duty).unwrap()
}

/// Every clock on a case rests on the institution's own number, and says so; only the
/// Agency's own report of R90-OP-2-3 has a term in the text.
#[test]
fn every_term_is_internal() {
    let table = [
        (
            "R90-4-2",
            "r90.respond",
            "event.listed",
            "r90.immediate_minutes",
            "2026-06-01T10:15:00+05:00",
            "5",
            "2026-06-01T10:05:00+05:00",
        ),
        (
            "R90-4-5",
            "r90.inform",
            "incident.detected",
            "r90.inform_hours",
            "2026-06-01T12:00:00+05:00",
            "1",
            "2026-06-01T11:00:00+05:00",
        ),
        (
            "R90-7-4",
            "r90.hand-over",
            "incident.classified",
            "r90.hand_over_minutes",
            "2026-06-01T10:30:00+05:00",
            "10",
            "2026-06-01T10:10:00+05:00",
        ),
        (
            "R90-9-b",
            "r90.regulator-system",
            "incident.detected",
            "r90.system_hours",
            "2026-06-02T10:00:00+05:00",
            "12",
            "2026-06-01T22:00:00+05:00",
        ),
        (
            "R90-8-7",
            "r90.decide-investigation",
            "incident.detected",
            "r90.decide_days",
            "2026-06-04T23:59:59+05:00",
            "1",
            "2026-06-02T23:59:59+05:00",
        ),
        (
            "R90-4-14",
            "r90.open-investigation",
            "damage.recorded",
            "r90.open_hours",
            "2026-06-02T10:00:00+05:00",
            "2",
            "2026-06-01T12:00:00+05:00",
        ),
        (
            "R90-4-14",
            "r90.notify-start",
            "investigation.started",
            "r90.notify_hours",
            "2026-06-02T10:00:00+05:00",
            "4",
            "2026-06-01T14:00:00+05:00",
        ),
        (
            "R90-4-14",
            "r90.notify-terms",
            "investigation.started",
            "r90.notify_hours",
            "2026-06-02T10:00:00+05:00",
            "4",
            "2026-06-01T14:00:00+05:00",
        ),
        (
            "R90-4-14",
            "r90.notify-results",
            "investigation.concluded",
            "r90.results_days",
            "2026-06-04T23:59:59+05:00",
            "5",
            "2026-06-08T23:59:59+05:00",
        ),
        (
            "R90-11-6",
            "r90.conclude",
            "investigation.started",
            "r90.conclusion_days",
            "2026-06-29T23:59:59+05:00",
            "10",
            "2026-06-15T23:59:59+05:00",
        ),
        (
            "R90-12",
            "r90.inform-results",
            "investigation.concluded",
            "r90.results_days",
            "2026-06-04T23:59:59+05:00",
            "5",
            "2026-06-08T23:59:59+05:00",
        ),
    ];
    for (clause, duty, trigger, setting, due, own, own_due) in table {
        let facts = [fact(trigger, MONDAY, 1)];
        let c = clock(duty, &facts, MONDAY);
        assert_eq!(
            (c.clause.as_str(), c.due, c.internal),
            (clause, Some(at(due)), true),
            "{duty}"
        );
        assert!(
            c.steps[0].en.contains(setting) && c.steps[0].en.contains("names no term"),
            "{:?}",
            c.steps[0]
        );
        let mut p = profile("bank");
        p.settings.insert(setting.into(), own.into());
        let c = run(&p, &facts, MONDAY)
            .into_iter()
            .find(|c| c.duty == duty)
            .unwrap();
        assert_eq!(c.due, Some(at(own_due)), "{duty}");
        assert!(c.steps[0].en.contains("internal term"), "{:?}", c.steps[0]);
    }
    let registered = [fact("act.registered", "2020-09-25T10:00:00+06:00", 1)];
    let all = run(
        &profile("cyber_department"),
        &registered,
        "2020-09-26T00:00:00Z",
    );
    let report = all.iter().find(|c| c.clause == "R90-OP-2-3").unwrap();
    assert_eq!(
        (report.due, report.internal),
        (Some(at("2020-10-09T23:59:59+06:00")), false)
    );
}

/// R90-4-14 and R90-12: three notices to the regulator; the results reach the executives too.
#[test]
fn an_investigation_from_damage_to_its_results() {
    let now = "2026-07-20T00:00:00Z";
    let mut facts = vec![
        fact("incident.detected", MONDAY, 1),
        fact("damage.recorded", "2026-06-01T12:00:00+05:00", 2),
    ];
    assert_eq!(
        clock("r90.open-investigation", &facts, now).status,
        S::Overdue
    );
    facts.push(fact(
        "investigation.started",
        "2026-06-02T09:00:00+05:00",
        3,
    ));
    assert_eq!(clock("r90.open-investigation", &facts, now).status, S::Met);
    assert_eq!(
        clock("r90.decide-investigation", &facts, now).status,
        S::Met
    );
    facts.push(fact(
        "notice.sent:r90.notify-start:regulator",
        "2026-06-02T10:00:00+05:00",
        4,
    ));
    assert_eq!(clock("r90.notify-start", &facts, now).status, S::Met);
    assert_eq!(clock("r90.notify-terms", &facts, now).status, S::Overdue);
    facts.push(fact(
        "investigation.concluded",
        "2026-06-19T10:00:00+05:00",
        5,
    ));
    assert_eq!(clock("r90.conclude", &facts, now).status, S::Met);
    facts.push(fact(
        "notice.sent:r90.inform-results:regulator",
        "2026-06-22T10:00:00+05:00",
        6,
    ));
    assert_eq!(
        clock("r90.inform-results", &facts, now).status,
        S::Overdue,
        "the executives wait"
    );
    assert_eq!(
        clock("r90.notify-results", &facts, now).status,
        S::Met,
        "one letter serves both"
    );
    facts.push(fact(
        "notice.sent:r90.inform-results:executives",
        "2026-06-22T11:00:00+05:00",
        7,
    ));
    assert_eq!(clock("r90.inform-results", &facts, now).status, S::Met);
    // R90-8-7: a decision against it, taken back by a start.
    let no = [
        fact("incident.detected", MONDAY, 1),
        fact("investigation.not_needed", "2026-06-02T09:00:00+05:00", 2),
    ];
    assert_eq!(clock("r90.decide-investigation", &no, now).status, S::Met);
}

/// R90-11-6: the clock stands still while the investigation is suspended and a decision gives more
/// time; both are among the steps.
#[test]
fn an_investigation_is_suspended_and_extended() {
    let start = fact("investigation.started", MONDAY, 1);
    let suspended = fact("investigation.suspended", "2026-06-10T12:00:00+05:00", 2);
    let resumed = fact("investigation.resumed", "2026-06-15T09:00:00+05:00", 3);
    let extended = fact(
        "investigation.extended:5-working_days",
        "2026-06-20T09:00:00+05:00",
        4,
    );
    let stands = clock(
        "r90.conclude",
        &[start.clone(), suspended.clone()],
        "2026-12-01T00:00:00Z",
    );
    assert_eq!((stands.due, stands.status), (None, S::Running));
    assert!(stands.flags.contains(&Flag::Paused));
    assert!(
        stands.steps.iter().any(|s| s.kk.contains("тоқтатыла тұр")),
        "{:?}",
        stands.steps
    );
    // 10, 11 and 12 June do not count (13 and 14 are a weekend): three working days later.
    let paused = [start.clone(), suspended.clone(), resumed.clone()];
    let c = clock("r90.conclude", &paused, "2026-06-20T00:00:00Z");
    assert_eq!(c.due, Some(at("2026-07-02T23:59:59+05:00")));
    let both = [
        start.clone(),
        suspended.clone(),
        resumed.clone(),
        extended.clone(),
    ];
    let c = clock("r90.conclude", &both, "2026-06-21T00:00:00Z");
    // 6 July is Capital Day.
    assert_eq!(c.due, Some(at("2026-07-10T23:59:59+05:00")));
    let english: Vec<_> = c.steps.iter().map(|s| s.en.as_str()).collect();
    assert!(english.contains(&"The clock stood still: 10.06.2026 12:00 (+05:00) – 15.06.2026 09:00 (+05:00); this time does not count"), "{english:?}");
    assert!(english.contains(&"Term of the internal investigation extended: 20.06.2026 09:00 (+05:00), + 5 working days"), "{english:?}");
    // Decided too late, or unreadable: shown and not counted.
    for kind in [
        "investigation.extended:5-working_days",
        "investigation.extended:many",
        "investigation.extended:0-hours",
    ] {
        let late = [start.clone(), fact(kind, "2026-08-01T09:00:00+05:00", 4)];
        let c = clock("r90.conclude", &late, "2026-08-02T00:00:00Z");
        assert_eq!(c.due, Some(at("2026-06-29T23:59:59+05:00")));
        assert!(c.flags.contains(&Flag::ExtensionIgnored));
    }
    // A duty that cannot be paused is not.
    let other = [fact("incident.detected", MONDAY, 1), suspended];
    assert_eq!(
        clock("r90.regulator-system", &other, "2026-06-03T00:00:00Z").status,
        S::Overdue
    );
}

/// R90-4-10 and R90-4-11: in each calendar year, and no more than twelve months apart.
#[test]
fn once_a_year_in_both_senses() {
    let now = at("2026-11-20T10:00:00+05:00");
    for (clause, duty) in [
        ("R90-4-10", "r90.review-events"),
        ("R90-4-11", "r90.collegial-analysis"),
    ] {
        let of = |facts: &[CaseFact], year: &str| {
            let all = periods(&PACK, &profile("bank"), &calendar(), facts, now);
            all.into_iter()
                .find(|c| c.duty == duty && c.period.as_deref() == Some(year))
                .unwrap()
        };
        let c = of(&[], "2026");
        assert_eq!(
            (c.clause.as_str(), c.status, c.due),
            (clause, S::Running, Some(at("2026-12-31T23:59:59+05:00")))
        );
        let last = fact(
            &format!("report.sent:{duty}:2025"),
            "2025-09-15T10:00:00+05:00",
            1,
        );
        let c = of(std::slice::from_ref(&last), "2026");
        assert_eq!(
            (c.status, c.due),
            (S::Overdue, Some(at("2026-09-15T23:59:59+05:00")))
        );
        assert!(
            c.steps
                .iter()
                .any(|s| s.ru.contains("между двумя не более 1 год")),
            "{:?}",
            c.steps
        );
        let done = fact(
            &format!("report.sent:{duty}:2026"),
            "2026-09-10T10:00:00+05:00",
            2,
        );
        assert_eq!(of(&[last, done], "2026").status, S::Met);
        assert_eq!(of(&[], "2025").status, S::Overdue);
    }
}

/// R90-10, R90-14: five years for incidents and for investigations, from the latest event;
/// R90-2 and R90-8-5: monitoring data for at least three months back.
#[test]
fn retention_floors() {
    let floor = |what| PACK.retention.iter().find(|r| r.what == [what]).unwrap();
    let latest = ["incident.closed", "investigation.closed", "record.changed"];
    for (clause, what) in [
        ("R90-10", Kept::Incidents),
        ("R90-14", Kept::Investigations),
    ] {
        let r = floor(what);
        assert_eq!((r.amount, r.unit), (5, Unit::Years));
        assert_eq!(r.from, latest);
        assert!(PACK.clause(clause).unwrap().retention.contains(&r.id));
    }
    let events = floor(Kept::Events);
    assert_eq!((events.amount, events.unit), (3, Unit::Months));
    for clause in ["R90-2", "R90-8-5"] {
        assert_eq!(
            PACK.clause(clause).unwrap().retention,
            ["r90.monitoring-data"]
        );
    }
}

/// R90-9-a, R90-11-6, R90-4-2: the records whose contents the act names hold exactly these.
#[test]
fn prescribed_records() {
    let required = |id: &str| {
        let r = PACK.register(id).unwrap();
        assert!(r.prescribed, "{id}");
        r.required.clone()
    };
    assert_eq!(
        required("r90.incident-register"),
        [
            "incident-information",
            "measures-taken",
            "corrective-measures"
        ]
    );
    assert_eq!(
        required("r90.conclusion"),
        ["incident-information", "recommendations"]
    );
    assert_eq!(
        required("r90.event-list"),
        [
            "event",
            "measures",
            "sources",
            "frequency",
            "order",
            "methods"
        ]
    );
    assert_eq!(
        PACK.register("r90.event-list").unwrap().review,
        ["r90.review-events"]
    );
    assert_eq!(
        PACK.register("r90.incident-register")
            .unwrap()
            .retention
            .as_deref(),
        Some("r90.incident-information")
    );
}

/// R90-5: three stages. R90-8-1 to R90-8-6: the urgent list. R90-6: the contract. The gates close on
/// what R90-9-a, R90-9-b, R90-4-14 and R90-11-6 ask for.
#[test]
fn stages_and_gates() {
    let stages = PACK.clause("R90-5").unwrap();
    assert_eq!(stages.categories.len(), 3);
    let list = |id: &str| PACK.checklists.iter().find(|l| l.id == id).unwrap();
    assert_eq!(list("r90.urgent").items.len(), 7);
    assert_eq!(list("r90.contract").gate, Gate::Contract);
    let closing = list("r90.closing");
    assert_eq!(closing.gate, Gate::CloseIncident);
    assert!(closing.items.iter().all(|i| i.required));
    let decided = closing
        .items
        .iter()
        .find(|i| i.id == "r90.decided")
        .unwrap();
    assert_eq!(
        decided.facts,
        ["investigation.not_needed", "investigation.closed"]
    );
    assert_eq!(list("r90.investigation").gate, Gate::CloseInvestigation);
}

/// The wording of R90-4-14 is known since 95-2022, that of R90-9-b since 86-2023: a case of 2021 or
/// early 2023 is not counted by words that did not exist; R90-12 is original.
#[test]
fn a_case_is_under_the_wording_of_its_day() {
    let ids = |when: &str| -> Vec<String> {
        let facts = [
            "incident.detected",
            "damage.recorded",
            "investigation.concluded",
        ];
        let facts: Vec<_> = facts
            .iter()
            .zip(1u64..)
            .map(|(k, n)| fact(k, when, n))
            .collect();
        run(&profile("bank"), &facts, when)
            .into_iter()
            .filter(|c| c.started.is_some())
            .map(|c| c.duty)
            .collect()
    };
    assert_eq!(ids("2021-06-01T10:00:00+06:00"), ["r90.inform-results"]);
    let middle = ids("2023-06-01T10:00:00+06:00");
    assert!(middle.contains(&"r90.open-investigation".to_owned()));
    assert!(!middle.contains(&"r90.regulator-system".to_owned()));
    assert!(ids("2023-12-08T10:00:00+06:00").contains(&"r90.regulator-system".to_owned()));
    // The day of publication is a setting.
    let mut p = profile("bank");
    p.settings
        .insert("r90.in_force_86".into(), "2024-01-15".into());
    let facts = [fact("incident.detected", "2023-12-20T10:00:00+06:00", 1)];
    let all = run(&p, &facts, "2023-12-20T10:00:00+06:00");
    assert!(all.iter().all(|c| c.duty != "r90.regulator-system"));
    let c = run(&profile("bank"), &facts, "2023-12-20T10:00:00+06:00");
    assert_eq!(
        c.iter().find(|c| c.duty == "r90.inform").unwrap().edition,
        "kz/r90@86-2023"
    );
}
