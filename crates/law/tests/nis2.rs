//! Other law in the same format: Article 23 of Directive (EU) 2022/2555, without a national calendar
//! and in a zone of its own.

mod common;
use common::{at, calendar, fact, pack, profile};
use saqshy_law::{CaseFact, Clock, ClockStatus as S, Pack, Profile, clocks};
use std::sync::LazyLock;

static PACK: LazyLock<Pack> = LazyLock::new(|| pack("eu-nis2"));
const AWARE: &str = "2026-03-20T13:10:00Z";

fn run(profile: &Profile, facts: &[CaseFact], now: &str) -> Vec<Clock> {
    clocks(&PACK, profile, &calendar(), facts, at(now))
}

fn clock(bearer: &str, duty: &str, facts: &[CaseFact], now: &str) -> Clock {
    let all = run(&profile(bearer), facts, now);
    all.into_iter().find(|c| c.duty == duty).unwrap()
}

/// NIS2-23-4-a, NIS2-23-4-b, NIS2-23-4-tsp, NIS2-23-2.
#[test]
fn early_warning_and_notification() {
    let facts = [fact("incident.detected", AWARE, 1)];
    let due = |bearer: &str, duty: &str| clock(bearer, duty, &facts, AWARE).due;
    assert_eq!(
        due("entity", "nis2.early-warning"),
        Some(at("2026-03-21T13:10:00Z"))
    );
    assert_eq!(
        due("entity", "nis2.notification"),
        Some(at("2026-03-23T13:10:00Z"))
    );
    assert_eq!(
        due("trust_service_provider", "nis2.notification-trust"),
        Some(at("2026-03-21T13:10:00Z"))
    );
    assert!(clock("entity", "nis2.recipients", &facts, AWARE).internal);
    // NIS2-23-3, NIS2-23-1: only a significant incident is reported.
    let small = [
        facts[0].clone(),
        fact("incident.not_significant", "2026-03-20T15:00:00Z", 2),
    ];
    assert!(
        run(&profile("entity"), &small, "2026-03-21T00:00:00Z")
            .iter()
            .filter(|c| c.started.is_some())
            .all(|c| c.status == S::NotNeeded)
    );
}

/// NIS2-23-4-d: one month after the notification was submitted; NIS2-23-4-e: after an ongoing
/// incident was handled; NIS2-23-4-c and NIS2-23-5.
#[test]
fn the_final_report_runs_from_the_notification() {
    let mut facts = vec![fact("incident.detected", "2026-01-29T22:30:00Z", 1)];
    let now = "2026-02-01T00:00:00Z";
    assert_eq!(clock("entity", "nis2.final-report", &facts, now).due, None);
    facts.push(fact(
        "notice.sent:nis2.notification:csirt",
        "2026-01-31T22:30:00Z",
        2,
    ));
    let c = clock("entity", "nis2.final-report", &facts, now);
    // Counted in UTC it is still 31 January; in Brussels it is 23:30, in Almaty the next day.
    assert_eq!(c.due, Some(at("2026-02-28T23:59:59Z")));
    assert_eq!((c.calendar_edition, c.provisional), (None, false));
    let mut p = profile("entity");
    p.settings
        .insert("nis2.zone".into(), "Europe/Helsinki".into());
    let c = run(&p, &facts, now)
        .into_iter()
        .find(|c| c.duty == "nis2.final-report")
        .unwrap();
    assert_eq!(c.due, Some(at("2026-03-01T23:59:59+02:00")));
    facts.push(fact("incident.ongoing_at_final", "2026-02-28T10:00:00Z", 3));
    facts.push(fact("incident.handled", "2026-03-10T10:00:00Z", 4));
    let later = "2026-03-11T00:00:00Z";
    assert_eq!(
        clock("entity", "nis2.final-report", &facts, later).status,
        S::NotNeeded
    );
    assert_eq!(
        clock("entity", "nis2.final-after-ongoing", &facts, later).due,
        Some(at("2026-04-10T23:59:59Z"))
    );
    facts.push(fact("report.requested", "2026-03-11T08:00:00Z", 5));
    assert!(
        clock(
            "entity",
            "nis2.intermediate",
            &facts,
            "2026-03-11T09:00:00Z"
        )
        .internal
    );
    let warned = [
        fact("incident.detected", AWARE, 1),
        fact(
            "notice.received:nis2.early-warning:csirt",
            "2026-03-20T14:00:00Z",
            2,
        ),
    ];
    let answer = clock(
        "entity",
        "nis2.csirt-answer",
        &warned,
        "2026-03-20T15:00:00Z",
    );
    assert_eq!(
        (answer.own, answer.due),
        (false, Some(at("2026-03-21T14:00:00Z")))
    );
}

#[test]
fn the_form_of_the_final_report() {
    let clause = PACK.clause("NIS2-23-4-d").unwrap();
    assert_eq!(clause.registers, ["nis2.final-report"]);
    assert_eq!(PACK.register("nis2.final-report").unwrap().fields.len(), 4);
}
