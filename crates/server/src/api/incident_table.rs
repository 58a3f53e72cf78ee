//! The organisation's own table: events that need an immediate reaction, classes, priorities.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_casework as casework;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::App;
use crate::access::{Permission, Who};
use crate::api::wire::{Level, Severity, Text3, change, list, wire};
use crate::http::{Api, ApiResult, Body};

/// The table.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentTable {
    pub categories: Vec<TableCategory>,
    #[serde(default)]
    pub events: Vec<TableEvent>,
    /// What is to be confirmed before a case is closed.
    #[serde(default)]
    pub closing: Vec<TableCheck>,
}

/// A class of incidents.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TableCategory {
    pub id: String,
    pub title: Text3,
    /// 1 (first) to 4.
    pub priority: u8,
    /// Id of the playbook that is its standard procedure.
    #[serde(default)]
    pub procedure: Option<String>,
}

/// An event that needs an immediate reaction.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TableEvent {
    pub id: String,
    pub title: Text3,
    /// Detection rules that see it; any of them.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Tags that a rule of it has; any of them.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Alerts of this level or higher.
    #[serde(default)]
    pub level: Option<Level>,
    pub category: String,
    pub severity: Severity,
    /// Measures to take.
    #[serde(default)]
    pub measures: String,
    #[serde(default)]
    pub sources: String,
    /// How often, in which order and how it is watched.
    #[serde(default)]
    pub monitoring: String,
}

/// A point of the closing check list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TableCheck {
    pub id: String,
    pub title: Text3,
}

impl From<IncidentTable> for casework::IncidentTable {
    fn from(table: IncidentTable) -> Self {
        let category = |row: TableCategory| casework::TableCategory {
            id: row.id,
            title: row.title.into(),
            priority: row.priority,
            procedure: row.procedure,
        };
        let event = |row: TableEvent| casework::TableEvent {
            id: row.id,
            title: row.title.into(),
            rules: row.rules,
            tags: row.tags,
            level: row.level.map(Into::into),
            category: row.category,
            severity: row.severity.into(),
            measures: row.measures,
            sources: row.sources,
            monitoring: row.monitoring,
        };
        let check = |row: TableCheck| casework::CheckItem {
            id: row.id,
            title: row.title.into(),
        };
        Self {
            categories: table.categories.into_iter().map(category).collect(),
            events: table.events.into_iter().map(event).collect(),
            closing: table.closing.into_iter().map(check).collect(),
        }
    }
}

impl From<casework::IncidentTable> for IncidentTable {
    fn from(table: casework::IncidentTable) -> Self {
        let category = |row: casework::TableCategory| TableCategory {
            id: row.id,
            title: row.title.into(),
            priority: row.priority,
            procedure: row.procedure,
        };
        let event = |row: casework::TableEvent| TableEvent {
            id: row.id,
            title: row.title.into(),
            rules: row.rules,
            tags: row.tags,
            level: row.level.map(Into::into),
            category: row.category,
            severity: row.severity.into(),
            measures: row.measures,
            sources: row.sources,
            monitoring: row.monitoring,
        };
        let check = |row: casework::CheckItem| TableCheck {
            id: row.id,
            title: row.title.into(),
        };
        Self {
            categories: table.categories.into_iter().map(category).collect(),
            events: table.events.into_iter().map(event).collect(),
            closing: table.closing.into_iter().map(check).collect(),
        }
    }
}

wire! {
    /// A version of the table.
    TableVersion(row: casework::TableVersion) {
        version: i64,
        adopted_at: Timestamp,
        adopted_by: String,
        reason: String,
        sha256: String,
        table: IncidentTable,
    }
}

wire! {
    /// A review that left the table as it was.
    TableReview(row: casework::TableReview) {
        version: i64,
        reviewed_at: Timestamp,
        reviewed_by: String,
        note: String,
    }
}

#[derive(Serialize, ToSchema)]
pub struct TableHistory {
    /// The newest first.
    pub versions: Vec<TableVersion>,
    pub reviews: Vec<TableReview>,
    /// When the next review is due at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Timestamp>,
}

/// A new version of the table.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TableAdoption {
    pub table: IncidentTable,
    pub reason: String,
    /// The version that this one was made from; 0 for the first.
    pub version: i64,
}

/// The table was looked through.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTableReview {
    pub note: String,
    pub version: i64,
}

/// Every version of the table and when it must be reviewed.
#[utoipa::path(
    get,
    path = "/incident-table",
    tag = "incident table",
    operation_id = "incident_table_history",
    responses((status = OK, description = "Every version of the table and when it must be reviewed", body = TableHistory))
)]
async fn history(State(app): State<App>) -> ApiResult<Json<TableHistory>> {
    let history = app.store.incident_tables(&app.law.zone()).await?;
    Ok(Json(TableHistory {
        versions: list(history.versions),
        reviews: list(history.reviews),
        review_due: history.review_due,
    }))
}

/// The version that is in force now.
#[utoipa::path(
    put,
    path = "/incident-table",
    tag = "incident table",
    operation_id = "incident_table_adopt",
    request_body = TableAdoption,
    responses((status = OK, description = "The version that is in force now", body = TableVersion))
)]
async fn adopt(
    State(app): State<App>,
    who: Who,
    Body(body): Body<TableAdoption>,
) -> ApiResult<Json<TableVersion>> {
    let table = body.table.into();
    let adopted = change!(app, who, |tx, ctx| {
        tx.adopt_table(ctx, &table, &body.reason, body.version)
            .await?
    });
    Ok(Json(adopted.into()))
}

/// The review is recorded.
#[utoipa::path(
    post,
    path = "/incident-table/reviews",
    tag = "incident table",
    operation_id = "incident_table_review",
    request_body = NewTableReview,
    responses((status = NO_CONTENT, description = "The review is recorded"))
)]
async fn review(
    State(app): State<App>,
    who: Who,
    Body(body): Body<NewTableReview>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.review_table(ctx, &body.note, body.version).await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::IncidentsRead, routes!(history))
        .write(Permission::IncidentTableWrite, routes!(adopt))
        .write(Permission::IncidentTableWrite, routes!(review))
}
