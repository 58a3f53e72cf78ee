//! Inclusion and consistency proofs: made as RFC 6962 section 2.1 defines them, checked with the
//! algorithms of RFC 9162 sections 2.1.3.2 and 2.1.4.2.

use crate::hash::{Hash, node_hash, split_point};

/// Longest proof that a tree of 2^64 leaves could need.
pub const PROOF_HASHES_MAX: usize = 65;

/// A tree whose complete subtrees can be asked for.
pub trait Nodes {
    /// What can go wrong while fetching a hash.
    type Error;
    /// Hash of the complete subtree of 2^`level` leaves that starts at leaf `index` * 2^`level`.
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// Hash of the leaves `start..end`; `start` is where a tree of `end - start` leaves would split.
pub fn range_hash<N: Nodes>(nodes: &mut N, start: u64, end: u64) -> Result<Hash, N::Error> {
    let count = end - start;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return nodes.node(level, start >> level);
    }
    let split = start + split_point(count);
    let left = range_hash(nodes, start, split)?;
    let right = range_hash(nodes, split, end)?;
    Ok(node_hash(&left, &right))
}

/// PATH(index, D[size]) of RFC 6962. `index` is below `size`.
pub fn inclusion<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let split = start + split_point(end - start);
        if index < split {
            proof.push(range_hash(nodes, split, end)?);
            end = split;
        } else {
            proof.push(range_hash(nodes, start, split)?);
            start = split;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// PROOF(old, D[size]) of RFC 6962. Empty when `old` is 0 or `size`. `old` is at most `size`.
pub fn consistency<N: Nodes>(nodes: &mut N, old: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    if old == 0 || old == size {
        return Ok(proof);
    }
    let (mut start, mut end, mut whole) = (0, size, true);
    while old != end {
        let split = start + split_point(end - start);
        if old <= split {
            proof.push(range_hash(nodes, split, end)?);
            end = split;
        } else {
            proof.push(range_hash(nodes, start, split)?);
            start = split;
            whole = false;
        }
    }
    if !whole {
        proof.push(range_hash(nodes, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// True when `leaf` stands at `index` in the tree of `size` leaves with `root` (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// True when the tree of `old` leaves is a prefix of the tree of `size` leaves (RFC 9162, 2.1.4.2).
///
/// The empty tree is a prefix of every tree; its proof is empty.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> bool {
    if old > size {
        return false;
    }
    if old == size {
        return proof.is_empty() && old_root == root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == crate::hash::empty_root();
    }
    // A complete old tree is a node of the new one, and the proof leaves it out.
    let (first, rest) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        match proof.split_first() {
            Some((first, rest)) => (*first, rest),
            None => return false,
        }
    };
    let (mut node, mut last) = (old - 1, size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut from_old, mut from_new) = (first, first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(sibling, &from_old);
            from_new = node_hash(sibling, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && from_old == *old_root && from_new == *root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{leaf_hash, root_of};
    use proptest::prelude::*;
    use std::convert::Infallible;

    struct Plain(Vec<Hash>);
    impl Nodes for Plain {
        type Error = Infallible;
        fn node(&mut self, level: u32, index: u64) -> Result<Hash, Infallible> {
            let (start, end) = ((index << level) as usize, ((index + 1) << level) as usize);
            Ok(root_of(&self.0[start..end]))
        }
    }

    fn tree(size: u64) -> Plain {
        Plain((0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect())
    }

    #[test]
    fn every_proof_of_every_small_tree() {
        for size in 1..=70u64 {
            let mut t = tree(size);
            let root = root_of(&t.0);
            for index in 0..size {
                let proof = inclusion(&mut t, index, size).unwrap();
                let leaf = t.0[index as usize];
                assert!(verify_inclusion(&leaf, index, size, &proof, &root));
                assert!(!verify_inclusion(
                    &leaf,
                    (index + 1) % size.max(2),
                    size,
                    &proof,
                    &root
                ));
            }
            for old in 0..=size {
                let proof = consistency(&mut t, old, size).unwrap();
                let old_root = root_of(&t.0[..old as usize]);
                assert!(
                    verify_consistency(old, &old_root, size, &root, &proof),
                    "{old} {size}"
                );
                assert!(!verify_consistency(old, &[3; 32], size, &root, &proof));
                if old > 0 {
                    assert!(!verify_consistency(old, &old_root, size, &[3; 32], &proof));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_changed_proof_is_refused(size in 2u64..2000, at in any::<u64>(), byte in any::<usize>(), bit in 0u8..8) {
            let mut t = tree(size);
            let root = root_of(&t.0);
            let index = at % size;
            let mut proof = inclusion(&mut t, index, size).unwrap();
            let spot = byte % (proof.len() * 32);
            proof[spot / 32][spot % 32] ^= 1 << bit;
            prop_assert!(!verify_inclusion(&t.0[index as usize], index, size, &proof, &root));
            let old = 1 + at % (size - 1);
            let mut proof = consistency(&mut t, old, size).unwrap();
            let spot = byte % (proof.len() * 32);
            proof[spot / 32][spot % 32] ^= 1 << bit;
            prop_assert!(!verify_consistency(old, &root_of(&t.0[..old as usize]), size, &root, &proof));
        }

        #[test]
        fn junk_proofs_do_not_panic(index: u64, size: u64, old: u64, hashes in proptest::collection::vec(any::<[u8; 32]>(), 0..70)) {
            prop_assert!(!verify_inclusion(&[0; 32], index, size, &hashes, &[1; 32]));
            let _ = verify_consistency(old, &[0; 32], size, &[1; 32], &hashes);
        }
    }
}
