//! Internal investigations and damage. A compartment: for the person it is about it does not exist.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use saqshy_casework as casework;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::incidents::TaskState;
use crate::App;
use crate::access::{Permission, Who};
use crate::api::wire::{change, list, wire, wire_words};
use crate::http::{Api, ApiResult, Body};

wire_words! {
    /// Who suffered damage.
    DamageTo: casework::DamageTo { Institution, Clients }
}
wire_words! {
    /// The part of a person in an investigation.
    PersonPart: casework::PersonPart { Member, Subject }
}
wire_words! {
    /// What an item is.
    ItemKind: casework::ItemKind { Task, Recommendation }
}

wire! {
    /// An investigation.
    Investigation(one: casework::Investigation) {
        id: String,
        incident_id: String,
        number: String,
        reason: String,
        opened_at: Timestamp,
        opened_by: String,
        planned_end: Option<Timestamp>,
        causes: String,
        /// How the incident was carried out and spread.
        realisation: String,
        scale: String,
        /// How effective the measures were.
        effectiveness: String,
        conclusion: String,
        concluded_at: Option<Timestamp>,
        concluded_by: Option<String>,
        version: i64,
    }
}

wire! {
    /// A person of an investigation.
    InvestigationPerson(one: casework::InvestigationPerson) {
        person: String,
        part: PersonPart,
        role: String,
        added_at: Timestamp,
        /// When the member declared that they had no part in the incident.
        declared_at: Option<Timestamp>,
    }
}

wire! {
    /// A task or recommendation.
    InvestigationItem(one: casework::InvestigationItem) {
        id: String,
        kind: ItemKind,
        text: String,
        owner: String,
        due: Option<Timestamp>,
        state: TaskState,
        result: String,
        version: i64,
    }
}

wire! {
    /// Recorded damage.
    Damage(one: casework::Damage) {
        seq: u64,
        to: DamageTo,
        kind: String,
        /// In whole units of the currency.
        amount: Option<u64>,
        currency: String,
        material: bool,
        note: String,
        recorded_at: Timestamp,
        recorded_by: String,
        withdrawn_at: Option<Timestamp>,
        withdrawn_why: Option<String>,
    }
}

wire! {
    /// Whether an investigation is needed, and why.
    InvestigationDecision(one: casework::InvestigationDecision) {
        needed: bool,
        reason: String,
        decided_at: Timestamp,
        decided_by: String,
    }
}

#[derive(Serialize, ToSchema)]
pub struct InvestigationList {
    pub investigations: Vec<Investigation>,
}

#[derive(Serialize, ToSchema)]
pub struct InvestigationWhole {
    #[serde(flatten)]
    pub investigation: Investigation,
    pub people: Vec<InvestigationPerson>,
    pub tasks: Vec<InvestigationItem>,
    pub recommendations: Vec<InvestigationItem>,
    pub damage: Vec<Damage>,
    pub extensions: Vec<InvestigationExtended>,
}

wire! {
    /// A term that was extended.
    InvestigationExtended(one: casework::Extended) {
        days: u32,
        /// Working days; calendar days when false.
        working: bool,
        before: Option<Timestamp>,
        planned_end: Timestamp,
        reason: String,
        extended_at: Timestamp,
        extended_by: String,
    }
}

/// What of an investigation stands on the case itself.
#[derive(Serialize, ToSchema)]
pub struct DamageOfCase {
    pub damage: Vec<Damage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<InvestigationDecision>,
    /// Those that you may open.
    pub investigations: Vec<Investigation>,
}

/// An investigation to be opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvestigation {
    pub reason: String,
    /// The term that is set.
    #[serde(default)]
    pub planned_end: Option<Timestamp>,
}

/// Findings; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingsPatch {
    #[serde(default)]
    pub planned_end: Option<Timestamp>,
    #[serde(default)]
    pub causes: Option<String>,
    #[serde(default)]
    pub realisation: Option<String>,
    #[serde(default)]
    pub scale: Option<String>,
    #[serde(default)]
    pub effectiveness: Option<String>,
    #[serde(default)]
    pub conclusion: Option<String>,
    pub version: i64,
}

/// A longer term.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvestigationExtension {
    /// How many days the clock of the conclusion is given.
    pub days: u32,
    /// Working days; calendar days when false.
    pub working: bool,
    /// The new end that the regulator is told.
    pub planned_end: Timestamp,
    pub reason: String,
    pub version: i64,
}

/// Somebody joins the team, or the investigation is about them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// Login, or the name of somebody without an account.
    pub person: String,
    pub part: PersonPart,
    #[serde(default)]
    pub role: String,
}

/// A person of the investigation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonName {
    pub person: String,
}

/// A task or recommendation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    pub kind: ItemKind,
    pub text: String,
    pub owner: String,
    #[serde(default)]
    pub due: Option<Timestamp>,
}

/// What became of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemPatch {
    pub state: TaskState,
    #[serde(default)]
    pub result: String,
    pub version: i64,
}

/// The version that was seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Conclusion {
    pub version: i64,
}

/// Damage to be recorded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDamage {
    pub to: DamageTo,
    /// Money, data, reputation, downtime.
    pub kind: String,
    #[serde(default)]
    pub amount: Option<u64>,
    /// ISO 4217, with an amount.
    #[serde(default)]
    pub currency: String,
    #[serde(default)]
    pub material: bool,
    #[serde(default)]
    pub note: String,
}

/// Why it was recorded in error.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    pub reason: String,
}

/// Whether an investigation is needed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    pub needed: bool,
    pub reason: String,
}

/// The whole, for somebody it is not about.
async fn opened(app: &App, who: &Who, id: &str) -> ApiResult<Json<InvestigationWhole>> {
    let whole = app.store.investigation(id, &who.actor()).await?;
    Ok(Json(InvestigationWhole {
        investigation: whole.investigation.into(),
        people: list(whole.people),
        tasks: list(whole.tasks),
        recommendations: list(whole.recommendations),
        damage: list(whole.damage),
        extensions: list(whole.extensions),
    }))
}

/// Investigations that you may open, the newest first.
#[utoipa::path(
    get,
    path = "/investigations",
    tag = "investigations",
    operation_id = "investigations_list_all",
    responses((status = OK, description = "Investigations that you may open, the newest first", body = InvestigationList))
)]
async fn list_all(State(app): State<App>, who: Who) -> ApiResult<Json<InvestigationList>> {
    let found = app.store.investigations(None, &who.actor()).await?;
    Ok(Json(InvestigationList {
        investigations: list(found),
    }))
}

/// Damage of the case, the decision, its investigations.
#[utoipa::path(
    get,
    path = "/incidents/{id}/damage",
    tag = "investigations",
    operation_id = "investigations_of_case",
    params(("id" = String, Path)),
    responses((status = OK, description = "Damage of the case, the decision, its investigations", body = DamageOfCase))
)]
async fn of_case(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<DamageOfCase>> {
    let investigations = app.store.investigations(Some(&id), &who.actor()).await?;
    let hidden = app.store.is_subject(&id, &who.actor().id).await?;
    let decision = app.store.investigation_decision(&id).await?;
    Ok(Json(DamageOfCase {
        damage: list(app.store.damage(&id).await?),
        decision: decision.filter(|_| !hidden).map(Into::into),
        investigations: list(investigations),
    }))
}

/// The investigation is open.
#[utoipa::path(
    post,
    path = "/incidents/{id}/investigations",
    tag = "investigations",
    operation_id = "investigations_open",
    request_body = NewInvestigation,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The investigation is open", body = InvestigationWhole))
)]
async fn open(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewInvestigation>,
) -> ApiResult<(StatusCode, Json<InvestigationWhole>)> {
    let one = change!(app, who, |tx, ctx| {
        tx.open_investigation(ctx, &id, &body.reason, body.planned_end)
            .await?
    });
    Ok((StatusCode::CREATED, opened(&app, &who, &one.id).await?))
}

/// The investigation; who opens it is journalled.
#[utoipa::path(
    post,
    path = "/investigations/{id}/open",
    tag = "investigations",
    operation_id = "investigations_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "The investigation; who opens it is journalled", body = InvestigationWhole))
)]
async fn get(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<InvestigationWhole>> {
    change!(app, who, |tx, ctx| {
        tx.read_investigation(ctx, &id).await?;
    });
    opened(&app, &who, &id).await
}

/// The investigation.
#[utoipa::path(
    patch,
    path = "/investigations/{id}",
    tag = "investigations",
    operation_id = "investigations_write_findings",
    request_body = FindingsPatch,
    params(("id" = String, Path)),
    responses((status = OK, description = "The investigation", body = InvestigationWhole))
)]
async fn write_findings(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<FindingsPatch>,
) -> ApiResult<Json<InvestigationWhole>> {
    let findings = casework::Findings {
        planned_end: body.planned_end,
        causes: body.causes,
        realisation: body.realisation,
        scale: body.scale,
        effectiveness: body.effectiveness,
        conclusion: body.conclusion,
        version: body.version,
    };
    change!(app, who, |tx, ctx| {
        tx.write_findings(ctx, &id, &findings).await?;
    });
    opened(&app, &who, &id).await
}

/// The investigation.
#[utoipa::path(
    post,
    path = "/investigations/{id}/extension",
    tag = "investigations",
    operation_id = "investigations_extend",
    request_body = InvestigationExtension,
    params(("id" = String, Path)),
    responses((status = OK, description = "The investigation", body = InvestigationWhole))
)]
async fn extend(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<InvestigationExtension>,
) -> ApiResult<Json<InvestigationWhole>> {
    let new = casework::Extension {
        days: body.days,
        working: body.working,
        planned_end: body.planned_end,
        reason: body.reason,
        version: body.version,
    };
    change!(app, who, |tx, ctx| {
        tx.extend_investigation(ctx, &id, &new).await?;
    });
    opened(&app, &who, &id).await
}

/// The investigation.
#[utoipa::path(
    post,
    path = "/investigations/{id}/people",
    tag = "investigations",
    operation_id = "investigations_add_person",
    request_body = NewPerson,
    params(("id" = String, Path)),
    responses((status = OK, description = "The investigation", body = InvestigationWhole))
)]
async fn add_person(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewPerson>,
) -> ApiResult<Json<InvestigationWhole>> {
    change!(app, who, |tx, ctx| {
        tx.add_investigation_person(ctx, &id, &body.person, body.part.into(), &body.role)
            .await?;
    });
    opened(&app, &who, &id).await
}

/// The investigation.
#[utoipa::path(
    post,
    path = "/investigations/{id}/people/leave",
    tag = "investigations",
    operation_id = "investigations_remove_member",
    request_body = PersonName,
    params(("id" = String, Path)),
    responses((status = OK, description = "The investigation", body = InvestigationWhole))
)]
async fn remove_member(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<PersonName>,
) -> ApiResult<Json<InvestigationWhole>> {
    change!(app, who, |tx, ctx| {
        tx.remove_investigation_member(ctx, &id, &body.person)
            .await?;
    });
    opened(&app, &who, &id).await
}

/// The declaration is recorded.
#[utoipa::path(
    post,
    path = "/investigations/{id}/independence",
    tag = "investigations",
    operation_id = "investigations_declare",
    request_body = PersonName,
    params(("id" = String, Path)),
    responses((status = OK, description = "The declaration is recorded", body = InvestigationWhole))
)]
async fn declare(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<PersonName>,
) -> ApiResult<Json<InvestigationWhole>> {
    let accounts = app.access().accounts.all().await?;
    let own = accounts.iter().any(|account| account.login == body.person);
    change!(app, who, |tx, ctx| {
        tx.declare_independence(ctx, &id, &body.person, own).await?;
    });
    opened(&app, &who, &id).await
}

/// The item.
#[utoipa::path(
    post,
    path = "/investigations/{id}/items",
    tag = "investigations",
    operation_id = "investigations_add_item",
    request_body = NewItem,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The item", body = InvestigationItem))
)]
async fn add_item(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewItem>,
) -> ApiResult<(StatusCode, Json<InvestigationItem>)> {
    let new = casework::NewItem {
        kind: body.kind.into(),
        text: body.text,
        owner: body.owner,
        due: body.due,
    };
    let item = change!(app, who, |tx, ctx| tx
        .add_investigation_item(ctx, &id, &new)
        .await?);
    Ok((StatusCode::CREATED, Json(item.into())))
}

/// The item.
#[utoipa::path(
    patch,
    path = "/investigation-items/{id}",
    tag = "investigations",
    operation_id = "investigations_set_item",
    request_body = ItemPatch,
    params(("id" = String, Path)),
    responses((status = OK, description = "The item", body = InvestigationItem))
)]
async fn set_item(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<ItemPatch>,
) -> ApiResult<Json<InvestigationItem>> {
    let patch = casework::ItemPatch {
        state: body.state.into(),
        result: body.result,
        version: body.version,
    };
    let item = change!(app, who, |tx, ctx| tx
        .set_investigation_item(ctx, &id, &patch)
        .await?);
    Ok(Json(item.into()))
}

/// Concluded.
#[utoipa::path(
    post,
    path = "/investigations/{id}/conclude",
    tag = "investigations",
    operation_id = "investigations_conclude",
    request_body = Conclusion,
    params(("id" = String, Path)),
    responses((status = OK, description = "Concluded", body = InvestigationWhole))
)]
async fn conclude(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Conclusion>,
) -> ApiResult<Json<InvestigationWhole>> {
    change!(app, who, |tx, ctx| {
        tx.conclude_investigation(ctx, &id, body.version).await?;
    });
    opened(&app, &who, &id).await
}

/// The damage.
#[utoipa::path(
    post,
    path = "/incidents/{id}/damage",
    tag = "investigations",
    operation_id = "investigations_record_damage",
    request_body = NewDamage,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The damage", body = Damage))
)]
async fn record_damage(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewDamage>,
) -> ApiResult<(StatusCode, Json<Damage>)> {
    let new = casework::NewDamage {
        to: body.to.into(),
        kind: body.kind,
        amount: body.amount,
        currency: body.currency,
        material: body.material,
        note: body.note,
    };
    let damage = change!(app, who, |tx, ctx| tx.record_damage(ctx, &id, &new).await?);
    Ok((StatusCode::CREATED, Json(damage.into())))
}

/// Withdrawn; the row stays.
#[utoipa::path(
    post,
    path = "/incidents/{id}/damage/{seq}/withdraw",
    tag = "investigations",
    operation_id = "investigations_withdraw_damage",
    request_body = Withdrawal,
    params(("id" = String, Path), ("seq" = u64, Path)),
    responses((status = NO_CONTENT, description = "Withdrawn; the row stays"))
)]
async fn withdraw_damage(
    State(app): State<App>,
    who: Who,
    Path((id, seq)): Path<(String, u64)>,
    Body(body): Body<Withdrawal>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.withdraw_damage(ctx, &id, seq, &body.reason).await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

/// The decision is recorded.
#[utoipa::path(
    post,
    path = "/incidents/{id}/investigation-decision",
    tag = "investigations",
    operation_id = "investigations_decide",
    request_body = Decision,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The decision is recorded"))
)]
async fn decide(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<Decision>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.decide_investigation(ctx, &id, body.needed, &body.reason)
            .await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::InvestigationsRead, routes!(list_all))
        .read(Permission::InvestigationsRead, routes!(of_case))
        .write(Permission::InvestigationsWrite, routes!(open))
        .write(Permission::InvestigationsRead, routes!(get))
        .write(Permission::InvestigationsWrite, routes!(write_findings))
        .write(Permission::InvestigationsWrite, routes!(extend))
        .write(Permission::InvestigationsWrite, routes!(add_person))
        .write(Permission::InvestigationsWrite, routes!(remove_member))
        .write(Permission::InvestigationsWrite, routes!(declare))
        .write(Permission::InvestigationsWrite, routes!(add_item))
        .write(Permission::InvestigationsWrite, routes!(set_item))
        .write(Permission::InvestigationsWrite, routes!(conclude))
        .write(Permission::IncidentsWrite, routes!(record_damage))
        .write(Permission::IncidentsWrite, routes!(withdraw_damage))
        .write(Permission::InvestigationsWrite, routes!(decide))
}
