//! The plain kernel of PageRank: each node adds up what its incoming neighbors give. The reference for
//! faster ones, and the kernel of weighted rankings.
//!
//! *Order of sums*: incoming neighbors ascending within a node, nodes ascending within blocks of
//! 65,536, blocks ascending.
//!
//! *Memory*: 8 bytes per node besides the scores; edges (4 bytes each, weighted 12) are read from the
//! mapped files.

use crate::Error;
use crate::graph::Graph;
use crate::pagerank::{BLOCK_NODES, Base, Jump, Kernel, filled};
use rayon::prelude::*;

/// Pulls along the incoming edges of a graph's arrays.
pub(crate) struct Pull<'a> {
    graph: &'a Graph,
    weighted: bool,
    /// What each node gives to each unit of its outgoing edges.
    contributions: Vec<f64>,
}

impl<'a> Pull<'a> {
    pub(crate) fn new(graph: &'a Graph, weighted: bool) -> Result<Self, Error> {
        Ok(Pull {
            graph,
            weighted,
            contributions: filled(graph.num_nodes() as usize, 0.0)?,
        })
    }

    /// Makes contributions of scores; returns the score that has no edge to follow.
    fn contribute(&mut self, scores: &[f64]) -> Result<f64, Error> {
        let weighted = self.weighted;
        let outgoing = self.graph.outgoing();
        let block_sums = self
            .contributions
            .par_chunks_mut(BLOCK_NODES)
            .zip(scores.par_chunks(BLOCK_NODES))
            .enumerate()
            .map(|(block, (contributions, scores))| {
                let mut dangling = 0.0;
                for (at, (contribution, &score)) in contributions.iter_mut().zip(scores).enumerate()
                {
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
    fn pull(&self, scores: &mut [f64], damping: f64, base: Base<'_>) -> Result<f64, Error> {
        let incoming = self.graph.incoming();
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
                    match list.pages.filter(|_| self.weighted) {
                        Some(pages) => {
                            for (&source, &pages) in list.targets.iter().zip(pages) {
                                sum += self
                                    .contributions
                                    .get(source as usize)
                                    .ok_or_else(|| bad(source))?
                                    * f64::from(pages);
                            }
                        }
                        None => {
                            for &source in list.targets {
                                sum += self
                                    .contributions
                                    .get(source as usize)
                                    .ok_or_else(|| bad(source))?;
                            }
                        }
                    }
                    let new = damping * sum + base.of(node);
                    change += (new - *score).abs();
                    *score = new;
                }
                Ok(change)
            })
            .collect::<Result<Vec<f64>, Error>>()?;
        Ok(block_sums.iter().sum())
    }
}

impl Kernel for Pull<'_> {
    /// Each iteration starts from the scores alone.
    fn load(&mut self, _scores: &[f64]) -> Result<(), Error> {
        Ok(())
    }

    fn iterate(&mut self, scores: &mut [f64], jump: &Jump<'_>) -> Result<f64, Error> {
        let dangling = self.contribute(scores)?;
        self.pull(scores, jump.damping, jump.base(dangling))
    }
}
