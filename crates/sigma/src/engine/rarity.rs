//! How rare pieces of text are in folded logs and scripts, about.

/// Bytes of folded logs and scripts, the most common first.
const COMMON: &[u8] = b" e0tsoinra:\"1c-dlmp\\.u2,w3f5g6hyb49v87{}x_k/$='()zj@";

/// What all bytes weigh together, so that `weight(byte) / ALL` is how often a byte is met.
const ALL: f32 = 600.0;

/// For each byte a weight from 4 (rare) to 64 (the most common).
static WEIGHTS: [u8; 256] = {
    let mut weights = [weight(COMMON.len()); 256];
    let mut rank = 0;
    while rank < COMMON.len() {
        weights[COMMON[rank] as usize] = weight(rank);
        rank += 1;
    }
    weights
};

const fn weight(rank: usize) -> u8 {
    (256 / (rank + 4)) as u8
}

/// How common a piece of at most eight bytes is beside others of its length; below 2⁴⁸.
pub(super) fn frequency(piece: &[u8]) -> u64 {
    debug_assert!(piece.len() <= 8);
    let weights = piece.iter().map(|byte| WEIGHTS[usize::from(*byte)]);
    weights.map(u64::from).product()
}

/// How much it says that `text` stands somewhere, in bits.
pub(super) fn bits(text: &str) -> f32 {
    let of = |byte: u8| (ALL / f32::from(WEIGHTS[usize::from(byte)])).log2();
    text.bytes().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_pieces_say_more() {
        assert!(frequency(b"the ") > frequency(b"q@`}"));
        assert!(bits("${") > bits("et"));
        assert!(bits("abc") > bits("ab"));
    }
}
