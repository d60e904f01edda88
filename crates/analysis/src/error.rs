//! Why a run gave no result.

use std::path::PathBuf;

/// Why a run gave no result. Damage in a shard is no error: it is in its [`Account`](crate::Account).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not one of the shards could be read.
    #[error("{}: none of the shards could be read: {detail}", shard.display())]
    NothingRead {
        /// The first of them.
        shard: PathBuf,
        /// Why that one could not be read.
        detail: String,
    },
    /// The analysis panicked.
    #[error("{} offset {offset}: the analysis panicked at this record: {message}", shard.display())]
    Panicked {
        /// The shard that was read.
        shard: PathBuf,
        /// Where the record begins, in bytes of the compressed stream.
        offset: u64,
        /// What the panic said.
        message: String,
    },
    /// The analysis panicked while results were merged, or at its end.
    #[error("the analysis panicked while it {doing}: {message}")]
    PanickedAtEnd {
        /// What it was asked to do.
        doing: &'static str,
        /// What the panic said.
        message: String,
    },
    /// [`Progress::stop`](crate::Progress::stop) was called.
    #[error("stopped")]
    Stopped,
}
