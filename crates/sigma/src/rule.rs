//! Rules and the other documents of Sigma, read from YAML (Sigma Rules 2.1).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::correlation::{self, Correlation};
use crate::detection::{self, Detection};
use crate::error::{Flaw, Reason, RuleError};
use crate::filter::{self, Filter};
use crate::glob::Part;
use crate::head::Head;
use crate::matcher::Matcher;
use crate::yaml::{self, Kind, Node};

/// A detection rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// `id`, or `title` where the rule has none.
    pub id: String,
    pub title: String,
    /// The name by which correlations refer to the rule.
    pub name: Option<String>,
    pub status: Option<Status>,
    pub level: Option<Level>,
    pub description: String,
    pub author: String,
    pub license: String,
    pub date: String,
    pub modified: String,
    pub tags: Vec<String>,
    pub references: Vec<String>,
    pub falsepositives: Vec<String>,
    /// Fields that an analyst wants to see.
    pub fields: Vec<String>,
    pub scope: Vec<String>,
    pub related: Vec<Related>,
    /// `sigma` unless the rule says otherwise.
    pub taxonomy: String,
    pub logsource: LogSource,
    pub detection: Detection,
    /// Keys the specification does not name, as text (`saqshy.entity: user.name`); the keys of
    /// nested mappings are joined with dots, list items with line breaks.
    pub custom: BTreeMap<String, String>,
    pub origin: Origin,
    /// The document as it stands in its file.
    pub source: Arc<str>,
}

/// Where a document stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub file: PathBuf,
    /// First line of the document, from 1.
    pub line: usize,
}

/// A link to another rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    pub id: String,
    pub kind: String,
}

/// Which events a rule is about. Lower case; absent parts do not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogSource {
    pub product: Option<String>,
    pub category: Option<String>,
    pub service: Option<String>,
}

impl std::fmt::Display for LogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".into());
        write!(
            f,
            "{}/{}/{}",
            part(&self.product),
            part(&self.category),
            part(&self.service)
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Informational => "informational",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Level::Informational,
            Level::Low,
            Level::Medium,
            Level::High,
            Level::Critical,
        ];
        all.into_iter().find(|level| level.as_str() == word)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Stable,
    Test,
    Experimental,
    Deprecated,
    Unsupported,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Stable => "stable",
            Status::Test => "test",
            Status::Experimental => "experimental",
            Status::Deprecated => "deprecated",
            Status::Unsupported => "unsupported",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        use Status::{Deprecated, Experimental, Stable, Test, Unsupported};
        let all = [Stable, Test, Experimental, Deprecated, Unsupported];
        all.into_iter().find(|status| status.as_str() == word)
    }
}

/// What a YAML document of a rule file is.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    Rule(Box<Rule>),
    /// A correlation over rules.
    Correlation(Box<Correlation>),
    /// A filter for rules.
    Filter(Box<Filter>),
}

/// Reads every document of a file. `origin` is only used to say where something stands.
pub fn parse_documents(yaml: &str, origin: &Path) -> Vec<Result<Document, RuleError>> {
    yaml::documents(yaml)
        .into_iter()
        .map(|document| {
            let mut title = None;
            let parsed = document.and_then(|document| {
                title = document.root.get("title").and_then(Node::scalar_text);
                parse_document(&document, origin)
            });
            parsed.map_err(|flaw| RuleError {
                file: origin.to_owned(),
                line: flaw.line,
                title,
                reason: Box::new(flaw.reason),
            })
        })
        .collect()
}

/// Reads the rules of a file; correlations and filters are passed over (see
/// [`parse_documents`]).
///
/// ```
/// let yaml = "
/// title: Whoami
/// logsource: {product: windows, category: process_creation}
/// detection:
///     selection: {Image|endswith: '\\whoami.exe'}
///     condition: selection
/// ";
/// let rules = saqshy_sigma::parse_rules(yaml, "whoami.yml".as_ref());
/// assert_eq!(rules[0].as_ref().unwrap().title, "Whoami");
/// ```
pub fn parse_rules(yaml: &str, origin: &Path) -> Vec<Result<Rule, RuleError>> {
    parse_documents(yaml, origin)
        .into_iter()
        .filter_map(|document| match document {
            Ok(Document::Rule(rule)) => Some(Ok(*rule)),
            Ok(Document::Correlation(_) | Document::Filter(_)) => None,
            Err(error) => Some(Err(error)),
        })
        .collect()
}

impl Rule {
    /// Placeholders (`expand`) that the rule needs values for.
    pub fn placeholders(&self) -> Vec<String> {
        let mut names = Vec::new();
        for search in &self.detection.searches {
            for matcher in search
                .search
                .items()
                .iter()
                .flat_map(|item| &item.values)
                .flat_map(|test| &test.any_of)
            {
                let Matcher::Text { glob, .. } = matcher else {
                    continue;
                };
                for part in glob.parts() {
                    if let Part::Placeholder(name) = part
                        && !names.contains(name)
                    {
                        names.push(name.clone());
                    }
                }
            }
        }
        names
    }
}

fn parse_document(document: &yaml::Document, origin: &Path) -> Result<Document, Flaw> {
    let root = &document.root;
    let entries = root.as_map().ok_or_else(|| {
        let key = "document".to_owned();
        Flaw::new(
            root.line,
            Reason::WrongType {
                key,
                expected: "a mapping",
            },
        )
    })?;
    let line = entries.first().map_or(root.line, |entry| entry.line);
    let head = Head { root, line };
    if root.get("action").is_some() && root.get("title").is_none() {
        let text = "`action` joined documents in Sigma 1 and is not part of Sigma 2";
        return Err(Flaw::new(line, Reason::Unsupported(text.into())));
    }
    let title = head.required("title")?;
    let id = head.text("id")?.unwrap_or_else(|| title.clone());
    let origin = Origin {
        file: origin.to_owned(),
        line,
    };
    if root.get("correlation").is_some() {
        let read = correlation::parse(&head, title, id, origin, document.text.clone());
        return Ok(Document::Correlation(Box::new(read?)));
    }
    if root.get("filter").is_some() {
        let read = filter::parse(&head, title, id, origin, document.text.clone());
        return Ok(Document::Filter(Box::new(read?)));
    }
    let section = |key: &'static str| root.get(key).ok_or(Flaw::new(line, Reason::Missing(key)));
    Ok(Document::Rule(Box::new(Rule {
        id,
        title,
        name: head.text("name")?,
        status: head.word("status", Status::parse)?,
        level: head.word("level", Level::parse)?,
        description: head.text("description")?.unwrap_or_default(),
        author: head.text("author")?.unwrap_or_default(),
        license: head.text("license")?.unwrap_or_default(),
        date: head.text("date")?.unwrap_or_default(),
        modified: head.text("modified")?.unwrap_or_default(),
        tags: head.list("tags")?,
        references: head.list("references")?,
        falsepositives: head.list("falsepositives")?,
        fields: head.list("fields")?,
        scope: head.list("scope")?,
        related: head.related()?,
        taxonomy: head.text("taxonomy")?.unwrap_or_else(|| "sigma".into()),
        logsource: logsource(section("logsource")?)?,
        detection: detection::parse(section("detection")?)?,
        custom: head.custom(),
        origin,
        source: document.text.clone(),
    })))
}

pub(crate) fn logsource(node: &Node) -> Result<LogSource, Flaw> {
    let wrong = |key: String, expected| Flaw::new(node.line, Reason::WrongType { key, expected });
    if node.as_map().is_none_or(|entries| entries.is_empty()) {
        return Err(wrong("logsource".into(), "a mapping, and not empty"));
    }
    let text = |key: &str| match node.get(key) {
        None
        | Some(Node {
            kind: Kind::Null, ..
        }) => Ok(None),
        Some(value) => value
            .scalar_text()
            .map(|text| Some(text.to_lowercase()))
            .ok_or_else(|| wrong(format!("logsource.{key}"), "text")),
    };
    Ok(LogSource {
        product: text("product")?,
        category: text("category")?,
        service: text("service")?,
    })
}
