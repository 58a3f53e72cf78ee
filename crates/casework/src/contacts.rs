//! Contacts of the persons responsible for objects, with every version kept. A change starts the
//! duties that a pack hangs on the fact `contact.changed`, such as the 48 hours of O52-16.

use jiff::Timestamp;
use saqshy_law::{CaseFact, Clock};
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::alerts::check_version;
use crate::tx::{Columns, Note};
use crate::{
    Ctx, Error, Law, NAME_BYTES_MAX, Result, Store, TITLE_BYTES_MAX, Tx, check_text, opt_check,
    time,
};

/// What a contact says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactFields {
    /// The object the person answers for.
    pub object: String,
    /// Who owns or holds the object.
    pub owner: String,
    /// What the person is: responsible for security, administrator, deputy.
    pub role: String,
    pub person: String,
    pub email: String,
    pub phone: String,
}

/// A version of a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contact {
    pub id: String,
    /// Counts from 1.
    pub version: i64,
    pub object: String,
    pub owner: String,
    pub role: String,
    pub person: String,
    pub email: String,
    pub phone: String,
    pub removed: bool,
    pub reason: String,
    /// When it changed in life, which is where the clocks start.
    pub changed_at: Timestamp,
    pub saved_at: Timestamp,
    pub saved_by: String,
}

/// A duty that a change of a contact started.
#[derive(Debug, Clone)]
pub struct ContactClock {
    pub contact: Contact,
    pub clock: Clock,
}

impl Tx {
    /// Enters a contact. The first version starts no clock: nothing was known before.
    pub async fn add_contact(&mut self, ctx: &Ctx<'_>, fields: &ContactFields) -> Result<Contact> {
        let id = self.new_id("contact").await?;
        self.write_contact(ctx, &id, 1, fields, false, "", ctx.now)
            .await
    }

    /// Saves a change: a new version; the old one stays.
    ///
    /// # Errors
    /// `Conflict` on a stale version; `Invalid` for a change in the future or before the one
    /// before it, and when nothing would change.
    pub async fn change_contact(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        fields: &ContactFields,
        reason: &str,
        changed_at: Option<Timestamp>,
        version: i64,
    ) -> Result<Contact> {
        let old = self.current(id, version).await?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let same = ContactFields {
            object: old.object.clone(),
            owner: old.owner.clone(),
            role: old.role.clone(),
            person: old.person.clone(),
            email: old.email.clone(),
            phone: old.phone.clone(),
        };
        if same == *fields {
            return Err(Error::invalid("contact", "nothing would change"));
        }
        let changed = time::whole(changed_at.unwrap_or(ctx.now));
        if changed > ctx.now || changed < old.changed_at {
            let message = format!("lies in the future or before {}", old.changed_at);
            return Err(Error::invalid("changed_at", message));
        }
        self.write_contact(ctx, id, version + 1, fields, false, reason, changed)
            .await
    }

    /// Records that the person answers no longer: the last version.
    pub async fn remove_contact(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        reason: &str,
        version: i64,
    ) -> Result<Contact> {
        let old = self.current(id, version).await?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let fields = ContactFields {
            object: old.object,
            owner: old.owner,
            role: old.role,
            person: old.person,
            email: old.email,
            phone: old.phone,
        };
        self.write_contact(ctx, id, version + 1, &fields, true, reason, ctx.now)
            .await
    }

    /// Records that the addressee of a duty was told of a change.
    pub async fn contact_notified(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        version: i64,
        duty: &str,
        at: Timestamp,
        note: &str,
    ) -> Result<()> {
        let contact = contact_version(self.conn(), id, version).await?;
        check_text("note", note, TITLE_BYTES_MAX)?;
        if time::whole(at) > ctx.now || at < contact.changed_at {
            let message = format!("lies in the future or before {}", contact.changed_at);
            return Err(Error::invalid("at", message));
        }
        let clocks = clocks_of_change(self.conn(), ctx.law, &contact, ctx.now).await?;
        if !clocks.iter().any(|clock| clock.duty == duty) {
            let message = format!("no duty `{duty}` runs on this change");
            return Err(Error::invalid("duty", message));
        }
        let done = sqlx::query(
            "INSERT INTO contact_notice (contact_id, version, duty, sent_us, note, saved_by) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(version)
        .bind(duty)
        .bind(time::to_us(at))
        .bind(note)
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::invalid("duty", "is recorded already"));
        }
        let change = json!({"version": version, "duty": duty, "at": time::whole(at), "note": note});
        self.contact_note(ctx, id, "contact.notified", change, None)
            .await
    }

    async fn current(&mut self, id: &str, version: i64) -> Result<Contact> {
        let old = newest(self.conn(), id).await?;
        check_version("contact", id, version, old.version)?;
        if old.removed {
            return Err(Error::invalid("contact", "was removed"));
        }
        Ok(old)
    }

    #[expect(clippy::too_many_arguments, reason = "one row, written in one place")]
    async fn write_contact(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        version: i64,
        fields: &ContactFields,
        removed: bool,
        reason: &str,
        changed: Timestamp,
    ) -> Result<Contact> {
        check_fields(fields)?;
        sqlx::query(
            "INSERT INTO contact (id, version, object, owner, role, person, email, phone, \
             removed, reason, changed_us, saved_us, saved_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(id)
        .bind(version)
        .bind(&fields.object)
        .bind(&fields.owner)
        .bind(&fields.role)
        .bind(&fields.person)
        .bind(&fields.email)
        .bind(&fields.phone)
        .bind(removed)
        .bind(reason)
        .bind(time::to_us(changed))
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let change = json!({
            "version": version, "object": fields.object, "owner": fields.owner,
            "role": fields.role, "person": fields.person, "email": fields.email,
            "phone": fields.phone, "removed": removed, "changed_at": time::whole(changed),
        });
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        let action = match (version, removed) {
            (1, _) => "contact.added",
            (_, false) => "contact.changed",
            (_, true) => "contact.removed",
        };
        self.contact_note(ctx, id, action, change, reason).await?;
        contact_version(self.conn(), id, version).await
    }

    async fn contact_note(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        action: &str,
        change: serde_json::Value,
        reason: Option<&str>,
    ) -> Result<()> {
        let note = Note {
            action,
            object: ("contact", id),
            change,
            reason,
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }
}

fn check_fields(fields: &ContactFields) -> Result<()> {
    check_text("object", &fields.object, TITLE_BYTES_MAX)?;
    check_text("person", &fields.person, NAME_BYTES_MAX)?;
    opt_check("owner", Some(&fields.owner), TITLE_BYTES_MAX)?;
    for (name, text) in [("role", &fields.role), ("phone", &fields.phone)] {
        opt_check(name, Some(text), NAME_BYTES_MAX)?;
    }
    opt_check("email", Some(&fields.email), NAME_BYTES_MAX)?;
    let plausible = fields
        .email
        .split_once('@')
        .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty());
    if !fields.email.is_empty() && !plausible {
        let message = format!("`{}` is no e-mail address", fields.email);
        return Err(Error::invalid("email", message));
    }
    if fields.email.is_empty() && fields.phone.is_empty() {
        return Err(Error::invalid(
            "email",
            "give an e-mail address or a telephone number",
        ));
    }
    Ok(())
}

impl Store {
    /// The newest version of every contact, by object and person; removed ones only if asked.
    pub async fn contacts(&self, removed: bool) -> Result<Vec<Contact>> {
        let rows = sqlx::query(
            "SELECT * FROM contact c WHERE version = \
             (SELECT MAX(version) FROM contact o WHERE o.id = c.id) AND ($1 OR NOT removed) \
             ORDER BY object, person, id",
        )
        .bind(removed)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(contact_of).collect()
    }

    /// Who is written to as one of `names`: the persons whose role or organisation is one of them
    /// and whose e-mail address is known. Those who answer for `object` come alone where there are
    /// any; capital letters do not count.
    pub async fn contacts_named(&self, names: &[String], object: &str) -> Result<Vec<Contact>> {
        let plain = |text: &str| text.trim().to_lowercase();
        let names: Vec<String> = names.iter().map(|name| plain(name)).collect();
        let mut found = self.contacts(false).await?;
        found.retain(|one| {
            let named = |text: &str| !text.is_empty() && names.contains(&plain(text));
            !one.email.is_empty() && (named(&one.role) || named(&one.owner))
        });
        let object = plain(object);
        if found.iter().any(|one| plain(&one.object) == object) {
            found.retain(|one| plain(&one.object) == object);
        }
        Ok(found)
    }

    /// Every version of a contact, the newest first.
    pub async fn contact_history(&self, id: &str) -> Result<Vec<Contact>> {
        let rows = sqlx::query("SELECT * FROM contact WHERE id = $1 ORDER BY version DESC")
            .bind(id)
            .fetch_all(self.pool())
            .await?;
        if rows.is_empty() {
            return Err(Error::not_found("contact", id));
        }
        rows.iter().map(contact_of).collect()
    }

    /// The duties that changes of contacts started, of one contact if given; the earliest due
    /// first.
    pub async fn contact_clocks(
        &self,
        law: &Law,
        now: Timestamp,
        id: Option<&str>,
    ) -> Result<Vec<ContactClock>> {
        let mut conn = self.pool().acquire().await?;
        let rows = sqlx::query(
            "SELECT * FROM contact WHERE version > 1 AND ($1 IS NULL OR id = $1) \
             ORDER BY id, version",
        )
        .bind(id)
        .fetch_all(&mut *conn)
        .await?;
        let mut clocks = Vec::new();
        for row in &rows {
            let contact = contact_of(row)?;
            for clock in clocks_of_change(&mut conn, law, &contact, now).await? {
                clocks.push(ContactClock {
                    contact: contact.clone(),
                    clock,
                });
            }
        }
        clocks.sort_by_key(|row| (row.clock.due.is_none(), row.clock.due));
        Ok(clocks)
    }
}

/// The clocks that one change runs on.
async fn clocks_of_change(
    conn: &mut SqliteConnection,
    law: &Law,
    contact: &Contact,
    now: Timestamp,
) -> Result<Vec<Clock>> {
    if contact.version == 1 {
        return Ok(Vec::new());
    }
    let mut facts = vec![CaseFact::new("contact.changed", contact.changed_at, 1)];
    let rows = sqlx::query("SELECT * FROM contact_notice WHERE contact_id = $1 AND version = $2")
        .bind(&contact.id)
        .bind(contact.version)
        .fetch_all(conn)
        .await?;
    for (seq, row) in (2..).zip(&rows) {
        let kind = format!("notice.sent:{}", row.text("duty")?);
        facts.push(CaseFact::new(kind, row.time("sent_us")?, seq));
    }
    let mut clocks = law.clocks(&facts, now);
    clocks.retain(|clock| clock.started.is_some());
    Ok(clocks)
}

async fn newest(conn: &mut SqliteConnection, id: &str) -> Result<Contact> {
    let row = sqlx::query("SELECT * FROM contact WHERE id = $1 ORDER BY version DESC LIMIT 1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("contact", id))?;
    contact_of(&row)
}

async fn contact_version(conn: &mut SqliteConnection, id: &str, version: i64) -> Result<Contact> {
    let row = sqlx::query("SELECT * FROM contact WHERE id = $1 AND version = $2")
        .bind(id)
        .bind(version)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("contact", &format!("{id}/{version}")))?;
    contact_of(&row)
}

fn contact_of(row: &SqliteRow) -> Result<Contact> {
    Ok(Contact {
        id: row.text("id")?,
        version: row.int("version")?,
        object: row.text("object")?,
        owner: row.text("owner")?,
        role: row.text("role")?,
        person: row.text("person")?,
        email: row.text("email")?,
        phone: row.text("phone")?,
        removed: row.flag("removed")?,
        reason: row.text("reason")?,
        changed_at: row.time("changed_us")?,
        saved_at: row.time("saved_us")?,
        saved_by: row.text("saved_by")?,
    })
}
