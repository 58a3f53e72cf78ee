//! Reading a request's body within limits of size and time.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::header::CONTENT_ENCODING;

use crate::config::Limits;
use crate::ledger::{Counters, DropReason};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Larger than the limit, as sent or once decompressed.
    TooLarge,
    /// Not in the announced compression.
    Unreadable,
    /// The connection broke: nobody is there to be answered.
    Broken,
    /// Compressed in a way that is not supported.
    Encoding,
    TimedOut,
}

impl BodyError {
    /// Counts a request of unknown content as one record: lost, if the sender will not send it
    /// again as it is.
    pub fn count(self, counters: &Counters) {
        match self {
            BodyError::TooLarge => counters.lose(DropReason::TooLarge, 1),
            BodyError::Unreadable | BodyError::Encoding => {
                counters.lose(DropReason::Malformed, 1);
            }
            BodyError::Broken | BodyError::TimedOut => counters.defer(1),
        }
    }
}

/// The whole body, decompressed.
pub(super) async fn read(request: Request<Incoming>, limits: &Limits) -> Result<Bytes, BodyError> {
    let encoding = request
        .headers()
        .get(CONTENT_ENCODING)
        .map(|value| value.as_bytes().to_vec());
    let encoding = encoding.map(|value| value.trim_ascii().to_ascii_lowercase());
    let body = request.into_body();
    let max = limits.body_bytes_max;
    if body.size_hint().lower() > max as u64 {
        drop_rest(body, limits).await;
        return Err(BodyError::TooLarge);
    }
    let read = tokio::time::timeout(limits.body_timeout, collect(body, max)).await;
    let sent = read.map_err(|_| BodyError::TimedOut)??;
    match encoding.as_deref() {
        None | Some(b"" | b"identity") => Ok(sent),
        Some(b"gzip" | b"x-gzip") => inflate(sent, max, MultiGzDecoder::new).await,
        Some(b"deflate") => inflate(sent, max, ZlibDecoder::new).await,
        Some(_) => Err(BodyError::Encoding),
    }
}

async fn collect(mut body: Incoming, max: usize) -> Result<Bytes, BodyError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > max {
                return Err(BodyError::TooLarge);
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

/// Reads what a sender that is being refused still sends, so that it gets to read the answer.
pub(super) async fn drop_rest(mut body: Incoming, limits: &Limits) {
    let mut left = limits.body_bytes_max;
    let all = async {
        while let Some(Ok(frame)) = body.frame().await {
            let len = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(len) else {
                return;
            };
            left = rest;
        }
    };
    // Whether it ended or took too long, the answer comes now.
    _ = tokio::time::timeout(limits.header_timeout, all).await;
}

async fn inflate<D: Read + Send>(
    sent: Bytes,
    max: usize,
    decoder: impl FnOnce(std::io::Cursor<Bytes>) -> D + Send + 'static,
) -> Result<Bytes, BodyError> {
    let work = move || {
        let mut whole = Vec::with_capacity(sent.len().saturating_mul(4).min(max));
        // One byte more than allowed tells "too large" from "just fits".
        let read = decoder(std::io::Cursor::new(sent))
            .take(max as u64 + 1)
            .read_to_end(&mut whole);
        match read {
            Err(_) => Err(BodyError::Unreadable),
            Ok(_) if whole.len() > max => Err(BodyError::TooLarge),
            Ok(_) => Ok(Bytes::from(whole)),
        }
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(BodyError::Unreadable))
}
