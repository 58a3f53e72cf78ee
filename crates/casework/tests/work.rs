//! The work on a case: the organisation's table, merging and splitting, pinned events, the gate,
//! shifts. Clause ids are those of R90, O199 and the professional standard.

mod common;

use common::{Bench, alert, at, field, hit};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use proptest::prelude::*;
use saqshy_casework::{
    CheckItem, Error, IncidentPatch, IncidentState, IncidentTable, Level, LinkKind, NewFact,
    NewIncident, NewTask, NewVisit, NotificationKind, PromotionRules, Severity, TableCategory,
    TableEvent, VisitPatch, gaps, review_due,
};
use saqshy_law::Text3;
use serde_json::json;

fn table() -> IncidentTable {
    IncidentTable {
        categories: vec![TableCategory {
            id: "malware".into(),
            title: Text3::same("Зиянды бағдарлама"),
            priority: 1,
            procedure: None,
        }],
        events: vec![TableEvent {
            id: "ransom".into(),
            title: Text3::same("Шифрлаушы"),
            rules: vec!["r9".into()],
            tags: vec![],
            level: None,
            category: "malware".into(),
            severity: Severity::Critical,
            measures: "Желіден ажырату".into(),
            sources: "windows.security".into(),
            monitoring: "үздіксіз".into(),
        }],
        closing: vec![CheckItem {
            id: "lessons".into(),
            title: Text3::same("Сабақ алынды"),
        }],
    }
}

/// R90-4-2, R90-4-3, R90-7-3: the table is versioned, and category and priority come from it.
#[tokio::test]
async fn the_organisations_table_classifies_and_opens() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.coordinator, "09:00");
    let mut tx = bench.store.begin().await.unwrap();
    let mut wrong = table();
    wrong.events[0].category = "no".into();
    assert_eq!(
        field(tx.adopt_table(&ctx, &wrong, "бірінші", 0).await),
        "events"
    );
    tx.adopt_table(&ctx, &table(), "бірінші", 0).await.unwrap();
    let stale = tx.adopt_table(&ctx, &table(), "екінші", 0).await;
    assert!(matches!(stale, Err(Error::Conflict { current: 1, .. })));
    assert_eq!(
        field(tx.adopt_table(&ctx, &table(), "екінші", 1).await),
        "table"
    );

    let new = NewIncident {
        category: "malware".into(),
        ..NewIncident::new("Вирус", Severity::Low)
    };
    let incident = tx.create_incident(&ctx, &new).await.unwrap();
    assert_eq!((incident.priority, incident.table_version), (1, Some(1)));
    let unknown = NewIncident {
        category: "other".into(),
        ..new.clone()
    };
    assert_eq!(field(tx.create_incident(&ctx, &unknown).await), "category");
    let patch = IncidentPatch {
        priority: Some(3),
        version: 1,
        ..IncidentPatch::default()
    };
    let patched = tx
        .update_incident(&ctx, &incident.id, &patch)
        .await
        .unwrap();
    assert_eq!(patched.priority, 3);
    let patch = IncidentPatch {
        priority: Some(5),
        version: 2,
        ..IncidentPatch::default()
    };
    assert_eq!(
        field(tx.update_incident(&ctx, &incident.id, &patch).await),
        "priority"
    );

    // An event of the list opens a case at once, without a rule of the configuration.
    let hits = vec![hit("1", "r9", "08:50", "ws-1")];
    let recorded = tx
        .record_hits(at("09:00"), &[alert("a", "r9", Level::Low, "ws-1", hits)])
        .await
        .unwrap();
    let rules = PromotionRules::default();
    let promoted = tx.promote(&ctx, &rules, &recorded.opened).await.unwrap();
    assert_eq!(promoted[0].rule_id, "table:ransom");
    tx.commit().await.unwrap();
    let whole = bench
        .store
        .incident(&promoted[0].incident_id, &bench.law, at("09:00"));
    let incident = whole.await.unwrap().incident;
    assert_eq!(
        (incident.category.as_str(), incident.priority),
        ("malware", 1)
    );
    assert_eq!(incident.severity, Severity::Critical);
}

/// R90-4-10: reviewed at least once a year; never more than twelve months between two, and one in
/// each calendar year.
#[tokio::test]
async fn the_table_is_reviewed_every_year() {
    let bench = Bench::new().await;
    let zone = TimeZone::get("Asia/Almaty").unwrap();
    let mut tx = bench.store.begin().await.unwrap();
    let ctx = bench.ctx(&bench.coordinator, "09:00");
    assert_eq!(field(tx.review_table(&ctx, "қаралды", 0).await), "version");
    tx.adopt_table(&ctx, &table(), "бірінші", 0).await.unwrap();
    tx.commit().await.unwrap();
    let due = bench.due("09:00").await;
    assert_eq!(due[0].clause.as_deref(), Some("R90-4-10"));
    assert_eq!(due[0].due, at("2027-03-16T09:00:00Z"));
    let mut tx = bench.store.begin().await.unwrap();
    let ctx = bench.ctx(&bench.coordinator, "2027-01-10T00:00:00Z");
    tx.review_table(&ctx, "өзгеріссіз", 1).await.unwrap();
    tx.commit().await.unwrap();
    let history = bench.store.incident_tables(&zone).await.unwrap();
    assert_eq!(history.review_due, Some(at("2028-01-10T00:00:00Z")));
    assert_eq!((history.versions.len(), history.reviews.len()), (1, 1));
}

proptest! {
    #[test]
    fn a_review_falls_into_the_next_year_and_within_twelve_months(day in 0i64..5000, hour in 0i64..24) {
        let zone = TimeZone::get("Asia/Almaty").unwrap();
        let last = at("2020-01-01T00:00:00Z") + SignedDuration::from_hours(day * 24 + hour);
        let due = review_due(last, &zone).to_zoned(zone.clone());
        let last = last.to_zoned(zone);
        prop_assert_eq!(due.year(), last.year() + 1);
        prop_assert!(due.date() <= last.date().saturating_add(jiff::Span::new().years(1)));
    }

    /// R90-4-13: gaps and shifts together cover the time, and do not overlap.
    #[test]
    fn gaps_are_exactly_what_no_shift_covers(shifts in proptest::collection::vec((0i64..100, 1i64..30), 0..12)) {
        let minute = |n: i64| Timestamp::from_second(n * 60).unwrap();
        let times: Vec<_> = shifts.iter().map(|(from, len)| (minute(*from), minute(from + len))).collect();
        let found = gaps(&times, minute(10), minute(90));
        for n in 10..90 {
            let covered = times.iter().any(|(from, to)| *from <= minute(n) && minute(n) < *to);
            let gap = found.iter().any(|gap| gap.from <= minute(n) && minute(n) < gap.to);
            prop_assert_ne!(covered, gap, "minute {}", n);
        }
    }
}

/// PS-044: merging loses nothing; the clocks of the earliest trigger stay, and the recomputation
/// is recorded.
#[tokio::test]
async fn merged_cases_keep_the_earliest_trigger_and_all_that_is_known() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "10:00");
    let mut tx = bench.store.begin().await.unwrap();
    let hits = vec![hit("1", "r1", "08:50", "ws-1")];
    tx.record_hits(at("09:00"), &[alert("a", "r1", Level::High, "ws-1", hits)])
        .await
        .unwrap();
    let early = NewIncident {
        alerts: vec!["alert-a".into()],
        ..NewIncident::new("Ерте", Severity::High)
    };
    let early = tx.create_incident(&ctx, &early).await.unwrap();
    let late = tx
        .create_incident(&ctx, &NewIncident::new("Кеш", Severity::High))
        .await
        .unwrap();
    let task = NewTask {
        title: "Тексеру".into(),
        ..NewTask::default()
    };
    tx.add_task(&ctx, &early.id, &task).await.unwrap();
    let told = NewFact {
        kind: "notice.sent:o199.notify-state-body".into(),
        at: at("09:20"),
        note: "телефон".into(),
    };
    tx.record_fact(&ctx, &early.id, &told).await.unwrap();
    let event =
        json!({"event.id": "n1-1", "@timestamp": "2026-03-16T08:50:00Z", "host.name": "ws-1"});
    tx.pin_event(&ctx, &early.id, &event, "бірінші із")
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let mut tx = bench.store.begin().await.unwrap();
    let stale = tx
        .merge_incidents(&ctx, &early.id, &late.id, "бір оқиға", (1, 9))
        .await;
    assert!(matches!(stale, Err(Error::Conflict { .. })));
    let itself = tx
        .merge_incidents(&ctx, &late.id, &late.id, "бір оқиға", (1, 1))
        .await;
    assert_eq!(field(itself), "into");
    tx.merge_incidents(&ctx, &early.id, &late.id, "бір оқиға", (1, 1))
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let whole = bench
        .store
        .incident(&late.id, &bench.law, at("10:01"))
        .await
        .unwrap();
    assert_eq!(whole.incident.detected_at, at("09:00"));
    assert_eq!(
        (whole.alerts.len(), whole.tasks.len(), whole.pins.len()),
        (1, 1, 1)
    );
    let clock = whole
        .clocks
        .iter()
        .find(|c| c.duty == "o199.notify-state-body")
        .unwrap();
    assert_eq!(
        (clock.due, clock.stopped),
        (Some(at("09:30")), Some(at("09:20")))
    );
    let history = bench.store.clock_history(&late.id).await.unwrap();
    let due: Vec<_> = history
        .iter()
        .filter(|c| c.duty == clock.duty)
        .map(|c| c.due)
        .collect();
    assert_eq!(due.first(), Some(&Some(at("10:30"))), "the old value stays");
    assert_eq!(due.last(), Some(&Some(at("09:30"))));

    let merged = bench
        .store
        .incident(&early.id, &bench.law, at("10:01"))
        .await
        .unwrap();
    assert_eq!(
        merged.incident.merged_into.as_deref(),
        Some(late.id.as_str())
    );
    assert!(merged.timeline.len() >= 5 && merged.facts.iter().any(|fact| fact.kind == told.kind));
    let mut tx = bench.store.begin().await.unwrap();
    let reopened = tx
        .set_incident_state(&ctx, &early.id, IncidentState::Investigating, "x", 2)
        .await;
    assert_eq!(field(reopened), "state");
    assert_eq!(
        field(tx.record_fact(&ctx, &early.id, &told).await),
        "incident"
    );
    let linked = bench.store.linked_incidents(&late.id).await.unwrap();
    assert_eq!(
        (linked[0].number.as_str(), linked[0].kind),
        (early.number.as_str(), LinkKind::Duplicate)
    );
}

#[tokio::test]
async fn a_part_is_split_off_with_its_own_clocks_and_stays_linked() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "10:00");
    let mut tx = bench.store.begin().await.unwrap();
    for (id, when, opened) in [("a", "08:50", "09:00"), ("b", "09:10", "09:15")] {
        let hits = vec![hit(id, "r1", when, "ws-1")];
        tx.record_hits(at(opened), &[alert(id, "r1", Level::High, "ws-1", hits)])
            .await
            .unwrap();
    }
    let new = NewIncident {
        alerts: vec!["alert-a".into(), "alert-b".into()],
        ..NewIncident::new("Екеуі", Severity::High)
    };
    let both = tx.create_incident(&ctx, &new).await.unwrap();
    let foreign = tx
        .split_incident(&ctx, &both.id, &[], "Бөлік", "бөлек", 1)
        .await;
    assert_eq!(field(foreign), "alerts");
    let part = tx
        .split_incident(&ctx, &both.id, &["alert-b".into()], "Бөлік", "бөлек", 1)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        (part.detected_at, part.occurred_at),
        (at("09:15"), Some(at("09:10")))
    );
    let whole = bench
        .store
        .incident(&both.id, &bench.law, at("10:00"))
        .await
        .unwrap();
    assert_eq!(
        (whole.alerts.len(), whole.incident.detected_at),
        (1, at("09:00"))
    );
    let linked = bench.store.linked_incidents(&part.id).await.unwrap();
    assert_eq!(
        (linked[0].id.as_str(), linked[0].kind, linked[0].outgoing),
        (both.id.as_str(), LinkKind::PartOf, true)
    );
    let near = bench.store.likely_duplicates(&part.id).await.unwrap();
    assert_eq!(near[0].id, both.id);
    assert!(near[0].shared.contains(&"ws-1".to_owned()));
}

/// PS-048: the copy in the case outlives the lake; nobody deletes or rewrites it (R90-10).
#[tokio::test]
async fn pinned_events_and_the_timeline_cannot_be_deleted() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "10:00");
    let mut tx = bench.store.begin().await.unwrap();
    let id = tx
        .create_incident(&ctx, &NewIncident::new("Оқиға", Severity::Low))
        .await
        .unwrap()
        .id;
    let event = json!({"event.id": "n1-1", "@timestamp": "2026-03-16T08:50:00Z", "event.original": "сызық"});
    for wrong in [
        json!({"event.id": "x"}),
        json!({"@timestamp": "2026-03-16T08:50:00Z"}),
    ] {
        assert!(tx.pin_event(&ctx, &id, &wrong, "").await.is_err());
    }
    tx.pin_event(&ctx, &id, &event, "маңызды").await.unwrap();
    assert_eq!(field(tx.pin_event(&ctx, &id, &event, "").await), "event");
    tx.commit().await.unwrap();
    for statement in [
        "DELETE FROM pinned_event",
        "UPDATE pinned_event SET note = ''",
        "DELETE FROM incident",
        "DELETE FROM timeline_entry",
        "UPDATE timeline_entry SET text = ''",
        "DELETE FROM case_fact",
        "DELETE FROM clock_computation",
    ] {
        let mut tx = bench.store.begin().await.unwrap();
        let refused = sqlx::query(statement).execute(tx.conn()).await;
        assert!(refused.is_err(), "{statement}");
    }
    let whole = bench
        .store
        .incident(&id, &bench.law, at("10:00"))
        .await
        .unwrap();
    assert_eq!(whole.pins[0].event, event);
    let leaf = bench
        .leaves()
        .await
        .into_iter()
        .find(|leaf| leaf.action == "event.pinned")
        .unwrap();
    assert_eq!(leaf.change["sha256"], json!(whole.pins[0].sha256));
}

/// R90-7-3, PS-046: the gate names what is missing, and opens when it is there.
#[tokio::test]
async fn a_case_closes_only_through_its_gate() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.coordinator, "09:00");
    let mut tx = bench.store.begin().await.unwrap();
    tx.adopt_table(&ctx, &table(), "бірінші", 0).await.unwrap();
    let id = tx
        .create_incident(&ctx, &NewIncident::new("Оқиға", Severity::Low))
        .await
        .unwrap()
        .id;
    tx.set_incident_state(&ctx, &id, IncidentState::Eliminated, "", 1)
        .await
        .unwrap();
    let refused = tx
        .set_incident_state(&ctx, &id, IncidentState::Closed, "", 2)
        .await
        .unwrap_err();
    let text = refused.to_string();
    for missing in [
        "classified",
        "cause",
        "clock:o199.notify-state-body",
        "check:lessons",
    ] {
        assert!(text.contains(missing), "{text}");
    }
    assert!(
        !text.contains("eliminated") && !text.contains("o199.escalate"),
        "{text}"
    );
    let patch = IncidentPatch {
        category: Some("malware".into()),
        cause: Some("Фишинг".into()),
        version: 2,
        ..IncidentPatch::default()
    };
    tx.update_incident(&ctx, &id, &patch).await.unwrap();
    tx.explain_clock(&ctx, &id, "o199.notify-state-body", "жадынама жіберілмеді")
        .await
        .unwrap();
    assert_eq!(
        field(
            tx.explain_clock(&ctx, &id, "o199.state-body-answer", "x")
                .await
        ),
        "duty"
    );
    tx.mark_check(&ctx, &id, "lessons", "").await.unwrap();
    assert_eq!(field(tx.mark_check(&ctx, &id, "no", "").await), "item");
    let closed = tx
        .set_incident_state(&ctx, &id, IncidentState::Closed, "", 3)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(closed.eliminated_by.as_deref(), Some("daulet"));
    let gate = bench
        .store
        .closing_gate(&id, &bench.law, at("09:01"))
        .await
        .unwrap();
    assert!(gate.iter().all(|item| item.ok));
}

/// An edited trigger after notices went out: recomputation recorded, old value kept.
#[tokio::test]
async fn a_corrected_detection_is_computed_anew_and_the_old_value_stays() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "10:00");
    let mut tx = bench.store.begin().await.unwrap();
    let new = NewIncident {
        detected_at: Some(at("09:30")),
        ..NewIncident::new("Оқиға", Severity::Low)
    };
    let id = tx.create_incident(&ctx, &new).await.unwrap().id;
    let told = NewFact {
        kind: "notice.sent:o199.notify-state-body".into(),
        at: at("09:50"),
        note: String::new(),
    };
    tx.record_fact(&ctx, &id, &told).await.unwrap();
    let future = tx
        .correct_times(&ctx, &id, Some(at("10:01")), None, "қате", 1)
        .await;
    assert_eq!(field(future), "detected_at");
    let before = tx
        .correct_times(&ctx, &id, Some(at("09:00")), Some(at("09:10")), "қате", 1)
        .await;
    assert_eq!(field(before), "occurred_at");
    let same = tx.correct_times(&ctx, &id, None, None, "қате", 1).await;
    assert_eq!(field(same), "incident");
    let corrected = tx
        .correct_times(
            &ctx,
            &id,
            Some(at("09:10")),
            Some(at("09:00")),
            "журнал бойынша",
            1,
        )
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!((corrected.detected_at, corrected.version), (at("09:10"), 2));
    let clocks = bench
        .store
        .clocks_of(&id, &bench.law, at("10:00"))
        .await
        .unwrap();
    let clock = clocks
        .iter()
        .find(|clock| clock.duty == "o199.notify-state-body")
        .unwrap();
    assert_eq!(clock.due, Some(at("09:40")));
    assert_eq!(clock.status, saqshy_law::ClockStatus::MetLate);
    let facts = bench.store.facts(&id).await.unwrap();
    let old = facts
        .iter()
        .find(|fact| fact.kind == "incident.detected")
        .unwrap();
    assert_eq!(
        (old.at, old.withdrawn_why.as_deref()),
        (at("09:30"), Some("журнал бойынша"))
    );
    let history = bench.store.clock_history(&id).await.unwrap();
    let due: Vec<_> = history
        .iter()
        .filter(|c| c.duty == clock.duty)
        .filter_map(|c| c.due)
        .collect();
    assert!(
        due.contains(&at("10:00")) && due.contains(&at("09:40")),
        "{due:?}"
    );
}

/// R90-4-13, PS-022, PS-045: shifts, hand-over, mentions, escalation.
#[tokio::test]
async fn work_goes_from_shift_to_shift() {
    let bench = Bench::new().await;
    let aigerim = bench.ctx(&bench.analyst, "09:00");
    let daulet = bench.ctx(&bench.coordinator, "18:00");
    let mut tx = bench.store.begin().await.unwrap();
    tx.plan_shift(&daulet, "aigerim", at("08:00"), at("20:00"))
        .await
        .unwrap();
    let twice = tx
        .plan_shift(&daulet, "aigerim", at("19:00"), at("21:00"))
        .await;
    assert_eq!(field(twice), "begins_at");
    let backwards = tx
        .plan_shift(&daulet, "daulet", at("21:00"), at("19:00"))
        .await;
    assert_eq!(field(backwards), "ends_at");
    let night = tx
        .plan_shift(&daulet, "daulet", at("21:00"), at("23:00"))
        .await
        .unwrap();
    let id = tx
        .create_incident(&aigerim, &NewIncident::new("Оқиға", Severity::Low))
        .await
        .unwrap()
        .id;
    tx.comment_incident(&aigerim, &id, "@daulet, @aigerim қараңыздар")
        .await
        .unwrap();
    tx.escalate_incident(&aigerim, &id, "daulet", "маңызды жүйе")
        .await
        .unwrap();
    let offer = tx
        .offer_hand_over(
            &aigerim,
            "daulet",
            "дискі көшірілуде",
            std::slice::from_ref(&id),
        )
        .await
        .unwrap();
    assert_eq!(field(tx.take_over(&aigerim, &offer.id).await), "to");
    let taken = tx.take_over(&daulet, &offer.id).await.unwrap();
    assert_eq!(taken.taken_at, Some(at("18:00")));
    assert_eq!(field(tx.take_over(&daulet, &offer.id).await), "taken_at");
    tx.commit().await.unwrap();
    let gaps = bench
        .store
        .shift_gaps(at("08:00"), at("23:00"))
        .await
        .unwrap();
    assert_eq!(
        (gaps.len(), gaps[0].from, gaps[0].to),
        (1, at("20:00"), at("21:00"))
    );
    let whole = bench
        .store
        .incident(&id, &bench.law, at("18:00"))
        .await
        .unwrap();
    assert_eq!(whole.incident.assignee.as_deref(), Some("daulet"));
    let told = bench.store.notifications("daulet", true).await.unwrap();
    let kinds: Vec<_> = told.iter().map(|one| one.kind).collect();
    for kind in [
        NotificationKind::Mention,
        NotificationKind::Escalation,
        NotificationKind::HandOver,
    ] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(
        bench
            .store
            .notifications("aigerim", false)
            .await
            .unwrap()
            .is_empty()
    );
    let mut tx = bench.store.begin().await.unwrap();
    assert!(
        tx.read_notification(&aigerim, &told[0].id).await.is_err(),
        "somebody else's"
    );
    tx.read_notification(&daulet, &told[0].id).await.unwrap();
    tx.cancel_shift(&daulet, &night.id, "ауырды").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        bench
            .store
            .notifications("daulet", true)
            .await
            .unwrap()
            .len(),
        told.len() - 1
    );
    assert_eq!(
        bench
            .store
            .shift_gaps(at("08:00"), at("23:00"))
            .await
            .unwrap()[0]
            .to,
        at("23:00")
    );
}

/// O199-10-3-10: the decision, the way and the result of a visit.
#[tokio::test]
async fn a_visit_is_decided_made_and_ended_in_this_order() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "10:00");
    let mut tx = bench.store.begin().await.unwrap();
    let id = tx
        .create_incident(&ctx, &NewIncident::new("Оқиға", Severity::Low))
        .await
        .unwrap()
        .id;
    let new = NewVisit {
        decided_by: "ҚР ҰҚК".into(),
        employee: "marat".into(),
        place: "Астана, деректер орталығы".into(),
        reason: "қашықтан қолжетімсіз".into(),
        decided_at: Some(at("09:30")),
    };
    let visit = tx.add_visit(&ctx, &id, &new).await.unwrap();
    let early = VisitPatch {
        arrived_at: Some(at("09:00")),
        version: 1,
        ..VisitPatch::default()
    };
    assert_eq!(
        field(tx.update_visit(&ctx, &visit.id, &early).await),
        "arrived_at"
    );
    let patch = VisitPatch {
        arrived_at: Some(at("09:45")),
        ended_at: Some(at("09:58")),
        result: Some("ажыратылды".into()),
        version: 1,
    };
    let done = tx.update_visit(&ctx, &visit.id, &patch).await.unwrap();
    assert_eq!((done.ended_at, done.version), (Some(at("09:58")), 2));
    assert!(matches!(
        tx.update_visit(&ctx, &visit.id, &patch).await,
        Err(Error::Conflict { .. })
    ));
    tx.commit().await.unwrap();
    assert_eq!(bench.store.visits(&id).await.unwrap(), [done]);
}
