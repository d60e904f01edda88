//! Long work that Ctrl-C stops.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use crawlrank::error::{Error, Result};
use crawlrank::interrupt::Interrupt;
use pyo3::prelude::*;

use crate::error::raised;

/// How often Python is asked whether Ctrl-C was pressed.
const ASKED_EVERY: Duration = Duration::from_millis(50);

/// Does long work on a thread of its own, and tells it to stop when a signal handler of Python raises (Ctrl-C:
/// `KeyboardInterrupt`), which is then raised. `watch` is called all the while.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    watch: impl FnMut(Python<'_>) -> PyResult<()>,
    work: impl FnOnce(&Interrupt) -> Result<T> + Send,
) -> PyResult<T> {
    let (task, outcome) = prepared(work);
    std::thread::scope(|scope| {
        scope.spawn(task);
        outcome.wait(py, watch)
    })
}

/// Makes of work a task to be started on another thread, and what will have its outcome.
pub(crate) fn prepared<T: Send>(
    work: impl FnOnce(&Interrupt) -> Result<T> + Send,
) -> (impl FnOnce() + Send, Outcome<T>) {
    let interrupt = Interrupt::default();
    let (done, result) = mpsc::channel();
    let outcome = Outcome {
        result: Mutex::new(result),
        interrupt: interrupt.clone(),
    };
    let task = move || {
        let result = catch_unwind(AssertUnwindSafe(|| work(&interrupt)));
        // Nobody listens any more only where waiting itself ended by a panic.
        let _ =
            done.send(result.unwrap_or_else(|_| Err(Error::internal("the work ended by a panic"))));
    };
    (task, outcome)
}

/// What a task will have come to.
pub(crate) struct Outcome<T> {
    /// Nobody else takes it; the interpreter's absence asks for a type that threads may share.
    result: Mutex<mpsc::Receiver<Result<T>>>,
    interrupt: Interrupt,
}

impl<T: Send> Outcome<T> {
    /// Waits, the interpreter free for others, and passes on what a signal handler or `watch` raises: the task is told to
    /// stop, and waited for.
    pub(crate) fn wait(
        self,
        py: Python<'_>,
        mut watch: impl FnMut(Python<'_>) -> PyResult<()>,
    ) -> PyResult<T> {
        let receive = || {
            let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
            result.recv_timeout(ASKED_EVERY)
        };
        let mut stopped = Ok(());
        loop {
            match py.detach(receive) {
                Ok(Ok(value)) => return stopped.map(|()| value),
                // What Python raised says more than that the work was stopped.
                Ok(Err(error)) => return stopped.and_then(|()| Err(raised(py, &error))),
                Err(mpsc::RecvTimeoutError::Timeout) if stopped.is_ok() => {
                    stopped = py.check_signals().and_then(|()| watch(py));
                    if stopped.is_err() {
                        self.interrupt.request();
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(raised(
                        py,
                        &Error::internal("the work ended without a word"),
                    ));
                }
            }
        }
    }
}
