//! What becomes of an approved notice: attempts to send, delivery, return, the addressee's receipt.

use jiff::Timestamp;
use serde_json::json;

use super::{Notice, Receipt, expect_state};
use crate::incidents::survivor_of;
use crate::{
    AttemptOutcome, Ctx, Error, NAME_BYTES_MAX, NoticeState, ReceiptHow, Result, TITLE_BYTES_MAX,
    Tx, check_text, time,
};

impl Tx {
    /// Records how an attempt to send ended. `Accepted` makes the notice sent and is the fact
    /// `notice.sent:<duty>:<addressee>`. A temporary failure with a
    /// `next_attempt` stays in the queue; every other failure makes the notice failed.
    ///
    /// A crash between the server's acceptance and this record sends the message once more:
    /// a notice is never lost, and may arrive twice.
    pub async fn record_attempt(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        outcome: AttemptOutcome,
        detail: &str,
        next_attempt: Option<Timestamp>,
    ) -> Result<Notice> {
        let old = self.notice(id).await?;
        expect_state(&old, &[NoticeState::Approved])?;
        let detail = crate::promote::clean(detail, TITLE_BYTES_MAX);
        let n = old.attempts + 1;
        sqlx::query(
            "INSERT INTO notice_attempt (notice_id, n, at_us, outcome, detail) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(time::signed(n)?)
        .bind(time::to_us(ctx.now))
        .bind(outcome.as_str())
        .bind(&detail)
        .execute(self.conn())
        .await?;
        let retry = match outcome {
            AttemptOutcome::Temporary | AttemptOutcome::Unreachable => next_attempt,
            AttemptOutcome::Accepted | AttemptOutcome::Rejected => None,
        };
        let (state, sent, error) = match outcome {
            AttemptOutcome::Accepted => (NoticeState::Sent, Some(ctx.now), None),
            _ if retry.is_some() => (NoticeState::Approved, None, Some(&detail)),
            _ => (NoticeState::Failed, None, Some(&detail)),
        };
        sqlx::query(
            "UPDATE notice SET state = $2, sent_us = $3, error = $4, next_attempt_us = $5, \
             attempts = $6, failed_since_us = COALESCE(failed_since_us, $7), \
             version = version + 1 WHERE id = $1",
        )
        .bind(id)
        .bind(state.as_str())
        .bind(time::opt_us(sent))
        .bind(error)
        .bind(time::opt_us(retry))
        .bind(time::signed(n)?)
        .bind(time::opt_us(error.map(|_| ctx.now)))
        .execute(self.conn())
        .await?;
        let data = json!({"n": n, "outcome": outcome, "state": state, "detail": detail});
        self.notice_entry(ctx, &old, "notice.attempted", ctx.now, data, None)
            .await?;
        if state == NoticeState::Sent {
            self.reached(ctx, &old, "notice.sent", ctx.now).await?;
        }
        self.notice(id).await
    }

    /// Records that the addressee's own server took the message.
    pub async fn notice_delivered(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        detail: &str,
    ) -> Result<Notice> {
        let old = self.notice(id).await?;
        expect_state(&old, &[NoticeState::Sent])?;
        sqlx::query(
            "UPDATE notice SET state = 'delivered', delivered_us = $2, version = version + 1 \
             WHERE id = $1",
        )
        .bind(id)
        .bind(time::to_us(ctx.now))
        .execute(self.conn())
        .await?;
        let detail = crate::promote::clean(detail, TITLE_BYTES_MAX);
        let data = json!({"state": NoticeState::Delivered, "detail": detail});
        self.notice_entry(ctx, &old, "notice.delivered", ctx.now, data, None)
            .await?;
        self.notice(id).await
    }

    /// Records that a sent message came back. Its fact is withdrawn; unless another notice
    /// has reached the addressee, the duty's clock runs again.
    pub async fn notice_bounced(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        detail: &str,
    ) -> Result<Notice> {
        let old = self.notice(id).await?;
        expect_state(&old, &[NoticeState::Sent, NoticeState::Delivered])?;
        let detail = crate::promote::clean(detail, TITLE_BYTES_MAX);
        sqlx::query(
            "UPDATE notice SET state = 'failed', error = $2, sent_us = NULL, delivered_us = NULL, \
             version = version + 1 WHERE id = $1",
        )
        .bind(id)
        .bind(&detail)
        .execute(self.conn())
        .await?;
        let data = json!({"state": NoticeState::Failed, "detail": detail});
        self.notice_entry(ctx, &old, "notice.bounced", ctx.now, data, Some(&detail))
            .await?;
        let kind = format!("notice.sent:{}:{}", old.duty, old.addressee);
        let case = survivor_of(self.conn(), &old.incident_id).await?;
        self.withdraw_facts(ctx, &case, &kind, Some(id), &detail)
            .await?;
        self.refresh_clocks(ctx, &case).await?;
        self.notice(id).await
    }

    /// Records that the addressee has received the notice; the fact
    /// `notice.received:<duty>:<addressee>` starts the clocks that count from receipt. A second receipt changes nothing.
    ///
    /// A receipt proves the sending: a notice that was approved but not yet recorded as sent
    /// (delivered by hand, or the record was lost) becomes sent at the moment of receipt.
    pub async fn acknowledge_notice(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        receipt: &Receipt,
    ) -> Result<Notice> {
        let old = self.notice(id).await?;
        if old.state == NoticeState::Acknowledged {
            return Ok(old);
        }
        if old.approved_at.is_none() || old.state == NoticeState::Draft {
            return Err(Error::invalid("state", "the notice was never approved"));
        }
        let now = time::whole(ctx.now);
        let (how, who, at, note) = match receipt {
            Receipt::Link => (ReceiptHow::Link, old.addressee.as_str(), now, None),
            Receipt::Recorded { who, at, note } => {
                check_text("who", who, NAME_BYTES_MAX)?;
                check_text("note", note, TITLE_BYTES_MAX)?;
                (
                    ReceiptHow::Recorded,
                    who.as_str(),
                    time::whole(*at),
                    Some(note.trim()),
                )
            }
        };
        if at > now {
            return Err(Error::invalid("at", format!("{at} lies in the future")));
        }
        let earliest = old.sent_at.or(old.approved_at).unwrap_or(old.created_at);
        if at < earliest {
            return Err(Error::invalid(
                "at",
                format!("{at} is earlier than the sending at {earliest}"),
            ));
        }
        let sent_at = old.sent_at.unwrap_or(at);
        sqlx::query(
            "UPDATE notice SET state = 'acknowledged', sent_us = $2, acknowledged_us = $3, \
             receipt_how = $4, receipt_who = $5, receipt_note = $6, error = NULL, \
             next_attempt_us = NULL, version = version + 1 WHERE id = $1",
        )
        .bind(id)
        .bind(time::to_us(sent_at))
        .bind(time::to_us(at))
        .bind(how.as_str())
        .bind(who)
        .bind(note)
        .execute(self.conn())
        .await?;
        let data = json!({
            "state": NoticeState::Acknowledged, "how": how, "who": who, "at": at, "note": note,
            "sent_at": sent_at,
        });
        self.notice_entry(ctx, &old, "notice.acknowledged", at, data, None)
            .await?;
        if old.sent_at.is_none() {
            self.reached(ctx, &old, "notice.sent", sent_at).await?;
        }
        self.reached(ctx, &old, "notice.received", at).await?;
        self.notice(id).await
    }

    async fn reached(
        &mut self,
        ctx: &Ctx<'_>,
        notice: &Notice,
        what: &str,
        at: Timestamp,
    ) -> Result<()> {
        if notice.duty.is_empty() {
            return Ok(());
        }
        let kind = format!("{what}:{}:{}", notice.duty, notice.addressee);
        // A notice about a case that was merged meanwhile counts for its survivor.
        let case = survivor_of(self.conn(), &notice.incident_id).await?;
        self.add_fact(ctx, &case, &kind, at, None, Some(&notice.id))
            .await?;
        self.refresh_clocks(ctx, &case).await
    }
}
