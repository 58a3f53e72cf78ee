//! Sources with tokens, as intake asks for them: from memory, kept in the database.

use std::net::IpAddr;

use anyhow::Context;
use getrandom::fill;
use jiff::Timestamp;
use parking_lot::RwLock;
use saqshy_casework::{Actor, Error, Store};
use saqshy_intake::{SourceId, Sources, TokenHash, Transport};
use saqshy_journal::Leaf;
use serde_json::json;
use sqlx::Row;

/// A source that was made by a person.
#[derive(Clone)]
pub struct Source {
    pub id: String,
    pub name: String,
    pub enabled: bool,
    pub created_at: Timestamp,
    token: TokenHash,
}

/// A fresh source with its token, which is shown this once.
pub struct NewSource {
    pub id: String,
    pub token: String,
}

/// All sources. Senders without a token get one named after their address.
#[derive(Default)]
pub struct SourceRegistry {
    sources: RwLock<Vec<Source>>,
}

const NAME_BYTES_MAX: usize = 120;

impl SourceRegistry {
    pub async fn load(store: &Store) -> anyhow::Result<Self> {
        let rows = sqlx::query(
            "SELECT id, name, token_sha256, enabled, created_at_us FROM source ORDER BY name",
        )
        .fetch_all(store.pool())
        .await?;
        let sources = rows
            .iter()
            .map(|row| {
                let hash: String = row.try_get(2)?;
                let bytes = hex::decode(&hash)?;
                let bytes: [u8; 32] = bytes
                    .try_into()
                    .ok()
                    .context("a token's hash has 32 bytes")?;
                Ok(Source {
                    id: row.try_get(0)?,
                    name: row.try_get(1)?,
                    token: TokenHash::from_bytes(bytes),
                    enabled: row.try_get::<i64, _>(3)? != 0,
                    created_at: Timestamp::from_microsecond(row.try_get(4)?)?,
                })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(SourceRegistry {
            sources: RwLock::new(sources),
        })
    }

    pub fn all(&self) -> Vec<Source> {
        self.sources.read().clone()
    }

    /// Makes a source.
    ///
    /// # Errors
    /// `Invalid` for an empty, over-long or taken name.
    pub async fn create(
        &self,
        store: &Store,
        actor: &Actor,
        now: Timestamp,
        name: &str,
    ) -> Result<NewSource, Error> {
        let name = name.trim();
        let invalid = |message: String| Error::Invalid {
            field: "name",
            message,
        };
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(invalid(format!(
                "use 1 to {NAME_BYTES_MAX} bytes without control characters"
            )));
        }
        if self.sources.read().iter().any(|source| source.name == name) {
            return Err(invalid(format!("a source named `{name}` exists")));
        }
        let token = random_token()?;
        let hash = TokenHash::of(&token);
        let mut tx = store.begin().await?;
        let id = format!("src-{}", &tx.new_id("source").await?[..12]);
        tx.leaf(&leaf(
            actor,
            now,
            "source.created",
            &id,
            json!({"name": name}),
        ))
        .await?;
        sqlx::query("INSERT INTO source (id, name, token_sha256, enabled, created_at_us) VALUES ($1, $2, $3, 1, $4)")
            .bind(&id)
            .bind(name)
            .bind(hex::encode(hash.to_bytes()))
            .bind(now.as_microsecond())
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        let source = Source {
            id: id.clone(),
            name: name.to_owned(),
            enabled: true,
            created_at: now,
            token: hash,
        };
        self.sources.write().push(source);
        Ok(NewSource { id, token })
    }

    /// Switches a source on or off, or gives it a new token (returned once).
    pub async fn change(
        &self,
        store: &Store,
        actor: &Actor,
        now: Timestamp,
        id: &str,
        enabled: Option<bool>,
        rotate: bool,
    ) -> Result<Option<String>, Error> {
        let missing = || Error::NotFound {
            object: format!("source:{id}"),
        };
        let mut next = self
            .sources
            .read()
            .iter()
            .find(|source| source.id == id)
            .cloned()
            .ok_or_else(missing)?;
        let token = if rotate { Some(random_token()?) } else { None };
        if let Some(token) = &token {
            next.token = TokenHash::of(token);
        }
        next.enabled = enabled.unwrap_or(next.enabled);
        let mut tx = store.begin().await?;
        let change = json!({"enabled": next.enabled, "token_rotated": rotate});
        tx.leaf(&leaf(actor, now, "source.changed", id, change))
            .await?;
        sqlx::query("UPDATE source SET enabled = $1, token_sha256 = $2 WHERE id = $3")
            .bind(i64::from(next.enabled))
            .bind(hex::encode(next.token.to_bytes()))
            .bind(id)
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        let mut sources = self.sources.write();
        if let Some(source) = sources.iter_mut().find(|source| source.id == id) {
            *source = next;
        }
        Ok(token)
    }
}

impl Sources for SourceRegistry {
    fn by_token(&self, token: &str) -> Option<SourceId> {
        let hash = TokenHash::of(token);
        // All are compared, so that the time does not tell which one it was.
        let mut found = None;
        for source in self.sources.read().iter() {
            if source.token == hash && source.enabled {
                found = Some(SourceId::new(&source.id));
            }
        }
        found
    }

    fn by_peer(&self, ip: IpAddr, transport: Transport) -> SourceId {
        SourceId::new(&format!("{}:{}", transport.name(), ip.to_canonical()))
    }
}

/// 256 random bits.
fn random_token() -> Result<String, Error> {
    let mut bytes = [0u8; 32];
    fill(&mut bytes).map_err(|error| Error::Storage(error.to_string().into()))?;
    Ok(hex::encode(bytes))
}

fn leaf(actor: &Actor, at: Timestamp, action: &str, id: &str, change: serde_json::Value) -> Leaf {
    Leaf {
        at,
        actor: actor.id.clone(),
        action: action.to_owned(),
        object: format!("source:{id}"),
        change,
        reason: None,
        edition: None,
    }
}
