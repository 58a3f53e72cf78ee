//! A document as XLSX (ECMA-376): one sheet for what it says, and one for each of its tables.

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};
use saqshy_law::{Lang, Text3};

use crate::document::{Block, Document, DocumentLang, RenderError, Table, spellings};
use crate::fonts::printable;
use crate::texts::{TextError, text};

/// Excel takes 32,767 characters in a cell; what is longer is cut and says so. The whole text is in
/// the other formats.
const CELL_CHARS_MAX: usize = 32_000;
/// Widths of the two columns of the first sheet.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 80.0;
/// Excel's highest row holds about so many lines.
const LINES_MAX: usize = 26;
/// Characters across, for all columns of a table together.
const SHEET_WIDTH: f64 = 150.0;

pub(crate) fn render(document: &Document, lang: DocumentLang) -> Result<Vec<u8>, RenderError> {
    write(document, lang.langs()).map_err(|error| match error {
        Fault::Text(error) => error.into(),
        Fault::Xlsx(error) => RenderError::Write(error.to_string()),
    })
}

#[derive(Debug)]
enum Fault {
    Text(TextError),
    Xlsx(XlsxError),
}

impl From<XlsxError> for Fault {
    fn from(error: XlsxError) -> Self {
        Self::Xlsx(error)
    }
}

impl From<TextError> for Fault {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

struct Styles {
    plain: Format,
    title: Format,
    head: Format,
    text: Format,
    number: Format,
}

fn styles() -> Styles {
    let plain = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    let boxed = plain.clone().set_border(FormatBorder::Thin);
    Styles {
        title: plain.clone().set_bold().set_font_size(13),
        head: boxed.clone().set_bold().set_background_color(0xEE_F5F6),
        number: boxed.clone().set_align(FormatAlign::Right),
        text: boxed,
        plain,
    }
}

fn write(document: &Document, langs: &[Lang]) -> Result<Vec<u8>, Fault> {
    let styles = styles();
    let mut book = Workbook::new();
    let made = ExcelDateTime::from_timestamp(document.date.as_second())?;
    let title = spellings(&document.title, langs).join(" / ");
    book.set_properties(
        &DocProperties::new()
            .set_title(printable(&title).chars().take(200).collect::<String>())
            .set_author(printable(document.organisation.get(langs[0])))
            .set_creation_datetime(&made),
    );
    let mut page = Page::new(text(langs[0], "sheet-document", &[])?, document.landscape)?;
    let mut tables = Vec::new();
    cover(&mut page, document, langs, &styles, &mut tables)?;
    book.push_worksheet(page.sheet);
    for (i, table) in tables.into_iter().enumerate() {
        let name = text(langs[0], "sheet-table", &[("n", &(i + 1).to_string())])?;
        let mut page = Page::new(name, document.landscape)?;
        grid(&mut page, table, langs, &styles)?;
        book.push_worksheet(page.sheet);
    }
    Ok(book.save_to_buffer()?)
}

/// A sheet that is filled from top to bottom.
struct Page {
    sheet: Worksheet,
    at: u32,
}

impl Page {
    fn new(name: String, landscape: bool) -> Result<Self, Fault> {
        let mut sheet = Worksheet::new();
        sheet.set_name(name)?;
        sheet.set_paper_size(9).set_print_fit_to_pages(1, 0);
        if landscape {
            sheet.set_landscape();
        }
        Ok(Self { sheet, at: 0 })
    }

    /// A line over `columns` columns.
    fn line(&mut self, words: &str, columns: u16, format: &Format) -> Result<(), Fault> {
        if words.trim().is_empty() {
            return Ok(());
        }
        let words = cut(words);
        match columns {
            0 | 1 => {
                self.sheet
                    .write_string_with_format(self.at, 0, &words, format)?;
            }
            more => {
                self.sheet
                    .merge_range(self.at, 0, self.at, more - 1, &words, format)?;
            }
        }
        self.end(lines_of(&words, 110.0))
    }

    /// Ends a row of so many lines of text. A row does not grow by itself where cells are merged,
    /// nor in every office program.
    fn end(&mut self, lines: usize) -> Result<(), Fault> {
        let lines = lines.clamp(1, LINES_MAX);
        self.sheet.set_row_height(self.at, 15.5 * lines as f64)?;
        self.at += 1;
        Ok(())
    }
}

/// How many lines `words` take in a column of `width` characters. Capitals and bold letters are
/// wider than the digit that a column's width is measured by.
fn lines_of(words: &str, width: f64) -> usize {
    let across = (width * 0.88).max(1.0);
    let lines = words.split('\n');
    let lines = lines.map(|line| (line.chars().count() as f64 / across).ceil().max(1.0) as usize);
    lines.sum()
}

/// Everything but the tables.
fn cover<'a>(
    page: &mut Page,
    document: &'a Document,
    langs: &[Lang],
    styles: &Styles,
    tables: &mut Vec<&'a Table>,
) -> Result<(), Fault> {
    page.sheet.set_column_width(0, LEFT)?;
    page.sheet.set_column_width(1, RIGHT)?;
    page.line(&joined(&document.organisation, langs), 2, &styles.plain)?;
    for &lang in langs {
        let number = format!("{} {}", document.number_label(lang)?, document.number);
        let words = format!("{number}, {}", document.date_in_words(lang)?);
        page.line(&words, 2, &styles.plain)?;
    }
    page.line(&joined(&document.addressee, langs), 2, &styles.plain)?;
    page.line(&joined(&document.title, langs), 2, &styles.title)?;
    page.line(&joined(&document.subtitle, langs), 2, &styles.plain)?;
    written(page, &document.blocks, langs, styles, tables)?;
    for signature in &document.signatures {
        let position = spellings(&signature.position, langs).join(" / ");
        let words = format!("{position} {}", signature.name);
        page.line(words.trim(), 2, &styles.plain)?;
    }
    page.line(&document.contact, 2, &styles.plain)?;
    written(page, &document.annex, langs, styles, tables)
}

/// Parts of a document on the sheet, without their tables, which get sheets of their own.
fn written<'a>(
    page: &mut Page,
    blocks: &'a [Block],
    langs: &[Lang],
    styles: &Styles,
    tables: &mut Vec<&'a Table>,
) -> Result<(), Fault> {
    for block in blocks {
        match block {
            Block::Heading { text } => page.line(&joined(text, langs), 2, &styles.title)?,
            Block::Paragraph { text } => page.line(&joined(text, langs), 2, &styles.plain)?,
            Block::Fields { fields } => {
                for field in fields {
                    let (label, value) = (joined(&field.label, langs), joined(&field.value, langs));
                    page.sheet
                        .write_string_with_format(page.at, 0, cut(&label), &styles.head)?;
                    page.sheet
                        .write_string_with_format(page.at, 1, cut(&value), &styles.text)?;
                    page.end(lines_of(&label, LEFT).max(lines_of(&value, RIGHT)))?;
                }
            }
            Block::Table(table) => tables.push(table),
            Block::Link { ask, url, remark } => {
                page.line(&joined(ask, langs), 2, &styles.plain)?;
                page.line(url, 2, &styles.plain)?;
                page.line(&joined(remark, langs), 2, &styles.plain)?;
            }
        }
    }
    Ok(())
}

fn grid(page: &mut Page, table: &Table, langs: &[Lang], styles: &Styles) -> Result<(), Fault> {
    let weights: f64 = table
        .columns
        .iter()
        .map(|c| f64::from(c.weight.max(1)))
        .sum();
    let across = u16::try_from(table.columns.len()).unwrap_or(u16::MAX);
    let mut widths = Vec::new();
    for (i, column) in (0u16..).zip(&table.columns) {
        let width = SHEET_WIDTH * f64::from(column.weight.max(1)) / weights;
        widths.push(width.max(6.0));
        page.sheet.set_column_width(i, width.max(6.0))?;
    }
    page.line(&joined(&table.title, langs), across, &styles.title)?;
    let mut lines = 1;
    for ((i, column), width) in (0u16..).zip(&table.columns).zip(&widths) {
        let title = cut(&joined(&column.title, langs));
        lines = lines.max(lines_of(&title, *width));
        page.sheet
            .write_string_with_format(page.at, i, title, &styles.head)?;
    }
    page.sheet.set_repeat_rows(page.at, page.at)?;
    page.sheet.set_freeze_panes(page.at + 1, 0)?;
    page.end(lines)?;
    if table.rows.is_empty() {
        page.line(&joined(&table.empty, langs), across, &styles.plain)?;
    }
    for row in &table.rows {
        let mut lines = 1;
        for ((i, cell), width) in (0u16..).zip(row).zip(&widths) {
            match cell.number {
                Some(number) => {
                    page.sheet
                        .write_number_with_format(page.at, i, number, &styles.number)?;
                }
                None => {
                    let words = cut(&joined(&cell.text, langs));
                    lines = lines.max(lines_of(&words, *width));
                    page.sheet
                        .write_string_with_format(page.at, i, words, &styles.text)?;
                }
            }
        }
        page.end(lines)?;
    }
    Ok(())
}

fn joined(text: &Text3, langs: &[Lang]) -> String {
    spellings(text, langs).join("\n")
}

fn cut(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(CELL_CHARS_MAX) {
        None => text,
        Some((at, _)) => format!("{} […]", &text[..at]),
    }
}
