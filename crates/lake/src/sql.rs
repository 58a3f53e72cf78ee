//! SQL over the events, read only, on DataFusion.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as SqlResult};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use deltalake::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, RecordBatch, StringArray, new_null_array,
};
use deltalake::arrow::compute::cast;
use deltalake::arrow::datatypes::{
    DataType, Field, FieldRef, Float64Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
    UInt64Type,
};
use deltalake::arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt;
use saqshy_event::EcsType;
use serde::Serialize;
use serde_json::Value;

use crate::convert::Part;
use crate::error::LakeError;
use crate::file::{LakeFile, TEMPORARY_DIR};
use crate::lake::{Lake, View};
use crate::schema::{
    COLUMN_DATASET, COLUMN_DAY, COLUMN_INGESTED, COLUMN_TIMESTAMP, overflow_field, plain_type,
};
use crate::time::{format_micros, parse_day};

/// Most rows that one statement gives out.
pub const SQL_ROWS_MAX: usize = 1_000_000;
/// Longest statement, in bytes.
const SQL_BYTES_MAX: usize = 1 << 20;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SqlColumn {
    pub name: String,
    /// As SQL calls it, roughly: `text`, `bigint`, `double`, `boolean`, `timestamp`, `date`, else
    /// the engine's own name.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The rows of a running statement. Dropping it stops the work.
pub struct SqlStream {
    columns: Vec<SqlColumn>,
    stream: SendableRecordBatchStream,
    left: usize,
    truncated: bool,
    /// Keeps the files on disk until the statement is done.
    _view: Arc<View>,
}

impl SqlStream {
    pub fn columns(&self) -> &[SqlColumn] {
        &self.columns
    }

    /// Whether rows beyond the limit were left out; known at the end.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Some more rows, each a value per column; `None` at the end.
    ///
    /// Values are JSON: numbers, booleans, null, and text for everything else; times in RFC 3339.
    pub async fn next(&mut self) -> Option<Result<Vec<Vec<Value>>, LakeError>> {
        if self.truncated {
            return None;
        }
        let batch = match self.stream.next().await? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(refused(&error))),
        };
        let rows = batch.num_rows().min(self.left);
        self.truncated = batch.num_rows() > self.left;
        self.left -= rows;
        Some(rows_to_json(&batch.slice(0, rows)))
    }
}

impl Lake {
    /// Runs one `SELECT`, `WITH` or `EXPLAIN` over the table `events`: everything appended when
    /// the statement began. At most `limit` rows are given out.
    ///
    /// # Errors
    /// `Sql`: the statement is wrong, or no reading statement; the text says what.
    pub async fn sql(&self, text: &str, limit: usize) -> Result<SqlStream, LakeError> {
        let limit = limit.min(SQL_ROWS_MAX);
        let (statement, explains) = one_reading_statement(text)?;
        let view = self.view();
        let context = self.sql_context(view.clone())?;
        let run = async {
            let plan = context.state().statement_to_plan(statement).await?;
            let options = SQLOptions::new()
                .with_allow_ddl(false)
                .with_allow_dml(false)
                .with_allow_statements(false);
            options.verify_plan(&plan)?;
            let mut frame = context.execute_logical_plan(plan).await?;
            if !explains {
                frame = frame.limit(0, Some(limit.saturating_add(1)))?;
            }
            frame.execute_stream().await
        };
        let stream = run.await.map_err(|error| refused(&error))?;
        let columns = stream
            .schema()
            .fields()
            .iter()
            .map(|field| SqlColumn {
                name: field.name().clone(),
                kind: type_name(field),
            })
            .collect();
        Ok(SqlStream {
            columns,
            stream,
            left: limit,
            truncated: false,
            _view: view,
        })
    }

    fn sql_context(&self, view: Arc<View>) -> Result<SessionContext, LakeError> {
        let config = &self.inner.config;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(config.sql_bytes)))
            .with_temp_file_path(config.dir.join(TEMPORARY_DIR))
            .build_arc()
            .map_err(|error| refused(&error))?;
        let session = SessionConfig::new()
            .with_target_partitions(config.search_threads.max(1))
            .with_information_schema(false)
            .with_parquet_pruning(true);
        let context = SessionContext::new_with_config_rt(session, runtime);
        let table = EventTable::new(config.dir.clone(), view);
        context
            .register_table("events", Arc::new(table))
            .map_err(|error| refused(&error))?;
        Ok(context)
    }
}

fn refused(error: &DataFusionError) -> LakeError {
    let text = error.strip_backtrace();
    let text = text.lines().next().unwrap_or_default();
    LakeError::Sql(
        text.trim_start_matches("Error during planning: ")
            .to_owned(),
    )
}

/// The statement, and whether it explains another.
fn one_reading_statement(text: &str) -> Result<(Statement, bool), LakeError> {
    if text.len() > SQL_BYTES_MAX {
        return Err(LakeError::Sql(format!(
            "the statement is longer than {SQL_BYTES_MAX} bytes"
        )));
    }
    let mut statements = DFParser::parse_sql(text).map_err(|error| refused(&error))?;
    let (Some(statement), None) = (statements.pop_front(), statements.pop_front()) else {
        return Err(LakeError::Sql("exactly one statement is expected".into()));
    };
    let inner = match &statement {
        Statement::Explain(explain) => &*explain.statement,
        other => other,
    };
    let reads =
        matches!(inner, Statement::Statement(inner) if matches!(**inner, SqlStatement::Query(_)));
    if !reads {
        return Err(LakeError::Sql(
            "only SELECT, WITH and EXPLAIN are allowed: the events are read only".into(),
        ));
    }
    let explains = matches!(statement, Statement::Explain(_));
    Ok((statement, explains))
}

/// The table `events` of one view.
struct EventTable {
    dir: PathBuf,
    view: Arc<View>,
    schema: TableSchema,
}

impl Debug for EventTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventTable")
            .field("version", &self.view.version)
            .finish_non_exhaustive()
    }
}

/// Text columns are read as views: no copy while filtering.
fn sql_type(kind: EcsType) -> DataType {
    match plain_type(kind) {
        DataType::Utf8 => DataType::Utf8View,
        other => other,
    }
}

impl EventTable {
    fn new(dir: PathBuf, view: Arc<View>) -> Self {
        let mut fields: Vec<FieldRef> = view
            .columns
            .list()
            .iter()
            .map(|column| Arc::new(Field::new(&*column.name, sql_type(column.kind), true)))
            .collect();
        fields.push(overflow_field());
        let partitions: Vec<FieldRef> = vec![
            Arc::new(Field::new(COLUMN_DAY, DataType::Date32, false)),
            Arc::new(Field::new(COLUMN_DATASET, DataType::Utf8, false)),
        ];
        let schema = TableSchema::builder(Arc::new(Schema::new(fields)))
            .with_table_partition_cols(partitions)
            .build();
        EventTable { dir, view, schema }
    }

    fn partitioned(&self, file: &LakeFile) -> SqlResult<PartitionedFile> {
        let columns = self.schema.file_schema().fields();
        let mut statistics = Statistics::new_unknown(self.schema.file_schema());
        statistics.num_rows = Precision::Exact(usize::try_from(file.rows).unwrap_or(usize::MAX));
        for (field, column) in columns.iter().zip(&mut statistics.column_statistics) {
            let (low, high) = match field.name().as_str() {
                COLUMN_TIMESTAMP => file.times,
                COLUMN_INGESTED => file.ingested,
                _ => continue,
            };
            let value = |micros| {
                Precision::Exact(ScalarValue::TimestampMicrosecond(
                    Some(micros),
                    Some("UTC".into()),
                ))
            };
            *column = ColumnStatistics {
                null_count: Precision::Exact(0),
                min_value: value(low),
                max_value: value(high),
                ..ColumnStatistics::new_unknown()
            };
        }
        let values = vec![
            ScalarValue::Date32(parse_day(&file.day)),
            ScalarValue::Utf8(Some(file.dataset.clone())),
        ];
        let location = deltalake::Path::from_absolute_path(self.dir.join(&file.path))
            .map_err(|error| DataFusionError::External(error.into()))?;
        let meta = deltalake::ObjectMeta {
            location,
            last_modified: Default::default(),
            size: file.bytes,
            e_tag: None,
            version: None,
        };
        Ok(PartitionedFile::new_from_meta(meta)
            .with_partition_values(values)
            .with_statistics(Arc::new(statistics)))
    }

    fn scan_files(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> SqlResult<Arc<dyn ExecutionPlan>> {
        let mut source = ParquetSource::new(self.schema.clone());
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            let schema = DFSchema::try_from(self.schema.table_schema().clone())?;
            source = source.with_predicate(state.create_physical_expr(filter, &schema)?);
        }
        let partitions = state.config().target_partitions().max(1);
        let mut groups: BTreeMap<usize, Vec<PartitionedFile>> = BTreeMap::new();
        for (at, file) in self.view.files.iter().enumerate() {
            groups
                .entry(at % partitions)
                .or_default()
                .push(self.partitioned(file)?);
        }
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
                .with_file_groups(groups.into_values().map(FileGroup::new).collect())
                .with_projection_indices(projection.cloned())?
                .with_limit(if filters.is_empty() { limit } else { None })
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn scan_fresh(
        &self,
        projection: Option<&Vec<usize>>,
    ) -> SqlResult<Option<Arc<dyn ExecutionPlan>>> {
        let table = self.schema.table_schema();
        let schema: SchemaRef = match projection {
            Some(places) => Arc::new(table.project(places)?),
            None => table.clone(),
        };
        let parts = self.view.fresh.iter().flat_map(|fresh| &fresh.parts);
        let batches: Vec<RecordBatch> = parts
            .map(|part| in_schema(part, &schema))
            .collect::<SqlResult<_>>()?;
        if batches.is_empty() {
            return Ok(None);
        }
        let exec = MemorySourceConfig::try_new_exec(&[batches], schema, None)?;
        Ok(Some(exec))
    }
}

/// A fresh part under the table's schema.
fn in_schema(part: &Part, schema: &SchemaRef) -> SqlResult<RecordBatch> {
    let rows = part.batch.num_rows();
    let arrays = schema
        .fields()
        .iter()
        .map(|field| {
            Ok(
                match (
                    field.name().as_str(),
                    part.batch.column_by_name(field.name()),
                ) {
                    (COLUMN_DAY, _) => {
                        Arc::new(Date32Array::from(vec![part.day; rows])) as ArrayRef
                    }
                    (COLUMN_DATASET, _) => Arc::new(StringArray::from_iter_values(
                        std::iter::repeat_n(&part.dataset, rows),
                    )),
                    (_, Some(array)) if array.data_type() == field.data_type() => array.clone(),
                    (_, Some(array)) => cast(array, field.data_type())?,
                    (_, None) => new_null_array(field.data_type(), rows),
                },
            )
        })
        .collect::<SqlResult<Vec<_>>>()?;
    let options = deltalake::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        schema.clone(),
        arrays,
        &options,
    )?)
}

#[async_trait]
impl TableProvider for EventTable {
    fn schema(&self) -> SchemaRef {
        self.schema.table_schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> SqlResult<Arc<dyn ExecutionPlan>> {
        let files = self.scan_files(state, projection, filters, limit)?;
        match self.scan_fresh(projection)? {
            None => Ok(files),
            Some(fresh) => UnionExec::try_new(vec![fresh, files]),
        }
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> SqlResult<Vec<TableProviderFilterPushDown>> {
        // Filters skip files, row groups and pages; what is left is filtered again above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

fn type_name(field: &Field) -> String {
    match field.data_type() {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Dictionary(..) => {
            "text".into()
        }
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => "bigint".into(),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => "bigint".into(),
        DataType::Float32 | DataType::Float64 => "double".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Timestamp(..) => "timestamp".into(),
        DataType::Date32 | DataType::Date64 => "date".into(),
        other => other.to_string(),
    }
}

fn rows_to_json(batch: &RecordBatch) -> Result<Vec<Vec<Value>>, LakeError> {
    let options = FormatOptions::default().with_null("");
    let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
    for array in batch.columns() {
        let whole = array.data_type().is_signed_integer()
            || matches!(
                array.data_type(),
                DataType::UInt8 | DataType::UInt16 | DataType::UInt32
            );
        let times = matches!(array.data_type(), DataType::Timestamp(_, Some(_)));
        let floats = matches!(array.data_type(), DataType::Float32 | DataType::Float64);
        let plain = if whole {
            cast(array, &DataType::Int64)?
        } else if floats {
            cast(array, &DataType::Float64)?
        } else if times {
            cast(array, &plain_type(EcsType::Date))?
        } else {
            array.clone()
        };
        let formatter = ArrayFormatter::try_new(&plain, &options)?;
        for (row, out) in rows.iter_mut().enumerate() {
            out.push(if plain.is_null(row) {
                Value::Null
            } else if let Some(numbers) = plain.as_primitive_opt::<Int64Type>() {
                numbers.value(row).into()
            } else if let Some(numbers) = plain.as_primitive_opt::<UInt64Type>() {
                numbers.value(row).into()
            } else if let Some(numbers) = plain.as_primitive_opt::<Float64Type>() {
                numbers.value(row).into()
            } else if let Some(times) = plain
                .as_primitive_opt::<TimestampMicrosecondType>()
                .filter(|_| times)
            {
                format_micros(times.value(row)).into()
            } else if let Some(values) = plain.as_boolean_opt() {
                values.value(row).into()
            } else {
                formatter.value(row).try_to_string()?.into()
            });
        }
    }
    Ok(rows)
}
