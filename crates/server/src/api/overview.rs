//! The first page: what happens now and what is due next.

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::wire::{Bucket, ClockRow, LevelCounts};
use crate::App;
use crate::access::Permission;
use crate::http::{Api, ApiError, ApiResult};

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
    /// Alerts first seen in the interval.
    pub alerts_by_level: LevelCounts,
    pub incidents_open: u64,
    /// Running and overdue clocks of open incidents, the nearest due first, at most 20.
    pub clocks_next: Vec<ClockRow>,
    pub sources: SourceCounts,
    pub journal: JournalState,
}

/// A source is silent when nothing arrived from it for a day.
#[derive(Serialize, ToSchema)]
pub struct SourceCounts {
    pub active: u64,
    pub silent: u64,
}

#[derive(Serialize, ToSchema)]
pub struct JournalState {
    /// Leaves under the last signed checkpoint.
    pub size: u64,
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
async fn overview() -> ApiResult<Json<Overview>> {
    Err(ApiError::busy())
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::OverviewRead, routes!(overview))
}
