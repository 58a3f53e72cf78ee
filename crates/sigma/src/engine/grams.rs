//! Finding any of many literals in a text.
//!
//! Of each literal one short piece (a gram) is chosen, of rare bytes and one that few other
//! literals have: what is common in rules (`.exe`, `\win`) is common in events, too. A text is
//! searched by asking a bitmap for the gram at each of its places; only where the bit is set, the
//! literals with that gram are compared. Unlike the steps of an automaton, these questions do not
//! wait for each other. Where few literals are short, only every second place is asked for, where
//! all are long (hashes), every fourth; of each literal so many grams are chosen that one of them
//! stands at such a place. (Wu and Manber, "A fast algorithm for multi-pattern searching", 1994,
//! choose grams likewise.)

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};
use foldhash::fast::RandomState;
use memchr::memmem::Finder;

use super::rarity::frequency;

/// Literals, to be found by their numbers.
#[derive(Debug, Default)]
pub(super) struct Literals {
    /// Either all literals are here, or none.
    eight: Grams,
    /// Grams of four bytes, to be asked for every place.
    four: Grams,
    /// Instead of these, of three bytes, to be asked for every second place.
    three: Grams,
    two: Grams,
    /// A bit for each pair of bytes that is a gram in `two`.
    pairs: Option<Box<Pairs>>,
    /// The literals of `two`, to be looked for one by one in long texts; only if they are few.
    short: Vec<(Finder<'static>, u32)>,
    /// Those of one byte.
    single: Vec<(u8, u32)>,
    /// Those whose grams too many others have, with their numbers.
    rest: Option<(AhoCorasick, Vec<u32>)>,
}

/// Literals of one table that may have the same gram.
const CROWD_MAX: usize = 128;
/// Bits of the bitmap for each literal: few places where no literal is have their bit set.
const BITS_EACH: usize = 64;
const BITS_MIN: u32 = 10;
const BITS_MAX: u32 = 18;
/// Places that are asked for in one go.
const BLOCK: usize = 128;
/// A bit for each pair of bytes.
type Pairs = [u64; PAIR_WORDS];
const PAIR_WORDS: usize = (1 << 16) / 64;
static NO_PAIRS: Pairs = [0; PAIR_WORDS];
/// Where no more literals than these are of two or three bytes, they are found by themselves in
/// texts of [`LONG_TEXT`] bytes: each of them takes less time than two more questions at every
/// place, and a common one none at all.
const SHORT_MAX: usize = 32;
const LONG_TEXT: usize = 512;
/// Places from one that is asked for to the next, where all literals are long.
const STRIDE: usize = 4;
/// Bytes of a literal that has an eight-byte gram at such a place wherever it stands.
const LONG_MIN: usize = 8 + STRIDE - 1;

impl Literals {
    /// `texts` are not empty.
    ///
    /// # Errors
    /// The texts are together too large to be searched.
    pub fn new<'t>(texts: impl Iterator<Item = &'t [u8]>) -> Result<Self, BuildError> {
        let mut literals = Literals::default();
        let mut texts: Vec<(u32, &[u8])> = (0..).zip(texts).collect();
        let mut rest = Vec::new();
        if texts.iter().all(|(_, text)| text.len() >= LONG_MIN) {
            literals.eight = Grams::new(&texts, 8, STRIDE, &mut rest);
            texts.clear();
        }
        let (long, short): (Vec<_>, Vec<_>) =
            texts.into_iter().partition(|(_, text)| text.len() >= 4);
        let (short, single): (Vec<_>, Vec<_>) =
            short.into_iter().partition(|(_, text)| text.len() >= 2);
        rest.extend(single);
        match short.len() <= SHORT_MAX {
            true => literals.three = Grams::new(&long, 3, 2, &mut rest),
            false => literals.four = Grams::new(&long, 4, 1, &mut rest),
        }
        literals.two = Grams::new(&short, 2, 1, &mut rest);
        if short.len() <= SHORT_MAX {
            let finder = |(number, text): &(u32, &[u8])| (Finder::new(text).into_owned(), *number);
            literals.short = short.iter().map(finder).collect();
        }
        if !literals.two.is_empty() {
            let mut pairs = Box::new(NO_PAIRS);
            for Entry { gram, .. } in &literals.two.entries {
                pairs[*gram as usize / 64] |= 1 << (gram % 64);
            }
            literals.pairs = Some(pairs);
        }
        let (single, rest): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|(_, text)| text.len() == 1);
        literals.single = single
            .iter()
            .map(|(number, text)| (text[0], *number))
            .collect();
        if !rest.is_empty() {
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .prefilter(false)
                .build(rest.iter().map(|(_, text)| text))?;
            let numbers = rest.iter().map(|(number, _)| *number).collect();
            literals.rest = Some((automaton, numbers));
        }
        Ok(literals)
    }

    /// Calls `found` with the number of every literal that is in `text`, once or more often.
    #[inline]
    pub fn find(&self, text: &[u8], mut found: impl FnMut(u32)) {
        if !self.eight.is_empty() {
            for at in (0..text.len()).step_by(STRIDE) {
                self.eight.compare_at::<8>(text, at, &mut found);
            }
        }
        let alone = !self.short.is_empty() && text.len() >= LONG_TEXT;
        if alone {
            let there = |(finder, _): &&(Finder<'_>, u32)| finder.find(text).is_some();
            let short = self.short.iter().filter(there);
            short.for_each(|(_, literal)| found(*literal));
        }
        let pairs = self.pairs.as_deref().filter(|_| !alone);
        match (self.three.is_empty(), pairs) {
            (true, None) if self.four.is_empty() => {}
            (false, None) => self.pass::<3, 2, false>(&self.three, text, &NO_PAIRS, &mut found),
            (false, Some(pairs)) => self.pass::<3, 2, true>(&self.three, text, pairs, &mut found),
            (true, None) => self.pass::<4, 1, false>(&self.four, text, &NO_PAIRS, &mut found),
            (true, Some(pairs)) => self.pass::<4, 1, true>(&self.four, text, pairs, &mut found),
        }
        for (byte, literal) in &self.single {
            if memchr::memchr(*byte, text).is_some() {
                found(*literal);
            }
        }
        if let Some((automaton, numbers)) = &self.rest {
            for hit in automaton.find_overlapping_iter(text) {
                found(numbers[hit.pattern().as_usize()]);
            }
        }
    }

    /// Finds the literals of `grams`, asking for every `STEP`th place, and those of `two`. A block
    /// at a time, the places that may have one are noted without a branch, then looked at.
    fn pass<const WIDTH: usize, const STEP: usize, const TWO: bool>(
        &self,
        grams: &Grams,
        text: &[u8],
        pairs: &Pairs,
        found: &mut impl FnMut(u32),
    ) {
        let mut noted = [0u8; BLOCK];
        let mut start = 0;
        while let Some(rest) = text.get(start..).filter(|rest| rest.len() >= 4) {
            let block = &rest[..rest.len().min(BLOCK + 3)];
            let (mut count, mut at) = (0, 0u8);
            for gram in block.array_windows::<4>().step_by(STEP) {
                let gram = u32::from_le_bytes(*gram);
                let own = if WIDTH == 3 { gram & 0xff_ffff } else { gram };
                let mut may_be = grams.bit(own.into()).1;
                if TWO {
                    let is_pair = |gram: u32| pairs[gram as usize / 64 % PAIR_WORDS] >> (gram % 64);
                    may_be |= is_pair(gram);
                    if STEP == 2 {
                        may_be |= is_pair(gram >> 8);
                    }
                }
                noted[count % BLOCK] = at;
                count += (may_be & 1) as usize;
                at += STEP as u8;
            }
            for &at in &noted[..count] {
                let at = start + usize::from(at);
                grams.compare_at::<WIDTH>(text, at, found);
                if TWO {
                    for at in at..at + STEP {
                        self.two.compare_at::<2>(text, at, found);
                    }
                }
            }
            start += usize::from(at);
        }
        // What is left is shorter than four bytes.
        for at in start..text.len() {
            grams.compare_at::<WIDTH>(text, at, found);
            if TWO {
                self.two.compare_at::<2>(text, at, found);
            }
        }
    }
}

/// Bit number `at`.
#[inline]
fn bit(bits: &[u64], at: u32) -> u64 {
    bits.get(at as usize / 64)
        .map_or(0, |word| word >> (at % 64) & 1)
}

/// Literals by one gram of each.
#[derive(Debug, Default)]
struct Grams {
    /// A bit for each hash of a gram; their number is a power of two.
    bits: Vec<u64>,
    /// Leaves of a hash as many bits as number the bits above.
    shift: u32,
    /// For each group of hashes where its entries begin, and the end of the last.
    starts: Vec<u32>,
    /// Leaves of a place in `bits` the number of its group.
    group_shift: u32,
    entries: Vec<Entry>,
    /// All literals, one after the other.
    text: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// The first four bytes of the gram, or all of it.
    gram: u32,
    literal: u32,
    /// The literal in `Grams::text`, and the place of the gram in it.
    start: u32,
    bytes: u16,
    offset: u16,
}

impl Grams {
    /// Grams of `width` bytes, of each literal one for each of `strides` places one after the
    /// other. Literals that crowd together go to `rest`.
    fn new<'t>(
        texts: &[(u32, &'t [u8])],
        width: usize,
        strides: usize,
        rest: &mut Vec<(u32, &'t [u8])>,
    ) -> Self {
        let mut common: HashMap<u64, u32, RandomState> = HashMap::default();
        for (_, text) in texts {
            for gram in text.windows(width).map(number) {
                *common.entry(gram).or_default() += 1;
            }
        }
        let mut crowds: HashMap<u64, usize, RandomState> = HashMap::default();
        let mut grams = Grams::default();
        let mut entries: Vec<(u64, Entry)> = Vec::new();
        for &(literal, text) in texts {
            let all = text.windows(width).map(number).enumerate();
            let chosen: Vec<(usize, u64)> = (0..strides)
                .filter_map(|first| {
                    let own = all.clone().skip(first).step_by(strides);
                    own.min_by_key(|(_, gram)| {
                        let others = u64::from(common[gram]);
                        (
                            is_filling(*gram, width),
                            others * frequency(&gram.to_le_bytes()[..width]),
                        )
                    })
                })
                .collect();
            let start = grams.text.len();
            let crowded = |gram: &u64| crowds.get(gram).is_some_and(|crowd| *crowd >= CROWD_MAX);
            let (Ok(start), Ok(bytes), false) = (
                u32::try_from(start),
                u16::try_from(text.len()),
                chosen.iter().any(|(_, gram)| crowded(gram)),
            ) else {
                rest.push((literal, text));
                continue;
            };
            for (offset, gram) in chosen {
                *crowds.entry(gram).or_default() += 1;
                let entry = Entry {
                    gram: gram as u32,
                    literal,
                    start,
                    bytes,
                    offset: offset as u16,
                };
                entries.push((hash(gram), entry));
            }
            grams.text.extend(text);
        }
        if entries.is_empty() {
            return grams;
        }
        let bits = (entries.len() * BITS_EACH).next_power_of_two().ilog2();
        let bits = bits.clamp(BITS_MIN, BITS_MAX);
        // About one entry to a group.
        let groups = entries.len().next_power_of_two().ilog2().min(bits);
        grams.shift = u64::BITS - bits;
        grams.group_shift = bits - groups;
        grams.bits = vec![0; 1 << (bits - 6)];
        grams.starts = vec![0; (1 << groups) + 1];
        entries.sort_by_key(|(hash, _)| hash >> grams.shift);
        grams.entries.reserve_exact(entries.len());
        for (hash, entry) in entries {
            let place = hash >> grams.shift;
            grams.bits[place as usize / 64] |= 1 << (place % 64);
            grams.starts[(place >> grams.group_shift) as usize + 1] += 1;
            grams.entries.push(entry);
        }
        for at in 1..grams.starts.len() {
            grams.starts[at] += grams.starts[at - 1];
        }
        grams
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The place of `gram` and the bit there, which is set if a literal may have it.
    #[inline]
    fn bit(&self, gram: u64) -> (u32, u64) {
        let place = (hash(gram) >> self.shift) as u32;
        (place, bit(&self.bits, place))
    }

    /// Compares the literals with the gram of `WIDTH` bytes that stands in `text` at `at`.
    #[inline]
    fn compare_at<const WIDTH: usize>(&self, text: &[u8], at: usize, found: &mut impl FnMut(u32)) {
        if let Some(gram) = text[at..].first_chunk::<WIDTH>() {
            let gram = number(gram);
            if let (place, 1) = self.bit(gram) {
                self.compare(place, gram, text, at, found);
            }
        }
    }

    /// Compares the literals with `gram`, which stands in `text` at `at`.
    fn compare(&self, place: u32, gram: u64, text: &[u8], at: usize, found: &mut impl FnMut(u32)) {
        let group = (place >> self.group_shift) as usize;
        let entries = self.starts[group] as usize..self.starts[group + 1] as usize;
        for entry in &self.entries[entries] {
            if entry.gram != gram as u32 {
                continue;
            }
            let start = entry.start as usize;
            let literal = &self.text[start..start + usize::from(entry.bytes)];
            let from = at.checked_sub(entry.offset.into());
            let there = from.and_then(|from| text.get(from..from + literal.len()));
            if there.is_some_and(|there| is_same(there, literal)) {
                found(entry.literal);
            }
        }
    }
}

/// Whether two texts of one length are the same; most are short.
#[inline]
fn is_same(left: &[u8], right: &[u8]) -> bool {
    let ends = |text: &[u8]| Some((*text.first_chunk::<4>()?, *text.last_chunk::<4>()?));
    match (ends(left), ends(right)) {
        (Some(one), Some(other)) => one == other && (left.len() <= 8 || left == right),
        _ => left == right,
    }
}

/// Whether a gram is one byte again and again, as texts are filled with.
fn is_filling(gram: u64, width: usize) -> bool {
    let bytes = gram.to_le_bytes();
    bytes[..width].iter().all(|byte| *byte == bytes[0])
}

fn number(gram: &[u8]) -> u64 {
    let bytes = gram.iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Spreads grams over all 64 bits; the high ones are good.
#[inline]
fn hash(gram: u64) -> u64 {
    gram.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn found(literals: &Literals, text: &str) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        literals.find(text.as_bytes(), |literal| {
            found.insert(literal);
        });
        found
    }

    /// Literals over few characters, and texts in which some of them stand.
    fn literals_and_text() -> impl Strategy<Value = (Vec<String>, String)> {
        let literals = prop_oneof![
            prop::collection::btree_set("[abё]{1,7}", 0..40),
            prop::collection::btree_set("[a-eёқ]{1,3}", 0..100),
            prop::collection::btree_set("[ab]{4,9}", 200..400),
            prop::collection::btree_set("[a-z.\\\\]{1,12}", 0..400),
            prop::collection::btree_set("a{1,9}|[ab]{8}|ё{1,4}|[漢字𝄞a]{1,4}", 0..60),
            prop::collection::btree_set("[ab]{11,14}|a{11,20}|hash=[0-9a-f]{10}", 0..60),
        ];
        let pieces = prop_oneof![
            3 => any::<prop::sample::Index>().prop_map(Ok),
            2 => "[abё]{0,5}|a{0,9}|[a-z.]{0,2}|[漢字𝄞]{1,2}".prop_map(Err),
        ];
        (literals, prop::collection::vec(pieces, 0..5)).prop_map(|(literals, pieces)| {
            let literals: Vec<String> = literals.into_iter().collect();
            let text = pieces.iter().map(|piece| match piece {
                Ok(_) if literals.is_empty() => "",
                Ok(at) => at.get(&literals).as_str(),
                Err(text) => text,
            });
            let text = text.collect();
            (literals, text)
        })
    }

    proptest! {
        #[test]
        fn every_literal_is_found_and_no_other((texts, text) in literals_and_text()) {
            let literals = Literals::new(texts.iter().map(|text| text.as_bytes())).unwrap();
            let held = texts.iter().zip(0..).filter(|(it, _)| text.contains(it.as_str()));
            prop_assert_eq!(found(&literals, &text), held.map(|(_, at)| at).collect());
        }
    }

    #[test]
    fn long_literals_are_found_at_every_place() {
        let texts: Vec<String> = (0..2_000u32)
            .map(|number| format!("sha1={:08x}{number:03x}", number.wrapping_mul(0x9e37_79b1)))
            .collect();
        let literals = Literals::new(texts.iter().map(|text| text.as_bytes())).unwrap();
        assert!(literals.four.is_empty() && !literals.eight.is_empty());
        for (text, number) in texts.iter().zip(0..).step_by(97) {
            for before in 0..9 {
                let text = format!("{}{text}", "x".repeat(before));
                assert_eq!(found(&literals, &text), [number].into());
            }
        }
    }

    #[test]
    fn few_short_literals_let_the_search_leap() {
        let texts = ["ab", "abc", "abcd", "bcdef", "cdefgh", "é", "defghijk"];
        let literals = Literals::new(texts.iter().map(|text| text.as_bytes())).unwrap();
        assert!(!literals.three.is_empty() && !literals.short.is_empty());
        for before in (0..6).chain(BLOCK - 12..BLOCK + 4).chain([LONG_TEXT]) {
            for behind in 0..6 {
                for (text, number) in texts.iter().zip(0..) {
                    let text = format!("{}{text}{}", "z".repeat(before), "z".repeat(behind));
                    let held = texts.iter().zip(0..).filter(|(it, _)| text.contains(**it));
                    let held: BTreeSet<u32> = held.map(|(_, at)| at).collect();
                    assert!(held.contains(&number));
                    assert_eq!(found(&literals, &text), held, "{text}");
                }
            }
        }
    }

    #[test]
    fn a_crowd_is_found_too() {
        // All have the same grams, in another order or number.
        let texts: Vec<String> = (4..4 + 2 * CROWD_MAX)
            .map(|length| "a".repeat(length))
            .collect();
        let literals = Literals::new(texts.iter().map(|text| text.as_bytes())).unwrap();
        assert!(literals.rest.is_some());
        assert_eq!(found(&literals, &"a".repeat(100)).len(), 97);
    }
}
