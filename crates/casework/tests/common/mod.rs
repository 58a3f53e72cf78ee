//! What every test of casework needs: a store in a directory of its own, people, the law.
#![allow(dead_code)]

use std::collections::BTreeMap;

use jiff::Timestamp;
use saqshy_casework::{Actor, Ctx, Error, Hit, Law, Level, NewAlert, Store};
use saqshy_law::{Calendar, Pack, Profile, Week};

pub struct Bench {
    pub dir: tempfile::TempDir,
    pub store: Store,
    pub law: Law,
    pub analyst: Actor,
    pub coordinator: Actor,
}

impl Bench {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("casework.db")).await.unwrap();
        Self {
            dir,
            store,
            law: law(),
            analyst: actor("aigerim"),
            coordinator: actor("daulet"),
        }
    }

    pub fn ctx<'a>(&'a self, actor: &'a Actor, now: &str) -> Ctx<'a> {
        Ctx {
            actor,
            now: at(now),
            law: &self.law,
        }
    }

    /// What is due, as somebody who reads investigations sees it.
    pub async fn due(&self, now: &str) -> Vec<saqshy_casework::Due> {
        let reader = saqshy_casework::Reader {
            actor: &self.coordinator,
            investigations: true,
        };
        let due = self.store.due(&self.law, at(now), reader, 99);
        due.await.unwrap()
    }

    pub async fn leaves(&self) -> Vec<saqshy_journal::Leaf> {
        leaves(&self.store).await
    }
}

pub async fn leaves(store: &Store) -> Vec<saqshy_journal::Leaf> {
    let rows = store.leaves_from(0, 1_000_000).await.unwrap();
    rows.iter()
        .enumerate()
        .map(|(position, (idx, body))| {
            assert_eq!(position as u64, *idx, "leaves have no gap");
            saqshy_journal::Leaf::parse(body).unwrap()
        })
        .collect()
}

/// The field that a refusal names.
pub fn field(result: Result<impl std::fmt::Debug, Error>) -> &'static str {
    match result.unwrap_err() {
        Error::Invalid { field, .. } => field,
        other => panic!("{other}"),
    }
}

pub fn actor(id: &str) -> Actor {
    Actor {
        id: id.into(),
        name: id.into(),
        roles: vec!["analyst".into()],
    }
}

/// Records a reason for every own duty that is not met, so that the closing gate opens.
pub async fn explain_all(bench: &Bench, incident: &str, now: &str) {
    let ctx = bench.ctx(&bench.analyst, now);
    let gate = bench
        .store
        .closing_gate(incident, &bench.law, at(now))
        .await
        .unwrap();
    let mut tx = bench.store.begin().await.unwrap();
    for item in gate.iter().filter(|item| !item.ok) {
        if let Some(duty) = item.id.strip_prefix("clock:") {
            tx.explain_clock(&ctx, incident, duty, "сынақ")
                .await
                .unwrap();
        }
    }
    tx.commit().await.unwrap();
}

/// `at("09:00")` is nine o'clock UTC on 16 March 2026, a Monday; full timestamps pass through.
pub fn at(text: &str) -> Timestamp {
    if text.len() == 5 {
        return format!("2026-03-16T{text}:00Z").parse().unwrap();
    }
    text.parse().unwrap()
}

pub fn law() -> Law {
    let file = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
    let pack = Pack::parse(&file("pack.toml", include_str!("pack.toml"))).unwrap();
    let calendar = Calendar::parse(&file("calendar.toml", include_str!("calendar.toml"))).unwrap();
    Law {
        packs: vec![pack],
        profile: Profile {
            bearers: vec!["sts".into()],
            zone: "Asia/Almaty".into(),
            week: Week::Five,
            settings: BTreeMap::new(),
        },
        calendar,
        categories: Vec::new(),
    }
}

pub fn hit(id: &str, rule: &str, when: &str, host: &str) -> Hit {
    Hit {
        id: format!("hit-{id}"),
        rule_id: rule.into(),
        event_id: format!("event-{id}"),
        at: at(when),
        host: Some(host.into()),
        user: Some("SYSTEM".into()),
        source_ip: Some("192.0.2.7".into()),
        dataset: "windows.security".into(),
    }
}

pub fn alert(id: &str, rule: &str, level: Level, host: &str, hits: Vec<Hit>) -> NewAlert {
    NewAlert {
        id: format!("alert-{id}"),
        rule_id: rule.into(),
        rule_title: format!("Ереже {rule}"),
        rule_title_text: None,
        level,
        tags: vec!["attack.impact".into(), "attack.t1486".into()],
        entity_kind: "host".into(),
        entity: host.into(),
        window_start: hits[0].at,
        window_end: hits[0].at + jiff::SignedDuration::from_mins(10),
        hits,
    }
}
