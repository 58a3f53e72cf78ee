//! Verification of a whole journal: every byte of every file is recomputed from the leaves and
//! compared, up to the signed root.

use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, leaf_hash, root_of};
use crate::log::{CHECKPOINT, Edge, Place, place};
use crate::note::VerifyingKey;
use crate::storage::{DirStorage, Storage};
use crate::tile::{self, Kind, TILE_WIDTH, Tile, tiles_of};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Something wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Finding {
    /// The file, relative to the journal.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
}

/// A journal in which nothing is wrong.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// Name of the log.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root hash, hexadecimal.
    pub root: String,
    /// Number of files that were checked.
    pub files: u64,
    /// Files that an interrupted writer left beyond the checkpoint; nobody was told they count.
    pub leftovers: Vec<String>,
}

/// Checks the journal in `dir` against the key of its owner. Reads every file, changes none.
pub fn verify_dir(dir: &Path, key: &VerifyingKey) -> Result<Report, Vec<Finding>> {
    verify_storage(&DirStorage::reader(dir), key)
}

/// Checks the journal in a storage.
///
/// A writer may publish meanwhile and clear away narrower tiles; then the check begins again, as
/// often as a busy writer makes it necessary.
pub fn verify_storage<S: Storage>(store: &S, key: &VerifyingKey) -> Result<Report, Vec<Finding>> {
    const TRIES: usize = 64;
    let mut result = Err(Vec::new());
    for _ in 0..TRIES {
        let before = store.read(CHECKPOINT).ok();
        result = verify_once(store, key);
        if result.is_ok() || store.read(CHECKPOINT).ok() == before {
            break;
        }
    }
    result
}

fn verify_once<S: Storage>(store: &S, key: &VerifyingKey) -> Result<Report, Vec<Finding>> {
    let one = |path: &str, what: String| {
        vec![Finding {
            path: path.to_owned(),
            what,
        }]
    };
    let bytes = match store.read(CHECKPOINT) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(one(CHECKPOINT, "it is missing".into())),
        Err(e) => return Err(one(CHECKPOINT, format!("it cannot be read: {e}"))),
    };
    let head = Checkpoint::open(&bytes, key).map_err(|e| one(CHECKPOINT, e.to_string()))?;
    let files = store
        .list()
        .map_err(|e| one(".", format!("it cannot be listed: {e}")))?;
    let mut check = Check {
        store,
        head,
        findings: BTreeSet::new(),
    };
    check.run(files)
}

struct Check<'a, S: Storage> {
    store: &'a S,
    head: Checkpoint,
    findings: BTreeSet<Finding>,
}

/// A tree computed from one source of leaf hashes, with the tiles above level 0 that it implies.
#[derive(Default)]
struct Candidate {
    edge: Edge,
    upper: BTreeMap<(u8, u64), Vec<u8>>,
}

impl Candidate {
    fn push(&mut self, hashes: &[Hash]) {
        let upper = &mut self.upper;
        for hash in hashes {
            self.edge.push_leaf_hash(*hash, &mut |tile, bytes| {
                if let Kind::Hashes(level @ 1..) = tile.kind {
                    upper.insert((level, tile.n), bytes);
                }
            });
        }
    }

    fn finish(&mut self) {
        for (tile, bytes) in self.edge.partial() {
            if let Kind::Hashes(level @ 1..) = tile.kind {
                self.upper.insert((level, tile.n), bytes);
            }
        }
    }
}

/// The two records of the leaf hashes of one tile.
struct Pair {
    entries: Option<Vec<Hash>>,
    hashes: Option<Vec<Hash>>,
}

impl<S: Storage> Check<'_, S> {
    fn run(&mut self, files: Vec<String>) -> Result<Report, Vec<Finding>> {
        let size = self.head.size;
        let trusted = self.find_trusted_tree();
        let present: BTreeSet<&str> = files.iter().map(String::as_str).collect();
        for tile in tiles_of(size) {
            let path = tile.path();
            if !present.contains(path.as_str()) {
                self.found(path, "it is missing");
            }
        }
        let mut leftovers = Vec::new();
        let mut checked = 0;
        for path in &files {
            match place(path, size) {
                Place::Foreign => self.found(path.clone(), "it does not belong to a journal"),
                Place::Beyond => leftovers.push(path.clone()),
                Place::Current | Place::Partial | Place::Superseded => {
                    checked += 1;
                    if let (Some(tree), Some(tile)) = (&trusted, Tile::parse(path)) {
                        self.compare(tree, tile, path);
                    }
                }
            }
        }
        if !self.findings.is_empty() {
            return Err(std::mem::take(&mut self.findings).into_iter().collect());
        }
        leftovers.sort();
        Ok(Report {
            origin: self.head.origin.clone(),
            size,
            root: hex::encode(self.head.root),
            files: checked,
            leftovers,
        })
    }

    fn found(&mut self, path: String, what: impl Into<String>) {
        self.findings.insert(Finding {
            path,
            what: what.into(),
        });
    }

    fn read(&mut self, path: &str) -> Option<Vec<u8>> {
        match self.store.read(path) {
            Ok(found) => found,
            Err(e) => {
                self.found(path.to_owned(), format!("it cannot be read: {e}"));
                None
            }
        }
    }

    /// Leaf hashes according to a file of entries or of level 0, when it has the right count.
    fn leaf_hashes(&mut self, tile: Tile) -> Option<Vec<Hash>> {
        let path = tile.path();
        let bytes = self.read(&path)?;
        let hashes = match tile.kind {
            Kind::Entries => tile::decode_entries(&bytes)
                .map(|entries| entries.into_iter().map(leaf_hash).collect()),
            Kind::Hashes(_) => tile::decode_hashes(&bytes),
        };
        let hashes = hashes.filter(|h: &Vec<Hash>| h.len() as u64 == tile.width);
        if hashes.is_none() {
            self.found(path, format!("it does not hold {} whole items", tile.width));
        }
        hashes
    }

    fn pair(&mut self, n: u64) -> Pair {
        let size = self.head.size;
        let mut of = |kind| Tile::at(kind, n, size).and_then(|t| self.leaf_hashes(t));
        Pair {
            entries: of(Kind::Entries),
            hashes: of(Kind::Hashes(0)),
        }
    }

    /// Builds the tree from the entries, from the tiles of level 0, and from whichever of the two
    /// the tile above agrees with; returns the one that has the signed root.
    fn find_trusted_tree(&mut self) -> Option<Candidate> {
        let size = self.head.size;
        let mut trees = [(); 3].map(|()| Candidate::default());
        let mut disagree = Vec::new();
        let mut lost = false;
        for n in 0..size.div_ceil(TILE_WIDTH) {
            let Pair { entries, hashes } = self.pair(n);
            let (e, h) = match (&entries, &hashes) {
                (Some(e), Some(h)) => (e, h),
                (Some(one), None) | (None, Some(one)) => (one, one),
                (None, None) => {
                    lost = true;
                    continue;
                }
            };
            let mut picked = e;
            if e != h {
                disagree.push(n);
                if self.parent_hash(n) == Some(root_of(h)) {
                    picked = h;
                }
            }
            for (tree, source) in trees.iter_mut().zip([picked, e, h]) {
                tree.push(source);
            }
        }
        if lost {
            return None;
        }
        let found = trees.into_iter().find(|t| t.edge.root() == self.head.root);
        if let Some(mut tree) = found {
            tree.finish();
            return Some(tree);
        }
        for n in &disagree {
            for kind in [Kind::Entries, Kind::Hashes(0)] {
                if let Some(tile) = Tile::at(kind, *n, size) {
                    self.found(tile.path(), "entries and leaf hashes contradict each other");
                }
            }
        }
        if disagree.is_empty() {
            self.found(
                CHECKPOINT.to_owned(),
                "the leaves do not give the signed root: this is another history",
            );
        }
        None
    }

    /// What the tile of level 1 says about tile `n` of level 0.
    fn parent_hash(&mut self, n: u64) -> Option<Hash> {
        let tile = Tile::at(Kind::Hashes(1), n / TILE_WIDTH, self.head.size)?;
        let bytes = self.read(&tile.path())?;
        tile::decode_hashes(&bytes)?
            .get((n % TILE_WIDTH) as usize)
            .copied()
    }

    /// Compares one file with the tree that has the signed root.
    fn compare(&mut self, tree: &Candidate, tile: Tile, path: &str) {
        let good = match tile.kind {
            Kind::Hashes(level @ 1..) => {
                let width = tile.width as usize * 32;
                let want = tree
                    .upper
                    .get(&(level, tile.n))
                    .and_then(|w| w.get(..width));
                let got = self.read(path);
                want.is_some() && got.as_deref() == want
            }
            Kind::Entries | Kind::Hashes(_) => {
                let Some(got) = self.leaf_hashes(tile) else {
                    return; // said already
                };
                self.true_leaf_hashes(tree, tile.n)
                    .is_some_and(|want| want.get(..got.len()) == Some(&got[..]))
            }
        };
        if !good {
            self.found(path.to_owned(), "it is not what was signed");
        }
    }

    /// The leaf hashes of tile `n` that the trusted tree was built from.
    fn true_leaf_hashes(&mut self, tree: &Candidate, n: u64) -> Option<Vec<Hash>> {
        let Pair { entries, hashes } = self.pair(n);
        match (entries, hashes) {
            (Some(e), Some(h)) if e != h => {
                let want = match tree.upper.get(&(1, n / TILE_WIDTH)) {
                    Some(bytes) if e.len() as u64 == TILE_WIDTH => {
                        let at = (n % TILE_WIDTH) as usize * 32;
                        bytes.get(at..at + 32).map(<[u8]>::to_vec)
                    }
                    _ => tree
                        .edge
                        .partial()
                        .into_iter()
                        .find(|(t, _)| t.kind == Kind::Hashes(0))
                        .map(|(_, bytes)| {
                            root_of(&tile::decode_hashes(&bytes).unwrap_or_default()).to_vec()
                        }),
                };
                [e, h]
                    .into_iter()
                    .find(|c| Some(root_of(c).to_vec()) == want)
            }
            (e, h) => e.or(h),
        }
    }
}
