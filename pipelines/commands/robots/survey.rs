//! `crawlrank robots survey`: the robots.txt captures of a crawl as a table, and who lets whom in.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::ParseFlags;
use crate::accounts::Outcome;
use crate::cli::{Context, MeansFlags, NetworkFlags, ShardFlags};
use crate::commands::run::{budget, threads};
use crate::error::{Error, Exit, Result};
use crate::escape::shown_path;
use crate::manifest::{self, Commits, Manifest};
use crate::memory;
use crate::recipe::Recipe;
use crate::robots::agents::{self, KnownAgent};
use crate::robots::ranks::HostRanks;
use crate::robots::survey::{self, Summary, SurveyOptions};
use crate::rows::Rows;
use crate::run::{self, Lock, RunDir};
use crate::shard;

/// Reads the robots.txt captures of shards, as in Common Crawl's subset `robotstxt`, into DIR/tables/robots.parquet, and prints for
/// each agent how many hosts let it in. When DIR is a run, the table becomes part of it, and hosts are weighed by its PageRank.
#[derive(Debug, Args)]
pub struct Survey {
    /// Shard files or their addresses, folders, patterns, `*.paths.gz` lists, crawls (`CC-MAIN-2026-39`, `2026-39`, `latest`)
    #[arg(required = true, value_name = "SHARD")]
    pub shards: Vec<OsString>,
    /// A run, or a folder for the table alone
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Agents to ask for: a file of them, or tokens with commas between; default the known crawlers of AI and search
    #[arg(long, value_name = "FILE|LIST")]
    pub agents: Option<String>,
    /// How files are read
    #[command(flatten)]
    pub parse: ParseFlags,
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

impl Survey {
    /// Runs the command.
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        let parse = self.parse.options()?;
        let agents = match &self.agents {
            Some(flag) => agents::from_flag(flag)?,
            None => agents::known(),
        };
        let recipe = self.recipe().check()?;
        memory::check(budget(&recipe))?;
        let network = &self.network;
        let options = network.find_options(recipe.limit, "robotstxt", &context.interrupt)?;
        let shards = shard::find(&self.shards, &options)?;
        let id = manifest::run_id(&survey::shaping(&recipe, &agents, &parse), &shards);
        let place = Place::open(&self.out, &id)?;
        let options = SurveyOptions {
            recipe: &recipe,
            agents: &agents,
            parse,
            memory: budget(&recipe),
            threads: threads(&recipe),
            scratch: &place.scratch,
            interrupt: &context.interrupt,
            progress: context.progress,
        };
        let surveyed = survey::read(&shards, &options)?;
        let outcome = surveyed.outcome(&recipe);
        tell_what_was_read(&outcome, &surveyed);
        if outcome.records == 0 {
            place.clean()?;
            outcome.check(&recipe, &place.run)?; // no record, no table
        }
        let table = place.scratch.join("robots.parquet");
        run::remove(&table)?;
        let summary = surveyed.write(&table, &id, &options, place.ranks()?.as_ref())?;
        place.publish(&table)?;
        place.clean()?;
        print(&summary, &agents, place.commits.is_some(), context)?;
        tracing::info!(
            "{}: {} captures of {} hosts",
            shown_path(&place.run.output(RunDir::ROBOTS_TABLE)),
            summary.rows,
            summary.hosts
        );
        // The table holds what was good, whatever is said now.
        outcome.check(&recipe, &place.run)?;
        Ok(exit(&outcome))
    }

    /// The limits as a recipe has them.
    fn recipe(&self) -> Recipe {
        let mut recipe = Recipe::default();
        self.means.replace(&mut recipe);
        self.reading.replace(&mut recipe);
        recipe
    }
}

fn exit(outcome: &Outcome) -> Exit {
    match (outcome.internal, outcome.faults) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Faults,
        _ => Exit::Internal,
    }
}

/// Where the table goes: into a run, or a folder of its own. Holds the lock.
struct Place {
    run: RunDir,
    /// When it is a run.
    commits: Option<Commits>,
    scratch: PathBuf,
    _lock: Lock,
}

impl Place {
    /// Opens the place of the survey `id`; scratch of others goes.
    fn open(out: &Path, id: &str) -> Result<Self> {
        let run = RunDir::new(out);
        let lock = run.lock_for_survey()?;
        let commits = match run.manifest().exists() {
            true => Some(Commits::new(run.clone(), Manifest::open(&run)?)),
            false => None,
        };
        // Another version may find other rows.
        let name = format!("survey-{}-{id}", env!("CARGO_PKG_VERSION"));
        let scratch = run.tmp().join(name);
        if !scratch.exists() {
            run::remove(&run.tmp())?;
        }
        fs::create_dir_all(&scratch).map_err(|e| Error::cannot_create(&scratch, &e))?;
        Ok(Place {
            run,
            commits,
            scratch,
            _lock: lock,
        })
    }

    fn ranks(&self) -> Result<Option<HostRanks>> {
        match &self.commits {
            Some(commits) => HostRanks::open(&self.run, &commits.manifest()),
            None => Ok(None),
        }
    }

    fn publish(&self, table: &Path) -> Result<()> {
        match &self.commits {
            Some(commits) => commits.replace(table, RunDir::ROBOTS_TABLE),
            None => self.run.publish(table, RunDir::ROBOTS_TABLE),
        }
    }

    /// Removes the scratch: what it holds is in the table, or worth nothing.
    fn clean(&self) -> Result<()> {
        run::remove(&self.run.tmp())
    }
}

/// What was read, and what was not.
fn tell_what_was_read(outcome: &Outcome, surveyed: &survey::Survey) {
    tracing::info!(
        "read {} shards: {} records, {} captures of robots.txt",
        outcome.shards,
        outcome.records,
        outcome.pages
    );
    let words = |counts: &mut dyn Iterator<Item = (&str, &u64)>| {
        let words: Vec<String> = counts
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        words.join(", ")
    };
    if !surveyed.notes().is_empty() {
        let notes = &mut surveyed.notes().iter();
        tracing::info!(
            "of these {}",
            words(&mut notes.map(|(name, count)| (name.as_str(), count)))
        );
    }
    if !outcome.skipped.is_empty() {
        let skipped = &mut outcome.skipped.iter();
        tracing::info!(
            "skipped {}",
            words(&mut skipped.map(|(name, count)| (name.as_str(), count)))
        );
    }
    if outcome.faults > 0 {
        tracing::warn!(
            "lost {} faults, {} bytes, {} bad shards; `crawlrank warc check --faults` lists them",
            outcome.faults,
            outcome.fault_bytes,
            outcome.bad_shards.len()
        );
    }
}

/// Prints a row for each agent.
fn print(summary: &Summary, agents: &[KnownAgent], is_run: bool, context: &Context) -> Result<()> {
    let mut columns = vec![
        "agent",
        "operator",
        "purpose",
        "hosts",
        "allowed",
        "disallowed",
        "disallowed_share",
    ];
    if is_run {
        columns.push("pagerank_disallowed_share");
    }
    let mut rows = Rows::new(context.output, columns);
    let share = |part: f64, whole: f64| match whole > 0.0 {
        true => Value::from((part / whole * 1e6).round() / 1e6),
        false => Value::Null,
    };
    for (agent, told) in agents.iter().zip(&summary.agents) {
        let hosts = told.allowed + told.disallowed;
        let mut row = vec![
            Value::from(agent.token.as_str()),
            Value::from(agent.operator.as_str()),
            Value::from(agent.purpose.as_str()),
            Value::from(hosts),
            Value::from(told.allowed),
            Value::from(told.disallowed),
            share(told.disallowed as f64, hosts as f64),
        ];
        if is_run {
            row.push(share(told.pagerank_disallowed, summary.pagerank));
        }
        rows.row(row)?;
    }
    rows.finish()?;
    if summary.hosts_unknown > 0 {
        tracing::info!(
            "of {} hosts only redirects are known",
            summary.hosts_unknown
        );
    }
    if is_run {
        tracing::info!(
            "{} of the hosts are in the run, with {:.6} of its PageRank",
            summary.hosts_ranked,
            summary.pagerank
        );
    }
    Ok(())
}
