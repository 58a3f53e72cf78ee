//! Accepting TCP connections: limits, keep-alive, TLS.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::courier::Courier;
use crate::http::Front;
use crate::sources::Transport;
use crate::syslog;

/// Counts open connections, in all and by address.
pub(crate) struct Gate {
    connections_max: usize,
    per_peer_max: usize,
    open: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

/// The right to have a connection open.
pub(crate) struct Pass {
    gate: Arc<Gate>,
    peer: IpAddr,
}

impl Gate {
    pub fn new(connections_max: usize, per_peer_max: usize) -> Self {
        Gate {
            connections_max,
            per_peer_max,
            open: Mutex::default(),
        }
    }

    pub fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Pass> {
        let mut open = self.open.lock();
        let of_peer = open.1.get(&peer).copied().unwrap_or(0);
        if open.0 >= self.connections_max || of_peer >= self.per_peer_max {
            return None;
        }
        open.0 += 1;
        open.1.insert(peer, of_peer + 1);
        Some(Pass {
            gate: self.clone(),
            peer,
        })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut open = self.gate.open.lock();
        open.0 -= 1;
        match open.1.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = open.1.remove(&self.peer),
        }
    }
}

/// What is spoken on a listener.
#[derive(Clone)]
pub(crate) enum Service {
    Syslog,
    Http(Arc<Front>),
}

/// One TCP listener.
#[derive(Clone)]
pub(crate) struct Door {
    pub courier: Arc<Courier>,
    pub gate: Arc<Gate>,
    pub tasks: TaskTracker,
    pub transport: Transport,
    pub tls: Option<TlsAcceptor>,
    pub service: Service,
}

impl Door {
    /// Accepts until told to stop.
    pub async fn run(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.courier.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) => {
                    // Out of file descriptors, or the peer has gone: others may still come.
                    tracing::warn!(%error, transport = self.transport.name(), "accept failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let peer = peer.ip().to_canonical();
        let Some(pass) = self.gate.enter(peer) else {
            let source = self.courier.sources.by_peer(peer, self.transport);
            self.courier
                .ledger
                .counters(source.as_str())
                .refuse_connection();
            tracing::warn!(%peer, transport = self.transport.name(), "too many connections");
            return;
        };
        let door = self.clone();
        self.tasks.spawn(async move {
            door.serve(stream, peer).await;
            drop(pass);
        });
    }

    async fn serve(self, stream: TcpStream, peer: IpAddr) {
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(60))
            .with_interval(Duration::from_secs(10));
        if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
            tracing::debug!(%error, %peer, "could not set keep-alive");
        }
        // Answers are small and somebody waits for them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, %peer, "could not set no-delay");
        }
        let Some(tls) = self.tls.clone() else {
            return self.speak(stream, peer).await;
        };
        let limit = self.courier.limits.handshake_timeout;
        let handshake = tokio::select! {
            () = self.courier.stop.cancelled() => return,
            handshake = tokio::time::timeout(limit, tls.accept(stream)) => handshake,
        };
        match handshake {
            Ok(Ok(stream)) => self.speak(stream, peer).await,
            Ok(Err(error)) => tracing::info!(%error, %peer, "TLS handshake failed"),
            Err(_) => tracing::info!(%peer, "TLS handshake timed out"),
        }
    }

    async fn speak<S>(self, stream: S, peer: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match self.service {
            Service::Syslog => syslog::serve(self.courier, self.transport, peer, stream).await,
            Service::Http(front) => front.serve(stream, peer).await,
        }
    }
}
