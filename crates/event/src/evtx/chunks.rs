//! Chunks of an EVTX file: 64 KiB each, found by their signature.

use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use evtx::{EvtxChunkHeader, EvtxFileHeader};
use memchr::memmem;

use super::{EvtxError, chain};

pub(super) const CHUNK_BYTES: usize = 65_536;
const CHUNK_HEADER_BYTES: usize = 512;
const HEADER_BYTES: usize = 4_096;
/// First bytes of a file and of a chunk.
pub(super) const FILE_MAGIC: &[u8] = b"ElfFile\0";
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";

/// One chunk: some 100 to 500 records.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// [`CHUNK_BYTES`] of them; what was missing is zero.
    pub(super) bytes: Vec<u8>,
    /// Bytes that were there.
    pub(super) present: usize,
}

/// Finds the chunks of an EVTX file, of a part of one, or of anything that holds some.
///
/// Chunks stand one after another behind a file header of 4 KiB. Where that is not so (the header
/// is gone, blocks are missing, the file was carved from a disk), they are found by their
/// signature. Holds at most two chunks in memory, whatever the size of the file.
pub struct Chunks<R> {
    source: R,
    seek: Option<fn(&mut R, u64) -> std::io::Result<()>>,
    /// Parts of the file still to read, in this order; the first one is being read.
    parts: VecDeque<Range<u64>>,
    /// Read and not yet used, and where in the file it begins.
    buffer: Vec<u8>,
    offset: u64,
    started: bool,
    /// What is not handed out yet, in the order of reading.
    ready: VecDeque<Result<Chunk, EvtxError>>,
    /// Bytes stepped over since the last chunk: where they begin and how many.
    gap: Option<(u64, u64)>,
    /// Chunks by the file's header; 0 if it is broken. In a log that was not closed it is too low.
    counted: u64,
    found: u64,
    /// It is known already that something is missing.
    incomplete: bool,
    /// Why reading stopped; told behind what could be read.
    failure: Option<std::io::Error>,
}

impl<R: Read> Chunks<R> {
    /// Reads `source` from where it stands to its end. Chunks come in the order of the file.
    pub fn stream(source: R) -> Self {
        Chunks {
            source,
            seek: None,
            parts: std::iter::once(0..u64::MAX).collect(),
            buffer: Vec::new(),
            offset: 0,
            started: false,
            ready: VecDeque::new(),
            gap: None,
            counted: 0,
            found: 0,
            incomplete: false,
            failure: None,
        }
    }

    /// Looks at the file header and steps over it.
    fn start(&mut self) {
        self.started = true;
        self.fill(HEADER_BYTES);
        let header = &self.buffer[..self.buffer.len().min(HEADER_BYTES)];
        match EvtxFileHeader::from_stream(&mut std::io::Cursor::new(header)) {
            Ok(header) => self.counted = header.chunk_count.into(),
            Err(error) => self.ready.push_back(Err(EvtxError::Header(chain(&error)))),
        }
        if header.starts_with(FILE_MAGIC) || memmem::find(header, CHUNK_MAGIC).is_none() {
            self.drop_bytes(HEADER_BYTES);
        }
    }

    /// Reads until the buffer holds `bytes` or the part ends.
    fn fill(&mut self, bytes: usize) {
        while self.buffer.len() < bytes {
            let Some(part) = self.parts.front() else {
                return;
            };
            let before = self.buffer.len();
            let at = self.offset + before as u64;
            // No more than is asked for: a buffer of one chunk becomes the chunk.
            let missing = bytes - before;
            let most = part.end.saturating_sub(at).min(missing as u64);
            self.buffer.reserve_exact(missing);
            let mut source = self.source.by_ref().take(most);
            if let Err(error) = source.read_to_end(&mut self.buffer) {
                self.failure = Some(error);
                self.parts.clear();
            }
            if self.buffer.len() == before {
                return;
            }
        }
    }

    fn drop_bytes(&mut self, count: usize) {
        let count = count.min(self.buffer.len());
        self.buffer.drain(..count);
        self.offset += count as u64;
    }

    /// Goes on to the next part; `false` if there is none.
    fn next_part(&mut self) -> bool {
        self.parts.pop_front();
        let Some(part) = self.parts.front() else {
            return false;
        };
        self.offset = part.start;
        self.buffer.clear();
        if let Some(seek) = self.seek
            && let Err(error) = seek(&mut self.source, self.offset)
        {
            self.failure = Some(error);
            self.parts.clear();
        }
        true
    }

    /// Reads up to the next chunk; nothing is `ready` then at the end.
    fn advance(&mut self) {
        if !self.started {
            self.start();
        }
        loop {
            self.fill(CHUNK_BYTES);
            if self.buffer.is_empty() {
                self.report_gap();
                if !self.next_part() {
                    self.report_end();
                    return;
                }
            } else if self.buffer.starts_with(CHUNK_MAGIC) {
                self.report_gap();
                let chunk = self.take_chunk();
                self.ready.push_back(Ok(chunk));
                return;
            } else {
                self.step_over();
            }
        }
    }

    fn report_gap(&mut self) {
        if let Some((offset, bytes)) = self.gap.take() {
            self.incomplete = true;
            self.ready
                .push_back(Err(EvtxError::NoChunk { offset, bytes }));
        }
    }

    /// Says once that chunks are missing, unless the loss shows elsewhere.
    fn report_end(&mut self) {
        let (counted, found) = (self.counted, self.found);
        if found < counted && !self.incomplete && self.failure.is_none() {
            let error = EvtxError::ChunksMissing { counted, found };
            self.ready.push_back(Err(error));
        }
        self.incomplete = true;
    }

    /// The chunk at the start of the buffer.
    fn take_chunk(&mut self) -> Chunk {
        let there = self.buffer.len().min(CHUNK_BYTES);
        // Another chunk begins inside this one: its end is missing. Data of an event may hold the
        // signature as well; then the records reach beyond it.
        let records_end = EvtxChunkHeader::from_bytes(&self.buffer[..there])
            .map_or(0, |header| header.free_space_offset as usize);
        let start = CHUNK_HEADER_BYTES.min(there);
        let end = records_end.saturating_add(CHUNK_MAGIC.len() - 1);
        let inside = memmem::find(&self.buffer[start..end.clamp(start, there)], CHUNK_MAGIC)
            .map(|at| at + CHUNK_HEADER_BYTES)
            .filter(|&at| {
                self.fill(at + CHUNK_HEADER_BYTES);
                looks_like_chunk(&self.buffer[at..])
            });
        let present = inside.unwrap_or(there);
        let offset = self.offset;
        let mut bytes = if present == self.buffer.len() {
            self.offset += present as u64;
            std::mem::take(&mut self.buffer)
        } else {
            let bytes = self.buffer[..present].to_vec();
            self.drop_bytes(present);
            bytes
        };
        bytes.resize(CHUNK_BYTES, 0);
        self.found += 1;
        self.incomplete |= present < CHUNK_BYTES;
        Chunk {
            offset,
            bytes,
            present,
        }
    }

    /// Steps over what is no chunk up to the next one, and says so unless it is empty space.
    fn step_over(&mut self) {
        let found = memmem::find(&self.buffer[1..], CHUNK_MAGIC).map(|at| at + 1);
        // The signature may be cut by the end of the buffer.
        let keep = (CHUNK_MAGIC.len() - 1).min(self.buffer.len() - 1);
        let at_end = self.buffer.len() < CHUNK_BYTES;
        let count = match found {
            Some(at) => at,
            None if at_end => self.buffer.len(),
            None => self.buffer.len() - keep,
        };
        // A log that is not full has empty chunks behind the last one.
        if !is_empty_space(&self.buffer[..count]) || self.gap.is_some() {
            let (_, bytes) = self.gap.get_or_insert((self.offset, 0));
            *bytes += count as u64;
        }
        self.drop_bytes(count);
    }
}

impl<R: Read + Seek> Chunks<R> {
    /// Reads a whole file. A full log is written over from its oldest chunk on, so that is where
    /// reading starts, as Windows does.
    pub fn open(mut source: R) -> Self {
        let (oldest, length) = oldest_chunk(&mut source);
        let rewound = source.rewind();
        let mut chunks = Chunks::stream(source);
        if let Err(error) = rewound {
            chunks.ready.push_back(Err(EvtxError::Read(error)));
        }
        if oldest > HEADER_BYTES as u64 {
            // The header, then from the oldest chunk to the end, then those before it.
            let header = HEADER_BYTES as u64;
            chunks.parts = VecDeque::from([0..header, oldest..length, header..oldest]);
            chunks.seek = Some(|source, at| source.seek(SeekFrom::Start(at)).map(drop));
        }
        chunks
    }
}

impl<R: Read> Iterator for Chunks<R> {
    type Item = Result<Chunk, EvtxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            self.advance();
        }
        let failure = || self.failure.take().map(|error| Err(EvtxError::Read(error)));
        self.ready.pop_front().or_else(failure)
    }
}

fn is_empty_space(bytes: &[u8]) -> bool {
    // In pieces that the compiler looks at as a whole.
    let mut pieces = bytes.chunks(256);
    pieces.all(|piece| piece.iter().fold(0, |all, byte| all | byte) == 0)
}

/// A header whose record numbers and offsets make sense.
fn looks_like_chunk(bytes: &[u8]) -> bool {
    EvtxChunkHeader::from_bytes(bytes).is_ok_and(|header| {
        header.header_size == 128
            && header.first_event_record_id <= header.last_event_record_id
            && header.free_space_offset as usize <= CHUNK_BYTES
    })
}

/// Where the chunk with the lowest record id begins, and the length of the file.
fn oldest_chunk(source: &mut (impl Read + Seek)) -> (u64, u64) {
    let length = source.seek(SeekFrom::End(0)).unwrap_or(0);
    let mut oldest = (u64::MAX, 0);
    let mut at = HEADER_BYTES as u64;
    while at < length {
        let mut header = [0; CHUNK_HEADER_BYTES];
        let read = source
            .seek(SeekFrom::Start(at))
            .and_then(|_| source.read_exact(&mut header));
        if read.is_err() {
            break;
        }
        if let Ok(header) = EvtxChunkHeader::from_bytes(&header)
            && header.first_event_record_id <= header.last_event_record_id
            && header.first_event_record_id < oldest.0
        {
            oldest = (header.first_event_record_id, at);
        }
        at += CHUNK_BYTES as u64;
    }
    (oldest.1, length)
}
