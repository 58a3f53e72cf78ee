//! The one shape that every document has before it becomes a file: a letter, a report, the pages of
//! a dossier. PDF, DOCX, XLSX and JSON are four renderings of it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use saqshy_law::{Lang, Text3};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::texts::{TextError, text};

/// A document. Texts are taken as text, whatever they contain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// Outgoing number such as `INC-2026-0001/1`, or the number of a report.
    pub number: String,
    /// Day and moment of the document.
    pub date: Timestamp,
    /// Zone in which every time is written.
    #[serde(serialize_with = "zone_name")]
    pub zone: TimeZone,
    pub organisation: Text3,
    /// Address, telephone and the like of the organisation; may be empty.
    pub organisation_details: Text3,
    /// To whom it goes. Empty for what is no letter.
    pub addressee: Text3,
    pub title: Text3,
    /// A line below the title, such as the period of a report; may be empty.
    pub subtitle: Text3,
    pub blocks: Vec<Block>,
    pub signatures: Vec<Signature>,
    /// Whom to ask: name, telephone, address.
    pub contact: String,
    /// What is attached, after the signatures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annex: Vec<Block>,
    /// The page lies on its side: for wide tables.
    pub landscape: bool,
}

/// One part of a document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    Heading {
        text: Text3,
    },
    Paragraph {
        text: Text3,
    },
    /// Label and value, one row each.
    Fields {
        fields: Vec<Field>,
    },
    Table(Table),
    /// A framed link with a request above it and a remark below.
    Link {
        ask: Text3,
        url: String,
        remark: Text3,
    },
}

/// A row of a form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// What the value is, for programs: `incident.number`.
    pub id: String,
    pub label: Text3,
    pub value: Text3,
    pub form: Form,
}

/// How a value is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A word, a time, a name.
    Line,
    /// Prose.
    Prose,
    /// Addresses, hashes, keys: fixed width, to be copied.
    Code,
}

/// A table with a head that repeats on every page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// What the table is, for programs: `incidents`.
    pub id: String,
    /// May be empty.
    pub title: Text3,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
    /// What stands instead of rows when there are none.
    pub empty: Text3,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    pub title: Text3,
    /// Share of the width, against the other columns.
    pub weight: u8,
}

/// A cell of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Cell {
    pub text: Text3,
    /// The same as a number, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// The cases that the figure was counted from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<Case>,
    /// Page of the console that lists what the figure counts, where these are no cases.
    #[serde(skip)]
    pub page: Option<String>,
}

/// A case behind a figure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Case {
    /// `INC-2026-0001`.
    pub number: String,
    /// Id of the incident.
    pub id: String,
}

/// Who signs, and as what.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Signature {
    pub position: Text3,
    pub name: String,
}

/// Which languages a document is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentLang {
    /// Kazakh and Russian together, as official letters in Kazakhstan are.
    KkRu,
    Kk,
    Ru,
    En,
}

impl DocumentLang {
    /// The languages, the first one leading.
    pub fn langs(self) -> &'static [Lang] {
        match self {
            Self::KkRu => &[Lang::Kk, Lang::Ru],
            Self::Kk => &[Lang::Kk],
            Self::Ru => &[Lang::Ru],
            Self::En => &[Lang::En],
        }
    }

    /// Reads `kk`, `ru`, `en` or `kk-ru`.
    pub fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "kk-ru" => Self::KkRu,
            "kk" => Self::Kk,
            "ru" => Self::Ru,
            "en" => Self::En,
            _ => return None,
        })
    }

    /// What [`DocumentLang::parse`] reads.
    pub fn code(self) -> &'static str {
        match self {
            Self::KkRu => "kk-ru",
            Self::Kk => "kk",
            Self::Ru => "ru",
            Self::En => "en",
        }
    }
}

/// The kind of file that a document becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PDF/A-2u, A4.
    Pdf,
    /// Office Open XML text, ECMA-376.
    Docx,
    /// Office Open XML table, ECMA-376.
    Xlsx,
    /// The document as data, in all three languages.
    Json,
}

impl Format {
    pub const ALL: [Format; 4] = [Format::Pdf, Format::Docx, Format::Xlsx, Format::Json];

    /// The ending of a file name, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
            Self::Json => "json",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Json => "application/json",
        }
    }

    /// The format with this file name ending.
    pub fn parse(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.extension() == extension)
    }
}

/// A finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub format: Format,
    pub bytes: Vec<u8>,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// Why a document was not made. All of these are errors of the program or its templates, none
/// depends on what a user typed.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("could not typeset the document: {0}")]
    Template(String),
    #[error("could not write the document: {0}")]
    Write(String),
    #[error(transparent)]
    Text(#[from] TextError),
}

/// Makes a file of a document. The same document gives the same bytes.
pub fn render(
    document: &Document,
    lang: DocumentLang,
    format: Format,
) -> Result<File, RenderError> {
    let bytes = match format {
        Format::Pdf => crate::pdf::render(document, lang)?,
        Format::Docx => crate::docx::render(document, lang)?,
        Format::Xlsx => crate::xlsx::render(document, lang)?,
        Format::Json => json(document)?,
    };
    let sha256 = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(File {
        format,
        bytes,
        sha256,
    })
}

fn json(document: &Document) -> Result<Vec<u8>, RenderError> {
    let failed = |error: serde_json::Error| RenderError::Write(error.to_string());
    let mut value = serde_json::to_value(document).map_err(failed)?;
    value["format"] = "saqshy-document/1".into();
    serde_json::to_vec_pretty(&value).map_err(failed)
}

fn zone_name<S: serde::Serializer>(zone: &TimeZone, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(zone.iana_name().unwrap_or("UTC"))
}

impl Document {
    /// `at` in the document's zone: `16.03.2026 14:05:12 (UTC+05:00)`.
    pub fn moment(&self, at: Timestamp) -> String {
        moment(&self.zone, at)
    }

    /// The day of the document in words: `16 марта 2026 года`.
    pub(crate) fn date_in_words(&self, lang: Lang) -> Result<String, TextError> {
        let date = self.date.to_zoned(self.zone.clone());
        let month = text(lang, &format!("month-{}", date.month()), &[])?;
        let (day, year) = (date.day().to_string(), date.year().to_string());
        let args = [
            ("day", day.as_str()),
            ("month", month.as_str()),
            ("year", year.as_str()),
        ];
        text(lang, "date-long", &args)
    }

    /// What stands before the number.
    pub(crate) fn number_label(&self, lang: Lang) -> Result<String, TextError> {
        let key = match is_empty(&self.addressee) {
            true => "document-number",
            false => "letter-number",
        };
        text(lang, key, &[])
    }
}

/// `at` in `zone`: `16.03.2026 14:05:12 (UTC+05:00)`.
pub fn moment(zone: &TimeZone, at: Timestamp) -> String {
    let zoned = at.to_zoned(zone.clone());
    zoned.strftime("%d.%m.%Y %H:%M:%S (UTC%:z)").to_string()
}

/// `at` in `zone` to the minute, where the offset is said elsewhere: `16.03.2026 14:05`.
pub fn minute(zone: &TimeZone, at: Timestamp) -> String {
    let zoned = at.to_zoned(zone.clone());
    zoned.strftime("%d.%m.%Y %H:%M").to_string()
}

impl Field {
    pub fn new(id: &str, label: Text3, value: Text3, form: Form) -> Self {
        Self {
            id: id.to_owned(),
            label,
            value,
            form,
        }
    }
}

impl Column {
    pub fn new(title: Text3, weight: u8) -> Self {
        Self { title, weight }
    }
}

impl Cell {
    /// Words that are the same in every language.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::words(Text3::same(text))
    }

    pub fn words(text: Text3) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }

    /// A figure with the cases that it was counted from.
    pub fn figure(number: f64, cases: Vec<Case>) -> Self {
        Self {
            text: Text3::same(shown(number)),
            number: Some(number),
            cases,
            page: None,
        }
    }

    /// A figure that was counted from something else than cases, listed on a page of the console.
    pub fn figure_of(number: f64, page: impl Into<String>) -> Self {
        Self {
            page: (number > 0.0).then(|| page.into()),
            ..Self::figure(number, Vec::new())
        }
    }
}

/// A number as people in Kazakhstan write it: `1 234,5`.
pub fn shown(number: f64) -> String {
    let cents = (number.abs() * 100.0).round();
    let (whole, rest) = ((cents / 100.0).trunc(), (cents % 100.0) as u64);
    let digits = format!("{whole:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    if rest > 0 {
        out.push_str(format!(",{rest:02}").trim_end_matches('0'));
    }
    match number < 0.0 && cents > 0.0 {
        true => format!("−{out}"),
        false => out,
    }
}

pub(crate) fn is_empty(text: &Text3) -> bool {
    text.kk.is_empty() && text.ru.is_empty() && text.en.is_empty()
}

/// The text once per language, or once when all the languages say the same.
pub(crate) fn spellings(text: &Text3, langs: &[Lang]) -> Vec<String> {
    let mut all: Vec<String> = langs.iter().map(|&l| text.get(l).to_owned()).collect();
    if all.iter().all(|one| *one == all[0]) {
        all.truncate(1);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_cut_to_two_places() {
        let cases = [
            (0.0, "0"),
            (7.0, "7"),
            (1234.0, "1\u{a0}234"),
            (1_234_567.5, "1\u{a0}234\u{a0}567,5"),
            (0.05, "0,05"),
            (-12_000.0, "−12\u{a0}000"),
        ];
        for (number, text) in cases {
            assert_eq!(shown(number), text);
        }
    }

    #[test]
    fn codes_read_back() {
        for lang in ["kk-ru", "kk", "ru", "en"] {
            assert_eq!(DocumentLang::parse(lang).unwrap().code(), lang);
        }
        assert_eq!(DocumentLang::parse("fr"), None);
        for format in Format::ALL {
            assert_eq!(Format::parse(format.extension()), Some(format));
        }
    }
}
