//! Rule sets that were imported: a row in the database and a bundle in `rules/` of the data folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use saqshy_casework::{Actor, Error, Store, Tx};
use saqshy_detect::RuleSet;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::bundle::{Bundle, Origin, hash};
use super::change::leaf;
use super::{Group, Mode};

/// A set as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSet {
    pub name: String,
    pub mode: Mode,
    pub origin: Origin,
    pub version: String,
    /// Over its files, see [`Bundle::sha256`].
    pub sha256: String,
    pub signed_by: Option<String>,
    /// Name of the bundle in the folder of sets, and the SHA-256 of its bytes.
    pub file: String,
    pub file_sha256: String,
    pub imported_at: Timestamp,
    pub imported_by: String,
}

impl StoredSet {
    pub(super) fn of(bundle: &Bundle, bytes: &[u8], mode: Mode, now: Timestamp, by: &str) -> Self {
        let file_sha256 = hash(bytes);
        StoredSet {
            name: bundle.name.clone(),
            mode,
            origin: bundle.origin.clone(),
            version: bundle.version.clone(),
            sha256: bundle.sha256.clone(),
            signed_by: bundle.signed_by.clone(),
            file: format!("{}-{}.zip", bundle.name, &file_sha256[..16]),
            file_sha256,
            imported_at: now,
            imported_by: by.to_owned(),
        }
    }
}

/// Where the bundles of a data folder are.
pub fn folder(data: &Path) -> PathBuf {
    data.join("rules")
}

/// Every stored set, by name.
pub async fn all(store: &Store) -> anyhow::Result<Vec<StoredSet>> {
    let rows = sqlx::query("SELECT * FROM rule_set ORDER BY name")
        .fetch_all(store.pool())
        .await?;
    rows.iter().map(of_row).collect()
}

fn of_row(row: &SqliteRow) -> anyhow::Result<StoredSet> {
    let text = |name: &str| row.try_get::<String, _>(name);
    Ok(StoredSet {
        name: text("name")?,
        mode: text("mode")?.parse()?,
        origin: serde_json::from_str(&text("origin")?)?,
        version: text("version")?,
        sha256: text("sha256")?,
        signed_by: row.try_get("signed_by")?,
        file: text("file")?,
        file_sha256: text("file_sha256")?,
        imported_at: Timestamp::from_microsecond(row.try_get("imported_at_us")?)?,
        imported_by: text("imported_by")?,
    })
}

/// Reads the bundle of a set and compares it with what the database remembers.
pub(super) fn read(folder: &Path, set: StoredSet) -> anyhow::Result<Group> {
    let path = folder.join(&set.file);
    let bytes = std::fs::read(&path).with_context(|| format!("reading `{}`", path.display()))?;
    ensure!(
        hash(&bytes) == set.file_sha256,
        "`{}` is not the file that was imported: its SHA-256 differs",
        path.display()
    );
    let bundle = Bundle::read(std::io::Cursor::new(&bytes), &[])
        .with_context(|| format!("`{}`", path.display()))?;
    Ok(Group::stored(set, bundle.files()))
}

/// Puts a bundle in its place, whole or not at all.
pub(super) fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    std::fs::create_dir_all(folder)?;
    let (half, whole) = (folder.join(format!("{name}.part")), folder.join(name));
    let mut file = std::fs::File::create(&half)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&half, &whole)?;
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// Deletes bundles that no set uses any more.
pub(super) async fn sweep(folder: &Path, store: &Store) -> anyhow::Result<()> {
    let used = all(store).await?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !used.iter().any(|set| name == *set.file) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

pub(super) async fn record_import(
    tx: &mut Tx,
    now: Timestamp,
    actor: &Actor,
    set: &StoredSet,
) -> Result<(), Error> {
    let change = json!({
        "version": set.version,
        "sha256": set.sha256,
        "file_sha256": set.file_sha256,
        "origin": set.origin,
        "signed_by": set.signed_by,
        "mode": set.mode.as_str(),
    });
    let object = format!("rule_set:{}", set.name);
    tx.leaf(&leaf(now, actor, "rule_set.imported", object, change, ""))
        .await?;
    sqlx::query(
        "INSERT INTO rule_set (name, mode, origin, version, sha256, signed_by, file, file_sha256, \
         imported_at_us, imported_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (name) DO UPDATE SET mode = excluded.mode, origin = excluded.origin, \
         version = excluded.version, sha256 = excluded.sha256, signed_by = excluded.signed_by, \
         file = excluded.file, file_sha256 = excluded.file_sha256, \
         imported_at_us = excluded.imported_at_us, imported_by = excluded.imported_by",
    )
    .bind(&set.name)
    .bind(set.mode.as_str())
    .bind(serde_json::to_string(&set.origin)?)
    .bind(&set.version)
    .bind(&set.sha256)
    .bind(&set.signed_by)
    .bind(&set.file)
    .bind(&set.file_sha256)
    .bind(set.imported_at.as_microsecond())
    .bind(&set.imported_by)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Imports a bundle into the data folder of a stopped server: the command line's way in.
///
/// # Errors
/// The server runs, or the bundle holds no rule that can be used; nothing was changed then.
pub async fn import_into_data_dir(
    data: &Path,
    bundle: &Bundle,
    mode: Mode,
    now: Timestamp,
) -> anyhow::Result<StoredSet> {
    let paths = crate::runtime::Paths::of(data);
    crate::runtime::make_data_dir(&paths)?;
    let lock = stopped(&paths.spool)?;
    let store = crate::runtime::open_store(&paths).await?;
    let bytes = bundle.to_zip()?;
    let set = StoredSet::of(bundle, &bytes, mode, now, "system");
    let group = Group::stored(set.clone(), bundle.files());
    ensure!(
        group.rules.heads().next().is_some(),
        "there is no rule that can be used among the {} files",
        bundle.files().len()
    );
    write_file(&folder(data), &set.file, &bytes)?;
    let mut tx = store.begin().await?;
    record_import(&mut tx, now, &Actor::system(), &set).await?;
    tx.commit().await?;
    sweep(&folder(data), &store).await?;
    store.close().await;
    drop(lock);
    Ok(set)
}

/// The sets in the data folder of a stopped server, each read and checked as a start would.
///
/// # Errors
/// There is no database, the server runs, or a bundle is not the one that was imported.
pub async fn sets_of_data_dir(data: &Path) -> anyhow::Result<Vec<(StoredSet, RuleSet)>> {
    let paths = crate::runtime::Paths::of(data);
    ensure!(
        paths.database.is_file(),
        "`{}` is no data folder: there is no database in it",
        data.display()
    );
    let lock = stopped(&paths.spool)?;
    let store = crate::runtime::open_store(&paths).await?;
    let mut sets = Vec::new();
    for set in all(&store).await? {
        let group = read(&folder(data), set.clone())?;
        sets.push((set, group.rules));
    }
    store.close().await;
    drop(lock);
    Ok(sets)
}

/// Holds the lock that a running server holds.
fn stopped(spool: &Path) -> anyhow::Result<std::fs::File> {
    std::fs::create_dir_all(spool)?;
    let path = spool.join("spool.lock");
    let file = std::fs::File::create(&path).with_context(|| format!("`{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            anyhow::bail!("a server runs on this data folder: use its console, or stop it first")
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}
