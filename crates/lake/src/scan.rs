//! Reading one source, memory or file: which rows match, and whole rows by their number.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deltalake::arrow::array::{AsArray, BooleanArray, PrimitiveArray, RecordBatch};
use deltalake::arrow::buffer::BooleanBuffer;
use deltalake::arrow::datatypes::{ArrowPrimitiveType, Int64Type, TimestampMicrosecondType};
use deltalake::arrow::error::ArrowError;
use deltalake::parquet::arrow::ProjectionMask;
use deltalake::parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter, RowSelection,
};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::convert::Part;
use crate::error::{LakeError, at};
use crate::eval::{Program, Stage};
use crate::file::LakeFile;
use crate::footer::{COLUMN_ROW, Footer, Footers};
use crate::query::Query;
use crate::rows::RowWriter;
use crate::schema::{COLUMN_ID, COLUMN_TIMESTAMP};

/// Rows decoded at once.
const BATCH_ROWS: usize = 16_384;

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

/// Opens files of the lake's folder.
#[derive(Debug)]
pub(crate) struct Reader {
    dir: PathBuf,
    footers: Footers,
}

/// What to look for in one source.
pub(crate) struct Scan<'a> {
    pub query: &'a Query,
    /// Asked again before every row group: it narrows while better matches are found.
    pub range: &'a dyn Fn() -> TimeRange,
    /// Skips row groups that cannot hold this `event.id`. Says nothing about single rows.
    pub id: Option<&'a str>,
    pub cancel: &'a Arc<AtomicBool>,
}

/// What a scan reports: times of matching rows and their row numbers.
pub(crate) type OnRows<'a> = dyn FnMut(&[i64], &[i64]) + 'a;

impl Reader {
    pub(crate) fn new(dir: &Path) -> Self {
        Reader {
            dir: dir.to_owned(),
            footers: Footers::default(),
        }
    }

    /// Reports every row of `source` that matches, in the order in which they are stored.
    pub(crate) fn scan(
        &self,
        source: &Source,
        scan: &Scan<'_>,
        on_rows: &mut OnRows<'_>,
    ) -> Result<(), LakeError> {
        if !(scan.range)().touches(source.times()) {
            return Ok(());
        }
        match source {
            Source::Fresh(part) => scan_part(part, scan, on_rows),
            Source::File(file) => self.scan_file(file, scan, on_rows),
        }
    }

    /// The events at the given row numbers, which rise. `without` are columns to leave out.
    pub(crate) fn fetch(
        &self,
        source: &Source,
        rows: &[usize],
        without: &[&str],
    ) -> Result<Vec<Map<String, Value>>, LakeError> {
        match source {
            Source::Fresh(part) => {
                let writer = RowWriter::new(&part.batch, &part.dataset, without);
                Ok(rows.iter().map(|&row| writer.event(row)).collect())
            }
            Source::File(file) => self.fetch_file(file, rows, without),
        }
    }

    /// All rows of a file as batches, text as dictionaries where it is stored so.
    pub(crate) fn read_all(&self, file: &LakeFile) -> Result<Vec<RecordBatch>, LakeError> {
        let footer = self.footers.get(&self.dir, file)?;
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
        let footer = self.footers.get(&self.dir, file)?;
        let groups = footer.metadata.metadata().row_groups();
        Ok(groups
            .iter()
            .map(|group| group.total_byte_size().unsigned_abs())
            .sum())
    }

    pub(crate) fn forget(&self, path: &str) {
        self.footers.forget(path);
    }

    fn scan_file(
        &self,
        file: &LakeFile,
        scan: &Scan<'_>,
        on_rows: &mut OnRows<'_>,
    ) -> Result<(), LakeError> {
        let footer = self.footers.get(&self.dir, file)?;
        let known = footer.overflow_names.as_ref();
        let mut program = Program::new(scan.query, &footer.schema, &file.dataset, known);
        if program.is_never() {
            return Ok(());
        }
        let path = self.dir.join(&file.path);
        let open = Arc::new(File::open(&path).map_err(at("open", &path))?);
        let mut wanted = Vec::new();
        for group in 0..footer.metadata.metadata().num_row_groups() {
            let id_fits = scan
                .id
                .is_none_or(|id| footer.may_hold(group, COLUMN_ID, id));
            if id_fits
                && footer.touches(group, (scan.range)())
                && program.may_match(&mut |column| footer.values(&open, group, column))?
            {
                wanted.push(group);
            }
        }
        let stages: Vec<_> = program
            .into_stages()
            .into_iter()
            .map(|stage| Arc::new(Mutex::new(stage)))
            .collect();
        for group in wanted {
            if scan.cancel.load(Ordering::Relaxed) {
                return Err(LakeError::Cancelled);
            }
            let range = (scan.range)();
            if footer.touches(group, range) {
                self.scan_group(file, &footer, group, &stages, range, scan.cancel, on_rows)?;
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // all of them belong to the loop above
    fn scan_group(
        &self,
        file: &LakeFile,
        footer: &Footer,
        group: usize,
        stages: &[Arc<Mutex<Stage>>],
        range: TimeRange,
        cancel: &Arc<AtomicBool>,
        on_rows: &mut OnRows<'_>,
    ) -> Result<(), LakeError> {
        let mask = |names: &[String]| {
            let roots = names
                .iter()
                .filter_map(|name| footer.schema.index_of(name).ok());
            ProjectionMask::roots(footer.metadata.parquet_schema(), roots)
        };
        let times = mask(&[COLUMN_TIMESTAMP.to_owned()]);
        let mut filters: Vec<Box<dyn ArrowPredicate>> = Vec::new();
        if !range.covers(file.times) {
            let filter =
                move |batch: RecordBatch| Ok(BooleanArray::new(rows_in_range(&batch, range), None));
            filters.push(Box::new(ArrowPredicateFn::new(times.clone(), filter)));
        }
        for stage in stages {
            let (shared, cancel) = (stage.clone(), cancel.clone());
            let filter = move |batch: RecordBatch| {
                // A row group in which nothing matches is read without coming back here.
                if cancel.load(Ordering::Relaxed) {
                    return Err(ArrowError::ComputeError("cancelled".into()));
                }
                Ok(BooleanArray::new(shared.lock().eval(&batch), None))
            };
            let columns = mask(&stage.lock().columns);
            filters.push(Box::new(ArrowPredicateFn::new(columns, filter)));
        }
        let cancelled = |error| {
            if cancel.load(Ordering::Relaxed) {
                LakeError::Cancelled
            } else {
                error
            }
        };
        let reader = self
            .builder(file, footer)?
            .with_batch_size(BATCH_ROWS)
            .with_row_groups(vec![group])
            .with_projection(times)
            .with_row_filter(RowFilter::new(filters))
            .build()
            .map_err(|error| cancelled(error.into()))?;
        for batch in reader {
            let batch = batch.map_err(|error| cancelled(error.into()))?;
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
        without: &[&str],
    ) -> Result<Vec<Map<String, Value>>, LakeError> {
        let footer = self.footers.get(&self.dir, file)?;
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
        let fields = footer.schema.fields().iter().enumerate();
        let columns = fields
            .filter(|(_, field)| !without.contains(&field.name().as_str()))
            .map(|(at, _)| at);
        let columns = ProjectionMask::roots(footer.metadata.parquet_schema(), columns);
        let reader = self
            .builder(file, &footer)?
            .with_projection(columns)
            .with_row_groups(groups)
            .with_row_selection(selection)
            .build()?;
        let mut events = Vec::with_capacity(rows.len());
        for batch in reader {
            let batch = batch?;
            let writer = RowWriter::new(&batch, &file.dataset, &[]);
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
}

fn damaged(file: &LakeFile, what: &str) -> LakeError {
    LakeError::Damaged {
        path: file.path.clone(),
        what: what.to_owned(),
    }
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

fn scan_part(part: &Part, scan: &Scan<'_>, on_rows: &mut OnRows<'_>) -> Result<(), LakeError> {
    let program = Program::new(scan.query, part.batch.schema_ref(), &part.dataset, None);
    if program.is_never() {
        return Ok(());
    }
    let mut matching = rows_in_range(&part.batch, (scan.range)());
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

fn column<'a, T: ArrowPrimitiveType>(
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
