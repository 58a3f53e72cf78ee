//! Finding any of many literals in a text.
//!
//! Of each literal one short piece (a gram) is chosen, the one that the fewest other literals
//! have: what is common in rules (`.exe`, `\win`) is common in events, too. A text is searched by
//! asking a bitmap for the gram at each of its places; only where the bit is set, the literals
//! with that gram are compared. Unlike the steps of an automaton, these questions do not wait
//! for each other. (Wu and Manber, "A fast algorithm for multi-pattern searching", 1994, choose
//! grams likewise; they skip places, which does not pay for literals as short as ours.)

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};
use foldhash::fast::RandomState;

/// Literals, to be found by their numbers.
#[derive(Debug, Default)]
pub(super) struct Literals {
    four: Grams,
    two: Grams,
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

impl Literals {
    /// `texts` are not empty.
    ///
    /// # Errors
    /// The texts are together too large to be searched.
    pub fn new<'t>(texts: impl Iterator<Item = &'t [u8]>) -> Result<Self, BuildError> {
        let mut literals = Literals::default();
        let texts: Vec<(u32, &[u8])> = (0..).zip(texts).collect();
        let (long, short): (Vec<_>, Vec<_>) =
            texts.iter().copied().partition(|(_, text)| text.len() >= 4);
        let (short, mut rest): (Vec<_>, Vec<_>) =
            short.into_iter().partition(|(_, text)| text.len() >= 2);
        literals.four = Grams::new(&long, 4, &mut rest);
        literals.two = Grams::new(&short, 2, &mut rest);
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
        if !self.four.is_empty()
            && let Some((first, rest)) = text.split_first_chunk::<3>()
        {
            let mut gram = number(first) << 8;
            for (at, byte) in rest.iter().enumerate() {
                gram = gram >> 8 | u32::from(*byte) << 24;
                if let Some(place) = self.four.place(gram) {
                    self.four.compare(place, gram, text, at, &mut found);
                }
            }
        }
        if !self.two.is_empty()
            && let Some((first, rest)) = text.split_first()
        {
            let mut gram = u32::from(*first) << 8;
            for (at, byte) in rest.iter().enumerate() {
                gram = gram >> 8 | u32::from(*byte) << 8;
                if let Some(place) = self.two.place(gram) {
                    self.two.compare(place, gram, text, at, &mut found);
                }
            }
        }
        if !self.single.is_empty() {
            let mut there = [false; 256];
            text.iter()
                .for_each(|byte| there[usize::from(*byte)] = true);
            let single = self
                .single
                .iter()
                .filter(|(byte, _)| there[usize::from(*byte)]);
            single.for_each(|(_, literal)| found(*literal));
        }
        if let Some((automaton, numbers)) = &self.rest {
            for hit in automaton.find_overlapping_iter(text) {
                found(numbers[hit.pattern().as_usize()]);
            }
        }
    }
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
    gram: u32,
    literal: u32,
    /// The literal in `Grams::text`, and the place of the gram in it.
    start: u32,
    end: u32,
    offset: u32,
}

impl Grams {
    /// Literals that crowd together go to `rest`.
    fn new<'t>(texts: &[(u32, &'t [u8])], width: usize, rest: &mut Vec<(u32, &'t [u8])>) -> Self {
        let mut common: HashMap<u32, u32, RandomState> = HashMap::default();
        for (_, text) in texts {
            for gram in text.windows(width).map(number) {
                *common.entry(gram).or_default() += 1;
            }
        }
        let mut crowds: HashMap<u32, usize, RandomState> = HashMap::default();
        let mut grams = Grams::default();
        for &(literal, text) in texts {
            let all = text.windows(width).map(number).enumerate();
            let Some((offset, gram)) =
                all.min_by_key(|(_, gram)| (is_filling(*gram, width), common[gram]))
            else {
                continue;
            };
            let crowd = crowds.entry(gram).or_default();
            let end = grams.text.len() + text.len();
            let Ok(end) = u32::try_from(end) else {
                rest.push((literal, text));
                continue;
            };
            if *crowd == CROWD_MAX {
                rest.push((literal, text));
                continue;
            }
            *crowd += 1;
            grams.entries.push(Entry {
                gram,
                literal,
                start: grams.text.len() as u32,
                end,
                offset: offset as u32,
            });
            grams.text.extend(text);
        }
        if grams.entries.is_empty() {
            return grams;
        }
        let bits = (grams.entries.len() * BITS_EACH)
            .next_power_of_two()
            .ilog2();
        let bits = bits.clamp(BITS_MIN, BITS_MAX);
        // About one entry to a group.
        let groups = grams.entries.len().next_power_of_two().ilog2().min(bits);
        grams.shift = u32::BITS - bits;
        grams.group_shift = bits - groups;
        grams.bits = vec![0; 1 << (bits - 6)];
        grams.starts = vec![0; (1 << groups) + 1];
        let shift = grams.shift;
        grams.entries.sort_by_key(|entry| hash(entry.gram) >> shift);
        for at in 0..grams.entries.len() {
            let place = hash(grams.entries[at].gram) >> shift;
            grams.bits[place as usize / 64] |= 1 << (place % 64);
            grams.starts[(place >> grams.group_shift) as usize + 1] += 1;
        }
        for at in 1..grams.starts.len() {
            grams.starts[at] += grams.starts[at - 1];
        }
        grams
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bit of `gram`, if it is set.
    #[inline]
    fn place(&self, gram: u32) -> Option<u32> {
        let place = hash(gram) >> self.shift;
        let word = self.bits.get(place as usize / 64)?;
        (word >> (place % 64) & 1 == 1).then_some(place)
    }

    /// Compares the literals with `gram`, which stands in `text` at `at`.
    fn compare(&self, place: u32, gram: u32, text: &[u8], at: usize, found: &mut impl FnMut(u32)) {
        let group = (place >> self.group_shift) as usize;
        let entries = self.starts[group] as usize..self.starts[group + 1] as usize;
        for entry in &self.entries[entries] {
            if entry.gram != gram {
                continue;
            }
            let literal = &self.text[entry.start as usize..entry.end as usize];
            let from = at.checked_sub(entry.offset as usize);
            let rest = from.and_then(|from| text.get(from..));
            if rest.is_some_and(|rest| rest.starts_with(literal)) {
                found(entry.literal);
            }
        }
    }
}

/// Whether a gram is one byte again and again, as texts are filled with.
fn is_filling(gram: u32, width: usize) -> bool {
    let bytes = gram.to_le_bytes();
    bytes[..width].iter().all(|byte| *byte == bytes[0])
}

fn number(gram: &[u8]) -> u32 {
    let bytes = gram.iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Spreads grams over all 32 bits; the high ones are good.
#[inline]
fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1)
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
