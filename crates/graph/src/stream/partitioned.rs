//! The stream in memory, ready for the fastest iteration.
//!
//! An iteration has two passes. The first goes by partition: its contributions are in the cache, and its
//! messages and hub sums are written one after the other. The second goes by bin: its sums are in the
//! cache, and messages and hub sums of its cells are read. Both passes are parallel over items that
//! share nothing, and write each value in one place, so that nothing depends on threads.
//!
//! *Memory*: see [`Partitioned::memory_bytes`].

use super::file::{Superblock, Totals};
use super::scores::{
    BinChange, BinSpace, MESSAGES_BEHIND, Nodes, Sums, add_messages, for_each_hub, hub_sum,
    split_front, write_running_sums,
};
use super::strip::{Hub, Run, Strip};
use super::{BIN_NODES, num_bins};
use crate::Error;
use crate::memory::Memory;
use crate::pagerank::{Jump, Kernel};
use rayon::prelude::*;

/// A kernel that holds the whole stream.
#[derive(Debug)]
pub(crate) struct Partitioned {
    nodes: Nodes,
    partitions: Vec<Partition>,
    bins: Vec<Vec<Targets>>,
    contributions: Memory<f64>,
    /// By partition, bin, and source. The first is nobody's: see [`add_messages`].
    messages: Memory<f64>,
    /// By partition, bin, and target.
    hub_sums: Memory<f64>,
    /// Score on dangling nodes of the scores loaded or left last.
    dangling: f64,
}

/// What the first pass reads of all cells from one partition.
#[derive(Debug, Default)]
struct Partition {
    sources: Vec<u16>,
    hubs: Vec<Hub>,
    singles: Vec<u16>,
    runs: Vec<Run>,
}

/// What the second pass reads of a strip.
#[derive(Debug)]
struct Targets {
    cells: Vec<TargetCell>,
    targets: Vec<u16>,
    hub_targets: Vec<u16>,
}

/// Where a cell's values are in `messages` and `hub_sums`, and how many targets it has.
#[derive(Debug, Clone, Copy)]
struct TargetCell {
    first_message: u64,
    first_hub: u64,
    targets: u32,
    hubs: u32,
}

impl Partitioned {
    /// Takes all strips, ascending by bin, and the nodes.
    pub(crate) fn new(strips: Vec<Strip>, nodes: Nodes) -> Result<Self, Error> {
        let num_nodes = nodes.len();
        let partitions = partitions(&strips, num_bins(num_nodes));
        let (mut num_messages, mut num_hubs) = (1, 0);
        // Of each partition, where the values of its next cell are.
        let mut places: Vec<(u64, u64)> = partitions
            .iter()
            .map(|partition| {
                let place = (num_messages, num_hubs);
                num_messages += partition.sources.len() as u64;
                num_hubs += partition.hubs.len() as u64;
                place
            })
            .collect();
        let mut bins: Vec<Vec<Targets>> = (0..num_bins(num_nodes)).map(|_| Vec::new()).collect();
        for strip in strips {
            let cells = strip.cells.iter().map(|cell| {
                let place = &mut places[cell.partition as usize];
                let (first_message, first_hub) = *place;
                place.0 += u64::from(cell.sources);
                place.1 += u64::from(cell.hubs);
                TargetCell {
                    first_message,
                    first_hub,
                    targets: cell.targets,
                    hubs: cell.hubs,
                }
            });
            bins[strip.bin as usize].push(Targets {
                cells: cells.collect(),
                targets: strip.targets,
                hub_targets: strip.hub_targets,
            });
        }
        Ok(Partitioned {
            contributions: Memory::zeros(nodes.sources.len(), "a ranking")?,
            messages: Memory::zeros(num_messages as usize + MESSAGES_BEHIND, "a ranking")?,
            hub_sums: Memory::zeros(num_hubs as usize, "a ranking")?,
            nodes,
            partitions,
            bins,
            dangling: 0.0,
        })
    }

    /// Bytes that a ranking takes with this kernel, with its scores; a fifth more while it is made.
    pub(crate) fn memory_bytes(stream: &Superblock) -> u64 {
        let Totals {
            cells,
            sources,
            targets,
            hubs,
            singles,
            runs,
        } = stream.totals;
        let bytes = [
            (stream.num_nodes, 8 + 1),
            (stream.num_sources, 8 + 8),
            (cells, size_of::<TargetCell>() as u64),
            (sources, 8 + 2),
            (targets, 2),
            (hubs, 8 + 2 + 4),
            (singles, 2),
            (runs, 4),
        ];
        let bytes = bytes
            .iter()
            .map(|(count, each)| count.saturating_mul(*each));
        let bytes = bytes.fold(0, u64::saturating_add);
        bytes.saturating_add(bytes / 5)
    }

    /// The first pass.
    fn send(&mut self) {
        let (_, mut messages) = self.messages.split_at_mut(1);
        let mut hub_sums = &mut self.hub_sums[..];
        let tasks: Vec<_> = self
            .partitions
            .iter()
            .enumerate()
            .map(|(bin, partition)| {
                let own = split_front(&mut messages, partition.sources.len());
                let own_sums = split_front(&mut hub_sums, partition.hubs.len());
                (
                    partition,
                    &self.contributions[self.nodes.sources.of_bin(bin)],
                    own,
                    own_sums,
                )
            })
            .collect();
        tasks.into_par_iter().for_each_init(
            || vec![0.0; BIN_NODES + 1],
            |running, (partition, contributions, messages, hub_sums)| {
                partition.send(contributions, running, messages, hub_sums);
            },
        );
    }

    /// The second pass; returns the L1 change.
    fn receive(&mut self, scores: &mut [f64], jump: &Jump<'_>) -> f64 {
        let base = jump.base(self.dangling);
        let (messages, hub_sums) = (&self.messages, &self.hub_sums);
        let mut contributions = &mut self.contributions[..];
        let nodes = &self.nodes;
        let tasks: Vec<_> = scores
            .chunks_mut(BIN_NODES)
            .enumerate()
            .map(|(bin, scores)| {
                let own = split_front(&mut contributions, nodes.sources.of_bin(bin).len());
                (bin, scores, own)
            })
            .collect();
        let bins = &self.bins;
        let changes: Vec<BinChange> = tasks
            .into_par_iter()
            .map_init(BinSpace::default, |space, (bin, scores, contributions)| {
                space.sums.fill(0.0);
                for targets in &bins[bin] {
                    targets.receive(messages, hub_sums, &mut space.sums);
                }
                nodes.update_bin(bin, space, scores, contributions, jump.damping, &base)
            })
            .collect();
        self.dangling = changes.iter().map(|bin| bin.dangling).sum();
        changes.iter().map(|bin| bin.change).sum()
    }
}

impl Kernel for Partitioned {
    fn load(&mut self, scores: &[f64]) -> Result<(), Error> {
        self.dangling = self.nodes.contribute(scores, &mut self.contributions);
        Ok(())
    }

    fn iterate(&mut self, scores: &mut [f64], jump: &Jump<'_>) -> Result<f64, Error> {
        self.send();
        Ok(self.receive(scores, jump))
    }
}

impl Partition {
    fn send(
        &self,
        contributions: &[f64],
        running: &mut [f64],
        messages: &mut [f64],
        hub_sums: &mut [f64],
    ) {
        for (message, &source) in messages.iter_mut().zip(&self.sources) {
            *message = contributions[usize::from(source)];
        }
        if !self.runs.is_empty() {
            write_running_sums(contributions, running);
        }
        let mut hub_sums = hub_sums.iter_mut();
        for_each_hub(&self.hubs, &self.singles, &self.runs, |singles, runs| {
            let sum = hub_sums.next().expect("one per hub");
            *sum = hub_sum(contributions, running, singles, runs);
        });
    }
}

impl Targets {
    fn receive(&self, messages: &[f64], hub_sums: &[f64], sums: &mut Sums) {
        let mut targets = self.targets.as_slice();
        for cell in &self.cells {
            let (of_cell, later) = targets.split_at(cell.targets as usize);
            targets = later;
            add_messages(&messages[cell.first_message as usize - 1..], of_cell, sums);
        }
        let mut hub_targets = self.hub_targets.iter();
        for cell in &self.cells {
            let first = cell.first_hub as usize;
            for (sum, &target) in hub_sums[first..first + cell.hubs as usize]
                .iter()
                .zip(&mut hub_targets)
            {
                sums[usize::from(target) % BIN_NODES] += sum;
            }
        }
    }
}

/// Puts together what the first pass reads of each partition.
fn partitions(strips: &[Strip], num_partitions: usize) -> Vec<Partition> {
    // Where in the arrays of a strip each cell's values are.
    #[derive(Clone, Copy)]
    struct Place<'a> {
        strip: &'a Strip,
        cell: usize,
        at: [usize; 4],
    }
    let mut places: Vec<Vec<Place<'_>>> = vec![Vec::new(); num_partitions];
    for strip in strips {
        let mut at = [0; 4];
        for (number, cell) in strip.cells.iter().enumerate() {
            places[cell.partition as usize].push(Place {
                strip,
                cell: number,
                at,
            });
            at[0] += cell.sources as usize;
            at[1] += cell.hubs as usize;
            at[2] += cell.singles as usize;
            at[3] += cell.runs as usize;
        }
    }
    places
        .into_par_iter()
        .map(|places| {
            let mut partition = Partition::default();
            let sum = |count: fn(&super::strip::Cell) -> u32| {
                places
                    .iter()
                    .map(|place| count(&place.strip.cells[place.cell]) as usize)
                    .sum()
            };
            partition.sources.reserve_exact(sum(|cell| cell.sources));
            partition.hubs.reserve_exact(sum(|cell| cell.hubs));
            partition.singles.reserve_exact(sum(|cell| cell.singles));
            partition.runs.reserve_exact(sum(|cell| cell.runs));
            for Place {
                strip,
                cell,
                at: [sources, hubs, singles, runs],
            } in places
            {
                let cell = strip.cells[cell];
                partition
                    .sources
                    .extend(&strip.sources[sources..sources + cell.sources as usize]);
                partition
                    .hubs
                    .extend(&strip.hubs[hubs..hubs + cell.hubs as usize]);
                partition
                    .singles
                    .extend(&strip.singles[singles..singles + cell.singles as usize]);
                partition
                    .runs
                    .extend(&strip.runs[runs..runs + cell.runs as usize]);
            }
            partition
        })
        .collect()
}
