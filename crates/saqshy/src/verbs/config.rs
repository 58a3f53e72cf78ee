//! `saqshy config` and `saqshy completions`.

use clap::CommandFactory;
use saqshy_server::config::{Config as ServerConfig, SAMPLE};

use crate::cli::{Cli, Config};
use crate::exit::{Exit, Failure};

pub fn run(verb: Config) -> Result<Exit, Failure> {
    match verb {
        Config::Sample => print!("{SAMPLE}"),
        Config::Check { file } => {
            let config = ServerConfig::load(&file)?;
            let law = saqshy_server::runtime::load_law(&config)?;
            config.promotion.check(&law)?;
            println!(
                "{}: valid; node `{}`, {} packs",
                file.display(),
                config.node,
                law.packs.len()
            );
        }
    }
    Ok(Exit::Done)
}

pub fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    clap_complete::generate(shell, &mut Cli::command(), "saqshy", &mut std::io::stdout());
    Ok(Exit::Done)
}
