//! Alerts and inputs that firings make.

use std::collections::HashMap;
use std::sync::Arc;

use saqshy_sigma::Correlation;

use super::correlator::later;
use super::plan::Plan;
use super::{Firing, Input};
use crate::hit::digest;
use crate::{AlertDraft, Entity, Hit};

/// A new firing as the input of other correlations.
pub(super) fn firing_input(
    correlation: &Correlation,
    group: &[String],
    firing: &Firing,
    last: &Input,
) -> Input {
    let mut fields = last.fields.clone();
    let parts = correlation.group_by.iter().cloned();
    fields.extend(parts.zip(group.iter().cloned()));
    Input {
        id: firing.id.clone(),
        rule: correlation.id.clone(),
        fields,
        ..last.clone()
    }
}

/// Alerts of one call, each once.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub list: Vec<AlertDraft>,
    places: HashMap<String, usize>,
}

impl Drafts {
    pub fn add(
        &mut self,
        plan: &Plan,
        group: &[String],
        firing: &Firing,
        hits: impl Iterator<Item = Arc<Input>>,
    ) {
        let correlation = &plan.correlation;
        let mut hits = hits.peekable();
        let Some(first) = hits.peek() else {
            return;
        };
        let entity = entity_of(correlation, group, first);
        let place = *self.places.entry(firing.id.clone()).or_insert_with(|| {
            self.list.push(AlertDraft {
                id: firing.id.clone(),
                rule_id: correlation.id.clone(),
                rule_title: correlation.title.clone(),
                level: crate::hit::level_or_lowest(correlation.level),
                tags: correlation.tags.clone(),
                entity: entity.clone(),
                window_start: firing.from,
                window_end: later(firing.at, correlation.timespan),
                first_at: first.at,
                last_at: first.at,
                hits: Vec::new(),
            });
            self.list.len() - 1
        });
        let draft = &mut self.list[place];
        for input in hits {
            draft.first_at = draft.first_at.min(input.at);
            draft.last_at = draft.last_at.max(input.at);
            draft.hits.push(Hit {
                id: digest(&[&firing.id, &input.id]),
                rule_id: correlation.id.clone(),
                rule_title: correlation.title.clone(),
                level: draft.level,
                tags: correlation.tags.clone(),
                event_id: input.event_id.clone(),
                at: input.at,
                dataset: input.dataset.clone(),
                host: input.host.clone(),
                user: input.user.clone(),
                source_ip: input.source_ip.clone(),
                entity: entity.clone(),
            });
        }
    }
}

/// What an alert of a correlation is about: the part of `group-by` that `saqshy: {entity: …}`
/// names, else all parts; without `group-by` the host or address of a hit.
fn entity_of(correlation: &Correlation, group: &[String], hit: &Input) -> Entity {
    let parts = correlation.group_by.iter().zip(group);
    let wanted = correlation.custom.get("saqshy.entity");
    if let Some((kind, value)) = parts.clone().find(|(part, _)| Some(*part) == wanted) {
        return Entity {
            kind: kind.clone(),
            value: value.clone(),
        };
    }
    if !group.is_empty() {
        return Entity {
            kind: correlation.group_by.join(", "),
            value: group.join(", "),
        };
    }
    let known = [("host.name", &hit.host), ("source.ip", &hit.source_ip)];
    let mut known = known.into_iter();
    let found = known.find_map(|(kind, value)| Some((kind, value.clone()?)));
    let (kind, value) = found.unwrap_or(("unknown", "-".to_owned()));
    Entity {
        kind: kind.to_owned(),
        value,
    }
}
