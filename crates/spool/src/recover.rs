//! Opening: which records are there, where the torn tail begins, and making the rest durable.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Gap, SpoolError};
use crate::frame::{FRAME_BYTES, HEADER_BYTES, Header, HeaderError, Step, Walker};
use crate::options::Options;
use crate::segment::{Segment, file_name, first_of_name, read_header};
use crate::storage::{Storage, StoreFile};

/// What opening found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Oldest sequence number that is kept.
    pub start: u64,
    /// Next sequence number.
    pub end: u64,
    pub segments: usize,
    /// The unfinished end that a crash left behind, and that was cut off.
    pub truncated: Option<Truncation>,
    /// Damage found in the newest segment; older ones are checked when they are read.
    pub gaps: Vec<Gap>,
}

/// Bytes behind the last whole record. They had not been acknowledged, unless the disk itself
/// damaged the very last acknowledged records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncation {
    pub file: PathBuf,
    pub offset: u64,
    pub bytes: u64,
}

/// The segments and the place at which writing goes on.
pub(crate) struct Opened {
    /// Ascending, never empty; the last is written to. With the length of each in bytes.
    pub segments: Vec<(Arc<Segment>, u64)>,
    pub active: Box<dyn StoreFile>,
    pub next: u64,
    pub report: OpenReport,
}

pub(crate) fn open(
    storage: &dyn Storage,
    dir: &Path,
    options: &Options,
) -> Result<Opened, SpoolError> {
    let found = list(storage, dir)?;
    let mut report = OpenReport::default();
    let mut segments = Vec::with_capacity(found.len() + 1);
    let newest = found.len().wrapping_sub(1);
    let mut tail = None;
    for (at, (first, path, len)) in found.into_iter().enumerate() {
        let header =
            read_header(storage, &path).map_err(storage_error("read spool segment", &path))?;
        let salt = match header {
            Ok(header) if header.first == first => Some(header.salt),
            Err(HeaderError::Version(version)) => {
                return Err(SpoolError::Version {
                    file: path,
                    version,
                });
            }
            _ => None,
        };
        let segment = Arc::new(Segment::new(first, path, salt));
        if at == newest {
            tail = Some((segment, len));
        } else {
            segments.push((segment, len));
        }
    }
    let (mut next, mut active) = match tail {
        None => (options.next_at_least, None),
        // Created, and the crash came before its header was on disk: there is nothing in it.
        Some((segment, len)) if segment.salt.is_none() && len <= HEADER_BYTES as u64 => {
            storage
                .remove(&segment.path)
                .map_err(storage_error("remove empty spool segment", &segment.path))?;
            (segment.first, None)
        }
        Some((segment, len)) => {
            let (next, active) = open_tail(storage, &segment, len, &mut report)?;
            segments.push((segment, active.as_ref().map_or(len, |active| active.1)));
            (next, active.map(|active| active.0))
        }
    };
    if next < options.next_at_least {
        (next, active) = (options.next_at_least, None);
    }
    let active = match active {
        Some(active) => active,
        None => {
            let (segment, active) = create(storage, dir, next).map_err(storage_error(
                "create spool segment",
                &dir.join(file_name(next)),
            ))?;
            segments.push((Arc::new(segment), HEADER_BYTES as u64));
            active
        }
    };
    report.start = segments[0].0.first;
    report.end = next;
    report.segments = segments.len();
    Ok(Opened {
        segments,
        active,
        next,
        report,
    })
}

fn storage_error(what: &'static str, path: &Path) -> impl Fn(io::Error) -> SpoolError + use<> {
    let path = path.to_owned();
    move |source| SpoolError::Storage {
        what,
        path: path.clone(),
        source,
    }
}

fn list(storage: &dyn Storage, dir: &Path) -> Result<Vec<(u64, PathBuf, u64)>, SpoolError> {
    let mut found: Vec<_> = storage
        .list(dir)
        .map_err(storage_error("list spool folder", dir))?
        .into_iter()
        .filter_map(|(name, len)| Some((first_of_name(&name)?, dir.join(name), len)))
        .collect();
    found.sort();
    Ok(found)
}

/// Creates an empty segment; its header and its name are on disk on return.
pub(crate) fn create(
    storage: &dyn Storage,
    dir: &Path,
    first: u64,
) -> io::Result<(Segment, Box<dyn StoreFile>)> {
    // A secret of the file, not a key: it only has to be unknown to those who send records.
    let salt = RandomState::new().hash_one(first);
    let path = dir.join(file_name(first));
    let file = storage.open_write(&path)?;
    file.set_len(0)?;
    file.write_at(&Header { first, salt }.encode(), 0)?;
    file.sync()?;
    storage.sync_dir(dir)?;
    Ok((Segment::new(first, path, Some(salt)), file))
}

type Tail = (Box<dyn StoreFile>, u64);

/// Walks the newest segment: cuts the torn end off, makes the rest durable. Returns the next
/// sequence number and, when the segment can be written on, its file and length.
fn open_tail(
    storage: &dyn Storage,
    segment: &Segment,
    len: u64,
    report: &mut OpenReport,
) -> Result<(u64, Option<Tail>), SpoolError> {
    let Some(salt) = segment.salt else {
        // Nobody can say how many records it holds, but not more than this.
        let next = segment.first + len / FRAME_BYTES as u64 + 1;
        let file = segment.path.clone();
        report.gaps.push(Gap {
            from: segment.first,
            to: next,
            file,
            offset: 0,
        });
        return Ok((next, None));
    };
    let fail = storage_error("recover spool segment", &segment.path);
    let file = storage.open_write(&segment.path).map_err(&fail)?;
    let found = walk(&*file, salt, segment, len, report).map_err(&fail)?;
    if found.end < len {
        file.set_len(found.end).map_err(&fail)?;
        let (offset, bytes) = (found.end, len - found.end);
        report.truncated = Some(Truncation {
            file: segment.path.clone(),
            offset,
            bytes,
        });
    }
    rewrite(&*file, found.uncertain.min(found.end), found.end).map_err(&fail)?;
    file.sync().map_err(&fail)?;
    Ok((found.next, Some((file, found.end))))
}

struct Found {
    next: u64,
    /// Behind the last whole frame.
    end: u64,
    /// From here on nothing proves that an fsync succeeded.
    uncertain: u64,
}

fn walk(
    file: &dyn StoreFile,
    salt: u64,
    segment: &Segment,
    len: u64,
    report: &mut OpenReport,
) -> io::Result<Found> {
    let mut walker = Walker::new(file, salt, HEADER_BYTES as u64, len);
    let mut next = segment.first;
    let mut end = HEADER_BYTES as u64;
    let mut damage = None;
    // Frames not yet known to be synced, oldest first.
    let mut pending: std::collections::VecDeque<(u64, u64)> = Default::default();
    loop {
        match walker.step()? {
            Step::End => break,
            Step::Damage { offset } => _ = damage.get_or_insert(offset),
            Step::Record {
                offset,
                seq,
                synced,
                ..
            } => {
                if seq < next {
                    continue;
                }
                if seq > next {
                    let offset = damage.unwrap_or(offset);
                    let file = segment.path.clone();
                    report.gaps.push(Gap {
                        from: next,
                        to: seq,
                        file,
                        offset,
                    });
                }
                damage = None;
                segment.note(seq, offset);
                pending.push_back((seq, offset));
                while pending.front().is_some_and(|oldest| oldest.0 < synced) {
                    pending.pop_front();
                }
                next = seq + 1;
                end = walker.pos();
            }
        }
    }
    let uncertain = pending.front().map_or(end, |oldest| oldest.1);
    Ok(Found {
        next,
        end,
        uncertain,
    })
}

/// Writes the same bytes again. After a failed fsync the system may hold pages that are neither
/// on disk nor marked as waiting for it; an fsync of such a file "succeeds" and saves nothing.
fn rewrite(file: &dyn StoreFile, from: u64, to: u64) -> io::Result<()> {
    let mut chunk = vec![0; (to - from).min(1 << 20) as usize];
    let mut at = from;
    while at < to {
        let want = chunk.len().min((to - at) as usize);
        let read = file.read_at(&mut chunk[..want], at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_at(&chunk[..read], at)?;
        at += read as u64;
    }
    Ok(())
}
