//! The attributes that every kind of Sigma document has.

use std::collections::BTreeMap;

use crate::error::{Flaw, Reason};
use crate::rule::Related;
use crate::yaml::{Kind, Node};

/// Keys of a rule that the specification names.
const KNOWN: [&str; 23] = [
    "title",
    "id",
    "name",
    "status",
    "level",
    "description",
    "author",
    "license",
    "date",
    "modified",
    "tags",
    "references",
    "falsepositives",
    "fields",
    "scope",
    "related",
    "taxonomy",
    "logsource",
    "detection",
    "action",
    "correlation",
    "filter",
    "generate",
];

pub(crate) struct Head<'a> {
    pub root: &'a Node,
    /// First line of the document.
    pub line: usize,
}

impl Head<'_> {
    pub fn required(&self, key: &'static str) -> Result<String, Flaw> {
        self.text(key)?
            .ok_or(Flaw::new(self.line, Reason::Missing(key)))
    }

    pub fn text(&self, key: &str) -> Result<Option<String>, Flaw> {
        match self.root.get(key) {
            None
            | Some(Node {
                kind: Kind::Null, ..
            }) => Ok(None),
            Some(node) => node.scalar_text().map(Some).ok_or_else(|| {
                Flaw::new(
                    node.line,
                    Reason::WrongType {
                        key: key.into(),
                        expected: "text",
                    },
                )
            }),
        }
    }

    pub fn word<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Flaw> {
        let Some(value) = self.text(key)? else {
            return Ok(None);
        };
        let line = self.root.get(key).map_or(self.line, |node| node.line);
        match parse(&value.to_lowercase()) {
            Some(word) => Ok(Some(word)),
            None => Err(Flaw::new(line, Reason::UnknownWord { key, value })),
        }
    }

    /// A list of texts; a single text is a list of one.
    pub fn list(&self, key: &str) -> Result<Vec<String>, Flaw> {
        let Some(node) = self.root.get(key) else {
            return Ok(Vec::new());
        };
        let wrong = |line| {
            Flaw::new(
                line,
                Reason::WrongType {
                    key: key.into(),
                    expected: "a list of texts",
                },
            )
        };
        match &node.kind {
            Kind::Null => Ok(Vec::new()),
            Kind::List(items) => items
                .iter()
                .filter(|item| item.kind != Kind::Null)
                .map(|item| item.scalar_text().ok_or_else(|| wrong(item.line)))
                .collect(),
            _ => Ok(vec![node.scalar_text().ok_or_else(|| wrong(node.line))?]),
        }
    }

    pub fn related(&self) -> Result<Vec<Related>, Flaw> {
        let Some(node) = self.root.get("related") else {
            return Ok(Vec::new());
        };
        let wrong = |line| {
            let expected = "a list of mappings with `id` and `type`";
            Flaw::new(
                line,
                Reason::WrongType {
                    key: "related".into(),
                    expected,
                },
            )
        };
        let items = match &node.kind {
            Kind::Null => return Ok(Vec::new()),
            Kind::List(items) => items,
            _ => return Err(wrong(node.line)),
        };
        items
            .iter()
            .map(|item| {
                let text = |key| item.get(key).and_then(Node::scalar_text);
                let id = text("id").ok_or_else(|| wrong(item.line))?;
                let kind = text("type").ok_or_else(|| wrong(item.line))?;
                Ok(Related { id, kind })
            })
            .collect()
    }

    pub fn custom(&self) -> BTreeMap<String, String> {
        let mut custom = BTreeMap::new();
        for entry in self.root.as_map().unwrap_or_default() {
            if !KNOWN.contains(&entry.key.as_str()) {
                flatten(&entry.key, &entry.value, &mut custom);
            }
        }
        custom
    }
}

fn flatten(key: &str, node: &Node, out: &mut BTreeMap<String, String>) {
    match &node.kind {
        Kind::Map(entries) => {
            entries
                .iter()
                .for_each(|it| flatten(&format!("{key}.{}", it.key), &it.value, out));
        }
        Kind::List(items) => {
            let texts: Vec<String> = items.iter().filter_map(Node::scalar_text).collect();
            out.insert(key.to_owned(), texts.join("\n"));
        }
        _ => {
            out.insert(key.to_owned(), node.scalar_text().unwrap_or_default());
        }
    }
}
