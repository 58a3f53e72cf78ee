//! Regular expressions of pipelines, written for Python, and what they put in place of a match.

use regex::RegexBuilder;

use crate::error::Flaw;
use crate::matcher::{Flags, Pattern};
use crate::yaml::Node;

use super::map::{refuse, text};

/// Most memory of one compiled expression in bytes.
const REGEX_MEMORY_MAX: usize = 4 << 20;

/// An expression that must be found at the beginning, as Python's `match` has it.
pub(super) fn pattern(node: &Node) -> Result<Pattern, Flaw> {
    pattern_of(node.line, &text(node, "pattern")?)
}

pub(super) fn pattern_of(line: usize, source: &str) -> Result<Pattern, Flaw> {
    let anchored = format!(r"\A(?:{source})");
    let made = Pattern::new(anchored, Flags::default());
    made.map_err(|problem| refuse(line, format!("regular expression `{source}`: {problem}")))
}

pub(super) fn regex(node: &Node) -> Result<regex::Regex, Flaw> {
    let source = text(node, "regex")?;
    // The limits on length, nesting and memory are those of rules.
    pattern_of(node.line, &source)?;
    let made = RegexBuilder::new(&source)
        .size_limit(REGEX_MEMORY_MAX)
        .dfa_size_limit(REGEX_MEMORY_MAX)
        .build();
    made.map_err(|error| refuse(node.line, format!("regular expression `{source}`: {error}")))
}

/// `\1` and `\g<name>` of Python as the regex library writes them.
pub(super) fn replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = after;
        match c {
            '$' => out.push_str("$$"),
            '\\' => {
                let digits = after.bytes().take_while(u8::is_ascii_digit).take(2).count();
                let named = after.strip_prefix("g<").and_then(|it| it.split_once('>'));
                if digits > 0 {
                    out.push_str(&format!("${{{}}}", &after[..digits]));
                    rest = &after[digits..];
                } else if let Some((name, tail)) = named {
                    out.push_str(&format!("${{{name}}}"));
                    rest = tail;
                } else if let Some(tail) = after.strip_prefix('\\') {
                    out.push('\\');
                    rest = tail;
                } else {
                    out.push('\\');
                }
            }
            c => out.push(c),
        }
    }
    out
}
