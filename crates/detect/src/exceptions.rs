//! Exceptions: hits of a rule that a person decided not to be shown, narrowly and for a time.
//!
//! An exception stands apart from its rule. It hides a hit when everything it names holds: the
//! rule, the entity where it names one, and every field with exactly the value it names. Who
//! proposed and approved it is not known here.

use std::collections::HashMap;

use jiff::Timestamp;
use saqshy_event::EventRef;
use serde::{Deserialize, Serialize};

use crate::{Entity, Hit};

/// A field of the event and the value it must have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldIs {
    /// Dotted name, for example `process.name`.
    pub field: String,
    /// The whole value as text, letter case included; of a field with several values, one of them.
    pub value: String,
}

/// Which hits to hide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exception {
    pub id: String,
    pub rule_id: String,
    pub entity: Option<Entity>,
    pub fields: Vec<FieldIs>,
    /// From then on it hides nothing.
    pub expires: Timestamp,
}

impl Exception {
    /// Whether it hides this hit of this event at `now`.
    pub fn hides(&self, hit: &Hit, event: EventRef<'_>, now: Timestamp) -> bool {
        now < self.expires
            && self.rule_id == hit.rule_id
            && self.entity.as_ref().is_none_or(|own| *own == hit.entity)
            && self.fields.iter().all(|wanted| holds(wanted, event))
    }
}

fn holds(wanted: &FieldIs, event: EventRef<'_>) -> bool {
    let Some(value) = event.get(&wanted.field) else {
        return false;
    };
    let mut items = value.items().iter();
    items.any(|item| item.to_text().as_deref() == Some(wanted.value.as_str()))
}

/// The exceptions in force, by rule.
#[derive(Debug, Clone, Default)]
pub struct Exceptions {
    by_rule: HashMap<String, Vec<Exception>>,
}

impl FromIterator<Exception> for Exceptions {
    fn from_iter<I: IntoIterator<Item = Exception>>(list: I) -> Self {
        let mut by_rule: HashMap<String, Vec<Exception>> = HashMap::new();
        for one in list {
            by_rule.entry(one.rule_id.clone()).or_default().push(one);
        }
        Exceptions { by_rule }
    }
}

impl Exceptions {
    /// The first exception that hides the hit, in the order given.
    pub fn hiding(&self, hit: &Hit, event: EventRef<'_>, now: Timestamp) -> Option<&Exception> {
        let mut own = self.by_rule.get(&hit.rule_id)?.iter();
        own.find(|exception| exception.hides(hit, event, now))
    }

    /// Whether there is one for this rule.
    pub fn concern(&self, rule_id: &str) -> bool {
        self.by_rule.contains_key(rule_id)
    }

    pub fn is_empty(&self) -> bool {
        self.by_rule.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;
    use proptest::prelude::*;
    use saqshy_event::{Batch, BatchBuilder, Value};

    const FIELDS: [&str; 3] = ["process.name", "user.name", "process.args"];

    fn event(values: &[Option<u8>; 3]) -> Batch {
        let mut builder = BatchBuilder::default();
        for (field, value) in FIELDS.iter().zip(values) {
            match value {
                Some(value) if *field == "process.args" => {
                    builder.add(field, format!("v{value}").as_str());
                    builder.add(field, "other");
                }
                Some(value) => builder.set(field, format!("v{value}").as_str()),
                None => {}
            }
        }
        builder.set("event.id", "n-1");
        builder.end_event();
        builder.finish()
    }

    fn hit(rule: u8, host: u8) -> Hit {
        Hit {
            id: "h".into(),
            rule_id: format!("rule-{rule}"),
            rule_title: String::new(),
            level: Level::Low,
            tags: vec![],
            event_id: "n-1".into(),
            at: Timestamp::UNIX_EPOCH,
            dataset: String::new(),
            host: None,
            user: None,
            source_ip: None,
            entity: Entity {
                kind: "host.name".into(),
                value: format!("h{host}"),
            },
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    prop_compose! {
        fn any_exception()(rule in 0u8..3, host in prop::option::of(0u8..3), expires in 0i64..20,
                           wanted in prop::collection::vec((0usize..3, 0u8..3), 0..3)) -> Exception {
            Exception {
                id: String::new(),
                rule_id: format!("rule-{rule}"),
                entity: host.map(|host| Entity { kind: "host.name".into(), value: format!("h{host}") }),
                fields: wanted
                    .into_iter()
                    .map(|(field, value)| FieldIs { field: FIELDS[field].into(), value: format!("v{value}") })
                    .collect(),
                expires: at(expires),
            }
        }
    }

    proptest! {
        /// A hit that is hidden has everything that its exception names; a hit that any exception
        /// in force names in full is hidden; and every hit is either hidden or shown.
        #[test]
        fn only_what_is_named_in_full_is_hidden(
            list in prop::collection::vec(any_exception(), 0..12),
            hits in prop::collection::vec((0u8..3, 0u8..3, prop::array::uniform3(prop::option::of(0u8..3))), 1..30),
            now in 0i64..20,
        ) {
            let exceptions: Exceptions = list.iter().cloned().collect();
            let (mut hidden, mut shown) = (0, 0);
            for (rule, host, values) in &hits {
                let (batch, hit) = (event(values), hit(*rule, *host));
                let named = |one: &Exception| {
                    one.rule_id == hit.rule_id
                        && one.entity.as_ref().is_none_or(|own| own.value == format!("h{host}"))
                        && one.fields.iter().all(|wanted| {
                            let at = FIELDS.iter().position(|field| *field == wanted.field).unwrap();
                            values[at].is_some_and(|value| format!("v{value}") == wanted.value)
                        })
                };
                match exceptions.hiding(&hit, batch.event(0), at(now)) {
                    Some(one) => {
                        prop_assert!(named(one) && at(now) < one.expires);
                        hidden += 1;
                    }
                    None => {
                        prop_assert!(!list.iter().any(|one| named(one) && at(now) < one.expires));
                        shown += 1;
                    }
                }
            }
            prop_assert_eq!(hidden + shown, hits.len());
        }
    }

    #[test]
    fn letter_case_and_parts_of_a_value_are_not_enough() {
        let mut builder = BatchBuilder::default();
        builder.set("process.name", "Backup.exe");
        builder.set("process.pid", Value::Int(7));
        builder.end_event();
        let batch = builder.finish();
        let wanted = |field: &str, value: &str| FieldIs {
            field: field.into(),
            value: value.into(),
        };
        assert!(holds(&wanted("process.name", "Backup.exe"), batch.event(0)));
        assert!(holds(&wanted("process.pid", "7"), batch.event(0)));
        for (field, value) in [
            ("process.name", "backup.exe"),
            ("process.name", "Backup"),
            ("process.name", ""),
            ("process.pid", "07"),
            ("user.name", ""),
        ] {
            assert!(
                !holds(&wanted(field, value), batch.event(0)),
                "{field} {value}"
            );
        }
    }
}
