//! An analysis over shards: several at once, merged in their order.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crawlrank_warc::Record;

use crate::Analysis;
use crate::error::Error;
use crate::progress::Progress;
use crate::shard::{Account, Shard};

/// Results that a thread may have waiting for a slow shard before it waits itself. Some, so that shards of uneven size keep
/// all threads busy; few, since each may be as large as the whole.
const AHEAD: usize = 4;

/// What a run gave.
#[derive(Debug)]
pub struct Outcome<T> {
    /// What [`Analysis::finish`] made of all shards.
    pub value: T,
    /// What became of each shard, in their order.
    pub shards: Vec<Account>,
}

/// Reads shards with `threads` threads and returns what the analysis makes of them, the same for any number of threads.
///
/// A shard that cannot be read is left out, and its account says why. Memory: a record and a result a thread, and up to four
/// results a thread that wait for the shard before them.
///
/// # Errors
/// When none of the shards could be read, when the analysis panics, or when it was asked to stop.
pub fn run<A: Analysis>(
    shards: &[PathBuf],
    threads: usize,
    progress: &Arc<Progress>,
) -> Result<Outcome<A::Output>, Error> {
    let threads = threads.clamp(1, shards.len().max(1));
    let next = AtomicUsize::new(0);
    let merged = Mutex::new(Merged::<A> {
        whole: A::default(),
        waiting: BTreeMap::new(),
        accounts: Vec::with_capacity(shards.len()),
        failure: None,
    });
    let advanced = Condvar::new();
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(shard) = shards.get(index) else {
                return;
            };
            let mut held = lock(&merged);
            while held.accounts.len() + AHEAD * threads <= index && !progress.is_stopped() {
                // Nobody tells when the run is to stop.
                let waited = advanced.wait_timeout(held, Duration::from_millis(50));
                held = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            drop(held);
            let result = analyze::<A>(shard, progress);
            let mut held = lock(&merged);
            if let Err(failure) = result.and_then(|result| held.take(index, result)) {
                held.failure.get_or_insert(failure);
                progress.stop();
            }
            drop(held);
            advanced.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let merged = merged.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = merged.failure {
        return Err(failure);
    }
    if let Some(first) = merged.accounts.first() {
        if merged.accounts.iter().all(|shard| shard.error.is_some()) {
            return Err(Error::NothingRead {
                shard: first.shard.clone(),
                detail: first.error.clone().unwrap_or_default(),
            });
        }
    }
    let whole = merged.whole;
    let value = catch_unwind(AssertUnwindSafe(|| whole.finish())).map_err(|panic| {
        let message = message_of(&*panic);
        let doing = "made its outcome";
        Error::PanickedAtEnd { doing, message }
    })?;
    Ok(Outcome {
        value,
        shards: merged.accounts,
    })
}

/// The shards so far, merged from the first on without a gap, and those behind a gap.
struct Merged<A> {
    whole: A,
    waiting: BTreeMap<usize, (Option<A>, Account)>,
    /// Of the shards in `whole`.
    accounts: Vec<Account>,
    failure: Option<Error>,
}

impl<A: Analysis> Merged<A> {
    fn take(&mut self, index: usize, result: (Option<A>, Account)) -> Result<(), Error> {
        self.waiting.insert(index, result);
        while let Some((analysis, account)) = self.waiting.remove(&self.accounts.len()) {
            self.accounts.push(account);
            if let Some(analysis) = analysis {
                let whole = &mut self.whole;
                catch_unwind(AssertUnwindSafe(|| whole.merge(analysis))).map_err(|panic| {
                    let message = message_of(&*panic);
                    let doing = "merged results";
                    Error::PanickedAtEnd { doing, message }
                })?;
            }
        }
        Ok(())
    }
}

/// Takes one shard through a fresh analysis; `None` when it could not be read.
fn analyze<A: Analysis>(
    path: &Path,
    progress: &Arc<Progress>,
) -> Result<(Option<A>, Account), Error> {
    if progress.is_stopped() {
        return Err(Error::Stopped);
    }
    let mut shard = match Shard::open(path, progress) {
        Ok(shard) => shard,
        Err(error) => return Ok((None, Account::unopened(path, &error))),
    };
    let mut record = Record::new();
    let read = catch_unwind(AssertUnwindSafe(|| {
        let mut analysis = A::default();
        loop {
            match shard.read_record(&mut record) {
                Ok(true) => analysis.record(&record),
                Ok(false) => return Ok(Some(analysis)),
                Err(error) => return Err(error),
            }
            if progress.is_stopped() {
                return Ok(None);
            }
        }
    }));
    let read = read.map_err(|panic| Error::Panicked {
        shard: path.to_owned(),
        offset: record.offset(),
        message: message_of(&*panic),
    })?;
    match read {
        Ok(Some(analysis)) => {
            progress.shards.fetch_add(1, Ordering::Relaxed);
            Ok((Some(analysis), shard.account(path, None)))
        }
        Ok(None) => Err(Error::Stopped),
        Err(error) => Ok((None, shard.account(path, Some(&error)))),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a message").to_owned()
}

/// A panic of the analysis is caught before it can leave the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The targets of all records, in the order in which they came.
    #[derive(Default)]
    struct Targets(Vec<String>);

    impl Analysis for Targets {
        type Output = Vec<String>;

        fn record(&mut self, record: &Record) {
            let target = String::from_utf8_lossy(record.target_uri().unwrap_or_default());
            assert_ne!(target, "bad:", "a bad target");
            self.0.push(target.into_owned());
        }

        fn merge(&mut self, other: Targets) {
            self.0.extend(other.0);
        }

        fn finish(self) -> Vec<String> {
            self.0
        }
    }

    fn record(target: &str) -> String {
        format!(
            "WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Target-URI: {target}\r\nContent-Length: 2\r\n\r\n{{}}\r\n\r\n"
        )
    }

    /// Shards of a few records each, of uneven size.
    fn shards(folder: &Path, count: usize) -> Vec<PathBuf> {
        let shard = |index: usize| {
            let path = folder.join(format!("{index:03}.warc"));
            let records = 1 + (index * 7) % 13;
            let content: String = (0..records)
                .map(|n| record(&format!("https://{index}.example/{n}")))
                .collect();
            std::fs::write(&path, content).unwrap();
            path
        };
        (0..count).map(shard).collect()
    }

    fn targets(shards: &[PathBuf], threads: usize) -> Result<Outcome<Vec<String>>, Error> {
        run::<Targets>(shards, threads, &Arc::default())
    }

    #[test]
    fn any_number_of_threads_gives_the_order_of_the_shards() {
        let folder = tempfile::tempdir().unwrap();
        let shards = shards(folder.path(), 40);
        let alone = targets(&shards, 1).unwrap();
        assert_eq!(alone.value.len(), 274);
        for threads in [2, 3, 8, 100] {
            let together = targets(&shards, threads).unwrap();
            assert_eq!(together.value, alone.value);
            assert_eq!(together.shards.len(), 40);
        }
    }

    #[test]
    fn no_shards_give_what_nothing_gives() {
        let outcome = targets(&[], 4).unwrap();
        assert!(outcome.value.is_empty() && outcome.shards.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut shards = shards(folder.path(), 2);
        let page = folder.path().join("page.warc");
        std::fs::write(&page, "<html>503 Slow Down</html>").unwrap();
        shards.insert(1, page);
        shards.insert(2, folder.path().join("missing.warc"));
        let outcome = targets(&shards, 2).unwrap();
        assert_eq!(outcome.value.len(), 9);
        let errors: Vec<bool> = outcome.shards.iter().map(|s| s.error.is_some()).collect();
        assert_eq!(errors, [false, true, true, false]);
        let error = targets(&shards[1..3], 2).unwrap_err().to_string();
        assert!(error.contains("an HTML or XML page"), "{error}");
    }

    #[test]
    fn damage_is_counted_and_reading_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.warc");
        let whole = record("https://a.example/") + &record("https://b.example/");
        std::fs::write(&path, &whole[..whole.len() - 6]).unwrap();
        let outcome = targets(&[path], 1).unwrap();
        assert_eq!(outcome.value, ["https://a.example/"]);
        let account = &outcome.shards[0];
        let totals = &account.totals;
        assert_eq!((totals.records, totals.faults), (1, 1));
        assert!(account.first_fault.is_some() && account.error.is_none());
        let accounted = totals.record_bytes + totals.fault_bytes + totals.padding_bytes;
        assert_eq!(accounted, totals.bytes);
    }

    #[test]
    fn a_panic_names_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut shards = shards(folder.path(), 20);
        let first = record("https://a.example/");
        std::fs::write(&shards[3], first.clone() + &record("bad:")).unwrap();
        let panicked = targets(&shards, 4).unwrap_err();
        let Error::Panicked {
            shard,
            offset,
            message,
        } = panicked
        else {
            panic!("{panicked}");
        };
        assert_eq!((shard, offset), (shards.remove(3), first.len() as u64));
        assert!(message.contains("a bad target"), "{message}");
    }

    #[test]
    fn a_run_that_is_told_stops() {
        let folder = tempfile::tempdir().unwrap();
        let shards = shards(folder.path(), 20);
        let progress = Arc::new(Progress::default());
        progress.stop();
        let stopped = run::<Targets>(&shards, 4, &progress);
        assert!(matches!(stopped, Err(Error::Stopped)));
    }
}
