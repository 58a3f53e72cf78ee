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
    /// What was and was not checked.
    pub known_until_note: Text3,
    /// Amendments that are known and not worked in.
    pub amendments: Vec<LawAmendment>,
    /// Each duty in its newest wording.
    pub duties: Vec<LawDuty>,
    /// Each clause in its newest wording, and what serves it.
    pub clauses: Vec<LawClause>,
    /// Records that the act asks for.
    pub registers: Vec<LawRegister>,
    /// Lists of checks.
    pub checklists: Vec<LawChecklist>,
}

#[derive(Serialize, ToSchema)]
pub struct LawRegister {
    pub id: String,
    pub title: Text3,
    /// Headings of the form, in order.
    pub fields: Vec<LawField>,
    /// Returning duties that review it.
    pub review: Vec<String>,
    /// It holds personal or confidential data.
    pub restricted: bool,
    /// The act prescribes the fields; otherwise the form is ours.
    pub prescribed: bool,
}

#[derive(Serialize, ToSchema)]
pub struct LawField {
    pub title: Text3,
    pub required: bool,
}

#[derive(Serialize, ToSchema)]
pub struct LawChecklist {
    pub id: String,
    pub title: Text3,
    pub items: Vec<LawField>,
}

#[derive(Serialize, ToSchema)]
pub struct LawAmendment {
    pub id: String,
    pub title: Text3,
    /// Day of signature, `YYYY-MM-DD`.
    pub signed: String,
    pub note: Text3,
}

#[derive(Serialize, ToSchema)]
pub struct LawClause {
    pub id: String,
    pub title: Text3,
    /// `duty`, `periodic`, `record`, `check`, `access`, `scope` or `outside`.
    pub served: String,
    /// The program acts on it already.
    pub built: bool,
    /// What serves it in the pack, with its kind: `register:r90.roles`.
    pub items: Vec<String>,
    /// Page of the console that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Why it is outside the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text3>,
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
    let newest = pack.duties.iter().filter(|duty| {
        pack.duty(&duty.id)
            .is_some_and(|d| d.editions == duty.editions)
    });
    let duties = newest.map(|duty| LawDuty {
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
        known_until_note: pack.known_until_note.clone().into(),
        amendments: pack.amendments.iter().map(amendment).collect(),
        duties: duties.collect(),
        clauses: clauses(pack),
        registers: pack
            .registers
            .iter()
            .map(|one| register(pack, one))
            .collect(),
        checklists: pack.checklists.iter().map(checklist).collect(),
    }
}

fn register(pack: &saqshy_law::Pack, register: &saqshy_law::Register) -> LawRegister {
    let field = |id: &String| {
        let known = pack.fields.iter().find(|field| field.id == *id);
        LawField {
            title: known.map_or_else(
                || saqshy_law::Text3::same(id.as_str()).into(),
                |field| field.title.clone().into(),
            ),
            required: register.required.contains(id),
        }
    };
    LawRegister {
        id: register.id.clone(),
        title: register.title.clone().into(),
        fields: register.fields.iter().map(field).collect(),
        review: register.review.clone(),
        restricted: register.restricted,
        prescribed: register.prescribed,
    }
}

fn checklist(list: &saqshy_law::Checklist) -> LawChecklist {
    let item = |item: &saqshy_law::CheckItem| LawField {
        title: item.title.clone().into(),
        required: item.required,
    };
    LawChecklist {
        id: list.id.clone(),
        title: list.title.clone().into(),
        items: list.items.iter().map(item).collect(),
    }
}

fn amendment(amendment: &saqshy_law::Amendment) -> LawAmendment {
    LawAmendment {
        id: amendment.id.clone(),
        title: amendment.title.clone().into(),
        signed: amendment.signed.to_string(),
        note: amendment.note.clone().into(),
    }
}

fn clauses(pack: &saqshy_law::Pack) -> Vec<LawClause> {
    let newest = pack.clauses.iter().filter(|clause| {
        let newest = pack.clause(&clause.id);
        newest.is_some_and(|c| c.editions == clause.editions)
    });
    let clauses = newest.map(|clause| LawClause {
        id: clause.id.clone(),
        title: clause.title.clone().into(),
        served: clause.served.word().to_owned(),
        built: clause.status == saqshy_law::Status::Built,
        items: clause.items(),
        page: clause.page.clone(),
        reason: clause.reason.clone().map(Text3::from),
    });
    clauses.collect()
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::LawRead, routes!(packs))
}
