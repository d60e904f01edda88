//! Threads for work on columns.

use std::sync::{Arc, Mutex, PoisonError};

use crawlrank::commands::run::{default_threads, pool};
use crawlrank::error::Result;
use crawlrank::interrupt::Interrupt;
use pyo3::prelude::*;
use rayon::ThreadPool;

use crate::error::raised;
use crate::interrupt::prepared;

/// Returns the threads of this process, one a core. A child that was forked off has none of its parent's, and gets its own:
/// with those of rayon it would wait forever.
pub(crate) fn threads() -> Result<Arc<ThreadPool>> {
    static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);
    let process = std::process::id();
    let mut held = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((owner, threads)) = &*held {
        if *owner == process {
            return Ok(threads.clone());
        }
    }
    let threads = Arc::new(pool(default_threads())?);
    // Dropping those of the parent would wait for threads that are not there.
    std::mem::forget(held.replace((process, threads.clone())));
    Ok(threads)
}

/// Does work on all threads, the interpreter free for others; Ctrl-C tells it to stop, and raises `KeyboardInterrupt`.
/// No thread is started for it: a short call costs what it did.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&Interrupt) -> Result<T> + Send,
) -> PyResult<T> {
    let threads = threads().map_err(|e| raised(py, &e))?;
    let (task, outcome) = prepared(work);
    threads.in_place_scope(|scope| {
        scope.spawn(|_| task());
        outcome.wait(py, |_| Ok(()))
    })
}
