//! Which lake files the journal knows: each file enters it by SHA-256 when it is committed, and
//! leaves it when a compaction replaced it.

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::Timestamp;
use saqshy_casework::{Migration, Store, Tx};
use saqshy_journal::Leaf;
use saqshy_lake::LakeFile;
use serde_json::json;
use sqlx::Row;

use super::App;

pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "lake files and sources",
    sql: include_str!("../../migrations/0001_runtime.sql"),
}];

/// Journals files that a flush or compaction added and those it replaced.
pub async fn record(app: &App, added: &[LakeFile], removed: &[LakeFile]) -> anyhow::Result<()> {
    if added.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let now = app.now();
    let mut tx = app.store.begin().await?;
    for file in added {
        add(&mut tx, now, file).await?;
    }
    for file in removed {
        remove(&mut tx, now, &file.path).await?;
    }
    tx.commit().await.context("journalling lake files")
}

/// Brings the journal's list in line with the table's after a crash between the two.
pub async fn reconcile(app: &App) -> anyhow::Result<()> {
    let known = live(&app.store).await?;
    let files = app.lake.files();
    let added: Vec<_> = files
        .iter()
        .filter(|file| !known.contains_key(&file.path))
        .cloned()
        .collect();
    let gone: Vec<_> = known
        .keys()
        .filter(|path| !files.iter().any(|file| file.path == **path))
        .cloned()
        .collect();
    if added.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let now = app.now();
    let mut tx = app.store.begin().await?;
    for file in &added {
        add(&mut tx, now, file).await?;
    }
    for path in &gone {
        remove(&mut tx, now, path).await?;
    }
    tx.commit()
        .await
        .context("journalling lake files found at start")
}

/// Path → SHA-256 of every file that the journal holds to be live.
pub async fn live(store: &Store) -> anyhow::Result<BTreeMap<String, String>> {
    let rows = sqlx::query("SELECT path, sha256 FROM lake_file WHERE removed_at_us IS NULL")
        .fetch_all(store.pool())
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

async fn add(tx: &mut Tx, now: Timestamp, file: &LakeFile) -> anyhow::Result<()> {
    let change =
        json!({"path": file.path, "sha256": file.sha256, "rows": file.rows, "bytes": file.bytes});
    let leaf = tx
        .leaf(&leaf(now, "lake.file_added", &file.path, change))
        .await?;
    sqlx::query("INSERT INTO lake_file (path, sha256, leaf) VALUES ($1, $2, $3)")
        .bind(&file.path)
        .bind(&file.sha256)
        .bind(i64::try_from(leaf)?)
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn remove(tx: &mut Tx, now: Timestamp, path: &str) -> anyhow::Result<()> {
    tx.leaf(&leaf(
        now,
        "lake.file_replaced",
        path,
        json!({"path": path}),
    ))
    .await?;
    sqlx::query("UPDATE lake_file SET removed_at_us = $1 WHERE path = $2")
        .bind(now.as_microsecond())
        .bind(path)
        .execute(tx.conn())
        .await?;
    Ok(())
}

fn leaf(at: Timestamp, action: &str, path: &str, change: serde_json::Value) -> Leaf {
    Leaf {
        at,
        actor: "system".to_owned(),
        action: action.to_owned(),
        object: format!("lake_file:{path}"),
        change,
        reason: None,
        edition: None,
    }
}
