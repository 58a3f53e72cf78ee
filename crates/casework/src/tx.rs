use std::sync::Arc;

use jiff::Timestamp;
use saqshy_journal::Leaf;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, Sqlite, Transaction};
use tokio::sync::watch;

use crate::{Error, Result, time};

/// A writing transaction: the changes and the journal leaves that describe them, all or nothing.
///
/// An operation that returns an error may have done a part of its work. Drop the transaction then;
/// do not commit it.
pub struct Tx {
    inner: Transaction<'static, Sqlite>,
    leaves: Arc<watch::Sender<u64>>,
    next_leaf: Option<u64>,
    leaves_written: bool,
    ids_made: u64,
}

impl Tx {
    pub(crate) fn new(
        inner: Transaction<'static, Sqlite>,
        leaves: Arc<watch::Sender<u64>>,
    ) -> Self {
        Self {
            inner,
            leaves,
            next_leaf: None,
            leaves_written: false,
            ids_made: 0,
        }
    }

    /// The connection, for the tables of other components. Whatever is written here needs its
    /// own [`Tx::leaf`].
    pub fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }

    /// Makes everything durable. If this fails or is cancelled the outcome is unknown: read
    /// before a retry.
    pub async fn commit(self) -> Result<()> {
        self.inner.commit().await?;
        if let (true, Some(next)) = (self.leaves_written, self.next_leaf) {
            self.leaves.send_replace(next);
        }
        Ok(())
    }

    /// Undoes everything now. Dropping does the same a little later.
    pub async fn rollback(self) -> Result<()> {
        Ok(self.inner.rollback().await?)
    }

    /// Appends a leaf; its index is the number of leaves before it.
    pub async fn leaf(&mut self, leaf: &Leaf) -> Result<u64> {
        let body = canonical(leaf)?;
        let idx = self.next_leaf().await?;
        sqlx::query("INSERT INTO journal_leaf (idx, body) VALUES ($1, $2)")
            .bind(time::signed(idx)?)
            .bind(body)
            .execute(&mut *self.inner)
            .await?;
        self.next_leaf = Some(idx + 1);
        self.leaves_written = true;
        Ok(idx)
    }

    /// A new id: 32 hexadecimal digits, derived from `kind` and the place in the journal.
    ///
    /// Unique as long as the transaction that asks for it also writes a leaf. Not a secret.
    pub async fn new_id(&mut self, kind: &str) -> Result<String> {
        let idx = self.next_leaf().await?;
        self.ids_made += 1;
        Ok(id_of(&[kind, &idx.to_string(), &self.ids_made.to_string()]))
    }

    async fn next_leaf(&mut self) -> Result<u64> {
        if let Some(next) = self.next_leaf {
            return Ok(next);
        }
        let next: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(idx) + 1, 0) FROM journal_leaf")
            .fetch_one(&mut *self.inner)
            .await?;
        let next = time::count(next)?;
        self.next_leaf = Some(next);
        Ok(next)
    }

    /// Remembers how far `reader` has come, together with what it has written here.
    pub async fn set_position(&mut self, reader: &str, position: u64) -> Result<()> {
        sqlx::query(
            "INSERT INTO pipeline_position (reader, position) VALUES ($1, $2) \
             ON CONFLICT (reader) DO UPDATE SET position = excluded.position",
        )
        .bind(reader)
        .bind(time::signed(position)?)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Writes the leaf of one change made by this crate.
    pub(crate) async fn note(&mut self, by: &str, now: Timestamp, what: Note<'_>) -> Result<u64> {
        self.leaf(&Leaf {
            at: time::whole(now),
            actor: by.to_owned(),
            action: what.action.to_owned(),
            object: format!("{}:{}", what.object.0, what.object.1),
            change: what.change,
            reason: what.reason.map(str::to_owned),
            edition: what.edition.map(str::to_owned),
        })
        .await
    }
}

/// The part of a leaf that differs from change to change.
#[derive(Default)]
pub(crate) struct Note<'a> {
    pub action: &'a str,
    /// Kind and id.
    pub object: (&'a str, &'a str),
    pub change: Value,
    pub reason: Option<&'a str>,
    pub edition: Option<&'a str>,
}

fn canonical(leaf: &Leaf) -> Result<String> {
    let bytes = leaf
        .canonical()
        .map_err(|error| Error::invalid("change", error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| Error::Storage(Box::new(error)))
}

/// 32 hexadecimal digits that depend on every part and on where one part ends.
pub(crate) fn id_of(parts: &[&str]) -> String {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part.as_bytes());
    }
    let mut id = crate::sha256_hex(&joined);
    id.truncate(32);
    id
}

/// Column access with the types this crate uses.
pub(crate) trait Columns {
    fn text(&self, name: &str) -> Result<String>;
    fn opt_text(&self, name: &str) -> Result<Option<String>>;
    fn int(&self, name: &str) -> Result<i64>;
    fn opt_int(&self, name: &str) -> Result<Option<i64>>;
    fn flag(&self, name: &str) -> Result<bool>;
    fn uint(&self, name: &str) -> Result<u64>;
    fn time(&self, name: &str) -> Result<Timestamp>;
    fn opt_time(&self, name: &str) -> Result<Option<Timestamp>>;
    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T>;
    fn word<T: std::str::FromStr>(&self, name: &str) -> Result<T>;
}

impl Columns for SqliteRow {
    fn text(&self, name: &str) -> Result<String> {
        Ok(self.try_get(name)?)
    }
    fn opt_text(&self, name: &str) -> Result<Option<String>> {
        Ok(self.try_get(name)?)
    }
    fn int(&self, name: &str) -> Result<i64> {
        Ok(self.try_get(name)?)
    }
    fn opt_int(&self, name: &str) -> Result<Option<i64>> {
        Ok(self.try_get(name)?)
    }
    fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.try_get(name)?)
    }
    fn uint(&self, name: &str) -> Result<u64> {
        time::count(self.try_get(name)?)
    }
    fn time(&self, name: &str) -> Result<Timestamp> {
        time::from_us(self.try_get(name)?)
    }
    fn opt_time(&self, name: &str) -> Result<Option<Timestamp>> {
        time::opt_from_us(self.try_get(name)?)
    }
    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        Ok(serde_json::from_str(&self.text(name)?)?)
    }
    fn word<T: std::str::FromStr>(&self, name: &str) -> Result<T> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| Error::corrupt(format!("column `{name}` holds the unknown word `{text}`")))
    }
}
