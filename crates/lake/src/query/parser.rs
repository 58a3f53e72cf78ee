//! Text to query, by recursive descent.

use std::net::IpAddr;

use ipnet::IpNet;
use saqshy_event::{EcsType, ecs_type};

use super::{Bound, FieldName, Glob, Leaf, Node, Piece, Query, QueryError, Test};
use crate::time::parse_period;

/// Longest query, in characters.
const LENGTH_MAX: usize = 65_536;
/// Deepest nesting of parentheses and `not`.
const DEPTH_MAX: usize = 100;
/// Most conditions of one query.
const LEAVES_MAX: usize = 4_096;

/// Whether a backslash before `c` takes its meaning away.
pub(super) fn is_special(c: char) -> bool {
    c.is_whitespace() || "\\*?\"():/[]{}<>=!&|-".contains(c)
}

/// Parses a query. The empty text and `*` are the query that every event matches.
///
/// # Errors
/// The first place where the text is no query, with what was expected there.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > LENGTH_MAX {
        return Err(QueryError {
            column: LENGTH_MAX + 1,
            message: format!("the query is longer than {LENGTH_MAX} characters"),
            hint: None,
        });
    }
    let mut parser = Parser {
        chars,
        at: 0,
        depth: 0,
        leaves: 0,
    };
    parser.skip_spaces();
    if parser.at_end() {
        return Ok(Query::all());
    }
    let root = parser.or(None)?;
    match parser.peek() {
        None => Ok(Query { root }),
        Some(c) => Err(parser.error(
            parser.at,
            format!("`{c}` closes nothing"),
            Some("remove it, or put a text that holds it in quotes".into()),
        )),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    leaves: usize,
}

type Parsed<T> = Result<T, QueryError>;
type Field<'a> = Option<&'a FieldName>;

#[derive(Clone, Copy, PartialEq)]
enum Keyword {
    And,
    Or,
    Not,
}

impl Parser {
    fn or(&mut self, field: Field<'_>) -> Parsed<Node> {
        let mut nodes = vec![self.and(field)?];
        while self.take_keyword(Keyword::Or) {
            nodes.push(self.and(field)?);
        }
        Ok(Node::or(nodes))
    }

    fn and(&mut self, field: Field<'_>) -> Parsed<Node> {
        let mut nodes = vec![self.not(field)?];
        loop {
            if self.take_keyword(Keyword::And) {
                nodes.push(self.not(field)?);
                continue;
            }
            match self.peek() {
                None | Some(')') => break,
                Some(_) if self.keyword().is_some_and(|(word, _)| word == Keyword::Or) => break,
                Some(_) => nodes.push(self.not(field)?),
            }
        }
        Ok(Node::and(nodes))
    }

    fn not(&mut self, field: Field<'_>) -> Parsed<Node> {
        self.skip_spaces();
        let start = self.at;
        let negated = self.take_keyword(Keyword::Not) || self.take_sign();
        if !negated {
            return self.primary(field);
        }
        self.deeper(start)?;
        let inner = self.not(field)?;
        self.depth -= 1;
        Ok(Node::Not(Box::new(inner)))
    }

    /// `-` or `!` directly before a condition.
    fn take_sign(&mut self) -> bool {
        let signed = matches!(self.peek(), Some('-' | '!'))
            && self
                .chars
                .get(self.at + 1)
                .is_some_and(|c| !c.is_whitespace() && *c != ')');
        if signed {
            self.at += 1;
        }
        signed
    }

    fn primary(&mut self, field: Field<'_>) -> Parsed<Node> {
        self.skip_spaces();
        let start = self.at;
        self.leaves += 1;
        if self.leaves > LEAVES_MAX {
            return Err(self.error(start, format!("more than {LEAVES_MAX} conditions"), None));
        }
        match self.peek() {
            None => Err(self.error(start, "a condition is expected here".into(), None)),
            Some(')') => Err(self.error(
                start,
                "a condition is expected before `)`".into(),
                Some("put a text that holds a parenthesis in quotes".into()),
            )),
            Some('(') => self.group(field),
            Some(_) if self.keyword().is_some() => {
                let (_, length) = self.keyword().unwrap_or((Keyword::And, 0));
                let word: String = self.chars[self.at..self.at + length].iter().collect();
                Err(self.error(
                    start,
                    format!("a condition is expected before `{word}`"),
                    Some(format!("to search for the word itself, write \"{word}\"")),
                ))
            }
            Some(_) => match field {
                Some(field) => self.value(field, start),
                None => self.term(start),
            },
        }
    }

    fn group(&mut self, field: Field<'_>) -> Parsed<Node> {
        let start = self.at;
        self.deeper(start)?;
        self.at += 1;
        let inner = self.or(field)?;
        self.depth -= 1;
        self.skip_spaces();
        if self.peek() != Some(')') {
            return Err(self.error(start, "this `(` is never closed".into(), None));
        }
        self.at += 1;
        Ok(inner)
    }

    /// `field:value` or free text.
    fn term(&mut self, start: usize) -> Parsed<Node> {
        match self.peek() {
            Some('"') => {
                let text = self.quoted()?;
                if self.peek() == Some(':') {
                    return Err(self.error(
                        self.at,
                        "a field name stands without quotes".into(),
                        Some("escape spaces in a field name with a backslash".into()),
                    ));
                }
                return self.free_text(start, text);
            }
            Some('/') => {
                if let Some(pattern) = self.regex()? {
                    return Ok(leaf(None, Test::Regex(pattern)));
                }
            }
            _ => {}
        }
        if let Some(field) = self.field()? {
            self.skip_spaces();
            return self.field_value(&field, start);
        }
        let glob = self.word(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'));
        if glob.is_wild() {
            if glob
                .pieces()
                .iter()
                .all(|piece| matches!(piece, Piece::Any))
            {
                return Ok(Node::All);
            }
            return Ok(leaf(None, Test::Pattern(glob)));
        }
        self.free_text(start, plain(&glob))
    }

    fn free_text(&self, start: usize, text: String) -> Parsed<Node> {
        if text.is_empty() {
            return Err(self.error(start, "the text to search for is empty".into(), None));
        }
        Ok(leaf(None, Test::Text(text)))
    }

    /// `name:` if that is what comes.
    fn field(&mut self) -> Parsed<Option<FieldName>> {
        let start = self.at;
        let name = self.word(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"' | ':'));
        let first = self.chars.get(start).copied().unwrap_or(' ');
        let named = self.peek() == Some(':')
            && (first.is_alphabetic() || matches!(first, '@' | '_' | '*' | '?' | '\\'))
            && !self.chars[self.at + 1..].starts_with(&['/', '/']);
        if !named {
            self.at = start;
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(if name.is_wild() {
            FieldName::Pattern(name)
        } else {
            FieldName::Exact(plain(&name))
        }))
    }

    fn field_value(&mut self, field: &FieldName, start: usize) -> Parsed<Node> {
        let spaced = self.at > 0 && self.chars[self.at - 1].is_whitespace();
        match self.peek() {
            Some('(') => self.group(Some(field)),
            None | Some(')') => Err(self.missing_value(field)),
            Some(_) if spaced && self.keyword().is_some() => Err(self.missing_value(field)),
            Some(_) => self.value(field, start),
        }
    }

    fn missing_value(&self, field: &FieldName) -> QueryError {
        let name = display_name(field);
        self.error(
            self.at,
            format!("a value is expected after `{name}:`"),
            Some(format!("`{name}:*` finds every event that has the field")),
        )
    }

    fn value(&mut self, field: &FieldName, _start: usize) -> Parsed<Node> {
        let start = self.at;
        let test = match self.peek() {
            Some('"') => Test::Text(self.quoted()?),
            Some('[' | '{') => self.range(field)?,
            Some('>' | '<') => self.comparison(field)?,
            Some('/') => match self.regex()? {
                Some(pattern) => Test::Regex(pattern),
                None => self.plain_value(field)?,
            },
            _ => self.plain_value(field)?,
        };
        if let Test::Text(text) = &test {
            self.check_text(field, text, start)?;
        }
        Ok(leaf(Some(field.clone()), test))
    }

    fn plain_value(&mut self, field: &FieldName) -> Parsed<Test> {
        let start = self.at;
        let glob = self.word(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'));
        if self.at == start {
            return Err(self.missing_value(field));
        }
        Ok(match glob.pieces() {
            [Piece::Any] => Test::Exists,
            _ if glob.is_wild() => Test::Pattern(glob),
            _ => Test::Text(plain(&glob)),
        })
    }

    fn comparison(&mut self, field: &FieldName) -> Parsed<Test> {
        let greater = self.peek() == Some('>');
        self.at += 1;
        let inclusive = self.peek() == Some('=');
        if inclusive {
            self.at += 1;
        }
        self.skip_spaces();
        let bound = self.bound(field, |c| c.is_whitespace() || matches!(c, '(' | ')' | '"'))?;
        let Some(value) = bound else {
            return Err(self.missing_value(field));
        };
        let bound = Some(Bound { value, inclusive });
        Ok(if greater {
            Test::Range {
                low: bound,
                high: None,
            }
        } else {
            Test::Range {
                low: None,
                high: bound,
            }
        })
    }

    /// `[low TO high]`, `{low TO high}` and mixed.
    fn range(&mut self, field: &FieldName) -> Parsed<Test> {
        let start = self.at;
        let low_inclusive = self.peek() == Some('[');
        self.at += 1;
        self.skip_spaces();
        let ends = |c: char| c.is_whitespace() || matches!(c, ']' | '}' | '"' | '(' | ')');
        let low = self.bound(field, ends)?;
        self.skip_spaces();
        let to: String = self.chars[self.at..].iter().take(2).collect();
        if !to.eq_ignore_ascii_case("to") {
            return Err(self.error(
                self.at,
                "`TO` is expected between the bounds of a range".into(),
                Some("write `[1 TO 5]`, or put a text that begins with a bracket in quotes".into()),
            ));
        }
        self.at += 2;
        self.skip_spaces();
        let high = self.bound(field, ends)?;
        self.skip_spaces();
        let high_inclusive = match self.peek() {
            Some(']') => true,
            Some('}') => false,
            _ => return Err(self.error(start, "this range is never closed".into(), None)),
        };
        self.at += 1;
        if low.is_none() && high.is_none() {
            return Ok(Test::Exists);
        }
        Ok(Test::Range {
            low: low.map(|value| Bound {
                value,
                inclusive: low_inclusive,
            }),
            high: high.map(|value| Bound {
                value,
                inclusive: high_inclusive,
            }),
        })
    }

    /// One bound of a range; `None` for `*`.
    fn bound(&mut self, field: &FieldName, ends: fn(char) -> bool) -> Parsed<Option<String>> {
        let start = self.at;
        let value = if self.peek() == Some('"') {
            self.quoted()?
        } else {
            let glob = self.word(ends);
            if self.at == start {
                return Err(self.missing_value(field));
            }
            if glob.pieces() == [Piece::Any] {
                return Ok(None);
            }
            if glob.is_wild() {
                return Err(self.error(start, "a bound takes no wildcard".into(), None));
            }
            plain(&glob)
        };
        let expected = match field_type(field) {
            EcsType::Date if parse_period(&value).is_none() => "a date",
            EcsType::Ip if value.parse::<IpAddr>().is_err() => "an IP address",
            EcsType::Long | EcsType::Double if !value.parse().is_ok_and(f64::is_finite) => {
                "a number"
            }
            _ => return Ok(Some(value)),
        };
        Err(self.error(
            start,
            format!(
                "`{value}` is not {expected}, which `{}` holds",
                display_name(field)
            ),
            date_hint(field),
        ))
    }

    fn check_text(&self, field: &FieldName, text: &str, start: usize) -> Parsed<()> {
        let (what, hint) = match field_type(field) {
            EcsType::Date if parse_period(text).is_none() => ("a date", date_hint(field)),
            EcsType::Ip if text.contains('/') && text.parse::<IpNet>().is_err() => (
                "a network",
                Some("write `10.0.0.0/8` or `2001:db8::/32`".into()),
            ),
            _ => return Ok(()),
        };
        Err(self.error(start, format!("`{text}` is not {what}"), hint))
    }

    /// A text in quotes; the next character is the opening one.
    fn quoted(&mut self) -> Parsed<String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '"' => return Ok(text),
                '\\' => match self.peek() {
                    Some(escaped @ ('"' | '\\')) => {
                        self.at += 1;
                        text.push(escaped);
                    }
                    _ => text.push('\\'),
                },
                c => text.push(c),
            }
        }
        Err(self.error(
            start,
            "this quote is never closed".into(),
            Some("write \\\" for a quote that is part of the text".into()),
        ))
    }

    /// `/…/` followed by a space, `)` or the end; anything else is text that begins with `/`.
    fn regex(&mut self) -> Parsed<Option<String>> {
        let start = self.at;
        let mut pattern = String::new();
        let mut at = start + 1;
        while let Some(&c) = self.chars.get(at) {
            at += 1;
            match c {
                '\\' => match self.chars.get(at) {
                    Some('/') => {
                        pattern.push('/');
                        at += 1;
                    }
                    Some(&escaped) => {
                        pattern.extend(['\\', escaped]);
                        at += 1;
                    }
                    None => pattern.push('\\'),
                },
                '/' => {
                    let next = self.chars.get(at);
                    if pattern.is_empty() || next.is_some_and(|c| !c.is_whitespace() && *c != ')') {
                        return Ok(None);
                    }
                    if let Err(reason) = super::matcher::regex(&pattern) {
                        return Err(self.error(
                            start,
                            format!("not a regular expression: {reason}"),
                            Some("put a path that ends in a slash in quotes".into()),
                        ));
                    }
                    self.at = at;
                    return Ok(Some(pattern));
                }
                c => pattern.push(c),
            }
        }
        Ok(None)
    }

    /// Characters up to one that `ends` the word, escapes undone, wildcards marked.
    fn word(&mut self, ends: fn(char) -> bool) -> Glob {
        let mut pieces = Vec::new();
        let mut text = String::new();
        while let Some(c) = self.peek() {
            if ends(c) {
                break;
            }
            self.at += 1;
            match c {
                '\\' => match self.peek() {
                    Some(escaped) if is_special(escaped) => {
                        self.at += 1;
                        text.push(escaped);
                    }
                    _ => text.push('\\'),
                },
                '*' | '?' => {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(if c == '*' { Piece::Any } else { Piece::One });
                }
                c => text.push(c),
            }
        }
        pieces.push(Piece::Text(text));
        Glob::new(pieces)
    }

    /// The keyword that comes next, and its length in characters.
    fn keyword(&self) -> Option<(Keyword, usize)> {
        let rest = &self.chars[self.at..];
        if rest.starts_with(&['&', '&']) {
            return Some((Keyword::And, 2));
        }
        if rest.starts_with(&['|', '|']) {
            return Some((Keyword::Or, 2));
        }
        for (word, keyword) in [
            ("and", Keyword::And),
            ("or", Keyword::Or),
            ("not", Keyword::Not),
        ] {
            let is_it = rest.len() >= word.len()
                && word
                    .chars()
                    .zip(rest)
                    .all(|(a, b)| a == b.to_ascii_lowercase())
                && rest
                    .get(word.len())
                    .is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'));
            if is_it {
                return Some((keyword, word.len()));
            }
        }
        None
    }

    fn take_keyword(&mut self, wanted: Keyword) -> bool {
        self.skip_spaces();
        match self.keyword() {
            Some((keyword, length)) if keyword == wanted => {
                self.at += length;
                true
            }
            _ => false,
        }
    }

    fn deeper(&mut self, start: usize) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("nested more than {DEPTH_MAX} deep");
            return Err(self.error(start, message, None));
        }
        Ok(())
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn at_end(&self) -> bool {
        self.at >= self.chars.len()
    }

    fn error(&self, at: usize, message: String, hint: Option<String>) -> QueryError {
        QueryError {
            column: at + 1,
            message,
            hint,
        }
    }
}

fn leaf(field: Option<FieldName>, test: Test) -> Node {
    Node::Leaf(Leaf { field, test })
}

/// The text of a pattern without wildcards.
fn plain(glob: &Glob) -> String {
    glob.pieces()
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::One => "?",
            Piece::Any => "*",
        })
        .collect()
}

fn field_type(field: &FieldName) -> EcsType {
    match field {
        FieldName::Exact(name) => ecs_type(name),
        FieldName::Pattern(_) => EcsType::Keyword,
    }
}

fn display_name(field: &FieldName) -> String {
    match field {
        FieldName::Exact(name) => name.clone(),
        FieldName::Pattern(glob) => plain(glob),
    }
}

fn date_hint(field: &FieldName) -> Option<String> {
    (field_type(field) == EcsType::Date)
        .then(|| "write `2026-03-20`, `\"2026-03-20T09:30\"` or RFC 3339 with an offset".into())
}
