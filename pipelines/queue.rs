//! Shards that wait to be read, and the threads that read them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::accounts;
use crate::error::{Error, Result};
use crate::manifest::Commits;
use crate::progress::{Progress, Show};
use crate::shard::Shard;

/// Shards whose accounts share a part at most: bounds what a merge of parts opens.
pub(crate) const SHARDS_PER_PART: usize = 64;

/// Time between two commits of a worker: 2 % of the time spent so far, within these bounds.
const COMMIT_AFTER: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// What waits for a worker: shards, or their places in a list of them.
pub(crate) struct Queue<T> {
    waiting: Vec<T>,
    next: AtomicUsize,
    started: Instant,
    /// How far all workers are, in bytes.
    pub(crate) progress: Progress,
}

impl<T: Copy + Sync> Queue<T> {
    pub(crate) fn new(waiting: Vec<T>, progress: Progress) -> Self {
        Queue {
            waiting,
            next: AtomicUsize::new(0),
            started: Instant::now(),
            progress,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn take(&self) -> Option<T> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.waiting.get(next).copied()
    }

    /// How long a worker goes on before it commits what it has.
    pub(crate) fn commit_after(&self) -> Duration {
        (self.started.elapsed() / 50).clamp(COMMIT_AFTER.0, COMMIT_AFTER.1)
    }

    /// Runs `work` on so many threads, and returns what each brought. After the first error nothing more is taken, and
    /// the others finish what they have.
    pub(crate) fn work<R: Send>(
        &self,
        threads: usize,
        work: impl Fn() -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let guarded = || {
            let worked = work();
            if worked.is_err() {
                self.next.store(self.waiting.len(), Ordering::Relaxed);
            }
            worked
        };
        let results: Vec<Result<R>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(guarded)).collect();
            let joined = workers.into_iter().map(|worker| {
                let panicked = |_| Err(Error::internal("a worker panicked"));
                worker.join().unwrap_or_else(panicked)
            });
            joined.collect()
        });
        results.into_iter().collect()
    }
}

/// The shards of a run that no committed part covers.
pub(crate) struct Unread {
    /// Their places in the list of shards.
    pub(crate) queue: Queue<u32>,
    /// Names of those that could not be read the last time.
    pub(crate) failed_before: BTreeSet<String>,
    next_part: AtomicU64,
}

impl Unread {
    /// Nothing when every shard is done.
    pub(crate) fn of(
        commits: &Commits,
        shards: &[Shard],
        stage: &'static str,
        show: Show,
    ) -> Result<Option<Unread>> {
        let manifest = commits.manifest();
        let done = manifest.done_shards();
        let all = 0..shards.len() as u32;
        let waiting: Vec<u32> = all.filter(|index| !done.contains(index)).collect();
        if waiting.is_empty() {
            return Ok(None);
        }
        let accounts = accounts::read(commits.run(), &manifest.parts())?;
        let again = accounts.into_iter().filter(|account| account.row.again);
        let bytes = waiting.iter().map(|&index| shards[index as usize].bytes);
        let progress = Progress::start(show, stage, "bytes", bytes.sum());
        Ok(Some(Unread {
            queue: Queue::new(waiting, progress),
            failed_before: again.map(|account| account.row.shard).collect(),
            next_part: AtomicU64::new(manifest.next_part()),
        }))
    }

    /// A number for a part, of its own.
    pub(crate) fn next_part(&self) -> u64 {
        self.next_part.fetch_add(1, Ordering::Relaxed)
    }
}
