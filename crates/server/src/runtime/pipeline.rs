//! The path of an event behind the spool: parse → detect → cases → lake.
//!
//! Two positions say how far each half has come: `detect` in the SQL transaction that holds the
//! alerts, the lake's in its Delta transaction. Work begins at the smaller one; a half that is
//! ahead is skipped until the other has caught up. Runs are cut so that no run crosses a position.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use saqshy_casework::{Actor, Ctx, Hit, NewAlert};
use saqshy_detect::{AlertDraft, Found, group};
use saqshy_event::{Batch, Format, Parsed, Parser, Record, Tally};
use saqshy_journal::Leaf;
use saqshy_spool::ReadError;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::rules::quiet::{self, QuietHit, sift};
use super::{App, lake_files};

/// Name of the SQL half's position.
pub const READER: &str = "detect";
/// Records and payload bytes of one run.
const RUN_RECORDS: usize = 8_192;
const RUN_BYTES: usize = 8 << 20;
/// How often due flushes are looked for, and how soon a held-back group of records is offered again.
const TICK: Duration = Duration::from_millis(100);
/// Pause after a failed run. Nothing is lost meanwhile: records wait in the spool.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until cancelled, then flushes what is fresh.
pub async fn run(app: Arc<App>, cancel: CancellationToken) -> anyhow::Result<()> {
    let grown = Arc::new(Notify::new());
    let wake = grown.clone();
    app.spool.subscribe(move |_| wake.notify_one());
    let parser = Parser::new(&app.config.node).with_zone(app.config.organisation.zone.clone());
    while !cancel.is_cancelled() {
        let pause = match step(&app, &parser).await {
            Ok(Progress::Moved) => None,
            Ok(Progress::Waiting) => Some(TICK),
            Err(error) => {
                tracing::error!("pipeline: {error:#}; trying again");
                Some(PAUSE)
            }
        };
        if let Err(error) = flush_if_due(&app).await {
            tracing::error!("flushing the lake: {error:#}; trying again");
        }
        if let Some(pause) = pause {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = grown.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
    flush(&app).await
}

/// Writes all fresh events out, journals the files, and frees the spool behind them.
pub async fn flush(app: &App) -> anyhow::Result<()> {
    let flushed = app
        .lake
        .flush(app.now())
        .await
        .context("flushing the lake")?;
    after_flush(app, flushed).await
}

async fn flush_if_due(app: &App) -> anyhow::Result<()> {
    let flushed = app.lake.flush_if_due(app.now()).await?;
    after_flush(app, flushed).await
}

async fn after_flush(app: &App, flushed: Option<saqshy_lake::Flushed>) -> anyhow::Result<()> {
    let Some(flushed) = flushed else {
        return Ok(());
    };
    lake_files::record(app, &flushed.files, &[]).await?;
    let detected = app.store.position(READER).await?;
    app.spool.release(flushed.position.min(detected));
    Ok(())
}

enum Progress {
    Moved,
    /// Nothing there, or only the beginning of a group of records that may go on.
    Waiting,
}

/// One run: what the spool gives, through both halves.
async fn step(app: &Arc<App>, parser: &Parser) -> anyhow::Result<Progress> {
    let detected = app.store.position(READER).await?;
    let stored = app.lake.next();
    let from = detected.min(stored).max(app.spool.start());
    let ahead = detected.max(stored);
    let run = match read(app, from, ahead).await? {
        Ok(run) => run,
        Err(gap_end) => {
            skip(app, from, gap_end).await?;
            return Ok(Progress::Moved);
        }
    };
    if run.is_empty() {
        return Ok(Progress::Waiting);
    }
    let now = app.now();
    app.costs.offer(&run);
    let worked = work(app, parser.clone(), run, now, from >= detected).await?;
    let Some(next) = worked.next else {
        return Ok(Progress::Waiting);
    };
    if from >= detected {
        record(app, now, &worked, next).await?;
    }
    if from >= stored {
        app.lake
            .append(worked.batch, next, now)
            .await
            .context("adding events to the lake")?;
    }
    Ok(Progress::Moved)
}

type Run = Vec<(u64, Vec<u8>)>;

/// Records from `from` on, none beyond `ahead` when that lies before them. `Err`: the records up
/// to there are damaged.
async fn read(app: &App, from: u64, ahead: u64) -> anyhow::Result<Result<Run, u64>> {
    let spool = app.spool.clone();
    let read =
        tokio::task::spawn_blocking(move || spool.read(from, RUN_RECORDS, RUN_BYTES)).await?;
    match read {
        Ok(mut run) => {
            if from < ahead {
                run.retain(|(seq, _)| *seq < ahead);
            }
            Ok(Ok(run))
        }
        Err(ReadError::Gap(gap)) => {
            tracing::error!(
                "spool: {} records from {} on are damaged and lost",
                gap.to - gap.from,
                gap.from
            );
            Ok(Err(gap.to))
        }
        Err(ReadError::Released { start, .. }) => Ok(Err(start)),
        Err(error) => Err(error).context("reading the spool"),
    }
}

/// Moves both positions over records that cannot be read, and says so in the journal.
async fn skip(app: &App, from: u64, to: u64) -> anyhow::Result<()> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    tx.leaf(&Leaf {
        at: now,
        actor: "system".to_owned(),
        action: "spool.gap".to_owned(),
        object: format!("spool:{}", app.config.node),
        change: json!({"from": from, "to": to}),
        reason: None,
        edition: None,
    })
    .await?;
    tx.set_position(READER, app.store.position(READER).await?.max(to))
        .await?;
    tx.commit().await?;
    if app.lake.next() < to {
        app.lake.append(Batch::default(), to, now).await?;
    }
    Ok(())
}

/// What a run gave.
struct Worked {
    batch: Batch,
    alerts: Vec<NewAlert>,
    /// Hits that raise no alert.
    quiet: Vec<QuietHit>,
    tally: Vec<Tally>,
    /// Position after the records used; `None` if none was.
    next: Option<u64>,
}

/// Parses and, where asked, detects; on a thread of its own.
async fn work(
    app: &Arc<App>,
    parser: Parser,
    run: Run,
    now: Timestamp,
    detect: bool,
) -> anyhow::Result<Worked> {
    let (rules, exceptions) = (app.rules(), app.exceptions.read().clone());
    let window = app.config.alert_window;
    tokio::task::spawn_blocking(move || {
        let records: Vec<_> = run
            .iter()
            .map(|(seq, bytes)| (*seq, decode(bytes, now)))
            .collect();
        let Parsed {
            batch,
            consumed,
            tally,
        } = parser.parse(&records, now);
        let mut found = match detect {
            true => rules.detector.run(&batch),
            false => Found::default(),
        };
        let quiet = sift(&mut found, &batch, &rules, &exceptions, now);
        let hits = found.hits.into_iter().map(|(_, hit)| hit).collect();
        let alerts = group(hits, window).into_iter().map(new_alert).collect();
        let next = consumed.checked_sub(1).map(|last| run[last].0 + 1);
        Worked {
            batch,
            alerts,
            quiet,
            tally,
            next,
        }
    })
    .await
    .context("a run of the pipeline")
}

/// Measures what each rule costs on the latest events; on a thread of its own.
///
/// # Errors
/// The thread panicked.
pub async fn measure_costs(app: &Arc<App>) -> anyhow::Result<()> {
    let (app, rules, now) = (app.clone(), app.rules(), app.now());
    tokio::task::spawn_blocking(move || {
        let zone = app.config.organisation.zone.clone();
        let parser = Parser::new(&app.config.node).with_zone(zone);
        app.costs.measure(&rules, &parser, decode, now);
    })
    .await
    .context("measuring rules")
}

/// A spool record that is none (written by a newer program, say) becomes a raw event as it is.
fn decode(bytes: &[u8], now: Timestamp) -> Record<'_> {
    Record::decode(bytes).unwrap_or(Record {
        received: now,
        source: "_undecodable",
        format: Format::Line,
        peer: None,
        truncated: false,
        payload: bytes,
    })
}

/// Alerts, incidents by rule, the ledger and the position, in one transaction.
async fn record(app: &App, now: Timestamp, worked: &Worked, next: u64) -> anyhow::Result<()> {
    let mut tx = app.store.begin().await?;
    let recorded = tx
        .record_hits(now, &worked.alerts)
        .await
        .context("recording hits")?;
    let actor = Actor::system();
    let ctx = Ctx {
        actor: &actor,
        now,
        law: &app.law,
    };
    let mut alerts = recorded.opened;
    alerts.extend(recorded.grown);
    tx.promote(&ctx, &app.config.promotion, &alerts)
        .await
        .context("opening incidents by rule")?;
    quiet::record(&mut tx, &worked.quiet)
        .await
        .context("recording hits that raise no alert")?;
    for tally in &worked.tally {
        tx.ledger_add(
            &tally.source,
            tally.records,
            tally.unparsed,
            Some(tally.last_received),
        )
        .await?;
    }
    tx.set_position(READER, next).await?;
    tx.commit().await.context("committing a run")
}

fn new_alert(draft: AlertDraft) -> NewAlert {
    NewAlert {
        id: draft.id,
        rule_id: draft.rule_id,
        rule_title: draft.rule_title,
        level: level(draft.level),
        tags: draft.tags,
        entity_kind: draft.entity.kind,
        entity: draft.entity.value,
        window_start: draft.window_start,
        window_end: draft.window_end,
        hits: draft
            .hits
            .into_iter()
            .map(|hit| Hit {
                id: hit.id,
                rule_id: hit.rule_id,
                event_id: hit.event_id,
                at: hit.at,
                host: hit.host,
                user: hit.user,
                source_ip: hit.source_ip,
                dataset: hit.dataset,
            })
            .collect(),
    }
}

fn level(level: saqshy_detect::Level) -> saqshy_casework::Level {
    use saqshy_casework::Level as To;
    use saqshy_detect::Level as From;
    match level {
        From::Informational => To::Informational,
        From::Low => To::Low,
        From::Medium => To::Medium,
        From::High => To::High,
        From::Critical => To::Critical,
    }
}
