//! Syslog over a connection, plain (RFC 6587) or TLS (RFC 5425).
//!
//! The protocol has no acknowledgement. What has been read is stored before more than
//! `backlog_bytes_max` is read, so a slow or full disk holds the sender back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use saqshy_event::Format;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::courier::{Courier, Sender};
use crate::framing::Decoder;
use crate::sources::Transport;

const READ_BYTES: usize = 64 * 1024;
/// At shutdown, how long the socket may stay silent before it counts as drained.
const DRAIN_SILENCE: Duration = Duration::from_millis(100);

/// Reads `stream` to its end and stores every message.
pub(crate) async fn serve<S>(
    courier: Arc<Courier>,
    transport: Transport,
    peer: IpAddr,
    mut stream: S,
) where
    S: AsyncRead + Unpin,
{
    let sender = courier.sender(courier.sources.by_peer(peer, transport), peer, transport);
    let _connected = sender.counters.connect();
    let mut session = Session::new(&courier, sender.clone());
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    let mut idle = courier.limits.idle_timeout;
    let mut deadline = Instant::now() + idle;
    let mut reading = true;
    let mut stopping = false;
    // At most one batch is on its way to the disk; the next gathers meanwhile.
    let storing = std::future::ready(());
    let mut storing: std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> = Box::pin(storing);
    let mut is_storing = false;
    loop {
        if !is_storing && !session.batch.is_empty() {
            let batch = session.take();
            let (courier, sender) = (&courier, &sender);
            storing = Box::pin(async move { courier.store_patiently(sender, batch).await });
            is_storing = true;
        }
        if !reading && !is_storing {
            break;
        }
        let has_room = session.batch_bytes < courier.limits.backlog_bytes_max;
        tokio::select! {
            () = &mut storing, if is_storing => {
                is_storing = false;
                // It was we who did not listen.
                deadline = Instant::now() + idle;
            }
            read = stream.read_buf(&mut buffer), if reading && has_room => {
                deadline = Instant::now() + idle;
                match read {
                    Ok(0) => reading = false,
                    Ok(_) => {
                        session.feed(&buffer);
                        buffer.clear();
                    }
                    Err(error) => {
                        tracing::debug!(%error, %peer, "connection broke");
                        reading = false;
                    }
                }
                if !reading {
                    session.finish();
                }
            }
            () = tokio::time::sleep_until(deadline), if reading && has_room => {
                if !stopping {
                    tracing::info!(%peer, "idle connection closed");
                }
                reading = false;
                session.finish();
            }
            () = courier.stop.cancelled(), if reading && !stopping => {
                // What the system has already received is not thrown away.
                stopping = true;
                idle = DRAIN_SILENCE;
                deadline = Instant::now() + idle;
            }
            () = courier.give_up.cancelled(), if reading => {
                reading = false;
                session.finish();
            }
        }
    }
}

/// Messages of one connection on their way into batches.
struct Session<'a> {
    courier: &'a Courier,
    sender: Sender,
    decoder: Decoder,
    batch: Vec<Vec<u8>>,
    batch_bytes: usize,
    skipped_bytes: u64,
}

impl<'a> Session<'a> {
    fn new(courier: &'a Courier, sender: Sender) -> Self {
        let decoder = Decoder::new(courier.limits.line_bytes_max);
        Session {
            courier,
            sender,
            decoder,
            batch: Vec::new(),
            batch_bytes: 0,
            skipped_bytes: 0,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.decode(|decoder, out| decoder.feed(bytes, out));
    }

    fn finish(&mut self) {
        self.decode(|decoder, out| decoder.finish(out));
    }

    fn decode(&mut self, run: impl FnOnce(&mut Decoder, &mut dyn FnMut(crate::framing::Frame))) {
        let received = self.courier.now();
        self.sender.counters.seen(received);
        let mut truncated = 0;
        let (sender, batch, batch_bytes) = (&self.sender, &mut self.batch, &mut self.batch_bytes);
        run(&mut self.decoder, &mut |frame| {
            truncated += u64::from(frame.truncated);
            *batch_bytes += frame.payload.len();
            batch.push(sender.record(received, Format::Syslog, frame.truncated, &frame.payload));
        });
        let skipped = self.decoder.skipped_bytes();
        self.sender
            .counters
            .truncate(truncated, skipped - self.skipped_bytes);
        self.skipped_bytes = skipped;
    }

    fn take(&mut self) -> Vec<Vec<u8>> {
        self.batch_bytes = 0;
        std::mem::take(&mut self.batch)
    }
}
