//! Notices to state bodies and others: draft, approve, send, receipt.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use saqshy_casework::{self as casework, Ctx};
use saqshy_dispatch::{DocumentLang, Format};
use saqshy_journal::Leaf;
use saqshy_law::Lang;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::wire::{Names, Text3, same_words};

use crate::App;
use crate::access::{Permission, Who};
use crate::config::Contact;
use crate::http::{Api, ApiError, ApiResult, Body, Query};
use crate::notices;
use crate::papers::templates;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    Draft,
    Approved,
    Sent,
    Delivered,
    Acknowledged,
    Failed,
}

/// The way by which a notice leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Mail,
    Webhook,
    Folder,
    Hand,
}

#[derive(Serialize, ToSchema)]
pub struct Notice {
    pub id: String,
    pub incident_id: String,
    /// Empty for a notice that no duty asks for.
    pub duty: String,
    pub clause: String,
    /// Outgoing number, for example `INC-2026-0007/1`.
    pub number: String,
    /// Role of the addressee in the law pack, for example `nsc`.
    pub addressee: String,
    pub addressee_name: Text3,
    /// What the author adds to the data of the incident.
    pub text: String,
    pub channel: Channel,
    /// Where it goes: an e-mail address, a URL, a folder. Empty while nobody knows.
    pub address: String,
    /// Template of the letter: pack and document, joined by `#`.
    pub template: String,
    pub state: NoticeState,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// Who received it, when that was recorded by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt_who: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_note: Option<String>,
    /// SHA-256 of the PDF that was approved, hex; the journal holds the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_sha256: Option<String>,
    /// Attempts to send so far.
    pub attempts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// Why the last attempt to send failed; it is repeated by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was reported that the deadline comes near and the notice has not left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warned_at: Option<Timestamp>,
    pub version: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNotice {
    /// Id of the duty that the notice answers, for example `o199.notify-nsc`; absent for a notice
    /// that no duty asks for.
    #[serde(default)]
    pub duty: Option<String>,
    /// Role of the addressee; must be one of the duty's.
    pub addressee: String,
    /// E-mail address where the configuration knows none, or another than the configured one.
    #[serde(default)]
    pub address: Option<String>,
    /// What happened, in the sender's words; the program describes the incident when absent.
    #[serde(default)]
    pub text: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticePatch {
    /// E-mail address. Other channels keep the one of their contact.
    #[serde(default)]
    pub address: Option<String>,
    #[serde(default)]
    pub text: Option<String>,
    pub version: i64,
}

/// How it became known, outside the program, that the addressee has the notice.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReceipt {
    /// Who received it.
    pub who: String,
    pub at: Timestamp,
    /// What proves it: stamp, incoming number.
    pub note: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAnswer {
    pub at: Timestamp,
    /// Number of the letter, what it says.
    pub note: String,
}

/// Somebody whom notices can reach.
#[derive(Serialize, ToSchema)]
pub struct Addressee {
    /// Role in a pack, for example `nsc`.
    pub party: String,
    pub name: Text3,
    pub channel: Channel,
    /// Empty while nobody knows.
    pub address: String,
}

#[derive(Serialize, ToSchema)]
pub struct AddresseeList {
    pub addressees: Vec<Addressee>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DocumentQuery {
    /// `kk`, `ru`, `en` or `kk-ru`: made anew for reading and not journalled.
    pub lang: Option<String>,
    /// `pdf` when absent; `docx`, `xlsx` and `json` are made anew and not journalled.
    pub format: Option<String>,
}

same_words!(NoticeState: casework::NoticeState {
    Draft, Approved, Sent, Delivered, Acknowledged, Failed,
});

same_words!(Channel: casework::Channel { Mail, Webhook, Folder, Hand });

impl Notice {
    pub(super) fn of(app: &App, notice: casework::Notice, names: &Names) -> Self {
        let pack = app
            .law
            .duty_in(&notice.duty, &notice.edition)
            .map(|(pack, _)| pack);
        Self {
            addressee_name: notices::addressee_name(app, pack, &notice).into(),
            channel: notice.channel.into(),
            template: notice.template,
            approved_at: notice.approved_at,
            delivered_at: notice.delivered_at,
            receipt_who: notice.receipt_who,
            answered_at: notice.answered_at,
            answer_note: notice.answer_note,
            attempts: notice.attempts,
            next_attempt_at: notice.next_attempt_at,
            warned_at: notice.warned_at,
            version: notice.version,
            id: notice.id,
            incident_id: notice.incident_id,
            duty: notice.duty,
            clause: notice.clause,
            number: notice.number,
            addressee: notice.addressee,
            text: notice.text,
            address: notice.address,
            state: notice.state.into(),
            created_at: notice.created_at,
            approved_by: notice.approved_by.map(|login| names.name(login)),
            sent_at: notice.sent_at,
            acknowledged_at: notice.acknowledged_at,
            document_sha256: notice.document_sha256,
            error: notice.error,
        }
    }
}

/// Errors of casework keep their codes; everything else is ours.
pub(super) fn refused(error: anyhow::Error) -> ApiError {
    match error.downcast::<casework::Error>() {
        Ok(error) => error.into(),
        Err(error) => ApiError::internal(error),
    }
}

/// A letter on an investigation does not exist for a person whom the investigation is about.
async fn visible(app: &App, who: &Who, notice: &casework::Notice) -> ApiResult<()> {
    let (case, duty) = (&notice.incident_id, &notice.duty);
    let person = who.actor().id;
    match app.store.hides(&app.law, case, duty, &person).await? {
        true => Err(casework::Error::not_found("notice", &notice.id).into()),
        false => Ok(()),
    }
}

/// The address of an addressee in the register of contacts: of who answers for the object of the
/// case, else of the only one.
async fn registered(app: &App, addressee: &str, object: &str) -> ApiResult<Option<String>> {
    let mut names = vec![addressee.to_owned()];
    for pack in &app.law.packs {
        if pack.parties.iter().any(|party| party.id == addressee) {
            let title = pack.party_title(addressee);
            names.extend([title.kk, title.ru, title.en]);
        }
    }
    let found = app.store.contacts_named(&names, object).await?;
    let object = object.trim().to_lowercase();
    Ok(match found.as_slice() {
        [only] => Some(only.email.clone()),
        [first, ..] if first.object.trim().to_lowercase() == object => Some(first.email.clone()),
        _ => None,
    })
}

/// The draft.
#[utoipa::path(
    post,
    path = "/incidents/{id}/notices",
    tag = "notices",
    operation_id = "notices_draft",
    request_body = NewNotice,
    params(("id" = String, Path)),
    responses((status = CREATED, description = "The draft", body = Notice))
)]
async fn draft(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewNotice>,
) -> ApiResult<(StatusCode, Json<Notice>)> {
    let whole = app.store.incident(&id, &app.law, app.now()).await?;
    let contact = app.config.contacts_of(&body.addressee).next();
    let (channel, known) = contact.map(Contact::reached_at).unwrap_or_default();
    let (channel, address) = match body.address.filter(|a| !a.trim().is_empty()) {
        Some(address) => {
            check_mail(&address)?;
            (casework::Channel::Mail, address.trim().to_owned())
        }
        None => match registered(&app, &body.addressee, &whole.incident.object).await? {
            Some(email) => (casework::Channel::Mail, email),
            None => (channel, known),
        },
    };
    let languages: &[&str] = match contact.map(|contact| contact.language) {
        Some(Lang::En) => &["en"],
        _ => &["kk", "ru"],
    };
    let text = body
        .text
        .unwrap_or_else(|| notices::initial_text(&app, &whole));
    let duty = body.duty.unwrap_or_default();
    let clock = whole.clocks.iter().find(|clock| clock.duty == duty);
    let edition = clock.map_or("", |clock| clock.edition.as_str());
    let new = casework::NewNotice {
        template: templates::key_for(&app, &duty, edition),
        duty,
        addressee: body.addressee,
        address,
        channel,
        languages: languages.iter().map(|&code| code.to_owned()).collect(),
        text,
    };
    let actor = who.actor();
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    let notice = tx.draft_notice(&ctx, &id, &new).await?;
    tx.commit().await?;
    Ok((
        StatusCode::CREATED,
        Json(Notice::of(&app, notice, &Names::of(&app).await?)),
    ))
}

/// One notice.
#[utoipa::path(
    get,
    path = "/notices/{id}",
    tag = "notices",
    operation_id = "notices_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "One notice", body = Notice))
)]
async fn get(State(app): State<App>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Notice>> {
    let notice = app.store.notice(&id).await?;
    visible(&app, &who, &notice).await?;
    Ok(Json(Notice::of(&app, notice, &Names::of(&app).await?)))
}

/// The document as PDF, or as another file.
#[utoipa::path(
    get,
    path = "/notices/{id}/document",
    tag = "notices",
    operation_id = "notices_document",
    params(("id" = String, Path), DocumentQuery),
    responses((status = OK, description = "The document as PDF, or as another file", body = Vec<u8>, content_type = "application/pdf"))
)]
async fn document(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<DocumentQuery>,
) -> ApiResult<Response> {
    let lang = query.lang.as_deref().map(language).transpose()?;
    let format = format(query.format.as_deref().unwrap_or("pdf"))?;
    let notice = app.store.notice(&id).await?;
    visible(&app, &who, &notice).await?;
    let name = notice.number.replace('/', "-");
    let kept = notice.document_sha256.as_deref();
    let bytes = match (lang, format, kept) {
        (None, Format::Pdf, Some(sha256)) => app.store.document(sha256).await?.body,
        _ => {
            let date = notice.approved_at.unwrap_or_else(|| app.now());
            let made = notices::file(&app, &notice, date, lang, format).await;
            made.map_err(refused)?.bytes
        }
    };
    Ok(download(format, &name, bytes))
}

pub(super) fn language(code: &str) -> ApiResult<DocumentLang> {
    let unknown =
        || ApiError::bad_request(format!("`lang`: `{code}` is none of kk, ru, en, kk-ru"));
    DocumentLang::parse(code).ok_or_else(unknown)
}

pub(super) fn format(extension: &str) -> ApiResult<Format> {
    let unknown = || {
        ApiError::bad_request(format!(
            "`format`: `{extension}` is none of pdf, docx, xlsx, json"
        ))
    };
    Format::parse(extension).ok_or_else(unknown)
}

/// A file for the browser: a PDF is shown, the others are saved.
pub(super) fn download(format: Format, name: &str, bytes: Vec<u8>) -> Response {
    let how = match format {
        Format::Pdf => "inline",
        _ => "attachment",
    };
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("{how}; filename=\"{name}.{}\"", format.extension()),
        ),
    ];
    (headers, bytes).into_response()
}

fn check_mail(address: &str) -> ApiResult<()> {
    saqshy_dispatch::check_address(address.trim())
        .map_err(|error| ApiError::invalid(format!("`address`: {error}")))
}

/// The notice with its final document.
#[utoipa::path(
    post,
    path = "/notices/{id}/approve",
    tag = "notices",
    operation_id = "notices_approve",
    params(("id" = String, Path)),
    responses((status = OK, description = "The notice with its final document", body = Notice))
)]
async fn approve(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<Json<Notice>> {
    let approved = notices::approve(&app, &id, &who.actor()).await;
    let notice = approved.map_err(refused)?;
    Ok(Json(Notice::of(&app, notice, &Names::of(&app).await?)))
}

/// The notice after the attempt to send it.
#[utoipa::path(
    post,
    path = "/notices/{id}/send",
    tag = "notices",
    operation_id = "notices_send",
    params(("id" = String, Path)),
    responses((status = OK, description = "The notice after the attempt to send it", body = Notice))
)]
async fn send(State(app): State<App>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Notice>> {
    let sent = notices::send(&app, &id, &who.actor()).await;
    let notice = sent.map_err(refused)?;
    Ok(Json(Notice::of(&app, notice, &Names::of(&app).await?)))
}

/// The notice after the change; it is a draft again and its document is dropped.
#[utoipa::path(
    patch,
    path = "/notices/{id}",
    tag = "notices",
    operation_id = "notices_edit",
    request_body = NoticePatch,
    params(("id" = String, Path)),
    responses((status = OK, description = "The notice after the change", body = Notice))
)]
async fn edit(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NoticePatch>,
) -> ApiResult<Json<Notice>> {
    let old = app.store.notice(&id).await?;
    if let Some(address) = &body.address {
        if old.channel != casework::Channel::Mail {
            let message = "`address`: this channel keeps the address of its contact";
            return Err(ApiError::invalid(message));
        }
        check_mail(address)?;
    }
    let actor = who.actor();
    let ctx = ctx(&app, &actor);
    let mut tx = app.store.begin().await?;
    let (address, text) = (body.address.as_deref(), body.text.as_deref());
    let notice = tx
        .edit_notice(&ctx, &id, address.map(str::trim), text, body.version)
        .await?;
    tx.commit().await?;
    Ok(Json(Notice::of(&app, notice, &Names::of(&app).await?)))
}

/// The notice with its receipt, recorded by a person.
#[utoipa::path(
    post,
    path = "/notices/{id}/receipt",
    tag = "notices",
    operation_id = "notices_receipt",
    request_body = NewReceipt,
    params(("id" = String, Path)),
    responses((status = OK, description = "The notice with its receipt", body = Notice))
)]
async fn receipt(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewReceipt>,
) -> ApiResult<Json<Notice>> {
    let actor = who.actor();
    let ctx = ctx(&app, &actor);
    let receipt = casework::Receipt::Recorded {
        who: body.who,
        at: body.at,
        note: body.note,
    };
    let mut tx = app.store.begin().await?;
    let notice = tx.acknowledge_notice(&ctx, &id, &receipt).await?;
    tx.commit().await?;
    Ok(Json(Notice::of(&app, notice, &Names::of(&app).await?)))
}

/// The notice with the answer to it; clocks that waited for it stop.
#[utoipa::path(
    post,
    path = "/notices/{id}/answer",
    tag = "notices",
    operation_id = "notices_answer",
    request_body = NewAnswer,
    params(("id" = String, Path)),
    responses((status = OK, description = "The notice with the answer to it", body = Notice))
)]
async fn answer(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<NewAnswer>,
) -> ApiResult<Json<Notice>> {
    let actor = who.actor();
    let ctx = ctx(&app, &actor);
    let mut tx = app.store.begin().await?;
    let notice = tx.answer_notice(&ctx, &id, body.at, &body.note).await?;
    tx.commit().await?;
    Ok(Json(Notice::of(&app, notice, &Names::of(&app).await?)))
}

/// Whom notices can reach.
#[utoipa::path(
    get,
    path = "/addressees",
    tag = "notices",
    operation_id = "notices_addressees",
    responses((status = OK, description = "Whom notices can reach", body = AddresseeList))
)]
async fn addressees(State(app): State<App>) -> Json<AddresseeList> {
    let addressees = app.config.contacts.iter().map(|contact| {
        let (channel, address) = contact.reached_at();
        Addressee {
            party: contact.party.clone(),
            name: contact.name.clone().into(),
            channel: channel.into(),
            address,
        }
    });
    Json(AddresseeList {
        addressees: addressees.collect(),
    })
}

/// The case as a STIX 2.1 bundle, for another system. Journalled: it leaves the house.
#[utoipa::path(
    get,
    path = "/incidents/{id}/stix",
    tag = "notices",
    operation_id = "incidents_stix",
    params(("id" = String, Path)),
    responses((status = OK, description = "The case as a STIX 2.1 bundle", body = Object, content_type = "application/stix+json"))
)]
async fn stix(State(app): State<App>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    let bundle = notices::stix(&app, &id).await.map_err(refused)?;
    let bytes = serde_json::to_vec_pretty(&bundle).map_err(ApiError::internal)?;
    let mut tx = app.store.begin().await?;
    tx.leaf(&Leaf {
        at: app.now(),
        actor: who.actor().id,
        action: "stix.exported".to_owned(),
        object: format!("incident:{id}"),
        change: json!({"sha256": casework::sha256_hex(&bytes)}),
        reason: None,
        edition: None,
    })
    .await?;
    tx.commit().await?;
    let headers = [
        (header::CONTENT_TYPE, "application/stix+json;version=2.1"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"case.stix.json\"",
        ),
    ];
    Ok((headers, bytes).into_response())
}

fn ctx<'a>(app: &'a App, actor: &'a casework::Actor) -> Ctx<'a> {
    Ctx {
        actor,
        now: app.now(),
        law: &app.law,
    }
}

pub(super) fn routes(api: Api) -> Api {
    api.write(Permission::NoticesDraft, routes!(draft))
        .write(Permission::NoticesDraft, routes!(edit))
        .write(Permission::IncidentsWrite, routes!(receipt))
        .write(Permission::IncidentsWrite, routes!(answer))
        .read(Permission::IncidentsRead, routes!(addressees))
        .write(Permission::DossierExport, routes!(stix))
        .read(Permission::IncidentsRead, routes!(get))
        .read(Permission::IncidentsRead, routes!(document))
        .write(Permission::NoticesApprove, routes!(approve))
        .write(Permission::NoticesSend, routes!(send))
}
