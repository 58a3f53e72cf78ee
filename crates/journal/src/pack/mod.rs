//! Proof packs: leaves with everything an outsider needs to check them offline.
//!
//! A pack is a ZIP with exactly one spelling (see `archive`), in one of two kinds:
//!
//! * an **extract**: `leaves/<index>.json`, `proofs/<index>.tlog-proof` (c2sp.org/tlog-proof),
//!   `consistency/<older size>` for the older checkpoints that were asked for;
//! * a whole **journal**: its `tile/…` files.
//!
//! An extract may be a **bundle**, such as the dossier of a case: `files/<name>`. One of its leaves
//! then has `change.bundle` with `files` (each name with its SHA-256) and `leaves` (pairs of first
//! and last index), and the pack holds exactly these files and at least these leaves: nothing can be
//! taken out of a bundle unseen.
//!
//! Both hold `manifest.json` (nothing but the list of members with their SHA-256, so that it can be
//! recomputed), `vkey`, the signed `checkpoint`, and attached `documents/<sha256>` that a leaf in
//! the pack names by their SHA-256.

mod verify;

use crate::archive::{self, ArchiveError};
use crate::hash::{Hash, sha256};
use crate::jcs;
use crate::log::{CHECKPOINT, LogError, TileLog};
use crate::note::VerifyingKey;
use crate::storage::Storage;
use crate::tile::{Kind, Tile, tiles_of};
use base64::{Engine as _, engine::general_purpose::STANDARD as B64};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub use verify::{Claim, ClaimState, Completeness, LeafView, Options, SHOWN_MAX, Verdict, verify};

pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const VKEY: &str = "vkey";
pub(crate) const LEAVES: &str = "leaves/";
pub(crate) const PROOFS: &str = "proofs/";
pub(crate) const CONSISTENCY: &str = "consistency/";
pub(crate) const DOCUMENTS: &str = "documents/";
pub(crate) const FILES: &str = "files/";
const PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";

/// What an extract shall contain.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Indices of the leaves; order and repetitions do not matter.
    pub leaves: Vec<u64>,
    /// Sizes of older checkpoints that the reader may hold and wants the pack compared with.
    pub since: Vec<u64>,
    /// Files to attach; each must be named by its SHA-256 in one of the leaves.
    pub documents: Vec<Vec<u8>>,
    /// Files of a bundle by name (lower-case ASCII, `/` between folders); one of the leaves is the
    /// bundle's.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What the leaf of a bundle says about it; goes into the leaf's change as `bundle`.
///
/// ```
/// # use std::collections::BTreeMap;
/// let files = BTreeMap::from([("a.txt".to_owned(), b"A".to_vec())]);
/// let change = serde_json::json!({"bundle": saqshy_journal::pack::bundle(&files, &[3, 4, 5, 9])});
/// assert_eq!(change["bundle"]["leaves"], serde_json::json!([[3, 5], [9, 9]]));
/// assert_eq!(change["bundle"]["files"][0]["path"], "a.txt");
/// ```
pub fn bundle(files: &BTreeMap<String, Vec<u8>>, leaves: &[u64]) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|(path, bytes)| json!({"path": path, "sha256": hex::encode(sha256(bytes))}))
        .collect();
    let mut pairs: Vec<[u64; 2]> = Vec::new();
    for index in BTreeSet::from_iter(leaves.iter().copied()) {
        match pairs.last_mut() {
            Some([_, last]) if *last + 1 == index => *last = index,
            _ => pairs.push([index, index]),
        }
    }
    json!({"files": files, "leaves": pairs})
}

/// What a leaf says about the bundle that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Bundle {
    pub files: Vec<BundleFile>,
    /// First and last index, both included.
    pub leaves: Vec<[u64; 2]>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
pub(crate) struct BundleFile {
    pub path: String,
    pub sha256: String,
}

pub(crate) fn bundle_of(leaf: &[u8]) -> Option<Bundle> {
    let mut leaf: Value = serde_json::from_slice(leaf).ok()?;
    serde_json::from_value(leaf.pointer_mut("/change/bundle")?.take()).ok()
}

/// Why a pack could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The journal could not be read, or has no such leaf.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Over a limit of the format.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Nothing was asked for.
    #[error("a pack needs at least one leaf")]
    Empty,
    /// A document that no leaf of the pack names.
    #[error("no leaf of the pack names the document with SHA-256 {0}")]
    Unnamed(String),
    /// The pack does not verify: the journal is damaged.
    #[error("the pack does not verify: {0}")]
    Damaged(String),
}

/// Makes an extract of `log`, whose key is `key`, and checks it before returning it.
pub fn export<S: Storage>(
    log: &TileLog<S>,
    request: &Request,
    key: &VerifyingKey,
) -> Result<Vec<u8>, PackError> {
    let wanted: BTreeSet<u64> = request.leaves.iter().copied().collect();
    if wanted.is_empty() {
        return Err(PackError::Empty);
    }
    let size = log.size();
    let mut members = BTreeMap::new();
    let mut named = BTreeSet::new();
    for index in wanted {
        let leaf = log.entry(index)?;
        let proof = log.inclusion_proof(index, size)?;
        named.extend(hashes_named(&leaf));
        let text = write_proof(index, &proof, log.head().note());
        members.insert(format!("{PROOFS}{index:012}.tlog-proof"), text.into_bytes());
        members.insert(format!("{LEAVES}{index:012}.json"), leaf);
    }
    for old in &request.since {
        let text = write_hashes(&log.consistency_proof(*old, size)?);
        members.insert(format!("{CONSISTENCY}{old}"), text.into_bytes());
    }
    attach(&mut members, &request.documents, &named)?;
    for (path, bytes) in &request.files {
        members.insert(format!("{FILES}{path}"), bytes.clone());
    }
    finish(members, log.head().note(), key)
}

/// Packs the whole journal, as it stands under the published checkpoint.
pub fn export_all<S: Storage>(
    log: &TileLog<S>,
    documents: &[Vec<u8>],
    key: &VerifyingKey,
) -> Result<Vec<u8>, PackError> {
    let mut members = BTreeMap::new();
    let mut named = BTreeSet::new();
    for tile in tiles_of(log.size()) {
        let path = tile.path();
        let bytes = log
            .storage()
            .read(&path)
            .map_err(|source| LogError::Storage {
                what: "read",
                path: path.clone(),
                source,
            })?;
        let bytes = bytes.ok_or_else(|| LogError::Damaged {
            path: path.clone(),
            what: "it is missing".into(),
        })?;
        if tile.kind == Kind::Entries && !documents.is_empty() {
            let entries = crate::tile::decode_entries(&bytes).unwrap_or_default();
            named.extend(entries.into_iter().flat_map(hashes_named));
        }
        members.insert(path, bytes);
    }
    attach(&mut members, documents, &named)?;
    finish(members, log.head().note(), key)
}

fn attach(
    members: &mut BTreeMap<String, Vec<u8>>,
    documents: &[Vec<u8>],
    named: &BTreeSet<String>,
) -> Result<(), PackError> {
    for document in documents {
        let hash = hex::encode(sha256(document));
        if !named.contains(&hash) {
            return Err(PackError::Unnamed(hash));
        }
        members.insert(format!("{DOCUMENTS}{hash}"), document.clone());
    }
    Ok(())
}

fn finish(
    mut members: BTreeMap<String, Vec<u8>>,
    checkpoint: &str,
    key: &VerifyingKey,
) -> Result<Vec<u8>, PackError> {
    members.insert(CHECKPOINT.to_owned(), checkpoint.as_bytes().to_vec());
    members.insert(VKEY.to_owned(), format!("{key}\n").into_bytes());
    let manifest = manifest(
        members
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice())),
    );
    let mut ordered = vec![(MANIFEST.to_owned(), manifest)];
    ordered.extend(members);
    let pack = archive::write(&ordered)?;
    let options = Options {
        key: Some(key.clone()),
        since: None,
    };
    let verdict = verify(&pack, &options);
    match verdict.first_finding() {
        Some(finding) => Err(PackError::Damaged(finding)),
        None => Ok(pack),
    }
}

/// The list of all other members, as canonical JSON.
pub(crate) fn manifest<'a>(members: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let files: Vec<Value> = members
        .map(|(path, bytes)| {
            json!({"path": path, "bytes": bytes.len(), "sha256": hex::encode(sha256(bytes))})
        })
        .collect();
    let value = json!({"format": "saqshy-pack/1", "files": files});
    // Lengths are far below 2^53, so there is a canonical spelling.
    jcs::canonical(&value).unwrap_or_default()
}

/// The SHA-256 values that a leaf names, as strings of 64 hexadecimal digits with or without a
/// `sha256:` in front.
pub(crate) fn hashes_named(leaf: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut todo = vec![serde_json::from_slice::<Value>(leaf).unwrap_or_default()];
    while let Some(value) = todo.pop() {
        match value {
            Value::String(s) => {
                let hash = s.strip_prefix("sha256:").unwrap_or(&s);
                let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                if hash.len() == 64 && hash.bytes().all(hex) {
                    found.insert(hash.to_owned());
                }
            }
            Value::Array(items) => todo.extend(items),
            Value::Object(map) => todo.extend(map.into_iter().map(|(_, v)| v)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

/// A proof as c2sp.org/tlog-proof writes it, without extra data.
pub(crate) fn write_proof(index: u64, proof: &[Hash], checkpoint: &str) -> String {
    format!(
        "{PROOF_HEADER}\nindex {index}\n{}\n{checkpoint}",
        write_hashes(proof)
    )
}

/// The hashes of a proof; its other parts are known and are compared by the caller.
pub(crate) fn read_proof(text: &str) -> Option<Vec<Hash>> {
    let rest = text.strip_prefix(PROOF_HEADER)?.strip_prefix("\nindex ")?;
    let (_, rest) = rest.split_once('\n')?;
    let hashes = match rest.strip_prefix('\n') {
        Some(_) => "",
        None => rest.split_once("\n\n")?.0,
    };
    read_hashes(hashes)
}

fn write_hashes(hashes: &[Hash]) -> String {
    hashes.iter().map(|h| B64.encode(h) + "\n").collect()
}

/// Reads one hash a line.
pub(crate) fn read_hashes(text: &str) -> Option<Vec<Hash>> {
    if text.len() > crate::proof::PROOF_HASHES_MAX * 45 {
        return None;
    }
    text.lines()
        .map(|line| B64.decode(line).ok()?.try_into().ok())
        .collect()
}

/// True when the member is a file of a journal rather than of an extract.
pub(crate) fn is_tile(path: &str) -> bool {
    Tile::parse(path).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_read_back() {
        for count in [0, 1, 5] {
            let hashes = vec![[7u8; 32]; count];
            let text = write_proof(12, &hashes, "log\n13\nabc\n\n\u{2014} log AAAA\n");
            assert_eq!(read_proof(&text), Some(hashes));
        }
        assert_eq!(read_proof("c2sp.org/tlog-proof@v1\nindex 5\nxx\n\n"), None);
    }

    #[test]
    fn documents_are_found_wherever_a_leaf_names_them() {
        let (a, b) = ("a".repeat(64), "0".repeat(64));
        let leaf = format!(r#"{{"change":{{"files":[{{"sha256":"{a}"}},"sha256:{b}"]}},"n":"x"}}"#);
        let found = hashes_named(leaf.as_bytes());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [b, a]);
        assert!(hashes_named(b"not json").is_empty());
    }
}
