//! YAML documents as trees that know their lines.
//!
//! Rules arrive from outside, so reading is bounded: bytes, nodes, depth and alias expansion.
//! Scalars follow the YAML 1.2 core schema (section 10.3.2).

use std::collections::HashMap;
use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span};

use crate::error::{Flaw, Reason};

/// Longest accepted file in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 4 << 20;
/// Most nodes of one file, repeated aliases counted each time.
const NODES_MAX: usize = 200_000;
/// Most bytes of the scalars of one file, repeated aliases counted each time.
const TEXT_BYTES_MAX: usize = 4 * FILE_BYTES_MAX;
/// Deepest nesting of lists and mappings.
const DEPTH_MAX: usize = 24;

/// A value and the line it starts on (from 1).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub line: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; keys are distinct.
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub key: String,
    pub line: usize,
    pub value: Node,
}

/// A plain scalar that YAML reads as a number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    /// As written in the file.
    pub source: String,
    pub int: Option<i64>,
    pub float: f64,
}

/// One document of a file.
pub(crate) struct Document {
    pub root: Node,
    /// The text of the document with the comments around it.
    pub text: Arc<str>,
}

impl Node {
    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    /// The scalar as text, as a person would read it; `None` for null, lists and mappings.
    pub fn scalar_text(&self) -> Option<String> {
        match &self.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Number(number) => Some(number.source.clone()),
            Kind::Bool(yes) => Some(yes.to_string()),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }
}

/// Reads every document of a file. A document that cannot be read ends the file.
pub(crate) fn documents(text: &str) -> Vec<Result<Document, Flaw>> {
    if text.len() > FILE_BYTES_MAX {
        return vec![Err(Flaw::too_large(
            1,
            "file size in bytes",
            FILE_BYTES_MAX,
        ))];
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::new(text);
    let mut documents = Vec::new();
    loop {
        match reader.document() {
            Ok(Some(document)) => documents.push(Ok(document)),
            Ok(None) => break,
            Err(flaw) => {
                documents.push(Err(flaw));
                break;
            }
        }
    }
    if let [Ok(only)] = &mut documents[..] {
        only.text = text.into();
    }
    documents
}

/// What nodes take, each alias counted as what it stands for.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Size {
    fn add(&mut self, more: Size) {
        self.nodes += more.nodes;
        self.bytes += more.bytes;
    }

    fn since(self, before: Size) -> Size {
        Size {
            nodes: self.nodes - before.nodes,
            bytes: self.bytes - before.bytes,
        }
    }

    fn check(self, line: usize) -> Result<(), Flaw> {
        if self.nodes > NODES_MAX {
            return Err(Flaw::too_large(line, "number of YAML nodes", NODES_MAX));
        }
        if self.bytes > TEXT_BYTES_MAX {
            let what = "size of the texts in bytes, with aliases written out,";
            return Err(Flaw::too_large(line, what, TEXT_BYTES_MAX));
        }
        Ok(())
    }
}

struct Reader<'a> {
    text: &'a str,
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, (Node, Size)>,
    size: Size,
    /// Byte where the previous document ended.
    ended: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let mut options = Options::default();
        options.set_emit_comments(false);
        Reader {
            text,
            parser: Parser::new_from_str_with_options(text, options),
            anchors: HashMap::new(),
            size: Size::default(),
            ended: 0,
        }
    }

    fn event(&mut self) -> Result<(Event<'a>, Span), Flaw> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let line = error.marker().line().max(1);
                Err(Flaw::new(line, Reason::Yaml(error.info())))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Option<Document>, Flaw> {
        let mut root = None;
        loop {
            let (event, span) = self.event()?;
            match event {
                Event::StreamEnd => return Ok(None),
                Event::DocumentEnd => {
                    self.anchors.clear();
                    let end = span.end.byte_offset().unwrap_or(self.text.len());
                    let text = self.text.get(self.ended..end).unwrap_or_default();
                    self.ended = end;
                    match root.take() {
                        Some(Node {
                            kind: Kind::Null, ..
                        })
                        | None => continue,
                        Some(root) => {
                            return Ok(Some(Document {
                                root,
                                text: text.into(),
                            }));
                        }
                    }
                }
                Event::StreamStart | Event::DocumentStart(..) => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    /// The node that `event` opens.
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Flaw> {
        let line = span.start.line().max(1);
        if depth > DEPTH_MAX {
            return Err(Flaw::too_large(line, "nesting depth", DEPTH_MAX));
        }
        let before = self.size;
        self.size.nodes += 1;
        let (kind, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let forced = tag
                    .as_ref()
                    .is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let plain = style == ScalarStyle::Plain && !forced;
                self.size.bytes += text.len();
                (
                    if plain {
                        plain_scalar(&text)
                    } else {
                        Kind::Text(text.into_owned())
                    },
                    anchor,
                )
            }
            Event::SequenceStart(_, anchor, _) => (Kind::List(self.list(depth)?), anchor),
            Event::MappingStart(_, anchor, _) => (Kind::Map(self.map(depth)?), anchor),
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id) else {
                    let reason = Reason::Yaml("alias inside its own anchor".into());
                    return Err(Flaw::new(line, reason));
                };
                self.size.add(*size);
                self.size.check(line)?;
                (node.kind.clone(), 0)
            }
            _ => return Err(Flaw::new(line, Reason::Yaml("unexpected token".into()))),
        };
        self.size.check(line)?;
        let node = Node { line, kind };
        if anchor != 0 {
            let size = self.size.since(before);
            self.size.add(size);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Flaw> {
        let mut items = Vec::new();
        loop {
            match self.event()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Flaw> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        loop {
            let (event, span) = self.event()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let node = self.node(event, span, depth + 1)?;
            let key = match node.kind {
                Kind::Null => String::new(),
                _ => node.scalar_text().ok_or_else(|| {
                    Flaw::new(node.line, Reason::Yaml("a key must be a scalar".into()))
                })?,
            };
            if !seen.insert(key.clone()) {
                return Err(Flaw::new(node.line, Reason::DuplicateKey(key)));
            }
            let (event, span) = self.event()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push(Entry {
                key,
                line: node.line,
                value,
            });
        }
    }
}

/// Core schema of YAML 1.2: null, booleans, integers (decimal, 0o, 0x), floats, else text.
fn plain_scalar(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    match number(text) {
        Some(number) => Kind::Number(number),
        None => Kind::Text(text.to_owned()),
    }
}

pub(crate) fn number(text: &str) -> Option<Number> {
    let source = text.to_owned();
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            let int = i64::from_str_radix(digits, radix).ok()?;
            return Some(Number {
                source,
                int: Some(int),
                float: int as f64,
            });
        }
    }
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digit_led = body
        .strip_prefix('.')
        .unwrap_or(body)
        .starts_with(|c: char| c.is_ascii_digit());
    let plain = body
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if !digit_led || !plain {
        return None;
    }
    let float: f64 = text.parse().ok()?;
    Some(Number {
        source,
        int: text.parse().ok(),
        float,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        let mut all = documents(text);
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0).map(|document| document.root).unwrap()
    }

    #[test]
    fn scalars_follow_the_core_schema_and_quotes_make_text() {
        let node = one(
            "a: 1\nb: '1'\nc: -7\nd: 0x1f\ne: ~\nf: true\ng: 1.5\nh: 2020-01-01\ni: yes\nj: 10.0.0.1\n",
        );
        let kinds: Vec<_> = node
            .as_map()
            .unwrap()
            .iter()
            .map(|entry| &entry.value.kind)
            .collect();
        let ints = |at: usize| match kinds[at] {
            Kind::Number(number) => number.int,
            other => panic!("{other:?}"),
        };
        assert_eq!(ints(0), Some(1));
        assert_eq!(kinds[1], &Kind::Text("1".into()));
        assert_eq!((ints(2), ints(3)), (Some(-7), Some(31)));
        assert_eq!(kinds[4], &Kind::Null);
        assert_eq!(kinds[5], &Kind::Bool(true));
        assert!(matches!(kinds[6], Kind::Number(Number { int: None, .. })));
        assert_eq!(kinds[7], &Kind::Text("2020-01-01".into()));
        assert_eq!(kinds[8], &Kind::Text("yes".into()));
        assert_eq!(kinds[9], &Kind::Text("10.0.0.1".into()));
    }

    #[test]
    fn lines_documents_and_their_texts() {
        let all = documents("# first\ntitle: a\n---\ntitle: b\nx:\n  - 1\n");
        assert_eq!(all.len(), 2);
        let second = all[1].as_ref().ok().unwrap();
        assert_eq!(second.root.get("x").unwrap().line, 6);
        assert!(second.text.contains("title: b"));
        assert!(!second.text.contains("title: a"));
        assert!(all[0].as_ref().ok().unwrap().text.contains("# first"));
    }

    #[test]
    fn duplicate_keys_and_hostile_sizes_are_refused() {
        let flaw = documents("a: 1\nb: 2\na: 3\n").remove(0).err().unwrap();
        assert_eq!(
            (flaw.line, flaw.reason),
            (3, Reason::DuplicateKey("a".into()))
        );
        let deep = format!("a: {}1{}", "[".repeat(40), "]".repeat(40));
        assert!(matches!(
            documents(&deep).remove(0),
            Err(Flaw {
                reason: Reason::TooLarge { .. },
                ..
            })
        ));
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..8 {
            let alias = format!("*a{}, ", level - 1).repeat(10);
            bomb += &format!("a{level}: &a{level} [{}]\n", alias.trim_end_matches(", "));
        }
        assert!(matches!(
            documents(&bomb).remove(0),
            Err(Flaw {
                reason: Reason::TooLarge { .. },
                ..
            })
        ));
        assert!(documents("a: [1, 2").remove(0).is_err());
    }
}
