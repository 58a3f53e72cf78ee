//! The log itself: tiles in a storage, one writer.

use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, empty_root, leaf_hash, root_of};
use crate::leaf::{LeafError, check_length};
use crate::note::{NoteError, SigningKey, VerifyingKey};
use crate::proof::{self, Nodes};
use crate::storage::{DirStorage, Storage, UNFINISHED};
use crate::tile::{self, Kind, LEVELS_MAX, TILE_WIDTH, Tile};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::Path;

/// Path of the signed tree head.
pub const CHECKPOINT: &str = "checkpoint";

/// What can go wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The storage failed. While publishing, the outcome is unknown: reopen the log.
    #[error("could not {what} `{path}` of the journal")]
    Storage {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// An earlier storage failure left the outcome unknown.
    #[error("the journal has to be reopened after a storage failure")]
    Reopen,
    /// A leaf of a wrong length; nothing was staged.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The checkpoint is not signed by the expected key.
    #[error("the checkpoint of the journal is not valid")]
    Checkpoint(#[from] NoteError),
    /// The directory holds files but no checkpoint.
    #[error("there are journal files but no checkpoint; restore it from a backup")]
    NoCheckpoint,
    /// A file is missing or contradicts the signed tree head.
    #[error("`{path}` of the journal is damaged: {what}")]
    Damaged {
        /// Which file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// An index or a size that the log does not have.
    #[error("the journal has {size} leaves, {asked} was asked for")]
    OutOfRange {
        /// What was asked for.
        asked: u64,
        /// What there is.
        size: u64,
    },
}

fn storage(what: &'static str, path: &str) -> impl FnOnce(io::Error) -> LogError {
    let path = path.to_owned();
    move |source| LogError::Storage { what, path, source }
}

fn damaged(path: &str, what: impl Into<String>) -> LogError {
    LogError::Damaged {
        path: path.to_owned(),
        what: what.into(),
    }
}

/// The unfinished right-hand edge of the tree.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Edge {
    /// Hashes of the last, incomplete tile of each level.
    levels: Vec<Vec<Hash>>,
    /// Entries of the last, incomplete bundle.
    bundle: Vec<u8>,
    size: u64,
}

impl Edge {
    /// Adds a leaf; full tiles are handed to `full`.
    pub(crate) fn push(&mut self, entry: &[u8], full: &mut impl FnMut(Tile, Vec<u8>)) {
        tile::push_entry(&mut self.bundle, entry);
        self.size += 1;
        if self.size.is_multiple_of(TILE_WIDTH) {
            let tile = Tile {
                kind: Kind::Entries,
                n: self.size / TILE_WIDTH - 1,
                width: TILE_WIDTH,
            };
            full(tile, std::mem::take(&mut self.bundle));
        }
        self.push_hash(leaf_hash(entry), full);
    }

    /// Adds a leaf hash without its entry.
    pub(crate) fn push_hash(&mut self, hash: Hash, full: &mut impl FnMut(Tile, Vec<u8>)) {
        let mut carry = Some(hash);
        let mut level = 0;
        while let Some(hash) = carry.take() {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            if row.len() as u64 == TILE_WIDTH {
                carry = Some(root_of(row));
                let tile = Tile {
                    kind: Kind::Hashes(level as u8),
                    n: (self.size >> (8 * (level + 1))) - 1,
                    width: TILE_WIDTH,
                };
                full(tile, tile::encode_hashes(row));
                row.clear();
            }
            level += 1;
        }
    }

    /// Counts a leaf whose entry is not kept here.
    pub(crate) fn push_leaf_hash(&mut self, hash: Hash, full: &mut impl FnMut(Tile, Vec<u8>)) {
        self.size += 1;
        self.push_hash(hash, full);
    }

    /// The incomplete tiles that belong to this edge.
    pub(crate) fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let mut tiles = Vec::new();
        let kinds =
            std::iter::once(Kind::Entries).chain((0..self.levels.len() as u8).map(Kind::Hashes));
        for kind in kinds {
            let length = Tile::stream_len(kind, self.size);
            let width = length % TILE_WIDTH;
            if width > 0 {
                let bytes = match kind {
                    Kind::Entries => self.bundle.clone(),
                    Kind::Hashes(level) => tile::encode_hashes(&self.levels[usize::from(level)]),
                };
                let n = length / TILE_WIDTH;
                tiles.push((Tile { kind, n, width }, bytes));
            }
        }
        tiles
    }

    /// Root hash of the whole tree.
    pub(crate) fn root(&self) -> Hash {
        let mut below: Option<Hash> = None;
        for row in &self.levels {
            if row.is_empty() {
                continue;
            }
            let mut hashes = row.clone();
            hashes.extend(below);
            below = Some(root_of(&hashes));
        }
        below.unwrap_or_else(empty_root)
    }
}

/// An append-only log in the tile layout of c2sp.org/tlog-tiles.
///
/// Leaves are staged by [`TileLog::append`] and become part of the log when
/// [`TileLog::checkpoint`] returns: every tile is on disk before the signed tree head is replaced.
/// A crash before that forgets the staged leaves; the caller, who has them in its own transaction,
/// appends from [`TileLog::size`] again.
#[derive(Debug)]
pub struct TileLog<S: Storage = DirStorage> {
    storage: S,
    head: Checkpoint,
    edge: Edge,
    staged: Vec<Vec<u8>>,
    partials: BTreeSet<String>,
    broken: bool,
}

impl TileLog<DirStorage> {
    /// Opens the log in `dir`, or begins an empty one signed by `key` when there is none.
    pub fn open_or_create(dir: &Path, key: &SigningKey) -> Result<Self, LogError> {
        let store = DirStorage::writer(dir).map_err(storage("open", "."))?;
        Self::start(store, key)
    }
}

impl<S: Storage> TileLog<S> {
    /// Opens the log in a storage, or begins an empty one.
    pub fn start(store: S, key: &SigningKey) -> Result<Self, LogError> {
        if store
            .read(CHECKPOINT)
            .map_err(storage("read", CHECKPOINT))?
            .is_none()
        {
            let files = store.list().map_err(storage("list", "."))?;
            if files.iter().any(|f| !f.ends_with(UNFINISHED)) {
                return Err(LogError::NoCheckpoint);
            }
            let head = Checkpoint::sign(0, empty_root(), key);
            store
                .write(CHECKPOINT, head.note().as_bytes())
                .map_err(storage("write", CHECKPOINT))?;
        }
        Self::open(store, &key.verifying_key())
    }

    /// Opens an existing log: checks the signature and the right-hand edge of the tree, and removes
    /// what an interrupted writer left beyond the checkpoint, unless `store` is for reading only.
    pub fn open(store: S, key: &VerifyingKey) -> Result<Self, LogError> {
        let bytes = store
            .read(CHECKPOINT)
            .map_err(storage("read", CHECKPOINT))?
            .ok_or(LogError::NoCheckpoint)?;
        let head = Checkpoint::open(&bytes, key)?;
        let mut partials = BTreeSet::new();
        for path in store.list().map_err(storage("list", "."))? {
            match place(&path, head.size) {
                Place::Superseded | Place::Beyond if !store.writable() => {}
                Place::Superseded | Place::Beyond => {
                    store.remove(&path).map_err(storage("remove", &path))?;
                }
                Place::Partial => {
                    partials.insert(path);
                }
                Place::Current | Place::Foreign => {}
            }
        }
        let edge = load_edge(&store, head.size)?;
        if edge.root() != head.root {
            return Err(damaged(
                CHECKPOINT,
                "the tiles at the end of the tree do not give the signed root",
            ));
        }
        Ok(TileLog {
            storage: store,
            head,
            edge,
            staged: Vec::new(),
            partials,
            broken: false,
        })
    }

    /// Number of leaves under the published checkpoint.
    pub fn size(&self) -> u64 {
        self.head.size
    }

    /// Number of leaves that wait for the next checkpoint.
    pub fn staged(&self) -> u64 {
        self.staged.len() as u64
    }

    /// The published, signed tree head.
    pub fn head(&self) -> &Checkpoint {
        &self.head
    }

    /// Stages leaves of 1 to 65,535 bytes and returns the indices they will have.
    pub fn append(&mut self, leaves: &[Vec<u8>]) -> Result<Range<u64>, LogError> {
        if self.broken {
            return Err(LogError::Reopen);
        }
        for leaf in leaves {
            check_length(leaf)?;
        }
        let first = self.head.size + self.staged();
        self.staged.extend_from_slice(leaves);
        Ok(first..first + leaves.len() as u64)
    }

    /// Writes the staged leaves, then publishes the signed tree head over them.
    ///
    /// On return the leaves are durable and can be proven. Nothing is written when nothing waits.
    ///
    /// # Errors
    /// `Storage`: the outcome is unknown; the log refuses further work until it is reopened.
    pub fn checkpoint(&mut self, key: &SigningKey) -> Result<Checkpoint, LogError> {
        if self.broken {
            return Err(LogError::Reopen);
        }
        if self.staged.is_empty() {
            return Ok(self.head.clone());
        }
        let mut edge = self.edge.clone();
        let mut writes: Vec<(Tile, Vec<u8>)> = Vec::new();
        for leaf in &self.staged {
            edge.push(leaf, &mut |tile, bytes| writes.push((tile, bytes)));
        }
        let old: BTreeSet<Tile> = self.edge.partial().into_iter().map(|(t, _)| t).collect();
        writes.extend(edge.partial().into_iter().filter(|(t, _)| !old.contains(t)));
        self.broken = true;
        for (tile, bytes) in &writes {
            let path = tile.path();
            self.storage
                .write(&path, bytes)
                .map_err(storage("write", &path))?;
        }
        let head = Checkpoint::sign(edge.size, edge.root(), key);
        self.storage
            .write(CHECKPOINT, head.note().as_bytes())
            .map_err(storage("write", CHECKPOINT))?;
        self.broken = false;
        self.head = head.clone();
        self.edge = edge;
        self.staged.clear();
        self.forget_partials(&writes);
        Ok(head)
    }

    /// Removes partial tiles whose full tile now exists, as the specification allows.
    fn forget_partials(&mut self, written: &[(Tile, Vec<u8>)]) {
        let partial = |(t, _): &&(Tile, Vec<u8>)| t.width < TILE_WIDTH;
        self.partials
            .extend(written.iter().filter(partial).map(|(t, _)| t.path()));
        let size = self.head.size;
        let storage = &self.storage;
        // What cannot be removed now is removed when the log is opened again.
        self.partials.retain(|path| {
            !(matches!(place(path, size), Place::Superseded) && storage.remove(path).is_ok())
        });
    }

    /// The bytes of leaf `index`, checked against the leaf hash in the tree.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        let mut found = self.entries(index..index.saturating_add(1))?;
        found.pop().ok_or(LogError::OutOfRange {
            asked: index,
            size: self.size(),
        })
    }

    /// The bytes of several leaves, in order.
    pub fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, LogError> {
        if range.end > self.size() {
            return Err(LogError::OutOfRange {
                asked: range.end.saturating_sub(1),
                size: self.size(),
            });
        }
        let mut reader = self.reader();
        let mut found = Vec::new();
        let mut index = range.start;
        while index < range.end {
            let tile = Tile::at(Kind::Entries, index / TILE_WIDTH, self.size())
                .ok_or_else(|| damaged("tile/entries", "no such bundle"))?;
            let path = tile.path();
            let bytes = read(&self.storage, &path)?;
            let entries = tile::decode_entries(&bytes)
                .filter(|e| e.len() as u64 == tile.width)
                .ok_or_else(|| damaged(&path, "it does not hold the right number of entries"))?;
            while index < range.end && index / TILE_WIDTH == tile.n {
                let entry = entries[(index % TILE_WIDTH) as usize];
                if reader.node(0, index)? != leaf_hash(entry) {
                    return Err(damaged(
                        &path,
                        format!("leaf {index} is not what was recorded"),
                    ));
                }
                found.push(entry.to_vec());
                index += 1;
            }
        }
        Ok(found)
    }

    /// Proof that leaf `index` is in the tree of `size` leaves.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, LogError> {
        self.check_size(size)?;
        if index >= size {
            return Err(LogError::OutOfRange { asked: index, size });
        }
        proof::inclusion(&mut self.reader(), index, size)
    }

    /// Proof that the tree of `old` leaves is a prefix of the tree of `size` leaves.
    pub fn consistency_proof(&self, old: u64, size: u64) -> Result<Vec<Hash>, LogError> {
        self.check_size(size)?;
        if old > size {
            return Err(LogError::OutOfRange { asked: old, size });
        }
        proof::consistency(&mut self.reader(), old, size)
    }

    /// Root hash that the tree had when it had `size` leaves.
    pub fn root_at(&self, size: u64) -> Result<Hash, LogError> {
        self.check_size(size)?;
        match size {
            0 => Ok(empty_root()),
            n => proof::range_hash(&mut self.reader(), 0, n),
        }
    }

    fn check_size(&self, asked: u64) -> Result<(), LogError> {
        let size = self.size();
        if asked > size {
            return Err(LogError::OutOfRange { asked, size });
        }
        Ok(())
    }

    pub(crate) fn storage(&self) -> &S {
        &self.storage
    }

    pub(crate) fn reader(&self) -> TileReader<'_, S> {
        TileReader {
            storage: &self.storage,
            size: self.head.size,
            cache: BTreeMap::new(),
        }
    }
}

/// Fetches hashes from tiles and remembers the tiles it has read.
pub(crate) struct TileReader<'a, S: Storage> {
    storage: &'a S,
    size: u64,
    cache: BTreeMap<Tile, Vec<Hash>>,
}

impl<S: Storage> Nodes for TileReader<'_, S> {
    type Error = LogError;
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, LogError> {
        let (kind, height) = (Kind::Hashes((level / 8) as u8), level % 8);
        let first = index << height;
        let tile = Tile::at(kind, first / TILE_WIDTH, self.size)
            .ok_or_else(|| damaged("tile", format!("no hash at level {level}, {index}")))?;
        if !self.cache.contains_key(&tile) {
            let path = tile.path();
            let hashes = tile::decode_hashes(&read(self.storage, &path)?)
                .filter(|h| h.len() as u64 == tile.width)
                .ok_or_else(|| damaged(&path, "it does not hold the right number of hashes"))?;
            if self.cache.len() >= 64 {
                self.cache.clear();
            }
            self.cache.insert(tile, hashes);
        }
        let start = (first % TILE_WIDTH) as usize;
        self.cache
            .get(&tile)
            .and_then(|h| h.get(start..start + (1usize << height)))
            .map(root_of)
            .ok_or_else(|| damaged(&tile.path(), "it is too short"))
    }
}

fn read<S: Storage>(store: &S, path: &str) -> Result<Vec<u8>, LogError> {
    store
        .read(path)
        .map_err(storage("read", path))?
        .ok_or_else(|| damaged(path, "it is missing"))
}

/// Reads the incomplete tiles at the end of a tree of `size` leaves.
fn load_edge<S: Storage>(store: &S, size: u64) -> Result<Edge, LogError> {
    let mut edge = Edge {
        size,
        ..Edge::default()
    };
    for level in 0..LEVELS_MAX {
        let kind = Kind::Hashes(level);
        let length = Tile::stream_len(kind, size);
        if length == 0 {
            break;
        }
        let mut row = Vec::new();
        if let Some(tile) = Tile::at(kind, length / TILE_WIDTH, size) {
            let path = tile.path();
            row = tile::decode_hashes(&read(store, &path)?)
                .filter(|h| h.len() as u64 == tile.width)
                .ok_or_else(|| damaged(&path, "it does not hold the right number of hashes"))?;
        }
        edge.levels.push(row);
    }
    if let Some(tile) = Tile::at(Kind::Entries, size / TILE_WIDTH, size) {
        let path = tile.path();
        edge.bundle = read(store, &path)?;
        let hashes: Option<Vec<Hash>> = tile::decode_entries(&edge.bundle)
            .map(|entries| entries.into_iter().map(leaf_hash).collect());
        if hashes.as_ref() != edge.levels.first() {
            return Err(damaged(
                &path,
                "its entries do not have the recorded hashes",
            ));
        }
    }
    Ok(edge)
}

/// What a file is to a log of a given size.
pub(crate) enum Place {
    /// The checkpoint or a tile of the tree as it is now.
    Current,
    /// A narrower state of a tile that is still growing.
    Partial,
    /// A narrower state of a tile that is full.
    Superseded,
    /// Left behind by a writer that was interrupted before its checkpoint.
    Beyond,
    /// Not a name that a log uses.
    Foreign,
}

pub(crate) fn place(path: &str, size: u64) -> Place {
    if path == CHECKPOINT {
        return Place::Current;
    }
    if let Some(base) = path.strip_suffix(UNFINISHED) {
        return match base == CHECKPOINT || Tile::parse(base).is_some() {
            true => Place::Beyond,
            false => Place::Foreign,
        };
    }
    let Some(tile) = Tile::parse(path) else {
        return Place::Foreign;
    };
    match Tile::at(tile.kind, tile.n, size) {
        Some(now) if now.width == tile.width => Place::Current,
        Some(now) if now.width < tile.width => Place::Beyond,
        Some(now) if now.width == TILE_WIDTH => Place::Superseded,
        Some(_) => Place::Partial,
        None => Place::Beyond,
    }
}
