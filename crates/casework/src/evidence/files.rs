//! Files of evidence in the data folder, each under its SHA-256: equal files are kept once, and a
//! changed one is seen when it is read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Error, Result};

/// The folder of evidence.
#[derive(Debug, Clone)]
pub struct EvidenceFiles {
    dir: PathBuf,
    bytes_max: u64,
}

/// A file that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    pub sha256: String,
    pub bytes: u64,
}

/// A file on its way in. Dropping it before [`Upload::finish`] removes what was written.
pub struct Upload {
    file: Option<File>,
    path: PathBuf,
    dir: PathBuf,
    hash: Sha256,
    bytes: u64,
    bytes_max: u64,
}

impl EvidenceFiles {
    /// Files below `dir`, none larger than `bytes_max`.
    pub fn new(dir: &Path, bytes_max: u64) -> Self {
        Self {
            dir: dir.to_owned(),
            bytes_max,
        }
    }

    /// Where the file with this SHA-256 is, or would be: `<first two digits>/<digits>`.
    ///
    /// # Errors
    /// `Invalid` for what is no lower-case hexadecimal SHA-256.
    pub fn path(&self, sha256: &str) -> Result<PathBuf> {
        let digits = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if sha256.len() != 64 || !sha256.bytes().all(digits) {
            return Err(Error::invalid(
                "sha256",
                format!("`{sha256}` is no SHA-256"),
            ));
        }
        Ok(self.dir.join(&sha256[..2]).join(sha256))
    }

    /// Begins to store a file.
    pub async fn begin(&self) -> Result<Upload> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let incoming = self.dir.join("incoming");
        tokio::fs::create_dir_all(&incoming).await.map_err(disk)?;
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = incoming.join(format!("{}-{n}", std::process::id()));
        let file = File::create(&path).await.map_err(disk)?;
        Ok(Upload {
            file: Some(file),
            path,
            dir: self.dir.clone(),
            hash: Sha256::new(),
            bytes: 0,
            bytes_max: self.bytes_max,
        })
    }

    /// Opens a stored file for reading.
    ///
    /// # Errors
    /// `NotFound` when it is not there.
    pub async fn open(&self, sha256: &str) -> Result<File> {
        match File::open(self.path(sha256)?).await {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::not_found("evidence_file", sha256))
            }
            Err(error) => Err(disk(error)),
        }
    }

    /// Reads a stored file again and returns the SHA-256 it has now.
    pub async fn hash(&self, sha256: &str) -> Result<String> {
        let mut file = self.open(sha256).await?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0u8; 1 << 18];
        loop {
            let read = file.read(&mut buffer).await.map_err(disk)?;
            if read == 0 {
                return Ok(hex::encode(hash.finalize()));
            }
            hash.update(&buffer[..read]);
        }
    }

    /// Removes a file whose deletion was decided; one that is not there is no error.
    pub async fn remove(&self, sha256: &str) -> Result<()> {
        match tokio::fs::remove_file(self.path(sha256)?).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk(error)),
            _ => Ok(()),
        }
    }
}

impl Upload {
    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// `Invalid` when the file becomes larger than is allowed.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.bytes += chunk.len() as u64;
        if self.bytes > self.bytes_max {
            let message = format!("larger than {} bytes, the limit here", self.bytes_max);
            return Err(Error::invalid("file", message));
        }
        self.hash.update(chunk);
        match &mut self.file {
            Some(file) => file.write_all(chunk).await.map_err(disk),
            None => Ok(()),
        }
    }

    /// Makes the file durable under its SHA-256.
    ///
    /// # Errors
    /// `Invalid` for an empty file.
    pub async fn finish(mut self) -> Result<StoredFile> {
        if self.bytes == 0 {
            return Err(Error::invalid("file", "is empty"));
        }
        let sha256 = hex::encode(self.hash.clone().finalize());
        let folder = self.dir.join(&sha256[..2]);
        if let Some(mut file) = self.file.take() {
            file.flush().await.map_err(disk)?;
            file.sync_all().await.map_err(disk)?;
        }
        tokio::fs::create_dir_all(&folder).await.map_err(disk)?;
        tokio::fs::rename(&self.path, folder.join(&sha256))
            .await
            .map_err(disk)?;
        let directory = File::open(&folder).await.map_err(disk)?;
        directory.sync_all().await.map_err(disk)?;
        Ok(StoredFile {
            sha256,
            bytes: self.bytes,
        })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn disk(error: io::Error) -> Error {
    Error::Storage(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_kept_once_under_their_hash_and_limits_hold() {
        let dir = tempfile::tempdir().unwrap();
        let files = EvidenceFiles::new(dir.path(), 10);
        for _ in 0..2 {
            let mut upload = files.begin().await.unwrap();
            upload.write(b"abc").await.unwrap();
            upload.write(b"de").await.unwrap();
            let stored = upload.finish().await.unwrap();
            assert_eq!(stored.sha256, crate::sha256_hex(b"abcde"));
            assert_eq!(files.hash(&stored.sha256).await.unwrap(), stored.sha256);
        }
        let mut large = files.begin().await.unwrap();
        assert!(large.write(&[0; 11]).await.is_err());
        drop(large);
        assert!(
            files.begin().await.unwrap().finish().await.is_err(),
            "empty"
        );
        for wrong in ["../../etc/passwd", "ABCD", &"g".repeat(64)] {
            assert!(files.path(wrong).is_err(), "{wrong}");
        }
        let incoming = std::fs::read_dir(dir.path().join("incoming")).unwrap();
        assert_eq!(incoming.count(), 0, "nothing half is left behind");
        let absent = files.open(&"a".repeat(64)).await;
        assert!(matches!(absent, Err(Error::NotFound { .. })));
    }
}
