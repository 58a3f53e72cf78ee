//! The running state of all correlations.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::drafts::{Drafts, firing_input};
use super::groups::{Group, Groups};
use super::input::Key;
use super::measure::{Measured, Sample};
use super::{Changes, Firing, Input, Plans, Saved, SavedFiring};
use crate::AlertDraft;
use crate::hit::digest;

/// Bounds of memory. What is over a bound goes, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Groups of one correlation.
    pub groups: usize,
    /// Hits of one group.
    pub group_hits: usize,
    /// Hits altogether, those that wait for the watermark among them.
    pub hits: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            groups: 50_000,
            group_hits: 10_000,
            hits: 500_000,
        }
    }
}

/// What happened since the correlator was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub accepted: u64,
    /// Hits whose id was known.
    pub repeated: u64,
    /// Hits before the watermark, left out.
    pub late: u64,
    /// Hits without a value of `group-by` or `condition.field`, once for each correlation.
    pub incomplete: u64,
    pub firings: u64,
    /// Groups given up because there were too many.
    pub groups_evicted: u64,
    /// Hits given up because their group or all groups had too many.
    pub hits_evicted: u64,
}

/// How one correlation stands; counted since the correlator was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Groups that hold hits now.
    pub groups: u64,
    /// Groups and hits of groups given up because of [`Limits`].
    pub dropped: u64,
    /// Hits of its rules before the watermark, left out.
    pub late: u64,
    /// New firings.
    pub fired: u64,
}

/// Turns inputs into alerts; see the module for what it promises.
#[derive(Debug)]
pub struct Correlator {
    plans: Arc<Plans>,
    limits: Limits,
    /// Number of the latest change of rules.
    generation: u64,
    /// For each correlation the change since which it has been in its present form.
    since: Vec<u64>,
    watermark: Option<Timestamp>,
    /// The watermark when memory was last freed.
    forgot: Option<Timestamp>,
    /// Hits that the watermark has not passed.
    pending: BTreeMap<Key, Arc<Input>>,
    /// Hits taken, as long as one of their correlations may need them, by rule.
    kept: HashMap<String, BTreeMap<Key, Arc<Input>>>,
    kept_count: usize,
    ids: HashSet<String>,
    /// Rules of stored inputs that no correlation wants any more.
    strangers: HashSet<String>,
    states: Vec<Groups>,
    ordinal: u64,
    changes: Changes,
    touched: HashSet<(usize, Vec<String>)>,
    counters: Counters,
}

impl Correlator {
    pub fn new(plans: Arc<Plans>, limits: Limits) -> Self {
        Correlator {
            states: plans.plans.iter().map(|_| Groups::default()).collect(),
            since: vec![0; plans.plans.len()],
            plans,
            limits,
            generation: 0,
            watermark: None,
            forgot: None,
            pending: BTreeMap::new(),
            kept: HashMap::new(),
            kept_count: 0,
            ids: HashSet::new(),
            strangers: HashSet::new(),
            ordinal: 0,
            changes: Changes::default(),
            touched: HashSet::new(),
            counters: Counters::default(),
        }
    }

    /// The state that `saved` describes. Inputs and firings of rules and correlations that are
    /// no longer in service, or not in that form, are given up.
    pub fn restore(plans: Arc<Plans>, limits: Limits, saved: Saved) -> Self {
        let mut this = Correlator::new(plans, limits);
        this.watermark = saved.watermark;
        this.generation = saved.generations.now;
        for (id, since) in &saved.generations.since {
            if let Some(at) = this.plans.places.get(id) {
                this.since[*at] = *since;
            }
        }
        let mut taken = BTreeMap::new();
        for input in saved.inputs {
            let Some(floor) = this.floor(&input.rule) else {
                this.strangers.insert(input.rule);
                continue;
            };
            if floor.is_some_and(|floor| input.at < floor) || !this.is_wanted(&input) {
                continue;
            }
            let rank = this.rank(&input.rule);
            let key = input.key(rank);
            this.ids.insert(input.id.clone());
            let waits = rank == 0 && this.watermark.is_none_or(|mark| input.at >= mark);
            let list = if waits { &mut this.pending } else { &mut taken };
            list.insert(key, Arc::new(input));
        }
        let plans = this.plans.clone();
        let mut last = None;
        for (key, input) in taken {
            let event = Some((key.at, key.event_id.clone()));
            if event != last {
                (this.ordinal, last) = (this.ordinal + 1, event);
            }
            for at in plans.feeds[&input.rule].iter().copied() {
                if this.since[at] <= input.generation {
                    this.join(at, &key, &input);
                }
            }
            this.keep(key, input);
        }
        this.counters = Counters::default();
        this.states.iter_mut().for_each(|state| state.dropped = 0);
        for saved in saved.firings {
            let at = this.plans.places.get(&saved.correlation).copied();
            let at = at.filter(|at| this.since[*at] <= saved.generation);
            let group = at.and_then(|at| this.states[at].groups.get_mut(&saved.group));
            match group {
                Some(group) => group.firing = Some(saved.firing),
                None => this.changes.closed.push((saved.correlation, saved.group)),
            }
        }
        this
    }

    /// Takes a hit in; it counts when the watermark has passed it.
    pub fn push(&mut self, mut input: Input) {
        if !self.plans.feeds.contains_key(&input.rule) {
            return;
        }
        if self.ids.contains(&input.id) {
            self.counters.repeated += 1;
        } else if self.watermark.is_some_and(|mark| input.at < mark) {
            self.counters.late += 1;
            for at in &self.plans.feeds[&input.rule] {
                self.states[*at].late += 1;
            }
        } else {
            self.counters.accepted += 1;
            self.ids.insert(input.id.clone());
            input.generation = self.generation;
            let input = Arc::new(input);
            self.changes.added.push(input.clone());
            self.pending.insert(input.key(0), input);
        }
    }

    /// Moves the watermark: no hit before it will come. A watermark never moves back. Gives the
    /// alerts that are new or have grown, with the hits that are new in them.
    pub fn advance(&mut self, watermark: Timestamp) -> Vec<AlertDraft> {
        let mut drafts = Drafts::default();
        if self.watermark.is_some_and(|old| old >= watermark) {
            return self.finish(drafts);
        }
        self.watermark = Some(watermark);
        while let Some((key, _)) = self.pending.first_key_value()
            && key.at < watermark
        {
            let event = (key.at, key.event_id.clone());
            self.take_event(event, &mut drafts);
        }
        // Only memory hangs on it, so once for each second of events is enough.
        let second = SignedDuration::from_secs(1);
        if self
            .forgot
            .is_none_or(|at| watermark.duration_since(at) >= second)
        {
            self.forgot = Some(watermark);
            self.forget(watermark);
        }
        self.finish(drafts)
    }

    /// Takes everything that waits, as if all that will ever come had come.
    pub fn drain(&mut self) -> Vec<AlertDraft> {
        self.advance(Timestamp::MAX)
    }

    /// What must be stored since the last call. If storing it fails, the correlator is ahead of
    /// the store: restore it from there.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = std::mem::take(&mut self.changes);
        changes.watermark = self.watermark;
        let known = self.plans.spans.keys();
        let floors = known.filter_map(|rule| Some((rule.clone(), self.floor(rule)??)));
        changes.floors = floors.collect();
        let strangers = self.strangers.drain();
        changes
            .floors
            .extend(strangers.map(|rule| (rule, Timestamp::MAX)));
        for (at, group) in self.touched.drain() {
            let correlation = self.plans.plans[at].correlation.id.clone();
            let state = self.states[at].groups.get(&group);
            match state.and_then(|state| state.firing.clone()) {
                Some(firing) => changes.fired.push(SavedFiring {
                    correlation,
                    group,
                    firing,
                    generation: self.generation,
                }),
                None => changes.closed.push((correlation, group)),
            }
        }
        changes
    }

    /// Before which time hits of the rule are not needed; outer `None`: no correlation wants any.
    fn floor(&self, rule: &str) -> Option<Option<Timestamp>> {
        let span = SignedDuration::from_secs(*self.plans.spans.get(rule)?);
        Some(self.watermark.map(|mark| later(mark, -span)))
    }

    /// Whether a correlation that it feeds is still of the form in which it took the hit in.
    fn is_wanted(&self, input: &Input) -> bool {
        let mut feeds = self.plans.feeds[&input.rule].iter();
        feeds.any(|at| self.since[*at] <= input.generation)
    }

    pub fn watermark(&self) -> Option<Timestamp> {
        self.watermark
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How each correlation stands.
    pub fn figures(&self) -> impl Iterator<Item = (&str, Figures)> {
        let states = self.plans.plans.iter().zip(&self.states);
        states.map(|(plan, state)| {
            let figures = Figures {
                groups: state.groups.len() as u64,
                dropped: state.dropped,
                late: state.late,
                fired: state.fired,
            };
            (plan.correlation.id.as_str(), figures)
        })
    }

    /// Hits held in memory.
    pub fn hits(&self) -> usize {
        self.pending.len() + self.kept_count
    }

    fn rank(&self, rule: &str) -> u32 {
        self.plans
            .places
            .get(rule)
            .map_or(0, |place| *place as u32 + 1)
    }

    /// Too many hits: the oldest taken ones are given up, or, if most still wait, the oldest of
    /// these are taken before their time.
    fn finish(&mut self, mut drafts: Drafts) -> Vec<AlertDraft> {
        while self.hits() > self.limits.hits {
            if self.kept_count * 2 >= self.limits.hits {
                self.give_up_oldest();
            } else if let Some((key, _)) = self.pending.first_key_value() {
                let event = (key.at, key.event_id.clone());
                // Others of the same time may still wait: at the watermark nothing is late.
                self.watermark = self.watermark.max(Some(event.0));
                self.take_event(event, &mut drafts);
            }
        }
        drafts.list
    }

    /// Gives a tenth of the hits up.
    fn give_up_oldest(&mut self) {
        let mut keys: Vec<(Timestamp, &str)> = self
            .kept
            .iter()
            .flat_map(|(rule, hits)| hits.keys().map(move |key| (key.at, rule.as_str())))
            .collect();
        let tenth = (self.limits.hits / 10).min(keys.len().saturating_sub(1));
        let floor = keys.select_nth_unstable(tenth).1.0;
        let rules: Vec<String> = self.kept.keys().cloned().collect();
        let before = self.kept_count;
        for rule in rules {
            self.forget_before(&rule, later(floor, SignedDuration::from_nanos(1)));
        }
        self.counters.hits_evicted += (before - self.kept_count) as u64;
        for groups in &mut self.states {
            for group in groups.groups.values_mut() {
                while group.hits.front().is_some_and(|(hit, ..)| hit.at <= floor) {
                    group.drop_oldest();
                    groups.dropped += 1;
                }
            }
        }
    }

    /// Takes all hits of one event and what fires at it.
    fn take_event(&mut self, event: (Timestamp, String), drafts: &mut Drafts) {
        self.ordinal += 1;
        let plans = self.plans.clone();
        let mut waiting: BTreeMap<Key, Arc<Input>> = BTreeMap::new();
        while let Some(entry) = self.pending.first_entry()
            && entry.key().at == event.0
            && entry.key().event_id == event.1
        {
            let (key, input) = entry.remove_entry();
            waiting.insert(key, input);
        }
        // Rules stand before the correlations over them, so a firing only adds behind.
        while let Some((key, input)) = waiting.pop_first() {
            for at in plans.feeds[&input.rule].iter().copied() {
                if self.since[at] > input.generation {
                    continue;
                }
                let Some(fired) = self.feed(at, &key, &input, drafts) else {
                    continue;
                };
                if plans.feeds.contains_key(&fired.rule) {
                    let fired = Arc::new(fired);
                    self.ids.insert(fired.id.clone());
                    self.changes.added.push(fired.clone());
                    waiting.insert(fired.key(at as u32 + 1), fired);
                }
            }
            self.keep(key, input);
        }
    }

    /// Adds a hit to the correlation at `at`; the input that a new firing is for others.
    fn feed(
        &mut self,
        at: usize,
        key: &Key,
        input: &Arc<Input>,
        drafts: &mut Drafts,
    ) -> Option<Input> {
        let plans = self.plans.clone();
        let plan = &plans.plans[at];
        let values = self.join(at, key, input)?;
        let group = self.states[at].groups.get_mut(&values)?;
        if !group.measure.meets(&plan.correlation.condition) {
            return None;
        }
        let span = plan.correlation.timespan;
        let grows = group
            .firing
            .take()
            .filter(|firing| input.at.duration_since(firing.at) <= span);
        let (firing, new) = match grows {
            Some(firing) => (firing, false),
            None => {
                let (first, first_key, _) = group.hits.front()?;
                let mut parts = vec![plan.correlation.id.as_str()];
                parts.extend(values.iter().map(String::as_str));
                parts.extend([first.id.as_str(), input.id.as_str()]);
                let firing = Firing {
                    id: digest(&parts),
                    from: first.at,
                    at: input.at,
                    last: first_key.clone(),
                };
                (firing, true)
            }
        };
        let added = group.hits.iter().rev();
        let added: Vec<_> = added
            .take_while(|(_, hit, _)| *hit > firing.last || new)
            .map(|(hit, ..)| hit.clone())
            .collect();
        group.firing = Some(Firing {
            last: key.clone(),
            ..firing.clone()
        });
        self.touched.insert((at, values.clone()));
        if !plan.silent {
            drafts.add(plan, &values, &firing, added.into_iter().rev());
        }
        if !new {
            return None;
        }
        self.counters.firings += 1;
        self.states[at].fired += 1;
        Some(firing_input(&plan.correlation, &values, &firing, input))
    }

    /// Puts a hit into the window of its group; `None` if it belongs to none.
    fn join(&mut self, at: usize, key: &Key, input: &Arc<Input>) -> Option<Vec<String>> {
        let plan = &self.plans.plans[at];
        let measured = Measured::of(&plan.correlation, &plan.values_of(input));
        let (Some(values), Some(value)) = (plan.group_of(input), measured) else {
            self.counters.incomplete += 1;
            return None;
        };
        let sample = Sample {
            ordinal: self.ordinal,
            places: plan.places_of(input).to_vec(),
            value,
        };
        let groups = &mut self.states[at];
        if !groups.groups.contains_key(&values) && groups.groups.len() >= self.limits.groups {
            if let Some(gone) = groups.drop_oldest() {
                self.touched.insert((at, gone));
            }
            self.counters.groups_evicted += 1;
            groups.dropped += 1;
        }
        let age = (input.at, groups.next_number());
        let group = groups
            .groups
            .entry(values.clone())
            .or_insert_with(|| Group::new(&plan.correlation, age));
        groups.by_age.remove(&group.age);
        group.age = age;
        groups.by_age.insert(age, values.clone());
        let span = plan.correlation.timespan;
        while let Some((oldest, ..)) = group.hits.front()
            && input.at.duration_since(oldest.at) > span
        {
            group.drop_oldest();
        }
        if group.hits.len() >= self.limits.group_hits {
            group.drop_oldest();
            groups.dropped += 1;
            self.counters.hits_evicted += 1;
        }
        group.measure.add(&sample);
        group.hits.push_back((input.clone(), key.clone(), sample));
        Some(values)
    }

    fn keep(&mut self, key: Key, input: Arc<Input>) {
        let hits = self.kept.entry(input.rule.clone()).or_default();
        hits.insert(key, input);
        self.kept_count += 1;
    }

    /// Gives up what no window can reach any more.
    fn forget(&mut self, watermark: Timestamp) {
        let plans = self.plans.clone();
        for rule in plans.spans.keys() {
            if let Some(Some(floor)) = self.floor(rule) {
                self.forget_before(rule, floor);
            }
        }
        for (at, (groups, plan)) in self.states.iter_mut().zip(&plans.plans).enumerate() {
            let floor = later(watermark, -plan.correlation.timespan);
            while let Some((age, _)) = groups.by_age.first_key_value()
                && age.0 < floor
            {
                if let Some(gone) = groups.drop_oldest() {
                    self.touched.insert((at, gone));
                }
            }
        }
    }

    fn forget_before(&mut self, rule: &str, floor: Timestamp) {
        let Some(hits) = self.kept.get_mut(rule) else {
            return;
        };
        while let Some(entry) = hits.first_entry()
            && entry.key().at < floor
        {
            let input = entry.remove();
            self.kept_count -= 1;
            self.ids.remove(&input.id);
        }
    }
}

/// `span` after `at`, or the last or first moment there is.
pub(super) fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    let end = if span.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    at.checked_add(span).unwrap_or(end)
}
