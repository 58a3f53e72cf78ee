//! Checking a pack, and saying separately what is proven by it.

use super::*;
use crate::checkpoint::Checkpoint;
use crate::hash::{leaf_hash, root_of};
use crate::leaf::Leaf;
use crate::proof::{verify_consistency, verify_inclusion};
use crate::storage::MemStorage;
use crate::tile::{TILE_WIDTH, decode_entries};
use crate::verify::{Finding, verify_storage};
use serde::Serialize;

/// Most leaves that a verdict lists; the check itself covers all.
pub const SHOWN_MAX: usize = 10_000;

/// What the reader brings along.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The owner's key, from a source other than the pack.
    pub key: Option<VerifyingKey>,
    /// An older checkpoint of the same journal, as a signed note.
    pub since: Option<Vec<u8>>,
}

/// How a claim came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimState {
    /// It holds.
    Proven,
    /// It does not hold.
    Failed,
    /// Nothing is said about it.
    NotChecked,
}

/// One of the three claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// How it came out.
    pub state: ClaimState,
    /// What speaks against it.
    pub findings: Vec<Finding>,
}

/// What "complete since" means for this pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Completeness {
    /// No older checkpoint was given and the pack is not the whole journal.
    NotAsked,
    /// Every leaf from `from` to the checkpoint is in the pack.
    All {
        /// First leaf after the older checkpoint.
        from: u64,
        /// Number of leaves since.
        count: u64,
    },
    /// The journal kept all it had at the older checkpoint; the pack shows some of the leaves since.
    History {
        /// First leaf after the older checkpoint.
        from: u64,
        /// Number of leaves since.
        count: u64,
        /// How many of them the pack holds.
        shown: u64,
    },
    /// It could not be shown.
    Failed,
}

/// A leaf in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeafView {
    /// Its place in the journal.
    pub index: u64,
    /// When it was recorded.
    pub at: String,
    /// By whom.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
}

/// What a pack proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// True when no claim failed.
    pub ok: bool,
    /// Name of the journal.
    pub origin: String,
    /// Leaves in the journal.
    pub size: u64,
    /// Root hash, hexadecimal.
    pub root: String,
    /// The key that signed.
    pub key: String,
    /// True when the key was given by the reader and not taken from the pack.
    pub key_given: bool,
    /// Leaves in the pack.
    pub leaves: u64,
    /// Documents in the pack, the files of a bundle included.
    pub documents: u64,
    /// Names of the bundle's files.
    pub files: Vec<String>,
    /// Every leaf and document is what was recorded.
    pub unchanged: Claim,
    /// The leaves stand in the order in which they were recorded.
    pub in_order: Claim,
    /// Nothing that was recorded has been taken out.
    pub complete_since: Claim,
    /// What that covers.
    pub completeness: Completeness,
    /// Leaves whose time is before that of an earlier leaf: a clock was set back.
    pub times_back: Vec<u64>,
    /// The leaves, at most [`SHOWN_MAX`].
    pub shown: Vec<LeafView>,
}

impl Verdict {
    /// The first thing that is wrong, as one line.
    pub fn first_finding(&self) -> Option<String> {
        [&self.unchanged, &self.in_order, &self.complete_since]
            .into_iter()
            .filter(|c| c.state == ClaimState::Failed)
            .flat_map(|c| &c.findings)
            .map(|f| format!("{}: {}", f.path, f.what))
            .next()
    }
}

/// Checks a pack. Whatever the bytes, the answer is a verdict.
pub fn verify(bytes: &[u8], options: &Options) -> Verdict {
    let mut check = Check::default();
    if let Err(finding) = check.run(bytes, options) {
        check.unchanged.push(finding);
    }
    check.verdict(options)
}

#[derive(Default)]
struct Check {
    head: Option<Checkpoint>,
    key: Option<VerifyingKey>,
    /// Leaf hashes in the pack, by index.
    hashes: BTreeMap<u64, Hash>,
    named: BTreeSet<String>,
    documents: u64,
    /// Bundles that leaves of the pack speak of.
    bundles: Vec<Bundle>,
    files: BTreeSet<BundleFile>,
    last_time: Option<jiff::Timestamp>,
    times_back: Vec<u64>,
    shown: Vec<LeafView>,
    unchanged: Vec<Finding>,
    order: Vec<Finding>,
    complete: Vec<Finding>,
    completeness: Option<Completeness>,
}

fn finding(path: &str, what: impl Into<String>) -> Finding {
    Finding {
        path: path.to_owned(),
        what: what.into(),
    }
}

type Members<'a> = BTreeMap<&'a str, &'a [u8]>;

impl Check {
    fn run(&mut self, bytes: &[u8], options: &Options) -> Result<(), Finding> {
        let list = archive::read(bytes).map_err(|e| finding("pack", e.to_string()))?;
        let members: Members<'_> = list.iter().copied().collect();
        self.check_list(&list, &members)?;
        let member = |path: &str| {
            let found = members.get(path).copied();
            found.ok_or_else(|| finding(path, "it is missing"))
        };
        let written: VerifyingKey = std::str::from_utf8(member(VKEY)?)
            .ok()
            .and_then(|text| text.strip_suffix('\n')?.parse().ok())
            .ok_or_else(|| finding(VKEY, "it is not a verifier key"))?;
        if let Some(given) = options.key.as_ref().filter(|g| **g != written) {
            let what = format!("the pack is signed by `{written}`, not by `{given}`");
            return Err(finding(VKEY, what));
        }
        let head = Checkpoint::open(member(CHECKPOINT)?, &written)
            .map_err(|e| finding(CHECKPOINT, e.to_string()))?;
        self.key = Some(written.clone());
        self.head = Some(head.clone());
        match members.keys().any(|path| is_tile(path)) {
            true => self.journal(&members, &written),
            false => self.extract(&members, &head),
        }
        for (path, bytes) in &members {
            self.document(path, bytes);
        }
        self.bundle();
        self.since(&members, &head, &written, options);
        Ok(())
    }

    /// The members stand in their order and the manifest lists them.
    fn check_list(&mut self, list: &[(&str, &[u8])], members: &Members<'_>) -> Result<(), Finding> {
        let rest = match list.split_first() {
            Some(((MANIFEST, _), rest)) => rest,
            _ => return Err(finding(MANIFEST, "it is not the first member")),
        };
        if members.len() != list.len() || !rest.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(finding(MANIFEST, "the members are not in their order"));
        }
        if manifest(rest.iter().copied()) != list[0].1 {
            self.unchanged.extend(unlisted(list[0].1, rest));
            return Err(finding(
                MANIFEST,
                "it does not list the members as they are",
            ));
        }
        Ok(())
    }

    /// All files of a journal.
    fn journal(&mut self, members: &Members<'_>, key: &VerifyingKey) {
        let mut files = Vec::new();
        for (path, bytes) in members {
            match *path {
                MANIFEST | VKEY => {}
                path if path.starts_with(DOCUMENTS) => {}
                path => files.push((path.to_owned(), bytes.to_vec())),
            }
        }
        match verify_storage(&MemStorage::new(files), key) {
            Ok(report) => {
                for path in report.leftovers {
                    let what = "it lies beyond the checkpoint";
                    self.unchanged.push(finding(&path, what));
                }
            }
            Err(findings) => self.unchanged.extend(findings),
        }
        for (path, bytes) in members {
            let Some(tile) = Tile::parse(path).filter(|t| t.kind == Kind::Entries) else {
                continue;
            };
            for (i, entry) in decode_entries(bytes).unwrap_or_default().iter().enumerate() {
                self.hashes
                    .insert(tile.n * TILE_WIDTH + i as u64, leaf_hash(entry));
                self.named.extend(hashes_named(entry));
            }
        }
        // Paths sort by their digits, so a second pass in order of the index.
        let mut tiles: Vec<(Tile, &[u8])> = members
            .iter()
            .filter_map(|(path, bytes)| Some((Tile::parse(path)?, *bytes)))
            .filter(|(t, _)| t.kind == Kind::Entries)
            .collect();
        tiles.sort_by_key(|(t, _)| t.n);
        for (tile, bytes) in tiles {
            for (i, entry) in decode_entries(bytes).unwrap_or_default().iter().enumerate() {
                self.show(tile.n * TILE_WIDTH + i as u64, entry);
            }
        }
    }

    /// Single leaves with their proofs.
    fn extract(&mut self, members: &Members<'_>, head: &Checkpoint) {
        let mut proofs: BTreeSet<&str> = BTreeSet::new();
        for (path, bytes) in members {
            if let Some(name) = path.strip_prefix(LEAVES) {
                match index_of(name, ".json") {
                    Some(index) => self.leaf(index, bytes, members, head),
                    None => self.unchanged.push(finding(path, "no leaf has this name")),
                }
            } else if path.starts_with(PROOFS) {
                proofs.insert(path);
            } else if let Some(size) = path.strip_prefix(CONSISTENCY) {
                let number = size.parse::<u64>().ok().filter(|n| n.to_string() == size);
                let text = std::str::from_utf8(bytes).ok();
                let hashes = text
                    .and_then(read_hashes)
                    .filter(|h| text == Some(&write_hashes(h)));
                if number.is_none() || hashes.is_none() {
                    self.complete
                        .push(finding(path, "it is not a consistency proof"));
                }
            } else if !matches!(*path, MANIFEST | VKEY | CHECKPOINT)
                && !path.starts_with(DOCUMENTS)
                && !path.starts_with(FILES)
            {
                self.unchanged
                    .push(finding(path, "it does not belong to a pack"));
            }
        }
        for path in proofs {
            let index = path
                .strip_prefix(PROOFS)
                .and_then(|n| index_of(n, ".tlog-proof"));
            if index.is_none_or(|i| !self.hashes.contains_key(&i)) {
                self.unchanged
                    .push(finding(path, "it proves no leaf of the pack"));
            }
        }
        if self.hashes.is_empty() && self.unchanged.is_empty() {
            self.unchanged.push(finding("pack", "it holds no leaf"));
        }
    }

    fn leaf(&mut self, index: u64, bytes: &[u8], members: &Members<'_>, head: &Checkpoint) {
        let path = format!("{LEAVES}{index:012}.json");
        let proof_path = format!("{PROOFS}{index:012}.tlog-proof");
        let hash = leaf_hash(bytes);
        self.hashes.insert(index, hash);
        let text = members
            .get(proof_path.as_str())
            .and_then(|b| std::str::from_utf8(b).ok());
        let Some(text) = text else {
            self.unchanged.push(finding(&proof_path, "it is missing"));
            return;
        };
        let proof = read_proof(text).filter(|p| write_proof(index, p, head.note()) == text);
        let Some(proof) = proof else {
            let what = "it is not a proof for this leaf and checkpoint";
            self.order.push(finding(&proof_path, what));
            return;
        };
        if !verify_inclusion(&hash, index, head.size, &proof, &head.root) {
            let what = format!("it is not what the journal recorded as leaf {index}");
            self.unchanged.push(finding(&path, what));
            return;
        }
        self.named.extend(hashes_named(bytes));
        self.bundles.extend(bundle_of(bytes));
        self.show(index, bytes);
    }

    fn show(&mut self, index: u64, bytes: &[u8]) {
        let Ok(leaf) = Leaf::parse(bytes) else {
            return; // proven all the same; a later version may know its members
        };
        if self.last_time.is_some_and(|last| leaf.at < last) {
            self.times_back.push(index);
        }
        self.last_time = Some(leaf.at);
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(LeafView {
                index,
                at: leaf.at.to_string(),
                actor: leaf.actor,
                action: leaf.action,
                object: leaf.object,
            });
        }
    }

    /// The files are exactly those of one bundle, and its leaves are there.
    fn bundle(&mut self) {
        if self.files.is_empty() {
            return;
        }
        let listed = |bundle: &&Bundle| {
            let named: BTreeSet<&BundleFile> = bundle.files.iter().collect();
            named.len() == bundle.files.len() && named.into_iter().eq(&self.files)
        };
        let Some(bundle) = self.bundles.iter().find(listed) else {
            // The bundle that was meant: the one with the most of these files.
            let same = |bundle: &&Bundle| {
                let same = bundle.files.iter().filter(|file| self.files.contains(file));
                same.count()
            };
            let found = self.bundles.iter().max_by_key(same);
            let differing = found.map_or_else(Vec::new, |bundle| {
                differing(FILES, &bundle.files, &self.files, "a leaf of the pack")
            });
            self.unchanged.extend(differing);
            let what = "no leaf of the pack names these files, and all of these, as a bundle";
            self.unchanged.push(finding(FILES, what));
            return;
        };
        let mut missing = Vec::new();
        for [first, last] in &bundle.leaves {
            // A missing leaf ends the walk: the numbers are the writer's, whoever that was.
            if let Some(index) = (*first..=*last).find(|i| !self.hashes.contains_key(i)) {
                missing.push(finding(
                    &format!("{LEAVES}{index:012}.json"),
                    "it belongs to the bundle and is missing",
                ));
            }
        }
        self.unchanged.extend(missing);
    }

    fn document(&mut self, path: &str, bytes: &[u8]) {
        if let Some(name) = path.strip_prefix(FILES) {
            self.documents += 1;
            self.files.insert(BundleFile {
                path: name.to_owned(),
                sha256: hex::encode(sha256(bytes)),
            });
            return;
        }
        let Some(name) = path.strip_prefix(DOCUMENTS) else {
            return;
        };
        self.documents += 1;
        if hex::encode(sha256(bytes)) != name {
            self.unchanged
                .push(finding(path, "its content is not the one it is named for"));
        } else if !self.named.contains(name) {
            self.unchanged
                .push(finding(path, "no leaf of the pack names it"));
        }
    }

    /// Compares with an older checkpoint, or with nothing at all when the pack holds every leaf.
    fn since(
        &mut self,
        members: &Members<'_>,
        head: &Checkpoint,
        key: &VerifyingKey,
        options: &Options,
    ) {
        let Some(note) = &options.since else {
            let whole = self.hashes.len() as u64 == head.size;
            self.completeness = Some(match whole {
                true => Completeness::All {
                    from: 0,
                    count: head.size,
                },
                false => Completeness::NotAsked,
            });
            return;
        };
        if let Err(what) = self.compare(members, head, key, note) {
            self.complete.push(finding("since", what));
        }
    }

    fn compare(
        &mut self,
        members: &Members<'_>,
        head: &Checkpoint,
        key: &VerifyingKey,
        note: &[u8],
    ) -> Result<(), String> {
        let old = Checkpoint::open(note, key).map_err(|e| format!("the older checkpoint: {e}"))?;
        if old.size > head.size {
            return Err(format!(
                "the checkpoint given has {} leaves, the pack's has {}: the pack is the older one",
                old.size, head.size
            ));
        }
        let whole = self.hashes.len() as u64 == head.size;
        let consistent = if whole {
            let first = self.hashes.values().take(old.size as usize).copied();
            root_of(&first.collect::<Vec<_>>()) == old.root
        } else {
            let path = format!("{CONSISTENCY}{}", old.size);
            let text = members
                .get(path.as_str())
                .and_then(|b| std::str::from_utf8(b).ok());
            let proof = match text.and_then(read_hashes) {
                Some(proof) => proof,
                None if old.size == head.size || old.size == 0 => Vec::new(),
                None => {
                    return Err(format!(
                        "the pack holds no proof from {} leaves on; ask for one made since that \
                         checkpoint",
                        old.size
                    ));
                }
            };
            verify_consistency(old.size, &old.root, head.size, &head.root, &proof)
        };
        if !consistent {
            return Err(format!(
                "the journal is not the one of the older checkpoint: its first {} leaves changed",
                old.size
            ));
        }
        let (from, count) = (old.size, head.size - old.size);
        let shown = self.hashes.range(from..).count() as u64;
        self.completeness = Some(match shown == count {
            true => Completeness::All { from, count },
            false => Completeness::History { from, count, shown },
        });
        Ok(())
    }

    fn verdict(self, options: &Options) -> Verdict {
        // Without a signed root nothing can be said about order and completeness.
        let judged = self.head.is_some();
        let claim = |findings: Vec<Finding>, done: bool| Claim {
            state: match (findings.is_empty(), done) {
                (false, _) => ClaimState::Failed,
                (true, true) => ClaimState::Proven,
                (true, false) => ClaimState::NotChecked,
            },
            findings,
        };
        let sound = judged && self.unchanged.is_empty();
        let completeness = match (&self.completeness, self.complete.is_empty() && sound) {
            (Some(c), true) => *c,
            (Some(Completeness::NotAsked) | None, _) if self.complete.is_empty() => {
                Completeness::NotAsked
            }
            _ => Completeness::Failed,
        };
        let complete_done = matches!(
            completeness,
            Completeness::All { .. } | Completeness::History { .. }
        );
        let ordered = sound && self.order.is_empty();
        let verdict_ok = ordered && self.complete.is_empty();
        let head = self.head.as_ref();
        Verdict {
            ok: verdict_ok,
            origin: head.map(|h| h.origin.clone()).unwrap_or_default(),
            size: head.map_or(0, |h| h.size),
            root: head.map(|h| hex::encode(h.root)).unwrap_or_default(),
            key: self.key.map(|k| k.to_string()).unwrap_or_default(),
            key_given: options.key.is_some(),
            leaves: self.hashes.len() as u64,
            documents: self.documents,
            files: self.files.into_iter().map(|file| file.path).collect(),
            unchanged: claim(self.unchanged, ordered),
            in_order: claim(self.order, sound),
            complete_since: claim(self.complete, complete_done),
            completeness,
            times_back: self.times_back,
            shown: self.shown,
        }
    }
}

/// The members that the manifest does not list as they are, as far as it can be read.
fn unlisted(manifest: &[u8], members: &[(&str, &[u8])]) -> Vec<Finding> {
    #[derive(serde::Deserialize)]
    struct Listed {
        files: Vec<BundleFile>,
    }
    let Ok(listed) = serde_json::from_slice::<Listed>(manifest) else {
        return Vec::new();
    };
    let found = members.iter().map(|(path, bytes)| BundleFile {
        path: (*path).to_owned(),
        sha256: hex::encode(sha256(bytes)),
    });
    differing("", &listed.files, &found.collect(), MANIFEST)
}

/// What is changed, missing or too many among `found`, below `folder`, against the list of `whose`.
fn differing(
    folder: &str,
    listed: &[BundleFile],
    found: &BTreeSet<BundleFile>,
    whose: &str,
) -> Vec<Finding> {
    let found: BTreeMap<&str, &str> = found
        .iter()
        .map(|file| (file.path.as_str(), file.sha256.as_str()))
        .collect();
    let mut findings = Vec::new();
    for file in listed {
        let what = match found.get(file.path.as_str()) {
            None => format!("{whose} lists it and it is missing"),
            Some(sha256) if *sha256 != file.sha256 => {
                let recorded = &file.sha256;
                format!("its SHA-256 is {sha256}, while {whose} lists {recorded}")
            }
            Some(_) => continue,
        };
        findings.push(finding(&format!("{folder}{}", file.path), what));
    }
    let known: BTreeSet<&str> = listed.iter().map(|file| file.path.as_str()).collect();
    for path in found.keys().filter(|path| !known.contains(*path)) {
        let what = format!("{whose} does not list it");
        findings.push(finding(&format!("{folder}{path}"), what));
    }
    findings
}

/// The index in a member's name; only the spelling that the exporter uses.
fn index_of(name: &str, ending: &str) -> Option<u64> {
    let index = name.strip_suffix(ending)?.parse().ok()?;
    (format!("{index:012}{ending}") == name).then_some(index)
}
