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
//! *Order of sums*: incoming neighbors ascending within a node, nodes ascending within blocks of
//! 65,536, blocks ascending. It is a function of the graph alone, so any number of threads gives
//! the same bits.
//!
//! *Memory*: 16 bytes per node; edges (4 bytes each, weighted 12) are read from the mapped files.

use crate::Error;
use crate::graph::Graph;
use rayon::prelude::*;
use std::ops::ControlFlow;

/// Nodes whose sums are taken by one task; part of the result's definition.
const BLOCK_NODES: usize = 65_536;

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
        }
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
    /// Bound of the L1 difference to the exact scores: `residual * damping / (1 - damping)`.
    pub error_bound: f64,
    /// Whether the residual came below the tolerance.
    pub converged: bool,
}

/// Returns the bytes of memory that [`pagerank`] takes for a graph of that many nodes.
pub fn pagerank_memory_bytes(num_nodes: u64) -> u64 {
    num_nodes.saturating_mul(16)
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
    check_options(graph, options)?;
    let n = graph.num_nodes() as usize;
    let alpha = options.damping;
    let preference = Preference::new(options, n);
    let mut scores = filled(n, 1.0 / n as f64)?;
    let mut contributions = filled(n, 0.0)?;
    let mut result = PageRank {
        scores: Vec::new(),
        iterations: 0,
        residual: 0.0,
        error_bound: 0.0,
        converged: n == 0,
    };
    while !result.converged && result.iterations < options.max_iterations {
        let dangling = contribute(graph, options.weighted, &scores, &mut contributions)?;
        let base = |node: usize| {
            let share = match options.dangling {
                Dangling::Uniform => dangling / n as f64,
                Dangling::Preference => dangling * preference.of(node),
                Dangling::None => 0.0,
            };
            alpha * share + (1.0 - alpha) * preference.of(node)
        };
        result.iterations += 1;
        result.residual = pull(graph, options, &contributions, &mut scores, base)?;
        result.converged = result.residual < options.tolerance;
        let iteration = Iteration {
            iteration: result.iterations,
            residual: result.residual,
        };
        if progress(iteration).is_break() {
            return Err(Error::Interrupted);
        }
    }
    if options.dangling != Dangling::None {
        normalize(&mut scores);
    }
    result.error_bound = result.residual * alpha / (1.0 - alpha);
    result.scores = scores;
    Ok(result)
}

/// Writes what each node gives to each unit of its outgoing edges; returns the score that has none.
fn contribute(
    graph: &Graph,
    weighted: bool,
    scores: &[f64],
    contributions: &mut [f64],
) -> Result<f64, Error> {
    let outgoing = graph.outgoing();
    let block_sums = contributions
        .par_chunks_mut(BLOCK_NODES)
        .zip(scores.par_chunks(BLOCK_NODES))
        .enumerate()
        .map(|(block, (contributions, scores))| {
            let mut dangling = 0.0;
            for (at, (contribution, &score)) in contributions.iter_mut().zip(scores).enumerate() {
                let list = outgoing.list((block * BLOCK_NODES + at) as u32)?;
                let weight = match list.pages.filter(|_| weighted) {
                    Some(pages) => pages.iter().map(|&pages| f64::from(pages)).sum(),
                    None => list.targets.len() as f64,
                };
                if weight > 0.0 {
                    *contribution = score / weight;
                } else {
                    *contribution = 0.0;
                    dangling += score;
                }
            }
            Ok(dangling)
        })
        .collect::<Result<Vec<f64>, Error>>()?;
    Ok(block_sums.iter().sum())
}

/// Makes each score of its incoming contributions and `base`; returns the L1 change.
fn pull(
    graph: &Graph,
    options: &PageRankOptions,
    contributions: &[f64],
    scores: &mut [f64],
    base: impl Fn(usize) -> f64 + Sync,
) -> Result<f64, Error> {
    let incoming = graph.incoming();
    let block_sums = scores
        .par_chunks_mut(BLOCK_NODES)
        .enumerate()
        .map(|(block, scores)| {
            let mut change = 0.0;
            for (at, score) in scores.iter_mut().enumerate() {
                let node = block * BLOCK_NODES + at;
                let list = incoming.list(node as u32)?;
                let bad = |source| incoming.bad_neighbor(node as u32, source);
                let mut sum = 0.0;
                match list.pages.filter(|_| options.weighted) {
                    Some(pages) => {
                        for (&source, &pages) in list.targets.iter().zip(pages) {
                            sum += contributions
                                .get(source as usize)
                                .ok_or_else(|| bad(source))?
                                * f64::from(pages);
                        }
                    }
                    None => {
                        for &source in list.targets {
                            sum += contributions
                                .get(source as usize)
                                .ok_or_else(|| bad(source))?;
                        }
                    }
                }
                let new = options.damping * sum + base(node);
                change += (new - *score).abs();
                *score = new;
            }
            Ok(change)
        })
        .collect::<Result<Vec<f64>, Error>>()?;
    Ok(block_sums.iter().sum())
}

/// Divides by the sum, which rounding has moved from 1 by some 1e-16 per iteration.
fn normalize(scores: &mut [f64]) {
    let sum = block_sum(scores);
    if sum > 0.0 {
        scores.par_iter_mut().for_each(|score| *score /= sum);
    }
}

/// Sums values in the order that every sum over nodes here has.
fn block_sum(values: &[f64]) -> f64 {
    let blocks: Vec<f64> = values
        .par_chunks(BLOCK_NODES)
        .map(|block| block.iter().sum())
        .collect();
    blocks.iter().sum()
}

/// The distribution of jumps.
enum Preference<'a> {
    Uniform(f64),
    Given { weights: &'a [f64], sum: f64 },
}

impl<'a> Preference<'a> {
    fn new(options: &'a PageRankOptions, n: usize) -> Self {
        match &options.personalize {
            None => Preference::Uniform(1.0 / n as f64),
            Some(weights) => Preference::Given {
                weights,
                sum: block_sum(weights),
            },
        }
    }

    fn of(&self, node: usize) -> f64 {
        match self {
            Preference::Uniform(share) => *share,
            Preference::Given { weights, sum } => weights[node] / sum,
        }
    }
}

fn check_options(graph: &Graph, options: &PageRankOptions) -> Result<(), Error> {
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
    if options.weighted && !graph.has_edge_pages() {
        return Err(Error::Incompatible {
            path: graph.dir().to_path_buf(),
            expected: "edges with pages, which a weighted ranking follows".to_owned(),
            found: "edges without".to_owned(),
        });
    }
    let Some(weights) = &options.personalize else {
        return Ok(());
    };
    if weights.len() as u64 != graph.num_nodes() {
        let expected = format!("a weight for each of {} nodes", graph.num_nodes());
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
