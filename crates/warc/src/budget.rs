//! Memory for large zstd windows that several readers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Memory for the zstd windows above 8 MiB of several readers, so that many threads which meet such windows stay within bounds. A reader that needs a
/// window for which nothing is left ends with [`Error::NoRoom`](crate::Error::NoRoom); what it has goes back with the reader. A copy stands for the
/// same memory.
#[derive(Debug, Clone)]
pub struct WindowBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes: u64,
    free: AtomicU64,
}

/// What a reader has of a budget.
pub(crate) struct Room {
    budget: WindowBudget,
    bytes: u64,
}

impl WindowBudget {
    /// Makes a budget of so many bytes.
    pub fn new(bytes: u64) -> WindowBudget {
        let free = AtomicU64::new(bytes);
        WindowBudget(Arc::new(Shared { bytes, free }))
    }

    /// All of its bytes.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Room for a reader, without any memory yet.
    pub(crate) fn room(&self) -> Room {
        Room {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Room {
    /// Has at least so many bytes from now on; false when they are not left.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let take = |free: u64| free.checked_sub(more);
        let free = &self.budget.0.free;
        let is_taken = free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok();
        if is_taken {
            self.bytes += more;
        }
        is_taken
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let free = &self.budget.0.free;
        free.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// Whether they stand for the same memory.
impl PartialEq for WindowBudget {
    fn eq(&self, other: &WindowBudget) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for WindowBudget {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_never_taken_twice() {
        let budget = WindowBudget::new(100);
        let (mut first, mut second) = (budget.room(), budget.room());
        assert!(first.grow_to(60));
        assert!(first.grow_to(30)); // it has that
        assert!(!second.grow_to(41));
        assert!(second.grow_to(40));
        assert!(!first.grow_to(61));
        drop(second);
        assert!(first.grow_to(100));
        assert!(!budget.room().grow_to(1));
        drop(first);
        assert!(budget.room().grow_to(100));
    }
}
