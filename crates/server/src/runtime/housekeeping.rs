//! What a server does beside its main path, every second: keep the ledger's losses; every five
//! seconds: send notices whose next attempt is due, undo actions whose time is over; every minute:
//! join small lake files, delete replaced ones and old hits of rules in test; every hour: measure
//! what rules cost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{App, lake_files, ledger};

const COMPACT_EVERY: u32 = 60;
const SEND_EVERY: u32 = 5;
const MEASURE_EVERY: u32 = 3_600;

/// Runs until cancelled. A failure is logged and tried again.
pub async fn run(app: Arc<App>, cancel: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut drops = BTreeMap::new();
    let mut seconds = 0u32;
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            _ = tick.tick() => {}
        }
        seconds = seconds.wrapping_add(1);
        report(
            "keeping the ledger",
            ledger::persist_drops(&app, &mut drops).await,
        );
        if seconds.is_multiple_of(SEND_EVERY) {
            tokio::spawn(crate::notices::retry_failed(app.clone()));
            tokio::spawn(crate::response::undo_expired(app.clone()));
        }
        if seconds.is_multiple_of(COMPACT_EVERY) {
            report("compacting the lake", compact(&app).await);
            let pruned = super::rules::quiet::prune(&app.store).await;
            report("pruning hits of rules in test", pruned.map_err(Into::into));
        }
        if seconds.is_multiple_of(MEASURE_EVERY) {
            let app = app.clone();
            tokio::spawn(async move {
                report("measuring rules", super::measure_costs(&app).await);
            });
        }
    }
    app.backtests.interrupt().await;
    report(
        "keeping the ledger",
        ledger::persist_drops(&app, &mut drops).await,
    );
}

async fn compact(app: &App) -> anyhow::Result<()> {
    let done = app.lake.compact(app.now()).await?;
    lake_files::record(app, &done.added, &done.removed).await?;
    app.lake.vacuum(app.now()).await?;
    Ok(())
}

fn report(what: &str, outcome: anyhow::Result<()>) {
    if let Err(error) = outcome {
        tracing::error!("{what}: {error:#}; trying again");
    }
}
