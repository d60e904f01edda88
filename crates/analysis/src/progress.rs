//! A place where a caller looks up how far a run is, and asks it to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// How far a run is, to be looked at from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) bytes: AtomicU64,
    pub(crate) shards: AtomicUsize,
    stopped: AtomicBool,
}

impl Progress {
    /// Returns the bytes read so far, of the compressed streams.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns the number of shards that were read to their end.
    pub fn shards(&self) -> usize {
        self.shards.load(Ordering::Relaxed)
    }

    /// Asks the run to stop; it looks after every record.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}
