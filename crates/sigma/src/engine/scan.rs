//! One search over a value for all literals that any rule wants in the field.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};
use foldhash::fast::RandomState;
use ipnet::IpNet;
use saqshy_event::Value;

use super::glob::FastGlob;
use super::grams::Literals;
use super::literal::{Needles, Place};
use super::regex::FastRegex;
use super::trie::Trie;
use crate::fold::fold_into;
use crate::matcher::in_network;

/// The literals of one field, by where they must stand.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    whole: HashMap<Box<str>, (u32, u32), RandomState>,
    starts: Trie,
    ends: Trie,
    inner: Option<Inner>,
    /// Networks with their atoms; an address is read once for all of them.
    networks: Vec<(IpNet, u32)>,
    /// Bytes of the shortest literal.
    shortest: usize,
    /// For each literal above the checks to make, as ranges.
    checks: Vec<Check>,
    verifies: Vec<Verify>,
}

/// Literals that may stand anywhere.
#[derive(Debug)]
struct Inner {
    search: Literals,
    /// Together they say fast of many texts that nothing is there; only for few literals.
    any: Vec<AhoCorasick>,
    /// Bytes of the shortest and of the longest literal.
    shortest: usize,
    longest: usize,
    /// Each literal has a byte that [`is_numeric`] is not true of.
    worded: bool,
    /// For each literal a range of `checks`.
    literals: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct Check {
    atom: u32,
    /// Place in `Scanner::verifies`, or [`SURE`].
    verify: u32,
}

/// The literal alone decides.
const SURE: u32 = u32::MAX;

/// The matcher itself, asked where a literal alone does not decide.
#[derive(Debug)]
pub(super) enum Verify {
    Glob(FastGlob),
    Regex(FastRegex),
}

/// Literals of one quick test for "none at all".
const FEW: usize = 64;
/// Quick tests that pay.
const TESTS_MAX: usize = 4;
/// Bytes that are folded and searched in one go where many texts are ruled out.
const PIECE_BYTES: usize = 4 << 10;

/// Literals on the way to a [`Scanner`].
#[derive(Default)]
pub(super) struct ScannerBuilder {
    whole: HashMap<String, Vec<Check>>,
    starts: HashMap<String, Vec<Check>>,
    ends: HashMap<String, Vec<Check>>,
    inner: HashMap<String, Vec<Check>>,
    verifies: Vec<Verify>,
    networks: Vec<(IpNet, u32)>,
}

/// Bytes of the shortest address: `::`.
const ADDRESS_BYTES_MIN: usize = 2;

impl ScannerBuilder {
    pub fn add(&mut self, atom: u32, needles: Needles, verify: Option<Verify>) {
        debug_assert_eq!(needles.place == Place::Verify, verify.is_some());
        let map = match needles.place {
            Place::Whole => &mut self.whole,
            Place::Start => &mut self.starts,
            Place::End => &mut self.ends,
            Place::Anywhere | Place::Verify => &mut self.inner,
        };
        let place = match verify {
            Some(verify) => {
                self.verifies.push(verify);
                self.verifies.len() as u32 - 1
            }
            None => SURE,
        };
        for text in needles.texts {
            let verify = place;
            map.entry(text).or_default().push(Check { atom, verify });
        }
    }

    /// The atom holds for addresses in `network`.
    pub fn add_network(&mut self, atom: u32, network: IpNet) {
        self.networks.push((network, atom));
    }

    pub fn build(self) -> Result<Scanner, BuildError> {
        let maps = [&self.whole, &self.starts, &self.ends, &self.inner];
        let lengths = maps.into_iter().flat_map(HashMap::keys).map(String::len);
        let address = (!self.networks.is_empty()).then_some(ADDRESS_BYTES_MIN);
        let mut scanner = Scanner {
            shortest: lengths.chain(address).min().unwrap_or(usize::MAX),
            networks: self.networks,
            verifies: self.verifies,
            ..Scanner::default()
        };
        let checks = &mut scanner.checks;
        let mut lay_out = |map: HashMap<String, Vec<Check>>, reverse: bool| {
            let mut all: Vec<(Vec<u8>, Vec<Check>)> = map
                .into_iter()
                .map(|(text, checks)| {
                    let mut bytes = text.into_bytes();
                    if reverse {
                        bytes.reverse();
                    }
                    (bytes, checks)
                })
                .collect();
            all.sort_by(|left, right| left.0.cmp(&right.0));
            let ranges = all.into_iter().map(|(text, own)| {
                let start = checks.len() as u32;
                checks.extend(own);
                (text, (start, checks.len() as u32))
            });
            ranges.collect::<Vec<_>>()
        };
        scanner.starts = Trie::front(&lay_out(self.starts, false));
        scanner.ends = Trie::back(&lay_out(self.ends, true));
        let whole = lay_out(self.whole, false).into_iter();
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes)
                .unwrap_or_default()
                .into_boxed_str()
        };
        scanner.whole = whole.map(|(bytes, range)| (text(bytes), range)).collect();
        let inner = lay_out(self.inner, false);
        if !inner.is_empty() {
            scanner.inner = Some(Inner::new(&inner)?);
        }
        Ok(scanner)
    }
}

impl Inner {
    fn new(texts: &[(Vec<u8>, (u32, u32))]) -> Result<Self, BuildError> {
        let lengths = texts.iter().map(|(text, _)| text.len());
        let (shortest, longest) = (lengths.clone().min(), lengths.max());
        let is_worded = |(text, _): &(Vec<u8>, _)| !is_numeric(text);
        let search = Literals::new(texts.iter().map(|(text, _)| text.as_slice()))?;
        let any = match texts.len() <= FEW * TESTS_MAX {
            true => texts.chunks(FEW).map(quick).collect::<Result<_, _>>()?,
            false => Vec::new(),
        };
        let literals = texts.iter().map(|(_, range)| *range).collect();
        Ok(Inner {
            search,
            any,
            shortest: shortest.unwrap_or(0),
            longest: longest.unwrap_or(0),
            worded: texts.iter().all(is_worded),
            literals,
        })
    }

    fn rules_out(&self) -> bool {
        !self.any.is_empty() && self.longest <= PIECE_BYTES / 8
    }

    /// Whether none of the literals is in `folded`, where that can be said fast.
    fn is_absent(&self, folded: &str) -> bool {
        self.rules_out() && !self.any.iter().any(|any| any.is_match(folded))
    }
}

fn quick(texts: &[(Vec<u8>, (u32, u32))]) -> Result<AhoCorasick, BuildError> {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(texts.iter().map(|(text, _)| text))
}

/// Buffers of a scan, kept between values.
#[derive(Debug, Default)]
pub(super) struct ScanBuffers {
    folded: String,
    written: String,
    /// For each atom the number of the last scan that decided it.
    decided: Vec<u32>,
    /// For each literal of the scanner at hand the number of the last scan that found it.
    found: Vec<u32>,
    scan: u32,
}

impl ScanBuffers {
    pub fn new(atoms: usize) -> Self {
        ScanBuffers {
            decided: vec![0; atoms],
            ..ScanBuffers::default()
        }
    }
}

impl Scanner {
    /// Appends every atom that holds for `value` (for one of its items) to `held`, each once.
    pub fn scan(&self, value: &Value, buffers: &mut ScanBuffers, held: &mut Vec<u32>) {
        let start = held.len();
        let mut written = std::mem::take(&mut buffers.written);
        let mut folded = std::mem::take(&mut buffers.folded);
        for item in value.items() {
            if let Some(text) = text_of(item, &mut written).filter(|text| self.may_hold(text)) {
                fold_into(text, &mut folded);
                if !self.has_none_of(&folded) {
                    self.scan_text(text, &folded, buffers, held);
                }
            }
        }
        (buffers.written, buffers.folded) = (written, folded);
        if value.items().len() > 1 {
            sort_and_dedup_from(held, start);
        }
    }

    /// Whether a text is long enough for the shortest literal.
    pub fn may_hold(&self, text: &str) -> bool {
        // A text that is short now may be longer folded: one character gives at most four bytes.
        text.len() >= self.shortest
            || (!text.is_ascii() && text.len().saturating_mul(4) >= self.shortest)
    }

    /// Whether [`Scanner::has_none_of`] can say so, and [`Scanner::fertile`] may be asked.
    pub fn rules_out(&self) -> bool {
        self.whole.is_empty()
            && self.starts.is_empty()
            && self.ends.is_empty()
            && self.networks.is_empty()
            && self.inner.as_ref().is_none_or(Inner::rules_out)
    }

    /// Whether certainly no atom holds for any of the texts that stand in `folded` one after the
    /// other.
    pub fn has_none_of(&self, folded: &str) -> bool {
        let inner = self.inner.as_ref();
        self.rules_out() && inner.is_none_or(|inner| inner.is_absent(folded))
    }

    /// Of texts that stand in `texts` one after the other, the parts in which something may be
    /// found, in order; much faster than to look at the texts one by one.
    pub fn fertile(&self, texts: &str, buffers: &mut ScanBuffers) -> Vec<Range<usize>> {
        let mut fertile = Vec::new();
        let Some(inner) = &self.inner else {
            return fertile;
        };
        let mut start = 0;
        while start < texts.len() {
            let end = texts.floor_char_boundary(start + PIECE_BYTES);
            let piece = &texts[start..end];
            if !(inner.worded && is_numeric(piece.as_bytes())) {
                fold_into(piece, &mut buffers.folded);
                if !inner.is_absent(&buffers.folded) {
                    fertile.push(start..end);
                }
            }
            if end == texts.len() {
                break;
            }
            // A literal may stand across the border. A folded byte comes of at most four.
            start = texts.floor_char_boundary(end - 4 * inner.longest);
        }
        fertile
    }

    /// Appends every atom that holds for `text`, whose folded form is `folded`, each once.
    pub fn scan_text(
        &self,
        text: &str,
        folded: &str,
        buffers: &mut ScanBuffers,
        held: &mut Vec<u32>,
    ) {
        // One atom has one place, and one text of it stands there: no atom is found twice here.
        let mut take = |(from, to): (u32, u32)| {
            held.extend(
                self.checks[from as usize..to as usize]
                    .iter()
                    .map(|check| check.atom),
            );
        };
        if let Some(&range) = self.whole.get(folded) {
            take(range);
        }
        self.starts.walk(folded.as_bytes(), &mut take);
        self.ends.walk(folded.as_bytes(), &mut take);
        if !self.networks.is_empty()
            && let Ok(address) = text.trim().parse()
        {
            let around = self.networks.iter();
            let around = around.filter(|(network, _)| in_network(network, address));
            held.extend(around.map(|(_, atom)| *atom));
        }
        let Some(inner) = &self.inner else { return };
        if folded.len() < inner.shortest {
            return;
        }
        let ScanBuffers {
            decided,
            found,
            scan,
            ..
        } = buffers;
        *scan = scan.wrapping_add(1);
        if *scan == 0 {
            decided.fill(0);
            found.fill(0);
            *scan = 1;
        }
        if found.len() < inner.literals.len() {
            found.resize(inner.literals.len(), 0);
        }
        inner.search.find(folded.as_bytes(), |literal| {
            let found = &mut found[literal as usize];
            if *found == *scan {
                return;
            }
            *found = *scan;
            let (from, to) = inner.literals[literal as usize];
            for check in &self.checks[from as usize..to as usize] {
                let decided = &mut decided[check.atom as usize];
                if *decided == *scan {
                    continue;
                }
                *decided = *scan;
                let verify = self.verifies.get(check.verify as usize);
                if verify.is_none_or(|verify| verify.holds(text, folded)) {
                    held.push(check.atom);
                }
            }
        });
    }
}

/// Whether a text is made of what numbers, times, addresses, GUIDs and SIDs are made of.
fn is_numeric(text: &[u8]) -> bool {
    let may_be = |byte: &u8| {
        let low = byte | 0x20;
        // Without short cuts, for many bytes in one step.
        (low.wrapping_sub(b'a') < 6)
            | (low == b's')
            | (low == b'x')
            | (byte.wrapping_sub(b'-') <= b':' - b'-')
            | matches!(byte, b' ' | b'{' | b'}')
    };
    let mut blocks = text.chunks(64);
    blocks.all(|block| block.iter().fold(true, |all, byte| all & may_be(byte)))
}

fn sort_and_dedup_from(held: &mut Vec<u32>, start: usize) {
    held[start..].sort_unstable();
    let mut kept = start;
    for at in start..held.len() {
        if kept == start || held[kept - 1] != held[at] {
            held[kept] = held[at];
            kept += 1;
        }
    }
    held.truncate(kept);
}

impl Verify {
    fn holds(&self, text: &str, folded: &str) -> bool {
        match self {
            Verify::Glob(glob) => glob.matches(if glob.cased { text } else { folded }),
            Verify::Regex(regex) => regex.is_match(text),
        }
    }
}

/// [`Value::to_text`] into a buffer, for numbers and times.
pub(super) fn text_of<'a>(value: &'a Value, buffer: &'a mut String) -> Option<&'a str> {
    let written = match value {
        Value::Null | Value::List(_) => return None,
        Value::Str(text) => return Some(text),
        Value::Bool(true) => return Some("true"),
        Value::Bool(false) => return Some("false"),
        Value::Int(number) => {
            buffer.clear();
            write!(buffer, "{number}")
        }
        Value::Float(number) => {
            buffer.clear();
            write!(buffer, "{number}")
        }
        Value::Time(time) => {
            buffer.clear();
            write!(buffer, "{time}")
        }
    };
    written.ok().map(|()| buffer.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanner(literals: &[&str]) -> Scanner {
        let mut builder = ScannerBuilder::default();
        for (literal, atom) in literals.iter().zip(0..) {
            let needles = Needles {
                texts: vec![(*literal).to_owned()],
                place: Place::Anywhere,
            };
            builder.add(atom, needles, None);
        }
        builder.build().unwrap()
    }

    /// What is found in a text stands in a fertile part, wherever the pieces end.
    #[test]
    fn nothing_is_ruled_out_that_is_there() {
        let literals = ["mimikatz", "σκλ", "10-x1"];
        let scanner = scanner(&literals);
        let mut buffers = ScanBuffers::new(literals.len());
        assert!(scanner.rules_out());
        for filling in ["7", "a", "Ж", "K"] {
            for written in ["Mimi\u{212a}atz", "ΣΚΛ", "ςΚλ", "10-X1"] {
                for before in PIECE_BYTES - 40..PIECE_BYTES + 40 {
                    let mut text = filling.repeat(before.div_ceil(filling.len()));
                    let start = text.len();
                    text.push_str(written);
                    let end = text.len();
                    text.push_str(&filling.repeat(2 * PIECE_BYTES));
                    let fertile = scanner.fertile(&text, &mut buffers);
                    let covers = |part: &Range<usize>| part.start <= start && end <= part.end;
                    assert!(fertile.iter().any(covers), "{filling} {written} {before}");
                    let few: usize = fertile.iter().map(Range::len).sum();
                    assert!(few <= 2 * PIECE_BYTES, "{few} of {}", text.len());
                }
            }
            let nothing = filling.repeat(3 * PIECE_BYTES);
            assert!(scanner.fertile(&nothing, &mut buffers).is_empty());
        }
    }

    #[test]
    fn what_cannot_be_ruled_out_by_a_search_is_not() {
        let long = "long".repeat(PIECE_BYTES);
        assert!(!scanner(&[long.as_str()]).rules_out());
        let many: Vec<String> = (0..=FEW * TESTS_MAX)
            .map(|at| format!("word{at}"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(!scanner(&many).rules_out());
        assert!(is_numeric(
            b"2026-11-21 10:00:00.123 {0A1b-C2d3} S-1-5-18 0x3E7 fe80::1"
        ));
        for text in ["g", "a_b", "1\\2", "1,5", "(1)", "Ж", "\u{1}", "[1]"] {
            assert!(!is_numeric(text.as_bytes()), "{text:?}");
        }
    }
}
