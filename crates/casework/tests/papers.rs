//! Templates of the organisation and reports that were made.

mod common;

use common::{Bench, at};
use saqshy_casework::{Error, NewReport};
use saqshy_law::Text3;

const KEY: (&str, &str) = ("kz/o199", "notice-nsc");

#[tokio::test]
async fn every_version_of_a_template_stays_and_the_last_one_counts() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "09:00");
    assert_eq!(bench.store.template(KEY.0, KEY.1).await.unwrap(), None);
    let text = Text3::new("Тақырып", "Тема", "Subject");
    let mut tx = bench.store.begin().await.unwrap();
    let none = tx.write_template(&ctx, KEY, Some(&text), " ", 0).await;
    assert!(matches!(
        none,
        Err(Error::Invalid {
            field: "reason",
            ..
        })
    ));
    let first = tx
        .write_template(&ctx, KEY, Some(&text), "2026 жылғы № 5 бұйрық", 0)
        .await
        .unwrap();
    assert_eq!((first.version, first.body), (1, Some(text.clone())));
    let stale = tx.write_template(&ctx, KEY, None, "x", 0).await;
    assert!(matches!(stale, Err(Error::Conflict { current: 1, .. })));
    tx.write_template(&ctx, KEY, None, "қайтару", 1)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let newest = bench.store.template(KEY.0, KEY.1).await.unwrap().unwrap();
    assert_eq!((newest.version, newest.body), (2, None));
    let all = bench.store.template_versions(KEY.0, KEY.1).await.unwrap();
    assert_eq!(all[0].body, Some(text));
    let leaves = bench.store.leaves_from(0, 100).await.unwrap();
    let actions: Vec<String> = leaves
        .iter()
        .map(|(_, body)| saqshy_journal::Leaf::parse(body).unwrap().action)
        .collect();
    assert_eq!(actions, ["template.written", "template.reset"]);
}

#[tokio::test]
async fn a_report_is_kept_with_its_file_and_its_leaf() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "09:00");
    let mut tx = bench.store.begin().await.unwrap();
    assert_eq!(tx.next_report(2026).await.unwrap(), 1);
    let new = NewReport {
        kind: "register",
        clauses: &["R90-9-a"],
        number: "REP-2026-0001",
        from: at("00:00"),
        to: at("09:00"),
        language: "kk",
        format: "xlsx",
        media_type: "application/octet-stream",
        body: b"PK",
        cases: &["a".into(), "b".into()],
    };
    let report = tx.keep_report(&ctx, &new).await.unwrap();
    assert_eq!(tx.next_report(2026).await.unwrap(), 2);
    assert_eq!(tx.next_report(2027).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(bench.store.report(&report.id).await.unwrap(), report);
    let kept = bench.store.reports(10).await.unwrap();
    assert_eq!(kept, std::slice::from_ref(&report));
    let document = bench.store.document(&report.sha256).await.unwrap();
    assert_eq!(document.body, b"PK");
    let (_, leaf) = bench.store.leaves_from(0, 1).await.unwrap().remove(0);
    let leaf = saqshy_journal::Leaf::parse(&leaf).unwrap();
    assert_eq!(leaf.action, "report.made");
    assert_eq!(leaf.change["document_sha256"], report.sha256.as_str());
    assert_eq!(leaf.change["cases_count"], 2);
}
