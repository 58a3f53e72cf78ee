//! Typst as a function from (template, data) to PDF bytes.
//!
//! Data reaches the template as JSON in `sys.inputs`, never as markup: whatever a user typed is
//! text. The world has one file, our fonts and no clock, so the same input gives the same bytes.

use std::sync::LazyLock;

use jiff::Zoned;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Dict, Duration, IntoValue, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::document::RenderError;
use crate::fonts::FONTS;

/// A document laid out, before it becomes a file.
pub(crate) struct Typeset {
    pub document: PagedDocument,
    pub warnings: Vec<String>,
}

struct Desk {
    library: LazyHash<Library>,
    main: Source,
}

static MAIN: LazyLock<Option<FileId>> = LazyLock::new(|| {
    let path = VirtualPath::new("main.typ").ok()?;
    Some(FileId::new(RootedPath::new(VirtualRoot::Project, path)))
});

/// Lays out `template` with `data`, which it finds as `json(bytes(sys.inputs.data))`.
pub(crate) fn typeset(template: &str, data: &serde_json::Value) -> Result<Typeset, RenderError> {
    let main = MAIN.ok_or_else(|| RenderError::Template("the template has no path".into()))?;
    let mut inputs = Dict::new();
    inputs.insert("data".into(), data.to_string().into_value());
    let desk = Desk {
        library: LazyHash::new(Library::builder().with_inputs(inputs).build()),
        main: Source::new(main, template.to_owned()),
    };
    let result = typst::compile::<PagedDocument>(&desk);
    // Layout results of documents from long ago are of no further use.
    typst::comemo::evict(8);
    Ok(Typeset {
        document: result
            .output
            .map_err(|errors| RenderError::Template(messages(&errors)))?,
        warnings: result
            .warnings
            .iter()
            .map(|warning| warning.message.to_string())
            .collect(),
    })
}

/// Writes a PDF/A-2u file: self-contained, every character extractable, fit for an archive.
/// `ident` and `date` are what the file says about itself.
pub(crate) fn to_pdf(
    document: &PagedDocument,
    ident: &str,
    date: &Zoned,
) -> Result<Vec<u8>, RenderError> {
    let datetime = Datetime::from_ymd_hms(
        i32::from(date.year()),
        date.month() as u8,
        date.day() as u8,
        date.hour() as u8,
        date.minute() as u8,
        date.second() as u8,
    );
    let timestamp = datetime.and_then(|datetime| {
        typst_pdf::Timestamp::new_local(datetime, date.offset().seconds() / 60)
    });
    let standards = PdfStandards::new(&[PdfStandard::A_2u])
        .map_err(|error| RenderError::Template(format!("{error:?}")))?;
    let options = PdfOptions {
        ident: Smart::Custom(ident.to_owned()),
        creator: Smart::Custom(Some("Saqshy".to_owned())),
        timestamp,
        standards,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(document, &options).map_err(|errors| RenderError::Template(messages(&errors)))
}

fn messages(errors: &[SourceDiagnostic]) -> String {
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    messages.join("; ")
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &FONTS.book
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() {
            return Ok(self.main.clone());
        }
        Err(FileError::AccessDenied)
    }

    fn file(&self, _: FileId) -> FileResult<Bytes> {
        Err(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
