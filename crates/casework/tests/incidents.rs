mod common;

use common::{Bench, alert, at, hit};
use saqshy_casework::{
    AlertState, Error, IncidentFilter, IncidentPatch, IncidentState, Level, NewFact, NewIncident,
    NewTask, Severity, TaskState,
};

#[tokio::test]
async fn numbers_count_within_the_year_of_the_organisation() {
    let bench = Bench::new().await;
    let mut numbers = Vec::new();
    // Almaty is five hours ahead: its year begins at 19:00 UTC.
    for now in [
        "2026-12-31T18:00:00Z",
        "2026-12-31T18:30:00Z",
        "2026-12-31T19:00:00Z",
    ] {
        let mut tx = bench.store.begin().await.unwrap();
        let ctx = bench.ctx(&bench.analyst, now);
        let new = NewIncident::new("Оқыс оқиға", Severity::Low);
        numbers.push(tx.create_incident(&ctx, &new).await.unwrap().number);
        tx.commit().await.unwrap();
    }
    assert_eq!(numbers, ["INC-2026-0001", "INC-2026-0002", "INC-2027-0001"]);
    let list = bench
        .store
        .incidents(&IncidentFilter::default(), 2)
        .await
        .unwrap();
    assert_eq!(list[0].incident.number, "INC-2027-0001");
    assert_eq!(list.len(), 2);
}

#[tokio::test]
async fn impossible_times_and_texts_are_refused() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "10:00");
    let mut tx = bench.store.begin().await.unwrap();
    let new = NewIncident::new("Оқыс оқиға", Severity::Low);
    let cases = [
        (
            "detected_at",
            NewIncident {
                detected_at: Some(at("10:01")),
                ..new.clone()
            },
        ),
        (
            "occurred_at",
            NewIncident {
                detected_at: Some(at("09:00")),
                occurred_at: Some(at("09:01")),
                ..new.clone()
            },
        ),
        ("title", NewIncident::new(" ", Severity::Low)),
        ("title", NewIncident::new("a\u{0}b", Severity::Low)),
        (
            "description",
            NewIncident {
                description: "x".repeat(9000),
                ..new.clone()
            },
        ),
    ];
    for (name, case) in cases {
        match tx.create_incident(&ctx, &case).await {
            Err(Error::Invalid { field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    tx.commit().await.unwrap();
    assert_eq!(bench.store.leaf_count().await.unwrap(), 0);
}

#[tokio::test]
async fn an_incident_takes_its_times_from_its_alerts() {
    let bench = Bench::new().await;
    let mut tx = bench.store.begin().await.unwrap();
    let hits = vec![hit("1", "r1", "08:50", "ws-1")];
    tx.record_hits(at("09:00"), &[alert("a", "r1", Level::High, "ws-1", hits)])
        .await
        .unwrap();
    let ctx = bench.ctx(&bench.analyst, "09:20");
    let new = NewIncident {
        alerts: vec!["alert-a".into()],
        ..NewIncident::new("Оқыс оқиға", Severity::High)
    };
    let incident = tx.create_incident(&ctx, &new).await.unwrap();
    assert_eq!(
        incident.detected_at,
        at("09:00"),
        "the machine's detection, not the click"
    );
    assert_eq!(incident.occurred_at, Some(at("08:50")));
    let second = tx.create_incident(&ctx, &new).await.unwrap_err();
    assert!(
        matches!(
            second,
            Error::Invalid {
                field: "alerts",
                ..
            }
        ),
        "{second}"
    );
    tx.rollback().await.unwrap();
    assert!(matches!(
        bench.store.alert("alert-a").await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn elimination_stops_the_escalation_clock_and_reopening_starts_it_again() {
    let bench = Bench::new().await;
    let mut tx = bench.store.begin().await.unwrap();
    let ctx = bench.ctx(&bench.analyst, "09:00");
    let new = NewIncident::new("Оқыс оқиға", Severity::High);
    let id = tx.create_incident(&ctx, &new).await.unwrap().id;
    tx.commit().await.unwrap();
    let clock = async |duty: &str, now: &str| {
        let clocks = bench
            .store
            .clocks_of(&id, &bench.law, at(now))
            .await
            .unwrap();
        clocks.into_iter().find(|clock| clock.duty == duty).unwrap()
    };
    // O199-10-3-7a: 30 minutes, O199-10-3-11: 48 hours from detection.
    assert_eq!(
        clock("o199.notify-state-body", "09:01").await.due,
        Some(at("09:30"))
    );
    assert_eq!(
        clock("o199.escalate", "09:01").await.due,
        Some(at("2026-03-18T09:00:00Z"))
    );
    let next = bench
        .store
        .clocks_next(&bench.law, at("09:01"), 2)
        .await
        .unwrap();
    assert_eq!(next[0].clock.duty, "o199.notify-state-body");
    assert_eq!(next[0].incident_number, "INC-2026-0001");

    let step = async |state, reason: &str, version, now: &str| {
        let mut tx = bench.store.begin().await.unwrap();
        let ctx = bench.ctx(&bench.analyst, now);
        let incident = tx
            .set_incident_state(&ctx, &id, state, reason, version)
            .await?;
        tx.commit().await?;
        Ok::<_, Error>(incident)
    };
    step(IncidentState::Investigating, "", 1, "09:05")
        .await
        .unwrap();
    let eliminated = step(IncidentState::Eliminated, "", 2, "10:00")
        .await
        .unwrap();
    assert_eq!(eliminated.eliminated_at, Some(at("10:00")));
    assert!(clock("o199.escalate", "10:01").await.stopped.is_some());

    let unexplained = step(IncidentState::Investigating, " ", 3, "11:00")
        .await
        .unwrap_err();
    assert!(
        matches!(
            unexplained,
            Error::Invalid {
                field: "reason",
                ..
            }
        ),
        "{unexplained}"
    );
    step(IncidentState::Investigating, "қайта табылды", 3, "11:00")
        .await
        .unwrap();
    assert!(clock("o199.escalate", "11:01").await.stopped.is_none());

    let illegal = step(IncidentState::Open, "x", 4, "11:02")
        .await
        .unwrap_err();
    assert!(
        matches!(illegal, Error::Invalid { field: "state", .. }),
        "{illegal}"
    );
    let closing = step(IncidentState::Closed, "", 4, "11:03")
        .await
        .unwrap_err();
    assert!(
        matches!(
            closing,
            Error::Invalid {
                field: "reason",
                ..
            }
        ),
        "{closing}"
    );
    let early = step(IncidentState::Closed, "жалған дабыл", 4, "11:03")
        .await
        .unwrap_err();
    assert!(early.to_string().contains("clock:o199.escalate"), "{early}");
    common::explain_all(&bench, &id, "11:03").await;
    let closed = step(IncidentState::Closed, "жалған дабыл", 4, "11:03")
        .await
        .unwrap();
    assert_eq!(closed.closed_at, Some(at("11:03")));

    let facts = bench.store.facts(&id).await.unwrap();
    let eliminated = facts
        .iter()
        .find(|fact| fact.kind == "incident.eliminated")
        .unwrap();
    assert_eq!(eliminated.withdrawn_why.as_deref(), Some("қайта табылды"));
    let history = bench.store.clock_history(&id).await.unwrap();
    let escalate: Vec<_> = history
        .iter()
        .filter(|row| row.duty == "o199.escalate")
        .map(|row| (row.seq, row.stopped.is_some()))
        .collect();
    assert_eq!(
        escalate,
        [(1, false), (2, true), (3, false)],
        "every computation stays"
    );
    assert!(
        bench
            .store
            .clocks_next(&bench.law, at("11:04"), 9)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn fields_comments_tasks_and_alerts_make_the_timeline() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "09:00");
    let mut tx = bench.store.begin().await.unwrap();
    let hits = vec![hit("1", "r1", "08:50", "ws-1")];
    tx.record_hits(at("08:51"), &[alert("a", "r1", Level::High, "ws-1", hits)])
        .await
        .unwrap();
    let new = NewIncident::new("Оқыс оқиға", Severity::Low);
    let id = tx.create_incident(&ctx, &new).await.unwrap().id;
    tx.attach_alerts(&ctx, &id, &["alert-a".into()])
        .await
        .unwrap();
    tx.attach_alerts(&ctx, &id, &["alert-a".into()])
        .await
        .unwrap();
    tx.comment_incident(&ctx, &id, "Желі ажыратылды")
        .await
        .unwrap();
    let task = NewTask {
        title: "Дискінің көшірмесі".into(),
        ..NewTask::default()
    };
    let task = tx.add_task(&ctx, &id, &task).await.unwrap();
    tx.set_task(&ctx, &id, &task.id, TaskState::Done)
        .await
        .unwrap();
    assert!(
        tx.set_task(&ctx, &id, &task.id, TaskState::Done)
            .await
            .is_err()
    );
    assert!(
        tx.set_task(&ctx, "other", &task.id, TaskState::Open)
            .await
            .is_err()
    );
    let patch = IncidentPatch {
        severity: Some(Severity::Critical),
        assignee: Some("daulet".into()),
        version: 1,
        ..IncidentPatch::default()
    };
    let updated = tx.update_incident(&ctx, &id, &patch).await.unwrap();
    assert_eq!((updated.severity, updated.version), (Severity::Critical, 2));
    let same = IncidentPatch {
        version: 2,
        ..patch
    };
    assert!(matches!(
        tx.update_incident(&ctx, &id, &same).await,
        Err(Error::Invalid { .. })
    ));
    tx.commit().await.unwrap();

    let whole = bench
        .store
        .incident(&id, &bench.law, at("09:01"))
        .await
        .unwrap();
    let kinds: Vec<_> = whole
        .timeline
        .iter()
        .map(|entry| entry.kind.as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "incident.created",
            "alert.attached",
            "incident.commented",
            "task.added",
            "task.changed",
            "incident.updated",
        ]
    );
    assert_eq!(whole.timeline[1].at, at("08:50"));
    assert_eq!(whole.timeline[2].text.as_deref(), Some("Желі ажыратылды"));
    assert_eq!(whole.alerts[0].state, AlertState::InProgress);
    assert_eq!(whole.tasks[0].done_at, Some(at("09:00")));
    let row = &bench
        .store
        .incidents(&IncidentFilter::default(), 10)
        .await
        .unwrap()[0];
    assert_eq!((row.alerts_count, row.tasks_open), (1, 0));
}

#[tokio::test]
async fn recorded_facts_are_checked_and_can_be_withdrawn() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "10:00");
    let mut tx = bench.store.begin().await.unwrap();
    let new = NewIncident {
        detected_at: Some(at("09:00")),
        ..NewIncident::new("Оқыс оқиға", Severity::Low)
    };
    let id = tx.create_incident(&ctx, &new).await.unwrap().id;
    let fact = |kind: &str, when: &str| NewFact {
        kind: kind.into(),
        at: at(when),
        note: "телефон арқылы".into(),
    };
    let told = "notice.sent:o199.notify-state-body";
    for (kind, when, field) in [
        ("incident.eliminated", "09:10", "kind"),
        ("notice.sent:o199.unknown", "09:10", "kind"),
        (told, "10:01", "at"),
        (told, "08:59", "at"),
    ] {
        match tx.record_fact(&ctx, &id, &fact(kind, when)).await {
            Err(Error::Invalid { field: got, .. }) => assert_eq!(got, field, "{kind} {when}"),
            other => panic!("{kind} {when}: {other:?}"),
        }
    }
    let recorded = tx
        .record_fact(&ctx, &id, &fact(told, "09:25"))
        .await
        .unwrap();
    assert!(
        tx.record_fact(&ctx, &id, &fact(told, "09:25"))
            .await
            .is_err()
    );
    tx.commit().await.unwrap();
    let stopped = async || {
        let clocks = bench
            .store
            .clocks_of(&id, &bench.law, at("10:00"))
            .await
            .unwrap();
        clocks
            .iter()
            .find(|c| c.duty == "o199.notify-state-body")
            .unwrap()
            .stopped
    };
    assert_eq!(stopped().await, Some(at("09:25")));

    let mut tx = bench.store.begin().await.unwrap();
    assert!(
        tx.withdraw_fact(&ctx, &id, 1, "x").await.is_err(),
        "detection is not withdrawn"
    );
    tx.withdraw_fact(&ctx, &id, recorded.seq, "басқа оқиға туралы еді")
        .await
        .unwrap();
    assert!(
        tx.withdraw_fact(&ctx, &id, recorded.seq, "x")
            .await
            .is_err()
    );
    tx.commit().await.unwrap();
    assert_eq!(stopped().await, None);
}

#[tokio::test]
async fn two_people_closing_at_once_make_one_conflict() {
    let bench = Bench::new().await;
    let mut tx = bench.store.begin().await.unwrap();
    let ctx = bench.ctx(&bench.analyst, "09:00");
    let new = NewIncident::new("Оқыс оқиға", Severity::High);
    let id = tx.create_incident(&ctx, &new).await.unwrap().id;
    tx.commit().await.unwrap();
    common::explain_all(&bench, &id, "09:04").await;
    let before = bench.store.leaf_count().await.unwrap();
    let close = async |actor| {
        let mut tx = bench.store.begin().await?;
        let ctx = bench.ctx(actor, "09:05");
        tx.set_incident_state(&ctx, &id, IncidentState::Closed, "жалған", 1)
            .await?;
        tx.commit().await
    };
    let (one, two) = tokio::join!(close(&bench.analyst), close(&bench.coordinator));
    let conflicts = [&one, &two]
        .iter()
        .filter(|result| {
            matches!(
                result,
                Err(Error::Conflict {
                    expected: 1,
                    current: 2,
                    ..
                })
            )
        })
        .count();
    assert_eq!(
        (conflicts, one.is_ok() as u8 + two.is_ok() as u8),
        (1, 1),
        "{one:?} {two:?}"
    );
    let closing = bench.leaves().await[before as usize..]
        .iter()
        .filter(|leaf| leaf.action == "incident.state")
        .count();
    assert_eq!(closing, 1);
}

#[tokio::test]
async fn each_elimination_is_withdrawn_once_and_for_its_own_reason() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "09:00");
    let mut tx = bench.store.begin().await.unwrap();
    let new = NewIncident::new("Оқыс оқиға", Severity::High);
    let id = tx.create_incident(&ctx, &new).await.unwrap().id;
    let steps = [
        (IncidentState::Eliminated, ""),
        (IncidentState::Investigating, "бірінші"),
        (IncidentState::Eliminated, ""),
        (IncidentState::Closed, "себебі белгісіз"),
        (IncidentState::Investigating, "екінші"),
    ];
    for duty in ["o199.notify-state-body", "o199.escalate"] {
        tx.explain_clock(&ctx, &id, duty, "сынақ").await.unwrap();
    }
    for (version, (state, reason)) in (1..).zip(steps) {
        tx.set_incident_state(&ctx, &id, state, reason, version)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let facts = bench.store.facts(&id).await.unwrap();
    let reasons: Vec<_> = facts
        .iter()
        .filter(|fact| fact.kind == "incident.eliminated")
        .map(|fact| fact.withdrawn_why.as_deref())
        .collect();
    assert_eq!(reasons, [Some("бірінші"), Some("екінші")]);
    let leaves = bench.leaves().await;
    assert_eq!(
        leaves
            .iter()
            .filter(|leaf| leaf.action == "fact.withdrawn")
            .count(),
        2
    );
}
