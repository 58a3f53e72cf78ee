//! What the drivers of response need: the firewall that addresses are blocked on, the directory
//! whose accounts are disabled, the web addresses that are called.

use std::path::{Path, PathBuf};

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::webhook::{WebhookPeer, check_url, timeout_seconds};

/// Drivers that are set up.
#[derive(Debug, Clone)]
pub struct Response {
    pub firewall: Option<Firewall>,
    /// The system's ssh.
    pub ssh_program: PathBuf,
    pub directory: Option<DirectoryPeer>,
    pub webhooks: Vec<ResponseWebhook>,
}

/// A directory that is reached by LDAP (RFC 4511).
#[derive(Debug, Clone)]
pub struct DirectoryPeer {
    /// `ldaps://host` or `ldap://host`.
    pub url: String,
    /// StartTLS (RFC 4511, 4.14) before anything is said; always, but on loopback.
    pub start_tls: bool,
    /// PEM of an authority to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    pub bind_dn: String,
    pub password_file: PathBuf,
    /// Accounts are looked for under this entry only.
    pub base: String,
    /// The attribute that holds the name of an account: `uid`, `sAMAccountName`.
    pub account_attribute: String,
    pub disable: Disable,
}

/// How a directory says that an account is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disable {
    /// The bit 2 (ACCOUNTDISABLE) of `userAccountControl` in Active Directory.
    ActiveDirectory,
    /// `pwdAccountLockedTime` 000001010000Z of the password policy overlay of OpenLDAP: locked
    /// until an administrator unlocks it (draft-behera-ldap-password-policy-10, 5.3.3).
    Ppolicy,
    /// `shadowExpire` 1 (RFC 2307): expired on the second day of 1970.
    ShadowExpire,
}

/// A web address that an action calls.
#[derive(Debug, Clone)]
pub struct ResponseWebhook {
    pub name: String,
    pub url: String,
    pub undo_url: String,
    /// Called for a dry run; without it a dry run calls nothing.
    pub rehearse_url: Option<String>,
    pub peer: WebhookPeer,
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
    directory: Option<RawDirectory>,
    webhook: Vec<RawWebhook>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDirectory {
    url: String,
    #[serde(default)]
    start_tls: Option<bool>,
    #[serde(default)]
    ca_file: Option<PathBuf>,
    bind_dn: String,
    password_file: PathBuf,
    base: String,
    account_attribute: String,
    disable: Disable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWebhook {
    name: String,
    url: String,
    undo_url: String,
    #[serde(default)]
    rehearse_url: Option<String>,
    secret_file: PathBuf,
    #[serde(default)]
    ca_file: Option<PathBuf>,
    #[serde(default = "timeout_seconds")]
    timeout_seconds: u64,
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
        let directory = self.directory.map(|raw| raw.check(folder)).transpose()?;
        let mut names = BTreeSet::new();
        for hook in &self.webhook {
            ensure!(
                names.insert(hook.name.clone()),
                "response.webhook `{}`: the name is used twice",
                hook.name
            );
        }
        let webhooks = self.webhook.into_iter().map(|raw| raw.check(folder));
        Ok(Response {
            firewall,
            directory,
            webhooks: webhooks.collect::<anyhow::Result<_>>()?,
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

impl RawDirectory {
    fn check(self, folder: &Path) -> anyhow::Result<DirectoryPeer> {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default();
        ensure!(
            matches!(scheme, "ldap" | "ldaps") && !authority.is_empty(),
            "response.directory.url `{}`: use ldaps://host or ldap://host",
            self.url
        );
        let local = is_loopback(authority);
        let start_tls = self.start_tls.unwrap_or(scheme == "ldap" && !local);
        ensure!(
            !(start_tls && scheme == "ldaps"),
            "response.directory.start_tls: ldaps:// is encrypted from the beginning; leave it out"
        );
        ensure!(
            start_tls || scheme == "ldaps" || local,
            "response.directory.start_tls = false is allowed on loopback only; `{authority}` is \
             elsewhere"
        );
        for (key, text) in [
            ("bind_dn", &self.bind_dn),
            ("base", &self.base),
            ("account_attribute", &self.account_attribute),
        ] {
            ensure!(!text.trim().is_empty(), "response.directory.{key} is empty");
        }
        let attribute = &self.account_attribute;
        ensure!(
            attribute.starts_with(|c: char| c.is_ascii_alphabetic())
                && attribute
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "response.directory.account_attribute `{attribute}`: use letters, digits and `-`"
        );
        Ok(DirectoryPeer {
            url: self.url,
            start_tls,
            ca_file: self.ca_file.map(|file| folder.join(file)),
            bind_dn: self.bind_dn,
            password_file: folder.join(self.password_file),
            base: self.base,
            account_attribute: self.account_attribute,
            disable: self.disable,
        })
    }
}

/// Whether `host`, `host:port` or `[v6]:port` is this machine.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl RawWebhook {
    fn check(self, folder: &Path) -> anyhow::Result<ResponseWebhook> {
        let plain = !self.name.is_empty()
            && self
                .name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        ensure!(
            plain,
            "response.webhook.name `{}`: use letters, digits, `_` and `-`",
            self.name
        );
        let urls = [
            Some(&self.url),
            Some(&self.undo_url),
            self.rehearse_url.as_ref(),
        ];
        for url in urls.into_iter().flatten() {
            check_url("url", url).with_context(|| format!("response.webhook `{}`", self.name))?;
        }
        Ok(ResponseWebhook {
            name: self.name,
            url: self.url,
            undo_url: self.undo_url,
            rehearse_url: self.rehearse_url,
            peer: WebhookPeer {
                secret_file: folder.join(self.secret_file),
                ca_file: self.ca_file.map(|file| folder.join(file)),
                timeout_seconds: self.timeout_seconds,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let raw: Raw = toml::from_str(text).unwrap();
        format!("{:#}", raw.check(Path::new("/etc/saqshy")).unwrap_err())
    }

    #[test]
    fn a_password_never_travels_in_the_clear() {
        let directory = |more: &str| {
            format!(
                "[directory]\nbind_dn = \"cn=a\"\npassword_file = \"p\"\nbase = \"dc=kz\"\n\
                 account_attribute = \"uid\"\ndisable = \"ppolicy\"\n{more}"
            )
        };
        let plain = directory("url = \"ldap://dc.example.kz\"\nstart_tls = false");
        assert!(refused(&plain).contains("loopback only"));
        let both = directory("url = \"ldaps://dc.example.kz\"\nstart_tls = true");
        assert!(refused(&both).contains("ldaps"));
        assert!(refused(&directory("url = \"http://dc.example.kz\"")).contains("ldaps://host"));
        for (url, start_tls) in [
            ("ldap://dc.example.kz", true),
            ("ldap://dc.example.kz:389", true),
            ("ldap://127.0.0.1.example.kz", true),
            ("ldap://127.0.0.1:389", false),
            ("ldap://[::1]:389", false),
            ("ldaps://dc.example.kz", false),
        ] {
            let text = directory(&format!("url = \"{url}\""));
            let raw: Raw = toml::from_str(&text).unwrap();
            let checked = raw.check(Path::new("/")).unwrap().directory.unwrap();
            assert_eq!(checked.start_tls, start_tls, "{url}");
        }
    }

    #[test]
    fn a_webhook_has_one_plain_name_and_https() {
        let hook = |name: &str, url: &str| {
            format!(
                "[[webhook]]\nname = \"{name}\"\nurl = \"{url}\"\n\
                 undo_url = \"https://edr.example.kz/undo\"\nsecret_file = \"s\"\n"
            )
        };
        let good = hook("isolate", "https://edr.example.kz/do");
        assert!(refused(&hook("a=b", "https://edr.example.kz/")).contains("a=b"));
        assert!(refused(&hook("a", "http://edr.example.kz/")).contains("use https"));
        assert!(refused(&format!("{good}{good}")).contains("twice"));
    }
}
