use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Connection, Row};
use tokio::sync::watch;

use crate::tx::Tx;
use crate::{Error, Result, time};

/// One step of a component's schema. `version` counts from 1 without gaps; a step that was
/// applied once is never edited again (its SHA-256 is remembered and compared).
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub version: i64,
    pub name: &'static str,
    pub sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "casework",
        sql: include_str!("../migrations/0001_casework.sql"),
    },
    Migration {
        version: 2,
        name: "incident work",
        sql: include_str!("../migrations/0002_incident_work.sql"),
    },
    Migration {
        version: 3,
        name: "evidence",
        sql: include_str!("../migrations/0003_evidence.sql"),
    },
    Migration {
        version: 4,
        name: "investigation",
        sql: include_str!("../migrations/0004_investigation.sql"),
    },
    Migration {
        version: 5,
        name: "response and contacts",
        sql: include_str!("../migrations/0005_response.sql"),
    },
    Migration {
        version: 6,
        name: "what undoing an action restores",
        sql: "ALTER TABLE response_action ADD COLUMN former TEXT",
    },
    Migration {
        version: 7,
        name: "what was done outside of cases",
        sql: include_str!("../migrations/0007_done.sql"),
    },
];

/// Apart from the numbered ones above, as it belongs to detection's side of the database.
const ALERT_TITLES: &[Migration] = &[Migration {
    version: 1,
    name: "titles of alerts",
    sql: "ALTER TABLE alert ADD COLUMN rule_title_text TEXT",
}];

/// The casework database: one SQLite file, one writer at a time, readers beside it.
///
/// Cheap to clone. A committed transaction is on disk (WAL, `synchronous = FULL`), because the
/// journal leaf travels in the same transaction as the change it describes.
#[derive(Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    leaves: Arc<watch::Sender<u64>>,
}

impl Store {
    /// Opens or creates the database file and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(256);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        migrate(&mut *writer.acquire().await?, "casework", MIGRATIONS).await?;
        migrate(&mut *writer.acquire().await?, "alert titles", ALERT_TITLES).await?;
        let notices = crate::notice_work::MIGRATIONS;
        migrate(&mut *writer.acquire().await?, "notices", notices).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.pragma("query_only", "on"))
            .await?;
        let size = leaf_count(&mut *writer.acquire().await?).await?;
        let (leaves, _) = watch::channel(size);
        Ok(Self {
            writer,
            readers,
            leaves: Arc::new(leaves),
        })
    }

    /// Connections for reading. A statement that writes is refused here: writing goes through
    /// [`Store::begin`], so that its leaf can be in the same transaction.
    pub fn pool(&self) -> &SqlitePool {
        &self.readers
    }

    /// Applies the schema steps of another component (the server's users, sessions, tokens) to
    /// this database.
    pub async fn migrate(&self, component: &str, steps: &[Migration]) -> Result<()> {
        migrate(&mut *self.writer.acquire().await?, component, steps).await
    }

    /// Begins a writing transaction. Waits until the writer before it has finished. Dropping it
    /// without [`Tx::commit`] undoes everything, leaves included.
    pub async fn begin(&self) -> Result<Tx> {
        let inner = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Tx::new(inner, self.leaves.clone()))
    }

    /// Position that `reader` has committed, 0 if it never has.
    pub async fn position(&self, reader: &str) -> Result<u64> {
        let row = sqlx::query("SELECT position FROM pipeline_position WHERE reader = $1")
            .bind(reader)
            .fetch_optional(&self.readers)
            .await?;
        Ok(match row {
            Some(row) => time::count(row.try_get(0)?)?,
            None => 0,
        })
    }

    /// Number of journal leaves written so far.
    pub async fn leaf_count(&self) -> Result<u64> {
        leaf_count(&mut *self.readers.acquire().await?).await
    }

    /// Canonical bytes of the leaves `idx..idx + max`, in order.
    pub async fn leaves_from(&self, idx: u64, max: u32) -> Result<Vec<(u64, Vec<u8>)>> {
        let rows =
            sqlx::query("SELECT idx, body FROM journal_leaf WHERE idx >= $1 ORDER BY idx LIMIT $2")
                .bind(time::signed(idx)?)
                .bind(i64::from(max))
                .fetch_all(&self.readers)
                .await?;
        rows.iter()
            .map(|row| {
                let body: String = row.try_get(1)?;
                Ok((time::count(row.try_get(0)?)?, body.into_bytes()))
            })
            .collect()
    }

    /// Changes whenever a transaction with leaves commits; the value is the number of leaves.
    pub fn watch_leaves(&self) -> watch::Receiver<u64> {
        self.leaves.subscribe()
    }

    /// Waits for the connections and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn leaf_count(conn: &mut SqliteConnection) -> Result<u64> {
    let next: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(idx) + 1, 0) FROM journal_leaf")
        .fetch_one(conn)
        .await?;
    time::count(next)
}

async fn migrate(conn: &mut SqliteConnection, component: &str, steps: &[Migration]) -> Result<()> {
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS schema_step (component TEXT NOT NULL, version BIGINT NOT NULL, \
         name TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (component, version))",
    )
    .execute(&mut *conn)
    .await?;
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let newest: i64 = sqlx::query_scalar(
        "SELECT COALESCE(MAX(version), 0) FROM schema_step WHERE component = $1",
    )
    .bind(component)
    .fetch_one(&mut *tx)
    .await?;
    let known = steps.iter().map(|step| step.version).max().unwrap_or(0);
    if newest > known {
        return Err(Error::corrupt(format!(
            "the database was written by a newer program: schema of `{component}` is {newest}, \
             this program knows {known}"
        )));
    }
    for step in steps {
        let sha256 = crate::sha256_hex(step.sql.as_bytes());
        if step.version > newest {
            sqlx::raw_sql(step.sql).execute(&mut *tx).await?;
            sqlx::query(
                "INSERT INTO schema_step (component, version, name, sha256) VALUES ($1, $2, $3, $4)",
            )
            .bind(component)
            .bind(step.version)
            .bind(step.name)
            .bind(sha256)
            .execute(&mut *tx)
            .await?;
            continue;
        }
        let applied: Option<String> = sqlx::query_scalar(
            "SELECT sha256 FROM schema_step WHERE component = $1 AND version = $2",
        )
        .bind(component)
        .bind(step.version)
        .fetch_optional(&mut *tx)
        .await?;
        if applied.as_deref() != Some(&sha256) {
            return Err(Error::corrupt(format!(
                "schema step {} of `{component}` differs from the one that was applied",
                step.version
            )));
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Who acts. `id` is what the journal keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub id: String,
    pub name: String,
    pub roles: Vec<String>,
}

impl Actor {
    /// The program itself, acting by rule.
    pub fn system() -> Self {
        Self {
            id: "system".into(),
            name: "Saqshy".into(),
            roles: Vec::new(),
        }
    }
}

/// What every change needs to know: who, when, and under which law.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    pub actor: &'a Actor,
    pub now: Timestamp,
    pub law: &'a crate::Law,
}
