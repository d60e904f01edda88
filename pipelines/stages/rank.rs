//! Graphs to scores: PageRank and harmonic centrality of every level, and components on request.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crawlrank_graph::{
    AnyGraph, Column, Components, Harmonic, HarmonicOptions, PageRank, PageRankOptions, Ranking,
    Restored,
};
use serde::{Deserialize, Serialize};

use super::Job;
use crate::error::{Error, Exit, Result};
use crate::escape::shown_path;
use crate::interrupt::Interrupt;
use crate::manifest::Manifest;
use crate::progress::{Progress, Show};
use crate::recipe::Recipe;
use crate::run::RunDir;

/// What a ranking is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// PageRank's options.
    pub pagerank: PageRankOptions,
    /// HyperBall's options; absent: harmonic centrality is left out.
    pub harmonic: Option<HarmonicOptions>,
    /// Whether the number of nodes that reach each node is wanted, which comes with harmonic centrality.
    pub reachable: bool,
    /// Whether components are wanted.
    pub components: bool,
    /// Bytes of memory to use.
    pub memory: u64,
    /// Where PageRank keeps its state meanwhile.
    pub checkpoint: Checkpoint,
}

/// A file that a PageRank which was killed goes on from, to the same bits.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: PathBuf,
    every: Duration,
    /// Of the time, writing takes at most one part in so many; 0: however much it is.
    share: u32,
}

impl Checkpoint {
    /// Of a file that is written every 30 seconds, or more seldom where writing takes longer than a twentieth of that. So a
    /// ranking that takes less leaves none, unless it is interrupted.
    pub fn new(path: PathBuf) -> Self {
        Checkpoint {
            path,
            every: Duration::from_secs(30),
            share: 20,
        }
    }

    /// The same, written after every iteration.
    pub fn after_every_iteration(self) -> Self {
        Checkpoint {
            every: Duration::ZERO,
            share: 0,
            ..self
        }
    }

    /// Takes up the state in the file, if there is one; returns how many iterations were done.
    fn restore(&self, ranking: &mut Ranking) -> usize {
        match ranking.restore(&self.path) {
            Restored::Nothing => 0,
            Restored::After(iterations) => {
                tracing::info!("PageRank goes on after iteration {iterations}");
                iterations
            }
            Restored::Ignored(why) => {
                let path = shown_path(&self.path);
                tracing::warn!("{path}: this checkpoint of PageRank is not used: {why}");
                0
            }
        }
    }

    /// Keeps the state, and returns when to do so again. A failure, such as a full disk, costs the ranking nothing but this.
    fn save(&self, ranking: &Ranking) -> Instant {
        let started = Instant::now();
        if let Err(error) = ranking.save(&self.path) {
            tracing::warn!("PageRank goes on without a checkpoint: {error}");
        }
        Instant::now() + self.every.max(self.share * started.elapsed())
    }

    /// Removes the file, once the scores are where they belong.
    pub fn remove(&self) -> Result<()> {
        Ok(crawlrank_graph::remove_checkpoint(&self.path)?)
    }
}

/// How a ranking went: the content of `ranks.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Nodes ranked.
    pub nodes: u64,
    /// Edges followed.
    pub edges: u64,
    /// PageRank's α.
    pub damping: f64,
    /// The L1 change that was asked for.
    pub tolerance: f64,
    /// The most iterations that were allowed.
    pub max_iterations: u64,
    /// What becomes of the mass of dangling nodes.
    pub dangling: String,
    /// Whether edges count by their pages.
    pub weighted: bool,
    /// Whether a preference vector was given.
    pub personalized: bool,
    /// Whether jumps made the iterations fewer.
    #[serde(default)]
    pub accelerated: bool,
    /// Iterations done.
    pub iterations: u64,
    /// How many of them an earlier process had done, that was stopped.
    #[serde(default)]
    pub resumed_after: u64,
    /// L1 change of the last iteration.
    pub residual: f64,
    /// L1 change of each iteration, the first one first; empty in files of versions that did not keep it.
    #[serde(default)]
    pub residuals: Vec<f64>,
    /// Bound on the L1 distance to the true scores: residual · α / (1 − α).
    pub error_bound: f64,
    /// Whether the residual fell below the tolerance.
    pub converged: bool,
    /// HyperBall's registers a node, as a power of two; absent when harmonic centrality was not computed.
    pub harmonic_log2m: Option<u32>,
    /// Why harmonic centrality was not computed.
    pub harmonic_left_out: Option<String>,
    /// Absent when components were not computed.
    #[serde(default)]
    pub components: Option<ComponentsReport>,
    /// Why components, or the strong ones of them, were asked for and not computed.
    #[serde(default)]
    pub components_left_out: Option<String>,
    /// Wall time of all that, without the time of an earlier process.
    pub seconds: f64,
}

/// The components of a graph in numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ComponentsReport {
    /// Joined along edges taken in either direction.
    pub weak: ComponentSizes,
    /// Joined by paths along the edges, both ways; absent when the graph has no arrays to search.
    pub strong: Option<ComponentSizes>,
}

/// How many components there are, and how large.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ComponentSizes {
    /// Number of components.
    pub count: u64,
    /// Nodes of the largest.
    pub largest: u64,
    /// How many there are of each size, by size.
    pub sizes: Vec<ComponentSize>,
}

/// The components of one size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ComponentSize {
    /// Nodes of each.
    pub size: u64,
    /// Number of them.
    pub count: u64,
}

impl ComponentSizes {
    fn of(components: &Components) -> Result<Self> {
        let sizes = components.sizes()?;
        let distribution = sizes.distribution.into_iter();
        Ok(ComponentSizes {
            count: sizes.components,
            largest: sizes.largest,
            sizes: distribution
                .map(|(size, count)| ComponentSize { size, count })
                .collect(),
        })
    }
}

impl Report {
    /// Reads the reports of all levels that a run has ranked, by level.
    pub fn all(run: &RunDir, manifest: &Manifest) -> Result<BTreeMap<String, Self>> {
        let levels = manifest
            .outputs
            .keys()
            .filter_map(|name| name.strip_prefix("ranks/"));
        let report = |level: &str| Self::open(&run.output(&format!("ranks/{level}")));
        levels
            .map(|level| Ok((level.to_owned(), report(level)?)))
            .collect()
    }

    /// What the user should know of the scores of a level.
    pub fn note(&self, level: &str) -> Option<String> {
        let why = self.harmonic_left_out.as_ref()?;
        Some(format!("{level} level: harmonic centrality is null: {why}"))
    }

    /// Reads the report beside the scores in `folder`.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("ranks.json");
        let text = fs::read(&path).map_err(|e| Error::io(&path, &e))?;
        serde_json::from_slice(&text).map_err(|e| {
            Error::new(
                Exit::Damaged,
                "E-RANKS",
                format!("not the report of a ranking: {e}"),
            )
            .at(&path)
            .remedy("remove the folder and run again: it is made anew")
        })
    }
}

/// The scores of a graph, one value a node.
pub struct Scores {
    /// Sums to 1.
    pub pagerank: Vec<f64>,
    /// Absent when not computed, as are those that come with it when they were not asked for.
    pub harmonic: Option<Vec<f64>>,
    /// One over the sum of distances from the nodes that reach each node.
    pub closeness: Option<Vec<f64>>,
    /// The nodes that reach each node, itself among them.
    pub reachable: Option<Vec<f64>>,
    /// The weak and the strong component of each node; each is absent when not computed.
    pub components: [Option<Vec<u32>>; 2],
    /// How it went.
    pub report: Report,
}

/// Ranks the graphs that are not yet ranked.
pub fn rank(job: &Job) -> Result<()> {
    let run = job.commits.run();
    let harmonic = job.recipe.harmonic.then_some(HarmonicOptions {
        log2m: job.recipe.harmonic_log2m,
        ..HarmonicOptions::default()
    });
    for &level in &job.recipe.level {
        let name = RunDir::ranks(level);
        let checkpoint = Checkpoint::new(run.checkpoint(level));
        if job.commits.has(&name) {
            checkpoint.remove()?;
            continue;
        }
        let graph = AnyGraph::open(run.output(&RunDir::graph(level)))?;
        let options = Options {
            pagerank: pagerank_options(job.recipe, job.memory),
            harmonic: harmonic.clone(),
            reachable: false,
            components: false,
            memory: job.memory,
            checkpoint,
        };
        let scores = score(&graph, &options, job.interrupt, job.progress)?;
        let folder = run.tmp().join(format!("ranks-{}", level.as_str()));
        write(&folder, &scores)?;
        job.commits.publish(&folder, &name, Vec::new())?;
        options.checkpoint.remove()?;
    }
    Ok(())
}

/// The PageRank of a run.
pub fn pagerank_options(recipe: &Recipe, memory_bytes: u64) -> PageRankOptions {
    PageRankOptions {
        damping: recipe.damping,
        tolerance: recipe.tolerance,
        max_iterations: recipe.max_iterations as usize,
        memory_bytes,
        ..PageRankOptions::default()
    }
}

/// Refuses a budget that the vectors of PageRank exceed; positions come when they are gone, and take less.
pub fn check_memory(graph: &AnyGraph, options: &PageRankOptions, budget: u64) -> Result<()> {
    let (nodes, sources) = (graph.num_nodes(), graph.num_sources());
    let needed = crawlrank_graph::pagerank_memory_bytes(nodes, sources, options);
    if needed <= budget {
        return Ok(());
    }
    let found = format!(
        "PageRank of {nodes} nodes needs {} MiB, the budget is {} MiB",
        needed >> 20,
        budget >> 20
    );
    Err(Error::new(Exit::Memory, "E-MEMORY", found)
        .remedy(format!("give --memory {}M or more", (needed >> 20) + 1)))
}

/// Computes the scores of a graph.
///
/// # Errors
/// Exit 71 when the vectors of PageRank exceed the budget, found before anything starts.
pub fn score(
    graph: &AnyGraph,
    options: &Options,
    interrupt: &Interrupt,
    show: Show,
) -> Result<Scores> {
    let started = Instant::now();
    let nodes = graph.num_nodes();
    check_memory(graph, &options.pagerank, options.memory)?;
    let only_stream = graph.arrays().err().map(|_| {
        let graph = shown_path(graph.dir());
        format!("the graph carries only its ranking stream; `crawlrank graph convert {graph} --form arrays --out NEW` makes the arrays that this needs")
    });
    let (pagerank, resumed_after) = pagerank(graph, options, interrupt, show)?;
    let harmonic_needs = options.harmonic.as_ref();
    let harmonic_needs = harmonic_needs
        .map(|harmonic| harmonic_memory_bytes(graph, harmonic))
        .transpose()?;
    let harmonic_left_out = harmonic_needs.and_then(|needed| {
        let needed = needed.saturating_add(8 * nodes);
        (needed > options.memory).then(|| format!(
            "its registers need {} MiB, the budget is {} MiB; `crawlrank rank` with more --memory or a lower --harmonic-log2m computes it",
            needed >> 20,
            options.memory >> 20
        ))
    });
    let harmonic = options.harmonic.as_ref();
    let harmonic = harmonic.filter(|_| harmonic_left_out.is_none());
    let found = harmonic
        .map(|harmonic| harmonic_scores(graph, harmonic, interrupt, show))
        .transpose()?;
    let [harmonic, closeness, reachable] = match found {
        None => [None, None, None],
        Some(found) => [
            Some(found.scores),
            Some(found.closeness).filter(|closeness| !closeness.is_empty()),
            Some(found.reachable).filter(|_| options.reachable),
        ],
    };
    let vectors = [&harmonic, &closeness, &reachable].into_iter().flatten();
    let scores_bytes = 8 * nodes * (1 + vectors.count() as u64);
    let needed = components_memory_bytes(graph) + scores_bytes;
    let too_much = (needed > options.memory).then(|| {
        format!(
            "they need {} MiB, the budget is {} MiB; more --memory computes them",
            needed >> 20,
            options.memory >> 20
        )
    });
    let components = (options.components && too_much.is_none())
        .then(|| components(graph, interrupt, show))
        .transpose()?;
    let (components, components_report) = components.unzip();
    // Without arrays only the strong ones are.
    let components_left_out = too_much.or(only_stream).filter(|_| options.components);
    let asked = &options.pagerank;
    let report = Report {
        nodes,
        edges: graph.num_edges(),
        damping: asked.damping,
        tolerance: asked.tolerance,
        max_iterations: asked.max_iterations as u64,
        dangling: format!("{:?}", asked.dangling).to_ascii_lowercase(),
        weighted: asked.weighted,
        personalized: asked.personalize.is_some(),
        accelerated: asked.accelerate,
        iterations: pagerank.iterations as u64,
        resumed_after: resumed_after as u64,
        residual: pagerank.residual,
        residuals: pagerank.residuals,
        error_bound: pagerank.error_bound,
        converged: pagerank.converged,
        harmonic_log2m: options
            .harmonic
            .as_ref()
            .filter(|_| harmonic.is_some())
            .map(|harmonic| harmonic.log2m),
        harmonic_left_out,
        components: components_report,
        components_left_out,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok(Scores {
        pagerank: pagerank.scores,
        harmonic,
        closeness,
        reachable,
        components: components.unwrap_or_default(),
        report,
    })
}

/// Computes PageRank; returns with it how many iterations an earlier process had done.
fn pagerank(
    graph: &AnyGraph,
    options: &Options,
    interrupt: &Interrupt,
    show: Show,
) -> Result<(PageRank, usize)> {
    let checkpoint = &options.checkpoint;
    let most = options.pagerank.max_iterations as u64;
    let mut ranking = match graph {
        AnyGraph::Arrays(graph) => Ranking::new(graph, &options.pagerank)?,
        AnyGraph::Stream(graph) => Ranking::of_stream(graph.stream(), &options.pagerank)?,
    };
    let resumed_after = checkpoint.restore(&mut ranking);
    let progress = Progress::start_at(show, "pagerank", "iterations", resumed_after as u64, most);
    let mut due = Instant::now() + checkpoint.every;
    while let Some(iteration) = ranking.iterate()? {
        let residual = format!("residual {:.1e}", iteration.residual);
        let done = iteration.iteration as u64;
        match iteration.remaining {
            None => progress.set(done, residual),
            Some(left) => {
                progress.expect(done + left as u64);
                progress.set(
                    done,
                    format!("{residual}; by its rate {left} iterations left"),
                );
            }
        }
        if interrupt.is_requested() || Instant::now() >= due {
            due = checkpoint.save(&ranking);
        }
        interrupt.check()?;
    }
    Ok((ranking.finish(), resumed_after))
}

/// What harmonic centrality takes; a stream is read for it once.
fn harmonic_memory_bytes(graph: &AnyGraph, options: &HarmonicOptions) -> Result<u64> {
    let nodes = graph.num_nodes();
    // To read a stream by its nodes takes out-degrees, and the nodes of its sources.
    let (inner, to_read) = match graph {
        AnyGraph::Arrays(graph) => (graph.num_inner_nodes(), 0),
        AnyGraph::Stream(graph) => {
            let inner = graph.stream().num_inner_nodes()?;
            (inner, 4 * (nodes + graph.stream().num_sources()))
        }
    };
    let threads = rayon::current_num_threads();
    let needed = crawlrank_graph::harmonic_memory_bytes(nodes, inner, threads, options);
    Ok(needed.saturating_add(to_read))
}

fn harmonic_scores(
    graph: &AnyGraph,
    options: &HarmonicOptions,
    interrupt: &Interrupt,
    show: Show,
) -> Result<Harmonic> {
    let progress = Progress::start(show, "harmonic", "steps", 0);
    let mut steps = 0;
    let mut step = |_| {
        steps += 1;
        progress.set(steps, String::new());
        interrupt.flow()
    };
    interrupt.or_stopped(match graph {
        AnyGraph::Arrays(graph) => crawlrank_graph::harmonic(graph, options, &mut step),
        AnyGraph::Stream(graph) => {
            crawlrank_graph::harmonic_of_stream(graph.stream(), options, &mut step)
        }
    })
}

/// What components take. Of arrays the strong ones are looked for while the weak ones, four bytes a node, are kept; of a
/// stream, the nodes of its sources are held to read it.
fn components_memory_bytes(graph: &AnyGraph) -> u64 {
    let nodes = graph.num_nodes();
    let weak = crawlrank_graph::weak_components_memory_bytes(nodes);
    match graph {
        AnyGraph::Arrays(_) => {
            weak.max(4 * nodes + crawlrank_graph::strong_components_memory_bytes(nodes))
        }
        AnyGraph::Stream(graph) => weak + 4 * graph.stream().num_sources(),
    }
}

/// Finds the weak component of each node, and where there are arrays the strong one.
fn components(
    graph: &AnyGraph,
    interrupt: &Interrupt,
    show: Show,
) -> Result<([Option<Vec<u32>>; 2], ComponentsReport)> {
    let find = |stage, find: &dyn Fn(OnStep) -> GraphResult<Components>| {
        let progress = Progress::start(show, stage, "nodes", graph.num_nodes());
        let found = find(&mut |step| {
            progress.set(step.nodes, String::new());
            interrupt.flow()
        });
        let components = interrupt.or_stopped(found)?;
        Ok::<_, Error>((ComponentSizes::of(&components)?, components.into_ids()))
    };
    let (weak, weak_ids) = find("weak components", &|step| match graph {
        AnyGraph::Arrays(graph) => crawlrank_graph::weak_components(graph, step),
        AnyGraph::Stream(graph) => crawlrank_graph::weak_components_of_stream(graph.stream(), step),
    })?;
    let strong = match graph {
        AnyGraph::Arrays(graph) => Some(find("strong components", &|step| {
            crawlrank_graph::strong_components(graph, step)
        })?),
        AnyGraph::Stream(_) => None,
    };
    let (strong, strong_ids) = strong.unzip();
    Ok((
        [Some(weak_ids), strong_ids],
        ComponentsReport { weak, strong },
    ))
}

type OnStep<'a> = &'a mut dyn FnMut(crawlrank_graph::ComponentsStep) -> ControlFlow<()>;

type GraphResult<T> = std::result::Result<T, crawlrank_graph::Error>;

/// Writes scores, positions, components and the report into a new folder.
pub fn write(folder: &Path, scores: &Scores) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
    let pairs = [
        ("pagerank", Some(&scores.pagerank)),
        ("harmonic", scores.harmonic.as_ref()),
    ];
    for (name, values) in pairs {
        let Some(values) = values else { continue };
        Column::write(&folder.join(format!("{name}.npy")), values)?;
        let positions: Vec<i64> = crawlrank_graph::positions(values)
            .into_iter()
            .map(|position| position as i64)
            .collect();
        Column::write(&folder.join(format!("{name}_pos.npy")), &positions)?;
    }
    let on_request = [
        ("closeness", &scores.closeness),
        ("reachable", &scores.reachable),
    ];
    for (name, values) in on_request {
        if let Some(values) = values {
            Column::write(&folder.join(format!("{name}.npy")), values)?;
        }
    }
    let names = ["weak_component", "strong_component"];
    for (name, ids) in names.iter().zip(&scores.components) {
        if let Some(ids) = ids {
            Column::write(&folder.join(format!("{name}.npy")), ids)?;
        }
    }
    let path = folder.join("ranks.json");
    let json = serde_json::to_vec_pretty(&scores.report).expect("a report is plain data");
    fs::write(&path, json).map_err(|e| Error::cannot_create(&path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crawlrank_graph::{IdGraphBuilder, IdGraphOptions};

    #[test]
    fn components_that_the_budget_does_not_hold_are_left_out_and_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut edges = IdGraphBuilder::new(folder.path(), IdGraphOptions::default()).unwrap();
        edges.push(0, 1).unwrap();
        let graph = edges
            .finish(Some(1000), &folder.path().join("graph"), &mut |_| {
                ControlFlow::Continue(())
            })
            .unwrap()
            .into_any()
            .graph;
        // Scores take 8 bytes a node, PageRank with its positions 24; the components 4 and 20.
        for (memory, fits) in [(24_000, false), (31_999, false), (32_000, true)] {
            let options = Options {
                pagerank: PageRankOptions::default(),
                harmonic: None,
                reachable: false,
                components: true,
                memory,
                checkpoint: Checkpoint::new(folder.path().join("ranks.checkpoint")),
            };
            let scores = score(&graph, &options, &Interrupt::default(), Show::Nothing).unwrap();
            let found = scores.components.iter().map(Option::is_some);
            assert!(found.eq([fits, fits]), "{memory}");
            assert_eq!(scores.report.components.is_some(), fits, "{memory}");
            assert_eq!(scores.report.components_left_out.is_none(), fits);
        }
    }
}
