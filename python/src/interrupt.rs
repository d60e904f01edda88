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
    mut watch: impl FnMut(Python<'_>) -> PyResult<()>,
    work: impl FnOnce(&Interrupt) -> Result<T> + Send,
) -> PyResult<T> {
    let interrupt = Interrupt::default();
    let (done, result) = mpsc::channel();
    let result = Mutex::new(result); // nobody else takes it; the interpreter's absence asks for a type that threads may share
    let receive = || {
        let result = result.lock().unwrap_or_else(PoisonError::into_inner);
        result.recv_timeout(ASKED_EVERY)
    };
    let worker = interrupt.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&worker)));
            // The receiver goes away only with this scope.
            let _ = done.send(
                outcome.unwrap_or_else(|_| Err(Error::internal("the work ended by a panic"))),
            );
        });
        let mut stopped = Ok(());
        loop {
            match py.detach(receive) {
                Ok(Ok(value)) => return stopped.map(|()| value),
                // What Python raised says more than that the work was stopped.
                Ok(Err(error)) => return stopped.and_then(|()| Err(raised(py, &error))),
                Err(mpsc::RecvTimeoutError::Timeout) if stopped.is_ok() => {
                    stopped = py.check_signals().and_then(|()| watch(py));
                    if stopped.is_err() {
                        interrupt.request();
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
    })
}
