//! What the listeners are told at start.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::LossLedger;

/// Where the receipt time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Addresses to listen on (`None`: not), and limits. Port 0 takes any free port.
#[derive(Debug, Clone, Default)]
pub struct IntakeConfig {
    pub syslog_udp: Option<SocketAddr>,
    pub syslog_tcp: Option<SocketAddr>,
    pub syslog_tls: Option<(SocketAddr, Arc<rustls::ServerConfig>)>,
    /// Elasticsearch `_bulk` and Splunk HEC, on one port; with TLS when a configuration is given.
    pub http: Option<(SocketAddr, Option<Arc<rustls::ServerConfig>>)>,
    pub limits: Limits,
    /// Counters, shared with whoever shows them.
    pub ledger: Arc<LossLedger>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest line, syslog message or JSON document. A longer syslog message is cut and flagged,
    /// a longer document refused with 413. Default 1 MiB, at least 1 KiB.
    pub line_bytes_max: usize,
    /// Largest HTTP body after decompression. Default 32 MiB.
    pub body_bytes_max: usize,
    /// HTTP requests with a body that are worked on at once; more are answered 429. Default 16.
    pub requests_max: usize,
    /// Open connections of all TCP listeners together. Default 2048.
    pub connections_max: usize,
    /// Open connections from one address. Default 256.
    pub connections_per_peer_max: usize,
    /// A syslog connection without a byte for this long is closed. Default 1 hour. Dead peers are
    /// found sooner, by TCP keep-alive.
    pub idle_timeout: Duration,
    /// Time for a TLS handshake. Default 10 s.
    pub handshake_timeout: Duration,
    /// Time for the head of an HTTP request. Default 15 s.
    pub header_timeout: Duration,
    /// Time for the body of an HTTP request. Default 60 s.
    pub body_timeout: Duration,
    /// Records of one connection that wait for the disk before it is no longer read. Default 1 MiB.
    pub backlog_bytes_max: usize,
    /// Receive buffer asked for the UDP socket; the system may give less. Default 8 MiB.
    pub udp_buffer_bytes: usize,
    /// What a sender is told to wait before it tries again. Default 5 s.
    pub retry_after: Duration,
    /// At shutdown, time to store what has been received. Default 10 s.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line_bytes_max: 1 << 20,
            body_bytes_max: 32 << 20,
            requests_max: 16,
            connections_max: 2048,
            connections_per_peer_max: 256,
            idle_timeout: Duration::from_secs(3600),
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(60),
            backlog_bytes_max: 1 << 20,
            udp_buffer_bytes: 8 << 20,
            retry_after: Duration::from_secs(5),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

/// A listener could not be started.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("could not listen for {what} on {address}")]
    Bind {
        what: &'static str,
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("intake limits: {0}")]
    Limits(&'static str),
}

impl Limits {
    pub(crate) fn check(&self) -> Result<(), IntakeError> {
        if self.line_bytes_max < 1024 {
            return Err(IntakeError::Limits("line_bytes_max must be at least 1024"));
        }
        let counts = [self.body_bytes_max, self.requests_max, self.connections_max];
        if counts.contains(&0) || self.connections_per_peer_max == 0 || self.backlog_bytes_max == 0
        {
            return Err(IntakeError::Limits("counts and sizes must not be zero"));
        }
        Ok(())
    }
}
