//! The rules in service: loaded, compiled, switched on and off without a restart.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use saqshy_casework::{Actor, Error, Store};
use saqshy_detect::{Detector, RuleSet};
use saqshy_journal::Leaf;
use serde_json::json;
use sqlx::Row;

use crate::config::Config;
use crate::embedded;

/// One compiled state of the rules. Immutable: a change makes the next one.
pub struct RuleService {
    pub set: RuleSet,
    pub detector: Detector,
    /// Rule id → why it was switched off.
    pub disabled: BTreeMap<String, String>,
}

impl RuleService {
    /// Loads our own rules and those of the configured folders, and compiles what is enabled.
    pub async fn load(config: &Config, store: &Store) -> anyhow::Result<Self> {
        let rows = sqlx::query("SELECT rule_id, reason FROM rule_state WHERE enabled = 0")
            .fetch_all(store.pool())
            .await?;
        let disabled = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<anyhow::Result<BTreeMap<String, String>>>()?;
        let (own, folders) = (config.own_rules, config.rule_folders.clone());
        tokio::task::spawn_blocking(move || {
            let mut set = RuleSet::default();
            if own {
                for (name, text) in embedded::rules() {
                    set.add_text(&Path::new("rules").join(name), &text);
                }
            }
            for folder in &folders {
                set.add_folder(folder);
            }
            Ok(compile(set, disabled))
        })
        .await?
    }

    /// The state with one rule switched on or off; written to the database with its leaf.
    ///
    /// # Errors
    /// `NotFound` for an unknown rule, `Invalid` without a reason.
    pub async fn switched(
        self: &Arc<Self>,
        store: &Store,
        actor: &Actor,
        now: Timestamp,
        rule_id: &str,
        enabled: bool,
        reason: &str,
    ) -> Result<Self, Error> {
        if self.set.rule(rule_id).is_none() {
            return Err(Error::NotFound {
                object: format!("rule:{rule_id}"),
            });
        }
        if reason.trim().is_empty() || reason.len() > 2_000 {
            return Err(Error::Invalid {
                field: "reason",
                message: "say why, in 1 to 2000 bytes".into(),
            });
        }
        let mut tx = store.begin().await?;
        tx.leaf(&Leaf {
            at: now,
            actor: actor.id.clone(),
            action: if enabled {
                "rule.enabled"
            } else {
                "rule.disabled"
            }
            .to_owned(),
            object: format!("rule:{rule_id}"),
            change: json!({"enabled": enabled}),
            reason: Some(reason.to_owned()),
            edition: None,
        })
        .await?;
        sqlx::query(
            "INSERT INTO rule_state (rule_id, enabled, reason, changed_at_us, changed_by) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (rule_id) DO UPDATE SET enabled = excluded.enabled, reason = excluded.reason, \
             changed_at_us = excluded.changed_at_us, changed_by = excluded.changed_by",
        )
        .bind(rule_id)
        .bind(i64::from(enabled))
        .bind(reason)
        .bind(now.as_microsecond())
        .bind(&actor.id)
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        let mut disabled = self.disabled.clone();
        if enabled {
            disabled.remove(rule_id);
        } else {
            disabled.insert(rule_id.to_owned(), reason.to_owned());
        }
        let set = self.set.clone();
        tokio::task::spawn_blocking(move || compile(set, disabled))
            .await
            .map_err(|error| Error::Storage(error.to_string().into()))
    }
}

fn compile(set: RuleSet, disabled: BTreeMap<String, String>) -> RuleService {
    let off: HashSet<String> = disabled.keys().cloned().collect();
    let detector = Detector::new(&set, &off);
    RuleService {
        set,
        detector,
        disabled,
    }
}
