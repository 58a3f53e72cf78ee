//! Names and contents of tiles, c2sp.org/tlog-tiles.

use crate::hash::Hash;
use crate::leaf::LEAF_BYTES_MAX;

/// Hashes in a full tile: tiles have height 8.
pub const TILE_WIDTH: u64 = 256;
/// Levels of tiles that a tree with 2^64 leaves could need.
pub const LEVELS_MAX: u8 = 8;

/// Which kind of tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The leaves themselves.
    Entries,
    /// Hashes; level 0 holds leaf hashes, each level above the roots of full tiles below.
    Hashes(u8),
}

/// Address of one file of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// What it holds.
    pub kind: Kind,
    /// Position among the tiles of its kind.
    pub n: u64,
    /// Number of hashes or entries, 1 to 256; 256 is a full tile.
    pub width: u64,
}

impl Tile {
    /// The tile's path inside the log, such as `tile/0/x001/234.p/7`.
    pub fn path(&self) -> String {
        let mut path = match self.kind {
            Kind::Entries => "tile/entries".to_owned(),
            Kind::Hashes(level) => format!("tile/{level}"),
        };
        let mut groups = vec![format!("{:03}", self.n % 1000)];
        let mut rest = self.n / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        for group in groups.iter().rev() {
            path.push('/');
            path.push_str(group);
        }
        if self.width < TILE_WIDTH {
            path.push_str(&format!(".p/{}", self.width));
        }
        path
    }

    /// Reads a path back. Only the one spelling that [`Tile::path`] gives is accepted.
    pub fn parse(path: &str) -> Option<Tile> {
        let rest = path.strip_prefix("tile/")?;
        let (kind, rest) = rest.split_once('/')?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Hashes(level.parse().ok().filter(|l| *l < LEVELS_MAX)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok()?),
            None => (rest, TILE_WIDTH),
        };
        let mut n: u64 = 0;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            n = n
                .checked_mul(1000)?
                .checked_add(digits.parse::<u64>().ok().filter(|d| *d < 1000)?)?;
        }
        let tile = Tile { kind, n, width };
        (1..=TILE_WIDTH).contains(&width).then_some(())?;
        (tile.path() == path).then_some(tile)
    }

    /// How many hashes or entries this kind of tile stream holds in a tree of `size` leaves.
    pub fn stream_len(kind: Kind, size: u64) -> u64 {
        match kind {
            Kind::Entries => size,
            Kind::Hashes(level) => size.checked_shr(8 * u32::from(level)).unwrap_or(0),
        }
    }

    /// The tile at `n` as wide as a tree of `size` leaves has it; `None` when it has nothing there.
    pub fn at(kind: Kind, n: u64, size: u64) -> Option<Tile> {
        let first = n.checked_mul(TILE_WIDTH)?;
        let left = Tile::stream_len(kind, size).checked_sub(first)?;
        (left > 0).then(|| Tile {
            kind,
            n,
            width: left.min(TILE_WIDTH),
        })
    }
}

/// All files that a tree of `size` leaves consists of, without the checkpoint.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    let kinds = std::iter::once(Kind::Entries).chain((0..LEVELS_MAX).map(Kind::Hashes));
    kinds.flat_map(move |kind| {
        let count = Tile::stream_len(kind, size).div_ceil(TILE_WIDTH);
        (0..count).filter_map(move |n| Tile::at(kind, n, size))
    })
}

/// Writes hashes as a tile holds them.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// Reads the hashes of a tile; `None` when the length is not a whole number of hashes.
pub fn decode_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (chunks, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| chunks.to_vec())
}

/// Appends an entry to a bundle: 16-bit big-endian length, then the bytes.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    debug_assert!(entry.len() <= LEAF_BYTES_MAX);
    bundle.extend((entry.len() as u16).to_be_bytes());
    bundle.extend(entry);
}

/// Splits a bundle into its entries; `None` when it does not end where an entry ends.
pub fn decode_entries(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        entries.push(entry);
        bytes = rest;
    }
    bytes.is_empty().then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_of_the_specification() {
        let tile = |kind, n, width| Tile { kind, n, width }.path();
        assert_eq!(tile(Kind::Hashes(0), 1234067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile(Kind::Hashes(1), 0, 8), "tile/1/000.p/8");
        assert_eq!(tile(Kind::Entries, 273, 112), "tile/entries/273.p/112");
        for bad in [
            "tile/0/00",
            "tile/00/000",
            "tile/0/x000/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/9/000",
            "tile/0/000.p/08",
            "tile/0/+01",
            "checkpoint",
        ] {
            assert_eq!(Tile::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_files_of_a_tree() {
        let paths: Vec<_> = tiles_of(70_000).map(|t| t.path()).collect();
        assert!(paths.contains(&"tile/entries/273.p/112".to_owned()));
        assert!(paths.contains(&"tile/1/001.p/17".to_owned()));
        assert!(paths.contains(&"tile/2/000.p/1".to_owned()));
        assert_eq!(paths.len(), 274 + 274 + 2 + 1);
        assert_eq!(tiles_of(0).count(), 0);
    }

    proptest! {
        #[test]
        fn paths_read_back(level in 0u8..8, n in any::<u64>(), width in 1u64..=256, entries: bool) {
            let kind = if entries { Kind::Entries } else { Kind::Hashes(level) };
            let tile = Tile { kind, n, width };
            prop_assert_eq!(Tile::parse(&tile.path()), Some(tile));
        }

        #[test]
        fn bundles_read_back(entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20), junk: Vec<u8>) {
            let mut bundle = Vec::new();
            for e in &entries { push_entry(&mut bundle, e); }
            prop_assert_eq!(decode_entries(&bundle).unwrap(), entries);
            let _ = decode_entries(&junk);
        }
    }
}
