//! Notices to addressees: draft, approval, sending, receipt. What the law counts becomes a fact of
//! the case: `notice.sent:<duty>:<addressee>`, `notice.received:<duty>:<addressee>`.

mod sending;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::alerts::check_version;
use crate::facts::facts_in_force;
use crate::incidents::{Entry, FAMILY, incident_by_id};
use crate::tx::Columns;
use crate::{
    AttemptOutcome, Channel, Ctx, Error, Law, NAME_BYTES_MAX, NoticeState, ReceiptHow, Result,
    Store, TEXT_BYTES_MAX, TITLE_BYTES_MAX, Tx, check_text, opt_check, sha256_hex, time,
};

/// A notice to be drafted.
#[derive(Debug, Clone, Default)]
pub struct NewNotice {
    /// The duty it fulfils; clause and edition come from its clock. Empty for a notice that no duty
    /// asks for.
    pub duty: String,
    /// Who is addressed: the id of one of the duty's addressees, or of one who may stand in.
    pub addressee: String,
    /// Where it goes: a mail address, a URL, or words for a delivery by hand. Empty while nobody
    /// knows; sending then asks for it.
    pub address: String,
    pub channel: Channel,
    /// Template of the letter: pack and document, joined by `#`.
    pub template: String,
    /// Languages of the document, such as `kk`, `ru`, `en`.
    pub languages: Vec<String>,
    /// What the author adds to the data of the incident.
    pub text: String,
}

/// A notice as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    pub id: String,
    pub incident_id: String,
    /// Outgoing number: the incident's, a slash, and the number within the incident.
    pub number: String,
    pub duty: String,
    pub clause: String,
    pub edition: String,
    pub addressee: String,
    pub address: String,
    pub channel: Channel,
    /// Template of the letter: pack and document, joined by `#`.
    pub template: String,
    pub languages: Vec<String>,
    pub text: String,
    pub state: NoticeState,
    pub created_at: Timestamp,
    pub created_by: String,
    pub approved_at: Option<Timestamp>,
    pub approved_by: Option<String>,
    pub sent_at: Option<Timestamp>,
    pub delivered_at: Option<Timestamp>,
    pub acknowledged_at: Option<Timestamp>,
    pub receipt_how: Option<ReceiptHow>,
    pub receipt_who: Option<String>,
    pub receipt_note: Option<String>,
    pub document_sha256: Option<String>,
    /// Attempts to send so far, and when the next is due.
    pub attempts: u64,
    pub next_attempt_at: Option<Timestamp>,
    pub error: Option<String>,
    /// When sending failed first, since it was last queued.
    pub failed_since: Option<Timestamp>,
    /// When it was said that the deadline comes near and the notice has not left.
    pub warned_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    pub answer_note: Option<String>,
    pub version: i64,
}

/// One attempt to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    pub n: u64,
    pub at: Timestamp,
    pub outcome: AttemptOutcome,
    pub detail: String,
}

/// A stored document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub sha256: String,
    pub media_type: String,
    pub body: Vec<u8>,
}

/// How the addressee's receipt became known.
#[derive(Debug, Clone)]
pub enum Receipt {
    /// The signed link was confirmed; the moment is now.
    Link,
    /// A person here saw it: who received, when, and what proves it (stamp, incoming number).
    Recorded {
        who: String,
        at: Timestamp,
        note: String,
    },
}

impl Tx {
    /// Drafts a notice for a duty that runs on the incident.
    ///
    /// # Errors
    /// `Invalid` when no clock of the organisation's own has that duty, or when the addressee is
    /// not one of the duty's.
    pub async fn draft_notice(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        new: &NewNotice,
    ) -> Result<Notice> {
        let found = incident_by_id(self.conn(), incident).await?;
        check_text("addressee", &new.addressee, NAME_BYTES_MAX)?;
        opt_check("address", Some(&new.address), TITLE_BYTES_MAX)?;
        opt_check("text", Some(&new.text), TEXT_BYTES_MAX)?;
        if new.languages.is_empty() {
            return Err(Error::invalid(
                "languages",
                "at least one language is needed",
            ));
        }
        let (clause, edition) = self.duty_of(ctx, incident, new).await?;
        let id = self.new_id("notice").await?;
        let seq: i64 = sqlx::query_scalar(
            "SELECT COALESCE(MAX(seq), 0) + 1 FROM notice WHERE incident_id = $1",
        )
        .bind(incident)
        .fetch_one(self.conn())
        .await?;
        let number = format!("{}/{seq}", found.number);
        sqlx::query(
            "INSERT INTO notice (id, incident_id, seq, number, duty, clause, edition, addressee, \
             address, channel, template, languages, text, state, created_us, created_by, version) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'draft', $14, $15, 1)",
        )
        .bind(&id)
        .bind(incident)
        .bind(seq)
        .bind(&number)
        .bind(&new.duty)
        .bind(&clause)
        .bind(&edition)
        .bind(&new.addressee)
        .bind(&new.address)
        .bind(new.channel.as_str())
        .bind(&new.template)
        .bind(serde_json::to_string(&new.languages)?)
        .bind(&new.text)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let data = json!({
            "number": number, "duty": new.duty, "clause": clause,
            "addressee": new.addressee, "address": new.address, "channel": new.channel,
            "template": new.template, "languages": new.languages, "text": new.text, "state": NoticeState::Draft,
        });
        let mut entry = Entry::new("notice.drafted", ctx.now, data);
        entry.object = Some(("notice", &id));
        entry.edition = Some(&edition).filter(|e| !e.is_empty()).map(String::as_str);
        self.entry(ctx, incident, entry).await?;
        self.notice(&id).await
    }

    /// Clause and edition of the duty that a notice fulfils; empty when it fulfils none.
    async fn duty_of(
        &mut self,
        ctx: &Ctx<'_>,
        incident: &str,
        new: &NewNotice,
    ) -> Result<(String, String)> {
        if new.duty.is_empty() {
            return Ok((String::new(), String::new()));
        }
        let facts = facts_in_force(self.conn(), incident).await?;
        let clock = ctx
            .law
            .clocks(&facts, ctx.now)
            .into_iter()
            .find(|clock| clock.duty == new.duty && clock.own && clock.started.is_some())
            .ok_or_else(|| {
                Error::invalid("duty", format!("no own duty `{}` applies here", new.duty))
            })?;
        check_addressee(ctx.law, &new.duty, &clock.edition, &new.addressee)?;
        Ok((clock.clause, clock.edition))
    }

    /// Changes address or text of a draft, or of a failed notice, which becomes a draft again.
    /// The document is dropped: it said something else.
    pub async fn edit_notice(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        address: Option<&str>,
        text: Option<&str>,
        version: i64,
    ) -> Result<Notice> {
        let old = self
            .expect(id, version, &[NoticeState::Draft, NoticeState::Failed])
            .await?;
        opt_check("address", address, TITLE_BYTES_MAX)?;
        opt_check("text", text, TEXT_BYTES_MAX)?;
        let address = address.unwrap_or(&old.address);
        let text = text.unwrap_or(&old.text);
        sqlx::query(
            "UPDATE notice SET address = $2, text = $3, state = 'draft', document_sha256 = NULL, \
             approved_us = NULL, approved_by = NULL, sent_us = NULL, delivered_us = NULL, \
             next_attempt_us = NULL, error = NULL, failed_since_us = NULL, warned_us = NULL, \
             version = version + 1 WHERE id = $1",
        )
        .bind(id)
        .bind(address)
        .bind(text)
        .execute(self.conn())
        .await?;
        let data = json!({"address": address, "text": text, "state": NoticeState::Draft});
        self.notice_entry(ctx, &old, "notice.edited", ctx.now, data, None)
            .await?;
        self.notice(id).await
    }

    /// Gives a draft its document. The bytes are kept under their SHA-256.
    pub async fn set_notice_document(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        media_type: &str,
        body: &[u8],
        version: i64,
    ) -> Result<Notice> {
        let old = self.expect(id, version, &[NoticeState::Draft]).await?;
        let sha256 = self.keep_document(ctx.now, media_type, body).await?;
        sqlx::query("UPDATE notice SET document_sha256 = $2, version = version + 1 WHERE id = $1")
            .bind(id)
            .bind(&sha256)
            .execute(self.conn())
            .await?;
        let data = json!({"document_sha256": sha256, "bytes": body.len()});
        self.notice_entry(ctx, &old, "notice.document", ctx.now, data, None)
            .await?;
        self.notice(id).await
    }

    /// Approves a draft that has its document. With `second_person` the approver must be somebody
    /// else than the author.
    pub async fn approve_notice(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        version: i64,
        second_person: bool,
    ) -> Result<Notice> {
        let old = self.expect(id, version, &[NoticeState::Draft]).await?;
        if second_person && old.created_by == ctx.actor.id {
            return Err(Error::invalid(
                "approver",
                "the author may not approve; a second person must",
            ));
        }
        let Some(sha256) = &old.document_sha256 else {
            return Err(Error::invalid("document", "the notice has no document yet"));
        };
        sqlx::query(
            "UPDATE notice SET state = 'approved', approved_us = $2, approved_by = $3, \
             version = version + 1 WHERE id = $1",
        )
        .bind(id)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let data = json!({"state": NoticeState::Approved, "document_sha256": sha256});
        self.notice_entry(ctx, &old, "notice.approved", ctx.now, data, None)
            .await?;
        self.notice(id).await
    }

    /// Puts an approved (or failed) notice into the queue for sending: it is due at once.
    pub async fn queue_notice(&mut self, ctx: &Ctx<'_>, id: &str, version: i64) -> Result<Notice> {
        let old = self
            .expect(id, version, &[NoticeState::Approved, NoticeState::Failed])
            .await?;
        if old.approved_at.is_none() {
            return Err(Error::invalid("state", "the notice was never approved"));
        }
        if old.address.trim().is_empty() {
            return Err(Error::invalid(
                "address",
                format!(
                    "nobody knows where `{}` is reached: add the contact, or write the address \
                     into the notice; it stays as it is",
                    old.addressee
                ),
            ));
        }
        sqlx::query(
            "UPDATE notice SET state = 'approved', next_attempt_us = $2, error = NULL, \
             failed_since_us = NULL, version = version + 1 WHERE id = $1",
        )
        .bind(id)
        .bind(time::to_us(ctx.now))
        .execute(self.conn())
        .await?;
        let data = json!({"state": NoticeState::Approved});
        self.notice_entry(ctx, &old, "notice.queued", ctx.now, data, None)
            .await?;
        self.notice(id).await
    }

    /// One notice, as this transaction sees it.
    pub async fn notice(&mut self, id: &str) -> Result<Notice> {
        notice_by_id(self.conn(), id).await
    }

    async fn expect(&mut self, id: &str, version: i64, states: &[NoticeState]) -> Result<Notice> {
        let notice = self.notice(id).await?;
        check_version("notice", id, version, notice.version)?;
        expect_state(&notice, states)?;
        Ok(notice)
    }

    pub(crate) async fn notice_entry(
        &mut self,
        ctx: &Ctx<'_>,
        notice: &Notice,
        kind: &str,
        at: Timestamp,
        mut data: serde_json::Value,
        reason: Option<&str>,
    ) -> Result<()> {
        data["number"] = json!(notice.number);
        data["duty"] = json!(notice.duty);
        data["addressee"] = json!(notice.addressee);
        let mut entry = Entry::new(kind, at, data);
        entry.object = Some(("notice", &notice.id));
        entry.reason = reason;
        entry.edition = Some(notice.edition.as_str()).filter(|edition| !edition.is_empty());
        self.entry(ctx, &notice.incident_id, entry).await
    }
}

/// Refuses an addressee whom the duty does not name in that edition.
pub(crate) fn check_addressee(law: &Law, duty: &str, edition: &str, addressee: &str) -> Result<()> {
    let Some((_, found)) = law.duty_in(duty, edition) else {
        return Err(Error::invalid(
            "duty",
            format!("no pack has the duty `{duty}`"),
        ));
    };
    if found
        .addressee
        .iter()
        .chain(&found.or_to)
        .any(|known| known == addressee)
    {
        return Ok(());
    }
    Err(Error::invalid(
        "addressee",
        format!("`{addressee}` is not an addressee of `{duty}`"),
    ))
}

pub(crate) fn expect_state(notice: &Notice, states: &[NoticeState]) -> Result<()> {
    if states.contains(&notice.state) {
        return Ok(());
    }
    Err(Error::invalid(
        "state",
        format!("a notice that is {} cannot do this", notice.state),
    ))
}

impl Store {
    /// One notice.
    pub async fn notice(&self, id: &str) -> Result<Notice> {
        notice_by_id(&mut *self.pool().acquire().await?, id).await
    }

    /// Notices whose next attempt to send is due, the longest waiting first.
    pub async fn notices_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Notice>> {
        let rows = sqlx::query(
            "SELECT * FROM notice WHERE state = 'approved' AND next_attempt_us <= $1 \
             ORDER BY next_attempt_us, id LIMIT $2",
        )
        .bind(time::to_us(now))
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(notice_of).collect()
    }

    /// Attempts to send a notice, oldest first.
    pub async fn notice_attempts(&self, id: &str) -> Result<Vec<Attempt>> {
        let rows = sqlx::query(
            "SELECT n, at_us, outcome, detail FROM notice_attempt WHERE notice_id = $1 ORDER BY n",
        )
        .bind(id)
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Attempt {
                    n: row.uint("n")?,
                    at: row.time("at_us")?,
                    outcome: row.word("outcome")?,
                    detail: row.text("detail")?,
                })
            })
            .collect()
    }

    /// A stored document; its bytes are checked against the SHA-256 it is kept under.
    pub async fn document(&self, sha256: &str) -> Result<Document> {
        let row = sqlx::query("SELECT media_type, body FROM document WHERE sha256 = $1")
            .bind(sha256)
            .fetch_optional(self.pool())
            .await?
            .ok_or_else(|| Error::not_found("document", sha256))?;
        let body: Vec<u8> = row.try_get("body")?;
        if sha256_hex(&body) != sha256 {
            return Err(Error::corrupt(format!(
                "document `{sha256}` was changed on disk"
            )));
        }
        Ok(Document {
            sha256: sha256.to_owned(),
            media_type: row.text("media_type")?,
            body,
        })
    }
}

async fn notice_by_id(conn: &mut SqliteConnection, id: &str) -> Result<Notice> {
    let row = sqlx::query("SELECT * FROM notice WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Error::not_found("notice", id))?;
    notice_of(&row)
}

/// The notices of a case and of those merged into it, oldest first.
pub(crate) async fn notices_of(conn: &mut SqliteConnection, incident: &str) -> Result<Vec<Notice>> {
    let sql =
        format!("SELECT * FROM notice WHERE incident_id IN ({FAMILY}) ORDER BY created_us, seq");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(incident)
        .fetch_all(conn)
        .await?;
    rows.iter().map(notice_of).collect()
}

pub(crate) fn notice_of(row: &SqliteRow) -> Result<Notice> {
    Ok(Notice {
        id: row.text("id")?,
        incident_id: row.text("incident_id")?,
        number: row.text("number")?,
        duty: row.text("duty")?,
        clause: row.text("clause")?,
        edition: row.text("edition")?,
        addressee: row.text("addressee")?,
        address: row.text("address")?,
        channel: row.word("channel")?,
        template: row.text("template")?,
        languages: row.json("languages")?,
        text: row.text("text")?,
        state: row.word("state")?,
        created_at: row.time("created_us")?,
        created_by: row.text("created_by")?,
        approved_at: row.opt_time("approved_us")?,
        approved_by: row.opt_text("approved_by")?,
        sent_at: row.opt_time("sent_us")?,
        delivered_at: row.opt_time("delivered_us")?,
        acknowledged_at: row.opt_time("acknowledged_us")?,
        receipt_how: match row.opt_text("receipt_how")? {
            Some(text) => Some(text.parse()?),
            None => None,
        },
        receipt_who: row.opt_text("receipt_who")?,
        receipt_note: row.opt_text("receipt_note")?,
        document_sha256: row.opt_text("document_sha256")?,
        attempts: row.uint("attempts")?,
        next_attempt_at: row.opt_time("next_attempt_us")?,
        error: row.opt_text("error")?,
        failed_since: row.opt_time("failed_since_us")?,
        warned_at: row.opt_time("warned_us")?,
        answered_at: row.opt_time("answered_us")?,
        answer_note: row.opt_text("answer_note")?,
        version: row.int("version")?,
    })
}
