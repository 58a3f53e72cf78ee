//! A letter from a template: the notice to an addressee, the data list of an incident, the answer.
//!
//! A template is the text that a pack or the organisation wrote: a subject line, then paragraphs
//! divided by empty lines, with `{placeholders}`. Its form follows from its lines:
//!
//! * `Label: {placeholder}` is a row of the form's table;
//! * a line that only repeats what a letterhead or a signature holds (addressee, number, date,
//!   signer) is left out, the letterhead has it;
//! * everything else is prose.
//!
//! So a line added to a template extends the form, and no code knows the fields of an act.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use saqshy_law::{Lang, Text3};

use crate::document::{Block, Document, Field, Form, Signature, is_empty};
use crate::texts::{TextError, in_all};

/// Everything that a letter says. Values are taken as text, whatever they contain.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Outgoing number, such as `INC-2026-0001/1`.
    pub number: String,
    pub date: Timestamp,
    /// Zone in which every time is written.
    pub zone: TimeZone,
    pub organisation: Text3,
    /// Address, telephone and the like of the organisation; may be empty.
    pub organisation_details: Text3,
    pub addressee: Text3,
    /// The template in three languages.
    pub template: Text3,
    /// Placeholder → value. What is missing or empty is written as not established.
    pub values: BTreeMap<String, Text3>,
    /// What the author adds; may be empty.
    pub added: String,
    /// Edition of the act and the like, label and value, below the form.
    pub notes: Vec<Field>,
    /// Signed link for the confirmation of receipt.
    pub ack_url: Option<String>,
    pub signer: Signature,
    /// Whom to ask: name, telephone, address.
    pub contact: String,
}

/// The template of a notice that no act asks for: to the management, the owner of the object, a
/// responsible person (PS-045).
pub fn information_template() -> Text3 {
    Text3::new(
        include_str!("../templates/information.kk.txt"),
        include_str!("../templates/information.ru.txt"),
        include_str!("../templates/information.en.txt"),
    )
}

/// Why a template makes no letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// The rows of the form differ, so the languages cannot stand side by side.
    #[error(
        "the template has the rows {kk:?} in Kazakh and {other:?} in `{language}`; \
         give every language the same rows in the same order"
    )]
    Rows {
        kk: Vec<String>,
        other: Vec<String>,
        language: &'static str,
    },
    /// A placeholder that the pack does not list.
    #[error("line {line} in `{language}`: unknown placeholder `{{{name}}}`; known are {known}")]
    Unknown {
        line: usize,
        language: &'static str,
        name: String,
        known: String,
    },
    /// A brace without its partner.
    #[error("line {line} in `{language}`: a brace without its partner")]
    Brace { line: usize, language: &'static str },
    /// Nothing to say.
    #[error("the template has no subject line in `{0}`")]
    Empty(&'static str),
    #[error(transparent)]
    Text(#[from] TextError),
}

/// Placeholders whose line the letterhead or the signature replaces.
const LETTERHEAD: &[&str] = &[
    "addressee.name",
    "notice.number",
    "notice.date",
    "organisation.name",
    "signer.name",
    "signer.position",
];

/// A part of a template's body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Row of the form: label and placeholder.
    Row(String, String),
    /// A paragraph with its placeholders.
    Prose(String),
}

/// Checks a template that somebody wrote: its placeholders are known, its languages have the same
/// rows.
pub fn check_template(template: &Text3, known: &[String]) -> Result<(), LetterError> {
    for lang in Lang::ALL {
        let language = lang.code();
        let text = template.get(lang);
        if subject_line(text).is_empty() {
            return Err(LetterError::Empty(language));
        }
        for (line, words) in (1..).zip(text.lines()) {
            let mut rest = words;
            while let Some(at) = rest.find(['{', '}']) {
                let name = rest[at..]
                    .strip_prefix('{')
                    .and_then(|rest| rest.split_once('}'))
                    .filter(|(name, _)| !name.contains('{'));
                let Some((name, after)) = name else {
                    return Err(LetterError::Brace { line, language });
                };
                if !known.iter().any(|one| one == name) {
                    return Err(LetterError::Unknown {
                        line,
                        language,
                        name: name.to_owned(),
                        known: known.join(", "),
                    });
                }
                rest = after;
            }
        }
    }
    same_rows(&Lang::ALL.map(|lang| parts(template.get(lang))))
}

/// The subject of a letter in every language.
pub fn subject(letter: &Letter) -> Result<Text3, TextError> {
    let absent = in_all("value-absent", &[])?;
    Ok(letter.template.map(|lang, text| {
        let line = fill(subject_line(text), lang, &letter.values, &absent);
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }))
}

/// The letter as a document.
pub fn letter_document(letter: &Letter) -> Result<Document, LetterError> {
    let absent = in_all("value-absent", &[])?;
    let parts = Lang::ALL.map(|lang| parts(letter.template.get(lang)));
    same_rows(&parts)?;
    let mut blocks = Vec::new();
    let mut runs = parts.map(|list| Run::of(&list));
    let count = runs[0].len();
    for i in 0..count {
        let prose = runs
            .each_mut()
            .map(|list| std::mem::take(&mut list[i].prose));
        let filled = |lang: Lang| -> Vec<String> {
            let all = prose[lang as usize].iter();
            all.map(|text| fill(text, lang, &letter.values, &absent))
                .collect()
        };
        paragraphs(&mut blocks, Lang::ALL.map(filled));
        let rows = runs.each_ref().map(|list| &list[i].rows);
        let fields: Vec<Field> = (0..rows[0].len())
            .map(|n| {
                let name = &rows[0][n].1;
                let value = letter.values.get(name).filter(|text| !is_blank(text));
                let label = Text3::new(&*rows[0][n].0, &*rows[1][n].0, &*rows[2][n].0);
                Field::new(name, label, value.unwrap_or(&absent).clone(), form_of(name))
            })
            .collect();
        match (blocks.last_mut(), fields.is_empty()) {
            (_, true) => {}
            (Some(Block::Fields { fields: above }), false) => above.extend(fields),
            (_, false) => blocks.push(Block::Fields { fields }),
        }
    }
    let mut notes = Vec::new();
    if !letter.added.trim().is_empty() {
        let (label, value) = (
            in_all("label-added", &[])?,
            Text3::same(letter.added.trim()),
        );
        notes.push(Field::new("notice.text", label, value, Form::Prose));
    }
    notes.extend(letter.notes.iter().filter(|n| !is_empty(&n.value)).cloned());
    if !notes.is_empty() {
        blocks.push(Block::Fields { fields: notes });
    }
    if let Some(url) = &letter.ack_url {
        blocks.push(Block::Link {
            ask: in_all("ack-ask", &[])?,
            url: url.clone(),
            remark: in_all("ack-starts", &[])?,
        });
    }
    Ok(Document {
        number: letter.number.clone(),
        date: letter.date,
        zone: letter.zone.clone(),
        organisation: letter.organisation.clone(),
        organisation_details: letter.organisation_details.clone(),
        addressee: letter.addressee.clone(),
        title: subject(letter)?,
        subtitle: Text3::default(),
        blocks,
        annex: Vec::new(),
        signatures: vec![letter.signer.clone()],
        contact: letter.contact.clone(),
        landscape: false,
    })
}

/// Paragraphs side by side when every language has as many, else each language as one.
fn paragraphs(blocks: &mut Vec<Block>, by_lang: [Vec<String>; 3]) {
    let [kk, ru, en] = by_lang;
    if kk.len() == ru.len() && ru.len() == en.len() {
        for ((kk, ru), en) in kk.into_iter().zip(ru).zip(en) {
            let text = Text3 { kk, ru, en };
            blocks.push(Block::Paragraph { text });
        }
        return;
    }
    let text = Text3::new(kk.join("\n"), ru.join("\n"), en.join("\n"));
    blocks.push(Block::Paragraph { text });
}

/// Prose and the rows that follow it.
#[derive(Default)]
struct Run {
    prose: Vec<String>,
    rows: Vec<(String, String)>,
}

impl Run {
    /// One row ends a run, so the runs of languages with the same rows fit together whatever prose
    /// stands between.
    fn of(parts: &[Part]) -> Vec<Run> {
        let mut runs = vec![Run::default()];
        for part in parts {
            match part {
                Part::Row(label, name) => {
                    let last = runs.len() - 1;
                    runs[last].rows.push((label.clone(), name.clone()));
                    runs.push(Run::default());
                }
                Part::Prose(text) => {
                    let last = runs.len() - 1;
                    runs[last].prose.push(text.clone());
                }
            }
        }
        runs
    }
}

fn same_rows(parts: &[Vec<Part>; 3]) -> Result<(), LetterError> {
    let names = |list: &Vec<Part>| -> Vec<String> {
        let rows = list.iter().filter_map(|part| match part {
            Part::Row(_, name) => Some(name.clone()),
            Part::Prose(_) => None,
        });
        rows.collect()
    };
    let kk = names(&parts[0]);
    for lang in [Lang::Ru, Lang::En] {
        let other = names(&parts[lang as usize]);
        if other != kk {
            let language = lang.code();
            return Err(LetterError::Rows {
                kk,
                other,
                language,
            });
        }
    }
    Ok(())
}

fn subject_line(template: &str) -> &str {
    template.lines().next().unwrap_or_default().trim()
}

fn parts(template: &str) -> Vec<Part> {
    let body = template.split_once('\n').map_or("", |(_, body)| body);
    let body = body.replace("\r\n", "\n");
    let mut parts = Vec::new();
    for paragraph in body.split("\n\n") {
        let mut prose: Vec<&str> = Vec::new();
        let flush = |prose: &mut Vec<&str>, parts: &mut Vec<Part>| {
            if !prose.is_empty() {
                parts.push(Part::Prose(prose.join("\n")));
                prose.clear();
            }
        };
        for line in paragraph.lines().map(str::trim) {
            if line.is_empty() || is_letterhead(line) {
                continue;
            }
            match row(line) {
                Some((label, name)) => {
                    flush(&mut prose, &mut parts);
                    parts.push(Part::Row(label.to_owned(), name.to_owned()));
                }
                None => prose.push(line),
            }
        }
        flush(&mut prose, &mut parts);
    }
    parts
}

/// `Label: {placeholder}`.
fn row(line: &str) -> Option<(&str, &str)> {
    let (label, rest) = line.split_once(": {")?;
    let name = rest.strip_suffix('}')?;
    let plain = |text: &str| !text.contains(['{', '}']);
    (plain(label) && plain(name) && !label.trim().is_empty()).then_some((label.trim(), name))
}

/// Nothing but values of the letterhead, and signs between them.
fn is_letterhead(line: &str) -> bool {
    let (mut rest, mut found) = (line, false);
    let mut signs = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return false;
        };
        if !LETTERHEAD.contains(&name) {
            return false;
        }
        found = true;
        signs.push_str(before);
        rest = after;
    }
    signs.push_str(rest);
    let number = signs
        .replace("No.", "")
        .replace("Исх.", "")
        .replace("Шығ.", "");
    found && !number.contains(char::is_alphanumeric)
}

fn fill(text: &str, lang: Lang, values: &BTreeMap<String, Text3>, absent: &Text3) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        let value = values.get(name).filter(|value| !is_blank(value));
        out.push_str(value.unwrap_or(absent).get(lang).trim());
        rest = after;
    }
    out.push_str(rest);
    out
}

fn is_blank(text: &Text3) -> bool {
    text.kk.trim().is_empty() && text.ru.trim().is_empty() && text.en.trim().is_empty()
}

fn form_of(name: &str) -> Form {
    let last = name.rsplit('.').next().unwrap_or(name);
    match last {
        "description"
        | "recommendations"
        | "measures"
        | "corrective_measures"
        | "cause"
        | "consequences"
        | "method"
        | "conclusion"
        | "text" => Form::Prose,
        "source_addresses" | "indicators" | "sha256" => Form::Code,
        _ => Form::Line,
    }
}

#[cfg(test)]
#[path = "letter_tests.rs"]
mod tests;
