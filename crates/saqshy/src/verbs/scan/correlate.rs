//! Correlations over the files: the hits that they want are put in the order of time, whatever
//! the order of the files, and go through one correlator when everything has been read.
//!
//! In memory are the hits within the timespans and the firings that may still grow.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use saqshy_detect::correlate::{Correlator, Counters, Input, Limits, Plans};
use saqshy_detect::{AlertDraft, Hit};
use saqshy_event::{EventRef, Value};

use super::hit::{Event, Events, Found};
use super::sort::Sorter;

/// Less than on a server: here nothing but the correlator may grow.
const LIMITS: Limits = Limits {
    groups: 50_000,
    group_hits: 10_000,
    hits: 50_000,
};
/// Events that are named with a hit of a correlation; all are counted.
const EVENTS_MAX: usize = 1_000;
/// Inputs after which memory is freed and finished firings are told.
const STEP: u64 = 1_000;

/// Where an event stands, written into its id: that of the parser is unique in a file only.
struct Place {
    file: usize,
    /// Number in the log of its host.
    record_id: Option<i64>,
    /// As the parser counts: number of the record, or byte offset.
    seq: u64,
}

impl Place {
    fn write(&self) -> String {
        let record = self.record_id.map_or(String::new(), |id| id.to_string());
        format!("{:08x}/{:016x}/{record}", self.file, self.seq)
    }

    fn read(text: &str) -> Option<Place> {
        let mut parts = text.splitn(3, '/');
        let mut hex = || u64::from_str_radix(parts.next()?, 16).ok();
        let (file, seq) = (hex()?, hex()?);
        Some(Place {
            file: file as usize,
            record_id: parts.next()?.parse().ok(),
            seq,
        })
    }
}

/// `input` with ids that are unique among all files.
pub fn placed(mut input: Input, file: usize, event: EventRef<'_>) -> Input {
    let seq = input.event_id.rsplit('-').next();
    let place = Place {
        file,
        record_id: event.get("winlog.record_id").and_then(Value::as_int),
        seq: seq.map_or(0, |seq| u64::from_str_radix(seq, 16).unwrap_or_default()),
    };
    input.event_id = place.write();
    // A log that was cleared counts its records from 1 again.
    input.id = format!("{} {} {}", input.rule, input.event_id, input.at);
    input
}

/// Gathers inputs, then correlates them.
pub struct Correlations {
    plans: Arc<Plans>,
    sorter: Sorter,
}

impl Correlations {
    pub fn new(plans: &Arc<Plans>) -> Self {
        Correlations {
            plans: plans.clone(),
            sorter: Sorter::default(),
        }
    }

    /// # Errors
    /// There is no room for a temporary file.
    pub fn add(&mut self, input: Input) -> anyhow::Result<()> {
        self.sorter.push(input)
    }

    /// Gives each hit of a correlation, with its events.
    ///
    /// # Errors
    /// Those of `each`, and temporary files that cannot be read.
    pub fn finish(
        self,
        mut each: impl FnMut(Found) -> anyhow::Result<()>,
    ) -> anyhow::Result<Counters> {
        let mut correlator = Correlator::new(self.plans, LIMITS);
        let mut open = Open::default();
        let mut until = Timestamp::MIN;
        for (input, count) in self.sorter.finish()?.zip(1u64..) {
            let input = input?;
            until = until.max(input.at);
            correlator.push(input);
            if count.is_multiple_of(STEP) {
                open.grow(correlator.advance(until));
                correlator.take_changes();
                open.told(until, &mut each)?;
            }
        }
        open.grow(correlator.drain());
        open.told(Timestamp::MAX, &mut each)?;
        Ok(correlator.counters())
    }
}

/// Firings that may still grow, in the order in which they began.
#[derive(Default)]
struct Open {
    next: u64,
    firings: HashMap<String, (u64, Firing)>,
}

struct Firing {
    /// Without its hits.
    draft: AlertDraft,
    last: Hit,
    same_host: bool,
    events: Vec<Event>,
    count: u64,
}

impl Open {
    fn grow(&mut self, drafts: Vec<AlertDraft>) {
        for mut draft in drafts {
            let hits = std::mem::take(&mut draft.hits);
            let Some(last) = hits.last().cloned() else {
                continue;
            };
            let next = &mut self.next;
            let (_, firing) = self.firings.entry(draft.id.clone()).or_insert_with(|| {
                *next += 1;
                let firing = Firing {
                    draft: draft.clone(),
                    last: last.clone(),
                    same_host: true,
                    events: Vec::new(),
                    count: 0,
                };
                (*next, firing)
            });
            firing.draft.last_at = firing.draft.last_at.max(draft.last_at);
            firing.same_host &= hits.iter().all(|hit| hit.host == firing.last.host);
            firing.count += hits.len() as u64;
            firing.last = last;
            let left = EVENTS_MAX - firing.events.len();
            firing
                .events
                .extend(hits.iter().take(left).filter_map(event));
        }
    }

    /// Tells and forgets the firings that hits from `now` on can no longer belong to.
    fn told(
        &mut self,
        now: Timestamp,
        each: &mut impl FnMut(Found) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let done = self
            .firings
            .extract_if(|_, (_, firing)| firing.draft.window_end < now || now == Timestamp::MAX);
        let mut done: Vec<_> = done.map(|(_, numbered)| numbered).collect();
        done.sort_unstable_by_key(|(number, _)| *number);
        done.into_iter()
            .try_for_each(|(_, firing)| each(firing.found()?))
    }
}

fn event(hit: &Hit) -> Option<Event> {
    let place = Place::read(&hit.event_id)?;
    Some(Event {
        at: hit.at,
        file: place.file,
        offset: place.record_id.is_none().then_some(place.seq),
        record_id: place.record_id,
    })
}

impl Firing {
    fn found(self) -> anyhow::Result<Found> {
        let Firing {
            draft,
            last,
            same_host,
            events,
            count,
        } = self;
        let place = Place::read(&last.event_id).context("an event without a place")?;
        let hit = Hit {
            id: draft.id,
            at: draft.last_at,
            entity: draft.entity,
            event_id: String::new(),
            host: last.host.filter(|_| same_host),
            user: None,
            source_ip: None,
            ..last
        };
        let events = Events {
            first_at: draft.first_at,
            count,
            list: events,
        };
        Ok(Found::of_correlation(place.file, hit, events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_and_read() {
        for (record_id, seq) in [(None, 7), (Some(-1), u64::MAX), (Some(40_211), 40_211)] {
            let written = Place {
                file: 3,
                record_id,
                seq,
            }
            .write();
            let read = Place::read(&written).unwrap();
            assert_eq!((read.file, read.record_id, read.seq), (3, record_id, seq));
        }
        assert!(Place::read("scan-7").is_none());
    }
}
