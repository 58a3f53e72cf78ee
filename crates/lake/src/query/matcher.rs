//! One condition against one value.
//!
//! Both the search and the plain evaluator ([`super::oracle`]) decide here, so what a condition
//! means is written once. Text is compared after folding: every character replaced by its Unicode
//! lower case, without regard to its neighbours.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use ipnet::IpNet;
use regex::bytes;
use saqshy_event::EcsType;

use super::{Bound, Glob, Piece, Test};
use crate::time::{format_micros, parse_period};

/// Largest compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A user's regular expression; the reason in one line where it is none.
pub(super) fn regex(pattern: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let last = text.lines().next_back().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        })
}

/// A condition made ready for the values of one type of field.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Exists,
    Equals {
        folded: String,
        number: Option<f64>,
        whole: Option<i64>,
        address: Option<Address>,
        period: Option<(i64, i64)>,
    },
    Contains {
        folded: String,
        ascii: Option<bytes::Regex>,
    },
    Pattern {
        segments: Vec<Segment>,
        open_start: bool,
        open_end: bool,
    },
    Regex(regex::Regex),
    Range {
        low: Option<Limit>,
        high: Option<Limit>,
    },
    Never,
}

#[derive(Debug, Clone, Copy)]
enum Address {
    One(IpAddr),
    Net(IpNet),
}

#[derive(Debug, Clone)]
struct Limit {
    folded: String,
    number: Option<f64>,
    address: Option<IpAddr>,
    period: Option<(i64, i64)>,
    inclusive: bool,
}

/// What stands between two `*`.
type Segment = Vec<Piece>;

impl Matcher {
    /// The condition for values of a field of type `field`.
    pub(crate) fn of_field(test: &Test, field: EcsType) -> Self {
        Matcher {
            kind: Kind::of_field(test, field),
        }
    }

    /// The condition for any text of an event.
    pub(crate) fn of_text(test: &Test) -> Self {
        let kind = match test {
            Test::Text(text) => {
                let folded = fold(text).into_owned();
                let ascii = folded
                    .is_ascii()
                    .then(|| format!("(?i-u:{})", regex::escape(&folded)))
                    .and_then(|pattern| bytes::Regex::new(&pattern).ok());
                Kind::Contains { folded, ascii }
            }
            Test::Pattern(glob) => match Kind::pattern(glob) {
                Kind::Pattern { segments, .. } => Kind::Pattern {
                    segments,
                    open_start: true,
                    open_end: true,
                },
                other => other,
            },
            Test::Regex(pattern) => Kind::regex(pattern),
            Test::Exists => Kind::Exists,
            Test::Range { .. } => Kind::Never,
        };
        Matcher { kind }
    }

    /// Whether text fits.
    pub(crate) fn text(&self, text: &str) -> bool {
        match &self.kind {
            Kind::Exists => true,
            Kind::Never => false,
            Kind::Equals {
                folded, address, ..
            } => {
                equals(text, folded)
                    || address.is_some_and(|wanted| {
                        parse_address(text).is_some_and(|address| wanted.holds(address))
                    })
            }
            Kind::Contains { folded, ascii } => contains(text, folded, ascii.as_ref()),
            Kind::Pattern {
                segments,
                open_start,
                open_end,
            } => fits(&fold(text), segments, *open_start, *open_end),
            Kind::Regex(regex) => regex.is_match(text),
            Kind::Range { low, high } => in_range(text, low.as_ref(), high.as_ref()),
        }
    }

    /// Whether a whole number fits.
    pub(crate) fn long(&self, number: i64) -> bool {
        match &self.kind {
            Kind::Exists => true,
            Kind::Equals {
                whole: Some(whole), ..
            } => *whole == number,
            Kind::Equals {
                number: Some(wanted),
                ..
            } => *wanted == number as f64,
            Kind::Equals { .. } => false,
            Kind::Range { low, high } => number_in_range(number as f64, low, high),
            _ => self.text(&number.to_string()),
        }
    }

    /// Whether a floating point number fits.
    pub(crate) fn double(&self, number: f64) -> bool {
        match &self.kind {
            Kind::Exists => true,
            Kind::Equals {
                number: Some(wanted),
                ..
            } => *wanted == number,
            Kind::Equals { .. } => false,
            Kind::Range { low, high } => number_in_range(number, low, high),
            _ => self.text(&number.to_string()),
        }
    }

    /// Whether a truth value fits.
    pub(crate) fn bool(&self, yes: bool) -> bool {
        self.text(if yes { "true" } else { "false" })
    }

    /// Whether a time, in µs since 1970, fits.
    pub(crate) fn time(&self, micros: i64) -> bool {
        match &self.kind {
            Kind::Exists => true,
            Kind::Equals { period, .. } => {
                period.is_some_and(|(start, end)| start <= micros && micros < end)
            }
            Kind::Range { low, high } => {
                let above = low.as_ref().is_none_or(|limit| match limit.period {
                    Some((start, _)) if limit.inclusive => micros >= start,
                    Some((_, end)) => micros >= end,
                    None => false,
                });
                let below = high.as_ref().is_none_or(|limit| match limit.period {
                    Some((_, end)) if limit.inclusive => micros < end,
                    Some((start, _)) => micros < start,
                    None => false,
                });
                above && below
            }
            _ => self.text(&format_micros(micros)),
        }
    }
}

impl Kind {
    fn of_field(test: &Test, field: EcsType) -> Self {
        match test {
            Test::Exists => Kind::Exists,
            Test::Text(text) => Kind::Equals {
                folded: fold(text).into_owned(),
                number: parse_number(text),
                whole: text.parse().ok(),
                address: parse_address(text)
                    .map(Address::One)
                    .or_else(|| Some(Address::Net(text.parse().ok()?))),
                period: (field == EcsType::Date)
                    .then(|| parse_period(text))
                    .flatten(),
            },
            Test::Pattern(glob) => Kind::pattern(glob),
            Test::Regex(pattern) => Kind::regex(pattern),
            Test::Range { low, high } => Kind::Range {
                low: low.as_ref().map(Limit::new),
                high: high.as_ref().map(Limit::new),
            },
        }
    }

    fn regex(pattern: &str) -> Self {
        // The parser has compiled it before; one built by hand may be wrong and then fits nothing.
        regex(pattern).map_or(Kind::Never, Kind::Regex)
    }

    fn pattern(glob: &Glob) -> Self {
        let mut segments = vec![Segment::new()];
        for piece in glob.pieces() {
            match piece {
                Piece::Any => segments.push(Segment::new()),
                Piece::One => push_last(&mut segments, Piece::One),
                Piece::Text(text) => {
                    push_last(&mut segments, Piece::Text(fold(text).into_owned()));
                }
            }
        }
        Kind::Pattern {
            segments,
            open_start: false,
            open_end: false,
        }
    }
}

fn push_last(segments: &mut [Segment], piece: Piece) {
    if let Some(last) = segments.last_mut() {
        last.push(piece);
    }
}

impl Limit {
    fn new(bound: &Bound) -> Self {
        Limit {
            folded: fold(&bound.value).into_owned(),
            number: parse_number(&bound.value),
            address: parse_address(&bound.value),
            period: parse_period(&bound.value),
            inclusive: bound.inclusive,
        }
    }

    fn allows(&self, ordering: Option<Ordering>, wanted: Ordering) -> bool {
        match ordering {
            Some(Ordering::Equal) => self.inclusive,
            Some(ordering) => ordering == wanted,
            None => false,
        }
    }
}

impl Address {
    fn holds(self, address: IpAddr) -> bool {
        match self {
            Address::One(one) => one == address,
            Address::Net(net) => net.contains(&address),
        }
    }
}

/// Lower case, character by character.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        }
    } else {
        Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
    }
}

fn equals(text: &str, folded: &str) -> bool {
    if text.is_ascii() {
        text.eq_ignore_ascii_case(folded)
    } else {
        fold(text) == folded
    }
}

/// `ascii` finds `folded` in ASCII text whatever its case; absent where `folded` is not ASCII and
/// so in no ASCII text.
fn contains(text: &str, folded: &str, ascii: Option<&bytes::Regex>) -> bool {
    if text.is_ascii() {
        ascii.is_some_and(|regex| regex.is_match(text.as_bytes()))
    } else {
        fold(text).contains(folded)
    }
}

fn parse_number(text: &str) -> Option<f64> {
    let numeric = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if !numeric {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// An address; an IPv4 address written as IPv6 (`::ffff:10.0.0.1`) counts as IPv4.
fn parse_address(text: &str) -> Option<IpAddr> {
    let possible = (2..=45).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':'))
        && text.bytes().any(|b| matches!(b, b'.' | b':'));
    if !possible {
        return None;
    }
    text.parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}

fn number_in_range(number: f64, low: &Option<Limit>, high: &Option<Limit>) -> bool {
    let side = |limit: &Option<Limit>, wanted| {
        limit.as_ref().is_none_or(|limit| {
            limit.allows(
                limit.number.and_then(|bound| number.partial_cmp(&bound)),
                wanted,
            )
        })
    };
    side(low, Ordering::Greater) && side(high, Ordering::Less)
}

fn in_range(text: &str, low: Option<&Limit>, high: Option<&Limit>) -> bool {
    let limits = [(low, Ordering::Greater), (high, Ordering::Less)];
    let all = |wanted: fn(&Limit) -> bool| limits.iter().all(|(l, _)| l.is_none_or(wanted));
    if all(|limit| limit.number.is_some()) {
        let Some(number) = parse_number(text) else {
            return false;
        };
        return number_in_range(number, &low.cloned(), &high.cloned());
    }
    if all(|limit| limit.address.is_some()) {
        let Some(address) = parse_address(text) else {
            return false;
        };
        return limits.iter().all(|(limit, wanted)| {
            limit.is_none_or(|limit| {
                let bound = limit
                    .address
                    .filter(|bound| bound.is_ipv4() == address.is_ipv4());
                limit.allows(bound.map(|bound| address.cmp(&bound)), *wanted)
            })
        });
    }
    let folded = fold(text);
    limits.iter().all(|(limit, wanted)| {
        limit.is_none_or(|limit| limit.allows(Some((*folded).cmp(&limit.folded)), *wanted))
    })
}

/// Whether `text` consists of the segments with anything between them.
fn fits(text: &str, segments: &[Segment], open_start: bool, open_end: bool) -> bool {
    let [first, middle @ ..] = segments else {
        return true;
    };
    let mut rest = text;
    if open_start {
        match find(rest, first) {
            Some(after) => rest = after,
            None => return false,
        }
    } else {
        match strip(rest, first) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    let Some((last, middle)) = middle.split_last() else {
        return if open_end {
            true
        } else if open_start {
            ends_with(text, first)
        } else {
            rest.is_empty()
        };
    };
    for segment in middle {
        match find(rest, segment) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    if open_end {
        find(rest, last).is_some()
    } else {
        ends_with(rest, last)
    }
}

/// What follows the segment at the start of `text`.
fn strip<'a>(text: &'a str, segment: &Segment) -> Option<&'a str> {
    let mut rest = text;
    for piece in segment {
        match piece {
            Piece::Text(wanted) => rest = rest.strip_prefix(wanted.as_str())?,
            _ => {
                let mut chars = rest.chars();
                chars.next()?;
                rest = chars.as_str();
            }
        }
    }
    Some(rest)
}

/// What follows the first place of the segment in `text`.
fn find<'a>(text: &'a str, segment: &Segment) -> Option<&'a str> {
    let mut rest = text;
    loop {
        if let Some(Piece::Text(wanted)) = segment.first() {
            rest = &rest[rest.find(wanted.as_str())?..];
        }
        if let Some(after) = strip(rest, segment) {
            return Some(after);
        }
        let mut chars = rest.chars();
        chars.next()?;
        rest = chars.as_str();
    }
}

fn ends_with(text: &str, segment: &Segment) -> bool {
    let mut rest = text;
    for piece in segment.iter().rev() {
        match piece {
            Piece::Text(wanted) => match rest.strip_suffix(wanted.as_str()) {
                Some(before) => rest = before,
                None => return false,
            },
            _ => {
                let mut chars = rest.chars();
                if chars.next_back().is_none() {
                    return false;
                }
                rest = chars.as_str();
            }
        }
    }
    true
}

/// Whether a field name fits a pattern. Names keep their letter case.
pub(crate) fn name_fits(name: &str, glob: &Glob) -> bool {
    let mut segments = vec![Segment::new()];
    for piece in glob.pieces() {
        match piece {
            Piece::Any => segments.push(Segment::new()),
            piece => push_last(&mut segments, piece.clone()),
        }
    }
    fits(name, &segments, false, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(test: Test) -> Matcher {
        Matcher::of_field(&test, EcsType::Keyword)
    }

    fn naive(text: &[char], glob: &[Piece]) -> bool {
        match glob {
            [] => text.is_empty(),
            [Piece::Any, rest @ ..] => (0..=text.len()).any(|at| naive(&text[at..], rest)),
            [Piece::One, rest @ ..] => !text.is_empty() && naive(&text[1..], rest),
            [Piece::Text(wanted), rest @ ..] => {
                let wanted: Vec<char> = wanted.chars().collect();
                text.starts_with(&wanted) && naive(&text[wanted.len()..], rest)
            }
        }
    }

    proptest! {
        #[test]
        fn patterns_mean_what_the_plain_definition_says(
            text in "[abқ]{0,8}",
            pieces in prop::collection::vec(
                prop_oneof![
                    Just(Piece::Any), Just(Piece::One), "[abқ]{1,2}".prop_map(Piece::Text)
                ], 0..6),
        ) {
            let glob = Glob::new(pieces);
            let chars: Vec<char> = text.chars().collect();
            let whole = field(Test::Pattern(glob.clone())).text(&text);
            prop_assert_eq!(whole, naive(&chars, glob.pieces()));
            let mut open = vec![Piece::Any];
            open.extend(glob.pieces().iter().cloned());
            open.push(Piece::Any);
            let inside = Matcher::of_text(&Test::Pattern(glob)).text(&text);
            prop_assert_eq!(inside, naive(&chars, Glob::new(open).pieces()));
        }
    }

    #[test]
    fn addresses_match_however_they_are_written() {
        let net = field(Test::Text("10.0.0.0/8".into()));
        assert!(net.text("10.1.2.3") && net.text("::ffff:10.1.2.3"));
        assert!(!net.text("11.0.0.1") && !net.text("10") && !net.text("ten"));
        let one = field(Test::Text("2001:DB8:0::1".into()));
        assert!(one.text("2001:db8::1"));
        let net = field(Test::Text("2001:db8::/32".into()));
        assert!(net.text("2001:db8:ffff::1") && !net.text("2001:db9::1"));
    }

    #[test]
    fn letter_case_does_not_matter_in_any_script() {
        assert!(field(Test::Text("ҚАЗАҚСТАН".into())).text("қазақстан"));
        assert!(Matcher::of_text(&Test::Text("Жүйе".into())).text("ақпараттық ЖҮЙЕ бұзылды"));
        assert!(Matcher::of_text(&Test::Text("kelvin".into())).text("\u{212a}ELVIN"));
    }
}
