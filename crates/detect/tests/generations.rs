//! State belongs to a correlation in one form: what changed begins with nothing, what did not
//! keeps what it has.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use saqshy_detect::correlate::{Correlator, Input, Limits, Plans, Saved};
use saqshy_detect::{AlertDraft, Detector, RuleSet};

const RULES: &str = "
title: a
id: a
logsource: {category: test}
detection: {s: {kind: a}, condition: s}
---
title: b
id: b
logsource: {category: test}
detection: {s: {kind: b}, condition: s}
---
title: three of a
id: three
correlation: {type: event_count, rules: [a], timespan: 100s, condition: {gte: 3}}
---
title: four of a
id: four
correlation: {type: event_count, rules: [a], timespan: 100s, condition: {gte: 4}}
---
title: over the first
id: over
correlation: {type: temporal, rules: [three, b], timespan: 100s}
";

fn plans(text: &str, disabled: &[&str]) -> Arc<Plans> {
    let mut set = RuleSet::default();
    set.add_text(Path::new("all.yml"), text);
    let disabled: HashSet<String> = disabled.iter().map(|id| (*id).to_owned()).collect();
    let detector = Detector::new(&set, &disabled);
    detector.plans().clone()
}

fn forms(text: &str, disabled: &[&str]) -> BTreeMap<String, String> {
    let mode = |id: &str| match disabled.contains(&id) {
        true => "disabled",
        false => "enabled",
    };
    plans(text, disabled).definitions(mode)
}

/// Ids whose form differs, or that only one side has.
fn differ(left: &BTreeMap<String, String>, right: &BTreeMap<String, String>) -> Vec<String> {
    let ids: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let differ = ids.into_iter().filter(|id| left.get(*id) != right.get(*id));
    differ.cloned().collect()
}

#[test]
fn a_form_changes_with_its_own_text_and_with_all_below_it() {
    let before = forms(RULES, &[]);
    assert_eq!(before.len(), 3);
    let change = |from: &str, to: &str| differ(&before, &forms(&RULES.replace(from, to), &[]));
    assert_eq!(change("gte: 4", "gte: 5"), ["four"]);
    assert_eq!(change("gte: 3", "gte: 2"), ["over", "three"]);
    assert_eq!(change("kind: b", "kind: c"), ["over"]);
    assert_eq!(change("kind: a", "kind: c"), ["four", "over", "three"]);
    assert!(change("\ntitle: a\n", "\ntitle: a\n").is_empty());
    let filter = "---\ntitle: f\nlogsource: {category: test}\nfilter: {rules: [b], selection: {x: y}, condition: not selection}\n";
    assert_eq!(
        differ(&before, &forms(&format!("{RULES}{filter}"), &[])),
        ["over"]
    );
    let other = "---\ntitle: c\nid: c\nlogsource: {category: test}\ndetection: {s: {kind: c}, condition: s}\n";
    assert!(differ(&before, &forms(&format!("{RULES}{other}"), &[])).is_empty());
    assert_eq!(differ(&before, &forms(RULES, &["b"])), ["over"]);
    assert_eq!(differ(&before, &forms(RULES, &["four"])), ["four"]);
    // Without the one over it, the inner correlation raises alerts by itself.
    assert_eq!(differ(&before, &forms(RULES, &["over"])), ["over", "three"]);
}

fn hit(second: i64) -> Input {
    Input {
        id: format!("a/{second}"),
        rule: "a".into(),
        event_id: format!("n-{second}"),
        at: at(second),
        fields: BTreeMap::new(),
        dataset: "test".into(),
        host: None,
        user: None,
        source_ip: None,
        generation: 0,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Seconds of the hits under alerts of the correlation.
fn seconds(drafts: &[AlertDraft], correlation: &str) -> Vec<i64> {
    let own = drafts.iter().filter(|draft| draft.rule_id == correlation);
    let mut all: Vec<i64> = own
        .flat_map(|draft| draft.hits.iter().map(|hit| hit.at.as_second()))
        .collect();
    all.sort_unstable();
    all
}

const ALONE: &[&str] = &["over"];

#[test]
fn what_changed_begins_with_nothing_and_the_other_keeps_its_windows() {
    let plans = plans(RULES, ALONE);
    let mut correlator = Correlator::new(plans.clone(), Limits::default());
    // The last two wait for the watermark when the change comes.
    for second in 1..=4 {
        correlator.push(hit(second));
    }
    let fired = correlator.advance(at(3));
    assert!(fired.is_empty());
    let mut saved = Saved::default();
    saved.apply(correlator.take_changes());

    saved.generations.now = 1;
    saved.generations.since.insert("three".into(), 1);
    let mut correlator = Correlator::restore(plans.clone(), Limits::default(), saved.clone());
    correlator.push(hit(5));
    let fired = correlator.advance(at(6));
    assert_eq!(seconds(&fired, "four"), [1, 2, 3, 4, 5]);
    assert_eq!(
        seconds(&fired, "three"),
        [0i64; 0],
        "old hits are not counted"
    );
    saved.apply(correlator.take_changes());

    // A restart changes nothing: the same hits are still too few for one and enough for the other.
    let read: Saved = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
    let mut again = Correlator::restore(plans.clone(), Limits::default(), read);
    for correlator in [&mut correlator, &mut again] {
        correlator.push(hit(7));
        correlator.push(hit(8));
        let fired = correlator.advance(at(9));
        assert_eq!(seconds(&fired, "three"), [5, 7, 8]);
        assert_eq!(seconds(&fired, "four"), [7, 8], "the open firing grows");
    }

    // A change of both ends the open firings, too.
    saved.apply(again.take_changes());
    saved.generations.now = 2;
    for id in ["three", "four"] {
        saved.generations.since.insert(id.into(), 2);
    }
    let mut after = Correlator::restore(plans, Limits::default(), saved.clone());
    saved.apply(after.take_changes());
    assert!(saved.firings.is_empty(), "{:?}", saved.firings);
    after.push(hit(10));
    assert!(after.advance(at(11)).is_empty());
    assert_eq!(after.hits(), 1);
}
