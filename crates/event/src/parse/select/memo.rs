//! What became of a piece of JSON text before: equal texts are read once per batch.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use foldhash::fast::RandomState;

/// After this many texts a memo that nine of ten were new to stops remembering.
const TRIAL: u32 = 256;

/// Text as it stands in the input → key of its value in a column.
#[derive(Debug)]
pub(super) struct Memo<'a> {
    known: HashMap<u64, (&'a str, u32), BuildHasherDefault<AsIs>>,
    asked: u32,
    new: u32,
}

impl<'a> Memo<'a> {
    pub fn new() -> Self {
        Memo {
            known: HashMap::default(),
            asked: 0,
            new: 0,
        }
    }

    /// The key of `text`, from `make` if it is new. What `make` refuses is not kept, so that it is
    /// refused again.
    pub fn key<E>(
        &mut self,
        text: &'a str,
        hasher: &RandomState,
        make: impl FnOnce() -> Result<u32, E>,
    ) -> Result<u32, E> {
        if self.new > TRIAL && u64::from(self.new) * 10 > u64::from(self.asked) * 9 {
            self.known = HashMap::default();
            return make();
        }
        self.asked += 1;
        let hash = hasher.hash_one(text.as_bytes());
        if let Some(&(known, key)) = self.known.get(&hash)
            && known == text
        {
            return Ok(key);
        }
        self.new += 1;
        let key = make()?;
        self.known.insert(hash, (text, key));
        Ok(key)
    }
}

/// The key is a hash already.
#[derive(Debug, Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
