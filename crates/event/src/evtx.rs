//! EVTX files: records as [`WindowsEvent`]s, broken parts stepped over.

use std::collections::VecDeque;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use evtx::{EvtxChunkData, EvtxChunkHeader, EvtxFileHeader, ParserSettings};

use crate::WindowsEvent;

/// Why a part of an EVTX file gives no event. The records after it are read all the same.
#[derive(Debug, thiserror::Error)]
pub enum EvtxError {
    /// The file cannot be read further.
    #[error("could not read the EVTX file")]
    Read(#[source] std::io::Error),
    /// The file's header is broken; its chunks are read in the order in which they stand.
    #[error("the header is not that of an EVTX file: {0}")]
    Header(String),
    /// A chunk of 64 KiB or one record of it is broken.
    #[error("broken chunk or record: {0}")]
    Record(String),
    /// The record's XML is not that of an event.
    #[error("record {record_id} is no event: {reason}")]
    NotAnEvent { record_id: u64, reason: String },
}

const HEADER_BYTES: u64 = 4_096;
const CHUNK_BYTES: u64 = 65_536;

/// Reads the records of an EVTX file one after another, in the order in which Windows wrote
/// them. Holds one chunk (64 KiB and what it expands to) at a time.
pub struct EvtxReader<R: Read + Seek> {
    source: R,
    /// Number of the next chunk to read and how many are left.
    next: u64,
    left: u64,
    /// Chunks in the file, the last one perhaps cut short.
    chunks: u64,
    ready: VecDeque<Result<(u64, WindowsEvent), EvtxError>>,
    settings: Arc<ParserSettings>,
}

impl EvtxReader<Cursor<Vec<u8>>> {
    /// Reads a file that is in memory.
    pub fn open_bytes(bytes: Vec<u8>) -> Self {
        EvtxReader::stream(Cursor::new(bytes))
    }
}

impl<R: Read + Seek> EvtxReader<R> {
    /// Reads from `source`. What is wrong with the file shows as errors of the iterator.
    pub fn stream(mut source: R) -> Self {
        let mut ready = VecDeque::new();
        if let Err(error) = EvtxFileHeader::from_stream(&mut source) {
            ready.push_back(Err(EvtxError::Header(chain(&error))));
        }
        let chunks = match source.seek(SeekFrom::End(0)) {
            Ok(length) => length.saturating_sub(HEADER_BYTES).div_ceil(CHUNK_BYTES),
            Err(error) => {
                ready.push_back(Err(EvtxError::Read(error)));
                0
            }
        };
        let next = oldest_chunk(&mut source, chunks);
        let settings = Arc::new(ParserSettings::default().indent(false));
        EvtxReader {
            source,
            next,
            left: chunks,
            chunks,
            ready,
            settings,
        }
    }

    /// Reads the next chunk into `ready`; `false` at the end.
    fn fill(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        let number = self.next;
        self.left -= 1;
        self.next = if number + 1 == self.chunks {
            0
        } else {
            number + 1
        };
        let mut bytes = Vec::with_capacity(CHUNK_BYTES as usize);
        let read = self
            .source
            .seek(SeekFrom::Start(HEADER_BYTES + number * CHUNK_BYTES))
            .and_then(|_| {
                self.source
                    .by_ref()
                    .take(CHUNK_BYTES)
                    .read_to_end(&mut bytes)
            });
        if let Err(error) = read {
            self.ready.push_back(Err(EvtxError::Read(error)));
            return true;
        }
        // A log that is not full has empty chunks behind the last one.
        if bytes.iter().all(|byte| *byte == 0) {
            return true;
        }
        let short = bytes.len() < CHUNK_BYTES as usize;
        bytes.resize(CHUNK_BYTES as usize, 0);
        match guarded(|| EvtxChunkData::new(bytes, false)) {
            Ok(Ok(mut chunk)) => self.read_chunk(&mut chunk),
            Ok(Err(error)) => self.ready.push_back(Err(EvtxError::Record(chain(&error)))),
            Err(error) => self.ready.push_back(Err(error)),
        }
        if short {
            let reason = format!("the file ends inside chunk {number}");
            self.ready.push_back(Err(EvtxError::Record(reason)));
        }
        true
    }

    fn read_chunk(&mut self, data: &mut EvtxChunkData) {
        let settings = self.settings.clone();
        let ready = &mut self.ready;
        let outcome = guarded(|| match data.parse(settings) {
            Ok(mut chunk) => {
                for record in chunk.iter() {
                    ready.push_back(match record.and_then(|record| record.into_xml()) {
                        Ok(record) => event(record.event_record_id, record.data),
                        Err(error) => Err(EvtxError::Record(chain(&error))),
                    });
                }
            }
            Err(error) => ready.push_back(Err(EvtxError::Record(chain(&error)))),
        });
        if let Err(error) = outcome {
            self.ready.push_back(Err(error));
        }
    }
}

impl<R: Read + Seek> Iterator for EvtxReader<R> {
    /// The record id (`EventRecordID`) and the event; [`WindowsEvent::original`] is the record's XML.
    type Item = Result<(u64, WindowsEvent), EvtxError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if !self.fill() {
                return self.ready.pop_front();
            }
        }
    }
}

fn event(record_id: u64, xml: String) -> Result<(u64, WindowsEvent), EvtxError> {
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
            // An exported log numbers its records anew, the event keeps its number.
            let known = event.record_id.and_then(|id| u64::try_from(id).ok());
            Ok((known.unwrap_or(record_id), event))
        }
        Err(error) => Err(EvtxError::NotAnEvent {
            record_id,
            reason: error.to_string(),
        }),
    }
}

/// The chunk with the lowest record id, where Windows starts to read: a full log is written over
/// from its oldest chunk on.
fn oldest_chunk(source: &mut (impl Read + Seek), chunks: u64) -> u64 {
    let mut oldest = (u64::MAX, 0);
    for number in 0..chunks {
        let mut header = [0; 512];
        let read = source
            .seek(SeekFrom::Start(HEADER_BYTES + number * CHUNK_BYTES))
            .and_then(|_| source.read_exact(&mut header));
        if read.is_err() {
            break;
        }
        if let Ok(header) = EvtxChunkHeader::from_bytes(&header)
            && header.first_event_record_id <= header.last_event_record_id
            && header.first_event_record_id < oldest.0
        {
            oldest = (header.first_event_record_id, number);
        }
    }
    oldest.1
}

/// Runs code of the EVTX parser. It is not known to panic; should it, one chunk is lost, not the
/// import.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, EvtxError> {
    catch_unwind(AssertUnwindSafe(run))
        .map_err(|_| EvtxError::Record("the EVTX parser failed".into()))
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
