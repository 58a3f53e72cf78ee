//! Measures acknowledged events per second on loopback, over `_bulk` and over syslog TCP.
//!
//! `cargo run --release -p saqshy-intake --example intake_rate -- [SECONDS] [SENDERS] [DIR]`
//! (defaults: 5 seconds for each protocol, 2 senders, a temporary folder). What is stored is
//! released at once, as by a reader that keeps up. Stops by itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use saqshy_intake::{Intake, IntakeConfig, LedgerRow, StaticSources};
use saqshy_spool::{Options, Spool};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TOKEN: &str = "measurement";
const PAIRS: usize = 2000;

/// A logon as Winlogbeat words it, without the agent's own fields.
fn document(n: usize) -> String {
    format!(
        r#"{{"@timestamp":"2026-03-20T09:30:00.{:03}Z","winlog":{{"channel":"Security","event_id":"4624","record_id":{n},"provider_name":"Microsoft-Windows-Security-Auditing","computer_name":"dc-{}.example.kz","event_data":{{"TargetUserName":"user{}","TargetDomainName":"EXAMPLE","LogonType":"3","IpAddress":"10.20.{}.{}","IpPort":"{}","WorkstationName":"WS-{}","LogonProcessName":"NtLmSsp","AuthenticationPackageName":"NTLM","SubjectUserSid":"S-1-0-0","TargetUserSid":"S-1-5-21-1004336348-1177238915-682003330-{n}"}}}},"event":{{"code":"4624","kind":"event","outcome":"success","action":"logged-in"}},"host":{{"name":"dc-{}.example.kz"}},"message":"An account was successfully logged on."}}"#,
        n % 1000,
        n % 3,
        n % 500,
        n % 7,
        n % 250,
        n % 60000,
        n % 90,
        n % 3
    )
}

async fn bulk(address: SocketAddr, until: Instant) {
    let body: String = (0..PAIRS)
        .map(|n| format!("{{\"create\":{{}}}}\n{}\n", document(n)))
        .collect();
    let head = format!(
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("connect");
    let mut reply = Vec::new();
    while Instant::now() < until {
        stream.write_all(head.as_bytes()).await.expect("write");
        stream.write_all(body.as_bytes()).await.expect("write");
        reply.clear();
        // The answer ends with the end of its items.
        while !reply.ends_with(b"]}") {
            assert!(
                stream.read_buf(&mut reply).await.expect("read") > 0,
                "connection closed"
            );
        }
        assert!(
            reply.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&reply)
        );
    }
}

async fn syslog(address: SocketAddr, until: Instant) {
    let lines: String = (0..PAIRS)
        .map(|n| {
            let user = n % 500;
            format!("<38>1 2026-03-20T14:30:00.123456+05:00 web-{} sshd {n} - - Failed password for invalid user user{user} from 10.20.3.{} port {} ssh2\n", n % 9, n % 250, 1024 + n)
        })
        .collect();
    let mut stream = TcpStream::connect(address).await.expect("connect");
    while Instant::now() < until {
        stream.write_all(lines.as_bytes()).await.expect("write");
    }
    stream.shutdown().await.expect("shutdown");
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let seconds: u64 = args
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5)
        .min(60);
    let senders: usize = args
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2)
        .min(16);
    let temporary = tempfile::tempdir().expect("temporary folder");
    let dir = args
        .next()
        .map_or(temporary.path().to_owned(), PathBuf::from);
    let spool = Spool::open(&dir, &Options::default()).expect("spool");
    let releasing = spool.clone();
    spool.subscribe({
        let (wake, woken) = std::sync::mpsc::channel();
        std::thread::spawn(move || woken.iter().for_each(|end| releasing.release(end)));
        // The thread lives as long as the program.
        move |end| _ = wake.send(end)
    });
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let config = IntakeConfig {
        syslog_tcp: Some(any),
        http: Some((any, None)),
        ..Default::default()
    };
    let sources = Arc::new(StaticSources::default().with_token(TOKEN, "bulk"));
    let clock = Arc::new(jiff::Timestamp::now);
    let intake = Intake::start(config, spool, sources, clock)
        .await
        .expect("intake");
    let addresses = intake.addresses();
    let ledger = intake.ledger().clone();
    let accepted = |source: &str| ledger.row(source).map_or(0, |row: LedgerRow| row.accepted);

    for (name, source) in [("_bulk", "bulk"), ("syslog TCP", "syslog_tcp:127.0.0.1")] {
        let start = Instant::now();
        let until = start + Duration::from_secs(seconds);
        let tasks: Vec<_> = (0..senders)
            .map(|_| match name {
                "_bulk" => tokio::spawn(bulk(addresses.http.expect("http"), until)),
                _ => tokio::spawn(syslog(addresses.syslog_tcp.expect("tcp"), until)),
            })
            .collect();
        for task in tasks {
            task.await.expect("sender");
        }
        // Syslog has no answer: count until nothing more arrives.
        let mut last = (accepted(source), Instant::now());
        while last.1.elapsed() < Duration::from_millis(300) {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if accepted(source) > last.0 {
                last = (accepted(source), Instant::now());
            }
        }
        let seconds = (last.1 - start).as_secs_f64();
        let rate = last.0 as f64 / seconds;
        println!(
            "{name}: {} events in {seconds:.2} s from {senders} senders: {rate:.0} events/s",
            last.0
        );
    }
    println!("document: {} bytes; dropped: {:?}", document(7).len(), {
        ledger
            .snapshot()
            .iter()
            .map(|row| row.received - row.accepted)
            .sum::<u64>()
    });
    intake.shutdown().await;
}
