//! `crawlrank rank`: scores of a graph that belongs to no run, or the ranks and tables of a run again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use crawlrank_graph::{AnyGraph, Column, Dangling, HarmonicOptions, PageRankOptions, Ranking};

use super::graph::check_graph;
use super::run::{Summary, budget, pool, threads, work};
use crate::cli::{Context, RankingFlags};
use crate::error::{Error, Exit, Result, quoted};
use crate::escape::shown_path;
use crate::manifest::{self, Commits, Manifest};
use crate::memory;
use crate::recipe::{Level, Recipe};
use crate::rows;
use crate::run::{self, RunDir};
use crate::stages;
use crate::stages::build;
use crate::stages::rank::{self, Checkpoint, Options, Scores};
use crate::tables::nodes::{self, MappedScores, reversed};

/// PageRank and harmonic centrality on a built graph, also one that was imported.
#[derive(Debug, Args)]
pub struct Rank {
    /// A graph directory, or a run directory
    #[arg(value_name = "GRAPH|RUN")]
    pub target: PathBuf,
    /// Where `ranks.parquet` and `ranks.json` go (for a graph)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Edges count by the pages that hold them
    #[arg(long)]
    pub weighted: bool,
    /// Teleport to these nodes: lines of NODE, or of NODE, a tab and WEIGHT; NODE is a name, or an id in a graph without names
    #[arg(long, value_name = "FILE")]
    pub personalize: Option<PathBuf>,
    /// What becomes of the mass of nodes without links
    #[arg(long, value_enum)]
    pub dangling: Option<DanglingName>,
    /// Fewer iterations, for 40 bytes of memory a node more; scores differ within the error bound (for a graph)
    #[arg(long)]
    pub accelerate: bool,
    /// Weakly and strongly connected components, too (for a graph)
    #[arg(long)]
    pub components: bool,
    /// Closeness, too: one over the sum of distances from the nodes that reach each node (for a graph)
    #[arg(long, conflicts_with = "no_harmonic")]
    pub closeness: bool,
    /// The number of nodes that reach each node, too (for a graph)
    #[arg(long, conflicts_with = "no_harmonic")]
    pub reachable: bool,
    /// The ranking
    #[command(flatten)]
    pub ranking: RankingFlags,
}

/// What becomes of the mass of dangling nodes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DanglingName {
    /// It goes to all nodes alike.
    Uniform,
    /// It goes where teleports go.
    Preference,
    /// It is lost; scores are not rescaled.
    None,
}

impl From<DanglingName> for Dangling {
    fn from(name: DanglingName) -> Self {
        match name {
            DanglingName::Uniform => Dangling::Uniform,
            DanglingName::Preference => Dangling::Preference,
            DanglingName::None => Dangling::None,
        }
    }
}

impl Rank {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        if RunDir::new(&self.target).manifest().exists() {
            return self.rank_run(context);
        }
        let recipe = self.recipe(Recipe::default())?;
        let out = self.out.clone().ok_or_else(|| {
            Error::usage("a graph is ranked into a folder of its own: --out is missing")
        })?;
        let pool = pool(threads(&recipe))?;
        pool.install(|| self.rank_graph(&recipe, &out, context))
    }

    /// The recipe with what the flags say of the ranking.
    pub fn recipe(&self, mut recipe: Recipe) -> Result<Recipe> {
        self.ranking.replace(&mut recipe);
        recipe.harmonic = !self.ranking.no_harmonic;
        memory::check(budget(&recipe))?;
        recipe.check()
    }

    fn rank_graph(&self, recipe: &Recipe, out: &Path, context: &Context) -> Result<Exit> {
        check_graph(&self.target)?;
        let graph = AnyGraph::open(&self.target)?;
        graph.verify()?;
        let options = Options {
            pagerank: PageRankOptions {
                damping: recipe.damping,
                tolerance: recipe.tolerance,
                max_iterations: recipe.max_iterations as usize,
                dangling: self.dangling.map_or(Dangling::Uniform, Dangling::from),
                personalize: self
                    .personalize
                    .as_ref()
                    .map(|path| preference(path, &graph))
                    .transpose()?,
                weighted: self.weighted,
                accelerate: self.accelerate,
                memory_bytes: budget(recipe),
            },
            harmonic: recipe.harmonic.then_some(HarmonicOptions {
                log2m: recipe.harmonic_log2m,
                closeness: self.closeness,
            }),
            reachable: self.reachable,
            components: self.components,
            memory: budget(recipe),
            checkpoint: Checkpoint::new(out.join("ranks.checkpoint")),
        };
        fs::create_dir_all(out).map_err(|e| Error::cannot_create(out, &e))?;
        let scores = rank::score(&graph, &options, &context.interrupt, context.progress)?;
        write_ranks(&graph, &scores, [self.closeness, self.reachable], out)?;
        options.checkpoint.remove()?;
        let report = &scores.report;
        if let Some(why) = &report.harmonic_left_out {
            tracing::warn!("harmonic centrality is null: {why}");
        }
        if let Some(why) = &report.components_left_out {
            let which = match report.components {
                Some(_) => "strong components",
                None => "components",
            };
            tracing::warn!("{which} are null: {why}");
        }
        rows::print_text(&format!(
            "{}: {} nodes, {} edges, {} iterations, residual {:.1e}, error at most {:.1e}\n",
            shown_path(&out.join("ranks.parquet")),
            report.nodes,
            report.edges,
            report.iterations,
            report.residual,
            report.error_bound
        ))?;
        if !report.converged {
            tracing::warn!(
                "PageRank did not converge within {} iterations; give a higher --max-iterations or --tolerance",
                report.max_iterations
            );
            return Ok(Exit::Faults);
        }
        Ok(Exit::Done)
    }

    /// Ranks a run again with other parameters: its ranks and tables are made anew.
    fn rank_run(self, context: &Context) -> Result<Exit> {
        if self.out.is_some()
            || self.weighted
            || self.personalize.is_some()
            || self.dangling.is_some()
            || self.accelerate
            || self.components
            || self.closeness
            || self.reachable
        {
            return Err(Error::usage("a run is ranked in place, from its recipe")
                .at(&self.target)
                .remedy("for --out, --weighted, --personalize, --dangling, --accelerate, --components, --closeness or --reachable give a graph of it, e.g. RUN/graph/host"));
        }
        // Ranking needs no scratch, and the folder may be gone.
        let change = |recipe| {
            self.recipe(Recipe {
                tmp: None,
                ..recipe
            })
        };
        rank_run(&self.target, change, &BTreeMap::new(), context)?.print(context)
    }
}

/// PageRank as others have iterated it: the scores of all nodes, which were not made to sum to 1, and the L1 change of each iteration.
#[derive(Clone, Debug)]
pub struct Iterated {
    /// Files of one score for each node, in order, each with its length.
    pub scores: Vec<(PathBuf, u64)>,
    /// The first iteration's first.
    pub residuals: Vec<f64>,
}

/// Ranks a run again, by the parameters that `change` makes of its own: its ranks and tables are made anew. Of a run that a cluster has built
/// the graphs are made first. Levels that were `iterated` by others go on from there.
pub fn rank_run(
    run: &Path,
    change: impl FnOnce(Recipe) -> Result<Recipe>,
    iterated: &BTreeMap<Level, Iterated>,
    context: &Context,
) -> Result<Summary> {
    let run = RunDir::new(run);
    let _lock = run.lock()?;
    let mut before = Manifest::open(&run)?;
    for name in ["run.toml", "shards.jsonl"] {
        manifest::verify_output(&run, &before, name)?;
    }
    let built_with = Recipe::open(&run.recipe())?;
    let recipe = change(built_with.clone())?;
    let shards = manifest::read_shards(&run)?;
    let is_there = |before: &Manifest, level| before.outputs.contains_key(&RunDir::graph(level));
    // Graphs are made level by level of the cluster's tables, which go with the first; a stop between two leaves some.
    let is_built = recipe.level.iter().all(|&level| is_there(&before, level));
    let is_handed_over = recipe.level.iter().any(|&level| {
        is_there(&before, level) || before.outputs.contains_key(&RunDir::edges_table(level))
    });
    if before.is_of_cluster() && is_handed_over && !is_built {
        let commits = Commits::new(run.clone(), before);
        commits.clean()?;
        let means = Recipe {
            memory: recipe.memory,
            threads: recipe.threads,
            tmp: None,
            ..built_with
        };
        work(&means, &shards, &commits, stages::build_all, context)?;
        before = commits.manifest();
    }
    // Whatever can be refused is refused before the ranks that are there go away.
    for &level in &recipe.level {
        if !is_there(&before, level) {
            if before.is_of_cluster() {
                return Err(build::not_handed_over(&run));
            }
            let found = format!("the run has no {} graph yet", level.as_str());
            return Err(Error::usage(found)
                .at(run.root())
                .remedy("run it to the end first"));
        }
        let graph = AnyGraph::open(run.output(&RunDir::graph(level)))?;
        let options = rank::pagerank_options(&recipe, budget(&recipe));
        rank::check_memory(&graph, &options, budget(&recipe))?;
        if let (Some(iterated), AnyGraph::Arrays(graph)) = (iterated.get(&level), &graph) {
            let options = PageRankOptions {
                memory_bytes: 0, // it iterates no more
                ..options
            };
            let mut ranking = Ranking::new(graph, &options)?;
            let scores = Column::read_all(&iterated.scores)?;
            ranking.take_up(&scores, iterated.residuals.clone())?;
            ranking.save(&run.checkpoint(level))?;
        }
    }
    let commits = manifest::rerank(&run, before, &recipe, &shards)?;
    work(&recipe, &shards, &commits, stages::rank_all, context)
}

/// Writes `ranks.parquet` and `ranks.json` into a folder, each complete or not at all.
fn write_ranks(graph: &AnyGraph, scores: &Scores, requested: [bool; 2], out: &Path) -> Result<()> {
    let scratch = tempfile::Builder::new()
        .prefix(".tmp-ranks-")
        .tempdir_in(out)
        .map_err(|e| Error::cannot_create(out, &e))?;
    rank::write(scratch.path(), scores)?;
    let mapped = MappedScores::open(scratch.path(), graph.num_nodes())?;
    let table = scratch.path().join("ranks.parquet");
    nodes::write_ranks(&table, graph, &mapped, requested)?;
    for name in ["ranks.parquet", "ranks.json"] {
        run::publish_file(&scratch.path().join(name), &out.join(name))?;
    }
    Ok(())
}

/// Reads a preference vector: one value a node, not negative, of any sum.
fn preference(path: &Path, graph: &AnyGraph) -> Result<Vec<f64>> {
    let file = File::open(path).map_err(|e| Error::usage(e.to_string()).at(path))?;
    let names = graph.names();
    let mut weights = vec![0.0; graph.num_nodes() as usize];
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|e| Error::io(path, &e))?;
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |what: &str| {
            Error::usage(format!("line {}: {what} {}", number + 1, quoted(&line))).at(path)
        };
        let (node, weight) = line.split_once('\t').unwrap_or((line.trim(), "1"));
        let weight: f64 = weight
            .trim()
            .parse()
            .map_err(|_| wrong("expected a number as weight, found"))?;
        if !(weight.is_finite() && weight >= 0.0) {
            return Err(wrong("a weight is at least 0, found"));
        }
        let id = match &names {
            // Graphs of hosts and domains hold reversed names; both ways of writing are welcome.
            Some(names) => names
                .find(node.as_bytes())
                .or_else(|| names.find(reversed(node).as_bytes())),
            None => node
                .parse()
                .ok()
                .filter(|&id: &u32| u64::from(id) < graph.num_nodes()),
        };
        weights[id.ok_or_else(|| wrong("no such node:"))? as usize] += weight;
    }
    match weights.iter().sum::<f64>() > 0.0 {
        true => Ok(weights),
        false => Err(Error::usage("no node has a weight above 0").at(path)),
    }
}
