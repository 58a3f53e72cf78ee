//! Searches over the wire, and listeners that are told nonsense.

mod common;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};

use common::{Trial, send, start, until};
use serde_json::{Value, json};

const FROM: &str = "2020-01-01T00:00:00Z";
const TO: &str = "2100-01-01T00:00:00Z";

/// Sends `count` lines by syslog over TCP and waits until they are searchable.
async fn with_lines(trial: &Trial, count: usize) {
    let address = trial.server.addresses().syslog_tcp.unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    for number in 0..count {
        let line = format!(
            "<38>1 2026-03-20T13:10:{:02}Z web-1 app {number} - - order {number} accepted\n",
            number % 60
        );
        stream.write_all(line.as_bytes()).unwrap();
    }
    drop(stream);
    let rows = || async {
        let usage = trial.server.app().lake.usage();
        usage.fresh_rows + usage.file_rows >= count as u64
    };
    until("the lines to be stored", rows).await;
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_streams_lines_and_ends_with_done() {
    let trial = start("").await;
    with_lines(&trial, 150).await;
    let analyst = trial.sign_in("analyst").await;
    let ask = json!({ "query": "order", "from": FROM, "to": TO, "limit": 100 });
    let reply = analyst.call("POST", "/search", Some(&ask)).await;
    assert_eq!(
        reply.header("content-type"),
        "application/x-ndjson",
        "{}",
        reply.text()
    );
    let found = lines(&reply.text());
    let events: Vec<_> = found
        .iter()
        .filter(|line| line["event"].is_object())
        .collect();
    assert_eq!(events.len(), 100);
    let done = &found.last().unwrap()["done"];
    assert_eq!(done["truncated"], true, "{done}");

    let id = events[0]["event"]["event.id"].as_str().unwrap();
    let event = analyst.ok("GET", &format!("/events/{id}"), None).await;
    assert_eq!(
        event["event.original"],
        events[0]["event"]["event.original"]
    );
    assert_eq!(analyst.call("GET", "/events/none", None).await.status, 404);

    let wrong = json!({ "query": "a and (b", "from": FROM, "to": TO });
    let reply = analyst.call("POST", "/search", Some(&wrong)).await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (400, &json!("bad_query"))
    );
    assert!(reply.json()["column"].as_u64().is_some());

    let histogram = json!({ "query": "order", "from": "2026-03-20T13:10:00Z", "to": "2026-03-20T13:11:00Z", "buckets": 6 });
    let histogram = analyst
        .ok("POST", "/search/histogram", Some(&histogram))
        .await;
    assert_eq!(histogram["total"], 150);
    let fields = json!({ "query": "order", "from": FROM, "to": TO });
    let fields = analyst.ok("POST", "/search/fields", Some(&fields)).await;
    let host = fields["fields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|field| field["name"] == "host.name");
    assert_eq!(
        host.unwrap()["top"][0],
        json!({ "value": "web-1", "count": 150 })
    );

    let export = format!("/search/export?query=order&from={FROM}&to={TO}&format=");
    let reply = analyst.call("GET", &format!("{export}ndjson"), None).await;
    assert_eq!(lines(&reply.text()).len(), 150);
    let reply = analyst.call("GET", &format!("{export}csv"), None).await;
    assert_eq!(
        reply.text().lines().count(),
        151,
        "a heading and a line per event"
    );

    let sql = json!({ "sql": "drop table events" });
    assert_eq!(
        analyst.call("POST", "/sql", Some(&sql)).await.json()["code"],
        "bad_query"
    );
    let administrator = trial.sign_in("administrator").await;
    assert_eq!(
        administrator
            .call("POST", "/search", Some(&ask))
            .await
            .status,
        403
    );
    trial.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_at_every_listener_harms_nothing() {
    let trial = start("").await;
    let addresses = trial.server.addresses().clone();
    let http: SocketAddr = addresses
        .http
        .unwrap()
        .trim_start_matches("http://")
        .parse()
        .unwrap();
    let tcp = [
        addresses.syslog_tcp.unwrap(),
        addresses.syslog_tls.unwrap(),
        http,
        trial.console(),
    ];
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut noise = |length: usize| -> Vec<u8> {
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        };
        (0..length).map(next).collect()
    };
    for address in tcp {
        for opening in [
            &b""[..],
            b"GET / HTTP/1.1\r\n",
            b"POST /_bulk HTTP/1.1\r\ncontent-length: 5\r\n\r\n",
            b"99999999 <",
        ] {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(opening).unwrap();
            // The other side may hang up in the middle of it.
            let _ = stream.write_all(&noise(5_000));
        }
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 100, 9_000] {
        socket
            .send_to(&noise(length), addresses.syslog_udp.unwrap())
            .unwrap();
    }
    let bad = [("authorization", "ApiKey wrong")];
    assert_eq!(
        send(http, "POST", "/_bulk", &bad, b"x".to_vec())
            .await
            .status,
        401
    );
    let health = send(trial.console(), "GET", "/healthz", &[], vec![]).await;
    assert_eq!(health.status, 200);
    with_lines(&trial, 5).await;

    let admin = trial.sign_in("administrator").await;
    let balanced = || async {
        let sources = admin.ok("GET", "/sources", None).await;
        let rows = sources["sources"].as_array().unwrap().clone();
        let number = |row: &Value, key: &str| row[key].as_u64().unwrap();
        for row in &rows {
            let sum = number(row, "stored") + number(row, "pending") + number(row, "dropped");
            assert_eq!(number(row, "received"), sum, "{row}");
        }
        rows.iter().all(|row| number(row, "pending") == 0) && !rows.is_empty()
    };
    until("everything taken to be stored", balanced).await;
    trial.server.shutdown().await.unwrap();
}
