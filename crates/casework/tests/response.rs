//! Procedures and their runs, actions on other systems, stops, contacts.

mod common;

use common::{Bench, at, field};
use saqshy_casework::{
    ActionState, ContactFields, Effect, Error, Extent, LinearPlaybook, LinearStep, NewAction,
    NewIncident, NewStop, Severity, StepEnd, StepState, Tx,
};
use serde_json::{Value, json};

const ID: &str = "playbook--f47ac10b-58cc-4372-a567-0e02b2c3d479";

fn linear() -> Value {
    let step = |name: &str, driver: Option<&str>| LinearStep {
        name: name.into(),
        description: String::new(),
        driver: driver.map(str::to_owned),
    };
    let steps = vec![
        step("Ажырату", None),
        step("Бұғаттау", Some("block_address")),
    ];
    let playbook = LinearPlaybook {
        name: "Шифрлаушы".into(),
        description: String::new(),
        steps,
    };
    playbook.to_cacao(ID, "aigerim", at("09:00")).unwrap()
}

/// Start → parallel (a, b) → choice → end, by way of CACAO's own document.
fn branching() -> Value {
    let id = |kind: &str, n: u8| format!("{kind}--00000000-0000-4000-8000-0000000000{n:02}");
    let act = |name: &str, next: Option<String>| {
        let mut step = json!({"type": "action", "name": name, "commands": [{"type": "manual", "command": name}]});
        if let Some(next) = next {
            step["on_completion"] = json!(next);
        }
        step
    };
    json!({
        "type": "playbook", "spec_version": "cacao-2.0", "id": id("playbook", 1), "name": "Тармақ",
        "created_by": id("identity", 1), "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
        "workflow_start": id("start", 1),
        "workflow": {
            (id("start", 1)): {"type": "start", "on_completion": id("parallel", 1)},
            (id("parallel", 1)): {
                "type": "parallel", "next_steps": [id("action", 1), id("action", 2)],
                "on_completion": id("if-condition", 1),
            },
            (id("action", 1)): act("a", None),
            (id("action", 2)): act("b", None),
            (id("if-condition", 1)): {"type": "if-condition", "condition": "таралды ма", "on_true": id("action", 3)},
            (id("action", 3)): act("c", Some(id("end", 1))),
            (id("end", 1)): {"type": "end"},
        },
    })
}

async fn approved(tx: &mut Tx, bench: &Bench, document: &Value) -> String {
    let author = bench.ctx(&bench.analyst, "09:00");
    let saved = tx
        .save_playbook(&author, document, "бірінші", 0)
        .await
        .unwrap();
    let second = bench.ctx(&bench.coordinator, "09:00");
    tx.approve_playbook(&second, &saved.id, 1).await.unwrap();
    saved.id
}

fn done(note: &str) -> StepEnd {
    StepEnd {
        state: StepState::Done,
        choice: None,
        note: note.into(),
    }
}

/// R90-4-4, PS-021: procedures have versions, a second approver, and readers.
#[tokio::test]
async fn a_procedure_is_saved_approved_read_and_run() {
    let bench = Bench::new().await;
    let author = bench.ctx(&bench.analyst, "09:00");
    let second = bench.ctx(&bench.coordinator, "09:05");
    let mut tx = bench.store.begin().await.unwrap();
    assert_eq!(
        field(tx.save_playbook(&author, &json!({}), "x", 0).await),
        "playbook"
    );
    let first = tx
        .save_playbook(&author, &linear(), "бірінші", 0)
        .await
        .unwrap();
    let stale = tx.save_playbook(&author, &branching(), "екінші", 1).await;
    assert!(
        matches!(stale, Err(Error::Conflict { .. })),
        "another procedure has no version 1"
    );
    let case = tx
        .create_incident(&author, &NewIncident::new("Оқиға", Severity::High))
        .await
        .unwrap()
        .id;
    assert_eq!(field(tx.start_run(&author, &case, ID).await), "playbook");
    assert_eq!(field(tx.approve_playbook(&author, ID, 1).await), "person");
    tx.approve_playbook(&second, ID, 1).await.unwrap();
    tx.confirm_reading(&author, ID, 1).await.unwrap();
    assert_eq!(field(tx.confirm_reading(&author, ID, 1).await), "version");
    let run = tx.start_run(&author, &case, ID).await.unwrap();
    assert_eq!((run.steps.len(), run.steps[0].kind.as_str()), (1, "human"));
    let silent = StepEnd {
        state: StepState::Skipped,
        choice: None,
        note: String::new(),
    };
    assert_eq!(
        field(tx.end_step(&author, &run.id, 1, &silent).await),
        "note"
    );
    let run = tx
        .end_step(&author, &run.id, 1, &done("ажыратылды"))
        .await
        .unwrap();
    assert_eq!(
        field(tx.end_step(&author, &run.id, 1, &done("")).await),
        "state"
    );
    assert_eq!(run.steps[1].driver.as_deref(), Some("block_address"));
    let run = tx.end_step(&author, &run.id, 2, &done("")).await.unwrap();
    assert!(run.ended_at.is_some());
    tx.commit().await.unwrap();
    let (versions, readings) = bench.store.playbook(ID).await.unwrap();
    assert_eq!(
        (versions[0].sha256.as_str(), readings[0].person.as_str()),
        (first.sha256.as_str(), "aigerim")
    );
}

#[tokio::test]
async fn branches_run_side_by_side_and_a_person_chooses_the_way() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "09:10");
    let mut tx = bench.store.begin().await.unwrap();
    let id = approved(&mut tx, &bench, &branching()).await;
    let case = tx
        .create_incident(&ctx, &NewIncident::new("Оқиға", Severity::High))
        .await
        .unwrap()
        .id;
    let run = tx.start_run(&ctx, &case, &id).await.unwrap();
    let open = |run: &saqshy_casework::Run| -> Vec<(u64, String)> {
        let open = run
            .steps
            .iter()
            .filter(|step| step.state == StepState::Open);
        open.map(|step| (step.n, step.name.clone())).collect()
    };
    assert_eq!(open(&run), [(2, "a".to_owned()), (3, "b".to_owned())]);
    let run = tx.end_step(&ctx, &run.id, 3, &done("")).await.unwrap();
    assert_eq!(
        open(&run).len(),
        1,
        "the parallel step waits for the other branch"
    );
    let run = tx.end_step(&ctx, &run.id, 2, &done("")).await.unwrap();
    let choice = open(&run)[0].0;
    assert_eq!(run.steps.last().unwrap().choices, ["true", "false"]);
    assert_eq!(
        field(tx.end_step(&ctx, &run.id, choice, &done("")).await),
        "choice"
    );
    let yes = StepEnd {
        choice: Some("true".into()),
        ..done("иә")
    };
    let run = tx.end_step(&ctx, &run.id, choice, &yes).await.unwrap();
    assert_eq!(open(&run)[0].1, "c");
    let run = tx.end_step(&ctx, &run.id, 5, &done("")).await.unwrap();
    assert_eq!(run.ended_at, Some(at("09:10")));
}

/// R90-8, R90-8-1 … R90-8-7: low effect leads to the operative measures.
#[tokio::test]
async fn a_procedure_of_low_effect_leads_to_operative_measures() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "09:10");
    let mut tx = bench.store.begin().await.unwrap();
    let id = approved(&mut tx, &bench, &linear()).await;
    let case = tx
        .create_incident(&ctx, &NewIncident::new("Оқиға", Severity::High))
        .await
        .unwrap()
        .id;
    let run = tx.start_run(&ctx, &case, &id).await.unwrap();
    let measures: Vec<String> = (1..=7).map(|n| format!("R90-8-{n}")).collect();
    let judged = tx
        .judge_run(&ctx, &run.id, Effect::Low, "таралу тоқтаған жоқ", &measures)
        .await
        .unwrap();
    assert_eq!(
        (judged.effect, judged.ended_at),
        (Some(Effect::Low), Some(at("09:10")))
    );
    assert_eq!(
        field(
            tx.judge_run(&ctx, &run.id, Effect::Effective, "x", &[])
                .await
        ),
        "effect"
    );
    tx.commit().await.unwrap();
    let whole = bench
        .store
        .incident(&case, &bench.law, at("09:10"))
        .await
        .unwrap();
    assert_eq!(whole.tasks.len(), 7);
    assert!(
        whole
            .timeline
            .iter()
            .any(|entry| entry.kind == "run.judged")
    );
}

/// PS-039, R90-8-2: dry run, approval by a second person with the owner named, a limited time,
/// undo, and the list of what is never blocked, which is asked again at approval.
#[tokio::test]
async fn an_action_is_rehearsed_approved_applied_and_undone() {
    let bench = Bench::new().await;
    let analyst = bench.ctx(&bench.analyst, "09:00");
    let second = bench.ctx(&bench.coordinator, "09:05");
    let mut tx = bench.store.begin().await.unwrap();
    let case = tx
        .create_incident(&analyst, &NewIncident::new("Оқиға", Severity::High))
        .await
        .unwrap()
        .id;
    tx.protect_target(&second, "198.51.100.0/24", "өз желіміз")
        .await
        .unwrap();
    let block = |target: &str, minutes| NewAction {
        driver: "block_address".into(),
        target: target.into(),
        minutes,
        reason: "шабуыл".into(),
        step: None,
    };
    for (action, wrong) in [
        (block("198.51.100.7", 60), "target"),
        (block("127.0.0.1", 60), "target"),
        (block("203.0.113.7", 0), "minutes"),
        (
            NewAction {
                driver: "rm".into(),
                ..block("x", 1)
            },
            "driver",
        ),
        (
            NewAction {
                driver: "add_to_set".into(),
                ..block("x", 1)
            },
            "target",
        ),
        (
            NewAction {
                step: Some(("no".into(), 1)),
                ..block("203.0.113.7", 1)
            },
            "",
        ),
    ] {
        let refused = tx.request_action(&analyst, &case, &action).await;
        match wrong {
            "" => assert!(matches!(refused, Err(Error::NotFound { .. }))),
            wrong => assert_eq!(field(refused), wrong),
        }
    }
    let asked = tx
        .request_action(&analyst, &case, &block("203.0.113.7", 60))
        .await
        .unwrap();
    assert_eq!(
        field(tx.approve_action(&second, &asked.id, "daulet", 1).await),
        "rehearsal"
    );
    let ready = tx
        .rehearse_action(&analyst, &asked.id, "nft add element …", 1)
        .await
        .unwrap();
    assert_eq!(
        field(tx.approve_action(&analyst, &asked.id, "daulet", 2).await),
        "person"
    );
    let approved = tx
        .approve_action(&second, &asked.id, "Әлия, төлемдер", 2)
        .await
        .unwrap();
    assert_eq!((ready.version, approved.state), (2, ActionState::Approved));
    let begun = tx
        .begin_action(&second, &asked.id, 3, Some("бұрынғы"))
        .await
        .unwrap();
    assert_eq!(begun.expires_at, Some(at("10:05")));
    assert_eq!(begun.former.as_deref(), Some("бұрынғы"));
    let twice = tx
        .begin_action(&second, &asked.id, 3, Some("бұрынғы"))
        .await;
    assert!(
        matches!(twice, Err(Error::Conflict { .. })),
        "nobody applies it twice"
    );
    tx.action_applied(&second, &asked.id, true, "қосылды")
        .await
        .unwrap();
    let wider = block("203.0.113.0/24", 60);
    let wider = tx.request_action(&analyst, &case, &wider);
    assert_eq!(
        field(wider.await),
        "target",
        "one undone would end the other"
    );
    tx.commit().await.unwrap();
    assert!(
        bench
            .store
            .actions_expired(at("10:04"))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        bench
            .store
            .actions_expired(at("10:05"))
            .await
            .unwrap()
            .len(),
        1
    );
    let mut tx = bench.store.begin().await.unwrap();
    let later = bench.ctx(&bench.coordinator, "10:05");
    let stuck = tx
        .action_undone(&later, &asked.id, false, "жауап жоқ")
        .await
        .unwrap();
    assert_eq!(stuck.state, ActionState::Applied, "tried again later");
    let undone = tx
        .action_undone(&later, &asked.id, true, "алынды")
        .await
        .unwrap();
    assert_eq!(
        (undone.state, undone.undone_by.as_deref()),
        (ActionState::Undone, Some("daulet"))
    );

    // What became protected meanwhile is not blocked.
    let asked = tx
        .request_action(&analyst, &case, &block("203.0.113.9", 60))
        .await
        .unwrap();
    tx.rehearse_action(&analyst, &asked.id, "nft …", 1)
        .await
        .unwrap();
    tx.protect_target(&second, "203.0.113.9", "серіктес")
        .await
        .unwrap();
    assert_eq!(
        field(tx.approve_action(&second, &asked.id, "Әлия", 2).await),
        "target"
    );
    tx.unprotect_target(&second, "203.0.113.9", "қате")
        .await
        .unwrap();
    let refused = tx
        .refuse_action(&second, &asked.id, "қажет емес", 2)
        .await
        .unwrap();
    assert_eq!(refused.state, ActionState::Refused);
    tx.set_reference(&second, "зиянды", "203.0.113.7", true, None)
        .await
        .unwrap();
    tx.set_reference(&second, "зиянды", "203.0.113.8", true, None)
        .await
        .unwrap();
    tx.set_reference(&second, "зиянды", "203.0.113.7", false, None)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let items = bench.store.reference_items().await.unwrap();
    assert_eq!((items.len(), items[0].value.as_str()), (1, "203.0.113.8"));
    let whole = bench
        .store
        .incident(&case, &bench.law, at("10:10"))
        .await
        .unwrap();
    let kinds: Vec<&str> = whole
        .timeline
        .iter()
        .map(|e| e.kind.as_str())
        .filter(|k| k.starts_with("response."))
        .collect();
    assert_eq!(
        kinds[..5],
        [
            "response.requested",
            "response.rehearsed",
            "response.approved",
            "response.begun",
            "response.applied"
        ]
    );
}

/// R90-8-2 with the owner's agreement, or R90-4-9 in an emergency.
#[tokio::test]
async fn a_business_process_is_stopped_with_agreement_or_in_an_emergency() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.coordinator, "09:00");
    let mut tx = bench.store.begin().await.unwrap();
    let case = tx
        .create_incident(&ctx, &NewIncident::new("Оқиға", Severity::High))
        .await
        .unwrap()
        .id;
    let stop = NewStop {
        process: "Карта төлемдері".into(),
        extent: Extent::Partial,
        owner: "Әлия".into(),
        agreed_at: None,
        emergency: String::new(),
        reason: "шабуыл".into(),
    };
    assert_eq!(
        field(tx.stop_process(&ctx, &case, &stop).await),
        "agreed_at"
    );
    let future = NewStop {
        agreed_at: Some(at("09:01")),
        ..stop.clone()
    };
    assert_eq!(
        field(tx.stop_process(&ctx, &case, &future).await),
        "agreed_at"
    );
    tx.stop_process(
        &ctx,
        &case,
        &NewStop {
            agreed_at: Some(at("08:59")),
            ..stop.clone()
        },
    )
    .await
    .unwrap();
    let urgent = NewStop {
        emergency: "түнде хабарласу мүмкін болмады".into(),
        ..stop
    };
    let urgent = tx.stop_process(&ctx, &case, &urgent).await.unwrap();
    tx.resume_process(&ctx, &urgent.id).await.unwrap();
    assert_eq!(
        field(tx.resume_process(&ctx, &urgent.id).await),
        "resumed_at"
    );
    tx.commit().await.unwrap();
    assert_eq!(bench.store.process_stops(&case).await.unwrap().len(), 2);
}

/// O52-16: 48 hours from the moment of change; every version stays.
#[tokio::test]
async fn a_changed_contact_starts_the_clock_of_48_hours() {
    let bench = Bench::new().await;
    let ctx = bench.ctx(&bench.analyst, "09:00");
    let fields = ContactFields {
        object: "«Е-құжат» АЖ".into(),
        owner: "Министрлік".into(),
        role: "АҚ жауапты".into(),
        person: "Марат".into(),
        email: "marat@example.kz".into(),
        phone: String::new(),
    };
    let mut tx = bench.store.begin().await.unwrap();
    let nowhere = ContactFields {
        email: String::new(),
        ..fields.clone()
    };
    assert_eq!(field(tx.add_contact(&ctx, &nowhere).await), "email");
    let contact = tx.add_contact(&ctx, &fields).await.unwrap();
    tx.commit().await.unwrap();
    assert!(
        bench
            .store
            .contact_clocks(&bench.law, at("09:00"), None)
            .await
            .unwrap()
            .is_empty()
    );

    let later = bench.ctx(&bench.analyst, "12:00");
    let mut tx = bench.store.begin().await.unwrap();
    let new = ContactFields {
        person: "Әйгерім".into(),
        ..fields.clone()
    };
    let (same, future) = (fields.clone(), Some(at("12:01")));
    assert_eq!(
        field(
            tx.change_contact(&later, &contact.id, &same, "x", None, 1)
                .await
        ),
        "contact"
    );
    assert_eq!(
        field(
            tx.change_contact(&later, &contact.id, &new, "x", future, 1)
                .await
        ),
        "changed_at"
    );
    tx.change_contact(&later, &contact.id, &new, "ауысты", Some(at("10:00")), 1)
        .await
        .unwrap();
    let stale = tx
        .change_contact(&later, &contact.id, &fields, "ауысты", None, 1)
        .await;
    assert!(matches!(stale, Err(Error::Conflict { .. })));
    tx.commit().await.unwrap();
    let clocks = bench
        .store
        .contact_clocks(&bench.law, at("12:00"), None)
        .await
        .unwrap();
    assert_eq!(
        (clocks.len(), clocks[0].clock.clause.as_str()),
        (1, "O52-16")
    );
    assert_eq!(clocks[0].clock.due, Some(at("2026-03-18T10:00:00Z")));
    let due = bench.due("12:00").await;
    assert_eq!(due[0].clause.as_deref(), Some("O52-16"));

    let mut tx = bench.store.begin().await.unwrap();
    let told = tx
        .contact_notified(&later, &contact.id, 2, "o52.unknown", at("11:00"), "хат")
        .await;
    assert_eq!(field(told), "duty");
    tx.contact_notified(&later, &contact.id, 2, "o52.contacts", at("11:00"), "№ 7")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let clocks = bench
        .store
        .contact_clocks(&bench.law, at("12:00"), None)
        .await
        .unwrap();
    assert_eq!(clocks[0].clock.stopped, Some(at("11:00")));
    let mut tx = bench.store.begin().await.unwrap();
    tx.remove_contact(&later, &contact.id, "жүйе жабылды", 2)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(bench.store.contacts(false).await.unwrap().is_empty());
    assert_eq!(
        bench
            .store
            .contact_history(&contact.id)
            .await
            .unwrap()
            .len(),
        3
    );
}
