//! A ranking in blocks: what one of several machines does of an iteration.
//!
//! A block is some consecutive nodes with their incoming edges, in a stream of its own. Its new scores are made of its old ones and
//! of the contributions of all sources; sums over nodes are handed out bin by bin, so that whoever adds them in their order gets
//! the bits of a ranking that was not cut, for any number of blocks.

use super::direct::Direct;
use super::file::{Reading, StreamFile};
use super::scores::Parted;
use super::{BIN_NODES, RankingStream, bin_nodes};
use crate::Error;
use crate::pagerank::{Jump, PageRankOptions, check_options};
use std::ops::{ControlFlow, Range};
use std::path::Path;

/// The nodes of a block with their incoming edges, opened for ranking.
///
/// # Examples
/// Two iterations over a single block of a triangle:
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use crawlrank_graph::{PageRankOptions, RankingBlock};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("block");
/// let degrees = [1, 1, 1]; // 0 -> 1 -> 2 -> 0
/// let sources = |target, list: &mut Vec<u32>| *list = vec![(target + 2) % 3];
/// RankingBlock::write(&path, &degrees, 0..3, sources)?;
/// let mut block = RankingBlock::open(&path, 0..3)?;
/// let mut state = block.start();
/// for _ in 0..2 {
///     let dangling = state.dangling.iter().sum();
///     let contributions = state.contributions.clone();
///     state = block.step(&contributions, dangling, state.scores, &PageRankOptions::default())?;
/// }
/// assert!(state.changes.iter().sum::<f64>() < 1e-15);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RankingBlock {
    direct: Direct,
    nodes: Range<usize>,
}

/// The scores of a block, and what the rest of an iteration needs of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlockScores {
    /// One for each node of the block; not made to sum to 1.
    pub scores: Vec<f64>,
    /// What each source of the block gives along each of its edges, ascending by node.
    pub contributions: Vec<f64>,
    /// L1 change of each bin of the block; the sum of all bins of the graph, in their order, is the residual.
    pub changes: Vec<f64>,
    /// Score on the dangling nodes of each bin of the block; summed in the same way, it is what the next step asks for.
    pub dangling: Vec<f64>,
}

impl RankingBlock {
    /// Blocks begin at multiples of so many nodes, a bin.
    pub const ALIGNMENT: u64 = BIN_NODES as u64;

    /// Writes a block to the file `path`, which must not be there yet. `degrees` are the numbers of outgoing edges of all nodes of
    /// the graph. `read_list` makes of a vector the sources of a node's incoming edges, ascending and unique; it is asked for
    /// nodes of the block alone, by several threads.
    ///
    /// # Errors
    /// Those of [`RankingStream::write`]; [`Error::Option`] for nodes that are no block.
    pub fn write(
        path: &Path,
        degrees: &[u32],
        nodes: Range<u64>,
        read_list: impl Fn(u32, &mut Vec<u32>) + Sync,
    ) -> Result<(), Error> {
        let num_nodes = degrees.len() as u64;
        check_nodes(&nodes, num_nodes)?;
        let degree = |node: u32| degrees[node as usize];
        let list_of_block = |node: u32, list: &mut Vec<u32>| {
            list.clear();
            if nodes.contains(&u64::from(node)) {
                read_list(node, list);
            }
        };
        let go_on = &mut |_| ControlFlow::Continue(());
        RankingStream::write(path, num_nodes, degree, list_of_block, go_on).map(|_| ())
    }

    /// Opens a block of these nodes.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Version`]; [`Error::Corrupt`] when the file is damaged or has edges to other nodes;
    /// [`Error::Option`] for nodes that are no block; [`Error::Memory`].
    pub fn open(path: &Path, nodes: Range<u64>) -> Result<Self, Error> {
        let file = StreamFile::open(path, Reading::Cached)?;
        check_nodes(&nodes, file.num_nodes() as u64)?;
        let nodes = nodes.start as usize..nodes.end as usize;
        let bins = nodes.start / BIN_NODES..nodes.end.div_ceil(BIN_NODES);
        let segments = file.strip_segments().iter();
        let is_within = |first: u32, last: u32| {
            bins.contains(&(first as usize)) && bins.contains(&(last as usize))
        };
        if let Some(other) = segments
            .into_iter()
            .find(|segment| !is_within(segment.first_bin, segment.last_bin))
        {
            let expected = format!("edges to the nodes {nodes:?}");
            let found = format!("edges to those of bin {}", other.first_bin);
            return Err(Error::corrupt(path, None, expected, found));
        }
        let degrees = file.degrees_of_block()?;
        Ok(RankingBlock {
            direct: Direct::of_bins(file, &degrees, bins)?,
            nodes,
        })
    }

    /// Returns the number of sources in the whole graph: contributions that a [`step`](Self::step) takes.
    pub fn num_sources(&self) -> usize {
        self.direct.nodes.sources.len()
    }

    /// Returns what a ranking begins with: each node has 1/n.
    pub fn start(&self) -> BlockScores {
        let nodes = &self.direct.nodes;
        let share = 1.0 / nodes.len() as f64;
        let mut state = BlockScores {
            scores: vec![share; self.nodes.len()],
            ..BlockScores::default()
        };
        let mut parted = Parted::default();
        for bin in self.bins() {
            let scores = vec![share; bin_nodes(bin, nodes.len()).len()];
            let (contributions, dangling) = nodes.contribute_bin(bin, &scores, &mut parted);
            state.contributions.extend_from_slice(contributions);
            state.dangling.push(dangling);
            state.changes.push(0.0);
        }
        state
    }

    /// Does the block's part of an iteration: `contributions` of all sources of the graph and `dangling`, the score on all its
    /// dangling nodes, are those of the iteration before, as are `scores` of the block.
    ///
    /// # Errors
    /// [`Error::Option`] for options that do not make sense, for a preference or weights, which blocks do not know, and for
    /// values of another number; [`Error::Io`], [`Error::Corrupt`].
    pub fn step(
        &mut self,
        contributions: &[f64],
        dangling: f64,
        mut scores: Vec<f64>,
        options: &PageRankOptions,
    ) -> Result<BlockScores, Error> {
        let num_nodes = self.direct.nodes.len();
        check_options(num_nodes, options)?;
        if options.weighted || options.accelerate || options.personalize.is_some() {
            return Err(Error::Option {
                option: "weighted, accelerate or personalize",
                expected: "none of them, for a ranking in blocks".to_owned(),
                found: "one".to_owned(),
            });
        }
        check_len("contributions", contributions.len(), self.num_sources())?;
        check_len("scores", scores.len(), self.nodes.len())?;
        let jump = Jump::new(options, num_nodes);
        let (flows, bins) = self
            .direct
            .step(contributions, dangling, &mut scores, &jump)?;
        Ok(BlockScores {
            contributions: flows.contributions.to_vec(),
            changes: bins.iter().map(|bin| bin.change).collect(),
            dangling: bins.iter().map(|bin| bin.dangling).collect(),
            scores,
        })
    }

    fn bins(&self) -> Range<usize> {
        self.nodes.start / BIN_NODES..self.nodes.end.div_ceil(BIN_NODES)
    }
}

fn check_len(option: &'static str, found: usize, expected: usize) -> Result<(), Error> {
    match found == expected {
        true => Ok(()),
        false => Err(Error::Option {
            option,
            expected: format!("{expected} values"),
            found: found.to_string(),
        }),
    }
}

fn check_nodes(nodes: &Range<u64>, num_nodes: u64) -> Result<(), Error> {
    let is_edge = |node: u64| node % RankingBlock::ALIGNMENT == 0 || node == num_nodes;
    let is_block = nodes.start <= nodes.end && nodes.end <= num_nodes;
    match is_block && is_edge(nodes.start) && is_edge(nodes.end) {
        true => Ok(()),
        false => Err(Error::Option {
            option: "nodes",
            expected: format!(
                "a range within {num_nodes} nodes that begins and ends at multiples of {}",
                RankingBlock::ALIGNMENT
            ),
            found: format!("{nodes:?}"),
        }),
    }
}
