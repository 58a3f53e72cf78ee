//! Syslog over UDP, TCP and TLS with real sockets.

mod support;

use std::time::Duration;

use saqshy_event::Format;
use saqshy_intake::{Limits, UDP_UNSEEN};
use saqshy_spool::Options;
use support::{Site, certificate, config, limits, send, tls_connect, wait_for};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

const TCP: &str = "syslog_tcp:127.0.0.1";
const UDP: &str = "syslog_udp:127.0.0.1";

#[tokio::test]
async fn both_framings_and_the_end_of_a_connection() {
    let site = Site::new(limits()).await;
    send(site.tcp(), b"<34>one\n<34>two\r\nthree").await;
    send(site.tcp(), b"7 <34>f\nr8 <34>five20 <34>cut").await;
    site.accepted(TCP, 6).await;
    assert_eq!(
        site.texts(),
        [
            "<34>one", "<34>two", "three", "<34>f\nr", "<34>five", "<34>cut!"
        ]
    );
    let record = &site.stored()[0];
    assert_eq!((&*record.source, record.format), (TCP, Format::Syslog));
    let row = site.row(TCP);
    assert_eq!(
        (row.received, row.truncated, row.last_seen),
        (6, 1, Some(support::now()))
    );
    wait_for("connections closed", || site.row(TCP).connections == 0).await;
    site.check_ledger();
    site.intake.shutdown().await;
}

#[tokio::test]
async fn tls_carries_counted_messages() {
    let (server, trusted, _) = certificate();
    let mut config = config(limits());
    config.syslog_tls = Some(("127.0.0.1:0".parse().unwrap(), server));
    let site = Site::with(config, Options::default()).await;
    let mut stream = tls_connect(site.tls(), trusted).await;
    stream
        .write_all("20 <34>қауіпсіз".as_bytes())
        .await
        .unwrap();
    stream.write_all(b"6 <34>ok").await.unwrap();
    stream.shutdown().await.unwrap();
    // A plain sender on the TLS port gets no further than the handshake.
    send(site.tls(), b"<34>plain\n").await;
    let source = "syslog_tls:127.0.0.1";
    site.accepted(source, 2).await;
    assert_eq!(site.texts(), ["<34>қауіпсіз", "<34>ok"]);
    site.check_ledger();
}

#[tokio::test]
async fn every_datagram_is_a_message() {
    let site = Site::new(limits()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 0..2000 {
        let end = ["", "\n", "\0", "\r\n"][n % 4];
        let message = format!("<34>message {n} {end}");
        socket
            .send_to(message.as_bytes(), site.udp())
            .await
            .unwrap();
        if n % 100 == 0 {
            socket.send_to(b"\n", site.udp()).await.unwrap();
            site.accepted(UDP, n as u64).await;
        }
    }
    site.accepted(UDP, 2000).await;
    let expected: Vec<_> = (0..2000).map(|n| format!("<34>message {n} ")).collect();
    assert_eq!(site.texts(), expected);
    site.check_ledger();
}

/// The system drops what its buffer cannot hold; nobody knows whose it was, but it is counted.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "current_thread")]
async fn datagrams_that_the_system_drops_are_counted() {
    let site = Site::new(Limits {
        udp_buffer_bytes: 8192,
        ..limits()
    })
    .await;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    // Nothing is received meanwhile: this thread is the only one.
    for n in 0..2000 {
        socket
            .send_to(
                format!("<34>{n} {}", "d".repeat(500)).as_bytes(),
                site.udp(),
            )
            .unwrap();
    }
    let unseen = || site.row(UDP_UNSEEN);
    wait_for("2000 counted", || {
        site.row(UDP).accepted + unseen().received == 2000
    })
    .await;
    assert!(unseen().dropped["receive_buffer"] > 1000, "{:?}", unseen());
    site.check_ledger();
}

#[tokio::test]
async fn a_line_of_ten_megabytes_is_cut_and_its_neighbours_are_whole() {
    let site = Site::new(limits()).await;
    let mut bytes = b"<34>before\n".to_vec();
    bytes.resize(bytes.len() + 10_000_000, b'x');
    bytes.extend(b"\n<34>between\n10000000 <34>");
    bytes.resize(bytes.len() + 10_000_000 - 4, b'y');
    bytes.extend(b"9 <34>after");
    send(site.tcp(), &bytes).await;
    site.accepted(TCP, 5).await;
    let stored = site.stored();
    let shape: Vec<_> = stored
        .iter()
        .map(|one| (one.payload.len(), one.truncated))
        .collect();
    let cut = (1 << 20, true);
    assert_eq!(shape, [(10, false), cut, (11, false), cut, (9, false)]);
    let row = site.row(TCP);
    assert_eq!(
        (row.truncated, row.truncated_bytes),
        (2, 2 * (10_000_000 - (1 << 20)))
    );
}

#[tokio::test]
async fn a_silent_connection_is_closed_and_its_beginning_is_kept() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(200),
        ..limits()
    };
    let site = Site::new(limits).await;
    // Half-open: nothing ever comes. Slow: the message never ends.
    let mut silent = TcpStream::connect(site.tcp()).await.unwrap();
    let mut slow = TcpStream::connect(site.tcp()).await.unwrap();
    slow.write_all(b"99 <34>never").await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(slow.read(&mut [0]).await.unwrap(), 0);
    site.accepted(TCP, 1).await;
    assert_eq!(site.texts(), ["<34>never!"]);
}

#[tokio::test]
async fn connections_are_limited_in_all_and_by_address() {
    let limits = Limits {
        connections_max: 3,
        connections_per_peer_max: 2,
        ..limits()
    };
    let site = Site::new(limits).await;
    let mut first = TcpStream::connect(site.tcp()).await.unwrap();
    let _second = TcpStream::connect(site.tcp()).await.unwrap();
    wait_for("two connections", || site.row(TCP).connections == 2).await;
    let mut third = TcpStream::connect(site.tcp()).await.unwrap();
    assert!(matches!(third.read(&mut [0]).await, Ok(0) | Err(_)));
    wait_for("a refusal", || site.row(TCP).connections_refused == 1).await;
    first.write_all(b"<34>still here\n").await.unwrap();
    first.shutdown().await.unwrap();
    site.accepted(TCP, 1).await;
    wait_for("room", || site.row(TCP).connections == 1).await;
    send(site.tcp(), b"<34>in again\n").await;
    site.accepted(TCP, 2).await;
    site.check_ledger();
}

fn tiny() -> Options {
    Options {
        segment_bytes_max: 32 << 10,
        total_bytes_max: 128 << 10,
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_spool_holds_tcp_back_and_counts_datagrams() {
    let limits = Limits {
        backlog_bytes_max: 16 << 10,
        ..limits()
    };
    let larger = Options {
        segment_bytes_max: 256 << 10,
        total_bytes_max: 1 << 20,
        ..tiny()
    };
    let site = Site::with(config(limits), larger).await;
    let tcp = site.tcp();
    const LINES: usize = 8000;
    let sender = tokio::spawn(async move {
        let mut stream = TcpStream::connect(tcp).await.unwrap();
        for n in 0..LINES {
            let line = format!("<34>line {n} {}\n", "z".repeat(2300));
            stream.write_all(line.as_bytes()).await.unwrap();
        }
        stream.shutdown().await.unwrap();
    });
    let usage = || site.spool.usage();
    wait_for("a full spool", || {
        usage().bytes > usage().bytes_max * 8 / 10
    })
    .await;
    // 18 MB do not fit into spool, backlog and socket buffers: the sender waits.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!sender.is_finished());
    let held = site.row(TCP).accepted;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(site.row(TCP).accepted, held);
    assert_eq!(site.row(TCP).dropped, Default::default());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 0..50 {
        let datagram = format!("<34>datagram {n} {}", "u".repeat(1200));
        socket
            .send_to(datagram.as_bytes(), site.udp())
            .await
            .unwrap();
    }
    wait_for("datagrams counted", || site.row(UDP).received == 50).await;
    let row = site.row(UDP);
    assert!(row.dropped["spool_full"] > 0, "{row:?}");
    // A reader makes room: every line arrives, in order, once.
    let (mut at, mut next) = (0, 0);
    while next < LINES {
        assert!(site.spool.wait_beyond(at, Duration::from_secs(60)));
        for (seq, bytes) in site.spool.read(at, 10_000, 1 << 20).unwrap() {
            at = seq + 1;
            let record = saqshy_event::Record::decode(&bytes).unwrap();
            if record.source == TCP {
                assert!(
                    record
                        .payload
                        .starts_with(format!("<34>line {next} ").as_bytes())
                );
                next += 1;
            }
        }
        site.spool.release(at);
        tokio::task::yield_now().await;
    }
    sender.await.unwrap();
    site.accepted(TCP, LINES as u64).await;
    assert_eq!(site.row(TCP).dropped, Default::default());
}

#[tokio::test]
async fn shutdown_stores_what_has_arrived() {
    let site = Site::new(limits()).await;
    let mut stream = TcpStream::connect(site.tcp()).await.unwrap();
    wait_for("a connection", || site.row(TCP).connections == 1).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 0..500 {
        stream
            .write_all(format!("<34>{n}\n").as_bytes())
            .await
            .unwrap();
    }
    stream.write_all(b"<34>unfinished").await.unwrap();
    socket.send_to(b"<34>datagram", site.udp()).await.unwrap();
    let (spool, ledger) = (site.spool.clone(), site.intake.ledger().clone());
    site.intake.shutdown().await;
    let stored = support::stored(&spool);
    assert_eq!(stored.len(), 502);
    assert_eq!(
        stored
            .iter()
            .filter(|one| one.text() == "<34>unfinished")
            .count(),
        1
    );
    assert_eq!(ledger.row(TCP).unwrap().accepted, 501);
    assert_eq!(ledger.row(UDP).unwrap().accepted, 1);
}

#[tokio::test]
async fn what_cannot_be_stored_by_the_end_of_the_grace_is_counted() {
    let limits = Limits {
        shutdown_grace: Duration::from_millis(300),
        ..limits()
    };
    let site = Site::with(config(limits), tiny()).await;
    let mut stream = TcpStream::connect(site.tcp()).await.unwrap();
    let line = format!("<34>{}\n", "w".repeat(1000));
    for _ in 0..300 {
        stream.write_all(line.as_bytes()).await.unwrap();
    }
    let usage = || site.spool.usage();
    wait_for("a full spool", || usage().bytes > usage().bytes_max / 2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let ledger = site.intake.ledger().clone();
    let spool = site.spool.clone();
    site.intake.shutdown().await;
    let row = ledger.row(TCP).unwrap();
    assert_eq!(row.received, 300, "{row:?}");
    assert_eq!(row.accepted + row.dropped["spool_full"], 300);
    assert_eq!(row.accepted, support::stored(&spool).len() as u64);
}
