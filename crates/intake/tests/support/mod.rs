//! A running intake over a spool in a temporary folder, and plain clients.
#![allow(dead_code)] // Each test program uses its part.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use saqshy_event::{Format, Record};
use saqshy_intake::{Intake, IntakeConfig, LedgerRow, Limits, StaticSources};
use saqshy_spool::{Options, ReadError, Spool};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const TOKEN: &str = "saqshy_0123456789abcdef";
pub const SOURCE: &str = "portal-web";

pub struct Site {
    pub spool: Spool,
    pub intake: Intake,
    pub dir: tempfile::TempDir,
}

/// All listeners on loopback, no TLS.
pub fn config(limits: Limits) -> IntakeConfig {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    IntakeConfig {
        syslog_udp: Some(any),
        syslog_tcp: Some(any),
        http: Some((any, None)),
        limits,
        ..IntakeConfig::default()
    }
}

pub fn limits() -> Limits {
    Limits {
        shutdown_grace: Duration::from_secs(20),
        ..Limits::default()
    }
}

pub fn now() -> Timestamp {
    "2026-03-20T09:30:00Z".parse().unwrap()
}

impl Site {
    pub async fn new(limits: Limits) -> Site {
        Self::with(config(limits), Options::default()).await
    }

    pub async fn with(config: IntakeConfig, options: Options) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path(), &options).unwrap();
        Self::over(config, spool, dir).await
    }

    pub async fn over(config: IntakeConfig, spool: Spool, dir: tempfile::TempDir) -> Site {
        // Another test of this process may have been first.
        _ = rustls::crypto::ring::default_provider().install_default();
        let sources = Arc::new(StaticSources::default().with_token(TOKEN, SOURCE));
        let clock = Arc::new(now);
        let intake = Intake::start(config, spool.clone(), sources, clock)
            .await
            .unwrap();
        Site { spool, intake, dir }
    }

    pub fn tcp(&self) -> SocketAddr {
        self.intake.addresses().syslog_tcp.unwrap()
    }

    pub fn tls(&self) -> SocketAddr {
        self.intake.addresses().syslog_tls.unwrap()
    }

    pub fn udp(&self) -> SocketAddr {
        self.intake.addresses().syslog_udp.unwrap()
    }

    pub fn http(&self) -> SocketAddr {
        self.intake.addresses().http.unwrap()
    }

    pub fn row(&self, source: &str) -> LedgerRow {
        self.intake.ledger().row(source).unwrap_or_default()
    }

    pub fn stored(&self) -> Vec<Stored> {
        stored(&self.spool)
    }

    /// Payloads as text, `!` behind truncated ones.
    pub fn texts(&self) -> Vec<String> {
        self.stored().iter().map(Stored::text).collect()
    }

    /// Waits until `source` has this many accepted records.
    pub async fn accepted(&self, source: &str, records: u64) {
        wait_for(&format!("{records} accepted from {source}"), || {
            self.row(source).accepted >= records
        })
        .await;
    }

    /// The ledger adds up, and agrees with the spool, record by record.
    pub fn check_ledger(&self) {
        let mut in_spool: BTreeMap<String, u64> = BTreeMap::new();
        for record in self.stored() {
            *in_spool.entry(record.source).or_default() += 1;
        }
        for row in self.intake.ledger().snapshot() {
            let dropped: u64 = row.dropped.values().sum();
            assert_eq!(row.received, row.accepted + dropped, "{row:?}");
            let stored = in_spool.remove(&row.source).unwrap_or(0);
            assert_eq!(row.accepted, stored, "{row:?}");
        }
        assert_eq!(in_spool, BTreeMap::new(), "stored, but not in the ledger");
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub source: String,
    pub format: Format,
    pub truncated: bool,
    pub payload: Vec<u8>,
}

impl Stored {
    pub fn text(&self) -> String {
        let mark = if self.truncated { "!" } else { "" };
        format!("{}{mark}", String::from_utf8_lossy(&self.payload))
    }
}

pub fn stored(spool: &Spool) -> Vec<Stored> {
    let (mut all, mut at) = (Vec::new(), spool.start());
    loop {
        let read = match spool.read(at, 10_000, 16 << 20) {
            Ok(read) => read,
            Err(ReadError::Gap(gap)) => panic!("{gap:?}"),
            Err(error) => panic!("{error}"),
        };
        let Some(last) = read.last() else { return all };
        at = last.0 + 1;
        for (_, bytes) in &read {
            let record = Record::decode(bytes).unwrap();
            assert_eq!(record.received, now());
            assert!(record.peer.unwrap().is_loopback());
            all.push(Stored {
                source: record.source.to_owned(),
                format: record.format,
                truncated: record.truncated,
                payload: record.payload.to_vec(),
            });
        }
    }
}

pub async fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends `bytes` and closes.
pub async fn send(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    // The other side closes once it has everything.
    _ = stream.read(&mut [0]).await;
}

pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.into())
            .next()
    }
}

/// One request on its own connection, with the token; `headers` are whole lines, each with CRLF.
pub async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Reply {
    let headers = format!(
        "Authorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n{headers}",
        body.len()
    );
    plain_request(address, method, path, &headers, body).await
}

pub async fn plain_request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // A refused body need not be read to its end.
    _ = stream.write_all(body).await;
    read_reply(&mut stream).await
}

pub async fn read_reply(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Reply {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    tokio::time::timeout(Duration::from_secs(60), read)
        .await
        .expect("an answer")
        .ok();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no reply: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// A certificate for 127.0.0.1 and localhost by an authority of our own: server configuration, and
/// the authority's certificate in DER and PEM.
pub fn certificate() -> (
    Arc<rustls::ServerConfig>,
    rustls::pki_types::CertificateDer<'static>,
    String,
) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority
        .distinguished_name
        .push(rcgen::DnType::CommonName, "test authority");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "localhost");
    let key = KeyPair::generate().unwrap();
    let made = params.signed_by(&key, &authority).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], key)
        .unwrap();
    (Arc::new(config), authority.der().clone(), authority.pem())
}

pub async fn tls_connect(
    address: SocketAddr,
    trusted: rustls::pki_types::CertificateDer<'static>,
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}
