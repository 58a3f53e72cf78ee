//! The worked example of docs/packs.md is a pack that does what the page says.

mod common;
use common::{at, calendar, fact, profile, root};
use saqshy_law::{Pack, Served, clocks, periods};
use std::collections::BTreeMap;

/// The code block that follows the line that names `file`.
fn block(page: &str, file: &str) -> String {
    let (_, after) = page.split_once(&format!("\n`{file}`")).expect(file);
    let (_, code) = after.split_once("```").expect(file);
    let (_, code) = code.split_once('\n').expect(file);
    code.split_once("```").expect(file).0.to_owned()
}

#[test]
fn the_worked_example_works() {
    let page = std::fs::read_to_string(root().join("docs/packs.md")).unwrap();
    let mut files = BTreeMap::new();
    files.insert("pack.toml".to_owned(), block(&page, "pack.toml"));
    for lang in ["kk", "ru", "en"] {
        files.insert(
            format!("templates/notice.{lang}.txt"),
            block(&page, "templates/notice.en.txt"),
        );
    }
    let first = Pack::parse(&files).unwrap();
    let amendment = "editions/2026-06-01-two-hours.toml";
    files.insert(amendment.to_owned(), block(&page, amendment));
    let pack = Pack::parse(&files).unwrap();
    let due = |pack: &Pack, detected: &str| {
        let facts = [fact("incident.detected", detected, 1)];
        let all = clocks(pack, &profile("works"), &calendar(), &facts, at(detected));
        assert_eq!(all.len(), 1);
        all[0].due.unwrap()
    };
    assert_eq!(
        due(&first, "2026-06-01T10:00:00+05:00"),
        at("2026-06-01T14:00:00+05:00")
    );
    assert_eq!(
        due(&pack, "2026-05-31T10:00:00+05:00"),
        at("2026-05-31T14:00:00+05:00")
    );
    assert_eq!(
        due(&pack, "2026-06-01T10:00:00+05:00"),
        at("2026-06-01T12:00:00+05:00")
    );
    let list = periods(
        &first,
        &profile("works"),
        &calendar(),
        &[],
        at("2026-04-02T00:00:00Z"),
    );
    assert_eq!(list[0].due, Some(at("2026-04-07T23:59:59+05:00")));
}

/// The table of rows on the page is that of the packs.
#[test]
fn the_table_of_rows_is_true() {
    let page = std::fs::read_to_string(root().join("docs/packs.md")).unwrap();
    use Served::*;
    for (act, folder) in [("R90", "kz-r90"), ("O52", "kz-o52"), ("O199", "kz-o199")] {
        let clauses = common::pack(folder).clauses;
        let of = |kind| clauses.iter().filter(|c| c.served == kind).count();
        let kinds = [Duty, Periodic, Record, Check, Access, Scope, Outside].map(of);
        let cells = kinds.map(|n| n.to_string()).join(" | ");
        let row = format!("| {act} | {} | {cells} |", clauses.len());
        assert!(page.contains(&row), "{row}");
    }
}
