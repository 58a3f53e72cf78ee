//! An amendment adds a file and changes nothing old; a case keeps the edition of its trigger.

mod common;
use common::{at, calendar, fact, folder, profile, root};
use saqshy_law::{ClockStatus, Flag, Pack, PackError, clocks};
use std::collections::BTreeMap;

const SHORTER: &str = r#"
[[edition]]
id = "later"
title = { kk = "кейінгі бұйрық", ru = "последующий приказ", en = "later order" }
signed = "2026-05-20"
in_force = "2026-06-01"

[[duty]]
id = "o199.state-body-answer"
clause = "O199-12-5"
citation = { kk = "12-тармақ", ru = "пункт 12", en = "¶12" }
title = { kk = "Жауап беру", ru = "Ответить", en = "Answer" }
bearer = "state_body"
watched_by = ["sts"]
addressee = ["sts"]
trigger = ["notice.received:o199.notify-state-body"]
kind = "within"
amount = 24
unit = "hours"
from = "moment"
stop = ["answer.received:o199.state-body-answer"]
"#;

fn files(amendment: &str) -> BTreeMap<String, String> {
    let mut files = folder(&root().join("packs/kz-o199"));
    files.insert("editions/2026-06-01-later.toml".into(), amendment.into());
    files
}

fn refused(amendment: &str) -> PackError {
    Pack::parse(&files(amendment)).unwrap_err()
}

#[test]
fn a_case_keeps_the_edition_of_its_trigger() {
    let pack = Pack::parse(&files(SHORTER)).unwrap();
    let hours = |detected: &str, received: &str| {
        let facts = [
            fact("incident.detected", detected, 1),
            fact("notice.received:o199.notify-state-body", received, 2),
        ];
        let all = clocks(
            &pack,
            &profile("state_body"),
            &calendar(),
            &facts,
            at(received),
        );
        assert_eq!(all.len(), 1, "one duty, one clock: {all:?}");
        let c = all.into_iter().next().unwrap();
        (c.amount, c.edition, c.title.en)
    };
    let old = (
        48,
        "kz/o199@399-nk".to_owned(),
        "Inform the State Technical Service of the analysis of the event and/or the measures to eliminate the incident"
            .to_owned(),
    );
    let new = (24, "kz/o199@later".to_owned(), "Answer".to_owned());
    assert_eq!(
        hours("2026-05-30T10:00:00+05:00", "2026-05-30T10:20:00+05:00"),
        old
    );
    // Detected on the last day of the old wording, received under the new one: the old one counts.
    assert_eq!(
        hours("2026-05-31T23:50:00+05:00", "2026-06-01T00:10:00+05:00"),
        old
    );
    assert_eq!(
        hours("2026-06-01T00:00:00+05:00", "2026-06-01T00:10:00+05:00"),
        new
    );
    // Without a case the wording of today is shown, and each wording can be asked for.
    let none = clocks(
        &pack,
        &profile("state_body"),
        &calendar(),
        &[],
        at("2026-07-01T00:00:00Z"),
    );
    assert_eq!((none.len(), none[0].amount), (1, 24));
    assert_eq!(
        pack.duty("o199.state-body-answer").unwrap().title.en,
        "Answer"
    );
    let of = |edition: &str| pack.duty_in("o199.state-body-answer", edition).unwrap();
    assert_eq!(of("kz/o199@399-nk").title.en, old.2);
    assert_eq!(of("kz/o199@later").title.en, "Answer");
    // What the amendment does not touch stands on.
    let notify = pack.duty("o199.notify-nsc").unwrap();
    assert_eq!(notify.editions, ["399-nk", "later"]);
}

#[test]
fn the_old_computation_stays_as_it_was() {
    let old = common::o199();
    let new = Pack::parse(&files(SHORTER)).unwrap();
    let facts = [
        fact("incident.detected", "2026-03-20T18:10:00+05:00", 1),
        fact(
            "notice.received:o199.notify-state-body",
            "2026-03-20T18:35:00+05:00",
            2,
        ),
    ];
    for bearer in ["sts", "state_body", "nsc"] {
        let run = |pack| {
            clocks(
                pack,
                &profile(bearer),
                &calendar(),
                &facts,
                at("2026-12-01T00:00:00Z"),
            )
        };
        assert_eq!(run(&old), run(&new), "{bearer}");
    }
}

#[test]
fn a_repealed_duty_ends_with_its_edition() {
    let text = SHORTER.split("[[duty]]").next().unwrap().to_owned()
        + "[[repeal]]\nid = \"o199.notify-nsc\"\n[[repeal]]\nid = \"O199-10-3-7b\"\n";
    let pack = Pack::parse(&files(&text)).unwrap();
    let has = |when: &str| {
        let facts = [fact("incident.detected", when, 1)];
        let all = clocks(&pack, &profile("sts"), &calendar(), &facts, at(when));
        all.iter().any(|c| c.duty == "o199.notify-nsc")
    };
    assert!(has("2026-05-31T10:00:00+05:00") && !has("2026-06-02T10:00:00+05:00"));
    assert_eq!(pack.clause("O199-10-3-7b").unwrap().editions, ["399-nk"]);
}

#[test]
fn faults_of_amendments_have_their_file() {
    let at_line = |e: &PackError| (e.file.clone(), e.line);
    let file = "editions/2026-06-01-later.toml".to_owned();
    let e = refused(&SHORTER.replace("unit = \"hours\"", "unit = \"moons\""));
    assert_eq!(at_line(&e), (file.clone(), 19), "{e}");
    let e = refused(&SHORTER.replace("in_force = \"2026-06-01\"", "in_force = \"2020-06-01\""));
    assert!(e.what.contains("not in force later"), "{e}");
    assert_eq!(e.file, file);
    let next = SHORTER
        .replace("\"later\"", "\"next\"")
        .replace("2026-06-01", "2026-07-01");
    let e = refused(&format!("{SHORTER}\n{next}"));
    assert!(e.what.contains("second edition"), "{e}");
    let e = refused(
        SHORTER
            .split_once("[[duty]]")
            .map(|(_, duty)| format!("[[duty]]{duty}"))
            .as_deref()
            .unwrap(),
    );
    assert!(e.what.contains("brings no edition"), "{e}");
    let e = refused(&format!("{SHORTER}\n[[repeal]]\nid = \"o199.nothing\"\n"));
    assert!(e.what.contains("nothing has the id"), "{e}");
    let e = refused("version = 2\n");
    assert!(
        e.what.contains("does not begin with a table") && e.line == 1,
        "{e}"
    );
    let e = refused(&SHORTER.replace("clause = \"O199-12-5\"", "clause = \"O199-99\""));
    assert!(e.what.contains("unknown clause"), "{e}");
}

#[test]
fn known_amendments_are_named_from_their_day_on() {
    let pack = common::pack("kz-o52");
    assert_eq!(pack.amendments.len(), 2);
    let steps = |when: &str| {
        let facts = [fact("incident.detected", when, 1)];
        let c = clocks(&pack, &profile("sts"), &calendar(), &facts, at(when)).remove(0);
        assert_eq!(c.status, ClockStatus::Running);
        let named: Vec<_> = c
            .steps
            .iter()
            .filter(|s| s.en.contains("known and not worked in"))
            .map(|s| s.en.clone())
            .collect();
        assert_eq!(
            c.flags.contains(&Flag::AmendmentNotWorkedIn),
            !named.is_empty()
        );
        named
    };
    assert!(steps("2025-04-22T10:00:00+05:00").is_empty());
    assert!(steps("2025-04-23T10:00:00+05:00")[0].contains("No. 175/НҚ"));
    assert_eq!(steps("2026-01-09T10:00:00+05:00").len(), 2);
}
