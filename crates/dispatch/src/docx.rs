//! A document as DOCX (ECMA-376), for those who must edit it or file it in an office system.

use std::io::Cursor;

use docx_rs::{
    AlignmentType, BreakType, Docx, FieldCharType, Footer, InstrNUMPAGES, InstrPAGE, InstrText,
    LineSpacing, PageMargin, PageOrientationType, Paragraph, Run, RunFonts, Shading,
    Table as DocxTable, TableCell, TableLayoutType, TableRow, WidthType,
};
use saqshy_law::{Lang, Text3};

use crate::document::{
    Block, Document, DocumentLang, Field, Form, RenderError, Table, is_empty, spellings,
};
use crate::fonts::printable;
use crate::texts::text;

/// Twentieths of a point.
const A4: (u32, u32) = (11_906, 16_838);
/// Left and right margin together: 25 and 15 mm.
const MARGINS: u32 = 1_417 + 850;
const FACE: &str = "Times New Roman";
const GREY: &str = "4D4D4D";
const HEAD: &str = "EEF5F6";

pub(crate) fn render(document: &Document, lang: DocumentLang) -> Result<Vec<u8>, RenderError> {
    let langs = lang.langs();
    let (width, height) = match document.landscape {
        true => (A4.1, A4.0),
        false => A4,
    };
    let orientation = match document.landscape {
        true => PageOrientationType::Landscape,
        false => PageOrientationType::Portrait,
    };
    let space = (width - MARGINS) as usize;
    let fonts = RunFonts::new().ascii(FACE).hi_ansi(FACE).cs(FACE);
    let written = document.date.to_string();
    let mut docx = Docx::new()
        .page_size(width, height)
        .page_orient(orientation)
        .page_margin(
            PageMargin::new()
                .left(1_417)
                .right(850)
                .top(1_000)
                .bottom(1_000),
        )
        .default_fonts(fonts)
        .default_size(22)
        .created_at(&written)
        .updated_at(&written)
        .footer(footer(document, langs)?);

    for spelling in spellings(&document.organisation, langs) {
        docx = docx.add_paragraph(centred(Run::new().bold().size(23), &spelling));
    }
    for spelling in spellings(&document.organisation_details, langs) {
        docx = docx.add_paragraph(centred(Run::new().size(17), &spelling));
    }
    for &lang in langs {
        let number = format!("{} {}", document.number_label(lang)?, document.number);
        let line = format!("{number}, {}", document.date_in_words(lang)?);
        docx = docx.add_paragraph(paragraph(Run::new().size(20), &line));
    }
    if !is_empty(&document.addressee) {
        for spelling in spellings(&document.addressee, langs) {
            let to = paragraph(Run::new().bold(), &spelling).align(AlignmentType::Right);
            docx = docx.add_paragraph(to);
        }
    }
    for (i, spelling) in spellings(&document.title, langs).iter().enumerate() {
        let size = if i == 0 { 26 } else { 24 };
        docx = docx.add_paragraph(centred(Run::new().bold().size(size), spelling));
    }
    for spelling in spellings(&document.subtitle, langs) {
        docx = docx.add_paragraph(centred(Run::new(), &spelling));
    }
    for block in &document.blocks {
        docx = add(docx, block, langs, space);
    }
    for signature in &document.signatures {
        if signature.name.is_empty() {
            continue;
        }
        let position = spellings(&signature.position, langs).join(" / ");
        let line = format!("{position}  ____________________  {}", signature.name);
        docx = docx.add_paragraph(
            paragraph(Run::new(), &line).line_spacing(LineSpacing::new().before(360)),
        );
    }
    if !document.contact.is_empty() {
        docx = docx.add_paragraph(paragraph(
            Run::new().size(18).color(GREY),
            &document.contact,
        ));
    }
    for (i, block) in document.annex.iter().enumerate() {
        if i == 0 {
            let apart = Run::new().add_break(BreakType::Page);
            docx = docx.add_paragraph(Paragraph::new().add_run(apart));
        }
        docx = add(docx, block, langs, space);
    }
    let mut out = Cursor::new(Vec::new());
    docx.pack(&mut out)
        .map_err(|error| RenderError::Write(error.to_string()))?;
    Ok(out.into_inner())
}

fn add(docx: Docx, block: &Block, langs: &[Lang], space: usize) -> Docx {
    match block {
        Block::Heading { text } => {
            let mut docx = docx;
            for spelling in spellings(text, langs) {
                let heading = paragraph(Run::new().bold().size(24), &spelling);
                let heading = heading.line_spacing(LineSpacing::new().before(240).after(80));
                docx = docx.add_paragraph(heading.keep_next(true));
            }
            docx
        }
        Block::Paragraph { text } => {
            let mut docx = docx;
            for spelling in spellings(text, langs) {
                let prose = paragraph(Run::new(), &spelling).align(AlignmentType::Both);
                docx = docx.add_paragraph(prose.line_spacing(LineSpacing::new().after(120)));
            }
            docx
        }
        Block::Fields { fields } => docx
            .add_table(form(fields, langs, space))
            .add_paragraph(Paragraph::new()),
        Block::Table(table) => grid(docx, table, langs, space),
        Block::Link { ask, url, remark } => {
            let mut docx = docx;
            for spelling in spellings(ask, langs) {
                docx = docx.add_paragraph(paragraph(Run::new().size(19), &spelling));
            }
            docx = docx.add_paragraph(paragraph(code().color("004B8D"), url));
            for spelling in spellings(remark, langs) {
                docx = docx.add_paragraph(paragraph(Run::new().size(17).color(GREY), &spelling));
            }
            docx
        }
    }
}

fn form(fields: &[Field], langs: &[Lang], space: usize) -> DocxTable {
    let (left, right) = (space / 3, space - space / 3);
    let rows = fields.iter().map(|field| {
        let label = stacked(&field.label, langs, || Run::new().size(19));
        let value = match field.form {
            Form::Line | Form::Prose => stacked(&field.value, langs, || Run::new().size(20)),
            Form::Code => stacked(&field.value, langs, code),
        };
        TableRow::new(vec![
            cell(label, left).shading(Shading::new().fill(HEAD)),
            cell(value, right),
        ])
        .cant_split()
    });
    DocxTable::new(rows.collect())
        .set_grid(vec![left, right])
        .layout(TableLayoutType::Fixed)
        .width(space, WidthType::Dxa)
}

fn grid(docx: Docx, table: &Table, langs: &[Lang], space: usize) -> Docx {
    let mut docx = docx;
    if !is_empty(&table.title) {
        for spelling in spellings(&table.title, langs) {
            let title = paragraph(Run::new().bold(), &spelling).keep_next(true);
            docx = docx.add_paragraph(title.line_spacing(LineSpacing::new().before(200)));
        }
    }
    if table.rows.is_empty() {
        for spelling in spellings(&table.empty, langs) {
            docx = docx.add_paragraph(paragraph(Run::new().color(GREY), &spelling));
        }
        return docx;
    }
    let weights: usize = table.columns.iter().map(|c| c.weight.max(1) as usize).sum();
    let widths: Vec<usize> = table
        .columns
        .iter()
        .map(|column| space * column.weight.max(1) as usize / weights.max(1))
        .collect();
    let head = table.columns.iter().zip(&widths).map(|(column, &width)| {
        let title = stacked(&column.title, langs, || Run::new().bold().size(17));
        cell(title, width).shading(Shading::new().fill(HEAD))
    });
    let mut rows = vec![TableRow::new(head.collect())];
    for row in &table.rows {
        let cells = row.iter().zip(&widths).map(|(one, &width)| {
            let mut lines = stacked(&one.text, langs, || Run::new().size(18));
            if one.number.is_some() {
                lines = lines
                    .into_iter()
                    .map(|p| p.align(AlignmentType::Right))
                    .collect();
            }
            cell(lines, width)
        });
        rows.push(TableRow::new(cells.collect()).cant_split());
    }
    let made = DocxTable::new(rows)
        .set_grid(widths)
        .layout(TableLayoutType::Fixed)
        .width(space, WidthType::Dxa);
    docx.add_table(made).add_paragraph(Paragraph::new())
}

fn footer(document: &Document, langs: &[Lang]) -> Result<Footer, RenderError> {
    let mut line = Paragraph::new().add_run(small(&format!("{}    ", document.number)));
    for (i, &lang) in langs.iter().enumerate() {
        let page = text(
            lang,
            "letter-page",
            &[("page", "\u{1}"), ("pages", "\u{2}")],
        )?;
        if i > 0 {
            line = line.add_run(small(" / "));
        }
        let mut rest = page.as_str();
        while let Some(at) = rest.find(['\u{1}', '\u{2}']) {
            line = line.add_run(small(&rest[..at]));
            line = match rest[at..].starts_with('\u{1}') {
                true => line.add_run(counted(InstrText::PAGE(InstrPAGE::new()))),
                false => line.add_run(counted(InstrText::NUMPAGES(InstrNUMPAGES::new()))),
            };
            rest = &rest[at + 1..];
        }
        line = line.add_run(small(rest));
    }
    Ok(Footer::new().add_paragraph(line))
}

fn small(words: &str) -> Run {
    Run::new().size(16).color(GREY).add_text(words)
}

/// A number that the office program counts, as small as the words around it.
fn counted(what: InstrText) -> Run {
    let run = small("").add_field_char(FieldCharType::Begin, false);
    let run = run.add_instr_text(what);
    let run = run.add_field_char(FieldCharType::Separate, false);
    let run = run.add_text("1");
    run.add_field_char(FieldCharType::End, false)
}

fn code() -> Run {
    let mono = "Courier New";
    Run::new()
        .size(17)
        .fonts(RunFonts::new().ascii(mono).hi_ansi(mono).cs(mono))
}

/// The same text in each language: the first upright, the others below it.
fn stacked(value: &Text3, langs: &[Lang], run: impl Fn() -> Run) -> Vec<Paragraph> {
    let spelt = spellings(value, langs);
    let lines = spelt.iter().enumerate().map(|(i, spelling)| match i {
        0 => paragraph(run(), spelling),
        _ => paragraph(run().italic().color(GREY), spelling),
    });
    lines.collect()
}

fn cell(lines: Vec<Paragraph>, width: usize) -> TableCell {
    let empty = TableCell::new().width(width, WidthType::Dxa);
    lines.into_iter().fold(empty, TableCell::add_paragraph)
}

fn centred(run: Run, words: &str) -> Paragraph {
    paragraph(run, words).align(AlignmentType::Center)
}

/// One paragraph; line feeds in `words` are line breaks in it.
fn paragraph(run: Run, words: &str) -> Paragraph {
    let words = printable(words);
    let mut run = run;
    for (i, line) in words.split('\n').enumerate() {
        if i > 0 {
            run = run.add_break(BreakType::TextWrapping);
        }
        run = run.add_text(line);
    }
    Paragraph::new().add_run(run)
}
