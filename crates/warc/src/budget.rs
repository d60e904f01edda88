//! Memory for large zstd windows that several readers share.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a reader waits for others. None takes so long with a frame; it is the end of a wait for one another.
const PATIENCE: Duration = Duration::from_secs(600);

/// Memory for the zstd windows above 8 MiB that readers have at a time, so that many threads which meet such windows stay within bounds: they wait for
/// one another. A copy stands for the same memory.
#[derive(Debug, Clone)]
pub struct WindowBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes: u64,
    free: Mutex<u64>,
    given_back: Condvar,
}

/// Memory of a budget, given back when this goes.
pub(crate) struct Room {
    budget: WindowBudget,
    bytes: u64,
}

impl WindowBudget {
    /// Makes a budget of so many bytes.
    pub fn new(bytes: u64) -> WindowBudget {
        WindowBudget(Arc::new(Shared {
            bytes,
            free: Mutex::new(bytes),
            given_back: Condvar::new(),
        }))
    }

    /// All of its bytes.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Waits until so many bytes are free; nothing when they never will be.
    pub(crate) fn take(&self, bytes: u64) -> Option<Room> {
        if bytes > self.0.bytes {
            return None;
        }
        let free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .0
            .given_back
            .wait_timeout_while(free, PATIENCE, |free| *free < bytes);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(bytes)?;
        let budget = self.clone();
        Some(Room { budget, bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let shared = &self.budget.0;
        *shared.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        shared.given_back.notify_all();
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
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn room_is_never_taken_twice() {
        let budget = WindowBudget::new(100);
        let (taken, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [60, 60, 40, 100, 30, 30] {
                let (budget, taken, most) = (&budget, &taken, &most);
                scope.spawn(move || {
                    let room = budget.take(bytes).unwrap();
                    let now = taken.fetch_add(bytes, Ordering::SeqCst) + bytes;
                    most.fetch_max(now, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                    taken.fetch_sub(bytes, Ordering::SeqCst);
                    drop(room);
                });
            }
        });
        assert!(most.into_inner() <= 100);
        assert!(budget.take(101).is_none());
        assert!(budget.take(100).is_some());
    }
}
