//! `crawlrank links`: the links of pages as a table, without a graph.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::run::{budget, threads};
use crate::accounts::Outcome;
use crate::cli::{Context, MeansFlags, ShardFlags};
use crate::error::{Exit, Result};
use crate::links::job::{self, LinksJob};
use crate::manifest;
use crate::memory;
use crate::recipe::{Kind, ProfileName, Recipe, Size, WwwRule};
use crate::rows::print_one;
use crate::run::RunDir;
use crate::shard;
use crate::tables::read::Table;

/// Writes a row for each link of each page to DIR/tables/links/, a Parquet file a shard, in the order of pages and links, and
/// the accounts of the shards beside it. The same command again goes on where it was stopped.
#[derive(Debug, Args)]
pub struct Links {
    /// Shard files, folders of them, patterns, `*.paths.gz` lists
    #[arg(required = true, value_name = "SHARD")]
    pub shards: Vec<OsString>,
    /// A folder for the tables; again with the same one: resumes
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Shards links are read from
    #[arg(long, value_enum)]
    pub kind: Option<Kind>,
    /// How link addresses are read
    #[arg(long, value_enum)]
    pub profile: Option<ProfileName>,
    /// What becomes of a leading `www.` in the columns of hosts
    #[arg(long, value_enum)]
    pub www: Option<WwwRule>,
    /// Links with these rel values give no row: nofollow, ugc, sponsored
    #[arg(long, value_delimiter = ',', value_name = "RELS")]
    pub exclude_rel: Vec<String>,
    /// Only links of these kinds give rows: a, img, script, redirect, …
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    pub only_kind: Vec<String>,
    /// Memory and threads
    #[command(flatten)]
    pub means: MeansFlags,
    /// How shards are read
    #[command(flatten)]
    pub reading: ShardFlags,
    /// Links read of a page
    #[arg(long, value_name = "N")]
    pub max_links: Option<usize>,
    /// Longest address
    #[arg(long, value_name = "SIZE")]
    pub max_url: Option<Size>,
}

impl Links {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let recipe = self.recipe().check()?;
        memory::check(budget(&recipe))?;
        let shards = shard::find(&self.shards, recipe.limit)?;
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
        print(&run, &outcome, context)?;
        Ok(exit(&outcome))
    }

    /// The flags as a recipe has them.
    fn recipe(&self) -> Recipe {
        let default = Recipe::default();
        let mut recipe = Recipe {
            kind: self.kind.unwrap_or(default.kind),
            profile: self.profile.unwrap_or(default.profile),
            www: self.www.unwrap_or(default.www),
            exclude_rel: self.exclude_rel.clone(),
            only_kind: self.only_kind.clone(),
            max_links: self.max_links.unwrap_or(default.max_links),
            max_url: self.max_url.unwrap_or(default.max_url),
            ..default
        };
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
