//! Signed links by which an addressee confirms receipt.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckClaim {
    pub notice_id: String,
    pub addressee: String,
    pub expires: Timestamp,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// Not one of our tokens, or changed.
    #[error("the link is not valid")]
    Invalid,
    /// Ours, but too old.
    #[error("the link expired at {0}")]
    Expired(Timestamp),
}

/// The key is shorter than 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the acknowledgement key has {0} bytes, at least 32 are needed")]
pub struct KeyTooShort(pub usize);

/// Signs and verifies acknowledgement tokens with HMAC-SHA256 (RFC 2104).
///
/// A token is the unpadded URL-safe base64 of `version, tag, expiry, notice id, addressee`; the
/// tag covers everything else. Nothing in it is secret, nothing in it can be changed.
#[derive(Clone)]
pub struct AckSigner {
    mac: Hmac<Sha256>,
}

const VERSION: u8 = 1;
const TAG: usize = 32;
const HEADER: usize = 1 + TAG + 8 + 2;
/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 2048;

impl AckSigner {
    /// A signer with a secret key of at least 32 bytes.
    pub fn new(key: &[u8]) -> Result<Self, KeyTooShort> {
        if key.len() < 32 {
            return Err(KeyTooShort(key.len()));
        }
        let mac = Hmac::new_from_slice(key).map_err(|_| KeyTooShort(key.len()))?;
        Ok(Self { mac })
    }

    /// A token for one notice and one addressee, valid until `expires` (whole seconds).
    pub fn sign(&self, notice_id: &str, addressee: &str, expires: Timestamp) -> String {
        let mut body = Vec::with_capacity(10 + notice_id.len() + addressee.len());
        body.extend_from_slice(&expires.as_second().to_be_bytes());
        // Ids are short; a longer one is cut here and then fails to verify as that id.
        let id = &notice_id.as_bytes()[..notice_id.len().min(usize::from(u16::MAX))];
        body.extend_from_slice(&(id.len() as u16).to_be_bytes());
        body.extend_from_slice(id);
        body.extend_from_slice(addressee.as_bytes());
        let tag = self.tag(&body).finalize().into_bytes();
        let mut token = vec![VERSION];
        token.extend_from_slice(&tag);
        token.extend_from_slice(&body);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// What the token says, if we signed it and it has not expired at `now`. The tag is compared
    /// in constant time and before anything else is looked at.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<AckClaim, AckError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AckError::Invalid);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| AckError::Invalid)?;
        if bytes.len() < HEADER || bytes[0] != VERSION {
            return Err(AckError::Invalid);
        }
        let (tag, body) = bytes[1..].split_at(TAG);
        self.tag(body)
            .verify_slice(tag)
            .map_err(|_| AckError::Invalid)?;
        let claim = read(body).ok_or(AckError::Invalid)?;
        if now >= claim.expires {
            return Err(AckError::Expired(claim.expires));
        }
        Ok(claim)
    }

    fn tag(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(b"saqshy notice acknowledgement v1\n");
        mac.update(body);
        mac
    }
}

fn read(body: &[u8]) -> Option<AckClaim> {
    let (expires, rest) = body.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (id, addressee) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some(AckClaim {
        notice_id: String::from_utf8(id.to_vec()).ok()?,
        addressee: String::from_utf8(addressee.to_vec()).ok()?,
        expires: Timestamp::from_second(i64::from_be_bytes(*expires)).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_expires() {
        let signer = AckSigner::new(&[7; 32]).unwrap();
        let token = signer.sign("3f9a", "Қаржы министрлігі", at(1000));
        assert!(
            token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
        let claim = signer.verify(&token, at(999)).unwrap();
        assert_eq!(
            (claim.notice_id.as_str(), claim.expires),
            ("3f9a", at(1000))
        );
        assert_eq!(claim.addressee, "Қаржы министрлігі");
        assert_eq!(
            signer.verify(&token, at(1000)),
            Err(AckError::Expired(at(1000)))
        );
        let other = AckSigner::new(&[8; 32]).unwrap();
        assert_eq!(other.verify(&token, at(999)), Err(AckError::Invalid));
        assert!(AckSigner::new(&[7; 31]).is_err());
    }

    proptest! {
        #[test]
        fn any_changed_character_is_refused(
            id in "[0-9a-f]{1,32}", addressee in "\\PC{0,40}", place: prop::sample::Index, to in "[A-Za-z0-9_=.-]"
        ) {
            let signer = AckSigner::new(&[7; 32]).unwrap();
            let token = signer.sign(&id, &addressee, at(1000));
            let mut changed: Vec<char> = token.chars().collect();
            let place = place.index(changed.len());
            let to = to.chars().next().unwrap();
            prop_assume!(changed[place] != to);
            changed[place] = to;
            let changed: String = changed.into_iter().collect();
            prop_assert_eq!(signer.verify(&changed, at(0)), Err(AckError::Invalid));
        }

        #[test]
        fn cut_and_foreign_tokens_are_refused(cut in 0usize..60, noise in "\\PC{0,80}") {
            let signer = AckSigner::new(&[7; 32]).unwrap();
            let token = signer.sign("3f9a", "nsc", at(1000));
            let kept = token.len().saturating_sub(1 + cut);
            prop_assert_eq!(signer.verify(&token[..kept], at(0)), Err(AckError::Invalid));
            let longer = format!("{token}A");
            prop_assert_eq!(signer.verify(&longer, at(0)), Err(AckError::Invalid));
            prop_assert_eq!(signer.verify(&noise, at(0)), Err(AckError::Invalid));
        }

        #[test]
        fn id_and_addressee_never_run_into_each_other(a in "[a-c]{0,4}", b in "[a-c]{0,4}", c in "[a-c]{0,4}", d in "[a-c]{0,4}") {
            let signer = AckSigner::new(&[7; 32]).unwrap();
            let same = (&a, &b) == (&c, &d);
            prop_assert_eq!(signer.sign(&a, &b, at(1)) == signer.sign(&c, &d, at(1)), same);
        }
    }
}
