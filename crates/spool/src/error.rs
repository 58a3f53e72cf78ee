//! Errors, one variant per thing the caller can do differently.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Records that were acknowledged or may have been, and can no longer be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// First sequence number that is gone.
    pub from: u64,
    /// First sequence number behind the gap; reading goes on there.
    pub to: u64,
    pub file: PathBuf,
    /// Byte in `file` at which the damage begins.
    pub offset: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("spool `{dir}` is in use by another process")]
    InUse { dir: PathBuf },
    #[error("spool segment `{file}` has format version {version}; this program reads version 1")]
    Version { file: PathBuf, version: u32 },
    #[error("spool options: {0}")]
    Options(&'static str),
    #[error("could not {what} `{path}`")]
    Storage {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("spool is closed")]
    Closed,
}

/// Why records were not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The bound on stored bytes is reached or the disk is full. Nothing was written. Slow the
    /// sender down and retry after the readers have released something.
    #[error("spool is full: {bytes} of {bytes_max} bytes in use")]
    Full { bytes: u64, bytes_max: u64 },
    /// More records wait for the disk than the queue holds. Nothing was written. Retry soon.
    #[error("spool queue is full: {bytes} bytes wait to be written")]
    Busy { bytes: u64 },
    /// The record can never be stored. Nothing was written.
    #[error("record of {bytes} bytes is larger than the limit of {bytes_max}")]
    TooLarge { bytes: u64, bytes_max: u64 },
    /// A write or fsync failed; whether the records are stored is unknown. See [`AppendError::Refused`].
    #[error("could not write to spool segment `{file}`")]
    Storage {
        file: PathBuf,
        #[source]
        source: Arc<io::Error>,
    },
    /// An earlier write failed. What the disk holds is unknown until the spool is opened again
    /// ([`crate::Spool::recover`]).
    #[error("spool refuses records since an earlier write failed; it must be reopened")]
    Refused,
    #[error("spool is closed")]
    Closed,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Damage in the middle. Neighbours are readable: go on at `gap.to`.
    #[error("spool records {} to {} are damaged: `{}` at byte {}", .0.from, .0.to - 1, .0.file.display(), .0.offset)]
    Gap(Gap),
    /// The position has been released and deleted. Go on at `start`.
    #[error("spool record {from} has been released; the oldest is {start}")]
    Released { from: u64, start: u64 },
    #[error("could not read spool segment `{file}`")]
    Storage {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
}
