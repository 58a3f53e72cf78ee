//! Sends lines as real senders do: over sockets, with acknowledgements where the protocol has them.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

use super::story::{Line, Wire};

/// Where the listeners are and what the senders show them.
pub struct Targets {
    pub syslog_udp: SocketAddr,
    pub syslog_tcp: SocketAddr,
    pub http: SocketAddr,
    pub token: String,
}

/// Lines in one HTTP request.
const REQUEST_LINES: usize = 500;
/// Datagrams sent before the sender yields, so that a small receive buffer can follow.
const DATAGRAM_BURST: usize = 16;

/// Sends all lines, each over its own wire, the wires at the same time. Calls `progress` with the
/// number of lines just sent.
pub async fn send(lines: &[Line], targets: &Targets, progress: impl Fn(u64)) -> anyhow::Result<()> {
    let of = |wire: Wire| {
        lines
            .iter()
            .filter(move |line| line.wire == wire)
            .map(|line| line.text.as_str())
    };
    let (udp, tcp, bulk, hec) = tokio::join!(
        send_udp(of(Wire::SyslogUdp), targets.syslog_udp, &progress),
        send_tcp(of(Wire::SyslogTcp), targets.syslog_tcp, &progress),
        send_bulk(of(Wire::Bulk), targets, &progress),
        send_hec(of(Wire::Hec), targets, &progress),
    );
    udp.context("sending syslog over UDP")?;
    tcp.context("sending syslog over TCP")?;
    bulk.context("sending documents to _bulk")?;
    hec.context("sending events to the HTTP event collector")
}

async fn send_udp<'a>(
    lines: impl Iterator<Item = &'a str>,
    to: SocketAddr,
    progress: &impl Fn(u64),
) -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    for (at, line) in lines.enumerate() {
        socket.send_to(line.as_bytes(), to).await?;
        progress(1);
        if at % DATAGRAM_BURST == DATAGRAM_BURST - 1 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    Ok(())
}

/// Octet counting (RFC 6587 section 3.4.1), as rsyslog does with `TCP_Framing="octet-counted"`.
async fn send_tcp<'a>(
    lines: impl Iterator<Item = &'a str>,
    to: SocketAddr,
    progress: &impl Fn(u64),
) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    for line in lines {
        stream
            .write_all(format!("{} {line}", line.len()).as_bytes())
            .await?;
        progress(1);
    }
    stream.shutdown().await?;
    Ok(())
}

/// Documents for `_bulk`, as Winlogbeat sends them; fails unless every item was stored.
pub async fn send_bulk<'a>(
    lines: impl Iterator<Item = &'a str>,
    targets: &Targets,
    progress: &impl Fn(u64),
) -> anyhow::Result<()> {
    in_requests(lines, |chunk| async move {
        let mut body = String::new();
        for line in &chunk {
            body.push_str("{\"create\":{\"_index\":\"winlogbeat-8.19.0\"}}\n");
            body.push_str(line);
            body.push('\n');
        }
        let authorization = format!("ApiKey {}", targets.token);
        let reply = post(
            targets.http,
            "/_bulk",
            "application/x-ndjson",
            &authorization,
            body,
        )
        .await?;
        if reply["errors"] != serde_json::Value::Bool(false) {
            bail!("the listener refused items: {reply}");
        }
        progress(chunk.len() as u64);
        Ok(())
    })
    .await
}

async fn send_hec<'a>(
    lines: impl Iterator<Item = &'a str>,
    targets: &Targets,
    progress: &impl Fn(u64),
) -> anyhow::Result<()> {
    in_requests(lines, |chunk| async move {
        let authorization = format!("Splunk {}", targets.token);
        let body = chunk.join("\n");
        let path = "/services/collector/raw";
        let reply = post(targets.http, path, "text/plain", &authorization, body).await?;
        if reply["code"] != 0 {
            bail!("the listener refused the events: {reply}");
        }
        progress(chunk.len() as u64);
        Ok(())
    })
    .await
}

async fn in_requests<'a, F, R>(
    lines: impl Iterator<Item = &'a str>,
    request: F,
) -> anyhow::Result<()>
where
    F: Fn(Vec<&'a str>) -> R,
    R: Future<Output = anyhow::Result<()>>,
{
    let mut chunk = Vec::with_capacity(REQUEST_LINES);
    for line in lines {
        chunk.push(line);
        if chunk.len() == REQUEST_LINES {
            request(std::mem::take(&mut chunk)).await?;
        }
    }
    if chunk.is_empty() {
        Ok(())
    } else {
        request(chunk).await
    }
}

/// One POST; tries again a few times when the listener says that it is busy.
async fn post(
    to: SocketAddr,
    path: &str,
    content_type: &str,
    authorization: &str,
    body: String,
) -> anyhow::Result<serde_json::Value> {
    let body = Bytes::from(body);
    for attempt in 0..20u64 {
        let stream = TcpStream::connect(to)
            .await
            .with_context(|| format!("connecting to {to}"))?;
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, to.to_string())
            .header(header::CONTENT_TYPE, content_type)
            .header(header::AUTHORIZATION, authorization)
            .body(Full::new(body.clone()))?;
        let response = client.send_request(request).await?;
        let status = response.status();
        let reply = response.into_body().collect().await?.to_bytes();
        drop(client);
        driver.abort();
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(std::time::Duration::from_millis(50 * (attempt + 1))).await;
            }
            _ if status.is_success() => return Ok(serde_json::from_slice(&reply)?),
            _ => bail!(
                "{path} answered {status}: {}",
                String::from_utf8_lossy(&reply)
            ),
        }
    }
    bail!("{path} stayed busy")
}
