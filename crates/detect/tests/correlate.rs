//! The running correlator gives what the definition gives, whatever the order of arrival.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use saqshy_detect::correlate::{Correlator, Input, Limits, Plans, Saved, oracle};
use saqshy_detect::{AlertDraft, Detector, RuleSet};

/// Three rules and correlations of every kind over them. `{span}` is filled in.
const RULES: &str = "
title: a
id: a
name: ra
logsource: {category: test}
detection: {s: {kind: a}, condition: s}
---
title: b
id: b
name: rb
logsource: {category: test}
detection: {s: {kind: b}, condition: s}
---
title: c
id: c
name: rc
logsource: {category: test}
detection: {s: {kind: c}, condition: s}
";

const CORRELATIONS: [&str; 16] = [
    "type: event_count, rules: [a], group-by: [g], condition: {gte: 3}",
    "type: event_count, rules: [a, b], group-by: [g], condition: {gte: 2, lt: 4}",
    "type: event_count, rules: [ra], condition: {eq: 3}",
    "type: value_count, rules: [a, b], group-by: [g], condition: {field: v, gt: 2}",
    "type: value_count, rules: [a], group-by: [g], condition: {field: [v, n], neq: 2}",
    "type: value_sum, rules: [a, c], group-by: [g], condition: {field: n, gte: 10.5}",
    "type: value_avg, rules: [a], group-by: [g], condition: {field: n, lte: 2}",
    "type: value_percentile, rules: [a, b], condition: {field: n, percentile: 50, gt: 3}",
    "type: value_percentile, rules: [a, b], group-by: [g], condition: {field: v, lt: 30}",
    "type: temporal, rules: [a, b, c], group-by: [g]",
    "type: temporal, rules: [a, b, c], group-by: [g], condition: {eq: 2}",
    "type: temporal, group-by: [g], condition: (ra or rb) and not rc",
    "type: temporal_ordered, rules: [a, b, c], group-by: [g]",
    "type: temporal_ordered, rules: [c, a, b], group-by: [who], condition: {gte: 2}, aliases: {who: {a: g, b: h, rc: g}}",
    "type: temporal_ordered, group-by: [g], condition: ra and (rb or rc) and ra2",
    "type: temporal_ordered, rules: [ra, rb, rc], group-by: [g], condition: ra and not rb and 1 of r*",
];

fn plans(chosen: usize, span: i64) -> Arc<Plans> {
    let mut yaml = RULES.to_owned();
    // A second name for `b`, so that an expression may ask for it after `c`.
    let section = CORRELATIONS[chosen].replace("ra2", "rb");
    yaml += &format!(
        "---\ntitle: one\nname: one\ncorrelation: {{{section}, timespan: {span}s, generate: true}}\n"
    );
    yaml += &format!(
        "---\ntitle: two\nname: two\ncorrelation: {{type: event_count, rules: [one, c], group-by: [v], \
         timespan: {}s, condition: {{gte: 2}}, generate: true}}\n",
        span * 2
    );
    yaml += &format!(
        "---\ntitle: three\ncorrelation: {{type: temporal_ordered, rules: [one, two], \
         group-by: [v], timespan: {span}s, generate: true}}\n"
    );
    let mut set = RuleSet::default();
    set.add_text(Path::new("c.yml"), &yaml);
    let detector = Detector::new(&set, &Default::default());
    assert!(detector.refused().is_empty(), "{:?}", detector.refused());
    detector.plans().clone()
}

fn input(rule: u8, second: i64, event: u32, fields: [u8; 4]) -> Input {
    let rule = ["a", "b", "c"][usize::from(rule)].to_owned();
    let event_id = format!("n-{event:04}");
    // One value in eight is absent, some are not numbers.
    let value = |of: &str, n: u8| (n < 7).then(|| (of.to_owned(), n.to_string()));
    let mut all: BTreeMap<String, String> =
        [("v", fields[0]), ("g", fields[1] % 3), ("h", fields[2])]
            .into_iter()
            .filter_map(|(of, n)| value(of, n))
            .collect();
    let numbers = ["1", "2.5", "-3", "4", "x", "1e3", "0.1", "7"];
    all.insert("n".to_owned(), numbers[usize::from(fields[3])].to_owned());
    Input {
        id: format!("{rule}/{event_id}"),
        rule,
        event_id,
        at: Timestamp::from_second(second).unwrap(),
        fields: all,
        dataset: "test".into(),
        host: None,
        user: None,
        source_ip: None,
        generation: 0,
    }
}

type Alerts = BTreeMap<String, (String, String, Timestamp, Timestamp, BTreeSet<String>)>;

fn merge(into: &mut Alerts, drafts: Vec<AlertDraft>) {
    for draft in drafts {
        let entry = into.entry(draft.id).or_insert_with(|| {
            let entity = draft.entity.value.clone();
            let window = (draft.window_start, draft.window_end);
            (
                draft.rule_id.clone(),
                entity,
                window.0,
                window.1,
                BTreeSet::new(),
            )
        });
        assert_eq!(entry.0, draft.rule_id);
        assert_eq!((entry.2, entry.3), (draft.window_start, draft.window_end));
        for hit in draft.hits {
            assert!(entry.4.insert(hit.id), "a hit is given twice");
        }
    }
}

fn inputs() -> impl Strategy<Value = Vec<(Input, u8, bool)>> {
    let one = (
        0u8..3,
        0i64..40,
        0u32..30,
        prop::array::uniform4(0u8..8),
        0u8..8,
        prop::bool::weighted(0.2),
    );
    prop::collection::vec(one, 1..40).prop_map(|seeds| {
        // One event has one time and one set of fields, whatever rules it meets.
        let mut events: BTreeMap<u32, (i64, [u8; 4])> = BTreeMap::new();
        seeds
            .into_iter()
            .map(|(rule, second, event, fields, delay, again)| {
                let (second, fields) = *events.entry(event).or_insert((second, fields));
                (input(rule, second, event, fields), delay, again)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order of arrival within the lateness, repeats, and restarts at any place.
    #[test]
    fn the_correlator_gives_what_the_definition_gives(
        chosen in 0..CORRELATIONS.len(),
        span in 1i64..12,
        arrivals in inputs(),
        restarts in prop::collection::vec(0usize..60, 0..4),
    ) {
        const LATENESS: i64 = 7;
        let plans = plans(chosen, span);
        let hits: Vec<Input> = arrivals.iter().map(|(input, ..)| input.clone()).collect();
        let mut wanted = Alerts::new();
        merge(&mut wanted, oracle::alerts(&plans, &hits));

        let mut order: Vec<(i64, &Input)> = arrivals
            .iter()
            .map(|(input, delay, _)| (input.at.as_second() + i64::from(*delay % 7), input))
            .collect();
        let again = arrivals.iter().filter(|(.., again)| *again);
        order.extend(again.map(|(input, ..)| (input.at.as_second() + LATENESS, input)));
        order.sort_by_key(|(arrives, _)| *arrives);

        let mut found = Alerts::new();
        let mut saved = Saved::default();
        let mut correlator = Correlator::new(plans.clone(), Limits::default());
        let mut latest = i64::MIN;
        let mut late = 0;
        for (step, (_, input)) in order.iter().enumerate() {
            latest = latest.max(input.at.as_second());
            correlator.push((*input).clone());
            let watermark = Timestamp::from_second(latest - LATENESS).unwrap();
            merge(&mut found, correlator.advance(watermark));
            saved.apply(correlator.take_changes());
            if restarts.contains(&step) {
                late += correlator.counters().late;
                let text = serde_json::to_string(&saved).unwrap();
                let read: Saved = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(&read, &saved);
                correlator = Correlator::restore(plans.clone(), Limits::default(), read);
            }
        }
        prop_assert_eq!(late + correlator.counters().late, 0);
        merge(&mut found, correlator.drain());
        prop_assert_eq!(found, wanted);
        saved.apply(correlator.take_changes());
        prop_assert!(saved.inputs.is_empty() && saved.firings.is_empty(), "{:?}", saved);
        prop_assert_eq!(correlator.hits(), 0);
    }

    /// Whatever arrives however late: hits are accounted for and memory stays within its limits.
    #[test]
    fn limits_hold_and_every_hit_is_accounted_for(
        chosen in 0..CORRELATIONS.len(),
        arrivals in inputs(),
        lateness in 0i64..30,
    ) {
        let limits = Limits { groups: 2, group_hits: 3, hits: 8 };
        let plans = plans(chosen, 10);
        let mut correlator = Correlator::new(plans.clone(), limits);
        let mut latest = i64::MIN;
        for (input, ..) in &arrivals {
            latest = latest.max(input.at.as_second());
            correlator.push(input.clone());
            correlator.advance(Timestamp::from_second(latest - lateness).unwrap());
            prop_assert!(correlator.hits() <= limits.hits, "{}", correlator.hits());
            correlator.take_changes();
        }
        let counted = correlator.counters();
        let wanted = arrivals.iter().filter(|(input, ..)| plans.wants(&input.rule));
        prop_assert_eq!(counted.accepted + counted.repeated + counted.late, wanted.count() as u64);
    }
}

fn run(plans: &Arc<Plans>, inputs: &[Input]) -> Vec<AlertDraft> {
    let mut correlator = Correlator::new(plans.clone(), Limits::default());
    inputs
        .iter()
        .for_each(|input| correlator.push(input.clone()));
    correlator.drain()
}

#[test]
fn a_burst_is_one_alert_for_each_timespan() {
    let plans = plans(0, 10);
    let burst: Vec<Input> = (0..30)
        .map(|second| input(0, second, second as u32, [0, 0, 0, 0]))
        .collect();
    let alerts = run(&plans, &burst);
    let alerts: Vec<_> = alerts.iter().filter(|it| it.rule_id == "one").collect();
    // Fires at 2, and again as soon as that is more than ten seconds ago.
    let at: Vec<i64> = alerts
        .iter()
        .map(|it| it.window_end.as_second() - 10)
        .collect();
    assert_eq!(at, [2, 13, 24]);
    assert_eq!(alerts[0].hits.len(), 13);
    assert_eq!(alerts[0].entity.kind, "g");
    assert_eq!(alerts[0].window_start, Timestamp::UNIX_EPOCH);
}

#[test]
fn a_timespan_holds_both_its_ends() {
    for (apart, fires) in [(5, true), (6, false)] {
        let plans = plans(9, 5);
        let hits = [
            input(0, 0, 0, [0; 4]),
            input(1, 1, 1, [0; 4]),
            input(2, apart, 2, [0; 4]),
        ];
        let fired = run(&plans, &hits).iter().any(|it| it.rule_id == "one");
        assert_eq!(fired, fires, "{apart} seconds");
    }
}

#[test]
fn late_hits_are_counted_and_left_out() {
    let mut correlator = Correlator::new(plans(0, 10), Limits::default());
    for second in [0, 1, 100] {
        correlator.push(input(0, second, second as u32, [0; 4]));
    }
    correlator.advance(Timestamp::from_second(50).unwrap());
    correlator.push(input(0, 2, 2, [0; 4]));
    correlator.push(input(0, 100, 100, [0; 4]));
    assert!(correlator.drain().is_empty());
    let counted = correlator.counters();
    assert_eq!(
        (counted.accepted, counted.late, counted.repeated),
        (3, 1, 1)
    );
    let one = correlator.figures().find(|(id, _)| *id == "one").unwrap().1;
    assert_eq!((one.late, one.fired, one.dropped), (1, 0, 0));
}

/// A flood into one group costs the same for every hit.
#[test]
fn a_flood_into_one_group_stays_cheap() {
    let plans = plans(3, 3_600);
    let mut correlator = Correlator::new(plans, Limits::default());
    let begin = std::time::Instant::now();
    for number in 0..60_000u32 {
        let second = i64::from(number / 100);
        correlator.push(input(0, second, number, [(number % 7) as u8, 0, 0, 0]));
        if number % 1_000 == 999 {
            let mark = Timestamp::from_second(second).unwrap();
            correlator.advance(mark - SignedDuration::from_secs(1));
        }
    }
    assert!(correlator.counters().hits_evicted > 0);
    assert!(correlator.hits() <= Limits::default().hits);
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
}
