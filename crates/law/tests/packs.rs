//! The shipped packs against the catalogues of their acts: every row has an entry, every entry is
//! served by something that exists, every text is there.

mod common;
use common::{at, calendar, fact, pack, profile, root, spec};
use saqshy_law::{Lang, Pack, Served, Status};
use std::collections::{BTreeMap, BTreeSet};

const CATALOGUES: [(&str, &str, &str); 3] = [
    ("kz-r90", "R90-", "res90-bank-incident-response.md"),
    ("kz-o52", "O52-", "order52-egov-cii-monitoring.md"),
    ("kz-o199", "O199-", "order199-state-body-monitoring.md"),
];

const PACKS: [&str; 4] = ["kz-r90", "kz-o52", "kz-o199", "eu-nis2"];

/// Ids of the rows of a catalogue.
fn rows(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for line in text
        .lines()
        .filter(|l| l.starts_with(&format!("| {prefix}")))
    {
        let cell = line.split('|').nth(1).unwrap_or_default();
        ids.extend(cell.split([',', '/']).map(|id| id.trim().to_owned()));
    }
    ids
}

#[test]
fn every_row_of_the_catalogues_is_answered_for() {
    for (folder, prefix, file) in CATALOGUES {
        let Some(text) = spec(file) else { return };
        let ids = rows(&text, prefix);
        let pack = pack(folder);
        for id in &ids {
            assert!(pack.clause(id).is_some(), "{id} is not in {folder}");
        }
        for clause in &pack.clauses {
            assert!(
                ids.contains(&clause.id),
                "{} is no row of {file}",
                clause.id
            );
        }
    }
}

/// The numbers that the report and the documentation quote.
#[test]
fn how_many_clauses_each_kind_serves() {
    let count = |folder: &str| {
        let mut found: BTreeMap<Served, usize> = BTreeMap::new();
        for clause in &pack(folder).clauses {
            *found.entry(clause.served).or_default() += 1;
        }
        found.into_iter().collect::<Vec<_>>()
    };
    use Served::*;
    assert_eq!(
        count("kz-r90"),
        [
            (Duty, 7),
            (Periodic, 2),
            (Record, 16),
            (Check, 16),
            (Access, 1),
            (Scope, 3),
            (Outside, 4)
        ]
    );
    assert_eq!(
        count("kz-o52"),
        [
            (Duty, 15),
            (Periodic, 5),
            (Record, 14),
            (Check, 6),
            (Access, 4),
            (Scope, 3)
        ]
    );
    assert_eq!(
        count("kz-o199"),
        [
            (Duty, 4),
            (Periodic, 3),
            (Record, 15),
            (Check, 5),
            (Access, 2),
            (Scope, 8),
            (Outside, 1)
        ]
    );
}

/// Each ambiguity of a catalogue is a reading of its pack.
#[test]
fn every_ambiguity_has_its_reading() {
    for (folder, _, file) in CATALOGUES {
        let Some(text) = spec(file) else { return };
        let ids = rows(&text, "A-");
        assert!(ids.len() > 15, "{file}");
        let pack = pack(folder);
        for id in &ids {
            let found = pack.readings.iter().any(|r| r.id == *id);
            assert!(found, "{id} of {file} is not in {folder}");
        }
    }
}

#[test]
fn only_what_works_is_called_built() {
    for folder in PACKS {
        for clause in &pack(folder).clauses {
            let works = clause.served == Served::Duty || clause.page.is_some();
            assert_eq!(clause.status == Status::Built, works, "{}", clause.id);
            if clause.served != Served::Scope && clause.served != Served::Outside {
                assert!(!clause.items().is_empty(), "{}", clause.id);
            }
            assert_eq!(
                clause.served == Served::Outside,
                clause.reason.is_some(),
                "{}",
                clause.id
            );
        }
    }
}

#[test]
fn the_pages_of_the_clauses_exist() {
    let routes = root().join("web/src/routes/(console)");
    if !routes.is_dir() {
        eprintln!("SKIPPED: {} is not there", routes.display());
        return;
    }
    for folder in PACKS {
        for clause in &pack(folder).clauses {
            let Some(page) = &clause.page else { continue };
            let path = routes.join(page.trim_start_matches('/'));
            assert!(path.join("+page.svelte").is_file(), "{}: {page}", clause.id);
        }
    }
}

/// Everything that a pack declares is used by a clause: nothing is there for show.
#[test]
fn nothing_is_declared_for_nobody() {
    for folder in PACKS {
        let pack = pack(folder);
        let used: BTreeSet<String> = pack.clauses.iter().flat_map(|c| c.items()).collect();
        let registers = pack.registers.iter().map(|r| format!("register:{}", r.id));
        let duties = pack.duties.iter().map(|d| format!("duty:{}", d.id));
        let access = pack.access.iter().map(|a| format!("access:{}", a.id));
        let retention = pack.retention.iter().map(|r| format!("retention:{}", r.id));
        let categories = pack.categories.iter().map(|c| format!("category:{}", c.id));
        for item in registers
            .chain(duties)
            .chain(access)
            .chain(retention)
            .chain(categories)
        {
            assert!(used.contains(&item), "{item} serves no clause");
        }
        let fields: BTreeSet<_> = pack.registers.iter().flat_map(|r| &r.fields).collect();
        for field in &pack.fields {
            assert!(fields.contains(&field.id), "{folder}: field {}", field.id);
        }
    }
}

#[test]
fn every_document_is_there_in_three_languages_with_the_same_placeholders() {
    for folder in PACKS {
        let pack = pack(folder);
        let documents: BTreeSet<_> = pack.documents().into_iter().collect();
        let used: BTreeSet<_> = pack
            .duties
            .iter()
            .filter_map(|d| d.document.as_deref())
            .collect();
        assert_eq!(documents, used, "{folder}");
        for document in documents {
            let kk = pack.placeholders_of(document, Lang::Kk);
            for lang in [Lang::Ru, Lang::En] {
                assert_eq!(
                    pack.placeholders_of(document, lang),
                    kk,
                    "{folder} {document}"
                );
            }
        }
    }
}

/// Each notice that somebody has to receive has a document, so that it can be sent.
#[test]
fn every_notice_has_a_document() {
    for folder in PACKS {
        for duty in &pack(folder).duties {
            let once = !matches!(duty.rule, saqshy_law::Rule::Each { .. });
            let told = duty
                .stop
                .iter()
                .any(|s| *s == format!("notice.sent:{}", duty.id));
            let without = ["r90.hand-over", "r90.web-report", "nis2.csirt-answer"];
            if once && told && !without.contains(&duty.id.as_str()) {
                assert!(duty.document.is_some(), "{}", duty.id);
            }
        }
    }
}

/// Kazakh texts are in Kazakh: Cyrillic, with its own letters, none taken from Russian alone.
#[test]
fn kazakh_texts_are_kazakh() {
    for folder in PACKS {
        let pack: Pack = pack(folder);
        let texts = pack.clauses.iter().map(|c| (&c.id, &c.title));
        let texts = texts.chain(pack.duties.iter().map(|d| (&d.id, &d.title)));
        for (id, text) in texts.chain(pack.registers.iter().map(|r| (&r.id, &r.title))) {
            assert_ne!(text.kk, text.ru, "{id}");
            let own = text.kk.chars().any(|c| "әғқңөұүһіӘҒҚҢӨҰҮҺІ".contains(c));
            assert!(own || text.kk.chars().count() < 24, "{id}: {}", text.kk);
            let foreign = text.kk.chars().any(|c| "ıiÿəƏ".contains(c));
            assert!(!foreign, "{id}: {}", text.kk);
            let cyrillic = text.en.chars().any(|c| ('а'..='я').contains(&c));
            assert!(!cyrillic, "{id}: {}", text.en);
        }
    }
}

/// Every result carries its steps in three languages: no duty of any pack, started or not, leaves a
/// gap in a sentence.
#[test]
fn every_clock_explains_itself_in_three_languages() {
    for folder in PACKS {
        let pack = pack(folder);
        let mut p = profile("");
        p.bearers = pack
            .parties
            .iter()
            .filter(|p| p.bearer)
            .map(|p| p.id.clone())
            .collect();
        let when = "2026-03-20T18:10:00+05:00";
        let kinds: BTreeSet<&String> = pack
            .duties
            .iter()
            .flat_map(|d| d.trigger.iter().chain(&d.unless))
            .collect();
        let all: Vec<_> = kinds
            .into_iter()
            .zip(1u64..)
            .map(|(kind, seq)| fact(kind, when, seq))
            .collect();
        for facts in [&[][..], &all[..]] {
            let cal = calendar();
            let now = at("2026-12-30T00:00:00Z");
            let mut found = saqshy_law::clocks(&pack, &p, &cal, facts, now);
            found.extend(saqshy_law::periods(&pack, &p, &cal, facts, now));
            let ids: BTreeSet<_> = found.iter().map(|c| c.duty.clone()).collect();
            let known: BTreeSet<_> = pack.duties.iter().map(|d| d.id.clone()).collect();
            assert_eq!(ids, known, "{folder}");
            for clock in found {
                assert!(clock.steps.len() >= 2, "{}", clock.duty);
                for step in &clock.steps {
                    for lang in Lang::ALL {
                        let text = step.get(lang);
                        assert!(
                            !text.trim().is_empty() && !text.contains(['{', '}']),
                            "{}: {text}",
                            clock.duty
                        );
                    }
                }
            }
        }
    }
}
