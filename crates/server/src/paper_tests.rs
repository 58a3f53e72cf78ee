//! Documents over HTTP: notices by other ways than mail, templates, reports, the dossier, the feed.

use std::collections::BTreeMap;
use std::io::Read;

use saqshy_casework::{Ctx, DamageTo, NewDamage};
use saqshy_journal::pack;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

impl Case {
    /// Seals what the journal has got.
    async fn seal(&self) {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let parts = self.app.parts().clone();
        runtime::sequencer(parts, cancel).await.unwrap();
    }

    /// A running sequencer, as a server has one.
    fn sequencer(&self) -> CancellationToken {
        let cancel = CancellationToken::new();
        tokio::spawn(runtime::sequencer(self.app.parts().clone(), cancel.clone()));
        cancel
    }

    async fn damage(&self, incident: &str, amount: u64) {
        let actor = Actor::system();
        let ctx = Ctx {
            actor: &actor,
            now: self.app.now(),
            law: &self.app.law,
        };
        let new = NewDamage {
            to: DamageTo::Clients,
            kind: "кража средств".to_owned(),
            amount: Some(amount),
            currency: "KZT".to_owned(),
            material: true,
            note: "счета клиентов".to_owned(),
        };
        let mut tx = self.app.store.begin().await.unwrap();
        tx.record_damage(&ctx, incident, &new).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn incident(person: &Person<'_>, title: &str, severity: &str) -> String {
    let new = json!({
        "title": title, "severity": severity, "object": "«Е-құжат» АЖ",
        "description": "Сипаттамасы", "recommendations": "Қолжетімділікті шектеу",
    });
    let made = person.does("POST", "/incidents", new).await;
    made["id"].as_str().unwrap().to_owned()
}

/// A draft that is approved.
async fn approved(case: &Case, incident: &str, new: Value) -> (String, Value) {
    let (aigerim, marat) = (case.sign_in("aigerim").await, case.sign_in("marat").await);
    let path = format!("/incidents/{incident}/notices");
    let draft = aigerim.does("POST", &path, new).await;
    let path = format!("/notices/{}", draft["id"].as_str().unwrap());
    let approved = marat
        .does("POST", &format!("{path}/approve"), json!({}))
        .await;
    (path, approved)
}

/// O199-10-3-7a by the addressee's own system: signed, delivered at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_reaches_another_system_by_webhook_and_by_folder() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let more = format!(
        r#"
            [[contact]]
            party = "nsc"
            name = {{ kk = "ҰҚК", ru = "КНБ", en = "NSC" }}
            webhook = {{ url = "{url}", secret_file = "hook.secret" }}
            [[contact]]
            party = "executives"
            name = {{ kk = "Басшылық", ru = "Руководство", en = "Management" }}
            folder = "drop"
        "#
    );
    let case = Case::with(&more).await;
    std::fs::write(
        case.folder.path().join("hook.secret"),
        "0123456789abcdef0123\n",
    )
    .unwrap();
    let aigerim = case.sign_in("aigerim").await;
    let id = incident(&aigerim, "Вирус", "high").await;
    let received = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut asked, mut part) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            let n = stream.read(&mut part).await.unwrap();
            asked.extend_from_slice(&part[..n]);
            let text = String::from_utf8_lossy(&asked).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.unwrap();
                return (head.to_owned(), body.to_owned());
            }
        }
    });
    let new = json!({"duty": "o199.notify-nsc", "addressee": "nsc"});
    let (path, notice) = approved(&case, &id, new).await;
    assert_eq!(
        (&notice["channel"], &notice["address"]),
        (&json!("webhook"), &json!(url))
    );
    let sent = aigerim
        .does("POST", &format!("{path}/send"), json!({}))
        .await;
    assert_eq!(sent["state"], "delivered", "{sent}");
    let (head, body) = received.await.unwrap();
    let signature = head
        .lines()
        .find_map(|line| line.strip_prefix("x-saqshy-signature: "));
    let at: Timestamp = case.app.now();
    let expected = saqshy_dispatch::webhook_signature(b"0123456789abcdef0123", at, body.as_bytes());
    assert_eq!(signature.map(str::to_owned), expected);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["clause"], "O199-10-3-7b");
    assert_eq!(body["pdf"]["sha256"], sent["document_sha256"]);
    assert_eq!(saqshy_dispatch::check_bundle(&body["stix"]), [""; 0]);
    // The address of a webhook is the configuration's, not the author's.
    let (path, _) = approved(
        &case,
        &id,
        json!({"duty": "o199.notify-nsc", "addressee": "nsc"}),
    )
    .await;
    let patch = json!({"address": "http://127.0.0.1:1/", "version": 3});
    let refused = aigerim.refused("PATCH", &path, patch).await;
    assert_eq!(refused.1, "invalid");

    // PS-045: to the management, which no duty of this profile names; the share is not there yet.
    let (path, notice) = approved(&case, &id, json!({"addressee": "executives"})).await;
    assert_eq!(
        (&notice["clause"], &notice["template"]),
        (&json!(""), &json!("own#information"))
    );
    let failed = aigerim
        .does("POST", &format!("{path}/send"), json!({}))
        .await;
    assert!(
        failed["error"].as_str().unwrap().contains("is not there"),
        "{failed}"
    );
    let drop = case.folder.path().join("drop");
    std::fs::create_dir(&drop).unwrap();
    case.wait(1);
    notices::retry_failed(case.app.parts().clone()).await;
    let sent = aigerim.get(&path).await;
    assert_eq!(sent["state"], "sent", "{sent}");
    let name = sent["number"].as_str().unwrap().replace('/', "-");
    for ending in ["pdf", "json", "stix.json"] {
        assert!(
            drop.join(&name).join(format!("{name}.{ending}")).exists(),
            "{ending}"
        );
    }
    let receipt = json!({"who": "Кеңсе", "at": case.app.now(), "note": "кіріс № 5"});
    let done = aigerim
        .does("POST", &format!("{path}/receipt"), receipt)
        .await;
    assert_eq!(
        (&done["state"], &done["receipt_who"]),
        (&json!("acknowledged"), &json!("Кеңсе"))
    );
    let stix = aigerim.get(&format!("/incidents/{id}/stix")).await;
    assert_eq!(saqshy_dispatch::check_bundle(&stix), [""; 0]);
}

/// O199-10-3-7a: the mail server is away; it is said on the case before the 30 minutes are over, and
/// the answer (O199-12-5) is recorded on the notice.
#[tokio::test(flavor = "multi_thread")]
async fn an_undelivered_notice_is_reported_in_time_and_an_answer_is_recorded() {
    let case = Case::new().await;
    let aigerim = case.sign_in("aigerim").await;
    let id = incident(&aigerim, "Вирус", "high").await;
    let new = json!({"duty": "o199.notify-state-body", "addressee": "state_body"});
    let (path, _) = approved(&case, &id, new).await;
    let outbox = case.folder.path().join("outbox");
    std::fs::write(&outbox, "in the way").unwrap();
    aigerim
        .does("POST", &format!("{path}/send"), json!({}))
        .await;
    let parts = case.app.parts().clone();
    notices::retry_failed(parts.clone()).await;
    assert_eq!(aigerim.get(&path).await.get("warned_at"), None);
    case.wait(15);
    notices::retry_failed(parts.clone()).await;
    let risky = aigerim.get(&path).await;
    assert!(
        risky["warned_at"].is_string(),
        "half of the 30 minutes is gone: {risky}"
    );
    let whole = aigerim.get(&format!("/incidents/{id}")).await;
    let said = whole["timeline"].as_array().unwrap();
    assert!(
        said.iter().any(|entry| entry["kind"] == "notice.at_risk"),
        "{said:?}"
    );
    std::fs::remove_file(&outbox).unwrap();
    case.wait(10);
    notices::retry_failed(parts).await;
    assert_eq!(aigerim.get(&path).await["state"], "sent");
    let receipt = json!({"who": "Кеңсе", "at": case.app.now(), "note": "№ 5"});
    aigerim
        .does("POST", &format!("{path}/receipt"), receipt)
        .await;
    case.wait(60);
    let answer = json!({"at": case.app.now(), "note": "№ 12-3/45: вирус жойылды"});
    let done = aigerim
        .does("POST", &format!("{path}/answer"), answer)
        .await;
    assert_eq!(done["answer_note"], "№ 12-3/45: вирус жойылды");
    let whole = aigerim.get(&format!("/incidents/{id}")).await;
    assert_eq!(clock(&whole, "o199.state-body-answer")["status"], "met");
}

/// A template of the organisation: checked, versioned, used, taken back.
#[tokio::test(flavor = "multi_thread")]
async fn the_organisation_writes_its_own_template() {
    let case = Case::new().await;
    let aigerim = case.sign_in("aigerim").await;
    let list = aigerim.get("/templates").await;
    let all = list["templates"].as_array().unwrap();
    for template in all {
        // Every template of every pack stands side by side in three languages.
        let text = |of: &str| {
            let text = |lang: &str| template[of][lang].as_str().unwrap().to_owned();
            saqshy_law::Text3::new(text("kk"), text("ru"), text("en"))
        };
        let known: Vec<String> = serde_json::from_value(template["placeholders"].clone()).unwrap();
        let checked = saqshy_dispatch::check_template(&text("original"), &known);
        assert_eq!(
            checked,
            Ok(()),
            "{}#{}",
            template["pack"],
            template["document"]
        );
    }
    let path = "/templates/kz.o199/notice-state-body";
    let text = json!({
        "kk": "Шұғыл: {incident.title}\n\nОбъект: {incident.object}",
        "ru": "Срочно: {incident.title}\n\nОбъект: {incident.object}",
        "en": "Urgent: {incident.title}\n\nObject: {incident.object}",
    });
    let mut wrong = text.clone();
    wrong["ru"] = json!("Срочно\n\nОбъект: {incident.objekt}");
    let body = json!({"text": wrong, "reason": "№ 5 бұйрық", "version": 0});
    assert_eq!(aigerim.refused("PUT", path, body).await.1, "invalid");
    let body = json!({"text": text, "reason": "№ 5 бұйрық", "version": 0});
    let written = aigerim.does("PUT", path, body.clone()).await;
    assert_eq!(
        (&written["changed"], &written["version"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(aigerim.refused("PUT", path, body).await.1, "stale_version");
    assert_eq!(
        aigerim
            .refused(
                "PUT",
                "/templates/kz.o199/no",
                json!({"reason": "x", "version": 0})
            )
            .await
            .0,
        StatusCode::NOT_FOUND
    );

    let id = incident(&aigerim, "Вирус", "high").await;
    let new = json!({"duty": "o199.notify-state-body", "addressee": "state_body"});
    let (notice, _) = approved(&case, &id, new).await;
    let (_, json) = aigerim
        .raw("GET", &format!("{notice}/document?format=json"), None)
        .await;
    let document: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(document["title"]["ru"], "Срочно: Вирус");
    assert_eq!(
        document["blocks"][0]["fields"][0]["value"]["kk"],
        "«Е-құжат» АЖ"
    );
    for format in ["docx", "xlsx"] {
        let (status, bytes) = aigerim
            .raw("GET", &format!("{notice}/document?format={format}"), None)
            .await;
        assert!(status.is_success() && bytes.starts_with(b"PK"), "{format}");
    }
    let body = json!({"reason": "қайтару", "version": 1});
    let back = aigerim.does("PUT", path, body).await;
    assert_eq!(
        (&back["changed"], &back["version"]),
        (&json!(false), &json!(2))
    );
    assert_eq!(back["history"][1]["reset"], true);
}

/// R90-9-a, R90-4-11, O52-17, O199-13, O199-14: the same records, every figure with its cases.
#[tokio::test(flavor = "multi_thread")]
async fn reports_count_the_cases_of_the_period_and_name_them() {
    let case = Case::new().await;
    let aigerim = case.sign_in("aigerim").await;
    let alert = case.alert("srv-1").await;
    let first = incident(&aigerim, "Вирус", "high").await;
    let second = incident(&aigerim, "Фишинг", "low").await;
    let body = json!({"alerts": [alert]});
    aigerim
        .does("POST", &format!("/incidents/{first}/alerts"), body)
        .await;
    case.damage(&first, 1_200_000).await;
    case.wait(60 * 24 * 20);
    let aigerim = case.sign_in("aigerim").await;
    let late = incident(&aigerim, "Кейінгі", "critical").await;
    let query = "from=2026-03-20T00:00:00Z&to=2026-04-01T00:00:00Z";
    let preview = async |kind: &str| {
        let view = aigerim
            .get(&format!("/reports/preview?kind={kind}&{query}"))
            .await;
        let text = view.to_string();
        assert!(
            !text.contains(&late),
            "{kind}: the case of April is not counted"
        );
        view
    };
    let table = |view: &Value, id: &str| -> Value {
        let parts = view["parts"].as_array().unwrap().clone();
        let found = parts.into_iter().find(|part| part["table"]["id"] == id);
        found.unwrap_or_else(|| panic!("no table {id} in {view:#}"))["table"].clone()
    };
    let ids = |cell: &Value| -> Vec<String> {
        let cases = cell["cases"].as_array().unwrap().iter();
        cases
            .map(|case| case["id"].as_str().unwrap().to_owned())
            .collect()
    };

    let register = table(&preview("register").await, "register");
    let rows = register["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(ids(&rows[0][1]), std::slice::from_ref(&first));
    let about = rows[0][3]["text"]["ru"].as_str().unwrap();
    assert!(
        about.contains("Вирус") && about.contains("Ущерб: 1\u{a0}200\u{a0}000 KZT"),
        "{about}"
    );
    assert_eq!(rows[1][5]["text"]["kk"], "Қолжетімділікті шектеу");

    for kind in ["o199-quarter", "o199-incidents", "o52-quarter"] {
        let view = preview(kind).await;
        let severity = table(&view, "by-severity");
        let total = &severity["rows"][4];
        assert_eq!(total[1]["number"], 2.0, "{kind}");
        assert_eq!(ids(&total[1]), [first.clone(), second.clone()]);
        assert_eq!(
            table(&view, "incidents")["rows"].as_array().unwrap().len(),
            2
        );
    }
    let events = table(&preview("o199-quarter").await, "events");
    assert_eq!(
        events["rows"][1][1]["number"], 1.0,
        "one alert of level high: {events}"
    );
    assert_eq!(ids(&events["rows"][1][3]), std::slice::from_ref(&first));
    assert_eq!(events["rows"][1][1]["page"], "/alerts?level=high");
    let deadlines = table(&preview("o199-quarter").await, "deadlines");
    let told = deadlines["rows"].as_array().unwrap();
    assert!(
        told.iter().all(|row| ids(&row[2]).len() <= 2)
            && deadlines.to_string().contains("пункта 10 Правил"),
        "a row is one duty, with its passage of the act: {deadlines}"
    );
    let summary = preview("o52-quarter").await.to_string();
    assert!(summary.contains("Записи по этому разделу в программе не ведутся"));

    let analysis = preview("analysis").await;
    let damage = table(&analysis, "damage");
    assert_eq!(damage["rows"][0][1]["number"], 1_200_000.0);
    assert_eq!(ids(&damage["rows"][0][2]), std::slice::from_ref(&first));
    let before = &table(&analysis, "comparison")["rows"][0];
    assert_eq!(
        (&before[1]["number"], &before[2]["number"]),
        (&json!(0.0), &json!(2.0))
    );

    // Kept: hashed, journalled, and the appendix on paper names the cases.
    for (kind, language, format) in [
        ("register", "kk", "xlsx"),
        ("analysis", "ru", "docx"),
        ("o52-quarter", "kk-ru", "pdf"),
        ("o199-quarter", "en", "json"),
    ] {
        let body = json!({
            "kind": kind, "from": "2026-03-20T00:00:00Z", "to": "2026-04-01T00:00:00Z",
            "language": language, "format": format,
        });
        let made = aigerim.does("POST", "/reports", body).await;
        assert_eq!(made["cases"], 2);
        let path = format!("/reports/{}/document", made["id"].as_str().unwrap());
        let (status, bytes) = aigerim.raw("GET", &path, None).await;
        assert!(status.is_success());
        assert_eq!(
            saqshy_casework::sha256_hex(&bytes),
            made["sha256"].as_str().unwrap()
        );
        if let Ok(dir) = std::env::var("SAQSHY_KEEP_PDF") {
            std::fs::write(format!("{dir}/{kind}-{language}.{format}"), &bytes).unwrap();
        }
        if format == "json" {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains("\"appendix\"") && text.contains("INC-2026-0001, INC-2026-0002"));
        }
    }
    let list = aigerim.get("/reports").await;
    assert_eq!(list["reports"][0]["number"], "REP-2026-0004");
    assert_eq!(list["kinds"].as_array().unwrap().len(), 5);
    for wrong in [
        "kind=x",
        "kind=register&from=2026-04-01T00:00:00Z&to=2026-03-01T00:00:00Z",
    ] {
        let (status, _) = aigerim
            .raw("GET", &format!("/reports/preview?{wrong}&{query}"), None)
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    case.seal().await;
    let data = case.folder.path().join("data");
    let report = runtime::verify_data_dir(&data).await.unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(report.documents, 4);
}

/// The dossier proves itself, and any changed byte is found (the same check as `saqshy-verify`).
#[tokio::test(flavor = "multi_thread")]
async fn the_dossier_of_a_case_proves_itself() {
    let case = Case::new().await;
    let cancel = case.sequencer();
    let aigerim = case.sign_in("aigerim").await;
    let id = incident(&aigerim, "Вирус", "high").await;
    let other = incident(&aigerim, "Басқа", "low").await;
    let new = json!({"duty": "o199.notify-state-body", "addressee": "state_body"});
    let (path, notice) = approved(&case, &id, new).await;
    aigerim
        .does("POST", &format!("{path}/send"), json!({}))
        .await;
    case.wait(5);
    let (status, zip) = aigerim
        .raw("POST", &format!("/incidents/{id}/dossier"), None)
        .await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&zip));
    if let Ok(dir) = std::env::var("SAQSHY_KEEP_PDF") {
        std::fs::write(format!("{dir}/dossier.zip"), &zip).unwrap();
    }
    let options = pack::Options {
        key: Some(case.app.journal.verifying_key()),
        since: None,
    };
    let verdict = pack::verify(&zip, &options);
    assert!(verdict.ok, "{verdict:#?}");
    for name in [
        "verdict.kk.pdf",
        "timeline.json",
        "clocks.ru.pdf",
        "evidence.json",
    ] {
        assert!(
            verdict.files.iter().any(|file| file == name),
            "{:?}",
            verdict.files
        );
    }
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&zip)).unwrap();
    let mut members = BTreeMap::new();
    for i in 0..archive.len() {
        let mut member = archive.by_index(i).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        members.insert(member.name().to_owned(), bytes);
    }
    let letter = &members["files/letters/inc-2026-0001-1.pdf"];
    let sha256 = notice["document_sha256"].as_str().unwrap();
    assert_eq!(
        saqshy_casework::sha256_hex(letter),
        sha256,
        "the letter itself"
    );
    let timeline = String::from_utf8(members["files/timeline.json"].clone()).unwrap();
    assert!(timeline.contains("notice.drafted") && !timeline.contains(&other));
    let clocks: Value = serde_json::from_slice(&members["files/clocks.json"]).unwrap();
    assert!(clocks["clocks"][0]["steps"].as_array().unwrap().len() > 1);

    // Any one byte changed, anywhere.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..200 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let at = (seed % zip.len() as u64) as usize;
        let mut bad = zip.clone();
        bad[at] ^= (seed >> 32) as u8 | 1;
        assert!(!pack::verify(&bad, &options).ok, "byte {at}");
    }
    // A second dossier does not trip over the first.
    let (status, _) = aigerim
        .raw("POST", &format!("/incidents/{id}/dossier"), None)
        .await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = aigerim.raw("POST", "/incidents/none/dossier", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    cancel.cancel();
}

/// The calendar feed: a secret link, in the person's language, ended at will.
#[tokio::test(flavor = "multi_thread")]
async fn deadlines_appear_in_ones_own_calendar() {
    let case = Case::new().await;
    let aigerim = case.sign_in("aigerim").await;
    let id = incident(&aigerim, "Вирус; <b>", "high").await;
    assert_eq!(aigerim.get("/session/calendar").await, json!({}));
    let link = aigerim.does("POST", "/session/calendar", json!({})).await;
    let url = link["url"].as_str().unwrap().to_owned();
    let path = url
        .strip_prefix("http://127.0.0.1:8470")
        .unwrap()
        .to_owned();
    let get = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let (status, headers, body) = case.ask(request).await;
        (status, headers, String::from_utf8(body).unwrap())
    };
    let (status, headers, text) = get(&path).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        headers[header::CONTENT_TYPE],
        "text/calendar; charset=utf-8"
    );
    let text = text.replace("\r\n ", "");
    assert!(text.contains("DTSTART:20260320T134000Z"), "{text}");
    assert!(
        text.contains("X-WR-CALNAME:Saqshy: мерзімдер"),
        "in Kazakh: {text}"
    );
    assert!(
        text.contains(&format!("UID:{id}:o199.notify-state-body@saqshy")),
        "{text}"
    );
    assert!(text.contains("Вирус\\; <b>"), "{text}");
    // What returns every period stands there, too.
    assert!(text.contains("UID:periodic:"), "{text}");
    // Another link ends the first; a wrong one is told nothing.
    let second = aigerim.does("POST", "/session/calendar", json!({})).await;
    assert_ne!(second["url"], link["url"]);
    assert_eq!(get(&path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        get(&format!("/calendar/{}.ics", "0".repeat(64))).await.0,
        StatusCode::NOT_FOUND
    );
    let path = second["url"]
        .as_str()
        .unwrap()
        .strip_prefix("http://127.0.0.1:8470")
        .unwrap()
        .to_owned();
    assert_eq!(get(&path).await.0, StatusCode::OK);
    assert!(aigerim.get("/session/calendar").await["made_at"].is_string());
    aigerim.does("DELETE", "/session/calendar", json!({})).await;
    assert_eq!(get(&path).await.0, StatusCode::NOT_FOUND);
}
