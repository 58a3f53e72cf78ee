//! A mapping whose keys are asked for by name, and what every kind of value is read with.

use crate::error::{Flaw, Reason};
use crate::rule::LogSource;
use crate::yaml::{Entry, Kind, Node};

use super::super::value::Names;

pub(super) fn refuse(line: usize, problem: String) -> Flaw {
    Flaw::new(line, Reason::Unsupported(problem))
}

pub(super) fn wrong(node: &Node, key: &str, expected: &'static str) -> Flaw {
    let key = key.to_owned();
    Flaw::new(node.line, Reason::WrongType { key, expected })
}

pub(super) fn number(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Number(number) if number.float.is_finite() => Some(number.float),
        _ => None,
    }
}

pub(super) fn text(node: &Node, key: &str) -> Result<String, Flaw> {
    node.scalar_text().ok_or_else(|| wrong(node, key, "text"))
}

/// One text or a list of texts.
pub(super) fn texts(node: &Node, key: &str) -> Result<Vec<String>, Flaw> {
    match &node.kind {
        Kind::List(items) => items.iter().map(|item| text(item, key)).collect(),
        _ => Ok(vec![text(node, key)?]),
    }
}

/// A mapping whose keys are asked for by name.
pub(super) struct Map<'a> {
    pub(super) line: usize,
    pub(super) name: &'a str,
    pub(super) entries: &'a [Entry],
}

impl<'a> Map<'a> {
    pub(super) fn of(node: &'a Node, name: &'a str) -> Result<Self, Flaw> {
        let entries = node.as_map();
        Ok(Map {
            line: node.line,
            name,
            entries: entries.ok_or_else(|| wrong(node, name, "a mapping"))?,
        })
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.key == key).map(|it| &it.value)
    }

    pub(super) fn required(&self, key: &str) -> Result<&'a Node, Flaw> {
        self.get(key)
            .ok_or_else(|| refuse(self.line, format!("`{}` needs `{key}`", self.name)))
    }

    pub(super) fn text(&self, key: &str) -> Result<String, Flaw> {
        text(self.required(key)?, key)
    }

    pub(super) fn optional(&self, key: &str) -> Result<Option<String>, Flaw> {
        match self.get(key) {
            None
            | Some(Node {
                kind: Kind::Null, ..
            }) => Ok(None),
            Some(node) => text(node, key).map(Some),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<bool, Flaw> {
        match self.get(key) {
            None => Ok(false),
            Some(Node {
                kind: Kind::Bool(yes),
                ..
            }) => Ok(*yes),
            Some(node) => Err(wrong(node, key, "`true` or `false`")),
        }
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, Flaw> {
        texts(self.required(key)?, key)
    }

    /// A mapping from text to one or several texts, in the order written.
    pub(super) fn mapping(&self, key: &str) -> Result<Vec<(String, Vec<String>)>, Flaw> {
        let entries = Map::of(self.required(key)?, key)?.entries.iter();
        entries
            .map(|entry| Ok((entry.key.clone(), texts(&entry.value, &entry.key)?)))
            .collect()
    }

    pub(super) fn only(&self, known: &[&str]) -> Result<(), Flaw> {
        let strange = |entry: &&Entry| !known.contains(&entry.key.as_str());
        match self.entries.iter().find(strange) {
            None => Ok(()),
            Some(entry) => Err(refuse(
                entry.line,
                format!("`{}` does not know `{}`", self.name, entry.key),
            )),
        }
    }

    /// One of a few words; the first if there is none.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<T, Flaw> {
        let Some(found) = self.optional(key)? else {
            return Ok(words[0].1);
        };
        let known = words.iter().find(|(word, _)| *word == found);
        known.map(|(_, value)| *value).ok_or_else(|| {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let all = all.join("`, `");
            refuse(
                self.line,
                format!("`{key}` is `{found}`, not one of `{all}`"),
            )
        })
    }

    /// Names for the keys `include` and `exclude`.
    pub(super) fn names(&self) -> Result<Names, Flaw> {
        match (self.get("include"), self.get("exclude")) {
            (None, None) => Ok(Names::All),
            (Some(_), None) => Ok(Names::Only(self.texts("include")?)),
            (None, Some(_)) => Ok(Names::Except(self.texts("exclude")?)),
            (Some(_), Some(_)) => Err(refuse(
                self.line,
                "`include` and `exclude` exclude each other".into(),
            )),
        }
    }

    pub(super) fn logsource(&self) -> Result<LogSource, Flaw> {
        let part = |key| Ok(self.optional(key)?.map(|text| text.to_lowercase()));
        Ok(LogSource {
            product: part("product")?,
            category: part("category")?,
            service: part("service")?,
        })
    }
}
