//! The journal's key on disk.

use crate::note::{NoteError, SigningKey, VerifyingKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Name of the private key file.
pub const KEY_FILE: &str = "journal.key";
/// Name of the public key file, for handing out.
pub const VKEY_FILE: &str = "journal.vkey";

/// Why the key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read or written.
    #[error("could not use the journal key `{path}`")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than the owner could read it.
    #[error("the journal key `{path}` is open to others (mode {mode:o}); run: chmod 600 {path}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not a key.
    #[error("the journal key `{path}` is not readable")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: NoteError,
    },
    /// The key signs under another name.
    #[error("the journal key signs as `{found}`, the configuration says `{wanted}`")]
    Origin {
        /// Name in the key.
        found: String,
        /// Name asked for.
        wanted: String,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a new journal key")]
    Random,
}

/// The key pair of a journal.
#[derive(Debug)]
pub struct Keys {
    signing: SigningKey,
}

impl Keys {
    /// Reads `journal.key` in `dir`, or makes a new one with mode 0600.
    ///
    /// `origin` is the name of the log, such as `soc.example.kz/journal`. The directory must not be
    /// the journal's own: a journal folder is copied and handed out.
    pub fn load_or_create(dir: &Path, origin: &str) -> Result<Keys, KeyError> {
        let path = dir.join(KEY_FILE);
        let file_error = |source| KeyError::File {
            path: path.clone(),
            source,
        };
        match File::open(&path) {
            Ok(file) => Self::load(file, &path, origin),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut seed = Zeroizing::new([0u8; 32]);
                getrandom::fill(&mut *seed).map_err(|_| KeyError::Random)?;
                let signing =
                    SigningKey::from_seed(origin, &seed).map_err(|source| KeyError::Content {
                        path: path.clone(),
                        source,
                    })?;
                fs::create_dir_all(dir).map_err(file_error)?;
                let keys = Keys { signing };
                keys.store(dir).map_err(file_error)?;
                Ok(keys)
            }
            Err(e) => Err(file_error(e)),
        }
    }

    /// Keys made elsewhere (tests, a hardware seed).
    pub fn from_signing_key(signing: SigningKey) -> Keys {
        Keys { signing }
    }

    fn load(mut file: File, path: &Path, origin: &str) -> Result<Keys, KeyError> {
        let file_error = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        let mode = file.metadata().map_err(file_error)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Open {
                path: path.to_owned(),
                mode,
            });
        }
        let mut text = Zeroizing::new(String::with_capacity(1024));
        Read::by_ref(&mut file)
            .take(1024)
            .read_to_string(&mut text)
            .map_err(file_error)?;
        let signing =
            SigningKey::from_secret(text.trim_end()).map_err(|source| KeyError::Content {
                path: path.to_owned(),
                source,
            })?;
        let found = signing.verifying_key().name().to_owned();
        if found != origin {
            return Err(KeyError::Origin {
                found,
                wanted: origin.to_owned(),
            });
        }
        Ok(Keys { signing })
    }

    fn store(&self, dir: &Path) -> io::Result<()> {
        let secret = Zeroizing::new(format!("{}\n", *self.signing.to_secret()));
        let public = format!("{}\n", self.vkey());
        for (name, text, mode) in [
            (VKEY_FILE, public.as_str(), 0o644),
            (KEY_FILE, secret.as_str(), 0o600),
        ] {
            let unfinished = dir.join(format!("{name}.tmp"));
            let _ = fs::remove_file(&unfinished);
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, dir.join(name))?;
        }
        File::open(dir)?.sync_all()
    }

    /// The private half.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// The public half, as others check with it: `name+hash+base64`.
    pub fn vkey(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = Keys::load_or_create(dir.path(), "a.kz/journal").unwrap();
        let again = Keys::load_or_create(dir.path(), "a.kz/journal").unwrap();
        assert_eq!(first.vkey(), again.vkey());
        let path = dir.path().join(KEY_FILE);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let public = fs::read_to_string(dir.path().join(VKEY_FILE)).unwrap();
        assert_eq!(public.trim().parse::<VerifyingKey>().unwrap(), first.vkey());
        assert!(matches!(
            Keys::load_or_create(dir.path(), "b.kz/journal"),
            Err(KeyError::Origin { .. })
        ));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            Keys::load_or_create(dir.path(), "a.kz/journal"),
            Err(KeyError::Open { .. })
        ));
    }
}
