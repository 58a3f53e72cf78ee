//! Rows of Arrow columns as flat JSON maps.

use std::collections::BTreeMap;

use deltalake::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use deltalake::arrow::datatypes::{
    DataType, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use serde_json::{Map, Value};

use crate::eval::Entries;
use crate::footer::COLUMN_ROW;
use crate::schema::{COLUMN_DATASET, COLUMN_OVERFLOW};
use crate::stored::text_to_json;
use crate::time::format_micros;

/// Gives out rows as flat maps, fields in order of name.
pub(crate) struct RowWriter<'a> {
    dataset: &'a str,
    columns: Vec<(&'a str, &'a ArrayRef)>,
    overflow: Option<Entries<'a>>,
}

impl<'a> RowWriter<'a> {
    pub(crate) fn new(batch: &'a RecordBatch, dataset: &'a str, without: &[&str]) -> Self {
        let mut columns: Vec<(&str, &ArrayRef)> = batch
            .schema_ref()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .zip(batch.columns())
            .filter(|(name, _)| {
                !matches!(*name, COLUMN_OVERFLOW | COLUMN_ROW) && !without.contains(name)
            })
            .collect();
        columns.sort_unstable_by_key(|(name, _)| *name);
        let overflow = batch.column_by_name(COLUMN_OVERFLOW).and_then(Entries::of);
        RowWriter {
            dataset,
            columns,
            overflow,
        }
    }

    pub(crate) fn event(&self, row: usize) -> Map<String, Value> {
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
