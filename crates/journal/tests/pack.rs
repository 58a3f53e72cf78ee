//! Proof packs: what they prove, and what nobody can change in them unseen.

use proptest::prelude::*;
use saqshy_journal::pack::{
    self, ClaimState, Completeness, Options, PackError, Request, Verdict, export, export_all,
    verify,
};
use saqshy_journal::{Checkpoint, Leaf, MemStorage, SigningKey, TileLog, sha256};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::LazyLock;

fn key() -> SigningKey {
    SigningKey::from_seed("example.kz/journal", &[42; 32]).unwrap()
}

const DOCUMENT: &[u8] = b"%PDF-1.7 notice";

fn leaf(i: u64) -> Vec<u8> {
    let change = match i {
        7 => serde_json::json!({"document": {"sha256": hex::encode(sha256(DOCUMENT))}}),
        _ => serde_json::json!({"n": i}),
    };
    let leaf = Leaf {
        at: jiff::Timestamp::from_second(1_774_000_000 + i as i64).unwrap(),
        actor: format!("user:{}", i % 3),
        action: "incident.updated".into(),
        object: format!("incident:{}", i / 10),
        change,
        reason: None,
        edition: None,
    };
    leaf.canonical().unwrap()
}

fn log_of(sizes: &[u64]) -> (TileLog<MemStorage>, Vec<Checkpoint>) {
    let mut log = TileLog::start(MemStorage::default(), &key()).unwrap();
    let mut heads = vec![log.head().clone()];
    for size in sizes {
        let leaves: Vec<_> = (log.size()..*size).map(leaf).collect();
        log.append(&leaves).unwrap();
        heads.push(log.checkpoint(&key()).unwrap());
    }
    (log, heads)
}

fn with(head: &Checkpoint) -> Options {
    Options {
        key: Some(key().verifying_key()),
        since: Some(head.note().as_bytes().to_vec()),
    }
}

fn request(leaves: &[u64], since: &[u64]) -> Request {
    Request {
        leaves: leaves.to_vec(),
        since: since.to_vec(),
        ..Request::default()
    }
}

fn states(v: &Verdict) -> [ClaimState; 3] {
    [v.unchanged.state, v.in_order.state, v.complete_since.state]
}

use ClaimState::{Failed, NotChecked, Proven};

#[test]
fn an_extract_proves_its_leaves_and_since_when_the_history_is_whole() {
    let (log, heads) = log_of(&[100, 300, 302]);
    let vkey = key().verifying_key();
    let mut ask = request(&[9, 7, 301, 7], &[100, 300]);
    ask.documents = vec![DOCUMENT.to_vec()];
    let pack = export(&log, &ask, &vkey).unwrap();
    assert_eq!(pack, export(&log, &ask, &vkey).unwrap(), "deterministic");
    let v = verify(&pack, &Options::default());
    assert_eq!(states(&v), [Proven, Proven, NotChecked]);
    assert!(v.ok && !v.key_given);
    assert_eq!((v.size, v.leaves, v.documents), (302, 3, 1));
    assert_eq!(
        v.shown.iter().map(|l| l.index).collect::<Vec<_>>(),
        [7, 9, 301]
    );
    assert_eq!(v.shown[0].action, "incident.updated");
    let v = verify(&pack, &with(&heads[1]));
    assert_eq!(states(&v), [Proven; 3]);
    assert_eq!(
        v.completeness,
        Completeness::History {
            from: 100,
            count: 202,
            shown: 1
        }
    );
    // All leaves since the checkpoint of 300 would be 300 and 301.
    let since_300 = export(&log, &request(&[300, 301], &[300]), &vkey).unwrap();
    let v = verify(&since_300, &with(&heads[2]));
    assert_eq!(
        v.completeness,
        Completeness::All {
            from: 300,
            count: 2
        }
    );
    // The checkpoint itself, and the empty journal, need no proof in the pack.
    for head in [&heads[0], &heads[3]] {
        assert_eq!(states(&verify(&since_300, &with(head))), [Proven; 3]);
    }
}

#[test]
fn what_cannot_be_shown_fails_the_third_claim_only() {
    let (log, heads) = log_of(&[50, 100]);
    let vkey = key().verifying_key();
    let pack = export(&log, &request(&[3], &[]), &vkey).unwrap();
    let v = verify(&pack, &with(&heads[1]));
    assert_eq!((states(&v), v.ok), ([Proven, Proven, Failed], false));
    assert!(
        v.complete_since.findings[0]
            .what
            .contains("no proof from 50 leaves")
    );
    // A checkpoint newer than the pack.
    let (_, newer) = log_of(&[120]);
    let v = verify(&pack, &with(&newer[1]));
    assert!(
        v.complete_since.findings[0].what.contains("older one"),
        "{v:?}"
    );
    // Another history under the same key: somebody rewrote leaf 0 and signed again.
    let mut other = TileLog::start(MemStorage::default(), &key()).unwrap();
    let mut leaves: Vec<_> = (0..50).map(leaf).collect();
    leaves[0] = leaf(1000);
    other.append(&leaves).unwrap();
    let old = other.checkpoint(&key()).unwrap();
    let pack = export(&log, &request(&[3], &[50]), &vkey).unwrap();
    let v = verify(&pack, &with(&old));
    assert_eq!(states(&v), [Proven, Proven, Failed]);
    assert!(
        v.complete_since.findings[0].what.contains("changed"),
        "{v:?}"
    );
    // A checkpoint of somebody else, and bytes that are none.
    let stranger = SigningKey::from_seed("example.kz/journal", &[1; 32]).unwrap();
    let note = Checkpoint::sign(50, [0; 32], &stranger)
        .note()
        .as_bytes()
        .to_vec();
    for note in [note, b"hello".to_vec()] {
        let options = Options {
            key: None,
            since: Some(note),
        };
        assert_eq!(states(&verify(&pack, &options)), [Proven, Proven, Failed]);
    }
}

#[test]
fn a_whole_journal_is_complete_from_the_beginning_and_since_any_checkpoint() {
    let (log, heads) = log_of(&[10, 256, 700]);
    let vkey = key().verifying_key();
    let pack = export_all(&log, &[DOCUMENT.to_vec()], &vkey).unwrap();
    let v = verify(&pack, &Options::default());
    assert_eq!(states(&v), [Proven; 3], "{:?}", v.first_finding());
    assert_eq!(
        v.completeness,
        Completeness::All {
            from: 0,
            count: 700
        }
    );
    assert_eq!((v.leaves, v.shown.len(), v.documents), (700, 700, 1));
    assert!(v.shown.is_sorted_by_key(|l| l.index));
    for head in &heads {
        let v = verify(&pack, &with(head));
        let (from, count) = (head.size, 700 - head.size);
        assert_eq!(v.completeness, Completeness::All { from, count });
    }
}

#[test]
fn documents_must_be_named_by_a_leaf_of_the_pack() {
    let (log, _) = log_of(&[20]);
    let ask = Request {
        leaves: vec![6],
        since: vec![],
        documents: vec![DOCUMENT.to_vec()],
        ..Request::default()
    };
    let e = export(&log, &ask, &key().verifying_key()).unwrap_err();
    assert!(matches!(e, PackError::Unnamed(_)), "{e}");
    assert!(matches!(
        export(&log, &request(&[], &[]), &key().verifying_key()),
        Err(PackError::Empty)
    ));
    assert!(export(&log, &request(&[20], &[]), &key().verifying_key()).is_err());
    assert!(export(&log, &request(&[1], &[21]), &key().verifying_key()).is_err());
}

/// A journal with a case in leaves 3, 4 and 7 and its bundle in leaf 12.
fn bundled() -> (TileLog<MemStorage>, Request) {
    let files = BTreeMap::from([
        ("timeline.json".to_owned(), b"[]".to_vec()),
        ("verdict.kk.pdf".to_owned(), b"%PDF".to_vec()),
    ]);
    let leaf_12 = Leaf {
        at: jiff::Timestamp::from_second(1_774_000_900).unwrap(),
        actor: "user:1".into(),
        action: "dossier.made".into(),
        object: "incident:1".into(),
        change: serde_json::json!({"bundle": pack::bundle(&files, &[3, 4, 7])}),
        reason: None,
        edition: None,
    };
    let mut log = TileLog::start(MemStorage::default(), &key()).unwrap();
    let mut leaves: Vec<_> = (0..12).map(leaf).collect();
    leaves.push(leaf_12.canonical().unwrap());
    leaves.push(leaf(13));
    log.append(&leaves).unwrap();
    log.checkpoint(&key()).unwrap();
    let ask = Request {
        leaves: vec![3, 4, 7, 12],
        since: vec![],
        documents: vec![DOCUMENT.to_vec()],
        files,
    };
    (log, ask)
}

#[test]
fn nothing_can_be_taken_out_of_a_bundle() {
    let (log, ask) = bundled();
    let vkey = key().verifying_key();
    let pack = export(&log, &ask, &vkey).unwrap();
    let verdict = verify(&pack, &Options::default());
    assert!(verdict.ok, "{verdict:?}");
    assert_eq!((verdict.leaves, verdict.documents), (4, 3));
    assert_eq!(verdict.files, ["timeline.json", "verdict.kk.pdf"]);
    // The bundle's leaf is an ordinary one where no files come along.
    let alone = export(&log, &request(&[12], &[]), &vkey).unwrap();
    assert!(verify(&alone, &Options::default()).ok);

    let members = forge::open(&pack);
    let check = |change: &dyn Fn(&mut forge::Members)| {
        let mut forged = members.clone();
        change(&mut forged);
        verify(&forge::close(&forged), &Options::default())
    };
    // A leaf of the case left out, with its proof.
    let v = check(&|m| m.retain(|(n, _)| !n.contains("000000000004")));
    assert_eq!(v.unchanged.findings[0].path, "leaves/000000000004.json");
    // The bundle's own leaf, a file, a file under another name, another content, one more.
    let gone = |name: &'static str| check(&|m| m.retain(|(n, _)| !n.contains(name)));
    for (name, path) in [
        ("000000000012", "files/"),
        ("timeline", "files/timeline.json"),
    ] {
        let v = gone(name);
        assert_eq!((v.ok, v.unchanged.findings[0].path.as_str()), (false, path));
    }
    let exchange = |m: &mut forge::Members| {
        let json = std::mem::take(member(m, "files/timeline.json"));
        *member(m, "files/timeline.json") =
            std::mem::replace(member(m, "files/verdict.kk.pdf"), json);
    };
    let named = |v: &Verdict| {
        assert!(!v.ok);
        let paths = v.unchanged.findings.iter().map(|f| f.path.clone());
        paths.collect::<Vec<_>>()
    };
    let both = ["files/timeline.json", "files/verdict.kk.pdf", "files/"];
    assert_eq!(named(&check(&exchange)), both);
    let longer = check(&|m| member(m, "files/timeline.json").push(b' '));
    assert_eq!(named(&longer), ["files/timeline.json", "files/"]);
    let more = check(&|m| m.push(("files/more.txt".into(), vec![])));
    assert_eq!(named(&more), ["files/more.txt", "files/"]);
    // A forger who forgets the manifest.
    let mut forged = members.clone();
    member(&mut forged, "files/timeline.json").push(b' ');
    let v = verify(&forge::zip(&forged), &Options::default());
    assert_eq!(named(&v), ["files/timeline.json", "manifest.json"]);
    // And it is not made in the first place.
    let mut short = ask.clone();
    short.leaves.retain(|leaf| *leaf != 4);
    assert!(matches!(
        export(&log, &short, &vkey),
        Err(PackError::Damaged(_))
    ));
}

static BUNDLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (log, ask) = bundled();
    export(&log, &ask, &key().verifying_key()).unwrap()
});

/// A pack as members, to be changed and written again the way a careful forger would.
mod forge {
    pub type Members = Vec<(String, Vec<u8>)>;

    pub fn open(pack: &[u8]) -> Members {
        let mut members = Members::new();
        let mut rest = pack;
        while rest.starts_with(b"PK\x03\x04") {
            let n = |at: usize| u16::from_le_bytes([rest[at], rest[at + 1]]) as usize;
            let size = n(18) | n(20) << 16;
            let name = String::from_utf8(rest[30..30 + n(26)].to_vec()).unwrap();
            members.push((name, rest[30 + n(26)..][..size].to_vec()));
            rest = &rest[30 + n(26) + size..];
        }
        members
    }

    /// Writes the members with the right checksums and manifest.
    pub fn close(members: &Members) -> Vec<u8> {
        let mut members = members.clone();
        members.retain(|(name, _)| name != "manifest.json");
        members.sort();
        let files: Vec<String> = members
            .iter()
            .map(|(name, data)| {
                let hash = hex::encode(super::sha256(data));
                format!(
                    r#"{{"bytes":{},"path":"{name}","sha256":"{hash}"}}"#,
                    data.len()
                )
            })
            .collect();
        let manifest = format!(
            r#"{{"files":[{}],"format":"saqshy-pack/1"}}"#,
            files.join(",")
        );
        members.insert(0, ("manifest.json".into(), manifest.into_bytes()));
        zip(&members)
    }

    pub fn zip(members: &Members) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (name, data) in members {
            let mut fields = vec![20, 0, 0, 8, 0, 0, 0, 0, 0x21, 0];
            let length = (data.len() as u32).to_le_bytes();
            fields.extend(crc32fast::hash(data).to_le_bytes());
            fields.extend([length, length].concat());
            fields.extend((name.len() as u16).to_le_bytes());
            fields.extend([0, 0]);
            directory.extend(b"PK\x01\x02\x14\x03");
            directory.extend(&fields);
            directory.extend([0; 6]);
            directory.extend((0o100_644u32 << 16).to_le_bytes());
            directory.extend((out.len() as u32).to_le_bytes());
            directory.extend(name.as_bytes());
            out.extend(b"PK\x03\x04");
            out.extend(&fields);
            out.extend(name.as_bytes());
            out.extend(data);
        }
        let start = (out.len() as u32).to_le_bytes();
        let count = (members.len() as u16).to_le_bytes();
        out.extend(&directory);
        out.extend(b"PK\x05\x06\0\0\0\0");
        out.extend([count, count].concat());
        out.extend((directory.len() as u32).to_le_bytes());
        out.extend(start);
        out.extend([0, 0]);
        out
    }
}

fn member<'a>(members: &'a mut forge::Members, name: &str) -> &'a mut Vec<u8> {
    &mut members.iter_mut().find(|(n, _)| n == name).unwrap().1
}

#[test]
fn a_careful_forger_is_found_too() {
    let (log, _) = log_of(&[40]);
    let vkey = key().verifying_key();
    let ask = Request {
        leaves: vec![5, 7, 8],
        since: vec![30],
        documents: vec![DOCUMENT.to_vec()],
        ..Request::default()
    };
    let pack = export(&log, &ask, &vkey).unwrap();
    let members = forge::open(&pack);
    assert_eq!(forge::close(&members), pack, "the forger writes as we do");
    let check = |change: &dyn Fn(&mut forge::Members)| {
        let mut forged = members.clone();
        change(&mut forged);
        let pack = forge::close(&forged);
        verify(
            &pack,
            &Options {
                key: Some(vkey.clone()),
                since: None,
            },
        )
    };
    let leaf_5 = "leaves/000000000005.json";
    let leaf_8 = "leaves/000000000008.json";
    let proof_5 = "proofs/000000000005.tlog-proof";
    let document = format!("documents/{}", hex::encode(sha256(DOCUMENT)));
    // Another text in a leaf.
    let v = check(&|m| member(m, leaf_5)[20] ^= 1);
    assert_eq!(
        (v.ok, v.unchanged.findings[0].path.as_str()),
        (false, leaf_5)
    );
    // Two leaves exchanged.
    let v = check(&|m| {
        let five = member(m, leaf_5).clone();
        let eight = std::mem::replace(member(m, leaf_8), five);
        *member(m, leaf_5) = eight;
    });
    assert_eq!(v.unchanged.findings.len(), 2, "{v:?}");
    // A leaf under another index, with the proof renamed along.
    let v = check(&|m| {
        for (name, _) in m.iter_mut() {
            *name = name.replace("000000000005", "000000000006");
        }
    });
    assert!(!v.ok && v.in_order.state == Failed, "{v:?}");
    // A proof without its leaf, a leaf without its proof, a proof with extra data.
    assert!(!check(&|m| m.retain(|(n, _)| n != leaf_5)).ok);
    assert!(!check(&|m| m.retain(|(n, _)| n != proof_5)).ok);
    assert!(!check(&|m| member(m, proof_5).extend(b"x")).ok);
    // A document exchanged, renamed, added; a member that nobody knows.
    assert!(!check(&|m| member(m, &document).push(b'!')).ok);
    assert!(
        !check(&|m| {
            let other = hex::encode(sha256(b"other"));
            m.push((format!("documents/{other}"), b"other".to_vec()));
        })
        .ok
    );
    assert!(!check(&|m| m.push(("readme.txt".into(), b"trust me".to_vec()))).ok);
    assert!(!check(&|m| m.push(("consistency/030".into(), vec![]))).ok);
    assert!(!check(&|m| *member(m, "consistency/30") = b"AAAA\n".to_vec()).ok);
    // Everything rebuilt and signed by another key.
    let stranger = SigningKey::from_seed("example.kz/journal", &[1; 32]).unwrap();
    let mut other = TileLog::start(MemStorage::default(), &stranger).unwrap();
    other.append(&[leaf(99)]).unwrap();
    other.checkpoint(&stranger).unwrap();
    let forged = export_all(&other, &[], &stranger.verifying_key()).unwrap();
    assert!(
        verify(&forged, &Options::default()).ok,
        "a pack of their own"
    );
    let v = verify(
        &forged,
        &Options {
            key: Some(vkey.clone()),
            since: None,
        },
    );
    assert_eq!(states(&v), [Failed, NotChecked, NotChecked]);
    // A manifest that says something else, members in another order.
    let mut odd = members.clone();
    odd.swap(2, 3);
    assert!(!verify(&forge::zip(&odd), &Options::default()).ok);
    let mut odd = members.clone();
    odd[0].1 = b"{}".to_vec();
    assert!(!verify(&forge::zip(&odd), &Options::default()).ok);
}

static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (log, _) = log_of(&[12]);
    let ask = Request {
        leaves: vec![7],
        since: vec![5],
        documents: vec![DOCUMENT.to_vec()],
        ..Request::default()
    };
    export(&log, &ask, &key().verifying_key()).unwrap()
});

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (log, _) = log_of(&[20, 300]);
    export_all(&log, &[], &key().verifying_key()).unwrap()
});

#[test]
fn every_single_bit_of_an_extract_counts() {
    let pack = SMALL.clone();
    for bit in 0..pack.len() * 8 {
        let mut bad = pack.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(!verify(&bad, &Options::default()).ok, "bit {bit}");
    }
}

proptest! {
    #[test]
    fn one_flipped_bit_of_a_journal_pack_is_found(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bad = WHOLE.clone();
        let at = at.index(bad.len());
        bad[at] ^= 1 << bit;
        let v = verify(&bad, &Options::default());
        prop_assert!(!v.ok);
        prop_assert_eq!(v.unchanged.state, Failed);
    }

    #[test]
    fn one_changed_byte_of_a_bundle_is_found(at in any::<prop::sample::Index>(), by in 1u8..=255) {
        let mut bad = BUNDLE.clone();
        let at = at.index(bad.len());
        bad[at] ^= by;
        prop_assert!(!verify(&bad, &Options::default()).ok);
    }

    #[test]
    fn cut_or_lengthened_packs_are_found(cut in any::<prop::sample::Index>(), extra in prop::collection::vec(any::<u8>(), 1..40)) {
        let pack = &*SMALL;
        prop_assert!(!verify(&pack[..cut.index(pack.len())], &Options::default()).ok);
        prop_assert!(!verify(&[pack.as_slice(), &extra].concat(), &Options::default()).ok);
        prop_assert!(!verify(&[&extra, pack.as_slice()].concat(), &Options::default()).ok);
    }

    #[test]
    fn junk_is_no_pack_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!verify(&bytes, &Options::default()).ok);
        let disguised = [b"PK\x03\x04".as_slice(), &bytes].concat();
        prop_assert!(!verify(&disguised, &Options::default()).ok);
    }
}

#[test]
fn the_program_answers_in_three_languages_with_its_exit_status() {
    let dir = tempfile::tempdir().unwrap();
    let (log, heads) = log_of(&[10, 30]);
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let vkey = key().verifying_key();
    std::fs::write(
        path("a.zip"),
        export(&log, &request(&[4], &[10]), &vkey).unwrap(),
    )
    .unwrap();
    std::fs::write(path("old"), heads[1].note()).unwrap();
    std::fs::write(path("vkey"), format!("{vkey}\n")).unwrap();
    let run = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_saqshy-verify"))
            .args(args)
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap();
        (out.status.code().unwrap(), text)
    };
    let (pack, old, vkey_file) = (path("a.zip"), path("old"), path("vkey"));
    let (code, text) = run(&[&pack]);
    assert!(
        code == 0 && text.ends_with("VERIFIED\n") && text.contains("--since"),
        "{text}"
    );
    assert!(text.contains("from the pack itself"), "{text}");
    let (code, text) = run(&[&pack, "--key", &vkey_file, "--since", &old]);
    assert!(code == 0 && text.matches("[ok]").count() == 3, "{text}");
    let (code, text) = run(&[&pack, "--lang", "kk", &format!("--key={vkey}")]);
    assert!(
        code == 0 && text.contains("РАСТАЛДЫ") && text.contains("Өзгермеген"),
        "{text}"
    );
    let (_, text) = run(&[&pack, "--lang=ru"]);
    assert!(text.contains("ПОДТВЕРЖДЕНО"), "{text}");
    let (code, text) = run(&[&pack, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &json["ok"], &json["unchanged"]["state"]),
        (0, &true.into(), &"proven".into())
    );
    let mut bad = std::fs::read(&pack).unwrap();
    bad[300] ^= 1;
    std::fs::write(path("b.zip"), bad).unwrap();
    let (code, text) = run(&[&path("b.zip")]);
    assert!(
        code == 1 && text.ends_with("NOT VERIFIED\n") && text.contains("[XX]"),
        "{text}"
    );
    for wrong in [
        vec![],
        vec!["nowhere.zip"],
        vec![&pack, "--key", "x"],
        vec![&pack, "--lang", "de"],
        vec![&pack, "--format", "xml"],
        vec![&pack, "--since", "nowhere"],
        vec![&pack, "--what"],
        vec![&pack, &pack],
        vec![&pack, "--key"],
    ] {
        let (code, text) = run(&wrong);
        assert_eq!(code, 2, "{wrong:?} {text}");
    }
    assert_eq!(run(&["--help"]).0, 0);
    // A folder, with and without a key.
    let journal = path("journal");
    let mut log = TileLog::open_or_create(journal.as_ref(), &key()).unwrap();
    log.append(&[leaf(0)]).unwrap();
    log.checkpoint(&key()).unwrap();
    assert_eq!(run(&[&journal]).0, 2);
    let (code, text) = run(&[&journal, "--key", &vkey_file]);
    assert!(code == 0 && text.contains("1 leaves"), "{text}");
    std::fs::write(format!("{journal}/tile/0/000.p/1"), [0u8; 32]).unwrap();
    let (code, text) = run(&[&journal, "--key", &vkey_file]);
    assert!(code == 1 && text.contains("tile/0/000.p/1"), "{text}");
}
