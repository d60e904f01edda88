//! Graph directories that carry only their ranking stream, and those of either form.

use crate::Error;
use crate::adjacency::Adjacency;
use crate::graph::{Graph, NodeData, no_arrays};
use crate::manifest::Manifest;
use crate::names::Names;
use crate::stream::{RankingStream, STREAM};
use crate::verify::verify_nodes;
use std::path::Path;

/// A graph directory that holds its edges in the ranking stream alone, in 0.5 to 2.6 bytes each.
///
/// A graph of billions of edges, whose arrays would take eight bytes more for each, is ranked as well without them. What
/// needs the lists of single nodes needs the arrays: `crawlrank graph convert` makes them.
#[derive(Debug)]
pub struct StreamGraph {
    nodes: NodeData,
    stream: RankingStream,
}

impl StreamGraph {
    /// Maps the nodes of a graph directory and opens its stream.
    ///
    /// Checks the manifest, type and length of every array, and superblock and table of the stream; the rest is checked
    /// where it is read.
    ///
    /// # Errors
    /// [`Error::Io`] when a file is missing, [`Error::Version`], [`Error::Corrupt`]; [`Error::Incompatible`] for a graph
    /// with arrays, which is a [`Graph`].
    pub fn open(dir: impl AsRef<Path>) -> Result<StreamGraph, Error> {
        let dir = dir.as_ref();
        Self::with_manifest(dir, Manifest::read(dir)?)
    }

    fn with_manifest(dir: &Path, manifest: Manifest) -> Result<Self, Error> {
        if manifest.has_arrays() {
            return Err(Error::Incompatible {
                path: dir.to_path_buf(),
                expected: "a graph that carries only its ranking stream".to_owned(),
                found: "one with arrays of its edges".to_owned(),
            });
        }
        let stream = open_stream(dir, &manifest)?;
        Ok(StreamGraph {
            nodes: NodeData::open(dir, manifest)?,
            stream,
        })
    }

    /// Returns the directory that was opened.
    pub fn dir(&self) -> &Path {
        self.nodes.dir()
    }

    /// Returns the stream, which is what is ranked: [`Ranking::of_stream`](crate::Ranking::of_stream).
    pub fn stream(&self) -> &RankingStream {
        &self.stream
    }

    pub(crate) fn nodes(&self) -> &NodeData {
        &self.nodes
    }

    pub(crate) fn into_nodes(self) -> NodeData {
        self.nodes
    }

    /// Reads the whole graph, on all threads, and checks it: arrays and segments against their checksums; names ascend;
    /// the edges are as many as the stream says, of each node as many as its out-degree, and self-loops only where they
    /// were kept.
    ///
    /// # Errors
    /// [`Error::Corrupt`] names the first file, and where known the offset, that is wrong.
    pub fn verify(&self) -> Result<(), Error> {
        verify_nodes(&self.nodes, self.nodes.arrays())?;
        // The file may have been exchanged since it was opened.
        if RankingStream::open(self.stream.path())?.hash() != self.stream.hash() {
            let path = self.stream.path();
            return Err(Error::corrupt(
                path,
                None,
                "the stream that was opened",
                "another",
            ));
        }
        self.stream.verify_edges(self.nodes.flags().self_loops)
    }
}

/// Opens the stream of a graph directory that carries nothing else, and makes sure that it is the manifest's.
pub(crate) fn open_stream(dir: &Path, manifest: &Manifest) -> Result<RankingStream, Error> {
    let path = dir.join(STREAM);
    let stream = RankingStream::open(&path)?;
    let sizes = (manifest.num_nodes, manifest.num_edges);
    let is_its = manifest.is_of_stream(stream.hash());
    if !is_its || sizes != (stream.num_nodes(), stream.num_edges()) {
        let expected = "the stream of which the manifest has the checksum";
        return Err(Error::corrupt(&path, Some(0), expected, "another stream"));
    }
    Ok(stream)
}

/// A graph directory of either form.
#[derive(Debug)]
pub enum AnyGraph {
    /// Arrays of edges in both directions, and a stream beside them.
    Arrays(Graph),
    /// A stream alone.
    Stream(StreamGraph),
}

/// The number of edges of each node in one direction.
#[derive(Debug)]
pub enum NodeDegrees<'a> {
    /// Told by the offsets of arrays.
    Listed(Adjacency<'a>),
    /// Counted in a stream: 4 bytes a node.
    Counted(Vec<u32>),
}

impl NodeDegrees<'_> {
    /// Returns that of a node.
    ///
    /// # Panics
    /// When there is no such node.
    #[inline]
    pub fn get(&self, node: u32) -> u64 {
        match self {
            NodeDegrees::Listed(adjacency) => adjacency.degree(node),
            NodeDegrees::Counted(degrees) => u64::from(degrees[node as usize]),
        }
    }
}

impl AnyGraph {
    /// Opens a graph directory of either form.
    ///
    /// # Errors
    /// Those of [`Graph::open`] and [`StreamGraph::open`].
    pub fn open(dir: impl AsRef<Path>) -> Result<AnyGraph, Error> {
        let dir = dir.as_ref();
        let manifest = Manifest::read(dir)?;
        match manifest.has_arrays() {
            true => Graph::open(dir).map(AnyGraph::Arrays),
            false => StreamGraph::with_manifest(dir, manifest).map(AnyGraph::Stream),
        }
    }

    /// Returns the graph with its arrays.
    ///
    /// # Errors
    /// [`Error::Incompatible`] when there is only a stream; it says how arrays are made.
    pub fn arrays(&self) -> Result<&Graph, Error> {
        match self {
            AnyGraph::Arrays(graph) => Ok(graph),
            AnyGraph::Stream(graph) => Err(no_arrays(graph.dir())),
        }
    }

    pub(crate) fn nodes(&self) -> &NodeData {
        match self {
            AnyGraph::Arrays(graph) => graph.nodes(),
            AnyGraph::Stream(graph) => graph.nodes(),
        }
    }

    /// Returns the directory that was opened.
    pub fn dir(&self) -> &Path {
        self.nodes().dir()
    }

    /// Returns the number of nodes.
    pub fn num_nodes(&self) -> u64 {
        self.nodes().num_nodes()
    }

    /// Returns the number of edges: unique ordered pairs of nodes.
    pub fn num_edges(&self) -> u64 {
        self.nodes().num_edges()
    }

    /// Returns the number of nodes with outgoing edges.
    pub fn num_sources(&self) -> u64 {
        match self {
            AnyGraph::Arrays(graph) => graph.num_sources(),
            AnyGraph::Stream(graph) => graph.stream.num_sources(),
        }
    }

    /// Whether edges from a node to itself were kept.
    pub fn keeps_self_loops(&self) -> bool {
        self.nodes().flags().self_loops
    }

    /// Whether edges carry their number of pages.
    pub fn has_edge_pages(&self) -> bool {
        self.nodes().flags().edge_pages
    }

    /// Returns the names of the nodes; graphs imported from integer edges have none.
    pub fn names(&self) -> Option<Names<'_>> {
        self.nodes().names()
    }

    /// Returns the captured pages of each node, if the graph has them.
    pub fn node_pages(&self) -> Option<&[u64]> {
        self.nodes().node_pages()
    }

    /// Returns the hosts that were folded into each node, if this graph came from a fold.
    pub fn node_hosts(&self) -> Option<&[u32]> {
        self.nodes().node_hosts()
    }

    /// Returns the number of outgoing edges of each node.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`] from a stream.
    pub fn out_degrees(&self) -> Result<NodeDegrees<'_>, Error> {
        Ok(match self {
            AnyGraph::Arrays(graph) => NodeDegrees::Listed(graph.outgoing()),
            AnyGraph::Stream(graph) => NodeDegrees::Counted(graph.stream.out_degrees()?),
        })
    }

    /// Returns the number of incoming edges of each node; of a stream it reads all.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`] from a stream.
    pub fn in_degrees(&self) -> Result<NodeDegrees<'_>, Error> {
        Ok(match self {
            AnyGraph::Arrays(graph) => NodeDegrees::Listed(graph.incoming()),
            AnyGraph::Stream(graph) => NodeDegrees::Counted(graph.stream.in_degrees()?),
        })
    }

    /// Reads all of it and checks it: [`Graph::verify`], [`StreamGraph::verify`].
    ///
    /// # Errors
    /// Those of the two.
    pub fn verify(&self) -> Result<(), Error> {
        match self {
            AnyGraph::Arrays(graph) => graph.verify(),
            AnyGraph::Stream(graph) => graph.verify(),
        }
    }
}

impl From<Graph> for AnyGraph {
    fn from(graph: Graph) -> Self {
        AnyGraph::Arrays(graph)
    }
}

impl From<StreamGraph> for AnyGraph {
    fn from(graph: StreamGraph) -> Self {
        AnyGraph::Stream(graph)
    }
}
