//! What the law asks for outside of cases, the edition a case is under, and the term of an
//! investigation, with the shipped pack of Resolution No. 90 and an amended test pack.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{Bench, at, field};
use saqshy_casework::{
    DamageTo, DueKind, Extension, Findings, ItemKind, NewDamage, NewIncident, NewItem, NewNotice,
    PersonPart, Reader, Severity,
};
use saqshy_law::{Calendar, ClockStatus, Pack};

fn files(folder: &str) -> BTreeMap<String, String> {
    fn walk(dir: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{prefix}{}", path.file_name().unwrap().to_string_lossy());
            if path.is_dir() {
                walk(&path, &format!("{name}/"), files);
            } else {
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    let mut found = BTreeMap::new();
    walk(&root.join(folder), "", &mut found);
    found
}

/// A bank under Resolution No. 90.
async fn bank() -> Bench {
    let mut bench = Bench::new().await;
    bench.law.packs = vec![Pack::parse(&files("kz-r90")).unwrap()];
    bench.law.calendar = Calendar::parse(&files("calendar-kz")).unwrap();
    bench.law.profile.bearers = vec!["kz/r90:bank".into()];
    bench
}

async fn case(bench: &Bench, now: &str) -> String {
    let ctx = bench.ctx(&bench.coordinator, now);
    let mut tx = bench.store.begin().await.unwrap();
    let new = NewIncident::new("Оқиға", Severity::High);
    let case = tx.create_incident(&ctx, &new).await.unwrap().id;
    tx.commit().await.unwrap();
    case
}

/// R90-4-11, A-17: the analysis of every year is due until it is recorded with what proves it; a
/// record made by mistake is withdrawn, stays, and the clock runs again.
#[tokio::test]
async fn a_returning_duty_is_due_until_it_is_recorded() {
    let bench = bank().await;
    let item = "duty:r90.collegial-analysis";
    let open = async |bench: &Bench| -> Vec<(String, ClockStatus)> {
        let rows = bench.store.periodic(&bench.law, at("09:00")).await.unwrap();
        let rows = rows
            .into_iter()
            .filter(|row| row.clock.clause == "R90-4-11");
        rows.map(|row| (row.clock.period.unwrap(), row.clock.status))
            .collect()
    };
    let (overdue, running) = (ClockStatus::Overdue, ClockStatus::Running);
    let before = [("2025".to_owned(), overdue), ("2026".to_owned(), running)];
    assert_eq!(open(&bench).await, before);
    let due = bench.due("09:00").await;
    let of_year = |due: &[saqshy_casework::Due]| {
        let rows = due.iter().filter(|row| row.kind == DueKind::Periodic);
        let rows = rows.filter(|row| row.clause.as_deref() == Some("R90-4-11"));
        rows.map(|row| row.uid.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of_year(&due).len(), 2);

    let ctx = bench.ctx(&bench.analyst, "09:00");
    let mut tx = bench.store.begin().await.unwrap();
    let (yesterday, note) = (at("2026-03-15T10:00:00Z"), "алқа хаттамасы № 4");
    for (item, period, when, wrong) in [
        (item, "2027", yesterday, "period"),
        (item, "2026", at("09:01"), "at"),
        (item, "2026", at("2025-12-01T00:00:00Z"), "at"),
        ("duty:r90.respond", "2026", yesterday, "period"),
        ("duty:no", "2026", yesterday, "period"),
        ("register:no", "", yesterday, "item"),
        ("register:r90.roles", "2026", yesterday, "period"),
        ("roles", "", yesterday, "item"),
    ] {
        let refused = tx.record_done(&ctx, item, period, when, note).await;
        assert_eq!(field(refused), wrong, "{item} {period}");
    }
    let empty = tx.record_done(&ctx, item, "2026", yesterday, " ").await;
    assert_eq!(field(empty), "note");
    let done = tx.record_done(&ctx, item, "2026", yesterday, note).await;
    let done = done.unwrap();
    let twice = tx.record_done(&ctx, item, "2026", yesterday, note).await;
    assert_eq!(field(twice), "period");
    let register = "register:r90.roles";
    tx.record_done(&ctx, register, "", yesterday, "қаралды")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(open(&bench).await[1].1, ClockStatus::Met);
    assert_eq!(
        of_year(&bench.due("09:00").await),
        ["periodic:r90.collegial-analysis:2025"]
    );
    let rows = bench.store.periodic(&bench.law, at("09:00")).await.unwrap();
    let row = rows.iter().find(|row| row.clock.stopped.is_some()).unwrap();
    assert_eq!(
        (row.done[0].note.as_str(), row.done[0].saved_by.as_str()),
        (note, "aigerim")
    );

    let mut tx = bench.store.begin().await.unwrap();
    tx.withdraw_done(&ctx, &done.id, "басқа жылдікі")
        .await
        .unwrap();
    let again = tx.withdraw_done(&ctx, &done.id, "x").await;
    assert_eq!(field(again), "done");
    tx.commit().await.unwrap();
    assert_eq!(open(&bench).await, before);
    let kept = bench.store.done().await.unwrap();
    assert!(
        kept.iter()
            .any(|one| one.withdrawn_why.as_deref() == Some("басқа жылдікі"))
    );
    let leaves = bench.leaves().await;
    let actions: Vec<&str> = leaves.iter().map(|leaf| leaf.action.as_str()).collect();
    assert_eq!(actions, ["law.done", "law.done", "law.done_withdrawn"]);
}

/// R90-11-6: recommendations are due on their date, to who reads investigations and to their owner;
/// a person whom the investigation is about sees neither them nor its clocks.
#[tokio::test]
async fn recommendations_are_due_and_hidden_from_whom_they_are_about() {
    let bench = bank().await;
    let case = case(&bench, "09:00").await;
    let ctx = bench.ctx(&bench.coordinator, "09:00");
    let mut tx = bench.store.begin().await.unwrap();
    let inv = tx
        .open_investigation(&ctx, &case, "залал", None)
        .await
        .unwrap();
    tx.add_investigation_person(&ctx, &inv.id, "marat", PersonPart::Subject, "әкімші")
        .await
        .unwrap();
    let item = NewItem {
        kind: ItemKind::Recommendation,
        text: "Екі факторлы кіру".into(),
        owner: "aigerim".into(),
        due: Some(at("2026-04-01T00:00:00Z")),
    };
    tx.add_investigation_item(&ctx, &inv.id, &item)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for (login, investigations, advice, clocks) in [
        ("daulet", true, true, true),
        ("aigerim", false, true, true),
        ("other", false, false, true),
        ("marat", true, false, false),
    ] {
        let actor = common::actor(login);
        let reader = Reader {
            actor: &actor,
            investigations,
        };
        let due = bench.store.due(&bench.law, at("09:10"), reader, 99).await;
        let due = due.unwrap();
        let told = due.iter().any(|row| row.kind == DueKind::Recommendation);
        assert_eq!(told, advice, "{login}");
        let notify = |row: &saqshy_casework::Due| row.uid.ends_with("r90.notify-start");
        assert_eq!(due.iter().any(notify), clocks, "{login}");
    }
}

/// R90-4-14, R90-11-6: a term is extended with a reason; the clock of the conclusion follows, and
/// where there is material damage the regulator is owed the new time frames.
#[tokio::test]
async fn an_extended_investigation_owes_its_new_time_frames() {
    let bench = bank().await;
    for material in [false, true] {
        let case = case(&bench, "09:00").await;
        let ctx = bench.ctx(&bench.coordinator, "09:00");
        let mut tx = bench.store.begin().await.unwrap();
        if material {
            let loss = NewDamage {
                to: DamageTo::Clients,
                kind: "қаражат".into(),
                amount: Some(1_000),
                currency: "KZT".into(),
                material: true,
                note: String::new(),
            };
            tx.record_damage(&ctx, &case, &loss).await.unwrap();
        }
        let first = at("2026-04-10T00:00:00Z");
        let inv = tx
            .open_investigation(&ctx, &case, "себеп", Some(first))
            .await;
        let inv = inv.unwrap();
        let other = Findings {
            planned_end: Some(at("2026-04-20T00:00:00Z")),
            version: 1,
            ..Findings::default()
        };
        let silently = tx.write_findings(&ctx, &inv.id, &other).await;
        assert_eq!(field(silently), "planned_end");
        let longer = Extension {
            days: 10,
            working: true,
            planned_end: at("2026-04-24T00:00:00Z"),
            reason: "сараптама күтілуде".into(),
            version: 1,
        };
        let wrong = |change: fn(&mut Extension)| {
            let mut wrong = longer.clone();
            change(&mut wrong);
            wrong
        };
        for (wrong, name) in [
            (wrong(|e| e.days = 0), "days"),
            (wrong(|e| e.reason.clear()), "reason"),
            (
                wrong(|e| e.planned_end = at("2026-04-10T00:00:00Z")),
                "planned_end",
            ),
        ] {
            let refused = tx.extend_investigation(&ctx, &inv.id, &wrong).await;
            assert_eq!(field(refused), name);
        }
        tx.commit().await.unwrap();
        let conclude = async || {
            let whole = bench.store.incident(&case, &bench.law, at("09:00")).await;
            let clocks = whole.unwrap().clocks;
            let due = |duty: &str| {
                let clock = clocks.iter().find(|clock| clock.duty == duty);
                clock.and_then(|clock| clock.due)
            };
            (due("r90.conclude"), due("r90.notify-new-terms"))
        };
        let (before, none) = conclude().await;
        assert_eq!(none, None);
        let later = bench.ctx(&bench.coordinator, "09:00");
        let mut tx = bench.store.begin().await.unwrap();
        tx.extend_investigation(&later, &inv.id, &longer)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let (after, told) = conclude().await;
        assert!(after > before, "{before:?} {after:?}");
        assert_eq!(told, material.then(|| at("2026-03-17T09:00:00Z")));
        let whole = bench.store.investigation(&inv.id, &bench.analyst).await;
        let whole = whole.unwrap();
        let extended = &whole.extensions[0];
        assert_eq!(
            (extended.before, extended.planned_end),
            (Some(first), longer.planned_end)
        );
        assert_eq!(extended.reason, longer.reason);
        // The reason stays in the compartment.
        let leaves = bench.leaves().await;
        let all = serde_json::to_string(&leaves.iter().map(|l| &l.change).collect::<Vec<_>>());
        assert!(!all.unwrap().contains("сараптама"));
    }
}

const AMENDMENT: &str = r#"
[[edition]]
id = "later"
title = { kk = "-", ru = "-", en = "-" }
signed = "2026-03-01"
in_force = "2026-03-16"

[[duty]]
id = "o199.notify-nsc"
clause = "O199-10-3-7b"
citation = { kk = "-", ru = "-", en = "¶10(3) as amended" }
title = { kk = "-", ru = "-", en = "Notify, as amended" }
bearer = "sts"
addressee = ["authorised_body"]
trigger = ["incident.detected"]
kind = "within"
amount = 1
unit = "hours"
from = "moment"
stop = ["notice.sent:o199.notify-nsc"]
"#;

/// O199-10-3-7b: a case that began before an amendment is noticed to the addressee of its own
/// edition, although the newest wording names another; a case after it to the new one.
#[tokio::test]
async fn a_notice_follows_the_edition_of_its_case() {
    let mut bench = Bench::new().await;
    let mut amended = files("kz-o199");
    amended.insert("editions/later.toml".to_owned(), AMENDMENT.to_owned());
    bench.law.packs = vec![Pack::parse(&amended).unwrap()];
    let notice = |addressee: &str| NewNotice {
        duty: "o199.notify-nsc".into(),
        addressee: addressee.into(),
        languages: vec!["kk".into()],
        ..NewNotice::default()
    };
    // 15 March in Almaty; drafted on the 16th, when the amendment is in force.
    let old = case(&bench, "2026-03-15T10:00:00Z").await;
    let new = case(&bench, "2026-03-16T05:00:00Z").await;
    let ctx = bench.ctx(&bench.analyst, "09:00");
    let mut tx = bench.store.begin().await.unwrap();
    for (case, edition, right, wrong) in [
        (&old, "kz/o199@399-nk", "nsc", "authorised_body"),
        (&new, "kz/o199@later", "authorised_body", "nsc"),
    ] {
        let refused = tx.draft_notice(&ctx, case, &notice(wrong)).await;
        assert_eq!(field(refused), "addressee");
        let drafted = tx.draft_notice(&ctx, case, &notice(right)).await.unwrap();
        assert_eq!(drafted.edition, edition);
        let (_, duty) = bench.law.duty_in(&drafted.duty, &drafted.edition).unwrap();
        assert_eq!(
            duty.title.en.contains("amended"),
            edition.ends_with("later")
        );
    }
    let (_, newest) = bench.law.duty_in("o199.notify-nsc", "").unwrap();
    assert_eq!(newest.title.en, "Notify, as amended");
}
