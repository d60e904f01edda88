//! Stopping on request: a flag that SIGINT and SIGTERM set and that every long loop reads.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};

use crate::error::{Error, Exit, Result};

/// Time between two looks at whether the user wants to stop, where something else is waited for.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Tells long work to stop at the next safe place. Clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listens to SIGINT and SIGTERM for the rest of the process. A second signal of the same kind ends the process at once.
    pub fn on_signals() -> Result<Self> {
        let interrupt = Interrupt::default();
        for (signal, exit) in [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)] {
            let second = Arc::new(AtomicBool::new(false));
            // Order matters: the first signal finds `second` unset and only then sets it.
            signal_hook::flag::register_conditional_shutdown(signal, exit as i32, second.clone())
                .and_then(|_| signal_hook::flag::register(signal, second))
                .and_then(|_| {
                    signal_hook::flag::register_usize(
                        signal,
                        interrupt.signal.clone(),
                        signal as usize,
                    )
                })
                .map_err(|e| Error::internal(format!("cannot listen to signals: {e}")))?;
        }
        // A handler in place of the default, which kills: a file above the system's limit is then an error of the write.
        signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))
            .map_err(|e| Error::internal(format!("cannot listen to signals: {e}")))?;
        Ok(interrupt)
    }

    /// Asks for a stop, as SIGINT does.
    pub fn request(&self) {
        self.signal.store(SIGINT as usize, Ordering::Relaxed);
    }

    /// Says whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// Returns the error to leave by when a stop was asked for.
    pub fn check(&self) -> Result<()> {
        let exit = match self.signal.load(Ordering::Relaxed) {
            0 => return Ok(()),
            signal if signal == SIGTERM as usize => Exit::Terminated,
            _ => Exit::Interrupted,
        };
        Err(Error::new(
            exit,
            "E-INTERRUPTED",
            "interrupted; what was finished is saved",
        )
        .remedy("run the same command again to go on"))
    }

    /// Returns what the graph library gave; a stop on request becomes the error to leave by, which knows the signal.
    pub fn or_stopped<T>(
        &self,
        result: std::result::Result<T, crawlrank_graph::Error>,
    ) -> Result<T> {
        if matches!(result, Err(crawlrank_graph::Error::Interrupted)) {
            self.check()?;
        }
        Ok(result?)
    }

    /// The same as [`is_requested`](Self::is_requested), in the form that callbacks of the graph library return.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.is_requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
