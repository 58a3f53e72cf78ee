//! What a data file says about itself: its columns, and the dictionaries of its text columns.
//!
//! A dictionary lists every value of a column within a row group. Read alone, without the rows, it
//! tells whether any row can match, whatever the condition: the data file is its own index.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use deltalake::arrow::array::{ArrayRef, StringArray, StringBuilder};
use deltalake::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use deltalake::parquet::arrow::RowNumber;
use deltalake::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use deltalake::parquet::basic::Encoding;
use deltalake::parquet::column::page::{Page, PageReader};
use deltalake::parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, RowGroupMetaData,
};
use deltalake::parquet::file::serialized_reader::SerializedPageReader;
use deltalake::parquet::file::statistics::Statistics;
use parking_lot::Mutex;
use saqshy_event::EcsType;

use crate::error::{LakeError, at};
use crate::file::LakeFile;
use crate::scan::TimeRange;
use crate::schema::{COLUMN_OVERFLOW, COLUMN_TIMESTAMP, dictionary_type, is_raw, plain_type};

/// Name of the row number when a file is read.
pub(crate) const COLUMN_ROW: &str = "_row";
/// Footers kept in memory.
const FOOTERS_MAX: usize = 512;
/// Names in the overflow maps of one file that are remembered.
const OVERFLOW_NAMES_MAX: usize = 4_096;

#[derive(Debug)]
pub(crate) struct Footer {
    pub metadata: ArrowReaderMetadata,
    /// Columns of the file, without the row number.
    pub schema: SchemaRef,
    /// The names in the overflow maps, where they are few enough to know.
    pub overflow_names: Option<BTreeSet<String>>,
}

/// Footers read lately.
#[derive(Debug, Default)]
pub(crate) struct Footers {
    known: Mutex<HashMap<String, Arc<Footer>>>,
}

impl Footers {
    pub(crate) fn get(&self, dir: &Path, file: &LakeFile) -> Result<Arc<Footer>, LakeError> {
        if let Some(footer) = self.known.lock().get(&file.path) {
            return Ok(footer.clone());
        }
        let path = dir.join(&file.path);
        let open = File::open(&path).map_err(at("open", &path))?;
        let footer = Arc::new(Footer::read(&Arc::new(open))?);
        let mut known = self.known.lock();
        if known.len() >= FOOTERS_MAX
            && let Some(any) = known.keys().next().cloned()
        {
            known.remove(&any);
        }
        known.insert(file.path.clone(), footer.clone());
        Ok(footer)
    }

    pub(crate) fn forget(&self, path: &str) {
        self.known.lock().remove(path);
    }
}

impl Footer {
    fn read(file: &Arc<File>) -> Result<Self, LakeError> {
        let options = ArrowReaderOptions::new()
            .with_skip_arrow_metadata(true)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        let loaded = ArrowReaderMetadata::load(&**file, options)?;
        let schema = dictionary_schema(loaded.metadata(), loaded.schema());
        let row = Field::new(COLUMN_ROW, DataType::Int64, false).with_extension_type(RowNumber);
        let options = ArrowReaderOptions::new()
            .with_schema(schema.clone())
            .with_virtual_columns(vec![Arc::new(row)])?;
        let metadata = ArrowReaderMetadata::try_new(loaded.metadata().clone(), options)?;
        let mut footer = Footer {
            metadata,
            schema,
            overflow_names: None,
        };
        footer.overflow_names = footer.read_overflow_names(file)?;
        Ok(footer)
    }

    fn read_overflow_names(&self, file: &Arc<File>) -> Result<Option<BTreeSet<String>>, LakeError> {
        let mut names = BTreeSet::new();
        if self.schema.index_of(COLUMN_OVERFLOW).is_err() {
            return Ok(Some(names));
        }
        for group in self.metadata.metadata().row_groups() {
            let Some(values) = dictionary(file, group, COLUMN_OVERFLOW)? else {
                return Ok(None);
            };
            names.extend(values.iter().flatten().map(str::to_owned));
            if names.len() > OVERFLOW_NAMES_MAX {
                return Ok(None);
            }
        }
        Ok(Some(names))
    }

    /// All values of a text column within a row group; `None` where that cannot be told without
    /// reading the rows.
    pub(crate) fn values(
        &self,
        file: &Arc<File>,
        group: usize,
        column: &str,
    ) -> Result<Option<ArrayRef>, LakeError> {
        let field = self.schema.field_with_name(column);
        if field.is_ok_and(|field| *field.data_type() != dictionary_type()) {
            return Ok(None);
        }
        let group = self.metadata.metadata().row_group(group);
        Ok(dictionary(file, group, column)?.map(|values| Arc::new(values) as ArrayRef))
    }

    /// Whether times in a row group touch the range.
    pub(crate) fn touches(&self, group: usize, range: TimeRange) -> bool {
        let group = self.metadata.metadata().row_group(group);
        let chunk = leaf_of(group, COLUMN_TIMESTAMP);
        match chunk.and_then(ColumnChunkMetaData::statistics) {
            Some(Statistics::Int64(times)) => match (times.min_opt(), times.max_opt()) {
                (Some(&low), Some(&high)) => range.touches((low, high)),
                _ => true,
            },
            _ => true,
        }
    }

    /// Whether a text can be among a column's values, by its least and greatest.
    pub(crate) fn may_hold(&self, group: usize, column: &str, text: &str) -> bool {
        let group = self.metadata.metadata().row_group(group);
        match leaf_of(group, column).and_then(ColumnChunkMetaData::statistics) {
            Some(Statistics::ByteArray(texts)) => match (texts.min_opt(), texts.max_opt()) {
                (Some(low), Some(high)) => {
                    low.data() <= text.as_bytes() && text.as_bytes() <= high.data()
                }
                _ => true,
            },
            _ => true,
        }
    }
}

/// The first leaf of a column: the column itself, or the names of the overflow map.
fn leaf_of<'a>(group: &'a RowGroupMetaData, column: &str) -> Option<&'a ColumnChunkMetaData> {
    let descriptor = group.schema_descr();
    (0..group.num_columns())
        .find(|&leaf| descriptor.get_column_root(leaf).name() == column)
        .map(|leaf| group.column(leaf))
}

/// Whether every page of the chunk refers to its dictionary.
fn is_coded(chunk: &ColumnChunkMetaData) -> bool {
    chunk.page_encoding_stats_mask().is_some_and(|mask| {
        mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY)
    })
}

fn dictionary(
    file: &Arc<File>,
    group: &RowGroupMetaData,
    column: &str,
) -> Result<Option<StringArray>, LakeError> {
    let Some(chunk) = leaf_of(group, column) else {
        return Ok(None);
    };
    if !is_coded(chunk) {
        return Ok(None);
    }
    let rows = usize::try_from(group.num_rows()).unwrap_or(0);
    let mut pages = SerializedPageReader::new(file.clone(), chunk, rows, None)?;
    Ok(match pages.get_next_page()? {
        Some(Page::DictionaryPage {
            buf,
            num_values,
            encoding: Encoding::PLAIN,
            ..
        }) => plain_texts(&buf, num_values),
        _ => None,
    })
}

/// Texts in Parquet's PLAIN encoding: length (u32 LE), bytes.
fn plain_texts(mut bytes: &[u8], count: u32) -> Option<StringArray> {
    let mut texts = StringBuilder::new();
    for _ in 0..count {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (text, rest) = rest.split_at_checked(length)?;
        texts.append_value(std::str::from_utf8(text).ok()?);
        bytes = rest;
    }
    Some(texts.finish())
}

/// Text columns of which every page is coded with a dictionary are read as dictionaries.
fn dictionary_schema(metadata: &ParquetMetaData, schema: &Schema) -> SchemaRef {
    let coded = |name: &str| {
        let mut groups = metadata.row_groups().iter();
        groups.all(|group| leaf_of(group, name).is_some_and(is_coded))
    };
    let fields = schema.fields().iter().map(|field| {
        let text = *field.data_type() == DataType::Utf8;
        if text && !is_raw(field.name()) && coded(field.name()) {
            Arc::new(field.as_ref().clone().with_data_type(dictionary_type()))
        } else if matches!(field.data_type(), DataType::Timestamp(..)) {
            Arc::new(
                field
                    .as_ref()
                    .clone()
                    .with_data_type(plain_type(EcsType::Date)),
            )
        } else {
            field.clone()
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
