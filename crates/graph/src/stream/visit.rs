//! All edges of a stream, strip by strip: what reads a stream for anything but a ranking.

use super::file::{StreamFile, Worker};
use super::sources::Sources;
use super::strip::Strip;
use super::{BIN_NODES, RankingStream, num_bins};
use crate::Error;
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
    let num_bins = num_bins(file.num_nodes());
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
                let start = last.map_or(0, |task| task.bins.end);
                tasks.push(Task {
                    segments: number..number + 1,
                    bins: start..end,
                });
            }
        }
    }
    match tasks.last_mut() {
        Some(task) => task.bins.end = num_bins,
        None => tasks.push(Task {
            segments: 0..0,
            bins: 0..num_bins,
        }),
    }
    tasks
}

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
    /// `degrees`: [those](RankingStream::degrees) of the stream.
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
