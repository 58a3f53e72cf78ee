//! Random operations against a naive model; whatever happens, the tables say what the leaves say.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Bench, alert, hit};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use saqshy_casework::{
    Actor, AlertFilter, AlertState, AttemptOutcome, Ctx, Error, IncidentFilter, IncidentPatch,
    IncidentState, Level, NewIncident, NewNotice, NewTask, Receipt, Severity, Store, TaskState,
    Triage, Tx, Verdict,
};
use serde_json::{Map, Value, json};

#[derive(Debug, Clone)]
enum Op {
    /// Hits `from..from + n` of an alert; ids repeat, so replays happen all the time.
    Hits {
        alert: u8,
        from: u8,
        n: u8,
    },
    Triage {
        alert: u8,
        state: usize,
        verdict: bool,
        stale: bool,
    },
    Create {
        alert: Option<u8>,
    },
    State {
        incident: u8,
        state: usize,
        reason: bool,
        stale: bool,
    },
    Update {
        incident: u8,
        severity: usize,
    },
    Comment {
        incident: u8,
    },
    Task {
        incident: u8,
    },
    Attach {
        incident: u8,
        alert: u8,
    },
    Notice {
        incident: u8,
        steps: u8,
    },
    /// Gives the reasons that the closing gate asks for.
    Explain {
        incident: u8,
    },
    Merge {
        from: u8,
        into: u8,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..5u8, 0..12u8, 1..6u8).prop_map(|(alert, from, n)| Op::Hits { alert, from, n }),
        4 => (0..5u8, 0..4usize, proptest::bool::weighted(0.7), proptest::bool::weighted(0.1))
            .prop_map(|(alert, state, verdict, stale)| Op::Triage { alert, state, verdict, stale }),
        2 => proptest::option::of(0..5u8).prop_map(|alert| Op::Create { alert }),
        6 => (0..3u8, 0..24usize, proptest::bool::weighted(0.8), proptest::bool::weighted(0.1))
            .prop_map(|(incident, state, reason, stale)| Op::State { incident, state, reason, stale }),
        1 => (0..3u8, 0..4usize).prop_map(|(incident, severity)| Op::Update { incident, severity }),
        1 => (0..3u8).prop_map(|incident| Op::Comment { incident }),
        1 => (0..3u8).prop_map(|incident| Op::Task { incident }),
        4 => (0..3u8, 0..5u8).prop_map(|(incident, alert)| Op::Attach { incident, alert }),
        2 => (0..3u8, 0..7u8).prop_map(|(incident, steps)| Op::Notice { incident, steps }),
        3 => (0..3u8).prop_map(|incident| Op::Explain { incident }),
        1 => (0..3u8, 0..3u8).prop_map(|(from, into)| Op::Merge { from, into }),
    ]
}

#[derive(Debug, Clone, Default, PartialEq)]
struct ModelAlert {
    hits: BTreeSet<u8>,
    state: Option<AlertState>,
    verdict: Option<Verdict>,
    incident: Option<usize>,
    version: i64,
}

#[derive(Debug, Clone, PartialEq)]
struct ModelIncident {
    id: String,
    state: IncidentState,
    severity: Severity,
    version: i64,
    eliminated: bool,
    explained: bool,
    merged: bool,
}

impl ModelIncident {
    fn working(&self) -> bool {
        self.state != IncidentState::Closed
    }
}

#[derive(Debug, Clone, Default)]
struct Model {
    alerts: BTreeMap<u8, ModelAlert>,
    incidents: Vec<ModelIncident>,
}

fn at(minutes: i64) -> Timestamp {
    common::at("09:00") + SignedDuration::from_mins(minutes)
}

/// Does one operation in `tx` and in the model. False if it was refused, in both.
async fn apply(tx: &mut Tx, ctx: &Ctx<'_>, model: &mut Model, op: &Op) -> bool {
    match op {
        Op::Hits {
            alert: n,
            from,
            n: count,
        } => {
            let ids: Vec<u8> = (*from..from + count).collect();
            let hits = ids
                .iter()
                .map(|id| {
                    let mut hit = hit(&format!("{n}-{id}"), "r1", "09:00", "ws-1");
                    hit.at = at(i64::from(*id));
                    hit
                })
                .collect();
            let draft = alert(&n.to_string(), "r1", Level::High, "ws-1", hits);
            let recorded = tx.record_hits(ctx.now, &[draft]).await.unwrap();
            let known = model.alerts.entry(*n).or_default();
            let new = ids.iter().filter(|id| known.hits.insert(**id)).count();
            assert_eq!(recorded.hits_new, new as u64);
            assert_eq!(recorded.opened.len(), usize::from(known.state.is_none()));
            if known.state.is_none() {
                known.state = Some(AlertState::New);
                known.version = 1;
            }
            true
        }
        Op::Triage {
            alert,
            state,
            verdict,
            stale,
        } => {
            let state = AlertState::ALL[*state];
            let old = model.alerts.get(alert).cloned().unwrap_or_default();
            let triage = Triage {
                state: Some(state),
                verdict: verdict.then_some(Verdict::Benign),
                version: old.version + i64::from(*stale),
                ..Triage::default()
            };
            let result = tx
                .triage(ctx.actor, ctx.now, &format!("alert-{alert}"), &triage)
                .await;
            let new_verdict = triage.verdict.or(old.verdict);
            let legal = (state != AlertState::Closed || new_verdict.is_some())
                && (Some(state) != old.state || new_verdict != old.verdict);
            match result {
                Err(Error::NotFound { .. }) => assert!(old.state.is_none()),
                Err(Error::Conflict { .. }) => assert!(*stale),
                Err(Error::Invalid { .. }) => assert!(!legal),
                Err(error) => panic!("{error}"),
                Ok(found) => {
                    assert!(legal && !stale);
                    let known = model.alerts.get_mut(alert).unwrap();
                    (known.state, known.verdict) = (Some(state), new_verdict);
                    known.version += 1;
                    assert_eq!(found.version, known.version);
                    return true;
                }
            }
            false
        }
        Op::Create { alert } => {
            let new = NewIncident {
                alerts: alert.iter().map(|alert| format!("alert-{alert}")).collect(),
                detected_at: Some(ctx.now),
                ..NewIncident::new("Оқыс оқиға", Severity::Medium)
            };
            let known = alert.map(|alert| model.alerts.get(&alert).cloned().unwrap_or_default());
            let legal = known
                .as_ref()
                .is_none_or(|a| a.state.is_some() && a.incident.is_none());
            match tx.create_incident(ctx, &new).await {
                Ok(incident) => {
                    assert!(legal);
                    assert_eq!(
                        incident.number,
                        format!("INC-2026-{:04}", model.incidents.len() + 1)
                    );
                    model.incidents.push(ModelIncident {
                        id: incident.id,
                        state: IncidentState::Open,
                        severity: Severity::Medium,
                        version: 1,
                        eliminated: false,
                        explained: false,
                        merged: false,
                    });
                    if let Some(alert) = alert {
                        attach(model, *alert, model.incidents.len() - 1);
                    }
                    true
                }
                Err(Error::NotFound { .. } | Error::Invalid { .. }) => {
                    assert!(!legal);
                    false
                }
                Err(error) => panic!("{error}"),
            }
        }
        Op::State {
            incident,
            state,
            reason,
            stale,
        } => {
            let Some(old) = model.incidents.get(usize::from(*incident)).cloned() else {
                return false;
            };
            // Mostly a legal step, so that cases get old; sometimes any.
            let legal: Vec<IncidentState> = IncidentState::ALL
                .iter()
                .copied()
                .filter(|to| old.state.may_become(*to))
                .collect();
            let to = match IncidentState::ALL.get(*state) {
                Some(to) => *to,
                None => legal[*state % legal.len()],
            };
            let why = if *reason { "себебі бар" } else { "" };
            let version = old.version - i64::from(*stale);
            let result = tx.set_incident_state(ctx, &old.id, to, why, version).await;
            // A case that was eliminated without a known cause needs the reason as well. Which
            // duties are met is the law's to say: only a case with reasons for all of them, or
            // one that was refused, is predicted.
            let closing = to == IncidentState::Closed;
            let legal = old.state.may_become(to)
                && !old.merged
                && (*reason || !(closing || old.state.needs_reason(to)));
            if closing
                && legal
                && !stale
                && !old.explained
                && matches!(result, Err(Error::Invalid { field: "gate", .. }))
            {
                return false;
            }
            match result {
                Ok(found) => {
                    assert!(legal && !stale);
                    let known = &mut model.incidents[usize::from(*incident)];
                    known.state = to;
                    known.version += 1;
                    known.eliminated = match to {
                        IncidentState::Eliminated => true,
                        IncidentState::Closed => known.eliminated,
                        _ => false,
                    };
                    assert_eq!(found.version, known.version);
                    true
                }
                Err(Error::Conflict { .. }) => {
                    assert!(*stale);
                    false
                }
                Err(Error::Invalid { .. }) => {
                    assert!(!legal);
                    false
                }
                Err(error) => panic!("{error}"),
            }
        }
        Op::Update { incident, severity } => {
            let Some(old) = model.incidents.get_mut(usize::from(*incident)) else {
                return false;
            };
            let severity = Severity::ALL[*severity];
            let patch = IncidentPatch {
                severity: Some(severity),
                version: old.version,
                ..IncidentPatch::default()
            };
            let changed = tx.update_incident(ctx, &old.id, &patch).await.is_ok();
            assert_eq!(changed, severity != old.severity);
            old.severity = severity;
            old.version += i64::from(changed);
            changed
        }
        Op::Comment { incident } => {
            let Some(old) = model.incidents.get(usize::from(*incident)) else {
                return false;
            };
            tx.comment_incident(ctx, &old.id, "түсініктеме")
                .await
                .unwrap();
            true
        }
        Op::Task { incident } => {
            let Some(old) = model.incidents.get(usize::from(*incident)) else {
                return false;
            };
            let new = NewTask {
                title: "тапсырма".into(),
                ..NewTask::default()
            };
            let task = match tx.add_task(ctx, &old.id, &new).await {
                Ok(task) => task,
                Err(error) => {
                    assert!(!old.working(), "{error}");
                    return false;
                }
            };
            assert!(old.working());
            tx.set_task(ctx, &old.id, &task.id, TaskState::Done)
                .await
                .unwrap();
            true
        }
        Op::Attach { incident, alert } => {
            let index = usize::from(*incident);
            let Some(old) = model.incidents.get(index).cloned() else {
                return false;
            };
            let known = model.alerts.get(alert).cloned().unwrap_or_default();
            let result = tx
                .attach_alerts(ctx, &old.id, &[format!("alert-{alert}")])
                .await;
            let legal =
                known.state.is_some() && known.incident.is_none_or(|i| i == index) && old.working();
            assert_eq!(result.is_ok(), legal, "{result:?}");
            if legal && known.incident.is_none() {
                attach(model, *alert, index);
            }
            legal
        }
        Op::Notice { incident, steps } => {
            let Some(old) = model.incidents.get(usize::from(*incident)) else {
                return false;
            };
            if old.merged {
                return false;
            }
            notice(tx, ctx, &old.id, *steps).await;
            true
        }
        Op::Explain { incident } => {
            let Some(old) = model.incidents.get_mut(usize::from(*incident)) else {
                return false;
            };
            for duty in ["o199.notify-state-body", "o199.escalate"] {
                let given = tx.explain_clock(ctx, &old.id, duty, "себебі").await;
                assert_eq!(given.is_ok(), old.working(), "{given:?}");
                if given.is_err() {
                    return false;
                }
            }
            old.explained = true;
            true
        }
        Op::Merge { from, into } => {
            merge(tx, ctx, model, usize::from(*from), usize::from(*into)).await
        }
    }
}

/// The alerts go over, the earlier detection stays, the merged case is closed for good.
async fn merge(tx: &mut Tx, ctx: &Ctx<'_>, model: &mut Model, from: usize, into: usize) -> bool {
    let (Some(old), Some(survivor)) = (
        model.incidents.get(from).cloned(),
        model.incidents.get(into).cloned(),
    ) else {
        return false;
    };
    let versions = (old.version, survivor.version);
    let result = tx
        .merge_incidents(ctx, &old.id, &survivor.id, "бір оқиға", versions)
        .await;
    let legal = from != into && old.working() && survivor.working();
    assert_eq!(result.is_ok(), legal, "{result:?}");
    let Ok(found) = result else { return false };
    let merged = &mut model.incidents[from];
    (merged.state, merged.merged) = (IncidentState::Closed, true);
    merged.version += 1;
    let survivor = &mut model.incidents[into];
    survivor.version = found.version;
    for known in model.alerts.values_mut() {
        if known.incident == Some(from) {
            known.incident = Some(into);
            known.version += 1;
            if matches!(
                known.state,
                Some(AlertState::New | AlertState::Acknowledged)
            ) {
                known.state = Some(AlertState::InProgress);
            }
        }
    }
    true
}

fn attach(model: &mut Model, alert: u8, incident: usize) {
    let known = model.alerts.get_mut(&alert).unwrap();
    known.incident = Some(incident);
    known.version += 1;
    if matches!(
        known.state,
        Some(AlertState::New | AlertState::Acknowledged)
    ) {
        known.state = Some(AlertState::InProgress);
    }
}

/// A notice taken the first `steps` steps of its life.
async fn notice(tx: &mut Tx, ctx: &Ctx<'_>, incident: &str, steps: u8) {
    let new = NewNotice {
        duty: "o199.notify-state-body".into(),
        addressee: "state_body".into(),
        address: "a@example.kz".into(),
        languages: vec!["kk".into()],
        ..NewNotice::default()
    };
    let mut notice = tx.draft_notice(ctx, incident, &new).await.unwrap();
    let id = notice.id.clone();
    for step in 0..steps {
        notice = match step {
            0 => {
                tx.set_notice_document(ctx, &id, "application/pdf", b"%PDF", notice.version)
                    .await
            }
            1 => tx.approve_notice(ctx, &id, notice.version, false).await,
            2 => tx.queue_notice(ctx, &id, notice.version).await,
            3 => {
                tx.record_attempt(ctx, &id, AttemptOutcome::Accepted, "250", None)
                    .await
            }
            4 => tx.notice_bounced(ctx, &id, "550").await,
            _ => tx.acknowledge_notice(ctx, &id, &Receipt::Link).await,
        }
        .unwrap();
    }
}

async fn check_model(store: &Store, model: &Model) {
    let rows = store
        .alerts(&AlertFilter::default(), 500, None)
        .await
        .unwrap()
        .rows;
    assert_eq!(rows.len(), model.alerts.len());
    for row in rows {
        let n: u8 = row.id.strip_prefix("alert-").unwrap().parse().unwrap();
        let known = &model.alerts[&n];
        let incident = row.incident_id.as_ref().map(|id| {
            model
                .incidents
                .iter()
                .position(|incident| incident.id == *id)
                .unwrap()
        });
        assert_eq!(row.hits_count, known.hits.len() as u64);
        assert_eq!(row.first_at, at(i64::from(*known.hits.first().unwrap())));
        assert_eq!(row.last_at, at(i64::from(*known.hits.last().unwrap())));
        assert_eq!((Some(row.state), row.verdict), (known.state, known.verdict));
        assert_eq!((incident, row.version), (known.incident, known.version));
    }
    let rows = store
        .incidents(&IncidentFilter::default(), 1000)
        .await
        .unwrap();
    assert_eq!(rows.len(), model.incidents.len());
    for row in rows.into_iter().map(|row| row.incident) {
        let known = model
            .incidents
            .iter()
            .find(|incident| incident.id == row.id)
            .unwrap();
        assert_eq!((row.state, row.severity), (known.state, known.severity));
        assert_eq!(row.version, known.version);
        assert_eq!(row.eliminated_at.is_some(), known.eliminated);
    }
}

/// What the leaves alone say about every object: members set last, and how often it was decided
/// about.
async fn from_leaves(store: &Store) -> BTreeMap<String, Map<String, Value>> {
    let mut objects: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for leaf in common::leaves(store).await {
        let Value::Object(change) = leaf.change else {
            panic!("a change is an object")
        };
        if leaf.action.starts_with("fact.") {
            let incident = leaf.object.strip_prefix("incident:").unwrap();
            let key = format!("fact:{incident}/{}", change["seq"]);
            let fact = objects.entry(key).or_default();
            assert_ne!(fact.get("withdrawn"), Some(&json!(true)), "withdrawn twice");
            fact.extend(change);
            fact.insert("withdrawn".into(), json!(leaf.action == "fact.withdrawn"));
            continue;
        }
        if leaf.action == "clock.computed" {
            continue;
        }
        if ["duty:", "merged_incident:"]
            .iter()
            .any(|kind| leaf.object.starts_with(kind))
        {
            continue;
        }
        let object = objects.entry(leaf.object).or_default();
        let quiet = ["incident.commented"].contains(&leaf.action.as_str());
        let version = object.get("version").and_then(Value::as_i64).unwrap_or(0);
        object.extend(change);
        object.insert("version".into(), json!(version + i64::from(!quiet)));
    }
    objects
}

/// Every projection can be explained by the leaves, and no leaf is without its row.
async fn check_leaves(store: &Store) {
    let mut explained = from_leaves(store).await;
    let mut take = |key: String| {
        explained
            .remove(&key)
            .unwrap_or_else(|| panic!("no leaf for {key}"))
    };
    for row in store
        .alerts(&AlertFilter::default(), 500, None)
        .await
        .unwrap()
        .rows
    {
        let said = take(format!("alert:{}", row.id));
        assert_eq!(said["state"], json!(row.state));
        assert_eq!(said.get("verdict"), row.verdict.map(|v| json!(v)).as_ref());
        assert_eq!(
            said.get("incident_id"),
            row.incident_id.map(|i| json!(i)).as_ref()
        );
        assert_eq!(said["version"], json!(row.version));
    }
    let law = common::law();
    for row in store
        .incidents(&IncidentFilter::default(), 1000)
        .await
        .unwrap()
    {
        let whole = store.incident(&row.incident.id, &law, at(0)).await.unwrap();
        let said = take(format!("incident:{}", row.incident.id));
        let kept = serde_json::to_value(&row.incident).unwrap();
        let fields = [
            "number",
            "title",
            "state",
            "severity",
            "category",
            "object",
            "detected_at",
        ];
        for field in fields.iter().chain(&["occurred_at", "assignee", "version"]) {
            assert_eq!(said[*field], kept[*field], "{field}");
        }
        for task in whole.tasks {
            assert_eq!(
                take(format!("task:{}", task.id))["state"],
                json!(task.state)
            );
        }
        for fact in whole.facts {
            let said = take(format!("fact:{}/{}", row.incident.id, fact.seq));
            assert_eq!(said["kind"], json!(fact.kind));
            assert_eq!(said["withdrawn"], json!(fact.withdrawn_at.is_some()));
        }
        for notice in whole.notices {
            if notice.incident_id != row.incident.id {
                continue;
            }
            let said = take(format!("notice:{}", notice.id));
            assert_eq!(said["state"], json!(notice.state));
            assert_eq!(said["version"], json!(notice.version));
            assert_eq!(
                said.get("document_sha256"),
                notice.document_sha256.as_ref().map(|s| json!(s)).as_ref()
            );
        }
    }
    assert!(
        explained.is_empty(),
        "leaves without a row: {:?}",
        explained.keys()
    );
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Commit,
    /// The task is dropped before the commit.
    Drop,
    /// The machine stops: the files as they are on disk are all that is left.
    Crash,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![8 => Just(End::Commit), 2 => Just(End::Drop), 1 => Just(End::Crash)]
}

async fn run(runs: Vec<(Vec<Op>, End)>) {
    let mut bench = Bench::new().await;
    let mut model = Model::default();
    let actor = Actor {
        id: "aigerim".into(),
        name: String::new(),
        roles: Vec::new(),
    };
    let mut copies = Vec::new();
    for (n, (ops, end)) in runs.into_iter().enumerate() {
        let mut next = model.clone();
        let law = common::law();
        let ctx = Ctx {
            actor: &actor,
            now: at(n as i64),
            law: &law,
        };
        let mut tx = bench.store.begin().await.unwrap();
        let mut accepted: Vec<&Op> = Vec::new();
        for op in &ops {
            if apply(&mut tx, &ctx, &mut next, op).await {
                accepted.push(op);
                continue;
            }
            // A refused operation may have written before it was refused: begin anew.
            next = model.clone();
            tx.rollback().await.unwrap();
            tx = bench.store.begin().await.unwrap();
            for op in &accepted {
                assert!(
                    apply(&mut tx, &ctx, &mut next, op).await,
                    "{op:?} once more"
                );
            }
        }
        match end {
            End::Commit => {
                tx.commit().await.unwrap();
                model = next;
            }
            End::Drop => drop(tx),
            End::Crash => {
                let copy = tempfile::tempdir().unwrap();
                for file in std::fs::read_dir(bench.dir.path()).unwrap() {
                    let file = file.unwrap();
                    // The shared memory index dies with the machine.
                    if !file.file_name().to_string_lossy().ends_with("-shm") {
                        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
                    }
                }
                drop(tx);
                bench.store.close().await;
                bench.store = Store::open(&copy.path().join("casework.db")).await.unwrap();
                copies.push(std::mem::replace(&mut bench.dir, copy));
            }
        }
        check_model(&bench.store, &model).await;
        check_leaves(&bench.store).await;
    }
    bench.store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn tables_model_and_leaves_agree(
        runs in proptest::collection::vec((proptest::collection::vec(op(), 1..8), end()), 1..16)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(runs));
    }
}
