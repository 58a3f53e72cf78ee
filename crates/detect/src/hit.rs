use jiff::Timestamp;
use saqshy_event::EventRef;
use saqshy_sigma::{Level, Rule};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What a hit or an alert is about: a host, a user, an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Entity {
    /// The field it was taken from, for example `source.ip`.
    pub kind: String,
    pub value: String,
}

/// One rule matched one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// 32 hexadecimal digits, a function of rule id and event id.
    pub id: String,
    pub rule_id: String,
    pub rule_title: String,
    #[serde(serialize_with = "level_word")]
    pub level: Level,
    /// Sigma tags, ATT&CK techniques and tactics among them.
    pub tags: Vec<String>,
    pub event_id: String,
    /// When the event happened (`@timestamp`).
    pub at: Timestamp,
    pub dataset: String,
    pub host: Option<String>,
    pub user: Option<String>,
    pub source_ip: Option<String>,
    pub entity: Entity,
}

/// Where to look for the entity when the rule does not name a field.
const ENTITY_FIELDS: [&str; 4] = ["host.name", "source.ip", "user.name", "log.source.id"];

impl Hit {
    /// The hit of `rule` on `event`.
    pub fn new(rule: &Rule, event: EventRef<'_>) -> Self {
        let text = |field| first_text(event, field);
        let event_id = text("event.id").unwrap_or_default();
        Hit {
            id: digest(&[&rule.id, &event_id]),
            rule_id: rule.id.clone(),
            rule_title: rule.title.clone(),
            level: level_of(rule),
            tags: rule.tags.clone(),
            at: match event.get("@timestamp") {
                Some(saqshy_event::Value::Time(at)) => *at,
                _ => Timestamp::UNIX_EPOCH,
            },
            dataset: text("data_stream.dataset").unwrap_or_default(),
            host: text("host.name"),
            user: text("user.name"),
            source_ip: text("source.ip"),
            entity: entity_of(rule, event),
            event_id,
        }
    }
}

/// The rule's own `saqshy: {entity: FIELD}` first, then the usual fields.
fn entity_of(rule: &Rule, event: EventRef<'_>) -> Entity {
    rule.custom
        .get("saqshy.entity")
        .map(String::as_str)
        .into_iter()
        .chain(ENTITY_FIELDS)
        .find_map(|field| {
            let value = first_text(event, field)?;
            Some(Entity {
                kind: field.to_owned(),
                value,
            })
        })
        .unwrap_or_else(|| Entity {
            kind: "unknown".into(),
            value: "-".into(),
        })
}

/// The level of a rule; one that names none is `informational`.
pub fn level_of(rule: &Rule) -> Level {
    level_or_lowest(rule.level)
}

pub(crate) fn level_or_lowest(level: Option<Level>) -> Level {
    level.unwrap_or(Level::Informational)
}

pub(crate) fn level_word<S: serde::Serializer>(level: &Level, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(level.as_str())
}

fn first_text(event: EventRef<'_>, field: &str) -> Option<String> {
    let value = event.get(field)?.items().first()?.to_text()?;
    (!value.is_empty()).then(|| value.into_owned())
}

/// The first 128 bits of SHA-256 over the parts, each with its length in front, in hexadecimal.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}
