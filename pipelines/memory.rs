//! The memory budget: what a run may use, and how workers share it.

use std::fs;

use crate::error::{Error, Exit, Result};

/// The smallest budget that a run works with.
pub const SMALLEST_BUDGET: u64 = 128 << 20;

/// What a worker's reader may need beside its builder and the largest record.
const READER_BYTES: u64 = 8 << 20;

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

/// How `budget` is shared by the workers that read shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerShare {
    /// Workers that fit, at most one a thread.
    pub workers: usize,
    /// Bytes that the builders of one worker may use.
    pub builder_bytes: usize,
}

impl WorkerShare {
    /// Shares `budget` between at most `threads` workers, who meet records of up to `record_bytes`.
    pub fn of(budget: u64, threads: usize, record_bytes: u64) -> Self {
        let reader_bytes = READER_BYTES.saturating_add(record_bytes);
        let each = reader_bytes.saturating_add(BUILDER_BYTES);
        let fit = (budget / each).clamp(1, threads.max(1) as u64);
        // Beyond 1 GiB a builder gains nothing: a part is a few shards.
        let rest = (budget / fit).saturating_sub(reader_bytes);
        let builder_bytes = rest.clamp(BUILDER_BYTES, 1 << 30);
        WorkerShare {
            workers: fit as usize,
            builder_bytes: builder_bytes as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_shrink_to_fit() {
        assert_eq!(WorkerShare::of(SMALLEST_BUDGET, 16, 64 << 20).workers, 1);
        assert_eq!(WorkerShare::of(16 << 30, 4, 64 << 20).workers, 4);
        for budget in [128 << 20, 200 << 20, 1 << 30, 64 << 30] {
            let share = WorkerShare::of(budget, 8, 64 << 20);
            let each = share.builder_bytes as u64 + READER_BYTES + (64 << 20);
            assert!(share.workers as u64 * each <= budget, "{budget}: {share:?}");
        }
    }
}
