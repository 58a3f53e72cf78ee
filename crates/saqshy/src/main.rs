//! `saqshy`: parse the command line, then one function per verb.

mod cli;
mod demo;
mod exit;
mod table;
mod verbs;

use std::io::IsTerminal;

use clap::Parser;

use cli::{Cli, Verb};

/// Batches of events are many small texts: scanning NDJSON takes an eighth less time than with the
/// system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    start_log(&cli.log);
    let outcome = match cli.verb {
        Verb::Demo(options) => demo::run(options),
        Verb::Serve(options) => verbs::serve::run(options),
        Verb::Scan(options) => verbs::scan::run(options),
        Verb::Search(options) => verbs::lake::search(options),
        Verb::Sql(options) => verbs::lake::sql(options),
        Verb::Rules(verb) => verbs::rules::run(verb),
        Verb::Law(verb) => verbs::law::run(verb),
        Verb::Journal(verb) => verbs::journal::run(verb),
        Verb::User(verb) => verbs::user::run(verb),
        Verb::Config(verb) => verbs::config::run(verb),
        Verb::Completions { shell } => verbs::config::completions(shell),
    };
    exit::report(outcome)
}

/// A bare level is meant for our own crates; what libraries say below a warning helps nobody.
fn start_log(filter: &str) {
    let bare = ["error", "warn", "info", "debug", "trace"].contains(&filter);
    let wanted = if bare {
        OWN_CRATES.map(|name| format!("{name}={filter}")).join(",") + ",error"
    } else {
        filter.to_owned()
    };
    let filter = tracing_subscriber::EnvFilter::try_new(&wanted).unwrap_or_else(|error| {
        eprintln!("saqshy: log filter `{filter}`: {error}; logging warnings");
        tracing_subscriber::EnvFilter::new("warn")
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(coloured())
        .init();
}

/// Colours are for a terminal, and for who has not asked for none (`NO_COLOR`).
fn coloured() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && std::io::stderr().is_terminal()
}

const OWN_CRATES: [&str; 7] = [
    "saqshy",
    "saqshy_server",
    "saqshy_intake",
    "saqshy_lake",
    "saqshy_casework",
    "saqshy_dispatch",
    "saqshy_spool",
];
