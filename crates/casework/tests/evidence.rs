//! Evidence, custody, retention, legal hold, and internal investigations.

mod common;

use common::{Bench, at, field};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use proptest::prelude::*;
use saqshy_casework::{
    Actor, CustodyAct, DamageTo, Error, EvidenceFiles, Findings, IncidentState, ItemKind,
    ItemPatch, NewCustody, NewDamage, NewEvidence, NewIncident, NewItem, PersonPart, Severity,
    StoredFile, TaskState, retention_end,
};

async fn stored(bench: &Bench, bytes: &[u8]) -> (EvidenceFiles, StoredFile) {
    let files = EvidenceFiles::new(&bench.dir.path().join("evidence"), 1 << 20);
    let mut upload = files.begin().await.unwrap();
    upload.write(bytes).await.unwrap();
    let stored = upload.finish().await.unwrap();
    (files, stored)
}

fn image(stored: StoredFile) -> NewEvidence {
    NewEvidence {
        title: "Диск бейнесі".into(),
        source: "ws-1".into(),
        method: "dd".into(),
        collected_at: at("08:55"),
        collected_by: "marat".into(),
        file_name: "disk.img".into(),
        media_type: "application/octet-stream".into(),
        stored,
        investigation_id: None,
    }
}

/// PS-048, R90-8-3, R90-13: custody from hand to hand, sealing against the stored file.
#[tokio::test]
async fn evidence_goes_from_hand_to_hand_and_is_sealed() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "09:00");
    let (files, file) = stored(&bench, b"disk").await;
    let mut tx = bench.store.begin().await.unwrap();
    let id = tx
        .create_incident(&ctx, &NewIncident::new("Оқиға", Severity::Low))
        .await
        .unwrap()
        .id;
    let late = NewEvidence {
        collected_at: at("09:01"),
        ..image(file.clone())
    };
    assert_eq!(
        field(tx.add_evidence(&ctx, &id, &late).await),
        "collected_at"
    );
    let taken = tx
        .add_evidence(&ctx, &id, &image(file.clone()))
        .await
        .unwrap();
    assert_eq!((taken.holder.as_str(), taken.version), ("aigerim", 2));
    let act = |act, when: &str, to: &str| NewCustody {
        act,
        at: at(when),
        to: to.into(),
        reason: "талдау".into(),
    };
    let future = tx
        .record_custody(
            &ctx,
            &taken.id,
            &act(CustodyAct::HandedOver, "09:01", "daulet"),
        )
        .await;
    assert_eq!(field(future), "at");
    let before = tx
        .record_custody(
            &ctx,
            &taken.id,
            &act(CustodyAct::HandedOver, "08:00", "daulet"),
        )
        .await;
    assert_eq!(field(before), "at");
    let forged = tx
        .record_custody(&ctx, &taken.id, &act(CustodyAct::Sealed, "09:00", "daulet"))
        .await;
    assert_eq!(field(forged), "act");
    let later = bench.ctx(&bench.coordinator, "10:00");
    let moved = tx
        .record_custody(
            &later,
            &taken.id,
            &act(CustodyAct::HandedOver, "09:30", "daulet"),
        )
        .await
        .unwrap();
    assert_eq!(moved.holder, "daulet");
    let unsealed = tx
        .export_evidence(
            &later,
            std::slice::from_ref(&taken.id),
            "прокуратура",
            "сұрау",
        )
        .await;
    assert_eq!(field(unsealed), "evidence");
    let wrong = tx
        .seal_evidence(&later, &taken.id, &"0".repeat(64), moved.version)
        .await;
    assert_eq!(field(wrong), "sha256");
    let now = files.hash(&file.sha256).await.unwrap();
    let sealed = tx
        .seal_evidence(&later, &taken.id, &now, moved.version)
        .await
        .unwrap();
    tx.export_evidence(
        &later,
        std::slice::from_ref(&taken.id),
        "прокуратура",
        "сұрау",
    )
    .await
    .unwrap();
    tx.access_evidence(&later, &taken.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sealed.sealed_by.as_deref(), Some("daulet"));
    let (_, chain) = bench.store.evidence(&taken.id).await.unwrap();
    let acts: Vec<_> = chain.iter().map(|one| one.act).collect();
    use CustodyAct::{Exported, HandedOver, Read, Sealed, Taken};
    assert_eq!(acts, [Taken, HandedOver, Sealed, Exported, Read]);
    let leaves = bench.leaves().await;
    let named = leaves
        .iter()
        .filter(|leaf| leaf.change["sha256"] == file.sha256.as_str())
        .count();
    assert_eq!(named, 1 + chain.len(), "every act names the file");
    for statement in [
        "DELETE FROM evidence",
        "DELETE FROM custody",
        "UPDATE custody SET reason = ''",
        "UPDATE evidence SET sha256 = ''",
    ] {
        let mut tx = bench.store.begin().await.unwrap();
        assert!(
            sqlx::query(statement).execute(tx.conn()).await.is_err(),
            "{statement}"
        );
    }
}

/// R90-10, R90-14: five years from the latest of closing, conclusion and last change;
/// nothing deletes earlier, a hold wins, and two people are needed.
#[tokio::test]
async fn nothing_is_deleted_before_five_years_or_under_a_hold() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "09:00");
    let (_, file) = stored(&bench, b"disk").await;
    let mut tx = bench.store.begin().await.unwrap();
    let id = tx
        .create_incident(&ctx, &NewIncident::new("Оқиға", Severity::Low))
        .await
        .unwrap()
        .id;
    let one = tx
        .add_evidence(&ctx, &id, &image(file.clone()))
        .await
        .unwrap();
    let two = tx
        .add_evidence(&ctx, &id, &image(file.clone()))
        .await
        .unwrap();
    let open = tx
        .propose_deletion(&ctx, &one.id, "керек емес", one.version)
        .await;
    assert_eq!(field(open), "keep_until");
    for piece in [&one, &two] {
        tx.seal_evidence(&ctx, &piece.id, &file.sha256, piece.version)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    common::explain_all(&bench, &id, "09:30").await;
    let mut tx = bench.store.begin().await.unwrap();
    let closing = bench.ctx(&bench.analyst, "10:00");
    tx.set_incident_state(&closing, &id, IncidentState::Closed, "жалған", 1)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let keeping = bench.store.keeping(&id, &bench.law.zone()).await.unwrap();
    assert_eq!(keeping.keep_until, Some(at("2031-03-16T10:00:00Z")));

    let version = one.version + 1;
    let mut tx = bench.store.begin().await.unwrap();
    let early = bench.ctx(&bench.analyst, "2031-03-16T09:59:59Z");
    let refused = tx
        .propose_deletion(&early, &one.id, "мерзімі өтті", version)
        .await;
    assert_eq!(field(refused), "keep_until");
    let hold = tx.place_hold(&early, &id, "сот ісі").await.unwrap();
    let after = bench.ctx(&bench.analyst, "2031-03-17T00:00:00Z");
    assert_eq!(
        field(
            tx.propose_deletion(&after, &one.id, "мерзімі өтті", version)
                .await
        ),
        "hold"
    );
    assert_eq!(
        field(tx.release_hold(&after, &hold.id, "өзім").await),
        "person"
    );
    let second = bench.ctx(&bench.coordinator, "2031-03-17T00:00:00Z");
    tx.release_hold(&second, &hold.id, "іс аяқталды")
        .await
        .unwrap();
    let proposed = tx
        .propose_deletion(&after, &one.id, "мерзімі өтті", version)
        .await
        .unwrap();
    assert_eq!(
        field(tx.approve_deletion(&after, &one.id, proposed.version).await),
        "person"
    );
    let (gone, remove) = tx
        .approve_deletion(&second, &one.id, proposed.version)
        .await
        .unwrap();
    assert!(
        gone.deleted_at.is_some() && !remove,
        "the other piece still has the file"
    );
    assert_eq!(
        field(tx.approve_deletion(&second, &one.id, gone.version).await),
        "evidence"
    );
    let proposed = tx
        .propose_deletion(&after, &two.id, "мерзімі өтті", version)
        .await
        .unwrap();
    let (_, remove) = tx
        .approve_deletion(&second, &two.id, proposed.version)
        .await
        .unwrap();
    assert!(remove);
    tx.commit().await.unwrap();
    assert_eq!(
        bench.store.evidence_of(&id).await.unwrap().len(),
        2,
        "the record stays"
    );
}

proptest! {
    /// R90-10: five calendar years, to the day, also from 29 February.
    #[test]
    fn the_floor_is_five_years_after_the_latest(ends in proptest::collection::vec(0i64..4_000_000_000, 1..5)) {
        let zone = TimeZone::get("Asia/Almaty").unwrap();
        let ends: Vec<_> = ends.iter().map(|second| Timestamp::from_second(*second).unwrap()).collect();
        let floor = retention_end(&ends, &zone).unwrap();
        for end in ends {
            let years = end.to_zoned(zone.clone()).checked_add(5.years()).unwrap();
            prop_assert!(floor >= years.timestamp());
        }
        prop_assert_eq!(retention_end(&[], &zone), None);
    }
}

/// R90-11-1 … R90-11-6, R90-4-14: from damage to the conclusion, with the facts of the notices.
#[tokio::test]
async fn material_damage_leads_to_an_investigation_and_its_conclusion() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.coordinator, "09:00");
    let mut tx = bench.store.begin().await.unwrap();
    let case = tx
        .create_incident(&ctx, &NewIncident::new("Оқиға", Severity::Low))
        .await
        .unwrap()
        .id;
    let loss = NewDamage {
        to: DamageTo::Clients,
        kind: "ақша".into(),
        amount: Some(500_000),
        currency: "KZT".into(),
        material: false,
        note: String::new(),
    };
    let unpriced = NewDamage {
        currency: String::new(),
        ..loss.clone()
    };
    assert_eq!(
        field(tx.record_damage(&ctx, &case, &unpriced).await),
        "currency"
    );
    let damage = tx.record_damage(&ctx, &case, &loss).await.unwrap();
    assert!(damage.material, "any damage in money is material (A-13)");
    let no = tx.decide_investigation(&ctx, &case, false, "шағын").await;
    assert_eq!(field(no), "needed");
    tx.decide_investigation(&ctx, &case, true, "залал бар")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let gate = bench
        .store
        .closing_gate(&case, &bench.law, at("09:00"))
        .await
        .unwrap();
    assert!(gate.iter().any(|item| item.id == "damage" && !item.ok));

    let mut tx = bench.store.begin().await.unwrap();
    let end = Some(at("2026-04-16T09:00:00Z"));
    let inv = tx
        .open_investigation(&ctx, &case, "залал", end)
        .await
        .unwrap();
    assert_eq!(inv.number, "INC-2026-0001/I1");
    assert_eq!(
        field(tx.open_investigation(&ctx, &case, "тағы", None).await),
        "incident"
    );
    tx.add_investigation_person(&ctx, &inv.id, "marat", PersonPart::Subject, "әкімші")
        .await
        .unwrap();
    let involved = tx
        .add_investigation_person(&ctx, &inv.id, "marat", PersonPart::Member, "сарапшы")
        .await;
    assert_eq!(field(involved), "person");
    tx.add_investigation_person(&ctx, &inv.id, "aigerim", PersonPart::Member, "жетекші")
        .await
        .unwrap();
    let task = NewItem {
        kind: ItemKind::Task,
        text: "Журналдарды талдау".into(),
        owner: "aigerim".into(),
        due: None,
    };
    let task = tx
        .add_investigation_item(&ctx, &inv.id, &task)
        .await
        .unwrap();
    let undated = NewItem {
        kind: ItemKind::Recommendation,
        text: "Екі фактор".into(),
        owner: "daulet".into(),
        due: None,
    };
    assert_eq!(
        field(tx.add_investigation_item(&ctx, &inv.id, &undated).await),
        "due"
    );
    let dated = NewItem {
        due: Some(at("2026-06-01T00:00:00Z")),
        ..undated
    };
    let advice = tx
        .add_investigation_item(&ctx, &inv.id, &dated)
        .await
        .unwrap();
    let early = tx
        .conclude_investigation(&ctx, &inv.id, 5)
        .await
        .unwrap_err()
        .to_string();
    for missing in [
        "independence",
        "causes",
        "realisation",
        "scale",
        "effectiveness",
        "conclusion",
        "tasks",
    ] {
        assert!(early.contains(missing), "{early}");
    }
    let version = |n| Findings {
        version: n,
        ..Findings::default()
    };
    let findings = Findings {
        causes: Some("әлсіз құпиясөз".into()),
        realisation: Some("фишинг".into()),
        scale: Some("12 клиент".into()),
        effectiveness: Some("бұғаттау тиімді".into()),
        conclusion: Some("қорытынды".into()),
        ..version(5)
    };
    assert!(matches!(
        tx.write_findings(&ctx, &inv.id, &version(1)).await,
        Err(Error::Conflict { .. })
    ));
    assert_eq!(
        field(tx.write_findings(&ctx, &inv.id, &version(5)).await),
        "investigation"
    );
    tx.write_findings(&ctx, &inv.id, &findings).await.unwrap();
    assert_eq!(
        field(
            tx.declare_independence(&ctx, &inv.id, "aigerim", true)
                .await
        ),
        "person"
    );
    let member = bench.ctx(&bench.analyst, "09:10");
    tx.declare_independence(&member, &inv.id, "aigerim", true)
        .await
        .unwrap();
    let done = ItemPatch {
        state: TaskState::Done,
        result: "талданды".into(),
        version: 1,
    };
    tx.set_investigation_item(&ctx, &task.id, &done)
        .await
        .unwrap();
    let concluded = tx.conclude_investigation(&ctx, &inv.id, 8).await.unwrap();
    assert!(concluded.concluded_at.is_some());
    tx.set_investigation_item(&ctx, &advice.id, &done)
        .await
        .unwrap();
    assert_eq!(
        field(tx.set_investigation_item(&ctx, &task.id, &done).await),
        "investigation"
    );
    tx.commit().await.unwrap();

    let facts = bench.store.facts(&case).await.unwrap();
    for kind in [
        "damage.recorded",
        "investigation.started",
        "investigation.closed",
        "investigation.concluded",
    ] {
        assert_eq!(
            facts.iter().filter(|fact| fact.kind == kind).count(),
            1,
            "{kind}"
        );
    }
    let gate = bench
        .store
        .closing_gate(&case, &bench.law, at("09:10"))
        .await
        .unwrap();
    assert!(
        gate.iter()
            .filter(|i| i.id == "damage" || i.id == "investigation")
            .all(|item| item.ok)
    );
}

/// A person named in an investigation cannot open it, and the journal tells nothing of it.
#[tokio::test]
async fn the_compartment_is_closed_to_whom_it_is_about() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.coordinator, "09:00");
    let marat = common::actor("marat");
    let mut tx = bench.store.begin().await.unwrap();
    let case = tx
        .create_incident(&ctx, &NewIncident::new("Оқиға", Severity::Low))
        .await
        .unwrap()
        .id;
    let inv = tx
        .open_investigation(&ctx, &case, "құпия күдік", None)
        .await
        .unwrap();
    tx.add_investigation_person(&ctx, &inv.id, "marat", PersonPart::Subject, "әкімші")
        .await
        .unwrap();
    let findings = Findings {
        causes: Some("құпия себеп".into()),
        version: 2,
        ..Findings::default()
    };
    tx.write_findings(&ctx, &inv.id, &findings).await.unwrap();
    tx.commit().await.unwrap();

    let hidden = |result: Result<_, Error>| matches!(result, Err(Error::NotFound { .. }));
    assert!(hidden(
        bench.store.investigation(&inv.id, &marat).await.map(|_| ())
    ));
    assert!(
        bench
            .store
            .investigations(None, &marat)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        bench
            .store
            .investigations(Some(&case), &bench.analyst)
            .await
            .unwrap()
            .len(),
        1
    );
    assert!(bench.store.is_subject(&case, "marat").await.unwrap());
    let about: Actor = marat;
    let as_marat = bench.ctx(&about, "09:10");
    let mut tx = bench.store.begin().await.unwrap();
    let all = Findings {
        causes: Some("басқа".into()),
        version: 3,
        ..Findings::default()
    };
    assert!(hidden(
        tx.write_findings(&as_marat, &inv.id, &all)
            .await
            .map(|_| ())
    ));
    assert!(hidden(
        tx.conclude_investigation(&as_marat, &inv.id, 3)
            .await
            .map(|_| ())
    ));
    assert!(hidden(tx.read_investigation(&as_marat, &inv.id).await));
    let item = NewItem {
        kind: ItemKind::Task,
        text: "x".into(),
        owner: "marat".into(),
        due: None,
    };
    assert!(hidden(
        tx.add_investigation_item(&as_marat, &inv.id, &item)
            .await
            .map(|_| ())
    ));
    drop(tx);
    for leaf in bench.leaves().await {
        let text = String::from_utf8(leaf.canonical().unwrap()).unwrap();
        assert!(!text.contains("marat") && !text.contains("құпия"), "{text}");
    }
}
