//! Playbooks, their runs, and actions on other systems.

use serde_json::json;

use crate::common::Person;
use crate::walk::{Walk, text};

pub async fn response(walk: &mut Walk<'_>, analyst: &Person, chief: &Person, case: &str) {
    let playbook = json!({
        "name": "Шифрлаушы",
        "steps": [{"name": "Ажырату"}, {"name": "Жиынға қосу", "driver": "add_to_set"}],
    });
    let save = json!({"playbook": playbook, "reason": "бірінші", "version": 0});
    let saved = walk
        .does(analyst, "POST", "/playbooks/linear", &[], save)
        .await;
    let id = text(&saved, "id").to_owned();
    assert_eq!(saved["linear"]["steps"][1]["driver"], "add_to_set");
    let mut document = saved["document"].clone();
    document["spec_version"] = json!("1.0");
    let import = json!({"document": document, "reason": "x", "version": 1});
    let (status, message) = walk
        .refused(analyst, "POST", "/playbooks", &[], import)
        .await;
    assert!(
        status == 422 && message.contains("/spec_version"),
        "{message}"
    );
    document["spec_version"] = json!("cacao-2.0");
    document["name"] = json!("Шифрлаушы 2");
    let import = json!({"document": document, "reason": "аты", "version": 1});
    walk.does(analyst, "POST", "/playbooks", &[], import).await;
    walk.does(
        chief,
        "POST",
        "/playbooks/{id}/approve",
        &[&id],
        json!({"version": 2}),
    )
    .await;
    walk.does(
        analyst,
        "POST",
        "/playbooks/{id}/read",
        &[&id],
        json!({"version": 2}),
    )
    .await;
    let run = walk
        .does(
            analyst,
            "POST",
            "/incidents/{id}/runs",
            &[case],
            json!({"playbook": id}),
        )
        .await;
    let (run_id, first) = (text(&run, "id").to_owned(), [text(&run, "id"), "1"]);
    walk.does(
        analyst,
        "POST",
        "/runs/{id}/steps/{n}",
        &first,
        json!({"state": "done"}),
    )
    .await;

    let block = json!({"driver": "block_address", "target": "203.0.113.7", "minutes": 60, "reason": "шабуыл"});
    let action = walk
        .does(analyst, "POST", "/incidents/{id}/actions", &[case], block)
        .await;
    assert!(
        text(&action, "rehearsal").contains("not set up"),
        "{action}"
    );
    let refusal = json!({"reason": "қондырылмаған", "version": action["version"]});
    walk.does(
        chief,
        "POST",
        "/actions/{id}/refuse",
        &[text(&action, "id")],
        refusal,
    )
    .await;
    let add = json!({
        "driver": "add_to_set", "target": "зиянды=203.0.113.7", "minutes": 60, "reason": "шабуыл", "run": run_id, "step": 2,
    });
    let action = walk
        .does(analyst, "POST", "/incidents/{id}/actions", &[case], add)
        .await;
    let approval = json!({"owner": "Әлия", "version": action["version"]});
    let (status, _) = walk
        .refused(
            analyst,
            "POST",
            "/actions/{id}/approve",
            &[text(&action, "id")],
            approval.clone(),
        )
        .await;
    assert_eq!(status, 403);
    let action = walk
        .does(
            chief,
            "POST",
            "/actions/{id}/approve",
            &[text(&action, "id")],
            approval,
        )
        .await;
    assert_eq!(action["state"], "applied", "{action}");
    assert_eq!(
        chief.ok("GET", "/response-targets", None).await["reference"][0]["value"],
        "203.0.113.7"
    );
    let undone = walk
        .does(
            chief,
            "POST",
            "/actions/{id}/undo",
            &[text(&action, "id")],
            json!({"version": action["version"]}),
        )
        .await;
    assert_eq!(undone["state"], "undone");

    let protect = json!({"target": "198.51.100.0/24", "protected": true, "reason": "өз желіміз"});
    walk.does(chief, "POST", "/response-targets", &[], protect)
        .await;
    let own =
        json!({"driver": "block_address", "target": "198.51.100.9", "minutes": 5, "reason": "x"});
    let (status, message) = walk
        .refused(analyst, "POST", "/incidents/{id}/actions", &[case], own)
        .await;
    assert!(
        status == 422 && message.contains("never blocked"),
        "{message}"
    );
    walk.does(
        chief,
        "POST",
        "/reference-sets",
        &[],
        json!({"set": "зиянды", "value": "x", "present": true}),
    )
    .await;

    let judgement = json!({"effect": "low", "reason": "таралу тоқтаған жоқ"});
    walk.does(analyst, "POST", "/runs/{id}/effect", &[&run_id], judgement)
        .await;
    let case_now = analyst.ok("GET", &format!("/incidents/{case}"), None).await;
    let tasks = case_now["tasks"].as_array().unwrap();
    let measures = tasks
        .iter()
        .filter(|task| text(task, "title").starts_with("R90-8-"))
        .count();
    assert_eq!(measures, 7);
    let stop =
        json!({"process": "Төлемдер", "extent": "partial", "owner": "Әлия", "reason": "шабуыл"});
    let (status, message) = walk
        .refused(
            chief,
            "POST",
            "/incidents/{id}/stops",
            &[case],
            stop.clone(),
        )
        .await;
    assert!(status == 422 && message.contains("R90-8-2"), "{message}");
    let mut urgent = stop;
    urgent["emergency"] = json!("түн");
    let stop = walk
        .does(chief, "POST", "/incidents/{id}/stops", &[case], urgent)
        .await;
    walk.does(
        chief,
        "POST",
        "/stops/{id}/resume",
        &[text(&stop, "id")],
        json!({}),
    )
    .await;
    let all = analyst
        .ok("GET", &format!("/incidents/{case}/response"), None)
        .await;
    assert_eq!(
        (
            all["actions"].as_array().unwrap().len(),
            all["drivers"].clone()
        ),
        (2, json!(["add_to_set"]))
    );
}
