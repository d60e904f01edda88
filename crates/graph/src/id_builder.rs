//! Integer edges in any order to a graph without names, within a memory budget.

use crate::Error;
use crate::graph::Graph;
use crate::manifest::{Flags, MAX_NODES};
use crate::merge::{Progress, SelfLoops, Tick};
use crate::sorter::{Kept, Record, Sorter, Start};
use crate::stream_graph::AnyGraph;
use crate::transpose::write_incoming;
use crate::writer::{
    AdjacencyWriter, Direction, GraphWriter, check_free, check_num_nodes, checked_num_nodes,
    work_bytes,
};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How integer edges are taken.
#[derive(Debug, Clone)]
pub struct IdGraphOptions {
    /// Memory for sorting. Default: 1 GiB.
    pub memory_bytes: usize,
    /// Default: dropped; their node stays.
    pub self_loops: SelfLoops,
}

impl Default for IdGraphOptions {
    fn default() -> Self {
        IdGraphOptions {
            memory_bytes: 1 << 30,
            self_loops: SelfLoops::Drop,
        }
    }
}

/// Collects edges between integers, which are kept as node ids, and writes them as a graph.
pub struct IdGraphBuilder {
    options: IdGraphOptions,
    tmp: PathBuf,
    sorter: Sorter<u64>,
    /// The largest id so far + 1.
    least_nodes: u64,
    /// Runs that stay when this process is killed.
    kept: Option<Arc<Kept>>,
    /// Edges that are in such runs and will come again.
    to_skip: u64,
}

/// The graph of an [`IdGraphBuilder`] and what went into it.
#[derive(Debug)]
pub struct IdGraph<G = Graph> {
    /// The graph.
    pub graph: G,
    /// Edges given.
    pub edges_read: u64,
    /// Edges given again.
    pub duplicates: u64,
    /// Different edges from a node to itself, kept or dropped.
    pub self_loops: u64,
}

impl<G: Into<AnyGraph>> IdGraph<G> {
    /// Returns the same with a graph of either form.
    pub fn into_any(self) -> IdGraph<AnyGraph> {
        IdGraph {
            graph: self.graph.into(),
            edges_read: self.edges_read,
            duplicates: self.duplicates,
            self_loops: self.self_loops,
        }
    }
}

impl IdGraphBuilder {
    /// Starts a graph; `tmp` is an existing directory for sorted runs.
    ///
    /// # Errors
    /// [`Error::Io`] when `tmp` is not there.
    pub fn new(tmp: &Path, options: IdGraphOptions) -> Result<Self, Error> {
        std::fs::read_dir(tmp).map_err(Error::io(tmp, "read"))?;
        let sorter = Sorter::new(tmp, work_bytes(options.memory_bytes));
        Ok(IdGraphBuilder {
            options,
            tmp: tmp.to_path_buf(),
            sorter,
            least_nodes: 0,
            kept: None,
            to_skip: 0,
        })
    }

    /// Starts a graph whose sorted runs, in the directory `work`, outlive a process that is killed: the next one goes on
    /// behind the last complete run, and the graph is the same. `work` is made when it is not there, must belong to this
    /// graph alone, and is removed by [`finish`](Self::finish). It stays when the builder is dropped before.
    ///
    /// `inputs` is any text that changes when other edges would come, or in another order: names, lengths and times of
    /// the files, and options that leave edges out. Runs of another text are removed. All edges are given again, in the
    /// same order; [`edges_done`](Self::edges_done) says how many are passed over, for callers that can do that faster.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process is at it, [`Error::DamagedRun`], [`Error::Io`].
    pub fn resume(
        work: &Path,
        inputs: &str,
        options: IdGraphOptions,
    ) -> Result<(Self, Start), Error> {
        let (kept, start) = Kept::open(work, inputs)?;
        let kept = Arc::new(kept);
        let builder = IdGraphBuilder {
            sorter: Sorter::with_kept(kept.clone(), work_bytes(options.memory_bytes)),
            options,
            tmp: kept.dir().to_path_buf(),
            least_nodes: kept.least_nodes.load(Ordering::Relaxed),
            to_skip: kept.edges(),
            kept: Some(kept),
        };
        Ok((builder, start))
    }

    /// Returns how many of the next edges are in complete runs already: they are passed over when they come.
    pub fn edges_done(&self) -> u64 {
        self.to_skip
    }

    /// Says that the next `edges` edges will not come, since they are [done](Self::edges_done).
    ///
    /// # Panics
    /// When fewer are done.
    pub fn skip(&mut self, edges: u64) {
        assert!(edges <= self.to_skip, "only what is done can be left out");
        self.to_skip -= edges;
    }

    /// Adds an edge.
    ///
    /// # Errors
    /// [`Error::TooManyNodes`] for the id 2^32 - 1; [`Error::Io`] from a sorted run.
    #[inline]
    pub fn push(&mut self, source: u32, target: u32) -> Result<(), Error> {
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return Ok(());
        }
        let least_nodes = u64::from(source.max(target)) + 1;
        if least_nodes > self.least_nodes {
            check_num_nodes(least_nodes, MAX_NODES)?;
            self.need_nodes(least_nodes);
        }
        self.sorter.push(Record::new(source, target, 1))
    }

    /// Adds edges, each as source and target: the fast way for many. Best are about a million at a time, which all threads
    /// share.
    ///
    /// # Errors
    /// As [`push`](Self::push); then none of them is added, or some.
    pub fn push_edges(&mut self, edges: &[[u32; 2]]) -> Result<(), Error> {
        let skipped = self.to_skip.min(edges.len() as u64);
        self.to_skip -= skipped;
        let edges = &edges[skipped as usize..];
        let least_nodes = AtomicU64::new(self.least_nodes);
        let kept_nodes = self.kept.as_ref().map(|kept| &kept.least_nodes);
        let parts: Vec<&[[u32; 2]]> = edges.chunks(self.sorter.most_in_part()).collect();
        self.sorter.extend(&parts, |part, records| {
            let largest = part
                .iter()
                .fold(0, |max, edge| max.max(edge[0]).max(edge[1]));
            let needed = u64::from(largest) + 1;
            check_num_nodes(needed, MAX_NODES)?;
            least_nodes.fetch_max(needed, Ordering::Relaxed);
            // Before a run may have these edges.
            kept_nodes.map(|nodes| nodes.fetch_max(needed, Ordering::Relaxed));
            records.extend(part.iter().map(|edge| u64::new(edge[0], edge[1], 1)));
            Ok(())
        })?;
        self.least_nodes = least_nodes.into_inner();
        Ok(())
    }

    pub(crate) fn least_nodes(&self) -> u64 {
        self.least_nodes
    }

    pub(crate) fn sorter(&self) -> &Sorter<u64> {
        &self.sorter
    }

    #[cold]
    fn need_nodes(&mut self, nodes: u64) {
        self.least_nodes = nodes;
        if let Some(kept) = &self.kept {
            kept.least_nodes.store(nodes, Ordering::Relaxed);
        }
    }

    /// Returns the bytes of the arrays for so many nodes, or for the largest id + 1; duplicates count, so it is about the
    /// most they can be.
    pub fn file_bytes(&self, num_nodes: Option<u64>) -> u64 {
        let least = self.least_nodes;
        16 * num_nodes.unwrap_or(least).max(least) + 8 * self.sorter.pushed()
    }

    /// Writes the graph at `out`, which must be free, and opens it. It has `num_nodes` nodes, or the
    /// largest id + 1. `progress` is asked now and then whether to go on.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it says no; [`Error::Option`] when `num_nodes` is too small for the ids;
    /// [`Error::Incompatible`] when fewer edges came than are [done](Self::edges_done); otherwise as
    /// [`GraphBuilder::finish`](crate::GraphBuilder::finish).
    pub fn finish(
        self,
        num_nodes: Option<u64>,
        out: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<IdGraph, Error> {
        let (tmp, options) = (self.tmp.clone(), self.options.clone());
        self.finish_with(num_nodes, out, true, progress, |parts| {
            write_edges(
                parts.sorter,
                parts.n,
                parts.writer,
                &tmp,
                &options,
                parts.tick,
            )
        })
    }

    /// As [`finish`](Self::finish); `write` makes the graph, with the incoming direction or without.
    pub(crate) fn finish_with<T>(
        self,
        num_nodes: Option<u64>,
        out: &Path,
        incoming: bool,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
        write: impl FnOnce(Parts<'_, '_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        check_free(out)?;
        let tick = &mut Tick::new(progress);
        let n = checked_num_nodes(num_nodes, self.least_nodes)?;
        if self.to_skip > 0 {
            return Err(Error::Incompatible {
                path: self.tmp,
                expected: "the edges of the runs in it again, and more".to_owned(),
                found: format!("{} less", self.to_skip),
            });
        }
        let flags = flags(incoming, self.options.self_loops == SelfLoops::Keep);
        let writer = match &self.kept {
            Some(_) => GraphWriter::create_again(out, flags)?,
            None => GraphWriter::create(out, flags)?,
        };
        let graph = write(Parts {
            sorter: self.sorter,
            n,
            writer,
            tick,
        })?;
        if let Some(kept) = self.kept {
            kept.finish();
        }
        Ok(graph)
    }
}

/// What a graph is made of when all edges have come.
pub(crate) struct Parts<'a, 'b> {
    pub(crate) sorter: Sorter<u64>,
    /// The number of nodes.
    pub(crate) n: u64,
    pub(crate) writer: GraphWriter,
    pub(crate) tick: &'a mut Tick<'b>,
}

/// Writes sorted edges in both directions, which are all that `writer` still lacks, and puts the graph in its place.
pub(crate) fn write_edges<R: Record>(
    sorter: Sorter<R>,
    n: u64,
    mut writer: GraphWriter,
    tmp: &Path,
    options: &IdGraphOptions,
    tick: &mut Tick<'_>,
) -> Result<IdGraph, Error> {
    let keep_loops = options.self_loops == SelfLoops::Keep;
    let mut adjacency = AdjacencyWriter::create(&writer, Direction::Outgoing)?;
    let edges_read = sorter.pushed();
    let (mut unique, mut self_loops) = (0, 0);
    sorter.finish(&mut |records: &[R]| {
        tick.edges(records.len() as u64)?;
        unique += records.len() as u64;
        let is_loop = |record: &R| record.first() == record.second();
        let loops = records.iter().filter(|record| is_loop(record)).count();
        self_loops += loops as u64;
        if loops == 0 || keep_loops {
            return adjacency.extend(records, tick);
        }
        let mut of_two: Vec<R> = Vec::with_capacity(records.len() - loops);
        of_two.extend(records.iter().filter(|record| !is_loop(record)));
        adjacency.extend(&of_two, tick)
    })?;
    adjacency.begin_lists(n, tick)?;
    let m = adjacency.finish(n, &mut writer)?;
    write_incoming(&mut writer, n, m, tmp, options.memory_bytes, tick)?;
    let graph = writer.finish(n, m)?;
    Ok(IdGraph {
        graph,
        edges_read,
        duplicates: edges_read - unique,
        self_loops,
    })
}

fn flags(incoming: bool, self_loops: bool) -> Flags {
    Flags {
        names: false,
        incoming,
        edge_pages: false,
        node_pages: false,
        node_hosts: false,
        self_loops,
    }
}
