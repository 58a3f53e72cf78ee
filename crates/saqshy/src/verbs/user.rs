//! `saqshy user`: accounts, while the server is stopped. The console does the same while it runs.

use std::io::Read;

use anyhow::Context;
use jiff::Timestamp;

use crate::cli::User;
use crate::exit::{Exit, Failure};

pub fn run(verb: User) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    match verb {
        User::Add { login, data, role } => {
            let password = password()?;
            runtime.block_on(saqshy_server::add_user(
                &data,
                &login,
                &password,
                &role,
                Timestamp::now(),
            ))?;
            println!("account `{login}` added");
        }
        User::Password { login, data } => {
            let password = password()?;
            runtime.block_on(saqshy_server::set_password(
                &data,
                &login,
                &password,
                Timestamp::now(),
            ))?;
            println!("password of `{login}` changed; its sessions have ended");
        }
    }
    Ok(Exit::Done)
}

fn password() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .take(4_096)
        .read_to_string(&mut text)
        .context("reading the password from standard input")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
