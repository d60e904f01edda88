//! The stages of a run, in order. Each reads what the ones before committed, and commits its own outputs.

pub mod build;
pub mod export;
pub mod extract;
pub(crate) mod pages;
pub mod rank;

use std::path::PathBuf;

use crate::accounts::Outcome;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::manifest::{self, Commits};
use crate::progress::Show;
use crate::recipe::Recipe;
use crate::run::RunDir;
use crate::shard::Shard;

/// What every stage is given.
pub struct Job<'a> {
    /// The resolved parameters.
    pub recipe: &'a Recipe,
    /// The planned shards, sorted by name.
    pub shards: &'a [Shard],
    /// Where outputs are committed.
    pub commits: &'a Commits,
    /// Tells when to stop.
    pub interrupt: &'a Interrupt,
    /// How progress is shown.
    pub progress: Show,
    /// Bytes of memory to use.
    pub memory: u64,
    /// Threads to use.
    pub threads: usize,
    /// The threads themselves, for work that is split by rayon.
    pub pool: &'a rayon::ThreadPool,
    /// Folder for scratch; same file system as the run, unless the user chose another.
    pub scratch: PathBuf,
}

/// Checks every byte of the graphs and scores that the stages to come build upon. Those made just now are checked too:
/// it is one pass over what lies in memory still.
fn verify_graphs(job: &Job) -> Result<()> {
    let manifest = job.commits.manifest();
    for &level in &job.recipe.level {
        let done = [
            RunDir::ranks(level),
            RunDir::nodes_table(level),
            RunDir::edges_table(level),
        ];
        if done.iter().all(|name| manifest.outputs.contains_key(name)) {
            continue;
        }
        for name in [RunDir::graph(level), RunDir::ranks(level)] {
            job.interrupt.check()?;
            manifest::verify_output(job.commits.run(), &manifest, &name)?;
        }
    }
    Ok(())
}

/// Does everything that is not yet done.
pub fn run_all(job: &Job) -> Result<Outcome> {
    let commits = job.commits;
    let outcome = commits.timed("extract", || extract::extract(job))?;
    outcome.check(job.recipe, commits.run())?;
    commits.timed("build", || job.pool.install(|| build::build(job)))?;
    rank_and_export(job)?;
    Ok(outcome)
}

/// Makes the graphs that are not there, and reads no shard.
pub fn build_all(job: &Job) -> Result<Outcome> {
    job.commits
        .timed("build", || job.pool.install(|| build::build(job)))?;
    extract::outcome(job)
}

/// Does everything that is not yet done with graphs that are there, and reads no shard.
pub fn rank_all(job: &Job) -> Result<Outcome> {
    rank_and_export(job)?;
    extract::outcome(job)
}

fn rank_and_export(job: &Job) -> Result<()> {
    let commits = job.commits;
    verify_graphs(job)?;
    commits.timed("rank", || job.pool.install(|| rank::rank(job)))?;
    commits.timed("export", || job.pool.install(|| export::export(job)))?;
    commits.commit(|manifest| manifest.complete = true)
}
