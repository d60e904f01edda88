//! All edges of a stream, strip by strip: what reads a stream for anything but a ranking.

use super::file::{StreamFile, Worker};
use super::sources::Sources;
use super::strip::{STRIP_EDGES, Strip};
use super::{BIN_NODES, RankingStream, num_bins};
use crate::Error;
use crate::in_edges::InEdges;
use rayon::prelude::*;
use std::ops::Range;

/// The longest row of segments that share bins, mostly one segment, and the bins since the row before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) segments: Range<usize>,
    pub(crate) bins: Range<usize>,
}

/// Cuts a stream into tasks, in the order of the file. Each bin belongs to one, so that what belongs to the bin's
/// nodes can be written by that task alone.
pub(crate) fn tasks(file: &StreamFile) -> Vec<Task> {
    tasks_of_bins(file, 0..num_bins(file.num_nodes()))
}

/// As [`tasks`], for a stream that has edges to the nodes of these bins alone.
pub(crate) fn tasks_of_bins(file: &StreamFile, bins: Range<usize>) -> Vec<Task> {
    let segments = file.strip_segments();
    let mut tasks: Vec<Task> = Vec::new();
    for (number, segment) in segments.iter().enumerate() {
        let end = segment.last_bin as usize + 1;
        match tasks.last_mut() {
            Some(task) if task.bins.end > segment.first_bin as usize => {
                task.segments.end = number + 1;
                task.bins.end = end;
            }
            last => {
                let start = last.map_or(bins.start, |task| task.bins.end);
                tasks.push(Task {
                    segments: number..number + 1,
                    bins: start..end,
                });
            }
        }
    }
    match tasks.last_mut() {
        Some(task) => task.bins.end = bins.end,
        None => tasks.push(Task {
            segments: 0..0,
            bins,
        }),
    }
    tasks
}

/// What an edge takes in a strip, and sorted.
const HELD_EDGE_BYTES: usize = 16;

/// Reads the edges of a stream, by several threads that each have their own [`Worker`].
///
/// 4 bytes a source, and the set of sources, besides the degrees, which are the caller's.
#[derive(Debug)]
pub(crate) struct StreamEdges<'a> {
    file: &'a StreamFile,
    sources: Sources,
    /// The node of each source.
    nodes: Vec<u32>,
}

impl<'a> StreamEdges<'a> {
    /// `degrees`: [those](RankingStream::out_degrees) of the stream.
    pub(crate) fn new(stream: &'a RankingStream, degrees: &[u32]) -> Self {
        let sources = Sources::new(degrees.len(), |node| degrees[node] > 0);
        StreamEdges {
            file: &stream.file,
            nodes: sources.nodes(degrees.len()),
            sources,
        }
    }

    /// The stream in parts that share no bin, in the order of the file.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        tasks(self.file)
    }

    /// Calls `each` with every strip of some segments, by bin, checked as it is read.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Corrupt`].
    pub(crate) fn for_each_strip(
        &self,
        segments: Range<usize>,
        worker: &mut Worker,
        each: &mut dyn FnMut(&Strip),
    ) -> Result<(), Error> {
        for number in segments {
            self.file
                .for_each_strip(number, &self.sources, worker, &mut |strip| each(strip))?;
        }
        Ok(())
    }

    /// Calls `each` with all edges by target, then source, some at a time: the first id of each is the target.
    ///
    /// Strips hold consecutive edges in that order, so each is sorted alone. Those that are held take `memory_bytes`, or
    /// as much as one strip does.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`], too, when edges are in another order, or twice there; those of `each`.
    pub(crate) fn for_each_in_order(
        &self,
        memory_bytes: usize,
        each: &mut impl FnMut(&[u64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let most = memory_bytes / HELD_EDGE_BYTES;
        let most = most.min(2 * STRIP_EDGES * rayon::current_num_threads()) as u64;
        let (mut held, mut held_edges) = (Vec::new(), 0);
        let mut last = None;
        let mut hand_on = |held: &mut Vec<Strip>| {
            let sorted: Vec<Vec<u64>> = held.par_iter().map(|strip| self.sorted(strip)).collect();
            held.clear();
            for edges in &sorted {
                let is_next = last < edges.first().copied() || edges.is_empty();
                if !(is_next && edges.is_sorted_by(|a, b| a < b)) {
                    let expected = "edges by target, then source, each once";
                    return Err(Error::corrupt(self.file.path(), None, expected, "others"));
                }
                last = edges.last().copied().or(last);
                each(edges)?;
            }
            Ok(())
        };
        let mut worker = Worker::default();
        for number in 0..self.file.strip_segments().len() {
            let mut result = Ok(());
            self.file
                .for_each_strip(number, &self.sources, &mut worker, &mut |strip| {
                    held_edges += strip.num_edges();
                    held.push(std::mem::take(strip));
                    if held_edges >= most && result.is_ok() {
                        result = hand_on(&mut held);
                        held_edges = 0;
                    }
                })?;
            result?;
        }
        hand_on(&mut held)
    }

    /// The edges of a strip by target, then source.
    fn sorted(&self, strip: &Strip) -> Vec<u64> {
        // Shifted by two, so that filling leaves the beginnings in place.
        let mut starts = vec![0u32; BIN_NODES + 2];
        strip.for_each_edge(|_, _, target| starts[usize::from(target) + 2] += 1);
        for target in 2..starts.len() {
            starts[target] += starts[target - 1];
        }
        let mut edges = vec![0; starts[BIN_NODES + 1] as usize];
        self.for_each_edge(strip, |source, target| {
            let place = &mut starts[target as usize % BIN_NODES + 1];
            edges[*place as usize] = u64::from(target) << 32 | u64::from(source);
            *place += 1;
        });
        for list in starts.windows(2) {
            let list = &mut edges[list[0] as usize..list[1] as usize];
            if !list.is_sorted() {
                list.sort_unstable();
            }
        }
        edges
    }

    /// Calls `each` with source and target of every edge of a strip, in no order.
    #[inline]
    pub(crate) fn for_each_edge(&self, strip: &Strip, mut each: impl FnMut(u32, u32)) {
        let first_target = strip.bin * BIN_NODES as u32;
        strip.for_each_edge(|partition, source, target| {
            let first = self.sources.of_bin(partition as usize).start;
            let source = self.nodes[first + usize::from(source)];
            each(source, first_target + u32::from(target));
        });
    }
}

impl InEdges for StreamEdges<'_> {
    type Block = Task;
    type Worker = Worker;

    fn num_nodes(&self) -> usize {
        self.file.num_nodes()
    }

    fn blocks(&self) -> Vec<Task> {
        self.tasks()
    }

    fn nodes(&self, block: &Task) -> Range<usize> {
        let n = self.file.num_nodes();
        n.min(block.bins.start * BIN_NODES)..n.min(block.bins.end * BIN_NODES)
    }

    fn has_outgoing(&self, node: usize) -> bool {
        self.sources.number(node as u32).is_some()
    }

    fn for_each_edge(
        &self,
        block: &Task,
        worker: &mut Worker,
        mut each: impl FnMut(u32, u32),
    ) -> Result<(), Error> {
        self.for_each_strip(block.segments.clone(), worker, &mut |strip| {
            StreamEdges::for_each_edge(self, strip, &mut each);
        })
    }
}
