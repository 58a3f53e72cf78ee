//! Globs prepared for matching: pieces between `*`, looked for from left to right.

use memchr::memmem;

use crate::fold::fold;
use crate::glob::{DASHES, Glob, Part};

#[derive(Debug)]
pub(super) struct FastGlob {
    /// Pieces between `*`; the first is bound to the start, the last to the end.
    pieces: Vec<Piece>,
    /// To be asked with the text as it is, not folded.
    pub cased: bool,
}

#[derive(Debug)]
struct Piece {
    elements: Vec<Element>,
    chars: usize,
}

#[derive(Debug)]
enum Element {
    Text(String),
    One,
    Dash,
    Nothing,
}

impl FastGlob {
    pub fn new(glob: &Glob, cased: bool) -> Self {
        let pieces = glob.parts().split(|part| *part == Part::Any);
        FastGlob {
            pieces: pieces.map(|parts| Piece::new(parts, cased)).collect(),
            cased,
        }
    }

    /// Whether `text` (folded unless `cased`) matches from end to end.
    pub fn matches(&self, text: &str) -> bool {
        let (first, rest) = match &self.pieces[..] {
            [] => return text.is_empty(),
            [only] => return only.ends_from(text, 0) == Some(text.len()),
            [first, rest @ ..] => (first, rest),
        };
        let Some(mut at) = first.ends_from(text, 0) else {
            return false;
        };
        let [middle @ .., last] = rest else {
            return false;
        };
        for piece in middle {
            match piece.find(text, at) {
                Some(end) => at = end,
                None => return false,
            }
        }
        last.closes(text, at)
    }
}

impl Piece {
    fn new(parts: &[Part], cased: bool) -> Self {
        let mut chars = 0;
        let elements = parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => {
                    chars += text.chars().count();
                    Element::Text(if cased { text.clone() } else { fold(text) })
                }
                Part::Dash => {
                    chars += 1;
                    Element::Dash
                }
                Part::One | Part::Any => {
                    chars += 1;
                    Element::One
                }
                Part::Placeholder(_) => Element::Nothing,
            })
            .collect();
        Piece { elements, chars }
    }

    /// Where the piece ends if it stands at `at`.
    fn ends_from(&self, text: &str, mut at: usize) -> Option<usize> {
        for element in &self.elements {
            let rest = text.get(at..)?;
            at += match element {
                Element::Text(expected) => {
                    if !rest.starts_with(expected.as_str()) {
                        return None;
                    }
                    expected.len()
                }
                Element::One => rest.chars().next()?.len_utf8(),
                Element::Dash => rest
                    .chars()
                    .next()
                    .filter(|c| DASHES.contains(c))?
                    .len_utf8(),
                Element::Nothing => return None,
            };
        }
        Some(at)
    }

    /// Where the leftmost occurrence at or after `from` ends.
    fn find(&self, text: &str, from: usize) -> Option<usize> {
        let Some(first) = self.elements.first() else {
            return Some(from);
        };
        let Element::Text(first) = first else {
            let starts = text[from..].char_indices().map(|(at, _)| from + at);
            return starts
                .chain([text.len()])
                .find_map(|at| self.ends_from(text, at));
        };
        let mut at = from;
        loop {
            at += memmem::find(&text.as_bytes()[at..], first.as_bytes())?;
            if let Some(end) = self.ends_from(text, at) {
                return Some(end);
            }
            at += first.chars().next().map_or(1, char::len_utf8);
        }
    }

    /// Whether the piece stands at the end of `text`, not before `from`.
    fn closes(&self, text: &str, from: usize) -> bool {
        if self.chars == 0 {
            return self.ends_from(text, text.len()).is_some();
        }
        let start = text
            .char_indices()
            .rev()
            .nth(self.chars - 1)
            .map(|(at, _)| at);
        start.is_some_and(|at| at >= from && self.ends_from(text, at) == Some(text.len()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn fast_globs_agree_with_plain_ones(
            pattern in "[abΣ*?\\\\/-]{0,8}",
            text in "[abσ/–-]{0,10}",
            dashes: bool,
            cased: bool,
        ) {
            let glob = Glob::parse(&pattern);
            let glob = if dashes { glob.with_dashes() } else { glob };
            let seen = if cased { text.clone() } else { fold(&text) };
            prop_assert_eq!(FastGlob::new(&glob, cased).matches(&seen), glob.matches(&text, cased));
        }
    }
}
