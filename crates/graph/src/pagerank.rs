//! PageRank by power iteration in `f64`.
//!
//! `p = alpha (P' p + d w) + (1 - alpha) v`, with `alpha` the damping, `P'` the transpose of the
//! row-normalised adjacency (weighted: of pages), `v` the preference (uniform, 1/n, unless given),
//! `d` the score on dangling nodes and `w` where it goes ([`Dangling`]). Starts from 1/n; stops when
//! the L1 change of one iteration is below the tolerance. The error is then at most
//! `residual * alpha / (1 - alpha)` in L1.
//!
//! *Special nodes*: a dangling node hands its score to `w`; an isolated node is dangling and gets
//! only its share of `v` and `w`; a self-loop, where kept, is an edge like another. With
//! [`Dangling::None`] the score of dangling nodes is lost and the sum stays below 1.
//!
//! The iteration itself is a [`Kernel`]'s; here is what all kernels share: options, start, stop rule
//! and normalization.
//!
//! *Order of sums*: a function of the graph and of the kernel alone, so any number of threads gives
//! the same bits.

use crate::Error;
use crate::extrapolation::Extrapolation;
use crate::graph::Graph;
use crate::memory::Memory;
use crate::pull::Pull;
use crate::stream::{self, RankingStream};
use rayon::prelude::*;
use std::ops::ControlFlow;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Nodes whose sums are taken by one task; part of the result's definition.
pub(crate) const BLOCK_NODES: usize = 65_536;

/// Where the score on nodes without outgoing edges goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dangling {
    /// To all nodes alike.
    #[default]
    Uniform,
    /// To nodes as the preference says.
    Preference,
    /// Nowhere.
    None,
}

/// What is computed, and how far.
#[derive(Debug, Clone)]
pub struct PageRankOptions {
    /// Share of score that follows edges, in `[0, 1)`. Default: 0.85.
    pub damping: f64,
    /// Iteration stops when the L1 change is below this. Default: 1e-9.
    pub tolerance: f64,
    /// It stops after so many in any case. Default: 200.
    pub max_iterations: usize,
    /// Default: uniform.
    pub dangling: Dangling,
    /// Preference: a weight per node, not negative, not all zero; any scale. Default: uniform.
    pub personalize: Option<Vec<f64>>,
    /// Whether score follows edges in proportion to their pages. Default: no.
    pub weighted: bool,
    /// Whether to jump ahead along the last steps (reduced rank extrapolation, a form of Anderson mixing):
    /// mostly a third to half of the iterations less, for more memory. The answer is the same within the
    /// error bound, not in its bits. Default: no.
    pub accelerate: bool,
    /// Memory to use: with less than scores and edges need, edges are read from the graph's ranking stream in
    /// each iteration. The bits are the same. Default: no limit.
    pub memory_bytes: u64,
}

impl Default for PageRankOptions {
    fn default() -> Self {
        PageRankOptions {
            damping: 0.85,
            tolerance: 1e-9,
            max_iterations: 200,
            dangling: Dangling::Uniform,
            personalize: None,
            weighted: false,
            accelerate: false,
            memory_bytes: u64::MAX,
        }
    }
}

impl PageRankOptions {
    /// Whether all score is handed on, so that the sum stays 1.
    pub(crate) fn keeps_sum(&self) -> bool {
        self.dangling != Dangling::None
    }
}

/// What the progress callback sees after each iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Iteration {
    /// Number of this iteration, from 1.
    pub iteration: usize,
    /// L1 change of this iteration.
    pub residual: f64,
    /// Iterations left, estimated: as if the residual went on falling at the rate of the last eight. Unknown
    /// before those, and where it did not fall.
    pub remaining: Option<usize>,
}

/// PageRank of all nodes.
#[derive(Debug, Clone)]
pub struct PageRank {
    /// One per node, sum 1 (below 1 with [`Dangling::None`]).
    pub scores: Vec<f64>,
    /// Iterations done.
    pub iterations: usize,
    /// L1 change of the last iteration.
    pub residual: f64,
    /// L1 change of each iteration, the first one first.
    pub residuals: Vec<f64>,
    /// Bound of the L1 difference to the exact scores: `residual * damping / (1 - damping)`.
    pub error_bound: f64,
    /// Whether the residual came below the tolerance.
    pub converged: bool,
}

impl PageRank {
    /// Takes the scores after the last iteration, which are made to sum to 1, and the L1 change of each.
    pub(crate) fn of(mut scores: Vec<f64>, residuals: Vec<f64>, options: &PageRankOptions) -> Self {
        let converged = has_converged(scores.len(), &residuals, options);
        if options.keeps_sum() {
            normalize(&mut scores);
        }
        let residual = residuals.last().copied().unwrap_or(0.0);
        PageRank {
            converged,
            iterations: residuals.len(),
            residual,
            error_bound: residual * options.damping / (1.0 - options.damping),
            residuals,
            scores,
        }
    }
}

/// Whether there is nothing left to iterate.
fn has_converged(num_nodes: usize, residuals: &[f64], options: &PageRankOptions) -> bool {
    let reached = |&residual: &f64| residual < options.tolerance;
    num_nodes == 0 || residuals.last().is_some_and(reached)
}

/// Returns the bytes of memory that [`pagerank`] needs at least for a graph of that many nodes, of which so many
/// have outgoing edges, besides some 30 MB per thread; with more it keeps edges in memory.
pub fn pagerank_memory_bytes(num_nodes: u64, num_sources: u64, options: &PageRankOptions) -> u64 {
    let vectors = match options.weighted {
        true => num_nodes.saturating_mul(16),
        false => stream::least_memory_bytes(num_nodes, num_sources),
    };
    match options.accelerate {
        true => vectors.saturating_add(Extrapolation::memory_bytes(num_nodes)),
        false => vectors,
    }
}

/// Computes PageRank; `progress` is called after each iteration and may stop it.
///
/// # Errors
/// [`Error::Option`] for options out of range, [`Error::Incompatible`] for a weighted ranking
/// without pages, [`Error::Memory`], [`Error::Interrupted`], and [`Error::Corrupt`] when the graph
/// is damaged.
pub fn pagerank(
    graph: &Graph,
    options: &PageRankOptions,
    progress: &mut dyn FnMut(Iteration) -> ControlFlow<()>,
) -> Result<PageRank, Error> {
    let mut ranking = Ranking::new(graph, options)?;
    while let Some(iteration) = ranking.iterate()? {
        if progress(iteration).is_break() {
            return Err(Error::Interrupted);
        }
    }
    Ok(ranking.finish())
}

/// A PageRank that is being computed: [`pagerank`] in single iterations, and in several goes.
pub struct Ranking<'a> {
    /// A hash of the graph, to which checkpoints are bound.
    pub(crate) graph: u64,
    pub(crate) options: &'a PageRankOptions,
    jump: Jump<'a>,
    kernel: Box<dyn Kernel + 'a>,
    /// Whether the kernel knows the scores.
    loaded: bool,
    pub(crate) scores: Memory<f64>,
    pub(crate) residuals: Vec<f64>,
    pub(crate) extrapolation: Option<Extrapolation>,
}

impl<'a> Ranking<'a> {
    /// Starts from 1/n.
    ///
    /// # Errors
    /// Those of [`pagerank`].
    pub fn new(graph: &'a Graph, options: &'a PageRankOptions) -> Result<Self, Error> {
        if options.weighted && !graph.has_edge_pages() {
            return Err(no_pages(graph.dir(), "edges without"));
        }
        let n = graph.num_nodes() as usize;
        check_options(n, options)?;
        let hash = xxh3_64(&graph.nodes().manifest().to_bytes());
        Self::with_kernel(n, hash, options, kernel(graph, options)?)
    }

    /// As [`new`](Self::new), for a graph of which there is only the stream.
    ///
    /// # Errors
    /// Those of [`pagerank`]; [`Error::Incompatible`] for a weighted ranking, since streams hold no pages.
    pub fn of_stream(stream: &RankingStream, options: &'a PageRankOptions) -> Result<Self, Error> {
        if options.weighted {
            let found = "a stream, which has none; make the graph with arrays";
            return Err(no_pages(stream.path(), found));
        }
        let n = stream.num_nodes() as usize;
        check_options(n, options)?;
        let kernel = stream.kernel(options.memory_bytes)?;
        Self::with_kernel(n, stream.hash(), options, kernel)
    }

    /// Of `n` nodes, with checked options; `graph` is a hash of it.
    pub(crate) fn with_kernel(
        n: usize,
        graph: u64,
        options: &'a PageRankOptions,
        kernel: Box<dyn Kernel + 'a>,
    ) -> Result<Self, Error> {
        let scores = Memory::zeros(n, "a ranking")?;
        let extrapolation = options
            .accelerate
            .then(|| Extrapolation::new(options, n))
            .transpose()?;
        let mut ranking = Ranking {
            graph,
            options,
            jump: Jump::new(options, n),
            kernel,
            loaded: false,
            scores,
            residuals: Vec::new(),
            extrapolation,
        };
        ranking.start();
        Ok(ranking)
    }

    /// Makes it one of no iteration.
    pub(crate) fn start(&mut self) {
        let share = 1.0 / self.scores.len() as f64;
        self.scores.fill(share);
        self.residuals.clear();
        self.loaded = false;
        if let Some(extrapolation) = &mut self.extrapolation {
            extrapolation.restore(&self.scores, f64::INFINITY);
        }
    }

    /// Goes on from what others have iterated, on [blocks](crate::RankingBlock) for instance: their scores, which were not made
    /// to sum to 1, and the L1 change of each iteration.
    ///
    /// # Errors
    /// [`Error::Option`] when there is not one score for each node, or more iterations than are allowed.
    pub fn take_up(&mut self, scores: &[f64], residuals: Vec<f64>) -> Result<(), Error> {
        let (n, most) = (self.scores.len(), self.options.max_iterations);
        if scores.len() != n || residuals.len() > most {
            return Err(Error::Option {
                option: "scores",
                expected: format!("those of {n} nodes after at most {most} iterations"),
                found: format!("{} after {}", scores.len(), residuals.len()),
            });
        }
        self.start();
        self.scores.copy_from_slice(scores);
        self.residuals = residuals;
        Ok(())
    }

    /// Does one iteration; returns `None` when there is none to do, since it has converged or the iterations
    /// are used up.
    ///
    /// # Errors
    /// Those of [`pagerank`]; the ranking is then of no further use.
    pub fn iterate(&mut self) -> Result<Option<Iteration>, Error> {
        if self.converged() || self.residuals.len() >= self.options.max_iterations {
            return Ok(None);
        }
        if let (Some(extrapolation), Some(&residual)) =
            (&mut self.extrapolation, self.residuals.last())
        {
            if extrapolation.jump(&mut self.scores, residual) {
                self.loaded = false;
            }
        }
        if !self.loaded {
            self.kernel.load(&self.scores)?;
            self.loaded = true;
        }
        let residual = self.kernel.iterate(&mut self.scores, &self.jump)?;
        self.residuals.push(residual);
        if let Some(extrapolation) = &mut self.extrapolation {
            extrapolation.record(&self.scores);
        }
        Ok(Some(Iteration {
            iteration: self.residuals.len(),
            residual,
            remaining: self.remaining(),
        }))
    }

    /// Returns what was reached, converged or not.
    pub fn finish(self) -> PageRank {
        // What others hold makes room for the copy.
        drop((self.kernel, self.extrapolation));
        PageRank::of(self.scores.to_vec(), self.residuals, self.options)
    }

    fn converged(&self) -> bool {
        has_converged(self.scores.len(), &self.residuals, self.options)
    }

    /// How many iterations are left if the residual goes on falling as it did over the last [`RATE_OVER`].
    fn remaining(&self) -> Option<usize> {
        let &last = self.residuals.last()?;
        let before = self.residuals.len().checked_sub(RATE_OVER + 1)?;
        let rate = (last / self.residuals[before]).ln() / RATE_OVER as f64;
        let to_go = (self.options.tolerance / last).ln() / rate;
        let most = self.options.max_iterations - self.residuals.len();
        // A tolerance of 0, which is never reached, is infinitely far.
        (rate < 0.0).then(|| (to_go.ceil().max(0.0) as usize).min(most))
    }
}

/// Iterations over which the residual's rate is taken: with acceleration they end with a jump or its like.
const RATE_OVER: usize = 8;

/// One iteration of PageRank over some form of the edges.
///
/// A kernel holds what flows along edges, and the score on dangling nodes. It sums within fixed blocks
/// of nodes, ascending, and then the blocks, ascending.
pub(crate) trait Kernel {
    /// Takes scores that did not come from [`iterate`](Self::iterate). The next iteration makes the same bits of
    /// them as if they had.
    fn load(&mut self, scores: &[f64]) -> Result<(), Error>;

    /// Makes of the scores that were loaded, or left by the last iteration, `alpha (P' p + d w) +
    /// (1 - alpha) v`; returns the L1 change.
    fn iterate(&mut self, scores: &mut [f64], jump: &Jump<'_>) -> Result<f64, Error>;
}

/// Chooses the kernel: a function of graph and options.
fn kernel<'a>(graph: &'a Graph, options: &PageRankOptions) -> Result<Box<dyn Kernel + 'a>, Error> {
    if options.weighted {
        return Ok(Box::new(Pull::new(graph, true)?));
    }
    match graph.ranking_stream() {
        Some(path) => RankingStream::of(graph, &path)?.kernel(options.memory_bytes),
        None => Ok(Box::new(stream::kernel_of(graph)?)),
    }
}

/// Divides by the sum, which rounding has moved from 1 by some 1e-16 per iteration.
pub(crate) fn normalize(scores: &mut [f64]) {
    let sum = block_sum(scores);
    if sum > 0.0 {
        scores.par_iter_mut().for_each(|score| *score /= sum);
    }
}

/// Nodes whose values are summed one after the other.
const RUN_NODES: usize = 256;

/// Sums values in a fixed order: runs of 256 within blocks.
pub(crate) fn block_sum(values: &[f64]) -> f64 {
    let blocks: Vec<f64> = values
        .par_chunks(BLOCK_NODES)
        // In runs: adding one small value after the other to a large sum rounds the same way each time.
        .map(|block| {
            block
                .chunks(RUN_NODES)
                .map(|run| run.iter().sum::<f64>())
                .sum()
        })
        .collect();
    blocks.iter().sum()
}

/// Where score goes that follows no edge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jump<'a> {
    /// Alpha.
    pub(crate) damping: f64,
    dangling: Dangling,
    n: usize,
    preference: Preference<'a>,
}

/// The distribution of jumps.
#[derive(Debug, Clone, Copy)]
enum Preference<'a> {
    Uniform(f64),
    Given { weights: &'a [f64], sum: f64 },
}

impl<'a> Jump<'a> {
    pub(crate) fn new(options: &'a PageRankOptions, n: usize) -> Self {
        Jump {
            damping: options.damping,
            dangling: options.dangling,
            n,
            preference: match &options.personalize {
                None => Preference::Uniform(1.0 / n as f64),
                Some(weights) => Preference::Given {
                    weights,
                    sum: block_sum(weights),
                },
            },
        }
    }

    /// What comes to nodes without an edge, `dangling` being the score on dangling nodes.
    pub(crate) fn base(&self, dangling: f64) -> Base<'a> {
        match self.preference {
            Preference::Uniform(share) => Base::Same(self.land(share, dangling)),
            Preference::Given { weights, sum } => Base::Given {
                jump: *self,
                dangling,
                weights,
                sum,
            },
        }
    }

    /// What comes to a node that has this share of the preference.
    fn land(&self, share: f64, dangling: f64) -> f64 {
        let dangling = match self.dangling {
            Dangling::Uniform => dangling / self.n as f64,
            Dangling::Preference => dangling * share,
            Dangling::None => 0.0,
        };
        self.damping * dangling + (1.0 - self.damping) * share
    }
}

/// The part of new scores that follows no edge.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Base<'a> {
    /// All nodes have the same.
    Same(f64),
    /// As the preference says.
    Given {
        jump: Jump<'a>,
        dangling: f64,
        weights: &'a [f64],
        sum: f64,
    },
}

impl Base<'_> {
    #[inline]
    pub(crate) fn of(&self, node: usize) -> f64 {
        match self {
            Base::Same(value) => *value,
            Base::Given {
                jump,
                dangling,
                weights,
                sum,
            } => jump.land(weights[node] / sum, *dangling),
        }
    }
}

fn no_pages(path: &Path, found: &str) -> Error {
    Error::Incompatible {
        path: path.to_path_buf(),
        expected: "edges with pages, which a weighted ranking follows".to_owned(),
        found: found.to_owned(),
    }
}

/// Checks what needs no graph but its number of nodes.
pub(crate) fn check_options(n: usize, options: &PageRankOptions) -> Result<(), Error> {
    let error = |option, expected: &str, found: String| {
        Err(Error::Option {
            option,
            expected: expected.to_owned(),
            found,
        })
    };
    if !(0.0..1.0).contains(&options.damping) {
        return error(
            "damping",
            "a number from 0 to below 1",
            options.damping.to_string(),
        );
    }
    if options.tolerance.is_nan() || options.tolerance < 0.0 {
        return error(
            "tolerance",
            "a number that is not negative",
            options.tolerance.to_string(),
        );
    }
    let Some(weights) = &options.personalize else {
        return Ok(());
    };
    if weights.len() != n {
        let expected = format!("a weight for each of {n} nodes");
        return error(
            "personalize",
            &expected,
            format!("{} weights", weights.len()),
        );
    }
    if let Some(node) = weights
        .iter()
        .position(|weight| !weight.is_finite() || *weight < 0.0)
    {
        return error(
            "personalize",
            "weights that are not negative",
            format!("{} for node {node}", weights[node]),
        );
    }
    let sum = block_sum(weights);
    let is_scale = sum > 0.0 && sum.is_finite();
    if !weights.is_empty() && !is_scale {
        return error(
            "personalize",
            "weights with a positive, finite sum",
            sum.to_string(),
        );
    }
    Ok(())
}

/// A vector of one value, or an error where the memory cannot be had.
pub(crate) fn filled<T: Copy>(len: usize, value: T) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    let needed = len as u64 * size_of::<T>() as u64;
    values.try_reserve_exact(len).map_err(|_| Error::Memory {
        what: "a ranking",
        needed,
    })?;
    values.resize(len, value);
    Ok(values)
}
