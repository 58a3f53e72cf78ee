//! What is wrong with a pack or a calendar, and what to do about it.

use std::ops::Range;

/// A fault in a pack, with the place and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{file}:{line}: {}{what}; {fix}", self.at_key())]
pub struct PackError {
    /// File inside the pack.
    pub file: String,
    /// Line, counted from 1; 0 when the whole file is meant.
    pub line: usize,
    /// Table and key, such as `duty.unit`; empty when the whole file is meant.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl PackError {
    /// A fault of a whole file.
    pub(crate) fn file(file: &str, what: impl Into<String>, fix: impl Into<String>) -> PackError {
        PackError {
            file: file.to_owned(),
            line: 0,
            key: String::new(),
            what: what.into(),
            fix: fix.into(),
        }
    }

    fn at_key(&self) -> String {
        match self.key.as_str() {
            "" => String::new(),
            key => format!("{key}: "),
        }
    }
}

/// The text of one file, or of several that are read as one, to turn byte positions into lines.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    text: String,
    /// Name of each file and the position where it begins, in order.
    files: Vec<(String, usize)>,
}

impl Source {
    pub(crate) fn one(file: &str, text: &str) -> Source {
        Source {
            text: text.to_owned(),
            files: vec![(file.to_owned(), 0)],
        }
    }

    /// Adds a file behind the others. It continues the tables, so it has to begin with one.
    pub(crate) fn add(&mut self, file: &str, text: &str) -> Result<(), PackError> {
        let start = text.lines().zip(1..).find(|(line, _)| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
        if let Some((_, number)) = start.filter(|(line, _)| !line.trim().starts_with('[')) {
            return Err(PackError {
                line: number,
                ..PackError::file(
                    file,
                    "the file does not begin with a table",
                    "keys of the act itself belong in pack.toml; begin with [[duty]], [[clause]], …",
                )
            });
        }
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.files.push((file.to_owned(), self.text.len()));
        self.text.push_str(text);
        Ok(())
    }

    /// The file in which a position lies, and where that file begins.
    pub(crate) fn file_at(&self, position: usize) -> (&str, usize) {
        let found = self.files.iter().rev().find(|(_, from)| *from <= position);
        found.map_or(("", 0), |(name, from)| (name.as_str(), *from))
    }

    pub(crate) fn error(
        &self,
        span: Option<Range<usize>>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> PackError {
        let Some(span) = span else {
            let file = self.files.first().map_or("", |(name, _)| name.as_str());
            return PackError::file(file, what, fix);
        };
        let (file, from) = self.file_at(span.start);
        let upto = self.text.as_bytes().get(from..span.start);
        let newlines = upto.unwrap_or_default().iter().filter(|b| **b == b'\n');
        PackError {
            file: file.to_owned(),
            line: 1 + newlines.count(),
            key: self.key_at(span.start),
            what: what.into(),
            fix: fix.into(),
        }
    }

    /// The table and the key that are written at a position.
    fn key_at(&self, position: usize) -> String {
        let position = position.min(self.text.len());
        let (before, after) = match (self.text.get(..position), self.text.get(position..)) {
            (Some(before), Some(after)) => (before, after),
            _ => return String::new(),
        };
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line_end = position + after.find('\n').unwrap_or(after.len());
        let line = self.text.get(line_start..line_end).unwrap_or_default();
        let key = line.split_once('=').map_or("", |(key, _)| key.trim());
        let table = self.text.get(..line_end).unwrap_or_default().lines().rev();
        let table = table
            .map(str::trim)
            .find(|line| line.starts_with('['))
            .map_or("", |line| line.trim_matches(['[', ']']));
        match (table, key) {
            (table, "") => table.to_owned(),
            ("", key) => key.to_owned(),
            (table, key) => format!("{table}.{key}"),
        }
    }

    /// Reads TOML into a raw structure.
    pub(crate) fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, PackError> {
        toml::from_str(&self.text).map_err(|e| {
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
