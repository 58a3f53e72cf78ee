//! Beginnings and endings, found in as many steps as they branch.

/// Texts in a tree by their bytes, from the front or from the back; every text carries a range.
#[derive(Debug, Default)]
pub(super) struct Trie {
    back: bool,
    nodes: Vec<Node>,
    /// First bytes of the edges out of the nodes, sorted within a node, and the edges.
    labels: Vec<u8>,
    edges: Vec<Edge>,
    /// What edges have behind their first bytes, as it stands in a text.
    tails: Vec<u8>,
}

#[derive(Debug)]
struct Node {
    edges: (u32, u32),
    held: Option<(u32, u32)>,
}

#[derive(Debug)]
struct Edge {
    tail: (u32, u32),
    target: u32,
}

/// Texts below a node, all with the same first bytes.
struct Below<'t> {
    node: usize,
    depth: usize,
    texts: &'t [(Vec<u8>, (u32, u32))],
}

impl Trie {
    /// Finds `texts` at the beginning. They are sorted and distinct.
    pub fn front(texts: &[(Vec<u8>, (u32, u32))]) -> Self {
        Trie::new(texts, false)
    }

    /// Finds at the end the texts of which `texts` are the reverse. They are sorted and distinct.
    pub fn back(texts: &[(Vec<u8>, (u32, u32))]) -> Self {
        Trie::new(texts, true)
    }

    fn new(texts: &[(Vec<u8>, (u32, u32))], back: bool) -> Self {
        debug_assert!(texts.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut trie = Trie {
            back,
            ..Trie::default()
        };
        if !texts.is_empty() {
            trie.grow(texts);
        }
        trie
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Lays out the tree level by level, so no depth is a danger to the stack.
    fn grow(&mut self, texts: &[(Vec<u8>, (u32, u32))]) {
        let mut level = vec![Below {
            node: self.add_node(),
            depth: 0,
            texts,
        }];
        while !level.is_empty() {
            let mut next = Vec::new();
            for Below { node, depth, texts } in level {
                let mut below = texts;
                if below[0].0.len() == depth {
                    self.nodes[node].held = Some(below[0].1);
                    below = &below[1..];
                }
                let start = self.labels.len() as u32;
                for group in below.chunk_by(|left, right| left.0[depth] == right.0[depth]) {
                    // What the first and the last of sorted texts share, all share.
                    let (first, last) = (&group[0].0, &group[group.len() - 1].0);
                    let pairs = first.iter().zip(last);
                    let shared = pairs.take_while(|(left, right)| left == right).count();
                    let target = self.add_node();
                    self.labels.push(first[depth]);
                    self.add_edge(&first[depth + 1..shared], target);
                    next.push(Below {
                        node: target,
                        depth: shared,
                        texts: group,
                    });
                }
                self.nodes[node].edges = (start, self.labels.len() as u32);
            }
            level = next;
        }
    }

    fn add_node(&mut self) -> usize {
        self.nodes.push(Node {
            edges: (0, 0),
            held: None,
        });
        self.nodes.len() - 1
    }

    fn add_edge(&mut self, tail: &[u8], target: usize) {
        let start = self.tails.len() as u32;
        match self.back {
            true => self.tails.extend(tail.iter().rev()),
            false => self.tails.extend(tail),
        }
        self.edges.push(Edge {
            tail: (start, self.tails.len() as u32),
            target: target as u32,
        });
    }

    /// Calls `found` with the range of every text that `text` begins (ends) with.
    pub fn walk(&self, text: &[u8], mut found: impl FnMut((u32, u32))) {
        let Some(mut node) = self.nodes.first() else {
            return;
        };
        let mut rest = text;
        loop {
            let split = match self.back {
                true => rest.split_last(),
                false => rest.split_first(),
            };
            let Some((byte, after)) = split else { return };
            let (start, end) = node.edges;
            let labels = &self.labels[start as usize..end as usize];
            let at = match labels.len() {
                0 => return,
                1..=8 => labels.iter().position(|label| label == byte),
                _ => labels.binary_search(byte).ok(),
            };
            let Some(at) = at else { return };
            let edge = &self.edges[start as usize + at];
            let tail = &self.tails[edge.tail.0 as usize..edge.tail.1 as usize];
            let stripped = match self.back {
                _ if tail.is_empty() => Some(after),
                true => after.strip_suffix(tail),
                false => after.strip_prefix(tail),
            };
            let Some(left) = stripped else { return };
            rest = left;
            node = &self.nodes[edge.target as usize];
            if let Some(range) = node.held {
                found(range);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(texts: impl Iterator<Item = Vec<u8>>) -> Vec<(Vec<u8>, (u32, u32))> {
        let mut all: Vec<_> = texts
            .zip(0u32..)
            .map(|(text, at)| (text, (at, at)))
            .collect();
        all.sort();
        all
    }

    fn found(trie: &Trie, text: &str) -> Vec<u32> {
        let mut found = Vec::new();
        trie.walk(text.as_bytes(), |(at, _)| found.push(at));
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn every_beginning_and_every_end_is_found(
            texts in prop::collection::btree_set("[abc]{1,4}|a{1,9}|ab{5}[ab]{0,3}", 0..12),
            text in "[abc]{0,6}|a{0,10}|[ab]{0,2}ab{5}[ab]{0,3}",
        ) {
            let bytes = texts.iter().map(|text| text.clone().into_bytes());
            let front = Trie::front(&numbered(bytes.clone()));
            let back = Trie::back(&numbered(bytes.map(|mut text| {
                text.reverse();
                text
            })));
            let numbers = |holds: &dyn Fn(&str) -> bool| -> Vec<u32> {
                let held = texts.iter().zip(0u32..).filter(|(it, _)| holds(it));
                held.map(|(_, at)| at).collect()
            };
            prop_assert_eq!(found(&front, &text), numbers(&|it| text.starts_with(it)));
            prop_assert_eq!(found(&back, &text), numbers(&|it| text.ends_with(it)));
        }
    }
}
