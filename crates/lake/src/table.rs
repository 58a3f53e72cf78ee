//! The Delta table: which files are live, and up to which position of the spool.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TableReference};
use deltalake::kernel::{Action, Add, MetadataExt, Remove, Transaction};
use deltalake::logstore::LogStoreRef;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::table::state::DeltaTableState;
use deltalake::{DeltaTableBuilder, DeltaTableError, ensure_table_uri};
use jiff::Timestamp;
use serde_json::json;

use crate::error::{LakeError, at};
use crate::file::{LakeFile, TEMPORARY_DIR, sync_dir};
use crate::schema::{
    COLUMN_DATASET, COLUMN_DAY, COLUMN_INGESTED, COLUMN_TIMESTAMP, Columns, PROPERTY_DATASETS,
};
use crate::time::format_micros;

const TAG_SHA256: &str = "saqshy.sha256";
const TAG_TIMES: &str = "saqshy.times";
const TAG_INGESTED: &str = "saqshy.ingested";
const TAG_ROWS: &str = "saqshy.rows";

/// The table's log. One writer; the lake's lock file sees to that.
pub(crate) struct Table {
    dir: PathBuf,
    log: LogStoreRef,
    state: DeltaTableState,
    app: String,
}

/// One atomic change.
pub(crate) struct Commit<'a> {
    pub add: &'a [LakeFile],
    pub remove: &'a [LakeFile],
    /// New columns, if there are.
    pub columns: Option<&'a Columns>,
    /// Spool position after what is added.
    pub position: Option<u64>,
    /// `false`: the same rows in other files.
    pub data_change: bool,
    pub at: Timestamp,
}

impl Table {
    /// Opens the table in `dir`, making it if there is none, and removes what a crash left over.
    pub(crate) async fn open(
        dir: &Path,
        node: &str,
        checkpoint_commits: u64,
    ) -> Result<Self, LakeError> {
        let log_dir = dir.join("_delta_log");
        drop_torn_commit(&log_dir)?;
        let url = ensure_table_uri(dir.to_string_lossy())?;
        let exists = fs::read_dir(&log_dir).is_ok_and(|mut entries| entries.next().is_some());
        let table = if exists {
            DeltaTableBuilder::from_url(url)?.load().await?
        } else {
            let columns = Columns::initial();
            let configuration = [
                // Statistics name only the first three columns; ours are written that way.
                ("delta.dataSkippingNumIndexedCols", "3".to_owned()),
                ("delta.checkpointInterval", checkpoint_commits.to_string()),
                (PROPERTY_DATASETS, columns.datasets_property()),
            ];
            let schema = columns.delta_schema()?;
            let table = CreateBuilder::new()
                .with_location(url.as_str())
                .with_table_name("events")
                .with_columns(schema.fields().cloned())
                .with_partition_columns([COLUMN_DAY, COLUMN_DATASET])
                .with_configuration(configuration.map(|(key, value)| (key, Some(value))))
                .with_raise_if_key_not_exists(false)
                .await?;
            sync_commit(&log_dir, 0)?;
            sync_dir(dir)?;
            table
        };
        let state = table.snapshot()?.clone();
        Ok(Table {
            dir: dir.to_owned(),
            log: table.log_store(),
            state,
            app: format!("spool/{node}"),
        })
    }

    /// The spool position that the table stands at.
    pub(crate) async fn position(&self) -> Result<u64, LakeError> {
        let version = self
            .state
            .transaction_version(self.log.as_ref(), self.app.clone())
            .await?;
        Ok(version
            .and_then(|version| u64::try_from(version).ok())
            .unwrap_or(0))
    }

    /// The number of the last commit.
    pub(crate) fn version(&self) -> u64 {
        self.state.version()
    }

    pub(crate) fn columns(&self) -> Columns {
        let datasets = self.state.metadata().configuration().get(PROPERTY_DATASETS);
        Columns::of_table(&self.state.schema(), datasets)
    }

    /// The live files.
    pub(crate) fn files(&self) -> Result<Vec<LakeFile>, LakeError> {
        self.state
            .log_data()
            .iter()
            .map(|view| {
                // The only way to the tags; the data behind it is already in memory.
                #[allow(deprecated)]
                let add = view.add_action();
                read_add(&add)
            })
            .collect()
    }

    /// Commits; durable on return.
    ///
    /// An error after the commit has landed (its checkpoint could not be written, say) is logged
    /// and not returned: the table is read again to find out.
    pub(crate) async fn commit(&mut self, commit: Commit<'_>) -> Result<(), LakeError> {
        let mut actions = Vec::with_capacity(commit.add.len() + commit.remove.len() + 2);
        if let Some(columns) = commit.columns {
            let metadata = self
                .state
                .metadata()
                .clone()
                .with_schema(&columns.delta_schema()?)?
                .add_config_key(PROPERTY_DATASETS.into(), columns.datasets_property())?;
            actions.push(Action::Metadata(metadata));
        }
        let millis = commit.at.as_millisecond();
        for file in commit.remove {
            actions.push(Action::Remove(remove_action(
                file,
                commit.data_change,
                millis,
            )));
        }
        for file in commit.add {
            actions.push(Action::Add(add_action(file, commit.data_change, millis)));
        }
        let mut properties = CommitProperties::default().with_max_retries(0);
        if let Some(position) = commit.position {
            let version = i64::try_from(position).map_err(|_| LakeError::Damaged {
                path: self.app.clone(),
                what: format!("position {position} is out of range"),
            })?;
            properties = properties.with_application_transaction(
                Transaction::new_with_last_update(&self.app, version, Some(millis)),
            );
        }
        let operation = if commit.data_change && commit.remove.is_empty() {
            DeltaOperation::Write {
                mode: SaveMode::Append,
                partition_by: Some(vec![COLUMN_DAY.into(), COLUMN_DATASET.into()]),
                predicate: None,
            }
        } else if commit.data_change {
            DeltaOperation::Delete { predicate: None }
        } else {
            DeltaOperation::Optimize {
                predicate: None,
                target_size: 0,
            }
        };
        let done = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(
                Some(&self.state as &dyn TableReference),
                self.log.clone(),
                operation,
            )
            .await;
        match done {
            Ok(done) => self.state = done.snapshot(),
            Err(error) => {
                self.state = DeltaTableState::try_new(self.log.as_ref(), None).await?;
                if !self.has_landed(&commit).await? {
                    return Err(error.into());
                }
                tracing::error!(%error, "the commit has landed, but not all that follows it");
            }
        }
        sync_commit(&self.dir.join("_delta_log"), self.state.version())
    }

    async fn has_landed(&self, commit: &Commit<'_>) -> Result<bool, LakeError> {
        if let Some(position) = commit.position
            && self.position().await? != position
        {
            return Ok(false);
        }
        let files = self.files()?;
        let live: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        Ok(commit
            .add
            .iter()
            .all(|file| live.contains(file.path.as_str()))
            && !commit
                .remove
                .iter()
                .any(|file| live.contains(file.path.as_str())))
    }
}

/// Deletes data files that no commit names: written before a crash, or replaced by compaction and
/// not yet deleted when the program ended. Returns their paths.
pub(crate) fn remove_orphans(dir: &Path, live: &[LakeFile]) -> Result<Vec<String>, LakeError> {
    let live: HashSet<&str> = live.iter().map(|file| file.path.as_str()).collect();
    let mut removed = Vec::new();
    let temporary = dir.join(TEMPORARY_DIR);
    if temporary.is_dir() {
        fs::remove_dir_all(&temporary).map_err(at("clear", &temporary))?;
    }
    for day in folders(dir, COLUMN_DAY)? {
        for dataset in folders(&dir.join(&day), COLUMN_DATASET)? {
            let folder = dir.join(&day).join(&dataset);
            for entry in fs::read_dir(&folder).map_err(at("list", &folder))? {
                let entry = entry.map_err(at("list", &folder))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = format!("{day}/{dataset}/{name}");
                if name.ends_with(".parquet") && !live.contains(path.as_str()) {
                    fs::remove_file(entry.path()).map_err(at("delete", entry.path()))?;
                    removed.push(path);
                }
            }
        }
    }
    Ok(removed)
}

fn folders(dir: &Path, column: &str) -> Result<Vec<String>, LakeError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(at("list", dir))? {
        let entry = entry.map_err(at("list", dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name
            .strip_prefix(column)
            .is_some_and(|rest| rest.starts_with('='));
        if ours && entry.path().is_dir() {
            names.push(name);
        }
    }
    Ok(names)
}

fn commit_path(log_dir: &Path, version: u64) -> PathBuf {
    log_dir.join(format!("{version:020}.json"))
}

fn sync_commit(log_dir: &Path, version: u64) -> Result<(), LakeError> {
    let path = commit_path(log_dir, version);
    File::open(&path)
        .and_then(|file| file.sync_all())
        .map_err(at("sync", &path))?;
    sync_dir(log_dir)
}

/// A power cut between the commit's appearance and its sync can leave it empty or cut off. It was
/// never acknowledged, so it is set aside and its records are read from the spool again.
fn drop_torn_commit(log_dir: &Path) -> Result<(), LakeError> {
    let Ok(entries) = fs::read_dir(log_dir) else {
        return Ok(());
    };
    let last = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.len() == 25 && name.ends_with(".json"))
        .max();
    let Some(last) = last else { return Ok(()) };
    let path = log_dir.join(&last);
    let bytes = fs::read(&path).map_err(at("read", &path))?;
    let whole = !bytes.is_empty()
        && bytes
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
            .all(|line| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok());
    if whole {
        return Ok(());
    }
    tracing::error!(
        commit = last,
        "set aside a commit that a power cut left incomplete"
    );
    fs::rename(&path, log_dir.join(format!("{last}.torn"))).map_err(at("set aside", &path))?;
    sync_dir(log_dir)
}

fn partition_values(file: &LakeFile) -> HashMap<String, Option<String>> {
    HashMap::from([
        (COLUMN_DAY.to_owned(), Some(file.day.clone())),
        (COLUMN_DATASET.to_owned(), Some(file.dataset.clone())),
    ])
}

fn tags(file: &LakeFile) -> HashMap<String, Option<String>> {
    let pair = |(low, high): (i64, i64)| Some(format!("{low},{high}"));
    HashMap::from([
        (TAG_SHA256.to_owned(), Some(file.sha256.clone())),
        (TAG_TIMES.to_owned(), pair(file.times)),
        (TAG_INGESTED.to_owned(), pair(file.ingested)),
        (TAG_ROWS.to_owned(), Some(file.rows.to_string())),
    ])
}

fn add_action(file: &LakeFile, data_change: bool, millis: i64) -> Add {
    Add {
        path: file.path.clone(),
        partition_values: partition_values(file),
        size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        modification_time: millis,
        data_change,
        stats: Some(stats(file)),
        tags: Some(tags(file)),
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

fn remove_action(file: &LakeFile, data_change: bool, millis: i64) -> Remove {
    Remove {
        path: file.path.clone(),
        data_change,
        deletion_timestamp: Some(millis),
        extended_file_metadata: Some(true),
        partition_values: Some(partition_values(file)),
        size: Some(i64::try_from(file.bytes).unwrap_or(i64::MAX)),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
    }
}

/// Statistics for other readers. Times outside the years that all of them can read are left out.
fn stats(file: &LakeFile) -> String {
    const YEAR_9999: i64 = 253_370_764_800_000_000;
    let (mut least, mut greatest) = (serde_json::Map::new(), serde_json::Map::new());
    for (name, (low, high)) in [
        (COLUMN_TIMESTAMP, file.times),
        (COLUMN_INGESTED, file.ingested),
    ] {
        if 0 <= low && low <= high && high < YEAR_9999 {
            least.insert(name.into(), format_micros(low).into());
            greatest.insert(name.into(), format_micros(high).into());
        }
    }
    json!({
        "numRecords": file.rows,
        "minValues": least,
        "maxValues": greatest,
        "nullCount": { COLUMN_TIMESTAMP: 0, COLUMN_INGESTED: 0 },
    })
    .to_string()
}

fn read_add(add: &Add) -> Result<LakeFile, LakeError> {
    let damaged = |what: &str| LakeError::Damaged {
        path: add.path.clone(),
        what: format!("the table's log does not tell its {what}"),
    };
    let tag = |name: &str| add.tags.as_ref()?.get(name)?.clone();
    let pair = |name: &str| {
        let text = tag(name)?;
        let (low, high) = text.split_once(',')?;
        Some((low.parse().ok()?, high.parse().ok()?))
    };
    let partition = |name: &str| add.partition_values.get(name).cloned().flatten();
    Ok(LakeFile {
        path: add.path.clone(),
        sha256: tag(TAG_SHA256).ok_or_else(|| damaged("SHA-256"))?,
        rows: tag(TAG_ROWS)
            .and_then(|t| t.parse().ok())
            .ok_or_else(|| damaged("rows"))?,
        bytes: u64::try_from(add.size).map_err(|_| damaged("size"))?,
        dataset: partition(COLUMN_DATASET).ok_or_else(|| damaged("dataset"))?,
        day: partition(COLUMN_DAY).ok_or_else(|| damaged("day"))?,
        times: pair(TAG_TIMES).ok_or_else(|| damaged("times"))?,
        ingested: pair(TAG_INGESTED).ok_or_else(|| damaged("times of receipt"))?,
    })
}

impl From<deltalake::kernel::Error> for LakeError {
    fn from(error: deltalake::kernel::Error) -> Self {
        LakeError::Table(DeltaTableError::from(error))
    }
}
