//! Configuration: the file as written, then the checked form that the rest of the program sees.

mod raw;
mod response;
mod webhook;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use jiff::{SignedDuration, tz::TimeZone};
use saqshy_casework::{Category, Channel, PromotionRules};
use saqshy_dispatch::Signature;
use saqshy_journal::VerifyingKey;
use saqshy_law::{Lang, Profile, Text3};

pub use response::{DirectoryPeer, Disable, Firewall, Response, ResponseWebhook};
pub use webhook::WebhookPeer;

/// The commented sample; `saqshy config sample` prints it and a test loads it.
pub const SAMPLE: &str = include_str!("../../saqshy.sample.toml");

/// What a server needs to know, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of this node; the first part of every event id.
    pub node: String,
    pub data_dir: PathBuf,
    pub organisation: Organisation,
    pub console: Console,
    pub intake: Intake,
    pub tls: Option<TlsFiles>,
    pub lake: LakeLimits,
    pub spool_bytes_max: u64,
    /// Folders with rules beside those inside the program.
    pub rule_folders: Vec<PathBuf>,
    pub own_rules: bool,
    /// Keys whose signature of a rule bundle counts.
    pub trusted_keys: Vec<VerifyingKey>,
    /// Bundles without such a signature are refused.
    pub require_signed_rules: bool,
    pub exceptions: ExceptionLimits,
    /// Folders with packs beside those inside the program.
    pub pack_folders: Vec<PathBuf>,
    /// Hits of one rule on one entity within this much time are one alert.
    pub alert_window: SignedDuration,
    /// Correlations wait so long for events that come after later ones.
    pub alert_lateness: SignedDuration,
    pub promotion: PromotionRules,
    pub categories: Vec<Category>,
    pub contacts: Vec<Contact>,
    pub mail: Mail,
    pub response: Response,
    /// A notice must be approved by somebody other than its author.
    pub second_person: bool,
    /// A notice that has not left is reported when this share of the time that was left at its
    /// first failure has gone by.
    pub warn_at_percent: u8,
}

/// How long exceptions from rules last.
#[derive(Debug, Clone, Copy)]
pub struct ExceptionLimits {
    /// When a proposal does not say.
    pub default_days: u32,
    pub max_days: u32,
}

/// Who the organisation is under the law.
#[derive(Debug, Clone)]
pub struct Organisation {
    pub name: Text3,
    /// Address, telephone and the like, for letterheads; may be empty.
    pub details: Text3,
    /// Whom an addressee may ask; may be empty.
    pub contact: String,
    /// Who signs letters; may be empty.
    pub signer: Signature,
    pub profile: Profile,
    pub zone: TimeZone,
}

#[derive(Debug, Clone)]
pub struct Console {
    pub listen: SocketAddr,
    /// Where acknowledgement links point; the listening address when left out.
    pub public_url: Option<String>,
    /// TLS for the console: always, but on loopback or when the operator insists.
    pub tls: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Intake {
    pub syslog_udp: Option<SocketAddr>,
    pub syslog_tcp: Option<SocketAddr>,
    pub syslog_tls: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
    pub http_tls: bool,
    pub line_bytes_max: Option<usize>,
    pub connections_max: Option<usize>,
}

#[derive(Debug, Clone)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct LakeLimits {
    pub flush_rows: Option<usize>,
    pub flush_bytes: Option<usize>,
    pub flush_age: Option<SignedDuration>,
}

/// An addressee of notices.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Id of the party in the pack, for example `state_body`.
    pub party: String,
    pub name: Text3,
    /// Empty when nobody knows it, or when another way is used.
    pub email: String,
    pub language: Lang,
    pub way: Way,
}

/// The way by which notices reach a contact.
#[derive(Debug, Clone)]
pub enum Way {
    Mail,
    Webhook { url: String, peer: WebhookPeer },
    Folder(PathBuf),
}

impl Contact {
    /// Channel and address of a notice to this contact.
    pub fn reached_at(&self) -> (Channel, String) {
        match &self.way {
            Way::Mail => (Channel::Mail, self.email.clone()),
            Way::Webhook { url, .. } => (Channel::Webhook, url.clone()),
            Way::Folder(folder) => (Channel::Folder, folder.display().to_string()),
        }
    }
}

/// How notices leave.
#[derive(Debug, Clone)]
pub enum Mail {
    Smtp(Smtp),
    /// Each mail is a file in this folder: for trials, and where a gateway picks mail up.
    Folder {
        folder: PathBuf,
        from: String,
    },
    /// Notices are printed and handed over by people.
    None,
}

#[derive(Debug, Clone)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    pub from: String,
    pub user: Option<String>,
    /// File that holds the password, so that it stands in no configuration.
    pub password_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpSecurity {
    Tls,
    StartTls,
    /// Without encryption; allowed on loopback only.
    None,
}

impl Config {
    /// Reads and checks a file. Relative paths are taken from the file's folder.
    ///
    /// # Errors
    /// Unknown keys, values out of range and contradictions, with their place and what to do.
    pub fn load(path: &Path) -> anyhow::Result<Config> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading configuration `{}`", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Config::parse(&text, folder).with_context(|| format!("configuration `{}`", path.display()))
    }

    /// As [`Config::load`], from text.
    pub fn parse(text: &str, folder: &Path) -> anyhow::Result<Config> {
        let raw: raw::Config = toml::from_str(text)?;
        check(raw, folder)
    }

    /// The contacts of a party.
    pub fn contacts_of<'a>(&'a self, party: &'a str) -> impl Iterator<Item = &'a Contact> {
        self.contacts
            .iter()
            .filter(move |contact| contact.party == party)
    }
}

fn check(raw: raw::Config, folder: &Path) -> anyhow::Result<Config> {
    let path = |path: PathBuf| folder.join(path);
    let node_ok = !raw.node.is_empty()
        && raw.node.len() <= 63
        && raw
            .node
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    ensure!(
        node_ok,
        "node `{}`: use 1 to 63 letters, digits, `-` and `.`",
        raw.node
    );
    let tls = match (raw.tls.certificate, raw.tls.private_key) {
        (Some(certificate), Some(private_key)) => Some(TlsFiles {
            certificate: path(certificate),
            private_key: path(private_key),
        }),
        (None, None) => None,
        _ => bail!(
            "tls: give both `certificate` and `private_key`, or neither for a self-signed pair"
        ),
    };
    let insecure = raw.console.insecure_plain_http;
    let plain = |address: SocketAddr| address.ip().is_loopback() || insecure;
    ensure!(
        (1..=7 * 24 * 60).contains(&raw.alerts.window_minutes),
        "alerts.window_minutes {}: use 1 to 10080",
        raw.alerts.window_minutes
    );
    let key = |text: &String| {
        let key: Result<VerifyingKey, _> = text.parse();
        key.with_context(|| format!("rules.trusted_keys `{text}`"))
    };
    let trusted_keys = raw.rules.trusted_keys.iter().map(key);
    let trusted_keys = trusted_keys.collect::<anyhow::Result<Vec<_>>>()?;
    let exceptions = ExceptionLimits {
        default_days: raw.exceptions.default_days,
        max_days: raw.exceptions.max_days,
    };
    ensure!(
        (1..=3_650).contains(&exceptions.max_days)
            && (1..=exceptions.max_days).contains(&exceptions.default_days),
        "exceptions.default_days {} and max_days {}: use 1 to 3650, the default not above the most",
        exceptions.default_days,
        exceptions.max_days
    );
    ensure!(
        raw.alerts.late_seconds <= 7 * 24 * 3_600,
        "alerts.late_seconds {}: use 0 to 604800",
        raw.alerts.late_seconds
    );
    let promotion = PromotionRules {
        language: raw.incidents.language,
        rules: raw.incidents.rule,
    };
    Ok(Config {
        organisation: organisation(raw.organisation)?,
        console: Console {
            listen: raw.console.listen,
            public_url: raw
                .console
                .public_url
                .map(|url| url.trim_end_matches('/').to_owned()),
            tls: !plain(raw.console.listen),
        },
        intake: Intake {
            syslog_udp: raw.intake.syslog_udp,
            syslog_tcp: raw.intake.syslog_tcp,
            syslog_tls: raw.intake.syslog_tls,
            http: raw.intake.http,
            http_tls: raw.intake.http.is_some_and(|address| !plain(address)),
            line_bytes_max: raw.intake.line_bytes_max,
            connections_max: raw.intake.connections_max,
        },
        tls,
        lake: LakeLimits {
            flush_rows: raw.lake.flush_rows,
            flush_bytes: raw.lake.flush_bytes,
            flush_age: raw
                .lake
                .flush_age_ms
                .map(|ms| SignedDuration::from_millis(i64::from(ms))),
        },
        spool_bytes_max: raw.spool.bytes_max.unwrap_or(10 << 30),
        rule_folders: raw.rules.folders.into_iter().map(path).collect(),
        own_rules: raw.rules.own,
        trusted_keys,
        require_signed_rules: raw.rules.require_signature,
        exceptions,
        pack_folders: raw.law.folders.into_iter().map(path).collect(),
        alert_window: SignedDuration::from_mins(i64::from(raw.alerts.window_minutes)),
        alert_lateness: SignedDuration::from_secs(i64::from(raw.alerts.late_seconds)),
        promotion,
        categories: raw.incidents.category,
        contacts: raw
            .contact
            .into_iter()
            .map(|raw| contact(raw, folder))
            .collect::<anyhow::Result<_>>()?,
        mail: mail(raw.mail, folder)?,
        response: raw.response.check(folder)?,
        second_person: raw.incidents.second_person,
        warn_at_percent: raw.notices.warn_at_percent,
        node: raw.node,
        data_dir: path(raw.data_dir),
    })
}

fn organisation(raw: raw::Organisation) -> anyhow::Result<Organisation> {
    let zone = zone(&raw.time_zone)?;
    ensure!(
        !raw.bearers.is_empty(),
        "organisation.bearers: say what the organisation is, for example [\"sts\"]"
    );
    let settings: BTreeMap<String, String> = raw.settings;
    let profile = Profile {
        bearers: raw.bearers,
        zone: raw.time_zone,
        week: raw.week,
        settings,
    };
    Ok(Organisation {
        name: raw.name,
        details: raw.details,
        contact: raw.contact,
        signer: Signature {
            position: raw.signer.position,
            name: raw.signer.name,
        },
        profile,
        zone,
    })
}

fn zone(name: &str) -> anyhow::Result<TimeZone> {
    jiff::tz::TimeZoneDatabase::bundled()
        .get(name)
        .with_context(|| {
            format!("organisation.time_zone `{name}`: use an IANA name such as Asia/Almaty")
        })
}

fn contact(raw: raw::Contact, folder: &Path) -> anyhow::Result<Contact> {
    let plausible = raw
        .email
        .split_once('@')
        .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty());
    ensure!(
        plausible || raw.email.is_empty(),
        "contact of `{}`: `{}` is no e-mail address",
        raw.party,
        raw.email
    );
    let way = match (raw.webhook, raw.folder) {
        (Some(_), Some(_)) => bail!(
            "contact of `{}`: give `webhook` or `folder`, not both",
            raw.party
        ),
        (None, None) => Way::Mail,
        (None, Some(drop)) => Way::Folder(folder.join(drop)),
        (Some(hook), None) => {
            let what = format!("contact of `{}`: webhook.url", raw.party);
            webhook::check_url(&what, &hook.url)?;
            Way::Webhook {
                url: hook.url,
                peer: WebhookPeer {
                    secret_file: folder.join(hook.secret_file),
                    ca_file: hook.ca_file.map(|file| folder.join(file)),
                    timeout_seconds: hook.timeout_seconds,
                },
            }
        }
    };
    Ok(Contact {
        party: raw.party,
        name: raw.name,
        email: raw.email,
        language: raw.language,
        way,
    })
}

fn mail(raw: raw::Mail, folder: &Path) -> anyhow::Result<Mail> {
    match (raw.host, raw.folder) {
        (Some(_), Some(_)) => bail!("mail: give `host` or `folder`, not both"),
        (None, None) => Ok(Mail::None),
        (None, Some(outbox)) => Ok(Mail::Folder {
            folder: folder.join(outbox),
            from: raw.from,
        }),
        (Some(host), None) => {
            let local = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
            ensure!(
                raw.security != SmtpSecurity::None || local,
                "mail.security \"none\" is allowed on loopback only; `{host}` is elsewhere"
            );
            let password_file = raw.password_file.map(|file| folder.join(file));
            Ok(Mail::Smtp(Smtp {
                port: raw.port.unwrap_or(if raw.security == SmtpSecurity::Tls {
                    465
                } else {
                    587
                }),
                host,
                security: raw.security,
                from: raw.from,
                user: raw.user,
                password_file,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_a_valid_configuration() {
        let config = Config::parse(SAMPLE, Path::new("/etc/saqshy")).unwrap();
        assert_eq!(config.organisation.profile.bearers, ["kz/o199:sts"]);
        assert!(config.console.tls || config.console.listen.ip().is_loopback());
    }

    #[test]
    fn unknown_keys_and_plain_mail_to_elsewhere_are_refused() {
        let wrong = SAMPLE.replace("node =", "nodee =");
        let error = format!("{:#}", Config::parse(&wrong, Path::new("/")).unwrap_err());
        assert!(error.contains("nodee"), "{error}");
        let both = format!(
            "{SAMPLE}\n[[contact]]\nparty = \"x\"\nname = {{kk=\"\",ru=\"\",en=\"\"}}\nwebhook = {{url=\"http://a.example/\", secret_file=\"s\"}}\n"
        );
        let error = format!("{:#}", Config::parse(&both, Path::new("/")).unwrap_err());
        assert!(error.contains("use https"), "{error}");
        let text = "node = \"a\"\ndata_dir = \"d\"\n[organisation]\nname = {kk=\"a\",ru=\"a\",en=\"a\"}\nbearers=[\"sts\"]\ntime_zone=\"Asia/Almaty\"\n[mail]\nhost=\"mail.example\"\nsecurity=\"none\"\n";
        let error = format!("{:#}", Config::parse(text, Path::new("/")).unwrap_err());
        assert!(error.contains("loopback only"), "{error}");
    }
}
