//! Contacts of the persons responsible for objects.

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
    /// A version of a contact.
    Contact(contact: casework::Contact) {
        id: String,
        version: i64,
        object: String,
        owner: String,
        role: String,
        person: String,
        email: String,
        phone: String,
        removed: bool,
        reason: String,
        /// When it changed in life, which is where the clocks start.
        changed_at: Timestamp,
        saved_at: Timestamp,
        saved_by: String,
    }
}

#[derive(Serialize, ToSchema)]
pub struct ContactList {
    pub contacts: Vec<Contact>,
    /// Duties that changes started, the earliest due first.
    pub clocks: Vec<ContactClock>,
}

/// A duty that a change of a contact started.
#[derive(Serialize, ToSchema)]
pub struct ContactClock {
    pub contact_id: String,
    pub contact_version: i64,
    pub person: String,
    pub duty: String,
    pub clause: String,
    pub title: Text3,
    pub own: bool,
    pub status: ClockStatus,
    pub due: Option<Timestamp>,
    pub stopped: Option<Timestamp>,
}

impl From<casework::ContactClock> for ContactClock {
    fn from(row: casework::ContactClock) -> Self {
        Self {
            contact_id: row.contact.id,
            contact_version: row.contact.version,
            person: row.contact.person,
            duty: row.clock.duty,
            clause: row.clock.clause,
            title: row.clock.title.into(),
            own: row.clock.own,
            status: row.clock.status.into(),
            due: row.clock.due,
            stopped: row.clock.stopped,
        }
    }
}

/// What a contact says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactFields {
    /// The object the person answers for.
    pub object: String,
    /// Who owns or holds the object.
    #[serde(default)]
    pub owner: String,
    #[serde(default)]
    pub role: String,
    pub person: String,
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub phone: String,
}

/// New values of a contact.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactChange {
    /// The object the person answers for.
    pub object: String,
    /// Who owns or holds the object.
    #[serde(default)]
    pub owner: String,
    #[serde(default)]
    pub role: String,
    pub person: String,
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub phone: String,
    pub reason: String,
    /// When it changed; now when absent.
    #[serde(default)]
    pub changed_at: Option<Timestamp>,
    pub version: i64,
}

/// The person answers no longer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactRemoval {
    pub reason: String,
    pub version: i64,
}

/// The addressee was told of a change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactNotice {
    /// Version of the contact that the addressee was told of.
    pub version: i64,
    pub duty: String,
    pub at: Timestamp,
    pub note: String,
}

/// Contacts in force and the duties on their changes.
#[utoipa::path(
    get,
    path = "/contacts",
    tag = "contacts",
    operation_id = "contacts_contacts",
    responses((status = OK, description = "Contacts in force and the duties on their changes", body = ContactList))
)]
async fn contacts(State(app): State<App>) -> ApiResult<Json<ContactList>> {
    Ok(Json(ContactList {
        contacts: list(app.store.contacts(false).await?),
        clocks: list(app.store.contact_clocks(&app.law, app.now(), None).await?),
    }))
}

/// The contact.
#[utoipa::path(
    post,
    path = "/contacts",
    tag = "contacts",
    operation_id = "contacts_add",
    request_body = ContactFields,
    responses((status = CREATED, description = "The contact", body = Contact))
)]
async fn add(
    State(app): State<App>,
    who: Who,
    Body(body): Body<ContactFields>,
) -> ApiResult<(StatusCode, Json<Contact>)> {
    let fields = casework::ContactFields {
        object: body.object,
        owner: body.owner,
        role: body.role,
        person: body.person,
        email: body.email,
        phone: body.phone,
    };
    let contact = change!(app, who, |tx, ctx| tx.add_contact(ctx, &fields).await?);
    Ok((StatusCode::CREATED, Json(contact.into())))
}

/// Every version of a contact, the newest first.
#[utoipa::path(
    get,
    path = "/contacts/{id}",
    tag = "contacts",
    operation_id = "contacts_get",
    params(("id" = String, Path)),
    responses((status = OK, description = "Every version of a contact, the newest first", body = ContactList))
)]
async fn get(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<ContactList>> {
    let clocks = app
        .store
        .contact_clocks(&app.law, app.now(), Some(&id))
        .await?;
    Ok(Json(ContactList {
        contacts: list(app.store.contact_history(&id).await?),
        clocks: list(clocks),
    }))
}

/// The new version.
#[utoipa::path(
    patch,
    path = "/contacts/{id}",
    tag = "contacts",
    operation_id = "contacts_update",
    request_body = ContactChange,
    params(("id" = String, Path)),
    responses((status = OK, description = "The new version", body = Contact))
)]
async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<ContactChange>,
) -> ApiResult<Json<Contact>> {
    let fields = casework::ContactFields {
        object: body.object,
        owner: body.owner,
        role: body.role,
        person: body.person,
        email: body.email,
        phone: body.phone,
    };
    let contact = change!(app, who, |tx, ctx| {
        tx.change_contact(
            ctx,
            &id,
            &fields,
            &body.reason,
            body.changed_at,
            body.version,
        )
        .await?
    });
    Ok(Json(contact.into()))
}

/// The last version.
#[utoipa::path(
    post,
    path = "/contacts/{id}/remove",
    tag = "contacts",
    operation_id = "contacts_remove",
    request_body = ContactRemoval,
    params(("id" = String, Path)),
    responses((status = OK, description = "The last version", body = Contact))
)]
async fn remove(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<ContactRemoval>,
) -> ApiResult<Json<Contact>> {
    let contact = change!(app, who, |tx, ctx| {
        tx.remove_contact(ctx, &id, &body.reason, body.version)
            .await?
    });
    Ok(Json(contact.into()))
}

/// The notice is recorded.
#[utoipa::path(
    post,
    path = "/contacts/{id}/notices",
    tag = "contacts",
    operation_id = "contacts_notified",
    request_body = ContactNotice,
    params(("id" = String, Path)),
    responses((status = NO_CONTENT, description = "The notice is recorded"))
)]
async fn notified(
    State(app): State<App>,
    who: Who,
    Path(id): Path<String>,
    Body(body): Body<ContactNotice>,
) -> ApiResult<StatusCode> {
    change!(app, who, |tx, ctx| {
        tx.contact_notified(ctx, &id, body.version, &body.duty, body.at, &body.note)
            .await?;
    });
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn routes(api: Api) -> Api {
    api.read(Permission::ContactsRead, routes!(contacts))
        .write(Permission::ContactsWrite, routes!(add))
        .read(Permission::ContactsRead, routes!(get))
        .write(Permission::ContactsWrite, routes!(update))
        .write(Permission::ContactsWrite, routes!(remove))
        .write(Permission::ContactsWrite, routes!(notified))
}
