mod common;

use common::{Bench, at};
use saqshy_casework::{
    AttemptOutcome, Ctx, Error, NewFact, NewIncident, NewNotice, Notice, NoticeState, Receipt,
    ReceiptHow, Severity, Tx, sha256_hex,
};
use saqshy_law::{Clock, ClockStatus};

const NOTIFY: &str = "o199.notify-state-body";
const ESCALATE: &str = "o199.escalate";
const ANSWER: &str = "o199.state-body-answer";

async fn incident(bench: &Bench) -> String {
    let mut tx = bench.store.begin().await.unwrap();
    let ctx = bench.ctx(&bench.analyst, "09:00");
    let new = NewIncident::new("Оқыс оқиға", Severity::High);
    let id = tx.create_incident(&ctx, &new).await.unwrap().id;
    tx.commit().await.unwrap();
    id
}

async fn draft(tx: &mut Tx, ctx: &Ctx<'_>, incident: &str, duty: &str, to: &str) -> Notice {
    let new = NewNotice {
        duty: duty.into(),
        addressee: to.into(),
        address: format!("{to}@example.kz"),
        languages: vec!["kk".into(), "ru".into()],
        ..NewNotice::default()
    };
    tx.draft_notice(ctx, incident, &new).await.unwrap()
}

/// A notice that is approved and waiting to be sent.
async fn queued(tx: &mut Tx, ctx: &Ctx<'_>, incident: &str, duty: &str, to: &str) -> Notice {
    let notice = draft(tx, ctx, incident, duty, to).await;
    let body = format!("%PDF {}", notice.number);
    let notice = tx
        .set_notice_document(
            ctx,
            &notice.id,
            "application/pdf",
            body.as_bytes(),
            notice.version,
        )
        .await
        .unwrap();
    let notice = tx
        .approve_notice(ctx, &notice.id, notice.version, false)
        .await
        .unwrap();
    tx.queue_notice(ctx, &notice.id, notice.version)
        .await
        .unwrap()
}

async fn clock(bench: &Bench, incident: &str, duty: &str, now: &str) -> Clock {
    let clocks = bench
        .store
        .clocks_of(incident, &bench.law, at(now))
        .await
        .unwrap();
    clocks.into_iter().find(|clock| clock.duty == duty).unwrap()
}

#[tokio::test]
async fn from_draft_to_receipt_and_the_clocks_follow() {
    let bench = Bench::new().await;
    let id = incident(&bench).await;
    let ctx = bench.ctx(&bench.analyst, "09:10");
    let mut tx = bench.store.begin().await.unwrap();
    let notice = draft(&mut tx, &ctx, &id, NOTIFY, "state_body").await;
    assert_eq!(
        (notice.number.as_str(), notice.clause.as_str()),
        ("INC-2026-0001/1", "O199-10-3-7a")
    );
    assert_eq!(notice.edition, "kz/o199@399-nk");
    let early = tx
        .approve_notice(&ctx, &notice.id, notice.version, false)
        .await
        .unwrap_err();
    assert!(
        matches!(
            early,
            Error::Invalid {
                field: "document",
                ..
            }
        ),
        "{early}"
    );
    let pdf = b"%PDF the letter";
    let notice = tx
        .set_notice_document(&ctx, &notice.id, "application/pdf", pdf, notice.version)
        .await
        .unwrap();
    assert_eq!(notice.document_sha256, Some(sha256_hex(pdf)));
    let same = tx
        .approve_notice(&ctx, &notice.id, notice.version, true)
        .await
        .unwrap_err();
    assert!(
        matches!(
            same,
            Error::Invalid {
                field: "approver",
                ..
            }
        ),
        "{same}"
    );
    let second = bench.ctx(&bench.coordinator, "09:12");
    let stale = tx
        .approve_notice(&second, &notice.id, 1, true)
        .await
        .unwrap_err();
    assert!(matches!(stale, Error::Conflict { .. }), "{stale}");
    let notice = tx
        .approve_notice(&second, &notice.id, notice.version, true)
        .await
        .unwrap();
    let notice = tx
        .queue_notice(&second, &notice.id, notice.version)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        bench.store.notices_due(at("09:12"), 10).await.unwrap(),
        std::slice::from_ref(&notice)
    );
    assert!(
        bench
            .store
            .notices_due(at("09:11"), 10)
            .await
            .unwrap()
            .is_empty()
    );

    let mut tx = bench.store.begin().await.unwrap();
    let worker = bench.ctx(&bench.coordinator, "09:13");
    let retry = tx
        .record_attempt(
            &worker,
            &notice.id,
            AttemptOutcome::Temporary,
            "450 greylisted",
            Some(at("09:14")),
        )
        .await
        .unwrap();
    assert_eq!((retry.state, retry.attempts), (NoticeState::Approved, 1));
    let worker = bench.ctx(&bench.coordinator, "09:14");
    let sent = tx
        .record_attempt(
            &worker,
            &notice.id,
            AttemptOutcome::Accepted,
            "250 ok",
            None,
        )
        .await
        .unwrap();
    assert_eq!(
        (sent.state, sent.sent_at),
        (NoticeState::Sent, Some(at("09:14")))
    );
    tx.notice_delivered(&worker, &notice.id, "DSN 2.0.0")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let told = clock(&bench, &id, NOTIFY, "09:15").await;
    assert_eq!(
        (told.status, told.stopped),
        (ClockStatus::Met, Some(at("09:14")))
    );
    assert_eq!(
        clock(&bench, &id, ANSWER, "09:15").await.status,
        ClockStatus::NotStarted
    );

    // O199-12-5: the state body's 48 hours start at the moment of receipt.
    let mut tx = bench.store.begin().await.unwrap();
    let reader = saqshy_casework::Actor {
        id: "addressee:state_body".into(),
        name: "state_body".into(),
        roles: Vec::new(),
    };
    let receipt = Ctx {
        actor: &reader,
        now: at("10:00"),
        law: &bench.law,
    };
    let read = tx
        .acknowledge_notice(&receipt, &notice.id, &Receipt::Link)
        .await
        .unwrap();
    assert_eq!(
        (read.state, read.receipt_how),
        (NoticeState::Acknowledged, Some(ReceiptHow::Link))
    );
    let again = bench.ctx(&bench.analyst, "11:00");
    let twice = tx
        .acknowledge_notice(&again, &notice.id, &Receipt::Link)
        .await
        .unwrap();
    assert_eq!(twice, read, "the first receipt counts");
    tx.commit().await.unwrap();
    let answer = clock(&bench, &id, ANSWER, "10:01").await;
    assert_eq!(answer.started, Some(at("10:00")));
    assert_eq!(answer.due, Some(at("2026-03-18T10:00:00Z")));
    assert!(!answer.own);

    let mut tx = bench.store.begin().await.unwrap();
    let ctx = bench.ctx(&bench.analyst, "2026-03-18T09:00:00Z");
    let fact = NewFact {
        kind: format!("answer.received:{ANSWER}"),
        at: at("2026-03-18T08:30:00Z"),
        note: "кіріс № 12".into(),
    };
    tx.record_fact(&ctx, &id, &fact).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        clock(&bench, &id, ANSWER, "2026-03-18T09:00:00Z")
            .await
            .status,
        ClockStatus::Met
    );
    let attempts = bench.store.notice_attempts(&notice.id).await.unwrap();
    assert_eq!(
        attempts.iter().map(|a| a.outcome).collect::<Vec<_>>(),
        [AttemptOutcome::Temporary, AttemptOutcome::Accepted,]
    );
    let document = bench.store.document(&sha256_hex(pdf)).await.unwrap();
    assert_eq!(document.body, pdf);
}

#[tokio::test]
async fn a_duty_with_two_addressees_is_done_when_both_are_told() {
    let bench = Bench::new().await;
    let id = incident(&bench).await;
    let now = "2026-03-18T09:05:00Z";
    let ctx = bench.ctx(&bench.analyst, now);
    assert_eq!(
        clock(&bench, &id, ESCALATE, now).await.status,
        ClockStatus::Fired
    );
    for (to, status) in [
        ("nsc", ClockStatus::Fired),
        ("authorised_body", ClockStatus::Met),
    ] {
        let mut tx = bench.store.begin().await.unwrap();
        let notice = queued(&mut tx, &ctx, &id, ESCALATE, to).await;
        tx.record_attempt(&ctx, &notice.id, AttemptOutcome::Accepted, "250", None)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            clock(&bench, &id, ESCALATE, now).await.status,
            status,
            "after {to}"
        );
    }
}

#[tokio::test]
async fn a_bounced_notice_starts_the_clock_again_and_paper_stops_it() {
    let bench = Bench::new().await;
    let id = incident(&bench).await;
    let ctx = bench.ctx(&bench.analyst, "09:10");
    let mut tx = bench.store.begin().await.unwrap();
    let notice = queued(&mut tx, &ctx, &id, NOTIFY, "state_body").await;
    tx.record_attempt(&ctx, &notice.id, AttemptOutcome::Accepted, "250", None)
        .await
        .unwrap();
    let ctx = bench.ctx(&bench.analyst, "09:20");
    let bounced = tx
        .notice_bounced(&ctx, &notice.id, "550 no such user")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        (bounced.state, bounced.error.as_deref()),
        (NoticeState::Failed, Some("550 no such user"))
    );
    assert_eq!(
        clock(&bench, &id, NOTIFY, "09:21").await.status,
        ClockStatus::Running
    );

    let mut tx = bench.store.begin().await.unwrap();
    let ctx = bench.ctx(&bench.analyst, "09:40");
    let paper = |when: &str| Receipt::Recorded {
        who: "Қ. Серікқызы".into(),
        at: at(when),
        note: "кіріс мөртабаны № 7".into(),
    };
    for when in ["09:41", "09:09"] {
        let refused = tx
            .acknowledge_notice(&ctx, &notice.id, &paper(when))
            .await
            .unwrap_err();
        assert!(
            matches!(refused, Error::Invalid { field: "at", .. }),
            "{when}: {refused}"
        );
    }
    let read = tx
        .acknowledge_notice(&ctx, &notice.id, &paper("09:28"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        (read.sent_at, read.acknowledged_at),
        (Some(at("09:28")), Some(at("09:28")))
    );
    let told = clock(&bench, &id, NOTIFY, "09:41").await;
    assert_eq!(
        (told.status, told.stopped),
        (ClockStatus::Met, Some(at("09:28")))
    );
}

#[tokio::test]
async fn a_rejected_notice_is_edited_and_approved_anew() {
    let bench = Bench::new().await;
    let id = incident(&bench).await;
    let ctx = bench.ctx(&bench.analyst, "09:10");
    let mut tx = bench.store.begin().await.unwrap();
    let notice = queued(&mut tx, &ctx, &id, NOTIFY, "authorised_person").await;
    let failed = tx
        .record_attempt(
            &ctx,
            &notice.id,
            AttemptOutcome::Rejected,
            "550",
            Some(at("09:11")),
        )
        .await
        .unwrap();
    assert_eq!(
        (failed.state, failed.next_attempt_at),
        (NoticeState::Failed, None)
    );
    let edited = tx
        .edit_notice(
            &ctx,
            &notice.id,
            Some("right@example.kz"),
            None,
            failed.version,
        )
        .await
        .unwrap();
    assert_eq!(
        (edited.state, &edited.document_sha256),
        (NoticeState::Draft, &None)
    );
    assert!(
        tx.queue_notice(&ctx, &notice.id, edited.version)
            .await
            .is_err(),
        "not approved"
    );
    let link = tx
        .acknowledge_notice(&ctx, &notice.id, &Receipt::Link)
        .await;
    assert!(link.is_err(), "nothing was sent");
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn notices_that_no_duty_asks_for_are_refused() {
    let bench = Bench::new().await;
    let id = incident(&bench).await;
    let ctx = bench.ctx(&bench.analyst, "09:10");
    let mut tx = bench.store.begin().await.unwrap();
    let good = NewNotice {
        duty: NOTIFY.into(),
        addressee: "state_body".into(),
        address: "a@example.kz".into(),
        languages: vec!["kk".into()],
        ..NewNotice::default()
    };
    for (field, new) in [
        (
            "duty",
            NewNotice {
                duty: "o199.nothing".into(),
                ..good.clone()
            },
        ),
        (
            "duty",
            NewNotice {
                duty: ANSWER.into(),
                addressee: "sts".into(),
                ..good.clone()
            },
        ),
        (
            "addressee",
            NewNotice {
                addressee: "nsc".into(),
                ..good.clone()
            },
        ),
        (
            "address",
            NewNotice {
                address: "a\u{7}".into(),
                ..good.clone()
            },
        ),
        (
            "languages",
            NewNotice {
                languages: Vec::new(),
                ..good.clone()
            },
        ),
    ] {
        match tx.draft_notice(&ctx, &id, &new).await {
            Err(Error::Invalid { field: got, .. }) => assert_eq!(got, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    assert!(matches!(
        tx.draft_notice(&ctx, "none", &good).await,
        Err(Error::NotFound { .. })
    ));
}

/// Without an address nothing is lost: the notice waits, and the refusal says what to do.
#[tokio::test]
async fn a_notice_without_an_address_waits_for_one() {
    let bench = Bench::new().await;
    let id = incident(&bench).await;
    let ctx = bench.ctx(&bench.analyst, "09:10");
    let mut tx = bench.store.begin().await.unwrap();
    let new = NewNotice {
        duty: NOTIFY.into(),
        addressee: "state_body".into(),
        languages: vec!["kk".into()],
        ..NewNotice::default()
    };
    let notice = tx.draft_notice(&ctx, &id, &new).await.unwrap();
    let body = b"%PDF";
    let notice = tx
        .set_notice_document(&ctx, &notice.id, "application/pdf", body, notice.version)
        .await
        .unwrap();
    let notice = tx
        .approve_notice(&ctx, &notice.id, notice.version, false)
        .await
        .unwrap();
    match tx.queue_notice(&ctx, &notice.id, notice.version).await {
        Err(Error::Invalid { field, message }) => {
            assert_eq!(field, "address");
            assert!(message.contains("`state_body`"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(tx.notice(&notice.id).await.unwrap(), notice);
}

/// O199-10-3-7a: 30 minutes from 09:00. SMTP is down from 09:12 on; half of what was left is gone at
/// 09:21, long before the deadline.
#[tokio::test]
async fn a_sending_that_keeps_failing_is_reported_before_the_deadline() {
    let bench = Bench::new().await;
    let id = incident(&bench).await;
    let ctx = bench.ctx(&bench.analyst, "09:12");
    let mut tx = bench.store.begin().await.unwrap();
    let notice = queued(&mut tx, &ctx, &id, NOTIFY, "state_body").await;
    let next = Some(at("09:13"));
    tx.record_attempt(
        &ctx,
        &notice.id,
        AttemptOutcome::Unreachable,
        "no server",
        next,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let risky = async |now: &str| {
        let found = bench.store.notices_at_risk(&bench.law, at(now), 50).await;
        found.unwrap()
    };
    assert!(risky("09:20").await.is_empty());
    let found = risky("09:21").await;
    assert_eq!((found.len(), found[0].due), (1, at("09:30")));
    let ctx = bench.ctx(&bench.analyst, "09:21");
    let mut tx = bench.store.begin().await.unwrap();
    for _ in 0..2 {
        tx.warn_notice(&ctx, &notice.id, found[0].due)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    assert!(risky("09:25").await.is_empty(), "it is said once");
    let whole = bench
        .store
        .incident(&id, &bench.law, at("09:25"))
        .await
        .unwrap();
    let said = whole.timeline.iter().filter(|e| e.kind == "notice.at_risk");
    let said: Vec<_> = said.collect();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].data["detail"], "no server");
    assert_eq!(whole.notices[0].failed_since, Some(at("09:12")));

    // A refusal is final: it is said at once.
    let mut tx = bench.store.begin().await.unwrap();
    let notice = queued(&mut tx, &ctx, &id, NOTIFY, "state_body").await;
    tx.record_attempt(
        &ctx,
        &notice.id,
        AttemptOutcome::Rejected,
        "no such mailbox",
        None,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(risky("09:21").await.len(), 1);
}

/// O199-12-5: the answer stops the clock that the receipt had started.
#[tokio::test]
async fn an_answer_is_recorded_on_the_notice_and_stops_the_clock() {
    let bench = Bench::new().await;
    let id = incident(&bench).await;
    let ctx = bench.ctx(&bench.analyst, "09:10");
    let mut tx = bench.store.begin().await.unwrap();
    let notice = queued(&mut tx, &ctx, &id, NOTIFY, "state_body").await;
    let early = tx.answer_notice(&ctx, &notice.id, at("09:10"), "№ 1").await;
    assert!(matches!(early, Err(Error::Invalid { field: "state", .. })));
    tx.record_attempt(&ctx, &notice.id, AttemptOutcome::Accepted, "250", None)
        .await
        .unwrap();
    tx.acknowledge_notice(&ctx, &notice.id, &Receipt::Link)
        .await
        .unwrap();
    let ctx = bench.ctx(&bench.analyst, "10:00");
    for wrong in ["09:00", "10:01"] {
        let refused = tx.answer_notice(&ctx, &notice.id, at(wrong), "№ 1").await;
        assert!(matches!(refused, Err(Error::Invalid { field: "at", .. })));
    }
    let answered = tx
        .answer_notice(&ctx, &notice.id, at("09:50"), " кіріс № 12-3/45 ")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(answered.answered_at, Some(at("09:50")));
    assert_eq!(answered.answer_note.as_deref(), Some("кіріс № 12-3/45"));
    let clock = clock(&bench, &id, ANSWER, "10:00").await;
    assert_eq!(
        (clock.status, clock.stopped),
        (ClockStatus::Met, Some(at("09:50")))
    );
}

/// A notice that no duty asks for: to the management, the owner of the object.
#[tokio::test]
async fn a_notice_without_a_duty_makes_no_fact() {
    let bench = Bench::new().await;
    let id = incident(&bench).await;
    let ctx = bench.ctx(&bench.analyst, "09:10");
    let mut tx = bench.store.begin().await.unwrap();
    let notice = queued(&mut tx, &ctx, &id, "", "executives").await;
    assert_eq!((notice.clause.as_str(), notice.edition.as_str()), ("", ""));
    tx.record_attempt(&ctx, &notice.id, AttemptOutcome::Accepted, "250", None)
        .await
        .unwrap();
    let notice = tx
        .acknowledge_notice(&ctx, &notice.id, &Receipt::Link)
        .await
        .unwrap();
    assert_eq!(notice.state, NoticeState::Acknowledged);
    tx.commit().await.unwrap();
    let facts = bench.store.facts(&id).await.unwrap();
    assert!(!facts.iter().any(|fact| fact.kind.starts_with("notice.")));
}
