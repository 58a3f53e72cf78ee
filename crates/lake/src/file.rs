//! Data files: written once, named by their content, never changed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake::arrow::array::RecordBatch;
use deltalake::parquet::arrow::ArrowWriter;
use deltalake::parquet::arrow::arrow_writer::ArrowWriterOptions;
use deltalake::parquet::basic::{Compression, Encoding, ZstdLevel};
use deltalake::parquet::file::properties::{EnabledStatistics, WriterProperties};
use deltalake::parquet::schema::types::ColumnPath;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{LakeError, at};
use crate::merge::Merged;
use crate::schema::{
    COLUMN_CODE, COLUMN_DATASET, COLUMN_DAY, COLUMN_ID, COLUMN_INGESTED, COLUMN_ORIGINAL,
    COLUMN_ORIGINAL_BASE64, COLUMN_TIMESTAMP, is_raw,
};
use crate::time::format_day;

/// Rows per row group.
pub(crate) const ROW_GROUP_ROWS: usize = 262_144;
/// Rows handed to the encoder at once.
const CHUNK_ROWS: usize = 32_768;
const ZSTD_LEVEL: i32 = 3;
/// Folder of files that are still being written; Delta readers skip names with an underscore.
pub(crate) const TEMPORARY_DIR: &str = "_writing";

/// One data file of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LakeFile {
    /// Relative to the lake's folder.
    pub path: String,
    /// Of the file's bytes, in hex.
    pub sha256: String,
    pub rows: u64,
    pub bytes: u64,
    pub dataset: String,
    /// Day of receipt (UTC), `2026-03-20`.
    pub day: String,
    /// Least and greatest `@timestamp`, µs since 1970.
    pub times: (i64, i64),
    /// Least and greatest `event.ingested`, µs since 1970.
    pub ingested: (i64, i64),
}

/// What a file holds besides its rows.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    pub day: i32,
    pub dataset: Arc<str>,
    pub times: (i64, i64),
    pub ingested: (i64, i64),
}

/// Writes the rows to a new file in its partition folder; durable on return.
///
/// A file that no commit names is ignored and, at the next start, deleted.
pub(crate) fn write(
    dir: &Path,
    merged: &Merged,
    contents: &Contents,
) -> Result<LakeFile, LakeError> {
    let temporary_dir = dir.join(TEMPORARY_DIR);
    make_dir(&temporary_dir)?;
    let temporary = temporary_dir.join(format!("{:?}.parquet", std::thread::current().id()));
    let file = File::create(&temporary).map_err(at("create", &temporary))?;
    let sink = Hashing {
        inner: BufWriter::with_capacity(1 << 20, file),
        hash: Sha256::new(),
        bytes: 0,
    };
    let options = ArrowWriterOptions::new()
        .with_properties(properties()?)
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(sink, merged.schema().clone(), options)?;
    let mut start = 0;
    while start < merged.rows() {
        let end = (start + CHUNK_ROWS).min(merged.rows());
        let chunk: RecordBatch = merged.rows_at(start..end)?;
        writer.write(&chunk)?;
        start = end;
    }
    let sink = writer.into_inner()?;
    let (hash, bytes) = (hex::encode(sink.hash.finalize()), sink.bytes);
    let file = sink
        .inner
        .into_inner()
        .map_err(|e| at("write", &temporary)(e.into_error()))?;
    file.sync_all().map_err(at("sync", &temporary))?;

    let folder = format!(
        "{COLUMN_DAY}={}/{COLUMN_DATASET}={}",
        format_day(contents.day),
        contents.dataset
    );
    let path = format!("{folder}/{}.parquet", &hash[..40]);
    make_dir(&dir.join(&folder))?;
    let target = dir.join(&path);
    fs::rename(&temporary, &target).map_err(at("rename to", &target))?;
    sync_dir(&dir.join(&folder))?;
    Ok(LakeFile {
        path,
        sha256: hash,
        rows: merged.rows() as u64,
        bytes,
        dataset: contents.dataset.to_string(),
        day: format_day(contents.day),
        times: contents.times,
        ingested: contents.ingested,
    })
}

fn properties() -> Result<WriterProperties, LakeError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_page_size_limit(4 << 20)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("saqshy".into());
    for name in [COLUMN_TIMESTAMP, COLUMN_INGESTED, COLUMN_ID, COLUMN_CODE] {
        builder =
            builder.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Page);
    }
    for name in [COLUMN_ORIGINAL, COLUMN_ORIGINAL_BASE64] {
        debug_assert!(is_raw(name));
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    // Values that rise within each event code: the differences are small.
    for (name, encoding) in [
        (COLUMN_TIMESTAMP, Encoding::DELTA_BINARY_PACKED),
        (COLUMN_INGESTED, Encoding::DELTA_BINARY_PACKED),
        (COLUMN_ID, Encoding::DELTA_BYTE_ARRAY),
    ] {
        let column = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, encoding);
    }
    builder = builder
        .set_column_statistics_enabled(ColumnPath::from(COLUMN_ORIGINAL), EnabledStatistics::None);
    Ok(builder.build())
}

/// SHA-256 of a file's bytes, in hex.
pub(crate) fn hash_of(path: &Path) -> io::Result<String> {
    let mut sink = Hashing {
        inner: io::sink(),
        hash: Sha256::new(),
        bytes: 0,
    };
    io::copy(&mut File::open(path)?, &mut sink)?;
    Ok(hex::encode(sink.hash.finalize()))
}

/// Makes a folder and its parents, each durable.
pub(crate) fn make_dir(path: &Path) -> Result<(), LakeError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    if !parent.as_os_str().is_empty() {
        make_dir(&parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(at("create", path)(error)),
        Ok(()) if parent.as_os_str().is_empty() => Ok(()),
        Ok(()) => sync_dir(&parent),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), LakeError> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(at("sync", path))
}

struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
