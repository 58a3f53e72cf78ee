//! Batches of events to Arrow, one part per day of receipt and dataset.

use std::collections::BTreeMap;
use std::sync::Arc;

use deltalake::arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, MapBuilder,
    MapFieldNames, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use deltalake::arrow::datatypes::{Field, Int32Type, Schema};
use jiff::Timestamp;
use saqshy_event::{ABSENT, Batch, Column, EcsType};

use crate::error::LakeError;
use crate::schema::{
    COLUMN_DATASET, COLUMN_INGESTED, COLUMN_TIMESTAMP, Caps, Columns, DATASET_OTHER, is_raw,
    overflow_field, plain_type,
};
use crate::stored::{Core, Fitted, Kept, keep};
use crate::time::day_of;

/// Events of one day and one dataset as Arrow columns.
#[derive(Debug)]
pub(crate) struct Part {
    /// Days since 1970-01-01, by receipt.
    pub day: i32,
    pub dataset: Arc<str>,
    pub batch: RecordBatch,
    /// Least and greatest `@timestamp`, µs.
    pub times: (i64, i64),
    pub ingested: (i64, i64),
    pub bytes: usize,
}

/// Columns of an event per row: name and text of what has no column.
type Overflow = Vec<Vec<(String, String)>>;

/// Converts a batch; `columns` learns the fields that are new. `now` stands in for a missing time
/// of receipt.
pub(crate) fn parts_of(
    batch: &Batch,
    columns: &mut Arc<Columns>,
    caps: Caps,
    now: Timestamp,
) -> Result<Vec<Part>, LakeError> {
    let mut groups: BTreeMap<(i32, String), (Vec<u32>, Vec<Core>)> = BTreeMap::new();
    for event in batch.events() {
        let mut core = Core::of(event, now);
        if !Columns::admit_dataset(columns, &core.dataset, caps) {
            let name = std::mem::replace(&mut core.dataset, DATASET_OTHER.into());
            core.claimed.push(("malformed.data_stream.dataset", name));
        }
        let key = (day_of(core.ingested), core.dataset.clone());
        let (rows, cores) = groups.entry(key).or_default();
        rows.push(u32::try_from(event.row()).map_err(|_| LakeError::BatchTooLarge)?);
        cores.push(core);
    }
    groups
        .into_iter()
        .map(|((day, dataset), (rows, cores))| {
            part(batch, columns, caps, day, dataset, &rows, cores)
        })
        .collect()
}

fn part(
    batch: &Batch,
    columns: &mut Arc<Columns>,
    caps: Caps,
    day: i32,
    dataset: String,
    rows: &[u32],
    cores: Vec<Core>,
) -> Result<Part, LakeError> {
    let mut overflow: Overflow = vec![Vec::new(); rows.len()];
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();

    let timestamps: Vec<i64> = cores.iter().map(|c| c.timestamp.as_microsecond()).collect();
    let ingested: Vec<i64> = cores.iter().map(|c| c.ingested.as_microsecond()).collect();
    let (times, receipts) = (bounds(&timestamps), bounds(&ingested));
    for (name, values) in [(COLUMN_TIMESTAMP, timestamps), (COLUMN_INGESTED, ingested)] {
        fields.push(Field::new(name, plain_type(EcsType::Date), true));
        arrays.push(Arc::new(
            TimestampMicrosecondArray::from(values).with_timezone("UTC"),
        ));
    }
    for (row, core) in cores.into_iter().enumerate() {
        overflow[row].extend(
            core.claimed
                .into_iter()
                .map(|(name, text)| (name.into(), text)),
        );
    }

    for column in batch.columns() {
        let name = column.name();
        if matches!(name, COLUMN_TIMESTAMP | COLUMN_INGESTED | COLUMN_DATASET) {
            continue;
        }
        if rows
            .iter()
            .all(|&row| column.keys()[row as usize] == ABSENT)
        {
            continue;
        }
        let place = Columns::place(columns, &dataset, name, caps);
        match place {
            None => all_to_overflow(column, rows, &mut overflow),
            Some(def) => {
                if let Some(array) = to_array(column, def.kind, rows, &mut overflow) {
                    fields.push(Field::new(name, def.arrow_type(), true));
                    arrays.push(array);
                }
            }
        }
    }
    if overflow.iter().any(|entries| !entries.is_empty()) {
        fields.push(overflow_field().as_ref().clone());
        arrays.push(overflow_array(&overflow)?);
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
    let bytes = batch.get_array_memory_size();
    Ok(Part {
        day,
        dataset: dataset.into(),
        batch,
        times,
        ingested: receipts,
        bytes,
    })
}

fn bounds(values: &[i64]) -> (i64, i64) {
    let min = values.iter().copied().min().unwrap_or(i64::MAX);
    let max = values.iter().copied().max().unwrap_or(i64::MIN);
    (min, max)
}

fn all_to_overflow(column: &Column, rows: &[u32], overflow: &mut Overflow) {
    for (at, &row) in rows.iter().enumerate() {
        if let Some(text) = column.get(row as usize).and_then(crate::stored::encode) {
            overflow[at].push((column.name().to_owned(), text.into_owned()));
        }
    }
}

/// The column's values at `rows`; what does not fit goes to `overflow`. `None` if nothing fits.
fn to_array(
    column: &Column,
    kind: EcsType,
    rows: &[u32],
    overflow: &mut Overflow,
) -> Option<ArrayRef> {
    match kind {
        EcsType::Keyword | EcsType::Ip if is_raw(column.name()) => {
            let texts = fitted(column, kind, rows, overflow, |value| match value {
                Fitted::Text(text) => Some(text),
                _ => None,
            })?;
            Some(Arc::new(StringArray::from_iter(texts)))
        }
        EcsType::Keyword | EcsType::Ip => dictionary(column, rows),
        EcsType::Long => {
            let values = fitted(column, kind, rows, overflow, |value| match value {
                Fitted::Long(number) => Some(number),
                _ => None,
            })?;
            Some(Arc::new(Int64Array::from(values)))
        }
        EcsType::Double => {
            let values = fitted(column, kind, rows, overflow, |value| match value {
                Fitted::Double(number) => Some(number),
                _ => None,
            })?;
            Some(Arc::new(Float64Array::from(values)))
        }
        EcsType::Boolean => {
            let values = fitted(column, kind, rows, overflow, |value| match value {
                Fitted::Bool(yes) => Some(yes),
                _ => None,
            })?;
            Some(Arc::new(BooleanArray::from(values)))
        }
        EcsType::Date => {
            let values = fitted(column, kind, rows, overflow, |value| match value {
                Fitted::Time(micros) => Some(micros),
                _ => None,
            })?;
            Some(Arc::new(
                TimestampMicrosecondArray::from(values).with_timezone("UTC"),
            ))
        }
    }
}

fn fitted<'a, T>(
    column: &'a Column,
    kind: EcsType,
    rows: &[u32],
    overflow: &mut Overflow,
    pick: impl Fn(Fitted<'a>) -> Option<T>,
) -> Option<Vec<Option<T>>> {
    let mut some = false;
    let mut values = Vec::with_capacity(rows.len());
    for (at, &row) in rows.iter().enumerate() {
        let value = match column.get(row as usize).map(|value| keep(kind, value)) {
            Some(Kept::Column(fitted)) => pick(fitted),
            Some(Kept::Overflow(text)) => {
                overflow[at].push((column.name().to_owned(), text.into_owned()));
                None
            }
            Some(Kept::Nothing) | None => None,
        };
        some |= value.is_some();
        values.push(value);
    }
    some.then_some(values)
}

/// A dictionary of the values that occur at `rows`.
fn dictionary(column: &Column, rows: &[u32]) -> Option<ArrayRef> {
    const UNSEEN: i32 = -1;
    const NOTHING: i32 = -2;
    let mut places = vec![UNSEEN; column.values().len()];
    let mut texts = StringBuilder::new();
    let mut count = 0;
    let keys: Int32Array = rows
        .iter()
        .map(|&row| {
            let key = column.keys()[row as usize];
            if key == ABSENT {
                return None;
            }
            let place = &mut places[key as usize];
            if *place == UNSEEN {
                *place = match crate::stored::encode(&column.values()[key as usize]) {
                    Some(text) => {
                        texts.append_value(text);
                        count += 1;
                        count - 1
                    }
                    None => NOTHING,
                };
            }
            (*place != NOTHING).then_some(*place)
        })
        .collect();
    if count == 0 {
        return None;
    }
    let values: ArrayRef = Arc::new(texts.finish());
    Some(Arc::new(DictionaryArray::<Int32Type>::new(keys, values)))
}

fn overflow_array(overflow: &Overflow) -> Result<ArrayRef, LakeError> {
    let names = MapFieldNames {
        entry: "key_value".into(),
        key: "key".into(),
        value: "value".into(),
    };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for entries in overflow {
        for (name, text) in entries {
            builder.keys().append_value(name);
            builder.values().append_value(text);
        }
        builder.append(!entries.is_empty())?;
    }
    Ok(Arc::new(builder.finish()))
}
