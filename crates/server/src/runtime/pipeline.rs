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
use saqshy_detect::{AlertDraft, group};
use saqshy_event::{Batch, Format, Parsed, Parser, Record, Tally};
use saqshy_journal::Leaf;
use saqshy_law::Text3;
use saqshy_spool::ReadError;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::correlation::{Correlations, Stored};
use super::rules::quiet::{self, QuietHit, sift, sift_drafts};
use super::{App, RuleService, lake_files};

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
    let mut state = None;
    while !cancel.is_cancelled() {
        let pause = match step(&app, &parser, &mut state).await {
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

/// One run: what the spool gives, through both halves. `state` is taken and only put back when
/// the database holds the same, so a failed run begins with what was stored.
async fn step(
    app: &Arc<App>,
    parser: &Parser,
    state: &mut Option<Correlations>,
) -> anyhow::Result<Progress> {
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
    // One state of the rules for the whole run.
    let (now, rules) = (app.now(), app.rules());
    if run.is_empty() {
        if from >= detected {
            idle(app, now, &rules, state).await?;
        }
        return Ok(Progress::Waiting);
    }
    app.costs.offer(&run);
    let correlations = match from >= detected {
        true => Some(correlations(app, now, &rules, state).await?),
        false => None,
    };
    let detects = correlations.is_some();
    let (worked, mut correlations) =
        work(app, rules, parser.clone(), run, now, correlations).await?;
    let Some(next) = worked.next else {
        *state = correlations;
        return Ok(Progress::Waiting);
    };
    if detects {
        record(app, now, &worked, Some(next)).await?;
        if let Some(correlations) = &mut correlations {
            correlations.show(&app.correlation_figures);
        }
        *state = correlations;
    }
    if from >= stored {
        app.lake
            .append(worked.batch, next, now)
            .await
            .context("adding events to the lake")?;
    }
    Ok(Progress::Moved)
}

/// The state of the correlations in service, from the database where it is not at hand.
async fn correlations(
    app: &App,
    now: Timestamp,
    rules: &RuleService,
    state: &mut Option<Correlations>,
) -> anyhow::Result<Correlations> {
    match state.take() {
        Some(known) if known.is_for(rules.detector.plans()) => Ok(known),
        _ => Correlations::load(&app.store, rules, app.config.alert_lateness, now)
            .await
            .context("loading the state of correlations"),
    }
}

/// Lets the correlations' clock go on while nothing comes.
async fn idle(
    app: &App,
    now: Timestamp,
    rules: &RuleService,
    state: &mut Option<Correlations>,
) -> anyhow::Result<()> {
    let mut correlations = correlations(app, now, rules, state).await?;
    let mut drafts = correlations.idle(now);
    let quiet = sift_drafts(&mut drafts, rules);
    let worked = Worked {
        batch: Batch::default(),
        alerts: new_alerts(drafts, rules),
        quiet,
        correlated: Some(correlations.take_changes()),
        tally: Vec::new(),
        next: None,
    };
    let changed = worked.correlated.as_ref().is_some_and(|it| !it.is_empty());
    if changed || !worked.alerts.is_empty() || !worked.quiet.is_empty() {
        record(app, now, &worked, None).await?;
    }
    correlations.show(&app.correlation_figures);
    *state = Some(correlations);
    Ok(())
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
    /// What the correlations must store.
    correlated: Option<Stored>,
    tally: Vec<Tally>,
    /// Position after the records used; `None` if none was.
    next: Option<u64>,
}

/// Parses and, with `correlations`, detects; on a thread of its own.
async fn work(
    app: &Arc<App>,
    rules: Arc<RuleService>,
    parser: Parser,
    run: Run,
    now: Timestamp,
    mut correlations: Option<Correlations>,
) -> anyhow::Result<(Worked, Option<Correlations>)> {
    let exceptions = app.exceptions.read().clone();
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
        let next = consumed.checked_sub(1).map(|last| run[last].0 + 1);
        let (mut alerts, mut quiet, mut correlated) = (Vec::new(), Vec::new(), None);
        if let (Some(correlations), Some(_)) = (&mut correlations, next) {
            let mut found = rules.detector.run(&batch);
            quiet = sift(&mut found, &batch, &rules, &exceptions, now);
            let hits = found.hits.into_iter().map(|(_, hit)| hit).collect();
            let mut drafts = correlations.take(&batch, found.inputs, now);
            quiet.extend(sift_drafts(&mut drafts, &rules));
            drafts.extend(group(hits, window));
            alerts = new_alerts(drafts, &rules);
            correlated = Some(correlations.take_changes());
        }
        let worked = Worked {
            batch,
            alerts,
            quiet,
            correlated,
            tally,
            next,
        };
        (worked, correlations)
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

/// Alerts, incidents by rule, the state of correlations, the ledger and the position, if it moved,
/// in one transaction.
async fn record(
    app: &App,
    now: Timestamp,
    worked: &Worked,
    next: Option<u64>,
) -> anyhow::Result<()> {
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
    if let Some(correlated) = &worked.correlated {
        correlated
            .write(&mut tx)
            .await
            .context("storing the state of correlations")?;
    }
    if let Some(next) = next {
        tx.set_position(READER, next).await?;
    }
    tx.commit().await.context("committing a run")
}

/// Alerts with their titles in the languages that the rules have them in.
fn new_alerts(drafts: Vec<AlertDraft>, rules: &RuleService) -> Vec<NewAlert> {
    drafts
        .into_iter()
        .map(|draft| {
            let title = rules.title_text(&draft.rule_id);
            new_alert(draft, title)
        })
        .collect()
}

fn new_alert(draft: AlertDraft, title: Option<Text3>) -> NewAlert {
    NewAlert {
        rule_title_text: title,
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
