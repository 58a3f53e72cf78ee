//! `saqshy demo`: everything embedded under one data folder, fed as real senders would.

mod config;
mod dice;
mod evtx;
mod sender;
mod story;
mod summary;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use saqshy_casework::Actor;
use saqshy_server::Server;
use saqshy_server::access::NewAccount;
use saqshy_server::runtime::system_clock;

use crate::cli::{Demo, Format};
use crate::exit::{Exit, Failure};
use sender::Targets;
use summary::Summary;

pub fn run(options: Demo) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(play(options))
}

async fn play(options: Demo) -> Result<Exit, Failure> {
    let begin = Instant::now();
    let data = fresh_folder(&options.data)?;
    let config = config::write(&data, options.listen, options.smtp)?;
    let zone = config.organisation.zone.clone();
    let server = Server::start(config, system_clock()).await?;
    let targets = targets(&server).await?;
    let lines = story::story(options.seed, Timestamp::now(), &zone);
    let documents = evtx::documents(
        std::env::var_os("SAQSHY_TEST_DATA")
            .map(PathBuf::from)
            .as_deref(),
    );
    let bar = progress(lines.len() as u64 + documents.len() as u64);
    sender::send(&lines, &targets, |sent| bar.inc(sent)).await?;
    sender::send_bulk(documents.iter().map(String::as_str), &targets, &|sent| {
        bar.inc(sent)
    })
    .await?;
    let sent = lines.len() as u64 + documents.len() as u64;
    bar.set_message("waiting for the pipeline");
    settle(&server, sent).await?;
    bar.finish_and_clear();
    let account = coordinator(&server).await?;
    let summary = Summary::of(&server, account, sent, begin.elapsed()).await?;
    let whole = summary.is_whole();
    print(&summary, &server, &options)?;
    if !options.once {
        crate::verbs::serve::interrupted().await?;
    }
    server.shutdown().await?;
    Ok(if whole { Exit::Done } else { Exit::FoundWrong })
}

/// Marks a folder that a demo made and the next one may replace.
const MARKER: &str = ".saqshy-demo";

fn fresh_folder(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        let empty = std::fs::read_dir(folder)?.next().is_none();
        if !empty && !folder.join(MARKER).exists() {
            bail!(
                "`{}` holds something that no demo made; choose another folder with --data",
                folder.display()
            );
        }
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("replacing `{}`", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("making `{}`", folder.display()))?;
    std::fs::write(folder.join(MARKER), "")?;
    Ok(folder.canonicalize()?)
}

/// An account for the person who works on the incident; login and password.
async fn coordinator(server: &Server) -> anyhow::Result<(String, String)> {
    let mut random = [0u8; 12];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("random bytes: {error}"))?;
    let password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let app = server.app();
    let new = NewAccount {
        login: "aigerim".to_owned(),
        name: "Айгерім Серікқызы".to_owned(),
        password: password.clone(),
        roles: vec!["incident_coordinator".to_owned()],
        language: "kk".to_owned(),
        combined: false,
    };
    let access = app.access();
    access
        .accounts
        .create(&access.roles, &Actor::system(), app.now(), &new)
        .await?;
    Ok((new.login, password))
}

async fn targets(server: &Server) -> anyhow::Result<Targets> {
    let addresses = server.addresses();
    let app = server.app();
    let source = app
        .sources
        .create(
            &app.store,
            &Actor::system(),
            app.now(),
            "Winlogbeat and HEC (demo)",
        )
        .await?;
    Ok(Targets {
        syslog_udp: addresses.syslog_udp.context("no UDP listener")?,
        syslog_tcp: addresses.syslog_tcp.context("no TCP listener")?,
        http: addresses
            .http
            .as_deref()
            .and_then(|url| url.strip_prefix("http://")?.parse().ok())
            .context("no plain HTTP listener")?,
        token: source.token,
    })
}

/// Waits until everything that was sent is in the lake and under a checkpoint.
async fn settle(server: &Server, sent: u64) -> anyhow::Result<()> {
    let app = server.app();
    let limit = Instant::now() + Duration::from_secs(300);
    // A datagram that the system dropped is counted by the ledger's next look at its counters.
    loop {
        let rows = saqshy_server::runtime::source_rows(app).await?;
        let received: u64 = rows.iter().map(|row| row.received).sum();
        let pending: u64 = rows.iter().map(|row| row.pending).sum();
        if received >= sent && pending == 0 {
            break;
        }
        if Instant::now() > limit {
            bail!("{received} of {sent} lines received, {pending} pending after five minutes");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    saqshy_server::runtime::flush(app).await?;
    let leaves = app.store.leaf_count().await?;
    if !app.journal.wait_for(leaves, Duration::from_secs(60)).await {
        bail!("the journal did not catch up within a minute");
    }
    Ok(())
}

fn progress(lines: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "playing the story {bar:30} {pos}/{len} lines {per_sec} {msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(lines).with_style(style)
}

fn print(summary: &Summary, server: &Server, options: &Demo) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if options.format == Format::Table {
        summary.write_text(&mut out)?;
    } else {
        writeln!(out, "{}", serde_json::to_string(summary)?)?;
    }
    if !options.once && options.format == Format::Table {
        writeln!(out, "\nConsole   {}", server.addresses().console)?;
        writeln!(
            out,
            "Sign in   {}  {}   (incident coordinator)",
            summary.login(),
            summary.password()
        )?;
        if let Some(first) = server.first_account() {
            writeln!(
                out,
                "          {}  {}   (administrator)",
                first.login, first.password
            )?;
        }
        writeln!(out, "Data      {}\nCtrl-C stops.", options.data.display())?;
    }
    out.flush()?;
    Ok(())
}
