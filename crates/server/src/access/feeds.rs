//! Secret links to a person's calendar feed: a random token, its SHA-256 in the database.

use jiff::Timestamp;
use saqshy_casework::{Actor, Store};
use serde_json::json;

use super::AccountError;
use super::accounts::note;
use super::sessions::hash;

/// The table of feeds; a person has one link at most.
#[derive(Clone)]
pub struct Feeds {
    store: Store,
}

impl Feeds {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Makes a new link and ends the one before. Returns its token: 256 random bits, hex.
    pub async fn make(
        &self,
        actor: &Actor,
        account: &str,
        now: Timestamp,
    ) -> Result<String, AccountError> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| AccountError::Internal(error.to_string().into()))?;
        let token = hex::encode(bytes);
        let mut tx = self.store.begin().await?;
        sqlx::query("DELETE FROM calendar_feed WHERE account_id = $1")
            .bind(account)
            .execute(tx.conn())
            .await?;
        sqlx::query(
            "INSERT INTO calendar_feed (token_sha256, account_id, created_at_us) VALUES ($1, $2, $3)",
        )
        .bind(hash(&token))
        .bind(account)
        .bind(now.as_microsecond())
        .execute(tx.conn())
        .await?;
        note(&mut tx, actor, now, "feed.made", account, json!({})).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// Ends a person's link; nothing happens when there is none.
    pub async fn end(
        &self,
        actor: &Actor,
        account: &str,
        now: Timestamp,
    ) -> Result<(), AccountError> {
        let mut tx = self.store.begin().await?;
        sqlx::query("DELETE FROM calendar_feed WHERE account_id = $1")
            .bind(account)
            .execute(tx.conn())
            .await?;
        note(&mut tx, actor, now, "feed.ended", account, json!({})).await?;
        tx.commit().await?;
        Ok(())
    }

    /// When a person's link was made.
    pub async fn made_at(&self, account: &str) -> Result<Option<Timestamp>, AccountError> {
        let at: Option<i64> =
            sqlx::query_scalar("SELECT created_at_us FROM calendar_feed WHERE account_id = $1")
                .bind(account)
                .fetch_optional(self.store.pool())
                .await?;
        Ok(at.and_then(|at| Timestamp::from_microsecond(at).ok()))
    }

    /// Id of the account whose link has this token.
    pub async fn owner(&self, token: &str) -> Result<Option<String>, AccountError> {
        let id = sqlx::query_scalar("SELECT account_id FROM calendar_feed WHERE token_sha256 = $1")
            .bind(hash(token))
            .fetch_optional(self.store.pool())
            .await?;
        Ok(id)
    }
}
