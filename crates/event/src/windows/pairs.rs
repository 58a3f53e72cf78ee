//! Names and values of an event's data, in one buffer.

use std::ops::Range;

/// Names and values in the order of the log. A name occurs once.
///
/// A value may be empty: the log has the element and nothing in it. For Sigma that differs from
/// an absent one (`Field: ''` holds, `Field: null` does not). Winlogbeat leaves such values out.
#[derive(Clone, Default)]
pub struct Pairs {
    text: String,
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    name: Range<u32>,
    value: Range<u32>,
}

/// Pairs that one event may have; further ones are left out.
const PAIRS_MAX: usize = 1_500;
/// Bytes of one event's data; what does not fit is left out.
const TEXT_BYTES_MAX: usize = 1 << 30;

impl Pairs {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|entry| (self.at(&entry.name), self.at(&entry.value)))
    }

    /// The value of `name`, which may be empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|at| self.at(&self.entries[at].value))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a pair. The first value of a name counts, unless it is empty.
    pub fn add(&mut self, name: &str, value: &str) {
        let full = self.entries.len() >= PAIRS_MAX
            || self.text.len() + name.len() + value.len() > TEXT_BYTES_MAX;
        if full {
            return;
        }
        match self.find(name) {
            Some(at) if !value.is_empty() && self.entries[at].value.is_empty() => {
                self.entries[at].value = self.push(value);
            }
            Some(_) => {}
            None => {
                let (name, value) = (self.push(name), self.push(value));
                self.entries.push(Entry { name, value });
            }
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| entry.name.len() == name.len() && self.at(&entry.name) == name)
    }

    fn push(&mut self, text: &str) -> Range<u32> {
        // `add` keeps the buffer far below 4 GiB.
        let start = self.text.len() as u32;
        self.text.push_str(text);
        start..self.text.len() as u32
    }

    fn at(&self, range: &Range<u32>) -> &str {
        &self.text[range.start as usize..range.end as usize]
    }
}

impl PartialEq for Pairs {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl std::fmt::Debug for Pairs {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_counts_unless_it_is_empty() {
        let mut pairs = Pairs::default();
        for (name, value) in [("a", ""), ("b", "1"), ("a", "2"), ("b", "3"), ("c", "")] {
            pairs.add(name, value);
        }
        let all: Vec<_> = pairs.iter().collect();
        assert_eq!(all, [("a", "2"), ("b", "1"), ("c", "")]);
        assert_eq!((pairs.get("c"), pairs.get("d")), (Some(""), None));
    }
}
