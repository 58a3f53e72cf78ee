//! Many parts of one partition to one sorted run of record batches.
//!
//! Rows are sorted by `event.code`, then time: alike events lie side by side, which is what
//! shrinks the raw text. Text columns get one dictionary over all parts.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use deltalake::arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Array, RecordBatch, StringArray, StringBuilder,
    new_null_array,
};
use deltalake::arrow::compute::interleave;
use deltalake::arrow::datatypes::{
    DataType, Field, Int32Type, Schema, SchemaRef, TimestampMicrosecondType,
};
use foldhash::fast::RandomState;

use crate::error::LakeError;
use crate::schema::{COLUMN_CODE, COLUMN_TIMESTAMP, dictionary_type, is_raw};

/// The rows of several parts in their final order.
pub(crate) struct Merged {
    schema: SchemaRef,
    /// Part and row within it.
    order: Vec<(usize, usize)>,
    columns: Vec<Source>,
}

enum Source {
    /// Keys per part into one dictionary.
    Text {
        keys: Vec<Vec<i32>>,
        values: ArrayRef,
    },
    Plain(Vec<ArrayRef>),
}

const ABSENT: i32 = -1;

impl Merged {
    /// Sorts the rows of `parts`; no column is copied yet.
    pub(crate) fn new(parts: &[RecordBatch]) -> Result<Self, LakeError> {
        let schema = united(parts);
        let columns = schema
            .fields()
            .iter()
            .map(|field| {
                if *field.data_type() == dictionary_type() {
                    text_source(field.name(), parts)
                } else {
                    Ok(plain_source(field, parts))
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let order = sorted(&schema, &columns, parts);
        Ok(Merged {
            schema,
            order,
            columns,
        })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn rows(&self) -> usize {
        self.order.len()
    }

    /// The rows `range` of the sorted whole.
    pub(crate) fn rows_at(&self, range: Range<usize>) -> Result<RecordBatch, LakeError> {
        let order = &self.order[range];
        let arrays = self
            .columns
            .iter()
            .map(|column| match column {
                Source::Text { keys, values } => {
                    let keys: Int32Array = order
                        .iter()
                        .map(|&(part, row)| {
                            let key = keys[part].get(row).copied().unwrap_or(ABSENT);
                            (key != ABSENT).then_some(key)
                        })
                        .collect();
                    let array = DictionaryArray::<Int32Type>::try_new(keys, values.clone())?;
                    Ok(Arc::new(array) as ArrayRef)
                }
                Source::Plain(arrays) => {
                    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
                    Ok(interleave(&arrays, order)?)
                }
            })
            .collect::<Result<Vec<_>, LakeError>>()?;
        Ok(RecordBatch::try_new(self.schema.clone(), arrays)?)
    }
}

/// All columns of all parts, in order of appearance. Text read back without its dictionary gets
/// one again.
fn united(parts: &[RecordBatch]) -> SchemaRef {
    let mut fields: Vec<Arc<Field>> = Vec::new();
    let mut seen: HashMap<&str, (), RandomState> = HashMap::default();
    for field in parts.iter().flat_map(|part| part.schema_ref().fields()) {
        if seen.insert(field.name(), ()).is_none() {
            let mut field = field.as_ref().clone().with_nullable(true);
            if matches!(field.data_type(), DataType::Utf8) && !is_raw(field.name()) {
                field.set_data_type(dictionary_type());
            }
            fields.push(Arc::new(field));
        }
    }
    Arc::new(Schema::new(fields))
}

fn plain_source(field: &Field, parts: &[RecordBatch]) -> Source {
    let arrays = parts
        .iter()
        .map(|part| match part.column_by_name(field.name()) {
            Some(array) => array.clone(),
            None => new_null_array(field.data_type(), part.num_rows()),
        })
        .collect();
    Source::Plain(arrays)
}

fn text_source(name: &str, parts: &[RecordBatch]) -> Result<Source, LakeError> {
    let mut index: HashMap<&str, i32, RandomState> = HashMap::default();
    let mut builder = StringBuilder::new();
    let mut keys = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(array) = part.column_by_name(name) else {
            keys.push(Vec::new());
            continue;
        };
        let mut intern = |text| {
            let next = index.len() as i32;
            *index.entry(text).or_insert_with(|| {
                builder.append_value(text);
                next
            })
        };
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
            let values = texts(name, dictionary.values())?;
            let mut places = vec![None; values.len()];
            let of_row = dictionary.keys().iter().map(|key| match key {
                None => ABSENT,
                Some(key) => {
                    *places[key as usize].get_or_insert_with(|| intern(values.value(key as usize)))
                }
            });
            keys.push(of_row.collect());
        } else {
            let values = texts(name, array)?;
            keys.push(
                values
                    .iter()
                    .map(|text| text.map_or(ABSENT, &mut intern))
                    .collect(),
            );
        }
    }
    Ok(Source::Text {
        keys,
        values: Arc::new(builder.finish()),
    })
}

fn texts<'a>(name: &str, array: &'a ArrayRef) -> Result<&'a StringArray, LakeError> {
    array
        .as_string_opt::<i32>()
        .ok_or_else(|| LakeError::Damaged {
            path: name.to_owned(),
            what: format!("column is {} instead of text", array.data_type()),
        })
}

fn sorted(schema: &Schema, columns: &[Source], parts: &[RecordBatch]) -> Vec<(usize, usize)> {
    let codes = schema
        .index_of(COLUMN_CODE)
        .ok()
        .and_then(|at| match &columns[at] {
            Source::Text { keys, values } => Some((keys, ranks(values.as_string::<i32>()))),
            Source::Plain(_) => None,
        });
    let mut order: Vec<(i32, i64, usize, usize)> = Vec::new();
    for (part, batch) in parts.iter().enumerate() {
        let times = batch
            .column_by_name(COLUMN_TIMESTAMP)
            .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
        for row in 0..batch.num_rows() {
            let rank = codes
                .as_ref()
                .map_or(ABSENT, |(keys, ranks)| match keys[part].get(row) {
                    Some(&key) if key != ABSENT => ranks[key as usize],
                    _ => ABSENT,
                });
            let time = times.map_or(0, |times| times.value(row));
            order.push((rank, time, part, row));
        }
    }
    order.sort_unstable();
    order
        .into_iter()
        .map(|(_, _, part, row)| (part, row))
        .collect()
}

/// Place of each text among all in alphabetical order.
fn ranks(values: &StringArray) -> Vec<i32> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_unstable_by_key(|&at| values.value(at));
    let mut ranks = vec![0; values.len()];
    for (rank, at) in places.into_iter().enumerate() {
        ranks[at] = rank as i32;
    }
    ranks
}
