//! The work on an incident over HTTP: every writing operation of it is called and leaves a journal
//! entry; the API document says which those are. Clauses: R90-4-2, R90-4-13, R90-4-14, R90-8,
//! R90-11, R90-13, R90-14, O52-16, O199-10-3-10, PS-039, PS-045, PS-048.

mod common;

use std::collections::BTreeSet;

use common::{PASSWORD, Person, Reply, Trial, send, start};
use serde_json::{Value, json};

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

/// Calls operations and remembers which of them wrote a leaf.
struct Walk<'a> {
    trial: &'a Trial,
    written: BTreeSet<String>,
}

impl Walk<'_> {
    /// A writing operation that must succeed and leave at least one leaf.
    async fn does(
        &mut self,
        who: &Person,
        method: &str,
        operation: &str,
        ids: &[&str],
        body: Value,
    ) -> Value {
        let path = fill(operation, ids);
        let before = self.trial.leaves().await;
        let reply = who.call(method, &path, Some(&body)).await;
        assert!(
            reply.status < 300,
            "{method} {path}: {} {}",
            reply.status,
            reply.text()
        );
        assert!(
            self.trial.leaves().await > before,
            "{method} {path} left no journal entry"
        );
        self.written.insert(format!("{method} {operation}"));
        serde_json::from_slice(&reply.body).unwrap_or(Value::Null)
    }

    /// An operation that is refused and changes nothing.
    async fn refused(
        &self,
        who: &Person,
        method: &str,
        operation: &str,
        ids: &[&str],
        body: Value,
    ) -> (u16, String) {
        let before = self.trial.leaves().await;
        let reply = who.call(method, &fill(operation, ids), Some(&body)).await;
        assert_eq!(self.trial.leaves().await, before, "{operation}");
        (
            reply.status,
            reply.json()["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    }
}

fn fill(operation: &str, ids: &[&str]) -> String {
    let mut path = operation.to_owned();
    for id in ids {
        let (from, to) = (path.find('{').unwrap(), path.find('}').unwrap());
        path.replace_range(from..=to, id);
    }
    path
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no `{key}` in {value}"))
}

async fn upload(who: &Person, path: &str, bytes: &[u8]) -> Reply {
    let headers = [
        ("cookie", who.cookie.as_str()),
        ("x-saqshy-csrf", "1"),
        ("content-type", "application/octet-stream"),
    ];
    send(
        who.address,
        "POST",
        &format!("/api/v1{path}"),
        &headers,
        bytes.to_vec(),
    )
    .await
}

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
    evidence(&mut walk, &analyst, &chief, &case).await;
    investigation(&mut walk, &analyst, &chief, &case).await;
    response(&mut walk, &analyst, &chief, &case).await;
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

async fn evidence(walk: &mut Walk<'_>, analyst: &Person, chief: &Person, case: &str) {
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

fn jiff_now() -> String {
    (saqshy_server::runtime::system_clock())().to_string()
}

async fn investigation(walk: &mut Walk<'_>, analyst: &Person, chief: &Person, case: &str) {
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

async fn response(walk: &mut Walk<'_>, analyst: &Person, chief: &Person, case: &str) {
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
