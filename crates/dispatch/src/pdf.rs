//! A document as PDF: laid out by Typst from one template.

use saqshy_law::{Lang, Text3};
use serde_json::{Value, json};

use crate::document::{Block, Document, DocumentLang, Form, RenderError, Table, spellings};
use crate::fonts::drawable;
use crate::texts::text;
use crate::typeset::{Typeset, to_pdf, typeset};

/// A4, PDF/A-2u, fonts embedded.
pub(crate) fn render(document: &Document, lang: DocumentLang) -> Result<Vec<u8>, RenderError> {
    let typeset = layout(document, lang)?;
    for warning in &typeset.warnings {
        tracing::warn!(document = %document.number, "typesetting: {warning}");
    }
    let ident = format!("{}\n{:?}\n{}", document.number, lang, document.date);
    let date = document.date.to_zoned(document.zone.clone());
    to_pdf(&typeset.document, &ident, &date)
}

pub(crate) fn layout(document: &Document, lang: DocumentLang) -> Result<Typeset, RenderError> {
    let data = view(document, lang.langs())?;
    typeset(include_str!("../templates/document.typ"), &data)
}

/// The document as the template sees it: every text a list, with one entry per language or with one
/// for all of them.
fn view(document: &Document, langs: &[Lang]) -> Result<Value, RenderError> {
    let each = |value: &Text3| -> Value {
        let drawn = langs.iter().map(|&lang| drawable(value.get(lang)));
        drawn.collect::<Vec<_>>().into()
    };
    let few = |value: &Text3| -> Value {
        let spelt = spellings(value, langs);
        spelt.iter().map(|s| drawable(s)).collect::<Vec<_>>().into()
    };
    let words = |make: &dyn Fn(Lang) -> Result<String, crate::TextError>| {
        let all: Result<Vec<String>, _> = langs.iter().map(|&lang| make(lang)).collect();
        all.map(Value::from)
    };
    let part = |block: &Block| -> Value {
        match block {
            Block::Heading { text } => json!({"kind": "heading", "text": few(text)}),
            Block::Paragraph { text } => json!({"kind": "paragraph", "text": few(text)}),
            Block::Fields { fields } => {
                let rows: Vec<Value> = fields
                    .iter()
                    .map(|field| {
                        let form = match field.form {
                            Form::Line => "line",
                            Form::Prose => "prose",
                            Form::Code => "code",
                        };
                        let value = match field.form {
                            Form::Code => few(&field.value.map(|_, text| folded(text))),
                            Form::Line | Form::Prose => few(&field.value),
                        };
                        json!({"label": few(&field.label), "value": value, "form": form})
                    })
                    .collect();
                json!({"kind": "fields", "rows": rows})
            }
            Block::Table(table) => table_view(table, &few),
            Block::Link { ask, url, remark } => {
                json!({"kind": "link", "ask": few(ask), "url": url, "remark": few(remark)})
            }
        }
    };
    let parts = |blocks: &[Block]| -> Vec<Value> { blocks.iter().map(part).collect() };
    let signatures: Vec<Value> = document
        .signatures
        .iter()
        .filter(|one| !one.name.is_empty())
        .map(|one| json!({"position": few(&one.position), "name": drawable(&one.name)}))
        .collect();
    let codes: Vec<&str> = langs.iter().map(|lang| lang.code()).collect();
    let page = [("page", "\u{1}"), ("pages", "\u{2}")];
    Ok(json!({
        "langs": codes,
        "landscape": document.landscape,
        "number": drawable(&document.number),
        "number_label": words(&|lang| document.number_label(lang))?,
        "date": words(&|lang| document.date_in_words(lang))?,
        "organisation": each(&document.organisation),
        "organisation_details": each(&document.organisation_details),
        "addressee": few(&document.addressee),
        "title": few(&document.title),
        "subtitle": few(&document.subtitle),
        "blocks": parts(&document.blocks),
        "annex": parts(&document.annex),
        "signatures": signatures,
        "contact": drawable(&document.contact),
        "page": words(&|lang| text(lang, "letter-page", &page))?,
    }))
}

/// Characters of a code without a space that fit a line of a form.
const CODE_CHARS_MAX: usize = 54;

/// Codes have no place to break: a long one gets line feeds.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut run = 0;
    for c in text.chars() {
        run = if c.is_whitespace() { 0 } else { run + 1 };
        if run > CODE_CHARS_MAX {
            out.push('\n');
            run = 1;
        }
        out.push(c);
    }
    out
}

fn table_view(table: &Table, few: &dyn Fn(&Text3) -> Value) -> Value {
    let columns: Vec<Value> = table
        .columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let numbers = table.rows.iter().filter_map(|row| row.get(i));
            let mut numbers = numbers.map(|cell| cell.number.is_some()).peekable();
            let right = numbers.peek().is_some() && numbers.all(|is| is);
            json!({"title": few(&column.title), "weight": column.weight.max(1), "right": right})
        })
        .collect();
    let rows: Vec<Vec<Value>> = table
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| few(&cell.text)).collect())
        .collect();
    json!({
        "kind": "table", "title": few(&table.title), "columns": columns, "rows": rows,
        "empty": few(&table.empty),
    })
}
