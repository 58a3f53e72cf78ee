//! `saqshy serve`: the server until Ctrl-C or SIGTERM.

use std::io::Write;

use saqshy_server::config::Config;
use saqshy_server::runtime::system_clock;
use saqshy_server::{Addresses, Server};
use serde_json::json;

use crate::cli::{Format, Serve};
use crate::exit::{Exit, Failure};
use crate::table::Table;

pub fn run(options: Serve) -> Result<Exit, Failure> {
    let config = Config::load(&options.config)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let server = Server::start(config, system_clock()).await?;
        print_addresses(&server, options.format)?;
        interrupted().await?;
        server.shutdown().await?;
        Ok(Exit::Done)
    })
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn interrupted() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

fn print_addresses(server: &Server, format: Format) -> anyhow::Result<()> {
    let Addresses {
        console,
        syslog_udp,
        syslog_tcp,
        syslog_tls,
        http,
    } = server.addresses();
    let listeners = [
        ("console", Some(console.clone())),
        ("http", http.clone()),
        ("syslog_udp", syslog_udp.map(|address| address.to_string())),
        ("syslog_tcp", syslog_tcp.map(|address| address.to_string())),
        ("syslog_tls", syslog_tls.map(|address| address.to_string())),
    ];
    let mut out = std::io::stdout().lock();
    if format == Format::Table {
        let mut table = Table::new(&["LISTENER", "ADDRESS"]);
        for (name, address) in listeners {
            table.row([name.to_owned(), address.unwrap_or_else(|| "off".to_owned())]);
        }
        table.write(&mut out)?;
        if let Some(first) = server.first_account() {
            writeln!(
                out,
                "\nFirst sign-in: `{}` with the password `{}`; change it at once.",
                first.login, first.password
            )?;
        }
    } else {
        let listening: serde_json::Map<_, _> = listeners
            .into_iter()
            .map(|(name, address)| (name.to_owned(), json!(address)))
            .collect();
        let first = server
            .first_account()
            .map(|first| json!({"login": first.login, "password": first.password}));
        writeln!(
            out,
            "{}",
            json!({"listening": listening, "first_administrator": first})
        )?;
    }
    out.flush()?;
    Ok(())
}
