//! One segment file: what is known about it, and reading records out of it.

use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::error::{Gap, ReadError};
use crate::frame::{HEADER_BYTES, Header, HeaderError, Step, Walker};
use crate::storage::Storage;

/// Distance of two places that the index remembers, in bytes.
const INDEX_STRIDE_BYTES: u64 = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Segment {
    pub first: u64,
    pub path: PathBuf,
    /// None when both copies of the header are damaged: nothing in the file can be trusted.
    pub salt: Option<u64>,
    /// Some frames' (sequence number, offset), ascending; filled by writing and walking.
    index: Mutex<Vec<(u64, u64)>>,
}

pub(crate) fn file_name(first: u64) -> String {
    format!("{first:016x}.seg")
}

pub(crate) fn first_of_name(name: &str) -> Option<u64> {
    let hex = name.strip_suffix(".seg")?;
    (hex.len() == 16)
        .then(|| u64::from_str_radix(hex, 16).ok())
        .flatten()
}

impl Segment {
    pub fn new(first: u64, path: PathBuf, salt: Option<u64>) -> Self {
        Segment {
            first,
            path,
            salt,
            index: Mutex::default(),
        }
    }

    /// Remembers that the frame of `seq` begins at `offset`, when that is news.
    pub fn note(&self, seq: u64, offset: u64) {
        let mut index = self.index.lock();
        let last = index.last().map_or(HEADER_BYTES as u64, |place| place.1);
        if offset >= last + INDEX_STRIDE_BYTES {
            index.push((seq, offset));
        }
    }

    /// Forgets the places at or behind `offset`: what was written there did not count.
    pub fn forget(&self, offset: u64) {
        self.index.lock().retain(|place| place.1 < offset);
    }

    /// Offset of a frame at or before that of `seq`.
    fn place(&self, seq: u64) -> u64 {
        let index = self.index.lock();
        let behind = index.partition_point(|place| place.0 <= seq);
        if behind == 0 {
            HEADER_BYTES as u64
        } else {
            index[behind - 1].1
        }
    }

    fn gap(&self, from: u64, to: u64, offset: u64) -> Gap {
        Gap {
            from,
            to,
            file: self.path.clone(),
            offset,
        }
    }
}

/// Reads the header; `Ok(None)` when it is damaged.
pub(crate) fn read_header(
    storage: &dyn Storage,
    path: &Path,
) -> io::Result<Result<Header, HeaderError>> {
    let mut bytes = [0; HEADER_BYTES];
    let read = storage.open_read(path)?.read_at(&mut bytes, 0)?;
    if read < HEADER_BYTES {
        return Ok(Err(HeaderError::Damaged));
    }
    Ok(Header::decode(&bytes))
}

/// A reader's wish and what it got so far.
pub(crate) struct Reading {
    pub next: u64,
    pub max_records: usize,
    pub max_bytes: usize,
    pub bytes: usize,
    pub out: Vec<(u64, Vec<u8>)>,
}

impl Reading {
    fn is_full(&self) -> bool {
        self.out.len() >= self.max_records || (!self.out.is_empty() && self.bytes >= self.max_bytes)
    }

    fn gap(self, gap: Gap) -> Result<Reading, ReadError> {
        if self.out.is_empty() {
            Err(ReadError::Gap(gap))
        } else {
            Ok(self)
        }
    }

    /// Reads on in `segment`, whose durable bytes end at `len` and whose records end before `end`.
    /// Returns `(self, go_on)`; a gap ends the reading, and is the error when nothing precedes it.
    pub fn read_segment(
        mut self,
        segment: &Segment,
        storage: &dyn Storage,
        len: u64,
        end: u64,
    ) -> Result<(Reading, bool), ReadError> {
        let Some(salt) = segment.salt else {
            let gap = segment.gap(self.next, end, 0);
            return Ok((self.gap(gap)?, false));
        };
        let fail = |source| ReadError::Storage {
            file: segment.path.clone(),
            source,
        };
        let file = storage.open_read(&segment.path).map_err(fail)?;
        let mut walker = Walker::new(&*file, salt, segment.place(self.next), len);
        let mut damage = None;
        while !self.is_full() {
            match walker.step().map_err(fail)? {
                Step::Damage { offset } => _ = damage.get_or_insert(offset),
                Step::Record {
                    offset,
                    seq,
                    payload,
                    ..
                } => {
                    if damage.is_none() {
                        segment.note(seq, offset);
                    }
                    if seq < self.next || seq >= end {
                        // Before the wish; or no frame of this segment's range at all.
                        if seq < self.next {
                            damage = None;
                        }
                        continue;
                    }
                    if seq > self.next {
                        let gap = segment.gap(self.next, seq, damage.unwrap_or(offset));
                        return Ok((self.gap(gap)?, false));
                    }
                    damage = None;
                    let payload = walker.bytes(payload);
                    let over = self.bytes + payload.len() > self.max_bytes;
                    if over && !self.out.is_empty() {
                        return Ok((self, false));
                    }
                    self.bytes += payload.len();
                    self.out.push((seq, payload.to_vec()));
                    self.next += 1;
                }
                Step::End if self.next < end => {
                    let gap = segment.gap(self.next, end, damage.unwrap_or(walker.pos()));
                    return Ok((self.gap(gap)?, false));
                }
                Step::End => return Ok((self, true)),
            }
        }
        Ok((self, false))
    }
}
