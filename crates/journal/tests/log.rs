//! The log as a whole: growth, proofs, interrupted writers, flipped bits.

use proptest::prelude::*;
use saqshy_journal::{
    Checkpoint, LogError, MemStorage, SigningKey, Storage, TileLog, leaf_hash, proof, root_of,
    verify_dir, verify_storage,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

fn key() -> SigningKey {
    SigningKey::from_seed("example.kz/journal", &[42; 32]).unwrap()
}

fn leaf(i: u64) -> Vec<u8> {
    format!(
        "{{\"n\":{i},\"text\":\"{}\"}}",
        "ж".repeat((i % 7) as usize)
    )
    .into_bytes()
}

fn leaves(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    range.map(leaf).collect()
}

/// A log in memory that was published at each of `sizes`.
fn grown(sizes: &[u64]) -> (TileLog<MemStorage>, Vec<Checkpoint>) {
    let mut log = TileLog::start(MemStorage::default(), &key()).unwrap();
    let mut heads = Vec::new();
    for size in sizes {
        log.append(&leaves(log.size()..*size)).unwrap();
        heads.push(log.checkpoint(&key()).unwrap());
    }
    (log, heads)
}

#[test]
fn a_large_log_grows_across_tile_borders_and_proves_itself() {
    let sizes = [
        1, 2, 200, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_800,
    ];
    let (log, heads) = grown(&sizes);
    let hashes: Vec<_> = (0..65_800).map(|i| leaf_hash(&leaf(i))).collect();
    for head in &heads {
        assert_eq!(head.root, root_of(&hashes[..head.size as usize]));
        assert_eq!(log.root_at(head.size).unwrap(), head.root);
        let p = log.consistency_proof(head.size, 65_800).unwrap();
        let last = log.head();
        assert!(proof::verify_consistency(
            head.size, &head.root, last.size, &last.root, &p
        ));
        for index in [0, head.size / 2, head.size - 1] {
            let p = log.inclusion_proof(index, head.size).unwrap();
            let hash = leaf_hash(&log.entry(index).unwrap());
            assert!(proof::verify_inclusion(
                &hash, index, head.size, &p, &head.root
            ));
        }
    }
    assert_eq!(log.entries(250..260).unwrap(), leaves(250..260));
    assert!(matches!(
        log.entry(65_800),
        Err(LogError::OutOfRange { .. })
    ));
    assert!(log.inclusion_proof(5, 5).is_err());
    assert!(log.consistency_proof(6, 5).is_err());
}

#[test]
fn partial_tiles_live_until_the_full_tile_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = TileLog::open_or_create(dir.path(), &key()).unwrap();
    for size in [100, 200] {
        log.append(&leaves(log.size()..size)).unwrap();
        log.checkpoint(&key()).unwrap();
    }
    assert!(dir.path().join("tile/entries/000.p/100").is_file());
    assert!(dir.path().join("tile/0/000.p/200").is_file());
    log.append(&leaves(200..300)).unwrap();
    log.checkpoint(&key()).unwrap();
    assert!(dir.path().join("tile/0/000").is_file());
    assert!(!dir.path().join("tile/0/000.p").exists());
    assert!(dir.path().join("tile/1/000.p/1").is_file());
    drop(log);
    let report = verify_dir(dir.path(), &key().verifying_key()).unwrap();
    assert_eq!((report.size, report.leftovers.len()), (300, 0));
    let log = TileLog::open_or_create(dir.path(), &key()).unwrap();
    assert_eq!(log.entry(299).unwrap(), leaf(299));
}

#[test]
fn a_log_without_its_checkpoint_is_not_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = TileLog::open_or_create(dir.path(), &key()).unwrap();
    log.append(&leaves(0..3)).unwrap();
    log.checkpoint(&key()).unwrap();
    drop(log);
    std::fs::remove_file(dir.path().join("checkpoint")).unwrap();
    assert!(matches!(
        TileLog::open_or_create(dir.path(), &key()),
        Err(LogError::NoCheckpoint)
    ));
    let found = verify_dir(dir.path(), &key().verifying_key()).unwrap_err();
    assert_eq!(found[0].path, "checkpoint");
}

#[test]
fn a_leaf_of_a_wrong_length_stages_nothing() {
    let (mut log, _) = grown(&[1]);
    assert!(log.append(&[leaf(1), vec![]]).is_err());
    assert!(log.append(&[vec![b'x'; 65_536]]).is_err());
    assert_eq!(log.staged(), 0);
    log.append(&[vec![b'x'; 65_535]]).unwrap();
    log.checkpoint(&key()).unwrap();
    assert_eq!(log.entry(1).unwrap().len(), 65_535);
}

#[test]
fn missing_foreign_and_left_over_files_are_told_apart() {
    let (log, _) = grown(&[300, 700]);
    drop(log);
    let dir = tempfile::tempdir().unwrap();
    let mut log = TileLog::open_or_create(dir.path(), &key()).unwrap();
    log.append(&leaves(0..700)).unwrap();
    log.checkpoint(&key()).unwrap();
    drop(log);
    let vkey = key().verifying_key();
    let file = |p: &str| dir.path().join(p);
    std::fs::write(file("tile/0/003"), b"left over").unwrap();
    std::fs::write(file("tile/0/002.p/188.tmp"), b"unfinished").unwrap();
    let report = verify_dir(dir.path(), &vkey).unwrap();
    assert_eq!(report.leftovers, ["tile/0/002.p/188.tmp", "tile/0/003"]);
    // A writer that opens the log clears them away.
    drop(TileLog::open_or_create(dir.path(), &key()).unwrap());
    assert!(verify_dir(dir.path(), &vkey).unwrap().leftovers.is_empty());
    std::fs::write(file("notes.txt"), b"hello").unwrap();
    std::fs::remove_file(file("tile/entries/001")).unwrap();
    let found = verify_dir(dir.path(), &vkey).unwrap_err();
    let paths: Vec<_> = found.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["notes.txt", "tile/entries/001"]);
}

#[test]
fn a_journal_is_verified_while_it_grows() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = TileLog::open_or_create(dir.path(), &key()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|s| {
        s.spawn(|| {
            while !done.load(order) {
                let report = verify_dir(dir.path(), &key().verifying_key());
                assert!(report.is_ok(), "{report:?}");
            }
        });
        for _ in 0..30 {
            log.append(&leaves(log.size()..log.size() + 90)).unwrap();
            log.checkpoint(&key()).unwrap();
        }
        done.store(true, order);
    });
}

/// A storage whose write number `fail_at` fails, after it took effect or before.
#[derive(Clone, Default)]
struct Faulty {
    files: Rc<RefCell<BTreeMap<String, Vec<u8>>>>,
    fail_at: Rc<Cell<Option<u64>>>,
    persists: Rc<Cell<bool>>,
}

impl Faulty {
    fn step(&self, act: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> io::Result<()> {
        match self.fail_at.get() {
            Some(0) => {
                if self.persists.get() {
                    act(&mut self.files.borrow_mut());
                }
                Err(io::Error::other("injected"))
            }
            left => {
                self.fail_at.set(left.map(|n| n - 1));
                act(&mut self.files.borrow_mut());
                Ok(())
            }
        }
    }
}

impl Storage for Faulty {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files.borrow().get(path).cloned())
    }
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|f| {
            f.insert(path.to_owned(), bytes.to_vec());
        })
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.step(|f| {
            f.remove(path);
        })
    }
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.borrow().keys().cloned().collect())
    }
}

/// Publishes `steps` batches until the fault; returns how many leaves were acknowledged.
fn work(store: &Faulty, steps: &[u64]) -> (u64, u64) {
    let Ok(mut log) = TileLog::start(store.clone(), &key()) else {
        return (0, 0);
    };
    let mut tried = log.size();
    for step in steps {
        if log.append(&leaves(log.size()..log.size() + step)).is_err() {
            break;
        }
        tried = log.size() + step;
        if log.checkpoint(&key()).is_err() {
            assert!(matches!(log.append(&[leaf(0)]), Err(LogError::Reopen)));
            assert!(matches!(log.checkpoint(&key()), Err(LogError::Reopen)));
            break;
        }
    }
    (log.size(), tried)
}

#[test]
fn after_any_failed_write_the_log_reopens_with_every_acknowledged_leaf() {
    let steps = [1, 3, 250, 5, 300, 1];
    let mut cases = 0;
    for persists in [false, true] {
        for fail_at in 0.. {
            let store = Faulty::default();
            store.fail_at.set(Some(fail_at));
            store.persists.set(persists);
            let (acknowledged, tried) = work(&store, &steps);
            let done = store.fail_at.get() != Some(0);
            store.fail_at.set(None);
            if let Err(found) = verify_storage(&store, &key().verifying_key()) {
                // Only the very first checkpoint may be missing.
                assert!(
                    acknowledged == 0 && found[0].path == "checkpoint",
                    "{found:?}"
                );
            }
            let mut log = TileLog::start(store.clone(), &key()).unwrap();
            assert!(acknowledged <= log.size() && log.size() <= tried.max(acknowledged));
            assert_eq!(log.entries(0..log.size()).unwrap(), leaves(0..log.size()));
            // The caller appends what is missing, possibly in other batches.
            log.append(&leaves(log.size()..log.size() + 270)).unwrap();
            log.checkpoint(&key()).unwrap();
            let report = verify_storage(&store, &key().verifying_key()).unwrap();
            assert_eq!((report.size, report.leftovers), (log.size(), vec![]));
            cases += 1;
            if done {
                break;
            }
        }
    }
    assert!(cases > 40, "{cases}");
}

#[test]
fn opening_survives_faults_while_it_clears_up() {
    for persists in [false, true] {
        for fail_at in 0..6 {
            let store = Faulty::default();
            work(&store, &[200]);
            store.fail_at.set(Some(4));
            work(&store, &[400]); // writes tiles, not the checkpoint
            store.fail_at.set(Some(fail_at));
            store.persists.set(persists);
            let _ = TileLog::start(store.clone(), &key());
            store.fail_at.set(None);
            let log = TileLog::start(store.clone(), &key()).unwrap();
            assert_eq!(log.entries(0..200).unwrap(), leaves(0..200));
        }
    }
}

/// All files of a log that was published at several sizes, and its key.
fn sample_files() -> Vec<(String, Vec<u8>)> {
    let store = Faulty::default();
    work(&store, &[3, 200, 297, 300]);
    let files = store.files.borrow().clone();
    files.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn one_flipped_bit_in_any_file_is_found_and_named(file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        thread_local!(static FILES: Vec<(String, Vec<u8>)> = sample_files());
        let mut files = FILES.with(Clone::clone);
        let file = file.index(files.len());
        let path = files[file].0.clone();
        let at = at.index(files[file].1.len());
        files[file].1[at] ^= 1 << bit;
        let found = verify_storage(&MemStorage::new(files), &key().verifying_key()).unwrap_err();
        prop_assert!(found.iter().any(|f| f.path == path), "{} {:?}", path, found);
        prop_assert_eq!(found.len(), 1, "{:?}", found);
    }

    #[test]
    fn two_flipped_bits_are_both_found(a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        thread_local!(static FILES: Vec<(String, Vec<u8>)> = sample_files());
        let mut files = FILES.with(Clone::clone);
        let paths: std::collections::BTreeSet<_> = [a, b].iter().map(|i| {
            let (path, bytes) = &mut files[i.index(FILES.with(Vec::len))];
            let at = at.index(bytes.len());
            bytes[at] ^= 4;
            path.clone()
        }).collect();
        let same = paths.len() == 1;
        let result = verify_storage(&MemStorage::new(files), &key().verifying_key());
        if same { return Ok(()); } // flipped back
        let found = result.unwrap_err();
        let named: std::collections::BTreeSet<_> = found.iter().map(|f| f.path.clone()).collect();
        prop_assert!(named.contains("checkpoint") || named.is_superset(&paths), "{:?} {:?}", paths, found);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_batches_give_the_same_tree_and_any_prefix_is_consistent(steps in prop::collection::vec(1u64..400, 1..8), cut in any::<prop::sample::Index>()) {
        let mut sizes = Vec::new();
        let mut size = 0;
        for s in steps { size += s; sizes.push(size); }
        let (log, heads) = grown(&sizes);
        let hashes: Vec<_> = (0..size).map(|i| leaf_hash(&leaf(i))).collect();
        prop_assert_eq!(log.head().root, root_of(&hashes));
        let head = &heads[cut.index(heads.len())];
        let p = log.consistency_proof(head.size, size).unwrap();
        prop_assert!(proof::verify_consistency(head.size, &head.root, size, &log.head().root, &p));
    }
}
