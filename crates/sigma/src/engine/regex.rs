//! Regular expressions, asked only whether they match.
//!
//! What a repetition at either end may take beyond its least does not matter then. Where the
//! rarest literal of an expression is not at its beginning, a search for what begins with the
//! literal is much faster than one for the whole; what must stand before is asked where that is
//! found. An expression that only wants a text to be long needs no automaton that can count.

use std::sync::Arc;

use regex::Regex;
use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Repetition};

use super::rarity::bits;
use crate::matcher::Pattern;

/// The same answers as those of [`Pattern::compiled`].
#[derive(Debug)]
pub(super) struct FastRegex {
    whole: Arc<Regex>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Whole,
    Split(Box<Split>),
    Long(Box<Long>),
}

/// An expression in two, cut before a literal.
#[derive(Debug)]
struct Split {
    /// What stands before the literal, bound to the end.
    before: Regex,
    /// Most bytes that this takes.
    reach: usize,
    from: Regex,
}

/// So many characters of a class, one after the other: `.{1000,}`.
#[derive(Debug)]
struct Long {
    class: ClassUnicode,
    ascii: [bool; 128],
    least: u32,
}

/// Fewer are counted well by an automaton.
const LONG_MIN: u32 = 64;
/// Most bytes of what stands before the literal.
const REACH_MAX: usize = 256;
/// A literal that says less does not make an expression worth cutting.
const BITS_MIN: f32 = 7.0;
/// So often the literal may be found with something else before it; then the whole is asked, which
/// takes time in proportion to the text.
const ATTEMPTS: usize = 32;

impl FastRegex {
    /// `parsed` is [`Pattern::parsed`].
    pub fn new(pattern: &Pattern, parsed: Option<&Hir>) -> Self {
        let whole = Arc::clone(&pattern.compiled);
        let split = || Some(Way::Split(Box::new(Split::new(parsed?)?)));
        let long = || Some(Way::Long(Box::new(Long::new(parsed?)?)));
        let way = long().or_else(split).unwrap_or(Way::Whole);
        FastRegex { whole, way }
    }

    /// Whether the expression matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.way {
            Way::Whole => self.whole.is_match(text),
            Way::Split(split) => split
                .is_match(text)
                .unwrap_or_else(|| self.whole.is_match(text)),
            Way::Long(long) => long.is_match(text),
        }
    }
}

impl Long {
    fn new(parsed: &Hir) -> Option<Self> {
        let HirKind::Repetition(repetition) = parsed.kind() else {
            return None;
        };
        let (HirKind::Class(Class::Unicode(class)), LONG_MIN..) =
            (repetition.sub.kind(), repetition.min)
        else {
            return None;
        };
        let mut ascii = [false; 128];
        for (code, there) in (0u8..).zip(&mut ascii) {
            *there = holds(class, char::from(code));
        }
        Some(Long {
            class: class.clone(),
            ascii,
            least: repetition.min,
        })
    }

    fn is_match(&self, text: &str) -> bool {
        let mut run = 0;
        text.chars().any(|c| {
            let there = self.ascii.get(c as usize).copied();
            run = match there.unwrap_or_else(|| holds(&self.class, c)) {
                true => run + 1,
                false => 0,
            };
            run == self.least
        })
    }
}

fn holds(class: &ClassUnicode, c: char) -> bool {
    let ranges = class.ranges();
    let at = ranges.partition_point(|range| range.end() < c);
    ranges.get(at).is_some_and(|range| range.start() <= c)
}

impl Split {
    /// `None` if the expression has nothing before its rarest literal, too much, or something that
    /// must see what is around.
    fn new(parsed: &Hir) -> Option<Self> {
        let HirKind::Concat(parts) = parsed.kind() else {
            return None;
        };
        let said = |part: &Hir| literal(part).map_or(0.0, bits);
        let (at, _) = parts
            .iter()
            .map(said)
            .enumerate()
            .rev()
            .max_by(|left, right| left.1.total_cmp(&right.1))
            .filter(|(_, bits)| *bits >= BITS_MIN)?;
        let before = Hir::concat(without_excess(parts[..at].iter()));
        let properties = before.properties();
        let reach = properties.maximum_len()?;
        if reach == 0 || reach > REACH_MAX || !properties.look_set().is_empty() {
            return None;
        }
        let mut from = without_excess(parts[at..].iter().rev());
        from.reverse();
        Some(Split {
            before: Regex::new(&format!("(?:{before})\\z")).ok()?,
            reach,
            from: Regex::new(&Hir::concat(from).to_string()).ok()?,
        })
    }

    /// `None` if that would take long to tell.
    fn is_match(&self, text: &str) -> Option<bool> {
        let mut at = 0;
        for _ in 0..ATTEMPTS {
            let Some(found) = self.from.find_at(text, at) else {
                return Some(false);
            };
            let (before, from) = text.split_at(found.start());
            let start = before.floor_char_boundary(before.len().saturating_sub(self.reach));
            if self.before.is_match(&before[start..]) {
                return Some(true);
            }
            at = found.start() + from.chars().next().map_or(1, char::len_utf8);
        }
        None
    }
}

fn literal(part: &Hir) -> Option<&str> {
    match part.kind() {
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok(),
        _ => None,
    }
}

/// `parts` without what the outermost, which come first, may take beyond their least.
fn without_excess<'h>(parts: impl Iterator<Item = &'h Hir>) -> Vec<Hir> {
    let optional = |part: &&Hir| matches!(part.kind(), HirKind::Repetition(it) if it.min == 0);
    let mut parts: Vec<Hir> = parts.skip_while(optional).cloned().collect();
    if let Some(first) = parts.first_mut()
        && let HirKind::Repetition(repetition) = first.kind()
    {
        *first = Hir::repetition(Repetition {
            max: Some(repetition.min),
            ..repetition.clone()
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::matcher::Flags;

    fn pattern(source: &str, insensitive: bool) -> Pattern {
        let flags = Flags {
            insensitive,
            ..Flags::default()
        };
        Pattern::new(source.into(), flags).unwrap()
    }

    fn fast(pattern: &Pattern) -> FastRegex {
        FastRegex::new(pattern, pattern.parsed().as_ref())
    }

    #[test]
    fn an_expression_is_cut_before_its_rarest_literal() {
        let cut = |source| matches!(fast(&pattern(source, false)).way, Way::Split(_));
        assert!(cut(r"\w+`(\w+|-|.)`[\w+|\s]"));
        assert!(cut(r#"\s['"]?C:\\Windows\\(?:System32|SysWOW64)"#));
        // It begins with the literal, more than a little may stand before it, or what stands
        // before must see what is around.
        assert!(!cut(r"cmd.{0,5}a"));
        assert!(!cut(r"[ab].+powershell"));
        assert!(!cut(r"\bx?@home"));
        assert!(!cut(r"[a-z]+"));
    }

    const BEFORE: [&str; 11] = [
        "",
        "a?",
        "[ab]+",
        "(?:ab|c){1,3}",
        "é",
        r"\w{2,}",
        "^a",
        r"\bb",
        "[^`]{2}",
        ".*",
        "(?s:.)",
    ];
    const LITERAL: [&str; 4] = ["`", "@@", "é@", "zebra"];
    const BEHIND: [&str; 8] = [
        "",
        "a*",
        ".+",
        "[ab]{2,}$",
        r"(\w+|-|.)`[ab]",
        r"\b",
        "b+?c",
        "(?:`a){2,}",
    ];

    #[test]
    fn long_runs_are_counted() {
        for source in [".{70,}", "[a-zа-я]{70}", r"\W{70,90}?"] {
            let pattern = pattern(source, true);
            let fast = fast(&pattern);
            assert!(matches!(fast.way, Way::Long(_)), "{source}");
            for c in ["a", "Я", " ", "\n", "𝄞"] {
                for count in [0, 69, 70, 71, 140] {
                    let text = format!("{0}\n{0}ё-{0}", c.repeat(count / 2));
                    for text in [text, c.repeat(count)] {
                        let plain = pattern.compiled.is_match(&text);
                        assert_eq!(fast.is_match(&text), plain, "{source} {c:?} {count}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_answers_are_the_same(
            before in prop::sample::select(&BEFORE[..]),
            literal in prop::sample::select(&LITERAL[..]),
            behind in prop::sample::select(&BEHIND[..]),
            texts in prop::collection::vec(
                "[ab`@é \\n]{0,12}|(a|b|@@|`|é@|c|zebra){0,40}|(`a){0,70}[bc`]{0,3}",
                1..20,
            ),
            insensitive in any::<bool>(),
        ) {
            let pattern = pattern(&format!("{before}{literal}{behind}"), insensitive);
            let fast = fast(&pattern);
            for text in texts {
                prop_assert_eq!(fast.is_match(&text), pattern.compiled.is_match(&text), "{}", text);
            }
        }
    }
}
