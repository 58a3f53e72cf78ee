//! What the pack checker refuses, with the place and the remedy.

mod common;
use common::o199_files;
use proptest::prelude::*;
use saqshy_law::{Lang, Pack, PackError};
use std::collections::BTreeMap;

/// The error after `from` became `to` in a file of the shipped pack.
fn broken(file: &str, from: &str, to: &str) -> PackError {
    let mut files = o199_files();
    assert!(files[file].contains(from), "{from}");
    let text = files[file].replacen(from, to, 1);
    files.insert(file.into(), text);
    Pack::parse(&files).expect_err(to)
}

/// The file of the shipped pack that holds `needle` first: its name and the line.
fn place(needle: &str) -> (&'static str, usize) {
    let files = o199_files();
    for file in ["pack.toml", "duties.toml", "clauses.toml"] {
        if let Some(at) = files[file].find(needle) {
            return (file, 1 + files[file][..at].matches('\n').count());
        }
    }
    panic!("{needle}");
}

#[test]
fn each_fault_is_named_with_its_place() {
    let cases = [
        (
            "unit = \"minutes\"",
            "unit = \"moons\"",
            "unknown variant `moons`",
        ),
        (
            "from = \"moment\"",
            "form = \"moment\"",
            "unknown field `form`",
        ),
        (
            "kind = \"within\"",
            "kind = \"whenever\"",
            "unknown variant `whenever`",
        ),
        (
            "id = \"o199.notify-nsc\"",
            "id = \"o199.notify-state-body\"",
            "used twice",
        ),
        ("id = \"O199-3\"", "id = \"O199-1\"", "used twice"),
        (
            "trigger = [\"incident.detected\"]",
            "trigger = [\"incident.smelled\"]",
            "unknown trigger",
        ),
        (
            "stop = [\"notice.sent:o199.escalate\"]",
            "stop = [\"notice.sent:o199.escalade\"]",
            "names no duty",
        ),
        (
            "bearer = \"state_body\"",
            "bearer = \"authorised_person\"",
            "unknown bearer",
        ),
        (
            "addressee = [\"nsc\"]",
            "addressee = [\"cia\"]",
            "unknown party `cia`",
        ),
        (
            "clause = \"O199-12-5\"",
            "clause = \"O199-12-9\"",
            "unknown clause",
        ),
        (
            "reading = [\"A-05\"]",
            "reading = [\"A-99\"]",
            "unknown reading",
        ),
        (
            "document = \"answer\"",
            "document = \"reply\"",
            "templates/reply.kk.txt",
        ),
        ("amount = 30", "amount = 0", "amount 0"),
        (
            "target_of = \"o199.escalate\"",
            "target_of = \"o199.x\"",
            "unknown duty",
        ),
        (
            "id = \"o199.notify-nsc\"\n",
            "id = \"o199.notify-nsc\"\nsince = \"400-nk\"\n",
            "unknown edition `400-nk`",
        ),
        (
            "part_of = \"state_body\"",
            "part_of = \"nobody\"",
            "unknown party",
        ),
        (
            "register = [\"o199.surveys\"]",
            "register = [\"o199.survey\"]",
            "unknown register",
        ),
        (
            "check = [\"o199.triage\"]",
            "check = []",
            "not what `served` says",
        ),
        (
            "required = [\"state_body\", ",
            "required = [\"colour\", ",
            "not among the fields",
        ),
        (
            "review = [\"o199.quarterly-data\"]",
            "review = [\"o199.escalate\"]",
            "no duty of every period",
        ),
        ("from = \"moment\"", "from = \"day\"", "minutes and hours"),
        (
            "unit = \"minutes\"",
            "unit = \"working_days\"",
            "counted in whole days",
        ),
        (
            "setting = \"o199.quarterly_data_day\"",
            "setting = \"x\"",
            "unknown setting",
        ),
    ];
    for (from, to, what) in cases {
        let (file, _) = place(from);
        let e = broken(file, from, to);
        assert!(e.what.contains(what), "{to}: {e}");
        assert_eq!(e.file, file, "{e}");
        assert!(e.line > 1 && !e.fix.is_empty() && !e.key.is_empty(), "{e}");
    }
    let e = broken("duties.toml", "unit = \"minutes\"", "unit = \"moons\"");
    let (file, line) = place("unit = \"minutes\"");
    assert_eq!((e.file.as_str(), e.line), (file, line));
    assert_eq!(e.key, "duty.unit");
    assert_eq!(e.fix, "use one of the listed words");
    assert_eq!(
        e.to_string(),
        format!(
            "duties.toml:{line}: duty.unit: unknown variant `moons`, expected one of `minutes`, \
             `hours`, `calendar_days`, `weeks`, `working_days`, `months`, `quarters`, `years`; \
             use one of the listed words"
        )
    );
}

#[test]
fn a_text_is_there_in_every_language() {
    let e = broken("pack.toml", "ru = \"государственный орган\", ", "");
    assert!(e.what.contains("missing field `ru`"), "{e}");
    assert!(e.fix.contains("`ru`"), "{e}");
    let e = broken("pack.toml", "ru = \"государственный орган\"", "ru = \" \"");
    assert!(e.what.contains("empty in `ru`"), "{e}");
    assert_eq!(e.line, place("id = \"state_body\"").1);
}

#[test]
fn duties_that_wait_for_each_other_are_a_circle() {
    let e = broken(
        "duties.toml",
        "trigger = [\"event.detected\", \"incident.detected\"]",
        "trigger = [\"answer.received:o199.state-body-answer\"]",
    );
    assert!(e.what.contains("waits for itself"), "{e}");
    let e = broken(
        "duties.toml",
        "follows = [\"o199.quarterly-data\"]",
        "follows = [\"o199.quarterly-incidents\"]",
    );
    assert!(e.what.contains("waits for itself"), "{e}");
}

#[test]
fn templates_use_declared_placeholders_in_all_languages() {
    let e = broken(
        "templates/answer.ru.txt",
        "{incident.object}",
        "{incident.colour}",
    );
    assert_eq!((e.file.as_str(), e.line), ("templates/answer.ru.txt", 8));
    assert!(e.what.contains("incident.colour"), "{e}");
    let mut files = o199_files();
    files.remove("templates/escalation.kk.txt");
    let e = Pack::parse(&files).unwrap_err();
    assert!(e.what.contains("escalation.kk.txt"), "{e}");
    let mut files = o199_files();
    files.insert("templates/answer.de.txt".into(), "x".into());
    assert!(Pack::parse(&files).is_err());
    assert!(
        Pack::parse(&BTreeMap::new())
            .unwrap_err()
            .what
            .contains("missing")
    );
}

#[test]
fn every_language_of_a_document_uses_the_same_placeholders() {
    let pack = common::o199();
    assert_eq!(
        pack.documents(),
        ["answer", "escalation", "notice-nsc", "notice-state-body"]
    );
    for document in pack.documents() {
        let kk = pack.placeholders_of(document, Lang::Kk);
        assert!(kk.len() > 8, "{document}");
        for lang in [Lang::Ru, Lang::En] {
            assert_eq!(pack.placeholders_of(document, lang), kk, "{document}");
        }
    }
}

#[test]
fn a_document_is_filled() {
    let pack = common::o199();
    let mut values: BTreeMap<String, String> = pack
        .placeholders
        .iter()
        .map(|p| (p.clone(), format!("<{p}>")))
        .collect();
    values.insert("incident.title".into(), "{act.title}\nline two".into());
    let out = pack.render("notice-nsc", Lang::Kk, &values).unwrap();
    assert_eq!(
        out.subject,
        "<incident.number> АҚ оқыс оқиғасы (оқиғасы) туралы хабарлама: {act.title} line two"
    );
    assert!(out.body.starts_with("<addressee.name>"), "{}", out.body);
    assert!(out.body.ends_with("<signer.name>"), "{}", out.body);
    assert!(out.body.contains("Мемлекеттік орган: <state_body.name>"));
    values.remove("signer.name");
    let e = pack.render("notice-nsc", Lang::Kk, &values).unwrap_err();
    assert!(e.to_string().contains("`signer.name`"), "{e}");
    assert!(pack.render("nothing", Lang::Kk, &values).is_err());
}

#[test]
fn a_file_that_nothing_reads_is_refused() {
    let mut files = o199_files();
    files.insert("edition/2027.toml".into(), "[[edition]]".into());
    let e = Pack::parse(&files).unwrap_err();
    assert_eq!(e.file, "edition/2027.toml");
    assert!(e.what.contains("nothing reads"), "{e}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is written, the answer is a pack or a fault with a place inside the files.
    #[test]
    fn broken_files_never_panic(cut in 0usize..20_000, with in "[a-z\\[\\]{}\"=#ә\n0-9]{0,6}", skip in 0usize..40) {
        let mut files = common::folder(&common::root().join("packs/eu-nis2"));
        let text = files["pack.toml"].clone();
        let from = (0..=cut.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let to = (from + skip..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len());
        files.insert("pack.toml".into(), format!("{}{with}{}", &text[..from], &text[to..]));
        if let Err(fault) = Pack::parse(&files) {
            let lines = files.get(&fault.file).map_or(0, |t| t.lines().count());
            prop_assert!(fault.line <= lines + 1, "{}", fault);
            prop_assert!(!fault.fix.is_empty());
        }
    }
}
