//! Shards that wait to be read, and the threads that read them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::accounts;
use crate::error::{Error, NO_ROOM, Result};
use crate::escape::shown_path;
use crate::manifest::Commits;
use crate::progress::{Progress, Show};
use crate::shard::Shard;

/// Shards whose accounts share a part at most: bounds what a merge of parts opens.
pub(crate) const SHARDS_PER_PART: usize = 64;

/// Time between two commits of a worker: 2 % of the time spent so far, within these bounds.
const COMMIT_AFTER: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// What waits for a worker: shards, or their places in a list of them.
pub(crate) struct Queue<T> {
    waiting: Mutex<VecDeque<T>>,
    num_shards: usize,
    /// What is read in the next pass.
    put_off: Mutex<Vec<T>>,
    is_last_pass: AtomicBool,
    started: Instant,
    /// How far all workers are, in bytes.
    pub(crate) progress: Progress,
}

impl<T: Copy + Send> Queue<T> {
    pub(crate) fn new(waiting: Vec<T>, progress: Progress) -> Self {
        Queue {
            num_shards: waiting.len(),
            waiting: Mutex::new(waiting.into()),
            put_off: Mutex::default(),
            is_last_pass: AtomicBool::new(false),
            started: Instant::now(),
            progress,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.num_shards
    }

    pub(crate) fn take(&self) -> Option<T> {
        lock(&self.waiting).pop_front()
    }

    /// Has a shard read again in the next pass if other workers had the memory that it needs; false when that is not why it failed, or none will
    /// have more. `bytes` of it were read in vain, at most.
    pub(crate) fn put_off(&self, shard: T, bytes: u64, error: &Error) -> bool {
        if error.code() != NO_ROOM || self.is_last_pass.load(Ordering::Relaxed) {
            return false;
        }
        let path = error.path().map(shown_path).unwrap_or_default();
        tracing::info!("{path}: {}; it is read when others are done", error.found());
        self.progress.expect_more(bytes);
        lock(&self.put_off).push(shard);
        true
    }

    /// How long a worker goes on before it commits what it has.
    pub(crate) fn commit_after(&self) -> Duration {
        (self.started.elapsed() / 50).clamp(COMMIT_AFTER.0, COMMIT_AFTER.1)
    }

    /// Runs `work` on so many threads, and returns what each brought; then on half of them for what was put off, down to one, which has the windows of
    /// all. After the first error nothing more is taken, and the others finish what they have.
    pub(crate) fn work<R: Send>(
        &self,
        threads: usize,
        work: impl Fn() -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let (mut threads, mut results) = (threads, Vec::new());
        loop {
            results.extend(self.work_once(threads, &work)?);
            let put_off = std::mem::take(&mut *lock(&self.put_off));
            if put_off.is_empty() {
                return Ok(results);
            }
            lock(&self.waiting).extend(put_off);
            threads = (threads / 2).max(1);
            self.is_last_pass.store(threads == 1, Ordering::Relaxed);
        }
    }

    fn work_once<R: Send>(
        &self,
        threads: usize,
        work: impl Fn() -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let guarded = || {
            let worked = work();
            if worked.is_err() {
                lock(&self.waiting).clear();
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn what_is_put_off_is_read_when_others_are_done_by_fewer_workers() {
        for threads in [1, 4] {
            let progress = Progress::start(Show::Nothing, "read", "bytes", 0);
            let queue = Queue::new((0..20).collect(), progress);
            let no_room = Error::new(Exit::Memory, NO_ROOM, "no room");
            let other = Error::new(Exit::Memory, "E-MEMORY", "too much");
            // The third part of all never has room before the last pass.
            let work = || {
                let mut done = Vec::new();
                while let Some(item) = queue.take() {
                    assert!(!queue.put_off(item, 0, &other));
                    if item % 3 != 0 || !queue.put_off(item, 0, &no_room) {
                        done.push(item);
                    }
                }
                Ok(done)
            };
            let mut passes = queue.work(threads, work).unwrap();
            assert_eq!(passes.len(), if threads == 4 { 4 + 2 + 1 } else { 1 + 1 });
            assert_eq!(passes.pop().unwrap(), [0, 3, 6, 9, 12, 15, 18]);
            let mut others: Vec<i32> = passes.into_iter().flatten().collect();
            others.sort_unstable();
            let expected: Vec<i32> = (0..20).filter(|item| item % 3 != 0).collect();
            assert_eq!(others, expected);
        }
    }
}
