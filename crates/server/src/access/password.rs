//! Passwords: Argon2id (RFC 9106) with the crate's default cost, 19 MiB and 2 passes, which is
//! the first choice of OWASP's password storage guidance.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Shortest password that is accepted, in characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password that is accepted, in bytes: hashing a huge one would be a way to burn CPU.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(String);

/// Hashes `password` with a fresh salt. Blocking: about 20 ms of CPU and 19 MiB.
pub fn hash(password: &str) -> Result<String, HashError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| HashError(error.to_string()))
}

/// Whether `password` is the one that `hash` was made from. Blocking, like [`hash`].
///
/// Without a hash (no such account) the same work is done on a fixed one, so that the time of a
/// refusal does not tell whether a login exists.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let parsed = hash.and_then(|hash| PasswordHash::new(hash).ok());
    match parsed {
        Some(parsed) => Argon2::default()
            .verify_password(password.as_bytes(), &parsed)
            .is_ok(),
        None => {
            let mut out = [0u8; 32];
            let salt = b"no such account.";
            let _ = Argon2::default().hash_password_into(password.as_bytes(), salt, &mut out);
            false
        }
    }
}

/// A random password of 20 characters out of 32 that are not mistaken for each other: 100 bits.
pub fn random() -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0u8; 20];
    getrandom::fill(&mut bytes)?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_and_no_other() {
        let hashed = hash("жеті ата білмеген").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$"));
        assert!(verify("жеті ата білмеген", Some(&hashed)));
        assert!(!verify("жеті ата білген", Some(&hashed)));
        assert!(!verify("", None));
        assert!(!verify("x", Some("not a hash")));
    }

    #[test]
    fn random_passwords_differ_and_pass_the_length_rule() {
        let (one, two) = (random().unwrap(), random().unwrap());
        assert_ne!(one, two);
        assert!(one.chars().count() >= PASSWORD_CHARS_MIN);
    }
}
