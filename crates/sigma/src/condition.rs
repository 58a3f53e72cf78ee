//! The condition grammar (Sigma Rules 2.1, "Condition").
//!
//! `or` binds least, then `and`, `not`, `N of …`, brackets. Words of the grammar are read in any
//! letter case. Names that begin with `_` take part in `of` only when the pattern itself begins
//! with `_`.

use std::collections::HashMap;

/// Deepest nesting of brackets and `not`.
const DEPTH_MAX: usize = 64;
/// Longest condition in bytes.
const BYTES_MAX: usize = 64 << 10;

/// Most terms of all conditions of one rule: each mention of a search identifier counts as much as
/// it has values, each `of` as if it were written out.
const TERMS_MAX: usize = 500_000;

/// Words of the grammar.
const RESERVED: [&str; 7] = ["and", "or", "not", "of", "(", ")", "|"];

/// A condition over search identifiers, given by their position in the rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The search identifier holds.
    Search(usize),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// At least this many of them hold.
    AtLeast(usize, Vec<Condition>),
}

impl Condition {
    /// The same over identifiers that stand `places` further on.
    pub(crate) fn moved_by(&self, places: usize) -> Condition {
        let each = |parts: &[Condition]| parts.iter().map(|part| part.moved_by(places)).collect();
        match self {
            Condition::Search(at) => Condition::Search(at + places),
            Condition::Not(inner) => Condition::Not(Box::new(inner.moved_by(places))),
            Condition::All(parts) => Condition::All(each(parts)),
            Condition::Any(parts) => Condition::Any(each(parts)),
            Condition::AtLeast(count, parts) => Condition::AtLeast(*count, each(parts)),
        }
    }

    /// Calls `each` with the place of every search identifier, as often as it is mentioned.
    pub(crate) fn mentions(&self, each: &mut impl FnMut(usize)) {
        match self {
            Condition::Search(at) => each(*at),
            Condition::Not(inner) => inner.mentions(each),
            Condition::All(parts) | Condition::Any(parts) | Condition::AtLeast(_, parts) => {
                parts.iter().for_each(|part| part.mentions(each));
            }
        }
    }

    /// A list of one is its only part.
    pub(crate) fn simple(self) -> Condition {
        match self {
            Condition::All(mut parts) | Condition::Any(mut parts) if parts.len() == 1 => {
                parts.remove(0)
            }
            other => other,
        }
    }

    /// Whether a `not` stands anywhere in it.
    pub(crate) fn negates(&self) -> bool {
        match self {
            Condition::Search(_) => false,
            Condition::Not(_) => true,
            Condition::All(parts) | Condition::Any(parts) | Condition::AtLeast(_, parts) => {
                parts.iter().any(Condition::negates)
            }
        }
    }
}

/// The search identifiers of a rule, and what its conditions may still ask of them.
pub(crate) struct Names<'a> {
    all: Vec<&'a str>,
    /// Values of each.
    sizes: Vec<usize>,
    /// The first of each name.
    places: HashMap<&'a str, usize>,
    /// Terms that looking at all of them for an `of` counts as.
    looking: usize,
    left: usize,
}

impl<'a> Names<'a> {
    /// Names with the number of values behind each.
    pub fn new(names: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let (all, sizes): (Vec<&str>, Vec<usize>) = names.into_iter().unzip();
        let mut places = HashMap::with_capacity(all.len());
        for (at, name) in all.iter().enumerate() {
            places.entry(*name).or_insert(at);
        }
        Names {
            looking: all.iter().map(|name| 1 + name.len() / 64).sum(),
            all,
            sizes,
            places,
            left: TERMS_MAX,
        }
    }

    /// Names of single things.
    pub fn plain(names: &[&'a str]) -> Self {
        Names::new(names.iter().map(|name| (*name, 1)))
    }

    fn take(&mut self, terms: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(terms).ok_or_else(|| {
            format!(
                "asks for more than {TERMS_MAX} values, each mention counted and `of` written \
                 out: split the rule, or name fewer search identifiers"
            )
        })?;
        Ok(())
    }
}

/// Reads `text` over the rule's search identifiers.
pub(crate) fn parse(text: &str, names: &mut Names<'_>) -> Result<Condition, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("longer than {BYTES_MAX} bytes"));
    }
    let mut parser = Parser {
        tokens: tokens(text),
        at: 0,
        names,
    };
    if parser.tokens.is_empty() {
        return Err("empty".into());
    }
    let condition = parser.or(0)?;
    match parser.peek() {
        None => Ok(condition),
        Some("|") => Err("aggregation after `|` is not part of Sigma 2, \
                          write a correlation instead"
            .into()),
        Some(")") => Err("`)` without `(`".into()),
        Some(rest) => Err(format!("`and` or `or` expected before `{rest}`")),
    }
}

/// Every name in `text`, in the order of first appearance.
pub(crate) fn names_in(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for token in tokens(text.get(..BYTES_MAX).unwrap_or(text)) {
        let word = RESERVED.iter().any(|word| token.eq_ignore_ascii_case(word));
        if !word && !names.iter().any(|name| name == token) {
            names.push(token.to_owned());
        }
    }
    names
}

fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        let mut rest = word;
        while let Some(at) = rest.find(['(', ')', '|']) {
            tokens.extend(
                [&rest[..at], &rest[at..=at]]
                    .into_iter()
                    .filter(|t| !t.is_empty()),
            );
            rest = &rest[at + 1..];
        }
        if !rest.is_empty() {
            tokens.push(rest);
        }
    }
    tokens
}

struct Parser<'a, 'n> {
    tokens: Vec<&'a str>,
    at: usize,
    names: &'a mut Names<'n>,
}

impl<'a> Parser<'a, '_> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).copied()
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self
            .peek()
            .is_some_and(|token| token.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn or(&mut self, depth: usize) -> Result<Condition, String> {
        let mut parts = vec![self.and(depth)?];
        while self.word("or") {
            parts.push(self.and(depth)?);
        }
        Ok(single_or(parts, Condition::Any))
    }

    fn and(&mut self, depth: usize) -> Result<Condition, String> {
        let mut parts = vec![self.not(depth)?];
        while self.word("and") {
            parts.push(self.not(depth)?);
        }
        Ok(single_or(parts, Condition::All))
    }

    fn not(&mut self, depth: usize) -> Result<Condition, String> {
        if depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        if self.word("not") {
            return Ok(Condition::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.word("(") {
            let inner = self.or(depth + 1)?;
            return if self.word(")") {
                Ok(inner)
            } else {
                Err("`)` is missing".into())
            };
        }
        self.search()
    }

    fn search(&mut self) -> Result<Condition, String> {
        let Some(name) = self.peek() else {
            return Err("ends too early".into());
        };
        self.at += 1;
        let is_of = self
            .peek()
            .is_some_and(|token| token.eq_ignore_ascii_case("of"));
        if is_of && let Some(quantity) = Quantity::parse(name)? {
            self.at += 1;
            let Some(pattern) = self.peek() else {
                return Err("a name must follow `of`".into());
            };
            self.at += 1;
            return self.of(quantity, pattern);
        }
        if let Some(&at) = self.names.places.get(name) {
            self.names.take(self.names.sizes[at])?;
            return Ok(Condition::Search(at));
        }
        if RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            return Err(format!("a search identifier is expected before `{name}`"));
        }
        Err(format!("search identifier `{name}` is not defined"))
    }

    fn of(&mut self, quantity: Quantity, pattern: &str) -> Result<Condition, String> {
        let them = pattern.eq_ignore_ascii_case("them");
        let hidden = pattern.starts_with('_');
        self.names.take(self.names.looking)?;
        let names = &self.names.all;
        let glob = Star::new(pattern);
        let mut terms = 0;
        let chosen: Vec<Condition> = (0..names.len())
            .filter(|&at| hidden || !names[at].starts_with('_'))
            .filter(|&at| them || glob.matches(names[at]))
            .inspect(|&at| terms += self.names.sizes[at])
            .map(Condition::Search)
            .collect();
        self.names.take(terms)?;
        if chosen.is_empty() {
            return Err(format!("no search identifier is named by `{pattern}`"));
        }
        Ok(match quantity {
            Quantity::All => single_or(chosen, Condition::All),
            Quantity::AtLeast(1) => single_or(chosen, Condition::Any),
            Quantity::AtLeast(count) => Condition::AtLeast(count, chosen),
        })
    }
}

enum Quantity {
    All,
    AtLeast(usize),
}

impl Quantity {
    fn parse(word: &str) -> Result<Option<Self>, String> {
        if word.eq_ignore_ascii_case("all") {
            return Ok(Some(Quantity::All));
        }
        if word.eq_ignore_ascii_case("any") {
            return Ok(Some(Quantity::AtLeast(1)));
        }
        match word.parse() {
            Ok(0) => Err("`0 of` asks for nothing".into()),
            Ok(count) => Ok(Some(Quantity::AtLeast(count))),
            Err(_) => Ok(None),
        }
    }
}

fn single_or(mut parts: Vec<Condition>, many: impl Fn(Vec<Condition>) -> Condition) -> Condition {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        many(parts)
    }
}

/// A pattern in which `*` stands for any characters.
struct Star<'p> {
    first: &'p str,
    /// What must follow in this order; none of it is empty.
    inside: Vec<&'p str>,
    /// `None`: there is no `*`.
    last: Option<&'p str>,
}

impl<'p> Star<'p> {
    fn new(pattern: &'p str) -> Self {
        let (first, rest) = match pattern.split_once('*') {
            Some((first, rest)) => (first, Some(rest)),
            None => (pattern, None),
        };
        let (inside, last) = match rest.map(|rest| rest.rsplit_once('*')) {
            Some(Some((inside, last))) => (inside, Some(last)),
            Some(None) => ("", rest),
            None => ("", None),
        };
        let pieces = inside.split('*').filter(|piece| !piece.is_empty());
        Star {
            first,
            inside: pieces.collect(),
            last,
        }
    }

    fn matches(&self, name: &str) -> bool {
        let Some(mut rest) = name.strip_prefix(self.first) else {
            return false;
        };
        for piece in &self.inside {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        self.last
            .map_or(rest.is_empty(), |last| rest.ends_with(last))
    }
}

#[cfg(test)]
mod tests {
    use super::Condition::{All, Any, AtLeast, Not, Search};
    use super::*;

    const NAMES: [&str; 5] = ["selection_a", "selection_b", "filter", "_hidden", "all"];

    fn read(text: &str) -> Condition {
        parse(text, &mut Names::plain(&NAMES)).unwrap()
    }

    #[test]
    fn precedence_is_or_and_not_of() {
        assert_eq!(
            read("selection_a or not filter and selection_b"),
            Any(vec![Search(0), All(vec![Not(Search(2).into()), Search(1)])])
        );
        assert_eq!(
            read("(selection_a OR selection_b)and not 1 of filter*"),
            All(vec![Any(vec![Search(0), Search(1)]), Not(Search(2).into())])
        );
        assert_eq!(read("not not filter"), Not(Not(Search(2).into()).into()));
        assert_eq!(read("all"), Search(4));
    }

    #[test]
    fn quantities_choose_names_and_leave_hidden_ones() {
        assert_eq!(read("all of selection*"), All(vec![Search(0), Search(1)]));
        assert_eq!(read("any of s*_*b"), Search(1));
        assert_eq!(
            read("1 of them"),
            Any(vec![Search(0), Search(1), Search(2), Search(4)])
        );
        assert_eq!(
            read("2 of them"),
            AtLeast(2, vec![Search(0), Search(1), Search(2), Search(4)])
        );
        assert_eq!(read("1 of _*"), Search(3));
        assert_eq!(read("all of filter"), Search(2));
        assert_eq!(read("1 of **lter"), Search(2));
        assert_eq!(read("1 of f*l*r"), Search(2));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (text, part) in [
            ("selection_c", "not defined"),
            ("1 of foo*", "no search identifier"),
            ("selection_a and", "too early"),
            ("(selection_a", "`)` is missing"),
            ("selection_a) or filter", "`)` without"),
            ("selection_a filter", "expected before `filter`"),
            ("selection_a | count() > 5", "aggregation"),
            ("0 of them", "asks for nothing"),
            ("and filter", "expected before"),
            ("", "empty"),
        ] {
            let error = parse(text, &mut Names::plain(&NAMES)).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let mut names = Names::plain(&NAMES);
        assert!(parse(&format!("{}filter", "not ".repeat(100)), &mut names).is_err());
        assert!(parse(&"(".repeat(10_000), &mut names).is_err());
    }
}
