//! A notice from draft to the addressee: what its letter says, the letter as PDF, the mail.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use saqshy_casework::{
    Actor, AttemptOutcome, Ctx, Error, IncidentWhole, Notice, NoticeState, sha256_hex,
};
use saqshy_dispatch::{
    DocumentLang, MailError, Message, NoticeData, NoticeKind, Pdf, SmtpConfig, TlsMode,
    format_message, notice_message, render_notice, retry_delay, send_mail,
};
use saqshy_law::{Duty, Lang, Pack, Text3};

use crate::config::{Mail, Smtp, SmtpSecurity};
use crate::runtime::App;

/// How long the link in a notice confirms its receipt.
const LINK_VALID: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Alerts that a letter lists by itself.
const ALERTS_LISTED: usize = 20;
/// Notices that one round sends at most.
const ROUND: u32 = 20;

/// What an approved notice needs before it can leave without a mail server.
pub const BY_HAND: &str = "no mail is configured: print the document, hand it over, and record the \
    fact `notice.sent:<duty>:<addressee>` or the receipt `notice.received:<duty>:<addressee>`";

/// What the program writes into a draft when its author wrote nothing: the alerts, oldest first.
pub fn initial_text(app: &App, whole: &IncidentWhole) -> String {
    let zone = &app.config.organisation.zone;
    let lines = whole.alerts.iter().take(ALERTS_LISTED).map(|alert| {
        let first = alert.first_at.to_zoned(zone.clone());
        let times = match alert.hits_count {
            0 | 1 => String::new(),
            count => format!(" ×{count}"),
        };
        format!(
            "{}  {} ({}){times}",
            first.strftime("%d.%m.%Y %H:%M:%S"),
            alert.rule_title,
            alert.entity,
        )
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    if whole.alerts.len() > ALERTS_LISTED {
        text.push_str(&format!("\n… +{}", whole.alerts.len() - ALERTS_LISTED));
    }
    text
}

/// The document of a notice as it would be made at `date`, in the notice's own languages or in
/// `lang`.
pub async fn render(
    app: &App,
    notice: &Notice,
    date: Timestamp,
    lang: Option<DocumentLang>,
) -> anyhow::Result<Pdf> {
    let data = letter(app, notice, date).await?;
    let lang = lang.unwrap_or_else(|| own_language(notice));
    let pdf = tokio::task::spawn_blocking(move || render_notice(&data, lang)).await??;
    Ok(pdf)
}

fn own_language(notice: &Notice) -> DocumentLang {
    match notice.languages.iter().any(|language| language != "en") {
        true => DocumentLang::KkRu,
        false => DocumentLang::En,
    }
}

/// Approves a draft: its final document is made, stored under its SHA-256, and journalled in the
/// same transaction.
///
/// # Errors
/// Those of [`saqshy_casework::Tx::approve_notice`], and an unwritable documents folder.
pub async fn approve(app: &App, id: &str, actor: &Actor) -> anyhow::Result<Notice> {
    let now = app.now();
    let notice = app.store.notice(id).await?;
    let pdf = render(app, &notice, now, None).await?;
    let ctx = Ctx {
        actor,
        now,
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    let drafted = tx
        .set_notice_document(&ctx, id, "application/pdf", &pdf.bytes, notice.version)
        .await?;
    let approved = tx
        .approve_notice(&ctx, id, drafted.version, app.config.second_person)
        .await?;
    // Before the commit: a leaf never names a document that is not there.
    let (folder, name) = (
        app.paths.documents.clone(),
        format!("{}.pdf", sha256_hex(&pdf.bytes)),
    );
    tokio::task::spawn_blocking(move || write_whole(&folder, &name, &pdf.bytes)).await??;
    tx.commit().await?;
    Ok(approved)
}

/// Queues an approved notice and tries to send it at once, unless a round is at work, which leaves
/// it to the next. A failure that may pass is tried again by [`retry_failed`]; the notice that comes
/// back tells how it went.
///
/// # Errors
/// `Invalid` when the notice is not approved or no mail is configured.
pub async fn send(app: &App, id: &str, actor: &Actor) -> anyhow::Result<Notice> {
    let notice = app.store.notice(id).await?;
    let approved = notice.approved_at.is_some();
    if approved && matches!(app.config.mail, Mail::None) {
        let (field, message) = ("mail", BY_HAND.to_owned());
        return Err(Error::Invalid { field, message }.into());
    }
    // Taken before the notice is due, so that no round sends it at the same time.
    let turn = app.sending.try_lock();
    let ctx = Ctx {
        actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    let version = tx.notice(id).await?.version;
    let queued = tx.queue_notice(&ctx, id, version).await?;
    tx.commit().await?;
    match turn {
        Ok(_turn) => attempt(app, &queued).await,
        Err(_) => Ok(queued),
    }
}

/// Sends what is due for another attempt. Does nothing while another sending is at work.
pub async fn retry_failed(app: Arc<App>) {
    if matches!(app.config.mail, Mail::None) {
        return;
    }
    let Ok(_turn) = app.sending.try_lock() else {
        return;
    };
    let due = match app.store.notices_due(app.now(), ROUND).await {
        Ok(due) => due,
        Err(error) => {
            let error = anyhow::Error::new(error);
            tracing::error!("reading notices that are due: {error:#}; trying again");
            return;
        }
    };
    for notice in due {
        if let Err(error) = attempt(&app, &notice).await {
            tracing::error!(notice = %notice.number, "sending: {error:#}; trying again");
        }
    }
}

/// One attempt, and its record in the journal.
async fn attempt(app: &App, notice: &Notice) -> anyhow::Result<Notice> {
    let outcome = hand_over(app, notice).await?;
    let now = app.now();
    let (outcome, detail) = match outcome {
        Ok(answer) => (AttemptOutcome::Accepted, answer),
        Err(error @ MailError::Rejected(_)) => (AttemptOutcome::Rejected, error.to_string()),
        Err(error @ MailError::Temporary(_)) => (AttemptOutcome::Temporary, error.to_string()),
        Err(error @ MailError::Unreachable(_)) => (AttemptOutcome::Unreachable, error.to_string()),
    };
    let next = retry_delay(notice.attempts + 1).and_then(|wait| now.checked_add(wait).ok());
    let ctx = Ctx {
        actor: &Actor::system(),
        now,
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    let after = tx
        .record_attempt(&ctx, &notice.id, outcome, &detail, next)
        .await?;
    tx.commit().await?;
    if after.state != NoticeState::Sent {
        tracing::warn!(notice = %notice.number, "not sent: {detail}");
    }
    Ok(after)
}

async fn hand_over(app: &App, notice: &Notice) -> anyhow::Result<Result<String, MailError>> {
    let sha256 = notice
        .document_sha256
        .as_deref()
        .context("an approved notice has a document")?;
    let document = app.store.document(sha256).await?;
    let pdf = Pdf {
        bytes: document.body,
        sha256: document.sha256,
        pages: 0,
    };
    let date = notice.approved_at.unwrap_or(notice.created_at);
    let data = letter(app, notice, date).await?;
    let message = notice_message(&data, &notice.address, &notice.id, &pdf)?;
    Ok(match &app.config.mail {
        Mail::Smtp(smtp) => match smtp_config(smtp) {
            Ok(config) => send_mail(&config, &message).await,
            Err(error) => Err(MailError::Unreachable(format!("{error:#}"))),
        },
        Mail::Folder { folder, from } => put_into(folder, from, notice, message).await,
        Mail::None => Err(MailError::Rejected(BY_HAND.to_owned())),
    })
}

async fn put_into(
    folder: &Path,
    from: &str,
    notice: &Notice,
    message: Message,
) -> Result<String, MailError> {
    let (_, bytes) = format_message(&nowhere(from), &message)?;
    let (folder, name) = (
        folder.to_owned(),
        format!("{}-{}.eml", notice.id, notice.attempts + 1),
    );
    let answer = format!("written to {name}");
    let written = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        write_whole(&folder, &name, &bytes)
    });
    match written.await {
        Ok(Ok(())) => Ok(answer),
        Ok(Err(error)) => Err(MailError::Temporary(error.to_string())),
        Err(error) => Err(MailError::Temporary(error.to_string())),
    }
}

fn smtp_config(smtp: &Smtp) -> anyhow::Result<SmtpConfig> {
    let password = match &smtp.password_file {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("mail.password_file `{}`", file.display()))?;
            Some(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        None => None,
    };
    Ok(SmtpConfig {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.security {
            SmtpSecurity::Tls => TlsMode::Tls,
            SmtpSecurity::StartTls => TlsMode::Starttls,
            SmtpSecurity::None => TlsMode::None,
        },
        user: smtp.user.clone(),
        password,
        ..nowhere(&smtp.from)
    })
}

/// Settings of a sender without a server, enough to write a message.
fn nowhere(from: &str) -> SmtpConfig {
    SmtpConfig {
        host: String::new(),
        port: 0,
        tls: TlsMode::Tls,
        allow_plain: false,
        ca_pem: None,
        user: None,
        password: None,
        from: from.to_owned(),
        hello: None,
        timeout_seconds: 60,
    }
}

/// Writes a file so that it is there whole or not at all, synced.
fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let (temporary, path) = (folder.join(format!(".{name}.tmp")), folder.join(name));
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, &path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Everything that the letter of a notice says.
async fn letter(app: &App, notice: &Notice, date: Timestamp) -> anyhow::Result<NoticeData> {
    let whole = app
        .store
        .incident(&notice.incident_id, &app.law, date)
        .await?;
    let incident = &whole.incident;
    let (pack, duty) = app
        .law
        .duty(&notice.duty)
        .with_context(|| format!("no pack has the duty `{}`", notice.duty))?;
    let kind = match duty.document.as_deref() {
        Some("escalation") => NoticeKind::Escalation,
        _ => NoticeKind::Incident,
    };
    let clock = whole.clocks.iter().find(|clock| clock.duty == duty.id);
    // A duty that begins when time has passed has no latest moment.
    let due = clock
        .filter(|_| kind != NoticeKind::Escalation)
        .and_then(|clock| clock.due);
    let category = app
        .law
        .categories
        .iter()
        .find(|category| category.id == incident.category);
    let sources: Vec<String> = sqlx::query_scalar(
        "SELECT value FROM incident_entity WHERE incident_id = $1 AND kind = 'ip' ORDER BY value \
         LIMIT 100",
    )
    .bind(&incident.id)
    .fetch_all(app.store.pool())
    .await?;
    let title = incident.title_text.clone();
    Ok(NoticeData {
        kind,
        number: notice.number.clone(),
        date,
        zone: app.config.organisation.zone.clone(),
        organisation: app.config.organisation.name.clone(),
        organisation_details: Text3::default(),
        addressee: addressee_name(app, pack, notice),
        incident_number: incident.number.clone(),
        title: title.unwrap_or_else(|| Text3::same(incident.title.as_str())),
        detected: incident.detected_at,
        occurred: incident.occurred_at,
        object: incident.object.clone(),
        category: match category {
            Some(category) => category.title.clone(),
            None => Text3::same(incident.category.as_str()),
        },
        severity: incident.severity.as_str().to_owned(),
        source_addresses: sources,
        description: incident.description.clone(),
        recommendations: incident.recommendations.clone(),
        text: notice.text.clone(),
        citation: duty.citation.clone(),
        clause: notice.clause.clone(),
        edition: edition_name(pack, &notice.edition),
        due,
        expected: expected(pack, duty)?,
        ack_url: ack_url(app, notice, date),
        signer: String::new(),
        signer_position: Text3::default(),
        contact: String::new(),
    })
}

/// The name of the contact whose address it is, else the party's.
pub fn addressee_name(app: &App, pack: &Pack, notice: &Notice) -> Text3 {
    let mut contacts = app.config.contacts_of(&notice.addressee);
    match contacts.find(|contact| contact.email == notice.address) {
        Some(contact) => contact.name.clone(),
        None => pack.party_title(&notice.addressee),
    }
}

fn edition_name(pack: &Pack, reference: &str) -> String {
    let mut editions = pack.editions.iter();
    match editions.find(|edition| pack.edition_ref(edition) == reference) {
        Some(edition) => format!("{reference}, {}", edition.signed.strftime("%d.%m.%Y")),
        None => reference.to_owned(),
    }
}

/// What the law now expects of the addressee, in the words of the pack's template: its paragraphs
/// that name nothing of the case. Empty when no duty begins with the receipt of this notice.
fn expected(pack: &Pack, duty: &Duty) -> anyhow::Result<Text3> {
    let received = format!("notice.received:{}", duty.id);
    let answered = pack
        .duties
        .iter()
        .any(|other| other.trigger.contains(&received));
    let (true, Some(document)) = (answered, &duty.document) else {
        return Ok(Text3::default());
    };
    let mut expected = Text3::default();
    for lang in Lang::ALL {
        const CASE: &str = "\u{1}";
        let names = pack.placeholders_of(document, lang).into_iter();
        let values = names.map(|name| (name, CASE.to_owned())).collect();
        let body = pack.render(document, lang, &values)?.body;
        let own = body.split("\n\n").filter(|part| !part.contains(CASE));
        let own = own.map(str::trim).collect::<Vec<_>>().join("\n\n");
        match lang {
            Lang::Kk => expected.kk = own,
            Lang::Ru => expected.ru = own,
            Lang::En => expected.en = own,
        }
    }
    Ok(expected)
}

/// The signed link by which the addressee confirms receipt. The same notice and date give the same
/// link. `None` before the console listens, when no public address is configured.
pub fn ack_url(app: &App, notice: &Notice, date: Timestamp) -> Option<String> {
    let public = app.config.console.public_url.as_deref();
    let base = public.or_else(|| app.base_url.get().map(String::as_str))?;
    let expires = date.checked_add(LINK_VALID).ok()?;
    let token = app.ack.sign(&notice.id, &notice.addressee, expires);
    Some(format!("{base}/ack/{token}"))
}
