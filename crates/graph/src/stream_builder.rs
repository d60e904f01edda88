//! Edges in any order to a graph that carries only its ranking stream: sorted once, by target.

use crate::Error;
use crate::id_builder::{IdGraph, IdGraphBuilder, IdGraphOptions};
use crate::manifest::MAX_NODES;
use crate::merge::{Progress, SelfLoops, Tick};
use crate::sorter::{Sorter, Start};
use crate::stream::{SeenSources, SortedWriter};
use crate::stream_graph::StreamGraph;
use crate::writer::{GraphWriter, check_num_nodes};
use rayon::prelude::*;
use std::ops::ControlFlow;
use std::path::Path;

/// As [`IdGraphBuilder`], for a graph that carries only its ranking stream: its edges take 0.5 to 2.6 bytes each on the
/// disk in place of 8 more, and are sorted once in place of twice. Besides the budget for sorting it takes 4.4 bytes a
/// node.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use crawlrank_graph::{IdGraphOptions, PageRankOptions, Ranking, StreamGraphBuilder};
/// use std::ops::ControlFlow;
///
/// let dir = tempfile::tempdir()?;
/// let mut builder = StreamGraphBuilder::new(dir.path(), IdGraphOptions::default())?;
/// builder.push_edges(&[[0, 1], [1, 2], [2, 0]])?;
/// let go_on = &mut |_| ControlFlow::Continue(());
/// let graph = builder.finish(None, &dir.path().join("graph"), go_on)?.graph;
/// let options = PageRankOptions::default();
/// let mut ranking = Ranking::of_stream(graph.stream(), &options)?;
/// while ranking.iterate()?.is_some() {}
/// assert_eq!(ranking.finish().scores, [1.0 / 3.0; 3]);
/// # Ok(())
/// # }
/// ```
pub struct StreamGraphBuilder {
    /// Holds all edges turned round.
    turned: IdGraphBuilder,
    seen: SeenSources,
    options: IdGraphOptions,
    batch: Vec<[u32; 2]>,
}

impl StreamGraphBuilder {
    /// Starts a graph; `tmp` is an existing directory for sorted runs.
    ///
    /// # Errors
    /// [`Error::Io`] when `tmp` is not there.
    pub fn new(tmp: &Path, options: IdGraphOptions) -> Result<Self, Error> {
        let turned = IdGraphBuilder::new(tmp, sorting(&options))?;
        Ok(Self::of(turned, options))
    }

    /// Starts a graph whose sorted runs outlive a process that is killed: see [`IdGraphBuilder::resume`].
    ///
    /// # Errors
    /// [`Error::Locked`] when another process is at it, [`Error::DamagedRun`], [`Error::Io`].
    pub fn resume(
        work: &Path,
        inputs: &str,
        options: IdGraphOptions,
    ) -> Result<(Self, Start), Error> {
        // Runs of edges that are not turned round are none of these.
        let inputs = format!("by target\n{inputs}");
        let (turned, start) = IdGraphBuilder::resume(work, &inputs, sorting(&options))?;
        let mut builder = Self::of(turned, options);
        builder.see_runs()?;
        Ok((builder, start))
    }

    fn of(turned: IdGraphBuilder, options: IdGraphOptions) -> Self {
        StreamGraphBuilder {
            turned,
            seen: SeenSources::default(),
            options,
            batch: Vec::new(),
        }
    }

    /// Notes the sources of edges that may not come again.
    fn see_runs(&mut self) -> Result<(), Error> {
        self.seen.make_room(self.turned.least_nodes());
        let (seen, loops) = (&self.seen, self.keeps_loops());
        let least_nodes = self.turned.least_nodes();
        self.turned.sorter().for_each_in_runs(|records: &[u64]| {
            for &record in records {
                let (target, source) = ((record >> 32) as u32, record as u32);
                if (loops || source != target) && u64::from(source) < least_nodes {
                    seen.add(source);
                }
            }
        })
    }

    fn keeps_loops(&self) -> bool {
        self.options.self_loops == SelfLoops::Keep
    }

    /// Returns how many of the next edges are in complete runs already: they are passed over when they come.
    pub fn edges_done(&self) -> u64 {
        self.turned.edges_done()
    }

    /// Says that the next `edges` edges will not come, since they are [done](Self::edges_done).
    ///
    /// # Panics
    /// When fewer are done.
    pub fn skip(&mut self, edges: u64) {
        self.turned.skip(edges);
    }

    /// Adds edges, each as source and target; best about a million at a time, which all threads share.
    ///
    /// # Errors
    /// [`Error::TooManyNodes`] for the id 2^32 - 1; [`Error::Io`] from a sorted run. Then none of them is added, or some.
    pub fn push_edges(&mut self, edges: &[[u32; 2]]) -> Result<(), Error> {
        let largest = edges.par_iter().map(|edge| edge[0].max(edge[1])).max();
        let Some(largest) = largest else {
            return Ok(());
        };
        check_num_nodes(u64::from(largest) + 1, MAX_NODES)?;
        self.seen.make_room(u64::from(largest) + 1);
        let (seen, loops) = (&self.seen, self.keeps_loops());
        let turned = edges.par_iter().map(|&[source, target]| {
            if loops || source != target {
                seen.add(source);
            }
            [target, source]
        });
        turned.collect_into_vec(&mut self.batch);
        self.turned.push_edges(&self.batch)
    }

    /// Returns about the most bytes that the graph takes of so many nodes, or of the largest id + 1; duplicates count.
    pub fn file_bytes(&self, num_nodes: Option<u64>) -> u64 {
        let least = self.turned.least_nodes();
        file_bytes(num_nodes.unwrap_or(0).max(least), self.turned.sorter())
    }

    /// Writes the graph at `out`, which must be free, and opens it: see [`IdGraphBuilder::finish`].
    ///
    /// # Errors
    /// As there; [`Error::Memory`] when the degrees of all nodes take more than the budget.
    pub fn finish(
        self,
        num_nodes: Option<u64>,
        out: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<IdGraph<StreamGraph>, Error> {
        let (seen, options) = (self.seen, self.options);
        self.turned
            .finish_with(num_nodes, out, false, progress, |parts| {
                write_stream(
                    parts.sorter,
                    parts.n,
                    parts.writer,
                    seen,
                    &options,
                    parts.tick,
                )
            })
    }
}

/// Leaves a quarter for the edges that are being made into strips.
pub(crate) fn sorting_bytes(memory_bytes: usize) -> usize {
    memory_bytes / 4 * 3
}

fn sorting(options: &IdGraphOptions) -> IdGraphOptions {
    IdGraphOptions {
        memory_bytes: sorting_bytes(options.memory_bytes),
        ..options.clone()
    }
}

/// Three bytes an edge are more than any graph has taken, and one a degree.
pub(crate) fn file_bytes(nodes: u64, sorter: &Sorter<u64>) -> u64 {
    nodes + 3 * sorter.pushed()
}

/// Writes sorted edges, of which the first id is the target, as the stream, which is all that `writer` still lacks, and puts
/// the graph in its place.
pub(crate) fn write_stream(
    sorter: Sorter<u64>,
    n: u64,
    writer: GraphWriter,
    seen: SeenSources,
    options: &IdGraphOptions,
    tick: &mut Tick<'_>,
) -> Result<IdGraph<StreamGraph>, Error> {
    let keep_loops = options.self_loops == SelfLoops::Keep;
    let memory_bytes = options.memory_bytes;
    let mut stream = SortedWriter::create(&writer.stream_path(), n, seen, memory_bytes)?;
    let edges_read = sorter.pushed();
    let (mut unique, mut self_loops) = (0, 0);
    let mut of_two = Vec::new();
    sorter.finish(&mut |edges: &[u64]| {
        tick.edges(edges.len() as u64)?;
        unique += edges.len() as u64;
        let is_loop = |edge: &&u64| (**edge >> 32) as u32 == **edge as u32;
        let loops = edges.iter().filter(is_loop).count();
        self_loops += loops as u64;
        if loops == 0 || keep_loops {
            return stream.extend(edges, tick);
        }
        of_two.clear();
        of_two.extend(edges.iter().filter(|edge| !is_loop(edge)));
        stream.extend(&of_two, tick)
    })?;
    stream.finish(tick)?;
    Ok(IdGraph {
        graph: writer.finish_stream()?,
        edges_read,
        duplicates: edges_read - unique,
        self_loops,
    })
}
