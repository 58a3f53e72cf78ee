mod common;

use common::{Bench, alert, at, hit};
use saqshy_casework::{
    Actor, Ctx, IncidentFilter, Level, NewAlert, Promoted, PromotionRules, Severity, Store,
};

fn rules() -> PromotionRules {
    toml::from_str(
        r#"
        language = "ru"
        [[rule]]
        id = "ransomware"
        when = { level = "high", tags = ["attack.impact", "attack.x"], entity_kind = "host" }
        join_minutes = 60
        [rule.incident]
        severity = "critical"
        category = "malware"
        title = { kk = "{entity}: {rule}", ru = "{rule} на {entity} {x}", en = "{rule} ({level}) on {entity}" }
        [[rule]]
        id = "named"
        when = { rules = ["r-named"] }
        join_minutes = 0
        incident.title = { kk = "a", ru = "a", en = "a" }
        "#,
    )
    .unwrap()
}

async fn run(bench: &Bench, now: &str, drafts: &[NewAlert]) -> Vec<Promoted> {
    let actor = Actor::system();
    let ctx = Ctx {
        actor: &actor,
        now: at(now),
        law: &bench.law,
    };
    let mut tx = bench.store.begin().await.unwrap();
    let recorded = tx.record_hits(ctx.now, drafts).await.unwrap();
    let all = [recorded.opened, recorded.grown].concat();
    let promoted = tx.promote(&ctx, &rules(), &all).await.unwrap();
    tx.commit().await.unwrap();
    promoted
}

async fn incidents(store: &Store) -> Vec<saqshy_casework::IncidentRow> {
    store
        .incidents(&IncidentFilter::default(), 100)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_first_alert_opens_and_near_ones_join() {
    let bench = Bench::new().await;
    rules().check(&bench.law).unwrap();
    let one = alert(
        "a",
        "r1",
        Level::High,
        "ws-1",
        vec![hit("1", "r1", "09:00", "ws-1")],
    );
    let low = alert(
        "l",
        "r1",
        Level::Medium,
        "ws-1",
        vec![hit("2", "r1", "09:01", "ws-1")],
    );
    let near = alert(
        "n",
        "r2",
        Level::Critical,
        "ws-1",
        vec![hit("3", "r2", "09:59", "ws-1")],
    );
    let other = alert(
        "o",
        "r1",
        Level::High,
        "ws-2",
        vec![hit("4", "r1", "09:10", "ws-2")],
    );
    let far = alert(
        "f",
        "r1",
        Level::High,
        "ws-1",
        vec![hit("5", "r1", "11:30", "ws-1")],
    );

    let promoted = run(&bench, "09:02", &[one.clone(), low.clone()]).await;
    assert_eq!(promoted.len(), 1);
    assert!(promoted[0].opened);
    let first = promoted[0].incident_id.clone();
    let whole = bench
        .store
        .incident(&first, &bench.law, at("09:02"))
        .await
        .unwrap();
    assert_eq!(whole.incident.title, "Ереже r1 на ws-1 {x}");
    assert_eq!(whole.incident.title_text.unwrap().kk, "ws-1: Ереже r1");
    assert_eq!(whole.incident.severity, Severity::Critical);
    assert_eq!(whole.incident.promotion_rule.as_deref(), Some("ransomware"));
    assert_eq!(
        (whole.incident.detected_at, whole.incident.occurred_at),
        (at("09:02"), Some(at("09:00")))
    );
    assert_eq!(
        whole.clocks[0].due,
        Some(at("09:32")),
        "the clocks run at once"
    );

    let promoted = run(&bench, "10:00", &[near.clone(), other.clone()]).await;
    let joined = promoted.iter().find(|p| p.alert_id == "alert-n").unwrap();
    assert_eq!(
        (joined.opened, joined.incident_id.as_str()),
        (false, first.as_str())
    );
    assert!(
        promoted
            .iter()
            .find(|p| p.alert_id == "alert-o")
            .unwrap()
            .opened,
        "another host"
    );
    assert!(
        run(&bench, "11:31", std::slice::from_ref(&far)).await[0].opened,
        "too far in time"
    );

    // The whole stream once more: nothing happens.
    let before = (
        bench.store.leaf_count().await.unwrap(),
        incidents(&bench.store).await,
    );
    assert!(
        run(&bench, "12:00", &[one, low, near, other, far])
            .await
            .is_empty()
    );
    assert_eq!(
        (
            bench.store.leaf_count().await.unwrap(),
            incidents(&bench.store).await
        ),
        before
    );
    assert_eq!(before.1.len(), 3);
}

#[tokio::test]
async fn a_replay_from_nothing_gives_the_same_incidents() {
    let drafts: Vec<NewAlert> = (0..12)
        .map(|n| {
            let host = format!("ws-{}", n % 3);
            let when = format!("{:02}:{:02}", 9 + n / 4, n * 4);
            alert(
                &n.to_string(),
                "r1",
                Level::High,
                &host,
                vec![hit(&n.to_string(), "r1", &when, &host)],
            )
        })
        .collect();
    let mut seen = Vec::new();
    for batch in [1, 4, 12] {
        let bench = Bench::new().await;
        for drafts in drafts.chunks(batch) {
            run(&bench, "13:00", drafts).await;
        }
        let mut rows: Vec<_> = Vec::new();
        for row in incidents(&bench.store).await {
            let whole = bench
                .store
                .incident(&row.incident.id, &bench.law, at("13:00"))
                .await
                .unwrap();
            let alerts: Vec<String> = whole.alerts.into_iter().map(|alert| alert.id).collect();
            rows.push((row.incident.id, row.incident.number, alerts));
        }
        rows.sort();
        seen.push(rows);
    }
    assert_eq!(seen[0], seen[1], "however the stream is cut");
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn hostile_names_make_a_readable_incident() {
    let bench = Bench::new().await;
    let entity = format!("a\u{0}\n{{rule}}{}", "ә".repeat(4000));
    let mut draft = alert(
        "a",
        "r1",
        Level::High,
        "x",
        vec![hit("1", "r1", "09:00", "x")],
    );
    draft.entity = entity;
    let promoted = run(&bench, "09:01", &[draft]).await;
    let whole = bench
        .store
        .incident(&promoted[0].incident_id, &bench.law, at("09:01"))
        .await
        .unwrap();
    assert!(whole.incident.title.len() <= 1024 && !whole.incident.title.contains('\u{0}'));
    assert!(
        whole.incident.title.contains("a  {rule}ә"),
        "{}",
        &whole.incident.title[..40]
    );
}

#[test]
fn rules_that_cannot_work_are_refused_when_loaded() {
    let law = common::law();
    let mut twice = rules();
    twice.rules.push(twice.rules[0].clone());
    assert!(twice.check(&law).is_err());
    let mut empty = rules();
    empty.rules[0].incident.title.kk = String::new();
    assert!(empty.check(&law).is_err());
    let unknown: Result<PromotionRules, _> = toml::from_str("[[rule]]\nid='a'\nwehn={}");
    assert!(unknown.is_err());
}
