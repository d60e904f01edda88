//! A graph directory, opened.

use crate::adjacency::Adjacency;
use crate::array::{Array, Element, array_path};
use crate::error::Error;
use crate::manifest::{CHECKSUMS, Flags, Manifest};
use crate::names::Names;
use crate::stream::STREAM;
use crate::writer::GraphWriter;
use std::path::{Path, PathBuf};

/// A graph directory mapped into memory: names, edges in both directions, counts per node.
///
/// Immutable and shared freely between threads. Opening takes milliseconds whatever the size.
#[derive(Debug)]
pub struct Graph {
    one_way: OneWayGraph,
    incoming: Edges,
}

/// A graph with its outgoing direction only: what a spill of a builder is, and all that a merge reads.
#[derive(Debug)]
pub(crate) struct OneWayGraph {
    nodes: NodeData,
    outgoing: Edges,
}

/// A graph directory without its edges: names and counts of the nodes.
#[derive(Debug)]
pub(crate) struct NodeData {
    dir: PathBuf,
    manifest: Manifest,
    checksums: Array<u64>,
    names: Option<(Array<u8>, Array<u64>)>,
    node_pages: Option<Array<u64>>,
    node_hosts: Option<Array<u32>>,
}

/// An array's name, data and the check of its header.
pub(crate) type NamedArray<'a> = (&'static str, &'a [u8], Result<(), Error>);

const OUTGOING: [&str; 3] = ["out_offsets", "out_targets", "out_pages"];
const INCOMING: [&str; 3] = ["in_offsets", "in_targets", "in_pages"];

#[derive(Debug)]
struct Edges {
    offsets: Array<u64>,
    targets: Array<u32>,
    pages: Option<Array<u32>>,
}

impl Graph {
    /// Maps a graph directory.
    ///
    /// Checks the manifest with its checksum, and type and exact length of every file. Values are
    /// not read: see [`verify`](Self::verify). A graph from foreign hands that was not verified
    /// gives wrong answers or errors where it is damaged, and nothing worse.
    ///
    /// # Errors
    /// [`Error::Io`] when a file is missing, [`Error::Version`], or [`Error::Corrupt`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Graph, Error> {
        let graph = Self::open_without_stream(dir.as_ref())?;
        if let Some(path) = graph.ranking_stream() {
            std::fs::metadata(&path).map_err(Error::io(&path, "read"))?;
        }
        Ok(graph)
    }

    /// As [`open`](Self::open), before the stream is there.
    pub(crate) fn open_without_stream(dir: &Path) -> Result<Graph, Error> {
        let manifest = Manifest::read(dir)?;
        if !manifest.has_arrays() {
            return Err(no_arrays(dir));
        }
        if !manifest.flags.incoming {
            return Err(Error::Incompatible {
                path: dir.to_path_buf(),
                expected: "a graph with both directions".to_owned(),
                found: "scratch of an unfinished build".to_owned(),
            });
        }
        let incoming = Edges::open(dir, &manifest, INCOMING)?;
        Ok(Graph {
            one_way: OneWayGraph::with_manifest(dir, manifest)?,
            incoming,
        })
    }

    /// Returns the file that rankings read, if the graph has one; graphs of older versions have none.
    pub fn ranking_stream(&self) -> Option<PathBuf> {
        let has_stream = self.one_way.nodes.manifest.stream;
        has_stream.then(|| self.dir().join(STREAM))
    }

    /// Returns the directory that was opened.
    pub fn dir(&self) -> &Path {
        self.nodes().dir()
    }

    /// Returns the number of nodes, at most 2^32 - 1.
    pub fn num_nodes(&self) -> u64 {
        self.nodes().num_nodes()
    }

    /// Returns the number of edges: unique ordered pairs of nodes.
    pub fn num_edges(&self) -> u64 {
        self.nodes().num_edges()
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

    /// Returns the edges by source.
    pub fn outgoing(&self) -> Adjacency<'_> {
        self.one_way.outgoing()
    }

    /// Returns the edges by target: `neighbors(v)` are the nodes with an edge to `v`.
    pub fn incoming(&self) -> Adjacency<'_> {
        self.incoming.adjacency()
    }

    /// Returns the captured pages of each node, if the graph has them.
    pub fn node_pages(&self) -> Option<&[u64]> {
        self.nodes().node_pages()
    }

    /// Returns the hosts that were folded into each node, if this graph came from a fold.
    pub fn node_hosts(&self) -> Option<&[u32]> {
        self.nodes().node_hosts()
    }

    /// Returns the number of nodes without outgoing edges.
    pub fn num_dangling(&self) -> u64 {
        let offsets = self.outgoing().offsets();
        offsets.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64
    }

    /// Returns the number of nodes with outgoing edges.
    pub fn num_sources(&self) -> u64 {
        self.num_nodes() - self.num_dangling()
    }

    /// Names and files of the arrays, in the order of the format: NumPy files, for readers of other languages.
    pub fn array_files(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        self.nodes().array_files()
    }

    pub(crate) fn nodes(&self) -> &NodeData {
        &self.one_way.nodes
    }

    /// Copies the edges in both directions.
    pub(crate) fn copy_edges(&self, writer: &mut GraphWriter) -> Result<(), Error> {
        self.one_way.outgoing.copy(OUTGOING, writer)?;
        self.incoming.copy(INCOMING, writer)
    }

    pub(crate) fn into_one_way(self) -> OneWayGraph {
        self.one_way
    }

    /// Each array's name, data and the check of its header, in canonical order.
    pub(crate) fn arrays(&self) -> Vec<NamedArray<'_>> {
        let (nodes, outgoing) = (self.nodes(), &self.one_way.outgoing);
        let mut arrays = nodes.name_arrays();
        arrays.extend(outgoing.arrays(&nodes.manifest, OUTGOING));
        arrays.extend(self.incoming.arrays(&nodes.manifest, INCOMING));
        arrays.extend(nodes.count_arrays());
        arrays
    }
}

impl OneWayGraph {
    /// Opens a scratch graph.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        Self::with_manifest(dir, Manifest::read(dir)?)
    }

    fn with_manifest(dir: &Path, manifest: Manifest) -> Result<Self, Error> {
        Ok(OneWayGraph {
            outgoing: Edges::open(dir, &manifest, OUTGOING)?,
            nodes: NodeData::open(dir, manifest)?,
        })
    }

    pub(crate) fn nodes(&self) -> &NodeData {
        &self.nodes
    }

    pub(crate) fn outgoing(&self) -> Adjacency<'_> {
        self.outgoing.adjacency()
    }

    /// Those arrays that a merge reads.
    pub(crate) fn merged_arrays(&self) -> Vec<NamedArray<'_>> {
        let mut arrays = self.nodes.name_arrays();
        arrays.extend(self.outgoing.arrays(&self.nodes.manifest, OUTGOING));
        arrays.extend(self.nodes.count_arrays());
        arrays
    }
}

impl NodeData {
    pub(crate) fn open(dir: &Path, manifest: Manifest) -> Result<Self, Error> {
        let n = manifest.num_nodes;
        let Flags {
            names,
            node_pages,
            node_hosts,
            ..
        } = manifest.flags;
        let names = match names {
            true => {
                let bytes = Array::open(dir, "names", manifest.len_of("names"))?;
                Some((bytes, Array::open(dir, "name_offsets", n + 1)?))
            }
            false => None,
        };
        Ok(NodeData {
            dir: dir.to_path_buf(),
            checksums: Array::open(dir, CHECKSUMS, manifest.num_blocks())?,
            names,
            node_pages: node_pages
                .then(|| Array::open(dir, "node_pages", n))
                .transpose()?,
            node_hosts: node_hosts
                .then(|| Array::open(dir, "node_hosts", n))
                .transpose()?,
            manifest,
        })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(crate) fn checksums(&self) -> &Array<u64> {
        &self.checksums
    }

    pub(crate) fn flags(&self) -> Flags {
        self.manifest.flags
    }

    pub(crate) fn num_nodes(&self) -> u64 {
        self.manifest.num_nodes
    }

    pub(crate) fn num_edges(&self) -> u64 {
        self.manifest.num_edges
    }

    pub(crate) fn names(&self) -> Option<Names<'_>> {
        let (bytes, offsets) = self.names.as_ref()?;
        Some(Names::new(
            bytes.as_slice(),
            offsets.as_slice(),
            offsets.path(),
        ))
    }

    /// The names, or the error that says that this graph has none.
    pub(crate) fn expect_names(&self) -> Result<Names<'_>, Error> {
        self.names().ok_or_else(|| Error::Incompatible {
            path: self.dir.clone(),
            expected: "a graph with names".to_owned(),
            found: "one without, as imported from integer edges".to_owned(),
        })
    }

    pub(crate) fn node_pages(&self) -> Option<&[u64]> {
        self.node_pages.as_ref().map(Array::as_slice)
    }

    pub(crate) fn node_hosts(&self) -> Option<&[u32]> {
        self.node_hosts.as_ref().map(Array::as_slice)
    }

    fn array_files(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let names = self.manifest.arrays.iter().map(|array| array.name.as_str());
        names.map(|name| (name, array_path(&self.dir, name)))
    }

    /// All arrays of a graph that has none of edges.
    pub(crate) fn arrays(&self) -> Vec<NamedArray<'_>> {
        let mut arrays = self.name_arrays();
        arrays.extend(self.count_arrays());
        arrays
    }

    fn name_arrays(&self) -> Vec<NamedArray<'_>> {
        match &self.names {
            Some((bytes, offsets)) => {
                vec![
                    checked(bytes, &self.manifest, "names"),
                    checked(offsets, &self.manifest, "name_offsets"),
                ]
            }
            None => Vec::new(),
        }
    }

    fn count_arrays(&self) -> Vec<NamedArray<'_>> {
        let pages = self
            .node_pages
            .iter()
            .map(|array| checked(array, &self.manifest, "node_pages"));
        let hosts = self
            .node_hosts
            .iter()
            .map(|array| checked(array, &self.manifest, "node_hosts"));
        pages.chain(hosts).collect()
    }
}

/// For a graph that carries only its ranking stream, where arrays are needed.
pub(crate) fn no_arrays(dir: &Path) -> Error {
    let quoted = dir.display();
    Error::Incompatible {
        path: dir.to_path_buf(),
        expected: "a graph with arrays of its edges".to_owned(),
        found: format!(
            "one that carries only its ranking stream; `crawlrank graph convert {quoted} --form arrays --out NEW` makes the arrays"
        ),
    }
}

impl Edges {
    fn open(
        dir: &Path,
        manifest: &Manifest,
        [offsets, targets, pages]: [&str; 3],
    ) -> Result<Self, Error> {
        let m = manifest.num_edges;
        Ok(Edges {
            offsets: Array::open(dir, offsets, manifest.num_nodes + 1)?,
            targets: Array::open(dir, targets, m)?,
            pages: manifest
                .flags
                .edge_pages
                .then(|| Array::open(dir, pages, m))
                .transpose()?,
        })
    }

    fn copy(&self, names: [&'static str; 3], writer: &mut GraphWriter) -> Result<(), Error> {
        let mut offsets = writer.array(names[0])?;
        offsets.extend(self.offsets.as_slice())?;
        writer.finish_array(offsets)?;
        let values = [Some(&self.targets), self.pages.as_ref()];
        for (name, values) in names[1..].iter().zip(values) {
            if let Some(values) = values {
                let mut array = writer.array(name)?;
                array.extend(values.as_slice())?;
                writer.finish_array(array)?;
            }
        }
        Ok(())
    }

    fn adjacency(&self) -> Adjacency<'_> {
        let pages = self.pages.as_ref().map(Array::as_slice);
        Adjacency::new(
            self.offsets.as_slice(),
            self.targets.as_slice(),
            pages,
            self.targets.path(),
        )
    }

    fn arrays(
        &self,
        manifest: &Manifest,
        [offsets, targets, pages]: [&'static str; 3],
    ) -> Vec<NamedArray<'_>> {
        let mut arrays = vec![
            checked(&self.offsets, manifest, offsets),
            checked(&self.targets, manifest, targets),
        ];
        arrays.extend(
            self.pages
                .iter()
                .map(|array| checked(array, manifest, pages)),
        );
        arrays
    }
}

fn checked<'a, T: Element>(
    array: &'a Array<T>,
    manifest: &Manifest,
    name: &'static str,
) -> (&'static str, &'a [u8], Result<(), Error>) {
    (
        name,
        array.bytes(),
        array.check_header(manifest.len_of(name)),
    )
}
