//! Verification of a whole data folder, online or offline: the journal against its signature, the
//! database's leaves against the journal, stored files against the hashes in it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use saqshy_casework::Store;
use saqshy_journal::{Leaf, TileLog, VerifyingKey, verify_dir};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Paths;

/// Something that is not as the journal says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyFinding {
    /// Relative to the data folder.
    pub path: String,
    pub what: String,
}

/// The result of a verification.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VerifyReport {
    pub ok: bool,
    /// Leaves under the checkpoint.
    pub size: u64,
    /// Leaves in the database that wait for the next checkpoint.
    pub waiting: u64,
    pub lake_files: u64,
    pub documents: u64,
    pub evidence: u64,
    pub findings: Vec<VerifyFinding>,
}

/// Verifies the folder of a running or stopped server. Reads only.
///
/// # Errors
/// The folder is no data folder, or its public key or database cannot be read.
pub async fn verify_data_dir(data: &Path) -> anyhow::Result<VerifyReport> {
    let paths = Paths::of(data);
    let key = public_key(&paths)?;
    let mut report = VerifyReport::default();
    let journal = paths.journal.clone();
    let verified = tokio::task::spawn_blocking({
        let key = key.clone();
        move || verify_dir(&journal, &key)
    })
    .await?;
    match verified {
        Ok(found) => report.size = found.size,
        Err(findings) => report
            .findings
            .extend(findings.into_iter().map(|one| VerifyFinding {
                path: format!("journal/{}", one.path),
                what: one.what,
            })),
    }
    if report.findings.is_empty() {
        let leaves = leaves_of(&paths, &key).await?;
        compare_database(&paths, &leaves, &mut report).await?;
        let files = expected_files(&leaves);
        let found = tokio::task::spawn_blocking(move || check_files(&paths, &files)).await?;
        report.findings.extend(found.findings);
        (report.lake_files, report.documents) = (found.lake_files, found.documents);
        report.evidence = found.evidence;
    }
    report.ok = report.findings.is_empty();
    Ok(report)
}

/// The public key of the folder's journal.
pub fn public_key(paths: &Paths) -> anyhow::Result<VerifyingKey> {
    let path = paths.keys.join(saqshy_journal::VKEY_FILE);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "`{}` is no data folder: public key `{}`",
            paths.data.display(),
            path.display()
        )
    })?;
    text.trim()
        .parse()
        .with_context(|| format!("public key `{}`", path.display()))
}

async fn leaves_of(paths: &Paths, key: &VerifyingKey) -> anyhow::Result<Vec<Vec<u8>>> {
    let (folder, key) = (paths.journal.clone(), key.clone());
    tokio::task::spawn_blocking(move || {
        // A writer may publish meanwhile and clear away narrower tiles: then it begins again.
        const TRIES: usize = 10;
        let read = || {
            let log = TileLog::open(saqshy_journal::DirStorage::reader(&folder), &key)?;
            log.entries(0..log.size())
        };
        let mut leaves = read();
        for _ in 1..TRIES {
            if leaves.is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
            leaves = read();
        }
        Ok(leaves?)
    })
    .await?
}

/// The database must hold the same leaves, and may hold newer ones.
async fn compare_database(
    paths: &Paths,
    leaves: &[Vec<u8>],
    report: &mut VerifyReport,
) -> anyhow::Result<()> {
    let name = "saqshy.db".to_owned();
    let store = match Store::open(&paths.database).await {
        Ok(store) => store,
        Err(error) => {
            let what = format!(
                "the database cannot be opened: {:#}",
                anyhow::Error::new(error)
            );
            report.findings.push(VerifyFinding { path: name, what });
            return Ok(());
        }
    };
    let mut at = 0u64;
    loop {
        let rows = store.leaves_from(at, 1_000).await?;
        if rows.is_empty() {
            break;
        }
        for (index, body) in rows {
            if index != at {
                let what = format!("leaf {at} is missing");
                report.findings.push(VerifyFinding {
                    path: name.clone(),
                    what,
                });
            }
            at = index + 1;
            match leaves.get(index as usize) {
                Some(leaf) if *leaf != body => {
                    let what = format!("leaf {index} differs from the journal");
                    report.findings.push(VerifyFinding {
                        path: name.clone(),
                        what,
                    });
                }
                Some(_) => {}
                None => report.waiting += 1,
            }
        }
    }
    if at < leaves.len() as u64 {
        let what = format!("leaves {at} to {} are missing", leaves.len() - 1);
        report.findings.push(VerifyFinding { path: name, what });
    }
    store.close().await;
    Ok(())
}

/// Path relative to the data folder → SHA-256, of every file that the journal says is there.
fn expected_files(leaves: &[Vec<u8>]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    // Several pieces of evidence may have one file; it may go with the last of them.
    let mut pieces: BTreeMap<String, u64> = BTreeMap::new();
    for leaf in leaves.iter().filter_map(|bytes| Leaf::parse(bytes).ok()) {
        let text = |key: &str| {
            leaf.change
                .get(key)
                .and_then(|value| value.as_str())
                .map(str::to_owned)
        };
        match leaf.action.as_str() {
            "lake.file_added" => {
                if let (Some(path), Some(sha256)) = (text("path"), text("sha256")) {
                    files.insert(format!("lake/{path}"), sha256);
                }
            }
            "lake.file_replaced" => {
                if let Some(path) = text("path") {
                    files.remove(&format!("lake/{path}"));
                }
            }
            "evidence.added" => {
                if let Some(sha256) = text("sha256") {
                    *pieces.entry(sha256).or_default() += 1;
                }
            }
            "evidence.custody" if text("act").as_deref() == Some("deleted") => {
                if let Some(left) = text("sha256").and_then(|sha256| pieces.get_mut(&sha256)) {
                    *left = left.saturating_sub(1);
                }
            }
            _ => {
                if let Some(sha256) = text("document_sha256") {
                    // Letters are PDF; a report's leaf says what it is.
                    let ending = text("format").unwrap_or_else(|| "pdf".to_owned());
                    files.insert(format!("documents/{sha256}.{ending}"), sha256);
                }
            }
        }
    }
    for (sha256, _) in pieces.into_iter().filter(|(_, pieces)| *pieces > 0) {
        if let Some(folder) = sha256.get(..2) {
            files.insert(format!("evidence/{folder}/{sha256}"), sha256.clone());
        }
    }
    files
}

#[derive(Default)]
struct Files {
    lake_files: u64,
    documents: u64,
    evidence: u64,
    findings: Vec<VerifyFinding>,
}

fn check_files(paths: &Paths, expected: &BTreeMap<String, String>) -> Files {
    let mut found = Files::default();
    for (path, sha256) in expected {
        match path.split('/').next() {
            Some("lake") => found.lake_files += 1,
            Some("evidence") => found.evidence += 1,
            _ => found.documents += 1,
        }
        let what = match hash(&paths.data.join(path)) {
            Ok(actual) if actual == *sha256 => continue,
            Ok(_) => "its content is not what the journal says".to_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                "it is missing".to_owned()
            }
            Err(error) => format!("it cannot be read: {error}"),
        };
        found.findings.push(VerifyFinding {
            path: path.clone(),
            what,
        });
    }
    found
}

fn hash(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; 1 << 18];
    loop {
        let read = std::io::Read::read(&mut file, &mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(&buffer[..read]);
    }
}
