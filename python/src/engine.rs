//! The whole job, as the command `run` does it.

use std::ffi::OsString;

use clap::Parser as _;
use crawlrank::cli::{Cli, Command, Context, OutputFormat};
use crawlrank::commands::run::{Run as Job, budget, execute};
use crawlrank::error::{Error, Exit, Result};
use crawlrank::escape::escaped;
use crawlrank::interrupt::Interrupt;
use crawlrank::memory;
use crawlrank::progress::{Show, Watch};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::error::raised;
use crate::interrupt::interruptible;
use crate::run::{Run, open};

/// Runs the whole job. Use `crawlrank.run`, which makes the arguments of the command of its own.
///
/// `arguments`: those of the command `run`. `progress`: whether a bar may be drawn on a terminal, or what is called
/// with stage, done, total, unit and message now and then.
#[pyfunction]
pub(crate) fn run(
    py: Python<'_>,
    arguments: Vec<OsString>,
    progress: &Bound<'_, PyAny>,
) -> PyResult<Run> {
    let job = parse(arguments).map_err(|e| raised(py, &e))?;
    let out = job.out.clone();
    let (show, watch) = match progress.cast::<PyBool>() {
        Ok(is_shown) if is_shown.is_true() => (Show::Auto, None),
        Ok(_) => (Show::Nothing, None),
        Err(_) => {
            // Some hundred bytes for each run that is watched: stages may outlive this call's borrows, not the process.
            let watch: &'static Watch = Box::leak(Box::default());
            (Show::Watched(watch), Some(watch))
        }
    };
    let mut shown = None;
    let summary = interruptible(
        py,
        |_| {
            let seen = watch.and_then(Watch::seen);
            if let Some(now) = seen.as_ref().filter(|_| seen != shown) {
                progress.call1((now.stage, now.done, now.total, now.unit, &now.message))?;
            }
            shown = seen;
            Ok(())
        },
        |interrupt| do_job(&job, show, interrupt),
    )?;
    if let Some(trouble) = summary.trouble() {
        let text = format!("{}: {}", out.display(), escaped(&trouble));
        match summary.exit() {
            Exit::Internal => return Err(raised(py, &Error::internal(trouble).at(&out))),
            _ => {
                let text = std::ffi::CString::new(text).unwrap_or_default();
                PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 2)?;
            }
        }
    }
    open(py, out)
}

pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Job> {
    let program = ["crawlrank", "run"].map(OsString::from);
    let cli = Cli::try_parse_from(program.into_iter().chain(arguments)).map_err(|refusal| {
        // What is missing, or what is possible, stands on lines of their own; then come hints for a command line.
        let text = refusal.to_string();
        let is_hint =
            |line: &&str| line.starts_with("Usage:") || line.starts_with("For more information");
        let said = text
            .lines()
            .map(str::trim)
            .take_while(|line| !is_hint(line));
        let said: Vec<&str> = said.filter(|line| !line.is_empty()).collect();
        let said = said.join(" ");
        Error::usage(said.strip_prefix("error: ").unwrap_or(&said))
    })?;
    match cli.command {
        Command::Run(job) => Ok(*job),
        _ => Err(Error::internal(
            "the arguments of `run` are those of another command",
        )),
    }
}

fn do_job(
    job: &Job,
    show: Show,
    interrupt: &Interrupt,
) -> Result<crawlrank::commands::run::Summary> {
    let recipe = job.recipe.resolve()?;
    memory::check(budget(&recipe))?;
    let shards = job.find(&recipe, interrupt)?;
    let context = Context {
        interrupt: interrupt.clone(),
        progress: show,
        output: OutputFormat::Table,
    };
    execute(&recipe, &shards, &job.out, &context)
}
