use std::collections::BTreeMap;
use std::path::Path;

use saqshy_sigma::{Correlation, Level, LogSource, Rule, Status};
use serde::Serialize;

/// Which kind of document a head is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    Rule,
    Correlation,
}

/// What lists show of a rule or a correlation.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    pub kind: HeadKind,
    pub id: &'a str,
    pub title: &'a str,
    /// `informational` where the document names none.
    pub level: Level,
    pub status: Option<Status>,
    pub tags: &'a [String],
    pub author: &'a str,
    pub license: &'a str,
    pub description: &'a str,
    pub references: &'a [String],
    pub falsepositives: &'a [String],
    /// A correlation has none of its own.
    pub logsource: Option<&'a LogSource>,
    /// Rules that a correlation refers to.
    pub over: &'a [String],
    pub file: &'a Path,
    /// First line of the document, from 1.
    pub line: usize,
    /// The document as it stands in its file.
    pub source: &'a str,
    /// Keys the specification does not name, as in [`Rule::custom`].
    pub custom: &'a BTreeMap<String, String>,
}

impl<'a> Head<'a> {
    pub fn of_rule(rule: &'a Rule) -> Self {
        Head {
            kind: HeadKind::Rule,
            id: &rule.id,
            title: &rule.title,
            level: crate::level_of(rule),
            status: rule.status,
            tags: &rule.tags,
            author: &rule.author,
            license: &rule.license,
            description: &rule.description,
            references: &rule.references,
            falsepositives: &rule.falsepositives,
            logsource: Some(&rule.logsource),
            over: &[],
            file: &rule.origin.file,
            line: rule.origin.line,
            source: &rule.source,
            custom: &rule.custom,
        }
    }

    pub fn of_correlation(one: &'a Correlation) -> Self {
        Head {
            kind: HeadKind::Correlation,
            id: &one.id,
            title: &one.title,
            level: one.level.unwrap_or(Level::Informational),
            status: one.status,
            tags: &one.tags,
            author: &one.author,
            license: &one.license,
            description: &one.description,
            references: &one.references,
            falsepositives: &one.falsepositives,
            logsource: None,
            over: &one.rules,
            file: &one.origin.file,
            line: one.origin.line,
            source: &one.source,
            custom: &one.custom,
        }
    }
}
