use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use parking_lot::RwLock;
use saqshy_casework::{EvidenceFiles, Law, Store};
use saqshy_detect::Exceptions;
use saqshy_dispatch::AckSigner;
use saqshy_intake::LossLedger;
use saqshy_lake::Lake;
use saqshy_spool::Spool;

use super::correlation::CorrelationFigures;
use super::rules::backtest::BackTests;
use super::rules::cost::CostMeter;
use super::{JournalHandle, Paths, RuleService, SourceRegistry};
use crate::config::Config;

/// Where the time comes from. Only [`system_clock`] reads the machine's.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's clock.
pub fn system_clock() -> Clock {
    Arc::new(Timestamp::now)
}

/// The open parts of a server, shared by its tasks and handlers.
pub struct App {
    pub config: Config,
    pub paths: Paths,
    pub clock: Clock,
    pub store: Store,
    pub lake: Lake,
    pub spool: Spool,
    pub ledger: Arc<LossLedger>,
    pub sources: Arc<SourceRegistry>,
    pub rules: RwLock<Arc<RuleService>>,
    /// The exceptions in force.
    pub exceptions: RwLock<Arc<Exceptions>>,
    pub backtests: BackTests,
    pub costs: CostMeter,
    pub correlation_figures: CorrelationFigures,
    /// Held while rules and exceptions in service are changed.
    pub rule_changes: tokio::sync::Mutex<()>,
    pub law: Law,
    pub journal: JournalHandle,
    pub ack: AckSigner,
    /// `https://host:port` of the console, set once it listens.
    pub base_url: OnceLock<String>,
    /// Held while notices are sent, so that none is sent twice at once.
    pub sending: tokio::sync::Mutex<()>,
    /// Files of evidence, by SHA-256.
    pub evidence: EvidenceFiles,
    /// Held while expired actions are undone.
    pub undoing: tokio::sync::Mutex<()>,
}

impl App {
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The rules in service at this moment; a change does not disturb who holds them.
    pub fn rules(&self) -> Arc<RuleService> {
        self.rules.read().clone()
    }
}
