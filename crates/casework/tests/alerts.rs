mod common;

use common::{Bench, alert, at, hit};
use saqshy_casework::{AlertFilter, AlertState, Error, Level, Triage, Verdict};

#[tokio::test]
async fn a_replay_changes_nothing() {
    let bench = Bench::new().await;
    let first = alert(
        "a",
        "r1",
        Level::High,
        "ws-1",
        vec![hit("1", "r1", "09:00", "ws-1")],
    );
    let more = alert(
        "a",
        "r1",
        Level::High,
        "ws-1",
        vec![
            hit("1", "r1", "09:00", "ws-1"),
            hit("2", "r1", "09:04", "ws-1"),
        ],
    );
    let mut tx = bench.store.begin().await.unwrap();
    let recorded = tx
        .record_hits(at("09:01"), std::slice::from_ref(&first))
        .await
        .unwrap();
    assert_eq!((recorded.opened.len(), recorded.hits_new), (1, 1));
    tx.set_position("detect", 10).await.unwrap();
    tx.commit().await.unwrap();

    for round in 0..3 {
        let mut tx = bench.store.begin().await.unwrap();
        let recorded = tx
            .record_hits(at("09:05"), &[first.clone(), more.clone()])
            .await
            .unwrap();
        assert_eq!(recorded.opened.len(), 0);
        assert_eq!(recorded.hits_new, u64::from(round == 0));
        tx.set_position("detect", 20).await.unwrap();
        tx.commit().await.unwrap();
    }
    let whole = bench.store.alert("alert-a").await.unwrap();
    assert_eq!(whole.alert.hits_count, 2);
    assert_eq!(
        (whole.alert.first_at, whole.alert.last_at),
        (at("09:00"), at("09:04"))
    );
    assert_eq!(whole.alert.opened_at, at("09:01"));
    assert_eq!(
        whole.hits.iter().map(|h| h.id.as_str()).collect::<Vec<_>>(),
        ["hit-1", "hit-2"]
    );
    assert_eq!(bench.leaves().await.len(), 1, "only the opening is a leaf");
    assert_eq!(bench.store.position("detect").await.unwrap(), 20);
    assert_eq!(
        bench.store.hits_by_rule().await.unwrap(),
        [("r1".into(), 2, at("09:04"))]
    );
}

#[tokio::test]
async fn a_hit_stands_under_one_alert_only() {
    let bench = Bench::new().await;
    let one = hit("1", "r1", "09:00", "ws-1");
    let mut tx = bench.store.begin().await.unwrap();
    tx.record_hits(
        at("09:01"),
        &[alert("a", "r1", Level::Low, "ws-1", vec![one.clone()])],
    )
    .await
    .unwrap();
    let again = tx
        .record_hits(
            at("09:02"),
            &[alert("b", "r1", Level::Low, "ws-1", vec![one])],
        )
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(again.opened.is_empty());
    assert!(matches!(
        bench.store.alert("alert-b").await,
        Err(Error::NotFound { .. })
    ));
    assert_eq!(bench.leaves().await.len(), 1);
}

#[tokio::test]
async fn triage_keeps_versions_and_asks_for_a_verdict() {
    let bench = Bench::new().await;
    let mut tx = bench.store.begin().await.unwrap();
    tx.record_hits(
        at("09:01"),
        &[alert(
            "a",
            "r1",
            Level::High,
            "ws-1",
            vec![hit("1", "r1", "09:00", "ws-1")],
        )],
    )
    .await
    .unwrap();
    let close = Triage {
        state: Some(AlertState::Closed),
        version: 1,
        ..Triage::default()
    };
    let refused = tx
        .triage(&bench.analyst, at("09:10"), "alert-a", &close)
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Invalid {
                field: "verdict",
                ..
            }
        ),
        "{refused}"
    );

    let close = Triage {
        verdict: Some(Verdict::FalsePositive),
        comment: Some("  жаңарту агенті  ".into()),
        assignee: Some("aigerim".into()),
        ..close
    };
    let closed = tx
        .triage(&bench.analyst, at("09:10"), "alert-a", &close)
        .await
        .unwrap();
    assert_eq!((closed.state, closed.version), (AlertState::Closed, 2));
    let stale = tx
        .triage(&bench.analyst, at("09:11"), "alert-a", &close)
        .await
        .unwrap_err();
    assert!(
        matches!(
            stale,
            Error::Conflict {
                expected: 1,
                current: 2,
                ..
            }
        ),
        "{stale}"
    );
    tx.commit().await.unwrap();

    let whole = bench.store.alert("alert-a").await.unwrap();
    assert_eq!(whole.comments[0].text, "жаңарту агенті");
    let leaf = &bench.leaves().await[1];
    assert_eq!(
        (leaf.actor.as_str(), leaf.action.as_str()),
        ("aigerim", "alert.triaged")
    );
    assert_eq!(leaf.change["verdict"], "false_positive");
    assert_eq!(leaf.change["comment"], "жаңарту агенті");
}

#[tokio::test]
async fn lists_page_filter_and_search_in_any_letter_case() {
    let bench = Bench::new().await;
    let mut tx = bench.store.begin().await.unwrap();
    let drafts: Vec<_> = (0..25)
        .map(|n| {
            let minute = format!("09:{:02}", n / 2);
            let level = if n % 5 == 0 {
                Level::Critical
            } else {
                Level::Low
            };
            let host = format!("ӘКІМДІК-{n}%");
            let hits = vec![hit(&n.to_string(), "r1", &minute, &host)];
            alert(&n.to_string(), "r1", level, &host, hits)
        })
        .collect();
    tx.record_hits(at("10:00"), &drafts).await.unwrap();
    tx.commit().await.unwrap();

    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = bench
            .store
            .alerts(&AlertFilter::default(), 7, cursor.as_deref())
            .await
            .unwrap();
        seen.extend(page.rows.into_iter().map(|alert| (alert.last_at, alert.id)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first, none twice");

    let filter = |text: &str| AlertFilter {
        text: Some(text.into()),
        ..AlertFilter::default()
    };
    let count = async |filter: AlertFilter| {
        bench
            .store
            .alerts(&filter, 500, None)
            .await
            .unwrap()
            .rows
            .len()
    };
    assert_eq!(
        count(filter("әкімдік-1%")).await,
        1,
        "the percent sign is a letter"
    );
    assert_eq!(count(filter("ереже R1 Әкімдік")).await, 25);
    assert_eq!(count(filter("_")).await, 0);
    assert_eq!(
        count(AlertFilter {
            level: Some(Level::Critical),
            ..filter("")
        })
        .await,
        5
    );
    let levels = bench
        .store
        .alerts_by_level(at("09:00"), at("09:05"))
        .await
        .unwrap();
    assert_eq!(
        levels,
        [
            (Level::Informational, 0),
            (Level::Low, 8),
            (Level::Medium, 0),
            (Level::High, 0),
            (Level::Critical, 2),
        ]
    );
    assert!(
        bench
            .store
            .alerts(&AlertFilter::default(), 7, Some("nonsense"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_ledger_adds_up() {
    let bench = Bench::new().await;
    for minute in ["09:02", "09:01"] {
        let mut tx = bench.store.begin().await.unwrap();
        tx.ledger_add("dc-1", 100, 3, Some(at(minute)))
            .await
            .unwrap();
        tx.ledger_dropped("dc-1", "spool_full", 2).await.unwrap();
        tx.ledger_dropped("fw-1", "too_long", 1).await.unwrap();
        tx.commit().await.unwrap();
    }
    let rows = bench.store.ledger().await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].records, rows[0].unparsed), (200, 6));
    assert_eq!(rows[0].last_received, Some(at("09:02")));
    assert_eq!(rows[0].dropped["spool_full"], 4);
    assert_eq!((rows[1].records, rows[1].dropped["too_long"]), (0, 2));
}

#[tokio::test]
async fn readers_cannot_write_and_the_schema_is_guarded() {
    let bench = Bench::new().await;
    let write = sqlx::query("DELETE FROM journal_leaf")
        .execute(bench.store.pool())
        .await;
    assert!(write.is_err(), "the read pool must refuse writes");
    let step = |version, sql| saqshy_casework::Migration {
        version,
        name: "users",
        sql,
    };
    let first = step(1, "CREATE TABLE app_user (id TEXT NOT NULL PRIMARY KEY)");
    bench.store.migrate("server", &[first]).await.unwrap();
    bench.store.migrate("server", &[first]).await.unwrap();
    let second = step(2, "CREATE TABLE token (id TEXT NOT NULL PRIMARY KEY)");
    bench
        .store
        .migrate("server", &[first, second])
        .await
        .unwrap();
    assert!(
        bench.store.migrate("server", &[first]).await.is_err(),
        "older program"
    );
    let edited = step(1, "CREATE TABLE app_user (id TEXT)");
    assert!(
        bench
            .store
            .migrate("server", &[edited, second])
            .await
            .is_err(),
        "edited step"
    );
}
