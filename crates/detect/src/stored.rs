//! Events as the lake gives them back, as a batch that rules can be matched against.

use jiff::Timestamp;
use saqshy_event::{Batch, BatchBuilder, EcsType, Value, ecs_type};
use serde_json::{Map, Value as Json};

/// Builds a batch of flat events (dotted names). A text under a field of type date becomes a time
/// again; everything else keeps the JSON type that it has.
pub fn batch_of<'a>(events: impl IntoIterator<Item = &'a Map<String, Json>>) -> Batch {
    let mut builder = BatchBuilder::default();
    for event in events {
        for (field, json) in event {
            if let Some(value) = value_of(field, json) {
                builder.set(field, value);
            }
        }
        builder.end_event();
    }
    builder.finish()
}

/// Whether a JSON object is an event as the lake gives it back.
pub fn is_stored(event: &Map<String, Json>) -> bool {
    event.contains_key("event.id") && event.contains_key("data_stream.dataset")
}

fn value_of(field: &str, json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null | Json::Object(_) => return None,
        Json::Bool(yes) => Value::Bool(*yes),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64()?),
        },
        Json::String(text) => match ecs_type(field) {
            EcsType::Date => match text.parse::<Timestamp>() {
                Ok(time) => Value::Time(time),
                Err(_) => text.as_str().into(),
            },
            _ => text.as_str().into(),
        },
        Json::Array(items) => Value::List(
            items
                .iter()
                .filter_map(|item| value_of(field, item))
                .collect(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleSet;
    use crate::samples::{Sample, SampleFormat, detector_of};

    /// What a parser made and what comes back from JSON match the same rules.
    #[test]
    fn an_event_keeps_its_matches_on_the_way_through_json() {
        let received: Timestamp = "2026-03-20T13:02:15Z".parse().unwrap();
        let rule = "title: t\nid: a\nlogsource: {product: linux, service: sshd}\ndetection:\n  one: {source.ip|cidr: 203.0.113.0/24, source.port|gte: 40000}\n  condition: one\n";
        let (detector, set): (_, RuleSet) =
            detector_of("t.yml".as_ref(), rule, &Default::default());
        assert_eq!(set.rules().len(), 1);
        let sample = Sample {
            format: SampleFormat::Syslog,
            lines: vec!["<38>Mar 20 13:02:11 gate sshd[811]: Failed password for root from 203.0.113.24 port 40120 ssh2".into()],
        };
        let parsed = sample.events(received);
        let before = detector.detect(&parsed);
        assert_eq!(before.len(), 1);
        let json = parsed.event(0).to_json();
        assert!(is_stored(&json));
        let again = batch_of([&json]);
        assert_eq!(again.event(0).to_json(), json);
        assert_eq!(detector.detect(&again), before);
    }
}
