//! Rule bundles: rules with a manifest in one ZIP file, for carrying rules to a closed network and
//! for keeping imported sets in the data folder.
//!
//! ```text
//! manifest.json    {"format": "saqshy-rules/1", "name", "version", "origin", "files": [{"path", "sha256"}]}
//! manifest.note    optional: signed note (c2sp.org/signed-note, Ed25519) over the manifest's SHA-256
//! rules/<path>     the files
//! ```
//!
//! Every file is checked against the manifest, and nothing that the manifest does not name is used.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek, Write};

use anyhow::{Context, bail, ensure};
use saqshy_journal::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::archive::Archive;

const FORMAT: &str = "saqshy-rules/1";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const NOTE: &str = "manifest.note";
const FOLDER: &str = "rules/";
/// Most files of a bundle.
pub const FILES_MAX: usize = 50_000;
/// Largest file, and all files together, unpacked.
pub const FILE_BYTES_MAX: u64 = 4 << 20;
pub const TOTAL_BYTES_MAX: u64 = 256 << 20;
/// Largest manifest; one that names [`FILES_MAX`] files by usual paths has about half of it.
pub(super) const MANIFEST_BYTES_MAX: u64 = 32 << 20;

/// Where the rules of a bundle were found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// `folder`, `zip` or `git`.
    pub kind: String,
    /// As it was named.
    pub path: String,
    /// Commit that was checked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    name: String,
    version: String,
    origin: Origin,
    files: Vec<FileEntry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    path: String,
    sha256: String,
}

/// Rules with what is said about them.
#[derive(Debug, Clone)]
pub struct Bundle {
    pub name: String,
    pub version: String,
    pub origin: Origin,
    /// SHA-256 over the lines `<sha256>  <path>` of all files in order of path.
    pub sha256: String,
    /// Name of the key that signed it, when that is one of those trusted.
    pub signed_by: Option<String>,
    files: Vec<(String, String)>,
    /// Manifest and note as they arrived, kept so that a signature stays checkable.
    sealed: Option<(Vec<u8>, Vec<u8>)>,
}

impl Bundle {
    /// Bundles files given as path → text.
    ///
    /// # Errors
    /// The name is not one of 1 to 64 letters, digits, `.`, `_`, `-`.
    pub fn new(
        name: &str,
        version: &str,
        origin: Origin,
        files: BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        check_name(name)?;
        ensure!(version.len() <= 128, "the version is longer than 128 bytes");
        let mut all = Sha256::new();
        for (path, text) in &files {
            all.update(format!("{}  {path}\n", hash(text.as_bytes())));
        }
        Ok(Bundle {
            name: name.to_owned(),
            version: version.to_owned(),
            origin,
            sha256: hex::encode(all.finalize()),
            signed_by: None,
            files: files.into_iter().collect(),
            sealed: None,
        })
    }

    /// Reads and checks a bundle. `trusted` are the keys whose signature counts.
    ///
    /// # Errors
    /// It is damaged, too large, names a file that differs, or bears a signature of a trusted name
    /// that is wrong.
    pub fn read(from: impl Read + Seek, trusted: &[VerifyingKey]) -> anyhow::Result<Self> {
        Self::of(Archive::open(from)?, trusted)
    }

    /// As [`Bundle::read`], of an archive whose directory is read.
    pub(super) fn of(
        archive: Archive<impl Read + Seek>,
        trusted: &[VerifyingKey],
    ) -> anyhow::Result<Self> {
        let mut found =
            archive.unpack(|path| path == MANIFEST || path == NOTE || path.starts_with(FOLDER))?;
        let manifest_bytes = found
            .remove(MANIFEST)
            .context("there is no manifest.json in the bundle")?;
        let note = found.remove(NOTE);
        let manifest: Manifest =
            serde_json::from_slice(&manifest_bytes).context("manifest.json of the bundle")?;
        ensure!(
            manifest.format == FORMAT,
            "the bundle's format is `{}`, this program reads `{FORMAT}`",
            manifest.format
        );
        let mut files = BTreeMap::new();
        for entry in &manifest.files {
            let bytes = found
                .remove(&format!("{FOLDER}{}", entry.path))
                .with_context(|| format!("`{}` is in the manifest and not there", entry.path))?;
            ensure!(
                hash(&bytes) == entry.sha256,
                "`{}` is not the file that the manifest names: its SHA-256 differs",
                entry.path
            );
            let text = String::from_utf8(bytes)
                .with_context(|| format!("`{}` is not UTF-8", entry.path))?;
            files.insert(entry.path.clone(), text);
        }
        if let Some(extra) = found.keys().next() {
            bail!("`{extra}` is in the bundle and not in its manifest");
        }
        let mut bundle = Bundle::new(&manifest.name, &manifest.version, manifest.origin, files)?;
        if let Some(note) = note {
            bundle.signed_by = signer(&manifest_bytes, &note, trusted)?;
            bundle.sealed = Some((manifest_bytes, note));
        }
        Ok(bundle)
    }

    /// Path below the bundle and text of every file, by path.
    pub fn files(&self) -> &[(String, String)] {
        &self.files
    }

    /// The bundle as a ZIP file; a signature that it came with goes along.
    pub fn to_zip(&self) -> anyhow::Result<Vec<u8>> {
        match &self.sealed {
            Some((manifest, note)) => self.write(manifest, Some(note)),
            None => self.write(&self.manifest()?, None),
        }
    }

    /// The bundle as a ZIP file signed by `key`.
    pub fn to_signed_zip(&self, key: &SigningKey) -> anyhow::Result<Vec<u8>> {
        let manifest = self.manifest()?;
        let note = key.sign(&note_text(&manifest));
        self.write(&manifest, Some(note.as_bytes()))
    }

    fn manifest(&self) -> anyhow::Result<Vec<u8>> {
        let files = self.files.iter().map(|(path, text)| FileEntry {
            path: path.clone(),
            sha256: hash(text.as_bytes()),
        });
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            name: self.name.clone(),
            version: self.version.clone(),
            origin: self.origin.clone(),
            files: files.collect(),
        };
        Ok(serde_json::to_vec_pretty(&manifest)?)
    }

    fn write(&self, manifest: &[u8], note: Option<&[u8]>) -> anyhow::Result<Vec<u8>> {
        ensure!(
            manifest.len() as u64 <= MANIFEST_BYTES_MAX,
            "the manifest would have more than {MANIFEST_BYTES_MAX} bytes: fewer files, or shorter paths"
        );
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        archive.start_file(MANIFEST, options)?;
        archive.write_all(manifest)?;
        if let Some(note) = note {
            archive.start_file(NOTE, options)?;
            archive.write_all(note)?;
        }
        for (path, text) in &self.files {
            archive.start_file(format!("{FOLDER}{path}"), options)?;
            archive.write_all(text.as_bytes())?;
        }
        Ok(archive.finish()?.into_inner())
    }
}

/// Name of the trusted key that signed the manifest; `None`: somebody else did.
fn signer(
    manifest: &[u8],
    note: &[u8],
    trusted: &[VerifyingKey],
) -> anyhow::Result<Option<String>> {
    use saqshy_journal::{NoteError, open_note};
    let text = note_text(manifest);
    for key in trusted {
        match open_note(note, key) {
            Ok(signed) if signed == text => return Ok(Some(key.name().to_owned())),
            Ok(_) => bail!("the signature in manifest.note is of another manifest"),
            Err(NoteError::Signer(_)) => {}
            Err(error) => bail!("manifest.note: {error}"),
        }
    }
    Ok(None)
}

fn note_text(manifest: &[u8]) -> String {
    format!("{FORMAT}\n{}\n", hash(manifest))
}

pub(super) fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let fits = !name.is_empty()
        && name.len() <= 64
        && !name.starts_with('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    ensure!(
        fits,
        "`{name}` cannot name a rule set: use 1 to 64 letters, digits, `.`, `_`, `-`"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        let origin = Origin {
            kind: "folder".into(),
            path: "/rules".into(),
            commit: None,
        };
        let files = [("a/one.yml", "title: one\n"), ("two.yml", "title: two\n")];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Bundle::new("ours", "1", origin, files.into()).unwrap()
    }

    fn open(bytes: &[u8]) -> anyhow::Result<Archive<Cursor<&[u8]>>> {
        Archive::open(Cursor::new(bytes))
    }

    #[test]
    fn a_bundle_comes_back_as_it_went_and_a_changed_file_is_named() {
        let bytes = bundle().to_zip().unwrap();
        assert!(open(&bytes).unwrap().is_bundle());
        let back = Bundle::read(Cursor::new(&bytes), &[]).unwrap();
        assert_eq!(
            (back.files(), &back.sha256, back.signed_by.clone()),
            (bundle().files(), &bundle().sha256, None)
        );
        let mut changed = bundle();
        let manifest = changed.manifest().unwrap();
        changed.files[0].1.push_str("level: low\n");
        let bytes = changed.write(&manifest, None).unwrap();
        let error = Bundle::read(Cursor::new(&bytes), &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a/one.yml") && error.contains("SHA-256"),
            "{error}"
        );
        changed.files.remove(0);
        let bytes = changed.write(&manifest, None).unwrap();
        assert!(Bundle::read(Cursor::new(&bytes), &[]).is_err());
        assert!(Bundle::read(Cursor::new(b"PK nonsense"), &[]).is_err());
    }

    #[test]
    fn a_bundle_of_many_files_can_be_read_again() {
        let files = (0..30_000).map(|n| {
            let path = format!("rules/windows/process_creation/proc_creation_win_{n:06}.yml");
            (path, String::new())
        });
        let many = Bundle::new("many", "", bundle().origin, files.collect()).unwrap();
        assert!(many.manifest().unwrap().len() as u64 > FILE_BYTES_MAX);
        let back = Bundle::read(Cursor::new(many.to_zip().unwrap()), &[]).unwrap();
        assert_eq!(back.sha256, many.sha256);
    }

    /// Each byte of a bundle changed, one at a time: it is refused, or its files are the same.
    #[test]
    fn no_changed_byte_changes_a_rule() {
        let whole = bundle().to_zip().unwrap();
        for at in 0..whole.len() {
            for change in [0x01, 0x20, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                assert!(
                    open(&bytes).is_ok_and(|it| it.is_bundle())
                        || open(&bytes).and_then(|it| it.unpack(|_| true)).is_err(),
                    "byte {at} makes a plain archive of it"
                );
                if let Ok(back) = Bundle::read(Cursor::new(&bytes), &[]) {
                    assert_eq!(back.files(), bundle().files(), "byte {at}");
                }
            }
        }
    }

    #[test]
    fn a_signature_counts_for_its_key_and_its_manifest_alone() {
        let ours = SigningKey::from_seed("rules.example", &[7; 32]).unwrap();
        let other = SigningKey::from_seed("other.example", &[8; 32]).unwrap();
        let forged = SigningKey::from_seed("rules.example", &[9; 32]).unwrap();
        let bytes = bundle().to_signed_zip(&ours).unwrap();
        let signed =
            |keys: &[VerifyingKey]| Bundle::read(Cursor::new(&bytes), keys).map(|it| it.signed_by);
        let by = signed(&[other.verifying_key(), ours.verifying_key()]).unwrap();
        assert_eq!(by.as_deref(), Some("rules.example"));
        assert_eq!(signed(&[other.verifying_key()]).unwrap(), None);
        // Stored again, it is still signed.
        let kept = Bundle::read(Cursor::new(&bytes), &[])
            .unwrap()
            .to_zip()
            .unwrap();
        let kept = Bundle::read(Cursor::new(&kept), &[ours.verifying_key()]).unwrap();
        assert_eq!(kept.signed_by.as_deref(), Some("rules.example"));
        // A key of the same name, and a signature of another manifest, are refused.
        let bytes = bundle().to_signed_zip(&forged).unwrap();
        assert!(
            Bundle::read(Cursor::new(&bytes), &[ours.verifying_key()])
                .map_or(true, |it| it.signed_by.is_none())
        );
        let mut newer = bundle();
        newer.version = "2".into();
        let note = ours.sign(&note_text(&bundle().manifest().unwrap()));
        let bytes = newer.write(&newer.manifest().unwrap(), Some(note.as_bytes()));
        assert!(Bundle::read(Cursor::new(bytes.unwrap()), &[ours.verifying_key()]).is_err());
    }

    #[test]
    fn a_name_that_cannot_be_one_of_a_folder_is_refused() {
        for name in ["", "a/b", "..", "a b", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
