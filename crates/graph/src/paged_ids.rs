//! Integer edges with pages, in any order, to a graph without names, within a memory budget.

use crate::Error;
use crate::id_builder::{IdGraph, IdGraphOptions, write_edges};
use crate::manifest::{Flags, MAX_NODES};
use crate::merge::{Progress, SelfLoops, Tick};
use crate::sorter::{Record, Sorter};
use crate::writer::{GraphWriter, check_free, check_num_nodes, checked_num_nodes, work_bytes};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// As [`IdGraphBuilder`](crate::IdGraphBuilder), for edges that come with a number of pages: those of an edge that comes again
/// are summed.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use crawlrank_graph::{IdGraphOptions, PagedIdGraphBuilder};
/// use std::ops::ControlFlow;
/// let dir = tempfile::tempdir()?;
/// let mut edges = PagedIdGraphBuilder::new(dir.path(), IdGraphOptions::default())?;
/// edges.push(2, 0, 3)?;
/// edges.push(0, 1, 1)?;
/// edges.push(2, 0, 4)?;
/// let graph = edges.finish(None, &dir.path().join("graph"), &mut |_| ControlFlow::Continue(()))?.graph;
/// assert_eq!(graph.outgoing().pages(2), Some(&[7][..]));
/// # Ok(())
/// # }
/// ```
pub struct PagedIdGraphBuilder {
    options: IdGraphOptions,
    tmp: PathBuf,
    sorter: Sorter<u128>,
    least_nodes: u64,
}

impl PagedIdGraphBuilder {
    /// Starts a graph; `tmp` is an existing directory for sorted runs.
    ///
    /// # Errors
    /// [`Error::Io`] when `tmp` is not there.
    pub fn new(tmp: &Path, options: IdGraphOptions) -> Result<Self, Error> {
        std::fs::read_dir(tmp).map_err(Error::io(tmp, "read"))?;
        Ok(PagedIdGraphBuilder {
            sorter: Sorter::new(tmp, work_bytes(options.memory_bytes)),
            options,
            tmp: tmp.to_path_buf(),
            least_nodes: 0,
        })
    }

    /// Adds an edge.
    ///
    /// # Errors
    /// [`Error::TooManyNodes`] for the id 2^32 - 1; [`Error::PagesOverflow`] and [`Error::Io`] from a sorted run.
    #[inline]
    pub fn push(&mut self, source: u32, target: u32, pages: u32) -> Result<(), Error> {
        let least_nodes = u64::from(source.max(target)) + 1;
        check_num_nodes(least_nodes, MAX_NODES)?;
        self.least_nodes = self.least_nodes.max(least_nodes);
        self.sorter.push(Record::new(source, target, pages))
    }

    /// Returns the bytes of the arrays for so many nodes, or for the largest id + 1; duplicates count, so it is about the
    /// most they can be.
    pub fn file_bytes(&self, num_nodes: Option<u64>) -> u64 {
        let nodes = num_nodes.unwrap_or(0).max(self.least_nodes);
        16 * nodes + 16 * self.sorter.pushed()
    }

    /// Writes the graph at `out`, which must be free, and opens it. It has `num_nodes` nodes, or the
    /// largest id + 1. `progress` is asked now and then whether to go on.
    ///
    /// # Errors
    /// As [`IdGraphBuilder::finish`](crate::IdGraphBuilder::finish); [`Error::PagesOverflow`].
    pub fn finish(
        self,
        num_nodes: Option<u64>,
        out: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<IdGraph, Error> {
        check_free(out)?;
        let nodes = checked_num_nodes(num_nodes, self.least_nodes)?;
        let flags = Flags {
            names: false,
            incoming: true,
            edge_pages: true,
            node_pages: false,
            node_hosts: false,
            self_loops: self.options.self_loops == SelfLoops::Keep,
        };
        let writer = GraphWriter::create(out, flags)?;
        let tick = &mut Tick::new(progress);
        write_edges(self.sorter, nodes, writer, &self.tmp, &self.options, tick)
    }
}
