//! Splunk HTTP Event Collector over real connections.

mod support;

use saqshy_event::Format;
use saqshy_intake::{Limits, UNAUTHORISED};
use saqshy_spool::Options;
use support::{SOURCE, Site, TOKEN, config, limits, plain_request, request};

#[tokio::test]
async fn events_raw_lines_and_health() {
    let site = Site::new(limits()).await;
    let body = br#"{"time":1774012200,"host":"web-1","event":"one"}{"event":{"two":2}}"#;
    for path in [
        "/services/collector",
        "/services/collector/event",
        "/services/collector/event/1.0",
    ] {
        let reply = request(site.http(), "POST", path, "", body).await;
        assert_eq!(
            (reply.status, &*reply.body),
            (200, r#"{"text":"Success","code":0}"#)
        );
    }
    let raw = request(
        site.http(),
        "POST",
        "/services/collector/raw?sourcetype=syslog",
        "",
        b"a\nb\n",
    )
    .await;
    assert_eq!(raw.json()["code"], 0);
    let plain = request(site.http(), "POST", "/services/collector/raw/1.0", "", b"c").await;
    assert_eq!(plain.status, 200);
    let stored = site.stored();
    assert_eq!(stored.len(), 9);
    assert_eq!(
        stored[0].text(),
        r#"{"time":1774012200,"host":"web-1","event":"one"}"#
    );
    assert_eq!(stored[1].text(), r#"{"event":{"two":2}}"#);
    assert!(
        stored[..8]
            .iter()
            .all(|one| one.format == Format::Hec && one.source == SOURCE)
    );
    assert_eq!(stored[6].text(), r#"{"sourcetype":"syslog","event":"a"}"#);
    assert_eq!(
        (stored[8].format, stored[8].text()),
        (Format::Line, "c".into())
    );
    let health = plain_request(site.http(), "GET", "/services/collector/health", "", b"").await;
    assert_eq!(
        (health.status, health.json()["code"].clone()),
        (200, 17.into())
    );
    site.check_ledger();
}

#[tokio::test]
async fn tokens_are_answered_as_splunk_does() {
    let site = Site::new(limits()).await;
    let path = "/services/collector/event";
    for (header, status, code) in [
        ("", 401, 2),
        ("Authorization: nonsense\r\n", 401, 3),
        ("Authorization: Splunk wrong\r\n", 403, 4),
    ] {
        let headers = format!("{header}Content-Length: 13\r\n");
        let reply = plain_request(site.http(), "POST", path, &headers, br#"{"event":"a"}"#).await;
        assert_eq!(
            (reply.status, reply.json()["code"].clone()),
            (status, code.into())
        );
    }
    let headers = format!("Authorization: Splunk {TOKEN}\r\nContent-Length: 13\r\n");
    assert_eq!(
        plain_request(site.http(), "POST", path, &headers, br#"{"event":"a"}"#)
            .await
            .status,
        200
    );
    assert_eq!(site.row(UNAUTHORISED).received, 3);
    assert_eq!(site.row(SOURCE).received, 1);
}

#[tokio::test]
async fn a_bad_event_is_named_and_its_neighbours_are_stored() {
    let site = Site::new(Limits {
        body_bytes_max: 4096,
        ..limits()
    })
    .await;
    type Case<'a> = (&'a str, &'a [u8], u16, u16, Option<u64>);
    let cases: [Case; 6] = [
        ("", b"", 400, 5, None),
        ("", br#"{"event":1}{"no":2}{"event":3}"#, 400, 12, Some(1)),
        ("/event", br#"{"event":""}"#, 400, 13, Some(0)),
        ("/event", br#"{"event":4} broken"#, 400, 6, Some(1)),
        ("/ack", br#"{"acks":[1]}"#, 400, 14, None),
        ("/raw", &[b'x'; 5000], 413, 27, None),
    ];
    for (path, body, status, code, number) in cases {
        let path = format!("/services/collector{path}");
        let reply = request(site.http(), "POST", &path, "", body).await;
        let json = reply.json();
        assert_eq!(
            (reply.status, &json["code"]),
            (status, &code.into()),
            "{path}"
        );
        assert_eq!(json["invalid-event-number"].as_u64(), number);
    }
    assert_eq!(
        site.texts(),
        [r#"{"event":1}"#, r#"{"event":3}"#, r#"{"event":4}"#]
    );
    assert_eq!(site.row(SOURCE).dropped["malformed"], 3);
    site.check_ledger();
}

#[tokio::test]
async fn a_full_spool_is_busy_and_unhealthy() {
    let options = Options {
        segment_bytes_max: 8 << 10,
        total_bytes_max: 32 << 10,
        ..Options::default()
    };
    let site = Site::with(config(limits()), options).await;
    let body = format!("{{\"event\":\"{}\"}}", "x".repeat(300));
    let full = loop {
        let reply = request(
            site.http(),
            "POST",
            "/services/collector",
            "",
            body.as_bytes(),
        )
        .await;
        if reply.status != 200 {
            break reply;
        }
    };
    assert_eq!((full.status, full.json()["code"].clone()), (503, 9.into()));
    assert_eq!(full.header("retry-after").as_deref(), Some("5"));
    let health = plain_request(
        site.http(),
        "GET",
        "/services/collector/health/1.0",
        "",
        b"",
    )
    .await;
    assert_eq!(
        (health.status, health.json()["code"].clone()),
        (503, 18.into())
    );
    assert_eq!(site.row(SOURCE).deferred, 1);
    site.check_ledger();
}
