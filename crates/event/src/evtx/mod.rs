//! EVTX files: records as [`WindowsEvent`]s, broken parts stepped over.
//!
//! A file is a row of chunks, and a chunk holds all that its records need, so chunks are the unit
//! of work: [`Chunks`] finds them, [`Chunk::events`] reads one. The records go from binary XML
//! straight to the event; what the fast reader does not know is read through XML text, which is
//! also what [`EvtxReader`] does for all of them: it keeps the XML as the event's original text.
//!
//! Who only matches rules needs no events: [`EvtxBatch`] reads chunks into the columns of a batch.

mod binxml;
mod chunks;
mod columns;
mod cursor;
mod value;

use std::collections::VecDeque;
use std::io::{Cursor, Read, Seek};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use evtx::{EvtxChunkData, EvtxChunkHeader, ParserSettings};

use crate::WindowsEvent;
use crate::windows::Assembler;
use binxml::{Records, Unusual};

pub use chunks::{Chunk, Chunks};
pub use columns::EvtxBatch;

/// Why a part of an EVTX file gives no event. The records after it are read all the same.
#[derive(Debug, thiserror::Error)]
pub enum EvtxError {
    /// The file cannot be read further.
    #[error("could not read the EVTX file")]
    Read(#[source] std::io::Error),
    /// The file's header is broken; its chunks are read all the same.
    #[error("the header is not that of an EVTX file: {0}")]
    Header(String),
    /// The file ends too early, behind a whole chunk.
    #[error("the header counts {counted} chunks and {found} are there: the end is missing")]
    ChunksMissing { counted: u64, found: u64 },
    /// Bytes that are no chunk.
    #[error("{bytes} bytes at offset {offset} are no chunk")]
    NoChunk { offset: u64, bytes: u64 },
    /// A chunk of 64 KiB or one record of it is broken.
    #[error("broken chunk or record in the chunk at offset {offset}: {reason}")]
    Record { offset: u64, reason: String },
    /// The record's XML is not that of an event.
    #[error("record {record_id} is no event: {reason}")]
    NotAnEvent { record_id: u64, reason: String },
}

/// A record's number and its event.
pub type Numbered = (u64, WindowsEvent);

impl Chunk {
    /// Hands each record to `each`, in the order of the chunk: its id (`EventRecordID`) and the
    /// event, whose [`WindowsEvent::original`] is empty.
    pub fn events(&self, mut each: impl FnMut(Result<Numbered, EvtxError>)) {
        let mut out = Assembler::default();
        let done = self.records(|records, id, place| {
            each(Ok(numbered(id, records.event(place, &mut out)?)));
            Ok(())
        });
        self.rest(done, each);
    }

    /// As [`Chunk::events`], through XML text, which becomes [`WindowsEvent::original`].
    pub fn events_with_xml(&self, mut each: impl FnMut(Result<Numbered, EvtxError>)) {
        self.through_xml(0, &mut each);
    }

    /// Hands each record's number and place to `read` until all are read or one is unusual; then
    /// gives the number of those read.
    fn records<'c>(
        &'c self,
        mut read: impl FnMut(&mut Records<'c>, u64, Range<usize>) -> Result<(), Unusual>,
    ) -> Result<(), usize> {
        let header = EvtxChunkHeader::from_bytes(&self.bytes).map_err(|_| 0usize)?;
        let end = (header.free_space_offset as usize).min(self.present);
        let mut records = Records::new(&self.bytes);
        let (mut at, mut done) = (512, 0);
        while at < end {
            let record = record_at(&self.bytes, at).ok_or(done)?;
            let place = at + 24..at + record.size - 4;
            read(&mut records, record.id, place).map_err(|_| done)?;
            done += 1;
            at += record.size;
            if record.id == header.last_event_record_id {
                break;
            }
        }
        if header.free_space_offset as usize > self.present
            && at < header.free_space_offset as usize
        {
            return Err(done);
        }
        Ok(())
    }

    /// What is left to do behind [`Chunk::records`].
    fn rest(&self, done: Result<(), usize>, mut each: impl FnMut(Result<Numbered, EvtxError>)) {
        if let Err(done) = done {
            // The rest of the chunk goes through XML. Both readers step from record to record by
            // the same sizes, so those that were read are the first ones, whatever the other
            // reader makes of them.
            self.through_xml(done, |item| {
                each(item.map(|(id, mut event)| {
                    event.original = None;
                    (id, event)
                }));
            });
        } else if self.is_short() {
            each(Err(self.broken("its end is missing")));
        }
    }

    /// Reads the records behind the first `skip`.
    fn through_xml(&self, skip: usize, mut each: impl FnMut(Result<Numbered, EvtxError>)) {
        match guarded(|| EvtxChunkData::new(self.bytes.clone(), false)) {
            Some(Ok(mut chunk)) => self.read_xml(&mut chunk, skip, &mut each),
            Some(Err(error)) => each(Err(self.broken(&chain(&error)))),
            None => each(Err(self.broken("the EVTX parser failed"))),
        }
        if self.is_short() {
            each(Err(self.broken("its end is missing")));
        }
    }

    fn read_xml(
        &self,
        data: &mut EvtxChunkData,
        skip: usize,
        each: &mut impl FnMut(Result<Numbered, EvtxError>),
    ) {
        let settings = Arc::new(ParserSettings::default().indent(false));
        let outcome = guarded(|| match data.parse(settings) {
            Ok(mut chunk) => {
                for record in chunk.iter().skip(skip) {
                    each(match record.and_then(|record| record.into_xml()) {
                        Ok(record) => event(record.event_record_id, record.data),
                        Err(error) => Err(self.broken(&chain(&error))),
                    });
                }
            }
            Err(error) => each(Err(self.broken(&chain(&error)))),
        });
        if outcome.is_none() {
            each(Err(self.broken("the EVTX parser failed")));
        }
    }

    /// The end of the chunk is missing.
    fn is_short(&self) -> bool {
        self.present < chunks::CHUNK_BYTES
    }

    fn broken(&self, reason: &str) -> EvtxError {
        EvtxError::Record {
            offset: self.offset,
            reason: reason.to_owned(),
        }
    }
}

struct RecordHead {
    size: usize,
    id: u64,
}

/// The header of the record at `at`, if it and the copy of its size behind it are sound.
fn record_at(chunk: &[u8], at: usize) -> Option<RecordHead> {
    let head = chunk.get(at..at + 24)?;
    let size = u32::from_le_bytes(*head[4..].first_chunk()?) as usize;
    let sound = head.starts_with(b"**\0\0") && size >= 28;
    let copy = chunk
        .get(at.checked_add(size)?.checked_sub(4)?..)?
        .first_chunk()?;
    (sound && u32::from_le_bytes(*copy) as usize == size).then_some(RecordHead {
        size,
        id: u64::from_le_bytes(*head[8..].first_chunk()?),
    })
}

/// Reads the records of an EVTX file one after another, in the order in which Windows wrote
/// them, with their XML. Holds one chunk (64 KiB and what it expands to) at a time.
pub struct EvtxReader<R: Read + Seek> {
    chunks: Chunks<R>,
    ready: VecDeque<Result<Numbered, EvtxError>>,
}

impl EvtxReader<Cursor<Vec<u8>>> {
    /// Reads a file that is in memory.
    pub fn open_bytes(bytes: Vec<u8>) -> Self {
        EvtxReader::stream(Cursor::new(bytes))
    }
}

impl<R: Read + Seek> EvtxReader<R> {
    /// Reads from `source`. What is wrong with the file shows as errors of the iterator.
    pub fn stream(source: R) -> Self {
        EvtxReader {
            chunks: Chunks::open(source),
            ready: VecDeque::new(),
        }
    }
}

impl<R: Read + Seek> Iterator for EvtxReader<R> {
    /// The record id (`EventRecordID`) and the event; [`WindowsEvent::original`] is the record's XML.
    type Item = Result<Numbered, EvtxError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            match self.chunks.next()? {
                Ok(chunk) => chunk.events_with_xml(|item| self.ready.push_back(item)),
                Err(error) => self.ready.push_back(Err(error)),
            }
        }
        self.ready.pop_front()
    }
}

fn event(record_id: u64, xml: String) -> Result<Numbered, EvtxError> {
    // The XML declaration is the renderer's, not the log's.
    let xml = match xml
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
    {
        Some((_, rest)) => rest.trim().to_owned(),
        None => xml.trim().to_owned(),
    };
    match WindowsEvent::from_xml(&xml) {
        Ok(mut event) => {
            event.original = Some(xml);
            Ok(numbered(record_id, event))
        }
        Err(error) => Err(EvtxError::NotAnEvent {
            record_id,
            reason: error.to_string(),
        }),
    }
}

/// An exported log numbers its records anew, the event keeps its number.
fn numbered(record_id: u64, event: WindowsEvent) -> Numbered {
    let known = event.record_id.and_then(|id| u64::try_from(id).ok());
    (known.unwrap_or(record_id), event)
}

/// Runs code of the EVTX parser; `None` if it panics. It is not known to; should it, one chunk
/// is lost, not the import.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
