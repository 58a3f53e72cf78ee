//! HTTP: connections, authorisation, bodies. The protocols are in the modules below.

mod auth;
mod body;
mod bulk;
mod elastic;
mod hec;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

use crate::courier::{Courier, Sender};
use crate::ledger::{DropReason, UNAUTHORISED};
use crate::sources::Transport;

pub(crate) type Reply = Response<Full<Bytes>>;

/// How long a request waits for room in the spool's queue before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The HTTP side of the intake.
pub(crate) struct Front {
    courier: Arc<Courier>,
    /// One permit per request whose body is in memory.
    requests: Semaphore,
}

impl Front {
    pub fn new(courier: Arc<Courier>) -> Self {
        let requests = Semaphore::new(courier.limits.requests_max);
        Front { courier, requests }
    }

    /// Speaks HTTP/1.1 on `stream` until it ends.
    pub async fn serve<S>(self: Arc<Self>, stream: S, peer: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let front = self.clone();
        let service = hyper::service::service_fn(move |request| {
            let front = front.clone();
            async move { Ok::<_, Infallible>(front.answer(request, peer).await) }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.courier.limits.header_timeout)
            .max_buf_size(256 * 1024)
            .half_close(true);
        let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
        let served = tokio::select! {
            served = &mut connection => served,
            () = self.courier.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    served = &mut connection => served,
                    () = self.courier.give_up.cancelled() => Ok(()),
                }
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, %peer, "HTTP connection broke");
        }
    }

    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Reply {
        if hec::is_path(request.uri().path()) {
            hec::answer(self, request, peer).await
        } else {
            let mut reply = elastic::answer(self, request, peer).await;
            // Clients of Elasticsearch 7.14 and later refuse to talk to anything without it.
            let product = HeaderValue::from_static("Elasticsearch");
            reply.headers_mut().insert("x-elastic-product", product);
            reply
        }
    }

    /// The sender whose token the request carries.
    fn sender(&self, request: &Request<Incoming>, peer: IpAddr) -> Option<Sender> {
        let mut tokens = auth::tokens(request.headers()).into_iter();
        let source = tokens.find_map(|token| self.courier.sources.by_token(&token))?;
        let sender = self.courier.sender(source, peer, Transport::Http);
        sender.counters.seen(self.courier.now());
        Some(sender)
    }

    fn count_unauthorised(&self, peer: IpAddr) {
        let counters = self.courier.ledger.counters(UNAUTHORISED);
        counters.lose(DropReason::Unauthorised, 1);
        counters.seen(self.courier.now());
        tracing::warn!(%peer, "request without a valid token");
    }

    fn retry_after(&self) -> HeaderValue {
        HeaderValue::from(self.courier.limits.retry_after.as_secs().max(1))
    }

    /// Tells the sender to come again.
    fn later(&self, mut reply: Reply) -> Reply {
        reply.headers_mut().insert(RETRY_AFTER, self.retry_after());
        reply
    }
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// The rest of the request was not read, so nothing else can follow on this connection.
fn closing(mut reply: Reply) -> Reply {
    reply
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}
