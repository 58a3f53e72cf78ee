//! A journal and packs of version 1, to be opened by every later version.
//!
//! The files were written once by this test, when they were not there yet.

use saqshy_journal::pack::{Options, Request, export, export_all, verify};
use saqshy_journal::{Leaf, MemStorage, SigningKey, Storage, TileLog, verify_storage};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/compat/v1")
}

fn leaf(i: u64) -> Vec<u8> {
    let leaf = Leaf {
        at: jiff::Timestamp::from_second(1_774_000_000 + i as i64).unwrap(),
        actor: "system".into(),
        action: "alert.created".into(),
        object: format!("alert:{i}"),
        change: serde_json::json!({"level": "high"}),
        reason: i.is_multiple_of(2).then(|| "себебі".into()),
        edition: None,
    };
    leaf.canonical().unwrap()
}

fn write_once() {
    let key = SigningKey::from_seed("compat.example/journal", &[3; 32]).unwrap();
    let store = MemStorage::default();
    let mut log = TileLog::start(store, &key).unwrap();
    let mut old = None;
    for size in [40, 260] {
        log.append(&(log.size()..size).map(leaf).collect::<Vec<_>>())
            .unwrap();
        let head = log.checkpoint(&key).unwrap();
        old.get_or_insert(head);
    }
    let vkey = key.verifying_key();
    let request = Request {
        leaves: vec![0, 41, 259],
        since: vec![40],
        ..Default::default()
    };
    std::fs::create_dir_all(dir()).unwrap();
    let whole = export_all(&log, &[], &vkey).unwrap();
    std::fs::write(dir().join("journal.zip"), whole).unwrap();
    std::fs::write(
        dir().join("extract.zip"),
        export(&log, &request, &vkey).unwrap(),
    )
    .unwrap();
    std::fs::write(dir().join("checkpoint-40"), old.unwrap().note()).unwrap();
    std::fs::write(dir().join("vkey"), format!("{vkey}\n")).unwrap();
}

#[test]
fn version_1_is_opened_forever() {
    if !dir().join("vkey").is_file() {
        write_once();
    }
    let read = |name: &str| std::fs::read(dir().join(name)).unwrap();
    let vkey = String::from_utf8(read("vkey"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let options = Options {
        key: Some(vkey),
        since: Some(read("checkpoint-40")),
    };
    for name in ["journal.zip", "extract.zip"] {
        let v = verify(&read(name), &options);
        assert!(v.ok, "{name}: {:?}", v.first_finding());
        assert_eq!((v.size, v.shown.len() as u64), (260, v.leaves));
    }
    // The journal opens as a journal and grows.
    let files: BTreeMap<String, Vec<u8>> = stored_members(&read("journal.zip"));
    let store = MemStorage::new(
        files
            .into_iter()
            .filter(|(n, _)| n != "vkey" && n != "manifest.json"),
    );
    let key = SigningKey::from_seed("compat.example/journal", &[3; 32]).unwrap();
    verify_storage(&store, &key.verifying_key()).unwrap();
    assert!(store.read("tile/1/000.p/1").unwrap().is_some());
    let mut log = TileLog::start(store, &key).unwrap();
    assert_eq!(log.entry(259).unwrap(), leaf(259));
    log.append(&[leaf(260)]).unwrap();
    assert_eq!(log.checkpoint(&key).unwrap().size, 261);
}

/// Members of a stored ZIP, by the published format rather than by our own reader.
fn stored_members(zip: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut members = BTreeMap::new();
    let mut rest = zip;
    while rest.starts_with(b"PK\x03\x04") {
        let n = |at: usize| u16::from_le_bytes([rest[at], rest[at + 1]]) as usize;
        let size = n(18) | n(20) << 16;
        let name = String::from_utf8(rest[30..30 + n(26)].to_vec()).unwrap();
        members.insert(name, rest[30 + n(26)..][..size].to_vec());
        rest = &rest[30 + n(26) + size..];
    }
    members
}
