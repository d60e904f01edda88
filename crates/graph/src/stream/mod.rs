//! The compact stream: a graph's incoming edges in the order in which PageRank wants to add them up.
//!
//! Adding along an edge costs a random access, and what decides the time of one is whether a cache
//! holds it. So nodes are cut into *bins* of 32,768, whose sums fit a core's second-level cache, and
//! edges into *cells*: those from the sources of one bin to the targets of another (partition-centric
//! processing: Lakhotia, Kannan and Prasanna, USENIX ATC 2018). Within a cell ids are 16 bits, and
//! edges come in two kinds, list by list, whichever is less work ([`strip`]):
//!
//! * **messages**: a source with all its targets in the bin; its contribution is read once and added to
//!   each of them;
//! * **hubs**: a target with many sources in the partition, as a list of single sources and of runs of
//!   consecutive ones. A run costs two reads, whatever its length, of the running sum of contributions.
//!
//! Sources are numbered without dangling nodes ([`sources`]), which contribute nothing.
//!
//! *Order of sums*, which is part of the stream, so that any reader of it gets the same bits: strips of
//! a bin as they are stored; within one first messages, cell by cell, then hubs, cell by cell; a hub's
//! sum is four sums of singles (the i-th goes to sum i mod 4), added as (0 + 2) + (1 + 3), and then the
//! runs. Sums over nodes: four within a bin in the same way, then the bins, ascending.

mod block;
mod build;
mod codec;
mod direct;
mod edges;
mod file;
mod partitioned;
mod scores;
mod shares;
mod sorted;
mod sources;
mod strip;
mod visit;
mod wide;

use crate::Error;
use crate::graph::Graph;
use crate::manifest::MAX_NODES;
use crate::merge::{Progress, Tick};
use crate::pagerank::Kernel;
use crate::writer::check_num_nodes;
pub use block::{BlockScores, RankingBlock};
use build::{Incoming, Workbench};
use direct::Direct;
pub use edges::{EdgeList, EdgePart, RankedEdges};
use file::{Encoded, StreamWriter, Totals, Worker};
pub(crate) use file::{Reading, STREAM, StreamFile};
use partitioned::Partitioned;
use rayon::prelude::*;
use scores::Nodes;
pub(crate) use scores::split_front;
use shares::Shares;
pub(crate) use sorted::{SeenSources, SortedWriter};
pub(crate) use sources::Sources;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
pub(crate) use visit::StreamEdges;

/// Makes the kernel of a graph that has its stream in no file.
///
/// # Errors
/// [`Error::Memory`], and [`Error::Corrupt`] when the graph is damaged.
pub(crate) fn kernel_of(graph: &Graph) -> Result<Partitioned, Error> {
    let nodes = Nodes::new(&build::out_degrees(graph)?);
    Partitioned::new(build::strips(graph, &nodes.sources)?, nodes)
}

/// A stream in a file: that of a graph, or of one of which there is nothing else.
///
/// All edges of a graph of billions in one to two bytes each, which is all that a ranking reads.
#[derive(Debug)]
pub struct RankingStream {
    file: StreamFile,
}

impl RankingStream {
    /// Opens a stream and checks its superblock and table; edges are checked when they are read.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Version`], [`Error::Corrupt`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = StreamFile::open(path, Reading::Cached)?;
        Ok(RankingStream { file })
    }

    /// Opens the stream of a graph.
    pub(crate) fn of(graph: &Graph, path: &Path) -> Result<Self, Error> {
        let stream = Self::open(path)?;
        let counts = |n: u64, m: u64| format!("a stream of {n} nodes and {m} edges");
        let expected = (graph.num_nodes(), graph.num_edges());
        let found = (stream.num_nodes(), stream.num_edges());
        match found == expected {
            true => Ok(stream),
            false => Err(Error::corrupt(
                path,
                Some(0),
                counts(expected.0, expected.1),
                counts(found.0, found.1),
            )),
        }
    }

    /// Writes the stream of edges that are in no graph, to the file `path`, which must not be there yet.
    ///
    /// `degree` tells the number of a node's outgoing edges. `read_list` makes of a vector the sources of a node's
    /// incoming edges, ascending and unique. Both are asked by several threads, in any order; the bytes do not
    /// depend on that. `progress` hears of the edges written so far and may stop it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`] when a list does not ascend, or names a node without outgoing edges;
    /// [`Error::TooManyNodes`], [`Error::Memory`], [`Error::Interrupted`]. The file is then of no use.
    pub fn write(
        path: &Path,
        num_nodes: u64,
        degree: impl Fn(u32) -> u32 + Sync,
        read_list: impl Fn(u32, &mut Vec<u32>) + Sync,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Self, Error> {
        check_num_nodes(num_nodes, MAX_NODES)?;
        let lists = Lists {
            num_nodes: num_nodes as usize,
            degree,
            read_list,
            path,
        };
        write(&lists, path, true, &mut Tick::new(progress))?;
        Self::open(path)
    }

    /// Returns the number of nodes.
    pub fn num_nodes(&self) -> u64 {
        self.file.superblock.num_nodes
    }

    /// Returns the number of edges.
    pub fn num_edges(&self) -> u64 {
        self.file.superblock.num_edges
    }

    /// Returns the number of nodes with outgoing edges.
    pub fn num_sources(&self) -> u64 {
        self.file.superblock.num_sources
    }

    /// Reads the number of outgoing edges of each node.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn out_degrees(&self) -> Result<Vec<u32>, Error> {
        self.file.degrees()
    }

    /// Counts the incoming edges of each node: reads all.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn in_degrees(&self) -> Result<Vec<u32>, Error> {
        let counts = Counts::new(self.file.num_nodes());
        let edges = StreamEdges::new(self, &self.out_degrees()?);
        edges
            .tasks()
            .into_par_iter()
            .try_for_each_init(Worker::default, |worker, task| {
                edges.for_each_strip(task.segments, worker, &mut |strip| {
                    edges.for_each_edge(strip, |_, target| counts.add_own(target));
                })
            })?;
        Ok(counts.into_vec())
    }

    /// Returns the length of the file.
    pub fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Returns the bytes of memory with which a ranking keeps all edges there; with less it reads them in each
    /// iteration.
    pub fn memory_bytes(&self) -> u64 {
        Partitioned::memory_bytes(&self.file.superblock)
    }

    /// A hash of all that is in the stream.
    pub(crate) fn hash(&self) -> u64 {
        self.file.superblock.table_checksum
    }

    /// Makes the kernel: in memory if that and the scores take at most so many bytes, else one that reads the
    /// file in each iteration.
    pub(crate) fn kernel(&self, memory_bytes: u64) -> Result<Box<dyn Kernel>, Error> {
        if self.memory_bytes() <= memory_bytes {
            return Ok(Box::new(self.read_all()?));
        }
        // What fits is left to the page cache; what does not would only turn it over.
        let reading = match self.bytes() > memory_bytes / 2 {
            true => Reading::Direct,
            false => Reading::Cached,
        };
        Ok(Box::new(Direct::new(StreamFile::open(
            self.path(),
            reading,
        )?)?))
    }

    /// Reads the whole stream into memory.
    fn read_all(&self) -> Result<Partitioned, Error> {
        let nodes = Nodes::new(&self.file.degrees()?);
        let strips = (0..self.file.strip_segments().len())
            .into_par_iter()
            .map_init(Worker::default, |worker, number| {
                let mut strips = Vec::new();
                self.file
                    .for_each_strip(number, &nodes.sources, worker, &mut |strip| {
                        strips.push(std::mem::take(strip));
                    })?;
                Ok(strips)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Partitioned::new(strips.into_iter().flatten().collect(), nodes)
    }

    /// Reads all of it and compares everything with its checksums, and the edges of each node with its degree.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn verify(&self) -> Result<(), Error> {
        self.verify_edges(true)
    }

    /// As [`verify`](Self::verify); edges from a node to itself may be there or not.
    pub(crate) fn verify_edges(&self, loops: bool) -> Result<(), Error> {
        let degrees = self.out_degrees()?;
        let counts = Counts::new(degrees.len());
        let looped = self.edge_sum(&degrees, |source, target| {
            counts.add(source);
            u64::from(source == target)
        })?;
        if looped > 0 && !loops {
            return Err(self.wrong("no edge from a node to itself"));
        }
        match counts.into_vec() == degrees {
            true => Ok(()),
            false => Err(self.wrong("as many edges of each node as its degree")),
        }
    }

    /// As [`verify`](Self::verify), and compares with the arrays of the graph.
    pub(crate) fn verify_of(&self, graph: &Graph) -> Result<(), Error> {
        let degrees = self.out_degrees()?;
        if degrees != build::out_degrees(graph)? {
            return Err(self.wrong("the out-degrees of the graph"));
        }
        let edges = self.edge_sum(&degrees, edge_hash)?;
        let incoming = graph.incoming();
        let expected = (0..graph.num_nodes() as u32)
            .into_par_iter()
            .map(|target| {
                let sources = incoming.neighbors(target).iter();
                let hashes = sources.map(|&source| edge_hash(source, target));
                hashes.fold(0, u64::wrapping_add)
            })
            .reduce(|| 0, u64::wrapping_add);
        match edges == expected {
            true => Ok(()),
            false => Err(self.wrong("the edges of the graph")),
        }
    }

    /// Reads all strips; returns the sum of what `value` makes of their edges.
    fn edge_sum(
        &self,
        degrees: &[u32],
        value: impl Fn(u32, u32) -> u64 + Sync,
    ) -> Result<u64, Error> {
        let reader = StreamEdges::new(self, degrees);
        let (totals, edges) = reader
            .tasks()
            .into_par_iter()
            .map_init(Worker::default, |worker, task| {
                let (mut totals, mut edges) = (Totals::default(), 0u64);
                reader.for_each_strip(task.segments, worker, &mut |strip| {
                    totals.add(strip);
                    reader.for_each_edge(strip, |source, target| {
                        edges = edges.wrapping_add(value(source, target));
                    });
                })?;
                Ok((totals, edges))
            })
            .try_reduce(
                Default::default,
                |(mut totals, edges), (more, more_edges)| {
                    totals.add_all(&more);
                    Ok((totals, edges.wrapping_add(more_edges)))
                },
            )?;
        match totals == self.file.superblock.totals {
            true => Ok(edges),
            false => Err(self.wrong("the totals of its segments")),
        }
    }

    fn wrong(&self, expected: &str) -> Error {
        Error::corrupt(self.path(), None, expected, "others")
    }
}

/// A number for each node, which several threads count up.
struct Counts(Vec<AtomicU32>);

impl Counts {
    fn new(num_nodes: usize) -> Self {
        let mut counts = Vec::new();
        counts.resize_with(num_nodes, AtomicU32::default);
        Counts(counts)
    }

    fn add(&self, node: u32) {
        self.0[node as usize].fetch_add(1, Relaxed);
    }

    /// As [`add`](Self::add), for a node that no other thread counts: half the time.
    fn add_own(&self, node: u32) {
        let count = &self.0[node as usize];
        count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
    }

    fn into_vec(self) -> Vec<u32> {
        self.0.into_iter().map(AtomicU32::into_inner).collect()
    }
}

/// Edges that are in no graph.
struct Lists<'a, D, R> {
    num_nodes: usize,
    degree: D,
    read_list: R,
    /// For messages.
    path: &'a Path,
}

impl<D, R> Incoming for Lists<'_, D, R>
where
    D: Fn(u32) -> u32 + Sync,
    R: Fn(u32, &mut Vec<u32>) + Sync,
{
    fn num_nodes(&self) -> usize {
        self.num_nodes
    }

    fn degree(&self, node: u32) -> Result<u32, Error> {
        Ok((self.degree)(node))
    }

    fn list<'a>(&'a self, node: u32, buffer: &'a mut Vec<u32>) -> Result<&'a [u32], Error> {
        (self.read_list)(node, buffer);
        Ok(buffer)
    }

    fn bad_source(&self, node: u32, source: u32) -> Error {
        let found = format!("{source} among those of node {node}");
        Error::corrupt(
            self.path,
            None,
            "ascending sources with outgoing edges",
            found,
        )
    }
}

/// Writes a stream to the file `path`, which must not be there yet.
///
/// # Errors
/// [`Error::Io`], [`Error::Interrupted`] when `tick` says so, and those of `edges`.
pub(crate) fn write(
    edges: &impl Incoming,
    path: &Path,
    durable: bool,
    tick: &mut Tick<'_>,
) -> Result<(), Error> {
    let degrees = build::out_degrees(edges)?;
    let sources = Sources::new(degrees.len(), |node| degrees[node] > 0);
    let mut writer = StreamWriter::create(path, degrees.len(), sources.len())?;
    let bins: Vec<usize> = (0..num_bins(degrees.len())).collect();
    // As many at a time as keep all threads busy; what waits for the disk stays small.
    for bins in bins.chunks(8 * rayon::current_num_threads()) {
        let strips = bins
            .par_iter()
            .map_init(Workbench::default, |workbench, &bin| {
                let mut strips = Vec::new();
                workbench.strips(bin, edges, &sources, &mut |strip| {
                    strips.push(Encoded::new(&strip))
                })?;
                Ok(strips)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        for strip in strips.iter().flatten() {
            writer.push(strip)?;
            tick.edges(strip.edges)?;
        }
    }
    writer.finish(&degrees, durable)
}

impl Incoming for Graph {
    fn num_nodes(&self) -> usize {
        self.num_nodes() as usize
    }

    fn degree(&self, node: u32) -> Result<u32, Error> {
        Ok(self.outgoing().list(node)?.targets.len() as u32)
    }

    fn list<'a>(&'a self, node: u32, _buffer: &'a mut Vec<u32>) -> Result<&'a [u32], Error> {
        Ok(self.incoming().list(node)?.targets)
    }

    fn bad_source(&self, node: u32, source: u32) -> Error {
        self.incoming().bad_neighbor(node, source)
    }
}

/// Bytes of the vectors of a ranking that reads its stream in each iteration: scores and the set of sources; of
/// sources, shares, and what flows along edges and its running sums, both twice.
pub(crate) fn least_memory_bytes(num_nodes: u64, num_sources: u64) -> u64 {
    let nodes = num_nodes.saturating_mul(8).saturating_add(num_nodes / 4);
    nodes.saturating_add(num_sources.saturating_mul(4 * 8 + Shares::BYTES))
}

/// What is added up over edges in any order, to compare them.
fn edge_hash(source: u32, target: u32) -> u64 {
    crate::mix64(u64::from(source) << 32 | u64::from(target))
}

/// Nodes of a bin: 256 KiB of sums, half of a small second-level cache.
pub(crate) const BIN_NODES: usize = 1 << 15;

/// Returns the number of bins of so many nodes.
pub(crate) fn num_bins(num_nodes: usize) -> usize {
    num_nodes.div_ceil(BIN_NODES)
}

/// Returns the nodes of a bin.
pub(crate) fn bin_nodes(bin: usize, num_nodes: usize) -> std::ops::Range<usize> {
    let first = bin * BIN_NODES;
    first..(first + BIN_NODES).min(num_nodes)
}
