//! What both sides of a signed web call know: notices and response use it.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use saqshy_dispatch::Webhook;

/// How the system behind a URL knows us, and we it.
#[derive(Debug, Clone)]
pub struct WebhookPeer {
    /// File that holds the secret of the signature.
    pub secret_file: PathBuf,
    /// PEM of an authority to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    pub timeout_seconds: u64,
}

impl WebhookPeer {
    /// What is needed to call `url`. The files are read each time, so that they can be changed.
    pub fn at(&self, url: &str) -> anyhow::Result<Webhook> {
        let read = |key: &str, file: &PathBuf| {
            std::fs::read_to_string(file)
                .with_context(|| format!("webhook.{key} `{}`", file.display()))
        };
        let secret = read("secret_file", &self.secret_file)?;
        let ca = self.ca_file.as_ref();
        Ok(Webhook {
            url: url.to_owned(),
            secret: secret.trim_end_matches(['\r', '\n']).as_bytes().to_vec(),
            ca_pem: ca.map(|file| read("ca_file", file)).transpose()?,
            timeout_seconds: self.timeout_seconds,
        })
    }
}

pub fn timeout_seconds() -> u64 {
    30
}

/// Refuses a URL that would carry the call in the clear; loopback may.
pub fn check_url(what: &str, url: &str) -> anyhow::Result<()> {
    let safe = [
        "https://",
        "http://127.0.0.1",
        "http://[::1]",
        "http://localhost",
    ];
    ensure!(
        safe.iter().any(|start| url.starts_with(start)),
        "{what} `{url}`: use https"
    );
    Ok(())
}
