//! Harmonic centrality: for each node `v` the sum of `1 / d(u, v)` over the nodes `u` from which
//! `v` can be reached, `d` the number of edges of a shortest path.
//!
//! [`harmonic`] estimates it by HyperBall (Boldi and Vigna, 2013): each node has a HyperLogLog
//! counter of its ball, the nodes that reach it in at most `t` steps; the ball for `t + 1` is the
//! union of the in-neighbors' balls for `t`, and `(|ball_t| - |ball_{t-1}|) / t` adds up to the
//! centrality. Stops when no counter changes. Nodes hash by a fixed function of their id, so the
//! result is a function of the graph and of the register count.
//!
//! *Error*: a counter of `2^log2m` registers has a relative standard deviation of about
//! `1.04 / sqrt(2^log2m)`: 3.25 % at 10, the default. Counters of neighboring nodes err alike, since
//! they share most of their balls, so order is kept better than that.
//!
//! *Sizes* of balls are estimated by the corrected raw estimator of Ertl ("New cardinality
//! estimation algorithms for HyperLogLog sketches", 2017, algorithm 6): it equals linear counting
//! where balls are small, needs no tables or thresholds, and never falls when a ball grows.
//!
//! *Special nodes*: nothing reaches a node without incoming edges; its centrality is 0.
//! *Memory*: per node `2 * 2^log2m + 18` bytes, none per edge.

use crate::Error;
use crate::graph::Graph;
use crate::mix64;
use crate::pagerank::filled;
use rayon::prelude::*;
use std::ops::ControlFlow;

/// Nodes handled by one task. Nothing is summed across nodes, so this does not shape the result.
const NODES_PER_TASK: usize = 1024;

/// Makes the hash of nodes another function than other uses of the same mixer.
const HASH_SEED: u64 = 0x6372_6177_6c72_616e;

/// How harmonic centrality is estimated.
#[derive(Debug, Clone)]
pub struct HarmonicOptions {
    /// Binary logarithm of the registers per node, 4 to 16. Default: 10.
    pub log2m: u32,
}

impl Default for HarmonicOptions {
    fn default() -> Self {
        HarmonicOptions { log2m: 10 }
    }
}

/// What the progress callback sees after each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HarmonicStep {
    /// Radius of the balls, from 1; with [`harmonic_exact`] the nodes done.
    pub step: u64,
    /// Nodes whose ball grew; with [`harmonic_exact`] the nodes left.
    pub changed: u64,
}

/// Harmonic centrality of all nodes.
#[derive(Debug, Clone)]
pub struct Harmonic {
    /// One per node, from 0 to n - 1.
    pub scores: Vec<f64>,
    /// Steps done until no ball grew: the longest shortest path, about.
    pub iterations: usize,
}

/// Returns the bytes of memory that [`harmonic`] takes for a graph of that many nodes.
pub fn harmonic_memory_bytes(num_nodes: u64, log2m: u32) -> u64 {
    let per_node = 1u64
        .checked_shl(log2m + 1)
        .unwrap_or(u64::MAX)
        .saturating_add(18);
    num_nodes.saturating_mul(per_node)
}

/// Estimates harmonic centrality; `progress` is called after each step and may stop it.
///
/// # Errors
/// [`Error::Option`], [`Error::Memory`], [`Error::Interrupted`], and [`Error::Corrupt`] when the
/// graph is damaged.
pub fn harmonic(
    graph: &Graph,
    options: &HarmonicOptions,
    progress: &mut dyn FnMut(HarmonicStep) -> ControlFlow<()>,
) -> Result<Harmonic, Error> {
    if !(4..=16).contains(&options.log2m) {
        let expected = "a number from 4 to 16".to_owned();
        return Err(Error::Option {
            option: "log2m",
            expected,
            found: options.log2m.to_string(),
        });
    }
    let mut balls = Balls::new(graph.num_nodes() as usize, options.log2m)?;
    let mut iterations = 0;
    loop {
        let changed = balls.grow(graph, iterations + 1)?;
        if changed == 0 {
            break;
        }
        iterations += 1;
        if progress(HarmonicStep {
            step: iterations as u64,
            changed,
        })
        .is_break()
        {
            return Err(Error::Interrupted);
        }
    }
    Ok(Harmonic {
        scores: balls.scores,
        iterations,
    })
}

/// A counter per node, before and after the current step.
struct Balls {
    log2m: u32,
    now: Vec<u8>,
    next: Vec<u8>,
    /// Whether a node's ball grew in the last step. `next` is then a step behind `now`.
    grew: Vec<bool>,
    grows: Vec<bool>,
    sizes: Vec<f64>,
    scores: Vec<f64>,
}

impl Balls {
    fn new(n: usize, log2m: u32) -> Result<Self, Error> {
        let needed = harmonic_memory_bytes(n as u64, log2m);
        let registers = n
            .checked_shl(log2m)
            .filter(|registers| registers >> log2m == n);
        let registers = registers.ok_or(Error::Memory {
            what: "harmonic centrality",
            needed,
        })?;
        let mut now = filled(registers, 0u8)?;
        let mut sizes = filled(n, 0.0)?;
        now.par_chunks_mut(1 << log2m)
            .zip(&mut sizes)
            .enumerate()
            .for_each(|(node, (ball, size))| {
                let hash = mix64(node as u64 ^ HASH_SEED);
                let register = hash as usize & ((1 << log2m) - 1);
                ball[register] = ((hash >> log2m).trailing_zeros().min(63 - log2m) + 1) as u8;
                *size = estimate(ball);
            });
        Ok(Balls {
            log2m,
            next: filled(registers, 0)?,
            now,
            grew: filled(n, true)?,
            grows: filled(n, false)?,
            sizes,
            scores: filled(n, 0.0)?,
        })
    }

    /// Makes each ball the union of itself and its in-neighbors' balls; returns how many grew.
    fn grow(&mut self, graph: &Graph, radius: usize) -> Result<u64, Error> {
        let Balls {
            log2m,
            now,
            next,
            grew,
            grows,
            sizes,
            scores,
        } = self;
        let (now, grew, m) = (&*now, &*grew, 1usize << *log2m);
        let incoming = graph.incoming();
        let changed = next
            .par_chunks_mut(NODES_PER_TASK * m)
            .zip(grows.par_chunks_mut(NODES_PER_TASK))
            .zip(sizes.par_chunks_mut(NODES_PER_TASK))
            .zip(scores.par_chunks_mut(NODES_PER_TASK))
            .enumerate()
            .map(|(task, (((next, grows), sizes), scores))| {
                let mut changed = 0;
                for (at, ball) in next.chunks_exact_mut(m).enumerate() {
                    let node = task * NODES_PER_TASK + at;
                    if grew[node] {
                        ball.copy_from_slice(&now[node * m..][..m]);
                    }
                    let mut larger = false;
                    for &source in incoming.list(node as u32)?.targets {
                        // What did not grow in the last step is in this ball already.
                        let Some(&source_grew) = grew.get(source as usize) else {
                            return Err(incoming.bad_neighbor(node as u32, source));
                        };
                        if source_grew {
                            larger |= unite(ball, &now[source as usize * m..][..m]);
                        }
                    }
                    grows[at] = larger;
                    if larger {
                        changed += 1;
                        let size = estimate(ball);
                        scores[at] += (size - sizes[at]).max(0.0) / radius as f64;
                        sizes[at] = size;
                    }
                }
                Ok(changed)
            })
            .collect::<Result<Vec<u64>, Error>>()?;
        std::mem::swap(&mut self.now, &mut self.next);
        std::mem::swap(&mut self.grew, &mut self.grows);
        Ok(changed.iter().sum())
    }
}

/// Takes the larger of each two registers; returns whether any grew.
fn unite(ball: &mut [u8], other: &[u8]) -> bool {
    let mut larger = 0;
    for (register, &other) in ball.iter_mut().zip(other) {
        larger |= u8::from(other > *register);
        *register = other.max(*register);
    }
    larger != 0
}

/// Estimates the number of distinct nodes in a counter.
fn estimate(ball: &[u8]) -> f64 {
    let m = ball.len() as f64;
    let mut empty = 0u32;
    let mut sum = 0.0;
    for &register in ball {
        empty += u32::from(register == 0);
        // 2^-register, from its bit pattern. An empty register would add 1; it is counted apart.
        sum += f64::from_bits((1023 - u64::from(register)) << 52);
    }
    sum -= f64::from(empty);
    // 1 / (2 ln 2), the bias correction for many registers. Hashes have 64 bits, so no register is
    // ever full and Ertl's correction for large counts is 0.
    const ALPHA: f64 = 0.5 * std::f64::consts::LOG2_E;
    ALPHA * m * m / (sum + m * sigma(f64::from(empty) / m))
}

/// What empty registers count for: `x + sum over k >= 1 of x^(2^k) 2^(k - 1)` (Ertl 2017, formula 13).
fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut x, mut y, mut z) = (x, 1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y *= 2.0;
        if z == before {
            return z;
        }
    }
}

/// Computes harmonic centrality by a breadth-first search from every node: n times m steps, so for
/// small graphs.
///
/// *Memory*: 12 bytes per node and thread, 8 per node.
///
/// # Errors
/// As [`harmonic`].
pub fn harmonic_exact(
    graph: &Graph,
    progress: &mut dyn FnMut(HarmonicStep) -> ControlFlow<()>,
) -> Result<Harmonic, Error> {
    let n = graph.num_nodes() as usize;
    let mut scores = filled(n, 0.0)?;
    let mut iterations = 0;
    let mut done = 0;
    for scores in scores.chunks_mut(NODES_PER_TASK) {
        let furthest = scores
            .par_iter_mut()
            .enumerate()
            .map_init(
                || Search::new(n),
                |search, (at, score)| {
                    let found = search.run(graph, (done + at) as u32)?;
                    *score = found.harmonic;
                    Ok(found.radius)
                },
            )
            .collect::<Result<Vec<usize>, Error>>()?;
        iterations = iterations.max(furthest.into_iter().max().unwrap_or(0));
        done += scores.len();
        if progress(HarmonicStep {
            step: done as u64,
            changed: (n - done) as u64,
        })
        .is_break()
        {
            return Err(Error::Interrupted);
        }
    }
    Ok(Harmonic { scores, iterations })
}

/// A reusable breadth-first search against the direction of edges.
pub(crate) struct Search {
    /// Number of the search that saw a node last; saves clearing between searches.
    seen: Vec<u32>,
    number: u32,
    queue: Vec<u32>,
}

/// What reaches a node.
pub(crate) struct Reached {
    pub(crate) harmonic: f64,
    pub(crate) radius: usize,
    /// Nodes that reach it, without itself.
    #[cfg(test)]
    pub(crate) nodes: usize,
}

impl Search {
    pub(crate) fn new(n: usize) -> Self {
        Search {
            seen: vec![0; n],
            number: 0,
            queue: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self, graph: &Graph, node: u32) -> Result<Reached, Error> {
        let incoming = graph.incoming();
        // At most 2^32 - 1 nodes are searched from, each once.
        self.number += 1;
        self.queue.clear();
        self.queue.push(node);
        self.seen[node as usize] = self.number;
        let (mut start, mut radius, mut harmonic) = (0, 0, 0.0);
        while start < self.queue.len() {
            let end = self.queue.len();
            for at in start..end {
                let v = self.queue[at];
                for &u in incoming.list(v)?.targets {
                    let seen = self
                        .seen
                        .get_mut(u as usize)
                        .ok_or_else(|| incoming.bad_neighbor(v, u))?;
                    if *seen != self.number {
                        *seen = self.number;
                        self.queue.push(u);
                    }
                }
            }
            start = end;
            let found = self.queue.len() - end;
            if found > 0 {
                radius += 1;
                harmonic += found as f64 / radius as f64;
            }
        }
        Ok(Reached {
            harmonic,
            radius,
            #[cfg(test)]
            nodes: self.queue.len() - 1,
        })
    }
}
