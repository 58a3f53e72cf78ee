//! Elasticsearch `_bulk` and what shippers ask before it, over real connections.

mod support;

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use saqshy_event::Format;
use saqshy_intake::{Limits, UNAUTHORISED};
use saqshy_spool::Options;
use support::{
    SOURCE, Site, TOKEN, certificate, config, limits, plain_request, read_reply, request,
    tls_connect, wait_for,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn pairs(n: usize) -> String {
    (0..n)
        .map(|n| format!("{{\"create\":{{\"_index\":\"logs-x-default\"}}}}\n{{\"n\":{n}}}\n"))
        .collect()
}

#[tokio::test]
async fn shippers_find_what_they_ask_for_at_start() {
    let site = Site::new(limits()).await;
    // Filebeat and Winlogbeat 7 and 8, Vector, Fluent Bit, language clients.
    let asked = [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/_license?human=false", 200),
        ("GET", "/_xpack", 200),
        ("GET", "/_xpack/license", 200),
        ("GET", "/_cluster/health", 200),
        ("GET", "/_cluster/settings?include_defaults=true", 200),
        ("GET", "/_nodes/http", 200),
        ("GET", "/_nodes/_all/http", 200),
        ("HEAD", "/_template/filebeat-7.17.0", 200),
        ("PUT", "/_template/filebeat-7.17.0", 200),
        ("HEAD", "/_index_template/winlogbeat-8.19.0", 200),
        ("PUT", "/_index_template/winlogbeat-8.19.0", 200),
        ("HEAD", "/_component_template/x", 200),
        ("GET", "/_ilm/policy/filebeat", 200),
        ("PUT", "/_ilm/policy/filebeat", 200),
        (
            "GET",
            "/_ingest/pipeline/filebeat-8.19.0-system-auth-pipeline",
            200,
        ),
        (
            "PUT",
            "/_ingest/pipeline/filebeat-8.19.0-system-auth-pipeline",
            200,
        ),
        ("HEAD", "/_data_stream/filebeat-8.19.0", 200),
        ("PUT", "/_data_stream/filebeat-8.19.0", 200),
        ("HEAD", "/_alias/filebeat-7.17.0", 200),
        ("PUT", "/%3Cfilebeat-7.17.0-%7Bnow%2Fd%7D-000001%3E", 200),
        ("POST", "/_monitoring/bulk", 200),
        ("POST", "/_search", 404),
        ("GET", "/_bulk", 404),
    ];
    for (method, path, status) in asked {
        let body = if matches!(method, "PUT" | "POST") {
            "{\"a\":1}"
        } else {
            ""
        };
        let reply = request(site.http(), method, path, "", body.as_bytes()).await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
        let product = reply.header("x-elastic-product");
        assert_eq!(product.as_deref(), Some("Elasticsearch"), "{method} {path}");
        if method == "HEAD" {
            assert_eq!(reply.body, "");
        } else {
            reply.json();
        }
    }
    let root = request(site.http(), "GET", "/", "", b"").await.json();
    assert_eq!(root["version"]["number"], "8.19.0");
    assert_eq!(root["version"]["build_flavor"], "default");
    assert_eq!(root["tagline"], "You Know, for Search");
    let license = request(site.http(), "GET", "/_license", "", b"")
        .await
        .json();
    assert_eq!(
        (&license["license"]["status"], &license["license"]["type"]),
        (&"active".into(), &"basic".into())
    );
    assert_eq!(site.row(SOURCE).received, 0);
}

#[tokio::test]
async fn each_document_is_stored_as_it_came_and_answered_for_itself() {
    let site = Site::new(Limits {
        line_bytes_max: 2048,
        ..limits()
    })
    .await;
    let long = "x".repeat(3000);
    let body = format!(
        "{{\"create\":{{\"_index\":\"winlogbeat-8\"}}}}\n{{\"a\": 1 , \"ә\":\"қ\"}}\r\n\
         {{\"index\":{{\"_id\":\"i7\"}}}}\n{{bad\n\
         {{\"index\":{{}}}}\n{{\"long\":\"{long}\"}}\n\
         {{\"delete\":{{\"_id\":\"1\"}}}}\n\
         {{\"create\":{{}}}}\n{{\"b\":2}}"
    );
    for (headers, sent) in [
        ("", body.clone().into_bytes()),
        ("Content-Encoding: gzip\r\n", gzip(body.as_bytes())),
    ] {
        let reply = request(
            site.http(),
            "POST",
            "/filebeat-x/_bulk?filter_path=errors",
            headers,
            &sent,
        )
        .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let json = reply.json();
        assert_eq!(json["errors"], true);
        let of = |at: usize, action: &str| json["items"][at][action].clone();
        assert_eq!(of(0, "create")["status"], 201);
        assert_eq!(of(0, "create")["_index"], "winlogbeat-8");
        assert_eq!(
            (&of(1, "index")["status"], &of(1, "index")["_id"]),
            (&400.into(), &"i7".into())
        );
        assert_eq!(of(2, "index")["status"], 413);
        assert_eq!(of(3, "delete")["status"], 400);
        assert_eq!(of(4, "create")["status"], 201);
        assert_eq!(of(4, "create")["_index"], "filebeat-x");
    }
    let document = r#"{"a": 1 , "ә":"қ"}"#;
    assert_eq!(
        site.texts(),
        [document, r#"{"b":2}"#, document, r#"{"b":2}"#]
    );
    let record = &site.stored()[0];
    assert_eq!((&*record.source, record.format), (SOURCE, Format::Json));
    let row = site.row(SOURCE);
    assert_eq!((row.received, row.accepted), (10, 4));
    assert_eq!(row.dropped["malformed"], 2);
    assert_eq!(
        (row.dropped["too_large"], row.dropped["not_supported"]),
        (2, 2)
    );
    site.check_ledger();
    let empty = request(site.http(), "POST", "/_bulk", "", b"\n\n").await;
    assert_eq!(empty.status, 400);
}

#[tokio::test]
async fn chunked_bodies_and_several_requests_on_one_connection() {
    let site = Site::new(limits()).await;
    let mut stream = TcpStream::connect(site.http()).await.unwrap();
    let body = pairs(3);
    let (first, second) = body.split_at(20);
    let head = format!("POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: ApiKey {TOKEN}\r\n");
    let request = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let last = format!(
        "{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(last.as_bytes()).await.unwrap();
    let replies = read_reply(&mut stream).await;
    assert_eq!(replies.status, 200);
    assert!(replies.body.contains("HTTP/1.1 200 OK"), "{}", replies.body);
    assert_eq!(site.row(SOURCE).accepted, 6);
}

#[tokio::test]
async fn tls_and_every_kind_of_token() {
    let (server, trusted, _) = certificate();
    let mut config = config(limits());
    config.http = Some(("127.0.0.1:0".parse().unwrap(), Some(server)));
    let site = Site::with(config, Options::default()).await;
    use base64::Engine;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("id:{TOKEN}"));
    for value in [
        format!("ApiKey {TOKEN}"),
        format!("ApiKey {pair}"),
        format!("Basic {pair}"),
        format!("bearer {TOKEN}"),
        format!("Splunk {TOKEN}"),
    ] {
        let mut stream = tls_connect(site.http(), trusted.clone()).await;
        let body = pairs(1);
        let request = format!(
            "POST /_bulk HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {value}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(read_reply(&mut stream).await.status, 200, "{value}");
    }
    assert_eq!(site.row(SOURCE).accepted, 5);
}

#[tokio::test]
async fn wrong_tokens_store_nothing_and_are_counted() {
    let site = Site::new(limits()).await;
    let body = pairs(1);
    let length = format!("Content-Length: {}\r\n", body.len());
    for value in [
        "",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Basic eDp5\r\n",
        "Authorization: \u{7f}\r\n",
    ] {
        for path in ["/_bulk", "/"] {
            let headers = format!("{length}{value}");
            let reply = plain_request(site.http(), "POST", path, &headers, body.as_bytes()).await;
            // A control character in a header is refused by the HTTP parser already.
            if value.contains('\u{7f}') {
                assert_eq!(reply.status, 400);
                continue;
            }
            assert_eq!(reply.status, 401, "{value}");
            assert!(reply.header("www-authenticate").unwrap().contains("ApiKey"));
            assert_eq!(reply.json()["error"]["type"], "security_exception");
        }
    }
    assert_eq!(site.stored(), []);
    let row = site.row(UNAUTHORISED);
    assert_eq!((row.received, row.dropped["unauthorised"]), (6, 6));
    assert_eq!(site.row(SOURCE).received, 0);
    site.check_ledger();
}

#[tokio::test]
async fn bodies_have_limits_also_when_decompressed() {
    let site = Site::new(Limits {
        body_bytes_max: 1 << 20,
        ..limits()
    })
    .await;
    // 200 MB of zeros in 200 kB.
    let bomb = gzip(&vec![b'0'; 200 << 20]);
    assert!(bomb.len() < 1 << 20);
    let gz = "Content-Encoding: gzip\r\n";
    let reply = request(site.http(), "POST", "/_bulk", gz, &bomb).await;
    assert_eq!(reply.status, 413);
    let large = vec![b' '; (1 << 20) + 1];
    assert_eq!(
        request(site.http(), "POST", "/_bulk", "", &large)
            .await
            .status,
        413
    );
    assert_eq!(
        request(site.http(), "POST", "/_bulk", gz, b"not gzip")
            .await
            .status,
        400
    );
    let cut = &gzip(pairs(100).as_bytes())[..60];
    assert_eq!(
        request(site.http(), "POST", "/_bulk", gz, cut).await.status,
        400
    );
    let br = request(
        site.http(),
        "POST",
        "/_bulk",
        "Content-Encoding: br\r\n",
        b"x",
    )
    .await;
    assert_eq!(br.status, 415);
    // Several members one after the other are one body.
    let members = [gzip(pairs(1).as_bytes()), gzip(pairs(2).as_bytes())].concat();
    assert_eq!(
        request(site.http(), "POST", "/_bulk", gz, &members)
            .await
            .status,
        200
    );
    let row = site.row(SOURCE);
    assert_eq!(
        (
            row.accepted,
            row.dropped["too_large"],
            row.dropped["malformed"]
        ),
        (3, 2, 3)
    );
    site.check_ledger();
}

#[tokio::test]
async fn slow_heads_and_slow_bodies_are_ended() {
    let limits = Limits {
        header_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        ..limits()
    };
    let site = Site::new(limits).await;
    let mut head = TcpStream::connect(site.http()).await.unwrap();
    head.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await.unwrap();
    let mut body = TcpStream::connect(site.http()).await.unwrap();
    let request = format!(
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 100\r\n\r\n{{"
    );
    body.write_all(request.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(30), head.read_to_end(&mut rest));
    _ = ended.await.expect("the connection is closed");
    assert_eq!(read_reply(&mut body).await.status, 408);
    // Neither blocks others.
    assert_eq!(
        support::request(site.http(), "POST", "/_bulk", "", pairs(1).as_bytes())
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn too_many_requests_at_once_are_told_to_come_again() {
    let site = Site::new(Limits {
        requests_max: 1,
        ..limits()
    })
    .await;
    let mut slow = TcpStream::connect(site.http()).await.unwrap();
    let body = pairs(1);
    let head = format!(
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut busy = None;
    for _ in 0..200 {
        let reply = request(site.http(), "POST", "/_bulk", "", body.as_bytes()).await;
        if reply.status == 429 {
            busy = Some(reply);
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let busy = busy.expect("429");
    assert_eq!(busy.header("retry-after").as_deref(), Some("5"));
    let before = site.row(SOURCE).accepted;
    slow.write_all(body.as_bytes()).await.unwrap();
    assert_eq!(read_reply(&mut slow).await.status, 200);
    assert_eq!(site.row(SOURCE).accepted, before + 1);
    assert_eq!(
        (site.row(SOURCE).deferred, site.row(SOURCE).dropped.len()),
        (1, 0)
    );
}

#[tokio::test]
async fn a_full_spool_is_429_and_nothing_is_lost_by_it() {
    let options = Options {
        segment_bytes_max: 8 << 10,
        total_bytes_max: 32 << 10,
        ..Options::default()
    };
    let site = Site::with(config(limits()), options).await;
    let body = pairs(50);
    let mut answered = 0;
    let full = loop {
        let reply = request(site.http(), "POST", "/_bulk", "", body.as_bytes()).await;
        if reply.status != 200 {
            break reply;
        }
        answered += 50;
    };
    assert_eq!(
        (full.status, full.header("retry-after").as_deref()),
        (429, Some("5"))
    );
    assert_eq!(
        full.json()["error"]["type"],
        "es_rejected_execution_exception"
    );
    let row = site.row(SOURCE);
    assert_eq!(
        (row.accepted, row.received, row.deferred),
        (answered, answered, 50)
    );
    site.spool.release(u64::MAX);
    assert_eq!(
        request(site.http(), "POST", "/_bulk", "", body.as_bytes())
            .await
            .status,
        200
    );
    wait_for("accepted", || site.row(SOURCE).accepted == answered + 50).await;
}

#[tokio::test]
async fn shutdown_lets_a_request_finish() {
    let site = Site::new(limits()).await;
    let mut slow = TcpStream::connect(site.http()).await.unwrap();
    let body = pairs(10);
    let head = format!(
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(&body.as_bytes()[..30]).await.unwrap();
    wait_for("the request", || site.row(SOURCE).last_seen.is_some()).await;
    let (spool, http) = (site.spool.clone(), site.http());
    let shutdown = tokio::spawn(site.intake.shutdown());
    wait_for("a closed listener", || {
        std::net::TcpStream::connect(http).is_err()
    })
    .await;
    slow.write_all(&body.as_bytes()[30..]).await.unwrap();
    assert_eq!(read_reply(&mut slow).await.status, 200);
    shutdown.await.unwrap();
    assert_eq!(support::stored(&spool).len(), 10);
}
