//! PageRank in fewer iterations: after each eight, a jump along their steps.
//!
//! Iterations `x_0` to `x_8` took the steps `f_i = x_{i+1} - x_i`. Of all points `sum w_i x_i`, `sum w_i = 1`,
//! the one whose step `sum w_i f_i` is the shortest (Euclidean norm) is chosen, and `sum w_i x_{i+1}`, where
//! that step leads, is the next start. This is reduced rank extrapolation (Eddy 1979, Mešina 1977); for a
//! linear iteration, which PageRank is, the same as Anderson mixing (Anderson 1965; Walker and Ni, "Anderson
//! acceleration for fixed-point iterations", 2011) and GMRES, begun anew after every eighth iteration.
//!
//! *Why not mixing in every iteration*, with the last four: on cnr-2000 that took 40 and 105 iterations to
//! 1e-6 and 1e-12 where this takes 38 and 96 (plain: 61 and 144), and it needs two vectors for each that it
//! looks back. Steps are kept in `f32`, since they only say where to jump: not one iteration more on any
//! reference graph.
//!
//! *What keeps it safe*: what is returned, and what is compared with the tolerance, is always an iteration's own.
//! A jump ends where scores are: negative ones become 0, which lies nearer to the answer, and their sum 1. And
//! there is none before the residual has fallen as far since the last as plain iterations would have brought it, so
//! that where jumps do not help the iteration is the plain one.
//!
//! *Memory*: 40 bytes per node.

use crate::Error;
use crate::pagerank::{BLOCK_NODES, PageRankOptions, filled, normalize};
use rayon::prelude::*;
use std::ops::Range;

/// Iterations between two jumps. Fewer need less memory and more iterations, 45 with six on cnr-2000 to 1e-6;
/// more save none there.
pub(crate) const DEPTH: usize = 8;

/// Nodes whose values of all steps the nearest cache holds, in `f64`.
const TILE: usize = 256;

/// A step that differs from the others' combination by less than this share of its square is none of its own.
const INDEPENDENT: f64 = 1e-12;

/// The steps since the last jump.
pub(crate) struct Extrapolation {
    /// By how much [`DEPTH`] plain iterations make the residual smaller, at least.
    plain_factor: f64,
    keeps_sum: bool,
    /// The scores that the last step led to.
    reached: Vec<f64>,
    steps: Vec<Vec<f32>>,
    /// How many of `steps` were taken.
    taken: usize,
    /// That before the last jump; infinite before the first.
    residual: f64,
}

impl Extrapolation {
    /// Of as many scores, which [`restore`](Self::restore) gives.
    pub(crate) fn new(options: &PageRankOptions, n: usize) -> Result<Self, Error> {
        let steps = (0..DEPTH).map(|_| filled(n, 0.0));
        Ok(Extrapolation {
            plain_factor: options.damping.powi(DEPTH as i32),
            keeps_sum: options.keeps_sum(),
            reached: filled(n, 0.0)?,
            steps: steps.collect::<Result<_, Error>>()?,
            taken: 0,
            residual: f64::INFINITY,
        })
    }

    pub(crate) fn memory_bytes(num_nodes: u64) -> u64 {
        num_nodes.saturating_mul((size_of::<f64>() + DEPTH * size_of::<f32>()) as u64)
    }

    /// Takes note of what an iteration made.
    pub(crate) fn record(&mut self, scores: &[f64]) {
        self.steps[self.taken]
            .par_iter_mut()
            .zip(&mut self.reached)
            .zip(scores)
            .with_min_len(BLOCK_NODES)
            .for_each(|((step, reached), &score)| {
                *step = (score - *reached) as f32;
                *reached = score;
            });
        self.taken += 1;
    }

    /// Jumps if it is time; `residual` is the last iteration's. Returns whether the scores are others now.
    pub(crate) fn jump(&mut self, scores: &mut [f64], residual: f64) -> bool {
        if self.taken < DEPTH {
            return false;
        }
        self.taken = 0;
        if residual > self.plain_factor * self.residual {
            return false;
        }
        self.residual = residual;
        let back = shortest(&self.products());
        let steps = &self.steps;
        scores
            .par_chunks_mut(BLOCK_NODES)
            .enumerate()
            .for_each(|(block, scores)| {
                let mut first = block * BLOCK_NODES;
                for scores in scores.chunks_mut(TILE) {
                    for (step, back) in steps[1..].iter().zip(back) {
                        for (score, &step) in scores.iter_mut().zip(&step[first..]) {
                            *score -= back * f64::from(step);
                        }
                    }
                    for score in &mut *scores {
                        *score = score.max(0.0);
                    }
                    first += scores.len();
                }
            });
        if self.keeps_sum {
            normalize(scores);
        }
        self.reached.copy_from_slice(scores);
        true
    }

    /// Makes a row of each change, and of the last step, for some nodes.
    fn fill(&self, tile: &mut [[f64; TILE]; DEPTH], nodes: Range<usize>) {
        for (row, step) in tile.iter_mut().zip(&self.steps) {
            row.fill(0.0); // the last nodes need not fill it
            for (value, &step) in row.iter_mut().zip(&step[nodes.clone()]) {
                *value = f64::from(step);
            }
        }
        for at in 1..DEPTH {
            let (before, after) = tile.split_at_mut(at);
            for (value, next) in before[at - 1].iter_mut().zip(&after[0]) {
                *value = next - *value;
            }
        }
    }

    /// What has to be kept to go on in the same bits, besides the scores: the residual before the last jump, and the
    /// steps since.
    pub(crate) fn state(&self) -> (f64, &[Vec<f32>]) {
        (self.residual, &self.steps[..self.taken])
    }

    /// Takes up scores and residual that were kept. The steps follow, by [`next_step`](Self::next_step).
    pub(crate) fn restore(&mut self, scores: &[f64], residual: f64) {
        self.reached.copy_from_slice(scores);
        self.taken = 0;
        self.residual = residual;
    }

    /// Where the next step is written to.
    pub(crate) fn next_step(&mut self) -> &mut [f32] {
        self.taken += 1;
        &mut self.steps[self.taken - 1]
    }

    /// Inner products of the changes from each step to the next, `d_i = f_{i+1} - f_i`, and last of the last step; each of a
    /// pair with itself and the ones after it.
    fn products(&self) -> Products {
        let n = self.reached.len();
        let blocks: Vec<Products> = (0..n.div_ceil(BLOCK_NODES))
            .into_par_iter()
            .map(|block| {
                let end = n.min((block + 1) * BLOCK_NODES);
                let mut products = Products::default();
                let mut tile = Box::new([[0.0; TILE]; DEPTH]);
                for first in (block * BLOCK_NODES..end).step_by(TILE) {
                    self.fill(&mut tile, first..end.min(first + TILE));
                    for (i, row) in products.iter_mut().enumerate() {
                        for (sum, other) in row.iter_mut().zip(&*tile).skip(i) {
                            *sum += product(&tile[i], other);
                        }
                    }
                }
                products
            })
            .collect();
        let mut total = Products::default();
        for block in blocks {
            for (total, sum) in total
                .as_flattened_mut()
                .iter_mut()
                .zip(block.as_flattened())
            {
                *total += sum;
            }
        }
        total
    }
}

/// Adds eight products at a time, in sums that do not wait for one another.
fn product(a: &[f64; TILE], b: &[f64; TILE]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

type Products = [[f64; DEPTH]; DEPTH];

/// Returns `c` such that `f - sum c_i d_i` is the shortest, from the inner products of all `d_i` and `f`.
///
/// By the normal equations and Cholesky's factors. The latest `d_i` come first, and one that depends on those
/// before it, or is 0, gets no part.
fn shortest(products: &Products) -> [f64; DEPTH - 1] {
    const F: usize = DEPTH - 1;
    let scale = |i: usize| products[i][i].sqrt().recip();
    let mut used: Vec<usize> = Vec::new();
    let mut factors: Vec<Vec<f64>> = Vec::new();
    let mut forward: Vec<f64> = Vec::new();
    for i in (0..F).rev() {
        if !scale(i).is_finite() {
            continue;
        }
        let mut row: Vec<f64> = Vec::new();
        for (&j, factors) in used.iter().zip(&factors) {
            let known: f64 = row.iter().zip(factors).map(|(a, b)| a * b).sum();
            row.push((products[i][j] * scale(i) * scale(j) - known) / factors[row.len()]);
        }
        let left = 1.0 - row.iter().map(|value| value * value).sum::<f64>();
        if left > INDEPENDENT {
            let known: f64 = row.iter().zip(&forward).map(|(a, b)| a * b).sum();
            row.push(left.sqrt());
            forward.push((products[i][F] * scale(i) - known) / left.sqrt());
            factors.push(row);
            used.push(i);
        }
    }
    let mut c = [0.0; F];
    for at in (0..used.len()).rev() {
        let known: f64 = (at + 1..used.len())
            .map(|later| factors[later][at] * c[used[later]] / scale(used[later]))
            .sum();
        c[used[at]] = (forward[at] - known) / factors[at][at] * scale(used[at]);
    }
    c
}
