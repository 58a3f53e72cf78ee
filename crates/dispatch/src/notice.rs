//! The letter by which an organisation gives notice of an information security incident.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use saqshy_law::{Lang, Text3};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fonts::drawable;
use crate::texts::{TextError, text};
use crate::typeset::{Typeset, to_pdf, typeset};

/// What the letter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// An incident was detected (O199-10-3-7a, O199-10-3-7b).
    Incident,
    /// An event was detected (the same clauses).
    Event,
    /// 48 hours have passed and causes and consequences stand (O199-10-3-11).
    Escalation,
}

impl NoticeKind {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Event => "event",
            Self::Escalation => "escalation",
        }
    }
}

/// Which languages a document is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentLang {
    /// Kazakh and Russian together, as official letters in Kazakhstan are.
    KkRu,
    En,
}

impl DocumentLang {
    fn langs(self) -> &'static [Lang] {
        match self {
            Self::KkRu => &[Lang::Kk, Lang::Ru],
            Self::En => &[Lang::En],
        }
    }
}

/// Everything a notice says. Texts are taken as text, whatever they contain.
#[derive(Debug, Clone)]
pub struct NoticeData {
    pub kind: NoticeKind,
    /// Outgoing number, such as `INC-2026-0001/1`.
    pub number: String,
    /// Date of the letter.
    pub date: Timestamp,
    /// Zone in which every time is written.
    pub zone: TimeZone,
    pub organisation: Text3,
    /// Address, telephone and the like of the organisation; may be empty.
    pub organisation_details: Text3,
    pub addressee: Text3,
    pub incident_number: String,
    pub title: Text3,
    pub detected: Timestamp,
    pub occurred: Option<Timestamp>,
    pub object: String,
    pub category: Text3,
    /// `critical`, `high`, `medium` or `low`.
    pub severity: String,
    pub source_addresses: Vec<String>,
    pub description: String,
    /// Initial recommendations for halting the spread (O199-10-3-8).
    pub recommendations: String,
    /// What the author adds.
    pub text: String,
    /// The clause as a lawyer cites it, and its id in the catalogue.
    pub citation: Text3,
    pub clause: String,
    /// Edition of the act, such as `399/НҚ, 27.10.2022`.
    pub edition: String,
    /// When the notice is due at the latest.
    pub due: Option<Timestamp>,
    /// What the addressee now has to do, and by when (O199-12-5); may be empty.
    pub expected: Text3,
    /// Signed link for the confirmation of receipt.
    pub ack_url: Option<String>,
    /// Who signs, and as what; both may be empty.
    pub signer: String,
    pub signer_position: Text3,
    /// Whom to ask: name, telephone, address.
    pub contact: String,
}

/// A finished PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdf {
    pub bytes: Vec<u8>,
    /// Lower-case hexadecimal.
    pub sha256: String,
    pub pages: usize,
}

/// Why a document was not made. All of these are errors of the program or its templates, none
/// depends on what a user typed.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("could not typeset the document: {0}")]
    Template(String),
    #[error(transparent)]
    Text(#[from] TextError),
}

/// Makes the letter. The same data gives the same bytes.
///
/// A4, PDF/A-2u, fonts embedded.
pub fn render_notice(data: &NoticeData, lang: DocumentLang) -> Result<Pdf, RenderError> {
    let typeset = layout(data, lang)?;
    for warning in &typeset.warnings {
        tracing::warn!(notice = %data.number, "typesetting: {warning}");
    }
    let ident = format!("{}\n{:?}\n{}", data.number, lang, data.date);
    let date = data.date.to_zoned(data.zone.clone());
    let bytes = to_pdf(&typeset.document, &ident, &date)?;
    let sha256 = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Pdf {
        bytes,
        sha256,
        pages: typeset.document.pages().len(),
    })
}

pub(crate) fn layout(data: &NoticeData, lang: DocumentLang) -> Result<Typeset, RenderError> {
    let data = view(data, lang.langs())?;
    typeset(include_str!("../templates/notice.typ"), &data)
}

/// `at` in the data's zone: `16.03.2026 14:05:12 (UTC+05:00)`.
pub(crate) fn moment(data: &NoticeData, at: Timestamp) -> String {
    let zoned = at.to_zoned(data.zone.clone());
    zoned.strftime("%d.%m.%Y %H:%M:%S (UTC%:z)").to_string()
}

/// The data as the template sees it: every text a list with one entry per language.
fn view(data: &NoticeData, langs: &[Lang]) -> Result<Value, RenderError> {
    let each = |value: &Text3| -> Value {
        langs
            .iter()
            .map(|&lang| drawable(value.get(lang)))
            .collect::<Vec<_>>()
            .into()
    };
    let words = |key: &str, args: &[(&str, &str)]| -> Result<Value, TextError> {
        let texts: Result<Vec<String>, TextError> =
            langs.iter().map(|&lang| text(lang, key, args)).collect();
        Ok(texts?.into())
    };
    let same = |value: &str| json!([drawable(value)]);
    let absent = words("value-absent", &[])?;
    let moment_or = |at: Option<Timestamp>| match at {
        Some(at) => same(&moment(data, at)),
        None => absent.clone(),
    };
    let severity = match data.severity.as_str() {
        known @ ("critical" | "high" | "medium" | "low") => {
            words(&format!("severity-{known}"), &[])?
        }
        other => same(other),
    };

    let mut rows = Vec::new();
    let mut row = |key: &str, value: Value, kind: &str| -> Result<(), TextError> {
        rows.push(
            json!({"label": words(&format!("label-{key}"), &[])?, "value": value, "kind": kind}),
        );
        Ok(())
    };
    row("incident", same(&data.incident_number), "line")?;
    row("name", each(&data.title), "line")?;
    row("detected", same(&moment(data, data.detected)), "line")?;
    row("occurred", moment_or(data.occurred), "line")?;
    if !data.object.is_empty() {
        row("object", same(&data.object), "line")?;
    }
    if !is_empty(&data.category) {
        row("category", each(&data.category), "line")?;
    }
    row("severity", severity, "line")?;
    if !data.source_addresses.is_empty() {
        let shown: Vec<String> = data.source_addresses.iter().map(|a| drawable(a)).collect();
        row("sources", shown.into(), "addresses")?;
    }
    row("clause", each(&data.citation), "line")?;
    row("edition", same(&data.edition), "line")?;
    if data.due.is_some() {
        row("due", moment_or(data.due), "line")?;
    }
    for (key, value) in [
        ("description", &data.description),
        ("recommendations", &data.recommendations),
        ("added", &data.text),
    ] {
        if !value.trim().is_empty() {
            row(key, same(value.trim()), "text")?;
        }
    }
    if !is_empty(&data.expected) {
        row("expected", each(&data.expected), "text")?;
    }

    let codes: Vec<&str> = langs.iter().map(|lang| lang.code()).collect();
    let date = data.date.to_zoned(data.zone.clone());
    let dates: Result<Vec<String>, TextError> = langs
        .iter()
        .map(|&lang| {
            let month = text(lang, &format!("month-{}", date.month()), &[])?;
            let (day, year) = (date.day().to_string(), date.year().to_string());
            text(
                lang,
                "date-long",
                &[("day", &day), ("month", &month), ("year", &year)],
            )
        })
        .collect();
    Ok(json!({
        "langs": codes,
        "number": drawable(&data.number),
        "number_label": words("letter-number", &[])?,
        "date": dates?,
        "organisation": each(&data.organisation),
        "organisation_details": each(&data.organisation_details),
        "addressee": each(&data.addressee),
        "title": words(&format!("notice-title-{}", data.kind.key()), &[])?,
        "opening": words(&format!("notice-opening-{}", data.kind.key()), &[])?,
        "rows": rows,
        "ack_url": data.ack_url,
        "ack_ask": words("ack-ask", &[])?,
        "ack_starts": words("ack-starts", &[])?,
        "signer": drawable(&data.signer),
        "signer_position": each(&data.signer_position),
        "contact": drawable(&data.contact),
        "page": words("letter-page", &[("page", "\u{1}"), ("pages", "\u{2}")])?,
        "clause": drawable(&data.clause),
    }))
}

fn is_empty(text: &Text3) -> bool {
    text.kk.is_empty() && text.ru.is_empty() && text.en.is_empty()
}

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;
