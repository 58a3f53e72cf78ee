//! Shifts, hand-over, what is due next, and what a person is told.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_casework as casework;
use saqshy_law::Lang;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::App;
use crate::access::{Permission, Who};
use crate::api::wire::{Text3, change, list, wire, wire_words};
use crate::http::{Api, ApiResult, Body, Query};
use crate::texts::text;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DueQuery {
    /// 1 to 1000, 200 when absent.
    pub limit: Option<usize>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UnreadQuery {
    /// Leave out what was read.
    pub unread: Option<bool>,
}

wire! {
    /// Somebody's time on duty.
    Shift(shift: casework::Shift) {
        id: String,
        person: String,
        begins_at: Timestamp,
        ends_at: Timestamp,
        planned_by: String,
    }
}

wire! {
    /// A time in which nobody is on duty.
    ShiftGap(gap: casework::Gap) { from: Timestamp, to: Timestamp }
}

#[derive(Serialize, ToSchema)]
pub struct ShiftPlan {
    pub shifts: Vec<Shift>,
    pub gaps: Vec<ShiftGap>,
}

wire! {
    /// What one person on duty leaves to the next.
    HandOver(row: casework::HandOver) {
        id: String,
        from: String,
        to: String,
        note: String,
        /// Ids of the cases that go over.
        incidents: Vec<String>,
        offered_at: Timestamp,
        taken_at: Option<Timestamp>,
    }
}

#[derive(Serialize, ToSchema)]
pub struct HandOverList {
    pub hand_overs: Vec<HandOver>,
}

wire_words! {
    /// Why a person is told something.
    NotificationKind: casework::NotificationKind {
        Mention, Escalation, HandOver, Assignment, Task, Reminder,
    }
}

wire! {
    /// Something that a person is told.
    Notification(row: casework::Notification) {
        id: String,
        kind: NotificationKind,
        /// `incident:<id>`, `hand_over:<id>` and so on.
        object: String,
        text: String,
        sent_at: Timestamp,
        sent_by: String,
        read_at: Option<Timestamp>,
    }
}

#[derive(Serialize, ToSchema)]
pub struct NotificationList {
    pub notifications: Vec<Notification>,
}

/// Why something is due.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DueKind {
    Clock,
    Task,
    Contact,
    Review,
    Recommendation,
    Periodic,
}

impl From<casework::DueKind> for DueKind {
    fn from(kind: casework::DueKind) -> Self {
        match kind {
            casework::DueKind::Clock => Self::Clock,
            casework::DueKind::Task => Self::Task,
            casework::DueKind::Contact => Self::Contact,
            casework::DueKind::Review => Self::Review,
            casework::DueKind::Recommendation => Self::Recommendation,
            casework::DueKind::Periodic => Self::Periodic,
        }
    }
}

wire! {
    /// One thing that is due.
    Due(row: casework::Due) {
        uid: String,
        kind: DueKind,
        title: Text3 = titled(row.kind, row.title),
        due: Timestamp,
        /// The organisation's own; otherwise it watches somebody else's.
        own: bool,
        clause: Option<String>,
        person: Option<String>,
        incident_id: Option<String>,
        incident_number: Option<String>,
    }
}

/// The yearly review of the table has no words of its own.
fn titled(kind: casework::DueKind, title: saqshy_law::Text3) -> Text3 {
    match kind {
        casework::DueKind::Review => {
            let [kk, ru, en] = Lang::ALL.map(|lang| text(lang, "due-table-review"));
            Text3 { kk, ru, en }
        }
        _ => title.into(),
    }
}

/// What is due for `who`, the earliest first.
pub(super) async fn due_for(app: &App, who: &Who, limit: usize) -> ApiResult<Vec<Due>> {
    let actor = who.actor();
    let reader = casework::Reader {
        actor: &actor,
        investigations: who.permissions.contains(&Permission::InvestigationsRead),
    };
    Ok(list(
        app.store.due(&app.law, app.now(), reader, limit).await?,
    ))
}

#[derive(Serialize, ToSchema)]
pub struct DueList {
    pub due: Vec<Due>,
}

/// A shift to be planned.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShift {
    pub person: String,
    pub begins_at: Timestamp,
    pub ends_at: Timestamp,
}

/// Why it is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    pub reason: String,
}

/// Cases offered to another person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHandOver {
    /// Login of who takes over.
    pub to: String,
    pub note: String,
    #[serde(default)]
    pub incidents: Vec<String>,
}

/// Everything that is due, the earliest first.
#[utoipa::path(
    get,
    path = "/due",
    tag = "shifts",
    operation_id = "shifts_due",
    params(DueQuery),
    responses((status = OK, description = "Everything that is due, the earliest first", body = DueList))
)]
async fn due(
    State(app): State<App>,
    who: Who,
    Query(query): Query<DueQuery>,
) -> ApiResult<Json<DueList>> {
    let limit = query.limit.unwrap_or(200).clamp(1, 1000);
    let due = due_for(&app, &who, limit).await?;
    Ok(Json(DueList { due }))
}

/// Shifts and the gaps between them.
#[utoipa::path(
    get,
    path = "/shifts",
    tag = "shifts",
    operation_id = "shifts_shifts",
    params(Span),
    responses((status = OK, description = "Shifts and the gaps between them", body = ShiftPlan))
)]
async fn shifts(State(app): State<App>, Query(query): Query<Span>) -> ApiResult<Json<ShiftPlan>> {
    Ok(Json(ShiftPlan {
        shifts: list(app.store.shifts(query.from, query.to).await?),
        gaps: list(app.store.shift_gaps(query.from, query.to).await?),
    }))
}

/// The shift.
#[utoipa::path(
    post,
    path = "/shifts",
    tag = "shifts",
    operation_id = "shifts_plan_shift",
    request_body = NewShift,
    responses((status = CREATED, description = "The shift", body = Shift))
)]
async fn plan_shift(
    State(app): State<App>,
    who: Who,
    Body(body): Body<NewShift>,
) -> ApiResult<(StatusCode, Json<Shift>)> {
    let shift = change!(app, who, |tx, ctx| {
        tx.plan_shift(ctx, &body.person, body.begins_at, body.ends_at)
            .await?
    });
    Ok((StatusCode::CREATED, Json(shift.into())))
}

/// The shift is off the plan.
#[utoipa::path(
    post,
    path = "/shifts/{id}/cancel",
    tag = "shifts",
    operation_id = "shifts_cancel_shift",
    request_body = Cancellation,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The shift is off the plan"))
)]
async fn cancel_shift(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Cancellation>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.cancel_shift(ctx, &id, &body.reason).await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

/// Hand-overs, the newest first.
#[utoipa::path(
    get,
    path = "/hand-overs",
    tag = "shifts",
    operation_id = "shifts_hand_overs",
    responses((status = OK, description = "Hand-overs, the newest first", body = HandOverList))
)]
async fn hand_overs(State(app): State<App>) -> ApiResult<Json<HandOverList>> {
    let hand_overs = list(app.store.hand_overs().await?);
    Ok(Json(HandOverList { hand_overs }))
}

/// The offer.
#[utoipa::path(
    post,
    path = "/hand-overs",
    tag = "shifts",
    operation_id = "shifts_offer_hand_over",
    request_body = NewHandOver,
    responses((status = CREATED, description = "The offer", body = HandOver))
)]
async fn offer_hand_over(
    State(app): State<App>,
    who: Who,
    Body(body): Body<NewHandOver>,
) -> ApiResult<(StatusCode, Json<HandOver>)> {
    let offer = change!(app, who, |tx, ctx| {
        tx.offer_hand_over(ctx, &body.to, &body.note, &body.incidents)
            .await?
    });
    Ok((StatusCode::CREATED, Json(offer.into())))
}

/// Taken over; the cases are yours.
#[utoipa::path(
    post,
    path = "/hand-overs/{id}/take",
    tag = "shifts",
    operation_id = "shifts_take_over",
    params(("id" = String, Path)),
    responses((status = OK, description = "Taken over; the cases are yours", body = HandOver))
)]
async fn take_over(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<HandOver>> {
    let taken = change!(app, who, |tx, ctx| tx.take_over(ctx, &id).await?);
    Ok(Json(taken.into()))
}

/// What you are told, the newest first.
#[utoipa::path(
    get,
    path = "/notifications",
    tag = "shifts",
    operation_id = "shifts_notifications",
    params(UnreadQuery),
    responses((status = OK, description = "What you are told, the newest first", body = NotificationList))
)]
async fn notifications(
    State(app): State<App>,
    who: Who,
    Query(query): Query<UnreadQuery>,
) -> ApiResult<Json<NotificationList>> {
    let unread = query.unread.unwrap_or(false);
    let rows = app.store.notifications(&who.actor().id, unread).await?;
    Ok(Json(NotificationList {
        notifications: list(rows),
    }))
}

/// It is read.
#[utoipa::path(
    post,
    path = "/notifications/{id}/read",
    tag = "shifts",
    operation_id = "shifts_read_notification",
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "It is read"))
)]
async fn read_notification(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.read_notification(ctx, &id).await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::IncidentsRead, routes!(due))
        .read(Permission::IncidentsRead, routes!(shifts))
        .write(Permission::ShiftsWrite, routes!(plan_shift))
        .write(Permission::ShiftsWrite, routes!(cancel_shift))
        .read(Permission::IncidentsRead, routes!(hand_overs))
        .write(Permission::IncidentsWrite, routes!(offer_hand_over))
        .write(Permission::IncidentsWrite, routes!(take_over))
        .signed_in_read(routes!(notifications))
        .signed_in_write(routes!(read_notification))
}
