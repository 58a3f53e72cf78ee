//! The law as data: packs, editions, calendars.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::Text3;
use crate::App;
use crate::access::Permission;
use crate::http::{Api, ApiResult};

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
    pub bearer_title: Text3,
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
async fn packs(State(app): State<App>) -> ApiResult<Json<LawPacks>> {
    let law = &app.law;
    let years = law.calendar.years().map(|year| CalendarYear {
        year: year.year,
        provisional: year.provisional,
    });
    Ok(Json(LawPacks {
        packs: law
            .packs
            .iter()
            .map(|one| pack(one, &law.profile))
            .collect(),
        calendar: LawCalendar {
            years: years.collect(),
        },
    }))
}

fn pack(pack: &saqshy_law::Pack, profile: &saqshy_law::Profile) -> LawPack {
    let editions = pack.editions.iter().map(|edition| LawEdition {
        id: edition.id.clone(),
        from: pack.in_force(edition, &profile.settings).to_string(),
    });
    let duties = pack.duties.iter().map(|duty| LawDuty {
        id: duty.id.clone(),
        clause: duty.clause.clone(),
        title: duty.title.clone().into(),
        bearer: duty.bearer.clone(),
        bearer_title: pack.party_title(&duty.bearer).into(),
        own: profile.is(pack, &duty.bearer),
    });
    LawPack {
        id: pack.id.clone(),
        title: pack.title.clone().into(),
        editions: editions.collect(),
        known_until: Some(pack.known_until.to_string()),
        duties: duties.collect(),
    }
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::LawRead, routes!(packs))
}
