//! What the law asks for outside of cases: returning duties with their next date, registers, check
//! lists; who did it last, and the record of doing it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_casework as casework;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::App;
use crate::access::{Permission, Who};
use crate::api::wire::{ClockStatus, Text3, change, list, wire};
use crate::http::{Api, ApiResult, Body};

wire! {
    /// Something that was done, with what proves it.
    Done(done: casework::Done) {
        id: String,
        /// `duty:<id>`, `register:<id>` or `checklist:<id>` of a pack.
        item: String,
        /// Of a duty: `2026-W12`, `2026-03`, `2026-Q1`, `2026`.
        period: String,
        done_at: Timestamp,
        /// What proves it.
        note: String,
        saved_at: Timestamp,
        saved_by: String,
        withdrawn_at: Option<Timestamp>,
        withdrawn_by: Option<String>,
        withdrawn_why: Option<String>,
    }
}

/// A returning duty in one of its periods.
#[derive(Serialize, ToSchema)]
pub struct Periodic {
    pub duty: String,
    pub clause: String,
    pub act: String,
    pub title: Text3,
    pub own: bool,
    /// `2026-W12`, `2026-03`, `2026-Q1`, `2026`.
    pub period: String,
    pub status: ClockStatus,
    pub due: Option<Timestamp>,
    pub stopped: Option<Timestamp>,
    /// How the date was computed.
    pub steps: Vec<Text3>,
    /// The edition that it was computed under.
    pub edition: String,
    /// The calendar of a year is not published yet.
    pub provisional: bool,
}

impl From<casework::Periodic> for Periodic {
    fn from(row: casework::Periodic) -> Self {
        let clock = row.clock;
        Self {
            duty: clock.duty,
            clause: clock.clause,
            act: clock.act,
            title: clock.title.into(),
            own: clock.own,
            period: clock.period.unwrap_or_default(),
            status: clock.status.into(),
            due: clock.due,
            stopped: clock.stopped,
            steps: list(clock.steps),
            edition: clock.edition,
            provisional: clock.provisional,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct LawWork {
    /// Returning duties, each in the period that ended last and in the one that runs; the earliest
    /// due first.
    pub periodic: Vec<Periodic>,
    /// Everything that was recorded, the newest first; withdrawn records too.
    pub done: Vec<Done>,
}

/// Something that was done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDone {
    /// `duty:<id>`, `register:<id>` or `checklist:<id>` of a pack.
    pub item: String,
    /// The period of a duty.
    #[serde(default)]
    pub period: String,
    /// Now when absent.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// What proves it: a number and date, where it lies.
    pub note: String,
}

/// Why it is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DoneWithdrawal {
    pub reason: String,
}

/// Returning duties and what was done.
#[utoipa::path(
    get,
    path = "/law/work",
    tag = "law work",
    operation_id = "law_work",
    responses((status = OK, description = "Returning duties and what was done", body = LawWork))
)]
async fn work(State(app): State<App>) -> ApiResult<Json<LawWork>> {
    Ok(Json(LawWork {
        periodic: list(app.store.periodic(&app.law, app.now()).await?),
        done: list(app.store.done().await?),
    }))
}

/// The record.
#[utoipa::path(
    post,
    path = "/law/work",
    tag = "law work",
    operation_id = "law_work_record",
    request_body = NewDone,
    responses((status = CREATED, description = "The record", body = Done))
)]
async fn record(
    State(app): State<App>,
    who: Who,
    Body(body): Body<NewDone>,
) -> ApiResult<(StatusCode, Json<Done>)> {
    let at = body.at.unwrap_or_else(|| app.now());
    let done = change!(app, who, |tx, ctx| {
        tx.record_done(ctx, &body.item, &body.period, at, &body.note)
            .await?
    });
    Ok((StatusCode::CREATED, Json(done.into())))
}

/// The record, withdrawn.
#[utoipa::path(
    post,
    path = "/law/work/{id}/withdraw",
    tag = "law work",
    operation_id = "law_work_withdraw",
    request_body = DoneWithdrawal,
    params(("id" = String, Path)),
    responses((status = OK, description = "The record, withdrawn", body = Done))
)]
async fn withdraw(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<DoneWithdrawal>,
) -> ApiResult<Json<Done>> {
    let done = change!(app, who, |tx, ctx| {
        tx.withdraw_done(ctx, &id, &body.reason).await?
    });
    Ok(Json(done.into()))
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::LawRead, routes!(work))
        .write(Permission::LawRecord, routes!(record))
        .write(Permission::LawRecord, routes!(withdraw))
}
