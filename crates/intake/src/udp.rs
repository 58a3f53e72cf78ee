//! Syslog over UDP (RFC 5426): one datagram, one message.
//!
//! Nobody can be asked to wait. A datagram that cannot be stored is counted for its sender, and
//! one that the system dropped before we saw it is counted too, for nobody.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use saqshy_event::Format;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::courier::{Courier, Sender, count_accepted, drop_reason};
use crate::ledger::{DropReason, UDP_UNSEEN};
use crate::sources::Transport;

const BATCH_RECORDS_MAX: usize = 1024;
const BATCH_BYTES_MAX: usize = 1 << 20;
/// At shutdown, how long the socket may stay silent before it counts as drained.
const DRAIN_SILENCE: Duration = Duration::from_millis(100);
const DATAGRAM_BYTES_MAX: usize = 65_536;

pub(crate) fn bind(address: SocketAddr, buffer_bytes: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    // The system may give less than is asked for; what it then drops is counted.
    if let Err(error) = socket.set_recv_buffer_size(buffer_bytes) {
        tracing::warn!(%error, buffer_bytes, "could not set the UDP receive buffer");
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Datagrams on their way into one submission, and how many are whose.
#[derive(Default)]
struct Gathered {
    records: Vec<Vec<u8>>,
    bytes: usize,
    senders: HashMap<IpAddr, (Sender, u64)>,
}

/// Receives until told to stop, then what the system still holds.
pub(crate) async fn run(courier: Arc<Courier>, socket: UdpSocket) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut unseen = Unseen::new(&socket);
    let mut every_second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            ready = socket.readable() => {
                if let Err(error) = ready {
                    tracing::error!(%error, "UDP socket failed");
                    return;
                }
                drain(&courier, &socket, &mut buffer);
                // Others of this thread have their turn.
                tokio::task::yield_now().await;
            }
            _ = every_second.tick() => unseen.count(&courier),
            () = courier.stop.cancelled() => break,
        }
    }
    while let Ok(Ok(())) = tokio::time::timeout(DRAIN_SILENCE, socket.readable()).await {
        drain(&courier, &socket, &mut buffer);
    }
    unseen.count(&courier);
}

/// Takes what is there, up to one batch.
fn drain(courier: &Courier, socket: &UdpSocket, buffer: &mut [u8]) {
    let mut gathered = Gathered::default();
    let received = courier.now();
    while gathered.records.len() < BATCH_RECORDS_MAX && gathered.bytes < BATCH_BYTES_MAX {
        let (len, peer) = match socket.try_recv_from(buffer) {
            Ok((len, peer)) => (len, peer.ip().to_canonical()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => {
                // An ICMP answer to something sent from this port; nothing of ours is lost.
                tracing::debug!(%error, "UDP receive failed");
                continue;
            }
        };
        let end = buffer[..len]
            .iter()
            .rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0));
        let message = &buffer[..end.map_or(0, |last| last + 1)];
        if message.is_empty() {
            continue;
        }
        let (sender, count) = gathered.senders.entry(peer).or_insert_with(|| {
            let source = courier.sources.by_peer(peer, Transport::SyslogUdp);
            (courier.sender(source, peer, Transport::SyslogUdp), 0)
        });
        *count += 1;
        let kept = message.len().min(courier.limits.line_bytes_max);
        if kept < message.len() {
            sender.counters.truncate(1, (message.len() - kept) as u64);
        }
        let truncated = kept < message.len();
        let record = sender.record(received, Format::Syslog, truncated, &message[..kept]);
        gathered.bytes += record.len();
        gathered.records.push(record);
    }
    if !gathered.records.is_empty() {
        gathered
            .senders
            .values()
            .for_each(|(sender, _)| sender.counters.seen(received));
        submit(courier, gathered);
    }
}

fn submit(courier: &Courier, gathered: Gathered) {
    let senders: Arc<[(Sender, u64)]> = gathered.senders.into_values().collect();
    let of_callback = senders.clone();
    let submitted = courier
        .spool
        .submit(gathered.records, move |result| match result {
            Ok(range) => {
                of_callback
                    .iter()
                    .for_each(|(sender, count)| sender.counters.accept(*count));
                count_accepted(Transport::SyslogUdp, range.end - range.start);
            }
            Err(error) => lose(&of_callback, drop_reason(&error)),
        });
    if let Err(error) = submitted {
        lose(&senders, drop_reason(&error));
    }
}

fn lose(senders: &[(Sender, u64)], reason: DropReason) {
    senders
        .iter()
        .for_each(|(sender, count)| sender.counters.lose(reason, *count));
    let records: u64 = senders.iter().map(|(_, count)| count).sum();
    tracing::error!(records, reason = reason.name(), "datagrams lost");
}

/// Watches the system's count of datagrams dropped on our socket (Linux).
struct Unseen {
    inode: Option<u64>,
    before: u64,
}

impl Unseen {
    fn new(socket: &UdpSocket) -> Self {
        Unseen {
            inode: inode(socket),
            before: 0,
        }
    }

    fn count(&mut self, courier: &Courier) {
        let Some(dropped) = self.inode.and_then(dropped_on) else {
            return;
        };
        let new = dropped.saturating_sub(self.before);
        self.before = dropped;
        if new > 0 {
            let counters = courier.ledger.counters(UDP_UNSEEN);
            counters.lose(DropReason::ReceiveBuffer, new);
            counters.seen(courier.now());
            tracing::error!(records = new, "datagrams lost: UDP receive buffer overflow");
        }
    }
}

#[cfg(target_os = "linux")]
fn inode(socket: &UdpSocket) -> Option<u64> {
    use std::os::fd::AsRawFd;
    let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
    link.to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// The last column of the socket's line in `/proc/net/udp` (proc(5), `drops`).
#[cfg(target_os = "linux")]
fn dropped_on(inode: u64) -> Option<u64> {
    ["/proc/net/udp", "/proc/net/udp6"]
        .iter()
        .find_map(|table| {
            let table = std::fs::read_to_string(table).ok()?;
            let lines = table
                .lines()
                .skip(1)
                .map(|line| line.split_ascii_whitespace());
            lines
                .filter_map(|mut line| {
                    Some((line.nth(9)?.parse().ok()?, line.last()?.parse().ok()?))
                })
                .find_map(|(line, drops): (u64, u64)| (line == inode).then_some(drops))
        })
}

#[cfg(not(target_os = "linux"))]
fn inode(_socket: &UdpSocket) -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
fn dropped_on(_inode: u64) -> Option<u64> {
    None
}
