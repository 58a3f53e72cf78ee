//! The table's columns: which there are, of which type, and which dataset uses them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use deltalake::arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use deltalake::kernel::{DataType as DeltaType, MapType, PrimitiveType, StructField, StructType};
use foldhash::fast::RandomState;
use saqshy_event::{EcsType, ecs_type};

/// Day of receipt (UTC); partition column, date.
pub const COLUMN_DAY: &str = "event.ingested_day";
/// Kind of log; partition column, text.
pub const COLUMN_DATASET: &str = "data_stream.dataset";
/// When it happened.
pub const COLUMN_TIMESTAMP: &str = "@timestamp";
/// When we received it.
pub const COLUMN_INGESTED: &str = "event.ingested";
/// Position in the spool, `{node}-{sequence number in 16 hex digits}`.
pub const COLUMN_ID: &str = "event.id";
/// The line as it arrived.
pub const COLUMN_ORIGINAL: &str = "event.original";
/// The bytes that arrived, where they are no UTF-8.
pub(crate) const COLUMN_ORIGINAL_BASE64: &str = "event.original_base64";
/// Everything that has no column of its own: map from field name to text.
pub const COLUMN_OVERFLOW: &str = "_overflow";

pub(crate) const COLUMN_CODE: &str = "event.code";

/// Property of the Delta table that remembers which dataset uses which columns: a JSON object
/// from dataset to places in the schema.
pub(crate) const PROPERTY_DATASETS: &str = "saqshy.datasetColumns";

/// Dataset of events whose own cannot be a folder's name, or came after too many others.
pub(crate) const DATASET_OTHER: &str = "other";

/// Longest name of a field that gets a column.
const NAME_BYTES_MAX: usize = 200;

/// Columns whose values hardly repeat: kept without a dictionary.
pub(crate) fn is_raw(name: &str) -> bool {
    matches!(name, COLUMN_ORIGINAL | COLUMN_ID | COLUMN_ORIGINAL_BASE64)
}

#[derive(Debug, Clone)]
pub(crate) struct ColumnDef {
    pub name: Arc<str>,
    pub kind: EcsType,
}

impl ColumnDef {
    /// The column's type in memory and when read for a search.
    pub(crate) fn arrow_type(&self) -> DataType {
        match self.kind {
            EcsType::Keyword | EcsType::Ip if is_raw(&self.name) => DataType::Utf8,
            EcsType::Keyword | EcsType::Ip => dictionary_type(),
            other => plain_type(other),
        }
    }
}

pub(crate) fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The type as every reader of the table sees it.
pub(crate) fn plain_type(kind: EcsType) -> DataType {
    match kind {
        EcsType::Keyword | EcsType::Ip => DataType::Utf8,
        EcsType::Long => DataType::Int64,
        EcsType::Double => DataType::Float64,
        EcsType::Boolean => DataType::Boolean,
        EcsType::Date => timestamp_type(),
    }
}

pub(crate) fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

pub(crate) fn overflow_field() -> FieldRef {
    let entries = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Utf8, true),
    ]);
    let entries = Arc::new(Field::new("key_value", DataType::Struct(entries), false));
    Arc::new(Field::new(
        COLUMN_OVERFLOW,
        DataType::Map(entries, false),
        true,
    ))
}

/// The columns of the table without partition columns and overflow, in order of appearance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    list: Vec<ColumnDef>,
    index: HashMap<Arc<str>, usize, RandomState>,
    /// Column names differ in more than letter case, as Delta Lake asks.
    lower: HashSet<String, RandomState>,
    datasets: BTreeMap<Arc<str>, HashSet<usize, RandomState>>,
}

/// How many columns there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    pub per_dataset: usize,
    pub in_all: usize,
    pub datasets: usize,
}

impl Columns {
    /// The columns that a new table begins with.
    pub(crate) fn initial() -> Self {
        let mut columns = Columns::default();
        for name in [
            COLUMN_TIMESTAMP,
            COLUMN_INGESTED,
            COLUMN_ID,
            COLUMN_CODE,
            COLUMN_ORIGINAL,
        ] {
            columns.push(name.into(), ecs_type(name));
        }
        columns
    }

    /// The columns of a table that exists.
    pub(crate) fn of_table(schema: &StructType, datasets: Option<&String>) -> Self {
        let mut columns = Columns::default();
        for field in schema.fields() {
            let name = field.name().as_str();
            let kind = match field.data_type() {
                _ if name == COLUMN_DATASET || name == COLUMN_DAY => continue,
                DeltaType::Primitive(PrimitiveType::String) if ecs_type(name) == EcsType::Ip => {
                    EcsType::Ip
                }
                DeltaType::Primitive(PrimitiveType::String) => EcsType::Keyword,
                DeltaType::Primitive(PrimitiveType::Long) => EcsType::Long,
                DeltaType::Primitive(PrimitiveType::Double) => EcsType::Double,
                DeltaType::Primitive(PrimitiveType::Boolean) => EcsType::Boolean,
                DeltaType::Primitive(PrimitiveType::Timestamp) => EcsType::Date,
                _ => continue,
            };
            columns.push(name.into(), kind);
        }
        let datasets: BTreeMap<String, Vec<usize>> = datasets
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        for (dataset, places) in datasets {
            let places = places.into_iter().filter(|&at| at < columns.list.len());
            columns.datasets.insert(dataset.into(), places.collect());
        }
        columns
    }

    fn push(&mut self, name: Arc<str>, kind: EcsType) {
        self.lower.insert(name.to_lowercase());
        self.index.insert(name.clone(), self.list.len());
        self.list.push(ColumnDef { name, kind });
    }

    pub(crate) fn list(&self) -> &[ColumnDef] {
        &self.list
    }

    /// Whether a dataset gets partitions of its own; the first ones do.
    pub(crate) fn admit_dataset(this: &mut Arc<Self>, name: &str, caps: Caps) -> bool {
        if this.datasets.contains_key(name) {
            return true;
        }
        let admitted = name == DATASET_OTHER || this.datasets.len() < caps.datasets;
        if admitted {
            let columns = Arc::make_mut(this);
            columns.datasets.insert(name.into(), HashSet::default());
        }
        admitted
    }

    /// The column that holds `name` in `dataset`; `None`: it goes to the overflow. Makes the
    /// column when it may be made; shared columns are copied only then.
    pub(crate) fn place(
        this: &mut Arc<Self>,
        dataset: &str,
        name: &str,
        caps: Caps,
    ) -> Option<ColumnDef> {
        let core = matches!(name, COLUMN_TIMESTAMP | COLUMN_INGESTED | COLUMN_ID);
        let used = this.datasets.get(dataset);
        let known = this.index.get(name).copied();
        if let Some(at) = known
            && (core || used.is_some_and(|used| used.contains(&at)))
        {
            return Some(this.list[at].clone());
        }
        if used.is_some_and(|used| used.len() >= caps.per_dataset) {
            return None;
        }
        if known.is_none() {
            let clashes = this.lower.contains(&name.to_lowercase());
            if clashes || !is_column_name(name) || this.list.len() >= caps.in_all {
                return None;
            }
        }
        let columns = Arc::make_mut(this);
        let at = known.unwrap_or_else(|| {
            columns.push(name.into(), ecs_type(name));
            columns.list.len() - 1
        });
        columns
            .datasets
            .entry(dataset.into())
            .or_default()
            .insert(at);
        Some(columns.list[at].clone())
    }

    /// The schema of the Delta table.
    pub(crate) fn delta_schema(&self) -> Result<StructType, deltalake::DeltaTableError> {
        let text = DeltaType::Primitive(PrimitiveType::String);
        let mut fields: Vec<StructField> = self
            .list
            .iter()
            .map(|column| {
                let kind = match column.kind {
                    EcsType::Keyword | EcsType::Ip => PrimitiveType::String,
                    EcsType::Long => PrimitiveType::Long,
                    EcsType::Double => PrimitiveType::Double,
                    EcsType::Boolean => PrimitiveType::Boolean,
                    EcsType::Date => PrimitiveType::Timestamp,
                };
                StructField::nullable(column.name.to_string(), DeltaType::Primitive(kind))
            })
            .collect();
        let map = DeltaType::Map(Box::new(MapType::new(text.clone(), text.clone(), true)));
        fields.push(StructField::nullable(COLUMN_OVERFLOW, map));
        fields.push(StructField::nullable(
            COLUMN_DAY,
            DeltaType::Primitive(PrimitiveType::Date),
        ));
        fields.push(StructField::nullable(COLUMN_DATASET, text));
        Ok(StructType::try_new(fields)?)
    }

    /// The value of [`PROPERTY_DATASETS`].
    pub(crate) fn datasets_property(&self) -> String {
        let datasets: BTreeMap<&str, Vec<usize>> = self
            .datasets
            .iter()
            .map(|(dataset, used)| {
                let mut places: Vec<usize> = used.iter().copied().collect();
                places.sort_unstable();
                (&**dataset, places)
            })
            .collect();
        serde_json::to_string(&datasets).unwrap_or_default()
    }
}

/// Whether a field may have a column: Parquet readers in the Delta world refuse some characters,
/// and our own names are taken.
fn is_column_name(name: &str) -> bool {
    let taken = matches!(name, COLUMN_OVERFLOW | COLUMN_DAY | COLUMN_DATASET);
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !taken
        && !name
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || " ,;{}()=".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_capped_and_survive_the_way_through_the_table() {
        let caps = Caps {
            per_dataset: 3,
            in_all: 100,
            datasets: 2,
        };
        let mut columns = Arc::new(Columns::initial());
        let place = |columns: &mut Arc<Columns>, dataset, name| {
            Columns::place(columns, dataset, name, caps).map(|column| column.name)
        };
        for name in ["user.name", "source.port", "auditd.SYSCALL"] {
            assert!(place(&mut columns, "a", name).is_some(), "{name}");
        }
        assert_eq!(place(&mut columns, "a", "fourth"), None);
        assert_eq!(
            place(&mut columns, "b", "auditd.syscall"),
            None,
            "differs in case only"
        );
        assert_eq!(place(&mut columns, "b", "with space"), None);
        assert_eq!(place(&mut columns, "b", COLUMN_OVERFLOW), None);
        let schema = columns.delta_schema().unwrap();
        let property = columns.datasets_property();
        let mut back = Arc::new(Columns::of_table(&schema, Some(&property)));
        assert_eq!(place(&mut back, "a", "fourth"), None);
        assert_eq!(
            place(&mut back, "a", "user.name"),
            place(&mut columns, "a", "user.name")
        );
        let port = back
            .list()
            .iter()
            .find(|column| &*column.name == "source.port")
            .unwrap();
        assert_eq!(port.kind, EcsType::Long);
        assert_eq!(back.delta_schema().unwrap(), schema);
    }
}
