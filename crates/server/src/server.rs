//! Starting and stopping a whole server, in named steps.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use saqshy_intake::{Intake, IntakeConfig, Limits};
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::access::FirstAccount;
use crate::config::Config;
use crate::http::{self, Metrics};
use crate::runtime::{self, Clock};

/// Login and roles of the account that a fresh server makes: who administers it also watches, as
/// the card of the lowest administrator in the professional standard bundles them.
const FIRST_LOGIN: &str = "admin";
const FIRST_ROLES: [&str; 2] = ["administrator", "analyst"];
/// How long open answers may take when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// Time for the head of a request to the console.
const HEAD: Duration = Duration::from_secs(20);

/// Where a server listens. `None`: not.
#[derive(Debug, Clone, Serialize)]
pub struct Addresses {
    /// The console and the API, as a URL.
    pub console: String,
    pub syslog_udp: Option<SocketAddr>,
    pub syslog_tcp: Option<SocketAddr>,
    pub syslog_tls: Option<SocketAddr>,
    /// Elasticsearch `_bulk` and Splunk HEC, as a URL.
    pub http: Option<String>,
}

/// A running server. [`Server::shutdown`] ends it in order; dropping it stops its tasks without
/// waiting, and loses nothing that was acknowledged.
pub struct Server {
    app: App,
    intake: Intake,
    addresses: Addresses,
    first_account: Option<FirstAccount>,
    console: Console,
    pipeline: Task,
    housekeeping: Task,
    sequencer: Task,
}

/// The console's listener at work.
struct Console {
    handle: Handle<SocketAddr>,
    join: JoinHandle<std::io::Result<()>>,
}

impl Drop for Console {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// A task and the word that ends it.
struct Task {
    name: &'static str,
    cancel: CancellationToken,
    join: JoinHandle<anyhow::Result<()>>,
}

impl Task {
    fn spawn<F>(name: &'static str, work: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let cancel = CancellationToken::new();
        let work = work(cancel.clone());
        let join = tokio::spawn(async move {
            let ended = work.await;
            if let Err(error) = &ended {
                tracing::error!("{name} ended: {error:#}");
            }
            ended
        });
        Task { name, cancel, join }
    }

    async fn end(&mut self) -> anyhow::Result<()> {
        self.cancel.cancel();
        (&mut self.join)
            .await
            .with_context(|| format!("{} panicked", self.name))?
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Server {
    /// Opens the data folder and starts everything. Returns when all listeners are bound.
    ///
    /// # Errors
    /// What could not be opened, read or bound, and why.
    pub async fn start(config: Config, clock: Clock) -> anyhow::Result<Server> {
        Metrics::install();
        let parts = runtime::open(config, clock).await?;
        let app = App::new(parts.clone()).await.context("opening accounts")?;
        let access = app.access();
        let first_account = access
            .accounts
            .make_first(&access.roles, app.now(), FIRST_LOGIN, &FIRST_ROLES)
            .await
            .context("making the first account")?;
        let listener = bind_console(&parts.config)?;
        let sequencer = start_sequencer(&parts);
        let pipeline = start_pipeline(&parts);
        let housekeeping = start_housekeeping(&parts);
        let intake = start_intake(&parts).await?;
        let addresses = addresses(&parts.config, &listener, &intake)?;
        let _ = parts.base_url.set(addresses.console.clone());
        let console = serve(&app, listener)?;
        Ok(Server {
            app,
            intake,
            addresses,
            first_account,
            console,
            pipeline,
            housekeeping,
            sequencer,
        })
    }

    /// Where it listens, free ports filled in.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The account that was made because there was none; to be shown once.
    pub fn first_account(&self) -> Option<&FirstAccount> {
        self.first_account.as_ref()
    }

    /// The open parts.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Stops taking records and requests, works off what is there, writes the lake and the
    /// journal.
    ///
    /// # Errors
    /// A task that failed; everything else is ended all the same.
    pub async fn shutdown(mut self) -> anyhow::Result<()> {
        self.console.handle.graceful_shutdown(Some(GRACE));
        self.intake.shutdown().await;
        let console = (&mut self.console.join)
            .await
            .context("the console panicked")?;
        let pipeline = self.pipeline.end().await;
        let housekeeping = self.housekeeping.end().await;
        let sequencer = self.sequencer.end().await;
        self.app.store.close().await;
        console.context("serving the console")?;
        pipeline.and(housekeeping).and(sequencer)
    }
}

fn start_sequencer(parts: &Arc<runtime::App>) -> Task {
    let parts = parts.clone();
    Task::spawn("the journal's sequencer", |cancel| {
        runtime::sequencer(parts, cancel)
    })
}

fn start_pipeline(parts: &Arc<runtime::App>) -> Task {
    let parts = parts.clone();
    Task::spawn("the pipeline", |cancel| runtime::pipeline(parts, cancel))
}

fn start_housekeeping(parts: &Arc<runtime::App>) -> Task {
    let parts = parts.clone();
    Task::spawn("housekeeping", |cancel| async move {
        runtime::housekeeping(parts, cancel).await;
        Ok(())
    })
}

async fn start_intake(parts: &Arc<runtime::App>) -> anyhow::Result<Intake> {
    let config = &parts.config;
    let wanted = &config.intake;
    let tls = if wanted.syslog_tls.is_some() || wanted.http_tls {
        Some(runtime::server_config(config, &parts.paths)?)
    } else {
        None
    };
    let usual = Limits::default();
    let limits = Limits {
        line_bytes_max: wanted.line_bytes_max.unwrap_or(usual.line_bytes_max),
        connections_max: wanted.connections_max.unwrap_or(usual.connections_max),
        ..usual
    };
    let intake = IntakeConfig {
        syslog_udp: wanted.syslog_udp,
        syslog_tcp: wanted.syslog_tcp,
        syslog_tls: wanted.syslog_tls.zip(tls.clone()),
        http: wanted
            .http
            .map(|address| (address, tls.filter(|_| wanted.http_tls))),
        limits,
        ledger: parts.ledger.clone(),
    };
    let clock = parts.clock.clone();
    let started = Intake::start(intake, parts.spool.clone(), parts.sources.clone(), clock).await;
    started.context("starting the listeners for logs")
}

fn bind_console(config: &Config) -> anyhow::Result<TcpListener> {
    let address = config.console.listen;
    let listener = TcpListener::bind(address)
        .with_context(|| format!("listening for the console on {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn addresses(
    config: &Config,
    listener: &TcpListener,
    intake: &Intake,
) -> anyhow::Result<Addresses> {
    let scheme = |tls: bool| if tls { "https" } else { "http" };
    let bound = intake.addresses();
    Ok(Addresses {
        console: format!(
            "{}://{}",
            scheme(config.console.tls),
            listener.local_addr()?
        ),
        syslog_udp: bound.syslog_udp,
        syslog_tcp: bound.syslog_tcp,
        syslog_tls: bound.syslog_tls,
        http: bound
            .http
            .map(|address| format!("{}://{address}", scheme(config.intake.http_tls))),
    })
}

/// The console and the API on `listener`.
fn serve(app: &App, listener: TcpListener) -> anyhow::Result<Console> {
    let handle = Handle::new();
    let service = http::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let join = if app.config.console.tls {
        let mut tls = (*runtime::server_config(&app.config, &app.paths)?).clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = RustlsConfig::from_config(Arc::new(tls));
        let mut server = axum_server::from_tcp_rustls(listener, tls)?.handle(handle.clone());
        impatient(server.http_builder());
        tokio::spawn(server.serve(service))
    } else {
        let mut server = axum_server::from_tcp(listener)?.handle(handle.clone());
        impatient(server.http_builder());
        tokio::spawn(server.serve(service))
    };
    Ok(Console { handle, join })
}

/// Hangs up on whoever does not send the head of a request in time.
fn impatient(builder: &mut Builder<TokioExecutor>) {
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
}
