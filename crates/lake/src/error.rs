//! What can go wrong.

use std::path::PathBuf;

/// Why the lake could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// Another process has the lake open.
    #[error("the lake `{path}` is in use by another process")]
    Locked { path: PathBuf },
    /// The batch continues elsewhere than where the lake stands: the caller reads from
    /// [`crate::Lake::next`] again.
    #[error("the batch ends at position {got}, the lake already stands at {have}")]
    Position { have: u64, got: u64 },
    /// More than 2^32 events in one batch.
    #[error("the batch holds too many events")]
    BatchTooLarge,
    /// A statement that is refused or wrong; the text says which.
    #[error("{0}")]
    Sql(String),
    /// The search was cancelled.
    #[error("cancelled")]
    Cancelled,
    #[error("could not {what} `{path}`")]
    File {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("table log")]
    Table(#[from] deltalake::DeltaTableError),
    #[error("columns")]
    Arrow(#[from] deltalake::arrow::error::ArrowError),
    #[error("data file")]
    Parquet(#[from] deltalake::parquet::errors::ParquetError),
    /// A background thread ended early.
    #[error("background work ended early")]
    Worker(#[from] tokio::task::JoinError),
    #[error("`{path}`: {what}")]
    Damaged { path: String, what: String },
}

/// Adds the path to an I/O error.
pub(crate) fn at(
    what: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(std::io::Error) -> LakeError {
    let path = path.into();
    move |source| LakeError::File { what, path, source }
}
