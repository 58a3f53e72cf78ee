//! Sessions: a random token in a cookie, its SHA-256 in the database.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::Timestamp;
use saqshy_casework::{Actor, Store};
use serde_json::json;
use sqlx::Row;

use super::accounts::note;
use super::{Account, AccountError, Permission, Roles, SESSION_IDLE, SESSION_TOTAL};
use crate::http::ApiError;

/// Name of the cookie.
pub const SESSION_COOKIE: &str = "saqshy_session";
/// The database hears of a session's requests this often at most, in microseconds.
const SEEN_EVERY_US: i64 = 60_000_000;

/// Who makes a request. Handlers take it as an argument.
#[derive(Debug, Clone)]
pub struct Who {
    pub user_id: String,
    pub login: String,
    pub name: String,
    pub roles: Vec<String>,
    pub language: String,
    pub permissions: BTreeSet<Permission>,
    /// SHA-256 of the session's token, hex.
    pub session: String,
}

impl Who {
    /// The same person as casework and the journal know them: by login.
    pub fn actor(&self) -> Actor {
        Actor {
            id: self.login.clone(),
            name: self.name.clone(),
            roles: self.roles.clone(),
        }
    }
}

/// Present behind every gate but the public one.
impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Who>()
            .cloned()
            .ok_or_else(ApiError::not_signed_in)
    }
}

/// The table of sessions.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
}

impl Sessions {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Begins a session and returns its token: 256 random bits, hex.
    pub async fn begin(
        &self,
        account: &Account,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<String, AccountError> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| AccountError::Internal(error.to_string().into()))?;
        let token = hex::encode(bytes);
        let now_us = now.as_microsecond();
        let mut tx = self.store.begin().await?;
        sqlx::query("DELETE FROM session WHERE seen_at_us < $1 OR created_at_us < $2")
            .bind(now_us - micros(SESSION_IDLE))
            .bind(now_us - micros(SESSION_TOTAL))
            .execute(tx.conn())
            .await?;
        sqlx::query(
            "INSERT INTO session (token_sha256, account_id, address, created_at_us, seen_at_us) \
             VALUES ($1, $2, $3, $4, $4)",
        )
        .bind(hash(&token))
        .bind(&account.id)
        .bind(address.to_string())
        .bind(now_us)
        .execute(tx.conn())
        .await?;
        sqlx::query("UPDATE account SET last_sign_in_us = $1 WHERE id = $2")
            .bind(now_us)
            .bind(&account.id)
            .execute(tx.conn())
            .await?;
        let by = Actor {
            id: account.login.clone(),
            name: account.name.clone(),
            roles: Vec::new(),
        };
        let change = json!({"address": address.to_string()});
        note(&mut tx, &by, now, "session.begun", &account.id, change).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// Who has this token, if its session has not ended and the account is enabled.
    pub async fn who(
        &self,
        roles: &Roles,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Who>, AccountError> {
        let session = hash(token);
        let now_us = now.as_microsecond();
        let row = sqlx::query(
            "SELECT a.id, a.login, a.name, a.roles, a.language, s.seen_at_us FROM session s \
             JOIN account a ON a.id = s.account_id \
             WHERE s.token_sha256 = $1 AND a.enabled = 1 AND s.seen_at_us >= $2 AND s.created_at_us >= $3",
        )
        .bind(&session)
        .bind(now_us - micros(SESSION_IDLE))
        .bind(now_us - micros(SESSION_TOTAL))
        .fetch_optional(self.store.pool())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let held: String = row.try_get(3)?;
        let held: Vec<String> =
            serde_json::from_str(&held).map_err(|error| AccountError::Internal(Box::new(error)))?;
        if now_us - row.try_get::<i64, _>(5)? >= SEEN_EVERY_US {
            let mut tx = self.store.begin().await?;
            sqlx::query("UPDATE session SET seen_at_us = $1 WHERE token_sha256 = $2")
                .bind(now_us)
                .bind(&session)
                .execute(tx.conn())
                .await?;
            tx.commit().await?;
        }
        Ok(Some(Who {
            user_id: row.try_get(0)?,
            login: row.try_get(1)?,
            name: row.try_get(2)?,
            language: row.try_get(4)?,
            permissions: roles.permissions(held.iter().map(String::as_str)),
            roles: held,
            session,
        }))
    }

    /// Ends the session of `who`.
    pub async fn end(&self, who: &Who, now: Timestamp) -> Result<(), AccountError> {
        let mut tx = self.store.begin().await?;
        sqlx::query("DELETE FROM session WHERE token_sha256 = $1")
            .bind(&who.session)
            .execute(tx.conn())
            .await?;
        note(
            &mut tx,
            &who.actor(),
            now,
            "session.ended",
            &who.user_id,
            json!({}),
        )
        .await?;
        Ok(tx.commit().await?)
    }
}

fn micros(duration: jiff::SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn hash(token: &str) -> String {
    saqshy_casework::sha256_hex(token.as_bytes())
}
