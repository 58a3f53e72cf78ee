//! Correlations of the running server: fed by the pipeline, stored in the transaction that also
//! stores its alerts and its position.
//!
//! The transaction that changes the rules also decides which of the stored state stays
//! ([`bind`]). A run of the pipeline that began before the change may still store something after
//! it; that carries the number of its time, so it is never taken for state of the new form.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use saqshy_casework::{Error, Migration, Store, Tx};
use saqshy_detect::AlertDraft;
use saqshy_detect::correlate::{
    Changes, Correlator, Counters, EventClock, Figures, Generations, Input, Limits, Plans, Saved,
};
use saqshy_event::Batch;
use serde::de::DeserializeOwned;
use sqlx::Row;

use super::RuleService;

pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "state of correlations",
        sql: include_str!("../../migrations/0001_correlation.sql"),
    },
    Migration {
        version: 2,
        name: "forms of correlations",
        sql: include_str!("../../migrations/0002_correlation_form.sql"),
    },
];

/// Compares the correlations in service with the forms in which they were known, gives up the
/// state of those that changed or went, and says since when each is in its present form.
pub async fn bind(tx: &mut Tx, service: &RuleService) -> Result<Generations, Error> {
    let plans = service.detector.plans();
    let forms = plans.definitions(|id| service.mode(id).as_str());
    let rows = sqlx::query("SELECT correlation_id, form, generation FROM correlation_form")
        .fetch_all(tx.conn())
        .await?;
    let mut known: BTreeMap<String, (String, i64)> = BTreeMap::new();
    for row in &rows {
        known.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
    }
    let latest = sqlx::query("SELECT latest FROM correlation_generation")
        .fetch_optional(tx.conn())
        .await?;
    let mut now: i64 = match latest {
        Some(row) => row.try_get(0)?,
        None => 0,
    };
    let same = |id: &String, form: &String| known.get(id).is_some_and(|(known, _)| known == form);
    let changed: Vec<_> = forms.iter().filter(|(id, form)| !same(id, form)).collect();
    let gone: Vec<_> = known.keys().filter(|id| !forms.contains_key(*id)).collect();
    if !changed.is_empty() || !gone.is_empty() {
        now += 1;
        sqlx::query(
            "INSERT INTO correlation_generation (only_row, latest) VALUES (1, $1) \
             ON CONFLICT (only_row) DO UPDATE SET latest = excluded.latest",
        )
        .bind(now)
        .execute(tx.conn())
        .await?;
    }
    for id in changed
        .iter()
        .map(|(id, _)| *id)
        .chain(gone.iter().copied())
    {
        sqlx::query("DELETE FROM correlation_firing WHERE correlation_id = $1")
            .bind(id)
            .execute(tx.conn())
            .await?;
    }
    for id in &gone {
        sqlx::query("DELETE FROM correlation_form WHERE correlation_id = $1")
            .bind(*id)
            .execute(tx.conn())
            .await?;
    }
    for (id, form) in &changed {
        sqlx::query(
            "INSERT INTO correlation_form (correlation_id, form, generation) VALUES ($1, $2, $3) \
             ON CONFLICT (correlation_id) DO UPDATE SET form = excluded.form, \
             generation = excluded.generation",
        )
        .bind(*id)
        .bind(*form)
        .bind(now)
        .execute(tx.conn())
        .await?;
    }
    let new: HashSet<&str> = changed.iter().map(|(id, _)| id.as_str()).collect();
    let since = |id: &String| match known.get(id) {
        Some((_, generation)) if !new.contains(id.as_str()) => *generation,
        _ => now,
    };
    let generations = Generations {
        now: now.unsigned_abs(),
        since: forms
            .keys()
            .map(|id| (id.clone(), since(id).unsigned_abs()))
            .collect(),
    };
    // Hits of a rule stay as long as one of the correlations over it kept its form.
    let rows = sqlx::query("SELECT DISTINCT rule_id FROM correlation_input")
        .fetch_all(tx.conn())
        .await?;
    for row in &rows {
        let rule: String = row.try_get(0)?;
        if plans.fed_by(&rule).all(|id| new.contains(id)) {
            sqlx::query("DELETE FROM correlation_input WHERE rule_id = $1")
                .bind(rule)
                .execute(tx.conn())
                .await?;
        }
    }
    Ok(generations)
}

/// How the correlations in service stand, for whoever asks. Counted since the server started, or
/// since a correlation came into service; another form of it goes on counting.
#[derive(Default)]
pub struct CorrelationFigures(Mutex<BTreeMap<String, Figures>>);

impl CorrelationFigures {
    /// Correlation → its figures. There is one for each correlation that the pipeline knows.
    pub fn all(&self) -> BTreeMap<String, Figures> {
        self.0.lock().clone()
    }

    /// The figures of one; zeros until the pipeline knows it.
    pub fn of(&self, id: &str) -> Figures {
        self.0.lock().get(id).copied().unwrap_or_default()
    }
}

/// The correlator with the clock of the events. When a transaction fails it is ahead of the
/// database and must be loaded again.
pub struct Correlations {
    plans: Arc<Plans>,
    correlator: Correlator,
    clock: EventClock,
    /// When the last event was taken, by the clock of the machine.
    active_at: Timestamp,
    /// What was last told to the log.
    told: Counters,
    /// What was last told to whoever asks.
    shown: BTreeMap<String, Figures>,
}

impl Correlations {
    /// The stored state under the correlations in service.
    pub async fn load(
        store: &Store,
        rules: &RuleService,
        lateness: SignedDuration,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let (pool, plans) = (store.pool(), rules.detector.plans().clone());
        let clock = sqlx::query("SELECT latest, watermark FROM correlation_clock")
            .fetch_optional(pool)
            .await?;
        let time = |column: &str| -> anyhow::Result<Option<Timestamp>> {
            let Some(row) = &clock else { return Ok(None) };
            let text: Option<String> = row.try_get(column)?;
            Ok(text.map(|text| text.parse()).transpose()?)
        };
        let saved = Saved {
            watermark: time("watermark")?,
            inputs: bodies::<Vec<Input>>(store, "SELECT body FROM correlation_input")
                .await?
                .concat(),
            firings: bodies(store, "SELECT body FROM correlation_firing").await?,
            generations: rules.generations.clone(),
        };
        Ok(Correlations {
            clock: EventClock::new(lateness, time("latest")?),
            correlator: Correlator::restore(plans.clone(), Limits::default(), saved),
            plans,
            active_at: now,
            told: Counters::default(),
            shown: BTreeMap::new(),
        })
    }

    /// Whether this state is for these correlations.
    pub fn is_for(&self, plans: &Arc<Plans>) -> bool {
        Arc::ptr_eq(&self.plans, plans)
    }

    /// Takes the events of a run and the hits in them. Row by row, so that it does not matter how
    /// events were cut into runs.
    pub fn take(
        &mut self,
        batch: &Batch,
        inputs: Vec<(usize, Input)>,
        now: Timestamp,
    ) -> Vec<AlertDraft> {
        self.active_at = now;
        let mut alerts = Vec::new();
        let mut inputs = inputs.into_iter().peekable();
        for row in 0..batch.rows() {
            self.clock.observe(batch, row);
            let mut any = false;
            while let Some((_, input)) = inputs.next_if(|(of, _)| *of == row) {
                self.correlator.push(input);
                any = true;
            }
            if any || row + 1 == batch.rows() {
                alerts.extend(self.advance(SignedDuration::ZERO));
            }
        }
        alerts
    }

    /// No event has come for a while: the clock goes on, so that what waits does not wait for the
    /// next event.
    pub fn idle(&mut self, now: Timestamp) -> Vec<AlertDraft> {
        self.advance(now.duration_since(self.active_at).max(SignedDuration::ZERO))
    }

    fn advance(&mut self, idle: SignedDuration) -> Vec<AlertDraft> {
        match self.clock.watermark(idle) {
            Some(watermark) => self.correlator.advance(watermark),
            None => Vec::new(),
        }
    }

    /// What the transaction must store with the alerts.
    pub fn take_changes(&mut self) -> Stored {
        self.tell();
        Stored {
            latest: self.clock.latest(),
            changes: self.correlator.take_changes(),
        }
    }

    /// Adds what happened since the last time; called when it is stored.
    pub fn show(&mut self, figures: &CorrelationFigures) {
        let mut all = figures.0.lock();
        let before = std::mem::take(&mut *all);
        for (id, now) in self.correlator.figures() {
            let shown = self.shown.insert(id.to_owned(), now).unwrap_or_default();
            let sum = before.get(id).copied().unwrap_or_default();
            let sum = Figures {
                groups: now.groups,
                dropped: sum.dropped + (now.dropped - shown.dropped),
                late: sum.late + (now.late - shown.late),
                fired: sum.fired + (now.fired - shown.fired),
            };
            all.insert(id.to_owned(), sum);
        }
    }

    fn tell(&mut self) {
        let now = self.correlator.counters();
        let late = now.late - self.told.late;
        if late > 0 {
            tracing::warn!(
                hits = late,
                "correlations: {late} hits came too late and were left out; \
                 alerts.late_seconds allows more"
            );
        }
        let gone = (now.hits_evicted + now.groups_evicted)
            - (self.told.hits_evicted + self.told.groups_evicted);
        if gone > 0 {
            tracing::error!(
                hits = now.hits_evicted - self.told.hits_evicted,
                groups = now.groups_evicted - self.told.groups_evicted,
                "correlations: over the limits of memory, the oldest hits or groups were given up"
            );
        }
        self.told = now;
    }
}

/// Changes of the state, ready to be written.
pub struct Stored {
    latest: Option<Timestamp>,
    changes: Changes,
}

impl Stored {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub async fn write(&self, tx: &mut Tx) -> anyhow::Result<()> {
        let mut added: BTreeMap<&str, Vec<&Input>> = BTreeMap::new();
        for input in &self.changes.added {
            added.entry(&input.rule).or_default().push(input);
        }
        for (rule, inputs) in added {
            let last = inputs.iter().map(|input| input.at.as_microsecond()).max();
            sqlx::query(
                "INSERT INTO correlation_input (rule_id, last_at_us, body) VALUES ($1, $2, $3)",
            )
            .bind(rule)
            .bind(last.unwrap_or_default())
            .bind(serde_json::to_string(&inputs)?)
            .execute(tx.conn())
            .await?;
        }
        for (rule, floor) in &self.changes.floors {
            sqlx::query("DELETE FROM correlation_input WHERE rule_id = $1 AND last_at_us < $2")
                .bind(rule)
                .bind(floor.as_microsecond())
                .execute(tx.conn())
                .await?;
        }
        for (correlation, group) in &self.changes.closed {
            sqlx::query(
                "DELETE FROM correlation_firing WHERE correlation_id = $1 AND grouping = $2",
            )
            .bind(correlation)
            .bind(serde_json::to_string(group)?)
            .execute(tx.conn())
            .await?;
        }
        for fired in &self.changes.fired {
            sqlx::query(
                "INSERT INTO correlation_firing (correlation_id, grouping, body) \
                 VALUES ($1, $2, $3) \
                 ON CONFLICT (correlation_id, grouping) DO UPDATE SET body = excluded.body",
            )
            .bind(&fired.correlation)
            .bind(serde_json::to_string(&fired.group)?)
            .bind(serde_json::to_string(fired)?)
            .execute(tx.conn())
            .await?;
        }
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        sqlx::query(
            "INSERT INTO correlation_clock (only_row, latest, watermark) VALUES (1, $1, $2) \
             ON CONFLICT (only_row) DO UPDATE SET latest = excluded.latest, \
             watermark = excluded.watermark",
        )
        .bind(text(self.latest))
        .bind(text(self.changes.watermark))
        .execute(tx.conn())
        .await?;
        Ok(())
    }
}

async fn bodies<T: DeserializeOwned>(store: &Store, sql: &'static str) -> anyhow::Result<Vec<T>> {
    let rows = sqlx::query(sql).fetch_all(store.pool()).await?;
    rows.iter()
        .map(|row| {
            let body: String = row.try_get("body")?;
            serde_json::from_str(&body).context("a stored hit of the correlations")
        })
        .collect()
}
