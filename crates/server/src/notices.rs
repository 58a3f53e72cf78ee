//! A notice from draft to the addressee: what its letter says, the letter as PDF, the mail.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use saqshy_casework::{
    Actor, AttemptOutcome, Channel, Ctx, Error, IncidentWhole, Notice, NoticeState,
};
use saqshy_dispatch::{
    Document, DocumentLang, Field, File, Form, Format, Letter, MailError, Message, SmtpConfig,
    StixCase, TlsMode, Webhook, drop_files, format_message, in_all, letter_document, moment,
    notice_message, post_webhook, render, retry_delay, send_mail, stix_bundle,
};
use saqshy_law::{ClockKind, Pack, Text3};
use serde_json::json;

use crate::config::{Mail, Smtp, SmtpSecurity, Way};
use crate::papers::case::CaseView;
use crate::papers::{file_document, templates, values, write_whole};
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

/// The document of a notice as it would be made at `date`.
pub async fn document(app: &App, notice: &Notice, date: Timestamp) -> anyhow::Result<Document> {
    let letter = letter(app, notice, date).await?;
    letter_document(&letter).map_err(|error| {
        let (field, message) = ("template", error.to_string());
        Error::Invalid { field, message }.into()
    })
}

/// The file of a notice as it would be made at `date`, in the notice's own languages or in `lang`.
pub async fn file(
    app: &App,
    notice: &Notice,
    date: Timestamp,
    lang: Option<DocumentLang>,
    format: Format,
) -> anyhow::Result<File> {
    let document = document(app, notice, date).await?;
    let lang = lang.unwrap_or_else(|| own_language(notice));
    let file = tokio::task::spawn_blocking(move || render(&document, lang, format)).await??;
    Ok(file)
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
    let pdf = file(app, &notice, now, None, Format::Pdf).await?;
    let ctx = Ctx {
        actor,
        now,
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    let media_type = pdf.format.media_type();
    let drafted = tx
        .set_notice_document(&ctx, id, media_type, &pdf.bytes, notice.version)
        .await?;
    let approved = tx
        .approve_notice(&ctx, id, drafted.version, app.config.second_person)
        .await?;
    file_document(app, &pdf).await?;
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
    let by_hand = match notice.channel {
        Channel::Hand => true,
        Channel::Mail => matches!(app.config.mail, Mail::None),
        Channel::Webhook | Channel::Folder => false,
    };
    if notice.approved_at.is_some() && by_hand {
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
    if let Err(error) = warn(&app).await {
        tracing::error!("warning of notices that have not left: {error:#}; trying again");
    }
}

/// Says on the case, and to the operator, that a notice has not left and its deadline comes near.
async fn warn(app: &App) -> anyhow::Result<()> {
    let now = app.now();
    let share = app.config.warn_at_percent;
    for risk in app.store.notices_at_risk(&app.law, now, share).await? {
        let ctx = Ctx {
            actor: &Actor::system(),
            now,
            law: &app.law,
        };
        let mut tx = app.store.begin().await?;
        tx.warn_notice(&ctx, &risk.notice.id, risk.due).await?;
        tx.commit().await?;
        tracing::error!(
            notice = %risk.notice.number,
            due = %risk.due,
            "the notice has not left and its deadline comes near: {}",
            risk.notice.error.as_deref().unwrap_or("it was approved and not sent")
        );
    }
    Ok(())
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
    let mut after = tx
        .record_attempt(&ctx, &notice.id, outcome, &detail, next)
        .await?;
    // The addressee's own system answered: that is delivery, not only sending.
    if after.state == NoticeState::Sent && notice.channel == Channel::Webhook {
        after = tx.notice_delivered(&ctx, &notice.id, &detail).await?;
    }
    tx.commit().await?;
    if !matches!(after.state, NoticeState::Sent | NoticeState::Delivered) {
        tracing::warn!(notice = %notice.number, "not sent: {detail}");
    }
    Ok(after)
}

async fn hand_over(app: &App, notice: &Notice) -> anyhow::Result<Result<String, MailError>> {
    let sha256 = notice
        .document_sha256
        .as_deref()
        .context("an approved notice has a document")?;
    let stored = app.store.document(sha256).await?;
    let pdf = File {
        format: Format::Pdf,
        bytes: stored.body,
        sha256: stored.sha256,
    };
    let date = notice.approved_at.unwrap_or(notice.created_at);
    Ok(match notice.channel {
        Channel::Hand => Err(MailError::Rejected(BY_HAND.to_owned())),
        Channel::Mail => {
            let letter = letter(app, notice, date).await?;
            let message = notice_message(&letter, &notice.address, &notice.id, &pdf)?;
            match &app.config.mail {
                Mail::Smtp(smtp) => match smtp_config(smtp) {
                    Ok(config) => send_mail(&config, &message).await,
                    Err(error) => Err(MailError::Unreachable(format!("{error:#}"))),
                },
                Mail::Folder { folder, from } => put_into(folder, from, notice, message).await,
                Mail::None => Err(MailError::Rejected(BY_HAND.to_owned())),
            }
        }
        Channel::Webhook => {
            let parcel = parcel(app, notice, &pdf, date).await?;
            match webhook_of(app, notice) {
                Ok(hook) => post_webhook(&hook, &notice.id, app.now(), parcel).await,
                Err(error) => Err(MailError::Rejected(format!("{error:#}"))),
            }
        }
        Channel::Folder => {
            let parcel = parcel(app, notice, &pdf, date).await?;
            let bundle = stix(app, &notice.incident_id).await?;
            let name = notice.number.replace('/', "-");
            let files = vec![
                (format!("{name}.pdf"), pdf.bytes),
                (format!("{name}.json"), parcel),
                (
                    format!("{name}.stix.json"),
                    serde_json::to_vec_pretty(&bundle)?,
                ),
            ];
            let root = Path::new(&notice.address).to_owned();
            let answer = format!("written to {name}");
            let dropped = tokio::task::spawn_blocking(move || drop_files(&root, &name, &files));
            dropped
                .await?
                .map(|()| answer)
                .map_err(|error| MailError::Temporary(error.to_string()))
        }
    })
}

/// What another system receives: the notice as data, its document, the case as STIX 2.1.
async fn parcel(
    app: &App,
    notice: &Notice,
    pdf: &File,
    date: Timestamp,
) -> anyhow::Result<Vec<u8>> {
    let document = document(app, notice, date).await?;
    let body = json!({
        "format": "saqshy-notice/1",
        "id": notice.id,
        "number": notice.number,
        "clause": notice.clause,
        "edition": notice.edition,
        "addressee": notice.addressee,
        "approved_at": notice.approved_at,
        "acknowledge": ack_url(app, notice, date),
        "document": document,
        "pdf": {
            "sha256": pdf.sha256,
            "base64": base64::engine::general_purpose::STANDARD.encode(&pdf.bytes),
        },
        "stix": stix(app, &notice.incident_id).await?,
    });
    Ok(serde_json::to_vec_pretty(&body)?)
}

/// The case as a STIX 2.1 bundle.
pub async fn stix(app: &App, incident: &str) -> anyhow::Result<serde_json::Value> {
    let view = CaseView::of(app, incident, app.now()).await?;
    let (addresses, hosts) = (view.addresses(app).await?, view.hosts(app).await?);
    let one = &view.whole.incident;
    let alerts = &view.whole.alerts;
    let changes = view.whole.timeline.iter().map(|entry| entry.recorded_at);
    let title = view.title();
    Ok(stix_bundle(&StixCase {
        id: one.id.clone(),
        organisation: app.config.organisation.name.en.clone(),
        name: format!("{}: {}", one.number, title.en),
        description: one.description.clone(),
        created: one.created_at,
        modified: changes.max().unwrap_or(one.created_at),
        first_observed: alerts
            .iter()
            .map(|a| a.first_at)
            .min()
            .unwrap_or(one.detected_at),
        last_observed: alerts
            .iter()
            .map(|a| a.last_at)
            .max()
            .unwrap_or(one.detected_at),
        count: alerts.iter().map(|alert| alert.hits_count).sum(),
        addresses,
        hosts,
        labels: Some(one.category.clone())
            .filter(|c| !c.is_empty())
            .into_iter()
            .collect(),
    }))
}

/// The settings of the contact that a notice is addressed to.
fn webhook_of(app: &App, notice: &Notice) -> anyhow::Result<Webhook> {
    let mut contacts = app.config.contacts_of(&notice.addressee);
    let found = contacts.find_map(|contact| match &contact.way {
        Way::Webhook { url, peer } if *url == notice.address => Some(peer),
        _ => None,
    });
    let peer = found.with_context(|| {
        format!(
            "no contact of `{}` has the webhook `{}` any more",
            notice.addressee, notice.address
        )
    })?;
    peer.at(&notice.address)
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

/// Everything that the letter of a notice says.
async fn letter(app: &App, notice: &Notice, date: Timestamp) -> anyhow::Result<Letter> {
    let view = CaseView::of(app, &notice.incident_id, date).await?;
    let law = app.law.duty_in(&notice.duty, &notice.edition);
    let addressee = addressee_name(app, law.map(|(pack, _)| pack), notice);
    let values = values::values(app, &view, notice, law, &addressee, date).await?;
    let organisation = &app.config.organisation;
    let template = templates::template_of(app, notice).await?;
    let has_text = template.en.contains("{notice.text}");
    Ok(Letter {
        number: notice.number.clone(),
        date,
        zone: organisation.zone.clone(),
        organisation: organisation.name.clone(),
        organisation_details: organisation.details.clone(),
        addressee,
        template,
        values,
        added: if has_text {
            String::new()
        } else {
            notice.text.clone()
        },
        notes: notes(app, &view, notice)?,
        ack_url: ack_url(app, notice, date),
        signer: organisation.signer.clone(),
        contact: organisation.contact.clone(),
    })
}

/// Below the form: the latest moment for the notice, and the edition of the act.
fn notes(app: &App, view: &CaseView, notice: &Notice) -> anyhow::Result<Vec<Field>> {
    let mut notes = Vec::new();
    let clock = view.whole.clocks.iter().find(|c| c.duty == notice.duty);
    // A duty that begins when time has passed has no latest moment.
    let due = clock
        .filter(|c| c.kind == ClockKind::Within)
        .and_then(|c| c.due);
    if let Some(due) = due {
        let value = Text3::same(moment(&app.config.organisation.zone, due));
        notes.push(Field::new(
            "due",
            in_all("label-due", &[])?,
            value,
            Form::Line,
        ));
    }
    if app.law.duty_in(&notice.duty, &notice.edition).is_some() {
        let value = edition_title(app, &notice.edition);
        let label = in_all("label-edition", &[])?;
        notes.push(Field::new("edition", label, value, Form::Line));
    }
    Ok(notes)
}

/// The name of the contact whose address it is, else the party's.
pub fn addressee_name(app: &App, pack: Option<&Pack>, notice: &Notice) -> Text3 {
    let mut contacts = app.config.contacts_of(&notice.addressee);
    match (
        contacts.find(|contact| contact.reached_at().1 == notice.address),
        pack,
    ) {
        (Some(contact), _) => contact.name.clone(),
        (None, Some(pack)) => pack.party_title(&notice.addressee),
        (None, None) => Text3::same(notice.addressee.as_str()),
    }
}

/// What brought an edition, in the words of its pack: `order of 27 October 2022 No. 399/НҚ`. The
/// reference itself where no pack knows it.
pub fn edition_title(app: &App, reference: &str) -> Text3 {
    let all = app.law.packs.iter();
    let mut all = all.flat_map(|pack| pack.editions.iter().map(move |edition| (pack, edition)));
    let found = all.find(|(pack, edition)| pack.edition_ref(edition) == reference);
    found.map_or_else(
        || Text3::same(reference),
        |(_, edition)| edition.title.clone(),
    )
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
