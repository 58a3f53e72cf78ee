//! The journal: an append-only Merkle log that an outsider verifies without us.
//!
//! Layout and formats are public ones: tiles (c2sp.org/tlog-tiles), signed tree heads
//! (c2sp.org/tlog-checkpoint, c2sp.org/signed-note with Ed25519), hashing and proofs of
//! RFC 6962 / RFC 9162, leaves in canonical JSON (RFC 8785).
//!
//! ```
//! use saqshy_journal::{Leaf, SigningKey, TileLog, verify_dir};
//!
//! let dir = tempfile::tempdir().unwrap();
//! let key = SigningKey::from_seed("example.kz/journal", &[1; 32]).unwrap();
//! let mut log = TileLog::open_or_create(dir.path(), &key).unwrap();
//! let leaf = Leaf {
//!     at: "2026-03-20T13:10:00Z".parse().unwrap(),
//!     actor: "system".into(),
//!     action: "incident.created".into(),
//!     object: "incident:1".into(),
//!     change: serde_json::json!({"title": "Brute force"}),
//!     reason: None,
//!     edition: None,
//! };
//! log.append(&[leaf.canonical().unwrap()]).unwrap();
//! let head = log.checkpoint(&key).unwrap(); // durable and signed from here on
//! assert_eq!(head.size, 1);
//! assert!(verify_dir(dir.path(), &key.verifying_key()).is_ok());
//! ```
//!
//! No function here reads a clock.

mod archive;
mod checkpoint;
mod hash;
mod jcs;
mod keys;
mod leaf;
mod log;
mod note;
pub mod pack;
pub mod proof;
mod storage;
pub mod tile;
mod verify;

pub use checkpoint::Checkpoint;
pub use hash::{Hash, empty_root, leaf_hash, node_hash, root_of, sha256};
pub use jcs::{CanonicalError, canonical};
pub use keys::{KEY_FILE, KeyError, Keys, VKEY_FILE};
pub use leaf::{LEAF_BYTES_MAX, Leaf, LeafError};
pub use log::{CHECKPOINT, LogError, TileLog};
pub use note::{NoteError, SigningKey, VerifyingKey, open as open_note};
pub use storage::{DirStorage, MemStorage, Storage};
pub use verify::{Finding, Report, verify_dir, verify_storage};
