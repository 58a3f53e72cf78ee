//! Beginnings and endings, found in as many steps as they are long.

/// Texts in a tree by their bytes; every text carries a range.
#[derive(Debug, Default)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// Labels of the edges out of the nodes, sorted within a node, and where they lead.
    labels: Vec<u8>,
    targets: Vec<u32>,
}

#[derive(Debug)]
struct Node {
    edges: (u32, u32),
    held: Option<(u32, u32)>,
}

impl Trie {
    /// `texts` are sorted and distinct.
    pub fn new(texts: &[(Vec<u8>, (u32, u32))]) -> Self {
        debug_assert!(texts.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut trie = Trie::default();
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
        let mut level = vec![(0usize, texts)];
        self.nodes.push(Node {
            edges: (0, 0),
            held: None,
        });
        let mut depth = 0;
        while !level.is_empty() {
            let mut next = Vec::new();
            for (node, mut below) in level {
                if below[0].0.len() == depth {
                    self.nodes[node].held = Some(below[0].1);
                    below = &below[1..];
                }
                let start = self.labels.len() as u32;
                for group in below.chunk_by(|left, right| left.0[depth] == right.0[depth]) {
                    self.labels.push(group[0].0[depth]);
                    self.targets.push(self.nodes.len() as u32);
                    next.push((self.nodes.len(), group));
                    self.nodes.push(Node {
                        edges: (0, 0),
                        held: None,
                    });
                }
                self.nodes[node].edges = (start, self.labels.len() as u32);
            }
            level = next;
            depth += 1;
        }
    }

    /// Calls `found` with the range of every text that `bytes` begins with.
    pub fn walk(&self, bytes: impl Iterator<Item = u8>, mut found: impl FnMut((u32, u32))) {
        let Some(mut node) = self.nodes.first() else {
            return;
        };
        for byte in bytes {
            let (start, end) = node.edges;
            let labels = &self.labels[start as usize..end as usize];
            let at = match labels.len() {
                0 => return,
                1..=8 => labels.iter().position(|label| *label == byte),
                _ => labels.binary_search(&byte).ok(),
            };
            let Some(at) = at else { return };
            node = &self.nodes[self.targets[start as usize + at] as usize];
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

    proptest! {
        #[test]
        fn every_beginning_is_found(
            texts in prop::collection::btree_set("[abc]{1,4}", 0..12),
            text in "[abc]{0,6}",
        ) {
            let numbered = texts.iter().zip(0u32..).map(|(text, at)| (text.clone().into_bytes(), (at, at)));
            let trie = Trie::new(&numbered.collect::<Vec<_>>());
            let mut found = Vec::new();
            trie.walk(text.bytes(), |(at, _)| found.push(at));
            found.sort_unstable();
            let expected = texts.iter().zip(0u32..).filter(|(it, _)| text.starts_with(it.as_str()));
            prop_assert_eq!(found, expected.map(|(_, at)| at).collect::<Vec<_>>());
        }
    }
}
