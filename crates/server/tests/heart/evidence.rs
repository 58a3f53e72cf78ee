//! Evidence of a case: upload, custody, hand-over, deletion.

use serde_json::json;

use crate::common::{PASSWORD, Person};
use crate::walk::{Walk, jiff_now, text, upload};

pub async fn evidence(walk: &mut Walk<'_>, analyst: &Person, chief: &Person, case: &str) {
    let path = format!("/incidents/{case}/evidence?title=disk&source=ws-1&method=dd");
    let empty = upload(analyst, &path, b"").await;
    assert_eq!(empty.status, 422, "{}", empty.text());
    // Larger than what other bodies may have.
    let bytes = vec![7u8; 3 << 20];
    let before = walk.trial.leaves().await;
    let one = upload(analyst, &path, &bytes).await;
    assert_eq!(one.status, 201, "{}", one.text());
    assert!(walk.trial.leaves().await > before);
    walk.written
        .insert("POST /incidents/{id}/evidence".to_owned());
    let one = one.json();
    let id = text(&one, "id").to_owned();
    let act = json!({"act": "handed_over", "at": jiff_now(), "to": "incident_coordinator", "reason": "талдау"});
    let moved = walk
        .does(analyst, "POST", "/evidence/{id}/custody", &[&id], act)
        .await;
    assert_eq!(moved["holder"], "incident_coordinator");
    let sealed = walk
        .does(
            chief,
            "POST",
            "/evidence/{id}/seal",
            &[&id],
            json!({"version": moved["version"]}),
        )
        .await;
    assert_eq!(sealed["sha256"], saqshy_casework::sha256_hex(&bytes));
    let before = walk.trial.leaves().await;
    let file = chief
        .call("POST", &format!("/evidence/{id}/file"), Some(&json!({})))
        .await;
    assert_eq!(file.body, bytes);
    assert!(
        walk.trial.leaves().await > before,
        "each access is in the chain of custody"
    );
    walk.written.insert("POST /evidence/{id}/file".to_owned());
    let export = json!({"evidence": [], "to": "прокуратура", "reason": "сұрау"});
    let (status, _) = walk
        .refused(
            analyst,
            "POST",
            "/incidents/{id}/evidence/export",
            &[case],
            export.clone(),
        )
        .await;
    assert_eq!(status, 403);
    let pack = chief
        .call(
            "POST",
            &format!("/incidents/{case}/evidence/export"),
            Some(&export),
        )
        .await;
    assert_eq!(pack.status, 200, "{}", pack.text());
    walk.written
        .insert("POST /incidents/{id}/evidence/export".to_owned());
    let verdict = saqshy_journal::pack::verify(&pack.body, &Default::default());
    assert_eq!(verdict.first_finding(), None);
    let hold = walk
        .does(
            chief,
            "POST",
            "/incidents/{id}/holds",
            &[case],
            json!({"reason": "сот ісі"}),
        )
        .await;
    let (status, message) = walk
        .refused(
            chief,
            "POST",
            "/holds/{id}/release",
            &[text(&hold, "id")],
            json!({"reason": "өзім"}),
        )
        .await;
    assert!(
        status == 422 && message.contains("may not release"),
        "{message}"
    );
    let admin = walk.trial.sign_in("administrator").await;
    let second = json!({"login": "second", "name": "Екінші", "password": PASSWORD, "roles": ["incident_coordinator"]});
    admin.ok("POST", "/users", Some(&second)).await;
    let second = walk.trial.sign_in("second").await;
    let why = json!({"reason": "іс аяқталды"});
    walk.does(
        &second,
        "POST",
        "/holds/{id}/release",
        &[text(&hold, "id")],
        why,
    )
    .await;
    let early = json!({"reason": "керек емес", "version": 99});
    let (status, _) = walk
        .refused(chief, "POST", "/evidence/{id}/deletion", &[&id], early)
        .await;
    assert_eq!(status, 409);
    let whole = chief.ok("GET", &format!("/evidence/{id}"), None).await;
    let early = json!({"reason": "керек емес", "version": whole["version"]});
    let (status, message) = walk
        .refused(chief, "POST", "/evidence/{id}/deletion", &[&id], early)
        .await;
    assert!(status == 422 && message.contains("R90-10"), "{message}");
    let acts: Vec<_> = whole["custody"]
        .as_array()
        .unwrap()
        .iter()
        .map(|act| act["act"].clone())
        .collect();
    assert_eq!(
        acts,
        [
            json!("taken"),
            json!("handed_over"),
            json!("sealed"),
            json!("read"),
            json!("exported")
        ]
    );
    let list = analyst
        .ok("GET", &format!("/incidents/{case}/evidence"), None)
        .await;
    assert_eq!(list["evidence"].as_array().unwrap().len(), 1);
    let report = chief.ok("POST", "/journal/verify", Some(&json!({}))).await;
    assert_eq!(report["ok"], true, "{report}");
}
