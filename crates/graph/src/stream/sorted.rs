//! The stream of edges that come by target, then source, each once: in one pass, of which nothing is kept but degrees.

use super::file::{Encoded, StreamWriter};
use super::sources::Sources;
use super::strip::{STRIP_EDGES, Strip, StripBuilder};
use super::{BIN_NODES, num_bins};
use crate::Error;
use crate::merge::Tick;
use crate::writer::WRITE_BUFFERS_BYTES;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// The sources among the nodes, noted by several threads while edges come in any order: strips number them, so all
/// must be known before the first strip is made. A bit a node.
#[derive(Debug, Default)]
pub(crate) struct SeenSources(Vec<AtomicU64>);

impl SeenSources {
    /// With room for so many nodes.
    pub(crate) fn of(num_nodes: u64) -> Self {
        let mut seen = Self::default();
        seen.make_room(num_nodes);
        seen
    }

    /// Makes room for so many nodes.
    pub(crate) fn make_room(&mut self, num_nodes: u64) {
        let words = num_nodes.div_ceil(64) as usize;
        if words > self.0.len() {
            self.0.resize_with(words, AtomicU64::default);
        }
    }

    /// Notes a node, for which there is room.
    #[inline]
    pub(crate) fn add(&self, node: u32) {
        let (word, bit) = (&self.0[node as usize / 64], 1 << (node % 64));
        // Most have been noted before, and reading is much cheaper.
        if word.load(Relaxed) & bit == 0 {
            word.fetch_or(bit, Relaxed);
        }
    }

    fn contains(&self, node: usize) -> bool {
        let word = self.0.get(node / 64);
        word.is_some_and(|word| word.load(Relaxed) >> (node % 64) & 1 == 1)
    }
}

/// Writes a stream of sorted edges.
pub(crate) struct SortedWriter {
    path: PathBuf,
    writer: StreamWriter,
    sources: Sources,
    /// Counted as edges come, each of which comes once.
    degrees: Vec<AtomicU32>,
    /// Edges that are in no strip yet: target in the high half, source in the low one.
    held: Vec<u64>,
    most_held: usize,
}

impl SortedWriter {
    /// Starts the file `path`, which must not be there yet. Takes 4.4 bytes a node, and some 30 bytes for each edge that
    /// is held: those are a quarter of `memory_bytes`, or a strip.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Memory`] when degrees take more than `memory_bytes`, or more than buffers do.
    pub(crate) fn create(
        path: &Path,
        num_nodes: u64,
        seen: SeenSources,
        memory_bytes: usize,
    ) -> Result<Self, Error> {
        let needed = num_nodes * size_of::<u32>() as u64;
        let too_much = || Error::Memory {
            what: "a graph that carries only its stream",
            needed,
        };
        let n = num_nodes as usize;
        let mut degrees = Vec::new();
        let most = memory_bytes.max(WRITE_BUFFERS_BYTES) as u64;
        if needed > most || degrees.try_reserve_exact(n).is_err() {
            return Err(too_much());
        }
        degrees.resize_with(n, AtomicU32::default);
        let sources = Sources::new(n, |node| seen.contains(node));
        // More at once are no faster than what keeps all threads busy.
        let most_held = 2 * rayon::current_num_threads() * STRIP_EDGES;
        Ok(SortedWriter {
            path: path.to_path_buf(),
            writer: StreamWriter::create(path, n, sources.len())?,
            sources,
            degrees,
            held: Vec::new(),
            most_held: (memory_bytes / 4 / EDGE_BYTES).min(most_held),
        })
    }

    /// Takes the next edges, by target, then source: the first id of each is the target.
    pub(crate) fn extend(&mut self, edges: &[u64], tick: &mut Tick<'_>) -> Result<(), Error> {
        self.held.extend_from_slice(edges);
        match self.held.len() < self.most_held {
            true => Ok(()),
            false => self.write_strips(false, tick),
        }
    }

    /// Writes the strips that are complete, or all.
    fn write_strips(&mut self, all: bool, tick: &mut Tick<'_>) -> Result<(), Error> {
        let mut strips = Vec::new();
        let mut rest = self.held.as_slice();
        while let Some(&first) = rest.first() {
            let most = &rest[..rest.len().min(STRIP_EDGES)];
            let len = most.partition_point(|&edge| bin_of(edge) == bin_of(first));
            let may_grow = len == rest.len() && len < STRIP_EDGES;
            if may_grow && !all {
                break;
            }
            let (strip, later) = rest.split_at(len);
            strips.push(strip);
            rest = later;
        }
        let left = rest.len();
        let encoded = strips
            .into_par_iter()
            .with_max_len(1)
            .map_init(Default::default, |(builder, list), edges| {
                Ok(Encoded::new(&self.strip(edges, builder, list)?))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        for strip in &encoded {
            self.writer.push(strip)?;
            tick.edges(strip.edges)?;
        }
        self.held.drain(..self.held.len() - left);
        Ok(())
    }

    /// Makes a strip of its edges, and counts them.
    fn strip(
        &self,
        edges: &[u64],
        builder: &mut StripBuilder,
        list: &mut Vec<u32>,
    ) -> Result<Strip, Error> {
        builder.begin(&self.sources);
        let is_one_list = |a: &u64, b: &u64| a >> 32 == b >> 32;
        for of_target in edges.chunk_by(is_one_list) {
            list.clear();
            list.extend(of_target.iter().map(|&edge| edge as u32));
            let target = (of_target[0] >> 32) as usize;
            builder
                .push((target % BIN_NODES) as u16, list, &self.sources)
                .map_err(|source| self.bad_source(source))?;
            for &source in list.iter() {
                let degree = self.degrees.get(source as usize);
                let degree = degree.ok_or_else(|| self.bad_source(source))?;
                degree.fetch_add(1, Relaxed);
            }
        }
        let bin = bin_of(edges[0]);
        if bin as usize >= num_bins(self.degrees.len()) {
            return Err(self.bad_source((edges[0] >> 32) as u32));
        }
        let strip = builder.finish(bin, &self.sources);
        strip.map_err(|bad| self.bad_source(bad.node))
    }

    /// Edges come from runs on disk, which may have been exchanged.
    fn bad_source(&self, node: u32) -> Error {
        let expected = "edges between the nodes that were counted, in order";
        Error::corrupt(&self.path, None, expected, format!("one of node {node}"))
    }

    /// Ends the file; returns the number of edges.
    pub(crate) fn finish(mut self, tick: &mut Tick<'_>) -> Result<u64, Error> {
        self.write_strips(true, tick)?;
        let degrees: Vec<u32> = self
            .degrees
            .into_iter()
            .map(AtomicU32::into_inner)
            .collect();
        self.writer.finish(&degrees, true)?;
        Ok(degrees.iter().map(|&degree| u64::from(degree)).sum())
    }
}

/// What an edge takes that is held, and that is made into a strip.
const EDGE_BYTES: usize = 30;

fn bin_of(edge: u64) -> u32 {
    (edge >> 32) as u32 / BIN_NODES as u32
}
