//! Integer edges in any order to a graph without names, within a memory budget.

use crate::Error;
use crate::graph::Graph;
use crate::manifest::{Flags, MAX_NODES};
use crate::merge::{Progress, SelfLoops, Tick};
use crate::sorter::{MOST_IN_PART, Record, Sorter};
use crate::transpose::write_incoming;
use crate::writer::{
    AdjacencyWriter, Direction, GraphWriter, check_free, check_num_nodes, work_bytes,
};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

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
    max_id: Option<u32>,
}

/// The graph of an [`IdGraphBuilder`] and what went into it.
#[derive(Debug)]
pub struct IdGraph {
    /// The graph.
    pub graph: Graph,
    /// Edges given.
    pub edges_read: u64,
    /// Edges given again.
    pub duplicates: u64,
    /// Different edges from a node to itself, kept or dropped.
    pub self_loops: u64,
}

impl IdGraphBuilder {
    /// Starts a graph; `tmp` is an existing directory for sorted runs.
    ///
    /// # Errors
    /// [`Error::Io`] when `tmp` is not there, [`Error::Memory`] when the budget cannot be had.
    pub fn new(tmp: &Path, options: IdGraphOptions) -> Result<Self, Error> {
        std::fs::read_dir(tmp).map_err(Error::io(tmp, "read"))?;
        let sorter = Sorter::new(tmp, work_bytes(options.memory_bytes));
        Ok(IdGraphBuilder {
            options,
            tmp: tmp.to_path_buf(),
            sorter,
            max_id: None,
        })
    }

    /// Adds an edge.
    ///
    /// # Errors
    /// [`Error::TooManyNodes`] for the id 2^32 - 1; [`Error::Io`] from a sorted run.
    #[inline]
    pub fn push(&mut self, source: u32, target: u32) -> Result<(), Error> {
        let max_id = source.max(target);
        check_num_nodes(u64::from(max_id) + 1, MAX_NODES)?;
        self.max_id = self.max_id.max(Some(max_id));
        self.sorter.push(Record::new(source, target, 1))
    }

    /// Adds edges, each as source and target: the fast way for many. Best are about a million at a time, which all threads
    /// share.
    ///
    /// # Errors
    /// As [`push`](Self::push); then none of them is added, or some.
    pub fn push_edges(&mut self, edges: &[[u32; 2]]) -> Result<(), Error> {
        let max_id = AtomicU32::new(0);
        let parts: Vec<&[[u32; 2]]> = edges.chunks(MOST_IN_PART).collect();
        self.sorter.extend(&parts, |part, records| {
            let largest = part
                .iter()
                .fold(0, |max, edge| max.max(edge[0]).max(edge[1]));
            check_num_nodes(u64::from(largest) + 1, MAX_NODES)?;
            max_id.fetch_max(largest, Ordering::Relaxed);
            records.extend(part.iter().map(|edge| u64::new(edge[0], edge[1], 1)));
            Ok(())
        })?;
        if !edges.is_empty() {
            self.max_id = self.max_id.max(Some(max_id.into_inner()));
        }
        Ok(())
    }

    /// Returns the bytes of the arrays for so many nodes, or for the largest id + 1; duplicates count, so it is about the
    /// most they can be.
    pub fn file_bytes(&self, num_nodes: Option<u64>) -> u64 {
        let least = self.max_id.map_or(0, |id| u64::from(id) + 1);
        16 * num_nodes.unwrap_or(least).max(least) + 8 * self.sorter.pushed()
    }

    /// Writes the graph at `out`, which must be free, and opens it. It has `num_nodes` nodes, or the
    /// largest id + 1. `progress` is asked now and then whether to go on.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it says no; [`Error::Option`] when `num_nodes` is too small for the ids; otherwise as
    /// [`GraphBuilder::finish`](crate::GraphBuilder::finish).
    pub fn finish(
        self,
        num_nodes: Option<u64>,
        out: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<IdGraph, Error> {
        check_free(out)?;
        let tick = &mut Tick::new(progress);
        let least = self.max_id.map_or(0, |id| u64::from(id) + 1);
        let n = num_nodes.unwrap_or(least);
        check_num_nodes(n, MAX_NODES)?;
        if n < least {
            let expected = format!("at least {least}, the largest id + 1");
            return Err(Error::Option {
                option: "num_nodes",
                expected,
                found: n.to_string(),
            });
        }
        let keep_loops = self.options.self_loops == SelfLoops::Keep;
        let writer = GraphWriter::create(out, flags(keep_loops))?;
        write_edges(self.sorter, n, writer, &self.tmp, &self.options, tick)
    }
}

/// Writes sorted edges in both directions, which are all that `writer` still lacks, and puts the graph in its place.
pub(crate) fn write_edges(
    sorter: Sorter<u64>,
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
    sorter.finish(&mut |records: &[u64]| {
        tick.edges(records.len() as u64)?;
        unique += records.len() as u64;
        let is_loop = |record: &u64| record.first() == record.second();
        let loops = records.iter().filter(|record| is_loop(record)).count();
        self_loops += loops as u64;
        if loops == 0 || keep_loops {
            return adjacency.extend(records, tick);
        }
        let mut of_two: Vec<u64> = Vec::with_capacity(records.len() - loops);
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

fn flags(self_loops: bool) -> Flags {
    Flags {
        names: false,
        incoming: true,
        edge_pages: false,
        node_pages: false,
        node_hosts: false,
        self_loops,
    }
}
