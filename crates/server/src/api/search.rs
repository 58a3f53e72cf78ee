//! Looking into the stored events.

use std::collections::HashMap;
use std::time::Instant;

use axum::Json;
use axum::body::{Body as HttpBody, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use saqshy_casework::Actor;
use saqshy_journal::Leaf;
use saqshy_lake::{LakeError, SearchEvent, SearchStream, query};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::wire::Bucket;
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body, Query, Running};

/// A search. Times bound `@timestamp`: from inclusive, to exclusive.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    pub query: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// At most this many events come back, 1 to 10 000.
    #[serde(default = "default_limit")]
    #[schema(minimum = 1, maximum = 10000, default = 200)]
    pub limit: u32,
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub newest_first: bool,
    /// Chosen by the caller; names the search for `DELETE /api/v1/search/{search_id}`.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub search_id: Option<String>,
}

fn default_limit() -> u32 {
    200
}

fn yes() -> bool {
    true
}

/// One line of a search's answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchLine {
    /// A matching event as a flat object with dotted field names.
    Event(HashMap<String, Value>),
    Progress(SearchProgress),
    /// The last line of a search that ran to its end.
    Done(SearchDone),
    /// The last line of a search that failed or was cancelled.
    Error(SearchProblem),
}

#[derive(Serialize, ToSchema)]
pub struct SearchProgress {
    pub files_done: u64,
    pub files_total: u64,
    pub rows_scanned: u64,
}

#[derive(Serialize, ToSchema)]
pub struct SearchDone {
    pub matched: u64,
    pub elapsed_ms: u64,
    /// There is more than the limit let through.
    pub truncated: bool,
}

#[derive(Serialize, ToSchema)]
pub struct SearchProblem {
    pub code: String,
    pub message: String,
    /// Where in the query, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HistogramRequest {
    pub query: String,
    pub from: Timestamp,
    pub to: Timestamp,
    #[serde(default = "default_buckets")]
    #[schema(minimum = 1, maximum = 500, default = 60)]
    pub buckets: u32,
}

fn default_buckets() -> u32 {
    60
}

#[derive(Serialize, ToSchema)]
pub struct Histogram {
    pub buckets: Vec<Bucket>,
    pub total: u64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldsRequest {
    pub query: String,
    pub from: Timestamp,
    pub to: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub struct Fields {
    pub fields: Vec<FieldSummary>,
}

#[derive(Serialize, ToSchema)]
pub struct FieldSummary {
    pub name: String,
    /// Matching events that have the field.
    pub present: u64,
    pub top: Vec<ValueCount>,
}

#[derive(Serialize, ToSchema)]
pub struct ValueCount {
    pub value: String,
    pub count: u64,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    pub query: String,
    pub from: Timestamp,
    pub to: Timestamp,
    #[param(inline)]
    pub format: ExportFormat,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    Ndjson,
    Csv,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    /// One read-only statement over the table `events`.
    pub sql: String,
    /// At most this many rows come back, 1 to 10 000.
    #[serde(default = "default_limit")]
    #[schema(minimum = 1, maximum = 10000, default = 200)]
    pub limit: u32,
}

#[derive(Serialize, ToSchema)]
pub struct SqlAnswer {
    pub columns: Vec<SqlColumn>,
    pub rows: Vec<Vec<Value>>,
    pub truncated: bool,
    pub elapsed_ms: u64,
}

#[derive(Serialize, ToSchema)]
pub struct SqlColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
}

/// Matching events, one JSON object per line.
#[utoipa::path(
    post,
    path = "/search",
    tag = "search",
    operation_id = "search_search",
    request_body = SearchRequest,
    responses((status = OK, description = "Matching events, one JSON object per line", body = SearchLine, content_type = "application/x-ndjson"))
)]
async fn search(
    State(app): State<App>,
    who: Who,
    Body(body): Body<SearchRequest>,
) -> ApiResult<Response> {
    let begin = Instant::now();
    let query = parse(&body.query)?;
    check_range(body.from, body.to)?;
    check_limit(body.limit)?;
    let found = app.lake.search(saqshy_lake::SearchRequest {
        query,
        from: Some(body.from),
        to: Some(body.to),
        limit: body.limit as usize,
        newest_first: body.newest_first,
    });
    let name = body
        .search_id
        .filter(|name| !name.is_empty() && name.len() <= SEARCH_ID_BYTES_MAX);
    let running = name.map(|name| app.searches().begin(&who.login, &name, found.cancel_flag()));
    let lines = lines(found, begin, running);
    Ok(stream("application/x-ndjson", None, lines))
}

/// The lines of a search; the search leaves the list of running ones when the stream goes.
fn lines(
    found: SearchStream,
    begin: Instant,
    running: Option<Running>,
) -> impl Stream<Item = String> + Send + 'static {
    found.map(move |message| {
        let _listed = &running;
        let line = match message {
            Ok(SearchEvent::Event(event)) => SearchLine::Event(event.into_iter().collect()),
            Ok(SearchEvent::Progress(progress)) => SearchLine::Progress(SearchProgress {
                files_done: progress.files_done as u64,
                files_total: progress.files_total as u64,
                rows_scanned: progress.rows_scanned,
            }),
            Ok(SearchEvent::Done(done)) => SearchLine::Done(SearchDone {
                matched: done.matched,
                elapsed_ms: elapsed_ms(begin),
                truncated: done.truncated,
            }),
            Err(error) => {
                let error = refusal(error);
                SearchLine::Error(SearchProblem {
                    code: error.code().to_owned(),
                    message: error.message().to_owned(),
                    column: error.column(),
                })
            }
        };
        // The lines hold text, numbers and maps with text keys: they always have a JSON form.
        let line = serde_json::to_string(&line).unwrap_or_default();
        format!("{line}\n")
    })
}

fn stream(
    content_type: &'static str,
    file: Option<&str>,
    lines: impl Stream<Item = String> + Send + 'static,
) -> Response {
    let bytes = lines.map(|line| Ok::<_, std::convert::Infallible>(Bytes::from(line)));
    let mut response = HttpBody::from_stream(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    if let Some(file) = file {
        let value = format!("attachment; filename=\"{file}\"");
        if let Ok(value) = value.parse() {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    response
}

/// Longest name of a running search, in bytes.
const SEARCH_ID_BYTES_MAX: usize = 64;
/// Most events or rows of one answer; an export has a bound of its own.
const ROWS_MAX: u32 = 10_000;
/// Most events of one export.
const EXPORT_ROWS_MAX: usize = 1_000_000;
/// Most buckets of a histogram.
const BUCKETS_MAX: u32 = 500;

fn parse(text: &str) -> ApiResult<query::Query> {
    query::parse(text).map_err(|error| {
        let column = u32::try_from(error.column).ok();
        let message = match &error.hint {
            Some(hint) => format!("{}; {hint}", error.message),
            None => error.message.clone(),
        };
        ApiError::bad_query(message, column)
    })
}

fn check_range(from: Timestamp, to: Timestamp) -> ApiResult<()> {
    if from < to {
        return Ok(());
    }
    Err(ApiError::invalid("`from` must lie before `to`"))
}

fn check_limit(limit: u32) -> ApiResult<()> {
    if (1..=ROWS_MAX).contains(&limit) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "`limit`: {limit} is not between 1 and {ROWS_MAX}"
    )))
}

fn refusal(error: LakeError) -> ApiError {
    match error {
        LakeError::Sql(message) => ApiError::bad_query(message, None),
        LakeError::Cancelled => ApiError::cancelled(),
        other => ApiError::internal(other),
    }
}

fn elapsed_ms(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Leaves that somebody took data out: what was asked, in the journal before the answer begins.
async fn journal(app: &App, actor: Actor, action: &str, change: Value) -> ApiResult<()> {
    let mut tx = app.store.begin().await?;
    tx.leaf(&Leaf {
        at: app.now(),
        actor: actor.id,
        action: action.to_owned(),
        object: "lake:events".to_owned(),
        change,
        reason: None,
        edition: None,
    })
    .await?;
    tx.commit().await?;
    Ok(())
}

/// The search was told to stop.
#[utoipa::path(
    delete,
    path = "/search/{search_id}",
    tag = "search",
    operation_id = "search_cancel",
    params(("search_id" = String, Path)),
    responses((status = NO_CONTENT, description = "The search was told to stop"))
)]
async fn cancel(
    State(app): State<App>,
    who: Who,
    Path(search_id): Path<String>,
) -> ApiResult<StatusCode> {
    if app.searches().stop(&who.login, &search_id) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::not_found(format!(
        "no search `{search_id}` of yours runs"
    )))
}

/// How many events match, over time.
#[utoipa::path(
    post,
    path = "/search/histogram",
    tag = "search",
    operation_id = "search_histogram",
    request_body = HistogramRequest,
    responses((status = OK, description = "How many events match, over time", body = Histogram))
)]
async fn histogram(
    State(app): State<App>,
    Body(body): Body<HistogramRequest>,
) -> ApiResult<Json<Histogram>> {
    let query = parse(&body.query)?;
    check_range(body.from, body.to)?;
    if !(1..=BUCKETS_MAX).contains(&body.buckets) {
        return Err(ApiError::invalid(format!(
            "`buckets`: use 1 to {BUCKETS_MAX}"
        )));
    }
    let counted = app
        .lake
        .histogram(&query, body.from, body.to, body.buckets as usize)
        .await
        .map_err(refusal)?;
    let total = counted.iter().map(|(_, count)| count).sum();
    let buckets = counted
        .into_iter()
        .map(|(time, count)| Bucket { time, count })
        .collect();
    Ok(Json(Histogram { buckets, total }))
}

/// The fields of the matching events and their commonest values.
#[utoipa::path(
    post,
    path = "/search/fields",
    tag = "search",
    operation_id = "search_fields",
    request_body = FieldsRequest,
    responses((status = OK, description = "The fields of the matching events and their commonest values", body = Fields))
)]
async fn fields(
    State(app): State<App>,
    Body(body): Body<FieldsRequest>,
) -> ApiResult<Json<Fields>> {
    let query = parse(&body.query)?;
    check_range(body.from, body.to)?;
    let found = app
        .lake
        .field_summary(&query, Some(body.from), Some(body.to))
        .await
        .map_err(refusal)?;
    let fields = found
        .into_iter()
        .map(|field| FieldSummary {
            name: field.name,
            present: field.present,
            top: field
                .top
                .into_iter()
                .map(|(value, count)| ValueCount { value, count })
                .collect(),
        })
        .collect();
    Ok(Json(Fields { fields }))
}

/// All matching events as a file.
#[utoipa::path(
    get,
    path = "/search/export",
    tag = "search",
    operation_id = "search_export",
    params(ExportQuery),
    responses((status = OK, description = "All matching events as a file", body = String, content_type = "application/x-ndjson"))
)]
async fn export(
    State(app): State<App>,
    who: Who,
    Query(asked): Query<ExportQuery>,
) -> ApiResult<Response> {
    let query = parse(&asked.query)?;
    check_range(asked.from, asked.to)?;
    let change = json!({"query": asked.query, "from": asked.from, "to": asked.to});
    journal(&app, who.actor(), "events.exported", change).await?;
    let found = app.lake.search(saqshy_lake::SearchRequest {
        query,
        from: Some(asked.from),
        to: Some(asked.to),
        limit: EXPORT_ROWS_MAX,
        newest_first: true,
    });
    Ok(match asked.format {
        ExportFormat::Ndjson => {
            let lines = found.filter_map(|message| async move {
                let event = event_of(message)?;
                Some(format!("{}\n", Value::Object(event)))
            });
            stream("application/x-ndjson", Some("events.ndjson"), lines)
        }
        ExportFormat::Csv => {
            let names = app.lake.field_names();
            let head = csv_line(names.iter().map(String::as_str));
            let rows = found.filter_map(move |message| {
                let line = event_of(message).map(|event| {
                    let cells: Vec<String> =
                        names.iter().map(|name| cell(event.get(name))).collect();
                    csv_line(cells.iter().map(String::as_str))
                });
                async move { line }
            });
            let lines = futures::stream::once(async move { head }).chain(rows);
            stream("text/csv; charset=utf-8", Some("events.csv"), lines)
        }
    })
}

/// An export that fails in the middle ends there; the cause is in the log.
fn event_of(message: Result<SearchEvent, LakeError>) -> Option<Map<String, Value>> {
    match message {
        Ok(SearchEvent::Event(event)) => Some(event),
        Ok(_) => None,
        Err(error) => {
            tracing::error!("an export ended early: {:#}", anyhow::Error::new(error));
            None
        }
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe in front.
fn csv_line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            line.push(',');
        }
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if formula || cell.contains(['"', ',', '\n', '\r']) {
            line.push('"');
            if formula {
                line.push('\'');
            }
            line.push_str(&cell.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(cell);
        }
    }
    line.push_str("\r\n");
    line
}

/// One event as a flat object with dotted field names.
#[utoipa::path(
    get,
    path = "/events/{id}",
    tag = "search",
    operation_id = "search_event",
    params(("id" = String, Path)),
    responses((status = OK, description = "One event as a flat object with dotted field names", body = HashMap<String, Value>))
)]
async fn event(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Response> {
    match app.lake.event(&id).await.map_err(refusal)? {
        Some(event) => Ok(Json(event).into_response()),
        None => Err(ApiError::not_found(format!("no event `{id}`"))),
    }
}

/// The rows of one read-only statement over the table `events`.
#[utoipa::path(
    post,
    path = "/sql",
    tag = "search",
    operation_id = "search_sql",
    request_body = SqlRequest,
    responses((status = OK, description = "The rows of one read-only statement over the table `events`", body = SqlAnswer))
)]
async fn sql(
    State(app): State<App>,
    who: Who,
    Body(body): Body<SqlRequest>,
) -> ApiResult<Json<SqlAnswer>> {
    let begin = Instant::now();
    check_limit(body.limit)?;
    let mut running = app
        .lake
        .sql(&body.sql, body.limit as usize)
        .await
        .map_err(refusal)?;
    let change = json!({"sql": body.sql.chars().take(SQL_KEPT_CHARS).collect::<String>()});
    journal(&app, who.actor(), "events.sql", change).await?;
    let mut rows = Vec::new();
    while let Some(some) = running.next().await {
        rows.extend(some.map_err(refusal)?);
    }
    let columns = running
        .columns()
        .iter()
        .map(|column| SqlColumn {
            name: column.name.clone(),
            kind: column.kind.clone(),
        })
        .collect();
    let truncated = running.truncated();
    Ok(Json(SqlAnswer {
        columns,
        rows,
        truncated,
        elapsed_ms: elapsed_ms(begin),
    }))
}

/// Characters of a statement that the journal keeps.
const SQL_KEPT_CHARS: usize = 4_000;

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::SearchRead, routes!(search))
        .read(Permission::SearchRead, routes!(cancel))
        .read(Permission::SearchRead, routes!(histogram))
        .read(Permission::SearchRead, routes!(fields))
        .write(Permission::ExportRead, routes!(export))
        .read(Permission::SearchRead, routes!(event))
        .write(Permission::SqlRead, routes!(sql))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_a_spreadsheet_is_quoted_and_never_a_formula() {
        let cells = ["plain", "a,b", "say \"no\"", "=cmd|' /C calc'!A0", ""];
        assert_eq!(
            csv_line(cells.into_iter()),
            "plain,\"a,b\",\"say \"\"no\"\"\",\"'=cmd|' /C calc'!A0\",\r\n"
        );
    }

    #[test]
    fn a_wrong_query_says_where() {
        let error = parse("user.name:(a or").unwrap_err();
        assert_eq!(error.code(), "bad_query");
        assert!(error.column().is_some());
    }
}
