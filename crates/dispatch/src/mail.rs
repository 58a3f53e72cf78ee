//! Sending a notice by mail: SMTP (RFC 5321) with STARTTLS (RFC 3207) or implicit TLS (RFC 8314).

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use lettre::address::Envelope;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::extension::ClientId;
use saqshy_law::Lang;

use crate::document::File;
use crate::letter::{Letter, subject};
use crate::texts::{TextError, text};

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// TLS from the first byte, usually port 465.
    Tls,
    /// Plain greeting, then STARTTLS, which must succeed; usually port 587.
    Starttls,
    /// No protection. Only to a loopback address, unless `allow_plain` says otherwise.
    None,
}

/// The organisation's mail server.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    pub host: String,
    pub port: u16,
    pub tls: TlsMode,
    /// Permits `tls = "none"` to a host that is not loopback.
    #[serde(default)]
    pub allow_plain: bool,
    /// PEM of an authority to trust besides the public ones.
    #[serde(default)]
    pub ca_pem: Option<String>,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub password: Option<String>,
    /// Sender, such as `SOC <soc@example.kz>`.
    pub from: String,
    /// Name given in EHLO. Default `localhost`.
    #[serde(default)]
    pub hello: Option<String>,
    /// Seconds for the whole conversation. Default 60.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: u64,
}

fn timeout_seconds() -> u64 {
    60
}

/// Longest subject of a message, in characters.
const SUBJECT_CHARS_MAX: usize = 200;
/// How long to wait for an answer to QUIT.
const FAREWELL: Duration = Duration::from_secs(1);

impl std::fmt::Debug for SmtpConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// A message with one attached PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub to: String,
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// Name of the attachment, and its bytes.
    pub attachment_name: String,
    pub attachment: Vec<u8>,
    pub date: Timestamp,
    /// `Message-ID` without brackets. The same notice keeps its id over retries, so that a
    /// second copy can be recognised.
    pub message_id: String,
}

/// Why a message was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The server will not take it, now or later (5xx), or something in the message or the
    /// configuration must be changed first.
    #[error("the message was refused: {0}")]
    Rejected(String),
    /// The server says to try again (4xx).
    #[error("the server cannot take the message now: {0}")]
    Temporary(String),
    /// No server, no connection, no answer in time, or no trust in its certificate.
    #[error("the mail server cannot be reached: {0}")]
    Unreachable(String),
}

/// Refuses what is not a mail address.
pub fn check_address(address: &str) -> Result<(), MailError> {
    mailbox("address", address).map(|_| ())
}

/// The message that carries a letter: text in Kazakh, Russian and English, the document, the link.
/// `id` is the notice's.
pub fn notice_message(
    letter: &Letter,
    to: &str,
    id: &str,
    file: &File,
) -> Result<Message, TextError> {
    let subjects = subject(letter)?;
    let mut parts = Vec::new();
    for lang in Lang::ALL {
        let addressee = letter.addressee.get(lang);
        let organisation = letter.organisation.get(lang);
        let mut part = vec![
            text(lang, "mail-greeting", &[("addressee", addressee)])?,
            String::new(),
            text(
                lang,
                "mail-body",
                &[
                    ("organisation", organisation),
                    ("subject", subjects.get(lang)),
                ],
            )?,
        ];
        if let Some(url) = &letter.ack_url {
            part.extend([String::new(), text(lang, "ack-ask", &[])?, url.clone()]);
        }
        if !letter.contact.is_empty() {
            let closing = text(lang, "mail-closing", &[("contact", &letter.contact)])?;
            part.extend([String::new(), closing]);
        }
        parts.push(part.join("\n"));
    }
    let subject = format!("{} {}", letter.number, one_line(&subjects.kk));
    Ok(Message {
        to: to.to_owned(),
        subject: subject.chars().take(SUBJECT_CHARS_MAX).collect(),
        body: parts.join("\n\n———\n\n"),
        attachment_name: format!("{}.{}", file_name(&letter.number), file.format.extension()),
        attachment: file.bytes.clone(),
        date: letter.date,
        message_id: format!("{id}@saqshy"),
    })
}

/// Hands a message to the mail server. `Ok` holds the server's answer and means that the server
/// has taken responsibility for it.
///
/// # Errors
/// See [`MailError`]. After `Unreachable` the server may still have taken the message.
pub async fn send_mail(config: &SmtpConfig, message: &Message) -> Result<String, MailError> {
    let (envelope, bytes) = format_message(config, message)?;
    let limit = Duration::from_secs(config.timeout_seconds.clamp(1, 3600));
    match tokio::time::timeout(limit, converse(config, limit, &envelope, &bytes)).await {
        Ok(result) => result,
        Err(_) => Err(MailError::Unreachable(format!(
            "no end of the conversation within {} s",
            limit.as_secs()
        ))),
    }
}

/// Envelope and bytes of the message as they go over the wire (RFC 5322, MIME). Also of use to
/// put a notice into a file for a closed network.
pub fn format_message(
    config: &SmtpConfig,
    message: &Message,
) -> Result<(Envelope, Vec<u8>), MailError> {
    let bad = |error: lettre::error::Error| MailError::Rejected(error.to_string());
    let pdf = ContentType::parse("application/pdf")
        .map_err(|error| MailError::Rejected(error.to_string()))?;
    let date = std::time::SystemTime::from(message.date);
    let letter = lettre::Message::builder()
        .from(mailbox("from", &config.from)?)
        .to(mailbox("to", &message.to)?)
        .subject(one_line(&message.subject))
        .message_id(Some(format!("<{}>", one_line(&message.message_id))))
        .date(date)
        .multipart(
            MultiPart::mixed()
                .boundary(boundary(&message.message_id))
                .singlepart(SinglePart::plain(message.body.clone()))
                .singlepart(
                    Attachment::new(message.attachment_name.clone())
                        .body(message.attachment.clone(), pdf),
                ),
        )
        .map_err(bad)?;
    Ok((letter.envelope().clone(), letter.formatted()))
}

async fn converse(
    config: &SmtpConfig,
    limit: Duration,
    envelope: &Envelope,
    bytes: &[u8],
) -> Result<String, MailError> {
    check_plain(config).await?;
    let hello = ClientId::Domain(config.hello.clone().unwrap_or_else(|| "localhost".into()));
    let server = (config.host.as_str(), config.port);
    let implicit = match config.tls {
        TlsMode::Tls => Some(tls(config)?),
        TlsMode::Starttls | TlsMode::None => None,
    };
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(server, Some(limit), &hello, implicit, None)
            .await
            .map_err(|error| sort(&error))?;
    if config.tls == TlsMode::Starttls {
        if !connection.can_starttls() {
            let _ = tokio::time::timeout(FAREWELL, connection.abort()).await;
            return Err(MailError::Rejected(format!(
                "`{}` does not offer STARTTLS; nothing was sent in the clear",
                config.host
            )));
        }
        connection
            .starttls(tls(config)?, &hello)
            .await
            .map_err(|error| sort(&error))?;
    }
    if let (Some(user), Some(password)) = (&config.user, &config.password) {
        let credentials = Credentials::new(user.clone(), password.clone());
        connection
            .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
            .await
            .map_err(|error| sort(&error))?;
    }
    let answer = connection
        .send(envelope, bytes)
        .await
        .map_err(|error| sort(&error))?;
    // The server has the message now; how the conversation ends no longer matters.
    let _ = tokio::time::timeout(FAREWELL, connection.abort()).await;
    let lines: Vec<&str> = answer.message().collect();
    Ok(format!("{} {}", answer.code(), lines.join(" ")))
}

/// Refuses an unprotected connection to anything but loopback, and passwords over it.
async fn check_plain(config: &SmtpConfig) -> Result<(), MailError> {
    if config.tls != TlsMode::None || config.allow_plain {
        return Ok(());
    }
    let addresses = tokio::net::lookup_host((config.host.as_str(), config.port))
        .await
        .map_err(|error| MailError::Unreachable(error.to_string()))?;
    for address in addresses {
        if !is_loopback(address.ip()) {
            return Err(MailError::Rejected(format!(
                "`{}` is not a loopback address and the connection would not be protected",
                config.host
            )));
        }
    }
    Ok(())
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn tls(config: &SmtpConfig) -> Result<TlsParameters, MailError> {
    let bad = |error: lettre::transport::smtp::Error| {
        MailError::Rejected(format!("TLS configuration: {}", chain(&error)))
    };
    let mut builder: TlsParametersBuilder = TlsParameters::builder(config.host.clone());
    if let Some(pem) = &config.ca_pem {
        builder = builder.add_root_certificate(Certificate::from_pem(pem.as_bytes()).map_err(bad)?);
    }
    builder.build_rustls().map_err(bad)
}

fn sort(error: &lettre::transport::smtp::Error) -> MailError {
    let what = chain(error);
    if error.is_permanent() {
        MailError::Rejected(what)
    } else if error.is_transient() {
        MailError::Temporary(what)
    } else if error.is_client() {
        MailError::Rejected(what)
    } else {
        MailError::Unreachable(what)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}

fn mailbox(field: &str, text: &str) -> Result<Mailbox, MailError> {
    text.parse()
        .map_err(|error| MailError::Rejected(format!("`{field}`: `{text}`: {error}")))
}

/// One line, so that no header can be smuggled in.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn file_name(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '-' {
                c
            } else {
                '-'
            }
        })
        .collect()
}

/// A boundary that depends on the message id only: the same message has the same bytes.
fn boundary(message_id: &str) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(message_id.as_bytes());
    hash[..20]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
