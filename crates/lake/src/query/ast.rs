//! What a query says, and how it is written down again.

use std::fmt::{self, Display, Formatter, Write as _};

/// A parsed query. `Display` writes a text that parses to the same query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub root: Node,
}

impl Query {
    /// The query that every event matches.
    pub fn all() -> Self {
        Query { root: Node::All }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Every event.
    All,
    /// Two or more, none of them an `And`.
    And(Vec<Node>),
    /// Two or more, none of them an `Or`.
    Or(Vec<Node>),
    Not(Box<Node>),
    Leaf(Leaf),
}

impl Node {
    /// All of `nodes`; flattens, and one alone stays itself.
    pub fn and(nodes: Vec<Node>) -> Node {
        let mut flat = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node {
                Node::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Node::All,
            1 => flat.remove(0),
            _ => Node::And(flat),
        }
    }

    /// Any of `nodes` (at least one); flattens, and one alone stays itself.
    pub fn or(nodes: Vec<Node>) -> Node {
        let mut flat = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node {
                Node::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Node::All,
            1 => flat.remove(0),
            _ => Node::Or(flat),
        }
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// `None`: free text, found in any text of the event.
    pub field: Option<FieldName>,
    pub test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldName {
    Exact(String),
    /// A name with `*` or `?`.
    Pattern(Glob),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The field has a value. Never without a field.
    Exists,
    /// Equals (of a field) or contains (free text).
    Text(String),
    /// Fits the pattern; free text: somewhere inside.
    Pattern(Glob),
    /// Somewhere inside.
    Regex(String),
    /// Never without a field; at least one bound is there.
    Range {
        low: Option<Bound>,
        high: Option<Bound>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub value: String,
    pub inclusive: bool,
}

/// A wildcard pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Glob {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// `?`
    One,
    /// `*`
    Any,
}

impl Glob {
    /// Joins neighbouring texts and neighbouring stars.
    pub fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut glob = Glob::default();
        for piece in pieces {
            glob.push(piece);
        }
        glob
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether there is a `*` or `?` in it.
    pub fn is_wild(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| !matches!(piece, Piece::Text(_)))
    }

    fn push(&mut self, piece: Piece) {
        match (self.pieces.last_mut(), piece) {
            (_, Piece::Text(text)) if text.is_empty() => {}
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (Some(Piece::Any), Piece::Any) => {}
            (_, piece) => self.pieces.push(piece),
        }
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_node(f, &self.root, 0)
    }
}

/// `level`: 0 anything, 1 inside `and`, 2 under `not`.
fn write_node(f: &mut Formatter<'_>, node: &Node, level: u8) -> fmt::Result {
    match node {
        Node::All => f.write_char('*'),
        Node::Or(nodes) => write_joined(f, nodes, " or ", level > 0, 1),
        Node::And(nodes) => write_joined(f, nodes, " and ", level > 1, 2),
        Node::Not(inner) => {
            f.write_str("not ")?;
            write_node(f, inner, 2)
        }
        Node::Leaf(leaf) => write_leaf(f, leaf),
    }
}

fn write_joined(
    f: &mut Formatter<'_>,
    nodes: &[Node],
    word: &str,
    parentheses: bool,
    level: u8,
) -> fmt::Result {
    if parentheses {
        f.write_char('(')?;
    }
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            f.write_str(word)?;
        }
        write_node(f, node, level)?;
    }
    if parentheses {
        f.write_char(')')?;
    }
    Ok(())
}

fn write_leaf(f: &mut Formatter<'_>, leaf: &Leaf) -> fmt::Result {
    match &leaf.field {
        Some(FieldName::Exact(name)) => {
            write_escaped(f, name)?;
            f.write_char(':')?;
        }
        Some(FieldName::Pattern(glob)) => {
            write_glob(f, glob)?;
            f.write_char(':')?;
        }
        None => {}
    }
    match &leaf.test {
        Test::Exists => f.write_char('*'),
        Test::Text(text) => write_quoted(f, text),
        Test::Pattern(glob) => write_glob(f, glob),
        Test::Regex(pattern) => write_regex(f, pattern),
        Test::Range { low, high } => {
            f.write_char(if low.as_ref().is_none_or(|b| b.inclusive) {
                '['
            } else {
                '{'
            })?;
            write_bound(f, low.as_ref())?;
            f.write_str(" TO ")?;
            write_bound(f, high.as_ref())?;
            f.write_char(if high.as_ref().is_none_or(|b| b.inclusive) {
                ']'
            } else {
                '}'
            })
        }
    }
}

fn write_bound(f: &mut Formatter<'_>, bound: Option<&Bound>) -> fmt::Result {
    match bound {
        None => f.write_char('*'),
        Some(bound) => write_quoted(f, &bound.value),
    }
}

fn write_quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

/// A regular expression between slashes; the parser turns `\/` back into `/` and leaves every
/// other escape to the regular expression.
fn write_regex(f: &mut Formatter<'_>, pattern: &str) -> fmt::Result {
    f.write_char('/')?;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '/' => f.write_str("\\/")?,
            '\\' => {
                f.write_char('\\')?;
                if let Some(escaped) = chars.next() {
                    f.write_char(escaped)?;
                }
            }
            c => f.write_char(c)?,
        }
    }
    f.write_char('/')
}

fn write_glob(f: &mut Formatter<'_>, glob: &Glob) -> fmt::Result {
    for piece in glob.pieces() {
        match piece {
            Piece::Any => f.write_char('*')?,
            Piece::One => f.write_char('?')?,
            Piece::Text(text) => write_escaped(f, text)?,
        }
    }
    Ok(())
}

fn write_escaped(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    for c in text.chars() {
        if super::parser::is_special(c) {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}
