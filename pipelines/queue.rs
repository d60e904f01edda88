//! Shards that wait to be read, and the threads that read them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::accounts;
use crate::error::{Error, NO_ROOM, Result};
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
    /// What is read last, by one worker, which has all memory.
    put_off: Mutex<Vec<T>>,
    is_last_pass: AtomicBool,
    started: Instant,
    /// How far all workers are, in bytes.
    pub(crate) progress: Progress,
}

impl<T: Copy + Send + Sync> Queue<T> {
    pub(crate) fn new(waiting: Vec<T>, progress: Progress) -> Self {
        Queue {
            waiting,
            next: AtomicUsize::new(0),
            put_off: Mutex::default(),
            is_last_pass: AtomicBool::new(false),
            started: Instant::now(),
            progress,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn take(&self) -> Option<T> {
        if self.is_last_pass.load(Ordering::Relaxed) {
            return self.lock_put_off().pop();
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.waiting.get(next).copied()
    }

    /// Whether a shard that failed so is read again, when the others are done: another worker had the memory that it needs.
    pub(crate) fn puts_off(&self, shard: T, error: &Error) -> bool {
        let has_help = error.code() == NO_ROOM && !self.is_last_pass.load(Ordering::Relaxed);
        if has_help {
            self.lock_put_off().push(shard);
        }
        has_help
    }

    fn lock_put_off(&self) -> MutexGuard<'_, Vec<T>> {
        self.put_off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a worker goes on before it commits what it has.
    pub(crate) fn commit_after(&self) -> Duration {
        (self.started.elapsed() / 50).clamp(COMMIT_AFTER.0, COMMIT_AFTER.1)
    }

    /// Runs `work` on so many threads, then on one for what was put off, and returns what each brought. After the first error nothing more is taken,
    /// and the others finish what they have.
    pub(crate) fn work<R: Send>(
        &self,
        threads: usize,
        work: impl Fn() -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let mut results = self.work_at_once(threads, &work)?;
        if !self.lock_put_off().is_empty() {
            self.is_last_pass.store(true, Ordering::Relaxed);
            results.push(work()?);
        }
        Ok(results)
    }

    fn work_at_once<R: Send>(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn what_is_put_off_is_read_once_more_when_all_others_are_done() {
        let progress = Progress::start(Show::Nothing, "read", "bytes", 0);
        let queue = Queue::new((0..20).collect(), progress);
        let no_room = Error::new(Exit::Memory, NO_ROOM, "no room");
        let other = Error::new(Exit::Memory, "E-MEMORY", "too much");
        let work = || {
            let mut done = Vec::new();
            while let Some(item) = queue.take() {
                assert!(!queue.puts_off(item, &other));
                match item % 3 == 0 && queue.puts_off(item, &no_room) {
                    true => continue,
                    false => done.push(item),
                }
            }
            Ok(done)
        };
        let mut done = queue.work(4, work).unwrap();
        let mut last = done.pop().unwrap();
        last.sort_unstable();
        assert_eq!(last, [0, 3, 6, 9, 12, 15, 18]);
        let mut all: Vec<i32> = done.into_iter().flatten().chain(last).collect();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
    }
}
