use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use saqshy_sigma::Level;
use serde::Serialize;

use crate::hit::digest;
use crate::{Entity, Hit};

/// Hits of one rule on one entity within one window of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertDraft {
    /// 32 hexadecimal digits, a function of rule, entity and start of the window.
    pub id: String,
    pub rule_id: String,
    pub rule_title: String,
    #[serde(serialize_with = "crate::hit::level_word")]
    pub level: Level,
    pub tags: Vec<String>,
    pub entity: Entity,
    pub window_start: Timestamp,
    /// Exclusive.
    pub window_end: Timestamp,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// Ordered by time, then id.
    pub hits: Vec<Hit>,
}

/// Groups hits by rule, entity and window. Windows lie side by side from the epoch on, so that the
/// group of a hit depends on the hit alone and not on what arrived before it.
///
/// # Panics
/// If `window` is not at least one second.
pub fn group(hits: Vec<Hit>, window: SignedDuration) -> Vec<AlertDraft> {
    assert!(
        window >= SignedDuration::from_secs(1),
        "alert window of {window}"
    );
    let mut groups: BTreeMap<(i64, String, Entity), Vec<Hit>> = BTreeMap::new();
    for hit in hits {
        let slot = hit.at.as_second().div_euclid(window.as_secs());
        groups
            .entry((slot, hit.rule_id.clone(), hit.entity.clone()))
            .or_default()
            .push(hit);
    }
    groups
        .into_iter()
        .map(|((slot, _, _), hits)| draft(slot * window.as_secs(), window, hits))
        .collect()
}

fn draft(start: i64, window: SignedDuration, mut hits: Vec<Hit>) -> AlertDraft {
    hits.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let first = &hits[0];
    let edge = |second| Timestamp::from_second(second).unwrap_or(first.at);
    AlertDraft {
        id: digest(&[
            &first.rule_id,
            &first.entity.kind,
            &first.entity.value,
            &start.to_string(),
        ]),
        rule_id: first.rule_id.clone(),
        rule_title: first.rule_title.clone(),
        level: first.level,
        tags: first.tags.clone(),
        entity: first.entity.clone(),
        window_start: edge(start),
        window_end: edge(start + window.as_secs()),
        first_at: first.at,
        last_at: hits[hits.len() - 1].at,
        hits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hit(rule: u8, host: u8, second: i64, event: u32) -> Hit {
        let (rule_id, event_id) = (format!("rule-{rule}"), format!("n-{event}"));
        Hit {
            id: digest(&[&rule_id, &event_id]),
            rule_title: rule_id.clone(),
            rule_id,
            level: Level::High,
            tags: vec![],
            event_id,
            at: Timestamp::from_second(second).unwrap(),
            dataset: "linux.auth".into(),
            host: None,
            user: None,
            source_ip: None,
            entity: Entity {
                kind: "host.name".into(),
                value: format!("h{host}"),
            },
        }
    }

    proptest! {
        /// The order and the cutting into batches do not change which alerts there are.
        #[test]
        fn grouping_does_not_depend_on_arrival(
            seeds in prop::collection::vec((0u8..3, 0u8..3, -10_000i64..10_000, 0u32..1000), 1..60),
            cut in 0usize..60,
        ) {
            let window = SignedDuration::from_hours(1);
            let hits: Vec<_> = seeds.iter().map(|&(r, h, s, e)| hit(r, h, s, e)).collect();
            let whole: Vec<_> = group(hits.clone(), window).into_iter().map(|a| (a.id, a.hits.len())).collect();
            let cut = cut.min(hits.len());
            let mut parts: BTreeMap<String, usize> = BTreeMap::new();
            for part in [&hits[cut..], &hits[..cut]] {
                for alert in group(part.to_vec(), window) {
                    prop_assert!(alert.window_start <= alert.first_at && alert.last_at < alert.window_end);
                    *parts.entry(alert.id).or_default() += alert.hits.len();
                }
            }
            prop_assert_eq!(whole.into_iter().collect::<BTreeMap<_, _>>(), parts);
        }
    }
}
