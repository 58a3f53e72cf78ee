//! What the drivers of response need: the firewall that addresses are blocked on.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde::Deserialize;

/// Drivers that are set up.
#[derive(Debug, Clone)]
pub struct Response {
    pub firewall: Option<Firewall>,
    /// The system's ssh.
    pub ssh_program: PathBuf,
}

/// A machine with nftables that is reached by ssh.
#[derive(Debug, Clone)]
pub struct Firewall {
    /// `user@host`, or a host of the ssh configuration.
    pub destination: String,
    pub key_file: Option<PathBuf>,
    pub family: String,
    pub table: String,
    /// Sets with `flags interval, timeout`.
    pub set4: String,
    pub set6: String,
}

/// `[response]` as it is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Raw {
    ssh_program: Option<PathBuf>,
    firewall: Option<RawFirewall>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFirewall {
    destination: String,
    #[serde(default)]
    key_file: Option<PathBuf>,
    #[serde(default = "inet")]
    family: String,
    #[serde(default = "saqshy")]
    table: String,
    #[serde(default = "blocked4")]
    set4: String,
    #[serde(default = "blocked6")]
    set6: String,
}

fn inet() -> String {
    "inet".to_owned()
}
fn saqshy() -> String {
    "saqshy".to_owned()
}
fn blocked4() -> String {
    "blocked4".to_owned()
}
fn blocked6() -> String {
    "blocked6".to_owned()
}

impl Raw {
    /// Refuses words that could mean something else to ssh or to the other side.
    pub fn check(self, folder: &Path) -> anyhow::Result<Response> {
        let firewall = match self.firewall {
            Some(raw) => Some(raw.check(folder)?),
            None => None,
        };
        Ok(Response {
            firewall,
            ssh_program: self
                .ssh_program
                .map_or_else(|| PathBuf::from("ssh"), |path| folder.join(path)),
        })
    }
}

impl RawFirewall {
    fn check(self, folder: &Path) -> anyhow::Result<Firewall> {
        let host = |c: char| c.is_ascii_alphanumeric() || "@._:-".contains(c);
        let destination_ok = !self.destination.is_empty()
            && !self.destination.starts_with('-')
            && self.destination.chars().all(host);
        ensure!(
            destination_ok,
            "response.firewall.destination `{}`: use user@host",
            self.destination
        );
        for (key, word) in [
            ("family", &self.family),
            ("table", &self.table),
            ("set4", &self.set4),
            ("set6", &self.set6),
        ] {
            let plain = !word.is_empty()
                && word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            ensure!(
                plain,
                "response.firewall.{key} `{word}`: use letters, digits and `_`"
            );
        }
        Ok(Firewall {
            destination: self.destination,
            key_file: self.key_file.map(|path| folder.join(path)),
            family: self.family,
            table: self.table,
            set4: self.set4,
            set6: self.set6,
        })
    }
}
