//! What is wrong with a pack or a calendar, and what to do about it.

use std::ops::Range;

/// A fault in a pack, with the place and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{file}:{line}: {what}; {fix}")]
pub struct PackError {
    /// File inside the pack.
    pub file: String,
    /// Line, counted from 1; 0 when the whole file is meant.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// One file of a pack, to turn byte positions into lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Source<'_> {
    pub(crate) fn error(
        &self,
        span: Option<Range<usize>>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> PackError {
        let line = span.map_or(0, |s| {
            let before = self.text.as_bytes().iter().take(s.start);
            1 + before.filter(|b| **b == b'\n').count()
        });
        PackError {
            file: self.file.to_owned(),
            line,
            what: what.into(),
            fix: fix.into(),
        }
    }

    /// Reads TOML into a raw structure.
    pub(crate) fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, PackError> {
        toml::from_str(self.text).map_err(|e| {
            let message = e.message().trim().to_owned();
            let language = ["kk", "ru", "en"]
                .into_iter()
                .find(|l| message.contains(&format!("missing field `{l}`")));
            let fix = match language {
                Some(lang) => format!("write the text in `{lang}`: every text is in kk, ru and en"),
                None if message.contains("unknown field") => {
                    "remove the key or correct its spelling".to_owned()
                }
                None if message.contains("unknown variant") => {
                    "use one of the listed words".to_owned()
                }
                None if message.contains("missing field") => "add the missing key".to_owned(),
                None => "correct the TOML".to_owned(),
            };
            self.error(e.span(), message, fix)
        })
    }
}
