//! Incoming edges, however a graph stores them: what HyperBall and the weak components take them from.
//!
//! Nodes come in blocks, and a block's edges in an order of the store's own: from arrays target by target, from
//! the stream as it lies in the file. So what is done with an edge must give the same in any order.

use crate::Error;
use crate::adjacency::Adjacency;
use crate::graph::Graph;
use rayon::prelude::*;
use std::ops::Range;

/// Nodes of a block of arrays: enough work for a task, and their counters stay in a cache.
const BLOCK_NODES: usize = 1024;

/// The incoming edges of all nodes.
pub(crate) trait InEdges: Sync {
    /// Consecutive nodes whose edges are read together.
    type Block: Sync;
    /// Memory to read with.
    type Worker: Default;

    fn num_nodes(&self) -> usize;

    /// The blocks, ascending. Together they are all nodes, and each but the last ends at a multiple of 64.
    fn blocks(&self) -> Vec<Self::Block>;

    fn nodes(&self, block: &Self::Block) -> Range<usize>;

    fn has_outgoing(&self, node: usize) -> bool;

    /// Calls `each` with source and target of every edge to a block; both are nodes.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and, from a file that is not mapped, [`Error::Io`].
    fn for_each_edge(
        &self,
        block: &Self::Block,
        worker: &mut Self::Worker,
        each: impl FnMut(u32, u32),
    ) -> Result<(), Error>;

    /// The nodes with incoming edges.
    fn reached(&self) -> Result<Bits, Error> {
        let mut reached = Bits::none(self.num_nodes());
        let blocks = self.blocks();
        let nodes = blocks.iter().map(|block| self.nodes(block));
        let tasks: Vec<_> = blocks.iter().zip(reached.split(nodes)).collect();
        tasks
            .into_par_iter()
            .map_init(Self::Worker::default, |worker, (block, reached)| {
                let first = self.nodes(block).start;
                self.for_each_edge(block, worker, |_, target| {
                    set(reached, target as usize - first)
                })
            })
            .collect::<Result<(), Error>>()?;
        Ok(reached)
    }
}

/// A set of nodes.
#[derive(Debug, Clone)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn none(num_nodes: usize) -> Self {
        Bits(vec![0; num_nodes.div_ceil(64)])
    }

    pub(crate) fn of(num_nodes: usize, is_in: impl Fn(usize) -> bool + Sync) -> Self {
        let words = (0..num_nodes.div_ceil(64)).into_par_iter().map(|word| {
            let nodes = word * 64..num_nodes.min(word * 64 + 64);
            nodes.fold(0, |bits, node| bits | u64::from(is_in(node)) << (node % 64))
        });
        Bits(words.collect())
    }

    #[inline]
    pub(crate) fn has(&self, node: usize) -> bool {
        has(&self.0, node)
    }

    /// The words of consecutive blocks of nodes, of which each but the last ends with a word.
    pub(crate) fn split(
        &mut self,
        blocks: impl Iterator<Item = Range<usize>>,
    ) -> impl Iterator<Item = &mut [u64]> {
        let mut rest = self.0.as_mut_slice();
        blocks.map(move |nodes| {
            let words = nodes.end.div_ceil(64) - nodes.start / 64;
            let (own, later) = std::mem::take(&mut rest).split_at_mut(words);
            rest = later;
            own
        })
    }
}

#[inline]
pub(crate) fn has(words: &[u64], at: usize) -> bool {
    words[at / 64] >> (at % 64) & 1 == 1
}

#[inline]
pub(crate) fn set(words: &mut [u64], at: usize) {
    words[at / 64] |= 1 << (at % 64);
}

/// The places of a set, ascending.
pub(crate) fn members(words: &[u64]) -> impl Iterator<Item = usize> + '_ {
    words.iter().enumerate().flat_map(|(number, &word)| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let at = (rest != 0).then(|| number * 64 + rest.trailing_zeros() as usize);
            rest &= rest.wrapping_sub(1);
            at
        })
    })
}

/// Makes of `before`, for each word of a set, how many members there are before it; returns how many there are.
pub(crate) fn number_words(words: &[u64], before: &mut Vec<u32>) -> usize {
    let mut count = 0;
    before.clear();
    before.extend(words.iter().map(|word| {
        let so_far = count;
        count += word.count_ones();
        so_far
    }));
    count as usize
}

/// The number of a member of a set, by what [`number_words`] made.
#[inline]
pub(crate) fn number_in(words: &[u64], before: &[u32], at: usize) -> usize {
    let below = words[at / 64] & ((1 << (at % 64)) - 1);
    (before[at / 64] + below.count_ones()) as usize
}

/// The edges of a graph that has arrays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArrayEdges<'a> {
    incoming: Adjacency<'a>,
    outgoing: Adjacency<'a>,
}

impl<'a> ArrayEdges<'a> {
    pub(crate) fn new(graph: &'a Graph) -> Self {
        ArrayEdges {
            incoming: graph.incoming(),
            outgoing: graph.outgoing(),
        }
    }
}

impl InEdges for ArrayEdges<'_> {
    type Block = Range<usize>;
    type Worker = ();

    fn num_nodes(&self) -> usize {
        self.incoming.num_nodes()
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        let n = self.num_nodes();
        let starts = (0..n).step_by(BLOCK_NODES);
        starts
            .map(|start| start..n.min(start + BLOCK_NODES))
            .collect()
    }

    fn nodes(&self, block: &Range<usize>) -> Range<usize> {
        block.clone()
    }

    fn has_outgoing(&self, node: usize) -> bool {
        self.outgoing.degree(node as u32) > 0
    }

    #[inline]
    fn for_each_edge(
        &self,
        block: &Range<usize>,
        (): &mut (),
        mut each: impl FnMut(u32, u32),
    ) -> Result<(), Error> {
        let n = self.num_nodes();
        for target in block.clone() {
            let target = target as u32;
            for &source in self.incoming.list(target)?.targets {
                if source as usize >= n {
                    return Err(self.incoming.bad_neighbor(target, source));
                }
                each(source, target);
            }
        }
        Ok(())
    }

    fn reached(&self) -> Result<Bits, Error> {
        let is_reached = |node| self.incoming.degree(node as u32) > 0;
        Ok(Bits::of(self.num_nodes(), is_reached))
    }
}
