//! Sigma strings: text with wildcards.

use std::fmt;

use crate::fold::fold_char;

/// The characters that `windash` treats as one: hyphen, slash, en dash, em dash, horizontal bar.
pub const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];

/// One piece of a [`Glob`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// Plain characters.
    Text(String),
    /// `*`: any number of characters, also none.
    Any,
    /// `?`: exactly one character.
    One,
    /// One of [`DASHES`].
    Dash,
    /// `%name%` under the modifier `expand`, not filled yet.
    Placeholder(String),
}

/// A Sigma string value: the whole field must match it from end to end.
///
/// Neighbouring texts are merged and `**` is `*`, so equal globs have equal parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Glob {
    parts: Vec<Part>,
}

impl Glob {
    /// Reads a rule's value (Sigma Rules 2.1, "Escape Character"): `*` and `?` are wildcards,
    /// `\*`, `\?` and `\\` are the plain characters, any other backslash stands for itself.
    pub fn parse(text: &str) -> Self {
        let mut glob = Glob::default();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '*' => glob.push(Part::Any),
                '?' => glob.push(Part::One),
                '\\' => match chars.next_if(|next| matches!(next, '*' | '?' | '\\')) {
                    Some(escaped) => glob.push_char(escaped),
                    None => glob.push_char('\\'),
                },
                c => glob.push_char(c),
            }
        }
        glob
    }

    /// Exactly this text, no wildcards.
    pub fn literal(text: impl Into<String>) -> Self {
        let mut glob = Glob::default();
        glob.push(Part::Text(text.into()));
        glob
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub fn push(&mut self, part: Part) {
        match (self.parts.last_mut(), part) {
            (_, Part::Text(text)) if text.is_empty() => {}
            (Some(Part::Text(last)), Part::Text(text)) => last.push_str(&text),
            (Some(Part::Any), Part::Any) => {}
            (_, part) => self.parts.push(part),
        }
    }

    fn push_char(&mut self, c: char) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push(c),
            _ => self.parts.push(Part::Text(c.into())),
        }
    }

    /// The text, if there are no wildcards, dashes or placeholders.
    pub fn as_literal(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The same with `*` in front (`endswith`).
    pub fn any_before(self) -> Self {
        let mut glob = Glob {
            parts: vec![Part::Any],
        };
        self.parts.into_iter().for_each(|part| glob.push(part));
        glob
    }

    /// The same with `*` behind (`startswith`).
    pub fn any_after(mut self) -> Self {
        self.push(Part::Any);
        self
    }

    /// Applies `change` to every text; the other parts stay.
    pub fn map_text<E>(self, change: impl Fn(&str) -> Result<String, E>) -> Result<Self, E> {
        let mut glob = Glob::default();
        for part in self.parts {
            match part {
                Part::Text(text) => glob.push(Part::Text(change(&text)?)),
                other => glob.push(other),
            }
        }
        Ok(glob)
    }

    /// Turns every dash that can begin a command-line flag (no letter, digit or `_` before it)
    /// into [`Part::Dash`].
    pub fn with_dashes(self) -> Self {
        let mut glob = Glob::default();
        for part in self.parts {
            let Part::Text(text) = part else {
                glob.push(part);
                continue;
            };
            let mut before = ' ';
            for c in text.chars() {
                if DASHES.contains(&c) && !(before.is_alphanumeric() || before == '_') {
                    glob.push(Part::Dash);
                } else {
                    glob.push_char(c);
                }
                before = c;
            }
        }
        glob
    }

    /// How many dashes stand for any of [`DASHES`].
    pub fn dashes(&self) -> usize {
        let dash = |part: &&Part| matches!(part, Part::Dash);
        self.parts.iter().filter(dash).count()
    }

    /// Bytes of plain text.
    pub fn text_bytes(&self) -> usize {
        let text = |part: &Part| match part {
            Part::Text(text) => text.len(),
            _ => 0,
        };
        self.parts.iter().map(text).sum()
    }

    /// Every plain string that the dashes stand for; `None` if there are wildcards or too many.
    pub fn dash_literals(&self, limit: usize) -> Option<Vec<String>> {
        let mut all = vec![String::new()];
        for part in &self.parts {
            match part {
                Part::Text(text) => all.iter_mut().for_each(|one| one.push_str(text)),
                Part::Dash => {
                    all = all
                        .iter()
                        .flat_map(|one| DASHES.map(|dash| format!("{one}{dash}")))
                        .collect();
                }
                Part::Any | Part::One | Part::Placeholder(_) => return None,
            }
            if all.len() > limit {
                return None;
            }
        }
        Some(all)
    }

    /// Whether `text` matches, character by character. Placeholders match nothing.
    ///
    /// This is the plain definition that the engine's search is tested against.
    pub fn matches(&self, text: &str, cased: bool) -> bool {
        if matches!(self.parts[..], [Part::Any]) {
            return true;
        }
        let tokens = self.tokens(cased);
        let text: Vec<char> = text
            .chars()
            .map(|c| if cased { c } else { fold_char(c) })
            .collect();
        let (mut token, mut at) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() || token < tokens.len() {
            match tokens.get(token) {
                Some(Token::Any) => {
                    retry = Some((token, at));
                    token += 1;
                    continue;
                }
                Some(expected) if at < text.len() && expected.accepts(text[at]) => {
                    token += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            match &mut retry {
                Some((any, from)) if *from < text.len() => {
                    *from += 1;
                    at = *from;
                    token = *any + 1;
                }
                _ => return false,
            }
        }
        true
    }

    fn tokens(&self, cased: bool) -> Vec<Token> {
        let mut tokens = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => tokens.extend(
                    text.chars()
                        .map(|c| Token::Char(if cased { c } else { fold_char(c) })),
                ),
                Part::Any => tokens.push(Token::Any),
                Part::One => tokens.push(Token::One),
                Part::Dash => tokens.push(Token::Dash),
                Part::Placeholder(_) => tokens.push(Token::Nothing),
            }
        }
        tokens
    }
}

enum Token {
    Char(char),
    Any,
    One,
    Dash,
    Nothing,
}

impl Token {
    fn accepts(&self, c: char) -> bool {
        match self {
            Token::Char(expected) => *expected == c,
            Token::One | Token::Any => true,
            Token::Dash => DASHES.contains(&c),
            Token::Nothing => false,
        }
    }
}

/// As a rule would write it.
impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => {
                    for c in text.chars() {
                        match c {
                            '*' | '?' | '\\' => write!(f, "\\{c}")?,
                            c => write!(f, "{c}")?,
                        }
                    }
                }
                Part::Any => f.write_str("*")?,
                Part::One => f.write_str("?")?,
                Part::Dash => f.write_str("[-/–—―]")?,
                Part::Placeholder(name) => write!(f, "%{name}%")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(pattern: &str, text: &str) -> bool {
        Glob::parse(pattern).matches(text, false)
    }

    #[test]
    fn backslashes_escape_wildcards_and_themselves() {
        assert_eq!(Glob::parse(r"C:\a").as_literal(), Some(r"C:\a"));
        assert_eq!(Glob::parse(r"C:\\a").as_literal(), Some(r"C:\a"));
        assert_eq!(Glob::parse(r"\*\?").as_literal(), Some("*?"));
        assert_eq!(
            Glob::parse(r"\\*").parts(),
            [Part::Text(r"\".into()), Part::Any]
        );
        assert_eq!(Glob::parse(r"\\\*").as_literal(), Some(r"\*"));
        assert_eq!(Glob::parse(r"\\\").as_literal(), Some(r"\\"));
        assert_eq!(Glob::parse(r"\\\\").as_literal(), Some(r"\\"));
        assert_eq!(
            Glob::parse(r"\\\\*").parts(),
            [Part::Text(r"\\".into()), Part::Any]
        );
        assert_eq!(Glob::parse(r"\\\\\*\\").as_literal(), Some(r"\\*\"));
        assert_eq!(Glob::parse(r"a\").as_literal(), Some(r"a\"));
        assert_eq!(Glob::parse("$(x)$").as_literal(), Some("$(x)$"));
    }

    #[test]
    fn wildcards_cover_the_whole_field() {
        assert!(holds("prog?.exe", "progA.exe") && !holds("prog?.exe", "prog.exe"));
        assert!(holds("a*c*e", "abcde") && !holds("a*c*e", "abcd"));
        assert!(holds("*1?", "211") && holds("*1?", "x1\n") && !holds("*1?", "1"));
        assert!(holds("*", "") && !holds("?", "") && holds("", "") && !holds("", " "));
        assert!(holds("*ab*ab", "abab") && !holds("*ab*ab", "ab"));
        assert!(holds("ҚАЗ?Қ", "қазаҚ"));
        assert!(!holds("trail ", "trail"));
    }

    #[test]
    fn dashes_at_the_start_of_a_flag_are_interchangeable() {
        let glob = Glob::literal(" -f foo-bar /x").with_dashes();
        for text in [
            " -f foo-bar /x",
            " /f foo-bar -x",
            " –f foo-bar ―x",
            " —f foo-bar —x",
        ] {
            assert!(glob.matches(text, false), "{text}");
        }
        assert!(!glob.matches(" -f foo/bar /x", false));
        assert_eq!(
            Glob::literal("/a -b")
                .with_dashes()
                .dash_literals(100)
                .unwrap()
                .len(),
            25
        );
    }
}
