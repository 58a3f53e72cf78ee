//! Back-tests: a rule over stored events, in the background.
//!
//! The log source of the rule is put to the lake as a search, so that only events that the rule can
//! be about are read; each is then matched by the same engine as in service. What a back-test has
//! found is stored as it goes on and when it ends ([`history`]), so it is seen after a restart; one
//! that a stop of the server breaks off is not taken up again.

mod history;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;
use saqshy_casework::{Actor, Error};
use saqshy_detect::Hit;
use saqshy_journal::Leaf;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::runtime::App;

pub use history::{KEPT, interrupt_all};

/// Back-tests that run at once.
const RUNNING_MAX: usize = 2;

/// What to test.
pub struct Request {
    /// The text of a rule, or of several.
    pub text: String,
    /// Rule in service that it is of, if any.
    pub rule_id: Option<String>,
    pub title: String,
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

/// Where a back-test stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Running,
    Done,
    /// Somebody stopped it.
    Cancelled,
    Failed(String),
    /// The server stopped before it was done.
    Interrupted,
}

/// What a back-test has found so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Findings {
    pub hits: u64,
    /// Alerts that the hits would make.
    pub alerts: u64,
    /// Day in the organisation's zone → hits.
    pub days: BTreeMap<jiff::civil::Date, u64>,
    /// The first ones in order of time.
    pub examples: Vec<Example>,
    /// Some moment had more events than one search gives out; the rest was not read.
    pub truncated: bool,
}

/// What is kept of a hit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Example {
    pub event_id: String,
    pub at: Timestamp,
    pub entity: String,
    pub host: Option<String>,
    pub user: Option<String>,
    pub source_ip: Option<String>,
}

impl Example {
    fn of(hit: &Hit) -> Self {
        Example {
            event_id: hit.event_id.clone(),
            at: hit.at,
            entity: hit.entity.value.clone(),
            host: hit.host.clone(),
            user: hit.user.clone(),
            source_ip: hit.source_ip.clone(),
        }
    }
}

/// A back-test as it stands at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub state: State,
    pub findings: Findings,
    /// Unknown where the server was killed.
    pub ended: Option<Timestamp>,
    /// Events that the rule's log source asks for; 0 until they are counted.
    pub events_total: u64,
    pub events_read: u64,
}

/// What was asked, by whom, and how it stands.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: String,
    pub rule_id: Option<String>,
    pub title: String,
    /// SHA-256 of the text that was tested.
    pub sha256: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub by: String,
    pub started: Timestamp,
    pub now: Snapshot,
}

/// A back-test that runs. How it ended is known once that is stored.
struct BackTest {
    id: String,
    from: Timestamp,
    to: Timestamp,
    cancel: CancellationToken,
    events_total: AtomicU64,
    events_read: AtomicU64,
    findings: Mutex<Findings>,
}

impl BackTest {
    fn snapshot(&self) -> Snapshot {
        Snapshot {
            state: State::Running,
            findings: self.findings.lock().clone(),
            ended: None,
            events_total: self.events_total.load(Ordering::Relaxed),
            events_read: self.events_read.load(Ordering::Relaxed),
        }
    }
}

/// The back-tests that a server runs.
#[derive(Default)]
pub struct BackTests {
    running: Mutex<Vec<Arc<BackTest>>>,
    /// Held while one begins, so that no more than [`RUNNING_MAX`] do.
    starting: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Why a back-test does not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Wait for one to end, or cancel it.
    #[error("{RUNNING_MAX} back-tests run already; wait for one to end or cancel it")]
    Busy,
    /// The rule cannot be used.
    #[error("{0}")]
    Rule(String),
    #[error("could not store the back-test")]
    Storage(#[from] Error),
}

/// Begins a back-test, with its journal leaf.
///
/// # Errors
/// See [`StartError`]; nothing runs and nothing is stored.
pub async fn start(app: &Arc<App>, actor: &Actor, request: Request) -> Result<Record, StartError> {
    let rules = work::Compiled::of(&request.text);
    let rules = rules.map_err(|error| StartError::Rule(format!("{error:#}")))?;
    let _turn = app.backtests.starting.lock().await;
    if app.backtests.running.lock().len() >= RUNNING_MAX {
        return Err(StartError::Busy);
    }
    let mut tx = app.store.begin().await?;
    let id = tx.new_id("backtest").await?;
    let test = Arc::new(BackTest {
        id: id.clone(),
        from: request.from,
        to: request.to,
        cancel: CancellationToken::new(),
        events_total: AtomicU64::new(0),
        events_read: AtomicU64::new(0),
        findings: Mutex::default(),
    });
    let record = Record {
        id,
        rule_id: request.rule_id,
        title: request.title,
        sha256: hex::encode(Sha256::digest(request.text.as_bytes())),
        from: request.from,
        to: request.to,
        by: actor.id.clone(),
        started: app.now(),
        now: test.snapshot(),
    };
    tx.leaf(&Leaf {
        at: record.started,
        actor: actor.id.clone(),
        action: "backtest.started".to_owned(),
        object: format!("backtest:{}", record.id),
        change: json!({
            "rule_id": record.rule_id,
            "sha256": record.sha256,
            "from": record.from,
            "to": record.to,
        }),
        reason: None,
        edition: None,
    })
    .await?;
    history::insert(&mut tx, &record).await?;
    tx.commit().await?;
    app.backtests.running.lock().push(test.clone());
    let task = carry_out(app.clone(), test, rules);
    app.backtests.tasks.spawn(task);
    Ok(record)
}

/// Until it is done, or told to stop.
async fn carry_out(app: Arc<App>, test: Arc<BackTest>, rules: work::Compiled) {
    let outcome = tokio::select! {
        biased;
        () = test.cancel.cancelled() => Ok(State::Cancelled),
        () = app.backtests.stop.cancelled() => Ok(State::Interrupted),
        outcome = work::run(&app, &test, rules) => outcome,
    };
    let state = outcome.unwrap_or_else(|error| {
        tracing::error!("back-test {}: {error:#}", test.id);
        State::Failed(format!("{error:#}"))
    });
    let end = Snapshot {
        state,
        ended: Some(app.now()),
        ..test.snapshot()
    };
    if let Err(error) = history::save(&app.store, &test.id, &end).await {
        tracing::error!("storing the back-test {}: {error}", test.id);
    }
    let mut running = app.backtests.running.lock();
    running.retain(|one| one.id != test.id);
}

/// The latest back-tests, of one rule where one is named, the latest first.
pub async fn list(app: &App, rule_id: Option<&str>, limit: u32) -> Result<Vec<Record>, Error> {
    let running = app.backtests.running.lock().clone();
    let mut records = history::list(&app.store, rule_id, limit).await?;
    records
        .iter_mut()
        .for_each(|one| bring_up_to_date(one, &running));
    Ok(records)
}

/// One back-test, if it is known.
pub async fn get(app: &App, id: &str) -> Result<Option<Record>, Error> {
    let running = app.backtests.running.lock().clone();
    let mut record = history::get(&app.store, id).await?;
    record
        .iter_mut()
        .for_each(|one| bring_up_to_date(one, &running));
    Ok(record)
}

/// What is stored of one that runs is older than what it knows itself.
fn bring_up_to_date(record: &mut Record, running: &[Arc<BackTest>]) {
    let live = running.iter().find(|test| test.id == record.id);
    if let (State::Running, Some(test)) = (&record.now.state, live) {
        record.now = test.snapshot();
    }
}

impl BackTests {
    /// Tells one to stop; it ends soon after. Nothing happens where it has ended.
    pub fn cancel(&self, id: &str) {
        let running = self.running.lock();
        if let Some(test) = running.iter().find(|one| one.id == id) {
            test.cancel.cancel();
        }
    }

    /// Breaks off all that run and waits until what they found is stored.
    pub async fn interrupt(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
