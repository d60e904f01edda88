//! What a user sees while work goes on: a bar on a terminal, log lines elsewhere. Both go to stderr.

use std::io::IsTerminal as _;
use std::sync::Mutex;
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
}

/// The progress of one stage: a count towards a known total.
pub struct Progress {
    stage: &'static str,
    unit: &'static str,
    bar: ProgressBar,
    last_line: Option<Mutex<Instant>>,
}

impl Progress {
    /// Starts `stage`, which has `total` steps of `unit`.
    pub fn start(show: Show, stage: &'static str, unit: &'static str, total: u64) -> Self {
        let draws = show == Show::Auto && std::io::stderr().is_terminal();
        let target = if draws {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target).with_prefix(stage);
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
        Progress {
            stage,
            unit,
            bar,
            last_line: lines.then(|| Mutex::new(Instant::now())),
        }
    }

    /// Counts `steps` more.
    pub fn advance(&self, steps: u64) {
        self.bar.inc(steps);
        self.line();
    }

    /// Sets the count and says something beside it, e.g. the residual of an iteration.
    pub fn set(&self, position: u64, message: String) {
        self.bar.set_position(position);
        self.bar.set_message(message);
        self.line();
    }

    fn line(&self) {
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
