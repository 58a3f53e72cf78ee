//! The work of a back-test: events from the lake in slices of time, each matched by the engine.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, bail, ensure};
use futures::StreamExt;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use saqshy_detect::correlate::{Correlator, Limits};
use saqshy_detect::{Detector, Hit, RuleSet, group, stored};
use saqshy_event::BatchBuilder;
use saqshy_lake::{Lake, SearchEvent, SearchRequest, query};
use saqshy_sigma::{Pipeline, explain};
use serde_json::{Map, Value};

use super::{BackTest, Example, Findings, State, history};
use crate::runtime::App;

/// Events read at once, and matched at once.
const SLICE_EVENTS: u64 = 50_000;
const BATCH_EVENTS: usize = 2_048;
/// Parts that a time range is cut into when there are too many events in it.
const PARTS: usize = 64;
const EXAMPLES: usize = 20;
/// Longest rule text, in bytes.
const TEXT_BYTES_MAX: usize = 256 << 10;

/// Rules ready to be matched, and the search for the events that they can be about.
pub(super) struct Compiled {
    detector: Detector,
    query: query::Query,
}

impl Compiled {
    pub(super) fn of(text: &str) -> anyhow::Result<Self> {
        ensure!(
            text.len() <= TEXT_BYTES_MAX,
            "the rule has more than {TEXT_BYTES_MAX} bytes"
        );
        let mut set = RuleSet::default();
        set.add_text(Path::new("rule.yml"), text);
        let detector = Detector::new(&set, &HashSet::new());
        if let Some(refusal) = detector.refused().first() {
            bail!("line {}: {}", refusal.line, refusal.reason);
        }
        ensure!(
            !set.rules().is_empty(),
            "there is no detection rule in the text"
        );
        let query = query::parse(&search_for(&set)).map_err(|error| anyhow::anyhow!("{error}"));
        Ok(Compiled {
            detector,
            query: query.context("the search for the rule's log source")?,
        })
    }
}

/// The log sources of all rules as a search; every event where a rule has none.
fn search_for(set: &RuleSet) -> String {
    let mut builder = BatchBuilder::default();
    builder.end_event();
    let nothing = builder.finish();
    let mut parts = Vec::new();
    for rule in set.rules() {
        // An explanation names the conditions of each log that can carry the rule's events.
        for variant in explain(rule, &Pipeline::default(), nothing.event(0)).variants {
            if variant.logsource.is_empty() {
                return "*".to_owned();
            }
            let gates = variant.logsource.iter().map(|gate| {
                let values: Vec<_> = gate.wanted.iter().map(|value| term(value)).collect();
                format!("{}:({})", gate.field, values.join(" or "))
            });
            parts.push(format!("({})", gates.collect::<Vec<_>>().join(" and ")));
        }
    }
    match parts.is_empty() {
        true => "*".to_owned(),
        false => parts.join(" or "),
    }
}

/// A value of a log source as a term of a search; `*` and `?` stay wild.
fn term(value: &str) -> String {
    if !value.contains(['*', '?']) {
        return format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    }
    let mut escaped = String::new();
    for c in value.chars() {
        if c.is_whitespace() || "\\\"():/[]{}<>=!&|-".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Reads and matches slice by slice; what was found up to the end of each is stored.
pub(super) async fn run(app: &App, test: &BackTest, rules: Compiled) -> anyhow::Result<State> {
    let lake = &app.lake;
    let (zone, window) = (
        app.config.organisation.zone.clone(),
        app.config.alert_window,
    );
    let slices = slices(lake, &rules.query, test.from, test.to).await?;
    let total = slices.iter().map(|slice| slice.events).sum();
    test.events_total.store(total, Ordering::Relaxed);
    let rules = Arc::new(rules);
    let mut work = Work::new(&rules.detector, window, zone);
    for slice in slices {
        let mut found = lake.search(SearchRequest {
            query: rules.query.clone(),
            from: Some(slice.from),
            to: Some(slice.to),
            limit: usize::try_from(slice.events)? + 1_000,
            newest_first: false,
        });
        let mut events: Vec<Map<String, Value>> = Vec::with_capacity(BATCH_EVENTS);
        let mut truncated = false;
        loop {
            let message = found.next().await.transpose()?;
            let ended = match message {
                Some(SearchEvent::Event(event)) => {
                    events.push(event);
                    false
                }
                Some(SearchEvent::Progress(_)) => continue,
                Some(SearchEvent::Done(done)) => {
                    truncated |= done.truncated;
                    true
                }
                None => true,
            };
            if events.len() >= BATCH_EVENTS || (ended && !events.is_empty()) {
                let read = events.len() as u64;
                let (taken, rules) = (std::mem::take(&mut events), rules.clone());
                work = tokio::task::spawn_blocking(move || {
                    work.take(&rules.detector, &taken);
                    work
                })
                .await
                .context("matching events")?;
                test.events_read.fetch_add(read, Ordering::Relaxed);
            }
            if ended {
                break;
            }
        }
        work.until(slice.to);
        work.findings.truncated |= truncated;
        *test.findings.lock() = work.findings.clone();
        history::save(&app.store, &test.id, &test.snapshot()).await?;
    }
    work.end();
    *test.findings.lock() = work.findings;
    Ok(State::Done)
}

/// A stretch of time with few enough events.
struct Slice {
    from: Timestamp,
    to: Timestamp,
    events: u64,
}

/// Cuts the range so that no part holds many more than [`SLICE_EVENTS`] events, unless they are all
/// of one second.
async fn slices(
    lake: &Lake,
    query: &query::Query,
    from: Timestamp,
    to: Timestamp,
) -> anyhow::Result<Vec<Slice>> {
    let (mut done, mut waiting) = (Vec::<Slice>::new(), vec![(from, to)]);
    while let Some((from, to)) = waiting.pop() {
        let counted = lake.histogram(query, from, to, PARTS).await?;
        let ends: Vec<Timestamp> = counted
            .iter()
            .skip(1)
            .map(|(start, _)| *start)
            .chain([to])
            .collect();
        let mut again = Vec::new();
        for ((start, events), end) in counted.into_iter().zip(ends) {
            if events == 0 {
                continue;
            }
            let long = end.duration_since(start) > SignedDuration::from_secs(1);
            if events > SLICE_EVENTS && long && (start, end) != (from, to) {
                again.push((start, end));
                continue;
            }
            match done.last_mut() {
                Some(last) if last.to == start && last.events + events <= SLICE_EVENTS => {
                    (last.to, last.events) = (end, last.events + events);
                }
                _ => done.push(Slice {
                    from: start,
                    to: end,
                    events,
                }),
            }
        }
        again.reverse();
        waiting.extend(again);
    }
    done.sort_by_key(|slice| slice.from);
    Ok(done)
}

/// Hits counted on the way through the events.
struct Work {
    correlator: Option<Correlator>,
    window: SignedDuration,
    zone: TimeZone,
    alerts: HashSet<String>,
    findings: Findings,
}

impl Work {
    fn new(detector: &Detector, window: SignedDuration, zone: TimeZone) -> Self {
        let plans = detector.plans();
        Work {
            correlator: (!plans.is_empty())
                .then(|| Correlator::new(plans.clone(), Limits::default())),
            window,
            zone,
            alerts: HashSet::new(),
            findings: Findings::default(),
        }
    }

    fn take(&mut self, detector: &Detector, events: &[Map<String, Value>]) {
        let found = detector.run(&stored::batch_of(events));
        let hits: Vec<Hit> = found.hits.into_iter().map(|(_, hit)| hit).collect();
        for hit in &hits {
            self.count(hit);
        }
        let drafts = group(hits, self.window);
        self.alerts.extend(drafts.into_iter().map(|draft| draft.id));
        if let Some(correlator) = &mut self.correlator {
            found
                .inputs
                .into_iter()
                .for_each(|(_, input)| correlator.push(input));
        }
    }

    fn count(&mut self, hit: &Hit) {
        self.findings.hits += 1;
        let day = hit.at.to_zoned(self.zone.clone()).date();
        *self.findings.days.entry(day).or_default() += 1;
        if self.findings.examples.len() < EXAMPLES {
            self.findings.examples.push(Example::of(hit));
        }
    }

    /// Everything before `at` has been read.
    fn until(&mut self, at: Timestamp) {
        let drafts = match &mut self.correlator {
            Some(correlator) => correlator.advance(at),
            None => Vec::new(),
        };
        self.fired(drafts);
    }

    fn end(&mut self) {
        let drafts = match &mut self.correlator {
            Some(correlator) => correlator.drain(),
            None => Vec::new(),
        };
        self.fired(drafts);
    }

    fn fired(&mut self, drafts: Vec<saqshy_detect::AlertDraft>) {
        for draft in drafts {
            draft.hits.iter().for_each(|hit| self.count(hit));
            self.alerts.insert(draft.id);
        }
        self.findings.alerts = self.alerts.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_source_is_a_search() {
        let set = |source: &str| {
            let mut set = RuleSet::default();
            let text = format!(
                "title: t\nid: a\nlogsource: {source}\ndetection:\n  one: {{a: b}}\n  condition: one\n"
            );
            set.add_text(Path::new("t.yml"), &text);
            assert_eq!(set.rules().len(), 1);
            search_for(&set)
        };
        for source in [
            "{product: windows, category: process_creation}",
            "{product: linux, service: sshd}",
            "{category: webserver}",
            "{product: nobody, service: knows}",
        ] {
            let text = set(source);
            assert!(query::parse(&text).is_ok(), "{source}: {text}");
            assert!(text.contains(':'), "{source}: {text}");
        }
    }
}
