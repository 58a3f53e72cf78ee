//! Texts with `{placeholders}`.

use super::Pack;
use crate::error::{PackError, Source};
use crate::text::Lang;
use std::collections::BTreeMap;
use std::ops::Range;

/// A filled template: the first line is the subject, the rest is the body.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rendered {
    /// Subject line.
    pub subject: String,
    /// Text, paragraphs divided by empty lines.
    pub body: String,
}

/// Why a template could not be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The pack has no such document.
    #[error("the pack has no template `{0}`")]
    Unknown(String),
    /// A placeholder has no value.
    #[error("the template `{template}` needs a value for `{placeholder}`")]
    Missing {
        /// Which template.
        template: String,
        /// Which placeholder.
        placeholder: String,
    },
}

/// Placeholders of a text with their positions, braces included.
fn placeholders(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|i| at + i) {
        let Some(close) = text[open..].find('}').map(|i| open + i) else {
            break;
        };
        found.push((open..close + 1, &text[open + 1..close]));
        at = close + 1;
    }
    found
}

fn path(document: &str, lang: Lang) -> String {
    format!("templates/{document}.{}.txt", lang.code())
}

impl Pack {
    /// Names of the documents that the pack has templates for.
    pub fn documents(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .templates
            .keys()
            .filter_map(|p| p.strip_prefix("templates/")?.strip_suffix(".en.txt"))
            .collect();
        names.dedup();
        names
    }

    /// The text of a document's template as the pack has it.
    pub fn template(&self, document: &str, lang: Lang) -> Option<&str> {
        self.templates
            .get(&path(document, lang))
            .map(String::as_str)
    }

    /// The placeholders that a document uses.
    pub fn placeholders_of(&self, document: &str, lang: Lang) -> Vec<String> {
        let text = self.templates.get(&path(document, lang));
        let mut names: Vec<String> = text
            .map(|t| {
                placeholders(t)
                    .into_iter()
                    .map(|(_, n)| n.to_owned())
                    .collect()
            })
            .unwrap_or_default();
        names.sort();
        names.dedup();
        names
    }

    /// Fills a document's template.
    pub fn render(
        &self,
        document: &str,
        lang: Lang,
        values: &BTreeMap<String, String>,
    ) -> Result<Rendered, RenderError> {
        let template = path(document, lang);
        let text = self
            .templates
            .get(&template)
            .ok_or_else(|| RenderError::Unknown(template.clone()))?;
        let mut out = String::with_capacity(text.len() * 2);
        let mut done = 0;
        for (range, name) in placeholders(text) {
            let value = values.get(name).ok_or_else(|| RenderError::Missing {
                template: template.clone(),
                placeholder: name.to_owned(),
            })?;
            out.push_str(&text[done..range.start]);
            out.push_str(value);
            done = range.end;
        }
        out.push_str(&text[done..]);
        // The subject is the template's first line even when a value brought line feeds.
        let first_line = text.split('\n').next().unwrap_or_default();
        let mut subject = first_line.to_owned();
        for (_, name) in placeholders(first_line).into_iter().rev() {
            if let Some(value) = values.get(name) {
                let flat = value.split_whitespace().collect::<Vec<_>>().join(" ");
                subject = subject.replace(&format!("{{{name}}}"), &flat);
            }
        }
        let body_at = text.find('\n').map_or(text.len(), |i| i + 1);
        let filled_head = out.len() - filled_length(&text[body_at..], values);
        Ok(Rendered {
            subject,
            body: out[filled_head..].trim().to_owned(),
        })
    }

    pub(super) fn check_templates(&self) -> Result<(), PackError> {
        for (file, text) in &self.templates {
            let source = Source::one(file, text);
            for (range, name) in placeholders(text) {
                if !self.placeholders.iter().any(|p| p == name) {
                    return Err(source.error(
                        Some(range),
                        format!("unknown placeholder `{{{name}}}`"),
                        "use one that pack.toml lists under `placeholders`",
                    ));
                }
            }
            let language = file.strip_suffix(".txt").and_then(|f| f.rsplit_once('.'));
            let known = language.is_some_and(|(_, l)| Lang::ALL.iter().any(|k| k.code() == l));
            if !known {
                return Err(source.error(
                    None,
                    "the file name does not end in a language",
                    "name it <document>.kk.txt, .ru.txt or .en.txt",
                ));
            }
        }
        Ok(())
    }
}

fn filled_length(text: &str, values: &BTreeMap<String, String>) -> usize {
    let mut length = text.len();
    for (range, name) in placeholders(text) {
        length = length - range.len() + values.get(name).map_or(0, String::len);
    }
    length
}
