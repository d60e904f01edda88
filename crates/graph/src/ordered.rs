//! Nodes and edges that come in order to a graph: nothing is sorted but the incoming direction.
//!
//! What was put in order elsewhere, by a cluster or a database, is only checked and written.

use crate::Error;
use crate::array::ArrayWriter;
use crate::graph::Graph;
use crate::manifest::Flags;
use crate::merge::{Progress, Tick};
use crate::names::MAX_NAME_BYTES;
use crate::transpose::write_incoming;
use crate::writer::{AdjacencyWriter, Direction, GraphWriter, NamesWriter, check_free};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Takes the nodes of a graph in byte order of their names.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use crawlrank_graph::OrderedNodes;
/// use std::ops::ControlFlow;
/// let dir = tempfile::tempdir()?;
/// let mut nodes = OrderedNodes::new(&dir.path().join("graph"), false, false)?;
/// nodes.push(b"com.example", 3, 0)?;
/// nodes.push(b"org.example", 1, 0)?;
/// let mut edges = nodes.finish()?;
/// edges.push(0, 1, 1)?;
/// let graph = edges.finish(dir.path(), 1 << 20, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(graph.incoming().neighbors(1), [0]);
/// assert_eq!(graph.node_pages(), Some(&[3, 1][..]));
/// # Ok(())
/// # }
/// ```
pub struct OrderedNodes {
    writer: GraphWriter,
    names: NamesWriter,
    pages: ArrayWriter<u64>,
    hosts: Option<ArrayWriter<u32>>,
    last: Vec<u8>,
    out: PathBuf,
}

impl OrderedNodes {
    /// Starts a graph at `out`, which must be free: of nodes with pages, and with hosts that were folded into them if it
    /// is one of domains; edges carry pages or not.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Io`].
    pub fn new(out: &Path, node_hosts: bool, edge_pages: bool) -> Result<Self, Error> {
        check_free(out)?;
        let writer = GraphWriter::create(
            out,
            Flags {
                names: true,
                incoming: true,
                edge_pages,
                node_pages: true,
                node_hosts,
                self_loops: false,
            },
        )?;
        Ok(OrderedNodes {
            names: NamesWriter::create(&writer)?,
            pages: writer.array("node_pages")?,
            hosts: match node_hosts {
                true => Some(writer.array("node_hosts")?),
                false => None,
            },
            writer,
            last: Vec::new(),
            out: out.to_path_buf(),
        })
    }

    /// Adds the next node, and returns its id; `hosts` counts where the graph has them.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the name is not behind the one before it; [`Error::NameTooLong`], [`Error::TooManyNodes`],
    /// [`Error::Io`].
    pub fn push(&mut self, name: &[u8], pages: u64, hosts: u32) -> Result<u32, Error> {
        if name.len() > MAX_NAME_BYTES {
            return Err(Error::NameTooLong {
                found: name.len(),
                limit: MAX_NAME_BYTES,
            });
        }
        let is_first = self.names.is_empty();
        if !is_first && name <= self.last.as_slice() {
            let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            let expected = format!("a name behind `{}`", shown(&self.last));
            return Err(Error::corrupt(&self.out, None, expected, shown(name)));
        }
        self.last.clear();
        self.last.extend_from_slice(name);
        self.pages.push(pages)?;
        if let Some(writer) = &mut self.hosts {
            writer.push(hosts)?;
        }
        self.names.push(name)
    }

    /// Ends the nodes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(self) -> Result<OrderedGraphBuilder, Error> {
        let mut writer = self.writer;
        let num_nodes = self.names.finish(&mut writer)?;
        writer.finish_array(self.pages)?;
        if let Some(hosts) = self.hosts {
            writer.finish_array(hosts)?;
        }
        Ok(OrderedGraphBuilder {
            outgoing: AdjacencyWriter::create(&writer, Direction::Outgoing)?,
            writer,
            num_nodes,
            last: None,
            out: self.out,
        })
    }
}

/// Takes the edges of a graph by source, then target.
pub struct OrderedGraphBuilder {
    writer: GraphWriter,
    outgoing: AdjacencyWriter,
    num_nodes: u64,
    last: Option<(u32, u32)>,
    out: PathBuf,
}

impl OrderedGraphBuilder {
    /// Returns the number of nodes.
    pub fn num_nodes(&self) -> u64 {
        self.num_nodes
    }

    /// Adds the next edge; `pages` count where edges carry them.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is not behind the one before it, leads from a node to itself, or is between nodes that are
    /// not there; [`Error::Io`].
    pub fn push(&mut self, source: u32, target: u32, pages: u32) -> Result<(), Error> {
        let edge = (source, target);
        let is_within = u64::from(source.max(target)) < self.num_nodes;
        let is_behind = self.last.is_none_or(|last| last < edge);
        if !is_within || !is_behind || source == target {
            let expected = format!(
                "edges by source, then target, each once, between {} different nodes",
                self.num_nodes
            );
            let found = match self.last {
                Some(last) => format!("{edge:?} behind {last:?}"),
                None => format!("{edge:?} first"),
            };
            return Err(Error::corrupt(&self.out, None, expected, found));
        }
        self.last = Some(edge);
        self.outgoing.push(source, target, pages)
    }

    /// Adds the incoming direction and the ranking stream, and puts the graph under its name; sorts within
    /// `memory_bytes`, with scratch in the directory `tmp`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Interrupted`]. Nothing is left behind.
    pub fn finish(
        self,
        tmp: &Path,
        memory_bytes: usize,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Graph, Error> {
        let tick = &mut Tick::new(progress);
        let mut writer = self.writer;
        let n = self.num_nodes;
        let m = self.outgoing.finish(n, &mut writer)?;
        write_incoming(&mut writer, n, m, tmp, memory_bytes, tick)?;
        writer.finish_with(n, m, tick)
    }
}
