//! The memory budget: what a run may use, and how workers share it.

use std::fs;

use crawlrank_warc::{ReaderOptions, WindowBudget};

use crate::error::{Error, Exit, Result};
use crate::recipe::Recipe;

/// The smallest budget that a run works with.
pub const SMALLEST_BUDGET: u64 = 128 << 20;

/// What a worker's reader may need beside its builder and the largest record.
const READER_BYTES: u64 = 12 << 20;

/// What the program itself takes.
const PROGRAM_BYTES: u64 = 8 << 20;

/// What a worker's builder works well with.
const BUILDER_BYTES: u64 = 24 << 20;

/// Returns 60 % of the machine's memory, or of the container's limit when that is lower.
pub fn default_budget() -> u64 {
    let limits = [machine_memory(), container_limit()];
    let memory = limits.into_iter().flatten().min().unwrap_or(1 << 30);
    (memory / 10 * 6).max(SMALLEST_BUDGET)
}

fn machine_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes << 10)
}

fn container_limit() -> Option<u64> {
    let paths = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    paths
        .iter()
        .find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok())
}

/// Refuses a budget that no run can work with.
pub fn check(budget: u64) -> Result<u64> {
    if budget >= SMALLEST_BUDGET {
        return Ok(budget);
    }
    Err(Error::new(
        Exit::Memory,
        "E-MEMORY",
        format!(
            "a budget of {} MiB was given, a run needs at least 128 MiB",
            budget >> 20
        ),
    )
    .remedy("give --memory 128M or more"))
}

/// The most anonymous memory that a run takes: what is promised of a budget (SPEC, limits).
pub const fn promise(budget: u64) -> u64 {
    budget + budget / 10 + (64 << 20)
}

/// How a budget is shared by the workers that read shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerShare {
    /// Workers that fit, at most one a thread.
    pub workers: usize,
    /// Threads that read each worker's shard.
    pub threads: usize,
    /// Bytes that the builders of one worker may use.
    pub builder_bytes: usize,
    /// What the large zstd windows of all workers may use.
    window_budget: WindowBudget,
}

impl WorkerShare {
    /// Shares `budget` between at most `threads` workers, a thread each, who meet records of up to `record_bytes` and zstd windows of up to
    /// `window_bytes`.
    pub fn of(budget: u64, threads: usize, record_bytes: u64, window_bytes: u64) -> Self {
        let most = Self::of_shards(budget, threads, threads, record_bytes, window_bytes).workers;
        Self::of_shards(budget, most, most, record_bytes, window_bytes)
    }

    /// Shares `budget` between at most `threads` threads, who meet records of up to `record_bytes` and zstd windows of up to `window_bytes`: a worker for
    /// each of the shards, and several threads for a worker where shards are fewer than threads. There is room for one of the largest windows, if the
    /// budget is not smaller than what a single worker needs beside it.
    pub fn of_shards(
        budget: u64,
        shards: usize,
        threads: usize,
        record_bytes: u64,
        window_bytes: u64,
    ) -> Self {
        let reader_bytes = READER_BYTES.saturating_add(record_bytes);
        let smallest = reader_bytes.saturating_add(BUILDER_BYTES);
        // Large windows have an eighth, or what one needs, and of what is promised beyond the budget all but the tenth, which readers may need.
        let beyond = promise(0) - PROGRAM_BYTES;
        let lacking = window_bytes.saturating_sub(beyond);
        let reserved = lacking.max(budget / 8).min(budget.saturating_sub(smallest));
        // The smallest budget is less than a worker takes at worst.
        let overdrawn = smallest.saturating_sub(budget);
        let budget = budget - reserved;
        let most_workers = threads.min(shards).max(1) as u64;
        let workers = (budget / smallest).clamp(1, most_workers);
        let each = budget / workers;
        let most_threads = (threads as u64 / workers).max(1);
        let readers = each.saturating_sub(BUILDER_BYTES) / reader_bytes;
        let readers = readers.clamp(1, most_threads);
        // Beyond 1 GiB a builder gains nothing: a part is a few shards.
        let rest = each.saturating_sub(readers.saturating_mul(reader_bytes));
        let builder_bytes = rest.clamp(BUILDER_BYTES, 1 << 30);
        WorkerShare {
            workers: workers as usize,
            threads: readers as usize,
            builder_bytes: builder_bytes as usize,
            window_budget: WindowBudget::new((beyond + reserved).saturating_sub(overdrawn)),
        }
    }

    /// What the reader of a worker is told.
    pub fn reader_options(&self, recipe: &Recipe) -> ReaderOptions {
        ReaderOptions {
            window_budget: Some(self.window_budget.clone()),
            ..recipe.reader_options()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_without_a_shard_help_with_one() {
        let share = |memory: u64, shards, threads| {
            let share = WorkerShare::of_shards(memory, shards, threads, 64 << 20, 0);
            (share.workers, share.threads)
        };
        assert_eq!(share(16 << 30, 1, 8), (1, 8));
        assert_eq!(share(16 << 30, 3, 8), (3, 2));
        assert_eq!(share(16 << 30, 9, 8), (8, 1));
        assert_eq!(share(SMALLEST_BUDGET, 1, 8), (1, 1));
        assert_eq!(share(256 << 20, 1, 8), (1, 2));
    }

    #[test]
    fn workers_shrink_to_fit() {
        let workers = |budget, threads| {
            let share = WorkerShare::of(budget, threads, 64 << 20, 128 << 20);
            share.workers
        };
        assert_eq!(workers(SMALLEST_BUDGET, 16), 1);
        assert_eq!(workers(16 << 30, 4), 4);
        for budget in [128 << 20, 200 << 20, 1 << 30, 64 << 30] {
            let share = WorkerShare::of(budget, 8, 64 << 20, 128 << 20);
            let each = share.builder_bytes as u64 + READER_BYTES + (64 << 20);
            let all = share.workers as u64 * each;
            assert!(all <= budget, "{budget}: {share:?}");
            let with_windows = all + share.window_budget.bytes() + PROGRAM_BYTES;
            assert!(with_windows <= budget + (64 << 20), "{budget}: {share:?}");
        }
    }

    #[test]
    fn there_is_room_for_one_of_the_largest_windows() {
        let room = |budget, record_bytes| {
            let share = WorkerShare::of(budget, 8, record_bytes, 128 << 20);
            share.window_budget.bytes() >> 20
        };
        assert_eq!(room(172 << 20, 64 << 20), 128);
        assert_eq!(room(252 << 20, 144 << 20), 128);
        assert_eq!(room(16 << 30, 144 << 20), 2048 + 56);
        // The largest of a record and of a window do not fit both.
        assert_eq!(room(SMALLEST_BUDGET, 64 << 20), 84);
        assert_eq!(room(SMALLEST_BUDGET, 144 << 20), 4);
        assert_eq!(room(SMALLEST_BUDGET, 16 << 20), 128);
        assert_eq!(room(256 << 20, 1 << 30), 0);
    }
}
