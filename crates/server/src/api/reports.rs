//! Reports over a period: on the screen with the cases behind each figure, and as kept files.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use saqshy_casework::{self as casework, Ctx, NewReport};
use saqshy_dispatch::{Block, Document, Format, render};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::notices::{download, format, language, refused};
use super::wire::{Names, Text3};
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Body, Query};
use crate::papers::file_document;
use crate::papers::reports::{Kind, make};

#[derive(Serialize, ToSchema)]
pub struct ReportList {
    /// The reports that can be made.
    pub kinds: Vec<ReportKind>,
    /// Those that were made, newest first.
    pub reports: Vec<Report>,
}

#[derive(Serialize, ToSchema)]
pub struct ReportKind {
    /// For example `register`.
    pub id: String,
    pub title: Text3,
    /// Clauses that it answers.
    pub clauses: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Report {
    pub id: String,
    /// For example `REP-2026-0003`.
    pub number: String,
    pub kind: String,
    pub from: Timestamp,
    /// The moment after the period's last.
    pub to: Timestamp,
    pub language: String,
    pub format: String,
    pub sha256: String,
    /// How many cases are behind it.
    pub cases: u64,
    pub made_at: Timestamp,
    pub made_by: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// For example `register`.
    pub kind: String,
    pub from: Timestamp,
    /// The moment after the period's last.
    pub to: Timestamp,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReportRequest {
    /// For example `register`.
    pub kind: String,
    pub from: Timestamp,
    /// The moment after the period's last.
    pub to: Timestamp,
    /// `kk`, `ru`, `en` or `kk-ru`.
    pub language: String,
    /// `pdf`, `docx`, `xlsx` or `json`.
    pub format: String,
}

/// A report as the console shows it.
#[derive(Serialize, ToSchema)]
pub struct ReportView {
    pub title: Text3,
    pub subtitle: Text3,
    pub parts: Vec<ReportPart>,
}

/// A heading, a paragraph, or a table.
#[derive(Default, Serialize, ToSchema)]
pub struct ReportPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heading: Option<Text3>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paragraph: Option<Text3>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<ReportTable>,
}

#[derive(Serialize, ToSchema)]
pub struct ReportTable {
    pub id: String,
    pub title: Text3,
    pub columns: Vec<Text3>,
    pub rows: Vec<Vec<ReportCell>>,
    /// What to say when there are no rows.
    pub empty: Text3,
}

#[derive(Serialize, ToSchema)]
pub struct ReportCell {
    pub text: Text3,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// The cases that the figure was counted from.
    pub cases: Vec<ReportCase>,
    /// Page of the console that lists what the figure counts, where these are no cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ReportCase {
    pub id: String,
    pub number: String,
}

/// The annex stays out: on the screen each figure leads to its cases itself.
fn view(document: Document) -> ReportView {
    let parts = document.blocks.into_iter().filter_map(|block| match block {
        Block::Heading { text } => Some(ReportPart {
            heading: Some(text.into()),
            ..ReportPart::default()
        }),
        Block::Paragraph { text } => Some(ReportPart {
            paragraph: Some(text.into()),
            ..ReportPart::default()
        }),
        Block::Table(table) => Some(ReportPart {
            table: Some(ReportTable::of(table)),
            ..ReportPart::default()
        }),
        Block::Fields { .. } | Block::Link { .. } => None,
    });
    ReportView {
        title: document.title.into(),
        subtitle: document.subtitle.into(),
        parts: parts.collect(),
    }
}

impl ReportTable {
    fn of(table: saqshy_dispatch::Table) -> Self {
        let columns = table.columns.into_iter();
        let rows = table.rows.into_iter();
        let cell = |cell: saqshy_dispatch::Cell| ReportCell {
            text: cell.text.into(),
            number: cell.number,
            page: cell.page,
            cases: cell
                .cases
                .into_iter()
                .map(|case| ReportCase {
                    id: case.id,
                    number: case.number,
                })
                .collect(),
        };
        Self {
            id: table.id,
            title: table.title.into(),
            columns: columns.map(|column| column.title.into()).collect(),
            rows: rows
                .map(|row| row.into_iter().map(cell).collect())
                .collect(),
            empty: table.empty.into(),
        }
    }
}

impl Report {
    fn of(report: casework::Report, names: &Names) -> Self {
        Self {
            id: report.id,
            number: report.number,
            kind: report.kind,
            from: report.from,
            to: report.to,
            language: report.language,
            format: report.format,
            sha256: report.sha256,
            cases: report.cases,
            made_at: report.made_at,
            made_by: names.name(report.made_by),
        }
    }
}

fn kind(word: &str) -> ApiResult<Kind> {
    let known = Kind::ALL.map(Kind::word).join(", ");
    Kind::parse(word)
        .ok_or_else(|| ApiError::bad_request(format!("`kind`: `{word}` is none of {known}")))
}

fn period(from: Timestamp, to: Timestamp) -> ApiResult<(Timestamp, Timestamp)> {
    match from < to {
        true => Ok((from, to)),
        false => Err(ApiError::bad_request("`to` must be later than `from`")),
    }
}

/// What can be reported, and what was.
#[utoipa::path(
    get,
    path = "/reports",
    tag = "reports",
    operation_id = "reports_list",
    responses((status = OK, description = "What can be reported, and what was", body = ReportList))
)]
async fn list(State(app): State<App>) -> ApiResult<Json<ReportList>> {
    let names = Names::of(&app).await?;
    let mut kinds = Vec::new();
    for kind in Kind::ALL {
        kinds.push(ReportKind {
            id: kind.word().to_owned(),
            title: kind.title().map_err(ApiError::internal)?.into(),
            clauses: kind.clauses().iter().map(|&c| c.to_owned()).collect(),
        });
    }
    let reports = app.store.reports(200).await?.into_iter();
    Ok(Json(ReportList {
        kinds,
        reports: reports.map(|report| Report::of(report, &names)).collect(),
    }))
}

/// A report with the cases behind each figure; nothing is kept.
#[utoipa::path(
    get,
    path = "/reports/preview",
    tag = "reports",
    operation_id = "reports_preview",
    params(ReportQuery),
    responses((status = OK, description = "A report with the cases behind each figure", body = ReportView))
)]
async fn preview(
    State(app): State<App>,
    who: Who,
    Query(query): Query<ReportQuery>,
) -> ApiResult<Json<ReportView>> {
    let (kind, period) = (kind(&query.kind)?, period(query.from, query.to)?);
    let made = make(&app, &who.actor(), kind, "", period).await;
    Ok(Json(view(made.map_err(refused)?.document)))
}

/// The report that was made and kept.
#[utoipa::path(
    post,
    path = "/reports",
    tag = "reports",
    operation_id = "reports_make",
    request_body = NewReportRequest,
    responses((status = CREATED, description = "The report that was made and kept", body = Report))
)]
async fn create(
    State(app): State<App>,
    who: Who,
    Body(body): Body<NewReportRequest>,
) -> ApiResult<(StatusCode, Json<Report>)> {
    let (kind, period) = (kind(&body.kind)?, period(body.from, body.to)?);
    let (lang, format) = (language(&body.language)?, format(&body.format)?);
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let year = ctx.now.to_zoned(app.law.zone()).year();
    // The number is taken first and the file is made with it; two at once would take the same one,
    // and the second is then refused by the database.
    let mut tx = app.store.begin().await?;
    let number = format!("REP-{year}-{:04}", tx.next_report(year).await?);
    drop(tx);
    let made = make(&app, &actor, kind, &number, period).await;
    let made = made.map_err(refused)?;
    let document = made.document;
    let file = tokio::task::spawn_blocking(move || render(&document, lang, format))
        .await
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)?;
    file_document(&app, &file)
        .await
        .map_err(ApiError::internal)?;
    let mut tx = app.store.begin().await?;
    let new = NewReport {
        kind: kind.word(),
        clauses: kind.clauses(),
        number: &number,
        from: period.0,
        to: period.1,
        language: lang.code(),
        format: format.extension(),
        media_type: format.media_type(),
        body: &file.bytes,
        cases: &made.cases,
    };
    let report = tx.keep_report(&ctx, &new).await?;
    tx.commit().await?;
    let names = Names::of(&app).await?;
    Ok((StatusCode::CREATED, Json(Report::of(report, &names))))
}

/// The file of a report.
#[utoipa::path(
    get,
    path = "/reports/{id}/document",
    tag = "reports",
    operation_id = "reports_document",
    params(("id" = String, Path)),
    responses((status = OK, description = "The file of a report", body = Vec<u8>, content_type = "application/octet-stream"))
)]
async fn document(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Response> {
    let report = app.store.report(&id).await?;
    let document = app.store.document(&report.sha256).await?;
    let format = Format::parse(&report.format).unwrap_or(Format::Json);
    Ok(download(format, &report.number, document.body))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::ReportsRead, routes!(list))
        .read(Permission::ReportsRead, routes!(preview))
        .read(Permission::ReportsRead, routes!(document))
        .write(Permission::ReportsWrite, routes!(create))
}
