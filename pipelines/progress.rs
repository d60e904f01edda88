//! What a user sees while work goes on: a bar on a terminal, log lines elsewhere. Both go to stderr.

use std::io::IsTerminal as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between two log lines where no bar is drawn.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// A bar on a terminal, log lines elsewhere.
    #[default]
    Auto,
    /// Log lines only.
    Lines,
    /// Nothing.
    Nothing,
    /// Nothing by us: who gave the place looks there.
    Watched(&'static Watch),
}

/// A place where the progress of the stage that is going on can be looked up, by a caller that shows it in its own way.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Option<Seen>>);

/// How far a stage is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The stage.
    pub stage: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// How many are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
    /// What is said beside it; may be empty.
    pub message: String,
}

impl Watch {
    /// Returns how far the stage is; nothing before the first.
    pub fn seen(&self) -> Option<Seen> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Each is a place of its own.
impl PartialEq for Watch {
    fn eq(&self, other: &Watch) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Watch {}

/// The progress of one stage: a count towards a known total.
pub struct Progress {
    stage: &'static str,
    unit: &'static str,
    bar: ProgressBar,
    last_line: Option<Mutex<Instant>>,
    watch: Option<&'static Watch>,
}

impl Progress {
    /// Starts `stage`, which has `total` steps of `unit`.
    pub fn start(show: Show, stage: &'static str, unit: &'static str, total: u64) -> Self {
        Self::start_at(show, stage, unit, 0, total)
    }

    /// The same, where `done` of the steps were done before: the time they took is not looked for.
    pub fn start_at(
        show: Show,
        stage: &'static str,
        unit: &'static str,
        done: u64,
        total: u64,
    ) -> Self {
        let draws = show == Show::Auto && std::io::stderr().is_terminal();
        let target = if draws {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target)
            .with_prefix(stage)
            .with_position(done);
        bar.reset_eta();
        bar.set_style(
            ProgressStyle::with_template(
                "{prefix:8} [{bar:30}] {human_pos}/{human_len} {msg} {elapsed} ETA {eta}",
            )
            .expect("the template is a constant")
            .progress_chars("##-"),
        );
        if show != Show::Nothing {
            tracing::info!(stage, unit, total, "start");
        }
        let lines = !draws && show != Show::Nothing;
        let progress = Progress {
            stage,
            unit,
            bar,
            last_line: lines.then(|| Mutex::new(Instant::now())),
            watch: match show {
                Show::Watched(watch) => Some(watch),
                _ => None,
            },
        };
        progress.show();
        progress
    }

    /// Counts `steps` more.
    pub fn advance(&self, steps: u64) {
        self.bar.inc(steps);
        self.show();
    }

    /// Changes the total, which was an estimate.
    pub fn expect(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// Adds to the total, which grows as lengths become known.
    pub fn expect_more(&self, steps: u64) {
        self.bar.inc_length(steps);
    }

    /// Sets the count and says something beside it, e.g. the residual of an iteration.
    pub fn set(&self, position: u64, message: String) {
        self.bar.set_position(position);
        self.bar.set_message(message);
        self.show();
    }

    fn show(&self) {
        if let Some(watch) = self.watch {
            *watch.lock() = Some(Seen {
                stage: self.stage,
                unit: self.unit,
                done: self.bar.position(),
                total: self.bar.length().unwrap_or_default(),
                message: self.bar.message(),
            });
        }
        let Some(last_line) = &self.last_line else {
            return;
        };
        // A busy lock means that another thread writes the line: nothing is lost by leaving.
        let Ok(mut last_line) = last_line.try_lock() else {
            return;
        };
        if last_line.elapsed() >= LOG_EVERY {
            *last_line = Instant::now();
            let message = self.bar.message();
            tracing::info!(
                stage = self.stage,
                unit = self.unit,
                done = self.bar.position(),
                total = self.bar.length(),
                eta_seconds = self.bar.eta().as_secs(),
                "{message}"
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let done = self.bar.position(); // finishing moves it to the end
        self.bar.finish_and_clear();
        if self.last_line.is_some() {
            tracing::info!(
                stage = self.stage,
                unit = self.unit,
                done,
                seconds = self.bar.elapsed().as_secs_f32(),
                "end"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_sees_the_stage_that_is_going_on() {
        let watch: &Watch = Box::leak(Box::default());
        assert_eq!(watch.seen(), None);
        let progress = Progress::start(Show::Watched(watch), "rank", "iterations", 200);
        progress.set(3, "residual 1e-3".to_owned());
        progress.advance(1);
        let seen = watch.seen().unwrap();
        assert_eq!((seen.stage, seen.done, seen.total), ("rank", 4, 200));
        assert_eq!(seen.message, "residual 1e-3");
    }
}
