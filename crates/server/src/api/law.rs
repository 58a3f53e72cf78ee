//! The law as data: packs, editions, calendars.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::Text3;
use crate::App;
use crate::access::Permission;
use crate::http::{Api, ApiError, ApiResult};

#[derive(Serialize, ToSchema)]
pub struct LawPacks {
    pub packs: Vec<LawPack>,
    pub calendar: LawCalendar,
}

#[derive(Serialize, ToSchema)]
pub struct LawPack {
    pub id: String,
    pub title: Text3,
    pub editions: Vec<LawEdition>,
    /// The day up to which the editions are known, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_until: Option<String>,
    pub duties: Vec<LawDuty>,
}

#[derive(Serialize, ToSchema)]
pub struct LawEdition {
    pub id: String,
    /// First day in force, `YYYY-MM-DD`.
    pub from: String,
}

#[derive(Serialize, ToSchema)]
pub struct LawDuty {
    pub id: String,
    pub clause: String,
    pub title: Text3,
    pub bearer: String,
    /// The duty binds this organisation.
    pub own: bool,
}

#[derive(Serialize, ToSchema)]
pub struct LawCalendar {
    pub years: Vec<CalendarYear>,
}

#[derive(Serialize, ToSchema)]
pub struct CalendarYear {
    pub year: i16,
    /// The year's moved days are not published yet.
    pub provisional: bool,
}

/// Law packs in service and the calendar.
#[utoipa::path(
    get,
    path = "/law/packs",
    tag = "law",
    operation_id = "law_packs",
    responses((status = OK, description = "Law packs in service and the calendar", body = LawPacks))
)]
async fn packs() -> ApiResult<Json<LawPacks>> {
    Err(ApiError::busy())
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::LawRead, routes!(packs))
}
