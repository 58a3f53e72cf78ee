//! The bytes of a segment: a header (twice), then one frame per record.
//!
//! ```text
//! header  magic[8] version:u32 crc:u32 first:u64 salt:u64        written twice, 64 bytes in all
//! frame   marker[4] len:u32 seq:u64 unsynced:u32 crc_head:u32 crc_body:u32   28 bytes, then payload
//! ```
//!
//! Little endian. Both CRCs (IEEE) begin with the segment's salt, a secret of the file, so bytes
//! inside a payload cannot pose as a frame when a reader looks for the next whole frame behind a
//! damaged one. `unsynced` is how many records before this one were not yet known to be on disk
//! when it was written: everything below `seq - unsynced` had been acknowledged.

use std::ops::Range;

use crc32fast::Hasher;

use crate::storage::StoreFile;

pub(crate) const VERSION: u32 = 1;
pub(crate) const HEADER_BYTES: usize = 64;
pub(crate) const FRAME_BYTES: usize = 28;

const MAGIC: [u8; 8] = *b"SAQSPOOL";
const MARKER: [u8; 4] = [0xA5, b'S', b'r', 0x5A];
const COPY_BYTES: usize = HEADER_BYTES / 2;
const CHUNK_BYTES: usize = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub first: u64,
    pub salt: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Damaged,
    Version(u32),
}

impl Header {
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        let mut copy = [0; COPY_BYTES];
        copy[..8].copy_from_slice(&MAGIC);
        copy[8..12].copy_from_slice(&VERSION.to_le_bytes());
        copy[16..24].copy_from_slice(&self.first.to_le_bytes());
        copy[24..].copy_from_slice(&self.salt.to_le_bytes());
        let crc = header_crc(&copy);
        copy[12..16].copy_from_slice(&crc.to_le_bytes());
        let mut both = [0; HEADER_BYTES];
        both[..COPY_BYTES].copy_from_slice(&copy);
        both[COPY_BYTES..].copy_from_slice(&copy);
        both
    }

    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, HeaderError> {
        let (copies, _) = bytes.as_chunks::<COPY_BYTES>();
        let mut versions = [0; 2];
        for (copy, version) in copies.iter().zip(&mut versions) {
            if copy[..8] != MAGIC {
                continue;
            }
            *version = u32_at(copy, 8);
            if *version == VERSION && header_crc(copy) == u32_at(copy, 12) {
                return Ok(Header {
                    first: u64_at(copy, 16),
                    salt: u64_at(copy, 24),
                });
            }
        }
        match versions {
            [a, b] if a == b && a > VERSION => Err(HeaderError::Version(a)),
            _ => Err(HeaderError::Damaged),
        }
    }
}

fn header_crc(copy: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&copy[..12]);
    hasher.update(&copy[16..COPY_BYTES]);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

/// The two checksums of one segment, begun with its salt.
#[derive(Clone)]
pub(crate) struct Seal(Hasher);

impl Seal {
    pub fn new(salt: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(&salt.to_le_bytes());
        Seal(hasher)
    }

    fn of(&self, parts: [&[u8]; 2]) -> u32 {
        let mut hasher = self.0.clone();
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finalize()
    }

    /// Appends the frame of `payload` to `out`. `payload` is shorter than 4 GiB.
    pub fn frame(&self, seq: u64, synced: u64, payload: &[u8], out: &mut Vec<u8>) {
        debug_assert!(synced <= seq);
        let at = out.len();
        out.extend(MARKER);
        out.extend((payload.len() as u32).to_le_bytes());
        out.extend(seq.to_le_bytes());
        out.extend(
            u32::try_from(seq - synced)
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        let head = self.of([&out[at..], &[]]);
        out.extend(head.to_le_bytes());
        // The body's checksum covers the head's, so a body cannot be moved to another frame.
        let body = self.of([&out[at + 20..at + 24], payload]);
        out.extend(body.to_le_bytes());
        out.extend(payload);
    }

    fn head(&self, bytes: &[u8]) -> Option<Head> {
        let whole = bytes.len() >= FRAME_BYTES && bytes[..4] == MARKER;
        (whole && self.of([&bytes[..20], &[]]) == u32_at(bytes, 20)).then(|| Head {
            len: u32_at(bytes, 4) as usize,
            seq: u64_at(bytes, 8),
            unsynced: u32_at(bytes, 16),
        })
    }
}

struct Head {
    len: usize,
    seq: u64,
    unsynced: u32,
}

/// What a [`Walker`] found at its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole frame. `payload` is a range of [`Walker::bytes`].
    Record {
        offset: u64,
        seq: u64,
        synced: u64,
        payload: Range<usize>,
    },
    /// No whole frame begins at `offset`; the walker now stands at the next one, or at the end.
    Damage {
        offset: u64,
    },
    End,
}

/// Goes through the frames of a segment from one offset to another, holding one chunk in memory.
pub(crate) struct Walker<'a> {
    file: &'a dyn StoreFile,
    seal: Seal,
    pos: u64,
    end: u64,
    chunk: Vec<u8>,
    chunk_at: u64,
}

impl<'a> Walker<'a> {
    pub fn new(file: &'a dyn StoreFile, salt: u64, pos: u64, end: u64) -> Self {
        Walker {
            file,
            seal: Seal::new(salt),
            pos,
            end,
            chunk: Vec::new(),
            chunk_at: pos,
        }
    }

    /// Offset of the next frame.
    pub fn pos(&self) -> u64 {
        self.pos
    }

    pub fn bytes(&self, payload: Range<usize>) -> &[u8] {
        &self.chunk[payload]
    }

    /// The next frame. After `Damage` the following call goes on behind it.
    pub fn step(&mut self) -> std::io::Result<Step> {
        if self.pos >= self.end {
            return Ok(Step::End);
        }
        if let Some((head, payload)) = self.frame_at(self.pos)? {
            let offset = self.pos;
            self.pos += (FRAME_BYTES + head.len) as u64;
            let synced = head.seq.saturating_sub(u64::from(head.unsynced));
            return Ok(Step::Record {
                offset,
                seq: head.seq,
                synced,
                payload,
            });
        }
        let offset = self.pos;
        self.seek_frame()?;
        Ok(Step::Damage { offset })
    }

    /// Moves to the first whole frame behind `pos`, or to the end.
    fn seek_frame(&mut self) -> std::io::Result<()> {
        // A whole head with a damaged body names the place of its neighbour.
        if self.fill(self.pos, FRAME_BYTES)?
            && let Some(head) = self.seal.head(self.window(self.pos))
        {
            let next = self.pos + (FRAME_BYTES + head.len) as u64;
            if next <= self.end {
                self.pos = next;
                return Ok(());
            }
        }
        let mut at = self.pos + 1;
        while self.fill(at, FRAME_BYTES)? {
            let window = self.window(at);
            let found = window.windows(4).position(|four| four == MARKER);
            match found {
                None => at += (window.len() - 3) as u64,
                Some(skip) => {
                    at += skip as u64;
                    if self.frame_at(at)?.is_some() {
                        self.pos = at;
                        return Ok(());
                    }
                    at += 1;
                }
            }
        }
        self.pos = self.end;
        Ok(())
    }

    fn frame_at(&mut self, at: u64) -> std::io::Result<Option<(Head, Range<usize>)>> {
        if !self.fill(at, FRAME_BYTES)? {
            return Ok(None);
        }
        let Some(head) = self.seal.head(self.window(at)) else {
            return Ok(None);
        };
        if !self.fill(at, FRAME_BYTES + head.len)? {
            return Ok(None);
        }
        let start = (at - self.chunk_at) as usize;
        let payload = start + FRAME_BYTES..start + FRAME_BYTES + head.len;
        let body = self.seal.of([
            &self.chunk[start + 20..start + 24],
            &self.chunk[payload.clone()],
        ]);
        Ok((body == u32_at(&self.chunk, start + 24)).then_some((head, payload)))
    }

    fn window(&self, at: u64) -> &[u8] {
        &self.chunk[(at - self.chunk_at) as usize..]
    }

    /// Makes `len` bytes from `at` available; false when the walk's end comes first.
    fn fill(&mut self, at: u64, len: usize) -> std::io::Result<bool> {
        if at + len as u64 > self.end {
            return Ok(false);
        }
        let have = self.chunk_at..self.chunk_at + self.chunk.len() as u64;
        if have.contains(&at) && at + len as u64 <= have.end {
            return Ok(true);
        }
        let want = len.max(CHUNK_BYTES).min((self.end - at) as usize);
        self.chunk.resize(want, 0);
        self.chunk_at = at;
        let read = self.file.read_at(&mut self.chunk, at)?;
        self.chunk.truncate(read);
        Ok(read >= len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_copy_of_the_header_is_enough_and_a_future_version_is_named() {
        let header = Header {
            first: 77,
            salt: 0x1234_5678_9abc_def0,
        };
        let bytes = header.encode();
        for at in 0..HEADER_BYTES {
            let mut damaged = bytes;
            damaged[at] ^= 0x10;
            assert_eq!(Header::decode(&damaged), Ok(header), "byte {at}");
        }
        let mut both = bytes;
        both[20] ^= 1;
        both[52] ^= 1;
        assert_eq!(Header::decode(&both), Err(HeaderError::Damaged));
        let mut future = bytes;
        (future[8], future[40]) = (2, 2);
        assert_eq!(Header::decode(&future), Err(HeaderError::Version(2)));
    }
}
