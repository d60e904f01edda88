//! `crawlrank run`: the whole job, and the words that say at the end what it did.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use crawlrank_graph::Graph;

use super::status;
use crate::accounts::Outcome;
use crate::cli::{Context, NetworkFlags, OutputFormat, RecipeFlags};
use crate::error::{Error, Exit, Result};
use crate::escape::{escaped, shown_path};
use crate::interrupt::Interrupt;
use crate::manifest::{self, Manifest};
use crate::memory;
use crate::recipe::Recipe;
use crate::rows;
use crate::run::{self, RunDir};
use crate::shard::{self, Shard};

use crate::stages::{self, Job, rank::Report};

/// Shards to graph to ranks to Parquet.
#[derive(Debug, Args)]
pub struct Run {
    /// Shard files or their addresses, folders, patterns, `*.paths.gz` lists, crawls (`CC-MAIN-2026-39`, `2026-39`, `latest`)
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<OsString>,
    /// The run directory; again with the same one: resumes
    #[arg(long, value_name = "RUN")]
    pub out: PathBuf,
    /// Say what would be done, as `plan` does, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// The recipe
    #[command(flatten)]
    pub recipe: RecipeFlags,
    /// Shards on servers
    #[command(flatten)]
    pub network: NetworkFlags,
}

impl Run {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let recipe = self.recipe.resolve()?;
        memory::check(budget(&recipe))?;
        if self.dry_run {
            let shards = super::plan::find(&self.inputs, &recipe, &self.network, context)?;
            super::plan::print(&recipe, &shards, context)?;
            return Ok(Exit::Done);
        }
        let shards = self.find(&recipe, &context.interrupt)?;
        let summary = execute(&recipe, &shards, &self.out, context)?;
        summary.print(context)
    }

    /// The shards that the inputs name.
    pub fn find(&self, recipe: &Recipe, interrupt: &Interrupt) -> Result<Vec<Shard>> {
        let kind = recipe.kind.list();
        let options = self.network.find_options(recipe.limit, kind, interrupt)?;
        shard::find(&self.inputs, &options)
    }
}

/// Bytes of memory that a recipe may use.
pub fn budget(recipe: &Recipe) -> u64 {
    recipe
        .memory
        .map_or_else(memory::default_budget, |size| size.0)
}

/// Threads that a recipe may use.
pub fn threads(recipe: &Recipe) -> usize {
    recipe.threads.map_or_else(default_threads, usize::from)
}

/// One thread a core.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Starts threads for work that is split by rayon.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::internal(format!("cannot start {threads} threads: {e}")))
}

/// Takes the run directory's lock and does every stage that is not yet done.
pub fn execute(
    recipe: &Recipe,
    shards: &[Shard],
    out: &Path,
    context: &Context,
) -> Result<Summary> {
    let run = RunDir::new(out);
    let _lock = run.lock()?;
    let commits = manifest::begin(&run, recipe.shaping(), shards, &recipe.to_toml())?;
    work(recipe, shards, &commits, stages::run_all, context)
}

/// Does the stages that are not yet done. The caller holds the lock.
pub fn work(
    recipe: &Recipe,
    shards: &[Shard],
    commits: &manifest::Commits,
    stages: fn(&Job) -> Result<Outcome>,
    context: &Context,
) -> Result<Summary> {
    let run = commits.run();
    let scratch = Scratch::create(recipe.tmp.as_deref(), run)?;
    let threads = threads(recipe);
    let pool = pool(threads)?;
    let job = Job {
        recipe,
        shards,
        commits,
        interrupt: &context.interrupt,
        progress: context.progress,
        memory: budget(recipe),
        threads,
        pool: &pool,
        scratch: scratch.0.clone(),
    };
    let outcome = stages(&job)?;
    drop(scratch);
    run.remove("tmp")?;
    Summary::new(run, &commits.manifest(), outcome)
}

/// A folder of scratch files that goes away with the value.
struct Scratch(PathBuf);

impl Scratch {
    /// Makes the folder: inside the run, or in the folder that the user chose. There its name comes from the run
    /// directory, so that what a killed run left is found and removed by the next one; the lock keeps others out.
    fn create(chosen: Option<&Path>, run: &RunDir) -> Result<Self> {
        let path = match chosen {
            Some(folder) => folder.join(format!("crawlrank-{}", run.place()?)),
            None => run.tmp().join("scratch"),
        };
        run::remove(&path)?;
        let parent = path.parent().unwrap_or(Path::new(""));
        std::fs::create_dir(&path).map_err(|e| Error::cannot_create(parent, &e))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = run::remove(&self.0);
    }
}

/// Bad shards that the summary names; `status` names all.
const BAD_SHARDS_NAMED: usize = 3;

/// What a finished run says of itself.
pub struct Summary {
    root: PathBuf,
    run_id: String,
    outcome: Outcome,
    graphs: Vec<(String, u64, u64)>,
    reports: BTreeMap<String, Report>,
}

impl Summary {
    /// Collects the words on a run whose stages are done.
    pub fn new(run: &RunDir, manifest: &Manifest, outcome: Outcome) -> Result<Self> {
        let mut graphs = Vec::new();
        let names = manifest.outputs.keys();
        for level in names.filter_map(|name| name.strip_prefix("graph/")) {
            let graph = Graph::open(run.output(&format!("graph/{level}")))?;
            graphs.push((level.to_owned(), graph.num_nodes(), graph.num_edges()));
        }
        let reports = Report::all(run, manifest)?;
        Ok(Summary {
            root: run.root().to_owned(),
            run_id: manifest.run_id.clone(),
            outcome,
            graphs,
            reports,
        })
    }

    /// How the program leaves: 3 when something was lost, or a ranking did not converge; 70 when a fault of ours lost it.
    pub fn exit(&self) -> Exit {
        if self.outcome.internal > 0 {
            return Exit::Internal;
        }
        let lost = self.outcome.faults > 0 || !self.outcome.bad_shards.is_empty();
        let unfinished = self.reports.values().any(|report| !report.converged);
        if lost || unfinished {
            Exit::Faults
        } else {
            Exit::Done
        }
    }

    /// What was lost, what did not converge, and whether shards of another kind were meant, in one line; nothing when all is
    /// well.
    pub fn trouble(&self) -> Option<String> {
        let mut troubles = self.outcome.troubles();
        let unfinished = self.reports.iter().filter(|(_, report)| !report.converged);
        troubles.extend(unfinished.map(|(level, report)| {
            let iterations = report.iterations;
            format!("PageRank of level {level} did not converge within {iterations} iterations")
        }));
        troubles.extend(self.outcome.hint());
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    /// Prints the summary, in the form that was asked for, and says how to leave.
    pub fn print(&self, context: &Context) -> Result<Exit> {
        match context.output {
            OutputFormat::Table => rows::print_text(&self.text())?,
            _ => status::print(&RunDir::new(&self.root), None, context)?,
        }
        Ok(self.exit())
    }

    /// The summary, for people.
    pub fn text(&self) -> String {
        let read = &self.outcome;
        let mut lines = vec![
            (
                "run",
                format!("{} (id {})", shown_path(&self.root), self.run_id),
            ),
            (
                "read",
                format!(
                    "{} shards, {}: {} records, {} pages, {} links",
                    read.shards,
                    indicatif::HumanBytes(read.bytes),
                    read.records,
                    read.pages,
                    read.links
                ),
            ),
        ];
        if read.faults > 0 || !read.bad_shards.is_empty() {
            lines.push((
                "lost",
                format!(
                    "{} faults, {} bytes, {} bad shards: see tables/faults.parquet",
                    read.faults,
                    read.fault_bytes,
                    read.bad_shards.len()
                ),
            ));
        }
        for (shard, reason) in read.bad_shards.iter().take(BAD_SHARDS_NAMED) {
            lines.push((
                "bad shard",
                format!("{}: {}", escaped(shard), escaped(reason)),
            ));
        }
        if !read.skipped.is_empty() {
            let reasons: Vec<String> = read
                .skipped
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            lines.push(("skipped", reasons.join(", ")));
        }
        for (level, nodes, edges) in &self.graphs {
            lines.push((
                "graph",
                format!("{level} level: {nodes} nodes, {edges} edges"),
            ));
        }
        for (level, report) in &self.reports {
            let converged = if report.converged {
                "converged"
            } else {
                "did not converge"
            };
            lines.push((
                "ranks",
                format!(
                    "{level} level: PageRank {converged} after {} iterations, residual {:.1e}, error at most {:.1e}",
                    report.iterations, report.residual, report.error_bound
                ),
            ));
        }
        lines.extend(read.hint().map(|hint| ("note", hint)));
        let notes = self.reports.iter();
        let notes = notes.filter_map(|(level, report)| report.note(level));
        lines.extend(notes.map(|note| ("note", note)));
        lines.push(("tables", shown_path(&self.root.join("tables"))));
        lines
            .into_iter()
            .map(|(key, value)| format!("{key:<10} {value}\n"))
            .collect()
    }
}
