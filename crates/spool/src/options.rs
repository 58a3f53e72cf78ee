use std::time::Duration;

use crate::error::SpoolError;

/// Sizes and limits of a spool.
#[derive(Debug, Clone)]
pub struct Options {
    /// A segment is closed when the next records would make it larger. Default 64 MiB; at most a
    /// quarter of `total_bytes_max` is used.
    pub segment_bytes_max: u64,
    /// Bound on all segments together; beyond it [`crate::AppendError::Full`]. Default 10 GiB.
    pub total_bytes_max: u64,
    /// Largest single record. Default 16 MiB.
    pub record_bytes_max: usize,
    /// Bound on records that wait for the disk; beyond it [`crate::AppendError::Busy`], and
    /// [`crate::Spool::append`] waits. Default 64 MiB.
    pub queue_bytes_max: u64,
    /// How records share an fsync.
    pub group_commit: GroupCommit,
    /// The next sequence number is at least this. Give the largest position that a reader has
    /// stored elsewhere: should the spool have lost its end, no number is used twice. Default 0.
    pub next_at_least: u64,
}

/// How records share an fsync.
#[derive(Debug, Clone, Copy)]
pub struct GroupCommit {
    /// Largest number of bytes written between two fsyncs. Default 8 MiB.
    pub bytes_max: u64,
    /// How long the first record waits for company. Zero (the default) writes at once; records
    /// that arrive during an fsync share the next one anyway.
    pub delay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            segment_bytes_max: 64 << 20,
            total_bytes_max: 10 << 30,
            record_bytes_max: 16 << 20,
            queue_bytes_max: 64 << 20,
            group_commit: GroupCommit {
                bytes_max: 8 << 20,
                delay: Duration::ZERO,
            },
            next_at_least: 0,
        }
    }
}

impl Options {
    pub(crate) fn checked(&self) -> Result<Options, SpoolError> {
        let mut options = self.clone();
        options.segment_bytes_max = options.segment_bytes_max.min(options.total_bytes_max / 4);
        if options.segment_bytes_max < 1024 {
            return Err(SpoolError::Options(
                "segment_bytes_max and total_bytes_max / 4 must be at least 1024",
            ));
        }
        if u32::try_from(options.record_bytes_max).is_err() {
            return Err(SpoolError::Options("record_bytes_max must be below 4 GiB"));
        }
        if options.queue_bytes_max == 0 || options.group_commit.bytes_max == 0 {
            return Err(SpoolError::Options(
                "queue and group commit sizes must not be zero",
            ));
        }
        Ok(options)
    }
}
