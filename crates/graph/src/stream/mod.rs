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

mod build;
mod codec;
mod direct;
mod file;
mod partitioned;
mod scores;
mod sources;
mod strip;

use crate::Error;
use crate::graph::Graph;
use crate::merge::Tick;
use crate::pagerank::Kernel;
use build::{Incoming, Workbench};
use direct::Direct;
use file::{Encoded, StreamWriter, Totals, Worker};
pub(crate) use file::{Reading, STREAM, StreamFile};
use partitioned::Partitioned;
use rayon::prelude::*;
use scores::Nodes;
use sources::Sources;
use std::path::Path;

/// Makes the kernel of a graph that has its stream in no file.
///
/// # Errors
/// [`Error::Memory`], and [`Error::Corrupt`] when the graph is damaged.
pub(crate) fn kernel_of(graph: &Graph) -> Result<Partitioned, Error> {
    let nodes = Nodes::new(&build::out_degrees(graph)?)?;
    Partitioned::new(build::strips(graph, &nodes.sources)?, nodes)
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

    fn read_list(&self, node: u32, list: &mut Vec<u32>) -> Result<(), Error> {
        list.clear();
        list.extend_from_slice(self.incoming().list(node)?.targets);
        Ok(())
    }

    fn bad_source(&self, node: u32, source: u32) -> Error {
        self.incoming().bad_neighbor(node, source)
    }
}

/// Makes the kernel of a stream: in memory if that and the scores take at most so many bytes, else one
/// that reads the file in each iteration.
///
/// # Errors
/// [`Error::Memory`], [`Error::Io`], [`Error::Version`], [`Error::Corrupt`].
pub(crate) fn open_kernel(
    graph: &Graph,
    path: &Path,
    memory_bytes: u64,
) -> Result<Box<dyn Kernel>, Error> {
    let file = open_of(graph, path)?;
    if Partitioned::memory_bytes(&file.superblock) <= memory_bytes {
        return Ok(Box::new(read_all(&file)?));
    }
    let reading = match file.bytes() > memory_bytes / 2 {
        true => Reading::Direct,
        false => Reading::Cached,
    };
    Ok(Box::new(Direct::new(StreamFile::open(path, reading)?)?))
}

/// Bytes of the vectors of a ranking that reads its stream in each iteration: scores and the set of sources; of
/// sources, shares, and what flows along edges, twice.
pub(crate) fn least_memory_bytes(num_nodes: u64, num_sources: u64) -> u64 {
    let nodes = num_nodes.saturating_mul(8).saturating_add(num_nodes / 4);
    nodes.saturating_add(num_sources.saturating_mul(5 * 8))
}

/// Opens the stream of a graph.
fn open_of(graph: &Graph, path: &Path) -> Result<StreamFile, Error> {
    let file = StreamFile::open(path, Reading::Cached)?;
    let counts = |n: u64, m: u64| format!("a stream of {n} nodes and {m} edges");
    let expected = (graph.num_nodes(), graph.num_edges());
    let found = (file.superblock.num_nodes, file.superblock.num_edges);
    match found == expected {
        true => Ok(file),
        false => Err(Error::corrupt(
            path,
            Some(0),
            counts(expected.0, expected.1),
            counts(found.0, found.1),
        )),
    }
}

/// Reads the whole stream of a graph and compares everything with its checksums, and its edges with those of
/// the arrays.
///
/// # Errors
/// [`Error::Io`], [`Error::Version`], [`Error::Corrupt`].
pub(crate) fn verify(graph: &Graph, path: &Path) -> Result<(), Error> {
    let file = open_of(graph, path)?;
    let wrong = |expected: &str| Error::corrupt(path, None, expected, "others");
    let degrees = file.degrees()?;
    if degrees != build::out_degrees(graph)? {
        return Err(wrong("the out-degrees of the graph"));
    }
    let sources = Sources::new(degrees.len(), |node| degrees[node] > 0);
    let nodes = sources.nodes(degrees.len());
    let (totals, edges) = (0..file.strip_segments().len())
        .into_par_iter()
        .map_init(Worker::default, |worker, number| {
            let (mut totals, mut edges) = (Totals::default(), 0u64);
            file.for_each_strip(number, &sources, worker, &mut |strip| {
                totals.add(strip);
                strip.for_each_edge(|partition, source, target| {
                    let source = sources.of_bin(partition as usize).start + usize::from(source);
                    let target = strip.bin * BIN_NODES as u32 + u32::from(target);
                    edges = edges.wrapping_add(edge_hash(nodes[source], target));
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
    if totals != file.superblock.totals {
        return Err(wrong("the totals of its segments"));
    }
    let incoming = graph.incoming();
    let expected = (0..graph.num_nodes() as u32)
        .into_par_iter()
        .map(|target| {
            let hashes = incoming
                .neighbors(target)
                .iter()
                .map(|&source| edge_hash(source, target));
            hashes.fold(0, u64::wrapping_add)
        })
        .reduce(|| 0, u64::wrapping_add);
    match edges == expected {
        true => Ok(()),
        false => Err(wrong("the edges of the graph")),
    }
}

/// What is added up over edges in any order, to compare them.
fn edge_hash(source: u32, target: u32) -> u64 {
    crate::mix64(u64::from(source) << 32 | u64::from(target))
}

/// Reads a whole stream into memory.
fn read_all(file: &StreamFile) -> Result<Partitioned, Error> {
    let nodes = Nodes::new(&file.degrees()?)?;
    let strips = (0..file.strip_segments().len())
        .into_par_iter()
        .map_init(Worker::default, |worker, number| {
            let mut strips = Vec::new();
            file.for_each_strip(number, &nodes.sources, worker, &mut |strip| {
                strips.push(std::mem::take(strip));
            })?;
            Ok(strips)
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let strips = strips.into_iter().flatten().collect();
    Partitioned::new(strips, nodes)
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
