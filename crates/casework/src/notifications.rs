//! What a person should look at: mentions, escalations, hand-overs (PS-045).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::tx::{Columns, Note};
use crate::words::NotificationKind;
use crate::{Ctx, Error, Result, Store, Tx, time};

/// Something that a person is told inside the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notification {
    pub id: String,
    pub kind: NotificationKind,
    /// `incident:<id>`, `hand_over:<id>` and so on.
    pub object: String,
    pub text: String,
    pub sent_at: Timestamp,
    pub sent_by: String,
    pub read_at: Option<Timestamp>,
}

/// Logins that a text mentions as `@login`, in their order, each once.
pub fn mentions(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let starts = c == '@' && !before.is_alphanumeric();
        before = c;
        if !starts {
            continue;
        }
        let rest = &text[at + 1..];
        let part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let login = rest[..end].trim_end_matches(['.', '-', '_']).to_lowercase();
        if !login.is_empty() && login.len() <= 64 && seen.insert(login.clone()) {
            found.push(login);
        }
    }
    found
}

impl Tx {
    /// Tells a person. Nobody is told what they did themselves.
    pub(crate) async fn notify(
        &mut self,
        ctx: &Ctx<'_>,
        person: &str,
        kind: NotificationKind,
        object: (&str, &str),
        text: &str,
    ) -> Result<()> {
        if person.is_empty() || person == ctx.actor.id {
            return Ok(());
        }
        let id = self.new_id("notification").await?;
        let object = format!("{}:{}", object.0, object.1);
        sqlx::query(
            "INSERT INTO notification (id, person, kind, object, text, sent_us, sent_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id)
        .bind(person)
        .bind(kind.as_str())
        .bind(&object)
        .bind(text)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        let note = Note {
            action: "notification.sent",
            object: ("notification", &id),
            change: json!({"person": person, "kind": kind, "about": object}),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }

    /// Records that the actor has read a notification of the own list.
    ///
    /// # Errors
    /// `NotFound` for one of somebody else.
    pub async fn read_notification(&mut self, ctx: &Ctx<'_>, id: &str) -> Result<()> {
        let row = sqlx::query("SELECT read_us FROM notification WHERE id = $1 AND person = $2")
            .bind(id)
            .bind(&ctx.actor.id)
            .fetch_optional(self.conn())
            .await?
            .ok_or_else(|| Error::not_found("notification", id))?;
        if row.try_get::<Option<i64>, _>(0)?.is_some() {
            return Ok(());
        }
        sqlx::query("UPDATE notification SET read_us = $2 WHERE id = $1")
            .bind(id)
            .bind(time::to_us(ctx.now))
            .execute(self.conn())
            .await?;
        let note = Note {
            action: "notification.read",
            object: ("notification", id),
            change: json!({}),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }
}

impl Store {
    /// A person's notifications, the newest first, at most 200.
    pub async fn notifications(&self, person: &str, unread: bool) -> Result<Vec<Notification>> {
        let rows = sqlx::query(
            "SELECT * FROM notification WHERE person = $1 AND ($2 = 0 OR read_us IS NULL) \
             ORDER BY sent_us DESC, id LIMIT 200",
        )
        .bind(person)
        .bind(unread)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(notification_of).collect()
    }
}

fn notification_of(row: &SqliteRow) -> Result<Notification> {
    Ok(Notification {
        id: row.text("id")?,
        kind: row.word("kind")?,
        object: row.text("object")?,
        text: row.text("text")?,
        sent_at: row.time("sent_us")?,
        sent_by: row.text("sent_by")?,
        read_at: row.opt_time("read_us")?,
    })
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn mentions_are_whole_logins() {
        assert_eq!(
            mentions("@Aigerim, қараңыз; @daulet.k. және @aigerim"),
            ["aigerim", "daulet.k"]
        );
        assert!(mentions("soc@example.kz және @ немесе @.").is_empty());
    }
}
