//! Listeners: syslog over UDP, TCP and TLS; Elasticsearch `_bulk` and Splunk HEC over HTTP.
//!
//! A record is acknowledged, and counted as accepted, after the spool has it on disk. When the
//! spool is slow or full, connections are not read and HTTP senders are told 429 or 503 with
//! `Retry-After`; a datagram that cannot be stored is counted. Nothing is read of what arrives
//! but its frame: payloads go to the spool byte for byte as [`saqshy_event::Record`]s.
//!
//! Invariant: for each source, what was received is what was accepted plus what was dropped, each
//! drop with its reason (see [`LossLedger`]).

mod config;
mod courier;
pub mod framing;
#[cfg(test)]
mod framing_tests;
mod http;
mod ledger;
mod listen;
mod sources;
mod syslog;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;

use saqshy_spool::Spool;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use config::{Clock, IntakeConfig, IntakeError, Limits};
pub use ledger::{DropReason, LedgerRow, LossLedger, OTHERS, UDP_UNSEEN, UNAUTHORISED};
pub use sources::{SourceId, Sources, StaticSources, TokenHash, Transport};

use courier::Courier;
use http::Front;
use listen::{Door, Gate, Service};

/// The addresses that are listened on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Addresses {
    pub syslog_udp: Option<SocketAddr>,
    pub syslog_tcp: Option<SocketAddr>,
    pub syslog_tls: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
}

/// Running listeners. Dropping it ends them without waiting; [`Intake::shutdown`] waits.
pub struct Intake {
    courier: Arc<Courier>,
    tasks: TaskTracker,
    addresses: Addresses,
}

impl Intake {
    /// Binds all addresses, then listens. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// `Bind`: an address is taken or not ours; nothing is listening then. `Limits`: a limit that
    /// cannot work.
    pub async fn start(
        config: IntakeConfig,
        spool: Spool,
        sources: Arc<dyn Sources>,
        clock: Clock,
    ) -> Result<Intake, IntakeError> {
        config.limits.check()?;
        let udp = config
            .syslog_udp
            .map(|address| {
                udp::bind(address, config.limits.udp_buffer_bytes)
                    .map_err(bind_error("syslog over UDP", address))
            })
            .transpose()?;
        let tcp = bind("syslog over TCP", config.syslog_tcp).await?;
        let tls_address = config.syslog_tls.as_ref().map(|tls| tls.0);
        let tls = bind("syslog over TLS", tls_address).await?;
        let http = bind("HTTP", config.http.as_ref().map(|http| http.0)).await?;

        let address = |listener: &Option<TcpListener>| {
            listener
                .as_ref()
                .and_then(|listener| listener.local_addr().ok())
        };
        let addresses = Addresses {
            syslog_udp: udp.as_ref().and_then(|socket| socket.local_addr().ok()),
            syslog_tcp: address(&tcp),
            syslog_tls: address(&tls),
            http: address(&http),
        };
        let limits = config.limits;
        let gate = Arc::new(Gate::new(
            limits.connections_max,
            limits.connections_per_peer_max,
        ));
        let ledger = config.ledger;
        let (stop, give_up) = (CancellationToken::new(), CancellationToken::new());
        let courier = Arc::new(Courier {
            spool,
            clock,
            sources,
            ledger,
            limits,
            stop,
            give_up,
        });
        let tasks = TaskTracker::new();
        let door = |transport, tls: Option<Arc<rustls::ServerConfig>>, service| Door {
            courier: courier.clone(),
            gate: gate.clone(),
            tasks: tasks.clone(),
            transport,
            tls: tls.map(TlsAcceptor::from),
            service,
        };
        if let Some(socket) = udp {
            tasks.spawn(udp::run(courier.clone(), socket));
        }
        if let Some(listener) = tcp {
            tasks.spawn(door(Transport::SyslogTcp, None, Service::Syslog).run(listener));
        }
        if let (Some(listener), Some((_, tls))) = (tls, config.syslog_tls) {
            tasks.spawn(door(Transport::SyslogTls, Some(tls), Service::Syslog).run(listener));
        }
        if let (Some(listener), Some((_, tls))) = (http, config.http) {
            let front = Arc::new(Front::new(courier.clone()));
            tasks.spawn(door(Transport::Http, tls, Service::Http(front)).run(listener));
        }
        Ok(Intake {
            courier,
            tasks,
            addresses,
        })
    }

    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    pub fn ledger(&self) -> &Arc<LossLedger> {
        &self.courier.ledger
    }

    /// Takes nothing new, stores what has arrived, and ends; after `shutdown_grace` what is not
    /// stored is counted as dropped.
    pub async fn shutdown(self) {
        self.courier.stop.cancel();
        self.tasks.close();
        let grace = self.courier.limits.shutdown_grace;
        if tokio::time::timeout(grace, self.tasks.wait())
            .await
            .is_err()
        {
            self.courier.give_up.cancel();
            // Tasks end at their next step; one that does not must not keep the program.
            if tokio::time::timeout(grace, self.tasks.wait())
                .await
                .is_err()
            {
                tracing::error!("intake did not end in time");
            }
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.courier.stop.cancel();
        self.courier.give_up.cancel();
    }
}

async fn bind(
    what: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<TcpListener>, IntakeError> {
    let Some(address) = address else {
        return Ok(None);
    };
    TcpListener::bind(address)
        .await
        .map(Some)
        .map_err(bind_error(what, address))
}

fn bind_error(
    what: &'static str,
    address: SocketAddr,
) -> impl FnOnce(std::io::Error) -> IntakeError {
    move |source| IntakeError::Bind {
        what,
        address,
        source,
    }
}
