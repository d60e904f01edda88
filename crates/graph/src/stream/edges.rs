//! Edges in memory to scores, without a graph on the disk.
//!
//! A graph directory is written, synced and read again, in both directions; one ranking needs none of that. Edges
//! are split by the bin of their target as they come, then bins are sorted on their own: first by target, then each
//! list. The lists are those of a graph of the same edges, so strips, kernel and scores are, to the bit.

use super::build::{self, Incoming};
use super::partitioned::Partitioned;
use super::scores::Nodes;
use super::strip::STRIP_EDGES;
use super::{BIN_NODES, bin_nodes, least_memory_bytes, num_bins};
use crate::Error;
use crate::id_builder::IdGraphBuilder;
use crate::merge::SelfLoops;
use crate::pagerank::{PageRank, PageRankOptions, Ranking, check_options};
use crate::writer::checked_num_nodes;
use rayon::prelude::*;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Edges between integers, kept in memory for one ranking.
///
/// # Examples
/// ```
/// use crawlrank_graph::{EdgeList, EdgePart, PageRankOptions, SelfLoops};
/// use std::ops::ControlFlow;
///
/// let mut edges = EdgeList::default();
/// edges.push(EdgePart::new(&[0, 1, 2], &[1, 2, 0]));
/// let options = PageRankOptions::default();
/// let ranked = edges.rank(3, SelfLoops::Drop, &options, &mut || ControlFlow::Continue(()))?;
/// assert_eq!(ranked.pagerank.scores, [1.0 / 3.0; 3]);
/// # Ok::<(), crawlrank_graph::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct EdgeList {
    parts: Vec<EdgePart>,
    num_edges: u64,
    least_nodes: u64,
}

/// Some edges of an [`EdgeList`], about a million at best: threads make parts on their own.
#[derive(Debug)]
pub struct EdgePart {
    /// Source and target, by the bin of the target.
    edges: Vec<[u32; 2]>,
    /// Where each bin begins, and the end.
    starts: Vec<u32>,
    least_nodes: u64,
}

/// Scores and degrees of all nodes of an [`EdgeList`].
#[derive(Debug)]
pub struct RankedEdges {
    /// The scores.
    pub pagerank: PageRank,
    /// Of each node the different edges to it.
    pub in_degrees: Vec<u32>,
    /// Of each node the different edges from it.
    pub out_degrees: Vec<u32>,
}

impl EdgePart {
    /// Takes edges, given by their two ends.
    ///
    /// # Panics
    /// When the ends are not as many, or 2^32 of them.
    pub fn new(sources: &[u32], targets: &[u32]) -> Self {
        assert_eq!(sources.len(), targets.len(), "an edge has two ends");
        let len = u32::try_from(targets.len()).expect("a part has fewer than 2^32 edges");
        let bin = |&target: &u32| target as usize / BIN_NODES;
        let last = targets.iter().copied().max();
        let bins = last.map_or(0, |last| bin(&last) + 1);
        // Shifted by two, so that filling leaves the beginnings in place.
        let mut starts = vec![0u32; bins + 2];
        for target in targets {
            starts[bin(target) + 2] += 1;
        }
        for bin in 2..starts.len() {
            starts[bin] += starts[bin - 1];
        }
        let mut edges = vec![[0; 2]; targets.len()];
        for (&source, &target) in sources.iter().zip(targets) {
            let place = &mut starts[bin(&target) + 1];
            edges[*place as usize] = [source, target];
            *place += 1;
        }
        starts.truncate(bins + 1);
        debug_assert_eq!(starts[bins], len);
        let largest = last.max(sources.iter().copied().max());
        EdgePart {
            edges,
            starts,
            least_nodes: largest.map_or(0, |largest| u64::from(largest) + 1),
        }
    }

    /// The edges to a bin.
    fn of_bin(&self, bin: usize) -> &[[u32; 2]] {
        match self.starts.get(bin..bin + 2) {
            Some(range) => &self.edges[range[0] as usize..range[1] as usize],
            None => &[],
        }
    }
}

impl EdgeList {
    /// Adds edges.
    pub fn push(&mut self, part: EdgePart) {
        self.num_edges += part.edges.len() as u64;
        self.least_nodes = self.least_nodes.max(part.least_nodes);
        self.parts.push(part);
    }

    /// Returns the number of edges, duplicates included.
    pub fn num_edges(&self) -> u64 {
        self.num_edges
    }

    /// Returns the largest id + 1.
    pub fn least_nodes(&self) -> u64 {
        self.least_nodes
    }

    /// Returns the most bytes that [`rank`](Self::rank) takes for so many nodes, with the edges themselves and
    /// without acceleration.
    pub fn memory_bytes(&self, num_nodes: u64) -> u64 {
        // Besides what any ranking has: degrees and the beginnings of lists, 16 bytes.
        let vectors = least_memory_bytes(num_nodes, num_nodes);
        // Lists and strips, or strips and what the kernel makes of them: a message of one target is the most.
        let edges = self.num_edges.saturating_mul(4 + 14) + self.num_edges / 8;
        // A cell has an edge at least: 24 bytes in its strip, 25 in the kernel.
        let bins = num_nodes.div_ceil(BIN_NODES as u64);
        let strips = bins + self.num_edges / STRIP_EDGES as u64;
        let cells = self.num_edges.min(strips.saturating_mul(bins));
        let bytes = vectors.saturating_add(num_nodes.saturating_mul(16));
        bytes.saturating_add(edges).saturating_add(cells * 49)
    }

    /// Hands the edges on to a builder, which needs less memory.
    ///
    /// # Errors
    /// Those of [`IdGraphBuilder::push_edges`].
    pub fn push_into(self, builder: &mut IdGraphBuilder) -> Result<(), Error> {
        let mut parts = self.parts.into_iter();
        parts.try_for_each(|part| builder.push_edges(&part.edges))
    }

    /// Ranks the graph of these edges, each once: the same bits as [`pagerank`](crate::pagerank) of the graph that
    /// [`IdGraphBuilder`] makes of them. `progress` is asked now and then whether to go on.
    ///
    /// # Errors
    /// [`Error::Option`] when `num_nodes` is too small for the ids, or for options out of range;
    /// [`Error::TooManyNodes`], [`Error::Memory`], [`Error::Interrupted`].
    ///
    /// # Panics
    /// With 2^32 edges or more, and when a weighted ranking is asked for: these edges have no pages.
    pub fn rank(
        self,
        num_nodes: u64,
        self_loops: SelfLoops,
        options: &PageRankOptions,
        progress: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<RankedEdges, Error> {
        assert!(!options.weighted, "edges without pages");
        assert!(self.num_edges < 1 << 32, "places in a bin have 32 bits");
        let n = checked_num_nodes(Some(num_nodes), self.least_nodes)? as usize;
        check_options(n, options)?;
        let lists = Lists::new(self, n, self_loops, progress)?;
        let in_degrees = lists.in_degrees();
        let nodes = Nodes::new(&lists.out_degrees);
        let strips = build::strips(&lists, &nodes.sources)?;
        // The lists make room for the kernel.
        let out_degrees = lists.out_degrees;
        drop(lists.bins);
        let kernel = Box::new(Partitioned::new(strips, nodes)?);
        let mut ranking = Ranking::with_kernel(n, 0, options, kernel)?;
        loop {
            go_on(progress)?;
            if ranking.iterate()?.is_none() {
                break;
            }
        }
        Ok(RankedEdges {
            pagerank: ranking.finish(),
            in_degrees,
            out_degrees,
        })
    }
}

fn go_on(progress: &mut dyn FnMut() -> ControlFlow<()>) -> Result<(), Error> {
    match progress() {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Interrupted),
    }
}

/// The sources of all nodes' incoming edges.
struct Lists {
    num_nodes: usize,
    bins: Vec<BinLists>,
    out_degrees: Vec<u32>,
}

/// Those of a bin's nodes.
struct BinLists {
    /// Where each node's list begins, and the end.
    starts: Vec<u32>,
    sources: Vec<u32>,
}

impl Lists {
    fn new(
        edges: EdgeList,
        num_nodes: usize,
        self_loops: SelfLoops,
        progress: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Self, Error> {
        let mut degrees = Vec::new();
        degrees.resize_with(num_nodes, AtomicU32::default);
        let numbers: Vec<usize> = (0..num_bins(num_nodes)).collect();
        let mut bins = Vec::with_capacity(numbers.len());
        for some in numbers.chunks(8 * rayon::current_num_threads()) {
            go_on(progress)?;
            // A bin each, since the first ones are often the largest.
            let sorted = some.par_iter().with_max_len(1).map(|&bin| {
                let lists = BinLists::new(&edges.parts, bin, num_nodes, self_loops);
                for &source in &lists.sources {
                    degrees[source as usize].fetch_add(1, Ordering::Relaxed);
                }
                lists
            });
            bins.par_extend(sorted);
        }
        Ok(Lists {
            num_nodes,
            bins,
            out_degrees: degrees.into_iter().map(AtomicU32::into_inner).collect(),
        })
    }

    fn in_degrees(&self) -> Vec<u32> {
        let starts = self.bins.iter().flat_map(|bin| bin.starts.windows(2));
        starts.map(|range| range[1] - range[0]).collect()
    }
}

impl BinLists {
    /// Sorts the edges to a bin by target, then each list, and keeps each edge once.
    fn new(parts: &[EdgePart], bin: usize, num_nodes: usize, self_loops: SelfLoops) -> Self {
        let nodes = bin_nodes(bin, num_nodes);
        let edges = || parts.iter().flat_map(|part| part.of_bin(bin));
        let is_kept = |edge: &&[u32; 2]| self_loops == SelfLoops::Keep || edge[0] != edge[1];
        // Shifted by two, so that filling leaves the beginnings in place.
        let mut starts = vec![0u32; nodes.len() + 2];
        for edge in edges().filter(is_kept) {
            starts[edge[1] as usize - nodes.start + 2] += 1;
        }
        for node in 2..starts.len() {
            starts[node] += starts[node - 1];
        }
        let mut sources = vec![0; starts[nodes.len() + 1] as usize];
        for edge in edges().filter(is_kept) {
            let place = &mut starts[edge[1] as usize - nodes.start + 1];
            sources[*place as usize] = edge[0];
            *place += 1;
        }
        starts.truncate(nodes.len() + 1);
        let mut unique = 0;
        for node in 0..nodes.len() {
            let list = starts[node] as usize..starts[node + 1] as usize;
            sources[list.clone()].sort_unstable();
            starts[node] = unique as u32;
            let first = unique;
            for at in list {
                if unique == first || sources[unique - 1] != sources[at] {
                    sources[unique] = sources[at];
                    unique += 1;
                }
            }
        }
        starts[nodes.len()] = unique as u32;
        sources.truncate(unique);
        BinLists { starts, sources }
    }
}

impl Incoming for Lists {
    fn num_nodes(&self) -> usize {
        self.num_nodes
    }

    fn degree(&self, node: u32) -> Result<u32, Error> {
        Ok(self.out_degrees[node as usize])
    }

    fn list<'a>(&'a self, node: u32, _buffer: &'a mut Vec<u32>) -> Result<&'a [u32], Error> {
        let BinLists { starts, sources } = &self.bins[node as usize / BIN_NODES];
        let at = node as usize % BIN_NODES;
        Ok(&sources[starts[at] as usize..starts[at + 1] as usize])
    }

    fn bad_source(&self, node: u32, source: u32) -> Error {
        let expected = "ascending sources with outgoing edges";
        let found = format!("{source} among those of node {node}");
        Error::corrupt(Path::new("memory"), None, expected, found)
    }
}
