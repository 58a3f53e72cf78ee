//! The four clocks of Order No. 199/НҚ, its quarterly duties, and its catalogue of clauses.

mod common;
use common::{at, calendar, fact, o199, profile};
use saqshy_law::{
    CaseFact, Clock, ClockStatus as S, Flag, Lang, Profile, clocks, duties, parse_trigger, periods,
};

/// The Digital Code of January 2026 is known and not worked in.
const UNKNOWN: Flag = Flag::AmendmentNotWorkedIn;
const DETECTED: &str = "2026-03-20T18:10:00+05:00";

fn run(profile: &Profile, facts: &[CaseFact], now: &str) -> Vec<Clock> {
    clocks(&o199(), profile, &calendar(), facts, at(now))
}

fn clock(bearer: &str, duty: &str, facts: &[CaseFact], now: &str) -> Clock {
    let all = run(&profile(bearer), facts, now);
    all.into_iter().find(|c| c.duty == duty).unwrap()
}

fn english(c: &Clock) -> Vec<&str> {
    c.steps.iter().map(|s| s.en.as_str()).collect()
}

#[test]
fn clause_o199_10_3_7a_thirty_minutes_to_the_state_body() {
    let facts = [fact("incident.detected", DETECTED, 1)];
    let c = clock(
        "sts",
        "o199.notify-state-body",
        &facts,
        "2026-03-20T18:40:00+05:00",
    );
    assert_eq!(c.due, Some(at("2026-03-20T18:40:00+05:00")));
    assert_eq!(
        (c.clause.as_str(), c.status, c.own),
        ("O199-10-3-7a", S::Running, true)
    );
    assert_eq!((c.provisional, c.calendar_edition.clone()), (false, None));
    assert_eq!(c.edition, "kz/o199@399-nk");
    assert_eq!(
        english(&c),
        [
            "Security incident detected: 20.03.2026 18:10 (+05:00)",
            "+ 30 minutes from that moment",
            "Due: 20.03.2026 18:40 (+05:00)",
            "Basis: Rules, ¶10(3) (O199-10-3-7a); edition: Order of 27 October 2022 No. 399/НҚ",
            "Reading A-15: All known addressees are notified; the state body is the accountable party",
            "A later amendment is known and not worked in: Digital Code of the Republic of Kazakhstan, signed on 9 January 2026",
            "The act's text is known as of 31.10.2022; check the official register for later changes",
        ]
    );
    assert_eq!(c.steps[2].kk, "Мерзімнің соңы: 20.03.2026 18:40 (+05:00)");
    assert_eq!(c.steps[1].ru, "+ 30 минут с этого момента");
    let late = clock(
        "sts",
        "o199.notify-state-body",
        &facts,
        "2026-03-20T18:40:01+05:00",
    );
    assert_eq!(late.status, S::Overdue);
    let send = |t| {
        [
            facts[0].clone(),
            fact("notice.sent:o199.notify-state-body", t, 2),
        ]
    };
    let status = |t| {
        clock(
            "sts",
            "o199.notify-state-body",
            &send(t),
            "2026-03-21T00:00:00Z",
        )
        .status
    };
    assert_eq!(status("2026-03-20T18:40:00+05:00"), S::Met);
    assert_eq!(status("2026-03-20T18:40:00.9+05:00"), S::Met);
    assert_eq!(status("2026-03-20T18:41:00+05:00"), S::MetLate);
    // The authorised person may receive it in the state body's place.
    let sent = fact(
        "notice.sent:o199.notify-state-body:authorised_person",
        "2026-03-20T18:20:00+05:00",
        2,
    );
    let c = clock(
        "sts",
        "o199.notify-state-body",
        &[facts[0].clone(), sent],
        "2026-03-21T00:00:00Z",
    );
    assert_eq!(c.status, S::Met);
    assert!(
        english(&c)[3].contains("person authorised by the state body"),
        "{:?}",
        english(&c)
    );
}

#[test]
fn clause_o199_10_3_7b_three_hours_to_the_nsc_also_for_an_event() {
    let facts = [
        fact("event.detected", DETECTED, 1),
        fact("incident.detected", "2026-03-20T19:30:00+05:00", 2),
    ];
    let c = clock(
        "sts",
        "o199.notify-nsc",
        &facts,
        "2026-03-20T21:00:00+05:00",
    );
    assert_eq!(c.due, Some(at("2026-03-20T21:10:00+05:00")));
    assert!(english(&c).iter().any(|s| s.contains("A-05")));
    // the escalation counts from the incident, not from the event.
    let c = clock("sts", "o199.escalate", &facts, "2026-03-20T21:00:00+05:00");
    assert_eq!(c.due, Some(at("2026-03-22T19:30:00+05:00")));
    let only_event = &facts[..1];
    let c = clock(
        "sts",
        "o199.escalate",
        only_event,
        "2026-03-20T21:00:00+05:00",
    );
    assert_eq!((c.status, c.due), (S::NotStarted, None));
}

#[test]
fn clause_o199_10_3_11_escalation_after_48_hours() {
    let due = "2026-03-22T18:10:00+05:00";
    let base = fact("incident.detected", DETECTED, 1);
    let with = |more: &[CaseFact], now: &str| {
        let mut facts = vec![base.clone()];
        facts.extend_from_slice(more);
        clock("sts", "o199.escalate", &facts, now)
    };
    assert_eq!(with(&[], "2026-03-22T18:09:59+05:00").status, S::Running);
    let fired = with(&[], due);
    assert_eq!((fired.status, fired.due), (S::Fired, Some(at(due))));
    assert_eq!(fired.addressee, ["authorised_body", "nsc"]);
    assert!(english(&fired).contains(&"The time passed at 22.03.2026 18:10 (+05:00): act at once"));
    // Eliminated in time: nothing to escalate. Too late: the duty remains.
    let done = [fact("incident.eliminated", "2026-03-22T10:00:00+05:00", 2)];
    assert_eq!(with(&done, "2026-03-23T00:00:00Z").status, S::NotNeeded);
    let late = [fact("incident.eliminated", "2026-03-22T19:00:00+05:00", 2)];
    assert_eq!(with(&late, "2026-03-23T00:00:00Z").status, S::Fired);
    // Opened again before the time passed: it counts as not eliminated.
    let again = [
        done[0].clone(),
        fact("incident.reopened", "2026-03-22T12:00:00+05:00", 3),
    ];
    assert_eq!(with(&again, "2026-03-23T00:00:00Z").status, S::Fired);
    // Both addressees have to be told, and what was sent before the time does not count.
    let to =
        |who: &str, time: &str, seq| fact(&format!("notice.sent:o199.escalate:{who}"), time, seq);
    let one = [to("nsc", "2026-03-22T18:20:00+05:00", 2)];
    assert_eq!(with(&one, "2026-03-23T00:00:00Z").status, S::Fired);
    let both = [
        one[0].clone(),
        to("authorised_body", "2026-03-22T18:30:00+05:00", 3),
    ];
    let c = with(&both, "2026-03-23T00:00:00Z");
    assert_eq!(
        (c.status, c.stopped),
        (S::Met, Some(at("2026-03-22T18:30:00+05:00")))
    );
    let early = [fact(
        "notice.sent:o199.escalate",
        "2026-03-22T18:00:00+05:00",
        2,
    )];
    let c = with(&early, "2026-03-23T00:00:00Z");
    assert_eq!(
        (c.status, c.flags),
        (S::Fired, vec![Flag::SentTooEarly, UNKNOWN])
    );
}

#[test]
fn clause_o199_12_5_the_state_bodys_answer_runs_from_receipt() {
    let received = "2026-03-20T18:35:00+05:00";
    let facts = vec![
        fact("incident.detected", DETECTED, 1),
        fact(
            "notice.sent:o199.notify-state-body",
            "2026-03-20T18:30:00+05:00",
            2,
        ),
    ];
    let waiting = clock(
        "sts",
        "o199.state-body-answer",
        &facts,
        "2026-03-20T18:31:00+05:00",
    );
    assert_eq!(
        (waiting.status, waiting.own, waiting.due),
        (S::NotStarted, false, None)
    );
    assert!(
        english(&waiting)[0].starts_with("Not yet running: 48 hours"),
        "{:?}",
        english(&waiting)
    );
    let mut facts = facts;
    facts.push(fact(
        "notice.received:o199.notify-state-body:state_body",
        received,
        3,
    ));
    let watched = clock(
        "sts",
        "o199.state-body-answer",
        &facts,
        "2026-03-21T00:00:00Z",
    );
    assert_eq!(watched.due, Some(at("2026-03-22T18:35:00+05:00")));
    assert!(!watched.own && watched.status == S::Running);
    // the escalation falls due 25 minutes earlier, so that is the time to aim at.
    assert_eq!(watched.target, Some(at("2026-03-22T18:10:00+05:00")));
    let own = clock(
        "state_body",
        "o199.state-body-answer",
        &facts,
        "2026-03-21T00:00:00Z",
    );
    assert!(own.own);
    assert_eq!(own.due, watched.due);
    assert_eq!(
        run(&profile("state_body"), &facts, "2026-03-21T00:00:00Z").len(),
        1
    );
    facts.push(fact(
        "answer.received:o199.state-body-answer",
        "2026-03-22T18:36:00+05:00",
        4,
    ));
    let c = clock(
        "sts",
        "o199.state-body-answer",
        &facts,
        "2026-03-23T00:00:00Z",
    );
    assert_eq!(c.status, S::MetLate);
}

#[test]
fn corrections_recompute_and_odd_facts_are_flagged() {
    let first = fact("incident.detected", DETECTED, 1);
    // The detection time was recorded wrongly and recorded again.
    let again = fact("incident.detected", "2026-03-20T18:00:00+05:00", 5);
    let c = clock(
        "sts",
        "o199.notify-nsc",
        &[again, first.clone()],
        "2026-03-20T18:20:00+05:00",
    );
    assert_eq!(c.due, Some(at("2026-03-20T21:00:00+05:00")));
    // A notice that was sent twice was sent in time; a correction of the first one counts.
    let sent = |t, seq| fact("notice.sent:o199.notify-nsc", t, seq);
    let twice = [
        first.clone(),
        sent("2026-03-20T19:00:00+05:00", 2),
        sent("2026-03-21T19:00:00+05:00", 3),
    ];
    let now = "2026-03-22T00:00:00Z";
    assert_eq!(clock("sts", "o199.notify-nsc", &twice, now).status, S::Met);
    let mut corrected = twice.clone();
    corrected[2].corrects = Some(2);
    assert_eq!(
        clock("sts", "o199.notify-nsc", &corrected, now).status,
        S::MetLate
    );
    let c = clock(
        "sts",
        "o199.notify-nsc",
        std::slice::from_ref(&first),
        "2026-03-20T12:00:00Z",
    );
    assert_eq!(
        (c.status, c.flags),
        (S::NotStarted, vec![Flag::TriggerInFuture, UNKNOWN])
    );
    let occurred = fact("incident.occurred", "2026-03-20T19:00:00+05:00", 2);
    let c = clock("sts", "o199.notify-nsc", &[first.clone(), occurred], now);
    assert_eq!(c.flags, [Flag::DetectedBeforeOccurred, UNKNOWN]);
    let before = sent("2026-03-20T18:00:00+05:00", 2);
    let c = clock("sts", "o199.notify-nsc", &[first.clone(), before], now);
    assert_eq!(
        (c.status, c.flags),
        (S::Met, vec![Flag::DoneBeforeTrigger, UNKNOWN])
    );
    // What is dated after now has not happened.
    let future = sent("2026-03-23T18:00:00+05:00", 2);
    let c = clock("sts", "o199.notify-nsc", &[first, future], now);
    assert_eq!(c.status, S::Overdue);
}

#[test]
fn the_edition_follows_the_trigger_and_the_setting() {
    let old = [fact("incident.detected", "2022-11-10T12:00:00+06:00", 1)];
    let c = clock("sts", "o199.notify-nsc", &old, "2022-11-10T12:01:00+06:00");
    assert_eq!(c.flags, [Flag::NoEdition]);
    let mut p = profile("sts");
    p.settings
        .insert("o199.in_force".into(), "2022-11-05".into());
    let c = &run(&p, &old, "2022-11-10T12:01:00+06:00")[0];
    assert!(c.flags.is_empty());
    p.zone = "Mars/Olympus".into();
    assert!(
        run(&p, &old, "2022-11-10T12:01:00+06:00")[0]
            .flags
            .contains(&Flag::UnknownZone)
    );
}

#[test]
fn no_clock_concerns_a_bystander() {
    let facts = [fact("incident.detected", DETECTED, 1)];
    assert!(run(&profile("coordinator"), &facts, "2026-03-21T00:00:00Z").is_empty());
    let all = run(&profile("sts"), &facts, "2026-03-21T00:00:00Z");
    let ids: Vec<_> = all.iter().map(|c| c.duty.as_str()).collect();
    assert_eq!(
        ids,
        [
            "o199.notify-state-body",
            "o199.notify-nsc",
            "o199.escalate",
            "o199.state-body-answer"
        ]
    );
}

#[test]
fn quarterly_duties_come_in_the_order_12_13_14() {
    let (pack, cal) = (o199(), calendar());
    let now = at("2026-04-02T10:00:00+05:00");
    let of = |bearer: &str, facts: &[CaseFact]| periods(&pack, &profile(bearer), &cal, facts, now);
    let due = |c: &Clock| {
        c.due
            .unwrap()
            .to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(5)))
            .date()
            .to_string()
    };
    let sb = of("state_body", &[]);
    assert_eq!(sb.len(), 2);
    assert_eq!(
        (sb[0].period.as_deref(), due(&sb[0]).as_str()),
        (Some("2026-Q1"), "2026-04-07")
    );
    assert_eq!((sb[0].status, sb[1].status), (S::Running, S::NotStarted));
    let sts = of("sts", &[]);
    let own = sts.iter().find(|c| c.own).unwrap();
    assert_eq!(
        (own.clause.as_str(), due(own).as_str()),
        ("O199-13", "2026-04-14")
    );
    assert_eq!(
        due(of("nsc", &[]).iter().find(|c| c.own).unwrap()),
        "2026-04-21"
    );
    assert!(
        english(own)[1].contains("names no day"),
        "{:?}",
        english(own)
    );
    assert_eq!(own.calendar_edition.as_deref(), Some("kz/2026.2"));
    let sent = fact(
        "report.sent:o199.quarterly-data:2026-Q1",
        "2026-04-01T10:00:00+05:00",
        1,
    );
    assert_eq!(of("state_body", &[sent])[0].status, S::Met);
    let mut p = profile("state_body");
    p.settings
        .insert("o199.quarterly_data_day".into(), "2".into());
    assert_eq!(due(&periods(&pack, &p, &cal, &[], now)[0]), "2026-04-02");
    // The next year's calendar is not official yet.
    let december = at("2026-12-20T10:00:00+05:00");
    let c = periods(&pack, &profile("sts"), &cal, &[], december);
    assert!(
        c.iter()
            .any(|c| c.provisional && c.period.as_deref() == Some("2026-Q4"))
    );
}

#[test]
fn the_list_of_the_command_line() {
    let trigger = parse_trigger("incident.detected=2026-03-20T18:10+05:00", 1).unwrap();
    let (pack, cal) = (o199(), calendar());
    let ask = |bearer: &str, facts: &[CaseFact]| {
        duties(
            &[&pack],
            &profile(bearer),
            &cal,
            facts,
            at(DETECTED),
            Lang::En,
        )
    };
    let rows = ask("sts", &[trigger]).unwrap();
    let json = serde_json::to_value(&rows).unwrap();
    let due: Vec<_> = rows
        .iter()
        .map(|r| (r.clause.as_str(), r.due.as_deref(), r.own))
        .collect();
    assert_eq!(
        due,
        [
            ("O199-10-3-7a", Some("2026-03-20T18:40:00+05:00"), true),
            ("O199-10-3-7b", Some("2026-03-20T21:10:00+05:00"), true),
            ("O199-10-3-11", Some("2026-03-22T18:10:00+05:00"), true),
            ("O199-12-5", None, false),
        ]
    );
    assert_eq!(json[0]["kind"], "within");
    assert_eq!(json[2]["kind"], "after");
    assert_eq!(json[3]["due"], serde_json::Value::Null);
    for key in [
        "id",
        "clause",
        "kind",
        "due",
        "addressee",
        "edition",
        "steps",
    ] {
        assert!(json[0].get(key).is_some(), "{key}");
    }
    for bad in [
        "incident.detected",
        "=2026-03-20T18:10+05:00",
        "x=2026-03-20T18:10",
        "x=soon",
    ] {
        assert!(parse_trigger(bad, 1).is_err(), "{bad}");
    }
    let odd = [fact("moon.risen", DETECTED, 1)];
    assert!(ask("sts", &odd).is_err());
    let none = ask("moon", &[]).unwrap_err();
    assert!(
        none.to_string()
            .contains("state_body, sts, coordinator, nsc"),
        "{none}"
    );
}
