//! Reading one source, memory or file: which rows match, and whole rows by their number.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deltalake::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, RecordBatch,
};
use deltalake::arrow::buffer::BooleanBuffer;
use deltalake::arrow::datatypes::{
    DataType, Field, Float64Type, Int32Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
};
use deltalake::parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions,
    ParquetRecordBatchReaderBuilder, RowFilter, RowSelection,
};
use deltalake::parquet::arrow::{ProjectionMask, RowNumber};
use deltalake::parquet::basic::Encoding;
use deltalake::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use deltalake::parquet::file::statistics::Statistics;
use parking_lot::Mutex;
use saqshy_event::EcsType;
use serde_json::{Map, Value};

use crate::convert::Part;
use crate::error::{LakeError, at};
use crate::eval::{Entries, Program, to_array};
use crate::file::LakeFile;
use crate::query::Query;
use crate::schema::{
    COLUMN_DATASET, COLUMN_OVERFLOW, COLUMN_TIMESTAMP, dictionary_type, is_raw, plain_type,
};
use crate::stored::text_to_json;
use crate::time::format_micros;

/// Rows decoded at once.
const BATCH_ROWS: usize = 16_384;
/// Footers kept in memory.
const FOOTERS_MAX: usize = 512;
const COLUMN_ROW: &str = "_row";

/// Something that holds events.
#[derive(Clone)]
pub(crate) enum Source {
    Fresh(Arc<Part>),
    File(Arc<LakeFile>),
}

impl Source {
    /// Least and greatest `@timestamp`, µs.
    pub(crate) fn times(&self) -> (i64, i64) {
        match self {
            Source::Fresh(part) => part.times,
            Source::File(file) => file.times,
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        match self {
            Source::Fresh(part) => part.batch.num_rows() as u64,
            Source::File(file) => file.rows,
        }
    }
}

/// `from <= @timestamp < to`, µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub from: i64,
    pub to: i64,
}

impl TimeRange {
    pub(crate) fn touches(self, (low, high): (i64, i64)) -> bool {
        low < self.to && high >= self.from
    }

    fn covers(self, (low, high): (i64, i64)) -> bool {
        self.from <= low && high < self.to
    }

    fn holds(self, time: i64) -> bool {
        self.from <= time && time < self.to
    }
}

/// Opens files of the lake's folder; remembers their footers.
#[derive(Debug)]
pub(crate) struct Reader {
    dir: PathBuf,
    footers: Mutex<HashMap<String, Arc<Footer>>>,
}

#[derive(Debug)]
struct Footer {
    metadata: ArrowReaderMetadata,
    /// Columns of the file, without the row number.
    schema: SchemaRef,
}

/// What a scan reports: times of matching rows and their row numbers.
pub(crate) type OnRows<'a> = dyn FnMut(&[i64], &[i64]) + 'a;

impl Reader {
    pub(crate) fn new(dir: &Path) -> Self {
        Reader {
            dir: dir.to_owned(),
            footers: Mutex::default(),
        }
    }

    /// Reports every row of `source` that matches, in the order in which they are stored.
    pub(crate) fn scan(
        &self,
        source: &Source,
        query: &Query,
        range: TimeRange,
        cancel: &AtomicBool,
        on_rows: &mut OnRows<'_>,
    ) -> Result<(), LakeError> {
        if !range.touches(source.times()) {
            return Ok(());
        }
        match source {
            Source::Fresh(part) => scan_part(part, query, range, on_rows),
            Source::File(file) => self.scan_file(file, query, range, cancel, on_rows),
        }
    }

    /// The events at the given row numbers, which rise.
    pub(crate) fn fetch(
        &self,
        source: &Source,
        rows: &[usize],
    ) -> Result<Vec<Map<String, Value>>, LakeError> {
        match source {
            Source::Fresh(part) => {
                let writer = RowWriter::new(&part.batch, &part.dataset);
                Ok(rows.iter().map(|&row| writer.event(row)).collect())
            }
            Source::File(file) => self.fetch_file(file, rows),
        }
    }

    /// All rows of a file as batches, text as dictionaries where it is stored so.
    pub(crate) fn read_all(&self, file: &LakeFile) -> Result<Vec<RecordBatch>, LakeError> {
        let footer = self.footer(file)?;
        let builder = self.builder(file, &footer)?.with_batch_size(65_536);
        let width = footer.schema.fields().len();
        let keep: Vec<usize> = (0..width).collect();
        builder
            .build()?
            .map(|batch| Ok(batch?.project(&keep)?))
            .collect()
    }

    /// Bytes of a file's columns before compression.
    pub(crate) fn uncompressed_bytes(&self, file: &LakeFile) -> Result<u64, LakeError> {
        let footer = self.footer(file)?;
        let groups = footer.metadata.metadata().row_groups();
        Ok(groups
            .iter()
            .map(|group| group.total_byte_size().unsigned_abs())
            .sum())
    }

    pub(crate) fn forget(&self, path: &str) {
        self.footers.lock().remove(path);
    }

    fn scan_file(
        &self,
        file: &LakeFile,
        query: &Query,
        range: TimeRange,
        cancel: &AtomicBool,
        on_rows: &mut OnRows<'_>,
    ) -> Result<(), LakeError> {
        let footer = self.footer(file)?;
        let program = Program::new(query, &footer.schema, &file.dataset);
        if program.is_never() {
            return Ok(());
        }
        let groups = groups_in_range(footer.metadata.metadata(), &footer.schema, range);
        if groups.is_empty() {
            return Ok(());
        }
        let descriptor = footer.metadata.parquet_schema();
        let mask = |names: &[String]| {
            let roots = names
                .iter()
                .filter_map(|name| footer.schema.index_of(name).ok());
            ProjectionMask::roots(descriptor, roots)
        };
        let mut filters: Vec<Box<dyn ArrowPredicate>> = Vec::new();
        if !range.covers(file.times) {
            let columns = [COLUMN_TIMESTAMP.to_owned()];
            filters.push(Box::new(ArrowPredicateFn::new(
                mask(&columns),
                move |batch| Ok(BooleanArray::new(rows_in_range(&batch, range), None)),
            )));
        }
        for mut stage in program.into_stages() {
            let mask = mask(&stage.columns);
            filters.push(Box::new(ArrowPredicateFn::new(mask, move |batch| {
                Ok(to_array(stage.eval(&batch)))
            })));
        }
        let reader = self
            .builder(file, &footer)?
            .with_batch_size(BATCH_ROWS)
            .with_row_groups(groups)
            .with_projection(mask(&[COLUMN_TIMESTAMP.to_owned()]))
            .with_row_filter(RowFilter::new(filters))
            .build()?;
        for batch in reader {
            if cancel.load(Ordering::Relaxed) {
                return Err(LakeError::Cancelled);
            }
            let batch = batch?;
            let times = column::<TimestampMicrosecondType>(&batch, COLUMN_TIMESTAMP, file)?;
            let rows = column::<Int64Type>(&batch, COLUMN_ROW, file)?;
            on_rows(times.values(), rows.values());
        }
        Ok(())
    }

    fn fetch_file(
        &self,
        file: &LakeFile,
        rows: &[usize],
    ) -> Result<Vec<Map<String, Value>>, LakeError> {
        let footer = self.footer(file)?;
        let total = usize::try_from(file.rows).unwrap_or(usize::MAX);
        // Only the row groups that hold a wanted row are opened.
        let mut groups = Vec::new();
        let mut ranges = Vec::new();
        let (mut start, mut skipped_to) = (0usize, 0usize);
        for (at, group) in footer.metadata.metadata().row_groups().iter().enumerate() {
            let end = start + usize::try_from(group.num_rows()).unwrap_or(0);
            let within = rows.iter().filter(|&&row| start <= row && row < end);
            let wanted: Vec<usize> = within.map(|row| row - start + skipped_to).collect();
            if !wanted.is_empty() {
                groups.push(at);
                ranges.extend(wanted.into_iter().map(|row| row..row + 1));
                skipped_to += end - start;
            }
            start = end;
        }
        if start != total {
            return Err(damaged(
                file,
                "holds another number of rows than the table's log says",
            ));
        }
        let selection = RowSelection::from_consecutive_ranges(ranges.into_iter(), skipped_to);
        let reader = self
            .builder(file, &footer)?
            .with_row_groups(groups)
            .with_row_selection(selection)
            .build()?;
        let mut events = Vec::with_capacity(rows.len());
        for batch in reader {
            let batch = batch?;
            let writer = RowWriter::new(&batch, &file.dataset);
            events.extend((0..batch.num_rows()).map(|row| writer.event(row)));
        }
        Ok(events)
    }

    fn builder(
        &self,
        file: &LakeFile,
        footer: &Footer,
    ) -> Result<ParquetRecordBatchReaderBuilder<File>, LakeError> {
        let path = self.dir.join(&file.path);
        let open = File::open(&path).map_err(at("open", &path))?;
        let metadata = footer.metadata.clone();
        Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(
            open, metadata,
        ))
    }

    fn footer(&self, file: &LakeFile) -> Result<Arc<Footer>, LakeError> {
        if let Some(footer) = self.footers.lock().get(&file.path) {
            return Ok(footer.clone());
        }
        let path = self.dir.join(&file.path);
        let open = File::open(&path).map_err(at("open", &path))?;
        let options = ArrowReaderOptions::new()
            .with_skip_arrow_metadata(true)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        let loaded = ArrowReaderMetadata::load(&open, options)?;
        let schema = dictionary_schema(loaded.metadata(), loaded.schema());
        let row = Field::new(COLUMN_ROW, DataType::Int64, false).with_extension_type(RowNumber);
        let options = ArrowReaderOptions::new()
            .with_schema(schema.clone())
            .with_virtual_columns(vec![Arc::new(row)])?;
        let metadata = ArrowReaderMetadata::try_new(loaded.metadata().clone(), options)?;
        let footer = Arc::new(Footer { metadata, schema });
        let mut footers = self.footers.lock();
        if footers.len() >= FOOTERS_MAX
            && let Some(any) = footers.keys().next().cloned()
        {
            footers.remove(&any);
        }
        footers.insert(file.path.clone(), footer.clone());
        Ok(footer)
    }
}

fn damaged(file: &LakeFile, what: &str) -> LakeError {
    LakeError::Damaged {
        path: file.path.clone(),
        what: what.to_owned(),
    }
}

/// Text columns of which every page is coded with a dictionary are read as dictionaries.
fn dictionary_schema(metadata: &ParquetMetaData, schema: &Schema) -> SchemaRef {
    let roots = metadata.file_metadata().schema_descr();
    let coded = |name: &str| {
        metadata.row_groups().iter().all(|group| {
            let column = (0..group.num_columns())
                .find(|&leaf| {
                    let root = roots.get_column_root(leaf);
                    root.name() == name
                })
                .map(|leaf| group.column(leaf));
            column
                .and_then(|column| column.page_encoding_stats_mask())
                .is_some_and(|mask| {
                    mask.is_only(Encoding::RLE_DICTIONARY)
                        || mask.is_only(Encoding::PLAIN_DICTIONARY)
                })
        })
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

/// Row groups whose times touch the range.
fn groups_in_range(metadata: &ParquetMetaData, schema: &Schema, range: TimeRange) -> Vec<usize> {
    let times = schema.index_of(COLUMN_TIMESTAMP).ok();
    let leaf = times.and_then(|root| {
        let descriptor = metadata.file_metadata().schema_descr();
        (0..descriptor.num_columns()).find(|&leaf| descriptor.get_column_root_idx(leaf) == root)
    });
    (0..metadata.num_row_groups())
        .filter(|&group| {
            let statistics =
                leaf.and_then(|leaf| metadata.row_group(group).column(leaf).statistics());
            match statistics {
                Some(Statistics::Int64(times)) => match (times.min_opt(), times.max_opt()) {
                    (Some(&low), Some(&high)) => range.touches((low, high)),
                    _ => true,
                },
                _ => true,
            }
        })
        .collect()
}

fn rows_in_range(batch: &RecordBatch, range: TimeRange) -> BooleanBuffer {
    let times = batch
        .column_by_name(COLUMN_TIMESTAMP)
        .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
    match times {
        Some(times) => {
            BooleanBuffer::collect_bool(times.len(), |row| range.holds(times.value(row)))
        }
        None => BooleanBuffer::new_unset(batch.num_rows()),
    }
}

fn scan_part(
    part: &Part,
    query: &Query,
    range: TimeRange,
    on_rows: &mut OnRows<'_>,
) -> Result<(), LakeError> {
    let program = Program::new(query, part.batch.schema_ref(), &part.dataset);
    if program.is_never() {
        return Ok(());
    }
    let mut matching = rows_in_range(&part.batch, range);
    for mut stage in program.into_stages() {
        matching = &matching & &stage.eval(&part.batch);
    }
    let times = part
        .batch
        .column_by_name(COLUMN_TIMESTAMP)
        .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
    if let Some(times) = times {
        let rows: Vec<i64> = matching.set_indices().map(|row| row as i64).collect();
        let times: Vec<i64> = rows.iter().map(|&row| times.value(row as usize)).collect();
        on_rows(&times, &rows);
    }
    Ok(())
}

fn column<'a, T: deltalake::arrow::datatypes::ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
    file: &LakeFile,
) -> Result<&'a PrimitiveArray<T>, LakeError> {
    batch
        .column_by_name(name)
        .and_then(|array| array.as_primitive_opt::<T>())
        .ok_or_else(|| {
            damaged(
                file,
                &format!("column `{name}` is missing or of another type"),
            )
        })
}

/// Gives out rows as flat maps, fields in order of name.
struct RowWriter<'a> {
    dataset: &'a str,
    columns: Vec<(&'a str, &'a ArrayRef)>,
    overflow: Option<Entries<'a>>,
}

impl<'a> RowWriter<'a> {
    fn new(batch: &'a RecordBatch, dataset: &'a str) -> Self {
        let mut columns: Vec<(&str, &ArrayRef)> = batch
            .schema_ref()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .zip(batch.columns())
            .filter(|(name, _)| !matches!(*name, COLUMN_OVERFLOW | COLUMN_ROW))
            .collect();
        columns.sort_unstable_by_key(|(name, _)| *name);
        let overflow = batch.column_by_name(COLUMN_OVERFLOW).and_then(Entries::of);
        RowWriter {
            dataset,
            columns,
            overflow,
        }
    }

    fn event(&self, row: usize) -> Map<String, Value> {
        let mut fields: BTreeMap<&str, Value> = BTreeMap::new();
        for (name, array) in &self.columns {
            if let Some(value) = cell(array, row) {
                fields.insert(name, value);
            }
        }
        fields.insert(COLUMN_DATASET, self.dataset.into());
        if let Some(overflow) = &self.overflow {
            fields.extend(
                overflow
                    .of_row(row)
                    .map(|(name, text)| (name, text_to_json(text))),
            );
        }
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

fn cell(array: &ArrayRef, row: usize) -> Option<Value> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Dictionary(..) => {
            let array = array.as_dictionary_opt::<Int32Type>()?;
            let texts = array.values().as_string_opt::<i32>()?;
            text_to_json(texts.value(array.key(row)?))
        }
        DataType::Utf8 => text_to_json(array.as_string::<i32>().value(row)),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Timestamp(..) => {
            let times = array.as_primitive_opt::<TimestampMicrosecondType>()?;
            format_micros(times.value(row)).into()
        }
        _ => return None,
    })
}
