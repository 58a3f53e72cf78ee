//! Splunk HTTP Event Collector: `/services/collector`, `/raw`, `/health`.
//!
//! Codes and texts as Splunk's "HTTP Event Collector error codes" page has them. Indexer
//! acknowledgement (`/ack`) is not offered: an answer of code 0 already means "on disk".

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use saqshy_event::Format;
use saqshy_spool::AppendError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::body::{self, BodyError};
use super::{Front, PATIENCE, Reply, auth, closing, json as reply};
use crate::courier::Sender;
use crate::ledger::DropReason;

const PREFIX: &str = "/services/collector";

pub(super) fn is_path(path: &str) -> bool {
    path.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) async fn answer(front: &Front, request: Request<Incoming>, peer: IpAddr) -> Reply {
    let path = request.uri().path()[PREFIX.len()..]
        .trim_matches('/')
        .to_owned();
    if matches!(&*path, "health" | "health/1.0") {
        return health(front);
    }
    let limits = &front.courier.limits;
    let Some(sender) = front.sender(&request, peer) else {
        front.count_unauthorised(peer);
        let refusal = match (
            request.headers().contains_key("authorization"),
            auth::scheme(request.headers()),
        ) {
            (false, _) => coded(StatusCode::UNAUTHORIZED, 2, "Token is required"),
            (true, None) => coded(StatusCode::UNAUTHORIZED, 3, "Invalid authorization"),
            (true, Some(_)) => coded(StatusCode::FORBIDDEN, 4, "Invalid token"),
        };
        body::drop_rest(request.into_body(), limits).await;
        return closing(refusal);
    };
    let is_post = request.method() == Method::POST;
    match &*path {
        "" | "event" | "event/1.0" if is_post => take(front, request, &sender, None).await,
        "raw" | "raw/1.0" if is_post => {
            let metadata = metadata(request.uri().query().unwrap_or_default());
            take(front, request, &sender, Some(metadata)).await
        }
        "ack" => {
            body::drop_rest(request.into_body(), limits).await;
            coded(StatusCode::BAD_REQUEST, 14, "ACK is disabled")
        }
        _ => {
            body::drop_rest(request.into_body(), limits).await;
            let text = r#"{"text":"The requested URL was not found on this server.","code":404}"#;
            reply(StatusCode::NOT_FOUND, text)
        }
    }
}

/// A load balancer asks this, without a token.
fn health(front: &Front) -> Reply {
    let usage = front.courier.spool.usage();
    let is_full = usage.bytes + usage.bytes / 50 >= usage.bytes_max;
    if is_full || front.courier.spool.is_refusing() {
        return coded(
            StatusCode::SERVICE_UNAVAILABLE,
            18,
            "HEC is unhealthy, queues are full",
        );
    }
    coded(StatusCode::OK, 17, "HEC is healthy")
}

/// What a body holds: events to store, and the first that cannot be.
#[derive(Default)]
struct Read<'a> {
    events: Vec<(Format, std::borrow::Cow<'a, [u8]>)>,
    /// Number in the body, counted from 0, and what is wrong with it.
    refused: Vec<(usize, Refusal)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    NotJson,
    NoEvent,
    BlankEvent,
    TooLarge,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    event: Option<Event<'a>>,
    /// Metrics come without an event.
    #[serde(default)]
    fields: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Event<'a> {
    #[serde(borrow)]
    Text(std::borrow::Cow<'a, str>),
    Other(IgnoredAny),
}

/// JSON objects one after the other, with or without white space between them. Behind something
/// that is not JSON, no beginning can be told: the rest counts as one event that is lost.
fn events(body: &[u8], line_bytes_max: usize) -> Read<'_> {
    let mut read = Read::default();
    for (at, found) in objects(body).into_iter().enumerate() {
        let refusal = match found {
            None => Some(Refusal::NotJson),
            Some(range) if range.len() > line_bytes_max => Some(Refusal::TooLarge),
            Some(range) => match serde_json::from_slice::<Envelope>(&body[range.clone()]) {
                Err(_) => Some(Refusal::NotJson),
                Ok(Envelope {
                    event: None,
                    fields: None,
                }) => Some(Refusal::NoEvent),
                Ok(Envelope {
                    event: Some(Event::Text(text)),
                    ..
                }) if text.is_empty() => Some(Refusal::BlankEvent),
                Ok(_) => {
                    read.events.push((Format::Hec, body[range].into()));
                    None
                }
            },
        };
        read.refused.extend(refusal.map(|refusal| (at, refusal)));
    }
    read
}

/// Where each JSON value of `body` is; `None` at the end for a rest that is none.
fn objects(body: &[u8]) -> Vec<Option<Range<usize>>> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<IgnoredAny>();
    let mut found = Vec::new();
    loop {
        let before = values.byte_offset();
        match values.next() {
            None => return found,
            Some(Ok(_)) => {
                let end = values.byte_offset();
                let start = end - body[before..end].trim_ascii_start().len();
                found.push(Some(start..end));
            }
            Some(Err(_)) => {
                found.push(None);
                return found;
            }
        }
    }
}

/// Lines, each an event. Metadata of the query goes along in an envelope, if there is any.
fn lines<'a>(body: &'a [u8], line_bytes_max: usize, metadata: &Map<String, Value>) -> Read<'a> {
    let mut read = Read::default();
    for line in body.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        if line.len() > line_bytes_max {
            read.refused
                .push((read.events.len() + read.refused.len(), Refusal::TooLarge));
            continue;
        }
        let event = match std::str::from_utf8(line) {
            Ok(text) if !metadata.is_empty() => {
                let mut envelope = metadata.clone();
                envelope.insert("event".into(), text.into());
                (
                    Format::Hec,
                    Value::Object(envelope).to_string().into_bytes().into(),
                )
            }
            // Bytes that JSON cannot carry are kept as they are.
            _ => (Format::Line, line.into()),
        };
        read.events.push(event);
    }
    read
}

/// `host`, `source`, `sourcetype`, `index`, `time` of a query string.
fn metadata(query: &str) -> Map<String, Value> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, _)| matches!(*name, "host" | "source" | "sourcetype" | "index" | "time"))
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(unescape(value)?))))
        .collect()
}

/// Percent and `+` decoding; `None` when the result is not UTF-8.
fn unescape(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push(hex(*high)? * 16 + hex(*low)?);
                rest = tail;
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

async fn take(
    front: &Front,
    request: Request<Incoming>,
    sender: &Sender,
    raw: Option<Map<String, Value>>,
) -> Reply {
    let courier = &front.courier;
    let received = courier.now();
    let Ok(_permit) = front.requests.try_acquire() else {
        sender.counters.defer(1);
        body::drop_rest(request.into_body(), &courier.limits).await;
        return front.later(busy());
    };
    let body: Bytes = match body::read(request, &courier.limits).await {
        Ok(body) => body,
        Err(error) => {
            error.count(&sender.counters);
            return closing(match error {
                BodyError::TooLarge => too_large(),
                BodyError::TimedOut => reply(
                    StatusCode::REQUEST_TIMEOUT,
                    r#"{"text":"Timeout","code":6}"#,
                ),
                _ => coded(StatusCode::BAD_REQUEST, 6, "Invalid data format"),
            });
        }
    };
    let (records, refused) = {
        let line_bytes_max = courier.limits.line_bytes_max;
        let Read { events, refused } = match &raw {
            None => events(&body, line_bytes_max),
            Some(metadata) => lines(&body, line_bytes_max, metadata),
        };
        let encode = |(format, event): &(Format, std::borrow::Cow<'_, [u8]>)| {
            sender.record(received, *format, false, event)
        };
        (events.iter().map(encode).collect::<Vec<_>>(), refused)
    };
    if records.is_empty() && refused.is_empty() {
        return coded(StatusCode::BAD_REQUEST, 5, "No data");
    }
    if !records.is_empty() {
        let count = records.len() as u64;
        if let Err(error) = courier
            .store_soon(sender, Arc::new(records), PATIENCE)
            .await
        {
            sender.counters.defer(count);
            tracing::warn!(source = %sender.source, %error, "HEC sender told to come again");
            return match error {
                AppendError::TooLarge { .. } => too_large(),
                _ => front.later(busy()),
            };
        }
    }
    for (_, refusal) in &refused {
        sender.counters.lose(
            match refusal {
                Refusal::TooLarge => DropReason::TooLarge,
                _ => DropReason::Malformed,
            },
            1,
        );
    }
    match refused.first() {
        None => coded(StatusCode::OK, 0, "Success"),
        Some((at, refusal)) => refuse(*at, *refusal),
    }
}

/// The events around a bad one are stored; the answer names the first bad one.
fn refuse(at: usize, refusal: Refusal) -> Reply {
    let (code, text) = match refusal {
        Refusal::NotJson => (6, "Invalid data format"),
        Refusal::NoEvent => (12, "Event field is required"),
        Refusal::BlankEvent => (13, "Event field cannot be blank"),
        Refusal::TooLarge => return too_large(),
    };
    let body = json!({"text": text, "code": code, "invalid-event-number": at});
    reply(StatusCode::BAD_REQUEST, body.to_string())
}

fn busy() -> Reply {
    coded(StatusCode::SERVICE_UNAVAILABLE, 9, "Server is busy")
}

fn too_large() -> Reply {
    coded(
        StatusCode::PAYLOAD_TOO_LARGE,
        27,
        "Request entity too large",
    )
}

fn coded(status: StatusCode, code: u16, text: &str) -> Reply {
    reply(status, json!({"text": text, "code": code}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_follow_each_other_with_or_without_space() {
        let body = br#"{"event":"a"}{"event":{"b":1}}
            {"time":1,"host":"h","event":"c"}{"no":1}{"event":""}{"event":null} {"event":"d"} {"#;
        let read = events(body, 100);
        let texts: Vec<_> = read
            .events
            .iter()
            .map(|event| String::from_utf8_lossy(&event.1).into_owned())
            .collect();
        assert_eq!(
            texts,
            [
                r#"{"event":"a"}"#,
                r#"{"event":{"b":1}}"#,
                r#"{"time":1,"host":"h","event":"c"}"#,
                r#"{"event":"d"}"#
            ]
        );
        use Refusal::{BlankEvent, NoEvent, NotJson};
        assert_eq!(
            read.refused,
            [(3, NoEvent), (4, BlankEvent), (5, NoEvent), (7, NotJson)]
        );
        assert_eq!(
            events(b"5 \"x\"", 100).refused,
            [(0, NotJson), (1, NotJson)]
        );
    }

    #[test]
    fn raw_lines_carry_the_metadata_of_the_query() {
        let metadata = metadata("channel=1&host=web%2D1&sourcetype=a+b&x=%zz");
        assert_eq!(
            Value::Object(metadata.clone()),
            json!({"host": "web-1", "sourcetype": "a b"})
        );
        let read = lines(b"one\r\n\n\xfftwo\nthree is too long", 8, &metadata);
        assert_eq!(read.events[0].0, Format::Hec);
        let one: Value = serde_json::from_slice(&read.events[0].1).unwrap();
        assert_eq!(
            one,
            json!({"host": "web-1", "sourcetype": "a b", "event": "one"})
        );
        assert_eq!(read.events[1], (Format::Line, b"\xfftwo"[..].into()));
        assert_eq!(read.refused, [(2, Refusal::TooLarge)]);
        assert_eq!(
            lines(b"x", 8, &Map::new()).events,
            [(Format::Line, b"x"[..].into())]
        );
    }
}
