//! Elasticsearch, as far as log shippers ask for it.
//!
//! `_bulk` takes the events. Before that, Filebeat and Winlogbeat ask for the version (`GET /`),
//! the licence (`/_license`, older ones `/_xpack`), and set up templates, lifecycle policies and
//! pipelines; Vector asks for `/_cluster/health`; language clients check a header. Nothing is set
//! up here, so every template "exists" and every change is acknowledged.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};
use saqshy_event::Format;
use saqshy_spool::AppendError;
use serde_json::json;

use super::body::{self, BodyError};
use super::{Front, PATIENCE, Reply, bulk, closing, json as reply};
use crate::courier::Sender;

/// The version we pretend to be: of the last 8.x line, which all current shippers talk to.
const VERSION: &str = "8.19.0";

pub(super) async fn answer(front: &Front, request: Request<Incoming>, peer: IpAddr) -> Reply {
    let limits = &front.courier.limits;
    let Some(sender) = front.sender(&request, peer) else {
        front.count_unauthorised(peer);
        body::drop_rest(request.into_body(), limits).await;
        let reason = "missing or unknown token in the Authorization header";
        let mut reply = error(StatusCode::UNAUTHORIZED, "security_exception", reason);
        let schemes = HeaderValue::from_static("Basic realm=\"saqshy\", ApiKey, Bearer");
        reply.headers_mut().insert(WWW_AUTHENTICATE, schemes);
        return closing(reply);
    };
    let path = request.uri().path().trim_matches('/').to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    let writes = matches!(*request.method(), Method::POST | Method::PUT);
    match parts[..] {
        ["_bulk"] if writes => take(front, request, &sender, None).await,
        [index, "_bulk"] if writes && !index.starts_with('_') => {
            take(front, request, &sender, Some(index)).await
        }
        // The beats' own monitoring figures: not events.
        ["_monitoring", "bulk"] if writes => {
            body::drop_rest(request.into_body(), limits).await;
            reply(
                StatusCode::OK,
                r#"{"took":0,"ignored":true,"errors":false}"#,
            )
        }
        _ => {
            let method = request.method().clone();
            body::drop_rest(request.into_body(), limits).await;
            set_up(&method, &parts)
        }
    }
}

/// Answers to what shippers ask at start.
fn set_up(method: &Method, parts: &[&str]) -> Reply {
    let ok = |value: serde_json::Value| reply(StatusCode::OK, value.to_string());
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match *parts {
        [""] if reads => ok(json!({
            "name": "saqshy",
            "cluster_name": "saqshy",
            "cluster_uuid": "saqshy-intake-00000000",
            "version": {
                "number": VERSION,
                "build_flavor": "default",
                "build_type": "tar",
                "build_hash": "0",
                "build_date": "2025-01-01T00:00:00.000Z",
                "build_snapshot": false,
                "lucene_version": "9.12.0",
                "minimum_wire_compatibility_version": "7.17.0",
                "minimum_index_compatibility_version": "7.0.0"
            },
            "tagline": "You Know, for Search"
        })),
        ["_license"] | ["_xpack", "license"] if reads => ok(json!({"license": {
            "status": "active",
            "uid": "00000000-0000-0000-0000-000000000000",
            "type": "basic",
            "mode": "basic",
            "issue_date": "2025-01-01T00:00:00.000Z",
            "issue_date_in_millis": 1_735_689_600_000_u64,
            "max_nodes": 1000,
            "issued_to": "saqshy",
            "issuer": "saqshy",
            "start_date_in_millis": -1
        }})),
        ["_xpack"] if reads => ok(json!({
            "build": {"hash": "0", "date": "2025-01-01T00:00:00.000Z"},
            "license": {"uid": "0", "type": "basic", "mode": "basic", "status": "active"},
            "features": {
                "ilm": {"available": true, "enabled": true},
                "monitoring": {"available": false, "enabled": false},
                "security": {"available": true, "enabled": true}
            },
            "tagline": "You know, for X"
        })),
        ["_cluster", "health", ..] if reads => ok(json!({
            "cluster_name": "saqshy",
            "status": "green",
            "timed_out": false,
            "number_of_nodes": 1,
            "number_of_data_nodes": 1,
            "active_shards_percent_as_number": 100.0
        })),
        ["_cluster", "settings"] => {
            ok(json!({"acknowledged": true, "persistent": {}, "transient": {}}))
        }
        // No addresses: a client that asks keeps the one it has.
        ["_nodes", ..] if reads => ok(json!({
            "_nodes": {"total": 0, "successful": 0, "failed": 0},
            "cluster_name": "saqshy",
            "nodes": {}
        })),
        [
            "_template"
            | "_index_template"
            | "_component_template"
            | "_ilm"
            | "_ingest"
            | "_data_stream"
            | "_alias"
            | "_security"
            | "_enrich",
            ..,
        ] => match reads {
            true => ok(json!({})),
            false => ok(json!({"acknowledged": true})),
        },
        // Index or alias management of older shippers: every index "exists".
        [index] | [index, "_alias" | "_settings" | "_mapping"]
            if !index.is_empty() && !index.starts_with('_') && *method != Method::POST =>
        {
            ok(json!({"acknowledged": true, "index": index}))
        }
        _ => error(
            StatusCode::NOT_FOUND,
            "resource_not_found_exception",
            "this server takes events on _bulk and answers no searches here",
        ),
    }
}

async fn take(
    front: &Front,
    request: Request<Incoming>,
    sender: &Sender,
    index: Option<&str>,
) -> Reply {
    let courier = &front.courier;
    let started = courier.now();
    let Ok(_permit) = front.requests.try_acquire() else {
        sender.counters.defer(1);
        body::drop_rest(request.into_body(), &courier.limits).await;
        return front.later(rejected("too many requests at once"));
    };
    let body = match body::read(request, &courier.limits).await {
        Ok(body) => body,
        Err(error) => {
            error.count(&sender.counters);
            return refuse_body(error);
        }
    };
    let items = bulk::parse(&body, index, courier.limits.line_bytes_max);
    if items.is_empty() {
        let reason = "request body is required";
        return error(StatusCode::BAD_REQUEST, "parse_exception", reason);
    }
    let documents = items.iter().filter_map(|item| item.document.clone().ok());
    let records: Vec<_> = documents
        .map(|range| sender.record(started, Format::Json, false, &body[range]))
        .collect();
    drop::<Bytes>(body);
    let count = records.len() as u64;
    let stored = match records.is_empty() {
        true => Ok(0..0),
        false => {
            courier
                .store_soon(sender, Arc::new(records), PATIENCE)
                .await
        }
    };
    let first = match stored {
        Ok(range) => range.start,
        Err(error) => {
            sender.counters.defer(count);
            return refuse_store(front, sender, &error);
        }
    };
    for refusal in items.iter().filter_map(|item| item.document.as_ref().err()) {
        sender.counters.lose(refusal.drop_reason(), 1);
    }
    let took = courier.now().duration_since(started).as_millis().max(0) as u64;
    reply(StatusCode::OK, bulk::answer(&items, first, took))
}

fn refuse_store(front: &Front, sender: &Sender, error: &AppendError) -> Reply {
    tracing::warn!(source = %sender.source, %error, "_bulk sender told to come again");
    match error {
        AppendError::Full { .. } | AppendError::Busy { .. } => {
            front.later(rejected("spool is full"))
        }
        AppendError::TooLarge { .. } => too_large(),
        _ => front.later(self::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "cluster_block_exception",
            "events cannot be stored at the moment",
        )),
    }
}

fn refuse_body(failed: BodyError) -> Reply {
    match failed {
        BodyError::TooLarge => closing(too_large()),
        BodyError::Unreadable | BodyError::Broken => closing(error(
            StatusCode::BAD_REQUEST,
            "parse_exception",
            "request body could not be read or decompressed",
        )),
        BodyError::Encoding => error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type_header_exception",
            "supported content encodings are gzip, deflate and identity",
        ),
        BodyError::TimedOut => closing(error(
            StatusCode::REQUEST_TIMEOUT,
            "timeout_exception",
            "request body did not arrive in time",
        )),
    }
}

fn too_large() -> Reply {
    let reason = "request body is too large";
    error(
        StatusCode::PAYLOAD_TOO_LARGE,
        "content_too_long_exception",
        reason,
    )
}

fn rejected(reason: &str) -> Reply {
    error(
        StatusCode::TOO_MANY_REQUESTS,
        "es_rejected_execution_exception",
        reason,
    )
}

fn error(status: StatusCode, kind: &str, reason: &str) -> Reply {
    let cause = json!({"type": kind, "reason": reason});
    let body = json!({
        "error": {"root_cause": [cause], "type": kind, "reason": reason},
        "status": status.as_u16()
    });
    reply(status, body.to_string())
}
