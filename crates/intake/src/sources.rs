//! Who sends: tokens and addresses to source ids.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The way records came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    SyslogUdp,
    SyslogTcp,
    SyslogTls,
    Http,
}

impl Transport {
    /// Name in metrics and source ids.
    pub fn name(self) -> &'static str {
        match self {
            Transport::SyslogUdp => "syslog_udp",
            Transport::SyslogTcp => "syslog_tcp",
            Transport::SyslogTls => "syslog_tls",
            Transport::Http => "http",
        }
    }
}

/// Id of a source in the loss ledger and in every record; at most [`SourceId::BYTES_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(Arc<str>);

impl SourceId {
    pub const BYTES_MAX: usize = 255;

    /// Cuts `id` to [`SourceId::BYTES_MAX`] at a character boundary.
    pub fn new(id: &str) -> Self {
        let mut end = id.len().min(Self::BYTES_MAX);
        while !id.is_char_boundary(end) {
            end -= 1;
        }
        SourceId(id[..end].into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SourceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The known sources. Called for every request, connection and datagram batch: answer from memory.
pub trait Sources: Send + Sync {
    /// The source whose token this is. Implementers compare [`TokenHash`]es, in constant time.
    fn by_token(&self, token: &str) -> Option<SourceId>;
    /// The source for a sender without a token. Every sender has one, known or not.
    fn by_peer(&self, ip: IpAddr, transport: Transport) -> SourceId;
}

/// SHA-256 of a token: what is stored instead of it. Tokens are long and random, so that a slow
/// hash is not needed. Equality takes the same time wherever the difference is.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub fn of(token: &str) -> Self {
        TokenHash(Sha256::digest(token.as_bytes()).into())
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        TokenHash(bytes)
    }

    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

/// A fixed table of sources. Senders by address that it does not know get `<transport>:<ip>`.
#[derive(Default)]
pub struct StaticSources {
    tokens: Vec<(TokenHash, SourceId)>,
    peers: HashMap<IpAddr, SourceId>,
}

impl StaticSources {
    pub fn with_token(mut self, token: &str, id: &str) -> Self {
        self.tokens.push((TokenHash::of(token), SourceId::new(id)));
        self
    }

    pub fn with_peer(mut self, ip: IpAddr, id: &str) -> Self {
        self.peers.insert(ip, SourceId::new(id));
        self
    }
}

impl Sources for StaticSources {
    fn by_token(&self, token: &str) -> Option<SourceId> {
        let hash = TokenHash::of(token);
        // All are compared, so that the time does not tell which one it was.
        let mut found = None;
        for (known, id) in &self.tokens {
            if *known == hash {
                found = Some(id.clone());
            }
        }
        found
    }

    fn by_peer(&self, ip: IpAddr, transport: Transport) -> SourceId {
        let ip = ip.to_canonical();
        let unknown = || SourceId::new(&format!("{}:{ip}", transport.name()));
        self.peers.get(&ip).cloned().unwrap_or_else(unknown)
    }
}
