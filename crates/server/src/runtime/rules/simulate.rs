//! What an exception would have hidden: asked of the stored hits of its rule and their events.

use std::collections::HashMap;

use anyhow::Context;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use saqshy_casework::Store;
use saqshy_detect::{Entity, Exception, Hit, Level, stored};
use saqshy_lake::{Lake, SearchEvent, SearchRequest, query};
use serde_json::{Map, Value};
use sqlx::Row;

use super::intervals::time;

/// Hits that are looked at, the latest first.
pub const HITS_MAX: usize = 5_000;
/// Events asked of the lake at once.
const CHUNK: usize = 250;
/// Examples of each kind.
const EXAMPLES: usize = 10;

/// A stored hit of a rule, shown or quiet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastHit {
    pub event_id: String,
    pub at: Timestamp,
    pub host: Option<String>,
    pub user: Option<String>,
    pub source_ip: Option<String>,
    pub entity: Entity,
}

/// What an exception would have done.
#[derive(Debug, Clone, Default)]
pub struct Simulation {
    /// Hits looked at.
    pub hits: u64,
    /// Of these, hidden.
    pub hidden: u64,
    /// Of these, without their event in the lake: whether fields fit cannot be said.
    pub without_event: u64,
    /// There were more hits than are looked at.
    pub truncated: bool,
    pub examples_hidden: Vec<PastHit>,
    pub examples_shown: Vec<PastHit>,
}

/// Asks `exception` of the hits that its rule had since `since`.
pub async fn simulate(
    store: &Store,
    lake: &Lake,
    exception: &Exception,
    since: Timestamp,
    now: Timestamp,
) -> anyhow::Result<Simulation> {
    let mut past = hits_of(store, &exception.rule_id, since).await?;
    let mut result = Simulation {
        truncated: past.len() > HITS_MAX,
        ..Default::default()
    };
    past.truncate(HITS_MAX);
    // Its end does not matter for what has been.
    let mut exception = exception.clone();
    exception.expires = now + SignedDuration::from_secs(1);
    for chunk in past.chunks(CHUNK) {
        let events = match exception.fields.is_empty() {
            true => HashMap::new(),
            false => events_of(lake, chunk).await?,
        };
        for one in chunk {
            result.hits += 1;
            let event = events.get(&one.event_id);
            if event.is_none() && !exception.fields.is_empty() {
                result.without_event += 1;
            }
            let batch = match event {
                Some(event) => stored::batch_of([event]),
                None => stored::batch_of([&Map::new()]),
            };
            let hides = exception.hides(&hit(&exception.rule_id, one), batch.event(0), now);
            let examples = match hides {
                true => {
                    result.hidden += 1;
                    &mut result.examples_hidden
                }
                false => &mut result.examples_shown,
            };
            if examples.len() < EXAMPLES {
                examples.push(one.clone());
            }
        }
    }
    Ok(result)
}

fn hit(rule_id: &str, past: &PastHit) -> Hit {
    Hit {
        id: String::new(),
        rule_id: rule_id.to_owned(),
        rule_title: String::new(),
        level: Level::Informational,
        tags: Vec::new(),
        event_id: past.event_id.clone(),
        at: past.at,
        dataset: String::new(),
        host: past.host.clone(),
        user: past.user.clone(),
        source_ip: past.source_ip.clone(),
        entity: past.entity.clone(),
    }
}

/// The rule's hits, shown and quiet, the latest first; one more than are looked at, if there are.
async fn hits_of(store: &Store, rule_id: &str, since: Timestamp) -> anyhow::Result<Vec<PastHit>> {
    let rows = sqlx::query(
        "SELECT h.event_id, h.at_us, h.host, h.user_name, h.source_ip, a.entity_kind, a.entity \
         FROM alert a JOIN hit h ON h.alert_id = a.id WHERE a.rule_id = $1 AND h.at_us >= $2 \
         UNION ALL SELECT event_id, at_us, host, user_name, source_ip, entity_kind, entity \
         FROM quiet_hit WHERE rule_id = $1 AND at_us >= $2 ORDER BY 2 DESC LIMIT $3",
    )
    .bind(rule_id)
    .bind(since.as_microsecond())
    .bind(i64::try_from(HITS_MAX + 1)?)
    .fetch_all(store.pool())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(PastHit {
                event_id: row.try_get(0)?,
                at: time(row.try_get(1)?)?,
                host: row.try_get(2)?,
                user: row.try_get(3)?,
                source_ip: row.try_get(4)?,
                entity: Entity {
                    kind: row.try_get(5)?,
                    value: row.try_get(6)?,
                },
            })
        })
        .collect()
}

/// The events of some hits, by id.
pub async fn events_of(
    lake: &Lake,
    hits: &[PastHit],
) -> anyhow::Result<HashMap<String, Map<String, Value>>> {
    let quoted = |id: &String| format!("\"{}\"", id.replace('\\', "\\\\").replace('"', "\\\""));
    let ids: Vec<_> = hits.iter().map(|hit| quoted(&hit.event_id)).collect();
    let (Some(from), Some(to)) = (
        hits.iter().map(|hit| hit.at).min(),
        hits.iter().map(|hit| hit.at).max(),
    ) else {
        return Ok(HashMap::new());
    };
    let query = query::parse(&format!("event.id:({})", ids.join(" or ")))
        .map_err(|error| anyhow::anyhow!("{error}"))
        .context("asking for events by id")?;
    let mut found = lake.search(SearchRequest {
        query,
        from: Some(from - SignedDuration::from_secs(1)),
        to: Some(to + SignedDuration::from_secs(1)),
        limit: hits.len() * 2,
        newest_first: true,
    });
    let mut events = HashMap::new();
    while let Some(message) = found.next().await {
        if let SearchEvent::Event(event) = message? {
            let id = event.get("event.id").and_then(Value::as_str);
            if let Some(id) = id.map(str::to_owned) {
                events.insert(id, event);
            }
        }
    }
    Ok(events)
}

/// Fields that all of some events have with the same value: what an exception may be narrowed by.
pub fn common_fields<'a>(
    events: impl IntoIterator<Item = &'a Map<String, Value>>,
) -> Vec<(String, String)> {
    let mut events = events.into_iter();
    let Some(first) = events.next() else {
        return Vec::new();
    };
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() && text.len() <= 500 => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    };
    let mut common: Vec<(String, String)> = first
        .iter()
        .filter(|(name, _)| !is_of_one_event(name))
        .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
        .collect();
    for event in events {
        common.retain(|(name, value)| event.get(name).and_then(text).as_ref() == Some(value));
    }
    common
}

/// Fields that differ from event to event or say nothing about what happened.
fn is_of_one_event(name: &str) -> bool {
    let own = [
        "@timestamp",
        "message",
        "winlog.record_id",
        "winlog.event_data.UtcTime",
        "log.offset",
        "log.syslog.priority",
    ];
    own.contains(&name)
        || [
            "event.id",
            "event.original",
            "event.ingested",
            "event.created",
            "event.hash",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}
