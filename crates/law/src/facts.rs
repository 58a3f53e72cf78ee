//! The facts of a case that are in force, and what they say about a duty.

use crate::clock::CaseFact;
use crate::pack::{Duty, Pack};
use crate::term::{AMOUNT_MAX, Pause, Unit};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Facts in force: corrected and revoked ones are gone.
pub(crate) struct Facts<'a> {
    facts: Vec<&'a CaseFact>,
    now: Timestamp,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(pack: &Pack, all: &'a [CaseFact], now: Timestamp) -> Facts<'a> {
        let corrected: BTreeSet<u64> = all.iter().filter_map(|f| f.corrects).collect();
        let mut facts: Vec<&CaseFact> =
            all.iter().filter(|f| !corrected.contains(&f.seq)).collect();
        facts.sort_by_key(|f| f.seq);
        let revoked = |f: &CaseFact| {
            all.iter().any(|later| {
                later.seq > f.seq
                    && !corrected.contains(&later.seq)
                    && pack
                        .revokes
                        .get(&later.kind)
                        .is_some_and(|k| k.contains(&f.kind))
            })
        };
        facts.retain(|f| !revoked(f));
        Facts { facts, now }
    }

    /// What counts of one kind. A state of the case (detected, eliminated) is what was recorded
    /// last; of dispatches and receipts, of which there may be several, the first in time.
    pub(crate) fn one(&self, kind: &str) -> Option<&'a CaseFact> {
        let mut same = self
            .facts
            .iter()
            .copied()
            .filter(|f| is_kind(&f.kind, kind));
        let repeatable = kind
            .split('.')
            .next()
            .is_some_and(|k| matches!(k, "notice" | "answer" | "report"));
        match repeatable {
            true => same.min_by_key(|f| f.at),
            false => same.next_back(),
        }
    }

    /// All of one kind, with or without a narrowing suffix, earliest first.
    pub(crate) fn all(&self, kind: &str) -> Vec<&'a CaseFact> {
        let same = |f: &&CaseFact| {
            let rest = f.kind.strip_prefix(kind);
            rest.is_some_and(|r| r.is_empty() || r.starts_with(':')) && f.at <= self.now
        };
        let mut found: Vec<_> = self.facts.iter().copied().filter(same).collect();
        found.sort_by_key(|f| (f.at, f.seq));
        found
    }

    /// The earliest of several kinds.
    pub(crate) fn first(&self, kinds: &[String]) -> Option<&'a CaseFact> {
        kinds
            .iter()
            .filter_map(|k| self.one(k))
            .min_by_key(|f| f.at)
    }

    /// The earliest of several kinds that has happened by now.
    pub(crate) fn happened(&self, kinds: &[String]) -> Option<&'a CaseFact> {
        self.first(kinds).filter(|f| f.at <= self.now)
    }

    /// When the duty was done towards all its addressees, counting what `from` on allows.
    pub(crate) fn done(&self, duty: &Duty, not_before: Option<Timestamp>) -> Option<&'a CaseFact> {
        let nobody = [String::new()];
        let addressees = match duty.addressee.as_slice() {
            [] => &nobody,
            some => some,
        };
        let reaches = |fact: &CaseFact, stop: &str, to: &str| {
            let rest = fact.kind.strip_prefix(stop);
            rest.is_some_and(|r| {
                r.is_empty()
                    || r.strip_prefix(':')
                        .is_some_and(|a| a == to || duty.or_to.iter().any(|o| o == a))
            })
        };
        let mut last: Option<&CaseFact> = None;
        for to in addressees {
            let first = self
                .facts
                .iter()
                .copied()
                .filter(|f| f.at <= self.now && not_before.is_none_or(|t| f.at >= t))
                .filter(|f| duty.stop.iter().any(|stop| reaches(f, stop, to)))
                .min_by_key(|f| f.at)?;
            last = Some(match last {
                Some(other) if other.at >= first.at => other,
                _ => first,
            });
        }
        last
    }
}

/// True when `fact` is of `kind`, possibly narrowed to one addressee.
fn is_kind(fact: &str, kind: &str) -> bool {
    fact.strip_prefix(kind)
        .is_some_and(|rest| rest.is_empty() || (kind.contains(':') && rest.starts_with(':')))
}

/// A decision to extend a term.
pub(crate) struct Extension {
    pub at: Timestamp,
    pub kind: String,
    pub amount: u32,
    pub unit: Unit,
}

impl<'a> Facts<'a> {
    /// The stretches in which the duty's clock stood still, and since when it stands still now.
    pub(crate) fn pauses(&self, duty: &Duty) -> (Vec<Pause>, Option<Timestamp>) {
        let mut turns: Vec<(Timestamp, u64, bool)> = Vec::new();
        for (kinds, stops) in [(&duty.pause, true), (&duty.resume, false)] {
            for fact in kinds.iter().flat_map(|k| self.all(k)) {
                turns.push((fact.at, fact.seq, stops));
            }
        }
        turns.sort();
        let mut since = None;
        let mut pauses = Vec::new();
        for (at, _, stops) in turns {
            match (stops, since) {
                (true, None) => since = Some(at),
                (false, Some(from)) => {
                    pauses.push(Pause { from, to: at });
                    since = None;
                }
                _ => {}
            }
        }
        (pauses, since)
    }

    /// The decisions to extend the duty's term, in the order in which they were made, and how many
    /// of them could not be read.
    pub(crate) fn extensions(&self, duty: &Duty) -> (Vec<Extension>, usize) {
        let mut found = Vec::new();
        let mut unread = 0;
        for kind in &duty.extend {
            for fact in self.all(kind) {
                let rest = fact.kind.strip_prefix(kind.as_str()).unwrap_or_default();
                match amount(rest.trim_start_matches(':')) {
                    Some((amount, unit)) => found.push(Extension {
                        at: fact.at,
                        kind: kind.clone(),
                        amount,
                        unit,
                    }),
                    None => unread += 1,
                }
            }
        }
        found.sort_by_key(|e| e.at);
        (found, unread)
    }
}

/// Reads `<amount>-<unit>`, such as `10-working_days`.
fn amount(text: &str) -> Option<(u32, Unit)> {
    let (amount, unit) = text.split_once('-')?;
    let amount = amount
        .parse()
        .ok()
        .filter(|n| (1..=AMOUNT_MAX).contains(n))?;
    let unit = Unit::ALL.into_iter().find(|u| u.word() == unit)?;
    Some((amount, unit))
}
