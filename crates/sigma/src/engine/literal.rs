//! Literals that a value must contain before a matcher can hold.
//!
//! All literals are folded and looked for in folded text. Folding works character by character,
//! so a text that holds a literal also holds its folded form in its folded form.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::rarity::bits;
use crate::fold::{fold, fold_char};
use crate::glob::{DASHES, Glob, Part};

/// Where the literal must stand, or that the whole matcher is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    Start,
    End,
    Whole,
    /// Only then does it pay to ask the matcher itself.
    Verify,
}

/// Literals of which at least one must be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needles {
    pub texts: Vec<String>,
    pub place: Place,
}

/// Most literals of one regular expression.
const BRANCHES_MAX: usize = 64;
/// Dashes inside a needle; each multiplies the needles by five.
const DASHES_MAX: usize = 2;
/// A literal of a regular expression that says less (in bits) is found too often to help.
const REGEX_BITS_MIN: f32 = 11.0;

/// Needles of a glob; `None` if it is made of wildcards only.
pub(super) fn of_glob(glob: &Glob, cased: bool) -> Option<Needles> {
    let parts = glob.parts();
    let mut best: Option<(usize, &[Part])> = None;
    for run in parts.split(|part| matches!(part, Part::Any | Part::One)) {
        for window in windows(run) {
            let bytes = size(window);
            if bytes > best.map_or(0, |(size, _)| size) {
                best = Some((bytes, window));
            }
        }
    }
    let (_, chosen) = best?;
    let (starts, ends) = (
        parts.first() == Some(&Part::Any),
        parts.last() == Some(&Part::Any),
    );
    let around = usize::from(starts) + usize::from(ends);
    let place = match (cased || chosen.len() + around < parts.len(), starts, ends) {
        (true, ..) => Place::Verify,
        (false, true, true) => Place::Anywhere,
        (false, false, true) => Place::Start,
        (false, true, false) => Place::End,
        (false, false, false) => Place::Whole,
    };
    let mut texts = vec![String::new()];
    for part in chosen {
        match part {
            Part::Text(text) => texts.iter_mut().for_each(|one| one.push_str(&fold(text))),
            _ => {
                texts = texts
                    .iter()
                    .flat_map(|one| DASHES.map(|dash| format!("{one}{dash}")))
                    .collect();
            }
        }
    }
    Some(Needles { texts, place })
}

/// The longest pieces of `run` with few enough dashes.
fn windows(run: &[Part]) -> Vec<&[Part]> {
    let mut all = Vec::new();
    for start in 0..run.len() {
        let mut dashes = 0;
        let mut end = start;
        while end < run.len() {
            dashes += usize::from(run[end] == Part::Dash);
            if dashes > DASHES_MAX {
                break;
            }
            end += 1;
        }
        all.push(&run[start..end]);
        if end == run.len() {
            break;
        }
    }
    all
}

/// Bytes of plain text; a piece of dashes alone counts nothing.
fn size(window: &[Part]) -> usize {
    let text = |part: &Part| {
        if let Part::Text(text) = part {
            text.len()
        } else {
            0
        }
    };
    window.iter().map(text).sum()
}

/// Needles of a regular expression; `None` if nothing rare enough is required.
pub(super) fn of_regex(parsed: &Hir) -> Option<Needles> {
    let texts = required(parsed)?;
    (least(&texts) >= REGEX_BITS_MIN).then_some(Needles {
        texts,
        place: Place::Verify,
    })
}

/// What it says, in bits, that one of `texts` stands somewhere.
fn least(texts: &[String]) -> f32 {
    let each = texts.iter().map(|text| bits(text));
    each.min_by(f32::total_cmp).unwrap_or(0.0)
}

/// Literals of which every match holds at least one.
fn required(hir: &Hir) -> Option<Vec<String>> {
    if let Some(text) = exact(hir) {
        return (!text.is_empty()).then(|| vec![text]);
    }
    match hir.kind() {
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(required(branch)?);
                if all.len() > BRANCHES_MAX {
                    return None;
                }
            }
            Some(all)
        }
        HirKind::Concat(parts) => {
            let mut found: Vec<Vec<String>> = Vec::new();
            let mut run = String::new();
            for part in parts {
                match exact(part) {
                    Some(text) => run.push_str(&text),
                    None => {
                        found.push(vec![std::mem::take(&mut run)]);
                        found.extend(required(part));
                    }
                }
            }
            found.push(vec![run]);
            let best = found.into_iter().max_by(|left, right| {
                let bits = least(left).total_cmp(&least(right));
                bits.then(right.len().cmp(&left.len()))
            })?;
            best.iter().all(|text| !text.is_empty()).then_some(best)
        }
        _ => None,
    }
}

/// The one folded text that every match of `hir` is.
fn exact(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(String::new()),
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok().map(fold),
        HirKind::Class(Class::Unicode(class)) => {
            let mut folded = None;
            for range in class.ranges() {
                if u32::from(range.end()) - u32::from(range.start()) > 8 {
                    return None;
                }
                for c in range.start()..=range.end() {
                    if *folded.get_or_insert(fold_char(c)) != fold_char(c) {
                        return None;
                    }
                }
            }
            folded.map(String::from)
        }
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(exact).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::{Flags, Pattern};

    fn glob(text: &str) -> Option<(Vec<String>, Place)> {
        of_glob(&Glob::parse(text), false).map(|needles| (needles.texts, needles.place))
    }

    fn one(text: &str, place: Place) -> Option<(Vec<String>, Place)> {
        Some((vec![text.to_owned()], place))
    }

    #[test]
    fn globs() {
        assert_eq!(glob("*ABC*"), one("abc", Place::Anywhere));
        assert_eq!(glob("abc*"), one("abc", Place::Start));
        assert_eq!(glob("*abc"), one("abc", Place::End));
        assert_eq!(glob("abc"), one("abc", Place::Whole));
        assert_eq!(glob("a*long?b"), one("long", Place::Verify));
        assert_eq!(glob("*abc?"), one("abc", Place::Verify));
        assert_eq!(glob("*"), None);
        assert_eq!(glob("??*"), None);
        assert_eq!(
            of_glob(&Glob::parse("Abc"), true).unwrap().place,
            Place::Verify
        );
        let dashed = of_glob(&Glob::literal(" -a -b -c").with_dashes(), false).unwrap();
        assert_eq!((dashed.texts.len(), dashed.place), (25, Place::Verify));
        let whole = of_glob(&Glob::literal("-a").with_dashes().any_before(), false).unwrap();
        assert_eq!((whole.texts.len(), whole.place), (5, Place::End));
    }

    fn regex(source: &str, insensitive: bool) -> Option<Vec<String>> {
        let flags = Flags {
            insensitive,
            ..Flags::default()
        };
        let pattern = Pattern::new(source.into(), flags).unwrap();
        of_regex(&pattern.parsed()?).map(|needles| needles.texts)
    }

    #[test]
    fn regular_expressions() {
        assert_eq!(regex(r"^foo\s+Barbar$", false).unwrap(), ["barbar"]);
        assert_eq!(regex(r"FooSk", true).unwrap(), ["foosk"]);
        assert_eq!(regex(r"(abc|defg)x+", false).unwrap(), ["abc", "defg"]);
        assert_eq!(regex(r"a{0,3}[xyz].*", false), None);
        assert_eq!(regex(r"(?:powershell\.exe)?", false), None);
        assert_eq!(regex(r"(curl|wget)+\s", false).unwrap(), ["curl", "wget"]);
    }

    /// A needle of an insensitive expression must be found in the folded form of every match.
    #[test]
    fn folding_covers_what_the_expression_engine_folds() {
        for c in (0..=0x1_ffffu32).filter_map(char::from_u32) {
            let source = regex_syntax::escape(&c.to_string());
            let flags = Flags {
                insensitive: true,
                ..Flags::default()
            };
            let hir = Pattern::new(source, flags).unwrap().parsed().unwrap();
            if let Some(text) = exact(&hir) {
                assert_eq!(text, fold(&c.to_string()), "{c:?}");
            }
        }
    }
}
