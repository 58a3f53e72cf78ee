//! What a rule asks of one value, after all modifiers are applied.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use regex_syntax::hir::{Class, Hir, HirKind};
use saqshy_event::Value;

use crate::fold::fold;
use crate::glob::Glob;

/// A test of one value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Matcher {
    /// The text of the value matches from end to end.
    Text { glob: Glob, cased: bool },
    /// The expression is found somewhere in the text.
    Regex(Pattern),
    /// The value is an address inside the network. An IPv4-mapped IPv6 address counts as IPv4.
    Cidr(IpNet),
    /// The value as a number (or a part of it as a time) compares so to the number.
    Compare {
        part: Option<TimePart>,
        op: Op,
        number: Number,
    },
    /// The field is present (or not), whatever its value.
    Exists(bool),
    /// The field is absent or present without a value.
    Null,
    /// The text compares so to the text of another field of the same event.
    FieldRef {
        field: String,
        side: Side,
        cased: bool,
    },
}

/// A regular expression with its flags. Equality is by source text.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub source: String,
    pub insensitive: bool,
    pub multi_line: bool,
    pub dot_all: bool,
    pub(crate) compiled: Arc<regex::Regex>,
    /// About how many states the compiled expression has, see [`states`].
    pub(crate) states: usize,
}

/// Longest accepted regular expression in bytes.
const REGEX_BYTES_MAX: usize = 16 << 10;
/// Most groups and repetitions inside one another.
const NEST_MAX: u32 = 64;
/// Most memory of one compiled expression in bytes.
const REGEX_MEMORY_MAX: usize = 4 << 20;

impl Pattern {
    pub(crate) fn new(source: String, flags: Flags) -> Result<Self, String> {
        if source.len() > REGEX_BYTES_MAX {
            return Err(format!("longer than {REGEX_BYTES_MAX} bytes"));
        }
        let parsed = parse(&source, flags).map_err(|error| one_line(&error.to_string()))?;
        let compiled = regex::RegexBuilder::new(&source)
            .case_insensitive(flags.insensitive)
            .multi_line(flags.multi_line)
            .dot_matches_new_line(flags.dot_all)
            .nest_limit(NEST_MAX)
            .size_limit(REGEX_MEMORY_MAX)
            .dfa_size_limit(REGEX_MEMORY_MAX)
            .build()
            .map_err(|error| one_line(&error.to_string()))?;
        Ok(Pattern {
            source,
            insensitive: flags.insensitive,
            multi_line: flags.multi_line,
            dot_all: flags.dot_all,
            compiled: Arc::new(compiled),
            states: states(&parsed),
        })
    }

    /// The structure of the expression.
    pub(crate) fn parsed(&self) -> Option<Hir> {
        let flags = Flags {
            insensitive: self.insensitive,
            multi_line: self.multi_line,
            dot_all: self.dot_all,
        };
        parse(&self.source, flags).ok()
    }

    fn key(&self) -> (&str, bool, bool, bool) {
        (
            &self.source,
            self.insensitive,
            self.multi_line,
            self.dot_all,
        )
    }
}

fn parse(source: &str, flags: Flags) -> Result<Hir, Box<regex_syntax::Error>> {
    let mut parser = regex_syntax::ParserBuilder::new();
    parser
        .case_insensitive(flags.insensitive)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .nest_limit(NEST_MAX);
    parser.build().parse(source).map_err(Box::new)
}

/// About how many states an expression has when it is compiled: one for a byte or a range of
/// characters, as often as a repetition can want it. What a rule costs in time and memory to load.
fn states(hir: &Hir) -> usize {
    let ranges = |class: &Class| match class {
        Class::Unicode(class) => class.ranges().len(),
        Class::Bytes(class) => class.ranges().len(),
    };
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(class) => ranges(class).max(1),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1));
            states(&repetition.sub).saturating_mul(times.max(1) as usize)
        }
        HirKind::Capture(capture) => states(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(states).fold(1, usize::saturating_add)
        }
    }
}

/// The last line of the library's drawing, which names the problem.
fn one_line(message: &str) -> String {
    let last = message.lines().last().unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The sub-modifiers of `re`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub insensitive: bool,
    pub multi_line: bool,
    pub dot_all: bool,
}

/// Part of a date and time, as written in the value (no time zone conversion).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimePart {
    Minute,
    Hour,
    Day,
    /// ISO 8601 week.
    Week,
    Month,
    Year,
}

impl TimePart {
    fn of(self, value: &Value) -> Option<i64> {
        let at = match value {
            Value::Time(time) => time.to_zoned(TimeZone::UTC).datetime(),
            value => written_time(&value.to_text()?)?,
        };
        Some(match self {
            TimePart::Minute => at.minute().into(),
            TimePart::Hour => at.hour().into(),
            TimePart::Day => at.day().into(),
            TimePart::Week => at.date().iso_week_date().week().into(),
            TimePart::Month => at.month().into(),
            TimePart::Year => at.year().into(),
        })
    }
}

fn written_time(text: &str) -> Option<DateTime> {
    let pieces = Pieces::parse(text.trim()).ok()?;
    Some(pieces.date().to_datetime(pieces.time().unwrap_or_default()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

/// A whole number exactly, or a float by its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Number {
    Int(i64),
    Float(u64),
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Number::Int(int) => int.fmt(f),
            Number::Float(bits) => f64::from_bits(*bits).fmt(f),
        }
    }
}

impl Number {
    pub fn float(value: f64) -> Self {
        Number::Float(value.to_bits())
    }

    fn as_float(self) -> f64 {
        match self {
            Number::Int(int) => int as f64,
            Number::Float(bits) => f64::from_bits(bits),
        }
    }

    /// A number written in decimal, signed or not.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let body = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return None;
        }
        match text.parse() {
            Ok(int) => Some(Number::Int(int)),
            Err(_) => text.parse().ok().map(Number::float),
        }
    }

    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(int) => Some(Number::Int(*int)),
            Value::Float(float) => Some(Number::float(*float)),
            Value::Str(text) => Number::parse(text),
            Value::Null | Value::Bool(_) | Value::Time(_) | Value::List(_) => None,
        }
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Number::Int(left), Number::Int(right)) => Some(left.cmp(&right)),
            (left, right) => left.as_float().partial_cmp(&right.as_float()),
        }
    }
}

/// How two texts are compared by `fieldref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    Equal,
    Contains,
    StartsWith,
    EndsWith,
}

impl Side {
    fn holds(self, text: &str, other: &str) -> bool {
        match self {
            Side::Equal => text == other,
            Side::Contains => text.contains(other),
            Side::StartsWith => text.starts_with(other),
            Side::EndsWith => text.ends_with(other),
        }
    }
}

impl Matcher {
    /// Whether the matcher holds for what a field holds: nothing if it is absent, more than one
    /// value if several names count as one field; of a list one item must hold. `others` is what
    /// a referenced field holds.
    ///
    /// This is the plain definition that the engine is tested against.
    pub(crate) fn holds(&self, values: &[&Value], others: &[&Value]) -> bool {
        match self {
            Matcher::Exists(wanted) => values.is_empty() != *wanted,
            Matcher::Null => values.is_empty() || values.iter().any(|value| is_null(value)),
            Matcher::FieldRef { side, cased, .. } => values.iter().any(|value| {
                let mut others = others.iter();
                others.any(|other| refers(value, other, *side, *cased))
            }),
            single => {
                let mut items = values.iter().flat_map(|value| value.items());
                items.any(|item| single.holds_one(item))
            }
        }
    }

    /// The same for one value that is no list; false for matchers that need more than the value.
    pub(crate) fn holds_one(&self, value: &Value) -> bool {
        match self {
            Matcher::Text { glob, cased } => value
                .to_text()
                .is_some_and(|text| glob.matches(&text, *cased)),
            Matcher::Regex(pattern) => value
                .to_text()
                .is_some_and(|text| pattern.compiled.is_match(&text)),
            Matcher::Cidr(net) => value
                .to_text()
                .and_then(|text| text.trim().parse().ok())
                .is_some_and(|address| in_network(net, address)),
            Matcher::Compare { part, op, number } => {
                let found = match part {
                    Some(part) => part.of(value).map(Number::Int),
                    None => Number::of(value),
                };
                let Some(order) = found.and_then(|found| found.compare(*number)) else {
                    return false;
                };
                match op {
                    Op::Less => order.is_lt(),
                    Op::LessOrEqual => order.is_le(),
                    Op::Greater => order.is_gt(),
                    Op::GreaterOrEqual => order.is_ge(),
                    Op::Equal => order.is_eq(),
                }
            }
            Matcher::Exists(_) | Matcher::Null | Matcher::FieldRef { .. } => false,
        }
    }
}

/// Whether a present value says nothing: null, an empty list, a list with a null.
pub(crate) fn is_null(value: &Value) -> bool {
    let items = value.items();
    items.is_empty() || items.contains(&Value::Null)
}

/// Whether one item of `value` compares so to one item of `other`.
pub(crate) fn refers(value: &Value, other: &Value, side: Side, cased: bool) -> bool {
    let text = |item: &Value| {
        item.to_text().map(|text| {
            if cased {
                text.into_owned()
            } else {
                fold(&text)
            }
        })
    };
    value.items().iter().filter_map(text).any(|left| {
        other
            .items()
            .iter()
            .filter_map(text)
            .any(|right| side.holds(&left, &right))
    })
}

pub(crate) fn in_network(net: &IpNet, address: IpAddr) -> bool {
    let canonical = address.to_canonical();
    net.contains(&address) || (canonical != address && net.contains(&canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(op: Op, number: Number, value: Value) -> bool {
        Matcher::Compare {
            part: None,
            op,
            number,
        }
        .holds_one(&value)
    }

    #[test]
    fn numbers_compare_signed_and_as_text() {
        assert!(compare(Op::Less, Number::Int(0), (-5i64).into()));
        assert!(compare(Op::Less, Number::Int(0), "-5".into()));
        assert!(compare(
            Op::GreaterOrEqual,
            Number::float(1.5),
            "1.5".into()
        ));
        assert!(compare(
            Op::Greater,
            Number::Int(9_007_199_254_740_992),
            9_007_199_254_740_993i64.into()
        ));
        for text in ["", "abc", "0x10", "nan", "inf"] {
            assert!(!compare(Op::Greater, Number::Int(0), text.into()), "{text}");
        }
    }

    #[test]
    fn time_parts_are_read_as_written() {
        let part = |part, number, text: &str| {
            let number = Number::Int(number);
            Matcher::Compare {
                part: Some(part),
                op: Op::Equal,
                number,
            }
            .holds_one(&text.into())
        };
        assert!(part(TimePart::Hour, 8, "2019-03-02 08:51:00.008"));
        assert!(part(TimePart::Hour, 23, "2019-03-02T23:51:00+05:00"));
        assert!(part(TimePart::Minute, 51, "2019-03-02T23:51:00Z"));
        assert!(part(TimePart::Week, 1, "2024-12-31"));
        assert!(
            part(TimePart::Year, 2024, "2024-12-31") && part(TimePart::Month, 12, "2024-12-31")
        );
        assert!(!part(TimePart::Day, 31, "yesterday"));
        let time: jiff::Timestamp = "2024-12-31T20:00:00Z".parse().unwrap();
        let day = Matcher::Compare {
            part: Some(TimePart::Day),
            op: Op::Equal,
            number: Number::Int(31),
        };
        assert!(day.holds_one(&time.into()));
    }

    #[test]
    fn networks_hold_both_families_and_mapped_addresses() {
        let cidr =
            |net: &str, text: &str| Matcher::Cidr(net.parse().unwrap()).holds_one(&text.into());
        assert!(cidr("10.0.0.0/8", "10.255.1.2") && !cidr("10.0.0.0/8", "11.0.0.1"));
        assert!(cidr("fe80::/10", "fe80::1") && !cidr("fe80::/10", "10.0.0.1"));
        assert!(cidr("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!cidr("10.0.0.0/8", "10.0.0.1.example.org") && !cidr("0.0.0.0/0", "-"));
    }
}
