//! Signed notes and their keys, c2sp.org/signed-note, algorithm 0x01 (Ed25519).

use base64::{Engine as _, engine::general_purpose::STANDARD as B64};
use ed25519_dalek::Signer as _;
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

use crate::hash::sha256;

const ED25519: u8 = 0x01;
const PRIVATE: &str = "PRIVATE+KEY+";
/// Longest note that is looked at.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;

/// What is wrong with a note or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text is not a verifier key.
    #[error("not a verifier key (expected name+8 hex digits+base64): {0}")]
    Key(&'static str),
    /// The text is not a signed note.
    #[error("not a signed note: {0}")]
    Shape(&'static str),
    /// It is signed by somebody else.
    #[error("the note is not signed by `{0}`")]
    Signer(String),
    /// The signature is not this key's over this text.
    #[error("the signature does not belong to this text")]
    Signature,
}

/// A public key with its name, printed as `name+hash+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    /// The name under which it signs: the origin of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The four bytes that stand for the key in a signature line.
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.key.as_bytes())
    }
}

fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let mut text = name.as_bytes().to_vec();
    text.extend([b'\n', ED25519]);
    text.extend(public);
    let hash = sha256(&text);
    [hash[0], hash[1], hash[2], hash[3]]
}

fn check_name(name: &str) -> Result<(), NoteError> {
    if name.is_empty() || name.len() > 255 {
        return Err(NoteError::Key("the name has 1 to 255 bytes"));
    }
    if name
        .chars()
        .any(|c| c == '+' || c.is_whitespace() || c.is_control())
    {
        return Err(NoteError::Key("the name has no spaces and no `+`"));
    }
    Ok(())
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend(self.key.as_bytes());
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex::encode(self.id()),
            B64.encode(bytes)
        )
    }
}

impl FromStr for VerifyingKey {
    type Err = NoteError;
    fn from_str(s: &str) -> Result<Self, NoteError> {
        let (name, id, bytes) = split_key(s)?;
        let public: [u8; 32] = match bytes.split_first() {
            Some((&ED25519, key)) => key
                .try_into()
                .map_err(|_| NoteError::Key("an Ed25519 key has 32 bytes"))?,
            _ => return Err(NoteError::Key("the key type is not Ed25519")),
        };
        let key = ed25519_dalek::VerifyingKey::from_bytes(&public)
            .map_err(|_| NoteError::Key("the bytes are no point of the curve"))?;
        let key = VerifyingKey { name, key };
        if hex::encode(key.id()) != id {
            return Err(NoteError::Key("the hash does not belong to the key"));
        }
        Ok(key)
    }
}

/// Splits `name+hash+base64`; the base64 part may itself contain `+`.
fn split_key(s: &str) -> Result<(String, String, Zeroizing<Vec<u8>>), NoteError> {
    let mut parts = s.splitn(3, '+');
    let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key("it has fewer than three parts"));
    };
    check_name(name)?;
    let bytes = B64
        .decode(data)
        .map_err(|_| NoteError::Key("the last part is not base64"))?;
    Ok((name.to_owned(), id.to_owned(), Zeroizing::new(bytes)))
}

/// A private key with its name. Its memory is wiped when it is dropped.
pub struct SigningKey {
    name: String,
    key: ed25519_dalek::SigningKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifying_key())
    }
}

impl SigningKey {
    /// The key of a 32-byte seed, signing as `name`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        Ok(SigningKey {
            name: name.to_owned(),
            key: ed25519_dalek::SigningKey::from_bytes(seed),
        })
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey {
            name: self.name.clone(),
            key: self.key.verifying_key(),
        }
    }

    /// `PRIVATE+KEY+name+hash+base64`, the form in which the key is kept in a file.
    pub fn to_secret(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(vec![ED25519]);
        bytes.extend(Zeroizing::new(self.key.to_bytes()).iter());
        let data = Zeroizing::new(B64.encode(&*bytes));
        let id = hex::encode(self.verifying_key().id());
        Zeroizing::new(format!("{PRIVATE}{}+{id}+{}", self.name, *data))
    }

    /// Reads the form that [`SigningKey::to_secret`] writes.
    pub fn from_secret(s: &str) -> Result<Self, NoteError> {
        let rest = s
            .strip_prefix(PRIVATE)
            .ok_or(NoteError::Key("it is not a private key"))?;
        let (name, id, bytes) = split_key(rest)?;
        let mut seed = Zeroizing::new([0u8; 32]);
        match bytes.split_first() {
            Some((&ED25519, key)) if key.len() == 32 => seed.copy_from_slice(key),
            _ => return Err(NoteError::Key("it is not an Ed25519 seed of 32 bytes")),
        }
        let key = SigningKey::from_seed(&name, &seed)?;
        if hex::encode(key.verifying_key().id()) != id {
            return Err(NoteError::Key("the hash does not belong to the key"));
        }
        Ok(key)
    }

    /// Signs `text` (which ends in a line feed) and returns the whole note.
    pub fn sign(&self, text: &str) -> String {
        debug_assert!(text.ends_with('\n'));
        let mut bytes = self.verifying_key().id().to_vec();
        bytes.extend(self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n\u{2014} {} {}\n", self.name, B64.encode(bytes))
    }
}

/// Checks a note and returns its text.
///
/// The note must carry exactly one signature, by `key`. A line by anybody else would be bytes that
/// nothing vouches for, so it is refused.
pub fn open<'n>(note: &'n [u8], key: &VerifyingKey) -> Result<&'n str, NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Shape("it is longer than 64 KiB"));
    }
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Shape("it is not UTF-8"))?;
    let end = note
        .rfind("\n\n")
        .ok_or(NoteError::Shape("there is no empty line"))?
        + 1;
    let (text, rest) = note.split_at(end);
    let line = rest
        .strip_prefix("\n\u{2014} ")
        .and_then(|l| l.strip_suffix('\n'))
        .ok_or(NoteError::Shape("there is no signature line"))?;
    let (name, signature) = match line.split_once(' ') {
        Some(parts) if !line.contains('\n') => parts,
        _ => return Err(NoteError::Shape("there is not exactly one signature")),
    };
    let bytes = B64
        .decode(signature)
        .map_err(|_| NoteError::Shape("the signature is not base64"))?;
    let (id, signature) = match bytes.split_first_chunk::<4>() {
        Some(parts) => parts,
        None => return Err(NoteError::Shape("the signature is too short")),
    };
    if name != key.name || *id != key.id() {
        return Err(NoteError::Signer(key.name.clone()));
    }
    let signature =
        ed25519_dalek::Signature::from_slice(signature).map_err(|_| NoteError::Signature)?;
    key.key
        .verify_strict(text.as_bytes(), &signature)
        .map_err(|_| NoteError::Signature)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example key and note of the Go `sumdb/note` package.
    #[test]
    fn reads_the_published_example() {
        let key: VerifyingKey =
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
                .parse()
                .unwrap();
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert!(open(note.as_bytes(), &key).unwrap().starts_with("If you"));
        let skey = SigningKey::from_secret(
            "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
        )
        .unwrap();
        assert_eq!(skey.verifying_key(), key);
        assert_eq!(skey.sign(open(note.as_bytes(), &key).unwrap()), note);
    }

    #[test]
    fn every_flipped_bit_of_a_note_is_seen() {
        let key = SigningKey::from_seed("example.kz/journal", &[7; 32]).unwrap();
        let note = key.sign("example.kz/journal\n1\nabc\n").into_bytes();
        assert!(open(&note, &key.verifying_key()).is_ok());
        for bit in 0..note.len() * 8 {
            let mut bad = note.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&bad, &key.verifying_key()).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_flipped_bit_of_a_key_is_seen_or_names_another_key() {
        let key = SigningKey::from_seed("a", &[9; 32]).unwrap();
        let text = key.verifying_key().to_string();
        assert_eq!(text.parse::<VerifyingKey>().unwrap(), key.verifying_key());
        for bit in 0..text.len() * 8 {
            let mut bad = text.clone().into_bytes();
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(s) = String::from_utf8(bad) {
                assert!(s.parse::<VerifyingKey>().is_err(), "{s}");
            }
        }
    }
}
