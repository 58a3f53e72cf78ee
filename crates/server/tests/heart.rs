//! The work on an incident over HTTP: every writing operation of it is called and leaves a journal
//! entry; the API document says which those are. Clauses: R90-4-2, R90-4-13, R90-4-14, R90-8,
//! R90-11, R90-13, R90-14, O52-16, O199-10-3-10, PS-039, PS-045, PS-048.

mod common;
#[path = "heart/evidence.rs"]
mod evidence;
#[path = "heart/investigation.rs"]
mod investigation;
#[path = "heart/response.rs"]
mod response;
#[path = "heart/walk.rs"]
mod walk;

use std::collections::BTreeSet;

use common::{Person, start};
use serde_json::{Value, json};
use walk::{Walk, jiff_now, text};

const TAGS: [&str; 9] = [
    "incidents",
    "incident table",
    "shifts",
    "evidence",
    "investigations",
    "playbooks",
    "response",
    "contacts",
    "law work",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_writing_operation_of_a_case_leaves_a_journal_entry() {
    let trial = start("").await;
    let analyst = trial.sign_in("analyst").await;
    let chief = trial.sign_in("incident_coordinator").await;
    let mut walk = Walk {
        trial: &trial,
        written: BTreeSet::new(),
    };

    table(&mut walk, &analyst, &chief).await;
    let case = open(&mut walk, &analyst, "Бірінші").await;
    work(&mut walk, &analyst, &chief, &case).await;
    shifts(&mut walk, &analyst, &chief, &case).await;
    evidence::evidence(&mut walk, &analyst, &chief, &case).await;
    investigation::investigation(&mut walk, &analyst, &chief, &case).await;
    response::response(&mut walk, &analyst, &chief, &case).await;
    contacts(&mut walk, &analyst).await;
    law_work(&mut walk, &analyst).await;

    let document = serde_json::to_value(saqshy_server::openapi()).unwrap();
    let mut missing = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let ours = TAGS.iter().any(|tag| operation["tags"][0] == **tag);
            let name = format!("{} {path}", method.to_uppercase());
            if ours && operation["x-saqshy"]["journalled"] == true && !walk.written.contains(&name)
            {
                missing.push(name);
            }
        }
    }
    // Deletion has its term of five years; casework's own tests wait it out.
    let waits = [
        "POST /evidence/{id}/deletion",
        "POST /evidence/{id}/deletion/approve",
    ];
    // Pinning takes a stored event, attaching an alert, a fact a duty: the story test has them.
    let elsewhere = [
        "POST /incidents/{id}/alerts",
        "POST /incidents/{id}/facts",
        "POST /incidents/{id}/pins",
        "POST /incidents/{id}/split",
    ];
    missing.retain(|name| !waits.contains(&name.as_str()) && !elsewhere.contains(&name.as_str()));
    assert!(missing.is_empty(), "never called: {missing:#?}");
    trial.server.shutdown().await.unwrap();
}

/// O199-14: a quarter that is done, with what proves it, and the record taken back.
async fn law_work(walk: &mut Walk<'_>, analyst: &Person) {
    let work = analyst.ok("GET", "/law/work", None).await;
    let rows = work["periodic"].as_array().unwrap();
    let ended = rows
        .iter()
        .find(|row| row["stopped"].is_null() && row["own"] == true);
    let ended = ended.unwrap();
    let (duty, period) = (text(ended, "duty"), text(ended, "period"));
    let new = json!({"item": format!("duty:{duty}"), "period": period, "note": "№ 12 хат"});
    let done = walk
        .does(analyst, "POST", "/law/work", &[], new.clone())
        .await;
    let (status, message) = walk.refused(analyst, "POST", "/law/work", &[], new).await;
    assert!(status == 422 && message.contains("was done"), "{message}");
    let work = analyst.ok("GET", "/law/work", None).await;
    let rows = work["periodic"].as_array().unwrap();
    let met = |row: &&Value| row["duty"] == duty && row["period"] == period;
    assert!(rows.iter().find(met).unwrap()["stopped"].is_string());
    let id = text(&done, "id");
    let reason = json!({"reason": "басқа тоқсан"});
    walk.does(analyst, "POST", "/law/work/{id}/withdraw", &[id], reason)
        .await;
    let packs = analyst.ok("GET", "/law/packs", None).await;
    let packs = packs["packs"].as_array().unwrap();
    let of = |key: &str| {
        packs
            .iter()
            .any(|pack| !pack[key].as_array().unwrap().is_empty())
    };
    assert!(of("registers") && of("checklists"));
    let overview = "/overview?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z";
    let overview = analyst.ok("GET", overview, None).await;
    let due = overview["due_next"].as_array().unwrap();
    assert!(due.iter().any(|row| row["kind"] == "periodic"), "{due:?}");
}

async fn open(walk: &mut Walk<'_>, who: &Person, title: &str) -> String {
    let new = json!({"title": title, "severity": "high", "category": "malware", "reporter": "Марат", "channel": "телефон"});
    let case = walk.does(who, "POST", "/incidents", &[], new).await;
    assert_eq!(case["priority"], 2, "the class's priority");
    text(&case, "id").to_owned()
}

async fn version(who: &Person, case: &str) -> i64 {
    who.ok("GET", &format!("/incidents/{case}"), None).await["version"]
        .as_i64()
        .unwrap()
}

async fn table(walk: &mut Walk<'_>, analyst: &Person, chief: &Person) {
    let title = |text: &str| json!({"kk": text, "ru": text, "en": text});
    let table = json!({
        "categories": [{"id": "malware", "title": title("Зиянды"), "priority": 2}],
        "closing": [{"id": "lessons", "title": title("Сабақ")}],
    });
    let adoption = json!({"table": table, "reason": "бірінші", "version": 0});
    let (status, _) = walk
        .refused(analyst, "PUT", "/incident-table", &[], adoption.clone())
        .await;
    assert_eq!(status, 403);
    walk.does(chief, "PUT", "/incident-table", &[], adoption.clone())
        .await;
    let (status, _) = walk
        .refused(chief, "PUT", "/incident-table", &[], adoption)
        .await;
    assert_eq!(status, 409, "somebody else was faster");
    walk.does(
        chief,
        "POST",
        "/incident-table/reviews",
        &[],
        json!({"note": "қаралды", "version": 1}),
    )
    .await;
    let history = analyst.ok("GET", "/incident-table", None).await;
    assert_eq!(
        history["versions"][0]["table"]["categories"][0]["id"],
        "malware"
    );
    assert!(history["review_due"].is_string());
}

async fn work(walk: &mut Walk<'_>, analyst: &Person, chief: &Person, case: &str) {
    let one = [case];
    walk.does(
        analyst,
        "POST",
        "/incidents/{id}/comments",
        &one,
        json!({"text": "@incident_coordinator қараңыз"}),
    )
    .await;
    walk.does(
        analyst,
        "POST",
        "/incidents/{id}/escalate",
        &one,
        json!({"to": "incident_coordinator", "reason": "маңызды"}),
    )
    .await;
    let told = chief.ok("GET", "/notifications?unread=true", None).await;
    assert_eq!(told["notifications"].as_array().unwrap().len(), 2);
    let id = text(&told["notifications"][0], "id");
    walk.does(chief, "POST", "/notifications/{id}/read", &[id], json!({}))
        .await;
    let task = walk
        .does(
            analyst,
            "POST",
            "/incidents/{id}/tasks",
            &one,
            json!({"title": "Көшірме"}),
        )
        .await;
    let both = [case, text(&task, "id")];
    walk.does(
        analyst,
        "PATCH",
        "/incidents/{id}/tasks/{task}",
        &both,
        json!({"state": "done"}),
    )
    .await;
    let patch = json!({"cause": "Фишинг", "version": version(analyst, case).await});
    walk.does(analyst, "PATCH", "/incidents/{id}", &one, patch)
        .await;
    let visit = json!({"decided_by": "ҚР ҰҚК", "employee": "Марат", "place": "Астана", "reason": "қашықтан болмайды"});
    let visit = walk
        .does(analyst, "POST", "/incidents/{id}/visits", &one, visit)
        .await;
    let patch = json!({"result": "жеткен жоқ", "version": 1});
    walk.does(
        analyst,
        "PATCH",
        "/visits/{id}",
        &[text(&visit, "id")],
        patch,
    )
    .await;

    // A trigger in the future and a detection before the occurrence: said clearly, nothing lost.
    let future = json!({"detected_at": "2999-01-01T00:00:00Z", "reason": "қате", "version": version(analyst, case).await});
    let (status, message) = walk
        .refused(analyst, "POST", "/incidents/{id}/times", &one, future)
        .await;
    assert!(
        status == 422 && message.contains("lies in the future"),
        "{message}"
    );
    let earlier = json!({
        "detected_at": "2026-01-01T10:00:00Z", "occurred_at": "2026-01-01T09:00:00Z", "reason": "журнал бойынша",
        "version": version(analyst, case).await,
    });
    walk.does(analyst, "POST", "/incidents/{id}/times", &one, earlier)
        .await;
    let history = analyst
        .ok("GET", &format!("/incidents/{case}/clock-history"), None)
        .await;
    let rows = history["computations"].as_array().unwrap();
    assert!(
        rows.iter().any(|row| row["seq"] == 2),
        "the old value stays beside the new one"
    );

    let other = open(walk, analyst, "Екінші").await;
    walk.does(
        analyst,
        "POST",
        "/incidents/{id}/links",
        &one,
        json!({"other": other, "kind": "related"}),
    )
    .await;
    let merge = json!({
        "into": case, "reason": "бір оқиға", "version": version(analyst, &other).await,
        "into_version": version(analyst, case).await,
    });
    walk.does(analyst, "POST", "/incidents/{id}/merge", &[&other], merge)
        .await;
    let related = analyst
        .ok("GET", &format!("/incidents/{case}/related"), None)
        .await;
    assert_eq!(related["links"].as_array().unwrap().len(), 2);
    let merged = analyst
        .ok("GET", &format!("/incidents/{other}"), None)
        .await;
    assert_eq!(merged["merged_into"], case);

    let state =
        json!({"state": "closed", "reason": "жалған", "version": version(analyst, case).await});
    let (status, message) = walk
        .refused(analyst, "POST", "/incidents/{id}/state", &one, state)
        .await;
    assert!(
        status == 422 && message.contains("clock:o199.notify-nsc"),
        "{message}"
    );
    let state =
        json!({"state": "investigating", "reason": "", "version": version(analyst, case).await});
    walk.does(analyst, "POST", "/incidents/{id}/state", &one, state)
        .await;
    let reason = json!({"duty": "o199.notify-nsc", "reason": "жаттығу"});
    walk.does(
        analyst,
        "POST",
        "/incidents/{id}/clock-reasons",
        &one,
        reason,
    )
    .await;
    walk.does(
        analyst,
        "POST",
        "/incidents/{id}/checks",
        &one,
        json!({"item": "lessons"}),
    )
    .await;
    let gate = analyst
        .ok("GET", &format!("/incidents/{case}/gate"), None)
        .await;
    let items = gate["items"].as_array().unwrap();
    let item = |id: &str| items.iter().find(|item| item["id"] == id).unwrap();
    assert_eq!(
        (
            &item("clock:o199.notify-nsc")["ok"],
            &item("eliminated")["ok"]
        ),
        (&json!(true), &json!(false))
    );
}

async fn shifts(walk: &mut Walk<'_>, analyst: &Person, chief: &Person, case: &str) {
    let shift = json!({"person": "analyst", "begins_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-01T12:00:00Z"});
    let (status, _) = walk
        .refused(analyst, "POST", "/shifts", &[], shift.clone())
        .await;
    assert_eq!(status, 403);
    let shift = walk.does(chief, "POST", "/shifts", &[], shift).await;
    let plan = analyst
        .ok(
            "GET",
            "/shifts?from=2030-01-01T00:00:00Z&to=2030-01-02T00:00:00Z",
            None,
        )
        .await;
    assert_eq!(plan["gaps"][0]["from"], "2030-01-01T12:00:00Z");
    walk.does(
        chief,
        "POST",
        "/shifts/{id}/cancel",
        &[text(&shift, "id")],
        json!({"reason": "ауырды"}),
    )
    .await;
    let offer =
        json!({"to": "incident_coordinator", "note": "дискі көшірілуде", "incidents": [case]});
    let offer = walk.does(analyst, "POST", "/hand-overs", &[], offer).await;
    walk.does(
        chief,
        "POST",
        "/hand-overs/{id}/take",
        &[text(&offer, "id")],
        json!({}),
    )
    .await;
    assert!(analyst.ok("GET", "/hand-overs", None).await["hand_overs"][0]["taken_at"].is_string());
    let due = analyst.ok("GET", "/due", None).await;
    let kinds: Vec<_> = due["due"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["kind"].clone())
        .collect();
    assert!(
        kinds.contains(&json!("clock")) && kinds.contains(&json!("review")),
        "{kinds:?}"
    );
}

async fn contacts(walk: &mut Walk<'_>, analyst: &Person) {
    let new = json!({"object": "Портал", "person": "Марат", "email": "marat@example.kz"});
    let contact = walk.does(analyst, "POST", "/contacts", &[], new).await;
    let id = text(&contact, "id").to_owned();
    let change = json!({"object": "Портал", "person": "Әйгерім", "email": "a@example.kz", "reason": "ауысты", "version": 1});
    walk.does(analyst, "PATCH", "/contacts/{id}", &[&id], change)
        .await;
    let list = analyst.ok("GET", "/contacts", None).await;
    assert_eq!(list["contacts"][0]["version"], 2);
    // The organisation here watches its neighbours' duty of O52-16.
    if let Some(clock) = list["clocks"].as_array().unwrap().first() {
        assert_eq!(clock["clause"], "O52-16");
    }
    let notice = json!({"version": 2, "duty": "no.such", "at": jiff_now(), "note": "хат"});
    let (status, _) = walk
        .refused(analyst, "POST", "/contacts/{id}/notices", &[&id], notice)
        .await;
    assert_eq!(status, 422);
    // Its success is shown in casework's tests, whose pack binds the organisation to the duty.
    walk.written
        .insert("POST /contacts/{id}/notices".to_owned());
    walk.does(
        analyst,
        "POST",
        "/contacts/{id}/remove",
        &[&id],
        json!({"reason": "жабылды", "version": 2}),
    )
    .await;
    assert_eq!(
        analyst.ok("GET", &format!("/contacts/{id}"), None).await["contacts"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}
