//! Bytes of a chunk, read one after the other.

use super::binxml::Unusual;

type Result<T> = std::result::Result<T, Unusual>;

/// A place in a chunk from which is read on. Whatever reaches beyond the chunk is [`Unusual`].
#[derive(Clone, Copy)]
pub(super) struct Cursor<'c> {
    pub bytes: &'c [u8],
    pub at: usize,
}

impl<'c> Cursor<'c> {
    pub fn take(&mut self, count: usize) -> Result<&'c [u8]> {
        let end = self.at.checked_add(count).ok_or(Unusual)?;
        let taken = self.bytes.get(self.at..end).ok_or(Unusual)?;
        self.at = end;
        Ok(taken)
    }

    pub fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count).map(drop)
    }

    /// A name in UTF-16LE: a reference to the chunk's table of names, which grows where a name is
    /// first used.
    pub fn name(&mut self) -> Result<&'c [u8]> {
        let offset = self.u32()? as usize;
        let mut at = Cursor {
            bytes: self.bytes,
            at: offset,
        };
        at.skip(6)?;
        let units = at.u16()?;
        let written = at.take(2 * usize::from(units))?;
        if self.at == offset {
            at.skip(2)?;
            self.at = at.at;
        }
        Ok(written)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Unusual)
    }

    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }
}
