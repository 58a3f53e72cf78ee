//! What happens around a sent notice: the warning before its deadline, the answer that comes back.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::notices::expect_state;
use crate::{
    Ctx, Error, Law, Migration, NewFact, Notice, NoticeState, Result, Store, TITLE_BYTES_MAX, Tx,
    check_text, time,
};

pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "notices",
    sql: include_str!("../migrations/notices_0001.sql"),
}];

/// A notice that has not left although its deadline comes near.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeAtRisk {
    pub notice: Notice,
    /// When its duty is due at the latest.
    pub due: Timestamp,
}

impl Tx {
    /// Records once that a notice has not left and its deadline comes near.
    pub async fn warn_notice(&mut self, ctx: &Ctx<'_>, id: &str, due: Timestamp) -> Result<()> {
        let old = self.notice(id).await?;
        if old.warned_at.is_some() {
            return Ok(());
        }
        sqlx::query("UPDATE notice SET warned_us = $2, version = version + 1 WHERE id = $1")
            .bind(id)
            .bind(time::to_us(ctx.now))
            .execute(self.conn())
            .await?;
        let data = json!({"state": old.state, "due": due, "detail": old.error});
        self.notice_entry(ctx, &old, "notice.at_risk", ctx.now, data, None)
            .await
    }

    /// Records that the addressee answered. The fact `answer.received:<duty>` stops every clock that
    /// the receipt of this notice had started (O199-12-5).
    pub async fn answer_notice(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        at: Timestamp,
        note: &str,
    ) -> Result<Notice> {
        check_text("note", note, TITLE_BYTES_MAX)?;
        let old = self.notice(id).await?;
        expect_state(
            &old,
            &[
                NoticeState::Sent,
                NoticeState::Delivered,
                NoticeState::Acknowledged,
            ],
        )?;
        let (now, at) = (time::whole(ctx.now), time::whole(at));
        let earliest = old.sent_at.unwrap_or(old.created_at);
        if at > now || at < earliest {
            return Err(Error::invalid(
                "at",
                format!("{at} is not between the sending at {earliest} and now"),
            ));
        }
        sqlx::query(
            "UPDATE notice SET answered_us = $2, answer_note = $3, version = version + 1 \
             WHERE id = $1",
        )
        .bind(id)
        .bind(time::to_us(at))
        .bind(note.trim())
        .execute(self.conn())
        .await?;
        let data = json!({"at": at, "note": note.trim()});
        self.notice_entry(ctx, &old, "notice.answered", at, data, None)
            .await?;
        for duty in answers_to(ctx.law, &old.duty) {
            let fact = NewFact {
                kind: format!("answer.received:{duty}"),
                at,
                note: note.trim().to_owned(),
            };
            self.record_fact(ctx, &old.incident_id, &fact).await?;
        }
        self.notice(id).await
    }
}

/// Duties that begin with the receipt of the notice of `duty`.
fn answers_to(law: &Law, duty: &str) -> Vec<String> {
    let received = format!("notice.received:{duty}");
    let duties = law.packs.iter().flat_map(|pack| &pack.duties);
    duties
        .filter(|other| !duty.is_empty() && other.trigger.contains(&received))
        .map(|other| other.id.clone())
        .collect()
}

impl Store {
    /// Approved or failed notices that have not left, were not warned about, and whose deadline
    /// comes near: `share` percent of the time between the first failure (or the approval) and the
    /// deadline has gone by, or sending was given up.
    pub async fn notices_at_risk(
        &self,
        law: &Law,
        now: Timestamp,
        share: u8,
    ) -> Result<Vec<NoticeAtRisk>> {
        let rows = sqlx::query(
            "SELECT * FROM notice WHERE state IN ('approved', 'failed') AND warned_us IS NULL \
             AND approved_us IS NOT NULL ORDER BY created_us, id",
        )
        .fetch_all(self.pool())
        .await?;
        let mut found = Vec::new();
        for row in &rows {
            let notice = crate::notices::notice_of(row)?;
            let clocks = self.clocks_of(&notice.incident_id, law, now).await?;
            let clock = clocks.iter().find(|clock| clock.duty == notice.duty);
            let Some(due) = clock.filter(|c| c.stopped.is_none()).and_then(|c| c.due) else {
                continue;
            };
            let since = notice.failed_since.or(notice.approved_at);
            let given_up = notice.state == NoticeState::Failed;
            if given_up || near(since.unwrap_or(now), due, share) <= now {
                found.push(NoticeAtRisk { notice, due });
            }
        }
        Ok(found)
    }
}

/// The moment at which `share` percent of the time from `since` to `due` has gone by.
fn near(since: Timestamp, due: Timestamp, share: u8) -> Timestamp {
    let left = due.duration_since(since).max(SignedDuration::ZERO);
    let part = left * i32::from(share.min(100)) / 100;
    since.checked_add(part).unwrap_or(due)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_comes_when_the_share_has_gone_by() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (since, due) = (at("2026-03-16T09:00:00Z"), at("2026-03-16T09:30:00Z"));
        assert_eq!(near(since, due, 50), at("2026-03-16T09:15:00Z"));
        assert_eq!(near(since, due, 0), since);
        assert_eq!(near(since, due, 200), due);
        assert_eq!(near(due, since, 50), due, "a deadline that is over");
    }
}
