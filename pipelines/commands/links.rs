//! `crawlrank links`: the links of pages as a table, without a graph.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::run::{budget, threads};
use crate::accounts::Outcome;
use crate::cli::{Context, LinkFlags, MeansFlags, NetworkFlags, ShardFlags};
use crate::error::{Exit, Result};
use crate::links::job::{self, LinksJob};
use crate::manifest;
use crate::memory;
use crate::recipe::Recipe;
use crate::rows::print_one;
use crate::run::RunDir;
use crate::shard;
use crate::tables::read::Table;

/// Writes a row for each link of each page to DIR/tables/links/, a Parquet file a shard, in the order of pages and links, and
/// the accounts of the shards beside it. The same command again goes on where it was stopped.
#[derive(Debug, Args)]
pub struct Links {
    /// Shard files or their addresses, folders, patterns, `*.paths.gz` lists, crawls (`CC-MAIN-2026-39`, `2026-39`, `latest`)
    #[arg(required = true, value_name = "SHARD")]
    pub shards: Vec<OsString>,
    /// A folder for the tables; again with the same one: resumes
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Which links
    #[command(flatten)]
    pub links: LinkFlags,
    /// Memory and threads
    #[command(flatten)]
    pub means: MeansFlags,
    /// How shards are read
    #[command(flatten)]
    pub reading: ShardFlags,
    /// Shards on servers
    #[command(flatten)]
    pub network: NetworkFlags,
}

impl Links {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let recipe = self.recipe().check()?;
        memory::check(budget(&recipe))?;
        let kind = recipe.kind.list();
        let options = self
            .network
            .find_options(recipe.limit, kind, &context.interrupt)?;
        let shards = shard::find(&self.shards, &options)?;
        let run = RunDir::new(&self.out);
        let _lock = run.lock()?;
        let shaping = job::shaping(&recipe);
        let commits = manifest::begin(&run, shaping, &shards, &recipe.to_toml())?;
        let outcome = job::run(&LinksJob {
            recipe: &recipe,
            shards: &shards,
            commits: &commits,
            interrupt: &context.interrupt,
            progress: context.progress,
            memory: budget(&recipe),
            threads: threads(&recipe),
        })?;
        run.remove("tmp")?;
        // The tables hold what was good, whatever is said now.
        outcome.check(&recipe, &run)?;
        commits.commit(|manifest| manifest.complete = true)?;
        if let Some(hint) = outcome.hint() {
            tracing::warn!("{hint}");
        }
        print(&run, &outcome, context)?;
        Ok(exit(&outcome))
    }

    /// The flags as a recipe has them.
    fn recipe(&self) -> Recipe {
        let mut recipe = Recipe::default();
        self.links.replace(&mut recipe);
        self.means.replace(&mut recipe);
        self.reading.replace(&mut recipe);
        recipe
    }
}

fn exit(outcome: &Outcome) -> Exit {
    let lost = outcome.faults > 0 || !outcome.bad_shards.is_empty();
    match (outcome.internal, lost) {
        (0, false) => Exit::Done,
        (0, true) => Exit::Faults,
        _ => Exit::Internal,
    }
}

/// Says what was read and written.
fn print(run: &RunDir, outcome: &Outcome, context: &Context) -> Result<()> {
    let table = run.output(RunDir::LINKS_TABLE);
    let rows = Table::open(&table, &context.interrupt)?.num_rows();
    let skipped = outcome.skipped.iter();
    let skipped = skipped.map(|(reason, &count)| (reason.clone(), Value::from(count)));
    print_one(
        context.output,
        [
            ("table", Value::from(table.to_string_lossy())),
            ("rows", Value::from(rows)),
            ("shards", Value::from(outcome.shards)),
            ("shards_bad", Value::from(outcome.bad_shards.len())),
            ("records", Value::from(outcome.records)),
            ("pages", Value::from(outcome.pages)),
            ("links", Value::from(outcome.links)),
            ("skipped", Value::Object(skipped.collect())),
            ("faults", Value::from(outcome.faults)),
            ("fault_bytes", Value::from(outcome.fault_bytes)),
        ],
    )
}
