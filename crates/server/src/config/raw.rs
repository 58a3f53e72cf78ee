//! The configuration file as it is written. Unknown keys are errors. The commented sample is the
//! manual.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use saqshy_casework::{Category, PromotionRule, TitleLanguage};
use saqshy_law::{Lang, Text3, Week};
use serde::Deserialize;

use super::SmtpSecurity;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub node: String,
    pub data_dir: PathBuf,
    pub organisation: Organisation,
    #[serde(default)]
    pub console: Console,
    #[serde(default)]
    pub tls: Tls,
    #[serde(default)]
    pub intake: Intake,
    #[serde(default)]
    pub spool: Spool,
    #[serde(default)]
    pub lake: Lake,
    #[serde(default)]
    pub rules: Rules,
    #[serde(default)]
    pub exceptions: Exceptions,
    #[serde(default)]
    pub law: Law,
    #[serde(default)]
    pub alerts: Alerts,
    #[serde(default)]
    pub incidents: Incidents,
    #[serde(default)]
    pub contact: Vec<Contact>,
    #[serde(default)]
    pub mail: Mail,
    #[serde(default)]
    pub response: super::response::Raw,
    #[serde(default)]
    pub notices: Notices,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    pub name: Text3,
    #[serde(default)]
    pub details: Text3,
    #[serde(default)]
    pub contact: String,
    #[serde(default)]
    pub signer: Signer,
    pub bearers: Vec<String>,
    pub time_zone: String,
    #[serde(default = "five_days")]
    pub week: Week,
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

fn five_days() -> Week {
    Week::Five
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Console {
    pub listen: SocketAddr,
    pub public_url: Option<String>,
    pub insecure_plain_http: bool,
}

impl Default for Console {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8470));
        Console {
            listen,
            public_url: None,
            insecure_plain_http: false,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    pub certificate: Option<PathBuf>,
    pub private_key: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Intake {
    pub syslog_udp: Option<SocketAddr>,
    pub syslog_tcp: Option<SocketAddr>,
    pub syslog_tls: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
    pub line_bytes_max: Option<usize>,
    pub connections_max: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Spool {
    pub bytes_max: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Lake {
    pub flush_rows: Option<usize>,
    pub flush_bytes: Option<usize>,
    pub flush_age_ms: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    pub own: bool,
    pub folders: Vec<PathBuf>,
    pub trusted_keys: Vec<String>,
    pub require_signature: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exceptions {
    pub default_days: u32,
    pub max_days: u32,
}

impl Default for Exceptions {
    fn default() -> Self {
        Exceptions {
            default_days: 90,
            max_days: 365,
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            own: true,
            folders: Vec::new(),
            trusted_keys: Vec::new(),
            require_signature: false,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Law {
    pub folders: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    pub window_minutes: u32,
    pub late_seconds: u32,
}

impl Default for Alerts {
    fn default() -> Self {
        Alerts {
            window_minutes: 60,
            late_seconds: 60,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Incidents {
    pub language: TitleLanguage,
    pub second_person: bool,
    pub category: Vec<Category>,
    pub rule: Vec<PromotionRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub party: String,
    pub name: Text3,
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub webhook: Option<Webhook>,
    #[serde(default)]
    pub folder: Option<PathBuf>,
    #[serde(default = "kazakh")]
    pub language: Lang,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub url: String,
    pub secret_file: PathBuf,
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    #[serde(default = "super::webhook::timeout_seconds")]
    pub timeout_seconds: u64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Signer {
    pub name: String,
    pub position: Text3,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notices {
    pub warn_at_percent: u8,
}

impl Default for Notices {
    fn default() -> Self {
        Notices {
            warn_at_percent: 50,
        }
    }
}

fn kazakh() -> Lang {
    Lang::Kk
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub security: SmtpSecurity,
    pub from: String,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    pub folder: Option<PathBuf>,
}

impl Default for Mail {
    fn default() -> Self {
        Mail {
            host: None,
            port: None,
            security: SmtpSecurity::StartTls,
            from: "saqshy@localhost".to_owned(),
            user: None,
            password_file: None,
            folder: None,
        }
    }
}
