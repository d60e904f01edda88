//! A graph directory, opened.

use crate::adjacency::Adjacency;
use crate::array::{Array, Element, array_path};
use crate::error::Error;
use crate::manifest::{CHECKSUMS, Flags, Manifest};
use crate::names::Names;
use crate::stream::STREAM;
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
    dir: PathBuf,
    manifest: Manifest,
    checksums: Array<u64>,
    names: Option<(Array<u8>, Array<u64>)>,
    outgoing: Edges,
    node_pages: Option<Array<u64>>,
    node_hosts: Option<Array<u32>>,
}

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
        if !manifest.flags.incoming {
            return Err(Error::Incompatible {
                path: dir.to_path_buf(),
                expected: "a graph with both directions".to_owned(),
                found: "scratch of an unfinished build".to_owned(),
            });
        }
        let incoming = Edges::open(dir, &manifest, ["in_offsets", "in_targets", "in_pages"])?;
        Ok(Graph {
            one_way: OneWayGraph::with_manifest(dir, manifest)?,
            incoming,
        })
    }

    /// Returns the file that rankings read, if the graph has one; graphs of older versions have none.
    pub fn ranking_stream(&self) -> Option<PathBuf> {
        let has_stream = self.one_way.manifest.stream;
        has_stream.then(|| self.dir().join(STREAM))
    }

    /// Returns the directory that was opened.
    pub fn dir(&self) -> &Path {
        &self.one_way.dir
    }

    /// Returns the number of nodes, at most 2^32 - 1.
    pub fn num_nodes(&self) -> u64 {
        self.one_way.num_nodes()
    }

    /// Returns the number of edges: unique ordered pairs of nodes.
    pub fn num_edges(&self) -> u64 {
        self.one_way.manifest.num_edges
    }

    /// Whether edges from a node to itself were kept.
    pub fn keeps_self_loops(&self) -> bool {
        self.one_way.flags().self_loops
    }

    /// Whether edges carry their number of pages.
    pub fn has_edge_pages(&self) -> bool {
        self.one_way.flags().edge_pages
    }

    /// Returns the names of the nodes; graphs imported from integer edges have none.
    pub fn names(&self) -> Option<Names<'_>> {
        self.one_way.names()
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
        self.one_way.node_pages()
    }

    /// Returns the hosts that were folded into each node, if this graph came from a fold.
    pub fn node_hosts(&self) -> Option<&[u32]> {
        self.one_way.node_hosts()
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
        let arrays = self.one_way.manifest.arrays.iter();
        arrays.map(|array| {
            let name = array.name.as_str();
            (name, array_path(&self.one_way.dir, name))
        })
    }

    pub(crate) fn one_way(&self) -> &OneWayGraph {
        &self.one_way
    }

    pub(crate) fn into_one_way(self) -> OneWayGraph {
        self.one_way
    }

    /// Each array's name, data and the check of its header, in canonical order.
    pub(crate) fn arrays(&self) -> Vec<(&'static str, &[u8], Result<(), Error>)> {
        let mut arrays = self.one_way.name_arrays();
        arrays.extend(self.one_way.outgoing.arrays(
            &self.one_way.manifest,
            ["out_offsets", "out_targets", "out_pages"],
        ));
        arrays.extend(self.incoming.arrays(
            &self.one_way.manifest,
            ["in_offsets", "in_targets", "in_pages"],
        ));
        arrays.extend(self.one_way.node_arrays());
        arrays
    }
}

impl OneWayGraph {
    /// Opens a scratch graph.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        Self::with_manifest(dir, Manifest::read(dir)?)
    }

    fn with_manifest(dir: &Path, manifest: Manifest) -> Result<Self, Error> {
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
        Ok(OneWayGraph {
            dir: dir.to_path_buf(),
            checksums: Array::open(dir, CHECKSUMS, manifest.num_blocks())?,
            names,
            outgoing: Edges::open(dir, &manifest, ["out_offsets", "out_targets", "out_pages"])?,
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

    pub(crate) fn outgoing(&self) -> Adjacency<'_> {
        self.outgoing.adjacency()
    }

    pub(crate) fn node_pages(&self) -> Option<&[u64]> {
        self.node_pages.as_ref().map(Array::as_slice)
    }

    pub(crate) fn node_hosts(&self) -> Option<&[u32]> {
        self.node_hosts.as_ref().map(Array::as_slice)
    }

    /// Name, data and check of the header of the arrays that a merge reads.
    pub(crate) fn merged_arrays(&self) -> Vec<(&'static str, &[u8], Result<(), Error>)> {
        let mut arrays = self.name_arrays();
        arrays.extend(
            self.outgoing
                .arrays(&self.manifest, ["out_offsets", "out_targets", "out_pages"]),
        );
        arrays.extend(self.node_arrays());
        arrays
    }

    fn name_arrays(&self) -> Vec<(&'static str, &[u8], Result<(), Error>)> {
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

    fn node_arrays(&self) -> Vec<(&'static str, &[u8], Result<(), Error>)> {
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
    ) -> Vec<(&'static str, &[u8], Result<(), Error>)> {
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
