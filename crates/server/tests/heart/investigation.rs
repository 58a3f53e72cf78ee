//! Damage, people and items of an internal investigation, and its compartment.

use serde_json::json;

use crate::common::Person;
use crate::walk::{Walk, text};

pub async fn investigation(walk: &mut Walk<'_>, analyst: &Person, chief: &Person, case: &str) {
    let loss = json!({"to": "clients", "kind": "ақша", "amount": 1000, "currency": "KZT"});
    let loss = walk
        .does(analyst, "POST", "/incidents/{id}/damage", &[case], loss)
        .await;
    assert_eq!(loss["material"], true);
    let no = json!({"needed": false, "reason": "шағын"});
    let (status, message) = walk
        .refused(
            chief,
            "POST",
            "/incidents/{id}/investigation-decision",
            &[case],
            no,
        )
        .await;
    assert!(status == 422 && message.contains("R90-4-14"), "{message}");
    let yes = json!({"needed": true, "reason": "залал"});
    walk.does(
        chief,
        "POST",
        "/incidents/{id}/investigation-decision",
        &[case],
        yes,
    )
    .await;
    let new = json!({"reason": "залал", "planned_end": "2999-01-01T00:00:00Z"});
    let (status, _) = walk
        .refused(
            analyst,
            "POST",
            "/incidents/{id}/investigations",
            &[case],
            new.clone(),
        )
        .await;
    assert_eq!(status, 403);
    let inv = walk
        .does(
            chief,
            "POST",
            "/incidents/{id}/investigations",
            &[case],
            new,
        )
        .await;
    let id = text(&inv, "id").to_owned();
    let one = [id.as_str()];
    let longer = json!({
        "days": 10, "working": true, "planned_end": "2999-02-01T00:00:00Z", "reason": "сараптама",
        "version": inv["version"],
    });
    let extension = "/investigations/{id}/extension";
    let extended = walk.does(chief, "POST", extension, &one, longer).await;
    assert_eq!(extended["extensions"][0]["reason"], "сараптама");
    let people = "/investigations/{id}/people";
    walk.does(
        chief,
        "POST",
        people,
        &one,
        json!({"person": "Сарапшы", "part": "member"}),
    )
    .await;
    walk.does(
        chief,
        "POST",
        people,
        &one,
        json!({"person": "Артық", "part": "member"}),
    )
    .await;
    walk.does(
        chief,
        "POST",
        "/investigations/{id}/people/leave",
        &one,
        json!({"person": "Артық"}),
    )
    .await;
    walk.does(
        chief,
        "POST",
        people,
        &one,
        json!({"person": "analyst", "part": "subject"}),
    )
    .await;
    walk.does(
        chief,
        "POST",
        "/investigations/{id}/independence",
        &one,
        json!({"person": "Сарапшы"}),
    )
    .await;
    let advice = json!({"kind": "recommendation", "text": "Екі фактор", "owner": "analyst", "due": "2999-01-01T00:00:00Z"});
    let advice = walk
        .does(chief, "POST", "/investigations/{id}/items", &one, advice)
        .await;
    let done = json!({"state": "done", "result": "енгізілді", "version": 1});
    walk.does(
        chief,
        "PATCH",
        "/investigation-items/{id}",
        &[text(&advice, "id")],
        done,
    )
    .await;
    let opened = walk
        .does(chief, "POST", "/investigations/{id}/open", &one, json!({}))
        .await;
    let (status, message) = walk
        .refused(
            chief,
            "POST",
            "/investigations/{id}/conclude",
            &one,
            json!({"version": opened["version"]}),
        )
        .await;
    assert!(status == 422 && message.contains("causes"), "{message}");
    let findings = json!({
        "causes": "әлсіз құпиясөз", "realisation": "фишинг", "scale": "бір клиент", "effectiveness": "жеткілікті",
        "conclusion": "қорытынды", "version": opened["version"],
    });
    let written = walk
        .does(chief, "PATCH", "/investigations/{id}", &one, findings)
        .await;
    walk.does(
        chief,
        "POST",
        "/investigations/{id}/conclude",
        &one,
        json!({"version": written["version"]}),
    )
    .await;
    let seq = loss["seq"].to_string();
    let why = json!({"reason": "қайтарылды"});
    walk.does(
        analyst,
        "POST",
        "/incidents/{id}/damage/{seq}/withdraw",
        &[case, &seq],
        why,
    )
    .await;

    // To the person it is about, nothing of it is there.
    let seen = analyst
        .ok("GET", &format!("/incidents/{case}"), None)
        .await
        .to_string();
    assert!(!seen.contains("investigation"), "{seen}");
    assert!(
        chief
            .ok("GET", &format!("/incidents/{case}"), None)
            .await
            .to_string()
            .contains("investigation")
    );
    assert_eq!(
        chief.ok("GET", "/investigations", None).await["investigations"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
