//! Signed tree heads, c2sp.org/tlog-checkpoint.

use crate::hash::Hash;
use crate::note::{self, NoteError, SigningKey, VerifyingKey};
use base64::{Engine as _, engine::general_purpose::STANDARD as B64};

/// A tree head that a key has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root hash of the tree of that size.
    pub root: Hash,
    note: String,
}

impl Checkpoint {
    /// Signs the tree head; the origin is the name of the key.
    pub fn sign(size: u64, root: Hash, key: &SigningKey) -> Checkpoint {
        let origin = key.verifying_key().name().to_owned();
        let note = key.sign(&format!("{origin}\n{size}\n{}\n", B64.encode(root)));
        Checkpoint {
            origin,
            size,
            root,
            note,
        }
    }

    /// Checks the signature and reads the tree head. Extension lines are refused: we write none.
    pub fn open(bytes: &[u8], key: &VerifyingKey) -> Result<Checkpoint, NoteError> {
        let text = note::open(bytes, key)?;
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, ""] = lines[..] else {
            return Err(NoteError::Shape("a checkpoint has three lines"));
        };
        if origin != key.name() {
            return Err(NoteError::Shape("the origin is not the name of the key"));
        }
        let number: u64 = size
            .parse()
            .map_err(|_| NoteError::Shape("the tree size is not a number"))?;
        if number.to_string() != size {
            return Err(NoteError::Shape("the tree size is written unusually"));
        }
        let root = B64
            .decode(root)
            .ok()
            .and_then(|b| Hash::try_from(b).ok())
            .ok_or(NoteError::Shape("the root hash is not 32 bytes of base64"))?;
        Ok(Checkpoint {
            origin: origin.to_owned(),
            size: number,
            root,
            // The bytes are UTF-8: `note::open` has read them.
            note: String::from_utf8_lossy(bytes).into_owned(),
        })
    }

    /// The signed note as it is published.
    pub fn note(&self) -> &str {
        &self.note
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_reads_back() {
        let key = SigningKey::from_seed("example.kz/journal", &[1; 32]).unwrap();
        let c = Checkpoint::sign(3, [5; 32], &key);
        assert_eq!(
            Checkpoint::open(c.note().as_bytes(), &key.verifying_key()),
            Ok(c.clone())
        );
        let other = SigningKey::from_seed("example.kz/journal", &[2; 32]).unwrap();
        assert!(Checkpoint::open(c.note().as_bytes(), &other.verifying_key()).is_err());
        let odd =
            key.sign("example.kz/journal\n03\nBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\n");
        assert!(Checkpoint::open(odd.as_bytes(), &key.verifying_key()).is_err());
    }
}
