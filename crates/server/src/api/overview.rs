//! The first page: what happens now and what is due next.

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::shifts::{Due, DueKind, due_for};
use super::wire::{Bucket, Clock, ClockRow, LevelCounts};
use crate::App;
use crate::access::{Permission, Who};
use crate::http::{Api, ApiError, ApiResult, Query};
use crate::runtime::source_rows;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OverviewQuery {
    pub from: Timestamp,
    pub to: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub struct Overview {
    pub event_rate: Vec<Bucket>,
    pub events_total: u64,
    /// Alerts whose latest hit lies in the interval.
    pub alerts_by_level: LevelCounts,
    pub incidents_open: u64,
    /// Running and overdue clocks of open incidents, the nearest due first, at most 20.
    pub clocks_next: Vec<ClockRow>,
    /// What else is due: tasks, recommendations, changed contacts, returning duties; the nearest
    /// first, at most 20. Empty for who may not read incidents.
    pub due_next: Vec<Due>,
    pub sources: SourceCounts,
    pub journal: JournalState,
}

/// Enabled sources. One is silent when nothing arrived from it for 15 minutes.
#[derive(Serialize, ToSchema)]
pub struct SourceCounts {
    pub active: u64,
    pub silent: u64,
}

#[derive(Serialize, ToSchema)]
pub struct JournalState {
    /// Leaves under the last signed checkpoint.
    pub size: u64,
    /// Time of the newest of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_time: Option<Timestamp>,
}

/// What happens now and what is due next.
#[utoipa::path(
    get,
    path = "/overview",
    tag = "overview",
    operation_id = "overview_overview",
    params(OverviewQuery),
    responses((status = OK, description = "What happens now and what is due next", body = Overview))
)]
async fn overview(
    State(app): State<App>,
    who: Who,
    Query(query): Query<OverviewQuery>,
) -> ApiResult<Json<Overview>> {
    let (from, to, now) = (query.from, query.to, app.now());
    if from >= to {
        return Err(ApiError::bad_request("`from` must be earlier than `to`"));
    }
    let everything = saqshy_lake::query::Query::all();
    let rate = app
        .lake
        .histogram(&everything, from, to, BUCKETS)
        .await
        .map_err(ApiError::internal)?;
    let event_rate: Vec<Bucket> = rate
        .into_iter()
        .map(|(time, count)| Bucket { time, count })
        .collect();
    let mut alerts_by_level = LevelCounts::default();
    for (level, count) in app.store.alerts_by_level(from, to).await? {
        use saqshy_casework::Level;
        match level {
            Level::Critical => alerts_by_level.critical = count,
            Level::High => alerts_by_level.high = count,
            Level::Medium => alerts_by_level.medium = count,
            Level::Low => alerts_by_level.low = count,
            Level::Informational => alerts_by_level.informational = count,
        }
    }
    let person = who.actor().id;
    let mut clocks = Vec::new();
    for row in app.store.clocks_next(&app.law, now, CLOCKS).await? {
        let (incident, duty) = (&row.incident_id, &row.clock.duty);
        if !app.store.hides(&app.law, incident, duty, &person).await? {
            clocks.push(row);
        }
    }
    let clocks_next = clocks.into_iter().map(|row| ClockRow {
        clock: Clock::of(&row.incident_id, row.clock, &app.law),
        incident_id: row.incident_id,
        incident_number: row.incident_number,
        incident_title: row.incident_title,
    });
    let mut due_next = Vec::new();
    if who.permissions.contains(&Permission::IncidentsRead) {
        due_next = due_for(&app, &who, DUE_READ).await?;
        due_next.retain(|due| !matches!(due.kind, DueKind::Clock));
        due_next.truncate(CLOCKS);
    }
    Ok(Json(Overview {
        events_total: event_rate.iter().map(|bucket| bucket.count).sum(),
        event_rate,
        alerts_by_level,
        incidents_open: app.store.incidents_open().await?,
        clocks_next: clocks_next.collect(),
        due_next,
        sources: sources(&app, now).await?,
        journal: journal(&app).await?,
    }))
}

/// Spans that the interval is counted in.
const BUCKETS: usize = 60;
const CLOCKS: usize = 20;
const DUE_READ: usize = 1000;
const SILENT_AFTER: SignedDuration = SignedDuration::from_mins(15);

async fn sources(app: &App, now: Timestamp) -> ApiResult<SourceCounts> {
    let mut counts = SourceCounts {
        active: 0,
        silent: 0,
    };
    for row in source_rows(app).await? {
        // `_unauthorised` and the like are counters of the ledger, not senders.
        if !row.enabled || row.id.starts_with('_') {
            continue;
        }
        let heard = row
            .last_seen
            .is_some_and(|seen| now.duration_since(seen) < SILENT_AFTER);
        match heard {
            true => counts.active += 1,
            false => counts.silent += 1,
        }
    }
    Ok(counts)
}

async fn journal(app: &App) -> ApiResult<JournalState> {
    let size = app.journal.size();
    let newest = match size.checked_sub(1) {
        Some(index) => app.store.leaves_from(index, 1).await?.pop(),
        None => None,
    };
    let leaf = newest.and_then(|(_, body)| saqshy_journal::Leaf::parse(&body).ok());
    Ok(JournalState {
        size,
        checkpoint_time: leaf.map(|leaf| leaf.at),
    })
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::OverviewRead, routes!(overview))
}
